/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sensor: what the kernel sees of a host or of some cgroups, as events with their actor and
 * context. One source of events for the command line and the agent; replay.h is the other.
 */
#ifndef SENSOR_SENSOR_H
#define SENSOR_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "event/baseline.h"
#include "event/event.h"

struct sensor;

/*
 * Which files are watched. Paths are as at home, without a slash at the end. Borrowed, all of it, as long as the sensor lives; what
 * is put into the baseline is the owner's to commit, after each sensor_open(), sensor_poll() and sensor_drain().
 */
struct file_watch {
	const struct baseline *baseline;
	const char *const *roots; /* directories: none lies in another; "" is the root directory */
	size_t root_count;
	void *owner;
	bool (*wants)(void *owner, const char *path);       /* is it told of? */
	bool (*wants_below)(void *owner, const char *path); /* may something in this directory be? */
	bool (*wants_text)(void *owner, const char *path);  /* is its text kept, so that a difference can be shown? */
	/* The id of the change that last wrote this file; "" for none. Good until the next call. */
	const char *(*written_by)(void *owner, const char *path);
};

/* By what a session is a change. */
struct sensor_change_session {
	enum {
		CHANGE_BY_KEY,         /* "SHA256:…" */
		CHANGE_BY_CERTIFICATE, /* a pattern of its id; "*" is any text */
		CHANGE_BY_USER,        /* the account that logged in */
	} by;
	const char *value;
};

struct sensor_options {
	/* Directories in the cgroup2 tree whose subtrees are watched; none: the whole host. Borrowed until sensor_open returns. */
	const char *const *cgroups;
	size_t cgroup_count;
	/* What has no better context belongs to a test harness (CONTEXT_HARNESS), not to the boot. */
	bool harness;
	/* Programs (program_name; "*" is any text) that are services wherever a harness or the boot starts them. */
	const char *const *services;
	size_t service_count;
	/* Programs that are jobs wherever a harness starts them: nothing there tells one from the rest of the tests. */
	const char *const *jobs;
	size_t job_count;
	/* Names of units (chef-client.service) that are changes. Added to the built-in ones. */
	const char *const *changes;
	size_t change_count;
	/* Files to watch; NULL: none. */
	const struct file_watch *files;
	/* Where logins are logged: "journal", a file, "none", or NULL for what there is. With `harness` it is never read. */
	const char *auth_log;
	/* Sessions that are changes, by who logged in. Borrowed as above. */
	const struct sensor_change_session *change_sessions;
	size_t change_session_count;
	/* Does a change that is declared under this id count? NULL: each does. One that doesn't is what it would be otherwise. */
	bool (*counts_change)(void *owner, const char *id);
	void *counts_owner;
	/* Report what was there before as events with EVENT_FLAG_EXISTING: processes in scope, and what they listen on. */
	bool existing;
};

/* The built-in limit of cgroups in one scope. */
#define SENSOR_CGROUPS_MAX 64

/*
 * Loads and attaches everything and takes the state at start. `sink` is called from within sensor_open and sensor_poll
 * only. Needs root. Errors: -EPERM, -ENOTSUP (no BTF, no cgroup2, a kernel that lacks a hook), -ENOENT (no such
 * cgroup), each with a text that says what to do; nothing stays attached.
 */
int sensor_open(const struct sensor_options *options, event_sink sink, void *owner, struct sensor **out,
		struct error *error);

/*
 * Waits until there may be something, at most `timeout_ms`, then hands all there is to the sink. Returns 0, or what the
 * sink returned, or a negative errno.
 */
int sensor_poll(struct sensor *sensor, int timeout_ms);

/* Hands over what is in the ring now, without waiting. */
int sensor_drain(struct sensor *sensor);

void sensor_close(struct sensor *sensor);

/* A hook or a look: what it is for, and whether it works. */
struct sensor_part {
	const char *name; /* "exec", "connect", "module load" … */
	bool on;
	const char *why_not;   /* "" when on */
	uint64_t runs, run_ns; /* only while kernel.bpf_stats_enabled is 1; otherwise 0 */
};

struct files_tally {
	uint64_t files;   /* looked at in trees, so far */
	uint64_t notices; /* of the kernel */
	uint64_t events;
	uint64_t transient; /* came and went within a moment: not told */
	uint64_t whole;     /* filesystems that are watched as wholes */
	uint64_t
		by_upper; /* directories of overlays that tell only by their upper layer: not of what is written in place */
	uint64_t
		unwatched; /* directories whose filesystem doesn't tell of changes, and directories and containers that were too many */
};

struct sensor_loss {
	const char *reason;
	uint64_t count;
};

#define SENSOR_PARTS_MAX  32
#define SENSOR_LOSSES_MAX 32

struct sensor_status {
	struct sensor_part part[SENSOR_PARTS_MAX];
	unsigned part_count;
	struct sensor_loss loss[SENSOR_LOSSES_MAX]; /* every reason, also those that are 0 */
	unsigned loss_count;
	uint64_t records;      /* taken from the ring */
	uint64_t events;       /* handed to the sink */
	size_t processes;      /* in the table, alive */
	size_t processes_dead; /* kept to explain what comes late */
	struct files_tally files;
	size_t ring_bytes;
	size_t map_bytes; /* what the kernel says of our maps, the ring included */
};

void sensor_status(struct sensor *sensor, struct sensor_status *out);

#endif
