/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/suggest_priv.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 31

static size_t least(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* How many letters have to be put in, left out, replaced, or swapped with the next (optimal string alignment). */
static size_t distance(const char *one, const char *other)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1], height = strlen(one), width = strlen(other);

	for (size_t i = 0; i <= height; i++) {
		for (size_t j = 0; j <= width; j++) {
			int a = i ? tolower((unsigned char)one[i - 1]) : 0;
			int b = j ? tolower((unsigned char)other[j - 1]) : 0;

			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a != b));
			if (i > 1 && j > 1 && a == tolower((unsigned char)other[j - 2]) &&
			    b == tolower((unsigned char)one[i - 2]))
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[height][width];
}

const char *suggest(const char *typed, suggest_word word, const void *list, size_t count)
{
	size_t size = strnlen(typed, WORD_MAX + 1);
	size_t nearest = (size < 3 ? 1 : size / 3) + 1; /* with more than a third wrong it is another word */
	const char *found = NULL;

	for (size_t i = 0; i < count && size <= WORD_MAX; i++) {
		const char *known = word(list, i);
		size_t far = known && strlen(known) <= WORD_MAX ? distance(typed, known) : nearest;

		if (far < nearest && far < size) {
			nearest = far;
			found = known;
		}
	}
	return found;
}
