#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes files, as many times as it is told: a number on a line of standard input is so many changes; it answers with
the same line once they are made. Between two it rests for a moment, or not at all. The seed decides what it does.

    files_churn.py DIRECTORY NAME SEED

Several may work in one directory at once: NAME is in the name of all that one makes, and nobody touches another's.
No two contents are the same, and a file's mode never is what it was a moment ago: the state of a file says which
change it came from, and none is the undoing of another.
"""

import os
import pathlib
import random
import shutil
import sys
import time

KEEP = 40  # files; with more, some are removed
PAUSE = 0.01  # seconds, on the average


class Churn:
    def __init__(self, top, name, seed):
        self.top = pathlib.Path(top)
        self.name = name
        self.random = random.Random(seed)
        self.count = 0
        self.files = []
        self.own_directories = []

    # -- what there is to choose from

    def directories(self):
        shared = [self.top, *(self.top / name for name in ("etc", "lib", "lib/deep"))]
        return shared + self.own_directories

    def new_path(self):
        self.count += 1
        return self.random.choice(self.directories()) / f"{self.name}-{self.count}"

    def content(self):
        self.count += 1
        return f"{self.name} {self.count}\n".encode() + self.random.randbytes(self.random.choice((0, 10, 3000)))

    def any_file(self):
        return self.random.choice(self.files)

    # -- changes of files

    def create(self):
        path = self.new_path()
        path.write_bytes(self.content())
        self.files.append(path)

    def create_unnamed(self):
        """Whole from the first moment that it has a name."""
        path = self.new_path()
        folder = os.open(path.parent, os.O_DIRECTORY)
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o644)
        os.write(descriptor, self.content())
        # Only with a directory's descriptor does Python follow the link that is in /proc.
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
        os.close(descriptor)
        os.close(folder)
        self.files.append(path)

    def rewrite(self):
        self.any_file().write_bytes(self.content())

    def append(self):
        with self.any_file().open("ab") as file:
            file.write(self.content())

    def replace(self):
        """As editors do: another file takes its name."""
        path = self.any_file()
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(self.content())
        beside.rename(path)

    def rename(self):
        path, to = self.any_file(), self.new_path()
        path.rename(to)
        self.files[self.files.index(path)] = to

    def remove(self):
        path = self.any_file()
        path.unlink()
        self.files.remove(path)

    def chmod(self):
        path = self.any_file()
        path.chmod(0o600 | (path.stat().st_mode + 1) & 0o77)

    # -- changes of directories, with what is in them

    def make_directory(self):
        path = self.new_path()
        path.mkdir()
        self.own_directories.append(path)
        for _ in range(2):
            inside = path / f"{self.name}-{self.count}"
            inside.write_bytes(self.content())
            self.files.append(inside)

    def rename_directory(self):
        path = self.random.choice(self.own_directories)
        to = self.random.choice((self.top, self.top / "lib")) / f"{self.name}-moved-{self.count}"
        self.count += 1
        path.rename(to)

        def moved(old):
            return to / old.relative_to(path) if path in (old, *old.parents) else old

        self.own_directories = [moved(directory) for directory in self.own_directories]
        self.files = [moved(file) for file in self.files]

    def remove_directory(self):
        path = self.random.choice(self.own_directories)
        shutil.rmtree(path)
        self.own_directories = [other for other in self.own_directories if path not in (other, *other.parents)]
        self.files = [file for file in self.files if path not in file.parents]

    def choose(self):
        if len(self.files) < 5:
            return self.create
        if self.random.random() < 0.06:
            if len(self.own_directories) < 3:
                return self.make_directory
            return self.random.choice((self.rename_directory, self.remove_directory))
        if len(self.files) > KEEP:
            return self.remove
        return self.random.choice((self.create, self.create_unnamed, self.rewrite, self.append, self.replace,
                                   self.rename, self.remove, self.chmod))

    def change(self):
        self.choose()()


def main():
    churn = Churn(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    for line in sys.stdin:
        for _ in range(int(line)):
            churn.change()
            if churn.random.random() < 0.5:
                time.sleep(churn.random.expovariate(0.5 / PAUSE))
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
