/* SPDX-License-Identifier: Apache-2.0 */
/* Many written paths become few, where they differ in names only. */
#ifndef MODEL_FOLD_PRIV_H
#define MODEL_FOLD_PRIV_H

#include <stddef.h>

#include "model/fold_limits.h"

struct fold_path {
	char *text; /* an object of `write` without `**`; it only gets shorter */
	void *line; /* the caller's */
};

/*
 * Rewrites the texts, which are sorted and those of one program in one context. Allocates nothing. The texts that come
 * out can be the same several times, and are sorted.
 *
 * A directory is decided on before those in it, by the names that it has by then:
 * - more than fold_limit() directories in it, or one called `*`: each becomes `*`, and what is in them is together;
 * - more than that of files with the same extension, or one `*.EXT`: each becomes `*.EXT`;
 * - more than that of files without an extension, or of extensions, or one `*`: each file becomes `*`.
 * Each can only become true by more paths, and what it makes of paths makes it true, since a limit only gets smaller by it. So folding a part before changes
 * nothing, and neither does the order. The root directory is left alone.
 */
void fold_paths(struct fold_path *paths, size_t count, const struct fold_limits *limits);

#endif
