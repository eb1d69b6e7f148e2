/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of files against a policy's file rules. What one actor does within a moment belongs together: a few changes are
 * a finding each, many are one finding with exact counts.
 */
#ifndef JUDGE_FILES_H
#define JUDGE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "event/event.h"
#include "policy/policy.h"

/* So many changes by one actor, within FILE_MOMENT_MS of the first, are told one by one. */
#define FILE_SINGLES   8
#define FILE_MOMENT_MS 300
/* More are one finding, once nothing came for so long, or it has lasted so long. */
#define FILE_QUIET_MS   2000
#define FILE_LONGEST_MS 60000

struct file_finding {
	const struct policy *policy;
	const struct file_rule *rule;
	const char *pattern;       /* which of the rule's */
	const struct event *event; /* the only one, or the first */
	const char *directory;     /* in which they all were; "" for a single one */
	uint64_t count;            /* changes */
	uint64_t kinds[EVENT_KIND_COUNT];
	uint64_t first_ns, last_ns; /* UTC */
	bool closed;                /* nothing will be added */
	bool changed;               /* since it was handed over last */
	uint64_t *number;           /* the visitor's own, kept with it; 0 at first */
	/* Findings handed over before that are part of this one now: the visitor's numbers. */
	const uint64_t *replaces;
	unsigned replaces_count;
};

struct file_judge;

/* Borrows the policy. NULL when out of memory. */
struct file_judge *file_judge_new(const struct policy *policy);
void file_judge_free(struct file_judge *judge);

/*
 * The rule that the event is against, in *rule (NULL for none); of several the most severe. `now_ms` is a clock that only goes
 * forward. 0 or -ENOMEM.
 */
int file_judge_event(struct file_judge *judge, const struct event *event, uint64_t now_ms,
		     const struct file_rule **rule);

/* Which of the rule's patterns the event is about; "" for none. Borrowed from the rule. */
const char *file_rule_pattern(const struct file_rule *rule, const struct event *event);

typedef int (*file_finding_visitor)(void *owner, const struct file_finding *finding);

/*
 * Hands over each finding as it stands; those that are closed for the last time. `at_end` closes all. 0, -ENOMEM, or what the
 * visitor returned when that is not 0, which ends it: this one and the rest are handed over the next time.
 */
int file_judge_visit(struct file_judge *judge, uint64_t now_ms, bool at_end, file_finding_visitor visit, void *owner);

/* As a person reads it; several lines, escaped. And as a line of NDJSON: docs/reference/events.md. */
void file_finding_explain(struct buffer *out, const struct file_finding *finding);
void file_finding_write(struct buffer *out, const struct file_finding *finding);

#endif
