/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer and the reader of recordings agree on. docs/reference/recording.md says it in words. */
#ifndef EVENT_RECORDING_PRIV_H
#define EVENT_RECORDING_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "event/field_priv.h"

/* The last byte is the version. */
#define RECORDING_MAGIC      "\x89sombrero\x01"
#define RECORDING_MAGIC_SIZE 10

/* The first byte of a record. All but the peer's are followed by their length. */
enum recording_tag {
	TAG_SCHEMA = 1, /* words and fields by number; the first record, and only that */
	TAG_TEXT,       /* bytes, which get the next number from 1 on */
	TAG_ACTOR,      /* fields, which get the next number from 0 on */
	TAG_EVENT,      /* an event of whatever kind */
	TAG_RESET,      /* numbers of texts and actors begin anew */
	TAG_END,        /* how many events there were */
	TAG_PEER = 0x80 /* a connect or accept in its short form; the lower bits say what there is */
};

#define PEER_ACCEPT  0x01U /* else connect */
#define PEER_SIX     0x02U /* else IPv4 */
#define PEER_UDP     0x04U /* else TCP */
#define PEER_LOCAL   0x08U /* there is a local address */
#define PEER_FLAGS   0x10U /* there are flags */
#define PEER_UNKNOWN 0x60U /* none has these */

#define NUMBER_SIZE_MAX 10

/* Tag, actor, time, flags, two ports and two addresses. */
#define PEER_SIZE_MAX (1 + 3 * NUMBER_SIZE_MAX + 2 + 2 + 16 + 16)

/* A text is no longer, without a NUL byte; arguments are one text. */
#define RECORDING_TEXT_MAX (1024U * 1024)

/* Numbers that have names, which the schema lists. */
enum recording_words {
	WORDS_KIND,
	WORDS_CONTEXT,
	WORDS_SCRIPT,
	WORDS_FILE_TYPE,
	WORDS_FLAG,
	WORDS_COUNT,
};

/* How a field's value is written. */
enum recording_form {
	FORM_NONE,   /* it is no field of records: time, kind and flags have places of their own */
	FORM_NUMBER, /* number */
	FORM_TEXT,   /* a text's number; or 0, its size and its bytes */
	FORM_LIST,   /* a count, and that many times: number, text, text */
	FORM_BYTES,  /* a size and bytes; those that are not there are 0 */
	FORM_COUNT,
};

struct recording_layout {
	enum recording_form form;
	uint8_t width;              /* of a number in struct event, in bytes */
	enum recording_words words; /* WORDS_COUNT: it is not one of the numbers that have names */
};

const struct recording_layout *recording_layout(const struct field *field);

/* How many words of a sort there are; none is longer than a byte can say. */
unsigned recording_word_count(enum recording_words words);

/* "" for a number without one. */
const char *recording_word(enum recording_words words, unsigned number);

/* Is it the same for all that an actor does? */
static inline bool recording_is_actors(const struct field *field)
{
	return field->kinds == FIELD_ALL_KINDS;
}

/* Small and negative numbers alike become small ones. */
static inline uint64_t recording_zigzag(int64_t number)
{
	return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static inline int64_t recording_unzigzag(uint64_t number)
{
	return (int64_t)(number >> 1 ^ (0 - (number & 1)));
}

#endif
