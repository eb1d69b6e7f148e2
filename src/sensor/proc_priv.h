/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a process that no record described: one older than the sensor, or one whose exec was lost. */
#ifndef SENSOR_PROC_PRIV_H
#define SENSOR_PROC_PRIV_H

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
	uint32_t flags; /* SOMBRERO_EXE_SHEBANG where `called` shows it, SOMBRERO_ARGV_TRUNCATED */
};

/* Arguments, directory, and path as called. What can't be read is empty. */
void proc_read_image(uint32_t pid, struct proc_facts *facts);

/*
 * Everything. `start_ns` (0: any) must fit to the clock tick. 0, or -ESRCH where it is not that process or no longer there.
 */
int proc_read(uint32_t pid, uint64_t start_ns, struct proc_facts *facts);

#endif
