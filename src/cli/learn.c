/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/layers.h"
#include "cli/scratch.h"
#include "cli/source.h"
#include "cli/until.h"
#include "model/assess.h"
#include "model/learn.h"
#include "model/model.h"
#include "model/network.h"
#include "model/statistics.h"

static const char usage[] =
	"Usage: sombrero learn -o FILE [OPTION…] -- CMD…\n"
	"       sombrero learn -o FILE [OPTION…] --host|--cgroup PATH|--unit NAME|--replay FILE\n"
	"\n"
	"Learns what services and jobs do, and writes it down as a model.\n"
	"\n"
	"  -o, --output FILE   where the model goes; an old file there is replaced only by a whole new one\n"
	"      --merge FILE    bring this model together with what is learned; may be repeated\n"
	"      --files GLOB    learn who changes these files, too ('/var/lib/app/**'); may be repeated\n"
	"      --if-it-fails   write the model though CMD failed\n"
	"  -p, --policy FILE   a policy: its networks, how it folds, and the decisions that it names\n"
	"  -d, --decisions FILE\n"
	"                      what is forbidden there is not learned, whatever is seen\n"
	"      --fail-on forbidden\n"
	"                      end with status 3 if it was seen\n" UNTIL_HELP "\n" SOURCE_HELP "\n"
	"What drives the tests is told apart from what they test, and is not learned: a service is what listens,\n"
	"becomes a daemon, or is named by --service. Logins and changes are never learned.\n"
	"\n"
	"Exit status: 0 the model was written; 3 likewise, but with --fail-on something was forbidden; CMD's own if\n"
	"CMD failed; 1 failure; 2 usage or input.\n"
	"\n"
	"Example: sombrero learn -o web.model -- make integration-tests\n";

enum { OPTION_MERGE = SOURCE_OPTION_END, OPTION_FAILS, OPTION_UNTIL, OPTION_FAIL_ON };

#define HOUR_NS (UINT64_C(3600) * 1000000000)

struct learn {
	struct source source;
	struct files_watch files;
	struct scratch scratch; /* the baseline of this run; only with `files` */
	bool has_scratch;
	const char *output;
	const char *merge[SOURCE_LIST_MAX];
	size_t merge_count;
	bool if_it_fails;
	bool fail_on_forbidden;
	bool until;                    /* stop when it is enough */
	struct coverage_wanted wanted; /* what that is */
	uint64_t asked;                /* the hour in which that was asked last */
	uint64_t enough_ns;            /* when it was; 0: not yet */
	struct model *model;           /* of this run alone, until it ends */
	struct statistics *statistics; /* likewise */
	struct model *merged;          /* of --merge; what was seen of it is in the next */
	struct statistics *merged_statistics;
	const char *policy_path;
	struct policy *policy; /* NULL: none */
	struct layers layers;  /* only its decisions */
	struct model *refused; /* what was seen and is forbidden */
	struct networks *networks;
	struct learner *learner;
	const char *daemon;  /* a container engine's client that the command's tree ran */
	bool tells;          /* a person looks on */
	size_t told;         /* lines at the last tick */
	struct model *named; /* contexts that were told */
};

static int parse_fail_on(struct learn *learn, const char *what)
{
	learn->fail_on_forbidden = strcmp(what, "forbidden") == 0;
	return learn->fail_on_forbidden ? 0 : usage_error(&command_learn, "--fail-on is forbidden, not '%s'", what);
}

