# SPDX-License-Identifier: Apache-2.0
"""The intruder's side of attacks, in the fake host's network and nowhere else, and short ways to write an attack down.

What is served does no harm: the programs say who they run as, and shells that call back are told to do that and to leave.
"""

import contextlib
import subprocess

from harness import ADDRESS, HERE, Attack, Failed  # it also finds fakehost
from fakehost import end_with_parent

INTRUDER = "203.0.113.66"
SHELL = 4444  # its port for shells that call back
WEB = f"http://{INTRUDER}:443"  # no services of a workload have that port

SERVER = HERE / "intruder_server.py"


@contextlib.contextmanager
def intruder(host):
    """Its machine, which serves programs, takes what is sent and tells shells what to do, while the block lasts."""
    with subprocess.Popen(host.network("/usr/bin/python3", str(SERVER), INTRUDER), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, preexec_fn=end_with_parent) as server:
        if server.stdout.readline() != "ready\n":
            raise Failed("the intruder's machine did not begin")
        try:
            yield
        finally:
            server.kill()


def define(module, workload, *attacks, natures=None):
    """Makes classes of (name, about, attack(host, rng), twin(host, rng)[, prepare(host)]), for one workload. `natures`: by name,
    why one is missed that can't be seen."""
    for name, about, attack, twin, *prepare in attacks:
        def begin(self, host, rng, do=attack):
            with intruder(host):
                do(host, rng)

        methods = {"attack": begin, "twin": staticmethod(twin), "__module__": module["__name__"]}
        if prepare:
            methods["prepare"] = staticmethod(prepare[0])
        module[name.title().replace(" ", "")] = type(name, (Attack,), {"name": name, "about": about, "workload": workload,
                                                                         "nature": (natures or {}).get(name, ""), **methods})


# ---- what is right: ways for twins


def unit(*names):
    """What is scheduled, as it is."""
    def twin(host, rng):
        for name in names:
            host.unit(name, check=False)
    return twin


def operator(script):
    """Somebody who is responsible, in a login of their own."""
    return lambda host, rng: host.operate(script)


def change(script):
    """A declared change does it."""
    def twin(host, rng):
        host.write("/opt/site-change", f"#!/bin/sh\n{script}\n", 0o755)
        host.run(*host.enter("systemd-run", "-q", "--scope", f"--unit=sombrero-change-site-{rng.getrandbits(32)}", "/opt/site-change"))
    return twin


def request(host, *words, seconds=8):
    """A visitor's request by curl."""
    source = "10.20.3.7" if host.workload.name in ("redis", "deploys") else "198.51.100.7"  # as the workload's visitors have them
    return host.client("curl", "-s", "-m", str(seconds), "--interface", source, *words, check=False)


__all__ = ["ADDRESS", "INTRUDER", "SHELL", "WEB", "change", "define", "intruder", "operator", "request", "unit"]
