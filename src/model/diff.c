/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the lines that only one model has, and takes them into changes in several passes, each of which leaves to the next
 * what it has no use for: contexts as a whole, other versions, patterns, networks and owners, and the rest.
 */
#include "model/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "model/cover_priv.h"
#include "model/text_priv.h"

/* A line that the other model doesn't have. */
struct item {
	const struct model_entry *entry;
	bool taken;    /* it is in a change */
	char *version; /* its key without versions; NULL where it has none. Owned */
};

struct side {
	struct model *model;
	const struct model_entry **line; /* all, in order */
	struct item *item;
	size_t line_count, count;
};

/* A change while it is made; found by its key. */
struct group {
	struct change change; /* first: the diff owns it as that */
	char *key;            /* owned; NULL once it is done */
};

/* A context that is called otherwise in the new model, for want of a version. */
struct renamed {
	const struct behaviour *old, *new;
};

/* The last answer to whether a program is another version of one. */
struct replacement {
	const struct behaviour *old, *new;
	bool holds;
	unsigned asked;
};

/* So many pairs of programs are looked at; beyond it each is gone or new. */
#define REPLACEMENTS_TRIED_MAX 256

struct maker {
	struct side old, new;
	struct model *known; /* the old one, and what is only renamed under its new names */
	struct table groups; /* owns them until they are in the diff */
	struct buffer key;   /* scratch */
	struct renamed *renamed;
	size_t renamed_count;
	struct replacement replacement;
	bool failed; /* out of memory */
};

/* ---- lines that only one side has ---- */

static int collect(void *owner, struct model_entry *entry)
{
	struct side *side = owner;

	side->line[side->line_count++] = entry;
	return 0;
}

static int open_side(struct side *side, struct model *model)
{
	size_t size = model_size(model) + 1;

	side->model = model;
	side->line = calloc(size, sizeof(struct model_entry *));
	side->item = calloc(size, sizeof(*side->item));
	if (!side->line || !side->item)
		return -ENOMEM;
	return model_each(model, collect, side);
}

static void close_side(struct side *side)
{
	for (size_t i = 0; i < side->count; i++)
		free(side->item[i].version);
	free(side->item);
	free(side->line);
}

static void compare_sides(struct side *old, struct side *new)
{
	size_t i = 0, j = 0;

	while (i < old->line_count || j < new->line_count) {
		int order = i == old->line_count ? 1
			    : j == new->line_count
				    ? -1
				    : behaviour_compare(&old->line[i]->behaviour, &new->line[j]->behaviour);

		if (order < 0)
			old->item[old->count++].entry = old->line[i];
		if (order > 0)
			new->item[new->count++].entry = new->line[j];
		i += order <= 0;
		j += order >= 0;
	}
}

/* ---- groups ---- */

static bool same_key(const void *entry, const void *key)
{
	return strcmp(((const struct group *)entry)->key, key) == 0;
}

static struct group *find_group(struct maker *maker)
{
	const char *key = buffer_string(&maker->key);

	return table_find(&maker->groups, hash_text(key), key);
}

static void free_group(struct group *group)
{
	free(group->key);
	free(group->change.added.item);
	free(group->change.removed.item);
	free(group);
}

/* The group of the key in maker->key, made if there is none. NULL, and failed, when out of memory. */
static struct group *group_of(struct maker *maker, enum change_kind kind)
{
	struct group *group;

	if (maker->key.failed)
		maker->failed = true;
	group = maker->failed ? NULL : find_group(maker);
	if (group || maker->failed)
		return group;
	group = calloc(1, sizeof(*group));
	if (group) {
		group->change.kind = kind;
		group->key = strdup(buffer_string(&maker->key));
		if (group->key && table_insert(&maker->groups, hash_text(group->key), group) == 0)
			return group;
		free_group(group);
	}
	maker->failed = true;
	return NULL;
}

static void put(struct maker *maker, struct change_lines *lines, const struct model_entry *entry)
{
	if (lines->count == lines->capacity) {
		size_t capacity = lines->capacity ? lines->capacity * 2 : 2;
		struct change_line *item = reallocarray(lines->item, capacity, sizeof(*item));

		if (!item) {
			maker->failed = true;
			return;
		}
		lines->item = item;
		lines->capacity = capacity;
	}
	lines->item[lines->count++] = (struct change_line) { &entry->behaviour, entry->line };
}

