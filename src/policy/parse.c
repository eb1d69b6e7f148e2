/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy's text says. docs/reference/policy.md is the manual; a change here is a change there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/read.h"
#include "policy/glob.h"
#include "policy/parse_priv.h"
#include "policy/policy.h"

/* ---- values ---- */

static const char *severity_word(const void *list, size_t index)
{
	(void)list;
	return severity_name((enum severity)index);
}

static int read_severity(struct parser *parser, const struct tree *value, void *into)
{
	struct file_rule *rule = into;
	int status = parse_text(parser, value->key, value, "informational, low, medium, high or critical");

	if (status)
		return status;
	if (severity_parse(value->text, &rule->severity) == 0)
		return 0;
	return parse_unknown(parser, value->place, "unknown severity", value->text, severity_word, NULL,
			     SEVERITY_COUNT);
}

static const enum event_kind file_kinds[] = { EVENT_CREATE, EVENT_WRITE, EVENT_RENAME, EVENT_REMOVE, EVENT_ATTRIBUTES };

static const char *kind_word(const void *list, size_t index)
{
	(void)list;
	return event_kind_name(file_kinds[index]);
}

static int read_kind(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct file_rule *rule = into;
	int status = parse_text(parser, key, item, "create, write, rename, remove or attributes, or a list of these");

	if (status)
		return status;
	for (size_t i = 0; i < PARSE_COUNT(file_kinds); i++) {
		if (strcmp(item->text, kind_word(NULL, i)) == 0) {
			rule->kinds |= 1U << file_kinds[i];
			return 0;
		}
	}
	return parse_unknown(parser, item->place, "unknown kind of event", item->text, kind_word, NULL,
			     PARSE_COUNT(file_kinds));
}

/* ---- except ---- */

struct except_texts {
	enum who who;
	struct texts *texts;
};

static int read_who_item(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct except_texts *except = into;
	bool any =
		except->who == WHO_CHANGE && item->kind == TREE_TEXT && item->plain && strcmp(item->text, "true") == 0;
	int status =
		parse_text(parser, key, item,
			   except->who == WHO_CHANGE ? "true, a text or a list of texts" : "a text or a list of texts");
	struct error why;

	if (status)
		return status;
	if (!any && who_check(except->who, item->text, &why))
		return FAULT(parser, item->place, "\"%s\": \"%s\" %s", key, tree_show(item->text).text, why.text);
	return texts_add(except->texts, any ? "**" : item->text);
}

static int read_who(struct parser *parser, const struct tree *value, void *into)
{
	struct exception *exception = into;
	struct except_texts except = { 0 };

	while (strcmp(value->key, who_name(except.who)) != 0)
		except.who++;
	except.texts = &exception->who[except.who];
	return parse_list(parser, value, true, read_who_item, &except);
}

static const struct key except_keys[] = {
	{ "user", read_who, false },    { "key", read_who, false },     { "certificate", read_who, false },
	{ "program", read_who, false }, { "service", read_who, false }, { "job", read_who, false },
	{ "change", read_who, false },
};

static const struct form except_form = { "an exception", "{ user: chef }", except_keys, PARSE_COUNT(except_keys),
					 NULL };

static int read_exception(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct exception *exception = file_rule_add_exception(into);
	int status;

	if (!exception)
		return -ENOMEM;
	status = parse_mapping(parser, item, &except_form, exception);
	if (!status && !item->first)
		return FAULT(parser, item->place, "\"%s\" is an empty mapping, which excuses nobody; say whom", key);
	if (!status && exception->who[WHO_CHANGE].count && !exception_says_whose(exception))
		return FAULT(parser, item->place,
			     "\"change\" counts together with service, job or program; a change itself is excused "
			     "anyway");
	return status;
}

/* ---- files ---- */

static int read_path(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct file_rule *rule = into;
	int status = parse_text(parser, key, item, "a text or a list of texts, as in /srv/app/**");
	struct error why;

	if (status)
		return status;
	if (glob_check(item->text, &why))
		return FAULT(parser, item->place, "the pattern \"%s\" %s", tree_show(item->text).text, why.text);
	return texts_add(&rule->paths, item->text);
}

static int read_paths(struct parser *parser, const struct tree *value, void *into)
{
	return parse_list(parser, value, true, read_path, into);
}

static int read_on(struct parser *parser, const struct tree *value, void *into)
{
	struct file_rule *rule = into;

	rule->kinds = 0;
	return parse_list(parser, value, true, read_kind, into);
}

static int read_except(struct parser *parser, const struct tree *value, void *into)
{
	return parse_list(parser, value, true, read_exception, into);
}

static int read_sombrero(struct parser *parser, const struct tree *value, void *into)
{
	return parse_flag(parser, value, &((struct file_rule *)into)->sombrero);
}

static int read_diff(struct parser *parser, const struct tree *value, void *into)
{
	return parse_flag(parser, value, &((struct file_rule *)into)->diff);
}

static const struct key file_keys[] = {
	{ "path", read_paths, true },         { "on", read_on, false },
	{ "except", read_except, false },     { "severity", read_severity, false },
	{ "sombrero", read_sombrero, false }, { "diff", read_diff, false },
};

