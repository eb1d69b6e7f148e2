/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/mark_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/path.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* 6.5: a handle to compare, not to open; overlays have no other */
#endif

#define BATCH_MAX (UINT32_C(64) * 1024)

#define WAY_MASK  (FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_ONDIR)
#define TREE_MASK (WAY_MASK | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_EVENT_ON_CHILD)

static uint64_t hash_handle(const struct directory *directory)
{
	return hash_mix(hash_bytes(directory->handle, directory->handle_size),
			directory->filesystem ^ (uint64_t)directory->handle_type);
}

static bool same_handle(const void *entry, const void *key)
{
	const struct directory *one = entry, *other = key;

	return one->filesystem == other->filesystem && one->handle_type == other->handle_type &&
	       one->handle_size == other->handle_size && !memcmp(one->handle, other->handle, one->handle_size);
}

static bool same_path(const void *entry, const void *key)
{
	return !strcmp(((const struct directory *)entry)->path, key);
}

int marks_open(struct marks *marks, struct error *error)
{
	int status;

	*marks = (struct marks) {
		.fanotify = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_UNLIMITED_QUEUE |
						  FAN_UNLIMITED_MARKS | FAN_NONBLOCK | FAN_CLOEXEC,
					  O_RDONLY | O_CLOEXEC),
		.by_handle = TABLE_INIT(same_handle),
		.by_path = TABLE_INIT(same_path),
		.batch = malloc(BATCH_MAX),
	};
	if (marks->fanotify >= 0 && marks->batch)
		return 0;
	status = marks->fanotify >= 0 ? -ENOMEM : -errno;
	marks_close(marks);
	return error_set(error, status, "can't watch files: fanotify_init: %s", strerror(-status));
}

static void directory_free(struct directory *directory)
{
	if (directory)
		free(directory->path);
	free(directory);
}

void marks_close(struct marks *marks)
{
	struct directory *directory;
	size_t cursor = 0;

	if (marks->fanotify >= 0)
		(void)close(marks->fanotify);
	while ((directory = table_next(&marks->by_path, &cursor)))
		directory_free(directory);
	table_free(&marks->by_path);
	table_free(&marks->by_handle);
	free(marks->batch);
	*marks = (struct marks) { .fanotify = -1 };
}

static int read_handle(int fd, struct directory *directory)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MARK_HANDLE_MAX];
	} place;
	struct statfs filesystem;
	int mount, failed;

	place.handle.handle_bytes = MARK_HANDLE_MAX;
	failed = name_to_handle_at(fd, "", &place.handle, &mount, AT_EMPTY_PATH);
	if (failed && errno == EOPNOTSUPP) {
		place.handle.handle_bytes = MARK_HANDLE_MAX;
		failed = name_to_handle_at(fd, "", &place.handle, &mount, AT_EMPTY_PATH | AT_HANDLE_FID);
	}
	if (failed || fstatfs(fd, &filesystem))
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	memcpy(&directory->filesystem, &filesystem.f_fsid, sizeof(directory->filesystem));
	directory->handle_type = place.handle.handle_type;
	directory->handle_size = place.handle.handle_bytes;
	memcpy(directory->handle, place.room + sizeof(struct file_handle), place.handle.handle_bytes);
	return 0;
}

static void forget(struct marks *marks, struct directory *directory)
{
	(void)table_remove(&marks->by_path, hash_text(directory->path), directory->path);
	(void)table_remove(&marks->by_handle, hash_handle(directory), directory);
	directory_free(directory);
}

static int keep(struct marks *marks, struct directory *directory)
{
	if (table_insert(&marks->by_path, hash_text(directory->path), directory) < 0)
		return -ENOMEM;
	if (!table_insert(&marks->by_handle, hash_handle(directory), directory))
		return 0;
	(void)table_remove(&marks->by_path, hash_text(directory->path), directory->path);
	return -ENOMEM;
}

