/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording: any bytes are read or refused. The events that were read, recorded again, say the same: recorded as they
 * come, where an actor is known by its number, and with nothing to go by.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/ndjson.h"
#include "event/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
	struct recording_writer *known, *plain;
	struct buffer lines, first, second;
};

static int copy_event(void *owner, const struct event *event)
{
	struct copy *copy = owner;
	struct event unknown = *event;

	unknown.same_actor = 0;
	ndjson_write(&copy->lines, event);
	if (recording_write(copy->known, event, &copy->first) < 0 ||
	    recording_write(copy->plain, &unknown, &copy->second) < 0)
		abort();
	return 0;
}

static int write_line(void *owner, const struct event *event)
{
	ndjson_write(owner, event);
	return 0;
}

static void check(const struct buffer *recording, const struct buffer *lines)
{
	struct recording_reader *reader = recording_reader_new();
	struct buffer again = BUFFER_INIT(SIZE_MAX / 2);
	struct error error;
	size_t used;

	if (!reader ||
	    recording_read(reader, recording->data, recording->size, &used, write_line, &again, &error) < 0 ||
	    !recording_is_whole(reader) || again.size != lines->size ||
	    memcmp(buffer_string(&again), buffer_string(lines), again.size) != 0)
		abort();
	buffer_free(&again);
	recording_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_reader *reader = recording_reader_new();
	struct copy copy = { recording_writer_new(), recording_writer_new(), BUFFER_INIT(SIZE_MAX / 2),
			     BUFFER_INIT(SIZE_MAX / 2), BUFFER_INIT(SIZE_MAX / 2) };
	struct error error;
	size_t used;

	if (!reader || !copy.known || !copy.plain)
		abort();
	(void)recording_read(reader, data, size, &used, copy_event, &copy, &error);
	if (recording_end(copy.known, &copy.first) < 0 || recording_end(copy.plain, &copy.second) < 0)
		abort();
	check(&copy.first, &copy.lines);
	check(&copy.second, &copy.lines);
	recording_reader_free(reader);
	recording_writer_free(copy.known);
	recording_writer_free(copy.plain);
	buffer_free(&copy.lines);
	buffer_free(&copy.first);
	buffer_free(&copy.second);
	return 0;
}
