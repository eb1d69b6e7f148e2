/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/layers.h"
#include "cli/recorder.h"
#include "cli/source.h"
#include "event/ndjson.h"
#include "judge/judge.h"
#include "judge/runaway.h"
#include "model/model.h"
#include "model/network.h"

static const char usage[] = "Usage: sombrero watch [-m FILE] [OPTION…] -- CMD…\n"
			    "       sombrero watch [-m FILE] [OPTION…] --host|--cgroup PATH|--unit NAME|--replay FILE\n"
			    "\n"
			    "Reports what the model does not know. Without a model, prints every event.\n"
			    "\n"
			    "  -m, --model FILE    the model to judge by; may be repeated: their union counts, with\n"
			    "                      what the policy includes\n"
			    "  -d, --decisions FILE\n"
			    "                      what of it was accepted and forbidden; a policy can name it, too\n"
			    "      --json          NDJSON: findings with a model, events without; what --replay reads\n"
			    "      --min-severity LEVEL\n"
			    "                      only findings from informational, low, medium, high or critical on\n"
			    "      --record FILE   keep all events in FILE, a tenth as large as NDJSON, for --replay\n"
			    "\n" SOURCE_HELP "\n" FILES_HELP "\n"
			    "Exit status: 0 nothing deviated, 3 something did, 1 failure, 2 usage or input.\n"
			    "\n"
			    "Examples: sombrero watch -m web.model --unit nginx\n"
			    "          sombrero watch --host --files '/srv/app/**' --except user=chef\n";

struct watch {
	struct source source;
	struct files_watch files;
	struct recorder recorder;
	struct layers layers;
	struct networks *networks;
	struct judge *judge;
	struct runaways *runaways; /* NULL without a judge */
	bool json;
	struct buffer line;
	uint64_t events, printed; /* printed: findings about behaviours */
	bool told_runaways;       /* … and about runaways */
	enum severity least;
};

enum { OPTION_MIN_SEVERITY = FILES_OPTION_AUTH_LOG + 64 };

static int parse_least(struct watch *watch, const char *name)
{
	if (severity_parse(name, &watch->least) < 0)
		return usage_error(&command_watch,
				   "--min-severity is informational, low, medium, high or critical, not '%s'", name);
	return 0;
}

static int parse(struct watch *watch, int argc, char **argv)
{
	static const struct option options[] = { SOURCE_OPTIONS,
						 FILES_OPTIONS,
						 LAYERS_OPTIONS,
						 { "json", no_argument, NULL, 'j' },
						 { "min-severity", required_argument, NULL, OPTION_MIN_SEVERITY },
						 { "record", required_argument, NULL, 'r' },
						 { 0 } };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "+d:m:p:", options, NULL)) != -1) {
		if (option == 'j')
			watch->json = true;
		else if (option == OPTION_MIN_SEVERITY)
			status = parse_least(watch, optarg);
		else if (option == 'r')
			watch->recorder.path = optarg;
		else if (!layers_option(&watch->layers, &command_watch, option, optarg, &status) &&
			 !files_option(&watch->files, &command_watch, option, optarg, &status))
			status = source_option(&watch->source, &command_watch, option, optarg);
	}
	return status ? status : source_settle(&watch->source, &command_watch, argc, argv);
}

/* A line at a time, so that a reader of the pipe sees it at once. */
static int put_line(struct watch *watch)
{
	int status = 0;

	if (watch->line.failed)
		say("an event was too long to be printed, or memory ran out");
	else if (fwrite(watch->line.data, 1, watch->line.size, stdout) != watch->line.size || fflush(stdout))
		status = -errno;
	buffer_clear(&watch->line);
	return status;
}

static int print_finding(void *owner, const struct finding *finding)
{
	struct watch *watch = owner;
	int status = files_news(&watch->files, finding);

	if (status < 0 || finding->verdict.severity < watch->least)
		return status;
	watch->printed++;
	if (watch->json)
		finding_write(&watch->line, finding);
	else
		finding_explain(&watch->line, finding, watch->layers.name);
	return put_line(watch);
}

