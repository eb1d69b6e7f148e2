/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of persons, and logins that failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "state/state_priv.h"

/* A session at work: in memory from its first event in a transaction on, to be written at commit. */
struct session {
	char *id;
	struct record record;
	uint64_t end_ns;
};

/* So many stay in memory; when there are more all go, and come again from the file. */
#define AT_WORK_MAX 256

/* What somebody who tried to log in chose is cut to this: it is a key. */
#define FAILED_TEXT_MAX 255

static bool is_session(const void *entry, const void *key)
{
	return !strcmp(((const struct session *)entry)->id, key);
}

static void session_free(struct session *session)
{
	if (session)
		free(session->id);
	free(session);
}

void sessions_drop(struct state *state)
{
	size_t cursor = 0;
	struct session *session;

	while ((session = table_next(&state->sessions, &cursor)))
		session_free(session);
	table_free(&state->sessions);
	state->sessions = TABLE_INIT(is_session);
}

int sessions_flush(struct state *state)
{
	size_t cursor = 0;
	struct session *session;
	int status = 0;

	while (!status && (session = table_next(&state->sessions, &cursor))) {
		if (!session->record.dirty)
			continue;
		status = sql_run(state, SQL_SESSION_SEEN, sql_text(session->id), sql_number(session->record.last_ns));
		if (!status)
			status = record_flush(state, &session->record);
	}
	if (!status && state->sessions.count > AT_WORK_MAX)
		sessions_drop(state);
	return status;
}

int sessions_unwatched(struct state *state, uint64_t since_ns)
{
	return sql_run(state, SQL_SESSION_UNWATCHED, sql_number(since_ns));
}

static const char *user_of(const struct event *event)
{
	return *event->login_user ? event->login_user : event->user;
}

static int insert(struct state *state, const struct event *event, struct session *session)
{
	int status = record_new(state, &session->record);

	return status ? status
		      : sql_run(state, SQL_SESSION_NEW, sql_text(event->login), sql_number(session->record.number),
				sql_text(event->person), sql_text(user_of(event)), sql_text(event->tty),
				sql_text(event->context.container), sql_number(event->session_id),
				sql_number(event->time_ns), sql_text(state->boot));
}

/* Of an id without a row, makes it with what is known. */
static int load(struct state *state, const struct event *event, struct session *session)
{
	sqlite3_stmt *statement = sql_start(state, SQL_SESSION_GET, sql_text(event->login));
	int status = sql_step(state, statement);
	uint64_t number;

	if (status < 0)
		return status;
	if (!status)
		return insert(state, event, session);
	number = sql_column_number(statement, 0);
	session->end_ns = sql_column_number(statement, 1);
	sql_done(statement);
	return record_load(state, &session->record, number);
}

static int get(struct state *state, const struct event *event, struct session **out)
{
	uint64_t hash = hash_text(event->login);
	struct session *session = table_find(&state->sessions, hash, event->login);
	int status;

	if (session) {
		*out = session;
		return 0;
	}
	session = calloc(1, sizeof(*session));
	if (session)
		session->id = strdup(event->login);
	status = session && session->id ? load(state, event, session) : -ENOMEM;
	if (!status && session)
		status = table_insert(&state->sessions, hash, session);
	if (status) {
		session_free(session);
		if (status == -ENOMEM)
			(void)error_set(&state->error, status, "out of memory");
		return status;
	}
	*out = session;
	return 0;
}

/* "" where there is none. */
static void address_of(const struct event *event, char text[INET6_ADDRSTRLEN])
{
	*text = '\0';
	if (event->family == AF_INET || event->family == AF_INET6)
		(void)inet_ntop(event->family, event->remote_address, text, INET6_ADDRSTRLEN);
}

static int login(struct state *state, const struct event *event)
{
	char address[INET6_ADDRSTRLEN];

	address_of(event, address);
	return sql_run(state, SQL_SESSION_LOGIN, sql_text(event->login), sql_text(event->person),
		       sql_text(user_of(event)), sql_text(event->login_service), sql_text(event->login_method),
		       sql_text(event->key), sql_text(event->certificate), sql_text(address),
		       sql_number(event->remote_port), sql_text(event->tty), sql_number(event->time_ns),
		       sql_number(!(event->flags & EVENT_FLAG_EXISTING)));
}

