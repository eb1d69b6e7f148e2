# SPDX-License-Identifier: Apache-2.0
"""Workloads on small fleets of fake hosts, recorded; learned from, judged, and counted.

A workload has a training script, what a careful team's CI exercises, and a production script, which is later, longer and
other. Both run real programs in fake hosts, a day in seconds (simulated.py). The product learns from the training's
recordings and judges those of production. An attack runs on a production host after its days, and so does its benign twin.

A new workload is a file in workloads/, a new attack one in attacks/: a class each.
"""

import contextlib
import datetime
import functools
import importlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from fakehost import PREFIX, SYSTEMD, Disk, FakeHost, Failed, wait_for  # noqa: E402
from simulated import Clock, Day, Rewriter, UTC  # noqa: E402
from watching import SOMBRERO, Watching  # noqa: E402

TRAINING_BEGINS = datetime.date(2027, 1, 4)
PRODUCTION_BEGINS = datetime.date(2027, 3, 22)
TRAINING_DAYS = 7  # the product asks for a whole week
PRODUCTION_DAYS = 14
# What is special about production's days, by number. The 9th ends the month.
PRODUCTION_EVENTS = {2: ["reboot"], 4: ["upgrade"], 6: ["clock"], 8: ["release"], 11: ["reboot"], 12: ["release"]}
TRAINING_EVENTS = {1: ["release"], 2: ["reboot"], 3: ["upgrade"], 4: ["reboot"], 5: ["release"], 6: ["upgrade"]}
TRAINING_HOSTS = 3
PRODUCTION_HOSTS = 3

# Put before a command in a script, or given to a unit's Environment=, this gives it the simulated date. It is no program, so
# that a script is the same with it and without. Programs with jemalloc (redis) hang with it.
FAKETIME = ("LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 FAKETIME_TIMESTAMP_FILE=/etc/faketimerc "
            "FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 NO_FAKE_STAT=1")
# The host's address in its own network, and networks whose addresses its clients may have.
ADDRESS = "10.20.0.10"
# What a policy watches on any host, besides what the workload has.
WATCHED = ("/etc/**", "/var/spool/cron/**", "/usr/local/bin/**", "/usr/local/sbin/**", "/root/.ssh/**", "/home/**", "/var/www/**")
OPERATOR = "caretaker"
CLIENT_NETWORKS = ("10.20.0.0/16", "198.51.100.0/24", "203.0.113.0/24")


def say(text):
    print(f"noise: {text}", file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------------ what others write


class Workload:
    """Base of what is in workloads/. One object a host: what it remembers is that host's."""

    name = ""
    about = ""
    needs = ()  # programs that must be there
    layers = ("base",)  # of models/, which ship: a policy of that workload would include them
    packages = ()  # Debian packages that the host has besides this machine's
    files = ()  # globs of files that are watched
    watched = WATCHED  # and those of any host
    operator = True  # somebody looks after the host
    services = ()  # --service of learn and watch: as a policy of that workload would name them
    changes = ()  # --change, likewise
    megabytes = 1024  # of the disk
    volumes = ()  # directories that are on the disk itself, not on the layer
    production_days = PRODUCTION_DAYS
    training_days = TRAINING_DAYS

    def prepare(self, host):
        """Makes the host what it is, before it boots for the first time. Unseen."""

    def booted(self, host):
        """After each boot: waits until the services are there."""

    def train(self, host, day, rng):
        """A day of what CI does."""
        raise NotImplementedError

    def produce(self, host, day, rng):
        """A day in production."""
        raise NotImplementedError


class Attack:
    """Base of what is in attacks/: something an intruder does on a host of a workload, and its twin, which does
    what looks much like it and is right."""

    name = ""
    about = ""
    workload = ""
    nature = ""  # why it is missed, if that is in its nature

    def prepare(self, host):
        """Before a host boots on which this will happen: what both need that a host has anyway."""

    def attack(self, host, rng):
        raise NotImplementedError

    def twin(self, host, rng):
        raise NotImplementedError


def _classes(folder, base, key):
    found = {}
    for path in sorted((HERE / folder).glob("[a-z]*.py")):
        module = importlib.import_module(f"{folder}.{path.stem}")
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, base) and thing.name and thing.__module__ == module.__name__:
                found[key(thing)] = thing
    return found


def workloads():
    return _classes("workloads", Workload, lambda thing: thing.name)


def attacks():
    return _classes("attacks", Attack, lambda thing: (thing.workload, thing.name))


# ------------------------------------------------------------------------------------------------ recording


