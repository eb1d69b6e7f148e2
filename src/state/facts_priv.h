/* SPDX-License-Identifier: Apache-2.0 */
/* What the baseline knows of a file, packed: the layout is in docs/reference/state.md. */
#ifndef STATE_FACTS_PRIV_H
#define STATE_FACTS_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "event/baseline.h"

#define FACTS_TARGET_MAX 4096
#define FACTS_MAX        (84 + FACTS_TARGET_MAX)

/* How long it is; 0 where the target is too long. */
size_t facts_pack(const struct baseline_file *file, uint8_t facts[FACTS_MAX]);

/*
 * What was packed, and where its target begins in `facts`, which has no NUL byte at its end; file->target is "". NULL for what
 * facts_pack() does not make: the bytes come from a disk, which may be damaged.
 */
const uint8_t *facts_unpack(const uint8_t *facts, size_t size, struct baseline_file *file, size_t *target_size);

#endif
