/* SPDX-License-Identifier: Apache-2.0 */
/* How sure a model is, by its statistics: what was seen of each context, what is still to come, and whether it is enough. */
#ifndef MODEL_ASSESS_H
#define MODEL_ASSESS_H

#include "model/coverage.h"
#include "model/statistics.h"

struct assessed_context {
	struct behaviour sample;                     /* only its context counts; borrowed from the model */
	const struct statistics_context *statistics; /* NULL: the context was never seen */
	size_t lines, never;                         /* all; those that were never seen */
	size_t one_host;             /* lines that only one host showed, of several on which the context was */
	struct coverage_facts facts; /* in hours of hosts; in runs, of a job */
	struct coverage coverage;
	uint64_t host_hours; /* in which it was there */
	unsigned hosts;
	unsigned occasions[OCCASION_COUNT]; /* that came while it was there */
	bool suffices;                      /* of a job: always; its schedule says more */
};

struct assessed_scheduled {
	const struct statistics_scheduled *scheduled;
	unsigned runs;   /* on all hosts together */
	unsigned times;  /* how often it came on the host where it came most often */
	unsigned wanted; /* how often it has to, by host; 0: it is not waited for */
	unsigned hosts;  /* on which it came that often */
	bool lacks;
};

struct assessed_occasion {
	unsigned times; /* on how many days: what is rolled out to all hosts on one is one */
	unsigned hosts;
	bool lacks;
};

struct assessment {
	struct coverage_wanted wanted;
	struct assessed_context *context; /* owned; in the model's order */
	size_t context_count, context_capacity;
	struct assessed_scheduled *scheduled; /* owned */
	size_t scheduled_count;
	struct assessed_occasion occasion[OCCASION_COUNT];
	struct coverage_whole whole;
	double news,
		news_high; /* sights of unknown lines by a host in a day: the estimate, and the end of its interval */
	unsigned month_ends;
	uint64_t lost;
	unsigned lacks; /* COVERAGE_LACKS_… of the whole */
	bool enough;
};

/* Borrows both, as long as the assessment lives. 0 or -ENOMEM. */
int assess(const struct statistics *statistics, struct model *model, const struct coverage_wanted *wanted,
	   struct assessment *out);
void assessment_free(struct assessment *assessment);

/* Appends what is waited for, as lines of text, each after `before`; nothing where it is enough. */
void assessment_waits(const struct assessment *assessment, const char *before, struct buffer *out);

#endif
