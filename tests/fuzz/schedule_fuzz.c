/* SPDX-License-Identifier: Apache-2.0 */
/* Crontabs, as a container's root may hold them, and what timers say of time. */
#include <string.h>

#include "hostfile.h"
#include "sensor/schedule.h"

static void look(void *owner, const char *unit, const char *job, uint32_t period)
{
	unsigned *told = owner;

	(void)period;
	if (!job[0] || strchr(job, '/') || unit[0] || ++*told > SCHEDULE_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned told = 0;
	char text[256];

	schedule_crontabs(hostfile("etc/crontab", data, size), look, &told);
	(void)snprintf(text, sizeof(text), "%.*s", (int)(size < 255 ? size : 255), (const char *)data);
	(void)schedule_calendar(text);
	(void)schedule_span(text);
	return 0;
}
