/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each actor is kept as an event that is filled in already; a connection only has its own fields written over those of the
 * last one. What comes from the file is hostile: every number is checked before it is used.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "base/hash.h"
#include "base/table.h"
#include "event/recording.h"
#include "event/recording_priv.h"

#define FIELDS_MAX 256

/* As NDJSON has it. */
#define STRING_MAX 4095

/* A field of the recording: what it is here, or NULL where only a newer sombrero knows it. */
struct known_field {
	const struct field *field;
	enum recording_form form;
};

struct text {
	char *bytes; /* owned, ended by NUL */
	size_t size;
	bool has_nul;
};

/* Actors with one context and program. Texts are told apart by where they are: a recording says each once. */
struct actor_kind {
	struct context context;
	const char *program;
	uint64_t number;
};

/* What is expected next. */
enum place { PLACE_MAGIC, PLACE_SCHEMA, PLACE_RECORDS, PLACE_END };

struct recording_reader {
	enum place place;
	struct text *texts;
	size_t text_count, text_bytes;
	struct event **actors; /* owned */
	size_t actor_count;
	struct table kinds; /* owned: of struct actor_kind */
	struct known_field fields[FIELDS_MAX];
	size_t field_count;
	int16_t words[WORDS_COUNT][256]; /* our number of theirs; -1: we have none */
	uint64_t last_ns;
	uint64_t last_actor, last_kind; /* numbers that were given to actors and to kinds of them */
	uint64_t events, total;         /* of this recording, of all */
	uint64_t offset;                /* of what is read now, from the very beginning */
	struct event event;             /* one that is no peer's */
	char *room;                     /* owned: the texts of that event which have no number */
	size_t room_used, room_size;
	struct buffer escaped;
};

/* A record's payload, as far as it is read. `fault` is the first thing that was wrong. */
struct payload {
	const uint8_t *at, *end;
	const char *fault;
};

static bool is_of_kind(const void *entry, const void *key)
{
	const struct actor_kind *one = entry, *other = key;

	return one->context.kind == other->context.kind && one->context.name == other->context.name &&
	       one->context.container == other->context.container && one->program == other->program;
}

static uint64_t kind_hash(const struct actor_kind *kind)
{
	uint64_t hash = hash_mix((uintptr_t)kind->context.name, (uintptr_t)kind->context.container);

	return hash_mix(hash_mix(hash, (uintptr_t)kind->program), kind->context.kind);
}

struct recording_reader *recording_reader_new(void)
{
	struct recording_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->texts = calloc(RECORDING_TEXTS_MAX, sizeof(*reader->texts));
	reader->actors = calloc(RECORDING_ACTORS_MAX, sizeof(*reader->actors));
	reader->kinds = TABLE_INIT(is_of_kind);
	reader->escaped = BUFFER_INIT(2 * PROGRAM_TEXT_MAX);
	if (!reader->texts || !reader->actors) {
		recording_reader_free(reader);
		return NULL;
	}
	return reader;
}

static void reset(struct recording_reader *reader)
{
	struct actor_kind *kind;
	size_t cursor = 0;

	while ((kind = table_next(&reader->kinds, &cursor)))
		free(kind);
	table_free(&reader->kinds);
	while (reader->text_count)
		free(reader->texts[--reader->text_count].bytes);
	while (reader->actor_count)
		free(reader->actors[--reader->actor_count]);
	reader->text_bytes = 0;
}

void recording_reader_free(struct recording_reader *reader)
{
	if (!reader)
		return;
	reset(reader);
	free(reader->texts);
	free(reader->actors);
	free(reader->room);
	buffer_free(&reader->escaped);
	free(reader);
}

bool recording_is_whole(const struct recording_reader *reader)
{
	return reader->place == PLACE_END;
}

uint64_t recording_events(const struct recording_reader *reader)
{
	return reader->total;
}

/* ---- numbers and bytes ---- */

static void fail(struct payload *payload, const char *fault)
{
	if (!payload->fault)
		payload->fault = fault;
	payload->at = payload->end;
}

static uint64_t take_number(struct payload *payload, uint64_t maximum)
{
	uint64_t number = 0;
	uint8_t byte = 0x80;

	for (unsigned shift = 0; byte & 0x80; shift += 7) {
		if (payload->at == payload->end || shift > 63) {
			fail(payload, "a number without an end");
			return 0;
		}
		byte = *payload->at++;
		if (shift == 63 && byte > 1)
			fail(payload, "a number beyond 64 bits");
		number |= (uint64_t)(byte & 0x7f) << shift;
	}
	if (number > maximum) {
		fail(payload, "a number that is too large");
		return 0;
	}
	return number;
}

