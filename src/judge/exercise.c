/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what deviates, as a model of its own (so that equal behaviours meet and the order is canonical) with what is known of each
 * beside it. The learner says what processes in nobody's charge turned out to be; the rest is counted here.
 */
#include "judge/exercise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "model/learn.h"

struct exercise {
	struct model *model;
	const struct networks *networks;
	const struct decisions *decisions; /* NULL: none */
	struct model *deviating;           /* the lines that the model lacks */
	struct table deviations;           /* struct exercise_deviation, by the entry in `deviating` that it is about */
	struct table contexts;             /* struct context_use */
	struct model *settled;             /* what the learner makes of processes in nobody's charge */
	struct learner *learner;
	struct exercise_tally tally;
	struct behaviours behaviours; /* large: not for the stack */
};

struct context_use {
	struct exercise_context use;
	char name[];
};

/* ---- contexts ---- */

static bool same_context(const void *entry, const void *key)
{
	const struct behaviour *one = &((const struct context_use *)entry)->use.sample, *other = key;

	return one->context_kind == other->context_kind && one->in_container == other->in_container &&
	       strcmp(one->context_name, other->context_name) == 0;
}

static uint64_t context_hash(const struct behaviour *behaviour)
{
	return hash_mix(hash_text(behaviour->context_name), behaviour->context_kind * 2 + behaviour->in_container);
}

static struct exercise_context *context_of(struct exercise *exercise, const struct behaviour *behaviour)
{
	uint64_t hash = context_hash(behaviour);
	struct context_use *context = table_find(&exercise->contexts, hash, behaviour);
	size_t size = strlen(behaviour->context_name) + 1;

	if (context)
		return &context->use;
	context = calloc(1, sizeof(*context) + size);
	if (!context)
		return NULL;
	memcpy(context->name, behaviour->context_name, size);
	context->use.sample.context_kind = behaviour->context_kind;
	context->use.sample.in_container = behaviour->in_container;
	context->use.sample.context_name = context->name;
	if (table_insert(&exercise->contexts, hash, context) < 0) {
		free(context);
		return NULL;
	}
	return &context->use;
}

/* ---- deviations ---- */

static bool is_forbidden(const struct exercise *exercise, const struct behaviour *behaviour)
{
	return exercise->decisions && decisions_forbid(exercise->decisions, behaviour);
}

static bool same_entry(const void *entry, const void *key)
{
	return ((const struct exercise_deviation *)entry)->behaviour.program ==
	       ((const struct behaviour *)key)->program;
}

/* Strings of an entry are its own, so their place names it. */
static uint64_t entry_hash(const struct behaviour *behaviour)
{
	return hash_mix((uintptr_t)behaviour->program, 0);
}

static struct exercise_deviation *deviation_of(struct exercise *exercise, const struct behaviour *behaviour)
{
	struct model_entry *entry = NULL;
	struct exercise_deviation *deviation;
	int status = model_add(exercise->deviating, behaviour, &entry);

	if (status < 0)
		return NULL;
	deviation = table_find(&exercise->deviations, entry_hash(&entry->behaviour), &entry->behaviour);
	if (deviation)
		return deviation;
	deviation = calloc(1, sizeof(*deviation));
	if (!deviation)
		return NULL;
	deviation->behaviour = entry->behaviour;
	deviation->new_context = !model_has_context(exercise->model, behaviour);
	deviation->forbidden = is_forbidden(exercise, behaviour);
	if (table_insert(&exercise->deviations, entry_hash(&entry->behaviour), deviation) < 0) {
		free(deviation);
		return NULL;
	}
	return deviation;
}

static int note_host(struct exercise_deviation *deviation, const char *host)
{
	if (!host[0])
		return 0;
	for (unsigned i = 0; i < deviation->host_count; i++) {
		if (strcmp(deviation->host[i], host) == 0)
			return 0;
	}
	if (deviation->host_count == EXERCISE_HOSTS_MAX) {
		deviation->more_hosts = true;
		return 0;
	}
	deviation->host[deviation->host_count] = strdup(host);
	if (!deviation->host[deviation->host_count])
		return -ENOMEM;
	deviation->host_count++;
	return 0;
}

/* `event` is NULL where nobody knows when it was. */
static int deviate(struct exercise *exercise, const struct behaviour *behaviour, const struct event *event)
{
	struct exercise_deviation *deviation;

	if (exercise->deviations.count >= EXERCISE_DEVIATIONS_MAX && !model_find(exercise->deviating, behaviour)) {
		exercise->tally.dropped++;
		return 0;
	}
	deviation = deviation_of(exercise, behaviour);
	if (!deviation)
		return -ENOMEM;
	if (!event)
		return 0;
	if (!deviation->first_ns || event->time_ns < deviation->first_ns)
		deviation->first_ns = event->time_ns;
	if (event->time_ns > deviation->last_ns)
		deviation->last_ns = event->time_ns;
	deviation->count++;
	return note_host(deviation, event->host);
}

/* ---- events ---- */

static int observe(struct exercise *exercise, const struct behaviour *behaviour, const struct event *event)
{
	bool forbidden = is_forbidden(exercise, behaviour);
	struct model_entry *entry = forbidden ? NULL : model_match(exercise->model, behaviour);
	struct exercise_context *context = context_of(exercise, behaviour);

	if (!context)
		return -ENOMEM;
	context->seen = true;
	if (!entry && !forbidden && !model_judges(exercise->model, behaviour))
		return 0;
	context->observations++;
	exercise->tally.observations++;
	if (!entry)
		return deviate(exercise, behaviour, event);
	entry->count++;
	context->covered++;
	exercise->tally.covered++;
	return 0;
}

