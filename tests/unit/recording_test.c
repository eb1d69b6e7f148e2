/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/ndjson.h"
#include "event/recording.h"
#include "event/recording_priv.h"

#include "any_event.h"

#define TEXT_MAX (256U * 1024 * 1024)

/* What a reader handed over, as NDJSON, and whose it was. */
struct told {
	struct buffer lines;
	uint64_t last_actor, last_program;
	uint64_t count, stop_at; /* 0: never */
};

static int tell(void *owner, const struct event *event)
{
	struct told *told = owner;

	ndjson_write(&told->lines, event);
	told->last_actor = event->same_actor;
	told->last_program = event->same_program;
	return ++told->count == told->stop_at ? -ECANCELED : 0;
}

/* Gives the reader so many bytes at once, and what it left again. What it returned. */
static int read_in_steps(const struct buffer *recording, size_t size, size_t step, struct told *told, bool *whole,
			 struct error *error)
{
	struct recording_reader *reader = recording_reader_new();
	size_t at = 0, given = 0, used;
	int status = 0;

	assert_non_null(reader);
	*error = (struct error) { "" };
	*told = (struct told) { .lines = BUFFER_INIT(TEXT_MAX) };
	while (!status && given < size) {
		size_t left;
		char *part;

		given = size - given < step ? size : given + step;
		left = given - at;
		/* A block of its own, so that the sanitiser sees each byte read beyond it. */
		part = malloc(left ? left : 1);
		assert_non_null(part);
		memcpy(part, recording->data + at, left);
		status = recording_read(reader, part, left, &used, tell, told, error);
		free(part);
		assert_true(used <= left);
		at += used;
	}
	*whole = recording_is_whole(reader) && at == size;
	assert_int_equal(recording_events(reader), told->count);
	recording_reader_free(reader);
	return status;
}

static void check_read(const struct buffer *recording, size_t step, const struct buffer *lines)
{
	struct error error;
	struct told told;
	bool whole;

	assert_int_equal(read_in_steps(recording, recording->size, step, &told, &whole, &error), 0);
	assert_true(whole);
	assert_int_equal(told.lines.size, lines->size);
	assert_memory_equal(buffer_string(&told.lines), buffer_string(lines), lines->size);
	buffer_free(&told.lines);
}

/* A connection of one of many actors. */
static void any_peer(struct event *event)
{
	event_init(event, any_below(2) ? EVENT_CONNECT : EVENT_ACCEPT);
	event->time_ns = 1764000000000000000ULL + any_number() % 1000000000000ULL;
	event->host = "web-1";
	event->context = (struct context) { CONTEXT_SERVICE, strings[any_below(4)], "" };
	event->program.exe = event->program.text = "/usr/sbin/nginx";
	event->pid = 1 + any_below(8);
	event->family = any_below(4) ? AF_INET : AF_INET6;
	event->protocol = any_below(2) ? IPPROTO_TCP : IPPROTO_UDP;
	event->flags = any_below(2) ? 0 : (uint32_t)any_number();
	event->local_port = (uint16_t)any_number();
	event->remote_port = (uint16_t)any_number();
	memcpy(event->remote_address, any_string(), 16);
	if (any_below(2))
		memcpy(event->local_address, any_string(), 16);
}

static void fill_strings(void)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		random_bytes(strings[i], sizeof(strings[i]) - 1);
}

/* Events of all kinds, of which most are connections; what they are as NDJSON in `lines`. */
static void write_events(unsigned count, struct buffer *recording, struct buffer *lines)
{
	struct recording_writer *writer = recording_writer_new();
	struct event event;

	assert_non_null(writer);
	*recording = BUFFER_INIT(TEXT_MAX);
	*lines = BUFFER_INIT(TEXT_MAX);
	for (unsigned i = 0; i < count; i++) {
		if (any_below(3))
			any_peer(&event);
		else
			any_event(&event);
		ndjson_write(lines, &event);
		assert_int_equal(recording_write(writer, &event, recording), 0);
	}
	assert_int_equal(recording_end(writer, recording), 0);
	recording_writer_free(writer);
}

static void any_events_recorded_and_read_say_the_same(void **state)
{
	struct buffer recording, lines;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		fill_strings();
		write_events(500, &recording, &lines);
		check_read(&recording, recording.size, &lines);
		buffer_free(&recording);
		buffer_free(&lines);
	}
}

