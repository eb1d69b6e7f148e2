/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as sentences. Every name in them goes through the caller's writer; all other words are ours. */
#include <string.h>

#include "base/escape.h"
#include "model/diff.h"
#include "model/text_priv.h"

/* So many names of one sort are said; the rest is counted. */
#define NAMES_SHOWN 3

struct writer {
	struct buffer *out;
	change_name_writer name;
};

const char *change_kind_name(enum change_kind kind)
{
	static const char *const names[CHANGE_KIND_COUNT] = {
		[CHANGE_CONTEXT_ADDED] = "new context",
		[CHANGE_ADDED] = "added",
		[CHANGE_WIDENED] = "widened",
		[CHANGE_NETWORK] = "network",
		[CHANGE_OWNER] = "owner",
		[CHANGE_CONTEXT_RENAMED] = "renamed context",
		[CHANGE_RENAMED] = "renamed",
		[CHANGE_NARROWED] = "narrowed",
		[CHANGE_COVERED] = "covered",
		[CHANGE_REMOVED] = "removed",
		[CHANGE_CONTEXT_REMOVED] = "context gone",
	};

	return (unsigned)kind < CHANGE_KIND_COUNT ? names[kind] : NULL;
}

/* ---- names ---- */

/*
 * Characters that are valid and printed, and yet deceive: those that turn the direction of text (U+202A…E, U+2066…9), that have
 * no width (U+200B…F, U+2060…4, U+FEFF, U+00AD, U+061C), that end lines (U+2028, U+2029), tags and variation selectors beyond.
 */
static bool deceives(const unsigned char *at)
{
	if (at[0] == 0xc2)
		return at[1] == 0xad;
	if (at[0] == 0xd8)
		return at[1] == 0x9c;
	if (at[0] == 0xe2 && at[1] == 0x80)
		return (at[2] >= 0x8b && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae);
	if (at[0] == 0xe2 && at[1] == 0x81)
		return at[2] >= 0xa0 && at[2] <= 0xaf;
	if (at[0] == 0xef)
		return (at[1] == 0xbb && at[2] == 0xbf) || (at[1] == 0xbf && at[2] >= 0xb9);
	return at[0] == 0xf3 && at[1] == 0xa0;
}

static size_t character_size(unsigned char first)
{
	return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

void change_name_plain(struct buffer *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t size = strnlen((const char *)at, character_size(*at));

		if (size > 1 && deceives(at)) {
			for (size_t i = 0; i < size; i++)
				buffer_printf(out, "\\x%02x", at[i]);
		} else {
			buffer_append(out, at, size);
		}
		at += size;
	}
}

static void add_name(const struct writer *writer, const char *text)
{
	writer->name(writer->out, text);
}

/* A line's words as one name: program, object, or both. */
static void add_names(const struct writer *writer, const char *first, const char *second)
{
	struct buffer name = BUFFER_INIT((BEHAVIOUR_PROGRAM_MAX + BEHAVIOUR_OBJECT_MAX) * 2);

	buffer_text(&name, first);
	if (first[0] && second[0])
		buffer_byte(&name, ' ');
	buffer_text(&name, second);
	add_name(writer, buffer_string(&name));
	buffer_free(&name);
}

void change_context(struct buffer *out, const struct behaviour *behaviour)
{
	struct buffer text = BUFFER_INIT(8 * BEHAVIOUR_NAME_MAX);

	text_print_context(&text, behaviour);
	if (text.size)
		text.data[--text.size] = '\0'; /* without the newline */
	buffer_text(out, buffer_string(&text));
	buffer_free(&text);
}

void change_line(struct buffer *out, const struct behaviour *behaviour)
{
	text_print_behaviour(out, behaviour);
}

static void add_context(const struct writer *writer, const struct behaviour *behaviour)
{
	struct buffer text = BUFFER_INIT(8 * BEHAVIOUR_NAME_MAX);

	change_context(&text, behaviour);
	add_name(writer, buffer_string(&text));
	buffer_free(&text);
}

