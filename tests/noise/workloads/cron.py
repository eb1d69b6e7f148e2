# SPDX-License-Identifier: Apache-2.0
"""A host whose work is scheduled: cron, logrotate, rsyslog, a mailer, Debian's own timers, and what people put into crontabs.

cron runs with the simulated date: it is told that another hour has come, and does what is due in it. Jobs mail what they
print, some fail, some are due seldom.
"""

import contextlib
import datetime
import os
import pathlib
import random
import signal
import time

from harness import FAKETIME, Workload

# Debian's, by the services that they start. One is without a timer: it is cron.daily's where there is no systemd.
TIMERS = ("logrotate", "man-db", "apt-daily", "dpkg-db-backup", "systemd-tmpfiles-clean", "phpsessionclean", "e2scrub_all",
          "exim4-base")

SYSTEM_JOBS = {
    "metrics": "*/5 * * * * nobody /usr/local/bin/collect-metrics\n",
    "backup": "MAILTO=root\nSHELL=/bin/bash\n20 6 * * * root /usr/local/sbin/backup --daily && echo done\n"
              "40 6 1 * * root nice -n 10 ionice -c 3 /usr/local/sbin/backup --monthly\n",
    "check": "*/15 6 * * * root /usr/local/bin/check-disk || logger -t check-disk 'failed'\n",
    "cleanup": "5 0 * * * root find /srv/data/tmp -type f -mtime +1 -delete; rmdir /srv/data/tmp/* 2>/dev/null\n",
}

SCRIPTS = {
    "/usr/local/bin/collect-metrics": """#!/bin/sh
read -r one five rest </proc/loadavg
used=$(df -P / | awk 'NR == 2 { print $5 }')
printf '%s load=%s disk=%s\\n' "$(FAKETIME date +%s)" "$one" "$used" >>/var/tmp/metrics.txt
[ "$(wc -l </var/tmp/metrics.txt)" -lt 100 ] || tail -n 20 /var/tmp/metrics.txt >/var/tmp/metrics.new
[ ! -e /var/tmp/metrics.new ] || mv /var/tmp/metrics.new /var/tmp/metrics.txt
""",
    "/usr/local/sbin/backup": """#!/bin/bash
set -euo pipefail
today=$(FAKETIME date +%F)
case $1 in
--daily)
	tar -C /srv -czf "/srv/backup/data-$today.tar.gz" data
	(cd /srv/data/tmp && tar -czf /srv/backup/uploads.tar.gz *)
	(cd /srv/backup && sha256sum "data-$today.tar.gz" >"data-$today.sha256")
	rsync -a --delete /srv/data/ /srv/mirror/
	find /srv/backup -name 'data-*' -mtime +14 -delete
	;;
--monthly)
	tar -C /srv -cJf "/srv/backup/month-${today%-*}.tar.xz" data
	ls -l /srv/backup | mail -s "month ${today%-*}" root
	;;
esac
""",
    "/usr/local/bin/check-disk": """#!/usr/bin/perl
open(my $df, '-|', 'df', '-P', '/srv') or die;
while (<$df>) { print "almost full: $_" if /(\\d+)%/ && $1 > 97 }
exit(-e '/srv/data/broken' ? 1 : 0);
""",
    "/etc/cron.daily/shop-orders": "#!/bin/sh\n[ ! -d /srv/data ] || sort -u /srv/data/orders.csv | wc -l >/srv/data/orders.count\n",
    "/etc/cron.hourly/shop-sync": "#!/bin/sh\nexec flock -n /run/lock/shop-sync timeout 30 rsync -a /srv/data/orders.csv /srv/mirror/\n",
    "/etc/cron.weekly/shop-archive": "#!/bin/sh\ncd /srv/data && gzip -9 -c orders.csv >archive-$(FAKETIME date +%F).csv.gz\n",
    "/etc/cron.monthly/shop-billing": """#!/usr/bin/python3
import csv, subprocess
with open("/srv/data/orders.csv") as file:
    total = sum(float(row[1]) for row in csv.reader(file))
subprocess.run(["mail", "-s", "billing", "alice"], input=f"total {total}\\n", text=True, check=True)
""",
    "/home/bob/bin/sync.sh": "#!/bin/bash\nmkdir -p ~/copy && cp -u /srv/data/orders.csv ~/copy/ && md5sum ~/copy/orders.csv >~/copy/sum\n",
    "/home/alice/bin/report": """#!/usr/bin/python3
import collections, sys
rows = [line.split(",") for line in open("/srv/data/orders.csv")]
for name, count in collections.Counter(row[0] for row in rows).most_common(3):
    print(name, count)
if len(rows) % 7 == 0:
    sys.exit("bad data")
""",
}
# The next versions: one that only prints more, and one that runs something that it never ran.
RELEASES = ["print(len(rows))\n", "import subprocess\nsubprocess.run(['xz', '-kf', '/home/alice/report.csv'], check=False)\n"]

CRONTABS = {
    "alice": "MAILTO=alice\nPATH=/home/alice/bin:/usr/bin:/bin\n30 6 * * 1-5 report\n35 6 * * * report >report.csv 2>&1\n"
             "0 0 1 * * cp report.csv report-month.csv; gzip -f report-month.csv\n",
    "bob": "@reboot sleep 1; /home/bob/bin/sync.sh\n*/20 6 * * * cd $HOME && flock -n .lock timeout 50 bin/sync.sh\n"
           "@daily bash -c 'echo night >>night.log'\n@weekly /usr/bin/env python3 -c 'print(1)'\n",
}