/* Takes the item of that side into the change of maker->key. */
static void take(struct maker *maker, const struct side *side, struct item *item, enum change_kind kind)
{
	struct group *group = group_of(maker, kind);

	if (!group)
		return;
	put(maker, side == &maker->new ? &group->change.added : &group->change.removed, item->entry);
	item->taken = true;
}

/* Begins a key: what sort of group, and which context. No byte of a text is a control character. */
static void begin_key(struct maker *maker, enum change_kind kind, const struct behaviour *context)
{
	buffer_clear(&maker->key);
	buffer_printf(&maker->key, "%d\t", kind);
	text_print_context(&maker->key, context);
}

static void add_key(struct maker *maker, const char *text)
{
	buffer_byte(&maker->key, '\t');
	buffer_text(&maker->key, text);
}

/* ---- versions ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Appends the text with each version (3.11) as one control character. False if it has none. */
static bool add_without_versions(struct buffer *out, const char *text)
{
	bool any = false;

	while (*text) {
		if (!is_digit(*text)) {
			buffer_byte(out, *text++);
			continue;
		}
		while (is_digit(*text) || (*text == '.' && is_digit(text[1])))
			text++;
		buffer_byte(out, '\001');
		any = true;
	}
	return any;
}

static bool same_but_version(const char *one, const char *other)
{
	struct buffer first = BUFFER_INIT(4 * BEHAVIOUR_PROGRAM_MAX), second = BUFFER_INIT(4 * BEHAVIOUR_PROGRAM_MAX);
	bool any = add_without_versions(&first, one);
	bool same;

	(void)add_without_versions(&second, other);
	same = any && !first.failed && !second.failed && strcmp(buffer_string(&first), buffer_string(&second)) == 0;
	buffer_free(&first);
	buffer_free(&second);
	return same;
}

/* The new name of an old context: its own, or that which it has now. */
static const struct behaviour *name_now(const struct maker *maker, const struct behaviour *old)
{
	for (size_t i = 0; i < maker->renamed_count; i++) {
		if (text_same_context(maker->renamed[i].old, old))
			return maker->renamed[i].new;
	}
	return old;
}

/* Of a line that another version of its program would have, too: the key that both have. */
static void set_version(struct maker *maker, const struct side *side, struct item *item)
{
	const struct behaviour *behaviour = &item->entry->behaviour;
	const struct behaviour *context = side == &maker->old ? name_now(maker, behaviour) : behaviour;
	bool moved = context != behaviour || side == &maker->new;

	begin_key(maker, CHANGE_RENAMED, context);
	buffer_printf(&maker->key, "%d\t", behaviour->kind);
	if (!add_without_versions(&maker->key, behaviour->program) && !moved)
		return;
	buffer_byte(&maker->key, '\t');
	if (behaviour->kind == BEHAVIOUR_WRITE)
		(void)add_without_versions(&maker->key, behaviour->object);
	else
		buffer_text(&maker->key, behaviour->object);
	item->version = maker->key.failed ? NULL : strdup(buffer_string(&maker->key));
	maker->failed |= !item->version;
}

/* ---- renamed contexts ---- */

/* Contexts that only one side has. */
struct contexts {
	const struct behaviour **item;
	size_t count;
};

static int contexts_of(const struct side *side, const struct model *other, struct contexts *out)
{
	out->item = calloc(side->count + 1, sizeof(*out->item));
	if (!out->item)
		return -ENOMEM;
	for (size_t i = 0; i < side->count; i++) {
		const struct behaviour *behaviour = &side->item[i].entry->behaviour;

		if (out->count && text_same_context(out->item[out->count - 1], behaviour))
			continue;
		if (!model_has_context(other, behaviour))
			out->item[out->count++] = behaviour;
	}
	return 0;
}

/* The one context of `among` that is called like `context` but for the version; NULL if there are none or several. */
static const struct behaviour *other_version(const struct contexts *among, const struct behaviour *context)
{
	const struct behaviour *found = NULL;

	for (size_t i = 0; i < among->count; i++) {
		const struct behaviour *one = among->item[i];

		if (one->context_kind != context->context_kind || one->in_container != context->in_container ||
		    !same_but_version(one->context_name, context->context_name))
			continue;
		if (found)
			return NULL;
		found = one;
	}
	return found;
}

/* So many contexts are tried with each other; beyond it each is gone or new. */
#define CONTEXTS_TRIED_MAX 256

