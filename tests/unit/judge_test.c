/* SPDX-License-Identifier: Apache-2.0 */
/* Learning and judging, on events made by hand: what is learned, what is told, what a person reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "judge/judge.h"
#include "model/learn.h"
#include "model/model.h"

static struct event make_exec(uint32_t pid, enum context_kind kind, const char *name, const char *program)
{
	struct event event;

	event_init(&event, EVENT_EXEC);
	event.pid = pid;
	event.start_ns = pid * 1000;
	event.context = (struct context) { .kind = kind, .name = name, .container = "" };
	event.program = (struct program) { .exe = program, .called = program, .script = "", .text = program };
	event.uid = event.euid = 0;
	event.user = event.effective_user = "root";
	return event;
}

static struct event make_listen(uint32_t pid, enum context_kind kind, const char *name, const char *program,
				uint16_t port)
{
	struct event event = make_exec(pid, kind, name, program);

	event.kind = EVENT_LISTEN;
	event.family = AF_INET;
	event.protocol = 6;
	event.local_port = port;
	return event;
}

static struct event make_context(uint32_t pid, const char *name, const char *program)
{
	struct event event = make_exec(pid, CONTEXT_SERVICE, name, program);

	event.kind = EVENT_CONTEXT;
	event.context_before = (struct context) { .kind = CONTEXT_HARNESS, .name = "", .container = "" };
	return event;
}

static char *model_text(struct model *model)
{
	struct buffer out = BUFFER_INIT(65536);

	assert_int_equal(model_print(model, &out), 0);
	return out.data;
}

struct world {
	struct model *model;
	struct networks *networks;
	struct learner *learner;
};

static struct world world_new(void)
{
	struct world world = { .model = model_new(), .networks = networks_new() };

	world.learner = learner_new(world.model, world.networks);
	assert_non_null(world.learner);
	return world;
}

static void world_free(struct world *world)
{
	learner_free(world->learner);
	networks_free(world->networks);
	model_free(world->model);
}

static void learn(struct world *world, struct event event)
{
	assert_int_equal(learner_event(world->learner, &event), 0);
}

static void assert_learned(struct world *world, const char *expected)
{
	char *text;

	assert_int_equal(learner_finish(world->learner), 0);
	text = model_text(world->model);
	assert_string_equal(text, expected);
	free(text);
}

static void what_a_service_does_is_learned(void **state)
{
	struct world world = world_new();

	(void)state;
	learn(&world, make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/web"));
	learn(&world, make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", 80));
	assert_learned(&world,
		       "# sombrero model 1\nservice web\n  exec     /usr/bin/web\n  listen   /usr/bin/web  tcp 80 any\n"
		       "  owner    /usr/bin/web  root\n");
	world_free(&world);
}

static void the_harness_and_logins_and_changes_are_not_learned(void **state)
{
	struct world world = world_new();

	(void)state;
	learn(&world, make_exec(1, CONTEXT_HARNESS, "", "/usr/bin/curl"));
	learn(&world, make_exec(2, CONTEXT_SESSION, "alice", "/usr/bin/vi"));
	learn(&world, make_exec(3, CONTEXT_CHANGE, "r42", "/usr/bin/dpkg"));
	assert_learned(&world, "# sombrero model 1\n");
	world_free(&world);
}

static void what_turns_out_to_be_a_service_is_learned_from_its_first_act(void **state)
{
	struct world world = world_new();

	(void)state;
	learn(&world, make_exec(1, CONTEXT_HARNESS, "", "/usr/bin/web"));
	learn(&world, make_exec(2, CONTEXT_HARNESS, "", "/usr/bin/curl"));
	learn(&world, make_context(1, "web", "/usr/bin/web"));
	assert_learned(&world,
		       "# sombrero model 1\nservice web\n  exec     /usr/bin/web\n  owner    /usr/bin/web  root\n");
	world_free(&world);
}

static void what_the_boot_did_is_learned_as_the_boots(void **state)
{
	struct world world = world_new();

	(void)state;
	learn(&world, make_exec(1, CONTEXT_BOOT, "", "/sbin/dhclient"));
	assert_learned(&world,
		       "# sombrero model 1\nboot\n  exec     /sbin/dhclient\n  owner    /sbin/dhclient  root\n");
	world_free(&world);
}

static void losses_are_counted_while_learning(void **state)
{
	struct world world = world_new();
	struct event loss;

	(void)state;
	event_init(&loss, EVENT_LOSS);
	loss.loss_reason = "ring full";
	loss.loss_count = 7;
	learn(&world, loss);
	assert_int_equal(learner_tally(world.learner)->lost, 7);
	world_free(&world);
}

/* What the judge told, in order. */
struct told {
	unsigned count;
	enum finding_kind kind[16];
	char text[16][4096];
};

static int note(void *owner, const struct finding *finding)
{
	struct told *told = owner;
	struct buffer out = BUFFER_INIT(65536);

	assert_in_range(told->count, 0, 15);
	finding_explain(&out, finding, "web.model");
	(void)strncpy(told->text[told->count], buffer_string(&out), sizeof(told->text[0]) - 1);
	told->kind[told->count++] = finding->kind;
	buffer_free(&out);
	return 0;
}

