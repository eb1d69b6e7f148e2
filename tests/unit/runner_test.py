#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/run must never take a test that failed, died or did nothing for one that passed."""

import ast
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys
import textwrap
import unittest

import tap

RUNNER = pathlib.Path(__file__).resolve().parent.parent / "run"


def load_runner():
    loader = importlib.machinery.SourceFileLoader("runner", str(RUNNER))
    spec = importlib.util.spec_from_loader("runner", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["runner"] = module
    loader.exec_module(module)
    return module


runner = load_runner()


def run(script, seconds=20):
    """The outcome of a shell script run as a test, in a process of its own, which may become a subreaper."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            runner.become_subreaper()
            test = runner.Test("unit/it", ["sh", "-c", textwrap.dedent(script)], seconds, {})
            outcome, text = runner.run(test, dict(os.environ))
            os.write(writing, repr((vars(outcome), text)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        fields, text = ast.literal_eval(stream.read())
    os.waitpid(pid, 0)
    return runner.Outcome(**fields), text


class Runner(unittest.TestCase):
    def test_counts_passed_failed_and_skipped(self):
        outcome, _ = run("echo 1..4; echo ok 1 - a; echo not ok 2 - b; echo 'ok 3 - c # SKIP no kernel'; echo ok 4; exit 1")
        self.assertEqual((outcome.passed, outcome.failed), (2, 1))
        self.assertEqual(outcome.skipped, [("c", "no kernel")])
        self.assertEqual(outcome.faults, [])

    def test_takes_cmocka_skips_for_skips(self):
        outcome, _ = run("echo 1..1; echo 'not ok 1 # SKIP name'")
        self.assertEqual((outcome.failed, outcome.skipped), (0, [("name", "no reason given")]))

    def test_takes_a_plan_of_nothing_for_a_skip(self):
        outcome, _ = run("echo '1..0 # SKIP no network'")
        self.assertEqual((outcome.skipped, outcome.faults), ([("all of it", "no network")], []))

    def test_fails_a_file_without_a_plan(self):
        outcome, _ = run("echo ok 1 - a")
        self.assertEqual(outcome.faults, ["it printed no plan"])

    def test_fails_a_file_that_reports_less_than_planned(self):
        outcome, _ = run("echo 1..2; echo ok 1 - a")
        self.assertEqual(outcome.faults, ["it planned 2 tests, and 1 reported"])

    def test_fails_a_file_that_exits_with_an_error(self):
        outcome, _ = run("echo 1..1; echo ok 1 - a; exit 3")
        self.assertEqual(outcome.faults, ["it exited with 3"])

    def test_fails_a_file_that_a_signal_kills(self):
        outcome, _ = run("echo 1..1; echo ok 1 - a; kill -SEGV $$")
        self.assertEqual(outcome.faults, ["it was killed by SIGSEGV"])

    def test_reads_no_results_from_standard_error(self):
        outcome, _ = run("echo 1..1; echo ok 1 - a; echo not ok 2 - b >&2")
        self.assertEqual((outcome.passed, outcome.failed, outcome.faults), (1, 0, []))

    def test_ends_a_file_that_runs_too_long(self):
        outcome, text = run("echo 1..1; exec sleep 60", seconds=1)
        self.assertEqual(outcome.faults, ["it ran longer than 1 seconds"])
        self.assertLess(outcome.seconds, 10)

    def test_ends_what_a_file_leaves_running(self):
        outcome, text = run("setsid sleep 61 & echo $! >&2; echo 1..1; echo ok 1 - a; sleep 0.1")
        self.assertIn("left running, and ended: sleep", text)
        self.assertEqual(outcome.passed, 1)

    def test_ends_its_tests_when_it_is_ended(self):
        script = "import importlib.util, sys; sys.path.insert(0, sys.argv[1]); import runner_test as t; t.endless()"
        process = subprocess.Popen([sys.executable, "-c", script, str(pathlib.Path(__file__).parent)],
                                   stdout=subprocess.PIPE, text=True)
        pid = int(process.stdout.readline())
        process.terminate()
        self.assertEqual(process.stdout.read().splitlines()[-1], "0 passed, 1 failed, 0 skipped")
        self.assertEqual(process.wait(30), 1)
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())


def endless():
    """A run of one test that never ends, and prints its pid."""
    test = runner.Test("unit/endless", ["sh", "-c", "echo $$ >&3; exec sleep 62"], 60, {})
    os.dup2(1, 3, inheritable=True)
    os.set_inheritable(3, True)
    original = subprocess.Popen
    runner.subprocess.Popen = lambda *args, **kwargs: original(*args, **kwargs, pass_fds=[3])
    sys.exit(runner.run_all([test], dict(os.environ), verbose=False))


if __name__ == "__main__":
    tap.main()
