/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSOR_BROUGHT_PRIV_H
#define SENSOR_BROUGHT_PRIV_H

#include <stdint.h>

#include "sensor/process_priv.h"

/* Units that somebody has asked for lately. */
#define BROUGHT_UNITS    256
#define BROUGHT_NAME_MAX 256

struct brought_unit {
	char unit[BROUGHT_NAME_MAX];   /* or a pattern of such names */
	char change[BROUGHT_NAME_MAX]; /* "": who asked was no change */
	uint64_t until_ns;             /* CLOCK_BOOTTIME */
};

struct brought {
	struct brought_unit unit[BROUGHT_UNITS];
	unsigned next; /* where the next one goes: the one before is the latest */
	/* The id of the change that last wrote this file, or "". NULL: nobody knows. */
	const char *(*written_by)(void *owner, const char *path);
	void *owner;
};

/*
 * A process has become another program: does it ask the init to start something? `root` is where unit files lie ("" for our own
 * root): a unit may be asked for by another name.
 */
void brought_note(struct brought *brought, const struct process *process, const char *root, uint64_t now_ns);

/* The id of the change by which a service begins with this process; "" for none. Good until the next call. */
const char *brought_by(const struct brought *brought, const struct process *process, uint64_t now_ns);

#endif
