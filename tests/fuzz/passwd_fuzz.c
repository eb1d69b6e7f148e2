/* SPDX-License-Identifier: Apache-2.0 */
/* The passwd file of a container. The first two bytes are the uid that is asked for. */
#include <string.h>

#include "hostfile.h"
#include "sensor/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct users *users;

	if (size < 2)
		return 0;
	users = users_new();
	if (users &&
	    !users_name(users, 1, hostfile("etc/passwd", data + 2, size - 2), data[0] | (uint32_t)data[1] << 8))
		abort();
	users_free(users);
	return 0;
}
