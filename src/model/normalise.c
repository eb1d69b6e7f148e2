/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path is walked segment by segment; a segment is either incidental as a whole (a pid, a release) or looked through
 * word by word. A word is a run of letters, digits, bytes beyond ASCII and `*`; a word with a `*` is left alone, which
 * makes a second pass change nothing and keeps two stars from meeting.
 */
#include "model/normalise.h"

#include <stdbool.h>
#include <string.h>

#include "model/grammar_priv.h"

struct text {
	const char *at;
	size_t size;
};

/* What a name is of: in names of files that are written, numbers are incidental as well, and the host's own name. */
struct naming {
	bool written;
	struct text host;  /* empty: none that could be told from a word */
	size_t host_first; /* the length of its first label */
};

static const struct naming of_program = { .written = false };

struct writer {
	char *out;
	size_t size; /* room, the NUL byte included; not 0 */
	size_t used;
	bool full;
};

/* ---- writing ---- */

static void put(struct writer *writer, const char *text, size_t size)
{
	if (writer->full || size >= writer->size - writer->used) {
		writer->full = true;
		return;
	}
	memcpy(writer->out + writer->used, text, size);
	writer->used += size;
}

/* Ends the text, after the last whole segment if not all of it found room. */
static void finish(struct writer *writer)
{
	while (writer->full && writer->used && writer->out[writer->used - 1] != '/')
		writer->used--;
	writer->out[writer->used] = '\0';
}

/* ---- characters and words ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
	return is_lower(c) || is_upper(c);
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c) || c == '*' || (unsigned char)c >= 0x80;
}

/* The length of the run at `at` whose characters all are `what`. */
static size_t run(struct text text, size_t at, bool (*what)(char))
{
	size_t end = at;

	while (end < text.size && what(text.at[end]))
		end++;
	return end - at;
}

static bool has(struct text text, bool (*what)(char))
{
	for (size_t i = 0; i < text.size; i++) {
		if (what(text.at[i]))
			return true;
	}
	return false;
}

static bool equals(struct text text, const char *other)
{
	return text.size == strlen(other) && memcmp(text.at, other, text.size) == 0;
}

static bool begins(struct text text, const char *with)
{
	size_t size = strlen(with);

	return text.size >= size && memcmp(text.at, with, size) == 0;
}

static struct text part(struct text text, size_t from, size_t to)
{
	return (struct text) { text.at + from, to - from };
}

/* A word ends here: nothing that could belong to it follows. */
static bool ends_word(struct text text, size_t at)
{
	return at >= text.size || !is_word(text.at[at]);
}

/*
 * How often the text changes between lower case, upper case, digits and others. A capital that begins a word
 * is no change. Random names have many, python3, sha256, GitHub and README one or none.
 */
static unsigned changes(struct text text)
{
	unsigned count = 0;

	for (size_t i = 1; i < text.size; i++) {
		char one = text.at[i - 1], other = text.at[i];

		if (is_upper(one)   ? !is_letter(other)
		    : is_lower(one) ? !is_lower(other)
				    : is_digit(one) != is_digit(other))
			count++;
	}
	return count;
}

/* ---- what is incidental in a segment ---- */

/*
 * Each rule looks at the word that begins at `at` and returns where what it found ends, or 0. The first *keep bytes
 * of it stay.
 */
typedef size_t (*rule)(struct text segment, size_t at, size_t *keep);

static size_t find_uuid(struct text segment, size_t at, size_t *keep)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t size = sizeof(shape) - 1;

	(void)keep;
	if (segment.size - at < size || !ends_word(segment, at + size))
		return 0;
	for (size_t i = 0; i < size; i++) {
		char c = segment.at[at + i];

		if (shape[i] == '-' ? c != '-' : !is_hex(c))
			return 0;
	}
	return at + size;
}

/* Twelve letters can be a word (cafebabecafe), so a digit it must have. */
static size_t find_hash(struct text segment, size_t at, size_t *keep)
{
	size_t size = run(segment, at, is_hex);

	(void)keep;
	if (size < 12 || !ends_word(segment, at + size) || !has(part(segment, at, at + size), is_digit))
		return 0;
	return at + size;
}

