/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before Linux 6.6 an overlay's own directories can't be watched, but those that hold its upper layer can: whatever is made,
 * renamed or removed in the overlay is so there. What is written to a file that is there already is not told: it is found by looking.
 */
#ifndef SENSOR_OVERLAY_PRIV_H
#define SENSOR_OVERLAY_PRIV_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Where the upper layer has the directory `path` of the overlay on `device`, by the text of a mountinfo file (proc(5)). The path
 * is as whoever mounted it wrote it; one that is not absolute means nothing to others. 0, -ENOENT where no such overlay has an
 * upper layer, or -ENAMETOOLONG.
 */
int overlay_upper(const char *mountinfo, dev_t device, const char *path, char *out, size_t size);

#endif
