# SPDX-License-Identifier: Apache-2.0
"""What the hosts live through from which layers are learned: Debian's packages as they are configured there, and the usual life
of each. A class a layer; its name is the layer's, and `below` the layers that it stands on."""

import contextlib
import socket
import struct
import subprocess
import time

from harness import ADDRESS, Workload, wait_for

INTERNET, PRIVATE = "198.51.100.7", "10.20.1.7"


class Life(Workload):
    below = ("base",)
    watched = ()  # a layer says nothing of files
    operator = False
    upgrades = ()  # packages of the layer that have a minor upgrade
    unit = ""
    logs = ()  # which its logrotate snippet rotates
    port = None
    restarts_after_crash = False

    def prepare(self, host):
        # What this machine has besides.
        keep = " ".join(f"! -name {name}" for name in ("apt", "alternatives", "btmp", "dpkg", "wtmp", "rsyslog", self.snippet))
        host.prepare(f"find /etc/logrotate.d -type f {keep} -delete; chmod 755 /etc/logrotate.d\n"
                     "rm -f /lib/systemd/system-generators/postgresql-generator; rm -f /var/log/apt/*.gz\n"
                     "ln -sf /usr/bin/mawk /etc/alternatives/awk")
        host.enable("cron.service")
        self.furnish(host)
        if self.unit and not self.packages:  # installing enables it
            host.enable(self.unit)

    snippet = "none"

    def furnish(self, host):
        """What the layer needs besides its unit."""

    def booted(self, host):
        if self.port:
            host.wait_for_port(self.port)

    def clients(self, host):
        """What its clients do, also the rude ones."""

    def live(self, host):
        """The usual life: clients, a rotation, reload, restart, stop and start, a crash, an upgrade, a reboot, and once more."""
        self.clients(host)
        self.rotate(host)
        for verb in ("reload-or-restart", "restart", "stop", "start"):
            host.unit(self.unit, verb)
            self.clients(host) if verb != "stop" else None
        if self.restarts_after_crash:
            host.run(*host.enter("systemctl", "kill", "--kill-whom=main", "-s", "KILL", self.unit))
            time.sleep(0.5)
            wait_for(f"{self.unit} to be started again", lambda: "active" == host.run(
                *host.enter("systemctl", "is-active", self.unit), check=False).strip())
            self.clients(host)
        if self.upgrades:
            host.upgrade(*self.upgrades)
            self.booted(host)
            self.clients(host)
        self.rotate(host)
        host.reboot()
        self.clients(host)

    def rotate(self, host):
        """logrotate, twice, a month later each time: the second compresses what the first rotated."""
        for _ in range(2):
            for log in self.logs:
                host.prepare(f"echo something >>{log}")
            host.write("/var/lib/logrotate/status", "logrotate state -- version 2\n"
                       + "".join(f'"{log}" 2020-1-1-0:0:0\n' for log in self.logs), 0o640)
            host.unit("logrotate.service", check=False)
            self.booted(host)

    def rude(self, host, address="127.0.0.1"):
        """Somebody who says nothing, and somebody who says nonsense and goes."""
        host.client("sh", "-c", f"nc -z {address} {self.port}; printf 'nonsense\\r\\n\\r\\n' | nc -w 1 {address} {self.port}", check=False)


