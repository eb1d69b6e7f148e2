/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are too many become a star, whatever the order they came in. */
#include <errno.h>
#include <stdio.h>

#include "model_text.h"

/* Each `%` of the template becomes the number. */
static const char *numbered(char out[128], const char *template, unsigned number)
{
	struct buffer text = { .data = out, .capacity = 128, .maximum = 128 };

	for (; *template; template ++) {
		if (*template == '%')
			buffer_printf(&text, "%u", number);
		else
			buffer_byte(&text, *template);
	}
	assert_false(text.failed);
	return out;
}

static int write_to(struct model *model, const char *program, const char *template, unsigned number)
{
	struct behaviour line = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_WRITE, program, NULL);
	struct model_entry *entry;
	char path[128];
	int status;

	line.object = numbered(path, template, number);
	status = model_add(model, &line, &entry);
	assert_in_range(status, 0, 1);
	entry->count++;
	return status;
}

static void write_many(struct model *model, const char *template, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(write_to(model, "/x", template, i), 1);
}

static void assert_folds_to(struct model *model, const char *lines)
{
	struct buffer text = BUFFER_INIT(100000);

	buffer_printf(&text, SERVICE "%s", lines);
	assert_int_equal(model_fold(model), 0);
	assert_prints(model, buffer_string(&text));
	assert_int_equal(model_fold(model), 0);
	assert_prints(model, buffer_string(&text));
	buffer_free(&text);
}

static void fifty_names_stay_and_one_more_becomes_a_star(void **state)
{
	struct model *model = model_new();

	(void)state;
	write_many(model, "/up/%", MODEL_NAMES_MAX);
	assert_int_equal(model_fold(model), 0);
	assert_int_equal(model_size(model), MODEL_NAMES_MAX);
	assert_int_equal(write_to(model, "/x", "/up/%", 99), 1);
	assert_folds_to(model, "  write    /x  /up/*\n");
	model_free(model);
}

static void a_fold_keeps_the_extension_and_counts_each_for_itself(void **state)
{
	struct model *model = model_new();

	(void)state;
	write_many(model, "/up/%.tar.gz", MODEL_NAMES_MAX + 1);
	write_many(model, "/up/%.jpg", 2);
	write_many(model, "/up/plain%", 1);
	assert_folds_to(model, "  write    /x  /up/*.gz\n"
			       "  write    /x  /up/0.jpg\n"
			       "  write    /x  /up/1.jpg\n"
			       "  write    /x  /up/plain0\n");
	/* Now that one stands for all, what else it covers goes, and what it doesn't stays. */
	assert_int_equal(write_to(model, "/x", "/up/new.gz", 0), 1);
	assert_int_equal(write_to(model, "/x", "/up/shell.php", 0), 1);
	assert_folds_to(model, "  write    /x  /up/*.gz\n"
			       "  write    /x  /up/0.jpg\n"
			       "  write    /x  /up/1.jpg\n"
			       "  write    /x  /up/plain0\n"
			       "  write    /x  /up/shell.php\n");
	write_many(model, "/up/x%", MODEL_NAMES_MAX);
	assert_folds_to(model, "  write    /x  /up/*\n");
	model_free(model);
}

static void numbers_and_long_endings_are_no_extensions_and_too_many_are_none(void **state)
{
	struct model *model = model_new();

	(void)state;
	write_many(model, "/log/access.log.%", MODEL_NAMES_MAX + 1);
	write_many(model, "/hosts/%.example-host", MODEL_NAMES_MAX + 1);
	write_many(model, "/hidden/.rc%", MODEL_NAMES_MAX + 1);
	write_many(model, "/random/x.a%", MODEL_NAMES_MAX + 1);
	assert_folds_to(model, "  write    /x  /hidden/*\n"
			       "  write    /x  /hosts/*\n"
			       "  write    /x  /log/*\n"
			       "  write    /x  /random/*\n");
	model_free(model);
}

static void directories_fold_with_what_is_in_them(void **state)
{
	struct model *model = model_new();

	(void)state;
	write_many(model, "/up/user%/photo.jpg", MODEL_NAMES_MAX + 1);
	write_many(model, "/up/user%/a/b", 2);
	write_many(model, "/up/user%", 2);
	write_many(model, "/up-%", MODEL_NAMES_MAX + 1);
	write_many(model, "/top%/x", MODEL_NAMES_MAX + 1);
	assert_int_equal(model_fold(model), 0);
	assert_int_equal(model_size(model), 4 + 2 * (MODEL_NAMES_MAX + 1));
	assert_non_null(model_find(model, &(struct behaviour) { .context_kind = CONTEXT_SERVICE,
								.context_name = "x",
								.kind = BEHAVIOUR_WRITE,
								.program = "/x",
								.object = "/up/*/photo.jpg" }));
	model_free(model);
	model = model_new();
	/* 20 in each of 60: no one of them has too many, but all of them together do. */
	for (int user = 0; user < 60; user++) {
		for (unsigned i = 0; i < 20; i++) {
			char template[64];

			(void)snprintf(template, sizeof(template), "/up/%d/%d-%%.jpg", user, user);
			assert_int_equal(write_to(model, "/x", template, i), 1);
		}
	}
	assert_folds_to(model, "  write    /x  /up/*/*.jpg\n");
	model_free(model);
}

