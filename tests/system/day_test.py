#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""An ordinary day on two fake hosts, one with systemd and one without: each event is in the context a person would name.

The day is made of real parts: cron runs cron.daily, timers run logrotate and an upgrade, people log in by ssh and at the
console, install packages, rotate logs, deploy by git, restart daemons, and leave things running. day_person.py says for
each event what somebody who knows of the day would call it; what the sensor says must be the same.
"""

import os
import pathlib
import pty
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from day_person import ACTS, CONTAINER, Day, context_name, describe, mark, matches, program, table
from fakehost import PLAIN, SYSTEMD, FakeHost, end_with_parent, wait_for
from watching import Watching

PACKAGES = ("at", "buffer", "dc", "dos2unix", "ed", "figlet", "hello", "pv", "pwgen", "tree")
UPGRADED = "sysvbanner"

# -------------------------------------------------------------------------------------------------- the days


def cache():
    if chosen := os.environ.get("SOMBRERO_CACHE"):
        return pathlib.Path(chosen) / "packages"
    home = pathlib.Path.home()
    if home.is_dir():
        return home / ".cache/sombrero/packages"
    return pathlib.Path(__file__).resolve().parent.parent.parent / "build/cache/packages"  # a system user


def packages():
    """The Debian packages that are installed during the day, fetched once."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in (*PACKAGES, UPGRADED) if not list(folder.glob(f"{name}_*.deb"))]
    if missing:
        result = subprocess.run(["apt-get", "-q", "-o", "Acquire::Retries=3", "download", *missing], cwd=folder, check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=90)
        if result.returncode:
            raise unittest.SkipTest(f"packages can't be had: {' '.join(result.stdout.split())[-300:]}")
    return [next(folder.glob(f"{name}_*.deb")) for name in PACKAGES], next(folder.glob(f"{UPGRADED}_*.deb"))


class Terminal:
    """A person at a terminal of their own, by ssh."""

    def __init__(self, host, user):
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(host.ssh(user, "-tt"), stdin=theirs, stdout=theirs, stderr=theirs,
                                         preexec_fn=end_with_parent, start_new_session=True)
        os.close(theirs)
        self._text = ""

    def expect(self, text):
        while text not in self._text:
            self._text += os.read(self._ours, 4096).decode(errors="backslashreplace")
        self._text = self._text.partition(text)[2]

    def type(self, line):
        os.write(self._ours, line.encode() + b"\n")

    def end(self):
        self.type("exit")
        self._process.wait(20)

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)


RUNTIME = f"""#!/usr/bin/python3
# A container runtime in miniature: one container, and on SIGUSR1 a command inside of it.
import ctypes, os, signal, time
CLONE_NEWPID = 0x20000000
GROUP = "/sys/fs/cgroup/system.slice/docker-{CONTAINER}.scope"
libc = ctypes.CDLL(None)

def in_container(enter, command):
    go_read, go_write = os.pipe()
    pid_read, pid_write = os.pipe()
    child = os.fork()
    if not child:
        os.read(go_read, 1)
        enter()
        inner = os.fork()
        if not inner:
            os.execv(command[0], command)
        os.write(pid_write, str(inner).encode())
        os.waitpid(inner, 0)
        os._exit(0)
    with open(GROUP + "/cgroup.procs", "w") as file:
        file.write(str(child))
    os.write(go_write, b"x")
    return int(os.read(pid_read, 20))

os.makedirs(GROUP, exist_ok=True)
main = in_container(lambda: libc.unshare(CLONE_NEWPID), ["/usr/local/bin/podmain", "infinity"])
signal.signal(signal.SIGUSR1, lambda *_: in_container(
    lambda: libc.setns(os.open(f"/proc/{{main}}/ns/pid", os.O_RDONLY), 0),
    ["/bin/sh", "-c", ": act=exec; id; touch /run/pods.entered"]))
with open("/run/pods.new", "w") as file:
    print(main, file=file)
os.rename("/run/pods.new", "/run/pods.pid")
while True:
    time.sleep(60)
"""

