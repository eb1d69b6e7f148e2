/* SPDX-License-Identifier: Apache-2.0 */
#include "model/memo_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "model/behaviour.h"

#define PLACES_MIN 1024

void memo_free(struct memo *memo)
{
	free(memo->places);
	*memo = (struct memo) { 0 };
}

void memo_clear(struct memo *memo)
{
	if (memo->count)
		memset(memo->places, 0, memo->capacity * sizeof(*memo->places));
	memo->count = 0;
}

bool memo_key(const struct event *event, const struct networks *networks, struct memo_key *out)
{
	bool connects = event->kind == EVENT_CONNECT;
	uint32_t port;

	if (!event->same_program || (!connects && event->kind != EVENT_ACCEPT) ||
	    (event->family != AF_INET && event->family != AF_INET6))
		return false;
	port = behaviour_port(event);
	out->who = event->same_program;
	out->network = networks_name(networks, event->family, event->remote_address);
	out->what = port << 9 | (uint32_t)event->protocol << 1 | connects;
	return true;
}

/* The numbers are our own, so what mixes them need not be strong: the upper half of a product has them all. */
static uint64_t hash_of(const struct memo_key *key)
{
	uint64_t mixed = (key->who ^ (uintptr_t)key->network << 32 ^ (uint64_t)key->what << 24) * 0x9e3779b97f4a7c15ULL;

	return mixed >> 32;
}

/* The place of that key, or where it would be put. */
static struct memo_place *place_of(const struct memo *memo, const struct memo_key *key)
{
	size_t mask = memo->capacity - 1, at = hash_of(key) & mask;

	for (;; at = (at + 1) & mask) {
		struct memo_place *place = &memo->places[at];

		if (!place->entry ||
		    (place->key.who == key->who && place->key.what == key->what && place->key.network == key->network))
			return place;
	}
}

struct model_entry *memo_find(const struct memo *memo, const struct memo_key *key)
{
	return memo->capacity ? place_of(memo, key)->entry : NULL;
}

static bool grow(struct memo *memo)
{
	struct memo larger = { .capacity = memo->capacity ? memo->capacity * 2 : PLACES_MIN, .count = memo->count };

	larger.places = calloc(larger.capacity, sizeof(*larger.places));
	if (!larger.places)
		return false;
	for (size_t i = 0; i < memo->capacity; i++) {
		if (memo->places[i].entry)
			*place_of(&larger, &memo->places[i].key) = memo->places[i];
	}
	free(memo->places);
	*memo = larger;
	return true;
}

void memo_add(struct memo *memo, const struct memo_key *key, struct model_entry *entry)
{
	if (memo->count * 2 >= memo->capacity) {
		if (memo->capacity >= MEMO_PLACES_MAX)
			memo_clear(memo);
		else if (!grow(memo))
			return;
	}
	*place_of(memo, key) = (struct memo_place) { *key, entry };
	memo->count++;
}
