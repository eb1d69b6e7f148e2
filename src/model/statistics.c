/* SPDX-License-Identifier: Apache-2.0 */
#include "model/statistics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const occasion_names[OCCASION_COUNT] = {
	[OCCASION_BOOT] = "boot",
	[OCCASION_CHANGE] = "change",
	[OCCASION_UPGRADE] = "upgrade",
	[OCCASION_ROTATION] = "rotation",
};

const char *occasion_name(enum occasion occasion)
{
	return (unsigned)occasion < OCCASION_COUNT ? occasion_names[occasion] : NULL;
}

struct statistics *statistics_new(void)
{
	return calloc(1, sizeof(struct statistics));
}

static void host_free(struct statistics_host *host)
{
	if (!host)
		return;
	hours_free(&host->watched);
	for (unsigned i = 0; i < OCCASION_COUNT; i++)
		hours_free(&host->occasion[i]);
	free(host->name);
	free(host);
}

static void context_free(struct statistics_context *context)
{
	for (size_t i = 0; i < context->place_count; i++)
		hours_free(&context->place[i].hours);
	free(context->place);
	distinct_free(&context->runs);
	free(context);
}

static void scheduled_free(struct statistics_scheduled *scheduled)
{
	if (!scheduled)
		return;
	distinct_free(&scheduled->hosts);
	free(scheduled->job);
	free(scheduled);
}

void statistics_free(struct statistics *statistics)
{
	if (!statistics)
		return;
	for (size_t i = 0; i < statistics->host_count; i++)
		host_free(statistics->host[i]);
	for (size_t i = 0; i < statistics->context_count; i++)
		context_free(statistics->context[i]);
	for (size_t i = 0; i < statistics->scheduled_count; i++)
		scheduled_free(statistics->scheduled[i]);
	free(statistics->host);
	free(statistics->context);
	free(statistics->scheduled);
	free(statistics->source);
	free(statistics);
}

/* ---- sorted lists ---- */

/* Makes room in the list *items of `size` bytes each, and moves those from `at` on. 0 or -ENOMEM. */
static int open_gap(void **items, size_t size, size_t *count, size_t *capacity, size_t at)
{
	if (*count == *capacity) {
		size_t more = *capacity ? 2 * *capacity : 8;
		void *grown = reallocarray(*items, more, size);

		if (!grown)
			return -ENOMEM;
		*items = grown;
		*capacity = more;
	}
	memmove((char *)*items + (at + 1) * size, (char *)*items + at * size, (*count - at) * size);
	(*count)++;
	return 0;
}

