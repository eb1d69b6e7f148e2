/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a secret in a file's line looks like: by the name before it, in whatever format, or by the lines before it.
 * What it looks like by itself, and in a command, redact.c knows.
 */
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "event/redact.h"
#include "event/redact_priv.h"

#define NAME_MAX_SIZE 128

struct line {
	char *at;
	size_t size;
	bool found;
	size_t opened; /* where the name stands whose value is below, or the line's size */
};

/* Part of a line; from == to is none. */
struct range {
	size_t from, to;
};

static const struct range nothing = { 0, 0 };

/* ---- characters ---- */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool is_quote(char byte)
{
	return byte == '"' || byte == '\'' || byte == '`';
}

static bool is_one_of(const char *set, char byte)
{
	return byte && strchr(set, byte);
}

static bool is_name_byte(char byte)
{
	return ((unsigned char)byte < 0x80 && isalnum((unsigned char)byte)) || byte == '_' || byte == '-' ||
	       byte == '.';
}

/* The byte at `i`, NUL after the end. */
static char byte_at(const struct line *line, size_t i)
{
	return i < line->size ? line->at[i] : '\0';
}

static size_t skip_blanks(const struct line *line, size_t i)
{
	while (i < line->size && is_blank(line->at[i]))
		i++;
	return i;
}

static size_t skip_name(const struct line *line, size_t i)
{
	while (i < line->size && is_name_byte(line->at[i]))
		i++;
	return i;
}

/* Where `text` begins in the line from `from` on, or the line's size. */
static size_t find(const struct line *line, size_t from, const char *text)
{
	const char *found = from < line->size ? memmem(line->at + from, line->size - from, text, strlen(text)) : NULL;

	return found ? (size_t)(found - line->at) : line->size;
}

static bool range_is(const struct line *line, struct range range, const char *word)
{
	return range.to - range.from == strlen(word) && strncasecmp(line->at + range.from, word, strlen(word)) == 0;
}

/* ---- hiding ---- */

static struct range trimmed(const struct line *line, struct range range)
{
	while (range.to > range.from && is_blank(line->at[range.to - 1]))
		range.to--;
	while (range.from < range.to && is_blank(line->at[range.from]))
		range.from++;
	return range;
}

static bool is_harmless(const struct line *line, struct range range)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "none", "null", "***" };

	if (range.to - range.from == 1 && isdigit((unsigned char)line->at[range.from])) /* a switch, a count */
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (range_is(line, range, words[i]))
			return true;
	}
	return range.from >= range.to;
}

/* Puts stars in place of it, and returns where they end. */
static size_t hide(struct line *line, struct range range)
{
	size_t stars, end;

	range = trimmed(line, range);
	if (is_harmless(line, range))
		return range.to;
	stars = range.to - range.from < 3 ? range.to - range.from : 3;
	end = range.from + stars;
	memset(line->at + range.from, '*', stars);
	memmove(line->at + end, line->at + range.to, line->size - range.to);
	line->size -= range.to - end;
	line->found = true;
	return end;
}

/* ---- values ---- */

static bool is_path(const struct line *line, size_t i)
{
	static const char *const beginnings[] = { "/", "./", "../", "~/", "file:" };

	i += is_quote(byte_at(line, i));
	for (size_t n = 0; n < sizeof(beginnings) / sizeof(beginnings[0]); n++) {
		size_t size = strlen(beginnings[n]);

		if (line->size - i >= size && memcmp(line->at + i, beginnings[n], size) == 0)
			return true;
	}
	return false;
}

/* The value that begins at `i`, in quotes or up to the line's end. */
static struct range value_at(const struct line *line, size_t i)
{
	char quote = byte_at(line, i);
	size_t end = i + 1;

	if (is_quote(quote)) {
		while (end < line->size && line->at[end] != quote)
			end += 1 + (line->at[end] == '\\');
		return (struct range) { i + 1, end < line->size ? end : line->size };
	}
	for (end = line->size; end > i && is_one_of(" \t\r,;\\", line->at[end - 1]);)
		end--;
	return (struct range) { i, end };
}

/* The text of an element, whose opening tag ends at `i`. */
static struct range element_at(const struct line *line, size_t i)
{
	return (struct range) { i + 1, find(line, i + 1, "<") };
}

/* Past : = := => += and the like at `i`; `i` itself where there is none. */
static size_t skip_separator(const struct line *line, size_t i)
{
	size_t end = i;
	bool separates = false;

	while (end < line->size && is_one_of(":=+?~>", line->at[end])) {
		separates = separates || line->at[end] == ':' || line->at[end] == '=';
		end++;
	}
	if (!separates || (line->at[end - 1] == ':' && byte_at(line, end) == '/' && byte_at(line, end + 1) == '/'))
		return i;
	return end;
}