static void each_program_of_each_context_folds_for_itself(void **state)
{
	struct model *model = model_new();
	struct behaviour other = behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_WRITE, "/x", "/up/other");
	struct behaviour exec = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_EXEC, NULL, "");
	char program[32];

	(void)state;
	write_many(model, "/up/%", MODEL_NAMES_MAX + 1);
	assert_int_equal(write_to(model, "/y", "/up/y", 0), 1);
	assert_int_equal(model_add(model, &other, NULL), 1);
	for (int i = 0; i <= MODEL_NAMES_MAX; i++) {
		(void)snprintf(program, sizeof(program), "/up/%d", i);
		exec.program = program;
		assert_int_equal(model_add(model, &exec, NULL), 1);
	}
	assert_int_equal(model_fold(model), 0);
	assert_int_equal(model_size(model), 3 + MODEL_NAMES_MAX + 1);
	assert_non_null(model_find(model, &other));
	assert_non_null(model_find(model, &exec));
	other = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_WRITE, "/y", "/up/y");
	assert_non_null(model_find(model, &other));
	model_free(model);
}

static void patterns_of_people_stay_and_a_fold_has_the_counts(void **state)
{
	struct behaviour all = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_WRITE, "/x", "/up/*");
	struct behaviour seen = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_WRITE, "/x", "/up/any");
	struct model *model = model_new();

	(void)state;
	assert_int_equal(write_to(model, "/x", "/up/**", 0), 1);
	assert_int_equal(write_to(model, "/x", "/up/**/a.log", 0), 1);
	write_many(model, "/up/%", MODEL_NAMES_MAX + 1);
	assert_int_equal(write_to(model, "/x", "/up/%", 0), 0);
	assert_folds_to(model, "  write    /x  /up/*\n"
			       "  write    /x  /up/**\n"
			       "  write    /x  /up/**/a.log\n");
	assert_int_equal(model_find(model, &all)->count, MODEL_NAMES_MAX + 2);
	assert_non_null(model_match(model, &seen));
	model_free(model);
}

static void who_wrote_something_is_not_said_to_write_nothing(void **state)
{
	struct model *model = model_new();

	(void)state;
	assert_int_equal(write_to(model, BEHAVIOUR_ANY_PROGRAM, BEHAVIOUR_WRITE_NOTHING, 0), 1);
	assert_folds_to(model, "  write    **  none\n");
	assert_int_equal(write_to(model, "/x", "/up/a", 0), 1);
	assert_folds_to(model, "  write    /x  /up/a\n");
	model_free(model);
}

/* Few directories, many names (`%` is a number, the same one if it is there twice), so that some are folded and some are not. */
static struct model *random_writes(void)
{
	static const char *const templates[] = {
		"/a/%",    "/a/%.log", "/a/b/%.log", "/a/b/%",     "/a/%/x", "/a/%/b/y.log",
		"/b/x.e%", "/b/%.log", "/b/%/%/c",   "/b/%/%.log", "/b-%/z", "/c/b/*/%",
	};
	static const char *const fixed[] = { "/a/*", "/a/*.log", "/b/*/q", "/b/**",  "/c/b/x/y",
					     "none", "/",        "/a/b/",  "/a/b*/c" };
	struct model *model = model_new();
	unsigned of = 1 + pick(12), below = 20 + pick(80);

	for (unsigned left = pick(600); left; left--) {
		struct behaviour line = behaviour_in(CONTEXT_SERVICE, pick(9) ? "x" : "y", BEHAVIOUR_WRITE,
						     pick(9) ? "/x" : "/y", NULL);
		char path[128];

		line.object = pick(200) ? numbered(path, templates[pick(of)], pick(below)) : fixed[pick(LENGTH(fixed))];
		assert_in_range(model_add(model, &line, NULL), 0, 1);
	}
	return model;
}

static int is_covered(void *owner, struct model_entry *entry)
{
	if (strcmp(entry->behaviour.object, BEHAVIOUR_WRITE_NOTHING) != 0 && !model_match(owner, &entry->behaviour))
		fail_msg("%s is no longer allowed", entry->behaviour.object);
	return 0;
}

static int fold_by(struct model *model, const struct fold_limits *limits)
{
	model_limit(model, limits);
	return model_fold(model);
}

