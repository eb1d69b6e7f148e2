/* SPDX-License-Identifier: Apache-2.0 */
/* What is usual: counts by host and minute, and what learning keeps of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/learn.h"
#include "model/model.h"
#include "model/rate.h"

static void assert_sketch(const struct sketch *sketch, const char *expected)
{
	struct buffer out = BUFFER_INIT(SKETCH_TEXT_MAX);

	sketch_print(sketch, &out);
	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
}

static void note(struct rate *rate, uint64_t host, uint64_t minute, unsigned times)
{
	while (times--)
		assert_int_equal(rate_note(rate, host, minute), 0);
}

static void assert_rate(struct rate *rate, const char *expected)
{
	assert_int_equal(rate_finish(rate), 0);
	assert_sketch(&rate->usual, expected);
	rate_free(rate);
}

static void each_minute_in_which_it_came_counts_once(void **state)
{
	struct rate *rate = rate_new();

	(void)state;
	note(rate, 7, 100, 3);
	note(rate, 7, 101, 3);
	note(rate, 7, 109, 20);
	assert_rate(rate, "3:2,20:1");
}

static void hosts_whose_events_alternate_are_counted_apart(void **state)
{
	struct rate *rate = rate_new();

	(void)state;
	for (int i = 0; i < 10; i++) {
		for (uint64_t host = 1; host <= 5; host++)
			note(rate, host, 100 + (i >= 5), (unsigned)host);
	}
	assert_rate(rate, "5:2,10:2,15:2,20:2,25:2");
}

static void what_is_a_little_late_belongs_to_the_minute_that_is_counted(void **state)
{
	struct rate *rate = rate_new();

	(void)state;
	note(rate, 1, 100, 2);
	note(rate, 1, 101, 2);
	note(rate, 1, 100, 1);
	note(rate, 1, 101, 1);
	assert_rate(rate, "2:1,4:1");
}

static void a_clock_that_is_set_back_begins_another_minute(void **state)
{
	struct rate *rate = rate_new();

	(void)state;
	note(rate, 1, 100, 5);
	note(rate, 1, 40, 5);
	note(rate, 1, 41, 5);
	assert_rate(rate, "5:3");
}

static void more_hosts_than_there_is_room_for_end_early_and_nothing_is_lost(void **state)
{
	struct rate *rate = rate_new();

	(void)state;
	for (uint64_t host = 1; host <= MINUTES_HOSTS_MAX + 10; host++)
		note(rate, host, 100, 4);
	assert_int_equal(rate->now.size, MINUTES_HOSTS_MAX);
	assert_rate(rate, "4:1034");
}

/* --- learning --- */

static struct event at(enum event_kind kind, unsigned second, const char *host)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = (UINT64_C(1700000040) + second) * 1000000000; /* the beginning of a minute */
	event.host = host;
	event.pid = 1;
	event.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "web", .container = "" };
	event.program.exe = event.program.called = event.program.text = "/usr/bin/web";
	event.user = event.effective_user = "root";
	return event;
}

static const struct behaviour web = {
	.context_kind = CONTEXT_SERVICE,
	.context_name = "web",
	.kind = BEHAVIOUR_EXEC,
	.program = "/usr/bin/web",
	.object = "",
};

/* A model of three minutes of two hosts. */
static struct model *learn_some(void)
{
	struct model *model = model_new();
	struct networks *networks = networks_new();
	struct learner *learner = learner_new(model, networks);
	struct event event;

	for (unsigned second = 0; second < 180; second += 5) {
		event = at(EVENT_EXEC, second, "one");
		assert_int_equal(learner_event(learner, &event), 0);
		event = at(EVENT_EXEC, second, "two");
		if (second < 50)
			assert_int_equal(learner_event(learner, &event), 0);
		event = at(EVENT_USAGE, second, "one");
		event.processes_most = 4;
		event.processes_begun = second;
		event.cpu_ms = 30;
		if (second % 60 == 55)
			assert_int_equal(learner_event(learner, &event), 0);
	}
	assert_int_equal(learner_finish(learner), 0);
	learner_free(learner);
	networks_free(networks);
	return model;
}

static void learning_keeps_the_rate_of_each_behaviour(void **state)
{
	struct model *model = learn_some();

	(void)state;
	assert_sketch(&model_find(model, &web)->rate->usual, "10:1,12:3");
	model_free(model);
}

static void learning_keeps_what_a_context_uses(void **state)
{
	struct model *model = learn_some();
	const struct usual *usual = model_find_usual(model, &web);

	(void)state;
	assert_sketch(&usual->processes, "4:3");
	assert_sketch(&usual->begun, "55:1,114:1,172:1");
	assert_sketch(&usual->cpu_ms, "30:3");
	model_free(model);
}

static void usage_alone_makes_no_line(void **state)
{
	struct model *model = model_new();

	(void)state;
	assert_non_null(model_usual(model, &web));
	assert_int_equal(model_size(model), 0);
	assert_false(model_has_context(model, &web));
	model_free(model);
}

static void rates_of_two_models_come_together(void **state)
{
	struct model *into = learn_some(), *from = learn_some();

	(void)state;
	assert_int_equal(model_join_rates(into, from, sketch_merge), 0);
	assert_sketch(&model_find(into, &web)->rate->usual, "10:2,12:6");
	assert_sketch(&model_find_usual(into, &web)->processes, "4:6");
	assert_int_equal(model_join_rates(into, from, sketch_cover), 0);
	assert_sketch(&model_find(into, &web)->rate->usual, "10:2,12:6");
	model_free(into);
	model_free(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_minute_in_which_it_came_counts_once),
		cmocka_unit_test(hosts_whose_events_alternate_are_counted_apart),
		cmocka_unit_test(what_is_a_little_late_belongs_to_the_minute_that_is_counted),
		cmocka_unit_test(a_clock_that_is_set_back_begins_another_minute),
		cmocka_unit_test(more_hosts_than_there_is_room_for_end_early_and_nothing_is_lost),
		cmocka_unit_test(learning_keeps_the_rate_of_each_behaviour),
		cmocka_unit_test(learning_keeps_what_a_context_uses),
		cmocka_unit_test(usage_alone_makes_no_line),
		cmocka_unit_test(rates_of_two_models_come_together),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
