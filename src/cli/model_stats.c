/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/model.h"
#include "cli/until.h"
#include "model/assess.h"

static const char usage[] =
	"Usage: sombrero model stats [--json] [--lines] [--until WHAT] FILE\n"
	"\n"
	"Says how sure a model is, by the statistics beside it (FILE.stats): what was seen of each context and how\n"
	"much of it, the news to expect, which occasions came, what is scheduled and has not happened yet.\n"
	"\n"
	"      --json          the same as one JSON object\n" UNTIL_HELP
	"      --lines         and which lines only one host showed\n"
	"\n"
	"Exit status: 0 said; 1 failure; 2 usage or input; 3 with --until: not enough was seen.\n"
	"\n"
	"Example: sombrero model stats web.model\n";

enum { OPTION_JSON = 256, OPTION_LINES, OPTION_UNTIL };

/* For how many hosts news is told. */
#define FLEET 100

struct page {
	const struct assessment *assessment;
	const struct statistics *statistics;
	struct model *model;
	bool lines; /* are wanted, too */
	size_t strangers;
	struct buffer out;
};

/* ---- as text ---- */

static void print_name(struct buffer *out, const struct behaviour *sample, unsigned width)
{
	struct buffer name = BUFFER_INIT(8192);

	buffer_text(&name, context_kind_name(sample->context_kind));
	if (sample->context_name[0])
		buffer_byte(&name, ' ');
	escape_append(&name, sample->context_name, strlen(sample->context_name), "");
	buffer_text(&name, sample->in_container ? " in container" : "");
	buffer_printf(out, "%-*s", (int)width, buffer_string(&name));
	buffer_free(&name);
}

static void print_context(struct page *page, const struct assessed_context *context)
{
	bool is_job = context->sample.context_kind == CONTEXT_JOB;
	struct buffer *out = &page->out;

	print_name(out, &context->sample, 32);
	buffer_printf(out, " %6zu", context->lines);
	if (!context->statistics) {
		buffer_text(out, "  never seen\n");
		return;
	}
	buffer_printf(out, " %7.0f %-10s %5u  ", context->facts.units, is_job ? "runs" : "host-hours", context->hosts);
	if (context->facts.units < 2)
		buffer_text(out, "not known yet       ");
	else
		buffer_printf(out, "%.4f (%.4f–%.4f)", context->coverage.share, context->coverage.low,
			      context->coverage.high);
	for (unsigned i = 0; i < OCCASION_COUNT && !is_job; i++)
		buffer_printf(out, " %8u", context->occasions[i]);
	buffer_byte(out, '\n');
}

static void print_contexts(struct page *page)
{
	struct buffer *out = &page->out;

	buffer_printf(out, "%-32s %6s %18s %5s  %-24s", "context", "lines", "seen in", "hosts", "coverage (95 %)");
	for (unsigned i = 0; i < OCCASION_COUNT; i++)
		buffer_printf(out, " %8s", occasion_name(i));
	buffer_byte(out, '\n');
	for (size_t i = 0; i < page->assessment->context_count; i++)
		print_context(page, &page->assessment->context[i]);
	buffer_byte(out, '\n');
}

/* Lines that one host alone showed, though others have the context, may be somebody's who is not wanted there. */
static void print_held(struct page *page)
{
	size_t held = 0, never = 0;

	for (size_t i = 0; i < page->assessment->context_count; i++) {
		held += page->assessment->context[i].one_host;
		never += page->assessment->context[i].never;
	}
	if (held)
		buffer_printf(&page->out,
			      "%zu lines were seen on one host only, though others have the context: look "
			      "at them before you trust them (--lines)\n",
			      held);
	if (never)
		buffer_printf(&page->out,
			      "%zu lines of the model were never seen: written by hand, or learned without "
			      "statistics\n",
			      never);
	if (page->strangers)
		buffer_printf(&page->out, "%zu lines of the statistics are not in the model, and were left out\n",
			      page->strangers);
	if (page->statistics->lost)
		buffer_printf(&page->out, "%" PRIu64 " events were lost while learning: the model may lack lines\n",
			      page->statistics->lost);
	if (page->statistics->at_least)
		buffer_text(&page->out, "counts of observations are at least so high: models were merged that share a "
					"part of what they learned from\n");
}

/* Is it a line that only one host showed, of several on which its context was? */
static bool is_held(const struct page *page, const struct model_entry *entry)
{
	const struct statistics_context *context = statistics_find(page->statistics, &entry->behaviour);

	return entry->seen && entry->seen->hosts.size == 1 && context && context->place_count > 1;
}

