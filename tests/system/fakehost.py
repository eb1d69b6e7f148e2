# SPDX-License-Identifier: Apache-2.0
"""Fake hosts: real programs on this machine's kernel that take themselves for a host of their own.

A host has mount, uts, pid, ipc, cgroup and net namespaces of its own, and a cgroup, below which all that it runs stays.
Its root is this machine's with a layer in memory on top. Nothing outside changes, and all of it ends with its first
process, which ends with the test; only its cgroup, a directory, can be left behind, and the next test removes that.

    with FakeHost("web", SYSTEMD) as host:
        host.write("/etc/motd", "hello")     # before it starts
        host.prepare("useradd -m alice")
        host.boot()
        host.login("alice", "id")            # ssh from within its network

With a Disk, the layer is on that disk instead, and the next host with it has all that this one left there.

What is started by FakeHost.prepare() and .enter() is the test's, and not in the host's cgroup.
"""

import ctypes
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = "fakehost"
PR_SET_PDEATHSIG = 1

SYSTEMD = ("/lib/systemd/systemd", "--system", "--show-status=no")
# A System V init in a few lines: the start scripts of Debian's packages, then it waits for what is left.
PLAIN = ("/bin/sh", "/etc/rc.fakehost")

# Units that would change this machine, or wait for what a fake host doesn't have.
MASKED = """
    systemd-sysctl.service systemd-binfmt.service systemd-modules-load.service systemd-udevd.service
    systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-random-seed.service
    systemd-timesyncd.service systemd-networkd.service systemd-networkd.socket systemd-network-generator.service
    systemd-resolved.service systemd-journald-audit.socket systemd-remount-fs.service systemd-pstore.service
    systemd-hwdb-update.service systemd-firstboot.service systemd-boot-system-token.service systemd-quotacheck.service
    systemd-tmpfiles-setup-dev.service kmod-static-nodes.service modprobe@.service
    dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount
    sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount
    getty@.service serial-getty@.service systemd-ask-password-wall.path systemd-ask-password-console.path
    e2scrub_reap.service fstrim.timer auditd.service samhain.service
""".split()


class Failed(Exception):
    """A host did not come up, or a command in it failed."""


def end_with_parent():
    """For preexec_fn: the process is killed when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_for(what, condition, seconds=20, pause=0.05):
    """Returns the first true value of `condition`, which is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} seconds for {what}")
        time.sleep(pause)
    return value


# ------------------------------------------------------------------------------------------------ cgroups


def cgroup_root():
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, _ = line.split(" ", 3)
        if kind == "cgroup2":
            return pathlib.Path(where)
    raise Failed("no cgroup2 is mounted")


def start_time(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def remove_cgroup(path):
    """Ends all that runs in it, and removes it with those below."""
    if not path.is_dir():
        return
    (path / "cgroup.kill").write_text("1")
    for _ in range(200):
        for directory, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
        if not path.is_dir():
            return
        time.sleep(0.02)
    raise Failed(f"{path} can't be removed")


def sweep():
    """Removes cgroups and folders of tests that were killed."""
    folders = {(pathlib.Path(folder), shutil.rmtree) for folder in (tempfile.gettempdir(), "/var/tmp")}
    for parent, remove in {(cgroup_root(), remove_cgroup), *folders}:
        for path in parent.glob(f"{PREFIX}-*-*-*"):
            _, pid, started, _ = path.name.split("-", 3)
            if pid.isdigit() and start_time(pid) != started:
                remove(path)


def make_cgroup(name):
    sweep()
    path = cgroup_root() / f"{PREFIX}-{os.getpid()}-{start_time(os.getpid())}-{name}"
    path.mkdir()
    return path


# -------------------------------------------------------------------------------------------------- hosts


class Console:
    """The terminal that is the host's console: a person can type there. Reads all the time, so that nobody waits."""

    def __init__(self):
        self._ours, self._theirs = pty.openpty()
        self.path = os.ttyname(self._theirs)
        self._text = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                self._text += os.read(self._ours, 4096)
            except OSError:
                return

    @property
    def text(self):
        return self._text.decode(errors="backslashreplace")

    def type(self, line):
        os.write(self._ours, line.encode() + b"\n")

    def expect(self, text, seconds=20):
        """Waits for `text` and takes all up to it."""
        wanted = text.encode()
        wait_for(f"{text!r} on the console, which says {self.text[-500:]!r}", lambda: wanted in self._text, seconds)
        self._text = self._text.partition(wanted)[2]

    def close(self):
        for descriptor in (self._theirs, self._ours):
            os.close(descriptor)


class Disk:
    """An ext4 filesystem of its own in a file. Ends with the test; between two hosts it keeps what is on it."""

    def __init__(self, megabytes=512):
        name = f"{PREFIX}-{os.getpid()}-{start_time(os.getpid())}-disk-"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=name))
        self.image = self.folder / "image"
        self.furnished = False
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1", str(self.image)], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def lack():
        """Why there can't be one here; None where there can."""
        if not os.path.exists("/dev/loop-control"):
            return "this machine has no loop devices"
        return None if shutil.which("mkfs.ext4") else "mkfs.ext4 (e2fsprogs) is missing"

    def _loops(self):
        for file in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                yield file.read_text().strip()
            except OSError:
                pass  # it has just been let go

    def wait_until_free(self):
        """The kernel unmounts it a moment after its host has ended."""
        wait_for(f"{self.image} to be unmounted", lambda: str(self.image) not in self._loops())