/* Past `value=`, as in <add key="password" value="x"/>; else `i`. */
static size_t skip_value_word(const struct line *line, size_t i)
{
	size_t end = skip_name(line, i), after;

	if (!range_is(line, (struct range) { i, end }, "value") &&
	    !range_is(line, (struct range) { i, end }, "content"))
		return i;
	after = skip_separator(line, skip_blanks(line, end));
	return after == end ? i : after;
}

static bool is_first_word(const struct line *line, size_t i)
{
	while (i > 0 && (is_blank(line->at[i - 1]) || is_one_of("#;", line->at[i - 1])))
		i--;
	return i == 0;
}

/* Is there but one word or text in quotes at `i`? */
static bool is_last_word(const struct line *line, size_t i)
{
	struct range value = value_at(line, i);

	if (is_quote(byte_at(line, i)))
		return value.to + 1 >= line->size || is_one_of(";,", line->at[value.to + 1]);
	for (; value.from < value.to; value.from++) {
		if (is_blank(line->at[value.from]))
			return false;
	}
	return true;
}

static bool range_is_listed(const struct line *line, struct range range, const char *const *words)
{
	for (; *words; words++) {
		if (range_is(line, range, *words))
			return true;
	}
	return false;
}

/* .netrc and the like have all in one line: machine h login l password p */
static bool follows_login(const struct line *line, struct range name)
{
	static const char *const names[] = { "password", "passwd", NULL };
	static const char *const first[] = { "machine", "default", "login", "user", NULL };
	size_t start = skip_blanks(line, 0);

	return range_is_listed(line, name, names) &&
	       range_is_listed(line, (struct range) { start, skip_name(line, start) }, first);
}

/* nginx's and Apache's upstreams only sound like a secret. */
static bool is_upstream(const struct line *line, struct range name)
{
	static const char *const upstreams[] = { "proxy_pass", "fastcgi_pass", "uwsgi_pass",     "scgi_pass",
						 "grpc_pass",  "ProxyPass",    "memcached_pass", NULL };

	return range_is_listed(line, name, upstreams);
}

/* A word, or what stands in quotes; after an option, where another begins with a dash. */
static struct range word_value(const struct line *line, size_t i)
{
	struct range value = { i, i };

	if (is_quote(byte_at(line, i)))
		return value_at(line, i);
	while (byte_at(line, i) != '-' && value.to < line->size && !is_blank(line->at[value.to]))
		value.to++;
	return value;
}

/* The value after a name and blanks only: a directive's (requirepass x), not prose. */
static struct range directive_value(const struct line *line, struct range name, size_t i)
{
	if (follows_login(line, name))
		return word_value(line, i);
	if (!is_first_word(line, name.from) || !is_last_word(line, i) ||
	    redact_name(line->at + name.from, name.to - name.from, false) == TELLS_NOTHING)
		return nothing;
	return value_at(line, i);
}

/* ---- names ---- */

/* Past what closes a name: quotes, brackets. */
static size_t skip_closing(const struct line *line, size_t i)
{
	while (i < line->size && is_one_of("\"'`])}\\", line->at[i]))
		i++;
	return i;
}

/* Where a value stands: here, or in the lines below. */
struct value {
	struct range here;
	bool below;
	size_t place; /* of what opens it */
};

/* What can stand before a value that goes on below: | > [ { ( and a block scalar's indentation. Nothing can, too. */
static bool opens_block(const struct line *line, size_t i)
{
	struct range rest = trimmed(line, (struct range) { i, line->size });

	if (rest.from < rest.to && !is_one_of("|>[{(", line->at[rest.from]))
		return false;
	for (; rest.from < rest.to; rest.from++) {
		if (!is_one_of("|>[{(+-123456789", line->at[rest.from]))
			return false;
	}
	return true;
}

static struct value value_from(const struct line *line, size_t i)
{
	i = skip_blanks(line, i);
	if (opens_block(line, i))
		return (struct value) { nothing, true, i };
	return (struct value) { value_at(line, i), false, i };
}

static struct value find_value(const struct line *line, struct range name)
{
	size_t closed = skip_closing(line, name.to), i = skip_blanks(line, closed), after = skip_separator(line, i);
	bool element = (name.from && line->at[name.from - 1] == '<') || closed > name.to;

	if (byte_at(line, i) == '>' && element)
		return (struct value) { element_at(line, i), i + 1 == line->size, i + 1 };
	if (after == i && closed > name.to)
		after = byte_at(line, i) == ',' ? i + 1 : skip_value_word(line, i);
	if (after > i)
		return value_from(line, after);
	if (i > closed && i < line->size) {
		bool option = line->at[name.from] == '-';

		return (struct value) { option ? word_value(line, i) : directive_value(line, name, i), false, i };
	}
	return (struct value) { nothing, false, i };
}

