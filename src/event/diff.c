/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three steps: lines become numbers, equal ones the same; the shortest way from one row of numbers to the other marks which
 * lines went and came; what is marked is printed in hunks. Only what is printed is redacted text, and a line that both
 * have is shown as is only if it is nowhere part of a secret.
 */
#include "event/diff.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "event/event.h"
#include "event/redact.h"

/* More than so many lines that went or came are not told apart: memory and time grow with its square. */
#define DIFFERENCES_MAX 512

#define CONTEXT 3

/* What is read of a line for secrets, and what of it is shown, in bytes. */
#define LINE_READ_MAX 2048
#define LINE_SHOW_MAX 512

/* What "... 131072 lines more\n" needs. */
#define REMAINDER_SIZE 32

struct line {
	const char *at;
	size_t size;     /* with its newline */
	size_t shown_at; /* in text.shown */
	size_t shown_size;
	uint32_t number; /* equal lines of both texts have the same */
	bool marked;     /* it is in this text only */
};

struct text {
	struct line *line; /* owned */
	size_t count;
	struct buffer shown; /* the lines, redacted, without newlines */
};

/* ---- lines ---- */

static size_t count_lines(const char *text, size_t size)
{
	size_t count = size && text[size - 1] != '\n';

	for (size_t i = 0; i < size; i++)
		count += text[i] == '\n';
	return count;
}

/* What of a line is shown; it is cut where a character begins. */
static size_t shown_size(const char *line, size_t size)
{
	if (size <= LINE_SHOW_MAX)
		return size;
	size = LINE_SHOW_MAX;
	for (int i = 0; i < 3 && ((unsigned char)line[size] & 0xc0) == 0x80; i++)
		size--;
	return size;
}

/* Appends what may be shown of a line. */
static void show_line(struct text *text, struct line *line, struct redact_text *state)
{
	size_t whole = line->size - (line->at[line->size - 1] == '\n'), size, shown;
	bool was_in_pem = state->in_pem;
	char bytes[LINE_READ_MAX];

	size = whole < sizeof(bytes) ? whole : sizeof(bytes);
	memcpy(bytes, line->at, size);
	shown = redact_line(state, bytes, size, NULL);
	if (size < whole) {
		state->in_pem = was_in_pem;
		redact_rest(state, line->at, whole);
	}
	line->shown_at = text->shown.size;
	buffer_append(&text->shown, bytes, shown_size(bytes, shown));
	if (size < whole || shown > LINE_SHOW_MAX)
		buffer_text(&text->shown, "…");
	line->shown_size = text->shown.size - line->shown_at;
}

/* Lines of either text by what they are. */
static bool is_same_line(const void *entry, const void *key)
{
	const struct line *one = entry, *other = key;

	return one->size == other->size && memcmp(one->at, other->at, one->size) == 0;
}

static int number_line(struct table *table, struct line *line)
{
	uint64_t hash = hash_bytes(line->at, line->size);
	const struct line *same = table_find(table, hash, line);

	line->number = same ? same->number : (uint32_t)table->count;
	return same ? 0 : table_insert(table, hash, line);
}

/* Divides a text, whose bytes it borrows. */
static int read_lines(struct text *text, struct table *table, const char *bytes, size_t size)
{
	struct redact_text state = { 0 };
	const char *end = bytes + size;
	int status = 0;

	text->shown = BUFFER_INIT(2 * DIFF_TEXT_MAX);
	text->line = calloc(count_lines(bytes, size) + 1, sizeof(*text->line));
	if (!text->line)
		return -ENOMEM;
	while (bytes < end && !status) {
		struct line *line = &text->line[text->count++];
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));

		line->at = bytes;
		line->size = (size_t)((newline ? newline + 1 : end) - bytes);
		show_line(text, line, &state);
		status = number_line(table, line);
		bytes += line->size;
	}
	return text->shown.failed ? -ENOMEM : status;
}

static void free_lines(struct text *text)
{
	free(text->line);
	buffer_free(&text->shown);
}

/* ---- the shortest way ---- */

/*
 * `before` lies along x, `after` along y. Row d says for each diagonal k = x - y that d steps can reach, how far along x: the
 * diagonals -d, -d + 2 … d.
 */
struct search {
	const struct line *before, *after;
	int32_t before_count, after_count;
	int32_t *rows; /* owned; row d begins at d * (d + 1) / 2 */
};

static int32_t *reach(const struct search *search, int32_t d, int32_t k)
{
	return &search->rows[d * (d + 1) / 2 + (k + d) / 2];
}

/* Is the step to diagonal k, as the d-th, better taken down, by a line of `after`, than right, by one of `before`? */
static bool comes_down(const struct search *search, int32_t d, int32_t k)
{
	return k == -d || (k != d && *reach(search, d - 1, k - 1) < *reach(search, d - 1, k + 1));
}

