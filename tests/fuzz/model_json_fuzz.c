/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON is refused with a reason, or is a model that comes back; as a finding it is behaviours of a model, or none. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "model_json_fuzz: %s\n", what);
	abort();
}

static void read_back(struct model *model)
{
	struct buffer once = BUFFER_INIT(8 * MODEL_TEXT_MAX), twice = BUFFER_INIT(8 * MODEL_TEXT_MAX);
	struct error error = { "" };
	struct model *again = NULL;

	require(model_json_write(model, &once) == 0, "it can't be written");
	require(model_json_read("fuzz", once.data, once.size, &again, &error) == 0, error.text);
	require(model_json_write(again, &twice) == 0, "it can't be written again");
	require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0, "written twice, it differs");
	model_free(again);
	buffer_free(&once);
	buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *model = NULL, *found = model_new();
	char kind[MODEL_JSON_KIND_MAX] = "";
	struct error error = { "" };
	int count;

	if (model_json_read("fuzz", (const char *)data, size, &model, &error) == 0)
		read_back(model);
	else
		require(error.text[0] && !model, "an error without a text");
	error = (struct error) { "" };
	count = model_json_finding("fuzz", 1, (const char *)data, size, found, kind, &error);
	require(count >= 0 ? kind[0] || !count || !error.text[0] : error.text[0] != '\0', "an error without a text");
	if (model_size(found))
		read_back(found);
	model_free(found);
	model_free(model);
	return 0;
}
