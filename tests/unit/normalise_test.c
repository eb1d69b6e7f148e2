/* SPDX-License-Identifier: Apache-2.0 */
/* What is incidental is taken off a path, and nothing else. */
#include "model/normalise.h"
#include "model_text.h"

static const struct {
	const char *path, *normal; /* NULL: stays */
} path_rows[] = {
	/* uuids */
	{ "/var/lib/x/3f2a9c1b-77aa-4e01-8899-aabbccddeeff", "/var/lib/x/*" },
	{ "/var/lib/x/3F2A9C1B-77AA-4E01-8899-AABBCCDDEEFF/run.sh", "/var/lib/x/*/run.sh" },
	{ "/x/docker-3f2a9c1b-77aa-4e01-8899-aabbccddeeff.scope", "/x/docker-*.scope" },
	{ "/x/3f2a9c1b-77aa-4e01-8899-aabbccddeef", NULL },
	/* hashes */
	{ "/srv/app/app.3f2a9c1b77aa01.js", "/srv/app/app.*.js" },
	{ "/srv/app/3f2a9c1b77aa", "/srv/app/*" },
	{ "/srv/app/3f2a9c1b77a", NULL },
	{ "/srv/app/cafebabecafe", NULL },
	{ "/x/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope", "/x/docker-*.scope" },
	{ "/x/sha256:0123456789abcdef0123456789abcdef", "/x/sha256:*" },
	{ "/x/app3f2a9c1b77aa01", NULL },
	{ "/x/123456789012", "/x/*" },
	/* pids */
	{ "/proc/1234/exe", "/proc/*/exe" },
	{ "/proc/1/task/22/comm", "/proc/*/task/*/comm" },
	{ "/proc/self/exe", NULL },
	{ "/proc/sys/net/ipv4/ip_forward", NULL },
	{ "/run/1234", NULL },
	{ "/srv/proc/1234", NULL },
	/* releases */
	{ "/srv/app/releases/42/bin/run", "/srv/app/releases/*/bin/run" },
	{ "/srv/app/releases/20261124113546/bin/run", "/srv/app/releases/*/bin/run" },
	{ "/srv/app/releases/20261124-113546-3f2a9c1/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/2026-11-24/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/3f2a9c1/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/abc4567/run", "/srv/app/releases/*/run" },
	{ "/srv/app/versions/7/run", "/srv/app/versions/*/run" },
	{ "/srv/app/deploys/1700000000/run", "/srv/app/deploys/*/run" },
	{ "/srv/app/releases/current/run", NULL },
	{ "/srv/app/releases/1.2.3/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/v42/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/v1.2.3-rc1/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/1.2.3-beta.2/run", "/srv/app/releases/*/run" },
	{ "/srv/app/deploys/2.0-3f2a9c1/run", "/srv/app/deploys/*/run" },
	{ "/srv/app/releases/beta/run", NULL },
	{ "/srv/app/releases/v/run", NULL },
	{ "/srv/app/releases/1.2./run", NULL },
	{ "/srv/app/releases/.1/run", NULL },
	{ "/srv/app/releases/1.2.3-evil/run", NULL },
	{ "/srv/app/releases/.../run", NULL },
	{ "/srv/app/versions/1.2.3/run", NULL },
	{ "/srv/app/versions/v42/run", NULL },
	{ "/srv/app/releases/defaced/run", NULL },
	{ "/home/a/.pyenv/versions/3.11.4/bin/python", NULL },
	{ "/home/a/.nvm/versions/node/v18.19.0/bin/node", NULL },
	{ "/snap/amazon-ssm-agent/7628/amazon-ssm-agent", "/snap/amazon-ssm-agent/*/amazon-ssm-agent" },
	{ "/snap/amazon-ssm-agent/current/amazon-ssm-agent", NULL },
	/* dates */
	{ "/var/backups/db-2026-11-24.sql.gz", "/var/backups/db-*.sql.gz" },
	{ "/var/backups/db_2026_11_24.sql", "/var/backups/db_*.sql" },
	{ "/var/backups/db-20261124.sql", "/var/backups/db-*.sql" },
	{ "/var/backups/dump20261124.sql", "/var/backups/dump*.sql" },
	{ "/var/backups/db-20261124T113546Z.sql", "/var/backups/db-*.sql" },
	{ "/var/backups/db-2026-11-24T11:35:46.123+00:00.sql", "/var/backups/db-*.sql" },
	{ "/var/backups/db-2026-11-24_11-35-46.tar.gz", "/var/backups/db-*.tar.gz" },
	{ "/var/log/access.log-20261124.gz", "/var/log/access.log-*.gz" },
	{ "/var/log/access.log.20261124", "/var/log/access.log.*" },
	{ "/root/.ansible/tmp/ansible-tmp-1700000000.123-4567-890123456789/AnsiballZ_command.py",
	  "/root/.ansible/tmp/ansible-tmp-*/AnsiballZ_command.py" },
	{ "/x/db-20261324.sql", NULL },
	{ "/x/db-2026-11-32.sql", NULL },
	{ "/x/yt-dlp-2023.07.06", NULL },
	{ "/x/12345678", NULL },
	/* temporary names */
	{ "/x/tmp.AbCdEf1234", "/x/tmp.*" },
	{ "/x/tmp.Ab3Def.sh", "/x/tmp.*.sh" },
	{ "/x/tmp.ci", NULL },
	{ "/x/tmp.config", NULL },
	{ "/x/apt-dpkg-install-Ab12Cd", "/x/apt-dpkg-install-*" },
	{ "/x/apt-dpkg-install-Ab12Cd/00-x_1.2.3_amd64.deb", "/x/apt-dpkg-install-*/00-x_1.2.3_amd64.deb" },
	{ "/etc/sedAbC12d", "/etc/sed*" },
	{ "/x/tmpx8k2j_9q/setup.py", "/x/tmp*/setup.py" },
	{ "/x/tmpx8k2j_9q.csv.gz", "/x/tmp*.csv.gz" },
	{ "/x/tmpgltsfacf", NULL },
	{ "/x/tmpfiles.d", NULL },
	{ "/x/3f2a9c1b", NULL },
	{ "/x/.file.txt.aB3dE9", "/x/.file.txt.*" },
	{ "/x/file-XyZ123", "/x/file-*" },
	{ "/x/file.a1b2c3", "/x/file.*" },
	{ "/x/systemd-private-0123456789abcdef0123456789abcdef-nginx.service-aB3dE9",
	  "/x/systemd-private-*-nginx.service-*" },
	/* what stays */
	{ "/usr/bin/python3.11", NULL },
	{ "/usr/sbin/php8.2-fpm", NULL },
	{ "/usr/sbin/php-fpm8.2", NULL },
	{ "/usr/lib/postgresql/15/bin/postgres", NULL },
	{ "/usr/lib/jvm/java-17-openjdk-amd64/bin/java", NULL },
	{ "/opt/jdk-17.0.9+9/bin/java", NULL },
	{ "/usr/lib/x86_64-linux-gnu/libssl.so.1.1", NULL },
	{ "/usr/lib/modules/6.1.0-18-amd64/kernel/x.ko", NULL },
	{ "/usr/lib/gcc/x86_64-linux-gnu/12/cc1", NULL },
	{ "/usr/bin/ruby2.7", NULL },
	{ "/usr/bin/clang-14", NULL },
	{ "/usr/bin/e2fsck", NULL },
	{ "/usr/bin/sha256sum", NULL },
	{ "/usr/bin/base64", NULL },
	{ "/usr/bin/7z", NULL },
	{ "/x/sums.sha256", NULL },
	{ "/x/data.base64", NULL },
	{ "/x/pic.sqlite3", NULL },
	{ "/x/README", NULL },
	{ "/x/org.GitHub", NULL },
	{ "/x/lib-WebKit.so", NULL },
	{ "/x/NetworkManager", NULL },
	{ "/x/PackageKit-Daemon", NULL },
	{ "/opt/app-1.2.3/bin/run", NULL },
	{ "/etc/cron.daily/apt-compat", NULL },
	{ "/usr/lib/update-notifier/update-motd-updates-available", NULL },
	/* escapes and what is beyond ASCII are whole */
	{ "/x/a\\x203f2a9c1b77aa01", "/x/a\\x20*" },
	{ "/x/\\x2a\\\\x", NULL },
	{ "/x/caf\xc3\xa9", NULL },
	/* no path */
	{ "", NULL },
	{ "/", NULL },
	{ "//x//", NULL },
	{ "app.3f2a9c1b77aa01.js", "app.*.js" },
};