SOON = "[Timer]\nOnCalendar=\nOnActiveSec=1s\nAccuracySec=50ms\nRandomizedDelaySec=0\nPersistent=no\n"


def furnish_people(host):
    """Who works there, and what cron does for them."""
    host.add_user("alice", sudo=True)
    host.add_user("bob", password="secret")
    host.add_user("carol", password="other")
    host.add_user("deploy", sudo=True)
    host.write("/root/.ssh/authorized_keys", host.key.with_suffix(".pub").read_text(), 0o600)
    host.write("/home/bob/report.sh", "#!/bin/sh\ndate\n", 0o755)
    host.write("/home/alice/at-job.sh", "#!/bin/sh\nid >/home/alice/at.done\n", 0o755)
    host.write("/usr/sbin/sendmail", "#!/bin/sh\ncat >/dev/null\ntouch /tmp/mailed\n", 0o755)
    host.write("/etc/cron.d/daily", "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n* * * * * root "
               "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n")
    host.write("/etc/cron.daily/zz-last", "#!/bin/sh\ntouch /run/daily.done\n", 0o755)
    host.write("/etc/apt/apt.conf.d/99day", 'APT::Periodic::RandomSleep "0";\nAPT::Sandbox::User "root";\n')
    # All manuals but a few, so that mandb is done soon; logs that are worth rotating.
    host.prepare("cd /usr/share/man && ls | grep -v '^man1$' | xargs rm -rf && cd man1 && ls | grep -v '^l' | xargs rm -f;"
                 "rm -rf /var/cache/man/* /etc/logrotate.d/postgresql* /etc/logrotate.d/redis* /etc/logrotate.d/php*;"
                 "echo 127.0.0.1 >>/var/log/nginx/access.log; chmod 755 /etc/logrotate.d")


def furnish_systemd(host, debs, upgrade):
    furnish_people(host)
    for deb in debs:
        shutil.copy(deb, host.path(f"/var/tmp/{deb.name}"))
    shutil.copy(upgrade, host.path("/var/tmp/upgrade.deb"))
    host.enable("ssh.service", "cron.service", "nginx.service")
    for timer in ("logrotate", "apt-daily-upgrade"):
        host.write(f"/etc/systemd/system/{timer}.timer.d/day.conf", SOON)
    host.write("/etc/systemd/system/apt-daily-upgrade.service.d/day.conf",
               "[Service]\nExecStartPre=\nExecStart=\nExecStart=/usr/bin/apt-get -y install /var/tmp/upgrade.deb\n")
    host.write("/etc/systemd/system/ssh-alt.socket", "[Socket]\nListenStream=2200\nAccept=yes\n")
    host.write("/etc/systemd/system/ssh-alt@.service", "[Service]\nExecStart=-/usr/sbin/sshd -i\nStandardInput=socket\n")
    host.write("/etc/systemd/system/pods.service", "[Service]\nExecStart=/usr/local/bin/pods\nDelegate=yes\n")
    host.write("/usr/local/bin/pods", RUNTIME, 0o755)
    host.prepare("cp /usr/bin/sleep /usr/local/bin/podmain; cp /usr/bin/true /usr/local/bin/adhoc-program;"
                 "cp /usr/bin/true /usr/local/bin/adhoc-job")
    furnish_site(host)


def furnish_site(host):
    """A repository that deploys itself when somebody pushes."""
    host.write("/srv/push/hooks/post-receive", "#!/bin/sh\nGIT_WORK_TREE=/srv/www git checkout -q -f main\n"
               "sudo systemctl reload nginx\ntouch /srv/www/deployed\n", 0o755)
    host.write("/srv/deploy.sh", "#!/bin/sh\ncp /etc/hostname /srv/www/\nsystemctl restart nginx\n", 0o755)
    host.prepare("git init -q --bare -b main /srv/app.git; cp /srv/push/hooks/post-receive /srv/app.git/hooks/;"
                 "mkdir /srv/www; chown -R deploy: /srv")


