/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of what there is has been seen, and when that is enough. Good and Turing's estimate for incidence data, as in Chao
 * and Jost, "Coverage-based rarefaction and extrapolation" (Ecology 93, 2012): lines that were seen in only one unit (a host's
 * hour, a job's run, a day) say how much was not seen yet. docs/decisions/0009-when-it-has-seen-enough.md says why it takes more than
 * that, and what was measured. Pure arithmetic.
 */
#ifndef MODEL_COVERAGE_H
#define MODEL_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

/* In units of one sort. */
struct coverage_facts {
	double units;
	double incidences;  /* for each line, the units in which it was seen; their sum */
	double once, twice; /* lines that were seen in exactly one unit, and in two */
};

/* `low` and `high` are the ends of an interval that holds the truth 95 times in 100, if units are like each other. */
struct coverage {
	double share, low, high;          /* how likely what is seen next is of a known line; 0 to 1 */
	double news, news_low, news_high; /* how many lines that nobody knows the next unit is expected to show */
};

/* With fewer than two units, nothing is known: the share is 0 and its interval is all there is. */
void coverage_estimate(const struct coverage_facts *facts, struct coverage *out);

#define COVERAGE_WEEK 0x7fU /* seven days, as hours_weekdays() has them */

/* What has to be there before it is enough. */
struct coverage_wanted {
	double coverage; /* of each context that is not quiet, at least; of 1 */
	double news;     /* at most so many sights of unknown lines by a host in a day, all contexts together */
	unsigned hosts;  /* at least */
	unsigned
		repeats; /* of each occasion and scheduled job, at least; and on so many hosts, where there are so many */
	bool week;       /* each day of the week was watched whole */
	uint32_t once;   /* scheduled work with a longer period (seconds) is waited for only once, */
	uint32_t longest; /* and with a longer one than this not at all */
	unsigned without; /* 1 << enum occasion: not waited for */
	bool without_schedule;
};

/* What --until enough means. */
extern const struct coverage_wanted coverage_enough;

/* What was seen, all contexts together. */
struct coverage_whole {
	struct coverage_facts units, days; /* hours of hosts, and days of all */
	unsigned hosts;
	unsigned weekdays; /* that were watched whole */
};

/* What lacks; several at a time. */
#define COVERAGE_LACKS_NEWS  (1U << 0) /* too much may still be new */
#define COVERAGE_LACKS_DAYS  (1U << 1) /* too much was seen on one day only */
#define COVERAGE_LACKS_HOSTS (1U << 2)
#define COVERAGE_LACKS_WEEK  (1U << 3)

/* 0: it is enough, as far as single contexts, occasions and schedules don't say otherwise. */
unsigned coverage_lacks(const struct coverage_wanted *wanted, const struct coverage_whole *whole);

/*
 * Was a service, whose units are hours of hosts, seen enough? It was if its coverage is high, or if it does so little, or is
 * there so seldom in the `watched` hours of hosts, that nothing much can be new in a host's day.
 */
bool coverage_suffices(const struct coverage_wanted *wanted, const struct coverage_facts *facts, double watched);

#endif
