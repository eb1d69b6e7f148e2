/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cover_priv.h"

#include <string.h>

/*
 * May a star take what begins at `text`? None leaves its word or a program's parentheses; a single one doesn't leave its
 * segment, and so doesn't stand for two.
 */
static bool takes(bool deep, const char *text)
{
	char c = *text;

	if (c == '\0' || c == ' ' || c == '(' || c == ')')
		return false;
	return deep || (c != '/' && !(c == '*' && text[1] == '*'));
}

/* A star that was passed: where to go on if what follows doesn't match, after it took more. */
struct star {
	const char *pattern; /* after it; NULL: none was passed */
	const char *text;    /* after what it has taken */
	bool segments;       /* it takes whole segments with their slash, at first none */
};

/* Lets the star take one more character, or segment. False if it can't. */
static bool take_more(struct star *star, bool deep)
{
	if (!star->pattern)
		return false;
	do {
		if (!takes(deep, star->text))
			return false;
	} while (*star->text++ != '/' && star->segments);
	return true;
}

/* Passes the star at `pattern`; false if it finds nothing to take. */
static bool pass_star(const char *pattern, const char *text, bool begins_segment, struct star *star)
{
	bool deep = pattern[1] == '*';

	*star = (struct star) { .pattern = pattern + 1 + deep, .text = text };
	if (deep && begins_segment && pattern[2] == '/') {
		star->pattern++;
		star->segments = true;
		return true;
	}
	return take_more(star, deep);
}

/*
 * Only the last star of either sort is ever tried again: it can take whatever an earlier one could have left to it.
 * So the time is the product of the lengths at worst, not exponential.
 */
bool pattern_covers(const char *pattern, const char *text)
{
	const char *start = pattern;
	struct star shallow = { 0 }, deep = { 0 };

	for (;;) {
		if (*pattern == '*') {
			bool begins_segment = pattern == start || pattern[-1] == '/';
			struct star *star = pattern[1] == '*' ? &deep : &shallow;

			if (star == &deep)
				shallow.pattern = NULL;
			if (pass_star(pattern, text, begins_segment, star)) {
				pattern = star->pattern;
				text = star->text;
				continue;
			}
			star->pattern = NULL;
		} else if (*pattern == *text) {
			if (!*pattern)
				return true;
			pattern++;
			text++;
			continue;
		}
		if (take_more(&shallow, false)) {
			pattern = shallow.pattern;
			text = shallow.text;
		} else if (take_more(&deep, true)) {
			shallow.pattern = NULL;
			pattern = deep.pattern;
			text = deep.text;
		} else {
			return false;
		}
	}
}

bool behaviour_is_pattern(const struct behaviour *behaviour)
{
	return strchr(behaviour->program, '*') || strchr(behaviour->object, '*');
}

bool behaviour_covers(const struct behaviour *line, const struct behaviour *behaviour)
{
	return line->kind == behaviour->kind && pattern_covers(line->program, behaviour->program) &&
	       pattern_covers(line->object, behaviour->object);
}
