/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict part of YAML that a policy is written in, as a tree: texts, lists and mappings, and where each stands. No
 * aliases and anchors, tags, merge keys or second documents; no key twice; depth, size and number bounded.
 */
#ifndef POLICY_TREE_PRIV_H
#define POLICY_TREE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define TREE_DEPTH_MAX   16
#define TREE_NODES_MAX   65536
#define TREE_MEMBERS_MAX 64 /* of one mapping: it is searched from end to end */

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAPPING };

/* Counted from 1, in characters. */
struct place {
	size_t line, column;
};

struct tree {
	enum tree_kind kind;
	struct place place;
	bool plain; /* a text without quotes, so that true is no word */
	char *text; /* owned; of TREE_TEXT; without a NUL byte in it */
	char *key;  /* owned; of a mapping's member, else NULL */
	struct place key_place;
	struct tree *first, *next; /* owned: its first item or member; the next one of the same parent */
};

/* 0, -EINVAL with NAME:LINE:COLUMN and what is wrong, or -ENOMEM. A text without anything is an empty mapping. */
int tree_read(const char *name, const char *text, size_t size, struct tree **out, struct error *error);

/* NULL is fine. */
void tree_free(struct tree *tree);

/* Writes "NAME:LINE:COLUMN: " and the text; returns -EINVAL. */
int tree_fault(struct error *error, const char *name, struct place place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A text from outside as errors show it: escaped, and cut where it is long. */
struct shown {
	char text[4 * 64 + sizeof("…")];
};

struct shown tree_show(const char *text);

#endif
