#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""The sombrero: a host wears one from the first change by hand, for all to see, until a declared change has rewritten all that
was touched, or somebody takes it off and says why. Each act of files_acts.py puts it on or doesn't, one after the other."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from fakehost import Disk, wait_for
from files_acts import ACTS, ALICE, CHEF, STATE, TREES, UNTIED, AppHost, FileWatch, by_cron, shell
from watching import SOMBRERO

APP = TREES[0]
FEW = 10
FIRST = shell("first", "echo new >$D/file")
# For releases: two files and a directory, touched by hand.
RELEASE = shell("release", "", before={"one": "old\n", "two": "old\n", "lib/three": "old\n"})


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    if lack := Disk.lack():
        raise unittest.SkipTest(lack)


class Sombrero:
    """What the commands of the host's state say."""

    def __init__(self, host):
        self._state = str(host.state)

    def run(self, *command):
        return subprocess.run([SOMBRERO, *command, "--state", self._state], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30, check=False)

    def status(self):
        result = self.run("status", "--json")
        if result.returncode:
            raise AssertionError(result.stderr)
        return json.loads(result.stdout)

    def worn(self):
        """The sombrero that is on, or None."""
        return self.status()["sombrero"]

    def paths(self):
        """What has been touched and not been rewritten."""
        worn = self.worn()
        return {touch["path"] for touch in worn["paths"]} if worn else set()

    def off(self, reason="the test goes on"):
        return self.run("off", "--reason", reason)


class Worn(unittest.TestCase):
    """A host, a watch, and the commands."""

    acts = ()

    @classmethod
    def setUpClass(cls):
        cls.disk = cls.enterClassContext(Disk())
        cls.running = contextlib.ExitStack()
        cls.addClassCleanup(lambda: cls.running.close())
        cls.start()

    @classmethod
    def start(cls):
        """Also again, with the same disk, after running.close()."""
        cls.host = cls.running.enter_context(AppHost(cls.disk, cls.acts, TREES[:1]))
        cls.host.boot()
        for act in cls.acts:
            if act.prepare:
                act.prepare(cls.host, act, cls.host.folders(act))
        cls.watch = FileWatch(cls.host)
        cls.running.callback(cls.watch.close)
        cls.sombrero = Sombrero(cls.host)

    def as_person(self, who, script):
        self.host.login(who.login, script, key=self.host.keys[who.key])

    def wait_for_paths(self, *paths):
        wait_for(f"the sombrero to be on for {paths}", lambda: self.sombrero.paths() == set(paths))


# ------------------------------------------------------------------------------------------------- each act


def paths_of(act, tree=APP):
    """What an act touches of which the sombrero must know."""
    names = [name for report in act.reports for name in (report.path, report.path_before) if name]
    return set() if act.excused else {f"{act.folder(tree)}/{name}" for name in names}


class EachAct(Worn):
    """One act after the other, and the sombrero taken off after every few: it knows for which paths it is on."""

    acts = (*ACTS, *UNTIED, FIRST)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.touched = {}
        acts = [act for act in (*ACTS, *UNTIED) if not act.lack()]
        at_once = [act for act in acts if act.does is by_cron]  # cron is started once
        quiet = [act for act in acts if act.excused and act not in at_once]
        for act in quiet:
            cls.do(act)
        # Of what must not put it on there is nothing to wait for: it is another act's that shows they are through.
        cls.see((FIRST,), quiet)
        loud = [act for act in acts if act not in at_once and act not in quiet]
        while loud:
            cls.see(loud[:FEW])
            del loud[:FEW]
        cls.see(at_once)
        cls.worn_at_last = cls.sombrero.worn()

    @classmethod
    def do(cls, act):
        act.does(cls.host, act, cls.host.folders(act))

    @classmethod
    def see(cls, acts, before=()):
        """Does them, notes what the sombrero then is on for, and takes it off."""
        for act in acts:
            cls.do(act)
        for act in acts:
            for path in paths_of(act):
                cls.watch.wait_for_path(path)
        worn = cls.sombrero.paths()
        for act in (*acts, *before):
            cls.touched[act.name] = {path for path in worn if f"{path}/".startswith(f"{act.folder(APP)}/")}
        others = worn - set().union(*(cls.touched[act.name] for act in (*acts, *before)))
        if others:
            raise AssertionError(f"{[act.name for act in acts]} put it on for {others}")
        cls.sombrero.off()

    def test_it_is_off_when_it_was_taken_off(self):
        self.assertIsNone(self.worn_at_last)


