/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/decisions.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static struct decisions *parse(const char *text)
{
	struct decisions *decisions = NULL;
	struct error error = { "" };

	if (decisions_parse("d", text, strlen(text), &decisions, &error))
		fail_msg("%s", error.text);
	return decisions;
}

static struct model *parse_model(const char *text)
{
	struct model *model = NULL;
	struct error error = { "" };

	if (model_parse("m", text, strlen(text), &model, &error))
		fail_msg("%s", error.text);
	return model;
}

static void assert_prints(struct decisions *decisions, const char *text)
{
	struct buffer out = BUFFER_INIT(DECISIONS_TEXT_MAX);

	assert_int_equal(decisions_print(decisions, &out), 0);
	assert_string_equal(buffer_string(&out), text);
	buffer_free(&out);
}

static void assert_model(struct model *model, const char *text)
{
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);

	assert_int_equal(model_print(model, &out), 0);
	assert_string_equal(buffer_string(&out), text);
	buffer_free(&out);
}

static const struct behaviour nginx = { .context_kind = CONTEXT_SERVICE, .context_name = "nginx" };

static struct behaviour behaviour(enum behaviour_kind kind, const char *program, const char *object)
{
	struct behaviour out = nginx;

	out.kind = kind;
	out.program = program;
	out.object = object;
	return out;
}

/* "accept", "forbid" or "nothing". */
static const char *verdict(const struct decisions *decisions, enum behaviour_kind kind, const char *program,
			   const char *object)
{
	struct behaviour asked = behaviour(kind, program, object);
	const struct decision *decision = decisions_about(decisions, &asked);

	return decision ? decision_kind_name(decision->kind) : "nothing";
}

#define HEAD       "# sombrero decisions 1\n"
#define AT(second) "2026-11-24T10:00:" second "Z"

static void canonical_text_is_printed_as_it_was_read(void **state)
{
	static const char text[] = HEAD
		"boot\n"
		"  forbid  raw      /sbin/x  packet  # " AT(
			"00") " alice: never\n"
			      "service nginx\n"
			      "  accept  accept   /usr/sbin/nginx  tcp 443 internet  # " AT(
				      "00") " SHA256:abc: it's the front\n"
					    "  accept  connect  /usr/sbin/nginx  tcp 9000 loopback  # " AT(
						    "00") " alice: new php pool\n"
							  "  revoke  connect  /usr/sbin/nginx  tcp 9000 loopback  "
							  "# " AT("01") " bob: gone  again # really\n"
									"  forbid  exec     /bin/sh(-c)  # " AT(
										"00") " bob\\x20b: \xc3\xa4\n"
										      "service nginx in container\n"
										      "  accept  privilege  /usr/bin/* "
										      " capabilities  # " AT(
											      "59") " alice: x\n";
	struct decisions *decisions = parse(text);

	(void)state;
	assert_prints(decisions, text);
	assert_int_equal(decisions_size(decisions), 6);
	decisions_free(decisions);
}

static void blanks_order_comments_and_doubles_do_not_matter(void **state)
{
	struct decisions *decisions = parse(
		HEAD "\n# a comment\n"
		     "service nginx\n"
		     "   forbid exec /b   #" AT("01") "   bob:   why  \n"
						      "  accept  exec  /a  # " AT("00") " alice: because\n"
											"service nginx  # again\n"
											"  forbid  exec  /b  # " AT(
												"01") " bob: why");

	(void)state;
	assert_prints(decisions,
		      HEAD "service nginx\n"
			   "  accept  exec     /a  # " AT("00") " alice: because\n"
								"  forbid  exec     /b  # " AT("01") " bob: why\n");
	decisions_free(decisions);
}

