/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing statistics. docs/reference/statistics.md is the manual; a change here is a change there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/read.h"
#include "base/replace.h"
#include "model/statistics.h"
#include "model/text_priv.h"

static const char title[] = "# sombrero statistics 1";

#define NAME_ESCAPED " #()"

/* ---- writing ---- */

static void print_name(struct buffer *out, const char *name)
{
	if (!name[0])
		buffer_byte(out, '-');
	escape_append(out, name, strlen(name), NAME_ESCAPED);
}

static void print_hours(struct buffer *out, const char *word, const struct hours *hours)
{
	if (!hours->count)
		return;
	buffer_printf(out, "  %s ", word);
	hours_print(hours, out);
	buffer_byte(out, '\n');
}

static void print_host(struct buffer *out, const struct statistics_host *host)
{
	buffer_text(out, "host ");
	print_name(out, host->name);
	buffer_byte(out, '\n');
	print_hours(out, "watched", &host->watched);
	for (unsigned i = 0; i < OCCASION_COUNT; i++)
		print_hours(out, occasion_name(i), &host->occasion[i]);
}

static void print_scheduled(struct buffer *out, const struct statistics_scheduled *scheduled)
{
	buffer_text(out, "scheduled ");
	print_name(out, scheduled->job);
	buffer_printf(out, " %" PRIu32 " ", scheduled->period);
	distinct_print(&scheduled->hosts, out);
	buffer_byte(out, '\n');
}

static void print_sketch(struct buffer *out, const char *word, const struct sketch *sketch)
{
	if (!sketch->size)
		return;
	buffer_text(out, word);
	sketch_print(sketch, out);
	buffer_byte(out, '\n');
}

static void print_usual(struct buffer *out, const struct usual *usual)
{
	if (!usual)
		return;
	print_sketch(out, "  processes ", &usual->processes);
	print_sketch(out, "  begun ", &usual->begun);
	print_sketch(out, "  cpu ", &usual->cpu_ms);
}

static bool is_empty(const struct statistics_context *context, const struct usual *usual)
{
	for (size_t i = 0; i < context->place_count; i++) {
		if (context->place[i].hours.count)
			return false;
	}
	return !context->runs.size && (!usual || (!usual->processes.size && !usual->begun.size && !usual->cpu_ms.size));
}

/* False if there is nothing to say of it. */
static bool print_context(struct buffer *out, const struct statistics_context *context, const struct model *model)
{
	const struct usual *usual = model_find_usual(model, &context->sample);

	if (is_empty(context, usual))
		return false;
	text_print_context(out, &context->sample);
	print_usual(out, usual);
	if (context->runs.size) {
		buffer_text(out, "  runs ");
		distinct_print(&context->runs, out);
		buffer_byte(out, '\n');
	}
	for (size_t i = 0; i < context->place_count; i++) {
		const struct statistics_place *place = &context->place[i];

		if (!place->hours.count)
			continue;
		buffer_text(out, "  hours ");
		print_name(out, place->host->name);
		buffer_byte(out, ' ');
		hours_print(&place->hours, out);
		buffer_byte(out, '\n');
	}
	return true;
}

static void print_seen(struct buffer *out, const struct model_entry *entry)
{
	const struct seen *seen = entry->seen;

	buffer_text(out, "  ");
	text_print_behaviour(out, &entry->behaviour);
	buffer_printf(out, "\n    seen %" PRIu64 " %" PRId64 " %" PRId64 " ", entry->count, seen->first_day,
		      seen->last_day);
	distinct_print(&seen->units, out);
	buffer_byte(out, ' ');
	distinct_print(&seen->hosts, out);
	buffer_byte(out, ' ');
	distinct_print(&seen->days, out);
	buffer_byte(out, '\n');
	if (entry->rate)
		print_sketch(out, "    rate ", &entry->rate->usual);
}

struct printer {
	const struct statistics *statistics;
	const struct model *model;
	struct buffer *out;
	size_t next;                  /* context */
	const struct behaviour *last; /* the context that was printed last */
};

