#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to watched files, on real filesystems: each change once, by the right process, with the state before and after."""

# timeout: 300

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import tap
import watch
from watch import Cgroup, SOMBRERO

CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC = 0x20000, 0x1000, 0x40000, 0x4000


def setUpModule():
    watch.isolate()
    watch.unshare(CLONE_NEWNS)  # our mounts are ours
    watch.mount("none", "/", "", MS_PRIVATE | MS_REC)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Watch:
    """`sombrero watch --files` from its start to stop(); what it found is in `findings`."""

    def __init__(self, cgroup, state, *options):
        self.errors = tempfile.TemporaryFile("w+")
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [SOMBRERO, "watch", "--json", "--cgroup", cgroup.directory, "--state", str(state), *options],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.errors, preexec_fn=watch.die_with_parent)
        deadline = time.monotonic() + watch.PATIENCE
        while "watching" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"sombrero did not begin: {self.said()}")
            time.sleep(0.02)

    def said(self):
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def findings(self):
        return [json.loads(line) for line in os.pread(self.output.fileno(), 1 << 26, 0).decode().splitlines()]

    def wait_for(self, count):
        """Until so many findings are there, and a moment more for those that should not be."""
        deadline = time.monotonic() + watch.PATIENCE
        while len(self.findings()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.6)
        return self.findings()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        status = self.process.wait(watch.PATIENCE)
        if number != signal.SIGKILL and (status not in (0, 3) or "ERROR" in self.said()):
            raise AssertionError(f"sombrero ended with {status}: {self.said()}")
        return self.findings()


class FilesTest(unittest.TestCase):
    """A tree, a state, and a cgroup to act in, for each test."""

    def setUp(self):
        self.folder = watch.make_folder()
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)], check=False)
        self.tree = self.make_tree()
        self.cgroup = Cgroup()
        self.addCleanup(self.cgroup.remove)

    def make_tree(self):
        tree = self.folder / "tree"
        tree.mkdir()
        return tree

    def begin(self, *options):
        watching = Watch(self.cgroup, self.folder / "state", "--files", f"{self.tree}/**", *options)
        self.addCleanup(watching.process.kill)
        return watching

    def act(self, script, *arguments):
        """Runs a script of sh in the tree, as something that is watched. Its pid."""
        process = subprocess.Popen(["/bin/sh", "-ec", script, "sh", *map(str, arguments)], cwd=self.tree,
                                   preexec_fn=self.cgroup.enter, stdin=subprocess.DEVNULL)
        self.assertEqual(process.wait(watch.PATIENCE), 0)
        return process.pid

    def tell(self, script, *arguments, count=1):
        """What is found of a script: as events in the order of their paths."""
        watching = self.begin()
        self.pid = self.act(script, *arguments)
        watching.wait_for(count)
        return self.events(watching.stop())

    def events(self, findings):
        self.assertEqual([finding["count"] for finding in findings], [1] * len(findings), findings)
        return sorted((finding["event"] for finding in findings), key=lambda event: event["path"])

    def brief(self, events):
        """(kind, path below the tree, program) of each."""
        def below(path):
            return str(pathlib.Path(path).relative_to(self.tree))
        return [(event["kind"], below(event["path"]), pathlib.Path(event.get("exe", "/?")).name) for event in events]


