#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""The chef case: "alert when a user other than chef changes files in the application's directory".

On a host with sshd, cron, nginx and php-fpm each way of changing a file that we know of is gone, and each by somebody: what
files_acts.py lists. Of each act the disk must be as it says, and exactly that must be reported, once, with the right person;
of chef's work nothing. What can't be tied to a person is done too, to show how it appears (docs/threat-model.md).
"""

import collections
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from fakehost import SYSTEMD, Disk, Failed
from files_acts import (ACTS, BELOW, BY_SYSTEMD, FOUND, UNTIED, AppHost, FileWatch, differs, is_in, shell, state_of,
                        states_below)
from watching import SOMBRERO

LAST = shell("last", "echo new >$D/file")
# Where nothing is told one by one: made before the watch, and of no act.
MANY = shell("many", "")
TIMES = 25
STATE_FIELDS = ("file_type", "size", "mode", "owner", "owner_group", "sha256", "target")


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    if lack := Disk.lack():
        raise unittest.SkipTest(lack)


class Story:
    """All that was done on a host, how the disk was before and after, and what was reported."""

    def __init__(self, host, acts):
        self.host, self.acts = host, acts
        self.persons = host.fingerprints()
        self.before, self.after, self.wrong = {}, {}, {}
        self.findings = []

    def prepare(self):
        for act in self.acts:
            if act.prepare:
                act.prepare(self.host, act, self.host.folders(act))
        for folder in self._folders():
            self.before[folder] = states_below(self.host, self.host.names, folder)

    def _folders(self):
        return [folder for act in self.acts for folder in self.host.folders(act)]

    def do(self, acts):
        acts = [act for act in acts if not act.lack()]
        for act in acts:
            try:
                act.does(self.host, act, self.host.folders(act))
            except Failed as error:
                self.wrong[act.name] = [str(error)]  # the others go on
        for act in acts:
            self.wrong.setdefault(act.name, self._wait_for_disk(act))

    def _wait_for_disk(self, act):
        """How the disk differs from what the act should leave there, once it no longer does or has had its time."""
        def differences():
            return [text for folder in self.host.folders(act) if (text := differs(self.host, folder, act.after, self.host.names))]
        end = time.monotonic() + 10
        while (left := differences()) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def end(self, findings):
        self.findings = findings
        for folder in self._folders():
            self.after[folder] = states_below(self.host, self.host.names, folder)

    def events_in(self, folder):
        """What was reported there."""
        return [finding["event"] for finding in self.findings if is_in(finding["event"], folder)]


class FilesTest(unittest.TestCase):
    """Checks of acts; its subclasses do them. `story` is theirs."""

    maxDiff = None
    story = None

    def check(self, act):
        if lack := act.lack():
            self.skipTest(lack)
        self.assertEqual(self.story.wrong[act.name], [], "the disk is not as the act should have left it")
        for folder in self.story.host.folders(act):
            events = self.story.events_in(folder)
            if act.excused:
                self.assertEqual(list(map(brief, events)), [], "this is no news")
                continue
            self.check_reports(act, folder, events)
            for event in events:
                self.check_actor(act, report_of(act, folder, event), event)
                self.check_states(act, folder, event)

    def check_reports(self, act, folder, events):
        """Each is reported, and once."""
        expected = collections.Counter((report.kind, place(folder, report.path), place(folder, report.path_before),
                                        report.entries, frozenset((*act.who.flags, *report.flags))) for report in act.reports)
        actual = collections.Counter((event["kind"], event["path"], event.get("path_before", ""), event.get("entries"),
                                      flags(event, report_of(act, folder, event))) for event in events)
        self.assertEqual(actual, expected, list(map(brief, events)))

    def check_actor(self, act, report, event):
        names = ("context", "user", "effective_user", "person")
        said = {name: event.get(name) for name in names}
        container = said["context"].pop("container", "") if said["context"] else ""
        self.assertEqual(said, act.who.fields(self.story.persons), event)
        self.assertTrue(fnmatch.fnmatchcase(container, act.who.container), event)
        if act.who.login:
            self.assertEqual(event.get("login_user"), act.who.login)
            self.assertRegex(event["login"], "^[0-9a-f]{16}$")
        else:
            self.assertNotIn("login", event)
        self.check_program(act.program if report.program is None else report.program, act.other_program, event)

    def check_program(self, program, other, event):
        """Somebody who has just become this program may have been the one before: then both are named, and it says so."""
        said = [event.get("program", ""), event.get("other_program", "")]
        if program:
            self.assertIn(program, said, event)
            self.assertLessEqual(set(said), {program, "", other, event["lineage"][0]["program"]}, event)
        if said[1]:
            self.assertIn("actor_uncertain", event["flags"], event)

    def check_states(self, act, folder, event):
        """What a report says of a file is what was, and is, on the disk; as far as it is the only one."""
        before, after = self.story.before[folder], self.story.after[folder]
        was = before.get(inside(folder, event.get("path_before", event["path"])))
        now = after.get(inside(folder, event["path"]))
        if act.steps:
            return
        for state, suffix in ((now, ""), (was, "_before")):
            said = {name: event[name + suffix] for name in STATE_FIELDS if name + suffix in event}
            if event["kind"] == "rename" and suffix and inside(folder, event["path"]) in before:
                state = before[inside(folder, event["path"])]  # what was replaced by it
            self.assertEqual(said, dict(state.fields) if state else {}, event)


def ask(host, *command):
    """What a command says of what is remembered."""
    result = subprocess.run([SOMBRERO, *command, "--state", str(host.state)], check=True, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=30)
    return json.loads(result.stdout)


def brief(event):
    return " ".join(str(event.get(name, "")) for name in ("kind", "path", "path_before", "user", "program", "flags"))


def place(folder, path):
    return f"{folder}/{path}" if path else ""


def inside(folder, path):
    return os.path.relpath(path, folder)


def report_of(act, folder, event):
    return next((report for report in act.reports
                 if (event["kind"], event["path"]) == (report.kind, place(folder, report.path))), None)


def flags(event, report):
    """But for the uncertainty that has its reason with it."""
    explained = "other_program" in event or (report and report.hidden)
    return frozenset(event.get("flags", ())) - {"redacted", "actor_uncertain" if explained else None}


def add_tests(case, acts):
    """One test an act, by its name."""
    for act in acts:
        what = "is not reported" if act.excused else "is reported once with whose it is"
        name = f"{act.name} {what} ({act.who.context} as {act.who.user})"
        setattr(case, f"test_{name.replace(' ', '_')}", lambda self, act=act: self.check(act))


def tell(case, host, acts, *, down=()):
    """Has all acts done while it is watched, and those of `down` while it isn't."""
    story = Story(host, (*acts, *down, LAST))
    host.boot()
    story.prepare()
    watch = FileWatch(host)
    case.addClassCleanup(watch.close)
    story.do(acts)
    story.do((LAST,))
    case.more(story)
    watch.wait_for_path(LAST.folder(host.trees[-1]))
    findings = watch.stop()
    if down:
        story.do(down)
        again = FileWatch(host)
        case.addClassCleanup(again.close)
        for act in down:
            again.wait_for_path(act.folder(host.trees[-1]))
        findings += again.stop()
    story.end(findings)
    return story


