/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "bench/population.h"
#include "model/assess.h"

/* ---- the estimate ---- */

static void a_service_that_is_seldom_there_makes_little_news(void **state)
{
	const struct coverage_wanted *wanted = &coverage_enough;
	const struct coverage_facts facts = { .units = 300, .incidences = 40 };

	(void)state;
	assert_false(coverage_suffices(wanted, &facts, 300));
	assert_false(coverage_suffices(wanted, &facts, 500));
	assert_true(coverage_suffices(wanted, &facts, 2000));
}

static void it_is_chao_and_josts_estimate(void **state)
{
	/* Their formula by hand: 1 - 10/200 * (9 * 10) / (9 * 10 + 2 * 5) */
	const struct coverage_facts facts = { .units = 10, .incidences = 200, .once = 10, .twice = 5 };
	struct coverage coverage;

	(void)state;
	coverage_estimate(&facts, &coverage);
	assert_float_equal(coverage.share, 0.955, 1e-9);
	assert_float_equal(coverage.news, 0.9, 1e-9);
	assert_true(coverage.low < coverage.share && coverage.share < coverage.high);
}

static void one_unit_says_nothing(void **state)
{
	const struct coverage_facts facts = { .units = 1, .incidences = 20, .once = 20 };
	struct coverage coverage;

	(void)state;
	coverage_estimate(&facts, &coverage);
	assert_float_equal(coverage.share, 0, 0);
	assert_float_equal(coverage.low, 0, 0);
	assert_float_equal(coverage.high, 1, 0);
	assert_true(isinf(coverage.news_high));
}

/* The paper's form for no doubles would call a single line certainty. */
static void what_was_seen_once_is_not_certain(void **state)
{
	const struct coverage_facts facts = { .units = 3, .incidences = 30, .once = 1 };
	struct coverage coverage;

	(void)state;
	coverage_estimate(&facts, &coverage);
	assert_true(coverage.share < 1);
	assert_true(coverage.low < 0.9);
}

static void more_watching_without_news_is_more_certain(void **state)
{
	double last = INFINITY;

	(void)state;
	for (unsigned hours = 10; hours < 100000; hours *= 2) {
		const struct coverage_facts facts = { .units = hours, .incidences = 5. * hours };
		struct coverage coverage;

		coverage_estimate(&facts, &coverage);
		assert_true(coverage.news_high < last);
		last = coverage.news_high;
	}
}

/* ---- simulated populations of which all is known; tests/bench/coverage.c has more of them ---- */

static const struct scenario even = { .hosts = 10, .lines = 120, .often = 20, .seldom = 1 / 2000. };
static const struct scenario weekly = {
	.hosts = 15,
	.lines = 80,
	.often = 20,
	.seldom = 1 / 100.,
	.bundle = { { .period = 24, .lines = 5 }, { .period = 168, .lines = 5 }, { .period = 168, .lines = 3 } },
};

#define RUNS 100

static struct population population;

static void the_estimate_is_without_bias_and_its_interval_holds(void **state)
{
	double bias = 0;
	unsigned holds = 0;

	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		struct coverage_whole seen;
		struct coverage coverage;
		double unknown, share;

		population_make(&population, &even, run);
		population_look(&population, 72, &seen, &unknown);
		coverage_estimate(&seen.units, &coverage);
		share = 1 - unknown / (seen.units.incidences / seen.units.units + unknown);
		bias += coverage.share - share;
		holds += unknown >= coverage.news_low && unknown <= coverage.news_high;
	}
	assert_true(fabs(bias / RUNS) < 0.0002);
	assert_true(holds >= 90);
}

/* What comes of a week's occasion, and whether it was there when it was said to be enough. */
static bool stops_early(unsigned run)
{
	for (unsigned hour = 6; hour < HOURS_MAX; hour += 6) {
		struct coverage_whole seen;
		double unknown;

		population_look(&population, hour, &seen, &unknown);
		if (coverage_lacks(&coverage_enough, &seen))
			continue;
		for (unsigned i = 0; i < 3; i++) {
			if (population.times[i][0] >= hour)
				return true;
		}
		return unknown * 24 > coverage_enough.news;
	}
	fail_msg("run %u: it is never enough", run);
	return false;
}

static void it_seldom_stops_too_early(void **state)
{
	unsigned early = 0;

	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		population_make(&population, &weekly, run);
		early += stops_early(run);
	}
	assert_true(early <= RUNS * 5 / 100);
}

/* ---- what is waited for ---- */

static const char model_text[] = "# sombrero model 1\nservice nginx\n  exec  /usr/sbin/nginx\n"
				 "job report\n  exec  /srv/report\n";

