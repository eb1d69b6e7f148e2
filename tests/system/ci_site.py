# SPDX-License-Identifier: Apache-2.0
"""The sample shop where CI tests it and where production runs it: two fake hosts that have as little in common as such have.

CI is a container made of namespaces: root, /builds/acme/shop, the database by TCP. Production is a host with systemd: www-data,
/srv/app/releases/N, the database by a unix socket, and by TCP where reports are read.
"""

import pathlib
import shutil
import subprocess

from fakehost import PLAIN, SYSTEMD, FakeHost, wait_for
from watching import SOMBRERO

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
CI = SOURCE / "packaging" / "ci"
CHECKOUT = "/builds/acme/shop"
POSTGRES = "/usr/lib/postgresql/15/bin"

UNITS = {
    "db.service": f"""[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
ExecStart={POSTGRES}/postgres -D /srv/pg
""",
    "shop.service": """[Service]
User=www-data
Environment=DATABASE=postgresql://postgres@/postgres?host=/run/postgresql PICTURES=/var/lib/shop/pictures
StateDirectory=shop
ExecStart=/srv/app/releases/%RELEASE%/app/app.py
""",
    "shop-report.service": """[Service]
Type=oneshot
User=www-data
Environment=REPLICA=postgresql://postgres@127.0.0.1/postgres REPORTS=/var/lib/shop/reports
StateDirectory=shop
ExecStart=/srv/app/releases/%RELEASE%/app/report.py
""",
}


def loopback(host):
    host.run(*host.network("ip", "link", "set", "lo", "up"))


def make_database(host, sockets):
    host.prepare("install -d -o postgres -m 700 /srv/pg\n"
                 f"su postgres -s /bin/sh -c '{POSTGRES}/initdb -D /srv/pg -A trust -E UTF8 --locale=C' >/dev/null\n"
                 "cat >>/srv/pg/postgresql.conf <<END\n"
                 f"listen_addresses = '127.0.0.1'\nunix_socket_directories = '{sockets}'\nEND\n")