# ------------------------------------------------------------------------------------- acts, with systemd


def act_logins(host):
    host.login("alice", ": act=login-sudo; sudo id; sudo -u bob id; id")
    host.login("alice", ": act=switch; sudo su - carol -c id; sudo -i true")
    host.login("root", ": act=root; id")
    host.login("mallory", "id", check=False)
    host.run(*host.network("sh", "-c", "exec scp \"$@\"", "scp", *host.ssh_options(), "/etc/hostname",
                           "alice@127.0.0.1:copied"))
    host.run(*host.network("sh", "-c", "echo 'get copied /dev/null' | exec sftp -b - \"$@\"", "sftp", *host.ssh_options(),
                           "alice@127.0.0.1"))


def act_console(host):
    host.console.expect("login:")
    host.console.type("bob")
    host.console.expect("assword:")
    host.console.type("secret")
    host.console.expect("$")
    host.console.type("id")
    host.console.expect("uid=")
    host.console.type("exit")
    host.console.expect("login:")


def act_tunnel(host):
    """A connection from the host's own sshd, for whoever asked for it."""
    tunnel = subprocess.Popen(host.ssh("alice", "-N", "-L", "18080:127.0.0.1:80"), stdin=subprocess.DEVNULL,
                              preexec_fn=end_with_parent)
    try:
        wait_for("the tunnel", lambda: "HTTP/1.1" in host.run(*host.network(
            "curl", "-s", "-i", "-m", "5", "http://127.0.0.1:18080/"), check=False))
    finally:
        tunnel.terminate()
        tunnel.wait()


def act_packages(host, debs):
    names = " ".join(f"/var/tmp/{deb.name}" for deb in debs)
    host.login("alice", f": act=install; sudo apt-get -y -q --reinstall --no-install-recommends install {names}")
    wait_for("atd", lambda: "active" in host.run(*host.enter("systemctl", "is-active", "atd"), check=False).split())
    host.login("alice", ": act=at; echo /home/alice/at-job.sh | at -M now")


def act_operations(host):
    host.login("alice", ": act=rotate; sudo logrotate -f /etc/logrotate.conf")
    host.login("alice", ": act=restart; sudo systemctl restart cron; sudo systemctl reload nginx; sudo systemctl restart nginx")
    host.login("alice", ": act=ad-hoc; sudo systemd-run -q --unit=adhoc --wait /usr/local/bin/adhoc-program; "
               "sudo systemd-run -q --unit=adhoc-timer --on-active=0.1 --timer-property=AccuracySec=10ms "
               "/usr/local/bin/adhoc-job")
    host.login("alice", ": act=user-unit; systemd-run -q --user --wait /usr/bin/true")
    host.login("bob", ": act=crontab; echo '* * * * * /home/bob/report.sh' | crontab -")
    host.login("alice", ": act=restart; sudo systemctl start apt-daily-upgrade.timer logrotate.timer")


def act_deploys(host):
    key = " ".join(host.network("ssh", *host.ssh_options()))
    script = f"""set -e; git init -q -b main {host.folder}/site; cd {host.folder}/site; date >index.html; git add .
        git -c user.name=d -c user.email=d@localhost commit -q -m deploy
        GIT_SSH_COMMAND='{key}' git push -q deploy@127.0.0.1:/srv/app.git main"""
    host.run("sh", "-c", script)
    group = "/sys/fs/cgroup/sombrero-change-41.scope"
    host.login("alice", f": act=declare; sudo sh -c ': act=declare; mkdir {group}; echo $$ >{group}/cgroup.procs; "
               "exec sh -c \": act=change-1; /srv/deploy.sh\"'")
    host.login("alice", ": act=scope; sudo systemd-run -q --scope --unit=sombrero-change-42 sh -c ': act=change-2; id'")


