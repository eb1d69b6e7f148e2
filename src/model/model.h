/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model: the set of behaviours that a policy's hosts may show. docs/reference/model.md is the manual of its text.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/behaviour.h"
#include "model/fold_limits.h"
#include "model/rate.h"
#include "model/seen.h"

struct model;

/* A model line and what was seen of it. */
struct model_entry {
	struct behaviour behaviour; /* strings owned by the model */
	uint32_t line;              /* where it stood in the text that it was read from, from 1; 0: it was not read */
	uint64_t count;             /* observations since it was loaded or made; not part of the text */
	struct seen *seen;          /* owned by the model; NULL where nothing is known; not part of the text */
	struct rate *rate;          /* likewise; also NULL for a line with a pattern, which many behaviours may share */
};

struct model *model_new(void);
void model_free(struct model *model);

/* The entry for `behaviour`, or NULL. */
struct model_entry *model_find(const struct model *model, const struct behaviour *behaviour);

/*
 * Adds it unless it is there. *entry (may be NULL) is set to it either way. 1 added, 0 was there, -ENOMEM, or -EINVAL
 * for what no line of a model's text can say; behaviours_of() gives no such.
 */
int model_add(struct model *model, const struct behaviour *behaviour, struct model_entry **entry);

/* Is there any line for this context? */
bool model_has_context(const struct model *model, const struct behaviour *behaviour);

/*
 * Does the model allow it: the exact line, or a line whose program or object has `*` (one path segment or a part
 * of one) or `**` (any number) that covers it? The entry or NULL; the exact line before any pattern, and of several
 * patterns the one that was added first. Allocates nothing; its time is bounded whatever the patterns and the text.
 */
struct model_entry *model_match(const struct model *model, const struct behaviour *behaviour);

/*
 * Does the model say what behaviours of this kind are like in this context? Of `write` it says so where files were
 * watched while it was learned: the context has a line of that kind (it can be the one that says that it writes none),
 * or the model has one somewhere and doesn't know the context. Of the other kinds always.
 */
bool model_judges(const struct model *model, const struct behaviour *behaviour);

/*
 * So many different names in one directory are written as they are; more become one `*`: docs/reference/model.md.
 */
#define MODEL_NAMES_MAX 50

/* From now on it is folded by these limits, which it borrows; NULL: MODEL_NAMES_MAX everywhere, as it begins. */
void model_limit(struct model *model, const struct fold_limits *limits);
const struct fold_limits *model_limits(const struct model *model);

/*
 * Folds the written paths of each program that are too many in one directory, and forgets what others cover. What
 * comes of it depends on the set alone: folding parts of it before, or twice, changes nothing. Entries of `write`
 * before it are no longer good; what was seen of those that were folded, and their counts, are brought together. 0, or -ENOMEM: nothing is lost then.
 */
int model_fold(struct model *model);

/*
 * Adds all lines of `from`, and what was seen of them; counts stay as they are (statistics_merge() knows whether both
 * counted the same). 0 or -ENOMEM.
 */
int model_merge(struct model *into, const struct model *from);

/* Takes out each line of which `goes` says so; their entries are no longer good. How many they were. */
size_t model_remove(struct model *model, bool (*goes)(void *owner, const struct behaviour *behaviour), void *owner);

/*
 * What a context usually uses; made where it is missing (NULL when out of memory), or only found. `context` is any behaviour of it.
 * Owned by the model; not part of the text.
 */
struct usual *model_usual(struct model *model, const struct behaviour *context);
const struct usual *model_find_usual(const struct model *model, const struct behaviour *context);

/* Brings the rates and what is usual of `from` to the same lines and contexts of `into`, if they are there. 0 or -ENOMEM. */
int model_join_rates(struct model *into, const struct model *from, sketch_join *how);

/* All minutes that are counted are complete. 0 or -ENOMEM. */
int model_finish_rates(struct model *model);

size_t model_size(const struct model *model); /* in lines */

/*
 * Calls `visit` for each in canonical order, until it returns non-zero, and returns that. The model must not be added
 * to meanwhile.
 */
int model_each(struct model *model, int (*visit)(void *owner, struct model_entry *entry), void *owner);

/* Calls `visit` for each distinct context, in canonical order. `sample` is one of its behaviours. */
int model_each_context(struct model *model, int (*visit)(void *owner, const struct behaviour *sample), void *owner);

/* Calls `visit` for each of one context, likewise; `context` is any behaviour of it. */
int model_each_in(struct model *model, const struct behaviour *context,
		  int (*visit)(void *owner, struct model_entry *entry), void *owner);

/* … for each of the kind of `behaviour`, too. */
int model_each_alike(struct model *model, const struct behaviour *behaviour,
		     int (*visit)(void *owner, struct model_entry *entry), void *owner);

/* Appends the canonical text: the same set always gives the same bytes. 0, or -ENOMEM if `out` could not hold it. */
int model_print(struct model *model, struct buffer *out);

/* The largest text that is read, in bytes, and the most behaviours it may have. */
#define MODEL_TEXT_MAX  (64U * 1024 * 1024)
#define MODEL_LINES_MAX 1000000U

/*
 * Reads text into a new model; strict. Errors are -EINVAL with NAME:LINE:COLUMN: what is wrong and what was
 * expected; nothing is half read. Comments and blank lines are skipped; the order of lines does not matter.
 */
int model_parse(const char *name, const char *text, size_t size, struct model **out, struct error *error);

/*
 * Adds one line as it is given on a command line: "service nginx" and "connect /usr/sbin/nginx tcp 9000 loopback".
 * Errors as above, of "the context" or "the line".
 */
int model_parse_line(const char *context, const char *line, struct model *into, struct error *error);

/* model_parse of a file, which may be a pipe; errors name it. -ENOENT, -EFBIG and others with a text. */
int model_load(const char *path, struct model **out, struct error *error);

/*
 * Could a model be saved at that path, and is nothing lost by it but a model? To be asked before a week of learning. 0, or a
 * negative errno with what is in the way.
 */
int model_check_output(const char *path, struct error *error);

/*
 * Writes the canonical text to `path`: to a temporary file beside it, synced, renamed over it; on an error the old
 * file is as it was and nothing is left beside it. An old file's permissions are kept, a symbolic link is followed,
 * and what is there but not a regular file is -EINVAL.
 */
int model_save(struct model *model, const char *path, struct error *error);

#endif
