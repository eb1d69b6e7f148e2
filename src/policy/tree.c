/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/tree_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/escape.h"

struct reader {
	yaml_parser_t parser;
	const char *name;
	const char *text;
	struct error *error;
	struct tree *root;                  /* owned */
	struct tree *open[TREE_DEPTH_MAX];  /* lists and mappings that have not ended, the innermost last */
	struct tree **next[TREE_DEPTH_MAX]; /* where their next item goes */
	size_t depth;
	size_t nodes;
	char *key; /* owned; of the member that comes next */
	struct place key_place;
	bool ended;
};

/* ---- errors ---- */

int tree_fault(struct error *error, const char *name, struct place place, const char *format, ...)
{
	char text[768];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(error, -EINVAL, "%.200s:%zu:%zu: %s", name, place.line, place.column, text);
}

struct shown tree_show(const char *text)
{
	struct buffer escaped = BUFFER_INIT(sizeof(struct shown));
	size_t size = strnlen(text, 65);
	struct shown shown;

	while (size > 64 || (text[size] && size > 60 && ((unsigned char)text[size] & 0xc0) == 0x80))
		size--;
	escape_append(&escaped, text, size, "");
	(void)snprintf(shown.text, sizeof(shown.text), "%s%s", buffer_string(&escaped), text[size] ? "…" : "");
	buffer_free(&escaped);
	return shown;
}

static struct place place_of(yaml_mark_t mark)
{
	return (struct place) { mark.line + 1, mark.column + 1 };
}

/* What can't be read as characters has an offset only. */
static struct place place_at(const char *text, size_t offset)
{
	struct place place = { 1, 1 };

	for (size_t i = 0; i < offset; i++) {
		place.column += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (text[i] == '\n')
			place = (struct place) { place.line + 1, 1 };
	}
	return place;
}

static int syntax_fault(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return tree_fault(reader->error, reader->name, place_at(reader->text, parser->problem_offset),
				  "not text: %s; write it in UTF-8", parser->problem);
	return tree_fault(reader->error, reader->name, place_of(parser->problem_mark),
			  "not valid YAML: %s%s%s; indent with blanks, and put texts with special characters in quotes",
			  parser->context ? parser->context : "", parser->context ? ", " : "", parser->problem);
}

static int fault(const struct reader *reader, yaml_mark_t mark, const char *text)
{
	return tree_fault(reader->error, reader->name, place_of(mark), "%s", text);
}

/* ---- nodes ---- */

static bool expects_key(const struct reader *reader)
{
	return reader->depth && reader->open[reader->depth - 1]->kind == TREE_MAPPING && !reader->key;
}

/* Puts a new node where it belongs. NULL when out of memory. */
static struct tree *add_node(struct reader *reader, enum tree_kind kind, yaml_mark_t mark)
{
	struct tree *node = calloc(1, sizeof(*node)), ***next;

	if (!node)
		return NULL;
	*node = (struct tree) {
		.kind = kind, .place = place_of(mark), .key = reader->key, .key_place = reader->key_place
	};
	reader->key = NULL;
	reader->nodes++;
	if (!reader->depth) {
		reader->root = node;
		return node;
	}
	next = &reader->next[reader->depth - 1];
	**next = node;
	*next = &node->next;
	return node;
}

static int open_node(struct reader *reader, enum tree_kind kind, yaml_mark_t mark)
{
	struct tree *node;

	if (expects_key(reader))
		return fault(reader, mark, "a key is a list or mapping; write a word");
	if (reader->depth == TREE_DEPTH_MAX)
		return fault(reader, mark, "too many lists and mappings in each other; no policy needs so many");
	node = add_node(reader, kind, mark);
	if (!node)
		return -ENOMEM;
	reader->open[reader->depth] = node;
	reader->next[reader->depth++] = &node->first;
	return 0;
}

/* Copies a scalar; fails on a NUL byte, which "\0" makes. */
static int copy_text(const struct reader *reader, const yaml_event_t *event, char **out)
{
	const char *value = (const char *)event->data.scalar.value;

	if (memchr(value, '\0', event->data.scalar.length))
		return fault(reader, event->start_mark, "a text has a NUL byte; leave it out");
	*out = strdup(value);
	return *out ? 0 : -ENOMEM;
}

