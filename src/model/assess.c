/* SPDX-License-Identifier: Apache-2.0 */
#include "model/assess.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "model/text_priv.h"

#define HOURS_A_DAY 24

/* ---- contexts ---- */

static struct assessed_context *add_context(struct assessment *out, const struct behaviour *sample)
{
	struct assessed_context *context;

	if (!out->context || out->context_count == out->context_capacity) {
		size_t capacity = out->context_capacity ? 2 * out->context_capacity : 16;
		struct assessed_context *grown = reallocarray(out->context, capacity, sizeof(*grown));

		if (!grown)
			return NULL;
		out->context = grown;
		out->context_capacity = capacity;
	}
	context = &out->context[out->context_count++];
	*context = (struct assessed_context) { .sample = *sample };
	return context;
}

static void count_occasions(struct assessed_context *context, const struct statistics_place *place)
{
	for (unsigned i = 0; i < OCCASION_COUNT; i++) {
		const struct hours *hours = &place->host->occasion[i];

		for (size_t n = 0; n < hours->count; n++) {
			for (uint32_t hour = hours->range[n].from; hour <= hours->range[n].to; hour++)
				context->occasions[i] += hours_has(&place->hours, hour);
		}
	}
}

static void look_up(struct assessed_context *context, const struct statistics *statistics)
{
	const struct statistics_context *seen = statistics_find(statistics, &context->sample);

	context->statistics = seen;
	for (size_t i = 0; seen && i < seen->place_count; i++) {
		if (!seen->place[i].hours.count)
			continue;
		context->hosts++;
		context->host_hours += hours_count(&seen->place[i].hours);
		count_occasions(context, &seen->place[i]);
	}
	if (seen)
		context->facts.units = context->sample.context_kind == CONTEXT_JOB ? distinct_count(&seen->runs)
										   : (double)context->host_hours;
}

static void count_in(struct coverage_facts *facts, const struct distinct *distinct)
{
	double count = distinct_count(distinct);

	facts->incidences += count;
	facts->once += count == 1;
	facts->twice += count == 2;
}

struct walk {
	const struct statistics *statistics;
	struct assessment *out;
};

/* Rare scheduled work is judged by its schedule alone: that it came once says nothing of what else is new. */
static bool is_rare(const struct walk *walk, const struct assessed_context *context)
{
	const struct statistics *statistics = walk->statistics;

	for (size_t i = 0; context->sample.context_kind == CONTEXT_JOB && i < statistics->scheduled_count; i++) {
		if (statistics->scheduled[i]->period > walk->out->wanted.once &&
		    strcmp(statistics->scheduled[i]->job, context->sample.context_name) == 0)
			return true;
	}
	return false;
}

static int take_line(void *owner, struct model_entry *entry)
{
	struct walk *walk = owner;
	struct assessment *out = walk->out;
	struct assessed_context *context = out->context_count ? &out->context[out->context_count - 1] : NULL;

	if (!context || !text_same_context(&context->sample, &entry->behaviour)) {
		context = add_context(out, &entry->behaviour);
		if (!context)
			return -ENOMEM;
		look_up(context, walk->statistics);
	}
	context->lines++;
	if (!entry->seen || !entry->seen->units.size) {
		context->never++;
		return 0;
	}
	count_in(&context->facts, &entry->seen->units);
	context->one_host += context->hosts > 1 && entry->seen->hosts.size == 1;
	if (is_rare(walk, context))
		return 0;
	count_in(&out->whole.units, &entry->seen->units);
	count_in(&out->whole.days, &entry->seen->days);
	return 0;
}

/* ---- the whole ---- */

/* On how many hosts something has to come. */
static unsigned hosts_wanted(const struct assessment *assessment, unsigned there)
{
	unsigned repeats = assessment->wanted.repeats;

	return there < repeats ? there : repeats;
}

static int assess_occasions(const struct statistics *statistics, struct assessment *out)
{
	int status = 0;

	for (unsigned i = 0; i < OCCASION_COUNT && !status; i++) {
		struct assessed_occasion *occasion = &out->occasion[i];
		struct hours hours = { 0 }, days = { 0 };

		for (size_t n = 0; n < statistics->host_count && !status; n++) {
			const struct hours *of_host = &statistics->host[n]->occasion[i];

			occasion->hosts += of_host->count > 0;
			status = hours_merge(&hours, of_host);
		}
		if (!status)
			status = hours_days(&hours, &days);
		occasion->times = (unsigned)hours_count(&days);
		occasion->lacks =
			!(out->wanted.without & 1U << i) && (occasion->times < out->wanted.repeats ||
							     occasion->hosts < hosts_wanted(out, out->whole.hosts));
		hours_free(&hours);
		hours_free(&days);
	}
	return status;
}