static void paths_lose_what_is_incidental_and_nothing_else(void **state)
{
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(path_rows); i++) {
		normalise_path(path_rows[i].path, out, sizeof(out));
		assert_string_equal(out, path_rows[i].normal ? path_rows[i].normal : path_rows[i].path);
	}
}

static void files_that_are_written_lose_their_numbers_too(void **state)
{
	static const struct {
		const char *path, *normal; /* NULL: stays */
	} rows[] = {
		/* what every path loses */
		{ "/var/backups/db-2026-11-24.sql.gz", "/var/backups/db-*.sql.gz" },
		{ "/srv/releases/42/x", "/srv/releases/*/x" },
		/* which rotation, which one of many */
		{ "/var/log/nginx/access.log.1", "/var/log/nginx/access.log.*" },
		{ "/var/log/nginx/access.log.10.gz", "/var/log/nginx/access.log.*.gz" },
		{ "/var/log/syslog.2", "/var/log/syslog.*" },
		{ "/var/lib/redis/appendonly.aof.39.base.rdb", "/var/lib/redis/appendonly.aof.*.base.rdb" },
		{ "/var/lib/redis/temp-rewriteaof-bg-441.aof", "/var/lib/redis/temp-rewriteaof-bg-*.aof" },
		{ "/srv/app/.config.tmp.77", "/srv/app/.config.tmp.*" },
		{ "/srv/app/template-2.html", NULL },
		{ "/var/lib/mysql/mysql-bin.000012", "/var/lib/mysql/mysql-bin.*" },
		{ "/x/temp-4711.rdb", "/x/temp-*.rdb" },
		{ "/x/1774567890123456789.204.eml", "/x/*.*.eml" },
		{ "/x/new/20270331.12.mail", "/x/new/*.mail" },
		{ "/x/part-00001.parquet", "/x/part-*.parquet" },
		{ "/x/invoice4711001.pdf", "/x/invoice*.pdf" },
		{ "/var/lib/postgresql/15/main/base/16384/2619_vm", "/var/lib/postgresql/15/main/base/*/*_vm" },
		/* months, weeks, dates with dots, directories by date */
		{ "/x/report-2027-03.csv", "/x/report-*.csv" },
		{ "/x/report-2027_03.csv.gz", "/x/report-*.csv.gz" },
		{ "/x/2027-W12.csv", "/x/*.csv" },
		{ "/x/week2027-w12.csv", "/x/week*.csv" },
		{ "/x/index-2027.03.31", "/x/index-*" },
		{ "/srv/uploads/2027/03/cat.jpg", "/srv/uploads/*/*/cat.jpg" },
		{ "/srv/in/2027/03/31/08/42/x", "/srv/in/*/*/*/*/42/x" },
		{ "/srv/42/03/x", NULL },
		/* random names, also those without a digit */
		{ "/x/tmpgltsfacf.csv.gz", "/x/tmp*.csv.gz" },
		{ "/x/tmpkrl5_cg2", "/x/tmp*" },
		{ "/x/tmpfiles.d", NULL },
		{ "/x/sess_4h2k9d8s7f6g5h4j3k2l1m0n9p", "/x/sess_*" },
		{ "/x/sess_fodhaffd6krlsahjveosllrfke", "/x/sess_*" },
		{ "/x/V1StGXR8Z5jdHi6B.bin", "/x/*.bin" },
		{ "/x/3f2a9c1b", "/x/*" },
		{ "/x/utf8mb4", NULL },
		{ "/x/GitHubDesktop.log", NULL },
		/* versions, libraries, few digits */
		{ "/usr/lib/libssl.so.3", NULL },
		{ "/usr/lib/libssl.so.1.1", NULL },
		{ "/x/app-1.2.3.tar.gz", NULL },
		{ "/x/python3.11", NULL },
		{ "/x/cert12.pem", NULL },
		{ "/x/worker-3.log", NULL },
		{ "/x/rfc2822.txt", NULL },
		{ "/x/report-2027-13.csv", "/x/report-*-13.csv" },
		{ "/x/.1", NULL },
		{ "/x/a.1.", NULL },
		{ "", NULL },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_file(rows[i].path, "", out, sizeof(out));
		assert_string_equal(out, rows[i].normal ? rows[i].normal : rows[i].path);
	}
	normalise_file("/x", "", out, 0);
}

