/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of a policy's text are read; each part has its file. */
#ifndef POLICY_PARSE_PRIV_H
#define POLICY_PARSE_PRIV_H

#include "policy/policy_priv.h"
#include "policy/suggest_priv.h"
#include "policy/tree_priv.h"

#define PARSE_COUNT(array) (sizeof(array) / sizeof(*(array)))

struct parser {
	const char *name; /* of the text */
	struct error *error;
	struct policy *policy;
};

/* What is done with the value of a key. `into` is what the mapping fills. */
typedef int (*read_value)(struct parser *parser, const struct tree *value, void *into);

struct key {
	const char *name;
	read_value read;
	bool required;
};

/* Something that has keys, as errors call it. */
struct form {
	const char *what;    /* "a file rule" */
	const char *example; /* of one */
	const struct key *keys;
	size_t count;
	const char *const *later; /* NULL, or keys to come, ended by NULL: refused rather than ignored */
};

#define FAULT(parser_, place_, ...) tree_fault((parser_)->error, (parser_)->name, place_, __VA_ARGS__)

/* All return 0, -ENOMEM, or what tree_fault() does. */

/* What a value is, in an error's words. */
const char *parse_kind(const struct tree *value);

/* A word that is not among those known: which was meant, or which there are. */
int parse_unknown(struct parser *parser, struct place place, const char *what, const char *typed, suggest_word word,
		  const void *list, size_t count);

int parse_mapping(struct parser *parser, const struct tree *value, const struct form *form, void *into);

/* A mapping with exactly one of its keys. */
int parse_single(struct parser *parser, const struct tree *value, const struct form *form);

typedef int (*read_item)(struct parser *parser, const char *key, const struct tree *item, void *into);

/* A list of one item at least, or, where `alone`, one item without a list. */
int parse_list(struct parser *parser, const struct tree *value, bool alone, read_item read, void *into);

/* Is it a text? `expected` is what to write. */
int parse_text(struct parser *parser, const char *key, const struct tree *value, const char *expected);

int parse_flag(struct parser *parser, const struct tree *value, bool *flag);

/* The values of "model" and "networks". */
int parse_model(struct parser *parser, const struct tree *value, void *into);
int parse_networks(struct parser *parser, const struct tree *value, void *into);

#endif
