/* SPDX-License-Identifier: Apache-2.0 */
/* The judge: an event and a model make a finding, or nothing. */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include <stdint.h>

#include "base/buffer.h"
#include "event/event.h"
#include "judge/runaway.h"
#include "model/decisions.h"
#include "model/model.h"
#include "model/network.h"
#include "model/severity.h"

enum finding_kind {
	FINDING_BEHAVIOUR = 1, /* a known context did what it never did */
	FINDING_CONTEXT,       /* a context that the model does not know; with the first thing it did */
	FINDING_BENEATH,   /* what else such a context did, or what a program did whose start was told as a deviation */
	FINDING_FLOOD,     /* one program did so many new things of a kind that from here on they are counted */
	FINDING_FORBIDDEN, /* somebody has forbidden it, whatever the model says */
	FINDING_KIND_COUNT,
};

/*
 * One event is one finding, though several lines may be missing for it (a program started, and whom it runs as); but that a
 * context is new is told apart from what of it is forbidden.
 */
struct finding {
	enum finding_kind kind;
	const struct event *event;                        /* borrowed */
	struct behaviour behaviour[BEHAVIOURS_PER_EVENT]; /* borrowed; what deviates, the most telling first */
	unsigned count;                                   /* at least 1 */
	struct verdict
		verdict; /* the worst of them; of a new context its own if that is worse; of what is forbidden high at least */
	const struct decision *decision; /* FINDING_FORBIDDEN: who forbade the first; else NULL; borrowed */
};

typedef int (*finding_sink)(void *owner, const struct finding *finding);

struct judge_tally {
	uint64_t events, judged; /* all; those that are behaviours */
	uint64_t deviations;     /* findings: each is told once */
	uint64_t beneath;        /* … of which belong to one before */
	uint64_t repeated;       /* more of the same */
	uint64_t untold;         /* new ones of a flood: counted only */
	uint64_t lost;           /* things the sensor missed */
};

/*
 * So many different deviations of one kind and severity are told of one program in one context. A flood by one can't hide
 * what another does, nor what itself does that is worse.
 */
#define JUDGE_FLOOD 64
/* Programs for which that is counted; beyond it they share what is left. */
#define JUDGE_FLOODERS_MAX 65536

struct judge;

/* Borrows all. NULL when out of memory. */
struct judge *judge_new(struct model *model, const struct networks *networks, finding_sink sink, void *owner);
void judge_free(struct judge *judge);

/* From now on what these forbid is a finding; the model has had them applied (decisions_apply). Borrows. */
void judge_decide(struct judge *judge, const struct decisions *decisions);

/* From now on it tells `runaways` (borrowed) of each event, and of what the model allows; they tell their findings themselves. */
void judge_set_runaways(struct judge *judge, struct runaways *runaways);

/* An event_sink whose owner is the judge: 0, -ENOMEM, or what the finding sink returned. */
int judge_event(void *to, const struct event *event);

const struct judge_tally *judge_tally(const struct judge *judge);

const char *finding_kind_name(enum finding_kind kind);

/*
 * A finding as a person reads it: what, which program, in which context, started by whom, where, when, why it deviates, and
 * what would make it normal in the model called `model_name`. Several lines, escaped.
 */
void finding_explain(struct buffer *out, const struct finding *finding, const char *model_name);

/* The heading in a model that a behaviour stands below ("service nginx"), and its line there. Escaped. */
void finding_context(struct buffer *out, const struct behaviour *behaviour);
void finding_line(struct buffer *out, const struct behaviour *behaviour);

/* As one line of NDJSON: {"finding": kind, "context": {…}, "behaviours": [{…}], "event": {…}}. docs/reference/events.md */
void finding_write(struct buffer *out, const struct finding *finding);

/* An event in one line for people: time, context, what. Without a newline. */
void event_summarise(struct buffer *out, const struct event *event, const struct networks *networks);

#endif
