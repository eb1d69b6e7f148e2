#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""The layers that ship (models/): each is a model as Sombrero writes it, allows nothing bad that its manual doesn't explain, and
is what a real host needs to be quiet."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from fakehost import SYSTEMD, FakeHost, wait_for
from watching import SOMBRERO, Watching

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
LAYERS = sorted(MODELS.glob("*.model"))
TITLE = "# sombrero model 1\n"
BAD = ("high", "critical")
SEVERITIES = ("informational", "low", "medium", "high", "critical")


def known(text):
    """A model with the same contexts and the users of each, and nothing else of them. So a line is not judged as less since its
    context is new as a whole, and that a service runs as root at all is not asked."""
    known = [TITLE]
    for line in text.splitlines()[1:]:
        if line[0] != " ":
            known.append(f"{line}\n  exec  /nothing\n")
        elif line.split()[0] == "owner":
            known.append(f"  owner  /nothing  {line.split()[-1]}\n")
    return "".join(known)


class Text(unittest.TestCase):
    def sombrero(self, *arguments):
        result = subprocess.run([SOMBRERO, *arguments], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def bad_changes(self, old, layer):
        """What is bad in the layer to who has only the model `old`."""
        with tempfile.NamedTemporaryFile("w", suffix=".model") as model:
            model.write(old)
            model.flush()
            found = json.loads(self.sombrero("model", "diff", "--format", "json", model.name, str(layer)))
        self.assertGreater(found["added"], 0)
        return [change for change in found["changes"] if change["severity"] in BAD]

    def bad_lines(self, layer):
        return {(line["context"], f"{line['kind']} {line['program']} {line['object']}".strip())
                for change in self.bad_changes(known(layer.read_text()), layer) for line in change["added"] if line["kind"] != "owner"}

    def test_each_is_as_sombrero_writes_it(self):
        for layer in LAYERS:
            with self.subTest(layer.stem):
                self.assertEqual(self.sombrero("model", "show", str(layer)), layer.read_text())

    def test_each_is_installed_and_has_its_line_in_the_manual(self):
        installed = (ROOT / "meson.build").read_text()
        manual = (MODELS / "README.md").read_text()
        for layer in LAYERS:
            with self.subTest(layer.stem):
                self.assertIn(f"'models/{layer.name}'", installed)
                self.assertIn(f"\n| `{layer.stem}` |", manual)

    def test_what_is_bad_in_them_is_explained_in_the_manual(self):
        explained = (MODELS / "README.md").read_text()
        for layer in LAYERS:
            for context, line in sorted(self.bad_lines(layer)):
                with self.subTest(layer=layer.stem):
                    self.assertIn(f"`{context}`: `{line}`", explained)

    def test_to_a_host_without_any_model_nothing_else_is_bad_in_them(self):
        for layer in LAYERS:
            with self.subTest(layer.stem):
                self.assertLessEqual({change["context"] for change in self.bad_changes(TITLE, layer)},
                                     {context for context, _ in self.bad_lines(layer)})

    def test_none_has_a_star_or_reaches_for_the_internet(self):
        for layer in LAYERS:
            for line in layer.read_text().splitlines()[1:]:
                with self.subTest(layer=layer.stem, line=line):
                    self.assertNotIn("*", line)
                    self.assertFalse(line.split()[0] == "connect" and line.endswith(("internet", "private", "metadata")))


class Quiet(unittest.TestCase):
    LOGS = {"redis-server": "/var/log/redis/redis-server.log", "nginx": "/var/log/nginx/access.log"}

    def setUp(self):
        if lacking := [program for program in ("redis-server", "nginx", "logrotate", "cron", "curl") if not shutil.which(program)]:
            self.skipTest(f"{', '.join(lacking)} is missing")
        folder = tempfile.TemporaryDirectory(prefix="sombrero-layers-")
        self.addCleanup(folder.cleanup)
        self.policy = pathlib.Path(folder.name, "shop.yml")
        self.policy.write_text("policy: shop\nmodel: { include: [ base, redis, nginx ] }\n")
        os.environ["SOMBRERO_MODELS"] = str(MODELS)

    def systemctl(self, host, *words):
        host.run(*host.enter("systemctl", *words), check=False)

    def live(self, host):
        """A start, clients, and two nights: the second compresses what the first rotated."""
        for unit, port in (("redis-server", 6379), ("nginx", 80)):
            self.systemctl(host, "start", unit)
            wait_for(f"port {port}", lambda port=port: not subprocess.run(
                host.network("nc", "-z", "127.0.0.1", str(port)), stdin=subprocess.DEVNULL).returncode)
        for _ in range(2):
            host.run(*host.network("redis-cli", "bgsave"))
            host.run(*host.network("curl", "-s", "-o", "/dev/null", "http://127.0.0.1/"))
            host.write("/var/lib/logrotate/status", "logrotate state -- version 2\n"
                       + "".join(f'"{log}" 2020-1-1-0:0:0\n' for log in self.LOGS.values()), 0o640)
            self.systemctl(host, "start", "logrotate.service")
        self.systemctl(host, "restart", "redis-server", "nginx")

    def findings(self, watching):
        return [(found["finding"], found.get("severity"), found.get("context"), found.get("behaviours"))
                for found in map(json.loads, watching.text().splitlines()) if SEVERITIES.index(found.get("severity", "medium")) >= 2]

    def test_a_host_with_redis_and_nginx_is_quiet_until_redis_looks_around(self):
        with FakeHost("layers", SYSTEMD) as host:
            keep = " ".join(f"! -name {name}" for name in (*self.LOGS, "apt", "alternatives", "btmp", "dpkg", "wtmp"))
            host.prepare(f"find /etc/logrotate.d -type f {keep} -delete; chmod 755 /etc/logrotate.d\n"
                         "rm -f /lib/systemd/system-generators/postgresql-generator /var/log/redis/*.gz /var/log/nginx/*.gz")
            host.enable("cron.service")
            host.boot()
            watching = Watching(host.cgroup, "-p", str(self.policy), "--auth-log", "none")
            watching.STATUSES = (3,)
            self.addCleanup(watching.close)
            self.live(host)
            for name, log in self.LOGS.items():
                self.assertTrue(host.path(f"{log}.2.gz").exists(), f"{name}'s log was not rotated twice")
            self.assertEqual(self.findings(watching), [])
            host.write("/etc/systemd/system/redis-server.service.d/bad.conf", "[Service]\nExecStartPre=/usr/bin/id\nExecPaths=/usr/bin/id\n")
            self.systemctl(host, "daemon-reload")
            self.systemctl(host, "restart", "redis-server")
            wait_for("the finding", lambda: "/usr/bin/id" in watching.text())
            watching.stop()
            self.assertEqual({(severity, line["program"]) for _, severity, _, lines in self.findings(watching) for line in lines},
                             {("high", "/usr/bin/id")})


if __name__ == "__main__":
    tap.main()
