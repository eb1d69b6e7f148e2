/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a process that no record described: one older than the sensor, or one whose exec was lost. */
#ifndef SENSOR_PROC_PRIV_H
#define SENSOR_PROC_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sombrero/event.h"

struct proc_facts {
	struct sombrero_exec record; /* ids and parent; only from proc_read */
	char exe[SOMBRERO_PATH_MAX];
	char called[SOMBRERO_PATH_MAX]; /* as execve(2) had it, from the auxiliary vector; "" where it can't be read */
	char cwd[SOMBRERO_PATH_MAX];
	char cgroup[SOMBRERO_PATH_MAX];
	char argv[SOMBRERO_ARGV_MAX];
	size_t argv_size;
	uint32_t argc;
	uint32_t flags; /* SOMBRERO_EXE_… and SOMBRERO_ARGV_TRUNCATED, as far as /proc shows */
};

/* The inode of the first pid namespace, on every kernel. */
#define PROC_FIRST_PID_NAMESPACE 0xeffffffcU

/* The pid namespace whose processes our /proc shows; 0 where that can't be told. */
uint32_t proc_namespace(void);

/*
 * The number that a /proc of `shown` (proc_namespace()) has for a process, 0 where it has none: the process lies outside of that
 * namespace, or deeper than one below the first.
 */
uint32_t proc_number(uint32_t shown, uint32_t tgid, uint32_t pid_namespace, uint32_t namespace_pid);

/* How much later than /proc says a process may have begun. */
uint64_t proc_start_slack_ns(void);

/* Is there a process of that pid, as /proc counts, that began at `start_ns`, to the clock tick? */
bool proc_exists(uint32_t pid, uint64_t start_ns);

/* The CPU time of all its threads so far, in clock ticks' precision. 0, or -ESRCH as proc_read(). */
int proc_cpu(uint32_t pid, uint64_t start_ns, uint64_t *out);

/* Arguments, directory, and path as called, of a process that runs `exe`. What can't be read is empty. */
void proc_read_image(uint32_t pid, const char *exe, struct proc_facts *facts);

/*
 * Everything. `start_ns` (0: any) must fit to the clock tick. 0, or -ESRCH where it is not that process or no longer there.
 * Pids, `pid` and those in the record, are as /proc counts them.
 */
int proc_read(uint32_t pid, uint64_t start_ns, struct proc_facts *facts);

#endif
