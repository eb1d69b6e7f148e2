/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of changes, as the state keeps them, and what they brought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "state_world.h"

/* Whoever visits a change may ask for its events meanwhile. */
static int see_change(void *to, const struct state_change *change)
{
	struct seen *seen = to;

	if (seen->opened)
		assert_int_equal(state_change_events(seen->opened, change->id, change->run, ignore_line, NULL), 0);

	seen->change = *change;
	seen->count++;
	(void)snprintf(seen->id, sizeof(seen->id), "%s", change->id);
	(void)snprintf(seen->origin, sizeof(seen->origin), "%s", change->origin);
	(void)snprintf(seen->person, sizeof(seen->person), "%s", change->person);
	(void)snprintf(seen->order + strlen(seen->order), 64, "%s/%llu ", change->id, (unsigned long long)change->run);
	return 0;
}

static struct seen find_change(struct state *opened, const char *id, uint64_t run)
{
	struct seen seen = { .opened = opened };

	if (state_change_find(opened, id, run, see_change, &seen))
		fail_msg("%s", state_error(opened));
	return seen;
}

static void a_declared_change_is_a_run_with_what_was_done_in_it(void **unused)
{
	struct state *watch = open_state(STATE_WATCH), *command = open_state(STATE_WRITE);
	uint64_t run = begin_change(command, "42");
	struct lines lines = { 0 };
	struct seen seen;

	(void)unused;
	assert_int_equal(run, 1);
	assert_int_equal(find_change(watch, "42", 0).change.end, STATE_OPEN);
	record(watch, make_act(EVENT_EXEC, now_seconds() + 2, "42", 10));
	record(watch, make_act(EVENT_WRITE, now_seconds() + 2, "42", 10));
	commit(watch);
	assert_int_equal(state_change_end(command, "42", run, 3), 0);
	record(watch, make_act(EVENT_EXIT, now_seconds() + 3, "42", 10));
	commit(watch);
	seen = find_change(watch, "42", 1);
	assert_int_equal(seen.change.end, STATE_ENDED);
	assert_int_equal(seen.change.exit_status, 3);
	assert_int_equal(seen.change.tally.seen[EVENT_WRITE], 1);
	assert_int_equal(seen.change.tally.seen[EVENT_EXIT], 1);
	assert_string_equal(seen.origin, "declared");
	assert_string_equal(seen.person, "SHA256:abc");
	assert_int_equal(state_change_events(watch, "42", 0, see_line, &lines), 0);
	assert_int_equal(lines.count, 3);
	state_close(command);
	state_close(watch);
}

static void the_same_id_may_run_again_and_each_run_keeps_its_own(void **unused)
{
	struct state *watch = open_state(STATE_WATCH), *command = open_state(STATE_WRITE);
	struct event late;

	(void)unused;
	assert_int_equal(begin_change(command, "42"), 1);
	record(watch, make_act(EVENT_WRITE, now_seconds() + 1, "42", 10));
	commit(watch);
	assert_int_equal(state_change_end(command, "42", 1, 0), 0);
	late = make_act(EVENT_WRITE, 0, "42", 10);
	late.time_ns = find_change(command, "42", 1).change.begin_ns + 1;
	(void)usleep(2000);
	assert_int_equal(begin_change(command, "42"), 2);
	record(watch, make_act(EVENT_WRITE, now_seconds() + 2, "42", 20));
	record(watch, late); /* written before the second began, settled after */
	record(watch, make_act(EVENT_WRITE, now_seconds() + 3, "42", 20));
	commit(watch);
	assert_int_equal(find_change(watch, "42", 1).change.tally.seen[EVENT_WRITE], 2);
	assert_int_equal(find_change(watch, "42", 2).change.tally.seen[EVENT_WRITE], 2);
	assert_int_equal(find_change(watch, "42", 1).change.exit_status, 0);
	assert_int_equal(find_change(watch, "42", 0).change.run, 2);
	assert_int_equal(find_change(watch, "42", 0).change.end, STATE_OPEN);
	state_close(command);
	state_close(watch);
}

static void a_declared_change_is_whose_session_it_is_done_in(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event event;

	(void)unused;
	(void)begin_change(opened, "42");
	event = make_act(EVENT_EXEC, now_seconds() + 1, "42", 10);
	event.login = "a000000000000000";
	event.person = "SHA256:of-alice";
	record(opened, event);
	event.login = "b000000000000000";
	event.person = "SHA256:of-bob";
	record(opened, event);
	commit(opened);
	assert_string_equal(find_change(opened, "42", 0).person, "SHA256:of-alice");
	state_close(opened);
}