class Changes(FilesTest):
    def test_a_file_that_is_made(self):
        [event] = self.tell("printf 'hello\\n' >new; chmod 640 new; :")[:1]
        self.assertEqual((event["kind"], event["path"]), ("create", f"{self.tree}/new"))
        self.assertEqual((event["size"], event["sha256"], event["file_type"]), (6, sha256(b"hello\n"), "file"))
        self.assertEqual((event["owner"], event["owner_group"]), ("root", "root"))
        self.assertNotIn("sha256_before", event)
        self.assertEqual(event["pid"], self.pid)
        self.assertEqual(event["exe"], os.path.realpath("/bin/sh"))

    def test_a_file_that_is_written(self):
        (self.tree / "old").write_bytes(b"before")
        (self.tree / "old").chmod(0o600)
        [event] = self.tell("printf after! >old")
        self.assertEqual(event["kind"], "write")
        self.assertEqual((event["sha256_before"], event["sha256"]), (sha256(b"before"), sha256(b"after!")))
        self.assertEqual((event["size_before"], event["size"], event["mode"]), (6, 6, "0600"))

    def test_appending_and_truncating(self):
        (self.tree / "log").write_bytes(b"1\n")
        (self.tree / "cut").write_bytes(b"123")
        events = self.tell("echo 2 >>log; truncate -s 1 cut", count=2)
        self.assertEqual(self.brief(events), [("write", "cut", "truncate"), ("write", "log", "dash")])
        self.assertEqual((events[0]["size_before"], events[0]["size"]), (3, 1))

    def test_attributes(self):
        (self.tree / "file").write_bytes(b"x")
        for script, before, after in (
            ("chmod 4711 file", {"mode_before": "0644"}, {"mode": "4711"}),
            ("chown daemon:mail file", {"owner_before": "root"}, {"owner": "daemon", "owner_group": "mail"}),
            ("touch -d 2001-01-01 file", {}, {}),
        ):
            with self.subTest(script):
                (self.tree / "file").chmod(0o644)
                [event] = self.tell(script)
                shutil.rmtree(self.folder / "state")
                self.assertEqual(event["kind"], "attributes")
                self.assertEqual(event | before | after, event)

    def test_removing(self):
        (self.tree / "gone").write_bytes(b"x")
        [event] = self.tell("rm gone")
        self.assertEqual((event["kind"], event["sha256_before"]), ("remove", sha256(b"x")))
        self.assertNotIn("sha256", event)

    def test_renaming(self):
        (self.tree / "one").write_bytes(b"x")
        (self.tree / "sub").mkdir()
        [event] = self.tell("mv one sub/two")
        self.assertEqual((event["kind"], event["path_before"], event["path"]),
                         ("rename", f"{self.tree}/one", f"{self.tree}/sub/two"))
        self.assertEqual(event["sha256"], sha256(b"x"))

    def test_renaming_over_another(self):
        (self.tree / "one").write_bytes(b"1")
        (self.tree / "two").write_bytes(b"2")
        [event] = self.tell("mv -f one two")
        self.assertEqual((event["kind"], event["path_before"]), ("rename", f"{self.tree}/one"))
        self.assertEqual((event["sha256_before"], event["sha256"]), (sha256(b"2"), sha256(b"1")))

    def test_two_that_change_places(self):
        (self.tree / "one").write_bytes(b"1")
        (self.tree / "two").write_bytes(b"2")
        code = ("import ctypes, os\n"
                "assert not ctypes.CDLL(None).renameat2(-100, b'one', -100, b'two', 2)\n")  # RENAME_EXCHANGE
        events = self.tell(f'exec {watch.PYTHON} -c "$1"', code, count=2)
        self.assertEqual([event["kind"] for event in events], ["write", "write"])
        self.assertEqual([event["sha256"] for event in events], [sha256(b"2"), sha256(b"1")])

    def test_a_name_that_was_only_passed_on_the_way(self):
        (self.tree / "one").write_bytes(b"x")
        [event] = self.tell(f'exec {watch.PYTHON} -c "$1"', "import os; os.rename('one', 'two'); os.rename('two', 'three')")
        self.assertEqual((event["kind"], event["path_before"], event["path"]),
                         ("rename", f"{self.tree}/one", f"{self.tree}/three"))

    def test_moving_in_and_out(self):
        (self.tree / "out").write_bytes(b"x")
        (self.folder / "in").write_bytes(b"y")
        events = self.tell("mv ../in in; mv out ../out", count=2)
        self.assertEqual(self.brief(events), [("create", "in", "mv"), ("remove", "out", "mv")])

    def test_links(self):
        (self.tree / "file").write_bytes(b"x")
        (self.tree / "link").symlink_to("file")
        events = self.tell("ln file hard; ln -sfn other link; ln -s file soft", count=3)
        self.assertEqual(self.brief(events), [("create", "hard", "ln"), ("write", "link", "ln"), ("create", "soft", "ln")])
        self.assertEqual((events[1]["target_before"], events[1]["target"]), ("file", "other"))
        self.assertEqual(events[2]["file_type"], "symlink")

    def test_an_editors_dance_is_one_write(self):
        (self.tree / "file").write_bytes(b"old\n")
        [event] = self.tell("sed -i s/old/new/ file")
        self.assertEqual(self.brief([event]), [("write", "file", "sed")])
        self.assertEqual((event["sha256_before"], event["sha256"]), (sha256(b"old\n"), sha256(b"new\n")))

    def test_what_came_and_went_is_not_told(self):
        self.assertEqual(self.brief(self.tell("echo x >a; mv a b; rm b; echo y >c")), [("create", "c", "dash")])

    def test_odd_names(self):
        name = "a b\n\x1b[31m\\*é"
        events = self.tell('echo x >"$1"', name)
        self.assertEqual(events[0]["path"], f"{self.tree}/" + watch.escape(name))

    def test_a_file_that_has_no_name_at_first(self):
        code = ("import ctypes, os\n"
                "fd = os.open('.', os.O_TMPFILE | os.O_WRONLY, 0o644)\n"
                "os.write(fd, b'late')\n"
                "path = f'/proc/self/fd/{fd}'.encode()\n"
                "assert not ctypes.CDLL(None).linkat(-100, path, -100, b'named', 0x400)\n")  # AT_SYMLINK_FOLLOW
        [event] = self.tell(f'exec {watch.PYTHON} -c "$1"', code)
        self.assertEqual((event["kind"], event["sha256"]), ("create", sha256(b"late")))

    def test_a_mapping_is_told_at_the_close_and_uncertain(self):
        (self.tree / "file").write_bytes(b"x" * 4096)
        code = ("import mmap, os\n"
                "fd = os.open('file', os.O_RDWR)\n"
                "with mmap.mmap(fd, 4096) as map:\n"
                "    map[0] = 0x79\n"
                "os.close(fd)\n")
        [event] = self.tell(f'exec {watch.PYTHON} -c "$1"', code)
        self.assertEqual(event["kind"], "write")
        self.assertIn("actor_uncertain", event["flags"])

    def test_reading_is_nothing(self):
        (self.tree / "file").write_bytes(b"x")
        self.assertEqual(self.tell("cat file >/dev/null; : >>file; ls -l >/dev/null", count=0), [])

    def test_an_old_descriptor(self):
        (self.tree / "file").write_bytes(b"x")
        gate = self.folder / "gate"
        os.mkfifo(gate)
        process = subprocess.Popen(["/bin/sh", "-c", f"exec 3>>file; read go <{gate}; echo y >&3; sleep 60"], cwd=self.tree,
                                   preexec_fn=self.cgroup.enter)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        time.sleep(0.3)
        watching = self.begin()
        gate.write_text("go\n")
        watching.wait_for(1)
        [event] = self.events(watching.stop())
        self.assertEqual((event["kind"], event["pid"]), ("write", process.pid))

    def test_two_actors_on_one_file(self):
        """Each is told of, however close they were."""
        (self.tree / "file").write_bytes(b"x")
        events = self.tell("echo 1 >>file; /usr/bin/env sh -c 'echo 2 >>file'; chmod 600 file", count=3)
        self.assertEqual(sorted(event["kind"] for event in events), ["attributes", "write", "write"])
        self.assertEqual(len({event["pid"] for event in events}), 3)


    def test_a_file_that_one_writes_and_another_takes_away(self):
        """Each did what they did; what was written is not there any more to be looked at."""
        for name in ("file", "moved", "renamed"):
            (self.tree / name).write_bytes(b"x")
        events = self.tell("echo 2 >>file; echo 2 >>moved; echo 2 >>renamed; rm file; mv moved ..; mv renamed to; echo 2 >n; rm n",
                           count=6)
        self.assertEqual(sorted(self.brief(events)), [
            ("remove", "file", "rm"), ("remove", "moved", "mv"), ("rename", "to", "mv"),
            ("write", "file", "dash"), ("write", "moved", "dash"), ("write", "renamed", "dash")])


    def test_a_large_file_that_grows_is_not_read_all_the_time(self):
        """Each time it is left alone for a moment all of it would be read again."""
        with open(self.tree / "log", "wb") as log:
            log.truncate(1000 << 20)
        watching = self.begin()
        started = time.monotonic()
        self.act("for i in $(seq 40); do echo $i >>log; sleep 0.15; done")
        watching.wait_for(1)
        minutes = (time.monotonic() - started) / 60
        used = pathlib.Path(f"/proc/{watching.process.pid}/io").read_text().split()
        events = [finding["event"] for finding in watching.stop() for _ in range(finding["count"])]
        self.assertEqual({event["kind"] for event in events}, {"write"})
        # Once for the baseline, and then a few times a minute.
        self.assertLess(int(used[used.index("rchar:") + 1]) >> 20, 3200 + 4000 * minutes)


    def test_what_is_written_a_microsecond_after(self):
        """Whoever made the directory is named where nobody could be seen, as uncertain."""
        code = ("import os\n"
                "for i in range(200):\n"
                "    os.makedirs(f'{i}/a/b')\n"
                "    open(f'{i}/a/b/file', 'w').write(str(i))\n")
        watching = self.begin()
        self.act(f'exec {watch.PYTHON} -c "$1"', code)
        deadline = time.monotonic() + watch.PATIENCE
        while not (findings := watching.findings()) and time.monotonic() < deadline:
            time.sleep(0.1)
        findings = watching.stop()
        self.assertEqual(sum(finding["count"] for finding in findings), 800)
        self.assertEqual(sum(finding["kinds"].get("create", 0) for finding in findings), 800)
        again = self.begin()
        self.assertEqual(again.stop(), [])

    def test_a_directory_that_is_renamed(self):
        (self.tree / "one/sub").mkdir(parents=True)
        (self.tree / "one/sub/file").write_bytes(b"x")
        watching = self.begin()
        self.act("mv one two")
        watching.wait_for(1)
        self.act("echo y >two/sub/file; echo z >two/new")
        watching.wait_for(3)
        events = self.events(watching.stop())
        self.assertEqual(self.brief(events),
                         [("rename", "two", "mv"), ("create", "two/new", "dash"), ("write", "two/sub/file", "dash")])
        self.assertEqual(events[0]["entries"], 2)

    def test_a_directory_that_is_renamed_at_once(self):
        events = self.tell("mkdir -p a/b; echo x >a/b/c; mv a z", count=3)
        self.assertEqual([(kind, path) for kind, path, _ in self.brief(events)],
                         [("create", "z"), ("create", "z/b"), ("create", "z/b/c")])

    def test_a_directory_moved_in_and_one_out(self):
        (self.folder / "in/sub").mkdir(parents=True)
        (self.folder / "in/sub/file").write_bytes(b"x")
        (self.tree / "out").mkdir()
        (self.tree / "out/file").write_bytes(b"x")
        watching = self.begin()
        self.act("mv ../in in; mv out ../out")
        watching.wait_for(4)
        self.act("echo y >in/sub/file; echo y >../out/file")
        watching.wait_for(5)
        events = self.events(watching.stop())
        self.assertEqual([(event["kind"], os.path.basename(event["path"])) for event in events],
                         [("create", "in"), ("create", "sub"), ("create", "file"), ("write", "file"), ("remove", "out")])
        self.assertEqual(events[-1]["entries"], 1)

    def test_directories_that_change_places(self):
        for name in ("one", "two"):
            (self.tree / name / "sub").mkdir(parents=True)
            (self.tree / name / "sub" / "file").write_bytes(name.encode())
        code = ("import ctypes\n"
                "assert not ctypes.CDLL(None).renameat2(-100, b'one', -100, b'two', 2)\n")  # RENAME_EXCHANGE
        watching = self.begin()
        self.act(f'exec {watch.PYTHON} -c "$1"', code)
        watching.wait_for(2)
        self.act("echo 1 >one/sub/file; echo 2 >two/sub/file; echo 1 >one/sub/new; echo 2 >two/sub/new")
        watching.wait_for(6)
        events = self.events(watching.stop())
        self.assertEqual(self.brief(events), [
            ("rename", "one", "python3.11"), ("write", "one/sub/file", "dash"), ("create", "one/sub/new", "dash"),
            ("rename", "two", "python3.11"), ("write", "two/sub/file", "dash"), ("create", "two/sub/new", "dash")])
        self.assertEqual([event["sha256_before"] for event in events if event["kind"] == "write"],
                         [sha256(b"two"), sha256(b"one")])
        self.assertEqual(self.begin().stop(), [])

    def test_a_directory_in_the_place_of_one_that_was_removed(self):
        for name in ("live", "next"):
            (self.tree / name).mkdir()
        (self.tree / "live/old").write_bytes(b"1")
        (self.tree / "live/file").write_bytes(b"1")
        (self.tree / "next/file").write_bytes(b"2")
        events = self.tell("rm -r live; mv next live", count=4)
        self.assertEqual(self.brief(events), [("remove", "live", "rm"), ("rename", "live", "mv"),
                                              ("remove", "live/file", "rm"), ("remove", "live/old", "rm")])

    def test_removing_a_directory(self):
        (self.tree / "a/b").mkdir(parents=True)
        (self.tree / "a/b/c").write_bytes(b"x")
        events = self.tell("rm -r a", count=3)
        self.assertEqual(self.brief(events), [("remove", "a", "rm"), ("remove", "a/b", "rm"), ("remove", "a/b/c", "rm")])

    def test_a_tree_that_comes_later_and_is_replaced(self):
        self.tree.rmdir()
        watching = self.begin()
        self.tree.mkdir()
        self.act("echo x >file; cp -a . ../next; echo y >../next/file; echo z >../next/more")
        watching.wait_for(2)
        self.cgroup_run("mv", str(self.tree), str(self.folder / "before"))
        self.cgroup_run("mv", str(self.folder / "next"), str(self.tree))
        watching.wait_for(4)
        self.act("echo live >live")
        watching.wait_for(5)
        kinds = [(event["kind"], event["path"].removeprefix(str(self.tree))) for event in self.events(watching.stop())]
        self.assertEqual(kinds.count(("create", "/live")), 1)
        self.assertIn(("create", "/more"), kinds)
        self.assertEqual({path for kind, path in kinds if path}, {"/file", "/more", "/live"})

    def cgroup_run(self, *command):
        subprocess.run(command, check=True, preexec_fn=self.cgroup.enter)

    def test_only_what_the_pattern_says(self):
        (self.tree / "deep/er").mkdir(parents=True)
        watching = Watch(self.cgroup, self.folder / "state", "--files", f"{self.tree}/*.conf",
                         "--files", f"{self.tree}/deep/**")
        self.addCleanup(watching.process.kill)
        self.act("echo 1 >a.conf; echo 1 >a.txt; mkdir other; echo 1 >other/b.conf; echo 1 >deep/er/c")
        watching.wait_for(2)
        self.assertEqual(self.brief(self.events(watching.stop())),
                         [("create", "a.conf", "dash"), ("create", "deep/er/c", "dash")])


    def test_the_whole_root(self):
        """Its directory has no name; the second start compares."""
        pattern = f"/*.{os.getpid()}"
        for count in (0, 1):
            watching = Watch(self.cgroup, self.folder / "state", "--files", pattern)
            self.addCleanup(watching.process.kill)
            path = pathlib.Path(f"/sombrero-test.{os.getpid()}")
            self.addCleanup(path.unlink, missing_ok=True)
            if count:
                path.write_bytes(b"x")
                watching.wait_for(1)
            self.assertEqual([event["path"] for event in self.events(watching.stop())], [str(path)] * count)


