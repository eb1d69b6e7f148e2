/* SPDX-License-Identifier: Apache-2.0 */
/* How much a finding matters: the words of rules, file rules and deviations alike. */
#ifndef EVENT_SEVERITY_H
#define EVENT_SEVERITY_H

/* In rising order; Sigma's levels. */
enum severity {
	SEVERITY_INFORMATIONAL,
	SEVERITY_LOW,
	SEVERITY_MEDIUM,
	SEVERITY_HIGH,
	SEVERITY_CRITICAL,
	SEVERITY_COUNT,
};

/* The word for it; NULL for a number without one. */
const char *severity_name(enum severity severity);

/* The severity of that name into *out. 0, or -EINVAL. */
int severity_parse(const char *name, enum severity *out);

#endif
