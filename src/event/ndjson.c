/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what an event looks like as JSON: for each type of field how it is written, how it is read, and when
 * it says nothing. Which fields there are is field.c's to say.
 */
#include "event/ndjson.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/escape.h"
#include "event/field_priv.h"

#define NANOSECONDS 1000000000ULL

/* The longest string the kernel gives, without its NUL byte. */
#define STRING_MAX 4095

struct ndjson_reader {
	char *text; /* owned: what the strings of the event point into */
	size_t used, capacity;
	struct buffer decoded;
};

/* One line being read. */
struct reading {
	struct ndjson_reader *reader;
	struct event *event;
	const char *field;
	struct error *error;
};

/* How one type of field is handled; `at` is its place in the event. */
struct codec {
	bool (*says_nothing)(const struct event *event, const void *at);
	void (*write)(struct buffer *out, const struct event *event, const void *at);
	int (*read)(const struct reading *reading, const json_t *value, void *at);
};

static int wrong(const struct reading *reading, const char *expected)
{
	return error_set(reading->error, -EINVAL, "%s: expected %s", reading->field, expected);
}

/* Text */

/* Puts a backslash before each quote and backslash from `mark` on; nothing else that escape_append() leaves needs one. */
static void protect(struct buffer *out, size_t mark)
{
	size_t specials = 0, from = out->size;
	char *to;

	if (out->failed)
		return;
	for (size_t i = mark; i < out->size; i++)
		specials += out->data[i] == '"' || out->data[i] == '\\';
	for (size_t i = 0; i < specials; i++)
		buffer_byte(out, '\\');
	if (!specials || out->failed)
		return;
	to = out->data + out->size;
	while (specials) {
		*--to = out->data[--from];
		if (*to == '"' || *to == '\\') {
			*--to = '\\';
			specials--;
		}
	}
}

static void write_string(struct buffer *out, const char *bytes, size_t size)
{
	size_t mark;

	buffer_byte(out, '"');
	mark = out->size;
	escape_append(out, bytes, size, "");
	protect(out, mark);
	buffer_byte(out, '"');
}

static void write_escaped(struct buffer *out, const char *text)
{
	size_t mark;

	buffer_byte(out, '"');
	mark = out->size;
	buffer_text(out, text);
	protect(out, mark);
	buffer_byte(out, '"');
}

/* For names of our own, which need no escape. */
static void write_word(struct buffer *out, const char *word)
{
	buffer_byte(out, '"');
	buffer_text(out, word);
	buffer_byte(out, '"');
}

static void write_key(struct buffer *out, const char *key)
{
	if (out->size && out->data[out->size - 1] != '{')
		buffer_byte(out, ',');
	write_word(out, key);
	buffer_byte(out, ':');
}

/* Keeps a copy for as long as the event lives. A string is never longer than the line it came in, quotes included. */
static char *keep(struct ndjson_reader *reader, const char *bytes, size_t size)
{
	char *kept = reader->text + reader->used;

	if (reader->capacity - reader->used <= size)
		return NULL;
	if (size)
		memcpy(kept, bytes, size);
	kept[size] = '\0';
	reader->used += size + 1;
	return kept;
}

/* Leaves what `value` stands for in reader->decoded. */
static int decode(const struct reading *reading, const json_t *value)
{
	struct buffer *decoded = &reading->reader->decoded;

	if (!json_is_string(value))
		return wrong(reading, "a string");
	buffer_clear(decoded);
	if (escape_decode(decoded, json_string_value(value), json_string_length(value)) < 0)
		return wrong(reading, "\\\\ or \\xHH (and no \\x00) after a backslash");
	if (decoded->failed)
		return error_set(reading->error, -ENOMEM, "%s: out of memory", reading->field);
	return 0;
}

static int keep_string(const struct reading *reading, const char *bytes, size_t size, size_t maximum, const char **out)
{
	const char *kept;

	if (size > maximum)
		return error_set(reading->error, -EINVAL, "%s: longer than %zu bytes", reading->field, maximum);
	kept = keep(reading->reader, bytes, size);
	if (!kept)
		return error_set(reading->error, -EINVAL, "%s: more text than the line has", reading->field);
	*out = kept;
	return 0;
}

static int read_bytes(const struct reading *reading, const json_t *value, void *at)
{
	const struct buffer *decoded = &reading->reader->decoded;
	int status = decode(reading, value);

	return status < 0 ? status : keep_string(reading, decoded->data, decoded->size, STRING_MAX, at);
}

