/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite as the state uses it: statements, values, errors, the transaction. What it is about is in the files beside this one. */
#include <errno.h>
#include <time.h>

#include "state/state_priv.h"

uint64_t state_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
		return -EBADMSG;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return -EACCES;
	default:
		return -EIO;
	}
}

static const char *advice(int status)
{
	switch (status) {
	case -ENOSPC:
		return "make room on that disk";
	case -EBUSY:
		return "another sombrero has been writing for long; try again";
	case -EBADMSG:
		return "it is damaged: move it away, with its -wal and -shm, and start again; the baseline is taken "
		       "anew then";
	case -EACCES:
		return "is it on a read-only disk, or run without root?";
	default:
		return "see the kernel's log";
	}
}

int state_failed(struct state *state, int code)
{
	int status = errno_of(code);

	return error_set(&state->error, status, "%s: %s; %s", state->path,
			 state->database ? sqlite3_errmsg(state->database) : sqlite3_errstr(code), advice(status));
}

static int bind(sqlite3_stmt *statement, int position, const struct sql_value *value)
{
	switch (value->type) {
	case SQL_IS_TEXT:
		if (!value->bytes)
			return sqlite3_bind_null(statement, position);
		return sqlite3_bind_text64(statement, position, value->bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_IS_BYTES:
		return sqlite3_bind_blob64(statement, position, value->size ? value->bytes : "", value->size,
					   SQLITE_STATIC);
	case SQL_IS_NUMBER:
		return sqlite3_bind_int64(statement, position, value->number);
	}
	return SQLITE_MISUSE;
}

static sqlite3_stmt *prepared(struct state *state, enum sql_statement which)
{
	int code = SQLITE_OK;

	if (!state->statement[which])
		code = sqlite3_prepare_v3(state->database, sql_text_of[which], -1, SQLITE_PREPARE_PERSISTENT,
					  &state->statement[which], NULL);
	if (code == SQLITE_OK)
		return state->statement[which];
	(void)state_failed(state, code);
	return NULL;
}

sqlite3_stmt *sql_start_with(struct state *state, enum sql_statement which, const struct sql_value *values,
			     size_t count)
{
	sqlite3_stmt *statement = prepared(state, which);

	if (!statement)
		return NULL;
	sql_done(statement);
	for (size_t i = 0; i < count; i++) {
		int code = bind(statement, (int)i + 1, &values[i]);

		if (code != SQLITE_OK) {
			(void)state_failed(state, code);
			return NULL;
		}
	}
	return statement;
}

void sql_done(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement); /* they are borrowed */
}

int sql_step(struct state *state, sqlite3_stmt *statement)
{
	int code = statement ? sqlite3_step(statement) : SQLITE_OK, status = 0;

	if (!statement)
		return errno_of(sqlite3_errcode(state->database));
	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		status = state_failed(state, code);
	sql_done(statement);
	return status;
}

int sql_run_with(struct state *state, enum sql_statement which, const struct sql_value *values, size_t count)
{
	sqlite3_stmt *statement = sql_start_with(state, which, values, count);
	int status = sql_step(state, statement);

	if (status > 0)
		sql_done(statement);
	return status < 0 ? status : 0;
}

const char *sql_column_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

uint64_t sql_column_number(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

int sql_get_number(struct state *state, enum sql_statement which, const struct sql_value *values, size_t count,
		   uint64_t *out)
{
	sqlite3_stmt *statement = sql_start_with(state, which, values, count);
	int status = sql_step(state, statement);

	if (status < 0)
		return status;
	*out = status ? sql_column_number(statement, 0) : 0;
	if (status)
		sql_done(statement);
	return 0;
}

uint64_t sql_changed(const struct state *state)
{
	return (uint64_t)sqlite3_changes64(state->database);
}

int meta_get(struct state *state, const char *name, uint64_t *number)
{
	return sql_get_number(state, SQL_META_GET, SQL_VALUES(sql_text(name)), number);
}

int meta_put(struct state *state, const char *name, uint64_t number)
{
	return sql_run(state, SQL_META_PUT, sql_text(name), sql_number(number));
}

/* What is in memory may not be what is in the file. */
static void drop_memory(struct state *state)
{
	sessions_drop(state);
	changes_drop(state);
	state->outbox_known = state->failed_known = false;
}

/* Others may have written between our transactions, never within one. */
static int notice_others(struct state *state)
{
	uint64_t version = 0;
	int status = sql_get_number(state, SQL_DATA_VERSION, NULL, 0, &version);

	if (!status && (int)version != state->data_version) {
		sessions_drop(state);
		changes_drop_others(state);
		state->outbox_known = state->failed_known = false;
		state->data_version = (int)version;
	}
	return status;
}

int state_write(struct state *state)
{
	int status;

	if (state->broken)
		return state->broken;
	if (state->writing)
		return 0;
	if (state->mode == STATE_READ)
		return error_set(&state->error, -EROFS, "%s was opened to be read", state->path);
	status = sql_run_with(state, SQL_BEGIN, NULL, 0);
	if (status)
		return state_take_back(state, status);
	state->writing = true;
	status = notice_others(state);
	return status ? state_take_back(state, status) : 0;
}

int state_take_back(struct state *state, int status)
{
	struct error why = state->error;

	if (state->writing && !sqlite3_get_autocommit(state->database))
		(void)sql_run_with(state, SQL_ROLLBACK, NULL, 0);
	state->writing = false;
	drop_memory(state);
	if (!state->broken)
		state->broken = status;
	state->error = why;
	return status;
}

/* A watch says now and then that it is there, so that a killed one is known to have been there until then. */
#define BEAT_NS 30000000000ULL

static int beat(struct state *state)
{
	uint64_t now = state_now();
	int status = 0;

	if (state->mode != STATE_WATCH || (!state->writing && now - state->beat_ns < BEAT_NS))
		return 0;
	status = state_write(state);
	if (!status)
		status = meta_put(state, "watched", now);
	if (!status)
		state->beat_ns = now;
	return status;
}

static int finish(struct state *state)
{
	int status = beat(state);

	if (!status && state->mode != STATE_READ)
		status = retention_tidy(state);
	if (status || !state->writing)
		return status;
	status = sessions_flush(state);
	if (!status)
		status = changes_flush(state);
	return status ? status : sql_run_with(state, SQL_COMMIT, NULL, 0);
}

int state_commit(struct state *state)
{
	int status = state->broken ? state->broken : finish(state);

	if (status)
		(void)state_take_back(state, status);
	state->broken = 0;
	state->writing = false;
	return status;
}

const char *state_error(const struct state *state)
{
	return state->error.text;
}