class Base(Life):
    name = "base"
    below = ()
    packages = ("anacron", "unattended-upgrades", "packagekit")
    upgrades = ("cron", "logrotate")

    # Scheduled work of Debian's base, which their timers would start over days.
    jobs = "logrotate systemd-tmpfiles-clean dpkg-db-backup man-db e2scrub_all apt-daily apt-daily-upgrade anacron".split()
    # What cron's lines put before what they are about.
    wrappers = "env nice ionice -c 3 flock /run/lock/layer timeout 9 setsid nohup"
    # What Debian's installer writes where upgrades shall be unattended.
    automatic = 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
    # The mirror has this machine's signed lists of Debian, and a neighbour brings them.
    mirror = """lists=/var/lib/apt/lists to=/srv/mirror/dists/bookworm
mkdir -p $to/main/binary-amd64; cp $lists/deb.debian.org_debian_dists_bookworm_InRelease $to/InRelease
/usr/lib/apt/apt-helper cat-file $lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages.lz4 >$to/main/binary-amd64/Packages
rm -rf $lists/* /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/docker*
echo 'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://10.20.0.10 bookworm main' >/etc/apt/sources.list
"""

    def furnish(self, host):
        host.prepare(self.mirror)
        host.write("/etc/apt/apt.conf.d/20auto-upgrades", self.automatic)
        host.write("/etc/default/anacron", "ANACRON_ARGS='-s -n'\n")  # without waiting
        host.write("/etc/apt/apt.conf.d/99layer", 'APT::Periodic::RandomSleep "0";\nAcquire::Languages "none";\n')
        host.write("/usr/local/bin/layer-job", "#!/bin/sh\n:\n", 0o755)
        host.write("/etc/cron.d/layer", "* * * * * root cd / && run-parts --report /etc/cron.hourly && "
                   f"{self.wrappers} /usr/local/bin/layer-job && : >/run/layer.ran\n" + "".join(
            f"* * * * * root cd / && run-parts --report /etc/cron.{when}\n" for when in ("daily", "weekly", "monthly")))
        host.write("/etc/logrotate.d/layer", "/var/log/layer.log { size 1\n rotate 2\n compress\n create }\n")
        host.prepare("find /etc/cron.daily /etc/cron.weekly /etc/cron.monthly -type f " + " ".join(
            f"! -name {name}" for name in ("apt-compat", "dpkg", "logrotate", "man-db", "0anacron", ".placeholder")) + " -delete")

    def live(self, host):
        for boot in (1, 2):
            with self.mirrored(host):
                self.day(host, boot)
            if boot == 1:
                host.upgrade(*self.upgrades)
                host.reboot()

    @contextlib.contextmanager
    def mirrored(self, host):
        """A neighbour that has the mirror."""
        with subprocess.Popen(host.network("python3", "-m", "http.server", "-b", ADDRESS, "-d", str(host.path("/srv/mirror")), "80"),
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as neighbour:
            host.wait_for_port(80, address=ADDRESS)
            yield
            neighbour.kill()

    def day(self, host, number):
        host.write("/var/log/layer.log", f"{number}\n" * 1000)
        host.prepare("rm -f /var/lib/apt/periodic/*-stamp /var/spool/anacron/*")
        for job in self.jobs:
            host.unit(f"{job}.service", check=False, seconds=200)
        for unit in ("cron", "dbus", "polkit", "packagekit"):
            host.unit(f"{unit}.service", "restart", check=False)
        host.unit("user@0.service")
        wait_for("cron to run something", lambda: host.path("/run/layer.ran").exists(), 90)


class Redis(Life):
    name = "redis"
    snippet = "redis-server"
    unit = "redis-server.service"
    upgrades = ("redis-server", "redis-tools")
    logs = ("/var/log/redis/redis-server.log",)
    port = 6379
    restarts_after_crash = True

    def clients(self, host):
        host.wait_for_port(self.port)
        for words in ("set a b", "get a", "bgsave", "info", "bgrewriteaof", "nonsense"):
            host.client("redis-cli", *words.split(), check=False)
        self.rude(host)


class Nginx(Life):
    name = snippet = "nginx"
    unit = "nginx.service"
    upgrades = ("nginx", "nginx-common")
    logs = ("/var/log/nginx/access.log", "/var/log/nginx/error.log")
    port = 80

    def clients(self, host):
        host.wait_for_port(self.port)
        for source in (INTERNET, PRIVATE):
            host.client("curl", "-s", "-o", "/dev/null", "--interface", source, f"http://{ADDRESS}/", f"http://{ADDRESS}/none")
        host.client("curl", "-s", "-o", "/dev/null", "http://127.0.0.1/")
        self.rude(host)


class PhpFpm(Life):
    name = "php-fpm"
    snippet = "php8.2-fpm"
    unit = "php8.2-fpm.service"
    upgrades = tuple(f"php8.2-{part}" for part in ("fpm", "cli", "common", "opcache", "readline", "mysql"))
    logs = ("/var/log/php8.2-fpm.log",)
    script = "/var/www/html/layer.php"

    def furnish(self, host):
        host.write(self.script, "<?php session_start(); echo getmypid(); if (isset($_GET['die'])) posix_kill(getmypid(), 9); "
                   "if (isset($_GET['fail'])) throw new Exception('asked for');")

    def booted(self, host):
        wait_for("php-fpm's socket", lambda: host.path("/run/php/php8.2-fpm.sock").exists())

    def clients(self, host):
        for query in ("", "fail=1", "die=1", ""):
            self.booted(host)
            self.ask(host, query)
        host.unit("phpsessionclean.service")

    def ask(self, host, query):
        """As a web server does: one request of FastCGI."""
        variables = {"SCRIPT_FILENAME": self.script, "REQUEST_METHOD": "GET", "QUERY_STRING": query, "CONTENT_LENGTH": "0"}
        pairs = b"".join(bytes((len(name), len(value))) + name.encode() + value.encode() for name, value in variables.items())

        def record(kind, body):
            return struct.pack("!BBHHBB", 1, kind, 1, len(body), 0, 0) + body

        with socket.socket(socket.AF_UNIX) as web:
            web.settimeout(20)
            web.connect(str(host.path("/run/php/php8.2-fpm.sock")))
            web.sendall(record(1, struct.pack("!HB5x", 1, 0)) + record(4, pairs) + record(4, b"") + record(5, b""))
            with contextlib.suppress(ConnectionResetError):  # it was told to die
                while web.recv(65536):
                    pass


class Sshd(Life):
    name = "sshd"
    unit = "ssh.service"
    upgrades = ("openssh-server", "openssh-client", "openssh-sftp-server")
    port = 22
    restarts_after_crash = True

    def furnish(self, host):
        host.prepare("cp /usr/share/openssh/sshd_config /etc/ssh/sshd_config; ssh-keygen -A >/dev/null")
        host.add_user("alice")

    def clients(self, host):
        host.wait_for_port(self.port)
        for user, source in (("alice", INTERNET), ("alice", PRIVATE), ("nobody-here", INTERNET), ("root", PRIVATE)):
            host.client("ssh", *host.ssh_options(), "-b", source, f"{user}@{ADDRESS}", "true", check=False)
        host.client("ssh", "-tt", *host.ssh_options(), "-b", INTERNET, f"alice@{ADDRESS}", "id", check=False)
        host.client("ssh", "-tt", *host.ssh_options(), "alice@127.0.0.1", "id", check=False)
        self.rude(host)


class Rsyslog(Life):
    name = snippet = "rsyslog"
    packages = ("rsyslog",)
    unit = "rsyslog.service"
    logs = ("/var/log/syslog", "/var/log/auth.log", "/var/log/kern.log", "/var/log/mail.log", "/var/log/user.log", "/var/log/cron.log")
    restarts_after_crash = True

    def furnish(self, host):
        host.prepare("sed -i '/imklog/d' /etc/rsyslog.conf")  # the kernel's log is this machine's

    def clients(self, host):
        host.run(*host.enter("logger", "-p", "auth.info", "something"))
        host.run(*host.enter("logger", "something else"))


class Postgresql(Life):
    name = "postgresql"
    snippet = "postgresql-common"
    unit = "postgresql.service"
    upgrades = ("postgresql-15", "postgresql-client-15")
    logs = ("/var/log/postgresql/postgresql-15-main.log",)
    port = 5432
    megabytes = 2048

    def prepare(self, host):
        generator = host.path("/lib/systemd/system-generators/postgresql-generator").read_bytes()
        super().prepare(host)
        host.path("/lib/systemd/system-generators/postgresql-generator").write_bytes(generator)
        host.prepare("chmod 755 /lib/systemd/system-generators/postgresql-generator; rm -f /var/log/postgresql/*")

    def clients(self, host):
        host.wait_for_port(self.port)
        host.run(*host.enter("runuser", "-u", "postgres", "--", "psql", "-qc", "SET password_encryption = 'md5'; DO $$ BEGIN "
                             "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'secret'; EXCEPTION WHEN OTHERS THEN NULL; END $$"), check=False)
        ask = ["env", "PGPASSWORD=secret", "psql", "-q", "-h", "127.0.0.1", "-U", "app", "postgres", "-c"]
        for statement in ("CREATE TABLE IF NOT EXISTS t AS SELECT g FROM generate_series(1, 100000) g", "SET max_parallel_workers_per_gather = 4; "
                          "SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0; SELECT count(*) FROM t", "VACUUM ANALYZE t",
                          "CHECKPOINT", "SELECT 1/0", "SELECT pg_terminate_backend(pg_backend_pid())"):
            host.client(*ask, statement, check=False)
        self.rude(host)

    def live(self, host):
        host.unit("postgresql@15-main.service", "reload")
        host.unit("postgresql@15-main.service", "restart")
        super().live(host)


class Mariadb(Life):
    name = snippet = "mariadb"
    unit = "mariadb.service"
    upgrades = tuple(f"mariadb-{part}" for part in ("server", "server-core", "client", "client-core", "common"))
    logs = ("/var/log/mysql/error.log",)
    port = 3306
    megabytes = 2048
    restarts_after_crash = True

    def furnish(self, host):
        # The snippet leaves small logs alone.
        host.prepare("install -d -o mysql -g adm /var/log/mysql; sed -i '/minsize/d' /etc/logrotate.d/mariadb")

    def clients(self, host):
        host.wait_for_port(self.port)
        host.run(*host.enter("mariadb", "-e", "CREATE DATABASE IF NOT EXISTS app; GRANT ALL ON app.* TO app@localhost IDENTIFIED BY 'secret'"))
        ask = ["mariadb", "--protocol=tcp", "-h", "127.0.0.1", "-u", "app", "-psecret", "app", "-e"]
        for statement in ("CREATE TABLE IF NOT EXISTS t (a INT)", "INSERT INTO t VALUES (1)", "SELECT * FROM t", "SELECT nonsense", "KILL CONNECTION_ID()"):
            host.client(*ask, statement, check=False)
        self.rude(host)


LIVES = {life.name: life for life in (Base, Redis, Nginx, PhpFpm, Sshd, Rsyslog, Postgresql, Mariadb)}
