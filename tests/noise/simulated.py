# SPDX-License-Identifier: Apache-2.0
"""Simulated time: a day is run in seconds, and afterwards the events get the times that the calendar says.

A Clock notes which simulated moment each moment of the real clock stands for. What happens between two notes keeps its
pace: the first event after `02:00` comes at 02:00:00.1, and nothing comes before what caused it.
"""

import bisect
import calendar
import datetime
import re
import time

UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)


def nanoseconds(text):
    """Of a time as events have it, `2026-11-24T11:35:46.123456789Z`."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


def text_of(ns):
    seconds, rest = divmod(ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


class Clock:
    """Which simulated time it is, and was."""

    def __init__(self):
        self._real = []
        self._simulated = []
        self.now = None

    def set(self, moment):
        """From now on it is `moment`, also if that is earlier than it was: clocks are put back."""
        self.now = moment
        self._real.append(time.time_ns())
        self._simulated.append(int(moment.timestamp()) * 1_000_000_000)

    def simulated(self, real_ns):
        """The simulated time of a real one. What was before the first note belongs to it."""
        at = max(bisect.bisect_right(self._real, real_ns) - 1, 0)
        return self._simulated[at] + max(real_ns - self._real[at], 0)


class Rewriter:
    """Puts simulated times and the host's name into recorded lines, and when a process began, in time since the host's own boot.
    The events of a second share most of the work."""

    START = '{"time":"'
    BEGAN = re.compile(r'(?<=,)"start":(\d+)')

    def __init__(self, clock, host, booted_ns):
        self._clock = clock
        self._booted_ns = clock.simulated(booted_ns)  # of the real clock
        self._machine_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # when this machine booted
        self._host = f'"host":"{host}",'
        self._second = None
        self._second_ns = 0

    def _began(self, found):
        began = self._clock.simulated(self._machine_ns + int(found[1])) - self._booted_ns
        return f'"start":{max(began, 1)}'

    def line(self, line):
        if not line.startswith(self.START):
            raise ValueError(f"an event that doesn't begin with its time: {line[:80]!r}")
        text, _, rest = line[len(self.START):].partition('",')
        if rest.startswith('"host":"'):
            rest = rest.partition('",')[2]
        whole, _, fraction = text.rstrip("Z").partition(".")
        if whole != self._second:
            self._second, self._second_ns = whole, nanoseconds(whole)
        simulated = self._clock.simulated(self._second_ns + int(fraction.ljust(9, "0") or 0))
        rest = self.BEGAN.sub(self._began, rest, 1)
        return f'{self.START}{text_of(simulated)}",{self._host}{rest}'


class Day:
    """One simulated day of one host. `events` are words for what is special about it: reboot, release, upgrade …"""

    def __init__(self, host, number, date, events=()):
        self.host = host
        self.number = number  # from 0
        self.date = date
        self.events = frozenset(events)
        self.hour = 0

    def __contains__(self, event):
        return event in self.events

    @property
    def is_month_end(self):
        return (self.date + datetime.timedelta(days=1)).month != self.date.month

    @property
    def is_sunday(self):
        return self.date.weekday() == 6

    def hours(self):
        """Each hour of the day, which it is while the caller's loop is at it. On a day of a clock change 02:00 comes twice."""
        order = list(range(24))
        if "clock" in self.events:
            order.insert(3, 2)
        for self.hour in order:
            self.host.set_time(datetime.datetime.combine(self.date, datetime.time(self.hour), UTC))
            yield self.hour