def add_tests(case, acts):
    for act in acts:
        what = "does not put it on" if act.excused else "puts it on"

        def test(self, act=act):
            if lack := act.lack():
                self.skipTest(lack)
            self.assertEqual(self.touched[act.name], paths_of(act))
        setattr(case, f"test_{act.name} {what}".replace(" ", "_"), test)


add_tests(EachAct, (*ACTS, *UNTIED))


# -------------------------------------------------------------------------------------------- what takes it off


class Released(Worn):
    """What takes it off, and what doesn't."""

    acts = (RELEASE,)
    folder = RELEASE.folder(APP)

    def setUp(self):
        self.as_person(ALICE, f"cd {self.folder}; sudo sh -c 'echo hand >one; echo hand >lib/three'")
        self.wait_for_paths(self.one, self.three)
        self.addCleanup(self.sombrero.off)

    one, two, three = (f"{RELEASE.folder(APP)}/{name}" for name in ("one", "two", "lib/three"))
    runs = 0

    def release(self, script, who=CHEF):
        """A declared change."""
        Released.runs += 1
        self.as_person(who, f"sudo sombrero change begin --id release-{self.runs} --state {STATE} -- sh -ec '{script}'")

    def settle(self):
        """All that was done until now is told."""
        self.as_person(ALICE, f"echo hand >>{self.two}")
        wait_for("what was done to be told", lambda: self.two in self.sombrero.paths())

    def test_a_release_that_rewrites_every_path_takes_it_off(self):
        self.release(f"echo new >{self.one}; echo new >{self.three}")
        self.wait_for_paths()
        self.assertIsNone(self.sombrero.worn())

    def test_a_release_with_the_same_content_takes_it_off_too(self):
        self.release(f"echo hand >{self.one}; echo hand >{self.three}")
        self.wait_for_paths()

    def test_a_release_that_replaces_the_files_takes_it_off(self):
        self.release(f"cd {self.folder}; echo new >.next; mv .next one; rm lib/three; echo new >lib/three")
        self.wait_for_paths()

    def test_a_release_that_replaces_the_directory_takes_it_off(self):
        self.release(f"cd {self.folder}; mkdir ../next; echo new >../next/three; rm -r lib; mv ../next lib; echo new >one")
        self.wait_for_paths()

    def test_a_release_that_misses_a_path_does_not_and_the_next_that_has_it_does(self):
        self.release(f"echo new >{self.one}; echo new >{self.two}")
        self.wait_for_paths(self.three)
        self.assertEqual(self.sombrero.run("off").returncode, 2)
        self.release(f"echo new >{self.three}")
        self.wait_for_paths()

    def test_a_release_that_only_sets_the_modes_does_not(self):
        self.release(f"chmod 600 {self.one} {self.three}; chmod 664 {self.one} {self.three}")
        self.settle()
        self.assertEqual(self.sombrero.paths(), {self.one, self.two, self.three})

    def test_neither_does_chef_without_a_change_nor_the_one_who_did_it(self):
        self.as_person(CHEF, f"sudo sh -c 'echo new >{self.one}; echo new >{self.three}'")
        self.as_person(ALICE, f"sudo sh -c 'echo old >{self.one}; echo old >{self.three}'")
        self.settle()
        self.assertEqual(self.sombrero.paths(), {self.one, self.two, self.three})

    def test_a_path_that_is_touched_again_after_the_release_has_to_be_rewritten_again(self):
        self.release(f"echo new >{self.one}")
        self.wait_for_paths(self.three)
        self.as_person(ALICE, f"sudo sh -c 'echo again >{self.one}'")
        self.wait_for_paths(self.one, self.three)

    def test_by_hand_it_takes_a_reason(self):
        for words in (("off",), ("off", "--reason", "")):
            result = self.sombrero.run(*words)
            self.assertEqual(result.returncode, 2, words)
            self.assertIn("reason", result.stderr)
        self.assertIsNotNone(self.sombrero.worn())
        self.assertEqual(self.sombrero.off("the disk was full").returncode, 0)
        self.assertIsNone(self.sombrero.worn())

    def test_when_it_is_off_there_is_nothing_to_take_off(self):
        self.sombrero.off()
        self.assertIn("no sombrero", self.sombrero.off().stderr + self.sombrero.off().stdout)


