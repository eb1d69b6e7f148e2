/* SPDX-License-Identifier: Apache-2.0 */
/* What both halves need: words, and how fields are laid out. */
#include "event/recording.h"

#include <string.h>

#include "event/recording_priv.h"

/* A reader's tables and the schema's counts are bytes. */
_Static_assert(EVENT_KIND_COUNT < 256, "kinds are bytes");
_Static_assert(EVENT_FLAG_COUNT <= 32, "flags are bits of a number");

#define NUMBER(width_)                             \
	{                                          \
		FORM_NUMBER, (width_), WORDS_COUNT \
	}
#define WORD(type_, words_)                          \
	{                                            \
		FORM_NUMBER, sizeof(type_), (words_) \
	}
#define PLAIN(form_)                    \
	{                               \
		(form_), 0, WORDS_COUNT \
	}

static const struct recording_layout layouts[FIELD_TYPE_COUNT] = {
	[FIELD_TIME] = PLAIN(FORM_NONE),
	[FIELD_KIND] = PLAIN(FORM_NONE),
	[FIELD_FLAGS] = PLAIN(FORM_NONE),
	[FIELD_CONTEXT] = PLAIN(FORM_LIST),
	[FIELD_BYTES] = PLAIN(FORM_TEXT),
	[FIELD_TEXT] = PLAIN(FORM_TEXT),
	[FIELD_SCRIPT_KIND] = WORD(enum script_kind, WORDS_SCRIPT),
	[FIELD_ARGUMENTS] = PLAIN(FORM_TEXT),
	[FIELD_ID] = NUMBER(4),
	[FIELD_NUMBER_16] = NUMBER(2),
	[FIELD_NUMBER_32] = NUMBER(4),
	[FIELD_NUMBER_64] = NUMBER(8),
	[FIELD_COUNT_32] = NUMBER(4),
	[FIELD_COUNT_64] = NUMBER(8),
	[FIELD_SIZE] = NUMBER(8),
	[FIELD_MODE] = NUMBER(4),
	[FIELD_FILE_TYPE] = WORD(enum file_type, WORDS_FILE_TYPE),
	[FIELD_BITS_64] = NUMBER(8),
	[FIELD_LINEAGE] = PLAIN(FORM_LIST),
	[FIELD_FAMILY] = NUMBER(1),
	[FIELD_PROTOCOL] = NUMBER(1),
	[FIELD_ADDRESS] = PLAIN(FORM_BYTES),
};

static const unsigned word_counts[WORDS_COUNT] = {
	[WORDS_KIND] = EVENT_KIND_COUNT,     [WORDS_CONTEXT] = CONTEXT_KIND_COUNT, [WORDS_SCRIPT] = SCRIPT_KIND_COUNT,
	[WORDS_FILE_TYPE] = FILE_TYPE_COUNT, [WORDS_FLAG] = EVENT_FLAG_COUNT,
};

const struct recording_layout *recording_layout(const struct field *field)
{
	return &layouts[field->type];
}

unsigned recording_word_count(enum recording_words words)
{
	return word_counts[words];
}

static const char *word(enum recording_words words, unsigned number)
{
	switch (words) {
	case WORDS_KIND:
		return event_kind_name((enum event_kind)number);
	case WORDS_CONTEXT:
		return context_kind_name((enum context_kind)number);
	case WORDS_SCRIPT:
		return script_kind_name((enum script_kind)number);
	case WORDS_FILE_TYPE:
		return file_type_name((enum file_type)number);
	case WORDS_FLAG:
		return event_flag_name(number);
	default:
		return NULL;
	}
}

const char *recording_word(enum recording_words words, unsigned number)
{
	const char *text = word(words, number);

	return text ? text : "";
}

bool recording_begins(const void *data, size_t size)
{
	size_t name = RECORDING_MAGIC_SIZE - 1;

	/* The version is the reader's to refuse. */
	return size && memcmp(data, RECORDING_MAGIC, size < name ? size : name) == 0;
}
