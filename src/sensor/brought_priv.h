/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSOR_BROUGHT_PRIV_H
#define SENSOR_BROUGHT_PRIV_H

#include <stdint.h>

#include "sensor/process_priv.h"

/* Units that changes have asked for lately. */
#define BROUGHT_UNITS    256
#define BROUGHT_NAME_MAX 256

struct brought_unit {
	char unit[BROUGHT_NAME_MAX], change[BROUGHT_NAME_MAX];
	uint64_t until_ns; /* CLOCK_BOOTTIME */
};

struct brought {
	struct brought_unit unit[BROUGHT_UNITS];
	unsigned next;
	/* The id of the change that last wrote this file, or "". NULL: nobody knows. */
	const char *(*written_by)(void *owner, const char *path);
	void *owner;
};

/* A change's process has become another program: does it ask the init to start something? */
void brought_note(struct brought *brought, const struct process *process, uint64_t now_ns);

/* The id of the change by which a service begins with this process; "" for none. Good until the next call. */
const char *brought_by(const struct brought *brought, const struct process *process, uint64_t now_ns);

#endif
