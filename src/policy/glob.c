/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state is a place in the pattern. Reading the text character by character, all states that the pattern can be in are
 * kept at once, so nothing is ever tried twice: no pattern and no text make it slow.
 */
#include "policy/glob.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define STATES_MAX (GLOB_MAX + 1)

struct states {
	uint16_t place[STATES_MAX]; /* offsets into the pattern */
	size_t count;
};

struct matcher {
	const char *pattern;
	size_t size;
	/* The step in which a place was last reached, so that it is kept once. */
	size_t seen[STATES_MAX];
	size_t step;
	struct states *now, *next; /* one and the other */
	struct states one, other;
};

/* ---- characters ---- */

/* The length of the character at `text`, which is not at its end. */
static size_t character_size(const char *text)
{
	unsigned char first = (unsigned char)*text;
	size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;

	if (first > 0xf4)
		return 1;
	for (size_t i = 1; i < size; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
	}
	return size;
}

/* A number for it: in UTF-8, bytes are ordered as characters are. */
static uint32_t character_value(const char *text, size_t size)
{
	uint32_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | (unsigned char)text[i];
	return value;
}

/* Reads a character that may be quoted. False at the end. */
static bool read_character(const char *pattern, size_t *at, uint32_t *value)
{
	size_t size;

	*at += pattern[*at] == '\\';
	if (!pattern[*at])
		return false;
	size = character_size(pattern + *at);
	*value = character_value(pattern + *at, size);
	*at += size;
	return true;
}

/* ---- one of several: [abc] ---- */

static bool is_negation(char c)
{
	return c == '!' || c == '^';
}

/* Reads the class whose '[' is at *at; false if it never ends. *has: is `value` in it? */
static bool read_class(const char *pattern, size_t *at, uint32_t value, bool *has)
{
	bool negated = is_negation(pattern[*at + 1]), found = false;
	size_t i = *at + 1 + negated, first = i;
	uint32_t low, high;

	/* A bracket that comes first is one of the characters, as in the shell. */
	while (pattern[i] != ']' || i == first) {
		if (!read_character(pattern, &i, &low))
			return false;
		high = low;
		if (pattern[i] == '-' && pattern[i + 1] && pattern[i + 1] != ']') {
			i++;
			if (!read_character(pattern, &i, &high))
				return false;
		}
		found = found || (value >= low && value <= high);
	}
	*at = i + 1;
	*has = found != negated && value != '/';
	return true;
}

/* ---- states ---- */

static bool is_deep(const char *at)
{
	return at[0] == '*' && at[1] == '*';
}

static void add_one(struct matcher *matcher, struct states *states, size_t place)
{
	if (matcher->seen[place] == matcher->step)
		return;
	matcher->seen[place] = matcher->step;
	states->place[states->count++] = (uint16_t)place;
}

/* Adds a place, and those after stars, which may stand for nothing. `begins`: a segment begins here. */
static void add(struct matcher *matcher, struct states *states, size_t place, bool begins)
{
	const char *pattern = matcher->pattern;

	add_one(matcher, states, place);
	while (pattern[place] == '*') {
		bool segments = begins && is_deep(pattern + place) && pattern[place + 2] == '/';

		place += 1 + is_deep(pattern + place);
		add_one(matcher, states, place);
		/* In "**" "/" the slash goes with the star: no segment is no slash. */
		if (segments)
			place++;
		if (segments)
			add_one(matcher, states, place);
		begins = segments;
	}
}

/* Where the pattern goes on from `place` when it reads a character. */
static void advance(struct matcher *matcher, size_t place, uint32_t value)
{
	const char *pattern = matcher->pattern;
	size_t after = place;
	uint32_t own = 0;
	bool matches;

	if (pattern[place] == '*') {
		if (is_deep(pattern + place) || value != '/')
			add(matcher, matcher->next, place, false);
		return;
	}
	if (pattern[place] == '?') {
		after++;
		matches = value != '/';
	} else if (pattern[place] == '[') {
		if (!read_class(pattern, &after, value, &matches))
			return;
	} else {
		matches = read_character(pattern, &after, &own) && own == value;
	}
	if (matches)
		add(matcher, matcher->next, after, value == '/');
}

static void read_text(struct matcher *matcher, const char *text)
{
	while (*text && matcher->now->count) {
		size_t size = character_size(text);
		uint32_t value = character_value(text, size);
		struct states *now = matcher->now;

		matcher->step++;
		matcher->next->count = 0;
		for (size_t i = 0; i < now->count; i++)
			advance(matcher, now->place[i], value);
		matcher->now = matcher->next;
		matcher->next = now;
		text += size;
	}
}

/* ---- matching ---- */

static bool is_special(char c)
{
	return c && strchr("*?[\\", c);
}