static void a_change_is_its_sessions_persons_also_where_that_is_known_later(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event event;

	(void)unused;
	(void)begin_change(opened, "42");
	event = make_act(EVENT_EXEC, now_seconds() + 1, "42", 10);
	event.login = "a000000000000000";
	event.person = "alice";
	record(opened, event);
	commit(opened);
	assert_string_equal(find_change(opened, "42", 0).person, "alice");
	record(opened, make_login(now_seconds(), "a000000000000000"));
	commit(opened);
	assert_string_equal(find_change(opened, "42", 0).person, "SHA256:abc");
	state_close(opened);
}

static void a_declared_change_whose_command_was_killed_is_not_open(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	pid_t child = fork();
	int status;

	(void)unused;
	if (!child) {
		struct state *command = open_state(STATE_WRITE);

		(void)begin_change(command, "42");
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(find_change(opened, "42", 0).change.end, STATE_UNWATCHED);
	assert_int_equal(find_change(opened, "42", 0).change.exit_status, -1);
	state_close(opened);
	run_sql("UPDATE change SET boot = 'of yesterday'");
	opened = open_state(STATE_READ);
	assert_int_equal(find_change(opened, "42", 0).change.end, STATE_REBOOTED);
	state_close(opened);
}

static void a_units_run_lasts_as_long_as_its_processes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const char *unit = "apt-daily-upgrade.service";
	struct event fails;
	struct seen seen = { 0 };

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, unit, 10));
	record(opened, make_act(EVENT_EXEC, 1, unit, 11));
	record(opened, make_act(EVENT_EXIT, 2, unit, 11));
	commit(opened);
	state_close(open_state(STATE_WRITE)); /* somebody else looks in, and writes */
	assert_int_equal(find_change(opened, unit, 0).change.end, STATE_OPEN);
	fails = make_act(EVENT_EXIT, 3, unit, 10);
	fails.exit_code = 100;
	record(opened, fails);
	record(opened, make_act(EVENT_WRITE, 4, unit, 10)); /* settled late */
	record(opened, make_act(EVENT_EXEC, 4, unit, 12));  /* ExecStartPost= */
	record(opened, make_act(EVENT_EXIT, 5, unit, 12));
	commit(opened);
	seen = find_change(opened, unit, 0);
	assert_int_equal(seen.change.run, 1);
	assert_int_equal(seen.change.end, STATE_ENDED);
	assert_int_equal(seen.change.end_ns, t0 + 5 * SECOND);
	assert_int_equal(seen.change.exit_status, 100);
	assert_string_equal(seen.origin, "unit");
	/* The next day. */
	record(opened, make_act(EVENT_EXEC, 86400, unit, 20));
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(find_change(opened, unit, 0).change.run, 2);
	assert_int_equal(find_change(opened, unit, 0).change.end, STATE_UNWATCHED);
	/* A watch that comes to it finds it running; one that does not sees another begin. */
	record(opened, make_act(EVENT_EXEC, 2 * 86400, unit, 30));
	commit(opened);
	seen = (struct seen) { 0 };
	assert_int_equal(state_changes(opened, see_change, &seen), 0);
	assert_string_equal(seen.order,
			    "apt-daily-upgrade.service/3 apt-daily-upgrade.service/2 apt-daily-upgrade.service/1 ");
	assert_int_equal(find_change(opened, unit, 2).change.end, STATE_UNWATCHED);
	state_close(opened);
}

static void a_units_run_that_a_new_watch_finds_goes_on(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event existing = make_act(EVENT_EXEC, 50, "chef-client.service", 10);

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "chef-client.service", 10));
	opened = reopen(opened, STATE_WATCH);
	existing.flags = EVENT_FLAG_EXISTING;
	record(opened, existing);
	record(opened, make_act(EVENT_EXEC, 51, "chef-client.service", 11));
	commit(opened);
	assert_int_equal(find_change(opened, "chef-client.service", 0).change.run, 1);
	assert_int_equal(find_change(opened, "chef-client.service", 0).change.end, STATE_OPEN);
	state_close(opened);
}

static void a_service_that_a_change_started_is_told_with_its_start_only(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event service = make_act(EVENT_CONTEXT, 2, "42", 12);
	struct state_counts counts;

	(void)unused;
	service.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	service.context_before = (struct context) { .kind = CONTEXT_CHANGE, .name = "42", .container = "" };
	record(opened, service); /* of a change of which nothing is known: makes none */
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.changes, 0);
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXEC, 1, "42", 12));
	record(opened, service);
	record(opened, make_act(EVENT_EXIT, 3, "42", 10));
	service.kind = EVENT_LISTEN;
	record(opened, service);
	service.kind = EVENT_WRITE;
	record(opened, service);
	service.kind = EVENT_EXEC;
	service.time_ns += 3600 * SECOND;
	record(opened, service); /* a worker, long after */
	commit(opened);
	assert_int_equal(find_change(opened, "42", 0).change.run, 1);
	assert_int_equal(find_change(opened, "42", 0).change.end, STATE_ENDED);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_EXEC], 2);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_LISTEN], 1);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_CONTEXT], 1);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_WRITE], 0);
	state_close(opened);
}

