/* SPDX-License-Identifier: Apache-2.0 */
/* A command of `sombrero`: one file each, which opens with its entry. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdint.h>

/* Exit statuses. */
#define EXIT_CLEAN     0
#define EXIT_FAILED    1 /* something went wrong on the way */
#define EXIT_USAGE     2 /* the command line or an input file is not right */
#define EXIT_DEVIATION 3

struct command {
	const char *name;
	const char *summary;               /* one line */
	const char *usage;                 /* all the help, ended by a newline */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
};

extern const struct command command_learn, command_watch, command_model, command_status, command_host;
extern const struct command command_sessions, command_change, command_off;

/* Runs it, or prints its help if that is asked for. An exit status. */
int command_run(const struct command *command, int argc, char **argv);

/*
 * A line on standard error, after "sombrero: ", and one on standard output. What would move a terminal becomes a question mark:
 * names in it may come from anybody.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says that the command line is wrong and where help is; returns EXIT_USAGE. */
int usage_error(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* UTC, in nanoseconds since 1970. */
uint64_t now_ns(void);

/* "10s", "5m", "2h", "1d" or a bare number of seconds, into milliseconds. 0, or -EINVAL. */
int parse_duration(const char *text, long long *milliseconds);

#endif
