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
#include "policy/policy.h"
#include "policy/policy_priv.h"
#include "policy/suggest_priv.h"
#include "policy/tree_priv.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct parser {
	const char *name; /* of the text */
	struct error *error;
	struct policy *policy;
};

/* What is done with the value of a key. `into` is what the mapping fills. */
typedef int (*read_value)(struct parser *parser, const struct tree *value, void *into);

struct key {
	const char *name;
	read_value read;
	bool required;
};

/* Something that has keys, as errors call it. */
struct mapping {
	const char *what;    /* "a file rule" */
	const char *example; /* of one */
	const struct key *keys;
	size_t count;
	const char *const *later; /* NULL, or keys to come, ended by NULL: refused rather than ignored */
};

#define FAULT(parser_, place_, ...) tree_fault((parser_)->error, (parser_)->name, place_, __VA_ARGS__)

/* ---- mappings ---- */

/* What a value is, in an error's words. */
static const char *kind_of(const struct tree *value)
{
	if (value->kind == TREE_LIST)
		return "a list";
	if (value->kind == TREE_MAPPING)
		return "a mapping";
	return value->plain && !*value->text ? "empty" : "a text";
}

static const char *key_word(const void *list, size_t index)
{
	return ((const struct key *)list)[index].name;
}

/* "path, on, except" */
static void list_words(struct buffer *out, suggest_word word, const void *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buffer_text(out, !i ? "" : i + 1 < count ? ", " : " or ");
		buffer_text(out, word(list, i));
	}
}

/* A word that is not among those known: which was meant, or which there are. */
static int unknown_word(struct parser *parser, struct place place, const char *what, const char *typed,
			suggest_word word, const void *list, size_t count)
{
	const char *meant = suggest(typed, word, list, count);
	struct buffer known = BUFFER_INIT(512);
	int status;

	if (meant)
		return FAULT(parser, place, "%s \"%s\"; did you mean \"%s\"?", what, tree_show(typed).text, meant);
	list_words(&known, word, list, count);
	status = FAULT(parser, place, "%s \"%s\"; write %s", what, tree_show(typed).text, buffer_string(&known));
	buffer_free(&known);
	return status;
}

static int read_member(struct parser *parser, const struct tree *member, const struct mapping *mapping, void *into)
{
	for (size_t i = 0; i < mapping->count; i++) {
		if (strcmp(member->key, mapping->keys[i].name) == 0)
			return mapping->keys[i].read(parser, member, into);
	}
	for (const char *const *later = mapping->later; later && *later; later++) {
		if (strcmp(member->key, *later) == 0)
			return FAULT(parser, member->key_place,
				     "\"%s\" is not supported yet by this version; leave it out", *later);
	}
	return unknown_word(parser, member->key_place, "unknown key", member->key, key_word, mapping->keys,
			    mapping->count);
}

static const struct tree *member_of(const struct tree *tree, const char *key)
{
	for (const struct tree *member = tree->first; member; member = member->next) {
		if (strcmp(member->key, key) == 0)
			return member;
	}
	return NULL;
}

static int read_mapping(struct parser *parser, const struct tree *value, const struct mapping *mapping, void *into)
{
	int status = 0;

	if (value->kind != TREE_MAPPING)
		return FAULT(parser, value->place, "%s is %s; write a mapping, as in %s", mapping->what, kind_of(value),
			     mapping->example);
	for (const struct tree *member = value->first; member && !status; member = member->next)
		status = read_member(parser, member, mapping, into);
	for (size_t i = 0; i < mapping->count && !status; i++) {
		if (mapping->keys[i].required && !member_of(value, mapping->keys[i].name))
			status = FAULT(parser, value->place, "%s lacks \"%s\"; add it, as in %s", mapping->what,
				       mapping->keys[i].name, mapping->example);
	}
	return status;
}

/* ---- lists ---- */

typedef int (*read_item)(struct parser *parser, const char *key, const struct tree *item, void *into);

