/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a model's names are, a suggestion's lines are comments, bounded, or made of characters that can't break out of the line
 * they are in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/suggest.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "suggest_fuzz: %s\n", what);
	abort();
}

static void check(const struct buffer *out, size_t longest)
{
	static const char harmless[] =
		"\tabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;/_-@={}[]~%\"+";

	for (const char *line = buffer_string(out), *end; *line; line = end + 1) {
		size_t indent = strspn(line, "\t");

		end = strchr(line, '\n');
		require(end, "the last line has no end");
		if (line[indent] == '#') {
			require((size_t)(end - line) < longest, "a comment is too long");
			require(end[-1] != '\\', "a comment would go on");
		} else {
			require(strspn(line, harmless) == (size_t)(end - line),
				"a line has a character that may mean something");
		}
	}
}

struct fuzz {
	struct model *model;
	const struct networks *networks;
};

/* Names of contexts stand in a heading whole, escaped. */
#define HEADING_MAX (4U * BEHAVIOUR_NAME_MAX + 200)

static int suggest_unit(void *owner, const struct behaviour *sample)
{
	const struct fuzz *fuzz = owner;
	struct buffer out = BUFFER_INIT(2U * MODEL_TEXT_MAX);

	if (sample->context_kind == CONTEXT_SERVICE &&
	    suggest_systemd(fuzz->model, sample->context_name, fuzz->networks, &out) == 0)
		check(&out, HEADING_MAX);
	buffer_free(&out);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct networks *networks = networks_new();
	struct model *model = NULL, *names = NULL;
	struct error error = { "" };

	require(networks, "out of memory");
	if (model_parse("fuzz", (const char *)data, size, &model, &error) == 0 &&
	    model_parse("fuzz", (const char *)data, size, &names, &error) == 0) {
		struct suggest_firewall firewall = { .networks = networks, .by_user = true, .containers = size % 2 };
		struct fuzz fuzz = { model, networks };
		struct buffer out = BUFFER_INIT(2U * MODEL_TEXT_MAX);
		size_t refused;

		require(suggest_nftables(model, &firewall, &out, &refused) == 0, "out of memory");
		check(&out, 400);
		buffer_free(&out);
		(void)model_each_context(names, suggest_unit, &fuzz);
	}
	model_free(model);
	model_free(names);
	networks_free(networks);
	return 0;
}
