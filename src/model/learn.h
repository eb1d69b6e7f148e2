/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning: events go into a model. What runs in nobody's charge (a test harness, the boot) may later turn out to be a
 * service, so its behaviours wait: a context event files them where they belong, learner_finish() the rest.
 */
#ifndef MODEL_LEARN_H
#define MODEL_LEARN_H

#include <stdint.h>

#include "event/event.h"
#include "model/model.h"
#include "model/network.h"
#include "model/observe.h"

struct learner;

/* What became of the events so far. */
struct learner_tally {
	uint64_t events;
	uint64_t by_context[CONTEXT_KIND_COUNT];
	uint64_t lost;    /* things that the sensor missed: a model learned meanwhile may lack lines */
	uint64_t dropped; /* behaviours of a harness that could not wait, for want of room */
	uint64_t waiting; /* behaviours that wait for their context */
};

/* How many behaviours may wait. */
#define LEARNER_WAITING_MAX 200000

/* Borrows both. NULL when out of memory. */
struct learner *learner_new(struct model *model, const struct networks *networks);
void learner_free(struct learner *learner);

/*
 * From now on what `refuses` says so of is never learned, whatever is seen, and goes from the model at the end if it was there
 * before. It is asked once for each sight.
 */
void learner_refuse(struct learner *learner, bool (*refuses)(void *owner, const struct behaviour *behaviour),
		    void *owner);

/* What is learned is counted there, too; borrowed. Before the first event. 0 or -ENOMEM. */
int learner_counts(struct learner *learner, struct statistics *statistics);

/*
 * It is now so late (ns since 1970; 0: as late as the last event said), the statistics say all there is up to now, and the model
 * is folded. 0 or -ENOMEM.
 */
int learner_clock(struct learner *learner, uint64_t time_ns);

/* An event_sink whose owner is the learner. 0 or -ENOMEM. */
int learner_event(void *to, const struct event *event);

/*
 * Files are watched, so that a context which writes none is known not to, even if nobody wrote any. An event about a
 * file says so, too.
 */
void learner_watches_files(struct learner *learner);

/*
 * No more events: what the boot did is learned as the boot's, what the harness did is forgotten. The model is folded
 * (model_fold) now, and was before where it grew.
 */
int learner_finish(struct learner *learner);

const struct learner_tally *learner_tally(const struct learner *learner);

#endif
