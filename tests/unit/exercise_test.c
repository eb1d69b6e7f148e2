/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "judge/exercise.h"

static const char text[] = "# sombrero model 1\n"
			   "service nginx\n"
			   "  exec  /usr/sbin/nginx\n"
			   "  owner  /usr/sbin/nginx  root\n"
			   "  owner  /usr/sbin/nginx  www-data\n"
			   "job backup\n"
			   "  exec  /usr/bin/tar\n"
			   "  write  **  none\n";

struct world {
	struct model *model;
	struct networks *networks;
	struct exercise *exercise;
	struct buffer seen;
};

static int set_up(void **state)
{
	static struct world world;
	struct error error = { "" };

	world = (struct world) { .networks = networks_new(), .seen = BUFFER_INIT(1U << 20) };
	assert_int_equal(model_parse("m", text, strlen(text), &world.model, &error), 0);
	world.exercise = exercise_new(world.model, world.networks);
	assert_non_null(world.exercise);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	exercise_free(world->exercise);
	model_free(world->model);
	networks_free(world->networks);
	buffer_free(&world->seen);
	return 0;
}

static struct event exec_of(const char *program, enum context_kind kind, const char *name, const char *host,
			    uint64_t time_ns)
{
	struct event event;

	event_init(&event, EVENT_EXEC);
	event.time_ns = time_ns;
	event.host = host;
	event.context.kind = kind;
	event.context.name = name;
	event.program.text = program;
	event.pid = 7;
	event.start_ns = 9;
	event.uid = event.euid = 0;
	event.effective_user = "root";
	return event;
}

static void happens(struct world *world, struct event event)
{
	assert_int_equal(exercise_event(world->exercise, &event), 0);
}

static int see_deviation(void *owner, const struct exercise_deviation *deviation)
{
	struct world *world = owner;

	buffer_printf(&world->seen, "%s %s %s%s: %llu", deviation->behaviour.context_name,
		      behaviour_kind_name(deviation->behaviour.kind), deviation->behaviour.program,
		      deviation->new_context ? " (new)" : "", (unsigned long long)deviation->count);
	for (unsigned i = 0; i < deviation->host_count; i++)
		buffer_printf(&world->seen, " %s", deviation->host[i]);
	buffer_printf(&world->seen, " %llu-%llu\n", (unsigned long long)deviation->first_ns,
		      (unsigned long long)deviation->last_ns);
	return 0;
}

static int see_context(void *owner, const struct exercise_context *context)
{
	struct world *world = owner;

	buffer_printf(&world->seen, "%s%s %llu/%llu %llu/%llu\n", context->sample.context_name,
		      context->seen ? "" : " unseen", (unsigned long long)context->used,
		      (unsigned long long)context->lines, (unsigned long long)context->covered,
		      (unsigned long long)context->observations);
	return 0;
}

static void assert_seen(struct world *world, const char *deviations, const char *contexts)
{
	assert_int_equal(exercise_end_recording(world->exercise), 0);
	assert_int_equal(exercise_each_deviation(world->exercise, see_deviation, world), 0);
	assert_string_equal(buffer_string(&world->seen), deviations);
	buffer_clear(&world->seen);
	assert_int_equal(exercise_each_context(world->exercise, see_context, world), 0);
	assert_string_equal(buffer_string(&world->seen), contexts);
}

static void deviations_are_gathered_by_behaviour(void **state)
{
	struct world *world = *state;

	happens(world, exec_of("/usr/bin/id", CONTEXT_SERVICE, "nginx", "web-1", 20));
	happens(world, exec_of("/usr/bin/id", CONTEXT_SERVICE, "nginx", "web-2", 10));
	happens(world, exec_of("/usr/bin/id", CONTEXT_SERVICE, "nginx", "web-1", 30));
	happens(world, exec_of("/usr/bin/id", CONTEXT_JOB, "evil", "web-1", 5));
	assert_seen(world,
		    "nginx exec /usr/bin/id: 3 web-1 web-2 10-30\n"
		    "nginx owner /usr/bin/id: 3 web-1 web-2 10-30\n"
		    "evil exec /usr/bin/id (new): 1 web-1 5-5\n"
		    "evil owner /usr/bin/id (new): 1 web-1 5-5\n",
		    "nginx 0/3 0/6\nbackup unseen 0/1 0/0\nevil 0/0 0/2\n");
}

