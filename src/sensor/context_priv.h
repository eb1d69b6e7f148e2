/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which context a process belongs to (design: service, job, session, change, boot, container). Decided at exec, from
 * what the process inherited, its cgroup, its audit session and what called it; corrected once, when a process turns
 * out to be a daemon.
 */
#ifndef SENSOR_CONTEXT_PRIV_H
#define SENSOR_CONTEXT_PRIV_H

#include "sensor/login_priv.h"
#include "sensor/process_priv.h"
#include "sensor/sensor.h"
#include "sensor/users.h"

/* What a process must share to be at home in the scope, and not in a container. */
struct home {
	uint32_t number; /* in our /proc, of a process whose root has the host's files; 0: none that can be read */
	uint32_t pid_namespace, mount_namespace, user_namespace;
};

struct contexts {
	struct context_node **shared; /* owned references: services, units, the boot, the harness */
	size_t shared_count, shared_capacity;
	struct users *users; /* borrowed */
	char **services;     /* owned: names of programs that are services wherever they start */
	size_t service_count;
	char **jobs; /* owned: names of programs that are jobs where a harness starts them */
	size_t job_count;
	char **changes; /* owned: units that are changes */
	size_t change_count;
	bool (*counts_change)(void *owner, const char *id); /* NULL: each declared one does */
	void *counts_owner;                                 /* borrowed */
	bool harness;
	struct logins logins;
	uint32_t mount_namespace; /* ours */
	uint32_t proc_namespace;  /* the pid namespace that our /proc shows */
	struct home home;
	bool home_is_open; /* nothing was in the scope yet: the first process in it says where home is */
};

int contexts_init(struct contexts *contexts, const struct sensor_options *options, struct users *users);
void contexts_free(struct contexts *contexts);

/* Home is there, unless that is known already. A scope that is a container or a fake host has a home of its own. */
void contexts_set_home(struct contexts *contexts, const struct home *home);

/* The name of who logged in, as the accounts at home have it: nobody else can choose that. */
const char *contexts_login_user(const struct contexts *contexts, uint32_t uid);

/* The name of a group, as the files at home have it. */
const char *contexts_home_group(const struct contexts *contexts, uint32_t gid);

/* The number that our /proc has for the process; 0 where it shows it not. */
uint32_t contexts_number(const struct contexts *contexts, const struct process *process);

/* Below which directory the process's files lie: "" for ours, else /proc/PID/root, written into `out`. */
const char *contexts_root(const struct contexts *contexts, const struct process *process, char out[32]);

/*
 * The mount namespace whose passwd and group files name the process's ids, and a root of it, for users_name(). Who is gone
 * already and was in no container had home's: systemd gives many services mounts of their own.
 */
uint32_t contexts_accounts(const struct contexts *contexts, const struct process *process, char root[32]);

/* What a process was, or its parent is, at the moment when it becomes another program. */
struct origin {
	const struct image *caller; /* what it or its parent ran; NULL where unknown */
	uint32_t session_id;        /* audit session */
	uint32_t euid;              /* as this host counts: 0 is no user namespace's root */
	bool in_scope;
	bool adopted; /* its parent is the init, which may have it from somebody who ended before the sensor came */
};

/* Does it take logins by its name: sshd, login …? False for NULL. */
bool contexts_takes_logins(const struct image *image);

/* Is a unit of that name a change of this host? */
bool contexts_changes(const struct contexts *contexts, const char *unit);

/* Does `name` fit to the pattern, in which "*" is any text? Models have names so: app.*.js */
bool contexts_fits(const char *name, const char *pattern);

/* Below which directory home's files lie: "" for ours, else /proc/PID/root, written into `out`. */
const char *contexts_home_root(const struct contexts *contexts, char out[32]);

/* Is it a program that starts a host's services, and opens sockets for them? */
bool contexts_is_init(const struct image *image);

/* Puts `process`, which has just become what its image says, where it belongs. */
void contexts_assign(struct contexts *contexts, struct process *process, const struct origin *origin);

/*
 * Is that container none, but a process's own root or user namespace at home? What lies where in such a root need not be what
 * lies there on the host.
 */
bool contexts_is_own_root(const char *container);

/* The service that begins with `process` was brought about by this change ("" for none), and says so from now on. */
void contexts_explain(struct contexts *contexts, struct process *process, const char *change);

/* `process` is in another audit session than before, without an exec: perhaps somebody has logged in. */
void contexts_note_login(struct contexts *contexts, struct process *process, const struct origin *origin);

/*
 * `process` waits for connections: if it is in nobody's charge (boot, harness, unknown), or a change has started it, it and its
 * like are a service.
 * Returns the process where that service begins, with the new context in *node (one reference, for the caller), or NULL
 * where nothing changes.
 */
struct process *contexts_found_listener(struct contexts *contexts, struct process *process, struct context_node **node);

/* The same for `process`, whose parent of the same program has just ended and left it running: a daemon. */
struct process *contexts_found_daemon(struct contexts *contexts, struct process *process, struct context_node **node);

#endif
