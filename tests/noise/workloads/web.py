# SPDX-License-Identifier: Apache-2.0
"""nginx, php-fpm and mariadb with a small application: logins, uploads with thumbnails, mail, nightly work."""

import base64

from harness import ADDRESS, FAKETIME, Workload

SITE = """server {
	listen 80 default_server;
	root /srv/www/public;
	index index.php;
	client_max_body_size 20m;
	error_page 404 500 502 /error.html;
	location / { try_files $uri /index.php$is_args$args; }
	location ~ \\.php$ { include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
		fastcgi_pass unix:/run/php/php8.2-fpm.sock; }
}
"""

INDEX = r"""<?php
require __DIR__ . '/../lib.php';
session_start();
switch ($_GET['do'] ?? 'home') {
case 'login':
	$_SESSION['user'] = $_POST['user'] ?? 'guest';
	query('INSERT INTO visits (who, at) VALUES (?, NOW())', $_SESSION['user']);
	echo 'hello ', htmlspecialchars($_SESSION['user']);
	break;
case 'upload':
	$name = bin2hex(random_bytes(12)) . '.' . strtolower(pathinfo($_FILES['file']['name'], PATHINFO_EXTENSION));
	move_uploaded_file($_FILES['file']['tmp_name'], "/srv/www/uploads/$name") or http_response_code(400);
	exec('/usr/bin/convert ' . escapeshellarg("/srv/www/uploads/$name") . ' -resize 32x32 ' .
		escapeshellarg("/srv/www/thumbs/$name.png") . ' 2>&1', $said, $status);
	if ($status) { error_log(implode(' ', $said)); http_response_code(500); }
	echo $name;
	break;
case 'order':
	query('INSERT INTO orders (what, at) VALUES (?, NOW())', $_POST['what'] ?? '?');
	mail($_POST['mail'] ?? 'someone@example.org', 'Your order', "Thank you for ordering.\n");
	echo 'ordered';
	break;
case 'ping': // a hole: what a visitor names comes into a shell
	echo shell_exec('getent hosts ' . $_GET['host']);
	break;
case 'report':
	foreach (query('SELECT what, COUNT(*) FROM orders GROUP BY what ORDER BY 2 DESC LIMIT 10') as $row)
		echo implode(' ', $row), "\n";
	break;
case 'fail':
	throw new RuntimeException('asked for');
default:
	echo 'home of ', htmlspecialchars($_SESSION['user'] ?? 'nobody');
}
"""

LIBRARY = r"""<?php
function query($sql, ...$values) {
	static $db;
	$db = $db ?? new PDO('mysql:host=127.0.0.1;dbname=shop', 'shop', 'secret');
	$statement = $db->prepare($sql);
	$statement->execute($values);
	return $statement->fetchAll(PDO::FETCH_NUM);
}
"""

CRON = r"""<?php
require '/srv/www/lib.php';
foreach (glob('/srv/www/uploads/*') as $file)
	if (!file_exists('/srv/www/thumbs/' . basename($file) . '.png'))
		unlink($file);
$orders = query('SELECT COUNT(*) FROM orders WHERE at > NOW() - INTERVAL 1 HOUR')[0][0];
if ($orders > 0)
	mail('shop@example.org', "$orders orders", "There were $orders orders.\n");
if (date('j') == 1)
	file_put_contents('/srv/www/reports/' . date('Y-m') . '.csv', implode("\n", array_map(fn($r) => implode(',', $r),
		query('SELECT what, COUNT(*) FROM orders GROUP BY what'))));
"""

BACKUP = """#!/bin/sh
set -e
to=/var/backups/shop/shop-$(FAKETIME date +%Y-%m-%d-%H%M%S).sql.gz
mysqldump --single-transaction shop | gzip >"$to"
ls -1t /var/backups/shop/*.sql.gz | tail -n +8 | xargs -r rm
"""

# Stands for a mailer: keeps what it gets.
SENDMAIL = "#!/bin/sh\nexec cat >/var/spool/shop/$(date +%s%N).$$.eml\n"

