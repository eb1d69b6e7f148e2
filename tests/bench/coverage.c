/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what Sombrero says of its own certainty true? Populations of which all is known are learned, and it is asked how sure it
 * is, and when it is enough. Prints tables in Markdown; `./dev bench coverage`.
 */
#include <stdio.h>

#include "bench/population.h"

#define RUNS 400

static const struct scenario scenarios[] = {
	{ .name = "even, 3 hosts", .hosts = 3, .lines = 120, .often = 20, .seldom = 1 / 2000. },
	{ .name = "even, 10 hosts", .hosts = 10, .lines = 120, .often = 20, .seldom = 1 / 2000. },
	{ .name = "long tail, 3 hosts", .hosts = 3, .lines = 300, .often = 20, .exponent = 2 },
	{ .name = "long tail, 10 hosts", .hosts = 10, .lines = 300, .often = 20, .exponent = 2 },
	{ .name = "heavy tail, 10 hosts", .hosts = 10, .lines = 300, .often = 20, .exponent = 1.6 },
	{ .name = "office hours, 5 hosts",
	  .hosts = 5,
	  .lines = 120,
	  .often = 20,
	  .seldom = 1 / 1000.,
	  .office_hours = true },
	{ .name = "daily and weekly inside, 3 hosts",
	  .hosts = 3,
	  .lines = 80,
	  .often = 20,
	  .seldom = 1 / 500.,
	  .bundle = { { .period = 24, .lines = 5 }, { .period = 168, .lines = 5 }, { .period = 168, .lines = 3 } } },
	{ .name = "daily and weekly inside, 10 hosts",
	  .hosts = 10,
	  .lines = 80,
	  .often = 20,
	  .seldom = 1 / 500.,
	  .bundle = { { .period = 24, .lines = 5 }, { .period = 168, .lines = 5 }, { .period = 168, .lines = 3 } } },
	{ .name = "daily and weekly inside, 15 hosts",
	  .hosts = 15,
	  .lines = 80,
	  .often = 20,
	  .seldom = 1 / 100.,
	  .bundle = { { .period = 24, .lines = 5 }, { .period = 168, .lines = 5 }, { .period = 168, .lines = 3 } } },
	{ .name = "releases, each 3 days, 10 hosts",
	  .hosts = 10,
	  .lines = 80,
	  .often = 20,
	  .seldom = 1 / 500.,
	  .bundle = { { .mean = 72, .lines = 8 } } },
	{ .name = "weekly timer, monthly inside, 10 hosts",
	  .hosts = 10,
	  .lines = 80,
	  .often = 20,
	  .seldom = 1 / 500.,
	  .bundle = { { .period = 168, .lines = 5, .scheduled = true }, { .period = 720, .lines = 5 } } },
};

#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(*scenarios))

/* ---- is what is said of certainty true? ---- */

static void estimates(const struct scenario *scenario, unsigned hour)
{
	static struct population population;
	double bias = 0, within = 0, said = 0, truly = 0, covered = 0;

	for (unsigned run = 0; run < RUNS; run++) {
		struct coverage_whole seen;
		struct coverage coverage;
		double unknown, share;

		population_make(&population, scenario, run);
		population_look(&population, hour, &seen, &unknown);
		coverage_estimate(&seen.units, &coverage);
		share = 1 - unknown / (seen.units.incidences / seen.units.units + unknown);
		bias += coverage.share - share;
		covered += share >= coverage.low - 1e-9 && share <= coverage.high + 1e-9;
		said += coverage.news * 24;
		truly += unknown * 24;
		within += unknown >= coverage.news_low - 1e-12 && unknown <= coverage.news_high;
	}
	printf("| %s | %u | %+.5f | %.1f %% | %.3f | %.3f | %.1f %% |\n", scenario->name, hour, bias / RUNS,
	       100 * covered / RUNS, said / RUNS, truly / RUNS, 100 * within / RUNS);
}

/* ---- when is it enough? ---- */

struct rule {
	const char *name;
	bool (*enough)(const struct coverage_whole *seen, const struct population *population, unsigned hour);
};

static unsigned lacks(const struct coverage_whole *seen)
{
	return coverage_lacks(&coverage_enough, seen);
}

static bool by_share(const struct coverage_whole *seen, const struct population *population, unsigned hour)
{
	struct coverage coverage;

	(void)population;
	(void)hour;
	coverage_estimate(&seen->units, &coverage);
	return coverage.share >= coverage_enough.coverage;
}

static bool by_low(const struct coverage_whole *seen, const struct population *population, unsigned hour)
{
	struct coverage coverage;

	(void)population;
	(void)hour;
	coverage_estimate(&seen->units, &coverage);
	return coverage.low >= coverage_enough.coverage;
}

static bool by_news(const struct coverage_whole *seen, const struct population *population, unsigned hour)
{
	(void)population;
	(void)hour;
	return !(lacks(seen) & COVERAGE_LACKS_NEWS);
}

