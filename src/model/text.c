/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's text: what its words may be, reading and writing. docs/reference/model.md is the manual; a change here is
 * a change there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "model/grammar_priv.h"
#include "model/model.h"
#include "model/normalise.h"

static const char title[] = "# sombrero model 1", any_title[] = "# sombrero model ";
static const char line_end[] = "the end of the line";

struct word {
	const char *text;
	size_t size; /* 0: missing */
};

static bool word_is(struct word word, const char *other)
{
	return word.size == strlen(other) && memcmp(word.text, other, word.size) == 0;
}

/* ---- characters ---- */

/* The value of a digit as escape_append() writes it, or -1. */
static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool is_alphanumeric(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * Only what program texts have: an escape for what needs none would be a second spelling, which the judge's
 * comparison of bytes never finds.
 */
size_t grammar_escape_size(const char *text, size_t size)
{
	int high, low, value;

	if (size < 2 || text[0] != '\\')
		return 0;
	if (text[1] == '\\')
		return 2;
	if (size < 4 || text[1] != 'x')
		return 0;
	high = hex_value(text[2]);
	low = hex_value(text[3]);
	value = high * 16 + low;
	if (high < 0 || low < 0 || !value || value == '/' || is_alphanumeric(value))
		return 0;
	return 4;
}

size_t grammar_character_size(const char *text, size_t size)
{
	unsigned char first = (unsigned char)*text;

	if (first < 0x80)
		return first >= ' ' && first != 0x7f;
	/* What escape_append() leaves as it is, is a character; so there is one notion of that. */
	for (size_t length = 2; length <= 4 && length <= size; length++) {
		char bytes[32];
		struct buffer escaped = grammar_fixed(bytes, sizeof(bytes));

		escape_append(&escaped, text, length, "");
		if (escaped.size == length)
			return length;
	}
	return 0;
}

/* NULL, or what belongs at *at in a word. */
static const char *word_fault(const char *text, size_t size, size_t *at)
{
	for (size_t i = 0, length; i < size; i += length) {
		*at = i;
		length = text[i] == '\\' ? grammar_escape_size(text + i, size - i)
					 : grammar_character_size(text + i, size - i);
		if (!length)
			return "\\\\ or \\xHH (in lower case, and only for what needs it)";
		if (text[i] == ' ')
			return "\\x20 for a blank";
	}
	return NULL;
}

/* The same, for a word in which stars mean something. */
static const char *pattern_fault(const char *text, size_t size, size_t *at)
{
	const char *fault = word_fault(text, size, at);

	for (size_t i = 0; i + 2 < size && !fault; i++) {
		*at = i;
		if (memcmp(text + i, "***", 3) == 0)
			fault = "* or **";
	}
	return fault;
}

/* ---- programs ---- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

const char *grammar_program_fault(const char *program, size_t *at)
{
	const char *open = strchr(program, '('), *close = strchr(program, ')'), *fault;
	size_t size = strlen(program);

	*at = 0;
	if (!begins(program, "/") && !begins(program, "*") && !begins(program, "?") && !begins(program, "memfd:"))
		return "a program: an absolute path, memfd:NAME or a pattern";
	fault = pattern_fault(program, size, at);
	if (fault)
		return fault;
	if (close && (!open || close < open || close[1])) {
		*at = (size_t)(close - program) + (open && close > open);
		return open && close > open ? "the end of the program after ')'" : "'(' before ')'";
	}
	if (open && (!close || strchr(open + 1, '('))) {
		*at = close ? (size_t)(strchr(open + 1, '(') - program) : size;
		return close ? "\\x28 for a parenthesis in a path" : "')' to close '('";
	}
	*at = size;
	return NULL;
}

/* ---- objects ---- */

/* What belongs where `word` is, or NULL if it fits; `before` is the word before it. */
typedef const char *(*word_rule)(struct word word, struct word before);

/* A number as it is printed: no sign, no leading zero. -1 if it isn't, or is above 65535. */
static long number_of(struct word word)
{
	long value = 0;

	if (!word.size || word.size > 5 || (word.size > 1 && word.text[0] == '0'))
		return -1;
	for (size_t i = 0; i < word.size; i++) {
		if (word.text[i] < '0' || word.text[i] > '9')
			return -1;
		value = value * 10 + (word.text[i] - '0');
	}
	return value <= UINT16_MAX ? value : -1;
}

static const struct {
	unsigned number;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, "tcp" },
	{ IPPROTO_UDP, "udp" },
	{ IPPROTO_SCTP, "sctp" },
	{ IPPROTO_DCCP, "dccp" },
};

const char *grammar_protocol_name(unsigned protocol)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		if (protocols[i].number == protocol)
			return protocols[i].name;
	}
	return NULL;
}

static const char *protocol_rule(struct word word, struct word before)
{
	long number = number_of(word);

	(void)before;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		if (word_is(word, protocols[i].name))
			return NULL;
		if (number == (long)protocols[i].number)
			return "the protocol's name: tcp, udp, sctp or dccp";
	}
	return number >= 0 && number <= 255 ? NULL : "tcp, udp, sctp, dccp or a protocol's number (0 to 255)";
}

static const char *local_port_rule(struct word word, struct word before)
{
	long number = number_of(word);

	(void)before;
	return (number >= 0 && number <= UINT16_MAX) || word_is(word, "ephemeral")
		       ? NULL
		       : "a port (0 to 65535) or 'ephemeral'";
}