static int print_runaway(void *owner, const struct runaway *runaway)
{
	struct watch *watch = owner;

	if (RUNAWAY_SEVERITY < watch->least)
		return 0;
	watch->told_runaways = true;
	if (watch->json)
		runaway_write(&watch->line, runaway);
	else
		runaway_explain(&watch->line, runaway);
	return put_line(watch);
}

static int print_event(struct watch *watch, const struct event *event)
{
	if (watch->json) {
		ndjson_write(&watch->line, event);
	} else {
		event_summarise(&watch->line, event, watch->networks);
		buffer_byte(&watch->line, '\n');
	}
	return put_line(watch);
}

static int take(void *owner, const struct event *event)
{
	struct watch *watch = owner;
	int status = recorder_event(&watch->recorder, event);

	if (!status)
		status = files_event(&watch->files, event);
	watch->events++;
	if (status < 0)
		return status;
	if (!watch->judge && !files_are_judged(&watch->files))
		return print_event(watch, event);
	if (event->kind == EVENT_LOSS)
		say("%llu events lost: %s", (unsigned long long)event->loss_count, event->loss_reason);
	return watch->judge ? judge_event(watch->judge, event) : 0;
}

static int settled(void *owner)
{
	struct watch *watch = owner;
	int status = recorder_flush(&watch->recorder);

	/* That nothing happens any more is news of a runaway, too. */
	if (!status && watch->runaways)
		status = runaways_clock(watch->runaways, now_ns());
	return status ? status : files_settle(&watch->files, false);
}

static void ready(void *owner, struct sensor *sensor)
{
	struct watch *watch = owner;
	struct sensor_status status;

	sensor_status(sensor, &status);
	files_ready(&watch->files);
	if (status.files.unwatched)
		say("%llu directories can't be watched: their filesystem does not tell of changes",
		    (unsigned long long)status.files.unwatched);
	if (watch->layers.effective)
		say("watching by %s, %zu lines, %.*s", watch->layers.name, model_size(watch->layers.effective),
		    MODEL_ID_SHOWN, watch->layers.id);
	else if (files_are_judged(&watch->files))
		say("watching, %llu files", (unsigned long long)status.files.files);
	else
		say("watching");
}

/* Findings that were printed so far, of all kinds. */
static bool has_findings(const struct watch *watch)
{
	return watch->files.findings || watch->printed || watch->told_runaways;
}

/* The model's services are services from their first exec on, whoever starts them. */
static int add_service(void *owner, const struct behaviour *sample)
{
	struct watch *watch = owner;
	struct source *source = &watch->source;

	if (sample->context_kind != CONTEXT_SERVICE)
		return 0;
	if (source->service_count == SOURCE_SERVICES_MAX) {
		say("the model has more than %d services: the others are known only under systemd or once they listen",
		    SOURCE_SERVICES_MAX);
		return 1;
	}
	source->service[source->service_count++] = sample->context_name;
	return 0;
}

/* Who watches by a model shall know what it can't say. */
static void say_what_is_unknown(const struct watch *watch)
{
	size_t known, all;

	runaways_known(watch->layers.effective, &known, &all);
	if (!known && all)
		say("runaways are not told: nothing says what is usual for long enough (%s.stats)", watch->layers.name);
	else if (known < all)
		say("runaways are told of %zu of %zu services and jobs: the others were learned in too short a time",
		    known, all);
}

static int prepare(struct watch *watch)
{
	watch->networks = layers_networks(watch->files.policy);
	if (!watch->networks)
		return -ENOMEM;
	if (!watch->layers.effective)
		return 0;
	(void)model_each_context(watch->layers.effective, add_service, watch);
	watch->judge = judge_new(watch->layers.effective, watch->networks, print_finding, watch);
	watch->runaways = runaways_new(watch->layers.effective, print_runaway, watch);
	if (!watch->judge || !watch->runaways)
		return -ENOMEM;
	judge_decide(watch->judge, watch->layers.decisions);
	judge_set_runaways(watch->judge, watch->runaways);
	say_what_is_unknown(watch);
	return 0;
}

