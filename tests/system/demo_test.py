#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""The demo: ordinary requests are quiet, an attack is reported, and nothing is left behind. Played once for real; that
it admits when something went wrong is tested on made-up findings."""

import contextlib
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

import tap

SOURCE = pathlib.Path(os.environ["SOMBRERO_SOURCE"])
RUN = SOURCE / "demo" / "run"
COMMAND = [str(RUN), "--build", os.environ["SOMBRERO_BUILD"]]


def load_demo():
    loader = importlib.machinery.SourceFileLoader("demo", str(RUN))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("demo", loader))
    sys.modules["demo"] = module
    loader.exec_module(module)
    return module


demo = load_demo()


def cgroup2():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, kind = line.split()[:3]
        if kind == "cgroup2":
            return pathlib.Path(place)
    raise unittest.SkipTest("cgroup2 is not mounted")


def leftovers():
    """What a demo could leave: directories, cgroups, and processes that have to do with either."""
    found = set(pathlib.Path("/tmp").glob("sombrero-demo-*"))
    for cgroup in cgroup2().glob("sombrero-[0-9]*-*"):
        if not pathlib.Path("/proc", cgroup.name.split("-")[1]).exists():  # else it is another's, who still needs it
            found.add(cgroup)
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"sombrero-demo-" in (process / "cmdline").read_bytes():
                found.add(process)
    return found


class Play(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        before = leftovers()
        result = subprocess.run(COMMAND, capture_output=True, text=True, timeout=120)
        cls.status, cls.output = result.returncode, result.stdout + result.stderr
        cls.left = leftovers() - before
        print(cls.output)

    def test_succeeds(self):
        self.assertEqual(self.status, 0, self.output)

    def test_reports_nothing_for_ordinary_requests_and_every_step_of_the_attack_within_a_second(self):
        found = re.search(r"200 ordinary requests: 0 deviations; 4 attack steps: 4 reported, slowest after (\S+) s$",
                          self.output, re.M)
        self.assertTrue(found, self.output)
        self.assertLess(float(found[1]), 1.0)

    def test_says_what_happened_from_where_and_what_would_make_it_normal(self):
        for word in ("process", "command", "lineage", "where", "why", "normal?"):
            self.assertEqual(len(re.findall(rf"^  │   {re.escape(word)} ", self.output, re.M)), 4, word)

    def test_learns_the_site_and_not_its_tests(self):
        model = self.output.split("# sombrero model 1")[1].split("2. Watch")[0]
        self.assertEqual(re.findall(r"│ (\w+ \S+)$", model, re.M)[0], "service nginx")
        self.assertIn("exec     /usr/bin/convert", model)
        for program in ("curl", "grep", "/id", "/ls", "identify", "/bash"):
            self.assertNotIn(program, model)

    def test_leaves_nothing_behind(self):
        self.assertEqual(self.left, set())


class Up(unittest.TestCase):
    def test_ends_by_itself_without_a_terminal_and_leaves_nothing_but_the_model_and_its_statistics(self):
        before = leftovers()
        with tempfile.TemporaryDirectory() as directory:
            model = pathlib.Path(directory, "host.model")
            result = subprocess.run([SOURCE / "demo" / "up", *COMMAND[1:], "--for", "2s", "--model", model],
                                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
            print(result.stdout, result.stderr)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(model.read_text().startswith("# sombrero model 1\n"))
            self.assertEqual(sorted(os.listdir(directory)), ["host.model", "host.model.stats"])
        self.assertEqual(re.findall(r"^== (.*) ==$", result.stdout, re.M), [
            "What Sombrero sees here, and what it costs", "This host, now", "A demonstration, on a site of its own",
            "Your host: learning"])
        self.assertIn("This host isn't watched", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^  exec +on +\d+ runs, +\d+ ns each$")
        self.assertEqual(leftovers() - before, set())


class Interrupted(unittest.TestCase):
    def interrupt(self, line, number):
        """Sends the signal once `line` was printed; returns the exit status and what was left behind."""
        before = leftovers()
        process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.kill)
        with process.stdout:
            for text in process.stdout:
                if line in text:
                    process.send_signal(number)
                    break
            process.stdout.read()
        return process.wait(30), leftovers() - before

    def test_leaves_nothing_behind_when_interrupted_while_it_learns(self):
        self.assertEqual(self.interrupt("sombrero learn", signal.SIGINT), (130, set()))

    def test_leaves_nothing_behind_when_ended_during_the_attack(self):
        self.assertEqual(self.interrupt("2) A reverse shell", signal.SIGTERM), (143, set()))


class Honesty(unittest.TestCase):
    STEP = demo.Step("", "id", [r"started /usr/bin/id$"])
    TITLE = "10:00:00.000  DEVIATION high  service php-fpm8.2: started /usr/bin/id"
    LINEAGE = "  lineage   /usr/sbin/php-fpm8.2 (root) > /usr/sbin/php-fpm8.2 (www-data) > /usr/bin/dash(-c) (www-data)"

    def outcome(self, *findings):
        made = []
        for when, *lines in findings:
            made.append(demo.Finding(when, lines[0]))
            made[-1].lines += lines[1:]
        return demo.Outcome(self.STEP, 100.0, made)

    def test_takes_a_finding_in_time_with_its_lineage_for_good(self):
        outcome = self.outcome((100.5, self.TITLE, self.LINEAGE))
        self.assertTrue(outcome.good)
        self.assertEqual(outcome.seconds, 0.5)

    def test_admits_a_step_that_was_missed(self):
        self.assertFalse(self.outcome().good)
        self.assertFalse(self.outcome((100.5, self.TITLE.replace("/id", "/idle"), self.LINEAGE)).good)

    def test_admits_a_report_that_came_late(self):
        self.assertFalse(self.outcome((101.2, self.TITLE, self.LINEAGE)).good)

    def test_admits_a_finding_without_lineage_or_from_elsewhere(self):
        self.assertFalse(self.outcome((100.5, self.TITLE)).good)
        self.assertFalse(self.outcome((100.5, self.TITLE, self.LINEAGE.replace("php-fpm", "other"))).good)
        self.assertFalse(self.outcome((100.5, self.TITLE.replace("php-fpm", "nginx"), self.LINEAGE)).good)

    def test_admits_any_other_finding(self):
        other = "10:00:00.000  DEVIATION high  service nginx: started /usr/bin/id"
        self.assertFalse(self.outcome((100.1, self.TITLE, self.LINEAGE), (100.2, other, self.LINEAGE)).good)


if __name__ == "__main__":
    tap.main()
