/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/severity.h"

/* A model of one line, the news; the caller frees it. */
static struct model *model_of(const char *lines)
{
	struct buffer text = BUFFER_INIT(65536);
	struct error error = { "" };
	struct model *model = NULL;

	buffer_printf(&text, "# sombrero model 1\n%s", lines);
	if (model_parse("test", buffer_string(&text), text.size, &model, &error) < 0)
		fail_msg("%s", error.text);
	buffer_free(&text);
	return model;
}

struct judged {
	struct model *known;
	struct verdict verdict;
};

static int judge_line(void *owner, struct model_entry *entry)
{
	struct judged *judged = owner;

	line_severity(&entry->behaviour, judged->known, &judged->verdict);
	return 1;
}

/* The verdict of `line` in `context`, which is known by `known` (NULL: nothing is). */
static struct verdict judge_in(const char *context, const char *line, const char *known)
{
	struct judged judged = { .known = known ? model_of(known) : NULL };
	char text[1024];
	struct model *news;

	(void)snprintf(text, sizeof(text), "%s\n  %s\n", context, line);
	news = model_of(text);
	(void)model_each(news, judge_line, &judged);
	model_free(news);
	model_free(judged.known);
	return judged.verdict;
}

#define WEB "service web\n  exec  /usr/sbin/web\n"

struct step {
	const char *line;
	enum severity least; /* in a service that is known */
};

