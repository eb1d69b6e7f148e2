/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text is refused with a reason, or is a model whose canonical text is that same model, and which allows no less once it is
 * folded.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "model_fuzz: %s\n", what);
	abort();
}

static void print(struct model *model, struct buffer *out)
{
	require(model_print(model, out) == 0, "a model could not be printed");
}

/* Each line of a model must allow itself, and be allowed whatever patterns there are. */
static int match_entry(void *owner, struct model_entry *entry)
{
	require(model_match(owner, &entry->behaviour) == entry, "a line does not match itself");
	return 0;
}

static int still_allowed(void *owner, struct model_entry *entry)
{
	bool is_nothing = entry->behaviour.kind == BEHAVIOUR_WRITE && entry->behaviour.object[0] != '/';

	require(is_nothing || model_match(owner, &entry->behaviour), "folding forbids what was allowed");
	return 0;
}

/* Folds `model`, which `before` is equal to. */
static void fold(struct model *model, struct model *before)
{
	struct buffer once = BUFFER_INIT(2 * MODEL_TEXT_MAX), twice = BUFFER_INIT(2 * MODEL_TEXT_MAX);

	require(model_fold(model) == 0, "it can't be folded");
	(void)model_each(before, still_allowed, model);
	print(model, &once);
	require(model_merge(model, before) == 0 && model_fold(model) == 0, "it can't be folded again");
	print(model, &twice);
	require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0, "folded twice, it differs");
	buffer_free(&once);
	buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer once = BUFFER_INIT(2 * MODEL_TEXT_MAX), twice = BUFFER_INIT(2 * MODEL_TEXT_MAX);
	struct model *model = NULL, *again = NULL;
	struct error error = { "" };

	if (model_parse("fuzz", (const char *)data, size, &model, &error) < 0) {
		require(error.text[0] && !model, "an error without a text");
		return 0;
	}
	print(model, &once);
	require(model_parse("fuzz", once.data, once.size, &again, &error) == 0, error.text);
	print(again, &twice);
	require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0, "printed twice, it differs");
	require(model_size(model) == model_size(again), "read back, it has another size");
	(void)model_each(model, match_entry, model);
	fold(again, model);
	buffer_free(&once);
	buffer_free(&twice);
	model_free(model);
	model_free(again);
	return 0;
}
