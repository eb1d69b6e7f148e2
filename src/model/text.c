/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing texts of contexts and behaviours, a model's among them. docs/reference/model.md is the manual; a change
 * here is a change there.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "model/model.h"
#include "model/text_priv.h"

static const char title[] = "# sombrero model 1";

/* ---- writing ---- */

#define NAME_ESCAPED " #()"

struct printer {
	struct buffer *out;
	const struct behaviour *last; /* NULL before the first */
};

bool text_same_context(const struct behaviour *one, const struct behaviour *other)
{
	return one->context_kind == other->context_kind && one->in_container == other->in_container &&
	       strcmp(one->context_name, other->context_name) == 0;
}

void text_print_context(struct buffer *out, const struct behaviour *behaviour)
{
	buffer_text(out, context_kind_name(behaviour->context_kind));
	if (behaviour->context_kind != CONTEXT_BOOT) {
		buffer_byte(out, ' ');
		escape_append(out, behaviour->context_name, strlen(behaviour->context_name), NAME_ESCAPED);
	}
	buffer_text(out, behaviour->in_container ? " in container\n" : "\n");
}

void text_print_behaviour(struct buffer *out, const struct behaviour *behaviour)
{
	const char *kind = behaviour_kind_name(behaviour->kind);

	/* The widest kind, privilege, fills its column. */
	buffer_printf(out, "%-9s%s", kind, strlen(kind) < 9 ? "" : "  ");
	buffer_text(out, behaviour->program);
	if (behaviour->object[0]) {
		buffer_text(out, "  ");
		buffer_text(out, behaviour->object);
	}
}

