# SPDX-License-Identifier: Apache-2.0
"""What was measured, as tables that read well in a terminal and in docs/benchmarks.md alike."""

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess
from dataclasses import dataclass

# What timing a run of a BPF program adds to it: a program that does nothing reads so.
TIMING_NS = 35

BEGIN = "<!-- measured: written by ./dev bench {name} --markdown -->\n"
END = "<!-- end of measured -->\n"

CONNECT_AIM = 1.10
NGINX_AIM = 1.03
RSS_AIM_KIB = 16 * 1024
RING_AIM_KIB = 4 * 1024


@dataclass
class Storm:
    per_second: float
    each_ns: float  # CPU time of the load for one operation
    expected: int  # records that the load makes, at the least
    kept: int  # None for a side that doesn't count them
    lost: object  # by reason, or one number
    own_share: float  # of one processor, for the side itself


def table(head, rows):
    """Pipes, aligned: words to the left, numbers to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(c.ljust(w) if not i else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _interval(measured, load):
    control = measured.ratios(load, "control")
    return min(control), max(control)


def _costs(measured):
    sides = [side for side in ("sombrero", "auditd") if side in next(iter(measured.results.values()))]
    head = ["load", "bare, ns each", "control", *sides, *(f"{side}'s own, ns each" for side in sides)]
    rows = []
    for load, results in measured.results.items():
        low, high = _interval(measured, load)
        bare = statistics.median(result.each_ns for result in results["bare"])
        own = [_number(statistics.median(measured.own_ns[load][side])) for side in sides]
        ratios = [f"{measured.ratio(load, side):.3f}" for side in sides]
        rows.append([load, _number(bare), f"{low:.3f} to {high:.3f}", *ratios, *own])
    return table(head, rows)


def _requests(measured):
    rows = []
    for load, results in measured.results.items():
        if load.startswith("nginx"):
            rows.append([load, *(_number(statistics.median(r.per_second for r in side)) for side in results.values())])
    return table(["requests a second", *next(iter(measured.results.values()))], rows) if rows else ""


def _programs(measured):
    rows = [
        [load, name, f"{runs:.2f}", f"{max(0, each - TIMING_NS):.0f}"]
        for load, programs in measured.programs.items()
        for name, (runs, each) in programs.items()
    ]
    return table(["load", "program", "runs for each", "ns a run"], rows)


def _lost(lost):
    if isinstance(lost, dict):
        return ", ".join(f"{count} {reason}" for reason, count in lost.items()) or "0"
    return "" if lost is None else str(lost)


def _storms(measured):
    rows = []
    for load, sides in measured.storms.items():
        for name, storm in sides.items():
            kept = "" if storm.kept is None else f"{min(1, storm.kept / storm.expected):.2%} of {storm.expected:,}"
            ratio = f"{storm.each_ns / sides['bare'].each_ns:.2f}"
            own = f"{storm.own_share:.0%}"
            rows.append([load, name, _number(storm.per_second), ratio, kept, _lost(storm.lost), own])
    head = ["storm, two processes", "side", "a second", "CPU each", "records kept", "lost", "own, of a processor"]
    return table(head, rows) if rows else ""


def _memory(measured):
    memory = measured.memory
    rows = [
        ["sombrero, resident", memory["resident"]],
        ["… without its ring's mapping", memory["besides the ring"]],
        ["… the median of all runs", memory["besides the ring, usually"]],
        ["ring", memory["ring"]],
        ["all kernel maps, the ring among them", memory["maps"]],
    ]
    if "auditd" in memory:
        rows.append(["auditd, resident", memory["auditd"]])
    return table(["memory", "KiB"], [[name, f"{kib:,.0f}"] for name, kib in rows])


def _aims(measured):
    """(what was aimed at, what came out, met)"""
    for load in ("getppid", "open+close"):
        if load in measured.results:
            low, high = _interval(measured, load)
            ratio = measured.ratio(load, "sombrero")
            yield f"{load}: within the control's {low:.3f} to {high:.3f}", f"{ratio:.3f}", ratio <= high
    for load, aim in (("connect+accept", CONNECT_AIM), ("nginx", NGINX_AIM)):
        if load in measured.results:
            ratio = measured.ratio(load, "sombrero")
            yield f"{load}: at most {aim:.2f}", f"{ratio:.3f}", ratio <= aim
    besides = measured.memory["besides the ring"]
    yield "resident besides the ring: at most 16 MiB", f"{besides / 1024:.1f}", besides <= RSS_AIM_KIB
    ring = measured.memory["ring"]
    yield "ring: at most 4 MiB", f"{ring / 1024:.1f}", ring <= RING_AIM_KIB
    for load, sides in measured.storms.items():
        storm = sides["sombrero"]
        yield f"storm of {load}: nothing lost", _lost(storm.lost), not storm.lost and storm.kept >= storm.expected


def _verdicts(measured):
    return table(["aim", "measured", ""], [[aim, got, "met" if met else "missed"] for aim, got, met in _aims(measured)])


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    virtual = " (virtual)" if "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text() else ""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    return (
        f"{datetime.date.today()}, commit {commit.strip() or 'unknown'}: {system.group(1) if system else 'Linux'}, "
        f"kernel {platform.release()}, {os.cpu_count()} processors{virtual}, {cpu.group(1) if cpu else 'unknown'}."
    )


def _method(measured):
    return (
        f"{measured.rounds} rounds of {measured.seconds:g} s a load and side (nginx: whole seconds), "
        f"storms of {measured.storm_seconds:g} s. At the beginning: {measured.neighbours}."
        + (f" Without auditd: {measured.why_no_auditd}." if measured.why_no_auditd else "")
    )


def text(measured):
    parts = [machine(), _method(measured), _costs(measured), _requests(measured), _programs(measured)]
    parts += [_storms(measured), _memory(measured), _verdicts(measured)]
    return "\n\n".join(part for part in parts if part)


def write_markdown(name, measured, path):
    """Replaces what is between the marks of that benchmark; the rest of the page is written by hand."""
    begin = BEGIN.format(name=name)
    before, rest = path.read_text().split(begin)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{begin}\n{measured}\n\n{END}{after}")
