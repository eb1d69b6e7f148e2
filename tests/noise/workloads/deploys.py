# SPDX-License-Identifier: Apache-2.0
"""Deploys by git: a push to a bare repository builds a release, switches to it and restarts the application."""

import subprocess

from harness import ADDRESS, FAKETIME, SOMBRERO, Failed, Workload

HOOK = """#!/bin/sh
set -e
while read -r old new ref; do
	[ "$ref" = refs/heads/main ] || continue
	sudo -n /usr/local/bin/sombrero change begin --id "shop-$(echo "$new" | cut -c1-8)" --reason "push of $ref" -- /usr/local/bin/release "$new"
done
"""

# Root's, and called by the hook: the one way by which a release comes here.
RELEASE = """#!/bin/sh
set -e
commit=$1
release=/srv/shop/releases/$(FAKETIME date +%Y%m%d%H%M%S)-$(echo "$commit" | cut -c1-7)
mkdir -p "$release"
git -c safe.directory=/srv/git/shop.git --git-dir=/srv/git/shop.git archive "$commit" | tar -x -C "$release"
cd "$release"
php /usr/local/bin/vendor.php
./build
ln -sfn "$release" /srv/shop/new
mv -T /srv/shop/new /srv/shop/current
systemctl restart shop
systemctl reload-or-restart shop-worker
cd /srv/shop/releases
ls -1 | sort | head -n -3 | xargs -r rm -rf
"""

ROLLBACK = """#!/bin/sh
set -e
now=$(readlink /srv/shop/current)
before=$(ls -1d /srv/shop/releases/* | sort | grep -B1 -x "$now" | head -n 1)
ln -sfn "$before" /srv/shop/new
mv -T /srv/shop/new /srv/shop/current
systemctl restart shop shop-worker
"""

# What composer does: unpacks what the lock file names from its cache, and writes an autoloader.
VENDOR = r"""<?php
foreach (file('composer.lock', FILE_IGNORE_NEW_LINES) as $package) {
	@mkdir("vendor/$package", 0755, true);
	exec('tar -xzf ' . escapeshellarg("/srv/cache/$package.tgz") . ' -C ' . escapeshellarg("vendor/$package"), $_, $status);
	if ($status) exit(1);
}
file_put_contents('vendor/autoload.php', "<?php\n// " . bin2hex(random_bytes(8)));
"""

APPLICATION = r"""#!/usr/bin/python3
import http.server, os, pathlib, subprocess, urllib.parse
HERE = pathlib.Path(__file__).resolve().parent
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        (HERE.parents[1] / "shared/queue" / os.urandom(8).hex()).write_text(self.path)
        EXTRA
        if self.path.startswith("/total="):
            eval(urllib.parse.unquote(self.path[7:]))  # a hole
        self.send_response(200); self.end_headers(); self.wfile.write(b"VERSION")
    def log_message(self, *a):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Page).serve_forever()
"""

WORKER = r"""<?php
while (true) {
	foreach (glob('/srv/shop/shared/queue/*') as $job) {
		file_put_contents('/srv/shop/shared/log/worker.log', file_get_contents($job) . "\n", FILE_APPEND);
		unlink($job);
	}
	usleep(200000);
}
"""

BUILD = """#!/bin/sh
set -e
mkdir -p public
for file in assets/*.css; do
	sed 's/ //g' "$file" >"public/$(basename "$file" .css).$(sha256sum "$file" | cut -c1-12).css"
done
gzip -k public/*.css
find . -name '*.py' -exec chmod 755 {} +
"""

CLEANUP = "<?php foreach (glob('/srv/shop/shared/log/*.old') as $f) unlink($f);\nrename('/srv/shop/shared/log/worker.log', '/srv/shop/shared/log/worker.log.old');\n"

POLICY = """policy: shop
changes:
  - { session: { user: deploy } }
"""