static void what_an_intruder_does_in_a_service_is_medium_or_worse(void **state)
{
	static const struct step steps[] = {
		{ "exec  /usr/bin/dash(-c)", SEVERITY_HIGH },
		{ "exec  /usr/bin/bash(stdin)", SEVERITY_HIGH },
		{ "exec  /usr/bin/busybox(-m:nc)", SEVERITY_HIGH },
		{ "exec  /usr/bin/busybox(-c)", SEVERITY_HIGH },
		{ "exec  /usr/bin/nc.openbsd", SEVERITY_HIGH },
		{ "exec  /usr/bin/socat", SEVERITY_HIGH },
		{ "exec  /usr/bin/curl", SEVERITY_HIGH },
		{ "exec  /usr/bin/wget", SEVERITY_HIGH },
		{ "exec  /usr/bin/nmap", SEVERITY_CRITICAL },
		{ "exec  /usr/bin/python3.11(-c)", SEVERITY_HIGH },
		{ "exec  /usr/bin/perl(-c)", SEVERITY_HIGH },
		{ "exec  /usr/bin/python3.11(-m:http.server)", SEVERITY_HIGH },
		{ "exec  /usr/bin/id", SEVERITY_HIGH },
		{ "exec  /usr/bin/whoami", SEVERITY_HIGH },
		{ "exec  /usr/bin/w.procps", SEVERITY_HIGH },
		{ "exec  /usr/bin/uname", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/cat", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/ps", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/x86_64-linux-gnu-gcc-12", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/apt-get", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/crontab", SEVERITY_HIGH },
		{ "exec  /usr/bin/sudo", SEVERITY_HIGH },
		{ "exec  /usr/bin/mariadb-dump", SEVERITY_MEDIUM },
		{ "exec  /usr/lib/postgresql/15/bin/pg_dumpall", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/systemctl", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/pgrep", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/touch", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/chmod", SEVERITY_MEDIUM },
		{ "exec  /usr/bin/openssl", SEVERITY_MEDIUM },
		{ "exec  /tmp/x", SEVERITY_HIGH },
		{ "exec  /dev/shm/.x", SEVERITY_HIGH },
		{ "exec  /usr/bin/dash(#!/tmp/run)", SEVERITY_HIGH },
		{ "exec  /var/www/.hidden", SEVERITY_HIGH },
		{ "exec  memfd:x", SEVERITY_CRITICAL },
		{ "exec  /usr/lib64/ld-linux-x86-64.so.2(ld.so:/srv/x)", SEVERITY_HIGH },
		{ "exec  /srv/app/uploads/miner", SEVERITY_MEDIUM },
		{ "exec  ?", SEVERITY_MEDIUM },
		{ "connect  /usr/sbin/web  tcp 4444 internet", SEVERITY_HIGH },
		{ "connect  /usr/sbin/web  tcp 443 internet", SEVERITY_MEDIUM },
		{ "connect  /usr/sbin/web  tcp 4444 private", SEVERITY_MEDIUM },
		{ "connect  /usr/sbin/web  tcp 22 private", SEVERITY_HIGH },
		{ "connect  /usr/sbin/web  tcp 80 metadata", SEVERITY_HIGH },
		{ "connect  /usr/bin/bash(-c)  tcp 443 internet", SEVERITY_CRITICAL },
		{ "connect  /usr/bin/nc.openbsd  tcp 443 private", SEVERITY_CRITICAL },
		{ "connect  /usr/bin/python3.11(-c)  tcp 443 private", SEVERITY_CRITICAL },
		{ "connect  /tmp/x  tcp 443 internet", SEVERITY_CRITICAL },
		{ "accept  /usr/sbin/web  tcp 9999 internet", SEVERITY_MEDIUM },
		{ "listen  /usr/sbin/web  tcp 4444 any", SEVERITY_HIGH },
		{ "listen  /usr/sbin/web  tcp 4444 private", SEVERITY_HIGH },
		{ "listen  /usr/bin/nc.openbsd  tcp 4444 loopback", SEVERITY_HIGH },
		{ "owner  /usr/sbin/web  root", SEVERITY_HIGH },
		{ "privilege  /usr/sbin/web  root", SEVERITY_CRITICAL },
		{ "privilege  /usr/bin/find  root", SEVERITY_CRITICAL },
		{ "privilege  /usr/sbin/web  capabilities", SEVERITY_HIGH },
		{ "raw  /usr/sbin/web  packet", SEVERITY_HIGH },
		{ "raw  /usr/sbin/web  ipv4 255", SEVERITY_HIGH },
		{ "write  /usr/sbin/web  /etc/cron.d/x", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /var/spool/cron/crontabs/www-data", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /etc/systemd/system/x.service", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /root/.ssh/authorized_keys", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /etc/ld.so.preload", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /etc/sudoers.d/x", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /etc/shadow", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /home/alice/.bashrc", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /usr/bin/ls", SEVERITY_HIGH },
		{ "write  /usr/sbin/web  /var/www/html/shell.php", SEVERITY_HIGH },
		{ "write  /usr/sbin/web  /srv/app/public/.htaccess", SEVERITY_HIGH },
		{ "write  /usr/sbin/web  /tmp/x.sh", SEVERITY_MEDIUM },
		{ "write  /usr/sbin/web  /var/log/wtmp", SEVERITY_MEDIUM },
		{ "write  /usr/bin/dash(-c)  /var/log/web/access.log", SEVERITY_MEDIUM },
		{ "write  /usr/sbin/web  /etc/hosts", SEVERITY_MEDIUM },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct verdict verdict = judge_in("service web", steps[i].line, WEB);

		if (verdict.severity < steps[i].least)
			fail_msg("%s is only %s by %s", steps[i].line, severity_name(verdict.severity), verdict.rule);
	}
}

struct news {
	const char *context, *line, *known;
};

static void what_a_healthy_fleet_shows_now_and_then_is_low(void **state)
{
	static const struct news all[] = {
		{ "service web", "write  /usr/sbin/web  /var/log/web/other.log", WEB },
		{ "service web", "write  /usr/sbin/web  /var/lib/web/state", WEB },
		{ "service web", "write  /usr/sbin/web  /tmp/upload.bin1", WEB },
		{ "service web", "write  /usr/sbin/web  /srv/app/var/cache/twig/3a/*.php", WEB },
		{ "service web", "exec  /usr/bin/convert", WEB },
		{ "service web", "exec  /usr/bin/dash(#!/usr/bin/zgrep)", WEB },
		{ "service web", "owner  /usr/sbin/web  www-data", WEB },
		{ "service web", "exec  /srv/app/bin/other", "service web\n  exec  /srv/app/bin/one\n" },
		{ "service web", "exec  /usr/bin/python3.11(/srv/app/b.py)",
		  "service web\n  exec  /usr/bin/python3.11(/srv/app/a.py)\n" },
		{ "service web", "exec  /bin/sh(/srv/app/run)", "service web\n  exec  /bin/sh(-c)\n" },
		{ "service web", "owner  /usr/bin/convert  root", "service web\n  owner  /usr/sbin/web  root\n" },
		{ "service web", "connect  /usr/sbin/web  tcp 443 internet",
		  "service web\n  connect  /usr/sbin/web  tcp 80 internet\n" },
		{ "service web", "connect  /usr/bin/other  tcp 443 internet",
		  "service web\n  connect  /usr/sbin/web  tcp 443 internet\n" },
		{ "service web", "connect  /usr/sbin/web  tcp 5432 private", WEB },
		{ "service web", "connect  /usr/sbin/web  udp 53 resolver", WEB },
		{ "service web", "connect  /usr/sbin/web  udp 123 internet", WEB },
		{ "service web", "accept  /usr/sbin/web  tcp 443 private", WEB },
		{ "service web", "accept  /usr/sbin/web  tcp 443 internet",
		  "service web\n  accept  /usr/sbin/web  tcp 443 private\n" },
		{ "service web", "accept  /usr/sbin/web  tcp 80 internet",
		  "service web\n  accept  /usr/sbin/web  tcp 443 internet\n" },
		{ "service web", "listen  /usr/sbin/web  tcp ephemeral loopback", WEB },
		{ "service web", "privilege  /usr/sbin/exim4  root", WEB },
		{ "service web", "raw  /usr/bin/ping  ipv4 icmp", WEB },
		{ "job backup", "exec  /usr/bin/gzip", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "exec  /usr/bin/dash(-c)", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "exec  /usr/bin/curl", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "exec  /usr/bin/id", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "owner  /usr/bin/tar  root", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "connect  /usr/bin/curl  tcp 443 internet",
		  "job backup\n  connect  /usr/bin/curl  tcp 80 internet\n" },
		{ "job backup", "connect  /usr/bin/python3.11(/srv/backup)  tcp 443 internet",
		  "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "exec  /usr/bin/openssl", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "exec  /usr/bin/systemctl", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "write  /usr/bin/dash(-c)  /var/log/backup.log", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job backup", "write  /usr/bin/tar  /var/backups/x", "job backup\n  exec  /usr/bin/tar\n" },
		{ "job certbot", "write  /usr/bin/certbot  /etc/letsencrypt/live/x",
		  "job certbot\n  exec  /usr/bin/id\n" },
		{ "service new", "exec  /usr/bin/dash(-c)", WEB },
		{ "service new", "exec  /usr/bin/dpkg", WEB },
		{ "job new", "owner  /usr/bin/x  root", WEB },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct verdict verdict = judge_in(all[i].context, all[i].line, all[i].known);

		if (verdict.severity > SEVERITY_LOW)
			fail_msg("%s is %s by %s", all[i].line, severity_name(verdict.severity), verdict.rule);
	}
}

static void a_database_that_the_internet_reaches_is_news_though_others_reach_it(void **state)
{
	(void)state;
	assert_int_equal(judge_in("service db", "accept  /usr/sbin/db  tcp 5432 internet",
				  "service db\n  accept  /usr/sbin/db  tcp 5432 private\n")
				 .severity,
			 SEVERITY_MEDIUM);
	assert_int_equal(judge_in("service db", "accept  /usr/sbin/db  tcp 443 internet",
				  "service db\n  accept  /usr/sbin/other  tcp 443 private\n")
				 .severity,
			 SEVERITY_MEDIUM);
}

static void a_transfer_tool_that_a_job_never_let_reach_the_internet_is_medium(void **state)
{
	struct verdict verdict = judge_in("job backup", "connect  /usr/bin/curl  tcp 443 internet",
					  "job backup\n  exec  /usr/bin/tar\n");
	(void)state;

	assert_int_equal(verdict.severity, SEVERITY_MEDIUM);
}

static void a_library_among_files_of_another_kind_is_medium(void **state)
{
	static const char library[] = "write  /usr/sbin/db  /var/lib/db/exp.so";
	struct verdict verdict;
	(void)state;

	verdict = judge_in("service db", library, "service db\n  write  /usr/sbin/db  /var/lib/db/dump.rdb\n");
	assert_int_equal(verdict.severity, SEVERITY_MEDIUM);
	verdict = judge_in("service db", library, "service db\n  write  /usr/sbin/db  /var/lib/db/other.so\n");
	assert_int_equal(verdict.severity, SEVERITY_LOW);
}

static void the_consequence_says_in_words_what_follows(void **state)
{
	(void)state;
	assert_string_equal(judge_in("service web", "exec  /bin/sh(-c)", WEB).consequence, "starts a shell");
	assert_string_equal(judge_in("service web", "listen  /usr/sbin/web  tcp 1 any", WEB).consequence,
			    "listens on every address");
	assert_string_equal(judge_in("service web", "privilege  /usr/bin/x  root", WEB).consequence, "gains root");
	assert_string_equal(judge_in("service web", "connect  /usr/sbin/web  tcp 443 internet", WEB).consequence,
			    "reaches the internet");
}

static void without_a_model_a_behaviour_is_judged_as_new_to_its_context(void **state)
{
	(void)state;
	assert_int_equal(judge_in("service web", "exec  /bin/sh(-c)", NULL).severity, SEVERITY_HIGH);
}

static int judge_context(void *owner, const struct behaviour *sample)
{
	context_severity(sample, owner);
	return 1;
}

static struct verdict context_of(const char *lines)
{
	struct model *model = model_of(lines);
	struct verdict verdict = { 0 };

	(void)model_each_context(model, judge_context, &verdict);
	model_free(model);
	return verdict;
}

static void a_new_service_is_medium_and_a_new_job_of_a_package_low(void **state)
{
	(void)state;
	assert_int_equal(context_of("service x\n  exec  /usr/sbin/x\n").severity, SEVERITY_MEDIUM);
	assert_int_equal(context_of("service x in container\n  exec  /usr/sbin/x\n").severity, SEVERITY_MEDIUM);
	assert_int_equal(context_of("job x\n  exec  /usr/sbin/x\n").severity, SEVERITY_LOW);
	assert_int_equal(context_of("job x\n  exec  /usr/local/bin/x\n").severity, SEVERITY_MEDIUM);
	assert_int_equal(context_of("job x\n  exec  /tmp/x\n").severity, SEVERITY_HIGH);
}

/* A row that an earlier one of its kind always takes the place of is a mistake in the table; so is one too late for it. */
static void each_rule_says_one_thing(void **state)
{
	struct verdict row, other;
	(void)state;

	for (size_t i = 0; i < severity_rows(); i++) {
		severity_row(i, &row);
		assert_true(row.severity < SEVERITY_COUNT);
		for (size_t j = 0; j < i; j++) {
			severity_row(j, &other);
			if (strcmp(row.rule, other.rule) == 0)
				assert_string_equal(row.consequence, other.consequence);
		}
	}
}

static void a_pattern_is_judged_as_the_worst_that_it_covers(void **state)
{
	static const struct step all[] = {
		{ "exec  /usr/bin/*", SEVERITY_CRITICAL },
		{ "exec  /**", SEVERITY_CRITICAL },
		{ "exec  /tm*/x", SEVERITY_HIGH },
		{ "exec  /usr/bin/python3*(-c)", SEVERITY_HIGH },
		{ "exec  /usr/bin/ba*", SEVERITY_HIGH },
		{ "exec  /usr/bin/conv*", SEVERITY_LOW },
		{ "exec  /usr/lib/postgresql/*/bin/postgres", SEVERITY_LOW },
		{ "exec  /srv/app/releases/*/bin/run", SEVERITY_MEDIUM },
		{ "connect  /usr/bin/*  tcp 5432 private", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /**", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /e*/**", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /etc/*", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /*/cron.d/*", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /home/*/*", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /root/**", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /usr/**", SEVERITY_CRITICAL },
		{ "write  /usr/sbin/web  /var/lib/web/*", SEVERITY_LOW },
		{ "write  /usr/sbin/web  /var/lib/web/*/*.db", SEVERITY_LOW },
		{ "write  /usr/sbin/web  /home/*/app/data/*.db", SEVERITY_LOW },
		{ "write  /usr/sbin/web  /var/log/web/*.log", SEVERITY_INFORMATIONAL },
		{ "write  /usr/sbin/web  /var/www/*.php", SEVERITY_HIGH },
	};

	(void)state;
	assert_int_equal(judge_in("service web", "connect  /usr/sbin/web  tcp * *", WEB).severity, SEVERITY_HIGH);
	assert_int_equal(judge_in("service web", "owner  /usr/sbin/web  *", WEB).severity, SEVERITY_HIGH);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct verdict verdict = judge_in("service web", all[i].line, WEB);

		if (verdict.severity != all[i].least)
			fail_msg("%s is %s by %s", all[i].line, severity_name(verdict.severity), verdict.rule);
	}
}

/* What happened is no pattern: a number in a file's name is a star there. */
static void what_happened_is_not_judged_as_a_pattern(void **state)
{
	struct behaviour write = { .context_kind = CONTEXT_SERVICE, .context_name = "web", .kind = BEHAVIOUR_WRITE };
	struct model *known = model_of(WEB);
	struct verdict verdict;

	(void)state;
	write.program = "/usr/sbin/web";
	write.object = "/home/alice/*";
	behaviour_severity(&write, known, &verdict);
	assert_int_equal(verdict.severity, SEVERITY_LOW);
	line_severity(&write, known, &verdict);
	assert_int_equal(verdict.severity, SEVERITY_CRITICAL);
	model_free(known);
}

static void a_name_that_makes_things_milder_counts_only_where_packages_put_it(void **state)
{
	(void)state;
	assert_int_equal(judge_in("service web", "privilege  /srv/app/ping  root", WEB).severity, SEVERITY_CRITICAL);
	assert_int_equal(judge_in("service web", "owner  /srv/app/sendmail  root", WEB).severity, SEVERITY_HIGH);
	assert_int_equal(judge_in("service web", "raw  /srv/app/ping  ipv4 icmp", WEB).severity, SEVERITY_MEDIUM);
	/* Time is asked for by UDP; who connects to that port otherwise does not. */
	assert_int_equal(judge_in("service web", "connect  /usr/sbin/web  tcp 123 internet", WEB).severity,
			 SEVERITY_MEDIUM);
}

static void the_page_has_the_table(void **state)
{
	struct buffer table = BUFFER_INIT(262144);
	FILE *file = fopen("docs/reference/severity.md", "re");
	static char page[262144];
	size_t size = file ? fread(page, 1, sizeof(page) - 1, file) : 0;
	(void)state;

	if (file)
		(void)fclose(file);
	page[size] = '\0';
	severity_print(&table);
	assert_false(table.failed);
	if (!strstr(page, buffer_string(&table))) {
		file = fopen("/dev/stderr", "we");
		if (file) {
			(void)fprintf(file, "docs/reference/severity.md lacks this:\n%s", buffer_string(&table));
			(void)fclose(file);
		}
		fail_msg("docs/reference/severity.md has another table than the code");
	}
	buffer_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_intruder_does_in_a_service_is_medium_or_worse),
		cmocka_unit_test(what_a_healthy_fleet_shows_now_and_then_is_low),
		cmocka_unit_test(a_database_that_the_internet_reaches_is_news_though_others_reach_it),
		cmocka_unit_test(a_transfer_tool_that_a_job_never_let_reach_the_internet_is_medium),
		cmocka_unit_test(a_library_among_files_of_another_kind_is_medium),
		cmocka_unit_test(the_consequence_says_in_words_what_follows),
		cmocka_unit_test(without_a_model_a_behaviour_is_judged_as_new_to_its_context),
		cmocka_unit_test(a_new_service_is_medium_and_a_new_job_of_a_package_low),
		cmocka_unit_test(each_rule_says_one_thing),
		cmocka_unit_test(a_pattern_is_judged_as_the_worst_that_it_covers),
		cmocka_unit_test(what_happened_is_not_judged_as_a_pattern),
		cmocka_unit_test(a_name_that_makes_things_milder_counts_only_where_packages_put_it),
		cmocka_unit_test(the_page_has_the_table),
	};

	return cmocka_run_group_tests_name("severity", tests, NULL, NULL);
}
