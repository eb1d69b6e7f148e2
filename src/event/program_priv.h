/* SPDX-License-Identifier: Apache-2.0 */
/* What redact.c shares with program.c: which names are shells, and which pass on to another program. */
#ifndef EVENT_PROGRAM_PRIV_H
#define EVENT_PROGRAM_PRIV_H

#include <stdbool.h>

/* What stands after the last slash, or `path` itself. Borrowed from it. */
const char *program_base(const char *path);

/* `base` is a base name. */
bool program_is_shell(const char *base);
bool program_is_interpreter(const char *base);
bool program_passes_on(const char *base);

#endif
