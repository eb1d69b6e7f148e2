/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which line of the model a connection is: remembered by what made it (event's `same_program`) and what of it matters, so that it need
 * not be made a text and looked up each time. What is forgotten is only looked up again.
 */
#ifndef MODEL_MEMO_PRIV_H
#define MODEL_MEMO_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "model/network.h"

struct model_entry;

/* Two events with the same key are the same behaviour. */
struct memo_key {
	uint64_t who;
	const char *network; /* a name of `networks`, by its address */
	uint32_t what;       /* kind, protocol and port */
};

struct memo_place {
	struct memo_key key;
	struct model_entry *entry; /* NULL: free */
};

/* All zero is empty. */
struct memo {
	struct memo_place *places; /* owned; open addressing, at most half full */
	size_t count, capacity;    /* capacity: a power of two, or 0 */
};

/* At most so many places, of 32 bytes; when half of them are taken, all is forgotten. */
#define MEMO_PLACES_MAX (1U << 20)

void memo_free(struct memo *memo);

/* False for an event that is not of a known program, or no connection: it is not remembered. */
bool memo_key(const struct event *event, const struct networks *networks, struct memo_key *out);

/* NULL where it is not known. */
struct model_entry *memo_find(const struct memo *memo, const struct memo_key *key);

/* What memo_find() did not find. Without memory it is not remembered. */
void memo_add(struct memo *memo, const struct memo_key *key, struct model_entry *entry);

void memo_clear(struct memo *memo);

#endif
