# SPDX-License-Identifier: Apache-2.0
"""What the product makes of recordings: the model, its findings, and how many of them a fleet would have."""

import json
import re
import subprocess
from dataclasses import dataclass, field

from harness import SOMBRERO, Failed
from simulated import nanoseconds

SEVERITIES = ("informational", "low", "medium", "high", "critical")
FLEET = 100  # hosts


def _run(*arguments, expected=(0,)):
    result = subprocess.run([str(SOMBRERO), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            errors="surrogateescape", check=False)
    if result.returncode not in expected:
        raise Failed(f"sombrero {arguments[0]} ended with {result.returncode}: {result.stderr[-2000:]}")
    return result


def learn(recording, model, options=()):
    """Returns what learning said, and how many events it saw."""
    said = _run("learn", "-o", model, *options, "--replay", recording).stderr
    return said, int(re.search(r"contexts, from (\d+) events", said)[1])


def lacks(said):
    """What the product itself says is not enough, of what learning with --until said."""
    return [line.partition("not enough: ")[2] for line in said.splitlines() if "not enough: " in line]


@dataclass(frozen=True)
class Deviation:
    """What makes two findings the same: the context and the lines that the model lacks."""

    context: str
    lines: tuple

    def __str__(self):
        return f"{self.context} | {'; '.join(self.lines)}"


@dataclass
class Finding:
    host: str
    time: str
    kind: str
    severity: str
    deviation: Deviation

    @property
    def counts(self):
        """A finding that stands beneath another one, a new context's or program's, is part of that."""
        return self.kind not in ("beneath", "in a new context") and self.matters

    @property
    def is_ours(self):
        """What the bench puts into a host from outside of it looks like a file that the boot wrote."""
        return self.deviation.context == "boot" and all(line.startswith("write ") for line in self.deviation.lines)

    @property
    def matters(self):
        return SEVERITIES.index(self.severity) >= SEVERITIES.index("medium")


def _context(context):
    name = f" {context['name']}" if context.get("name") else ""
    return f"{context['kind']}{name}{' in container' if context.get('in_container') else ''}"


def _finding(line):
    read = json.loads(line)
    event = read["event"]
    lines = tuple(" ".join(filter(None, (one["kind"], one["program"], one["object"]))) for one in read.get("behaviours", ()))
    # Without a severity in it, a finding counts.
    return Finding(event.get("host", ""), event["time"], read["finding"], read.get("severity", "medium"),
                   Deviation(_context(read.get("context") or event.get("context", {"kind": "unknown"})), lines))


def judge(recording, model, options=()):
    """Returns the findings, in order."""
    result = _run("watch", "--json", "-m", model, *options, "--replay", recording, expected=(0, 3))
    return [_finding(line) for line in result.stdout.splitlines()]


def between(recording, output, begin_ns, end_ns):
    """The events of a span of simulated time."""
    with recording.open(errors="surrogateescape") as lines, output.open("w", errors="surrogateescape") as out:
        out.writelines(line for line in lines
                       if begin_ns <= nanoseconds(line[len('{"time":"'):].partition('"')[0]) < end_ns)
    return output


def lost(recording):
    """Events that the sensor said it missed, by reason."""
    reasons = {}
    with recording.open(errors="surrogateescape") as lines:
        for line in lines:
            if '"kind":"loss"' in line:
                event = json.loads(line)
                reasons[event["loss_reason"]] = reasons.get(event["loss_reason"], 0) + event["loss_count"]
    return reasons


@dataclass
class Count:
    """Findings of medium or above, in two ways that differ by what a release or an upgrade shows on all hosts at once."""

    hosts: int
    weeks: float
    seen: dict = field(default_factory=dict)  # deviation → hosts

    @classmethod
    def of(cls, findings, hosts, weeks):
        count = cls(hosts, weeks)
        for finding in findings:
            if finding.counts:
                count.seen.setdefault(finding.deviation, set()).add(finding.host)
        return count

    @property
    def each_host(self):
        """Each host's on its own, for a hundred hosts and a week: as if none had been known from another."""
        return sum(map(len, self.seen.values())) / (self.hosts * self.weeks) * FLEET

    @property
    def observed(self):
        """What differs, of these hosts together, a week: the same on several hosts is one alert of their policy."""
        return len(self.seen) / self.weeks

    @property
    def alerts(self):
        """The same for a hundred hosts. What more hosts would have shown is estimated from what only one or two of these
        showed (Chao & Jost 2012, incidence, bias corrected: A. Chao et al., Ecological Monographs 84, 2014, eq. 9)."""
        once = sum(len(hosts) == 1 for hosts in self.seen.values())
        twice = sum(len(hosts) == 2 for hosts in self.seen.values())
        unseen = (self.hosts - 1) / self.hosts * once * (once - 1) / (2 * (twice + 1))
        more = max(FLEET - self.hosts, 0)
        grown = unseen * (1 - (1 - once / (self.hosts * unseen + once)) ** more) if unseen else 0
        return (len(self.seen) + grown) / self.weeks
