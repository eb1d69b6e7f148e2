/* SPDX-License-Identifier: Apache-2.0 */
/* What goes by its age, and what goes for room. Looked at when the state is opened, once an hour, and when much was added. */
#include <stdio.h>

#include "state/state_priv.h"

#define HOUR_NS     3600000000000ULL
#define MUCH_BYTES  (16U * 1024 * 1024)
#define ANY_TIME_NS ((uint64_t)INT64_MAX)

static bool is_due(const struct state *state, uint64_t now)
{
	return state->over || !state->tidied_ns || now - state->tidied_ns > HOUR_NS || state->added > MUCH_BYTES;
}

static int change_forget(struct state *state, const char *id, uint64_t run)
{
	int status = sql_run(state, SQL_CHANGE_FORGET, sql_text(id), sql_number(run));

	return status ? status : sql_run(state, SQL_NEWS_FORGET, sql_text(id), sql_number(run));
}

/* The session or run that was seen least lately, if before then, and that does not go on. 1: one went; 0: there is none. */
static int forget_oldest(struct state *state, uint64_t before_ns)
{
	sqlite3_stmt *statement = sql_start(state, SQL_OLDEST, sql_text(state->boot), sql_number(before_ns));
	int status = sql_step(state, statement);
	uint64_t run;

	if (status <= 0)
		return status;
	run = sql_column_number(statement, 1);
	status = record_forget(state, sql_column_number(statement, 2));
	if (!status && run)
		status = change_forget(state, sql_column_text(statement, 0), run);
	else if (!status)
		status = sql_run(state, SQL_SESSION_FORGET, sql_text(sql_column_text(statement, 0)));
	sql_done(statement);
	return status ? status : 1;
}

/* A sombrero that came off long ago, with its paths. 1, 0. */
static int forget_sombrero(struct state *state, uint64_t before_ns)
{
	uint64_t number = 0;
	int status = sql_get_number(state, SQL_SOMBRERO_OLD, SQL_VALUES(sql_number(before_ns)), &number);

	if (status || !number)
		return status;
	status = sql_run(state, SQL_TOUCH_FORGET, sql_number(number));
	if (!status)
		status = sql_run(state, SQL_SOMBRERO_FORGET, sql_number(number));
	return status ? status : 1;
}

static int forget_aged(struct state *state, uint64_t before_ns)
{
	int status;

	while ((status = forget_oldest(state, before_ns)) > 0)
		;
	while (!status && (status = forget_sombrero(state, before_ns)) > 0)
		;
	if (!status)
		status = sql_run_with(state, SQL_WRITTEN_TIDY, NULL, 0);
	return status ? status : sql_run(state, SQL_FAILED_FORGET_OLD, sql_number(before_ns));
}

static int forget_for_room(struct state *state)
{
	uint64_t size = 0;
	int status = sql_get_number(state, SQL_PAGES, NULL, 0, &size);

	while (!status && size > state->limits.size_bytes) {
		status = forget_oldest(state, ANY_TIME_NS);
		if (status <= 0)
			return status; /* the rest is the baseline, and what goes on */
		status = sql_get_number(state, SQL_PAGES, NULL, 0, &size);
	}
	return status;
}

/* Runs within the transaction of a commit, and before it writes what is at work. */
int retention_tidy(struct state *state)
{
	uint64_t now = state_now(), age_ns = state->limits.age_seconds * 1000000000U;
	int status;

	if (!is_due(state, now))
		return 0;
	status = state_write(state);
	/* What is at work goes to the file first: it may be what goes. */
	if (!status)
		status = sessions_flush(state);
	if (!status)
		status = changes_flush(state);
	if (!status)
		status = forget_aged(state, now > age_ns ? now - age_ns : 0);
	if (!status)
		status = forget_for_room(state);
	if (status)
		return status;
	sessions_drop(state);
	changes_drop_others(state);
	state->failed_known = state->over = false;
	state->tidied_ns = now;
	state->added = 0;
	return 0;
}
