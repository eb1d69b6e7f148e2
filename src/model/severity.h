/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much it matters that a model lacks a behaviour, and what follows from it. One table in severity.c says so:
 * docs/reference/severity.md is the same table in words.
 */
#ifndef MODEL_SEVERITY_H
#define MODEL_SEVERITY_H

#include "base/buffer.h"
#include "event/severity.h"
#include "model/model.h"

struct verdict {
	enum severity severity;
	const char *rule;        /* the table's row: "shell", for good, since others keep it; static */
	const char *consequence; /* what the context does, as a clause without a subject: "starts a shell"; static */
};

/*
 * Of a behaviour that is new to its context. `known` is the model that lacks it: whether it matters that a service
 * starts a shell depends on whether it starts others (NULL: nothing is known). In a context that it does not know the
 * behaviour is judged as part of that news, and the context itself by context_severity(). Allocates nothing; its time
 * is that of a walk over the context's lines of that kind, the first 2048. (Not const: walking sorts it.)
 */
void behaviour_severity(const struct behaviour *behaviour, struct model *known, struct verdict *out);

/*
 * Of a line that a model is to have, which may be a pattern: then it is judged as the worst that it covers. What happened
 * is no pattern, though a star stands for a number in it: that is behaviour_severity()'s.
 */
void line_severity(const struct behaviour *line, struct model *known, struct verdict *out);

/* Of a context that is new as such; `sample` is one of its behaviours, best the first that was seen. */
void context_severity(const struct behaviour *sample, struct verdict *out);

/* The worse of two; `one` where they are the same. */
const struct verdict *verdict_worse(const struct verdict *one, const struct verdict *other);

/* From this severity on a person should look. */
#define SEVERITY_RISKY SEVERITY_MEDIUM

/* How many rows the table has; what a row's rule and consequence are, for 0 ≤ row < severity_rows(). */
size_t severity_rows(void);
void severity_row(size_t row, struct verdict *out);

/* Appends the table as Markdown, with the lists of names below it: what docs/reference/severity.md has. */
void severity_print(struct buffer *out);

#endif
