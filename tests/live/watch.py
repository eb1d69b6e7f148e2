# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: a cgroup of their own, `sombrero watch --json` on it, acts that run in it, and the truth
about a process as /proc has it, to be compared with what the sensor says.

A test file calls isolate() first: its network is then its own, with a loopback and nothing else, and all that it
starts ends with it, even if it is killed.
"""

import atexit
import contextlib
import ctypes
import dataclasses
import datetime
import functools
import grp
import json
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = pathlib.Path(os.environ.get("SOMBRERO_BUILD", pathlib.Path(__file__).parents[2] / "build-test"))
SOMBRERO = str(BUILD / "src/sombrero")


def _within_reach(program):
    """A copy where every user can run it, which a checkout below /root isn't. What a killed test left goes first."""
    for old in pathlib.Path("/tmp").glob("sombrero-act-*"):
        if not os.path.exists(f"/proc/{old.name.rpartition('-')[2]}"):
            shutil.rmtree(old, ignore_errors=True)
    folder = pathlib.Path(f"/tmp/sombrero-act-{os.getpid()}")
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return shutil.copy(program, folder / program.name)


ACT = str(_within_reach(BUILD / "tests/live/act"))
PYTHON = "/usr/bin/python3"
PATIENCE = 20  # seconds; what should come comes within milliseconds
CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER = 0x20000, 0x40000000, 0x20000000, 0x10000000
NO_ID = 0xFFFFFFFF
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")

libc = ctypes.CDLL(None, use_errno=True)


def libc_call(name, *arguments):
    """A function of libc's that returns -1 on failure."""
    result = getattr(libc, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def unshare(flags):
    libc_call("unshare", flags)


def mount(source, target, kind, flags=0, data=""):
    libc_call("mount", source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())


def loopback_up():
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0x49)  # IFF_UP, IFF_RUNNING, IFF_LOOPBACK
        import fcntl

        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def isolate():
    """A network of our own."""
    if os.geteuid():
        raise unittest.SkipTest("needs root")
    unshare(CLONE_NEWNET)
    loopback_up()