static int print_line(void *owner, struct model_entry *entry)
{
	struct page *page = owner;
	struct buffer *out = &page->out;

	if (!is_held(page, entry))
		return 0;
	buffer_text(out, "  ");
	print_name(out, &entry->behaviour, 0);
	buffer_printf(out, ": %s %s%s%s\n", behaviour_kind_name(entry->behaviour.kind), entry->behaviour.program,
		      entry->behaviour.object[0] ? " " : "", entry->behaviour.object);
	return 0;
}

static const char *period_name(uint32_t seconds)
{
	static const struct {
		uint32_t seconds;
		const char *name;
	} periods[] = {
		{ 0, "at its time" },    { 3600, "hourly or more often" }, { 2 * 86400, "daily" },
		{ 8 * 86400, "weekly" }, { 32 * 86400, "monthly" },        { UINT32_MAX, "less than monthly" },
	};
	size_t i = 0;

	while (seconds > periods[i].seconds)
		i++;
	return periods[i].name;
}

static void print_schedule(struct page *page)
{
	const struct assessment *assessment = page->assessment;
	struct buffer *out = &page->out;
	bool titled = false;

	for (size_t i = 0; i < assessment->scheduled_count; i++) {
		const struct assessed_scheduled *scheduled = &assessment->scheduled[i];

		if (scheduled->runs && !scheduled->lacks)
			continue;
		if (!titled)
			buffer_text(out, "scheduled, and not seen yet or not often enough:\n");
		titled = true;
		buffer_text(out, "  job ");
		escape_append(out, scheduled->scheduled->job, strlen(scheduled->scheduled->job), "");
		buffer_printf(out, ", %s: %u runs\n", period_name(scheduled->scheduled->period), scheduled->runs);
	}
	if (!assessment->month_ends)
		buffer_text(out, "no month's end was watched\n");
}

static void print_page(struct page *page)
{
	const struct assessment *assessment = page->assessment;
	const struct coverage_whole *whole = &assessment->whole;
	struct buffer *out = &page->out;

	print_contexts(page);
	buffer_printf(out, "watched: %u hosts, %.0f host-hours, %.0f days, %u month ends\n", whole->hosts,
		      whole->units.units, whole->days.units, assessment->month_ends);
	if (whole->units.units < 2)
		buffer_text(out, "news to expect: not known yet\n");
	else
		buffer_printf(out, "news to expect: %.3g a day on %d hosts, at most %.3g (95 %%)\n",
			      assessment->news * FLEET, FLEET, assessment->news_high * FLEET);
	print_held(page);
	if (page->lines)
		(void)model_each(page->model, print_line, page);
	print_schedule(page);
	if (assessment->enough) {
		buffer_text(out, "enough was seen\n");
		return;
	}
	buffer_text(out, "not enough was seen:\n");
	assessment_waits(assessment, "  ", out);
}

/* ---- as JSON ---- */

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text(const char *bytes)
{
	struct buffer escaped = BUFFER_INIT(1 << 16);
	json_t *json;

	escape_append(&escaped, bytes, strlen(bytes), "");
	json = json_string(buffer_string(&escaped));
	buffer_free(&escaped);
	return json;
}

static json_t *context_json(const struct assessed_context *context)
{
	bool known = context->statistics && context->facts.units >= 2;
	json_t *json = json_object(), *occasions = json_object();

	(void)json_object_set_new(json, "kind", json_string(context_kind_name(context->sample.context_kind)));
	(void)json_object_set_new(json, "name", text(context->sample.context_name));
	(void)json_object_set_new(json, "in_container", json_boolean(context->sample.in_container));
	(void)json_object_set_new(json, "lines", json_integer((json_int_t)context->lines));
	(void)json_object_set_new(json, "never_seen", json_integer((json_int_t)context->never));
	(void)json_object_set_new(json, "on_one_host_only", json_integer((json_int_t)context->one_host));
	(void)json_object_set_new(json, "hosts", json_integer(context->hosts));
	(void)json_object_set_new(json, "host_hours", json_integer((json_int_t)context->host_hours));
	if (context->sample.context_kind == CONTEXT_JOB)
		(void)json_object_set_new(json, "runs", number(context->facts.units));
	(void)json_object_set_new(json, "coverage", known ? number(context->coverage.share) : json_null());
	(void)json_object_set_new(json, "coverage_low", number(context->coverage.low));
	(void)json_object_set_new(json, "coverage_high", number(context->coverage.high));
	(void)json_object_set_new(json, "enough", json_boolean(context->suffices));
	for (unsigned i = 0; i < OCCASION_COUNT; i++)
		(void)json_object_set_new(occasions, occasion_name(i), json_integer(context->occasions[i]));
	(void)json_object_set_new(json, "occasions", occasions);
	return json;
}

