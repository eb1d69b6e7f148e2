/* SPDX-License-Identifier: Apache-2.0 */
/* What the stars of a model cover. */
#include "model_text.h"

static bool program_matches(const char *pattern, const char *program)
{
	struct behaviour line = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_EXEC, pattern, "");
	struct behaviour seen = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_EXEC, program, "");
	struct model *model = model_new();
	bool found;

	assert_int_equal(model_add(model, &line, NULL), 1);
	found = model_match(model, &seen) != NULL;
	model_free(model);
	return found;
}

static void patterns_cover_what_the_manual_says(void **state)
{
	static const struct {
		const char *pattern, *program;
		bool covers;
	} rows[] = {
		{ "/srv/*/run", "/srv/app/run", true },
		{ "/srv/*/run", "/srv/a/b/run", false },
		{ "/srv/*/run", "/srv//run", false },
		{ "/srv/*", "/srv/x", true },
		{ "/srv/*", "/srv/", false },
		{ "/srv/*", "/srv", false },
		{ "/srv/*", "/srv/x/y", false },
		{ "/srv/app.*.js", "/srv/app.1.js", true },
		{ "/srv/app.*.js", "/srv/app.1.2.js", true },
		{ "/srv/app.*.js", "/srv/app.js", false },
		{ "/srv/app.*.js", "/srv/app..js", false },
		{ "/srv/app.*.js", "/srv/app.1.js.sh", false },
		{ "/srv/*a*b", "/srv/xaxb", true },
		{ "/srv/*a*b", "/srv/xaaxbb", true },
		{ "/srv/*a*b", "/srv/axb", false },
		{ "/srv/**", "/srv/x", true },
		{ "/srv/**", "/srv/x/y/z", true },
		{ "/srv/**", "/srv", false },
		{ "/srv/**", "/srv/", false },
		{ "/srv/**/run", "/srv/run", true },
		{ "/srv/**/run", "/srv/a/run", true },
		{ "/srv/**/run", "/srv/a/b/c/run", true },
		{ "/srv/**/run", "/srv/arun", false },
		{ "/srv/**/run", "/srvrun", false },
		{ "/srv/**/run", "/srv/a/run/b", false },
		{ "/srv/**/*.sh", "/srv/a/b/c.sh", true },
		{ "/srv/**/*.sh", "/srv/c.sh", true },
		{ "/srv/**/*.sh", "/srv/a/.sh", false },
		{ "/srv/a**z", "/srv/a/b/z", true },
		{ "/srv/a**z", "/srv/az", false },
		{ "/srv/**/a/**/z", "/srv/a/z", true },
		{ "/srv/**/a/**/z", "/srv/b/a/c/d/z", true },
		{ "/srv/**/a/**/z", "/srv/b/c/z", false },
		{ "**", "/srv/x", true },
		{ "**", "/usr/bin/python3(-c)", false },
		{ "**(**)", "/usr/bin/python3(-c)", true },
		{ "**(**)", "/usr/bin/python3", false },
		{ "/usr/bin/python3*", "/usr/bin/python3.11", true },
		{ "/usr/bin/python3*", "/usr/bin/python3", false },
		{ "/usr/bin/python3*", "/usr/bin/python3.11(-c)", false },
		{ "/usr/bin/python3*(-c)", "/usr/bin/python3.11(-c)", true },
		{ "/usr/bin/python3(/srv/*.py)", "/usr/bin/python3(/srv/x.py)", true },
		{ "/usr/bin/python3(/srv/*.py)", "/usr/bin/python3(#!/srv/x.py)", false },
		{ "/usr/bin/python3(*)", "/usr/bin/python3(stdin)", true },
		{ "/usr/bin/python3(*)", "/usr/bin/python3(/x)", false },
		{ "/srv/*", "/srv/*", true },
		{ "/srv/*/x", "/srv/a*/x", true },
		{ "/srv/\\x2a", "/srv/x", false },
		{ "/srv/\\x2a/*", "/srv/\\x2a/y", true },
		{ "*", "memfd:x", true },
		{ "*", "/x", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (program_matches(rows[i].pattern, rows[i].program) != rows[i].covers)
			fail_msg("%s and %s", rows[i].pattern, rows[i].program);
	}
}

static void object_patterns_stay_within_their_word(void **state)
{
	static const struct {
		const char *pattern, *object;
		bool covers;
	} rows[] = {
		{ "tcp * private", "tcp 443 private", true }, { "tcp * private", "udp 443 private", false },
		{ "* * *", "udp ephemeral internet", true },  { "tcp 80* *", "tcp 8080 any", true },
		{ "tcp 80* *", "tcp 80 any", false },         { "tcp ** private", "tcp 443 private", true },
		{ "tcp * db-*", "tcp 5432 db-1", true },      { "tcp * db-*", "tcp 5432 db", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct behaviour line = behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_CONNECT, "/x", rows[i].pattern);
		struct behaviour seen = behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_CONNECT, "/x", rows[i].object);
		struct model *model = model_new();

		assert_int_equal(model_add(model, &line, NULL), 1);
		assert_int_equal(model_match(model, &seen) != NULL, rows[i].covers);
		model_free(model);
	}
}

