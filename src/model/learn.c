/* SPDX-License-Identifier: Apache-2.0 */
#include "model/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"

/* A behaviour without its context; strings in the same allocation. */
struct waiting {
	struct waiting *next;
	enum behaviour_kind kind;
	const char *program, *object;
};

/* What a process in nobody's charge did so far. */
struct loose {
	uint32_t pid;
	uint64_t start_ns;
	bool boot;  /* else a harness's */
	bool ended; /* what a dead helper of the harness did is the first to go for want of room */
	bool in_container;
	struct waiting *first;
};

struct learner {
	struct model *model;
	const struct networks *networks;
	struct table loose;
	struct learner_tally tally;
	struct behaviours behaviours; /* large: not for the stack */
};

static bool same_process(const void *entry, const void *key)
{
	const struct loose *one = entry, *other = key;

	return one->pid == other->pid && one->start_ns == other->start_ns;
}

static uint64_t loose_hash(const struct loose *loose)
{
	return hash_mix(loose->pid, loose->start_ns);
}

struct learner *learner_new(struct model *model, const struct networks *networks)
{
	struct learner *learner = calloc(1, sizeof(*learner));

	if (!learner)
		return NULL;
	learner->model = model;
	learner->networks = networks;
	learner->loose = TABLE_INIT(same_process);
	return learner;
}

static void loose_free(struct learner *learner, struct loose *loose)
{
	while (loose->first) {
		struct waiting *waiting = loose->first;

		loose->first = waiting->next;
		learner->tally.waiting--;
		free(waiting);
	}
	free(loose);
}

void learner_free(struct learner *learner)
{
	size_t cursor = 0;
	struct loose *loose;

	if (!learner)
		return;
	while ((loose = table_next(&learner->loose, &cursor)))
		loose_free(learner, loose);
	table_free(&learner->loose);
	free(learner);
}

static bool is_loose(const struct event *event)
{
	return event->context.kind == CONTEXT_BOOT || event->context.kind == CONTEXT_HARNESS;
}

static struct loose *loose_of(struct learner *learner, const struct event *event)
{
	struct loose key = { .pid = event->pid, .start_ns = event->start_ns }, *loose;

	loose = table_find(&learner->loose, loose_hash(&key), &key);
	if (loose)
		return loose;
	loose = calloc(1, sizeof(*loose));
	if (!loose)
		return NULL;
	loose->pid = event->pid;
	loose->start_ns = event->start_ns;
	loose->boot = event->context.kind == CONTEXT_BOOT;
	loose->in_container = event->context.container[0];
	if (table_insert(&learner->loose, loose_hash(loose), loose) < 0) {
		free(loose);
		return NULL;
	}
	return loose;
}

static bool waits_already(const struct loose *loose, const struct behaviour *behaviour)
{
	for (const struct waiting *waiting = loose->first; waiting; waiting = waiting->next) {
		if (waiting->kind == behaviour->kind && !strcmp(waiting->program, behaviour->program) &&
		    !strcmp(waiting->object, behaviour->object))
			return true;
	}
	return false;
}

static int wait_for_context(struct learner *learner, struct loose *loose, const struct behaviour *behaviour)
{
	size_t program_size = strlen(behaviour->program) + 1, object_size = strlen(behaviour->object) + 1;
	struct waiting *waiting;
	char *text;

	if (waits_already(loose, behaviour))
		return 0;
	waiting = malloc(sizeof(*waiting) + program_size + object_size);
	if (!waiting)
		return -ENOMEM;
	text = (char *)(waiting + 1);
	waiting->kind = behaviour->kind;
	waiting->program = memcpy(text, behaviour->program, program_size);
	waiting->object = memcpy(text + program_size, behaviour->object, object_size);
	waiting->next = loose->first;
	loose->first = waiting;
	learner->tally.waiting++;
	return 0;
}