static void every_error_says_where_and_what_was_expected(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "  exec  /a  # " AT("00") " alice: x", "d:3:3: found 'exec', expected accept, forbid or revoke" },
		{ "  accept  exec  /a", "d:3:19: found the end of the line, expected who, when and why, as in" },
		{ "  accept  exec  /a  #", "d:3:22: found the end of the line, expected a time in UTC" },
		{ "  accept  exec  /a  # 2026-02-30T10:00:00Z alice: x",
		  "d:3:23: found '2026-02-30T10:00:00Z', expect" },
		{ "  accept  exec  /a  # 2026-11-24T10:00:00+01:00 a: x", "d:3:23: found '2026-11-24T10:00:00+01:00'" },
		{ "  accept  exec  /a  # " AT("00"), "d:3:43: found the end of the line, expected who decided" },
		{ "  accept  exec  /a  # " AT("00") " alice why",
		  "d:3:44: found 'alice', expected who decided, and ':'" },
		{ "  accept  exec  /a  # " AT("00") " : why", "d:3:44: found ':', expected who decided, and ':'" },
		{ "  accept  exec  /a  # " AT("00") " alice: ",
		  "d:3:51: found the end of the line, expected the reason" },
		{ "  accept  exec  /a  # " AT("00") " a\\y: x", "d:3:45: found 'a\\y', expected \\\\ or \\xHH" },
		{ "  accept  exec  /a b  # " AT("00") " a: x", "d:3:20: found 'b', expected the end of the line" },
		{ "  accept  exec /a # " AT("00") " a: x", "d:3:19: found '#', expected two blanks before a comment" },
		{ "  accept", "d:3:9: found the end of the line, expected accept, connect, exec, listen" },
		{ "<<<<<<< HEAD", "d:3:1: found a conflict that git left, expected it to be resolved" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct decisions *decisions = NULL;
		struct error error = { "" };
		char text[512];

		(void)snprintf(text, sizeof(text), HEAD "service nginx\n%s\n", cases[i].line);
		assert_int_equal(decisions_parse("d", text, strlen(text), &decisions, &error), -EINVAL);
		assert_null(decisions);
		if (strncmp(error.text, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("%s: %s", cases[i].line, error.text);
	}
}

static void a_model_is_not_taken_for_decisions(void **state)
{
	struct decisions *decisions = NULL;
	struct error error = { "" };

	(void)state;
	assert_int_equal(decisions_parse("d", "# sombrero model 1\n", 19, &decisions, &error), -EINVAL);
	assert_string_equal(error.text, "d:1:1: found '# sombrero model 1', expected the first line to be "
					"'# sombrero decisions 1'");
	assert_int_equal(decisions_parse("d", "# sombrero decisions 2\n", 23, &decisions, &error), -EINVAL);
	assert_string_equal(error.text, "d:1:22: found '# sombrero decisions 2', expected version 1: a newer sombrero "
					"can read it");
}

static void the_newest_that_covers_counts(void **state)
{
	struct decisions *decisions =
		parse(HEAD "service nginx\n"
			   "  accept  connect  /n  tcp 25 internet  # " AT(
				   "00") " a: x\n"
					 "  forbid  connect  /n  tcp * internet  # " AT(
						 "01") " a: x\n"
						       "  accept  connect  /n  tcp 443 *  # " AT("02") " a: x\n");

	(void)state;
	assert_string_equal(verdict(decisions, BEHAVIOUR_CONNECT, "/n", "tcp 25 internet"), "forbid");
	assert_string_equal(verdict(decisions, BEHAVIOUR_CONNECT, "/n", "tcp 443 internet"), "accept");
	assert_string_equal(verdict(decisions, BEHAVIOUR_CONNECT, "/n", "tcp 80 internet"), "forbid");
	assert_string_equal(verdict(decisions, BEHAVIOUR_CONNECT, "/n", "tcp 80 loopback"), "nothing");
	assert_string_equal(verdict(decisions, BEHAVIOUR_ACCEPT, "/n", "tcp 80 internet"), "nothing");
	decisions_free(decisions);
}

static void at_the_same_second_forbid_wins_in_any_order(void **state)
{
	struct decisions *decisions =
		parse(HEAD "service nginx\n"
			   "  accept  exec  /a  # " AT("00") " a: x\n"
							     "  forbid  exec  /*  # " AT(
								     "00") " a: x\n"
									   "  forbid  exec  /b  # " AT(
										   "00") " a: x\n"
											 "  accept  exec  /b  # " AT(
												 "00") " b: x\n");

	(void)state;
	assert_string_equal(verdict(decisions, BEHAVIOUR_EXEC, "/a", ""), "forbid");
	assert_string_equal(verdict(decisions, BEHAVIOUR_EXEC, "/b", ""), "forbid");
	decisions_free(decisions);
}

static void a_decision_holds_in_its_context_only(void **state)
{
	struct decisions *decisions = parse(HEAD "service nginx\n  forbid  exec  /a  # " AT("00") " a: x\n");
	struct behaviour asked = behaviour(BEHAVIOUR_EXEC, "/a", "");

	(void)state;
	assert_true(decisions_forbid(decisions, &asked));
	asked.in_container = true;
	assert_false(decisions_forbid(decisions, &asked));
	asked.in_container = false;
	asked.context_name = "nginx2";
	assert_false(decisions_forbid(decisions, &asked));
	decisions_free(decisions);
}

static void revoking_takes_back_what_was_decided_before(void **state)
{
	struct decisions *decisions = parse(
		HEAD "service nginx\n"
		     "  forbid  exec  /a  # " AT(
			     "00") " a: x\n"
				   "  accept  exec  /a  # " AT(
					   "01") " a: x\n"
						 "  accept  exec  /b  # " AT(
							 "01") " a: x\n"
							       "  accept  exec  /**  # " AT(
								       "01") " a: x\n"
									     "  revoke  exec  /*  # " AT(
										     "02") " a: x\n"
											   "  accept  exec  /c  # " AT(
												   "03") " a: x\n");

	(void)state;
	assert_string_equal(verdict(decisions, BEHAVIOUR_EXEC, "/c", ""), "accept");
	/* What covers more than was revoked stays. */
	assert_string_equal(verdict(decisions, BEHAVIOUR_EXEC, "/a", ""), "accept");
	decisions_free(decisions);
	decisions =
		parse(HEAD "service nginx\n"
			   "  accept  exec  /a  # " AT("01") " a: x\n"
							     "  forbid  exec  /b  # " AT(
								     "00") " a: x\n"
									   "  revoke  exec  /*  # " AT("01") " a: x\n");
	assert_string_equal(verdict(decisions, BEHAVIOUR_EXEC, "/a", ""), "nothing");
	assert_string_equal(verdict(decisions, BEHAVIOUR_EXEC, "/b", ""), "nothing");
	decisions_free(decisions);
}

static void what_is_judged_by_has_what_is_accepted_and_lacks_what_is_forbidden(void **state)
{
	struct model *model = parse_model("# sombrero model 1\n"
					  "service nginx\n"
					  "  connect  /n  tcp 25 internet\n"
					  "  connect  /n  tcp 443 *\n"
					  "  exec     /n\n"
					  "  write    /n  /var/log/*.log\n"
					  "  write    /n  /var/log/**\n");
	struct decisions *decisions = parse(
		HEAD
		"job new\n"
		"  accept  exec  /j  # " AT(
			"00") " a: x\n"
			      "service nginx\n"
			      "  forbid  connect  /n  tcp 25 *  # " AT(
				      "00") " a: x\n"
					    "  forbid  connect  /n  tcp 443 internet  # " AT(
						    "00") " a: x\n"
							  "  accept  exec  /b  # " AT(
								  "00") " a: x\n"
									"  accept  exec  /c  # " AT(
										"00") " a: x\n"
										      "  forbid  exec  /c  # " AT(
											      "01") " a: x\n"
												    "  forbid  write  "
												    "/n  /var/log/*  "
												    "# " AT("00") " a: "
														  "x"
														  "\n");

	(void)state;
	assert_int_equal(decisions_apply(decisions, model), 0);
	assert_model(model, "# sombrero model 1\n"
			    "service nginx\n"
			    "  connect  /n  tcp 443 *\n" /* a part of it is forbidden */
			    "  exec     /b\n"
			    "  exec     /n\n"
			    "  write    /n  /var/log/**\n" /* deeper than what is forbidden */
			    "job new\n"
			    "  exec     /j\n");
	/* What is gone is gone for matching, too. */
	{
		struct behaviour asked = behaviour(BEHAVIOUR_WRITE, "/n", "/var/log/a.log");

		assert_non_null(model_match(model, &asked));
		assert_true(decisions_forbid(decisions, &asked));
		asked = behaviour(BEHAVIOUR_CONNECT, "/n", "tcp 25 internet");
		assert_null(model_match(model, &asked));
	}
	decisions_free(decisions);
	model_free(model);
}

static void what_the_text_cannot_say_is_refused(void **state)
{
	struct decisions *decisions = decisions_new();
	const struct decision good = { behaviour(BEHAVIOUR_EXEC, "/a", ""), DECISION_ACCEPT, 1, "alice", "why" };
	struct decision bad[8];

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		bad[i] = good;
	bad[0].who = "";
	bad[1].who = "a b";
	bad[2].reason = "";
	bad[3].reason = "x\ny";
	bad[4].reason = " x";
	bad[5].time = -1;
	bad[6].kind = DECISION_KIND_COUNT;
	bad[7].behaviour.program = "a";
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(decisions_add(decisions, &bad[i]), -EINVAL);
	assert_int_equal(decisions_add(decisions, &good), 1);
	assert_int_equal(decisions_add(decisions, &good), 0);
	decisions_free(decisions);
}

/* ---- any sequence of versions ---- */

static uint64_t random_state;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 16) % below;
}

