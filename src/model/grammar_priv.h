/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the words of a model's text may be. The parser uses it to say what is wrong and where, model_add() to keep
 * out what could not be read again, behaviours_of() to see whether a text needs cleaning.
 */
#ifndef MODEL_GRAMMAR_PRIV_H
#define MODEL_GRAMMAR_PRIV_H

#include <stddef.h>

#include "base/buffer.h"
#include "model/behaviour.h"

/* A buffer that writes into `data`, which has room for `size` bytes, and never allocates. */
static inline struct buffer grammar_fixed(char *data, size_t size)
{
	data[0] = '\0';
	return (struct buffer) { .data = data, .capacity = size, .maximum = size };
}

/* A part of a line. */
struct word {
	const char *text;
	size_t size; /* 0: missing */
};

bool word_is(struct word word, const char *other);

/* What is expected where nothing more is. */
#define GRAMMAR_LINE_END "the end of the line"

/* The most words that an object has. */
#define GRAMMAR_OBJECT_WORDS_MAX 3

/* NULL, or what belongs at *at in a word. */
const char *grammar_word_fault(const char *text, size_t size, size_t *at);

/* "tcp", "udp", "sctp", "dccp"; NULL for a protocol that is written as its number. */
const char *grammar_protocol_name(unsigned protocol);

/* How many bytes the escape at `text` has: 4 for \xHH, 2 for \\, 0 for anything else. */
size_t grammar_escape_size(const char *text, size_t size);

/* How many bytes the printable character at `text` has; 0 for a control character or what is not UTF-8. */
size_t grammar_character_size(const char *text, size_t size);

/* NULL, or what belongs at *at (an offset in the text; its length means that something is missing). */
const char *grammar_program_fault(const char *program, size_t *at);
const char *grammar_object_fault(enum behaviour_kind kind, const char *object, size_t *at);

/* May a context be called so? */
bool grammar_context_fits(enum context_kind kind, const char *name);

/* Everything about it can be written to a model's text and read back. */
bool grammar_behaviour_fits(const struct behaviour *behaviour);

#endif
