/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "base/table.h"
#include "event/recording.h"
#include "event/recording_priv.h"

/* Longer ones are seldom said twice, unless an actor has them. */
#define KEPT_TEXT_MAX 256

/* No single event needs more texts, or more bytes of texts beside its arguments, than this. */
#define EVENT_TEXTS_MAX      128U
#define EVENT_TEXT_BYTES_MAX (2U * 1024 * 1024)

/* A text, or an actor by what is written of it, and its number. */
struct numbered {
	uint32_t number;
	size_t size;
	char bytes[];
};

/* Actors by what their source calls them; each place holds one of many. */
#define KNOWN_COUNT 16384U

struct known {
	uint64_t same; /* 0: none */
	uint32_t actor;
};

struct recording_writer {
	struct table texts, actors; /* owned: of struct numbered */
	size_t text_bytes;
	struct known *known;
	uint64_t last_ns, events;
	struct buffer payload;
	struct event blank;
	bool begun;
};

struct key {
	const char *bytes;
	size_t size;
};

static bool is_numbered(const void *entry, const void *key)
{
	const struct numbered *one = entry;
	const struct key *other = key;

	return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

static void forget(struct table *table)
{
	struct numbered *entry;
	size_t cursor = 0;

	while ((entry = table_next(table, &cursor)))
		free(entry);
	table_free(table);
	*table = TABLE_INIT(is_numbered);
}

struct recording_writer *recording_writer_new(void)
{
	struct recording_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->known = calloc(KNOWN_COUNT, sizeof(*writer->known));
	if (!writer->known) {
		free(writer);
		return NULL;
	}
	writer->texts = writer->actors = TABLE_INIT(is_numbered);
	writer->payload = BUFFER_INIT(RECORDING_RECORD_MAX);
	event_init(&writer->blank, EVENT_EXEC);
	return writer;
}

void recording_writer_free(struct recording_writer *writer)
{
	if (!writer)
		return;
	forget(&writer->texts);
	forget(&writer->actors);
	free(writer->known);
	buffer_free(&writer->payload);
	free(writer);
}

/* ---- numbers and records ---- */

/* Seven bits a byte, the lowest first; all but the last byte have the top bit. */
static uint8_t *put_number(uint8_t *at, uint64_t number)
{
	while (number >= 0x80) {
		*at++ = (uint8_t)(number | 0x80);
		number >>= 7;
	}
	*at++ = (uint8_t)number;
	return at;
}

static void append_number(struct buffer *out, uint64_t number)
{
	uint8_t bytes[NUMBER_SIZE_MAX];

	buffer_append(out, bytes, (size_t)(put_number(bytes, number) - bytes));
}

static void append_record(struct buffer *out, enum recording_tag tag, const void *bytes, size_t size)
{
	buffer_byte(out, (char)tag);
	append_number(out, size);
	buffer_append(out, bytes, size);
}

/* A word or a field's name: a byte of size and its bytes. */
static void append_name(struct buffer *out, const char *name)
{
	size_t size = strlen(name);

	buffer_byte(out, (char)size);
	buffer_append(out, name, size);
}

static void begin(struct recording_writer *writer, struct buffer *out)
{
	struct buffer *schema = &writer->payload;

	buffer_clear(schema);
	for (unsigned words = 0; words < WORDS_COUNT; words++) {
		append_number(schema, recording_word_count(words));
		for (unsigned i = 0; i < recording_word_count(words); i++)
			append_name(schema, recording_word(words, i));
	}
	append_number(schema, field_count);
	for (size_t i = 0; i < field_count; i++) {
		buffer_byte(schema, (char)recording_layout(&field_table[i])->form);
		append_name(schema, field_table[i].name);
	}
	buffer_append(out, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	append_record(out, TAG_SCHEMA, schema->data, schema->size);
	writer->begun = true;
}

/* ---- texts and actors by number ---- */

/* *number of what is in `table`, or the next one, which it gets then. 1 new, 0, or -ENOMEM. */
static int number_of(struct table *table, const char *bytes, size_t size, uint32_t *number)
{
	const struct key key = { bytes, size };
	uint64_t hash = hash_bytes(bytes, size);
	struct numbered *entry = table_find(table, hash, &key);

	if (entry) {
		*number = entry->number;
		return 0;
	}
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return -ENOMEM;
	entry->number = *number = (uint32_t)table->count;
	entry->size = size;
	memcpy(entry->bytes, bytes, size);
	if (table_insert(table, hash, entry) < 0) {
		free(entry);
		return -ENOMEM;
	}
	return 1;
}

/* Appends a text's number to the payload; one that is new is said in `out` before. */
static int put_text(struct recording_writer *writer, const char *bytes, size_t size, bool keep, struct buffer *out)
{
	uint32_t number;
	int status;

	if (size > RECORDING_TEXT_MAX)
		return -E2BIG;
	if (!keep && size > KEPT_TEXT_MAX) {
		append_number(&writer->payload, 0);
		append_number(&writer->payload, size);
		buffer_append(&writer->payload, bytes, size);
		return 0;
	}
	status = number_of(&writer->texts, bytes, size, &number);
	if (status < 0)
		return status;
	if (status) {
		writer->text_bytes += size;
		append_record(out, TAG_TEXT, bytes, size);
	}
	append_number(&writer->payload, number + 1);
	return 0;
}

static void reset(struct recording_writer *writer)
{
	forget(&writer->texts);
	forget(&writer->actors);
	writer->text_bytes = 0;
	memset(writer->known, 0, KNOWN_COUNT * sizeof(*writer->known));
}

static bool is_full(const struct recording_writer *writer)
{
	return writer->texts.count + EVENT_TEXTS_MAX > RECORDING_TEXTS_MAX ||
	       writer->text_bytes + EVENT_TEXT_BYTES_MAX > RECORDING_TEXT_BYTES_MAX ||
	       writer->actors.count >= RECORDING_ACTORS_MAX;
}

/* ---- fields ---- */

static uint64_t number_at(const void *at, unsigned width)
{
	switch (width) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static int put_item(struct recording_writer *writer, uint64_t number, const char *one, const char *other, bool keep,
		    struct buffer *out)
{
	int status;

	append_number(&writer->payload, number);
	status = put_text(writer, one, strlen(one), keep, out);
	return status ? status : put_text(writer, other, strlen(other), keep, out);
}

static int put_list(struct recording_writer *writer, const struct event *event, const struct field *field, bool keep,
		    struct buffer *out)
{
	const struct context *context = (const void *)((const char *)event + field->offset);
	int status = 0;

	if (field->type == FIELD_CONTEXT) {
		append_number(&writer->payload, 1);
		return put_item(writer, context->kind, context->name, context->container, keep, out);
	}
	append_number(&writer->payload, event->lineage_count);
	for (unsigned i = 0; i < event->lineage_count && !status; i++)
		status = put_item(writer, event->lineage[i].pid, event->lineage[i].program, event->lineage[i].user,
				  keep, out);
	return status;
}

static bool is_blank_context(const struct context *context)
{
	return context->kind == CONTEXT_UNKNOWN && !*context->name && !*context->container;
}

/* It says what event_init() says. */
static bool is_blank(const struct recording_writer *writer, const struct event *event, const struct field *field)
{
	const struct recording_layout *layout = recording_layout(field);
	const char *at = (const char *)event + field->offset;

	switch (layout->form) {
	case FORM_NUMBER:
		return memcmp(at, (const char *)&writer->blank + field->offset, layout->width) == 0;
	case FORM_TEXT:
		return field->type == FIELD_ARGUMENTS ? !event->argv_size : !**(const char *const *)at;
	case FORM_LIST:
		return field->type == FIELD_CONTEXT ? is_blank_context((const void *)at) : !event->lineage_count;
	case FORM_BYTES:
		return memcmp(at, (const char *)&writer->blank + field->offset, sizeof(event->local_address)) == 0;
	default:
		return true;
	}
}

/* What is not there at the end is 0. */
static void put_bytes(struct buffer *payload, const char *bytes)
{
	size_t size = sizeof(((struct event *)NULL)->local_address);

	while (size && !bytes[size - 1])
		size--;
	append_number(payload, size);
	buffer_append(payload, bytes, size);
}

static int put_field(struct recording_writer *writer, const struct event *event, const struct field *field, bool keep,
		     struct buffer *out)
{
	const struct recording_layout *layout = recording_layout(field);
	const char *at = (const char *)event + field->offset, *text;

	if (is_blank(writer, event, field))
		return 0;
	append_number(&writer->payload, (uint64_t)(field - field_table));
	switch (layout->form) {
	case FORM_NUMBER:
		append_number(&writer->payload, number_at(at, layout->width));
		return 0;
	case FORM_TEXT:
		if (field->type == FIELD_ARGUMENTS)
			return put_text(writer, event->argv, event->argv_size, keep, out);
		text = *(const char *const *)at;
		return put_text(writer, text, strlen(text), keep, out);
	case FORM_LIST:
		return put_list(writer, event, field, keep, out);
	default:
		put_bytes(&writer->payload, at);
		return 0;
	}
}

/* Those that are the actor's, or else those of the event itself. */
static int put_fields(struct recording_writer *writer, const struct event *event, bool actors, struct buffer *out)
{
	int status = 0;

	for (size_t i = 0; i < field_count && !status; i++) {
		const struct field *field = &field_table[i];

		if (recording_is_actors(field) == actors && field->kinds & 1U << event->kind)
			status = put_field(writer, event, field, actors, out);
	}
	return status;
}

/* ---- events ---- */

static int find_actor(struct recording_writer *writer, const struct event *event, uint32_t *actor, struct buffer *out)
{
	struct known *known = &writer->known[hash_u64(event->same_actor) % KNOWN_COUNT];
	int status;

	if (event->same_actor && known->same == event->same_actor) {
		*actor = known->actor;
		return 0;
	}
	buffer_clear(&writer->payload);
	status = put_fields(writer, event, true, out);
	if (!status)
		status = number_of(&writer->actors, buffer_string(&writer->payload), writer->payload.size, actor);
	if (status < 0)
		return status;
	if (status)
		append_record(out, TAG_ACTOR, buffer_string(&writer->payload), writer->payload.size);
	*known = (struct known) { event->same_actor, *actor };
	return 0;
}

/* A connect or accept of the usual sort. */
static bool is_peer(const struct event *event)
{
	return (event->kind == EVENT_CONNECT || event->kind == EVENT_ACCEPT) &&
	       (event->family == AF_INET || event->family == AF_INET6) &&
	       (event->protocol == IPPROTO_TCP || event->protocol == IPPROTO_UDP);
}

static uint8_t *put_raw(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static uint8_t *put_port(uint8_t *at, uint16_t port)
{
	*at++ = (uint8_t)(port >> 8);
	*at++ = (uint8_t)port;
	return at;
}

static void append_peer(const struct event *event, uint32_t actor, uint64_t time, struct buffer *out)
{
	static const uint8_t none[16];
	bool six = event->family == AF_INET6, has_local;
	size_t size = six ? 16 : 4;
	uint8_t bytes[PEER_SIZE_MAX], *at = bytes + 1;

	has_local = memcmp(event->local_address, none, size) != 0;
	bytes[0] = (uint8_t)(TAG_PEER | (event->kind == EVENT_ACCEPT ? PEER_ACCEPT : 0U) | (six ? PEER_SIX : 0U) |
			     (event->protocol == IPPROTO_UDP ? PEER_UDP : 0U) | (has_local ? PEER_LOCAL : 0U) |
			     (event->flags ? PEER_FLAGS : 0U));
	at = put_number(at, actor);
	at = put_number(at, time);
	if (event->flags)
		at = put_number(at, event->flags);
	at = put_port(at, event->local_port);
	at = put_port(at, event->remote_port);
	at = put_raw(at, event->remote_address, size);
	if (has_local)
		at = put_raw(at, event->local_address, size);
	buffer_append(out, bytes, (size_t)(at - bytes));
}

static int append_event(struct recording_writer *writer, const struct event *event, uint32_t actor, uint64_t time,
			struct buffer *out)
{
	int status;

	buffer_clear(&writer->payload);
	append_number(&writer->payload, actor);
	append_number(&writer->payload, event->kind);
	append_number(&writer->payload, time);
	append_number(&writer->payload, event->flags);
	status = put_fields(writer, event, false, out);
	if (status)
		return status;
	if (writer->payload.failed)
		return -ENOMEM;
	append_record(out, TAG_EVENT, writer->payload.data, writer->payload.size);
	return 0;
}

int recording_write(struct recording_writer *writer, const struct event *event, struct buffer *out)
{
	uint64_t time = recording_zigzag((int64_t)(event->time_ns - writer->last_ns));
	uint32_t actor = 0;
	int status;

	if (!writer->begun)
		begin(writer, out);
	if (is_full(writer)) {
		append_record(out, TAG_RESET, "", 0);
		reset(writer);
	}
	status = find_actor(writer, event, &actor, out);
	if (!status && is_peer(event))
		append_peer(event, actor, time, out);
	else if (!status)
		status = append_event(writer, event, actor, time, out);
	writer->last_ns = event->time_ns;
	writer->events++;
	if (!status && (writer->payload.failed || out->failed))
		status = -ENOMEM;
	return status;
}

int recording_end(struct recording_writer *writer, struct buffer *out)
{
	if (!writer->begun)
		begin(writer, out);
	buffer_clear(&writer->payload);
	append_number(&writer->payload, writer->events);
	append_record(out, TAG_END, writer->payload.data, writer->payload.size);
	return out->failed ? -ENOMEM : 0;
}
