/* SPDX-License-Identifier: Apache-2.0 */
#include "model/fold_limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/behaviour.h"
#include "model/cover_priv.h"
#include "model/grammar_priv.h"
#include "model/model.h"

struct fold_limits {
	size_t count;
	struct {
		char *directory; /* owned; "" for the root, else without a slash at its end */
		size_t segments, names;
	} item[FOLD_LIMITS_MAX];
};

struct fold_limits *fold_limits_new(void)
{
	return calloc(1, sizeof(struct fold_limits));
}

void fold_limits_free(struct fold_limits *limits)
{
	for (size_t i = 0; limits && i < limits->count; i++)
		free(limits->item[i].directory);
	free(limits);
}

static const char *fault_of(const char *directory)
{
	size_t at;

	if (directory[0] != '/')
		return "is not absolute; begin it with /";
	if (strstr(directory, "**"))
		return "has a **; a directory is one: write * for each of its names that differs";
	if (strstr(directory, "//") || strlen(directory) >= BEHAVIOUR_OBJECT_MAX)
		return "has an empty name in it, or is longer than 511 bytes";
	if (grammar_object_fault(BEHAVIOUR_WRITE, directory, &at))
		return "is not written as a model has it; blanks are \\x20";
	return NULL;
}

int fold_limits_add(struct fold_limits *limits, const char *directory, size_t names, struct error *error)
{
	const char *fault = fault_of(directory);
	size_t size = strlen(directory);
	char *copy;

	if (!fault && (!names || names > FOLD_LIMIT_MAX))
		fault = "wants a number from 1 to 100000";
	if (!fault && limits->count == FOLD_LIMITS_MAX)
		fault = "is one too many";
	if (fault)
		return error_set(error, -EINVAL, "%s", fault);
	copy = strndup(directory, directory[size - 1] == '/' ? size - 1 : size);
	if (!copy)
		return -ENOMEM;
	limits->item[limits->count].directory = copy;
	limits->item[limits->count].names = names;
	for (const char *at = copy; *at; at++)
		limits->item[limits->count].segments += *at == '/';
	limits->count++;
	return 0;
}

/* One name of a path, to the next slash or the end. */
static size_t name_size(const char *name)
{
	return strcspn(name, "/");
}

enum lies { LIES_OUTSIDE, LIES_PERHAPS, LIES_IN };

static enum lies name_lies(const char *limit, size_t limit_size, const char *name, size_t size)
{
	char pattern[BEHAVIOUR_OBJECT_MAX], text[BEHAVIOUR_OBJECT_MAX];

	if (limit_size >= sizeof(pattern) || size >= sizeof(text))
		return LIES_OUTSIDE;
	memcpy(pattern, limit, limit_size);
	pattern[limit_size] = '\0';
	memcpy(text, name, size);
	text[size] = '\0';
	if (pattern_covers(pattern, text))
		return LIES_IN;
	return strchr(text, '*') ? LIES_PERHAPS : LIES_OUTSIDE;
}

/* Does the directory lie in the limit's, or below? Both are "/a/b", the directory in `end - directory` bytes. */
static enum lies lies_in(const char *limit, const char *directory, const char *end)
{
	enum lies lies = LIES_IN, name;

	while (*limit) {
		size_t limit_size = name_size(++limit), size;

		if (directory >= end)
			return LIES_OUTSIDE;
		size = name_size(++directory);
		name = name_lies(limit, limit_size, directory, size);
		lies = name < lies ? name : lies;
		if (lies == LIES_OUTSIDE)
			return lies;
		limit += limit_size;
		directory += size;
	}
	return lies;
}

size_t fold_limit(const struct fold_limits *limits, const char *path, size_t size)
{
	size_t in = MODEL_NAMES_MAX, perhaps = FOLD_LIMIT_MAX, longest = 0;
	bool is_in = false;

	for (size_t i = 0; limits && i < limits->count; i++) {
		size_t names = limits->item[i].names, segments = limits->item[i].segments;
		enum lies lies = lies_in(limits->item[i].directory, path, path + size - 1);

		if (lies == LIES_PERHAPS && names < perhaps)
			perhaps = names;
		if (lies != LIES_IN || (is_in && segments < longest))
			continue;
		in = is_in && segments == longest && in < names ? in : names;
		longest = segments;
		is_in = true;
	}
	return in < perhaps ? in : perhaps;
}
