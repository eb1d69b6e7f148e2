#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""Twenty logins at once, and who they were: on a host with systemd, whose log is the journal, and on one with start scripts and a
syslog daemon, whose log is a file.

Each login comes from an address of its own, by which the test knows it: its person, its method, all that it started, and its
end must be right. Failed logins are counted. What outlives a login stays its orphan where the tie can be seen; what is told to
another's daemon does not. docs/reference/sessions.md says the same in words.
"""

import collections
import json
import os
import pathlib
import shlex
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from day_test import RUNTIME
from fakehost import PLAIN, SYSTEMD, Disk, FakeHost, end_with_parent, wait_for
from watching import SOMBRERO, Watching

SSHD = """UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
UseDNS no
TrustedUserCAKeys /etc/ssh/ca.pub
Subsystem sftp /usr/lib/openssh/sftp-server
Match User inside
    ForceCommand internal-sftp
"""
POLICY = """policy: sessions
changes:
  - { session: { key: '%s' } }
  - { session: { certificate: 'ci-*' } }
"""

FILES = """policy: files
files:
  - { path: /srv/data/** }
"""

# One login each: who, with which key, and what is done. NAME is in the command line of what it starts.
Act = collections.namedtuple("Act", "name user key does")


def shell(script):
    return lambda host, act: host.run(*host.as_person(act, f": act={act.name}; echo x >/srv/data/{act.name}; {script}"))


def copies(*command):
    """scp, sftp, rsync: a program of the client's that calls ssh."""
    def run(host, act):
        where = {"ssh": shlex.join(host.ssh_command(act)), "user": act.user, "folder": host.folder, "name": act.name}
        host.run(*host.network("sh", "-ec", " ".join(command).format(**where)))
    return run


def tunnel(host, act):
    """Nothing runs for it but sshd itself."""
    with subprocess.Popen(host.as_person(act, "-N", "-L", "18080:127.0.0.1:22"), stdin=subprocess.DEVNULL,
                          preexec_fn=end_with_parent) as client:
        try:
            wait_for("the tunnel", lambda: "SSH-2.0" in host.run(
                *host.network("sh", "-c", "nc -w 2 127.0.0.1 18080 </dev/null"), check=False))
        finally:
            client.terminate()


def by_password(host, act):
    host.run(*host.by_password(act, "right", f": act={act.name}; id"), env=host.askpass("right"))


ACTS = [
    Act("plain", "alice", "alice", shell("id")),
    Act("sudo", "alice", "alice", shell("sudo id; sudo -u bob id")),
    Act("switch", "alice", "alice", shell("sudo su - bob -c id")),
    Act("tmux", "alice", "alice", shell("tmux -L left new-session -d left-tmux")),
    Act("nohup", "alice", "alice", shell("nohup left-nohup >/dev/null 2>&1 </dev/null & "
                                         "while [ ! -e /tmp/left-nohup.begun ]; do sleep 0.05; done")),
    Act("hop", "alice", "alice", shell("ssh -i .ssh/hop -b 127.0.1.100 -o StrictHostKeyChecking=no -o LogLevel=ERROR "
                                       "bob@127.0.0.1 ': act=hopped; id'")),
    Act("scp", "alice", "alice", copies("scp -q -S {folder}/{name}.ssh /etc/hostname {user}@127.0.0.1:copied")),
    Act("sftp", "bob", "bob", copies("echo 'put /etc/hostname copied' | sftp -q -S {folder}/{name}.ssh -b - {user}@127.0.0.1")),
    Act("inside", "inside", "bob", copies("echo 'put /etc/hostname copied' | sftp -q -S {folder}/{name}.ssh -b - {user}@127.0.0.1")),
    Act("rsync", "bob", "bob", copies("rsync -q -e {folder}/{name}.ssh /etc/hostname {user}@127.0.0.1:synced")),
    Act("git", "git", "alice", copies(
        "mkdir {folder}/site; cd {folder}/site; git init -q -b main; date >index; git add .;"
        "git -c user.name=a -c user.email=a@localhost commit -q -m site;"
        "GIT_SSH={folder}/{name}.ssh git push -q {user}@127.0.0.1:/srv/site.git main")),
    Act("tunnel", "alice", "alice", tunnel),
    Act("root-alice", "root", "alice", shell("id")),
    Act("root-bob", "root", "bob", shell("id")),
    Act("root-cert", "root", "dana", shell("id")),
    Act("cert", "alice", "dana", shell("id")),
    Act("password", "carol", None, by_password),
    Act("deploy", "deploy", "ci", shell("id; sleep 3; id")),
    Act("deploy-cert", "deploy", "ci-cert", shell("sleep 3; sudo id")),
    Act("quick", "bob", "bob", shell("true")),
]
# The hop's second login, which alice makes from the host itself.
HOPPED = Act("hopped", "bob", "hop", None)
# One that goes on while another sensor comes.
LASTING = Act("lasting", "alice", "alice", None)
CERTIFICATES = {"dana": "dana@example.org", "ci-cert": "ci-deploy 42"}

LEFT = """#!/bin/sh
touch /tmp/{0}.begun
while [ ! -e /tmp/{0}.go ]; do sleep 0.1; done
whoami >/dev/null
touch /tmp/{0}.done
"""


class PeopleHost(FakeHost):
    """A host, its people, and their keys."""

    def __init__(self, name, init, disk):
        super().__init__(name, init, disk=disk)
        self.keys = {who: self.make_key(who) for who in ("ca", "alice", "bob", "dana", "ci", "ci-cert", "hop")}
        self.addresses = {act.name: f"127.0.1.{number + 1}" for number, act in enumerate(ACTS)}
        self.addresses |= {"hopped": "127.0.1.100", "lasting": "127.0.1.101"}
        self._furnish_people()
        self._furnish_keys()

    def _furnish_people(self):
        self.add_user("alice", sudo=True, key=self.keys["alice"])
        self.add_user("bob", password="console", key=self.keys["bob"])
        self.add_user("carol", password="right")
        self.add_user("inside", key=self.keys["bob"])
        self.add_user("git", key=self.keys["alice"])
        self.add_user("deploy", sudo=True, key=self.keys["ci"])
        self.add_user("mallory")
        self.write("/etc/ssh/sshd_config", SSHD)
        self.write("/etc/ssh/ca.pub", self.keys["ca"].with_suffix(".pub").read_text())
        self.write("/home/alice/.ssh/hop", self.keys["hop"].read_text(), 0o600)
        self.write("/home/alice/at-once.sh", "#!/bin/sh\nid >/tmp/cron.done\n", 0o755)
        self.prepare("mkdir -m 1777 /srv/data; chown alice: /home/alice/.ssh/hop; git init -q --bare -b main /srv/site.git; chown -R git: /srv/site.git")
        for name in ("left-tmux", "left-nohup", "left-scope"):
            self.write(f"/usr/local/bin/{name}", LEFT.format(name), 0o755)

    def _furnish_keys(self):
        public = {name: key.with_suffix(".pub").read_text() for name, key in self.keys.items()}
        self.write("/root/.ssh/authorized_keys", public["alice"] + public["bob"], 0o600)
        self.write("/home/bob/.ssh/authorized_keys", public["bob"] + public["hop"], 0o600)
        self.prepare("chown bob: /home/bob/.ssh/authorized_keys; chmod 700 /root/.ssh")
        for name, principals in (("dana", "root,alice"), ("ci-cert", "deploy")):
            self.run("ssh-keygen", "-q", "-s", str(self.keys["ca"]), "-I", CERTIFICATES[name], "-n", principals,
                     str(self.keys[name].with_suffix(".pub")))
        for act in ACTS:
            if act.key:
                script = self.folder / f"{act.name}.ssh"
                script.write_text(f'#!/bin/sh\nexec {shlex.join(self.ssh_command(act))} "$@"\n')
                script.chmod(0o755)
        script = self.folder / "askpass"
        script.write_text('#!/bin/sh\n[ -z "$WAIT_FOR" ] || while [ ! -e "$WAIT_FOR" ]; do sleep 0.05; done\necho "$PASSWORD"\n')
        script.chmod(0o755)

    def fingerprint(self, name):
        return self.run("ssh-keygen", "-l", "-f", f"{self.keys[name]}.pub").split()[1] if name else ""

    def ssh_command(self, act):
        return ["ssh", *self.ssh_options(self.keys[act.key]), "-o", f"BindAddress={self.addresses[act.name]}"]

    def as_person(self, act, *arguments):
        return self.network(*self.ssh_command(act), f"{act.user}@127.0.0.1", *arguments)

    def askpass(self, password, wait_for_file=""):
        return {**os.environ, "SSH_ASKPASS": str(self.folder / "askpass"), "SSH_ASKPASS_REQUIRE": "force", "PASSWORD": password,
                "WAIT_FOR": str(wait_for_file)}

    def by_password(self, act, password, *arguments, address=None):
        del password  # in the environment, askpass()
        return self.network("ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
                            "LogLevel=ERROR", "-o", "PubkeyAuthentication=no", "-o", "ConnectTimeout=10", "-o",
                            f"BindAddress={address or self.addresses[act.name]}", f"{act.user}@127.0.0.1", *arguments)

    def fail(self, user, address, *, tries=None, key=None):
        """Does not get in: by so many wrong passwords, or by a key that is not theirs."""
        act = Act("fail", user, key, None)
        if tries:
            command = self.by_password(act, "", "id", address=address)
            command.insert(command.index("ssh") + 1, f"-oNumberOfPasswordPrompts={tries}")
            self.run(*command, check=False, env=self.askpass("wrong"))
        else:
            self.run(*self.network("ssh", *self.ssh_options(self.keys[key]), "-o", f"BindAddress={address}",
                                   f"{user}@127.0.0.1", "id"), check=False)

    def go_on(self, name):
        self.write(f"/tmp/{name}.go", "")
        wait_for(f"{name} to end", self.path(f"/tmp/{name}.done").exists)


FAILURES = [
    # user, address, how; how many attempts that is
    ("carol", "127.0.2.1", {"tries": 3}, 3),
    ("alice", "127.0.2.2", {"tries": 1}, 1),
    ("oracle", "127.0.2.3", {"tries": 2}, 2),
    ("alice", "127.0.2.4", {"key": "bob"}, 1),
    ("nobody-here", "127.0.2.5", {"key": "bob"}, 1),
    ("x from 127.0.9.9 port 5 ssh2", "127.0.2.6", {"tries": 1}, 1),
]

# ----------------------------------------------------------------------------------------------- what is done


def together(*jobs):
    """All at once; the first that fails is raised."""
    wrong = []
    barrier = threading.Barrier(len(jobs))

    def run(job):
        barrier.wait()
        try:
            job()
        except Exception as error:  # noqa: it is raised below
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def log_in_all(host):
    together(*[lambda act=act: act.does(host, act) for act in ACTS],
             *[lambda user=user, address=address, how=how: host.fail(user, address, **how)
               for user, address, how, _ in FAILURES])


def forge(host):
    """Somebody on the host, without rights, tells the log that it was alice who logs in as carol."""
    released = host.folder / "released"
    carol = Act("forged", "carol", None, None)
    with subprocess.Popen(host.by_password(carol, "right", ": act=forged; id", address="127.0.3.1"), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, env=host.askpass("right", released), preexec_fn=end_with_parent) as client:
        port = wait_for("carol's connection", lambda: connection_from(host, "127.0.3.1"))
        pid = wait_for("carol's sshd", lambda: host.run(*host.enter("pgrep", "-f", r"^sshd: carol \[priv\]"), check=False).strip())
        line = f"Accepted publickey for carol from 127.0.3.1 port {port} ssh2: ED25519 {host.fingerprint('alice')}"
        host.run(*host.enter("setpriv", "--reuid", "mallory", "--clear-groups", "logger", "-t", f"sshd[{pid}]", line))
        time.sleep(0.3)
        released.touch()
        client.wait(20)
    host.run(*host.enter("setpriv", "--reuid", "mallory", "--clear-groups", "logger", "-t", "sshd[1]",
                         line.replace(str(port), "1")))


def connection_from(host, address):
    for row in host.run(*host.network("ss", "-Htn", "src", address)).splitlines():
        return row.split()[3].rpartition(":")[2]
    return None


def leave(host, *names):
    """Those that were left behind go on, when everybody has gone."""
    time.sleep(0.5)
    for name in names:
        host.go_on(name)


def tell_cron(host):
    host.login("alice", "echo '* * * * * /home/alice/at-once.sh' | crontab -", key=host.keys["alice"])


def type_at_console(host):
    for password, answer in (("wrong", "Login incorrect"), ("console", "$")):
        host.console.expect("login:")
        host.console.type("bob")
        host.console.expect("assword:")
        host.console.type(password)
        host.console.expect(answer)
    host.console.type(": act=console; id; exit")
    host.console.expect("uid=")


def tell_systemd(host):
    alice = host.keys["alice"]
    host.login("alice", ": act=run; sudo systemd-run -q --wait --unit=told /usr/local/bin/told-program", key=alice)
    host.login("alice", ": act=scope; sudo systemd-run -q --scope --unit=kept left-scope >/dev/null 2>&1 </dev/null & "
               "while [ ! -e /tmp/left-scope.begun ]; do sleep 0.05; done", key=alice)
    host.login("alice", ": act=pods; sudo systemctl start pods", key=alice)
    wait_for("the container", host.path("/run/pods.pid").exists)
    for _ in range(2):
        host.login("alice", ": act=pods; sudo systemctl kill --signal=USR1 --kill-who=main pods", key=alice)
        wait_for("the exec", host.path("/run/pods.entered").exists)
        host.path("/run/pods.entered").unlink()


def furnish_systemd(host):
    host.enable("ssh.service", "cron.service")
    host.write("/etc/systemd/system/pods.service", "[Service]\nExecStart=/usr/local/bin/pods\nDelegate=yes\n")
    host.write("/usr/local/bin/pods", RUNTIME, 0o755)
    host.prepare("cp /usr/bin/sleep /usr/local/bin/podmain; cp /usr/bin/true /usr/local/bin/told-program")


def furnish_plain(host):
    host.write("/etc/init.d/log", "#!/bin/sh\nexec /usr/bin/busybox syslogd -O /var/log/auth.log\n", 0o755)
    host.prepare("rm -f /var/log/auth.log /var/log/secure")
    host.start_scripts("log", "ssh", "cron")


# ------------------------------------------------------------------------------------------------- the tests


def program(event):
    return os.path.basename(event.get("script") or event.get("exe", ""))


def mark(event):
    """The name of the act that a shell was started for."""
    argv = event.get("argv", ())
    return argv[2][len(": act="):].partition(";")[0] if len(argv) > 2 and argv[2].startswith(": act=") else None


def fingerprint(host, act):
    return "" if act.key is None else host.fingerprint(act.key)


class WatchingFiles(Watching):
    STATUSES = (0, 3)


class Sessions:
    """The tests of both hosts."""

    @classmethod
    def setUpClass(cls):
        disk = None if Disk.lack() else cls.enterClassContext(Disk())
        cls.host = host = cls.enterClassContext(PeopleHost("people", cls.INIT, disk))
        cls.furnish(host)
        policy = host.folder / "policy.yml"
        policy.write_text(POLICY % host.fingerprint("ci"))
        cls.sensor = cls.watch(host, policy)
        cls.state = host.folder / "state-files"
        files = host.folder / "files.yml"
        files.write_text(FILES)
        host.boot()
        cls.files = None if Disk.lack() else WatchingFiles(host.cgroup, "-p", str(files), "--state", str(cls.state))
        if cls.files:
            cls.addClassCleanup(cls.files.close)
        host.wait_for_ssh("alice")
        log_in_all(host)
        tell_cron(host)
        cls.spend(host)
        with subprocess.Popen(host.as_person(LASTING, "-N"), stdin=subprocess.DEVNULL,
                              preexec_fn=end_with_parent) as lasting:
            time.sleep(1)
            late = cls.watch(host, policy)
            time.sleep(4)
            cls.late = late.stop()
            lasting.terminate()
        forge(host)
        wait_for("cron", host.path("/tmp/cron.done").exists, 75, 0.2)
        time.sleep(1.5)  # for the last login to be told with its end
        cls.events = cls.sensor.stop()
        cls.logins = [event for event in cls.events if event["kind"] == "login"]
        cls.findings = cls.files.stop() if cls.files else []

    @classmethod
    def watch(cls, host, policy):
        watching = Watching(host.cgroup, "-p", str(policy), "--state", str(host.folder / f"state-{time.monotonic_ns()}"))
        cls.addClassCleanup(watching.close)
        return watching

    def login_from(self, address):
        found = [event for event in self.logins if event.get("remote_address") == address]
        self.assertEqual(len(found), 1, f"logins from {address}")
        return found[0]

    def of(self, act):
        return self.login_from(self.host.addresses[act.name])

    def events_of(self, name):
        """What the shell of that act started, itself first."""
        shells = [event for event in self.events if event["kind"] == "exec" and mark(event) == name]
        self.assertTrue(shells, name)
        pids = {event["pid"] for event in shells}
        return [event for event in self.events if event["kind"] == "exec" and
                (event["pid"] in pids or pids & {ancestor["pid"] for ancestor in event.get("lineage", ())})]

    def test_each_login_has_its_person_and_its_way_in(self):
        for act in (*ACTS, HOPPED):
            with self.subTest(act.name):
                login = self.of(act)
                key = fingerprint(self.host, act)
                certificate = CERTIFICATES.get(act.key, "")
                self.assertEqual(
                    {field: login.get(field, "") for field in
                     ("login_user", "person", "key", "certificate", "login_method", "login_service")},
                    {"login_user": act.user, "person": certificate or key or act.user, "key": key, "certificate": certificate,
                     "login_method": "publickey" if act.key else "password", "login_service": "sshd"})

    def test_there_are_no_other_logins_by_ssh(self):
        addresses = [event.get("remote_address") for event in self.logins if event["login_service"] == "sshd"]
        expected = [*self.host.addresses.values(), "127.0.3.1"]
        self.assertEqual(sorted(address for address in addresses if address != "127.0.0.1"), sorted(expected))

    def test_each_login_has_an_id_of_its_own(self):
        ids = [event["login"] for event in self.logins]
        self.assertEqual(len(ids), len(set(ids)))

    def test_each_login_ends_once_after_it_began(self):
        ends = collections.defaultdict(list)
        for event in self.events:
            if event["kind"] == "logout":
                ends[event["login"]].append(event)
        for login in self.logins:
            with self.subTest(login.get("remote_address")):
                if login["login_service"] == "systemd-user":
                    continue  # it may outlast the test
                self.assertEqual(len(ends[login["login"]]), 1)
                end = ends[login["login"]][0]
                self.assertGreater(end["time"], login["time"])
                self.assertGreaterEqual(end["processes"], 1)
                self.assertEqual(end.get("person"), login.get("person"))
        self.assertLessEqual(set(ends), {login["login"] for login in self.logins})

    def test_all_that_a_login_started_is_its_own(self):
        for act in (*ACTS, HOPPED):
            if is_no_shell(act):
                continue
            with self.subTest(act.name):
                login = self.of(act)
                events = self.events_of(act.name)
                if act.name == "hop":  # … but for what the hop began
                    events = [event for event in events if event["login"] != self.of(HOPPED)["login"]]
                self.assertEqual({event["login"] for event in events}, {login["login"]})
                self.assertLessEqual({event["person"] for event in events}, {login["person"], act.user})

    def test_who_went_on_to_be_somebody_else_is_still_the_same_person(self):
        for name, users in (("sudo", {"alice", "root", "bob"}), ("switch", {"alice", "root", "bob"})):
            events = self.events_of(name)
            self.assertEqual({event["effective_user"] for event in events}, users)

    def test_a_session_by_a_certain_key_is_a_change(self):
        for act, name in ((act, "session:deploy") for act in ACTS if act.user == "deploy"):
            with self.subTest(act.name):
                login = self.of(act)
                self.assertEqual(login["context"], {"kind": "change", "name": name})
                self.assertTrue(login["change"].startswith("session:deploy-"))
                last = [event for event in self.events_of(act.name) if program(event) == "id"][-1]
                self.assertEqual((last["context"]["kind"], last["change"]), ("change", login["change"]))
                moved = [event for event in self.events if event["kind"] == "context" and event.get("login") == login["login"]]
                self.assertTrue(moved)
                self.assertEqual({event["context_before"]["kind"] for event in moved}, {"session"})
        self.assertEqual(len({self.of(act)["change"] for act in ACTS if act.user == "deploy"}), 2)

    def test_failed_logins_are_counted_by_address_and_user(self):
        counts = collections.Counter()
        for event in self.events:
            if event["kind"] == "login_failed" and event["login_service"] == "sshd":
                counts[event["login_user"], event.get("remote_address")] += event["attempts"]
        expected = {(user, address): attempts for user, address, _, attempts in FAILURES}
        self.assertEqual({key: value for key, value in counts.items() if key[1] != "127.0.0.1"}, expected)

    def test_what_outlives_its_login_is_its_orphan(self):
        for name, act in self.LEFT.items():
            with self.subTest(name):
                ends = [event for event in self.events if event["kind"] == "exec" and program(event) == "whoami" and
                        any(ancestor.get("program", "").endswith(f"/{name})") for ancestor in event["lineage"])]
                self.assertEqual(len(ends), 1)
                shells = [event for event in self.events if event["kind"] == "exec" and mark(event) == act]
                self.assertEqual(ends[0]["login"], shells[0]["login"])
                self.assertIn("orphan", ends[0]["flags"])

    def test_what_cron_does_for_somebody_is_nobodys(self):
        jobs = [event for event in self.events if event["kind"] == "exec" and program(event) == "at-once.sh"]
        self.assertTrue(jobs)
        for event in jobs:
            self.assertEqual((event["context"]["kind"], event.get("login"), event.get("person")), ("job", None, None))

    def test_a_forged_line_makes_nobody_another(self):
        login = self.login_from("127.0.3.1")
        self.assertEqual((login["login_user"], login["person"], login.get("key")), ("carol", "carol", None))
        self.assertEqual(login.get("login_method"), self.FORGED_METHOD)

    def test_a_sensor_that_comes_later_knows_who_is_there(self):
        known = {event["login"]: event for event in self.logins}
        found = [event for event in self.late if event["kind"] == "login" and event["login_service"] == "sshd"]
        self.assertEqual(len(found), 1)
        self.assertIn("existing", found[0]["flags"])
        same = known[found[0]["login"]]
        for field in ("person", "key", "remote_address", "remote_port", "login_method"):
            self.assertEqual(found[0].get(field), same[field], field)

    @unittest.skipIf(Disk.lack(), Disk.lack())
    def test_each_change_of_a_file_is_tied_to_its_person(self):
        """By another sensor, which came after the boot."""
        changes = {os.path.basename(finding["event"]["path"]): finding["event"] for finding in self.findings}
        listed = subprocess.run([SOMBRERO, "sessions", "--json", "--state", str(self.state)], stdout=subprocess.PIPE, check=True)
        counts = {session["id"]: session.get("files", 0) for session in map(json.loads, listed.stdout.splitlines())}
        for act in ACTS:
            if is_no_shell(act) or act.name == "password":
                continue
            with self.subTest(act.name):
                login, change = self.of(act), changes[act.name]
                self.assertEqual((change["kind"], change["login"], change["person"]), ("create", login["login"], login["person"]))
                self.assertEqual(counts[login["login"]], 1)

    def test_nothing_was_lost(self):
        self.assertEqual([event for event in self.events if event["kind"] == "loss"], [])


def is_no_shell(act):
    """Nothing that it starts has its name."""
    return act.name in ("scp", "sftp", "inside", "rsync", "git", "tunnel")


@unittest.skipIf(os.geteuid() != 0, "needs root")
class WithSystemd(Sessions, unittest.TestCase):
    INIT = SYSTEMD
    LEFT = {"left-nohup": "nohup", "left-tmux": "tmux", "left-scope": "scope"}
    FORGED_METHOD = "password"  # journald knows that it was not sshd who said so

    @staticmethod
    def furnish(host):
        furnish_systemd(host)

    @staticmethod
    def spend(host):
        type_at_console(host)
        tell_systemd(host)
        leave(host, "left-nohup", "left-tmux", "left-scope")

    def test_a_login_at_the_console_is_one_with_its_terminal(self):
        logins = [event for event in self.logins if event["login_service"] == "login"]
        self.assertEqual([(event["login_user"], event["person"]) for event in logins], [("bob", "bob")])
        self.assertTrue(logins[0]["tty"])
        self.assertEqual({event["login"] for event in self.events_of_console()}, {logins[0]["login"]})
        failed = [event for event in self.events if event["kind"] == "login_failed" and event["login_service"] == "login"]
        self.assertEqual([(event["login_user"], event["attempts"]) for event in failed], [("bob", 1)])

    def events_of_console(self):
        return [event for event in self.events if event["kind"] == "exec" and program(event) == "id" and
                any(ancestor.get("program", "").endswith("/login") for ancestor in event["lineage"])]

    def test_what_systemd_was_told_to_do_is_nobodys(self):
        told = [event for event in self.events if event["kind"] == "exec" and program(event) == "told-program"]
        self.assertEqual([(event["context"]["kind"], event.get("login")) for event in told], [("job", None)])

    def test_each_entry_into_a_container_is_a_session_of_nobody_known(self):
        logins = [event for event in self.logins if event["login_service"] == "container-exec"]
        self.assertEqual(len(logins), 2)
        for login in logins:
            self.assertEqual((login["login_user"], login.get("person")), ("root", None))
            self.assertTrue(login["context"]["container"])


@unittest.skipIf(os.geteuid() != 0, "needs root")
class WithStartScripts(Sessions, unittest.TestCase):
    INIT = PLAIN
    LEFT = {"left-nohup": "nohup", "left-tmux": "tmux"}
    FORGED_METHOD = None  # anybody can write into the file: where two lines differ, neither is believed

    @staticmethod
    def furnish(host):
        furnish_plain(host)

    @staticmethod
    def spend(host):
        leave(host, "left-nohup", "left-tmux")


if __name__ == "__main__":
    tap.main()
