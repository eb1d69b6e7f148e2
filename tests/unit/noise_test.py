#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the noise bench makes of recordings: simulated times, and counts for a fleet."""

import datetime
import json
import pathlib
import sys
import time
import unittest

import tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "noise"))

import growth  # noqa: E402
import harness  # noqa: E402
import judging  # noqa: E402
import simulated  # noqa: E402

UTC = datetime.timezone.utc
SECOND = 1_000_000_000


class Host:
    def __init__(self):
        self.times = []

    def set_time(self, moment):
        self.times.append(moment)


def finding(host, line, severity="medium", kind="new behaviour"):
    return judging.Finding(host, "", kind, severity, judging.Deviation("service web", (line,)))


class SimulatedTime(unittest.TestCase):
    def test_a_time_is_read_and_written_to_the_nanosecond(self):
        for text in ("2026-11-24T11:35:46.123456789Z", "1970-01-01T00:00:00.000000000Z"):
            self.assertEqual(simulated.text_of(simulated.nanoseconds(text)), text)

    def test_what_happens_after_a_note_keeps_its_pace(self):
        clock = simulated.Clock()
        clock.set(datetime.datetime(2027, 3, 31, 2, tzinfo=UTC))
        began = clock._real[0]
        time.sleep(0.01)
        clock.set(datetime.datetime(2027, 3, 31, 3, tzinfo=UTC))
        two = simulated.nanoseconds("2027-03-31T02:00:00Z")
        self.assertEqual(clock.simulated(began), two)
        self.assertEqual(clock.simulated(began + 5_000_000), two + 5_000_000)
        self.assertEqual(clock.simulated(clock._real[1]), two + 3600 * SECOND)
        self.assertEqual(clock.simulated(began - SECOND), two, "what was before belongs to the first note")

    def test_a_line_gets_simulated_times_and_its_host_and_nothing_else_changes(self):
        clock = simulated.Clock()
        clock.set(datetime.datetime(2027, 3, 31, 2, tzinfo=UTC))
        now = clock._real[0]
        rewriter = simulated.Rewriter(clock, "web-1", now)
        began = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 7 * SECOND
        event = {"time": simulated.text_of(now + 9 * SECOND), "host": "machine", "kind": "exec", "pid": 7, "start": began,
                 "argv": ["x", '"start":5,"host":"y"']}
        changed = json.loads(rewriter.line(json.dumps(event, separators=(",", ":"))))
        self.assertEqual(changed["time"], "2027-03-31T02:00:09.000000000Z")
        self.assertAlmostEqual(changed["start"] / SECOND, 7, delta=1)
        self.assertEqual({**event, "time": 0, "host": "web-1", "start": 0}, {**changed, "time": 0, "start": 0})

    def test_a_day_has_each_hour_once_and_two_oclock_twice_where_the_clock_is_put_back(self):
        host = Host()
        plain = list(simulated.Day(host, 0, datetime.date(2027, 3, 28)).hours())
        back = list(simulated.Day(host, 1, datetime.date(2027, 3, 31), ["clock"]).hours())
        self.assertEqual(plain, list(range(24)))
        self.assertEqual(sorted(back), sorted([*range(24), 2]))
        self.assertEqual(host.times[0], datetime.datetime(2027, 3, 28, 0, tzinfo=UTC))

    def test_a_month_ends_on_its_last_day(self):
        self.assertTrue(simulated.Day(None, 0, datetime.date(2028, 2, 29)).is_month_end)
        self.assertFalse(simulated.Day(None, 0, datetime.date(2028, 2, 28)).is_month_end)


class Counting(unittest.TestCase):
    def test_the_same_on_all_hosts_is_one_alert_and_each_hosts_own(self):
        count = judging.Count.of([finding(host, "exec /x") for host in "abc"], hosts=3, weeks=2)
        self.assertEqual(count.observed, 0.5)
        self.assertEqual(count.alerts, 0.5)
        self.assertEqual(count.each_host, 50)

    def test_what_only_single_hosts_show_is_more_on_a_hundred(self):
        count = judging.Count.of([finding("a", "exec /x"), finding("b", "exec /y"), finding("c", "exec /z")], hosts=3, weeks=1)
        self.assertGreater(count.alerts, count.observed)
        self.assertLess(count.alerts, 100)

    def test_a_host_that_shows_it_twice_counts_once(self):
        count = judging.Count.of([finding("a", "exec /x")] * 5, hosts=1, weeks=1)
        self.assertEqual(count.each_host, 100)

    def test_low_and_what_stands_beneath_another_does_not_count(self):
        findings = [finding("a", "exec /x", "low"), finding("a", "exec /y", "informational"), finding("a", "exec /z", kind="beneath")]
        self.assertEqual(judging.Count.of(findings, hosts=1, weeks=1).each_host, 0)


class Scripts(unittest.TestCase):
    def test_each_attack_happens_in_a_workload_that_there_is(self):
        workloads, attacks = harness.workloads(), harness.attacks()
        self.assertGreater(len(workloads), 8)
        self.assertEqual({attack.workload for attack in attacks.values()} - set(workloads), set())

    def test_each_attack_has_a_twin(self):
        for attack in harness.attacks().values():
            for part in ("attack", "twin"):
                self.assertIsNot(getattr(attack, part), getattr(harness.Attack, part), attack.name)


class Growth(unittest.TestCase):
    def test_sizes_are_even_on_a_logarithmic_scale_and_end_with_all(self):
        sizes = growth.sizes(1234)
        self.assertEqual((sizes[0], sizes[-1]), (10, 1234))
        self.assertEqual(sizes, sorted(set(sizes)))

    def test_a_drawing_has_each_curve_and_is_xml(self):
        import xml.etree.ElementTree as xml
        drawing = growth.draw({"<web>": [(10, 5), (100, 50)], "db": [(10, 1), (50, 2)]})
        self.assertEqual(drawing.count("<polyline"), 2)
        xml.fromstring(drawing)


if __name__ == "__main__":
    tap.main()
