/* SPDX-License-Identifier: Apache-2.0 */
/* Runaways, on events made by hand: what is too much, that it is one finding, and that its end has its size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <jansson.h>

#include "judge/judge.h"
#include "judge/runaway.h"

#define MINUTE  60000U                              /* ms */
#define BASE_NS (UINT64_C(1700000040) * 1000000000) /* the beginning of a minute */

struct told {
	enum runaway_state state;
	uint64_t id;
	uint64_t at_ms, seconds, now, most, total;
	unsigned parts;
};

struct world {
	struct model *model;
	struct networks *networks;
	struct runaways *runaways;
	struct judge *judge;
	struct told told[1000];
	unsigned count;
	uint64_t at_ms; /* the event's that is judged */
	char text[8192];
	unsigned deviations;
};

static int note(void *owner, const struct runaway *runaway)
{
	struct buffer text = BUFFER_INIT(65536), line = BUFFER_INIT(1 << 21);
	struct world *world = owner;
	const struct runaway_part *part = &runaway->part[0];
	json_t *json;

	assert_true(world->count < 1000);
	world->told[world->count++] = (struct told) {
		.state = runaway->state,
		.id = runaway->id,
		.at_ms = world->at_ms,
		.seconds = (runaway->last_ns - runaway->since_ns) / 1000000000,
		.now = part->now,
		.most = part->most,
		.total = part->total,
		.parts = runaway->part_count,
	};
	runaway_explain(&text, runaway);
	(void)snprintf(world->text, sizeof(world->text), "%s", buffer_string(&text));
	runaway_write(&line, runaway);
	json = json_loadb(line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "finding")), "runaway");
	assert_int_equal(json_array_size(json_object_get(json, "amounts")), runaway->part_count);
	assert_ptr_equal(memchr(line.data, '\n', line.size), line.data + line.size - 1);
	json_decref(json);
	buffer_free(&text);
	buffer_free(&line);
	return 0;
}

static int deviates(void *owner, const struct finding *finding)
{
	(void)finding;
	((struct world *)owner)->deviations++;
	return 0;
}

static void set(struct sketch *sketch, const char *text)
{
	sketch_free(sketch);
	assert_int_equal(sketch_parse(text, strlen(text), sketch), 0);
}

static void know_line(struct world *world, struct behaviour behaviour, const char *rate)
{
	struct model_entry *entry;

	assert_true(model_add(world->model, &behaviour, &entry) >= 0);
	if (!rate)
		return;
	entry->rate = rate_new();
	assert_non_null(entry->rate);
	set(&entry->rate->usual, rate);
}

static void know_context(struct world *world, struct behaviour behaviour, const char *usual)
{
	struct usual *context = model_usual(world->model, &behaviour);

	assert_non_null(context);
	set(&context->processes, usual);
	set(&context->begun, usual);
	set(&context->cpu_ms, usual);
}

static const struct behaviour starts = {
	.context_kind = CONTEXT_SERVICE,
	.context_name = "web",
	.kind = BEHAVIOUR_EXEC,
	.program = "/usr/bin/web",
	.object = "",
};

static struct behaviour other(enum behaviour_kind kind, const char *object)
{
	struct behaviour behaviour = starts;

	behaviour.kind = kind;
	behaviour.object = object;
	return behaviour;
}

/* Whose model is of a day: at most 12 starts a minute, 40 connections out, and a few of everything else. */
static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->model = model_new();
	world->networks = networks_new();
	know_line(world, starts, "3:200,12:1");
	know_line(world, other(BEHAVIOUR_OWNER, "root"), "3:200,12:1");
	know_line(world, other(BEHAVIOUR_CONNECT, "tcp 80 loopback"), "40:100");
	know_line(world, other(BEHAVIOUR_ACCEPT, "tcp 443 loopback"), "40:100");
	know_context(world, starts, "5:1440");
	world->runaways = runaways_new(world->model, note, world);
	world->judge = judge_new(world->model, world->networks, deviates, world);
	judge_set_runaways(world->judge, world->runaways);
	return world;
}

static void world_free(struct world *world)
{
	assert_int_equal(world->deviations, 0);
	judge_free(world->judge);
	runaways_free(world->runaways);
	networks_free(world->networks);
	model_free(world->model);
	free(world);
}

static struct event make(enum event_kind kind, uint64_t at_ms, const char *host)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = BASE_NS + at_ms * 1000000;
	event.host = host;
	event.pid = 77;
	event.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "web", .container = "" };
	event.program.exe = event.program.called = event.program.text = "/usr/bin/web";
	event.uid = event.euid = 0;
	event.user = event.effective_user = "root";
	if (kind == EVENT_CONNECT || kind == EVENT_ACCEPT) {
		event.family = AF_INET;
		event.protocol = 6;
		event.remote_address[0] = event.local_address[0] = 127;
		event.remote_port = 80;
		event.local_port = 443;
		event.flags = EVENT_FLAG_PORT_ASKED;
	}
	return event;
}

