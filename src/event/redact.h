/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets out of arguments before anything else sees them: what follows --password, -p in programs
 * known for it (mysql, sshpass …), KEY=value with a telling key (password, token, secret, api key …), user:password@
 * in a URL, an Authorization header, and what looks like a key by itself (AWS, GitHub, Slack, JWT, PEM). Each becomes ***.
 */
#ifndef EVENT_REDACT_H
#define EVENT_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Redacts in place; a secret shorter than *** leaves room, so the result is never longer. Returns the new size;
 * *found (may be NULL) tells whether anything went. argv is arguments each ended by NUL; argv[0] decides
 * about program-specific options.
 */
size_t redact_argv(char *argv, size_t size, bool *found);

#endif
