/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what every part of a policy is made of: mappings with known keys, lists, texts. */
#include <string.h>

#include "base/buffer.h"
#include "policy/parse_priv.h"

/* ---- mappings ---- */

/* What a value is, in an error's words. */
const char *parse_kind(const struct tree *value)
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
int parse_unknown(struct parser *parser, struct place place, const char *what, const char *typed, suggest_word word,
		  const void *list, size_t count)
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

static int read_member(struct parser *parser, const struct tree *member, const struct form *form, void *into)
{
	for (size_t i = 0; i < form->count; i++) {
		if (strcmp(member->key, form->keys[i].name) == 0)
			return form->keys[i].read(parser, member, into);
	}
	for (const char *const *later = form->later; later && *later; later++) {
		if (strcmp(member->key, *later) == 0)
			return FAULT(parser, member->key_place,
				     "\"%s\" is not supported yet by this version; leave it out", *later);
	}
	return parse_unknown(parser, member->key_place, "unknown key", member->key, key_word, form->keys, form->count);
}

static const struct tree *member_of(const struct tree *tree, const char *key)
{
	for (const struct tree *member = tree->first; member; member = member->next) {
		if (strcmp(member->key, key) == 0)
			return member;
	}
	return NULL;
}

int parse_mapping(struct parser *parser, const struct tree *value, const struct form *form, void *into)
{
	int status = 0;

	if (value->kind != TREE_MAPPING)
		return FAULT(parser, value->place, "%s is %s; write a mapping, as in %s", form->what, parse_kind(value),
			     form->example);
	for (const struct tree *member = value->first; member && !status; member = member->next)
		status = read_member(parser, member, form, into);
	for (size_t i = 0; i < form->count && !status; i++) {
		if (form->keys[i].required && !member_of(value, form->keys[i].name))
			status = FAULT(parser, value->place, "%s lacks \"%s\"; add it, as in %s", form->what,
				       form->keys[i].name, form->example);
	}
	return status;
}

/* ---- lists ---- */

/* A list of one item at least, or, where `alone`, one item without a list. */
int parse_list(struct parser *parser, const struct tree *value, bool alone, read_item read, void *into)
{
	int status = 0;

	if (value->kind != TREE_LIST && !alone)
		return FAULT(parser, value->place, "\"%s\" is %s; write a list", value->key, parse_kind(value));
	if (value->kind != TREE_LIST)
		return read(parser, value->key, value, into);
	if (!value->first)
		return FAULT(parser, value->place, "\"%s\" is an empty list; fill it or leave it out", value->key);
	for (const struct tree *item = value->first; item && !status; item = item->next)
		status = read(parser, value->key, item, into);
	return status;
}

/* Is it a text? 0 or a fault. */
int parse_text(struct parser *parser, const char *key, const struct tree *value, const char *expected)
{
	if (value->kind == TREE_TEXT && (*value->text || !value->plain))
		return 0;
	return FAULT(parser, value->place, "\"%s\" is %s; write %s", key, parse_kind(value), expected);
}

int parse_flag(struct parser *parser, const struct tree *value, bool *flag)
{
	bool plain = value->kind == TREE_TEXT && value->plain, yes = plain && strcmp(value->text, "true") == 0;

	if (!yes && !(plain && strcmp(value->text, "false") == 0))
		return FAULT(parser, value->place,
			     "\"%s\" is neither true nor false; write one of them, without quotes", value->key);
	*flag = yes;
	return 0;
}

/* All of several would have to hold, which nothing is there to check. */
static int check_single(struct parser *parser, const struct tree *value, const struct form *form)
{
	struct buffer keys = BUFFER_INIT(256);
	int status = 0;

	if (value->first && !value->first->next)
		return 0;
	list_words(&keys, key_word, form->keys, form->count);
	status = FAULT(parser, value->place, "%s has %s key; write one of %s%s", form->what,
		       value->first ? "more than one" : "no", buffer_string(&keys),
		       value->first ? ", each as an item of its own" : "");
	buffer_free(&keys);
	return status;
}

int parse_single(struct parser *parser, const struct tree *value, const struct form *form)
{
	int status = parse_mapping(parser, value, form, NULL);

	return status ? status : check_single(parser, value, form);
}
