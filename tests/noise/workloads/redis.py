# SPDX-License-Identifier: Apache-2.0
"""Redis: a primary with persistence, a replica, an application, and the jobs around them."""

import subprocess

from harness import ADDRESS, FAKETIME, Workload

CONFIGURATION = """
appendonly yes
save 60 1
auto-aof-rewrite-percentage 10
auto-aof-rewrite-min-size 1kb
maxmemory 64mb
maxmemory-policy allkeys-lru
"""

# Counts visits; the second version also publishes them, and greets in another way.
APPLICATION = r'''#!/usr/bin/python3
import http.server, socket, urllib.parse
def redis(*words, port=6379):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
        return s.recv(65536)
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/sum="):
            self.path = str(eval(urllib.parse.unquote(self.path[5:])))  # a hole
        answer = redis("INCR", "visits:" + self.path)
        EXTRA
        self.send_response(200); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *a):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Page).serve_forever()
'''

BACKUP = """#!/bin/sh
set -e
redis-cli bgsave schedule >/dev/null
while redis-cli info persistence | grep -Eq 'in_progress:1|scheduled:1' || [ ! -e /var/lib/redis/dump.rdb ]; do sleep 0.1; done
to=/var/backups/redis/dump-$(FAKETIME date +%Y-%m-%d).rdb
mkdir -p /var/backups/redis
cp /var/lib/redis/dump.rdb "$to"
gzip -f "$to"
find /var/backups/redis -name '*.gz' -mtime +7 -delete
"""

REPORT = """#!/bin/sh
redis-cli --scan --pattern 'visits:*' | sort | head -n 1000 >/var/backups/redis/visits-$(FAKETIME date +%Y-%m).txt
redis-cli info | awk -F: '/used_memory_human|total_commands/ { print $1, $2 }' >>/var/backups/redis/visits-$(FAKETIME date +%Y-%m).txt
"""

METRICS = """#!/bin/sh
redis-cli info | grep -E '^(used_memory|connected_clients|instantaneous_ops)' >/run/redis-metrics.new
mv /run/redis-metrics.new /run/redis-metrics.prom
"""


def service(start, extra=""):
    return f"[Service]\nExecStart={start}\n{extra}"