static int parse(struct learn *learn, int argc, char **argv)
{
	static const struct option options[] = { SOURCE_OPTIONS,
						 { "output", required_argument, NULL, 'o' },
						 { "merge", required_argument, NULL, OPTION_MERGE },
						 { "if-it-fails", no_argument, NULL, OPTION_FAILS },
						 { "files", required_argument, NULL, FILES_OPTION_FILES },
						 { "until", required_argument, NULL, OPTION_UNTIL },
						 { "fail-on", required_argument, NULL, OPTION_FAIL_ON },
						 { "policy", required_argument, NULL, 'p' },
						 { "decisions", required_argument, NULL, 'd' },
						 { 0 } };
	int option, status = 0;

	learn->wanted = coverage_enough;
	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "+o:p:d:", options, NULL)) != -1) {
		if (option == 'o')
			learn->output = optarg;
		else if (option == OPTION_FAILS)
			learn->if_it_fails = true;
		else if (option == OPTION_UNTIL)
			learn->until = !(status = until_parse(&command_learn, optarg, &learn->wanted));
		else if (option == OPTION_FAIL_ON)
			status = parse_fail_on(learn, optarg);
		else if (option == 'p')
			learn->policy_path = optarg;
		else if (option == 'd')
			learn->layers.decisions_path = optarg;
		else if (option == OPTION_MERGE && learn->merge_count < SOURCE_LIST_MAX)
			learn->merge[learn->merge_count++] = optarg;
		else if (!files_option(&learn->files, &command_learn, option, optarg, &status))
			status = source_option(&learn->source, &command_learn, option, optarg);
	}
	if (status)
		return status;
	if (!learn->output)
		return usage_error(&command_learn, "say where the model goes: -o FILE");
	return source_settle(&learn->source, &command_learn, argc, argv);
}

/* What a command asks a container engine for does not descend from it. */
static const char *engine_client(const struct event *event)
{
	static const char *const clients[] = { "docker", "docker-compose", "podman", "nerdctl", "kubectl",
					       "ctr",    "crictl" };
	const char *name = program_name(&event->program);

	for (size_t i = 0; event->kind == EVENT_EXEC && i < sizeof(clients) / sizeof(clients[0]); i++) {
		if (!strcmp(name, clients[i]))
			return clients[i];
	}
	return NULL;
}

/* With what is to be merged: both are copied, since they are brought together for good only at the end. */
static int assess_merged(struct learn *learn, struct assessment *out)
{
	struct statistics *statistics = statistics_new();
	struct model *model = model_new();
	int status = statistics && model ? 0 : -ENOMEM;

	if (!status)
		status = statistics_merge(statistics, model, learn->merged_statistics, learn->merged);
	if (!status)
		status = statistics_merge(statistics, model, learn->statistics, learn->model);
	if (!status)
		status = assess(statistics, model, &learn->wanted, out);
	/* Only its verdict is asked for, and that borrows nothing. */
	if (!status)
		assessment_free(out);
	statistics_free(statistics);
	model_free(model);
	return status;
}

/* Once an hour. -ECANCELED ends the source: it is enough. */
static int ask_whether_enough(struct learn *learn, uint64_t time_ns, bool live)
{
	struct assessment assessment = { 0 };
	int status;

	if (!learn->until || learn->enough_ns || time_ns / HOUR_NS <= learn->asked)
		return learn->enough_ns ? -ECANCELED : 0;
	learn->asked = time_ns / HOUR_NS;
	status = learner_clock(learn->learner, live ? time_ns : 0);
	if (!status)
		status = assess_merged(learn, &assessment);
	if (status || !assessment.enough)
		return status;
	learn->enough_ns = time_ns;
	return -ECANCELED;
}

static int take(void *owner, const struct event *event)
{
	struct learn *learn = owner;
	int status;

	if (learn->source.command && !learn->daemon)
		learn->daemon = engine_client(event);
	status = learn->source.replay ? ask_whether_enough(learn, event->time_ns, false) : 0;
	return status ? status : learner_event(learn->learner, event);
}

static void ready(void *owner, struct sensor *sensor)
{
	struct learn *learn = owner;
	struct sensor_status status;

	files_ready(&learn->files);
	sensor_status(sensor, &status);
	if (status.files.unwatched)
		say("%llu directories can't be watched: their filesystem does not tell of changes",
		    (unsigned long long)status.files.unwatched);
	say("learning into %s", learn->output);
}

/* Nothing is judged here: what is settled is the baseline. */
static int settled(void *owner)
{
	struct learn *learn = owner;
	int status = files_settle(&learn->files, false);

	return status ? status : ask_whether_enough(learn, now_ns(), true);
}

