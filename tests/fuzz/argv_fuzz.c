/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments as a hostile program gives them: classified, and cleared of secrets. The first byte chooses the program. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/program.h"
#include "event/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const programs[] = { "/usr/bin/bash", "/usr/bin/python3.11", "/usr/bin/perl",
						"/usr/bin/java", "/usr/bin/node",       "/bin/busybox",
						"/usr/bin/curl", "/usr/bin/mysql",      "/lib/ld-linux-x86-64.so.2",
						"/usr/bin/id" };
	static struct program_class class;
	struct program_facts facts = { .called = "./x", .cwd = "/srv" };
	bool found;
	char *argv;

	if (!size)
		return 0;
	argv = malloc(size);
	if (!argv)
		return 0;
	facts.exe = programs[data[0] % (sizeof(programs) / sizeof(programs[0]))];
	facts.shebang = data[0] & 0x80;
	facts.argv_size = size - 1;
	memcpy(argv, data + 1, size - 1);
	facts.argv = argv;
	program_classify(&facts, &class);
	if (strlen(class.text) >= sizeof(class.text) || redact_argv(argv, size - 1, &found) > size - 1)
		abort();
	free(argv);
	return 0;
}