static int print_entry(void *owner, struct model_entry *entry)
{
	struct printer *printer = owner;
	const struct behaviour *behaviour = &entry->behaviour;

	if (!printer->last || !text_same_context(printer->last, behaviour))
		text_print_context(printer->out, behaviour);
	printer->last = behaviour;
	buffer_text(printer->out, "  ");
	text_print_behaviour(printer->out, behaviour);
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
_Static_assert(TEXT_WORDS_MAX > 3 + GRAMMAR_OBJECT_WORDS_MAX, "a verb, a kind, a program, an object, and one too many");

struct words {
	struct word item[TEXT_WORDS_MAX];
	unsigned count;
	size_t end;          /* offset in the line, after the last word */
	struct word comment; /* after its '#'; text NULL where there is none */
};

struct text_reader {
	const struct text_form *form;
	void *owner;
	const char *name;
	const char *line; /* the one being read */
	size_t size, number;
	struct behaviour behaviour; /* its context holds for the lines that follow */
	bool in_context;
	struct buffer context_name, program, object;
	struct error *error;
};

int text_fault(const struct text_reader *reader, const char *at, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return error_set(reader->error, -EINVAL, "%.400s:%zu:%zu: %s", reader->name, reader->number,
			 (size_t)(at - reader->line) + 1, what);
}

size_t text_number(const struct text_reader *reader)
{
	return reader->number;
}

/* "found 'x', expected y": `at` is in `word`, or anywhere if that is missing. */
int text_expected(const struct text_reader *reader, struct word word, const char *at, const char *what)
{
	char shown[128];
	struct buffer text = grammar_fixed(shown, sizeof(shown));
	size_t size = word.size < 60 ? word.size : 60;

	if (!word.size)
		return text_fault(reader, at, "found %s, expected %s", GRAMMAR_LINE_END, what);
	/* Bytes above ASCII may be cut in the middle here, which escape_append() shows as what it is. */
	for (size_t i = 0; i < size; i++) {
		if (word.text[i] == '\\')
			buffer_byte(&text, '\\');
		else
			escape_append(&text, word.text + i, 1, "");
	}
	return text_fault(reader, at, "found '%s%s', expected %s", shown, size < word.size ? "…" : "", what);
}

/* Characters that no line may have, wherever. */
static int check_characters(const struct text_reader *reader)
{
	const char *end = reader->line + reader->size;
	size_t size;

	for (const char *at = reader->line; at < end; at += size) {
		size = grammar_character_size(at, (size_t)(end - at));
		if (size)
			continue;
		if (*at == '\t')
			return text_fault(reader, at, "found a tab, expected blanks");
		if (*at == '\r' && at + 1 == end)
			return text_fault(reader, at,
					  "the line ends in CR LF, expected LF: save the file with Unix line ends");
		return text_fault(reader, at,
				  "found the byte \\x%02x, expected UTF-8 without control characters: write it so",
				  (unsigned char)*at);
	}
	return 0;
}

/* Is there a comment at `at`: a '#' that is the first in the line, or that two blanks stand before? */
static bool is_comment(const struct text_reader *reader, size_t at, size_t blanks)
{
	return at < reader->size && reader->line[at] == '#' && (blanks == at || blanks >= 2);
}

static void split(const struct text_reader *reader, struct words *out)
{
	size_t at = 0;

	*out = (struct words) { .count = 0 };
	while (out->count < TEXT_WORDS_MAX) {
		size_t blanks = 0, size = 0;

		while (at < reader->size && reader->line[at] == ' ')
			at++, blanks++;
		if (is_comment(reader, at, blanks))
			out->comment = (struct word) { reader->line + at + 1, reader->size - at - 1 };
		if (at == reader->size || out->comment.text)
			return;
		while (at + size < reader->size && reader->line[at + size] != ' ')
			size++;
		out->item[out->count++] = (struct word) { reader->line + at, size };
		at += size;
		out->end = at;
	}
}

/* The word, or one of size 0 where the line ends. */
static struct word word_at(const struct text_reader *reader, const struct words *words, unsigned index)
{
	return index < words->count ? words->item[index] : (struct word) { reader->line + words->end, 0 };
}

static int check_title(const struct text_reader *reader)
{
	struct word line = { reader->line, reader->size };
	const char *form = reader->form->title;
	size_t before = (size_t)(strrchr(form, ' ') - form) + 1;
	char what[128];

	if (word_is(line, form))
		return 0;
	if (reader->size >= before && strncmp(reader->line, form, before) == 0)
		return text_expected(reader, line, reader->line + before, "version 1: a newer sombrero can read it");
	(void)snprintf(what, sizeof(what), "the first line to be '%s'", form);
	return text_expected(reader, line, reader->line, what);
}

/* Takes a context's name, which is escaped in the text. */
static int read_name(struct text_reader *reader, struct word word)
{
	size_t at = 0;
	const char *fault = grammar_word_fault(word.text, word.size, &at);

	for (size_t i = 0; i < word.size && !fault; i++) {
		at = i;
		if (strchr("#()", word.text[i]))
			fault = "\\x23 for '#', \\x28 for '(', \\x29 for ')'";
	}
	if (fault)
		return text_expected(reader, word, word.text + at, fault);
	buffer_clear(&reader->context_name);
	if (word.size < 4 * BEHAVIOUR_NAME_MAX)
		(void)escape_decode(&reader->context_name, word.text, word.size);
	if (word.size >= 4 * BEHAVIOUR_NAME_MAX || reader->context_name.size >= BEHAVIOUR_NAME_MAX)
		return text_expected(reader, word, word.text, "a name of at most 511 bytes");
	return reader->context_name.failed ? -ENOMEM : 0;
}

static int read_container(struct text_reader *reader, const struct words *words, unsigned at)
{
	struct word in = word_at(reader, words, at), container = word_at(reader, words, at + 1);
	struct word extra = word_at(reader, words, at + 2);

	reader->behaviour.in_container = in.size > 0;
	if (in.size && !word_is(in, "in"))
		return text_expected(reader, in, in.text, "'in container' or the end of the line");
	if (in.size && !word_is(container, "container"))
		return text_expected(reader, container, container.text, "'container'");
	return in.size && extra.size ? text_expected(reader, extra, extra.text, GRAMMAR_LINE_END) : 0;
}

static int read_context(struct text_reader *reader, const struct words *words)
{
	static const enum context_kind kinds[] = { CONTEXT_BOOT, CONTEXT_SERVICE, CONTEXT_JOB };
	struct word kind = words->item[0], name = word_at(reader, words, 1);
	bool named;
	int status = 0;

	reader->behaviour.context_kind = CONTEXT_UNKNOWN;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (word_is(kind, context_kind_name(kinds[i])))
			reader->behaviour.context_kind = kinds[i];
	}
	if (reader->behaviour.context_kind == CONTEXT_UNKNOWN)
		return text_expected(reader, kind, kind.text, "service, job or boot, or blanks before a behaviour");
	named = reader->behaviour.context_kind != CONTEXT_BOOT;
	buffer_clear(&reader->context_name);
	if (named)
		status = name.size ? read_name(reader, name) : text_expected(reader, name, name.text, "a name");
	if (!status)
		status = read_container(reader, words, named ? 2 : 1);
	reader->in_context = true;
	return status;
}

