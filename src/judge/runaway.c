/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/runaway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "event/ndjson.h"
#include "model/distinct.h"
#include "model/rate.h"

#define MINUTE_NS UINT64_C(60000000000)
/* Usage is told once a minute: after so long without, there is none. */
#define SILENCE_NS (2 * MINUTE_NS + MINUTE_NS / 2)
/* One that comes back within this time must be quiet for longer, so that one which comes and goes does not flood. */
#define AGAIN_NS  (60 * MINUTE_NS)
#define QUIET_MAX 32

/* A line of the model whose rate is known. */
struct watched {
	const struct model_entry *entry;
	uint64_t usual, limit; /* limit 0: it is not known well enough */
	struct minutes minutes;
};

/* A runaway that lasts, or one that is over and may come back. */
struct run {
	struct runaway told;
	struct runaway_part part[RUNAWAY_PARTS_MAX];
	uint64_t quiet_needed; /* minutes until it is over */
	uint64_t told_ns;
	char *host, *name, *container, *line; /* owned; the event as NDJSON */
};

struct runaways {
	const struct model *model;
	runaway_sink sink;
	void *owner;
	struct table watched;
	struct run *run[RUNAWAY_MAX];
	size_t count, lasting;
	struct host_minute now;
	struct buffer line;
	struct ndjson_reader *reader;
	struct runaways_tally tally;
};

/* --- what is too much ------------------------------------------------------------------------------ */

/* How many times as much as usual is too much: more while little was seen, since a short look sees no peak. */
static const struct {
	uint64_t floor, factor, early;
} limits[RUNAWAY_MEASURE_COUNT] = {
	[RUNAWAY_RATE] = { RUNAWAY_FLOOR_RATE, 10, 30 },
	[RUNAWAY_PROCESSES] = { RUNAWAY_FLOOR_PROCESSES, 6, 12 },
	[RUNAWAY_BEGUN] = { RUNAWAY_FLOOR_BEGUN, 10, 30 },
	[RUNAWAY_CPU] = { RUNAWAY_FLOOR_CPU_MS, 6, 12 },
};

/* So much is much: a day of a service, a month of nightly jobs. */
#define MUCH_MINUTES 1440
#define MUCH_RUNS    30

static bool is_known(const struct usual *usual, enum context_kind kind)
{
	uint64_t needed = kind == CONTEXT_SERVICE ? RUNAWAY_SERVICE_MINUTES : RUNAWAY_JOB_RUNS;

	return usual && sketch_count(&usual->processes) >= needed;
}

static uint64_t limit_of(enum runaway_measure measure, uint64_t floor, uint64_t largest, const struct usual *usual,
			 enum context_kind kind)
{
	uint64_t much = kind == CONTEXT_SERVICE ? MUCH_MINUTES : MUCH_RUNS, times;

	if (!is_known(usual, kind))
		return 0;
	times = sketch_count(&usual->processes) < much ? limits[measure].early : limits[measure].factor;
	return times * largest > floor ? times * largest : floor;
}

/* --- runs ------------------------------------------------------------------------------------------ */

static void run_free(struct run *run)
{
	if (!run)
		return;
	free(run->host);
	free(run->name);
	free(run->container);
	free(run->line);
	free(run);
}

static bool is_over(const struct run *run)
{
	return run->told.state == RUNAWAY_OVER;
}

static struct run *find_run(const struct runaways *runaways, const struct event *event)
{
	for (size_t i = 0; i < runaways->count; i++) {
		struct run *run = runaways->run[i];

		if (run->told.context.kind == event->context.kind && !strcmp(run->name, event->context.name) &&
		    !strcmp(run->container, event->context.container) && !strcmp(run->host, event->host))
			return run;
	}
	return NULL;
}

/* Events don't last, so what one began with is kept as its line. */
static int keep_event(struct runaways *runaways, struct run *run, const struct event *event)
{
	char *line;

	buffer_clear(&runaways->line);
	ndjson_write(&runaways->line, event);
	line = runaways->line.failed ? NULL : strdup(buffer_string(&runaways->line));
	if (!line)
		return -ENOMEM;
	free(run->line);
	run->line = line;
	return 0;
}

static struct run *new_run(const struct event *event)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->host = strdup(event->host);
	run->name = strdup(event->context.name);
	run->container = strdup(event->context.container);
	if (!run->host || !run->name || !run->container) {
		run_free(run);
		return NULL;
	}
	run->told.host = run->host;
	run->told.context = (struct context) { event->context.kind, run->name, run->container };
	run->told.state = RUNAWAY_OVER;
	run->told.part = run->part;
	return run;
}

