/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/ndjson.h"
#include "event/recording.h"

/* How much is read at once. */
#define STEP (256U * 1024)

/* A line or a record that is not whole yet, and what is read next. */
#define ROOM ((RECORDING_RECORD_MAX > NDJSON_LINE_MAX ? RECORDING_RECORD_MAX : NDJSON_LINE_MAX) + 2 * STEP)

/* A file, and what was read of it and is not done with. */
struct input {
	const char *name;
	int file;
	char *data; /* owned, ROOM bytes */
	size_t begin, end;
	bool is_over;
};

/* A run over it. */
struct run {
	struct input input;
	event_sink sink;
	void *owner;
	struct replay *out;
	struct error *error;
};

/* Reads on. 0, also at the end, or a negative errno with a text. */
static int read_on(struct run *run)
{
	struct input *input = &run->input;
	ssize_t got;

	memmove(input->data, input->data + input->begin, input->end - input->begin);
	input->end -= input->begin;
	input->begin = 0;
	do {
		got = read(input->file, input->data + input->end, ROOM - input->end < STEP ? ROOM - input->end : STEP);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set(run->error, -errno, "%s: can't read: %s", input->name, strerror(errno));
	input->is_over = !got;
	input->end += (size_t)got;
	return 0;
}

/* ---- NDJSON ---- */

static bool is_blank(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!strchr(" \t\r\n", line[i]))
			return false;
	}
	return true;
}

/* The next line, with its newline if it has one; *size 0 at the end. */
static int next_line(struct run *run, unsigned long number, const char **line, size_t *size)
{
	struct input *input = &run->input;
	const char *newline = NULL;
	size_t looked = 0;
	int status = 0;

	while (!status) {
		*line = input->data + input->begin;
		*size = input->end - input->begin;
		if (*size > looked)
			newline = memchr(*line + looked, '\n', *size - looked);
		looked = *size;
		if (newline)
			*size = (size_t)(newline - *line) + 1;
		if (*size > NDJSON_LINE_MAX)
			return error_set(run->error, -EINVAL, "%s:%lu: the line is longer than %d bytes", input->name,
					 number, NDJSON_LINE_MAX);
		if (newline || input->is_over)
			return 0;
		status = read_on(run);
	}
	return status;
}

static int replay_lines(struct run *run, struct ndjson_reader *reader)
{
	for (unsigned long number = 1;; number++) {
		struct error why = { "" };
		struct event event;
		const char *line;
		size_t size;
		int status = next_line(run, number, &line, &size);

		if (status || !size)
			return status;
		run->input.begin += size;
		if (is_blank(line, size))
			continue;
		status = ndjson_read(reader, line, size, &event, &why);
		if (status < 0)
			return error_set(run->error, status, "%s:%lu: %s", run->input.name, number, why.text);
		status = run->sink(run->owner, &event);
		if (status)
			return status;
		run->out->events++;
	}
}

static int replay_ndjson(struct run *run)
{
	struct ndjson_reader *reader = ndjson_reader_new();
	int status = reader ? replay_lines(run, reader) : error_set(run->error, -ENOMEM, "out of memory");

	ndjson_reader_free(reader);
	return status;
}

/* ---- recordings ---- */

static int replay_records(struct run *run, struct recording_reader *reader)
{
	struct input *input = &run->input;
	struct error why = { "" };
	int status = 0;

	while (!status) {
		size_t used = 0;

		status = recording_read(reader, input->data + input->begin, input->end - input->begin, &used, run->sink,
					run->owner, &why);
		input->begin += used;
		run->out->bytes += used;
		if (status || input->is_over)
			break;
		status = read_on(run);
	}
	if (why.text[0])
		return error_set(run->error, status, "%s: %s", input->name, why.text);
	run->out->is_cut = !status && !(recording_is_whole(reader) && input->begin == input->end);
	return status;
}

static int replay_recording(struct run *run)
{
	struct recording_reader *reader = recording_reader_new();
	int status = reader ? replay_records(run, reader) : error_set(run->error, -ENOMEM, "out of memory");

	if (reader)
		run->out->events = recording_events(reader);
	recording_reader_free(reader);
	return status;
}

/* ---- either ---- */

static int replay(struct run *run)
{
	int status = 0;

	run->input.data = malloc(ROOM);
	if (!run->input.data)
		return error_set(run->error, -ENOMEM, "out of memory");
	while (!status && !run->input.end && !run->input.is_over)
		status = read_on(run);
	if (!status && recording_begins(run->input.data, run->input.end))
		status = replay_recording(run);
	else if (!status)
		status = replay_ndjson(run);
	free(run->input.data);
	return status;
}

int replay_file(const char *path, event_sink sink, void *owner, struct replay *out, struct error *error)
{
	bool standard = !strcmp(path, "-");
	struct run run = { { .name = standard ? "standard input" : path }, sink, owner, out, error };
	int status;

	*out = (struct replay) { 0 };
	run.input.file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (run.input.file < 0)
		return error_set(error, -errno, "can't read the events in %s: %s", path, strerror(errno));
	status = replay(&run);
	if (!standard)
		(void)close(run.input.file);
	return status;
}