def make_folder():
    """A folder for the caller to remove. Those of earlier runs that were killed are removed here."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob("sombrero-live-*-*"):
        if not os.path.exists(f"/proc/{folder.name.split('-')[2]}"):
            subprocess.run(["rm", "-rf", str(folder)], check=False)  # however deep
    return pathlib.Path(tempfile.mkdtemp(prefix=f"sombrero-live-{os.getpid()}-"))


def die_with_parent():
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@functools.cache
def cgroup_root():
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return where
    raise unittest.SkipTest("no cgroup2 is mounted")


class Cgroup:
    """A cgroup that ends with us, whatever is in it. One that an earlier run left is removed first."""

    count = 0

    def __init__(self, parent=""):
        self._remove_stale()
        Cgroup.count += 1
        self.path = f"{parent}/live-{os.getpid()}-{Cgroup.count}"
        self.directory = cgroup_root() + self.path
        os.mkdir(self.directory)

    @classmethod
    def _remove_stale(cls):
        if not cls.count:
            for directory in pathlib.Path(cgroup_root()).glob("live-*-*"):
                if not os.path.exists(f"/proc/{directory.name.split('-')[1]}"):
                    cls.end(directory)

    @classmethod
    def end(cls, directory):
        if not os.path.exists(directory):
            return
        for below in [path for path in pathlib.Path(directory).iterdir() if path.is_dir()]:
            cls.end(below)
        with contextlib.suppress(OSError):
            pathlib.Path(directory, "cgroup.kill").write_text("1")
        for _ in range(200):
            try:
                os.rmdir(directory)
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.01)

    def enter(self, pid=0):
        pathlib.Path(self.directory, "cgroup.procs").write_text(str(pid))

    def remove(self):
        self.end(self.directory)


# ------------------------------------------------------------------------------------- the truth about a process


def escape(text):
    """Bytes (or text with surrogates for them) as sombrero prints them: no control characters, no invalid UTF-8."""
    data = os.fsencode(text) if isinstance(text, str) else text
    result = ""
    for char in data.decode("utf-8", "surrogateescape"):
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:
            result += f"\\x{code - 0xDC00:02x}"
        elif code == 0x5C:
            result += "\\\\"
        elif code < 0x20 or 0x7F <= code < 0xA0:
            result += "".join(f"\\x{byte:02x}" for byte in char.encode())
        else:
            result += char
    return result


def escape_path(text):
    """As in program text: blanks and parentheses would end a word there."""
    return re.sub("[ ()]", lambda found: f"\\x{ord(found[0]):02x}", escape(text))


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def group_name(gid):
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"gid:{gid}"


def read(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()


def status_of(pid):
    lines = read(pid, "status").decode(errors="surrogateescape").splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def called_path(pid):
    """The path that execve(2) was called with: the kernel leaves it on the new stack, AT_EXECFN says where."""
    words = struct.iter_unpack("QQ", read(pid, "auxv"))
    address = next(value for kind, value in words if kind == 31)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        data = b""
        while b"\0" not in data:
            page = 4096 - (address + len(data)) % 4096
            data += memory.read(page)
    return os.fsdecode(data[: data.index(b"\0")])


def tty_name(number):
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if not major:
        return ""
    return f"pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else f"{major}:{minor}"


def executable(pid):
    link = os.readlink(f"/proc/{pid}/exe")
    link = link.removesuffix(" (deleted)")
    return link.removeprefix("/") if link.startswith("/memfd:") else link


def namespace(pid, name):
    return os.stat(f"/proc/{pid}/ns/{name}").st_ino


def parent_of(pid):
    return int(read(pid, "stat").rpartition(b")")[2].split()[1])


def lineage_of(pid):
    result = []
    while (pid := parent_of(pid)) and len(result) < 16:
        uid = int(status_of(pid)["Uid"].split()[0])
        try:
            exe = executable(pid)
        except OSError:  # a thread of the kernel's
            exe = ""
        result.append({"pid": pid, "exe": exe, "user": user_name(uid)})
    return result


@dataclasses.dataclass
class Truth:
    """What is true of a process now: `fields` as an event must have them, and its capabilities and ancestors."""

    fields: dict
    capabilities: int
    lineage: list
    start_ticks: int

    @property
    def pid(self):
        return self.fields["pid"]

    def __getitem__(self, name):
        return self.fields[name]


def truth(pid):
    stat = read(pid, "stat").rpartition(b")")[2].split()
    status = status_of(pid)
    uid, euid = (int(each) for each in status["Uid"].split()[:2])
    gid, egid = (int(each) for each in status["Gid"].split()[:2])
    argv = [os.fsdecode(each) for each in read(pid, "cmdline").split(b"\0")[:-1]]
    login, session = int(read(pid, "loginuid")), int(read(pid, "sessionid"))
    cgroups = os.fsdecode(read(pid, "cgroup")).splitlines()
    fields = {
        "host": socket.gethostname(),
        "pid": pid,
        "parent_pid": int(stat[1]),
        "namespace_pid": int(status["NSpid"].split()[-1]),
        "program": escape_path(executable(pid)),
        "exe": escape(executable(pid)),
        "called": escape(called_path(pid)),
        "argv": [escape(each) for each in argv],
        "argc": len(argv),
        "cwd": escape(os.readlink(f"/proc/{pid}/cwd")),
        "uid": uid,
        "euid": euid,
        "gid": gid,
        "egid": egid,
        "user": user_name(uid),
        "effective_user": user_name(euid),
        "group": group_name(gid),
        "cgroup": escape(next(line[3:] for line in cgroups if line.startswith("0::"))),
        "mount_namespace": namespace(pid, "mnt"),
        "pid_namespace": namespace(pid, "pid"),
        "net_namespace": namespace(pid, "net"),
        "user_namespace": namespace(pid, "user"),
    }
    if login != NO_ID:
        fields |= {"login_uid": login, "login_user": user_name(login)}
    if session != NO_ID:
        fields["session"] = session
    if tty := tty_name(int(stat[4])):
        fields["tty"] = tty
    return Truth(fields, int(status["CapEff"], 16), lineage_of(pid), int(stat[19]))


def rights_before(of):
    """How an exec event tells what its process could before."""
    result = {name + "_before": of[name] for name in ("uid", "euid", "gid", "egid")}
    if of.capabilities:
        result["capabilities_before"] = f"{of.capabilities:x}"
    return result


def rights(of):
    return {"capabilities": f"{of.capabilities:x}"} if of.capabilities else {}


# ------------------------------------------------------------------------------------------------- running things


class Act:
    """A program that is watched. Lines that begin with `at` are pauses; see act.h."""

    def __init__(self, cgroup, command, prepare=None, owner=None, **options):
        def enter():
            if cgroup:
                cgroup.enter()
            if prepare:
                prepare()
            if owner is not None:
                os.setgroups([])
                os.setresgid(owner, owner, owner)
                os.setresuid(owner, owner, owner)
            die_with_parent()  # what changes ids loses it

        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, preexec_fn=enter, **options
        )
        self.pid = self.process.pid
        self.place, self.detail, self.who, self._rest = None, None, None, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _line(self):
        end = time.monotonic() + PATIENCE
        while b"\n" not in self._rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"{self.process.args} does not come to where it should pause")
            data = self.process.stdout.read(4096)
            if not data:
                raise AssertionError(f"{self.process.args} ended with {self.process.wait()}, last seen at {self.place}")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def at(self, place):
        """Waits until it says that it is there; returns the pid that said so."""
        _, self.place, pid, detail = self._line().split()
        assert self.place == place, f"at {self.place}, expected {place}"
        self.who, self.detail = int(pid), int(detail)
        return self.who

    def go(self):
        self.process.stdin.write(b"\n")

    def run_through(self):
        """Lets it go on at each of its few pauses, to its end."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(b"\n\n\n")
        return self.process.wait(PATIENCE)

    def end(self, status=0):
        """Waits for it to end, and checks how."""
        got = self.process.wait(PATIENCE)
        assert got == status, f"{self.process.args} ended with {got}, expected {status}"