class OnAHost(FilesTest):
    """The acts of people and services, all in one go."""

    @classmethod
    def setUpClass(cls):
        disk = cls.enterClassContext(Disk())
        acts = (*ACTS, *UNTIED)
        host = cls.enterClassContext(AppHost(disk, (*acts, *FOUND, MANY, LAST)))
        cls.story = tell(cls, host, acts, down=FOUND)

    @classmethod
    def more(cls, story):
        host = story.host
        cls.below = {"before": state_of(host.path(BELOW), host.names)}
        host.login("alice", f"echo '# new' | sudo tee -a {BELOW} >/dev/null", key=host.keys["alice"])
        cls.below["after"] = state_of(host.path(BELOW), host.names)
        for folder in host.folders(MANY):
            host.login("alice", f"cd {folder}; for i in $(seq {TIMES}); do mkdir -p $i/a/b; echo new >$i/a/b/file; done",
                       key=host.keys["alice"])

    def test_a_file_of_the_layer_below_is_copied_up_and_reported_once(self):
        events = self.story.events_in(os.path.dirname(BELOW))
        self.assertEqual([brief(event) for event in events], [brief(event) for event in events[:1]])
        self.assertEqual(events[0]["path"], BELOW)
        self.assertEqual((events[0]["kind"], events[0]["user"], events[0]["person"]),
                         ("write", "root", self.story.persons["alice"]))
        self.assertEqual(events[0]["sha256"], self.below["after"]["sha256"])
        self.assertEqual(events[0]["sha256_before"], self.below["before"]["sha256"])

    def test_what_is_made_in_a_directory_that_is_new_is_never_missed(self):
        for folder in self.story.host.folders(MANY):
            findings = [finding for finding in self.story.findings if finding["event"]["path"].startswith(f"{folder}/")]
            counts = collections.Counter()
            for finding in findings:
                self.assertEqual(finding["count"], sum(finding["kinds"].values()))
                counts.update(finding["kinds"])
                self.assertEqual(finding["event"]["person"], self.story.persons["alice"])
            self.assertEqual(counts, {"create": 4 * TIMES})
            self.assertLess(len(findings), 4 * TIMES, "many by one are one finding")

    def test_nothing_else_is_reported(self):
        known = [folder for act in (*self.story.acts, MANY) for folder in self.story.host.folders(act)] + [os.path.dirname(BELOW)]
        told = [event for folder in known for event in self.story.events_in(folder)]
        self.assertEqual([brief(finding["event"]) for finding in self.story.findings if finding["event"] not in told], [])

    def test_each_finding_has_an_id_of_its_own(self):
        ids = [finding["id"] for finding in self.story.findings]
        self.assertEqual(len(ids), len(set(ids)))

    def test_each_says_which_rule_and_how_bad(self):
        for finding in self.story.findings:
            self.assertEqual((finding["finding"], finding["severity"]), ("file change", "high"))
            self.assertTrue(finding["rule"].endswith("/**"))
            self.assertTrue(finding["event"]["path"].startswith(finding["rule"].removesuffix("**")), finding)


    # -- what is remembered

    def test_what_each_change_did_is_on_its_page(self):
        for act, change, user in (("chef-change", "deploy-1", "chef"), ("alice-change", "deploy-2", "root")):
            for run, tree in enumerate(self.story.host.trees, 1):
                page = ask(self.story.host, "change", "show", f"{change}", "--run", str(run), "--json")
                self.assertEqual(page["changed_files"], [{"kind": "write", "path": f"{tree}/{act}/file", "count": 1}])
                event = next(event for event in page["kept"] if event["kind"] == "write")
                self.assertEqual((event["user"], event["change"]), (user, change))

    def test_each_change_by_a_person_is_in_the_session_it_was_made_in(self):
        told = collections.defaultdict(set)
        for finding in self.story.findings:
            event = finding["event"]
            if finding["count"] == 1 and "login" in event:
                told[event["login"]].add((event["kind"], event["path"]))
        self.assertGreater(len(told), len(ACTS) / 2)
        for login, changes in told.items():
            page = ask(self.story.host, "sessions", "show", login, "--json")
            kept = {(event["kind"], event["path"]) for event in page["kept"] if "path" in event}
            self.assertLessEqual(changes, kept)


class OnAHostWithSystemd(FilesTest):
    """What alice has systemd do."""

    @classmethod
    def setUpClass(cls):
        disk = cls.enterClassContext(Disk())
        host = cls.enterClassContext(AppHost(disk, (*BY_SYSTEMD, LAST), init=SYSTEMD))
        cls.story = tell(cls, host, BY_SYSTEMD)

    @classmethod
    def more(cls, story):
        pass


add_tests(OnAHost, (*ACTS, *UNTIED, *FOUND))
add_tests(OnAHostWithSystemd, BY_SYSTEMD)

if __name__ == "__main__":
    tap.main()