def act_containers(host):
    host.login("alice", ": act=namespace; sudo unshare --pid --fork --mount-proc sh -c ': act=inside; id'")
    host.login("alice", ": act=pods; sudo systemctl start pods")
    wait_for("the container", host.path("/run/pods.pid").exists)
    host.login("alice", ": act=pods; sudo systemctl kill --signal=USR1 --kill-who=main pods")
    wait_for("the exec", host.path("/run/pods.entered").exists)
    pid = host.path("/run/pods.pid").read_text().strip()
    group = f"/sys/fs/cgroup/system.slice/docker-{CONTAINER}.scope"
    host.login("alice", f": act=enter; sudo sh -c ': act=enter; echo $$ >{group}/cgroup.procs; exec sh -c "
               f"\": act=entered; exec nsenter --target {pid} --pid id\"'")


def act_load(host):
    host.run(*host.network("wrk", "-t", "1", "-c", "4", "-d", "1s", "-H", "Connection: close", "http://127.0.0.1/"))


LEFT = """#!/bin/sh
id >/dev/null
touch /tmp/{0}.begun
while [ ! -e /tmp/{0}.go ]; do sleep 0.2; done
whoami >/dev/null
touch /tmp/{0}.done
"""


def act_leave(host, name):
    """Something that goes on when its login has ended."""
    host.write(f"/usr/local/bin/{name}", LEFT.format(name), 0o755)
    host.login("alice", f": act=left-behind; nohup {name} >/dev/null 2>&1 </dev/null & "
               f"while [ ! -e /tmp/{name}.begun ]; do sleep 0.05; done")


def act_go_on(host, name):
    time.sleep(0.5)  # sshd is gone a moment after its client
    host.write(f"/tmp/{name}.go", "")
    wait_for(f"{name} to end", host.path(f"/tmp/{name}.done").exists)


def act_late(host, terminal):
    """After another sensor has come: those who were there before go on."""
    terminal.type("echo mar''ked; sudo id; id")
    terminal.expect("marked")
    terminal.expect("uid=1")
    host.login("alice", ": act=late; sudo systemctl reload nginx; id")
    act_load(host)


def wait_for_cron(new, old):
    for host, sign in ((new, "/run/daily.done"), (new, "/tmp/mailed"), (old, "/run/daily.done")):
        wait_for(f"cron on {host.name}", host.path(sign).exists, 75, 0.5)


def wait_for_quiet_cron(*hosts):
    """A job that has become another program by then can't be told by who comes in the middle of it."""
    # Two sensors take seconds to start, on a busy machine.
    wait_for("cron to be between two minutes", lambda: 1 < time.time() % 60 < 40 and
             not any("run-parts" in host.running() for host in hosts), 75)


def spend_day_with_systemd(host, terminal):
    act_logins(host)
    act_console(host)
    terminal.expect("$")
    terminal.type("id; sudo id; echo rea''dy")
    terminal.expect("ready")
    act_tunnel(host)
    act_leave(host, "left-early")
    host.login("alice", ": act=restart; sudo systemctl start ssh-alt.socket")
    host.run(*host.ssh("alice", "-p", "2200", ": act=socket; id"))


def spend_rest_with_systemd(host, terminal, debs):
    act_packages(host, debs)
    act_operations(host)
    act_deploys(host)
    act_containers(host)
    act_leave(host, "left-behind")
    act_go_on(host, "left-behind")
    act_load(host)
    wait_for("the upgrade", lambda: host.path("/usr/bin/banner").exists() and host.path("/home/alice/at.done").exists())
    act_late(host, terminal)
    act_go_on(host, "left-early")


# ---------------------------------------------------------------------------------- acts, without systemd


def furnish_plain(host):
    furnish_people(host)
    host.write("/etc/init.d/day", "#!/bin/sh\n/usr/sbin/sshd -p 2200 -o UsePAM=no -o PidFile=none\n"
               "setsid sh -c 'while :; do /sbin/agetty console linux; done' </dev/null >/dev/null 2>&1 &\n"
               "unshare --pid --fork --mount-proc /usr/bin/python3 -m http.server --bind 127.0.0.1 8081 >/dev/null 2>&1 &\n", 0o755)
    host.start_scripts("ssh", "cron", "nginx", "day")