/* How much of both is the same, and means itself. */
static size_t common_size(const char *pattern, const char *text)
{
	size_t size = 0;

	while (pattern[size] && pattern[size] == text[size] && !is_special(pattern[size]))
		size++;
	return size;
}

/* Begins where both have been the same so far. False if the pattern is too long. */
static bool start(struct matcher *matcher, const char *pattern, const char *text, size_t common)
{
	size_t size = strlen(pattern);

	if (size > GLOB_MAX)
		return false;
	while (common && pattern[common - 1] != '/') /* where a segment begins, and so a character */
		common--;
	matcher->pattern = pattern;
	matcher->size = size;
	memset(matcher->seen, 0, (size + 1) * sizeof(matcher->seen[0]));
	matcher->step = 1;
	matcher->now = &matcher->one;
	matcher->next = &matcher->other;
	matcher->one.count = 0;
	add(matcher, &matcher->one, common, true);
	read_text(matcher, text + common);
	return true;
}

/* Does nothing but the directory itself remain to be matched? */
static bool is_all_below(const char *pattern, size_t place)
{
	return place && strcmp(pattern + place, "/**") == 0;
}

bool glob_match(const char *pattern, const char *text)
{
	size_t common = common_size(pattern, text);
	struct matcher matcher;

	/* Most paths are none of a rule's, and show it here. */
	if (!is_special(pattern[common]) && pattern[common] != text[common] &&
	    (text[common] || !is_all_below(pattern, common)))
		return false;
	if (!start(&matcher, pattern, text, common))
		return false;
	for (size_t i = 0; i < matcher.now->count; i++) {
		size_t place = matcher.now->place[i];

		if (place == matcher.size || is_all_below(pattern, place))
			return true;
	}
	return false;
}

bool glob_reaches(const char *pattern, const char *directory)
{
	struct matcher matcher;

	if (!start(&matcher, pattern, directory, common_size(pattern, directory)))
		return false;
	read_text(&matcher, "/");
	for (size_t i = 0; i < matcher.now->count; i++) {
		if (matcher.now->place[i] < matcher.size)
			return true;
	}
	return false;
}

void glob_root(const char *pattern, char *out)
{
	size_t size = 0, root = 0;

	for (const char *at = pattern; *at && !strchr("*?[", *at); at++) {
		if (*at == '/')
			root = size;
		at += *at == '\\' && at[1];
		out[size++] = *at;
	}
	if (!root) {
		out[0] = '/';
		root = 1;
	}
	out[root] = '\0';
}

/* ---- checking ---- */

/* Reads one character, star or class of a pattern. NULL, or what is wrong. */
static const char *item_fault(const char *pattern, size_t *at)
{
	size_t from = *at;
	uint32_t value;
	bool has;

	if (strncmp(pattern + from, "***", 3) == 0)
		return "has three stars in a row; write * or **";
	if (pattern[from] != '[') {
		if (!read_character(pattern, at, &value))
			return "ends in a backslash; write \\\\ for the character";
		return NULL;
	}
	if (!read_class(pattern, at, 0, &has))
		return "has a [ without its ]; write \\[ for the character";
	if (memchr(pattern + from, '/', *at - from))
		return "has a / between [ and ], which can't match; write \\[ for the character";
	return NULL;
}

static const char *form_fault(const char *pattern)
{
	const char *fault = NULL;
	size_t at = 0;

	if (!*pattern)
		return "is empty; say what it is to match";
	if (strlen(pattern) > GLOB_MAX)
		return "is longer than 4095 bytes; no path is";
	while (pattern[at] && !fault)
		fault = item_fault(pattern, &at);
	return fault;
}

int glob_check_name(const char *pattern, struct error *error)
{
	const char *fault = form_fault(pattern);

	return fault ? error_set(error, -EINVAL, "%s", fault) : 0;
}

static const char *segment_fault(const char *segment, size_t size)
{
	if (!size)
		return "has // in it; write one /";
	if ((size == 1 && segment[0] == '.') || (size == 2 && memcmp(segment, "..", 2) == 0))
		return "has a segment . or .., which no path of a file has; write the path without it";
	return NULL;
}

static const char *path_fault(const char *pattern)
{
	const char *fault = form_fault(pattern), *end = pattern;

	if (!fault && *pattern != '/')
		fault = "is not absolute; begin it with /";
	if (!fault && pattern[strlen(pattern) - 1] == '/')
		fault = "ends in /; leave that out, or append ** for all that is below";
	while (!fault && *end) {
		const char *segment = end + 1;

		end = strchrnul(segment, '/');
		fault = segment_fault(segment, (size_t)(end - segment));
	}
	return fault;
}

int glob_check(const char *pattern, struct error *error)
{
	const char *fault = path_fault(pattern);

	return fault ? error_set(error, -EINVAL, "%s", fault) : 0;
}
