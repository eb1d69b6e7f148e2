/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a thing is usual: of a behaviour by host and minute, of a service or job by its usage events. */
#ifndef MODEL_RATE_H
#define MODEL_RATE_H

#include <stdint.h>

#include "event/event.h"
#include "model/sketch.h"

/* Minutes of so many hosts are counted at a time; of more, the one that lies back furthest ends early. */
#define MINUTES_HOSTS_MAX 1024

struct minute_count {
	uint64_t host;   /* whatever names one */
	uint64_t minute; /* since 1970 */
	uint32_t count;  /* 0: there is none */
};

/* Counts by host and minute, for events of many hosts in whatever order. All zero is empty; owns its memory. */
struct minutes {
	struct minute_count last; /* of the host that came last */
	struct minute_count *other;
	uint32_t size, capacity;
};

void minutes_free(struct minutes *minutes);

/* For minutes_note(): `last` is of another host or minute. 0, or -ENOMEM: nothing is counted then. */
int minutes_turn(struct minutes *minutes, uint64_t host, uint64_t minute, struct minute_count *ended);

/*
 * One more, on that host in that minute; `last` has the count afterwards. What is a minute late belongs to the minute that is
 * counted; a clock that is set back further begins another. *ended is the minute that is complete now; its count is 0 for none.
 */
static inline int minutes_note(struct minutes *minutes, uint64_t host, uint64_t minute, struct minute_count *ended)
{
	ended->count = 0;
	if (minutes->last.host == host && minutes->last.minute == minute && minutes->last.count) {
		minutes->last.count += minutes->last.count < UINT32_MAX;
		return 0;
	}
	return minutes_turn(minutes, host, minute, ended);
}

/* On which host and when an event was, as minutes count; what was asked last is kept. All zero at first. */
struct host_minute {
	char host[256];
	uint64_t host_hash; /* good as long as this process runs; never 0 */
	uint64_t minute;
};

void host_minute_of(struct host_minute *out, const struct event *event);

/* How often a behaviour came in the minutes of hosts in which it came at all. */
struct rate {
	struct minutes now;
	struct sketch usual; /* of the minutes that are complete */
};

/* NULL when out of memory. */
struct rate *rate_new(void);
void rate_free(struct rate *rate);

/* 0 or -ENOMEM. */
int rate_note(struct rate *rate, uint64_t host, uint64_t minute);

/* The minutes that are counted are complete. 0 or -ENOMEM. */
int rate_finish(struct rate *rate);

/* What a context used, by usage events: in a minute, or in what was left of it when a job ended. */
struct usual {
	struct sketch processes; /* the most at a time */
	struct sketch begun;     /* processes that began */
	struct sketch cpu_ms;
};

void usual_free(struct usual *usual);

/* 0 or -ENOMEM. */
int usual_note(struct usual *usual, uint64_t processes, uint64_t begun, uint64_t cpu_ms);
int usual_merge(struct usual *into, const struct usual *from, sketch_join *join);

#endif
