/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/table.h"

struct judge {
	struct model *model;
	const struct decisions *decisions; /* NULL: none */
	struct model *told;                /* deviations that were told: the same structure serves */
	struct model *told_forbidden;      /* apart, since they don't say that their context is new */
	struct table quotas;               /* how many were told, by context, program and kind */
	const struct networks *networks;
	struct runaways *runaways; /* NULL: nobody knows what is usual */
	finding_sink sink;
	void *owner;
	struct judge_tally tally;
	struct behaviours behaviours; /* large: not for the stack */
};

/* By a keyed hash of what it counts, which nobody can aim at. */
struct quota {
	uint64_t key;
	unsigned told;
};

static bool same_quota(const void *entry, const void *key)
{
	return ((const struct quota *)entry)->key == *(const uint64_t *)key;
}

struct judge *judge_new(struct model *model, const struct networks *networks, finding_sink sink, void *owner)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->quotas = TABLE_INIT(same_quota);
	judge->told = model_new();
	judge->told_forbidden = model_new();
	if (!judge->told || !judge->told_forbidden) {
		judge_free(judge);
		return NULL;
	}
	judge->model = model;
	judge->networks = networks;
	judge->sink = sink;
	judge->owner = owner;
	return judge;
}

void judge_free(struct judge *judge)
{
	size_t cursor = 0;
	struct quota *quota;

	if (!judge)
		return;
	while ((quota = table_next(&judge->quotas, &cursor)))
		free(quota);
	table_free(&judge->quotas);
	model_free(judge->told);
	model_free(judge->told_forbidden);
	free(judge);
}

void judge_decide(struct judge *judge, const struct decisions *decisions)
{
	judge->decisions = decisions;
}

/* A program of a context that is told as new there. */
static bool is_told_program(const struct judge *judge, const struct behaviour *behaviour)
{
	struct behaviour start = *behaviour;

	start.kind = BEHAVIOUR_EXEC;
	start.object = "";
	return behaviour->kind != BEHAVIOUR_EXEC && model_find(judge->told, &start);
}

static enum finding_kind kind_of(const struct judge *judge, const struct behaviour *behaviour)
{
	if (model_has_context(judge->model, behaviour))
		return is_told_program(judge, behaviour) ? FINDING_BENEATH : FINDING_BEHAVIOUR;
	return model_has_context(judge->told, behaviour) ? FINDING_BENEATH : FINDING_CONTEXT;
}

static uint64_t quota_key(const struct behaviour *behaviour, uint64_t class)
{
	uint64_t key = hash_mix(hash_text(behaviour->context_name), hash_text(behaviour->program));

	return hash_mix(key, (uint64_t)behaviour->context_kind << 24 | (uint64_t)behaviour->in_container << 16 |
				     (uint64_t)behaviour->kind << 8 | class);
}

/*
 * How many were told of its kind, program and context so far; one more from now on. What is forbidden counts apart, and so
 * does each severity, by names alone: who writes a hundred logs would else write /etc/cron.d unseen.
 */
static unsigned count_told(struct judge *judge, const struct behaviour *behaviour, bool forbidden)
{
	struct verdict verdict;
	struct quota *quota;
	uint64_t key;

	behaviour_severity(behaviour, NULL, &verdict);
	key = (uint64_t)verdict.severity << 1 | (uint64_t)forbidden;
	if (judge->quotas.count < JUDGE_FLOODERS_MAX)
		key = quota_key(behaviour, key);
	quota = table_find(&judge->quotas, key, &key);
	if (!quota) {
		quota = calloc(1, sizeof(*quota));
		if (!quota || table_insert(&judge->quotas, key, quota) < 0) {
			free(quota);
			return JUDGE_FLOOD + 1;
		}
		quota->key = key;
	}
	return quota->told <= JUDGE_FLOOD ? quota->told++ : quota->told;
}

/* Keeps a deviation that was not told yet in the finding. 0, or -ENOMEM. */
static int deviate(struct judge *judge, const struct behaviour *behaviour, enum finding_kind kind,
		   struct finding *finding)
{
	bool forbidden = kind == FINDING_FORBIDDEN;
	struct model *told = forbidden ? judge->told_forbidden : judge->told;
	struct model_entry *entry = model_find(told, behaviour);
	unsigned before;
	int status;

	if (entry) {
		judge->tally.repeated++;
		entry->count++;
		return 0;
	}
	before = count_told(judge, behaviour, forbidden);
	if (before > JUDGE_FLOOD) {
		judge->tally.untold++;
		return 0;
	}
	status = model_add(told, behaviour, NULL);
	if (status < 0)
		return status;
	if (!finding->count)
		finding->kind = before == JUDGE_FLOOD ? FINDING_FLOOD : kind;
	finding->behaviour[finding->count++] = *behaviour;
	return 0;
}

