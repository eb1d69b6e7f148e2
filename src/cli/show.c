/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/hash.h"

#define SECOND_NS 1000000000ULL

void show_text(struct buffer *out, const char *text)
{
	escape_append(out, text, strlen(text), "");
}

void show_time(struct buffer *out, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / SECOND_NS);
	struct tm local;
	char text[64];

	if (!time_ns || !localtime_r(&seconds, &local) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local))
		buffer_byte(out, '-');
	else
		buffer_text(out, text);
}

void show_duration(struct buffer *out, uint64_t duration_ns)
{
	uint64_t seconds = duration_ns / SECOND_NS;

	if (seconds < 120)
		buffer_printf(out, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		buffer_printf(out, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 2 * 86400)
		buffer_printf(out, "%" PRIu64 " h", seconds / 3600);
	else
		buffer_printf(out, "%" PRIu64 " days", seconds / 86400);
}

void show_count(struct buffer *out, uint64_t count, const char *one, const char *many)
{
	if (count == 1)
		buffer_printf(out, "one %s", one);
	else
		buffer_printf(out, "%" PRIu64 " %s", count, many);
}

int show_print(struct buffer *out)
{
	bool failed = out->failed;
	int status = fwrite(buffer_string(out), 1, out->size, stdout) != out->size || fflush(stdout) ? errno : 0;

	buffer_clear(out);
	if (status && status != EPIPE)
		say("can't write: %s", strerror(status));
	if (failed)
		say("there was more than fits into memory: what follows is missing");
	return (status && status != EPIPE) || failed ? EXIT_FAILED : 0;
}

/* Tables */

void columns_text(struct columns *columns, const char *text)
{
	show_text(&columns->cells, *text ? text : "-");
	buffer_byte(&columns->cells, '\0');
}

void columns_shown(struct columns *columns, struct buffer *shown)
{
	buffer_text(&columns->cells, buffer_string(shown));
	buffer_byte(&columns->cells, '\0');
	buffer_clear(shown);
}

void columns_number(struct columns *columns, uint64_t number)
{
	buffer_printf(&columns->cells, "%" PRIu64, number);
	buffer_byte(&columns->cells, '\0');
}

/* Characters of UTF-8, which what was escaped is. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

#define COLUMNS_MAX 16

static void measure(const struct columns *columns, size_t width[COLUMNS_MAX])
{
	const char *cell = buffer_string(&columns->cells), *end = cell + columns->cells.size;

	for (unsigned i = 0; cell < end; i = (i + 1) % columns->count, cell += strlen(cell) + 1) {
		size_t needed = width_of(cell);

		if (needed > width[i])
			width[i] = needed;
	}
}

void columns_end(struct columns *columns, struct buffer *out)
{
	const char *cell = buffer_string(&columns->cells), *end = cell + columns->cells.size;
	size_t width[COLUMNS_MAX] = { 0 };

	measure(columns, width);
	for (unsigned i = 0; cell < end; i = (i + 1) % columns->count, cell += strlen(cell) + 1) {
		buffer_text(out, cell);
		if (i + 1 == columns->count)
			buffer_byte(out, '\n');
		else
			buffer_printf(out, "%*s", (int)(width[i] - width_of(cell) + 2), "");
	}
	out->failed |= columns->cells.failed;
	buffer_free(&columns->cells);
}

/* Counted texts */

static bool is_text(const void *entry, const void *key)
{
	return !strcmp(((const struct counted_text *)entry)->text, key);
}

static bool add_new(struct counted *counted, uint64_t hash, const char *text)
{
	size_t size = strlen(text) + 1;
	struct counted_text *added, **larger;

	if (counted->count == COUNTED_MAX)
		return false;
	/* Room for twice as many, each time that a power of two is reached. */
	if (!(counted->count & (counted->count - 1))) {
		larger = realloc(counted->texts, (counted->count ? 2 * counted->count : 1) * sizeof(*larger));
		if (!larger)
			return false;
		counted->texts = larger;
	}
	added = malloc(sizeof(*added) + size);
	if (!added)
		return false;
	added->count = 1;
	memcpy(added->text, text, size);
	if (table_insert(&counted->table, hash, added)) {
		free(added);
		return false;
	}
	counted->texts[counted->count++] = added;
	return true;
}

void counted_add(struct counted *counted, const char *text)
{
	uint64_t hash = hash_text(text);
	struct counted_text *known;

	counted->table.equal = is_text;
	known = table_find(&counted->table, hash, text);
	if (known)
		known->count++;
	else if (!add_new(counted, hash, text))
		counted->left_out++;
}

static int by_text(const void *one, const void *other)
{
	return strcmp((*(struct counted_text *const *)one)->text, (*(struct counted_text *const *)other)->text);
}

void counted_sort(struct counted *counted)
{
	if (counted->count)
		qsort(counted->texts, counted->count, sizeof(struct counted_text *), by_text);
}

void counted_free(struct counted *counted)
{
	for (size_t i = 0; i < counted->count; i++)
		free(counted->texts[i]);
	free(counted->texts);
	table_free(&counted->table);
	*counted = (struct counted) { 0 };
}

/* JSON */

static void json_separate(struct buffer *out)
{
	char last = out->size ? out->data[out->size - 1] : '{';

	if (last != '{' && last != '[' && last != '\n')
		buffer_byte(out, ',');
}

void json_key(struct buffer *out, const char *name)
{
	json_separate(out);
	buffer_printf(out, "\"%s\":", name);
}

/* What was escaped has nothing but quotes and backslashes that JSON minds. */
static void json_string(struct buffer *out, const char *escaped)
{
	buffer_byte(out, '"');
	for (; *escaped; escaped++) {
		if (*escaped == '"' || *escaped == '\\')
			buffer_byte(out, '\\');
		buffer_byte(out, *escaped);
	}
	buffer_byte(out, '"');
}

void json_escaped(struct buffer *out, const char *name, const char *escaped)
{
	if (!*escaped)
		return;
	json_key(out, name);
	json_string(out, escaped);
}

void json_text(struct buffer *out, const char *name, const char *text)
{
	struct buffer escaped = BUFFER_INIT(SHOW_MAX);

	show_text(&escaped, text);
	json_escaped(out, name, buffer_string(&escaped));
	buffer_free(&escaped);
}

void json_number(struct buffer *out, const char *name, uint64_t number)
{
	json_key(out, name);
	buffer_printf(out, "%" PRIu64, number);
}

void json_bool(struct buffer *out, const char *name, bool value)
{
	json_key(out, name);
	buffer_text(out, value ? "true" : "false");
}

void json_time(struct buffer *out, const char *name, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / SECOND_NS);
	struct tm utc;
	char text[64];

	if (!time_ns || !gmtime_r(&seconds, &utc) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc))
		return;
	json_key(out, name);
	buffer_printf(out, "\"%s.%09" PRIu64 "Z\"", text, (uint64_t)(time_ns % SECOND_NS));
}

