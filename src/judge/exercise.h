/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recorded events use of a model: which of its lines, how much of what was observed they cover, and what they don't. Where
 * the model is what the tests showed and the recording is production's, that is both what production does and no test does,
 * and what tests do and production never does.
 */
#ifndef JUDGE_EXERCISE_H
#define JUDGE_EXERCISE_H

#include "event/event.h"
#include "model/decisions.h"
#include "model/model.h"
#include "model/network.h"

struct exercise;

/* Deviations that are kept, and hosts that are named of each; beyond it they are counted only. */
#define EXERCISE_DEVIATIONS_MAX 200000
#define EXERCISE_HOSTS_MAX      16

/* A behaviour that the model does not allow. */
struct exercise_deviation {
	struct behaviour behaviour; /* owned */
	bool new_context;           /* the model has no line for its context */
	bool forbidden;             /* somebody has forbidden it, whatever the model says */
	/* 0 where the process was taken into its context only later: then it was so, and nobody counted. */
	uint64_t count;
	uint64_t first_ns, last_ns; /* since 1970; 0 where not known */
	unsigned host_count;        /* of `host`; at most EXERCISE_HOSTS_MAX */
	bool more_hosts;
	char *host[EXERCISE_HOSTS_MAX]; /* as they were in the events: hostile; owned */
};

/* A context of the model, or one that it lacks. */
struct exercise_context {
	struct behaviour sample; /* only its context counts */
	uint64_t lines, used;    /* of the model; 0 lines: it doesn't know the context */
	uint64_t observations, covered;
	bool seen; /* anything at all of it was observed */
};

struct exercise_tally {
	uint64_t events, observations, covered;
	uint64_t lost;    /* things that the sensor missed: what seems unused may have been used */
	uint64_t dropped; /* observations of deviations that there was no room for */
};

/* Borrows both; the counts of the model's entries must be 0, and are those of observations afterwards. NULL: out of memory. */
struct exercise *exercise_new(struct model *model, const struct networks *networks);
void exercise_free(struct exercise *exercise);

/* From now on what these forbid deviates; the model has had them applied (decisions_apply). Borrows. */
void exercise_decide(struct exercise *exercise, const struct decisions *decisions);

/*
 * An event_sink whose owner is the exercise. As in learning, what ran in nobody's charge counts for the context that it turns out
 * to be of. 0 or -ENOMEM.
 */
int exercise_event(void *to, const struct event *event);

/* Between two recordings, whose processes have nothing to do with each other; and after the last. 0 or -ENOMEM. */
int exercise_end_recording(struct exercise *exercise);

const struct exercise_tally *exercise_tally(const struct exercise *exercise);

/* Is the line one that observations can use? "write ** none" says that there are none. */
bool exercise_counts(const struct behaviour *line);

/* Was anything of the behaviour's context observed? */
bool exercise_saw_context(const struct exercise *exercise, const struct behaviour *behaviour);

typedef int (*exercise_deviation_visitor)(void *owner, const struct exercise_deviation *deviation);
typedef int (*exercise_context_visitor)(void *owner, const struct exercise_context *context);

/* In canonical order, until `visit` returns non-zero; that, or -ENOMEM. */
int exercise_each_deviation(struct exercise *exercise, exercise_deviation_visitor visit, void *owner);
int exercise_each_context(struct exercise *exercise, exercise_context_visitor visit, void *owner);

#endif
