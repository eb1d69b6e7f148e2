/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says of its model: layers, decisions, mapping, folding; and of its networks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/network.h"
#include "policy/parse_priv.h"

/* ---- include ---- */

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static int read_layer(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	int status = parse_text(parser, key, item, "the name of a layer, or a path with a / in it, or a list of these");

	(void)into;
	if (status)
		return status;
	if (!strchr(item->text, '/') &&
	    (!*item->text || item->text[0] == '.' || item->text[strspn(item->text, NAME_CHARACTERS)]))
		return FAULT(parser, item->place,
			     "\"%s\" is no name of a layer; use letters, digits, '.', '_' and '-', or write ./ before "
			     "a file's name",
			     tree_show(item->text).text);
	return policy_add_layer(parser->policy, item->text, item->place.line, item->place.column);
}

static int read_include(struct parser *parser, const struct tree *value, void *into)
{
	return parse_list(parser, value, true, read_layer, into);
}

static int read_decisions(struct parser *parser, const struct tree *value, void *into)
{
	int status = parse_text(parser, value->key, value, "the path of a file of decisions");

	(void)into;
	if (status)
		return status;
	parser->policy->decisions = strdup(value->text);
	return parser->policy->decisions ? 0 : -ENOMEM;
}

/* ---- mapping ---- */

/* A rule as it is being read: where each of its keys is, NULL for one that it hasn't. */
struct rule_keys {
	const struct tree *part[MAPPING_PART_COUNT], *to;
};

static int read_part(struct parser *parser, const struct tree *value, void *into)
{
	struct rule_keys *keys = into;
	enum mapping_part part = 0;
	int status = parse_text(parser, value->key, value, "a text");

	while (strcmp(value->key, mapping_part_name(part)) != 0)
		part++;
	keys->part[part] = value;
	return status;
}

static int read_to(struct parser *parser, const struct tree *value, void *into)
{
	(void)parser;
	((struct rule_keys *)into)->to = value;
	return 0;
}

static const struct key rule_keys[] = {
	{ "path", read_part, false },      { "user", read_part, false },   { "service", read_part, false },
	{ "job", read_part, false },       { "accept", read_part, false }, { "connect", read_part, false },
	{ "container", read_part, false }, { "listen", read_part, false }, { "to", read_to, true },
};

static const struct form rule_form = { "a rule of the mapping", "{ path: /builds/*/web, to: /srv/app }", rule_keys,
				       PARSE_COUNT(rule_keys), NULL };

/* A context is what the rule is about only where nothing else is. */
static bool names_context(enum mapping_part part)
{
	return part == MAPPING_SERVICE || part == MAPPING_JOB;
}

static int find_part(struct parser *parser, const struct tree *item, const struct rule_keys *keys,
		     enum mapping_part *out)
{
	int found = -1;

	for (int pass = 0; pass < 2 && found < 0; pass++) {
		for (int part = 0; part < MAPPING_PART_COUNT; part++) {
			if (!keys->part[part] || names_context(part) != (pass == 1))
				continue;
			if (found >= 0)
				return FAULT(parser, keys->part[part]->key_place,
					     "a rule of the mapping is about one thing; make \"%s\" an item of its own",
					     mapping_part_name(part));
			found = part;
		}
	}
	if (found < 0)
		return FAULT(parser, item->place,
			     "a rule of the mapping is about nothing; add path, user, service, job, container, accept, "
			     "connect or listen");
	*out = (enum mapping_part)found;
	return 0;
}

static int read_to_item(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct mapping_rule *rule = into;
	int status = parse_text(parser, key, item, "a text or a list of texts");

	if (status)
		return status;
	if (rule->to_count == MAPPING_TO_MAX)
		return FAULT(parser, item->place, "more than %d that it is mapped to; write fewer", MAPPING_TO_MAX);
	rule->to[rule->to_count++] = item->text;
	return 0;
}

static const char *filter(const struct rule_keys *keys, enum mapping_part about, enum mapping_part part)
{
	return keys->part[part] && about != part ? keys->part[part]->text : NULL;
}

