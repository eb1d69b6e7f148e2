/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/read.h"
#include "base/replace.h"
#include "base/table.h"
#include "model/cover_priv.h"
#include "model/fold_priv.h"
#include "model/grammar_priv.h"

/* A line of the model; owned by it, and never moved, since callers keep its entry. */
struct line {
	struct model_entry entry;
	struct scope *scope;
	struct line *next; /* the next pattern of the same scope and kind, in the order they were added */
	bool goes;         /* it is about to be removed */
	char text[];       /* what the entry's strings are: program and object */
};

/* A context that the model has lines for. */
struct scope {
	struct behaviour sample; /* only its context counts */
	struct usual usual;
	size_t lines[BEHAVIOUR_KIND_COUNT];
	struct line *patterns[BEHAVIOUR_KIND_COUNT], *last_pattern[BEHAVIOUR_KIND_COUNT];
	char name[];
};

struct model {
	struct table scopes, lines;
	struct line **order; /* owns the lines */
	size_t count, capacity;
	size_t writes; /* lines of that kind */
	bool sorted;
	const struct fold_limits *limits;
};

/* What a line is found by. */
struct line_key {
	const struct scope *scope;
	const struct behaviour *behaviour;
};

static bool scope_equal(const void *entry, const void *key)
{
	const struct behaviour *one = &((const struct scope *)entry)->sample, *other = key;

	return one->context_kind == other->context_kind && one->in_container == other->in_container &&
	       strcmp(one->context_name, other->context_name) == 0;
}

static bool line_equal(const void *entry, const void *key)
{
	const struct line *line = entry;
	const struct line_key *wanted = key;
	const struct behaviour *one = &line->entry.behaviour, *other = wanted->behaviour;

	return line->scope == wanted->scope && one->kind == other->kind && strcmp(one->program, other->program) == 0 &&
	       strcmp(one->object, other->object) == 0;
}

static uint64_t scope_hash(const struct behaviour *behaviour)
{
	return hash_mix(hash_text(behaviour->context_name), behaviour->context_kind * 2 + behaviour->in_container);
}

static uint64_t line_hash(uint64_t scope, const struct behaviour *behaviour)
{
	uint64_t hash = hash_mix(scope, hash_text(behaviour->program));

	return hash_mix(hash_mix(hash, hash_text(behaviour->object)), behaviour->kind);
}

struct model *model_new(void)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		return NULL;
	model->scopes = TABLE_INIT(scope_equal);
	model->lines = TABLE_INIT(line_equal);
	model->sorted = true;
	return model;
}

static void free_line(struct line *line)
{
	seen_free(line->entry.seen);
	rate_free(line->entry.rate);
	free(line);
}

void model_free(struct model *model)
{
	struct scope *scope;
	size_t cursor = 0;

	if (!model)
		return;
	for (size_t i = 0; i < model->count; i++)
		free_line(model->order[i]);
	while ((scope = table_next(&model->scopes, &cursor))) {
		usual_free(&scope->usual);
		free(scope);
	}
	table_free(&model->scopes);
	table_free(&model->lines);
	free(model->order);
	free(model);
}

size_t model_size(const struct model *model)
{
	return model->count;
}

/* ---- finding ---- */

/* The scope and the line, each NULL if it isn't there. */
static struct line *find(const struct model *model, const struct behaviour *behaviour, struct scope **scope)
{
	uint64_t hash = scope_hash(behaviour);
	struct line_key key = { .behaviour = behaviour };

	*scope = table_find(&model->scopes, hash, behaviour);
	key.scope = *scope;
	return *scope ? table_find(&model->lines, line_hash(hash, behaviour), &key) : NULL;
}

struct model_entry *model_find(const struct model *model, const struct behaviour *behaviour)
{
	struct scope *scope;
	struct line *line = find(model, behaviour, &scope);

	return line ? &line->entry : NULL;
}

bool model_has_context(const struct model *model, const struct behaviour *behaviour)
{
	const struct scope *scope = table_find(&model->scopes, scope_hash(behaviour), behaviour);

	for (unsigned kind = 0; scope && kind < BEHAVIOUR_KIND_COUNT; kind++) {
		if (scope->lines[kind])
			return true;
	}
	return false;
}