class Recorder(Watching):
    """`sombrero watch --record` of a host from before its boot to its end. What it has to say of files is not kept: a model judges
    them later."""

    STATUSES = (0, 3)
    PATIENCE = 60  # many directories are watched

    def __init__(self, cgroup, output, state, options=()):
        self._ndjson = output
        self._recording = output.with_suffix(".recording")
        super().__init__(cgroup, "--record", self._recording, "--state", state, "--auth-log", "none", *options)

    def stop(self, seconds=120):
        """Leaves the events as NDJSON."""
        time.sleep(0.3)  # the last events are on their way
        super().stop(seconds)
        with self._ndjson.open("wb") as out:
            subprocess.run([SOMBRERO, "watch", "--json", "--replay", self._recording], check=True, stdin=subprocess.DEVNULL,
                           stdout=out, stderr=subprocess.DEVNULL)
        self._recording.unlink()


# ------------------------------------------------------------------------------------------------- the hosts


def _is_ours(line):
    """What this bench writes into a watched file from outside of the host is none of the host's acts."""
    return '"cgroup":"' in line and f'"cgroup":"/{PREFIX}-' not in line


class Host:
    """A fake host through all its boots, on one disk, with a clock of its own. All of FakeHost is there as well:
    path(), write(), prepare(), login() …"""

    def __init__(self, name, workload, folder, phase="production"):
        self.name = name
        self.workload = workload
        self.phase = phase
        self.clock = Clock()
        self.marks = []  # (what, from, to) in real nanoseconds
        self._folder = folder
        self._disk = Disk(workload.megabytes)
        self._host = None
        self._recorder = None
        self._recordings = []
        self._upgrades = 0

    def __getattr__(self, name):
        return getattr(self._host, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def set_time(self, moment):
        self.clock.set(moment)
        # For programs that run with libfaketime: it reads this file anew.
        self.write("/etc/faketimerc", moment.strftime("@%Y-%m-%d %H:%M:%S\n"))

    def start(self, prepare=lambda host: None):
        state = self._folder / f"{self.name}.state"
        state.mkdir(exist_ok=True)
        packages = () if self._recordings else self.workload.packages
        mounts = {"/var/lib/sombrero": str(state), **({ARCHIVES: str(archives())} if packages else {})}
        self._host = FakeHost(self.name, SYSTEMD, disk=self._disk, mounts=mounts, volumes=self.workload.volumes)
        if packages:
            self._install(*packages)
        routes = "".join(f"ip route add local {network} dev lo\n" for network in CLIENT_NETWORKS)
        # A day takes seconds: what is restarted each day is not restarted too often.
        self.write("/etc/systemd/system.conf.d/noise.conf", "[Manager]\nDefaultStartLimitIntervalSec=0\n")
        self.prepare(f"ip address add {ADDRESS}/32 dev lo\n{routes}")
        prepare(self)
        # The recorder comes before systemd, so it can't see that cron is switched off: then the host has none.
        if not self.path("/etc/systemd/system/multi-user.target.wants/cron.service").is_symlink():
            self.prepare("rm -f /usr/sbin/cron /usr/sbin/anacron")
        if self.workload.operator and not self._recordings:
            self._expect_operator()
        output = self._folder / f"{self.name}.{len(self._recordings)}.ndjson"
        files = dict.fromkeys((*self.workload.watched, *self.workload.files))
        options = [*(f"--change={unit}" for unit in self.workload.changes), *(f"--files={glob}" for glob in files)]
        # The first process is there already, so that the sensor knows whose files are meant.
        (self._host.cgroup / "cgroup.procs").write_text(str(self._host.pid))
        self._recorder = Recorder(self._host.cgroup, output, state, options)
        self._recordings.append((output, time.time_ns()))
        self._host.boot(120)
        self.workload.booted(self)

    def stop(self):
        """Shuts down, as a host does."""
        self.run(*self.enter("systemctl", "--no-block", "poweroff"), check=False)
        with contextlib.suppress(Failed):
            wait_for(f"{self.name} to shut down", lambda: "populated 0" in (self.cgroup / "cgroup.events").read_text(), 60)
        self._recorder.stop()
        self._recorder.close()
        self._host.close()
        self._host = None

    def reboot(self):
        self.stop()
        self.start()

    def close(self):
        if self._host:
            self._recorder and self._recorder.close()
            self._host.close()
        self._disk.__exit__()

    def recording(self):
        """All that was recorded, in simulated time, as one file; the raw files go."""
        output = self._folder / f"{self.name}.ndjson"
        with output.open("w", errors="surrogateescape") as out:
            for raw, booted_ns in self._recordings:
                rewriter = Rewriter(self.clock, self.name, booted_ns)
                with raw.open(errors="surrogateescape") as lines:
                    out.writelines(rewriter.line(line) for line in lines if not _is_ours(line))
                raw.unlink()
        return output

    def _expect_operator(self):
        """Any host has somebody who looks after it."""
        self.add_user(OPERATOR, sudo=True)
        wants = self.path("/etc/systemd/system/multi-user.target.wants/ssh.service")
        if not wants.is_symlink():
            self.enable("ssh.service")

    def operate(self, script):
        """What that person does, in a login of their own, from another machine."""
        return self.client("ssh", *self.ssh_options(), "-b", "10.20.0.5", f"{OPERATOR}@{ADDRESS}", script, check=False)

    def _install(self, *packages):
        """Before its first boot, with this machine's network; nothing is started."""
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        enter = [word for word in self.enter("env", "DEBIAN_FRONTEND=noninteractive") if word != "--net"]
        with _packing:
            self.run(*enter, "apt-get", "-q", "-y", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root", "-o",
                     "Binary::apt-get::APT::Keep-Downloaded-Packages=true", "-o", "DPkg::Post-Invoke=", "install",
                     "--no-install-recommends", *packages, seconds=300)
        self.path("/usr/sbin/policy-rc.d").unlink()
        self.prepare(f"umount {ARCHIVES}")  # others of the fleet have it, too

    # -- what happens there

    def unit(self, name, verb="start", seconds=120, check=True):
        """Asks the host's systemd, as a timer or nobody does: not seen as anybody's."""
        try:
            return self.run(*self.enter("systemctl", verb, name), seconds=seconds, check=check)
        except Failed as failure:
            said = self.run(*self.enter("journalctl", "-o", "cat", "-u", name), check=False)
            raise Failed(f"{failure}\n{said[-2000:]}") from None

    def upgrade(self, *packages):
        """A minor upgrade of installed packages, by the unit that Debian's unattended upgrades run in."""
        self._upgrades += 1
        for package in packages:
            deb = newer(package, self._upgrades)
            shutil.copy(deb, self.path(f"/var/tmp/{deb.name}"))
        self.write("/etc/systemd/system/apt-daily-upgrade.service.d/now.conf",
                   "[Unit]\nConditionACPower=\n[Service]\nExecStartPre=\nExecStart=\n"
                   "ExecStart=/bin/sh -c 'exec apt-get -q -y --allow-downgrades -o Dpkg::Options::=--force-confold "
                   "install /var/tmp/*.deb'\n")
        self.write("/etc/apt/apt.conf.d/99noise", 'APT::Sandbox::User "root";\n')
        self.run(*self.enter("systemctl", "daemon-reload"))
        self.unit("apt-daily-upgrade.service", seconds=300)
        self.prepare("rm -f /var/tmp/*.deb")

    def visitor(self, rng):
        """An address of who comes to a web server: CI's tests from its own network, in production anyone."""
        if self.phase == "training":
            return f"10.20.4.{rng.randrange(1, 255)}"
        return f"{rng.choice(('198.51.100', '203.0.113'))}.{rng.randrange(1, 79)}"

    def rotate_logs(self):
        """As logrotate.timer does each night."""
        self.unit("logrotate.service", check=False)

    def client(self, *command, check=True, seconds=60, **options):
        """Something on another machine that reaches this one over its network."""
        return self.run(*self.network(*command), check=check, seconds=seconds, **options)

    def wait_for_port(self, port, seconds=60, address="127.0.0.1"):
        wait_for(f"port {port} of {self.name}", lambda: not subprocess.run(
            self.network("nc", "-z", address, str(port)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode, seconds, 0.1)

    @contextlib.contextmanager
    def mark(self, what):
        """What happens within is found again in the recording by this name."""
        begin = time.time_ns()
        yield
        time.sleep(0.5)
        self.marks.append((what, begin, time.time_ns()))


_packing = threading.Lock()
ARCHIVES = "/var/cache/apt/archives"


def archives():
    """Where packages stay that were fetched once."""
    folder = ROOT / "build" / "cache" / "noise" / "archives"
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    return folder


def newer(package, generation):
    """The installed version of a package with a higher number and otherwise the same, made once, as a .deb. Each generation is
    newer than the one before."""
    folder = ROOT / "build" / "cache" / "noise"
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=True, capture_output=True, text=True).stdout
    with _packing:
        deb = folder / f"{package}_{version.rpartition(':')[2]}+noise{generation}.deb"
        if deb.exists():
            return deb
        folder.mkdir(parents=True, exist_ok=True)
        run = functools.partial(subprocess.run, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        run(["apt-get", "-q", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}"])
        old = max(folder.glob(f"{package}_{version.replace(':', '%3a')}_*.deb"), key=lambda path: path.stat().st_mtime)
        unpacked = folder / f"{package}.unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        run(["dpkg-deb", "-R", old.name, unpacked.name])
        control = unpacked / "DEBIAN" / "control"
        # Packages of one source depend on each other's exact version.
        control.write_text(control.read_text().replace(version, f"{version}+noise{generation}"))
        run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", unpacked.name, deb.name])
        shutil.rmtree(unpacked)
        old.unlink()
        return deb


# ---------------------------------------------------------------------------------------------------- a fleet


def live(host, phase, seed):
    """All of a host's days."""
    workload = host.workload
    rng = random.Random(seed)
    training = phase == "training"
    begins, days, events, do = (
        (TRAINING_BEGINS, workload.training_days, TRAINING_EVENTS, workload.train) if training else
        (PRODUCTION_BEGINS, workload.production_days, PRODUCTION_EVENTS, workload.produce))
    host.clock.set(datetime.datetime.combine(begins - datetime.timedelta(days=1), datetime.time(23), UTC))
    host.start(workload.prepare)
    for number in range(days):
        do(host, Day(host, number, begins + datetime.timedelta(days=number), events.get(number, ())), rng)
        host.operate("uptime; sudo -n journalctl -n 1 --no-pager")


def suffer(host, chosen, seed):
    """The attacks on a host, and their twins, an hour each, on the day after its last."""
    begins = datetime.datetime.combine(PRODUCTION_BEGINS, datetime.time(0), UTC)
    moment = begins + datetime.timedelta(days=host.workload.production_days)
    for attack in chosen:
        for what in ("twin", "attack"):
            host.set_time(moment)
            moment += datetime.timedelta(hours=1)
            with host.mark(f"{what} {attack.name}"):
                getattr(attack, what)(host, random.Random(f"{seed} {what} {attack.name}"))


class Fleet:
    """The hosts of one workload in one phase, all at once; each in a thread of its own, since it ends with that."""

    def __init__(self, workload, phase, count, folder, chosen_attacks=()):
        self.workload = workload
        self.phase = phase
        self.recordings = {}  # host → file
        self.marks = []
        self._count = count
        self._folder = folder
        self._attacks = chosen_attacks
        self._failures = []

    def _one(self, number):
        seed = {"training": 1, "production": 2}[self.phase] * 1000 + number
        suffered = [attack() for attack in self._attacks] if number == 0 else []
        workload = self.workload()
        begin = time.monotonic()
        with Host(f"{workload.name}-{'ci' if self.phase == 'training' else 'prod'}-{number}", workload, self._folder,
                  self.phase) as host:
            prepare = workload.prepare
            workload.prepare = lambda h: (prepare(h), [attack.prepare(h) for attack in suffered])
            live(host, self.phase, seed)
            suffer(host, suffered, seed)
            host.stop()
            self.recordings[host.name] = host.recording()
            self.marks += [(what, host.name, host.clock.simulated(begin), host.clock.simulated(end))
                           for what, begin, end in host.marks]
        say(f"{host.name}: {self.phase} took {time.monotonic() - begin:.0f} s")

    def _guarded(self, number):
        try:
            self._one(number)
        except BaseException as failure:  # noqa: BLE001: told by run()
            self._failures.append(failure)

    def run(self, at_once):
        """Raises the first failure."""
        pending = list(range(self._count))
        while pending:
            threads = [threading.Thread(target=self._guarded, args=(number,)) for number in pending[:at_once]]
            pending = pending[at_once:]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if self._failures:
                raise self._failures[0]
        self._file.write_text(json.dumps({"recordings": {host: path.name for host, path in self.recordings.items()},
                                          "marks": self.marks}))
        return self

    @property
    def _file(self):
        return self._folder / f"{self.phase}.json"

    def load(self):
        """What an earlier run recorded and left there."""
        if not self._file.exists():
            raise Failed(f"{self._file} is not there: record with --keep first")
        kept = json.loads(self._file.read_text())
        self.recordings = {host: self._folder / name for host, name in kept["recordings"].items()}
        self.marks = kept["marks"]
        return self


def merge(recordings, output):
    """Recordings of several hosts as one, in the order of time; sorted on disk, since they may be large."""
    with output.open("wb") as out:
        subprocess.run(["sort", "--merge", "--stable", "-k1,1", *map(str, recordings)], check=True, stdout=out,
                       env={**os.environ, "LC_ALL": "C"})
    return output


def folder_of(name):
    return ROOT / "build" / "noise" / name


def folder_for(name):
    """An empty one for a workload's recordings; they can be large, and go when it is through."""
    folder = folder_of(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
