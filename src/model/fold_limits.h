/* SPDX-License-Identifier: Apache-2.0 */
/* How many names a directory may have in a model before they become one `*`, where that is not MODEL_NAMES_MAX. */
#ifndef MODEL_FOLD_LIMITS_H
#define MODEL_FOLD_LIMITS_H

#include <stddef.h>

#include "base/error.h"

struct fold_limits;

#define FOLD_LIMIT_MAX  100000U
#define FOLD_LIMITS_MAX 1024

/* NULL when out of memory; NULL is fine to be freed. */
struct fold_limits *fold_limits_new(void);
void fold_limits_free(struct fold_limits *limits);

/*
 * Below `directory` and in it `names` are written as they are, 1 to FOLD_LIMIT_MAX. The directory is absolute, as a model has it;
 * `*` in it stands for one segment or a part of it. 0, -ENOMEM, or -EINVAL with what is wrong, to be put after it.
 */
int fold_limits_add(struct fold_limits *limits, const char *directory, size_t names, struct error *error);

/*
 * How many in the directory whose path `path` begins with, in `size` bytes with its slash at the end: by the longest that it lies
 * in, of several as long the smallest, else MODEL_NAMES_MAX. Where stars in the path leave open which it lies in, the smallest
 * of those that it may: so the limit only gets smaller as directories above become `*`, which keeps folding independent of
 * order. NULL is fine.
 */
size_t fold_limit(const struct fold_limits *limits, const char *path, size_t size);

#endif
