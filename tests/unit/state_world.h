/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the state share: a folder of its own for each, events, and those who visit what is kept. */
#ifndef TESTS_UNIT_STATE_WORLD_H
#define TESTS_UNIT_STATE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <ftw.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "event/ndjson.h"
#include "state/history.h"

#define SECOND 1000000000ULL
#define DAY    (86400 * SECOND)

/* When what happens in the tests begins: ten days ago, in whole seconds. */
__attribute__((unused)) static uint64_t t0;

__attribute__((unused)) static char folder[64], place[96], file[128];

__attribute__((unused)) static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/sombrero-state-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(place, sizeof(place), "%s/state", folder);
	(void)snprintf(file, sizeof(file), "%s/state.db", place);
	return 0;
}

__attribute__((unused)) static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

__attribute__((unused)) static int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static struct state *open_state(enum state_mode mode)
{
	struct error error = { "" };
	struct state *opened = NULL;

	if (state_open(place, mode, &opened, &error))
		fail_msg("%s", error.text);
	return opened;
}

__attribute__((unused)) static void assert_refused(enum state_mode mode, int status, const char *words)
{
	struct error error = { "" };
	struct state *opened = NULL;

	assert_int_equal(state_open(place, mode, &opened, &error), status);
	assert_null(opened);
	if (!strstr(error.text, words))
		fail_msg("%s: should say %s", error.text, words);
}

__attribute__((unused)) static void commit(struct state *opened)
{
	if (state_commit(opened))
		fail_msg("%s", state_error(opened));
}

__attribute__((unused)) static struct state *reopen(struct state *opened, enum state_mode mode)
{
	commit(opened);
	state_close(opened);
	return open_state(mode);
}

__attribute__((unused)) static void run_sql(const char *sql)
{
	sqlite3 *database = NULL;

	assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

__attribute__((unused)) static struct baseline_file some_file(void)
{
	struct baseline_file known = {
		.type = FILE_REGULAR,
		.append_only = true,
		.has_sha256 = true,
		.mode = 0644,
		.uid = 33,
		.gid = 0xfffffffe,
		.device = 0x800000001,
		.inode = UINT64_MAX,
		.size = 1ULL << 40,
		.mtime_ns = t0,
		.ctime_ns = t0 + 1,
		.target = "",
	};

	memset(known.sha256, 0xab, sizeof(known.sha256));
	return known;
}

__attribute__((unused)) static void put_file(struct state *opened, const char *path)
{
	const struct baseline *baseline = state_baseline(opened);
	struct baseline_file known = some_file();

	if (baseline->put(baseline->owner, path, &known))
		fail_msg("%s: %s", path, state_error(opened));
}

struct list {
	char text[4096];
	int stop_after;
};

__attribute__((unused)) static int list_file(void *to, const char *path, const struct baseline_file *known)
{
	struct list *list = to;

	(void)known;
	(void)snprintf(list->text + strlen(list->text), sizeof(list->text) - strlen(list->text), "%s ", path);
	return list->stop_after && !--list->stop_after ? 7 : 0;
}

__attribute__((unused)) static void assert_below(struct state *opened, const char *path, const char *expected)
{
	const struct baseline *baseline = state_baseline(opened);
	struct list list = { .text = "" };

	assert_int_equal(baseline->walk(baseline->owner, path, list_file, &list), 0);
	assert_string_equal(list.text, expected);
}

__attribute__((unused)) static uint64_t add_line(struct state *opened, const char *line)
{
	uint64_t number = 0;

	assert_int_equal(state_outbox_add(opened, line, strlen(line), &number), 0);
	return number;
}

__attribute__((unused)) static struct event make_event(enum event_kind kind, uint64_t seconds, const char *login)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = t0 + seconds * SECOND;
	event.login = login;
	event.person = *login ? "SHA256:abc" : "";
	event.login_user = event.user = "alice";
	event.pid = 100;
	event.start_ns = 5;
	event.program = (struct program) { .exe = "/usr/bin/id", .called = "id", .script = "", .text = "/usr/bin/id" };
	return event;
}

__attribute__((unused)) static struct event make_login(uint64_t seconds, const char *login)
{
	struct event event = make_event(EVENT_LOGIN, seconds, login);

	event.login_service = "sshd";
	event.login_method = "publickey";
	event.key = "SHA256:abc";
	event.certificate = "alice@corp";
	event.family = AF_INET6;
	(void)inet_pton(AF_INET6, "2001:db8::1", event.remote_address);
	event.remote_port = 50022;
	event.tty = "pts/0";
	event.session_id = 7;
	return event;
}

__attribute__((unused)) static void record(struct state *opened, struct event event)
{
	if (state_record(opened, &event))
		fail_msg("%s", state_error(opened));
}

/* The last session or change that was visited, its strings copied. */
struct seen {
	struct state *opened;
	struct state_session session;
	struct state_change change;
	char id[64], person[64], address[64], key[64], tty[16], origin[16], order[512];
	unsigned count;
};