/* The place of one that is over and the longest so; NULL where all last. */
static struct run **oldest_over(struct runaways *runaways)
{
	struct run **found = NULL;

	for (size_t i = 0; i < runaways->count; i++) {
		struct run **run = &runaways->run[i];

		if (is_over(*run) && (!found || (*run)->told.last_ns < (*found)->told.last_ns))
			found = run;
	}
	return found;
}

/* A run for this context, found or made; *out stays NULL where there is no room. 0 or -ENOMEM. */
static int run_of(struct runaways *runaways, const struct event *event, struct run **out)
{
	struct run *run = find_run(runaways, event), **place = NULL;

	if (!run) {
		place = runaways->count < RUNAWAY_MAX ? &runaways->run[runaways->count] : oldest_over(runaways);
		if (!place) {
			runaways->tally.untold++;
			return 0;
		}
		run = new_run(event);
		if (!run)
			return -ENOMEM;
		if (place == &runaways->run[runaways->count])
			runaways->count++;
		else
			run_free(*place);
		*place = run;
	}
	*out = run;
	return 0;
}

static int tell(struct runaways *runaways, struct run *run)
{
	struct error error = { "" };
	struct event event;
	int status = ndjson_read(runaways->reader, run->line, strlen(run->line), &event, &error);

	if (status < 0)
		return status;
	run->told_ns = run->told.last_ns;
	run->told.event = &event;
	status = runaways->sink(runaways->owner, &run->told);
	run->told.event = NULL;
	return status;
}

static uint64_t id_of(const struct run *run)
{
	uint64_t id = distinct_mix(distinct_hash(run->host), distinct_hash(run->name));

	return distinct_mix(distinct_mix(id, distinct_hash(run->container)),
			    run->told.since_ns + (uint64_t)run->told.context.kind);
}

static struct runaway_part *find_part(struct run *run, enum runaway_measure measure, const struct model_entry *entry)
{
	for (unsigned i = 0; i < run->told.part_count; i++) {
		if (run->part[i].measure == measure && run->part[i].entry == entry)
			return &run->part[i];
	}
	return NULL;
}

/* The first thing that is too much begins a runaway; what follows while it lasts belongs to it. */
static int begin(struct runaways *runaways, const struct event *event, const struct runaway_part *part)
{
	struct run *run = NULL;
	bool is_new;
	int status = run_of(runaways, event, &run);

	if (!run)
		return status;
	is_new = is_over(run);
	if (is_new) {
		bool again = run->quiet_needed && event->time_ns - run->told.last_ns < AGAIN_NS;

		status = keep_event(runaways, run, event);
		if (status < 0)
			return status;
		run->quiet_needed = !again ? 1 : run->quiet_needed < QUIET_MAX ? 2 * run->quiet_needed : QUIET_MAX;
		run->told.since_ns = event->time_ns;
		run->told.part_count = 0;
		run->told.id = id_of(run);
	}
	run->told.last_ns = event->time_ns;
	if (run->told.part_count < RUNAWAY_PARTS_MAX)
		run->part[run->told.part_count++] = *part;
	if (!is_new)
		return 0;
	runaways->tally.told++;
	runaways->lasting++;
	run->told.state = RUNAWAY_BEGINS;
	status = tell(runaways, run);
	run->told.state = RUNAWAY_LASTS;
	return status;
}

/* --- the end --------------------------------------------------------------------------------------- */

/* A minute of a rate is complete when the next one begins. */
static void turn_minute(struct runaway_part *part, uint64_t minute)
{
	if (minute + 1 < part->minute) /* the clock was set back */
		part->minute = minute;
	if (minute <= part->minute)
		return;
	part->now = part->count;
	if (part->count <= part->limit / 2)
		part->quiet += minute - part->minute;
	else
		part->quiet = minute - part->minute - 1;
	part->count = 0;
	part->minute = minute;
}

static bool part_is_over(struct runaway_part *part, uint64_t now_ns, uint64_t needed)
{
	if (part->measure == RUNAWAY_RATE)
		turn_minute(part, now_ns / MINUTE_NS);
	else if (now_ns > part->seen_ns + SILENCE_NS + (needed - 1) * MINUTE_NS)
		return true;
	return part->quiet >= needed;
}

