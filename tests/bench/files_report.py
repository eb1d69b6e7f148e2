# SPDX-License-Identifier: Apache-2.0
"""What ./dev bench files measured, as tables."""

import statistics

from report import machine, table

ELSEWHERE_AIM = 1.02
WATCHED_AIM = 1.4
BASELINE_AIM = 1.1
AGAIN_AIM_NS = 300_000_000

EMPTY, FIRST, AGAIN = "sombrero, start of an empty tree", "sombrero, first start", "sombrero, second start"


def _median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def _seconds(ns):
    return f"{ns / 1e9:.2f}"


def _peak(runs):
    peak_kib = max(run.peak_kib for run in runs)
    return f"{peak_kib:,}" if peak_kib else ""


def round_text(runs):
    """The newest run of each, for whoever waits."""
    return ", ".join(f"{name} {_seconds(side[-1].used_ns)} s" for name, side in runs.items())


def _ratios(unpacking, side, what):
    """To what the round's bare runs cost: the control to the other one, a watcher to the mean of the two."""
    result = []
    for one, bare, control in zip(unpacking[side], unpacking["bare"], unpacking["control"]):
        one, bare, control = (getattr(run, what) for run in (one, bare, control))
        result.append(one / bare if side == "control" else 2 * one / (bare + control))
    return result


def _ratio(unpacking, side, what):
    if side == "bare":
        return ""
    ratios = _ratios(unpacking, side, what)
    if side == "control":
        return f"{min(ratios):.3f} to {max(ratios):.3f}"
    return f"{statistics.median(ratios):.3f}"


def _reported(runs, count):
    if runs[0].reported is None:
        return ""
    least, most = min(run.reported for run in runs), max(run.reported for run in runs)
    if most > count:
        return f"{most / count:.2%}"
    return f"{least / count:.2%}" if least < count else "all"


def _unpacking(measured, load):
    rows = []
    sides = measured.unpacking[load]
    for name, runs in sides.items():
        lost = [run.lost for run in runs if run.lost is not None]
        watches = runs[0].peak_kib > 0
        rows.append([
            name,
            _seconds(_median(runs, "used_ns")),
            _ratio(sides, name, "used_ns"),
            _seconds(_median(runs, "wall_ns")),
            _seconds(_median(runs, "own_ns")) if watches else "",
            _peak(runs),
            _reported(runs, measured.small) if name != "sombrero elsewhere" else "",
            f"{max(lost):,}" if lost else "",
        ])
    head = [f"{load}: {measured.small:,} files", "CPU, s", "ratio", "wall, s", "own CPU, s",
            "peak resident, KiB", "files reported", "lost, it says"]
    return table(head, rows)


def _reading(measured):
    if not measured.reading:
        return ""
    plain = _median(measured.reading["sha256sum"], "used_ns")
    rows = [
        [name, _seconds(_median(runs, "used_ns")), f"{_median(runs, 'used_ns') / plain:.2f}",
         _seconds(_median(runs, "wall_ns")), _peak(runs)]
        for name, runs in measured.reading.items()
    ]
    head = [f"{measured.mixed:,} files, {measured.mixed_bytes / 1e6:.0f} MB", "CPU, s", "to sha256sum", "until ready, s",
            "peak resident, KiB"]
    return table(head, rows)


def _more_than_empty(reading, name, what):
    """What the files cost, without loading the sensor."""
    return statistics.median(
        getattr(run, what) - getattr(empty, what) for run, empty in zip(reading[name], reading[EMPTY])
    )


def _aims(measured):
    """(what was aimed at, what came out, met)"""
    for load, sides in measured.unpacking.items():
        for name, aim, where in (("sombrero elsewhere", ELSEWHERE_AIM, "beside"), ("sombrero", WATCHED_AIM, "in")):
            if name in sides:
                ratio = statistics.median(_ratios(sides, name, "used_ns"))
                yield f"{load}, {where} a watched tree: CPU at most {aim:.2f}", f"{ratio:.3f}", ratio <= aim
        if "sombrero" in sides:
            runs = sides["sombrero"]
            wrong = max(abs(measured.small - run.reported) for run in runs)
            fine = not wrong and not any(run.lost for run in runs)
            yield f"{load}: every file counted, none lost", f"{wrong} wrong", fine
    if FIRST in measured.reading:
        plain = _median(measured.reading["sha256sum"], "used_ns")
        ratio = _more_than_empty(measured.reading, FIRST, "used_ns") / plain
        yield f"baseline: CPU at most {BASELINE_AIM:.1f} of sha256sum's", f"{ratio:.2f}", ratio <= BASELINE_AIM
        again, used = (max(0, _more_than_empty(measured.reading, AGAIN, what)) for what in ("wall_ns", "used_ns"))
        got = f"{_seconds(again)}, of it CPU {_seconds(used)}"
        yield f"re-verify: at most {_seconds(AGAIN_AIM_NS)} s", got, again <= AGAIN_AIM_NS


def _verdicts(measured):
    rows = [[aim, got, "met" if met else "missed"] for aim, got, met in _aims(measured)]
    return table(["aim", "measured", ""], rows) if rows else ""


def _method(measured):
    return (
        f"{measured.rounds} rounds. At the beginning: {measured.neighbours}."
        + (f" Without auditd: {measured.why_no_auditd}." if measured.why_no_auditd else "")
    )


def text(measured):
    parts = [machine(), _method(measured), *(_unpacking(measured, load) for load in measured.unpacking)]
    parts += [_reading(measured), _verdicts(measured)]
    return "\n\n".join(part for part in parts if part)
