/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change brought about though it does not descend from it: a service that it had the init start again, or whose
 * program it has written. The service stays a service, and says by which change.
 */
#include <stdio.h>
#include <string.h>

#include "sensor/brought_priv.h"
#include "sensor/sensor_priv.h"

/* How long after it was asked for a unit may begin. */
#define ASKED_NS UINT64_C(120000000000)

/* The next argument after `at`; NULL at the end. */
static const char *next(const struct image *image, const char *at)
{
	size_t left = image->argv_size - (size_t)(at - image->argv), size = strnlen(at, left);

	return size + 1 < left ? at + size + 1 : NULL;
}

static bool starts_units(const char *verb)
{
	static const char *const verbs[] = { "start",        "restart",           "try-restart",
					     "reload",       "reload-or-restart", "try-reload-or-restart",
					     "force-reload", "condrestart" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(verb, verbs[i]))
			return true;
	}
	return false;
}

static void ask(struct brought *brought, const char *unit, const char *change, uint64_t now_ns)
{
	struct brought_unit *asked = &brought->unit[brought->next++ % BROUGHT_UNITS];

	(void)snprintf(asked->unit, sizeof(asked->unit), "%s%s", unit, strchr(unit, '.') ? "" : ".service");
	(void)snprintf(asked->change, sizeof(asked->change), "%s", change);
	asked->until_ns = now_ns + ASKED_NS;
}

void brought_note(struct brought *brought, const struct process *process, uint64_t now_ns)
{
	const struct image *image = process->image;
	const struct context_node *node = process->context;
	bool is_asked = false;

	if (!image || !node || node->context.kind != CONTEXT_CHANGE || !node->change[0] || process->credentials.euid ||
	    strcmp(program_executable(&image->program), "systemctl") != 0)
		return;
	for (const char *word = image->argv; (word = next(image, word));) {
		if (word[0] == '-')
			continue;
		if (is_asked)
			ask(brought, word, node->change, now_ns);
		else if (!starts_units(word))
			return;
		is_asked = true;
	}
}

static const char *asked_for(const struct brought *brought, const char *unit, uint64_t now_ns)
{
	for (unsigned i = 0; i < BROUGHT_UNITS; i++) {
		const struct brought_unit *asked = &brought->unit[i];

		if (now_ns < asked->until_ns && !strcmp(asked->unit, unit))
			return asked->change;
	}
	return "";
}

const char *brought_by(const struct brought *brought, const struct process *process, uint64_t now_ns)
{
	const struct image *image = process->image;
	const struct context_node *node = process->context;
	const char *change = "";

	if (!image || !node || !process->is_context_root || node->change[0] || node->context.container[0] ||
	    (node->context.kind != CONTEXT_SERVICE && node->context.kind != CONTEXT_JOB))
		return "";
	if (node->unit[0])
		change = asked_for(brought, node->unit, now_ns);
	if (!change[0] && brought->written_by)
		change = brought->written_by(brought->owner, image->program.exe);
	if (!change[0] && brought->written_by && image->program.script[0] == '/')
		change = brought->written_by(brought->owner, image->program.script);
	return change;
}
