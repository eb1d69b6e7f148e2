# SPDX-License-Identifier: Apache-2.0
"""The sides that are compared: nothing, our sensor, auditd. Each is on from start() to stop()."""

import json
import pathlib
import re
import signal
import subprocess
import time

from machine import AUDITED_LOGIN, die_with_us

# What an intrusion detection asks auditd for, seen by the calls that our sensor sees by its hooks.
AUDIT_CALLS = ("execve", "connect", "accept", "accept4", "bind")

AUDITD_CONF = """\
local_events = yes
write_logs = yes
log_file = {folder}/audit.log
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
num_logs = 5
priority_boost = 4
name_format = NONE
max_log_file_action = {when_full}
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = SUSPEND
disk_error_action = SUSPEND
q_depth = 2000
overflow_action = IGNORE
plugin_dir = {folder}/plugins.d
"""


def cpu_ns(pid):
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class Side:
    """Nothing is on."""

    name = "bare"
    load_options = ()

    def __init__(self):
        self.process = None
        self.peak_kib = 0

    def start(self):
        pass

    def settle(self):
        """Until what the load caused is dealt with."""

    def stop(self):
        pass

    def cpu_ns(self):
        return cpu_ns(self.process.pid) if self.process else 0

    def _look_at_memory(self):
        self.peak_kib = max(self.peak_kib, resident_kib(self.process.pid))


class Sombrero(Side):
    """As in production: it watches the cgroup by a model that knows the load."""

    name = "sombrero"

    def __init__(self, machine, program):
        super().__init__()
        self.machine = machine
        self.program = program
        self.model = machine.folder / "load.model"
        self.findings = machine.folder / "sombrero.out"
        self.errors = machine.folder / "sombrero.err"
        self.ring_kib = self.map_kib = 0
        self.besides_ring_kib = []  # of each run
        self.events = self.deviations = 0
        self.lost = {}

    def learn(self, run_loads):
        process = self._launch("learn", "-o", self.model, "--service", "load", "--service", "nginx")
        run_loads()
        self._end(process)

    def start(self):
        self.process = self._launch("watch", "-m", self.model)

    def settle(self):
        """It has dealt with everything when it has only been looking at an empty ring for a while."""
        before = self.cpu_ns()
        for _ in range(200):
            time.sleep(0.05)
            now = self.cpu_ns()
            if now - before < 5_000_000:
                break
            before = now

    def stop(self):
        self.settle()
        self._look_at_memory()
        text = self._end(self.process)
        self.process = None
        tally = re.search(r"(\d+) events, (\d+) deviations", text)
        self.events, self.deviations = int(tally.group(1)), int(tally.group(2))
        self.lost = {}
        for count, reason in re.findall(r"(\d+) events lost: (.*)", text):
            self.lost[reason] = self.lost.get(reason, 0) + int(count)
        if self.deviations:
            raise SystemExit(f"the model doesn't know the load:\n{self.findings.read_text()}")

    def programs(self):
        """Runs and nanoseconds of each BPF program; only counted while enable_bpf_stats() is open."""
        result = {}
        for info in pathlib.Path(f"/proc/{self.process.pid}/fdinfo").iterdir():
            facts = self._fdinfo(info)
            if "run_cnt" in facts and "prog_id" in facts:
                shown = json.loads(
                    subprocess.run(
                        ["bpftool", "-j", "prog", "show", "id", facts["prog_id"]], check=True, capture_output=True
                    ).stdout
                )
                result[shown["name"]] = (int(facts["run_cnt"]), int(facts["run_time_ns"]))
        return result

    @staticmethod
    def _fdinfo(path):
        try:
            return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        except FileNotFoundError:
            return {}

    def _look_at_memory(self):
        super()._look_at_memory()
        ring = 0
        smaps = pathlib.Path(f"/proc/{self.process.pid}/smaps").read_text()
        for mapping in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
            if "anon_inode:bpf-map" in mapping:
                ring += int(re.search(r"Rss:\s+(\d+)", mapping).group(1))
        self.besides_ring_kib.append(resident_kib(self.process.pid) - ring)
        maps = {}
        for info in pathlib.Path(f"/proc/{self.process.pid}/fdinfo").iterdir():
            facts = self._fdinfo(info)
            if "map_id" in facts and "memlock" in facts:
                maps[facts["map_id"]] = int(facts["memlock"])
                if facts["map_type"] == "27":
                    self.ring_kib = int(facts["max_entries"]) // 1024
        self.map_kib = sum(maps.values()) // 1024

    def _launch(self, *arguments):
        with self.errors.open("w") as errors, self.findings.open("w") as findings:
            process = subprocess.Popen(
                [self.program, *arguments, "--cgroup", self.machine.cgroup],
                stdin=subprocess.DEVNULL,
                stdout=findings,
                stderr=errors,
                preexec_fn=die_with_us(signal.SIGTERM),
            )
        for _ in range(1000):
            if re.search("watching|learning", self.errors.read_text()):
                return process
            if process.poll() is not None:
                break
            time.sleep(0.01)
        process.kill()
        raise SystemExit(f"sombrero does not start: {self.errors.read_text()}")

    def _end(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        text = self.errors.read_text()
        if process.returncode not in (0, 3):
            raise SystemExit(f"sombrero failed: {text}")
        return text


class Auditd(Side):
    """Debian's daemon with its usual settings. Only what carries the load's login is audited."""

    name = "auditd"
    load_options = ("--auid", str(AUDITED_LOGIN))
    when_full = "ROTATE"

    def __init__(self, machine):
        super().__init__()
        self.audit = machine.audit
        self.folder = machine.folder / "audit"
        self.marker = machine.folder / "audit-was-on"
        self.lost = 0

    def start(self):
        self.folder.mkdir(mode=0o700, exist_ok=True)
        (self.folder / "plugins.d").mkdir(exist_ok=True)
        for log in self.folder.glob("audit.log*"):
            log.unlink()
        (self.folder / "auditd.conf").write_text(AUDITD_CONF.format(folder=self.folder, when_full=self.when_full))
        self.marker.touch()
        self.audit.prepare(8192, f"-a always,exit {self.what()} -F auid={AUDITED_LOGIN} -F key=bench")
        self.process = subprocess.Popen(
            ["auditd", "-n", "-c", self.folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_us(signal.SIGTERM),
        )
        for _ in range(500):
            if self.audit.daemon() == self.process.pid:
                self.lost = self.audit.lost()
                return
            time.sleep(0.01)
        raise SystemExit("auditd does not start")

    def what(self):
        """The part of the rule that says what is audited."""
        return "-F arch=b64 " + " ".join(f"-S {call}" for call in AUDIT_CALLS)

    def settle(self):
        time.sleep(0.1)

    def stop(self):
        self._look_at_memory()
        self.lost = self.audit.lost() - self.lost
        self.process.terminate()
        self.process.wait(30)
        self.process = None
        self.audit.restore()
