/* SPDX-License-Identifier: Apache-2.0 */
/* A mountinfo file, as a container's mounts make it: what is found is an absolute path that fits. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sensor/overlay_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const char *mounts, const char *path, size_t room)
{
	char *out = malloc(room);
	int status;

	if (!out)
		abort();
	status = overlay_upper(mounts, makedev(0, 45), path, out, room);
	if (status && status != -ENOENT && status != -ENAMETOOLONG)
		abort();
	if (!status && (!memchr(out, '\0', room) || out[0] != '/'))
		abort();
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *mounts = malloc(size + 1);

	if (!mounts)
		abort();
	if (size)
		memcpy(mounts, data, size);
	mounts[size] = '\0';
	look_up(mounts, "/", 4096);
	look_up(mounts, "/srv/app", 4096);
	look_up(mounts, "/mnt/a b/x", 64);
	look_up(mounts, "/srv", 1);
	free(mounts);
	return 0;
}
