/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup2: where it is mounted, cgroups of our own, and what a cgroup's path says of who lives in it. */
#ifndef SENSOR_CGROUP_H
#define SENSOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The directory where cgroup2 is mounted, into `out`. -ENOTSUP with a text that says how to mount it. */
int cgroup_mount_point(char *out, size_t size, struct error *error);

/*
 * Makes a cgroup `sombrero-PID-PURPOSE` at the top of the tree (`purpose`: a-z, 0-9 and -, at most 64). `out` gets its
 * directory. Cgroups of that name which a dead sombrero left behind are removed before, with what still runs in them:
 * nobody else owns it. One whose maker can't be told dead, as in another pid namespace, is left alone.
 */
int cgroup_make(const char *purpose, char *out, size_t size, struct error *error);

/* Ends what still runs in a cgroup that cgroup_make() made and removes it with its children; takes at most half a second. */
void cgroup_remove(const char *directory);

/*
 * Expands a glob into directories, sorted: relative to the tree, with or without a leading "/", or absolute below the mount
 * point. A backslash stands for itself, as in systemd's names. -ENOENT with a text that names the pattern when nothing
 * matches, -EINVAL for "" and "..". Free with cgroup_free_list.
 */
int cgroup_expand(const char *pattern, char ***list, size_t *count, struct error *error);
void cgroup_free_list(char **list, size_t count);

/* What a path in the tree says; each is "" where it says nothing. */
#define CGROUP_NAME_MAX 256

/*
 * Whoever may make cgroups below a service or scope (a delegated one, a user's own manager, a container) chooses the names
 * there. So units below a unit are not looked at, and a container there is said to be delegated: what counts has only
 * slices and plain directories above it.
 */
struct cgroup_facts {
	/* Outermost systemd unit: "nginx.service", "session-4.scope", "init.scope"; in a container one inside it, or "". */
	char unit[CGROUP_NAME_MAX];
	char container[CGROUP_NAME_MAX]; /* "3f2a9c1b77aa", or a machine's name; of nested ones the outermost */
	char change[CGROUP_NAME_MAX];    /* id of a declared change of this host: sombrero-change-ID.scope */
	bool session;                    /* in a login session's scope, or below a user's own manager */
	bool delegated;                  /* the container was made below a unit: whoever runs there may have named it */
};

/* Hostile bytes: any string parses to something. */
void cgroup_parse(const char *path, struct cgroup_facts *out);

/* Is `path` the cgroup `root` or below it? Both in the tree ("/a/b"). */
bool cgroup_is_below(const char *path, const char *root);

#endif