static void files_that_are_written_lose_the_hosts_name(void **state)
{
	static const struct {
		const char *host, *path, *normal; /* NULL: stays */
	} rows[] = {
		{ "web-17", "/var/backups/web-17.tar.gz", "/var/backups/*.tar.gz" },
		{ "web-17", "/var/lib/mysql/web-17-bin.index", "/var/lib/mysql/*-bin.index" },
		{ "web-17", "/srv/rabbit@web-17/x", "/srv/rabbit@*/x" },
		{ "web-17.example.org", "/srv/web-17.example.org.pem", "/srv/*.pem" },
		{ "web-17.example.org", "/srv/backup-web-17.tar", "/srv/backup-*.tar" },
		{ "mail-prod", "/srv/mail-prod.log", "/srv/*.log" },
		{ "web-17", "/srv/web-171/x", NULL },
		{ "web-17", "/srv/aweb-17/x", NULL },
		/* a mere word, or too short to be told from one */
		{ "web", "/srv/web/x", NULL },
		{ "db1", "/srv/db1/x", NULL },
		{ "we/b-17", "/srv/we/b-17", NULL },
		{ "", "/srv/x", NULL },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_file(rows[i].path, rows[i].host, out, sizeof(out));
		assert_string_equal(out, rows[i].normal ? rows[i].normal : rows[i].path);
	}
}

