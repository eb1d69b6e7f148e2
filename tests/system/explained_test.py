#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
"""What a change wrote belongs to it, and so does what it had started: a service says by which change it runs, whoever starts it again,
until somebody else writes its program or asks for it. What such a service does that its model does not know is a finding all the same,
which names the change, and is on the change's page.

Each release of the daemon runs a program of its own, which the model does not know: that finding tells of which release it is.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from fakehost import PLAIN, SYSTEMD, Failed, FakeHost, end_with_parent, wait_for
from watching import SOMBRERO, Watching

STATE = "/var/lib/sombrero"
POLICY = "policy: app\nfiles:\n  - { path: /srv/app/**, severity: high }\n"
DAEMON = """#!/usr/bin/python3
import socket, subprocess
listener = socket.create_server(("127.0.0.1", 7000))
release = open("/srv/app/conf").read().split()
if release[0] != "learned":
    subprocess.run(["/usr/local/bin/mark-" + release[0]], check=True)
    open("/srv/app/written-by-" + release[0], "w").close()
while True:
    listener.accept()
"""
UNIT = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={}\nRestart=always\nRestartSec=0\n"
RELEASES = ("a", "b", "c", "d")


class Watch(Watching):
    """With a policy and a model: what it prints are findings of both."""

    STATUSES = (0, 3)

    def findings(self):
        return [json.loads(line) for line in self.text().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for_mark(self, release):
        """Until the release has begun, and is told of."""
        try:
            return wait_for(f"the finding about release {release}", lambda: marks(self.findings(), release))[0]
        except Failed as error:
            raise Failed(f"{error}; it told of {[finding['event'].get('argv') for finding in self.findings()]}") from None


def marks(findings, release):
    return [finding for finding in findings if finding["event"]["kind"] == "exec" and
            finding["event"]["argv"][0] == f"/usr/local/bin/mark-{release}"]


def of_context(findings, name):
    return [finding for finding in findings if finding.get("context", {}).get("name") == name]


class Host(FakeHost):
    """With alice, who may do anything by sudo, and a state that this machine sees, too."""

    def __init__(self, testcase, init):
        folder = tempfile.TemporaryDirectory(prefix="sombrero-explained-")
        testcase.addClassCleanup(folder.cleanup)
        self.state = pathlib.Path(folder.name) / "state"
        self.state.mkdir(mode=0o700)
        super().__init__("app", init, mounts={STATE: self.state})
        try:
            shutil.copy(SOMBRERO, self.path("/usr/local/bin/sombrero"))
            self.add_user("alice", sudo=True)
        except BaseException:
            self.close()
            raise

    def change(self, id_, script):
        """A login that releases."""
        self.login("alice", f"sudo sombrero change begin --id {id_} --state {STATE} -- sh -ec '{script}'")

    def shown(self, id_, *options):
        return subprocess.run([SOMBRERO, "change", "show", *options, "--state", str(self.state), id_], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=60).stdout

    def page(self, id_):
        return json.loads(self.shown(id_, "--json"))

    def watch(self, *options):
        policy = self.folder / "policy.yml"
        policy.write_text(POLICY)
        return Watch(self.cgroup, "-p", str(policy), "--state", str(self.state), *options)


def execs(page, context):
    """The programs of a change's page that began in this context."""
    return [event["program"] for event in page["kept"] if event["kind"] == "exec" and
            (event["context"]["kind"], event["context"].get("name")) == context]


# ------------------------------------------------------------------------------------------- with systemd


def furnish(host):
    for release in ("learned", *RELEASES):
        host.write(f"/srv/releases/{release}/daemon", f"{DAEMON}# {release}\n", 0o755)
        host.write(f"/srv/releases/{release}/conf", f"{release}\n")
        shutil.copy("/usr/bin/true", host.path(f"/usr/local/bin/mark-{release}"))
    host.prepare("cp -r /srv/releases/learned /srv/app; cp /usr/bin/sleep /usr/local/bin/other")
    host.write("/lib/systemd/system/app.service", UNIT.format("/srv/app/daemon"))
    host.write("/lib/systemd/system/other.service", UNIT.format("/usr/local/bin/other infinity"))
    host.enable("ssh.service", "app.service", "other.service", "redis-server.service")
    # Its other name, as Debian has it.
    host.path("/etc/systemd/system/redis.service").symlink_to("/lib/systemd/system/redis-server.service")


def install(release):
    return f"cp /srv/releases/{release}/daemon /srv/releases/{release}/conf /srv/app/"


