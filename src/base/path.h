/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <string.h>

/* Is it `top` or in it? Without slashes at the ends, so the root is "" and has every absolute path in it. */
static inline bool path_is_below(const char *path, const char *top)
{
	size_t size = strlen(top);

	return !strncmp(path, top, size) && (!path[size] || path[size] == '/');
}

#endif
