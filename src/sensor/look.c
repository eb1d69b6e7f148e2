/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/look_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CHUNK   (UINT32_C(128) * 1024)
#define BREATHE 16 /* chunks between two breaths: about 2 ms of reading */

struct look {
	void (*breathe)(void *owner);
	void *owner;
	EVP_MD *sha256;
	EVP_MD_CTX *context;
	char target[PATH_MAX];
	uint8_t chunk[CHUNK];
};

struct look *look_new(void (*breathe)(void *owner), void *owner)
{
	struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return NULL;
	look->breathe = breathe;
	look->owner = owner;
	look->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	look->context = EVP_MD_CTX_new();
	if (look->sha256 && look->context)
		return look;
	look_free(look);
	return NULL;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	EVP_MD_CTX_free(look->context);
	EVP_MD_free(look->sha256);
	free(look);
}

static uint64_t nanoseconds(const struct statx_timestamp *time)
{
	return (uint64_t)time->tv_sec * UINT64_C(1000000000) + (uint64_t)time->tv_nsec;
}

static enum file_type type_of(unsigned mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return FILE_REGULAR;
	case S_IFDIR:
		return FILE_DIRECTORY;
	case S_IFLNK:
		return FILE_SYMLINK;
	default:
		return FILE_OTHER;
	}
}

int look_at_state(int directory, const char *name, struct baseline_file *file)
{
	struct statx status;

	if (statx(directory, name, AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH), STATX_BASIC_STATS, &status))
		return errno == ENOTDIR ? -ENOENT : -errno;
	*file = (struct baseline_file) {
		.type = type_of(status.stx_mode),
		.immutable = status.stx_attributes & STATX_ATTR_IMMUTABLE,
		.append_only = status.stx_attributes & STATX_ATTR_APPEND,
		.mode = status.stx_mode & 07777,
		.uid = status.stx_uid,
		.gid = status.stx_gid,
		.device = makedev(status.stx_dev_major, status.stx_dev_minor),
		.inode = status.stx_ino,
		.size = S_ISDIR(status.stx_mode) ? 0 : status.stx_size,
		.mtime_ns = nanoseconds(&status.stx_mtime),
		.ctime_ns = nanoseconds(&status.stx_ctime),
		.target = "",
	};
	return 0;
}

static bool hash(struct look *look, int fd, struct buffer *text, struct baseline_file *file)
{
	unsigned chunks = 0;
	ssize_t size;

	if (!EVP_DigestInit_ex2(look->context, look->sha256, NULL))
		return false;
	while ((size = read(fd, look->chunk, CHUNK)) > 0) {
		if (!EVP_DigestUpdate(look->context, look->chunk, (size_t)size))
			return false;
		if (text)
			buffer_append(text, look->chunk, (size_t)size);
		if (++chunks % BREATHE == 0 && look->breathe)
			look->breathe(look->owner);
	}
	return !size && EVP_DigestFinal_ex(look->context, file->sha256, NULL);
}

/* The file was a regular one a moment ago; should it be something else now, O_NONBLOCK keeps a pipe from holding us. */
static void read_content(struct look *look, int directory, const char *name, struct buffer *text,
			 struct baseline_file *file)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_NOCTTY | O_CLOEXEC);
	struct baseline_file opened = { .type = FILE_NONE };

	if (fd < 0)
		return;
	/* As it is before it is read: who changes it meanwhile makes another ctime. */
	if (!look_at_state(fd, "", &opened) && opened.type == FILE_REGULAR) {
		*file = opened;
		if (file->size <= LOOK_HASH_MAX)
			file->has_sha256 = hash(look, fd, file->size <= BASELINE_TEXT_MAX ? text : NULL, file);
	}
	(void)close(fd);
}

static void read_target(struct look *look, int directory, const char *name, struct baseline_file *file)
{
	ssize_t size = readlinkat(directory, name, look->target, sizeof(look->target) - 1);

	if (size < 0)
		return;
	look->target[size] = '\0';
	file->target = look->target;
}

int look_at(struct look *look, int directory, const char *name, bool content, struct buffer *text,
	    struct baseline_file *file)
{
	int status = look_at_state(directory, name, file);

	if (status < 0)
		return status;
	if (content && file->type == FILE_REGULAR)
		read_content(look, directory, name, text, file);
	else if (content && file->type == FILE_SYMLINK)
		read_target(look, directory, name, file);
	return 0;
}

bool look_same_content(const struct baseline_file *one, const struct baseline_file *other)
{
	if (one->type != other->type || one->size != other->size || one->has_sha256 != other->has_sha256)
		return false;
	if (one->has_sha256)
		return !memcmp(one->sha256, other->sha256, BASELINE_SHA256_SIZE);
	return !strcmp(one->target, other->target);
}

bool look_same_attributes(const struct baseline_file *one, const struct baseline_file *other)
{
	return one->mode == other->mode && one->uid == other->uid && one->gid == other->gid &&
	       one->immutable == other->immutable && one->append_only == other->append_only;
}

bool look_untouched(const struct baseline_file *one, const struct baseline_file *other)
{
	return one->type == other->type && one->device == other->device && one->inode == other->inode &&
	       one->ctime_ns == other->ctime_ns && one->mtime_ns == other->mtime_ns && one->size == other->size &&
	       look_same_attributes(one, other);
}
