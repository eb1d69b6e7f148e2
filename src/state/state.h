/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Sombrero remembers on a host: the baseline of watched files, findings that nobody took yet, sessions and changes with their
 * events, failed logins, and the sombrero. It lives in DIR/state.db; docs/reference/state.md has its tables. One writer at a time:
 * writes gather in a transaction that begins with the first and ends with state_commit(), and until then other writers wait for us,
 * at most 5 seconds. So commit at least once a second. What was not committed is as if it had never been, also after a kill -9.
 *
 * Functions return 0 or a negative errno (-ENOSPC: the disk is full, -EBUSY: somebody else writes for long, -EBADMSG: the file is
 * damaged) unless they say more; state_error() then has a text for people. After an error of a write nothing since the last commit is kept.
 * A state belongs to one thread, and must not be used on the other side of a fork().
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "event/baseline.h"
#include "event/event.h"

#define STATE_DIRECTORY "/var/lib/sombrero"

struct state;

enum state_mode {
	STATE_READ,  /* looks; the state must be there */
	STATE_WRITE, /* makes it where it isn't; any number at once, also beside a watch */
	STATE_WATCH, /* the same, and is the only watch of this state: a second one is refused */
};

/*
 * Opens the state in `directory`, which the writing modes make (0700; missing parents 0755). -ENOENT: there is no state yet;
 * -EPERM: others could write there; -EACCES: it is root's; -EBUSY: another watch has it, by its pid; -ENOTSUP: a newer Sombrero
 * wrote it; -EBADMSG: it is damaged; each with a text that says what to do.
 */
int state_open(const char *directory, enum state_mode mode, struct state **out, struct error *error);

/* Forgets what was not committed. A watch that ends says so by this. NULL is fine. */
void state_close(struct state *state);

/* Ends the transaction; nothing to do is fine. After an error nothing since the last commit is kept. */
int state_commit(struct state *state);

/* What went wrong last, for people. Good until the next call. */
const char *state_error(const struct state *state);

/*
 * The baseline, filled: borrowed from `state`. "Taken" is told of a tree by its configured path: neither forget nor rename changes
 * that, so a tree that is removed and comes again is news. Texts are forgotten and renamed with their files.
 */
const struct baseline *state_baseline(struct state *state);

/*
 * The outbox: lines (NDJSON of findings) that are handed over after the commit that made them true. A number is never given twice,
 * also after a restart. At most STATE_OUTBOX_MAX wait (-ENOSPC), each of at most STATE_OUTBOX_LINE bytes (-E2BIG).
 */
#define STATE_OUTBOX_MAX  100000
#define STATE_OUTBOX_LINE (4 * 1024 * 1024)
int state_outbox_add(struct state *state, const char *line, size_t size, uint64_t *number);

/* Not 0 ends the walk and is returned. */
typedef int (*state_outbox_visitor)(void *to, uint64_t number, const char *line, size_t size);

/* Those from `from` on that wait, oldest first. The outbox may be added to and taken from meanwhile. */
int state_outbox_each(struct state *state, uint64_t from, state_outbox_visitor visit, void *to);

/* This one was taken, or another says it now: forgets it, with the next commit. */
int state_outbox_remove(struct state *state, uint64_t number);

/*
 * Keeps what must be kept of an event: an event_sink whose owner is the state. Which events those are, and within what bounds:
 * - login, logout and every event with a `login`: under that session;
 * - login_failed: counted by address, user and service;
 * - every event in a change's context or with a `change`: under that run of the change.
 * The user of a login is `login_user`, else `user`; of one that failed, `login_user`. Anything else costs nothing.
 */
int state_record(void *to, const struct event *event);

/*
 * The id of the change that last wrote this file of the host; "" where it was somebody else, or nobody knows. Good until the next
 * call. By what state_record() was told.
 */
const char *state_written_by(struct state *state, const char *path);

/*
 * A service that a change brought did what the model that it is watched by does not know: a line of a model, below its context's
 * ("service nginx"). Kept with the run of event->change that went on then, once, and at most STATE_NEWS_MAX a run; more are counted.
 * What the change does itself is no news, as no model is asked about it, and neither is what no change brought: 0.
 */
#define STATE_NEWS_MAX 1000
int state_change_news(struct state *state, const struct event *event, const char *context, const char *line);

/*
 * The sombrero. `put`: somebody touched a path (a rename: two) that `rule`, the pattern of a file rule, keeps for releases; puts it on
 * where it isn't. 1: it went on by this; 0: it was on.
 */
int state_sombrero_put(struct state *state, const struct event *event, const char *rule);

/*
 * A file event of a change: it may have rewritten touched paths. 1: with this the last was, and the sombrero is off; 0: not.
 * Events that are no change's, or about no file, are none of its business and cost nothing.
 */
int state_sombrero_rewritten(struct state *state, const struct event *event);

/* By hand. 1: it went off by this; 0: it wasn't on. */
int state_sombrero_off(struct state *state, const char *reason, const char *person);

/* Bounds; what a state begins with are the STATE_… below. For tests, and for hosts with little room. */
#define STATE_RECORD_LINES \
	10000 /* events kept whole of one session or one run of a change; exec, exit and network: three quarters */
#define STATE_RECORD_BYTES (4 * 1024 * 1024)      /* … and their size */
#define STATE_FAILED_MAX   10000                  /* failed logins: (address, user, service) */
#define STATE_TOUCHED_MAX  100000                 /* paths that a sombrero knows */
#define STATE_AGE_SECONDS  (90LL * 24 * 3600)     /* sessions and changes that ended longer ago go */
#define STATE_SIZE_BYTES   (1024LL * 1024 * 1024) /* then the oldest go, until the file's content is below */

struct state_limits {
	uint64_t record_lines, record_bytes, failed, touched;
	uint64_t age_seconds, size_bytes;
};

/* They hold from now on; what is over is taken away with the next commit. */
void state_limit(struct state *state, const struct state_limits *limits);

#endif