/* How far along x d steps lead on diagonal k. */
static int32_t furthest(const struct search *search, int32_t d, int32_t k)
{
	int32_t x = 0;

	if (d)
		x = comes_down(search, d, k) ? *reach(search, d - 1, k + 1) : *reach(search, d - 1, k - 1) + 1;
	while (x < search->before_count && x - k < search->after_count &&
	       search->before[x].number == search->after[x - k].number)
		x++;
	return x;
}

/* The least number of steps to the end, or -1 if there are more than `most`. */
static int32_t find_steps(const struct search *search, int32_t most)
{
	for (int32_t d = 0; d <= most; d++) {
		for (int32_t k = -d; k <= d; k += 2) {
			int32_t x = furthest(search, d, k);

			*reach(search, d, k) = x;
			if (x >= search->before_count && x - k >= search->after_count)
				return d;
		}
	}
	return -1;
}

/* Goes back from the end and marks the line that each step took. */
static void mark_steps(const struct search *search, int32_t d, struct line *before, struct line *after)
{
	int32_t k = search->before_count - search->after_count;

	for (; d > 0; d--) {
		bool down = comes_down(search, d, k);

		k += down ? 1 : -1;
		if (down)
			after[*reach(search, d - 1, k) - k].marked = true;
		else
			before[*reach(search, d - 1, k)].marked = true;
	}
}

/* The lines that both begin and end with need no search. */
struct middle {
	size_t start, before_count, after_count;
};

static struct middle find_middle(const struct text *before, const struct text *after)
{
	struct middle middle = { 0, before->count, after->count };

	while (middle.before_count && middle.after_count &&
	       before->line[middle.start].number == after->line[middle.start].number) {
		middle.start++;
		middle.before_count--;
		middle.after_count--;
	}
	while (middle.before_count && middle.after_count &&
	       before->line[middle.start + middle.before_count - 1].number ==
		       after->line[middle.start + middle.after_count - 1].number) {
		middle.before_count--;
		middle.after_count--;
	}
	return middle;
}

/* Marks what went and came. 0, 1 if there is too much of it, or -ENOMEM. */
static int compare(struct text *before, struct text *after, const struct middle *middle)
{
	struct line *from = before->line + middle->start, *to = after->line + middle->start;
	size_t sum = middle->before_count + middle->after_count;
	int32_t most = sum < DIFFERENCES_MAX ? (int32_t)sum : DIFFERENCES_MAX, steps;
	struct search search = { .before = from, .after = to };

	search.before_count = (int32_t)middle->before_count;
	search.after_count = (int32_t)middle->after_count;
	search.rows = calloc((size_t)(most + 1) * (size_t)(most + 2) / 2, sizeof(*search.rows));
	if (!search.rows)
		return -ENOMEM;
	steps = find_steps(&search, most);
	if (steps >= 0)
		mark_steps(&search, steps, from, to);
	free(search.rows);
	return steps < 0;
}

/* ---- printing ---- */

struct printer {
	const struct text *before, *after;
	struct buffer *out;
	size_t room;     /* bytes that are left for lines */
	size_t left_out; /* lines that found none */
};

/* One line, in up to three parts, and its newline. */
static void print(struct printer *printer, const char *lead, const char *text, size_t size, const char *tail)
{
	size_t whole = strlen(lead) + size + strlen(tail) + 1;

	if (printer->left_out || whole > printer->room) {
		printer->left_out++;
		return;
	}
	printer->room -= whole;
	buffer_text(printer->out, lead);
	buffer_append(printer->out, text, size);
	buffer_text(printer->out, tail);
	buffer_byte(printer->out, '\n');
}

static const char *tail_of(const struct line *line)
{
	return line->at[line->size - 1] == '\n' ? "" : "\n\\ No newline at end of file";
}

static void print_line(struct printer *printer, const char *lead, const struct text *text, const struct line *line)
{
	print(printer, lead, buffer_string(&text->shown) + line->shown_at, line->shown_size, tail_of(line));
}

/* A line that both have, where it is part of a secret in neither. */
static void print_both(struct printer *printer, const struct line *before, const struct line *after)
{
	const char *one = buffer_string(&printer->before->shown) + before->shown_at;
	const char *other = buffer_string(&printer->after->shown) + after->shown_at;

	if (before->shown_size == after->shown_size && memcmp(one, other, after->shown_size) == 0)
		print_line(printer, " ", printer->after, after);
	else
		print(printer, " ", "***", 3, tail_of(after));
}

/* Lines of both texts, from `before` and `after` on. */
struct span {
	size_t before, before_count, after, after_count;
};

/* "3,2", as in diff(1): counted from 1, of nothing the line before it. */
static void format_range(char out[48], size_t start, size_t count)
{
	if (count == 1)
		(void)snprintf(out, 48, "%zu", start + 1);
	else
		(void)snprintf(out, 48, "%zu,%zu", start + (count > 0), count);
}

