/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorted paths with a common beginning stand together, so a directory is a range of them, and what it holds is looked
 * at and rewritten within that range.
 */
#include "model/fold_priv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A range of paths that are all in one directory, whose path has `prefix` bytes with its slash. */
struct directory {
	struct fold_path *paths;
	size_t count, prefix;
	size_t limit; /* so many names are no more than there may be */
};

/* Longer ones are parts of names. */
#define EXTENSION_MAX 8

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ".log", or "" at the end of the name. A number is none, and neither is all of a name. */
static const char *extension_of(const char *name)
{
	const char *dot = strrchr(name, '.'), *end = name + strlen(name);
	bool has_letter = false;

	if (!dot || dot == name || end - dot - 1 > EXTENSION_MAX)
		return end;
	for (const char *at = dot + 1; *at; at++) {
		if (!is_letter(*at) && (*at < '0' || *at > '9'))
			return end;
		has_letter = has_letter || is_letter(*at);
	}
	return has_letter ? dot : end;
}

static const char *name_of(const struct directory *directory, size_t index)
{
	return directory->paths[index].text + directory->prefix;
}

/* The length of the name of a directory in the directory; 0 for a file. */
static size_t subdirectory_size(const char *name)
{
	size_t size = strcspn(name, "/");

	return name[size] ? size : 0;
}

/* A file's name; a path that was cut ends with its directory. */
static bool is_file(const char *name)
{
	return name[0] && !strchr(name, '/');
}

/* The first `size` bytes of the name, of at least one, become a star. */
static void put_star(const struct directory *directory, size_t index, size_t size)
{
	char *name = directory->paths[index].text + directory->prefix;

	name[0] = '*';
	memmove(name + 1, name + size, strlen(name + size) + 1);
}

/* ---- order ---- */

static int by_text(const void *one, const void *other)
{
	return strcmp(((const struct fold_path *)one)->text, ((const struct fold_path *)other)->text);
}

/* Files first, those without extension before the others, and those by their extension. */
static int by_extension(const void *one, const void *other, void *prefix)
{
	const char *name = ((const struct fold_path *)one)->text + *(const size_t *)prefix;
	const char *second = ((const struct fold_path *)other)->text + *(const size_t *)prefix;
	int order = is_file(second) - is_file(name);

	if (!order && is_file(name))
		order = strcmp(extension_of(name), extension_of(second));
	return order ? order : strcmp(name, second);
}

/* ---- directories in a directory ---- */

static bool has_too_many_directories(const struct directory *directory)
{
	const char *last = "";
	size_t last_size = 0, names = 0;

	for (size_t i = 0; i < directory->count; i++) {
		const char *name = name_of(directory, i);
		size_t size = subdirectory_size(name);

		if (!size || (size == last_size && memcmp(name, last, size) == 0))
			continue;
		if (size == 1 && name[0] == '*')
			return true;
		last = name;
		last_size = size;
		if (++names > directory->limit)
			return true;
	}
	return false;
}

static void fold_directories(const struct directory *directory)
{
	if (!has_too_many_directories(directory))
		return;
	for (size_t i = 0; i < directory->count; i++) {
		size_t size = subdirectory_size(name_of(directory, i));

		if (size)
			put_star(directory, i, size);
	}
}

/* ---- files in a directory; they stand in order of their extension ---- */

static size_t count_files(const struct directory *directory)
{
	size_t count = 0;

	while (count < directory->count && is_file(name_of(directory, count)))
		count++;
	return count;
}

/* The end of those from `from` on that have its extension; *many: they are to be one. */
static size_t group_end(const struct directory *files, size_t from, bool *many)
{
	const char *extension = extension_of(name_of(files, from));
	size_t names = 0, at = from;

	*many = false;
	for (; at < files->count && strcmp(extension_of(name_of(files, at)), extension) == 0; at++) {
		const char *name = name_of(files, at);

		names += at == from || strcmp(name, name_of(files, at - 1)) != 0;
		*many = *many || names > files->limit || (name[0] == '*' && extension_of(name) == name + 1);
	}
	return at;
}

static bool become_one(const struct directory *files)
{
	size_t extensions = 0;
	bool many;

	for (size_t from = 0, to; from < files->count; from = to) {
		bool is_plain = !*extension_of(name_of(files, from));

		to = group_end(files, from, &many);
		extensions += !is_plain;
		if ((is_plain && many) || extensions > files->limit)
			return true;
	}
	return false;
}

static void fold_files(const struct directory *directory)
{
	struct directory files = *directory;
	bool many;

	files.count = count_files(directory);
	if (become_one(&files)) {
		for (size_t i = 0; i < files.count; i++)
			put_star(&files, i, strlen(name_of(&files, i)));
		return;
	}
	for (size_t from = 0, to; from < files.count; from = to) {
		to = group_end(&files, from, &many);
		for (size_t i = from; i < to && many; i++)
			put_star(&files, i, (size_t)(extension_of(name_of(&files, i)) - name_of(&files, i)));
	}
}

/* ---- the tree ---- */

static void fold_directory(struct directory *directory)
{
	if (directory->count < 2)
		return;
	fold_directories(directory);
	qsort_r(directory->paths, directory->count, sizeof(*directory->paths), by_extension, &directory->prefix);
	fold_files(directory);
	qsort(directory->paths, directory->count, sizeof(*directory->paths), by_text);
}

/* How long the path of the directory is that lies `depth` below the root, with its slash; 0: the path doesn't go so deep. */
static size_t prefix_size(const char *path, size_t depth)
{
	const char *at = path;

	for (; depth; depth--) {
		at = strchr(at + 1, '/');
		if (!at)
			return 0;
	}
	return (size_t)(at - path) + 1;
}

void fold_paths(struct fold_path *paths, size_t count, const struct fold_limits *limits)
{
	bool is_deep = true;

	for (size_t depth = 1; is_deep; depth++) {
		is_deep = false;
		for (size_t from = 0, to; from < count; from = to) {
			struct directory directory = { paths + from, 1, prefix_size(paths[from].text, depth), 0 };

			to = from + 1;
			if (!directory.prefix)
				continue;
			while (to < count && strncmp(paths[to].text, paths[from].text, directory.prefix) == 0)
				to++;
			directory.count = to - from;
			directory.limit = fold_limit(limits, paths[from].text, directory.prefix);
			fold_directory(&directory);
			is_deep = true;
		}
	}
}