/* A context is told when it is met for the first time. */
static int name_context(void *owner, const struct behaviour *sample)
{
	struct learn *learn = owner;

	if (model_has_context(learn->named, sample))
		return 0;
	say("new: %s%s%s%s", context_kind_name(sample->context_kind), sample->context_name[0] ? " " : "",
	    sample->context_name, sample->in_container ? " in container" : "");
	return model_add(learn->named, sample, NULL) < 0;
}

static void tick(void *owner, struct sensor *sensor)
{
	struct learn *learn = owner;
	const struct learner_tally *tally = learner_tally(learn->learner);
	size_t lines = model_size(learn->model) + tally->waiting;

	(void)sensor;
	if (!learn->tells || lines == learn->told)
		return;
	(void)model_each_context(learn->model, name_context, learn);
	say("%zu lines, of which %llu wait for their context; %llu events", lines, (unsigned long long)tally->waiting,
	    (unsigned long long)tally->events);
	learn->told = lines;
}

static int count_context(void *owner, const struct behaviour *sample)
{
	(void)sample;
	(*(size_t *)owner)++;
	return 0;
}

/* How sure it is, in a line or two. */
static void report_certainty(struct learn *learn)
{
	struct buffer waits = BUFFER_INIT(1 << 20);
	struct assessment assessment = { 0 };
	char *line;

	if (assess(learn->statistics, learn->model, &learn->wanted, &assessment) < 0)
		return;
	if (assessment.whole.units.units < 2)
		say("how sure it is, is not known yet: less than two host-hours were seen");
	else
		say("seen in %.0f host-hours on %u hosts; news to expect: %.3g a day on 100 hosts, at most %.3g (95 "
		    "%%)",
		    assessment.whole.units.units, assessment.whole.hosts, assessment.news * 100,
		    assessment.news_high * 100);
	assessment_waits(&assessment, "", &waits);
	for (line = waits.data; learn->until && line && *line;) {
		char *end = strchrnul(line, '\n');

		say("not enough: %.*s", (int)(end - line), line);
		line = *end ? end + 1 : end;
	}
	if (!learn->until && waits.size)
		say("more on that: sombrero model stats %s", learn->output);
	buffer_free(&waits);
	assessment_free(&assessment);
}

static void report_enough(const struct learn *learn)
{
	time_t seconds = (time_t)(learn->enough_ns / UINT64_C(1000000000));
	struct tm date;
	char text[32];

	if (!learn->enough_ns)
		return;
	(void)gmtime_r(&seconds, &date);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &date);
	say("enough was seen at %s", text);
}

/* So many are named. */
#define REFUSED_SHOWN 20

static int say_refused(void *owner, struct model_entry *entry)
{
	struct buffer line = BUFFER_INIT(65536);

	finding_context(&line, &entry->behaviour);
	buffer_text(&line, ": ");
	finding_line(&line, &entry->behaviour);
	say("forbidden, so not learned: %s", buffer_string(&line));
	buffer_free(&line);
	return ++*(unsigned *)owner == REFUSED_SHOWN;
}

static void report_refused(const struct learn *learn)
{
	unsigned shown = 0;

	(void)model_each(learn->refused, say_refused, &shown);
	if (model_size(learn->refused) > shown)
		say("and %zu more that are forbidden", model_size(learn->refused) - shown);
}

