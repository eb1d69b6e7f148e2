# SPDX-License-Identifier: Apache-2.0
"""The trees that are unpacked and compared. The same names, sizes and bytes each time."""

import io
import os
import random
import subprocess
import tarfile

from machine import unshare_mounts

SMALL_BYTES = 2048
IN_A_DIRECTORY = 100

# 100,000 files have 519 MB, most of them a few KB, some hundreds.
MEAN_BYTES = 5190
SPREAD = 1.2  # sigma of the logarithm


class Bytes:
    """Bytes that don't compress, at no cost: slices of one block."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._block = self._random.randbytes(1 << 22)

    def take(self, size):
        start = self._random.randrange(len(self._block) - size)
        return self._block[start : start + size]


def small_names(count):
    return [f"d{i // IN_A_DIRECTORY:04}/f{i % IN_A_DIRECTORY:02}" for i in range(count)]


def make_archive(path, count):
    """A tar of `count` small files in directories of a hundred."""
    content = Bytes(1)
    with tarfile.open(path, "w") as archive:
        for number, name in enumerate(small_names(count)):
            if not number % IN_A_DIRECTORY:
                folder = tarfile.TarInfo(name.partition("/")[0])
                folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, 1_700_000_000
                archive.addfile(folder)
            member = tarfile.TarInfo(name)
            member.size, member.mtime = SMALL_BYTES, 1_700_000_000
            archive.addfile(member, io.BytesIO(content.take(SMALL_BYTES)))


def mixed_sizes(count):
    """Log-normal, scaled so that the sum is exact."""
    chance = random.Random(2)
    raw = [chance.lognormvariate(0, SPREAD) for _ in range(count)]
    scale = count * MEAN_BYTES / sum(raw)
    sizes = [int(size * scale) for size in raw]
    sizes[0] += count * MEAN_BYTES - sum(sizes)
    return sizes


def make_mixed(top, count):
    """Files of mixed sizes, ten directories of ten of …; returns their bytes."""
    content = Bytes(3)
    sizes = mixed_sizes(count)
    for number, size in enumerate(sizes):
        folder = top / f"{number // 10_000:02}" / f"{number // IN_A_DIRECTORY % 100:02}"
        if not number % IN_A_DIRECTORY:
            folder.mkdir(parents=True)
        (folder / f"{number % IN_A_DIRECTORY:02}").write_bytes(content.take(size))
    return sum(sizes)


class Disk:
    """An ext4 of its own in a file, mounted where nobody but we and our children see it. Each fresh() one is like the
    other: on a disk that is used, an inode that was freed within minutes is skipped when a new one is sought, which
    can cost more than all that is measured."""

    size = 4 << 30

    def __init__(self, machine):
        self._image = machine.folder / "disk"
        self.top = machine.folder / "mounted"
        self.top.mkdir()
        # After the guard was started: so it never meets the disk, which goes with the last of us.
        unshare_mounts()
        with self._image.open("w") as image:
            image.truncate(self.size)

    def fresh(self):
        if self.top.is_mount():
            subprocess.run(["umount", self.top], check=True)
        options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", options, self._image], check=True)
        subprocess.run(["mount", "-o", "loop", self._image, self.top], check=True)

    def settle(self):
        """All is written, so that no later run has to wait for it."""
        subprocess.run(["sync", "-f", self.top], check=True)


def change_three(top):
    """One file gets other bytes with its old size and time, one goes, one comes. Returns their paths."""
    rewritten, removed, created = top / "00/00/00", top / "00/01/00", top / "00/02/new"
    before = rewritten.stat()
    rewritten.write_bytes(bytes(before.st_size))
    os.utime(rewritten, ns=(before.st_atime_ns, before.st_mtime_ns))
    removed.unlink()
    created.write_text("new\n")
    return {str(rewritten), str(removed), str(created)}