class Sombrero:
    """`sombrero watch --json` and what it has printed so far."""

    def __init__(self, *arguments, environment=None, prefix=()):
        self.started_ns = time.time_ns()
        self.process = subprocess.Popen(
            [*prefix, SOMBRERO, "watch", "--json", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
            env=os.environ | (environment or {}),
        )
        self.events, self.raw, self.errors = [], [], ""
        self._changed = threading.Condition()
        self._ended = 0
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()
        self.wait(lambda: "watching" in self.errors, "it does not say that it watches")

    def _add(self, change):
        with self._changed:
            change()
            self._changed.notify_all()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self._add(lambda: (self.events.append(event), self.raw.append(line)))
        self._add(self._end)

    def _read_errors(self):
        for line in self.process.stderr:
            text = line.decode(errors="replace")
            self._add(lambda: setattr(self, "errors", self.errors + text))
        self._add(self._end)

    def _end(self):
        self._ended += 1

    def wait(self, condition, complaint):
        with self._changed:
            if not self._changed.wait_for(lambda: condition() or self._ended == 2, PATIENCE) or not condition():
                raise AssertionError(f"{complaint}; it said: {self.errors}")

    def of(self, pid, kind=None):
        with self._changed:
            return [each for each in self.events if each.get("pid") == pid and kind in (None, each["kind"])]

    def wait_for(self, pid, kind, count=1):
        """The events of that kind of that process, once there are that many."""
        self.wait(lambda: len(self.of(pid, kind)) >= count, f"no {count} events {kind} of {pid} came")
        return self.of(pid, kind)

    def stop(self):
        """Ends it as Ctrl-C does; returns its status."""
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("sombrero does not end on SIGINT") from None
        self.kill()
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


class LiveTest(unittest.TestCase):
    """One sensor on one cgroup for all tests of a class."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = make_folder()
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", str(cls.folder)], check=False)  # however deep
        cls.folder.chmod(0o755)
        cls.cgroup = cls.make_scope()
        cls.addClassCleanup(cls.cgroup.remove)
        cls.watch = Sombrero("--cgroup", cls.cgroup.path)
        cls.addClassCleanup(cls.watch.kill)
        cls.own_rights = truth(os.getpid())
        cls.context = cls._learn_context()

    @classmethod
    def make_scope(cls):
        return Cgroup()

    @classmethod
    def tearDownClass(cls):
        status = cls.watch.stop()
        assert status == 0, f"sombrero ended with {status}: {cls.watch.errors}"
        assert cls.watch.errors == "sombrero: watching\n", cls.watch.errors
        losses = [event for event in cls.watch.events if event["kind"] == "loss"]
        assert not losses, losses

    @classmethod
    def _learn_context(cls):
        """The context of what is started here: which is not what these tests are about."""
        with Act(cls.cgroup, [ACT, "nothing"]) as act:
            act.end()
            return cls.watch.wait_for(act.pid, "exec")[0].get("context")

    def act(self, *arguments, **options):
        options.setdefault("executable", ACT)
        act = Act(self.cgroup, ["act", *map(str, arguments)], **options)
        self.addCleanup(act.__exit__)
        return act

    def run_program(self, *command, **options):
        act = Act(self.cgroup, [str(each) for each in command], **options)
        self.addCleanup(act.__exit__)
        return act

    def settle(self):
        """Returns when all that happened so far has been printed: the ring keeps its order."""
        with Act(self.cgroup, [ACT, "nothing"]) as act:
            act.end()
            self.watch.wait_for(act.pid, "exit")

    def seen(self, pid, kind=None):
        self.settle()
        return self.watch.of(pid, kind)

    def only(self, pid, kind):
        """The one event of that kind of that process."""
        events = self.seen(pid, kind)
        self.assertEqual(len(events), 1, events)
        return events[0]

    def check(self, event, kind, of, *, flags=(), **more):
        """Every field of an event: those of the process are compared with `of`, the others with `more`. A field in
        `more` that is None must not be there."""
        event = dict(event)
        expected = of.fields | {"kind": kind, "context": self.context} | more
        if flags:
            expected["flags"] = list(flags)
        expected = {name: value for name, value in expected.items() if value is not None}
        self._check_time(event.pop("time"))
        if "start" not in expected:
            self.assertEqual(event.pop("start") // TICK_NS, of.start_ticks)
        self._check_lineage(event.pop("lineage"), of.lineage)
        self.assertEqual(event, expected)

    def _check_time(self, text):
        self.assertRegex(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        moment = datetime.datetime.fromisoformat(text[:26] + "+00:00").timestamp()
        self.assertLessEqual(self.watch.started_ns / 1e9 - 0.001, moment)
        self.assertLessEqual(moment, time.time() + 0.001)

    def _check_lineage(self, lineage, expected):
        brief = [
            {"pid": each["pid"], "exe": each.get("program", "").split("(")[0], "user": each["user"]}
            for each in lineage
        ]
        self.assertEqual(brief, [each | {"exe": escape_path(each["exe"])} for each in expected])

    def check_exec(self, event, of, before=None, **more):
        before = before or self.own_rights
        self.check(event, "exec", of, **rights_before(before), **rights(of), **more)
