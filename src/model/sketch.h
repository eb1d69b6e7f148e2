/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quantile sketch: how often values of which size came, in buckets that grow with the values. After Masson, Rim, Lee:
 * DDSketch (VLDB 2019), with its linearly interpolated mapping (32 buckets an octave) and whole numbers only, so that two
 * machines never disagree. The range is bounded, and so are the buckets without ever being joined: to merge is exact, and
 * gives the same in whatever order.
 */
#ifndef MODEL_SKETCH_H
#define MODEL_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Larger values count as this one. */
#define SKETCH_VALUE_MAX   ((UINT64_C(1) << 40) - 1)
#define SKETCH_BUCKETS_MAX 1152
/* Values below this are exact; for others a quantile is wrong by at most one part in SKETCH_PRECISION. */
#define SKETCH_EXACT     64
#define SKETCH_PRECISION 64
/* Room for the text of any sketch, its NUL byte included. */
#define SKETCH_TEXT_MAX (SKETCH_BUCKETS_MAX * 24)

struct sketch_bucket {
	uint32_t index;
	uint32_t count; /* at least 1; stays at UINT32_MAX once there */
};

/* All zero is an empty one. Owns its buckets, which are sorted. */
struct sketch {
	struct sketch_bucket *bucket;
	uint32_t size, capacity;
};

void sketch_free(struct sketch *sketch);

/* 0 or -ENOMEM: nothing is changed then. */
int sketch_add(struct sketch *sketch, uint64_t value);

/* A way to bring `from` into `into`: one of the two below. */
typedef int sketch_join(struct sketch *into, const struct sketch *from);
/* Of different values: counts are added up. */
int sketch_merge(struct sketch *into, const struct sketch *from);
/* Of what may be the same values in part: each bucket has the larger count of both. Idempotent, too. */
int sketch_cover(struct sketch *into, const struct sketch *from);

/* How many values it has seen. */
uint64_t sketch_count(const struct sketch *sketch);

/*
 * The value below or at which so many of a thousand are: 500 the median, 1000 the largest. 0 for an empty one. The middle of its
 * bucket.
 */
uint64_t sketch_quantile(const struct sketch *sketch, unsigned per_mille);

/*
 * The canonical text, one word: the lowest value of each bucket and how often it came, as in "1:120,7:3,66:1"; "-" for none.
 * sketch_print() appends it. sketch_parse() takes exactly that: 0, -EINVAL for anything else, or -ENOMEM; `out` is written
 * only on success.
 */
void sketch_print(const struct sketch *sketch, struct buffer *out);
int sketch_parse(const char *text, size_t size, struct sketch *out);

#endif
