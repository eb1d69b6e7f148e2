/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "cli/model_diff.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static const struct diff_format *const formats[] = { &diff_as_text, &diff_as_markdown, &diff_as_json, &diff_as_junit,
						     &diff_as_sarif };

/* ---- what the tests share ---- */

struct pair {
	struct model *old, *new;
	struct model_diff *diff;
};

static struct model *parse(const char *lines)
{
	struct buffer text = BUFFER_INIT(MODEL_TEXT_MAX);
	struct error error = { "" };
	struct model *model = NULL;

	buffer_printf(&text, "# sombrero model 1\n%s", lines);
	if (model_parse("m", buffer_string(&text), text.size, &model, &error) < 0)
		fail_msg("%s", error.text);
	buffer_free(&text);
	return model;
}

static struct pair compare(const char *old, const char *new)
{
	struct pair pair = { parse(old), parse(new), NULL };

	assert_int_equal(model_diff(pair.old, pair.new, &pair.diff), 0);
	return pair;
}

static void free_pair(struct pair *pair)
{
	model_diff_free(pair->diff);
	model_free(pair->old);
	model_free(pair->new);
}

/* The titles of all changes, each with its severity, a line each; good until the next call. */
static const char *titles(const char *old, const char *new)
{
	static char text[16384];
	struct pair pair = compare(old, new);
	struct buffer out = BUFFER_INIT(sizeof(text) - 1);

	for (size_t i = 0; i < pair.diff->count; i++) {
		buffer_printf(&out, "%s: ", severity_name(pair.diff->change[i]->verdict.severity));
		change_title(&out, pair.diff->change[i], change_name_plain);
		buffer_byte(&out, '\n');
	}
	assert_false(out.failed);
	memcpy(text, buffer_string(&out), out.size + 1);
	buffer_free(&out);
	free_pair(&pair);
	return text;
}

static char *print_as(const struct diff_format *format, const struct pair *pair, enum diff_fail fail)
{
	struct diff_report report = {
		pair->diff, "old.model", "new.model", model_size(pair->old), model_size(pair->new), fail
	};
	struct buffer out = BUFFER_INIT(64U << 20);
	char *text;

	assert_int_equal(format->print(&out, &report), 0);
	text = strdup(buffer_string(&out));
	assert_non_null(text);
	buffer_free(&out);
	return text;
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1U << 20);

	assert_non_null(text);
	if (file) {
		(void)!fread(text, 1, (1U << 20) - 1, file);
		(void)fclose(file);
	}
	return text;
}

/* U+202E, which turns round what follows it on a screen. */
static const char turned[] = { '\xe2', '\x80', '\xae', '\0' };

/* ---- changes ---- */

static void a_program_that_starts_is_one_change_with_whom_it_runs_as(void **state)
{
	(void)state;
	assert_string_equal(
		titles("service web\n  exec  /usr/sbin/web\n",
		       "service web\n  exec  /usr/sbin/web\n  exec  /bin/sh(-c)\n  owner  /bin/sh(-c)  www-data\n"
		       "  privilege  /bin/sh(-c)  group\n"),
		"high: service web now starts a shell: /bin/sh(-c) as www-data, gaining group\n");
	assert_string_equal(
		titles("service web\n  exec  /usr/bin/gzip\n  owner  /usr/bin/gzip  www-data\n  exec  /usr/bin/web\n",
		       "service web\n  exec  /usr/bin/web\n"),
		"informational: service web no longer starts /usr/bin/gzip\n");
}

static void another_network_at_the_same_port_is_one_change(void **state)
{
	(void)state;
	assert_string_equal(titles("service redis\n  listen  /usr/bin/redis  tcp 6379 loopback\n",
				   "service redis\n  listen  /usr/bin/redis  tcp 6379 any\n"),
			    "high: service redis: /usr/bin/redis listens to any instead of loopback, at tcp 6379\n");
	assert_string_equal(titles("service web\n  connect  /usr/bin/web  tcp 443 private\n",
				   "service web\n  connect  /usr/bin/web  tcp 443 internet\n"),
			    "medium: service web: /usr/bin/web reaches internet instead of private, at tcp 443\n");
	assert_string_equal(titles("service web\n  listen  /usr/bin/web  tcp 80 any\n",
				   "service web\n  listen  /usr/bin/web  tcp 81 any\n"),
			    "high: service web now listens on every address: /usr/bin/web tcp 81 any\n"
			    "informational: service web no longer listens: /usr/bin/web tcp 80 any\n");
}

