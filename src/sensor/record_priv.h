/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the ring has them, checked before anything believes their lengths. */
#ifndef SENSOR_RECORD_PRIV_H
#define SENSOR_RECORD_PRIV_H

#include <stddef.h>

#include "sensor/process_priv.h"
#include "sombrero/event.h"

/* A record that can be trusted as to its form. `string` only for exec, task and move; argv is not always ended by NUL. */
struct record {
	const struct sombrero_header *header;
	const char *string[SOMBRERO_STRING_COUNT];
	size_t argv_size;
};

/* 0, or -EINVAL for a length, type or version that is not what it should be. `data` must be 8-byte aligned. */
int record_check(const void *data, size_t size, struct record *out);

/* What the image of an exec or task record is made from; borrowed from the record. */
void record_image(const struct record *record, struct image_facts *facts);

#endif