# -------------------------------------------------------------------------------------- over a reboot, and shown


class Rebooted(Worn):
    """The host is started again, with what is on its disk."""

    acts = (RELEASE,)
    one, two = Released.one, Released.two

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.as_person(cls, ALICE, f"echo hand >{cls.one}")
        cls.wait_for_paths(cls, cls.one)
        cls.before = cls.sombrero.worn()
        cls.watch.wait_for_path(cls.one)
        cls.known = {finding["id"] for finding in cls.watch.findings()}
        cls.watch.close()
        cls.as_person(cls, ALICE, f"echo unseen >{cls.two}")
        cls.running.close()  # as a power cut ends it
        cls.start()
        cls.watch.wait_for_path(cls.two)
        cls.after = cls.sombrero.worn()
        cls.findings = [finding for finding in cls.watch.findings() if finding["id"] not in cls.known]

    def test_it_is_still_on_for_the_same_since_the_same_time(self):
        self.assertEqual(self.after["since"], self.before["since"])
        self.assertEqual([touch for touch in self.after["paths"] if touch["path"] == self.one], self.before["paths"])

    def test_what_nobody_saw_puts_it_on_too_for_nobody(self):
        found = [touch for touch in self.after["paths"] if touch["path"] == self.two]
        self.assertEqual([(touch["kind"], touch.get("person"), touch.get("user")) for touch in found], [("write", None, None)])

    def test_that_it_was_started_again_is_no_change(self):
        self.assertEqual([finding["event"]["path"] for finding in self.findings], [self.two])

    def test_with_a_release_it_comes_off(self):
        script = f"echo new >{self.one}; echo new >{self.two}"
        self.as_person(CHEF, f"sudo sombrero change begin --id after --state {STATE} -- sh -ec '{script}'")
        self.wait_for_paths()


class Shown(Worn):
    """`sombrero status`, for all to see."""

    acts = (RELEASE,)
    one = Released.one

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.as_person(cls, ALICE, f"cd {RELEASE.folder(APP)}; echo hand >one; echo hand >$'a\\e[2J\\nb'")
        wait_for("both to be told", lambda: len(cls.sombrero.paths()) == 2)
        cls.since = cls.sombrero.worn()["since"]
        cls.on = cls.sombrero.run("status").stdout
        cls.sombrero.off("looked after")
        cls.off = cls.sombrero.run("status").stdout

    def test_it_says_who_and_what_and_since_when_and_what_takes_it_off(self):
        since = self.since[:19].replace("T", " ")
        self.assertIn(f"sombrero: ON since {since}", self.on)
        self.assertIn(self.host.fingerprints()["alice"], self.on)
        self.assertIn(f"write {self.one}", self.on)
        self.assertRegex(self.on, r"off by +a declared change .* or `sombrero off --reason TEXT`")
        self.assertIn("(_________)", self.on.partition("sombrero:")[0], "nobody overlooks a sombrero")

    def test_when_it_is_off_nothing_of_it_is_left_but_who_took_it_off_and_why(self):
        self.assertTrue(self.off.startswith("sombrero: off; "), self.off)
        self.assertIn("looked after", self.off)
        self.assertNotIn(self.one, self.off)

    def test_the_name_of_a_file_moves_no_terminal(self):
        self.assertIn("a\\x1b[2J\\x0ab", self.on)
        self.assertNotIn("\x1b", self.on)


if __name__ == "__main__":
    tap.main()