void json_tally(struct buffer *out, const struct state_tally *tally)
{
	json_key(out, "events");
	buffer_byte(out, '{');
	for (int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		if (!tally->seen[kind])
			continue;
		json_key(out, event_kind_name((enum event_kind)kind));
		buffer_byte(out, '{');
		json_number(out, "seen", tally->seen[kind]);
		json_number(out, "dropped", tally->dropped[kind]);
		buffer_byte(out, '}');
	}
	buffer_byte(out, '}');
	json_number(out, "orphans", tally->orphans);
}

void json_counted(struct buffer *out, const char *name, const char *member, const struct counted *counted)
{
	json_key(out, name);
	buffer_byte(out, '[');
	for (size_t i = 0; i < counted->count; i++) {
		json_separate(out);
		buffer_byte(out, '{');
		json_escaped(out, member, counted->texts[i]->text);
		json_number(out, "count", counted->texts[i]->count);
		buffer_byte(out, '}');
	}
	buffer_byte(out, ']');
}

/* The rest */

void show_tally(struct buffer *out, const struct state_tally *tally)
{
	const char *between = "";
	uint64_t dropped = 0;

	for (int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		if (!tally->seen[kind])
			continue;
		buffer_printf(out, "%s%s %" PRIu64, between, event_kind_name((enum event_kind)kind), tally->seen[kind]);
		between = ", ";
		dropped += tally->dropped[kind];
	}
	if (!*between)
		buffer_text(out, "none");
	if (dropped)
		buffer_printf(out, "; %" PRIu64 " of these were only counted: there was no room to keep them", dropped);
}

int show_open(const char *directory, struct state **state)
{
	struct error error = { "" };
	int status = state_open(directory, STATE_READ, state, &error);

	if (status)
		say("%s", error.text);
	return status ? EXIT_FAILED : 0;
}

int show_parse_time(const char *text, uint64_t *time_ns)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
					       "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	long long ago_ms;

	if (!parse_duration(text, &ago_ms)) {
		time_t then = time(NULL) - (time_t)(ago_ms / 1000);

		*time_ns = then > 0 ? (uint64_t)then * SECOND_NS : 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm local = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &local);
		time_t seconds = end && !*end ? mktime(&local) : -1;

		if (seconds >= 0) {
			*time_ns = (uint64_t)seconds * SECOND_NS;
			return 0;
		}
	}
	return -EINVAL;
}
