/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sensor/schedule.h"

#define HOUR  3600U
#define DAY   (24 * HOUR)
#define WEEK  (7 * DAY)
#define MONTH (31 * DAY)

/* ---- a host ---- */

static char top[64];

static void make(const char *path, const char *text, mode_t mode)
{
	char full[256];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *slash = strchr(full + strlen(top) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(full, mode), 0);
}

static int make_host(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/sombrero-schedule-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	make("run/systemd/system/x", "", 0644);
	make("usr/sbin/cron", "", 0755);
	make("etc/systemd/system/multi-user.target.wants/cron.service", "", 0644);
	return 0;
}

static int forget(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int remove_host(void **state)
{
	(void)state;
	return nftw(top, forget, 8, FTW_DEPTH | FTW_PHYS);
}

/* What is told, a line each. */
static char told[4096];

static void note(void *owner, const char *unit, const char *job, uint32_t period)
{
	size_t size = strlen(told);

	(void)owner;
	(void)snprintf(told + size, sizeof(told) - size, "%s|%s|%u\n", unit, job, period);
}

static void tells(const char *wanted)
{
	told[0] = '\0';
	schedule_read(top, note, NULL);
	assert_string_equal(told, wanted);
}

/* ---- times ---- */

static void calendars_say_how_long_it_takes_at_most(void **state)
{
	static const struct {
		const char *text;
		uint32_t period;
	} cases[] = {
		{ "daily", DAY },
		{ "hourly", HOUR },
		{ "weekly", WEEK },
		{ "monthly", MONTH },
		{ "*-*-* 6,18:00", DAY },
		{ "*-*-* 00/6:00", 6 * HOUR },
		{ "*:0/15", 900 },
		{ "*-*-* *:30:00", HOUR },
		{ "Mon *-*-* 03:00", WEEK },
		{ "Sun 03:10", WEEK },
		{ "*-*-01 04:00", MONTH },
		{ "*-01-01 04:00", 366 * DAY },
		{ "", 0 },
		{ "whenever", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (schedule_calendar(cases[i].text) != cases[i].period)
			fail_msg("%s: %u", cases[i].text, schedule_calendar(cases[i].text));
	}
}

static void spans_add_up(void **state)
{
	(void)state;
	assert_int_equal(schedule_span("90"), 90);
	assert_int_equal(schedule_span("1d 12h"), 36 * HOUR);
	assert_int_equal(schedule_span("15min"), 900);
	assert_int_equal(schedule_span("x"), 0);
	assert_int_equal(schedule_span("18446744073709551615 y 3y"), 0);
}

static void crontabs_say_it_in_five_fields(void **state)
{
	static const struct {
		const char *line;
		uint32_t period;
		const char *command;
	} cases[] = {
		{ "17 * * * * x y", HOUR, "x y" },
		{ "*/5 * * * * x", 300, "x" },
		{ "25 6 * * * x", DAY, "x" },
		{ "0 */4 * * * x", 4 * HOUR, "x" },
		{ "47 6 * * 7 x", WEEK, "x" },
		{ "52 6 1 * * x", MONTH, "x" },
		{ "0 0 1 1 * x", 366 * DAY, "x" },
		{ "@weekly x", WEEK, "x" },
		{ "@reboot x", 0, "x" },
		{ "what is this", 0, "" },
		{ "1 2", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *command;

		assert_int_equal(schedule_cron(cases[i].line, &command), cases[i].period);
		assert_string_equal(command, cases[i].command);
	}
}

/* ---- files ---- */

static void timers_that_are_wanted_are_told_by_what_they_start(void **state)
{
	(void)state;
	make("etc/systemd/system/timers.target.wants/rotate.timer", "", 0644);
	make("usr/lib/systemd/system/timers.target.wants/gone.timer", "", 0644);
	make("usr/lib/systemd/system/rotate.timer",
	     "[Unit]\nDescription=x\n[Timer]\nOnCalendar=daily\nPersistent=true\n", 0644);
	make("usr/lib/systemd/system/rotate.service", "[Service]\nType=oneshot\nExecStart=/usr/sbin/logrotate /etc/x\n",
	     0644);
	make("usr/lib/systemd/system/other.timer", "[Timer]\nOnCalendar=daily\n", 0644);
	tells("rotate.service|logrotate|86400\n");
	make("usr/lib/systemd/system/rotate.timer",
	     "[Timer]\nOnUnitActiveSec=1h\nOnCalendar=daily\nUnit=clean.service\n", 0644);
	make("etc/systemd/system/clean.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'rm -r /tmp/x'\n",
	     0644);
	tells("clean.service|clean|3600\n");
}

static void crontabs_are_told_by_the_programs_in_them(void **state)
{
	(void)state;
	make("etc/crontab",
	     "# comment\nSHELL=/bin/sh\n"
	     "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n"
	     "25 6 * * * root test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )\n"
	     "5 5 * * 0 root nice -n 5 /srv/weekly.sh >/dev/null 2>&1\n",
	     0644);
	make("etc/cron.d/app", "*/10 * * * * www A=1 /usr/bin/python3 /srv/app/sync.py --all; /srv/second\n", 0644);
	make("etc/cron.d/app.dpkg-old", "1 * * * * www /srv/old\n", 0644);
	make("var/spool/cron/crontabs/alice", "@monthly /home/alice/bill\n", 0600);
	make("etc/cron.hourly/sweep", "#!/bin/sh\n", 0755);
	make("etc/cron.hourly/README.txt", "", 0755);
	make("etc/cron.hourly/off", "", 0644);
	tells("|sweep|3600\n|weekly.sh|604800\n|sync.py|600\n|second|600\n|bill|2678400\n");
}

static void what_the_host_is_not_like_is_not_told(void **state)
{
	(void)state;
	make("run/there", "", 0644);
	make("etc/cron.d/x",
	     "1 1 * * * root test -e /run/there || /srv/never\n"
	     "1 1 * * * root [ -x /run/missing ] && /srv/neither\n"
	     "1 1 * * * root [ -e /run/there ] && /srv/always\n"
	     "1 1 * * * root command -v thing > /dev/null && /srv/perhaps\n",
	     0644);
	tells("|always|86400\n|perhaps|0\n");
}

static void files_that_nobody_reads_say_nothing(void **state)
{
	char path[128];

	(void)state;
	make("etc/crontab", "1 1 * * * root /srv/x\n", 0644);
	tells("|x|86400\n");
	(void)snprintf(path, sizeof(path), "%s/etc/systemd/system/multi-user.target.wants/cron.service", top);
	assert_int_equal(unlink(path), 0);
	tells(""); /* systemd does not start it */
	(void)snprintf(path, sizeof(path), "%s/run/systemd/system/x", top);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	tells("|x|86400\n"); /* without systemd the start scripts do */
	(void)snprintf(path, sizeof(path), "%s/usr/sbin/cron", top);
	assert_int_equal(unlink(path), 0);
	tells("");
}

static void a_flood_is_bounded(void **state)
{
	char *text = malloc(200000);
	unsigned lines = 0;
	size_t size = 0;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < 5000; i++)
		size += (size_t)snprintf(text + size, 200000 - size, "1 1 * * * root /srv/j%u\n", i);
	make("etc/crontab", text, 0644);
	free(text);
	told[0] = '\0';
	schedule_read(top, note, NULL);
	for (const char *at = told; *at; at++)
		lines += *at == '\n';
	assert_true(lines > 100 && lines <= SCHEDULE_MAX);
}

static void a_link_out_of_the_root_leads_nowhere(void **state)
{
	char path[128];

	(void)state;
	make("etc/x", "", 0644);
	(void)snprintf(path, sizeof(path), "%s/etc/crontab", top);
	assert_int_equal(symlink("/proc/self/environ", path), 0);
	tells("");
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, make_host, remove_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calendars_say_how_long_it_takes_at_most),
		cmocka_unit_test(spans_add_up),
		cmocka_unit_test(crontabs_say_it_in_five_fields),
		ON_A_HOST(timers_that_are_wanted_are_told_by_what_they_start),
		ON_A_HOST(crontabs_are_told_by_the_programs_in_them),
		ON_A_HOST(what_the_host_is_not_like_is_not_told),
		ON_A_HOST(files_that_nobody_reads_say_nothing),
		ON_A_HOST(a_flood_is_bounded),
		ON_A_HOST(a_link_out_of_the_root_leads_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
