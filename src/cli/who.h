/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs this command: the person, as far as can be told, not the account that sudo made of them. */
#ifndef CLI_WHO_H
#define CLI_WHO_H

#include "state/history.h"

struct who {
	/* The person of the session that the state has of this audit session; else who logged in; else by whose sudo it is, which only says so. */
	char person[256];
	char user[64];  /* the account that the command runs as */
	char login[32]; /* the session's id; "" unknown */
};

/* `state` may be NULL: nothing is known of sessions then. */
void who_find(struct state *state, struct who *out);

#endif
