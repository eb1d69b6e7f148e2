/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes, run by run. A run that `sombrero change begin` declared begins and ends as that says. One that is recognised, a unit's, begins
 * with its first process and ends when none is left; one that is a person's session ends with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "state/state_priv.h"

#define SECOND_NS 1000000000ULL
/* A unit that runs a program after another, with a gap between: one run still. */
#define GAP_NS (2 * SECOND_NS)
/* So long after a change ended what a service that it started does at first is told with it. */
#define SERVICE_NS (600 * SECOND_NS)
/* Processes of a run that are told apart; of more, the others don't keep it open. */
#define ALIVE_MAX 1024
/* So many stay in memory. */
#define AT_WORK_MAX 256

struct alive {
	uint32_t pid;
	uint64_t start_ns;
};

struct change {
	char *key; /* what it is found by: its id, and of a session that is a change, that */
	char *id;  /* "" until loaded */
	uint64_t run;
	struct record record;
	bool begun; /* by the command */
	bool of_session;
	bool has_login; /* it is known whose session it is in */
	bool other_boot;
	uint64_t begin_ns, end_ns, unwatched_ns;
	int status;
	uint32_t pid; /* of the process that it began with */
	uint64_t start_ns;
	struct alive *alive;
	size_t alive_count;
};

enum {
	COLUMN_ID,
	COLUMN_RUN,
	COLUMN_RECORD,
	COLUMN_BEGUN,
	COLUMN_ORIGIN,
	COLUMN_PERSON,
	COLUMN_USER,
	COLUMN_REASON,
	COLUMN_COMMAND,
	COLUMN_LOGIN,
	COLUMN_PID,
	COLUMN_START,
	COLUMN_BEGIN,
	COLUMN_END,
	COLUMN_LAST,
	COLUMN_STATUS,
	COLUMN_BOOT,
	COLUMN_UNWATCHED
};

static bool is_change(const void *entry, const void *key)
{
	return !strcmp(((const struct change *)entry)->key, key);
}

static void change_free(struct change *change)
{
	if (!change)
		return;
	free(change->key);
	free(change->id);
	free(change->alive);
	free(change);
}

static bool any(const struct change *change)
{
	(void)change;
	return true;
}

static bool may_be_others(const struct change *change)
{
	return change->begun || change->end_ns;
}

/* Those that `which` names. Others stay: whoever began them is at work here, and nowhere else. */
static void drop(struct state *state, bool (*which)(const struct change *change))
{
	struct table kept = TABLE_INIT(is_change);
	struct change *change;
	size_t cursor = 0;

	while ((change = table_next(&state->changes, &cursor))) {
		if (which(change) || table_insert(&kept, hash_text(change->key), change))
			change_free(change);
	}
	table_free(&state->changes);
	state->changes = kept;
}

void changes_drop(struct state *state)
{
	drop(state, any);
}

void changes_drop_others(struct state *state)
{
	drop(state, may_be_others);
}

static int flush(struct state *state, struct change *change)
{
	int status = sql_run(state, SQL_CHANGE_SEEN, sql_text(change->id), sql_number(change->run),
			     sql_number(change->record.last_ns), sql_number(change->end_ns),
			     sql_number((uint64_t)(int64_t)change->status), sql_number(change->unwatched_ns));

	return status ? status : record_flush(state, &change->record);
}

int changes_flush(struct state *state)
{
	struct change *change;
	size_t cursor = 0;
	int status = 0;

	while (!status && (change = table_next(&state->changes, &cursor))) {
		if (change->record.dirty)
			status = flush(state, change);
	}
	if (!status && state->changes.count > AT_WORK_MAX)
		changes_drop_others(state);
	return status;
}

int changes_unwatched(struct state *state, uint64_t since_ns)
{
	return sql_run(state, SQL_CHANGE_UNWATCHED, sql_number(since_ns));
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size > end_size && !strcmp(text + size - end_size, end);
}

static const char *origin_of(const struct change *change, const char *id)
{
	if (change->of_session)
		return "session";
	return ends_with(id, ".service") ? "unit" : "declared";
}

