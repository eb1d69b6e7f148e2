/* SPDX-License-Identifier: Apache-2.0 */
#include "event/severity.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const names[SEVERITY_COUNT] = {
	[SEVERITY_INFORMATIONAL] = "informational",
	[SEVERITY_LOW] = "low",
	[SEVERITY_MEDIUM] = "medium",
	[SEVERITY_HIGH] = "high",
	[SEVERITY_CRITICAL] = "critical",
};

const char *severity_name(enum severity severity)
{
	return (unsigned)severity < SEVERITY_COUNT ? names[severity] : NULL;
}

int severity_parse(const char *name, enum severity *out)
{
	for (int severity = 0; severity < SEVERITY_COUNT; severity++) {
		if (strcmp(name, names[severity]) == 0) {
			*out = (enum severity)severity;
			return 0;
		}
	}
	return -EINVAL;
}
