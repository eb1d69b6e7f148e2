/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/read.h"
#include "base/table.h"
#include "model/fold_priv.h"
#include "model/grammar_priv.h"

/* A line of the model; owned by it, and never moved, since callers keep its entry. */
struct line {
	struct model_entry entry;
	struct scope *scope;
	struct line *next; /* the next pattern of the same scope and kind, in the order they were added */
	bool folded;       /* it goes */
	char text[];       /* what the entry's strings are: program and object */
};

/* A context that the model has lines for. */
struct scope {
	struct behaviour sample; /* only its context counts */
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

void model_free(struct model *model)
{
	struct scope *scope;
	size_t cursor = 0;

	if (!model)
		return;
	for (size_t i = 0; i < model->count; i++)
		free(model->order[i]);
	while ((scope = table_next(&model->scopes, &cursor)))
		free(scope);
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

/* ---- patterns ---- */

/* May a star take `c`? None leaves its word or a program's parentheses; a single one doesn't leave its segment. */
static bool takes(bool deep, char c)
{
	return c != '\0' && c != ' ' && c != '(' && c != ')' && (deep || c != '/');
}

/* A star that was passed: where to go on if what follows doesn't match, after it took more. */
struct star {
	const char *pattern; /* after it; NULL: none was passed */
	const char *text;    /* after what it has taken */
	bool segments;       /* it takes whole segments with their slash, at first none */
};

/* Lets the star take one more character, or segment. False if it can't. */
static bool take_more(struct star *star, bool deep)
{
	if (!star->pattern)
		return false;
	do {
		if (!takes(deep, *star->text))
			return false;
	} while (*star->text++ != '/' && star->segments);
	return true;
}

/* Passes the star at `pattern`; false if it finds nothing to take. */
static bool pass_star(const char *pattern, const char *text, bool begins_segment, struct star *star)
{
	bool deep = pattern[1] == '*';

	*star = (struct star) { .pattern = pattern + 1 + deep, .text = text };
	if (deep && begins_segment && pattern[2] == '/') {
		star->pattern++;
		star->segments = true;
		return true;
	}
	return take_more(star, deep);
}

/*
 * Only the last star of either sort is ever tried again: it can take whatever an earlier one could have left to it.
 * So the time is the product of the lengths at worst, not exponential.
 */
static bool glob_covers(const char *pattern, const char *text)
{
	const char *start = pattern;
	struct star shallow = { 0 }, deep = { 0 };

	for (;;) {
		if (*pattern == '*') {
			bool begins_segment = pattern == start || pattern[-1] == '/';
			struct star *star = pattern[1] == '*' ? &deep : &shallow;

			if (star == &deep)
				shallow.pattern = NULL;
			if (pass_star(pattern, text, begins_segment, star)) {
				pattern = star->pattern;
				text = star->text;
				continue;
			}
			star->pattern = NULL;
		} else if (*pattern == *text) {
			if (!*pattern)
				return true;
			pattern++;
			text++;
			continue;
		}
		if (take_more(&shallow, false)) {
			pattern = shallow.pattern;
			text = shallow.text;
		} else if (take_more(&deep, true)) {
			shallow.pattern = NULL;
			pattern = deep.pattern;
			text = deep.text;
		} else {
			return false;
		}
	}
}

struct model_entry *model_match(const struct model *model, const struct behaviour *behaviour)
{
	struct scope *scope;
	struct line *line = find(model, behaviour, &scope);

	if (line || !scope)
		return line ? &line->entry : NULL;
	for (line = scope->patterns[behaviour->kind]; line; line = line->next) {
		if (glob_covers(line->entry.behaviour.program, behaviour->program) &&
		    glob_covers(line->entry.behaviour.object, behaviour->object))
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
	if (strchr(behaviour->program, '*') || strchr(behaviour->object, '*'))
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

int model_merge(struct model *into, const struct model *from)
{
	for (size_t i = 0; i < from->count; i++) {
		int status = model_add(into, &from->order[i]->entry.behaviour, NULL);

		if (status < 0)
			return status;
	}
	return 0;
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
static void fold_each(struct fold_path *paths, size_t count)
{
	for (size_t from = 0, to; from < count; from = to) {
		const struct line *first = paths[from].line, *other;

		for (to = from + 1; to < count; to++) {
			other = paths[to].line;
			if (other->scope != first->scope ||
			    strcmp(other->entry.behaviour.program, first->entry.behaviour.program) != 0)
				break;
		}
		fold_paths(paths + from, to - from);
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
		if (model_add(model, &behaviour, &entry) < 0)
			return -ENOMEM;
		entry->count += line->entry.count;
		line->entry.count = 0;
		line->folded = true;
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
			line->folded = true;
	}
}

static void unlink_folded_patterns(struct scope *scope)
{
	struct line **link = &scope->patterns[BEHAVIOUR_WRITE], *last = NULL;

	while (*link) {
		if ((*link)->folded) {
			*link = (*link)->next;
		} else {
			last = *link;
			link = &last->next;
		}
	}
	scope->last_pattern[BEHAVIOUR_WRITE] = last;
}

static void remove_folded(struct model *model)
{
	size_t cursor = 0, kept = 0;
	struct scope *scope;

	while ((scope = table_next(&model->scopes, &cursor)))
		unlink_folded_patterns(scope);
	for (size_t i = 0; i < model->count; i++) {
		struct line *line = model->order[i];
		struct line_key key = { line->scope, &line->entry.behaviour };

		if (!line->folded) {
			model->order[kept++] = line;
			continue;
		}
		(void)table_remove(&model->lines, line_hash(scope_hash(key.behaviour), key.behaviour), &key);
		line->scope->lines[BEHAVIOUR_WRITE]--;
		model->writes--;
		free(line);
	}
	model->count = kept;
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
		fold_each(paths, count);
		status = add_folded(model, paths, count);
	}
	for (size_t i = 0; i < count; i++)
		free(paths[i].text);
	free(paths);
	if (!status)
		forget_nothings(model);
	/* What failed half way has its lines as they were, and some that cover them. */
	remove_folded(model);
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

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t put = write(fd, text, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		text += put;
		size -= (size_t)put;
	}
	return 0;
}

/* Opens a new file in the directory of `path`, whose name it writes to `out`. */
static int open_temporary(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int directory = slash ? (int)(slash - path) + 1 : 0;

	for (int tries = 0; tries < 16; tries++) {
		uint32_t random = 0;
		int size, fd;

		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random = (uint32_t)getpid() + (uint32_t)tries;
		size = snprintf(out, PATH_MAX, "%.*s.sombrero-%08" PRIx32, directory, path, random);
		if (size < 0 || size >= PATH_MAX)
			return -ENAMETOOLONG;
		fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Who may read and write the old file may do so to the new one. */
static int keep_permissions(int fd, const char *path)
{
	struct stat old;

	if (stat(path, &old) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(old.st_mode))
		return -EINVAL;
	/* Only root can give a file away; where we can't, it is ours, as it is after any editor. */
	if (fchown(fd, old.st_uid, old.st_gid) < 0 && errno != EPERM)
		return -errno;
	return fchmod(fd, old.st_mode & 0777) < 0 ? -errno : 0;
}

/* The rename holds already; without this it is only not sure to survive a power cut, so a failure is none. */
static void sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") < 0)
		return;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

static int replace_file(const char *path, const struct buffer *text)
{
	char temporary[PATH_MAX];
	int fd = open_temporary(path, temporary), status;

	if (fd < 0)
		return fd;
	status = keep_permissions(fd, path);
	if (!status)
		status = write_all(fd, text->data, text->size);
	if (!status && fsync(fd) < 0)
		status = -errno;
	if (close(fd) < 0 && !status)
		status = -errno;
	if (!status && rename(temporary, path) < 0)
		status = -errno;
	if (status)
		(void)unlink(temporary);
	else
		sync_directory(path);
	return status;
}

int model_save(struct model *model, const char *path, struct error *error)
{
	struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
	char *target = realpath(path, NULL);
	int status = model_print(model, &text);

	if (!status)
		status = replace_file(target ? target : path, &text);
	if (status == -EINVAL)
		(void)error_set(error, status, "%.400s: can't save the model: not a regular file", path);
	else if (status)
		(void)error_set(error, status, "%.400s: can't save the model: %s", path, strerror(-status));
	free(target);
	buffer_free(&text);
	return status;
}