/* A new run, which this event begins. */
static int insert(struct state *state, const char *id, const struct event *event, struct change *change)
{
	const char *user = *event->login_user ? event->login_user : event->user;
	uint64_t run = 0;
	int status = record_new(state, &change->record);

	if (!status)
		status = sql_run(state, SQL_CHANGE_NEW, sql_text(id), sql_number(change->record.number), sql_number(0),
				 sql_text(origin_of(change, id)), sql_text(event->person), sql_text(user), sql_text(""),
				 sql_text(""), sql_text(event->login), sql_number(event->pid),
				 sql_number(event->start_ns), sql_number(event->time_ns), sql_text(state->boot));
	if (!status)
		status = sql_get_number(state, SQL_CHANGE_LATEST_RUN, SQL_VALUES(sql_text(id)), &run);
	free(change->id);
	change->id = strdup(id);
	change->run = run;
	change->begun = change->other_boot = false;
	change->has_login = *event->login != '\0';
	change->begin_ns = event->time_ns;
	change->end_ns = change->unwatched_ns = 0;
	change->status = -1;
	change->pid = event->pid;
	change->start_ns = event->start_ns;
	change->alive_count = 0;
	change->record.dirty = true;
	return status || change->id ? status : -ENOMEM;
}

/* 1; 0 where the statement has no row. */
static int load(struct state *state, sqlite3_stmt *statement, struct change *change)
{
	int status = sql_step(state, statement);
	uint64_t number;

	if (status <= 0)
		return status;
	free(change->id);
	change->id = strdup(sql_column_text(statement, COLUMN_ID));
	change->run = sql_column_number(statement, COLUMN_RUN);
	change->begun = sql_column_number(statement, COLUMN_BEGUN) != 0;
	change->other_boot = !state_is_boot(state, sql_column_text(statement, COLUMN_BOOT));
	change->begin_ns = sql_column_number(statement, COLUMN_BEGIN);
	change->end_ns = sql_column_number(statement, COLUMN_END);
	change->unwatched_ns = sql_column_number(statement, COLUMN_UNWATCHED);
	change->status = (int)sql_column_number(statement, COLUMN_STATUS);
	change->pid = (uint32_t)sql_column_number(statement, COLUMN_PID);
	change->start_ns = sql_column_number(statement, COLUMN_START);
	change->has_login = *sql_column_text(statement, COLUMN_LOGIN) != '\0';
	number = sql_column_number(statement, COLUMN_RECORD);
	sql_done(statement);
	if (!change->id)
		return -ENOMEM;
	status = record_load(state, &change->record, number);
	return status ? status : 1;
}

/* Does this event begin another run than the latest? Only a program that starts can. */
static bool begins_run(const struct change *change, const struct event *event)
{
	if (change->begun || change->of_session || event->kind != EVENT_EXEC || event->flags & EVENT_FLAG_EXISTING)
		return false;
	if (change->end_ns)
		return event->time_ns > change->end_ns + GAP_NS;
	return change->other_boot || (change->unwatched_ns && !change->alive_count);
}

/* Processes: a unit's run lasts as long as it has any. */

static size_t find_alive(const struct change *change, uint32_t pid, uint64_t start_ns)
{
	size_t i = 0;

	while (i < change->alive_count && (change->alive[i].pid != pid || change->alive[i].start_ns != start_ns))
		i++;
	return i;
}