static int read_rule(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	struct rule_keys keys = { 0 };
	struct mapping_rule rule = { 0 };
	int status = parse_mapping(parser, item, &rule_form, &keys);
	struct error why = { "" };

	(void)key;
	(void)into;
	if (!status)
		status = find_part(parser, item, &keys, &rule.part);
	if (!status)
		status = parse_list(parser, keys.to, true, read_to_item, &rule);
	if (status)
		return status;
	rule.from = keys.part[rule.part]->text;
	rule.service = filter(&keys, rule.part, MAPPING_SERVICE);
	rule.job = filter(&keys, rule.part, MAPPING_JOB);
	status = mapping_add(parser->policy->mapping, &rule, &why);
	return status == -EINVAL ? FAULT(parser, item->place, "a rule of the mapping: %s", why.text) : status;
}

static int read_rules(struct parser *parser, const struct tree *value, void *into)
{
	parser->policy->mapping = mapping_new();
	if (!parser->policy->mapping)
		return -ENOMEM;
	return parse_list(parser, value, false, read_rule, into);
}

/* ---- fold ---- */

/* 0 for what is no number. */
static size_t number_of(const struct tree *value)
{
	size_t number = 0;

	if (value->kind != TREE_TEXT || !value->plain || strlen(value->text) > 9)
		return 0;
	for (const char *at = value->text; *at; at++) {
		if (*at < '0' || *at > '9')
			return 0;
		number = number * 10 + (size_t)(*at - '0');
	}
	return number;
}

static int read_fold(struct parser *parser, const struct tree *value, void *into)
{
	struct error why = { "" };
	int status = 0;

	(void)into;
	if (value->kind != TREE_MAPPING)
		return FAULT(parser, value->place, "\"fold\" is %s; write a mapping, as in { /var/www/uploads: 5 }",
			     parse_kind(value));
	parser->policy->limits = fold_limits_new();
	if (!parser->policy->limits)
		return -ENOMEM;
	for (const struct tree *item = value->first; item && !status; item = item->next) {
		status = fold_limits_add(parser->policy->limits, item->key, number_of(item), &why);
		if (status == -EINVAL)
			status = FAULT(parser, item->key_place, "the directory \"%s\" %s", tree_show(item->key).text,
				       why.text);
	}
	return status;
}

/* ---- the model ---- */

static const struct key model_keys[] = {
	{ "include", read_include, false },
	{ "decisions", read_decisions, false },
	{ "mapping", read_rules, false },
	{ "fold", read_fold, false },
};

static const char *const later_keys[] = { "mode", "until", "kinds", NULL };

static const struct form model_form = { "the model", "{ include: [ base, ./web.model ] }", model_keys,
					PARSE_COUNT(model_keys), later_keys };

int parse_model(struct parser *parser, const struct tree *value, void *into)
{
	return parse_mapping(parser, value, &model_form, into);
}

/* ---- networks ---- */

static int read_network(struct parser *parser, const char *key, const struct tree *item, void *into)
{
	int status = parse_text(parser, key, item, "addresses such as 10.1.0.0/24, or a list of these");
	struct error why = { "" };

	if (!status)
		status = networks_add(into, key, item->text, &why);
	else
		return status;
	if (status == -EINVAL)
		return FAULT(parser, item->place, "%s", why.text);
	return status ? status : policy_add_network(parser->policy, key, item->text);
}

int parse_networks(struct parser *parser, const struct tree *value, void *into)
{
	struct networks *checked = networks_new();
	int status = checked ? 0 : -ENOMEM;

	(void)into;
	if (!status && value->kind != TREE_MAPPING)
		status = FAULT(parser, value->place,
			       "\"networks\" is %s; write a mapping, as in { db: [ 10.1.0.0/24 ] }", parse_kind(value));
	for (const struct tree *item = value->first; item && !status; item = item->next)
		status = parse_list(parser, item, true, read_network, checked);
	networks_free(checked);
	return status;
}