/* Few, so that they meet; the last ones have stars. */
static const char *const lines[] = {
	"tcp 1 db", "tcp 2 db", "tcp 1 lan", "tcp 2 lan", "tcp * db", "tcp 1 *", "tcp * *"
};
#define PLAIN 4

#define DECISIONS 12

/* What is so by the manual, found by looking at everything. */
static const char *expected_verdict(const struct decision *all, size_t count, unsigned line)
{
	static const bool covers[LENGTH(lines)][PLAIN] = {
		{ 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 },
		{ 1, 1, 0, 0 }, { 1, 0, 1, 0 }, { 1, 1, 1, 1 },
	};
	const struct decision *best = NULL;

	for (size_t i = 0; i < count; i++) {
		bool revoked = false;
		unsigned of = 0;

		while (lines[of] != all[i].behaviour.object)
			of++;
		for (size_t k = 0; k < count; k++) {
			unsigned by = 0;
			bool wider = true;

			while (lines[by] != all[k].behaviour.object)
				by++;
			for (unsigned at = 0; at < PLAIN; at++)
				wider = wider && (covers[by][at] || !covers[of][at]);
			revoked = revoked || (all[k].kind == DECISION_REVOKE && wider &&
					      (all[k].time > all[i].time ||
					       (all[k].time == all[i].time && all[i].kind == DECISION_ACCEPT)));
		}
		if (revoked || all[i].kind == DECISION_REVOKE || !covers[of][line])
			continue;
		if (!best || all[i].time > best->time || (all[i].time == best->time && all[i].kind == DECISION_FORBID))
			best = &all[i];
	}
	return best ? decision_kind_name(best->kind) : "nothing";
}

