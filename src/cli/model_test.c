/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/model.h"
#include "cli/show.h"
#include "cli/source.h"
#include "judge/exercise.h"
#include "judge/judge.h"
#include "model/severity.h"

static const char usage_text[] =
	"Usage: sombrero model test [OPTION…] MODEL… EVENTS…\n"
	"\n"
	"Judges recorded events by a model, and says what of the model they use:\n"
	"  what deviates: production does it and no test did, if the model is what the tests showed\n"
	"  what was never used: the tests do it, and production never did\n"
	"  how much of the model was used, and how much of what was seen it covers, context by context\n"
	"\n"
	"EVENTS are what `sombrero watch --json` without a model prints, of production or of tests; - is standard\n"
	"input. A file that begins as a model is one. Of several models the union counts.\n"
	"\n"
	"  -d, --decisions FILE    what was accepted and forbidden counts, too; may be repeated\n"
	"      --json              as one JSON object\n"
	"      --network NAME=ADDRESSES\n"
	"                          what a network of the model is: db=10.1.0.0/24; may be repeated\n"
	"      --resolv-conf FILE  whose nameservers `resolver` is (default: /etc/resolv.conf)\n"
	"\n"
	"Exit status: 0 nothing deviated, 3 something did, 1 failure, 2 usage or input.\n"
	"\n"
	"Example: sombrero model test web.model production-monday.ndjson production-tuesday.ndjson\n";

struct test {
	struct model *model;
	struct decisions *decisions;
	struct networks *networks;
	struct exercise *exercise;
	const char *resolv_conf;
	bool json;

	struct buffer out;
	uint64_t deviations, times, unused, lines;
	struct behaviour context; /* the one that stands above the lines that are printed; of no kind at first */
	struct columns columns;
	bool unseen;
};

/* ---- reading ---- */

/* A recording begins with a brace, a model with its title. A pipe can be read only once, so it is events. */
static bool is_model(const char *path)
{
	struct stat at;
	bool has_begin = strcmp(path, "-") != 0 && stat(path, &at) == 0 && S_ISREG(at.st_mode);
	FILE *file = has_begin ? fopen(path, "re") : NULL;
	int first = file ? getc(file) : EOF;

	if (file)
		(void)fclose(file);
	return first == '#';
}

/* Told before it is asked what each of them is. */
static int check_readable(int count, char **paths)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(paths[i], "-") == 0 || access(paths[i], R_OK) == 0)
			continue;
		say("%s: can't be read: %s", paths[i], strerror(errno));
		return EXIT_USAGE;
	}
	return 0;
}

static int load(struct test *test, const char *path)
{
	struct model *model = NULL;
	int status = model_argument(path, &model);

	if (status)
		return status;
	status = model_merge(test->model, model);
	model_free(model);
	if (status < 0)
		say("out of memory");
	return status < 0 ? EXIT_FAILED : 0;
}

static int replay(struct test *test, const char *path)
{
	struct error error = { "" };
	int status = source_replay(path, exercise_event, test->exercise, &error);

	if (!status)
		status = exercise_end_recording(test->exercise);
	if (status < 0)
		say("%s", error.text[0] ? error.text : strerror(-status));
	return !status ? 0 : status == -EINVAL || status == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
}

/* All models first, whatever the order. */
static int read_all(struct test *test, int count, char **paths)
{
	int models = 0, status = check_readable(count, paths);

	for (int i = 0; i < count && !status; i++) {
		if (is_model(paths[i])) {
			status = load(test, paths[i]);
			models++;
		}
	}
	if (!status && !models)
		return usage_error(&command_model_test, "say by which model: none of the files is one");
	if (!status && models == count)
		return usage_error(&command_model_test, "say which events: all of the files are models");
	if (!status && decisions_apply(test->decisions, test->model) < 0) {
		say("out of memory");
		return EXIT_FAILED;
	}
	test->exercise = status ? NULL : exercise_new(test->model, test->networks);
	if (!status && !test->exercise) {
		say("out of memory");
		return EXIT_FAILED;
	}
	if (!status)
		exercise_decide(test->exercise, test->decisions);
	for (int i = 0; i < count && !status; i++) {
		if (!is_model(paths[i]))
			status = replay(test, paths[i]);
	}
	return status;
}

