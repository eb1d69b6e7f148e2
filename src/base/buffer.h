/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes that knows its maximum. It is always ended by a NUL byte that does not count.
 * Once an append did not fit or memory ran out, `failed` stays set and later appends do nothing, so
 * that a writer checks once, at the end.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data; /* owned; NULL while empty */
	size_t size;
	size_t capacity;
	size_t maximum;
	bool failed;
};

#define BUFFER_INIT(maximum_) ((struct buffer) { .maximum = (maximum_) })

void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_byte(struct buffer *buffer, char byte);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empties it and forgets a failure; the memory stays. */
void buffer_clear(struct buffer *buffer);

/* The bytes so far as a string: never NULL. */
const char *buffer_string(const struct buffer *buffer);

void buffer_free(struct buffer *buffer);

#endif
