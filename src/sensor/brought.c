/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change brought about though it does not descend from it: a service that it had the init start again, or whose
 * program it has written. The service stays a service, and says by which change.
 */
#include "sensor/brought_priv.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sensor/context_priv.h"
#include "sensor/unit.h"

/* How long after it was asked for a unit may begin. */
#define ASKED_NS UINT64_C(120000000000)

/* The next argument after `at`; NULL at the end. */
static const char *next(const struct image *image, const char *at)
{
	size_t left = image->argv_size - (size_t)(at - image->argv), size = strnlen(at, left);

	return size + 1 < left ? at + size + 1 : NULL;
}

static bool is_one_of(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(word, list[i]))
			return true;
	}
	return false;
}

/* "--user", "-H" and their like ask another init than the host's. */
static bool is_for_another(const char *option)
{
	static const char *const whole[] = { "--user", "--host", "--machine" };

	if (option[1] != '-')
		return option[1] == 'H' || option[1] == 'M';
	return is_one_of(option, whole, sizeof(whole) / sizeof(whole[0])) || !strncmp(option, "--host=", 7) ||
	       !strncmp(option, "--machine=", 10);
}

/* The verb, where it is one that starts units; NULL for any other. */
static const char *starting_verb(const struct image *image)
{
	static const char *const verbs[] = { "start",        "restart",           "try-restart",
					     "reload",       "reload-or-restart", "try-reload-or-restart",
					     "force-reload", "condrestart" };
	static const char *const with_now[] = { "enable", "reenable", "unmask" };
	const char *verb = NULL;
	bool now = false;

	for (const char *word = image->argv; (word = next(image, word));) {
		if (word[0] == '-' && is_for_another(word))
			return NULL;
		now |= !strcmp(word, "--now");
		if (word[0] != '-' && !verb)
			verb = word;
	}
	if (verb && (is_one_of(verb, verbs, sizeof(verbs) / sizeof(verbs[0])) ||
		     (now && is_one_of(verb, with_now, sizeof(with_now) / sizeof(with_now[0])))))
		return verb;
	return NULL;
}

static void ask(struct brought *brought, const char *unit, const char *change, uint64_t now_ns)
{
	struct brought_unit *asked = &brought->unit[brought->next++ % BROUGHT_UNITS];

	(void)snprintf(asked->unit, sizeof(asked->unit), "%s", unit);
	(void)snprintf(asked->change, sizeof(asked->change), "%s", change);
	asked->until_ns = now_ns + ASKED_NS;
}

/* "redis" is redis.service, and that another name of redis-server.service. */
static void ask_for(struct brought *brought, const char *word, const char *change, const char *root, uint64_t now_ns)
{
	char unit[BROUGHT_NAME_MAX], name[BROUGHT_NAME_MAX];

	if (snprintf(unit, sizeof(unit), "%s%s", word, strchr(word, '.') ? "" : ".service") >= (int)sizeof(unit))
		return;
	ask(brought, unit, change, now_ns);
	if (unit_alias(root, unit, name, sizeof(name)))
		ask(brought, name, change, now_ns);
}

/* Whoever is no change and asks for the same later has it started for themselves. */
static const char *asker(const struct process *process)
{
	const struct context_node *node = process->context;

	return node->context.kind == CONTEXT_CHANGE ? node->change : "";
}

void brought_note(struct brought *brought, const struct process *process, const char *root, uint64_t now_ns)
{
	const struct image *image = process->image;
	const char *verb;

	if (!image || !process->context || process->context->context.container[0] || process->credentials.euid ||
	    strcmp(program_executable(&image->program), "systemctl") != 0)
		return;
	verb = starting_verb(image);
	for (const char *word = verb; word && (word = next(image, word));) {
		if (word[0] != '-')
			ask_for(brought, word, asker(process), root, now_ns);
	}
}

/* By whoever asked last. */
static const char *asked_for(const struct brought *brought, const char *unit, uint64_t now_ns)
{
	for (unsigned i = 1; i <= BROUGHT_UNITS; i++) {
		const struct brought_unit *asked = &brought->unit[(brought->next - i) % BROUGHT_UNITS];

		if (now_ns < asked->until_ns && contexts_fits(unit, asked->unit))
			return asked->change;
	}
	return "";
}

/* A service of the host's init, which may give it a root or a user namespace of its own. */
static bool begins_service(const struct process *process)
{
	const struct context_node *node = process->context;

	return process->image && node && process->is_context_root && !node->change[0] &&
	       (node->context.kind == CONTEXT_SERVICE || node->context.kind == CONTEXT_JOB) &&
	       (!node->context.container[0] || contexts_is_own_root(node->context.container));
}

const char *brought_by(const struct brought *brought, const struct process *process, uint64_t now_ns)
{
	const struct image *image = process->image;
	const char *change = "";

	if (!begins_service(process))
		return "";
	if (process->context->unit[0])
		change = asked_for(brought, process->context->unit, now_ns);
	/* In another root the same path is another file. */
	if (change[0] || !brought->written_by || !strcmp(process->context->context.container, "chroot") ||
	    image->flags & EVENT_FLAG_PATH_OUTSIDE)
		return change;
	change = brought->written_by(brought->owner, image->program.exe);
	if (!change[0] && image->program.script[0] == '/')
		change = brought->written_by(brought->owner, image->program.script);
	return change;
}
