/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/overlay_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* One line of mountinfo: fields between blanks, octal escapes for what would end one. */
struct line {
	unsigned major, minor;
	char root[PATH_MAX], point[PATH_MAX];
	char upper[PATH_MAX]; /* "" for none */
};

static int octal(const char *text)
{
	int value = 0;

	for (int i = 0; i < 3; i++) {
		if (text[i] < '0' || text[i] > '7')
			return -1;
		value = value * 8 + (text[i] - '0');
	}
	return value;
}

/* Up to one of `ends`, without escapes. False where there is nothing, or it doesn't fit. */
static bool take(const char *from, const char *ends, char out[PATH_MAX])
{
	size_t size = 0;

	if (!from)
		return false;
	while (*from && !strchr(ends, *from)) {
		int value = *from == '\\' ? octal(from + 1) : -1;

		if (size == PATH_MAX - 1)
			return false;
		/* Within the options, a comma of the path's own has a backslash before it. */
		if (value < 0 && *from == '\\' && from[1] && from[1] != '\n')
			from++;
		out[size++] = (char)(value < 0 ? *from : value);
		from += value < 0 ? 1 : 4;
	}
	out[size] = '\0';
	return true;
}

/* Behind so many blanks. NULL: there are fewer before `end`. */
static const char *skip(const char *text, const char *end, unsigned words)
{
	while (words-- && text) {
		text = memchr(text, ' ', (size_t)(end - text));
		text = text ? text + 1 : NULL;
	}
	return text;
}

static const char *find(const char *text, const char *end, const char *what)
{
	return memmem(text, (size_t)(end - text), what, strlen(what));
}

/* "36 35 98:0 /root /point options… - overlay overlay rw,lowerdir=…,upperdir=…", which a newline or NUL byte ends. */
static bool read_line(const char *text, const char *end, struct line *out)
{
	const char *device = skip(text, end, 2), *root = skip(text, end, 3), *point = skip(text, end, 4);
	const char *kind = find(text, end, " - "), *upper;

	if (!point || !kind || strncmp(kind, " - overlay ", strlen(" - overlay ")) != 0)
		return false;
	upper = find(kind, end, ",upperdir=");
	return upper && sscanf(device, "%u:%u", &out->major, &out->minor) == 2 && take(root, " \n", out->root) &&
	       take(point, " \n", out->point) && take(upper + strlen(",upperdir="), ", \n", out->upper) &&
	       out->upper[0] == '/';
}

/* What is left of `path` below `top`; NULL where it isn't. */
static const char *rest_of(const char *path, const char *top)
{
	size_t size = strcmp(top, "/") ? strlen(top) : 0;

	return strncmp(path, top, size) != 0 || (path[size] && path[size] != '/') ? NULL : path + size;
}

int overlay_upper(const char *mountinfo, dev_t device, const char *path, char *out, size_t size)
{
	size_t longest = 0;
	int status = -ENOENT;

	while (mountinfo && *mountinfo) {
		const char *end = strchrnul(mountinfo, '\n'), *rest;
		static struct line line; /* large, and used by one thread only */
		bool is_line = read_line(mountinfo, end, &line);

		mountinfo = *end ? end + 1 : end;
		if (!is_line || makedev(line.major, line.minor) != device)
			continue;
		rest = rest_of(path, line.point);
		if (!rest || strlen(line.point) < longest)
			continue;
		longest = strlen(line.point);
		status = snprintf(out, size, "%s%s%s", line.upper, strcmp(line.root, "/") ? line.root : "", rest) >=
					 (int)size
				 ? -ENAMETOOLONG
				 : 0;
	}
	return status;
}
