/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state from inside: one connection to SQLite, every statement prepared at its first use and kept, and the transaction that
 * writes gather in. All SQL is in sql.c.
 */
#ifndef STATE_STATE_PRIV_H
#define STATE_STATE_PRIV_H

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/table.h"
#include "state/history.h"

enum sql_statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_DATA_VERSION,
	SQL_PAGES,
	SQL_META_GET,
	SQL_META_PUT,
	SQL_META_ADD,
	SQL_FILE_FIND,
	SQL_FILE_PUT,
	SQL_FILE_FORGET,
	SQL_FILE_FORGET_BELOW,
	SQL_FILE_RENAME,
	SQL_FILE_RENAME_BELOW,
	SQL_FILE_WALK,
	SQL_FILE_COUNT,
	SQL_TEXT_FIND,
	SQL_TEXT_PUT,
	SQL_TEXT_FORGET,
	SQL_TEXT_RENAME,
	SQL_TREE_FIND,
	SQL_TREE_PUT,
	SQL_OUTBOX_ADD,
	SQL_OUTBOX_NEXT,
	SQL_OUTBOX_REMOVE,
	SQL_OUTBOX_COUNT,
	SQL_RECORD_NEW,
	SQL_RECORD_GET,
	SQL_RECORD_PUT,
	SQL_RECORD_FORGET,
	SQL_TALLY_EACH,
	SQL_TALLY_PUT,
	SQL_TALLY_FORGET,
	SQL_LINE_ADD,
	SQL_LINE_EACH,
	SQL_LINE_FORGET,
	SQL_SESSION_NEW,
	SQL_SESSION_GET,
	SQL_SESSION_LOGIN,
	SQL_SESSION_LOGOUT,
	SQL_SESSION_SEEN,
	SQL_SESSION_UNWATCHED,
	SQL_SESSION_EACH,
	SQL_SESSION_FIND,
	SQL_SESSION_FORGET,
	SQL_FAILED_ADD,
	SQL_FAILED_NEW,
	SQL_FAILED_COUNT,
	SQL_FAILED_OLDEST,
	SQL_FAILED_FORGET,
	SQL_FAILED_FORGET_OLD,
	SQL_FAILED_EACH,
	SQL_CHANGE_NEW,
	SQL_CHANGE_LATEST,
	SQL_CHANGE_LATEST_RUN,
	SQL_CHANGE_AT,
	SQL_CHANGE_SEEN,
	SQL_CHANGE_UNWATCHED,
	SQL_CHANGE_END,
	SQL_CHANGE_EACH,
	SQL_CHANGE_FIND,
	SQL_CHANGE_RECORD,
	SQL_CHANGE_WHO,
	SQL_CHANGE_FORGET,
	SQL_CHANGE_RUN_AT,
	SQL_NEWS_FIND,
	SQL_NEWS_COUNT,
	SQL_NEWS_ADD,
	SQL_NEWS_EACH,
	SQL_NEWS_FORGET,
	SQL_OLDEST,
	SQL_SOMBRERO_NEW,
	SQL_SOMBRERO_ON,
	SQL_SOMBRERO_COUNT,
	SQL_SOMBRERO_OFF,
	SQL_SOMBRERO_EACH,
	SQL_SOMBRERO_OLD,
	SQL_SOMBRERO_FORGET,
	SQL_TOUCH_GET,
	SQL_TOUCH_UPDATE,
	SQL_TOUCH_NEW,
	SQL_TOUCH_REWRITTEN,
	SQL_TOUCH_REWRITTEN_BELOW,
	SQL_TOUCH_EACH,
	SQL_TOUCH_FIRST,
	SQL_TOUCH_LAST,
	SQL_TOUCH_FORGET,
	SQL_WRITTEN_PUT,
	SQL_WRITTEN_GET,
	SQL_WRITTEN_FORGET,
	SQL_WRITTEN_COUNT,
	SQL_WRITTEN_TIDY,
	SQL_COUNT_OPEN,
	SQL_COUNT_SESSIONS,
	SQL_COUNT_FAILED,
	SQL_STATEMENT_COUNT,
};

struct state {
	sqlite3 *database; /* owned, as is all that follows */
	sqlite3_stmt *statement[SQL_STATEMENT_COUNT];
	enum state_mode mode;
	char *path;                      /* DIR/state.db */
	bool written_known, written_any; /* of files that changes have written */
	char written_by[256];
	char *lock_path;    /* DIR/watch.lock */
	int lock;           /* its descriptor, where this is the watch; else -1 */
	char boot[64];      /* the kernel's boot id; "" unknown */
	bool writing;       /* a transaction is open */
	int broken;         /* a write failed: what follows fails too, until state_commit() has said so */
	bool over;          /* limits changed */
	int data_version;   /* as SQLite counts commits of others */
	uint64_t beat_ns;   /* when the last heartbeat was written */
	uint64_t tidied_ns; /* when retention was last looked at */
	uint64_t added;     /* bytes of lines since then */
	uint64_t outbox;    /* how many wait, with outbox_known */
	uint64_t failed;    /* how many rows, with failed_known */
	bool outbox_known, failed_known;
	struct table sessions, changes; /* what records are at work: session.c, change.c */
	struct state_limits limits;
	struct baseline baseline;
	struct buffer found, walked, target, text, line; /* what is lent to callers */
	struct error error;
};

