/* SPDX-License-Identifier: Apache-2.0 */
/* The sombrero, and what goes by its age or for room. */
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

static void what_is_old_goes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event today = make_login(now_seconds() - 3600, "b000000000000000");
	struct state_counts counts;
	struct seen seen = { 0 };

	(void)unused;
	record(opened, today);
	record(opened, make_failed(now_seconds() - 10, "bob", 1));
	t0 -= 81 * DAY;
	record(opened, make_login(0, "a000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, 5, "a000000000000000"));
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXIT, 1, "42", 10));
	record(opened, make_failed(0, "root", 1));
	t0 += 81 * DAY;
	commit(opened);
	state_close(opened);
	opened = open_state(STATE_WRITE);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.sessions, 1);
	assert_int_equal(counts.changes, 0);
	assert_int_equal(counts.failed_24h, 1);
	assert_int_equal(state_session_find(opened, "a", see_session, &seen), -ENOENT);
	assert_int_equal(find_session(opened, "b").session.tally.seen[EVENT_LOGIN], 1);
	state_close(opened);
}

static void what_goes_on_stays_though_it_is_old(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const struct state_limits soon = {
		.record_lines = 10, .record_bytes = 65536, .failed = 10, .touched = 10, .size_bytes = 1 << 30
	};

	(void)unused;
	record(opened, make_login(0, "a000000000000000"));
	record(opened, make_login(0, "b000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, 1, "b000000000000000"));
	commit(opened);
	state_limit(opened, &soon);
	commit(opened);
	record(opened, make_event(EVENT_EXEC, 2, "a000000000000000"));
	commit(opened);
	assert_int_equal(find_session(opened, "a").session.tally.seen[EVENT_EXEC], 1);
	assert_int_equal(find_session(opened, "").session.begin_ns, t0);
	state_close(opened);
}

static void the_oldest_goes_for_room(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_limits limits = { .record_lines = 100000,
				       .record_bytes = 10 << 20,
				       .failed = 10,
				       .touched = 10,
				       .age_seconds = 1U << 31,
				       .size_bytes = 1 << 20 };
	struct seen seen = { 0 };
	char id[32];

	(void)unused;
	put_file(opened, "/stays");
	for (unsigned s = 0; s < 8; s++) {
		(void)snprintf(id, sizeof(id), "%u000000000000000", s);
		for (unsigned i = 0; i < 1000; i++)
			record(opened, make_event(EVENT_EXEC, s * 10000 + i, id));
		if (s != 1)
			record(opened, make_event(EVENT_LOGOUT, s * 10000 + 5000, id));
	}
	commit(opened);
	state_limit(opened, &limits);
	commit(opened);
	assert_int_equal(state_sessions(opened, NULL, see_session, &seen), 0);
	/* The newest, and the one that goes on. */
	assert_in_range(seen.count, 2, 6);
	assert_non_null(strstr(seen.order, "7000000000000000"));
	assert_non_null(strstr(seen.order, "1000000000000000"));
	assert_null(strstr(seen.order, "0000000000000000 2"));
	assert_below(opened, "/", "/stays ");
	/* Though the file does not shrink, its room is used again. */
	state_close(opened);
}

static struct event make_touch(enum event_kind kind, uint64_t seconds, const char *path)
{
	struct event event = make_event(kind, seconds, "a000000000000000");

	event.context.kind = CONTEXT_SESSION;
	event.context.name = "alice";
	event.path = path;
	return event;
}

static struct event make_release(enum event_kind kind, uint64_t seconds, const char *path)
{
	struct event event = make_act(kind, seconds, "42", 10);

	event.path = path;
	return event;
}

static int touch(struct state *opened, struct event event)
{
	int status = state_sombrero_put(opened, &event, "/srv/app/**");

	if (status < 0)
		fail_msg("%s", state_error(opened));
	return status;
}

static void a_touch_puts_it_on_and_says_by_whom(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct worn worn;

	(void)unused;
	assert_int_equal(look(opened).count, 0);
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/b")), 1);
	assert_int_equal(touch(opened, make_touch(EVENT_CREATE, 2, "/srv/app/a")), 0);
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 3, "/srv/app/b")), 0);
	opened = reopen(opened, STATE_READ); /* a reboot leaves the disk as it is */
	worn = look(opened);
	assert_int_equal(worn.count, 1);
	assert_int_equal(worn.sombrero.off_ns, 0);
	assert_int_equal(worn.sombrero.on_ns, t0 + SECOND);
	assert_int_equal(worn.sombrero.touched, 2);
	assert_int_equal(worn.sombrero.waiting, 2);
	assert_string_equal(worn.first, "/srv/app/b");
	assert_string_equal(worn.last, "/srv/app/b");
	assert_int_equal(worn.sombrero.last.count, 2);
	assert_string_equal(worn.by, "SHA256:abc");
	assert_string_equal(worn.context, "session alice");
	assert_string_equal(worn.touches, "/srv/app/a /srv/app/b ");
	state_close(opened);
}

