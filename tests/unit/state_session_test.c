/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and failed logins, as the state keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "state_world.h"

static void a_session_is_kept_from_login_to_logout(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event logout = make_event(EVENT_LOGOUT, 60, "00000000000000aa");
	struct lines lines = { 0 };
	struct seen seen;

	(void)unused;
	record(opened, make_login(0, "00000000000000aa"));
	record(opened, make_event(EVENT_EXEC, 1, "00000000000000aa"));
	seen = find_session(opened, "00000000000000aa");
	assert_int_equal(seen.session.end, STATE_OPEN);
	record(opened, make_event(EVENT_WRITE, 2, "00000000000000aa"));
	logout.processes = 12;
	logout.files = 3;
	record(opened, logout);
	opened = reopen(opened, STATE_READ);
	seen = find_session(opened, "00");
	assert_int_equal(seen.session.end, STATE_ENDED);
	assert_int_equal(seen.session.begin_ns, t0);
	assert_int_equal(seen.session.end_ns, t0 + 60 * SECOND);
	assert_int_equal(seen.session.processes, 12);
	assert_int_equal(seen.session.files, 3);
	assert_int_equal(seen.session.port, 50022);
	assert_int_equal(seen.session.audit_session, 7);
	assert_true(seen.session.seen_login);
	assert_string_equal(seen.person, "SHA256:abc");
	assert_string_equal(seen.address, "2001:db8::1");
	assert_string_equal(seen.key, "SHA256:abc");
	assert_string_equal(seen.tty, "pts/0");
	assert_int_equal(seen.session.tally.seen[EVENT_EXEC], 1);
	assert_int_equal(seen.session.tally.seen[EVENT_WRITE], 1);
	assert_int_equal(seen.session.tally.orphans, 0);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_int_equal(lines.count, 4);
	state_close(opened);
}

static void a_line_is_the_event_itself(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event event = make_event(EVENT_EXEC, 1, "00000000000000aa");
	struct buffer written = BUFFER_INIT(65536);
	struct lines lines = { 0 };

	(void)unused;
	event.argv = "id\0-u";
	event.argv_size = 6;
	event.argc = 2;
	record(opened, event);
	commit(opened);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	ndjson_write(&written, &event);
	assert_int_equal(lines.bytes, written.size - 1);
	assert_memory_equal(lines.last, written.data, written.size - 1);
	buffer_free(&written);
	state_close(opened);
}

static void a_session_whose_login_was_missed_is_kept_with_what_is_known(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event login = make_login(5, "bb00000000000000");
	struct seen seen;

	(void)unused;
	record(opened, make_event(EVENT_EXEC, 3, "bb00000000000000"));
	seen = find_session(opened, "bb");
	assert_false(seen.session.seen_login);
	assert_string_equal(seen.person, "SHA256:abc");
	assert_int_equal(seen.session.begin_ns, t0 + 3 * SECOND);
	/* A login is told once it is known who it was, which may be later; one that was found adds what it knows. */
	login.flags = EVENT_FLAG_EXISTING;
	record(opened, login);
	seen = find_session(opened, "bb");
	assert_false(seen.session.seen_login);
	assert_string_equal(seen.address, "2001:db8::1");
	login.flags = 0;
	record(opened, login);
	seen = find_session(opened, "bb");
	assert_true(seen.session.seen_login);
	assert_int_equal(seen.session.begin_ns, t0 + 3 * SECOND);
	state_close(opened);
}

static void what_outlives_its_session_is_marked(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event orphan = make_event(EVENT_EXEC, 2, "00000000000000aa");
	struct lines lines = { 0 };

	(void)unused;
	record(opened, make_login(0, "00000000000000aa"));
	orphan.flags = EVENT_FLAG_ORPHAN;
	record(opened, orphan);
	record(opened, make_event(EVENT_LOGOUT, 10, "00000000000000aa"));
	record(opened, make_event(EVENT_EXIT, 10, "00000000000000aa"));
	opened = reopen(opened, STATE_WATCH);
	record(opened, make_event(EVENT_WRITE, 11, "00000000000000aa"));
	commit(opened);
	assert_int_equal(find_session(opened, "00").session.tally.orphans, 2);
	assert_int_equal(find_session(opened, "00").session.end, STATE_ENDED);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_int_equal(lines.orphans, 2);
	state_close(opened);
}

