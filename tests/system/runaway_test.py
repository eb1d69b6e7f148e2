#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Far more of what a service does anyway: learned from recorded events, told of recorded events. Needs no privileges."""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap

BUILD = pathlib.Path(os.environ.get("SOMBRERO_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build-test"))
SOMBRERO = str(BUILD / "src/sombrero")
START = 1764000000  # the beginning of a minute


def line(kind, second, context=("service", "web"), **fields):
    moment = datetime.datetime.fromtimestamp(START + second, datetime.timezone.utc)
    program = {"program": "/usr/bin/web", "exe": "/usr/bin/web"}
    ids = {"uid": 0, "euid": 0, "user": "root", "effective_user": "root"} if kind == "exec" else {}
    return json.dumps({"time": f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z", "host": "web-1", "kind": kind,
                       "context": {"kind": context[0], "name": context[1]}, "pid": 5} | program | ids | fields)


def minutes(counts, cpu_ms=100, first=0, **more):
    """Events of a service that starts its program so many times in each minute."""
    lines = []
    for minute, count in enumerate(counts, first):
        lines += [line("exec", minute * 60 + i * 59 / count, **more) for i in range(count)]
        lines.append(line("usage", minute * 60 + 59.5, processes=3, processes_most=4, processes_begun=count, cpu_ms=cpu_ms, **more))
    return lines


class Runaway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="sombrero-runaway-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.learn("web.model", minutes([5] * 90 + [12]))

    @classmethod
    def learn(cls, name, lines):
        cls.run_on(lines, "learn", "-o", str(cls.folder / name), "--replay", "-")

    @staticmethod
    def run_on(lines, *arguments, status=0):
        result = subprocess.run([SOMBRERO, *arguments], input="\n".join(lines), text=True, capture_output=True, check=False)
        assert result.returncode == status, f"{result.returncode}, {result.stdout}{result.stderr}"
        assert "Sanitizer" not in result.stderr, result.stderr
        return result

    def watch(self, lines, *options, status=0, model="web.model"):
        return self.run_on(lines, "watch", "-m", str(self.folder / model), *options, "--replay", "-", status=status)

    def findings(self, lines, **options):
        return [json.loads(each) for each in self.watch(lines, "--json", **options).stdout.splitlines()]

    def test_what_is_usual_is_quiet_and_so_is_a_peak_of_five_times_that(self):
        self.assertEqual(self.watch(minutes([5, 60, 60, 5])).stdout, "")

    def test_a_loop_is_one_finding_when_it_begins_and_one_with_its_size_when_it_is_over(self):
        begins, over = self.findings(minutes([5, 3000, 3000, 5, 5, 5]), status=3)
        self.assertEqual((begins["state"], over["state"]), ("begins", "over"))
        self.assertEqual(begins["id"], over["id"])
        self.assertEqual((begins["severity"], begins["context"]["name"]), ("medium", "web"))
        amount = begins["amounts"][0]
        self.assertEqual((amount["of"], amount["usual"], amount["limit"], amount["now"]), ("exec", 12, 600, 601))
        started, begun = over["amounts"]
        self.assertEqual((started["most"], begun["of"]), (3000, "processes_begun"))
        self.assertTrue(6000 <= started["total"] <= 6005, started)
        self.assertTrue(105 <= over["seconds"] <= 110, over)  # from when it was too much

    def test_the_same_runaway_has_the_same_id_whoever_watches_again(self):
        lines = minutes([5, 3000])
        self.assertEqual(self.findings(lines, status=3), self.findings(lines, status=3))

    def test_a_busy_loop_is_told_by_its_cpu_time(self):
        text = self.watch(minutes([5, 5], cpu_ms=59800), status=3).stdout
        self.assertIn("RUNAWAY medium  service web: 59.8 s of CPU in a minute, usually at most 0.1 s of CPU\n", text)

    def test_severity_leaves_it_out(self):
        self.assertEqual(self.watch(minutes([3000]), "--min-severity", "high").stdout, "")

    def test_without_statistics_there_is_none_and_that_is_said(self):
        (self.folder / "bare.model").write_text((self.folder / "web.model").read_text())
        result = self.watch(minutes([3000]), model="bare.model")
        self.assertEqual(result.stdout, "")
        self.assertIn("runaways are not told", result.stderr)

    def test_who_was_learned_too_briefly_is_not_judged_and_that_is_said(self):
        other = minutes([5] * 10, context=("service", "new"))
        self.learn("two.model", minutes([5] * 90) + other)
        result = self.watch(minutes([3000], context=("service", "new")), model="two.model")
        self.assertEqual(result.stdout, "")
        self.assertIn("runaways are told of 1 of 2 services and jobs", result.stderr)

    def test_two_models_know_together_what_is_usual(self):
        """Learned from different events, their minutes add up to an hour."""
        for name, moment in (("a", 0), ("b", 60)):
            self.learn(f"{name}.model", minutes([50 + moment] * 40, first=moment))
        self.assertEqual(self.watch(minutes([5000]), model="b.model").stdout, "")
        both = ("-m", str(self.folder / "a.model"))
        self.assertEqual(self.watch(minutes([1000]), *both, model="b.model").stdout, "")
        self.assertIn("usually at most", self.watch(minutes([5000]), *both, model="b.model", status=3).stdout)


if __name__ == "__main__":
    tap.main()