static const char *remote_port_rule(struct word word, struct word before)
{
	long number = number_of(word);

	(void)before;
	if (number >= NORMALISE_EPHEMERAL)
		return "'ephemeral': remote ports from 32768 on are not told apart";
	return number >= 0 || word_is(word, "ephemeral") ? NULL : "a port (0 to 32767) or 'ephemeral'";
}

static const char *network_rule(struct word word, struct word before)
{
	bool fits = word.size > 0 && word.size < NETWORK_NAME_MAX;

	(void)before;
	for (size_t i = 0; i < word.size && fits; i++)
		fits = is_alphanumeric(word.text[i]) || word.text[i] == '-' || word.text[i] == '_';
	return fits ? NULL : "a network's name (letters, digits, '-' and '_')";
}

static const char *user_rule(struct word word, struct word before)
{
	(void)before;
	return word.size ? NULL : "a user's name";
}

static const char *privilege_rule(struct word word, struct word before)
{
	(void)before;
	return word.size ? NULL : "a user's name, 'capabilities' or 'group'";
}

static const char *raw_family_rule(struct word word, struct word before)
{
	(void)before;
	return word_is(word, "ipv4") || word_is(word, "ipv6") || word_is(word, "packet") ? NULL
											 : "ipv4, ipv6 or packet";
}

static const char *raw_protocol_rule(struct word word, struct word before)
{
	long number = number_of(word);

	if (word_is(before, "packet"))
		return word.size ? line_end : NULL;
	/* A pattern may stand for `packet`, or not. */
	if (word_is(word, "icmp") || (!word.size && memchr(before.text, '*', before.size)))
		return NULL;
	if (number == (word_is(before, "ipv6") ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return "'icmp' for that number";
	return number >= 0 && number <= 255 ? NULL : "icmp or a protocol's number (0 to 255)";
}

#define OBJECT_WORDS_MAX 3

static const word_rule object_rules[BEHAVIOUR_KIND_COUNT][OBJECT_WORDS_MAX] = {
	[BEHAVIOUR_ACCEPT] = { protocol_rule, local_port_rule, network_rule },
	[BEHAVIOUR_CONNECT] = { protocol_rule, remote_port_rule, network_rule },
	[BEHAVIOUR_LISTEN] = { protocol_rule, local_port_rule, network_rule },
	[BEHAVIOUR_OWNER] = { user_rule },
	[BEHAVIOUR_PRIVILEGE] = { privilege_rule },
	[BEHAVIOUR_RAW] = { raw_family_rule, raw_protocol_rule },
};

/* NULL, or what belongs at *at. */
static const char *object_word_fault(word_rule rule, struct word word, struct word before, size_t *at)
{
	size_t inside = 0;
	const char *fault;

	/* A pattern need only be well formed, but there must be a place for it. */
	if (rule != user_rule && rule != privilege_rule && word.size && memchr(word.text, '*', word.size))
		fault = word_is(before, "packet") ? line_end : NULL;
	else
		fault = rule(word, before);
	if (!fault && word.size && word.text[0] == '#')
		fault = "\\x23 for '#'";
	if (!fault)
		fault = pattern_fault(word.text, word.size, &inside);
	*at += inside;
	return fault;
}

const char *grammar_object_fault(enum behaviour_kind kind, const char *object, size_t *at)
{
	struct word before = { object, 0 };
	const char *fault;

	*at = 0;
	for (unsigned i = 0; i < OBJECT_WORDS_MAX && object_rules[kind][i]; i++) {
		struct word word = { object + *at, strcspn(object + *at, " ") };
		size_t end = *at + word.size;

		fault = object_word_fault(object_rules[kind][i], word, before, at);
		if (fault)
			return fault;
		/* A blank is passed only if there is a word after it. */
		*at = end + (object[end] == ' ' && object[end + 1]);
		before = word;
	}
	return object[*at] ? line_end : NULL;
}

bool grammar_context_fits(enum context_kind kind, const char *name)
{
	if (kind == CONTEXT_BOOT)
		return !name[0];
	return (kind == CONTEXT_SERVICE || kind == CONTEXT_JOB) && name[0] && strlen(name) < BEHAVIOUR_NAME_MAX;
}

bool grammar_behaviour_fits(const struct behaviour *behaviour)
{
	size_t at;

	if (!behaviour_kind_name(behaviour->kind) || strlen(behaviour->program) >= BEHAVIOUR_PROGRAM_MAX ||
	    strlen(behaviour->object) >= BEHAVIOUR_OBJECT_MAX)
		return false;
	return grammar_context_fits(behaviour->context_kind, behaviour->context_name) &&
	       !grammar_program_fault(behaviour->program, &at) &&
	       !grammar_object_fault(behaviour->kind, behaviour->object, &at);
}

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
#define WORDS_MAX (2 + OBJECT_WORDS_MAX + 1)

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
		return fault_at(parser, at, "found %s, expected %s", line_end, what);
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
	if (parser->size >= sizeof(any_title) - 1 && begins(parser->line, any_title))
		return expected(parser, line, parser->line + sizeof(any_title) - 1,
				"version 1: a newer sombrero can read it");
	return expected(parser, line, parser->line, "the first line to be '# sombrero model 1'");
}

/* Takes a context's name, which is escaped in the text. */
static int read_name(struct parser *parser, struct word word)
{
	size_t at = 0;
	const char *fault = word_fault(word.text, word.size, &at);

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
	return in.size && extra.size ? expected(parser, extra, extra.text, line_end) : 0;
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
	return expected(parser, word, word.text, "accept, connect, exec, listen, owner, privilege or raw");
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
