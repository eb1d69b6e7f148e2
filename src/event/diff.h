/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two states of a text file, for people: a unified diff without a file's header, its secrets taken
 * out (redact.h). Lines are compared as they were, so that a changed secret shows as a line that changed.
 */
#ifndef EVENT_DIFF_H
#define EVENT_DIFF_H

#include <stddef.h>

#include "base/buffer.h"

/* Larger texts are not compared. */
#define DIFF_TEXT_MAX (64 * 1024)

/*
 * Appends what changed, whole lines, at most EVENT_DIFF_MAX bytes; where there is more, the last line says how many lines
 * are left out, and a long line ends in an ellipsis. Nothing for what is the same; one line for what has a NUL byte, is
 * larger than DIFF_TEXT_MAX, or differs in too much. Lines have whatever bytes they have but NUL: escape what is shown.
 * The texts may be NULL where their size is 0. 0 or -ENOMEM, which includes an `out` without room.
 *
 * The algorithm is the greedy one of Myers, "An O(ND) Difference Algorithm and Its Variations" (Algorithmica 1, 1986), up
 * to a number of differences.
 */
int diff_text(const char *before, size_t before_size, const char *after, size_t after_size, struct buffer *out);

#endif
