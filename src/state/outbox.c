/* SPDX-License-Identifier: Apache-2.0 */
/* What waits to be handed over. SQLite's AUTOINCREMENT keeps the numbers unique, also of lines long gone. */
#include <errno.h>

#include "state/state_priv.h"

static int count_once(struct state *state)
{
	int status = 0;

	if (!state->outbox_known)
		status = sql_get_number(state, SQL_OUTBOX_COUNT, NULL, 0, &state->outbox);
	state->outbox_known = !status;
	return status;
}

int state_outbox_add(struct state *state, const char *line, size_t size, uint64_t *number)
{
	int status = state_write(state);

	if (status)
		return status;
	status = count_once(state);
	if (!status && state->outbox >= STATE_OUTBOX_MAX)
		status = error_set(&state->error, -ENOSPC,
				   "%d findings wait for somebody to take them: there is no room for more",
				   STATE_OUTBOX_MAX);
	if (!status && size > STATE_OUTBOX_LINE)
		status = error_set(&state->error, -E2BIG, "a finding of %zu bytes can't be kept", size);
	if (!status)
		status = sql_run(state, SQL_OUTBOX_ADD, sql_bytes(line, size));
	if (status)
		return state_take_back(state, status);
	state->outbox++;
	*number = (uint64_t)sqlite3_last_insert_rowid(state->database);
	return 0;
}

/* A statement a line: whoever takes it may commit or add meanwhile. */
int state_outbox_each(struct state *state, uint64_t from, state_outbox_visitor visit, void *to)
{
	for (;;) {
		sqlite3_stmt *statement = sql_start(state, SQL_OUTBOX_NEXT, sql_number(from));
		int status = sql_step(state, statement);
		uint64_t number;

		if (status <= 0)
			return status;
		number = sql_column_number(statement, 0);
		buffer_clear(&state->line);
		buffer_append(&state->line, sqlite3_column_blob(statement, 1),
			      (size_t)sqlite3_column_bytes(statement, 1));
		sql_done(statement);
		if (state->line.failed)
			return error_set(&state->error, -ENOMEM, "out of memory");
		status = visit(to, number, buffer_string(&state->line), state->line.size);
		if (status)
			return status;
		from = number + 1;
	}
}

int state_outbox_remove(struct state *state, uint64_t number)
{
	int status = state_write(state);

	if (status)
		return status;
	status = sql_run(state, SQL_OUTBOX_REMOVE, sql_number(number));
	if (status)
		return state_take_back(state, status);
	if (state->outbox_known)
		state->outbox -= sql_changed(state);
	return 0;
}