bool model_judges(const struct model *model, const struct behaviour *behaviour)
{
	const struct scope *scope;

	if (behaviour->kind != BEHAVIOUR_WRITE)
		return true;
	scope = table_find(&model->scopes, scope_hash(behaviour), behaviour);
	return model_has_context(model, behaviour) ? scope->lines[BEHAVIOUR_WRITE] : model->writes;
}

/* ---- matching ---- */

struct model_entry *model_match(const struct model *model, const struct behaviour *behaviour)
{
	struct scope *scope;
	struct line *line = find(model, behaviour, &scope);

	if (line || !scope)
		return line ? &line->entry : NULL;
	for (line = scope->patterns[behaviour->kind]; line; line = line->next) {
		if (behaviour_covers(&line->entry.behaviour, behaviour))
			return &line->entry;
	}
	return NULL;
}

/* ---- adding ---- */

static struct scope *add_scope(struct model *model, const struct behaviour *behaviour)
{
	size_t size = strlen(behaviour->context_name) + 1;
	struct scope *scope = calloc(1, sizeof(*scope) + size);

	if (!scope)
		return NULL;
	memcpy(scope->name, behaviour->context_name, size);
	scope->sample.context_kind = behaviour->context_kind;
	scope->sample.in_container = behaviour->in_container;
	scope->sample.context_name = scope->name;
	if (table_insert(&model->scopes, scope_hash(behaviour), scope) < 0) {
		free(scope);
		return NULL;
	}
	return scope;
}

static struct line *new_line(struct scope *scope, const struct behaviour *behaviour)
{
	size_t program = strlen(behaviour->program) + 1, object = strlen(behaviour->object) + 1;
	struct line *line = calloc(1, sizeof(*line) + program + object);

	if (!line)
		return NULL;
	memcpy(line->text, behaviour->program, program);
	memcpy(line->text + program, behaviour->object, object);
	line->scope = scope;
	line->entry.behaviour = scope->sample;
	line->entry.behaviour.kind = behaviour->kind;
	line->entry.behaviour.program = line->text;
	line->entry.behaviour.object = line->text + program;
	return line;
}

static int make_room(struct model *model)
{
	size_t capacity = model->capacity ? model->capacity * 2 : 64;
	struct line **order;

	if (model->count < model->capacity)
		return 0;
	order = reallocarray(model->order, capacity, sizeof(*order));
	if (!order)
		return -ENOMEM;
	model->order = order;
	model->capacity = capacity;
	return 0;
}

static void link_pattern(struct line *line)
{
	enum behaviour_kind kind = line->entry.behaviour.kind;
	struct scope *scope = line->scope;

	if (scope->last_pattern[kind])
		scope->last_pattern[kind]->next = line;
	else
		scope->patterns[kind] = line;
	scope->last_pattern[kind] = line;
}

static struct line *add_line(struct model *model, struct scope *scope, const struct behaviour *behaviour)
{
	struct line *line;

	if (make_room(model) < 0)
		return NULL;
	line = new_line(scope, behaviour);
	if (!line)
		return NULL;
	if (table_insert(&model->lines, line_hash(scope_hash(behaviour), behaviour), line) < 0) {
		free(line);
		return NULL;
	}
	model->sorted =
		model->sorted && (!model->count || behaviour_compare(&model->order[model->count - 1]->entry.behaviour,
								     &line->entry.behaviour) < 0);
	model->order[model->count++] = line;
	scope->lines[behaviour->kind]++;
	model->writes += behaviour->kind == BEHAVIOUR_WRITE;
	if (behaviour_is_pattern(behaviour))
		link_pattern(line);
	return line;
}

int model_add(struct model *model, const struct behaviour *behaviour, struct model_entry **entry)
{
	struct scope *scope;
	struct line *line;
	int added = 0;

	if (!grammar_behaviour_fits(behaviour))
		return -EINVAL;
	line = find(model, behaviour, &scope);
	if (!line) {
		scope = scope ? scope : add_scope(model, behaviour);
		line = scope ? add_line(model, scope, behaviour) : NULL;
		added = 1;
	}
	if (!line)
		return -ENOMEM;
	if (entry)
		*entry = &line->entry;
	return added;
}