static const char statistics_text[] =
	"# sombrero statistics 1\n"
	"source 0000000000000001\n"
	"host web-1\n"
	"  watched 490152-494000\n"
	"  boot 490152,490400\n"
	"  change 490200,490300\n"
	"  upgrade 490200,490300\n"
	"  rotation 490200,490300\n"
	"host web-2\n"
	"  watched 490152-494000\n"
	"  boot 490152\n"
	"  change 490200,490300\n"
	"  upgrade 490201,490300\n"
	"  rotation 490200,490300\n"
	"scheduled report 604800 0000000000000001,0000000000000002\n"
	"scheduled yearly 31536000 0000000000000001\n"
	"service nginx\n"
	"  hours web-1 490152-494000\n"
	"  hours web-2 490152-494000\n"
	"  exec  /usr/sbin/nginx\n"
	"    seen 7 20423 20583 0000000000000001,0000000000000002,0000000000000003 "
	"0000000000000001,0000000000000002 0000000000000001,0000000000000002,0000000000000003\n"
	"job report\n"
	"  runs 0000000000000001,0000000000000002\n"
	"  hours web-1 %s\n"
	"  hours web-2 %s\n"
	"  exec  /srv/report\n"
	"    seen 7 20423 20583 0000000000000001,0000000000000002,0000000000000003 "
	"0000000000000001,0000000000000002 0000000000000001,0000000000000002,0000000000000003\n";

static bool waits(const char *hours, const struct coverage_wanted *wanted, struct buffer *out)
{
	struct error error = { "" };
	struct statistics *statistics;
	struct assessment assessment;
	struct model *model;
	char text[4096];
	bool enough;

	(void)snprintf(text, sizeof(text), statistics_text, hours, hours);
	assert_int_equal(model_parse("m", model_text, sizeof(model_text) - 1, &model, &error), 0);
	if (statistics_parse("s", text, strlen(text), model, &statistics, NULL, &error))
		fail_msg("%s", error.text);
	assert_int_equal(assess(statistics, model, wanted, &assessment), 0);
	assessment_waits(&assessment, "", out);
	enough = assessment.enough;
	assessment_free(&assessment);
	statistics_free(statistics);
	model_free(model);
	return enough;
}

static void a_scheduled_job_is_waited_for_until_it_came_twice(void **state)
{
	struct coverage_wanted wanted = coverage_enough;
	struct buffer out = BUFFER_INIT(4096);

	(void)state;
	wanted.hosts = 2;
	assert_false(waits("490200", &wanted, &out));
	assert_string_equal(buffer_string(&out), "scheduled job report: 1 of 2 times, on 0 of 2 hosts\n");
	buffer_clear(&out);
	assert_true(waits("490200,490400", &wanted, &out));
	assert_string_equal(buffer_string(&out), "");
	buffer_free(&out);
}

/* A release that is rolled out to all hosts at once is one. */
static void occasions_of_one_day_are_one(void **state)
{
	struct coverage_wanted wanted = coverage_enough;
	struct error error = { "" };
	struct statistics *statistics = statistics_new();
	struct assessment assessment;
	struct model *model;

	(void)state;
	assert_int_equal(model_parse("m", model_text, sizeof(model_text) - 1, &model, &error), 0);
	assert_int_equal(statistics_add_occasion(statistics_host(statistics, "a"), OCCASION_CHANGE, 490200), 0);
	assert_int_equal(statistics_add_occasion(statistics_host(statistics, "b"), OCCASION_CHANGE, 490202), 0);
	assert_int_equal(assess(statistics, model, &wanted, &assessment), 0);
	assert_int_equal(assessment.occasion[OCCASION_CHANGE].times, 1);
	assert_int_equal(assessment.occasion[OCCASION_CHANGE].hosts, 2);
	assert_true(assessment.occasion[OCCASION_CHANGE].lacks);
	assessment_free(&assessment);
	statistics_free(statistics);
	model_free(model);
}

static void what_is_waived_is_not_waited_for(void **state)
{
	struct coverage_wanted wanted = coverage_enough;
	struct buffer out = BUFFER_INIT(4096);

	(void)state;
	wanted.repeats = 3;
	assert_false(waits("490200", &wanted, &out));
	assert_string_equal(buffer_string(&out), "hosts: 2 of 3\n"
						 "occasion boot: on 2 of 3 days, on 2 of 2 hosts\n"
						 "occasion change: on 2 of 3 days, on 2 of 2 hosts\n"
						 "occasion upgrade: on 2 of 3 days, on 2 of 2 hosts\n"
						 "occasion rotation: on 2 of 3 days, on 2 of 2 hosts\n"
						 "scheduled job report: 1 of 3 times, on 0 of 2 hosts\n");
	buffer_clear(&out);
	wanted.hosts = 1;
	wanted.without = (1U << OCCASION_COUNT) - 1;
	wanted.without_schedule = true;
	assert_true(waits("490200", &wanted, &out));
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_that_is_seldom_there_makes_little_news),
		cmocka_unit_test(it_is_chao_and_josts_estimate),
		cmocka_unit_test(one_unit_says_nothing),
		cmocka_unit_test(what_was_seen_once_is_not_certain),
		cmocka_unit_test(more_watching_without_news_is_more_certain),
		cmocka_unit_test(the_estimate_is_without_bias_and_its_interval_holds),
		cmocka_unit_test(it_seldom_stops_too_early),
		cmocka_unit_test(a_scheduled_job_is_waited_for_until_it_came_twice),
		cmocka_unit_test(occasions_of_one_day_are_one),
		cmocka_unit_test(what_is_waived_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
