/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sombrero: which paths were touched by hand, and which of them a change has rewritten since. When none is left it comes off. The database
 * alone knows; a host without one pays one look a file event of a change.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "state/state_priv.h"

/* How long a text is kept: paths and programs fit. */
#define TEXT_MAX 8192

/* The one that is on. */
struct worn {
	uint64_t number, touched, waiting, untold;
};

/* 1 and *worn; 0: none is on. */
static int get_worn(struct state *state, struct worn *worn)
{
	sqlite3_stmt *statement = sql_start_with(state, SQL_SOMBRERO_ON, NULL, 0);
	int status = sql_step(state, statement);

	if (status <= 0)
		return status;
	*worn = (struct worn) {
		.number = sql_column_number(statement, 0),
		.touched = sql_column_number(statement, 1),
		.waiting = sql_column_number(statement, 2),
		.untold = sql_column_number(statement, 3),
	};
	sql_done(statement);
	return 1;
}

static int count(struct state *state, const struct worn *worn)
{
	return sql_run(state, SQL_SOMBRERO_COUNT, sql_number(worn->number), sql_number(worn->touched),
		       sql_number(worn->waiting), sql_number(worn->untold));
}

static int put_on(struct state *state, const struct event *event, struct worn *worn)
{
	int status = sql_run(state, SQL_SOMBRERO_NEW, sql_number(event->time_ns));

	*worn = (struct worn) { .number = (uint64_t)sqlite3_last_insert_rowid(state->database) };
	return status;
}

/* A path in a container is not the host's of that name. NULL where memory ran out or it is absurdly long. */
static const char *name_of(struct buffer *out, const struct event *event, const char *path)
{
	buffer_clear(out);
	if (*event->file_container)
		buffer_printf(out, "%s:", event->file_container);
	buffer_text(out, path);
	return out->failed ? NULL : buffer_string(out);
}

/* 1: known and not rewritten; 2: known and rewritten; 0: not known. */
static int known(struct state *state, uint64_t number, const char *name)
{
	sqlite3_stmt *statement = sql_start(state, SQL_TOUCH_GET, sql_number(number), sql_path(name));
	int status = sql_step(state, statement);

	if (status > 0) {
		status = sql_column_number(statement, 0) ? 2 : 1;
		sql_done(statement);
	}
	return status;
}

static int touch(struct state *state, const struct event *event, const char *rule, const char *path, struct worn *worn)
{
	struct buffer name_buffer = BUFFER_INIT(TEXT_MAX), context = BUFFER_INIT(TEXT_MAX);
	const char *name = name_of(&name_buffer, event, path);
	int status = name ? known(state, worn->number, name) : 0;

	buffer_printf(&context, "%s%s%s", context_kind_name(event->context.kind), *event->context.name ? " " : "",
		      event->context.name);
	if (!name || (!status && worn->touched >= state->limits.touched)) {
		worn->untold++;
		status = 0;
	} else if (status >= 0) {
		worn->waiting += status != 1;
		worn->touched += status == 0;
		status = sql_run(state, status ? SQL_TOUCH_UPDATE : SQL_TOUCH_NEW, sql_number(worn->number),
				 sql_path(name), sql_number(1U << event->kind), sql_number(event->time_ns),
				 sql_text(event_kind_name(event->kind)), sql_text(event->person),
				 sql_text(*event->login_user ? event->login_user : event->user),
				 sql_text(event->program.text), sql_text(event->login),
				 sql_text(buffer_string(&context)), sql_text(rule));
	}
	buffer_free(&name_buffer);
	buffer_free(&context);
	return status;
}

/* 1: it went on by this. */
static int put(struct state *state, const struct event *event, const char *rule)
{
	struct worn worn = { 0 };
	int on = get_worn(state, &worn), status = on;

	if (!on)
		status = put_on(state, event, &worn);
	if (status >= 0)
		status = touch(state, event, rule, event->path, &worn);
	if (!status && event->kind == EVENT_RENAME && *event->path_before)
		status = touch(state, event, rule, event->path_before, &worn);
	if (!status)
		status = count(state, &worn);
	return status < 0 ? status : !on;
}

