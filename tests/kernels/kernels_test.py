#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
"""Sombrero on the kernels of Debian 12 and its backports, as guests: what guest.sh does there, judged here."""

import os
import pathlib
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


class Linux_6_1(Kernel, unittest.TestCase):
    series = "6.1"


class Linux_6_12(Kernel, unittest.TestCase):
    series = "6.12"


if __name__ == "__main__":
    tap.main()
