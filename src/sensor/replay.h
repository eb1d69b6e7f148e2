/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded events instead of a kernel: what `watch --json` or `watch --record` wrote. Needs no privileges. */
#ifndef SENSOR_REPLAY_H
#define SENSOR_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "event/event.h"

struct replay {
	uint64_t events; /* handed over */
	uint64_t bytes;  /* of a recording; 0 for NDJSON */
	bool is_cut;     /* a recording without its end: what was in it until there was handed over */
};

/*
 * Hands each event of a file ("-": standard input) to `sink`; its first bytes say whether it is NDJSON or a recording
 * (event/recording.h). Stops at what is no event: -EINVAL with FILE:LINE, or FILE and the byte, and what is wrong;
 * what was before it has been handed over. A sink's own result ends it too. *out is set either way.
 */
int replay_file(const char *path, event_sink sink, void *owner, struct replay *out, struct error *error);

#endif
