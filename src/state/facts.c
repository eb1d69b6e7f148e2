/* SPDX-License-Identifier: Apache-2.0 */
#include "state/facts_priv.h"

#include <endian.h>
#include <string.h>

/* Offsets in the BLOB; numbers are little-endian. The target follows, without an end. */
enum {
	AT_TYPE = 0,
	AT_FLAGS = 1,
	AT_MODE = 2,
	AT_UID = 4,
	AT_GID = 8,
	AT_DEVICE = 12,
	AT_INODE = 20,
	AT_SIZE = 28,
	AT_MTIME = 36,
	AT_CTIME = 44,
	AT_SHA256 = 52,
	AT_TARGET = AT_SHA256 + BASELINE_SHA256_SIZE,
};

#define FLAG_SHA256      1U
#define FLAG_IMMUTABLE   2U
#define FLAG_APPEND_ONLY 4U
#define FLAGS            (FLAG_SHA256 | FLAG_IMMUTABLE | FLAG_APPEND_ONLY)

static void put_16(uint8_t *to, uint32_t number)
{
	const uint16_t bytes = htole16((uint16_t)number);

	memcpy(to, &bytes, sizeof(bytes));
}

static void put_32(uint8_t *to, uint32_t number)
{
	number = htole32(number);
	memcpy(to, &number, sizeof(number));
}

static void put_64(uint8_t *to, uint64_t number)
{
	number = htole64(number);
	memcpy(to, &number, sizeof(number));
}

static uint32_t get_16(const uint8_t *from)
{
	uint16_t number;

	memcpy(&number, from, sizeof(number));
	return le16toh(number);
}

static uint32_t get_32(const uint8_t *from)
{
	uint32_t number;

	memcpy(&number, from, sizeof(number));
	return le32toh(number);
}

static uint64_t get_64(const uint8_t *from)
{
	uint64_t number;

	memcpy(&number, from, sizeof(number));
	return le64toh(number);
}

size_t facts_pack(const struct baseline_file *file, uint8_t facts[FACTS_MAX])
{
	size_t target = strlen(file->target);

	if (target > FACTS_TARGET_MAX)
		return 0;
	facts[AT_TYPE] = (uint8_t)file->type;
	facts[AT_FLAGS] = (uint8_t)((file->has_sha256 ? FLAG_SHA256 : 0) | (file->immutable ? FLAG_IMMUTABLE : 0) |
				    (file->append_only ? FLAG_APPEND_ONLY : 0));
	put_16(facts + AT_MODE, file->mode);
	put_32(facts + AT_UID, file->uid);
	put_32(facts + AT_GID, file->gid);
	put_64(facts + AT_DEVICE, file->device);
	put_64(facts + AT_INODE, file->inode);
	put_64(facts + AT_SIZE, file->size);
	put_64(facts + AT_MTIME, file->mtime_ns);
	put_64(facts + AT_CTIME, file->ctime_ns);
	if (file->has_sha256)
		memcpy(facts + AT_SHA256, file->sha256, BASELINE_SHA256_SIZE);
	else
		memset(facts + AT_SHA256, 0, BASELINE_SHA256_SIZE);
	memcpy(facts + AT_TARGET, file->target, target);
	return AT_TARGET + target;
}

static bool is_sound(const uint8_t *facts, size_t size)
{
	return size >= AT_TARGET && size <= FACTS_MAX && facts[AT_TYPE] > FILE_NONE &&
	       facts[AT_TYPE] < FILE_TYPE_COUNT && facts[AT_FLAGS] <= FLAGS &&
	       !memchr(facts + AT_TARGET, '\0', size - AT_TARGET);
}

const uint8_t *facts_unpack(const uint8_t *facts, size_t size, struct baseline_file *file, size_t *target_size)
{
	if (!is_sound(facts, size))
		return NULL;
	*file = (struct baseline_file) {
		.type = (enum file_type)facts[AT_TYPE],
		.has_sha256 = facts[AT_FLAGS] & FLAG_SHA256,
		.immutable = facts[AT_FLAGS] & FLAG_IMMUTABLE,
		.append_only = facts[AT_FLAGS] & FLAG_APPEND_ONLY,
		.mode = get_16(facts + AT_MODE),
		.uid = get_32(facts + AT_UID),
		.gid = get_32(facts + AT_GID),
		.device = get_64(facts + AT_DEVICE),
		.inode = get_64(facts + AT_INODE),
		.size = get_64(facts + AT_SIZE),
		.mtime_ns = get_64(facts + AT_MTIME),
		.ctime_ns = get_64(facts + AT_CTIME),
		.target = "",
	};
	memcpy(file->sha256, facts + AT_SHA256, BASELINE_SHA256_SIZE);
	*target_size = size - AT_TARGET;
	return facts + AT_TARGET;
}
