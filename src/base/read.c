/* SPDX-License-Identifier: Apache-2.0 */
#include "base/read.h"

#include <errno.h>
#include <unistd.h>

int read_whole(int file, size_t maximum, struct buffer *out)
{
	char chunk[4096];
	size_t total = 0;

	for (;;) {
		ssize_t size = read(file, chunk, sizeof(chunk));

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size < 0 ? -errno : 0;
		if ((size_t)size > maximum - total) {
			buffer_append(out, chunk, maximum - total);
			return -EFBIG;
		}
		buffer_append(out, chunk, (size_t)size);
		if (out->failed)
			return -ENOMEM;
		total += (size_t)size;
	}
}