static unsigned number(struct text text, size_t at, size_t digits)
{
	unsigned value = 0;

	while (digits--)
		value = value * 10 + (unsigned)(text.at[at++] - '0');
	return value;
}

static bool is_date(unsigned year, unsigned month, unsigned day)
{
	return year >= 1990 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* 2026-11-24 or 2026_11_24. With dots it is a version as often as not. */
static bool is_dashed_date(struct text text, size_t at)
{
	if (text.size - at < 10 || (text.at[at + 4] != '-' && text.at[at + 4] != '_') ||
	    text.at[at + 7] != text.at[at + 4])
		return false;
	if (run(text, at + 5, is_digit) != 2 || run(text, at + 8, is_digit) != 2)
		return false;
	return is_date(number(text, at, 4), number(text, at + 5, 2), number(text, at + 8, 2));
}

/* Where the date at `at` ends: 20261124, 202611241135, 20261124113546, 2026-11-24, seconds since 1970; else 0. */
static size_t date_end(struct text text, size_t at)
{
	size_t digits = run(text, at, is_digit);

	if (digits == 8 || digits == 12 || digits == 14) {
		if (is_date(number(text, at, 4), number(text, at + 4, 2), number(text, at + 6, 2)))
			return at + digits;
	}
	if (digits == 10 && text.at[at] == '1')
		return at + digits;
	if (digits == 4 && is_dashed_date(text, at))
		return at + 10;
	return 0;
}

/* The time of day after a date: T113546Z, T11, and then all that goes on in digits: :35:46.123+00:00, _113546, .1 */
static size_t time_end(struct text text, size_t end)
{
	if (end < text.size && text.at[end] == 'T' && run(text, end + 1, is_digit))
		end += 1 + run(text, end + 1, is_digit);
	for (;;) {
		size_t digits;

		if (end < text.size && text.at[end] == 'Z' && ends_word(text, end + 1))
			end++;
		if (end >= text.size || !strchr("-_.:+", text.at[end]))
			return end;
		digits = run(text, end + 1, is_digit);
		if (!digits || !(ends_word(text, end + 1 + digits) ||
				 (text.at[end + 1 + digits] == 'Z' && ends_word(text, end + 2 + digits))))
			return end;
		end += 1 + digits;
	}
}

/* A date and time, with letters before it (dump20261124) that stay. */
static size_t find_date(struct text segment, size_t at, size_t *keep)
{
	size_t letters = run(segment, at, is_letter), end = date_end(segment, at + letters);

	if (!end)
		return 0;
	end = time_end(segment, end);
	if (!ends_word(segment, end))
		return 0;
	*keep = letters;
	return end;
}

/* The end of a segment, or one or two short extensions (".sh", ".csv.gz") and the end. */
static bool ends_name(struct text segment, size_t at)
{
	for (int left = 2; at < segment.size && left; left--) {
		size_t size = segment.at[at] == '.' ? run(segment, at + 1, is_word) : 0;

		if (!size || size > 5 || memchr(segment.at + at + 1, '*', size))
			return false;
		at += 1 + size;
	}
	return at == segment.size;
}

static bool is_alphanumeric(char c)
{
	return is_letter(c) || is_digit(c);
}

/* What mktemp(1), apt and sed -i make is random if it isn't just a word. */
static size_t find_known_temporary(struct text segment, size_t at, size_t *keep)
{
	static const struct {
		const char *prefix;
		size_t least, most;
	} known[] = {
		{ "tmp.", 6, 32 }, { "tmp-", 6, 32 }, { "tmp_", 6, 32 }, { "apt-dpkg-install-", 6, 6 }, { "sed", 6, 6 }
	};

	for (size_t i = 0; at == 0 && i < sizeof(known) / sizeof(*known); i++) {
		size_t prefix = strlen(known[i].prefix), size;
		struct text random;

		if (!begins(segment, known[i].prefix))
			continue;
		size = run(segment, prefix, is_alphanumeric);
		random = part(segment, prefix, prefix + size);
		if (size < known[i].least || size > known[i].most || !ends_name(segment, prefix + size))
			continue;
		if (!has(random, is_digit) && !(has(random, is_lower) && has(random, is_upper)))
			continue;
		*keep = prefix;
		return prefix + size;
	}
	return 0;
}

static bool is_python_random(char c)
{
	return is_lower(c) || is_digit(c) || c == '_';
}

/* Python's tempfile: tmp and eight of a…z, 0…9 and _. */
static size_t find_python_file(struct text segment, size_t at, size_t *keep)
{
	if (at != 0 || !begins(segment, "tmp") || run(segment, 3, is_python_random) != 8 || !ends_name(segment, 11))
		return 0;
	*keep = 3;
	return 11;
}

/* That, where it can't be a word. */
static size_t find_python_temporary(struct text segment, size_t at, size_t *keep)
{
	size_t end = find_python_file(segment, at, keep);

	return end && changes(part(segment, 3, end)) >= 3 && has(part(segment, 3, end), is_digit) ? end : 0;
}

/* mkstemp(3): NAME.XXXXXX, NAME-XXXXXX. */
static size_t find_suffix(struct text segment, size_t at, size_t *keep)
{
	size_t size = run(segment, at, is_alphanumeric);
	struct text random = part(segment, at, at + size);

	(void)keep;
	if (size != 6 || at < 2 || !strchr(".-_", segment.at[at - 1]) || !ends_name(segment, at + size))
		return 0;
	return changes(random) >= (has(random, is_upper) ? 2U : 3U) ? at + size : 0;
}

/* ---- what is incidental in the name of a file that is written, beyond that ---- */

/* Where the month or week at `at` ends: 2026-11, 2026_11, 2026-W48; else 0. */
static size_t month_end(struct text text, size_t at)
{
	size_t digits = at;

	if (run(text, at, is_digit) != 4 || text.size - at < 7 || !strchr("-_", text.at[at + 4]))
		return 0;
	digits += text.at[at + 5] == 'W' || text.at[at + 5] == 'w' ? 6 : 5;
	if (run(text, digits, is_digit) != 2 || !ends_word(text, digits + 2))
		return 0;
	if (!is_date(number(text, at, 4), digits == at + 5 ? number(text, digits, 2) : 1, 1))
		return 0;
	return digits + 2;
}

static size_t find_month(struct text segment, size_t at, size_t *keep)
{
	*keep = run(segment, at, is_letter);
	return month_end(segment, at + *keep);
}

/* 2026.11.24: in the name of a program it is a version as often as not. */
static size_t find_dotted_date(struct text segment, size_t at, size_t *keep)
{
	size_t start = at + run(segment, at, is_letter);

	*keep = start - at;
	if (segment.size - start < 10 || run(segment, start, is_digit) != 4 || segment.at[start + 4] != '.' ||
	    run(segment, start + 5, is_digit) != 2 || segment.at[start + 7] != '.' ||
	    run(segment, start + 8, is_digit) != 2 || !ends_word(segment, start + 10) ||
	    !is_date(number(segment, start, 4), number(segment, start + 5, 2), number(segment, start + 8, 2)))
		return 0;
	return start + 10;
}

/*
 * How often it was rotated, or which one it is: access.log.2.gz, appendonly.aof.39.base.rdb; after a letter or what is incidental
 * itself. After a digit it is a version, and a library's number says what it is compatible with.
 */
static bool is_counter(const struct writer *writer, struct text segment, size_t at, size_t end)
{
	const char *before = writer->out + writer->used;

	if (at < 2 || segment.at[at - 1] != '.' || writer->used < 2 || (!is_letter(before[-2]) && before[-2] != '*'))
		return false;
	if (at >= 4 && memcmp(segment.at + at - 4, ".so.", 4) == 0)
		return false;
	return end == segment.size ||
	       (segment.at[end] == '.' && end + 1 < segment.size && is_letter(segment.at[end + 1]));
}

/* By its name it is there for a moment: temp-rewriteaof-bg-441.aof, .config.tmp.77. */
static bool is_temporary(struct text segment)
{
	size_t dot = segment.size && segment.at[0] == '.';
	struct text name = part(segment, dot, segment.size);
	size_t word = run(name, 0, is_letter);

	if (equals(part(name, 0, word), "temp") || equals(part(name, 0, word), "tmp"))
		return true;
	for (size_t i = 0; i + 4 <= segment.size; i++) {
		if (begins(part(segment, i, segment.size), ".tmp"))
			return true;
	}
	return false;
}

/* Mostly the writer's pid. */
static size_t find_temporary_number(struct text segment, size_t at, size_t *keep)
{
	size_t digits = run(segment, at, is_digit);

	*keep = 0;
	return digits && ends_word(segment, at + digits) && is_temporary(segment) ? at + digits : 0;
}

/* part-00017, 16384_vm, invoice4711001.pdf: of four digits or more, after letters of five. */
static size_t find_number(struct text segment, size_t at, size_t *keep)
{
	size_t letters = run(segment, at, is_letter), digits = run(segment, at + letters, is_digit);
	size_t end = at + letters + digits;

	*keep = letters;
	return digits >= (letters ? 5U : 4U) && ends_word(segment, end) ? end : 0;
}

/* Where the counter at `at` ends; 0: there is none. */
static size_t counter_end(const struct writer *writer, struct text segment, size_t at)
{
	size_t end = at + run(segment, at, is_digit);

	return end > at && ends_word(segment, end) && is_counter(writer, segment, at, end) ? end : 0;
}

/* Ids and keys: eight letters and digits or more, well mixed; sixteen or more with a digit somewhere among the letters. */
static size_t find_random(struct text segment, size_t at, size_t *keep)
{
	size_t size = run(segment, at, is_alphanumeric);
	struct text random = part(segment, at, at + size);

	(void)keep;
	if (size < 8 || !ends_word(segment, at + size))
		return 0;
	return changes(random) >= 4 || (size >= 16 && changes(random) >= 2 && has(random, is_digit)) ? at + size : 0;
}

/* Where the host's name, or its first label, ends that begins at `at`; 0 if it doesn't. */
static size_t host_end(struct text segment, size_t at, const struct naming *naming)
{
	size_t sizes[] = { naming->host.size, naming->host_first };

	for (size_t i = 0; naming->host.size && i < 2; i++) {
		size_t end = at + sizes[i];

		if (end <= segment.size && memcmp(segment.at + at, naming->host.at, sizes[i]) == 0 &&
		    ends_word(segment, end))
			return end;
	}
	return 0;
}

static const rule rules[] = {
	find_uuid, find_hash, find_date, find_known_temporary, find_python_temporary, find_suffix
};

static const rule file_rules[] = { find_month,       find_dotted_date, find_number, find_temporary_number,
				   find_python_file, find_random };

static size_t first_of(const rule *all, size_t count, struct text segment, size_t at, size_t *keep)
{
	size_t end = 0;

	for (size_t i = 0; !end && i < count; i++) {
		*keep = 0;
		end = all[i](segment, at, keep);
	}
	return end;
}

/* Writes the word at `at` as it is to be, and returns where what it wrote for ends. */
static size_t put_word(struct writer *writer, struct text segment, size_t at, const struct naming *naming)
{
	size_t word = run(segment, at, is_word), keep = 0, end = host_end(segment, at, naming);

	if (!end && !memchr(segment.at + at, '*', word)) {
		end = first_of(rules, sizeof(rules) / sizeof(*rules), segment, at, &keep);
		if (!end && naming->written)
			end = first_of(file_rules, sizeof(file_rules) / sizeof(*file_rules), segment, at, &keep);
		if (!end && naming->written) {
			keep = 0;
			end = counter_end(writer, segment, at);
		}
	}
	if (!end) {
		put(writer, segment.at + at, word);
		return at + word;
	}
	put(writer, segment.at + at, keep);
	put(writer, "*", 1);
	return end;
}

/* Most segments (usr, bin, nginx) have nothing that a rule could want. */
static bool is_plain(struct text segment, const struct naming *naming)
{
	if (has(segment, is_digit) || has(segment, is_upper))
		return false;
	if (!naming->written)
		return true;
	return !begins(segment, "tmp") &&
	       !(naming->host.size && memmem(segment.at, segment.size, naming->host.at, naming->host_first));
}

static void put_segment(struct writer *writer, struct text segment, const struct naming *naming)
{
	if (is_plain(segment, naming)) {
		put(writer, segment.at, segment.size);
		return;
	}
	for (size_t at = 0; at < segment.size;) {
		size_t other = grammar_escape_size(segment.at + at, segment.size - at);

		if (!other && is_word(segment.at[at])) {
			at = put_word(writer, segment, at, naming);
			continue;
		}
		other = other ? other : 1;
		put(writer, segment.at + at, other);
		at += other;
	}
}

/* ---- segments that are incidental as a whole ---- */

struct place {
	struct text first, previous; /* segments; empty where there is none */
	size_t depth;                /* of the segment: 0 for the first */
	const struct naming *naming;
	unsigned dated; /* so many segments until here are a year, a month, a day … */
};

static bool is_digits(struct text text)
{
	return text.size && run(text, 0, is_digit) == text.size;
}

static bool is_release_part(struct text text)
{
	size_t keep = 0;

	if (!text.size || !is_digit(text.at[0]))
		return text.size >= 7 && run(text, 0, is_hex) == text.size && has(text, is_digit);
	return is_digits(text) || (text.size >= 7 && run(text, 0, is_hex) == text.size) ||
	       find_date(text, 0, &keep) == text.size;
}

/* A version as it is tagged, 1.2.3 or v42; `later`, not the first part of a name: also what comes before a release, rc1, beta.2. */
static bool is_tag_part(struct text text, bool later)
{
	static const char *const before[] = { "rc", "alpha", "beta", "pre", "dev" };
	size_t at = text.size > 1 && (text.at[0] == 'v' || text.at[0] == 'V') ? 1 : 0;

	for (size_t i = 0; later && !at && i < sizeof(before) / sizeof(*before); i++)
		at = begins(text, before[i]) ? strlen(before[i]) : 0;
	if (later && at && at < text.size && text.at[at] == '.')
		at++;
	if (at == text.size)
		return later && at;
	for (;;) {
		size_t digits = run(text, at, is_digit);

		at += digits;
		if (!digits || at == text.size || text.at[at++] != '.')
			return digits && at == text.size;
	}
}

/* Digits, dates and hashes joined by '-' or '_', and with `tags` also versions. */
static bool is_release(struct text text, bool tags)
{
	for (size_t at = 0, size; at <= text.size; at += size + 1) {
		struct text one;

		size = 0;
		while (at + size < text.size && text.at[at + size] != '-' && text.at[at + size] != '_')
			size++;
		one = part(text, at, at + size);
		if (!is_release_part(one) && !(tags && is_tag_part(one, at > 0)))
			return false;
	}
	return true;
}

/* 2026/11/24/08: directories by date. */
static bool continues_date(const struct place *place, struct text segment)
{
	if (!place->naming->written || !is_digits(segment))
		return false;
	if (!place->dated)
		return segment.size == 4 && is_date(number(segment, 0, 4), 1, 1);
	return place->dated < 4 && segment.size == 2;
}

static bool is_incidental(const struct place *place, struct text segment)
{
	/* What version managers keep below `versions` (pyenv, nvm) are programs of that version. */
	static const struct {
		const char *name;
		bool tags;
	} holders[] = { { "releases", true }, { "deploys", true }, { "versions", false } };

	if (equals(place->first, "proc") && is_digits(segment))
		return true;
	if (continues_date(place, segment))
		return true;
	/* /snap/NAME/REVISION */
	if (place->depth == 2 && equals(place->first, "snap") && is_digits(segment))
		return true;
	for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++) {
		if (equals(place->previous, holders[i].name))
			return is_release(segment, holders[i].tags);
	}
	return false;
}