/* Where the one that is equal to `key` is (*found), or belongs. */
static size_t search(void *const *items, size_t count, const void *key,
		     int (*compare)(const void *key, const void *item), bool *found)
{
	size_t low = 0, high = count;

	*found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare(key, items[middle]);

		if (!order) {
			*found = true;
			return middle;
		}
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int compare_host(const void *key, const void *item)
{
	return strcmp(key, ((const struct statistics_host *)item)->name);
}

static struct statistics_host *new_host(const char *name)
{
	struct statistics_host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->name = strdup(name);
	host->hash = distinct_hash(name);
	if (host->name)
		return host;
	free(host);
	return NULL;
}

struct statistics_host *statistics_host(struct statistics *statistics, const char *name)
{
	bool found;
	size_t at = search((void *const *)statistics->host, statistics->host_count, name, compare_host, &found);
	struct statistics_host *host;

	if (found)
		return statistics->host[at];
	host = statistics->host_count < STATISTICS_HOSTS_MAX ? new_host(name) : NULL;
	if (!host || open_gap((void **)&statistics->host, sizeof(struct statistics_host *), &statistics->host_count,
			      &statistics->host_capacity, at) < 0) {
		host_free(host);
		statistics->refused++;
		return NULL;
	}
	statistics->host[at] = host;
	return host;
}

static int compare_context(const void *key, const void *item)
{
	struct behaviour one = *(const struct behaviour *)key,
			 other = ((const struct statistics_context *)item)->sample;

	one.kind = other.kind = BEHAVIOUR_EXEC;
	one.program = other.program = one.object = other.object = "";
	return behaviour_compare(&one, &other);
}

static struct statistics_context *new_context(const struct behaviour *sample)
{
	size_t size = strlen(sample->context_name) + 1;
	struct statistics_context *context = calloc(1, sizeof(*context) + size);

	if (!context)
		return NULL;
	context->sample = *sample;
	context->sample.kind = BEHAVIOUR_EXEC;
	context->sample.program = context->sample.object = "";
	context->sample.context_name = memcpy(context + 1, sample->context_name, size);
	context->runs.limit = STATISTICS_RUNS;
	return context;
}

struct statistics_context *statistics_context(struct statistics *statistics, const struct behaviour *sample)
{
	bool found;
	size_t at =
		search((void *const *)statistics->context, statistics->context_count, sample, compare_context, &found);
	struct statistics_context *context;

	if (found)
		return statistics->context[at];
	context = statistics->context_count < STATISTICS_CONTEXTS_MAX ? new_context(sample) : NULL;
	if (!context || open_gap((void **)&statistics->context, sizeof(struct statistics_context *),
				 &statistics->context_count, &statistics->context_capacity, at) < 0) {
		free(context);
		statistics->refused++;
		return NULL;
	}
	statistics->context[at] = context;
	return context;
}

const struct statistics_context *statistics_find(const struct statistics *statistics, const struct behaviour *sample)
{
	bool found;
	size_t at =
		search((void *const *)statistics->context, statistics->context_count, sample, compare_context, &found);

	return found ? statistics->context[at] : NULL;
}

struct statistics_place *statistics_place(struct statistics_context *context, const struct statistics_host *host)
{
	size_t low = 0, high = context->place_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (context->place[middle].host == host)
			return &context->place[middle];
		if (strcmp(context->place[middle].host->name, host->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (open_gap((void **)&context->place, sizeof(struct statistics_place), &context->place_count,
		     &context->place_capacity, low) < 0)
		return NULL;
	context->place[low] = (struct statistics_place) { .host = host };
	return &context->place[low];
}

static int compare_scheduled(const void *key, const void *item)
{
	const struct statistics_scheduled *one = key, *other = item;
	int order = strcmp(one->job, other->job);

	return order ? order : one->period < other->period ? -1 : one->period > other->period;
}

static struct statistics_scheduled *new_scheduled(const char *job, uint32_t period)
{
	struct statistics_scheduled *scheduled = calloc(1, sizeof(*scheduled));

	if (!scheduled)
		return NULL;
	scheduled->period = period;
	scheduled->hosts.limit = SEEN_HOSTS;
	scheduled->job = strdup(job);
	if (scheduled->job)
		return scheduled;
	free(scheduled);
	return NULL;
}

struct statistics_scheduled *statistics_scheduled(struct statistics *statistics, const char *job, uint32_t period)
{
	char name[BEHAVIOUR_NAME_MAX];
	const struct statistics_scheduled key = { .job = name, .period = period };
	struct statistics_scheduled *scheduled;
	size_t at;
	bool found;

	(void)snprintf(name, sizeof(name), "%s", job);
	at = search((void *const *)statistics->scheduled, statistics->scheduled_count, &key, compare_scheduled, &found);
	if (found)
		return statistics->scheduled[at];
	scheduled = statistics->scheduled_count < STATISTICS_SCHEDULED_MAX ? new_scheduled(name, period) : NULL;
	if (!scheduled || open_gap((void **)&statistics->scheduled, sizeof(struct statistics_scheduled *),
				   &statistics->scheduled_count, &statistics->scheduled_capacity, at) < 0) {
		scheduled_free(scheduled);
		statistics->refused++;
		return NULL;
	}
	statistics->scheduled[at] = scheduled;
	return scheduled;
}

static size_t source_place(const struct statistics *statistics, uint64_t source)
{
	size_t at = 0;

	while (at < statistics->source_count && statistics->source[at] < source)
		at++;
	return at;
}

static bool has_source(const struct statistics *statistics, uint64_t source)
{
	size_t at = source_place(statistics, source);

	return at < statistics->source_count && statistics->source[at] == source;
}

int statistics_add_source(struct statistics *statistics, uint64_t source)
{
	size_t at = source_place(statistics, source);

	if (has_source(statistics, source))
		return 0;
	if (statistics->source_count == STATISTICS_SOURCES_MAX)
		return -E2BIG;
	if (open_gap((void **)&statistics->source, sizeof(source), &statistics->source_count,
		     &statistics->source_capacity, at) < 0)
		return -ENOMEM;
	statistics->source[at] = source;
	return 0;
}

/* The first hours of a union are among the first of its parts: so it makes no difference what is cut when. */
static void keep_first(struct hours *hours, uint64_t maximum)
{
	uint64_t count = 0;

	for (size_t i = 0; i < hours->count; i++) {
		struct hour_range *range = &hours->range[i];

		if (count + range->to - range->from + 1 >= maximum) {
			range->to = range->from + (uint32_t)(maximum - count - 1);
			hours->count = i + 1;
			return;
		}
		count += range->to - range->from + 1U;
	}
}

int statistics_add_occasion(struct statistics_host *host, enum occasion occasion, uint32_t hour)
{
	int status = hours_add(&host->occasion[occasion], hour, hour);

	keep_first(&host->occasion[occasion], STATISTICS_OCCASIONS);
	return status;
}

int statistics_add_occasions(struct statistics_host *host, enum occasion occasion, const struct hours *hours)
{
	int status = hours_merge(&host->occasion[occasion], hours);

	keep_first(&host->occasion[occasion], STATISTICS_OCCASIONS);
	return status;
}

/* ---- merging ---- */

static int merge_host(struct statistics *into, const struct statistics_host *from)
{
	struct statistics_host *host = statistics_host(into, from->name);
	int status = host ? hours_merge(&host->watched, &from->watched) : -ENOMEM;

	for (unsigned i = 0; i < OCCASION_COUNT && !status; i++)
		status = statistics_add_occasions(host, i, &from->occasion[i]);
	return status;
}

static int merge_context(struct statistics *into, const struct statistics_context *from)
{
	struct statistics_context *context = statistics_context(into, &from->sample);
	int status = context ? distinct_merge(&context->runs, &from->runs) : -ENOMEM;

	for (size_t i = 0; i < from->place_count && !status; i++) {
		struct statistics_host *host = statistics_host(into, from->place[i].host->name);
		struct statistics_place *place = host ? statistics_place(context, host) : NULL;

		status = place ? hours_merge(&place->hours, &from->place[i].hours) : -ENOMEM;
	}
	return status;
}

static int merge_sets(struct statistics *into, const struct statistics *from)
{
	int status = 0;

	for (size_t i = 0; i < from->host_count && !status; i++)
		status = merge_host(into, from->host[i]);
	for (size_t i = 0; i < from->context_count && !status; i++)
		status = merge_context(into, from->context[i]);
	for (size_t i = 0; i < from->scheduled_count && !status; i++) {
		const struct statistics_scheduled *other = from->scheduled[i];
		struct statistics_scheduled *scheduled = statistics_scheduled(into, other->job, other->period);

		status = scheduled ? distinct_merge(&scheduled->hosts, &other->hosts) : -ENOMEM;
	}
	for (size_t i = 0; i < from->source_count && !status; i++)
		status = statistics_add_source(into, from->source[i]);
	return status;
}

struct counting {
	struct model *lines;
	bool overlaps;
};

static int merge_count(void *owner, struct model_entry *entry)
{
	const struct counting *counting = owner;
	struct model_entry *into = model_find(counting->lines, &entry->behaviour);

	if (!into)
		return 0;
	if (!counting->overlaps)
		into->count = seen_sum(into->count, entry->count);
	else if (into->count < entry->count)
		into->count = entry->count;
	return 0;
}

static bool overlap(const struct statistics *one, const struct statistics *other)
{
	for (size_t i = 0; i < one->source_count; i++) {
		if (has_source(other, one->source[i]))
			return true;
	}
	return false;
}

/* Has `one` every source of the other? Then there is nothing that it did not count. */
static bool has_all_of(const struct statistics *one, const struct statistics *other)
{
	for (size_t i = 0; i < other->source_count; i++) {
		if (!has_source(one, other->source[i]))
			return false;
	}
	return true;
}

int statistics_merge(struct statistics *into, struct model *lines, const struct statistics *from,
		     struct model *from_lines)
{
	struct counting counting = { lines, overlap(into, from) };
	bool at_least = into->at_least || from->at_least ||
			(counting.overlaps && !has_all_of(into, from) && !has_all_of(from, into));
	uint64_t refused = into->refused;
	int status = model_merge(lines, from_lines);

	if (!status)
		status = merge_sets(into, from);
	if (into->refused > refused)
		return -E2BIG;
	if (status)
		return status;
	if (!counting.overlaps)
		into->lost = seen_sum(into->lost, from->lost);
	else if (into->lost < from->lost)
		into->lost = from->lost;
	into->at_least = at_least;
	status = model_join_rates(lines, from_lines, counting.overlaps ? sketch_cover : sketch_merge);
	return status ? status : model_each(from_lines, merge_count, &counting);
}