static void another_owner_is_one_change(void **state)
{
	(void)state;
	assert_string_equal(
		titles("service web\n  owner  /usr/bin/web  www-data\n", "service web\n  owner  /usr/bin/web  root\n"),
		"high: service web: /usr/bin/web runs as root instead of www-data\n");
}

static void another_version_of_a_program_is_one_change(void **state)
{
	(void)state;
	assert_string_equal(
		titles("service app\n  exec  /usr/bin/python3.11(/srv/a.py)\n  owner  /usr/bin/python3.11(/srv/a.py)  "
		       "app\n"
		       "  connect  /usr/bin/python3.11(/srv/a.py)  tcp 5432 private\n",
		       "service app\n  exec  /usr/bin/python3.12(/srv/a.py)\n  owner  /usr/bin/python3.12(/srv/a.py)  "
		       "app\n"
		       "  connect  /usr/bin/python3.12(/srv/a.py)  tcp 5432 private\n"),
		"low: service app: /usr/bin/python3.11(/srv/a.py) is now /usr/bin/python3.12(/srv/a.py), in 3 lines\n");
}

static void a_version_beside_the_old_one_is_a_program_of_its_own(void **state)
{
	(void)state;
	assert_non_null(strstr(titles("job x\n  exec  /usr/bin/python3.11\n  owner  /usr/bin/python3.11  a\n",
				      "job x\n  exec  /usr/bin/python3.11\n  exec  /usr/bin/python3.12\n"),
			       "low: job x now starts another program of a place it uses: /usr/bin/python3.12\n"));
}

static void another_version_of_a_context_is_one_change_and_what_it_does_besides_is_known_news(void **state)
{
	(void)state;
	assert_string_equal(titles("service php-fpm8.2\n  exec  /usr/sbin/php-fpm8.2\n  exec  /usr/bin/convert\n"
				   "  write  /usr/sbin/php-fpm8.2  /var/log/php8.2-fpm.log\n",
				   "service php-fpm8.4\n  exec  /usr/sbin/php-fpm8.4\n  exec  /usr/bin/convert\n  exec "
				   " /bin/sh(-c)\n"
				   "  write  /usr/sbin/php-fpm8.4  /var/log/php8.4-fpm.log\n"),
			    "high: service php-fpm8.4 now starts a shell: /bin/sh(-c)\n"
			    "low: service php-fpm8.2 is now service php-fpm8.4, in 3 lines\n");
}

static void a_context_that_came_or_went_is_one_change(void **state)
{
	(void)state;
	assert_string_equal(
		titles("job old\n  exec  /usr/bin/old\n  exec  /usr/bin/gzip\n",
		       "service mailer\n  exec  /usr/sbin/mailer\n  listen  /usr/sbin/mailer  tcp 25 any\n"),
		"high: service mailer is new, with 2 lines; it listens on every address; it starts /usr/sbin/mailer; "
		"it listens: /usr/sbin/mailer tcp 25 any\n"
		"informational: job old is gone, with 2 lines\n");
}

static void a_pattern_in_the_place_of_lines_is_one_change_and_likewise_back(void **state)
{
	static const char lines[] =
		"service web\n  write  /usr/sbin/web  /srv/data/a\n  write  /usr/sbin/web  /srv/data/b\n",
			  pattern[] = "service web\n  write  /usr/sbin/web  /srv/data/*\n";
	(void)state;

	assert_string_equal(titles(lines, pattern),
			    "low: service web now writes a file: /usr/sbin/web /srv/data/* instead of 2 lines\n");
	assert_string_equal(titles(pattern, lines),
			    "informational: service web may do less: 2 lines instead of /usr/sbin/web /srv/data/*\n");
}

static void lines_below_a_pattern_that_stays_have_no_consequence(void **state)
{
	(void)state;
	assert_string_equal(
		titles("service web\n  write  /usr/sbin/web  /srv/**\n",
		       "service web\n  write  /usr/sbin/web  /srv/**\n  write  /usr/sbin/web  /srv/shell.php\n"),
		"informational: service web may do the same: 1 line came that a pattern covers: /usr/sbin/web "
		"/srv/shell.php\n");
}

