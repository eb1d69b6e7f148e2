/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of events: any bytes are read or refused. What was read and written is canonical: it can be read, and written
 * again it is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/ndjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads `line` and appends what it says to `out`. Past the first time it must be readable. */
static bool read_and_write(const char *line, size_t size, struct buffer *out, bool must)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	struct error error = { "" };
	struct event event;
	int status = reader ? ndjson_read(reader, line, size, &event, &error) : -1;

	if (status == 0)
		ndjson_write(out, &event);
	else if (must)
		abort();
	ndjson_reader_free(reader);
	return status == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Escapes make a line longer; one that no longer fits is no failure of the reader. */
	struct buffer once = BUFFER_INIT(NDJSON_LINE_MAX), twice = BUFFER_INIT(NDJSON_LINE_MAX);

	if (read_and_write((const char *)data, size, &once, false) && !once.failed) {
		(void)read_and_write(once.data, once.size, &twice, true);
		if (twice.size != once.size || memcmp(once.data, twice.data, once.size) != 0)
			abort();
	}
	buffer_free(&once);
	buffer_free(&twice);
	return 0;
}