/* A list of one item at least, or, where `alone`, one item without a list. */
static int read_list(struct parser *parser, const struct tree *value, bool alone, read_item read, void *into)
{
	int status = 0;

	if (value->kind != TREE_LIST && !alone)
		return FAULT(parser, value->place, "\"%s\" is %s; write a list", value->key, kind_of(value));
	if (value->kind != TREE_LIST)
		return read(parser, value->key, value, into);
	if (!value->first)
		return FAULT(parser, value->place, "\"%s\" is an empty list; fill it or leave it out", value->key);
	for (const struct tree *item = value->first; item && !status; item = item->next)
		status = read(parser, value->key, item, into);
	return status;
}

/* Is it a text? 0 or a fault. */
static int check_text(struct parser *parser, const char *key, const struct tree *value, const char *expected)
{
	if (value->kind == TREE_TEXT && (*value->text || !value->plain))
		return 0;
	return FAULT(parser, value->place, "\"%s\" is %s; write %s", key, kind_of(value), expected);
}

/* ---- values ---- */

static int read_flag(struct parser *parser, const struct tree *value, bool *flag)
{
	bool plain = value->kind == TREE_TEXT && value->plain, yes = plain && strcmp(value->text, "true") == 0;

	if (!yes && !(plain && strcmp(value->text, "false") == 0))
		return FAULT(parser, value->place,
			     "\"%s\" is neither true nor false; write one of them, without quotes", value->key);
	*flag = yes;
	return 0;
}

static const char *severity_word(const void *list, size_t index)
{
	(void)list;
	return severity_name((enum severity)index);
}

