/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/mapping.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void assert_maps(const struct mapping_rule *rules, size_t count, const char *before, const char *expected)
{
	struct model *model = NULL, *mapped = model_new();
	struct mapping *mapping = mapping_new();
	struct buffer text = BUFFER_INIT(65536), out = BUFFER_INIT(65536);
	struct error error = { "" };

	buffer_printf(&text, "# sombrero model 1\n%s", before);
	if (model_parse("m", text.data, text.size, &model, &error))
		fail_msg("%s", error.text);
	for (size_t i = 0; i < count; i++) {
		if (mapping_add(mapping, &rules[i], &error))
			fail_msg("%s", error.text);
	}
	assert_int_equal(mapping_apply(mapping, model, mapped), 0);
	assert_int_equal(model_print(mapped, &out), 0);
	assert_string_equal(strchr(out.data, '\n') + 1, expected);
	buffer_free(&text);
	buffer_free(&out);
	mapping_free(mapping);
	model_free(model);
	model_free(mapped);
}

#define RULE(part_, from_, to_)                                                          \
	{                                                                                \
		.part = MAPPING_##part_, .from = (from_), .to = { (to_) }, .to_count = 1 \
	}

static void what_was_learned_in_ci_is_what_runs_in_production(void **state)
{
	static const struct mapping_rule rules[] = {
		RULE(PATH, "/builds/*/web", "/srv/app/releases/*"),
		{ .part = MAPPING_USER, .from = "root", .to = { "www-data" }, .to_count = 1, .service = "web" },
		RULE(SERVICE, "app.py", "web"),
		RULE(CONTAINER, "true", "false"),
		{ .part = MAPPING_CONNECT, .from = "tcp 5432 loopback", .to = { "tcp 5432 db" }, .to_count = 1 },
	};

	(void)state;
	assert_maps(rules, LENGTH(rules),
		    "service app.py in container\n"
		    "  connect  /usr/bin/python3.11(/builds/g/web/app.py)  tcp 5432 loopback\n"
		    "  connect  /usr/bin/python3.11(/builds/g/web/app.py)  tcp 5433 loopback\n"
		    "  exec     /builds/g/web/bin/tool\n"
		    "  exec     /bin/sh(#!/builds/g/web/run)\n"
		    "  owner    /usr/bin/python3.11(/builds/g/web/app.py)  root\n"
		    "  write    /usr/bin/python3.11(/builds/g/web/app.py)  /builds/g/web/log/x.log\n"
		    "service cron\n"
		    "  owner    /usr/sbin/cron  root\n",
		    "service cron\n"
		    "  owner    /usr/sbin/cron  root\n"
		    "service web\n"
		    "  connect  /usr/bin/python3.11(/srv/app/releases/*/app.py)  tcp 5432 db\n"
		    "  connect  /usr/bin/python3.11(/srv/app/releases/*/app.py)  tcp 5433 loopback\n"
		    "  exec     /bin/sh(#!/srv/app/releases/*/run)\n"
		    "  exec     /srv/app/releases/*/bin/tool\n"
		    "  owner    /usr/bin/python3.11(/srv/app/releases/*/app.py)  www-data\n"
		    "  write    /usr/bin/python3.11(/srv/app/releases/*/app.py)  /srv/app/releases/*/log/x.log\n");
}

static void only_whole_names_of_directories_fit(void **state)
{
	static const struct mapping_rule rules[] = { RULE(PATH, "/a/*/c", "/x"), RULE(PATH, "/r/", "/") };

	(void)state;
	assert_maps(rules, LENGTH(rules),
		    "boot\n"
		    "  exec     /a/b/c\n"
		    "  exec     /a/b/c/d\n"
		    "  exec     /a/b/cc\n"
		    "  exec     /a/b/b/c\n"
		    "  exec     /a/c\n"
		    "  exec     /r\n"
		    "  exec     /r/bin/sh(-c)\n"
		    "  exec     /z/a/b/c\n"
		    "  exec     memfd:a\n",
		    "boot\n"
		    "  exec     /\n"
		    "  exec     /a/b/b/c\n"
		    "  exec     /a/b/cc\n"
		    "  exec     /a/c\n"
		    "  exec     /bin/sh(-c)\n"
		    "  exec     /x\n"
		    "  exec     /x/d\n"
		    "  exec     /z/a/b/c\n"
		    "  exec     memfd:a\n");
}

static void a_root_directory_can_be_mapped(void **state)
{
	static const struct mapping_rule rules[] = { RULE(PATH, "/", "/srv/root") };

	(void)state;
	assert_maps(rules, LENGTH(rules), "boot\n  exec     /bin/sh(#!/x)\n  exec     memfd:a\n  write    **  none\n",
		    "boot\n  exec     /srv/root/bin/sh(#!/srv/root/x)\n  exec     memfd:a\n  write    **  none\n");
}

