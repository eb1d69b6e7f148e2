/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A difference as SARIF 2.1.0 (OASIS standard, 2020), which GitHub's code scanning and others show as alerts at lines of the
 * new model. What went is no alert, so it is only counted.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/model_diff.h"

/* GitHub shows so many results of a run. */
#define RESULTS_MAX 5000

struct scale {
	const char *level, *score; /* SARIF's; GitHub's security-severity, from 0.1 to 10 */
};

static const struct scale scales[SEVERITY_COUNT] = {
	[SEVERITY_INFORMATIONAL] = { "note", "0.1" }, [SEVERITY_LOW] = { "note", "2.0" },
	[SEVERITY_MEDIUM] = { "warning", "5.0" },     [SEVERITY_HIGH] = { "error", "8.0" },
	[SEVERITY_CRITICAL] = { "error", "9.5" },
};

/* Brackets would begin a link in a message: they are escaped as the standard says (3.11.6). */
static void add_name(struct buffer *out, const char *text)
{
	struct buffer plain = BUFFER_INIT(1U << 20);

	change_name_plain(&plain, text);
	for (const char *at = buffer_string(&plain); *at; at++) {
		if (*at == '[' || *at == ']')
			buffer_byte(out, '\\');
		buffer_byte(out, *at);
	}
	out->failed |= plain.failed;
	buffer_free(&plain);
}

static json_t *title_of(const struct change *change)
{
	struct buffer text = BUFFER_INIT(1U << 20);
	json_t *string;

	change_title(&text, change, add_name);
	string = text.failed ? NULL : json_string(buffer_string(&text));
	buffer_free(&text);
	return string;
}

/* As a URI: relative to the repository's root, where CI runs, or file:. */
static json_t *uri_of(const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	struct buffer text = BUFFER_INIT(65536);
	json_t *string;

	while (strncmp(name, "./", 2) == 0)
		name += 2;
	if (*name == '/')
		buffer_text(&text, "file://");
	for (; *name; name++) {
		if (strchr(plain, *name))
			buffer_byte(&text, *name);
		else
			buffer_printf(&text, "%%%02X", (unsigned char)*name);
	}
	string = text.failed ? NULL : json_string(buffer_string(&text));
	buffer_free(&text);
	return string;
}

/* The principal line's, or that of the first that came. */
static uint32_t line_number(const struct change *change)
{
	for (size_t i = 0; i < change->added.count; i++) {
		if (change->added.item[i].behaviour == change->principal && change->added.item[i].number)
			return change->added.item[i].number;
	}
	return change->added.count && change->added.item[0].number ? change->added.item[0].number : 1;
}

static json_t *result_of(const struct diff_report *report, const struct change *change, size_t rule)
{
	char fingerprint[DIFF_FINGERPRINT_SIZE];

	if (diff_fingerprint(change, fingerprint) < 0)
		return NULL;
	return json_pack("{s:s, s:I, s:s, s:{s:o}, s:[{s:{s:{s:o}, s:{s:I}}}], s:{s:s, s:s}, s:{s:s, s:s}}", "ruleId",
			 change->verdict.rule, "ruleIndex", (json_int_t)rule, "level",
			 scales[change->verdict.severity].level, "message", "text", title_of(change), "locations",
			 "physicalLocation", "artifactLocation", "uri", uri_of(report->new_name), "region", "startLine",
			 (json_int_t)line_number(change), "partialFingerprints", "primaryLocationLineHash", fingerprint,
			 "sombreroBehaviour/v1", fingerprint, "properties", "change", change_kind_name(change->kind),
			 "severity", severity_name(change->verdict.severity));
}

static json_t *rule_of(const struct verdict *verdict)
{
	char sentence[256];

	(void)snprintf(sentence, sizeof(sentence), "A service or job %s.", verdict->consequence);
	return json_pack("{s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:[s], s:s}}", "id", verdict->rule, "shortDescription",
			 "text", sentence, "help", "text",
			 "If it is meant, accept the line with the change; if not, find what does it. "
			 "docs/reference/severity.md has the table.",
			 "defaultConfiguration", "level", scales[verdict->severity].level, "properties", "tags",
			 "security", "security-severity", scales[verdict->severity].score);
}

struct run {
	json_t *rules, *results;
	size_t left_out, removed;
};

/* The index of the rule; changes come by falling severity, so the first of a rule is its worst. (size_t)-1: out of memory. */
static size_t index_of(json_t *rules, const struct verdict *verdict)
{
	size_t count = json_array_size(rules);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(json_string_value(json_object_get(json_array_get(rules, i), "id")), verdict->rule) == 0)
			return i;
	}
	return json_array_append_new(rules, rule_of(verdict)) < 0 ? (size_t)-1 : count;
}

static int fill(struct run *run, const struct diff_report *report)
{
	for (size_t i = 0; i < report->diff->count; i++) {
		const struct change *change = report->diff->change[i];
		size_t rule;

		if (!change->added.count) {
			run->removed++;
			continue;
		}
		if (json_array_size(run->results) == RESULTS_MAX) {
			run->left_out++;
			continue;
		}
		rule = index_of(run->rules, &change->verdict);
		if (rule == (size_t)-1 || json_array_append_new(run->results, result_of(report, change, rule)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Takes the run's arrays. */
static json_t *whole(const struct diff_report *report, struct run *run)
{
	return json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:s, s:o}}, s:[{s:b}], s:s, s:o, s:{s:b, s:I, s:I}}]}",
			 "$schema", "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
			 "driver", "name", "Sombrero", "version", SOMBRERO_VERSION, "semanticVersion", SOMBRERO_VERSION,
			 "rules", run->rules, "invocations", "executionSuccessful", 1, "columnKind",
			 "unicodeCodePoints", "results", run->results, "properties", "identical",
			 report->diff->count == 0, "changesOfWhatWent", (json_int_t)run->removed, "changesLeftOut",
			 (json_int_t)run->left_out);
}

static int print(struct buffer *out, const struct diff_report *report)
{
	struct run run = { json_array(), json_array(), 0, 0 };
	json_t *json = NULL;

	if (run.rules && run.results && fill(&run, report) == 0) {
		json = whole(report, &run);
	} else {
		json_decref(run.rules);
		json_decref(run.results);
	}
	return diff_put_json(out, json);
}

const struct diff_format diff_as_sarif = { "sarif", print };