static bool starts_item(const struct line *line, size_t i)
{
	return byte_at(line, i) == '-' && is_blank(byte_at(line, i + 1));
}

/* Hides a value, or has what stands below hidden. Returns where to go on. */
static size_t take_value(struct redact_text *text, struct line *line, struct value value)
{
	if (!value.below)
		return hide(line, value.here);
	text->in_block = true;
	text->indent = skip_blanks(line, 0);
	text->item = starts_item(line, text->indent);
	text->whole = is_one_of("|>", byte_at(line, value.place));
	line->opened = value.place;
	return line->size;
}

static void take_names(struct redact_text *text, struct line *line)
{
	size_t i = 0, end;

	for (; i<line->size; i = end> i ? end : i + 1) {
		struct range name = { i, end = skip_name(line, i) };
		enum telling telling = redact_name(line->at + i, end - i, true);
		struct value value;

		if (telling == TELLS_NOTHING)
			continue;
		value = find_value(line, name);
		if ((value.below || value.here.from < value.here.to) && !is_upstream(line, name) &&
		    !(telling == TELLS_KEY && is_path(line, value.place)))
			end = take_value(text, line, value);
	}
}

/* ---- what the lines before tell of ---- */

/* The name that begins the line, perhaps an item, in quotes or of an element. */
static struct range first_name(const struct line *line)
{
	size_t i = skip_blanks(line, 0);

	if (starts_item(line, i))
		i = skip_blanks(line, i + 1);
	while (i < line->size && is_one_of("\"'<{", line->at[i]))
		i++;
	return (struct range) { i, skip_name(line, i) };
}

/* The value of a line that is `name: value` */
static struct value member_value(const struct line *line, struct range name)
{
	size_t i = skip_blanks(line, skip_closing(line, name.to)), after = skip_separator(line, i);

	return after > i ? value_from(line, after) : (struct value) { nothing, false, i };
}

/* Is it `name: DB_PASSWORD`, after which comes `value: …`? */
static bool names_secret(const struct line *line)
{
	struct range name = first_name(line), value;

	if (!range_is(line, name, "name") && !range_is(line, name, "key"))
		return false;
	value = trimmed(line, member_value(line, name).here);
	return value.from < value.to && skip_name(line, value.from) == value.to &&
	       redact_name(line->at + value.from, value.to - value.from, true) != TELLS_NOTHING;
}

static void take_named(struct redact_text *text, struct line *line)
{
	struct range name = first_name(line);
	struct value value;

	if (!range_is(line, name, "value") && !range_is(line, name, "content"))
		return;
	value = member_value(line, name);
	if (value.below || value.here.from < value.here.to)
		(void)take_value(text, line, value);
}

static bool is_in_block(const struct redact_text *text, const struct line *line)
{
	size_t indent = skip_blanks(line, 0);

	return indent > text->indent || indent == line->size ||
	       (indent == text->indent && !text->item && starts_item(line, indent));
}

static bool is_brackets(const struct line *line, size_t i)
{
	while (i < line->size && (is_blank(line->at[i]) || is_one_of("[]{}(),;", line->at[i])))
		i++;
	return i == line->size;
}

/* A line of a block: all of it, or a member's value, or an item. */
static void take_block(const struct redact_text *text, struct line *line)
{
	size_t i = skip_blanks(line, 0);
	struct value value;

	if (starts_item(line, i) && !text->whole)
		i = skip_blanks(line, i + 1);
	value = member_value(line, first_name(line));
	if (text->whole)
		(void)hide(line, (struct range) { i, line->size });
	else if (value.here.from < value.here.to)
		(void)hide(line, value.here);
	else if (!value.below && !is_brackets(line, i))
		(void)hide(line, value_at(line, i));
}

/* ---- what shows itself, and only in files ---- */

/* Hashes of passwords, which can be broken. What follows the prefix is one up to the next of blanks and quotes. */
static void take_hashes(struct line *line)
{
	static const char *const prefixes[] = { "$1$",     "$2a$",    "$2b$",          "$2x$",     "$2y$",   "$5$",
						"$6$",     "$7$",     "$y$",           "$gy$",     "$apr1$", "$P$",
						"$H$",     "$argon2", "$pbkdf2",       "$scrypt$", "{SHA}",  "{SSHA",
						"{CRYPT}", "{PBKDF2", "SCRAM-SHA-256$" };

	for (size_t n = 0; n < sizeof(prefixes) / sizeof(prefixes[0]); n++) {
		size_t size = strlen(prefixes[n]), i = 0;

		while ((i = find(line, i, prefixes[n])) < line->size) {
			size_t end = i += size;

			while (end < line->size && !is_one_of(" \t\r\"'`:;<", line->at[end]))
				end++;
			if (end - i >= 8)
				i = hide(line, (struct range) { i, end });
		}
	}
}

