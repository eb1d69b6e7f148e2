/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files below a root that is not ours: a container's, whose owner may be hostile. Every symbolic link and ".." is
 * resolved as if that root were "/" (openat2 with RESOLVE_IN_ROOT), so nothing leads out of it. Only regular files are
 * opened: the file is looked at (O_PATH) before it is opened, so that no pipe blocks us and no device notices us. A FUSE
 * file system that a user mounted in a user namespace can't hang us either: the kernel keeps root out of it.
 */
#ifndef SENSOR_ROOTED_H
#define SENSOR_ROOTED_H

#include <dirent.h>
#include <stddef.h>
#include <sys/stat.h>

/* The directory `root` ("" for ours) to resolve paths in: a file descriptor, or a negative errno. */
int rooted_open_root(const char *root);

/* A place to look at (O_PATH) or a directory to list, if `flags` say so; a file descriptor, or a negative errno. */
int rooted_open(int root, const char *path, int flags);

/* A directory, to list and close: NULL where there is none. */
DIR *rooted_open_directory(int root, const char *path);

/* A regular file, to read; *status (may be NULL) is what it is. A file descriptor, or a negative errno: -EINVAL for others. */
int rooted_open_file(int root, const char *path, struct stat *status);

#endif
