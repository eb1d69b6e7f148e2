#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whom a sensor sees: what is in its cgroups, from when it comes to when it leaves, and nobody else."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import unittest

import tap
import watch
from watch import ACT, Act, Cgroup, LiveTest, Sombrero, truth

NOBODY = 65534


def setUpModule():
    watch.isolate()


class Scope(LiveTest):
    """The sensor's cgroup, and another with processes that were there before it."""

    @classmethod
    def setUpClass(cls):
        cls.outside = Cgroup()
        cls.addClassCleanup(cls.outside.remove)
        cls.before = contextlib.ExitStack()
        cls.addClassCleanup(cls.before.close)
        cls.old = {}
        for name, arguments, place in (
            ("exit", ("pause",), "here"),
            ("setuid", ("setuid", "1", "1"), "before"),
            ("connect", ("connect-each", "tcp", "127.0.0.1", "9", "1"), "before"),
            ("serve", ("serve", "tcp", "127.0.0.1", "0", "1", "reads"), "listening"),
            ("serve-udp", ("serve-udp", "127.0.0.1", "5355", "1"), "listening"),
            ("move", ("connect-each", "tcp", "127.0.0.1", "9", "3"), "before"),
            ("move-listener", ("serve", "tcp", "127.0.0.1", "0", "1", "reads"), "listening"),
        ):
            cls.old[name] = cls.before.enter_context(Act(cls.outside, ["act", *arguments], executable=ACT))
            cls.old[name].at(place)
        super().setUpClass()

    def outsider(self, *arguments, **options):
        act = Act(self.outside, ["act", *map(str, arguments)], executable=ACT, **options)
        self.addCleanup(act.__exit__)
        return act

    def unseen(self, *pids):
        self.settle()
        for pid in pids:
            self.assertEqual(self.watch.of(pid), [])

    def test_outsiders_older_than_the_sensor(self):
        for name in ("exit", "connect", "setuid"):
            act = self.old[name]
            act.go()
            if name != "exit":
                act.at("after")
                act.go()
            act.end()
        serve = self.old["serve"]
        serve.go()
        with socket.create_connection(("127.0.0.1", serve.detail)) as client:
            client.sendall(b"x")
            serve.end()
        serve = self.old["serve-udp"]
        serve.go()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", 5355))
            client.sendall(b"x")
            client.recv(1)
            serve.end()
        self.unseen(*(self.old[name].pid for name in ("exit", "connect", "setuid", "serve", "serve-udp")))

    def test_outsiders_younger_than_the_sensor(self):
        acts = []
        for arguments in (
            ("nothing",),
            ("fork",),
            ("setuid", 1, 1),
            ("raw", "ipv4", 1),
            ("connect", "tcp", "127.0.0.1", 9),
            ("send", "127.0.0.1", 9),
        ):
            acts.append(self.outsider(*arguments))
            acts[-1].run_through()
        serve = self.outsider("serve", "tcp", "127.0.0.1", 0, 1, "reads")
        serve.at("listening")
        serve.go()
        with socket.create_connection(("127.0.0.1", serve.detail)) as client:
            client.sendall(b"x")
            serve.end()
        self.unseen(serve.pid, *(act.pid for act in acts))

    def test_a_process_that_is_moved_in_and_out_again(self):
        act = self.old["move"]
        act.go()
        act.at("before")
        self.unseen(act.pid)
        self.cgroup.enter(act.pid)
        of = truth(act.pid)
        self.assertEqual(of["cgroup"], self.cgroup.path)
        act.go()
        act.at("before")
        peer = {"family": "ipv4", "protocol": "tcp", "local_address": "0.0.0.0", "remote_address": "127.0.0.1"}
        event = self.only(act.pid, "connect")
        self.check(event, "connect", of, remote_port=9, **peer)
        self.outside.enter(act.pid)
        act.go()
        act.at("after")
        act.go()
        act.end()
        self.assertEqual(self.seen(act.pid), [event])

    def test_a_process_that_is_moved_in_and_ends(self):
        act = self.outsider("setuid", 1, NOBODY)
        act.at("before")
        self.cgroup.enter(act.pid)
        before = truth(act.pid)
        act.go()
        of = truth(act.at("after"))
        self.settle()
        act.go()
        act.end()
        event = self.only(act.pid, "privilege")
        self.check(event, "privilege", of, **watch.rights_before(before), **watch.rights(of))
        self.check(self.only(act.pid, "exit"), "exit", of, exit_code=0)
        self.assertEqual(self.watch.of(act.pid, "exec"), [])

    def test_a_listener_that_is_moved_in(self):
        """The next look finds it: what it accepts is seen from then on."""
        act = self.old["move-listener"]
        self.cgroup.enter(act.pid)
        of = truth(act.pid)
        time.sleep(11)
        act.go()
        with socket.create_connection(("127.0.0.1", act.detail)) as client:
            client.sendall(b"x")
            act.end()
            peer = client.getsockname()
        event = self.only(act.pid, "accept")
        local = {"local_address": "127.0.0.1", "local_port": act.detail}
        remote = {"remote_address": peer[0], "remote_port": peer[1]}
        service = {"kind": "service", "name": "act"}
        self.check(event, "accept", of, family="ipv4", protocol="tcp", context=service, **local, **remote)

    def test_a_child_that_begins_inside(self):
        act = self.outsider("clone-into", self.cgroup.directory)
        of = truth(act.at("child"))
        self.assertEqual(of["cgroup"], self.cgroup.path)
        self.settle()
        act.go()
        act.end(5)
        self.check(self.only(of.pid, "exit"), "exit", of, exit_code=5)
        self.unseen(act.pid)

    def test_a_child_that_begins_outside(self):
        act = self.act("clone-into", self.outside.directory)
        child = act.at("child")
        act.go()
        act.end(5)
        self.unseen(child)
        self.assertEqual(self.only(act.pid, "exit")["exit_code"], 5)

    def test_a_listener_from_an_init_outside(self):
        """Socket activation of a watched service by an init that is not watched."""
        act = Act(
            self.outside,
            ["unshare", "--pid", "--fork", ACT, "activate", "127.0.0.1", "0", ACT, "serve-activated", "1", "reads"],
        )
        self.addCleanup(act.__exit__)
        act.at("listening")
        port = act.detail
        act.go()
        act.at("activated")
        init = int(watch.read(act.pid, f"task/{act.pid}/children"))
        service = int(watch.read(init, f"task/{init}/children"))
        self.cgroup.enter(service)
        of = truth(service)
        self.settle()
        act.go()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"x")
            act.end()
            peer = client.getsockname()
        self.unseen(init, act.pid)
        event = self.only(service, "accept")
        local = {"local_address": "127.0.0.1", "local_port": port}
        remote = {"remote_address": peer[0], "remote_port": peer[1]}
        found = {"flags": ["by_reader"], "context": event["context"]}
        self.check(event, "accept", of, family="ipv4", protocol="tcp", **found, **local, **remote)


