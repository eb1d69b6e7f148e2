/* SPDX-License-Identifier: Apache-2.0 */
/* A set of whole hours, counted since 1970 in UTC, as ranges. */
#ifndef MODEL_HOURS_H
#define MODEL_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* About the year 2130. */
#define HOURS_LATEST 1400000U

struct hour_range {
	uint32_t from, to; /* both are in it */
};

/* All zero is the empty set. Owns its ranges, which are sorted and don't touch. */
struct hours {
	struct hour_range *range;
	size_t count, capacity;
};

void hours_free(struct hours *hours);

/* `from` is not after `to`. 0 or -ENOMEM: nothing is changed then. */
int hours_add(struct hours *hours, uint32_t from, uint32_t to);
int hours_merge(struct hours *into, const struct hours *from);

uint64_t hours_count(const struct hours *hours);
bool hours_has(const struct hours *hours, uint32_t hour);

/* Bit 0 is Monday: the days of the week (UTC) of which every hour of the day is there, be it in several weeks. */
unsigned hours_weekdays(const struct hours *hours);

/* How often both the last hour of a month and the first of the next are there. */
unsigned hours_month_ends(const struct hours *hours);

/* Adds the days (since 1970) that have an hour, to the end of the list at *days. 0 or -ENOMEM. */
int hours_days(const struct hours *hours, struct hours *days);

/*
 * One word: "490000-490167,490170". hours_parse() takes exactly that: 0, -EINVAL, or -ENOMEM; `out` is written only on success,
 * and what was there is freed.
 */
void hours_print(const struct hours *hours, struct buffer *out);
int hours_parse(const char *text, size_t size, struct hours *out);

#endif
