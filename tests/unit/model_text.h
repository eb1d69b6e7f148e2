/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of models share: reading and printing texts, behaviours in a line, and numbers at random. */
#ifndef UNIT_MODEL_TEXT_H
#define UNIT_MODEL_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define HEAD    "# sombrero model 1\n"
#define SERVICE HEAD "service x\n"

/* xorshift64 (Marsaglia, 2003): the same numbers on every run. */
static uint64_t random_state = 88172645463325252ULL;

static inline unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 16) % below;
}

/* From memory of exactly its size, without a NUL byte, so that ASan sees a read past the end. */
static inline int parse_exactly(const char *text, struct model **model, struct error *error)
{
	size_t size = strlen(text);
	char *copy = malloc(size + !size);
	int status;

	assert_non_null(copy);
	memcpy(copy, text, size); /* NOLINT(bugprone-not-null-terminated-result): that is what it is for */
	status = model_parse("m", copy, size, model, error);
	free(copy);
	return status;
}

static inline struct model *parse(const char *text)
{
	struct error error = { "" };
	struct model *model = NULL;

	if (parse_exactly(text, &model, &error))
		fail_msg("%s", error.text);
	return model;
}

static inline struct buffer print(struct model *model)
{
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);

	assert_int_equal(model_print(model, &out), 0);
	return out;
}

static inline void assert_prints(struct model *model, const char *text)
{
	struct buffer out = print(model);

	assert_string_equal(buffer_string(&out), text);
	buffer_free(&out);
}

static inline void assert_same(struct model *one, struct model *other)
{
	struct buffer out = print(other);

	assert_prints(one, buffer_string(&out));
	buffer_free(&out);
}

static inline struct behaviour behaviour_in(enum context_kind kind, const char *name, enum behaviour_kind what,
					    const char *program, const char *object)
{
	return (struct behaviour) {
		.context_kind = kind, .context_name = name, .kind = what, .program = program, .object = object
	};
}

static inline struct model *merged(const struct model *one, const struct model *other)
{
	struct model *model = model_new();

	assert_int_equal(model_merge(model, one), 0);
	assert_int_equal(model_merge(model, other), 0);
	return model;
}

static inline void random_text(char *out, unsigned size, const char *from)
{
	unsigned used = 1 + pick(size - 2);

	for (unsigned i = 0; i < used; i++)
		out[i] = from[pick((unsigned)strlen(from))];
	out[used] = '\0';
}

#endif