static void lines_are_used_or_not_by_context(void **state)
{
	struct world *world = *state;

	happens(world, exec_of("/usr/sbin/nginx", CONTEXT_SERVICE, "nginx", "web-1", 1));
	happens(world, exec_of("/usr/sbin/nginx", CONTEXT_SERVICE, "nginx", "web-1", 2));
	assert_seen(world, "", "nginx 2/3 4/4\nbackup unseen 0/1 0/0\n");
	assert_int_equal(exercise_tally(world->exercise)->covered, 4);
}

/* A recording of tests under a harness, as learning takes it. */
static void what_turns_out_to_be_a_service_counts_as_the_service(void **state)
{
	struct world *world = *state;
	struct event event = exec_of("/usr/sbin/nginx", CONTEXT_HARNESS, "", "ci", 1);

	happens(world, event);
	event = exec_of("/usr/bin/id", CONTEXT_HARNESS, "", "ci", 1);
	happens(world, event);
	event.kind = EVENT_CONTEXT;
	event.context.kind = CONTEXT_SERVICE;
	event.context.name = "nginx";
	happens(world, event);
	assert_seen(world, "nginx exec /usr/bin/id: 0 0-0\nnginx owner /usr/bin/id: 0 0-0\n",
		    "nginx 2/3 2/4\nbackup unseen 0/1 0/0\n");
}

static void sessions_and_harnesses_are_nobodys_business(void **state)
{
	struct world *world = *state;

	happens(world, exec_of("/usr/bin/id", CONTEXT_SESSION, "alice", "web-1", 1));
	happens(world, exec_of("/usr/bin/id", CONTEXT_HARNESS, "", "web-1", 1));
	assert_seen(world, "", "nginx unseen 0/3 0/0\nbackup unseen 0/1 0/0\n");
	assert_int_equal(exercise_tally(world->exercise)->events, 2);
}

static void many_hosts_are_counted_but_not_all_named(void **state)
{
	struct world *world = *state;
	struct buffer hosts = BUFFER_INIT(4096);

	for (unsigned i = 0; i < EXERCISE_HOSTS_MAX + 5; i++) {
		char host[16];

		(void)snprintf(host, sizeof(host), "h%u", i);
		happens(world, exec_of("/usr/bin/id", CONTEXT_SERVICE, "nginx", host, 1));
		if (i < EXERCISE_HOSTS_MAX)
			buffer_printf(&hosts, " %s", host);
	}
	assert_int_equal(exercise_each_deviation(world->exercise, see_deviation, world), 0);
	assert_non_null(strstr(buffer_string(&world->seen), buffer_string(&hosts)));
	assert_null(strstr(buffer_string(&world->seen), "h16"));
	buffer_free(&hosts);
}

static void what_was_lost_is_told(void **state)
{
	struct world *world = *state;
	struct event event;

	event_init(&event, EVENT_LOSS);
	event.loss_count = 17;
	happens(world, event);
	assert_int_equal(exercise_tally(world->exercise)->lost, 17);
}

/* Somebody's decision about nginx and one program. */
static void decide(struct world *world, struct decisions *decisions, enum decision_kind kind, const char *program)
{
	struct decision decision = {
		.behaviour = { .context_kind = CONTEXT_SERVICE,
			       .context_name = "nginx",
			       .kind = BEHAVIOUR_EXEC,
			       .program = program,
			       .object = "" },
		.kind = kind,
		.time = 1,
		.who = "alice",
		.reason = "so",
	};

	assert_int_equal(decisions_add(decisions, &decision), 1);
	assert_int_equal(decisions_apply(decisions, world->model), 0);
	exercise_decide(world->exercise, decisions);
}

static void what_was_decided_counts(void **state)
{
	struct world *world = *state;
	struct decisions *decisions = decisions_new();

	decide(world, decisions, DECISION_ACCEPT, "/usr/bin/id");
	decide(world, decisions, DECISION_FORBID, "/usr/sbin/*");
	happens(world, exec_of("/usr/bin/id", CONTEXT_SERVICE, "nginx", "web-1", 1));
	happens(world, exec_of("/usr/sbin/nginx", CONTEXT_SERVICE, "nginx", "web-1", 1));
	assert_seen(world, "nginx exec /usr/sbin/nginx: 1 web-1 1-1\nnginx owner /usr/bin/id: 1 web-1 1-1\n",
		    "nginx 2/3 2/4\nbackup unseen 0/1 0/0\n");
	decisions_free(decisions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(deviations_are_gathered_by_behaviour, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lines_are_used_or_not_by_context, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_turns_out_to_be_a_service_counts_as_the_service, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(sessions_and_harnesses_are_nobodys_business, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_hosts_are_counted_but_not_all_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_decided_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_lost_is_told, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("exercise", tests, NULL, NULL);
}
