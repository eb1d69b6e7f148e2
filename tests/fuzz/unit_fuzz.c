/* SPDX-License-Identifier: Apache-2.0 */
/* Unit files, as a container's root may hold them. */
#include <string.h>

#include "hostfile.h"
#include "sensor/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unit_facts facts;

	unit_read(hostfile("etc/systemd/system/x@.service", data, size), "x@y.service", &facts);
	if (!memchr(facts.main_program, '\0', sizeof(facts.main_program)) || strchr(facts.main_program, '/'))
		abort();
	return 0;
}
