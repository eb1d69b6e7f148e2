/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a change has written last: a service that is started from one of them is explained by it. */
#include <stdio.h>

#include "state/state_priv.h"

static int forget(struct state *state, const char *path)
{
	return *path ? sql_run(state, SQL_WRITTEN_FORGET, sql_path(path)) : 0;
}

/* Until a change has written something nothing can be forgotten, and most hosts' files are written by no change. */
static int look_once(struct state *state)
{
	uint64_t count = 0;
	int status = state->written_known ? 0 : sql_get_number(state, SQL_WRITTEN_COUNT, NULL, 0, &count);

	if (!status && !state->written_known) {
		state->written_known = true;
		state->written_any = count > 0;
	}
	return status;
}

int written_note(struct state *state, const struct event *event)
{
	const char *change = change_of_act(event);
	int status = look_once(state);

	if (status || !event_is_file(event) || *event->file_container || (!*change && !state->written_any))
		return status;
	status = state_write(state);
	if (!status)
		status = forget(state, event->path_before);
	if (!status && (!*change || event->kind == EVENT_REMOVE))
		return forget(state, event->path);
	if (!status && event->kind != EVENT_ATTRIBUTES) {
		state->written_any = true;
		status = sql_run(state, SQL_WRITTEN_PUT, sql_path(event->path), sql_text(change));
	}
	return status;
}

const char *state_written_by(struct state *state, const char *path)
{
	sqlite3_stmt *statement;

	state->written_by[0] = '\0';
	if (look_once(state) || !state->written_any)
		return "";
	statement = sql_start(state, SQL_WRITTEN_GET, sql_path(path));
	if (sql_step(state, statement) > 0) {
		(void)snprintf(state->written_by, sizeof(state->written_by), "%s", sql_column_text(statement, 0));
		sql_done(statement);
	}
	return state->written_by;
}
