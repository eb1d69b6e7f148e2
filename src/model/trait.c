/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what is known of programs, ports and paths by their names: lists. It reads a behaviour's texts as a model has
 * them (escaped, normalised), allocates nothing, and judges nothing: that is severity.c's.
 */
#include "model/trait_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "model/cover_priv.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const names[TRAIT_COUNT] = {
	[TRAIT_SERVICE] = "service",
	[TRAIT_JOB] = "job or boot",
	[TRAIT_NEW_CONTEXT] = "in a new context",
	[TRAIT_SHELL] = "shell",
	[TRAIT_INTERPRETER] = "interpreter",
	[TRAIT_CODE] = "with code from its arguments or its input",
	[TRAIT_TYPED] = "with code from its input",
	[TRAIT_LOADER] = "run through the dynamic loader",
	[TRAIT_MEMFD] = "in no file",
	[TRAIT_ANYONES] = "in a directory that anyone may write to",
	[TRAIT_HIDDEN] = "hidden by a dot",
	[TRAIT_ELSEWHERE] = "outside the system's directories",
	[TRAIT_OFFENSIVE] = "attack tool",
	[TRAIT_RELAY] = "relay",
	[TRAIT_DOWNLOADER] = "transfer tool",
	[TRAIT_RECON] = "reconnaissance tool",
	[TRAIT_LOOK] = "tool that reads",
	[TRAIT_STORE] = "database tool",
	[TRAIT_MASTER] = "tool that stops others",
	[TRAIT_ALTER] = "tool that changes files",
	[TRAIT_ADMIN] = "administration tool",
	[TRAIT_RIGHTS] = "tool that changes the user",
	[TRAIT_BUILD] = "compiler or package manager",
	[TRAIT_SETUID_HELPER] = "usual set-uid helper",
	[TRAIT_ROOT] = "root",
	[TRAIT_CAPABILITIES] = "capabilities",
	[TRAIT_GROUP] = "group",
	[TRAIT_LOOPBACK] = "loopback",
	[TRAIT_METADATA] = "metadata address",
	[TRAIT_RESOLVER] = "resolver",
	[TRAIT_INTERNET] = "internet",
	[TRAIT_INSIDE] = "private or named network",
	[TRAIT_EVERYWHERE] = "every address",
	[TRAIT_WEB_PORT] = "web port",
	[TRAIT_NAME_PORT] = "name server's port",
	[TRAIT_TIME_PORT] = "time server's port",
	[TRAIT_LOGIN_PORT] = "port for logging in",
	[TRAIT_USUAL_PORT] = "usual port",
	[TRAIT_EPHEMERAL] = "ephemeral port",
	[TRAIT_UDP] = "udp",
	[TRAIT_PACKET] = "packet socket",
	[TRAIT_PING] = "icmp",
	[TRAIT_NOTHING] = "none",
	[TRAIT_ACCOUNTS] = "accounts and keys",
	[TRAIT_PERSISTENCE] = "what is run later",
	[TRAIT_LOGIN_RECORDS] = "records of logins",
	[TRAIT_PROGRAM_FILE] = "programs and libraries",
	[TRAIT_SETTINGS] = "settings",
	[TRAIT_CERTIFICATES] = "certificates",
	[TRAIT_WEB_ROOT] = "below a web root",
	[TRAIT_RUNNABLE] = "script or library",
	[TRAIT_STEERING] = "steering file",
	[TRAIT_CACHE] = "cache",
	[TRAIT_TEMPORARY] = "temporary",
	[TRAIT_LOG] = "log",
	[TRAIT_ALREADY_SHELL] = "the context starts shells already",
	[TRAIT_ALREADY_BESIDE] = "the context starts what lies beside it already",
	[TRAIT_ALREADY_OUT] = "the program reaches that network already, or another of the context that port there",
	[TRAIT_ALREADY_REACHED] = "the context is reached from that network already",
	[TRAIT_ALREADY_PORT] = "the program is reached at that port already",
	[TRAIT_ALREADY_LISTENS] = "the program listens outside loopback already",
	[TRAIT_ALREADY_ROOT] = "the context runs something as root already",
	[TRAIT_ALREADY_GAINS] = "another program of the context gains the same already",
	[TRAIT_ALREADY_DIRECTORY] = "the program writes such files in that directory already",
};

const char *trait_name(enum trait trait)
{
	return names[trait];
}

/* ---- words ---- */