static const struct form file_form = { "a file rule", "{ path: /srv/app/** }", file_keys, PARSE_COUNT(file_keys),
				       NULL };

static int read_file_rule(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct file_rule rule = { .kinds = EVENT_FILE_KINDS, .severity = SEVERITY_MEDIUM };
	int status = parse_mapping(parser, item, &file_form, &rule);

	(void)key;
	(void)into;
	if (!status)
		status = policy_add_rule(parser->policy, &rule);
	file_rule_clear(&rule);
	return status;
}

static int read_files(struct parser *parser, const struct tree *value, void *into)
{
	return parse_list(parser, value, false, read_file_rule, into);
}

/* ---- changes ---- */

static int add_origin(struct parser *parser, enum origin origin, const struct tree *value)
{
	int status = parse_text(parser, value->key, value, "a text");
	struct error why;

	if (status)
		return status;
	if (origin_check(origin, value->text, &why))
		return FAULT(parser, value->place, "\"%s\": \"%s\" %s", value->key, tree_show(value->text).text,
			     why.text);
	return policy_add_origin(parser->policy, origin, value->text);
}

/* An origin that is named by its key. */
static int read_origin(struct parser *parser, const struct tree *value, void *into)
{
	enum origin origin = 0;

	(void)into;
	while (strcmp(value->key, origin_name(origin)) != 0)
		origin++;
	return add_origin(parser, origin, value);
}

static const struct key session_keys[] = {
	{ "key", read_origin, false },
	{ "certificate", read_origin, false },
	{ "user", read_origin, false },
};

static const struct form session_form = { "a session", "{ user: chef }", session_keys, PARSE_COUNT(session_keys),
					  NULL };

static int read_session(struct parser *parser, const struct tree *value, void *into)
{
	(void)into;
	return parse_single(parser, value, &session_form);
}

static const struct key change_keys[] = {
	{ "unit", read_origin, false },
	{ "session", read_session, false },
	{ "run", read_origin, false },
};

static const struct form change_form = { "a change", "{ unit: chef-client.service }", change_keys,
					 PARSE_COUNT(change_keys), NULL };

static int read_change(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	(void)key;
	(void)into;
	return parse_single(parser, item, &change_form);
}

static int read_changes(struct parser *parser, const struct tree *value, void *into)
{
	return parse_list(parser, value, false, read_change, into);
}

/* ---- the policy ---- */

static int read_name(struct parser *parser, const struct tree *value, void *into)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	int status = parse_text(parser, value->key, value, "its name");
	char *name;

	(void)into;
	if (status)
		return status;
	if (!*value->text || value->text[strspn(value->text, allowed)])
		return FAULT(parser, value->place,
			     "the name \"%s\" is not allowed; use letters, digits, '.', '_' and '-'",
			     tree_show(value->text).text);
	if (strlen(value->text) > POLICY_NAME_MAX)
		return FAULT(parser, value->place, "the name is too long; use at most %d characters", POLICY_NAME_MAX);
	name = strdup(value->text);
	if (!name)
		return -ENOMEM;
	free(parser->policy->name);
	parser->policy->name = name;
	return 0;
}

static const struct key policy_keys[] = {
	{ "policy", read_name, true },   { "files", read_files, false },        { "changes", read_changes, false },
	{ "model", parse_model, false }, { "networks", parse_networks, false },
};

static const char *const later_keys[] = { "rules", "firewall", "redact", "respond", "budget", "include", NULL };

static const struct form policy_form = { "the policy", "policy: web", policy_keys, PARSE_COUNT(policy_keys),
					 later_keys };

int policy_parse(const char *name, const char *text, size_t size, struct policy **out, struct error *error)
{
	struct parser parser = { .name = name, .error = error };
	struct tree *tree = NULL;
	int status;

	if (size > POLICY_TEXT_MAX)
		return error_set(error, -EINVAL, "%.200s:1:1: more than %u bytes; divide the policy", name,
				 POLICY_TEXT_MAX);
	status = tree_read(name, text ? text : "", size, &tree, error);
	if (!status) {
		parser.policy = policy_new("");
		status = parser.policy ? parse_mapping(&parser, tree, &policy_form, NULL) : -ENOMEM;
	}
	tree_free(tree);
	if (status) {
		policy_free(parser.policy);
		return status == -ENOMEM ? error_set(error, status, "%.200s: out of memory", name) : status;
	}
	*out = parser.policy;
	return 0;
}

int policy_load(const char *path, struct policy **out, struct error *error)
{
	struct buffer text = BUFFER_INIT(POLICY_TEXT_MAX + 1);
	struct policy *policy = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = fd < 0 ? -errno : read_whole(fd, POLICY_TEXT_MAX, &text);

	if (fd >= 0)
		(void)close(fd);
	if (status < 0)
		(void)error_set(error, status, "%.200s: can't read the policy: %s", path, strerror(-status));
	else
		status = policy_parse(path, buffer_string(&text), text.size, &policy, error);
	buffer_free(&text);
	if (!policy)
		return status;
	policy->path = strdup(path);
	if (!policy->path) {
		policy_free(policy);
		return error_set(error, -ENOMEM, "%.200s: out of memory", path);
	}
	*out = policy;
	return 0;
}
