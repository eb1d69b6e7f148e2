/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/glob.h"
#include "policy/policy_priv.h"
#include "policy/suggest_priv.h"
#include "policy/tree_priv.h"

/* ---- words ---- */

const char *who_name(enum who who)
{
	static const char *const names[WHO_COUNT] = {
		[WHO_USER] = "user",       [WHO_KEY] = "key",         [WHO_CERTIFICATE] = "certificate",
		[WHO_PROGRAM] = "program", [WHO_SERVICE] = "service", [WHO_JOB] = "job",
		[WHO_CHANGE] = "change",
	};

	return who < WHO_COUNT ? names[who] : NULL;
}

const char *origin_name(enum origin origin)
{
	static const char *const names[ORIGIN_COUNT] = {
		[ORIGIN_UNIT] = "unit", [ORIGIN_KEY] = "key", [ORIGIN_CERTIFICATE] = "certificate",
		[ORIGIN_USER] = "user", [ORIGIN_RUN] = "run",
	};

	return origin < ORIGIN_COUNT ? names[origin] : NULL;
}

/* ---- putting together ---- */

/* The list with room for one more at its end, or NULL. */
static void *grown(void *list, size_t count, size_t size)
{
	/* By powers of two, so that a long list is not copied for each item. */
	if (count & (count - 1) || (!count && list))
		return list;
	return reallocarray(list, count ? count * 2 : 1, size);
}

int texts_add(struct texts *texts, const char *text)
{
	char **list = grown(texts->text, texts->count, sizeof(*list)), *copy;

	if (!list)
		return -ENOMEM;
	texts->text = list;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	list[texts->count++] = copy;
	return 0;
}

static void texts_clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->text[i]);
	free(texts->text);
	*texts = (struct texts) { NULL, 0 };
}

struct exception *file_rule_add_exception(struct file_rule *rule)
{
	struct exception *list = grown(rule->exceptions, rule->exception_count, sizeof(*list));

	if (!list)
		return NULL;
	rule->exceptions = list;
	list[rule->exception_count] = (struct exception) { 0 };
	return &list[rule->exception_count++];
}

void file_rule_clear(struct file_rule *rule)
{
	texts_clear(&rule->paths);
	for (size_t i = 0; i < rule->exception_count; i++) {
		for (int who = 0; who < WHO_COUNT; who++)
			texts_clear(&rule->exceptions[i].who[who]);
	}
	free(rule->exceptions);
	*rule = (struct file_rule) { 0 };
}

int policy_add_rule(struct policy *policy, struct file_rule *rule)
{
	struct file_rule *list = grown(policy->files, policy->file_count, sizeof(*list));

	if (!list) {
		file_rule_clear(rule);
		return -ENOMEM;
	}
	policy->files = list;
	list[policy->file_count++] = *rule;
	*rule = (struct file_rule) { 0 };
	return 0;
}

int policy_add_origin(struct policy *policy, enum origin origin, const char *value)
{
	struct change_origin *list = grown(policy->changes, policy->change_count, sizeof(*list));
	char *copy;

	if (!list)
		return -ENOMEM;
	policy->changes = list;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	list[policy->change_count++] = (struct change_origin) { .origin = origin, .value = copy };
	return 0;
}

int policy_add_layer(struct policy *policy, const char *name, size_t line, size_t column)
{
	struct policy_layer *list = grown(policy->layers, policy->layer_count, sizeof(*list)), *layer;

	if (!list)
		return -ENOMEM;
	policy->layers = list;
	layer = &list[policy->layer_count];
	*layer = (struct policy_layer) { strdup(name), line, column };
	if (!layer->name)
		return -ENOMEM;
	policy->layer_count++;
	return 0;
}

int policy_add_network(struct policy *policy, const char *name, const char *addresses)
{
	struct policy_network *list = grown(policy->networks, policy->network_count, sizeof(*list));
	struct policy_network network;

	if (!list)
		return -ENOMEM;
	policy->networks = list;
	network = (struct policy_network) { strdup(name), strdup(addresses) };
	if (!network.name || !network.addresses) {
		free(network.name);
		free(network.addresses);
		return -ENOMEM;
	}
	list[policy->network_count++] = network;
	return 0;
}

struct policy *policy_new(const char *name)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->name = strdup(name);
	if (!policy->name) {
		free(policy);
		return NULL;
	}
	return policy;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->file_count; i++)
		file_rule_clear(&policy->files[i]);
	for (size_t i = 0; i < policy->change_count; i++)
		free(policy->changes[i].value);
	for (size_t i = 0; i < policy->layer_count; i++)
		free(policy->layers[i].name);
	for (size_t i = 0; i < policy->network_count; i++) {
		free(policy->networks[i].name);
		free(policy->networks[i].addresses);
	}
	mapping_free(policy->mapping);
	fold_limits_free(policy->limits);
	free(policy->layers);
	free(policy->networks);
	free(policy->decisions);
	free(policy->path);
	free(policy->files);
	free(policy->changes);
	free(policy->name);
	free(policy);
}

bool policy_counts_run(const struct policy *policy, const char *id)
{
	bool named = false;

	for (size_t i = 0; i < policy->change_count; i++) {
		if (policy->changes[i].origin != ORIGIN_RUN)
			continue;
		if (glob_match(policy->changes[i].value, id))
			return true;
		named = true;
	}
	return !named;
}

int policy_name_networks(const struct policy *policy, struct networks *networks, struct error *error)
{
	int status = 0;

	for (size_t i = 0; i < policy->network_count && !status; i++)
		status = networks_add(networks, policy->networks[i].name, policy->networks[i].addresses, error);
	return status;
}