/* Is `text` (of `size` bytes) one of the words in `list`, which are separated by blanks? */
static bool is_listed(const char *list, const char *text, size_t size)
{
	while (*list) {
		size_t word = strcspn(list, " ");

		if (word == size && memcmp(list, text, size) == 0)
			return true;
		list += word;
		list += strspn(list, " ");
	}
	return false;
}

/* ---- programs ---- */

struct trait_list {
	enum trait trait;
	const char *words; /* separated by blanks; of programs without their version */
};

static const struct trait_list programs[] = {
	{ TRAIT_SHELL, "sh dash bash rbash ash hush zsh ksh mksh pdksh yash posh csh tcsh fish busybox toybox" },
	{ TRAIT_INTERPRETER, "python pypy perl ruby node nodejs php lua luajit tclsh expect" },
	{ TRAIT_OFFENSIVE,
	  "nmap masscan zmap rustscan hydra medusa ncrack john hashcat sqlmap nikto gobuster ffuf dirb "
	  "msfconsole msfvenom responder bettercap ettercap arpspoof mimipenguin linpeas pspy chisel frpc "
	  "frps ngrok gost proxychains proxychains4 iodine dnscat xmrig minerd cpuminer gdb strace ltrace "
	  "tcpdump dumpcap tshark" },
	{ TRAIT_RELAY, "nc ncat netcat socat telnet http.server SimpleHTTPServer pty script screen tmux" },
	{ TRAIT_DOWNLOADER,
	  "curl wget aria2c lftp ftp tftp fetch ssh scp sftp rsync smbclient rclone lynx links w3m axel" },
	{ TRAIT_RECON,
	  "id whoami w who last lastlog lastb users groups logname netstat ss arp ifconfig route lsof lsmod "
	  "dmesg getcap capsh pstree finger arp-scan nbtscan dig host nslookup traceroute lsns" },
	{ TRAIT_LOOK,
	  "uname hostname hostnamectl ps df mount findmnt ip getent env printenv lscpu lsblk lspci lsb_release "
	  "free uptime top vmstat cat ls dir find locate grep head tail less more strings xxd od base64 base32 "
	  "stat file du tree awk mawk gawk getconf dpkg-query rpm nproc tar zip 7z sysctl ping" },
	{ TRAIT_STORE,
	  "mysql mysqldump mariadb mariadb-dump mariadb-backup xtrabackup psql pg_dump pg_dumpall pg_basebackup "
	  "redis-cli redis-benchmark mongo mongosh mongodump mongoexport sqlite sqlite3 ldapsearch clickhouse-client "
	  "cqlsh influx etcdctl" },
	{ TRAIT_MASTER,
	  "systemctl service invoke-rc.d initctl rc-service loginctl busctl kill killall pkill pgrep skill" },
	{ TRAIT_ALTER,
	  "chmod chown chgrp touch truncate dd mkfifo mknod losetup openssl gpg gpg2 age ccrypt mcrypt cryptsetup" },
	{ TRAIT_ADMIN,
	  "crontab at batch useradd usermod userdel adduser deluser groupadd gpasswd passwd chpasswd chage "
	  "chsh visudo vipw insmod modprobe rmmod kmod chattr setcap setfacl iptables ip6tables nft ufw "
	  "xtables-nft-multi nsenter unshare auditctl setenforce aa-disable debugfs docker ctr nerdctl "
	  "kubectl runc systemd-run update-rc.d chroot swapoff shutdown reboot halt poweroff telinit "
	  "ssh-keygen shred wipe srm ldconfig" },
	{ TRAIT_RIGHTS, "su sudo sudoedit pkexec doas newgrp sg runas" },
	{ TRAIT_BUILD,
	  "gcc g++ cc c++ clang tcc as ld make cmake go rustc cargo apt apt-get aptitude dpkg yum dnf zypper apk "
	  "snap pip pipx npm npx yarn pnpm gem bundle composer cpan javac" },
	{ TRAIT_SETUID_HELPER,
	  "sendmail exim exim4 postdrop postqueue maildrop procmail dotlockfile unix_chkpwd "
	  "utempter ssh-keysign dbus-daemon-launch-helper ping ping6 arping fusermount fusermount3 "
	  "mount.nfs chkpwd mtr-packet" },
};

const char *trait_programs(enum trait trait)
{
	for (size_t i = 0; i < COUNT(programs); i++) {
		if (programs[i].trait == trait)
			return programs[i].words;
	}
	return NULL;
}

/* A program's text in its parts, which point into it. */
struct parts {
	const char *exe;
	size_t exe_size;
	const char *class; /* what stands within the parentheses: "-c", "#!/srv/run"; "" without any */
	size_t class_size;
	const char *script; /* within the class; NULL where it has no path */
	size_t script_size;
};

