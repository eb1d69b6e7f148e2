/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the state, and what of it is counted. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/state_priv.h"

#define BUSY_MS 5000

static const struct state_limits usual_limits = {
	.record_lines = STATE_RECORD_LINES,
	.record_bytes = STATE_RECORD_BYTES,
	.failed = STATE_FAILED_MAX,
	.touched = STATE_TOUCHED_MAX,
	.age_seconds = STATE_AGE_SECONDS,
	.size_bytes = STATE_SIZE_BYTES,
};

static void read_boot(char *out, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(out, (int)size, file))
		*out = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (file)
		(void)fclose(file);
}

static struct state *allocate(const char *directory, enum state_mode mode)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->mode = mode;
	state->lock = -1;
	state->limits = usual_limits;
	state->found = state->walked = state->target = state->text = BUFFER_INIT(1U << 20);
	state->line = BUFFER_INIT(STATE_OUTBOX_LINE + 2);
	read_boot(state->boot, sizeof(state->boot));
	baseline_fill(state);
	if (asprintf(&state->path, "%s/state.db", directory) < 0)
		state->path = NULL;
	if (asprintf(&state->lock_path, "%s/watch.lock", directory) < 0)
		state->lock_path = NULL;
	if (state->path && state->lock_path)
		return state;
	state_close(state);
	return NULL;
}