static const char *take_bytes(struct payload *payload, size_t size)
{
	const uint8_t *bytes = payload->at;

	if ((size_t)(payload->end - payload->at) < size) {
		fail(payload, "more bytes than the record has");
		return NULL;
	}
	payload->at += size;
	return (const char *)bytes;
}

/* ---- the schema ---- */

static const char *take_name(struct payload *payload, size_t *size)
{
	*size = take_number(payload, UINT8_MAX);
	return take_bytes(payload, *size);
}

static bool names(const char *ours, const char *theirs, size_t size)
{
	return strlen(ours) == size && memcmp(ours, theirs, size) == 0;
}

static void take_words(struct recording_reader *reader, struct payload *payload, enum recording_words words)
{
	uint64_t count = take_number(payload, UINT8_MAX);

	for (unsigned i = 0; i < 256; i++)
		reader->words[words][i] = -1;
	for (unsigned i = 0; i < count; i++) {
		size_t size;
		const char *name = take_name(payload, &size);

		for (unsigned ours = 0; name && size && ours < recording_word_count(words); ours++) {
			if (names(recording_word(words, ours), name, size))
				reader->words[words][i] = (int16_t)ours;
		}
	}
}

static void take_field_name(struct recording_reader *reader, struct payload *payload)
{
	struct known_field *known = &reader->fields[reader->field_count++];
	size_t size;
	const char *name;

	known->form = (enum recording_form)take_number(payload, FORM_COUNT - 1);
	known->field = NULL;
	name = take_name(payload, &size);
	for (size_t i = 0; name && i < field_count; i++) {
		if (!names(field_table[i].name, name, size))
			continue;
		known->field = &field_table[i];
		if (recording_layout(known->field)->form != known->form)
			fail(payload, "a field with values of another form than here");
	}
}

static void take_schema(struct recording_reader *reader, struct payload *payload)
{
	uint64_t count;

	for (unsigned words = 0; words < WORDS_COUNT; words++)
		take_words(reader, payload, (enum recording_words)words);
	reader->field_count = 0;
	count = take_number(payload, FIELDS_MAX);
	for (uint64_t i = 0; i < count; i++)
		take_field_name(reader, payload);
	reader->place = PLACE_RECORDS;
}

/* ---- texts ---- */

/* -ENOMEM is the only failure that is not the payload's. */
static int take_text_record(struct recording_reader *reader, struct payload *payload)
{
	size_t size = (size_t)(payload->end - payload->at);
	struct text *text = &reader->texts[reader->text_count];

	if (reader->text_count == RECORDING_TEXTS_MAX || size > RECORDING_TEXT_MAX ||
	    reader->text_bytes + size > RECORDING_TEXT_BYTES_MAX) {
		fail(payload, "more texts than a recording has between two resets");
		return 0;
	}
	text->bytes = malloc(size + 1);
	if (!text->bytes)
		return -ENOMEM;
	memcpy(text->bytes, payload->at, size);
	text->bytes[size] = '\0';
	text->size = size;
	text->has_nul = memchr(text->bytes, '\0', size) != NULL;
	reader->text_count++;
	reader->text_bytes += size;
	payload->at = payload->end;
	return 0;
}

/* A text without a number: kept beside the event. Its place was made when the record's size was known. */
static struct text keep(struct recording_reader *reader, struct payload *payload)
{
	size_t size = take_number(payload, RECORDING_TEXT_MAX);
	const char *bytes = take_bytes(payload, size);
	struct text text = { reader->room + reader->room_used, size, false };

	if (!bytes)
		return (struct text) { NULL, 0, false };
	memcpy(text.bytes, bytes, size);
	text.bytes[size] = '\0';
	text.has_nul = memchr(bytes, '\0', size) != NULL;
	reader->room_used += size + 1;
	return text;
}

/* Its bytes are NULL where there was a fault. */
static struct text take_text(struct recording_reader *reader, struct payload *payload, bool of_actor)
{
	static const struct text none = { NULL, 0, false };
	uint64_t number = take_number(payload, RECORDING_TEXTS_MAX);

	if (payload->fault)
		return none;
	if (number > reader->text_count || (!number && of_actor)) {
		fail(payload, "a text that was not said before");
		return none;
	}
	return number ? reader->texts[number - 1] : keep(reader, payload);
}

