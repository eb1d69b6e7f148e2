/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "model/learn.h"
#include "model/statistics.h"

#define MONDAY UINT64_C(490152) /* 2025-12-01T00:00Z */

/* ---- a run of learning ---- */

struct run {
	struct model *model;
	struct statistics *statistics;
	struct networks *networks;
	struct learner *learner;
};

static void run_begin(struct run *run)
{
	run->model = model_new();
	run->statistics = statistics_new();
	run->networks = networks_new();
	run->learner = learner_new(run->model, run->networks);
	assert_non_null(run->learner);
	assert_int_equal(learner_counts(run->learner, run->statistics), 0);
}

static void run_finish(struct run *run)
{
	assert_int_equal(learner_finish(run->learner), 0);
}

static void run_end(struct run *run)
{
	learner_free(run->learner);
	networks_free(run->networks);
	statistics_free(run->statistics);
	model_free(run->model);
}

static struct event event_at(enum event_kind kind, const char *host, double hour, enum context_kind context,
			     const char *name)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = (uint64_t)(((double)MONDAY + hour) * 3600) * 1000000000;
	event.host = host;
	event.context.kind = context;
	event.context.name = name;
	event.pid = 7;
	event.start_ns = 5000 * UINT64_C(1000000000);
	event.program.text = event.program.exe = "/usr/sbin/nginx";
	event.user = event.effective_user = "www-data";
	event.uid = event.euid = 33;
	return event;
}

static void take(struct run *run, const struct event *event)
{
	assert_int_equal(learner_event(run->learner, event), 0);
}

static void takes_exec(struct run *run, const char *host, double hour, uint32_t pid)
{
	struct event event = event_at(EVENT_EXEC, host, hour, CONTEXT_SERVICE, "nginx");

	event.pid = pid;
	take(run, &event);
}

static void takes_exit(struct run *run, const char *host, double hour, uint32_t pid)
{
	struct event event = event_at(EVENT_EXIT, host, hour, CONTEXT_SERVICE, "nginx");

	event.pid = pid;
	take(run, &event);
}

static void takes_connect(struct run *run, const char *host, double hour, uint16_t port)
{
	struct event event = event_at(EVENT_CONNECT, host, hour, CONTEXT_SERVICE, "nginx");

	event.family = AF_INET;
	event.protocol = 6;
	event.remote_port = port;
	event.remote_address[0] = 10;
	take(run, &event);
}

static void takes_job(struct run *run, const char *host, double hour, uint64_t which)
{
	struct event event = event_at(EVENT_EXEC, host, hour, CONTEXT_JOB, "logrotate");

	event.program.text = event.program.exe = "/usr/sbin/logrotate";
	event.run = which;
	event.pid = (uint32_t)which;
	take(run, &event);
}

static const struct statistics_context *context_of(const struct run *run, enum context_kind kind, const char *name)
{
	const struct behaviour sample = { .context_kind = kind, .context_name = name };
	const struct statistics_context *context = statistics_find(run->statistics, &sample);

	assert_non_null(context);
	return context;
}

static const struct model_entry *line_of(const struct run *run, const char *object)
{
	const struct behaviour line = { .context_kind = CONTEXT_SERVICE,
					.context_name = "nginx",
					.kind = BEHAVIOUR_CONNECT,
					.program = "/usr/sbin/nginx",
					.object = object };
	const struct model_entry *entry = model_find(run->model, &line);

	assert_non_null(entry);
	assert_non_null(entry->seen);
	return entry;
}

static void prints(const struct run *run, struct buffer *out)
{
	*out = BUFFER_INIT(1 << 20);
	assert_int_equal(statistics_print(run->statistics, run->model, out), 0);
}

/* ---- where it is seen ---- */

