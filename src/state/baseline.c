/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of files: a row a path in the order of paths, so that a tree is a range and a walk one scan. What is known of a file is one
 * BLOB (facts.c), since nothing ever asks for a part of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "state/facts_priv.h"
#include "state/state_priv.h"

#define PATH_SIZE_MAX 65536

static int damaged(struct state *state)
{
	return error_set(&state->error, -EBADMSG,
			 "%s: a file's facts are not what sombrero writes; it is damaged: move it away, and start "
			 "again; the baseline "
			 "is taken anew then",
			 state->path);
}

/* The target goes into `text`. */
static int unpack(struct state *state, sqlite3_stmt *statement, int column, struct buffer *text,
		  struct baseline_file *file)
{
	size_t target_size = 0;
	const uint8_t *target = facts_unpack(sqlite3_column_blob(statement, column),
					     (size_t)sqlite3_column_bytes(statement, column), file, &target_size);

	if (!target)
		return damaged(state);
	if (!target_size)
		return 0;
	buffer_clear(text);
	buffer_append(text, target, target_size);
	file->target = buffer_string(text);
	return text->failed ? -ENOMEM : 0;
}

/* All that lies in a directory: paths from `first` on and before `end`. In "/" are all that begin with it, itself included. */
struct range {
	char *first, *end; /* `first` owns both */
};