static int assess_hosts(const struct statistics *statistics, struct assessment *out)
{
	struct hours watched = { 0 }, days = { 0 };
	int status = 0;

	for (size_t i = 0; i < statistics->host_count && !status; i++) {
		const struct statistics_host *host = statistics->host[i];

		out->whole.hosts += host->watched.count > 0;
		out->whole.units.units += (double)hours_count(&host->watched);
		status = hours_merge(&watched, &host->watched);
	}
	if (!status)
		status = hours_days(&watched, &days);
	out->whole.days.units = (double)hours_count(&days);
	out->whole.weekdays = hours_weekdays(&watched);
	out->month_ends = hours_month_ends(&watched);
	hours_free(&watched);
	hours_free(&days);
	return status;
}

static unsigned times_wanted(const struct coverage_wanted *wanted, uint32_t period)
{
	if (wanted->without_schedule || !period || period > wanted->longest)
		return 0;
	return period > wanted->once && wanted->repeats ? 1 : wanted->repeats;
}

#define TWO_HOURS 7200

/* How often it came there: hours apart, where it comes that seldom. A run may go on for hours. */
static unsigned times_at(const struct statistics_place *place, uint32_t period)
{
	return period > TWO_HOURS ? (unsigned)place->hours.count : (unsigned)hours_count(&place->hours);
}

static void count_times(const struct assessed_context *context, struct assessed_scheduled *out)
{
	const struct statistics_context *seen = context->statistics;

	out->runs += (unsigned)context->facts.units;
	for (size_t i = 0; i < seen->place_count; i++) {
		unsigned times = times_at(&seen->place[i], out->scheduled->period);

		out->times = times > out->times ? times : out->times;
		out->hosts += times && times >= out->wanted;
	}
}

static void assess_scheduled(const struct assessment *assessment, const struct statistics_scheduled *scheduled,
			     struct assessed_scheduled *out)
{
	*out = (struct assessed_scheduled) {
		.scheduled = scheduled,
		.wanted = times_wanted(&assessment->wanted, scheduled->period),
	};
	for (size_t i = 0; i < assessment->context_count; i++) {
		const struct assessed_context *context = &assessment->context[i];

		if (context->sample.context_kind == CONTEXT_JOB && context->statistics &&
		    strcmp(context->sample.context_name, scheduled->job) == 0)
			count_times(context, out);
	}
	out->lacks =
		out->wanted && out->hosts < (out->wanted > 1 ? hosts_wanted(assessment, scheduled->hosts.size) : 1);
}

static bool lacks_something(const struct assessment *assessment)
{
	for (size_t i = 0; i < assessment->context_count; i++) {
		if (!assessment->context[i].suffices)
			return true;
	}
	for (size_t i = 0; i < assessment->scheduled_count; i++) {
		if (assessment->scheduled[i].lacks)
			return true;
	}
	for (unsigned i = 0; i < OCCASION_COUNT; i++) {
		if (assessment->occasion[i].lacks)
			return true;
	}
	return assessment->lacks || !assessment->context_count;
}

int assess(const struct statistics *statistics, struct model *model, const struct coverage_wanted *wanted,
	   struct assessment *out)
{
	struct walk walk = { statistics, out };
	struct coverage coverage;
	int status;

	*out = (struct assessment) { .wanted = *wanted, .lost = statistics->lost };
	status = assess_hosts(statistics, out);
	if (!status)
		status = assess_occasions(statistics, out);
	if (!status)
		status = model_each(model, take_line, &walk);
	if (!status && statistics->scheduled_count) {
		out->scheduled = calloc(statistics->scheduled_count, sizeof(*out->scheduled));
		status = out->scheduled ? 0 : -ENOMEM;
	}
	if (status) {
		assessment_free(out);
		return status;
	}
	for (size_t i = 0; i < out->context_count; i++) {
		struct assessed_context *context = &out->context[i];

		coverage_estimate(&context->facts, &context->coverage);
		context->suffices = context->sample.context_kind == CONTEXT_JOB || !context->statistics ||
				    coverage_suffices(wanted, &context->facts, out->whole.units.units);
	}
	for (size_t i = 0; i < statistics->scheduled_count; i++)
		assess_scheduled(out, statistics->scheduled[i], &out->scheduled[i]);
	out->scheduled_count = statistics->scheduled_count;
	coverage_estimate(&out->whole.units, &coverage);
	out->news = coverage.news * HOURS_A_DAY;
	out->news_high = coverage.news_high * HOURS_A_DAY;
	out->lacks = coverage_lacks(wanted, &out->whole);
	out->enough = !lacks_something(out);
	return 0;
}

