/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of pointers that the caller owns: open addressing, linear probing, no tombstones
 * (deletion shifts back). The caller brings the hash and says what is equal; entries are never NULL.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef bool (*table_equal)(const void *entry, const void *key);

struct table {
	struct table_slot *slots; /* owned */
	size_t count;
	size_t capacity; /* a power of two, or 0 */
	table_equal equal;
};

#define TABLE_INIT(equal_) ((struct table) { .equal = (equal_) })

/* The entry equal to `key`, or NULL. */
void *table_find(const struct table *table, uint64_t hash, const void *key);

/* Adds `entry`, which must not be in it. 0 or -ENOMEM. */
int table_insert(struct table *table, uint64_t hash, void *entry);

/* Takes out the entry equal to `key` and returns it, or NULL. */
void *table_remove(struct table *table, uint64_t hash, const void *key);

/* Walks in no order: start with *cursor 0; NULL at the end. The table must not change meanwhile. */
void *table_next(const struct table *table, size_t *cursor);

/* Frees the slots, not the entries. */
void table_free(struct table *table);

#endif