def spend_day_without_systemd(host):
    act_logins(host)
    act_console(host)
    host.run(*host.ssh("carol", "-p", "2200", ": act=no-pam; id"))
    act_leave(host, "left-early")
    act_load(host)


def spend_rest_without_systemd(host):
    act_go_on(host, "left-early")
    host.login("alice", ": act=start-script; sudo /etc/init.d/nginx restart; sudo service cron restart")
    host.login("alice", ": act=rotate; sudo logrotate -f -s /tmp/rotated /etc/logrotate.conf", check=False)
    act_leave(host, "left-behind")
    act_go_on(host, "left-behind")
    host.login("alice", ": act=namespace; sudo unshare --pid --fork --mount-proc sh -c ': act=inside; id'")
    act_load(host)


# ------------------------------------------------------------------------------------------------- the test


@unittest.skipIf(os.geteuid() != 0, "needs root")
class OrdinaryDay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        debs, upgrade = packages()
        cls.days = {}
        new = cls.enterClassContext(FakeHost("new", SYSTEMD))
        old = cls.enterClassContext(FakeHost("old", PLAIN))
        furnish_systemd(new, debs, upgrade)
        furnish_plain(old)
        sensors = {host.name: cls.watch(host) for host in (new, old)}
        new.boot()
        old.boot()
        new.wait_for_ssh("alice")
        terminal = Terminal(new, "alice")
        cls.addClassCleanup(terminal.close)
        spend_day_with_systemd(new, terminal)
        spend_day_without_systemd(old)
        late = cls.watch_between_two_minutes(new, old)
        spend_rest_with_systemd(new, terminal, debs)
        spend_rest_without_systemd(old)
        wait_for_cron(new, old)
        terminal.end()
        time.sleep(0.5)
        # Those who came later end first: what a person says of their events is told by the others'.
        cls.late = {name: sensor.stop() for name, sensor in late.items()}
        cls.days = {name: Day(sensor.stop()) for name, sensor in sensors.items()}
        for name, day in cls.days.items():
            tap.note(f"events on the host {name}, by context and kind")
            for line in table(day.events):
                tap.note(line)

    @classmethod
    def watch_between_two_minutes(cls, *hosts):
        """cron's jobs begin with the minute: on a busy machine that may come while the sensors start."""
        while True:
            wait_for_quiet_cron(*hosts)
            minute = time.time() // 60
            late = {host.name: cls.watch(host) for host in hosts}
            if time.time() // 60 == minute:
                return late
            for sensor in late.values():
                sensor.close()

    @classmethod
    def watch(cls, host):
        watching = Watching(host.cgroup)
        cls.addClassCleanup(watching.close)
        return watching

    def check(self, day, events):
        wrong = {}
        for event in events:
            if event["kind"].startswith("log"):
                continue  # logins are told late, by who took them: sessions_test.py has its eye on them
            if event["kind"] == "schedule":
                continue  # what is to come is nobody's act: stats_test.py has its eye on it
            expected = day.person(event)
            if not matches(context_name(event), expected):
                wrong.setdefault((expected, context_name(event)), []).append(event)
        text = [f"{len(found)} × {actual!r}, a person says {expected!r}:\n    "
                + "\n    ".join(describe(event) for event in found[:4]) for (expected, actual), found in wrong.items()]
        self.assertFalse(wrong, "\n".join(text))

    def test_with_systemd_each_event_is_where_a_person_would_put_it(self):
        self.check(self.days["new"], self.days["new"].events)

    def test_without_systemd_each_event_is_where_a_person_would_put_it(self):
        self.check(self.days["old"], self.days["old"].events)

    def test_a_sensor_that_comes_later_puts_events_in_the_same_place(self):
        for name, events in self.late.items():
            self.assertGreater(len(events), 500)
            self.check(self.days[name], events)

    def test_every_act_was_seen(self):
        expected = {
            "new": ACTS.keys() - {"no-pam", "start-script"},
            "old": {"login-sudo", "switch", "root", "no-pam", "start-script", "rotate", "left-behind", "namespace", "inside"},
        }
        for name, day in self.days.items():
            self.assertEqual({mark(event) for event in day.events if event["kind"] == "exec"} - {None}, expected[name])

    def test_every_part_of_the_day_was_seen(self):
        daily = {"apt-compat", "dpkg", "logrotate", "man-db", "zz-last"}
        jobs = {"new": {"report.sh", "at-job.sh", "adhoc-job", "adhoc-program"}, "old": set()}
        services = {"new": {"nginx", "sshd", "cron", "atd", "agetty", "pods", "dbus-daemon"}, "old": {"nginx", "sshd", "cron"}}
        for name, day in self.days.items():
            seen = {context_name(event) for event in day.events}
            self.assertLessEqual({f"job {job}" for job in daily | jobs[name]}, seen)
            self.assertLessEqual({f"service {service}" for service in services[name]}, seen)
            self.assertGreater(sum(event["kind"] == "accept" and program(event) == "nginx" for event in day.events), 500)
        self.assertLessEqual({"change apt-daily-upgrade", "change 41", "change 42", "session alice", "session bob",
                              "session deploy", "session root"}, {context_name(event) for event in self.days["new"].events})

    @staticmethod
    def orphans(day, events, name):
        """Which of the programs that the script of that name started were told to be orphans."""
        return {program(event): "orphan" in event.get("flags", ()) for event in events if event["kind"] == "exec" and
                program(event) in ("id", "whoami") and any(program(image) == name for image in day.images(event))}

    def test_what_goes_on_after_its_login_has_ended_is_an_orphan_of_the_session(self):
        for day in self.days.values():
            for name in ("left-early", "left-behind"):
                self.assertEqual(self.orphans(day, day.events, name), {"id": False, "whoami": True})

    def test_an_orphan_older_than_the_sensor_is_known_for_one(self):
        for name, events in self.late.items():
            self.assertEqual(self.orphans(self.days[name], events, "left-early"), {"whoami": True})

    def test_nobody_who_is_there_is_an_orphan(self):
        for events in (*(day.events for day in self.days.values()), *self.late.values()):
            orphans = {program(event) for event in events if "orphan" in event.get("flags", ()) and event["kind"] == "exec"}
            self.assertLessEqual(orphans, {"whoami", "touch", "sleep"})

    def test_a_tunnel_is_of_whoever_opened_it(self):
        connects = [event for event in self.days["new"].events if event["kind"] == "connect" and program(event) == "sshd" and
                    event.get("remote_port") == 80]
        self.assertTrue(connects)
        self.assertEqual({(context_name(event), event["user"]) for event in connects}, {("session alice", "alice")})

    def test_a_login_has_its_name_from_the_host(self):
        for day in self.days.values():
            names = {(event["context"]["name"], event.get("login_user")) for event in day.events
                     if event.get("context", {}).get("kind") == "session" and event["kind"] == "exec"}
            # A login without PAM leaves no login uid, and neither does an exec into a container.
            self.assertLessEqual(names, {(name, name) for name in ("alice", "bob", "deploy", "root")} |
                                 {("carol", None), ("root", None)})

    def test_jobs_and_services_are_nobodys(self):
        for day in self.days.values():
            theirs = {(context_name(event), program(event)) for event in day.events if event.get("login") and
                      event.get("context", {}).get("kind") in ("job", "service")}
            self.assertEqual(theirs, set())

    def test_nothing_was_lost(self):
        for name in self.days:
            for events in (self.days[name].events, self.late[name]):
                self.assertEqual([event for event in events if event["kind"] == "loss"], [])


if __name__ == "__main__":
    tap.main()
