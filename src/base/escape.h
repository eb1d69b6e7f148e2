/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How bytes from outside are written as text, losslessly: valid UTF-8 stays as it is; a control
 * character (C0, DEL, and the C1 range U+0080…U+009F, which move a terminal), a byte that is not valid
 * UTF-8, and any ASCII character the caller names become \xHH; a backslash becomes \\. So one line of
 * output stays one line, and a terminal obeys nothing that a program put into its name.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/buffer.h"

/* Appends `bytes` escaped; `also` names further ASCII characters to escape ("" for none). */
void escape_append(struct buffer *out, const char *bytes, size_t size, const char *also);

/*
 * Appends what `text` stands for. Returns 0, or -EINVAL on a lone backslash, an unknown escape, or a
 * \x00 (no string of ours holds a NUL byte).
 */
int escape_decode(struct buffer *out, const char *text, size_t size);

#endif
