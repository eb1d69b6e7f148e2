/* SPDX-License-Identifier: Apache-2.0 */
#include "event/severity.h"

#include <stddef.h>

const char *severity_name(enum severity severity)
{
	static const char *const names[SEVERITY_COUNT] = {
		[SEVERITY_INFORMATIONAL] = "informational",
		[SEVERITY_LOW] = "low",
		[SEVERITY_MEDIUM] = "medium",
		[SEVERITY_HIGH] = "high",
		[SEVERITY_CRITICAL] = "critical",
	};

	return (unsigned)severity < SEVERITY_COUNT ? names[severity] : NULL;
}
