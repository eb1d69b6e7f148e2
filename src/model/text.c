/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing a model's text. docs/reference/model.md is the manual; a change here is a change there. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "model/grammar_priv.h"
#include "model/model.h"

static const char title[] = "# sombrero model 1", any_title[] = "# sombrero model ";

/* ---- writing ---- */

#define NAME_ESCAPED " #()"

struct printer {
	struct buffer *out;
	const struct behaviour *last; /* NULL before the first */
};

static bool same_context(const struct behaviour *one, const struct behaviour *other)
{
	return one->context_kind == other->context_kind && one->in_container == other->in_container &&
	       strcmp(one->context_name, other->context_name) == 0;
}

static void print_context(struct buffer *out, const struct behaviour *behaviour)
{
	buffer_text(out, context_kind_name(behaviour->context_kind));
	if (behaviour->context_kind != CONTEXT_BOOT) {
		buffer_byte(out, ' ');
		escape_append(out, behaviour->context_name, strlen(behaviour->context_name), NAME_ESCAPED);
	}
	buffer_text(out, behaviour->in_container ? " in container\n" : "\n");
}

static int print_entry(void *owner, struct model_entry *entry)
{
	struct printer *printer = owner;
	const struct behaviour *behaviour = &entry->behaviour;
	const char *kind = behaviour_kind_name(behaviour->kind);

	if (!printer->last || !same_context(printer->last, behaviour))
		print_context(printer->out, behaviour);
	printer->last = behaviour;
	/* The widest kind, privilege, fills its column. */
	buffer_printf(printer->out, "  %-9s%s", kind, strlen(kind) < 9 ? "" : "  ");
	buffer_text(printer->out, behaviour->program);
	if (behaviour->object[0]) {
		buffer_text(printer->out, "  ");
		buffer_text(printer->out, behaviour->object);
	}
	buffer_byte(printer->out, '\n');
	return printer->out->failed ? -ENOMEM : 0;
}

