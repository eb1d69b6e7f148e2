/* SPDX-License-Identifier: Apache-2.0 */
#include "model/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/escape.h"
#include "model/text_priv.h"
#include "model/version.h"

/* ---- writing ---- */

struct writer {
	struct buffer *out;
	const struct behaviour *last; /* NULL before the first */
};

/* Escaped already: JSON needs no more than its quotes. */
static void write_string(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, "\"%s\":\"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_byte(out, '\\');
		buffer_byte(out, *text);
	}
	buffer_byte(out, '"');
}

static void write_context(struct buffer *out, const struct behaviour *behaviour)
{
	struct buffer name = BUFFER_INIT(4 * BEHAVIOUR_NAME_MAX + 1);

	escape_append(&name, behaviour->context_name, strlen(behaviour->context_name), "");
	buffer_printf(out, "\n{\"kind\":\"%s\",", context_kind_name(behaviour->context_kind));
	write_string(out, "name", buffer_string(&name));
	buffer_printf(out, ",\"in_container\":%s,\"behaviours\":[", behaviour->in_container ? "true" : "false");
	out->failed = out->failed || name.failed;
	buffer_free(&name);
}

static int write_entry(void *owner, struct model_entry *entry)
{
	struct writer *writer = owner;
	const struct behaviour *behaviour = &entry->behaviour;

	if (!writer->last || !text_same_context(writer->last, behaviour)) {
		buffer_text(writer->out, writer->last ? "]}," : "");
		write_context(writer->out, behaviour);
	} else {
		buffer_byte(writer->out, ',');
	}
	writer->last = behaviour;
	buffer_printf(writer->out, "\n {\"kind\":\"%s\",", behaviour_kind_name(behaviour->kind));
	write_string(writer->out, "program", behaviour->program);
	buffer_byte(writer->out, ',');
	write_string(writer->out, "object", behaviour->object);
	buffer_byte(writer->out, '}');
	return writer->out->failed ? -ENOMEM : 0;
}

int model_json_write(struct model *model, struct buffer *out)
{
	struct writer writer = { .out = out };
	char id[MODEL_ID_SIZE];
	int status = model_id(model, id);

	if (status)
		return status;
	buffer_printf(out, "{\"model\":1,\"id\":\"%s\",\"contexts\":[", id);
	status = model_each(model, write_entry, &writer);
	buffer_text(out, writer.last ? "]}]}\n" : "]}\n");
	return status < 0 ? status : out->failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

struct reader {
	char where[256]; /* of what is being read, as errors begin */
	struct error *error;
	struct model *model;
};

__attribute__((format(printf, 2, 3))) static int fault(const struct reader *reader, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return error_set(reader->error, -EINVAL, "%s: %s", reader->where, what);
}

/* The member's text, or NULL after having said what is wrong. */
static const char *text_of(const struct reader *reader, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_string(value))
		return json_string_value(value);
	(void)fault(reader, "\"%s\" is not there or no text", name);
	return NULL;
}

static int read_name(const struct reader *reader, const json_t *context, char out[BEHAVIOUR_NAME_MAX])
{
	const char *text = text_of(reader, context, "name");
	struct buffer name = grammar_fixed(out, BEHAVIOUR_NAME_MAX);

	if (!text)
		return -EINVAL;
	if (escape_decode(&name, text, strlen(text)) < 0)
		return fault(reader, "the context's name has an escape that is none");
	return name.failed ? fault(reader, "the context's name is longer than 511 bytes") : 0;
}

static int read_context(const struct reader *reader, const json_t *context, char name[BEHAVIOUR_NAME_MAX],
			struct behaviour *out)
{
	static const enum context_kind kinds[] = { CONTEXT_BOOT, CONTEXT_SERVICE, CONTEXT_JOB };
	const char *kind = text_of(reader, context, "kind");
	const json_t *in_container = json_object_get(context, "in_container");
	int status = kind ? read_name(reader, context, name) : -EINVAL;

	if (status)
		return status;
	*out = (struct behaviour) { .context_name = name };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kind, context_kind_name(kinds[i])) == 0)
			out->context_kind = kinds[i];
	}
	if (!json_is_boolean(in_container))
		return fault(reader, "\"in_container\" is neither true nor false");
	out->in_container = json_is_true(in_container);
	return grammar_context_fits(out->context_kind, name)
		       ? 0
		       : fault(reader, "there is no such context in a model: a service, a job or the boot");
}

