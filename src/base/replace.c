/* SPDX-License-Identifier: Apache-2.0 */
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t put = write(fd, text, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		text += put;
		size -= (size_t)put;
	}
	return 0;
}

/* Opens a new file in the directory of `path`, whose name it writes to `out`. */
static int open_temporary(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int directory = slash ? (int)(slash - path) + 1 : 0;

	for (int tries = 0; tries < 16; tries++) {
		uint32_t random = 0;
		int size, fd;

		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random = (uint32_t)getpid() + (uint32_t)tries;
		size = snprintf(out, PATH_MAX, "%.*s.sombrero-%08" PRIx32, directory, path, random);
		if (size < 0 || size >= PATH_MAX)
			return -ENAMETOOLONG;
		fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Who may read and write the old file may do so to the new one. */
static int keep_permissions(int fd, const char *path)
{
	struct stat old;

	if (stat(path, &old) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(old.st_mode))
		return -EINVAL;
	/* Only root can give a file away; where we can't, it is ours, as it is after any editor. */
	if (fchown(fd, old.st_uid, old.st_gid) < 0 && errno != EPERM)
		return -errno;
	return fchmod(fd, old.st_mode & 0777) < 0 ? -errno : 0;
}

/* The rename holds already; without this it is only not sure to survive a power cut, so a failure is none. */
static void sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") < 0)
		return;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

static int replace(const char *path, const struct buffer *text)
{
	char temporary[PATH_MAX];
	int fd = open_temporary(path, temporary), status;

	if (fd < 0)
		return fd;
	status = keep_permissions(fd, path);
	if (!status)
		status = write_all(fd, text->data, text->size);
	if (!status && fsync(fd) < 0)
		status = -errno;
	if (close(fd) < 0 && !status)
		status = -errno;
	if (!status && rename(temporary, path) < 0)
		status = -errno;
	if (status)
		(void)unlink(temporary);
	else
		sync_directory(path);
	return status;
}

int replace_file(const char *path, const struct buffer *text)
{
	char *target = realpath(path, NULL);
	int status = replace(target ? target : path, text);

	free(target);
	return status;
}
