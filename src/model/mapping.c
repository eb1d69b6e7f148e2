/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "model/cover_priv.h"
#include "model/grammar_priv.h"

struct rule {
	enum mapping_part part;
	char *from, *service, *job; /* owned; the last two may be NULL */
	char *to[MAPPING_TO_MAX];   /* owned */
	size_t to_count;
};

struct mapping {
	struct rule *rules; /* owned */
	size_t count;
};

const char *mapping_part_name(enum mapping_part part)
{
	static const char *const names[MAPPING_PART_COUNT] = {
		[MAPPING_PATH] = "path",           [MAPPING_USER] = "user",
		[MAPPING_SERVICE] = "service",     [MAPPING_JOB] = "job",
		[MAPPING_ACCEPT] = "accept",       [MAPPING_CONNECT] = "connect",
		[MAPPING_CONTAINER] = "container", [MAPPING_LISTEN] = "listen",
	};

	return (unsigned)part < MAPPING_PART_COUNT ? names[part] : NULL;
}

struct mapping *mapping_new(void)
{
	return calloc(1, sizeof(struct mapping));
}

static void clear(struct rule *rule)
{
	free(rule->from);
	free(rule->service);
	free(rule->job);
	for (size_t i = 0; i < rule->to_count; i++)
		free(rule->to[i]);
}

void mapping_free(struct mapping *mapping)
{
	for (size_t i = 0; mapping && i < mapping->count; i++)
		clear(&mapping->rules[i]);
	free(mapping ? mapping->rules : NULL);
	free(mapping);
}

/* ---- what a rule may say ---- */

/* NULL, or what is wrong with a side of a rule. */
static const char *path_fault(const char *path)
{
	size_t at;

	if (path[0] != '/')
		return "is not absolute; begin it with /";
	if (strstr(path, "**"))
		return "has a **; write * for each directory whose name differs";
	if (strstr(path, "//") || strstr(path, "/./") || strstr(path, "/../"))
		return "has an empty name, a . or a .. in it; leave it out";
	if (grammar_object_fault(BEHAVIOUR_WRITE, path, &at))
		return "is not written as a model has it; blanks are \\x20";
	return NULL;
}

static const char *object_fault(enum behaviour_kind kind, const char *object)
{
	size_t at;

	if (!grammar_object_fault(kind, object, &at))
		return NULL;
	return kind == BEHAVIOUR_OWNER ? "is no user as a model has them; blanks are \\x20"
				       : "is not protocol, port and network as a model has them, as in tcp 5432 db";
}

static const char *side_fault(enum mapping_part part, const char *side)
{
	switch (part) {
	case MAPPING_PATH:
		return path_fault(side);
	case MAPPING_USER:
		return object_fault(BEHAVIOUR_OWNER, side);
	case MAPPING_ACCEPT:
		return object_fault(BEHAVIOUR_ACCEPT, side);
	case MAPPING_CONNECT:
		return object_fault(BEHAVIOUR_CONNECT, side);
	case MAPPING_LISTEN:
		return object_fault(BEHAVIOUR_LISTEN, side);
	case MAPPING_CONTAINER:
		return strcmp(side, "true") != 0 && strcmp(side, "false") != 0 ? "is neither true nor false" : NULL;
	default:
		return grammar_context_fits(CONTEXT_SERVICE, side) ? NULL : "is no name of a context";
	}
}

/* 0, or -EINVAL with the side, escaped and cut where it is long, and what is wrong. */
static int check_side(enum mapping_part part, const char *side, struct error *error)
{
	const char *fault = side_fault(part, side);
	char shown[256];
	struct buffer text = grammar_fixed(shown, sizeof(shown));

	if (!fault)
		return 0;
	escape_append(&text, side, strnlen(side, sizeof(shown) / 4 - 1), "");
	return error_set(error, -EINVAL, "\"%s\" %s", shown, fault);
}

static int check(const struct mapping_rule *rule, struct error *error)
{
	int status = check_side(rule->part, rule->from, error);

	if (!status && (!rule->to_count || rule->to_count > MAPPING_TO_MAX))
		return error_set(error, -EINVAL, "there are 1 to %d that something can be mapped to", MAPPING_TO_MAX);
	for (size_t i = 0; i < rule->to_count && !status; i++)
		status = check_side(rule->part, rule->to[i], error);
	return status;
}

/* ---- adding ---- */

/* The root is "", so that any absolute path goes on with a slash behind it. */
static char *copy_side(enum mapping_part part, const char *side)
{
	size_t size = strlen(side);

	return strndup(side, part == MAPPING_PATH && side[size - 1] == '/' ? size - 1 : size);
}

