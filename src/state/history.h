/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the state remembers, to be shown: sessions, failed logins, changes, the sombrero; and the begin and end of a declared change. All
 * strings are borrowed until the visitor returns, "" where unknown, never NULL, and hostile: escape them. Times are ns since 1970,
 * 0 where unknown. A visitor that returns not 0 ends the walk, which returns that.
 */
#ifndef STATE_HISTORY_H
#define STATE_HISTORY_H

#include <stdbool.h>

#include "state/state.h"

/* What was recorded of a session or of one run of a change. */
struct state_tally {
	uint64_t seen[EVENT_KIND_COUNT];    /* events by kind */
	uint64_t dropped[EVENT_KIND_COUNT]; /* of these, counted but not kept: the bounds were reached */
	uint64_t orphans;                   /* events of what outlived its session */
};

enum state_end {
	STATE_OPEN,      /* it goes on */
	STATE_ENDED,     /* at `end_ns` */
	STATE_UNWATCHED, /* it went on at `watched_ns`, when the watch ended; nobody knows since */
	STATE_REBOOTED,  /* it went on at `watched_ns`; then the machine was started again */
};

struct state_session {
	const char *id; /* 16 hexadecimal digits */
	const char *person, *user, *service, *method, *key, *certificate, *address, *tty, *container;
	uint16_t port;
	uint32_t audit_session; /* EVENT_NO_ID: none */
	bool seen_login;        /* false: it was there before the watch, or its login was missed */
	uint64_t begin_ns, end_ns, last_ns, watched_ns;
	enum state_end end;
	uint64_t processes, files; /* as the logout said */
	struct state_tally tally;
};

typedef int (*state_session_visitor)(void *to, const struct state_session *session);

struct state_session_filter {
	bool open;          /* only those that go on, as far as known */
	const char *person; /* NULL: anybody's; else the person, the user, the key or the certificate */
	uint64_t since_ns;  /* begun, or still seen, since then */
};

/* Newest first. `filter` may be NULL. */
int state_sessions(struct state *state, const struct state_session_filter *filter, state_session_visitor visit,
		   void *to);

/* The one whose id begins so. -ENOENT; -ENOTUNIQ: several do. */
int state_session_find(struct state *state, const char *prefix, state_session_visitor visit, void *to);

/* An event as it was kept: one NDJSON line. `orphan`: of what outlived its session. */
typedef int (*state_line_visitor)(void *to, const char *line, size_t size, bool orphan);

/* In the order in which they came. */
int state_session_events(struct state *state, const char *id, state_line_visitor visit, void *to);

struct state_failed {
	const char *address, *user, *service;
	uint64_t attempts, first_ns, last_ns;
};

typedef int (*state_failed_visitor)(void *to, const struct state_failed *failed);

/* Latest first; those of which the last is not before `since_ns`. */
int state_failed_logins(struct state *state, uint64_t since_ns, state_failed_visitor visit, void *to);

struct state_change {
	const char *id;
	uint64_t run;       /* 1 for the first of that id */
	const char *origin; /* "declared", "unit", "session" */
	const char *person, *user, *reason, *command, *login;
	uint32_t pid;
	uint64_t begin_ns, end_ns, last_ns, watched_ns;
	enum state_end end;
	int exit_status; /* 0…255; 128 + a signal's number; -1: unknown */
	struct state_tally tally;
};

typedef int (*state_change_visitor)(void *to, const struct state_change *change);

/* Newest first. */
int state_changes(struct state *state, state_change_visitor visit, void *to);

/* A run, or of run 0 the newest. -ENOENT. */
int state_change_find(struct state *state, const char *id, uint64_t run, state_change_visitor visit, void *to);

int state_change_events(struct state *state, const char *id, uint64_t run, state_line_visitor visit, void *to);

/* What a change's services did that their model did not know. */
struct state_news {
	const char *context, *line; /* as in a model; "" and "" for the sum of what there was no room for */
	uint64_t first_ns;
	uint64_t count; /* how often it was told: a watch tells it once */
};

typedef int (*state_news_visitor)(void *to, const struct state_news *news);

/* By context, then as it came. */
int state_change_news_each(struct state *state, const char *id, uint64_t run, state_news_visitor visit, void *to);

/* A declared change begins: id, person, user, reason, command, login and pid are taken from `change`. Commits. */
int state_change_begin(struct state *state, const struct state_change *change, uint64_t *run);

/* … and ends. Commits. */
int state_change_end(struct state *state, const char *id, uint64_t run, int exit_status);

struct state_touch {
	const char *path;
	uint32_t kinds; /* 1 << EVENT_… of what was done to it */
	uint64_t count, first_ns, last_ns;
	/* of the last touch; in state_sombrero.first of the first */
	const char *person, *user, *program, *login, *context, *rule;
	enum event_kind kind;
	uint64_t rewritten_ns;    /* 0: not yet */
	const char *rewritten_by; /* the change */
};

struct state_sombrero {
	uint64_t number;
	uint64_t on_ns, off_ns; /* off_ns 0: it is on */
	const char *off_how;    /* "rewritten", "by hand" */
	const char *off_reason, *off_person;
	uint64_t touched, waiting; /* paths; of these not yet rewritten */
	uint64_t untold;           /* touches of paths for which there was no room: it comes off by hand only */
	struct state_touch first, last;
};

typedef int (*state_sombrero_visitor)(void *to, const struct state_sombrero *sombrero);
typedef int (*state_touch_visitor)(void *to, const struct state_touch *touch);

/* Newest first: if any is on, it is the first. */
int state_sombreros(struct state *state, state_sombrero_visitor visit, void *to);

/* The paths of one, by path. */
int state_sombrero_touches(struct state *state, uint64_t number, state_touch_visitor visit, void *to);

struct state_counts {
	uint64_t files; /* in the baseline */
	uint64_t sessions, sessions_open, changes, changes_open;
	uint64_t failed_24h;     /* attempts of those (address, user, service) that tried within 24 hours */
	uint64_t failed_dropped; /* attempts that are no longer told apart */
	uint64_t waiting;        /* findings that nobody took */
	bool watched;            /* a watch runs now */
	uint64_t watched_ns;     /* else when the last one was seen; 0: never */
};

int state_count(struct state *state, struct state_counts *out);

#endif
