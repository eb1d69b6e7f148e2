/* SPDX-License-Identifier: Apache-2.0 */
#include "model/coverage.h"

#include <math.h>

/* The 97.5th percentile of the normal distribution. */
#define NORMAL_QUANTILE 1.959964

const struct coverage_wanted coverage_enough = {
	.coverage = 0.999,
	.news = 0.05,
	.hosts = 3,
	.repeats = 2,
	.week = true,
	.longest = 32 * 86400,
	.once = 8 * 86400,
};

/* The ends of the exact interval for a Poisson mean of which `count` was seen (Garwood, 1936), by Wilson and Hilferty. */
static double poisson_high(double count)
{
	double n = count + 1, root = 1 - 1 / (9 * n) + NORMAL_QUANTILE / (3 * sqrt(n));

	return n * root * root * root;
}

static double poisson_low(double count)
{
	double root = count > 0 ? 1 - 1 / (9 * count) - NORMAL_QUANTILE / (3 * sqrt(count)) : 0;

	return root > 0 ? count * root * root * root : 0;
}

/* By how much what is unseen is less than what was seen once, since even that unit counts (Chao and Jost, 2012). */
static double correction(const struct coverage_facts *facts)
{
	double others = facts->units - 1, singles = facts->once;

	if (facts->twice > 0)
		return others * singles / (others * singles + 2 * facts->twice);
	return singles > 1 ? others * (singles - 1) / (others * (singles - 1) + 2) : 1;
}

static double between(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

void coverage_estimate(const struct coverage_facts *facts, struct coverage *out)
{
	double once = facts->once, unseen, spread, low, high;

	*out = (struct coverage) { .high = 1, .news_high = INFINITY };
	if (facts->units < 2 || facts->incidences <= 0)
		return;
	unseen = once > 0 ? once * correction(facts) : 0;
	/* What is unseen varies as well as what was seen once: var(once - unseen) is about once + 2 twice (Robbins, 1968). */
	spread = sqrt(1 + 2 * facts->twice / (once > 1 ? once : 1));
	low = once - (once - poisson_low(once)) * spread;
	high = once + (poisson_high(once) - once) * spread;
	out->news = unseen / facts->units;
	out->news_low = low > 0 ? between(low / facts->units, 0, out->news) : 0;
	out->news_high = high / facts->units;
	out->share = between(1 - unseen / facts->incidences, 0, 1);
	out->low = between(1 - high / facts->incidences, 0, out->share);
	out->high = between(1 - out->news_low * facts->units / facts->incidences, out->share, 1);
}

#define HOURS_A_DAY 24

unsigned coverage_lacks(const struct coverage_wanted *wanted, const struct coverage_whole *whole)
{
	struct coverage units, days;
	unsigned lacks = 0;

	coverage_estimate(&whole->units, &units);
	coverage_estimate(&whole->days, &days);
	/* The estimate itself would be right half the time: it is asked again and again, and taken when it is lowest. */
	if (!(units.news_high * HOURS_A_DAY <= wanted->news))
		lacks |= COVERAGE_LACKS_NEWS;
	/* What comes to all hosts on one day was seen in many of their hours at once: only days tell. */
	if (whole->days.units < 2 ? wanted->week : days.news > wanted->news * whole->hosts)
		lacks |= COVERAGE_LACKS_DAYS;
	if (whole->hosts < wanted->hosts)
		lacks |= COVERAGE_LACKS_HOSTS;
	if (wanted->week && (whole->weekdays & COVERAGE_WEEK) != COVERAGE_WEEK)
		lacks |= COVERAGE_LACKS_WEEK;
	return lacks;
}

bool coverage_suffices(const struct coverage_wanted *wanted, const struct coverage_facts *facts, double watched)
{
	struct coverage coverage;
	double present = watched > facts->units ? facts->units / watched : 1;

	coverage_estimate(facts, &coverage);
	return coverage.low >= wanted->coverage || coverage.news_high * present * HOURS_A_DAY <= wanted->news;
}