char *policy_file(const struct policy *policy, const char *path)
{
	const char *slash = policy->path ? strrchr(policy->path, '/') : NULL;
	char *file;

	if (path[0] == '/' || !slash)
		return strdup(path);
	return asprintf(&file, "%.*s/%s", (int)(slash - policy->path), policy->path, path) < 0 ? NULL : file;
}

/* ---- checking ---- */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* What is compared as it is: a pattern there would never hold. */
static int check_exact(const char *value, struct error *error)
{
	if (!*value)
		return error_set(error, -EINVAL, "is empty; write a name");
	if (value[strcspn(value, "*?[/")])
		return error_set(error, -EINVAL, "is a pattern, but users are compared exactly; write each name out");
	return 0;
}

/* SHA256: and 32 bytes in base64 without padding, as ssh-keygen(1) prints it. */
static int check_fingerprint(const char *value, struct error *error)
{
	static const char prefix[] = "SHA256:";
	size_t size = sizeof(prefix) - 1;

	if (strncmp(value, prefix, size) == 0 && strlen(value) == size + 43 &&
	    strspn(value + size, LETTERS DIGITS "+/") == 43)
		return 0;
	return error_set(error, -EINVAL,
			 "is no fingerprint; write SHA256: and 43 characters, as ssh-keygen -l -f FILE prints them");
}

static int check_unit(const char *value, struct error *error)
{
	static const char suffix[] = ".service";
	size_t size = strlen(value), end = sizeof(suffix) - 1;

	if (size > end && size < 256 && strcmp(value + size - end, suffix) == 0 &&
	    value[strspn(value, LETTERS DIGITS ":-_.\\@")] == '\0')
		return 0;
	return error_set(error, -EINVAL, "is no service unit; write its whole name, as in chef-client.service");
}

static int check_program(const char *value, struct error *error)
{
	if (*value == '/')
		return glob_check(value, error);
	if (*value == '*' || strncmp(value, "memfd:", 6) == 0)
		return glob_check_name(value, error);
	return error_set(error, -EINVAL, "is no path of an executable; write the whole of it, or begin it with **/");
}

int who_check(enum who who, const char *value, struct error *error)
{
	switch (who) {
	case WHO_USER:
		return check_exact(value, error);
	case WHO_KEY:
		return check_fingerprint(value, error);
	case WHO_PROGRAM:
		return check_program(value, error);
	default:
		return glob_check_name(value, error);
	}
}

int origin_check(enum origin origin, const char *value, struct error *error)
{
	switch (origin) {
	case ORIGIN_UNIT:
		return check_unit(value, error);
	case ORIGIN_KEY:
		return check_fingerprint(value, error);
	case ORIGIN_USER:
		return check_exact(value, error);
	default:
		return glob_check_name(value, error);
	}
}

/* ---- from a command line ---- */

static const char *who_word(const void *list, size_t index)
{
	(void)list;
	return who_name((enum who)index);
}

static int except_fault(struct error *error, const char *text, const char *why)
{
	return error_set(error, -EINVAL, "--except '%s': %s", tree_show(text).text, why);
}

static int unknown_who(struct error *error, const char *text, const char *key)
{
	const char *meant = suggest(key, who_word, NULL, WHO_COUNT);

	if (meant)
		return error_set(error, -EINVAL, "--except '%s': unknown; did you mean %s=…?", tree_show(text).text,
				 meant);
	return except_fault(error, text, "unknown; write user, key, certificate, program, service or job, =, and who");
}

static int who_named(const char *key)
{
	int who = 0;

	while (who < WHO_COUNT) {
		const char *name = who_name(who);

		if (name && !strcmp(key, name))
			break;
		who++;
	}
	return who;
}

/* One exception: "user=chef". */
static int add_except(struct file_rule *rule, const char *text, struct error *error)
{
	size_t size = strcspn(text, "=");
	const char *value = text[size] ? text + size + 1 : NULL;
	struct exception *exception;
	struct error why = { "" };
	char key[32] = "";
	int who;

	if (size < sizeof(key))
		memcpy(key, text, size);
	who = who_named(key);
	if (who == WHO_COUNT)
		return unknown_who(error, text, key);
	if (who == WHO_CHANGE)
		return except_fault(error, text, "a change is excused anyway; leave it out");
	if (!value)
		return except_fault(error, text, "says not who; write = and who it is after it");
	if (who_check(who, value, &why))
		return error_set(error, -EINVAL, "--except '%s': \"%s\" %s", tree_show(text).text,
				 tree_show(value).text, why.text);
	exception = file_rule_add_exception(rule);
	return exception ? texts_add(&exception->who[who], value) : -ENOMEM;
}

int policy_add_files(struct policy *policy, const char *pattern, const char *const *exceptions, size_t count,
		     struct error *error)
{
	struct file_rule rule = { .kinds = EVENT_FILE_KINDS, .severity = SEVERITY_MEDIUM };
	struct error why = { "" };
	int status;

	if (glob_check(pattern, &why))
		return error_set(error, -EINVAL, "--files '%s': the pattern %s", tree_show(pattern).text, why.text);
	status = texts_add(&rule.paths, pattern);
	for (size_t i = 0; i < count && !status; i++)
		status = add_except(&rule, exceptions[i], error);
	if (!status)
		status = policy_add_rule(policy, &rule);
	if (status == -ENOMEM)
		(void)error_set(error, status, "out of memory");
	file_rule_clear(&rule);
	return status;
}
