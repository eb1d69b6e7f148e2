/* SPDX-License-Identifier: Apache-2.0 */
/* What the forms of a difference share. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/escape.h"
#include "cli/model_diff.h"

bool diff_change_fails(const struct diff_report *report, const struct change *change)
{
	if (report->fail == DIFF_FAIL_RISKY)
		return change->verdict.severity >= SEVERITY_RISKY;
	return report->fail == DIFF_FAIL_ANY;
}

bool diff_fails(const struct diff_report *report)
{
	/* The first is the worst. */
	return report->diff->count && diff_change_fails(report, report->diff->change[0]);
}

void diff_name(struct buffer *out, const char *name)
{
	struct buffer text = BUFFER_INIT(65536);

	escape_append(&text, name, strlen(name), "");
	change_name_plain(out, buffer_string(&text));
	buffer_free(&text);
}

int diff_fingerprint(const struct change *change, char out[DIFF_FINGERPRINT_SIZE])
{
	struct buffer text = BUFFER_INIT(2 * BEHAVIOUR_PROGRAM_MAX);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int status = -ENOMEM;

	change_context(&text, change->principal);
	buffer_text(&text, "\n  ");
	change_line(&text, change->principal);
	buffer_byte(&text, '\n');
	if (!text.failed && EVP_Digest(text.data, text.size, hash, &size, EVP_sha256(), NULL) == 1) {
		static const char digits[] = "0123456789abcdef";

		for (unsigned i = 0; i < size; i++) {
			out[(size_t)2 * i] = digits[hash[i] >> 4];
			out[(size_t)2 * i + 1] = digits[hash[i] & 15];
		}
		out[(size_t)2 * size] = '\0';
		status = 0;
	}
	buffer_free(&text);
	return status;
}

static void add_lines(struct buffer *out, const struct change_lines *lines, const char *mark, const char *margin,
		      size_t *left)
{
	for (size_t i = 0; i < lines->count && *left; i++, (*left)--) {
		struct buffer line = BUFFER_INIT(2 * BEHAVIOUR_PROGRAM_MAX);

		change_line(&line, lines->item[i].behaviour);
		buffer_text(out, margin);
		buffer_text(out, mark);
		change_name_plain(out, buffer_string(&line));
		buffer_byte(out, '\n');
		buffer_free(&line);
	}
}

void diff_lines(struct buffer *out, const struct change *change, const char *margin, size_t maximum)
{
	size_t count = change->added.count + change->removed.count, left = maximum;

	add_lines(out, &change->removed, "- ", margin, &left);
	add_lines(out, &change->added, "+ ", margin, &left);
	if (count > maximum)
		buffer_printf(out, "%s… and %zu more\n", margin, count - maximum);
}

bool diff_has_more(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_ADDED:
	case CHANGE_REMOVED:
		return change->added.count + change->removed.count > 3;
	case CHANGE_CONTEXT_ADDED:
	case CHANGE_CONTEXT_REMOVED:
	case CHANGE_WIDENED:
	case CHANGE_NARROWED:
		return true;
	case CHANGE_COVERED:
		return change->added.count + change->removed.count > 1;
	default:
		return false;
	}
}

int diff_put_json(struct buffer *out, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	buffer_text(out, text);
	buffer_byte(out, '\n');
	free(text);
	return out->failed ? -ENOMEM : 0;
}