__attribute__((unused)) static int ignore_line(void *to, const char *line, size_t size, bool orphan)
{
	(void)to;
	(void)line;
	(void)size;
	(void)orphan;
	return 0;
}

/* Whoever visits a session may ask for its events meanwhile. */
__attribute__((unused)) static int see_session(void *to, const struct state_session *session)
{
	struct seen *seen = to;

	if (seen->opened)
		assert_int_equal(state_session_events(seen->opened, session->id, ignore_line, NULL), 0);

	seen->session = *session;
	seen->count++;
	(void)snprintf(seen->id, sizeof(seen->id), "%s", session->id);
	(void)snprintf(seen->person, sizeof(seen->person), "%s", session->person);
	(void)snprintf(seen->address, sizeof(seen->address), "%s", session->address);
	(void)snprintf(seen->key, sizeof(seen->key), "%s", session->key);
	(void)snprintf(seen->tty, sizeof(seen->tty), "%s", session->tty);
	(void)snprintf(seen->order + strlen(seen->order), sizeof(seen->order) - strlen(seen->order), "%s ",
		       session->id);
	return 0;
}

__attribute__((unused)) static struct seen find_session(struct state *opened, const char *id)
{
	struct seen seen = { .opened = opened };

	if (state_session_find(opened, id, see_session, &seen))
		fail_msg("%s", state_error(opened));
	return seen;
}

struct lines {
	unsigned count, orphans;
	size_t bytes;
	char last[8192];
};

__attribute__((unused)) static int see_line(void *to, const char *line, size_t size, bool orphan)
{
	struct lines *lines = to;

	lines->count++;
	lines->orphans += orphan;
	lines->bytes += size;
	(void)snprintf(lines->last, sizeof(lines->last), "%.*s", (int)size, line);
	return 0;
}

__attribute__((unused)) static struct event make_failed(uint64_t seconds, const char *user, uint64_t attempts)
{
	struct event event = make_event(EVENT_LOGIN_FAILED, seconds, "");

	event.login_user = user;
	event.login_service = "sshd";
	event.family = AF_INET;
	(void)inet_pton(AF_INET, "192.0.2.7", event.remote_address);
	event.attempts = attempts;
	return event;
}

__attribute__((unused)) static struct event make_act(enum event_kind kind, uint64_t seconds, const char *change,
						     uint32_t pid)
{
	struct event event = make_event(kind, seconds, "");

	event.context.kind = CONTEXT_CHANGE;
	event.context.name = change;
	event.change = change;
	event.pid = pid;
	event.start_ns = pid;
	return event;
}

__attribute__((unused)) static uint64_t begin_change(struct state *opened, const char *id)
{
	const struct state_change change = { .id = id,
					     .person = "SHA256:abc",
					     .user = "alice",
					     .reason = "release",
					     .command = "./deploy",
					     .login = "",
					     .pid = (uint32_t)getpid() };
	uint64_t run = 0;

	if (state_change_begin(opened, &change, &run))
		fail_msg("%s", state_error(opened));
	return run;
}

__attribute__((unused)) static uint64_t now_seconds(void)
{
	return (uint64_t)time(NULL) - t0 / SECOND;
}

__attribute__((unused)) static int release(struct state *opened, struct event event)
{
	int status = state_sombrero_rewritten(opened, &event);

	if (status < 0)
		fail_msg("%s", state_error(opened));
	return status;
}

struct worn {
	struct state_sombrero sombrero;
	char how[32], reason[64], person[32], first[64], last[64], by[64], touches[1024], context[32];
	unsigned count;
};

__attribute__((unused)) static int see_sombrero(void *to, const struct state_sombrero *sombrero)
{
	struct worn *worn = to;

	if (worn->count++)
		return 0;
	worn->sombrero = *sombrero;
	(void)snprintf(worn->how, sizeof(worn->how), "%s", sombrero->off_how);
	(void)snprintf(worn->reason, sizeof(worn->reason), "%s", sombrero->off_reason);
	(void)snprintf(worn->person, sizeof(worn->person), "%s", sombrero->off_person);
	(void)snprintf(worn->first, sizeof(worn->first), "%s", sombrero->first.path);
	(void)snprintf(worn->last, sizeof(worn->last), "%s", sombrero->last.path);
	(void)snprintf(worn->by, sizeof(worn->by), "%s", sombrero->last.person);
	(void)snprintf(worn->context, sizeof(worn->context), "%s", sombrero->last.context);
	return 0;
}

__attribute__((unused)) static int see_touch(void *to, const struct state_touch *touched)
{
	struct worn *worn = to;

	(void)snprintf(worn->touches + strlen(worn->touches), 128, "%s%s ", touched->path,
		       touched->rewritten_ns ? "+" : "");
	return 0;
}

__attribute__((unused)) static struct worn look(struct state *opened)
{
	struct worn worn = { .count = 0 };

	assert_int_equal(state_sombreros(opened, see_sombrero, &worn), 0);
	if (worn.count)
		assert_int_equal(state_sombrero_touches(opened, worn.sombrero.number, see_touch, &worn), 0);
	return worn;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

#endif
