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

#include "event/diff.h"
#include "event/event.h"
#include "event/redact.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- what the tests share ---- */

/* In memory of exactly its size, without a NUL byte, so that ASan sees a read past the end. */
static char *exactly(const char *text, size_t size)
{
	char *copy = malloc(size + !size);

	assert_non_null(copy);
	memcpy(copy, text, size); /* NOLINT(bugprone-not-null-terminated-result): that is what it is for */
	return copy;
}

static struct buffer diff_of(const char *before, size_t before_size, const char *after, size_t after_size)
{
	struct buffer out = BUFFER_INIT(2 * EVENT_DIFF_MAX);
	char *old = exactly(before, before_size), *new = exactly(after, after_size);

	assert_int_equal(diff_text(old, before_size, new, after_size, &out), 0);
	assert_true(out.size <= EVENT_DIFF_MAX);
	free(old);
	free(new);
	return out;
}

static void assert_diff(const char *before, const char *after, const char *expected)
{
	struct buffer out = diff_of(before, strlen(before), after, strlen(after));

	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
}

/* xorshift64 (Marsaglia, 2003): the same numbers on every run. */
static uint64_t random_state = 88172645463325252ULL;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 16) % below;
}

/* ---- the diff ---- */

static void what_changed_is_shown_with_what_stands_around(void **state)
{
	(void)state;
	assert_diff("a\nb\nc\n", "a\nb\nc\n", "");
	assert_diff("", "", "");
	assert_diff("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n");
	assert_diff("a\n", "", "@@ -1 +0,0 @@\n-a\n");
	assert_diff("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n5\n6\n7\n8\n9\n",
		    "@@ -2,6 +2,7 @@\n 2\n 3\n 4\n+x\n 5\n 6\n 7\n");
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n6\n7\n8\n9\n",
		    "@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n");
}

static void near_changes_share_a_hunk_and_far_ones_do_not(void **state)
{
	(void)state;
	assert_diff("a\n1\n2\n3\n4\n5\n6\nb\n", "x\n1\n2\n3\n4\n5\n6\ny\n",
		    "@@ -1,8 +1,8 @@\n-a\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+y\n");
	assert_diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
		    "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n");
}

