# SPDX-License-Identifier: Apache-2.0
"""An API behind haproxy: gunicorn with several workers, memcached, a resolver of its own, another company's service."""

import subprocess

from harness import ADDRESS, Workload
from fakehost import end_with_parent

PARTNER = "203.0.113.80"

APPLICATION = r"""
import json, os, socket, subprocess, tempfile, urllib.parse, urllib.request

def cached(key, make):
    with socket.create_connection(("127.0.0.1", 11211), 3) as s:
        s.sendall(b"get %s\r\n" % key.encode())
        answer = s.recv(65536)
        if answer.startswith(b"VALUE"):
            return answer.split(b"\r\n")[1]
        value = make()
        s.sendall(b"set %s 0 60 %d\r\n%s\r\n" % (key.encode(), len(value), value))
        s.recv(100)
        return value

def partner(what):
    try:
        with urllib.request.urlopen("http://partner.example:8443/" + what, timeout=3) as answer:
            return answer.read()
    except OSError as error:
        return str(error).encode()

def export(what):
    with tempfile.NamedTemporaryFile(dir="/srv/api/exports", suffix=".csv", delete=False) as file:
        file.write(what.encode())
    return subprocess.run(["gzip", file.name], capture_output=True).stderr or file.name.encode()

def application(environ, start):
    path, query = environ["PATH_INFO"], dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
    body = b"ok"
    if path == "/item":
        body = cached("item" + query.get("id", "0"), lambda: b"x" * 50)
    elif path == "/price":
        body = cached("price" + query.get("id", "0"), lambda: partner(query.get("id", "0")))
    elif path == "/export":
        body = export(query.get("what", ""))
    elif path == "/round":  # a hole: an expression is evaluated
        body = str(eval(query.get("number", "0"))).encode()
    elif path == "/crash":
        os._exit(3)
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

HAPROXY = """global
	log /dev/log local0
	chroot /var/lib/haproxy
	stats socket /run/haproxy/admin.sock mode 660 level admin
	user haproxy
	group haproxy
	daemon
defaults
	mode http
	timeout connect 3s
	timeout client 9s
	timeout server 9s
frontend web
	bind *:80
	default_backend app
backend app
	option httpchk GET /health
	server one 127.0.0.1:8001 check inter 2s
	server two 127.0.0.1:8002 check inter 2s
"""

UNBOUND = """server:
	interface: 127.0.0.1
	local-zone: "partner.example." static
	local-data: "partner.example. IN A 203.0.113.80"
	module-config: "iterator"
