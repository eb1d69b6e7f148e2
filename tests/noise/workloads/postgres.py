# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL with WAL archiving, nightly dumps, weekly base backups, vacuum and a restore that is tried."""


from harness import ADDRESS, FAKETIME, Workload

CONFIGURATION = """
listen_addresses = '*'
archive_mode = on
archive_command = 'test ! -f /var/backups/wal/%f && cp %p /var/backups/wal/%f'
wal_level = replica
min_wal_size = 32MB
max_wal_size = 64MB
shared_buffers = 32MB
autovacuum_naptime = 1s
"""

DUMP = """#!/bin/sh
set -e
to=/var/backups/dumps/shop-$(FAKETIME date +%Y%m%d).dump
pg_dump -Fc shop >"$to.part"
mv "$to.part" "$to"
ls -1t /var/backups/dumps/*.dump | tail -n +8 | xargs -r rm
"""

BASE = """#!/bin/sh
set -e
to=/var/backups/base/$(FAKETIME date +%Y-%m-%d)
rm -rf "$to"
pg_basebackup -D "$to" -Ft -z -X fetch -c fast
find /var/backups/base -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
"""

RESTORE = """#!/bin/sh
set -e
newest=$(ls -1t /var/backups/dumps/*.dump | head -n 1)
dropdb --if-exists restore_test
createdb restore_test
pg_restore -d restore_test "$newest"
psql -tAc 'SELECT count(*) > 0 FROM pgbench_accounts' restore_test | grep -q t
dropdb restore_test
"""

MONTH = """#!/bin/sh
set -e
month=$(FAKETIME date +%Y_%m)
psql -qc "CREATE TABLE IF NOT EXISTS history_$month (LIKE pgbench_history)" shop
psql -qc "COPY (SELECT tid, count(*) FROM pgbench_history GROUP BY 1) TO STDOUT CSV" shop | gzip >/var/backups/dumps/report-$month.csv.gz
vacuumdb -q --analyze shop
"""

JOBS = {"pg-dump": DUMP, "pg-base": BASE, "pg-restore-test": RESTORE, "pg-month": MONTH}


class Postgres(Workload):
    name = "postgres"
    about = "PostgreSQL: clients, WAL archive, dumps, base backups, vacuum, a restore test, a month's end"
    needs = ("/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/15/bin/pgbench")
    files = ("/var/backups/**", "/etc/postgresql/**", "/var/log/postgresql/**", "/var/lib/postgresql/*", "/var/lib/postgresql/15/*",
             "/var/lib/postgresql/.ssh/**")
    megabytes = 4096

    def prepare(self, host):
        host.write("/etc/postgresql/15/main/conf.d/noise.conf", CONFIGURATION)
        host.prepare("echo 'host all all 10.20.0.0/16 trust' >>/etc/postgresql/15/main/pg_hba.conf\n"
                     "for name in wal dumps base; do install -d -o postgres -g postgres /var/backups/$name; done\n"
                     "rm -f /var/log/postgresql/*; rm -f /etc/logrotate.d/redis* /etc/logrotate.d/nginx; chmod 755 /etc/logrotate.d")
        for name, script in JOBS.items():
            host.write(f"/usr/local/bin/{name}", script.replace("FAKETIME", FAKETIME), 0o755)
            host.write(f"/etc/systemd/system/{name}.service",
                       f"[Service]\nType=oneshot\nUser=postgres\nWorkingDirectory=/\nExecStart=/usr/local/bin/{name}\n")
        host.write("/etc/systemd/system/logrotate.service.d/time.conf", "[Service]\nEnvironment="
                   + FAKETIME.replace(" ", "\nEnvironment=") + "\n")
        host.enable("postgresql.service")

    def booted(self, host):
        host.wait_for_port(5432)
        if "1" not in host.run(*host.enter("runuser", "-u", "postgres", "--", "psql", "-tAc",
                                           "SELECT 1 FROM pg_database WHERE datname = 'shop'"), check=False):
            host.run(*host.enter("runuser", "-u", "postgres", "--", "sh", "-ec",
                                 "createdb shop; createuser -s app; /usr/lib/postgresql/15/bin/pgbench -q -i -s 1 shop"))

    def sql(self, host, *statements, database="shop"):
        """A client on another machine."""
        words = [word for statement in statements for word in ("-c", statement)]
        return host.client("psql", "-q", "-h", ADDRESS, "-U", "app", *words, database, check=False)

    def load(self, host, clients, transactions):
        host.client("/usr/lib/postgresql/15/bin/pgbench", "-n", "-h", ADDRESS, "-U", "app", "-c", str(clients), "-t", str(transactions),
                    "shop", check=False)

    def scheduled(self, host, day):
        if day.hour == 1:
            host.unit("pg-dump.service")
        if day.hour == 3 and (day.is_sunday or day.number == 0):
            host.unit("pg-base.service")
        if day.hour == 0:
            host.rotate_logs()
        if day.hour == 4 and (day.is_sunday or day.number == 1):
            host.unit("pg-restore-test.service")
        if day.hour == 5 and (day.date.day == 1 or day.number == 0):
            host.unit("pg-month.service")

    def train(self, host, day, rng):
        for hour in day.hours():
            self.scheduled(host, day)
            self.load(host, 2, 5)
            if hour == 8:
                self.sql(host, "CREATE TABLE IF NOT EXISTS t (a int)", "INSERT INTO t SELECT generate_series(1, 1000)", "VACUUM t",
                         "SELECT pg_switch_wal()", "CHECKPOINT")
            if hour == 9:
                self.sql(host, "SELECT nonsense")
            if hour == 10:
                host.unit("postgresql@15-main.service", "reload")
            if hour == 11 and "upgrade" in day:
                host.upgrade("postgresql-15", "postgresql-client-15")
                host.wait_for_port(5432)
            if hour == 13 and "reboot" in day:
                host.reboot()
            if hour == 15 and day.number == 0:
                host.unit("postgresql@15-main.service", "restart")
                host.wait_for_port(5432)

    def produce(self, host, day, rng):
        for hour in day.hours():
            self.scheduled(host, day)
            self.load(host, rng.randrange(1, 9), rng.randrange(1, 20))
            if rng.random() < 0.15:
                self.sql(host, f"CREATE TABLE t{day.number}_{hour} AS SELECT generate_series(1, {rng.randrange(20000)}) a",
                         f"CREATE INDEX ON t{day.number}_{hour} (a)", "SELECT pg_switch_wal()")
            if rng.random() < 0.05:  # parallel workers, and sorting on disk
                self.sql(host, "SET max_parallel_workers_per_gather = 2", "SET min_parallel_table_scan_size = 0", "SET parallel_setup_cost = 0",
                         "SET work_mem = '64kB'", "SELECT count(*) FROM (SELECT * FROM pgbench_accounts ORDER BY filler, bid LIMIT 90000) x")
            if hour == 6 and "upgrade" in day:
                host.upgrade("postgresql-15", "postgresql-client-15")
                host.wait_for_port(5432)
            if hour == 9 and day.number == 3:
                self.sql(host, "CREATE EXTENSION IF NOT EXISTS pgcrypto", "ALTER SYSTEM SET work_mem = '8MB'", "SELECT pg_reload_conf()",
                         "CREATE DATABASE other")
            if hour == 17 and "reboot" in day:
                host.reboot()
