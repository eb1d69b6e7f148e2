#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""That nobody is the worse for being watched: the network works as ever, no system call is slowed, nothing stays behind,
and what could not be told is counted."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import time
import unittest

import tap
import watch
from watch import ACT, Act, Cgroup, Sombrero, truth

HERE = pathlib.Path(__file__).resolve().parent
BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID = 13, 14, 30
PROGRAM_TYPES = {9, 18, 26}  # BPF_PROG_TYPE_CGROUP_SOCK, …_CGROUP_SOCK_ADDR, …_TRACING


def setUpModule():
    watch.isolate()


def bpf(command, attributes):
    """bpf(2); -errno on failure."""
    buffer = ctypes.create_string_buffer(attributes, 144)
    result = watch.libc.syscall(321, command, buffer, 144)
    return -ctypes.get_errno() if result < 0 else result


def descriptors(pid):
    """What a process holds of BPF and of perf: [(what its link says, its fdinfo)]"""
    found = []
    for file in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            link = os.readlink(f"/proc/{pid}/fd/{file}")
            if "anon_inode" in link:
                text = pathlib.Path(f"/proc/{pid}/fdinfo/{file}").read_text()
                found.append((link, dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))))
    return found


def ids(pid, name):
    return sorted({int(info[name]) for _, info in descriptors(pid) if name in info})


