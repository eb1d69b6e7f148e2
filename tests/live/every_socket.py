# SPDX-License-Identifier: Apache-2.0
"""Uses the network in every way that a sensor's hook is in, and prints how each went. Watched or not, it is the same."""

import contextlib
import errno
import itertools
import os
import socket
import struct
import sys

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
UDPLITE, MPTCP, SCTP = 136, 262, 132


def say(what, call):
    """Prints what came of it: "ok", or the error's name."""
    try:
        result = call()
        print(what, "ok", "" if result is None else result)
    except OSError as error:
        print(what, errno.errorcode.get(error.errno, str(error)))
    sys.stdout.flush()


def stream(family, protocol, reads, prepare=lambda server: None, host=None):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family, socket.SOCK_STREAM, protocol))
        prepare(server)
        server.bind((ANY[family], 0))
        server.listen(4)
        host = host or LOOPBACK[family]
        to = socket.AF_INET6 if ":" in host else socket.AF_INET
        client = stack.enter_context(socket.socket(to, socket.SOCK_STREAM, protocol))
        client.settimeout(5)
        client.connect((host, server.getsockname()[1]))
        peer = stack.enter_context(server.accept()[0])
        client.sendall(b"question")
        answer = peer.recv(16) if reads else b"unread"
        peer.sendall(answer)
        return client.recv(16)


def datagrams(family, protocol, port, connected, how):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM, protocol))
        server.bind((LOOPBACK[family], port))
        server.settimeout(5)
        client = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM, protocol))
        client.settimeout(5)
        if connected:
            client.connect(server.getsockname())
            client.send(b"question")
        elif how == "message":
            client.sendmsg([b"question"], [], 0, server.getsockname())
        else:
            client.sendto(b"question", server.getsockname())
        if how == "message":
            data, _, _, peer = server.recvmsg(16)
            server.sendmsg([data], [], 0, peer)
            return client.recvmsg(16)[0]
        data, peer = server.recvfrom(16)
        server.sendto(data, peer)
        return client.recv(16)


def refused(family, kind):
    with socket.socket(family, kind) as client:
        client.connect((LOOPBACK[family], 1))
        if kind == socket.SOCK_DGRAM:
            client.send(b"x")
            client.settimeout(5)
            client.recv(1)


def bind(family, kind, address, port, twice=False):
    with socket.socket(family, kind) as one, socket.socket(family, kind) as two:
        one.bind((address, port))
        if twice:
            two.bind((address, port))


def raw(family, protocol):
    with socket.socket(family, socket.SOCK_RAW, protocol) as one:
        one.settimeout(5)
        echo = 8 if family == socket.AF_INET else 128
        packet = struct.pack("!BBHHH", echo, 0, 0, 1, 1) + b"ping"
        total = sum(struct.unpack("!6H", packet))
        packet = packet[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + packet[4:]
        one.sendto(packet, (LOOPBACK[family], 0))
        return bool(one.recv(256))


def packet():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as one:
        one.bind(("lo", 0))
        return one.send(b"\0" * 12 + b"\x88\xb5" + b"x" * 46)


def pair(family, kind, name):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(family, kind))
        server.bind(name)
        client = stack.enter_context(socket.socket(family, kind))
        if kind == socket.SOCK_STREAM:
            server.listen()
            client.connect(name)
            client.sendall(b"x")
            return stack.enter_context(server.accept()[0]).recv(1)
        client.sendto(b"x", name)
        return server.recvfrom(1)[0]


def netlink():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as one:
        one.bind((0, 0))
        one.send(struct.pack("=IHHIIB3x", 20, 18, 0x301, 1, 0, 0))
        return len(one.recv(65536)) > 0


def fast_open(family):
    with socket.create_server((LOOPBACK[family], 0), family=family) as server, socket.socket(family) as client:
        client.sendto(b"early", socket.MSG_FASTOPEN, server.getsockname())
        peer, _ = server.accept()
        with peer:
            return peer.recv(16)


def multicast():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        group = socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1")
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        return one.sendto(b"x", ("239.1.2.3", 9))


def disconnect(family):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((LOOPBACK[family], 9))
        one.connect((ANY[family], 0))
        return one.sendto(b"x", (LOOPBACK[family], 9))


def listen_twice():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(1)
        one.listen(2)
        one.shutdown(socket.SHUT_RDWR)
        one.listen(3)


def main():
    os.chdir("/tmp")
    for name, family in FAMILIES.items():
        for protocol, reads in itertools.product((0, MPTCP), (True, False)):
            say(f"{name} stream {protocol} {reads}", lambda: stream(family, protocol, reads))
        for protocol, port, connected, how in itertools.product((0, UDPLITE), (0, 5399), (True, False), ("plain", "message")):
            what = f"{name} datagram {protocol} {port} {connected} {how}"
            say(what, lambda: datagrams(family, protocol, port, connected, how))
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            say(f"{name} refused {kind}", lambda: refused(family, kind))
            for port, twice in ((0, False), (80, False), (5400, False), (5400, True)):
                say(f"{name} bind {kind} {port} {twice}", lambda: bind(family, kind, ANY[family], port, twice))
            say(f"{name} bind elsewhere {kind}", lambda: bind(family, kind, "2001:db8::1" if name == "ipv6" else "192.0.2.1", 0))
        say(f"{name} raw", lambda: raw(family, 1 if name == "ipv4" else 58))
        say(f"{name} raw 255", lambda: socket.socket(family, socket.SOCK_RAW, 255).close())
        say(f"{name} fast open", lambda: fast_open(family))
        say(f"{name} disconnect", lambda: disconnect(family))
        say(f"{name} ping", lambda: socket.socket(family, socket.SOCK_DGRAM, 1 if name == "ipv4" else 58).close())
        say(f"{name} sctp", lambda: socket.socket(family, socket.SOCK_STREAM, SCTP).close())
    both = lambda server: server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    say("both families", lambda: stream(socket.AF_INET6, 0, True, both, "127.0.0.1"))
    say("mapped", lambda: stream(socket.AF_INET6, 0, True, both, "::ffff:127.0.0.1"))
    say("multicast", multicast)
    say("listen twice", listen_twice)
    say("packet", packet)
    say("local stream", lambda: pair(socket.AF_UNIX, socket.SOCK_STREAM, f"\0live-{os.getpid()}-1"))
    say("local datagram", lambda: pair(socket.AF_UNIX, socket.SOCK_DGRAM, f"\0live-{os.getpid()}-2"))
    say("netlink", netlink)
    print("end")


main()
