/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused with a reason, or is a policy whose patterns are right and can be used. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/glob.h"
#include "policy/policy.h"

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "policy_fuzz: %s\n", what);
	abort();
}

/* The pattern as a text is a hostile path, too. */
static void use_pattern(const char *pattern)
{
	char root[GLOB_MAX + 1];

	require(glob_check(pattern, NULL) == 0, "a pattern is wrong");
	glob_root(pattern, root);
	require(root[0] == '/' && strlen(root) <= strlen(pattern), "a root is wrong");
	require(glob_reaches(pattern, root[1] ? root : ""), "a pattern does not reach below its root");
	if (!pattern[strcspn(pattern, "*?[\\")])
		require(glob_match(pattern, pattern), "a path does not match itself");
	(void)glob_match(pattern, pattern);
}

static void use_rule(const struct file_rule *rule)
{
	struct event event;

	require(rule->paths.count && rule->kinds && !(rule->kinds & ~EVENT_FILE_KINDS), "a rule is about nothing");
	event_init(&event, EVENT_WRITE);
	for (size_t i = 0; i < rule->paths.count; i++) {
		use_pattern(rule->paths.text[i]);
		event.path = rule->paths.text[i];
		(void)file_rule_applies(rule, &event);
	}
	event.other_program = event.program.text = event.program.exe = rule->paths.text[0];
	(void)file_rule_excuses(rule, &event);
	event.context.kind = CONTEXT_CHANGE;
	require(file_rule_excuses(rule, &event), "a change is not excused");
}

static int must_fit(void *owner, const struct behaviour *image)
{
	int status = model_add(owner, image, NULL);

	/* A path may become too long for a model. */
	require(status >= 0 || strlen(image->object) >= BEHAVIOUR_OBJECT_MAX ||
			strlen(image->program) >= BEHAVIOUR_PROGRAM_MAX,
		"what a line is mapped to is no line");
	return 0;
}

/* Maps lines that most rules could be about. */
static void use_model(const struct policy *policy)
{
	static const struct behaviour lines[] = {
		{ CONTEXT_SERVICE, true, BEHAVIOUR_CONNECT, "web", "/builds/a/web/run", "tcp 5432 loopback" },
		{ CONTEXT_SERVICE, false, BEHAVIOUR_OWNER, "web", "/bin/sh(#!/builds/a/web/run)", "root" },
		{ CONTEXT_JOB, false, BEHAVIOUR_WRITE, "web", "memfd:a", "/builds/*/web/x" },
		{ CONTEXT_BOOT, false, BEHAVIOUR_EXEC, "", "/lib/ld.so(ld.so:/builds)", "" },
	};
	struct networks *networks = networks_new();
	struct model *model = model_new();

	for (size_t i = 0; policy->mapping && i < sizeof(lines) / sizeof(*lines); i++)
		require(mapping_each(policy->mapping, &lines[i], must_fit, model) == 0, "mapping fails");
	(void)fold_limit(policy->limits, "/var/*/uploads/", 15);
	require(policy_name_networks(policy, networks, NULL) == 0, "a network is wrong");
	networks_free(networks);
	model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL;
	struct error error = { "" };

	if (policy_parse("fuzz", (const char *)data, size, &policy, &error) < 0) {
		require(error.text[0] && !policy, "an error without a text");
		require(strncmp(error.text, "fuzz:", 5) == 0 && !strchr(error.text, '\n'), error.text);
		return 0;
	}
	require(policy->name[0], "a policy without a name");
	for (size_t i = 0; i < policy->file_count; i++)
		use_rule(&policy->files[i]);
	(void)policy_counts_run(policy, policy->name);
	use_model(policy);
	policy_free(policy);
	return 0;
}
