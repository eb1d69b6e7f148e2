/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sketch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Buckets of one octave: 1 << OCTAVE_BITS. */
#define OCTAVE_BITS 5
#define OCTAVE      (1U << OCTAVE_BITS)

/* The first 2 * OCTAVE buckets have one value each; after that each octave's are twice as wide as those before. */
static uint32_t index_of(uint64_t value)
{
	unsigned shift;

	if (value > SKETCH_VALUE_MAX)
		value = SKETCH_VALUE_MAX;
	if (value < OCTAVE)
		return (uint32_t)value;
	shift = 63U - OCTAVE_BITS - (unsigned)__builtin_clzll(value);
	return shift * OCTAVE + (uint32_t)(value >> shift);
}

static unsigned shift_of(uint32_t index)
{
	return index < OCTAVE ? 0 : index / OCTAVE - 1;
}

static uint64_t lowest_of(uint32_t index)
{
	return index < OCTAVE ? index : (uint64_t)(index % OCTAVE + OCTAVE) << shift_of(index);
}

static uint64_t middle_of(uint32_t index)
{
	return lowest_of(index) + ((UINT64_C(1) << shift_of(index)) - 1) / 2;
}

void sketch_free(struct sketch *sketch)
{
	free(sketch->bucket);
	*sketch = (struct sketch) { 0 };
}

static uint32_t sum(uint32_t one, uint32_t other)
{
	return one > UINT32_MAX - other ? UINT32_MAX : one + other;
}

static int make_room(struct sketch *sketch)
{
	uint32_t capacity = sketch->capacity ? sketch->capacity * 2 : 2;
	struct sketch_bucket *larger;

	if (sketch->size < sketch->capacity)
		return 0;
	larger = reallocarray(sketch->bucket, capacity, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	sketch->bucket = larger;
	sketch->capacity = capacity;
	return 0;
}

/* The place of the bucket, or where it would be. */
static uint32_t find(const struct sketch *sketch, uint32_t index)
{
	uint32_t low = 0, high = sketch->size;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (sketch->bucket[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int sketch_add(struct sketch *sketch, uint64_t value)
{
	uint32_t index = index_of(value), at = find(sketch, index);
	int status;

	if (at < sketch->size && sketch->bucket[at].index == index) {
		sketch->bucket[at].count = sum(sketch->bucket[at].count, 1);
		return 0;
	}
	status = make_room(sketch);
	if (status < 0)
		return status;
	memmove(&sketch->bucket[at + 1], &sketch->bucket[at], (sketch->size - at) * sizeof(*sketch->bucket));
	sketch->bucket[at] = (struct sketch_bucket) { index, 1 };
	sketch->size++;
	return 0;
}

static uint32_t larger(uint32_t one, uint32_t other)
{
	return one > other ? one : other;
}

/* Behind the last, larger than any. */
static uint32_t index_at(const struct sketch *sketch, uint32_t place)
{
	return place < sketch->size ? sketch->bucket[place].index : UINT32_MAX;
}

static int join(struct sketch *into, const struct sketch *from, uint32_t (*both)(uint32_t one, uint32_t other))
{
	uint32_t one = 0, other = 0, size = 0, capacity = into->size + from->size;
	struct sketch_bucket *joined;

	if (!from->size)
		return 0;
	joined = calloc(capacity, sizeof(*joined));
	if (!joined)
		return -ENOMEM;
	while (one < into->size || other < from->size) {
		uint32_t left = index_at(into, one), right = index_at(from, other);
		uint32_t index = left < right ? left : right;
		uint32_t first = left == index ? into->bucket[one++].count : 0;
		uint32_t second = right == index ? from->bucket[other++].count : 0;

		joined[size++] = (struct sketch_bucket) { index, both(first, second) };
	}
	free(into->bucket);
	*into = (struct sketch) { joined, size, capacity };
	return 0;
}

int sketch_merge(struct sketch *into, const struct sketch *from)
{
	return join(into, from, sum);
}

int sketch_cover(struct sketch *into, const struct sketch *from)
{
	return join(into, from, larger);
}

uint64_t sketch_count(const struct sketch *sketch)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < sketch->size; i++)
		count += sketch->bucket[i].count;
	return count;
}

uint64_t sketch_quantile(const struct sketch *sketch, unsigned per_mille)
{
	uint64_t count = sketch_count(sketch), rank, below = 0;

	if (!count)
		return 0;
	/* At most 1152 buckets of 32 bits each: no overflow. */
	rank = (count * per_mille + 999) / 1000;
	for (uint32_t i = 0; i < sketch->size; i++) {
		below += sketch->bucket[i].count;
		if (below >= rank)
			return middle_of(sketch->bucket[i].index);
	}
	return middle_of(sketch->bucket[sketch->size - 1].index);
}

void sketch_print(const struct sketch *sketch, struct buffer *out)
{
	if (!sketch->size)
		buffer_byte(out, '-');
	for (uint32_t i = 0; i < sketch->size; i++)
		buffer_printf(out, "%s%" PRIu64 ":%" PRIu32, i ? "," : "", lowest_of(sketch->bucket[i].index),
			      sketch->bucket[i].count);
}

/* A number without leading zeros, at most `maximum`; moves *text on. */
static bool take_number(const char **text, const char *end, uint64_t maximum, uint64_t *out)
{
	const char *start = *text;
	uint64_t value = 0;

	for (; *text < end && **text >= '0' && **text <= '9'; (*text)++) {
		unsigned digit = (unsigned)(**text - '0');

		if (value > (maximum - digit) / 10 || (value == 0 && *text > start))
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return *text > start;
}

static bool take_bucket(const char **text, const char *end, struct sketch_bucket *out)
{
	uint64_t value, count;

	if (!take_number(text, end, SKETCH_VALUE_MAX, &value) || *text == end || *(*text)++ != ':' ||
	    !take_number(text, end, UINT32_MAX, &count) || !count)
		return false;
	*out = (struct sketch_bucket) { index_of(value), (uint32_t)count };
	return lowest_of(out->index) == value;
}

int sketch_parse(const char *text, size_t size, struct sketch *out)
{
	struct sketch sketch = { 0 };
	const char *end = text + size;
	int status = 0;

	if (size == 1 && *text == '-') {
		*out = sketch;
		return 0;
	}
	for (bool more = true; more && !status;) {
		struct sketch_bucket bucket;

		status = take_bucket(&text, end, &bucket) ? 0 : -EINVAL;
		if (!status && sketch.size && bucket.index <= sketch.bucket[sketch.size - 1].index)
			status = -EINVAL;
		if (!status)
			status = make_room(&sketch);
		if (!status)
			sketch.bucket[sketch.size++] = bucket;
		more = !status && text < end;
		if (more && *text++ != ',')
			status = -EINVAL;
	}
	if (status < 0)
		sketch_free(&sketch);
	else
		*out = sketch;
	return status;
}
