/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/recording.h"

/* So many bytes are written at once. */
#define STEP (64U * 1024)

static int fault(struct recorder *recorder, int status)
{
	return error_set(&recorder->error, status, "%.400s: can't record: %s", recorder->path, strerror(-status));
}

static bool is_same_file(const char *one, const char *other)
{
	struct stat first, second;

	return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

int recorder_open(struct recorder *recorder, const char *source)
{
	if (!recorder->path)
		return 0;
	if (source && is_same_file(recorder->path, source))
		return error_set(&recorder->error, -EINVAL, "%.400s: can't record over what is being read",
				 recorder->path);
	recorder->bytes = BUFFER_INIT(STEP + 4 * RECORDING_RECORD_MAX);
	/* What it holds is what programs were called with and who logged in. */
	recorder->file = open(recorder->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (recorder->file < 0)
		return fault(recorder, -errno);
	recorder->writer = recording_writer_new();
	return recorder->writer ? 0 : fault(recorder, -ENOMEM);
}

int recorder_flush(struct recorder *recorder)
{
	size_t at = 0;

	while (at < recorder->bytes.size) {
		ssize_t put = write(recorder->file, recorder->bytes.data + at, recorder->bytes.size - at);

		if (put < 0 && errno != EINTR)
			return fault(recorder, -errno);
		at += put > 0 ? (size_t)put : 0;
	}
	buffer_clear(&recorder->bytes);
	return 0;
}

int recorder_event(struct recorder *recorder, const struct event *event)
{
	int status;

	if (!recorder->path)
		return 0;
	status = recording_write(recorder->writer, event, &recorder->bytes);
	if (status < 0)
		return fault(recorder, status);
	return recorder->bytes.size >= STEP ? recorder_flush(recorder) : 0;
}

int recorder_close(struct recorder *recorder)
{
	int status = 0;

	if (recorder->writer && !recorder->error.text[0]) {
		status = recording_end(recorder->writer, &recorder->bytes);
		status = status < 0 ? fault(recorder, status) : recorder_flush(recorder);
	}
	if (recorder->writer && close(recorder->file) < 0 && !status)
		status = fault(recorder, -errno);
	recording_writer_free(recorder->writer);
	buffer_free(&recorder->bytes);
	recorder->writer = NULL;
	return status;
}
