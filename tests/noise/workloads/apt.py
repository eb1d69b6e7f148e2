# SPDX-License-Identifier: Apache-2.0
"""A host that keeps itself up to date: apt's timers and unattended-upgrades from a local repository, and people who install.

The packages are made here and do what packages do: scripts, triggers, a user, a service that is restarted, settings that change
with the version, and one that behaves like a kernel's.
"""

import hashlib
import subprocess

from harness import ADDRESS, Workload

SOURCES = "deb [trusted=yes] file:/srv/repo ./\n"
PERIODIC = """APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "1";
APT::Periodic::RandomSleep "0";
APT::Sandbox::User "root";
Unattended-Upgrade::Origins-Pattern { "origin=Shop"; };
Unattended-Upgrade::Skip-Updates-On-Metered-Connections "false";
Unattended-Upgrade::Mail "";
"""
SERVICE = "[Unit]\nDescription=shop\n[Service]\nUser=shopd\nExecStart=/usr/bin/python3 /usr/lib/shop/shopd.py\nRestart=on-failure\n[Install]\nWantedBy=multi-user.target\n"
# It has a hole: what a visitor sends in one field is run. Nobody but an intruder does that.
DAEMON = """import http.server, os, subprocess, urllib.parse
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = urllib.parse.unquote(self.path)
        if path.startswith("/status"):
            subprocess.run("uptime | cut -c 1-20", shell=True, stdout=subprocess.DEVNULL)
        elif path.startswith("/run="):
            subprocess.run(path[5:], shell=True, timeout=8, stdin=subprocess.DEVNULL)
        elif path.startswith("/eval="):
            exec(path[6:], {})
        EXTRA
        self.send_response(200); self.end_headers(); self.wfile.write(b"shop VERSION")
    def log_message(self, *a):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Page).serve_forever()
"""
POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ]; then
	getent passwd shopd >/dev/null || adduser --system --quiet --no-create-home --home /nonexistent shopd
	mkdir -p /var/lib/shop && chown shopd /var/lib/shop
	[ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || true
	deb-systemd-helper enable shop.service >/dev/null || true
	deb-systemd-invoke restart shop.service >/dev/null || true
	dpkg-trigger --no-await /usr/share/shop-themes || true
fi
"""
PRERM = '#!/bin/sh\nset -e\n[ "$1" != remove ] || deb-systemd-invoke stop shop.service >/dev/null || true\n'
THEMES = '#!/bin/sh\nset -e\n[ "$1" != triggered ] || ls /usr/share/shop-themes | sort | sha256sum >/var/cache/shop-themes\n'
KERNEL = "#!/bin/sh\nset -e\n[ ! -d /etc/kernel/postinst.d ] || run-parts --report --arg=6.1.0-VERSION /etc/kernel/postinst.d\n"
HOOK = "#!/bin/sh\nset -e\ntouch /var/run/reboot-required\necho linux-image-shop >>/var/run/reboot-required.pkgs\nfind /boot -name 'shop-*' | sort -V | head -n -2 | xargs -r rm -f\n"


class Apt(Workload):
    name = "apt"
    about = "apt's timers, unattended-upgrades from a local repository, packages with scripts and services, people who install"
    layers = ("base", "sshd")
    packages = ("unattended-upgrades", "apt-utils", "adduser", "kmod")
    needs = ("apt-get", "dpkg-deb")
    files = ("/etc/shop/**", "/usr/lib/shop/**", "/etc/apt/**")
    version = 1
    extra = "pass"

    def prepare(self, host):
        host.prepare("rm -rf /etc/apt/sources.list.d /etc/apt/apt.conf.d/docker* /var/lib/apt/lists; mkdir -p /etc/apt/sources.list.d /srv/repo; "
                     "rm -f /etc/apt/apt.conf.d/*nodesource* /etc/apt/preferences.d/*")
        host.write("/etc/apt/sources.list", SOURCES)
        host.write("/etc/apt/apt.conf.d/99shop", PERIODIC)
        host.write("/etc/kernel/postinst.d/zz-shop", HOOK, 0o755)
        host.add_user("alice", sudo=True)
        self.publish(host)
        host.prepare("apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -q -y install shop-daemon shop-themes linux-image-shop; "
                     "rm -rf /usr/share/man/??/* ; cd /usr/share/man/man1 && ls | grep -v '^l' | xargs rm -f; "
                     "systemctl -q enable ssh cron shop.service apt-daily.timer apt-daily-upgrade.timer")

    def deb(self, host, name, files, scripts, extra=""):
        root = host.folder / "deb"
        subprocess.run(["rm", "-rf", str(root)], check=True)
        control = f"Package: {name}\nVersion: 1.{self.version}\nArchitecture: all\nMaintainer: Shop <shop@example.org>\n{extra}Description: {name}\n"
        for path, text, mode in [("DEBIAN/control", control, 0o644), *((f"DEBIAN/{script}", text, 0o755) for script, text in scripts.items()), *files]:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(mode)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), str(host.path("/srv/repo") / f"{name}_1.{self.version}_all.deb")],
                       check=True, stdout=subprocess.DEVNULL)

    def publish(self, host):
        """Puts the next version into the repository: elsewhere, unseen, as a mirror does."""
        daemon = DAEMON.replace("VERSION", str(self.version)).replace("EXTRA", self.extra)
        settings = f"version={self.version // 2}\n"
        self.deb(host, "shop-daemon", [("usr/lib/shop/shopd.py", daemon, 0o644), ("lib/systemd/system/shop.service", SERVICE, 0o644),
                                       ("etc/shop/shop.conf", settings, 0o644), ("usr/share/man/man8/shopd.8", ".TH shopd 8\n", 0o644)],
                 {"postinst": POSTINST, "prerm": PRERM, "conffiles": "/etc/shop/shop.conf\n"}, "Depends: python3, adduser\n")
        self.deb(host, "shop-themes", [(f"usr/share/shop-themes/{self.version}", "theme\n", 0o644)],
                 {"triggers": "interest-noawait /usr/share/shop-themes\n", "postinst": THEMES})
        self.deb(host, "linux-image-shop", [(f"boot/shop-6.1.0-{self.version}", "kernel\n", 0o644)],
                 {"postinst": KERNEL.replace("VERSION", str(self.version))})
        self.deb(host, "shop-tools", [("usr/bin/shop-tool", "#!/bin/sh\necho tool\n", 0o755)], {})
        self.version += 1
        repository = host.path("/srv/repo")
        packages = "".join(self.entry(host, deb) for deb in sorted(repository.glob("*.deb")))
        (repository / "Packages").write_text(packages)
        digest = hashlib.sha256(packages.encode()).hexdigest()
        (repository / "Release").write_text(f"Origin: Shop\nLabel: Shop\nSuite: stable\nCodename: shop\nDate: Mon, 23 Nov 2026 10:00:{self.version % 60:02} UTC\n"
                                            f"SHA256:\n {digest} {len(packages.encode())} Packages\n")

    @staticmethod
    def entry(host, deb):
        control = host.run("dpkg-deb", "-f", str(deb))
        content = deb.read_bytes()
        return f"{control}Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n\n"

    def booted(self, host):
        host.wait_for_port(8000)
        host.wait_for_port(22)

    def visit(self, host, rng):
        for page in ("", "status"):
            host.client("curl", "-s", "-o", "/dev/null", "--interface", f"198.51.100.{rng.randrange(1, 255)}", f"http://{ADDRESS}:8000/{page}")

    def timers(self, host):
        host.prepare("rm -f /var/lib/apt/periodic/*-stamp")
        host.unit("apt-daily.service", seconds=200)
        host.unit("apt-daily-upgrade.service", seconds=200)
        host.wait_for_port(8000)

    def train(self, host, day, rng):
        for hour in day.hours():
            if hour in (8, 16):
                self.visit(host, rng)
            if hour == 6:
                if day.number in (1, 2):
                    self.publish(host)
                self.timers(host)
            if hour == 13 and "reboot" in day:
                host.reboot()

    def produce(self, host, day, rng):
        for hour in day.hours():
            if 8 <= hour < 20 and rng.random() < 0.3:
                self.visit(host, rng)
            if hour == 5 and ("upgrade" in day or "release" in day or rng.random() < 0.2):
                # The second release looks around, which no test did.
                self.extra = "subprocess.run(['/usr/bin/hostname'], stdout=subprocess.DEVNULL)" if day.number >= 12 else "pass"
                self.publish(host)
            if hour == 6:
                self.timers(host)
            if hour == 10 and rng.random() < 0.3:
                host.login("alice", "sudo apt-get -q update; sudo DEBIAN_FRONTEND=noninteractive apt-get -q -y install shop-tools; shop-tool; apt-cache policy shop-daemon",
                           seconds=120)
            if hour == 11 and rng.random() < 0.2:
                host.login("alice", "sudo apt-get -q -y remove shop-tools; sudo apt-get -q -y autoremove; sudo apt-mark showmanual >/dev/null", check=False, seconds=120)
            if hour == 18 and "reboot" in day:
                host.reboot()
