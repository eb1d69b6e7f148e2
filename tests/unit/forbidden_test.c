/* SPDX-License-Identifier: Apache-2.0 */
/* What is forbidden is told whatever the model says, and is never learned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "judge/judge.h"
#include "made_event.h"
#include "model/learn.h"

struct told {
	unsigned count;
	struct {
		enum finding_kind kind;
		unsigned behaviours;
		char first[128], text[4096], json[4096];
	} finding[8];
};

static int note(void *owner, const struct finding *finding)
{
	struct told *told = owner;
	struct buffer out = BUFFER_INIT(65536), line = BUFFER_INIT(65536), json = BUFFER_INIT(65536);

	assert_in_range(told->count, 0, 7);
	finding_explain(&out, finding, "web.model");
	finding_line(&line, finding->behaviour);
	finding_write(&json, finding);
	told->finding[told->count].kind = finding->kind;
	told->finding[told->count].behaviours = finding->count;
	(void)strncpy(told->finding[told->count].first, buffer_string(&line), 127);
	(void)strncpy(told->finding[told->count].text, buffer_string(&out), 4095);
	(void)strncpy(told->finding[told->count++].json, buffer_string(&json), 4095);
	buffer_free(&out);
	buffer_free(&line);
	buffer_free(&json);
	return 0;
}

static struct decisions *decide(const char *lines)
{
	struct buffer text = BUFFER_INIT(4096);
	struct decisions *decisions = NULL;
	struct error error = { "" };

	buffer_printf(&text, "# sombrero decisions 1\n%s", lines);
	if (decisions_parse("d", text.data, text.size, &decisions, &error))
		fail_msg("%s", error.text);
	buffer_free(&text);
	return decisions;
}

static const char model_text[] = "# sombrero model 1\n"
				 "service web\n"
				 "  exec     /usr/bin/id\n"
				 "  exec     /usr/bin/web\n"
				 "  owner    /usr/bin/*  root\n";

/* Judges each by the model and the decisions. */
static void judge_each(const char *lines, const struct event *events, size_t count, struct told *told)
{
	struct decisions *decisions = decide(lines);
	struct networks *networks = networks_new();
	struct error error = { "" };
	struct model *model = NULL;
	struct judge *judge;

	memset(told, 0, sizeof(*told));
	assert_int_equal(model_parse("m", model_text, strlen(model_text), &model, &error), 0);
	assert_int_equal(decisions_apply(decisions, model), 0);
	judge = judge_new(model, networks, note, told);
	assert_non_null(judge);
	judge_decide(judge, decisions);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(judge_event(judge, &events[i]), 0);
	judge_free(judge);
	networks_free(networks);
	model_free(model);
	decisions_free(decisions);
}

#define AT(second) "2026-11-24T10:00:" second "Z"

static void the_forbidden_is_told_once_though_the_model_has_it(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/web"),
					make_exec(2, CONTEXT_SERVICE, "web", "/usr/bin/id"),
					make_exec(3, CONTEXT_SERVICE, "web", "/usr/bin/id") };
	struct told told;

	(void)state;
	judge_each("service web\n  forbid exec /usr/bin/id  # " AT("00") " alice: we never \"look\"\n", events, 3,
		   &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.finding[0].kind, FINDING_FORBIDDEN);
	assert_string_equal(told.finding[0].first, "exec /usr/bin/id");
	assert_non_null(strstr(told.finding[0].text, "  FORBIDDEN high  service web: started /usr/bin/id\n"));
	assert_non_null(strstr(told.finding[0].text, "forbidden at " AT("00") " by alice: we never \"look\"\n"));
	assert_non_null(strstr(told.finding[0].json, "{\"finding\":\"forbidden\",\"severity\":\"high\","));
	assert_non_null(strstr(told.finding[0].json,
			       "\"forbidden\":{\"time\":\"" AT("00") "\",\"by\":\"alice\","
								     "\"reason\":\"we never \\\"look\\\"\"}"));
}

static void a_part_of_a_pattern_can_be_forbidden(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/web") };
	struct told told;

	(void)state;
	judge_each("service web\n  forbid owner /usr/bin/web root  # " AT("00") " a: x\n", events, 1, &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.finding[0].kind, FINDING_FORBIDDEN);
	assert_string_equal(told.finding[0].first, "owner /usr/bin/web  root");
}