/* Program text stays escaped, so it must be something that escaping can make. */
static int read_text(const struct reading *reading, const json_t *value, void *at)
{
	struct buffer *again = &reading->reader->decoded;
	const char *text = json_string_value(value);
	size_t size = json_string_length(value), backslashes = 0;
	int status = decode(reading, value);

	if (status < 0)
		return status;
	for (size_t i = 0; i < size; i++)
		backslashes += text[i] == '\\';
	buffer_clear(again);
	escape_append(again, text, size, "");
	if (again->failed)
		return error_set(reading->error, -ENOMEM, "%s: out of memory", reading->field);
	if (again->size != size + backslashes)
		return wrong(reading, "control characters as \\xHH");
	return keep_string(reading, text, size, PROGRAM_TEXT_MAX - 1, at);
}

static bool no_string(const struct event *event, const void *at)
{
	(void)event;
	return !**(const char *const *)at;
}

static void write_bytes(struct buffer *out, const struct event *event, const void *at)
{
	const char *bytes = *(const char *const *)at;

	(void)event;
	write_string(out, bytes, strlen(bytes));
}

static void write_text(struct buffer *out, const struct event *event, const void *at)
{
	(void)event;
	write_escaped(out, *(const char *const *)at);
}

/* Arguments */

static bool no_arguments(const struct event *event, const void *at)
{
	(void)at;
	return !event->argv_size;
}

static void write_arguments(struct buffer *out, const struct event *event, const void *at)
{
	const char *argument = event->argv, *end = argument + event->argv_size;
	size_t size;

	(void)at;
	buffer_byte(out, '[');
	while (argument < end) {
		if (argument > event->argv)
			buffer_byte(out, ',');
		size = strnlen(argument, (size_t)(end - argument));
		write_string(out, argument, size);
		argument += size + 1;
	}
	buffer_byte(out, ']');
}

static int read_arguments(const struct reading *reading, const json_t *value, void *at)
{
	size_t from = reading->reader->used, i;
	const char *argument;
	const json_t *item;
	int status;

	(void)at;
	if (!json_is_array(value))
		return wrong(reading, "a list of strings");
	json_array_foreach(value, i, item) {
		status = decode(reading, item);
		if (status == 0)
			status = keep_string(reading, reading->reader->decoded.data, reading->reader->decoded.size,
					     NDJSON_LINE_MAX, &argument);
		if (status < 0)
			return status;
	}
	/* They were kept one behind the other, each with its NUL byte, which is what argv is. */
	reading->event->argv = reading->reader->text + from;
	reading->event->argv_size = reading->reader->used - from;
	return 0;
}

/* Numbers */

static void write_number(struct buffer *out, uint64_t number)
{
	char digits[20], *at = digits + sizeof(digits);

	if (number > INT64_MAX)
		number = INT64_MAX;
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buffer_append(out, at, (size_t)(digits + sizeof(digits) - at));
}

static int read_number(const struct reading *reading, const json_t *value, uint64_t maximum, uint64_t *out)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value))
		return wrong(reading, "a whole number");
	if (number < 0 || (uint64_t)number > maximum)
		return error_set(reading->error, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is not from 0 to %" PRIu64,
				 reading->field, number, maximum);
	*out = (uint64_t)number;
	return 0;
}

static bool never_silent(const struct event *event, const void *at)
{
	(void)event;
	(void)at;
	return false;
}

static bool no_id(const struct event *event, const void *at)
{
	(void)event;
	return *(const uint32_t *)at == EVENT_NO_ID;
}

static bool zero_16(const struct event *event, const void *at)
{
	(void)event;
	return !*(const uint16_t *)at;
}

static bool zero_32(const struct event *event, const void *at)
{
	(void)event;
	return !*(const uint32_t *)at;
}

static bool zero_64(const struct event *event, const void *at)
{
	(void)event;
	return !*(const uint64_t *)at;
}

static void write_16(struct buffer *out, const struct event *event, const void *at)
{
	(void)event;
	write_number(out, *(const uint16_t *)at);
}

static void write_32(struct buffer *out, const struct event *event, const void *at)
{
	(void)event;
	write_number(out, *(const uint32_t *)at);
}

static void write_64(struct buffer *out, const struct event *event, const void *at)
{
	(void)event;
	write_number(out, *(const uint64_t *)at);
}

