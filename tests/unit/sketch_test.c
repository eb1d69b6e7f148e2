/* SPDX-License-Identifier: Apache-2.0 */
/* Quantile sketches: how wrong they may be, and that to merge is exact in whatever order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "model/sketch.h"

static uint64_t random_state = 88172645463325252U;

static uint64_t any(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Of any size: as many small ones as large ones. */
static uint64_t any_value(void)
{
	return any() >> (24 + any() % 40);
}

static struct sketch sketch_of(const uint64_t *values, size_t count)
{
	struct sketch sketch = { 0 };

	for (size_t i = 0; i < count; i++)
		assert_int_equal(sketch_add(&sketch, values[i]), 0);
	return sketch;
}

static void assert_text(const struct sketch *sketch, const char *expected)
{
	struct buffer out = BUFFER_INIT(SKETCH_TEXT_MAX);

	sketch_print(sketch, &out);
	assert_false(out.failed);
	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
}

static char *text_of(const struct sketch *sketch)
{
	struct buffer out = BUFFER_INIT(SKETCH_TEXT_MAX);

	sketch_print(sketch, &out);
	assert_false(out.failed);
	return out.data;
}

static int by_size(const void *one, const void *other)
{
	uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;

	return left < right ? -1 : left > right;
}

static void an_empty_one_has_no_quantiles(void **state)
{
	struct sketch sketch = { 0 };

	(void)state;
	assert_int_equal(sketch_count(&sketch), 0);
	assert_int_equal(sketch_quantile(&sketch, 1000), 0);
	assert_text(&sketch, "-");
	sketch_free(&sketch);
}

static void small_values_are_exact(void **state)
{
	struct sketch sketch = { 0 };

	(void)state;
	for (uint64_t value = 0; value < SKETCH_EXACT; value++) {
		assert_int_equal(sketch_add(&sketch, value), 0);
		assert_int_equal(sketch_quantile(&sketch, 1000), value);
	}
	assert_int_equal(sketch.size, SKETCH_EXACT);
	sketch_free(&sketch);
}

static void quantiles_are_wrong_by_less_than_one_part_in_64(void **state)
{
	static uint64_t values[5000];
	const size_t count = sizeof(values) / sizeof(values[0]);
	struct sketch sketch;

	(void)state;
	for (size_t i = 0; i < count; i++)
		values[i] = any_value();
	sketch = sketch_of(values, count);
	qsort(values, count, sizeof(values[0]), by_size);
	assert_int_equal(sketch_count(&sketch), count);
	for (unsigned per_mille = 1; per_mille <= 1000; per_mille++) {
		uint64_t truth = values[(count * per_mille + 999) / 1000 - 1];
		uint64_t told = sketch_quantile(&sketch, per_mille);
		uint64_t error = told > truth ? told - truth : truth - told;

		assert_true(error * SKETCH_PRECISION <= truth);
	}
	sketch_free(&sketch);
}

static void what_is_too_large_counts_as_the_largest(void **state)
{
	const uint64_t values[] = { UINT64_MAX, SKETCH_VALUE_MAX, SKETCH_VALUE_MAX + 1 };
	struct sketch sketch = sketch_of(values, 3);

	(void)state;
	assert_int_equal(sketch.size, 1);
	assert_int_equal(sketch.bucket[0].index, SKETCH_BUCKETS_MAX - 1);
	assert_true(SKETCH_VALUE_MAX - sketch_quantile(&sketch, 1000) <= SKETCH_VALUE_MAX / SKETCH_PRECISION);
	sketch_free(&sketch);
}

static void each_value_is_in_one_bucket_and_buckets_follow_each_other(void **state)
{
	uint32_t before = 0;

	(void)state;
	for (uint64_t value = 1; value < UINT64_C(1) << 39; value += 1 + value / 97) {
		struct sketch sketch = sketch_of(&value, 1);

		assert_true(sketch.bucket[0].index >= before && sketch.bucket[0].index <= before + 1);
		before = sketch.bucket[0].index;
		sketch_free(&sketch);
	}
}

