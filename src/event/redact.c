/* SPDX-License-Identifier: Apache-2.0 */
#include "event/redact.h"

size_t redact_argv(char *argv, size_t size, bool *found)
{
	(void)argv;
	if (found)
		*found = false;
	return size;
}
