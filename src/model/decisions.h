/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions: who accepted or forbade which behaviour, when and why. They stand beside a model and hold for every version of
 * it. docs/reference/decisions.md is the manual of their text.
 */
#ifndef MODEL_DECISIONS_H
#define MODEL_DECISIONS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/model.h"

enum decision_kind {
	DECISION_ACCEPT, /* as if the model had the line */
	DECISION_FORBID, /* a finding, whatever the model says */
	DECISION_REVOKE, /* takes back what was decided before about the lines that it covers */
	DECISION_KIND_COUNT,
};

/* Room for each text, its NUL byte included. */
#define DECISION_WHO_MAX    512
#define DECISION_REASON_MAX 1024

struct decision {
	struct behaviour behaviour; /* a line as a model has it, perhaps with stars; strings owned by the decisions */
	enum decision_kind kind;
	int64_t time;       /* seconds since 1970 */
	const char *who;    /* one word, escaped as in a model's text */
	const char *reason; /* one line of printable UTF-8, without blanks at its ends, not empty */
};

struct decisions;

/* NULL when out of memory; NULL is fine to be freed. */
struct decisions *decisions_new(void);
void decisions_free(struct decisions *decisions);

/*
 * Adds a copy, unless it is there. 1 added, 0 was there, -ENOMEM, or -EINVAL for what the text can't say. The time is
 * linear in the decisions of its kind of behaviour and context.
 */
int decisions_add(struct decisions *decisions, const struct decision *decision);

/* Adds all of `from`. 0 or -ENOMEM. */
int decisions_merge(struct decisions *into, const struct decisions *from);

size_t decisions_size(const struct decisions *decisions);

/* When the newest was made; 0 where there is none. */
int64_t decisions_newest(const struct decisions *decisions);

/*
 * The decision that counts for a behaviour, or for all that a line covers: of those that cover it and were not revoked the
 * newest, at the same second a forbidding one. An accepting or forbidding one, or NULL: nothing is decided. Allocates nothing.
 */
const struct decision *decisions_about(const struct decisions *decisions, const struct behaviour *behaviour);
/* How many a revoking decision would take back. */
size_t decisions_revoked_by(const struct decisions *decisions, const struct decision *revoke);

bool decisions_forbid(const struct decisions *decisions, const struct behaviour *behaviour);

/*
 * Makes of a model what is judged by: adds the lines that are accepted, and takes out those of which all is forbidden. A
 * line with a star of which only a part is forbidden stays, so whoever judges asks decisions_forbid() first. 0 or -ENOMEM.
 */
int decisions_apply(const struct decisions *decisions, struct model *model);

/* Calls `visit` for each in canonical order, until it returns non-zero, and returns that. */
int decisions_each(struct decisions *decisions, int (*visit)(void *owner, const struct decision *decision),
		   void *owner);

/* The largest text that is read, in bytes, and the most decisions it may have. */
#define DECISIONS_TEXT_MAX (16U * 1024 * 1024)
#define DECISIONS_MAX      100000U
/* The most of them about one line: each is compared with the others. */
#define DECISIONS_OF_LINE_MAX 1000U

/* How many are about this very line. */
size_t decisions_of_line(const struct decisions *decisions, const struct behaviour *behaviour);

/* Appends the canonical text: the same set always gives the same bytes. 0 or -ENOMEM. */
int decisions_print(struct decisions *decisions, struct buffer *out);

/* As model_parse(), model_load() and model_save(). */
int decisions_parse(const char *name, const char *text, size_t size, struct decisions **out, struct error *error);
int decisions_load(const char *path, struct decisions **out, struct error *error);
int decisions_save(struct decisions *decisions, const char *path, struct error *error);

/* The word for it in the text; NULL for a number without one. */
const char *decision_kind_name(enum decision_kind kind);

/* "2026-11-24T10:00:00Z" */
#define DECISION_TIME_MAX 32
/* The end of the year 9999, the last that can be written: seconds since 1970. */
#define DECISION_TIME_LAST INT64_C(253402300799)
void decision_time(int64_t time, char out[DECISION_TIME_MAX]);

#endif
