/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <errno.h>
#include <stdlib.h>

struct judge {
	struct model *model;
	struct model *told; /* deviations that were told: the same structure serves */
	const struct networks *networks;
	finding_sink sink;
	void *owner;
	struct judge_tally tally;
	struct behaviours behaviours; /* large: not for the stack */
};

struct judge *judge_new(struct model *model, const struct networks *networks, finding_sink sink, void *owner)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->told = model_new();
	if (!judge->told) {
		free(judge);
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
	if (!judge)
		return;
	model_free(judge->told);
	free(judge);
}

static enum finding_kind kind_of(const struct judge *judge, const struct behaviour *behaviour)
{
	if (model_has_context(judge->model, behaviour))
		return FINDING_BEHAVIOUR;
	return model_has_context(judge->told, behaviour) ? FINDING_BENEATH : FINDING_CONTEXT;
}

/* Keeps a deviation that was not told yet in the finding. 0, or -ENOMEM. */
static int deviate(struct judge *judge, const struct behaviour *behaviour, struct finding *finding)
{
	struct model_entry *entry = model_find(judge->told, behaviour);
	int status;

	if (entry || model_size(judge->told) >= JUDGE_DEVIATIONS_MAX) {
		judge->tally.repeated++;
		if (entry)
			entry->count++;
		return 0;
	}
	if (!finding->count)
		finding->kind = kind_of(judge, behaviour);
	status = model_add(judge->told, behaviour, NULL);
	if (status < 0)
		return status;
	finding->behaviour[finding->count++] = *behaviour;
	return 0;
}

/* Compares what the event is with the model. */
static int compare(struct judge *judge, struct finding *finding)
{
	int status = 0;

	for (unsigned i = 0; i < judge->behaviours.count && !status; i++) {
		struct model_entry *entry = model_match(judge->model, &judge->behaviours.item[i]);

		if (entry)
			entry->count++;
		else
			status = deviate(judge, &judge->behaviours.item[i], finding);
	}
	return status;
}

int judge_event(void *owner, const struct event *event)
{
	struct judge *judge = owner;
	struct finding finding = { .event = event };
	int status;

	if (event->kind == EVENT_LOSS) {
		judge->tally.lost += event->loss_count;
		return 0;
	}
	judge->tally.events++;
	behaviours_of(event, judge->networks, &judge->behaviours);
	if (!judge->behaviours.count)
		return 0;
	judge->tally.judged++;
	status = compare(judge, &finding);
	if (status < 0 || !finding.count)
		return status;
	judge->tally.deviations++;
	return judge->sink(judge->owner, &finding);
}

const struct judge_tally *judge_tally(const struct judge *judge)
{
	return &judge->tally;
}

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[FINDING_KIND_COUNT] = {
		[FINDING_BEHAVIOUR] = "new behaviour",
		[FINDING_CONTEXT] = "new context",
		[FINDING_BENEATH] = "in a new context",
	};

	return kind < FINDING_KIND_COUNT ? names[kind] : NULL;
}