class FakeHost:
    """`mounts`: directories of this machine by where the host has them. `volumes`: directories of the disk, likewise mounted
    on their own and not through the layer; there must be a disk for these."""

    def __init__(self, name, init, *, disk=None, mounts=None, volumes=()):
        self.name = name
        self.init = init
        self.disk = disk
        self._mounts = {**(mounts or {}), **{inside: "" for inside in volumes}}
        self.cgroup = make_cgroup(name)
        self.console = Console()
        # The test's, on this machine: keys, logs, and what the test puts there.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.cgroup.name}-"))
        self._log = (self.folder / "log").open("w+")
        self._launcher = None
        try:
            self._launch()
            self.key = self.make_key("key")
            if not (disk and disk.furnished):
                self._furnish()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _launch(self):
        # The first process is born outside of the cgroup and put there by us, as container runtimes do it: a process of
        # this machine's pid namespace is never inside.
        self._launcher = subprocess.Popen(
            ["unshare", "--mount", "--uts", "--pid", "--ipc", "--net", "--fork", "--kill-child", "--propagation", "private",
             str(HERE / "fakehost_init"), self.name, self.console.path, *self.init],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, preexec_fn=end_with_parent,
            start_new_session=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "container": PREFIX,
                                         "FAKEHOST_DISK": str(self.disk.image) if self.disk else "",
                                         "FAKEHOST_MOUNTS": "".join(f"{inside} {outside}\n" for inside, outside
                                                                    in self._mounts.items())})
        if self._launcher.stdout.readline() != "ready\n":
            raise Failed(f"the fake host {self.name} was not made: {self._said()}")
        children = pathlib.Path(f"/proc/{self._launcher.pid}/task/{self._launcher.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def _said(self):
        self._log.seek(0)
        return self._log.read()[-2000:]

    def _furnish(self):
        """What makes this machine's root a host's: no units but those that a test asks for."""
        for folder in ("/etc/systemd/system", "/etc/cron.d", "/etc/sudoers.d"):
            shutil.rmtree(self.path(folder), ignore_errors=True)
            self.path(folder).mkdir(parents=True)
        for crontab in self.path("/var/spool/cron/crontabs").glob("*"):
            crontab.unlink()
        self.path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        for unit in MASKED:
            self.path(f"/etc/systemd/system/{unit}").symlink_to("/dev/null")
        self.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("/etc/systemd/journald.conf.d/fakehost.conf", "[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\n")
        self.write("/etc/rc.fakehost", ": >/run/rc.done\nwhile :; do wait; sleep 1; done\n")
        self.write("/etc/ssh/sshd_config", "UsePAM yes\nPasswordAuthentication no\nAcceptEnv LANG\n"
                   "Subsystem sftp /usr/lib/openssh/sftp-server\nUseDNS no\n")
        if self.disk:
            self.disk.furnished = True

    # -- before it boots

    def make_key(self, name):
        """An ssh key of that name, which stays with the disk if there is one."""
        key = (self.disk or self).folder / name
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
        return key

    def path(self, inside):
        """A file of the host, as seen from here. Absolute links in it lead nowhere good: don't follow them."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def enable(self, *units, target="multi-user.target"):
        for unit in units:
            link = self.path(f"/etc/systemd/system/{target}.wants/{unit}")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"/lib/systemd/system/{unit}")

    def start_scripts(self, *names):
        """For a PLAIN host: what its init starts."""
        starts = "".join(f"/etc/init.d/{name} start\n" for name in names)
        self.write("/etc/rc.fakehost", f"mkdir -p /run/sshd /run/lock\n{starts}: >/run/rc.done\nwhile :; do wait; sleep 1; done\n")

    def add_user(self, name, *, sudo=False, password=None, key=None, groups=""):
        """An account whose owner can log in with a key, if not their own then the host's, and at the console with a password."""
        self.prepare(f"useradd -m -s /bin/bash -G '{groups}' {name}")
        home = f"/home/{name}"
        self.write(f"{home}/.ssh/authorized_keys", (key or self.key).with_suffix(".pub").read_text(), 0o600)
        self.prepare(f"chmod 700 {home}/.ssh && chown -R {name}: {home}")
        if sudo:
            self.write(f"/etc/sudoers.d/{name}", f"{name} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
        if password:
            self.prepare(f"echo {name}:{password} | chpasswd")

    def prepare(self, script):
        """Runs a shell script in the host's root, as root. Not in the host's cgroup: no sensor of it sees that."""
        return self.run(*self.enter("/bin/sh", "-ec", f"[ -e /etc/rc.fakehost ] # or else this is not the host\n{script}"))

    def boot(self, seconds=60):
        (self.cgroup / "cgroup.procs").write_text(str(self.pid))
        self._launcher.stdin.write("go\n")
        self._launcher.stdin.flush()
        started = {SYSTEMD: self._systemd_is_up}.get(self.init, lambda: self.path("/run/rc.done").exists())
        wait_for(f"{self.name} to boot", started, seconds, 0.2)

    def _systemd_is_up(self):
        if not self.path("/run/systemd/private").exists():
            return False
        state = self.run(*self.enter("systemctl", "is-system-running"), check=False).strip()
        return state in ("running", "degraded")

    # -- once it runs

    def enter(self, *command):
        """The command that runs `command` in the host's namespaces, but outside of its cgroup."""
        # --root: where the test itself runs in a chroot, the mount namespace's root is still the machine's.
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
                *command]

    def ssh_options(self, key=None):
        return ["-i", str(key or self.key), "-o", "IdentitiesOnly=yes", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
                "-o", "KexAlgorithms=curve25519-sha256"]  # a third of a login's time less

    def network(self, *command):
        """The command that runs `command` in the host's network and nothing else of it: its neighbour."""
        return ["nsenter", "--target", str(self.pid), "--net", *command]

    def ssh(self, user, *arguments, key=None):
        return self.network("ssh", *self.ssh_options(key), f"{user}@127.0.0.1", *arguments)

    def run(self, *command, check=True, seconds=60, **options):
        """Runs a command to its end and returns what it printed; one that fails raises Failed."""
        result = subprocess.run(command, timeout=seconds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="backslashreplace", **options)
        if check and result.returncode:
            raise Failed(f"{' '.join(command[-3:])!r} on {self.name} ended with {result.returncode}: {result.stdout[-2000:]}")
        return result.stdout

    def login(self, user, script, *, key=None, check=True, seconds=60):
        """What `user` does in a login of their own, by ssh; returns what it printed."""
        return self.run(*self.ssh(user, script, key=key), check=check, seconds=seconds)

    def wait_for_ssh(self, user, seconds=20):
        wait_for(f"sshd of {self.name}", lambda: not subprocess.run(
            self.network("nc", "-z", "127.0.0.1", "22"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode, seconds)

    def running(self):
        """The names of the processes that run there."""
        def read(path):
            try:
                return path.read_text().split()
            except OSError:
                return []  # it has ended
        pids = [pid for tasks in self.cgroup.rglob("cgroup.procs") for pid in read(tasks)]
        return {word for pid in pids for word in read(pathlib.Path(f"/proc/{pid}/comm"))}

    def close(self):
        remove_cgroup(self.cgroup)
        if self._launcher:
            self._launcher.kill()
            self._launcher.wait()
            self._launcher.stdin.close()
            self._launcher.stdout.close()
        self.console.close()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.disk:
            self.disk.wait_until_free()