static int add_alive(struct change *change, const struct event *event)
{
	struct alive *larger;

	change->end_ns = 0;
	change->unwatched_ns = 0;
	if (change->alive_count == ALIVE_MAX || find_alive(change, event->pid, event->start_ns) < change->alive_count)
		return 0;
	larger = realloc(change->alive, (change->alive_count + 1) * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	change->alive = larger;
	larger[change->alive_count++] = (struct alive) { .pid = event->pid, .start_ns = event->start_ns };
	return 0;
}

static void remove_alive(struct change *change, const struct event *event)
{
	size_t at = find_alive(change, event->pid, event->start_ns);

	if (at == change->alive_count)
		return;
	change->alive[at] = change->alive[--change->alive_count];
	if (!change->alive_count)
		change->end_ns = event->time_ns;
}

static int exit_status_of(const struct event *event)
{
	return event->exit_signal ? 128 + (int)(event->exit_signal & 127) : (int)(event->exit_code & 255);
}

/* Keeps begin, end and status of a run that nobody declared. */
static int follow(struct change *change, const struct event *event)
{
	if (change->begun)
		return 0;
	if (change->of_session) {
		if (event->kind == EVENT_LOGOUT)
			change->end_ns = event->time_ns;
		change->unwatched_ns = 0;
		return 0;
	}
	if (event->kind == EVENT_EXEC && event->context.kind == CONTEXT_CHANGE)
		return add_alive(change, event);
	if (event->kind == EVENT_EXIT && event->pid == change->pid && event->start_ns == change->start_ns)
		change->status = exit_status_of(event);
	if (event->kind == EVENT_EXIT || (event->kind == EVENT_CONTEXT && event->context.kind != CONTEXT_CHANGE))
		remove_alive(change, event);
	return 0;
}

/* What a service does that a change started is the service's, but for its start. */
static bool is_of_service(const struct event *event)
{
	return event->context.kind == CONTEXT_SERVICE;
}

static bool is_start(const struct event *event)
{
	return event->kind == EVENT_EXEC || event->kind == EVENT_LISTEN || event->kind == EVENT_CONTEXT;
}

/* In whose session it is done, from the first event that says so. */
static int note_who(struct state *state, struct change *change, const struct event *event)
{
	if (change->has_login || !*event->login || is_of_service(event))
		return 0;
	change->has_login = true;
	return sql_run(state, SQL_CHANGE_WHO, sql_text(change->id), sql_number(change->run), sql_text(event->person),
		       sql_text(event->login));
}

static int record_into(struct state *state, struct change *change, const struct event *event)
{
	int status;

	if (is_of_service(event) && change->end_ns && event->time_ns > change->end_ns + SERVICE_NS)
		return 0;
	status = note_who(state, change, event);
	if (!status)
		status = follow(change, event);
	return status ? status : record_event(state, &change->record, event, event->flags & EVENT_FLAG_ORPHAN);
}

/* An event of before the run that is at work: of an earlier one, loaded for this only. */
static int record_earlier(struct state *state, const char *id, const struct event *event)
{
	struct change earlier = { 0 };
	int status = load(state, sql_start(state, SQL_CHANGE_AT, sql_text(id), sql_number(event->time_ns)), &earlier);

	if (status > 0)
		status = record_into(state, &earlier, event);
	if (!status && earlier.record.dirty)
		status = flush(state, &earlier);
	free(earlier.id);
	free(earlier.alive);
	return status;
}

/* The latest run into the table; 0 where there is none and this event makes none. */
static int load_latest(struct state *state, const char *id, const char *key, const struct event *event,
		       struct change **out)
{
	bool of_session = !strncmp(id, "session:", strlen("session:"));
	struct change *change = calloc(1, sizeof(*change));
	int status = -ENOMEM;

	if (change)
		change->key = strdup(key);
	if (change && change->key) {
		change->of_session = of_session;
		status = load(
			state,
			sql_start(state, SQL_CHANGE_LATEST, sql_text(id), sql_text(of_session ? event->login : NULL)),
			change);
	}
	if (!status && !is_of_service(event)) {
		status = insert(state, id, event, change);
		status = status ? status : 1;
	}
	if (status > 0 && table_insert(&state->changes, hash_text(key), change))
		status = -ENOMEM;
	if (status <= 0)
		change_free(change);
	else
		*out = change;
	return status;
}

static int get(struct state *state, const char *id, const struct event *event, struct change **out)
{
	struct buffer key = BUFFER_INIT(65536);
	int status = 1;

	buffer_printf(&key, "%s\n%s", id, strncmp(id, "session:", strlen("session:")) ? "" : event->login);
	*out = table_find(&state->changes, hash_text(buffer_string(&key)), buffer_string(&key));
	if (key.failed)
		status = -ENOMEM;
	else if (!*out)
		status = load_latest(state, id, buffer_string(&key), event, out);
	buffer_free(&key);
	return status;
}

int change_event(struct state *state, const char *id, const struct event *event)
{
	struct change *change = NULL;
	int status;

	if (is_of_service(event) && !is_start(event))
		return 0;
	status = get(state, id, event, &change);
	if (status <= 0)
		return status;
	if (change->begun && event->time_ns < change->begin_ns)
		return record_earlier(state, id, event);
	if (!is_of_service(event) && begins_run(change, event)) {
		if (change->record.dirty)
			status = flush(state, change);
		if (status >= 0)
			status = insert(state, id, event, change);
		if (status < 0)
			return status;
	}
	return record_into(state, change, event);
}

/* Declared changes. */

/* When the process started, in ticks since boot; 0 for none. With its pid that names it. */
static uint64_t started(uint32_t pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;
	const char *rest;
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	size = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	rest = strrchr(text, ')'); /* the name before it may hold anything */
	if (!rest ||
	    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &start) != 1)
		return 0;
	return start;
}

