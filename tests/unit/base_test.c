/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/hash.h"
#include "base/table.h"

/* Chance */

/* Numbers that are the same on each run (xorshift64; Marsaglia, 2003). */
static uint64_t state_of_chance = 88172645463325252ULL;

static uint64_t any_number(void)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 7;
	state_of_chance ^= state_of_chance << 17;
	return state_of_chance;
}

static unsigned any_below(unsigned limit)
{
	return (unsigned)(any_number() % limit);
}

/* Escape */

struct pair {
	const char *bytes, *text;
};

static void check_escape(const struct pair *pair)
{
	struct buffer text = BUFFER_INIT(1024), bytes = BUFFER_INIT(1024);

	escape_append(&text, pair->bytes, strlen(pair->bytes), "");
	assert_string_equal(buffer_string(&text), pair->text);
	assert_int_equal(escape_decode(&bytes, buffer_string(&text), text.size), 0);
	assert_string_equal(buffer_string(&bytes), pair->bytes);
	buffer_free(&text);
	buffer_free(&bytes);
}

static void valid_utf8_stays(void **state)
{
	static const struct pair pairs[] = {
		{ "", "" },
		{ "/usr/bin/ls", "/usr/bin/ls" },
		{ " ~", " ~" },
		{ "\xc2\xa0", "\xc2\xa0" }, /* the first after C1 */
		{ "\xc3\xa9", "\xc3\xa9" },
		{ "\xdf\xbf", "\xdf\xbf" },
		{ "\xe0\xa0\x80", "\xe0\xa0\x80" },         /* U+0800 */
		{ "\xed\x9f\xbf", "\xed\x9f\xbf" },         /* U+D7FF, before the surrogates */
		{ "\xee\x80\x80", "\xee\x80\x80" },         /* U+E000, after them */
		{ "\xf0\x90\x80\x80", "\xf0\x90\x80\x80" }, /* U+10000 */
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_escape(&pairs[i]);
}

static void what_is_not_valid_or_moves_a_terminal_is_escaped(void **state)
{
	static const struct pair pairs[] = {
		{ "\\", "\\\\" },
		{ "\\x41", "\\\\x41" },
		{ "a\nb", "a\\x0ab" },
		{ "\x1b[2J", "\\x1b[2J" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x80", "\\xc2\\x80" }, /* C1 */
		{ "\xc2\x9b"
		  "2J",
		  "\\xc2\\x9b2J" },
		{ "\xff", "\\xff" },
		{ "\x80", "\\x80" },
		{ "\xc3", "\\xc3" },
		{ "\xc3"
		  "a",
		  "\\xc3a" },
		{ "\xc0\xaf", "\\xc0\\xaf" }, /* overlong */
		{ "\xc1\xbf", "\\xc1\\xbf" },
		{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
		{ "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* a surrogate */
		{ "\xed\xbf\xbf", "\\xed\\xbf\\xbf" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* past U+10FFFF */
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
		{ "\xe2\x82", "\\xe2\\x82" }, /* cut */
		{ "\xe2\x82\xc3\xa9", "\\xe2\\x82\xc3\xa9" },
		{ "\xf0\x9f\x92", "\\xf0\\x9f\\x92" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_escape(&pairs[i]);
}

static void a_caller_names_more_to_escape(void **state)
{
	struct buffer text = BUFFER_INIT(64);

	(void)state;
	escape_append(&text, "a (b)\\", 6, " ()\\");
	assert_string_equal(buffer_string(&text), "a\\x20\\x28b\\x29\\\\");
	buffer_free(&text);
}

static void a_nul_byte_is_escaped_but_never_decoded(void **state)
{
	struct buffer text = BUFFER_INIT(64), bytes = BUFFER_INIT(64);

	(void)state;
	escape_append(&text, "a\0b", 3, " ");
	assert_string_equal(buffer_string(&text), "a\\x00b");
	assert_int_equal(escape_decode(&bytes, text.data, text.size), -EINVAL);
	buffer_free(&text);
	buffer_free(&bytes);
}

static void a_broken_escape_is_refused(void **state)
{
	static const char *const broken[] = { "\\",    "a\\", "\\x",   "\\x4",  "\\xg0",
					      "\\x0g", "\\n", "\\X41", "\\x00", "\\\\\\" };
	struct buffer bytes = BUFFER_INIT(64);

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(escape_decode(&bytes, broken[i], strlen(broken[i])), -EINVAL);
	assert_int_equal(escape_decode(&bytes, "\\x41\\xfF", 8), 0);
	buffer_free(&bytes);
}

static void any_bytes_survive_escape_and_decode(void **state)
{
	struct buffer text = BUFFER_INIT(1024), bytes = BUFFER_INIT(1024), again = BUFFER_INIT(1024);

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t size = any_below(24);
		char *given = malloc(size + 1);

		assert_non_null(given);
		for (size_t i = 0; i < size; i++)
			given[i] = (char)(any_below(2) ? 1 + any_below(255) : 0x80 + any_below(128));
		buffer_clear(&text);
		buffer_clear(&bytes);
		buffer_clear(&again);
		escape_append(&text, given, size, "");
		assert_int_equal(escape_decode(&bytes, buffer_string(&text), text.size), 0);
		assert_int_equal(bytes.size, size);
		if (size)
			assert_memory_equal(bytes.data, given, size);
		escape_append(&again, buffer_string(&bytes), bytes.size, "");
		assert_string_equal(buffer_string(&again), buffer_string(&text));
		free(given);
	}
	buffer_free(&text);
	buffer_free(&bytes);
	buffer_free(&again);
}

/* Buffer */

static void a_buffer_never_passes_its_maximum(void **state)
{
	struct buffer buffer = BUFFER_INIT(8);

	(void)state;
	buffer_text(&buffer, "1234567");
	assert_false(buffer.failed);
	buffer_byte(&buffer, '8');
	assert_true(buffer.failed);
	assert_string_equal(buffer_string(&buffer), "1234567");
	buffer_free(&buffer);
	buffer_append(&buffer, "x", SIZE_MAX);
	assert_true(buffer.failed);
	buffer_free(&buffer);
}

static void a_buffer_that_failed_takes_nothing_until_cleared(void **state)
{
	struct buffer buffer = BUFFER_INIT(4);

	(void)state;
	buffer_text(&buffer, "ab");
	buffer_text(&buffer, "cdef");
	buffer_text(&buffer, "c");
	assert_string_equal(buffer_string(&buffer), "ab");
	buffer_clear(&buffer);
	assert_string_equal(buffer_string(&buffer), "");
	assert_false(buffer.failed);
	buffer_text(&buffer, "c");
	assert_string_equal(buffer_string(&buffer), "c");
	buffer_free(&buffer);
}

static void a_buffer_is_always_a_string(void **state)
{
	struct buffer buffer = BUFFER_INIT(4096);

	(void)state;
	assert_string_equal(buffer_string(&buffer), "");
	buffer_append(&buffer, NULL, 0);
	buffer_printf(&buffer, "%s", "");
	assert_string_equal(buffer_string(&buffer), "");
	for (unsigned i = 0; i < 1000; i++) {
		buffer_printf(&buffer, "%u", i % 10);
		assert_int_equal(buffer.size, i + 1);
		assert_int_equal(strlen(buffer.data), i + 1);
	}
	buffer_free(&buffer);
	buffer_free(&buffer);
	assert_string_equal(buffer_string(&buffer), "");
}

/* Table */

struct entry {
	unsigned key;
	bool present;
};

static bool has_key(const void *entry, const void *key)
{
	return ((const struct entry *)entry)->key == *(const unsigned *)key;
}

/* Poor on purpose: many keys share a home, also the last slot, from which probing wraps. */
static uint64_t poor_hash(unsigned key)
{
	return key % 7 ? key % 16 : UINT64_MAX;
}

static void check_table(const struct table *table, const struct entry *entries, unsigned count)
{
	size_t cursor = 0, walked = 0, present = 0;

	for (unsigned i = 0; i < count; i++) {
		const void *found = table_find(table, poor_hash(i), &entries[i].key);

		assert_ptr_equal(found, entries[i].present ? &entries[i] : NULL);
		present += entries[i].present;
	}
	while (table_next(table, &cursor))
		walked++;
	assert_int_equal(walked, present);
	assert_int_equal(table->count, present);
}

static void a_table_agrees_with_a_list_after_any_changes(void **state)
{
	static struct entry entries[100];
	struct table table = TABLE_INIT(has_key);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		entries[i] = (struct entry) { i, false };
	for (unsigned round = 0; round < 5000; round++) {
		/* It fills up, empties, and fills up again. */
		bool growing = round / 500 % 2 == 0;
		struct entry *entry = &entries[any_below(100)];

		if (!entry->present && (growing || any_below(4) == 0)) {
			assert_int_equal(table_insert(&table, poor_hash(entry->key), entry), 0);
			entry->present = true;
		} else if (!growing || any_below(4) == 0) {
			void *removed = table_remove(&table, poor_hash(entry->key), &entry->key);

			assert_ptr_equal(removed, entry->present ? entry : NULL);
			entry->present = false;
		}
		check_table(&table, entries, 100);
	}
	table_free(&table);
}

static void an_empty_table_finds_nothing(void **state)
{
	struct table table = TABLE_INIT(has_key);
	unsigned key = 1;
	size_t cursor = 0;

	(void)state;
	assert_null(table_find(&table, 1, &key));
	assert_null(table_remove(&table, 1, &key));
	assert_null(table_next(&table, &cursor));
	table_free(&table);
	table_free(&table);
}

/* Hash */

static void a_hash_depends_on_every_byte_and_on_the_size(void **state)
{
	char bytes[40] = "";
	uint64_t seen[41];

	(void)state;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		seen[size] = hash_bytes(bytes, size);
		for (size_t other = 0; other < size; other++)
			assert_true(seen[size] != seen[other]);
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		assert_true(hash_bytes(bytes, sizeof(bytes)) != seen[sizeof(bytes)]);
		bytes[i] ^= 1;
	}
	assert_true(hash_bytes(bytes, sizeof(bytes)) == seen[sizeof(bytes)]);
	assert_true(hash_text("abc") == hash_bytes("abc", 3));
}

static void hashes_of_close_numbers_spread(void **state)
{
	unsigned counts[64] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 6400; i++)
		counts[hash_u64(i) & 63]++;
	for (unsigned i = 0; i < 64; i++)
		assert_in_range(counts[i], 50, 150);
	assert_true(hash_mix(1, 2) != hash_mix(2, 1));
}

/* Error */

static void an_error_is_cut_to_its_place_and_returned(void **state)
{
	struct error error = { "" };

	(void)state;
	assert_int_equal(error_set(&error, -EINVAL, "%d: %s", 3, "x"), -EINVAL);
	assert_string_equal(error.text, "3: x");
	assert_int_equal(error_set(&error, -ENOMEM, "%2000d", 1), -ENOMEM);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_utf8_stays),
		cmocka_unit_test(what_is_not_valid_or_moves_a_terminal_is_escaped),
		cmocka_unit_test(a_caller_names_more_to_escape),
		cmocka_unit_test(a_nul_byte_is_escaped_but_never_decoded),
		cmocka_unit_test(a_broken_escape_is_refused),
		cmocka_unit_test(any_bytes_survive_escape_and_decode),
		cmocka_unit_test(a_buffer_never_passes_its_maximum),
		cmocka_unit_test(a_buffer_that_failed_takes_nothing_until_cleared),
		cmocka_unit_test(a_buffer_is_always_a_string),
		cmocka_unit_test(a_table_agrees_with_a_list_after_any_changes),
		cmocka_unit_test(an_empty_table_finds_nothing),
		cmocka_unit_test(a_hash_depends_on_every_byte_and_on_the_size),
		cmocka_unit_test(hashes_of_close_numbers_spread),
		cmocka_unit_test(an_error_is_cut_to_its_place_and_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