int state_sombrero_put(struct state *state, const struct event *event, const char *rule)
{
	int status = event_is_file(event) && *event->path ? state_write(state) : -EINVAL;

	if (status)
		return status;
	status = put(state, event, rule);
	return status < 0 ? state_take_back(state, status) : status;
}

/* Kinds of touch that this kind of event does not undo: who only sets a file's mode has not written it anew. */
static uint64_t not_undone_by(enum event_kind kind)
{
	return kind == EVENT_ATTRIBUTES ? ~(1ULL << EVENT_ATTRIBUTES) : 0;
}

/* What went with a directory that was removed or renamed, too. */
static int rewrite(struct state *state, const struct event *event, const char *change, const char *path,
		   struct worn *worn)
{
	struct buffer name_buffer = BUFFER_INIT(TEXT_MAX), first = BUFFER_INIT(TEXT_MAX), end = BUFFER_INIT(TEXT_MAX);
	const char *name = name_of(&name_buffer, event, path);
	int status = 0;

	buffer_printf(&first, "%s/", buffer_string(&name_buffer));
	buffer_printf(&end, "%s0", buffer_string(&name_buffer)); /* what comes after "/" */
	if (name && !first.failed && !end.failed) {
		status = sql_run(state, SQL_TOUCH_REWRITTEN, sql_number(worn->number), sql_path(name),
				 sql_number(event->time_ns), sql_text(change), sql_number(not_undone_by(event->kind)));
		if (!status)
			worn->waiting -= sql_changed(state);
		if (!status && (event->kind == EVENT_REMOVE || event->kind == EVENT_RENAME)) {
			status = sql_run(state, SQL_TOUCH_REWRITTEN_BELOW, sql_number(worn->number),
					 sql_path(buffer_string(&first)), sql_path(buffer_string(&end)),
					 sql_number(event->time_ns), sql_text(change));
			worn->waiting -= status ? 0 : sql_changed(state);
		}
	}
	buffer_free(&name_buffer);
	buffer_free(&first);
	buffer_free(&end);
	return status;
}

static int take_off(struct state *state, uint64_t number, const char *how, const char *reason, const char *person)
{
	return sql_run(state, SQL_SOMBRERO_OFF, sql_number(number), sql_number(state_now()), sql_text(how),
		       sql_text(reason), sql_text(person));
}

/* 1: it is off by this. */
static int rewritten(struct state *state, const struct event *event, const char *change, struct worn *worn)
{
	uint64_t waited = worn->waiting;
	int status = rewrite(state, event, change, event->path, worn);

	if (!status && event->kind == EVENT_RENAME && *event->path_before)
		status = rewrite(state, event, change, event->path_before, worn);
	if (status || worn->waiting == waited)
		return status;
	status = count(state, worn);
	if (status || worn->waiting || worn->untold)
		return status;
	status = take_off(state, worn->number, "rewritten", change, event->person);
	return status ? status : 1;
}

const char *change_of_act(const struct event *event)
{
	if (event->context.kind == CONTEXT_CHANGE)
		return *event->change ? event->change : event->context.name;
	return event->context.kind == CONTEXT_SESSION ? event->change : "";
}

int state_sombrero_rewritten(struct state *state, const struct event *event)
{
	const char *change = change_of_act(event);
	struct worn worn = { 0 };
	int status;

	if (!event_is_file(event) || !*event->path || !*change)
		return 0;
	status = state->broken ? state->broken : get_worn(state, &worn);
	if (status > 0)
		status = state_write(state);
	else
		return status;
	if (!status)
		status = get_worn(state, &worn); /* now that nobody else can write */
	if (status > 0)
		status = rewritten(state, event, change, &worn);
	return status < 0 && !state->broken ? state_take_back(state, status) : status;
}