/* Lines as they come, in order. */
struct told {
	char text[512];
	uint64_t count, more;
};

static int see_news(void *to, const struct state_news *news)
{
	struct told *told = to;
	size_t used = strlen(told->text);

	if (!*news->line) {
		told->more = news->count;
		return 0;
	}
	(void)snprintf(told->text + used, sizeof(told->text) - used, "%s: %s; ", news->context, news->line);
	told->count++;
	return 0;
}

static struct told news_of(struct state *opened, const char *id, uint64_t run)
{
	struct told told = { 0 };

	assert_int_equal(state_change_news_each(opened, id, run, see_news, &told), 0);
	return told;
}

static struct event make_deviation(uint64_t seconds, const char *change)
{
	struct event event = make_event(EVENT_EXEC, seconds, "");

	event.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	event.change = change;
	return event;
}

static void news(struct state *opened, struct event event, const char *context, const char *line)
{
	assert_int_equal(state_change_news(opened, &event, context, line), 0);
}

static void what_a_model_did_not_know_of_a_changes_services_is_kept_once_with_its_run(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXIT, 1, "42", 10));
	news(opened, make_deviation(5, "42"), "service php", "exec /bin/sh");
	news(opened, make_deviation(2, "42"), "service nginx", "exec /usr/bin/id");
	news(opened, make_deviation(3, "42"), "service nginx", "connect /usr/bin/id  tcp internet:443");
	news(opened, make_deviation(9, "42"), "service nginx", "exec /usr/bin/id"); /* by the next watch, say */
	record(opened, make_act(EVENT_EXEC, 100, "42", 20));
	news(opened, make_deviation(101, "42"), "service nginx", "exec /usr/bin/id");
	commit(opened);
	assert_string_equal(news_of(opened, "42", 1).text,
			    "service nginx: exec /usr/bin/id; service nginx: connect "
			    "/usr/bin/id  tcp internet:443; service php: exec /bin/sh; ");
	assert_string_equal(news_of(opened, "42", 2).text, "service nginx: exec /usr/bin/id; ");
	assert_int_equal(news_of(opened, "42", 1).more, 0);
	state_close(opened);
}

static void what_no_change_brought_and_what_a_change_does_itself_is_no_news(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event nobodys = make_deviation(2, "");

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	news(opened, nobodys, "service nginx", "exec /usr/bin/id");
	news(opened, make_act(EVENT_EXEC, 2, "42", 10), "change 42", "exec /usr/bin/id");
	news(opened, make_deviation(2, "43"), "service nginx", "exec /usr/bin/id"); /* nothing is known of that */
	commit(opened);
	assert_int_equal(news_of(opened, "42", 1).count, 0);
	assert_int_equal(news_of(opened, "", 1).count, 0);
	assert_int_equal(news_of(opened, "43", 1).count, 0);
	state_close(opened);
}

static void news_are_bounded_and_the_rest_is_counted(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	char line[64];

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	for (unsigned i = 0; i < STATE_NEWS_MAX + 7; i++) {
		(void)snprintf(line, sizeof(line), "exec /tmp/%u", i);
		news(opened, make_deviation(2, "42"), "service nginx", line);
	}
	news(opened, make_deviation(3, "42"), "service nginx", "exec /tmp/0");
	commit(opened);
	assert_int_equal(news_of(opened, "42", 1).count, STATE_NEWS_MAX);
	assert_int_equal(news_of(opened, "42", 1).more, 7);
	state_close(opened);
}

static void news_go_with_their_run(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	t0 -= 81 * DAY;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXIT, 1, "42", 10));
	news(opened, make_deviation(2, "42"), "service nginx", "exec /usr/bin/id");
	t0 += 81 * DAY;
	commit(opened);
	assert_int_equal(news_of(opened, "42", 1).count, 1);
	state_close(opened);
	opened = open_state(STATE_WRITE);
	assert_int_equal(news_of(opened, "42", 1).count, 0);
	state_close(opened);
}

