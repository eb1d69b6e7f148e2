/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused, or is the canonical text of a sketch; and two sketches merge to the same in either order. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/sketch.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "sketch_fuzz: %s\n", what);
	abort();
}

/* The two are the same, and their text is `text` (NULL: whatever it is). */
static void same(const struct sketch *one, const struct sketch *other, const char *text, size_t size)
{
	struct buffer left = BUFFER_INIT(SKETCH_TEXT_MAX), right = BUFFER_INIT(SKETCH_TEXT_MAX);

	sketch_print(one, &left);
	sketch_print(other, &right);
	require(!left.failed && !right.failed, "it has no room");
	require(left.size == right.size && memcmp(left.data, right.data, left.size) == 0, "the order matters");
	require(!text || (left.size == size && memcmp(left.data, text, size) == 0), "its text is another");
	buffer_free(&left);
	buffer_free(&right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *blank = memchr(text, ' ', size);
	size_t first = blank ? (size_t)(blank - text) : size;
	struct sketch one, other = { 0 }, left = { 0 }, right = { 0 };
	uint64_t median, largest;

	if (sketch_parse(text, first, &one) < 0)
		return 0;
	same(&one, &one, text, first);
	median = sketch_quantile(&one, 500);
	largest = sketch_quantile(&one, 1000);
	require(median <= largest && largest <= SKETCH_VALUE_MAX, "its quantiles are not in order");
	if (blank && sketch_parse(blank + 1, size - first - 1, &other) < 0)
		other = (struct sketch) { 0 };
	require(sketch_merge(&left, &one) == 0 && sketch_merge(&left, &other) == 0, "out of memory");
	require(sketch_merge(&right, &other) == 0 && sketch_merge(&right, &one) == 0, "out of memory");
	same(&left, &right, NULL, 0);
	sketch_free(&one);
	sketch_free(&other);
	sketch_free(&left);
	sketch_free(&right);
	return 0;
}