/* Forgets what ended processes of the harness did. */
static int make_room(struct learner *learner)
{
	struct table kept = TABLE_INIT(same_process);
	size_t cursor = 0;
	struct loose *loose;

	while ((loose = table_next(&learner->loose, &cursor))) {
		if ((loose->boot || !loose->ended) && table_insert(&kept, loose_hash(loose), loose) < 0) {
			table_free(&kept);
			return -ENOMEM;
		}
	}
	cursor = 0;
	while ((loose = table_next(&learner->loose, &cursor))) {
		if (!loose->boot && loose->ended)
			loose_free(learner, loose);
	}
	table_free(&learner->loose);
	learner->loose = kept;
	return 0;
}

static void note_end(struct learner *learner, const struct event *event)
{
	const struct loose key = { .pid = event->pid, .start_ns = event->start_ns };
	struct loose *loose = table_find(&learner->loose, loose_hash(&key), &key);

	if (loose)
		loose->ended = true;
}

/* Behaviours as if the process were a service; only what it did counts, whose it was is settled later. */
static int hold(struct learner *learner, const struct event *event)
{
	struct event as_service = *event;
	struct loose *loose;
	int status = 0;

	as_service.context.kind = CONTEXT_SERVICE;
	behaviours_of(&as_service, learner->networks, &learner->behaviours);
	if (!learner->behaviours.count)
		return 0;
	if (learner->tally.waiting >= LEARNER_WAITING_MAX)
		status = make_room(learner);
	if (status < 0 || learner->tally.waiting >= LEARNER_WAITING_MAX) {
		learner->tally.dropped += learner->behaviours.count;
		return 0;
	}
	loose = loose_of(learner, event);
	if (!loose)
		return -ENOMEM;
	for (unsigned i = 0; i < learner->behaviours.count && !status; i++)
		status = wait_for_context(learner, loose, &learner->behaviours.item[i]);
	return status;
}

/* Learns what a process did as done in `context`. */
static int file_as(struct learner *learner, const struct loose *loose, const struct behaviour *context)
{
	int status = 0;

	for (const struct waiting *waiting = loose->first; waiting && status >= 0; waiting = waiting->next) {
		struct behaviour behaviour = *context;

		behaviour.kind = waiting->kind;
		behaviour.program = waiting->program;
		behaviour.object = waiting->object;
		status = model_add(learner->model, &behaviour, NULL);
	}
	return status < 0 ? status : 0;
}

static int settle(struct learner *learner, const struct event *event)
{
	const struct loose key = { .pid = event->pid, .start_ns = event->start_ns };
	struct loose *loose = table_remove(&learner->loose, loose_hash(&key), &key);
	char name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	int status = 0;

	if (!loose)
		return 0;
	/* What turns out to be a session's or a change's is not learned. */
	if (behaviour_of_context(&event->context, name, &context))
		status = file_as(learner, loose, &context);
	loose_free(learner, loose);
	return status;
}

int learner_event(void *to, const struct event *event)
{
	struct learner *learner = to;
	int status = 0;

	if (event->kind == EVENT_LOSS) {
		learner->tally.lost += event->loss_count;
		return 0;
	}
	learner->tally.events++;
	learner->tally.by_context[event->context.kind]++;
	if (event->kind == EVENT_CONTEXT)
		return settle(learner, event);
	if (event->kind == EVENT_EXIT)
		note_end(learner, event);
	if (is_loose(event))
		return hold(learner, event);
	behaviours_of(event, learner->networks, &learner->behaviours);
	for (unsigned i = 0; i < learner->behaviours.count && status >= 0; i++) {
		struct model_entry *entry = NULL;

		status = model_add(learner->model, &learner->behaviours.item[i], &entry);
		if (entry)
			entry->count++;
	}
	return status < 0 ? status : 0;
}

int learner_finish(struct learner *learner)
{
	size_t cursor = 0;
	struct loose *loose;
	int status = 0;

	while (!status && (loose = table_next(&learner->loose, &cursor))) {
		const struct behaviour context = {
			.context_kind = CONTEXT_BOOT,
			.context_name = "",
			.in_container = loose->in_container,
		};

		if (loose->boot)
			status = file_as(learner, loose, &context);
	}
	return status;
}

const struct learner_tally *learner_tally(const struct learner *learner)
{
	return &learner->tally;
}