static bool by_week(const struct coverage_whole *seen, const struct population *population, unsigned hour)
{
	(void)population;
	(void)hour;
	return !(lacks(seen) & ~COVERAGE_LACKS_DAYS);
}

/* Timers that are known came twice, and random occasions (releases) did, too. */
static bool occasions_came(const struct population *population, unsigned hour)
{
	for (unsigned i = 0; i < BUNDLES_MAX && population->scenario->bundle[i].lines; i++) {
		const struct bundle *bundle = &population->scenario->bundle[i];

		if ((bundle->scheduled || !bundle->period) &&
		    (population->came[i] < 2 || population->times[i][1] >= hour))
			return false;
	}
	return true;
}

static bool by_all(const struct coverage_whole *seen, const struct population *population, unsigned hour)
{
	return !lacks(seen) && occasions_came(population, hour);
}

static const struct rule rules[] = {
	{ "coverage", by_share },       { "its lower end", by_low },  { "news", by_news },
	{ "news and a week", by_week }, { "all (`enough`)", by_all },
};

#define RULE_COUNT (sizeof(rules) / sizeof(*rules))

/* What comes each week or more often, by chance more often than each ten days, or by a timer, and never came. */
static bool misses_something(const struct population *population, unsigned hour)
{
	for (unsigned i = 0; i < BUNDLES_MAX && population->scenario->bundle[i].lines; i++) {
		const struct bundle *bundle = &population->scenario->bundle[i];
		bool counts = bundle->scheduled || (bundle->period ? bundle->period <= 168 : bundle->mean <= 240);

		if (counts && (!population->came[i] || population->times[i][0] >= hour))
			return true;
	}
	return false;
}

static double unknown_without_months(const struct population *population, unsigned hour, double unknown)
{
	for (unsigned i = 0; i < population->line_count; i++) {
		const struct line *line = &population->line[i];
		const struct bundle *bundle = line->bundle < 0 ? NULL : &population->scenario->bundle[line->bundle];

		if (bundle && bundle->period > 168 && !bundle->scheduled && (!line->count || line->hour[0] >= hour))
			unknown -= line_share(population, line);
	}
	return unknown;
}

static int by_number(const void *one, const void *other)
{
	const unsigned *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

struct outcome {
	double early, never;
	unsigned days[RUNS], stopped;
};

static void stops(const struct scenario *scenario, struct outcome outcome[RULE_COUNT])
{
	static struct population population;

	for (unsigned run = 0; run < RUNS; run++) {
		bool done[RULE_COUNT] = { false };

		population_make(&population, scenario, 1000 + run);
		for (unsigned hour = 6; hour < HOURS_MAX; hour += 6) {
			struct coverage_whole seen;
			double unknown;

			population_look(&population, hour, &seen, &unknown);
			unknown = unknown_without_months(&population, hour, unknown);
			for (unsigned i = 0; i < RULE_COUNT; i++) {
				if (done[i] || !rules[i].enough(&seen, &population, hour))
					continue;
				done[i] = true;
				outcome[i].days[outcome[i].stopped++] = hour;
				outcome[i].early +=
					unknown * 24 > coverage_enough.news || misses_something(&population, hour);
			}
		}
		for (unsigned i = 0; i < RULE_COUNT; i++)
			outcome[i].never += !done[i];
	}
}

static void print_stops(const struct scenario *scenario)
{
	struct outcome outcome[RULE_COUNT] = { { 0 } };

	stops(scenario, outcome);
	printf("| %s |", scenario->name);
	for (unsigned i = 0; i < RULE_COUNT; i++) {
		struct outcome *of = &outcome[i];
		const char *mark = of->never > 0 ? " *" : "";
		unsigned middle = of->stopped / 2;

		qsort(of->days, of->stopped, sizeof(*of->days), by_number);
		if (of->stopped)
			printf(" %.1f %%, %.1f d%s |", 100 * of->early / of->stopped, of->days[middle] / 24., mark);
		else
			printf(" never |");
	}
	printf("\n");
}

int main(void)
{
	static const unsigned hours[] = { 24, 72, 168 };

	printf("| population | hours | bias of coverage | interval holds | news said | truly | interval holds |\n"
	       "| --- | --: | --: | --: | --: | --: | --: |\n");
	for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
		for (unsigned n = 0; n < sizeof(hours) / sizeof(*hours); n++)
			estimates(&scenarios[i], hours[n]);
	}
	printf("\n| population |");
	for (unsigned i = 0; i < RULE_COUNT; i++)
		printf(" %s |", rules[i].name);
	printf("\n| --- |");
	for (unsigned i = 0; i < RULE_COUNT; i++)
		printf(" --- |");
	printf("\n");
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		print_stops(&scenarios[i]);
	return 0;
}
