/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded events instead of a kernel: what `watch --json` wrote. Needs no privileges. */
#ifndef SENSOR_REPLAY_H
#define SENSOR_REPLAY_H

#include "base/error.h"
#include "event/event.h"

/*
 * Hands each event of an NDJSON file ("-": standard input) to `sink`. Stops at the first line that is no event: -EINVAL
 * with FILE:LINE and what is wrong; what was before it has been handed over. A sink's own result ends it too.
 */
int replay_file(const char *path, event_sink sink, void *owner, struct error *error);

#endif
