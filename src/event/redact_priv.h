/* SPDX-License-Identifier: Apache-2.0 */
/* What arguments and lines of files have in common: which names stand before a secret, and what shows itself as one. */
#ifndef EVENT_REDACT_PRIV_H
#define EVENT_REDACT_PRIV_H

#include <stdbool.h>
#include <stddef.h>

enum telling { TELLS_NOTHING, TELLS_SECRET, TELLS_KEY /* a key, or the path of one */ };

/* Does what follows the name hold a secret? `variable`: it is a variable's or a member's, where the word "auth" tells too. */
enum telling redact_name(const char *name, size_t size, bool variable);

/* Takes out, in place, what is a secret by its own shape, and within commands. Returns the new size; sets *found if any. */
size_t redact_code(char *text, size_t size, bool *found);

#endif
