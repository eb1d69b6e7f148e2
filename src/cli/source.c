/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/source.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/runner.h"
#include "sensor/cgroup.h"
#include "sensor/replay.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

static int add(const char *list[], size_t *count, const struct command *command, const char *argument)
{
	if (*count == SOURCE_LIST_MAX)
		return usage_error(command, "an option can be repeated at most %d times", SOURCE_LIST_MAX);
	list[(*count)++] = argument;
	return 0;
}

int source_option(struct source *source, const struct command *command, int option, const char *argument)
{
	switch (option) {
	case SOURCE_HOST:
		source->host = true;
		return 0;
	case SOURCE_CGROUP:
		return add(source->cgroup, &source->cgroup_count, command, argument);
	case SOURCE_UNIT:
		return add(source->unit, &source->unit_count, command, argument);
	case SOURCE_CONTAINER:
		return add(source->container, &source->container_count, command, argument);
	case SOURCE_SERVICE:
		return add(source->service, &source->service_count, command, argument);
	case SOURCE_JOB:
		return add(source->job, &source->job_count, command, argument);
	case SOURCE_CHANGE:
		return add(source->change, &source->change_count, command, argument);
	case SOURCE_REPLAY:
		source->replay = argument;
		return 0;
	case SOURCE_FOR:
		if (!parse_duration(argument, &source->for_ms))
			return 0;
		return usage_error(command, "--for takes a time such as 30s, 10m, 2h or 7d, not '%s'", argument);
	default:
		/* getopt_long has said what is wrong. */
		(void)fprintf(stderr, "Try: sombrero %s --help\n", command->name);
		return EXIT_USAGE;
	}
}

int source_settle(struct source *source, const struct command *command, int argc, char **argv)
{
	int chosen = source->host + (source->cgroup_count || source->unit_count || source->container_count) +
		     (source->replay ? 1 : 0);

	if (optind < argc) {
		source->command = argv + optind;
		chosen++;
	}
	if (!chosen)
		return usage_error(command,
				   "say what to look at: -- CMD…, --host, --cgroup, --unit, --container or --replay");
	if (chosen > 1)
		return usage_error(command,
				   "choose one of -- CMD…, --host, --replay, and --cgroup, --unit, --container");
	if (source->replay && source->for_ms)
		return usage_error(command, "--for makes no sense with --replay, which ends by itself");
	return 0;
}

static long long now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

static void catch_signals(struct sigaction old[SIGNAL_COUNT])
{
	/* A line that waits for its reader is still printed. */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	stop = 0;
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		(void)sigaction(signals[i], &action, &old[i]);
}

static void restore_signals(const struct sigaction old[SIGNAL_COUNT])
{
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		(void)sigaction(signals[i], &old[i], NULL);
}

/* Hands over events until the time is up (end 0: never), the command has ended, or somebody interrupts. */
static int follow(const struct source *source, struct sensor *sensor, struct runner *runner, long long end)
{
	long long tick = now_ms() + 1000, now;
	int status = 0;

	while (!status && !stop && !(runner && runner_ended(runner))) {
		now = now_ms();
		if (end && now >= end)
			break;
		if (source->tick && now >= tick) {
			source->tick(source->owner, sensor);
			tick = now + 1000;
		}
		status = sensor_poll(sensor, end && end - now < 50 ? (int)(end - now) : 50);
		if (status == -EINTR)
			status = 0;
		if (!status && source->settled)
			status = source->settled(source->owner);
	}
	return status;
}

/* How long a command that is asked to end may take. */
#define PATIENCE_MS 5000

/*
 * Sees to the command's end. It may do much while it ends: its events are taken as before. A second signal ends the
 * patience.
 */
static int end_command(const struct source *source, struct sensor *sensor, struct runner *runner,
		       struct source_result *result)
{
	int status = 0;