static int read_16(const struct reading *reading, const json_t *value, void *at)
{
	uint64_t number = 0;
	int status = read_number(reading, value, UINT16_MAX, &number);

	if (status == 0)
		*(uint16_t *)at = (uint16_t)number;
	return status;
}

static int read_32(const struct reading *reading, const json_t *value, void *at)
{
	uint64_t number = 0;
	int status = read_number(reading, value, UINT32_MAX, &number);

	if (status == 0)
		*(uint32_t *)at = (uint32_t)number;
	return status;
}

static int read_64(const struct reading *reading, const json_t *value, void *at)
{
	return read_number(reading, value, INT64_MAX, at);
}

static void write_bits(struct buffer *out, const struct event *event, const void *at)
{
	char text[24];

	(void)event;
	(void)snprintf(text, sizeof(text), "%" PRIx64, *(const uint64_t *)at);
	write_word(out, text);
}

static int read_bits(const struct reading *reading, const json_t *value, void *at)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = json_string_value(value), *digit;
	size_t size = json_string_length(value);
	uint64_t bits = 0;

	if (!text || size < 1 || size > 16)
		return wrong(reading, "a string of 1 to 16 hexadecimal digits");
	for (; *text; text++) {
		digit = strchr(digits, *text);
		if (!digit)
			return wrong(reading, "hexadecimal digits in lower case");
		bits = bits << 4 | (uint64_t)(digit - digits);
	}
	*(uint64_t *)at = bits;
	return 0;
}

/* Files */

static bool no_size(const struct event *event, const void *at)
{
	(void)event;
	return *(const uint64_t *)at == EVENT_NO_SIZE;
}

static void write_mode(struct buffer *out, const struct event *event, const void *at)
{
	(void)event;
	buffer_printf(out, "\"%04o\"", *(const uint32_t *)at & 07777);
}

static int read_mode(const struct reading *reading, const json_t *value, void *at)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) != 4 || strspn(text, "01234567") != 4)
		return wrong(reading, "four octal digits such as \"0644\"");
	*(uint32_t *)at = (uint32_t)strtoul(text, NULL, 8);
	return 0;
}

static bool no_file_type(const struct event *event, const void *at)
{
	enum file_type type = *(const enum file_type *)at;

	(void)event;
	return type == FILE_NONE || !file_type_name(type);
}

static void write_file_type(struct buffer *out, const struct event *event, const void *at)
{
	(void)event;
	write_word(out, file_type_name(*(const enum file_type *)at));
}

/* Time */

