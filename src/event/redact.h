/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets out of arguments before anything else sees them: what follows --password, -p in programs
 * known for it (mysql, sshpass …), KEY=value with a telling key (password, token, secret, api key …), user:password@
 * in a URL, an Authorization header, and what looks like a key by itself (AWS, GitHub, Slack, JWT, PEM). Each becomes ***.
 */
#ifndef EVENT_REDACT_H
#define EVENT_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Redacts in place; a secret shorter than *** leaves room, so the result is never longer. Returns the new size;
 * *found (may be NULL) tells whether anything went. argv is arguments each ended by NUL; argv[0] decides
 * about program-specific options.
 */
size_t redact_argv(char *argv, size_t size, bool *found);

/* A text whose lines are redacted one after another: a secret can go over several. {0} before the first. */
struct redact_text {
	bool in_pem;   /* between -----BEGIN and -----END */
	bool in_block; /* below a name that tells, which has no value in its own line: what stands further right is its */
	bool whole;    /* … as a text; else as members and items */
	size_t indent;  /* of that name's line */
	bool item;      /* … which is a list's item */
	bool names_one; /* the last line was `name: DB_PASSWORD`: the next one's value is it */
};

/*
 * Redacts a line of a file, without its newline, in place; as above, it is never longer after. Knows key = value and
 * key: value with and without quotes, JSON, YAML with blocks, XML, calls (define('PASSWORD', 'x')), .netrc, hashes as in
 * /etc/shadow, PEM as a whole, and all that arguments can have. A line of a file errs further on the side of hiding: what
 * its name tells of is hidden to the line's end.
 */
size_t redact_line(struct redact_text *text, char *bytes, size_t size, bool *found);

/* Tells it of a line that it did not see to its end: whether a block of PEM began or ended there. After redact_line(). */
void redact_rest(struct redact_text *text, const char *line, size_t size);

#endif
