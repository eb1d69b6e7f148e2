/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int rooted_open_root(const char *root)
{
	int directory = open(root[0] ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return directory < 0 ? -errno : directory;
}

int rooted_open(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long file = -1;

	if (flags & O_PATH) /* the only other flags it suffers */
		how.flags = (uint64_t)(flags | O_CLOEXEC);
	/* EAGAIN: something was renamed while ".." was resolved. Whoever renames all the time only hides their own file. */
	for (int tries = 0; tries < 4; tries++) {
		file = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (file >= 0 || errno != EAGAIN)
			break;
	}
	return file < 0 ? -errno : (int)file;
}

DIR *rooted_open_directory(int root, const char *path)
{
	int file = rooted_open(root, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = file < 0 ? NULL : fdopendir(file);

	if (!directory && file >= 0)
		(void)close(file);
	return directory;
}

/* Opens for reading what an O_PATH descriptor stands for: nobody can put something else in its place meanwhile. */
static int reopen(int place)
{
	char path[64];
	int file;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return file < 0 ? -errno : file;
}

int rooted_open_file(int root, const char *path, struct stat *status)
{
	struct stat found;
	int place = rooted_open(root, path, O_PATH);
	int file;

	if (place < 0)
		return place;
	if (fstat(place, &found) != 0)
		file = -errno;
	else if (!S_ISREG(found.st_mode))
		file = -EINVAL;
	else
		file = reopen(place);
	if (file >= 0 && status)
		*status = found;
	(void)close(place);
	return file;
}