class Others(FilesTest):
    """Those with other mounts."""

    def test_whoever_makes_namespaces_of_their_own_takes_nothing_away(self):
        """The files are those at home, whoever looks at them from elsewhere, and stay watched after."""
        (self.tree / "file").write_bytes(b"x")
        os.chmod(self.tree, 0o777)
        os.chmod(self.tree / "file", 0o666)
        watching = self.begin("--except", "program=/usr/bin/sleep")
        gate = self.folder / "gate"
        os.mkfifo(gate)
        stranger = subprocess.Popen(
            ["unshare", "-Urmpf", "/bin/sh", "-c", f"echo ready >{gate}; sleep 1; echo inside >>file; sleep 1"],
            cwd=self.tree, preexec_fn=self.cgroup.enter)
        self.assertEqual(gate.read_text(), "ready\n")
        self.act("sleep 0.5; echo outside >outside")
        self.assertEqual(stranger.wait(watch.PATIENCE), 0)
        time.sleep(1.5)
        self.act("echo after >after")
        watching.wait_for(3)
        events = self.events(watching.stop())
        self.assertEqual(self.brief(events),
                         [("create", "after", "dash"), ("write", "file", "dash"), ("create", "outside", "dash")])
        self.assertEqual([event.get("file_container", "") for event in events], ["", "", ""])