static void a_service_is_there_while_it_is_idle(void **state)
{
	struct run run;
	const struct statistics_context *context;

	(void)state;
	run_begin(&run);
	takes_exec(&run, "web-1", 0.1, 7);
	takes_job(&run, "web-1", 5.5, 99);
	takes_exit(&run, "web-1", 8.5, 7);
	takes_job(&run, "web-1", 20.5, 100);
	run_finish(&run);
	context = context_of(&run, CONTEXT_SERVICE, "nginx");
	assert_int_equal(context->place_count, 1);
	assert_int_equal(hours_count(&context->place[0].hours), 9);
	assert_int_equal(hours_count(&run.statistics->host[0]->watched), 21);
	assert_int_equal(context_of(&run, CONTEXT_JOB, "logrotate")->runs.size, 2);
	run_end(&run);
}

static void a_line_is_counted_by_host_hours_hosts_and_days(void **state)
{
	const struct model_entry *entry;
	struct run run;

	(void)state;
	run_begin(&run);
	takes_connect(&run, "web-1", 0.1, 80);
	takes_connect(&run, "web-1", 0.2, 80);
	takes_connect(&run, "web-1", 1.2, 80);
	takes_connect(&run, "web-2", 1.3, 80);
	takes_connect(&run, "web-1", 30, 80);
	run_finish(&run);
	entry = line_of(&run, "tcp 80 private");
	assert_int_equal(entry->count, 5);
	assert_int_equal(entry->seen->units.size, 4);
	assert_int_equal(entry->seen->hosts.size, 2);
	assert_int_equal(entry->seen->days.size, 2);
	run_end(&run);
}

/* Two watches of one host: in between nobody knows what was there. */
static void a_new_start_of_the_sensor_is_a_new_watch(void **state)
{
	struct event event = event_at(EVENT_EXEC, "web-1", 10, CONTEXT_SERVICE, "nginx");
	struct run run;

	(void)state;
	run_begin(&run);
	takes_exec(&run, "web-1", 0, 7);
	takes_connect(&run, "web-1", 1, 80);
	event.flags = EVENT_FLAG_EXISTING;
	take(&run, &event);
	takes_connect(&run, "web-1", 11, 80);
	run_finish(&run);
	assert_int_equal(hours_count(&run.statistics->host[0]->watched), 3);
	assert_int_equal(hours_count(&context_of(&run, CONTEXT_SERVICE, "nginx")->place[0].hours), 3);
	run_end(&run);
}

/* What was there before has the time when it began, at which nobody watched. */
static void what_was_there_before_is_seen_when_the_watch_begins(void **state)
{
	const struct behaviour line = { .context_kind = CONTEXT_SERVICE,
					.context_name = "nginx",
					.kind = BEHAVIOUR_EXEC,
					.program = "/usr/sbin/nginx",
					.object = "" };
	struct event event = event_at(EVENT_EXEC, "web-1", 2, CONTEXT_SERVICE, "nginx");
	struct run run;

	(void)state;
	run_begin(&run);
	event.flags = EVENT_FLAG_EXISTING;
	take(&run, &event);
	takes_job(&run, "web-1", 500.5, 99);
	takes_job(&run, "web-1", 502.5, 100);
	run_finish(&run);
	assert_int_equal(hours_count(&run.statistics->host[0]->watched), 3);
	assert_int_equal(hours_count(&context_of(&run, CONTEXT_SERVICE, "nginx")->place[0].hours), 3);
	assert_int_equal(model_find(run.model, &line)->seen->first_day, (MONDAY + 500) / 24);
	run_end(&run);
}

static void what_is_scheduled_is_known_by_host(void **state)
{
	struct event event = event_at(EVENT_SCHEDULE, "web-1", 0, CONTEXT_JOB, "report");
	struct run run;

	(void)state;
	run_begin(&run);
	event.period = 604800;
	take(&run, &event);
	event.host = "web-2";
	take(&run, &event);
	run_finish(&run);
	assert_int_equal(run.statistics->scheduled_count, 1);
	assert_int_equal(run.statistics->scheduled[0]->period, 604800);
	assert_int_equal(run.statistics->scheduled[0]->hosts.size, 2);
	assert_int_equal(model_size(run.model), 0);
	run_end(&run);
}