SCHEMA = """CREATE DATABASE shop; CREATE USER shop@localhost IDENTIFIED BY 'secret'; GRANT ALL ON shop.* TO shop@localhost;
CREATE TABLE shop.visits (who VARCHAR(200), at DATETIME); CREATE TABLE shop.orders (what VARCHAR(200), at DATETIME);"""

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4"/></svg>'
PNM = b"P3 1 1 255 9 9 9\n"


class Web(Workload):
    name = "web"
    about = "nginx, php-fpm and mariadb: logins, uploads, thumbnails, mail, cron, backup, log rotation"
    needs = ("nginx", "php-fpm8.2", "mariadbd", "convert")
    files = ("/srv/www/**", "/var/log/nginx/**", "/var/lib/php/sessions/**", "/var/spool/shop/**", "/var/backups/shop/**",
             "/etc/nginx/**")
    version = 1

    def prepare(self, host):
        host.write("/etc/nginx/sites-available/default", SITE)
        host.write("/srv/www/public/index.php", INDEX)
        host.write("/srv/www/public/error.html", "sorry")
        host.write("/srv/www/public/style.css", "body { }")
        host.write("/srv/www/lib.php", LIBRARY)
        host.write("/srv/www/cron.php", CRON)
        host.write("/usr/sbin/sendmail", SENDMAIL, 0o755)
        host.write("/usr/local/bin/shop-backup", BACKUP.replace("FAKETIME", FAKETIME), 0o755)
        host.write("/etc/systemd/system/shop-backup.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/shop-backup\n")
        variables = FAKETIME.replace(" ", "\nEnvironment=")
        host.write("/etc/systemd/system/shop-cron.service", "[Service]\nType=oneshot\nUser=www-data\nEnvironment="
                   f"{variables}\nExecStart=/usr/bin/php /srv/www/cron.php\n")
        host.write("/etc/systemd/system/logrotate.service.d/time.conf", f"[Service]\nEnvironment={variables}\n"
                   "ExecStart=\nExecStart=/usr/sbin/logrotate /etc/logrotate.conf\nPrivateTmp=no\nProtectSystem=no\n")
        host.write("/etc/mysql/mariadb.conf.d/90-small.cnf", "[mysqld]\ninnodb_buffer_pool_size=32M\n"
                   "slow_query_log=1\nslow_query_log_file=/var/log/mysql/slow.log\nlong_query_time=5\n")
        host.prepare("mkdir -p /srv/www/uploads /srv/www/thumbs /srv/www/reports /var/backups/shop /var/spool/shop\n"
                     "chown www-data: /srv/www/uploads /srv/www/thumbs /srv/www/reports; chmod 1777 /var/spool/shop\n"
                     "install -d -o mysql -g adm /var/log/mysql; rm -f /var/log/nginx/*.log* /etc/logrotate.d/postgres* /var/log/redis/*\n"
                     "chmod 755 /etc/logrotate.d; sed -i 's/^pm.max_children.*/pm.max_children = 4/' /etc/php/8.2/fpm/pool.d/www.conf")
        host.enable("nginx.service", "php8.2-fpm.service", "mariadb.service")

    def booted(self, host):
        host.wait_for_port(80)
        host.wait_for_port(3306)
        if not host.path("/var/lib/mysql/shop").exists():
            host.prepare(f'mysql -e "{SCHEMA}"')

    # -- visitors

    def visit(self, host, rng, *words, do, check=False):
        source = host.visitor(rng)
        return host.client("curl", "-s", "-m", "20", "--interface", source, *words, f"http://{ADDRESS}/?do={do}", check=check)

    def log_in(self, host, rng):
        self.visit(host, rng, "-d", f"user=user{rng.randrange(10000)}", do="login")

    def upload(self, host, rng, name, content):
        path = host.folder / name
        path.write_bytes(content)
        self.visit(host, rng, "-F", f"file=@{path}", do="upload")

    def order(self, host, rng, what):
        self.visit(host, rng, "-d", f"what={what}&mail=user{rng.randrange(999)}@example.org", do="order")

    # -- what is scheduled

    def hourly(self, host, day):
        host.unit("shop-cron.service")
        if day.hour % 12 == 9:
            host.unit("phpsessionclean.service")
        if day.hour == 0:
            host.rotate_logs()
        if day.hour == 2:
            host.unit("shop-backup.service")

    def release(self, host, index):
        self.version += 1
        host.write("/srv/new/index.php", index)
        host.write("/usr/local/bin/deploy-shop", "#!/bin/sh\nset -e\nrsync -a /srv/new/ /srv/www/public/\n"
                   "systemctl reload php8.2-fpm\n", 0o755)
        host.run(*host.enter("systemd-run", "-q", "--scope", f"--unit=sombrero-change-shop-{self.version}", "/usr/local/bin/deploy-shop"))

    def train(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day)
            self.log_in(host, rng)
            if hour == 8:
                for name, content in (("a.png", PNG), ("b.gif", GIF), ("broken.jpg", b"none")):
                    self.upload(host, rng, name, content)
                self.order(host, rng, "apple")
                self.visit(host, rng, do="report")
                self.visit(host, rng, do="fail")
                self.visit(host, rng, do="ping&host=localhost")
                host.client("curl", "-s", "-m", "9", f"http://{ADDRESS}/style.css", f"http://{ADDRESS}/none/at/all")
            if hour == 10:
                host.unit("nginx.service", "reload")
                host.unit("php8.2-fpm.service", "reload")
            if hour == 12 and "release" in day:
                self.release(host, INDEX + "// again\n")
            if hour == 11 and "upgrade" in day:
                host.upgrade("nginx", "nginx-common")
                host.wait_for_port(80)
            if hour == 13 and "reboot" in day:
                host.reboot()
            if hour == 15 and day.number == 0:
                for unit in ("mariadb", "php8.2-fpm", "nginx"):
                    host.unit(f"{unit}.service", "restart")
                self.booted(host)

    def produce(self, host, day, rng):
        for hour in day.hours():
            self.hourly(host, day)
            for _ in range(rng.randrange(1, 5) if 7 <= hour < 22 else 1):
                rng.choice((self.log_in, self._browse, self._buy, self._share))(host, rng)
            if hour == 6 and "upgrade" in day:
                host.upgrade("nginx", "nginx-common")
                host.wait_for_port(80)
            if hour == 9 and day.number == 3:
                host.unit("nginx.service", "reload")
            if hour == 11 and "release" in day:
                # The second release looks at what was uploaded before it is converted: another program.
                self.release(host, INDEX + "// words\n" if day.number < 10 else INDEX.replace(
                    "exec('/usr/bin/convert", "exec('/usr/bin/identify ' . escapeshellarg(\"/srv/www/uploads/$name\"));\n\texec('/usr/bin/convert"))
            if hour == 14 and day.number == 5:
                host.unit("mariadb.service", "restart")
                host.wait_for_port(3306)
            if hour == 17 and "reboot" in day:
                host.reboot()

    def _browse(self, host, rng):
        host.client("curl", "-s", "-m", "9", f"http://{ADDRESS}/style.css", f"http://{ADDRESS}/{rng.getrandbits(32):x}.html",
                    f"http://{ADDRESS}/?do={rng.choice(('home', 'report', 'fail'))}", check=False)

    def _buy(self, host, rng):
        self.order(host, rng, rng.choice(("apple", "pear", "fig", "caf%C3%A9")))

    def _share(self, host, rng):
        name, content = rng.choice((("IMG_%d.PNG", PNG), ("x%d.gif", GIF), ("drawing-%d.svg", SVG), ("scan.%d.ppm", PNM),
                                    ("big-%d.png", PNG + bytes(3 << 20)), ("no-extension-%d", PNG), ("text%d.txt", b"hello")))
        self.upload(host, rng, name % rng.randrange(1000), content)