def learn(host):
    """What the daemon does from its start, until it listens."""
    model = host.folder / "app.model"
    with (host.folder / "learn").open("w+") as said:
        process = subprocess.Popen([SOMBRERO, "learn", "-o", str(model), "--cgroup", str(host.cgroup)], stdin=subprocess.DEVNULL,
                                   stdout=said, stderr=said, preexec_fn=end_with_parent)
        try:
            wait_for("learning", lambda: "learning" in pathlib.Path(said.name).read_text() or process.poll() is not None)
            host.run(*host.enter("systemctl", "restart", "app"))
            wait_for("the daemon", lambda: not subprocess.run(host.network("nc", "-z", "127.0.0.1", "7000"), check=False,
                                                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode)
            process.send_signal(signal.SIGINT)
            process.wait(20)
        finally:
            process.kill()
            process.wait()
    # Of all that ran meanwhile the model is to know the daemon.
    kept, wanted = [], False
    for line in model.read_text().splitlines(keepends=True):
        if line.strip() and not line.startswith((" ", "#")):
            wanted = line.startswith("service daemon") or not line.startswith(("service", "job"))
        if wanted or line.startswith("#"):
            kept.append(line)
    model.write_text("".join(kept))
    return model


def pid_of(host, unit):
    return host.run(*host.enter("systemctl", "show", "--property", "MainPID", "--value", unit)).strip()


@unittest.skipIf(os.geteuid() != 0, "needs root")
class WithSystemd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = host = Host(cls, SYSTEMD)
        cls.addClassCleanup(host.close)
        furnish(host)
        host.boot()
        host.wait_for_ssh("alice")
        cls.model = learn(host)
        cls.watch = watch = host.watch("-m", str(cls.model))
        cls.addClassCleanup(watch.close)
        cls.live(host, watch)
        cls.findings = watch.findings()
        watch.stop()

    @staticmethod
    def live(host, watch):
        # (a) A release as most are.
        host.change("rel-1", f"{install('a')}; systemctl restart app")
        watch.wait_for_mark("a")
        # (b) It only writes; alice has it started again, later.
        host.change("rel-2", install("b"))
        wait_for("what it wrote", lambda: len(host.page("rel-2").get("changed_files", [])) == 2)
        host.login("alice", "sudo systemctl restart app")
        watch.wait_for_mark("b")
        # (c) By hand, and at once: what is started is hers though nothing of it was told yet.
        host.login("alice", f"sudo {install('c')}; sudo systemctl restart app")
        watch.wait_for_mark("c")
        # (d) By another name of its unit. At that time another service starts again by itself.
        before = pid_of(host, "other")
        host.change("rel-4", "systemctl restart redis; systemctl kill other")
        wait_for("redis", lambda: "services_started" in host.page("rel-4") and host.page("rel-4")["services_started"])
        wait_for("other", lambda: pid_of(host, "other") not in (before, "0") and of_context(watch.findings(), "other"))
        wait_for("the finding about redis", lambda: [finding for finding in watch.findings()
                                                     if "redis" in finding.get("context", {}).get("name", "")])
        # Asked for by a change, and then by alice before anything else: hers. What she wrote stays hers.
        host.change("rel-5", "systemctl restart app")
        host.login("alice", f"sudo {install('d')}; sudo systemctl restart app")
        watch.wait_for_mark("d")
        wait_for("the last file", lambda: any(finding["event"].get("path") == "/srv/app/written-by-d" for finding in watch.findings()))

    def of_mark(self, release):
        found = marks(self.findings, release)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_a_service_that_a_change_wrote_and_had_started_again_is_the_changes(self):
        page = self.host.page("rel-1")
        self.assertIn("/usr/bin/python3.", execs(page, ("service", "daemon"))[0])
        self.assertIn("(#!/srv/app/daemon)", execs(page, ("service", "daemon"))[0])
        self.assertEqual({event["change"] for event in page["kept"]}, {"rel-1"})
        self.assertEqual({(file["kind"], file["path"]) for file in page["changed_files"]},
                         {("write", "/srv/app/daemon"), ("write", "/srv/app/conf")})
        self.assertIn("daemon", [service["service"] for service in page["services_started"]])
        self.assertIn("systemctl restart app", [asked["command"] for asked in page["services_asked"]])
        self.assertTrue({"/usr/bin/cp", "/usr/bin/systemctl"} <= {program["program"] for program in page["programs"]})
        self.assertTrue(any(listener["listener"].startswith("tcp 127.0.0.1 7000") for listener in page["listeners"]))
        self.assertEqual((page["state"], page["exit_status"], page["person"]), ("ended", 0, self.alices_key()))

    def alices_key(self):
        return self.host.run("ssh-keygen", "-l", "-f", f"{self.host.key}.pub").split()[1]

    def test_a_service_whose_program_a_change_wrote_is_the_changes_whoever_starts_it(self):
        event = self.of_mark("b")["event"]
        self.assertEqual((event["context"]["kind"], event["context"]["name"], event.get("change")), ("service", "daemon", "rel-2"))
        self.assertIsNone(event.get("login"))
        listed = subprocess.run([SOMBRERO, "sessions", "--json", "--state", str(self.host.state)], stdout=subprocess.PIPE, check=True)
        shown = [subprocess.run([SOMBRERO, "sessions", "show", "--json", "--state", str(self.host.state), json.loads(line)["id"]],
                                stdout=subprocess.PIPE, check=True).stdout for line in listed.stdout.splitlines()]
        asked = [json.loads(session) for session in shown]
        asked = [session for session in asked if any(event.get("argv") == ["systemctl", "restart", "app"] and not event.get("change")
                                                     for event in session["kept"])]
        self.assertTrue(asked)
        self.assertEqual({(session["user"], session["person"]) for session in asked}, {("alice", self.alices_key())})

    def test_what_somebody_wrote_by_hand_is_no_changes(self):
        for release in ("c", "d"):
            with self.subTest(release):
                event = self.of_mark(release)["event"]
                self.assertEqual((event["context"]["kind"], event.get("change")), ("service", None))
        by_hand = [finding["event"] for finding in self.findings if finding["event"].get("path") == "/srv/app/daemon"]
        self.assertEqual({(event["context"]["kind"], event["context"]["name"], event.get("change")) for event in by_hand},
                         {("session", "alice", None)})

    def test_what_a_change_asked_for_is_explained_and_its_neighbour_is_not(self):
        redis = [finding["event"] for finding in self.findings if "redis" in finding.get("context", {}).get("name", "")]
        self.assertEqual({event.get("change") for event in redis}, {"rel-4"})
        other = [finding["event"] for finding in of_context(self.findings, "other")]
        self.assertTrue(other)
        self.assertEqual({event.get("change") for event in other}, {None})
        self.assertNotIn("other", [service["service"] for service in self.host.page("rel-4")["services_started"]])

    def test_what_the_model_does_not_know_is_a_finding_that_names_the_change(self):
        finding = self.of_mark("a")
        self.assertEqual((finding["finding"], finding["event"]["change"]), ("new behaviour", "rel-1"))
        text = self.as_text(finding["event"])
        self.assertRegex(text, r"  DEVIATION (low|medium)  service daemon: started /usr/local/bin/mark-a\n  means     service daemon starts ")
        self.assertIn("\n  change    rel-1\n", text)
        self.assertNotIn("\n  change ", self.as_text(self.of_mark("c")["event"]))

    def as_text(self, event):
        replay = self.host.folder / "events"
        replay.write_text(json.dumps(event) + "\n")
        return subprocess.run([SOMBRERO, "watch", "-m", str(self.model), "--replay", str(replay)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False, timeout=60).stdout

    def test_a_change_s_page_has_what_the_model_did_not_know(self):
        self.assertIn(("service daemon", "exec /usr/local/bin/mark-a"),
                      [(news["context"], news["line"].split("  ")[0]) for news in self.host.page("rel-1")["new"]])
        self.assertIn(("service daemon", "exec /usr/local/bin/mark-b"),
                      [(news["context"], news["line"].split("  ")[0]) for news in self.host.page("rel-2")["new"]])
        self.assertRegex(self.host.shown("rel-1"), r"\nnew\n  service daemon\n    [0-9: -]+  exec /usr/local/bin/mark-a")
        self.assertEqual(self.host.page("rel-5")["new"], [])
        self.assertIn("\nnew\n  nothing that a model did not know", self.host.shown("rel-5"))

    def test_what_such_a_service_writes_is_its_own(self):
        for release, change in (("a", "rel-1"), ("b", "rel-2"), ("c", None), ("d", None)):
            with self.subTest(release):
                written = [finding["event"] for finding in self.findings
                           if finding["event"].get("path") == f"/srv/app/written-by-{release}" and "behaviours" not in finding]
                self.assertEqual({event["context"]["kind"] for event in written}, {"service"})
                self.assertEqual(written[0].get("change"), change)


# ------------------------------------------------------------------------------------------ start scripts


@unittest.skipIf(os.geteuid() != 0, "needs root")
class WithStartScripts(unittest.TestCase):
    def test_a_daemon_that_a_change_started_is_a_service_of_the_change(self):
        host = Host(type(self), PLAIN)
        self.addCleanup(host.close)
        host.write("/srv/app/conf", "conf\n")
        host.start_scripts("ssh", "redis-server")
        host.boot()
        host.wait_for_ssh("alice")
        watch = host.watch()
        self.addCleanup(watch.close)
        host.change("rel-1", "service redis-server restart")

        def listens():
            page = host.page("rel-1")
            return page if any(" 6379 " in listener["listener"] for listener in page.get("listeners", [])) else None
        page = wait_for("redis", listens)
        watch.stop()
        services = {event["context"]["name"] for event in page["kept"] if event["context"]["kind"] == "service"}
        self.assertEqual(len(services), 1)
        self.assertIn("redis", services.pop())
        self.assertEqual({event["change"] for event in page["kept"]}, {"rel-1"})
        self.assertIn("redis-server restart", "".join(asked["command"] for asked in page["services_asked"]))


if __name__ == "__main__":
    tap.main()