static int copy(const struct mapping_rule *rule, struct rule *out)
{
	bool whole;

	out->part = rule->part;
	out->from = copy_side(rule->part, rule->from);
	out->service = rule->service ? strdup(rule->service) : NULL;
	out->job = rule->job ? strdup(rule->job) : NULL;
	whole = out->from && !out->service == !rule->service && !out->job == !rule->job;
	while (whole && out->to_count < rule->to_count) {
		out->to[out->to_count] = copy_side(rule->part, rule->to[out->to_count]);
		whole = out->to[out->to_count++];
	}
	return whole ? 0 : -ENOMEM;
}

int mapping_add(struct mapping *mapping, const struct mapping_rule *rule, struct error *error)
{
	int status = check(rule, error);
	struct rule new = { 0 }, *rules;

	if (status)
		return status;
	if (mapping->count == MAPPING_RULES_MAX)
		return error_set(error, -EINVAL, "is one too many: a mapping has at most %d rules", MAPPING_RULES_MAX);
	rules = reallocarray(mapping->rules, mapping->count + 1, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	mapping->rules = rules;
	status = copy(rule, &new);
	if (status)
		clear(&new);
	else
		rules[mapping->count++] = new;
	return status;
}

/* ---- what a part of a line becomes ---- */

/* What a part may become: each of these, which are owned. */
struct choices {
	char *text[MAPPING_TO_MAX];
	size_t count;
};

enum { PART_NAME, PART_CONTAINER, PART_EXE, PART_SCRIPT, PART_OBJECT, PARTS };

struct image {
	const struct mapping *mapping;
	const struct behaviour *behaviour;
	struct choices parts[PARTS];
	const char *script_kind; /* "(#!", "(", "(ld.so:" before a script that is a path, else NULL */
	size_t script_kind_size;
	const char *rest; /* of the program, after its paths */
};

static int keep(struct choices *choices, const char *text, size_t size)
{
	choices->text[0] = strndup(text, size);
	choices->count = choices->text[0] ? 1 : 0;
	return choices->count ? 0 : -ENOMEM;
}

/* What of `path` comes after the directory `from` that it lies in or is; NULL: it doesn't. */
static const char *after(const char *from, const char *path)
{
	char beginning[BEHAVIOUR_OBJECT_MAX];
	const char *end = path;

	if (*path != '/')
		return NULL;
	for (const char *at = from; (at = strchr(at, '/')); at++) {
		if (*end != '/')
			return NULL;
		end += 1 + strcspn(end + 1, "/");
	}
	if ((size_t)(end - path) >= sizeof(beginning))
		return NULL;
	memcpy(beginning, path, (size_t)(end - path));
	beginning[end - path] = '\0';
	return pattern_covers(from, beginning) ? end : NULL;
}

static bool is_named(const struct image *image, enum context_kind kind, const char *name)
{
	const struct choices *names = &image->parts[PART_NAME];

	if (image->behaviour->context_kind != kind)
		return false;
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->text[i], name) == 0)
			return true;
	}
	return strcmp(image->behaviour->context_name, name) == 0;
}

static bool holds_here(const struct rule *rule, const struct image *image)
{
	if (!rule->service && !rule->job)
		return true;
	return (rule->service && is_named(image, CONTEXT_SERVICE, rule->service)) ||
	       (rule->job && is_named(image, CONTEXT_JOB, rule->job));
}

/* What comes after what the rule replaces; NULL: it isn't about this text. */
static const char *fits(const struct rule *rule, const char *text)
{
	if (rule->part == MAPPING_PATH)
		return after(rule->from, text);
	return pattern_covers(rule->from, text) ? "" : NULL;
}

/* The text with its beginning replaced. */
static char *joined(const char *to, const char *rest)
{
	struct buffer text = BUFFER_INIT(2 * BEHAVIOUR_PROGRAM_MAX);

	buffer_text(&text, to);
	buffer_text(&text, rest);
	if (!text.size)
		buffer_byte(&text, '/');
	if (text.failed)
		buffer_free(&text);
	return text.data;
}

/* By the first rule about this part that fits, or as it is. */
static int choose(struct image *image, unsigned into, enum mapping_part part, const char *text)
{
	struct choices *choices = &image->parts[into];

	for (size_t i = 0; i < image->mapping->count; i++) {
		const struct rule *rule = &image->mapping->rules[i];
		const char *rest = rule->part == part && holds_here(rule, image) ? fits(rule, text) : NULL;

		if (!rest)
			continue;
		for (size_t k = 0; k < rule->to_count; k++) {
			choices->text[k] = joined(rule->to[k], rest);
			if (!choices->text[k])
				return -ENOMEM;
			choices->count++;
		}
		return 0;
	}
	return keep(choices, text, strlen(text));
}

static int choose_name(struct image *image)
{
	const struct behaviour *behaviour = image->behaviour;

	if (behaviour->context_kind == CONTEXT_BOOT)
		return keep(&image->parts[PART_NAME], "", 0);
	return choose(image, PART_NAME, behaviour->context_kind == CONTEXT_SERVICE ? MAPPING_SERVICE : MAPPING_JOB,
		      behaviour->context_name);
}