class Deploys(Workload):
    name = "deploys"
    about = "git push, a hook that declares a change, a build, releases/N and a symlink, restarts, rollbacks"
    needs = ("git", "php", "sshd", "sudo")
    files = ("/srv/shop/**", "/srv/git/**")

    def __init__(self):
        self.commits = 0

    def prepare(self, host):
        host.add_user("deploy")
        host.write("/etc/sudoers.d/deploy", "deploy ALL=(root) NOPASSWD: /usr/local/bin/sombrero, /usr/local/bin/rollback\n", 0o440)
        host.write("/srv/hook", HOOK, 0o755)
        host.write("/usr/local/bin/release", RELEASE.replace("FAKETIME", FAKETIME), 0o755)
        host.write("/usr/local/bin/rollback", ROLLBACK, 0o755)
        host.write("/usr/local/bin/vendor.php", VENDOR)
        host.path("/usr/local/bin/sombrero").write_bytes(SOMBRERO.read_bytes())
        host.path("/usr/local/bin/sombrero").chmod(0o755)
        host.write("/etc/systemd/system/shop.service", "[Unit]\nConditionPathExists=/srv/shop/current\n[Service]\nUser=shop\nRestart=on-failure\nExecStart=/srv/shop/current/app.py\n")
        host.write("/etc/systemd/system/shop-worker.service", "[Unit]\nConditionPathExists=/srv/shop/current\n[Service]\nUser=shop\nRestart=on-failure\n"
                   "ExecStart=/usr/bin/php /srv/shop/current/worker.php\n")
        host.write("/etc/systemd/system/shop-cleanup.service", "[Service]\nType=oneshot\nUser=shop\n"
                   "ExecStart=/usr/bin/php /srv/shop/current/bin/cleanup.php\n")
        host.prepare("useradd -r shop; mkdir -p /srv/shop/shared/queue /srv/shop/shared/log /srv/shop/releases /srv/cache /srv/git\n"
                     "chown -R shop: /srv/shop/shared; git init -q --bare -b main /srv/git/shop.git\n"
                     "install -m 755 /srv/hook /srv/git/shop.git/hooks/post-receive; chown -R deploy: /srv/git\n"
                     "cd /srv/cache; for p in router mailer images queue; do mkdir $p; echo \"<?php // $p\" >$p/src.php; "
                     "tar -czf $p.tgz -C $p .; rm -r $p; done\n"
                     "cd /etc/systemd/system; mkdir -p multi-user.target.wants; ln -s ../shop.service ../shop-worker.service multi-user.target.wants/")
        host.enable("ssh.service")

    def booted(self, host):
        host.wait_for_port(22)
        if not self.commits:
            self.push(host, packages=("router", "mailer"))
        host.wait_for_port(8080)

    # -- the developers' side

    def push(self, host, packages, extra="pass", assets=("main",)):
        """A commit on a developer's machine, and its push."""
        self.commits += 1
        site = host._folder / f"{host.name}-site"
        first = not site.exists()
        if first:
            subprocess.run(["git", "init", "-q", "-b", "main", str(site)], check=True)
        files = {"app.py": APPLICATION.replace("EXTRA", extra).replace("VERSION", f"version {self.commits}"), "worker.php": WORKER,
                 "build": BUILD, "composer.lock": "".join(f"{package}\n" for package in packages), "bin/cleanup.php": CLEANUP,
                 **{f"assets/{name}.css": f"a {{ b: {self.commits} }}" for name in assets}}
        for name, text in files.items():
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name in ("app.py", "build") else 0o644)
        ssh = " ".join(host.network("ssh", *host.ssh_options()))
        git = ["git", "-C", str(site), "-c", "user.name=d", "-c", "user.email=d@example.org"]
        for words in (["add", "."], ["commit", "-q", "-m", f"version {self.commits}"],
                      ["push", "-q", f"deploy@{ADDRESS}:/srv/git/shop.git", "main"]):
            said = host.run(*git, *words, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "GIT_SSH_COMMAND": ssh, "HOME": "/nonexistent"})
        if not host.path("/srv/shop/current").is_symlink():
            raise Failed(f"the push deployed nothing: {said}")

    def visit(self, host, rng, count):
        source = f"10.20.3.{rng.randrange(1, 255)}"  # what balances the load
        host.client("curl", "-s", "-m", "9", "-o", "/dev/null", "--interface", source,
                    *(f"http://{ADDRESS}:8080/{rng.randrange(999)}" for _ in range(count)), check=False)

    def hourly(self, host, day, rng, load):
        self.visit(host, rng, load)
        if day.hour == 0:
            host.rotate_logs()
        if day.hour == 4:
            host.unit("shop-cleanup.service", check=False)

    def train(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day, rng, 2)
            if hour == 11:
                self.push(host, ("router", "mailer"))
                host.wait_for_port(8080)
            if hour == 12 and "release" in day:
                host.login("deploy", "sudo -n /usr/local/bin/sombrero change begin --id rollback -- /usr/local/bin/rollback")
                host.wait_for_port(8080)
            if hour == 7 and "upgrade" in day:
                host.upgrade("git")
            if hour == 13 and "reboot" in day:
                host.reboot()

    def produce(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day, rng, rng.randrange(1, 8))
            if hour in (10, 15) and rng.random() < 0.5:
                self.push(host, rng.sample(("router", "mailer", "images", "queue"), rng.randrange(1, 5)),
                          assets=rng.sample(("main", "print", "dark", "admin"), rng.randrange(1, 4)))
                host.wait_for_port(8080)
            if hour == 11 and "release" in day:
                # The second brings something new: the application asks git for its version.
                self.push(host, ("router", "mailer", "images"), "pass" if day.number < 10 else
                          'subprocess.run(["/usr/bin/sha256sum", __file__], stdout=subprocess.DEVNULL)')
                host.wait_for_port(8080)
            if hour == 16 and day.number == 9:
                host.login("deploy", "sudo -n /usr/local/bin/sombrero change begin --id rollback-9 -- /usr/local/bin/rollback")
                host.wait_for_port(8080)
            if hour == 6 and "upgrade" in day:
                host.upgrade("git")
            if hour == 18 and "reboot" in day:
                host.reboot()