/* Those before `until` (NULL: all), and that itself. */
static void print_contexts(struct printer *printer, const struct behaviour *until)
{
	const struct statistics *statistics = printer->statistics;

	while (printer->next < statistics->context_count) {
		const struct statistics_context *context = statistics->context[printer->next];
		struct behaviour sample = context->sample;

		/* Of the same context, no behaviour comes before this. */
		sample.kind = 0;
		if (until && !text_same_context(&sample, until) && behaviour_compare(&sample, until) > 0)
			return;
		if (print_context(printer->out, context, printer->model))
			printer->last = &context->sample;
		printer->next++;
	}
}

static int print_entry(void *owner, struct model_entry *entry)
{
	struct printer *printer = owner;

	if (!entry->seen || !entry->seen->units.size)
		return 0;
	print_contexts(printer, &entry->behaviour);
	if (!printer->last || !text_same_context(printer->last, &entry->behaviour))
		text_print_context(printer->out, &entry->behaviour);
	printer->last = &entry->behaviour;
	print_seen(printer->out, entry);
	return printer->out->failed ? -ENOMEM : 0;
}

int statistics_print(const struct statistics *statistics, struct model *model, struct buffer *out)
{
	struct printer printer = { .statistics = statistics, .model = model, .out = out };
	int status;

	buffer_printf(out, "%s\n", title);
	for (size_t i = 0; i < statistics->source_count; i++)
		buffer_printf(out, "source %016" PRIx64 "\n", statistics->source[i]);
	if (statistics->lost)
		buffer_printf(out, "lost %" PRIu64 "\n", statistics->lost);
	if (statistics->at_least)
		buffer_text(out, "counts at-least\n");
	for (size_t i = 0; i < statistics->host_count; i++)
		print_host(out, statistics->host[i]);
	for (size_t i = 0; i < statistics->scheduled_count; i++)
		print_scheduled(out, statistics->scheduled[i]);
	status = model_each(model, print_entry, &printer);
	if (!status)
		print_contexts(&printer, NULL);
	return status ? status : out->failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

struct parser {
	struct statistics *statistics;
	struct model *model;
	struct model_entry *entry;          /* of the last line; NULL: the model has none */
	bool in_line;                       /* a behaviour's line stands before */
	struct statistics_host *host;       /* whose section it is; NULL: none */
	struct statistics_context *context; /* likewise */
	size_t strangers;
	char name[4 * BEHAVIOUR_NAME_MAX];
};

static int fault(const struct text_other *line, unsigned index, const char *what)
{
	const struct word *last = &line->word[line->count - 1];
	struct word word = { last->text + last->size, 0 };

	if (index < line->count)
		word = line->word[index];
	return text_expected(line->reader, word, word.text, what);
}

static int take_number(const struct text_other *line, unsigned index, uint64_t maximum, uint64_t *out)
{
	struct word word = index < line->count ? line->word[index] : (struct word) { "", 0 };

	*out = 0;
	for (size_t i = 0; i < word.size; i++) {
		if (word.text[i] < '0' || word.text[i] > '9' || (i == 0 && word.size > 1 && word.text[i] == '0'))
			return fault(line, index, "a number without a leading zero");
		*out = *out * 10 + (uint64_t)(word.text[i] - '0');
		if (*out > maximum)
			return fault(line, index, "a smaller number");
	}
	return word.size ? 0 : fault(line, index, "a number");
}

/* A name as print_name() writes it, into parser->name. */
static int take_name(struct parser *parser, const struct text_other *line, unsigned index)
{
	struct word word = index < line->count ? line->word[index] : (struct word) { "", 0 };
	struct buffer text = BUFFER_INIT(sizeof(parser->name)), again = BUFFER_INIT(sizeof(parser->name));
	bool good = word.size && word.size < sizeof(parser->name);

	if (good && !word_is(word, "-"))
		good = escape_decode(&text, word.text, word.size) == 0 && text.size < BEHAVIOUR_NAME_MAX;
	if (good && text.size)
		escape_append(&again, text.data, text.size, NAME_ESCAPED);
	/* What escaping would not make would be another spelling of the same. */
	if (good && text.size)
		good = again.size == word.size && memcmp(again.data, word.text, word.size) == 0;
	good = good && !text.failed && !again.failed;
	(void)snprintf(parser->name, sizeof(parser->name), "%s", buffer_string(&text));
	buffer_free(&text);
	buffer_free(&again);
	return good ? 0 : fault(line, index, "a name of at most 511 bytes, escaped as sombrero does it");
}

static int take_hours(const struct text_other *line, unsigned index, struct hours *into)
{
	struct word word = index < line->count ? line->word[index] : (struct word) { "", 0 };
	struct hours read = { 0 };
	int status = hours_parse(word.text, word.size, &read);

	if (status == -EINVAL)
		return fault(line, index, "hours since 1970, in order, such as 490000-490167,490170");
	if (!status)
		status = hours_merge(into, &read);
	hours_free(&read);
	return status;
}

static int take_distinct(const struct text_other *line, unsigned index, struct distinct *into)
{
	struct word word = index < line->count ? line->word[index] : (struct word) { "", 0 };
	struct distinct read = { .limit = into->limit };
	char what[96];
	int status = distinct_parse(word.text, word.size, &read);

	if (status == -EINVAL) {
		(void)snprintf(what, sizeof(what), "at most %u hashes of 16 hexadecimal digits, in order, or -",
			       into->limit);
		return fault(line, index, what);
	}
	if (!status)
		status = distinct_merge(into, &read);
	distinct_free(&read);
	return status;
}

static int take_sketch(const struct text_other *line, struct sketch *into)
{
	struct word word = line->count > 1 ? line->word[1] : (struct word) { "", 0 };
	struct sketch read = { 0 };
	int status = sketch_parse(word.text, word.size, &read);

	if (status == -EINVAL)
		return fault(line, 1, "a sketch as sombrero writes it, such as 1:120,7:3");
	if (!status && into)
		status = sketch_merge(into, &read);
	sketch_free(&read);
	return status;
}

static int ends_at(const struct text_other *line, unsigned count)
{
	return line->count > count ? fault(line, count, GRAMMAR_LINE_END) : 0;
}

static int take_source(struct parser *parser, const struct text_other *line)
{
	struct distinct one = { .limit = 1 };
	int status = take_distinct(line, 1, &one);

	if (!status)
		status = one.hash ? statistics_add_source(parser->statistics, one.hash[0])
				  : fault(line, 1, "16 hexadecimal digits");
	distinct_free(&one);
	if (status == -E2BIG)
		return fault(line, 0, "fewer sources");
	return status ? status : ends_at(line, 2);
}

static int take_lost(struct parser *parser, const struct text_other *line)
{
	uint64_t lost;
	int status = take_number(line, 1, SEEN_COUNT_MAX, &lost);

	if (!status)
		parser->statistics->lost = lost;
	return status ? status : ends_at(line, 2);
}

static int take_counts(struct parser *parser, const struct text_other *line)
{
	if (line->count < 2 || !word_is(line->word[1], "at-least"))
		return fault(line, 1, "at-least");
	parser->statistics->at_least = true;
	return ends_at(line, 2);
}

static int take_host(struct parser *parser, const struct text_other *line)
{
	int status = take_name(parser, line, 1);

	if (status)
		return status;
	parser->host = statistics_host(parser->statistics, parser->name);
	return parser->host ? ends_at(line, 2) : fault(line, 0, "fewer hosts");
}

static int take_scheduled(struct parser *parser, const struct text_other *line)
{
	struct statistics_scheduled *scheduled;
	uint64_t period = 0;
	int status = take_name(parser, line, 1);

	if (!status)
		status = take_number(line, 2, UINT32_MAX, &period);
	if (status)
		return status;
	scheduled = statistics_scheduled(parser->statistics, parser->name, (uint32_t)period);
	if (!scheduled)
		return fault(line, 0, "fewer scheduled jobs");
	status = take_distinct(line, 3, &scheduled->hosts);
	return status ? status : ends_at(line, 4);
}

/* A line in the first column. */
static int take_section(struct parser *parser, const struct text_other *line)
{
	static const struct {
		const char *word;
		int (*take)(struct parser *parser, const struct text_other *line);
	} sections[] = {
		{ "source", take_source }, { "lost", take_lost },           { "counts", take_counts },
		{ "host", take_host },     { "scheduled", take_scheduled },
	};

	parser->host = NULL;
	parser->context = NULL;
	parser->in_line = false;
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (word_is(line->word[0], sections[i].word)) {
			int status = sections[i].take(parser, line);

			return status < 0 ? status : 1;
		}
	}
	return 0;
}

