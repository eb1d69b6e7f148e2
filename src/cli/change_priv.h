/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `sombrero change`: change.c lists and shows, change_begin.c runs one. */
#ifndef CLI_CHANGE_PRIV_H
#define CLI_CHANGE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct change_begin {
	const char *id;
	const char *reason;    /* "" for none */
	const char *directory; /* of the state */
	char **command;
};

/* Letters, digits, ".", "_" and "-", at most 64. */
bool change_is_id(const char *id);

/* Runs the command as that change; returns its exit status, or EXIT_FAILED after having said why. */
int change_begin(const struct change_begin *change);

#endif