static bool begins(const char *text, size_t size, const char *prefix)
{
	size_t length = strlen(prefix);

	return size >= length && memcmp(text, prefix, length) == 0;
}

static struct parts split(const char *program)
{
	struct parts parts = { .exe = program, .exe_size = strcspn(program, "("), .class = "" };
	const char *open = program + parts.exe_size;

	if (!*open)
		return parts;
	parts.class = open + 1;
	parts.class_size = strcspn(parts.class, ")");
	for (const char *at = parts.class; at < parts.class + parts.class_size; at++) {
		if (*at != '/')
			continue;
		if (at == parts.class || begins(parts.class, parts.class_size, "#!") ||
		    begins(parts.class, parts.class_size, "ld.so:")) {
			parts.script = at;
			parts.script_size = parts.class_size - (size_t)(at - parts.class);
		}
		break;
	}
	return parts;
}

static bool class_is(const struct parts *parts, const char *class)
{
	return parts->class_size == strlen(class) && memcmp(parts->class, class, parts->class_size) == 0;
}

/* What stands after the last slash. */
static const char *base_of(const char *path, size_t *size)
{
	const char *slash = memrchr(path, '/', *size), *base = slash ? slash + 1 : path;

	*size -= (size_t)(base - path);
	return base;
}

/* Of /usr/bin/nc.openbsd, python3.11, x86_64-linux-gnu-gcc-12: nc, python, gcc. Narrows the base name to that. */
static const char *plain_name(const char *base, size_t *size)
{
	static const char target[] = "-linux-gnu-";
	const char *after = memmem(base, *size, target, sizeof(target) - 1), *dot;

	if (after) {
		after += sizeof(target) - 1;
		*size -= (size_t)(after - base);
		base = after;
	}
	dot = memchr(base, '.', *size);
	if (dot && dot > base)
		*size = (size_t)(dot - base);
	while (*size > 1 && ((base[*size - 1] >= '0' && base[*size - 1] <= '9') || strchr("-*", base[*size - 1])))
		(*size)--;
	return base;
}

/* The traits that a name gives, as it is or without its version. */
static uint64_t traits_of_name(const char *base, size_t size)
{
	size_t plain_size = size;
	const char *plain = plain_name(base, &plain_size);
	uint64_t traits = 0;

	for (size_t i = 0; i < COUNT(programs); i++) {
		if (is_listed(programs[i].words, base, size) || is_listed(programs[i].words, plain, plain_size))
			traits |= TRAIT_BIT(programs[i].trait);
	}
	return traits;
}

static bool is_below_any(const char *const *tops, const char *path, size_t size)
{
	for (; *tops; tops++) {
		size_t length = strlen(*tops);

		if (size > length && memcmp(path, *tops, length) == 0 && path[length] == '/')
			return true;
	}
	return false;
}

static const char *const anyones[] = { "/tmp", "/var/tmp", "/dev/shm", "/run/user", "/run/lock", "/dev/mqueue", NULL };
static const char *const system_places[] = { "/usr/bin",           "/usr/sbin",  "/bin",   "/sbin",
					     "/usr/lib",           "/lib",       "/lib64", "/usr/lib64",
					     "/usr/libexec",       "/usr/share", "/snap",  "/nix/store",
					     "/var/lib/dpkg/info", "/usr/lib32", NULL };

static uint64_t traits_of_place(const char *path, size_t size)
{
	size_t base_size = size;
	const char *base = base_of(path, &base_size);
	uint64_t traits = 0;

	if (is_below_any(anyones, path, size))
		traits |= TRAIT(ANYONES);
	if (base_size && *base == '.')
		traits |= TRAIT(HIDDEN);
	if (!is_below_any(system_places, path, size))
		traits |= TRAIT(ELSEWHERE);
	return traits;
}

static bool is_multi_call(const char *base, size_t size)
{
	return is_listed("busybox toybox coreutils", base, size);
}

static uint64_t traits_of_class(const struct parts *parts)
{
	if (class_is(parts, "-c"))
		return TRAIT(CODE);
	if (class_is(parts, "stdin"))
		return TRAIT(CODE) | TRAIT(TYPED);
	return begins(parts->class, parts->class_size, "ld.so:") ? TRAIT(LOADER) : 0;
}

