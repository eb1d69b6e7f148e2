/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_REPLACE_H
#define BASE_REPLACE_H

#include "base/buffer.h"

/*
 * Puts the text where the file is or was not: into a temporary file beside it, synced, renamed over it; on an error the old
 * file is as it was and nothing is left beside it. An old file's permissions are kept, a symbolic link is followed. 0,
 * -EINVAL for what is there but not a regular file, or another negative errno.
 */
int replace_file(const char *path, const struct buffer *text);

#endif