static void bytes_may_come_in_any_portions(void **state)
{
	struct buffer recording, lines;

	(void)state;
	fill_strings();
	write_events(60, &recording, &lines);
	for (size_t step = 1; step < 70; step++)
		check_read(&recording, step, &lines);
	buffer_free(&recording);
	buffer_free(&lines);
}

static void a_recording_cut_anywhere_is_read_up_to_the_cut(void **state)
{
	struct buffer recording, lines;
	size_t least = 0;

	(void)state;
	fill_strings();
	write_events(40, &recording, &lines);
	for (size_t size = 0; size < recording.size; size++) {
		struct error error;
		struct told told;
		bool whole;

		assert_int_equal(read_in_steps(&recording, size, size + 1, &told, &whole, &error), 0);
		assert_false(whole);
		assert_true(told.lines.size >= least && told.lines.size <= lines.size);
		assert_memory_equal(buffer_string(&told.lines), buffer_string(&lines), told.lines.size);
		least = told.lines.size;
		buffer_free(&told.lines);
	}
	/* Only the end was missing. */
	assert_int_equal(least, lines.size);
	buffer_free(&recording);
	buffer_free(&lines);
}

static void recordings_may_follow_each_other(void **state)
{
	struct buffer recording, lines, second, more;

	(void)state;
	fill_strings();
	write_events(50, &recording, &lines);
	write_events(70, &second, &more);
	buffer_append(&recording, second.data, second.size);
	buffer_append(&lines, more.data, more.size);
	check_read(&recording, 1000, &lines);
	buffer_free(&recording);
	buffer_free(&lines);
	buffer_free(&second);
	buffer_free(&more);
}

/* A connection's bytes are some twenty, of which it needs its actor's only once. */
static void a_connection_is_small(void **state)
{
	struct recording_writer *writer = recording_writer_new();
	struct buffer recording = BUFFER_INIT(TEXT_MAX);
	struct event event;
	size_t before = 0;

	(void)state;
	assert_non_null(writer);
	fill_strings();
	any_peer(&event);
	event.family = AF_INET;
	event.flags = 0;
	for (unsigned i = 0; i < 1000; i++) {
		event.time_ns += 3000000;
		event.remote_port = (uint16_t)i;
		assert_int_equal(recording_write(writer, &event, &recording), 0);
		before = i ? before : recording.size;
	}
	assert_true(recording.size - before <= 999 * 20);
	buffer_free(&recording);
	recording_writer_free(writer);
}

/* Whatever there is of texts and actors, a reader needs to know only so many at once. */
static void texts_and_actors_without_end_have_room(void **state)
{
	struct recording_writer *writer = recording_writer_new();
	struct buffer recording = BUFFER_INIT(TEXT_MAX), lines = BUFFER_INIT(TEXT_MAX);
	char cwd[4096];
	struct event event;

	(void)state;
	assert_non_null(writer);
	memset(cwd, 'x', sizeof(cwd) - 1);
	cwd[sizeof(cwd) - 1] = '\0';
	event_init(&event, EVENT_EXIT);
	event.cwd = cwd;
	for (unsigned i = 0; i < 3 * RECORDING_ACTORS_MAX; i++) {
		event.pid = i + 1;
		(void)snprintf(cwd, 12, "%011u", i / 2);
		ndjson_write(&lines, &event);
		assert_int_equal(recording_write(writer, &event, &recording), 0);
	}
	assert_int_equal(recording_end(writer, &recording), 0);
	assert_false(lines.failed);
	check_read(&recording, 1 << 20, &lines);
	buffer_free(&recording);
	buffer_free(&lines);
	recording_writer_free(writer);
}

