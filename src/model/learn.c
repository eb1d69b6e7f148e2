/* SPDX-License-Identifier: Apache-2.0 */
#include "model/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "model/memo_priv.h"

/* So many more lines than there were after it was folded last are learned before it is folded again. */
#define FOLD_AFTER 1024

/* A behaviour without its context; strings in the same allocation. */
struct waiting {
	enum behaviour_kind kind;
	const char *program, *object;
	uint64_t count;
	struct seen *seen; /* NULL where nothing is counted */
};

/* What a process in nobody's charge did so far. */
struct loose {
	uint32_t pid;
	uint64_t start_ns;
	bool boot;  /* else a harness's */
	bool ended; /* what a dead helper of the harness did is the first to go for want of room */
	bool in_container;
	struct table waiting;
	size_t fold_at;       /* entries */
	struct sighting last; /* what it did last */
};

struct learner {
	struct model *model;
	const struct networks *networks;
	struct model *seen;                                              /* contexts that did something */
	bool (*refuses)(void *owner, const struct behaviour *behaviour); /* NULL: nothing is */
	void *refuses_owner;
	struct observer *observer; /* NULL: nothing is counted */
	struct sighting where;     /* the event that is being learned */
	bool watches_files;
	size_t fold_at; /* lines */
	struct table loose;
	struct host_minute now; /* of the event that is learned */
	struct memo memo;
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

static bool same_waiting(const void *entry, const void *key)
{
	const struct waiting *one = entry;
	const struct behaviour *other = key;

	return one->kind == other->kind && !strcmp(one->program, other->program) && !strcmp(one->object, other->object);
}

static uint64_t waiting_hash(const struct behaviour *behaviour)
{
	return hash_mix(hash_mix(hash_text(behaviour->program), hash_text(behaviour->object)), behaviour->kind);
}

struct learner *learner_new(struct model *model, const struct networks *networks)
{
	struct learner *learner = calloc(1, sizeof(*learner));

	if (!learner)
		return NULL;
	learner->seen = model_new();
	if (!learner->seen) {
		free(learner);
		return NULL;
	}
	learner->model = model;
	learner->fold_at = model_size(model) + FOLD_AFTER;
	learner->networks = networks;
	learner->loose = TABLE_INIT(same_process);
	return learner;
}

static void forget_waiting(struct learner *learner, struct loose *loose)
{
	struct waiting *waiting;
	size_t cursor = 0;

	while ((waiting = table_next(&loose->waiting, &cursor))) {
		seen_free(waiting->seen);
		free(waiting);
	}
	learner->tally.waiting -= loose->waiting.count;
	table_free(&loose->waiting);
	loose->waiting = TABLE_INIT(same_waiting);
}

static void loose_free(struct learner *learner, struct loose *loose)
{
	forget_waiting(learner, loose);
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
	model_free(learner->seen);
	observer_free(learner->observer);
	memo_free(&learner->memo);
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
	loose->waiting = TABLE_INIT(same_waiting);
	loose->fold_at = FOLD_AFTER;
	if (table_insert(&learner->loose, loose_hash(loose), loose) < 0) {
		free(loose);
		return NULL;
	}
	return loose;
}

static struct waiting *new_waiting(struct learner *learner, struct loose *loose, const struct behaviour *behaviour)
{
	size_t program_size = strlen(behaviour->program) + 1, object_size = strlen(behaviour->object) + 1;
	struct waiting *waiting = calloc(1, sizeof(*waiting) + program_size + object_size);
	char *text;

	if (!waiting)
		return NULL;
	text = (char *)(waiting + 1);
	waiting->kind = behaviour->kind;
	waiting->program = memcpy(text, behaviour->program, program_size);
	waiting->object = memcpy(text + program_size, behaviour->object, object_size);
	if (table_insert(&loose->waiting, waiting_hash(behaviour), waiting) < 0) {
		free(waiting);
		return NULL;
	}
	learner->tally.waiting++;
	return waiting;
}

/* The one that waits, added where it doesn't yet. NULL when out of memory. */
static struct waiting *wait_for_context(struct learner *learner, struct loose *loose, const struct behaviour *behaviour)
{
	struct waiting *waiting = table_find(&loose->waiting, waiting_hash(behaviour), behaviour);

