# SPDX-License-Identifier: Apache-2.0
"""`sombrero watch --json` beside a test: the events of a cgroup, as they come."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

from fakehost import Failed, end_with_parent, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOMBRERO = os.path.join(os.environ.get("SOMBRERO_BUILD", ROOT / "build"), "src", "sombrero")


class Watching:
    """Watches from its making to stop(); what happens between the two is in `events`."""

    STATUSES = (0,)  # how it may end
    PATIENCE = 20  # seconds, until it watches

    def __init__(self, cgroup, *options):
        self.events = []
        self._output = tempfile.TemporaryFile("w+b")
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen([SOMBRERO, "watch", "--json", "--cgroup", str(cgroup), *options],
                                         stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._errors,
                                         preexec_fn=end_with_parent)
        try:
            wait_for("sombrero watch to begin", lambda: "watching" in self.said() or self._process.poll() is not None,
                     self.PATIENCE)
            if self._process.poll() is not None:
                raise Failed(f"sombrero watch did not begin: {self.said()}")
        except BaseException:
            self.close()
            raise

    def said(self):
        # Not by seeking: the process writes at the same place of the same open file.
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode(errors="backslashreplace")

    def text(self):
        """What it printed until now."""
        return os.pread(self._output.fileno(), 1 << 28, 0).decode()

    def stop(self, seconds=20):
        """Returns all events."""
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(seconds)
        if status not in self.STATUSES or "ERROR" in self.said():
            raise Failed(f"sombrero watch ended with {status}: {self.said()}")
        self.events = [json.loads(line) for line in self.text().splitlines()]
        return self.events

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._errors.close()