/* What was seen of `from` was seen of `into`. */
static int bring_seen(struct model_entry *into, const struct model_entry *from)
{
	if (!from->seen)
		return 0;
	if (!into->seen)
		into->seen = seen_new();
	return into->seen ? seen_merge(into->seen, from->seen) : -ENOMEM;
}

int model_merge(struct model *into, const struct model *from)
{
	for (size_t i = 0; i < from->count; i++) {
		struct model_entry *entry;
		int status = model_add(into, &from->order[i]->entry.behaviour, &entry);

		if (status >= 0)
			status = bring_seen(entry, &from->order[i]->entry);
		if (status < 0)
			return status;
	}
	return 0;
}

/* ---- what is usual ---- */

struct usual *model_usual(struct model *model, const struct behaviour *context)
{
	struct scope *scope = table_find(&model->scopes, scope_hash(context), context);

	if (!scope)
		scope = add_scope(model, context);
	return scope ? &scope->usual : NULL;
}

const struct usual *model_find_usual(const struct model *model, const struct behaviour *context)
{
	const struct scope *scope = table_find(&model->scopes, scope_hash(context), context);

	return scope ? &scope->usual : NULL;
}

static int join_rate(struct model_entry *into, const struct model_entry *from, sketch_join *how)
{
	if (!into || !from->rate)
		return 0;
	if (!into->rate)
		into->rate = rate_new();
	return into->rate ? how(&into->rate->usual, &from->rate->usual) : -ENOMEM;
}

int model_join_rates(struct model *into, const struct model *from, sketch_join *how)
{
	const struct scope *scope;
	size_t cursor = 0;
	int status = 0;

	while (!status && (scope = table_next(&from->scopes, &cursor))) {
		struct usual *usual = model_usual(into, &scope->sample);

		status = usual ? usual_merge(usual, &scope->usual, how) : -ENOMEM;
	}
	for (size_t i = 0; i < from->count && !status; i++) {
		const struct model_entry *entry = &from->order[i]->entry;

		status = join_rate(model_find(into, &entry->behaviour), entry, how);
	}
	return status;
}

int model_finish_rates(struct model *model)
{
	int status = 0;

	for (size_t i = 0; i < model->count && !status; i++) {
		struct rate *rate = model->order[i]->entry.rate;

		status = rate ? rate_finish(rate) : 0;
	}
	return status;
}

/* ---- walking ---- */

static int compare_lines(const void *one, const void *other)
{
	const struct line *const *first = one, *const *second = other;

	return behaviour_compare(&(*first)->entry.behaviour, &(*second)->entry.behaviour);
}

static void sort(struct model *model)
{
	if (!model->sorted)
		qsort(model->order, model->count, sizeof(struct line *), compare_lines);
	model->sorted = true;
}

int model_each(struct model *model, int (*visit)(void *owner, struct model_entry *entry), void *owner)
{
	int status = 0;

	sort(model);
	for (size_t i = 0; i < model->count && !status; i++)
		status = visit(owner, &model->order[i]->entry);
	return status;
}

int model_each_context(struct model *model, int (*visit)(void *owner, const struct behaviour *sample), void *owner)
{
	int status = 0;

	sort(model);
	for (size_t i = 0; i < model->count && !status; i++) {
		if (!i || model->order[i]->scope != model->order[i - 1]->scope)
			status = visit(owner, &model->order[i]->entry.behaviour);
	}
	return status;
}

