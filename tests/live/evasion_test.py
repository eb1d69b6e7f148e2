#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""Somebody without privileges who runs code as a service, and wants out of judgement: each way that was thought of, tried as
nobody under a model, and what is done at the end of it must still be a deviation of that service.

The victim is a Python script, so that what it does is written down here; `escape` is what it tries, then it runs a copy of
id under a name that nobody has. Other than in an attack the victim's own steps are deviations too: they are not looked at.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import tap
import watch
from watch import Cgroup, SOMBRERO

NOBODY = 65534
NAME = "victim"
# What the attacker does when it believes that nobody watches. Its own program, so that no model and no step can know it.
DEED = "deed"

BEGINNING = f"""#!/usr/bin/python3
import ctypes, os, pty, shutil, sys
FOLDER, CGROUP = sys.argv[1:3]
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
libc = ctypes.CDLL(None, use_errno=True)

def must(result):
    if result == -1:
        sys.exit(f"{{os.strerror(ctypes.get_errno())}}")

def own_user_namespace(more=0):
    uid, gid = os.getuid(), os.getgid()
    must(libc.unshare(CLONE_NEWUSER | more))
    open("/proc/self/setgroups", "w").write("deny")
    open("/proc/self/uid_map", "w").write(f"0 {{uid}} 1")
    open("/proc/self/gid_map", "w").write(f"0 {{gid}} 1")

# As login shells are called: by a name, not by a path.
os.environ["PATH"] = f"{{FOLDER}}:/usr/bin:/bin"

def run(path, *arguments):
    child = os.fork()
    if not child:
        os.execv(path, arguments or (path,))
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{{path}} failed")

def link(name, to):
    os.symlink(to, f"{{FOLDER}}/own/{{name}}")
    return f"{{FOLDER}}/own/{{name}}"
"""


def setUpModule():
    watch.isolate()


