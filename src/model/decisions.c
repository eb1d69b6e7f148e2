/* SPDX-License-Identifier: Apache-2.0 */
/* Which decision counts. Their text is decisions_text.c's. */
#include "model/decisions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "model/cover_priv.h"
#include "model/decisions_priv.h"
#include "model/grammar_priv.h"

/* A decision; owned by the decisions and never moved. */
struct entry {
	struct decision decision;
	bool revoked;
	struct entry *next_of_line, *next_of_subject, *next_pattern, *next_revoke;
	char text[]; /* what its strings are */
};

/* One line that something was decided about, by its whole behaviour. */
struct line {
	struct entry *entries;
	size_t count;
};

/* One kind of behaviour in one context: what can cover what. */
struct subject {
	struct entry *entries, *patterns, *revokes; /* each entry, those with a star, those that revoke */
};

struct decisions {
	struct table lines, subjects;
	struct entry **order; /* owns the entries */
	size_t count, capacity;
	int64_t newest;
	bool sorted;
};

static bool same_subject(const struct behaviour *one, const struct behaviour *other)
{
	return one->kind == other->kind && one->context_kind == other->context_kind &&
	       one->in_container == other->in_container && strcmp(one->context_name, other->context_name) == 0;
}

static bool subject_equal(const void *entry, const void *key)
{
	return same_subject(&((const struct subject *)entry)->entries->decision.behaviour, key);
}

static bool line_equal(const void *entry, const void *key)
{
	return behaviour_compare(&((const struct line *)entry)->entries->decision.behaviour, key) == 0;
}

static uint64_t subject_hash(const struct behaviour *behaviour)
{
	uint64_t numbers = (uint64_t)behaviour->context_kind << 16 | (uint64_t)behaviour->in_container << 8 |
			   (uint64_t)behaviour->kind;

	return hash_mix(hash_text(behaviour->context_name), numbers);
}

static uint64_t line_hash(const struct behaviour *behaviour)
{
	return hash_mix(hash_mix(subject_hash(behaviour), hash_text(behaviour->program)), hash_text(behaviour->object));
}

struct decisions *decisions_new(void)
{
	struct decisions *decisions = calloc(1, sizeof(*decisions));

	if (!decisions)
		return NULL;
	decisions->lines = TABLE_INIT(line_equal);
	decisions->subjects = TABLE_INIT(subject_equal);
	decisions->sorted = true;
	return decisions;
}

static void free_each(struct table *table)
{
	size_t cursor = 0;
	void *entry;

	while ((entry = table_next(table, &cursor)))
		free(entry);
	table_free(table);
}

void decisions_free(struct decisions *decisions)
{
	if (!decisions)
		return;
	for (size_t i = 0; i < decisions->count; i++)
		free(decisions->order[i]);
	free_each(&decisions->lines);
	free_each(&decisions->subjects);
	free(decisions->order);
	free(decisions);
}

size_t decisions_size(const struct decisions *decisions)
{
	return decisions->count;
}

int64_t decisions_newest(const struct decisions *decisions)
{
	return decisions->newest;
}

/* ---- which counts ---- */

/* Of two that cover the same: the newer, at the same time the one that allows less. */
static bool counts_before(const struct decision *one, const struct decision *other)
{
	if (one->time != other->time)
		return one->time > other->time;
	return one->kind == DECISION_FORBID && other->kind != DECISION_FORBID;
}

/* Is `decision` older than `revoke`, and about what that covers? At the same time it is if it allows something. */
static bool revokes(const struct decision *revoke, const struct decision *decision)
{
	bool before =
		decision->time < revoke->time || (decision->time == revoke->time && decision->kind == DECISION_ACCEPT);

	return before && decision->kind != DECISION_REVOKE &&
	       behaviour_covers(&revoke->behaviour, &decision->behaviour);
}

static const struct decision *better(const struct decision *best, const struct entry *entry)
{
	const struct decision *decision = &entry->decision;

	if (entry->revoked || decision->kind == DECISION_REVOKE || (best && !counts_before(decision, best)))
		return best;
	return decision;
}

