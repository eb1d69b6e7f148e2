/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/source.h"
#include "model/learn.h"
#include "model/model.h"
#include "model/network.h"

static const char usage[] =
	"Usage: sombrero host\n"
	"\n"
	"Looks at this host as it is now: its services and what else runs, who owns it, and what waits\n"
	"for connections; what can be reached from other machines is marked `outside`.\n"
	"\n"
	"Exit status: 0, 1 failure, 2 usage.\n";

struct host {
	struct model *model;
	struct networks *networks;
	struct learner *learner;
};

static int take(void *owner, const struct event *event)
{
	struct host *host = owner;

	return learner_event(host->learner, event);
}

static const char *reach(const char *object)
{
	const char *network = strrchr(object, ' ');

	return network && strcmp(network, " loopback") != 0 ? "outside" : "this host only";
}

static int print_listener(void *owner, struct model_entry *entry)
{
	const struct behaviour *behaviour = &entry->behaviour;

	if (behaviour->kind != BEHAVIOUR_LISTEN)
		return 0;
	tell("  %-24s  %-20s  %s", behaviour->object,
	     behaviour->context_name[0] ? behaviour->context_name : behaviour->program, reach(behaviour->object));
	(*(unsigned *)owner)++;
	return 0;
}

/* Does the model have a listener on that port? */
static int has_port(void *owner, struct model_entry *entry)
{
	unsigned port;

	return entry->behaviour.kind == BEHAVIOUR_LISTEN && sscanf(entry->behaviour.object, "tcp %u", &port) == 1 &&
	       port == *(const unsigned *)owner;
}

/* What the kernel's table of sockets has and no process holds: a listener in the kernel, or out of our sight. */
static void print_unowned(struct host *host, const char *path, unsigned *listeners)
{
	FILE *file = fopen(path, "re");
	char line[512], address[64];
	unsigned port, state;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*d: %63[0-9A-F]:%x %*[0-9A-F]:%*x %x", address, &port, &state) != 3 ||
		    state != 0x0a || model_each(host->model, has_port, &port))
			continue;
		(void)printf("  tcp %-20u  %-20s  %s\n", port, "owner unknown",
			     strspn(address, "0") == strlen(address) ? "outside" : "see ss -ltn");
		(*listeners)++;
	}
	if (file)
		(void)fclose(file);
}

static int print_context(void *owner, const struct behaviour *sample)
{
	(void)owner;
	tell("  %s%s%s%s", context_kind_name(sample->context_kind), sample->context_name[0] ? " " : "",
	     sample->context_name, sample->in_container ? " (in a container)" : "");
	return 0;
}

static int look(struct host *host, struct error *error)
{
	struct source source = { .host = true, .for_ms = 1, .existing = true, .sink = take, .owner = host };
	struct source_result result;
	unsigned listeners = 0;
	int status = source_run(&source, &result, error);

	if (!status)
		status = learner_finish(host->learner);
	if (status < 0)
		return status;
	(void)printf("runs here\n");
	(void)model_each_context(host->model, print_context, NULL);
	(void)printf("listens\n");
	(void)model_each(host->model, print_listener, &listeners);
	print_unowned(host, "/proc/net/tcp", &listeners);
	print_unowned(host, "/proc/net/tcp6", &listeners);
	if (!listeners)
		(void)printf("  nothing\n");
	return 0;
}

static int run(int argc, char **argv)
{
	struct host host = { .model = model_new(), .networks = networks_new() };
	struct error error = { "" };
	int status = -ENOMEM;

	if (argc > 1)
		return usage_error(&command_host, "'%s' is not wanted here", argv[1]);
	if (host.model && host.networks)
		host.learner = learner_new(host.model, host.networks);
	if (host.learner)
		status = look(&host, &error);
	if (status < 0)
		say("%s", error.text[0] ? error.text : strerror(-status));
	learner_free(host.learner);
	networks_free(host.networks);
	model_free(host.model);
	return status < 0 ? EXIT_FAILED : EXIT_CLEAN;
}

const struct command command_host = {
	.name = "host",
	.summary = "this host's services and what listens, as they are now",
	.usage = usage,
	.run = run,
};
