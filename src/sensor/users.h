/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for user and group ids. Read from the passwd and group files, never through NSS, which would load foreign code; an id
 * that is not there is "uid:1234". Names live as long as the cache, so their number is bounded: once 16384 different ones
 * were given out (8192 to roots other than ours, so that no container can use them up), a new one is "uid:?".
 */
#ifndef SENSOR_USERS_H
#define SENSOR_USERS_H

#include <stdint.h>

struct users;

/* NULL when out of memory. */
struct users *users_new(void);
void users_free(struct users *users);

/*
 * `mount_namespace` chooses whose files: for a namespace met for the first time they are read below `root` ("" or
 * "/proc/PID/root"), and again when they changed, at most once a second, below that same root while it is there. The last
 * 64 namespaces are kept. EVENT_NO_ID's name is "". Of another root the first 1024 accounts in 64 KB are known.
 */
const char *users_name(struct users *users, uint32_t mount_namespace, const char *root, uint32_t uid);
const char *users_group(struct users *users, uint32_t mount_namespace, const char *root, uint32_t gid);

#endif
