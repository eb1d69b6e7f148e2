/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one model allows and another doesn't, as a reviewer reads it: lines that belong together are one change, with
 * what follows from it. docs/reference/diff.md is the manual.
 */
#ifndef MODEL_DIFF_H
#define MODEL_DIFF_H

#include "base/buffer.h"
#include "model/model.h"
#include "model/severity.h"

enum change_kind {
	CHANGE_CONTEXT_ADDED,
	CHANGE_ADDED,
	CHANGE_WIDENED, /* a pattern came in the place of lines that it covers */
	CHANGE_NETWORK, /* the same port of the same program in another network */
	CHANGE_OWNER,   /* a program runs as another user */
	CHANGE_CONTEXT_RENAMED,
	CHANGE_RENAMED,  /* a program, and nothing else of its lines: another version */
	CHANGE_NARROWED, /* lines came in the place of a pattern that covers them */
	CHANGE_COVERED,  /* lines came or went that a pattern covers which stays */
	CHANGE_REMOVED,
	CHANGE_CONTEXT_REMOVED,
	CHANGE_KIND_COUNT,
};

struct change_line {
	const struct behaviour *behaviour; /* of one of the models */
	uint32_t number;                   /* in the text of that model; 0 where it was not read */
};

struct change_lines {
	struct change_line *item; /* in canonical order */
	size_t count, capacity;
};

/* Of one context, or of one that has another name now. */
struct change {
	enum change_kind kind;
	struct verdict verdict;            /* the worst of what was added; informational where nothing was */
	const struct behaviour *principal; /* the added line that is so bad, else the first removed one */
	struct change_lines added, removed;
};

/* Borrows the strings of both models. */
struct model_diff {
	struct change **change; /* by falling severity, then by kind, then in canonical order */
	size_t count;
	size_t added, removed; /* lines */
	size_t risky;          /* changes from SEVERITY_RISKY on */
	enum severity worst;   /* informational where there is no change */
};

/*
 * Compares. Each line that only one of the models has is in exactly one change, so that applying them to `old` gives `new`.
 * Both must be left as they are while the difference is used. 0, or -ENOMEM.
 */
int model_diff(struct model *old, struct model *new, struct model_diff **out);
void model_diff_free(struct model_diff *diff);

/* A new model: `old` without what was removed, with what was added. Borrows nothing. NULL when out of memory. */
struct model *model_diff_apply(const struct model_diff *diff, struct model *old);

/* "added", "new context" …: the word for a kind in JSON. */
const char *change_kind_name(enum change_kind kind);

/* How names are set apart in titles: appends `text`, which is escaped for terminals. */
typedef void (*change_name_writer)(struct buffer *out, const char *text);

/* As it is; what turns the direction of text or can't be seen is escaped, too: names shall be what they look like. */
void change_name_plain(struct buffer *out, const char *text);

/*
 * A change in one line, as a sentence: "service web now starts a shell: /bin/sh(-c) as www-data". The names in it, which
 * come from outside, are written by `name`.
 */
void change_title(struct buffer *out, const struct change *change, change_name_writer name);

/* "service web", as a model's text has it; "exec     /bin/sh(-c)" likewise. */
void change_context(struct buffer *out, const struct behaviour *behaviour);
void change_line(struct buffer *out, const struct behaviour *behaviour);

#endif