	return waiting ? waiting : new_waiting(learner, loose, behaviour);
}

/* A loose process did it, now. */
static int note_waiting(struct learner *learner, struct loose *loose, const struct behaviour *behaviour)
{
	struct waiting *waiting = wait_for_context(learner, loose, behaviour);

	if (!waiting)
		return -ENOMEM;
	waiting->count++;
	if (!learner->observer || !learner->where.host)
		return 0;
	loose->last = learner->where;
	if (!waiting->seen)
		waiting->seen = seen_new();
	return waiting->seen ? seen_note(waiting->seen, &learner->where.moment) : -ENOMEM;
}

/* What was seen of one that waits was seen of the line. */
static int bring_seen(struct model_entry *entry, const struct waiting *waiting)
{
	entry->count = seen_sum(entry->count, waiting->count);
	if (!waiting->seen)
		return 0;
	if (!entry->seen)
		entry->seen = seen_new();
	return entry->seen ? seen_merge(entry->seen, waiting->seen) : -ENOMEM;
}

void learner_refuse(struct learner *learner, bool (*refuses)(void *owner, const struct behaviour *behaviour),
		    void *owner)
{
	learner->refuses = refuses;
	learner->refuses_owner = owner;
}

static bool is_refused(const struct learner *learner, const struct behaviour *behaviour)
{
	return learner->refuses && learner->refuses(learner->refuses_owner, behaviour);
}

/* Adds what a process did as done in `context`, but what the learner refuses (NULL: nothing). */
static int add_waiting(const struct learner *learner, struct model *model, const struct loose *loose,
		       const struct behaviour *context)
{
	const struct waiting *waiting;
	size_t cursor = 0;
	int status = 0;

	while (status >= 0 && (waiting = table_next(&loose->waiting, &cursor))) {
		struct behaviour behaviour = *context;
		struct model_entry *entry;

		behaviour.kind = waiting->kind;
		behaviour.program = waiting->program;
		behaviour.object = waiting->object;
		if (learner && is_refused(learner, &behaviour))
			continue;
		status = model_add(model, &behaviour, &entry);
		if (status >= 0)
			status = bring_seen(entry, waiting);
	}
	return status < 0 ? status : 0;
}

struct folding {
	struct learner *learner;
	struct loose *loose;
};

static int wait_again(void *owner, struct model_entry *entry)
{
	struct folding *folding = owner;
	struct waiting *waiting = wait_for_context(folding->learner, folding->loose, &entry->behaviour);

	if (!waiting)
		return -ENOMEM;
	waiting->count = entry->count;
	waiting->seen = entry->seen; /* it is the one that waits now */
	entry->seen = NULL;
	return 0;
}

/* What a process that writes many files did is folded while it waits. */
static int fold_waiting(struct learner *learner, struct loose *loose)
{
	static const struct behaviour any = { .context_kind = CONTEXT_BOOT, .context_name = "" };
	struct folding folding = { learner, loose };
	struct model *folded = model_new();
	int status = folded ? add_waiting(NULL, folded, loose, &any) : -ENOMEM;

	if (folded)
		model_limit(folded, model_limits(learner->model));
	if (!status)
		status = model_fold(folded);
	if (!status) {
		forget_waiting(learner, loose);
		status = model_each(folded, wait_again, &folding);
	}
	loose->fold_at = 2 * loose->waiting.count + FOLD_AFTER;
	model_free(folded);
	return status;
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

	as_service.same_actor = as_service.same_program = 0;
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
		status = note_waiting(learner, loose, &learner->behaviours.item[i]);
	if (!status && loose->waiting.count > loose->fold_at)
		status = fold_waiting(learner, loose);
	return status;
}

/* The context did something, so that it is known, should it never write, that it doesn't. */
static int note_context(struct learner *learner, const struct behaviour *sample)
{
	int status = model_has_context(learner->seen, sample) ? 0 : model_add(learner->seen, sample, NULL);

	return status < 0 ? status : 0;
}

static int fold(struct learner *learner)
{
	int status = model_fold(learner->model);

	memo_clear(&learner->memo);
	learner->fold_at = 2 * model_size(learner->model) + FOLD_AFTER;
	return status;
}

/* Learns what a process did as done in `context`. */
static int file_as(struct learner *learner, const struct loose *loose, const struct behaviour *context)
{
	struct behaviour sample = *context;
	int status;

	if (!loose->waiting.count)
		return 0;
	sample.kind = BEHAVIOUR_EXEC;
	sample.program = BEHAVIOUR_ANY_PROGRAM;
	sample.object = "";
	status = note_context(learner, &sample);
	if (!status && learner->observer)
		status = observer_context(learner->observer, context, &loose->last);
	if (!status)
		status = add_waiting(learner, learner->model, loose, context);
	if (!status && model_size(learner->model) > learner->fold_at)
		status = fold(learner);
	return status;
}

static int note_rate(const struct learner *learner, struct model_entry *entry)
{
	if (!entry->rate)
		entry->rate = rate_new();
	return entry->rate ? rate_note(entry->rate, learner->now.host_hash, learner->now.minute) : -ENOMEM;
}

/* What a service or job used is no behaviour. */
static int note_usage(struct learner *learner, const struct event *event)
{
	char name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	struct usual *usual;

	if (!behaviour_of_context(&event->context, name, &context))
		return 0;
	usual = model_usual(learner->model, &context);
	return usual ? usual_note(usual, event->processes_most, event->processes_begun, event->cpu_ms) : -ENOMEM;
}

/* The line was seen once more. */
static int note_entry(const struct learner *learner, struct model_entry *entry)
{
	int status;

	entry->count++;
	status = note_rate(learner, entry);
	if (!status && learner->observer)
		status = observer_line(learner->observer, entry, &learner->where);
	return status;
}

/* *entry: its line; NULL where it is refused. */
static int learn_behaviour(struct learner *learner, const struct behaviour *behaviour, struct model_entry **entry)
{
	int status;

	*entry = NULL;
	if (is_refused(learner, behaviour))
		return note_context(learner, behaviour);
	status = model_add(learner->model, behaviour, entry);
	if (status < 0)
		return status;
	status = note_entry(learner, *entry);
	if (!status)
		status = note_context(learner, behaviour);
	if (!status && model_size(learner->model) > learner->fold_at)
		status = fold(learner);
	return status;
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

static int learn_event(struct learner *learner, const struct event *event)
{
	struct model_entry *entry = NULL;
	struct memo_key key;
	bool has_key = memo_key(event, learner->networks, &key);
	int status = 0;

	if (has_key)
		entry = memo_find(&learner->memo, &key);
	if (entry)
		return note_entry(learner, entry);
	behaviours_of(event, learner->networks, &learner->behaviours);
	for (unsigned i = 0; i < learner->behaviours.count && !status; i++)
		status = learn_behaviour(learner, &learner->behaviours.item[i], &entry);
	if (has_key && entry && !status)
		memo_add(&learner->memo, &key, entry);
	return status;
}

int learner_event(void *to, const struct event *event)
{
	struct learner *learner = to;
	int status = learner->observer ? observer_event(learner->observer, event, &learner->where) : 0;

	if (status)
		return status;
	if (event->kind == EVENT_LOSS) {
		learner->tally.lost += event->loss_count;
		return 0;
	}
	learner->tally.events++;
	learner->tally.by_context[event->context.kind]++;
	learner->watches_files = learner->watches_files || event_is_file(event);
	host_minute_of(&learner->now, event);
	if (event->kind == EVENT_SCHEDULE)
		return 0;
	if (event->kind == EVENT_USAGE)
		return note_usage(learner, event);
	if (event->kind == EVENT_CONTEXT)
		return settle(learner, event);
	if (event->kind == EVENT_EXIT)
		note_end(learner, event);
	if (is_loose(event))
		return hold(learner, event);
	return learn_event(learner, event);
}

void learner_watches_files(struct learner *learner)
{
	learner->watches_files = true;
}

/* A context that wrote nothing has a line that says so. */
static int add_nothing(void *owner, const struct behaviour *sample)
{
	struct learner *learner = owner;
	struct behaviour nothing = *sample;
	int status = 0;

	nothing.kind = BEHAVIOUR_WRITE;
	nothing.program = BEHAVIOUR_ANY_PROGRAM;
	nothing.object = BEHAVIOUR_WRITE_NOTHING;
	if (!model_judges(learner->model, &nothing))
		status = model_add(learner->model, &nothing, NULL);
	return status < 0 ? status : 0;
}

int learner_counts(struct learner *learner, struct statistics *statistics)
{
	learner->observer = observer_new(statistics);
	return learner->observer ? 0 : -ENOMEM;
}

int learner_clock(struct learner *learner, uint64_t time_ns)
{
	int status;

	if (!learner->observer)
		return 0;
	observer_clock(learner->observer, time_ns);
	status = observer_settle(learner->observer);
	/* What is too much is one line, and not many that were seen once. */
	return status ? status : fold(learner);
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
	if (!status && learner->watches_files)
		status = model_each_context(learner->seen, add_nothing, learner);
	if (!status)
		status = model_finish_rates(learner->model);
	if (!status && learner->observer)
		status = observer_finish(learner->observer);
	if (learner->refuses)
		(void)model_remove(learner->model, learner->refuses, learner->refuses_owner);
	return status ? status : model_fold(learner->model);
}

const struct learner_tally *learner_tally(const struct learner *learner)
{
	return &learner->tally;
}