/* What escape_append() can have made: such a text is printed as it is. */
static bool is_escaped(struct recording_reader *reader, const struct text *text)
{
	size_t backslashes = 0;

	buffer_clear(&reader->escaped);
	if (escape_decode(&reader->escaped, text->bytes, text->size) < 0 || reader->escaped.failed)
		return false;
	for (size_t i = 0; i < text->size; i++)
		backslashes += text->bytes[i] == '\\';
	buffer_clear(&reader->escaped);
	escape_append(&reader->escaped, text->bytes, text->size, "");
	return !reader->escaped.failed && reader->escaped.size == text->size + backslashes;
}

static void take_string(struct recording_reader *reader, struct payload *payload, bool of_actor, bool escaped,
			const char **out)
{
	struct text text = take_text(reader, payload, of_actor);

	if (!text.bytes)
		return;
	if (text.has_nul || text.size > (escaped ? PROGRAM_TEXT_MAX - 1 : STRING_MAX))
		fail(payload, "a text that is too long, or has a NUL byte");
	else if (escaped && !is_escaped(reader, &text))
		fail(payload, "a program's text with bytes that are not escaped");
	else
		*out = text.bytes;
}

static void take_arguments(struct recording_reader *reader, struct payload *payload, bool of_actor, struct event *event)
{
	struct text text = take_text(reader, payload, of_actor);

	if (!text.bytes)
		return;
	/* The NUL byte that ends each text ends the last argument, too, should that have none. */
	event->argv = text.bytes;
	event->argv_size = text.size + (text.size && text.bytes[text.size - 1]);
}

/* ---- other values ---- */

/* Our number of a word of theirs. */
static unsigned take_word(const struct recording_reader *reader, struct payload *payload, enum recording_words words)
{
	int16_t ours = reader->words[words][take_number(payload, UINT8_MAX)];

	if (ours < 0)
		fail(payload, "a word that is not known here");
	return ours < 0 ? 0 : (unsigned)ours;
}

static void put_number(void *at, unsigned width, uint64_t number)
{
	switch (width) {
	case 1:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)number;
		break;
	default:
		*(uint64_t *)at = number;
	}
}

static bool is_family(uint64_t number)
{
	return number == AF_INET || number == AF_INET6 || number == AF_PACKET;
}

static void take_number_field(const struct recording_reader *reader, struct payload *payload, const struct field *field,
			      struct event *event)
{
	const struct recording_layout *layout = recording_layout(field);
	void *at = (char *)event + field->offset;
	uint64_t number;

	if (layout->words != WORDS_COUNT) {
		put_number(at, layout->width, take_word(reader, payload, layout->words));
		return;
	}
	number = take_number(payload, layout->width == 8 ? UINT64_MAX : (1ULL << 8 * layout->width) - 1);
	if (field->type == FIELD_FAMILY && !is_family(number))
		fail(payload, "a family of addresses that is not known here");
	put_number(at, layout->width, number);
}

static void take_context(struct recording_reader *reader, struct payload *payload, bool of_actor,
			 struct context *context)
{
	if (take_number(payload, 1) != 1) {
		fail(payload, "not one context");
		return;
	}
	context->kind = (enum context_kind)take_word(reader, payload, WORDS_CONTEXT);
	take_string(reader, payload, of_actor, false, &context->name);
	take_string(reader, payload, of_actor, false, &context->container);
}

static void take_lineage(struct recording_reader *reader, struct payload *payload, bool of_actor, struct event *event)
{
	event->lineage_count = (unsigned)take_number(payload, EVENT_LINEAGE_MAX);
	for (unsigned i = 0; i < event->lineage_count; i++) {
		event->lineage[i].pid = (uint32_t)take_number(payload, UINT32_MAX);
		take_string(reader, payload, of_actor, true, &event->lineage[i].program);
		take_string(reader, payload, of_actor, false, &event->lineage[i].user);
	}
}

static void take_address(struct payload *payload, uint8_t *address)
{
	size_t size = take_number(payload, 16);
	const char *bytes = take_bytes(payload, size);

	if (bytes)
		memcpy(address, bytes, size);
}

static void take_value(struct recording_reader *reader, struct payload *payload, const struct field *field,
		       struct event *event)
{
	void *at = (char *)event + field->offset;
	bool of_actor = recording_is_actors(field);

