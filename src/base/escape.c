/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The bounds of the second byte (RFC 3629, section 4) keep out overlong forms, surrogates and what lies past U+10FFFF. */
static bool is_second(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return is_continuation(second);
	}
}

/* How many bytes of valid UTF-8 beyond ASCII start here and may be shown: 2, 3 or 4; else 0. */
static size_t shown_length(const unsigned char *at, size_t left)
{
	size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;

	if (*at < 0xc2 || *at > 0xf4 || length > left || !is_second(at[0], at[1]))
		return 0;
	for (size_t i = 2; i < length; i++) {
		if (!is_continuation(at[i]))
			return 0;
	}
	return at[0] == 0xc2 && at[1] < 0xa0 ? 0 : length; /* C1 */
}

static bool is_plain(unsigned char byte, const char *also)
{
	return byte >= 0x20 && byte < 0x7f && byte != '\\' && (!*also || !strchr(also, byte));
}

static void append_byte_escaped(struct buffer *out, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char escaped[4] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };

	buffer_append(out, escaped, sizeof(escaped));
}

void escape_append(struct buffer *out, const char *bytes, size_t size, const char *also)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + size, *run;
	size_t length;

	while (at < end) {
		for (run = at; at < end && is_plain(*at, also); at++)
			;
		buffer_append(out, run, (size_t)(at - run));
		if (at == end)
			return;
		length = shown_length(at, (size_t)(end - at));
		if (length)
			buffer_append(out, at, length);
		else if (*at == '\\')
			buffer_append(out, "\\\\", 2);
		else
			append_byte_escaped(out, *at);
		at += length ? length : 1;
	}
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* Appends what the escape at `at` stands for; gives its length, or -EINVAL. */
static int decode_escape(struct buffer *out, const char *at, size_t left)
{
	int high, low;

	if (left >= 2 && at[1] == '\\') {
		buffer_byte(out, '\\');
		return 2;
	}
	if (left < 4 || at[1] != 'x')
		return -EINVAL;
	high = hex_value(at[2]);
	low = hex_value(at[3]);
	if (high < 0 || low < 0 || (high == 0 && low == 0))
		return -EINVAL;
	buffer_byte(out, (char)(high << 4 | low));
	return 4;
}

int escape_decode(struct buffer *out, const char *text, size_t size)
{
	const char *end = text + size, *run;
	int length;

	while (text < end) {
		run = memchr(text, '\\', (size_t)(end - text));
		if (!run)
			run = end;
		buffer_append(out, text, (size_t)(run - text));
		if (run == end)
			return 0;
		length = decode_escape(out, run, (size_t)(end - run));
		if (length < 0)
			return length;
		text = run + length;
	}
	return 0;
}