static int begin(struct state *state, const struct state_change *change, uint64_t *run)
{
	struct record record;
	int status = state_write(state);

	if (!status)
		status = record_new(state, &record);
	if (!status)
		status = sql_run(state, SQL_CHANGE_NEW, sql_text(change->id), sql_number(record.number), sql_number(1),
				 sql_text("declared"), sql_text(change->person), sql_text(change->user),
				 sql_text(change->reason), sql_text(change->command), sql_text(change->login),
				 sql_number(change->pid), sql_number(started(change->pid)), sql_number(state_now()),
				 sql_text(state->boot));
	return status ? status : sql_get_number(state, SQL_CHANGE_LATEST_RUN, SQL_VALUES(sql_text(change->id)), run);
}

int state_change_begin(struct state *state, const struct state_change *change, uint64_t *run)
{
	uint64_t made = 0;
	int status = begin(state, change, &made);

	if (status && !state->broken)
		(void)state_take_back(state, status);
	status = state_commit(state);
	if (!status)
		*run = made;
	return status;
}

int state_change_end(struct state *state, const char *id, uint64_t run, int exit_status)
{
	int status = state_write(state);

	if (!status)
		status = sql_run(state, SQL_CHANGE_END, sql_text(id), sql_number(run), sql_number(state_now()),
				 sql_number((uint64_t)exit_status));
	if (status && !state->broken)
		(void)state_take_back(state, status);
	return state_commit(state);
}

/* To be shown. */

static enum state_end end_of(struct state *state, sqlite3_stmt *row, struct state_change *change)
{
	const char *boot = sql_column_text(row, COLUMN_BOOT);
	uint64_t start = sql_column_number(row, COLUMN_START);

	if (!sql_column_number(row, COLUMN_BEGUN))
		return state_end_of(state, change->end_ns, boot, sql_column_number(row, COLUMN_UNWATCHED),
				    &change->watched_ns);
	change->watched_ns = change->last_ns;
	if (change->end_ns)
		return STATE_ENDED;
	if (!state_is_boot(state, boot))
		return STATE_REBOOTED;
	return start && started(change->pid) == start ? STATE_OPEN : STATE_UNWATCHED;
}

static int read_row(struct state *state, sqlite3_stmt *row, struct state_change *change)
{
	struct record record;
	int status = record_load(state, &record, sql_column_number(row, COLUMN_RECORD));

	*change = (struct state_change) {
		.id = sql_column_text(row, COLUMN_ID),
		.run = sql_column_number(row, COLUMN_RUN),
		.origin = sql_column_text(row, COLUMN_ORIGIN),
		.person = sql_column_text(row, COLUMN_PERSON),
		.user = sql_column_text(row, COLUMN_USER),
		.reason = sql_column_text(row, COLUMN_REASON),
		.command = sql_column_text(row, COLUMN_COMMAND),
		.login = sql_column_text(row, COLUMN_LOGIN),
		.pid = (uint32_t)sql_column_number(row, COLUMN_PID),
		.begin_ns = sql_column_number(row, COLUMN_BEGIN),
		.end_ns = sql_column_number(row, COLUMN_END),
		.last_ns = sql_column_number(row, COLUMN_LAST),
		.exit_status = (int)sql_column_number(row, COLUMN_STATUS),
		.tally = record.tally,
	};
	change->end = end_of(state, row, change);
	return status;
}

int state_changes(struct state *state, state_change_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start_with(state, SQL_CHANGE_EACH, NULL, 0);
	struct state_change change;
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		status = read_row(state, statement, &change);
		if (!status)
			status = visit(to, &change);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}

static int not_there(struct state *state, const char *id, uint64_t run)
{
	if (run)
		return error_set(&state->error, -ENOENT,
				 "there is no run %llu of a change %s: `sombrero change list` lists them",
				 (unsigned long long)run, id);
	return error_set(&state->error, -ENOENT, "there is no change %s: `sombrero change list` lists them", id);
}

int state_change_find(struct state *state, const char *id, uint64_t run, state_change_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start(state, SQL_CHANGE_FIND, sql_text(id), sql_number(run));
	struct state_change change;
	int status = sql_step(state, statement);

	if (status <= 0)
		return status ? status : not_there(state, id, run);
	status = read_row(state, statement, &change);
	if (!status)
		status = visit(to, &change);
	sql_done(statement);
	return status;
}

/* By a statement of its own: who visits a change asks for its events. */
int state_change_events(struct state *state, const char *id, uint64_t run, state_line_visitor visit, void *to)
{
	uint64_t number = 0;
	int status = sql_get_number(state, SQL_CHANGE_RECORD, SQL_VALUES(sql_text(id), sql_number(run)), &number);

	if (!status && !number)
		return not_there(state, id, run);
	return status ? status : record_each(state, number, visit, to);
}