static void a_missing_last_newline_is_said(void **state)
{
	(void)state;
	assert_diff("a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
	assert_diff("a\nb", "x\nb", "@@ -1,2 +1,2 @@\n-a\n+x\n b\n\\ No newline at end of file\n");
	assert_diff("", "a", "@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n");
}

static void what_is_no_text_is_one_line(void **state)
{
	static char large[DIFF_TEXT_MAX + 1];
	struct buffer out = diff_of("a\0b", 3, "abcde", 5);

	(void)state;
	assert_string_equal(buffer_string(&out), "binary: 3 bytes, now 5\n");
	buffer_free(&out);
	out = diff_of("abc", 3, "a\0", 2);
	assert_string_equal(buffer_string(&out), "binary: 3 bytes, now 2\n");
	buffer_free(&out);
	memset(large, 'x', sizeof(large));
	out = diff_of("", 0, large, sizeof(large));
	assert_string_equal(buffer_string(&out), "too large to compare: 0 bytes, now 65537\n");
	buffer_free(&out);
	assert_int_equal(diff_text(NULL, 0, "a\n", 2, &out), 0);
	assert_string_equal(buffer_string(&out), "@@ -0,0 +1 @@\n+a\n");
	buffer_free(&out);
}

static void a_long_line_is_cut_where_a_character_ends(void **state)
{
	struct buffer text = BUFFER_INIT(8192), out;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buffer_text(&text, "äx"); /* 512 bytes end within one */
	buffer_byte(&text, '\n');
	out = diff_of("", 0, text.data, text.size);
	assert_int_equal(out.size, strlen("@@ -0,0 +1 @@\n+") + 512 + strlen("…\n"));
	assert_non_null(strstr(out.data, "äxä…\n"));
	buffer_free(&out);
	buffer_free(&text);
}

static void too_many_differences_are_a_summary(void **state)
{
	struct buffer before = BUFFER_INIT(65536), after = BUFFER_INIT(65536), out;

	(void)state;
	buffer_text(&before, "same\n");
	buffer_text(&after, "same\n");
	for (int i = 0; i < 400; i++)
		buffer_printf(&before, "old %d\n", i);
	for (int i = 0; i < 300; i++)
		buffer_printf(&after, "new %d\n", i);
	buffer_text(&before, "same");
	buffer_text(&after, "same");
	out = diff_of(before.data, before.size, after.data, after.size);
	assert_string_equal(buffer_string(&out), "@@ -2,400 +2,300 @@\nreplaced: 400 lines by 300\n");
	buffer_free(&out);
	buffer_free(&before);
	buffer_free(&after);
}

static void what_is_left_out_is_counted(void **state)
{
	struct buffer after = BUFFER_INIT(65536), out;
	unsigned left = 0, lines = 0;
	const char *last;

	(void)state;
	for (int i = 0; i < 500; i++)
		buffer_printf(&after, "a line of some length: %d\n", i);
	out = diff_of("", 0, after.data, after.size);
	assert_in_range(out.size, EVENT_DIFF_MAX - 96, EVENT_DIFF_MAX);
	for (const char *at = out.data; (at = strchr(at, '\n')); at++)
		lines++;
	last = strstr(out.data, "... ");
	assert_non_null(last);
	assert_int_equal(sscanf(last, "... %u lines more\n", &left), 1);
	assert_int_equal(lines - 1 + left, 501);
	buffer_free(&out);
	buffer_free(&after);
}

/* A few lines, of few kinds, so that much is alike. */
static size_t random_lines(char *lines, size_t most)
{
	size_t count = pick((unsigned)most + 1);

	for (size_t i = 0; i < count; i++)
		lines[i] = (char)('a' + pick(4));
	return count;
}

static struct buffer text_of(const char *lines, size_t count)
{
	struct buffer text = BUFFER_INIT(4096);

	for (size_t i = 0; i < count; i++)
		buffer_printf(&text, "%c\n", lines[i]);
	return text;
}

/* How many lines at least go and come: all but the longest common subsequence. */
static size_t least_changes(const char *one, size_t one_count, const char *other, size_t other_count)
{
	size_t common[32][32] = { 0 };

	for (size_t i = 0; i < one_count; i++) {
		for (size_t j = 0; j < other_count; j++) {
			size_t left = common[i + 1][j], up = common[i][j + 1];

			common[i + 1][j + 1] = one[i] == other[j] ? common[i][j] + 1 : left > up ? left : up;
		}
	}
	return one_count + other_count - 2 * common[one_count][other_count];
}

/* Applies a diff as patch(1) does, and counts what went and came. */
static size_t apply(const char *diff, const char *before, size_t count, struct buffer *out)
{
	size_t at = 0, changes = 0, start, length = 1;

	for (; *diff; diff = strchr(diff, '\n') + 1) {
		if (*diff == '@') {
			if (sscanf(diff, "@@ -%zu,%zu", &start, &length) == 1)
				length = 1;
			for (start -= length > 0; at < start; at++)
				buffer_printf(out, "%c\n", before[at]);
			continue;
		}
		changes += *diff != ' ';
		if (*diff != '+')
			assert_int_equal(before[at++], diff[1]);
		if (*diff != '-')
			buffer_printf(out, "%c\n", diff[1]);
	}
	for (; at < count; at++)
		buffer_printf(out, "%c\n", before[at]);
	return changes;
}

static void a_diff_makes_one_text_of_the_other_in_the_fewest_lines(void **state)
{
	char old[31] = "", new[31] = "";

	(void)state;
	for (int i = 0; i < 5000; i++) {
		size_t old_count = random_lines(old, sizeof(old)), new_count = random_lines(new, sizeof(new));
		struct buffer before = text_of(old, old_count), after = text_of(new, new_count);
		struct buffer out = diff_of(buffer_string(&before), before.size, buffer_string(&after), after.size);
		struct buffer applied = BUFFER_INIT(4096);

		assert_int_equal(apply(buffer_string(&out), old, old_count, &applied),
				 least_changes(old, old_count, new, new_count));
		assert_string_equal(buffer_string(&applied), buffer_string(&after));
		buffer_free(&before);
		buffer_free(&after);
		buffer_free(&out);
		buffer_free(&applied);
	}
}

static void out_of_room_is_an_error(void **state)
{
	struct buffer out = BUFFER_INIT(16);

	(void)state;
	assert_int_equal(diff_text("a\n", 2, "b\n", 2, &out), -ENOMEM);
	buffer_free(&out);
}

/* ---- secrets ---- */

/* A text, and what is left of it. */
static const char *const secrets[][2] = {
	/* INI, properties, environment */
	{ "password = hunter2", "password = ***" },
	{ "password=hunter2", "password=***" },
	{ "  db.password : hunter2  ", "  db.password : ***  " },
	{ "export DB_PASSWORD=\"hunter2\" # x", "export DB_PASSWORD=\"***\" # x" },
	{ "; api_key = hunter2", "; api_key = ***" },
	{ "password = hunter2;\r", "password = ***;\r" },
	{ "password = $ecret", "password = ***" },
	{ "password = two words", "password = ***" },
	{ "pw=1\ntoken += 'a b'", "pw=1\ntoken += '***'" },
	/* YAML */
	{ "password: hunter2", "password: ***" },
	{ "  - password: 'hunter2'", "  - password: '***'" },
	{ "{ user: x, password: hunter2 }", "{ user: x, password: ***" },
	{ "password: |\n  one\n  two: three\n\n  four\nuser: x", "password: |\n  ***\n  ***\n\n  ***\nuser: x" },
	{ "password: >-\n  one\nuser: x", "password: >-\n  ***\nuser: x" },
	{ "passwords:\n  - one\n  - two\nuser: x", "passwords:\n  - ***\n  - ***\nuser: x" },
	{ "passwords:\n- one\n- two\nuser: x", "passwords:\n- ***\n- ***\nuser: x" },
	{ "- password:\n- x", "- password:\n- x" },
	{ "secrets:\n  db: one\n  web:\n    x: two\n    three\nuser: x",
	  "secrets:\n  db: ***\n  web:\n    x: ***\n    ***\nuser: x" },
	{ "- name: DB_PASSWORD\n  value: hunter2\n- name: x\n  value: y",
	  "- name: DB_PASSWORD\n  value: ***\n- name: x\n  value: y" },
	{ "- name: DB_PASSWORD\n  valueFrom: x", "- name: DB_PASSWORD\n  valueFrom: x" },
	/* JSON */
	{ "\"password\": \"hunter2\", \"user\": \"x\"", "\"password\": \"***\", \"user\": \"x\"" },
	{ "\"password\": \"hun\\\"ter2\",", "\"password\": \"***\"," },
	{ "\"password\" : \"hunter2", "\"password\" : \"***" },
	{ "\"passwords\": [\n  \"one\",\n  \"two\"\n],\n\"x\": 1",
	  "\"passwords\": [\n  \"***\",\n  \"***\"\n],\n\"x\": 1" },
	{ "\"name\": \"DB_PASSWORD\",\n\"value\": \"hunter2\"", "\"name\": \"DB_PASSWORD\",\n\"value\": \"***\"" },
	/* programs */
	{ "$db_password = 'hunter2';", "$db_password = '***';" },
	{ "define('DB_PASSWORD', 'hunter2');", "define('DB_PASSWORD', '***');" },
	{ "'password' => 'hunter2', 'user' => 'x'", "'password' => '***', 'user' => 'x'" },
	{ "os.environ[\"PASSWORD\"] = \"hunter2\"", "os.environ[\"PASSWORD\"] = \"***\"" },
	{ "SECRET_KEY := hunter2", "SECRET_KEY := ***" },
	/* XML */
	{ "<password>hunter2</password>", "<password>***</password>" },
	{ "  <password>\n    hunter2\n  </password>\n  <x>y</x>", "  <password>\n    ***\n  </password>\n  <x>y</x>" },
	{ "<add key=\"DbPassword\" value=\"hunter2\"/>", "<add key=\"DbPassword\" value=\"***\"/>" },
	{ "<db user=\"x\" password=\"hunter2\" host=\"y\"/>", "<db user=\"x\" password=\"***\" host=\"y\"/>" },
	{ "<entry key=\"password\">hunter2</entry>", "<entry key=\"password\">***</entry>" },
	/* directives */
	{ "requirepass hunter2", "requirepass ***" },
	{ "# requirepass hunter2", "# requirepass ***" },
	{ "  user x password hunter2", "  user x password ***" },
	{ "auth_token \"hunter 2\";", "auth_token \"***\";" },
	{ "machine h login l password hunter2 port 1", "machine h login l password *** port 1" },
	/* commands and what shows itself */
	{ "ExecStart=/usr/bin/app --token hunter2 --port 80", "ExecStart=/usr/bin/app --token *** --port 80" },
	{ "0 3 * * * mysqldump -phunter2 db", "0 3 * * * mysqldump -p*** db" },
	{ "url: postgres://u:hunter2@db/x", "url: postgres://u:***@db/x" },
	{ "id: AKIAABCDEFGHIJKLMNOP", "id: ***" },
	{ "root:$6$salt$abcdefghij:19000:0:99999:7:::", "root:$6$***:19000:0:99999:7:::" },
	{ "alice:$y$j9T$abc$def:1", "alice:$y$***:1" },
	{ "alice:{SHA}0123456789abcdef=", "alice:{SHA}***" },
	{ "  QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w12345==", "  ***" },
	/* PEM */
	{ "a\n-----BEGIN RSA PRIVATE KEY-----\nabc\ndef\n-----END RSA PRIVATE KEY-----\nb",
	  "a\n-----BEGIN RSA PRIVATE KEY-----\n***\n***\n-----END RSA PRIVATE KEY-----\nb" },
	{ "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc\n-----END PGP PRIVATE KEY BLOCK-----\nb",
	  "-----BEGIN PGP PRIVATE KEY BLOCK-----\n***\n-----END PGP PRIVATE KEY BLOCK-----\nb" },
	{ "  -----BEGIN PRIVATE KEY-----\n  abc\n  -----END PRIVATE KEY-----\n  b",
	  "  -----BEGIN PRIVATE KEY-----\n  ***\n  -----END PRIVATE KEY-----\n  b" },
	{ "key: \"-----BEGIN PRIVATE KEY-----\\nabc\\n-----END PRIVATE KEY-----\\n\"\nb",
	  "key: \"-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\\n\"\nb" },
};

/* What stays as it is. */
static const char *const harmless[] = {
	"PasswordAuthentication no",
	"# the password is kept elsewhere",
	"password_file: /run/secrets/x",
	"private_key: /etc/ssl/private/x.pem",
	"ssl_certificate_key /etc/ssl/private/x.pem;",
	"auth required pam_unix.so",
	"auth_basic \"Restricted\";",
	"token_ttl = 3600",
	"password = ***",
	"    fastcgi_pass unix:/run/php/php8.2-fpm.sock;",
	"    proxy_pass http://127.0.0.1:9000;",
	"# retries of a login if the password is bad",
	"if [ \"$1$2\" = x ]; then",
	"/srv/Application1/releases/current/config/of/it",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"server { listen 443 ssl; }",
	"",
	"   ",
	"-",
	"https://token://x",
};

/* Line by line. */
static struct buffer redacted(const char *text)
{
	struct buffer out = BUFFER_INIT(4096);
	struct redact_text state = { 0 };
	bool more = true;

	while (more) {
		size_t size = strcspn(text, "\n");
		char *line = exactly(text, size);

		buffer_append(&out, line, redact_line(&state, line, size, NULL));
		free(line);
		more = text[size] == '\n';
		if (more)
			buffer_byte(&out, '\n');
		text += size + more;
	}
	return out;
}

static void secrets_are_taken_out_of_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(secrets); i++) {
		struct buffer out = redacted(secrets[i][0]);

		assert_string_equal(buffer_string(&out), secrets[i][1]);
		buffer_free(&out);
	}
}