static struct model *random_model(void)
{
	struct model *model = model_new();

	for (unsigned i = 0; i < LENGTH(lines); i++) {
		struct behaviour line = behaviour(BEHAVIOUR_CONNECT, "/n", lines[i]);

		if (!pick(4))
			assert_int_equal(model_add(model, &line, NULL), 1);
	}
	return model;
}

/* Some of the decisions are made in one branch, some in another; each branch's file is written, read and merged. */
static struct decisions *through_branches(const struct decision *all, size_t count)
{
	struct decisions *branch[2] = { decisions_new(), decisions_new() }, *merged = NULL;
	struct buffer text = BUFFER_INIT(2 * DECISIONS_TEXT_MAX), second = BUFFER_INIT(DECISIONS_TEXT_MAX);

	for (size_t i = 0; i < count; i++) {
		unsigned to = pick(3);

		if (to != 1)
			assert_true(decisions_add(branch[0], &all[i]) >= 0);
		if (to != 0)
			assert_true(decisions_add(branch[1], &all[i]) >= 0);
	}
	assert_int_equal(decisions_print(branch[0], &text), 0);
	assert_int_equal(decisions_print(branch[1], &second), 0);
	/* As git merges: lines below their context, one text after the other. */
	buffer_text(&text, buffer_string(&second) + strlen(HEAD));
	merged = parse(buffer_string(&text));
	buffer_free(&text);
	buffer_free(&second);
	decisions_free(branch[0]);
	decisions_free(branch[1]);
	return merged;
}