/* ---- in words ---- */

static void print_context(struct test *test, const struct behaviour *behaviour)
{
	const struct behaviour *last = &test->context;

	if (last->context_name && last->context_kind == behaviour->context_kind &&
	    last->in_container == behaviour->in_container && strcmp(last->context_name, behaviour->context_name) == 0)
		return;
	test->context = *behaviour;
	finding_context(&test->out, behaviour);
	buffer_byte(&test->out, '\n');
}

static void print_line(struct test *test, const struct behaviour *behaviour)
{
	print_context(test, behaviour);
	buffer_text(&test->out, "  ");
	finding_line(&test->out, behaviour);
	buffer_byte(&test->out, '\n');
}

static void print_when(struct buffer *out, const struct exercise_deviation *deviation)
{
	if (!deviation->count) {
		buffer_text(out, "before it was known to be of this context");
		return;
	}
	show_count(out, deviation->count, "time", "times");
	for (unsigned i = 0; i < deviation->host_count; i++) {
		buffer_text(out, i ? ", " : " on ");
		show_text(out, deviation->host[i]);
	}
	buffer_text(out, deviation->more_hosts ? " and more, " : ", ");
	show_time(out, deviation->first_ns);
	if (deviation->last_ns != deviation->first_ns) {
		buffer_text(out, " to ");
		show_time(out, deviation->last_ns);
	}
}

static void judge_deviation(struct test *test, const struct exercise_deviation *deviation, struct verdict *verdict)
{
	behaviour_severity(&deviation->behaviour, test->model, verdict);
	if (deviation->forbidden && verdict->severity < SEVERITY_HIGH)
		verdict->severity = SEVERITY_HIGH; /* as findings have it */
}

static int print_deviation(void *owner, const struct exercise_deviation *deviation)
{
	struct test *test = owner;
	struct verdict verdict;

	judge_deviation(test, deviation, &verdict);
	print_line(test, &deviation->behaviour);
	buffer_printf(&test->out, "      %s%s: %s; ", severity_name(verdict.severity),
		      deviation->forbidden ? ", forbidden" : "", verdict.consequence);
	print_when(&test->out, deviation);
	buffer_byte(&test->out, '\n');
	return 0;
}

static int count_deviation(void *owner, const struct exercise_deviation *deviation)
{
	struct test *test = owner;

	test->deviations++;
	test->times += deviation->count;
	return 0;
}

/* Lines of contexts that were never seen are said with those. */
static bool is_unused(struct test *test, const struct model_entry *entry)
{
	return !entry->count && exercise_counts(&entry->behaviour) &&
	       exercise_saw_context(test->exercise, &entry->behaviour);
}

static int count_line(void *owner, struct model_entry *entry)
{
	struct test *test = owner;

	test->lines += exercise_counts(&entry->behaviour);
	test->unused += is_unused(test, entry);
	return 0;
}

static int print_unused(void *owner, struct model_entry *entry)
{
	if (is_unused(owner, entry))
		print_line(owner, &entry->behaviour);
	return 0;
}

static int print_unseen(void *owner, const struct exercise_context *context)
{
	struct test *test = owner;

	if (context->seen || !context->lines)
		return 0;
	if (!test->unseen)
		buffer_text(&test->out, "\nContexts that never ran, with all their lines:\n");
	test->unseen = true;
	buffer_text(&test->out, "  ");
	finding_context(&test->out, &context->sample);
	buffer_text(&test->out, ", ");
	show_count(&test->out, context->lines, "line", "lines");
	buffer_byte(&test->out, '\n');
	return 0;
}

static void print_share(struct buffer *out, uint64_t part, uint64_t whole)
{
	if (!whole)
		buffer_text(out, "-");
	else
		buffer_printf(out, "%" PRIu64 " of %" PRIu64 ", %" PRIu64 ".%" PRIu64 " %%", part, whole,
			      part * 1000 / whole / 10, part * 1000 / whole % 10);
}

static int print_coverage(void *owner, const struct exercise_context *context)
{
	struct test *test = owner;
	struct buffer cell = BUFFER_INIT(SHOW_MAX);

	if (!context->seen && !context->lines)
		return 0;
	finding_context(&cell, &context->sample);
	columns_shown(&test->columns, &cell);
	print_share(&cell, context->used, context->lines);
	columns_shown(&test->columns, &cell);
	print_share(&cell, context->covered, context->observations);
	columns_shown(&test->columns, &cell);
	buffer_free(&cell);
	return 0;
}