static int take_of_host(struct parser *parser, const struct text_other *line)
{
	struct hours hours = { 0 };
	int occasion = OCCASION_COUNT - 1, status;

	while (occasion >= 0 && !word_is(line->word[0], occasion_name(occasion)))
		occasion--;
	if (occasion < 0 && !word_is(line->word[0], "watched"))
		return fault(line, 0, "watched, boot, change, upgrade or rotation");
	status = take_hours(line, 1, &hours);
	if (!status && occasion < 0)
		status = hours_merge(&parser->host->watched, &hours);
	else if (!status)
		status = statistics_add_occasions(parser->host, occasion, &hours);
	hours_free(&hours);
	return status ? status : ends_at(line, 2);
}

static int find_context(struct parser *parser, const struct text_other *line)
{
	if (!line->context)
		return fault(line, 0, "a line 'service NAME', 'job NAME' or 'boot' before it");
	if (!parser->context)
		parser->context = statistics_context(parser->statistics, line->context);
	return parser->context ? 0 : fault(line, 0, "fewer contexts");
}

static int take_runs(struct parser *parser, const struct text_other *line)
{
	int status = find_context(parser, line);

	if (!status)
		status = take_distinct(line, 1, &parser->context->runs);
	return status ? status : ends_at(line, 2);
}