static bool is_loose(const struct event *event)
{
	return event->context.kind == CONTEXT_BOOT || event->context.kind == CONTEXT_HARNESS;
}

void exercise_decide(struct exercise *exercise, const struct decisions *decisions)
{
	exercise->decisions = decisions;
}

int exercise_event(void *to, const struct event *event)
{
	struct exercise *exercise = to;
	int status = 0;

	if (event->kind == EVENT_LOSS) {
		exercise->tally.lost += event->loss_count;
		return 0;
	}
	exercise->tally.events++;
	if (event->kind == EVENT_CONTEXT || event->kind == EVENT_EXIT || is_loose(event))
		return learner_event(exercise->learner, event);
	behaviours_of(event, exercise->networks, &exercise->behaviours);
	for (unsigned i = 0; i < exercise->behaviours.count && !status; i++)
		status = observe(exercise, &exercise->behaviours.item[i], event);
	return status;
}

static int observe_settled(void *owner, struct model_entry *entry)
{
	return exercise_counts(&entry->behaviour) ? observe(owner, &entry->behaviour, NULL) : 0;
}

static int begin_recording(struct exercise *exercise)
{
	learner_free(exercise->learner);
	model_free(exercise->settled);
	exercise->settled = model_new();
	exercise->learner = exercise->settled ? learner_new(exercise->settled, exercise->networks) : NULL;
	return exercise->learner ? 0 : -ENOMEM;
}

int exercise_end_recording(struct exercise *exercise)
{
	int status = learner_finish(exercise->learner);

	if (!status)
		status = model_each(exercise->settled, observe_settled, exercise);
	return status ? status : begin_recording(exercise);
}

/* ---- what comes of it ---- */

bool exercise_counts(const struct behaviour *line)
{
	return line->kind != BEHAVIOUR_WRITE || strcmp(line->object, BEHAVIOUR_WRITE_NOTHING) != 0;
}

bool exercise_saw_context(const struct exercise *exercise, const struct behaviour *behaviour)
{
	const struct context_use *context = table_find(&exercise->contexts, context_hash(behaviour), behaviour);

	return context && context->use.seen;
}

const struct exercise_tally *exercise_tally(const struct exercise *exercise)
{
	return &exercise->tally;
}

struct visit {
	struct exercise *exercise;
	exercise_deviation_visitor visit;
	void *owner;
};

static int visit_deviation(void *owner, struct model_entry *entry)
{
	const struct visit *visit = owner;
	const struct exercise_deviation *deviation =
		table_find(&visit->exercise->deviations, entry_hash(&entry->behaviour), &entry->behaviour);

	return deviation ? visit->visit(visit->owner, deviation) : 0;
}

int exercise_each_deviation(struct exercise *exercise, exercise_deviation_visitor visit, void *owner)
{
	struct visit visiting = { exercise, visit, owner };

	return model_each(exercise->deviating, visit_deviation, &visiting);
}

/* Contexts that nothing was seen of have their place, too. */
static int count_line(void *owner, struct model_entry *entry)
{
	struct exercise_context *context = context_of(owner, &entry->behaviour);

	if (!context)
		return -ENOMEM;
	if (!exercise_counts(&entry->behaviour))
		return 0;
	context->lines++;
	context->used += entry->count != 0;
	return 0;
}

static int compare_contexts(const void *one, const void *other)
{
	const struct context_use *const *left = one, *const *right = other;

	return behaviour_compare(&(*left)->use.sample, &(*right)->use.sample);
}

int exercise_each_context(struct exercise *exercise, exercise_context_visitor visit, void *owner)
{
	struct context_use **contexts, *context;
	size_t count = 0, cursor = 0;
	int status;

	while ((context = table_next(&exercise->contexts, &cursor)))
		context->use.lines = context->use.used = 0;
	status = model_each(exercise->model, count_line, exercise);
	contexts = calloc(exercise->contexts.count + 1, sizeof(struct context_use *));
	if (status || !contexts) {
		free(contexts);
		return -ENOMEM;
	}
	cursor = 0;
	while ((context = table_next(&exercise->contexts, &cursor))) {
		context->use.sample.program = context->use.sample.object = "";
		contexts[count++] = context;
	}
	qsort(contexts, count, sizeof(struct context_use *), compare_contexts);
	for (size_t i = 0; i < count && !status; i++)
		status = visit(owner, &contexts[i]->use);
	free(contexts);
	return status;
}

/* ---- making and freeing ---- */

struct exercise *exercise_new(struct model *model, const struct networks *networks)
{
	struct exercise *exercise = calloc(1, sizeof(*exercise));

	if (!exercise)
		return NULL;
	exercise->model = model;
	exercise->networks = networks;
	exercise->deviations = TABLE_INIT(same_entry);
	exercise->contexts = TABLE_INIT(same_context);
	exercise->deviating = model_new();
	if (!exercise->deviating || begin_recording(exercise) < 0) {
		exercise_free(exercise);
		return NULL;
	}
	return exercise;
}

void exercise_free(struct exercise *exercise)
{
	struct exercise_deviation *deviation;
	struct context_use *context;
	size_t cursor = 0;

	if (!exercise)
		return;
	while ((deviation = table_next(&exercise->deviations, &cursor))) {
		for (unsigned i = 0; i < deviation->host_count; i++)
			free(deviation->host[i]);
		free(deviation);
	}
	cursor = 0;
	while ((context = table_next(&exercise->contexts, &cursor)))
		free(context);
	table_free(&exercise->deviations);
	table_free(&exercise->contexts);
	model_free(exercise->deviating);
	learner_free(exercise->learner);
	model_free(exercise->settled);
	free(exercise);
}