/* The lines of one kind: ": a, b, c and 4 more", the caller says what begins it. What is said of each depends on the kind. */
static void add_list(const struct writer *writer, const struct change_lines *lines, enum behaviour_kind kind,
		     const char *begin)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < lines->count; i++) {
		const struct behaviour *line = lines->item[i].behaviour;
		bool object_only = kind == BEHAVIOUR_OWNER || kind == BEHAVIOUR_PRIVILEGE;

		if (line->kind != kind)
			continue;
		if (shown == NAMES_SHOWN) {
			more++;
			continue;
		}
		buffer_text(writer->out, shown++ ? ", " : begin);
		add_names(writer, object_only ? "" : line->program, line->object);
	}
	if (more)
		buffer_printf(writer->out, " and %zu more", more);
}

static bool has_kind(const struct change_lines *lines, enum behaviour_kind kind)
{
	for (size_t i = 0; i < lines->count; i++) {
		if (lines->item[i].behaviour->kind == kind)
			return true;
	}
	return false;
}

static void add_count(const struct writer *writer, size_t count)
{
	buffer_printf(writer->out, "%zu line%s", count, count == 1 ? "" : "s");
}

/* ---- by kind of change ---- */

/* "service web now starts a shell: /bin/sh(-c) as root with the rights of root" */
static void say_added(const struct writer *writer, const struct change *change)
{
	const struct change_lines *lines = &change->added;

	add_context(writer, change->principal);
	buffer_printf(writer->out, " now %s", change->verdict.consequence);
	if (!has_kind(lines, BEHAVIOUR_EXEC) &&
	    (has_kind(lines, BEHAVIOUR_OWNER) || has_kind(lines, BEHAVIOUR_PRIVILEGE))) {
		buffer_text(writer->out, ": ");
		add_name(writer, change->principal->program);
	}
	for (unsigned kind = 0; kind < BEHAVIOUR_KIND_COUNT; kind++) {
		if (kind != BEHAVIOUR_OWNER && kind != BEHAVIOUR_PRIVILEGE)
			add_list(writer, lines, kind, ": ");
	}
	add_list(writer, lines, BEHAVIOUR_OWNER, " as ");
	add_list(writer, lines, BEHAVIOUR_PRIVILEGE, ", gaining ");
}

/* What no longer happens, by kind of line. */
static void say_removed(const struct writer *writer, const struct change *change)
{
	static const char *const words[BEHAVIOUR_KIND_COUNT] = {
		[BEHAVIOUR_ACCEPT] = " is no longer reached: ",    [BEHAVIOUR_CONNECT] = " no longer reaches out: ",
		[BEHAVIOUR_EXEC] = " no longer starts ",           [BEHAVIOUR_LISTEN] = " no longer listens: ",
		[BEHAVIOUR_OWNER] = " no longer runs it as ",      [BEHAVIOUR_PRIVILEGE] = " no longer gains ",
		[BEHAVIOUR_RAW] = " has no raw socket any more: ", [BEHAVIOUR_WRITE] = " no longer writes: ",
	};
	enum behaviour_kind kind = change->principal->kind;

	add_context(writer, change->principal);
	if (kind == BEHAVIOUR_OWNER || kind == BEHAVIOUR_PRIVILEGE) {
		buffer_text(writer->out, ": ");
		add_name(writer, change->principal->program);
		buffer_text(writer->out, kind == BEHAVIOUR_OWNER ? " no longer runs" : "");
	}
	add_list(writer, &change->removed, kind, kind == BEHAVIOUR_OWNER ? " as " : words[kind]);
}

static void add_words(const struct writer *writer, const struct change_lines *lines, bool network)
{
	for (size_t i = 0; i < lines->count; i++) {
		const char *object = lines->item[i].behaviour->object;
		const char *blank = network ? strrchr(object, ' ') : NULL;

		buffer_text(writer->out, !i ? "" : i + 1 == lines->count ? " and " : ", ");
		add_name(writer, blank ? blank + 1 : object);
	}
}

