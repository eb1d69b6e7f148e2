/* SPDX-License-Identifier: Apache-2.0 */
/* A difference for programs: everything. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli/model_diff.h"

/* Takes the buffer. NULL when out of memory. */
static json_t *take_text(struct buffer *text)
{
	json_t *string = text->failed ? NULL : json_string(buffer_string(text));

	buffer_free(text);
	return string;
}

static json_t *name_of(const char *name)
{
	struct buffer text = BUFFER_INIT(65536);

	diff_name(&text, name);
	return take_text(&text);
}

static json_t *context_of(const struct behaviour *behaviour)
{
	struct buffer text = BUFFER_INIT(8 * BEHAVIOUR_NAME_MAX);

	change_context(&text, behaviour);
	return take_text(&text);
}

static json_t *title_of(const struct change *change)
{
	struct buffer text = BUFFER_INIT(1U << 20);

	change_title(&text, change, change_name_plain);
	return take_text(&text);
}

static json_t *line_of(const struct change_line *line)
{
	const struct behaviour *behaviour = line->behaviour;

	return json_pack("{s:o, s:s, s:s, s:s, s:I}", "context", context_of(behaviour), "kind",
			 behaviour_kind_name(behaviour->kind), "program", behaviour->program, "object",
			 behaviour->object, "line", (json_int_t)line->number);
}

static json_t *lines_of(const struct change_lines *lines)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < lines->count; i++) {
		if (json_array_append_new(list, line_of(&lines->item[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *change_of(const struct diff_report *report, const struct change *change)
{
	char fingerprint[DIFF_FINGERPRINT_SIZE];

	if (diff_fingerprint(change, fingerprint) < 0)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:b, s:o, s:o}", "change", change_kind_name(change->kind),
			 "severity", severity_name(change->verdict.severity), "rule", change->verdict.rule,
			 "consequence", change->verdict.consequence, "context", context_of(change->principal), "title",
			 title_of(change), "fingerprint", fingerprint, "fails", diff_change_fails(report, change),
			 "added", lines_of(&change->added), "removed", lines_of(&change->removed));
}

static json_t *whole(const struct diff_report *report)
{
	const struct model_diff *diff = report->diff;
	json_t *changes = json_array();

	for (size_t i = 0; changes && i < diff->count; i++) {
		if (json_array_append_new(changes, change_of(report, diff->change[i])) < 0) {
			json_decref(changes);
			return NULL;
		}
	}
	return json_pack("{s:b, s:b, s:{s:o, s:I}, s:{s:o, s:I}, s:I, s:I, s:I, s:s, s:o}", "identical",
			 diff->count == 0, "fails", diff_fails(report), "old", "file", name_of(report->old_name),
			 "lines", (json_int_t)report->old_lines, "new", "file", name_of(report->new_name), "lines",
			 (json_int_t)report->new_lines, "added", (json_int_t)diff->added, "removed",
			 (json_int_t)diff->removed, "risky", (json_int_t)diff->risky, "severity",
			 diff->count ? severity_name(diff->worst) : "none", "changes", changes);
}

static int print(struct buffer *out, const struct diff_report *report)
{
	return diff_put_json(out, whole(report));
}

const struct diff_format diff_as_json = { "json", print };