static void many_lines_of_one_consequence_are_one_change(void **state)
{
	(void)state;
	assert_string_equal(
		titles("service web\n  exec  /usr/sbin/web\n",
		       "service web\n  exec  /usr/sbin/web\n  write  /usr/sbin/web  /var/log/a\n"
		       "  write  /usr/sbin/web  /var/log/b\n  write  /usr/sbin/web  /var/log/c\n"
		       "  write  /usr/sbin/web  /var/log/d\n  write  /usr/sbin/web  /etc/cron.d/x\n"),
		"critical: service web now changes what is run later: /usr/sbin/web /etc/cron.d/x\n"
		"informational: service web now writes a log: /usr/sbin/web /var/log/a, /usr/sbin/web /var/log/b, "
		"/usr/sbin/web /var/log/c and 1 more\n");
}

static void the_same_is_no_change(void **state)
{
	(void)state;
	assert_string_equal(titles("service web\n  exec  /b\n  exec  /a\n", "service web\n  exec  /a\n  exec  /b\n"),
			    "");
	assert_string_equal(titles("", ""), "");
}

/* ---- applying gives the new model ---- */

/* xorshift64 (Marsaglia, 2003): the same numbers on every run. */
static uint64_t random_state;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 16) % below;
}

/* From few words, so that most of what makes changes meets. */
static struct model *random_model(unsigned lines)
{
	static const char *const contexts[] = { "service a8.2", "service a8.4", "service b",
						"job b",        "boot",         "service b in container" };
	static const char *const programs[] = { "/usr/bin/p3.11", "/usr/bin/p3.12", "/usr/bin/q", "/usr/bin/*",
						"/bin/sh(-c)" };
	static const char *const rests[] = { "listen %s tcp 80 any",
					     "listen %s tcp 80 loopback",
					     "exec %s",
					     "owner %s root",
					     "owner %s www-data",
					     "write %s /srv/a8.2.log",
					     "write %s /srv/*.log",
					     "write %s /srv/**",
					     "connect %s tcp 53 any",
					     "privilege %s root",
					     "raw %s packet",
					     "write %s none" };
	struct model *model = model_new();
	struct error error = { "" };

	assert_non_null(model);
	for (unsigned i = 0; i < lines; i++) {
		const char *program = programs[pick(LENGTH(programs))], *rest = rests[pick(LENGTH(rests))];
		struct buffer line = BUFFER_INIT(1024);

		for (const char *at = rest; *at; at++) {
			if (strncmp(at, "%s", 2) == 0) {
				buffer_text(&line, strstr(rest, "none") ? "**" : program);
				at++;
			} else {
				buffer_byte(&line, *at);
			}
		}
		if (model_parse_line(contexts[pick(LENGTH(contexts))], buffer_string(&line), model, &error) < 0)
			fail_msg("%s", error.text);
		buffer_free(&line);
	}
	return model;
}

static void assert_same_text(struct model *one, struct model *other)
{
	struct buffer first = BUFFER_INIT(1U << 20), second = BUFFER_INIT(1U << 20);

	assert_int_equal(model_print(one, &first), 0);
	assert_int_equal(model_print(other, &second), 0);
	assert_string_equal(buffer_string(&first), buffer_string(&second));
	buffer_free(&first);
	buffer_free(&second);
}

static void assert_applies(struct model *old, struct model *new)
{
	struct model_diff *diff;
	struct model *applied;

	assert_int_equal(model_diff(old, new, &diff), 0);
	applied = model_diff_apply(diff, old);
	assert_non_null(applied);
	assert_same_text(applied, new);
	/* Each line that came or went is in exactly one change. */
	assert_int_equal(model_size(old) - diff->removed + diff->added, model_size(new));
	model_free(applied);
	model_diff_free(diff);
}

static void applying_a_difference_gives_the_new_model(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 2000; seed++) {
		struct model *old, *new;

		random_state = 88172645463325252ULL + seed;
		old = random_model(pick(24));
		new = random_model(pick(24));
		assert_applies(old, new);
		model_free(old);
		model_free(new);
	}
}

static void each_change_can_be_said_and_printed_in_each_format(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct pair pair;

		random_state = 362436069ULL + seed;
		pair.old = random_model(pick(24));
		pair.new = random_model(pick(24));
		assert_int_equal(model_diff(pair.old, pair.new, &pair.diff), 0);
		for (size_t i = 0; i < LENGTH(formats); i++)
			free(print_as(formats[i], &pair, DIFF_FAIL_RISKY));
		free_pair(&pair);
	}
}