static void another_boot_within_a_recording_takes_more_than_one_process(void **state)
{
	const struct statistics_host *host;
	struct run run;

	(void)state;
	run_begin(&run);
	for (unsigned hour = 0; hour < 48; hour++) {
		struct event event = event_at(EVENT_EXEC, "web-1", hour, CONTEXT_SERVICE, "nginx");
		unsigned count = hour == 0 || hour == 30 ? 5 : 1;

		/* Each hour but those of the boots a daemon of the first boot becomes another program. */
		for (unsigned i = 1; i <= count; i++) {
			event.pid = i;
			event.start_ns = i * UINT64_C(1000000000);
			event.time_ns += UINT64_C(1000000000);
			take(&run, &event);
		}
	}
	run_finish(&run);
	host = run.statistics->host[0];
	assert_int_equal(hours_count(&host->occasion[OCCASION_BOOT]), 2);
	assert_true(hours_has(&host->occasion[OCCASION_BOOT], (uint32_t)MONDAY + 30));
	run_end(&run);
}

static void occasions_are_told_by_what_happens(void **state)
{
	struct event boot = event_at(EVENT_EXEC, "web-1", 0, CONTEXT_SERVICE, "nginx");
	struct event deploy = event_at(EVENT_EXEC, "web-1", 2, CONTEXT_CHANGE, "release");
	struct event asks = event_at(EVENT_EXEC, "web-1", 3, CONTEXT_JOB, "daily");
	struct event upgrade = event_at(EVENT_EXEC, "web-1", 4, CONTEXT_CHANGE, "release");
	const struct statistics_host *host;
	struct run run;

	(void)state;
	run_begin(&run);
	boot.start_ns = 3 * UINT64_C(1000000000);
	deploy.change = "release-1";
	asks.program.text = asks.program.exe = "/usr/bin/dpkg";
	asks.argv = "dpkg\0--print-foreign-architectures";
	asks.argv_size = sizeof("dpkg\0--print-foreign-architectures");
	upgrade.change = "release-1";
	upgrade.program.text = upgrade.program.exe = "/usr/bin/dpkg";
	upgrade.argv = "dpkg\0--unpack\0x.deb";
	upgrade.argv_size = sizeof("dpkg\0--unpack\0x.deb");
	take(&run, &boot);
	takes_job(&run, "web-1", 1, 99);
	take(&run, &deploy);
	take(&run, &asks);
	take(&run, &upgrade);
	run_finish(&run);
	host = run.statistics->host[0];
	for (unsigned i = 0; i < OCCASION_COUNT; i++)
		assert_int_equal(hours_count(&host->occasion[i]), 1);
	assert_true(hours_has(&host->occasion[OCCASION_UPGRADE], (uint32_t)MONDAY + 4));
	run_end(&run);
}

/* ---- merging ---- */

/* Host by host, so that each part is a run of its own. */
static void plays(struct run *run, unsigned host)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "web-%u", host);
	for (unsigned hour = 0; hour < 40; hour++) {
		takes_exec(run, name, hour + 0.1, 100 + hour);
		takes_connect(run, name, hour + 0.2, (uint16_t)(80 + hour % 7));
		takes_connect(run, name, hour + 0.3, (uint16_t)(100 + host));
		takes_exit(run, name, hour + 0.4, 100 + hour);
		if (hour % 24 == 6)
			takes_job(run, name, hour + 0.5, 1000 + hour);
	}
}