static void what_is_no_secret_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(harmless); i++) {
		struct buffer out = redacted(harmless[i]);

		assert_string_equal(buffer_string(&out), harmless[i]);
		buffer_free(&out);
	}
}

static void redacting_tells_whether_it_found_any(void **state)
{
	struct redact_text text = { 0 };
	char secret[] = "password=hunter2", plain[] = "user=x";
	bool found = false;

	(void)state;
	assert_int_equal(redact_line(&text, secret, sizeof(secret) - 1, &found), 12);
	assert_true(found);
	assert_int_equal(redact_line(&text, plain, sizeof(plain) - 1, &found), 6);
	assert_false(found);
}

static void a_changed_secret_is_a_changed_line(void **state)
{
	(void)state;
	assert_diff("user = x\npassword = one\n", "user = x\npassword = two\n",
		    "@@ -1,2 +1,2 @@\n user = x\n-password = ***\n+password = ***\n");
	assert_diff("-----BEGIN PRIVATE KEY-----\none\n-----END PRIVATE KEY-----\n",
		    "-----BEGIN PRIVATE KEY-----\ntwo\n-----END PRIVATE KEY-----\n",
		    "@@ -1,3 +1,3 @@\n -----BEGIN PRIVATE KEY-----\n-***\n+***\n -----END PRIVATE KEY-----\n");
}

