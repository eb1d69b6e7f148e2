#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
"""Sombrero on the kernels of Debian 12 and its backports, as guests: what guest.sh does there, judged here."""

import json
import os
import pathlib
import re
import unittest

import guest
import tap

HERE = pathlib.Path(__file__).resolve().parent


class Kernel:
    """One boot, and what must be true of it on every kernel."""

    series = ""

    @classmethod
    def setUpClass(cls):
        try:
            folder = guest.kernel(cls.series)
            names = ("SOMBRERO_SOURCE", "SOMBRERO_PLAIN_BUILD")
            environment = {name: os.environ[name] for name in names if name in os.environ}
            cls.steps, cls.console = guest.boot(folder, [str(HERE / "guest.sh")], environment)
        except guest.Unavailable as reason:
            raise unittest.SkipTest(str(reason))

    def output(self, name):
        """What a step that worked printed."""
        self.assertIn(name, self.steps, f"guest.sh did not get to it; console:\n{self.console}")
        step = self.steps[name]
        self.assertEqual(step.status, 0, f"{name} failed and printed:\n{step.output}\nconsole:\n{self.console}")
        return step.output

    def test_boots_the_kernel_asked_for(self):
        self.assertTrue(self.output("kernel").startswith(self.series + "."), self.output("kernel"))

    def test_has_type_information(self):
        self.assertGreater(int(self.output("btf")), 1 << 20)

    def test_has_what_the_sensor_attaches_to(self):
        self.output("prepare")
        self.assertEqual(self.output("filesystems").split(), ["cgroup2fs", "bpf_fs"])

    def events(self, **wanted):
        lines = [line for line in self.output("acts").splitlines() if line.startswith("{")]
        events = [json.loads(line) for line in lines]
        self.assertTrue(events, "the sensor printed nothing")
        return [event for event in events if all(event.get(name) == value for name, value in wanted.items())]

    def test_sees_a_program_started(self):
        (event,) = self.events(kind="exec", exe="/usr/bin/id")
        self.assertEqual(event["argv"], ["/usr/bin/id", "-u"])
        self.assertEqual(event["lineage"][0]["program"], "/usr/bin/dash(-c)")

    def test_sees_a_connection_at_both_ends(self):
        (connect,) = self.events(kind="connect", protocol="tcp")
        self.assertEqual((connect["remote_address"], connect["remote_port"]), ("127.0.0.1", 4242))
        (accept,) = self.events(kind="accept", protocol="tcp")
        self.assertEqual(accept["local_port"], 4242)
        self.assertEqual(accept["program"], connect["program"])
        self.assertNotEqual(accept["pid"], connect["pid"])

    def test_sees_who_listens(self):
        ports = {(event["protocol"], event["local_port"]) for event in self.events(kind="listen")}
        self.assertEqual(ports, {("tcp", 4242), ("udp", 4243)})

    def test_sees_a_datagram_come_in(self):
        accepts = self.events(kind="accept", protocol="udp", local_port=4243)
        self.assertTrue(accepts)

    def test_tells_who_changed_files(self):
        """Also on an overlay, whose own directories can't be watched before Linux 6.6."""
        findings = [json.loads(line) for line in self.output("files").splitlines() if line.startswith("{")]
        changes = [(finding["event"]["kind"], finding["event"]["path"].removeprefix("/mnt/")) for finding in findings]
        self.assertEqual(sorted(changes), sorted([
            ("create", "plain/file"), ("create", "plain/a"), ("create", "plain/a/b"), ("create", "plain/a/b/c"),
            ("rename", "plain/moved"), ("attributes", "plain/a/b/c"),
            ("write", "merged/deep/file"), ("remove", "merged/deep/file"), ("create", "merged/deep/made"),
        ]))
        programs = {finding["event"]["path"]: finding["event"]["exe"] for finding in findings}
        self.assertEqual(programs["/mnt/plain/moved"], "/usr/bin/mv")
        self.assertEqual(programs["/mnt/merged/deep/made"], "/usr/bin/bash")

    def test_every_part_that_can_work_is_on(self):
        status = self.output("status")
        on = re.findall(r"^  (\S.*?)  +on\b", status, re.M)
        self.assertIn("state at start", on)
        self.assertEqual(len(on), 13, status)


class Linux_6_1(Kernel, unittest.TestCase):
    series = "6.1"


class Linux_6_12(Kernel, unittest.TestCase):
    series = "6.12"


if __name__ == "__main__":
    tap.main()