static int check_key(const struct reader *reader, const char *key, yaml_mark_t mark)
{
	const struct tree *mapping = reader->open[reader->depth - 1];
	size_t count = 0;

	if (strcmp(key, "<<") == 0)
		return fault(reader, mark, "merge keys (<<) are not supported; write the values out");
	for (const struct tree *member = mapping->first; member; member = member->next, count++) {
		if (strcmp(member->key, key) == 0)
			return tree_fault(reader->error, reader->name, place_of(mark),
					  "the key \"%s\" is there already, in line %zu; leave one of them",
					  tree_show(key).text, member->key_place.line);
	}
	return count < TREE_MEMBERS_MAX ? 0 : fault(reader, mark, "a mapping of more than 64 keys; no policy has one");
}

static int take_key(struct reader *reader, const yaml_event_t *event)
{
	int status = copy_text(reader, event, &reader->key);

	reader->key_place = place_of(event->start_mark);
	return status ? status : check_key(reader, reader->key, event->start_mark);
}

static int take_text(struct reader *reader, const yaml_event_t *event)
{
	char *text = NULL;
	struct tree *node;
	int status;

	if (expects_key(reader))
		return take_key(reader, event);
	status = copy_text(reader, event, &text);
	if (status)
		return status;
	node = add_node(reader, TREE_TEXT, event->start_mark);
	if (!node) {
		free(text);
		return -ENOMEM;
	}
	node->text = text;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

/* ---- events ---- */

static int check_properties(const struct reader *reader, yaml_mark_t mark, const yaml_char_t *anchor,
			    const yaml_char_t *tag)
{
	if (anchor)
		return fault(reader, mark,
			     "anchors (&NAME) are not supported; leave it out, or put a text that begins with & in "
			     "quotes");
	if (tag)
		return fault(
			reader, mark,
			"tags (!NAME) are not supported; leave it out, or put a text that begins with ! in quotes");
	return 0;
}

static int take_node(struct reader *reader, const yaml_event_t *event)
{
	yaml_mark_t mark = event->start_mark;
	int status;

	if (reader->nodes == TREE_NODES_MAX)
		return fault(reader, mark, "more than 65536 values; divide the policy");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		status = check_properties(reader, mark, event->data.scalar.anchor, event->data.scalar.tag);
		return status ? status : take_text(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		status = check_properties(reader, mark, event->data.sequence_start.anchor,
					  event->data.sequence_start.tag);
		return status ? status : open_node(reader, TREE_LIST, mark);
	default:
		status =
			check_properties(reader, mark, event->data.mapping_start.anchor, event->data.mapping_start.tag);
		return status ? status : open_node(reader, TREE_MAPPING, mark);
	}
}

static int take_event(struct reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return reader->root ? fault(reader, event->start_mark,
					    "a second document begins here; a policy is one: leave out the ---")
				    : 0;
	case YAML_ALIAS_EVENT:
		return fault(reader, event->start_mark,
			     "aliases (*NAME) are not supported; put a text that begins with * in quotes");
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return take_node(reader, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		return 0;
	case YAML_STREAM_END_EVENT:
		reader->ended = true;
		return 0;
	default:
		return 0;
	}
}

static int read_events(struct reader *reader)
{
	yaml_event_t event;
	int status = 0;

	while (!status && !reader->ended) {
		if (!yaml_parser_parse(&reader->parser, &event))
			return syntax_fault(reader);
		status = take_event(reader, &event);
		yaml_event_delete(&event);
	}
	if (!status && !reader->root && !add_node(reader, TREE_MAPPING, (yaml_mark_t) { 0 }))
		return -ENOMEM;
	return status;
}

int tree_read(const char *name, const char *text, size_t size, struct tree **out, struct error *error)
{
	struct reader reader = { .name = name, .text = text, .error = error };
	int status;

	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	/* Said so, it takes no other encoding for a hint. */
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
	status = read_events(&reader);
	yaml_parser_delete(&reader.parser);
	free(reader.key);
	if (status)
		tree_free(reader.root);
	else
		*out = reader.root;
	return status;
}

void tree_free(struct tree *tree)
{
	while (tree) {
		struct tree *next = tree->next;

		tree_free(tree->first); /* as deep as TREE_DEPTH_MAX */
		free(tree->text);
		free(tree->key);
		free(tree);
		tree = next;
	}
}
