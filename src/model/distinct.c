/* SPDX-License-Identifier: Apache-2.0 */
#include "model/distinct.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 16

void distinct_free(struct distinct *distinct)
{
	free(distinct->hash);
	distinct->hash = NULL;
	distinct->size = distinct->capacity = 0;
}

/* Where it is, or belongs. */
static unsigned place(const struct distinct *distinct, uint64_t hash)
{
	unsigned low = 0, high = distinct->size;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (distinct->hash[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int make_room(struct distinct *distinct)
{
	unsigned capacity = distinct->capacity ? 2U * distinct->capacity : 2;
	uint64_t *hash;

	if (distinct->size < distinct->capacity)
		return 0;
	if (capacity > distinct->limit)
		capacity = distinct->limit;
	hash = reallocarray(distinct->hash, capacity, sizeof(*hash));
	if (!hash)
		return -ENOMEM;
	distinct->hash = hash;
	distinct->capacity = (uint16_t)capacity;
	return 0;
}

int distinct_add(struct distinct *distinct, uint64_t hash)
{
	unsigned at = place(distinct, hash);

	if (at == distinct->limit || (at < distinct->size && distinct->hash[at] == hash))
		return 0;
	if (distinct->size == distinct->limit)
		distinct->size--;
	else if (make_room(distinct) < 0)
		return -ENOMEM;
	memmove(distinct->hash + at + 1, distinct->hash + at, (distinct->size - at) * sizeof(hash));
	distinct->hash[at] = hash;
	distinct->size++;
	return 1;
}

int distinct_merge(struct distinct *into, const struct distinct *from)
{
	int status = 0;

	for (unsigned i = 0; i < from->size && status >= 0; i++)
		status = distinct_add(into, from->hash[i]);
	return status < 0 ? status : 0;
}

bool distinct_is_exact(const struct distinct *distinct)
{
	return distinct->size < distinct->limit;
}

/* The unbiased estimator (Beyer et al.): k-1 of them lie below the k-th, of a range that is 1. */
double distinct_count(const struct distinct *distinct)
{
	double kth;

	if (distinct->size < distinct->limit || distinct->size < 2)
		return distinct->size;
	kth = ((double)distinct->hash[distinct->size - 1] + 1) / 0x1p64;
	return (distinct->size - 1) / kth;
}

void distinct_print(const struct distinct *distinct, struct buffer *out)
{
	if (!distinct->size)
		buffer_byte(out, '-');
	for (unsigned i = 0; i < distinct->size; i++)
		buffer_printf(out, "%s%016" PRIx64, i ? "," : "", distinct->hash[i]);
}

static int read_digits(const char *text, uint64_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < DIGITS; i++) {
		const char *digits = "0123456789abcdef", *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return -EINVAL;
		*out = *out << 4 | (uint64_t)(digit - digits);
	}
	return 0;
}

int distinct_parse(const char *text, size_t size, struct distinct *out)
{
	struct distinct read = { .limit = out->limit };
	int status = size == 1 && text[0] == '-' ? 0 : size % (DIGITS + 1) != DIGITS ? -EINVAL : 1;

	for (size_t at = 0; status > 0 && at < size; at += DIGITS + 1) {
		uint64_t hash;

		if (read_digits(text + at, &hash) < 0 || (at + DIGITS < size && text[at + DIGITS] != ',') ||
		    read.size == read.limit || (read.size && read.hash[read.size - 1] >= hash))
			status = -EINVAL;
		else
			status = distinct_add(&read, hash);
	}
	if (status < 0) {
		distinct_free(&read);
		return status;
	}
	distinct_free(out);
	*out = read;
	return 0;
}

uint64_t distinct_mix(uint64_t one, uint64_t other)
{
	/* The finaliser of SplitMix64 (Steele et al., 2014) over both. */
	uint64_t value = one * 0x9e3779b97f4a7c15ULL + other + 0x632be59bd9b4e019ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

uint64_t distinct_hash(const char *text)
{
	/* FNV-1a (Fowler, Noll, Vo), whose weak high bits are mixed. */
	uint64_t hash = 0xcbf29ce484222325ULL;

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * 0x100000001b3ULL;
	return distinct_mix(hash, 0);
}