static json_t *scheduled_json(const struct assessed_scheduled *scheduled)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "job", text(scheduled->scheduled->job));
	(void)json_object_set_new(json, "period_seconds", json_integer(scheduled->scheduled->period));
	(void)json_object_set_new(json, "runs", json_integer(scheduled->runs));
	(void)json_object_set_new(json, "times", json_integer(scheduled->times));
	(void)json_object_set_new(json, "times_wanted", json_integer(scheduled->wanted));
	return json;
}

static json_t *waits_json(const struct assessment *assessment)
{
	struct buffer lines = BUFFER_INIT(1 << 20);
	json_t *json = json_array();
	char *rest = NULL;

	assessment_waits(assessment, "", &lines);
	for (char *line = lines.data ? strtok_r(lines.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		(void)json_array_append_new(json, json_string(line));
	buffer_free(&lines);
	return json;
}

static int print_json(struct page *page)
{
	const struct assessment *assessment = page->assessment;
	const struct coverage_whole *whole = &assessment->whole;
	json_t *json = json_object(), *contexts = json_array(), *scheduled = json_array();
	bool known = whole->units.units >= 2;
	char *dump;

	for (size_t i = 0; i < assessment->context_count; i++)
		(void)json_array_append_new(contexts, context_json(&assessment->context[i]));
	for (size_t i = 0; i < assessment->scheduled_count; i++)
		(void)json_array_append_new(scheduled, scheduled_json(&assessment->scheduled[i]));
	(void)json_object_set_new(json, "enough", json_boolean(assessment->enough));
	(void)json_object_set_new(json, "waits_for", waits_json(assessment));
	(void)json_object_set_new(json, "hosts", json_integer(whole->hosts));
	(void)json_object_set_new(json, "host_hours", number(whole->units.units));
	(void)json_object_set_new(json, "days", number(whole->days.units));
	(void)json_object_set_new(json, "month_ends", json_integer(assessment->month_ends));
	(void)json_object_set_new(json, "news_per_host_day", known ? number(assessment->news) : json_null());
	(void)json_object_set_new(json, "news_per_host_day_high", number(assessment->news_high));
	(void)json_object_set_new(json, "events_lost", json_integer((json_int_t)assessment->lost));
	(void)json_object_set_new(json, "lines_not_in_model", json_integer((json_int_t)page->strangers));
	(void)json_object_set_new(json, "contexts", contexts);
	(void)json_object_set_new(json, "scheduled", scheduled);
	dump = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(json);
	buffer_text(&page->out, dump ? dump : "");
	buffer_byte(&page->out, '\n');
	free(dump);
	return dump ? 0 : -1;
}

/* ---- the command ---- */

/* What the command line asks for. */
struct request {
	struct coverage_wanted wanted;
	bool json, lines, until;
};

static int show(const char *path, const struct request *request)
{
	struct page page = { .lines = request->lines, .out = BUFFER_INIT(64U * 1024 * 1024) };
	struct statistics *statistics = NULL;
	struct assessment assessment = { 0 };
	struct model *model = NULL;
	struct error error = { "" };
	int status = model_argument(path, &model);

	if (!status && statistics_load(path, model, &statistics, &page.strangers, &error) < 0) {
		say("%s", error.text);
		status = EXIT_USAGE;
	}
	if (!status && assess(statistics, model, &request->wanted, &assessment) < 0) {
		say("out of memory");
		status = EXIT_FAILED;
	} else if (!status) {
		page.assessment = &assessment;
		page.statistics = statistics;
		page.model = model;
		if (request->json)
			page.out.failed |= print_json(&page) < 0;
		else
			print_page(&page);
		status = assessment.enough || !request->until ? EXIT_CLEAN : EXIT_DEVIATION;
		assessment_free(&assessment);
		if (model_output(&page.out) != EXIT_CLEAN)
			status = EXIT_FAILED;
	}
	statistics_free(statistics);
	model_free(model);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, OPTION_JSON },
						 { "lines", no_argument, NULL, OPTION_LINES },
						 { "until", required_argument, NULL, OPTION_UNTIL },
						 { 0 } };
	struct request request = { .wanted = coverage_enough };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == OPTION_JSON)
			request.json = true;
		else if (option == OPTION_LINES)
			request.lines = true;
		else if (option == OPTION_UNTIL)
			request.until = !(status = until_parse(&command_model_stats, optarg, &request.wanted));
		else
			status = usage_error(&command_model_stats, "it has no such option");
	}
	if (status)
		return status;
	if (optind + 1 != argc)
		return usage_error(&command_model_stats, "say which model: FILE");
	return show(argv[optind], &request);
}

const struct command command_model_stats = {
	.name = "model stats",
	.summary = "say how sure a model is, and what it has not seen yet",
	.usage = usage,
	.run = run,
};