static void judge_each(const struct event *events, size_t count, struct told *told)
{
	static const char text[] =
		"# sombrero model 1\nservice web\n  exec     /usr/bin/web\n  owner    /usr/bin/web  root\n";
	struct networks *networks = networks_new();
	struct error error = { "" };
	struct model *model = NULL;
	struct judge *judge;

	memset(told, 0, sizeof(*told));
	assert_int_equal(model_parse("web.model", text, strlen(text), &model, &error), 0);
	judge = judge_new(model, networks, note, told);
	assert_non_null(judge);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(judge_event(judge, &events[i]), 0);
	judge_free(judge);
	networks_free(networks);
	model_free(model);
}

static void what_the_model_knows_is_quiet(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/web") };
	struct told told;

	(void)state;
	judge_each(events, 1, &told);
	assert_int_equal(told.count, 0);
}

static void news_is_told_once_with_what_would_make_it_normal(void **state)
{
	const struct event events[] = { make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", 4444),
					make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", 4444) };
	struct told told;

	(void)state;
	judge_each(events, 2, &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.kind[0], FINDING_BEHAVIOUR);
	assert_non_null(strstr(told.text[0], "service web: /usr/bin/web listens: tcp 4444 any"));
	assert_non_null(strstr(told.text[0], "below `service web`:  listen /usr/bin/web  tcp 4444 any"));
}

static void an_unknown_context_is_one_finding_with_the_rest_beneath(void **state)
{
	const struct event events[] = { make_exec(9, CONTEXT_SERVICE, "miner", "/tmp/x"),
					make_listen(9, CONTEXT_SERVICE, "miner", "/tmp/x", 4444) };
	struct told told;

	(void)state;
	judge_each(events, 2, &told);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.kind[0], FINDING_CONTEXT);
	assert_int_equal(told.kind[1], FINDING_BENEATH);
}

static void a_program_and_its_owner_are_one_finding_with_both_lines(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/id") };
	struct told told;

	(void)state;
	judge_each(events, 1, &told);
	assert_int_equal(told.count, 1);
	assert_non_null(strstr(told.text[0], "exec /usr/bin/id\n"));
	assert_non_null(strstr(told.text[0], "owner /usr/bin/id  root\n"));
}

static void logins_are_not_judged_by_the_model(void **state)
{
	const struct event events[] = { make_exec(9, CONTEXT_SESSION, "alice", "/usr/bin/vi") };
	struct told told;

	(void)state;
	judge_each(events, 1, &told);
	assert_int_equal(told.count, 0);
}

/* Counts findings by kind, whatever they say. */
static int count_kind(void *owner, const struct finding *finding)
{
	((unsigned *)owner)[finding->kind]++;
	return 0;
}

static void a_flood_by_one_program_hides_nothing_of_another(void **state)
{
	static const char text[] = "# sombrero model 1\nservice web\n  exec     /usr/bin/web\n";
	unsigned kinds[FINDING_KIND_COUNT] = { 0 };
	struct networks *networks = networks_new();
	struct error error = { "" };
	struct model *model = NULL;
	struct judge *judge;
	struct event event;

	(void)state;
	assert_int_equal(model_parse("m", text, strlen(text), &model, &error), 0);
	judge = judge_new(model, networks, count_kind, kinds);
	for (uint16_t port = 1; port < 30000; port++) {
		event = make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", port);
		assert_int_equal(judge_event(judge, &event), 0);
	}
	assert_int_equal(kinds[FINDING_BEHAVIOUR], JUDGE_FLOOD);
	assert_int_equal(kinds[FINDING_FLOOD], 1);
	assert_int_equal(judge_tally(judge)->untold, 29999 - JUDGE_FLOOD - 1);
	event = make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/id");
	assert_int_equal(judge_event(judge, &event), 0);
	assert_int_equal(kinds[FINDING_BEHAVIOUR], JUDGE_FLOOD + 1);
	judge_free(judge);
	networks_free(networks);
	model_free(model);
}

static void a_finding_moves_no_terminal(void **state)
{
	struct event event = make_exec(9, CONTEXT_SERVICE, "web\033[2J", "/tmp/x");
	struct told told;

	(void)state;
	event.cwd = "/tmp/\033]0;owned\007";
	event.argv = "x\0\033[31m";
	event.argv_size = 8;
	event.user = event.effective_user = "ro\not";
	judge_each(&event, 1, &told);
	for (unsigned i = 0; i < told.count; i++) {
		assert_null(strchr(told.text[i], '\033'));
		assert_null(strchr(told.text[i], '\007'));
	}
	assert_null(strstr(told.text[0], "ro\not"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_service_does_is_learned),
		cmocka_unit_test(the_harness_and_logins_and_changes_are_not_learned),
		cmocka_unit_test(what_turns_out_to_be_a_service_is_learned_from_its_first_act),
		cmocka_unit_test(what_the_boot_did_is_learned_as_the_boots),
		cmocka_unit_test(losses_are_counted_while_learning),
		cmocka_unit_test(what_the_model_knows_is_quiet),
		cmocka_unit_test(news_is_told_once_with_what_would_make_it_normal),
		cmocka_unit_test(an_unknown_context_is_one_finding_with_the_rest_beneath),
		cmocka_unit_test(a_program_and_its_owner_are_one_finding_with_both_lines),
		cmocka_unit_test(logins_are_not_judged_by_the_model),
		cmocka_unit_test(a_flood_by_one_program_hides_nothing_of_another),
		cmocka_unit_test(a_finding_moves_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
