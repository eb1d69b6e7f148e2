# SPDX-License-Identifier: Apache-2.0
"""A host that people and machines log in to: keys, passwords, certificates' failures, sudo, su, copies, tmux, agents, tunnels.

What a session does is no model's business. What is left is sshd's own, logind's, what systemd starts for each user, and what
somebody told cron or systemd to do.
"""

import os
import pty
import select
import subprocess
import time

from harness import ADDRESS, Workload

SSHD = """UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
UseDNS no
AcceptEnv LANG LC_*
X11Forwarding yes
AllowAgentForwarding yes
PrintMotd no
Subsystem sftp /usr/lib/openssh/sftp-server
Match User files
    ForceCommand internal-sftp
"""
MOTD = "#!/bin/sh\nuname -snrvm\n[ ! -e /var/run/reboot-required ] || echo 'reboot required'\ndf -h / | tail -n 1\n"
WATCHDOG = "#!/bin/sh\nsystemctl is-active ssh >/dev/null || systemctl restart ssh\nwho | wc -l >/run/people\n"
USER_TIMER = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'date >>%h/tick; ls %h | wc -l >%h/count'\n"
USER_SERVICE = "[Service]\nExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 8123\nRestart=on-failure\n"


class Logins(Workload):
    name = "logins"
    about = "sshd, people with keys and passwords, sudo, su, copies, tmux, agents, user services, failed logins"
    layers = ("base", "sshd")
    packages = ("libpam-ssh-agent-auth", "libpam-pwquality", "acl")
    needs = ("sshd", "sudo", "tmux", "rsync")
    files = ("/etc/ssh/**", "/etc/sudoers.d/**", "/etc/pam.d/**", "/var/spool/cron/**")

    def prepare(self, host):
        host.write("/etc/ssh/sshd_config", SSHD)
        for name in ("alice", "bob"):
            host.add_user(name, sudo=True, password="Right-4711")
        host.add_user("carol", password="Right-4711")
        host.add_user("files")
        host.add_user("robot")
        host.write("/root/.ssh/authorized_keys", host.key.with_suffix(".pub").read_text(), 0o600)
        host.write("/etc/update-motd.d/20-host", MOTD, 0o755)
        host.write("/usr/local/bin/watchdog", WATCHDOG, 0o755)
        host.write("/etc/cron.d/watchdog", "* * * * * root /usr/local/bin/watchdog\n")
        host.write("/home/bob/.config/systemd/user/tick.service", USER_TIMER)
        host.write("/home/bob/.config/systemd/user/tick.timer", "[Timer]\nOnActiveSec=1\nOnUnitActiveSec=20\n[Install]\nWantedBy=timers.target\n")
        host.write("/home/bob/.config/systemd/user/web.service", USER_SERVICE + "[Install]\nWantedBy=default.target\n")
        host.prepare("chmod 700 /root/.ssh; chown -R bob: /home/bob; mkdir -p /var/lib/systemd/linger; systemctl -q enable ssh cron;"
                     "sudo -u bob sh -c 'cd ~/.config/systemd/user; mkdir -p timers.target.wants default.target.wants;"
                     "ln -s ../tick.timer timers.target.wants/; ln -s ../web.service default.target.wants/'")
        script = host.folder / "askpass"
        script.write_text('#!/bin/sh\necho "$PASSWORD"\n')
        script.chmod(0o755)

    def booted(self, host):
        host.wait_for_port(22)

    # -- who comes

    def source(self, rng):
        return f"{rng.choice(('198.51.100', '203.0.113', '10.20.1'))}.{rng.randrange(1, 255)}"

    def ssh(self, host, rng, user, *arguments):
        """sshd may be about to be restarted: a login that fails is one of the day's."""
        host.client("ssh", *host.ssh_options(), "-b", self.source(rng), f"{user}@{ADDRESS}", *arguments, check=False)

    def by_password(self, host, rng, user, password, *arguments):
        askpass = host.folder / "askpass"
        if not askpass.exists():
            askpass.write_text('#!/bin/sh\necho "$PASSWORD"\n')
            askpass.chmod(0o755)
        environment = {**os.environ, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "PASSWORD": password}
        host.client("ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                    "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", "-b", self.source(rng), f"{user}@{ADDRESS}",
                    *arguments, check=False, env=environment)

    def interactive(self, host, rng, user, *lines):
        """Somebody types at a terminal."""
        ours, theirs = pty.openpty()
        command = host.network("ssh", "-tt", *host.ssh_options(), "-b", self.source(rng), f"{user}@{ADDRESS}")
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
            os.close(theirs)
            for line in (*lines, "exit"):
                self.await_prompt(ours)
                os.write(ours, line.encode() + b"\n")
            self.await_prompt(ours, 1)
            process.kill()
        os.close(ours)

    @staticmethod
    def await_prompt(terminal, seconds=5):
        """What is typed before a program reads may be thrown away by it."""
        deadline = time.monotonic() + seconds
        text = b""
        while not any(prompt in text[-6:] for prompt in (b"$ ", b"# ")) and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    text += os.read(terminal, 4096)
                except OSError:
                    return

    def copies(self, host, rng, user):
        options = " ".join([*host.ssh_options(), "-b", self.source(rng)])
        script = host.folder / "ssh-by-key"
        script.write_text(f'#!/bin/sh\nexec ssh {options} "$@"\n')
        script.chmod(0o755)
        host.client("scp", "-q", "-S", str(script), "/etc/hostname", f"{user}@{ADDRESS}:copied", check=False)
        host.client("sh", "-c", f"echo 'get copied /dev/null' | sftp -q -S {script} -b - {user}@{ADDRESS}", check=False)
        host.client("rsync", "-q", "-e", str(script), "/etc/hostname", f"{user}@{ADDRESS}:synced", check=False)

    def tunnel(self, host, rng):
        command = host.ssh("alice", "-N", "-L", "18080:127.0.0.1:22", "-R", "18081:127.0.0.1:22")
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as client:
            time.sleep(0.7)
            host.client("sh", "-c", "nc -w 1 127.0.0.1 18080 </dev/null; nc -w 1 127.0.0.1 18081 </dev/null", check=False)
            client.terminate()

    def many_at_once(self, host, rng, count):
        clients = [subprocess.Popen(host.network("ssh", *host.ssh_options(), "-b", self.source(rng), f"{rng.choice(('alice', 'bob', 'robot'))}@{ADDRESS}",
                                                 "sleep 0.2; uptime"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(count)]
        for client in clients:
            client.wait(60)

    def ordinary(self, host, rng):
        """What happens on any day."""
        self.interactive(host, rng, "alice", "id; ls -la; sudo journalctl -n 3 --no-pager; sudo -u bob id; df -h")
        self.interactive(host, rng, "bob", "uptime; sudo -i", "whoami; ps ax | head; exit")
        self.ssh(host, rng, "robot", "cat /proc/loadavg")
        self.copies(host, rng, "robot")
        self.by_password(host, rng, "carol", "Right-4711", "id")
        self.by_password(host, rng, rng.choice(("carol", "oracle", "root", "admin")), "wrong", "id")
        self.ssh(host, rng, "nobody-here", "id")

    def seldom(self, host, rng):
        """What happens now and then: some of it, in any order."""
        acts = [
            lambda: self.ssh(host, rng, "alice", "tmux -L a new-session -d 'sleep 2; date'; tmux -L a ls"),
            lambda: self.ssh(host, rng, "alice", "sudo su - carol -c 'id; crontab -l; echo \"*/5 * * * * date >/dev/null\" | crontab -'"),
            lambda: self.ssh(host, rng, "bob", "sudo apt-get -y -q check; sudo systemctl status ssh --no-pager >/dev/null; dpkg -l | wc -l"),
            lambda: self.ssh(host, rng, "root", "passwd -S alice; chage -d 0 carol; chage -d 2027-01-01 carol"),
            lambda: self.ssh(host, rng, "alice", "sudo systemctl reload ssh"),
            lambda: self.tunnel(host, rng),
            lambda: self.many_at_once(host, rng, rng.randint(4, 12)),
            lambda: self.ssh(host, rng, "alice", "nohup sh -c 'sleep 1; date' >/dev/null 2>&1 </dev/null &"),
            lambda: host.client("sh", "-c", f"eval $(ssh-agent) >/dev/null; ssh-add -q {host.key}; ssh -A {' '.join(host.ssh_options())} alice@{ADDRESS} "
                                "'ssh -o StrictHostKeyChecking=no -o LogLevel=ERROR bob@127.0.0.1 id'; kill $SSH_AGENT_PID", check=False),
            lambda: self.interactive(host, rng, "alice", "vi -c ':q!' /tmp/x", "python3 -c 'print(1)'; top -b -n 1 | head -n 3"),
            lambda: self.ssh(host, rng, "bob", "systemctl --user start tick.service; systemctl --user list-timers --no-pager >/dev/null"),
            lambda: self.ssh(host, rng, "bob", "loginctl enable-linger bob; sleep 0.5; loginctl disable-linger bob"),
            lambda: host.client("sh", "-c", f"echo 'put /etc/hostname there' | sftp -q {' '.join(host.ssh_options())} -b - files@{ADDRESS}", check=False),
            lambda: self.ssh(host, rng, "alice", "sudo useradd -m temporary; sudo userdel -r temporary"),
            lambda: host.client("sh", "-c", f"for i in 1 2 3; do echo SSH-2.0-scan | nc -w 1 {ADDRESS} 22; nc -z {ADDRESS} 22; done", check=False),
        ]
        for act in rng.sample(acts, rng.randint(2, 5)):
            act()
            host.wait_for_port(22)

    def train(self, host, day, rng):
        for hour in day.hours():
            if hour == 9:
                self.ordinary(host, rng)
            if hour == 10:
                host.unit("ssh.service", "reload")
                self.seldom(host, rng)
            if hour == 12 and "release" in day:
                self.release(host, "")
            if hour == 13 and "reboot" in day:
                host.reboot()

    def release(self, host, extra):
        """sshd's settings, by a declared change that reloads it."""
        host.write("/usr/local/bin/deploy-sshd", "#!/bin/sh\nset -e\n"
                   f"printf '%s\\n' 'LogLevel VERBOSE' '{extra}' >/etc/ssh/sshd_config.d/site.conf\nsshd -t\nsystemctl reload ssh\n", 0o755)
        host.run(*host.enter("systemd-run", "-q", "--scope", "--unit=sombrero-change-sshd", "/usr/local/bin/deploy-sshd"))

    def produce(self, host, day, rng):
        for hour in day.hours():
            if hour in (8, 14, 20) and rng.random() < 0.7:
                self.ordinary(host, rng)
            if hour == 10:
                self.seldom(host, rng)
            if hour == 5 and "upgrade" in day:
                host.upgrade("openssh-server", "openssh-client", "openssh-sftp-server", "sudo")
                host.wait_for_port(22)
            if hour == 11 and "release" in day:
                self.release(host, "ClientAliveInterval 60")
            if hour == 18 and "reboot" in day:
                host.reboot()
