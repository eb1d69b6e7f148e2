#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""How programs start and end: every way into execve(2), every field of what the sensor says of it."""

import fcntl
import os
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import tap
import watch
from watch import ACT, CLONE_NEWNET, CLONE_NEWNS, LiveTest, PYTHON, escape, truth

NOBODY = 65534
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PAUSING_SCRIPT = "echo at here $$ 0; read go\n"


def setUpModule():
    watch.isolate()


def unescape(text):
    """The bytes that an escaped text stands for."""
    data, result, at = text.encode(), b"", 0
    while at < len(data):
        if data[at : at + 2] == b"\\x":
            result += bytes([int(data[at + 2 : at + 4], 16)])
            at += 4
        elif data[at : at + 2] == b"\\\\":
            result += b"\\"
            at += 2
        else:
            result += data[at : at + 1]
            at += 1
    return result


class Exec(LiveTest):
    def paused(self, act, place="here"):
        """The truth about whoever comes to that place, and stays there until the sensor has told of it."""
        of = truth(act.at(place))
        self.settle()
        return of

    def finish(self, act, status=0):
        act.go()
        act.end(status)

    def copy(self, *path, mode=0o755):
        to = os.path.join(self.folder, *path)
        shutil.copyfile(ACT, to)
        os.chmod(to, mode)
        return to

    # ------------------------------------------------------------------------------------------ beginning, end

    def test_a_program_starts_and_ends(self):
        act = self.act("pause", "with", "", "arguments")
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of)
        self.check(self.only(act.pid, "exit"), "exit", of, exit_code=0)

    def test_exit_codes(self):
        for code in (1, 127, 255):
            act = self.act("exit", code)
            of = self.paused(act)
            self.finish(act, code)
            self.check(self.only(act.pid, "exit"), "exit", of, exit_code=code)

    def test_signals_that_end(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            act = self.act("signal", int(number), cwd=self.folder)
            of = self.paused(act)
            self.finish(act, -number)
            self.check(self.only(act.pid, "exit"), "exit", of, exit_code=0, exit_signal=int(number))

    def test_a_program_becomes_another(self):
        act = self.act("exec", ACT, "pause", "again")
        first = self.paused(act, "before")
        act.go()
        second = self.paused(act)
        self.finish(act)
        events = self.seen(act.pid, "exec")
        self.assertEqual(len(events), 2)
        self.check_exec(events[0], first)
        self.check_exec(events[1], second, first)
        self.assertEqual(events[0]["start"], events[1]["start"])

    def test_a_failed_exec_is_no_event(self):
        plain = self.folder / "plain"
        plain.write_text("not a program")
        for path in ("/nonexistent/program", plain, self.folder):
            act = self.act("exec", path)
            act.at("before")
            act.go()
            act.at("failed")
            self.finish(act)
            self.only(act.pid, "exec")

    def test_a_child_that_execs_nothing(self):
        act = self.act("fork")
        of = self.paused(act, "child")
        self.finish(act, 3)
        self.check(self.only(of.pid, "exit"), "exit", of, exit_code=3)
        self.assertEqual(self.seen(of.pid, "exec"), [])

    def test_an_orphan_keeps_its_lineage(self):
        act = self.act("orphan")
        of = self.paused(act, "orphan")
        middle = act.detail
        own = truth(act.pid)
        self.finish(act)
        # Not what getppid() says, but who made it: that is what explains it.
        own_entry = {"pid": act.pid, "exe": ACT, "user": "root"}
        of.lineage[:] = [own_entry | {"pid": middle}, own_entry] + own.lineage
        self.check(self.only(of.pid, "exit"), "exit", of, exit_code=0, parent_pid=middle)

    def test_a_child_by_vfork(self):
        act = self.act("vfork", ACT, "pause")
        parent = self.paused(act, "before")
        act.go()
        child = self.paused(act)
        self.assertNotEqual(child.pid, parent.pid)
        self.finish(act)
        self.check_exec(self.only(child.pid, "exec"), child)
        self.check(self.only(child.pid, "exit"), "exit", child, exit_code=0)

    def test_exec_by_a_thread_that_is_not_the_leader(self):
        act = self.act("thread-exec", ACT, "pause")
        before = self.paused(act, "before")
        act.go()
        after = self.paused(act)
        self.finish(act)
        events = self.seen(act.pid, "exec")
        self.assertEqual([each["start"] for each in events], [events[0]["start"]] * 2)
        self.check_exec(events[1], after, before)
        self.check(self.only(act.pid, "exit"), "exit", after, exit_code=0)

    def test_a_leader_that_ends_before_its_threads(self):
        act = self.act("thread-exit")
        act.at("leaderless")
        self.settle()
        self.assertEqual(self.watch.of(act.pid, "exit"), [])
        act.go()
        status = act.process.wait()
        self.assertEqual(self.only(act.pid, "exit")["exit_code"], status)

    def test_a_child_given_to_the_parent(self):
        """CLONE_PARENT: the child's getppid() is the test. Its program and its lineage are its maker's."""
        act = self.act("clone-parent")
        places = {}
        for _ in range(2):
            _, place, pid, _ = act._line().split()
            places[place] = truth(int(pid))
        act.go()
        act.go()
        child, maker = places["child"], places["creator"]
        self.assertEqual(child["parent_pid"], os.getpid())
        act.end()
        os.waitpid(child.pid, 0x40000000)  # __WALL: it ends without a signal to us
        child.lineage[:] = [{"pid": maker.pid, "exe": ACT, "user": "root"}] + maker.lineage
        self.check(self.only(child.pid, "exit"), "exit", child, exit_code=0, parent_pid=maker.pid)

    def test_processes_that_live_less_than_a_millisecond(self):
        count = 300
        act = self.act("storm", count, ACT)
        act.end()
        self.settle()
        with self.watch._changed:
            mine = [each for each in self.watch.events if each.get("parent_pid") == act.pid]
        execs = {each["pid"]: each for each in mine if each["kind"] == "exec"}
        exits = {each["pid"]: each for each in mine if each["kind"] == "exit"}
        self.assertEqual((len(execs), len(exits)), (count, count))
        for pid, each in execs.items():
            self.assertEqual((each["exe"], each["argv"], each["cwd"]), (ACT, [ACT, "nothing"], os.getcwd()))
            self.assertEqual((exits[pid]["start"], exits[pid]["exit_code"]), (each["start"], 0))
        lives = [float("0" + exits[pid]["time"][19:-1]) - float("0" + execs[pid]["time"][19:-1]) for pid in execs]
        self.assertLess(statistics.median(abs(life) for life in lives), 0.001)

    def test_a_pid_used_again(self):
        first = self.act("pause", "first")
        of_first = self.paused(first)
        self.finish(first)
        time.sleep(2 / os.sysconf("SC_CLK_TCK"))  # so that /proc, too, tells one from the other
        second = self.act("pid", first.pid, ACT, "pause", "second")
        of_second = self.paused(second)
        self.finish(second)
        self.assertEqual(of_second.pid, of_first.pid)
        execs, exits = self.seen(first.pid, "exec"), self.seen(first.pid, "exit")
        self.check_exec(execs[0], of_first)
        self.check_exec(execs[1], of_second)
        self.check(exits[0], "exit", of_first, exit_code=0)
        self.check(exits[1], "exit", of_second, exit_code=0)
        self.assertNotEqual(execs[0]["start"], execs[1]["start"])

    # --------------------------------------------------------------------------------------- which file it is

    def test_a_relative_path(self):
        self.copy("here")
        act = self.run_program("./here", "pause", cwd=self.folder)
        of = self.paused(act)
        self.finish(act)
        self.assertEqual(of["called"], "./here")
        self.check_exec(self.only(act.pid, "exec"), of)

    def test_a_symbolic_link(self):
        link = self.folder / "link"
        link.symlink_to(ACT)
        act = self.run_program(link, "pause")
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, called=str(link), exe=ACT)

    def test_the_link_of_proc_to_itself(self):
        act = self.act("exec", "/proc/self/exe", "pause")
        act.at("before")
        act.go()
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.seen(act.pid, "exec")[1], of, called="/proc/self/exe", exe=ACT)

    def test_execveat(self):
        act = self.act("execveat", os.path.dirname(ACT), "act", "act", "pause")
        of = self.paused(act)
        self.finish(act)
        event = self.seen(act.pid, "exec")[1]
        self.assertRegex(event["called"], r"^/dev/fd/\d+/act$")
        self.check_exec(event, of, exe=ACT)

    def test_fexecve(self):
        act = self.act("fexecve", ACT, "act", "pause")
        of = self.paused(act)
        self.finish(act)
        event = self.seen(act.pid, "exec")[1]
        self.assertRegex(event["called"], r"^/dev/fd/\d+$")
        self.check_exec(event, of, exe=ACT)

    def test_a_program_that_is_only_in_memory(self):
        for name in ("secret", "a b(c)", "n" * 249, b"\xff\xfe"):
            act = self.run_program(ACT, "memfd", os.fsdecode(name), ACT, "act", "pause")
            of = self.paused(act)
            self.finish(act)
            name = os.fsdecode(name)
            self.check_exec(
                self.seen(act.pid, "exec")[1],
                of,
                flags=["memfd"],
                exe="memfd:" + escape(name),
                program="memfd:" + watch.escape_path(name),
            )
            exit_event = self.only(act.pid, "exit")
            self.check(exit_event, "exit", of, flags=["memfd"], exit_code=0)

    def test_a_program_deleted_while_it_runs(self):
        path = self.copy("gone")
        act = self.run_program(path, "pause")
        of = self.paused(act)
        os.unlink(path)
        self.finish(act)
        # What was odd came later: neither its start nor its end says so.
        self.check_exec(self.only(act.pid, "exec"), of)
        self.check(self.only(act.pid, "exit"), "exit", of, exit_code=0)

    def test_a_program_that_was_deleted_before_it_started(self):
        path = self.copy("unlinked")
        file = os.open(path, os.O_RDONLY)
        os.unlink(path)
        act = self.run_program(f"/proc/self/fd/{file}", "pause", pass_fds=[file])
        os.close(file)
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, flags=["deleted"], exe=path)
        self.check(self.only(act.pid, "exit"), "exit", of, flags=["deleted"], exit_code=0)

    def test_a_program_that_was_replaced_before_it_started(self):
        path, other = self.copy("replaced"), self.copy("replacement")
        file = os.open(path, os.O_RDONLY)
        os.rename(other, path)
        act = self.run_program(f"/proc/self/fd/{file}", "pause", pass_fds=[file])
        os.close(file)
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, flags=["deleted"], exe=path)

    def test_a_file_that_never_had_a_name(self):
        act = self.act("tmpfile", self.folder, ACT, "act", "pause")
        of = self.paused(act)
        self.finish(act)
        event = self.seen(act.pid, "exec")[1]
        self.assertRegex(event["exe"], rf"^{self.folder}/#\d+$")
        self.check_exec(event, of, flags=["deleted"])

    def test_an_overlay(self):
        for name in ("lower", "upper", "work", "merged"):
            (self.folder / "overlay" / name).mkdir(parents=True)
        self.copy("overlay", "lower", "act")
        merged = self.folder / "overlay" / "merged"

        def mount_overlay():
            watch.unshare(CLONE_NEWNS)
            watch.mount("none", "/", "", MS_PRIVATE | MS_REC)
            layers = ",".join(f"{name}dir={self.folder}/overlay/{name}" for name in ("lower", "upper", "work"))
            watch.mount("overlay", merged, "overlay", 0, layers)

        if "overlay" not in pathlib.Path("/proc/filesystems").read_text():
            self.skipTest("this kernel has no overlayfs")
        act = self.run_program(merged / "act", "pause", prepare=mount_overlay)
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, exe=str(merged / "act"))

    def test_a_bind_mount(self):
        (self.folder / "from/deep").mkdir(parents=True)
        (self.folder / "to").mkdir()
        self.copy("from/deep/act")

        def bind():
            watch.unshare(CLONE_NEWNS)
            watch.mount("none", "/", "", MS_PRIVATE | MS_REC)
            watch.mount(str(self.folder / "from"), self.folder / "to", "", MS_BIND)

        act = self.run_program(self.folder / "to/deep/act", "pause", prepare=bind)
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, exe=str(self.folder / "to/deep/act"))

    def test_another_root_directory(self):
        root = self.folder / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy("/usr/bin/busybox", root / "bin/busybox")
        (root / "bin/sleep").symlink_to("busybox")

        def enter():
            os.chroot(root)
            os.chdir("/bin")

        act = self.run_program("/bin/sleep", "1000", prepare=enter)
        self.watch.wait_for(act.pid, "exec")
        of = truth(act.pid)
        act.process.kill()
        # /proc names it from our root, the event from its own.
        self.assertEqual(of["exe"], f"{root}/bin/busybox")
        inside = {"exe": "/bin/busybox", "program": "/bin/busybox(-m:sleep)", "cwd": "/bin",
                  "context": self.context | {"container": "chroot"}}
        event = self.only(act.pid, "exec")
        self.check_exec(event, of, flags=["chroot"], script_kind="module", script="sleep", **inside)

    def test_a_program_from_outside_the_root_directory(self):
        root = self.folder / "jail"
        root.mkdir()
        file = os.open("/usr/bin/busybox", os.O_RDONLY)
        (root / "proc").mkdir()
        (root / "etc").mkdir()
        for name in ("passwd", "group"):
            shutil.copy(f"/etc/{name}", root / "etc")

        def enter():
            watch.unshare(CLONE_NEWNS)
            watch.mount("none", "/", "", MS_PRIVATE | MS_REC)
            watch.mount("proc", root / "proc", "proc")
            os.chroot(root)
            os.chdir("/")

        command = ("sleep", "1000")  # busybox goes by its first argument
        program = f"/proc/self/fd/{file}"
        act = self.run_program(*command, executable=program, prepare=enter, pass_fds=[file])
        os.close(file)
        self.watch.wait_for(act.pid, "exec")
        of = truth(act.pid)
        act.process.kill()
        outside = {"exe": "/usr/bin/busybox", "program": "/usr/bin/busybox(-m:sleep)", "cwd": "/",
                   "context": self.context | {"container": "chroot"}}
        event = self.only(act.pid, "exec")
        self.check_exec(event, of, flags=["path_outside", "chroot"], script_kind="module", script="sleep", **outside)

    # -------------------------------------------------------------------------------------------- names, sizes

    def deep_directory(self, length, name):
        """The path of a directory of exactly that many bytes, made step by step: no call takes a path that long."""
        at, path = os.open(self.folder, os.O_RDONLY), str(self.folder)
        while len(path) < length:
            room = length - len(path) - 1
            size = min(len(name), room)
            if room - size == 1:  # a slash and nothing behind it
                size += 1 if size == 1 else -1
            step = (name * 2)[:size]
            os.mkdir(step, dir_fd=at)
            below = os.open(step, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at, path = below, f"{path}/{step}"
        self.assertEqual(len(path), length)
        return at, path

    def start_deep(self, length, name="d" * 255):
        """act, in a directory that makes its path that long, started as ./act there."""
        directory, path = self.deep_directory(length - len("/act"), name)
        with open(ACT, "rb") as source:
            file = os.open("act", os.O_WRONLY | os.O_CREAT, 0o755, dir_fd=directory)
            os.write(file, source.read())
            os.close(file)
        act = self.run_program("./act", "pause", prepare=lambda: os.fchdir(directory))
        os.close(directory)
        act.at("here")
        self.watch.wait_for(act.pid, "exec")
        return act, path

    def check_deep(self, length, name):
        act, path = self.start_deep(length, name)
        of = truth(act.pid)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, exe=path + "/act", cwd=path, program=path + "/act")

    def test_names_of_255_bytes(self):
        name = "x" * 255
        (self.folder / name).mkdir()
        path = self.copy(name, name)
        act = self.run_program(path, "pause", name)
        of = self.paused(act)
        self.finish(act)
        self.check_exec(self.only(act.pid, "exec"), of, exe=path, called=path)

    def test_a_path_of_4095_bytes(self):
        self.check_deep(4095, "a" * 255)

    def test_a_path_of_4095_bytes_in_single_letters(self):
        self.check_deep(4095, "b")

    def test_a_path_that_is_too_long_says_so(self):
        act, path = self.start_deep(5000, "c" * 255)
        self.finish(act)
        event = self.only(act.pid, "exec")
        self.assertEqual(event["flags"], ["path_truncated"])
        self.assertTrue((path + "/act").endswith(event["exe"]), event["exe"])
        self.assertTrue(path.endswith(event["cwd"]))
        self.assertGreater(len(event["exe"]), 4095 - 256)

    def test_2000_arguments(self):
        arguments = [f"argument-{number}" for number in range(2000)]
        act = self.act("pause", *arguments)
        act.at("here")
        argv = watch.read(act.pid, "cmdline")
        of = truth(act.pid)
        self.finish(act)
        self.assertEqual(of["argc"], 2002)
        prefix = [each.decode() for each in argv[:4096].split(b"\0")]
        self.check_exec(self.only(act.pid, "exec"), of, flags=["argv_truncated"], argv=prefix)

    def test_arguments_that_just_fit(self):
        room = 4096 - len("act\0pause\0\0")
        for length, flags in ((room, ()), (room + 1, ["argv_truncated"])):
            act = self.act("pause", "y" * length)
            of = self.paused(act)
            self.finish(act)
            expected = ["act", "pause", "y" * room + "y" * bool(flags)]
            self.check_exec(self.only(act.pid, "exec"), of, flags=flags, argv=expected)

    def test_one_argument_of_128_kilobytes(self):
        act = self.act("pause", "z" * 131071)
        of = self.paused(act)
        self.finish(act)
        expected = ["act", "pause", "z" * (4096 - len("act\0pause\0"))]
        self.check_exec(self.only(act.pid, "exec"), of, flags=["argv_truncated"], argv=expected)

    def test_names_that_are_not_utf_8(self):
        """Escaped, and nothing is lost: what is printed stands for exactly the bytes there were."""
        names = (b"\xff\xfe", "Łódź 東京".encode(), b"new\nline\t\x1b[31m", b"back\\slash \\x41", b'"quote"', b"\xc3")
        for name in names:
            directory = os.path.join(os.fsencode(self.folder), b"in " + name)
            os.mkdir(directory)
            path = os.path.join(directory, name)
            shutil.copy(ACT, path)
            act = self.run_program(os.fsdecode(path), "pause", os.fsdecode(name), cwd=directory)
            of = self.paused(act)
            self.finish(act)
            event = self.only(act.pid, "exec")
            self.check_exec(event, of)
            self.assertEqual(unescape(event["exe"]), path)
            self.assertEqual(unescape(event["called"]), path)
            self.assertEqual(unescape(event["cwd"]), directory)
            self.assertEqual([unescape(each) for each in event["argv"]][2], name)
            self.assertEqual(unescape(event["program"]), path)

    def test_secrets_in_arguments_are_in_no_output(self):
        secrets = {
            "--password=Tr0ub4dor": "--password=***",
            "TOKEN=ghp_0123456789abcdefghijklmnopqrstuvwxyz": "TOKEN=***",
            "https://joe:Xyzzy-77@example.org/": "https://joe:***@example.org/",
        }
        act = self.act("pause", *secrets, "--token", "s3cr3t-follows", "plain")
        of = self.paused(act)
        self.finish(act)
        expected = ["act", "pause", *secrets.values(), "--token", "***", "plain"]
        self.check_exec(self.only(act.pid, "exec"), of, flags=["redacted"], argv=expected)
        exit_event = self.only(act.pid, "exit")
        self.assertEqual(exit_event["argv"], expected)
        printed = b"".join(self.watch.raw) + self.watch.errors.encode()
        for secret in (b"Tr0ub4dor", b"ghp_0123", b"Xyzzy-77", b"s3cr3t-follows"):
            self.assertNotIn(secret, printed)

    def test_a_secret_at_the_edge_of_what_is_recorded(self):
        filler = "f" * (4096 - len("act\0pause\0\0--password=") - 4)
        act = self.act("pause", filler, "--password=Open-Sesame")
        of = self.paused(act)
        self.finish(act)
        event = self.only(act.pid, "exec")
        self.check_exec(event, of, flags=["argv_truncated", "redacted"], argv=["act", "pause", filler, "--password=***"])
        self.assertNotIn(b"Open", b"".join(self.watch.raw))

    # ------------------------------------------------------------------------------------- scripts, interpreters

    def script(self, name, text, mode=0o755):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def check_script(self, act, exe, kind, script, program, **more):
        of = self.paused(act)
        self.finish(act)
        event = self.only(act.pid, "exec")
        self.check_exec(event, of, exe=exe, script_kind=kind, script=script, program=program, **more)

    def test_a_script_that_the_kernel_opened_is_trusted(self):
        path = self.script("trusted", "#!/bin/sh\n" + PAUSING_SCRIPT)
        shell = os.path.realpath("/bin/sh")
        act = self.run_program(path, "argument")
        self.check_script(act, shell, "trusted", str(path), f"{shell}(#!{path})", called=str(path))

    def test_a_script_called_by_a_relative_path(self):
        path = self.script("relative", "#!/bin/sh\n" + PAUSING_SCRIPT)
        shell = os.path.realpath("/bin/sh")
        act = self.run_program("./relative", cwd=self.folder)
        self.check_script(act, shell, "trusted", str(path), f"{shell}(#!{path})", called="./relative")

    def test_a_script_whose_interpreter_is_a_script(self):
        inner = self.script("inner", "#!/bin/sh\n" + PAUSING_SCRIPT)
        path = self.script("outer", f"#!{inner}\n")
        shell = os.path.realpath("/bin/sh")
        act = self.run_program(path)
        self.check_script(act, shell, "trusted", str(path), f"{shell}(#!{path})", called=str(path))

    def test_a_script_that_argv_names_is_claimed(self):
        path = self.script("claimed.sh", PAUSING_SCRIPT, 0o644)
        shell = os.path.realpath("/bin/sh")
        act = self.run_program("/bin/sh", "claimed.sh", cwd=self.folder)
        self.check_script(act, shell, "claimed", str(path), f"{shell}({path})")

    def test_python_and_its_script(self):
        path = self.script("app.py", "import os\nprint('at here', os.getpid(), 0, flush=True)\nos.read(0, 1)\n")
        python = os.path.realpath(PYTHON)
        act = self.run_program(PYTHON, "-u", path)
        self.check_script(act, python, "claimed", str(path), f"{python}({path})")

    def test_code_in_an_argument(self):
        shell = os.path.realpath("/bin/sh")
        act = self.run_program("/bin/sh", "-c", PAUSING_SCRIPT)
        self.check_script(act, shell, "inline", None, f"{shell}(-c)")

    def test_a_module(self):
        self.script("amodule.py", "import os\nprint('at here', os.getpid(), 0, flush=True)\nos.read(0, 1)\n")
        python = os.path.realpath(PYTHON)
        act = self.run_program(PYTHON, "-m", "amodule", cwd=self.folder)
        self.check_script(act, python, "module", "amodule", f"{python}(-m:amodule)")

    def test_a_script_from_standard_input(self):
        shell = os.path.realpath("/bin/sh")
        act = self.run_program("/bin/sh")
        act.process.stdin.write(b"echo at here $$ 0\n")
        act.go = lambda: act.process.stdin.write(b"exit\n")
        self.check_script(act, shell, "stdin", None, f"{shell}(stdin)")

    def test_a_program_by_the_dynamic_loader(self):
        loader = "/lib64/ld-linux-x86-64.so.2"
        real = os.path.realpath(loader)
        act = self.run_program(loader, ACT, "pause")
        self.check_script(act, real, "loader", ACT, f"{real}(ld.so:{ACT})")

    # -------------------------------------------------------------------------------------- whose it is, where

    def test_a_terminal(self):
        master, slave = os.openpty()
        self.addCleanup(os.close, master)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        act = self.act("pause", prepare=take_terminal, pass_fds=[slave])
        os.close(slave)
        of = self.paused(act)
        self.finish(act)
        self.assertRegex(of["tty"], r"^pts/\d+$")
        self.check_exec(self.only(act.pid, "exec"), of)

    def test_a_login(self):
        def log_in():
            with open("/proc/self/loginuid", "w") as file:
                file.write("1")

        act = self.act("pause", prepare=log_in)
        of = self.paused(act)
        self.finish(act)
        self.assertEqual((of["login_uid"], of["login_user"]), (1, "daemon"))
        self.assertIn("session", of.fields)
        event = self.only(act.pid, "exec")
        self.assertRegex(event["login"], "^[0-9a-f]{16}$")
        self.check_exec(event, of, context={"kind": "session", "name": "daemon"}, login=event["login"], person="daemon")

    def test_a_cgroup_below(self):
        below = watch.Cgroup(self.cgroup.path)
        self.addCleanup(below.remove)
        act = self.act("pause", prepare=below.enter)
        of = self.paused(act)
        self.finish(act)
        self.assertEqual(of["cgroup"], below.path)
        self.check_exec(self.only(act.pid, "exec"), of)

    def test_a_cgroup_whose_name_is_not_utf_8(self):
        path = os.path.join(os.fsencode(self.cgroup.directory), b"\xff odd")
        os.mkdir(path)
        self.addCleanup(watch.Cgroup.end, os.fsdecode(path))

        def enter():
            with open(os.path.join(path, b"cgroup.procs"), "w") as file:
                file.write("0")

        act = self.act("pause", prepare=enter)
        of = self.paused(act)
        self.finish(act)
        event = self.only(act.pid, "exec")
        self.assertEqual(event["cgroup"], self.cgroup.path + "/\\xff odd")
        self.check_exec(event, of)

    def test_namespaces_of_its_own(self):
        act = self.act("pause", prepare=lambda: watch.unshare(CLONE_NEWNS | CLONE_NEWNET))
        of = self.paused(act)
        self.finish(act)
        own = truth(os.getpid())
        self.assertNotEqual(of["mount_namespace"], own["mount_namespace"])
        self.assertNotEqual(of["net_namespace"], own["net_namespace"])
        self.check_exec(self.only(act.pid, "exec"), of)

    def test_a_container_made_with_namespaces(self):
        act = self.run_program(
            *("unshare", "--fork", "--pid", "--mount-proc", "--net", "--uts", "--ipc", "--cgroup", ACT, "pause")
        )
        line = act._line().split()
        self.assertEqual(line[:3], ["at", "here", "1"])  # its own pid, as it sees it
        child = int(watch.read(act.pid, f"task/{act.pid}/children"))
        of = truth(child)
        self.settle()  # names are read in its own root, as long as it is there
        self.finish(act)
        self.assertEqual(of["namespace_pid"], 1)
        event = self.only(child, "exec")
        self.assertEqual(event["context"].get("container"), f"pidns:{of['pid_namespace']}")
        self.check_exec(event, of, context=event["context"])
        self.check(self.only(child, "exit"), "exit", of, context=event["context"], exit_code=0)

    def test_a_user_namespace(self):
        act = self.run_program("unshare", "--user", "--map-root-user", ACT, "pause", owner=NOBODY)
        of = self.paused(act)
        self.finish(act)
        self.assertEqual(of["uid"], NOBODY)  # as the machine counts
        event = self.seen(act.pid, "exec")[-1]
        self.assertEqual(event["user_namespace"], of["user_namespace"])
        self.assertEqual(event["uid"], NOBODY)
        self.assertEqual(event["capabilities"], f"{of.capabilities:x}")

    def test_a_child_in_namespaces_that_execs_nothing(self):
        act = self.act("clone-namespaces")
        line = act._line().split()
        self.assertEqual(line[:3], ["at", "child", "1"])
        child = int(watch.read(act.pid, f"task/{act.pid}/children"))
        of = truth(child)
        self.finish(act)
        event = self.only(child, "exit")
        overflow = {name: event[name] for name in ("uid", "euid", "gid", "egid", "user", "effective_user", "group")}
        self.check(event, "exit", of, exit_code=0, context=event["context"], **overflow)