	if (field->type == FIELD_ARGUMENTS)
		take_arguments(reader, payload, of_actor, event);
	else if (field->type == FIELD_CONTEXT)
		take_context(reader, payload, of_actor, at);
	else if (field->type == FIELD_LINEAGE)
		take_lineage(reader, payload, of_actor, event);
	else if (field->type == FIELD_ADDRESS)
		take_address(payload, at);
	else if (recording_layout(field)->form == FORM_TEXT)
		take_string(reader, payload, of_actor, field->type == FIELD_TEXT, at);
	else
		take_number_field(reader, payload, field, event);
}

/* A value of a field that only a newer sombrero has. */
static void skip_value(struct recording_reader *reader, struct payload *payload, enum recording_form form)
{
	uint64_t count;

	switch (form) {
	case FORM_NUMBER:
		(void)take_number(payload, UINT64_MAX);
		break;
	case FORM_TEXT:
		(void)take_text(reader, payload, false);
		break;
	case FORM_BYTES:
		(void)take_bytes(payload, take_number(payload, RECORDING_RECORD_MAX));
		break;
	case FORM_LIST:
		count = take_number(payload, RECORDING_RECORD_MAX);
		for (uint64_t i = 0; i < count && !payload->fault; i++) {
			(void)take_number(payload, UINT64_MAX);
			(void)take_text(reader, payload, false);
			(void)take_text(reader, payload, false);
		}
		break;
	default:
		fail(payload, "a field that has no values");
	}
}

static void take_fields(struct recording_reader *reader, struct payload *payload, bool of_actor, struct event *event)
{
	while (payload->at < payload->end) {
		uint64_t number = take_number(payload, FIELDS_MAX - 1);
		const struct known_field *known = &reader->fields[number];

		if (payload->fault || number >= reader->field_count) {
			fail(payload, "a field that has no name");
			return;
		}
		if (!known->field) {
			skip_value(reader, payload, known->form);
		} else if (known->form == FORM_NONE || recording_is_actors(known->field) != of_actor ||
			   !(known->field->kinds & 1U << event->kind)) {
			fail(payload, "a field that does not belong there");
		} else {
			take_value(reader, payload, known->field, event);
		}
	}
}

/* ---- actors and events ---- */

static uint32_t our_flags(const struct recording_reader *reader, uint32_t theirs)
{
	uint32_t flags = 0;

	for (unsigned bit = 0; theirs; bit++, theirs >>= 1) {
		if (theirs & 1 && reader->words[WORDS_FLAG][bit] >= 0)
			flags |= 1U << reader->words[WORDS_FLAG][bit];
	}
	return flags;
}

/* Room for all texts of a record of `size` bytes; each has two bytes there besides its own. */
static int make_room(struct recording_reader *reader, size_t size)
{
	char *room;

	reader->room_used = 0;
	if (reader->room_size >= size)
		return 0;
	room = realloc(reader->room, size);
	if (!room)
		return -ENOMEM;
	reader->room = room;
	reader->room_size = size;
	return 0;
}

static int number_kind(struct recording_reader *reader, struct event *actor)
{
	struct actor_kind key = { .context = actor->context, .program = actor->program.text };
	struct actor_kind *kind = table_find(&reader->kinds, kind_hash(&key), &key);

	if (!kind) {
		kind = malloc(sizeof(*kind));
		if (!kind)
			return -ENOMEM;
		*kind = key;
		kind->number = ++reader->last_kind;
		if (table_insert(&reader->kinds, kind_hash(kind), kind) < 0) {
			free(kind);
			return -ENOMEM;
		}
	}
	actor->same_program = kind->number;
	return 0;
}

static int take_actor(struct recording_reader *reader, struct payload *payload)
{
	struct event *actor;

	if (reader->actor_count == RECORDING_ACTORS_MAX) {
		fail(payload, "more actors than a recording has between two resets");
		return 0;
	}
	actor = malloc(sizeof(*actor));
	if (!actor || make_room(reader, (size_t)(payload->end - payload->at)) < 0) {
		free(actor);
		return -ENOMEM;
	}
	event_init(actor, EVENT_EXEC);
	take_fields(reader, payload, true, actor);
	actor->same_actor = ++reader->last_actor;
	reader->actors[reader->actor_count++] = actor;
	return number_kind(reader, actor);
}

