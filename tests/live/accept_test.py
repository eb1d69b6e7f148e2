#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who waits to be reached, and who was: in the name of the program that serves, however it came by its listener."""

import datetime
import contextlib
import os
import socket
import struct

import tap
import watch
from watch import ACT, Act, Cgroup, LiveTest, truth

MPTCP = 262


def setUpModule():
    watch.isolate()


class ServerTest(LiveTest):
    """The clients are not in scope: of a connection only the server's side is told. Who listens is a service."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.outer_context, cls.context = cls.context, {"kind": "service", "name": "act"}

    def listening(self, *arguments, place="listening", **options):
        """An act that waits at its port: the act, and the truth about it."""
        act = self.act(*arguments, **options)
        of = truth(act.at(place))
        self.settle()
        return act, of

    def client(self, port, host="127.0.0.1", kind=socket.SOCK_STREAM, protocol=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        client = socket.socket(family, kind, protocol)
        self.addCleanup(client.close)
        client.settimeout(watch.PATIENCE)
        client.connect((host, port))
        return client

    def reach(self, port, host="127.0.0.1", **options):
        """Connects, says a byte, waits until the server closes; returns the client's address."""
        client = self.client(port, host, **options)
        name = client.getsockname()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(b"x")
            while client.recv(16):
                pass
        return name[0], name[1]

    def check_listen(self, event, of, address, port, family="ipv4", protocol="tcp", **more):
        local = {"family": family, "protocol": protocol, "local_address": address, "local_port": port}
        self.check(event, "listen", of, **local, **more)

    def check_accept(self, event, of, server, client, family="ipv4", protocol="tcp", **more):
        local = {"family": family, "protocol": protocol, "local_address": server[0], "local_port": server[1]}
        remote = {"remote_address": client[0], "remote_port": client[1]}
        self.check(event, "accept", of, **local, **remote, **more)

    def setUp(self):
        super().setUp()
        self.began = datetime.datetime.now(datetime.timezone.utc).isoformat()

    def accepts(self, port):
        """All accepts at that port in this test, whoever's. The system may have given the same port to another one."""
        self.settle()
        with self.watch._changed:
            return [each for each in self.watch.events
                    if each["kind"] == "accept" and each["local_port"] == port and each["time"] > self.began]


