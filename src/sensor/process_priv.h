/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process table: who lives, what they run, whose child they are, to which context they belong. The dead are kept
 * while a living descendant needs them for its lineage, and the latest of them for what comes late.
 */
#ifndef SENSOR_PROCESS_PRIV_H
#define SENSOR_PROCESS_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "event/event.h"
#include "sensor/login_priv.h"
#include "sombrero/event.h"

/* Beyond this many entries new ones are refused, and counted. */
#define PROCESS_TABLE_MAX 65536
/* So many of the dead are kept though nobody needs them. */
#define PROCESS_DEAD_MAX 1024
/* A chain of dead ancestors longer than this loses its oldest end. */
#define PROCESS_LINEAGE_MAX 48

/* What a process runs: shared by all that were forked since the exec. All strings in one allocation. */
struct image {
	unsigned references;
	uint32_t flags; /* EVENT_FLAG_… about the executable and its arguments */
	struct program program;
	const char *argv; /* redacted */
	size_t argv_size;
	uint32_t argc;
	const char *cwd;
	const char *cgroup;
	bool is_wrapper;
};

/* What the processes of a context use; see usage.c. */
struct usage {
	unsigned living;       /* processes, of those that are not in scope too */
	unsigned most, begun;  /* since it was told last: at a time; in all */
	uint64_t cpu_ns;       /* since then */
	unsigned seen;         /* while it is looked at: living processes in scope */
	struct process *actor; /* … and which of them has used most CPU, and how much */
	uint64_t actor_ns;
};

/* A context as it exists on this host; a service's is shared by all its processes. */
struct context_node {
	unsigned references;
	struct context context; /* strings owned */
	const char *unit;       /* the systemd unit it was made in; "" for none */
	const char *login;      /* what tells one login from another; "" for other kinds */
	const char *change;     /* the id of the change that it is, or that a service was started by; "" for none */
	struct login
		*begins; /* counted; the login that who is put here belongs to from now on; NULL: to the one it had */
	uint64_t run;    /* of a job or change: when its first process began; else 0 */
	bool scheduler;  /* cron and its like: what it starts are jobs */
	unsigned roots;  /* living processes that it began with: none left makes orphans of the others */
	struct usage usage;
};

struct process {
	uint32_t pid, namespace_pid;
	uint64_t start_ns;
	uint64_t start_slack_ns;    /* it began at start_ns or up to so much later: /proc counts in ticks */
	struct process *parent;     /* counted; NULL where unknown or cut */
	struct image *image;        /* counted; NULL where nothing is known */
	struct image *image_before; /* counted; what it ran before its last exec */
	uint64_t exec_ns;           /* when that was, CLOCK_BOOTTIME; 0: not seen */
	struct context_node *context;
	struct login
		*login; /* counted; the person's session that it descends from, whatever its context; NULL for none */
	struct sombrero_credentials credentials;
	struct sombrero_credentials credentials_before; /* those before its last exec */
	const char *user, *effective_user, *group;      /* owned by the cache of names; NULL: not looked up yet */
	uint32_t login_uid, session_id;
	uint32_t tty_major, tty_minor;
	uint32_t mount_namespace, pid_namespace, net_namespace, user_namespace;
	unsigned references; /* by children, and by the table */
	uint64_t cpu_ns;     /* CPU time that was counted as its context's already */
	bool cpu_known;      /* it was looked at */
	unsigned doubt;      /* the sensor's count of doubts when it last knew what this runs */
	bool dead;
	bool in_table; /* found by its pid; not so once another process has the pid */
	bool in_scope;
	bool is_context_root;
	bool is_login_root;
	struct process *younger, *older; /* the list of all, by when they were met */
};

struct process_table {
	struct table by_pid; /* living and lately dead; one entry a pid, the latest */
	size_t living, dead;
	struct process *oldest, *youngest;
	uint64_t refused; /* had no room */
};

void process_table_init(struct process_table *table);
void process_table_free(struct process_table *table);

/* The process of that pid that began then; start_ns 0 takes whoever has the pid. NULL where unknown. */
struct process *process_find(const struct process_table *table, uint32_t pid, uint64_t start_ns);

/* A new entry, child of `parent` (may be NULL), which gives it its image, context and ids. NULL: no room. */
struct process *process_add(struct process_table *table, uint32_t pid, uint64_t start_ns, struct process *parent);

/* Keeps an entry, also when it is dead and out of the table, until as many drops. NULL is fine for the latter. */
void process_hold(struct process *process);
void process_drop(struct process_table *table, struct process *process);

/* Marks it dead and lets go of the oldest of the dead that nobody needs, which may be this one. */
void process_end(struct process_table *table, struct process *process);

/* Replaces what it runs; takes the caller's reference. What it ran until now is `image_before`. */
void process_set_image(struct process *process, struct image *image);
/* Moves it to a context, which may be NULL; adds a reference. `is_root`: the context begins with it. */
void process_set_context(struct process *process, struct context_node *context, bool is_root);
/* Moves it to a login, which may be NULL; adds a reference. `is_root`: the login lasts as long as it lives. */
void process_set_login(struct process *process, struct login *login, bool is_root);

/* The facts an image is made from; borrowed. */
struct image_facts {
	const char *exe, *called, *cwd, *cgroup;
	const char *argv;
	size_t argv_size;
	uint32_t argc;
	uint32_t record_flags; /* SOMBRERO_… of an exec record */
};

/* Classifies the program and redacts its arguments. One reference, for the caller. NULL when out of memory. */
struct image *image_new(const struct image_facts *facts);
/* The same in another cgroup. */
struct image *image_moved(const struct image *image, const char *cgroup);
void image_release(struct image *image);

/* One reference, for the caller. NULL when out of memory. */
struct context_node *context_new(const struct context *context, const char *unit, const char *login,
				 const char *change);
void context_release(struct context_node *node);

#endif
