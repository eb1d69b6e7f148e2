/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of paths and names, as people write them in a policy:
 *
 *	*       any run of characters but '/', also none
 *	**      any run of characters, '/' among them
 *	?       one character but '/'
 *	[abc]   one of these, [a-z] one of a range, [!abc] one but these; never '/'
 *	\c      the character c, whatever it is
 *
 * A dot at the start of a name is a character like others. A pattern that ends in "/" "**" matches the directory before
 * it, too, and "**" as a whole segment also no segment. A character is one of UTF-8, or a byte that is not valid there.
 */
#ifndef POLICY_GLOB_H
#define POLICY_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The longest pattern, in bytes. Texts may be longer: a directory can be as deep as somebody likes. */
#define GLOB_MAX 4095

/* The time is at worst the product of both lengths: all ways to match are followed at once (Thompson, 1968). */
bool glob_match(const char *pattern, const char *text);

/* Could the pattern match something below `directory` (without a slash at its end, "" for the root)? */
bool glob_reaches(const char *pattern, const char *directory);

/*
 * The longest directory before anything that the pattern leaves open: "/srv/app" of "/srv/app/" "**", "/etc" of
 * "/etc/passwd", "/" of "/" "**". `out` has room for as many bytes as the pattern with its NUL has.
 */
void glob_root(const char *pattern, char *out);

/*
 * Is it a pattern of absolute paths, as the kernel writes them? Another would match nothing, ever. 0, or -EINVAL with
 * what is wrong and what to do, to be put after a place and "the pattern".
 */
int glob_check(const char *pattern, struct error *error);

/* The same for a pattern of names: only its form. */
int glob_check_name(const char *pattern, struct error *error);

#endif
