/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void minutes_free(struct minutes *minutes)
{
	free(minutes->other);
	*minutes = (struct minutes) { 0 };
}

static struct minute_count *find(struct minutes *minutes, uint64_t host)
{
	for (uint32_t i = 0; i < minutes->size; i++) {
		if (minutes->other[i].host == host)
			return &minutes->other[i];
	}
	return NULL;
}

static struct minute_count *furthest_back(struct minutes *minutes)
{
	struct minute_count *found = &minutes->other[0];

	for (uint32_t i = 1; i < minutes->size; i++) {
		if (minutes->other[i].minute < found->minute)
			found = &minutes->other[i];
	}
	return found;
}

/* A place for another host; where all are taken, one ends. NULL when out of memory. */
static struct minute_count *place(struct minutes *minutes, struct minute_count *ended)
{
	uint32_t capacity = minutes->capacity ? minutes->capacity * 2 : 2;
	struct minute_count *larger;

	if (minutes->size == MINUTES_HOSTS_MAX) {
		larger = furthest_back(minutes);
		*ended = *larger;
		return larger;
	}
	if (minutes->size == minutes->capacity) {
		larger = reallocarray(minutes->other, capacity, sizeof(*larger));
		if (!larger)
			return NULL;
		minutes->other = larger;
		minutes->capacity = capacity;
	}
	return &minutes->other[minutes->size++];
}

/* Makes the minute of this host the last one, without counting. */
static int bring(struct minutes *minutes, uint64_t host, struct minute_count *ended)
{
	struct minute_count before = minutes->last, *other = find(minutes, host);

	if (other) {
		minutes->last = *other;
		*other = before;
		return 0;
	}
	if (before.count) {
		other = place(minutes, ended);
		if (!other)
			return -ENOMEM;
		*other = before;
	}
	minutes->last = (struct minute_count) { .host = host };
	return 0;
}

int minutes_turn(struct minutes *minutes, uint64_t host, uint64_t minute, struct minute_count *ended)
{
	struct minute_count *last = &minutes->last;
	int status = last->host == host ? 0 : bring(minutes, host, ended);

	if (status < 0)
		return status;
	if (last->count && minute + 1 != last->minute && minute != last->minute) {
		*ended = *last;
		last->count = 0;
	}
	if (!last->count)
		last->minute = minute;
	last->count += last->count < UINT32_MAX;
	return 0;
}

void host_minute_of(struct host_minute *out, const struct event *event)
{
	out->minute = event->time_ns / UINT64_C(60000000000);
	/* Events of one host come after each other most often. */
	if (out->host_hash && strncmp(out->host, event->host, sizeof(out->host) - 1) == 0)
		return;
	(void)snprintf(out->host, sizeof(out->host), "%s", event->host);
	out->host_hash = hash_text(out->host) | 1;
}

struct rate *rate_new(void)
{
	return calloc(1, sizeof(struct rate));
}

void rate_free(struct rate *rate)
{
	if (!rate)
		return;
	minutes_free(&rate->now);
	sketch_free(&rate->usual);
	free(rate);
}

int rate_note(struct rate *rate, uint64_t host, uint64_t minute)
{
	struct minute_count ended;
	int status = minutes_note(&rate->now, host, minute, &ended);

	return !status && ended.count ? sketch_add(&rate->usual, ended.count) : status;
}

int rate_finish(struct rate *rate)
{
	int status = rate->now.last.count ? sketch_add(&rate->usual, rate->now.last.count) : 0;

	for (uint32_t i = 0; i < rate->now.size && !status; i++)
		status = sketch_add(&rate->usual, rate->now.other[i].count);
	minutes_free(&rate->now);
	return status;
}

void usual_free(struct usual *usual)
{
	sketch_free(&usual->processes);
	sketch_free(&usual->begun);
	sketch_free(&usual->cpu_ms);
}

int usual_note(struct usual *usual, uint64_t processes, uint64_t begun, uint64_t cpu_ms)
{
	int status = sketch_add(&usual->processes, processes);

	if (!status)
		status = sketch_add(&usual->begun, begun);
	return status ? status : sketch_add(&usual->cpu_ms, cpu_ms);
}

int usual_merge(struct usual *into, const struct usual *from, sketch_join *join)
{
	int status = join(&into->processes, &from->processes);

	if (!status)
		status = join(&into->begun, &from->begun);
	return status ? status : join(&into->cpu_ms, &from->cpu_ms);
}
