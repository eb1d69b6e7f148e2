/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a command's events come from: a command that it runs, cgroups, the whole host, or a recorded file. The options for
 * that are the same for every command that has them.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/command.h"
#include "event/event.h"
#include "sensor/sensor.h"

#define SOURCE_LIST_MAX     64
#define SOURCE_SERVICES_MAX 1024 /* a model names its services, too */

struct source {
	bool host;
	const char *replay; /* NULL: live */
	const char *cgroup[SOURCE_LIST_MAX];
	size_t cgroup_count;
	const char *unit[SOURCE_LIST_MAX];
	size_t unit_count;
	const char *container[SOURCE_LIST_MAX];
	size_t container_count;
	const char *service[SOURCE_SERVICES_MAX];
	size_t service_count;
	const char *job[SOURCE_LIST_MAX];
	size_t job_count;
	const char *change[SOURCE_LIST_MAX];
	size_t change_count;
	struct sensor_change_session change_session[SOURCE_LIST_MAX];
	size_t change_session_count;
	long long for_ms; /* 0: until it ends by itself or is interrupted */
	char **command;   /* NULL: none */

	const char *auth_log;           /* NULL: what there is */
	const struct file_watch *files; /* NULL: none are watched */
	bool (*counts_change)(void *owner, const char *id);
	void *counts_owner;
	bool existing;       /* report the state at start */
	const char *purpose; /* in the name of the command's cgroup: "learn" */
	event_sink sink;
	void *owner;
	/* Called when everything is attached, and then about once a second. */
	void (*ready)(void *owner, struct sensor *sensor);
	void (*tick)(void *owner, struct sensor *sensor);
	/* Called each time after events were handed over. A negative errno ends the source. */
	int (*settled)(void *owner);
	/* Called with the end state, before the sensor goes. */
	void (*done)(void *owner, struct sensor *sensor);
};

/* Long options, to be put into a command's table, and their help. */
enum {
	SOURCE_HOST = 256,
	SOURCE_CGROUP,
	SOURCE_UNIT,
	SOURCE_CONTAINER,
	SOURCE_FOR,
	SOURCE_REPLAY,
	SOURCE_SERVICE,
	SOURCE_JOB,
	SOURCE_CHANGE,
	SOURCE_OPTION_END,
};

#define SOURCE_OPTIONS                                                                                                \
	{ "host", no_argument, NULL, SOURCE_HOST }, { "cgroup", required_argument, NULL, SOURCE_CGROUP },             \
		{ "unit", required_argument, NULL, SOURCE_UNIT },                                                     \
		{ "container", required_argument, NULL, SOURCE_CONTAINER },                                           \
		{ "for", required_argument, NULL, SOURCE_FOR }, { "replay", required_argument, NULL, SOURCE_REPLAY }, \
		{ "service", required_argument, NULL, SOURCE_SERVICE },                                               \
		{ "job", required_argument, NULL, SOURCE_JOB },                                                       \
	{                                                                                                             \
		"change", required_argument, NULL, SOURCE_CHANGE                                                      \
	}

#define SOURCE_HELP                                                                                                 \
	"What to look at, one of:\n"                                                                                \
	"  -- CMD…             a command and all that descends from it, in a cgroup of its own\n"                 \
	"      --host          the whole host\n"                                                                    \
	"      --cgroup PATH   a cgroup and those below it; a glob; may be repeated\n"                              \
	"      --unit NAME     a systemd unit; may be repeated\n"                                                   \
	"      --container ID  a container, by the beginning of its id; or KEY=VALUE, a label that\n"               \
	"                      docker or podman is asked for; may be repeated\n"                                    \
	"      --replay FILE   recorded events (--json, --record; - is standard input); no privileges\n"            \
	"\n"                                                                                                        \
	"How:\n"                                                                                                    \
	"      --for TIME      stop after TIME: 30s, 10m, 2h, 7d\n"                                                 \
	"      --service NAME  a program of that name is a service wherever it is started\n"                        \
	"      --job NAME      likewise a scheduled job, where CMD starts it: nothing else would tell it from the " \
	"tests\n"                                                                                                   \
	"      --change UNIT   what this systemd unit does is a change (chef-client.service)\n"

/* Takes one of the options above. 0, or EXIT_USAGE after having said why. */
int source_option(struct source *source, const struct command *command, int option, const char *argument);

/* What is left on the command line is CMD; exactly one source must be chosen. 0 or EXIT_USAGE. */
int source_settle(struct source *source, const struct command *command, int argc, char **argv);

struct source_result {
	bool ran_command;
	int command_status; /* as wait(2) gives it */
	bool time_was_up;   /* --for ended the command */
};

/* Runs to the end. 0, or a negative errno with a text; what the sink returned comes back as it is. */
int source_run(const struct source *source, struct source_result *result, struct error *error);

/* Recorded events alone: replay_file(), which says so where a recording is cut. */
int source_replay(const char *path, event_sink sink, void *owner, struct error *error);

#endif
