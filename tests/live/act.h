/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts: each does one thing that the sensor must see, and nothing else. Where its test wants to look at /proc first, an
 * act says `at PLACE PID DETAIL` on standard output and goes on when it gets a byte on standard input.
 */
#ifndef TESTS_LIVE_ACT_H
#define TESTS_LIVE_ACT_H

struct act {
	const char *name, *arguments;
	int count; /* of arguments, at least */
	int (*run)(int argc, char **argv);
};

extern const struct act process_acts[], network_acts[], server_acts[];

/* Says where the act is. */
void say_at(const char *place, long detail);

/* Says where the act is, and waits to be let on. */
void pause_at(const char *place, long detail);

/* Ends the act, with what failed and why. */
_Noreturn void give_up(const char *what);

/* What a system call returned; gives up where that is -1. */
long must(long result, const char *what);

#endif