static void check_version(const struct decisions *decisions, const struct decision *all, size_t count)
{
	struct model *version = random_model(), *effective = model_new();

	assert_int_equal(model_merge(effective, version), 0);
	assert_int_equal(decisions_apply(decisions, effective), 0);
	for (unsigned line = 0; line < PLAIN; line++) {
		struct behaviour asked = behaviour(BEHAVIOUR_CONNECT, "/n", lines[line]);
		const char *is = verdict(decisions, asked.kind, asked.program, asked.object);
		const char *expected = expected_verdict(all, count, line);

		assert_string_equal(is, expected);
		if (strcmp(is, "accept") == 0)
			assert_non_null(model_match(effective, &asked));
		else if (strcmp(is, "nothing") == 0)
			assert_int_equal(model_match(effective, &asked) != NULL, model_match(version, &asked) != NULL);
		else
			assert_null(model_find(effective, &asked));
	}
	model_free(version);
	model_free(effective);
}

/* Each is compared with the others about its line: a hostile file takes no time for it. */
static void there_are_so_many_decisions_about_one_line(void **state)
{
	struct buffer text = BUFFER_INIT(1 << 20);
	struct decisions *decisions = NULL;
	struct error error = { "" };

	(void)state;
	buffer_text(&text, "# sombrero decisions 1\nservice web\n");
	for (unsigned i = 0; i <= DECISIONS_OF_LINE_MAX; i++)
		buffer_printf(&text, "  accept  exec  /bin/x  # 2026-01-01T%02u:%02u:%02uZ m: ok\n", i / 3600,
			      i / 60 % 60, i % 60);
	assert_int_equal(decisions_parse("d", text.data, text.size, &decisions, &error), -EINVAL);
	assert_non_null(strstr(error.text, "d:1003:3: found more than 1000 decisions about this line"));
	buffer_free(&text);
}

static void decisions_survive_any_sequence_of_versions(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 500; seed++) {
		struct decision all[DECISIONS];
		struct decisions *decisions;

		random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
		for (size_t i = 0; i < DECISIONS; i++)
			all[i] = (struct decision) {
				behaviour(BEHAVIOUR_CONNECT, "/n", lines[pick(LENGTH(lines))]),
				(enum decision_kind)pick(DECISION_KIND_COUNT),
				pick(DECISIONS),
				"alice",
				"why",
			};
		for (size_t count = 0; count <= DECISIONS; count++) {
			decisions = through_branches(all, count);
			check_version(decisions, all, count);
			decisions_free(decisions);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text_is_printed_as_it_was_read),
		cmocka_unit_test(blanks_order_comments_and_doubles_do_not_matter),
		cmocka_unit_test(every_error_says_where_and_what_was_expected),
		cmocka_unit_test(a_model_is_not_taken_for_decisions),
		cmocka_unit_test(the_newest_that_covers_counts),
		cmocka_unit_test(at_the_same_second_forbid_wins_in_any_order),
		cmocka_unit_test(a_decision_holds_in_its_context_only),
		cmocka_unit_test(revoking_takes_back_what_was_decided_before),
		cmocka_unit_test(what_is_judged_by_has_what_is_accepted_and_lacks_what_is_forbidden),
		cmocka_unit_test(what_the_text_cannot_say_is_refused),
		cmocka_unit_test(there_are_so_many_decisions_about_one_line),
		cmocka_unit_test(decisions_survive_any_sequence_of_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