int model_print(struct model *model, struct buffer *out)
{
	struct printer printer = { .out = out };
	int status;

	buffer_text(out, title);
	buffer_byte(out, '\n');
	status = model_each(model, print_entry, &printer);
	return status < 0 ? status : out->failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

/* More than any line has, so that one too many is seen. */
#define WORDS_MAX (2 + GRAMMAR_OBJECT_WORDS_MAX + 1)

struct words {
	struct word item[WORDS_MAX];
	unsigned count;
	size_t end; /* offset in the line, after the last word or where a comment begins */
};

struct parser {
	const char *name;
	const char *line; /* the one being read */
	size_t size, number;
	struct model *model;
	struct behaviour behaviour; /* its context holds for the lines that follow */
	bool in_context;
	struct buffer context_name, program, object;
	struct error *error;
};

__attribute__((format(printf, 3, 4))) static int fault_at(const struct parser *parser, const char *at,
							  const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return error_set(parser->error, -EINVAL, "%.400s:%zu:%zu: %s", parser->name, parser->number,
			 (size_t)(at - parser->line) + 1, what);
}

/* "found 'x', expected y": `at` is in `word`, or anywhere if that is missing. */
static int expected(const struct parser *parser, struct word word, const char *at, const char *what)
{
	char shown[128];
	struct buffer text = grammar_fixed(shown, sizeof(shown));
	size_t size = word.size < 60 ? word.size : 60;

	if (!word.size)
		return fault_at(parser, at, "found %s, expected %s", GRAMMAR_LINE_END, what);
	/* Bytes above ASCII may be cut in the middle here, which escape_append() shows as what it is. */
	for (size_t i = 0; i < size; i++) {
		if (word.text[i] == '\\')
			buffer_byte(&text, '\\');
		else
			escape_append(&text, word.text + i, 1, "");
	}
	return fault_at(parser, at, "found '%s%s', expected %s", shown, size < word.size ? "…" : "", what);
}

/* Characters that no line may have, wherever. */
static int check_characters(const struct parser *parser)
{
	const char *end = parser->line + parser->size;
	size_t size;

	for (const char *at = parser->line; at < end; at += size) {
		size = grammar_character_size(at, (size_t)(end - at));
		if (size)
			continue;
		if (*at == '\t')
			return fault_at(parser, at, "found a tab, expected blanks");
		if (*at == '\r' && at + 1 == end)
			return fault_at(parser, at,
					"the line ends in CR LF, expected LF: save the file with Unix line ends");
		return fault_at(parser, at,
				"found the byte \\x%02x, expected UTF-8 without control characters: write it so",
				(unsigned char)*at);
	}
	return 0;
}

/* Is there a comment at `at`: a '#' that is the first in the line, or that two blanks stand before? */
static bool is_comment(const struct parser *parser, size_t at, size_t blanks)
{
	return at < parser->size && parser->line[at] == '#' && (blanks == at || blanks >= 2);
}

static void split(const struct parser *parser, struct words *out)
{
	size_t at = 0;

	*out = (struct words) { .count = 0 };
	while (out->count < WORDS_MAX) {
		size_t blanks = 0, size = 0;

		while (at < parser->size && parser->line[at] == ' ')
			at++, blanks++;
		if (at == parser->size || is_comment(parser, at, blanks))
			return;
		while (at + size < parser->size && parser->line[at + size] != ' ')
			size++;
		out->item[out->count++] = (struct word) { parser->line + at, size };
		at += size;
		out->end = at;
	}
}

/* The word, or one of size 0 where the line ends. */
static struct word word_at(const struct parser *parser, const struct words *words, unsigned index)
{
	return index < words->count ? words->item[index] : (struct word) { parser->line + words->end, 0 };
}

static int check_title(const struct parser *parser)
{
	struct word line = { parser->line, parser->size };

	if (word_is(line, title))
		return 0;
	if (parser->size >= sizeof(any_title) - 1 && strncmp(parser->line, any_title, sizeof(any_title) - 1) == 0)
		return expected(parser, line, parser->line + sizeof(any_title) - 1,
				"version 1: a newer sombrero can read it");
	return expected(parser, line, parser->line, "the first line to be '# sombrero model 1'");
}

/* Takes a context's name, which is escaped in the text. */
static int read_name(struct parser *parser, struct word word)
{
	size_t at = 0;
	const char *fault = grammar_word_fault(word.text, word.size, &at);

	for (size_t i = 0; i < word.size && !fault; i++) {
		at = i;
		if (strchr("#()", word.text[i]))
			fault = "\\x23 for '#', \\x28 for '(', \\x29 for ')'";
	}
	if (fault)
		return expected(parser, word, word.text + at, fault);
	buffer_clear(&parser->context_name);
	if (word.size < 4 * BEHAVIOUR_NAME_MAX)
		(void)escape_decode(&parser->context_name, word.text, word.size);
	if (word.size >= 4 * BEHAVIOUR_NAME_MAX || parser->context_name.size >= BEHAVIOUR_NAME_MAX)
		return expected(parser, word, word.text, "a name of at most 511 bytes");
	return parser->context_name.failed ? -ENOMEM : 0;
}

static int read_container(struct parser *parser, const struct words *words, unsigned at)
{
	struct word in = word_at(parser, words, at), container = word_at(parser, words, at + 1);
	struct word extra = word_at(parser, words, at + 2);

	parser->behaviour.in_container = in.size > 0;
	if (in.size && !word_is(in, "in"))
		return expected(parser, in, in.text, "'in container' or the end of the line");
	if (in.size && !word_is(container, "container"))
		return expected(parser, container, container.text, "'container'");
	return in.size && extra.size ? expected(parser, extra, extra.text, GRAMMAR_LINE_END) : 0;
}

static int read_context(struct parser *parser, const struct words *words)
{
	static const enum context_kind kinds[] = { CONTEXT_BOOT, CONTEXT_SERVICE, CONTEXT_JOB };
	struct word kind = words->item[0], name = word_at(parser, words, 1);
	bool named;
	int status = 0;

	parser->behaviour.context_kind = CONTEXT_UNKNOWN;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (word_is(kind, context_kind_name(kinds[i])))
			parser->behaviour.context_kind = kinds[i];
	}
	if (parser->behaviour.context_kind == CONTEXT_UNKNOWN)
		return expected(parser, kind, kind.text, "service, job or boot, or blanks before a behaviour");
	named = parser->behaviour.context_kind != CONTEXT_BOOT;
	buffer_clear(&parser->context_name);
	if (named)
		status = name.size ? read_name(parser, name) : expected(parser, name, name.text, "a name");
	if (!status)
		status = read_container(parser, words, named ? 2 : 1);
	parser->in_context = true;
	return status;
}

static int read_kind(struct parser *parser, struct word word)
{
	for (unsigned i = 0; i < BEHAVIOUR_KIND_COUNT; i++) {
		if (word_is(word, behaviour_kind_name(i))) {
			parser->behaviour.kind = i;
			return 0;
		}
	}
	return expected(parser, word, word.text, "accept, connect, exec, listen, owner, privilege, raw or write");
}

static int read_program(struct parser *parser, struct word word)
{
	const char *fault;
	size_t at;

	if (!word.size)
		return expected(parser, word, word.text, "a program");
	if (word.size >= BEHAVIOUR_PROGRAM_MAX)
		return expected(parser, word, word.text, "a shorter program");
	buffer_clear(&parser->program);
	buffer_append(&parser->program, word.text, word.size);
	if (parser->program.failed)
		return -ENOMEM;
	fault = grammar_program_fault(buffer_string(&parser->program), &at);
	return fault ? expected(parser, word, word.text + at, fault) : 0;
}