static void beyond_the_bounds_events_are_counted(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const struct state_limits limits = { .record_lines = 10,
					     .record_bytes = 1 << 20,
					     .failed = 10,
					     .touched = 10,
					     .age_seconds = 1U << 31,
					     .size_bytes = 1 << 30 };
	struct lines lines = { 0 };
	struct seen seen;

	(void)unused;
	state_limit(opened, &limits);
	for (unsigned i = 0; i < 25; i++) {
		record(opened, make_event(i % 2 ? EVENT_WRITE : EVENT_EXEC, i, "00000000000000aa"));
		if (i == 12)
			opened = reopen(opened, STATE_WATCH), state_limit(opened, &limits);
	}
	commit(opened);
	seen = find_session(opened, "00");
	assert_int_equal(seen.session.tally.seen[EVENT_EXEC], 13);
	/* The last quarter is for what tells more. */
	assert_int_equal(seen.session.tally.dropped[EVENT_EXEC], 9);
	assert_int_equal(seen.session.tally.seen[EVENT_WRITE], 12);
	assert_int_equal(seen.session.tally.dropped[EVENT_WRITE], 6);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_int_equal(lines.count, 10);
	state_close(opened);
}

static void a_session_has_room_for_so_many_bytes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_limits limits = { .record_lines = 1000,
				       .record_bytes = 2000,
				       .failed = 10,
				       .touched = 10,
				       .age_seconds = 1U << 31,
				       .size_bytes = 1 << 30 };
	struct lines lines = { 0 };

	(void)unused;
	state_limit(opened, &limits);
	for (unsigned i = 0; i < 100; i++)
		record(opened, make_event(EVENT_EXEC, i, "00000000000000aa"));
	commit(opened);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_in_range(lines.bytes, 1000, 2000);
	assert_int_equal(find_session(opened, "00").session.tally.dropped[EVENT_EXEC], 100 - lines.count);
	state_close(opened);
}

static void what_belongs_to_nobody_leaves_no_trace(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_counts counts;

	(void)unused;
	record(opened, make_event(EVENT_EXEC, 1, ""));
	record(opened, make_event(EVENT_WRITE, 1, ""));
	commit(opened);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.sessions, 0);
	assert_int_equal(counts.changes, 0);
	state_close(opened);
}

static void an_id_is_found_by_its_beginning(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct seen seen = { 0 };

	(void)unused;
	record(opened, make_login(0, "aa00000000000001"));
	record(opened, make_login(1, "aa00000000000002"));
	record(opened, make_login(2, "ab00000000000003"));
	commit(opened);
	assert_string_equal(find_session(opened, "ab").id, "ab00000000000003");
	assert_string_equal(find_session(opened, "aa00000000000001").id, "aa00000000000001");
	assert_int_equal(state_session_find(opened, "aa", see_session, &seen), -ENOTUNIQ);
	assert_non_null(strstr(state_error(opened), "several sessions begin with aa"));
	assert_int_equal(state_session_find(opened, "a%", see_session, &seen), -ENOENT);
	assert_int_equal(state_session_find(opened, "", see_session, &seen), -ENOTUNIQ);
	state_close(opened);
}