/* A value to bind: a text, some bytes, or a number. NULL text is SQL's NULL. */
struct sql_value {
	enum { SQL_IS_TEXT, SQL_IS_BYTES, SQL_IS_NUMBER } type;
	const void *bytes;
	size_t size;
	sqlite3_int64 number;
};

static inline struct sql_value sql_text(const char *text)
{
	return (struct sql_value) { .type = SQL_IS_TEXT, .bytes = text, .size = text ? strlen(text) : 0 };
}

static inline struct sql_value sql_bytes(const void *bytes, size_t size)
{
	return (struct sql_value) { .type = SQL_IS_BYTES, .bytes = bytes, .size = size };
}

static inline struct sql_value sql_path(const char *path)
{
	return sql_bytes(path, strlen(path));
}

static inline struct sql_value sql_number(uint64_t number)
{
	return (struct sql_value) { .type = SQL_IS_NUMBER, .number = (sqlite3_int64)number };
}

#define SQL_VALUES(...)                             \
	(const struct sql_value[]) { __VA_ARGS__ }, \
		sizeof((const struct sql_value[]) { __VA_ARGS__ }) / sizeof(struct sql_value)

/*
 * Binds values to a statement, from its beginning; the values must stay until it is done. sql_step(): 1 there is a row, 0 it is
 * done, or a negative errno; sql_done() ends one before that. sql_run() does all for one whose rows don't matter.
 */
sqlite3_stmt *sql_start_with(struct state *state, enum sql_statement which, const struct sql_value *values,
			     size_t count);
int sql_run_with(struct state *state, enum sql_statement which, const struct sql_value *values, size_t count);
int sql_step(struct state *state, sqlite3_stmt *statement);
void sql_done(sqlite3_stmt *statement);

#define sql_start(state, which, ...) sql_start_with(state, which, SQL_VALUES(__VA_ARGS__))
#define sql_run(state, which, ...)   sql_run_with(state, which, SQL_VALUES(__VA_ARGS__))

/* A column as a string, never NULL; as a number. */
const char *sql_column_text(sqlite3_stmt *statement, int column);
uint64_t sql_column_number(sqlite3_stmt *statement, int column);

/* The first column of the first row; 0 where there is none. */
int sql_get_number(struct state *state, enum sql_statement which, const struct sql_value *values, size_t count,
		   uint64_t *out);

/* The change that did this itself, or ""; a service that it started acts for itself. */
const char *change_of_act(const struct event *event);

/* A file event, by a change or by none: whose the file is from now on. */
int written_note(struct state *state, const struct event *event);

/* How many rows the last statement changed. */
uint64_t sql_changed(const struct state *state);

/* The schema, as it is made; its version is SQL_VERSION. */
extern const char sql_schema[];
extern const char *const sql_text_of[SQL_STATEMENT_COUNT];
#define SQL_VERSION     1
#define SQL_APPLICATION 0x536f6d62 /* "Somb" */

/* SQLite's code as an errno, with a text that names the file and says what to do. */
int state_failed(struct state *state, int code);

/* Begins the transaction where there is none. To be called before every write. */
int state_write(struct state *state);

/* Takes back what was written since the last commit and remembers why; returns `status`. To be called when a write failed. */
int state_take_back(struct state *state, int status);

uint64_t state_now(void);

int meta_get(struct state *state, const char *name, uint64_t *number);
int meta_put(struct state *state, const char *name, uint64_t number);

/* lock.c: the directory, and who watches. */
int lock_directory(const char *directory, bool make, struct error *error);
int lock_take(struct state *state, struct error *error);
bool lock_is_held(const struct state *state);

/* baseline.c */
void baseline_fill(struct state *state);

/*
 * record.c: events kept whole within bounds and counted beyond them. A record is a session's or a run's of a change; at work it is in memory, and
 * is written at commit.
 */
struct record {
	uint64_t number;
	uint64_t lines, bytes; /* kept */
	uint64_t last_ns;
	struct state_tally tally;
	bool dirty;
};

int record_new(struct state *state, struct record *record);
int record_load(struct state *state, struct record *record, uint64_t number);
int record_event(struct state *state, struct record *record, const struct event *event, bool orphan);
int record_flush(struct state *state, struct record *record);
int record_forget(struct state *state, uint64_t number);
int record_each(struct state *state, uint64_t number, state_line_visitor visit, void *to);

/* session.c, change.c: what is at work is written; forgotten, after a rollback or when somebody else wrote; both when a watch begins. */
int session_event(struct state *state, const struct event *event);
int session_failed(struct state *state, const struct event *event);
int sessions_flush(struct state *state);
void sessions_drop(struct state *state);
int sessions_unwatched(struct state *state, uint64_t since_ns);
int change_event(struct state *state, const char *id, const struct event *event);
int changes_flush(struct state *state);
void changes_drop(struct state *state);
void changes_drop_others(struct state *state); /* those that others may have written */
int changes_unwatched(struct state *state, uint64_t since_ns);

/* Is that the boot that the machine is in? */
bool state_is_boot(const struct state *state, const char *boot);

/* What a row without an end is, by the boot it began in and since when nobody watched it. Sets *watched_ns where that says something. */
enum state_end state_end_of(struct state *state, uint64_t end_ns, const char *boot, uint64_t unwatched_ns,
			    uint64_t *watched_ns);

/* retention.c */
int retention_tidy(struct state *state);

#endif
