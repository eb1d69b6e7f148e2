/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated services of which all is known: how often each line comes on each host, and when. Seeded, so that each run is the
 * same. For the unit test of coverage and its benchmark.
 */
#ifndef BENCH_POPULATION_H
#define BENCH_POPULATION_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/coverage.h"

#define LINES_MAX   512
#define SIGHTS_MAX  96
#define HOURS_MAX   (24 * 70)
#define BUNDLES_MAX 8

/* Something that comes to all hosts at its time, with lines of its own. */
struct bundle {
	unsigned period; /* hours; 0: at random, on average each `mean` hours */
	double mean;
	unsigned lines;
	bool scheduled; /* a timer says so */
};

struct scenario {
	const char *name;
	unsigned hosts;
	unsigned lines;    /* that come at random */
	double often;      /* sights an hour and host of the most frequent */
	double exponent;   /* the n-th comes often / n^exponent; 0: evenly in logarithm down to `seldom` */
	double seldom;     /* … an hour and host */
	bool office_hours; /* a quarter of them only Monday to Friday, 8 to 18 o'clock */
	struct bundle bundle[BUNDLES_MAX];
};

struct line {
	double rate; /* an hour and host; 0: of a bundle */
	bool office;
	int bundle;
	unsigned count;                                   /* of sights that are kept */
	uint16_t hour[SIGHTS_MAX], host_mask[SIGHTS_MAX]; /* sorted */
};

struct population {
	const struct scenario *scenario;
	uint64_t random;
	unsigned phase; /* the hour of the week when learning begins */
	unsigned line_count;
	struct line line[LINES_MAX];
	unsigned first[BUNDLES_MAX], times[BUNDLES_MAX][HOURS_MAX]; /* when the bundles come */
	unsigned came[BUNDLES_MAX];
};

static inline double population_random(struct population *population)
{
	/* xorshift64* (Vigna, 2016) */
	uint64_t *state = &population->random;

	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (double)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 11) / 0x1p53;
}

static inline bool is_office(const struct population *population, unsigned hour)
{
	unsigned week = (hour + population->phase) % 168;

	return week / 24 < 5 && week % 24 >= 8 && week % 24 < 18;
}

static inline void sight(struct line *line, unsigned hour, unsigned mask)
{
	if (line->count && line->hour[line->count - 1] == hour) {
		line->host_mask[line->count - 1] |= (uint16_t)mask;
	} else if (line->count < SIGHTS_MAX) {
		line->hour[line->count] = (uint16_t)hour;
		line->host_mask[line->count++] = (uint16_t)mask;
	}
}

/* The sights of a line in time's order: the first SIGHTS_MAX hours are kept, which is more than any estimate asks for. */
static inline void scatter(struct population *population, struct line *line)
{
	double rate = line->rate * population->scenario->hosts, at = 0;

	while (line->count < SIGHTS_MAX) {
		at -= log(1 - population_random(population)) / rate;
		if (at >= HOURS_MAX)
			return;
		if (!line->office || is_office(population, (unsigned)at))
			sight(line, (unsigned)at,
			      1U << (unsigned)(population_random(population) * population->scenario->hosts));
	}
}

static inline void add_bundle(struct population *population, int index)
{
	const struct bundle *bundle = &population->scenario->bundle[index];
	double at = bundle->period ? floor(population_random(population) * bundle->period) : 0;
	unsigned all = (1U << population->scenario->hosts) - 1;

	while (true) {
		if (!bundle->period)
			at -= log(1 - population_random(population)) * bundle->mean;
		if (at >= HOURS_MAX)
			break;
		population->times[index][population->came[index]++] = (unsigned)at;
		at += bundle->period;
	}
	for (unsigned i = 0; i < bundle->lines && population->line_count < LINES_MAX; i++) {
		struct line *line = &population->line[population->line_count++];

		*line = (struct line) { .bundle = index };
		for (unsigned n = 0; n < population->came[index]; n++)
			sight(line, population->times[index][n], all);
	}
}

static inline void population_make(struct population *population, const struct scenario *scenario, uint64_t seed)
{
	memset(population, 0, sizeof(*population));
	population->scenario = scenario;
	population->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	population->phase = (unsigned)(population_random(population) * 168);
	for (unsigned i = 0; i < scenario->lines; i++) {
		struct line *line = &population->line[population->line_count++];

		*line = (struct line) { .bundle = -1 };
		line->rate = scenario->exponent > 0 ? scenario->often / pow(i + 1, scenario->exponent)
						    : scenario->often * pow(scenario->seldom / scenario->often,
									    (double)i / (scenario->lines - 1));
		line->office = scenario->office_hours && i % 4 == 3;
		scatter(population, line);
	}
	for (int i = 0; i < BUNDLES_MAX && scenario->bundle[i].lines; i++)
		add_bundle(population, i);
}

/* How many host-hours and days a line was seen in before `hour`; both are cut where more makes no difference. */
static inline void line_counts(const struct line *line, unsigned phase, unsigned hour, unsigned *units, unsigned *days)
{
	unsigned last = UINT32_MAX;

	*units = *days = 0;
	for (unsigned i = 0; i < line->count && line->hour[i] < hour; i++) {
		unsigned day = (line->hour[i] + phase % 24) / 24;

		*units += (unsigned)__builtin_popcount(line->host_mask[i]);
		*days += day != last;
		last = day;
	}
}

/* In how many of a host's hours such a line is seen, of one. */
static inline double line_share(const struct population *population, const struct line *line)
{
	const struct bundle *bundle;

	if (line->bundle < 0)
		return (1 - exp(-line->rate)) * (line->office ? 50. / 168 : 1);
	bundle = &population->scenario->bundle[line->bundle];
	return 1 / (bundle->period ? bundle->period : bundle->mean);
}

static inline void count_in(struct coverage_facts *facts, unsigned seen)
{
	facts->once += seen == 1;
	facts->twice += seen == 2;
}

/* What is known after so many hours, and (*unknown) how many unknown lines an hour of a host truly shows. */
static inline void population_look(const struct population *population, unsigned hour, struct coverage_whole *out,
				   double *unknown)
{
	const struct scenario *scenario = population->scenario;
	unsigned first_day = population->phase / 24, last_day = (population->phase + hour) / 24;

	*unknown = 0;
	*out = (struct coverage_whole) { .hosts = scenario->hosts };
	out->units.units = (double)hour * scenario->hosts;
	out->days.units = last_day - first_day + ((population->phase + hour) % 24 != 0);
	for (unsigned i = 0; i < population->line_count; i++) {
		unsigned units, days;

		line_counts(&population->line[i], population->phase, hour, &units, &days);
		if (!units) {
			*unknown += line_share(population, &population->line[i]);
			continue;
		}
		count_in(&out->units, units);
		count_in(&out->days, days);
		out->units.incidences +=
			units < 3 ? units : line_share(population, &population->line[i]) * out->units.units;
		out->days.incidences += days;
	}
	for (unsigned at = population->phase % 24 ? 24 - population->phase % 24 : 0; at + 24 <= hour; at += 24)
		out->weekdays |= 1U << (population->phase + at) / 24 % 7;
	/* Several weeks fill a day from both ends. */
	if (hour >= 168)
		out->weekdays = COVERAGE_WEEK;
}

#endif
