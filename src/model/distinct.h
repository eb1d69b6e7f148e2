/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many different things there were: the smallest of their 64-bit hashes are kept (KMV: Bar-Yossef et al., "Counting
 * distinct elements in a data stream", 2002; Beyer et al., "On synopses for distinct-value estimation", SIGMOD 2007). Exact
 * while fewer than the limit came, an estimate with a relative error of about 1/sqrt(limit - 2) from there on. To merge is to
 * take the smallest of both, so it is commutative, associative and idempotent: what was seen twice, by whomever, counts once.
 */
#ifndef MODEL_DISTINCT_H
#define MODEL_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define DISTINCT_LIMIT_MAX 1024

/* Owns its hashes, which are sorted and all different. Made by { .limit = 1 … DISTINCT_LIMIT_MAX }. */
struct distinct {
	uint64_t *hash;
	uint16_t size, capacity, limit;
};

void distinct_free(struct distinct *distinct);

/* 1 if it is new among those that are kept, 0 if not, or -ENOMEM: nothing is changed then. */
int distinct_add(struct distinct *distinct, uint64_t hash);

/* Both have the same limit. 0 or -ENOMEM. */
int distinct_merge(struct distinct *into, const struct distinct *from);

/* How many there were; exact where distinct_is_exact(). */
double distinct_count(const struct distinct *distinct);
bool distinct_is_exact(const struct distinct *distinct);

/*
 * One word: 16 hexadecimal digits a hash with commas between, in order; "-" for none. distinct_parse() takes exactly that, with
 * the limit that `out` has: 0, -EINVAL for anything else, or -ENOMEM; `out` is written only on success.
 */
void distinct_print(const struct distinct *distinct, struct buffer *out);
int distinct_parse(const char *text, size_t size, struct distinct *out);

/* Hashes that are the same on every machine, for what is written into files. Not for tables that strangers fill. */
uint64_t distinct_hash(const char *text);
uint64_t distinct_mix(uint64_t one, uint64_t other);

#endif