/* The words from the third on, joined by single blanks. */
static int read_object(struct parser *parser, const struct words *words)
{
	const char *object, *fault;
	unsigned index = 2;
	struct word word;
	size_t at;

	buffer_clear(&parser->object);
	for (unsigned i = index; i < words->count; i++) {
		word = words->item[i];
		if (parser->object.size + (i > index) + word.size >= BEHAVIOUR_OBJECT_MAX)
			return expected(parser, word, word.text, "an object of at most 511 bytes");
		if (i > index)
			buffer_byte(&parser->object, ' ');
		buffer_append(&parser->object, word.text, word.size);
	}
	if (parser->object.failed)
		return -ENOMEM;
	object = buffer_string(&parser->object);
	fault = grammar_object_fault(parser->behaviour.kind, object, &at);
	if (!fault)
		return 0;
	/* Back from the joined words to those of the line. */
	for (; index < words->count && at > words->item[index].size; index++)
		at -= words->item[index].size + 1;
	word = word_at(parser, words, index);
	if (at == word.size)
		word = (struct word) { parser->line + words->end, 0 };
	return expected(parser, word, word.size ? word.text + at : word.text, fault);
}

static int read_behaviour(struct parser *parser, const struct words *words)
{
	int status;

	if (!parser->in_context)
		return fault_at(parser, words->item[0].text,
				"found a behaviour without a context, expected a line 'service NAME', 'job NAME' or "
				"'boot' before it");
	status = read_kind(parser, words->item[0]);
	if (!status)
		status = read_program(parser, word_at(parser, words, 1));
	if (!status)
		status = read_object(parser, words);
	if (status)
		return status;
	parser->behaviour.context_name = buffer_string(&parser->context_name);
	parser->behaviour.program = buffer_string(&parser->program);
	parser->behaviour.object = buffer_string(&parser->object);
	/* A line that is there twice is no error: a merge by git can leave it so. */
	status = model_add(parser->model, &parser->behaviour, NULL);
	if (status > 0 && model_size(parser->model) > MODEL_LINES_MAX)
		return fault_at(parser, words->item[0].text, "found more than %u behaviours, expected a smaller model",
				MODEL_LINES_MAX);
	return status < 0 ? status : 0;
}

static bool is_conflict(const struct parser *parser)
{
	static const char *const markers[] = { "<<<<<<<", "|||||||", "=======", ">>>>>>>" };

	for (size_t i = 0; i < sizeof(markers) / sizeof(*markers); i++) {
		if (parser->size >= 7 && memcmp(parser->line, markers[i], 7) == 0)
			return true;
	}
	return false;
}

static int read_line(struct parser *parser)
{
	struct words words;
	int status = check_characters(parser);

	if (status)
		return status;
	if (parser->number == 1)
		return check_title(parser);
	if (is_conflict(parser))
		return fault_at(parser, parser->line, "found a conflict that git left, expected it to be resolved");
	split(parser, &words);
	if (!words.count)
		return 0;
	for (unsigned i = 0; i < words.count; i++) {
		if (words.item[i].text[0] == '#')
			return expected(parser, words.item[i], words.item[i].text,
					"two blanks before a comment, or \\x23 for '#'");
	}
	return parser->line[0] == ' ' ? read_behaviour(parser, &words) : read_context(parser, &words);
}

static int read_text(struct parser *parser, const char *text, size_t size)
{
	const char *end = text + size;
	int status = 0;

	do {
		const char *newline = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;

		parser->number++;
		parser->line = text;
		parser->size = (size_t)((newline ? newline : end) - text);
		status = read_line(parser);
		text = newline ? newline + 1 : end;
	} while (!status && text < end);
	return status;
}

int model_parse(const char *name, const char *text, size_t size, struct model **out, struct error *error)
{
	struct parser parser = {
		.name = name,
		.model = model_new(),
		.context_name = BUFFER_INIT(4 * BEHAVIOUR_NAME_MAX),
		.program = BUFFER_INIT(BEHAVIOUR_PROGRAM_MAX),
		.object = BUFFER_INIT(BEHAVIOUR_OBJECT_MAX + 1),
		.error = error,
	};
	int status = -ENOMEM;

	if (size > MODEL_TEXT_MAX)
		status = error_set(error, -EINVAL, "%.400s:1:1: found %zu bytes, expected at most %u", name, size,
				   MODEL_TEXT_MAX);
	else if (parser.model)
		status = read_text(&parser, text ? text : "", size);
	buffer_free(&parser.context_name);
	buffer_free(&parser.program);
	buffer_free(&parser.object);
	if (status) {
		model_free(parser.model);
		return status == -ENOMEM ? error_set(error, status, "%.400s: out of memory", name) : status;
	}
	*out = parser.model;
	return 0;
}
