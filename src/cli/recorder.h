/* SPDX-License-Identifier: Apache-2.0 */
/* `--record FILE`: what is watched is written to a file that --replay reads, as it happens. */
#ifndef CLI_RECORDER_H
#define CLI_RECORDER_H

#include "base/buffer.h"
#include "base/error.h"
#include "event/event.h"

/* All 0 where nothing is recorded: then the functions do nothing. */
struct recorder {
	const char *path; /* NULL: nothing is recorded; borrowed */
	int file;
	struct recording_writer *writer;
	struct buffer bytes;
	struct error error; /* what went wrong, for a person */
};

/*
 * An old file is replaced, but not the one that is being read (`source`; NULL: none). Only its owner may read a new one.
 * 0 or a negative errno with a text.
 */
int recorder_open(struct recorder *recorder, const char *source);

/* 0, or a negative errno with a text: the file is full or could not be written. */
int recorder_event(struct recorder *recorder, const struct event *event);

/* What was recorded so far is in the file. */
int recorder_flush(struct recorder *recorder);

/* Ends the recording, unless something went wrong before, and closes the file. */
int recorder_close(struct recorder *recorder);

#endif