"""

CLEAN = """#!/bin/sh
find /srv/api/exports -name '*.gz' -size +0 -mmin +0 | sort | head -n 50 | xargs -r rm -f
echo "show stat" | nc -U -w 1 /run/haproxy/admin.sock | cut -d, -f1,2,18 >/srv/api/health.txt
"""


class Api(Workload):
    name = "api"
    about = "haproxy, gunicorn with crashing and reloaded workers, memcached, unbound, a partner's service on the internet"
    needs = ("haproxy", "gunicorn", "memcached", "unbound")
    files = ("/srv/api/**", "/etc/haproxy/**")
    version = 1

    def prepare(self, host):
        host.write("/srv/api/app.py", APPLICATION)
        host.write("/etc/haproxy/haproxy.cfg", HAPROXY)
        host.write("/etc/unbound/unbound.conf.d/partner.conf", UNBOUND)
        host.write("/usr/local/bin/api-clean", CLEAN, 0o755)
        host.write("/etc/systemd/system/api-clean.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/api-clean\n")
        for name, port in (("one", 8001), ("two", 8002)):
            host.write(f"/etc/systemd/system/api-{name}.service", "[Service]\nType=notify\nUser=api\nWorkingDirectory=/srv/api\nRestart=always\n"
                       f"ExecStart=/usr/bin/gunicorn --workers 2 --max-requests 50 --bind 127.0.0.1:{port} app:application\n"
                       "ExecReload=/bin/kill -s HUP $MAINPID\n")
        host.prepare("useradd -r api; mkdir -p /srv/api/exports; chown -R api: /srv/api; chmod 755 /etc/logrotate.d\n"
                     "rm -f /etc/logrotate.d/mariadb /etc/logrotate.d/mysql* /etc/logrotate.d/nginx /etc/logrotate.d/php* /etc/logrotate.d/postgresql*\n"
                     "rm -f /etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf /etc/resolv.conf; echo nameserver 127.0.0.1 >/etc/resolv.conf\n"
                     "cd /etc/systemd/system; mkdir -p multi-user.target.wants; ln -s ../api-one.service ../api-two.service multi-user.target.wants/")
        host.enable("haproxy.service", "memcached.service", "unbound.service")

    def booted(self, host):
        self.partner = subprocess.Popen(host.network("python3", "-m", "http.server", "--bind", PARTNER, "--directory", str(host.folder), "8443"),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=end_with_parent)
        for port in (80, 8001, 8002, 11211):
            host.wait_for_port(port)

    def ask(self, host, rng, *paths):
        source = host.visitor(rng)
        host.client("curl", "-s", "-m", "9", "-o", "/dev/null", "--interface", source, *(f"http://{ADDRESS}{path}" for path in paths), check=False)

    def scheduled(self, host, day):
        if day.hour == 0:
            host.rotate_logs()
        if day.hour % 6 == 2:
            host.unit("api-clean.service")

    def release(self, host, text):
        self.version += 1
        host.write("/srv/new/app.py", text)
        host.write("/usr/local/bin/deploy-api", "#!/bin/sh\nset -e\ninstall -m 644 /srv/new/app.py /srv/api/app.py\n"
                   "systemctl reload api-one\nsystemctl reload api-two\n", 0o755)
        host.run(*host.enter("systemd-run", "-q", "--scope", f"--unit=sombrero-change-api-{self.version}", "/usr/local/bin/deploy-api"))

    def train(self, host, day, rng):
        for hour in day.hours():
            self.scheduled(host, day)
            self.ask(host, rng, "/item?id=1", "/price?id=2", "/health")
            if hour == 8:
                self.ask(host, rng, "/export?what=a", "/round?number=1.5")
            if hour == 9 and day.number == 0:
                self.ask(host, rng, "/crash")
            if hour == 10:
                host.unit("haproxy.service", "reload")
            if hour == 11 and "upgrade" in day:
                host.upgrade("haproxy", "memcached")
            if hour == 12 and "release" in day:
                self.release(host, APPLICATION + "# again\n")
            if hour == 13 and "reboot" in day:
                self.partner.kill()
                host.reboot()
            if hour == 15 and day.number == 0:
                host.unit("memcached.service", "restart")
                host.unit("unbound.service", "restart")

    def produce(self, host, day, rng):
        for hour in day.hours():
            self.scheduled(host, day)
            for _ in range(rng.randrange(1, 4)):
                self.ask(host, rng, *(rng.choice((f"/item?id={rng.randrange(999)}", f"/price?id={rng.randrange(999)}", "/none",
                                                  f"/export?what={rng.getrandbits(200):x}")) for _ in range(rng.randrange(1, 9))))
            if rng.random() < 0.03:
                self.ask(host, rng, "/crash")
            if hour == 4 and day.number == 3:
                host.unit("memcached.service", "restart")
            if hour == 6 and "upgrade" in day:
                host.upgrade("haproxy", "unbound")
            if hour == 11 and "release" in day:
                # The second asks the partner on another port.
                self.release(host, APPLICATION + "# words\n" if day.number < 10 else APPLICATION.replace(":8443/", ":80/"))
            if hour == 13 and day.number == 9:  # the partner is away for an hour
                self.partner.send_signal(19)
            if hour == 14 and day.number == 9:
                self.partner.send_signal(18)
            if hour == 17 and "reboot" in day:
                self.partner.kill()
                host.reboot()