/* SQLite gives its other files the rights of this one. Never opened where it is there: closing it would end SQLite's locks. */
static int make_file(const struct state *state, struct error *error)
{
	int fd = open(state->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return error_set(error, -errno, "can't make %s: %s", state->path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return 0;
}

static int must_be_there(const struct state *state, struct error *error)
{
	struct stat status;

	if (stat(state->path, &status) == 0)
		return 0;
	if (errno == ENOENT)
		return error_set(
			error, -ENOENT,
			"there is no state yet, %s is missing: `sombrero watch` makes it; --state names another place",
			state->path);
	return error_set(error, -errno, "can't look at %s: %s%s", state->path, strerror(errno),
			 errno == EACCES ? "; it is root's: run with sudo" : "");
}

static int execute(struct state *state, const char *sql)
{
	int code = sqlite3_exec(state->database, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : state_failed(state, code);
}

static int read_pragma(struct state *state, const char *sql, int64_t *out)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(state->database, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : state_failed(state, code);
}

/* WAL, by which readers and the writer don't wait for each other. Two who change to it at once may find each other busy at once. */
static int use_wal(struct state *state)
{
	int status = execute(state, "PRAGMA journal_mode = WAL");

	for (int round = 0; status == -EBUSY && round < BUSY_MS / 10; round++) {
		(void)sqlite3_sleep(10);
		status = execute(state, "PRAGMA journal_mode = WAL");
	}
	return status;
}

static int make_schema(struct state *state)
{
	char sql[128];
	int status = execute(state, sql_schema);

	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d", SQL_APPLICATION,
		       SQL_VERSION);
	return status ? status : execute(state, sql);
}

/* Whose file is it? Sets *empty for one that has nothing in it yet. */
static int check_version(struct state *state, bool *empty)
{
	int64_t application = 0, version = 0, tables = 0;
	int status = read_pragma(state, "PRAGMA application_id", &application);

	if (!status)
		status = read_pragma(state, "PRAGMA user_version", &version);
	if (!status)
		status = read_pragma(state, "SELECT count(*) FROM sqlite_schema", &tables);
	if (status)
		return status;
	*empty = !application && !version && !tables;
	if (*empty || (application == SQL_APPLICATION && version == SQL_VERSION))
		return 0;
	if (application != SQL_APPLICATION)
		return error_set(&state->error, -EBADMSG,
				 "%s is another program's file: move it away, or name another directory with --state",
				 state->path);
	return error_set(&state->error, -ENOTSUP,
			 "%s was written by a newer sombrero (version %lld of the state; this one knows %d): use that "
			 "one, or move the file "
			 "away and start again",
			 state->path, (long long)version, SQL_VERSION);
}

/* Checked again within the transaction: another may have made it just now. */
static int make_if_empty(struct state *state)
{
	bool empty = false;
	int status = execute(state, "BEGIN IMMEDIATE");

	if (status)
		return status;
	status = check_version(state, &empty);
	if (!status && empty)
		status = make_schema(state);
	if (!status)
		return execute(state, "COMMIT");
	(void)sqlite3_exec(state->database, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

/* As of one moment: another process may be making it. */
static int look_whose(struct state *state, bool *empty)
{
	int status = execute(state, "BEGIN"), ended;

	if (status)
		return status;
	status = check_version(state, empty);
	ended = sqlite3_exec(state->database, "COMMIT", NULL, NULL, NULL);
	return status || ended == SQLITE_OK ? status : state_failed(state, ended);
}

static int set_up(struct state *state)
{
	bool empty = false;
	int status = look_whose(state, &empty);

	if (!status && state->mode != STATE_READ)
		status = use_wal(state);
	if (!status && empty && state->mode == STATE_READ)
		return error_set(&state->error, -ENOENT,
				 "there is no state yet, %s is empty: `sombrero watch` fills it", state->path);
	if (!status && empty)
		status = make_if_empty(state);
	/* 2 MB of pages at most; a WAL that a large transaction made long is cut. */
	return status ? status
		      : execute(state, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2048; PRAGMA "
				       "journal_size_limit = 4194304");
}

/* Those who may make it come one after the other: SQLite has no lock for a file that is not yet what it will be. */
static int wait_for_turn(const struct state *state)
{
	char name[PATH_MAX];
	int turn;

	if (state->mode == STATE_READ || snprintf(name, sizeof(name), "%s-open", state->path) >= (int)sizeof(name))
		return -1;
	turn = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (turn >= 0)
		(void)flock(turn, LOCK_EX);
	return turn;
}

static int open_and_set_up(struct state *state)
{
	int flags = state->mode == STATE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int code = sqlite3_open_v2(state->path, &state->database, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
				   NULL);

	if (code != SQLITE_OK)
		return state_failed(state, code);
	(void)sqlite3_busy_timeout(state->database, BUSY_MS);
	(void)sqlite3_db_config(state->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(state->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return set_up(state);
}

static int open_database(struct state *state)
{
	int turn = wait_for_turn(state), status;

	status = open_and_set_up(state);
	if (turn >= 0)
		(void)close(turn);
	return status;
}

/* What went on when the last watch ended was not watched since. */
static int begin_watch(struct state *state)
{
	uint64_t since = 0;
	int status = state_write(state);

	if (!status)
		status = meta_get(state, "watched", &since);
	if (!status && !since)
		since = state_now(); /* changes were declared before there was a watch */
	if (!status)
		status = sessions_unwatched(state, since);
	if (!status)
		status = changes_unwatched(state, since);
	return status;
}

static int open_all(struct state *state, struct error *error)
{
	int status = state->mode == STATE_READ ? must_be_there(state, error) : make_file(state, error);

	if (!status && state->mode == STATE_WATCH)
		status = lock_take(state, error);
	if (status)
		return status;
	status = open_database(state);
	if (!status && state->mode == STATE_WATCH)
		status = begin_watch(state);
	if (!status && state->mode != STATE_READ)
		status = state_commit(state);
	return status ? error_set(error, status, "%s", state->error.text) : 0;
}

int state_open(const char *directory, enum state_mode mode, struct state **out, struct error *error)
{
	struct state *state;
	int status = lock_directory(directory, mode != STATE_READ, error);

	if (status)
		return status;
	state = allocate(directory, mode);
	if (!state)
		return error_set(error, -ENOMEM, "out of memory");
	status = open_all(state, error);
	if (status) {
		/* It never was one that watched. */
		state->mode = STATE_READ;
		state_close(state);
		return status;
	}
	*out = state;
	return 0;
}

static void end_watch(struct state *state)
{
	if (state->writing)
		(void)state_take_back(state, 0);
	state->broken = 0;
	if (state_write(state) == 0)
		(void)state_commit(state);
}

void state_close(struct state *state)
{
	if (!state)
		return;
	if (state->mode == STATE_WATCH && state->database)
		end_watch(state);
	for (size_t i = 0; i < SQL_STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(state->statement[i]);
	(void)sqlite3_close(state->database);
	sessions_drop(state);
	changes_drop(state);
	table_free(&state->sessions);
	table_free(&state->changes);
	if (state->lock >= 0)
		(void)close(state->lock);
	buffer_free(&state->found);
	buffer_free(&state->walked);
	buffer_free(&state->target);
	buffer_free(&state->text);
	buffer_free(&state->line);
	free(state->lock_path);
	free(state->path);
	free(state);
}

void state_limit(struct state *state, const struct state_limits *limits)
{
	state->limits = *limits;
	state->over = true;
}

bool state_is_boot(const struct state *state, const char *boot)
{
	return !strcmp(boot, state->boot);
}

enum state_end state_end_of(struct state *state, uint64_t end_ns, const char *boot, uint64_t unwatched_ns,
			    uint64_t *watched_ns)
{
	*watched_ns = unwatched_ns;
	if (end_ns)
		return STATE_ENDED;
	if (!*watched_ns && (!state_is_boot(state, boot) || !lock_is_held(state)))
		(void)meta_get(state, "watched", watched_ns);
	if (!state_is_boot(state, boot))
		return STATE_REBOOTED;
	return *watched_ns ? STATE_UNWATCHED : STATE_OPEN;
}

static int count_change(void *to, const struct state_change *change)
{
	struct state_counts *counts = to;

	counts->changes++;
	counts->changes_open += change->end == STATE_OPEN;
	return 0;
}

int state_count(struct state *state, struct state_counts *out)
{
	const uint64_t day_ns = 86400ULL * 1000000000U;
	struct state_counts counts = { .watched = lock_is_held(state) };
	int status = sql_get_number(state, SQL_FILE_COUNT, NULL, 0, &counts.files);

	if (!status)
		status = sql_get_number(state, SQL_COUNT_SESSIONS, NULL, 0, &counts.sessions);
	if (!status)
		status =
			sql_get_number(state, SQL_COUNT_OPEN, SQL_VALUES(sql_text(state->boot)), &counts.sessions_open);
	if (!status)
		status = state_changes(state, count_change, &counts);
	if (!status)
		status = sql_get_number(state, SQL_COUNT_FAILED, SQL_VALUES(sql_number(state_now() - day_ns)),
					&counts.failed_24h);
	if (!status)
		status = meta_get(state, "failed_dropped", &counts.failed_dropped);
	if (!status)
		status = sql_get_number(state, SQL_OUTBOX_COUNT, NULL, 0, &counts.waiting);
	if (!status)
		status = meta_get(state, "watched", &counts.watched_ns);
	if (!status)
		*out = counts;
	return status;
}
