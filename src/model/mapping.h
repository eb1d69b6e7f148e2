/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping: what is called differently where a model is used than where it was learned (in CI: as root, below /builds, in a
 * container, with everything on loopback). It makes another model of a model. docs/reference/policy.md is its manual.
 */
#ifndef MODEL_MAPPING_H
#define MODEL_MAPPING_H

#include "base/error.h"
#include "model/model.h"

struct mapping;

/* What a rule is about. */
enum mapping_part {
	MAPPING_PATH,      /* a directory or file: executables, scripts and written files, that and all below it */
	MAPPING_USER,      /* an owner, or who a program became */
	MAPPING_SERVICE,   /* the name of a service */
	MAPPING_JOB,       /* the name of a job */
	MAPPING_CONTAINER, /* "true" or "false": is the context in one */
	MAPPING_ACCEPT,    /* an object, as a model has it */
	MAPPING_CONNECT,
	MAPPING_LISTEN,
	MAPPING_PART_COUNT,
};

/* A line that is mapped to several becomes each of them. */
#define MAPPING_TO_MAX    8
#define MAPPING_RULES_MAX 1024

struct mapping_rule {
	enum mapping_part part;
	const char *from; /* as it was learned; in paths and objects `*` as in a model, but for `**` */
	const char *to[MAPPING_TO_MAX];
	size_t to_count;
	const char *service, *job; /* NULL, or the rule holds only there: the context's name, learned or mapped */
};

/* NULL when out of memory; NULL is fine to be freed. */
struct mapping *mapping_new(void);
void mapping_free(struct mapping *mapping);

/* Adds a copy; the first rule that fits a part of a line counts. 0, -ENOMEM, or -EINVAL with what is wrong with the rule. */
int mapping_add(struct mapping *mapping, const struct mapping_rule *rule, struct error *error);

/*
 * Calls `visit` for each behaviour that this one becomes, one at least, until it returns non-zero, and returns that; -ENOMEM.
 * Strings are good until `visit` returns. What would be too long for a model is cut off by it, not by this.
 */
int mapping_each(const struct mapping *mapping, const struct behaviour *behaviour,
		 int (*visit)(void *owner, const struct behaviour *image), void *owner);

/* Adds what each line of `from` becomes to `into`, and folds that. 0, -ENOMEM, or -EINVAL: a line became too long. */
int mapping_apply(const struct mapping *mapping, struct model *from, struct model *into);

/* The word for it in a policy; NULL for a number without one. */
const char *mapping_part_name(enum mapping_part part);

#endif