class Accept(ServerTest):
    def serve(self, kind, address, host, family="ipv4", how="reads", asked=0, **options):
        """One server, one connection, one accept."""
        act, of = self.listening("serve", kind, address, asked, 1, how)
        port, flags = act.detail, ["port_asked"] if asked else []
        own = "ipv6" if ":" in address else "ipv4"
        self.check_listen(self.only(act.pid, "listen"), of, address, port, own, flags=flags)
        act.go()
        client = self.reach(port, host, **options)
        act.end()
        events = self.accepts(port)
        self.assertEqual(len(events), 1, events)
        self.check_accept(events[0], of, (host, port), client, family, flags=flags)
        self.assertEqual(self.watch.of(act.pid, "connect"), [])

    def test_a_server(self):
        self.serve("tcp", "127.0.0.1", "127.0.0.1")

    def test_a_server_at_a_port_of_its_choice(self):
        self.serve("tcp", "127.0.0.1", "127.0.0.1", asked=4711)
        self.serve("tcp", "::", "127.0.0.1", asked=4712)

    def test_a_server_that_waits_everywhere(self):
        self.serve("tcp", "0.0.0.0", "127.0.0.1")

    def test_a_server_of_ipv6(self):
        self.serve("tcp", "::1", "::1", "ipv6")

    def test_a_server_of_ipv6_that_ipv4_reaches(self):
        self.serve("tcp", "::", "127.0.0.1")

    def test_a_server_that_never_reads(self):
        self.serve("tcp", "127.0.0.1", "127.0.0.1", how="writes")

    def test_multipath_tcp_is_told_once_as_tcp(self):
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
        except OSError:
            self.skipTest("this kernel has no MPTCP")
        self.serve("mptcp", "127.0.0.1", "127.0.0.1")
        self.serve("mptcp", "127.0.0.1", "127.0.0.1", protocol=MPTCP)

    def test_a_connection_that_nobody_took(self):
        """It came in: that it was closed before accept(2) makes no difference to who was reached."""
        act, of = self.listening("listen", "tcp", "127.0.0.1", 0)
        port = act.detail
        client = self.client(port).getsockname()
        act.go()
        act.end()
        events = self.accepts(port)
        self.assertEqual(len(events), 1)
        self.check_accept(events[0], of, ("127.0.0.1", port), client)

    def test_a_port_that_nobody_asked_for(self):
        """A datagram socket bound to any port is a client's."""
        act, _ = self.listening("listen", "udp", "127.0.0.1", 0)
        self.assertEqual(self.seen(act.pid, "listen"), [])
        act.go()
        act.end()

    def test_a_datagram_server_and_its_replies(self):
        """The request and the answer are both an accept; the answer is no connect."""
        for address, host, family in (
            ("127.0.0.1", "127.0.0.1", "ipv4"),
            ("0.0.0.0", "127.0.0.1", "ipv4"),
            ("::1", "::1", "ipv6"),
            ("::", "127.0.0.1", "ipv4"),
        ):
            port = 5353
            act, of = self.listening("serve-udp", address, port, 1)
            kind = "ipv6" if ":" in address else "ipv4"
            self.check_listen(self.only(act.pid, "listen"), of, address, port, kind, "udp", flags=["port_asked"])
            act.go()
            client = self.client(port, host, socket.SOCK_DGRAM)
            client.send(b"x")
            self.assertEqual(client.recv(1), b"x")
            act.end()
            events = self.seen(act.pid, "accept")
            self.assertEqual(len(events), 2, events)
            local = "0.0.0.0" if (address, family) == ("::", "ipv4") else address
            for event in events:
                peer = client.getsockname()[:2]
                self.check_accept(event, of, (local, port), peer, family, "udp", flags=["port_asked"])
            self.assertEqual(self.watch.of(act.pid, "connect"), [])

    def test_two_programs_at_one_port(self):
        """SO_REUSEPORT: the kernel deals connections out; each is told in the name of who got it."""
        one, of_one = self.listening("serve", "tcp", "127.0.0.1", 0, 20, "reads")
        port = one.detail
        two, of_two = self.listening("serve", "tcp", "127.0.0.1", port, 20, "reads", executable=self.other_act())
        self.assertNotEqual(of_one["exe"], of_two["exe"])
        for act in (one, two):
            act.go()
        counts = {one.pid: 0, two.pid: 0}
        for _ in range(20):
            client = self.reach(port)
            event = self.accepts(port)[-1]
            of = of_one if event["pid"] == one.pid else of_two
            name = os.path.basename(of["exe"])
            # The second asked for the first one's port by number.
            flags = ["port_asked"] if of is of_two else []
            context = {"kind": "service", "name": name}
            self.check_accept(event, of, ("127.0.0.1", port), client, flags=flags, context=context)
            counts[event["pid"]] += 1
        self.assertEqual(len(self.accepts(port)), 20)
        for act in (one, two):
            served = 0
            with contextlib.suppress(AssertionError):
                os.set_blocking(act.process.stdout.fileno(), False)
                served = (act.process.stdout.read() or b"").count(b"served")
            self.assertEqual(served, counts[act.pid])
            self.assertGreater(served, 0)

    def other_act(self):
        path = self.folder / "other"
        path.write_bytes(open(ACT, "rb").read())
        path.chmod(0o755)
        return str(path)

    def prefork(self, how):
        """The first connection is told in the listener's name, and once it is seen that others take them, in theirs."""
        act, listener = self.listening("prefork", "127.0.0.1", 0, 3, how)
        port = act.detail
        act.go()
        workers = {pid: truth(pid) for pid in (act.at("worker") for _ in range(3))}
        for number in range(3):
            act.go()  # one of them, whichever reads it
            client = self.reach(port)
            worker = workers[act.at("served")]
            events = self.accepts(port)[-2 if number == 0 else -1 :]
            if number == 0:
                self.check_accept(events.pop(0), listener, ("127.0.0.1", port), client)
            self.check_accept(events[0], worker, ("127.0.0.1", port), client, flags=["by_reader"])
        act.end()
        self.assertEqual(len(self.accepts(port)), 4)

    def test_workers_that_share_a_listener(self):
        self.prefork("reads")

    def test_workers_that_share_a_listener_and_never_read(self):
        self.prefork("writes")

    def test_a_child_for_each_connection(self):
        act, listener = self.listening("fork-each", "127.0.0.1", 0, 3)
        port = act.detail
        act.go()
        for number in range(3):
            client = self.client(port)
            client.sendall(b"x")
            child = truth(act.at("child"))
            self.settle()
            act.go()
            client.recv(1)
            events = self.accepts(port)[-2 if number == 0 else -1 :]
            if number == 0:
                self.check_accept(events.pop(0), listener, ("127.0.0.1", port), client.getsockname())
            self.check_accept(events[0], child, ("127.0.0.1", port), client.getsockname(), flags=["by_reader"])
        act.end()
        self.assertEqual(len(self.accepts(port)), 4)

    def test_a_connection_that_was_reset_has_its_port(self):
        """The kernel takes the port off a connection that is reset. Nobody has read it, so it is the listener's."""
        act, listener = self.listening("fork-each", "127.0.0.1", 0, 2)
        port = act.detail
        act.go()
        for resets in (False, True):
            client = self.client(port)
            name = client.getsockname()
            act.at("child")
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            self.settle()
            act.go()
            if not resets:  # from here on it is known that others read
                client.sendall(b"x")
                client.recv(1)
        act.end()
        events = self.accepts(port)
        self.assertEqual(len(events), 3, events)
        self.check_accept(events[2], listener, ("127.0.0.1", port), name)

    def activated(self, how):
        activator, listener = self.listening("activate", "127.0.0.1", 0, self.other_act(), "serve-activated", 2, how)
        port = activator.detail
        self.check_listen(self.only(activator.pid, "listen"), listener, "127.0.0.1", port)
        activator.go()
        service = truth(activator.at("activated"))
        self.settle()
        self.assertNotEqual(service["exe"], listener["exe"])
        activator.go()
        clients = [self.reach(port) for _ in range(2)]
        activator.end()
        events = self.accepts(port)
        self.assertEqual(len(events), 3, events)
        self.check_accept(events[0], listener, ("127.0.0.1", port), clients[0])
        self.check_accept(events[1], service, ("127.0.0.1", port), clients[0], flags=["by_reader"])
        self.check_accept(events[2], service, ("127.0.0.1", port), clients[1], flags=["by_reader"])

    def test_a_service_that_got_its_listener_from_another(self):
        self.activated("reads")

    def test_a_service_that_got_its_listener_and_never_reads(self):
        self.activated("writes")

    def test_a_socket_that_plays_both_parts(self):
        """A listener that reaches out is no accept; what was accepted and listens is a listener like any other."""
        with socket.create_server(("127.0.0.1", 0)) as target:
            act, of = self.listening("turn", "127.0.0.1", target.getsockname()[1])
            port = act.detail
            act.go()
            client = self.client(port)
            client.sendall(b"x")
            act.at("turned")
            second = act.detail
            self.settle()
            act.go()
            peer = self.reach(second)
            act.end()
            self.settle()
            first, last = self.watch.of(act.pid, "accept")
            self.check_accept(first, of, ("127.0.0.1", port), client.getsockname())
            self.check_accept(last, of, ("127.0.0.1", second), peer)
            self.assertEqual(len(self.watch.of(act.pid, "connect")), 1)
            self.assertEqual(len(self.watch.of(act.pid, "listen")), 2)