static int find_renamed_contexts(struct maker *maker)
{
	struct contexts gone = { 0 }, come = { 0 };
	int status = contexts_of(&maker->old, maker->new.model, &gone);

	if (!status)
		status = contexts_of(&maker->new, maker->old.model, &come);
	maker->renamed = status ? NULL : calloc(gone.count + 1, sizeof(*maker->renamed));
	if (!status && !maker->renamed)
		status = -ENOMEM;
	for (size_t i = 0;
	     !status && i < gone.count && gone.count <= CONTEXTS_TRIED_MAX && come.count <= CONTEXTS_TRIED_MAX; i++) {
		const struct behaviour *new = other_version(&come, gone.item[i]);

		if (new &&other_version(&gone, new) == gone.item[i])
			maker->renamed[maker->renamed_count++] = (struct renamed) { gone.item[i], new };
	}
	free(gone.item);
	free(come.item);
	return status;
}

/* ---- other versions ---- */

static bool same_version(const void *entry, const void *key)
{
	return strcmp(((const struct item *)entry)->version, key) == 0;
}

struct wanted {
	const char *program;
};

static int find_program(void *owner, struct model_entry *entry)
{
	const struct wanted *wanted = owner;

	return strcmp(entry->behaviour.program, wanted->program) == 0;
}

static bool has_program(struct model *model, const struct behaviour *context, const char *program)
{
	struct wanted wanted = { program };

	return model_each_in(model, context, find_program, &wanted) > 0;
}

/* One version went and the other came: nothing of either is on the other's side. */
static bool replaces(struct maker *maker, const struct behaviour *old, const struct behaviour *new)
{
	struct replacement *last = &maker->replacement;

	if (strcmp(old->program, new->program) == 0 || old->program[0] != '/' || new->program[0] != '/')
		return false;
	/* Lines of one program come together. */
	if (last->old && text_same_context(last->old, old) && strcmp(last->old->program, old->program) == 0 &&
	    strcmp(last->new->program, new->program) == 0)
		return last->holds;
	last->old = old;
	last->new = new;
	last->holds = last->asked++ < REPLACEMENTS_TRIED_MAX && !has_program(maker->new.model, old, old->program) &&
		      !has_program(maker->old.model, new, new->program);
	return last->holds;
}

static void take_version(struct maker *maker, struct item *old, struct item *new)
{
	const struct behaviour *was = &old->entry->behaviour, *is = &new->entry->behaviour;
	bool moved = !text_same_context(was, is);
	enum change_kind kind = moved ? CHANGE_CONTEXT_RENAMED : CHANGE_RENAMED;

	if (!moved && !replaces(maker, was, is))
		return;
	begin_key(maker, kind, is);
	if (!moved) {
		add_key(maker, was->program);
		add_key(maker, is->program);
	}
	take(maker, &maker->old, old, kind);
	take(maker, &maker->new, new, kind);
}

static void take_versions(struct maker *maker)
{
	struct table gone = TABLE_INIT(same_version);

	for (size_t i = 0; i < maker->old.count && !maker->failed; i++) {
		struct item *item = &maker->old.item[i];

		set_version(maker, &maker->old, item);
		if (item->version && !table_find(&gone, hash_text(item->version), item->version))
			maker->failed |= table_insert(&gone, hash_text(item->version), item) < 0;
	}
	for (size_t i = 0; i < maker->new.count &&gone.count && !maker->failed; i++) {
		struct item *item = &maker->new.item[i], *old;

		set_version(maker, &maker->new, item);
		old = item->version ? table_find(&gone, hash_text(item->version), item->version) : NULL;
		if (old && !old->taken)
			take_version(maker, old, item);
	}
	table_free(&gone);
}

/* ---- what the old model knows ---- */