const struct decision *decisions_about(const struct decisions *decisions, const struct behaviour *behaviour)
{
	const struct line *line = table_find(&decisions->lines, line_hash(behaviour), behaviour);
	const struct subject *subject = table_find(&decisions->subjects, subject_hash(behaviour), behaviour);
	const struct decision *best = NULL;

	for (const struct entry *entry = line ? line->entries : NULL; entry; entry = entry->next_of_line)
		best = better(best, entry);
	for (const struct entry *entry = subject ? subject->patterns : NULL; entry; entry = entry->next_pattern) {
		const struct decision *found = better(best, entry);

		if (found != best && behaviour_covers(&found->behaviour, behaviour))
			best = found;
	}
	return best;
}

size_t decisions_revoked_by(const struct decisions *decisions, const struct decision *revoke)
{
	const struct subject *subject =
		table_find(&decisions->subjects, subject_hash(&revoke->behaviour), &revoke->behaviour);
	size_t count = 0;

	for (const struct entry *entry = subject ? subject->entries : NULL; entry; entry = entry->next_of_subject)
		count += !entry->revoked && revokes(revoke, &entry->decision);
	return count;
}

bool decisions_forbid(const struct decisions *decisions, const struct behaviour *behaviour)
{
	const struct decision *decision = decisions_about(decisions, behaviour);

	return decision && decision->kind == DECISION_FORBID;
}

struct asked {
	const struct decisions *decisions;
};

static bool is_forbidden(void *owner, const struct behaviour *behaviour)
{
	return decisions_forbid(((const struct asked *)owner)->decisions, behaviour);
}

int decisions_apply(const struct decisions *decisions, struct model *model)
{
	struct asked asked = { decisions };

	for (size_t i = 0; i < decisions->count; i++) {
		const struct entry *entry = decisions->order[i];
		int status;

		if (entry->revoked || entry->decision.kind != DECISION_ACCEPT ||
		    decisions_forbid(decisions, &entry->decision.behaviour))
			continue;
		status = model_add(model, &entry->decision.behaviour, NULL);
		if (status < 0)
			return status;
	}
	(void)model_remove(model, is_forbidden, &asked);
	return 0;
}

/* ---- adding ---- */

