#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command has help, a manual page, and the same options in both."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "tests"))
import tap

SOMBRERO = os.path.join(os.environ.get("SOMBRERO_BUILD", "build"), "src", "sombrero")


def help_of(*command):
    return subprocess.run([SOMBRERO, *command, "--help"], capture_output=True, text=True, check=True).stdout


def listed(*command):
    return re.findall(r"^  (\w+)  ", help_of(*command), re.M)


def commands():
    """Each as its words: ("learn",), ("model",), ("model", "show") …"""
    return [(name,) for name in listed()] + [("model", name) for name in listed("model")]


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help"}


class Help(unittest.TestCase):
    def test_there_are_commands(self):
        self.assertIn(("learn",), commands())
        self.assertIn(("model", "show"), commands())

    def test_every_command_has_a_manual_page_with_its_options(self):
        for command in commands():
            page = (SOURCE / "docs" / "man" / f"sombrero-{'-'.join(command)}.1.scd").read_text()
            self.assertEqual(options(help_of(*command)) - options(page), set(), command)

    def test_no_manual_page_has_options_that_do_not_exist(self):
        known = set().union(*(options(help_of(*command)) for command in commands()))
        for page in (SOURCE / "docs" / "man").glob("*.scd"):
            self.assertEqual(options(page.read_text()) - known, set(), page.name)

    def test_every_command_stands_in_the_first_page_of_its_group(self):
        for *group, name in commands():
            page = (SOURCE / "docs" / "man" / f"{'-'.join(['sombrero', *group])}.1.scd").read_text()
            self.assertIn(f"*{name}*", page)

    def test_help_fits_a_terminal(self):
        for command in commands():
            for line in help_of(*command).splitlines():
                self.assertLessEqual(len(line), 110, f"{command}: {line}")

    def test_the_manual_pages_are_valid(self):
        for page in (SOURCE / "docs" / "man").glob("*.scd"):
            subprocess.run(["scdoc"], stdin=page.open(), stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    tap.main()
