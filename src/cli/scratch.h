/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory that is a process's own and goes with it, 0700, in $TMPDIR or else in /run. What a killed process left
 * goes when the next one is made.
 */
#ifndef CLI_SCRATCH_H
#define CLI_SCRATCH_H

#include <limits.h>

#include "base/error.h"

struct scratch {
	char path[PATH_MAX];
	int fd; /* of the directory; its lock says that somebody needs it */
};

/* 0, or a negative errno with a text; then there is nothing to remove. */
int scratch_make(struct scratch *scratch, struct error *error);

/* With all the files in it. */
void scratch_remove(struct scratch *scratch);

#endif
