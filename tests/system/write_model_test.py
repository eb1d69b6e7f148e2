#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What services write, in the model: a real site (the demo's nginx and php-fpm) is learned with its files, is quiet while it does
what it did, and is reported when it writes anywhere else. Learning leaves nothing behind, however it ends."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.parse

import tap
from fakehost import end_with_parent, wait_for

SOURCE = pathlib.Path(os.environ["SOMBRERO_SOURCE"])
SOMBRERO = os.path.join(os.environ["SOMBRERO_BUILD"], "src", "sombrero")
SITE = SOURCE / "demo" / "site" / "site"
ADDRESS = ("127.0.0.1", 8080)  # in a network of our own
UPLOADS = 60  # more than a model has of one directory by name
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000

# Runs the site until a file says that it is enough.
SERVE = '"$0" start "$1"; touch "$1/run/up"; until [ -e "$1/run/enough" ]; do sleep 0.05; done; "$0" stop "$1"'

UPLOAD = "<?php file_put_contents(__DIR__ . '/../data/up/' . basename($_GET['name']), 'x');"


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    for program in ("nginx", "convert"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin"):
            raise unittest.SkipTest(f"{program} is not installed")
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        raise unittest.SkipTest("needs a network namespace of its own")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def request(path, **form):
    connection = http.client.HTTPConnection(*ADDRESS, timeout=10)
    with contextlib.closing(connection):
        if form:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, urllib.parse.urlencode(form), headers)
        else:
            connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def query(path, **values):
    return request(f"{path}?{urllib.parse.urlencode(values)}")


class Sombrero:
    """`sombrero …`, from its beginning to end()."""

    def __init__(self, test, *words, until, environment=None, before=None):
        def prepare():
            end_with_parent()
            if before:
                before()

        self._output = tempfile.TemporaryFile("w+b")
        self._process = subprocess.Popen([SOMBRERO, *map(str, words)], stdin=subprocess.DEVNULL, stdout=self._output,
                                         stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}, preexec_fn=prepare)
        test.addCleanup(self._close)
        wait_for(f"`{until}`", lambda: until in self.said() or self._process.poll() is not None)
        if until not in self.said():
            raise AssertionError(self.said())

    def said(self):
        return os.pread(self._output.fileno(), 1 << 24, 0).decode(errors="backslashreplace")

    def findings(self):
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    def end(self, number=0):
        """Its exit status, after that signal."""
        if number:
            self._process.send_signal(number)
        return self._process.wait(20)

    def _close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sombrero-write-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.model = self.folder / "model"

    def lines(self, kind="write"):
        return [line.strip() for line in self.model.read_text().splitlines() if line.startswith(f"  {kind} ")]