static void print_title(struct test *test)
{
	const struct exercise_tally *tally = exercise_tally(test->exercise);
	struct buffer *out = &test->out;

	if (!test->deviations) {
		buffer_text(out, "Nothing deviates: the model has all that was seen.\n");
	} else {
		show_count(out, test->deviations, "behaviour", "behaviours");
		buffer_text(out, " deviate, seen ");
		show_count(out, test->times, "time", "times");
		buffer_text(out, ". If the model is what the tests showed: this is done and no test did it. Write\n"
				 "a test, or accept the line.\n\n");
	}
	if (tally->dropped)
		buffer_printf(out, "(And %" PRIu64 " times more that there was no room for.)\n\n", tally->dropped);
}

static void print_lost(struct test *test)
{
	const struct exercise_tally *tally = exercise_tally(test->exercise);

	if (tally->lost)
		buffer_printf(&test->out,
			      "\n%" PRIu64
			      " events were lost while this was recorded: what seems unused may have been used.\n",
			      tally->lost);
}

static int report_text(struct test *test)
{
	int status;

	print_title(test);
	status = exercise_each_deviation(test->exercise, print_deviation, test);
	if (test->unused) {
		buffer_printf(&test->out,
			      "\n%" PRIu64 " of %" PRIu64 " lines were never used, in contexts that ran:\n\n",
			      test->unused, test->lines);
		test->context = (struct behaviour) { 0 };
		status = status ? status : model_each(test->model, print_unused, test);
	}
	status = status ? status : exercise_each_context(test->exercise, print_unseen, test);
	test->columns = COLUMNS_INIT(3);
	columns_text(&test->columns, "CONTEXT");
	columns_text(&test->columns, "LINES USED");
	columns_text(&test->columns, "OBSERVATIONS IN THE MODEL");
	status = status ? status : exercise_each_context(test->exercise, print_coverage, test);
	buffer_byte(&test->out, '\n');
	columns_end(&test->columns, &test->out);
	print_lost(test);
	return status;
}

/* ---- in JSON ---- */

/* The object that is one of a list. */
static void begin_object(struct buffer *out)
{
	if (out->size && out->data[out->size - 1] == '}')
		buffer_byte(out, ',');
	buffer_byte(out, '{');
}

static void json_context(struct buffer *out, const struct behaviour *behaviour)
{
	json_key(out, "context");
	buffer_byte(out, '{');
	json_text(out, "kind", context_kind_name(behaviour->context_kind));
	json_text(out, "name", behaviour->context_name);
	json_bool(out, "in_container", behaviour->in_container);
	buffer_byte(out, '}');
}

static void json_behaviour(struct buffer *out, const struct behaviour *behaviour)
{
	json_context(out, behaviour);
	json_text(out, "kind", behaviour_kind_name(behaviour->kind));
	json_escaped(out, "program", behaviour->program);
	json_escaped(out, "object", behaviour->object);
}

static int json_deviation(void *owner, const struct exercise_deviation *deviation)
{
	struct test *test = owner;
	struct buffer *out = &test->out;
	struct verdict verdict;

	judge_deviation(test, deviation, &verdict);
	begin_object(out);
	json_behaviour(out, &deviation->behaviour);
	json_text(out, "severity", severity_name(verdict.severity));
	json_text(out, "consequence", verdict.consequence);
	json_bool(out, "new_context", deviation->new_context);
	json_bool(out, "forbidden", deviation->forbidden);
	json_number(out, "count", deviation->count);
	json_time(out, "first", deviation->first_ns);
	json_time(out, "last", deviation->last_ns);
	json_key(out, "hosts");
	buffer_byte(out, '[');
	for (unsigned i = 0; i < deviation->host_count; i++) {
		begin_object(out);
		json_text(out, "name", deviation->host[i]);
		buffer_byte(out, '}');
	}
	buffer_byte(out, ']');
	json_bool(out, "more_hosts", deviation->more_hosts);
	buffer_byte(out, '}');
	return 0;
}

