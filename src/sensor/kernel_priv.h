/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's half: loads and attaches the programs in bpf/, hands out their records. The only user of libbpf. */
#ifndef SENSOR_KERNEL_PRIV_H
#define SENSOR_KERNEL_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "sensor/sensor.h"
#include "sombrero/event.h"

struct kernel;

/* A record as it came: its bytes are good until the function returns. */
typedef int (*kernel_sink)(void *owner, const void *record, size_t size);

/* `cgroups` are directories; `root` is where cgroup2 is mounted, for the whole host when there are none. */
int kernel_open(const char *root, const char *const *cgroups, size_t count, kernel_sink sink, void *owner,
		struct kernel **out, struct error *error);
void kernel_close(struct kernel *kernel);

/*
 * Waits at most `timeout_ms` for a call from the kernel, then takes what there is, KERNEL_RECORDS_AT_ONCE at the most:
 * then more may wait. Returns how many records were taken, or a negative errno.
 */
#define KERNEL_RECORDS_AT_ONCE 4096
int kernel_consume(struct kernel *kernel, int timeout_ms);

/* Hands each process, then each socket that was there before, to the sink given at kernel_open. */
int kernel_each_task(struct kernel *kernel);
int kernel_each_socket(struct kernel *kernel);

/* What was lost so far for one reason; as cheap as memory. */
uint64_t kernel_lost(const struct kernel *kernel, enum sombrero_loss reason);

/* What was lost so far, by enum sombrero_loss, and after those the programs' recursion misses. */
#define KERNEL_LOSS_COUNT (SOMBRERO_LOSS_COUNT + 1)
void kernel_losses(const struct kernel *kernel, uint64_t counts[]);

/* Fills in parts and sizes. */
void kernel_status(const struct kernel *kernel, struct sensor_status *out);

#endif