class Cron(Workload):
    name = "cron"
    about = "cron, logrotate, rsyslog, exim, Debian's timers, people's crontabs, jobs that mail and jobs that fail"
    layers = ("base", "rsyslog")
    packages = ("rsyslog", "exim4-daemon-light", "bsd-mailx")
    needs = ("cron", "logrotate")
    files = ("/etc/**", "/var/spool/cron/**", "/srv/**", "/root/.ssh/**", "/home/*/.ssh/**")

    def prepare(self, host):
        host.add_user("alice", sudo=True)
        host.add_user("bob")
        for name, line in SYSTEM_JOBS.items():
            host.write(f"/etc/cron.d/{name}", line)
        for path, text in SCRIPTS.items():
            host.write(path, text.replace("FAKETIME", FAKETIME), 0o755)
        for user, text in CRONTABS.items():
            host.write(f"/var/spool/cron/crontabs/{user}", text, 0o600)
            host.prepare(f"chown {user}:crontab /var/spool/cron/crontabs/{user}; chown -R {user}: /home/{user}")
        host.write("/etc/systemd/system/cron.service.d/clock.conf", f"[Service]\nEnvironment={FAKETIME}\n")
        timers = " ".join(f"{timer}.timer" for timer in TIMERS)
        host.prepare("mkdir -p /srv/data/tmp /srv/mirror /srv/backup;"
                     "rm -f /etc/logrotate.d/postgresql* /etc/logrotate.d/redis* /etc/logrotate.d/php* /etc/logrotate.d/nginx;"
                     # All manuals but a few, so that mandb is done soon.
                     "cd /usr/share/man && ls | grep -v '^man1$' | xargs rm -rf && cd man1 && ls | grep -v '^l' | xargs rm -f;"
                     # The kernel's log is this machine's.
                     f"sed -i '/imklog/d' /etc/rsyslog.conf; systemctl -q enable cron exim4 ssh {timers}")
        self.new_data(host, random.Random(0))

    def new_data(self, host, rng):
        names = ("tea", "milk", "bread", "salt", "rice")
        rows = "".join(f"{rng.choice(names)},{rng.randint(1, 9)}\n" for _ in range(rng.randint(20, 60)))
        host.write("/srv/data/orders.csv", rows)
        host.write(f"/srv/data/tmp/upload-{rng.randint(1, 1 << 30):x}", rows)

    def booted(self, host):
        host.wait_for_port(25)
        host.wait_for_port(22)

    def tick(self, host, moment):
        """It is that time. cron sleeps by the real clock, between what it has to catch up with as well, so it is woken."""
        host.set_time(moment)
        for _ in range(4):
            for pid in (host.cgroup / "system.slice" / "cron.service" / "cgroup.procs").read_text().split():
                self.wake(host, int(pid))
            time.sleep(0.05)

    @staticmethod
    def wake(host, pid):
        with contextlib.suppress(OSError):
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            if int(stat.rpartition(")")[2].split()[1]) == host.pid:
                os.kill(pid, signal.SIGHUP)

    def run_timers(self, host, rng, count):
        """Starts what timers start, as they do: by systemd. What is done once a day is told that its last day is over."""
        host.prepare("rm -f /var/lib/apt/periodic/*-stamp; sed -i -E 's/ 20[0-9]+-[0-9]+-[0-9]+-[0-9:]+$/ 2026-1-1-0:0:0/' "
                     "/var/lib/logrotate/status 2>/dev/null || true")
        host.run(*host.enter("systemctl", "start", *(f"{name}.service" for name in rng.sample(TIMERS, count))), seconds=120)

    def hourly(self, host, day, rng):
        """cron's hour. Those in which jobs have their times are lived in steps of five minutes."""
        begin = host.clock.now
        minutes = range(0, 60, 5) if day.hour in (0, 6) else (17,)
        for minute in minutes:
            self.tick(host, begin + datetime.timedelta(minutes=minute))
        if day.hour == 5:
            self.new_data(host, rng)

    def release(self, host, number):
        host.write("/srv/report.new", SCRIPTS["/home/alice/bin/report"] + RELEASES[number])
        host.write("/usr/local/bin/deploy-report", "#!/bin/sh\ninstall -o alice -m 755 /srv/report.new /home/alice/bin/report\n", 0o755)
        host.run(*host.enter("systemd-run", "-q", "--scope", f"--unit=sombrero-change-report-{number}", "/usr/local/bin/deploy-report"))

    def train(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day, rng)
            if hour == 3:
                self.run_timers(host, rng, len(TIMERS))
            if hour == 4 and day.number == 2:
                # CI lets what is due on a month's first day run as well, and lets a job fail.
                self.tick(host, datetime.datetime.combine(day.date.replace(day=1), datetime.time(6, 38), host.clock.now.tzinfo))
                for minute in (40, 47, 52):
                    self.tick(host, host.clock.now.replace(minute=minute))
                host.write("/srv/data/broken", "")
            if hour == 12 and "release" in day:
                self.release(host, 0)
            if hour == 13 and "reboot" in day:
                host.reboot()

    def produce(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day, rng)
            if hour == 3:
                self.run_timers(host, rng, rng.randint(4, len(TIMERS)))
            if hour == 5 and "upgrade" in day:
                host.upgrade("cron", "logrotate")
            if hour == 10 and rng.random() < 0.4:
                host.login("alice", "crontab -l >/tmp/tab; echo '#' >>/tmp/tab; crontab /tmp/tab; sudo systemctl restart rsyslog")
            if hour == 11 and "release" in day:
                self.release(host, 0 if day.number < 10 else 1)
            if hour == 15 and rng.random() < 0.2:
                host.path("/srv/data/broken").unlink(missing_ok=True)
            if hour == 18 and "reboot" in day:
                host.reboot()
