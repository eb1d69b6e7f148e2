# SPDX-License-Identifier: Apache-2.0
"""Who watches files: nobody, our sensor, inotifywait, auditd. Each is on from start() to stop(), and says then
how many of the files it reported."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from machine import die_with_us
from sides import Auditd, Side

TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")


def ever_used_ns(pid):
    """CPU time of a process, of its threads that have ended, too."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_NS


def peak_kib(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class Watcher(Side):
    """A side with a process. `lost` is what it says that it lost, `used_ns` its CPU time from start to end."""

    quiet = 5  # tenths of a second

    def __init__(self, machine, directory):
        super().__init__()
        self.machine = machine
        self.directory = directory
        self.output = machine.folder / f"{self.name.replace(' ', '-')}.out"
        self.errors = self.output.with_suffix(".err")
        self.lost = None
        self.used_ns = 0

    def cpu_ns(self):
        return ever_used_ns(self.process.pid)

    def settle(self):
        """It has dealt with everything when it has used next to nothing for a while."""
        before, quiet = self.cpu_ns(), 0
        while quiet < self.quiet:
            time.sleep(0.1)
            now = self.cpu_ns()
            quiet = quiet + 1 if now - before < 2 * TICK_NS else 0
            before = now

    def _launch(self, command, ready):
        with self.errors.open("w") as errors, self.output.open("w") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                preexec_fn=die_with_us(signal.SIGTERM),
            )
        while not re.search(ready, self.errors.read_text(errors="replace")):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} does not start: {self.errors.read_text(errors='replace')}")
            time.sleep(0.002)

    def _end(self, *expected):
        self._look_at_memory()
        self.process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode not in expected:
            raise SystemExit(f"{self.name} failed: {self.errors.read_text(errors='replace')}")
        self.process = None
        self.used_ns = int((usage.ru_utime + usage.ru_stime) * 1e9)

    def _look_at_memory(self):
        self.peak_kib = max(self.peak_kib, peak_kib(self.process.pid))


class SombreroFiles(Watcher):
    """It watches a tree and the cgroup of the load, and prints its findings."""

    quiet = 25  # so that a burst is over, and told of

    def __init__(self, machine, directory, program, name="sombrero"):
        self.name = name
        super().__init__(machine, directory)
        self.program = program
        self.state = machine.folder / f"{self.name.replace(' ', '-')}.state"
        self.findings = []
        self.ready_ns = 0  # from the start until it watched

    def start(self):
        shutil.rmtree(self.state, ignore_errors=True)
        self.start_again()

    def start_again(self):
        """With what it knew when it was stopped."""
        self.state.mkdir(exist_ok=True)
        before = time.monotonic_ns()
        self._launch(
            [self.program, "watch", "--cgroup", self.machine.cgroup, "--files", f"{self.directory}/**",
             "--state", self.state, "--json"],
            "sombrero: watching",
        )
        self.ready_ns = time.monotonic_ns() - before

    def stop(self):
        self._end(0, 3)
        self.lost = sum(int(count) for count in re.findall(r"(\d+) events lost", self.errors.read_text()))
        with self.output.open() as lines:
            self.findings = [json.loads(line) for line in lines]

    def reported(self, files, directories, over):
        """Of a burst, a finding has the numbers, not the names."""
        kinds = [finding["kinds"] for finding in self.findings]
        if over:
            return sum(kind.get("write", 0) for kind in kinds)
        return sum(kind.get("create", 0) for kind in kinds) - len(directories)

    def found(self):
        """The paths that had changed while it was stopped."""
        events = [finding["event"] for finding in self.findings]
        return {event["path"] for event in events if "found" in event.get("flags", ())}


class Inotifywait(Watcher):
    """It says what happens, not who did it or what a file holds."""

    name = "inotifywait"
    asked = ("create", "close_write", "attrib", "moved_to", "moved_from", "delete")

    def start(self):
        events = [word for event in self.asked for word in ("-e", event)]
        self._launch(
            ["inotifywait", "-r", "-m", *events, "--format", "%w%f", self.directory], "Watches established"
        )

    def stop(self):
        self._end(0, -signal.SIGTERM)

    def reported(self, files, _directories, _over):
        with self.output.open() as lines:
            return len(files & {line.rstrip("\n") for line in lines})


class AuditdWatch(Auditd):
    """Debian's daemon with a watch on the directory, and room for all of its log."""

    when_full = "IGNORE"

    def __init__(self, machine, directory):
        super().__init__(machine)
        self.directory = directory
        self.named = set()

    def what(self):
        return f"-F dir={self.directory} -F perm=wa"

    def settle(self):
        """Until the kernel's queue is empty and the daemon rests."""
        before = -1
        while self.audit.waiting() or self.cpu_ns() != before:
            before = self.cpu_ns()
            time.sleep(0.2)

    def stop(self):
        super().stop()
        self.named = set()
        name = re.compile(rb'^type=PATH .* name="([^"]*)" .*nametype=CREATE')
        for log in self.folder.glob("audit.log*"):
            with log.open("rb") as lines:
                for line in lines:
                    if match := name.match(line):
                        self.named.add(f"{self.directory}/{match.group(1).decode()}")
            log.unlink()

    def reported(self, files, _directories, _over):
        return len(files & self.named)
