/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which context a process belongs to (design: service, job, session, change, boot, container). Decided at exec, from
 * what the process inherited, its cgroup, its audit session and what called it; corrected once, when a process turns
 * out to be a daemon.
 */
#ifndef SENSOR_CONTEXT_PRIV_H
#define SENSOR_CONTEXT_PRIV_H

#include "sensor/process_priv.h"
#include "sensor/sensor.h"
#include "sensor/users.h"

struct contexts {
	struct context_node **shared; /* owned references: services, units, the boot, the harness */
	size_t shared_count, shared_capacity;
	struct users *users; /* borrowed */
	char **services;     /* owned: names of programs that are services wherever they start */
	size_t service_count;
	char **changes; /* owned: units that are changes */
	size_t change_count;
	bool harness;
	uint32_t mount_namespace; /* ours */
	uint32_t pid_namespace;   /* of the scope: a process in another one is in a container */
};

int contexts_init(struct contexts *contexts, const struct sensor_options *options, struct users *users);
void contexts_free(struct contexts *contexts);

/* Below which directory the process's files lie: "" for ours, else /proc/PID/root, written into `out`. */
const char *contexts_root(const struct contexts *contexts, const struct process *process, char out[32]);

/* What a process was, or its parent is, at the moment when it becomes another program. */
struct origin {
	const struct image *caller; /* what it or its parent ran; NULL where unknown */
	uint32_t session_id;        /* audit session */
	bool in_scope;
};

/* Puts `process`, which has just become what its image says, where it belongs. */
void contexts_assign(struct contexts *contexts, struct process *process, const struct origin *origin);

/*
 * `process` waits for connections: if it is in nobody's charge (boot, harness, unknown), it and its like are a service.
 * Returns the process where that service begins, with the new context in *node (one reference, for the caller), or NULL
 * where nothing changes.
 */
struct process *contexts_found_listener(struct contexts *contexts, struct process *process, struct context_node **node);

/* The same for `process`, whose parent of the same program has just ended and left it running: a daemon. */
struct process *contexts_found_daemon(struct contexts *contexts, struct process *process, struct context_node **node);

#endif