/* ---- formats ---- */

static struct pair example(void)
{
	struct error error = { "" };
	struct pair pair = { 0 };

	assert_int_equal(model_load("tests/unit/diff/old.model", &pair.old, &error), 0);
	assert_int_equal(model_load("tests/unit/diff/new.model", &pair.new, &error), 0);
	assert_int_equal(model_diff(pair.old, pair.new, &pair.diff), 0);
	return pair;
}

/* With UPDATE set in the environment, what is printed becomes what is expected; read it then. */
static void each_format_is_as_it_was_looked_at(void **state)
{
	struct pair pair = example();
	(void)state;

	for (size_t i = 0; i < LENGTH(formats); i++) {
		char *text = print_as(formats[i], &pair, DIFF_FAIL_RISKY), *expected, path[64];
		FILE *file;

		(void)snprintf(path, sizeof(path), "tests/unit/diff/expected.%s", formats[i]->name);
		file = getenv("UPDATE") ? fopen(path, "we") : NULL;
		if (file) {
			(void)fputs(text, file);
			(void)fclose(file);
		}
		expected = read_text(path);
		assert_string_equal(text, expected);
		free(expected);
		free(text);
	}
	free_pair(&pair);
}

static void models_that_are_the_same_say_so_in_each_format(void **state)
{
	static const char *const words[] = { "old.model and new.model allow the same: 1 lines", "behaviour is the same",
					     "\"identical\": true", "behaviour is the same", "\"identical\": true" };
	struct pair pair = compare("job a\n  exec  /a\n", "job a\n  exec  /a\n");
	(void)state;

	for (size_t i = 0; i < LENGTH(formats); i++) {
		char *text = print_as(formats[i], &pair, DIFF_FAIL_ANY);

		assert_non_null(strstr(text, words[i]));
		free(text);
	}
	free_pair(&pair);
}

/* Names as an intruder would choose them for whoever reads the report. */
#define HOSTILE                                                      \
	"service </testcase>&\"'``|<script>\\x28x\\x29\n"            \
	"  exec  /srv/`@everyone`[x]<img/src=x>|</details>\n"        \
	"  exec  /srv/\xe2\x80\xaegpj.exe\xe2\x80\x8b\xef\xbf\xbe\n" \
	"  exec  /srv/```;$\\x28id\\x29,{0}]]>-->\n"                 \
	"  write  /srv/a  /srv/\\x1b[31m\\x0a#!\n"

static char *hostile(const struct diff_format *format)
{
	struct pair pair = compare("", HOSTILE);
	char *text = print_as(format, &pair, DIFF_FAIL_RISKY);

	for (const char *at = text; *at; at++) {
		if ((unsigned char)*at < 0x20 && *at != '\n')
			fail_msg("%s has a control character", format->name);
	}
	free_pair(&pair);
	return text;
}

static void hostile_names_do_not_leave_their_code_in_markdown(void **state)
{
	char *text = hostile(&diff_as_markdown);
	(void)state;

	/* Three backticks within, four around. */
	assert_non_null(strstr(text, "```` /srv/```;$\\x28id\\x29,{0}]]>--> ````"));
	assert_non_null(strstr(text, "`` /srv/`@everyone`[x]<img/src=x>|</details> ``"));
	assert_null(strstr(text, turned));
	assert_null(strstr(text, "\xe2\x80\x8b"));
	assert_non_null(strstr(text, "/srv/\\xe2\\x80\\xaegpj.exe\\xe2\\x80\\x8b"));
	free(text);
}

static void hostile_names_are_text_in_xml(void **state)
{
	char *text = hostile(&diff_as_junit);
	(void)state;

	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "<img"));
	assert_null(strstr(text, "]]>"));
	assert_null(strstr(text, "\xef\xbf\xbe"));
	assert_non_null(strstr(text, "&lt;/testcase&gt;&amp;&quot;"));
	free(text);
}

static void hostile_names_are_plain_on_a_terminal(void **state)
{
	char *text = hostile(&diff_as_text);
	(void)state;

	assert_null(strstr(text, turned));
	assert_non_null(strstr(text, "\\x1b[31m\\x0a#!"));
	free(text);
}

static void hostile_names_stay_strings_in_json_and_are_no_links_in_sarif(void **state)
{
	char *text = hostile(&diff_as_json);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *changes;
	(void)state;

	assert_non_null(json);
	changes = json_object_get(json, "changes");
	assert_int_equal(json_array_size(changes), 1);
	json_decref(json);
	free(text);
	text = hostile(&diff_as_sarif);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_non_null(strstr(text, "\\\\[x\\\\]"));
	json_decref(json);
	free(text);
}