static void report(struct learn *learn)
{
	const struct learner_tally *tally = learner_tally(learn->learner);
	char id[MODEL_ID_SIZE] = "";
	size_t contexts = 0;

	(void)model_id(learn->model, id);
	(void)model_each_context(learn->model, count_context, &contexts);
	say("%s: %zu lines in %zu contexts, from %llu events%s%.*s", learn->output, model_size(learn->model), contexts,
	    (unsigned long long)tally->events, *id ? "; " : "", MODEL_ID_SHOWN, id);
	say("not learned: %llu events of the test harness, %llu of logins, %llu of changes",
	    (unsigned long long)tally->by_context[CONTEXT_HARNESS],
	    (unsigned long long)tally->by_context[CONTEXT_SESSION],
	    (unsigned long long)tally->by_context[CONTEXT_CHANGE]);
	report_refused(learn);
	if (tally->lost || tally->dropped)
		say("%llu events were lost and %llu had no room: the model may lack lines; learn again",
		    (unsigned long long)tally->lost, (unsigned long long)tally->dropped);
	report_enough(learn);
	if (model_size(learn->model))
		report_certainty(learn);
	if (!model_size(learn->model) && learn->source.command)
		say("no service was seen: name its program with --service NAME, if it neither listens nor becomes a "
		    "daemon");
	if (learn->daemon)
		say("%s was run: the containers it asked for do not descend from the command and were not watched; "
		    "add --container ID or --cgroup PATH in a learn of their own",
		    learn->daemon);
}

static int load_old(struct learn *learn, const char *path, struct error *error)
{
	struct statistics *statistics = NULL;
	struct model *old = NULL;
	int status = model_load(path, &old, error);

	if (!status)
		status = statistics_load(path, old, &statistics, NULL, error);
	if (!status && statistics_merge(learn->merged_statistics, learn->merged, statistics, old) < 0)
		status = error_set(error, -ENOMEM, "%.400s: can't be merged: too much, or out of memory", path);
	statistics_free(statistics);
	model_free(old);
	return status;
}

/* What an old model has is not told as new. */
static int known_context(void *owner, const struct behaviour *sample)
{
	return model_add(((struct learn *)owner)->named, sample, NULL) < 0;
}

/* What is forbidden is not learned; that it was seen is told at the end. */
static bool refuse(void *owner, const struct behaviour *behaviour)
{
	struct learn *learn = owner;
	bool forbidden = layers_forbid(&learn->layers, behaviour);

	if (forbidden)
		(void)model_add(learn->refused, behaviour, NULL);
	return forbidden;
}

/* The policy and the decisions. 0, or an exit status after having said why. */
static int load(struct learn *learn)
{
	struct error error = { "" };

	if (learn->policy_path && policy_load(learn->policy_path, &learn->policy, &error) < 0) {
		say("%s", error.text);
		return EXIT_USAGE;
	}
	if (model_check_output(learn->output, &error) < 0) {
		say("%s", error.text);
		return EXIT_USAGE;
	}
	return layers_load_decisions(&learn->layers, learn->policy);
}

static int prepare(struct learn *learn, struct error *error)
{
	learn->model = model_new();
	learn->merged = model_new();
	learn->statistics = statistics_new();
	learn->merged_statistics = statistics_new();
	learn->networks = layers_networks(learn->policy);
	learn->named = model_new();
	learn->refused = model_new();
	if (learn->model && learn->merged && learn->statistics && learn->merged_statistics && learn->networks &&
	    learn->named && learn->refused)
		learn->learner = learner_new(learn->model, learn->networks);
	if (!learn->learner)
		return error_set(error, -ENOMEM, "out of memory");
	model_limit(learn->model, learn->policy ? learn->policy->limits : NULL);
	if (learn->layers.decisions)
		learner_refuse(learn->learner, refuse, learn);
	if (learner_counts(learn->learner, learn->statistics) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < learn->merge_count; i++) {
		int status = load_old(learn, learn->merge[i], error);

		if (status < 0)
			return status;
	}
	return model_each_context(learn->merged, known_context, learn) ? error_set(error, -ENOMEM, "out of memory") : 0;
}

/* What was merged comes to what was learned, when both are whole: so a run that is in both counts once. */
static int merge_old(struct learn *learn, struct error *error)
{
	int status = statistics_merge(learn->statistics, learn->model, learn->merged_statistics, learn->merged);

	if (learn->layers.decisions)
		(void)model_remove(learn->model, refuse, learn);
	if (!status)
		status = model_fold(learn->model);
	if (status == -E2BIG)
		return error_set(error, status, "together the statistics are of too many hosts, contexts or runs");
	return status < 0 ? error_set(error, status, "out of memory") : 0;
}

