/* SPDX-License-Identifier: Apache-2.0 */
#include "act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void say_at(const char *place, long detail)
{
	(void)printf("at %s %d %ld\n", place, (int)getpid(), detail);
	(void)fflush(stdout);
}

void pause_at(const char *place, long detail)
{
	char byte;

	say_at(place, detail);
	/* Whoever tests us is gone: so is the reason to go on. */
	if (read(STDIN_FILENO, &byte, 1) != 1)
		_exit(125);
}

_Noreturn void give_up(const char *what)
{
	perror(what);
	_exit(126);
}

long must(long result, const char *what)
{
	if (result == -1)
		give_up(what);
	return result;
}

int main(int argc, char **argv)
{
	const struct act *const tables[] = { process_acts, network_acts, server_acts };
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct act *act = tables[i]; act->name; act++) {
			if (!strcmp(act->name, name) && argc - 2 >= act->count)
				return act->run(argc - 2, argv + 2);
			if (!*name)
				(void)fprintf(stderr, "act %s %s\n", act->name, act->arguments);
		}
	}
	(void)fprintf(stderr, "act: no such act, or too few arguments: %s\n", name);
	return 2;
}
