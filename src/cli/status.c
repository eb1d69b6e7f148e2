/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/source.h"

static const char usage[] =
	"Usage: sombrero status [--for TIME]\n"
	"\n"
	"Attaches the sensor to the whole host for a moment (2 seconds) and says which parts of it work,\n"
	"what they cost, and what was lost, by reason.\n"
	"\n"
	"      --for TIME  how long to look: 5s, 1m\n"
	"\n"
	"Exit status: 0, 1 the sensor does not work here, 2 usage.\n";

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

static int run(int argc, char **argv)
{
	static const struct option options[] = { { "for", required_argument, NULL, SOURCE_FOR }, { 0 } };
	struct source source = { .host = true, .for_ms = 2000, .sink = ignore, .done = print_status };
	struct source_result result;
	struct error error = { "" };
	int option, measuring, status;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (source_option(&source, &command_status, option, optarg))
			return EXIT_USAGE;
	}
	if (optind < argc)
		return usage_error(&command_status, "'%s' is not wanted here", argv[optind]);
	measuring = measure();
	status = source_run(&source, &result, &error);
	if (measuring >= 0)
		(void)close(measuring);
	if (!status)
		return EXIT_CLEAN;
	say("%s", error.text);
	return EXIT_FAILED;
}

const struct command command_status = {
	.name = "status",
	.summary = "which sensors work here, what they cost, what was lost",
	.usage = usage,
	.run = run,
};
