/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/show.h"
#include "cli/source.h"

static const char usage[] =
	"Usage: sombrero status [--for TIME] [--state DIR]\n"
	"       sombrero status --json [--state DIR]\n"
	"\n"
	"Says whether this host wears a sombrero, for whom and what, and what would take it off; and what is\n"
	"remembered: sessions, changes, failed logins, files. Then attaches the sensor to the whole host for a moment\n"
	"(2 seconds) and says which parts of it work, what they cost, and what was lost, by reason.\n"
	"\n"
	"      --for TIME    how long to look: 5s, 1m\n"
	"      --json        what is remembered, as JSON; the sensor is left alone\n" SHOW_STATE_HELP "\n"
	"Exit status: 0, 1 the sensor does not work here or the state can't be read, 2 usage.\n";

enum { OPTION_JSON = SOURCE_OPTION_END, OPTION_STATE };

/* The paths that still wait are listed up to here. */
#define PATHS_SHOWN 20

static const char hat[] = "              .-~~~-.\n"
			  "             /       \\\n"
			  "   .__      (_________)      __.\n"
			  "    \\ ''--..._________...--'' /\n"
			  "     '--..._____________...--'\n";

struct status {
	const char *directory;
	bool json;
	struct source source;
	struct state *state;
	struct buffer out;
	unsigned paths; /* that were listed */
	bool seen;      /* a sombrero, off or on */
};

static int ignore(void *owner, const struct event *event)
{
	(void)owner;
	(void)event;
	return 0;
}

static unsigned long resident_kib(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			break;
	}
	if (file)
		(void)fclose(file);
	return kib;
}

/* As long as it is open, the kernel measures each BPF program; it stops by itself. -1 where it can't. */
static int measure(void)
{
	union bpf_attr what = { .enable_stats.type = BPF_STATS_RUN_TIME };

	return (int)syscall(SYS_bpf, BPF_ENABLE_STATS, &what, sizeof(what));
}

static void print_parts(const struct sensor_status *status)
{
	for (unsigned i = 0; i < status->part_count; i++) {
		const struct sensor_part *part = &status->part[i];

		if (!part->on)
			(void)printf("  %-18s  off  %s\n", part->name, part->why_not);
		else if (part->runs)
			(void)printf("  %-18s  on   %6llu runs, %6llu ns each\n", part->name,
				     (unsigned long long)part->runs, (unsigned long long)(part->run_ns / part->runs));
		else
			(void)printf("  %-18s  on\n", part->name);
	}
}

static void print_status(void *owner, struct sensor *sensor)
{
	struct sensor_status status;

	(void)owner;
	sensor_status(sensor, &status);
	(void)printf("sensor\n");
	print_parts(&status);
	(void)printf("cost\n  memory              %lu KiB resident, of which the ring is mapped as %zu KiB\n"
		     "  kernel maps         %zu KiB\n  processes           %zu alive, %zu kept to explain\n",
		     resident_kib(), 2 * status.ring_bytes / 1024, status.map_bytes / 1024, status.processes,
		     status.processes_dead);
	(void)printf("seen\n  records             %llu\n", (unsigned long long)status.records);
	(void)printf("lost\n");
	for (unsigned i = 0; i < status.loss_count; i++)
		(void)printf("  %-28s  %llu\n", status.loss[i].reason, (unsigned long long)status.loss[i].count);
}

static int look_at_sensor(const struct source *source)
{
	struct source_result result;
	struct error error = { "" };
	int measuring = measure();
	int status = source_run(source, &result, &error);

	if (measuring >= 0)
		(void)close(measuring);
	if (!status)
		return EXIT_CLEAN;
	say("%s", error.text);
	return EXIT_FAILED;
}

/* The sombrero */

static void show_row(struct buffer *out, const char *name)
{
	buffer_printf(out, "  %-8s  ", name);
}

static int show_path(void *to, const struct state_touch *touch)
{
	struct status *status = to;

	if (touch->rewritten_ns)
		return 0;
	if (++status->paths > PATHS_SHOWN)
		return 1;
	buffer_text(&status->out, "              ");
	show_text(&status->out, touch->path);
	buffer_byte(&status->out, '\n');
	return 0;
}

/* Who, by what, as whom. */
static void show_touch(struct buffer *out, const struct state_touch *touch)
{
	show_text(out, *touch->person ? touch->person : "nobody that is known");
	buffer_text(out, ", as ");
	show_text(out, touch->user);
	buffer_text(out, " in ");
	show_text(out, touch->context);
	if (*touch->login) {
		buffer_text(out, " (sombrero sessions show ");
		show_text(out, touch->login);
		buffer_byte(out, ')');
	}
	buffer_byte(out, '\n');
	show_row(out, "did");
	buffer_printf(out, "%s ", event_kind_name(touch->kind));
	show_text(out, touch->path);
	buffer_printf(out, "  by %s at ", touch->program); /* which is escaped */
	show_time(out, touch->last_ns);
	buffer_byte(out, '\n');
}