/* ---- paths ---- */

static void put_path(struct writer *writer, struct text path, bool exact, const struct naming *naming)
{
	struct place place = { .naming = naming };

	for (size_t at = 0; at < path.size && !writer->full;) {
		const char *slash = memchr(path.at + at, '/', path.size - at);
		struct text segment = part(path, at, slash ? (size_t)(slash - path.at) : path.size);

		if (exact)
			put(writer, segment.at, segment.size);
		else if (segment.size && is_incidental(&place, segment))
			put(writer, "*", 1);
		else
			put_segment(writer, segment, naming);
		if (slash)
			put(writer, "/", 1);
		if (segment.size) {
			place.dated = continues_date(&place, segment) ? place.dated + 1 : 0;
			place.first = place.depth++ ? place.first : segment;
			place.previous = segment;
		}
		at += segment.size + 1;
	}
}

/* See normalise_program() in the header. */
static bool is_exact(struct text path)
{
	static const char *const writable[] = { "/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/" };

	/* One that was cut ends in '/'; what made it exact may be gone. */
	if (!path.size || path.at[0] != '/' || path.at[path.size - 1] == '/')
		return true;
	for (size_t i = 0; i < sizeof(writable) / sizeof(*writable); i++) {
		if (begins(path, writable[i]))
			return true;
	}
	for (size_t i = 0; i + 1 < path.size; i++) {
		struct text rest = part(path, i, path.size);

		if (begins(rest, "//") || begins(rest, "/./") || begins(rest, "/../"))
			return true;
	}
	return false;
}

