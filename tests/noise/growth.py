# SPDX-License-Identifier: Apache-2.0
"""How a model grows with what was observed, measured by learning the first events, more each time; and as a drawing."""

import csv
import html
import itertools
import math

from judging import learn

STEPS_A_DECADE = 8


def sizes(total):
    """1, 10, 100 … and evenly between, on a logarithmic scale."""
    steps = (round(10 ** (step / STEPS_A_DECADE)) for step in itertools.count(STEPS_A_DECADE))
    return [*dict.fromkeys(itertools.takewhile(lambda size: size < total, steps)), total]


def measure(recording, folder):
    """[(events, lines of the model)]"""
    with recording.open(errors="surrogateescape") as lines:
        events = lines.readlines()
    prefix, model = folder / "prefix.ndjson", folder / "prefix.model"
    points = []
    for size in sizes(len(events)):
        with prefix.open("w", errors="surrogateescape") as out:
            out.writelines(events[:size])
        learn(prefix, model)
        points.append((size, sum(line.startswith("  ") for line in model.read_text().splitlines())))
    prefix.unlink()
    model.unlink()
    return points


def write(path, points):
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("events", "lines"))
        table.writerows(points)


def read(path):
    with path.open(newline="") as file:
        return [(int(row["events"]), int(row["lines"])) for row in csv.DictReader(file)]


# -------------------------------------------------------------------------------------------------- drawing

WIDTH, HEIGHT = 860, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 200, 40, 60
COLOURS = ("#1b6ca8", "#c8553d", "#2f7d4f", "#7d4fa8", "#a8871b", "#3d9ea8", "#a83d6e", "#5c5c5c")


def _text(x, y, text, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{html.escape(text)}</text>'


def _rounded_up(value):
    step = 10 ** math.floor(math.log10(value))
    return math.ceil(value / step) * step


def _apart(wanted, distance=16):
    """Where labels go so that none covers another."""
    places, last = {}, -math.inf
    for name, y in sorted(wanted.items(), key=lambda item: item[1]):
        last = places[name] = max(y, last + distance)
    return places


def draw(curves):
    """`curves`: name → points. Events on a logarithmic axis, lines on a straight one."""
    decades = range(1, math.ceil(math.log10(max(points[-1][0] for points in curves.values()))) + 1)
    highest = _rounded_up(max(lines for points in curves.values() for _, lines in points))

    def x(events):
        return LEFT + (math.log10(events) - 1) / (decades[-1] - 1) * (WIDTH - LEFT - RIGHT)

    def y(lines):
        return HEIGHT - BOTTOM - lines / highest * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
             _text(LEFT, 22, "Lines of the model against events observed", "start", ' font-size="15"')]
    for step in range(6):
        value = highest * step / 5
        parts += [f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>',
                  _text(LEFT - 8, y(value) + 4, f"{value:,.0f}", "end")]
    parts += [_text(x(10 ** decade), HEIGHT - BOTTOM + 20, f"{10 ** decade:,}") for decade in decades]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, "events, in the order of time (logarithmic)"))
    labels = _apart({name: y(points[-1][1]) for name, points in curves.items()})
    for colour, (name, points) in zip(itertools.cycle(COLOURS), curves.items()):
        line = " ".join(f"{x(max(events, 10)):.1f},{y(lines):.1f}" for events, lines in points)
        parts += [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
                  _text(WIDTH - RIGHT + 8, labels[name] + 4, f"{name}: {points[-1][1]:,}", "start", f' fill="{colour}"')]
    return "\n".join([*parts, "</svg>", ""])