static int logout(struct state *state, struct session *session, const struct event *event)
{
	session->end_ns = event->time_ns;
	return sql_run(state, SQL_SESSION_LOGOUT, sql_text(event->login), sql_number(event->time_ns),
		       sql_number(event->processes), sql_number(event->files));
}

int session_event(struct state *state, const struct event *event)
{
	struct session *session = NULL;
	bool orphan;
	int status = get(state, event, &session);

	if (status)
		return status;
	/* A logout is told when the last process is gone, which may be before its exit is. */
	orphan = event->flags & EVENT_FLAG_ORPHAN ||
		 (session->end_ns && event->time_ns > session->end_ns && event->kind != EVENT_LOGOUT);
	if (event->kind == EVENT_LOGIN)
		status = login(state, event);
	else if (event->kind == EVENT_LOGOUT)
		status = logout(state, session, event);
	return status ? status : record_event(state, &session->record, event, orphan);
}

static int forget_oldest_failed(struct state *state)
{
	sqlite3_stmt *statement = sql_start_with(state, SQL_FAILED_OLDEST, NULL, 0);
	int status = sql_step(state, statement);
	uint64_t attempts;

	if (status <= 0)
		return status;
	attempts = sql_column_number(statement, 3);
	status = sql_run(state, SQL_FAILED_FORGET, sql_text(sql_column_text(statement, 0)),
			 sql_text(sql_column_text(statement, 1)), sql_text(sql_column_text(statement, 2)));
	sql_done(statement);
	return status ? status : sql_run(state, SQL_META_ADD, sql_text("failed_dropped"), sql_number(attempts));
}

static int add_failed(struct state *state, const struct sql_value values[5])
{
	int status = 0;

	if (!state->failed_known)
		status = sql_get_number(state, SQL_FAILED_COUNT, NULL, 0, &state->failed);
	state->failed_known = !status;
	while (!status && state->failed && state->failed >= state->limits.failed) {
		status = forget_oldest_failed(state);
		state->failed--;
	}
	if (!status)
		status = sql_run_with(state, SQL_FAILED_NEW, values, 5);
	state->failed++;
	return status;
}

int session_failed(struct state *state, const struct event *event)
{
	char address[INET6_ADDRSTRLEN], user[FAILED_TEXT_MAX + 1], service[FAILED_TEXT_MAX + 1];
	struct sql_value values[5];
	int status;

	address_of(event, address);
	(void)snprintf(user, sizeof(user), "%s", event->login_user); /* `user` is who runs the service */
	(void)snprintf(service, sizeof(service), "%s", event->login_service);
	values[0] = sql_text(address);
	values[1] = sql_text(user);
	values[2] = sql_text(service);
	values[3] = sql_number(event->attempts ? event->attempts : 1);
	values[4] = sql_number(event->time_ns);
	status = sql_run_with(state, SQL_FAILED_ADD, values, 5);
	return status || sql_changed(state) ? status : add_failed(state, values);
}

/* To be shown. */

enum {
	COLUMN_ID,
	COLUMN_RECORD,
	COLUMN_PERSON,
	COLUMN_USER,
	COLUMN_SERVICE,
	COLUMN_METHOD,
	COLUMN_KEY,
	COLUMN_CERTIFICATE,
	COLUMN_ADDRESS,
	COLUMN_PORT,
	COLUMN_TTY,
	COLUMN_CONTAINER,
	COLUMN_AUDIT,
	COLUMN_SEEN_LOGIN,
	COLUMN_BEGIN,
	COLUMN_END,
	COLUMN_LAST,
	COLUMN_PROCESSES,
	COLUMN_FILES,
	COLUMN_BOOT,
	COLUMN_UNWATCHED
};