/* The part in parentheses; `text` begins after the opening one and ends before the closing one. */
static void put_class(struct writer *writer, struct text text)
{
	size_t lead = begins(text, "#!") ? 2 : begins(text, "ld.so:") ? 6 : 0;
	struct text path = part(text, lead, text.size);

	put(writer, text.at, lead);
	if (path.size && path.at[0] == '/')
		put_path(writer, path, is_exact(path), &of_program);
	else
		put(writer, path.at, path.size);
}

void normalise_path(const char *path, char *out, size_t size)
{
	struct writer writer = { .out = out, .size = size };

	if (!size)
		return;
	put_path(&writer, (struct text) { path, strlen(path) }, false, &of_program);
	finish(&writer);
}

/* Of letters, digits, dashes and dots, and more than a word: another host's files may be called `web` as well. */
static struct naming naming_of_file(const char *host)
{
	struct naming naming = { .written = true, .host = { host, strlen(host) } };
	bool told_apart = false;

	for (size_t i = 0; i < naming.host.size; i++) {
		if (!is_alphanumeric(host[i]) && !strchr("-.", host[i]))
			return (struct naming) { .written = true };
	}
	naming.host_first = strcspn(host, ".");
	for (size_t i = 0; i < naming.host_first; i++)
		told_apart = told_apart || is_digit(host[i]) || host[i] == '-';
	return told_apart && naming.host_first >= 4 ? naming : (struct naming) { .written = true };
}