class Secrets(unittest.TestCase):
    """What is printed for people, and what is learned, has none either."""

    def run_it(self, *arguments):
        done = subprocess.run(
            [watch.SOMBRERO, *arguments, "--", ACT, "nothing", "--password=Tr0ub4dor", "mysql://joe:Xyzzy-77@db/"],
            capture_output=True,
            timeout=watch.PATIENCE,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        for secret in (b"Tr0ub4dor", b"Xyzzy-77"):
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done.stdout

    def test_are_not_printed(self):
        self.assertIn(b"act", self.run_it("watch"))
        self.assertIn(b"***", self.run_it("watch", "--json"))

    def test_are_not_learned(self):
        with tempfile.TemporaryDirectory(prefix="sombrero-live-") as folder:
            model = pathlib.Path(folder, "model")
            self.run_it("learn", "-o", str(model))
            self.assertNotIn(b"Tr0ub4dor", model.read_bytes())
            self.assertNotIn(b"Xyzzy-77", model.read_bytes())


class Rights(LiveTest):
    """Whose rights a program has, and where they come from."""

    def paused(self, act, place="here"):
        return truth(act.at(place))

    def set_id_copy(self, name, owner, mode):
        path = self.folder / name
        shutil.copyfile(ACT, path)
        os.chown(path, owner, owner)
        path.chmod(mode)
        if os.statvfs(path).f_flag & os.ST_NOSUID:
            self.skipTest(f"{self.folder} is mounted nosuid")
        return path

    def test_a_set_uid_program(self):
        path = self.set_id_copy("setuid", 1, 0o4755)
        act = self.act("exec", path, "pause", owner=NOBODY)
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act)
        act.go()
        act.end()
        self.assertEqual((of["uid"], of["euid"]), (NOBODY, 1))
        self.check_exec(self.seen(act.pid, "exec")[1], of, before, flags=["setid"])

    def test_a_set_gid_program(self):
        path = self.set_id_copy("setgid", 1, 0o2755)
        act = self.act("exec", path, "pause", owner=NOBODY)
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act)
        act.go()
        act.end()
        self.assertEqual((of["gid"], of["egid"]), (NOBODY, 1))
        self.check_exec(self.seen(act.pid, "exec")[1], of, before, flags=["setid"])

    def test_a_set_uid_root_program(self):
        path = self.set_id_copy("setroot", 0, 0o4755)
        act = self.act("exec", path, "pause", owner=NOBODY)
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act)
        act.go()
        act.end()
        self.assertEqual((before.capabilities, of["euid"]), (0, 0))
        self.assertTrue(of.capabilities)
        self.check_exec(self.seen(act.pid, "exec")[1], of, before, flags=["setid"])

    def test_capabilities_of_a_file(self):
        path = self.folder / "capable"
        shutil.copyfile(ACT, path)
        path.chmod(0o755)
        net_raw = 1 << 13
        os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, net_raw, 0, 0, 0))
        act = self.act("exec", path, "pause", owner=NOBODY)
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act)
        act.go()
        act.end()
        self.assertEqual(of.capabilities, net_raw)
        self.check_exec(self.seen(act.pid, "exec")[1], of, before, flags=["setid"])

    def test_ids_that_change_without_an_exec(self):
        act = self.act("setuid", 1, NOBODY)
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act, "after")
        event = self.only(act.pid, "privilege")
        act.go()
        act.end()
        self.assertEqual((of["uid"], of["gid"], of.capabilities), (1, NOBODY, 0))
        self.check(event, "privilege", of, **watch.rights_before(before), **watch.rights(of))
        self.check(self.only(act.pid, "exit"), "exit", of, exit_code=0)

    def test_capabilities_that_change_without_an_exec(self):
        act = self.act("capset", "2000")
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act, "after")
        event = self.only(act.pid, "privilege")
        act.go()
        act.end()
        self.assertEqual(of.capabilities, 0x2000)
        self.check(event, "privilege", of, **watch.rights_before(before), capabilities="2000")

    def test_ids_that_change_just_before_an_exec(self):
        act = self.act("setuid-exec", 1, NOBODY, ACT, "pause")
        before = self.paused(act, "before")
        act.go()
        of = self.paused(act)
        act.go()
        act.end()
        self.check_exec(self.seen(act.pid, "exec")[1], of, before)

    def test_a_user_who_is_gone_and_had_mounts_of_its_own(self):
        """Its root directory can't be read any more: its names are those of the host."""
        self.watch.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.watch.process.send_signal, signal.SIGCONT)
        act = self.act("nothing", owner=1, prepare=lambda: watch.unshare(CLONE_NEWNS))
        act.end()
        self.watch.process.send_signal(signal.SIGCONT)
        event = self.only(act.pid, "exec")
        self.assertEqual((event["user"], event["effective_user"], event["group"]), ("daemon",) * 3)
        self.assertNotEqual(event["mount_namespace"], truth(os.getpid())["mount_namespace"])

    def test_a_user_without_a_name(self):
        act = self.act("pause", owner=54321)
        of = self.paused(act)
        act.go()
        act.end()
        self.assertEqual((of["user"], of["group"]), ("uid:54321", "gid:54321"))
        self.check_exec(self.only(act.pid, "exec"), of)


if __name__ == "__main__":
    tap.main()
