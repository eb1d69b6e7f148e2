/* SPDX-License-Identifier: Apache-2.0 */
/* A root directory with one file in it, for targets whose parser reads files itself. */
#ifndef FUZZ_HOSTFILE_H
#define FUZZ_HOSTFILE_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char hostfile_root[] = "/dev/shm/sombrero-fuzz-XXXXXX", hostfile_path[128];

static void hostfile_remove(void)
{
	char path[64];

	(void)unlink(hostfile_path);
	(void)snprintf(path, sizeof(path), "%s/etc/systemd/system", hostfile_root);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/etc/systemd", hostfile_root);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/etc", hostfile_root);
	(void)rmdir(path);
	(void)rmdir(hostfile_root);
}

/* The file `name` (of at most three directories below /etc) holds `data`; returns the root. */
static const char *hostfile(const char *name, const uint8_t *data, size_t size)
{
	static const char *const directories[] = { "etc", "etc/systemd", "etc/systemd/system" };
	char path[128];
	int file;

	if (!hostfile_path[0]) {
		if (!mkdtemp(hostfile_root))
			abort();
		for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
			(void)snprintf(path, sizeof(path), "%s/%s", hostfile_root, directories[i]);
			if (mkdir(path, 0700))
				abort();
		}
		(void)snprintf(hostfile_path, sizeof(hostfile_path), "%s/%s", hostfile_root, name);
		(void)atexit(hostfile_remove);
	}
	file = open(hostfile_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0 || write(file, data, size) != (ssize_t)size)
		abort();
	(void)close(file);
	return hostfile_root;
}

#endif