static void programs_keep_their_class_and_exact_names_where_anyone_may_write(void **state)
{
	static const struct {
		const char *text, *normal; /* NULL: stays */
	} rows[] = {
		{ "/srv/app/releases/42/run", "/srv/app/releases/*/run" },
		{ "/usr/bin/python3.11(/srv/app/releases/42/app.py)",
		  "/usr/bin/python3.11(/srv/app/releases/*/app.py)" },
		{ "/bin/sh(#!/srv/releases/42/x)", "/bin/sh(#!/srv/releases/*/x)" },
		{ "/lib/ld.so(ld.so:/srv/releases/42/x)", "/lib/ld.so(ld.so:/srv/releases/*/x)" },
		{ "/bin/sh(-c)", NULL },
		{ "/usr/bin/python3(-m:http20261124)", NULL },
		{ "/bin/sh(stdin)", NULL },
		{ "/bin/sh(?)", NULL },
		{ "/tmp/3f2a9c1b77aa01", NULL },
		{ "/var/tmp/tmp.AbCdEf1234/x", NULL },
		{ "/dev/shm/3f2a9c1b77aa01", NULL },
		{ "/run/user/1000/3f2a9c1b77aa01", NULL },
		{ "/bin/sh(/tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(#!/tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(/srv/../tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(//tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(/./tmp/tmp.AbCdEf1234)", NULL },
		{ "memfd:3f2a9c1b77aa01", NULL },
		{ "/tmpx/3f2a9c1b77aa01", "/tmpx/*" },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_program(rows[i].text, out, sizeof(out));
		assert_string_equal(out, rows[i].normal ? rows[i].normal : rows[i].text);
	}
}

