# SPDX-License-Identifier: Apache-2.0
"""What the benchmark changes on the machine, and the guard that puts it back.

The guard is a process of its own, which waits for this one to end in whatever way: finished, interrupted or
killed. Then it stops auditing, removes the cgroup with all that runs in it, and the temporary files.
"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x20000
SYS_BPF = 321
BPF_ENABLE_STATS = 32

# A login that nobody has: only what carries it is audited.
AUDITED_LOGIN = 4_100_000_000
AUDIT_NEVER = "-a never,task"


def die_with_us(number=signal.SIGKILL):
    """For preexec_fn: the child doesn't outlive the benchmark."""

    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)

    return prepare


def unshare_mounts():
    """What is mounted from here on is seen by this process and its children only, and goes with them."""
    if _libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cgroup_mount():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, directory, kind = line.split()[:3]
        if kind == "cgroup2":
            return pathlib.Path(directory)
    raise SystemExit("no cgroup2 is mounted")


def enable_bpf_stats():
    """Until the returned file is closed, the kernel times each run of each BPF program (35 ns of each are this)."""
    fd = _libc.syscall(SYS_BPF, BPF_ENABLE_STATS, ctypes.byref(ctypes.c_uint32(0)), 4)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "BPF_ENABLE_STATS")
    return os.fdopen(fd)


def neighbours():
    """What makes a bare run less bare: other sensors' programs on tracepoints, and what else runs."""
    programs = json.loads(output("bpftool", "-j", "prog", "show"))
    tracing = sum(program["type"] in ("tracing", "raw_tracepoint", "tracepoint") for program in programs)
    return f"{tracing} tracing programs of others, load average {os.getloadavg()[0]:.1f}"


class Audit:
    """The kernel's audit state: one for the whole machine, so it is kept and put back."""

    settings = {"failure": "-f", "rate_limit": "-r", "backlog_limit": "-b", "backlog_wait_time": "--backlog_wait_time"}

    def __init__(self):
        self.before = self._status()
        self.rules = self._rules()

    @staticmethod
    def _status():
        return {line.split()[0]: line.split()[1] for line in output("auditctl", "-s").splitlines() if line.strip()}

    @staticmethod
    def _rules():
        return [line for line in output("auditctl", "-l").splitlines() if line.startswith("-")]

    def why_not(self):
        """Why nothing can be measured with auditd here; empty when it can."""
        if self.before["enabled"] != "0":
            return "the kernel audits already (auditctl -s: enabled is not 0), so no bare run would be bare"
        if self.before["pid"] != "0":
            return f"an audit daemon runs already: process {self.before['pid']}"
        if set(self.rules) - {AUDIT_NEVER}:
            return "there are audit rules already (auditctl -l)"
        return ""

    def daemon(self):
        return int(self._status()["pid"])

    def lost(self):
        return int(self._status()["lost"])

    def waiting(self):
        """Records that the daemon has not taken yet."""
        return int(self._status()["backlog"])

    def prepare(self, backlog, *rules):
        """Only what carries AUDITED_LOGIN is audited, from the daemon's start on."""
        output("auditctl", "-b", str(backlog))
        # Added before the general rule goes: what is born while no rule says never has slow system calls until it ends.
        for rule in (f"{AUDIT_NEVER} -F auid!={AUDITED_LOGIN}", *rules):
            output("auditctl", *rule.split())
        if AUDIT_NEVER in self._rules():
            output("auditctl", "-d", "never,task")

    def restore(self):
        """As it was, but for `never,task`, which stays: with it the machine's processes cost what they did before."""
        daemon = self.daemon()
        if daemon:
            os.kill(daemon, signal.SIGTERM)
            for _ in range(500):
                if not self.daemon():
                    break
                time.sleep(0.01)
        output("auditctl", "-e", "0")
        if AUDIT_NEVER not in self._rules():
            output("auditctl", *AUDIT_NEVER.split())
        for rule in self._rules():
            if rule != AUDIT_NEVER:
                output("auditctl", *rule.replace("-a ", "-d ", 1).split())
        for name, option in self.settings.items():
            output("auditctl", option, self.before[name])


class Machine:
    """A folder, a cgroup for the load and a network of its own with nothing but loopback."""

    def __init__(self, audit):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sombrero-bench-"))
        self.folder.chmod(0o755)  # nginx's workers aren't root
        self.cgroup = cgroup_mount() / self.folder.name
        self.audit = audit
        self._alive = self._start_guard()
        self.cgroup.mkdir()
        self._network = self._hold_network()
        self.network = f"/proc/{self._network.pid}/ns/net"

    def close(self):
        self._network.kill()
        self._network.wait()
        os.close(self._alive)
        os.waitpid(self._guard, 0)

    def _hold_network(self):
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE,
            preexec_fn=die_with_us(),
        )
        if holder.stdout.readline() != b"up\n":
            raise SystemExit("can't make a network namespace")
        return holder

    def _start_guard(self):
        wait, alive = os.pipe()
        self._guard = os.fork()
        if self._guard:
            os.close(wait)
            return alive
        os.close(alive)
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.read(wait, 1)  # until the other end is gone
        status = 0
        for put_back in (self._restore_audit, self.end_load, self._remove):
            try:
                put_back()
            except (OSError, subprocess.CalledProcessError) as error:
                os.write(2, f"bench: putting the machine back: {error}\n".encode())
                status = 1
        os._exit(status)

    def _restore_audit(self):
        if (self.folder / "audit-was-on").exists():
            self.audit.restore()

    def _remove(self):
        if self.cgroup.exists():
            self.cgroup.rmdir()
        shutil.rmtree(self.folder)

    def end_load(self):
        """Nothing is left in the cgroup."""
        if not self.cgroup.exists():
            return
        (self.cgroup / "cgroup.kill").write_text("1")
        for _ in range(500):
            if "populated 0" in (self.cgroup / "cgroup.events").read_text():
                return
            time.sleep(0.01)
        raise OSError(f"{self.cgroup} does not empty")

    def load_cpu_ns(self):
        return 1000 * int(re.search(r"usage_usec (\d+)", (self.cgroup / "cpu.stat").read_text()).group(1))