static void judge(struct world *world, struct event event)
{
	world->at_ms = (event.time_ns - BASE_NS) / 1000000;
	assert_int_equal(judge_event(world->judge, &event), 0);
}

/* So many in each of these minutes, evenly. */
static void act(struct world *world, enum event_kind kind, unsigned first, unsigned minutes, unsigned a_minute)
{
	for (unsigned i = 0; i < minutes * a_minute; i++)
		judge(world, make(kind, (uint64_t)first * MINUTE + (uint64_t)i * MINUTE / a_minute, "one"));
}

static void use(struct world *world, unsigned minute, uint64_t processes, uint64_t begun, uint64_t cpu_ms)
{
	struct event event = make(EVENT_USAGE, (uint64_t)minute * MINUTE + 30000, "one");

	event.processes = processes ? 1 : 0;
	event.processes_most = processes;
	event.processes_begun = begun;
	event.cpu_ms = cpu_ms;
	judge(world, event);
}

static void time_goes_on(struct world *world, unsigned minute)
{
	world->at_ms = (uint64_t)minute * MINUTE;
	assert_int_equal(runaways_clock(world->runaways, BASE_NS + world->at_ms * 1000000), 0);
}

static void a_peak_of_five_times_the_usual_is_none(void **state)
{
	struct world *world = world_new();

	(void)state;
	act(world, EVENT_EXEC, 0, 10, 60);
	act(world, EVENT_CONNECT, 0, 10, 200);
	act(world, EVENT_ACCEPT, 0, 10, 5999);
	for (unsigned minute = 0; minute < 10; minute++)
		use(world, minute, 25, 25, 25);
	assert_int_equal(world->count, 0);
	world_free(world);
}

static void a_loop_is_told_once_within_the_minute_and_its_end_has_its_size(void **state)
{
	struct world *world = world_new();

	(void)state;
	act(world, EVENT_EXEC, 0, 5, 10);
	act(world, EVENT_EXEC, 5, 3, 6000);
	assert_int_equal(world->count, 1);
	assert_int_equal(world->told[0].state, RUNAWAY_BEGINS);
	assert_int_equal(world->told[0].now, RUNAWAY_FLOOR_RATE + 1);
	assert_int_equal(world->told[0].at_ms, 5 * MINUTE + RUNAWAY_FLOOR_RATE * 10);
	assert_non_null(strstr(world->text,
			       "RUNAWAY medium  service web: /usr/bin/web was started: 601 times in a minute, "
			       "usually at most 12 times\n"));
	act(world, EVENT_EXEC, 8, 3, 10);
	assert_int_equal(world->count, 2);
	assert_int_equal(world->told[1].state, RUNAWAY_OVER);
	assert_int_equal(world->told[1].id, world->told[0].id);
	/* All of them; that a few of the quiet minute that ends it are among them can't be told apart. */
	assert_in_range(world->told[1].total, 18000, 18010);
	assert_int_equal(world->told[1].most, 6000);
	assert_in_range(world->told[1].seconds, 170, 180);
	assert_non_null(strstr(world->text, "  RUNAWAY IS OVER medium  service web: it lasted for 2 min\n"));
	world_free(world);
}

static void it_is_over_without_another_event(void **state)
{
	struct world *world = world_new();

	(void)state;
	act(world, EVENT_CONNECT, 0, 1, 3000);
	time_goes_on(world, 1);
	assert_int_equal(world->count, 1);
	time_goes_on(world, 2);
	assert_int_equal(world->count, 2);
	assert_int_equal(world->told[1].state, RUNAWAY_OVER);
	assert_int_equal(world->told[1].total, 3000);
	time_goes_on(world, 100);
	assert_int_equal(world->count, 2);
	world_free(world);
}

static void processes_that_begin_without_a_program_are_told_by_their_number(void **state)
{
	struct world *world = world_new();

	(void)state;
	use(world, 0, 5, 4, 900);
	use(world, 1, 4000, 9000, 10);
	assert_int_equal(world->count, 1);
	assert_non_null(strstr(world->text, "service web: 4000 processes at a time, usually at most 5 processes\n"));
	use(world, 2, 4500, 500, 10);
	use(world, 3, 5, 0, 10);
	assert_int_equal(world->count, 2);
	assert_int_equal(world->told[1].state, RUNAWAY_OVER);
	assert_int_equal(world->told[1].most, 4500);
	assert_int_equal(world->told[1].parts, 2);
	assert_non_null(strstr(world->text, "  size      9500 new processes in all, 9000 new processes in a minute"));
	world_free(world);
}