static int read_severity(struct parser *parser, const struct tree *value, void *into)
{
	struct file_rule *rule = into;
	int status = check_text(parser, value->key, value, "informational, low, medium, high or critical");

	if (status)
		return status;
	if (severity_parse(value->text, &rule->severity) == 0)
		return 0;
	return unknown_word(parser, value->place, "unknown severity", value->text, severity_word, NULL, SEVERITY_COUNT);
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
	int status = check_text(parser, key, item, "create, write, rename, remove or attributes, or a list of these");

	if (status)
		return status;
	for (size_t i = 0; i < COUNT(file_kinds); i++) {
		if (strcmp(item->text, kind_word(NULL, i)) == 0) {
			rule->kinds |= 1U << file_kinds[i];
			return 0;
		}
	}
	return unknown_word(parser, item->place, "unknown kind of event", item->text, kind_word, NULL,
			    COUNT(file_kinds));
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
		check_text(parser, key, item,
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
	return read_list(parser, value, true, read_who_item, &except);
}

static const struct key except_keys[] = {
	{ "user", read_who, false },    { "key", read_who, false },     { "certificate", read_who, false },
	{ "program", read_who, false }, { "service", read_who, false }, { "job", read_who, false },
	{ "change", read_who, false },
};

static const struct mapping except_mapping = { "an exception", "{ user: chef }", except_keys, COUNT(except_keys),
					       NULL };

static int read_exception(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct exception *exception = file_rule_add_exception(into);
	int status;

	if (!exception)
		return -ENOMEM;
	status = read_mapping(parser, item, &except_mapping, exception);
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
	int status = check_text(parser, key, item, "a text or a list of texts, as in /srv/app/**");
	struct error why;

	if (status)
		return status;
	if (glob_check(item->text, &why))
		return FAULT(parser, item->place, "the pattern \"%s\" %s", tree_show(item->text).text, why.text);
	return texts_add(&rule->paths, item->text);
}

static int read_paths(struct parser *parser, const struct tree *value, void *into)
{
	return read_list(parser, value, true, read_path, into);
}

static int read_on(struct parser *parser, const struct tree *value, void *into)
{
	struct file_rule *rule = into;

	rule->kinds = 0;
	return read_list(parser, value, true, read_kind, into);
}

static int read_except(struct parser *parser, const struct tree *value, void *into)
{
	return read_list(parser, value, true, read_exception, into);
}

static int read_sombrero(struct parser *parser, const struct tree *value, void *into)
{
	return read_flag(parser, value, &((struct file_rule *)into)->sombrero);
}

static int read_diff(struct parser *parser, const struct tree *value, void *into)
{
	return read_flag(parser, value, &((struct file_rule *)into)->diff);
}

static const struct key file_keys[] = {
	{ "path", read_paths, true },         { "on", read_on, false },
	{ "except", read_except, false },     { "severity", read_severity, false },
	{ "sombrero", read_sombrero, false }, { "diff", read_diff, false },
};

static const struct mapping file_mapping = { "a file rule", "{ path: /srv/app/** }", file_keys, COUNT(file_keys),
					     NULL };

static int read_file_rule(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct file_rule rule = { .kinds = EVENT_FILE_KINDS, .severity = SEVERITY_MEDIUM };
	int status = read_mapping(parser, item, &file_mapping, &rule);

	(void)key;
	(void)into;
	if (!status)
		status = policy_add_rule(parser->policy, &rule);
	file_rule_clear(&rule);
	return status;
}

static int read_files(struct parser *parser, const struct tree *value, void *into)
{
	return read_list(parser, value, false, read_file_rule, into);
}

/* ---- changes ---- */

static int add_origin(struct parser *parser, enum origin origin, const struct tree *value)
{
	int status = check_text(parser, value->key, value, "a text");
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

/* All of several would have to hold, which nothing is there to check. */
static int check_single(struct parser *parser, const struct tree *value, const struct mapping *mapping)
{
	struct buffer keys = BUFFER_INIT(256);
	int status = 0;

	if (value->first && !value->first->next)
		return 0;
	list_words(&keys, key_word, mapping->keys, mapping->count);
	status = FAULT(parser, value->place, "%s has %s key; write one of %s%s", mapping->what,
		       value->first ? "more than one" : "no", buffer_string(&keys),
		       value->first ? ", each as an item of its own" : "");
	buffer_free(&keys);
	return status;
}

static int read_single(struct parser *parser, const struct tree *value, const struct mapping *mapping)
{
	int status = read_mapping(parser, value, mapping, NULL);

	return status ? status : check_single(parser, value, mapping);
}

static const struct key session_keys[] = {
	{ "key", read_origin, false },
	{ "certificate", read_origin, false },
	{ "user", read_origin, false },
};

static const struct mapping session_mapping = { "a session", "{ user: chef }", session_keys, COUNT(session_keys),
						NULL };

static int read_session(struct parser *parser, const struct tree *value, void *into)
{
	(void)into;
	return read_single(parser, value, &session_mapping);
}

static const struct key change_keys[] = {
	{ "unit", read_origin, false },
	{ "session", read_session, false },
	{ "run", read_origin, false },
};

static const struct mapping change_mapping = { "a change", "{ unit: chef-client.service }", change_keys,
					       COUNT(change_keys), NULL };

static int read_change(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	(void)key;
	(void)into;
	return read_single(parser, item, &change_mapping);
}

static int read_changes(struct parser *parser, const struct tree *value, void *into)
{
	return read_list(parser, value, false, read_change, into);
}

/* ---- the policy ---- */

static int read_name(struct parser *parser, const struct tree *value, void *into)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	int status = check_text(parser, value->key, value, "its name");
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
	{ "policy", read_name, true },
	{ "files", read_files, false },
	{ "changes", read_changes, false },
};

static const char *const later_keys[] = { "model",   "networks", "rules",   "firewall", "redact",
					  "respond", "budget",   "include", NULL };

static const struct mapping policy_mapping = { "the policy", "policy: web", policy_keys, COUNT(policy_keys),
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
		status = parser.policy ? read_mapping(&parser, tree, &policy_mapping, NULL) : -ENOMEM;
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
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = fd < 0 ? -errno : read_whole(fd, POLICY_TEXT_MAX, &text);

	if (fd >= 0)
		(void)close(fd);
	if (status < 0)
		(void)error_set(error, status, "%.200s: can't read the policy: %s", path, strerror(-status));
	else
		status = policy_parse(path, buffer_string(&text), text.size, out, error);
	buffer_free(&text);
	return status;
}