static int read_kind(struct text_reader *reader, struct word word)
{
	for (unsigned i = 0; i < BEHAVIOUR_KIND_COUNT; i++) {
		if (word_is(word, behaviour_kind_name(i))) {
			reader->behaviour.kind = i;
			return 0;
		}
	}
	return text_expected(reader, word, word.text, "accept, connect, exec, listen, owner, privilege, raw or write");
}

static int read_program(struct text_reader *reader, struct word word)
{
	const char *fault;
	size_t at;

	if (!word.size)
		return text_expected(reader, word, word.text, "a program");
	if (word.size >= BEHAVIOUR_PROGRAM_MAX)
		return text_expected(reader, word, word.text, "a shorter program");
	buffer_clear(&reader->program);
	buffer_append(&reader->program, word.text, word.size);
	if (reader->program.failed)
		return -ENOMEM;
	fault = grammar_program_fault(buffer_string(&reader->program), &at);
	return fault ? text_expected(reader, word, word.text + at, fault) : 0;
}

/* The words from `index` on, joined by single blanks. */
static int read_object(struct text_reader *reader, const struct words *words, unsigned index)
{
	const char *object, *fault;
	struct word word;
	size_t at;

	buffer_clear(&reader->object);
	for (unsigned i = index; i < words->count; i++) {
		word = words->item[i];
		if (reader->object.size + (i > index) + word.size >= BEHAVIOUR_OBJECT_MAX)
			return text_expected(reader, word, word.text, "an object of at most 511 bytes");
		if (i > index)
			buffer_byte(&reader->object, ' ');
		buffer_append(&reader->object, word.text, word.size);
	}
	if (reader->object.failed)
		return -ENOMEM;
	object = buffer_string(&reader->object);
	fault = grammar_object_fault(reader->behaviour.kind, object, &at);
	if (!fault)
		return 0;
	/* Back from the joined words to those of the line. */
	for (; index < words->count && at > words->item[index].size; index++)
		at -= words->item[index].size + 1;
	word = word_at(reader, words, index);
	if (at == word.size)
		word = (struct word) { reader->line + words->end, 0 };
	return text_expected(reader, word, word.size ? word.text + at : word.text, fault);
}

static int read_verb(const struct text_reader *reader, struct word word, unsigned *verb)
{
	for (*verb = 0; reader->form->verbs[*verb]; (*verb)++) {
		if (word_is(word, reader->form->verbs[*verb]))
			return 0;
	}
	return text_expected(reader, word, word.text, reader->form->verbs_in_words);
}

static int read_behaviour(struct text_reader *reader, const struct words *words)
{
	struct text_line line = { reader, &reader->behaviour, words->item[0], 0, words->comment, { NULL, 0 } };
	unsigned at = reader->form->verbs ? 1 : 0;
	int status = 0;

	if (!reader->in_context)
		return text_fault(reader, words->item[0].text,
				  "found a behaviour without a context, expected a line 'service NAME', 'job NAME' or "
				  "'boot' before it");
	if (at)
		status = read_verb(reader, words->item[0], &line.verb);
	if (!status)
		status = read_kind(reader, word_at(reader, words, at));
	if (!status)
		status = read_program(reader, word_at(reader, words, at + 1));
	if (!status)
		status = read_object(reader, words, at + 2);
	if (status)
		return status;
	reader->behaviour.context_name = buffer_string(&reader->context_name);
	reader->behaviour.program = buffer_string(&reader->program);
	reader->behaviour.object = buffer_string(&reader->object);
	line.end = (struct word) { reader->line + words->end, 0 };
	return reader->form->take(reader->owner, &line);
}

static bool is_conflict(const struct text_reader *reader)
{
	static const char *const markers[] = { "<<<<<<<", "|||||||", "=======", ">>>>>>>" };

	for (size_t i = 0; i < sizeof(markers) / sizeof(*markers); i++) {
		if (reader->size >= 7 && memcmp(reader->line, markers[i], 7) == 0)
			return true;
	}
	return false;
}

/* 1 if it is a line of another sort. */
static int read_other(struct text_reader *reader, const struct words *words, bool indented)
{
	struct text_other line = { reader, NULL, indented, words->item, words->count };

	if (!reader->form->other)
		return 0;
	reader->behaviour.context_name = buffer_string(&reader->context_name);
	line.context = reader->in_context ? &reader->behaviour : NULL;
	return reader->form->other(reader->owner, &line);
}