/* A program's path and that of its script, each for itself. */
static int choose_program(struct image *image)
{
	const char *program = image->behaviour->program, *open = strchr(program, '('), *script = open;
	char *exe = strndup(program, open ? (size_t)(open - program) : strlen(program)), *path = NULL;
	int status = exe ? choose(image, PART_EXE, MAPPING_PATH, exe) : -ENOMEM;

	free(exe);
	image->rest = open ? open : "";
	if (script && script[1] == '#')
		script += 2;
	else if (script && strncmp(script + 1, "ld.so:", 6) == 0)
		script += 6;
	if (status || !script || script[1] != '/')
		return status ? status : keep(&image->parts[PART_SCRIPT], "", 0);
	script++;
	image->script_kind = open;
	image->script_kind_size = (size_t)(script - open);
	image->rest = script + strcspn(script, ")");
	path = strndup(script, (size_t)(image->rest - script));
	status = path ? choose(image, PART_SCRIPT, MAPPING_PATH, path) : -ENOMEM;
	free(path);
	return status;
}

static int choose_object(struct image *image)
{
	const char *object = image->behaviour->object;

	switch (image->behaviour->kind) {
	case BEHAVIOUR_WRITE:
		return choose(image, PART_OBJECT, MAPPING_PATH, object);
	case BEHAVIOUR_OWNER:
	case BEHAVIOUR_PRIVILEGE:
		return choose(image, PART_OBJECT, MAPPING_USER, object);
	case BEHAVIOUR_ACCEPT:
		return choose(image, PART_OBJECT, MAPPING_ACCEPT, object);
	case BEHAVIOUR_CONNECT:
		return choose(image, PART_OBJECT, MAPPING_CONNECT, object);
	case BEHAVIOUR_LISTEN:
		return choose(image, PART_OBJECT, MAPPING_LISTEN, object);
	default:
		return keep(&image->parts[PART_OBJECT], object, strlen(object));
	}
}

/* ---- all that a line becomes ---- */

static void put_program(const struct image *image, const size_t at[PARTS], struct buffer *out)
{
	buffer_clear(out);
	buffer_text(out, image->parts[PART_EXE].text[at[PART_EXE]]);
	if (image->script_kind)
		buffer_append(out, image->script_kind, image->script_kind_size);
	buffer_text(out, image->parts[PART_SCRIPT].text[at[PART_SCRIPT]]);
	buffer_text(out, image->rest);
}

/* The next combination; false after the last. */
static bool next(const struct image *image, size_t at[PARTS])
{
	for (unsigned i = 0; i < PARTS; i++) {
		if (++at[i] < image->parts[i].count)
			return true;
		at[i] = 0;
	}
	return false;
}

static int visit_each(const struct image *image, int (*visit)(void *owner, const struct behaviour *image), void *owner)
{
	struct buffer program = BUFFER_INIT(4 * BEHAVIOUR_PROGRAM_MAX);
	size_t at[PARTS] = { 0 };
	int status = 0;

	do {
		struct behaviour line = *image->behaviour;

		put_program(image, at, &program);
		if (program.failed) {
			status = -ENOMEM;
			break;
		}
		line.context_name = image->parts[PART_NAME].text[at[PART_NAME]];
		line.in_container = strcmp(image->parts[PART_CONTAINER].text[at[PART_CONTAINER]], "true") == 0;
		line.program = buffer_string(&program);
		line.object = image->parts[PART_OBJECT].text[at[PART_OBJECT]];
		status = visit(owner, &line);
	} while (!status && next(image, at));
	buffer_free(&program);
	return status;
}

int mapping_each(const struct mapping *mapping, const struct behaviour *behaviour,
		 int (*visit)(void *owner, const struct behaviour *image), void *owner)
{
	struct image image = { .mapping = mapping, .behaviour = behaviour };
	int status = choose_name(&image);

	if (!status)
		status = choose(&image, PART_CONTAINER, MAPPING_CONTAINER, behaviour->in_container ? "true" : "false");
	if (!status)
		status = choose_program(&image);
	if (!status)
		status = choose_object(&image);
	if (!status)
		status = visit_each(&image, visit, owner);
	for (unsigned i = 0; i < PARTS; i++) {
		for (size_t k = 0; k < image.parts[i].count; k++)
			free(image.parts[i].text[k]);
	}
	return status;
}

static int add_image(void *owner, const struct behaviour *image)
{
	int status = model_add(owner, image, NULL);

	return status < 0 ? status : 0;
}

struct applying {
	const struct mapping *mapping;
	struct model *into;
};

static int apply_to(void *owner, struct model_entry *entry)
{
	const struct applying *applying = owner;

	return mapping_each(applying->mapping, &entry->behaviour, add_image, applying->into);
}

int mapping_apply(const struct mapping *mapping, struct model *from, struct model *into)
{
	struct applying applying = { mapping, into };
	int status = model_each(from, apply_to, &applying);

	return status ? status : model_fold(into);
}