void normalise_file(const char *path, const char *host, char *out, size_t size)
{
	struct writer writer = { .out = out, .size = size };
	struct naming naming = naming_of_file(host);

	if (!size)
		return;
	put_path(&writer, (struct text) { path, strlen(path) }, false, &naming);
	finish(&writer);
}

void normalise_program(const char *text, char *out, size_t size)
{
	struct writer writer = { .out = out, .size = size };
	size_t length = strlen(text), exe = strcspn(text, "("), open;
	bool closed = length > exe && text[length - 1] == ')';

	if (!size)
		return;
	put_path(&writer, (struct text) { text, exe }, is_exact((struct text) { text, exe }), &of_program);
	put(&writer, "(", exe < length);
	open = writer.used;
	/* A class that is cut still ends in its parenthesis, so room for that is set aside. */
	writer.size -= closed && writer.size > writer.used + 1;
	if (exe < length)
		put_class(&writer, (struct text) { text + exe + 1, length - exe - 1 - closed });
	finish(&writer);
	writer.size = size;
	if (closed && writer.used >= open && writer.used + 1 < size) {
		writer.out[writer.used++] = ')';
		writer.out[writer.used] = '\0';
	}
}

void normalise_port(uint16_t port, char *out, size_t size)
{
	struct writer writer = { .out = out, .size = size };
	char digits[5];
	size_t at = sizeof(digits);

	if (!size)
		return;
	if (port >= NORMALISE_EPHEMERAL) {
		put(&writer, "ephemeral", 9);
	} else {
		do {
			digits[--at] = (char)('0' + port % 10);
			port /= 10;
		} while (port);
		put(&writer, digits + at, sizeof(digits) - at);
	}
	finish(&writer);
}
