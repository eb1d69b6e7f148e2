/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/ndjson.h"

static bool is_blank(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!strchr(" \t\r\n", line[i]))
			return false;
	}
	return true;
}

/* A line of at most NDJSON_LINE_MAX bytes into `line`; its size, 0 at the end, or -E2BIG. */
static ssize_t read_line(FILE *file, char *line)
{
	size_t size = 0;
	int byte;

	while ((byte = getc_unlocked(file)) != EOF) {
		if (size == NDJSON_LINE_MAX)
			return -E2BIG;
		line[size++] = (char)byte;
		if (byte == '\n')
			break;
	}
	return (ssize_t)size;
}

static int replay_lines(FILE *file, const char *name, char *line, struct ndjson_reader *reader, event_sink sink,
			void *owner, struct error *error)
{
	for (unsigned long number = 1;; number++) {
		struct error why = { "" };
		struct event event;
		ssize_t size = read_line(file, line);
		int status;

		if (size == -E2BIG)
			return error_set(error, -EINVAL, "%s:%lu: the line is longer than %d bytes", name, number,
					 NDJSON_LINE_MAX);
		if (!size)
			return ferror(file) ? error_set(error, -EIO, "%s: can't read", name) : 0;
		if (is_blank(line, (size_t)size))
			continue;
		status = ndjson_read(reader, line, (size_t)size, &event, &why);
		if (status < 0)
			return error_set(error, status, "%s:%lu: %s", name, number, why.text);
		status = sink(owner, &event);
		if (status)
			return status;
	}
}

int replay_file(const char *path, event_sink sink, void *owner, struct error *error)
{
	bool standard = !strcmp(path, "-");
	FILE *file = standard ? stdin : fopen(path, "re");
	struct ndjson_reader *reader = ndjson_reader_new();
	char *line = malloc(NDJSON_LINE_MAX);
	int status;

	if (!file)
		status = error_set(error, -errno, "can't read the events in %s: %s", path, strerror(errno));
	else if (!reader || !line)
		status = error_set(error, -ENOMEM, "out of memory");
	else
		status = replay_lines(file, standard ? "standard input" : path, line, reader, sink, owner, error);
	if (file && !standard)
		(void)fclose(file);
	ndjson_reader_free(reader);
	free(line);
	return status;
}