static void the_same_runs_in_any_order_are_the_same_bytes(void **state)
{
	static const unsigned orders[][4] = { { 0, 1, 2, 0 }, { 2, 1, 0, 1 }, { 1, 0, 2, 2 } };
	struct buffer wanted = { 0 };

	(void)state;
	for (unsigned order = 0; order < 3; order++) {
		struct run part[3];
		struct buffer text;

		for (unsigned i = 0; i < 3; i++) {
			run_begin(&part[i]);
			plays(&part[i], i);
			run_finish(&part[i]);
		}
		/* The second is brought to the third, both to the first, and one of them once more. */
		for (unsigned i = 0; i < 3; i++) {
			static const unsigned to[] = { 2, 0, 0 }, from[] = { 1, 2, 3 };
			struct run *into = &part[orders[order][to[i]]], *other = &part[orders[order][from[i]]];

			if (into == other)
				continue;
			assert_int_equal(
				statistics_merge(into->statistics, into->model, other->statistics, other->model), 0);
		}
		prints(&part[orders[order][0]], &text);
		if (!order)
			wanted = text;
		else
			assert_string_equal(buffer_string(&text), buffer_string(&wanted));
		if (order)
			buffer_free(&text);
		for (unsigned i = 0; i < 3; i++)
			run_end(&part[i]);
	}
	assert_null(strstr(buffer_string(&wanted), "at-least"));
	buffer_free(&wanted);
}

static void one_run_twice_counts_once(void **state)
{
	struct run one, again;
	struct buffer text, twice;

	(void)state;
	run_begin(&one);
	run_begin(&again);
	plays(&one, 1);
	plays(&again, 1);
	run_finish(&one);
	run_finish(&again);
	prints(&one, &text);
	assert_int_equal(statistics_merge(one.statistics, one.model, again.statistics, again.model), 0);
	prints(&one, &twice);
	assert_string_equal(buffer_string(&text), buffer_string(&twice));
	buffer_free(&text);
	buffer_free(&twice);
	run_end(&one);
	run_end(&again);
}

static void counts_of_runs_that_share_a_part_are_at_least(void **state)
{
	struct run base, one, other;
	struct buffer text;

	(void)state;
	run_begin(&base);
	run_begin(&one);
	run_begin(&other);
	plays(&base, 0);
	plays(&one, 1);
	plays(&other, 2);
	run_finish(&base);
	run_finish(&one);
	run_finish(&other);
	assert_int_equal(statistics_merge(one.statistics, one.model, base.statistics, base.model), 0);
	assert_int_equal(statistics_merge(other.statistics, other.model, base.statistics, base.model), 0);
	assert_int_equal(statistics_merge(one.statistics, one.model, other.statistics, other.model), 0);
	prints(&one, &text);
	assert_non_null(strstr(buffer_string(&text), "\ncounts at-least\n"));
	assert_int_equal(line_of(&one, "tcp 80 private")->count, 12); /* of 18 */
	assert_int_equal(line_of(&one, "tcp 80 private")->seen->hosts.size, 3);
	buffer_free(&text);
	run_end(&base);
	run_end(&one);
	run_end(&other);
}

/* What can be written can be read again, whoever wrote what it was merged of. */
static void counts_do_not_grow_beyond_what_is_read_back(void **state)
{
	static const char model_text[] = "# sombrero model 1\nservice web\n  exec  /bin/web\n";
	static const char texts[2][160] = {
		"# sombrero statistics 1\nlost 9007199254740992\nservice web\n  exec     /bin/web\n"
		"    seen 9007199254740992 20000 20000 0000000000000001 - -\n",
		"# sombrero statistics 1\nlost 9007199254740991\nservice web\n  exec  /bin/web\n"
		"    seen 9007199254740991 20000 20000 0000000000000001 - -\n",
	};
	struct buffer text = BUFFER_INIT(4096);
	struct statistics *part[2];
	struct model *lines[2];
	struct error error = { "" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(model_parse("m", model_text, sizeof(model_text) - 1, &lines[i], &error), 0);
		if (statistics_parse("s", texts[i], strlen(texts[i]), lines[i], &part[i], NULL, &error) < 0)
			fail_msg("%s", error.text);
	}
	assert_int_equal(statistics_merge(part[1], lines[1], part[0], lines[0]), 0);
	assert_int_equal(statistics_print(part[1], lines[1], &text), 0);
	assert_string_equal(buffer_string(&text), texts[0]);
	buffer_free(&text);
	for (unsigned i = 0; i < 2; i++) {
		statistics_free(part[i]);
		model_free(lines[i]);
	}
}