static int take_context_hours(struct parser *parser, const struct text_other *line)
{
	struct statistics_place *place;
	struct statistics_host *host;
	int status = find_context(parser, line);

	if (!status)
		status = take_name(parser, line, 1);
	if (status)
		return status;
	host = statistics_host(parser->statistics, parser->name);
	if (!host)
		return fault(line, 1, "fewer hosts");
	place = statistics_place(parser->context, host);
	status = place ? take_hours(line, 2, &place->hours) : -ENOMEM;
	return status ? status : ends_at(line, 3);
}

static int take_days(const struct text_other *line, uint64_t days[2])
{
	int status = take_number(line, 2, HOURS_LATEST, &days[0]);

	if (!status)
		status = take_number(line, 3, HOURS_LATEST, &days[1]);
	return !status && days[1] < days[0] ? fault(line, 3, "a day that is not before the first") : status;
}

static int take_seen(struct parser *parser, const struct text_other *line)
{
	struct seen *seen = seen_new();
	uint64_t count = 0, days[2] = { 0 };
	int status = seen ? take_number(line, 1, SEEN_COUNT_MAX, &count) : -ENOMEM;

	if (!status)
		status = take_days(line, days);
	if (!status)
		status = take_distinct(line, 4, &seen->units);
	if (!status && !seen->units.size)
		status = fault(line, 4, "at least one hash");
	if (!status)
		status = take_distinct(line, 5, &seen->hosts);
	if (!status)
		status = take_distinct(line, 6, &seen->days);
	if (!status)
		status = ends_at(line, 7);
	if (!status && parser->entry) {
		seen->first_day = (int64_t)days[0];
		seen->last_day = (int64_t)days[1];
		parser->entry->count = seen_sum(parser->entry->count, count);
		if (!parser->entry->seen)
			parser->entry->seen = seen_new();
		status = parser->entry->seen ? seen_merge(parser->entry->seen, seen) : -ENOMEM;
	}
	seen_free(seen);
	return status;
}

static int take_rate(struct parser *parser, const struct text_other *line)
{
	struct model_entry *entry = parser->entry;
	/* Of a pattern, many behaviours share the line. */
	bool kept = entry && !strchr(entry->behaviour.program, '*') && !strchr(entry->behaviour.object, '*');
	int status;

	if (!parser->in_line)
		return fault(line, 0, "a behaviour before it");
	if (kept && !entry->rate)
		entry->rate = rate_new();
	if (kept && !entry->rate)
		return -ENOMEM;
	status = take_sketch(line, kept ? &entry->rate->usual : NULL);
	return status ? status : ends_at(line, 2);
}

