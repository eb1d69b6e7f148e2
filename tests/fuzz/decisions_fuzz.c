/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text is refused with a reason, or is decisions whose canonical text is those same decisions, and which what is judged by
 * follows: what is accepted is allowed, and no line of which all is forbidden is left.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/decisions.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "decisions_fuzz: %s\n", what);
	abort();
}

struct judged {
	struct decisions *decisions;
	struct model *model;
};

static int follow(void *owner, const struct decision *decision)
{
	const struct judged *judged = owner;
	const struct decision *about = decisions_about(judged->decisions, &decision->behaviour);

	require(!about || about->kind != DECISION_REVOKE, "a revoking decision counts");
	require(about || decision->kind == DECISION_REVOKE || decisions_size(judged->decisions) > 1,
		"one alone doesn't count");
	if (about == decision && about->kind == DECISION_ACCEPT)
		require(model_match(judged->model, &decision->behaviour), "what is accepted is not allowed");
	if (about && about->kind == DECISION_FORBID)
		require(!model_find(judged->model, &decision->behaviour), "what is forbidden is left");
	return 0;
}

static void judge_by(struct decisions *decisions)
{
	struct judged judged = { decisions, model_new() };

	require(judged.model && decisions_apply(decisions, judged.model) == 0, "they can't be applied");
	(void)decisions_each(decisions, follow, &judged);
	model_free(judged.model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer once = BUFFER_INIT(2 * DECISIONS_TEXT_MAX), twice = BUFFER_INIT(2 * DECISIONS_TEXT_MAX);
	struct decisions *decisions = NULL, *again = NULL;
	struct error error = { "" };

	if (decisions_parse("fuzz", (const char *)data, size, &decisions, &error) < 0) {
		require(error.text[0] && !decisions, "an error without a text");
		return 0;
	}
	require(decisions_print(decisions, &once) == 0, "they can't be printed");
	require(decisions_parse("fuzz", once.data, once.size, &again, &error) == 0, error.text);
	require(decisions_print(again, &twice) == 0, "they can't be printed again");
	require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0, "printed twice, they differ");
	require(decisions_size(decisions) == decisions_size(again), "read back, they are more or fewer");
	judge_by(decisions);
	buffer_free(&once);
	buffer_free(&twice);
	decisions_free(decisions);
	decisions_free(again);
	return 0;
}
