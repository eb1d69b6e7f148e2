#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""Very many changes of files at once: 50,000 files unpacked are one finding that counts exactly; thirty packages upgraded
by a declared change are that change's, and no finding at all."""

import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import tempfile
import unittest

import tap
import watching
from fakehost import PLAIN, FakeHost, end_with_parent, make_cgroup, remove_cgroup, wait_for

FILES, IN_A_DIRECTORY = 50_000, 100
SOMBRERO = os.path.abspath(watching.SOMBRERO)  # as it is called on a fake host, too
PACKAGES, FILES_OF_A_PACKAGE = 30, 4
DISK = "/var/tmp"  # not in memory: the burst is to be a disk's


def run(*command, cgroup=None, status=0):
    """Runs it to its end, in the cgroup; what it printed."""
    def prepare():
        end_with_parent()
        if cgroup:
            (cgroup / "cgroup.procs").write_text("0")

    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, preexec_fn=prepare, check=False)
    if result.returncode != status:
        raise AssertionError(f"{command} ended with {result.returncode}: {result.stdout[-2000:]}")
    return result.stdout


class Watch:
    """`sombrero watch --json` on a tree, until stop()."""

    def __init__(self, test, *options):
        self._output = tempfile.TemporaryFile("w+b")
        self._errors = tempfile.TemporaryFile("w+b")
        self._process = subprocess.Popen(
            [SOMBRERO, "watch", "--json", "--cgroup", str(test.cgroup), "--state", str(test.state), *options],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._errors, preexec_fn=end_with_parent)
        test.addCleanup(self._close)
        wait_for("sombrero to watch", lambda: "watching" in self.said() or self._process.poll() is not None)
        if self._process.poll() is not None:
            raise AssertionError(f"sombrero does not start: {self.said()}")

    def said(self):
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode(errors="backslashreplace")

    def lines(self):
        """Those that are whole."""
        size = os.fstat(self._output.fileno()).st_size
        text = os.pread(self._output.fileno(), size, 0)
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def stop(self, seconds=60):
        """Its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def _close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._errors.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.cgroup = make_cgroup("files-burst")
        self.addCleanup(remove_cgroup, self.cgroup)
        # By such a name the next test knows a folder that a killed one left.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.cgroup.name}-", dir=DISK))
        self.addCleanup(shutil.rmtree, self.folder)
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        self.state = self.folder / "state"


class Untar(Case):
    def make_archive(self):
        path = self.folder / "files.tar"
        with tarfile.open(path, "w") as archive:
            for number in range(FILES):
                if not number % IN_A_DIRECTORY:
                    directory = tarfile.TarInfo(f"d{number // IN_A_DIRECTORY:03}")
                    directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(directory)
                content = f"{number}\n".encode()
                member = tarfile.TarInfo(f"{directory.name}/f{number % IN_A_DIRECTORY:02}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def test_of_50000_files_is_one_finding_that_counts_exactly(self):
        archive = self.make_archive()
        watch = Watch(self, "--files", f"{self.tree}/**")
        run("tar", "-xf", archive, "-C", self.tree, cgroup=self.cgroup)
        wait_for("the finding", lambda: [line for line in watch.lines() if line["count"] > 1], seconds=60, pause=0.2)
        status = watch.stop()
        self.assertEqual(status, 3, watch.said())
        self.assertNotIn("lost", watch.said().replace("0 lost", ""))
        finding = self.the_finding(watch.lines())
        made = FILES + FILES // IN_A_DIRECTORY
        self.assertEqual(finding["kinds"]["create"], made, finding)
        self.assertEqual(finding["count"], sum(finding["kinds"].values()))
        # Where tar was held up between two steps with one file, the second is told on its own: true, and rare.
        self.assertLess(finding["count"] - made, made // 100, finding)
        self.assertLessEqual(set(finding["kinds"]), {"create", "write", "attributes"})
        self.assertEqual(finding["directory"], str(self.tree))
        self.assertEqual(finding["event"]["program"], "/usr/bin/tar")
        self.finds_nothing_more()

    def the_finding(self, lines):
        self.assertEqual(len(lines), 1, [str(line)[:300] for line in lines][:5])
        return lines[0]

    def test_that_nobody_saw_is_found_whole_at_the_next_start(self):
        archive = self.make_archive()
        Watch(self, "--files", f"{self.tree}/**").stop()
        run("tar", "-xf", archive, "-C", self.tree, cgroup=self.cgroup)
        watch = Watch(self, "--files", f"{self.tree}/**")
        watch.stop()
        finding = self.the_finding(watch.lines())
        self.assertEqual(finding["kinds"], {"create": FILES + FILES // IN_A_DIRECTORY}, finding)
        self.assertIn("found", finding["event"]["flags"])
        self.finds_nothing_more()

    def finds_nothing_more(self):
        """What was told is known from then on."""
        watch = Watch(self, "--files", f"{self.tree}/**")
        self.assertEqual((watch.stop(), watch.lines()), (0, []), watch.said())


INSIDE = "/srv/test"  # where a host has the test's folder


class Upgrade(Case):
    """dpkg, on a fake host, installs into a directory, by the database that is there."""

    def setUp(self):
        super().setUp()
        self.host = FakeHost("upgrade", PLAIN, mounts={INSIDE: self.folder})
        self.addCleanup(self.host.close)
        self.host.boot()
        self.cgroup = self.host.cgroup
        for name in ("info", "updates"):
            (self.tree / "var/lib/dpkg" / name).mkdir(parents=True)
        (self.tree / "var/lib/dpkg/status").touch()
        self.old, self.new = ([self.build(number, version) for number in range(PACKAGES)] for version in (1, 2))
        self.do(*self.dpkg(self.old))
        self.installed = [self.tree / path for number in range(PACKAGES) for path in self.paths(number)]

    def do(self, *command):
        """Runs it on the host."""
        return run(*self.host.enter(*command), cgroup=self.cgroup)

    @staticmethod
    def paths(number):
        return [f"usr/lib/part-{number}/file-{count}" for count in range(FILES_OF_A_PACKAGE)]

    def build(self, number, version):
        """A package without scripts; the next version has other content in each file."""
        root = self.folder / f"build-{number}-{version}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(f"Package: part-{number}\nVersion: {version}\nArchitecture: all\n"
                                             "Maintainer: nobody <nobody@example.org>\nDescription: a part\n")
        for path in self.paths(number):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"{path} in version {version}\n")
        package = root.with_suffix(".deb")
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", root, package)
        return f"{INSIDE}/{package.name}"

    @staticmethod
    def dpkg(packages):
        return ["dpkg", f"--root={INSIDE}/tree", f"--log={INSIDE}/dpkg.log", "--install", *packages]

    def watch(self):
        return Watch(self, "--files", f"{INSIDE}/tree/usr/**")

    def contents(self):
        return {path.read_text() for path in self.installed}

    def test_of_30_packages_is_one_change_and_no_finding(self):
        before = self.contents()
        watch = self.watch()
        self.do(SOMBRERO, "change", "begin", "--id", "upgrade-1", "--state", f"{INSIDE}/state", "--", *self.dpkg(self.new))
        status = watch.stop()
        self.assertFalse(before & self.contents())
        self.assertEqual(watch.lines(), [])
        self.assertEqual(status, 0, watch.said())
        change = json.loads(run(SOMBRERO, "change", "show", "upgrade-1", "--json", "--state", self.state))
        expected = [f"{INSIDE}/tree/{path.relative_to(self.tree)}" for path in self.installed]
        self.assertEqual([(file["kind"], file["count"]) for file in change["changed_files"]], [("write", 1)] * len(expected))
        self.assertEqual(sorted(file["path"] for file in change["changed_files"]), sorted(expected))
        self.assertEqual({event["change"] for event in change["kept"] if "path" in event}, {"upgrade-1"})

    def test_of_them_by_nobody_s_change_is_a_finding(self):
        watch = self.watch()
        self.do(*self.dpkg(self.new))
        status = watch.stop()
        self.assertEqual(status, 3, watch.said())
        written = sum(finding["kinds"]["write"] for finding in watch.lines())
        self.assertEqual(written, len(self.installed))


if __name__ == "__main__":
    tap.main()
