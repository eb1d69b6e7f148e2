/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"

static const struct command *const commands[] = { &command_learn,  &command_watch,    &command_model,  &command_host,
						  &command_status, &command_sessions, &command_change, &command_off };

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* Replaces what moves a terminal (C0, DEL, C1) by question marks. */
static void make_harmless(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
			at[0] = at[1] = '?';
	}
}

static void __attribute__((format(printf, 3, 0)))
print_line(FILE *to, const char *before, const char *format, va_list arguments)
{
	char text[4096];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	make_harmless(text);
	(void)fprintf(to, "%s%s\n", before, text);
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(stderr, "sombrero: ", format, arguments);
	va_end(arguments);
}

void tell(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(stdout, "", format, arguments);
	va_end(arguments);
}

int usage_error(const struct command *command, const char *format, ...)
{
	va_list arguments;

	(void)fprintf(stderr, "sombrero %s: ", command->name);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fprintf(stderr, "\nTry: sombrero %s --help\n", command->name);
	return EXIT_USAGE;
}

uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

int parse_duration(const char *text, long long *milliseconds)
{
	static const struct {
		char unit;
		long long factor;
	} units[] = { { '\0', 1000 }, { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || value <= 0 || value > LLONG_MAX / 86400000 || (*end && end[1]))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end == units[i].unit) {
			*milliseconds = value * units[i].factor;
			return 0;
		}
	}
	return -EINVAL;
}

static void print_help(FILE *to)
{
	(void)fputs("sombrero learns what a group of like servers does, and reports anything else.\n\n"
		    "Usage: sombrero COMMAND [OPTION…]\n\n",
		    to);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		(void)fprintf(to, "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
	(void)fputs("\nHelp on a command: sombrero COMMAND --help. Manuals: man sombrero, man sombrero-COMMAND.\n", to);
}

int command_run(const struct command *command, int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		(void)fputs(command->usage, stdout);
		return EXIT_CLEAN;
	}
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	/* A reader that goes away must not keep us from taking our cgroup away: writing says it. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Whoever started us may ignore it, and then no child of ours could be waited for. */
	(void)signal(SIGCHLD, SIG_DFL);

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(stdout);
		return EXIT_CLEAN;
	}
	if (!strcmp(name, "--version")) {
		(void)puts("sombrero " SOMBRERO_VERSION);
		return EXIT_CLEAN;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!strcmp(name, commands[i]->name))
			return command_run(commands[i], argc - 1, argv + 1);
	}
	if (*name)
		(void)fprintf(stderr, "sombrero: there is no command '%s'\n", name);
	print_help(stderr);
	return EXIT_USAGE;
}
