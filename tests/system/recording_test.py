#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings: they say what NDJSON says, a model learned from one is the same, and what is cut or can't be written is told."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import tap

SOMBRERO = os.path.join(os.environ["SOMBRERO_BUILD"], "src", "sombrero")


def events():
    """Of two services, in the order of their times."""
    for i in range(600):
        service = ("web", "mail")[i % 2]
        common = {
            "time": f"2026-11-24T11:{i // 60:02}:{i % 60:02}.123456789Z", "host": "web-1",
            "context": {"kind": "service", "name": service}, "pid": 100 + i % 7, "program": f"/usr/bin/{service}",
            "user": "www-data", "effective_user": "www-data",
            "lineage": [{"pid": 1, "program": "/usr/lib/systemd/systemd", "user": "root"}],
        }
        if i % 50 == 0:
            yield {**common, "kind": "exec", "argv": ["-x", "a b\\x0a"], "argc": 2}
        elif i % 20 == 0:
            yield {**common, "kind": "write", "path": f"/var/lib/{service}/{i}.db", "file_type": "file", "size": i}
        else:
            yield {**common, "kind": ("accept", "connect")[i % 3 == 0], "family": "ipv4", "protocol": "tcp",
                   "local_address": "10.0.0.1", "local_port": 443, "remote_address": f"192.0.2.{i % 200 + 1}",
                   "remote_port": 1000 + i}


def sombrero(*arguments, **options):
    return subprocess.run([SOMBRERO, *arguments], capture_output=True, check=False, **options)


class Recording(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sombrero-recording-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        given = self.file("given.ndjson")
        given.write_text("".join(json.dumps(event) + "\n" for event in events()))
        self.lines = sombrero("watch", "--replay", given, "--json").stdout
        self.recording = self.file("a.rec")
        done = sombrero("watch", "--replay", given, "--json", "--record", self.recording)
        self.assertEqual((done.returncode, done.stdout), (0, self.lines), done.stderr)

    def file(self, name):
        return self.folder / name

    def test_it_says_what_ndjson_says_in_a_tenth_of_the_bytes(self):
        again = sombrero("watch", "--replay", self.recording, "--json")
        self.assertEqual((again.returncode, again.stdout, again.stderr), (0, self.lines, b""))
        self.assertEqual(self.lines.count(b"\n"), 600)
        self.assertLess(self.recording.stat().st_size, len(self.lines) / 10)

    def test_a_model_learned_from_it_is_the_same(self):
        for name, source in (("one", self.file("given.ndjson")), ("other", self.recording)):
            done = sombrero("learn", "-o", self.file(name), "--replay", source)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.file("one").read_bytes(), self.file("other").read_bytes())
        self.assertIn(b"accept   /usr/bin/mail", self.file("one").read_bytes())

    def test_several_in_a_row_are_one(self):
        twice = sombrero("watch", "--replay", "-", "--json", input=2 * self.recording.read_bytes())
        self.assertEqual((twice.returncode, twice.stdout), (0, 2 * self.lines))

    def test_one_that_was_cut_is_read_up_to_there_and_it_is_said(self):
        cut = self.file("cut.rec")
        cut.write_bytes(self.recording.read_bytes()[:-1000])
        done = sombrero("watch", "--replay", cut, "--json")
        self.assertEqual(done.returncode, 0)
        self.assertTrue(self.lines.startswith(done.stdout) and done.stdout)
        self.assertRegex(done.stderr.decode(), r"cut.rec: the recording is cut after byte \d+: the \d+ events until there")

    def test_damage_is_an_error_with_its_place(self):
        damaged = bytearray(self.recording.read_bytes())
        damaged[-1] ^= 1  # how many events there were
        done = sombrero("watch", "--replay", "-", input=bytes(damaged))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr.decode(), r"^sombrero: standard input: byte \d+: ")

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_what_is_watched_live_is_recorded_beside_what_is_printed(self):
        recording = self.file("live.rec")
        live = sombrero("watch", "--json", "--record", recording, "--", "/bin/true", "one", "two")
        again = sombrero("watch", "--replay", recording, "--json")
        self.assertEqual((live.returncode, again.returncode, again.stderr), (0, 0, b""), live.stderr)
        self.assertEqual(again.stdout, live.stdout)
        self.assertIn(b'"argv":["/bin/true","one","two"]', again.stdout)

    def test_only_its_owner_may_read_it(self):
        self.assertEqual(self.recording.stat().st_mode & 0o777, 0o600)

    def test_what_is_read_is_not_recorded_over(self):
        before = self.recording.read_bytes()
        done = sombrero("watch", "--replay", self.recording, "--record", self.recording)
        self.assertEqual(done.returncode, 2)
        self.assertIn("can't record over what is being read", done.stderr.decode())
        self.assertEqual(self.recording.read_bytes(), before)

    def test_what_cannot_be_written_ends_it(self):
        for path, why in (("/dev/full", "No space left"), (self.folder / "no" / "such", "No such file")):
            done = sombrero("watch", "--replay", self.recording, "--record", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{path}: can't record: {why}", done.stderr.decode())


if __name__ == "__main__":
    tap.main()