class Evasion(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sombrero-evasion-", dir="/var/lib"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        (self.folder / "own").mkdir()
        os.chown(self.folder / "own", NOBODY, NOBODY)
        shutil.copy("/usr/bin/id", self.folder / DEED)
        self.deed = str(self.folder / DEED)
        self.cgroup = None

    def try_to(self, escape, *, known=(), user=NOBODY):
        """What `sombrero watch` finds when the victim does that; `known`: programs that the model has."""
        script = self.folder / NAME
        script.write_text(f"{BEGINNING}\nDEED = {self.deed!r}\n{escape}")
        script.chmod(0o755)
        lines = [f"  exec  {program}\n" for program in sorted(known)]
        lines += [f"  owner  {program}  nobody\n" for program in sorted(known)]
        own = f"/usr/bin/python3.11(#!{script})"
        model = self.folder / "model"
        model.write_text("".join(["# sombrero model 1\n", f"service {NAME}\n", f"  exec  {own}\n", *lines]))
        command = [SOMBRERO, "watch", "--json", "-m", model, "--service", NAME, "--", "setpriv", f"--reuid={user}",
                   f"--regid={user}", "--clear-groups", script, self.folder, self.cgroup or "/"]
        result = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=60,
                                stdin=subprocess.DEVNULL, check=False)
        self.said = result.stdout + result.stderr
        self.assertIn(result.returncode, (0, 3), self.said)
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{\"finding\"")]

    def deeds(self, findings, program):
        """By the event: in a model's line the folder's name may be a pattern."""
        return [(finding["context"]["kind"], finding["context"]["name"]) for finding in findings
                if finding["event"]["program"] == program and any(line["kind"] == "exec" for line in finding["behaviours"])]

    def assert_reported(self, escape, *, program=None, **options):
        """The deed is found, and said to be the service's."""
        findings = self.try_to(escape, **options)
        self.assertEqual(self.deeds(findings, program or self.deed)[:1], [("service", NAME)], self.said)

    # ------------------------------------------------------------------------------------------------ sessions

    def test_an_audit_session_of_its_own(self):
        if watch.read("self", "loginuid") != str(watch.NO_ID).encode():
            self.skipTest("the login uid is set already")
        self.assert_reported('open("/proc/self/loginuid", "w").write(str(os.getuid()))\nrun(DEED)\n')
        self.assertIn('"session":', self.said)  # the event says it nevertheless

    def test_an_audit_session_of_its_own_and_then_another_program(self):
        if watch.read("self", "loginuid") != str(watch.NO_ID).encode():
            self.skipTest("the login uid is set already")
        self.assert_reported('open("/proc/self/loginuid", "w").write(str(os.getuid()))\nos.execv(DEED, [DEED])\n')

    def test_a_program_called_as_one_that_takes_logins(self):
        for name in ("sshd", "login", "dropbear"):
            with self.subTest(name):
                self.setUp()
                self.assert_reported(f'run(link("{name}", "/usr/bin/setpriv"), "{name}", "{DEED}")\n')

    def test_a_copy_of_a_shell_called_login(self):
        self.assert_reported('shutil.copy("/usr/bin/dash", FOLDER + "/own/login")\n'
                             f'run(FOLDER + "/own/login", "login", "-c", "{DEED}; :")\n')

    def test_a_script_called_login(self):
        self.assert_reported('open(FOLDER + "/own/login", "w").write("#!/bin/sh\\n' + DEED + '\\n")\n'
                             'os.chmod(FOLDER + "/own/login", 0o755)\nrun(FOLDER + "/own/login")\n')

    def test_a_shell_at_a_terminal_of_its_own(self):
        self.assert_reported('child, terminal = pty.fork()\nif not child:\n    os.execv("/bin/bash", ["-bash"])\n'
                             'os.write(terminal, f"{DEED}; exit\\n".encode())\n'
                             'try:\n    while os.read(terminal, 4096):\n        pass\nexcept OSError:\n    pass\n'
                             'os.waitpid(child, 0)\n')

    # --------------------------------------------------------------------------------------------- containers

    def test_a_program_called_as_a_container_runtime(self):
        """In a pid namespace of its own, where it would be the main program."""
        self.assert_reported('run(link("runc", "/usr/bin/unshare"), "runc", "--user", "--pid", "--fork", DEED)\n')

    def test_a_cgroup_named_as_a_container(self):
        for name in ("chef-client.service", "docker-" + "3f2a" * 16 + ".scope",
                     "user.slice/user-0.slice/session-1.scope", "sombrero-change-1.scope"):
            with self.subTest(name):
                self.setUp()
                self.assert_reported_in_delegated(name)

    def assert_reported_in_delegated(self, name):
        """As below a unit with Delegate=yes. The sensor watches the unit, of whose file there is none: a job by its program."""
        cgroup = Cgroup()
        self.addCleanup(cgroup.remove)
        unit = pathlib.Path(cgroup.directory, "of-a-test.service")
        below = unit / name
        below.mkdir(parents=True)
        for each in (unit, below):
            for file in (each, each / "cgroup.procs"):
                os.chown(file, NOBODY, NOBODY)
        model = self.folder / "model"
        model.write_text("# sombrero model 1\njob python3.11\n  exec  /usr/bin/python3.11\n")
        with open(self.folder / "findings", "w+") as output, open(self.folder / "errors", "w+") as errors:
            process = subprocess.Popen([SOMBRERO, "watch", "--json", "-m", model, "--cgroup", cgroup.path], stdout=output,
                                       stderr=errors, stdin=subprocess.DEVNULL, preexec_fn=watch.die_with_parent)
            self.addCleanup(process.kill)
            while "watching" not in (self.folder / "errors").read_text():
                self.assertIsNone(process.poll(), (self.folder / "errors").read_text())
                time.sleep(0.02)
            script = f"{BEGINNING}\nopen({str(below / 'cgroup.procs')!r}, 'w').write('0')\nrun({self.deed!r})\n"

            def enter():
                (unit / "cgroup.procs").write_text("0")
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)

            subprocess.run(["/usr/bin/python3.11", "-c", script, self.folder, "/"], preexec_fn=enter, check=True,
                           stdout=subprocess.DEVNULL, timeout=20)
            process.send_signal(2)
            process.wait(20)
            output.seek(0)
            self.said = output.read()
        findings = [json.loads(line) for line in self.said.splitlines()]
        self.assertEqual(self.deeds(findings, self.deed)[:1], [("job", "python3.11")], self.said)

    # ------------------------------------------------------------------------------------------ another root

    KNOWN = ("/usr/bin/true",)

    def fill_root(self):
        """A root in which /usr/bin/true, which the model knows, is the deed."""
        root = self.folder / "own/root"
        (root / "usr/bin").mkdir(parents=True)
        shutil.copy("/usr/bin/busybox", root / "usr/bin/true")
        for path in (root, root / "usr", root / "usr/bin", root / "usr/bin/true"):
            os.chown(path, NOBODY, NOBODY)

    def assert_known_nowhere_else(self, escape):
        self.fill_root()
        findings = self.try_to(escape, known=self.KNOWN)
        found = [finding["context"] for finding in findings if "/usr/bin/true" in json.dumps(finding["behaviours"])]
        self.assertEqual(found[:1], [{"kind": "service", "name": NAME, "in_container": True}], self.said)

    def test_the_known_program_is_known(self):
        self.assertEqual(self.deeds(self.try_to('run("/usr/bin/true")\n', known=self.KNOWN), "/usr/bin/true"), [])

    def test_a_root_directory_of_its_own(self):
        self.assert_known_nowhere_else('own_user_namespace()\nos.chroot(FOLDER + "/own/root")\nos.chdir("/")\n'
                                       'run("/usr/bin/true")\n')

    def test_a_mount_over_a_known_program(self):
        self.assert_known_nowhere_else(
            'own_user_namespace(CLONE_NEWNS)\n'
            'must(libc.mount((FOLDER + "/own/root/usr/bin/true").encode(), b"/usr/bin/true", None, 0x1000, None))\n'
            'run("/usr/bin/true")\n')

    def test_a_root_directory_that_root_changed_to(self):
        """Without a user namespace: the service was started as root, and has kept what it takes to change its root."""
        self.assert_known_nowhere_else_as_root('os.chroot(FOLDER + "/own/root")\nos.chdir("/")\nrun("/usr/bin/true")\n')

    def assert_known_nowhere_else_as_root(self, escape):
        self.fill_root()
        findings = self.try_to(escape, known=self.KNOWN, user=0)
        found = [finding for finding in findings if "/usr/bin/true" in json.dumps(finding["behaviours"])]
        self.assertEqual([finding["context"]["in_container"] for finding in found[:1]], [True], self.said)
        self.assertIn("chroot", found[0]["event"]["flags"])


if __name__ == "__main__":
    tap.main()