class Safety(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.cgroup = Cgroup()
        self.addCleanup(self.cgroup.remove)

    def start(self, *arguments):
        sensor = Sombrero(*(arguments or ("--cgroup", self.cgroup.path)))
        self.addCleanup(sensor.kill)
        return sensor

    def use_every_socket(self):
        with Act(self.cgroup, [sys.executable, str(HERE / "every_socket.py")]) as act:
            output, _ = act.process.communicate(timeout=60)
        # Ports and pids differ from run to run, and are not printed.
        return output.decode().splitlines()

    def test_the_network_works_as_unwatched(self):
        """Each program on a cgroup hook must say yes on every path: one no would deny the network to all."""
        before = self.use_every_socket()
        self.assertEqual(before[-1], "end")
        self.assertGreater(sum(" ok" in line for line in before), 50, before)
        for arguments in (("--cgroup", self.cgroup.path), ("--host",)):
            sensor = self.start(*arguments)
            self.assertEqual(self.use_every_socket(), before)
            # Neither while nobody takes the records …
            sensor.process.send_signal(signal.SIGSTOP)
            self.assertEqual(self.use_every_socket(), before)
            sensor.process.send_signal(signal.SIGCONT)
            sensor.stop()
        # … nor afterwards.
        self.assertEqual(self.use_every_socket(), before)

    def test_no_system_call_is_slowed(self):
        """One armed system call tracepoint, perf's or a BPF program's, and every call of every process takes the slow
        path. We hold typed tracepoints of the kernel's own doings and cgroup hooks, and nothing else."""
        sensor = self.start()
        held = descriptors(sensor.process.pid)
        self.assertNotIn("anon_inode:[perf_event]", [link for link, _ in held])
        links = [info for _, info in held if "link_type" in info]
        self.assertEqual({info["link_type"] for info in links}, {"raw_tracepoint", "cgroup"})
        programs = {int(info["prog_type"]) for _, info in held if "prog_type" in info}
        self.assertLessEqual(programs, PROGRAM_TYPES)
        tracepoints = {info["tp_name"] for info in links if info["link_type"] == "raw_tracepoint"}
        expected = {"sched_process_exec", "sched_process_fork", "sched_process_exit", "cgroup_attach_task"}
        self.assertEqual(tracepoints, expected | {"inet_sock_set_state", "tcp_rcv_space_adjust"})
        sensor.stop()

    def existing(self, held):
        """Which of these programs, maps and links the kernel still has."""
        found = []
        for command, numbers in held.items():
            for number in numbers:
                file = bpf(command, struct.pack("I", number))
                if file >= 0:
                    os.close(file)
                    found.append((command, number))
        return found

    def held(self, sensor):
        pid = sensor.process.pid
        return {
            BPF_PROG_GET_FD_BY_ID: ids(pid, "prog_id"),
            BPF_MAP_GET_FD_BY_ID: ids(pid, "map_id"),
            BPF_LINK_GET_FD_BY_ID: ids(pid, "link_id"),
        }

    def test_nothing_stays_however_it_ends(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV):
            sensor = self.start()
            held = self.held(sensor)
            self.assertGreater(len(self.existing(held)), 30)
            sensor.process.send_signal(number)
            sensor.process.wait(watch.PATIENCE)
            end = time.monotonic() + watch.PATIENCE
            while (left := self.existing(held)) and time.monotonic() < end:
                time.sleep(0.05)
            self.assertEqual(left, [], number)
        pins = [path for path in pathlib.Path("/sys/fs/bpf").rglob("*") if "sombrero" in path.name]
        self.assertEqual(pins, [])

    def test_the_next_start_cleans_up_after_a_kill(self):
        process = subprocess.Popen(
            [watch.SOMBRERO, "watch", "--json", "--", ACT, "pause"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.stdout.close)
        while b"at here" not in process.stdout.readline():
            pass
        left = pathlib.Path(watch.cgroup_root(), f"sombrero-{process.pid}-watch")
        self.assertTrue(left.exists())
        process.kill()
        process.wait()
        process.stdin.close()  # which ends the act
        time.sleep(0.2)
        done = subprocess.run(
            [watch.SOMBRERO, "watch", "--json", "--", ACT, "nothing"], capture_output=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(left.exists())


class Loss(unittest.TestCase):
    """A sensor that is not let run loses what does not fit, says how much, and is right again afterwards."""

    COUNT = 200_000

    def setUp(self):
        self.cgroup = Cgroup()
        self.addCleanup(self.cgroup.remove)
        self.watch = Sombrero("--cgroup", self.cgroup.path)
        self.addCleanup(self.watch.kill)

    def act(self, *arguments):
        act = Act(self.cgroup, ["act", *map(str, arguments)], executable=ACT)
        self.addCleanup(act.__exit__)
        return act

    def losses(self):
        with self.watch._changed:
            lost = [each for each in self.watch.events if each.get("loss_reason") == "ring full"]
            return sum(each["loss_count"] for each in lost)

    def test_what_is_lost_is_counted(self):
        storm = self.act("connect-storm", "127.0.0.1", "9", self.COUNT)
        storm.at("before")
        self.watch.wait_for(storm.pid, "exec")
        self.watch.process.send_signal(signal.SIGSTOP)
        storm.go()
        storm.end()
        self.watch.process.send_signal(signal.SIGCONT)
        self.watch.wait(lambda: self.losses(), "it does not say that anything was lost")
        reasons = {each["loss_reason"] for each in self.watch.events if each["kind"] == "loss"}
        self.assertLessEqual(reasons, {"ring full", "program unknown after a loss"})
        later = self.act("connect", "udp", "127.0.0.1", "9")
        of = truth(later.at("before"))
        later.go()
        later.end()
        self.watch.wait_for(later.pid, "exit")
        # Its end came when the ring was full.
        told = len(self.watch.of(storm.pid, "connect")) + len(self.watch.of(storm.pid, "exit"))
        self.assertGreater(told, 15_000)  # what the ring holds
        self.assertEqual(told + self.losses(), self.COUNT + 1)
        self.assertEqual([each["kind"] for each in self.watch.of(later.pid)], ["exec", "connect", "exit"])
        for event in self.watch.of(later.pid):
            self.assertEqual((event["exe"], event["argv"], event["cgroup"]), (ACT, of["argv"], self.cgroup.path))
        self.assertEqual(self.watch.stop(), 0)


if __name__ == "__main__":
    tap.main()