	if (!runner_ended(runner)) {
		result->time_was_up = !stop;
		runner_ask(runner, stop ? stop : SIGTERM);
		stop = 0;
		status = follow(source, sensor, runner, now_ms() + PATIENCE_MS);
	}
	result->command_status = runner_end(runner);
	result->ran_command = true;
	return status;
}

/* With the sensor at hand: runs the command if there is one, and sees to the end of it. */
static int watch_live(const struct source *source, struct sensor *sensor, const char *directory,
		      struct source_result *result, struct error *error)
{
	struct runner *runner = NULL;
	int status = 0;

	if (source->ready)
		source->ready(source->owner, sensor);
	if (source->command)
		status = runner_start(source->command, directory, &runner, error);
	if (!status)
		status = follow(source, sensor, runner, source->for_ms ? now_ms() + source->for_ms : 0);
	if (runner) {
		int ended = end_command(source, sensor, runner, result);

		status = status ? status : ended;
	}
	if (!status)
		status = sensor_drain(sensor);
	if (source->done)
		source->done(source->owner, sensor);
	if (status < 0 && status != -EPIPE && status != -ECANCELED && !error->text[0])
		return error_set(error, status, "the sensor failed: %s", strerror(-status));
	return status;
}

/* The directories of all the cgroups that were named in one way or the other. */
static int collect_scope(const struct source *source, struct scope_list *scope, struct error *error)
{
	int status = 0;

	for (size_t i = 0; i < source->cgroup_count && !status; i++)
		status = scope_add_cgroup(scope, source->cgroup[i], error);
	for (size_t i = 0; i < source->unit_count && !status; i++)
		status = scope_add_unit(scope, source->unit[i], error);
	for (size_t i = 0; i < source->container_count && !status; i++)
		status = scope_add_container(scope, source->container[i], error);
	return status;
}

static int run_live(const struct source *source, struct source_result *result, struct error *error)
{
	struct scope_list scope = { 0 };
	struct sensor_options options = {
		.harness = source->command,
		.services = source->service,
		.service_count = source->service_count,
		.jobs = source->job,
		.job_count = source->job_count,
		.changes = source->change,
		.change_count = source->change_count,
		.change_sessions = source->change_session,
		.change_session_count = source->change_session_count,
		.existing = source->existing,
		.auth_log = source->auth_log,
		.files = source->files,
		.counts_change = source->counts_change,
		.counts_owner = source->counts_owner,
	};
	struct sensor *sensor = NULL;
	struct sigaction old[SIGNAL_COUNT];
	char directory[4096] = "";
	int status;

	if (geteuid())
		return error_set(error, -EPERM,
				 "watching the kernel needs root: run it with sudo, or use --replay FILE");
	catch_signals(old); /* from here on there is something to take away again */
	status = collect_scope(source, &scope, error);
	if (!status && source->command) {
		status = cgroup_make(source->purpose, directory, sizeof(directory), error);
		if (!status)
			status = scope_add_directory(&scope, directory, error);
	}
	options.cgroups = (const char *const *)scope.directory;
	options.cgroup_count = scope.count;
	if (!status)
		status = sensor_open(&options, source->sink, source->owner, &sensor, error);
	if (!status)
		status = watch_live(source, sensor, directory, result, error);
	sensor_close(sensor);
	if (directory[0])
		runner_clean(directory);
	restore_signals(old);
	scope_free(&scope);
	return status;
}

int source_replay(const char *path, event_sink sink, void *owner, struct error *error)
{
	struct replay replay = { 0 };
	int status = replay_file(path, sink, owner, &replay, error);

	if (replay.is_cut)
		say("%s: the recording is cut after byte %llu: the %llu events until there were read", path,
		    (unsigned long long)replay.bytes, (unsigned long long)replay.events);
	return status;
}

int source_run(const struct source *source, struct source_result *result, struct error *error)
{
	*result = (struct source_result) { 0 };
	if (source->replay)
		return source_replay(source->replay, source->sink, source->owner, error);
	return run_live(source, result, error);
}
