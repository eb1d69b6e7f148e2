/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether somebody needs a directory is asked by its lock, not by a pid in its name: pids are used again, and are other ones in
 * another container that has the same $TMPDIR.
 */
#include "cli/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "sombrero-scratch-"
#define TRIES  16

/* Takes away what is in the directory, which has no directories in it, and its name. */
static void empty_and_remove(int parent, int fd, const char *name)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!directory) {
		if (copy >= 0)
			(void)close(copy);
		return;
	}
	rewinddir(directory);
	while ((entry = readdir(directory)))
		(void)unlinkat(fd, entry->d_name, 0);
	(void)closedir(directory);
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

static bool is_ours_alone(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & 077);
}

/* Takes away what nobody needs any more. */
static void sweep(int parent)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		int fd;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		fd = openat(parent, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (is_ours_alone(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0)
			empty_and_remove(parent, fd, entry->d_name);
		(void)close(fd);
	}
	if (directory)
		(void)closedir(directory);
	else if (copy >= 0)
		(void)close(copy);
}

/* Makes one and locks it; somebody who sweeps may have been quicker. */
static int make_one(const char *base, struct scratch *scratch)
{
	struct stat status;

	if (snprintf(scratch->path, sizeof(scratch->path), "%s/" PREFIX "XXXXXX", base) >= (int)sizeof(scratch->path))
		return -ENAMETOOLONG;
	if (!mkdtemp(scratch->path))
		return -errno;
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (scratch->fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (flock(scratch->fd, LOCK_EX | LOCK_NB) == 0 && fstat(scratch->fd, &status) == 0 && status.st_nlink)
		return 0;
	(void)close(scratch->fd);
	return -EAGAIN;
}

int scratch_make(struct scratch *scratch, struct error *error)
{
	const char *base = getenv("TMPDIR");
	int status = -EAGAIN, parent;

	if (!base || base[0] != '/')
		base = "/run";
	parent = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent >= 0) {
		sweep(parent);
		(void)close(parent);
	}
	for (int tries = 0; status == -EAGAIN && tries < TRIES; tries++)
		status = make_one(base, scratch);
	if (status < 0)
		return error_set(error, status, "can't make a directory in %.400s: %s: name another place by TMPDIR",
				 base, strerror(-status));
	return 0;
}

void scratch_remove(struct scratch *scratch)
{
	empty_and_remove(AT_FDCWD, scratch->fd, scratch->path);
	(void)close(scratch->fd);
}
