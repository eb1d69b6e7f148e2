#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""Suggested drop-ins for redis and nginx, as they were learned on a host with systemd: the services work within them, and what
they never did is refused."""

import errno
import os
import pathlib
import signal
import subprocess
import unittest

import tap
from fakehost import SYSTEMD, FakeHost, end_with_parent, wait_for

SOMBRERO = os.path.join(os.environ["SOMBRERO_BUILD"], "src", "sombrero")
UNITS = {"redis-server": "redis-server.service", "nginx": "nginx.service"}
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
events {}
http {
  access_log /var/log/nginx/access.log;
  server { listen 127.0.0.1:80; location / { return 200 "here"; } }
}
"""
# What `learn --files` has of them; watching the files of a fake host takes a disk of its own.
WRITES = {"redis-server": ("/usr/bin/redis-check-rdb", "/var/lib/redis/*.rdb", "/var/log/redis/redis-server.log", "/run/redis/redis-server.pid"),
          "nginx": ("/usr/sbin/nginx", "/var/log/nginx/*.log", "/run/nginx.pid", "/var/lib/nginx/**")}

host = None
before = {}  # what systemd-analyze says of the units as they are


def setUpModule():
    global host
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    for program in (*SYSTEMD[:1], "/usr/sbin/nginx", "/usr/bin/redis-server", "/usr/bin/systemd-analyze"):
        if not os.path.exists(program):
            raise unittest.SkipTest(f"{program} is not installed")
    host = FakeHost("confined", SYSTEMD)
    unittest.addModuleCleanup(host.close)
    host.write("/etc/nginx/nginx.conf", NGINX)
    host.boot()
    model = learn()
    for service, unit in UNITS.items():
        before[unit] = analyze(unit)
        text = subprocess.run([SOMBRERO, "model", "suggest", "systemd", "--service", service, model], check=True,
                              capture_output=True, text=True).stdout
        host.write(f"/etc/systemd/system/{unit}.d/sombrero.conf", text)
    systemctl("daemon-reload")
    systemctl("restart", *UNITS.values())
    wait_for("redis", lambda: redis("PING") == "PONG")


def systemctl(*words):
    return host.run(*host.enter("systemctl", *words)).strip()


def analyze(unit):
    return host.run(*host.enter("systemd-analyze", "verify", unit), check=False)


def redis(*words):
    return host.run(*host.network("redis-cli", *words), check=False).strip()


def page():
    return host.run(*host.network("curl", "-s", "http://127.0.0.1/"), check=False)


def use():
    """Start, work, reload, stop."""
    systemctl("restart", *UNITS.values())
    wait_for("redis", lambda: redis("PING") == "PONG")
    wait_for("nginx", lambda: page() == "here")
    redis("SET", "a", "b")
    redis("SAVE")
    systemctl("reload", "nginx")
    wait_for("nginx", lambda: page() == "here")
    systemctl("stop", *UNITS.values())


def learn():
    model = host.folder / "model"
    with (host.folder / "learn").open("w+") as said:
        process = subprocess.Popen([SOMBRERO, "learn", "-o", model, "--cgroup", host.cgroup], stdin=subprocess.DEVNULL,
                                   stdout=said, stderr=said, preexec_fn=end_with_parent)
        try:
            wait_for("learning", lambda: "learning" in pathlib.Path(said.name).read_text() or process.poll() is not None)
            use()
            process.send_signal(signal.SIGINT)
            process.wait(20)
        finally:
            process.kill()
            process.wait()
    text = model.read_text()
    for service, (program, *paths) in WRITES.items():
        text += f"service {service}\n" + "".join(f"  write  {program}  {path}\n" for path in paths)
    model.write_text(text)
    return model


def of_process(unit, field):
    pid = systemctl("show", "--property=MainPID", "--value", unit)
    for line in host.path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return line.split()[1]
    return None


def runs_within(unit, *command):
    """What comes of the command where the unit's main process sees files."""
    pid = systemctl("show", "--property=MainPID", "--value", unit)
    return host.run(*host.enter("nsenter", "--target", pid, "--mount", *command), check=False)


