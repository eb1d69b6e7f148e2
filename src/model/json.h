/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as JSON, for programs, and the behaviours of findings, as `sombrero watch --json` prints them. docs/reference/model.md
 * describes both. All texts are as in a model's text, escapes included.
 */
#ifndef MODEL_JSON_H
#define MODEL_JSON_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/model.h"

/* Appends one object and a newline: the same set always gives the same bytes. 0 or -ENOMEM. */
int model_json_write(struct model *model, struct buffer *out);

/* Reads what model_json_write() wrote; strict. -EINVAL with NAME and where it is, -ENOMEM. */
int model_json_read(const char *name, const char *text, size_t size, struct model **out, struct error *error);

/* The longest line with a finding, in bytes. */
#define MODEL_JSON_FINDING_MAX (4U * 1024 * 1024)

/* What kind of finding it is, as docs/reference/events.md has it, its NUL byte included. */
#define MODEL_JSON_KIND_MAX 64

/*
 * Adds the behaviours of a finding, which is line `number` of `name`, to `into`. What a newer Sombrero may say besides is
 * skipped. How many it has: 0 for a finding that is about no behaviours; -EINVAL with NAME:LINE, -ENOMEM.
 */
int model_json_finding(const char *name, size_t number, const char *line, size_t size, struct model *into,
		       char kind[MODEL_JSON_KIND_MAX], struct error *error);

#endif
