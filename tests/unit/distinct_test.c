/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "model/distinct.h"
#include "model/seen.h"

static void add(struct distinct *distinct, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		assert_true(distinct_add(distinct, distinct_mix(1, i)) >= 0);
}

static void below_the_limit_it_is_exact(void **state)
{
	struct distinct distinct = { .limit = 16 };

	(void)state;
	for (unsigned i = 0; i < 15; i++) {
		assert_int_equal(distinct_add(&distinct, distinct_mix(1, i)), 1);
		assert_int_equal(distinct_add(&distinct, distinct_mix(1, i)), 0);
		assert_int_equal(distinct_count(&distinct), i + 1);
		assert_true(distinct_is_exact(&distinct));
	}
	distinct_free(&distinct);
}

/* 200 sets of 5000 things: the mean is within 3 standard errors of it, and the spread is what theory says. */
static void beyond_it_estimates_without_bias(void **state)
{
	double sum = 0, squares = 0;

	(void)state;
	for (unsigned set = 0; set < 200; set++) {
		struct distinct distinct = { .limit = 66 };
		double error;

		for (unsigned i = 0; i < 5000; i++)
			assert_true(distinct_add(&distinct, distinct_mix(set + 7, i)) >= 0);
		error = distinct_count(&distinct) / 5000 - 1;
		assert_false(distinct_is_exact(&distinct));
		sum += error;
		squares += error * error;
		distinct_free(&distinct);
	}
	assert_true(sum / 200 < 0.027 && sum / 200 > -0.027);
	assert_true(squares / 200 < 0.0225); /* (1 / sqrt(64))^2 = 0.0156 */
}

/* Three parts, which overlap, in any order and grouping, and twice. */
static void merging_is_a_union_in_any_order(void **state)
{
	static const unsigned order[][4] = { { 0, 1, 2, 0 }, { 2, 1, 0, 1 }, { 1, 2, 0, 2 } };
	struct distinct part[3] = { { .limit = 16 }, { .limit = 16 }, { .limit = 16 } }, all = { .limit = 16 };
	struct buffer wanted = BUFFER_INIT(4096);

	(void)state;
	add(&part[0], 0, 10);
	add(&part[1], 5, 40);
	add(&part[2], 30, 70);
	add(&all, 0, 70);
	distinct_print(&all, &wanted);
	for (unsigned i = 0; i < 3; i++) {
		struct distinct left = { .limit = 16 }, right = { .limit = 16 };
		struct buffer text = BUFFER_INIT(4096);

		assert_int_equal(distinct_merge(&left, &part[order[i][0]]), 0);
		assert_int_equal(distinct_merge(&right, &part[order[i][1]]), 0);
		assert_int_equal(distinct_merge(&right, &part[order[i][2]]), 0);
		assert_int_equal(distinct_merge(&left, &right), 0);
		assert_int_equal(distinct_merge(&left, &part[order[i][3]]), 0);
		distinct_print(&left, &text);
		assert_string_equal(buffer_string(&text), buffer_string(&wanted));
		distinct_free(&left);
		distinct_free(&right);
		buffer_free(&text);
	}
	for (unsigned i = 0; i < 3; i++)
		distinct_free(&part[i]);
	distinct_free(&all);
	buffer_free(&wanted);
}

static void what_is_printed_is_read_back(void **state)
{
	(void)state;
	for (unsigned size = 0; size < 20; size++) {
		struct distinct distinct = { .limit = 16 }, again = { .limit = 16 };
		struct buffer text = BUFFER_INIT(4096), twice = BUFFER_INIT(4096);

		add(&distinct, 0, size);
		distinct_print(&distinct, &text);
		assert_int_equal(distinct_parse(text.data, text.size, &again), 0);
		distinct_print(&again, &twice);
		assert_string_equal(buffer_string(&text), buffer_string(&twice));
		distinct_free(&distinct);
		distinct_free(&again);
		buffer_free(&text);
		buffer_free(&twice);
	}
}

static void no_other_text_is_read(void **state)
{
	static const char *const wrong[] = {
		"",
		"x",
		"--",
		"000000000000000",
		"00000000000000001",
		"000000000000000A",
		"0000000000000002,0000000000000001",
		"0000000000000001,0000000000000001",
		"0000000000000001,",
		"0000000000000001;0000000000000002",
		"0000000000000001,0000000000000002,0000000000000003,0000000000000004",
	};
	struct distinct distinct = { .limit = 3 };

	(void)state;
	add(&distinct, 0, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(distinct_parse(wrong[i], strlen(wrong[i]), &distinct), -EINVAL);
	assert_int_equal(distinct.size, 1);
	distinct_free(&distinct);
}

/* They are in files: another machine, or the next version, must come to the same. */
static void hashes_are_the_same_everywhere(void **state)
{
	(void)state;
	assert_true(distinct_hash("web-1") == distinct_hash("web-1") &&
		    distinct_hash("web-1") != distinct_hash("web-2"));
	assert_int_equal(distinct_mix(1, 2), UINT64_C(3497101601492490161));
}

static void one_unit_twice_is_one_unit(void **state)
{
	struct seen *one = seen_new(), *other = seen_new();
	const struct moment first = { 11, 1, 20000 }, second = { 12, 2, 20001 };

	(void)state;
	assert_non_null(one);
	assert_non_null(other);
	for (int i = 0; i < 3; i++)
		assert_int_equal(seen_note(one, &first), 0);
	assert_int_equal(one->units.size, 1);
	assert_int_equal(seen_note(other, &second), 0);
	assert_int_equal(seen_note(other, &first), 0);
	assert_int_equal(seen_merge(one, other), 0);
	assert_int_equal(one->units.size, 2);
	assert_int_equal(one->hosts.size, 2);
	assert_int_equal(one->days.size, 2);
	assert_int_equal(one->first_day, 20000);
	assert_int_equal(one->last_day, 20001);
	seen_free(one);
	seen_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_limit_it_is_exact),     cmocka_unit_test(beyond_it_estimates_without_bias),
		cmocka_unit_test(merging_is_a_union_in_any_order), cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(no_other_text_is_read),           cmocka_unit_test(hashes_are_the_same_everywhere),
		cmocka_unit_test(one_unit_twice_is_one_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