/*
 * What the files were before is of no use after this run, and may be none of the host's business: it is not kept in the host's
 * state. 0, or an exit status after having said why.
 */
static int prepare_files(struct learn *learn)
{
	struct error error = { "" };
	int status = 0;

	if (!learn->files.pattern_count)
		return 0;
	if (!learn->source.replay && geteuid())
		status = error_set(&error, -EPERM, "watching files needs root: run it with sudo");
	else if (!learn->source.replay)
		status = scratch_make(&learn->scratch, &error);
	if (status < 0) {
		say("%s", error.text);
		return EXIT_FAILED;
	}
	learn->has_scratch = !learn->source.replay;
	learn->files.state_directory = learn->has_scratch ? learn->scratch.path : NULL;
	learner_watches_files(learn->learner);
	return files_prepare(&learn->files, &command_learn, &learn->source);
}

static int command_result(const struct learn *learn, const struct source_result *result)
{
	int status = result->command_status;

	/* That we ended it, as --for says, is no failure of its own. */
	if (!result->ran_command || !status || learn->if_it_fails || result->time_was_up)
		return EXIT_CLEAN;
	if (WIFSIGNALED(status)) {
		say("%s was ended by signal %d", learn->source.command[0], WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	say("%s failed with status %d", learn->source.command[0], WEXITSTATUS(status));
	return WEXITSTATUS(status);
}

static int learn_all(struct learn *learn, struct error *error)
{
	struct source_result result;
	int status = source_run(&learn->source, &result, error), exit_status;

	if (learn->enough_ns && status == -ECANCELED) {
		status = 0;
		result.time_was_up = true;
	}
	if (status < 0 && files_error(&learn->files)[0])
		(void)error_set(error, status, "%s", files_error(&learn->files));
	if (status < 0)
		return learn->source.replay ? EXIT_USAGE : EXIT_FAILED;
	exit_status = command_result(learn, &result);
	if (exit_status) {
		say("no model was written: a run that failed did not do all that it should (--if-it-fails writes it "
		    "all the same)");
		return exit_status;
	}
	if (!learn->source.replay && learner_clock(learn->learner, now_ns()) < 0)
		status = -ENOMEM;
	if (status || learner_finish(learn->learner) < 0) {
		(void)error_set(error, -ENOMEM, "out of memory");
		return EXIT_FAILED;
	}
	if (merge_old(learn, error) < 0 || model_save(learn->model, learn->output, error) < 0 ||
	    statistics_save(learn->statistics, learn->model, learn->output, error) < 0)
		return EXIT_FAILED;
	report(learn);
	return EXIT_CLEAN;
}

static int run(int argc, char **argv)
{
	struct learn learn = { .tells = isatty(STDERR_FILENO) };
	struct error error = { "" };
	int status = parse(&learn, argc, argv);

	if (status)
		return status;
	learn.source.existing = true;
	learn.source.purpose = "learn";
	learn.source.sink = take;
	learn.source.owner = &learn;
	learn.source.ready = ready;
	learn.source.tick = tick;
	learn.source.settled = settled;
	status = load(&learn);
	if (!status)
		status = prepare(&learn, &error) < 0 ? EXIT_USAGE : prepare_files(&learn);
	if (!status)
		status = learn_all(&learn, &error);
	if (!status && learn.fail_on_forbidden && model_size(learn.refused))
		status = EXIT_DEVIATION;
	if (error.text[0])
		say("%s", error.text);
	files_free(&learn.files);
	if (learn.has_scratch)
		scratch_remove(&learn.scratch);
	learner_free(learn.learner);
	networks_free(learn.networks);
	layers_free(&learn.layers);
	policy_free(learn.policy);
	model_free(learn.refused);
	model_free(learn.named);
	model_free(learn.model);
	model_free(learn.merged);
	statistics_free(learn.statistics);
	statistics_free(learn.merged_statistics);
	return status;
}

const struct command command_learn = {
	.name = "learn",
	.summary = "learn what services and jobs do, into a model",
	.usage = usage,
	.run = run,
};