static int see_who_was_first(void *to, const struct state_sombrero *sombrero)
{
	(void)snprintf(to, 256, "%s %s %s %s", sombrero->first.person, event_kind_name(sombrero->first.kind),
		       sombrero->last.person, event_kind_name(sombrero->last.kind));
	return 1;
}

static void who_was_first_is_known_though_others_touch_the_same(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event bob = make_touch(EVENT_ATTRIBUTES, 5, "/srv/app/a");
	char who[256];

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	bob.person = "SHA256:of-bob";
	(void)touch(opened, bob);
	assert_int_equal(state_sombreros(opened, see_who_was_first, who), 1);
	assert_string_equal(who, "SHA256:abc write SHA256:of-bob attributes");
	state_close(opened);
}

static void it_comes_off_when_a_change_rewrote_every_touched_path(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct worn worn;

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/b"));
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/a")), 0);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/a")), 0);
	assert_int_equal(release(opened, make_release(EVENT_CREATE, 2, "/srv/app/c")), 0);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/b/c")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	assert_int_equal(look(opened).sombrero.off_ns, 0);
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 3, "/srv/app/b")), 1);
	opened = reopen(opened, STATE_WATCH);
	worn = look(opened);
	assert_true(worn.sombrero.off_ns != 0);
	assert_string_equal(worn.how, "rewritten");
	assert_string_equal(worn.reason, "42");
	/* The next touch is another one; the old stays as history. */
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 9, "/srv/app/a")), 1);
	worn = look(opened);
	assert_int_equal(worn.count, 2);
	assert_int_equal(worn.sombrero.off_ns, 0);
	assert_int_equal(worn.sombrero.touched, 1);
	state_close(opened);
}

static void what_is_no_change_rewrites_nothing(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event service = make_release(EVENT_WRITE, 2, "/srv/app/a");

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	assert_int_equal(release(opened, make_touch(EVENT_WRITE, 2, "/srv/app/a")), 0);
	service.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	assert_int_equal(release(opened, service), 0); /* a daemon that the change started */
	service = make_release(EVENT_WRITE, 2, "/srv/app/a");
	service.file_container = "3f2a9c1b77aa"; /* another file of that name */
	assert_int_equal(release(opened, service), 0);
	service = make_release(EVENT_EXEC, 2, "/srv/app/a");
	assert_int_equal(release(opened, service), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	state_close(opened);
}

static void attributes_undo_only_attributes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	(void)touch(opened, make_touch(EVENT_ATTRIBUTES, 1, "/srv/app/a"));
	assert_int_equal(release(opened, make_release(EVENT_ATTRIBUTES, 2, "/srv/app/a")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 3, "/srv/app/a")), 1);
	assert_int_equal(touch(opened, make_touch(EVENT_ATTRIBUTES, 4, "/srv/app/a")), 1);
	assert_int_equal(release(opened, make_release(EVENT_ATTRIBUTES, 5, "/srv/app/a")), 1);
	state_close(opened);
}

static void a_path_touched_again_waits_again(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/b"));
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/a")), 0);
	assert_int_equal(touch(opened, make_touch(EVENT_ATTRIBUTES, 3, "/srv/app/a")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 2);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 4, "/srv/app/b")), 0);
	/* Its first touch was undone: what is left is the mode. */
	assert_int_equal(release(opened, make_release(EVENT_ATTRIBUTES, 5, "/srv/app/a")), 1);
	state_close(opened);
}

static void a_rename_touches_and_rewrites_both_paths(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event moved = make_touch(EVENT_RENAME, 1, "/srv/app/new");

	(void)unused;
	moved.path_before = "/srv/app/old";
	assert_int_equal(touch(opened, moved), 1);
	assert_string_equal(look(opened).touches, "/srv/app/new /srv/app/old ");
	moved = make_release(EVENT_RENAME, 2, "/srv/app/old");
	moved.path_before = "/srv/app/new";
	assert_int_equal(release(opened, moved), 1);
	state_close(opened);
}