static void show_what_takes_it_off(struct status *status, const struct state_sombrero *worn)
{
	struct buffer *out = &status->out;

	show_row(out, "off by");
	if (worn->untold)
		buffer_printf(out,
			      "`sombrero off --reason TEXT` only: %" PRIu64 " more were touched than are remembered\n",
			      worn->untold);
	else
		buffer_text(out, "a declared change that rewrites these, or `sombrero off --reason TEXT`\n");
	(void)state_sombrero_touches(status->state, worn->number, show_path, status);
	if (worn->waiting > PATHS_SHOWN)
		buffer_printf(out, "              … and %" PRIu64 " more\n", worn->waiting - PATHS_SHOWN);
}

static void show_worn(struct status *status, const struct state_sombrero *worn)
{
	struct buffer *out = &status->out;

	buffer_printf(out, "\n%s\n", hat);
	buffer_text(out, "sombrero: ON since ");
	show_time(out, worn->on_ns);
	buffer_text(out, ": this host was changed by hand\n");
	show_row(out, "first");
	show_touch(out, &worn->first);
	if (worn->touched > 1 || worn->first.count > 1) {
		show_row(out, "last");
		show_touch(out, &worn->last);
	}
	show_row(out, "touched");
	show_count(out, worn->touched, "path", "paths");
	buffer_printf(out, ", %" PRIu64 " of them not yet rewritten\n", worn->waiting);
	show_what_takes_it_off(status, worn);
}

static void show_last(struct buffer *out, const struct state_sombrero *last)
{
	buffer_text(out, "sombrero: off; the last was on from ");
	show_time(out, last->on_ns);
	buffer_text(out, " to ");
	show_time(out, last->off_ns);
	if (!strcmp(last->off_how, "by hand")) {
		buffer_text(out, ", taken off by ");
		show_text(out, last->off_person);
		buffer_text(out, ": ");
	} else {
		buffer_text(out, ", all rewritten by change ");
	}
	show_text(out, last->off_reason);
	buffer_byte(out, '\n');
}

static int show_sombrero(void *to, const struct state_sombrero *sombrero)
{
	struct status *status = to;

	status->seen = true;
	if (sombrero->off_ns)
		show_last(&status->out, sombrero);
	else
		show_worn(status, sombrero);
	return 1; /* the newest says it all */
}

/* Counts */

static void show_watch(struct buffer *out, const struct state_counts *counts)
{
	show_row(out, "watch");
	if (counts->watched)
		buffer_text(out, "runs\n");
	else if (!counts->watched_ns)
		buffer_text(out, "never ran\n");
	else {
		buffer_text(out, "does not run, not since ");
		show_time(out, counts->watched_ns);
		buffer_byte(out, '\n');
	}
}

static void show_counts(struct buffer *out, const struct state_counts *counts)
{
	buffer_text(out, "remembered\n");
	show_watch(out, counts);
	show_row(out, "sessions");
	buffer_printf(out, "%" PRIu64 " open, of %" PRIu64 "\n", counts->sessions_open, counts->sessions);
	show_row(out, "failed");
	show_count(out, counts->failed_24h, "login, by who tried within 24 hours\n",
		   "logins, by who tried within 24 hours\n");
	show_row(out, "changes");
	buffer_printf(out, "%" PRIu64 " running, of %" PRIu64 "\n", counts->changes_open, counts->changes);
	show_row(out, "files");
	buffer_printf(out, "%" PRIu64 " in the baseline\n", counts->files);
	if (counts->waiting) {
		show_row(out, "findings");
		buffer_printf(out, "%" PRIu64 " not yet printed\n", counts->waiting);
	}
}

/* JSON */

static void json_touch(struct buffer *out, const struct state_touch *touch)
{
	buffer_byte(out, '{');
	json_text(out, "path", touch->path);
	json_text(out, "kind", event_kind_name(touch->kind));
	json_text(out, "person", touch->person);
	json_text(out, "user", touch->user);
	json_escaped(out, "program", touch->program);
	json_text(out, "login", touch->login);
	json_text(out, "context", touch->context);
	json_text(out, "rule", touch->rule);
	json_time(out, "first", touch->first_ns);
	json_time(out, "last", touch->last_ns);
	json_number(out, "count", touch->count);
	buffer_byte(out, '}');
}

