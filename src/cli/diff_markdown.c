/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A difference as a comment on a pull request. Names stand in code spans, within which nothing is markup, a mention or a
 * link, whatever they hold; all else is ours.
 */
#include <errno.h>
#include <string.h>

#include "cli/model_diff.h"

/* GitHub takes 65,536 characters, GitLab more. */
#define COMMENT_MAX 60000
/* What follows the changes always has room. */
#define TAIL_MAX 1000
/* So much of a name is shown. */
#define NAME_SHOWN  240
#define LINES_SHOWN 20

/* The length of the longest run of backticks. */
static size_t longest_run(const char *text)
{
	size_t longest = 0;

	for (size_t run; *text; text += run + !run) {
		run = strspn(text, "`");
		if (run > longest)
			longest = run;
	}
	return longest;
}

/* So many bytes of the text are shown: whole characters. */
static size_t shown_size(const char *text)
{
	size_t size = strnlen(text, NAME_SHOWN + 1);

	if (size <= NAME_SHOWN)
		return size;
	for (size = NAME_SHOWN; size && ((unsigned char)text[size] & 0xc0) == 0x80;)
		size--;
	return size;
}

/* A code span: its delimiter is longer than any run of backticks in it, and one blank on either side is taken off. */
static void add_code(struct buffer *out, const char *text)
{
	struct buffer name = BUFFER_INIT(1U << 20);
	size_t ticks, size;

	change_name_plain(&name, text);
	ticks = longest_run(buffer_string(&name)) + 1;
	size = shown_size(buffer_string(&name));
	for (size_t i = 0; i < ticks; i++)
		buffer_byte(out, '`');
	buffer_text(out, ticks > 1 ? " " : "");
	buffer_append(out, buffer_string(&name), size);
	buffer_text(out, size < name.size ? "…" : "");
	buffer_text(out, ticks > 1 ? " " : "");
	for (size_t i = 0; i < ticks; i++)
		buffer_byte(out, '`');
	buffer_free(&name);
}

static void add_file(struct buffer *out, const char *name)
{
	struct buffer text = BUFFER_INIT(65536);

	diff_name(&text, name);
	add_code(out, buffer_string(&text));
	buffer_free(&text);
}

static void add_line_list(struct buffer *out, const struct change_lines *lines, char mark, size_t *left)
{
	for (size_t i = 0; i < lines->count && *left; i++, (*left)--) {
		struct buffer line = BUFFER_INIT(2 * BEHAVIOUR_PROGRAM_MAX);

		buffer_printf(&line, "%c ", mark);
		change_line(&line, lines->item[i].behaviour);
		buffer_text(out, "  - ");
		add_code(out, buffer_string(&line));
		buffer_byte(out, '\n');
		buffer_free(&line);
	}
}

static void add_change(struct buffer *out, const struct change *change)
{
	size_t left = LINES_SHOWN, count = change->added.count + change->removed.count;

	buffer_printf(out, "- **%s** – ", severity_name(change->verdict.severity));
	change_title(out, change, add_code);
	buffer_byte(out, '\n');
	if (!diff_has_more(change))
		return;
	add_line_list(out, &change->removed, '-', &left);
	add_line_list(out, &change->added, '+', &left);
	if (count > LINES_SHOWN)
		buffer_printf(out, "  - … and %zu more\n", count - LINES_SHOWN);
}

/* Appends the changes from..to as far as there is room; where it ended. */
static size_t add_changes(struct buffer *out, const struct model_diff *diff, size_t from, size_t to)
{
	for (; from < to; from++) {
		struct buffer item = BUFFER_INIT(COMMENT_MAX);
		bool fits;

		add_change(&item, diff->change[from]);
		fits = !item.failed && out->size + item.size <= COMMENT_MAX - TAIL_MAX;
		if (fits)
			buffer_append(out, item.data, item.size);
		buffer_free(&item);
		if (!fits)
			break;
	}
	return from;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void add_head(struct buffer *out, const struct diff_report *report)
{
	const struct model_diff *diff = report->diff;

	if (!diff->count)
		buffer_text(out, "### Sombrero: behaviour is the same\n\n");
	else if (diff->risky)
		buffer_printf(out, "### Sombrero: %zu risky change%s of behaviour\n\n", diff->risky,
			      plural(diff->risky));
	else
		buffer_printf(out, "### Sombrero: %zu change%s of behaviour, none of them risky\n\n", diff->count,
			      plural(diff->count));
	add_file(out, report->old_name);
	buffer_text(out, diff->count ? " → " : " and ");
	add_file(out, report->new_name);
	if (!diff->count)
		buffer_printf(out, " allow the same: %zu line%s.\n", report->new_lines, plural(report->new_lines));
	else
		buffer_printf(out, ": %zu line%s came, %zu went.\n", diff->added, plural(diff->added), diff->removed);
	if (report->fail != DIFF_FAIL_NEVER)
		buffer_printf(out, "\n**This check %s**: it fails by %s.\n", diff_fails(report) ? "fails" : "passes",
			      report->fail == DIFF_FAIL_ANY ? "any change" : "a change of severity medium or worse");
}

static int print(struct buffer *out, const struct diff_report *report)
{
	const struct model_diff *diff = report->diff;
	struct buffer text = BUFFER_INIT(COMMENT_MAX + TAIL_MAX);
	size_t done = 0, others = diff->count - diff->risky;

	add_head(&text, report);
	if (diff->risky) {
		buffer_byte(&text, '\n');
		done = add_changes(&text, diff, 0, diff->risky);
	}
	if (done == diff->risky && others) {
		buffer_printf(&text, "\n<details><summary>%zu %schange%s</summary>\n\n", others,
			      diff->risky ? "other " : "", plural(others));
		done = add_changes(&text, diff, done, diff->count);
		buffer_text(&text, "\n</details>\n");
	}
	if (done < diff->count)
		buffer_printf(
			&text,
			"\n%zu more change%s left out here, %zu of them risky: `sombrero model diff` shows all.\n",
			diff->count - done, diff->count - done == 1 ? " is" : "s are",
			done < diff->risky ? diff->risky - done : 0);
	buffer_append(out, buffer_string(&text), text.size);
	out->failed |= text.failed;
	buffer_free(&text);
	return out->failed ? -ENOMEM : 0;
}

const struct diff_format diff_as_markdown = { "markdown", print };
