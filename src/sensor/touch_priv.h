/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to files and has not been told yet: one entry a path, with who it was. A file that is written is told
 * once it is left alone for a moment, as what changed altogether.
 */
#ifndef SENSOR_TOUCH_PRIV_H
#define SENSOR_TOUCH_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "sensor/process_priv.h"

/* More than these are not kept waiting. */
#define TOUCHES_MAX 65536

/* Who touched a file, as far as can be told. References are held; all may be NULL. */
struct actor {
	struct process *process;
	struct image *image; /* what it ran */
	struct image *other; /* what it ran before or after: which of the two can't be told */
	uint64_t exec_ns;    /* when `image` took over from `other`, CLOCK_BOOTTIME */
	struct sombrero_credentials credentials, other_credentials;
};

struct touch {
	struct touch *older, *younger; /* by the first notice */
	uint64_t mask;                 /* FAN_…, of all notices */
	uint64_t since_ns;             /* CLOCK_BOOTTIME: the first was not before */
	uint64_t first_ns, last_ns;    /* when the first and the last were taken */
	struct actor actor;
	bool weak;   /* found by looking; whoever is told of takes its place */
	bool found;  /* … and nobody knows who it was */
	bool gone;   /* with the last notice nothing had that name any more */
	bool left;   /* whoever came next removed the file or renamed it: that it is gone is not this one's doing */
	bool forced; /* what it did was told as somebody else's who came before */
	char *from;  /* owned; of a rename, what it was called; else NULL */
	char *to;    /* owned; what it is called now; else NULL */
	char *path;  /* owned */
};

struct touches {
	struct table by_path;
	struct touch *oldest, *youngest;
	struct process_table *processes; /* borrowed: where actors are given back */
};

void touches_init(struct touches *touches, struct process_table *processes);
void touches_free(struct touches *touches);

struct touch *touches_find(const struct touches *touches, const char *path);

/* A new entry for a path that has none; takes the references of `actor`, also on failure. NULL: no memory. */
struct touch *touches_add(struct touches *touches, const char *path, const struct actor *actor, uint64_t time_ns);

/* Takes the entry out of the table; the caller frees it with touch_free(). */
void touches_take(struct touches *touches, struct touch *touch);
void touch_free(struct touches *touches, struct touch *touch);

/* Entries at or below `from` are called below `to` from now on. One that has that name already gives way. */
void touches_rename(struct touches *touches, const char *from, const char *to);

/* Another reference to each. */
struct actor actor_hold(const struct actor *actor);
void actor_drop(struct touches *touches, struct actor *actor);

#endif