static void what_else_the_event_is_stands_with_it_in_a_known_context(void **state)
{
	struct event event = make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/nc");
	struct told told;

	(void)state;
	event.effective_user = "www-data";
	judge_each("service web\n  forbid owner ** www-data  # " AT("00") " a: x\n", &event, 1, &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.finding[0].behaviours, 2);
	assert_string_equal(told.finding[0].first, "owner /usr/bin/nc  www-data");
}

static void a_new_context_is_told_as_such_beside_what_is_forbidden_of_it(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "new", "/usr/bin/nc") };
	struct told told;

	(void)state;
	judge_each("service new\n  forbid exec **  # " AT("00") " a: x\n", events, 1, &told);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.finding[0].kind, FINDING_FORBIDDEN);
	assert_int_equal(told.finding[1].kind, FINDING_CONTEXT);
	assert_string_equal(told.finding[1].first, "owner /usr/bin/nc  root");
}

static void what_is_accepted_is_quiet_until_it_is_revoked(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_SERVICE, "web", "/usr/bin/convert") };
	struct told told;

	(void)state;
	judge_each("service web\n  accept exec /usr/bin/conv*  # " AT("00") " a: x\n", events, 1, &told);
	assert_int_equal(told.count, 0);
	judge_each("service web\n  accept exec /usr/bin/conv*  # " AT("00") " a: x\n"
									    "  revoke exec /usr/bin/conv*  # " AT(
										    "01") " a: x\n",
		   events, 1, &told);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.finding[0].kind, FINDING_BEHAVIOUR);
}

/* ---- learning ---- */

static bool refuses(void *owner, const struct behaviour *behaviour)
{
	return decisions_forbid(owner, behaviour);
}

static void the_forbidden_is_never_learned_whether_it_waited_or_was_there(void **state)
{
	const struct event events[] = { make_exec(1, CONTEXT_HARNESS, "", "/usr/bin/web"),
					make_exec(1, CONTEXT_HARNESS, "", "/usr/bin/id"),
					make_context(1, "web", "/usr/bin/web"),
					make_exec(2, CONTEXT_SERVICE, "web", "/usr/bin/nc"),
					make_exec(3, CONTEXT_SERVICE, "web", "/usr/bin/ok") };
	static const char before[] =
		"# sombrero model 1\nservice web\n  exec     /usr/bin/old\n  exec     /usr/bin/x\n";
	struct decisions *decisions =
		decide("service web\n"
		       "  forbid exec /usr/bin/id  # " AT(
			       "00") " a: x\n"
				     "  forbid exec /usr/bin/nc  # " AT(
					     "00") " a: x\n"
						   "  forbid exec /usr/bin/old  # " AT(
							   "00") " a: x\n"
								 "  forbid owner ** *  # " AT("00") " a: x\n");
	struct networks *networks = networks_new();
	struct buffer text = BUFFER_INIT(4096);
	struct model *model = NULL;
	struct learner *learner;

	(void)state;
	assert_int_equal(model_parse("m", before, strlen(before), &model, NULL), 0);
	learner = learner_new(model, networks);
	learner_refuse(learner, refuses, decisions);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		assert_int_equal(learner_event(learner, &events[i]), 0);
	assert_int_equal(learner_finish(learner), 0);
	assert_int_equal(model_print(model, &text), 0);
	assert_string_equal(text.data, "# sombrero model 1\n"
				       "service web\n"
				       "  exec     /usr/bin/ok\n"
				       "  exec     /usr/bin/web\n"
				       "  exec     /usr/bin/x\n");
	buffer_free(&text);
	learner_free(learner);
	networks_free(networks);
	model_free(model);
	decisions_free(decisions);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_forbidden_is_told_once_though_the_model_has_it),
		cmocka_unit_test(a_part_of_a_pattern_can_be_forbidden),
		cmocka_unit_test(what_else_the_event_is_stands_with_it_in_a_known_context),
		cmocka_unit_test(a_new_context_is_told_as_such_beside_what_is_forbidden_of_it),
		cmocka_unit_test(what_is_accepted_is_quiet_until_it_is_revoked),
		cmocka_unit_test(the_forbidden_is_never_learned_whether_it_waited_or_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