/* "service redis: /usr/bin/redis-server listens to any instead of loopback, at tcp 6379" */
static void say_place(const struct writer *writer, const struct change *change)
{
	static const char *const words[BEHAVIOUR_KIND_COUNT] = {
		[BEHAVIOUR_ACCEPT] = " is reached from ",
		[BEHAVIOUR_CONNECT] = " reaches ",
		[BEHAVIOUR_LISTEN] = " listens to ",
		[BEHAVIOUR_OWNER] = " runs as ",
	};
	const struct behaviour *principal = change->principal;
	bool network = change->kind == CHANGE_NETWORK;
	struct buffer port = BUFFER_INIT(BEHAVIOUR_OBJECT_MAX);

	add_context(writer, principal);
	buffer_text(writer->out, ": ");
	add_name(writer, principal->program);
	buffer_text(writer->out, words[principal->kind]);
	add_words(writer, &change->added, network);
	buffer_text(writer->out, " instead of ");
	add_words(writer, &change->removed, network);
	if (network) {
		buffer_append(&port, principal->object,
			      strlen(principal->object) - strlen(strrchr(principal->object, ' ')));
		buffer_text(writer->out, ", at ");
		add_name(writer, buffer_string(&port));
	}
	buffer_free(&port);
}

static void say_renamed(const struct writer *writer, const struct change *change)
{
	const struct behaviour *was = change->removed.item[0].behaviour, *is = change->added.item[0].behaviour;

	add_context(writer, was);
	if (change->kind == CHANGE_CONTEXT_RENAMED) {
		buffer_text(writer->out, " is now ");
		add_context(writer, is);
	} else {
		buffer_text(writer->out, ": ");
		add_name(writer, was->program);
		buffer_text(writer->out, " is now ");
		add_name(writer, is->program);
	}
	buffer_text(writer->out, ", in ");
	add_count(writer, change->added.count);
}

static void say_cover(const struct writer *writer, const struct change *change)
{
	bool widened = change->kind == CHANGE_WIDENED;
	const struct change_lines *patterns = widened ? &change->added : &change->removed;
	const struct behaviour *pattern = patterns->item[0].behaviour;

	add_context(writer, pattern);
	if (widened)
		buffer_printf(writer->out, " now %s: ", change->verdict.consequence);
	else
		buffer_text(writer->out, " may do less: ");
	if (!widened)
		add_count(writer, change->added.count);
	buffer_text(writer->out, widened ? "" : " instead of ");
	add_names(writer, pattern->program, pattern->object);
	if (widened) {
		buffer_text(writer->out, " instead of ");
		add_count(writer, change->removed.count);
	}
}

static void say_covered(const struct writer *writer, const struct change *change)
{
	const struct change_lines *lines = change->added.count ? &change->added : &change->removed;

	add_context(writer, change->principal);
	buffer_text(writer->out, " may do the same: ");
	add_count(writer, lines->count);
	buffer_text(writer->out, change->added.count ? " came" : " went");
	buffer_text(writer->out, lines->count == 1 ? " that a pattern covers: " : " that patterns cover: ");
	add_names(writer, lines->item[0].behaviour->program, lines->item[0].behaviour->object);
	if (lines->count > 1)
		buffer_text(writer->out, " …");
}

static void say_context(const struct writer *writer, const struct change *change)
{
	const struct change_lines *lines = change->added.count ? &change->added : &change->removed;

	add_context(writer, change->principal);
	buffer_text(writer->out, change->added.count ? " is new" : " is gone");
	buffer_text(writer->out, ", with ");
	add_count(writer, lines->count);
	if (change->added.count && strncmp(change->verdict.rule, "context-", 8) != 0)
		buffer_printf(writer->out, "; it %s", change->verdict.consequence);
	if (change->added.count)
		add_list(writer, lines, BEHAVIOUR_EXEC, "; it starts ");
	if (change->added.count)
		add_list(writer, lines, BEHAVIOUR_LISTEN, "; it listens: ");
}

void change_title(struct buffer *out, const struct change *change, change_name_writer name)
{
	static void (*const says[CHANGE_KIND_COUNT])(const struct writer *, const struct change *) = {
		[CHANGE_CONTEXT_ADDED] = say_context,
		[CHANGE_ADDED] = say_added,
		[CHANGE_WIDENED] = say_cover,
		[CHANGE_NETWORK] = say_place,
		[CHANGE_OWNER] = say_place,
		[CHANGE_CONTEXT_RENAMED] = say_renamed,
		[CHANGE_RENAMED] = say_renamed,
		[CHANGE_NARROWED] = say_cover,
		[CHANGE_COVERED] = say_covered,
		[CHANGE_REMOVED] = say_removed,
		[CHANGE_CONTEXT_REMOVED] = say_context,
	};
	const struct writer writer = { out, name };

	says[change->kind](&writer, change);
}
