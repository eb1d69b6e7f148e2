/* SPDX-License-Identifier: Apache-2.0 */
/* Every word of SQL: the schema, and one text a statement. docs/reference/state.md explains the tables. */
#include "state/state_priv.h"

/* Paths are BLOBs, so that their order is memcmp's, which is strcmp's for what has no NUL byte. */
const char sql_schema[] =
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE file (path BLOB PRIMARY KEY, facts BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE text (path BLOB NOT NULL UNIQUE, text BLOB NOT NULL);"
	"CREATE TABLE tree (path BLOB PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE written (path BLOB PRIMARY KEY, change TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, line BLOB NOT NULL);"
	"CREATE TABLE record (number INTEGER PRIMARY KEY AUTOINCREMENT, lines INTEGER NOT NULL DEFAULT 0,"
	" bytes INTEGER NOT NULL DEFAULT 0, orphans INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE tally (record INTEGER NOT NULL, kind TEXT NOT NULL, seen INTEGER NOT NULL, dropped INTEGER NOT "
	"NULL,"
	" PRIMARY KEY (record, kind)) WITHOUT ROWID;"
	"CREATE TABLE line (number INTEGER PRIMARY KEY, orphan INTEGER NOT NULL, line BLOB NOT NULL);"
	"CREATE TABLE session (id TEXT PRIMARY KEY, record INTEGER NOT NULL, person TEXT NOT NULL, user TEXT NOT NULL,"
	" service TEXT NOT NULL DEFAULT '', method TEXT NOT NULL DEFAULT '', key TEXT NOT NULL DEFAULT '',"
	" certificate TEXT NOT NULL DEFAULT '', address TEXT NOT NULL DEFAULT '', port INTEGER NOT NULL DEFAULT 0,"
	" tty TEXT NOT NULL, container TEXT NOT NULL, audit INTEGER NOT NULL, seen_login INTEGER NOT NULL DEFAULT 0,"
	" begin INTEGER NOT NULL, end INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL, processes INTEGER NOT NULL "
	"DEFAULT 0,"
	" files INTEGER NOT NULL DEFAULT 0, boot TEXT NOT NULL, unwatched INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX session_last ON session (last);"
	"CREATE TABLE failed (address TEXT NOT NULL, user TEXT NOT NULL, service TEXT NOT NULL, attempts INTEGER NOT "
	"NULL,"
	" first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (address, user, service)) WITHOUT ROWID;"
	"CREATE INDEX failed_last ON failed (last);"
	"CREATE TABLE change (id TEXT NOT NULL, run INTEGER NOT NULL, record INTEGER NOT NULL, begun INTEGER NOT NULL,"
	" origin TEXT NOT NULL, person TEXT NOT NULL, user TEXT NOT NULL, reason TEXT NOT NULL, command TEXT NOT NULL,"
	" login TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL, begin INTEGER NOT NULL,"
	" end INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL, status INTEGER NOT NULL DEFAULT -1, boot TEXT NOT "
	"NULL,"
	" unwatched INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (id, run)) WITHOUT ROWID;"
	"CREATE INDEX change_last ON change (last);"
	"CREATE TABLE news (change TEXT NOT NULL, run INTEGER NOT NULL, context TEXT NOT NULL, line TEXT NOT NULL,"
	" first INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (change, run, context, line)) WITHOUT ROWID;"
	"CREATE TABLE sombrero (number INTEGER PRIMARY KEY AUTOINCREMENT, start INTEGER NOT NULL, end INTEGER NOT NULL "
	"DEFAULT 0,"
	" how TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', person TEXT NOT NULL DEFAULT '',"
	" touched INTEGER NOT NULL DEFAULT 0, waiting INTEGER NOT NULL DEFAULT 0, untold INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE touch (sombrero INTEGER NOT NULL, path BLOB NOT NULL, kinds INTEGER NOT NULL, count INTEGER NOT "
	"NULL,"
	" first INTEGER NOT NULL, last INTEGER NOT NULL, kind TEXT NOT NULL, person TEXT NOT NULL, user TEXT NOT NULL,"
	" program TEXT NOT NULL, login TEXT NOT NULL, context TEXT NOT NULL, rule TEXT NOT NULL,"
	" first_kind TEXT NOT NULL, first_person TEXT NOT NULL, first_user TEXT NOT NULL, first_program TEXT NOT NULL,"
	" first_login TEXT NOT NULL, first_context TEXT NOT NULL, rewritten INTEGER NOT NULL DEFAULT 0,"
	" rewritten_by TEXT NOT NULL DEFAULT '', PRIMARY KEY (sombrero, path)) WITHOUT ROWID;";

#define SESSION_COLUMNS                                                                                             \
	"SELECT id, record, person, user, service, method, key, certificate, address, port, tty, container, audit," \
	" seen_login, begin, end, last, processes, files, boot, unwatched FROM session "

/* Whose a session is can be known a moment later than what is done in it. */
#define CHANGE_COLUMNS                                                                                      \
	"SELECT id, run, record, begun, origin,"                                                            \
	" coalesce((SELECT s.person FROM session s WHERE s.id = change.login AND s.person != ''), person)," \
	" user, reason, command, login, pid, start, begin, end, last,"                                      \
	" status, boot, unwatched FROM change "

#define TOUCH_COLUMNS                                                                                           \
	"SELECT path, kinds, count, first, last, kind, person, user, program, login, context, rule, rewritten," \
	" rewritten_by FROM touch "

/* The same of whoever was first. */
#define FIRST_TOUCH_COLUMNS                                                                                          \
	"SELECT path, kinds, count, first, first, first_kind, first_person, first_user, first_program, first_login," \
	" first_context, rule, rewritten, rewritten_by FROM touch "

/* ?1 a boot: goes on, as far as the row knows. */
#define IS_OPEN "end = 0 AND boot = ?1 AND unwatched = 0"

const char *const sql_text_of[SQL_STATEMENT_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_DATA_VERSION] = "PRAGMA data_version",
	[SQL_PAGES] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "
		      "pragma_page_size",
	[SQL_META_GET] = "SELECT value FROM meta WHERE name = ?",
	[SQL_META_PUT] = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
	[SQL_META_ADD] = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value "
			 "+ excluded.value",

	[SQL_FILE_FIND] = "SELECT facts FROM file WHERE path = ?",
	[SQL_FILE_PUT] = "INSERT OR REPLACE INTO file (path, facts) VALUES (?, ?)",
	[SQL_FILE_FORGET] = "DELETE FROM file WHERE path = ?",
	[SQL_FILE_FORGET_BELOW] = "DELETE FROM file WHERE path >= ? AND path < ?",
	[SQL_FILE_RENAME] = "UPDATE file SET path = ?2 WHERE path = ?1",
	/* ?1 from, ?2 to: the range; ?3 the new beginning, ?4 where the rest starts */
	[SQL_FILE_RENAME_BELOW] =
		"UPDATE file SET path = CAST(?3 || substr(path, ?4) AS BLOB) WHERE path >= ?1 AND path < ?2",
	[SQL_FILE_WALK] = "SELECT path, facts FROM file WHERE path >= ? AND path < ? ORDER BY path",
	[SQL_FILE_COUNT] = "SELECT count(*) FROM file",
	[SQL_TEXT_FIND] = "SELECT text FROM text WHERE path = ?",
	[SQL_TEXT_PUT] = "INSERT OR REPLACE INTO text (path, text) VALUES (?, ?)",
	[SQL_TEXT_FORGET] = "DELETE FROM text WHERE path = ?1 OR (path >= ?2 AND path < ?3)",
	/* ?1 path, ?2, ?3 the range below it, ?4 the new beginning, ?5 where the rest starts */
	[SQL_TEXT_RENAME] = "UPDATE text SET path = CAST(?4 || substr(path, ?5) AS BLOB)"
			    " WHERE path = ?1 OR (path >= ?2 AND path < ?3)",
	[SQL_TREE_FIND] = "SELECT 1 FROM tree WHERE path = ?",
	[SQL_TREE_PUT] = "INSERT OR IGNORE INTO tree (path) VALUES (?)",

	[SQL_OUTBOX_ADD] = "INSERT INTO outbox (line) VALUES (?)",
	[SQL_OUTBOX_NEXT] = "SELECT number, line FROM outbox WHERE number >= ? ORDER BY number LIMIT 1",
	[SQL_OUTBOX_REMOVE] = "DELETE FROM outbox WHERE number = ?",
	[SQL_OUTBOX_COUNT] = "SELECT count(*) FROM outbox",

	[SQL_RECORD_NEW] = "INSERT INTO record DEFAULT VALUES",
	[SQL_RECORD_GET] = "SELECT lines, bytes, orphans FROM record WHERE number = ?",
	[SQL_RECORD_PUT] = "UPDATE record SET lines = ?2, bytes = ?3, orphans = ?4 WHERE number = ?1",
	[SQL_RECORD_FORGET] = "DELETE FROM record WHERE number = ?",
	[SQL_TALLY_EACH] = "SELECT kind, seen, dropped FROM tally WHERE record = ?",
	[SQL_TALLY_PUT] = "INSERT OR REPLACE INTO tally (record, kind, seen, dropped) VALUES (?, ?, ?, ?)",
	[SQL_TALLY_FORGET] = "DELETE FROM tally WHERE record = ?",
	[SQL_LINE_ADD] = "INSERT INTO line (number, orphan, line) VALUES (?, ?, ?)",
	[SQL_LINE_EACH] = "SELECT orphan, line FROM line WHERE number >= ? AND number < ? ORDER BY number",
	[SQL_LINE_FORGET] = "DELETE FROM line WHERE number >= ? AND number < ?",

	[SQL_SESSION_NEW] = "INSERT INTO session (id, record, person, user, tty, container, audit, begin, last, boot)"
			    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)",
	[SQL_SESSION_GET] = "SELECT record, end FROM session WHERE id = ?",
	/* A login that is told again, by a watch that found it, says what the first one did not. */
	[SQL_SESSION_LOGIN] =
		"UPDATE session SET person = iif(?2 = '', person, ?2), user = iif(?3 = '', user, ?3),"
		" service = iif(?4 = '', service, ?4), method = iif(?5 = '', method, ?5), key = iif(?6 = '', key, ?6),"
		" certificate = iif(?7 = '', certificate, ?7), address = iif(?8 = '', address, ?8), port = iif(?9 = 0, "
		"port, ?9),"
		" tty = iif(?10 = '', tty, ?10), begin = min(begin, ?11), seen_login = seen_login OR ?12 WHERE id = ?1",
	[SQL_SESSION_LOGOUT] = "UPDATE session SET end = ?2, processes = ?3, files = ?4 WHERE id = ?1",
	[SQL_SESSION_SEEN] = "UPDATE session SET last = max(last, ?2), unwatched = 0 WHERE id = ?1",
	[SQL_SESSION_UNWATCHED] = "UPDATE session SET unwatched = ? WHERE end = 0 AND unwatched = 0",
	/* ?1 whose, ?2 since when, ?3 in which boot, if only those without an end; NULL: all */
	[SQL_SESSION_EACH] =
		SESSION_COLUMNS "WHERE last >= ?2 AND (?1 IS NULL OR ?1 IN (person, user, key, certificate))"
				" AND (?3 IS NULL OR (end = 0 AND boot = ?3)) ORDER BY begin DESC, id",
	[SQL_SESSION_FIND] = SESSION_COLUMNS "WHERE id >= ?1 AND substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2",
	[SQL_SESSION_FORGET] = "DELETE FROM session WHERE id = ?",

	[SQL_FAILED_ADD] = "UPDATE failed SET attempts = attempts + ?4, first = min(first, ?5), last = max(last, ?5)"
			   " WHERE address = ?1 AND user = ?2 AND service = ?3",
	[SQL_FAILED_NEW] =
		"INSERT INTO failed (address, user, service, attempts, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
	[SQL_FAILED_COUNT] = "SELECT count(*) FROM failed",
	[SQL_FAILED_OLDEST] = "SELECT address, user, service, attempts FROM failed ORDER BY last LIMIT 1",
	[SQL_FAILED_FORGET] = "DELETE FROM failed WHERE address = ? AND user = ? AND service = ?",
	[SQL_FAILED_FORGET_OLD] = "DELETE FROM failed WHERE last < ?",
	[SQL_FAILED_EACH] = "SELECT address, user, service, attempts, first, last FROM failed WHERE last >= ?"
			    " ORDER BY last DESC, address, user",

	/* The run is the next of its id. */
	[SQL_CHANGE_NEW] =
		"INSERT INTO change (id, run, record, begun, origin, person, user, reason, command, login, pid, start, "
		"begin, last,"
		" boot) SELECT ?1, coalesce(max(run), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13"
		" FROM change WHERE id = ?1",
	/* ?2 a session, or NULL. A session that is a change is a run of its own. */
	[SQL_CHANGE_LATEST] = CHANGE_COLUMNS "WHERE id = ?1 AND (?2 IS NULL OR login = ?2) ORDER BY run DESC LIMIT 1",
	[SQL_CHANGE_LATEST_RUN] = "SELECT max(run) FROM change WHERE id = ?",
	/* The run that went on at a time; what was before all of them belongs to the first. */
	[SQL_CHANGE_AT] = CHANGE_COLUMNS "WHERE id = ?1 ORDER BY begin <= ?2 DESC, iif(begin <= ?2, -run, run) LIMIT 1",
	/* Who declared a change says how it ended. */
	[SQL_CHANGE_SEEN] =
		"UPDATE change SET last = max(last, ?3), end = iif(begun, end, ?4), status = iif(begun, status, ?5),"
		" unwatched = ?6 WHERE id = ?1 AND run = ?2",
	[SQL_CHANGE_UNWATCHED] = "UPDATE change SET unwatched = ? WHERE end = 0 AND unwatched = 0 AND NOT begun",
	[SQL_CHANGE_END] = "UPDATE change SET end = ?3, last = max(last, ?3), status = ?4 WHERE id = ?1 AND run = ?2",
	[SQL_CHANGE_EACH] = CHANGE_COLUMNS "ORDER BY begin DESC, id, run DESC",
	[SQL_CHANGE_FIND] = CHANGE_COLUMNS "WHERE id = ?1 AND (?2 = 0 OR run = ?2) ORDER BY run DESC LIMIT 1",
	[SQL_CHANGE_RECORD] =
		"SELECT record FROM change WHERE id = ?1 AND (?2 = 0 OR run = ?2) ORDER BY run DESC LIMIT 1",
	/* Who the sensor saw at work knows better than who asked. */
	[SQL_CHANGE_WHO] = "UPDATE change SET person = iif(?3 = '', person, ?3), login = ?4 WHERE id = ?1 AND run = ?2 "
			   "AND login = ''",
	[SQL_CHANGE_FORGET] = "DELETE FROM change WHERE id = ? AND run = ?",
	[SQL_CHANGE_RUN_AT] =
		"SELECT run FROM change WHERE id = ?1 ORDER BY begin <= ?2 DESC, iif(begin <= ?2, -run, run) LIMIT 1",

	[SQL_NEWS_FIND] = "SELECT 1 FROM news WHERE change = ? AND run = ? AND context = ? AND line = ?",
	[SQL_NEWS_COUNT] = "SELECT count(*) FROM news WHERE change = ? AND run = ?",
	[SQL_NEWS_ADD] = "INSERT INTO news (change, run, context, line, first, count) VALUES (?, ?, ?, ?, ?, 1)"
			 " ON CONFLICT DO UPDATE SET count = count + 1",
	/* The sum of what had no room comes last. */
	[SQL_NEWS_EACH] = "SELECT context, line, first, count FROM news WHERE change = ? AND run = ?"
			  " ORDER BY line = '', context, first, line",
	[SQL_NEWS_FORGET] = "DELETE FROM news WHERE change = ? AND run = ?",

	/* ?1 the boot, ?2 seen last before then: what goes first. Run 0 is a session. */
	[SQL_OLDEST] =
		"SELECT id, run, record FROM (SELECT id, 0 AS run, record, last FROM session WHERE NOT (" IS_OPEN ")"
		" UNION ALL SELECT id, run, record, last FROM change WHERE NOT (" IS_OPEN "))"
		" WHERE last < ?2 ORDER BY last LIMIT 1",

	[SQL_SOMBRERO_NEW] = "INSERT INTO sombrero (start) VALUES (?)",
	[SQL_SOMBRERO_ON] = "SELECT number, touched, waiting, untold FROM sombrero WHERE end = 0",
	[SQL_SOMBRERO_COUNT] = "UPDATE sombrero SET touched = ?2, waiting = ?3, untold = ?4 WHERE number = ?1",
	[SQL_SOMBRERO_OFF] = "UPDATE sombrero SET end = ?2, how = ?3, reason = ?4, person = ?5 WHERE number = ?1",
	[SQL_SOMBRERO_EACH] = "SELECT number, start, end, how, reason, person, touched, waiting, untold FROM sombrero"
			      " ORDER BY end = 0 DESC, number DESC",
	[SQL_SOMBRERO_OLD] = "SELECT number FROM sombrero WHERE end != 0 AND end < ? LIMIT 1",
	[SQL_SOMBRERO_FORGET] = "DELETE FROM sombrero WHERE number = ?",
	[SQL_TOUCH_GET] = "SELECT rewritten FROM touch WHERE sombrero = ? AND path = ?",
	/* What a change rewrote since was undone: only what was done after that counts. */
	[SQL_TOUCH_UPDATE] = "UPDATE touch SET kinds = iif(rewritten = 0, kinds, 0) | ?3, count = count + 1, last = "
			     "?4, kind = ?5, person = ?6, user = ?7,"
			     " program = ?8, login = ?9, context = ?10, rule = ?11, rewritten = 0, rewritten_by = ''"
			     " WHERE sombrero = ?1 AND path = ?2",
	[SQL_TOUCH_NEW] = "INSERT INTO touch (sombrero, path, kinds, count, first, last, kind, person, user, program, "
			  "login, context, rule,"
			  " first_kind, first_person, first_user, first_program, first_login, first_context)"
			  " VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?5, ?6, ?7, ?8, ?9, ?10)",
	/* ?3 when, ?4 by which change, ?5 the kinds of touch that this can't undo */
	[SQL_TOUCH_REWRITTEN] = "UPDATE touch SET rewritten = ?3, rewritten_by = ?4"
				" WHERE sombrero = ?1 AND path = ?2 AND rewritten = 0 AND kinds & ?5 = 0",
	[SQL_TOUCH_REWRITTEN_BELOW] = "UPDATE touch SET rewritten = ?4, rewritten_by = ?5"
				      " WHERE sombrero = ?1 AND path >= ?2 AND path < ?3 AND rewritten = 0",
	[SQL_TOUCH_EACH] = TOUCH_COLUMNS "WHERE sombrero = ? ORDER BY path",
	[SQL_TOUCH_FIRST] = FIRST_TOUCH_COLUMNS "WHERE sombrero = ? ORDER BY first, path LIMIT 1",
	[SQL_TOUCH_LAST] = TOUCH_COLUMNS "WHERE sombrero = ? ORDER BY last DESC, path DESC LIMIT 1",
	[SQL_TOUCH_FORGET] = "DELETE FROM touch WHERE sombrero = ?",

	/* ?1 a boot: without an end in it, and all */
	[SQL_WRITTEN_PUT] = "INSERT OR REPLACE INTO written (path, change) VALUES (?, ?)",
	[SQL_WRITTEN_GET] = "SELECT change FROM written WHERE path = ?",
	[SQL_WRITTEN_FORGET] = "DELETE FROM written WHERE path = ?",
	[SQL_WRITTEN_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM written LIMIT 1)",
	[SQL_WRITTEN_TIDY] = "DELETE FROM written WHERE change NOT IN (SELECT id FROM change)",
	[SQL_COUNT_OPEN] = "SELECT count(*) FROM session WHERE end = 0 AND boot = ?1",
	[SQL_COUNT_SESSIONS] = "SELECT count(*) FROM session",
	[SQL_COUNT_FAILED] = "SELECT coalesce(sum(attempts), 0) FROM failed WHERE last >= ?",
};