static void markdown_is_bounded_and_counts_what_is_left_out(void **state)
{
	struct buffer lines = BUFFER_INIT(64U << 20);
	struct pair pair;
	char *text;
	(void)state;

	for (unsigned i = 0; i < 4000; i++)
		buffer_printf(&lines, "job %05u-%0200u\n  exec  /tmp/%0300u\n", i, 0, i);
	pair = compare("", buffer_string(&lines));
	text = print_as(&diff_as_markdown, &pair, DIFF_FAIL_RISKY);
	assert_in_range(strlen(text), 50000, 60000);
	assert_non_null(strstr(text, " more changes are left out here, "));
	assert_non_null(strstr(text, "…"));
	free(text);
	free_pair(&pair);
	buffer_free(&lines);
}

static void a_fingerprint_says_what_is_new_wherever_it_stands(void **state)
{
	static const char shell[] = "service web\n  exec  /bin/sh(-c)\n";
	struct pair one = compare("service web\n  exec  /a\n", "service web\n  exec  /a\n  exec  /bin/sh(-c)\n");
	struct pair other = compare("service web\n  exec  /b\n", shell);
	char first[DIFF_FINGERPRINT_SIZE], second[DIFF_FINGERPRINT_SIZE];
	(void)state;

	assert_int_equal(diff_fingerprint(one.diff->change[0], first), 0);
	assert_int_equal(diff_fingerprint(other.diff->change[0], second), 0);
	assert_string_equal(first, second);
	/* printf 'service web\n  exec     /bin/sh(-c)\n' | sha256sum */
	assert_string_equal(first, "7f1ea57daae8da3649634f61030e25d6411a82d92b873c772c3a5da79a6de80c");
	free_pair(&one);
	free_pair(&other);
}

static void what_fails_is_what_was_asked_for(void **state)
{
	struct pair low = compare("job a\n  exec  /usr/bin/a\n", "job a\n  exec  /usr/bin/a\n  exec  /usr/bin/b\n");
	struct diff_report report = { .diff = low.diff };
	(void)state;

	assert_false(diff_fails(&report));
	report.fail = DIFF_FAIL_RISKY;
	assert_false(diff_fails(&report));
	report.fail = DIFF_FAIL_ANY;
	assert_true(diff_fails(&report));
	free_pair(&low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_starts_is_one_change_with_whom_it_runs_as),
		cmocka_unit_test(another_network_at_the_same_port_is_one_change),
		cmocka_unit_test(another_owner_is_one_change),
		cmocka_unit_test(another_version_of_a_program_is_one_change),
		cmocka_unit_test(a_version_beside_the_old_one_is_a_program_of_its_own),
		cmocka_unit_test(another_version_of_a_context_is_one_change_and_what_it_does_besides_is_known_news),
		cmocka_unit_test(a_context_that_came_or_went_is_one_change),
		cmocka_unit_test(a_pattern_in_the_place_of_lines_is_one_change_and_likewise_back),
		cmocka_unit_test(lines_below_a_pattern_that_stays_have_no_consequence),
		cmocka_unit_test(many_lines_of_one_consequence_are_one_change),
		cmocka_unit_test(the_same_is_no_change),
		cmocka_unit_test(applying_a_difference_gives_the_new_model),
		cmocka_unit_test(each_change_can_be_said_and_printed_in_each_format),
		cmocka_unit_test(each_format_is_as_it_was_looked_at),
		cmocka_unit_test(models_that_are_the_same_say_so_in_each_format),
		cmocka_unit_test(hostile_names_do_not_leave_their_code_in_markdown),
		cmocka_unit_test(hostile_names_are_text_in_xml),
		cmocka_unit_test(hostile_names_are_plain_on_a_terminal),
		cmocka_unit_test(hostile_names_stay_strings_in_json_and_are_no_links_in_sarif),
		cmocka_unit_test(markdown_is_bounded_and_counts_what_is_left_out),
		cmocka_unit_test(a_fingerprint_says_what_is_new_wherever_it_stands),
		cmocka_unit_test(what_fails_is_what_was_asked_for),
	};

	return cmocka_run_group_tests_name("model_diff", tests, NULL, NULL);
}
