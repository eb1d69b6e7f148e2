#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sombrero change`: what runs as a declared change, how it ends, what it leaves, and what is told of it. And the commands that show
what the state remembers, filled by a watch: off, sessions, status."""

import json
import os
import pathlib
import pty
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from fakehost import cgroup_root, end_with_parent, wait_for

SOMBRERO = os.path.abspath(os.path.join(os.environ.get("SOMBRERO_BUILD", "build"), "src", "sombrero"))
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
EVIL = "\x1b[31mred\nline"
ESCAPED = r"\x1b[31mred\x0aline"


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Stateful(unittest.TestCase):
    """Each test has a state of its own, and ids that no other process has."""

    runs = 0

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        folder = tempfile.TemporaryDirectory(prefix="sombrero-change-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.state = self.folder / "state"
        Stateful.runs += 1
        self.id = f"test-{os.getpid()}-{Stateful.runs}"
        self.addCleanup(self.remove_cgroup)

    def cgroup(self, id_=None):
        return pathlib.Path(cgroup_root()) / f"sombrero-change-{id_ or self.id}.scope"

    def remove_cgroup(self):
        if self.cgroup().exists():
            (self.cgroup() / "cgroup.kill").write_text("1")
            wait_for("its processes to end", lambda: "populated 0" in (self.cgroup() / "cgroup.events").read_text())
            self.cgroup().rmdir()

    def run_sombrero(self, *words, prefix=(), **options):
        return subprocess.run([*prefix, SOMBRERO, *map(str, words)], capture_output=True, text=True, timeout=60, check=False,
                              **{"stdin": subprocess.DEVNULL, **options})

    def change(self, *words, **options):
        return self.run_sombrero("change", *words, **options)

    def begin(self, *command, id_=None, words=(), **options):
        result = self.change("begin", "--id", id_ or self.id, *words, "--state", self.state, "--", *command, **options)
        self.assertNotIn("Sanitizer", result.stderr)
        return result

    @staticmethod
    def start_afresh():
        """Whoever runs the tests in the background may ignore some signals, and so would all that is run here."""
        end_with_parent()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)

    def begin_in_background(self, *command, **options):
        process = subprocess.Popen([SOMBRERO, "change", "begin", "--id", self.id, "--state", self.state, "--", *command],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=self.start_afresh, **options)

        def end():
            process.kill()
            process.wait()
            process.stdout.close()  # what it left behind may hold the other ends
            process.stderr.close()
        self.addCleanup(end)
        return process

    def listed(self, *words):
        result = self.run_sombrero(*words, "--json", "--state", self.state)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def shown(self, run=0):
        return self.listed("change", "show", self.id, *(("--run", run) if run else ()))[0]


class Begin(Stateful):
    def test_it_returns_what_the_command_returns(self):
        for status in (0, 1, 3, 125, 255):
            self.assertEqual(self.begin("sh", "-c", f"exit {status}").returncode, status)
            self.assertEqual(self.shown()["exit_status"], status)
        self.assertEqual(self.shown()["run"], 5)

    def test_a_command_that_a_signal_ended_is_told_as_shells_tell_it(self):
        self.assertEqual(self.begin("sh", "-c", "kill -KILL $$").returncode, 128 + signal.SIGKILL)
        self.assertIn(f"signal {int(signal.SIGKILL)}", self.change("list", "--state", self.state).stdout)

    def test_a_command_that_is_not_there_or_cannot_be_run_is_named(self):
        result = self.begin("/no/such/command")
        self.assertEqual(result.returncode, 127)
        self.assertIn("/no/such/command: No such file", result.stderr)
        result = self.begin("/etc/passwd")
        self.assertEqual(result.returncode, 126)
        self.assertIn("/etc/passwd: Permission denied", result.stderr)
        self.assertEqual([run["exit_status"] for run in self.listed("change", "list")], [126, 127])
        self.assertFalse(self.cgroup().exists())

    def test_it_runs_in_the_cgroup_of_its_id_which_goes_with_it(self):
        result = self.begin("cat", "/proc/self/cgroup")
        self.assertIn(f"0::/sombrero-change-{self.id}.scope\n", result.stdout)
        self.assertFalse(self.cgroup().exists())
        self.assertEqual(result.stderr, "")

    def test_what_it_runs_gets_its_input_output_and_place(self):
        result = self.begin("sh", "-c", "cat; pwd; echo to errors >&2", input="from outside\n", stdin=None, cwd="/usr")
        self.assertEqual((result.stdout, result.stderr), ("from outside\n/usr\n", "to errors\n"))

    def test_options_after_the_command_are_its_own(self):
        self.assertEqual(self.begin("echo", "--id", "-x", "--state").stdout, "--id -x --state\n")
        result = self.change("begin", "--id", self.id, "--state", self.state, "echo", "--json")
        self.assertEqual(result.stdout, "--json\n")

    def test_signals_are_passed_on_and_the_command_decides(self):
        for name in ("TERM", "INT", "HUP", "USR1", "QUIT"):
            with self.subTest(name):
                process = self.begin_in_background("sh", "-c", f"trap 'echo got; exit 7' {name}; echo ready; while :; do sleep 0.05; done")
                self.assertEqual(process.stdout.readline(), "ready\n")
                process.send_signal(getattr(signal, f"SIG{name}"))
                output, _ = process.communicate(timeout=20)
                self.assertEqual((process.returncode, output), (7, "got\n"))

    def test_a_signal_that_the_command_does_not_take_ends_it(self):
        process = self.begin_in_background("sh", "-c", "echo ready; exec sleep 60")
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.terminate()
        self.assertEqual(process.wait(20), 128 + signal.SIGTERM)
        self.assertEqual(self.shown()["state"], "ended")

    def test_what_was_ignored_stays_ignored_and_nothing_is_blocked(self):
        result = self.begin("sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status", prefix=("env", "--ignore-signal=HUP"))
        blocked, ignored = (int(line.split()[1], 16) for line in result.stdout.splitlines())
        self.assertEqual(blocked, 0)
        self.assertTrue(ignored & 1 << signal.SIGHUP - 1)
        self.assertFalse(ignored & 1 << signal.SIGPIPE - 1)

    def test_an_interrupt_at_the_terminal_reaches_the_command_once(self):
        script = "trap 'echo interrupted' INT; echo ready; sleep 0.4; sleep 0.4; echo end"
        pid, terminal = pty.fork()
        if not pid:
            os.execv(SOMBRERO, [SOMBRERO, "change", "begin", "--id", self.id, "--state", str(self.state), "--", "sh", "-c", script])
        output = b""
        try:
            while b"ready" not in output:
                output += os.read(terminal, 4096)
            os.write(terminal, b"\x03")
            while b"end" not in output:
                output += os.read(terminal, 4096)
        finally:
            _, status = os.waitpid(pid, 0)
            os.close(terminal)
        self.assertEqual(output.count(b"interrupted"), 1, output)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    def test_a_daemon_is_left_alone_and_the_cgroup_goes_when_it_has_gone(self):
        result = self.begin("sh", "-c", "setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $!")
        pid = int(result.stdout)
        self.assertEqual(result.returncode, 0)
        self.assertIn("still runs", result.stderr)
        self.assertTrue(alive(pid))
        self.assertIn(str(pid), (self.cgroup() / "cgroup.procs").read_text().split())
        self.begin("true", id_=f"{self.id}-other")
        self.assertTrue(self.cgroup().exists(), "it is not empty")
        os.kill(pid, signal.SIGKILL)
        wait_for("the daemon to be gone", lambda: not (self.cgroup() / "cgroup.procs").read_text())
        self.begin("true", id_=f"{self.id}-other")
        self.assertFalse(self.cgroup().exists())

    def test_a_cgroup_that_somebody_else_made_is_used_and_is_not_swept(self):
        theirs = self.cgroup(f"{self.id}-theirs")
        theirs.mkdir()
        self.addCleanup(lambda: theirs.exists() and theirs.rmdir())
        self.assertEqual(self.begin("true").returncode, 0)
        self.assertTrue(theirs.exists())
        result = self.begin("cat", "/proc/self/cgroup", id_=f"{self.id}-theirs")
        self.assertIn(f"0::/{theirs.name}\n", result.stdout)

    def test_the_same_id_may_run_twice_also_at_once(self):
        first = self.begin_in_background("sh", "-c", "echo ready; exec sleep 60")
        self.assertEqual(first.stdout.readline(), "ready\n")
        second = self.begin("cat", "/proc/self/cgroup")
        self.assertEqual(second.returncode, 0)
        self.assertIn(self.cgroup().name, second.stdout)
        self.assertEqual((self.shown(1)["state"], self.shown(2)["state"]), ("running", "ended"))
        first.terminate()
        first.wait(20)
        self.assertEqual(self.shown(1)["exit_status"], 128 + signal.SIGTERM)
        self.assertFalse(self.cgroup().exists())

    def test_many_at_once_do_not_sweep_each_others_cgroup(self):
        script = " ".join(f"{shlex.quote(SOMBRERO)} change begin --id {self.id}-{n} --state {self.state} -- true || echo failed &"
                          for n in range(16))
        result = subprocess.run(["sh", "-c", f"{script} wait"], capture_output=True, text=True, timeout=100, check=True)
        self.assertEqual((result.stdout, result.stderr), ("", ""))
        self.assertEqual({run["exit_status"] for run in self.listed("change", "list")}, {0})
        self.assertEqual(list(pathlib.Path(cgroup_root()).glob(f"sombrero-change-{self.id}-*")), [])

    def test_a_bad_id_is_refused_and_nothing_is_run(self):
        for id_ in ("", "a/b", "..x/", "a b", "ä", "x" * 65, "a\nb", "session:bob"):
            with self.subTest(id_):
                result = self.change("begin", "--id", id_, "--state", self.state, "--", "touch", self.folder / "ran")
                self.assertEqual(result.returncode, 2)
                self.assertIn("an id has letters", result.stderr)
        self.assertFalse((self.folder / "ran").exists())
        self.assertFalse(self.state.exists())

    def test_a_command_line_that_is_not_right_says_how(self):
        for words in ((), ("dance",), ("begin",), ("begin", "--id", "x"), ("begin", "--", "true"), ("show",), ("show", "a", "b"),
                      ("list", "x"), ("list", "--id", "x"), ("show", "--run", "0", "x"), ("show", "--run", "-1", "x"), ("list", "--what"),
                      ("begin", "--id", "x", "--json", "--", "true")):
            with self.subTest(words):
                result = self.change(*words)
                self.assertEqual(result.returncode, 2, words)
                self.assertIn("sombrero change --help", result.stderr)

    def test_without_root_it_says_so_and_runs_nothing(self):
        self.folder.chmod(0o777)
        result = self.begin("touch", self.folder / "ran", prefix=NOBODY)
        self.assertEqual(result.returncode, 1)
        self.assertIn("needs root", result.stderr)
        self.assertFalse((self.folder / "ran").exists())

    def test_where_it_cannot_be_recorded_nothing_is_run(self):
        self.state.mkdir(mode=0o777)
        self.state.chmod(0o777)
        result = self.begin("touch", self.folder / "ran")
        self.assertEqual(result.returncode, 1)
        self.assertIn("can be written by others", result.stderr)
        self.assertFalse((self.folder / "ran").exists())
        self.assertFalse(self.cgroup().exists())

    def test_a_begin_that_was_killed_is_not_running_for_ever(self):
        process = self.begin_in_background("sleep", "60")
        wait_for("the command to run", lambda: self.cgroup().exists() and (self.cgroup() / "cgroup.procs").read_text())
        self.assertEqual(self.shown()["state"], "running")
        process.kill()
        process.wait()
        self.assertEqual(self.shown()["state"], "unknown")
        self.assertTrue((self.cgroup() / "cgroup.procs").read_text(), "the command goes on")


class Told(Stateful):
    def test_who_why_and_what_are_kept_without_secrets_and_shown_escaped(self):
        result = self.begin("true", "--password=hunter2", EVIL, words=("--reason", EVIL), env={**os.environ, "SUDO_USER": "carol"})
        self.assertEqual(result.returncode, 0)
        told = self.shown()
        self.assertEqual(told["reason"], ESCAPED)
        self.assertEqual(told["command"], f"true --password=*** {ESCAPED}")
        self.assertEqual(told["user"], "root")
        login = pathlib.Path("/proc/self/loginuid").read_text()
        if login == "4294967295":
            self.assertEqual(told["person"], "carol")
        page = self.change("show", self.id, "--state", self.state).stdout
        self.assertIn(f"  reason   {ESCAPED}\n", page)
        self.assertNotIn("\x1b", page)
        self.assertNotIn("hunter2", page)

    def test_a_change_that_is_not_there_is_said(self):
        self.begin("true")
        for words in (("show", "none"), ("show", self.id, "--run", "2")):
            result = self.change(*words, "--state", self.state)
            self.assertEqual(result.returncode, 1)
            self.assertIn("sombrero change list", result.stderr)

    def test_without_a_state_every_command_says_so(self):
        for words in (("change", "list"), ("change", "show", "x"), ("sessions",), ("sessions", "--failed"), ("sessions", "show", "x"),
                      ("off", "--reason", "x"), ("status", "--json")):
            result = self.run_sombrero(*words, "--state", self.state)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn("there is no state in", result.stderr)
        self.assertFalse(self.state.exists())

    def test_a_state_that_is_root_s_is_not_read_by_others(self):
        self.folder.chmod(0o755)
        self.begin("true")
        result = self.run_sombrero("change", "list", "--state", self.state, prefix=NOBODY)
        self.assertEqual(result.returncode, 1)
        self.assertIn("run with sudo", result.stderr)

    def test_a_sombrero_that_is_not_on_can_be_taken_off_and_needs_a_reason_all_the_same(self):
        self.begin("true")
        result = self.run_sombrero("off", "--reason", "why not", "--state", self.state)
        self.assertEqual((result.returncode, result.stdout), (0, "there is no sombrero to take off\n"))
        for words in (("off",), ("off", "--reason", " ")):
            self.assertEqual(self.run_sombrero(*words, "--state", self.state).returncode, 2)

    def test_times_and_options_of_sessions_are_checked(self):
        self.begin("true")
        for since in ("2h", "2026-11-24", "2026-11-24 14:00", "2026-11-24T14:00:05"):
            self.assertEqual(self.run_sombrero("sessions", "--since", since, "--state", self.state).returncode, 0)
        for words in (("--since", "yesterday"), ("--since", "2026-13-77"), ("dance",), ("show",), ("show", "a", "b"), ("--what",),
                      ("show", "a", "--open"), ("--failed", "--person", "x")):
            self.assertEqual(self.run_sombrero("sessions", *words, "--state", self.state).returncode, 2, words)
        self.assertEqual(self.listed("sessions"), [])
        result = self.run_sombrero("sessions", "show", "abc", "--state", self.state)
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no session abc", result.stderr)

    def test_status_without_root_says_what_needs_it(self):
        self.folder.chmod(0o755)
        self.begin("true")
        result = self.run_sombrero("status", "--state", self.state, prefix=NOBODY)
        self.assertEqual(result.returncode, 1)
        self.assertIn("run with sudo", result.stderr)
        self.assertIn("needs root", result.stderr)


class Watched(Stateful):
    """With a watch on a tree, the change's own page tells what it did, and the sombrero goes on and off."""

    def setUp(self):
        super().setUp()
        self.tree = self.folder / "app"
        self.tree.mkdir()
        (self.tree / "file").write_text("old\n")
        policy = self.folder / "policy.yml"
        policy.write_text(f"policy: web\nfiles:\n  - {{ path: {self.tree}/**, on: [write, create, remove, rename, attributes], "
                          "severity: high, sombrero: true }\n")
        self.output = (self.folder / "watch.out").open("w+")
        self.addCleanup(self.output.close)
        self.watch = subprocess.Popen([SOMBRERO, "watch", "--json", "-p", policy, "--state", self.state, "--host"],
                                      stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        self.addCleanup(self.end_watch)
        wait_for("the watch to begin", lambda: "watching" in self.said() or self.watch.poll() is not None)
        self.assertIsNone(self.watch.poll(), self.said())

    def said(self):
        return pathlib.Path(self.output.name).read_text(errors="backslashreplace")

    def end_watch(self):
        if self.watch.poll() is None:
            self.watch.send_signal(signal.SIGINT)
            self.watch.wait(30)

    def status(self):
        return self.listed("status")[0]

    def wait_for_paths(self, *names):
        def paths():
            worn = self.status()["sombrero"]
            return {touch["path"] for touch in worn["paths"]} if worn else set()
        wait_for(f"the sombrero to be on for {names}", lambda: paths() == {f"{self.tree}/{name}" for name in names})

    def test_a_change_tells_its_files_programs_and_listeners_and_puts_no_sombrero_on(self):
        script = f"""echo new >{self.tree}/file; touch {self.tree}/other; rm {self.tree}/other; chmod 600 {self.tree}/file
                     exec python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'"""
        port = int(self.begin("sh", "-c", script).stdout)
        wait_for("the change to be told", lambda: self.shown()["files"] and self.shown()["listeners"])
        told = self.shown()
        self.assertIn(("write", f"{self.tree}/file"), {(file["kind"], file["path"]) for file in told["changed_files"]})
        self.assertTrue({"/usr/bin/chmod", "/usr/bin/rm"} <= {program["program"] for program in told["programs"]})
        self.assertIn(f"tcp 127.0.0.1 {port}", told["listeners"][0]["listener"])
        self.assertIsNone(self.status()["sombrero"])
        page = self.change("show", self.id, "--state", self.state).stdout
        for section in ("\nfiles\n", "\nprograms\n", "\nnew listeners\n"):
            self.assertIn(section, page)

    def test_the_sombrero_goes_on_is_shown_and_comes_off(self):
        (self.tree / "file").write_text("by hand\n")
        (self.tree / EVIL).write_text("by hand\n")
        self.wait_for_paths("file", ESCAPED)
        result = self.run_sombrero("status", "--for", "1s", "--state", self.state)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("sombrero: ON since ", result.stdout)
        self.assertIn("(_________)", result.stdout)
        self.assertIn(f"{self.tree}/{ESCAPED}\n", result.stdout)
        self.assertIn("\nsensor\n", result.stdout)
        self.assertNotIn("\x1b", result.stdout)
        self.begin("rm", self.tree / EVIL)
        self.wait_for_paths("file")
        result = self.run_sombrero("off", "--reason", EVIL, "--state", self.state)
        self.assertEqual((result.returncode, result.stdout), (0, "the sombrero is off\n"))
        self.assertIsNone(self.status()["sombrero"])
        (self.tree / "file").write_text("by hand again\n")
        self.wait_for_paths("file")
        self.begin("sh", "-c", f"echo new >{self.tree}/file")
        self.wait_for_paths()
        self.assertIn(f"all rewritten by change {self.id}", self.run_sombrero("status", "--for", "1s", "--state", self.state).stdout)

    def test_it_outlives_the_watch_and_a_second_watch_is_refused(self):
        (self.tree / "file").write_text("by hand\n")
        self.wait_for_paths("file")
        result = self.run_sombrero("watch", "--files", f"{self.tree}/**", "--state", self.state, "--host")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"process {self.watch.pid}:", result.stderr)
        self.watch.kill()
        self.watch.wait()
        self.wait_for_paths("file")
        self.assertFalse(self.status()["watched"])


if __name__ == "__main__":
    tap.main()