static void fold_in_any_order(const struct fold_limits *limits)
{
	size_t raw = 0, folded = 0;

	for (int round = 0; round < 100; round++) {
		struct model *a = random_writes(), *b = random_writes(), *c = random_writes();
		struct model *ab = merged(a, b), *whole = merged(ab, c), *all = merged(ab, c);
		struct model *parts, *others, *bc = merged(c, b);

		raw += model_size(whole);
		assert_int_equal(fold_by(whole, limits), 0);
		folded += model_size(whole);
		assert_int_equal(model_each(all, is_covered, whole), 0);
		assert_int_equal(fold_by(ab, limits), 0);
		parts = merged(ab, c);
		assert_int_equal(fold_by(parts, limits), 0);
		assert_same(parts, whole);
		assert_int_equal(fold_by(a, limits) | fold_by(bc, limits), 0);
		others = merged(bc, a);
		assert_int_equal(fold_by(others, limits), 0);
		assert_same(others, whole);
		model_free(a);
		model_free(b);
		model_free(c);
		model_free(ab);
		model_free(bc);
		model_free(all);
		model_free(parts);
		model_free(others);
		model_free(whole);
	}
	assert_in_range(folded, raw / 100, raw * 9 / 10);
}

static void folding_parts_before_changes_nothing_in_whatever_order(void **state)
{
	(void)state;
	fold_in_any_order(NULL);
}

static struct fold_limits *limits_of(const char *const directories[], const size_t names[], size_t count)
{
	struct fold_limits *limits = fold_limits_new();
	struct error error = { "" };

	for (size_t i = 0; i < count; i++)
		assert_int_equal(fold_limits_add(limits, directories[i], names[i], &error), 0);
	return limits;
}

static void limits_of_directories_change_nothing_of_that(void **state)
{
	static const char *const directories[] = { "/a", "/a/b/", "/b/*", "/b/7", "/c", "/a/3/b", "/" };
	static const size_t names[] = { 5, 80, 3, 200, 20, 1, 30 };

	(void)state;
	for (size_t count = 1; count <= LENGTH(names); count++) {
		struct fold_limits *limits = limits_of(directories, names, count);

		fold_in_any_order(limits);
		fold_limits_free(limits);
	}
}

static void the_longest_directory_limits_and_what_stars_leave_open_the_smallest(void **state)
{
	static const char *const directories[] = { "/var/www", "/var/www/up", "/srv/*/up", "/srv/a/up" };
	static const size_t names[] = { 5, 500, 7, 9 };
	static const struct {
		const char *path;
		size_t limit;
	} cases[] = {
		{ "/etc/", MODEL_NAMES_MAX }, { "/var/", MODEL_NAMES_MAX },
		{ "/var/www/", 5 },           { "/var/www2/", MODEL_NAMES_MAX },
		{ "/var/www/x/y/", 5 },       { "/var/www/up/", 500 },
		{ "/var/www/up/x/", 500 },    { "/var/www/*/", 5 },
		{ "/var/*/up/", 5 },          { "/srv/a/up/", 7 }, /* of two as long the smaller */
		{ "/srv/b/up/", 7 },          { "/srv/*/up/", 7 },
		{ "/", MODEL_NAMES_MAX },
	};
	struct fold_limits *limits = limits_of(directories, names, LENGTH(names));

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(fold_limit(limits, cases[i].path, strlen(cases[i].path)), cases[i].limit);
	fold_limits_free(limits);
}

static void a_wrong_limit_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *directory;
		size_t names;
		const char *error;
	} cases[] = {
		{ "srv", 5, "is not absolute; begin it with /" },
		{ "/srv/**", 5, "has a **; a directory is one: write * for each of its names that differs" },
		{ "/srv//x", 5, "has an empty name in it, or is longer than 511 bytes" },
		{ "/srv/a b", 5, "is not written as a model has it; blanks are \\x20" },
		{ "/srv", 0, "wants a number from 1 to 100000" },
		{ "/srv", 100001, "wants a number from 1 to 100000" },
	};
	struct fold_limits *limits = fold_limits_new();

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error error = { "" };

		assert_int_equal(fold_limits_add(limits, cases[i].directory, cases[i].names, &error), -EINVAL);
		assert_string_equal(error.text, cases[i].error);
	}
	fold_limits_free(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifty_names_stay_and_one_more_becomes_a_star),
		cmocka_unit_test(a_fold_keeps_the_extension_and_counts_each_for_itself),
		cmocka_unit_test(numbers_and_long_endings_are_no_extensions_and_too_many_are_none),
		cmocka_unit_test(directories_fold_with_what_is_in_them),
		cmocka_unit_test(each_program_of_each_context_folds_for_itself),
		cmocka_unit_test(patterns_of_people_stay_and_a_fold_has_the_counts),
		cmocka_unit_test(who_wrote_something_is_not_said_to_write_nothing),
		cmocka_unit_test(folding_parts_before_changes_nothing_in_whatever_order),
		cmocka_unit_test(limits_of_directories_change_nothing_of_that),
		cmocka_unit_test(the_longest_directory_limits_and_what_stars_leave_open_the_smallest),
		cmocka_unit_test(a_wrong_limit_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
