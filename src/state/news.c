/* SPDX-License-Identifier: Apache-2.0 */
/* What the services that a change brought did, and their models did not know. */
#include "state/state_priv.h"

static int has_room(struct state *state, const char *id, uint64_t run, const char *context, const char *line)
{
	uint64_t known = 0, count = 0;
	int status =
		sql_get_number(state, SQL_NEWS_FIND,
			       SQL_VALUES(sql_text(id), sql_number(run), sql_text(context), sql_text(line)), &known);

	if (!status && !known)
		status = sql_get_number(state, SQL_NEWS_COUNT, SQL_VALUES(sql_text(id), sql_number(run)), &count);
	return status ? status : known || count < STATE_NEWS_MAX;
}

static int add(struct state *state, const struct event *event, const char *context, const char *line)
{
	uint64_t run = 0;
	int status = sql_get_number(state, SQL_CHANGE_RUN_AT,
				    SQL_VALUES(sql_text(event->change), sql_number(event->time_ns)), &run);

	if (status || !run) /* it was forgotten */
		return status;
	status = has_room(state, event->change, run, context, line);
	if (status < 0)
		return status;
	if (!status)
		context = line = "";
	state->added += strlen(context) + strlen(line);
	return sql_run(state, SQL_NEWS_ADD, sql_text(event->change), sql_number(run), sql_text(context), sql_text(line),
		       sql_number(event->time_ns));
}

int state_change_news(struct state *state, const struct event *event, const char *context, const char *line)
{
	int status;

	if (!*event->change || *change_of_act(event) || !*line)
		return 0;
	status = state_write(state);
	if (!status)
		status = add(state, event, context, line);
	return status && !state->broken ? state_take_back(state, status) : status;
}

int state_change_news_each(struct state *state, const char *id, uint64_t run, state_news_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start(state, SQL_NEWS_EACH, sql_text(id), sql_number(run));
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		const struct state_news news = { .context = sql_column_text(statement, 0),
						 .line = sql_column_text(statement, 1),
						 .first_ns = sql_column_number(statement, 2),
						 .count = sql_column_number(statement, 3) };

		status = visit(to, &news);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}
