/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of files in words, and as JSON. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "event/ndjson.h"
#include "judge/explain_priv.h"
#include "judge/files.h"

/* So many digits of a hash are shown to people. */
#define HASH_SHOWN 12

static const char *deed(enum event_kind kind)
{
	switch (kind) {
	case EVENT_CREATE:
		return "was created";
	case EVENT_WRITE:
		return "was written";
	case EVENT_RENAME:
		return "was renamed";
	case EVENT_REMOVE:
		return "was removed";
	default:
		return "has other attributes";
	}
}

/* Who is to be asked: the person, else the account in its context. */
static void add_who(struct buffer *out, const struct event *event)
{
	if (event->flags & EVENT_FLAG_FOUND) {
		buffer_text(out, "while nobody watched");
	} else if (event->person[0]) {
		buffer_text(out, "by ");
		explain_text(out, event->person);
		if (strcmp(event->person, event->login_user) != 0 && event->login_user[0]) {
			buffer_text(out, " (login ");
			explain_text(out, event->login_user);
			buffer_byte(out, ')');
		}
	} else {
		buffer_text(out, "by ");
		explain_text(out, event->effective_user[0] ? event->effective_user : "somebody unknown");
		if (event->context.kind != CONTEXT_UNKNOWN) {
			buffer_text(out, " in ");
			explain_context(out, &event->context);
		}
	}
}

static void add_state(struct buffer *out, const char *label, const struct file_state *state)
{
	if (state->type == FILE_NONE)
		return;
	explain_label(out, label);
	buffer_text(out, file_type_name(state->type));
	if (state->size != EVENT_NO_SIZE)
		buffer_printf(out, ", %" PRIu64 " bytes", state->size);
	if (state->mode != EVENT_NO_ID)
		buffer_printf(out, ", %04" PRIo32, state->mode);
	buffer_byte(out, ' ');
	explain_text(out, state->owner);
	buffer_byte(out, ':');
	explain_text(out, state->group);
	if (state->sha256[0])
		buffer_printf(out, ", sha256 %.*s…", HASH_SHOWN, state->sha256);
	if (state->protection[0]) {
		buffer_text(out, ", ");
		explain_text(out, state->protection);
	}
	if (state->target[0]) {
		buffer_text(out, ", to ");
		explain_text(out, state->target);
	}
	buffer_byte(out, '\n');
}

static void add_diff(struct buffer *out, const char *diff)
{
	while (*diff) {
		size_t size = strcspn(diff, "\n");

		buffer_text(out, "            ");
		escape_append(out, diff, size, "");
		buffer_byte(out, '\n');
		diff += size + (diff[size] == '\n');
	}
}

static void add_kinds(struct buffer *out, const struct file_finding *finding)
{
	const char *between = "";

	for (int kind = EVENT_CREATE; kind <= EVENT_ATTRIBUTES; kind++) {
		if (!finding->kinds[kind])
			continue;
		buffer_printf(out, "%s%s %" PRIu64, between, event_kind_name((enum event_kind)kind),
			      finding->kinds[kind]);
		between = ", ";
	}
}

static void add_title(struct buffer *out, const struct file_finding *finding)
{
	const struct event *event = finding->event;

	explain_time(out, finding->first_ns);
	buffer_printf(out, "  FILE %s  ", severity_name(finding->rule->severity));
	if (finding->count > 1) {
		buffer_printf(out, "%" PRIu64 " changes in ", finding->count);
		explain_text(out, finding->directory[0] ? finding->directory : "/");
		buffer_byte(out, ' ');
	} else {
		explain_text(out, event->path);
		buffer_printf(out, " %s ", deed(event->kind));
	}
	add_who(out, event);
	buffer_byte(out, '\n');
}

static void add_one(struct buffer *out, const struct event *event)
{
	if (event->path_before[0]) {
		explain_label(out, "it was");
		explain_text(out, event->path_before);
		buffer_byte(out, '\n');
	}
	add_state(out, "before", &event->file_before);
	add_state(out, "after", &event->file);
	if (event->diff[0]) {
		explain_label(out, "changes");
		buffer_byte(out, '\n');
		add_diff(out, event->diff);
	}
}

