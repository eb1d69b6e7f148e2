/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is now: its state and the hash of its content. */
#ifndef SENSOR_LOOK_PRIV_H
#define SENSOR_LOOK_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "event/baseline.h"

/* The content of a larger file is not hashed. */
#define LOOK_HASH_MAX (UINT64_C(1) << 30)

struct look;

/* `breathe` is called every few milliseconds while a large file is read. NULL when out of memory, or without SHA-256. */
struct look *look_new(void (*breathe)(void *owner), void *owner);
void look_free(struct look *look);

/*
 * The file `name` in `directory`, or the open one itself where the name is "", without its content. No link is followed. 0 or a
 * negative errno, -ENOENT where it is not there.
 */
int look_at_state(int directory, const char *name, struct baseline_file *file);

/*
 * The file `name` in `directory`, as it is itself: no link is followed, nothing but a regular file is opened. With `content`
 * its hash or the target of a link is read, too, and with `text` a content of up to BASELINE_TEXT_MAX bytes is appended there.
 * The target is good until the next call. 0, -ENOENT, or another negative errno where it can't be looked at; what can't be
 * read has no hash.
 */
int look_at(struct look *look, int directory, const char *name, bool content, struct buffer *text,
	    struct baseline_file *file);

/* Do they differ in what a person would call a change? Not in inode or times. */
bool look_same_content(const struct baseline_file *one, const struct baseline_file *other);
bool look_same_attributes(const struct baseline_file *one, const struct baseline_file *other);

/* Nothing was done to it since: also the times and the inode are the same. */
bool look_untouched(const struct baseline_file *one, const struct baseline_file *other);

#endif