static char *put(char **at, const char *text)
{
	char *copy = *at;
	size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static struct entry *new_entry(const struct decision *decision)
{
	const struct behaviour *behaviour = &decision->behaviour;
	size_t size = strlen(behaviour->context_name) + strlen(behaviour->program) + strlen(behaviour->object) +
		      strlen(decision->who) + strlen(decision->reason) + 5;
	struct entry *entry = calloc(1, sizeof(*entry) + size);
	char *at;

	if (!entry)
		return NULL;
	at = entry->text;
	entry->decision = *decision;
	entry->decision.behaviour.context_name = put(&at, behaviour->context_name);
	entry->decision.behaviour.program = put(&at, behaviour->program);
	entry->decision.behaviour.object = put(&at, behaviour->object);
	entry->decision.who = put(&at, decision->who);
	entry->decision.reason = put(&at, decision->reason);
	return entry;
}

static int make_room(struct decisions *decisions)
{
	size_t capacity = decisions->capacity ? decisions->capacity * 2 : 64;
	struct entry **order;

	if (decisions->count < decisions->capacity)
		return 0;
	order = reallocarray(decisions->order, capacity, sizeof(*order));
	if (!order)
		return -ENOMEM;
	decisions->order = order;
	decisions->capacity = capacity;
	return 0;
}

static struct line *line_of(struct decisions *decisions, struct entry *entry)
{
	const struct behaviour *behaviour = &entry->decision.behaviour;
	struct line *line = table_find(&decisions->lines, line_hash(behaviour), behaviour);

	if (line)
		return line;
	line = calloc(1, sizeof(*line));
	if (!line || table_insert(&decisions->lines, line_hash(behaviour), line) < 0) {
		free(line);
		return NULL;
	}
	line->entries = entry;
	return line;
}

static struct subject *subject_of(struct decisions *decisions, struct entry *entry)
{
	const struct behaviour *behaviour = &entry->decision.behaviour;
	struct subject *subject = table_find(&decisions->subjects, subject_hash(behaviour), behaviour);

	if (subject)
		return subject;
	subject = calloc(1, sizeof(*subject));
	if (!subject || table_insert(&decisions->subjects, subject_hash(behaviour), subject) < 0) {
		free(subject);
		return NULL;
	}
	subject->entries = entry;
	return subject;
}

/* What it takes back, or what takes it back. */
static void revoke(const struct subject *subject, struct entry *entry)
{
	struct entry *other;

	if (entry->decision.kind != DECISION_REVOKE) {
		for (other = subject->revokes; other && !entry->revoked; other = other->next_revoke)
			entry->revoked = revokes(&other->decision, &entry->decision);
		return;
	}
	for (other = subject->entries; other; other = other->next_of_subject)
		other->revoked = other->revoked || revokes(&entry->decision, &other->decision);
}

static void link_entry(struct line *line, struct subject *subject, struct entry *entry)
{
	revoke(subject, entry);
	line->count++;
	if (line->entries != entry) {
		entry->next_of_line = line->entries;
		line->entries = entry;
	}
	if (subject->entries != entry) {
		entry->next_of_subject = subject->entries;
		subject->entries = entry;
	}
	if (behaviour_is_pattern(&entry->decision.behaviour)) {
		entry->next_pattern = subject->patterns;
		subject->patterns = entry;
	}
	if (entry->decision.kind == DECISION_REVOKE) {
		entry->next_revoke = subject->revokes;
		subject->revokes = entry;
	}
}

static int add_new(struct decisions *decisions, const struct decision *decision)
{
	struct entry *entry;
	struct line *line;
	struct subject *subject;

	if (make_room(decisions) < 0)
		return -ENOMEM;
	entry = new_entry(decision);
	if (!entry)
		return -ENOMEM;
	line = line_of(decisions, entry);
	subject = line ? subject_of(decisions, entry) : NULL;
	if (!subject) {
		if (line && line->entries == entry)
			free(table_remove(&decisions->lines, line_hash(&decision->behaviour), &decision->behaviour));
		free(entry);
		return -ENOMEM;
	}
	link_entry(line, subject, entry);
	decisions->order[decisions->count++] = entry;
	decisions->sorted = false;
	if (decision->time > decisions->newest)
		decisions->newest = decision->time;
	return 1;
}

int decisions_add(struct decisions *decisions, const struct decision *decision)
{
	const struct line *line;

	if (!decision_fits(decision))
		return -EINVAL;
	line = table_find(&decisions->lines, line_hash(&decision->behaviour), &decision->behaviour);
	for (const struct entry *entry = line ? line->entries : NULL; entry; entry = entry->next_of_line) {
		if (decision_compare(&entry->decision, decision) == 0)
			return 0;
	}
	return add_new(decisions, decision);
}

size_t decisions_of_line(const struct decisions *decisions, const struct behaviour *behaviour)
{
	const struct line *line = table_find(&decisions->lines, line_hash(behaviour), behaviour);

	return line ? line->count : 0;
}

int decisions_merge(struct decisions *into, const struct decisions *from)
{
	for (size_t i = 0; i < from->count; i++) {
		int status = decisions_add(into, &from->order[i]->decision);

		if (status < 0)
			return status;
	}
	return 0;
}

/* ---- walking ---- */

static int compare_entries(const void *one, const void *other)
{
	const struct entry *const *first = one, *const *second = other;

	return decision_compare(&(*first)->decision, &(*second)->decision);
}

int decisions_each(struct decisions *decisions, int (*visit)(void *owner, const struct decision *decision), void *owner)
{
	int status = 0;

	if (!decisions->sorted)
		qsort(decisions->order, decisions->count, sizeof(*decisions->order), compare_entries);
	decisions->sorted = true;
	for (size_t i = 0; i < decisions->count && !status; i++)
		status = visit(owner, &decisions->order[i]->decision);
	return status;
}
