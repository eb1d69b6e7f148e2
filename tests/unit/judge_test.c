/* SPDX-License-Identifier: Apache-2.0 */
/* Learning and judging, on events made by hand: what is learned, what is told, what a person reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "judge/judge.h"
#include "made_event.h"
#include "model/learn.h"
#include "model/model.h"

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

/* ---- files ---- */

static struct event make_write(enum context_kind kind, const char *name, const char *program, const char *path)
{
	struct event event = make_exec(1, kind, name, program);

	event.kind = EVENT_WRITE;
	event.path = path;
	return event;
}

static void what_a_service_writes_is_learned_and_who_writes_nothing_is_known_to(void **state)
{
	struct world world = world_new();

	(void)state;
	learn(&world, make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/web"));
	learn(&world, make_exec(2, CONTEXT_JOB, "quiet", "/usr/bin/quiet"));
	learn(&world, make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", "/srv/web.log"));
	learn(&world, make_write(CONTEXT_SESSION, "alice", "/usr/bin/vi", "/srv/alice"));
	learn(&world, make_write(CONTEXT_CHANGE, "apt", "/usr/bin/dpkg", "/srv/dpkg"));
	learn(&world, make_write(CONTEXT_HARNESS, "", "/usr/bin/make", "/srv/make"));
	assert_learned(&world,
		       "# sombrero model 1\nservice web\n  exec     /usr/bin/web\n  owner    /usr/bin/web  root\n"
		       "  write    /usr/bin/web  /srv/web.log\n"
		       "job quiet\n  exec     /usr/bin/quiet\n  owner    /usr/bin/quiet  root\n"
		       "  write    **  none\n");
	world_free(&world);
}

static void without_watched_files_nothing_is_said_of_them(void **state)
{
	struct world world = world_new();

	(void)state;
	learn(&world, make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", 80));
	assert_learned(&world, "# sombrero model 1\nservice web\n  listen   /usr/bin/web  tcp 80 any\n");
	world_free(&world);
}

static void watched_files_that_nobody_touched_are_said_to_be_written_by_none(void **state)
{
	struct world world = world_new();

	(void)state;
	learner_watches_files(world.learner);
	learn(&world, make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", 80));
	assert_learned(&world, "# sombrero model 1\nservice web\n  listen   /usr/bin/web  tcp 80 any\n"
			       "  write    **  none\n");
	world_free(&world);
}

/* A context of an older model that did nothing while files were watched: whether it writes, nobody knows. */
static void a_context_that_was_not_seen_is_not_said_to_write_nothing(void **state)
{
	struct behaviour old = { .context_kind = CONTEXT_JOB, .context_name = "old", .kind = BEHAVIOUR_EXEC };
	struct world world = world_new();

	(void)state;
	old.program = "/old";
	old.object = "";
	assert_int_equal(model_add(world.model, &old, NULL), 1);
	learner_watches_files(world.learner);
	assert_learned(&world, "# sombrero model 1\njob old\n  exec     /old\n");
	world_free(&world);
}

static void write_uploads(struct world *world, enum context_kind kind, unsigned count)
{
	char path[64];

	for (unsigned i = 0; i < count; i++) {
		struct event event = make_write(kind, kind == CONTEXT_SERVICE ? "web" : "", "/usr/bin/web", path);

		(void)snprintf(path, sizeof(path), "/srv/up/%x/%u.jpg", i % 300, i);
		learn(world, event);
	}
}

static void a_model_grows_no_larger_than_its_lines_while_uploads_go_on(void **state)
{
	struct world world = world_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		write_uploads(&world, CONTEXT_SERVICE, 20000);
		assert_in_range(model_size(world.model), 1, 2100);
	}
	assert_learned(&world, "# sombrero model 1\nservice web\n  write    /usr/bin/web  /srv/up/*/*.jpg\n");
	world_free(&world);
}

static void what_waits_for_its_context_is_folded_too(void **state)
{
	struct world world = world_new();

	(void)state;
	write_uploads(&world, CONTEXT_HARNESS, 20000);
	assert_in_range(learner_tally(world.learner)->waiting, 1, 2100);
	assert_int_equal(learner_tally(world.learner)->dropped, 0);
	learn(&world, make_context(1, "web", "/usr/bin/web"));
	assert_int_equal(learner_tally(world.learner)->waiting, 0);
	assert_learned(&world, "# sombrero model 1\nservice web\n  write    /usr/bin/web  /srv/up/*/*.jpg\n");
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

static void judge_by(const char *text, const struct event *events, size_t count, struct told *told)
{
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

static void judge_each(const struct event *events, size_t count, struct told *told)
{
	judge_by("# sombrero model 1\nservice web\n  exec     /usr/bin/web\n  owner    /usr/bin/web  root\n", events,
		 count, told);
}

static void what_the_model_knows_is_quiet(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/web") };
	struct told told;

	(void)state;
	judge_each(events, 1, &told);
	assert_int_equal(told.count, 0);
}

static void a_finding_says_how_severe_it_is_and_what_follows(void **state)
{
	const struct event events[] = { make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/web", 4444),
					make_exec(2, CONTEXT_SERVICE, "web", "/usr/bin/id") };
	struct told told;

	(void)state;
	judge_each(events, 2, &told);
	assert_int_equal(told.count, 2);
	assert_non_null(strstr(told.text[0], "  DEVIATION high  service web: /usr/bin/web listens"));
	assert_non_null(strstr(told.text[1], "\n  means     service web looks around on the host\n"));
}

static void a_new_context_is_as_severe_as_it_or_its_first_deed(void **state)
{
	const struct event quiet = make_exec(1, CONTEXT_SERVICE, "other", "/usr/bin/other"),
			   loud = make_exec(1, CONTEXT_SERVICE, "other", "/tmp/other");
	struct told told;

	(void)state;
	judge_each(&quiet, 1, &told);
	assert_non_null(strstr(told.text[0], "  NEW CONTEXT medium  service other: "));
	assert_non_null(strstr(told.text[0], "\n  means     service other is a new service\n"));
	judge_each(&loud, 1, &told);
	assert_non_null(strstr(told.text[0], "  NEW CONTEXT high  "));
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
					make_exec(10, CONTEXT_SERVICE, "miner", "/usr/bin/tail"),
					make_listen(9, CONTEXT_SERVICE, "miner", "/tmp/x", 4444) };
	struct told told;

	(void)state;
	judge_each(events, 3, &told);
	assert_int_equal(told.count, 3);
	assert_int_equal(told.kind[0], FINDING_CONTEXT);
	assert_int_equal(told.kind[1], FINDING_BENEATH);
	assert_int_equal(told.kind[2], FINDING_BENEATH);
	/* one line, but for what is high: then a person needs to know who and where */
	assert_ptr_equal(strchr(told.text[1], '\n'), strrchr(told.text[1], '\n'));
	assert_non_null(strstr(told.text[2], "  process   9 /tmp/x"));
	assert_non_null(strstr(told.text[2], "told before\n"));
}

static void what_a_new_program_does_is_beneath_its_start_unless_it_matters(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/helper"),
					make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/helper", 4444),
					make_listen(1, CONTEXT_SERVICE, "web", "/usr/bin/helper", 4445) };
	struct event quiet = events[1];
	struct told told;

	(void)state;
	quiet.local_address[0] = 127;
	quiet.local_address[3] = 1;
	judge_each((const struct event[]) { events[0], quiet, events[2] }, 3, &told);
	assert_int_equal(told.count, 3);
	assert_int_equal(told.kind[0], FINDING_BEHAVIOUR);
	assert_int_equal(told.kind[1], FINDING_BENEATH);
	assert_int_equal(told.kind[2], FINDING_BEHAVIOUR); /* on every address */
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

#define WRITES                                                                       \
	"# sombrero model 1\nservice web\n  write /usr/bin/web /var/log/web/*.log\n" \
	"service static\n  write ** none\nservice unwatched\n  exec /usr/bin/web\n"

static void a_write_elsewhere_is_told_by_the_name_of_the_file(void **state)
{
	struct event events[] = {
		make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", "/var/log/web/a.log"),
		make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", "/srv/*/\033shell-20261124.php"),
		make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", "/srv/*/\033shell-20261125.php"),
		make_write(CONTEXT_SERVICE, "web", "/usr/bin/sh", "/var/log/web/a.log"),
	};
	struct told told;

	(void)state;
	events[1].flags = EVENT_FLAG_ACTOR_UNCERTAIN;
	events[1].other_program = "/usr/bin/other";
	judge_by(WRITES, events, 4, &told);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.kind[0], FINDING_BEHAVIOUR);
	assert_non_null(strstr(told.text[0], "service web: /usr/bin/web wrote /srv/*/\\x1bshell-20261124.php\n"));
	assert_non_null(strstr(told.text[0], "or        /usr/bin/other\n"));
	assert_non_null(strstr(told.text[0], "note      actor_uncertain\n"));
	assert_non_null(
		strstr(told.text[0], "below `service web`:  write /usr/bin/web  /srv/\\x2a/\\x1bshell-*.php\n"));
	assert_non_null(strstr(told.text[1], "/usr/bin/sh wrote /var/log/web/a.log\n"));
}

static void each_way_of_changing_a_file_has_its_word(void **state)
{
	static const enum event_kind kinds[] = { EVENT_CREATE, EVENT_REMOVE, EVENT_ATTRIBUTES, EVENT_RENAME };
	static const char *const words[] = { "/usr/bin/web created /srv/0\n", "/usr/bin/web removed /srv/1\n",
					     "/usr/bin/web changed the attributes of /srv/2\n",
					     "/usr/bin/web renamed /srv/old to /srv/3\n" };
	static const char *const paths[] = { "/srv/0", "/srv/1", "/srv/2", "/srv/3" };
	struct event events[4];
	struct told told;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		events[i] = make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", paths[i]);
		events[i].kind = kinds[i];
		events[i].path_before = "/srv/old";
	}
	judge_by(WRITES, events, 4, &told);
	assert_int_equal(told.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_non_null(strstr(told.text[i], words[i]));
	assert_non_null(
		strstr(told.text[3], "write /usr/bin/web  /srv/3\n              write /usr/bin/web  /srv/old\n"));
}

static void writes_are_judged_only_where_the_model_knows_of_them(void **state)
{
	const struct event events[] = {
		make_write(CONTEXT_SERVICE, "unwatched", "/usr/bin/web", "/srv/a"),
		make_write(CONTEXT_SERVICE, "static", "/usr/bin/web", "/srv/a"),
		make_write(CONTEXT_SERVICE, "unknown", "/usr/bin/web", "/srv/a"),
	};
	struct told told;

	(void)state;
	judge_by(WRITES, events, 3, &told);
	assert_int_equal(told.count, 2);
	assert_non_null(strstr(told.text[0], "service static: /usr/bin/web wrote /srv/a\n"));
	assert_int_equal(told.kind[1], FINDING_CONTEXT);
	judge_each(events, 3, &told);
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

static void a_flood_of_what_matters_little_hides_nothing_worse(void **state)
{
	unsigned kinds[FINDING_KIND_COUNT] = { 0 };
	struct networks *networks = networks_new();
	struct error error = { "" };
	struct model *model = NULL;
	struct judge *judge;
	struct event event;
	char path[64];

	(void)state;
	assert_int_equal(model_parse("m", WRITES, strlen(WRITES), &model, &error), 0);
	judge = judge_new(model, networks, count_kind, kinds);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(path, sizeof(path), "/srv/data%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
		event = make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", path);
		assert_int_equal(judge_event(judge, &event), 0);
	}
	assert_int_equal(kinds[FINDING_BEHAVIOUR], JUDGE_FLOOD);
	assert_int_equal(kinds[FINDING_FLOOD], 1);
	event = make_write(CONTEXT_SERVICE, "web", "/usr/bin/web", "/etc/cron.d/again");
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
		cmocka_unit_test(what_a_service_writes_is_learned_and_who_writes_nothing_is_known_to),
		cmocka_unit_test(without_watched_files_nothing_is_said_of_them),
		cmocka_unit_test(watched_files_that_nobody_touched_are_said_to_be_written_by_none),
		cmocka_unit_test(a_context_that_was_not_seen_is_not_said_to_write_nothing),
		cmocka_unit_test(a_model_grows_no_larger_than_its_lines_while_uploads_go_on),
		cmocka_unit_test(what_waits_for_its_context_is_folded_too),
		cmocka_unit_test(what_the_model_knows_is_quiet),
		cmocka_unit_test(a_finding_says_how_severe_it_is_and_what_follows),
		cmocka_unit_test(a_new_context_is_as_severe_as_it_or_its_first_deed),
		cmocka_unit_test(news_is_told_once_with_what_would_make_it_normal),
		cmocka_unit_test(an_unknown_context_is_one_finding_with_the_rest_beneath),
		cmocka_unit_test(what_a_new_program_does_is_beneath_its_start_unless_it_matters),
		cmocka_unit_test(a_program_and_its_owner_are_one_finding_with_both_lines),
		cmocka_unit_test(logins_are_not_judged_by_the_model),
		cmocka_unit_test(a_write_elsewhere_is_told_by_the_name_of_the_file),
		cmocka_unit_test(each_way_of_changing_a_file_has_its_word),
		cmocka_unit_test(writes_are_judged_only_where_the_model_knows_of_them),
		cmocka_unit_test(a_flood_by_one_program_hides_nothing_of_another),
		cmocka_unit_test(a_flood_of_what_matters_little_hides_nothing_worse),
		cmocka_unit_test(a_finding_moves_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