/* Keeps what of the event is forbidden. The others are left in the judge's behaviours. */
static int compare_forbidden(struct judge *judge, struct finding *finding)
{
	struct behaviours *behaviours = &judge->behaviours;
	unsigned left = 0;
	int status = 0;

	for (unsigned i = 0; i < behaviours->count; i++) {
		const struct decision *decision = decisions_about(judge->decisions, &behaviours->item[i]);

		if (!decision || decision->kind != DECISION_FORBID) {
			behaviours->item[left++] = behaviours->item[i];
			continue;
		}
		if (!status)
			status = deviate(judge, &behaviours->item[i], FINDING_FORBIDDEN, finding);
		if (finding->count && !finding->decision)
			finding->decision = decision;
	}
	behaviours->count = left;
	return status;
}

/* Compares what the event is with the model. */
static int compare(struct judge *judge, struct finding *finding)
{
	int status = 0;

	for (unsigned i = 0; i < judge->behaviours.count && !status; i++) {
		const struct behaviour *behaviour = &judge->behaviours.item[i];
		struct model_entry *entry = model_match(judge->model, behaviour);

		if (entry) {
			entry->count++;
			if (judge->runaways)
				status = runaways_allowed(judge->runaways, entry, finding->event);
		} else if (model_judges(judge->model, behaviour)) {
			status = deviate(judge, behaviour, kind_of(judge, behaviour), finding);
		}
	}
	return status;
}

/* Judged by the model as it is: what was only told of before makes nothing milder. */
static void weigh(struct judge *judge, struct finding *finding)
{
	struct verdict verdict;

	for (unsigned i = 0; i < finding->count; i++) {
		behaviour_severity(&finding->behaviour[i], judge->model, &verdict);
		finding->verdict = i ? *verdict_worse(&finding->verdict, &verdict) : verdict;
	}
	if (finding->kind == FINDING_FORBIDDEN && finding->verdict.severity < SEVERITY_HIGH)
		finding->verdict.severity = SEVERITY_HIGH;
	if (finding->kind != FINDING_CONTEXT)
		return;
	context_severity(&finding->behaviour[0], &verdict);
	finding->verdict = *verdict_worse(&verdict, &finding->verdict);
}

static int tell(struct judge *judge, struct finding *finding)
{
	if (!finding->count)
		return 0;
	weigh(judge, finding);
	/* A new program is news once; what a person has to look at is told in full all the same. */
	if (finding->kind == FINDING_BENEATH && finding->verdict.severity >= SEVERITY_RISKY &&
	    model_has_context(judge->model, finding->behaviour))
		finding->kind = FINDING_BEHAVIOUR;
	judge->tally.deviations++;
	judge->tally.beneath += finding->kind == FINDING_BENEATH;
	return judge->sink(judge->owner, finding);
}

/* What is forbidden, and, where its context is known, what else the event is that the model lacks. */
static int judge_forbidden(struct judge *judge, struct finding *finding)
{
	int status = compare_forbidden(judge, finding);

	if (!status && finding->count && model_has_context(judge->model, finding->behaviour)) {
		status = compare(judge, finding);
		judge->behaviours.count = 0;
	}
	return status ? status : tell(judge, finding);
}

void judge_set_runaways(struct judge *judge, struct runaways *runaways)
{
	judge->runaways = runaways;
}

int judge_event(void *to, const struct event *event)
{
	struct judge *judge = to;
	struct finding finding = { .event = event }, forbidden = { .event = event };
	int status = 0;

	if (event->kind == EVENT_LOSS) {
		judge->tally.lost += event->loss_count;
		return 0;
	}
	judge->tally.events++;
	status = judge->runaways ? runaways_event(judge->runaways, event) : 0;
	if (status)
		return status;
	behaviours_of(event, judge->networks, &judge->behaviours);
	if (!judge->behaviours.count)
		return 0;
	judge->tally.judged++;
	if (judge->decisions)
		status = judge_forbidden(judge, &forbidden);
	if (!status)
		status = compare(judge, &finding);
	return status ? status : tell(judge, &finding);
}

const struct judge_tally *judge_tally(const struct judge *judge)
{
	return &judge->tally;
}

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[FINDING_KIND_COUNT] = {
		[FINDING_BEHAVIOUR] = "new behaviour", [FINDING_CONTEXT] = "new context",
		[FINDING_BENEATH] = "beneath",         [FINDING_FLOOD] = "flood",
		[FINDING_FORBIDDEN] = "forbidden",
	};

	return kind < FINDING_KIND_COUNT ? names[kind] : NULL;
}
