/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/record_priv.h"

#include <errno.h>
#include <string.h>

static const size_t fixed_size[SOMBRERO_TYPE_COUNT] = {
	[SOMBRERO_EXEC] = sizeof(struct sombrero_exec),
	[SOMBRERO_TASK] = sizeof(struct sombrero_exec),
	[SOMBRERO_FORK] = sizeof(struct sombrero_fork),
	[SOMBRERO_EXIT] = sizeof(struct sombrero_exit),
	[SOMBRERO_CREDENTIALS] = sizeof(struct sombrero_credentials_record),
	[SOMBRERO_CONNECT] = sizeof(struct sombrero_net),
	[SOMBRERO_ACCEPT] = sizeof(struct sombrero_net),
	[SOMBRERO_LISTEN] = sizeof(struct sombrero_net),
	[SOMBRERO_RAW] = sizeof(struct sombrero_net),
	[SOMBRERO_MOVE] = sizeof(struct sombrero_exec),
};

static int check_strings(const struct sombrero_exec *exec, size_t size, struct record *out)
{
	const char *at = (const char *)(exec + 1);
	size_t left = size - sizeof(*exec);

	for (int i = 0; i < SOMBRERO_STRING_COUNT; i++) {
		size_t length = exec->size[i];

		if (length > left)
			return -EINVAL;
		if (i == SOMBRERO_STRING_ARGV) {
			out->string[i] = at;
			out->argv_size = length;
		} else if (!length) {
			out->string[i] = "";
		} else if (at[length - 1] || memchr(at, '\0', length) != at + length - 1) {
			return -EINVAL;
		} else {
			out->string[i] = at;
		}
		at += length;
		left -= length;
	}
	return left ? -EINVAL : 0;
}

int record_check(const void *data, size_t size, struct record *out)
{
	const struct sombrero_header *header = data;
	struct record record = { .header = header };
	int status = 0;

	if (size < sizeof(*header) || header->abi != SOMBRERO_ABI || header->length != size)
		return -EINVAL;
	if (header->type >= SOMBRERO_TYPE_COUNT || !fixed_size[header->type] || size < fixed_size[header->type])
		return -EINVAL;
	if (fixed_size[header->type] == sizeof(struct sombrero_exec))
		status = check_strings(data, size, &record);
	else if (size != fixed_size[header->type])
		return -EINVAL;
	if (!status)
		*out = record;
	return status;
}

void record_image(const struct record *record, struct image_facts *facts)
{
	const struct sombrero_exec *exec = (const struct sombrero_exec *)record->header;

	*facts = (struct image_facts) {
		.exe = record->string[SOMBRERO_STRING_EXE],
		.called = record->string[SOMBRERO_STRING_FILENAME],
		.cwd = record->string[SOMBRERO_STRING_CWD],
		.cgroup = record->string[SOMBRERO_STRING_CGROUP],
		.argv = record->string[SOMBRERO_STRING_ARGV],
		.argv_size = record->argv_size,
		.argc = exec->argc,
		.record_flags = exec->header.flags,
	};
}