static char *put_digits(char *at, unsigned long value, unsigned count)
{
	for (unsigned i = count; i; i--) {
		at[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + count;
}

static void write_time(struct buffer *out, const struct event *event, const void *at)
{
	uint64_t time_ns = *(const uint64_t *)at;
	time_t seconds = (time_t)(time_ns / NANOSECONDS);
	char text[32], *end = text;
	struct tm part = { 0 };

	(void)event;
	(void)gmtime_r(&seconds, &part);
	end = put_digits(end, (unsigned long)part.tm_year + 1900, 4);
	*end++ = '-';
	end = put_digits(end, (unsigned long)part.tm_mon + 1, 2);
	*end++ = '-';
	end = put_digits(end, (unsigned long)part.tm_mday, 2);
	*end++ = 'T';
	end = put_digits(end, (unsigned long)part.tm_hour, 2);
	*end++ = ':';
	end = put_digits(end, (unsigned long)part.tm_min, 2);
	*end++ = ':';
	end = put_digits(end, (unsigned long)part.tm_sec, 2);
	*end++ = '.';
	end = put_digits(end, time_ns % NANOSECONDS, 9);
	*end++ = 'Z';
	*end = '\0';
	write_word(out, text);
}

/* Reads exactly `count` digits and, where it is not NUL, the character after them. NULL when they are not there. */
static const char *take_digits(const char *at, unsigned count, char after, int *out)
{
	int value = 0;

	if (!at)
		return NULL;
	for (unsigned i = 0; i < count; i++, at++) {
		if (*at < '0' || *at > '9')
			return NULL;
		value = value * 10 + (*at - '0');
	}
	if (after && *at++ != after)
		return NULL;
	*out = value;
	return at;
}

/* ".1" to ".123456789", or nothing, then "Z". */
static bool take_fraction(const char *at, uint64_t *out)
{
	uint64_t unit = NANOSECONDS / 10, value = 0;

	if (*at == '.') {
		for (at++; unit && *at >= '0' && *at <= '9'; at++, unit /= 10)
			value += unit * (uint64_t)(*at - '0');
		if (unit == NANOSECONDS / 10)
			return false;
	}
	*out = value;
	return strcmp(at, "Z") == 0;
}

/* Seconds since 1970, or -1 for what is no date: timegm() would carry 30 February over into March. */
static int64_t seconds_of(struct tm part)
{
	struct tm given = part, back;
	time_t seconds = timegm(&part);

	if (seconds < 0 || !gmtime_r(&seconds, &back))
		return -1;
	if (back.tm_mon != given.tm_mon || back.tm_mday != given.tm_mday || back.tm_hour != given.tm_hour ||
	    back.tm_min != given.tm_min || back.tm_sec != given.tm_sec)
		return -1;
	return seconds;
}

static int read_time(const struct reading *reading, const json_t *value, void *at)
{
	static const char expected[] = "a time like 2026-11-24T11:35:46.123456789Z, from 1970 to 2554";
	const char *text = json_string_value(value);
	struct tm part = { 0 };
	uint64_t fraction, time_ns;
	int64_t seconds;

	text = take_digits(text, 4, '-', &part.tm_year);
	text = take_digits(text, 2, '-', &part.tm_mon);
	text = take_digits(text, 2, 'T', &part.tm_mday);
	text = take_digits(text, 2, ':', &part.tm_hour);
	text = take_digits(text, 2, ':', &part.tm_min);
	text = take_digits(text, 2, '\0', &part.tm_sec);
	if (!text || !take_fraction(text, &fraction))
		return wrong(reading, expected);
	part.tm_year -= 1900;
	part.tm_mon -= 1;
	seconds = seconds_of(part);
	if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NANOSECONDS, &time_ns) ||
	    __builtin_add_overflow(time_ns, fraction, &time_ns))
		return wrong(reading, expected);
	*(uint64_t *)at = time_ns;
	return 0;
}

/* Names of numbers */

/* The number below `count` that `name` gives this text, or -1. */
static int number_of(const json_t *value, const char *(*name)(unsigned number), unsigned count)
{
	const char *text = json_string_value(value), *known;

	for (unsigned i = 0; text && i < count; i++) {
		known = name(i);
		if (known && strcmp(known, text) == 0)
			return (int)i;
	}
	return -1;
}

static const char *name_of_kind(unsigned number)
{
	return event_kind_name((enum event_kind)number);
}

static const char *name_of_context(unsigned number)
{
	return context_kind_name((enum context_kind)number);
}

static const char *name_of_script(unsigned number)
{
	return script_kind_name((enum script_kind)number);
}

static const char *name_of_file_type(unsigned number)
{
	return file_type_name((enum file_type)number);
}

static int read_file_type(const struct reading *reading, const json_t *value, void *at)
{
	int type = number_of(value, name_of_file_type, FILE_TYPE_COUNT);

	if (type < 0)
		return wrong(reading, "a type of file such as \"directory\"");
	*(enum file_type *)at = (enum file_type)type;
	return 0;
}

static void write_kind(struct buffer *out, const struct event *event, const void *at)
{
	const char *name = event_kind_name(event->kind);

	(void)at;
	write_word(out, name ? name : "");
}

static int read_kind(const struct reading *reading, const json_t *value, void *at)
{
	int kind = number_of(value, name_of_kind, EVENT_KIND_COUNT);

	(void)at;
	if (kind < 0)
		return wrong(reading, "a kind of event such as \"exec\"");
	reading->event->kind = (enum event_kind)kind;
	return 0;
}

static bool no_script_kind(const struct event *event, const void *at)
{
	(void)at;
	return event->program.script_kind == SCRIPT_NONE || !script_kind_name(event->program.script_kind);
}

static void write_script_kind(struct buffer *out, const struct event *event, const void *at)
{
	(void)at;
	write_word(out, script_kind_name(event->program.script_kind));
}

static int read_script_kind(const struct reading *reading, const json_t *value, void *at)
{
	int kind = number_of(value, name_of_script, SCRIPT_KIND_COUNT);

	(void)at;
	if (kind < 0)
		return wrong(reading, "a kind of script such as \"trusted\"");
	reading->event->program.script_kind = (enum script_kind)kind;
	return 0;
}

