/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a rule hold for an event, and may who did it do so? Who it was is often not known for certain: an exception has to
 * hold for all who it may have been, and for nobody it never holds.
 */
#include <string.h>

#include "base/escape.h"
#include "policy/glob.h"
#include "policy/policy_priv.h"

static bool any_matches(const struct texts *patterns, const char *text)
{
	for (size_t i = 0; *text && i < patterns->count; i++) {
		if (glob_match(patterns->text[i], text))
			return true;
	}
	return false;
}

static bool any_equals(const struct texts *texts, const char *text)
{
	for (size_t i = 0; *text && i < texts->count; i++) {
		if (strcmp(texts->text[i], text) == 0)
			return true;
	}
	return false;
}

bool file_rule_applies(const struct file_rule *rule, const struct event *event)
{
	if (!(rule->kinds & 1U << event->kind))
		return false;
	return any_matches(&rule->paths, event->path) || any_matches(&rule->paths, event->path_before);
}

/*
 * A container's names of accounts and programs are its own to give, and anybody may make a root of their own: they mean
 * something for its own files only.
 */
static bool names_count(const struct event *event)
{
	return !*event->context.container || strcmp(event->context.container, event->file_container) == 0;
}

/* A service or job that shuts itself in stays what it was; a container's is named by the container. */
static bool context_counts(const struct event *event)
{
	return names_count(event) || strncmp(event->context.container, "userns:", 7) == 0 ||
	       strcmp(event->context.container, "chroot") == 0;
}

/* Who logged in; of what nobody's login brought, whom it acts as. */
static const char *user_of(const struct event *event)
{
	if (!*event->login)
		return names_count(event) ? event->effective_user : "";
	if (*event->login_user)
		return event->login_user;
	/* A host without audit sessions knows it by the context only. */
	return event->context.kind == CONTEXT_SESSION ? event->context.name : "";
}

/* The executable of a program text: what stands before the parenthesis, as the kernel names it. */
static bool text_matches(const struct texts *patterns, const char *text)
{
	struct buffer exe = BUFFER_INIT(GLOB_MAX + 1);
	bool matches;

	if (any_matches(patterns, text))
		return true;
	matches = escape_decode(&exe, text, strcspn(text, "(")) == 0 && !exe.failed &&
		  any_matches(patterns, buffer_string(&exe));
	buffer_free(&exe);
	return matches;
}

static bool program_holds(const struct texts *patterns, const struct event *event)
{
	if (!names_count(event))
		return false;
	if (!any_matches(patterns, event->program.exe) && !any_matches(patterns, event->program.text))
		return false;
	if (*event->other_program)
		return text_matches(patterns, event->other_program);
	return !(event->flags & EVENT_FLAG_ACTOR_UNCERTAIN);
}

static bool context_holds(const struct texts *patterns, const struct event *event, enum context_kind kind)
{
	return event->context.kind == kind && context_counts(event) && any_matches(patterns, event->context.name);
}

static bool holds(enum who who, const struct texts *texts, const struct event *event)
{
	if (who != WHO_CHANGE && event->flags & EVENT_FLAG_FOUND)
		return false;
	switch (who) {
	case WHO_USER:
		return any_equals(texts, user_of(event));
	case WHO_KEY:
		return any_equals(texts, event->key);
	case WHO_CERTIFICATE:
		return *event->certificate && any_matches(texts, event->certificate);
	case WHO_PROGRAM:
		return program_holds(texts, event);
	case WHO_SERVICE:
		return context_holds(texts, event, CONTEXT_SERVICE);
	case WHO_JOB:
		return context_holds(texts, event, CONTEXT_JOB);
	case WHO_CHANGE:
		return any_matches(texts, event->change);
	default:
		return false;
	}
}

/* That a release has restarted a service doesn't say that whatever the service does from then on is the release's. */
bool exception_says_whose(const struct exception *exception)
{
	return exception->who[WHO_SERVICE].count || exception->who[WHO_JOB].count || exception->who[WHO_PROGRAM].count;
}

static bool exception_holds(const struct exception *exception, const struct event *event)
{
	bool asked = false;

	if (exception->who[WHO_CHANGE].count && !exception_says_whose(exception))
		return false;
	for (int who = 0; who < WHO_COUNT; who++) {
		if (!exception->who[who].count)
			continue;
		if (!holds(who, &exception->who[who], event))
			return false;
		asked = true;
	}
	return asked;
}

bool file_rule_excuses(const struct file_rule *rule, const struct event *event)
{
	if (event->context.kind == CONTEXT_CHANGE)
		return true;
	for (size_t i = 0; i < rule->exception_count; i++) {
		if (exception_holds(&rule->exceptions[i], event))
			return true;
	}
	return false;
}
