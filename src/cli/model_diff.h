/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which `sombrero model diff` prints a difference; one file each. docs/reference/diff.md is their manual. */
#ifndef CLI_MODEL_DIFF_H
#define CLI_MODEL_DIFF_H

#include <jansson.h>

#include "base/buffer.h"
#include "model/diff.h"

enum diff_fail { DIFF_FAIL_NEVER, DIFF_FAIL_RISKY, DIFF_FAIL_ANY };

/* A difference, and what is said about it as a whole. Borrows all. */
struct diff_report {
	const struct model_diff *diff;
	const char *old_name, *new_name; /* of the files, as they were called: any bytes */
	size_t old_lines, new_lines;
	enum diff_fail fail;
};

struct diff_format {
	const char *name;
	/* Appends the whole text. 0, or -ENOMEM. */
	int (*print)(struct buffer *out, const struct diff_report *report);
};

extern const struct diff_format diff_as_text, diff_as_markdown, diff_as_json, diff_as_junit, diff_as_sarif;

/* Does this change fail the command? And anything? */
bool diff_change_fails(const struct diff_report *report, const struct change *change);
bool diff_fails(const struct diff_report *report);

/* Appends it as text with a newline, and lets go of it; NULL is -ENOMEM. 0, or -ENOMEM. */
int diff_put_json(struct buffer *out, json_t *json);

/* Appends bytes from outside as valid UTF-8, without controls. */
void diff_name(struct buffer *out, const char *name);

/* Room for a SHA-256 as hexadecimal digits. */
#define DIFF_FINGERPRINT_SIZE 65

/*
 * The SHA-256 of the principal line below its context, as a model's text has both. The same news has the same
 * fingerprint in each difference. 0, or -ENOMEM.
 */
int diff_fingerprint(const struct change *change, char out[DIFF_FINGERPRINT_SIZE]);

/* The lines of a change, each after "+ " or "- " and `margin`; at most `maximum`, and how many more there are. */
void diff_lines(struct buffer *out, const struct change *change, const char *margin, size_t maximum);

/* Do its lines say more than its title? */
bool diff_has_more(const struct change *change);

#endif
