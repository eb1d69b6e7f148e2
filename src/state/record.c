/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events kept whole, as their NDJSON lines, within bounds; beyond them only counted by kind. A line's number is its record's times 2^24 and its
 * place there, so that a record's lines lie together and need no index.
 */
#include <errno.h>

#include "event/ndjson.h"
#include "state/state_priv.h"

#define LINES_SHIFT 24
#define LINES_MAX   ((1ULL << LINES_SHIFT) - 1)

int record_new(struct state *state, struct record *record)
{
	int status = sql_run_with(state, SQL_RECORD_NEW, NULL, 0);

	if (status)
		return status;
	*record = (struct record) { .number = (uint64_t)sqlite3_last_insert_rowid(state->database) };
	return 0;
}

static int kind_of(const char *name)
{
	for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		const char *known = event_kind_name((enum event_kind)kind);

		if (known && !strcmp(known, name))
			return kind;
	}
	return -1;
}

static int load_tally(struct state *state, struct record *record)
{
	sqlite3_stmt *statement = sql_start(state, SQL_TALLY_EACH, sql_number(record->number));
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		int kind = kind_of(sql_column_text(statement, 0));

		if (kind < 0)
			continue;
		record->tally.seen[kind] = sql_column_number(statement, 1);
		record->tally.dropped[kind] = sql_column_number(statement, 2);
	}
	return status;
}

int record_load(struct state *state, struct record *record, uint64_t number)
{
	sqlite3_stmt *statement = sql_start(state, SQL_RECORD_GET, sql_number(number));
	int status = sql_step(state, statement);
	struct record loaded = { .number = number };

	if (status < 0)
		return status;
	if (!status)
		return error_set(&state->error, -EBADMSG,
				 "%s: record %llu is missing; it is damaged: move it away, and start again",
				 state->path, (unsigned long long)number);
	loaded.lines = sql_column_number(statement, 0);
	loaded.bytes = sql_column_number(statement, 1);
	loaded.tally.orphans = sql_column_number(statement, 2);
	sql_done(statement);
	status = load_tally(state, &loaded);
	if (!status)
		*record = loaded;
	return status;
}

/* What anybody makes thousands of leaves the last quarter of the room to changes of files and rights, and to logins. */
static bool is_cheap(const struct event *event)
{
	switch (event->kind) {
	case EVENT_EXEC:
	case EVENT_EXIT:
	case EVENT_CONNECT:
	case EVENT_ACCEPT:
	case EVENT_LISTEN:
	case EVENT_RAW:
		return true;
	default:
		return false;
	}
}

static uint64_t room_for(const struct event *event, uint64_t limit)
{
	return is_cheap(event) ? limit - limit / 4 : limit;
}

/* 1: kept; 0: there is no room for it. */
static int keep(struct state *state, struct record *record, const struct event *event, bool orphan)
{
	uint64_t bytes = room_for(event, state->limits.record_bytes);
	struct buffer *line = &state->line;
	int status;

	if (record->lines >= room_for(event, state->limits.record_lines) || record->lines >= LINES_MAX ||
	    record->bytes >= bytes)
		return 0;
	buffer_clear(line);
	ndjson_write(line, event);
	if (line->failed || record->bytes + line->size - 1 > bytes)
		return 0;
	status = sql_run(state, SQL_LINE_ADD, sql_number(record->number << LINES_SHIFT | record->lines),
			 sql_number(orphan), sql_bytes(line->data, line->size - 1)); /* without its newline */
	if (status)
		return status;
	record->lines++;
	record->bytes += line->size - 1;
	state->added += line->size - 1;
	return 1;
}

int record_event(struct state *state, struct record *record, const struct event *event, bool orphan)
{
	int kept = keep(state, record, event, orphan);

	if (kept < 0)
		return kept;
	record->tally.seen[event->kind]++;
	record->tally.dropped[event->kind] += !kept;
	record->tally.orphans += orphan;
	if (event->time_ns > record->last_ns)
		record->last_ns = event->time_ns;
	record->dirty = true;
	return 0;
}

int record_flush(struct state *state, struct record *record)
{
	int status = sql_run(state, SQL_RECORD_PUT, sql_number(record->number), sql_number(record->lines),
			     sql_number(record->bytes), sql_number(record->tally.orphans));

	for (int kind = 0; kind < EVENT_KIND_COUNT && !status; kind++) {
		const char *name = event_kind_name((enum event_kind)kind);

		if (name && record->tally.seen[kind])
			status = sql_run(state, SQL_TALLY_PUT, sql_number(record->number), sql_text(name),
					 sql_number(record->tally.seen[kind]), sql_number(record->tally.dropped[kind]));
	}
	if (!status)
		record->dirty = false;
	return status;
}

int record_forget(struct state *state, uint64_t number)
{
	int status = sql_run(state, SQL_LINE_FORGET, sql_number(number << LINES_SHIFT),
			     sql_number((number + 1) << LINES_SHIFT));

	if (!status)
		status = sql_run(state, SQL_TALLY_FORGET, sql_number(number));
	return status ? status : sql_run(state, SQL_RECORD_FORGET, sql_number(number));
}

int record_each(struct state *state, uint64_t number, state_line_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start(state, SQL_LINE_EACH, sql_number(number << LINES_SHIFT),
					    sql_number((number + 1) << LINES_SHIFT));
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		status = visit(to, (const char *)sqlite3_column_blob(statement, 1),
			       (size_t)sqlite3_column_bytes(statement, 1), sql_column_number(statement, 0) != 0);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}

/* What to keep. The change is told by its id where the event has one: a daemon that a change restarted is in a service's context. */
int state_record(void *to, const struct event *event)
{
	struct state *state = to;
	const char *change = *event->change                          ? event->change
			     : event->context.kind == CONTEXT_CHANGE ? event->context.name
								     : "";
	bool failed = event->kind == EVENT_LOGIN_FAILED;
	int status;

	/* What a service uses is told each minute, and is no deed of who started it. */
	if (event->kind <= 0 || event->kind >= EVENT_KIND_COUNT || event->kind == EVENT_USAGE ||
	    event->kind == EVENT_SCHEDULE)
		return 0;
	status = written_note(state, event);
	if (!status && !failed && !*event->login && !*change)
		return 0;
	if (!status)
		status = state_write(state);
	if (!status && failed)
		status = session_failed(state, event);
	if (!status && *event->login)
		status = session_event(state, event);
	if (!status && *change)
		status = change_event(state, change, event);
	return status && !state->broken ? state_take_back(state, status) : status;
}
