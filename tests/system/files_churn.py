#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes files, as many times as it is told: a number on a line of standard input is so many changes; it answers with
the same line once they are made. Between two it rests for a moment, or not at all. The seed decides what it does.

    files_churn.py DIRECTORY NAME SEED

Several may work in one directory at once: each touches only what it made, and NAME begins the name of that.
No two contents are the same, and a file's mode never is what it was a moment ago: the state of a file says which
change it came from, and none is the undoing of another.

A name ends in its slot, `.NAME-NUMBER`, which it keeps when it is renamed: slots() are all there are. No two files have one
slot at a time; a directory shares its own with what is in it, and no other has it for long. So never more than a few
changes are about one slot, neither within a moment nor between two looks.
"""

import collections
import os
import pathlib
import random
import shutil
import sys
import time

FEWEST, MOST = 25, 40  # files
PAUSE = 0.01  # seconds, on the average
FILE_SLOTS, DIRECTORY_SLOTS = 100, 25


def slots(name):
    return [f"{name}-{number}" for number in range(FILE_SLOTS + DIRECTORY_SLOTS)]


class Churn:
    def __init__(self, top, name, seed):
        self.top = pathlib.Path(top)
        self.name = name
        self.random = random.Random(seed)
        self.count = 0
        self.made_directories = 0
        self.files = []
        self.free_slots = collections.deque(slots(name)[:FILE_SLOTS])  # free for the longest first
        self.directories = []  # with two files in each; oldest first

    def new_name(self, slot):
        self.count += 1
        return f"{self.name}-{self.count}.{slot}"

    def new_path(self, slot):
        return self.top / self.random.choice((".", "etc", "lib", "lib/deep")) / self.new_name(slot)

    def new_file(self):
        return self.new_path(self.free_slots.popleft())

    def content(self):
        self.count += 1
        return f"{self.name} {self.count}\n".encode() + self.random.randbytes(self.random.choice((0, 10, 3000)))

    def any_file(self):
        return self.random.choice(self.files)

    # -- changes of files

    def create(self):
        path = self.new_file()
        path.write_bytes(self.content())
        self.files.append(path)

    def create_unnamed(self):
        """Whole from the first moment that it has a name."""
        path = self.new_file()
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
        path = self.any_file()
        to = self.new_path(path.suffix[1:])
        path.rename(to)
        self.files[self.files.index(path)] = to

    def remove(self):
        path = self.any_file()
        path.unlink()
        self.files.remove(path)
        self.free_slots.append(path.suffix[1:])

    def chmod(self):
        path = self.any_file()
        path.chmod(0o600 | (path.stat().st_mode + 1) & 0o77)

    # -- changes of directories, with what is in them; none is renamed twice, so that a slot has few changes

    def make_directory(self):
        slot = slots(self.name)[FILE_SLOTS + self.made_directories % DIRECTORY_SLOTS]
        self.made_directories += 1
        path = self.new_path(slot)
        path.mkdir()
        self.directories.append(path)
        for _ in range(2):
            (path / self.new_name(slot)).write_bytes(self.content())

    def rename_directory(self):
        path = self.directories[-1]
        to = self.new_path(path.suffix[1:])
        path.rename(to)
        self.directories[-1] = to

    def remove_directory(self):
        shutil.rmtree(self.directories.pop(0))

    def choose_for_directories(self):
        if len(self.directories) < 3:
            self.renamed = False
            return self.make_directory
        if not self.renamed:
            self.renamed = True
            return self.rename_directory
        return self.remove_directory

    def change(self):
        if len(self.files) < FEWEST:
            deed = self.create
        elif self.random.random() < 0.06:
            deed = self.choose_for_directories()
        elif len(self.files) > MOST:
            deed = self.remove
        else:
            deed = self.random.choice((self.create, self.create_unnamed, self.rewrite, self.append, self.replace,
                                       self.rename, self.remove, self.chmod))
        deed()


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
