/* SPDX-License-Identifier: Apache-2.0 */
/* Two hostile texts, the first up to the first byte 0xff: a diff within its bounds, and lines that never grow. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/diff.h"
#include "event/event.h"
#include "event/redact.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "diff_fuzz: %s\n", what);
	abort();
}

/* In memory of exactly its size, so that ASan sees a read past the end. */
static char *copy_of(const char *text, size_t size)
{
	char *copy = malloc(size + !size);

	require(copy, "out of memory");
	memcpy(copy, text, size);
	return copy;
}

/* One line after another. */
static void redact(const char *text, size_t size)
{
	struct redact_text state = { 0 };

	for (const char *end = text + size; text < end;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t whole = (size_t)((newline ? newline : end) - text);
		char *line = copy_of(text, whole);
		bool found;

		require(redact_line(&state, line, whole, &found) <= whole, "a line grew");
		redact_rest(&state, text, whole);
		free(line);
		text += whole + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *mark = size ? memchr(data, 0xff, size) : NULL;
	size_t before_size = mark ? (size_t)(mark - data) : size, after_size = mark ? size - before_size - 1 : 0;
	char *before = copy_of((const char *)data, before_size);
	char *after = copy_of(mark ? (const char *)mark + 1 : "", after_size);
	struct buffer out = BUFFER_INIT(EVENT_DIFF_MAX + 1);

	require(diff_text(before, before_size, after, after_size, &out) == 0, "no diff");
	require(out.size <= EVENT_DIFF_MAX && !memchr(buffer_string(&out), '\0', out.size), "the diff is no text");
	require(!out.size || out.data[out.size - 1] == '\n', "the diff has half a line");
	require((out.size == 0) == (before_size == after_size && memcmp(before, after, after_size) == 0),
		"the diff is not about what changed");
	redact(after, after_size);
	buffer_free(&out);
	free(before);
	free(after);
	return 0;
}