/* The first line that is not before `behaviour`, in a sorted model. */
static size_t lower_bound(const struct model *model, const struct behaviour *behaviour)
{
	size_t from = 0, to = model->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (behaviour_compare(&model->order[middle]->entry.behaviour, behaviour) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

int model_each_in(struct model *model, const struct behaviour *context,
		  int (*visit)(void *owner, struct model_entry *entry), void *owner)
{
	const struct scope *scope = table_find(&model->scopes, scope_hash(context), context);
	struct behaviour first = { .program = "", .object = "" };
	int status = 0;

	if (!scope)
		return 0;
	first.context_kind = context->context_kind;
	first.context_name = context->context_name;
	first.in_container = context->in_container;
	sort(model);
	for (size_t i = lower_bound(model, &first); i < model->count && !status && model->order[i]->scope == scope; i++)
		status = visit(owner, &model->order[i]->entry);
	return status;
}

/* ---- removing ---- */

static void unlink_patterns(struct scope *scope, enum behaviour_kind kind)
{
	struct line **link = &scope->patterns[kind], *last = NULL;

	while (*link) {
		if ((*link)->goes) {
			*link = (*link)->next;
		} else {
			last = *link;
			link = &last->next;
		}
	}
	scope->last_pattern[kind] = last;
}

/* Those that go. */
static void remove_lines(struct model *model)
{
	size_t cursor = 0, kept = 0;
	struct scope *scope;

	while ((scope = table_next(&model->scopes, &cursor))) {
		for (unsigned kind = 0; kind < BEHAVIOUR_KIND_COUNT; kind++)
			unlink_patterns(scope, kind);
	}
	for (size_t i = 0; i < model->count; i++) {
		struct line *line = model->order[i];
		struct line_key key = { line->scope, &line->entry.behaviour };

		if (!line->goes) {
			model->order[kept++] = line;
			continue;
		}
		(void)table_remove(&model->lines, line_hash(scope_hash(key.behaviour), key.behaviour), &key);
		line->scope->lines[key.behaviour->kind]--;
		model->writes -= key.behaviour->kind == BEHAVIOUR_WRITE;
		free_line(line);
	}
	model->count = kept;
}

size_t model_remove(struct model *model, bool (*goes)(void *owner, const struct behaviour *behaviour), void *owner)
{
	size_t before = model->count;

	for (size_t i = 0; i < model->count; i++)
		model->order[i]->goes = goes(owner, &model->order[i]->entry.behaviour);
	remove_lines(model);
	return before - model->count;
}

int model_each_alike(struct model *model, const struct behaviour *behaviour,
		     int (*visit)(void *owner, struct model_entry *entry), void *owner)
{
	const struct scope *scope = table_find(&model->scopes, scope_hash(behaviour), behaviour);
	struct behaviour first = *behaviour;
	int status = 0;

	if (!scope)
		return 0;
	first.program = first.object = "";
	sort(model);
	for (size_t i = lower_bound(model, &first); i < model->count && !status; i++) {
		struct line *line = model->order[i];

		if (line->scope != scope || line->entry.behaviour.kind != behaviour->kind)
			break;
		status = visit(owner, &line->entry);
	}
	return status;
}

/* ---- folding ---- */

/* One that folding looks at: a path, without a star that crosses directories. */
static bool is_foldable(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_WRITE && behaviour->object[0] == '/' && !strstr(behaviour->object, "**");
}

/* Copies the paths to be folded, in order. */
static int copy_paths(struct model *model, struct fold_path *paths, size_t *count)
{
	for (size_t i = 0; i < model->count; i++) {
		struct line *line = model->order[i];

		if (!is_foldable(&line->entry.behaviour))
			continue;
		paths[*count].text = strdup(line->entry.behaviour.object);
		if (!paths[*count].text)
			return -ENOMEM;
		paths[(*count)++].line = line;
	}
	return 0;
}

/* Each program's of each context for itself. */
static void fold_each(struct fold_path *paths, size_t count, const struct fold_limits *limits)
{
	for (size_t from = 0, to; from < count; from = to) {
		const struct line *first = paths[from].line, *other;

		for (to = from + 1; to < count; to++) {
			other = paths[to].line;
			if (other->scope != first->scope ||
			    strcmp(other->entry.behaviour.program, first->entry.behaviour.program) != 0)
				break;
		}
		fold_paths(paths + from, to - from, limits);
	}
}

/* Adds what came of folding before anything goes, so that a failure loses nothing. */
static int add_folded(struct model *model, const struct fold_path *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct line *line = paths[i].line;
		struct behaviour behaviour = line->entry.behaviour;
		struct model_entry *entry;

		if (strcmp(paths[i].text, behaviour.object) == 0)
			continue;
		behaviour.object = paths[i].text;
		if (model_add(model, &behaviour, &entry) < 0 || bring_seen(entry, &line->entry) < 0)
			return -ENOMEM;
		entry->count = seen_sum(entry->count, line->entry.count);
		line->entry.count = 0;
		line->goes = true;
	}
	return 0;
}

/* Who wrote something is not said to have written nothing. */
static void forget_nothings(struct model *model)
{
	for (size_t i = 0; i < model->count; i++) {
		struct line *line = model->order[i];

		if (line->entry.behaviour.kind == BEHAVIOUR_WRITE && line->scope->lines[BEHAVIOUR_WRITE] > 1 &&
		    strcmp(line->entry.behaviour.object, BEHAVIOUR_WRITE_NOTHING) == 0)
			line->goes = true;
	}
}

void model_limit(struct model *model, const struct fold_limits *limits)
{
	model->limits = limits;
}

const struct fold_limits *model_limits(const struct model *model)
{
	return model->limits;
}

int model_fold(struct model *model)
{
	struct fold_path *paths;
	size_t count = 0;
	int status;

	if (!model->writes)
		return 0;
	paths = calloc(model->writes, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	sort(model);
	status = copy_paths(model, paths, &count);
	if (!status) {
		fold_each(paths, count, model->limits);
		status = add_folded(model, paths, count);
	}
	for (size_t i = 0; i < count; i++)
		free(paths[i].text);
	free(paths);
	if (!status)
		forget_nothings(model);
	/* What failed half way has its lines as they were, and some that cover them. */
	remove_lines(model);
	return status;
}

/* ---- files ---- */

int model_load(const char *path, struct model **out, struct error *error)
{
	struct buffer text = BUFFER_INIT(MODEL_TEXT_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = fd < 0 ? -errno : read_whole(fd, MODEL_TEXT_MAX, &text);

	if (fd >= 0)
		(void)close(fd);
	if (status < 0)
		(void)error_set(error, status, "%.400s: can't read the model: %s", path, strerror(-status));
	else
		status = model_parse(path, buffer_string(&text), text.size, out, error);
	buffer_free(&text);
	return status;
}

/* Does the file that is there begin as a model, or is there nothing in it? */
static bool may_be_replaced(int fd)
{
	static const char begin[] = "# sombrero model";
	char text[sizeof(begin) - 1];
	ssize_t size = pread(fd, text, sizeof(text), 0);

	return size == 0 || (size == (ssize_t)sizeof(text) && !memcmp(text, begin, sizeof(text)));
}

int model_check_output(const char *path, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), status = 0;
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	struct stat at;

	if (!directory)
		status = error_set(error, -ENOMEM, "out of memory");
	else if (!(lstat(path, &at) == 0 && S_ISLNK(at.st_mode)) && access(directory, W_OK | X_OK) < 0)
		status = error_set(error, -errno, "%.400s: no model can be saved there: %s", path, strerror(errno));
	else if (fd >= 0 && (fstat(fd, &at) < 0 || !S_ISREG(at.st_mode)))
		status = error_set(error, -EINVAL, "%.400s: no model can be saved there: not a regular file", path);
	else if (fd >= 0 && !may_be_replaced(fd))
		status = error_set(error, -EEXIST,
				   "%.400s: there is something else than a model; name another file, or remove it",
				   path);
	if (fd >= 0)
		(void)close(fd);
	free(directory);
	return status;
}

int model_save(struct model *model, const char *path, struct error *error)
{
	struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
	int status = model_print(model, &text);

	if (!status)
		status = replace_file(path, &text);
	if (status == -EINVAL)
		(void)error_set(error, status, "%.400s: can't save the model: not a regular file", path);
	else if (status)
		(void)error_set(error, status, "%.400s: can't save the model: %s", path, strerror(-status));
	buffer_free(&text);
	return status;
}
