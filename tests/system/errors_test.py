#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""What goes wrong is said clearly, with the right exit status, and leaves nothing behind."""

import glob
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap

SOMBRERO = os.path.join(os.environ.get("SOMBRERO_BUILD", "build"), "src", "sombrero")
GOOD_MODEL = "# sombrero model 1\nservice web\n  exec     /usr/bin/web\n"


def cgroup_root():
    for line in open("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return before.split()[4]
    return None


def cgroups_of(pid):
    """Cgroups that the sombrero of that pid made; others may be at work beside us."""
    return glob.glob(f"{cgroup_root()}/sombrero-{pid}-*")


def links():
    """How many BPF links there are on this machine: none may stay behind."""
    output = subprocess.run(["bpftool", "link", "show"], env={"PATH": "/usr/sbin:/usr/bin"}, capture_output=True, text=True, check=True).stdout
    return len(re.findall(r"^\d+: ", output, re.M))


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Errors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sombrero-errors-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)
        self.model = self.folder / "web.model"

    def run_sombrero(self, *arguments, prepare="", prefix=()):
        """Runs it, after `prepare` in a mount namespace of its own where there is one."""
        command = [*prefix, SOMBRERO, *map(str, arguments)]
        if prepare:
            command = ["unshare", "--mount", "sh", "-ec", f"{prepare}\nexec {shlex.join(command)}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            output, errors = process.communicate(timeout=60)
        # Neither prefix nor namespace changes the pid: each of them is an exec.
        self.assertEqual(cgroups_of(process.pid), [], "a cgroup stayed behind")
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def assert_fails(self, result, status, *words):
        self.assertEqual(result.returncode, status, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertNotIn("Sanitizer", result.stderr)

    def test_without_root_it_says_what_to_do(self):
        result = self.run_sombrero("watch", "--host", prefix=("setpriv", "--reuid", "65534", "--clear-groups"))
        self.assert_fails(result, 1, "needs root", "--replay")

    def test_without_BTF_it_says_what_the_kernel_lacks(self):
        result = self.run_sombrero("watch", "--", "true", prepare="mount -t tmpfs none /sys/kernel/btf")
        self.assert_fails(result, 1, "no BTF", "CONFIG_DEBUG_INFO_BTF")

    def test_without_cgroup2_it_says_how_to_mount_it(self):
        result = self.run_sombrero("watch", "--", "true", prepare=f"umount {cgroup_root()}")
        self.assert_fails(result, 1, "cgroup2", "mount -t cgroup2")

    def test_a_malformed_model_is_named_with_line_and_column(self):
        self.model.write_text(GOOD_MODEL + "  explode  /usr/bin/web\n")
        result = self.run_sombrero("watch", "-m", self.model, "--", "true")
        self.assert_fails(result, 2, f"{self.model}:4:3:", "explode")

    def test_a_model_that_is_not_there_is_named(self):
        result = self.run_sombrero("watch", "-m", self.folder / "no.model", "--", "true")
        self.assert_fails(result, 2, "no.model", "No such file")

    def test_a_model_that_may_not_be_read_is_named(self):
        self.model.write_text(GOOD_MODEL)
        self.model.chmod(0)
        result = self.run_sombrero("watch", "-m", self.model, "--replay", "/dev/null",
                                   prefix=("setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all"))
        self.assert_fails(result, 2, str(self.model), "Permission denied")

    def test_a_directory_is_no_model(self):
        result = self.run_sombrero("watch", "-m", self.folder, "--replay", "/dev/null")
        self.assert_fails(result, 2, str(self.folder))

    def test_a_recording_that_is_none_is_named_with_its_line(self):
        events = self.folder / "events.ndjson"
        events.write_text('{"time":"2026-11-24T11:35:46.000000000Z","kind":"exec","pid":1}\n{"time":7}\n')
        result = self.run_sombrero("watch", "--json", "--replay", events)
        self.assert_fails(result, 2, f"{events}:2:")

    def test_a_command_that_is_not_there_is_named(self):
        result = self.run_sombrero("learn", "-o", self.model, "--", "/no/such/command")
        self.assert_fails(result, 1, "/no/such/command", "No such file")
        self.assertFalse(self.model.exists())

    def test_a_command_that_fails_makes_no_model_and_gives_its_status(self):
        self.model.write_text(GOOD_MODEL)
        result = self.run_sombrero("learn", "-o", self.model, "--", "sh", "-c", "exit 7")
        self.assert_fails(result, 7, "no model was written")
        self.assertEqual(self.model.read_text(), GOOD_MODEL)

    def test_a_cgroup_that_is_not_there_is_named(self):
        self.assert_fails(self.run_sombrero("watch", "--cgroup", "no/such/group"), 1, "no/such/group")

    def test_a_unit_that_does_not_run_is_named(self):
        self.assert_fails(self.run_sombrero("watch", "--unit", "no-such-unit"), 1, "no-such-unit")

    def test_a_container_that_does_not_run_is_named(self):
        self.assert_fails(self.run_sombrero("watch", "--container", "0123456789ab"), 1, "0123456789ab")

    def test_a_wrong_command_line_says_where_help_is(self):
        for arguments in (["watch"], ["learn", "--", "true"], ["learn", "-o", "x", "--host", "--replay", "y"],
                          ["watch", "--for", "soon", "--host"], ["watch", "--nonsense", "--host"]):
            self.assert_fails(self.run_sombrero(*arguments), 2, "--help")
        self.assert_fails(self.run_sombrero("dance"), 2, "dance", "Usage")

    def test_a_full_disk_keeps_the_old_model(self):
        disk = self.folder / "disk"
        disk.mkdir()
        check = self.folder / "check"
        prepare = (f"mount -t tmpfs -o size=64k none {disk}\n"
                   f"printf '%s' {shlex.quote(GOOD_MODEL)} >{disk}/web.model\n"
                   f"dd if=/dev/zero of={disk}/fill bs=4k count=100 2>/dev/null || true\n")
        script = (f"{prepare}status=0; {SOMBRERO} learn -o {disk}/web.model --replay {self.folder}/events || status=$?\n"
                  f"cat {disk}/web.model >{check}; ls {disk} >>{check}; exit $status")
        event = ('{"time":"2026-11-24T11:35:46.000000000Z","kind":"exec","context":{"kind":"service","name":"web"},"pid":1,'
                 '"start":1,"program":"/usr/bin/web%d","exe":"/usr/bin/web%d","user":"root","effective_user":"root"}\n')
        (self.folder / "events").write_text("".join(event % (number, number) for number in range(300)))
        result = subprocess.run(["unshare", "--mount", "sh", "-ec", script], capture_output=True, text=True, timeout=60, check=False)
        self.assert_fails(result, 1, "web.model", "No space left")
        self.assertEqual(check.read_text(), GOOD_MODEL + "fill\nweb.model\n")

    def test_a_command_that_the_time_ended_makes_a_model(self):
        result = self.run_sombrero("learn", "-o", self.model, "--for", "1s", "--", "sleep", "60")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(self.model.read_text().startswith("# sombrero model 1\n"))

    def test_a_parent_that_ignores_its_children_does_not_make_it_wait(self):
        result = self.run_sombrero("watch", "--", "true", prefix=("env", "--ignore-signal=CHLD"))
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_what_the_command_leaves_running_goes_on_wherever_it_moved(self):
        script = ("own=$(sed -n 's/^0:://p' /proc/self/cgroup); "
                  f"mkdir {cgroup_root()}$own/below; sleep 63.5 >/dev/null 2>&1 & echo $! >{cgroup_root()}$own/below/cgroup.procs; echo $!")
        with subprocess.Popen([SOMBRERO, "learn", "-o", self.model, "--", "sh", "-c", script],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            pid = int(process.stdout.readline())
            self.addCleanup(os.kill, pid, signal.SIGKILL)
            _, errors = process.communicate(timeout=20)
        self.assertIn("1 processes of the command still run", errors)
        self.assertEqual(cgroups_of(process.pid), [])
        self.assertTrue(os.path.isdir(f"/proc/{pid}"))

    def test_names_in_messages_move_no_terminal(self):
        result = self.run_sombrero("watch", "-m", "no\x1b[31mmodel", "--", "true")
        self.assert_fails(result, 2, "no?[31mmodel")

    def start(self, *arguments):
        process = subprocess.Popen([SOMBRERO, *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertRegex(process.stderr.readline(), "learning|watching")
        return process

    def test_SIGINT_ends_the_command_and_says_what_was_seen(self):
        before = links()
        process = self.start("watch", "--", "sleep", "60")
        self.assertTrue(wait_until(lambda: cgroups_of(process.pid)))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(cgroups_of(process.pid), [])
        self.assertTrue(wait_until(lambda: links() <= before), "programs stayed attached")

    def test_SIGTERM_while_learning_a_host_writes_what_was_learned(self):
        process = self.start("learn", "-o", self.model, "--host")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        self.assertEqual(process.returncode, 0)
        self.assertTrue(self.model.read_text().startswith("# sombrero model 1\n"))

    def test_after_SIGKILL_nothing_stays_attached_and_the_next_start_cleans_up(self):
        before = links()
        process = self.start("watch", "--", "sleep", "61.5")
        self.assertTrue(wait_until(lambda: cgroups_of(process.pid)))
        (cgroup,) = cgroups_of(process.pid)
        self.assertTrue(wait_until(lambda: pathlib.Path(cgroup, "cgroup.procs").read_text()))
        process.kill()
        process.wait()
        self.assertTrue(wait_until(lambda: links() <= before), "programs stayed attached")
        self.assertTrue(os.path.isdir(cgroup))
        result = self.run_sombrero("watch", "--", "true")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(os.path.isdir(cgroup), "the killed one's cgroup is still there")

    def test_a_reader_that_has_seen_enough_ends_it(self):
        with subprocess.Popen([SOMBRERO, "watch", "--json", "--", "sh", "-c", "while sleep 0.01; do :; done"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            self.addCleanup(process.kill)
            self.assertTrue(process.stdout.readline().startswith("{"))
            process.stdout.close()
            process.wait(timeout=20)
        self.assertEqual(cgroups_of(process.pid), [])


if __name__ == "__main__":
    tap.main()
