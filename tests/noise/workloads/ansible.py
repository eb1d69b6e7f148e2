# SPDX-License-Identifier: Apache-2.0
"""A host that is configured by Ansible: a control node comes over ssh, and another part is pulled by cron.

The control node is not on the host: it runs beside it, and what is seen is the login that it makes and what the services do that
it restarts. Runs are repeated without a change, as in life; now and then the playbook is another one.
"""

import shlex

from harness import ADDRESS, Workload

PLAYBOOK = """- hosts: all
  become: true
  gather_facts: true
  tasks:
    - user: { name: site, system: true, shell: /usr/sbin/nologin }
    - file: { path: /srv/site, state: directory, owner: site }
    - apt: { name: nginx, state: present }
    - template: { src: site.conf.j2, dest: /etc/nginx/conf.d/site.conf }
      notify: restart nginx
    - copy: { content: "#!/bin/sh\\nset -e\\ndate >/srv/site/tick\\nEXTRA\\n", dest: /usr/local/bin/site-tick, mode: "0755" }
    - cron: { name: tick, user: root, minute: "*", job: /usr/local/bin/site-tick }
    - git: { repo: /srv/content.git, dest: /srv/site/content, version: main }
    - lineinfile: { path: /etc/security/limits.conf, line: "site soft nofile 4096" }
    - command: nginx -t
      changed_when: false
    - shell: "ps ax | grep -c nginx"
      changed_when: false
    - service: { name: nginx, state: started, enabled: true }
  handlers:
    - name: restart nginx
      service: { name: nginx, state: restarted }
"""
PULLED = """- hosts: localhost
  connection: local
  gather_facts: true
  tasks:
    - copy: { content: "motd EXTRA\\n", dest: /etc/motd }
    - file: { path: /srv/pulled, state: directory }
    - command: uptime
      changed_when: false
    - service: { name: cron, state: started }
"""
TEMPLATE = "server { listen 8080; root /srv/site/content; access_log /var/log/nginx/site.log; # {{ ansible_hostname }} EXTRA\n}\n"


class Ansible(Workload):
    name = "ansible"
    about = "a control node over ssh with a dozen modules, again and again, and ansible-pull by cron"
    layers = ("base", "sshd")
    packages = ("ansible-core", "python3-apt")
    needs = ("nginx", "git", "sshd")
    files = ("/etc/nginx/**", "/srv/site/**")
    megabytes = 2048

    def prepare(self, host):
        host.add_user("deploy", sudo=True)
        host.prepare("systemctl -q enable ssh cron nginx; rm -rf /etc/nginx/sites-enabled/*; install -m 600 /home/deploy/.ssh/authorized_keys /root/known;"
                     "git config --system safe.directory '*'; git config --system user.email a@example.org; git config --system user.name a;"
                     "for name in content pull; do git init -q --bare -b main /srv/$name.git; git clone -q /srv/$name.git /root/$name 2>/dev/null; done;"
                     "mkdir /root/control; rm -rf /var/lib/apt/lists; mkdir -p /var/lib/apt/lists/partial /etc/apt/sources.list.d; rm -f /etc/apt/sources.list.d/*")
        host.write("/root/control/key", host.key.read_text(), 0o600)
        host.write("/etc/cron.d/ansible-pull", "* * * * * root ansible-pull -o -U /srv/pull.git -d /var/lib/ansible-pull -i localhost, local.yml "
                   ">>/var/log/ansible-pull.log 2>&1\n")
        host.write("/usr/local/bin/pull-now", "#!/bin/sh\nexec ansible-pull -U /srv/pull.git -d /var/lib/ansible-pull -i localhost, local.yml\n", 0o755)
        host.write("/etc/systemd/system/pull-now.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/pull-now\n")
        self.change(host, ":", "1")

    def change(self, host, extra, number):
        """The repository and the control node have something new."""
        host.write("/root/control/site.yml", PLAYBOOK.replace("EXTRA", extra))
        host.write("/root/control/site.conf.j2", TEMPLATE.replace("EXTRA", number))
        host.write("/root/content/index.html", f"<p>{number}\n")
        host.write("/root/pull/local.yml", PULLED.replace("EXTRA", number))
        host.prepare(f"for name in content pull; do cd /root/$name; git add .; git commit -q -m {number} || true; git push -q origin HEAD:main; done")

    def booted(self, host):
        host.wait_for_port(22)

    def apply(self, host, check=True):
        """A run of the control node, which is in the host's network and nowhere else of it."""
        script = (f"cd /root/control && ANSIBLE_HOST_KEY_CHECKING=false ANSIBLE_LOCAL_TEMP=/tmp/control HOME=/root/control ansible-playbook -i {ADDRESS}, -u deploy "
                  "--private-key key --ssh-extra-args '-o UserKnownHostsFile=/dev/null -o ControlPersist=no' site.yml")
        return host.run(*host.enter("sh", "-c", script), check=check, seconds=120)

    def visit(self, host, rng):
        host.client("curl", "-s", "-o", "/dev/null", "--interface", f"198.51.100.{rng.randrange(1, 255)}", f"http://{ADDRESS}:8080/", check=False)

    def ad_hoc(self, host, command):
        host.login("deploy", f"sudo sh -c {shlex.quote(command)}", check=False)

    def train(self, host, day, rng):
        for hour in day.hours():
            if hour == 8:
                self.apply(host)
                host.unit("pull-now.service", seconds=120)
            if hour == 12 and "release" in day:
                self.change(host, ":", "2")
                self.apply(host)
            if hour == 13 and "reboot" in day:
                host.reboot()
            if hour in (9, 15):
                self.visit(host, rng)

    def produce(self, host, day, rng):
        for hour in day.hours():
            if hour == 8:
                self.apply(host)
            if hour == 9 and rng.random() < 0.5:
                host.unit("pull-now.service", seconds=120)
            if 9 < hour < 18 and rng.random() < 0.3:
                self.visit(host, rng)
            if hour == 11 and "release" in day:
                # The second one has the script do what it did not.
                self.change(host, ":" if day.number < 10 else "uptime >/srv/site/up", str(day.number))
                self.apply(host)
            if hour == 14 and rng.random() < 0.3:
                self.ad_hoc(host, "systemctl status nginx; ls /srv/site; tail /var/log/nginx/site.log")
            if hour == 18 and "reboot" in day:
                host.reboot()
