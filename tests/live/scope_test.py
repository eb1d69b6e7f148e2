#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""What is not of the scope costs nothing and shows nowhere; what is of it is told once, and for what it is."""

import contextlib
import pathlib
import shutil
import signal
import socket
import struct
import threading
import time
import unittest

import tap
import watch
from watch import ACT, Act, Cgroup, LiveTest, Sombrero

NOBODY = 65534


def setUpModule():
    watch.isolate()
    pathlib.Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 65535")  # of our own network
    pathlib.Path("/proc/sys/net/ipv4/tcp_fastopen").write_text(str(0x2 | 0x200 | 0x400))  # for every listener, without a cookie


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return any_socket.getsockname()[1]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def syn_with_data(port, source_port):
    """A connection begun by nobody: the kernel knows of no such client, and refuses the answer."""
    host = socket.inet_aton("127.0.0.1")
    options = bytes([34, 2, 1, 1])  # TCP Fast Open, asking for a cookie
    header = struct.pack("!HHIIBBHHH", source_port, port, 1000, 0, (5 + 1) << 4, 0x02, 65535, 0, 0) + options + b"xx"
    pseudo = host + host + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header))
    header = header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.sendto(header, ("127.0.0.1", 0))


class Counters:
    """What this network's TCP has counted."""

    @staticmethod
    def read(name):
        lines = pathlib.Path("/proc/net/netstat").read_text().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            if name in names.split():
                return int(values.split()[names.split().index(name)])
        raise KeyError(name)