/* Whatever the parts are, and in whatever order they come together, the whole is the same, byte by byte. */
static void to_merge_is_exact_in_any_order(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t values[300] = { 0 };
		size_t first = any() % 100, second = any() % 100, third = any() % 100, all = first + second + third;
		struct sketch whole, one, two, three, left = { 0 }, right = { 0 };
		char *expected, *got;

		for (size_t i = 0; i < all; i++)
			values[i] = any_value();
		whole = sketch_of(values, all);
		one = sketch_of(values, first);
		two = sketch_of(values + first, second);
		three = sketch_of(values + first + second, third);
		expected = text_of(&whole);
		assert_int_equal(sketch_merge(&left, &one) | sketch_merge(&left, &two) | sketch_merge(&left, &three),
				 0);
		assert_int_equal(sketch_merge(&right, &three) | sketch_merge(&right, &one), 0);
		assert_int_equal(sketch_merge(&two, &right), 0);
		got = text_of(&left);
		assert_string_equal(got, expected);
		free(got);
		got = text_of(&two);
		assert_string_equal(got, expected);
		free(got);
		free(expected);
		sketch_free(&whole);
		sketch_free(&one);
		sketch_free(&two);
		sketch_free(&three);
		sketch_free(&left);
		sketch_free(&right);
	}
}

static void what_may_be_the_same_counts_once(void **state)
{
	struct sketch one, other;

	(void)state;
	assert_int_equal(sketch_parse("1:5,2:9,70:1", 12, &one), 0);
	assert_int_equal(sketch_parse("2:3,9:4,70:2", 12, &other), 0);
	assert_int_equal(sketch_cover(&one, &other), 0);
	assert_text(&one, "1:5,2:9,9:4,70:2");
	assert_int_equal(sketch_cover(&one, &other), 0);
	assert_text(&one, "1:5,2:9,9:4,70:2");
	sketch_free(&one);
	sketch_free(&other);
}

static void counts_stay_at_their_largest(void **state)
{
	struct sketch sketch, other;

	(void)state;
	assert_int_equal(sketch_parse("5:4294967295", 12, &sketch), 0);
	assert_int_equal(sketch_add(&sketch, 5), 0);
	assert_int_equal(sketch_parse("5:4294967290,6:1", 16, &other), 0);
	assert_int_equal(sketch_merge(&sketch, &other), 0);
	assert_text(&sketch, "5:4294967295,6:1");
	sketch_free(&sketch);
	sketch_free(&other);
}

static void its_text_is_read_back_as_it_was(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t values[50];
		struct sketch sketch, again;
		char *text, *text_again;

		for (size_t i = 0; i < 50; i++)
			values[i] = any_value();
		sketch = sketch_of(values, any() % 50);
		text = text_of(&sketch);
		assert_int_equal(sketch_parse(text, strlen(text), &again), 0);
		text_again = text_of(&again);
		assert_string_equal(text_again, text);
		free(text);
		free(text_again);
		sketch_free(&sketch);
		sketch_free(&again);
	}
}

static void any_other_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		",",
		"1",
		"1:",
		":1",
		"1:0",
		"1:1,",
		"1:1,,2:1",
		"2:1,1:1",
		"1:1,1:1",
		"01:1",
		"1:01",
		"1:4294967296",
		"65:1",
		"+1:1",
		"1:1 ",
		" 1:1",
		"-1:1",
		"--",
		"1:1;2:1",
		"1.5:1",
		"1:1x",
		"1:-1",
		"1099511627776:1",
		"99999999999999999999999:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sketch sketch = { .size = 77 };

		if (sketch_parse(texts[i], strlen(texts[i]), &sketch) != -EINVAL)
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(sketch.size, 77);
	}
}

static void a_full_one_has_room_in_its_text(void **state)
{
	struct sketch sketch = { 0 };
	char *text;

	(void)state;
	for (uint64_t value = 0; value <= SKETCH_VALUE_MAX; value += 1 + value / 64)
		assert_int_equal(sketch_add(&sketch, value), 0);
	assert_int_equal(sketch.size, SKETCH_BUCKETS_MAX);
	for (uint32_t i = 0; i < sketch.size; i++)
		sketch.bucket[i].count = UINT32_MAX;
	assert_int_equal(sketch_count(&sketch), (uint64_t)SKETCH_BUCKETS_MAX * UINT32_MAX);
	text = text_of(&sketch);
	free(text);
	sketch_free(&sketch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_quantiles),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(quantiles_are_wrong_by_less_than_one_part_in_64),
		cmocka_unit_test(what_is_too_large_counts_as_the_largest),
		cmocka_unit_test(each_value_is_in_one_bucket_and_buckets_follow_each_other),
		cmocka_unit_test(to_merge_is_exact_in_any_order),
		cmocka_unit_test(what_may_be_the_same_counts_once),
		cmocka_unit_test(counts_stay_at_their_largest),
		cmocka_unit_test(its_text_is_read_back_as_it_was),
		cmocka_unit_test(any_other_text_is_refused),
		cmocka_unit_test(a_full_one_has_room_in_its_text),
	};

	return cmocka_run_group_tests_name("sketch", tests, NULL, NULL);
}
