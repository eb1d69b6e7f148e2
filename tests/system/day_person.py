# SPDX-License-Identifier: Apache-2.0
"""What a person would call each event of day_test.py's day, from the acts' marks ("act=NAME" in a shell's command line), from
units, and from who started what. Knows nothing of how the sensor decides, and takes from an event only what happened."""

import collections
import fnmatch
import re

CONTAINER = "3f2a9c1b77aa" + "0" * 52
SHELLS = ("sh", "dash", "bash")

# Acts by their mark: what somebody who did them would say they belong to.
ACTS = {
    "ad-hoc": "session alice", "at": "session alice", "declare": "session alice", "enter": "session alice",
    "install": "session alice", "late": "session alice", "left-behind": "session alice", "login-sudo": "session alice",
    "namespace": "session alice", "pods": "session alice", "restart": "session alice", "rotate": "session alice",
    "scope": "session alice", "socket": "session alice", "start-script": "session alice", "switch": "session alice",
    "user-unit": "session alice", "inside": "session alice @pidns:*", "entered": f"session alice @{CONTAINER[:12]}",
    "crontab": "session bob", "no-pam": "session carol", "root": "session root",
    "exec": f"session root @{CONTAINER[:12]}", "change-1": "change 41", "change-2": "change 42",
}

# Units of the host with systemd, by the name that people call them.
UNITS = {
    "cron.service": "service cron", "ssh.service": "service sshd", "ssh-alt@*.service": "service sshd",
    "nginx.service": "service nginx", "atd.service": "service atd", "dbus.service": "service dbus-daemon",
    "systemd-journald.service": "service systemd-journald", "systemd-logind.service": "service systemd-logind",
    "console-getty.service": "service agetty", "pods.service": "service pods",
    "packagekit.service": "service packagekitd", "polkit.service": "service polkitd",
    "logrotate.service": "job logrotate", "apt-daily-upgrade.service": "change apt-daily-upgrade",
    "adhoc.service": "job adhoc-program", "adhoc-timer.service": "job adhoc-job",
    "systemd-sysusers.service": "job systemd-sysusers", "systemd-journal-flush.service": "job journalctl",
    "systemd-tmpfiles-setup.service": "job systemd-tmpfiles", "systemd-update-utmp.service": "job systemd-update-utmp",
    "systemd-update-utmp-runlevel.service": "job systemd-update-utmp",
    "systemd-user-sessions.service": "job systemd-user-sessions",
    "user-runtime-dir@*.service": "job systemd-user-runtime-dir",
    "systemd-tmpfiles-clean.service": "job systemd-tmpfiles", "systemd-update-done.service": "job systemd-update-done",
    "systemd-journal-catalog-update.service": "job journalctl", "ldconfig.service": "job ldconfig",
    "systemd-machine-id-commit.service": "job systemd-machine-id-setup",
}

# What cron's and at's jobs are called. All else there is cron's or atd's own.
JOBS = ("apt-compat", "dpkg", "logrotate", "man-db", "zz-last", "report.sh", "at-job.sh")


def base(path):
    return path.rpartition("/")[2]


def program(event):
    """A name, as `ps` would show it: the script's where there is one."""
    return base(event.get("script") or event.get("exe", ""))


def is_passed_on(event):
    """A shell with a command line, run-parts and the like: nobody would call a job by these."""
    text = event.get("program", "")
    return text.endswith("(-c)") or text.endswith("(stdin)") or program(event) in ("run-parts", "env", "sudo", "nice")


class Process:
    def __init__(self, start):
        self.start = start
        self.ancestors = ()  # pids, the parent's first
        self.images = []  # the exec events, in their order


