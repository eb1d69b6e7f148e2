/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/statistics.h"

static bool read_number(const char *text, double low, double high, double *out)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= low && value <= high))
		return false;
	*out = value;
	return true;
}

static bool read_count(const char *text, unsigned *out)
{
	double value;

	if (!read_number(text, 0, 10000, &value) || value != (unsigned)value)
		return false;
	*out = (unsigned)value;
	return true;
}

static bool waive(const char *name, struct coverage_wanted *out)
{
	for (unsigned i = 0; i < OCCASION_COUNT; i++) {
		if (strcmp(name, occasion_name(i)) == 0) {
			out->without |= 1U << i;
			return true;
		}
	}
	if (strcmp(name, "schedule") == 0)
		out->without_schedule = true;
	else if (strcmp(name, "week") == 0)
		out->week = false;
	else
		return false;
	return true;
}

static bool read_without(char *names, struct coverage_wanted *out)
{
	char *rest = NULL;

	for (char *name = strtok_r(names, "+", &rest); name; name = strtok_r(NULL, "+", &rest)) {
		if (!waive(name, out))
			return false;
	}
	return true;
}

static bool read_part(char *part, struct coverage_wanted *out)
{
	char *value = strchr(part, '=');

	if (!value)
		return strcmp(part, "enough") == 0;
	*value++ = '\0';
	if (strcmp(part, "coverage") == 0)
		return read_number(value, 0, 1, &out->coverage);
	if (strcmp(part, "news") == 0)
		return read_number(value, 0, 1e9, &out->news);
	if (strcmp(part, "hosts") == 0)
		return read_count(value, &out->hosts);
	if (strcmp(part, "occasions") == 0)
		return read_count(value, &out->repeats);
	return strcmp(part, "without") == 0 && read_without(value, out);
}

int until_parse(const struct command *command, const char *text, struct coverage_wanted *out)
{
	char copy[512], *rest = NULL;

	*out = coverage_enough;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%s", part);
		if (!read_part(part, out))
			return usage_error(command,
					   "--until takes 'enough' or coverage=0.999,news=0.05,hosts=3,occasions=2 and "
					   "without=boot+change+upgrade+rotation+schedule+week, not '%s'",
					   name);
	}
	return 0;
}
