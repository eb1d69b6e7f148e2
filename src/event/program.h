/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What acts: the executable and, where that is an interpreter, what it interprets. A script named by a
 * #! line is trusted (the kernel opened it); one taken from argv is claimed (anyone can write an argv);
 * -c, -m, standard input and a program run through the dynamic loader are classes of their own.
 */
#ifndef EVENT_PROGRAM_H
#define EVENT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

enum script_kind {
	SCRIPT_NONE,    /* not an interpreter, or one that runs no script (php-fpm) */
	SCRIPT_TRUSTED, /* #!: `script` is its path */
	SCRIPT_CLAIMED, /* argv: `script` is the path it names, made absolute by cwd */
	SCRIPT_INLINE,  /* -c, -e: the code is in argv; `script` is "" */
	SCRIPT_MODULE,  /* python -m, java -cp … Main: `script` is the module's or class's name */
	SCRIPT_STDIN,   /* read from standard input or interactive; `script` is "" */
	SCRIPT_LOADER,  /* ld.so PROGRAM: `script` is the program it claims to load, "" if none */
	SCRIPT_UNKNOWN, /* an interpreter whose arguments we could not read */
	SCRIPT_KIND_COUNT,
};

struct program {
	const char *exe;    /* resolved executable; "memfd:NAME" where it has no path */
	const char *called; /* path as called, as the caller wrote it */
	enum script_kind script_kind;
	const char *script;
	/*
	 * The one text that models and people use, escaped, without blanks: EXE, EXE(#!SCRIPT),
	 * EXE(SCRIPT), EXE(-c), EXE(-m:NAME), EXE(stdin), EXE(ld.so:PROGRAM), EXE(?). Parentheses and
	 * blanks in paths are escaped as \xHH.
	 */
	const char *text;
};

struct program_facts {
	const char *exe, *called, *cwd;
	bool shebang;     /* started through a #! line: `called` is the script */
	const char *argv; /* arguments, each ended by NUL */
	size_t argv_size;
	bool argv_truncated; /* there were more: an interpreter's script that is not there may lie beyond */
};

/* Large enough for the two strings that program_classify() makes. */
#define PROGRAM_SCRIPT_MAX 4096
#define PROGRAM_TEXT_MAX   (4 * (4096 + PROGRAM_SCRIPT_MAX) + 32)

/* What program_classify() found; the caller copies what it keeps. */
struct program_class {
	enum script_kind kind;
	char script[PROGRAM_SCRIPT_MAX];
	char text[PROGRAM_TEXT_MAX];
};

/*
 * Looks at exe's name and, for an interpreter, at argv. Strings are hostile: anything parses to something, and a script
 * that is too long for its place makes SCRIPT_UNKNOWN.
 */
void program_classify(const struct program_facts *facts, struct program_class *out);

/*
 * The name that a service or job is called by after its main program: the base name of the script where there is a
 * trusted or claimed one, the module's name, else the base name of the path as called (links are not followed: nobody
 * says redis-check-rdb for redis-server). Borrowed from its argument.
 */
const char *program_name(const struct program *program);

/*
 * The base name of what really runs: the executable's, or of a busybox the applet's, whatever the caller called it; "" in
 * places where anyone may put a file. Only such a name may give rights. Borrowed from its argument.
 */
const char *program_executable(const struct program *program);

/* A shell that reads what to do from its standard input: where that is a terminal, somebody types. */
bool program_is_typed_shell(const struct program *program);

/*
 * True for a program that only passes on to another and so is transparent to contexts: a shell with
 * -c, env, sudo, timeout, xargs, nice, ionice, nohup, setsid, stdbuf, flock, chroot, run-parts,
 * start-stop-daemon, tini, dumb-init, gosu, su-exec, setpriv, runuser, time, chrt, taskset, prlimit …
 */
bool program_is_wrapper(const struct program *program);

const char *script_kind_name(enum script_kind kind);

#endif
