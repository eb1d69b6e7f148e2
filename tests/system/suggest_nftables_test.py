#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A suggested firewall, in a network of its own with a neighbour: what the model allows passes, and nothing else does."""

import ctypes
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

import tap
from fakehost import end_with_parent, wait_for

SOMBRERO = os.path.join(os.environ["SOMBRERO_BUILD"], "src", "sombrero")
CLONE_NEWNET = 0x40000000
# The neighbour is in the network `lab`, in `private`, and elsewhere.
OURS, THEIRS, PRIVATE, OTHER = "10.77.0.1", "10.77.0.2", "10.77.0.3", "198.51.100.2"
NOBODY = 65534

MODEL = """# sombrero model 1
service web
  accept   /srv/web  tcp 8080 private
  accept   /srv/web  udp 5000 lab
  connect  /srv/web  tcp 7000 lab
  connect  /srv/web  tcp 9000 loopback
  listen   /srv/web  tcp 8080 any
  listen   /srv/web  tcp 8081 any
  owner    /srv/web  uid:65534
service x\\x0a}\\x20flush\\x20ruleset\\x20\\x23
  accept   /x\\x0a}\\\\  tcp 8082 loopback
"""


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    if not shutil.which("nft", path="/usr/sbin:/usr/bin"):
        raise unittest.SkipTest("nft is not installed")
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        raise unittest.SkipTest("needs a network namespace of its own")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Neighbour:
    """Another network with a wire to ours. What connects from it or listens there is a process of its own."""

    def __init__(self):
        # A line on its standard output says that it is in its network.
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
        self.process.stdout.readline()
        subprocess.run(["ip", "link", "add", "ours", "type", "veth", "peer", "name", "theirs", "netns",
                        str(self.process.pid)], check=True)
        for words in (["addr", "add", f"{OURS}/24", "dev", "ours"], ["link", "set", "ours", "up"],
                      ["route", "add", "198.51.100.0/24", "dev", "ours"]):
            subprocess.run(["ip", *words], check=True)
        for words in (["addr", "add", f"{THEIRS}/24", "dev", "theirs"], ["addr", "add", f"{PRIVATE}/24", "dev", "theirs"],
                      ["addr", "add", f"{OTHER}/32", "dev", "theirs"],
                      ["link", "set", "lo", "up"], ["link", "set", "theirs", "up"]):
            subprocess.run(self.enter("ip", *words), check=True)
        # Both know each other's address before anything is tried: the first packet over a new wire may take its time.
        with socket.create_server((OURS, 1)):
            wait_for("the wire", lambda: self.reaches(1) and self.reaches(1, source=OTHER))

    def enter(self, *command):
        return ["nsenter", "--target", str(self.process.pid), "--net", *command]

    def reaches(self, port, source=PRIVATE):
        return subprocess.run(self.enter("nc", "-z", "-w", "1", "-s", source, OURS, str(port)), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def sends(self, port):
        subprocess.run(self.enter("nc", "-u", "-w", "1", "-s", THEIRS, OURS, str(port)), input=b"hello", check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listen(self, port):
        """A server there that takes one connection after the other."""
        return subprocess.Popen(self.enter("nc", "-l", "-k", "-p", str(port)), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, preexec_fn=end_with_parent)

    def listens(self, port):
        words = self.enter("ss", "-Hltn", f"sport = :{port}")
        return subprocess.run(words, check=True, capture_output=True).stdout.strip()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def reach(address, port, user=0):
    """Do we get through, as that user?"""
    words = ["setpriv", f"--reuid={user}", "--clear-groups", "nc", "-z", "-w", "1", address, str(port)]
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


class Firewall(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sombrero-suggest-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "model").write_text(MODEL)
        (self.folder / "resolv.conf").write_text("nameserver 192.0.2.53\n")
        self.neighbour = Neighbour()
        self.addCleanup(self.neighbour.close)
        self.addCleanup(subprocess.run, ["ip", "link", "del", "ours"], check=False, stderr=subprocess.DEVNULL)

    def suggest(self, *options, model="model"):
        words = [SOMBRERO, "model", "suggest", "nftables", f"--network=lab={THEIRS}", "--resolv-conf",
                 self.folder / "resolv.conf", *options, self.folder / model]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def load(self, text):
        for words in (["nft", "-c", "-f", "-"], ["nft", "-f", "-"]):
            result = subprocess.run(words, input=text, text=True, capture_output=True, check=False)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""), text)
        self.addCleanup(subprocess.run, ["nft", "delete", "table", "inet", "sombrero"], check=False, stderr=subprocess.DEVNULL)

    def listen(self, port, kind=socket.SOCK_STREAM, address=""):
        server = socket.socket(socket.AF_INET, kind)
        self.addCleanup(server.close)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        if kind == socket.SOCK_STREAM:
            server.listen(16)
        return server

    def serve(self, *ports):
        for port in ports:
            self.listen(port)

    def servers_there(self, *ports):
        for port in ports:
            server = self.neighbour.listen(port)
            self.addCleanup(server.wait)
            self.addCleanup(server.kill)
            wait_for(f"port {port}", lambda port=port: self.neighbour.listens(port))

    def test_in_comes_what_the_model_has_and_nothing_else(self):
        self.serve(8080, 8081)
        datagrams = {port: self.listen(port, socket.SOCK_DGRAM) for port in (5000, 5001)}
        for server in datagrams.values():
            server.settimeout(5)
        self.assertTrue(self.neighbour.reaches(8080))
        self.assertTrue(self.neighbour.reaches(8081))
        self.load(self.suggest())
        self.assertTrue(self.neighbour.reaches(8080))
        self.assertFalse(self.neighbour.reaches(8081), "it listens, and nobody ever reached it")
        self.assertFalse(self.neighbour.reaches(8080, source=OTHER), "that address is no private one")
        self.assertFalse(self.neighbour.reaches(8080, source=THEIRS), "the model calls that address lab, not private")
        self.neighbour.sends(5001)
        self.neighbour.sends(5000)
        self.assertEqual(datagrams[5000].recv(16), b"hello")
        datagrams[5001].setblocking(False)
        with self.assertRaises(BlockingIOError):
            datagrams[5001].recv(16)

    def test_out_goes_what_the_model_has_and_nothing_else(self):
        self.servers_there(7000, 7001)
        self.assertTrue(reach(THEIRS, 7001))
        self.load(self.suggest())
        self.assertTrue(reach(THEIRS, 7000))
        self.assertFalse(reach(THEIRS, 7001))
        self.assertFalse(reach(OTHER, 7000), "that address is not in the network")

    def test_by_user_only_the_programs_user_gets_out(self):
        self.servers_there(7000)
        self.load(self.suggest("--by-user"))
        self.assertTrue(reach(THEIRS, 7000, user=NOBODY))
        self.assertFalse(reach(THEIRS, 7000))

    def test_within_the_host_all_goes_on(self):
        self.load(self.suggest())
        self.serve(9000, 9001)
        for address in ("127.0.0.1", OURS):
            for port in (9000, 9001):
                self.assertTrue(reach(address, port), (address, port))

    def test_by_accept_nothing_is_dropped(self):
        self.servers_there(7001)
        self.serve(8081)
        self.load(self.suggest("--default=accept"))
        self.assertTrue(reach(THEIRS, 7001))
        self.assertTrue(self.neighbour.reaches(8081))

    def test_a_later_suggestion_takes_the_place_of_an_earlier_one_and_touches_no_other_table(self):
        subprocess.run(["nft", "add", "table", "inet", "mine"], check=True)
        self.addCleanup(subprocess.run, ["nft", "delete", "table", "inet", "mine"], check=True)
        self.load(self.suggest())
        (self.folder / "other").write_text("# sombrero model 1\nservice web\n  accept  /srv/web  tcp 8081 private\n")
        self.serve(8080, 8081)
        self.load(self.suggest(model="other"))
        self.assertTrue(self.neighbour.reaches(8081))
        self.assertFalse(self.neighbour.reaches(8080))
        tables = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(sorted(tables.split("\n")), ["", "table inet mine", "table inet sombrero"])

    def test_every_kind_of_line_is_taken_by_nft(self):
        lines = [f"  {kind}  /srv/web  {protocol} {port} {network}" for kind in ("accept", "connect")
                 for protocol in ("tcp", "udp", "sctp", "dccp", "47", "136", "*") for port in ("80", "ephemeral", "*")
                 for network in ("internet", "private", "metadata", "link-local", "multicast", "broadcast", "resolver", "lab", "*")]
        lines += [f"  raw  /srv/web  {what}" for what in ("ipv4 icmp", "ipv6 icmp", "ipv4 89", "ipv6 50", "packet", "ipv4 255")]
        lines += ["  owner  /srv/web  nobody"]
        (self.folder / "all").write_text("\n".join(["# sombrero model 1", "service web", *lines, ""]))
        for options in ([], ["--by-user"], ["--default=accept", "--containers"]):
            self.load(self.suggest(*options, model="all"))

    def test_an_empty_model_makes_a_firewall_that_lets_a_host_answer(self):
        (self.folder / "none").write_text("# sombrero model 1\n")
        self.load(self.suggest(model="none"))
        ping = subprocess.run(self.neighbour.enter("ping", "-c", "1", "-W", "2", OURS), capture_output=True, check=False) \
            if shutil.which("ping") else None
        if ping:
            self.assertEqual(ping.returncode, 0, ping.stdout)


if __name__ == "__main__":
    tap.main()
