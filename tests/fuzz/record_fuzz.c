/* SPDX-License-Identifier: Apache-2.0 */
/* The event decoder: a record from the ring, and the image that is made of an exec's strings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/process_priv.h"
#include "sensor/record_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_strings(const struct record *record)
{
	const struct image_facts facts = {
		.exe = record->string[SOMBRERO_STRING_EXE],
		.called = record->string[SOMBRERO_STRING_FILENAME],
		.cwd = record->string[SOMBRERO_STRING_CWD],
		.cgroup = record->string[SOMBRERO_STRING_CGROUP],
		.argv = record->string[SOMBRERO_STRING_ARGV],
		.argv_size = record->argv_size,
		.record_flags = record->header->flags,
	};
	struct image *image = image_new(&facts);

	if (!image)
		return;
	if (image->argv_size > facts.argv_size || strlen(image->program.exe) != strlen(facts.exe))
		abort();
	image_release(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as large as the input, so that a sanitizer sees each byte too far. */
	void *copy = malloc(size ? size : 1);
	struct record record;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (!record_check(copy, size, &record) &&
	    (record.header->type == SOMBRERO_EXEC || record.header->type == SOMBRERO_TASK))
		use_strings(&record);
	free(copy);
	return 0;
}
