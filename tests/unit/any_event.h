/* SPDX-License-Identifier: Apache-2.0 */
/* Events of chance, the same on each run. For tests that say something of any event. */
#ifndef UNIT_ANY_EVENT_H
#define UNIT_ANY_EVENT_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "event/event.h"
#include "event/field_priv.h"

/* Numbers that are the same on each run (xorshift64; Marsaglia, 2003). */
static uint64_t state_of_chance = 88172645463325252ULL;

static inline uint64_t any_number(void)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 7;
	state_of_chance ^= state_of_chance << 17;
	return state_of_chance;
}

static inline unsigned any_below(unsigned limit)
{
	return (unsigned)(any_number() % limit);
}

static inline void random_bytes(char *bytes, size_t size)
{
	static const char often[] = "\0\0  --==::''\"\"$$()\\\n//@%pPkKtT;|&<>`{}";

	for (size_t i = 0; i < size; i++)
		bytes[i] = any_below(2) ? often[any_below(sizeof(often) - 1)] : (char)any_below(256);
}

/* What the events' strings are made of: fill them with random_bytes(). */
static char strings[64][40];

/* One of the random strings. */
static inline const char *any_string(void)
{
	return strings[any_below(64)];
}

static inline uint64_t any_size_of_number(void)
{
	return any_number() >> any_below(64);
}

static inline void any_event(struct event *event)
{
	event_init(event, (enum event_kind)(1 + any_below(EVENT_KIND_COUNT - 1)));
	for (size_t i = 0; i < field_count; i++) {
		char *at = (char *)event + field_table[i].offset;
		uint64_t number = any_size_of_number();

		if (field_table[i].type == FIELD_BYTES)
			*(const char **)at = any_string();
		else if (field_table[i].type == FIELD_NUMBER_32 || field_table[i].type == FIELD_ID)
			memcpy(at, &number, 4);
		else if (field_table[i].type == FIELD_NUMBER_64 || field_table[i].type == FIELD_BITS_64 ||
			 field_table[i].type == FIELD_SIZE)
			memcpy(at, &number, 8);
		else if (field_table[i].type == FIELD_MODE)
			*(uint32_t *)at = any_below(2) ? EVENT_NO_ID : any_below(010000);
		else if (field_table[i].type == FIELD_FILE_TYPE)
			*(enum file_type *)at = (enum file_type)any_below(FILE_TYPE_COUNT);
	}
	event->time_ns = any_size_of_number();
	event->flags = (uint32_t)any_size_of_number();
	event->context =
		(struct context) { (enum context_kind)(any_below(CONTEXT_KIND_COUNT)), any_string(), any_string() };
	event->argv = any_string();
	event->argv_size = any_below(sizeof(strings[0]));
	event->lineage_count = any_below(EVENT_LINEAGE_MAX + 1);
	event->lineage[0] = (struct event_ancestor) { 1, "/x\\x20\"", any_string() };
	event->family = (uint8_t)(any_below(2) ? AF_INET : AF_INET6);
	event->protocol = (uint8_t)any_size_of_number();
	memcpy(event->local_address, any_string(), 16);
	memcpy(event->remote_address, any_string(), 16);
	event->local_port = (uint16_t)any_size_of_number();
	event->exit_code = (uint32_t)any_size_of_number();
	event->loss_count = any_size_of_number();
}

#endif