/* Told by number, whether it is one that the source gave or that the writer found. */
static void the_same_actor_and_program_have_the_same_number(void **state)
{
	struct recording_writer *writer = recording_writer_new();
	struct buffer recording = BUFFER_INIT(TEXT_MAX);
	uint64_t same[4] = { 0 }, program[4] = { 0 };
	struct event event;

	(void)state;
	assert_non_null(writer);
	event_init(&event, EVENT_EXIT);
	for (unsigned i = 0; i < 4; i++) {
		struct error error;
		struct told told;
		bool whole;

		event.pid = i == 2 ? 8 : 7;
		event.exit_code = i;
		event.program.text = i == 3 ? "/bin/b" : "/bin/a";
		assert_int_equal(recording_write(writer, &event, &recording), 0);
		assert_int_equal(read_in_steps(&recording, recording.size, 100000, &told, &whole, &error), 0);
		same[i] = told.last_actor;
		program[i] = told.last_program;
		buffer_free(&told.lines);
	}
	assert_true(same[0] && same[0] == same[1] && same[2] && same[2] != same[0] && same[3] && same[3] != same[0]);
	assert_true(program[0] && program[0] == program[1] && program[0] == program[2] && program[3] != program[0]);
	buffer_free(&recording);
	recording_writer_free(writer);
}

static void what_the_sink_returns_ends_it(void **state)
{
	struct recording_reader *reader = recording_reader_new();
	struct told told = { .lines = BUFFER_INIT(TEXT_MAX), .stop_at = 3 };
	struct buffer recording, lines;
	struct error error = { "" };
	size_t used;

	(void)state;
	assert_non_null(reader);
	fill_strings();
	write_events(10, &recording, &lines);
	assert_int_equal(recording_read(reader, recording.data, recording.size, &used, tell, &told, &error),
			 -ECANCELED);
	assert_string_equal(error.text, "");
	assert_int_equal(told.count, 3);
	buffer_free(&told.lines);
	buffer_free(&recording);
	buffer_free(&lines);
	recording_reader_free(reader);
}

/* Flips, overwrites and cuts out bytes: all of it is read, or refused with the byte where it went wrong. */
static void damage_is_read_or_refused(void **state)
{
	struct buffer recording, lines;
	unsigned refused = 0;

	(void)state;
	fill_strings();
	write_events(30, &recording, &lines);
	for (unsigned round = 0; round < 3000; round++) {
		struct buffer damaged = BUFFER_INIT(TEXT_MAX);
		size_t at = any_below((unsigned)recording.size), gone = any_below(8) ? 0 : any_below(9);
		struct error error;
		struct told told;
		bool whole;
		int status;

		gone = gone < recording.size - at ? gone : 0;
		buffer_append(&damaged, recording.data, at);
		buffer_append(&damaged, recording.data + at + gone, recording.size - at - gone);
		if (!gone)
			damaged.data[at] = (char)any_number();
		status = read_in_steps(&damaged, damaged.size, 1 + any_below(2000), &told, &whole, &error);
		refused += status != 0;
		assert_true(!status || (status == -EINVAL && strncmp(error.text, "byte ", 5) == 0));
		buffer_free(&told.lines);
		buffer_free(&damaged);
	}
	assert_true(refused > 1000);
	buffer_free(&recording);
	buffer_free(&lines);
}

static void another_version_is_refused_by_its_number(void **state)
{
	struct buffer recording, lines;
	struct error error;
	struct told told;
	bool whole;

	(void)state;
	fill_strings();
	write_events(1, &recording, &lines);
	recording.data[RECORDING_MAGIC_SIZE - 1] = 9;
	assert_true(recording_begins(recording.data, recording.size));
	assert_int_equal(read_in_steps(&recording, recording.size, 100, &told, &whole, &error), -EINVAL);
	assert_string_equal(error.text, "byte 9: a recording of version 9; this sombrero reads version 1");
	buffer_free(&told.lines);
	buffer_free(&recording);
	buffer_free(&lines);
}

/* A field of a new type needs a line in recording.c, or recordings would leave it out. */
static void every_field_has_a_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < field_count; i++) {
		enum field_type type = field_table[i].type;
		bool has_place = type == FIELD_TIME || type == FIELD_KIND || type == FIELD_FLAGS;

		assert_true(has_place == (recording_layout(&field_table[i])->form == FORM_NONE));
	}
}

static void ndjson_is_no_recording(void **state)
{
	(void)state;
	assert_false(recording_begins("{", 1));
	assert_false(recording_begins("", 0));
	assert_true(recording_begins(RECORDING_MAGIC, 1));
	assert_true(recording_begins(RECORDING_MAGIC "…", RECORDING_MAGIC_SIZE + 3));
}

/* ---- by hand ---- */

