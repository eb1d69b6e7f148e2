/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that the state lives in, which must be ours alone, and the one watch of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/state_priv.h"

/* Makes the parents, 0755 whatever the umask, and the directory itself, 0700. */
static int make_directories(char *path, struct error *error)
{
	for (char *slash = path; slash;) {
		mode_t mode;

		slash = strchr(slash + 1, '/');
		if (slash && !slash[1])
			slash = NULL; /* "dir/" */
		mode = slash ? 0755 : 0700;
		if (slash)
			*slash = '\0';
		if (mkdir(path, mode) == 0)
			(void)chmod(path, mode);
		else if (errno != EEXIST)
			return error_set(error, -errno, "can't make %s: %s", path, strerror(errno));
		if (slash)
			*slash = '/';
	}
	return 0;
}

static int is_ours(const char *directory, const struct stat *status, struct error *error)
{
	if (!S_ISDIR(status->st_mode))
		return error_set(error, -ENOTDIR, "%s is no directory: give the state one of its own, with --state",
				 directory);
	if ((status->st_uid && status->st_uid != geteuid()) || status->st_mode & (S_IWGRP | S_IWOTH))
		return error_set(error, -EPERM,
				 "%s can be written by others, who could change what is remembered there: chmod 700 "
				 "and chown root it, "
				 "or name another with --state",
				 directory);
	return 0;
}

int lock_directory(const char *directory, bool make, struct error *error)
{
	char path[PATH_MAX];
	struct stat status;
	int code;

	if (!*directory || snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path) - 32)
		return error_set(error, -ENAMETOOLONG, "the name of the state's directory is empty or too long");
	if (make && stat(path, &status)) {
		code = make_directories(path, error);
		if (code)
			return code;
	}
	if (stat(path, &status) == 0)
		return is_ours(directory, &status, error);
	if (errno == ENOENT)
		return error_set(error, -ENOENT,
				 "there is no state in %s yet: `sombrero watch` makes it; --state names another place",
				 directory);
	return error_set(error, -errno, "can't look at %s: %s", directory, strerror(errno));
}

/* Of the open file, not of the process: asking for it takes nothing from anybody, and no other descriptor's closing ends it. */
static struct flock whole_file(void)
{
	return (struct flock) { .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static int refuse(struct state *state, int fd, struct error *error)
{
	char pid[32] = "";
	ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[size > 0 ? size : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return error_set(
		error, -EBUSY,
		"%.*s is watched by another sombrero already, process %s: end it, or name another directory with "
		"--state",
		(int)(strlen(state->path) - strlen("/state.db")), state->path, *pid ? pid : "unknown");
}

int lock_take(struct state *state, struct error *error)
{
	int fd = open(state->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct flock lock = whole_file();
	int code;

	if (fd < 0)
		return error_set(error, -errno, "can't open %s: %s", state->lock_path, strerror(errno));
	if (fcntl(fd, F_OFD_SETLK, &lock)) {
		code = errno == EAGAIN || errno == EACCES
			       ? refuse(state, fd, error)
			       : error_set(error, -errno, "can't lock %s: %s", state->lock_path, strerror(errno));
		(void)close(fd);
		return code;
	}
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		code = error_set(error, -errno, "can't write %s: %s", state->lock_path, strerror(errno));
		(void)close(fd);
		return code;
	}
	state->lock = fd;
	return 0;
}

bool lock_is_held(const struct state *state)
{
	int fd = state->lock < 0 ? open(state->lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct flock lock = whole_file();
	bool held = state->lock >= 0;

	if (fd < 0)
		return held;
	held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	(void)close(fd);
	return held;
}