/* What the context usually uses; nothing where the model doesn't know it. */
static int take_usual(struct parser *parser, const struct text_other *line)
{
	struct usual *usual = NULL;
	struct sketch *sketch = NULL;
	int status = find_context(parser, line);

	if (status)
		return status;
	if (model_has_context(parser->model, line->context)) {
		usual = model_usual(parser->model, line->context);
		if (!usual)
			return -ENOMEM;
		sketch = word_is(line->word[0], "processes") ? &usual->processes
			 : word_is(line->word[0], "begun")   ? &usual->begun
							     : &usual->cpu_ms;
	}
	status = take_sketch(line, sketch);
	return status ? status : ends_at(line, 2);
}

static bool is_usual(struct word word)
{
	return word_is(word, "processes") || word_is(word, "begun") || word_is(word, "cpu");
}

/* 0: it is a behaviour. */
static int take_below(struct parser *parser, const struct text_other *line)
{
	int status;

	if (parser->host)
		status = take_of_host(parser, line);
	else if (word_is(line->word[0], "runs"))
		status = take_runs(parser, line);
	else if (word_is(line->word[0], "hours"))
		status = take_context_hours(parser, line);
	else if (is_usual(line->word[0]))
		status = take_usual(parser, line);
	else if (word_is(line->word[0], "rate"))
		status = take_rate(parser, line);
	else if (!word_is(line->word[0], "seen"))
		return 0;
	else
		status = parser->in_line ? take_seen(parser, line) : fault(line, 0, "a behaviour before it");
	return status < 0 ? status : 1;
}

static int take_other(void *owner, const struct text_other *line)
{
	return line->indented ? take_below(owner, line) : take_section(owner, line);
}

static int take_behaviour(void *owner, const struct text_line *line)
{
	struct parser *parser = owner;

	parser->in_line = true;
	parser->entry = model_match(parser->model, line->behaviour);
	parser->strangers += !parser->entry;
	return 0;
}

static const struct text_form form = {
	.title = title,
	.maximum = STATISTICS_TEXT_MAX,
	.take = take_behaviour,
	.other = take_other,
};

int statistics_parse(const char *name, const char *text, size_t size, struct model *model, struct statistics **out,
		     size_t *strangers, struct error *error)
{
	struct parser parser = { .statistics = statistics_new(), .model = model };
	int status;

	if (!parser.statistics)
		return error_set(error, -ENOMEM, "%.400s: out of memory", name);
	status = text_read(&form, name, text, size, &parser, error);
	if (status) {
		statistics_free(parser.statistics);
		return status;
	}
	if (strangers)
		*strangers = parser.strangers;
	*out = parser.statistics;
	return 0;
}

/* ---- files ---- */

bool statistics_path(const char *model_path, char *out, size_t size)
{
	int length = snprintf(out, size, "%s.stats", model_path);

	return length > 0 && (size_t)length < size;
}

static int load_empty(struct statistics **out, size_t *strangers)
{
	*out = statistics_new();
	if (strangers)
		*strangers = 0;
	return *out ? 0 : -ENOMEM;
}

int statistics_load(const char *model_path, struct model *model, struct statistics **out, size_t *strangers,
		    struct error *error)
{
	struct buffer text = BUFFER_INIT(STATISTICS_TEXT_MAX + 1);
	char path[4096];
	int fd = -ENAMETOOLONG, status;

	if (statistics_path(model_path, path, sizeof(path)))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return load_empty(out, strangers) < 0 ? error_set(error, -ENOMEM, "out of memory") : 0;
	status = fd == -1 ? -errno : fd < 0 ? fd : read_whole(fd, STATISTICS_TEXT_MAX, &text);
	if (fd >= 0)
		(void)close(fd);
	if (status < 0)
		(void)error_set(error, status, "%.400s: can't read the statistics: %s", path, strerror(-status));
	else
		status = statistics_parse(path, buffer_string(&text), text.size, model, out, strangers, error);
	buffer_free(&text);
	return status;
}

int statistics_save(const struct statistics *statistics, struct model *model, const char *model_path,
		    struct error *error)
{
	struct buffer text = BUFFER_INIT(STATISTICS_TEXT_MAX);
	char path[4096] = "";
	int status = statistics_path(model_path, path, sizeof(path)) ? statistics_print(statistics, model, &text)
								     : -ENAMETOOLONG;

	if (!status)
		status = replace_file(path, &text);
	if (status < 0)
		(void)error_set(error, status, "%.400s: can't save the statistics: %s", path, strerror(-status));
	buffer_free(&text);
	return status;
}
