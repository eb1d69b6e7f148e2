#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 420
"""A service that runs away on the real kernel: children that live for a moment, and processor time. It is told once while it
lasts and once when it is over, with its size; the same service at its ordinary work is not."""

import json
import pathlib
import re
import subprocess
import unittest

import tap
import watch
from watch import SOMBRERO

SERVICE = """#!/usr/bin/python3
import os, sys, time

def children(a_second, seconds):
    for number in range(int(a_second * seconds)):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
        time.sleep(max(0, begin + number / a_second - time.monotonic()))

begin = time.monotonic()
children(float(sys.argv[1]), float(sys.argv[2]))
end = time.monotonic() + float(sys.argv[3])
while time.process_time() >= 0 and time.monotonic() < end and sys.argv[4] == "busy":
    pass
time.sleep(max(0, end - time.monotonic()))
time.sleep(float(sys.argv[5]))
"""
BURST = 14  # seconds at 200 a second: wherever a minute ends, 600 are in one


def setUpModule():
    watch.isolate()


class Runaway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = watch.make_folder()
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", str(cls.folder)], check=False)
        cls.service = cls.folder / "burst.py"
        cls.service.write_text(SERVICE)
        cls.service.chmod(0o755)
        cls.model = cls.folder / "burst.model"
        cls.sombrero("learn", "-o", cls.model, "--service", "burst.py", "--", cls.service, 5, 3, 1, "idle", 0)
        cls.know_a_day()

    @classmethod
    def sombrero(cls, *arguments, status=0):
        result = subprocess.run([SOMBRERO, *map(str, arguments)], text=True, capture_output=True, check=False, timeout=360,
                                stdin=subprocess.DEVNULL)
        assert result.returncode == status, f"{result.returncode}, expected {status}: {result.stdout}{result.stderr}"
        return result

    @classmethod
    def know_a_day(cls):
        """As if it had been learned for a day, in which it never did more than 20 of anything in a minute."""
        path = pathlib.Path(f"{cls.model}.stats")
        text = path.read_text()
        text = re.sub(r"(?m)^  (processes|begun|cpu) .*\n", "", text)
        text = re.sub(r"(?m)^(service burst.py)$", r"\1\n  processes 3:1440\n  begun 20:1440\n  cpu 20:1440", text)
        text = re.sub(r"(?m)^    rate .*$", "    rate 20:1440", text)
        path.write_text(text)

    def findings(self, *arguments, status):
        result = self.sombrero("watch", "--json", "-m", self.model, "--", self.service, *arguments, status=status)
        self.assertNotIn("runaways are", result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_ordinary_work_is_no_runaway(self):
        self.assertEqual(self.findings(10, 10, 20, "idle", 0, status=0), [])

    def test_a_storm_of_short_children_and_a_busy_loop_are_one_runaway_with_its_size(self):
        begins, over = self.findings(200, BURST, 80, "busy", 155, status=3)
        self.assertEqual((begins["state"], over["state"], begins["id"]), ("begins", "over", over["id"]))
        self.assertEqual(begins["context"], {"kind": "service", "name": "burst.py", "in_container": False})
        self.assertEqual((begins["amounts"][0]["program"], begins["amounts"][0]["now"]), ("/usr/bin/true", 601))
        self.assertEqual(begins["event"]["lineage"][0]["program"].partition("(")[2], f"#!{self.service})")
        size = {each["of"]: each for each in over["amounts"]}
        self.assertGreaterEqual(size["exec"]["total"], 600)
        self.assertLessEqual(size["exec"]["total"], 200 * BURST)
        self.assertGreaterEqual(size["cpu_ms"]["most"], 30000)
        self.assertLess(size["cpu_ms"]["total"], 150000)


if __name__ == "__main__":
    tap.main()