class Confined(unittest.TestCase):
    def test_systemd_has_nothing_to_say_about_the_drop_ins(self):
        for unit in UNITS.values():
            self.assertEqual(analyze(unit), before[unit])
            self.assertIn("sombrero.conf", systemctl("show", "--property=DropInPaths", unit))
            self.assertNotIn("sombrero.conf", host.run(*host.enter("journalctl", "-b", "--no-pager"), check=False))

    def test_nothing_was_left_out_but_what_has_to_be(self):
        left_out = {unit: [line.split(":")[0].strip("# ") for line in host.path(f"/etc/systemd/system/{unit}.d/sombrero.conf").read_text()
                           .partition("# Left out:")[2].splitlines() if line.startswith("#   ")] for unit in UNITS.values()}
        self.assertEqual(left_out, {"redis-server.service": [], "nginx.service": ["User"]})

    def test_redis_works_and_keeps_what_it_was_given(self):
        self.assertEqual(redis("SET", "kept", "yes"), "OK")
        self.assertEqual(redis("SAVE"), "OK")
        systemctl("restart", "redis-server")
        wait_for("redis", lambda: redis("PING") == "PONG")
        self.assertEqual(redis("GET", "kept"), "yes")

    def test_nginx_works_and_can_be_reloaded(self):
        wait_for("nginx", lambda: page() == "here")
        systemctl("reload", "nginx")
        wait_for("nginx", lambda: page() == "here")

    def test_what_they_never_ran_does_not_run(self):
        for unit in UNITS.values():
            self.assertIn("Permission denied", runs_within(unit, "/usr/bin/id"))
        self.assertIn("nginx", runs_within("nginx", "/usr/sbin/nginx", "-v"))

    def test_what_they_never_wrote_is_read_only(self):
        for unit, writable in (("nginx", "/var/log/nginx"), ("redis-server", "/var/lib/redis")):
            root = f"/proc/{systemctl('show', '--property=MainPID', '--value', unit)}/root"
            for folder in ("/etc", "/usr/bin", "/var/www", "/srv"):
                with self.assertRaises(OSError) as raised:
                    host.path(f"{root}{folder}/new").write_text("")
                self.assertEqual(raised.exception.errno, errno.EROFS, folder)
            host.path(f"{root}{writable}/new").write_text("")

    def test_a_port_they_never_listened_at_stays_closed(self):
        if "+BPF_FRAMEWORK" not in host.run(*host.enter("systemctl", "--version")):
            self.skipTest("this systemd is built without BPF_FRAMEWORK, and so without SocketBindDeny=")
        self.assertIn("ERR", redis("CONFIG", "SET", "port", "6380"))
        self.assertEqual(redis("PING"), "PONG")

    def test_whom_they_never_reached_they_do_not_reach(self):
        host.run(*host.network("ip", "addr", "add", "10.9.9.9/32", "dev", "lo"))
        server = subprocess.Popen(host.network("nc", "-l", "-k", "-s", "10.9.9.9", "-p", "7000"), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, preexec_fn=end_with_parent)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        reach = "nc -z -w 1 10.9.9.9 7000 && echo reached"
        wait_for("the server", lambda: host.run(*host.network("sh", "-c", reach), check=False) == "reached\n")
        for unit in UNITS.values():
            [cgroup] = host.cgroup.rglob(unit)
            within = f"echo $$ >{cgroup}/cgroup.procs && echo in && {reach}"
            self.assertEqual(host.run(*host.network("sh", "-c", within), check=False), "in\n", unit)

    def test_they_have_no_capability_that_they_need_not(self):
        self.assertEqual(of_process("redis-server", "CapBnd"), "0" * 16)
        nginx = int(of_process("nginx", "CapBnd"), 16)
        self.assertFalse(nginx & 1 << 16, "CAP_SYS_MODULE")
        self.assertFalse(nginx & 1 << 13, "CAP_NET_RAW")
        self.assertTrue(nginx & 1 << 10, "CAP_NET_BIND_SERVICE")
        for unit in UNITS:
            self.assertEqual(of_process(unit, "NoNewPrivs"), "1")
            self.assertEqual(of_process(unit, "Seccomp"), "2")


if __name__ == "__main__":
    tap.main()
