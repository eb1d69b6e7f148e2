/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of an event: one table that the NDJSON writer, the reader and the manual are made of. A new field
 * is one line in field.c, and the table in docs/reference/events.md made again (a test says when).
 */
#ifndef EVENT_FIELD_PRIV_H
#define EVENT_FIELD_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "event/event.h"

/* Fields of all kinds of events say who acted. */
#define FIELD_ALL_KINDS (((1U << EVENT_KIND_COUNT) - 1) & ~1U)

enum field_type {
	FIELD_TIME,        /* uint64_t, ns since 1970 */
	FIELD_KIND,        /* enum event_kind */
	FIELD_FLAGS,       /* uint32_t of EVENT_FLAG_… */
	FIELD_CONTEXT,     /* struct context */
	FIELD_BYTES,       /* const char *, any bytes: written escaped */
	FIELD_TEXT,        /* const char *, escaped already: program text */
	FIELD_SCRIPT_KIND, /* enum script_kind */
	FIELD_ARGUMENTS,   /* argv and argv_size */
	FIELD_ID,          /* uint32_t; EVENT_NO_ID is left out */
	FIELD_NUMBER_16,   /* uint16_t; 0 is left out, as in the next two */
	FIELD_NUMBER_32,
	FIELD_NUMBER_64, /* at most INT64_MAX, which is what JSON readers can hold */
	FIELD_COUNT_32,  /* uint32_t; 0 says something and is written, as in the next */
	FIELD_COUNT_64,
	FIELD_SIZE,      /* uint64_t; EVENT_NO_SIZE is left out */
	FIELD_MODE,      /* uint32_t as octal text; EVENT_NO_ID is left out */
	FIELD_FILE_TYPE, /* enum file_type; FILE_NONE is left out */
	FIELD_BITS_64,   /* uint64_t as hexadecimal text; 0 is left out */
	FIELD_LINEAGE,
	FIELD_FAMILY,
	FIELD_PROTOCOL,
	FIELD_ADDRESS, /* uint8_t[16], read by the family */
	FIELD_TYPE_COUNT,
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;  /* in struct event */
	unsigned kinds; /* 1 << EVENT_…: those that have it */
	const char *about;
};

/* In the order in which they are written; `family` stands before what it explains. */
extern const struct field field_table[];
extern const size_t field_count;

/* The table of docs/reference/events.md. */
void field_reference(struct buffer *out);

#endif
