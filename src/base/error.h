/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function gives back when something went wrong: 0 or a negative errno, and, where the text
 * is for a person, an `error` that says what happened, where, and what to do.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
	char text[1024]; /* one line without a newline; empty while nothing is wrong */
};

/* Writes the text and returns `code` (a negative errno), so that a caller can `return error_set(…)`. `error` may be NULL. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
