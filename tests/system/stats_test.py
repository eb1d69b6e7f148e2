#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How sure a model is: learn, merge and stats, on recordings of which all is known. Needs no privileges."""
import datetime
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import tap

SOMBRERO = pathlib.Path(os.environ["SOMBRERO_BUILD"]) / "src" / "sombrero"
MONDAY = datetime.datetime(2025, 12, 1, tzinfo=datetime.timezone.utc)
NGINX = {"kind": "service", "name": "nginx"}


def event(hour, host, kind, context, program, **more):
    when = MONDAY + datetime.timedelta(hours=hour)
    return {"time": when.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z", "host": host, "kind": kind, "context": context,
            "program": program, "exe": program, "effective_user": "root", "euid": 0, "pid": 100, "start": 10 ** 10,
            **more}


def hour_of_a_host(host, day, hour):
    at = day * 24 + hour
    for port in (8000, 8001, 8002):
        yield event(at + 0.1, host, "connect", NGINX, "/usr/sbin/nginx", family="ipv4", protocol="tcp",
                    remote_address="10.0.0.1", remote_port=port)
    if hour == 6:
        yield event(at + 0.5, host, "exec", {"kind": "job", "name": "logrotate"}, "/usr/sbin/logrotate", pid=2000,
                    run=10 ** 13 + day, start=10 ** 13 + day)
    if hour == 12 and day % 2:
        yield event(at, host, "exec", {"kind": "change", "name": "release"}, "/usr/bin/cp", change=f"r{day}")


def recorded(hosts, days, first_day=0, weekly=None):
    """A service, a nightly job, a release each other day; `weekly`: on that day of the week, what the crontab says."""
    for host in hosts:
        yield event(first_day * 24, host, "exec", NGINX, "/usr/sbin/nginx")
        if weekly is not None:
            yield event(first_day * 24, host, "schedule", {"kind": "job", "name": "weekly"}, "", period=7 * 86400)
    for day in range(first_day, first_day + days):
        for hour in range(24):
            for host in hosts:
                yield from hour_of_a_host(host, day, hour)
                if weekly == day % 7 and hour == 3:
                    yield event(day * 24 + 3.3, host, "exec", {"kind": "job", "name": "weekly"}, "/srv/weekly",
                                run=10 ** 14 + day, pid=3000, start=10 ** 14 + day)


HOSTS = [f"web-{number}" for number in range(1, 11)]
UNTIL = "enough,without=boot+upgrade"


class Stats(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def sombrero(self, *arguments, status=0):
        done = subprocess.run([SOMBRERO, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout, done.stderr

    def learn(self, name, events, *options):
        (self.folder / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in events))
        return self.sombrero("learn", "-o", f"{name}.model", *options, "--replay", f"{name}.ndjson")[1]

    def stats(self, name, *options, status=0):
        return json.loads(self.sombrero("model", "stats", "--json", *options, f"{name}.model", status=status)[0])

    def read(self, name):
        return (self.folder / f"{name}.model.stats").read_text()

    def test_what_was_watched_is_told(self):
        self.learn("a", recorded(HOSTS[:2], 3))
        told = self.stats("a")
        self.assertEqual((told["hosts"], told["days"], told["month_ends"]), (2, 3, 0))
        nginx = next(context for context in told["contexts"] if context["name"] == "nginx")
        rotate = next(context for context in told["contexts"] if context["name"] == "logrotate")
        self.assertEqual((nginx["host_hours"], nginx["hosts"]), (2 * 72, 2))
        self.assertEqual(rotate["runs"], 6)
        self.assertEqual(nginx["occasions"]["rotation"], 6)

    def test_learning_stops_where_it_is_enough_and_says_when(self):
        told = self.learn("a", recorded(HOSTS, 30), "--until", UNTIL)
        self.assertRegex(told, r"enough was seen at 2025-12-0[89]T")
        self.assertTrue(self.stats("a", "--until", UNTIL)["enough"])
        self.assertLess(self.stats("a")["days"], 10)

    def test_what_is_scheduled_is_waited_for(self):
        told = self.learn("a", recorded(HOSTS, 30, weekly=4), "--until", UNTIL)
        self.assertRegex(told, r"enough was seen at 2025-12-12T")  # the second Friday

    def test_what_never_comes_is_named(self):
        events = [line for line in recorded(HOSTS, 20, weekly=4) if line["context"]["name"] != "weekly"
                  or line["kind"] == "schedule"]
        told = self.learn("a", events, "--until", UNTIL)
        self.assertNotIn("enough was seen", told)
        self.assertIn("not enough: scheduled job weekly: 0 of 2 times, on 0 of 2 hosts", told)
        told = self.stats("a", "--until", UNTIL, status=3)
        self.assertEqual(told["waits_for"], ["scheduled job weekly: 0 of 2 times, on 0 of 2 hosts"])

    def test_the_same_recordings_in_any_order_are_the_same_statistics(self):
        parts = {f"p{number}": list(recorded(HOSTS[number:number + 1], 4)) for number in range(3)}
        for name, events in parts.items():
            self.learn(name, events)
        self.sombrero("model", "merge", "-o", "one.model", "p0.model", "p1.model", "p2.model")
        self.sombrero("model", "merge", "-o", "part.model", "p2.model", "p1.model")
        self.sombrero("model", "merge", "-o", "two.model", "part.model", "p0.model", "p1.model")
        self.assertEqual(self.read("one"), self.read("two"))

    def test_a_recording_learned_twice_counts_once(self):
        events = list(recorded(HOSTS[:2], 3))
        self.learn("a", events)
        self.learn("b", events, "--merge", "a.model")
        self.assertEqual(self.read("a"), self.read("b"))

    def test_a_line_of_one_host_only_is_shown(self):
        odd = event(5, "web-2", "exec", NGINX, "/tmp/x")
        self.learn("a", [*recorded(HOSTS[:3], 2), odd])
        text = self.sombrero("model", "stats", "--lines", "a.model")[0]
        self.assertIn("service nginx: exec /tmp/x\n", text)
        self.assertNotIn("service nginx: exec /usr/sbin/nginx\n", text)

    def test_losses_are_kept(self):
        lost = event(3, "web-1", "loss", {"kind": "unknown"}, "", loss_reason="ring full", loss_count=17)
        self.learn("a", [*recorded(HOSTS[:2], 1), lost])
        self.assertEqual(self.stats("a")["events_lost"], 17)
        self.assertIn("17 events were lost", self.sombrero("model", "stats", "a.model")[0])

    def test_a_model_without_statistics_is_no_error(self):
        self.learn("a", recorded(HOSTS[:1], 1))
        (self.folder / "a.model.stats").unlink()
        text = self.sombrero("model", "stats", "a.model")[0]
        self.assertIn("never seen", text)
        self.assertIn("not enough was seen", text)

    def test_a_damaged_file_says_where(self):
        self.learn("a", recorded(HOSTS[:1], 1))
        path = self.folder / "a.model.stats"
        path.write_text(path.read_text().replace("watched ", "watched x", 1))
        self.assertRegex(self.sombrero("model", "stats", "a.model", status=2)[1], r"a\.model\.stats:4:11: found")

    def test_a_wrong_until_is_refused(self):
        for wrong in ("soon", "coverage=2", "hosts=x", "without=rain", "hosts"):
            self.assertIn("--until takes", self.sombrero("model", "stats", "--until", wrong, "a.model", status=2)[1])


if __name__ == "__main__":
    tap.main()