static int take_event(struct recording_reader *reader, struct payload *payload)
{
	uint64_t actor = take_number(payload, UINT32_MAX);

	if (payload->fault || actor >= reader->actor_count) {
		fail(payload, "an actor that was not said before");
		return 0;
	}
	if (make_room(reader, (size_t)(payload->end - payload->at)) < 0)
		return -ENOMEM;
	reader->event = *reader->actors[actor];
	/* What a connection left there. */
	reader->event.family = reader->event.protocol = 0;
	reader->event.local_port = reader->event.remote_port = 0;
	memset(reader->event.local_address, 0, sizeof(reader->event.local_address));
	memset(reader->event.remote_address, 0, sizeof(reader->event.remote_address));
	reader->event.kind = (enum event_kind)take_word(reader, payload, WORDS_KIND);
	reader->last_ns += (uint64_t)recording_unzigzag(take_number(payload, UINT64_MAX));
	reader->event.time_ns = reader->last_ns;
	reader->event.flags = our_flags(reader, (uint32_t)take_number(payload, UINT32_MAX));
	take_fields(reader, payload, false, &reader->event);
	return 0;
}

/* ---- peers ---- */

struct peer {
	uint64_t actor, time, flags;
	const uint8_t *ports, *remote, *local;
	bool has_end; /* each number ended where it may */
};

static inline const uint8_t *fast_number(const uint8_t *at, uint64_t *out, bool *has_end)
{
	uint64_t number = *at & 0x7f;

	for (unsigned shift = 7; *at++ & 0x80; shift += 7) {
		if (shift > 63) {
			*has_end = false;
			break;
		}
		number |= (uint64_t)(*at & 0x7f) << shift;
	}
	*out = number;
	return at;
}

/* Where the record at `at` ends; there are PEER_SIZE_MAX bytes of whatever sort. Checks nothing but what it steps over. */
static inline const uint8_t *split_peer(const uint8_t *at, struct peer *peer)
{
	uint8_t tag = *at++;
	size_t size = tag & PEER_SIX ? 16 : 4;

	peer->has_end = true;
	peer->flags = 0;
	at = fast_number(at, &peer->actor, &peer->has_end);
	at = fast_number(at, &peer->time, &peer->has_end);
	if (tag & PEER_FLAGS)
		at = fast_number(at, &peer->flags, &peer->has_end);
	peer->ports = at;
	peer->remote = at + 4;
	at = peer->remote + size;
	peer->local = tag & PEER_LOCAL ? at : NULL;
	return peer->local ? at + size : at;
}

static inline void copy_address(uint8_t *to, const uint8_t *from, bool six)
{
	if (six) {
		memcpy(to, from, 16);
		return;
	}
	memset(to, 0, 16);
	if (from)
		memcpy(to, from, 4);
}

static inline void fill_peer(struct recording_reader *reader, uint8_t tag, const struct peer *peer, struct event *event)
{
	static const uint8_t none[16];
	bool six = tag & PEER_SIX;

	reader->last_ns += (uint64_t)recording_unzigzag(peer->time);
	event->kind = tag & PEER_ACCEPT ? EVENT_ACCEPT : EVENT_CONNECT;
	event->time_ns = reader->last_ns;
	event->flags = peer->flags ? our_flags(reader, (uint32_t)peer->flags) : 0;
	event->family = six ? AF_INET6 : AF_INET;
	event->protocol = tag & PEER_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	event->local_port = (uint16_t)(peer->ports[0] << 8 | peer->ports[1]);
	event->remote_port = (uint16_t)(peer->ports[2] << 8 | peer->ports[3]);
	copy_address(event->remote_address, peer->remote, six);
	copy_address(event->local_address, peer->local ? peer->local : none, six);
}

static const char *peer_fault(const struct recording_reader *reader, uint8_t tag, const struct peer *peer)
{
	if (tag & PEER_UNKNOWN)
		return "a sort of record that is not known here";
	if (!peer->has_end || peer->flags > UINT32_MAX)
		return "a number that is too large";
	return peer->actor >= reader->actor_count ? "an actor that was not said before" : NULL;
}

static int fault_at(const struct recording_reader *reader, const char *fault, struct error *error)
{
	return error_set(error, -EINVAL, "byte %" PRIu64 ": %s", reader->offset, fault);
}

/* The peer at `at`. *next stays NULL where it is not all there. */
static inline int take_peer(struct recording_reader *reader, const uint8_t *at, size_t left, const uint8_t **next,
			    event_sink sink, void *owner, struct error *error)
{
	uint8_t padded[PEER_SIZE_MAX] = { 0 };
	const uint8_t *start = at, *end;
	struct peer peer;
	const char *fault;
	struct event *event;

	if (left < PEER_SIZE_MAX) {
		memcpy(padded, at, left);
		start = padded;
	}
	end = split_peer(start, &peer);
	if ((size_t)(end - start) > left)
		return 0;
	fault = peer_fault(reader, *start, &peer);
	if (fault)
		return fault_at(reader, fault, error);
	event = reader->actors[peer.actor];
	fill_peer(reader, *start, &peer, event);
	*next = at + (end - start);
	reader->events++;
	reader->total++;
	return sink(owner, event);
}