/* A name that says what runs: the applet's, the module's, that of a script. */
static uint64_t traits_of_names(const struct parts *parts)
{
	size_t size = parts->exe_size, script_size = parts->script_size;
	const char *base = base_of(parts->exe, &size), *script;
	bool module = begins(parts->class, parts->class_size, "-m:");
	uint64_t traits;

	if (module && is_multi_call(base, size))
		return traits_of_name(parts->class + 3, parts->class_size - 3);
	traits = traits_of_name(base, size);
	if (module)
		traits |= traits_of_name(parts->class + 3, parts->class_size - 3);
	if (!parts->script)
		return traits;
	script = base_of(parts->script, &script_size);
	/* A package's script is what it is called, whatever it is written in. */
	if (is_below_any(system_places, parts->script, parts->script_size))
		traits &= ~(TRAIT(SHELL) | TRAIT(INTERPRETER));
	return traits | traits_of_name(script, script_size);
}

static uint64_t traits_of_program(const char *program)
{
	struct parts parts = split(program);
	uint64_t traits = traits_of_class(&parts);

	if (begins(program, parts.exe_size, "memfd:"))
		return traits | TRAIT(MEMFD);
	if (*program != '/')
		traits |= TRAIT(ELSEWHERE);
	else
		traits |= traits_of_names(&parts) | traits_of_place(parts.exe, parts.exe_size);
	if (parts.script)
		traits |= traits_of_place(parts.script, parts.script_size);
	/* This one makes things milder, so it takes more than a name: it lies where packages put it. */
	return traits & TRAIT(ELSEWHERE) ? traits & ~TRAIT(SETUID_HELPER) : traits;
}

/* ---- networks ---- */

/* The next word of an object, which is taken off it. */
static const char *next_word(const char **object, size_t *size)
{
	const char *word = *object;

	*size = strcspn(word, " ");
	*object = word + *size + (word[*size] == ' ');
	return word;
}

static const struct trait_list ports[] = {
	{ TRAIT_WEB_PORT, "80 443" },
	{ TRAIT_NAME_PORT, "53 5353 853" },
	{ TRAIT_TIME_PORT, "123" },
	{ TRAIT_LOGIN_PORT, "22 23 512 513 514 2222 3389 445 135 139 5900 5985 5986 2375 2376 10250" },
	{ TRAIT_USUAL_PORT,
	  "80 443 53 853 123 25 465 587 110 143 993 995 88 389 636 464 749 67 68 547 161 162 111 2049 514 "
	  "6514 601 1514 3306 5432 6432 1433 1521 27017 6379 26379 11211 9042 7000 9200 9300 5601 2379 2380 "
	  "4222 5671 5672 15672 9092 9093 2181 1883 8883 8080 8443 8000 8081 8008 8888 3000 5000 9000 9090 "
	  "9091 9100 9125 8125 8126 8200 8300 8301 8302 8500 8600 4317 4318 6831 14268 24224 5044 3128 6443 "
	  "50051" },
};

static const struct trait_list networks[] = {
	{ TRAIT_LOOPBACK, "loopback" },         { TRAIT_METADATA, "metadata" }, { TRAIT_RESOLVER, "resolver" },
	{ TRAIT_INTERNET, "internet unknown" }, { TRAIT_EVERYWHERE, "any" },
};

static uint64_t traits_of_list(const struct trait_list *list, size_t count, const char *word, size_t size)
{
	uint64_t traits = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_listed(list[i].words, word, size))
			traits |= TRAIT_BIT(list[i].trait);
	}
	return traits;
}

static uint64_t traits_of_net(const char *object)
{
	size_t size;
	const char *word = next_word(&object, &size);
	uint64_t traits = is_listed("udp", word, size) ? TRAIT(UDP) : 0, network;

	word = next_word(&object, &size);
	if (is_listed("ephemeral *", word, size))
		traits |= TRAIT(EPHEMERAL);
	else
		traits |= traits_of_list(ports, COUNT(ports), word, size);
	network = traits_of_list(networks, COUNT(networks), object, strlen(object));
	/* A pattern may be anything, so it is the worst. */
	if (strchr(object, '*'))
		network = TRAIT(INTERNET);
	return traits | (network ? network : TRAIT(INSIDE));
}

static uint64_t traits_of_user(const char *user)
{
	if (strcmp(user, "root") == 0 || strcmp(user, "uid:0") == 0 || strchr(user, '*'))
		return TRAIT(ROOT);
	if (strcmp(user, "capabilities") == 0)
		return TRAIT(CAPABILITIES);
	return strcmp(user, "group") == 0 ? TRAIT(GROUP) : 0;
}

static uint64_t traits_of_raw(const char *object)
{
	if (strchr(object, '*') || strcmp(object, "packet") == 0)
		return TRAIT(PACKET);
	return strstr(object, " icmp") ? TRAIT(PING) : 0;
}

