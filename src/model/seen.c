/* SPDX-License-Identifier: Apache-2.0 */
#include "model/seen.h"

#include <errno.h>
#include <stdlib.h>

struct seen *seen_new(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return NULL;
	seen->units.limit = SEEN_UNITS;
	seen->hosts.limit = SEEN_HOSTS;
	seen->days.limit = SEEN_DAYS;
	return seen;
}

void seen_free(struct seen *seen)
{
	if (!seen)
		return;
	distinct_free(&seen->units);
	distinct_free(&seen->hosts);
	distinct_free(&seen->days);
	free(seen);
}

static void widen(struct seen *seen, int64_t first, int64_t last)
{
	bool is_first = !seen->units.size;

	if (is_first || first < seen->first_day)
		seen->first_day = first;
	if (is_first || last > seen->last_day)
		seen->last_day = last;
}

int seen_note(struct seen *seen, const struct moment *moment)
{
	if (seen->last_unit == moment->unit && seen->units.size)
		return 0;
	widen(seen, moment->day, moment->day);
	if (distinct_add(&seen->units, moment->unit) < 0 || distinct_add(&seen->hosts, moment->host) < 0 ||
	    distinct_add(&seen->days, distinct_mix(0, (uint64_t)moment->day)) < 0)
		return -ENOMEM;
	seen->last_unit = moment->unit;
	return 0;
}

uint64_t seen_sum(uint64_t one, uint64_t other)
{
	if (one >= SEEN_COUNT_MAX || other >= SEEN_COUNT_MAX)
		return SEEN_COUNT_MAX;
	return one + other < SEEN_COUNT_MAX ? one + other : SEEN_COUNT_MAX;
}

int seen_merge(struct seen *into, const struct seen *from)
{
	if (!from->units.size)
		return 0;
	widen(into, from->first_day, from->last_day);
	if (distinct_merge(&into->units, &from->units) < 0 || distinct_merge(&into->hosts, &from->hosts) < 0 ||
	    distinct_merge(&into->days, &from->days) < 0)
		return -ENOMEM;
	return 0;
}