static int read_words(struct text_reader *reader, bool is_behaviour)
{
	struct words words;
	int status;

	split(reader, &words);
	if (!words.count)
		return 0;
	for (unsigned i = 0; i < words.count; i++) {
		if (words.item[i].text[0] == '#')
			return text_expected(reader, words.item[i], words.item[i].text,
					     "two blanks before a comment, or \\x23 for '#'");
	}
	status = read_other(reader, &words, is_behaviour);
	if (status)
		return status < 0 ? status : 0;
	return is_behaviour ? read_behaviour(reader, &words) : read_context(reader, &words);
}

static int read_line(struct text_reader *reader)
{
	int status = check_characters(reader);

	if (status)
		return status;
	if (reader->number == 1)
		return check_title(reader);
	if (is_conflict(reader))
		return text_fault(reader, reader->line, "found a conflict that git left, expected it to be resolved");
	return read_words(reader, reader->size && reader->line[0] == ' ');
}

static int read_lines(struct text_reader *reader, const char *text, size_t size)
{
	const char *end = text + size;
	int status = 0;

	do {
		const char *newline = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;

		reader->number++;
		reader->line = text;
		reader->size = (size_t)((newline ? newline : end) - text);
		status = read_line(reader);
		text = newline ? newline + 1 : end;
	} while (!status && text < end);
	return status;
}

static void reader_begin(struct text_reader *reader, const struct text_form *form, void *owner, struct error *error)
{
	*reader = (struct text_reader) {
		.form = form,
		.owner = owner,
		.context_name = BUFFER_INIT(4 * BEHAVIOUR_NAME_MAX),
		.program = BUFFER_INIT(BEHAVIOUR_PROGRAM_MAX),
		.object = BUFFER_INIT(BEHAVIOUR_OBJECT_MAX + 1),
		.error = error,
	};
}

static int reader_end(struct text_reader *reader, int status)
{
	buffer_free(&reader->context_name);
	buffer_free(&reader->program);
	buffer_free(&reader->object);
	if (status == -ENOMEM)
		return error_set(reader->error, status, "%.400s: out of memory", reader->name);
	return status;
}

int text_read(const struct text_form *form, const char *name, const char *text, size_t size, void *owner,
	      struct error *error)
{
	struct text_reader reader;

	if (size > form->maximum)
		return error_set(error, -EINVAL, "%.400s:1:1: found %zu bytes, expected at most %zu", name, size,
				 form->maximum);
	reader_begin(&reader, form, owner, error);
	reader.name = name;
	return reader_end(&reader, read_lines(&reader, text ? text : "", size));
}

static int read_argument(struct text_reader *reader, const char *name, const char *text, bool is_behaviour)
{
	int status;

	reader->name = name;
	reader->line = text;
	reader->size = strlen(text);
	reader->number = 1;
	status = check_characters(reader);
	return status ? status : read_words(reader, is_behaviour);
}

int text_read_line(const struct text_form *form, const char *context, const char *line, void *owner,
		   struct error *error)
{
	struct text_reader reader;
	int status;

	reader_begin(&reader, form, owner, error);
	status = read_argument(&reader, "the context", context, false);
	if (!status && !reader.in_context)
		status = text_fault(&reader, reader.line, "found none, expected service NAME, job NAME or boot");
	if (!status)
		status = read_argument(&reader, "the line", line, true);
	return reader_end(&reader, status);
}

/* ---- a model ---- */

/* A line that is there twice is no error: a merge by git can leave it so. */
static int take_line(void *owner, const struct text_line *line)
{
	struct model *model = owner;
	struct model_entry *entry;
	int status = model_add(model, line->behaviour, &entry);

	if (status > 0)
		entry->line = (uint32_t)text_number(line->reader);
	if (status > 0 && model_size(model) > MODEL_LINES_MAX)
		return text_fault(line->reader, line->first.text,
				  "found more than %u behaviours, expected a smaller model", MODEL_LINES_MAX);
	return status < 0 ? status : 0;
}

static const struct text_form model_form = { .title = title, .maximum = MODEL_TEXT_MAX, .take = take_line };

int model_parse(const char *name, const char *text, size_t size, struct model **out, struct error *error)
{
	struct model *model = model_new();
	int status;

	if (!model)
		return error_set(error, -ENOMEM, "%.400s: out of memory", name);
	status = text_read(&model_form, name, text, size, model, error);
	if (status) {
		model_free(model);
		return status;
	}
	*out = model;
	return 0;
}

int model_parse_line(const char *context, const char *line, struct model *into, struct error *error)
{
	return text_read_line(&model_form, context, line, into, error);
}