/* Nothing but base64, and much of it: part of a key whose beginning is not there. */
static void take_base64(struct line *line)
{
	struct range all = trimmed(line, (struct range) { 0, line->size });
	bool upper = false, lower = false, digit = false;
	size_t slashes = 0;

	for (; all.from < all.to && is_one_of("\"',\\", line->at[all.to - 1]); all.to--)
		;
	for (; all.from < all.to && is_quote(line->at[all.from]); all.from++)
		;
	for (size_t i = all.from; i < all.to; i++) {
		unsigned char byte = (unsigned char)line->at[i];

		if (byte >= 0x80 || !(isalnum(byte) || is_one_of("+/=-_", byte)))
			return;
		upper = upper || isupper(byte);
		lower = lower || islower(byte);
		digit = digit || isdigit(byte);
		slashes += byte == '/';
	}
	/* A path has more slashes. */
	if (all.to - all.from >= 40 && upper && lower && digit && slashes * 16 <= all.to - all.from)
		(void)hide(line, all);
}

/* ---- commands ---- */

/* Is the word at `i` one of a crontab's times: 0 3 * * 1-5, @daily? */
static bool is_time(const struct line *line, size_t i)
{
	if (byte_at(line, i) == '@')
		return true;
	while (i < line->size && (isdigit((unsigned char)line->at[i]) || is_one_of("*/,-", line->at[i])))
		i++;
	return is_blank(byte_at(line, i));
}

static size_t next_word(const struct line *line, size_t i)
{
	while (i < line->size && !is_blank(line->at[i]))
		i++;
	return skip_blanks(line, i);
}

static void take_code_from(struct line *line, size_t i)
{
	if (i < line->size)
		line->size = i + redact_code(line->at + i, line->size - i, &line->found);
}

/* A crontab's and a unit's commands begin later than the line. What opens a block stays: it is no value. */
static void take_code(struct line *line)
{
	struct line whole = *line;
	size_t i = skip_blanks(line, 0), equals = skip_name(line, i);

	if (line->opened < line->size)
		line->size = line->opened;
	take_code_from(line, 0);
	if (byte_at(line, equals) == '=') {
		for (i = equals + 1; i < line->size && is_one_of("-@:+!|", line->at[i]);)
			i++;
		take_code_from(line, i);
	} else if (is_time(line, i)) {
		for (int words = 0; words < 5 && is_time(line, i); words++)
			i = next_word(line, i);
		take_code_from(line, i);
		take_code_from(line, next_word(line, i)); /* after a user's name */
	}
	if (whole.opened < whole.size) {
		memmove(line->at + line->size, whole.at + whole.opened, whole.size - whole.opened);
		line->size += whole.size - whole.opened;
	}
}

/* ---- blocks of PEM ---- */

static const char pem_begin[] = "-----BEGIN ", pem_end[] = "-----END ", pem_dashes[] = "-----";

/* PEM: all between its first line and its last is gone. False if the line has nothing of it. */
static bool take_pem(struct redact_text *text, struct line *line)
{
	size_t from = skip_blanks(line, 0), to;

	if (!text->in_pem) {
		from = find(line, 0, pem_begin);
		if (from == line->size)
			return false;
		from = find(line, from + strlen(pem_begin), pem_dashes);
		from += from < line->size ? strlen(pem_dashes) : 0;
	}
	to = find(line, from, pem_end);
	text->in_pem = to == line->size;
	(void)hide(line, (struct range) { from, to });
	return true;
}

size_t redact_line(struct redact_text *text, char *bytes, size_t size, bool *found)
{
	struct line line = { .at = bytes, .size = size, .opened = SIZE_MAX };
	bool named = text->names_one;

	if (!take_pem(text, &line)) {
		take_hashes(&line);
		if (skip_blanks(&line, 0) < line.size)
			text->names_one = names_secret(&line);
		text->in_block = text->in_block && is_in_block(text, &line);
		if (text->in_block)
			take_block(text, &line);
		else if (named)
			take_named(text, &line);
		if (!text->in_block)
			take_names(text, &line);
		take_base64(&line);
	}
	take_code(&line);
	if (found)
		*found = line.found;
	return line.size;
}

void redact_rest(struct redact_text *text, const char *line, size_t size)
{
	while (size) {
		const char *next = memmem(line, size, text->in_pem ? pem_end : pem_begin,
					  strlen(text->in_pem ? pem_end : pem_begin));

		if (!next)
			return;
		text->in_pem = !text->in_pem;
		size -= (size_t)(next + 1 - line);
		line = next + 1;
	}
}