class Redis(Workload):
    name = "redis"
    about = "a primary with AOF and snapshots, a replica, a web application, backup, report, metrics"
    needs = ("redis-server", "redis-cli")
    files = ("/etc/redis/**", "/var/lib/redis/**", "/var/lib/redis-replica/**", "/var/backups/redis/**", "/srv/counter/**")
    version = 1

    def prepare(self, host):
        host.prepare("printf '%s' '" + CONFIGURATION + "' >>/etc/redis/redis.conf\n"
                     f"sed -i 's/^bind .*/bind 127.0.0.1 {ADDRESS}/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf\n"
                     "sed -e 's/^port .*/port 6380/; s,/var/lib/redis$,/var/lib/redis-replica,; s,redis-server\\.,redis-replica.,' "
                     "/etc/redis/redis.conf >/etc/redis/redis-replica.conf\n"
                     "echo 'replicaof 127.0.0.1 6379' >>/etc/redis/redis-replica.conf\n"
                     "chown redis: /etc/redis/*.conf; install -d -o redis -g redis /var/lib/redis-replica\n"
                     "rm -f /var/lib/redis/dump.rdb; useradd -r counter; mkdir -p /srv/counter /var/backups/redis\n"
                     "cd /etc/logrotate.d; rm -f mariadb mysql* nginx php* postgresql*; chmod 755 .")
        host.write("/etc/systemd/system/logrotate.service.d/time.conf", "[Service]\nEnvironment="
                   + FAKETIME.replace(" ", "\nEnvironment=") + "\n")
        host.write("/etc/systemd/system/redis-replica.service", host.path("/lib/systemd/system/redis-server.service").read_text()
                   .replace("redis.conf", "redis-replica.conf").replace("redis-server.pid", "redis-replica.pid")
                   .replace("RuntimeDirectory=redis\n", "RuntimeDirectory=redis-replica\n")
                   .replace("ReadWritePaths=-/var/lib/redis\n", "ReadWritePaths=-/var/lib/redis-replica\n")
                   .replace("Alias=redis.service", ""))
        host.write("/srv/counter/app.py", APPLICATION.replace("EXTRA", "pass"), 0o755)
        host.write("/etc/systemd/system/counter.service", service("/srv/counter/app.py", "User=counter\nRestart=always\n"))
        for name, script in (("redis-backup", BACKUP), ("redis-report", REPORT), ("redis-metrics", METRICS)):
            host.write(f"/usr/local/bin/{name}", script.replace("FAKETIME", FAKETIME), 0o755)
            host.write(f"/etc/systemd/system/{name}.service",
                       service(f"/usr/local/bin/{name}", "Type=oneshot\n"))
        host.prepare("cd /etc/systemd/system; mkdir -p multi-user.target.wants; for unit in redis-replica counter; do "
                     "ln -s ../$unit.service multi-user.target.wants/; done; "
                     "ln -s /lib/systemd/system/redis-server.service multi-user.target.wants/")

    def booted(self, host):
        for port in (6379, 6380, 8000):
            host.wait_for_port(port)

    def cli(self, host, *words, port=6379, text=None):
        """A client on another machine."""
        return subprocess.run(host.network("redis-cli", "-h", ADDRESS if port == 6379 else "127.0.0.1", "-p", str(port), *words),
                              input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=True).stdout

    def visit(self, host, rng, count):
        source = f"10.20.3.{rng.randrange(1, 255)}"  # what balances the load
        pages = [f"http://{ADDRESS}:8000/{rng.randrange(500)}" for _ in range(count)]
        host.client("curl", "-s", "-o", "/dev/null", "--interface", source, *pages)

    def hourly(self, host, day, rng, load):
        self.visit(host, rng, load)
        if day.hour == 0:
            host.rotate_logs()
        if day.hour % 4 == 0:
            host.unit("redis-metrics.service")
        if day.hour == 3:
            host.unit("redis-backup.service")
        if day.hour == 4 and (day.date.day == 1 or "release" in day):
            host.unit("redis-report.service")

    def release(self, host, extra):
        """As a pipeline does it: a declared change."""
        self.version += 1
        host.write("/srv/new-app.py", APPLICATION.replace("EXTRA", extra), 0o755)
        host.write("/usr/local/bin/deploy-counter", "#!/bin/sh\nset -e\ninstall -m 755 /srv/new-app.py /srv/counter/app.py\n"
                   "systemctl restart counter\n", 0o755)
        host.run(*host.enter("systemd-run", "-q", "--scope", f"--unit=sombrero-change-counter-{self.version}",
                             "/usr/local/bin/deploy-counter"))
        host.wait_for_port(8000)

    def train(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day, rng, 3)
            if hour == 9:
                self.cli(host, "set", "a", "b" * 1000)
                self.cli(host, "config", "set", "maxmemory", "60mb")
                self.cli(host, "config", "rewrite")
            if hour == 10:
                self.cli(host, "bgrewriteaof")
                self.cli(host, "bgsave", port=6380)
            if hour == 12 and "release" in day:
                self.release(host, "pass  # again")
            if hour == 11 and "upgrade" in day:
                host.upgrade("redis-server", "redis-tools")
                host.wait_for_port(6379)
            if hour == 13 and "reboot" in day:
                host.reboot()
            if hour == 14:
                host.unit("redis-server.service", "restart")
                host.wait_for_port(6379)

    def produce(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day, rng, rng.choice((1, 2, 5, 10)) if 7 <= hour < 22 else 1)
            if rng.random() < 0.2:
                self.cli(host, text="".join(f"setex session:{rng.getrandbits(64):x} {rng.randrange(1, 999)} {'x' * rng.randrange(2000)}\n"
                                            for _ in range(rng.randrange(200))))
            if hour == 1 and rng.random() < 0.3:
                self.cli(host, "bgrewriteaof")
            if hour == 5 and "upgrade" in day:
                host.upgrade("redis-server", "redis-tools")
                host.wait_for_port(6379)
            if hour == 11 and "release" in day:
                # The second release reaches for the replica, which no test did.
                self.release(host, "pass  # new words" if day.number < 10 else 'redis("GET", "visits:" + self.path, port=6380)')
            if hour == 15 and day.number == 7:
                self.cli(host, "config", "set", "appendfsync", "always")
                self.cli(host, "config", "rewrite")
            if hour == 16 and day.number == 9:  # a failover and back
                self.cli(host, "replicaof", "no", "one", port=6380)
                self.cli(host, "replicaof", "127.0.0.1", "6379", port=6380)
            if hour == 18 and "reboot" in day:
                host.reboot()