class SideBySide(unittest.TestCase):
    def start(self, *arguments):
        sensor = Sombrero(*arguments)
        self.addCleanup(sensor.kill)
        return sensor

    def scope(self, parent=""):
        cgroup = Cgroup(parent)
        self.addCleanup(cgroup.remove)
        return cgroup

    def happen(self, cgroup):
        """Several things in that cgroup; the pids of who did them."""
        pids = []
        for arguments in (("nothing",), ("connect", "tcp", "127.0.0.1", "9"), ("raw", "ipv4", "1")):
            with Act(cgroup, [ACT, *arguments]) as act:
                act.run_through()
                pids.append(act.pid)
        return pids

    def end(self, sensor):
        self.assertEqual(sensor.stop(), 0, sensor.errors)
        return {each["pid"] for each in sensor.events}

    def test_two_sensors_see_each_their_own(self):
        one, two = self.scope(), self.scope()
        first, second = self.start("--cgroup", one.path), self.start("--cgroup", two.path)
        pids_one, pids_two = self.happen(one), self.happen(two)
        first.wait_for(pids_one[-1], "exit")
        second.wait_for(pids_two[-1], "exit")
        self.assertEqual(self.end(first), set(pids_one))
        self.assertEqual(self.end(second), set(pids_two))

    def test_one_sensor_of_several_cgroups(self):
        above, other = self.scope(), self.scope()
        scopes = [self.scope(above.path) for _ in range(3)]
        last = self.scope()
        sensor = self.start("--cgroup", above.path + "/live-*", "--cgroup", last.path)
        wanted = [pid for cgroup in (*scopes, last) for pid in self.happen(cgroup)]
        self.happen(other)
        self.happen(above)
        wanted += self.happen(last)
        sensor.wait_for(wanted[-1], "exit")
        self.assertEqual(self.end(sensor), set(wanted))

    def test_a_sensor_of_the_host_and_one_of_a_cgroup(self):
        cgroup, other = self.scope(), self.scope()
        narrow, wide = self.start("--cgroup", cgroup.path), self.start("--host")
        inside, outside = self.happen(cgroup), self.happen(other)
        wide.wait_for(outside[-1], "exit")
        narrow.wait_for(inside[-1], "exit")
        for pid in inside + outside:
            self.assertEqual([each["kind"] for each in wide.of(pid)][:1], ["exec"])
        self.assertEqual(len(wide.of(inside[1], "connect")), 1)
        self.assertEqual(len(wide.of(outside[1], "connect")), 1)
        self.assertEqual(self.end(narrow), set(inside))
        self.assertEqual(wide.stop(), 0, wide.errors)


class Command(unittest.TestCase):
    """`sombrero watch -- CMD`"""

    def start(self, *command):
        process = subprocess.Popen(
            [watch.SOMBRERO, "watch", "--json", "--", ACT, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def check_end(self, process):
        """Ended well, and with nothing left; returns what it printed."""
        process.wait(watch.PATIENCE)
        output, errors = process.communicate()
        self.assertEqual((process.returncode, errors), (0, b"sombrero: watching\n"))
        self.assertFalse(os.path.exists(f"{watch.cgroup_root()}/sombrero-{process.pid}-watch"))
        return output

    def test_what_a_command_does(self):
        events = [json.loads(line) for line in self.check_end(self.start("storm", "3", ACT)).splitlines()]
        self.assertEqual([each["kind"] for each in events], ["exec"] + ["exec", "exit"] * 3 + ["exit"])
        for event in events:
            self.assertEqual(event["context"], {"kind": "harness"})
            self.assertEqual(event["exe"], ACT)

    def test_a_command_that_is_interrupted(self):
        process = self.start("pause")
        self.assertIn(b"at here", process.stdout.readline() + process.stdout.readline())
        process.send_signal(signal.SIGINT)
        self.assertIn(b'"exit_signal":2', self.check_end(process))


if __name__ == "__main__":
    tap.main()