class Sockets(LiveTest):
    """What a socket is, from what became of it."""

    def listening(self, *arguments):
        act = self.act(*arguments)
        act.at("listening")
        return act, act.detail

    def test_a_handshake_that_is_given_up_is_no_accept(self):
        act, port = self.listening("listen", "tcp", "127.0.0.1", 0)
        before = Counters.read("TCPFastOpenPassive")
        syn_with_data(port, 40001)
        self.assertEqual(Counters.read("TCPFastOpenPassive"), before + 1, "the kernel did not begin a connection")
        act.go()
        act.end()
        self.assertEqual(self.seen(act.pid, "accept"), [])

    def test_a_connection_that_is_made_and_dropped_is_an_accept(self):
        act, port = self.listening("listen", "tcp", "127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", port)):
            pass
        act.go()
        act.end()
        self.only(act.pid, "accept")

    def test_a_datagram_after_a_bind_that_failed_is_a_connect(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
            taken.bind(("127.0.0.1", 0))
            target.bind(("127.0.0.1", 0))
            ports = [each.getsockname()[1] for each in (taken, target)]
            act = self.act("failed-bind", "udp", "127.0.0.1", *ports)
            act.at("before")
            act.go()
            act.end()
        self.assertEqual(self.seen(act.pid, "accept") + self.seen(act.pid, "listen"), [])
        self.assertEqual(self.only(act.pid, "connect")["remote_port"], ports[1])

    def test_a_listener_after_a_bind_that_failed_asked_for_no_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            act = self.act("failed-bind", "tcp", "127.0.0.1", taken.getsockname()[1], 1)
            act.at("before")
            act.go()
            act.end()
        self.assertNotIn("port_asked", self.only(act.pid, "listen").get("flags", []))

    def test_a_bind_that_succeeded_asked_for_its_port(self):
        for kind, sort in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
            act, _ = self.listening("listen", kind, "127.0.0.1", free_port(sort))
            act.go()
            act.end()
            self.assertIn("port_asked", self.only(act.pid, "listen").get("flags", []))

    def test_a_ping_socket_is_a_raw_one(self):
        for family, protocol in (("ipv4", "icmp"), ("ipv6", "icmpv6")):
            act = self.act("ping-socket", family)
            act.at("before")
            act.go()
            act.end()
            event = self.only(act.pid, "raw")
            self.assertEqual((event["family"], event["protocol"]), (family, protocol))

    def test_a_packet_socket_of_a_process_whose_first_thread_has_ended(self):
        act = self.act("packet-thread")
        act.at("open")
        (event,) = self.watch.wait_for(act.pid, "raw")
        self.assertEqual(event["family"], "packet")
        act.go()
        act.end()

    def test_what_a_stranger_reads_is_not_the_strangers_act(self):
        """A connection of the scope's, handed out of it: accepted here, read there."""
        act, port = self.listening("prefork", "127.0.0.1", 0, 1, "reads")
        act.go()
        worker = act.at("worker")
        pathlib.Path(watch.cgroup_root(), "cgroup.procs").write_text(str(worker))
        act.go()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.send(b"x")
            act.at("served")
        act.end()
        self.only(act.pid, "accept")
        self.assertEqual(self.watch.of(worker, "accept"), [])


class Strangers(unittest.TestCase):
    """A scope in which nothing happens, on a host where much does."""

    def setUp(self):
        self.scope, self.elsewhere = Cgroup(), Cgroup()
        self.addCleanup(self.scope.remove)
        self.addCleanup(self.elsewhere.remove)

    def act(self, *arguments):
        act = Act(self.elsewhere, ["act", *map(str, arguments)], executable=ACT)
        self.addCleanup(act.__exit__)
        return act

    @contextlib.contextmanager
    def watching(self):
        sombrero = Sombrero("--cgroup", self.scope.path)
        try:
            yield sombrero
        finally:
            status = sombrero.stop()
        self.assertEqual(status, 0, sombrero.errors)

    def test_servers_that_were_there_before(self):
        server = self.act("fork-each", "127.0.0.1", 0, 200)
        server.at("listening")
        port = server.detail
        threading.Thread(target=self.answer, args=[server], daemon=True).start()
        with self.watching() as sombrero:
            for _ in range(200):
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.send(b"x")
                    client.recv(1)
            server.end()
        self.assertEqual(sombrero.events, [])

    @staticmethod
    def answer(server):
        """Lets the server and each of its children go on."""
        server.go()
        for _ in range(200):
            server.at("child")
            server.go()

    def test_processes_that_change_rights_and_end(self):
        acts = [self.act("setuid", 1, 1) for _ in range(20)]
        for act in acts:
            act.at("before")
        with self.watching() as sombrero:
            for act in acts:
                act.go()
                act.at("after")
                act.go()
                act.end()
        self.assertEqual(sombrero.events, [])


class Lost(unittest.TestCase):
    """What the sensor says after records were lost: it knows that it can't know, and looks again."""

    def setUp(self):
        self.cgroup = Cgroup()
        self.addCleanup(self.cgroup.remove)
        self.folder = watch.make_folder()
        self.addCleanup(shutil.rmtree, self.folder)
        self.watch = Sombrero("--cgroup", self.cgroup.path)
        self.addCleanup(self.watch.kill)

    def run_program(self, *command, **options):
        act = Act(self.cgroup, [str(each) for each in command], **options)
        self.addCleanup(act.__exit__)
        return act

    def losses(self, reason):
        return [each for each in self.watch.events if each["kind"] == "loss" and each["loss_reason"] == reason]

    @contextlib.contextmanager
    def ring_full(self):
        """Nothing that is done here is recorded."""
        storm = self.run_program(ACT, "connect-storm", "127.0.0.1", 9, 100_000)
        storm.at("before")
        self.watch.wait_for(storm.pid, "exec")
        self.watch.process.send_signal(signal.SIGSTOP)
        storm.go()
        storm.end()
        yield
        self.watch.process.send_signal(signal.SIGCONT)
        self.watch.wait(lambda: self.losses("ring full"), "no loss was told")
        last = self.run_program(ACT, "nothing")
        last.end()
        self.watch.wait_for(last.pid, "exit")
        time.sleep(2.5)  # it looks again within two seconds

    def test_a_program_whose_start_was_lost(self):
        copy = str(shutil.copy(ACT, self.folder / "other"))
        act = self.run_program(ACT, "exec", copy, "connect", "udp", "127.0.0.1", 9)
        act.at("before")
        with self.ring_full():
            act.go()
            act.at("before")
        act.go()
        act.end()
        (event,) = self.watch.wait_for(act.pid, "connect")
        self.assertEqual((event["exe"], event["argv"][1:]), (copy, ["connect", "udp", "127.0.0.1", "9"]))
        self.watch.wait_for(act.pid, "exit")

    def test_a_program_that_did_not_change(self):
        act = self.run_program(ACT, "connect", "udp", "127.0.0.1", 9)
        act.at("before")
        with self.ring_full():
            pass
        unknown = len(self.losses("program unknown after a loss"))  # the storm's
        act.go()
        act.end()
        (event,) = self.watch.wait_for(act.pid, "connect")
        self.assertEqual(event["exe"], ACT)
        self.watch.stop()
        self.assertEqual(len(self.losses("program unknown after a loss")), unknown)

    def test_processes_whose_beginning_was_lost(self):
        """The child's event makes the parent known too, whose end is then told."""
        with self.ring_full():
            parent = self.run_program(ACT, "fork-connect", "udp", "127.0.0.1", 9)
            child = parent.at("before")
        parent.go()
        parent.end()
        (event,) = self.watch.wait_for(child, "connect")
        self.assertEqual(event["lineage"][0], {"pid": parent.pid, "program": ACT, "user": event["user"]})
        self.watch.wait_for(child, "exit")
        self.watch.wait_for(parent.pid, "exit")
        self.assertEqual(self.losses("process unknown"), [])


class PidNamespace(unittest.TestCase):
    """The sensor in a pid namespace of its own, where /proc counts otherwise than the kernel's records."""

    def setUp(self):
        self.cgroup = Cgroup()
        self.addCleanup(self.cgroup.remove)

    def act(self, *command):
        act = Act(self.cgroup, [str(each) for each in command])
        self.addCleanup(act.__exit__)
        return act

    @staticmethod
    def child_of(act):
        return int(watch.read(act.pid, f"task/{act.pid}/children"))

    def connects(self, *prefix):
        act = self.act(*prefix, ACT, "connect", "udp", "127.0.0.1", 9)
        act.at("before")
        return act

    def test_what_was_there_before_is_described_by_its_own_proc(self):
        container = self.act("unshare", "--pid", "--fork", "--mount-proc", ACT, "pause")
        self.assertEqual(container.at("here"), 1)
        enter = ["nsenter", f"--target={self.child_of(container)}", "--pid", "--mount"]
        inside, outside = self.connects(*enter), self.connects()
        child = self.child_of(inside)
        of = watch.truth(child)
        sombrero = Sombrero("--cgroup", self.cgroup.path, prefix=enter)
        self.addCleanup(sombrero.kill)
        for act in (inside, outside):
            act.go()
            act.end()
        (event,) = sombrero.wait_for(child, "connect")
        names = ("pid", "namespace_pid", "exe", "called", "argv", "cwd", "cgroup", "user", "mount_namespace")
        self.assertEqual({name: event[name] for name in names}, {name: of[name] for name in names})
        # Nobody there can say what this one runs.
        (event,) = sombrero.wait_for(outside.pid, "connect")
        self.assertNotIn("exe", event)
        container.go()
        container.end()


if __name__ == "__main__":
    tap.main()
