/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of a model's text may be. docs/reference/model.md is the manual; a change here is a change there. */
#include "model/grammar_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "model/normalise.h"

bool word_is(struct word word, const char *other)
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

const char *grammar_word_fault(const char *text, size_t size, size_t *at)
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
	const char *fault = grammar_word_fault(text, size, at);

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
		return word.size ? GRAMMAR_LINE_END : NULL;
	/* A pattern may stand for `packet`, or not. */
	if (word_is(word, "icmp") || (!word.size && memchr(before.text, '*', before.size)))
		return NULL;
	if (number == (word_is(before, "ipv6") ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return "'icmp' for that number";
	return number >= 0 && number <= 255 ? NULL : "icmp or a protocol's number (0 to 255)";
}

static const char *path_rule(struct word word, struct word before)
{
	(void)before;
	if (!word.size || (word.text[0] != '/' && !word_is(word, BEHAVIOUR_WRITE_NOTHING)))
		return "an absolute path or 'none'";
	return NULL;
}

/* Any text, in which a star is one among others, or a path. */
static bool is_free(word_rule rule)
{
	return rule == user_rule || rule == privilege_rule || rule == path_rule;
}

static const word_rule object_rules[BEHAVIOUR_KIND_COUNT][GRAMMAR_OBJECT_WORDS_MAX] = {
	[BEHAVIOUR_ACCEPT] = { protocol_rule, local_port_rule, network_rule },
	[BEHAVIOUR_CONNECT] = { protocol_rule, remote_port_rule, network_rule },
	[BEHAVIOUR_LISTEN] = { protocol_rule, local_port_rule, network_rule },
	[BEHAVIOUR_OWNER] = { user_rule },
	[BEHAVIOUR_PRIVILEGE] = { privilege_rule },
	[BEHAVIOUR_RAW] = { raw_family_rule, raw_protocol_rule },
	[BEHAVIOUR_WRITE] = { path_rule },
};

/* NULL, or what belongs at *at. */
static const char *object_word_fault(word_rule rule, struct word word, struct word before, size_t *at)
{
	size_t inside = 0;
	const char *fault;

	/* A pattern need only be well formed, but there must be a place for it. */
	if (!is_free(rule) && word.size && memchr(word.text, '*', word.size))
		fault = word_is(before, "packet") ? GRAMMAR_LINE_END : NULL;
	else
		fault = rule(word, before);
	if (!fault && word.size && word.text[0] == '#')
		fault = "\\x23 for '#'";
	if (!fault)
		fault = pattern_fault(word.text, word.size, &inside);
	for (size_t i = 0; i < word.size && rule == path_rule && !fault; i++) {
		inside = i;
		if (word.text[i] == '(' || word.text[i] == ')')
			fault = "\\x28 for '(', \\x29 for ')'";
	}
	*at += inside;
	return fault;
}

const char *grammar_object_fault(enum behaviour_kind kind, const char *object, size_t *at)
{
	struct word before = { object, 0 };
	const char *fault;

	*at = 0;
	for (unsigned i = 0; i < GRAMMAR_OBJECT_WORDS_MAX && object_rules[kind][i]; i++) {
		struct word word = { object + *at, strcspn(object + *at, " ") };
		size_t end = *at + word.size;

		fault = object_word_fault(object_rules[kind][i], word, before, at);
		if (fault)
			return fault;
		/* A blank is passed only if there is a word after it. */
		*at = end + (object[end] == ' ' && object[end + 1]);
		before = word;
	}
	return object[*at] ? GRAMMAR_LINE_END : NULL;
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
