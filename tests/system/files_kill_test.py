#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""A sensor that is killed with SIGKILL, fifty times while four processes make 10,000 changes of files, and started again
with the same state: every change that lasted is reported once, by the life that saw it or by a later one.

"Once" is what files_replay.py says. Beyond that, a report can be printed twice, since nobody knows whether the killed one
had come so far: then it is the same line with the same number, and counts once. A line that was not finished was not
printed.

Many changes by one actor are one finding, which counts them but doesn't name each. Here each has to be named: so the policy
has very many rules, each for few files, and what is one actor's against one rule is never many.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import tap
from fakehost import end_with_parent, make_cgroup, remove_cgroup, wait_for
from files_churn import slots
from files_replay import Misfit, Replay, tree_on_disk
from watching import SOMBRERO

HERE = pathlib.Path(__file__).resolve().parent
LIVES = 50
CHANGERS = 4
CHANGES = 10_000
SEED = int(os.environ.get("SEED", time.time_ns() % 1_000_000))


class Changer:
    """A process that changes files, and is in the cgroup that is watched."""

    def __init__(self, cgroup, tree, name, seed):
        self.name = name

        def move():
            end_with_parent()
            (cgroup / "cgroup.procs").write_text("0")

        self._process = subprocess.Popen(
            [str(HERE / "files_churn.py"), str(tree), name, str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=move)
        self.pid = self._process.pid

    def change(self, count):
        """Returns at once."""
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()

    def finish(self):
        """Once all is changed."""
        self._process.stdin.close()
        self.made = sum(int(line) for line in self._process.stdout)
        self._process.stdout.close()
        return self._process.wait()


class Life:
    """One run of the sensor."""

    def __init__(self, cgroup, policy, state, folder, number):
        self._output = folder / f"{number:02}.out"
        self._errors = folder / f"{number:02}.err"
        self._begun = time.monotonic()
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [SOMBRERO, "watch", "--json", "--cgroup", str(cgroup), "-p", str(policy), "--state", str(state)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors, preexec_fn=end_with_parent)

    def said(self):
        return self._errors.read_text(errors="backslashreplace")

    def wait_until_it_watches(self):
        """How long it took, in seconds."""
        wait_for("sombrero to watch", lambda: "watching" in self.said() or self._process.poll() is not None, pause=0.005)
        if self._process.poll() is not None:
            raise AssertionError(f"sombrero does not start: {self.said()}")
        return time.monotonic() - self._begun

    def kill(self):
        """Was it still running?"""
        self._process.kill()
        return self._process.wait() == -9

    def stop(self):
        self._process.terminate()
        return self._process.wait(60)

    def lines(self):
        """Whole ones."""
        text = self._output.read_bytes()
        return text[: text.rfind(b"\n") + 1].splitlines()


class KilledSensor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tap.note(f"SEED={SEED}")
        cls.cgroup = make_cgroup("files-kill")
        cls.addClassCleanup(remove_cgroup, cls.cgroup)
        # By such a name the next test knows a folder that a killed one left.
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{cls.cgroup.name}-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.tree = cls.folder / "tree"
        for name in ("etc", "lib/deep"):
            (cls.tree / name).mkdir(parents=True)
        for number in range(20):
            (cls.tree / "etc" / f"always-{number}").write_text(f"{number}\n")
        cls.state = cls.folder / "state"
        cls.names = [f"c{number}" for number in range(CHANGERS)]
        cls.policy = cls.folder / "policy.yml"
        cls.policy.write_text("policy: churn\nfiles:\n" + "".join(
            f"  - path: {cls.tree}/**/*.{slot}\n" for name in cls.names for slot in slots(name)))
        cls.lives = []
        cls.before = tree_on_disk(cls.tree)
        cls.live_through()
        cls.after = tree_on_disk(cls.tree)
        cls.reports, cls.again = cls.fold()

    @classmethod
    def begin(cls):
        cls.lives.append(Life(cls.cgroup, cls.policy, cls.state, cls.folder, len(cls.lives)))
        return cls.lives[-1]

    @classmethod
    def change(cls, count):
        for changer in cls.changers:
            changer.change(count)

    @classmethod
    def live_through(cls):
        """Fifty lives that are killed, one that ends well, and one in which nothing happens."""
        chance = random.Random(SEED)
        life = cls.begin()
        start = life.wait_until_it_watches()  # it takes the tree as it is; what happens from here on is news
        cls.changers = [Changer(cls.cgroup, cls.tree, name, SEED + at) for at, name in enumerate(cls.names)]
        share = CHANGES // CHANGERS // LIVES
        for number in range(LIVES):
            while_it_starts = chance.choice((0, share // 4, share))
            cls.change(while_it_starts)
            if while_it_starts < share:
                start = life.wait_until_it_watches()
                cls.change(share - while_it_starts)
            time.sleep(chance.uniform(0, start))  # on a busy machine everything takes longer
            if not life.kill():
                raise AssertionError(f"life {number} ended by itself: {life.said()}")
            life = cls.begin()
        statuses = [changer.finish() for changer in cls.changers]
        if any(statuses):
            raise AssertionError(f"who changes files failed: {statuses}")
        life.wait_until_it_watches()
        time.sleep(1)  # what is told by the clock, not by the end
        cls.status = life.stop()
        life = cls.begin()
        life.wait_until_it_watches()
        cls.idle_status = life.stop()

    @classmethod
    def fold(cls):
        """Reports, each once, in the order of their numbers; and how many were printed again."""
        lines, again = {}, 0
        for life in cls.lives:
            for line in life.lines():
                number = json.loads(line)["id"]
                if lines.setdefault(number, line) != line:
                    raise AssertionError(f"number {number} is two reports: {lines[number]} and {line}")
                again += lines[number] is not line
        findings = [json.loads(lines[number]) for number in sorted(lines)]
        return [cls.report(finding) for finding in findings], again

    @staticmethod
    def report(finding):
        if finding["count"] != 1:
            told = {key: finding[key] for key in ("id", "rule", "count", "kinds", "seconds")}
            raise AssertionError(f"this test wants to see each change, but these became one: {told}, {finding['event']}")
        return finding["event"] | {"id": finding["id"]}

    def test_makes_as_many_changes_as_it_says(self):
        self.assertEqual(sum(changer.made for changer in self.changers), CHANGES)
        self.assertEqual(len(self.lives), LIVES + 2)
        found = sum("found" in event.get("flags", ()) for event in self.reports)
        tap.note(f"{len(self.reports)} reports, {found} of them found at a start, {self.again} printed again")
        self.assertGreater(found, 0, "no change happened while nobody watched")
        self.assertGreater(len(self.reports) - found, 0, "no change happened while somebody watched")

    def test_reports_every_change_that_lasted_once(self):
        replay = Replay(self.before)
        for event in self.reports:
            replay.apply(event)
        self.assertEqual(replay.differences(self.after), [])
        self.assertGreater(replay.applied, 1000)

    def test_would_notice_a_report_that_is_lost_or_doubled(self):
        chance = random.Random(SEED)
        for number in chance.sample(range(len(self.reports)), 30):
            self.assertFalse(self.fits(self.reports[:number] + self.reports[number + 1 :]), self.reports[number])
            later = chance.randint(number, len(self.reports))
            doubled = self.reports[:later] + [self.reports[number]] + self.reports[later:]
            self.assertFalse(self.fits(doubled), self.reports[number])

    def fits(self, reports):
        replay = Replay(self.before)
        try:
            for event in reports:
                replay.apply(event)
        except Misfit:
            return False
        return not replay.differences(self.after)

    def test_names_who_it_was_where_somebody_watched(self):
        pids = {changer.name: changer.pid for changer in self.changers}
        for event in self.reports:
            flags = event.get("flags", ())
            if "found" not in flags and "actor_uncertain" not in flags:
                self.assertEqual(event["pid"], pids[pathlib.Path(event["path"]).name.partition("-")[0]], event)

    def test_finds_nothing_when_nothing_happened(self):
        self.assertIn(self.status, (0, 3), self.lives[-2].said())
        self.assertIn(self.idle_status, (0, 3), self.lives[-1].said())
        self.assertEqual(self.lives[-1].lines(), [])


if __name__ == "__main__":
    tap.main()