static int json_unused(void *owner, struct model_entry *entry)
{
	struct test *test = owner;

	if (entry->count || !exercise_counts(&entry->behaviour))
		return 0;
	begin_object(&test->out);
	json_behaviour(&test->out, &entry->behaviour);
	json_bool(&test->out, "context_seen", exercise_saw_context(test->exercise, &entry->behaviour));
	buffer_byte(&test->out, '}');
	return 0;
}

static int json_coverage(void *owner, const struct exercise_context *context)
{
	struct buffer *out = &((struct test *)owner)->out;

	if (!context->seen && !context->lines)
		return 0;
	begin_object(out);
	json_context(out, &context->sample);
	json_bool(out, "seen", context->seen);
	json_number(out, "lines", context->lines);
	json_number(out, "used", context->used);
	json_number(out, "observations", context->observations);
	json_number(out, "covered", context->covered);
	buffer_byte(out, '}');
	return 0;
}

static int report_json(struct test *test)
{
	const struct exercise_tally *tally = exercise_tally(test->exercise);
	struct buffer *out = &test->out;
	int status;

	buffer_byte(out, '{');
	json_number(out, "events", tally->events);
	json_number(out, "lost", tally->lost);
	json_number(out, "observations", tally->observations);
	json_number(out, "covered", tally->covered);
	json_number(out, "untold", tally->dropped);
	json_key(out, "deviations");
	buffer_byte(out, '[');
	status = exercise_each_deviation(test->exercise, json_deviation, test);
	buffer_byte(out, ']');
	json_key(out, "unused");
	buffer_byte(out, '[');
	status = status ? status : model_each(test->model, json_unused, test);
	buffer_byte(out, ']');
	json_key(out, "contexts");
	buffer_byte(out, '[');
	status = status ? status : exercise_each_context(test->exercise, json_coverage, test);
	buffer_text(out, "]}\n");
	return status;
}

/* ---- the command ---- */

static int report(struct test *test)
{
	int status;

	(void)exercise_each_deviation(test->exercise, count_deviation, test);
	(void)model_each(test->model, count_line, test);
	status = test->json ? report_json(test) : report_text(test);
	if (status < 0) {
		say("out of memory");
		return EXIT_FAILED;
	}
	status = model_output(&test->out);
	return status ? status : test->deviations ? EXIT_DEVIATION : EXIT_CLEAN;
}

enum { OPTION_JSON = 256, OPTION_NETWORK, OPTION_RESOLV_CONF };

static int parse(struct test *test, int argc, char **argv)
{
	static const struct option options[] = { { "decisions", required_argument, NULL, 'd' },
						 { "json", no_argument, NULL, OPTION_JSON },
						 { "network", required_argument, NULL, OPTION_NETWORK },
						 { "resolv-conf", required_argument, NULL, OPTION_RESOLV_CONF },
						 { 0 } };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "d:", options, NULL)) != -1) {
		if (option == 'd')
			status = model_decisions(optarg, test->decisions);
		else if (option == OPTION_JSON)
			test->json = true;
		else if (option == OPTION_RESOLV_CONF)
			test->resolv_conf = optarg;
		else if (option == OPTION_NETWORK)
			status = model_network(&command_model_test, test->networks, optarg);
		else
			status = usage_error(&command_model_test, "it has no such option");
	}
	return status;
}

static int run(int argc, char **argv)
{
	struct test test = {
		.model = model_new(),
		.decisions = decisions_new(),
		.networks = networks_new(),
		.resolv_conf = "/etc/resolv.conf",
		.out = BUFFER_INIT(SHOW_MAX),
	};
	int status = EXIT_FAILED;

	if (test.model && test.decisions && test.networks)
		status = parse(&test, argc, argv);
	else
		say("out of memory");
	if (!status) {
		networks_add_resolvers(test.networks, test.resolv_conf);
		status = read_all(&test, argc - optind, argv + optind);
	}
	if (!status)
		status = report(&test);
	exercise_free(test.exercise);
	networks_free(test.networks);
	model_free(test.model);
	decisions_free(test.decisions);
	buffer_free(&test.out);
	return status;
}

const struct command command_model_test = {
	.name = "model test",
	.summary = "compare recorded events with models: what deviates, what was never used",
	.usage = usage_text,
	.run = run,
};