class Exceptions(FilesTest):
    def test_whoever_may_is_not_told_of(self):
        watching = self.begin("--except", f"program={os.path.realpath('/usr/bin/touch')}", "--except", "user=daemon")
        self.tree.chmod(0o777)
        self.act("sleep 0.2; touch mine; setpriv --reuid daemon --clear-groups sh -c 'echo x >theirs'; echo x >yours")
        watching.wait_for(1)
        events = self.events(watching.stop())
        # The shell before its exec may have been it, and is no exception: then it is told, with both names.
        self.assertIn(("create", "yours", "dash"), self.brief(events))
        self.assertNotIn("theirs", [path for _, path, _ in self.brief(events)])


class Nobody(FilesTest):
    """What happened while nobody watched is found at the start."""

    def test_it_is_told_once_as_found(self):
        for name in ("same", "written", "removed", "mode"):
            (self.tree / name).write_bytes(b"x")
        self.assertEqual(self.begin().stop(), [])
        (self.tree / "written").write_bytes(b"y")
        os.utime(self.tree / "written", (0, 0))
        (self.tree / "removed").unlink()
        (self.tree / "mode").chmod(0o777)
        (self.tree / "made").write_bytes(b"z")
        os.utime(self.tree / "same")
        watching = self.begin()
        watching.wait_for(4)
        events = self.events(watching.stop())
        self.assertEqual([(kind, path) for kind, path, _ in self.brief(events)],
                         [("create", "made"), ("attributes", "mode"), ("remove", "removed"), ("write", "written")])
        for event in events:
            self.assertEqual(event["flags"], ["found"])
            self.assertNotIn("pid", event)
        self.assertEqual(self.begin().stop(), [])

    def test_protection_is_found(self):
        """chattr(1) gives the kernel nothing to notify of, not even while somebody watches."""
        (self.tree / "file").write_bytes(b"x")
        watching = self.begin()
        if subprocess.run(["chattr", "+ia", self.tree / "file"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("this filesystem has no such flags")
        self.addCleanup(subprocess.run, ["chattr", "-ia", self.tree / "file"], check=False)
        self.assertEqual(self.events(watching.stop()), [])
        watching = self.begin()
        watching.wait_for(1)
        [event] = self.events(watching.stop())
        self.assertEqual((event["kind"], event["flags"]), ("attributes", ["found"]))
        self.assertEqual(event["protection"], "immutable, append only")
        self.assertNotIn("protection_before", event)

    def test_what_was_ready_before_a_kill_is_told_after_it(self):
        watching = self.begin()
        self.act("for i in 1 2 3; do echo $i >$i; done")
        time.sleep(0.25)  # settled, perhaps committed, not yet printed
        first = watching.stop(signal.SIGKILL)
        again = self.begin()
        again.wait_for(3)
        told = {finding["id"]: finding["event"] for finding in first + again.stop()}
        self.assertEqual(sorted(os.path.basename(event["path"]) for event in told.values()), ["1", "2", "3"])

    def test_more_was_ready_than_fits_into_memory(self):
        """After a day on which nobody read: all of it is told, and then forgotten."""
        self.assertEqual(self.begin().stop(), [])
        line = b'{"event":"' + b"x" * 1000000 + b'"}\n'
        with contextlib.closing(sqlite3.connect(self.folder / "state/state.db")) as database, database:
            database.executemany("INSERT INTO outbox (line) VALUES (?)", [(line,)] * 80)
        watching = self.begin()
        numbered = sum(len(f'"id":{number},') + len(line) for number in range(1, 81))
        self.assertEqual(os.fstat(watching.output.fileno()).st_size, numbered)
        watching.process.send_signal(signal.SIGINT)
        self.assertEqual(watching.process.wait(watch.PATIENCE), 3, watching.said())
        self.assertEqual(self.begin().stop(), [])

    def test_two_watches_of_one_state(self):
        watching = self.begin()
        with self.assertRaisesRegex(AssertionError, str(watching.process.pid)):
            self.begin()


class Filesystems(FilesTest):
    def make_tree(self):
        self.place = self.folder / "place"
        self.place.mkdir()
        return self.place / "tree"

    def mounted(self, kind, data=""):
        watch.mount(kind, self.place, kind, 0, data)
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.place)], check=False)

    def check(self):
        [event] = self.tell("mkdir -p new; sleep 0.3; echo x >new/file", count=2)[1:]
        self.assertEqual(self.brief([event]), [("create", "new/file", "dash")])

    def test_tmpfs(self):
        self.mounted("tmpfs")
        self.tree.mkdir()
        self.check()

    def test_a_filesystem_that_is_mostly_the_tree(self):
        """It is watched as a whole: the writer is named, not who made the directory."""
        self.mounted("tmpfs")
        self.tree.mkdir()
        for number in range(1100):
            (self.tree / f"file{number}").touch()
        events = self.tell("sleep 0.2; mkdir -p a/b/c; echo x >a/b/c/d", count=4)
        self.assertEqual(self.brief(events)[-1], ("create", "a/b/c/d", "dash"))
        self.assertNotIn("actor_uncertain", events[-1].get("flags", []))

    def test_an_overlay(self):
        for name in ("lower/tree/sub", "disk"):
            (self.folder / name).mkdir(parents=True)
        watch.mount("tmpfs", self.folder / "disk", "tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.folder / "disk")], check=False)
        for name in ("upper", "work"):
            (self.folder / "disk" / name).mkdir()
        (self.folder / "lower/tree/sub/file").write_bytes(b"below")
        self.mounted("overlay", f"lowerdir={self.folder}/lower,upperdir={self.folder}/disk/upper,workdir={self.folder}/disk/work")
        events = self.tell("echo x >sub/new; echo over >sub/file; sleep 0.3; rm sub/file", count=3)
        self.assertEqual(sorted((kind, path) for kind, path, _ in self.brief(events)),
                         [("create", "sub/new"), ("remove", "sub/file"), ("write", "sub/file")])


class Containers(FilesTest):
    """Files of containers are watched under the same patterns, and told apart."""

    MAKE = """
        mount -t tmpfs tmpfs "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
        cd "$1/root"
        mount -t proc proc proc
        mkdir -p old
        pivot_root . old
        umount -l old
        cd /
        exec /bin/sh -ec "$2" sh "$3"
    """

    def container(self, script):
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        process = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "/bin/sh", "-ec", self.MAKE, "sh", str(disk), script,
                                    str(self.tree)], preexec_fn=self.cgroup.enter, stdin=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_a_containers_files_are_told_as_its_own(self):
        (self.tree / "file").write_bytes(b"below")
        watching = self.begin()
        inside = self.container('read go; echo over >"$1/file"; echo new >"$1/new"; read go')
        time.sleep(1.5)  # it is met
        inside.stdin.write("go\n")
        inside.stdin.flush()
        watching.wait_for(2)
        self.act("echo ours >ours")
        watching.wait_for(3)
        inside.stdin.close()
        events = self.events(watching.stop())
        self.assertEqual(self.brief(events), [("write", "file", "dash"), ("create", "new", "dash"), ("create", "ours", "dash")])
        ids = [event.get("file_container", "") for event in events]
        self.assertRegex(ids[0], r"^pidns:\d+$")
        self.assertEqual(ids, [ids[0], ids[0], ""])
        self.assertEqual(events[0]["sha256_before"], sha256(b"below"))
        self.assertEqual((self.tree / "file").read_bytes(), b"below")

    def test_what_a_container_writes_last(self):
        """Nobody can look at it any more: it is told as what notices said, and nothing as removed."""
        (self.tree / "file").write_bytes(b"x")
        watching = self.begin()
        inside = self.container('while read name; do echo x >"$1/$name"; done')
        deadline = time.monotonic() + watch.PATIENCE
        while not watching.findings() and time.monotonic() < deadline:  # it is met
            inside.stdin.write("probe\n")
            inside.stdin.flush()
            time.sleep(0.5)
        inside.stdin.write("file\nnew\n")
        inside.stdin.close()
        self.assertEqual(inside.wait(watch.PATIENCE), 0)
        watching.wait_for(len(watching.findings()) + 2)
        events = [event for event in self.events(watching.stop()) if not event["path"].endswith("probe")]
        self.assertEqual(self.brief(events), [("write", "file", "dash"), ("create", "new", "dash")])
        self.assertNotIn("sha256", events[0] | events[1])

    def test_a_container_that_ends_is_no_news_and_holds_nothing(self):
        (self.tree / "file").write_bytes(b"x")
        watching = self.begin()
        for _ in range(2):
            inside = self.container("read go")
            time.sleep(1.0)
            inside.stdin.close()
            self.assertIn(inside.wait(watch.PATIENCE), (0, 1))
            time.sleep(1.2)
        mounts = pathlib.Path(f"/proc/{watching.process.pid}/fd")
        self.assertNotIn(str(self.folder / "disk"), [os.path.realpath(each) for each in mounts.iterdir()])
        self.assertEqual(watching.stop(), [])


if __name__ == "__main__":
    tap.main()