static void what_does_not_fit_is_cut_where_no_program_ends(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *cut;
	} rows[] = {
		{ "/usr/bin/x", 11, "/usr/bin/x" },
		{ "/usr/bin/x", 10, "/usr/bin/" },
		{ "/usr/bin/x", 9, "/usr/" },
		{ "/usr/bin/x", 2, "/" },
		{ "/usr/bin/x", 1, "" },
		{ "/bin/sh(/srv/x)", 16, "/bin/sh(/srv/x)" },
		{ "/bin/sh(/srv/x)", 15, "/bin/sh(/srv/)" },
		{ "/bin/sh(/srv/x)", 14, "/bin/sh(/)" },
		{ "/bin/sh(/srv/x)", 11, "/bin/sh(/)" },
		{ "/bin/sh(/srv/x)", 10, "/bin/" },
		{ "/bin/sh(-c)", 12, "/bin/sh(-c)" },
		{ "/bin/sh(-c)", 11, "/bin/" },
		{ "/bin/sh(-c)", 9, "/bin/" },
		{ "/bin/sh(-c)", 8, "/bin/" },
		{ "memfd:x", 4, "" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		memset(out, '!', sizeof(out));
		normalise_program(rows[i].text, out, rows[i].size);
		assert_string_equal(out, rows[i].cut);
		assert_int_equal(out[rows[i].size], '!');
	}
	normalise_program("/x", out, 0);
	normalise_path("/x", out, 0);
	normalise_port(1, out, 0);
}

static void normalising_twice_changes_nothing(void **state)
{
	static const char *const pieces[] = { "20261124",   "2026-11-24", "T113546Z", "3f2a9c1b77aa01",
					      "tmp",        "sed",        "aB3dE9",   "/",
					      "/",          ".",          "-",        "_",
					      "*",          "\\x20",      "releases", "proc",
					      "1",          "42",         "abc",      ".js",
					      "(",          ")",          "#!",       ":",
					      "1700000000", "\xc3\xa9",   "Z",        "\\",
					      "x",          "A",          "9",        "f",
					      "1234567",    "/tmp/",      "..",       "2027",
					      "03",         "-W12",       ".log.1",   ".so",
					      "aB3dE9-1" };
	struct buffer built = BUFFER_INIT(1000);
	char once[256], twice[256];
	const char *text;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t size = round % 3 ? sizeof(once) : 1 + pick(60);

		buffer_clear(&built);
		for (unsigned left = 1 + pick(12); left; left--)
			buffer_text(&built, pieces[pick(LENGTH(pieces))]);
		text = buffer_string(&built);
		normalise_path(text, once, size);
		normalise_path(once, twice, size);
		assert_string_equal(once, twice);
		assert_true(strlen(once) <= strlen(text));
		normalise_file(text, "aB3dE9-1", once, size);
		normalise_file(once, "aB3dE9-1", twice, size);
		assert_string_equal(once, twice);
		assert_true(strlen(once) <= strlen(text));
		normalise_program(text, once, size);
		normalise_program(once, twice, size);
		assert_string_equal(once, twice);
		assert_true(strlen(once) <= strlen(text));
		if (!strstr(text, "**"))
			assert_null(strstr(once, "**"));
	}
	buffer_free(&built);
}

static void ports_from_32768_on_are_ephemeral(void **state)
{
	static const struct {
		uint16_t port;
		const char *text;
	} rows[] = { { 0, "0" },
		     { 7, "7" },
		     { 443, "443" },
		     { 32767, "32767" },
		     { 32768, "ephemeral" },
		     { 65535, "ephemeral" } };
	char out[16];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_port(rows[i].port, out, sizeof(out));
		assert_string_equal(out, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lose_what_is_incidental_and_nothing_else),
		cmocka_unit_test(programs_keep_their_class_and_exact_names_where_anyone_may_write),
		cmocka_unit_test(what_does_not_fit_is_cut_where_no_program_ends),
		cmocka_unit_test(files_that_are_written_lose_their_numbers_too),
		cmocka_unit_test(files_that_are_written_lose_the_hosts_name),
		cmocka_unit_test(normalising_twice_changes_nothing),
		cmocka_unit_test(ports_from_32768_on_are_ephemeral),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
