#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who reaches out: by every way into the network that a program has, each told once and whole."""

import os
import socket
import time

import tap
import watch
from watch import LiveTest, truth

LOOK_SECONDS = 10  # how often the sensor looks for packet sockets
MPTCP = 262


def setUpModule():
    watch.isolate()


class Connect(LiveTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
        cls.addClassCleanup(cls.server.close)
        cls.port = cls.server.getsockname()[1]
        cls.datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        cls.datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        cls.datagrams.bind(("::", cls.port))
        cls.addClassCleanup(cls.datagrams.close)

    def reach(self, act, family, protocol, remote, port, **more):
        """Lets the act reach out; its one connect must be the one that is described. Returns the truth about it."""
        of = truth(act.at("before"))
        act.go()
        act.at("after")
        act.end()
        any_address = "0.0.0.0" if family == "ipv4" else "::"
        if act.detail:  # a port that the kernel chose before the first datagram left
            more["local_port"] = act.detail
        peer = {"family": family, "protocol": protocol, "remote_address": remote, "remote_port": port}
        event = self.only(of.pid, "connect")
        self.check(event, "connect", of, **({"local_address": any_address} | peer | more))
        self.assertEqual(self.watch.of(of.pid, "accept") + self.watch.of(of.pid, "listen"), [])
        return of

    def test_tcp(self):
        self.reach(self.act("connect", "tcp", "127.0.0.1", self.port), "ipv4", "tcp", "127.0.0.1", self.port)

    def test_tcp_to_ipv6(self):
        self.reach(self.act("connect", "tcp", "::1", self.port), "ipv6", "tcp", "::1", self.port)

    def test_tcp_to_ipv4_in_the_clothes_of_ipv6(self):
        act = self.act("connect", "tcp", "::ffff:127.0.0.1", self.port)
        self.reach(act, "ipv4", "tcp", "127.0.0.1", self.port)

    def test_a_port_that_refuses(self):
        self.reach(self.act("connect", "tcp", "127.0.0.1", 1), "ipv4", "tcp", "127.0.0.1", 1)

    def test_from_an_address_of_its_own(self):
        act = self.act("connect", "tcp", "127.0.0.1", self.port, "127.1.2.3", "41000")
        self.reach(act, "ipv4", "tcp", "127.0.0.1", self.port, local_address="127.1.2.3", local_port=41000)

    def test_from_an_address_of_its_own_in_the_clothes_of_ipv6(self):
        act = self.act("connect", "tcp", "::ffff:127.0.0.1", self.port, "::ffff:127.1.2.4", "41001")
        self.reach(act, "ipv4", "tcp", "127.0.0.1", self.port, local_address="127.1.2.4", local_port=41001)

    def test_a_datagram_socket_that_connects(self):
        self.reach(self.act("connect", "udp", "127.0.0.1", self.port), "ipv4", "udp", "127.0.0.1", self.port)

    def test_a_datagram_socket_that_connects_by_ipv6(self):
        self.reach(self.act("connect", "udp", "::1", self.port), "ipv6", "udp", "::1", self.port)

    def test_a_datagram(self):
        self.reach(self.act("send", "127.0.0.1", self.port), "ipv4", "udp", "127.0.0.1", self.port)

    def test_a_datagram_by_ipv6(self):
        self.reach(self.act("send", "::1", self.port), "ipv6", "udp", "::1", self.port)

    def test_a_datagram_to_ipv4_in_the_clothes_of_ipv6(self):
        self.reach(self.act("send", "::ffff:127.0.0.1", self.port), "ipv4", "udp", "127.0.0.1", self.port)

    def test_multipath_tcp_is_told_once_as_tcp(self):
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
        except OSError:
            self.skipTest("this kernel has no MPTCP")
        self.reach(self.act("connect", "mptcp", "127.0.0.1", self.port), "ipv4", "tcp", "127.0.0.1", self.port)

    def test_io_uring(self):
        self.reach(self.act("uring-connect", "127.0.0.1", self.port), "ipv4", "tcp", "127.0.0.1", self.port)

    def test_io_uring_by_a_worker_of_the_kernel(self):
        act = self.act("uring-connect", "127.0.0.1", self.port, "async")
        self.reach(act, "ipv4", "tcp", "127.0.0.1", self.port)

    def test_the_gate_of_32_bit_programs(self):
        act = self.act("int80-connect", "127.0.0.1", self.port)
        try:
            self.reach(act, "ipv4", "tcp", "127.0.0.1", self.port)
        except AssertionError:
            if act.process.poll() == 77:
                self.skipTest("this kernel runs no 32-bit system calls")
            raise

    def test_fast_open(self):
        self.reach(self.act("fastopen", "127.0.0.1", self.port), "ipv4", "tcp", "127.0.0.1", self.port)

    def test_a_child_that_execs_nothing(self):
        act = self.act("fork-connect", "tcp", "127.0.0.1", self.port)
        of = self.reach(act, "ipv4", "tcp", "127.0.0.1", self.port)
        self.assertNotEqual(of.pid, act.pid)
        self.assertEqual(self.watch.of(act.pid, "connect"), [])

    def test_a_network_that_it_made_after_its_start(self):
        act = self.act("unshare-connect", "udp", "127.0.0.1", 9)
        act.at("before")
        act.go()
        act.end(126)  # there is nothing it can reach; that it tried is seen
        event = self.only(act.pid, "connect")
        self.assertNotEqual(event["net_namespace"], truth(os.getpid())["net_namespace"])
        self.assertNotEqual(event["net_namespace"], self.only(act.pid, "exec")["net_namespace"])

    def test_a_socket_of_the_local_kind_is_not_seen(self):
        """What `sombrero status` says is not seen. When this fails, say there that it is."""
        path = str(self.folder / "socket")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            act = self.act("connect-unix", path)
            act.at("before")
            act.go()
            act.end()
            self.assertEqual(self.seen(act.pid, "connect"), [])


class Raw(LiveTest):
    """Sockets that go by no port."""

    def test_a_raw_socket(self):
        for family, number, name in (("ipv4", 1, "icmp"), ("ipv6", 58, "icmpv6"), ("ipv4", 89, "89"), ("ipv4", 255, "255")):
            act = self.act("raw", family, number)
            of = truth(act.at("before"))
            act.go()
            act.end()
            event = self.only(act.pid, "raw")
            local = "0.0.0.0" if family == "ipv4" else "::"
            self.check(event, "raw", of, family=family, protocol=name, local_address=local)

    def test_a_packet_socket_is_found_by_looking(self):
        act = self.act("packet")
        of = truth(act.at("open"))
        started = time.monotonic()
        events = self.watch.wait_for(act.pid, "raw")
        self.assertLess(time.monotonic() - started, LOOK_SECONDS + 2)
        self.check(events[0], "raw", of, family="packet", protocol=None)
        time.sleep(LOOK_SECONDS + 1)  # the next look finds it again, and keeps quiet
        self.only(act.pid, "raw")
        act.go()
        act.end()


if __name__ == "__main__":
    tap.main()