class Day:
    """All that a sensor saw of one host, as a tree of processes."""

    def __init__(self, events):
        self.events = events
        self._by_pid = collections.defaultdict(list)
        for event in events:
            if event["kind"] != "loss":
                self._add(event)

    def _add(self, event):
        process = self._find(event["pid"], event["start"])
        if process is None or process.start != event["start"]:
            process = Process(event["start"])
            self._by_pid[event["pid"]].append(process)
            process.ancestors = [ancestor["pid"] for ancestor in event.get("lineage", ())]
        if event["kind"] == "exec":
            process.images.append(event)

    def _find(self, pid, start):
        """Who had the pid then."""
        return max((process for process in self._by_pid[pid] if process.start <= start), default=None,
                   key=lambda process: process.start)

    def lineage(self, event):
        """From the process up. A parent that did nothing itself is not known, but the next one is."""
        process = self._find(event["pid"], event["start"])
        while process:
            yield process
            found = (self._find(pid, process.start) for pid in process.ancestors)
            process = next((ancestor for ancestor in found if ancestor), None)

    def images(self, event):
        """What the process ran, newest first, and then what its ancestors did."""
        for process in self.lineage(event):
            yield from (image for image in reversed(process.images) if image["time"] <= event["time"])

    def person(self, event):
        """What a person would call it, as a pattern."""
        if event["kind"] == "loss":
            return "unknown"
        images = list(self.images(event))
        if login := sshd_session(event, images):
            return login
        for place, image in enumerate(images):
            if act := mark(image):
                return ACTS[act]
            if landmark := self.landmark(image, images[:place], images[place + 1:]):
                return landmark
        return "boot"

    def landmark(self, image, below, above):
        """What the program is the beginning of, if anything: `below` it is what it became or started, nearest first."""
        if "--user" in image["argv"] and program(image) == "systemd":
            return f"session {image['user']}"
        if "update-motd.d" in " ".join(image["argv"]) and program(above[0]) in ("sshd", "login"):
            return f"session {image['login_user']}"
        if is_login(image, above):
            return f"session {image['user']}"
        if image.get("namespace_pid") == 1 and program(image) == "http.server":
            return "service http.server @pidns:*"
        if program(image) == "podmain":
            return f"service podmain @{CONTAINER[:12]}"
        if is_started(above) or is_daemon(image, above):
            return self.started(image, below)
        return None

    def started(self, image, below):
        """A unit's process, or a daemon of a start script."""
        unit = base(image["cgroup"].partition(".service")[0] + ".service") if ".service" in image["cgroup"] else ""
        name = next((value for pattern, value in UNITS.items() if fnmatch.fnmatch(unit, pattern)), None)
        if not unit and program(image) in ("cron", "nginx", "sshd"):
            name = f"service {program(image)}"
        if name is None:
            return f"a unit that nobody has heard of: {unit}" if unit else None
        if name in ("service cron", "service atd"):
            for candidate in reversed(below):
                if program(candidate) in JOBS and not is_passed_on(candidate):
                    return f"job {program(candidate)}"
        return name


def mark(image):
    """Of a shell that was started for an act. Others that have a mark in their arguments pass it on."""
    found = re.match(r": act=([a-z0-9-]+)", image["argv"][2]) if image["program"].endswith("(-c)") and \
        len(image["argv"]) > 2 else None
    return found[1] if found else None


def is_login(image, above):
    """A shell of somebody who has just logged in by ssh or at the console."""
    return bool(above) and program(above[0]) in ("sshd", "login") and program(image) in SHELLS and \
        not image["argv"][0].startswith("/")


def sshd_session(event, images):
    """An sshd or login of one person, once they are in."""
    if images and program(images[0]) in ("sshd", "login") and event.get("login_user"):
        return f"session {event['login_user']}"
    return None


def is_daemon(image, above):
    """One that everybody knows, and that nobody started by hand."""
    return program(image) in ("cron", "nginx", "sshd") and not image.get("script") and not any(map(mark, above)) and \
        base(image["exe"]) not in map(program, above)


def is_started(above):
    """By systemd for a unit, or by a start script."""
    if not above:
        return False
    return program(above[0]) == "systemd" and "--user" not in above[0]["argv"] or program(above[0]) == "start-stop-daemon"


def context_name(event, field="context"):
    context = event.get(field) or {"kind": "unknown"}
    name = f"{context['kind']} {context.get('name', '')}".strip()
    return name + (f" @{context['container']}" if context.get("container") else "")


def matches(actual, expected):
    return actual == expected or fnmatch.fnmatchcase(actual, expected)


def describe(event):
    words = " ".join(event.get("argv", ()))[:120]
    lineage = " < ".join(base(ancestor.get("program", "")) for ancestor in event.get("lineage", ())[:6])
    return f"{event['kind']} {event.get('program') or event.get('exe', '')} [{words}] {event.get('user', '')} " \
        f"{event.get('cgroup', '')} < {lineage}"


def table(events):
    """Event counts by context and kind, as lines of text."""
    counts = collections.Counter((re.sub(r"pidns:\d+", "pidns", context_name(event)), event["kind"]) for event in events)
    kinds = sorted({kind for _, kind in counts})
    contexts = sorted({name for name, _ in counts})
    rows = [["context", *kinds, "all"]]
    for name in contexts:
        numbers = [counts[name, kind] for kind in kinds]
        rows.append([name, *(str(number or "") for number in numbers), str(sum(numbers))])
    sums = [sum(counts[name, kind] for name in contexts) for kind in kinds]
    rows.append(["all", *map(str, sums), str(sum(sums))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [row[0].ljust(widths[0]) + "".join(text.rjust(width + 2) for text, width in zip(row[1:], widths[1:]))
            for row in rows]
