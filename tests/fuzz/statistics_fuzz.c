/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused with a reason, or is statistics whose canonical text is read back as the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/assess.h"

static const char model_text[] =
	"# sombrero model 1\nboot\n  exec  /sbin/init\nservice nginx\n"
	"  connect  /usr/sbin/nginx  tcp 9000 loopback\n  exec  /usr/sbin/nginx\n"
	"  write  /usr/sbin/nginx  /var/log/*.log\njob logrotate\n  exec  /usr/sbin/logrotate\n";

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "statistics_fuzz: %s\n", what);
	abort();
}

/* Reads into a model of its own, and prints. False if it is refused. */
static bool pass(const char *data, size_t size, struct buffer *out)
{
	struct statistics *statistics = NULL;
	struct assessment assessment;
	struct error error = { "" };
	struct model *model = NULL;
	bool good;

	require(model_parse("m", model_text, sizeof(model_text) - 1, &model, &error) == 0, "the model");
	good = statistics_parse("fuzz", data, size, model, &statistics, NULL, &error) == 0;
	require(good || (error.text[0] && !statistics), "an error without a text");
	if (good) {
		require(statistics_print(statistics, model, out) == 0, "it can't be printed");
		require(assess(statistics, model, &coverage_enough, &assessment) == 0, "it can't be assessed");
		assessment_free(&assessment);
	}
	statistics_free(statistics);
	model_free(model);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer once = BUFFER_INIT(STATISTICS_TEXT_MAX), twice = BUFFER_INIT(STATISTICS_TEXT_MAX);

	if (pass((const char *)data, size, &once)) {
		require(pass(once.data, once.size, &twice), "what was printed is refused");
		require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0,
			"printed twice, it differs");
	}
	buffer_free(&once);
	buffer_free(&twice);
	return 0;
}