class Older(ServerTest):
    """What was there before the sensor."""

    @classmethod
    def setUpClass(cls):
        cls.before = contextlib.ExitStack()
        cls.addClassCleanup(cls.before.close)
        cls.cgroup_before = Cgroup()
        cls.addClassCleanup(cls.cgroup_before.remove)
        cls.acts, cls.truths = {}, {}
        for name, arguments in {
            "tcp": ("serve", "tcp", "127.0.0.1", "0", "2", "reads"),
            "prefork": ("prefork", "127.0.0.1", "0", "1", "reads"),
            "udp": ("serve-udp", "127.0.0.1", "5354", "1"),
            "fork": ("fork",),
        }.items():
            act = cls.before.enter_context(Act(cls.cgroup_before, [ACT, *arguments]))
            cls.truths[name] = truth(act.at("child" if name == "fork" else "listening"))
            cls.acts[name] = act
        super().setUpClass()

    @classmethod
    def make_scope(cls):
        return cls.cgroup_before

    def test_a_listener(self):
        act, port = self.acts["tcp"], self.acts["tcp"].detail
        act.go()
        clients = [self.reach(port) for _ in range(2)]
        act.end()
        events = self.accepts(port)
        self.assertEqual(len(events), 2)
        for event, client in zip(events, clients):
            self.check_accept(event, self.truths["tcp"], ("127.0.0.1", port), client)
        self.check(self.only(act.pid, "exit"), "exit", self.truths["tcp"], exit_code=0)

    def test_a_listener_whose_workers_are_younger(self):
        act, port = self.acts["prefork"], self.acts["prefork"].detail
        act.go()
        worker = truth(act.at("worker"))
        act.go()
        client = self.reach(port)
        act.end()
        events = self.accepts(port)
        self.check_accept(events[0], self.truths["prefork"], ("127.0.0.1", port), client)
        self.check_accept(events[1], worker, ("127.0.0.1", port), client, flags=["by_reader"])
        self.assertEqual(len(events), 2)

    def test_a_datagram_server(self):
        act = self.acts["udp"]
        act.go()
        client = self.client(5354, kind=socket.SOCK_DGRAM)
        client.send(b"x")
        client.recv(1)
        act.end()
        events = self.seen(act.pid, "accept")
        self.assertEqual(len(events), 2)
        for event in events:
            peer = client.getsockname()
            of = self.truths["udp"]
            self.check_accept(event, of, ("127.0.0.1", 5354), peer, protocol="udp", flags=["port_asked"])
        self.assertEqual(self.watch.of(act.pid, "connect"), [])

    def test_a_process_and_its_child_that_execs_nothing(self):
        act, of = self.acts["fork"], self.truths["fork"]
        act.go()
        act.end(3)
        self.check(self.only(of.pid, "exit"), "exit", of, exit_code=3, context=self.outer_context)


if __name__ == "__main__":
    tap.main()