static int move_run(struct runaways *runaways, struct run *run, uint64_t now_ns)
{
	bool over = true;

	if (is_over(run))
		return 0;
	for (unsigned i = 0; i < run->told.part_count; i++)
		over = part_is_over(&run->part[i], now_ns, run->quiet_needed) && over;
	if (over) {
		run->told.state = RUNAWAY_OVER;
		runaways->lasting--;
		return tell(runaways, run);
	}
	if (now_ns < run->told_ns + RUNAWAY_TELL_NS)
		return 0;
	run->told.last_ns = now_ns;
	return tell(runaways, run);
}

int runaways_clock(struct runaways *runaways, uint64_t now_ns)
{
	int status = 0;

	for (size_t i = 0; runaways->lasting && i < runaways->count && !status; i++)
		status = move_run(runaways, runaways->run[i], now_ns);
	return status;
}

int runaways_finish(struct runaways *runaways)
{
	int status = 0;

	for (size_t i = 0; i < runaways->count && !status; i++) {
		if (!is_over(runaways->run[i]))
			status = tell(runaways, runaways->run[i]);
	}
	return status;
}

/* --- events ---------------------------------------------------------------------------------------- */

static bool same_entry(const void *entry, const void *key)
{
	return ((const struct watched *)entry)->entry == key;
}

static bool counts(const struct model_entry *entry)
{
	/* Who runs it is as often as that it runs. */
	return entry->rate && entry->behaviour.kind != BEHAVIOUR_OWNER;
}

static struct watched *watch_entry(struct runaways *runaways, const struct model_entry *entry)
{
	const struct behaviour *behaviour = &entry->behaviour;
	uint64_t hash = hash_u64((uint64_t)(uintptr_t)entry);
	struct watched *watched = table_find(&runaways->watched, hash, entry);

	if (watched)
		return watched;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return NULL;
	watched->entry = entry;
	watched->usual = sketch_quantile(&entry->rate->usual, 1000);
	watched->limit =
		limit_of(RUNAWAY_RATE, behaviour->kind == BEHAVIOUR_ACCEPT ? RUNAWAY_FLOOR_ACCEPT : RUNAWAY_FLOOR_RATE,
			 watched->usual, model_find_usual(runaways->model, behaviour), behaviour->context_kind);
	if (table_insert(&runaways->watched, hash, watched) < 0) {
		free(watched);
		return NULL;
	}
	return watched;
}

/* One more of a rate that is too much already. */
static void go_on(struct run *run, struct runaway_part *part, const struct event *event, uint64_t minute)
{
	turn_minute(part, minute);
	part->count++;
	part->total++;
	if (part->count > part->most)
		part->most = part->count;
	if (part->count > part->limit / 2 && event->time_ns > run->told.last_ns)
		run->told.last_ns = event->time_ns;
}

int runaways_allowed(struct runaways *runaways, const struct model_entry *entry, const struct event *event)
{
	struct run *run = runaways->lasting ? find_run(runaways, event) : NULL;
	struct runaway_part *part = run && !is_over(run) ? find_part(run, RUNAWAY_RATE, entry) : NULL;
	struct minute_count ended;
	struct watched *watched;
	uint64_t count;

	if (part) {
		go_on(run, part, event, runaways->now.minute);
		return 0;
	}
	watched = counts(entry) ? watch_entry(runaways, entry) : NULL;
	if (!watched)
		return counts(entry) ? -ENOMEM : 0;
	if (!watched->limit)
		return 0;
	if (minutes_note(&watched->minutes, runaways->now.host_hash, runaways->now.minute, &ended) < 0)
		return -ENOMEM;
	count = watched->minutes.last.count;
	if (count <= watched->limit)
		return 0;
	/* What counts from here on is the runaway's. */
	watched->minutes.last.count = 0;
	return begin(runaways, event,
		     &(struct runaway_part) {
			     .entry = entry,
			     .measure = RUNAWAY_RATE,
			     .usual = watched->usual,
			     .limit = watched->limit,
			     .now = count,
			     .most = count,
			     .total = count,
			     .minute = runaways->now.minute,
			     .count = count,
		     });
}