class Runner(FakeHost):
    """Where CI runs its jobs. The database is a service of the job, as CI systems have them: nobody learns it."""

    def __init__(self, release):
        super().__init__("ci", PLAIN)
        try:
            shutil.copy(SOMBRERO, self.path("/usr/local/bin/sombrero"))
            shutil.copytree(CI, self.path("/opt/ci"))
            self.check_out(release)
            make_database(self, "")
            self.boot()
            loopback(self)
            self.prepare(f"su postgres -s /bin/sh -c '{POSTGRES}/pg_ctl -D /srv/pg -l /srv/pg/log -w start' >/dev/null")
        except BaseException:
            self.close()
            raise

    def check_out(self, release):
        """The sources of a release, without what the last job left."""
        models = {file.name: file.read_bytes() for file in self.path(CHECKOUT).glob("shop.*")}
        shutil.rmtree(self.path(CHECKOUT), ignore_errors=True)
        release.write(self.path(CHECKOUT))
        for name, content in models.items():
            (self.path(CHECKOUT) / name).write_bytes(content)

    def job(self, script, **variables):
        """Runs a step as the CI system would: (exit status, what it printed)."""
        environment = {"DATABASE": "postgresql://postgres@127.0.0.1/postgres", "PATH": "/opt/ci:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "HOME": "/root", **variables}
        result = subprocess.run(self.enter("env", "-i", *(f"{key}={value}" for key, value in environment.items()),
                                           "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f"cd {CHECKOUT}\n{script}"),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="backslashreplace", timeout=120, check=False)
        return result.returncode, result.stdout

    def out(self, name):
        return (self.path(CHECKOUT) / "sombrero-out" / name).read_text()

    def commit(self):
        """The learned model becomes the committed one."""
        for file in (self.path(CHECKOUT) / "sombrero-out").glob("learned.model*"):
            shutil.copy(file, self.path(CHECKOUT) / file.name.replace("learned", "shop"))


class Production(FakeHost):
    """With systemd. `release` None: the host as it is before there is a shop."""

    def __init__(self, release, number):
        super().__init__("prod", SYSTEMD)
        try:
            make_database(self, "/run/postgresql")
            self._unit("db.service", number)
            self.enable("db.service", "dbus.service", "cron.service")
            if release:
                self.install(release, number)
                self.write("/etc/nginx/nginx.conf", self.path(f"/srv/app/releases/{number}/app/nginx.conf").read_text())
                self.enable("shop.service", "nginx.service")
            loopback(self)
        except BaseException:
            self.close()
            raise

    def _unit(self, name, number):
        self.write(f"/lib/systemd/system/{name}", UNITS[name].replace("%RELEASE%", str(number)))

    def install(self, release, number):
        release.write(self.path(f"/srv/app/releases/{number}"))
        for unit in ("shop.service", "shop-report.service"):
            self._unit(unit, number)

    def use(self, release):
        """What users do with it, and its timer."""
        self.prepare("cat /srv/app/releases/*/app/schema.sql | psql -q -U postgres -h /run/postgresql")
        wait_for("the shop", lambda: "[" in self.get("/orders"))
        assert "ordered" in self.run(*self.network("curl", "-s", "http://127.0.0.1/", "-d", "item=hat&count=2"))
        assert "hat" in self.get("/orders")
        assert "hat.png" in self.get("/picture?item=hat")
        for path in release.paths:
            assert "error" not in self.get(path), path
        self.prepare("systemctl start shop-report.service")

    def get(self, path):
        return self.run(*self.network("curl", "-s", "-m", "10", f"http://127.0.0.1{path}"))


class Release:
    """The sample's sources with some texts replaced by others, and what else production's users do then."""

    def __init__(self, *edits, base=None, paths=(), listens=None):
        self.edits = [*(base.edits if base else []), *edits]  # (file, old text, new text)
        self.paths = [*(base.paths if base else []), *paths]
        self.listens = listens

    def write(self, folder):
        shutil.copytree(CI / "sample", folder)
        for name, old, new in self.edits:
            file = folder / name
            text = file.read_text()
            if old not in text:
                raise ValueError(f"{name} has no {old!r}")
            file.write_text(text.replace(old, new, 1))


FIRST = Release()
# What a reviewer has to see of each is in ci_test.py.
REFACTORED = Release(
    ("app/app.py", '            self.answer(404,', '            self.answer(200, {"status": "up"}) if url.path == "/health" else self.answer(404,'),
    ("ci/integration-tests", "check 'no such page'", "check up http://127.0.0.1/health\ncheck 'no such page'"),
    base=FIRST, paths=["/health"])
XZ = Release(
    ("app/report.py", '["gzip", "--force", path]', '["xz", "--force", path]'),
    base=REFACTORED)
SHELL = Release(
    ("app/app.py", 'subprocess.run(["convert", "-size", "120x30", "xc:white", path], check=True)',
     'subprocess.run(f"convert -size 120x30 xc:white {path}", shell=True, check=True)'),
    base=XZ)
METRICS = Release(
    ("app/app.py", '    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Shop)',
     '    import threading\n'
     '    metrics = http.server.ThreadingHTTPServer(("", 9100), Shop)\n'
     '    threading.Thread(target=metrics.serve_forever, daemon=True).start()\n'
     '    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Shop)'),
    ("ci/integration-tests", "check 'no such page'", "check hat http://127.0.0.1:9100/orders\ncheck 'no such page'"),
    base=SHELL)
NO_SHELL = Release(
    ("app/app.py", 'subprocess.run(f"convert -size 120x30 xc:white {path}", shell=True, check=True)',
     'subprocess.run(["convert", "-size", "120x30", "xc:white", path], check=True)'),
    base=METRICS)
RELEASES = (("refactored", REFACTORED), ("xz", XZ), ("shell", SHELL), ("metrics", METRICS), ("no shell", NO_SHELL))