static int conclude(const struct watch *watch, const struct source_result *result)
{
	const struct judge_tally *tally;

	if (result->ran_command && WIFEXITED(result->command_status) && WEXITSTATUS(result->command_status))
		say("%s ended with status %d", watch->source.command[0], WEXITSTATUS(result->command_status));
	if (files_are_judged(&watch->files))
		say("%llu findings about files", (unsigned long long)watch->files.findings);
	if (!watch->judge)
		return has_findings(watch) ? EXIT_DEVIATION : EXIT_CLEAN;
	tally = judge_tally(watch->judge);
	say("%llu events, %llu deviations (%llu of them beneath others, %llu more of the same), %llu lost",
	    (unsigned long long)tally->events, (unsigned long long)tally->deviations,
	    (unsigned long long)tally->beneath, (unsigned long long)tally->repeated, (unsigned long long)tally->lost);
	if (runaways_tally(watch->runaways)->told)
		say("runaways: %llu, and %llu for which there was no room",
		    (unsigned long long)runaways_tally(watch->runaways)->told,
		    (unsigned long long)runaways_tally(watch->runaways)->untold);
	if (watch->least)
		say("%llu of the deviations are %s or worse", (unsigned long long)watch->printed,
		    severity_name(watch->least));
	return has_findings(watch) ? EXIT_DEVIATION : EXIT_CLEAN;
}

static int watch_all(struct watch *watch)
{
	struct error error = { "" };
	struct source_result result;
	int status = prepare(watch);

	if (!status)
		status = source_run(&watch->source, &result, &error);
	if (!status && watch->runaways)
		status = runaways_finish(watch->runaways);
	if (!status)
		status = files_settle(&watch->files, true);
	if (status == -EPIPE) /* who read us has seen enough */
		return has_findings(watch) ? EXIT_DEVIATION : EXIT_CLEAN;
	if (status < 0) {
		if (watch->recorder.error.text[0])
			say("%s", watch->recorder.error.text);
		else if (files_error(&watch->files)[0])
			say("%s", files_error(&watch->files));
		else
			say("%s", error.text[0] ? error.text : strerror(-status));
		return watch->source.replay && status == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	return conclude(watch, &result);
}

static int watch_and_record(struct watch *watch)
{
	int status = recorder_open(&watch->recorder, watch->source.replay);

	if (status < 0) {
		say("%s", watch->recorder.error.text);
		return status == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	status = watch_all(watch);
	if (recorder_close(&watch->recorder) == 0)
		return status;
	say("%s", watch->recorder.error.text);
	return EXIT_FAILED;
}

/* What the policy says, and what is judged by. */
static int load(struct watch *watch)
{
	int status = files_load_policy(&watch->files);

	if (!status)
		status = layers_load(&watch->layers, watch->files.policy);
	if (!status && watch->layers.decisions && !watch->layers.effective)
		return usage_error(&command_watch,
				   "decisions are about a model: add -m FILE, or `include` to the policy's model");
	watch->files.may_replay = watch->layers.effective;
	return status;
}

static int run(int argc, char **argv)
{
	struct watch watch = { .line = BUFFER_INIT(4 * NDJSON_LINE_MAX) };
	int status = parse(&watch, argc, argv);

	if (!status)
		status = load(&watch);
	if (!status) {
		watch.source.purpose = "watch";
		watch.source.sink = take;
		watch.source.owner = &watch;
		watch.source.ready = ready;
		watch.source.settled = settled;
		watch.files.json = watch.json;
		watch.files.least = watch.least;
		status = files_prepare(&watch.files, &command_watch, &watch.source);
	}
	if (!status)
		status = watch_and_record(&watch);
	files_free(&watch.files);
	judge_free(watch.judge);
	runaways_free(watch.runaways);
	networks_free(watch.networks);
	layers_free(&watch.layers);
	buffer_free(&watch.line);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.summary = "report what a model does not know, or print events",
	.usage = usage,
	.run = run,
};