static bool no_flags(const struct event *event, const void *at)
{
	(void)at;
	return !(event->flags & ((1U << EVENT_FLAG_COUNT) - 1));
}

static void write_flags(struct buffer *out, const struct event *event, const void *at)
{
	const char *between = "";

	(void)at;
	buffer_byte(out, '[');
	for (unsigned bit = 0; bit < EVENT_FLAG_COUNT; bit++) {
		if (!(event->flags & 1U << bit))
			continue;
		buffer_text(out, between);
		write_word(out, event_flag_name(bit));
		between = ",";
	}
	buffer_byte(out, ']');
}

static int read_flags(const struct reading *reading, const json_t *value, void *at)
{
	const json_t *item;
	size_t i;
	int bit;

	(void)at;
	if (!json_is_array(value))
		return wrong(reading, "a list of names");
	json_array_foreach(value, i, item) {
		if (!json_is_string(item))
			return wrong(reading, "a list of names");
		bit = number_of(item, event_flag_name, EVENT_FLAG_COUNT);
		if (bit >= 0) /* else a newer sensor's */
			reading->event->flags |= 1U << bit;
	}
	return 0;
}

/* Contexts and ancestors: objects within the object */

/* Reads a member that may be missing. */
static int read_member(const struct reading *reading, const json_t *object, const char *name,
		       int (*read)(const struct reading *reading, const json_t *value, void *at), void *at)
{
	const json_t *value = json_object_get(object, name);
	struct reading inner = *reading;
	char path[64];

	if (!value)
		return 0;
	(void)snprintf(path, sizeof(path), "%s.%s", reading->field, name);
	inner.field = path;
	return read(&inner, value, at);
}

static void write_member(struct buffer *out, const char *name, const char *bytes)
{
	if (!*bytes)
		return;
	write_key(out, name);
	write_string(out, bytes, strlen(bytes));
}

static bool no_context(const struct event *event, const void *at)
{
	const struct context *context = at;

	(void)event;
	return context->kind == CONTEXT_UNKNOWN && !*context->name && !*context->container;
}

static void write_context(struct buffer *out, const struct event *event, const void *at)
{
	const struct context *context = at;
	const char *kind = context_kind_name(context->kind);

	(void)event;
	buffer_byte(out, '{');
	write_key(out, "kind");
	write_word(out, kind ? kind : context_kind_name(CONTEXT_UNKNOWN));
	write_member(out, "name", context->name);
	write_member(out, "container", context->container);
	buffer_byte(out, '}');
}

static int read_context(const struct reading *reading, const json_t *value, void *at)
{
	int kind = number_of(json_object_get(value, "kind"), name_of_context, CONTEXT_KIND_COUNT);
	struct context *context = at;
	int status;

	if (!json_is_object(value))
		return wrong(reading, "an object with kind, name and container");
	if (kind < 0)
		return wrong(reading, "a kind of context such as \"service\" as its kind");
	context->kind = (enum context_kind)kind;
	status = read_member(reading, value, "name", read_bytes, &context->name);
	return status < 0 ? status : read_member(reading, value, "container", read_bytes, &context->container);
}

static bool no_lineage(const struct event *event, const void *at)
{
	(void)at;
	return !event->lineage_count;
}

static void write_lineage(struct buffer *out, const struct event *event, const void *at)
{
	const struct event_ancestor *ancestor = at;

	buffer_byte(out, '[');
	for (unsigned i = 0; i < event->lineage_count && i < EVENT_LINEAGE_MAX; i++, ancestor++) {
		buffer_text(out, i ? ",{" : "{");
		if (ancestor->pid) {
			write_key(out, "pid");
			write_number(out, ancestor->pid);
		}
		if (*ancestor->program) {
			write_key(out, "program");
			write_escaped(out, ancestor->program);
		}
		write_member(out, "user", ancestor->user);
		buffer_byte(out, '}');
	}
	buffer_byte(out, ']');
}

static int read_ancestor(const struct reading *reading, const json_t *value, struct event_ancestor *ancestor)
{
	int status;

	if (!json_is_object(value))
		return wrong(reading, "objects with pid, program and user");
	status = read_member(reading, value, "pid", read_32, &ancestor->pid);
	if (status == 0)
		status = read_member(reading, value, "program", read_text, &ancestor->program);
	return status < 0 ? status : read_member(reading, value, "user", read_bytes, &ancestor->user);
}