static int read_behaviour(const struct reader *reader, const json_t *value, const struct behaviour *context)
{
	struct behaviour behaviour = *context;
	const char *kind = text_of(reader, value, "kind"), *wrong;
	int status;
	size_t at;

	behaviour.program = kind ? text_of(reader, value, "program") : NULL;
	behaviour.object = behaviour.program ? text_of(reader, value, "object") : NULL;
	if (!behaviour.object)
		return -EINVAL;
	behaviour.kind = 0;
	while (behaviour.kind < BEHAVIOUR_KIND_COUNT && strcmp(kind, behaviour_kind_name(behaviour.kind)) != 0)
		behaviour.kind++;
	if (behaviour.kind == BEHAVIOUR_KIND_COUNT)
		return fault(reader, "no behaviour is of that \"kind\"");
	wrong = grammar_program_fault(behaviour.program, &at);
	if (!wrong)
		wrong = grammar_object_fault(behaviour.kind, behaviour.object, &at);
	if (wrong)
		return fault(reader, "the behaviour is none: expected %s", wrong);
	status = model_add(reader->model, &behaviour, NULL);
	return status == -EINVAL ? fault(reader, "the behaviour is too long") : status < 0 ? status : 0;
}

/* How many there are; a negative errno. */
static int read_behaviours(const struct reader *reader, const json_t *list, const struct behaviour *context)
{
	const json_t *item;
	int status = 0;
	size_t i;

	json_array_foreach(list, i, item) {
		status = read_behaviour(reader, item, context);
		if (status)
			return status;
	}
	return (int)json_array_size(list);
}

static int read_member(struct reader *reader, const char *name, size_t index, const json_t *value)
{
	const json_t *behaviours = json_object_get(value, "behaviours");
	char context_name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	int status;

	(void)snprintf(reader->where, sizeof(reader->where), "%.200s: contexts[%zu]", name, index);
	status = read_context(reader, value, context_name, &context);
	if (status)
		return status;
	if (!json_is_array(behaviours) || json_object_size(value) != 4)
		return fault(reader, "expected kind, name, in_container and a list of behaviours, and nothing else");
	status = read_behaviours(reader, behaviours, &context);
	return status < 0 ? status : 0;
}

static int read_root(struct reader *reader, const char *name, const json_t *root)
{
	const json_t *contexts = json_object_get(root, "contexts"), *item;
	int status = 0;
	size_t i;

	if (json_integer_value(json_object_get(root, "model")) != 1 || !json_is_array(contexts))
		return fault(reader, "expected {\"model\":1,\"id\":…,\"contexts\":[…]}, as `sombrero model export` "
				     "writes it");
	json_array_foreach(contexts, i, item) {
		status = read_member(reader, name, i, item);
		if (status)
			break;
	}
	return status;
}

/* Nobody changed it on the way, or whoever did knew what they did and left the id out. */
static int check_id(const struct reader *reader, const json_t *root)
{
	const char *id = json_string_value(json_object_get(root, "id"));
	char own[MODEL_ID_SIZE];

	if (!id)
		return 0;
	if (model_id(reader->model, own))
		return -ENOMEM;
	return strcmp(id, own) == 0 ? 0 : fault(reader, "the model is not the one that \"id\" names; leave \"id\" out");
}

/* NULL after having said why. */
static json_t *load(const struct reader *reader, const char *text, size_t size)
{
	json_error_t why;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);

	if (!root)
		(void)fault(reader, "no JSON at byte %d: %.150s", why.position, why.text);
	return root;
}

int model_json_read(const char *name, const char *text, size_t size, struct model **out, struct error *error)
{
	struct reader reader = { .error = error, .model = model_new() };
	json_t *root;
	int status;

	(void)snprintf(reader.where, sizeof(reader.where), "%.200s", name);
	if (!reader.model)
		return error_set(error, -ENOMEM, "%.200s: out of memory", name);
	root = load(&reader, text, size);
	status = root ? read_root(&reader, name, root) : -EINVAL;
	(void)snprintf(reader.where, sizeof(reader.where), "%.200s", name);
	if (!status)
		status = check_id(&reader, root);
	json_decref(root);
	if (status) {
		model_free(reader.model);
		return status == -ENOMEM ? error_set(error, status, "%.200s: out of memory", name) : status;
	}
	*out = reader.model;
	return 0;
}

static int read_finding(const struct reader *reader, const json_t *root, char kind[MODEL_JSON_KIND_MAX])
{
	const json_t *behaviours = json_object_get(root, "behaviours");
	const char *finding = json_string_value(json_object_get(root, "finding"));
	char name[BEHAVIOUR_NAME_MAX];
	struct behaviour context;
	int status;

	if (!finding)
		return fault(reader, "expected a finding, as `sombrero watch --json` prints it with a model");
	(void)snprintf(kind, MODEL_JSON_KIND_MAX, "%s", finding);
	if (!behaviours)
		return 0;
	status = read_context(reader, json_object_get(root, "context"), name, &context);
	return status ? status : read_behaviours(reader, behaviours, &context);
}

int model_json_finding(const char *name, size_t number, const char *line, size_t size, struct model *into,
		       char kind[MODEL_JSON_KIND_MAX], struct error *error)
{
	struct reader reader = { .error = error, .model = into };
	json_t *root;
	int status;

	(void)snprintf(reader.where, sizeof(reader.where), "%.200s:%zu", name, number);
	root = load(&reader, line, size);
	status = root ? read_finding(&reader, root, kind) : -EINVAL;
	json_decref(root);
	return status == -ENOMEM ? error_set(error, status, "%s: out of memory", reader.where) : status;
}