int state_sombrero_off(struct state *state, const char *reason, const char *person)
{
	struct worn worn = { 0 };
	int status = state_write(state);

	if (!status)
		status = get_worn(state, &worn);
	if (status > 0) {
		status = take_off(state, worn.number, "by hand", reason, person);
		status = status ? status : 1;
	}
	return status < 0 && !state->broken ? state_take_back(state, status) : status;
}

/* To be shown. */

static enum event_kind kind_named(const char *name)
{
	for (int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		if (!strcmp(event_kind_name((enum event_kind)kind), name))
			return (enum event_kind)kind;
	}
	return EVENT_WRITE;
}

static void read_touch(sqlite3_stmt *row, struct buffer *path, struct state_touch *touched)
{
	buffer_clear(path);
	buffer_append(path, sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
	*touched = (struct state_touch) {
		.path = buffer_string(path),
		.kinds = (uint32_t)sql_column_number(row, 1),
		.count = sql_column_number(row, 2),
		.first_ns = sql_column_number(row, 3),
		.last_ns = sql_column_number(row, 4),
		.kind = kind_named(sql_column_text(row, 5)),
		.person = sql_column_text(row, 6),
		.user = sql_column_text(row, 7),
		.program = sql_column_text(row, 8),
		.login = sql_column_text(row, 9),
		.context = sql_column_text(row, 10),
		.rule = sql_column_text(row, 11),
		.rewritten_ns = sql_column_number(row, 12),
		.rewritten_by = sql_column_text(row, 13),
	};
}

static const struct state_touch no_touch = {
	.path = "",
	.person = "",
	.user = "",
	.program = "",
	.login = "",
	.context = "",
	.rule = "",
	.rewritten_by = "",
	.kind = EVENT_WRITE,
};

/* The row stays until its statement is used again, and with it what it lends. */
static int read_end(struct state *state, enum sql_statement which, uint64_t number, struct buffer *path,
		    struct state_touch *out)
{
	sqlite3_stmt *row = sql_start(state, which, sql_number(number));
	int status = sql_step(state, row);

	*out = no_touch;
	if (status > 0)
		read_touch(row, path, out);
	return status < 0 ? status : 0;
}

static int read_sombrero(struct state *state, sqlite3_stmt *row, struct state_sombrero *sombrero)
{
	int status;

	*sombrero = (struct state_sombrero) {
		.number = sql_column_number(row, 0),
		.on_ns = sql_column_number(row, 1),
		.off_ns = sql_column_number(row, 2),
		.off_how = sql_column_text(row, 3),
		.off_reason = sql_column_text(row, 4),
		.off_person = sql_column_text(row, 5),
		.touched = sql_column_number(row, 6),
		.waiting = sql_column_number(row, 7),
		.untold = sql_column_number(row, 8),
	};
	status = read_end(state, SQL_TOUCH_FIRST, sombrero->number, &state->found, &sombrero->first);
	return status ? status : read_end(state, SQL_TOUCH_LAST, sombrero->number, &state->target, &sombrero->last);
}

int state_sombreros(struct state *state, state_sombrero_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start_with(state, SQL_SOMBRERO_EACH, NULL, 0);
	struct state_sombrero sombrero;
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		status = read_sombrero(state, statement, &sombrero);
		if (!status)
			status = visit(to, &sombrero);
		for (enum sql_statement which = SQL_TOUCH_FIRST; which <= SQL_TOUCH_LAST; which++) {
			if (state->statement[which])
				sql_done(state->statement[which]);
		}
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}

int state_sombrero_touches(struct state *state, uint64_t number, state_touch_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start(state, SQL_TOUCH_EACH, sql_number(number));
	struct state_touch touched;
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		read_touch(statement, &state->walked, &touched);
		status = visit(to, &touched);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}