static void the_first_rule_that_fits_counts_and_none_goes_on_where_another_ended(void **state)
{
	static const struct mapping_rule rules[] = { RULE(PATH, "/a/b", "/c"), RULE(PATH, "/a", "/d"),
						     RULE(PATH, "/c", "/never") };

	(void)state;
	assert_maps(rules, 2, "boot\n  exec     /a/b/x\n  exec     /a/x\n", "boot\n  exec     /c/x\n  exec     /d/x\n");
	assert_maps(rules, 3, "boot\n  exec     /a/b/x\n", "boot\n  exec     /c/x\n");
}

static void one_line_can_become_several(void **state)
{
	static const struct mapping_rule rules[] = {
		{ .part = MAPPING_CONNECT, .from = "tcp * loopback", .to = { "tcp 1 a", "tcp 1 b" }, .to_count = 2 },
		{ .part = MAPPING_PATH, .from = "/a", .to = { "/blue", "/green" }, .to_count = 2 },
	};

	(void)state;
	assert_maps(rules, LENGTH(rules), "boot\n  connect  /a/x  tcp 9 loopback\n",
		    "boot\n"
		    "  connect  /blue/x  tcp 1 a\n"
		    "  connect  /blue/x  tcp 1 b\n"
		    "  connect  /green/x  tcp 1 a\n"
		    "  connect  /green/x  tcp 1 b\n");
}

static void a_service_and_a_job_of_the_same_name_are_two(void **state)
{
	static const struct mapping_rule rules[] = { RULE(JOB, "x", "y"), RULE(SERVICE, "z", "w") };

	(void)state;
	assert_maps(rules, LENGTH(rules), "service x\n  exec     /x\njob x\n  exec     /x\njob z\n  exec     /z\n",
		    "service x\n  exec     /x\njob y\n  exec     /x\njob z\n  exec     /z\n");
}

static void without_rules_nothing_changes(void **state)
{
	static const char text[] = "boot in container\n"
				   "  raw      /lib/ld.so(ld.so:/srv/x)  packet\n"
				   "service a\\x20b\n"
				   "  exec     /bin/sh(stdin)\n"
				   "  exec     /bin/x(-m:http.server)\n"
				   "  exec     ?\n"
				   "  write    **  none\n";

	(void)state;
	assert_maps(NULL, 0, text, text);
}

static void a_wrong_rule_is_refused_with_the_reason(void **state)
{
	static const struct {
		struct mapping_rule rule;
		const char *error;
	} cases[] = {
		{ RULE(PATH, "a", "/b"), "\"a\" is not absolute; begin it with /" },
		{ RULE(PATH, "/a/**", "/b"), "\"/a/**\" has a **; write * for each directory whose name differs" },
		{ RULE(PATH, "/a", "/b (x)"), "\"/b (x)\" is not written as a model has it; blanks are \\x20" },
		{ RULE(PATH, "/a//b", "/b"), "\"/a//b\" has an empty name, a . or a .. in it; leave it out" },
		{ RULE(USER, "a b", "c"), "\"a b\" is no user as a model has them; blanks are \\x20" },
		{ RULE(CONNECT, "tcp 5432", "tcp 5432 db"), "\"tcp 5432\" is not protocol, port and network as a model "
							    "has them, as in tcp 5432 db" },
		{ RULE(CONTAINER, "yes", "false"), "\"yes\" is neither true nor false" },
		{ RULE(PATH, "a\nb", "/b"), "\"a\\x0ab\" is not absolute; begin it with /" },
		{ RULE(SERVICE, "", "x"), "\"\" is no name of a context" },
		{ { .part = MAPPING_PATH, .from = "/a" }, "there are 1 to 8 that something can be mapped to" },
	};
	struct mapping *mapping = mapping_new();

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct error error = { "" };

		assert_int_equal(mapping_add(mapping, &cases[i].rule, &error), -EINVAL);
		assert_string_equal(error.text, cases[i].error);
	}
	mapping_free(mapping);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_learned_in_ci_is_what_runs_in_production),
		cmocka_unit_test(only_whole_names_of_directories_fit),
		cmocka_unit_test(a_root_directory_can_be_mapped),
		cmocka_unit_test(the_first_rule_that_fits_counts_and_none_goes_on_where_another_ended),
		cmocka_unit_test(one_line_can_become_several),
		cmocka_unit_test(a_service_and_a_job_of_the_same_name_are_two),
		cmocka_unit_test(without_rules_nothing_changes),
		cmocka_unit_test(a_wrong_rule_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
