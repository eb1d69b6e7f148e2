/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills in statistics from events: which host was watched when, which context was there, in which host-hour or run a line was
 * seen, which occasions came.
 *
 * A host is watched from its first event to its last. What is there at the start (EVENT_FLAG_EXISTING) begins a new watch, and
 * a day without an event ends one. A service is there from its first process that is seen to the end of the last, idle or
 * not, and in each hour in which it does anything.
 */
#ifndef MODEL_OBSERVE_H
#define MODEL_OBSERVE_H

#include "event/event.h"
#include "model/statistics.h"

struct observer;
struct observed_host;

/* Where and when something is seen. */
struct sighting {
	struct moment moment;
	struct observed_host *host; /* NULL: there were too many */
	uint32_t hour;              /* since 1970 */
	bool is_run;                /* the unit is a job's run */
	bool at_start;              /* it was so before: seen in the first hour of the watch, which is not known yet */
};

/* More lines than so many at a start of a host's watch are not noted. */
#define OBSERVER_LINES_MAX 65536U

/* More processes than so many are not followed: their service is there in the hours in which it does something. */
#define OBSERVER_PROCESSES_MAX 262144U

/* Borrows the statistics. NULL when out of memory. */
struct observer *observer_new(struct statistics *statistics);
void observer_free(struct observer *observer);

/* Each event, whatever its context; *where is for what comes of it. 0 or -ENOMEM. */
int observer_event(struct observer *observer, const struct event *event, struct sighting *where);

/* The line was seen there. Costs next to nothing where it was the last time, too. 0 or -ENOMEM. */
int observer_line(struct observer *observer, struct model_entry *entry, const struct sighting *where);

/* The context of that behaviour was there, in that hour. 0 or -ENOMEM. */
int observer_context(struct observer *observer, const struct behaviour *behaviour, const struct sighting *where);

/* It is now so late (ns since 1970), also if nothing happens. */
void observer_clock(struct observer *observer, uint64_t time_ns);

/* The statistics say all there is up to now. 0 or -ENOMEM. */
int observer_settle(struct observer *observer);

/* The last time: the statistics know this run of learning as one. 0, -ENOMEM or -E2BIG. */
int observer_finish(struct observer *observer);

#endif