static void add_many(struct buffer *out, const struct file_finding *finding)
{
	explain_label(out, "what");
	add_kinds(out, finding);
	buffer_printf(out, ", within %.1f s\n", (double)(finding->last_ns - finding->first_ns) / 1e9);
	explain_label(out, "first");
	explain_text(out, finding->event->path);
	buffer_byte(out, '\n');
}

static void add_texts(struct buffer *out, enum who who, const struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		buffer_text(out, i ? " or " : "");
		if (!i)
			buffer_printf(out, "%s ", who_name(who));
		explain_text(out, texts->text[i]);
	}
}

static void add_rule(struct buffer *out, const struct file_finding *finding)
{
	explain_label(out, "rule");
	explain_text(out, finding->pattern);
	if (finding->policy->name[0]) {
		buffer_text(out, " of policy ");
		explain_text(out, finding->policy->name);
	}
	for (size_t i = 0; i < finding->rule->exception_count; i++) {
		const char *between = i ? ", or " : ", except for ";

		for (int who = 0; who < WHO_COUNT; who++) {
			const struct texts *texts = &finding->rule->exceptions[i].who[who];

			if (!texts->count)
				continue;
			buffer_text(out, between);
			add_texts(out, (enum who)who, texts);
			between = " with ";
		}
	}
	buffer_byte(out, '\n');
}

void file_finding_explain(struct buffer *out, const struct file_finding *finding)
{
	const struct event *event = finding->event;

	add_title(out, finding);
	if (finding->count > 1)
		add_many(out, finding);
	else
		add_one(out, event);
	if (event->program.text[0]) {
		explain_actor(out, event);
		explain_lineage(out, event);
	}
	if (event->other_program[0]) {
		explain_label(out, "or");
		buffer_text(out, event->other_program); /* escaped already */
		buffer_byte(out, '\n');
	}
	if (!event->other_program[0])
		explain_flags(out, event);
	add_rule(out, finding);
}

/* Quoted, from bytes that came from outside. */
static void write_text(struct buffer *out, const char *key, const char *text)
{
	struct buffer escaped = BUFFER_INIT(65536);

	escape_append(&escaped, text, strlen(text), "");
	buffer_printf(out, ",\"%s\":", key);
	explain_json_string(out, buffer_string(&escaped));
	buffer_free(&escaped);
}

static void write_kinds(struct buffer *out, const struct file_finding *finding)
{
	const char *between = "";

	buffer_text(out, ",\"kinds\":{");
	for (int kind = EVENT_CREATE; kind <= EVENT_ATTRIBUTES; kind++) {
		if (!finding->kinds[kind])
			continue;
		buffer_printf(out, "%s\"%s\":%" PRIu64, between, event_kind_name((enum event_kind)kind),
			      finding->kinds[kind]);
		between = ",";
	}
	buffer_byte(out, '}');
}

void file_finding_write(struct buffer *out, const struct file_finding *finding)
{
	buffer_text(out, "{\"finding\":\"file change\"");
	write_text(out, "policy", finding->policy->name);
	write_text(out, "rule", finding->pattern);
	buffer_printf(out, ",\"severity\":\"%s\",\"count\":%" PRIu64, severity_name(finding->rule->severity),
		      finding->count);
	write_kinds(out, finding);
	if (finding->count > 1) {
		write_text(out, "directory", finding->directory[0] ? finding->directory : "/");
		buffer_printf(out, ",\"seconds\":%.3f", (double)(finding->last_ns - finding->first_ns) / 1e9);
	}
	buffer_text(out, ",\"event\":");
	ndjson_write(out, finding->event);
	/* The event ended its line; the finding ends there too. */
	if (out->size && out->data[out->size - 1] == '\n')
		out->size--;
	buffer_text(out, "}\n");
}
