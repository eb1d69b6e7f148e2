/* SPDX-License-Identifier: Apache-2.0 */
/* Which known word somebody meant who mistyped one. */
#ifndef POLICY_SUGGEST_PRIV_H
#define POLICY_SUGGEST_PRIV_H

#include <stddef.h>

/* The word at an index of a list, NULL for one that has no word. */
typedef const char *(*suggest_word)(const void *list, size_t index);

/* The nearest of the words, borrowed from the list; NULL if none is near. */
const char *suggest(const char *typed, suggest_word word, const void *list, size_t count);

#endif