/* ---- texts ---- */

static void what_is_printed_is_read_back(void **state)
{
	struct error error = { "" };
	struct run run, again = { 0 };
	struct buffer lines = BUFFER_INIT(1 << 20), text, twice;
	size_t strangers = 9;

	(void)state;
	run_begin(&run);
	plays(&run, 0);
	plays(&run, 1);
	run_finish(&run);
	prints(&run, &text);
	assert_int_equal(model_print(run.model, &lines), 0);
	assert_int_equal(model_parse("m", lines.data, lines.size, &again.model, &error), 0);
	buffer_free(&lines);
	if (statistics_parse("s", text.data, text.size, again.model, &again.statistics, &strangers, &error))
		fail_msg("%s", error.text);
	assert_int_equal(strangers, 0);
	prints(&again, &twice);
	assert_string_equal(buffer_string(&text), buffer_string(&twice));
	statistics_free(again.statistics);
	model_free(again.model);
	buffer_free(&text);
	buffer_free(&twice);
	run_end(&run);
}

static const char model_text[] = "# sombrero model 1\nservice nginx\n  exec  /usr/sbin/nginx\n"
				 "  write  /usr/sbin/nginx  /var/log/*.log\n";

#define TITLE "# sombrero statistics 1\n"
#define SEEN  "0000000000000001 0000000000000001 0000000000000001\n"

static int reads(const char *text, struct model *model, struct statistics **out, size_t *strangers, struct error *error)
{
	return statistics_parse("s", text, strlen(text), model, out, strangers, error);
}

