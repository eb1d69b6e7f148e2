#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Findings say how severe they are and what follows, and `watch --min-severity` leaves out what matters less."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap

SOMBRERO = os.path.join(os.environ.get("SOMBRERO_BUILD", "build"), "src", "sombrero")
MODEL = "# sombrero model 1\nservice web\n  exec   /usr/sbin/web\n  owner  /usr/sbin/web  www-data\n"


def exec_of(program, pid):
    return {"time": f"2026-11-24T12:00:{pid:02}Z", "host": "web-1", "kind": "exec", "context": {"kind": "service", "name": "web"},
            "pid": pid, "start": pid, "program": program, "exe": program, "called": program, "uid": 33, "euid": 33, "user": "www-data",
            "effective_user": "www-data"}


class Severity(unittest.TestCase):
    EVENTS = [exec_of("/usr/bin/convert", 1), exec_of("/usr/bin/cat", 2), exec_of("/usr/bin/id", 3)]  # low, medium, high

    def watch(self, *options, events=None):
        with tempfile.TemporaryDirectory(prefix="sombrero-severity-") as folder:
            model, replay = pathlib.Path(folder, "web.model"), pathlib.Path(folder, "events")
            model.write_text(MODEL)
            replay.write_text("".join(json.dumps(event) + "\n" for event in events or self.EVENTS))
            return subprocess.run([SOMBRERO, "watch", "-m", model, "--replay", replay, *options], capture_output=True, text=True)

    def programs(self, *options):
        result = self.watch("--json", *options)
        findings = [json.loads(line) for line in result.stdout.splitlines()]
        return result.returncode, [(finding["event"]["program"], finding["severity"], finding["consequence"]) for finding in findings]

    ALL = [("/usr/bin/convert", "low", "starts a program"), ("/usr/bin/cat", "medium", "starts a tool that reads"),
           ("/usr/bin/id", "high", "looks around on the host")]

    def test_without_a_minimum_all_are_told_each_with_its_severity(self):
        self.assertEqual(self.programs(), (3, self.ALL))

    def test_with_a_minimum_only_what_is_as_bad_is_told(self):
        self.assertEqual(self.programs("--min-severity", "medium"), (3, self.ALL[1:]))
        self.assertEqual(self.programs("--min-severity", "high"), (3, self.ALL[2:]))

    def test_what_is_not_told_does_not_fail_the_command_but_is_counted(self):
        result = self.watch("--min-severity", "critical")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("3 deviations", result.stderr)
        self.assertIn("0 of the deviations are critical or worse", result.stderr)

    def test_people_read_it_in_the_title_and_below(self):
        text = self.watch().stdout
        self.assertTrue(re.search(r"  DEVIATION high  service web: started /usr/bin/id\n  means     service web looks around on the host\n", text))

    def test_a_level_that_does_not_exist_is_said_with_those_that_do(self):
        result = self.watch("--min-severity", "urgent")
        self.assertEqual(result.returncode, 2)
        self.assertIn("not 'urgent'", result.stderr)
        self.assertIn("informational, low, medium, high or critical", result.stderr)


if __name__ == "__main__":
    tap.main()