static int read_row(struct state *state, sqlite3_stmt *row, struct state_session *session)
{
	struct record record;
	int status = record_load(state, &record, sql_column_number(row, COLUMN_RECORD));

	*session = (struct state_session) {
		.id = sql_column_text(row, COLUMN_ID),
		.person = sql_column_text(row, COLUMN_PERSON),
		.user = sql_column_text(row, COLUMN_USER),
		.service = sql_column_text(row, COLUMN_SERVICE),
		.method = sql_column_text(row, COLUMN_METHOD),
		.key = sql_column_text(row, COLUMN_KEY),
		.certificate = sql_column_text(row, COLUMN_CERTIFICATE),
		.address = sql_column_text(row, COLUMN_ADDRESS),
		.port = (uint16_t)sql_column_number(row, COLUMN_PORT),
		.tty = sql_column_text(row, COLUMN_TTY),
		.container = sql_column_text(row, COLUMN_CONTAINER),
		.audit_session = (uint32_t)sql_column_number(row, COLUMN_AUDIT),
		.seen_login = sql_column_number(row, COLUMN_SEEN_LOGIN) != 0,
		.begin_ns = sql_column_number(row, COLUMN_BEGIN),
		.end_ns = sql_column_number(row, COLUMN_END),
		.last_ns = sql_column_number(row, COLUMN_LAST),
		.processes = sql_column_number(row, COLUMN_PROCESSES),
		.files = sql_column_number(row, COLUMN_FILES),
		.tally = record.tally,
	};
	session->end = state_end_of(state, session->end_ns, sql_column_text(row, COLUMN_BOOT),
				    sql_column_number(row, COLUMN_UNWATCHED), &session->watched_ns);
	return status;
}

int state_sessions(struct state *state, const struct state_session_filter *filter, state_session_visitor visit,
		   void *to)
{
	const struct state_session_filter all = { .open = false }, *wanted = filter ? filter : &all;
	sqlite3_stmt *statement = sql_start(state, SQL_SESSION_EACH, sql_text(wanted->person),
					    sql_number(wanted->since_ns), sql_text(wanted->open ? state->boot : NULL));
	struct state_session session;
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		status = read_row(state, statement, &session);
		if (!status)
			status = visit(to, &session);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}

static int find(struct state *state, const char *prefix, char id[256])
{
	sqlite3_stmt *statement = sql_start(state, SQL_SESSION_FIND, sql_text(prefix));
	unsigned count = 0;
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		(void)snprintf(id, 256, "%s", sql_column_text(statement, COLUMN_ID));
		count++;
	}
	if (status)
		return status;
	if (count == 1)
		return 0;
	return count ? error_set(&state->error, -ENOTUNIQ, "several sessions begin with %s: give more of the id",
				 prefix)
		     : error_set(&state->error, -ENOENT, "there is no session %s: `sombrero sessions` lists them",
				 prefix);
}

int state_session_find(struct state *state, const char *prefix, state_session_visitor visit, void *to)
{
	struct state_session session;
	sqlite3_stmt *statement;
	char id[256];
	int status = find(state, prefix, id);

	if (status)
		return status;
	statement = sql_start(state, SQL_SESSION_FIND, sql_text(id));
	status = sql_step(state, statement);
	if (status <= 0)
		return status;
	status = read_row(state, statement, &session);
	if (!status)
		status = visit(to, &session);
	sql_done(statement);
	return status;
}

int state_session_events(struct state *state, const char *id, state_line_visitor visit, void *to)
{
	uint64_t number = 0;
	int status = sql_get_number(state, SQL_SESSION_GET, SQL_VALUES(sql_text(id)), &number);

	return status ? status : record_each(state, number, visit, to);
}

int state_failed_logins(struct state *state, uint64_t since_ns, state_failed_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start(state, SQL_FAILED_EACH, sql_number(since_ns));
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		const struct state_failed failed = {
			.address = sql_column_text(statement, 0),
			.user = sql_column_text(statement, 1),
			.service = sql_column_text(statement, 2),
			.attempts = sql_column_number(statement, 3),
			.first_ns = sql_column_number(statement, 4),
			.last_ns = sql_column_number(statement, 5),
		};

		status = visit(to, &failed);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}
