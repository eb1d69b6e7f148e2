/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as bytes, losslessly: an event that is written and read says the same in NDJSON. What repeats (who acted) is
 * written once and then only called by its number, so that a connection is some twenty bytes, and is read in
 * nanoseconds. docs/reference/recording.md is the manual. Neither half does any input or output itself.
 */
#ifndef EVENT_RECORDING_H
#define EVENT_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "event/event.h"

/* No record is longer, in bytes; so a reader needs no more memory than that for what is not yet whole. */
#define RECORDING_RECORD_MAX (1024U * 1024 + 4096)

/* How many texts and actors are known at once, and how many bytes the texts have; then both begin anew. */
#define RECORDING_TEXTS_MAX      65536U
#define RECORDING_TEXT_BYTES_MAX (32U * 1024 * 1024)
#define RECORDING_ACTORS_MAX     16384U

/* Do these first bytes of a file (at least one, if it is not empty) begin a recording? */
bool recording_begins(const void *data, size_t size);

/* ---- writing ---- */

struct recording_writer;

/* NULL when out of memory. */
struct recording_writer *recording_writer_new(void);
void recording_writer_free(struct recording_writer *writer);

/*
 * Appends the event to `out`, and what has to be said before it. All of it counts: a recording is what was appended by
 * all calls, in order. 0; -ENOMEM, also where `out` could not hold it; or -E2BIG for arguments beyond 1 MiB. After an
 * error the recording can't go on.
 */
int recording_write(struct recording_writer *writer, const struct event *event, struct buffer *out);

/* Appends the end, by which a reader knows that nothing is missing. 0 or -ENOMEM. */
int recording_end(struct recording_writer *writer, struct buffer *out);

/* ---- reading ---- */

struct recording_reader;

/* NULL when out of memory. */
struct recording_reader *recording_reader_new(void);
void recording_reader_free(struct recording_reader *reader);

/*
 * Hands the events of `data` to `sink`, in order. *used is how many bytes are done with: what is left is the beginning
 * of a record, and is to be given again with what follows it. Several recordings may follow each other. 0; what
 * `sink` returned, if that was not 0; -ENOMEM; or -EINVAL, with a text that names the byte, for what is no recording:
 * events before it were handed over. After an error reading can't go on.
 *
 * An event's `same_actor` and `same_program` are set, and its strings are good until the sink returns.
 */
int recording_read(struct recording_reader *reader, const void *data, size_t size, size_t *used, event_sink sink,
		   void *owner, struct error *error);

/* Is the recording whole so far: did its end come last? */
bool recording_is_whole(const struct recording_reader *reader);

uint64_t recording_events(const struct recording_reader *reader); /* handed over so far */

#endif