/* ---- records ---- */

static int take_end(struct recording_reader *reader, struct payload *payload)
{
	uint64_t count = take_number(payload, UINT64_MAX);

	if (!payload->fault && count != reader->events)
		fail(payload, "an end that counts other events than there are");
	reader->place = PLACE_END;
	return 0;
}

static int take_payload(struct recording_reader *reader, uint8_t tag, struct payload *payload)
{
	int status = 0;

	if ((tag == TAG_SCHEMA) != (reader->place == PLACE_SCHEMA))
		fail(payload, "a record in the wrong place: the schema comes first, and once");
	else if (tag == TAG_SCHEMA)
		take_schema(reader, payload);
	else if (tag == TAG_TEXT)
		status = take_text_record(reader, payload);
	else if (tag == TAG_ACTOR)
		status = take_actor(reader, payload);
	else if (tag == TAG_EVENT)
		status = take_event(reader, payload);
	else if (tag == TAG_RESET)
		reset(reader);
	else if (tag == TAG_END)
		status = take_end(reader, payload);
	else
		fail(payload, "a sort of record that is not known here");
	if (!status && payload->at != payload->end)
		fail(payload, "a record that is longer than what it says");
	return status;
}

/* A record with its length at `at`; *next stays NULL where it is not all there. */
static int take_record(struct recording_reader *reader, const uint8_t *at, size_t left, const uint8_t **next,
		       event_sink sink, void *owner, struct error *error)
{
	struct payload payload = { .at = at + 1, .end = at + left };
	uint64_t size;
	int status;

	if (left < 1 + NUMBER_SIZE_MAX) {
		size_t digits = 1;

		while (digits < left && at[digits] & 0x80)
			digits++;
		if (digits >= left)
			return 0;
	}
	size = take_number(&payload, RECORDING_RECORD_MAX);
	if (payload.fault)
		return fault_at(reader, "a record that is too long", error);
	if ((size_t)(payload.end - payload.at) < size)
		return 0;
	payload.end = payload.at + size;
	*next = payload.end;
	status = take_payload(reader, *at, &payload);
	if (status < 0)
		return error_set(error, status, "out of memory");
	if (payload.fault)
		return fault_at(reader, payload.fault, error);
	if (*at != TAG_EVENT)
		return 0;
	reader->events++;
	reader->total++;
	return sink(owner, &reader->event);
}

/* The first bytes; another recording may follow one that has ended. */
static int take_magic(struct recording_reader *reader, const uint8_t *at, size_t left, const uint8_t **next,
		      struct error *error)
{
	if (!recording_begins(at, left))
		return fault_at(reader, "here a recording would have to begin", error);
	if (left < RECORDING_MAGIC_SIZE)
		return 0;
	if (memcmp(at, RECORDING_MAGIC, RECORDING_MAGIC_SIZE) != 0)
		return error_set(error, -EINVAL,
				 "byte %" PRIu64 ": a recording of version %u; this sombrero reads version 1",
				 reader->offset + RECORDING_MAGIC_SIZE - 1, at[RECORDING_MAGIC_SIZE - 1]);
	reset(reader);
	reader->last_ns = reader->events = 0;
	reader->place = PLACE_SCHEMA;
	*next = at + RECORDING_MAGIC_SIZE;
	return 0;
}

int recording_read(struct recording_reader *reader, const void *data, size_t size, size_t *used, event_sink sink,
		   void *owner, struct error *error)
{
	const uint8_t *at = data, *end = at + size;
	int status = 0;

	while (at < end && !status) {
		const uint8_t *next = NULL;
		size_t left = (size_t)(end - at);

		if (reader->place == PLACE_MAGIC || reader->place == PLACE_END)
			status = take_magic(reader, at, left, &next, error);
		else if (*at & TAG_PEER && reader->place == PLACE_RECORDS)
			status = take_peer(reader, at, left, &next, sink, owner, error);
		else
			status = take_record(reader, at, left, &next, sink, owner, error);
		if (!next)
			break;
		reader->offset += (uint64_t)(next - at);
		at = next;
	}
	*used = (size_t)(at - (const uint8_t *)data);
	return status;
}