static bool is_whole(const struct marks *marks, uint64_t filesystem)
{
	for (unsigned i = 0; i < marks->whole_count; i++) {
		if (marks->whole[i] == filesystem)
			return true;
	}
	return false;
}

int marks_add_filesystem(struct marks *marks, int fd)
{
	struct directory directory = { 0 };
	int status = read_handle(fd, &directory);

	if (status < 0 || is_whole(marks, directory.filesystem))
		return status;
	if (marks->whole_count == MARK_WHOLE_MAX)
		return -EOPNOTSUPP;
	if (fanotify_mark(marks->fanotify, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
			  TREE_MASK & ~(uint64_t)FAN_EVENT_ON_CHILD, fd, NULL))
		return errno == ENODEV || errno == EXDEV || errno == EINVAL ? -EOPNOTSUPP : -errno;
	marks->whole[marks->whole_count++] = directory.filesystem;
	return 0;
}

/* How long the container's id is that the path begins with; 0 at home. */
static size_t place_size(const char *path)
{
	return path[0] == '/' ? 0 : strcspn(path, "/");
}

/*
 * A directory that several places share is watched once: at home, else where it was met first. Else whoever makes namespaces
 * of their own, which anybody may, would take the host's directories away from it.
 */
static bool is_elsewhere(const struct directory *before, const char *path)
{
	size_t size = place_size(path), size_before = place_size(before->path);

	return size && (size != size_before || memcmp(path, before->path, size) != 0);
}

int marks_add(struct marks *marks, int fd, const char *path, bool in_tree)
{
	struct directory *directory = calloc(1, sizeof(*directory)), *before = NULL;
	int status = directory ? read_handle(fd, directory) : -ENOMEM;

	if (!status)
		before = table_find(&marks->by_handle, hash_handle(directory), directory);
	if (before && is_elsewhere(before, path))
		status = -EEXIST;
	if (!status && !before && marks->by_path.count >= MARKS_MAX)
		status = -ENOSPC;
	if (!status && !is_whole(marks, directory->filesystem) &&
	    fanotify_mark(marks->fanotify, FAN_MARK_ADD | FAN_MARK_ONLYDIR, in_tree ? TREE_MASK : WAY_MASK, fd, NULL))
		status = errno == ENODEV || errno == EXDEV ? -EOPNOTSUPP : -errno;
	if (!status) {
		directory->in_tree = in_tree;
		directory->path = strdup(path);
		status = directory->path ? 0 : -ENOMEM;
	}
	if (status < 0) {
		directory_free(directory);
		return status;
	}
	if (before) {
		directory->in_tree |= before->in_tree && !strcmp(before->path, path);
		forget(marks, before);
	}
	before = table_find(&marks->by_path, hash_text(path), path);
	if (before)
		forget(marks, before);
	status = keep(marks, directory);
	if (status < 0)
		directory_free(directory);
	return status;
}

void marks_set_upper(struct marks *marks, const char *path)
{
	struct directory *directory = table_find(&marks->by_path, hash_text(path), path);

	if (directory)
		directory->by_upper = true;
}

const struct directory *marks_find(const struct marks *marks, const char *path)
{
	return table_find(&marks->by_path, hash_text(path), path);
}

bool marks_is(const struct marks *marks, int fd, const char *path)
{
	const struct directory *known = marks_find(marks, path);
	struct directory directory = { 0 };

	return known && !read_handle(fd, &directory) && same_handle(known, &directory);
}

/* All at or below `top`: as many as there were, in an array for the caller; NULL for none, or no memory. */
static struct directory **collect(const struct marks *marks, const char *top, size_t *count)
{
	struct directory **list = NULL, *directory;
	size_t cursor = 0, capacity = 0;