/* ---- files ---- */

/* How a path is recognised. */
enum path_test {
	IS,      /* it is that */
	BELOW,   /* it is that or below it */
	NAME,    /* its last segment is one of these words */
	HAS,     /* it has that in it */
	ENDS_IN, /* its extension is one of these words */
};

struct path_rule {
	enum trait trait;
	enum path_test test;
	const char *text;
};

static const struct path_rule paths[] = {
	{ TRAIT_NOTHING, IS, BEHAVIOUR_WRITE_NOTHING },
	{ TRAIT_ACCOUNTS, NAME, "shadow gshadow passwd group opasswd subuid subgid krb5.keytab" },
	{ TRAIT_ACCOUNTS, BELOW, "/etc/sudoers.d" },
	{ TRAIT_ACCOUNTS, IS, "/etc/sudoers" },
	{ TRAIT_ACCOUNTS, BELOW, "/etc/pam.d" },
	{ TRAIT_ACCOUNTS, NAME, "authorized_keys authorized_keys2 .netrc .pgpass .git-credentials" },
	{ TRAIT_ACCOUNTS, HAS, "/.ssh/" },
	{ TRAIT_ACCOUNTS, HAS, "/.aws/" },
	{ TRAIT_ACCOUNTS, HAS, "/.kube/" },
	{ TRAIT_ACCOUNTS, BELOW, "/etc/ssh" },
	{ TRAIT_ACCOUNTS, BELOW, "/etc/polkit-1" },
	{ TRAIT_PERSISTENCE, IS, "/etc/ld.so.preload" },
	{ TRAIT_PERSISTENCE, IS, "/etc/ld.so.conf" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/ld.so.conf.d" },
	{ TRAIT_PERSISTENCE, IS, "/etc/crontab" },
	{ TRAIT_PERSISTENCE, IS, "/etc/anacrontab" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/cron.d" },
	{ TRAIT_PERSISTENCE, HAS, "/etc/cron." },
	{ TRAIT_PERSISTENCE, BELOW, "/var/spool/cron" },
	{ TRAIT_PERSISTENCE, BELOW, "/var/spool/at" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/systemd" },
	{ TRAIT_PERSISTENCE, BELOW, "/usr/lib/systemd" },
	{ TRAIT_PERSISTENCE, BELOW, "/lib/systemd" },
	{ TRAIT_PERSISTENCE, BELOW, "/run/systemd/system" },
	{ TRAIT_PERSISTENCE, HAS, "/.config/systemd/" },
	{ TRAIT_PERSISTENCE, HAS, "/.config/autostart/" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/init.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/rc.local" },
	{ TRAIT_PERSISTENCE, HAS, "/etc/rc" },
	{ TRAIT_PERSISTENCE, IS, "/etc/inittab" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/profile.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/update-motd.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/udev" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/modules-load.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/modprobe.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/apt/apt.conf.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/NetworkManager/dispatcher.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/logrotate.d" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/network" },
	{ TRAIT_PERSISTENCE, BELOW, "/etc/environment" },
	{ TRAIT_PERSISTENCE, IS, "/etc/bash.bashrc" },
	{ TRAIT_PERSISTENCE, IS, "/etc/modules" },
	{ TRAIT_PERSISTENCE, NAME,
	  "profile .profile .bashrc .bash_profile .bash_login .bash_logout .zshrc .zprofile "
	  ".zshenv .cshrc .tcshrc .kshrc .xinitrc .xprofile sitecustomize.py usercustomize.py" },
	{ TRAIT_LOGIN_RECORDS, NAME,
	  "wtmp btmp utmp lastlog auth.log secure faillog audit.log .bash_history .zsh_history" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/bin" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/sbin" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/bin" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/sbin" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/local/bin" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/local/sbin" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/local/lib" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/lib" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/lib64" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/usr/libexec" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/lib" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/lib64" },
	{ TRAIT_PROGRAM_FILE, BELOW, "/boot" },
	{ TRAIT_CERTIFICATES, BELOW, "/etc/letsencrypt" },
	{ TRAIT_CERTIFICATES, BELOW, "/etc/ssl" },
	{ TRAIT_CERTIFICATES, BELOW, "/etc/pki" },
	{ TRAIT_SETTINGS, BELOW, "/etc" },
	{ TRAIT_WEB_ROOT, BELOW, "/var/www" },
	{ TRAIT_WEB_ROOT, BELOW, "/srv" },
	{ TRAIT_WEB_ROOT, BELOW, "/usr/share/nginx" },
	{ TRAIT_WEB_ROOT, BELOW, "/usr/share/phpmyadmin" },
	{ TRAIT_WEB_ROOT, HAS, "/webapps/" },
	{ TRAIT_WEB_ROOT, HAS, "/htdocs/" },
	{ TRAIT_WEB_ROOT, HAS, "/public_html/" },
	{ TRAIT_WEB_ROOT, HAS, "/wwwroot/" },
	{ TRAIT_WEB_ROOT, HAS, "/public/" },
	{ TRAIT_WEB_ROOT, HAS, "/wp-content/" },
	{ TRAIT_WEB_ROOT, HAS, "/cgi-bin/" },
	{ TRAIT_RUNNABLE, ENDS_IN,
	  "php php3 php4 php5 php7 php8 phtml phar pht inc jsp jspx jspf war jar class asp aspx ashx "
	  "cgi pl pm py pyc rb lua js mjs cjs sh bash so ko elf bin exe ps1" },
	{ TRAIT_STEERING, NAME,
	  ".htaccess .htpasswd .user.ini .env web.config wp-config.php settings.php config.php "
	  "composer.json package.json Gemfile requirements.txt nginx.conf" },
	{ TRAIT_CACHE, HAS, "/cache/" },
	{ TRAIT_CACHE, HAS, "/.cache/" },
	{ TRAIT_CACHE, HAS, "/views/" },
	{ TRAIT_CACHE, HAS, "/compiled/" },
	{ TRAIT_CACHE, HAS, "/templates_c/" },
	{ TRAIT_CACHE, HAS, "/__pycache__/" },
	{ TRAIT_TEMPORARY, BELOW, "/tmp" },
	{ TRAIT_TEMPORARY, BELOW, "/var/tmp" },
	{ TRAIT_TEMPORARY, BELOW, "/dev/shm" },
	{ TRAIT_TEMPORARY, BELOW, "/run" },
	{ TRAIT_TEMPORARY, BELOW, "/var/cache" },
	{ TRAIT_TEMPORARY, BELOW, "/var/spool" },
	{ TRAIT_LOG, BELOW, "/var/log" },
	{ TRAIT_LOG, ENDS_IN, "log" },
};

static bool path_fits(const struct path_rule *rule, const char *path, const char *base)
{
	const char *dot = strrchr(base, '.');

	switch (rule->test) {
	case IS:
		return strcmp(path, rule->text) == 0;
	case BELOW:
		return path_is_below(path, rule->text);
	case NAME:
		return is_listed(rule->text, base, strlen(base));
	case HAS:
		return strstr(path, rule->text);
	case ENDS_IN:
		return dot && dot > base && is_listed(rule->text, dot + 1, strlen(dot + 1));
	}
	return false;
}

static uint64_t traits_of_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	uint64_t traits = 0;

	for (size_t i = 0; i < COUNT(paths); i++) {
		if (path_fits(&paths[i], path, base))
			traits |= TRAIT_BIT(paths[i].trait);
	}
	return traits;
}

/* ---- what a pattern covers ---- */

/* What makes nothing milder. */
#define WORSE_PROGRAM                                                                                             \
	(TRAIT(SHELL) | TRAIT(INTERPRETER) | TRAIT(OFFENSIVE) | TRAIT(RELAY) | TRAIT(DOWNLOADER) | TRAIT(RECON) | \
	 TRAIT(STORE) | TRAIT(MASTER) | TRAIT(ALTER) | TRAIT(ADMIN) | TRAIT(RIGHTS))
#define WORSE_PATH                                                                                             \
	(TRAIT(ACCOUNTS) | TRAIT(PERSISTENCE) | TRAIT(LOGIN_RECORDS) | TRAIT(PROGRAM_FILE) | TRAIT(SETTINGS) | \
	 TRAIT(WEB_ROOT) | TRAIT(RUNNABLE) | TRAIT(STEERING))

/* Is there a path that the pattern covers and that is called like this: the texts one after the other? */
static bool covers(const char *pattern, const char *place, const char *between, const char *name, size_t size)
{
	char path[2 * BEHAVIOUR_OBJECT_MAX];
	int length = snprintf(path, sizeof(path), "%s%s%.*s", place, between, (int)size, name);

	return length > 0 && (size_t)length < sizeof(path) && pattern_covers(pattern, path);
}

/* A name that the pattern's last segment covers, for places that a pattern above it reaches. */
static void name_within(const char *pattern, char name[BEHAVIOUR_OBJECT_MAX])
{
	const char *base = strrchr(pattern, '/');
	size_t size = 0;

	for (base = base ? base + 1 : pattern; *base && size + 1 < BEHAVIOUR_OBJECT_MAX; base++) {
		if (*base != '*' || !size || name[size - 1] != '-')
			name[size++] = *base == '*' ? '-' : *base;
	}
	name[size] = '\0';
}

/* Is one of the listed names covered in that place? */
static bool covers_any(const char *pattern, const char *place, const char *list)
{
	while (*list) {
		size_t size = strcspn(list, " ");

		if (covers(pattern, place, "/", list, size))
			return true;
		list += size;
		list += strspn(list, " ");
	}
	return false;
}

static uint64_t traits_of_covered_programs(const char *program)
{
	char pattern[BEHAVIOUR_OBJECT_MAX], name[BEHAVIOUR_OBJECT_MAX];
	uint64_t traits = 0;
	size_t size = strcspn(program, "(");

	if (!memchr(program, '*', size) || size >= sizeof(pattern))
		return 0;
	memcpy(pattern, program, size);
	pattern[size] = '\0';
	name_within(pattern, name);
	for (const char *const *place = anyones; *place; place++)
		traits |= covers(pattern, *place, "/", name, strlen(name)) ? TRAIT(ANYONES) : 0;
	for (const char *const *place = system_places; *place; place++) {
		for (size_t i = 0; i < COUNT(programs); i++)
			traits |= covers_any(pattern, *place, programs[i].words) ? TRAIT_BIT(programs[i].trait) : 0;
	}
	return traits & (WORSE_PROGRAM | TRAIT(ANYONES));
}

/*
 * Names that matter in any directory count where the pattern goes any deep, or into a home: what folds a directory's
 * children to one star would else be taken for leave to write a .bashrc there.
 */
static bool reaches_homes(const char *pattern)
{
	return strstr(pattern, "**") || path_is_below(pattern, "/home") || path_is_below(pattern, "/root");
}

static bool covers_rule(const char *pattern, const char *top, const char *name, const struct path_rule *rule)
{
	switch (rule->test) {
	case IS:
		return covers(pattern, rule->text, "", "", 0);
	case BELOW:
		return covers(pattern, rule->text, "/", name, strlen(name));
	case NAME:
		return reaches_homes(pattern) && covers_any(pattern, top, rule->text);
	case HAS:
		return reaches_homes(pattern) && covers(pattern, top, rule->text, name, strlen(name));
	case ENDS_IN:
		break;
	}
	return false;
}

static uint64_t traits_of_covered_paths(const char *pattern)
{
	char top[BEHAVIOUR_OBJECT_MAX], name[BEHAVIOUR_OBJECT_MAX];
	uint64_t traits = 0;
	const char *slash = strrchr(pattern, '/');
	size_t size = 0;

	if (!slash || !strchr(pattern, '*'))
		return 0;
	name_within(pattern, name);
	for (const char *at = pattern; at < slash && size + 1 < sizeof(top); at++)
		top[size++] = *at == '*' ? '-' : *at;
	top[size] = '\0';
	for (size_t i = 0; i < COUNT(paths); i++)
		traits |= covers_rule(pattern, top, name, &paths[i]) ? TRAIT_BIT(paths[i].trait) : 0;
	return traits & WORSE_PATH;
}

uint64_t traits_covered(const struct behaviour *line)
{
	return traits_of_covered_programs(line->program) |
	       (line->kind == BEHAVIOUR_WRITE ? traits_of_covered_paths(line->object) : 0);
}

/* ---- what is known already ---- */

/* So many lines of a kind are looked at; what only others know is judged as if nobody knew it. */
#define LOOKED_AT_MAX 2048

struct look {
	const struct behaviour *behaviour;
	bool asks_shells; /* that others are shells matters to a shell only */
	uint64_t already;
	unsigned seen;
};

static bool same_word(const char *one, const char *other)
{
	return strcmp(one, other) == 0;
}

/* The place that tells one program from its neighbours: the script's directory, else the executable's. */
static const char *place_of(const char *program, size_t *size)
{
	struct parts parts = split(program);
	const char *path = parts.script ? parts.script : parts.exe;
	const char *slash;

	*size = parts.script ? parts.script_size : parts.exe_size;
	slash = memrchr(path, '/', *size);
	*size = slash ? (size_t)(slash - path) + 1 : 0;
	return path;
}

static bool same_place(const char *one, const char *other)
{
	size_t size, other_size;

	one = place_of(one, &size);
	other = place_of(other, &other_size);
	return size && size == other_size && memcmp(one, other, size) == 0;
}

static const char *last_word(const char *object)
{
	const char *blank = strrchr(object, ' ');

	return blank ? blank + 1 : object;
}

static bool same_directory(const char *one, const char *other)
{
	const char *slash = strrchr(one, '/');

	return slash && !strncmp(one, other, (size_t)(slash - one) + 1) && !strchr(other + (slash - one) + 1, '/');
}

/* The protocol and the port: all but the network. */
static bool same_port(const char *one, const char *other)
{
	size_t size = (size_t)(last_word(one) - one), other_size = (size_t)(last_word(other) - other);

	return size == other_size && memcmp(one, other, size) == 0;
}

static uint64_t already_net(const struct behaviour *behaviour, const struct behaviour *known)
{
	bool same_program = same_word(behaviour->program, known->program);
	bool same_network = same_word(last_word(behaviour->object), last_word(known->object));

	if (known->kind == BEHAVIOUR_ACCEPT)
		return (same_network ? TRAIT(ALREADY_REACHED) : 0) |
		       (same_program && same_port(behaviour->object, known->object) ? TRAIT(ALREADY_PORT) : 0);
	if (known->kind == BEHAVIOUR_LISTEN)
		return same_program && !same_word(last_word(known->object), "loopback") ? TRAIT(ALREADY_LISTENS) : 0;
	return (same_program && same_network) || same_word(behaviour->object, known->object) ? TRAIT(ALREADY_OUT) : 0;
}

static bool is_shell(const struct behaviour *known)
{
	return traits_of_program(known->program) & TRAIT(SHELL);
}

/* That a directory is written to says nothing of scripts and libraries: those must have been written there, too. */
static bool is_such_a_file(const char *one, const char *other)
{
	return same_directory(one, other) && traits_of_path(other) & TRAIT(RUNNABLE);
}

static uint64_t already_line(const struct look *look, const struct behaviour *known)
{
	const struct behaviour *behaviour = look->behaviour;
	bool same_program = same_word(behaviour->program, known->program);

	switch (known->kind) {
	case BEHAVIOUR_EXEC:
		return (look->asks_shells && is_shell(known) ? TRAIT(ALREADY_SHELL) : 0) |
		       (same_place(behaviour->program, known->program) ? TRAIT(ALREADY_BESIDE) : 0);
	case BEHAVIOUR_OWNER:
		return traits_of_user(known->object) & TRAIT(ROOT) ? TRAIT(ALREADY_ROOT) : 0;
	case BEHAVIOUR_PRIVILEGE:
		return same_word(behaviour->object, known->object) ? TRAIT(ALREADY_GAINS) : 0;
	case BEHAVIOUR_WRITE:
		return same_program && is_such_a_file(behaviour->object, known->object) ? TRAIT(ALREADY_DIRECTORY) : 0;
	case BEHAVIOUR_ACCEPT:
	case BEHAVIOUR_CONNECT:
	case BEHAVIOUR_LISTEN:
		return already_net(behaviour, known);
	default:
		return 0;
	}
}

static int look(void *owner, struct model_entry *entry)
{
	struct look *look = owner;

	look->already |= already_line(look, &entry->behaviour);
	return ++look->seen == LOOKED_AT_MAX;
}

static uint64_t already(const struct behaviour *behaviour, struct model *known)
{
	struct look state = { .behaviour = behaviour };

	state.asks_shells = behaviour->kind == BEHAVIOUR_EXEC && traits_of_program(behaviour->program) & TRAIT(SHELL);

	if (!known)
		return 0;
	if (!model_has_context(known, behaviour))
		return TRAIT(NEW_CONTEXT);
	(void)model_each_alike(known, behaviour, look, &state);
	return state.already;
}

/* ---- all of it ---- */

static uint64_t traits_of_object(const struct behaviour *behaviour)
{
	switch (behaviour->kind) {
	case BEHAVIOUR_ACCEPT:
	case BEHAVIOUR_CONNECT:
	case BEHAVIOUR_LISTEN:
		return traits_of_net(behaviour->object);
	case BEHAVIOUR_OWNER:
	case BEHAVIOUR_PRIVILEGE:
		return traits_of_user(behaviour->object);
	case BEHAVIOUR_RAW:
		return traits_of_raw(behaviour->object);
	case BEHAVIOUR_WRITE:
		return traits_of_path(behaviour->object);
	default:
		return 0;
	}
}

uint64_t traits_of(const struct behaviour *behaviour, struct model *known)
{
	uint64_t context = behaviour->context_kind == CONTEXT_SERVICE ? TRAIT(SERVICE) : TRAIT(JOB);

	return context | traits_of_program(behaviour->program) | traits_of_object(behaviour) |
	       already(behaviour, known);
}