static void a_directory_takes_what_is_below_with_it(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event moved = make_release(EVENT_RENAME, 2, "/srv/app/lib.old");

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/lib/x/y"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/lib/z"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/lib-other"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/public/a"));
	moved.path_before = "/srv/app/lib";
	assert_int_equal(release(opened, moved), 0);
	assert_string_equal(look(opened).touches,
			    "/srv/app/lib-other /srv/app/lib/x/y+ /srv/app/lib/z+ /srv/app/public/a ");
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 3, "/srv/app/public")), 0);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 3, "/srv/app/public")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 4, "/srv/app")), 1);
	state_close(opened);
}

static void by_hand_it_needs_a_reason_and_says_who(void **unused)
{
	struct state *opened = open_state(STATE_WATCH), *command = open_state(STATE_WRITE);
	struct worn worn;

	(void)unused;
	assert_int_equal(state_sombrero_off(command, "nothing to take off", "bob"), 0);
	commit(command);
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	commit(opened);
	assert_int_equal(state_sombrero_off(command, "checked by hand", "bob"), 1);
	commit(command);
	worn = look(opened);
	assert_string_equal(worn.how, "by hand");
	assert_string_equal(worn.reason, "checked by hand");
	assert_string_equal(worn.person, "bob");
	/* The watch knows at once. */
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 3, "/srv/app/a")), 0);
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 4, "/srv/app/a")), 1);
	state_close(command);
	state_close(opened);
}

static void with_more_paths_than_there_is_room_for_only_a_hand_takes_it_off(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const struct state_limits limits = { .record_lines = 10,
					     .record_bytes = 65536,
					     .failed = 10,
					     .touched = 3,
					     .age_seconds = 1U << 31,
					     .size_bytes = 1 << 30 };
	char path[64];

	(void)unused;
	state_limit(opened, &limits);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "/srv/app/%d", i);
		(void)touch(opened, make_touch(EVENT_WRITE, 1, path));
	}
	assert_int_equal(look(opened).sombrero.touched, 3);
	assert_int_equal(look(opened).sombrero.untold, 2);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 2, "/srv/app")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 0);
	assert_int_equal(look(opened).sombrero.off_ns, 0);
	assert_int_equal(state_sombrero_off(opened, "a new machine", "bob"), 1);
	state_close(opened);
}

static void counts_say_what_there_is(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_counts counts;

	(void)unused;
	put_file(opened, "/a");
	(void)add_line(opened, "finding");
	record(opened, make_login(now_seconds(), "a000000000000000"));
	record(opened, make_login(now_seconds(), "b000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, now_seconds(), "b000000000000000"));
	record(opened, make_failed(now_seconds(), "root", 4));
	(void)begin_change(opened, "42");
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.files, 1);
	assert_int_equal(counts.waiting, 1);
	assert_int_equal(counts.sessions, 2);
	assert_int_equal(counts.sessions_open, 1);
	assert_int_equal(counts.changes_open, 1);
	assert_int_equal(counts.failed_24h, 4);
	assert_true(counts.watched);
	opened = reopen(opened, STATE_READ);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_false(counts.watched);
	assert_true(counts.watched_ns != 0);
	state_close(opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_old_goes),
		TEST(what_goes_on_stays_though_it_is_old),
		TEST(the_oldest_goes_for_room),
		TEST(a_touch_puts_it_on_and_says_by_whom),
		TEST(who_was_first_is_known_though_others_touch_the_same),
		TEST(it_comes_off_when_a_change_rewrote_every_touched_path),
		TEST(what_is_no_change_rewrites_nothing),
		TEST(attributes_undo_only_attributes),
		TEST(a_path_touched_again_waits_again),
		TEST(a_rename_touches_and_rewrites_both_paths),
		TEST(a_directory_takes_what_is_below_with_it),
		TEST(by_hand_it_needs_a_reason_and_says_who),
		TEST(with_more_paths_than_there_is_room_for_only_a_hand_takes_it_off),
		TEST(counts_say_what_there_is),
	};

	t0 = ((uint64_t)time(NULL) - 10 * 86400) * SECOND;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