static void print_header(struct printer *printer, const struct span *span)
{
	char before[48], after[48], header[128];

	format_range(before, span->before, span->before_count);
	format_range(after, span->after, span->after_count);
	(void)snprintf(header, sizeof(header), "@@ -%s +%s @@", before, after);
	print(printer, "", header, strlen(header), "");
}

/* The next lines that went or came from *at on; false if there are none. *at is left behind them. */
static bool next_change(const struct printer *printer, struct span *at, struct span *change)
{
	const struct text *before = printer->before, *after = printer->after;

	while (at->before < before->count && at->after < after->count && !before->line[at->before].marked &&
	       !after->line[at->after].marked) {
		at->before++;
		at->after++;
	}
	*change = (struct span) { at->before, 0, at->after, 0 };
	while (at->before < before->count && before->line[at->before].marked)
		at->before++;
	while (at->after < after->count && after->line[at->after].marked)
		at->after++;
	change->before_count = at->before - change->before;
	change->after_count = at->after - change->after;
	return change->before_count || change->after_count;
}

/* A hunk: the change, those that are near, and what stands around them. *more: is `change` now one after it? */
static struct span find_hunk(const struct printer *printer, struct span *at, struct span *change, bool *more)
{
	size_t lead = change->before < CONTEXT ? change->before : CONTEXT, left, end = 0;
	struct span hunk = { change->before - lead, 0, change->after - lead, 0 };

	do {
		hunk.before_count = at->before - hunk.before;
		hunk.after_count = at->after - hunk.after;
		end = at->before;
		*more = next_change(printer, at, change);
	} while (*more && change->before - end <= 2 * CONTEXT);
	left = printer->before->count - end;
	left = left < CONTEXT ? left : CONTEXT;
	hunk.before_count += left;
	hunk.after_count += left;
	return hunk;
}

static void print_hunk(struct printer *printer, const struct span *hunk)
{
	size_t i = hunk->before, j = hunk->after, before_end = i + hunk->before_count,
	       after_end = j + hunk->after_count;
	const struct line *before = printer->before->line, *after = printer->after->line;

	print_header(printer, hunk);
	while (i < before_end || j < after_end) {
		if (i < before_end && before[i].marked) {
			print_line(printer, "-", printer->before, &before[i++]);
		} else if (j < after_end && after[j].marked) {
			print_line(printer, "+", printer->after, &after[j++]);
		} else {
			print_both(printer, &before[i++], &after[j++]);
		}
	}
}

static void print_hunks(struct printer *printer)
{
	struct span at = { 0 }, change, hunk;
	bool more = next_change(printer, &at, &change);

	while (more) {
		hunk = find_hunk(printer, &at, &change, &more);
		print_hunk(printer, &hunk);
	}
}

static void print_replaced(struct printer *printer, const struct middle *middle)
{
	const struct span span = { middle->start, middle->before_count, middle->start, middle->after_count };
	char line[128];

	print_header(printer, &span);
	(void)snprintf(line, sizeof(line), "replaced: %zu lines by %zu", middle->before_count, middle->after_count);
	print(printer, "", line, strlen(line), "");
}

/* ---- the whole ---- */

static int compare_and_print(struct text *before, struct text *after, struct buffer *out)
{
	struct printer printer = { before, after, out, EVENT_DIFF_MAX - REMAINDER_SIZE, 0 };
	struct middle middle = find_middle(before, after);
	int status = compare(before, after, &middle);

	if (status < 0)
		return status;
	if (status)
		print_replaced(&printer, &middle);
	else
		print_hunks(&printer);
	if (printer.left_out)
		buffer_printf(out, "... %zu lines more\n", printer.left_out);
	return out->failed ? -ENOMEM : 0;
}

static int diff_lines(const char *before, size_t before_size, const char *after, size_t after_size, struct buffer *out)
{
	struct table table = TABLE_INIT(is_same_line);
	struct text old = { 0 }, new = { 0 };
	int status = read_lines(&old, &table, before, before_size);

	if (!status)
		status = read_lines(&new, &table, after, after_size);
	if (!status)
		status = compare_and_print(&old, &new, out);
	table_free(&table);
	free_lines(&old);
	free_lines(&new);
	return status;
}

static bool is_binary(const char *text, size_t size)
{
	return size && memchr(text, '\0', size);
}

int diff_text(const char *before, size_t before_size, const char *after, size_t after_size, struct buffer *out)
{
	before = before ? before : "";
	after = after ? after : "";
	if (before_size == after_size && memcmp(before, after, after_size) == 0)
		return 0;
	if (before_size > DIFF_TEXT_MAX || after_size > DIFF_TEXT_MAX)
		buffer_printf(out, "too large to compare: %zu bytes, now %zu\n", before_size, after_size);
	else if (is_binary(before, before_size) || is_binary(after, after_size))
		buffer_printf(out, "binary: %zu bytes, now %zu\n", before_size, after_size);
	else
		return diff_lines(before, before_size, after, after_size, out);
	return out->failed ? -ENOMEM : 0;
}