static void every_error_says_where(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "s:1:1: found the end of the line, expected the first line to be '# sombrero statistics 1'" },
		{ "# sombrero statistics 2\n", "s:1:23: " },
		{ TITLE "source 12\n", "s:2:8: " },
		{ TITLE "source -\n", "s:2:8: " },
		{ TITLE "lost 01\n", "s:2:6: " },
		{ TITLE "lost 99999999999999999999\n", "s:2:6: " },
		{ TITLE "host web-1 x\n", "s:2:12: " },
		{ TITLE "host a\\x41\n", "s:2:6: " },
		{ TITLE "host web-1\n  watched 5-4\n", "s:3:11: " },
		{ TITLE "host web-1\n  watched 5,6\n", "s:3:11: " },
		{ TITLE "host web-1\n  sleeps 5\n", "s:3:3: " },
		{ TITLE "scheduled x\n", "s:2:12: found the end of the line, expected a number" },
		{ TITLE "  hours web-1 5\n", "s:2:3: " },
		{ TITLE "service nginx\n  hours web-1\n", "s:3:14: " },
		{ TITLE "service nginx\n  exec  /usr/sbin/nginx\n    seen 1 2 1 " SEEN, "s:4:14: " },
		{ TITLE "service nginx\n    seen 1 1 1 " SEEN, "s:3:5: " },
		{ TITLE "service nginx\n  exec  /usr/sbin/nginx\n    seen 1 1 1 - - -\n", "s:4:16: " },
		{ TITLE "service nginx\n  exec  /usr/sbin/nginx\n    rate 1;2\n", "s:4:10: " },
		{ TITLE "service nginx\n  run  /usr/sbin/nginx\n", "s:3:3: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error error = { "" };
		struct statistics *statistics = NULL;
		struct model *model;

		assert_int_equal(model_parse("m", model_text, sizeof(model_text) - 1, &model, &error), 0);
		assert_int_equal(reads(cases[i].text, model, &statistics, NULL, &error), -EINVAL);
		assert_null(statistics);
		if (strncmp(error.text, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("%zu: %s", i, error.text);
		model_free(model);
	}
}

static void a_line_that_was_edited_away_goes_to_what_covers_it(void **state)
{
	static const char text[] = TITLE "service nginx\n  write  /usr/sbin/nginx  /var/log/a.log\n    seen 4 1 1 " SEEN
					 "  write  /usr/sbin/nginx  /srv/x\n    seen 3 1 1 " SEEN;
	const struct behaviour line = { .context_kind = CONTEXT_SERVICE,
					.context_name = "nginx",
					.kind = BEHAVIOUR_WRITE,
					.program = "/usr/sbin/nginx",
					.object = "/var/log/*.log" };
	struct error error = { "" };
	struct statistics *statistics = NULL;
	struct model *model;
	size_t strangers;

	(void)state;
	assert_int_equal(model_parse("m", model_text, sizeof(model_text) - 1, &model, &error), 0);
	assert_int_equal(reads(text, model, &statistics, &strangers, &error), 0);
	assert_int_equal(strangers, 1);
	assert_int_equal(model_find(model, &line)->count, 4);
	statistics_free(statistics);
	model_free(model);
}

static void a_host_keeps_the_first_of_many_occasions(void **state)
{
	static const char text[] = TITLE "host a\n  boot 490000-1390000\n";
	struct error error = { "" };
	struct statistics *statistics = NULL;
	struct model *model = model_new();

	(void)state;
	assert_non_null(model);
	assert_int_equal(reads(text, model, &statistics, NULL, &error), 0);
	assert_int_equal(hours_count(&statistics->host[0]->occasion[OCCASION_BOOT]), STATISTICS_OCCASIONS);
	assert_true(hours_has(&statistics->host[0]->occasion[OCCASION_BOOT], 490000));
	statistics_free(statistics);
	model_free(model);
}

/* ---- hours ---- */

static void hours_know_the_calendar(void **state)
{
	struct hours hours = { 0 };

	(void)state;
	assert_int_equal(hours_add(&hours, MONDAY + 1, MONDAY + 47), 0);
	assert_int_equal(hours_weekdays(&hours), 2); /* Tuesday is whole */
	assert_int_equal(hours_month_ends(&hours), 0);
	assert_int_equal(hours_add(&hours, MONDAY - 1, MONDAY), 0);
	assert_int_equal(hours.count, 1);
	assert_int_equal(hours_weekdays(&hours), 3);
	assert_int_equal(hours_month_ends(&hours), 1);
	assert_int_equal(hours_add(&hours, MONDAY + 100, MONDAY + 24 * 40), 0);
	assert_int_equal(hours_month_ends(&hours), 2);
	assert_int_equal(hours_weekdays(&hours), 127);
	assert_false(hours_has(&hours, MONDAY + 50));
	hours_free(&hours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_is_there_while_it_is_idle),
		cmocka_unit_test(a_line_is_counted_by_host_hours_hosts_and_days),
		cmocka_unit_test(a_new_start_of_the_sensor_is_a_new_watch),
		cmocka_unit_test(what_was_there_before_is_seen_when_the_watch_begins),
		cmocka_unit_test(what_is_scheduled_is_known_by_host),
		cmocka_unit_test(occasions_are_told_by_what_happens),
		cmocka_unit_test(another_boot_within_a_recording_takes_more_than_one_process),
		cmocka_unit_test(the_same_runs_in_any_order_are_the_same_bytes),
		cmocka_unit_test(one_run_twice_counts_once),
		cmocka_unit_test(counts_of_runs_that_share_a_part_are_at_least),
		cmocka_unit_test(counts_do_not_grow_beyond_what_is_read_back),
		cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(every_error_says_where),
		cmocka_unit_test(a_line_that_was_edited_away_goes_to_what_covers_it),
		cmocka_unit_test(a_host_keeps_the_first_of_many_occasions),
		cmocka_unit_test(hours_know_the_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
