/* SPDX-License-Identifier: Apache-2.0 */
/* What the patterns in programs and objects cover; docs/reference/model.md says what stars mean. */
#ifndef MODEL_COVER_PRIV_H
#define MODEL_COVER_PRIV_H

#include <stdbool.h>

#include "model/behaviour.h"

/*
 * Does the pattern cover the text, which may be a pattern itself: then whatever that covers? Its time is the product of the
 * lengths at worst, and it allocates nothing.
 */
bool pattern_covers(const char *pattern, const char *text);

/* Does the line have a star, in its program or its object? */
bool behaviour_is_pattern(const struct behaviour *behaviour);

/* Is it the line's kind, program and object, or covered by them? Contexts are not compared. */
bool behaviour_covers(const struct behaviour *line, const struct behaviour *behaviour);

#endif