/* What was only renamed is known by its new name, so that what came with it is judged as if nothing had been. */
static int add_known(struct maker *maker)
{
	maker->known = model_new();
	if (!maker->known || model_merge(maker->known, maker->old.model) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < maker->old.line_count; i++) {
		struct behaviour behaviour = maker->old.line[i]->behaviour;
		const struct behaviour *now = maker->renamed_count ? name_now(maker, &behaviour) : &behaviour;

		if (now == &behaviour)
			continue;
		behaviour.context_name = now->context_name;
		if (model_add(maker->known, &behaviour, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- contexts as a whole ---- */

static void take_contexts(struct maker *maker, struct side *side, const struct model *other, enum change_kind kind)
{
	for (size_t i = 0; i < side->count && !maker->failed; i++) {
		struct item *item = &side->item[i];
		const struct behaviour *behaviour = &item->entry->behaviour;

		if (item->taken || model_has_context(other, behaviour) || name_now(maker, behaviour) != behaviour)
			continue;
		begin_key(maker, kind, behaviour);
		take(maker, side, item, kind);
	}
}

/* ---- patterns ---- */

static struct item *item_of(const struct side *side, const struct model_entry *entry)
{
	size_t from = 0, to = side->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = behaviour_compare(&side->item[middle].entry->behaviour, &entry->behaviour);

		if (!order)
			return &side->item[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static void set_cover_key(struct maker *maker, enum change_kind kind, const struct behaviour *pattern, bool came)
{
	begin_key(maker, kind, pattern);
	buffer_printf(&maker->key, "%d\t", pattern->kind);
	add_key(maker, pattern->program);
	add_key(maker, pattern->object);
	if (kind == CHANGE_COVERED)
		add_key(maker, came ? "came" : "went");
}

/*
 * Lines of one side that a pattern of the other covers: nothing follows from them alone. If only the other side has the
 * pattern, it is a change of that `kind` together with them, unless it is in another change already.
 */
static void take_covered(struct maker *maker, struct side *side, struct side *other, enum change_kind kind)
{
	for (size_t i = 0; i < side->count && !maker->failed; i++) {
		struct item *item = &side->item[i], *pattern;
		const struct model_entry *cover =
			item->taken ? NULL : model_match(other->model, &item->entry->behaviour);
		enum change_kind becomes = CHANGE_COVERED;

		if (!cover)
			continue;
		pattern = item_of(other, cover);
		if (pattern) {
			set_cover_key(maker, kind, &cover->behaviour, false);
			if (!pattern->taken)
				take(maker, other, pattern, kind);
			if (find_group(maker))
				becomes = kind;
		}
		set_cover_key(maker, becomes, &cover->behaviour, side == &maker->new);
		take(maker, side, item, becomes);
	}
}

/* ---- networks and owners ---- */

static bool has_network(enum behaviour_kind kind)
{
	return kind == BEHAVIOUR_ACCEPT || kind == BEHAVIOUR_CONNECT || kind == BEHAVIOUR_LISTEN;
}

/* The key of what stays the same while the network or the owner is another. False for other kinds. */
static bool set_place_key(struct maker *maker, const struct behaviour *behaviour)
{
	const char *network = strrchr(behaviour->object, ' ');

	if (behaviour->kind == BEHAVIOUR_OWNER) {
		begin_key(maker, CHANGE_OWNER, behaviour);
	} else if (has_network(behaviour->kind) && network) {
		begin_key(maker, CHANGE_NETWORK, behaviour);
		buffer_printf(&maker->key, "%d\t", behaviour->kind);
		buffer_append(&maker->key, behaviour->object, (size_t)(network - behaviour->object));
	} else {
		return false;
	}
	add_key(maker, behaviour->program);
	return true;
}

static enum change_kind place_kind(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_OWNER ? CHANGE_OWNER : CHANGE_NETWORK;
}

/* What came makes a group, empty so far; what went in its place goes into it; then so does what came. */
static void take_places(struct maker *maker)
{
	for (size_t i = 0; i < maker->new.count && !maker->failed; i++) {
		const struct item *item = &maker->new.item[i];

		if (!item->taken && set_place_key(maker, &item->entry->behaviour))
			(void)group_of(maker, place_kind(&item->entry->behaviour));
	}
	for (size_t i = 0; i < maker->old.count && !maker->failed; i++) {
		struct item *item = &maker->old.item[i];

		if (!item->taken && set_place_key(maker, &item->entry->behaviour) && find_group(maker))
			take(maker, &maker->old, item, place_kind(&item->entry->behaviour));
	}
	for (size_t i = 0; i < maker->new.count && !maker->failed; i++) {
		struct item *item = &maker->new.item[i];
		const struct group *group = NULL;

		if (!item->taken && set_place_key(maker, &item->entry->behaviour))
			group = find_group(maker);
		if (group && group->change.removed.count)
			take(maker, &maker->new, item, place_kind(&item->entry->behaviour));
	}
}

/* ---- the rest ---- */

/* A program that starts is one change with whom it runs as; otherwise what follows from a line tells them apart. */
static void take_added(struct maker *maker)
{
	for (size_t i = 0; i < maker->new.count && !maker->failed; i++) {
		struct item *item = &maker->new.item[i];
		const struct behaviour *behaviour = &item->entry->behaviour;
		bool is_start = behaviour->kind == BEHAVIOUR_EXEC || behaviour->kind == BEHAVIOUR_OWNER ||
				behaviour->kind == BEHAVIOUR_PRIVILEGE;
		struct verdict verdict;

		if (item->taken)
			continue;
		line_severity(behaviour, maker->known, &verdict);
		begin_key(maker, CHANGE_ADDED, behaviour);
		add_key(maker, behaviour->program);
		if (!is_start)
			add_key(maker, verdict.rule);
		take(maker, &maker->new, item, CHANGE_ADDED);
	}
}

/* Whom a program ran as that is not started any more says nothing of its own. */
static bool goes_with_start(const struct maker *maker, const struct behaviour *behaviour)
{
	struct behaviour start = *behaviour;

	start.kind = BEHAVIOUR_EXEC;
	start.object = "";
	return (behaviour->kind == BEHAVIOUR_OWNER || behaviour->kind == BEHAVIOUR_PRIVILEGE) &&
	       model_find(maker->old.model, &start) && !model_find(maker->new.model, &start);
}

static void take_removed(struct maker *maker)
{
	for (size_t i = 0; i < maker->old.count && !maker->failed; i++) {
		struct item *item = &maker->old.item[i];
		const struct behaviour *behaviour = &item->entry->behaviour;
		bool is_start;

		if (item->taken)
			continue;
		begin_key(maker, CHANGE_REMOVED, behaviour);
		is_start = behaviour->kind == BEHAVIOUR_EXEC || goes_with_start(maker, behaviour);
		buffer_printf(&maker->key, "%d\t", is_start ? BEHAVIOUR_EXEC : behaviour->kind);
		if (!is_start)
			add_key(maker, behaviour->program);
		take(maker, &maker->old, item, CHANGE_REMOVED);
	}
}

/* ---- severity ---- */

static const struct verdict nothing[CHANGE_KIND_COUNT] = {
	[CHANGE_CONTEXT_RENAMED] = { SEVERITY_LOW, "renamed", "is another version" },
	[CHANGE_RENAMED] = { SEVERITY_LOW, "renamed", "is another version" },
	[CHANGE_NARROWED] = { SEVERITY_INFORMATIONAL, "narrowed", "may do less" },
	[CHANGE_COVERED] = { SEVERITY_INFORMATIONAL, "covered", "may do the same" },
	[CHANGE_REMOVED] = { SEVERITY_INFORMATIONAL, "removed", "may do less" },
	[CHANGE_CONTEXT_REMOVED] = { SEVERITY_INFORMATIONAL, "context-removed", "is gone" },
};

static void weigh_line(struct change *change, const struct behaviour *behaviour, const struct verdict *verdict)
{
	if (change->verdict.rule && verdict->severity <= change->verdict.severity)
		return;
	change->verdict = *verdict;
	change->principal = behaviour;
}

static void weigh(const struct maker *maker, struct change *change)
{
	const struct change_lines *lines = change->added.count ? &change->added : &change->removed;
	struct verdict verdict;

	if (nothing[change->kind].rule) {
		change->verdict = nothing[change->kind];
		change->principal = lines->item[0].behaviour;
		return;
	}
	/* What a context is, before what it does. */
	for (size_t i = 0; change->kind == CHANGE_CONTEXT_ADDED && i < lines->count; i++) {
		if (lines->item[i].behaviour->kind != BEHAVIOUR_EXEC && i + 1 < lines->count)
			continue;
		context_severity(lines->item[i].behaviour, &verdict);
		weigh_line(change, lines->item[i].behaviour, &verdict);
	}
	for (size_t i = 0; i < lines->count; i++) {
		line_severity(lines->item[i].behaviour, maker->known, &verdict);
		weigh_line(change, lines->item[i].behaviour, &verdict);
	}
}

/* ---- the difference ---- */

static int compare_changes(const void *one, const void *other)
{
	const struct change *first = *(struct change *const *)one, *second = *(struct change *const *)other;

	if (first->verdict.severity != second->verdict.severity)
		return first->verdict.severity < second->verdict.severity ? 1 : -1;
	if (first->kind != second->kind)
		return first->kind < second->kind ? -1 : 1;
	return behaviour_compare(first->principal, second->principal);
}

static int compare_lines(const void *one, const void *other)
{
	const struct change_line *first = one, *second = other;

	return behaviour_compare(first->behaviour, second->behaviour);
}

static void sort_lines(struct change_lines *lines)
{
	if (lines->count)
		qsort(lines->item, lines->count, sizeof(*lines->item), compare_lines);
}

static void add_change(const struct maker *maker, struct model_diff *diff, struct group *group)
{
	struct change *change = &group->change;

	free(group->key);
	group->key = NULL;
	sort_lines(&change->added);
	sort_lines(&change->removed);
	weigh(maker, change);
	diff->change[diff->count++] = change;
	diff->added += change->added.count;
	diff->removed += change->removed.count;
	diff->risky += change->verdict.severity >= SEVERITY_RISKY;
	if (change->verdict.severity > diff->worst)
		diff->worst = change->verdict.severity;
}

/* Hands the groups over to a difference. NULL when out of memory: they are the maker's still. */
static struct model_diff *finish(struct maker *maker)
{
	struct model_diff *diff = calloc(1, sizeof(*diff));
	size_t cursor = 0;
	struct group *group;

	if (diff)
		diff->change = calloc(maker->groups.count + 1, sizeof(struct change *));
	if (!diff || !diff->change) {
		free(diff);
		return NULL;
	}
	while ((group = table_next(&maker->groups, &cursor))) {
		if (group->change.added.count || group->change.removed.count)
			add_change(maker, diff, group);
		else
			free_group(group);
	}
	table_free(&maker->groups);
	maker->groups = TABLE_INIT(same_key);
	qsort(diff->change, diff->count, sizeof(struct change *), compare_changes);
	return diff;
}

static int make(struct maker *maker, struct model *old, struct model *new)
{
	int status = open_side(&maker->old, old);

	if (!status)
		status = open_side(&maker->new, new);
	if (status)
		return status;
	compare_sides(&maker->old, &maker->new);
	status = find_renamed_contexts(maker);
	if (!status)
		status = add_known(maker);
	if (status)
		return status;
	take_versions(maker);
	take_contexts(maker, &maker->new, maker->known, CHANGE_CONTEXT_ADDED);
	take_contexts(maker, &maker->old, new, CHANGE_CONTEXT_REMOVED);
	take_covered(maker, &maker->old, &maker->new, CHANGE_WIDENED);
	take_covered(maker, &maker->new, &maker->old, CHANGE_NARROWED);
	take_places(maker);
	take_added(maker);
	take_removed(maker);
	return maker->failed ? -ENOMEM : 0;
}

int model_diff(struct model *old, struct model *new, struct model_diff **out)
{
	struct maker maker = { .groups = TABLE_INIT(same_key), .key = BUFFER_INIT(8 * BEHAVIOUR_PROGRAM_MAX) };
	int status = make(&maker, old, new);
	struct model_diff *diff = status ? NULL : finish(&maker);
	size_t cursor = 0;
	struct group *group;

	while ((group = table_next(&maker.groups, &cursor)))
		free_group(group);
	table_free(&maker.groups);
	buffer_free(&maker.key);
	free(maker.renamed);
	close_side(&maker.old);
	close_side(&maker.new);
	model_free(maker.known);
	if (!diff)
		return -ENOMEM;
	*out = diff;
	return 0;
}

void model_diff_free(struct model_diff *diff)
{
	if (!diff)
		return;
	for (size_t i = 0; i < diff->count; i++) {
		free(diff->change[i]->added.item);
		free(diff->change[i]->removed.item);
		free(diff->change[i]);
	}
	free(diff->change);
	free(diff);
}

/* ---- applying ---- */

struct applying {
	struct model *gone, *out;
};

static int keep(void *owner, struct model_entry *entry)
{
	struct applying *applying = owner;

	if (model_find(applying->gone, &entry->behaviour))
		return 0;
	return model_add(applying->out, &entry->behaviour, NULL) < 0 ? -ENOMEM : 0;
}

static int add_lines(struct model *model, const struct change_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		if (model_add(model, lines->item[i].behaviour, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct model *model_diff_apply(const struct model_diff *diff, struct model *old)
{
	struct applying applying = { model_new(), model_new() };
	int status = applying.gone && applying.out ? 0 : -ENOMEM;

	for (size_t i = 0; i < diff->count && !status; i++)
		status = add_lines(applying.gone, &diff->change[i]->removed);
	if (!status)
		status = model_each(old, keep, &applying);
	for (size_t i = 0; i < diff->count && !status; i++)
		status = add_lines(applying.out, &diff->change[i]->added);
	model_free(applying.gone);
	if (!status)
		return applying.out;
	model_free(applying.out);
	return NULL;
}