static void the_exact_line_wins_over_a_pattern_and_the_first_over_a_later(void **state)
{
	struct model *model = parse("# sombrero model 1\nservice x\n  exec /a/**\n  exec /a/*\n  exec /a/b\n");
	struct behaviour seen = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_EXEC, "/a/b", "");

	(void)state;
	assert_string_equal(model_match(model, &seen)->behaviour.program, "/a/b");
	seen.program = "/a/c";
	assert_null(model_find(model, &seen));
	assert_string_equal(model_match(model, &seen)->behaviour.program, "/a/**");
	seen.context_name = "y";
	assert_null(model_match(model, &seen));
	model_free(model);
}

/* What the manual says of stars, tried in every way: slow, and plainly right. */
static bool plainly_covers(const char *pattern, const char *text, bool segment_start)
{
	bool deep = pattern[0] == '*' && pattern[1] == '*';
	const char *rest = pattern + 1 + deep;

	if (!*pattern)
		return !*text;
	if (*pattern != '*')
		return *pattern == *text && plainly_covers(pattern + 1, text + 1, *pattern == '/');
	if (deep && segment_start && *rest == '/') {
		for (const char *end = text;; end++) {
			if ((end == text || end[-1] == '/') && plainly_covers(rest + 1, end, true))
				return true;
			if (!*end)
				return false;
		}
	}
	for (const char *end = text; *end && !strchr(deep ? " ()" : " ()/", *end); end++) {
		if (plainly_covers(rest, end + 1, false))
			return true;
	}
	return false;
}

static void matching_agrees_with_trying_everything(void **state)
{
	char pattern[16] = "/", text[16] = "/";
	unsigned covered = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		random_text(pattern + 1, sizeof(pattern) - 1, "ab//**");
		random_text(text + 1, sizeof(text) - 1, "aab/");
		if (strstr(pattern, "***"))
			continue;
		covered += plainly_covers(pattern, text, true);
		if (strchr(pattern, '*') && program_matches(pattern, text) != plainly_covers(pattern, text, true))
			fail_msg("%s and %s", pattern, text);
	}
	assert_in_range(covered, 1000, 200000);
}

static void a_hostile_text_cannot_make_matching_slow(void **state)
{
	static char text[16384];
	struct buffer pattern = BUFFER_INIT(1000);

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[0] = '/';
	buffer_byte(&pattern, '/');
	for (int i = 0; i < 60; i++)
		buffer_text(&pattern, i % 2 ? "*a" : "**a");
	buffer_byte(&pattern, 'b');
	assert_false(program_matches(buffer_string(&pattern), text));
	buffer_free(&pattern);
}

static void patterns_of_paths_cover_what_was_written(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool covers;
	} rows[] = {
		{ "/var/log/nginx/*.log", "/var/log/nginx/access.log", true },
		{ "/var/log/nginx/*.log", "/var/log/nginx/a\\x20\\x281\\x29.log", true },
		{ "/var/log/nginx/*.log", "/var/log/nginx/shell.php", false },
		{ "/var/log/nginx/*.log", "/var/log/nginx/old/access.log", false },
		{ "/srv/**", "/srv/a/b/c", true },
		{ "/srv/**", "/etc/passwd", false },
		{ "/srv/\\x2a", "/srv/x", false },
		{ "none", "/none", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct behaviour line = behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_WRITE, "/x", rows[i].pattern);
		struct behaviour seen = behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_WRITE, "/x", rows[i].path);
		struct model *model = model_new();

		assert_int_equal(model_add(model, &line, NULL), 1);
		if ((model_match(model, &seen) != NULL) != rows[i].covers)
			fail_msg("%s and %s", rows[i].pattern, rows[i].path);
		model_free(model);
	}
}

static void writes_are_judged_where_the_model_says_what_is_written(void **state)
{
	struct model *with = parse("# sombrero model 1\nservice a\n  exec /a\nservice b\n  write ** none\n");
	struct model *without = parse("# sombrero model 1\nservice a\n  exec /a\n");
	struct behaviour seen = behaviour_in(CONTEXT_SERVICE, "a", BEHAVIOUR_WRITE, "/a", "/x");

	(void)state;
	assert_false(model_judges(with, &seen));
	assert_false(model_judges(without, &seen));
	seen.context_name = "b";
	assert_true(model_judges(with, &seen));
	seen.context_name = "unknown";
	assert_true(model_judges(with, &seen));
	assert_false(model_judges(without, &seen));
	seen.kind = BEHAVIOUR_OWNER;
	assert_true(model_judges(without, &seen));
	model_free(with);
	model_free(without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_cover_what_the_manual_says),
		cmocka_unit_test(object_patterns_stay_within_their_word),
		cmocka_unit_test(the_exact_line_wins_over_a_pattern_and_the_first_over_a_later),
		cmocka_unit_test(matching_agrees_with_trying_everything),
		cmocka_unit_test(patterns_of_paths_cover_what_was_written),
		cmocka_unit_test(writes_are_judged_where_the_model_says_what_is_written),
		cmocka_unit_test(a_hostile_text_cannot_make_matching_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