static int json_path(void *to, const struct state_touch *touch)
{
	struct buffer *out = to;

	if (touch->rewritten_ns)
		return 0;
	if (out->data[out->size - 1] != '[')
		buffer_byte(out, ',');
	json_touch(out, touch);
	return 0;
}

static int json_sombrero(void *to, const struct state_sombrero *sombrero)
{
	struct status *status = to;
	struct buffer *out = &status->out;
	int result;

	if (sombrero->off_ns)
		return 1;
	status->seen = true;
	buffer_byte(out, '{');
	json_time(out, "since", sombrero->on_ns);
	json_number(out, "touched", sombrero->touched);
	json_number(out, "waiting", sombrero->waiting);
	json_number(out, "untold", sombrero->untold);
	json_key(out, "first");
	json_touch(out, &sombrero->first);
	json_key(out, "latest");
	json_touch(out, &sombrero->last);
	json_key(out, "paths");
	buffer_byte(out, '[');
	result = state_sombrero_touches(status->state, sombrero->number, json_path, out);
	buffer_text(out, "]}");
	return result < 0 ? result : 1;
}

static void json_counts(struct buffer *out, const struct state_counts *counts)
{
	json_bool(out, "watched", counts->watched);
	json_time(out, "watched_until", counts->watched_ns);
	json_number(out, "sessions", counts->sessions);
	json_number(out, "sessions_open", counts->sessions_open);
	json_number(out, "changes", counts->changes);
	json_number(out, "changes_open", counts->changes_open);
	json_number(out, "failed_logins_24h", counts->failed_24h);
	json_number(out, "files", counts->files);
	json_number(out, "findings_waiting", counts->waiting);
}

static int write_json(struct status *status, const struct state_counts *counts)
{
	int result;

	buffer_byte(&status->out, '{');
	json_key(&status->out, "sombrero");
	result = state_sombreros(status->state, json_sombrero, status);
	if (!status->seen)
		buffer_text(&status->out, "null");
	json_counts(&status->out, counts);
	buffer_text(&status->out, "}\n");
	return result;
}

static int write_text(struct status *status, const struct state_counts *counts)
{
	int result = state_sombreros(status->state, show_sombrero, status);

	if (!status->seen)
		buffer_text(&status->out, "sombrero: off; there never was one\n");
	show_counts(&status->out, counts);
	return result;
}

static int look_at_state(struct status *status)
{
	struct state_counts counts;
	int result = state_count(status->state, &counts);

	if (!result)
		result = status->json ? write_json(status, &counts) : write_text(status, &counts);
	if (result >= 0)
		return show_print(&status->out);
	say("%s", state_error(status->state));
	return EXIT_FAILED;
}

/* A host that never watched files has no state, which is fine where only the sensor is asked for. */
static int open_state(struct status *status)
{
	struct error error = { "" };
	int code = state_open(status->directory, STATE_READ, &status->state, &error);

	if (!code)
		return EXIT_CLEAN;
	if (code == -ENOENT && !status->json)
		tell("sombrero: off; %s", error.text);
	else
		say("%s", error.text);
	return code == -ENOENT && !status->json ? EXIT_CLEAN : EXIT_FAILED;
}

static int parse(struct status *status, int argc, char **argv)
{
	static const struct option options[] = { { "for", required_argument, NULL, SOURCE_FOR },
						 { "json", no_argument, NULL, OPTION_JSON },
						 { "state", required_argument, NULL, OPTION_STATE },
						 { 0 } };
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == OPTION_JSON)
			status->json = true;
		else if (option == OPTION_STATE)
			status->directory = optarg;
		else if (source_option(&status->source, &command_status, option, optarg))
			return EXIT_USAGE;
	}
	return optind < argc ? usage_error(&command_status, "'%s' is not wanted here", argv[optind]) : 0;
}

static int run(int argc, char **argv)
{
	struct status status = { .directory = STATE_DIRECTORY,
				 .source = { .host = true, .for_ms = 2000, .sink = ignore, .done = print_status },
				 .out = BUFFER_INIT(SHOW_MAX) };
	int result = parse(&status, argc, argv), sensor = EXIT_CLEAN;

	if (result)
		return result;
	result = open_state(&status);
	if (status.state)
		result = look_at_state(&status);
	if (!status.json)
		sensor = look_at_sensor(&status.source);
	state_close(status.state);
	buffer_free(&status.out);
	return result ? result : sensor;
}

const struct command command_status = {
	.name = "status",
	.summary = "whether the host wears a sombrero, and how the sensor is",
	.usage = usage,
	.run = run,
};