static void a_busy_loop_is_told_by_its_cpu_time(void **state)
{
	struct world *world = world_new();

	(void)state;
	use(world, 0, 5, 4, 29000);
	assert_int_equal(world->count, 0);
	use(world, 1, 5, 0, 59900);
	assert_int_equal(world->count, 1);
	assert_non_null(strstr(world->text, "59.9 s of CPU in a minute, usually at most 0.0 s of CPU\n"));
	use(world, 2, 5, 0, 60100);
	time_goes_on(world, 4);
	assert_int_equal(world->count, 1);
	time_goes_on(world, 6); /* it is gone altogether */
	assert_int_equal(world->count, 2);
	assert_int_equal(world->told[1].total, 120000);
	world_free(world);
}

static void all_that_a_service_overdoes_at_a_time_is_one_finding(void **state)
{
	struct world *world = world_new();

	(void)state;
	for (unsigned minute = 0; minute < 5; minute++) {
		act(world, EVENT_EXEC, minute, 1, 5000);
		act(world, EVENT_CONNECT, minute, 1, 5000);
		use(world, minute, 500, 5000, 55000);
	}
	assert_int_equal(world->count, 1);
	time_goes_on(world, 8);
	assert_int_equal(world->count, 2);
	assert_int_equal(world->told[1].parts, 5);
	world_free(world);
}

static void while_it_lasts_it_is_told_every_ten_minutes(void **state)
{
	struct world *world = world_new();

	(void)state;
	act(world, EVENT_EXEC, 0, 60, 1000);
	assert_int_equal(world->count, 6);
	for (unsigned i = 1; i < world->count; i++) {
		assert_int_equal(world->told[i].state, RUNAWAY_LASTS);
		assert_int_equal(world->told[i].id, world->told[0].id);
		assert_in_range(world->told[i].at_ms - world->told[i - 1].at_ms, 10 * MINUTE, 10 * MINUTE + 100);
	}
	assert_int_equal(runaways_finish(world->runaways), 0);
	assert_int_equal(world->count, 7);
	assert_int_equal(world->told[6].state, RUNAWAY_LASTS);
	assert_int_equal(world->told[6].total, 60000);
	world_free(world);
}

static void one_that_comes_and_goes_all_day_does_not_flood(void **state)
{
	struct world *world = world_new();

	(void)state;
	for (unsigned minute = 0; minute < 1440; minute += 3)
		act(world, EVENT_EXEC, minute, 1, 1000);
	/* It begins and ends three times, and then lasts: so it is told every ten minutes. */
	assert_in_range(world->count, 3, 6 + 144);
	world_free(world);
}

static void hosts_are_judged_apart_though_their_events_alternate(void **state)
{
	struct world *world = world_new();
	const char *const hosts[] = { "one", "two", "three" };

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		for (unsigned host = 0; host < 3; host++)
			judge(world, make(EVENT_EXEC, i * 100, hosts[host]));
	}
	assert_int_equal(world->count, 0);
	for (unsigned i = 0; i < 500; i++)
		judge(world, make(EVENT_EXEC, 50000 + i, "two"));
	assert_int_equal(world->count, 1);
	assert_non_null(strstr(world->text, "  where     two\n"));
	/* That it is later elsewhere is nothing to it. */
	judge(world, make(EVENT_EXEC, 20 * MINUTE, "one"));
	assert_int_equal(world->count, 1);
	judge(world, make(EVENT_EXEC, 20 * MINUTE, "two"));
	assert_int_equal(world->count, 2);
	world_free(world);
}

static void a_clock_that_is_set_back_adds_no_minutes_up(void **state)
{
	struct world *world = world_new();

	(void)state;
	act(world, EVENT_EXEC, 120, 1, 500);
	act(world, EVENT_EXEC, 60, 10, 500);
	assert_int_equal(world->count, 0);
	act(world, EVENT_EXEC, 70, 1, 1000);
	assert_int_equal(world->count, 1);
	act(world, EVENT_EXEC, 10, 2, 1000);
	assert_int_equal(world->count, 1);
	time_goes_on(world, 14);
	assert_int_equal(world->count, 2);
	world_free(world);
}

