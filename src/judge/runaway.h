/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runaways: a service or job does far more of what it does anyway than it did while the model was learned. What one context on
 * one host overdoes at a time is one finding, told when it begins, now and then while it lasts, and when it is over.
 */
#ifndef JUDGE_RUNAWAY_H
#define JUDGE_RUNAWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "event/event.h"
#include "event/severity.h"
#include "model/model.h"

enum runaway_measure {
	RUNAWAY_RATE,      /* of a behaviour: how often in a minute */
	RUNAWAY_PROCESSES, /* at a time */
	RUNAWAY_BEGUN,     /* processes that began, in a minute */
	RUNAWAY_CPU,       /* CPU time in a minute, in milliseconds */
	RUNAWAY_MEASURE_COUNT,
};

/* More than this is never a runaway before it is also a multiple of what is usual: docs/reference/runaway.md. */
#define RUNAWAY_FLOOR_RATE      600
#define RUNAWAY_FLOOR_ACCEPT    6000 /* of what others do, not the service */
#define RUNAWAY_FLOOR_PROCESSES 200
#define RUNAWAY_FLOOR_BEGUN     1200
#define RUNAWAY_FLOOR_CPU_MS    30000

/* What was learned in less than this is no measure: minutes of hosts in which a service was there, runs of a job. */
#define RUNAWAY_SERVICE_MINUTES 60
#define RUNAWAY_JOB_RUNS        3

/* While it lasts it is told again no sooner. */
#define RUNAWAY_TELL_NS UINT64_C(600000000000)
/* So many last at a time; more are counted. What else one context overdoes meanwhile is not told by itself. */
#define RUNAWAY_MAX       256
#define RUNAWAY_PARTS_MAX 16

struct runaway_part {
	enum runaway_measure measure;
	const struct model_entry *entry; /* RUNAWAY_RATE: of which line; else NULL; borrowed */
	uint64_t usual;                  /* the most that was seen while learning */
	uint64_t limit;                  /* more than that is too much */
	uint64_t now;                    /* in the minute that was looked at last */
	uint64_t most, total;            /* of a minute; in all (of processes the most) */
	/* How it stands; the judge's. */
	uint64_t minute, count;
	uint64_t quiet; /* minutes since it was too much */
	uint64_t seen_ns;
};

enum runaway_state { RUNAWAY_BEGINS, RUNAWAY_LASTS, RUNAWAY_OVER };

struct runaway {
	uint64_t id; /* its own for good, whoever watches again */
	enum runaway_state state;
	uint64_t since_ns, last_ns; /* UTC */
	const char *host;           /* borrowed, as is all below */
	struct context context;
	const struct runaway_part *part; /* what was too much first is the first */
	unsigned part_count;
	const struct event *event; /* with which it began */
};

/* Of all runaways: they are known work, too much of it. */
#define RUNAWAY_SEVERITY SEVERITY_MEDIUM

typedef int (*runaway_sink)(void *owner, const struct runaway *runaway);

struct runaways;

/* Borrows the model, whose lines must stay. NULL when out of memory. */
struct runaways *runaways_new(const struct model *model, runaway_sink sink, void *owner);
void runaways_free(struct runaways *runaways);

/* Each event that is judged, first. 0, -ENOMEM, or what the sink returned, as of the next ones. */
int runaways_event(struct runaways *runaways, const struct event *event);

/* The event is a behaviour that this line of the model allows. */
int runaways_allowed(struct runaways *runaways, const struct model_entry *entry, const struct event *event);

/* It is `now_ns` (UTC) on all hosts. For where events come as they happen, so that no event is news too. */
int runaways_clock(struct runaways *runaways, uint64_t now_ns);

/* Tells of all that last, as they stand: nobody looks any longer. */
int runaways_finish(struct runaways *runaways);

struct runaways_tally {
	uint64_t told;   /* runaways that began */
	uint64_t untold; /* … for which there was no room */
};

const struct runaways_tally *runaways_tally(const struct runaways *runaways);

/* Of how many services and jobs of the model it is known what is usual, and how many there are. */
void runaways_known(struct model *model, size_t *known, size_t *all);

/* As a person reads it; several lines, escaped. And as a line of NDJSON: docs/reference/events.md. */
void runaway_explain(struct buffer *out, const struct runaway *runaway);
void runaway_write(struct buffer *out, const struct runaway *runaway);

#endif