	*count = 0;
	while ((directory = table_next(&marks->by_path, &cursor))) {
		if (!path_is_below(directory->path, top))
			continue;
		if (*count == capacity) {
			struct directory **larger =
				realloc(list, (capacity ? capacity * 2 : 64) * sizeof(struct directory *));

			if (!larger)
				break;
			list = larger;
			capacity = capacity ? capacity * 2 : 64;
		}
		list[(*count)++] = directory;
	}
	return list;
}

/*
 * The kernel's mark stays: it can only be taken away by whoever can still open the directory. It goes with the directory, and until
 * then its notices name a handle that nobody knows.
 */
void marks_remove(struct marks *marks, const char *path)
{
	size_t count;
	struct directory **list = collect(marks, path, &count);

	for (size_t i = 0; i < count; i++)
		forget(marks, list[i]);
	free(list);
}

void marks_drop(struct marks *marks, const char *path)
{
	struct directory *directory = table_find(&marks->by_path, hash_text(path), path);

	if (directory)
		forget(marks, directory);
}

void marks_rename(struct marks *marks, const char *from, const char *to)
{
	size_t from_size = strlen(from), count;
	struct directory **list;

	marks_remove(marks, to);
	list = collect(marks, from, &count);
	for (size_t i = 0; i < count; i++) {
		struct directory *directory = list[i];
		char *path = NULL;

		(void)table_remove(&marks->by_path, hash_text(directory->path), directory->path);
		if (asprintf(&path, "%s%s", to, directory->path + from_size) < 0)
			path = NULL;
		if (path) {
			free(directory->path);
			directory->path = path;
		}
		if (!path || table_insert(&marks->by_path, hash_text(path), directory) < 0) {
			(void)table_remove(&marks->by_handle, hash_handle(directory), directory);
			directory_free(directory);
		}
	}
	free(list);
}

int marks_read(struct marks *marks)
{
	ssize_t size = read(marks->fanotify, marks->batch, BATCH_MAX);

	marks->batch_at = 0;
	marks->batch_size = size > 0 ? (size_t)size : 0;
	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return (int)size;
}

/* The directory and the name in one piece of information; NULL where it is not ours. */
static const struct directory *find_place(const struct marks *marks, const uint8_t *info, const char **name)
{
	const struct fanotify_event_info_fid *place = (const void *)info;
	const struct file_handle *handle = (const void *)(info + offsetof(struct fanotify_event_info_fid, handle));
	struct directory key = { .handle_type = handle->handle_type, .handle_size = handle->handle_bytes };

	if (key.handle_size > MARK_HANDLE_MAX)
		return NULL;
	memcpy(&key.filesystem, &place->fsid, sizeof(key.filesystem));
	memcpy(key.handle, handle->f_handle, key.handle_size);
	*name = (const char *)handle->f_handle + key.handle_size;
	return table_find(&marks->by_handle, hash_handle(&key), &key);
}

static void read_places(const struct marks *marks, const uint8_t *at, const uint8_t *end, struct notice *out)
{
	while (at < end) {
		const struct fanotify_event_info_header *header = (const void *)at;

		if (header->info_type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME)
			out->to = find_place(marks, at, &out->to_name);
		else if (header->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME ||
			 header->info_type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME)
			out->directory = find_place(marks, at, &out->name);
		if (!header->len)
			return;
		at += header->len;
	}
}

bool marks_next(struct marks *marks, struct notice *out)
{
	while (marks->batch_at + sizeof(struct fanotify_event_metadata) <= marks->batch_size) {
		const uint8_t *at = marks->batch + marks->batch_at;
		struct fanotify_event_metadata event;

		memcpy(&event, at, sizeof(event)); /* events are aligned to four bytes only */
		marks->batch_at += event.event_len;
		*out = (struct notice) { .mask = event.mask, .pid = event.pid };
		if (event.mask & FAN_Q_OVERFLOW)
			return true;
		read_places(marks, at + event.metadata_len, at + event.event_len, out);
		if (out->directory || out->to)
			return true;
	}
	return false;
}
