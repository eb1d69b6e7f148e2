/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as NDJSON: one JSON object a line, in and out, losslessly. docs/reference/events.md is its manual;
 * the table in field.c is the single source of names and types for writer, reader and manual.
 */
#ifndef EVENT_NDJSON_H
#define EVENT_NDJSON_H

#include "base/buffer.h"
#include "base/error.h"
#include "event/event.h"

/*
 * The longest line that is read; a longer one is an error. An event of the sensor always fits, even where every
 * byte of every string has to be escaped: each path is below 4 KiB, and the lineage repeats 16 program texts.
 */
#define NDJSON_LINE_MAX (1024 * 1024)

/* Appends the event and a newline. Fields that do not apply to its kind, and empty ones, are left out. */
void ndjson_write(struct buffer *out, const struct event *event);

/* What a read event's strings point into; reusable for the next line. */
struct ndjson_reader;

/* NULL when out of memory. */
struct ndjson_reader *ndjson_reader_new(void);
void ndjson_reader_free(struct ndjson_reader *reader);

/*
 * Reads one line (no newline needed). `event` is good until the next call. Unknown fields are skipped (a newer
 * sensor may know more); a wrong type, a number out of range, a missing `time` or `kind`, an unknown
 * kind, a duplicate key or a broken escape is -EINVAL with a text that names the column or the field.
 */
int ndjson_read(struct ndjson_reader *reader, const char *line, size_t size, struct event *event, struct error *error);

#endif