static void sessions_are_listed_newest_first_and_filtered(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event bob = make_login(1, "b000000000000000");
	struct seen seen = { 0 };
	struct state_session_filter filter = { .open = true };

	(void)unused;
	bob.person = "bob@corp";
	bob.login_user = "root";
	bob.key = "SHA256:bob";
	bob.certificate = "bob@corp";
	record(opened, make_login(0, "a000000000000000"));
	record(opened, bob);
	record(opened, make_login(2, "c000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, 9, "c000000000000000"));
	commit(opened);
	assert_int_equal(state_sessions(opened, NULL, see_session, &seen), 0);
	assert_string_equal(seen.order, "c000000000000000 b000000000000000 a000000000000000 ");
	seen = (struct seen) { 0 };
	assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
	assert_string_equal(seen.order, "b000000000000000 a000000000000000 ");
	for (const char *const *who = (const char *const[]) { "bob@corp", "root", "SHA256:bob", NULL }; *who; who++) {
		filter = (struct state_session_filter) { .person = *who };
		seen = (struct seen) { 0 };
		assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
		assert_string_equal(seen.order, "b000000000000000 ");
	}
	filter = (struct state_session_filter) { .since_ns = t0 + 5 * SECOND };
	seen = (struct seen) { 0 };
	assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
	assert_string_equal(seen.order, "c000000000000000 ");
	state_close(opened);
}

static void a_session_that_the_watch_left_is_open_and_unwatched_until_it_is_seen_again(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct seen seen;

	(void)unused;
	record(opened, make_login(0, "a000000000000000"));
	record(opened, make_login(0, "b000000000000000"));
	opened = reopen(opened, STATE_READ);
	seen = find_session(opened, "a");
	assert_int_equal(seen.session.end, STATE_UNWATCHED);
	assert_in_range(seen.session.watched_ns, (uint64_t)time(NULL) * SECOND - 60 * SECOND,
			(uint64_t)time(NULL) * SECOND + SECOND);
	state_close(opened);
	/* The next watch has heard of one of them. */
	opened = open_state(STATE_WATCH);
	record(opened, make_event(EVENT_EXEC, 5, "a000000000000000"));
	commit(opened);
	assert_int_equal(find_session(opened, "a").session.end, STATE_OPEN);
	assert_int_equal(find_session(opened, "b").session.end, STATE_UNWATCHED);
	state_close(opened);
}

static void a_session_ends_with_its_boot(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct seen seen = { 0 };
	const struct state_session_filter filter = { .open = true };

	(void)unused;
	record(opened, make_login(0, "a000000000000000"));
	commit(opened);
	state_close(opened);
	run_sql("UPDATE session SET boot = 'of yesterday'");
	opened = open_state(STATE_WATCH);
	seen = find_session(opened, "a");
	assert_int_equal(seen.session.end, STATE_REBOOTED);
	assert_true(seen.session.watched_ns > t0);
	seen = (struct seen) { 0 };
	assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
	assert_int_equal(seen.count, 0);
	state_close(opened);
}

struct failures {
	char text[1024];
	uint64_t attempts;
	unsigned count;
};

static int see_failed(void *to, const struct state_failed *failed)
{
	struct failures *failures = to;

	failures->count++;
	failures->attempts += failed->attempts;
	if (failures->count <= 8)
		(void)snprintf(failures->text + strlen(failures->text), 120, "%s@%s/%s:%llu:%llu-%llu ", failed->user,
			       failed->address, failed->service, (unsigned long long)failed->attempts,
			       (unsigned long long)((failed->first_ns - t0) / SECOND),
			       (unsigned long long)((failed->last_ns - t0) / SECOND));
	return 0;
}

static void failed_logins_are_counted_by_address_user_and_service(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct failures failures = { .text = "" };

	(void)unused;
	record(opened, make_failed(0, "root", 1));
	record(opened, make_failed(5, "root", 10));
	record(opened, make_failed(7, "x'; DROP", 0));
	record(opened, make_failed(6, "", 1)); /* `user` is alice there: who runs the service */
	opened = reopen(opened, STATE_WATCH);
	record(opened, make_failed(9, "root", 2));
	commit(opened);
	assert_int_equal(state_failed_logins(opened, 0, see_failed, &failures), 0);
	assert_string_equal(failures.text,
			    "root@192.0.2.7/sshd:13:0-9 x'; DROP@192.0.2.7/sshd:1:7-7 @192.0.2.7/sshd:1:6-6 ");
	failures = (struct failures) { .text = "" };
	assert_int_equal(state_failed_logins(opened, t0 + 8 * SECOND, see_failed, &failures), 0);
	assert_int_equal(failures.count, 1);
	state_close(opened);
}

static void of_failed_logins_the_oldest_goes_and_is_counted(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct failures failures = { .text = "" };
	struct state_counts counts;
	char user[32];

	(void)unused;
	for (unsigned i = 0; i < STATE_FAILED_MAX + 50; i++) {
		(void)snprintf(user, sizeof(user), "user-%u", i);
		record(opened, make_failed(i, user, 2));
	}
	commit(opened);
	assert_int_equal(state_failed_logins(opened, 0, see_failed, &failures), 0);
	assert_int_equal(failures.count, STATE_FAILED_MAX);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.failed_dropped, 100);
	assert_non_null(strstr(failures.text, "user-10049@"));
	failures = (struct failures) { .text = "" };
	assert_int_equal(state_failed_logins(opened, t0 + 49 * SECOND, see_failed, &failures), 0);
	assert_int_equal(failures.count, STATE_FAILED_MAX);
	state_close(opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_kept_from_login_to_logout),
		TEST(a_line_is_the_event_itself),
		TEST(a_session_whose_login_was_missed_is_kept_with_what_is_known),
		TEST(what_outlives_its_session_is_marked),
		TEST(beyond_the_bounds_events_are_counted),
		TEST(a_session_has_room_for_so_many_bytes),
		TEST(what_belongs_to_nobody_leaves_no_trace),
		TEST(an_id_is_found_by_its_beginning),
		TEST(sessions_are_listed_newest_first_and_filtered),
		TEST(a_session_that_the_watch_left_is_open_and_unwatched_until_it_is_seen_again),
		TEST(a_session_ends_with_its_boot),
		TEST(failed_logins_are_counted_by_address_user_and_service),
		TEST(of_failed_logins_the_oldest_goes_and_is_counted),
	};

	t0 = ((uint64_t)time(NULL) - 10 * 86400) * SECOND;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