static void put(struct buffer *out, enum recording_tag tag, const char *bytes, size_t size)
{
	buffer_byte(out, (char)tag);
	buffer_byte(out, (char)size);
	buffer_append(out, bytes, size);
}

/* A schema of one kind, "exit", no other words, and two fields: one that nobody knows, of a list's form, and `host`. */
static struct buffer begin_by_hand(void)
{
	static const char schema[] = "\x02\x00\x04"
				     "exit"
				     "\x00\x00\x00\x00\x02\x03\x05"
				     "later"
				     "\x02\x04"
				     "host";
	struct buffer out = BUFFER_INIT(TEXT_MAX);

	buffer_append(&out, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	put(&out, TAG_SCHEMA, schema, sizeof(schema) - 1);
	return out;
}

static void check_by_hand(struct buffer *recording, int expected, const char *text)
{
	struct error error;
	struct told told;
	bool whole;

	assert_int_equal(read_in_steps(recording, recording->size, 7, &told, &whole, &error), expected);
	assert_string_equal(expected ? error.text : buffer_string(&told.lines), text);
	buffer_free(&told.lines);
	buffer_free(recording);
}

static void fields_of_a_newer_sombrero_are_skipped(void **state)
{
	struct buffer recording = begin_by_hand();

	(void)state;
	put(&recording, TAG_TEXT, "web-1", 5);
	/* later: (5, "web-1", "web-1"); host: "web-1" */
	put(&recording, TAG_ACTOR, "\x00\x01\x05\x01\x01\x01\x01", 7);
	put(&recording, TAG_EVENT, "\x00\x01\x00\x00", 4);
	check_by_hand(
		&recording, 0,
		"{\"time\":\"1970-01-01T00:00:00.000000000Z\",\"host\":\"web-1\",\"kind\":\"exit\",\"exit_code\":0}\n");
}

static void what_is_not_there_is_refused(void **state)
{
	static const struct {
		enum recording_tag tag;
		const char *bytes;
		size_t size;
		const char *fault;
	} rows[] = {
		{ TAG_EVENT, "\x00\x01\x00\x00", 4, "an actor that was not said before" },
		{ TAG_ACTOR, "\x01\x01", 2, "a text that was not said before" },
		{ TAG_ACTOR, "\x02\x01", 2, "a field that has no name" },
		{ TAG_ACTOR, "\x01", 1, "a number without an end" },
		{ TAG_ACTOR, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "a number beyond 64 bits" },
		{ TAG_ACTOR, "\x00\x01\x00\x00\x09zu", 7, "more bytes than the record has" },
		{ TAG_SCHEMA, "", 0, "a record in the wrong place: the schema comes first, and once" },
		{ TAG_RESET, "x", 1, "a record that is longer than what it says" },
		{ TAG_END, "\x05", 1, "an end that counts other events than there are" },
		{ (enum recording_tag)9, "", 0, "a sort of record that is not known here" },
		{ (enum recording_tag)(TAG_PEER | 0x40), "", 0, "a sort of record that is not known here" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer recording = begin_by_hand();
		char expected[128];

		(void)snprintf(expected, sizeof(expected), "byte %zu: %s", recording.size, rows[i].fault);
		put(&recording, rows[i].tag, rows[i].bytes, rows[i].size);
		/* So that a connection's record is all there. */
		buffer_append(&recording, (const char[80]) { 0 }, 80);
		check_by_hand(&recording, -EINVAL, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_events_recorded_and_read_say_the_same),
		cmocka_unit_test(bytes_may_come_in_any_portions),
		cmocka_unit_test(a_recording_cut_anywhere_is_read_up_to_the_cut),
		cmocka_unit_test(recordings_may_follow_each_other),
		cmocka_unit_test(a_connection_is_small),
		cmocka_unit_test(texts_and_actors_without_end_have_room),
		cmocka_unit_test(the_same_actor_and_program_have_the_same_number),
		cmocka_unit_test(what_the_sink_returns_ends_it),
		cmocka_unit_test(damage_is_read_or_refused),
		cmocka_unit_test(another_version_is_refused_by_its_number),
		cmocka_unit_test(every_field_has_a_form),
		cmocka_unit_test(ndjson_is_no_recording),
		cmocka_unit_test(fields_of_a_newer_sombrero_are_skipped),
		cmocka_unit_test(what_is_not_there_is_refused),
	};

	return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