/* What stands around a change is secret if it is so in either text. */
static void a_secret_is_hidden_whichever_text_tells(void **state)
{
	(void)state;
	assert_diff("password: |\n  one\n  two\n", "x: |\n  one\n  two\n",
		    "@@ -1,3 +1,3 @@\n-password: |\n+x: |\n ***\n ***\n");
	assert_diff("x\none\ntwo\n", "-----BEGIN PRIVATE KEY-----\none\ntwo\n",
		    "@@ -1,3 +1,3 @@\n-x\n+-----BEGIN PRIVATE KEY-----\n ***\n ***\n");
}

/* The beginning of a key in what is not shown of a line. */
static void a_key_that_begins_far_right_is_seen(void **state)
{
	struct buffer text = BUFFER_INIT(16384), out;

	(void)state;
	for (int i = 0; i < 2500; i++)
		buffer_text(&text, "x ");
	buffer_text(&text, "-----BEGIN PRIVATE KEY-----\nsecret\n");
	for (int i = 0; i < 2500; i++)
		buffer_text(&text, "x ");
	buffer_text(&text, "-----END PRIVATE KEY-----\nplain\n");
	out = diff_of("", 0, text.data, text.size);
	assert_null(strstr(out.data, "secret"));
	assert_non_null(strstr(out.data, "\n+***\n"));
	assert_non_null(strstr(out.data, "\n+plain\n"));
	buffer_free(&out);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changed_is_shown_with_what_stands_around),
		cmocka_unit_test(near_changes_share_a_hunk_and_far_ones_do_not),
		cmocka_unit_test(a_missing_last_newline_is_said),
		cmocka_unit_test(what_is_no_text_is_one_line),
		cmocka_unit_test(a_long_line_is_cut_where_a_character_ends),
		cmocka_unit_test(too_many_differences_are_a_summary),
		cmocka_unit_test(what_is_left_out_is_counted),
		cmocka_unit_test(a_diff_makes_one_text_of_the_other_in_the_fewest_lines),
		cmocka_unit_test(out_of_room_is_an_error),
		cmocka_unit_test(secrets_are_taken_out_of_lines),
		cmocka_unit_test(what_is_no_secret_stays),
		cmocka_unit_test(redacting_tells_whether_it_found_any),
		cmocka_unit_test(a_changed_secret_is_a_changed_line),
		cmocka_unit_test(a_secret_is_hidden_whichever_text_tells),
		cmocka_unit_test(a_key_that_begins_far_right_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