class Site(Case):
    def setUp(self):
        super().setUp()
        self.site = self.folder / "site"
        subprocess.run([SITE, "prepare", self.site], check=True)
        (self.site / "www" / "upload.php").write_text(UPLOAD)
        (self.site / "data" / "up").mkdir()
        shutil.chown(self.site / "data" / "up", "www-data")
        (self.site / "www").chmod(0o777)  # which is the mistake that lets a shell in
        self.files = [f"--files={self.site}/{name}/**" for name in ("data", "log", "www")]

    def run_site(self, *words, visit, status):
        """Runs the site under sombrero; what it found."""
        for name in ("up", "enough"):
            with contextlib.suppress(FileNotFoundError):
                (self.site / "run" / name).unlink()
        sombrero = Sombrero(self, *words, "--", "bash", "-c", SERVE, SITE, self.site, until="ing ")
        wait_for("the site", (self.site / "run" / "up").exists)
        visit()
        (self.site / "run" / "enough").touch()
        self.assertEqual(sombrero.end(), status, sombrero.said())
        return sombrero.findings()

    def learn(self, *options, uploads=UPLOADS):
        def visit():
            self.ordinary("learned")
            for number in range(uploads):
                self.assertEqual(query("/upload.php", name=f"photo{number}.jpg"), 200)

        self.run_site("learn", "-o", self.model, *options, visit=visit, status=0)

    def watch(self, *options, visit, status):
        return self.run_site("watch", "--json", "-m", self.model, "--state", self.folder / "state", *self.files, *options,
                             visit=visit, status=status)

    def excepted(self):
        """The site's services may write, as far as the file rule goes."""
        services = [line.split()[1] for line in self.model.read_text().splitlines() if line.startswith("service ")]
        return [option for name in services for option in ("--except", f"service={name}")]

    def ordinary(self, name):
        self.assertEqual(request("/"), 200)
        self.assertEqual(request("/guestbook.php", name=name, message="hello"), 303)
        self.assertEqual(query("/upload.php", name=f"{name}.jpg"), 200)
        self.assertEqual(query("/thumb.php", photo="dunes", size="20x20"), 200)

    def break_in(self):
        """Through the page that puts what it is sent into a shell, and through the one that takes any name."""
        self.assertEqual(query("/thumb.php", photo="dunes", size=f"20x20 png:-; echo x >{self.site}/www/shell.php #"), 200)
        self.assertEqual(query("/upload.php", name="shell.php"), 200)

    def brief(self, findings):
        return [(found["finding"], found["context"]["name"],
                 [f"{it['kind']} {it['program']} {it['object']}".replace(str(self.site), "") for it in found["behaviours"]])
                for found in findings]

    def test_is_quiet_where_it_writes_what_it_wrote_and_a_web_shell_is_one_deviation(self):
        self.learn(*self.files)
        written = {line.split(maxsplit=2)[2].strip() for line in self.lines()}
        self.assertEqual(written, {f"{self.site}/{name}" for name in
                                   ("data/guestbook", "data/up/*.jpg", "log/access.log", "log/nginx.log", "log/php-fpm.log")},
                         self.model.read_text())
        fpm = next(line.split()[1] for line in self.lines("listen") if "tcp 9000" in line)

        self.assertEqual(self.watch(*self.excepted(), visit=lambda: self.ordinary("watched"), status=0), [])

        findings = self.watch(*self.excepted(), visit=self.break_in, status=3)
        name = os.path.basename(fpm)
        self.assertEqual(self.brief(findings),
                         [("new behaviour", name, ["write /usr/bin/dash(-c) /www/shell.php"]),
                          ("new behaviour", name, [f"write {fpm} /data/up/shell.php"])])

    def test_a_file_rule_reports_what_the_model_knows_too(self):
        self.learn(*self.files)
        findings = self.watch(visit=lambda: self.ordinary("watched"), status=3)
        self.assertEqual({found["finding"] for found in findings}, {"file change"})
        self.assertIn(f"{self.site}/data/guestbook", [found["event"]["path"] for found in findings])

    def test_a_model_that_was_learned_without_files_says_nothing_of_them(self):
        self.learn(uploads=1)
        self.assertEqual(self.lines(), [])
        self.assertEqual(self.watch(*self.excepted(), visit=self.break_in, status=0), [])


class Learning(Case):
    """Its baseline is no part of the host's state and goes when it ends."""

    def setUp(self):
        super().setUp()
        self.tree, self.scratch = self.folder / "tree", self.folder / "scratch"
        self.tree.mkdir()
        self.scratch.mkdir()
        (self.tree / "file").write_text("x")

    def learn(self, *words, before=None):
        return Sombrero(self, "learn", "-o", self.model, f"--files={self.tree}/**", *words, until="learning into",
                        environment={"TMPDIR": str(self.scratch)}, before=before)

    def left(self):
        return list(self.scratch.iterdir())

    def test_has_a_directory_that_is_nobody_else_s_and_leaves_nothing_by_whatever_signal_it_ends(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            learn = self.learn("--", "sleep", "60")
            (directory,) = self.left()
            self.assertEqual(directory.stat().st_mode & 0o7777, 0o700)
            learn.end(number)
            self.assertEqual(self.left(), [])

    def test_what_a_killed_one_left_goes_with_the_next_and_what_is_needed_or_another_s_stays(self):
        killed = self.learn("--cgroup", "/", "--for", "60s")
        self.assertEqual(killed.end(signal.SIGKILL), -signal.SIGKILL)
        (left,) = self.left()
        needed = self.learn("--cgroup", "/", "--for", "60s")
        self.assertNotIn(left, self.left())
        (other,) = self.left()
        foreign = self.scratch / "sombrero-scratch-foreign"
        foreign.mkdir(mode=0o700)
        shutil.chown(foreign, "nobody")
        self.assertEqual(self.learn("--", "true").end(), 0)
        self.assertEqual(set(self.left()), {other, foreign})
        needed.end(signal.SIGINT)
        self.assertEqual(self.left(), [foreign])

    def test_touches_no_state_of_the_host(self):
        def empty_state():
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, 0x44000, None) != 0:  # private, all below
                raise OSError(ctypes.get_errno(), "a mount namespace of its own")
            if libc.mount(b"none", b"/var/lib", b"tmpfs", 0, None) != 0:
                raise OSError(ctypes.get_errno(), "an empty /var/lib")

        listing = self.folder / "listing"
        learn = self.learn("--", "sh", "-c", f"ls -A /var/lib >{listing}", before=empty_state)
        self.assertEqual(learn.end(), 0)
        self.assertEqual(listing.read_text(), "")

    def test_refuses_a_recording(self):
        result = subprocess.run([SOMBRERO, "learn", "-o", self.model, "--files", "/srv/**", "--replay", "/dev/null"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("files are watched on a live host", result.stderr)


if __name__ == "__main__":
    tap.main()