static int read_lineage(const struct reading *reading, const json_t *value, void *at)
{
	const json_t *item;
	int status;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) > EVENT_LINEAGE_MAX)
		return wrong(reading, "a list of at most 16 ancestors");
	json_array_foreach(value, i, item) {
		status = read_ancestor(reading, item, (struct event_ancestor *)at + i);
		if (status < 0)
			return status;
	}
	reading->event->lineage_count = (unsigned)json_array_size(value);
	return 0;
}

/* Addresses */

struct name {
	const char *text;
	uint8_t number;
};

static const struct name families[] = { { "ipv4", AF_INET }, { "ipv6", AF_INET6 }, { "packet", AF_PACKET }, { 0 } };
static const struct name protocols[] = {
	{ "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "icmp", IPPROTO_ICMP }, { "icmpv6", IPPROTO_ICMPV6 }, { 0 }
};

static const char *name_in(const struct name *names, uint8_t number)
{
	while (names->text && names->number != number)
		names++;
	return names->text;
}

/* 0 for a text that is not among them. */
static uint8_t number_in(const struct name *names, const char *text)
{
	while (names->text && strcmp(names->text, text) != 0)
		names++;
	return names->number;
}

static bool no_family(const struct event *event, const void *at)
{
	(void)at;
	return !name_in(families, event->family);
}

static void write_family(struct buffer *out, const struct event *event, const void *at)
{
	(void)at;
	write_word(out, name_in(families, event->family));
}

static int read_family(const struct reading *reading, const json_t *value, void *at)
{
	const char *text = json_string_value(value);

	(void)at;
	reading->event->family = text ? number_in(families, text) : 0;
	return reading->event->family ? 0 : wrong(reading, "\"ipv4\", \"ipv6\" or \"packet\"");
}

static bool no_protocol(const struct event *event, const void *at)
{
	(void)at;
	return !event->protocol;
}

static void write_protocol(struct buffer *out, const struct event *event, const void *at)
{
	const char *name = name_in(protocols, event->protocol);

	(void)at;
	buffer_byte(out, '"');
	if (name)
		buffer_text(out, name);
	else
		write_number(out, event->protocol);
	buffer_byte(out, '"');
}

/* A number from 1 to 255 in digits; else 0. */
static unsigned protocol_number(const char *text)
{
	unsigned number = 0;

	if (strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return 0;
	for (; *text; text++)
		number = number * 10 + (unsigned)(*text - '0');
	return number > UINT8_MAX ? 0 : number;
}

static int read_protocol(const struct reading *reading, const json_t *value, void *at)
{
	const char *text = json_string_value(value);
	unsigned number = text ? number_in(protocols, text) : 0;

	(void)at;
	if (text && !number)
		number = protocol_number(text);
	if (!number)
		return wrong(reading, "\"tcp\", \"udp\", \"icmp\", \"icmpv6\" or a number from 1 to 255 as a string");
	reading->event->protocol = (uint8_t)number;
	return 0;
}

static bool no_address(const struct event *event, const void *at)
{
	(void)at;
	return event->family != AF_INET && event->family != AF_INET6;
}

static void write_address(struct buffer *out, const struct event *event, const void *at)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(event->family, at, text, sizeof(text));
	write_word(out, text);
}

static int read_address(const struct reading *reading, const json_t *value, void *at)
{
	const char *text = json_string_value(value);

	if (no_address(reading->event, at))
		return wrong(reading, "family to be \"ipv4\" or \"ipv6\"");
	if (!text || inet_pton(reading->event->family, text, at) != 1)
		return wrong(reading, "an address of its family");
	return 0;
}

/* The whole event */

static const struct codec codecs[FIELD_TYPE_COUNT] = {
	[FIELD_TIME] = { never_silent, write_time, read_time },
	[FIELD_KIND] = { never_silent, write_kind, read_kind },
	[FIELD_FLAGS] = { no_flags, write_flags, read_flags },
	[FIELD_CONTEXT] = { no_context, write_context, read_context },
	[FIELD_BYTES] = { no_string, write_bytes, read_bytes },
	[FIELD_TEXT] = { no_string, write_text, read_text },
	[FIELD_SCRIPT_KIND] = { no_script_kind, write_script_kind, read_script_kind },
	[FIELD_ARGUMENTS] = { no_arguments, write_arguments, read_arguments },
	[FIELD_ID] = { no_id, write_32, read_32 },
	[FIELD_NUMBER_16] = { zero_16, write_16, read_16 },
	[FIELD_NUMBER_32] = { zero_32, write_32, read_32 },
	[FIELD_NUMBER_64] = { zero_64, write_64, read_64 },
	[FIELD_COUNT_32] = { never_silent, write_32, read_32 },
	[FIELD_COUNT_64] = { never_silent, write_64, read_64 },
	[FIELD_SIZE] = { no_size, write_64, read_64 },
	[FIELD_MODE] = { no_id, write_mode, read_mode },
	[FIELD_FILE_TYPE] = { no_file_type, write_file_type, read_file_type },
	[FIELD_BITS_64] = { zero_64, write_bits, read_bits },
	[FIELD_LINEAGE] = { no_lineage, write_lineage, read_lineage },
	[FIELD_FAMILY] = { no_family, write_family, read_family },
	[FIELD_PROTOCOL] = { no_protocol, write_protocol, read_protocol },
	[FIELD_ADDRESS] = { no_address, write_address, read_address },
};

static bool has_field(const struct event *event, const struct field *field)
{
	return (unsigned)event->kind < EVENT_KIND_COUNT && field->kinds & 1U << event->kind;
}

void ndjson_write(struct buffer *out, const struct event *event)
{
	buffer_byte(out, '{');
	for (size_t i = 0; i < field_count; i++) {
		const struct field *field = &field_table[i];
		const struct codec *codec = &codecs[field->type];
		const void *at = (const char *)event + field->offset;

		if (!has_field(event, field) || codec->says_nothing(event, at))
			continue;
		write_key(out, field->name);
		codec->write(out, event, at);
	}
	buffer_append(out, "}\n", 2);
}

struct ndjson_reader *ndjson_reader_new(void)
{
	struct ndjson_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		reader->decoded = BUFFER_INIT(NDJSON_LINE_MAX + 2);
	return reader;
}

void ndjson_reader_free(struct ndjson_reader *reader)
{
	if (!reader)
		return;
	buffer_free(&reader->decoded);
	free(reader->text);
	free(reader);
}

/* Room for all strings of a line of `size` bytes, made before any is kept: they must not move. */
static int make_room(struct ndjson_reader *reader, size_t size)
{
	char *text;

	reader->used = 0;
	if (reader->capacity > size)
		return 0;
	text = realloc(reader->text, size + 1);
	if (!text)
		return -ENOMEM;
	reader->text = text;
	reader->capacity = size + 1;
	return 0;
}

/* The kind comes first, since it says which fields there are. */
static int read_fields(struct reading *reading, const json_t *object)
{
	const json_t *value = json_object_get(object, "kind");
	int status;

	reading->field = "kind";
	status = read_kind(reading, value, NULL);
	for (size_t i = 0; i < field_count && status == 0; i++) {
		const struct field *field = &field_table[i];

		reading->field = field->name;
		value = json_object_get(object, field->name);
		if (value && has_field(reading->event, field))
			status = codecs[field->type].read(reading, value, (char *)reading->event + field->offset);
		else if (field->type == FIELD_TIME)
			status = wrong(reading, "it to be there");
	}
	return status;
}

/* The parser's message can quote the line. */
static int not_json(const json_error_t *wrong_json, struct error *error)
{
	struct buffer message = BUFFER_INIT(4 * sizeof(wrong_json->text) + 1);
	int status;

	escape_append(&message, wrong_json->text, strlen(wrong_json->text), "");
	status = error_set(error, -EINVAL, "column %d: %s", wrong_json->column, buffer_string(&message));
	buffer_free(&message);
	return status;
}

int ndjson_read(struct ndjson_reader *reader, const char *line, size_t size, struct event *event, struct error *error)
{
	struct event read;
	struct reading reading = { reader, &read, "", error };
	json_error_t wrong_json;
	json_t *object;
	int status;

	if (size > NDJSON_LINE_MAX)
		return error_set(error, -EINVAL, "line longer than %d bytes", NDJSON_LINE_MAX);
	status = make_room(reader, size);
	if (status < 0)
		return error_set(error, status, "out of memory");
	object = json_loadb(line, size, JSON_REJECT_DUPLICATES, &wrong_json);
	if (!object)
		return not_json(&wrong_json, error);
	event_init(&read, EVENT_EXEC);
	status = json_is_object(object) ? read_fields(&reading, object)
					: error_set(error, -EINVAL, "expected a JSON object");
	json_decref(object);
	if (status == 0)
		*event = read;
	return status;
}
