/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen of one line of a model: in which units of time or work, on how many hosts and days. */
#ifndef MODEL_SEEN_H
#define MODEL_SEEN_H

#include <stdint.h>

#include "model/distinct.h"

/* In how many it was seen once or twice is exact whatever was merged; beyond these numbers they are estimates. */
#define SEEN_UNITS 16
#define SEEN_HOSTS 8
#define SEEN_DAYS  8

/* Where and when an observation was made. */
struct moment {
	uint64_t unit; /* hash of the host-hour; of the run, for a job */
	uint64_t host; /* hash of its name */
	int64_t day;   /* days since 1970, UTC */
};

struct seen {
	struct distinct units, hosts, days;
	int64_t first_day, last_day;
	uint64_t last_unit; /* the unit of the last observation, which most often is also that of the next */
};

/* NULL when out of memory. */
struct seen *seen_new(void);
void seen_free(struct seen *seen);

/* 0 or -ENOMEM. */
int seen_note(struct seen *seen, const struct moment *moment);

/* The most that is counted: what any reader of JSON takes for a number as well. */
#define SEEN_COUNT_MAX (UINT64_C(1) << 53)

/* The sum of two counts; beyond SEEN_COUNT_MAX nothing more is counted. */
uint64_t seen_sum(uint64_t one, uint64_t other);

/* What both were seen in counts once. 0 or -ENOMEM. */
int seen_merge(struct seen *into, const struct seen *from);

#endif