static int range_below(struct state *state, const char *path, struct range *range)
{
	size_t size = strlen(path);
	char *both;

	if (!size || size > PATH_SIZE_MAX) {
		(void)error_set(&state->error, -ENAMETOOLONG, "a path of %zu bytes can't be kept", size);
		return -ENAMETOOLONG;
	}
	if (!strcmp(path, "/"))
		size = 0;
	both = malloc(2 * (size + 2));
	if (!both) {
		(void)error_set(&state->error, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	(void)sprintf(both, "%.*s/", (int)size, path);
	(void)sprintf(both + size + 2, "%.*s0", (int)size, path); /* what comes after "/" */
	*range = (struct range) { .first = both, .end = both + size + 2 };
	return 0;
}

static int find(void *owner, const char *path, struct baseline_file *file)
{
	struct state *state = owner;
	sqlite3_stmt *statement = sql_start(state, SQL_FILE_FIND, sql_path(path));
	int status = sql_step(state, statement);
	struct baseline_file found;

	if (status <= 0)
		return status;
	status = unpack(state, statement, 0, &state->found, &found);
	sql_done(statement);
	if (status)
		return status;
	*file = found;
	return 1;
}

static int put(void *owner, const char *path, const struct baseline_file *file)
{
	struct state *state = owner;
	uint8_t facts[FACTS_MAX];
	size_t size = facts_pack(file, facts);
	int status = state_write(state);

	if (status)
		return status;
	if (!size || strlen(path) > PATH_SIZE_MAX)
		return state_take_back(
			state, error_set(&state->error, -ENAMETOOLONG, "a path or target is too long to be kept"));
	status = sql_run(state, SQL_FILE_PUT, sql_path(path), sql_bytes(facts, size));
	return status ? state_take_back(state, status) : 0;
}

/* The rows of both, the path's own and those below. */
static int forget_range(struct state *state, const char *path, const struct range *range)
{
	uint64_t count = 0;
	int status = sql_run(state, SQL_FILE_FORGET, sql_path(path));

	if (!status) {
		count = sql_changed(state);
		status = sql_run(state, SQL_FILE_FORGET_BELOW, sql_path(range->first), sql_path(range->end));
	}
	if (!status) {
		count += sql_changed(state);
		status = sql_run(state, SQL_TEXT_FORGET, sql_path(path), sql_path(range->first), sql_path(range->end));
	}
	return status ? status : (int)count;
}

static int forget(void *owner, const char *path)
{
	struct state *state = owner;
	struct range range = { 0 };
	int status = state_write(state);

	if (!status)
		status = range_below(state, path, &range);
	if (status)
		return status;
	status = forget_range(state, path, &range);
	free(range.first);
	return status < 0 ? state_take_back(state, status) : status;
}

/* What is below first: where `to` lies below `from`, the path itself must not be taken twice. */
static int rename_range(struct state *state, const char *from, const struct range *range, const char *to)
{
	uint64_t count = 0, rest = strlen(from) + 1; /* SQL counts from 1 */
	int status = sql_run(state, SQL_FILE_RENAME_BELOW, sql_path(range->first), sql_path(range->end), sql_path(to),
			     sql_number(rest));

	if (!status) {
		count = sql_changed(state);
		status = sql_run(state, SQL_FILE_RENAME, sql_path(from), sql_path(to));
	}
	if (!status) {
		count += sql_changed(state);
		status = sql_run(state, SQL_TEXT_RENAME, sql_path(from), sql_path(range->first), sql_path(range->end),
				 sql_path(to), sql_number(rest));
	}
	return status ? status : (int)count;
}

static int rename_all(void *owner, const char *from, const char *to)
{
	struct state *state = owner;
	struct range below_from = { 0 }, below_to = { 0 };
	int status = !strcmp(from, "/") || !strcmp(to, "/") ? -EINVAL : state_write(state);

	if (!status)
		status = range_below(state, from, &below_from);
	if (!status)
		status = range_below(state, to, &below_to);
	if (!status && strcmp(from, to) != 0) {
		status = forget_range(state, to, &below_to);
		if (status >= 0)
			status = rename_range(state, from, &below_from, to);
		if (status < 0)
			status = state_take_back(state, status);
	}
	free(below_from.first);
	free(below_to.first);
	return status;
}

static int visit_row(struct state *state, sqlite3_stmt *statement, baseline_visitor visit, void *to)
{
	struct baseline_file file;
	int status = unpack(state, statement, 1, &state->target, &file);

	if (status)
		return status;
	buffer_clear(&state->walked);
	buffer_append(&state->walked, sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
	return state->walked.failed ? -ENOMEM : visit(to, buffer_string(&state->walked), &file);
}

static int walk_range(struct state *state, const char *first, const char *end, baseline_visitor visit, void *to)
{
	sqlite3_stmt *statement = sql_start(state, SQL_FILE_WALK, sql_path(first), sql_path(end));
	int status;

	while ((status = sql_step(state, statement)) > 0) {
		status = visit_row(state, statement, visit, to);
		if (status) {
			sql_done(statement);
			break;
		}
	}
	return status;
}

static int walk(void *owner, const char *path, baseline_visitor visit, void *to)
{
	struct state *state = owner;
	struct baseline_file file;
	struct range range = { 0 };
	int status = range_below(state, path, &range);

	if (status)
		return status;
	status = strcmp(path, "/") != 0 ? find(state, path, &file) : 0;
	if (status > 0)
		status = visit(to, path, &file);
	if (!status)
		status = walk_range(state, range.first, range.end, visit, to);
	free(range.first);
	return status;
}

static int is_taken(void *owner, const char *path)
{
	uint64_t taken = 0;
	int status = sql_get_number(owner, SQL_TREE_FIND, SQL_VALUES(sql_path(path)), &taken);

	return status ? status : (int)taken;
}

static int set_taken(void *owner, const char *path)
{
	struct state *state = owner;
	int status = state_write(state);

	if (status)
		return status;
	status = sql_run(state, SQL_TREE_PUT, sql_path(path));
	return status ? state_take_back(state, status) : 0;
}

static int find_text(void *owner, const char *path, const char **text, size_t *size)
{
	struct state *state = owner;
	sqlite3_stmt *statement = sql_start(state, SQL_TEXT_FIND, sql_path(path));
	int status = sql_step(state, statement);

	if (status <= 0)
		return status;
	buffer_clear(&state->text);
	buffer_append(&state->text, sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
	sql_done(statement);
	if (state->text.failed)
		return error_set(&state->error, -ENOMEM, "out of memory");
	*text = buffer_string(&state->text);
	*size = state->text.size;
	return 1;
}

static int put_text(void *owner, const char *path, const char *text, size_t size)
{
	struct state *state = owner;
	int status = state_write(state);

	if (status)
		return status;
	if (size > BASELINE_TEXT_MAX)
		return state_take_back(state,
				       error_set(&state->error, -E2BIG, "a text of %zu bytes can't be kept", size));
	status = sql_run(state, SQL_TEXT_PUT, sql_path(path), sql_bytes(text, size));
	return status ? state_take_back(state, status) : 0;
}

void baseline_fill(struct state *state)
{
	state->baseline = (struct baseline) {
		.owner = state,
		.find = find,
		.put = put,
		.forget = forget,
		.rename = rename_all,
		.walk = walk,
		.is_taken = is_taken,
		.set_taken = set_taken,
		.find_text = find_text,
		.put_text = put_text,
	};
}

const struct baseline *state_baseline(struct state *state)
{
	return &state->baseline;
}
