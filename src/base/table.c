/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

struct table_slot {
	uint64_t hash;
	void *entry; /* NULL: free */
};

static size_t slot_of(const struct table *table, uint64_t hash, const void *key)
{
	size_t mask = table->capacity - 1, i = hash & mask;

	while (table->slots[i].entry) {
		if (table->slots[i].hash == hash && key && table->equal(table->slots[i].entry, key))
			break;
		i = (i + 1) & mask;
	}
	return i;
}

static int grow(struct table *table)
{
	struct table larger = *table;

	larger.capacity = table->capacity ? table->capacity * 2 : 16;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->capacity; i++) {
		if (table->slots[i].entry)
			larger.slots[slot_of(&larger, table->slots[i].hash, NULL)] = table->slots[i];
	}
	free(table->slots);
	*table = larger;
	return 0;
}

void *table_find(const struct table *table, uint64_t hash, const void *key)
{
	return table->count ? table->slots[slot_of(table, hash, key)].entry : NULL;
}

int table_insert(struct table *table, uint64_t hash, void *entry)
{
	if (table->count * 4 >= table->capacity * 3) {
		int status = grow(table);

		if (status < 0)
			return status;
	}
	table->slots[slot_of(table, hash, NULL)] = (struct table_slot) { hash, entry };
	table->count++;
	return 0;
}

void *table_remove(struct table *table, uint64_t hash, const void *key)
{
	size_t mask = table->capacity - 1, hole, i;
	void *entry;

	if (!table->count)
		return NULL;
	hole = slot_of(table, hash, key);
	entry = table->slots[hole].entry;
	if (!entry)
		return NULL;
	for (i = (hole + 1) & mask; table->slots[i].entry; i = (i + 1) & mask) {
		size_t home = table->slots[i].hash & mask;

		/* It may fill the hole only if the hole lies between its home and where it stands. */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table->slots[hole] = table->slots[i];
			hole = i;
		}
	}
	table->slots[hole].entry = NULL;
	table->count--;
	return entry;
}

void *table_next(const struct table *table, size_t *cursor)
{
	while (*cursor < table->capacity) {
		void *entry = table->slots[(*cursor)++].entry;

		if (entry)
			return entry;
	}
	return NULL;
}

void table_free(struct table *table)
{
	free(table->slots);
	table->slots = NULL;
	table->count = table->capacity = 0;
}
