/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_READ_H
#define BASE_READ_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends up to `maximum` bytes of `file`. 0, -EFBIG when there is more (`out` has the beginning), or a negative errno. */
int read_whole(int file, size_t maximum, struct buffer *out);

#endif