void assessment_free(struct assessment *assessment)
{
	free(assessment->context);
	free(assessment->scheduled);
	assessment->context = NULL;
	assessment->scheduled = NULL;
	assessment->context_count = assessment->scheduled_count = 0;
}

/* ---- in words ---- */

static void tell_whole(const struct assessment *assessment, const char *before, struct buffer *out)
{
	static const char *const weekdays[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
						"Friday", "Saturday", "Sunday" };
	const struct coverage_wanted *wanted = &assessment->wanted;
	const char *between = "";

	if (assessment->lacks & COVERAGE_LACKS_HOSTS)
		buffer_printf(out, "%shosts: %u of %u\n", before, assessment->whole.hosts, wanted->hosts);
	if (assessment->lacks & COVERAGE_LACKS_WEEK) {
		buffer_printf(out, "%sdays of the week, watched whole: ", before);
		for (unsigned day = 0; day < 7; day++) {
			if (assessment->whole.weekdays & 1U << day)
				continue;
			buffer_printf(out, "%s%s", between, weekdays[day]);
			between = ", ";
		}
		buffer_text(out, " to come (UTC)\n");
	}
	if (assessment->lacks & COVERAGE_LACKS_NEWS && assessment->whole.units.units < 2)
		buffer_printf(out, "%snews: not known before two host-hours were seen\n", before);
	else if (assessment->lacks & COVERAGE_LACKS_NEWS)
		buffer_printf(out, "%snews: up to %.3g a day and host, wanted %.3g\n", before, assessment->news_high,
			      wanted->news);
	if (assessment->lacks & COVERAGE_LACKS_DAYS)
		buffer_printf(out, "%sdays: %.0f lines were seen on one of %.0f days only\n", before,
			      assessment->whole.days.once, assessment->whole.days.units);
}

static void tell_contexts(const struct assessment *assessment, const char *before, struct buffer *out)
{
	for (size_t i = 0; i < assessment->context_count; i++) {
		const struct assessed_context *context = &assessment->context[i];
		struct buffer name = BUFFER_INIT(8192);

		if (context->suffices)
			continue;
		text_print_context(&name, &context->sample);
		buffer_printf(out, "%scoverage of %.*s: from %.4f, wanted %.4g\n", before,
			      (int)(name.size ? name.size - 1 : 0), buffer_string(&name), context->coverage.low,
			      assessment->wanted.coverage);
		buffer_free(&name);
	}
}

void assessment_waits(const struct assessment *assessment, const char *before, struct buffer *out)
{
	unsigned repeats = assessment->wanted.repeats;

	tell_whole(assessment, before, out);
	for (unsigned i = 0; i < OCCASION_COUNT; i++) {
		const struct assessed_occasion *occasion = &assessment->occasion[i];

		if (occasion->lacks)
			buffer_printf(out, "%soccasion %s: on %u of %u days, on %u of %u hosts\n", before,
				      occasion_name(i), occasion->times, repeats, occasion->hosts,
				      hosts_wanted(assessment, assessment->whole.hosts));
	}
	for (size_t i = 0; i < assessment->scheduled_count; i++) {
		const struct assessed_scheduled *scheduled = &assessment->scheduled[i];

		if (!scheduled->lacks)
			continue;
		buffer_printf(out, "%sscheduled job ", before);
		escape_append(out, scheduled->scheduled->job, strlen(scheduled->scheduled->job), "");
		buffer_printf(out, ": %u of %u times, on %u of %u hosts\n", scheduled->times, scheduled->wanted,
			      scheduled->hosts,
			      scheduled->wanted > 1 ? hosts_wanted(assessment, scheduled->scheduled->hosts.size) : 1);
	}
	tell_contexts(assessment, before, out);
}