static void where_nothing_is_known_nothing_is_too_much(void **state)
{
	struct world *world = world_new();

	(void)state;
	know_context(world, starts, "5:59"); /* less than an hour */
	act(world, EVENT_EXEC, 0, 2, 10000);
	use(world, 0, 10000, 10000, 60000);
	assert_int_equal(world->count, 0);
	world_free(world);
	world = world_new();
	know_line(world, other(BEHAVIOUR_LISTEN, "tcp 443 loopback"), NULL);
	act(world, EVENT_LISTEN, 0, 1, 0);
	for (unsigned i = 0; i < 5000; i++) {
		struct event event = make(EVENT_CONNECT, i, "one");

		event.kind = EVENT_LISTEN;
		judge(world, event);
	}
	assert_int_equal(world->count, 0);
	world_free(world);
}

static void what_was_learned_in_an_hour_is_given_more_room(void **state)
{
	struct world *world = world_new();

	(void)state;
	know_context(world, starts, "5:60");
	act(world, EVENT_CONNECT, 0, 3, 1200);
	assert_int_equal(world->count, 0);
	act(world, EVENT_CONNECT, 3, 1, 1201);
	assert_int_equal(world->count, 1);
	world_free(world);
}

static void it_is_known_of_how_many_contexts_it_can_be_told(void **state)
{
	struct world *world = world_new();
	struct behaviour job = starts, boot = starts;
	size_t known, all;

	(void)state;
	job.context_kind = CONTEXT_JOB;
	job.context_name = "report";
	boot.context_kind = CONTEXT_BOOT;
	boot.context_name = "";
	know_line(world, job, "1:2");
	know_line(world, boot, "1:2");
	know_context(world, job, "1:2");
	runaways_known(world->model, &known, &all);
	assert_int_equal(known, 1);
	assert_int_equal(all, 2);
	know_context(world, job, "1:3");
	runaways_known(world->model, &known, &all);
	assert_int_equal(known, 2);
	world_free(world);
}

static void names_from_outside_are_escaped(void **state)
{
	struct world *world = world_new();
	struct behaviour evil = starts;

	(void)state;
	evil.context_name = "\033[2J\"";
	know_context(world, evil, "5:60");
	for (unsigned minute = 0; minute < 2; minute++) {
		struct event event = make(EVENT_USAGE, minute * MINUTE, "h\nost");

		event.context.name = evil.context_name;
		event.cpu_ms = 100000;
		judge(world, event);
	}
	assert_int_equal(world->count, 1);
	assert_non_null(strstr(world->text, "service \\x1b[2J\""));
	assert_non_null(strstr(world->text, "h\\x0aost"));
	assert_null(strchr(world->text, '\033'));
	world_free(world);
}

static void more_than_there_is_room_for_are_counted(void **state)
{
	struct world *world = world_new();

	(void)state;
	for (unsigned i = 0; i < RUNAWAY_MAX + 5; i++) {
		char host[16];
		struct event event;

		(void)snprintf(host, sizeof(host), "h%u", i);
		event = make(EVENT_USAGE, 1000, host);
		event.cpu_ms = 100000;
		judge(world, event);
	}
	assert_int_equal(world->count, RUNAWAY_MAX);
	assert_int_equal(runaways_tally(world->runaways)->told, RUNAWAY_MAX);
	assert_int_equal(runaways_tally(world->runaways)->untold, 5);
	time_goes_on(world, 10); /* all are over: there is room again */
	assert_int_equal(world->count, 2 * RUNAWAY_MAX);
	use(world, 11, 5, 5, 100000);
	assert_int_equal(world->count, 2 * RUNAWAY_MAX + 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peak_of_five_times_the_usual_is_none),
		cmocka_unit_test(a_loop_is_told_once_within_the_minute_and_its_end_has_its_size),
		cmocka_unit_test(it_is_over_without_another_event),
		cmocka_unit_test(processes_that_begin_without_a_program_are_told_by_their_number),
		cmocka_unit_test(a_busy_loop_is_told_by_its_cpu_time),
		cmocka_unit_test(all_that_a_service_overdoes_at_a_time_is_one_finding),
		cmocka_unit_test(while_it_lasts_it_is_told_every_ten_minutes),
		cmocka_unit_test(one_that_comes_and_goes_all_day_does_not_flood),
		cmocka_unit_test(hosts_are_judged_apart_though_their_events_alternate),
		cmocka_unit_test(a_clock_that_is_set_back_adds_no_minutes_up),
		cmocka_unit_test(where_nothing_is_known_nothing_is_too_much),
		cmocka_unit_test(what_was_learned_in_an_hour_is_given_more_room),
		cmocka_unit_test(it_is_known_of_how_many_contexts_it_can_be_told),
		cmocka_unit_test(names_from_outside_are_escaped),
		cmocka_unit_test(more_than_there_is_room_for_are_counted),
	};

	return cmocka_run_group_tests_name("runaway", tests, NULL, NULL);
}