static void act_on(struct state *opened, enum event_kind kind, const char *change, enum context_kind context,
		   const char *from, const char *path)
{
	struct event event = make_act(kind, now_seconds(), change, 10);

	event.context.kind = context;
	event.path = path;
	event.path_before = from;
	event.file_container = "";
	record(opened, event);
}

static void a_file_is_of_the_change_that_wrote_it_last_itself(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "");
	act_on(opened, EVENT_CREATE, "42", CONTEXT_CHANGE, "", "/srv/app/daemon");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "42");
	act_on(opened, EVENT_WRITE, "43", CONTEXT_CHANGE, "", "/srv/app/daemon");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "43");
	act_on(opened, EVENT_ATTRIBUTES, "44", CONTEXT_CHANGE, "", "/srv/app/daemon");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "43");
	act_on(opened, EVENT_RENAME, "43", CONTEXT_CHANGE, "/srv/app/daemon", "/srv/app/daemon.new");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon.new"), "43");
	commit(opened);
	state_close(opened);
	opened = open_state(STATE_WATCH);
	assert_string_equal(state_written_by(opened, "/srv/app/daemon.new"), "43");
	/* A service that the change brought writes for itself. */
	act_on(opened, EVENT_WRITE, "43", CONTEXT_SERVICE, "", "/srv/app/daemon.new");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon.new"), "");
	act_on(opened, EVENT_CREATE, "43", CONTEXT_SERVICE, "", "/srv/app/shell");
	assert_string_equal(state_written_by(opened, "/srv/app/shell"), "");
	act_on(opened, EVENT_WRITE, "43", CONTEXT_CHANGE, "", "/srv/app/shell");
	act_on(opened, EVENT_WRITE, "", CONTEXT_SESSION, "", "/srv/app/shell");
	assert_string_equal(state_written_by(opened, "/srv/app/shell"), "");
	state_close(opened);
}

static void a_session_that_is_a_change_is_a_run_each(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event one = make_act(EVENT_EXEC, 0, "session:chef", 10),
		     other = make_act(EVENT_EXEC, 1, "session:chef", 20);
	struct seen seen;

	(void)unused;
	one.login = "a000000000000000";
	other.login = "b000000000000000";
	one.person = other.person = "SHA256:ci";
	record(opened, one);
	record(opened, other);
	record(opened, one);
	one.kind = EVENT_LOGOUT;
	one.time_ns += 9 * SECOND;
	record(opened, one);
	commit(opened);
	seen = find_change(opened, "session:chef", 1);
	assert_int_equal(seen.change.end, STATE_ENDED);
	assert_int_equal(seen.change.end_ns, t0 + 9 * SECOND);
	assert_int_equal(seen.change.tally.seen[EVENT_EXEC], 2);
	assert_string_equal(seen.origin, "session");
	assert_string_equal(seen.person, "SHA256:ci");
	assert_int_equal(find_change(opened, "session:chef", 2).change.end, STATE_OPEN);
	assert_int_equal(find_session(opened, "a").session.tally.seen[EVENT_EXEC], 2);
	state_close(opened);
}

static void a_change_that_is_not_there_is_said(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	struct seen seen = { 0 };
	struct lines lines = { 0 };

	(void)unused;
	assert_int_equal(state_change_find(opened, "43", 0, see_change, &seen), -ENOENT);
	assert_non_null(strstr(state_error(opened), "no change 43"));
	assert_int_equal(state_change_events(opened, "43", 7, see_line, &lines), -ENOENT);
	assert_non_null(strstr(state_error(opened), "run 7"));
	state_close(opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_declared_change_is_a_run_with_what_was_done_in_it),
		TEST(the_same_id_may_run_again_and_each_run_keeps_its_own),
		TEST(a_declared_change_is_whose_session_it_is_done_in),
		TEST(a_change_is_its_sessions_persons_also_where_that_is_known_later),
		TEST(a_declared_change_whose_command_was_killed_is_not_open),
		TEST(a_units_run_lasts_as_long_as_its_processes),
		TEST(a_units_run_that_a_new_watch_finds_goes_on),
		TEST(a_service_that_a_change_started_is_told_with_its_start_only),
		TEST(what_a_model_did_not_know_of_a_changes_services_is_kept_once_with_its_run),
		TEST(what_no_change_brought_and_what_a_change_does_itself_is_no_news),
		TEST(news_are_bounded_and_the_rest_is_counted),
		TEST(news_go_with_their_run),
		TEST(a_file_is_of_the_change_that_wrote_it_last_itself),
		TEST(a_session_that_is_a_change_is_a_run_each),
		TEST(a_change_that_is_not_there_is_said),
	};

	t0 = ((uint64_t)time(NULL) - 10 * 86400) * SECOND;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
