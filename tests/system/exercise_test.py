#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sombrero model test`: what was recorded is held against a model. What taught a model deviates in nothing and uses all of it;
what production does besides, and what it never does, is told."""

import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import tap

SOMBRERO = os.path.join(os.environ["SOMBRERO_BUILD"], "src", "sombrero")
CI_STEP = pathlib.Path(__file__).resolve().parent.parent.parent / "packaging" / "ci" / "sombrero-ci"
CLONE_NEWNET = 0x40000000

# A daemon, as a test suite drives it: in nobody's charge until it listens.
SERVER = """
import os, socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 7070))
for program in sys.argv[1:]:
    subprocess.run([program], check=False, stdout=subprocess.DEVNULL)
"""


def sombrero(*words, status=0, text=None):
    result = subprocess.run([SOMBRERO, *map(str, words)], input=text, capture_output=True, text=True, timeout=60, check=False,
                            **({} if text is not None else {"stdin": None}))
    if result.returncode != status:
        raise AssertionError(f"{words} ended with {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


class Recorded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
            raise unittest.SkipTest("needs a network namespace of its own")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="sombrero-exercise-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.server = cls.folder / "daemon.py"
        cls.server.write_text(SERVER)
        cls.tests = cls.record("tests", "/usr/bin/true", "/usr/bin/id")
        cls.production = cls.record("production", "/usr/bin/true", "/usr/bin/whoami")
        cls.model = cls.folder / "model"
        sombrero("learn", "-o", cls.model, "--replay", cls.tests)

    @classmethod
    def record(cls, name, *programs):
        path = cls.folder / f"{name}.ndjson"
        path.write_text(sombrero("watch", "--json", "--", "/usr/bin/python3", cls.server, *programs))
        return path

    def test_a_recording_has_all_of_the_model_that_it_taught(self):
        result = json.loads(sombrero("model", "test", "--json", self.model, self.tests))
        self.assertEqual((result["deviations"], result["unused"]), ([], []))
        self.assertGreater(result["observations"], 4)
        self.assertEqual(result["covered"], result["observations"])
        [context] = result["contexts"]
        self.assertEqual(context["context"]["name"], "daemon.py")
        self.assertEqual(context["lines"], context["used"])

    def test_what_production_does_besides_and_never_does_is_told(self):
        result = json.loads(sombrero("model", "test", "--json", self.model, self.production, status=3))
        self.assertEqual({line["program"] for line in result["deviations"]}, {"/usr/bin/whoami"})
        self.assertEqual({line["program"] for line in result["unused"]}, {"/usr/bin/id"})
        [context] = result["contexts"]
        self.assertEqual(context["observations"] - context["covered"], len(result["deviations"]))

    def test_several_recordings_count_together_in_any_order(self):
        one = sombrero("model", "test", self.model, self.production, self.tests, status=3)
        self.assertEqual(one, sombrero("model", "test", self.tests, self.production, self.model, status=3))
        self.assertNotIn("never used", one)
        self.assertIn("/usr/bin/whoami", one)

    def test_a_decision_makes_of_a_deviation_what_the_model_has(self):
        decisions = self.folder / "decisions"
        for line in ("exec /usr/bin/whoami", "owner /usr/bin/whoami root"):
            sombrero("model", "accept", "-d", decisions, "--reason", "it may", "--by", "alice", "--context", "service daemon.py", line)
        sombrero("model", "test", "-d", decisions, self.model, self.production)
        sombrero("model", "forbid", "-d", decisions, "--reason", "it may not", "--by", "alice", "--context", "service daemon.py",
                 "exec /usr/bin/true")
        result = json.loads(sombrero("model", "test", "--json", "-d", decisions, self.model, self.production, status=3))
        self.assertEqual([(line["program"], line["forbidden"]) for line in result["deviations"]], [("/usr/bin/true", True)])

    def test_events_come_from_standard_input_too(self):
        self.assertEqual(sombrero("model", "test", self.model, "-", text=self.tests.read_text()),
                         sombrero("model", "test", self.model, self.tests))

    def step(self, *options, status):
        """The step that CI systems call, on tests that start id."""
        ran = subprocess.run([CI_STEP, "--model", "web.model", *options, "--", "/usr/bin/python3", self.server, "/usr/bin/id"], cwd=self.folder,
                             capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "SOMBRERO": SOMBRERO})
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran.stderr

    def test_what_tests_do_that_is_forbidden_fails_the_step_and_old_results_are_gone(self):
        decisions, out = self.folder / "web.decisions", self.folder / "sombrero-out"
        self.addCleanup(decisions.unlink)
        sombrero("model", "forbid", "-d", decisions, "--reason", "never", "--context", "service daemon.py", "exec /usr/bin/id")
        self.assertIn("the tests did what web.decisions forbids", self.step(status=3))
        self.assertNotIn("exec     /usr/bin/id", (out / "learned.model").read_text())
        shutil.copy(out / "learned.model", self.folder / "web.model")
        self.step(status=3)
        self.step("--fail-on", "never", status=0)
        self.step("--learn", "--no-such-option", status=2)
        self.assertEqual(list(out.iterdir()), [])

    def test_events_come_from_a_pipe_which_is_read_once(self):
        piped = subprocess.run(["bash", "-c", f"'{SOMBRERO}' model test '{self.model}' <(cat '{self.tests}')"], capture_output=True,
                               text=True, timeout=60, check=False)
        self.assertEqual((piped.returncode, piped.stdout), (0, sombrero("model", "test", self.model, self.tests)), piped.stderr)

    def test_a_model_that_is_not_there_is_named(self):
        told = subprocess.run([SOMBRERO, "model", "test", "gone.model", self.tests], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((told.returncode, told.stderr), (2, "sombrero: gone.model: can't be read: No such file or directory\n"))

    def test_what_is_missing_or_wrong_is_said(self):
        broken = self.folder / "broken.ndjson"
        broken.write_text('{"kind":"exec"}\n')
        for words in ([self.model], [self.tests], [], [self.model, broken], [self.model, self.folder / "nothing"],
                      ["--network", "db", self.model, self.tests]):
            self.assertEqual(sombrero("model", "test", *words, status=2), "")

    def test_names_in_a_recording_cannot_move_a_terminal(self):
        hostile = self.folder / "hostile.ndjson"
        event = {"time": "2026-11-24T11:35:46Z", "host": "h\\x1b[2J", "kind": "exec", "context": {"kind": "service", "name": "a\\x0a\\x1b[1m"},
                 "pid": 1, "start": 1, "program": "/x\\x1b", "exe": "/x\\x1b", "effective_user": "root\\x0a"}
        hostile.write_text(json.dumps(event) + "\n")
        self.assertNotIn("\x1b", sombrero("model", "test", self.model, hostile, status=3))
        self.assertEqual(json.loads(sombrero("model", "test", "--json", self.model, hostile, status=3))["deviations"][0]["hosts"],
                         [{"name": "h\\x1b[2J"}])


if __name__ == "__main__":
    tap.main()