/* What was used in the last minute of one measure. */
static int measure(struct runaways *runaways, const struct event *event, struct runaway_part sample)
{
	struct run *run = runaways->lasting ? find_run(runaways, event) : NULL;
	struct runaway_part *part = run && !is_over(run) ? find_part(run, sample.measure, NULL) : NULL;

	sample.most = sample.total = sample.now;
	sample.seen_ns = event->time_ns;
	if (!part)
		return sample.limit && sample.now > sample.limit ? begin(runaways, event, &sample) : 0;
	part->now = sample.now;
	part->seen_ns = sample.seen_ns;
	part->quiet = sample.now <= part->limit / 2 ? part->quiet + 1 : 0;
	part->most = sample.now > part->most ? sample.now : part->most;
	part->total = part->measure == RUNAWAY_PROCESSES ? part->most : part->total + sample.now;
	if (!part->quiet)
		run->told.last_ns = event->time_ns;
	return 0;
}

static int on_usage(struct runaways *runaways, const struct event *event)
{
	char name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	const struct usual *usual;
	int status = 0;

	if (!behaviour_of_context(&event->context, name, &context))
		return 0;
	usual = model_find_usual(runaways->model, &context);
	if (!is_known(usual, context.context_kind))
		return 0;
	for (int i = RUNAWAY_PROCESSES; i < RUNAWAY_MEASURE_COUNT && !status; i++) {
		struct runaway_part sample = { .measure = (enum runaway_measure)i };
		const struct sketch *sketch = i == RUNAWAY_PROCESSES ? &usual->processes
					      : i == RUNAWAY_BEGUN   ? &usual->begun
								     : &usual->cpu_ms;

		sample.now = i == RUNAWAY_PROCESSES ? event->processes_most
			     : i == RUNAWAY_BEGUN   ? event->processes_begun
						    : event->cpu_ms;
		sample.usual = sketch_quantile(sketch, 1000);
		sample.limit = limit_of(sample.measure, limits[i].floor, sample.usual, usual, context.context_kind);
		status = measure(runaways, event, sample);
	}
	return status;
}

/* Each host's own clock moves its runaways. */
static int move_host(struct runaways *runaways, const struct event *event)
{
	int status = 0;

	for (size_t i = 0; runaways->lasting && i < runaways->count && !status; i++) {
		if (!strcmp(runaways->run[i]->host, event->host))
			status = move_run(runaways, runaways->run[i], event->time_ns);
	}
	return status;
}

int runaways_event(struct runaways *runaways, const struct event *event)
{
	int status = 0;

	host_minute_of(&runaways->now, event);
	if (event->kind == EVENT_USAGE)
		status = on_usage(runaways, event);
	return status || !runaways->lasting ? status : move_host(runaways, event);
}

/* --- life ------------------------------------------------------------------------------------------ */

struct runaways *runaways_new(const struct model *model, runaway_sink sink, void *owner)
{
	struct runaways *runaways = calloc(1, sizeof(*runaways));

	if (!runaways)
		return NULL;
	runaways->reader = ndjson_reader_new();
	if (!runaways->reader) {
		free(runaways);
		return NULL;
	}
	runaways->model = model;
	runaways->sink = sink;
	runaways->owner = owner;
	runaways->watched = TABLE_INIT(same_entry);
	runaways->line = BUFFER_INIT(NDJSON_LINE_MAX);
	return runaways;
}

void runaways_free(struct runaways *runaways)
{
	struct watched *watched;
	size_t cursor = 0;

	if (!runaways)
		return;
	while ((watched = table_next(&runaways->watched, &cursor))) {
		minutes_free(&watched->minutes);
		free(watched);
	}
	table_free(&runaways->watched);
	for (size_t i = 0; i < runaways->count; i++)
		run_free(runaways->run[i]);
	ndjson_reader_free(runaways->reader);
	buffer_free(&runaways->line);
	free(runaways);
}

const struct runaways_tally *runaways_tally(const struct runaways *runaways)
{
	return &runaways->tally;
}

struct known {
	const struct model *model;
	size_t known, all;
};

static int count_known(void *owner, const struct behaviour *sample)
{
	struct known *known = owner;

	if (sample->context_kind != CONTEXT_SERVICE && sample->context_kind != CONTEXT_JOB)
		return 0;
	known->all++;
	known->known += is_known(model_find_usual(known->model, sample), sample->context_kind);
	return 0;
}

void runaways_known(struct model *model, size_t *known, size_t *all)
{
	struct known count = { .model = model };

	(void)model_each_context(model, count_known, &count);
	*known = count.known;
	*all = count.all;
}
