/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line of an authentication log says of logins: of sshd, and of what asks PAM (login, su, sudo …). A parser without a
 * state. Lines are hostile: who tries to log in chooses the user's name, and whoever may write to /dev/log the whole line, so what
 * they say must be checked against what the kernel saw.
 */
#ifndef SENSOR_AUTHLOG_H
#define SENSOR_AUTHLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer lines are no entry. */
#define AUTHLOG_LINE_MAX 8192
/* What is longer is cut. */
#define AUTHLOG_NAME_MAX 256

enum authlog_kind {
	AUTHLOG_NONE,
	AUTHLOG_ACCEPTED, /* sshd let somebody in */
	AUTHLOG_FAILED,   /* it, or PAM, did not */
	AUTHLOG_PROBED, /* an attempt that may yet be followed by another, which counts: no such user, a key that isn't known */
	AUTHLOG_GAVE_UP, /* the connection ended before anybody was let in; counts if nothing else of it did */
	AUTHLOG_REFUSED, /* a program's own word on what PAM has said already, where it asks PAM; counts likewise */
};

struct authlog_entry {
	enum authlog_kind kind;
	uint32_t pid;      /* as the host's own pid namespace counts; 0: the line has none */
	uint32_t attempts; /* at least 1 */
	uint8_t family;    /* AF_INET, AF_INET6; 0: the line has no address, or it can't be told which one is true */
	uint16_t port;     /* 0: none */
	uint8_t address[16];
	char service[64]; /* "sshd", "login", "su" … */
	char user[AUTHLOG_NAME_MAX];
	char method[64];
	char key[128]; /* "SHA256:…" */
	char certificate[AUTHLOG_NAME_MAX];
	char tty[64];
};

/*
 * A line as syslog daemons write it, without its newline: with the time as in RFC 3164 or RFC 3339, or all of it as in RFC 5424.
 * False for what says nothing of logins.
 */
bool authlog_parse_line(const char *line, size_t size, struct authlog_entry *out);

/* A message, and who says to have sent it. */
bool authlog_parse_message(const char *program, uint32_t pid, const char *message, size_t size,
			   struct authlog_entry *out);

/*
 * A line of `journalctl -o json`. Counts only what journald says of the sender: root's sshd and login, and su and sudo where the
 * system has them. *time_ns: when journald got it, since 1970.
 */
bool authlog_parse_journal(const char *line, size_t size, struct authlog_entry *out, uint64_t *time_ns);

#endif
