/* SPDX-License-Identifier: Apache-2.0 */
/* A difference as JUnit's XML, which GitLab, Jenkins and others show as tests: each change is one. */
#include <errno.h>
#include <string.h>

#include "cli/model_diff.h"

#define LINES_SHOWN 100

/* As text or an attribute's value. What XML 1.0 has no way to say is not there: names have no control characters. */
static void add_xml(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strncmp(text, "\xef\xbf\xbe", 3) == 0 || strncmp(text, "\xef\xbf\xbf", 3) == 0) {
			buffer_text(out, "\xef\xbf\xbd");
			text += 2;
		} else if (*text == '&') {
			buffer_text(out, "&amp;");
		} else if (*text == '<') {
			buffer_text(out, "&lt;");
		} else if (*text == '>') {
			buffer_text(out, "&gt;");
		} else if (*text == '"') {
			buffer_text(out, "&quot;");
		} else {
			buffer_byte(out, *text);
		}
	}
}

/* Appends it escaped, and frees it. */
static void take_xml(struct buffer *out, struct buffer *text)
{
	add_xml(out, buffer_string(text));
	out->failed |= text->failed;
	buffer_free(text);
}

static void add_name(struct buffer *out, const char *name)
{
	struct buffer text = BUFFER_INIT(65536);

	diff_name(&text, name);
	take_xml(out, &text);
}

static void add_context(struct buffer *out, const struct behaviour *behaviour)
{
	struct buffer text = BUFFER_INIT(8 * BEHAVIOUR_NAME_MAX), plain = BUFFER_INIT(16 * BEHAVIOUR_NAME_MAX);

	change_context(&text, behaviour);
	change_name_plain(&plain, buffer_string(&text));
	buffer_free(&text);
	take_xml(out, &plain);
}

static void add_title(struct buffer *out, const struct change *change)
{
	struct buffer text = BUFFER_INIT(1U << 20);

	change_title(&text, change, change_name_plain);
	take_xml(out, &text);
}

/* A build that nothing shall fail still shows what is risky as what it is. */
static bool is_failure(const struct diff_report *report, const struct change *change)
{
	struct diff_report risky = *report;

	if (risky.fail == DIFF_FAIL_NEVER)
		risky.fail = DIFF_FAIL_RISKY;
	return diff_change_fails(&risky, change);
}

static void add_change(struct buffer *out, const struct diff_report *report, const struct change *change)
{
	struct buffer lines = BUFFER_INIT(1U << 24);
	bool failure = is_failure(report, change);

	buffer_text(out, "    <testcase classname=\"");
	add_context(out, change->principal);
	buffer_text(out, "\" name=\"");
	add_title(out, change);
	buffer_text(out, "\" file=\"");
	add_name(out, report->new_name);
	buffer_text(out, "\" time=\"0\">\n");
	diff_lines(&lines, change, "", LINES_SHOWN);
	if (failure)
		buffer_printf(out, "      <failure type=\"%s\" message=\"%s: %s\">",
			      severity_name(change->verdict.severity), severity_name(change->verdict.severity),
			      change->verdict.consequence);
	else
		buffer_printf(out, "      <system-out>%s: %s\n", severity_name(change->verdict.severity),
			      change->verdict.consequence);
	take_xml(out, &lines);
	buffer_text(out, failure ? "</failure>\n" : "</system-out>\n");
	buffer_text(out, "    </testcase>\n");
}

static size_t count_failures(const struct diff_report *report)
{
	size_t failures = 0;

	for (size_t i = 0; i < report->diff->count; i++)
		failures += is_failure(report, report->diff->change[i]);
	return failures;
}

/* Without any test there would be nothing to show. */
static void add_same(struct buffer *out, const struct diff_report *report)
{
	buffer_text(out, "    <testcase classname=\"model\" name=\"behaviour is the same: ");
	buffer_printf(out, "%zu lines\" file=\"", report->new_lines);
	add_name(out, report->new_name);
	buffer_text(out, "\" time=\"0\"/>\n");
}

static int print(struct buffer *out, const struct diff_report *report)
{
	const struct model_diff *diff = report->diff;
	size_t tests = diff->count ? diff->count : 1, failures = count_failures(report);

	buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buffer_printf(out, "<testsuites name=\"sombrero\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"0\">\n",
		      tests, failures);
	buffer_text(out, "  <testsuite name=\"sombrero model diff\" ");
	buffer_printf(out, "tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\" time=\"0\">\n", tests, failures);
	for (size_t i = 0; i < diff->count; i++)
		add_change(out, report, diff->change[i]);
	if (!diff->count)
		add_same(out, report);
	buffer_text(out, "  </testsuite>\n</testsuites>\n");
	return out->failed ? -ENOMEM : 0;
}

const struct diff_format diff_as_junit = { "junit", print };
