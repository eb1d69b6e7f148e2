/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the kernel, or whoever may name a cgroup, says of where a process lives: facts within their limits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void check_text(const char *text)
{
	const char *end = memchr(text, '\0', CGROUP_NAME_MAX);

	CHECK(end);
	CHECK(!strchr(text, '/')); /* a name is used to find files */
}

static void check_facts(const char *path)
{
	struct cgroup_facts facts, again;

	memset(&facts, 0x5a, sizeof(facts));
	cgroup_parse(path, &facts);
	check_text(facts.unit);
	check_text(facts.container);
	check_text(facts.change);
	cgroup_parse(path, &again);
	CHECK(strcmp(facts.unit, again.unit) == 0 && strcmp(facts.container, again.container) == 0 &&
	      strcmp(facts.change, again.change) == 0 && facts.session == again.session);
}

/* A cgroup is below itself, below each one on its way, and below the root. */
static void check_below(char *path)
{
	CHECK(cgroup_is_below(path, path));
	CHECK(cgroup_is_below(path, "/"));
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		CHECK(cgroup_is_below(path, path));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = malloc(size + 1);

	if (!path)
		return 0;
	if (size)
		memcpy(path, data, size);
	path[size] = '\0';
	check_facts(path);
	check_below(path);
	free(path);
	return 0;
}
