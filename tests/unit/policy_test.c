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
#include <unistd.h>

#include "base/buffer.h"
#include "policy/glob.h"
#include "policy/policy.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define KEY "SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

/* ---- patterns ---- */

static const struct {
	const char *pattern, *text;
	bool matches;
} globs[] = {
	{ "/etc/passwd", "/etc/passwd", true },
	{ "/etc/passwd", "/etc/passwd-", false },
	{ "/etc/passwd", "/etc/passw", false },
	{ "/etc/*.conf", "/etc/a.conf", true },
	{ "/etc/*.conf", "/etc/.conf", true },
	{ "/etc/*.conf", "/etc/ssl/a.conf", false },
	{ "/etc/*.conf", "/etc/a.conf/b", false },
	{ "/etc/*", "/etc/.hidden", true },
	{ "/etc/*", "/etc/", true },
	{ "/etc/*", "/etc", false },
	{ "/srv/*/app", "/srv/x/app", true },
	{ "/srv/*/app", "/srv/x/y/app", false },
	{ "/srv/*/app", "/srv//app", true },
	{ "/srv/app/**", "/srv/app/a", true },
	{ "/srv/app/**", "/srv/app/a/b/c", true },
	{ "/srv/app/**", "/srv/app", true },
	{ "/srv/app/**", "/srv/app/", true },
	{ "/srv/app/**", "/srv/apple", false },
	{ "/srv/app/**", "/srv", false },
	{ "/srv/*/**", "/srv/a", true },
	{ "/srv/*/**", "/srv/a/b/c", true },
	{ "/srv/*/**", "/srv", false },
	{ "/srv/app**", "/srv/apple/pie", true },
	{ "/srv/app**", "/srv/app", true },
	{ "/**", "/", true },
	{ "/**", "/a", true },
	{ "/**", "", false },
	{ "/**/x", "/x", true },
	{ "/**/x", "/a/x", true },
	{ "/**/x", "/a/b/x", true },
	{ "/**/x", "/ax", false },
	{ "/**/x", "/a/bx", false },
	{ "/srv/**/log/*.txt", "/srv/log/a.txt", true },
	{ "/srv/**/log/*.txt", "/srv/a/b/log/a.txt", true },
	{ "/srv/**/log/*.txt", "/srv/a/b/log/c/a.txt", false },
	{ "/srv/**/log/*.txt", "/srv/blog/a.txt", false },
	{ "/a/**/**/b", "/a/b", true },
	{ "/a/**/b/**/c", "/a/x/b/y/z/c", true },
	{ "/a/**/b/**/c", "/a/b/c", true },
	{ "/a/**/b/**/c", "/a/x/y/c", false },
	{ "/a**b", "/a/x/b", true },
	{ "/a**b", "/ab", true },
	{ "/a?c", "/abc", true },
	{ "/a?c", "/a/c", false },
	{ "/a?c", "/ac", false },
	{ "/a?c",
	  "/a\xc3\xa4"
	  "c",
	  true },
	{ "/a?c",
	  "/a\xff"
	  "c",
	  true },
	{ "/a?c",
	  "/a\xff\xff"
	  "c",
	  false },
	{ "/a[bc]d", "/abd", true },
	{ "/a[bc]d", "/add", false },
	{ "/a[a-c]d", "/abd", true },
	{ "/a[a-c]d", "/aed", false },
	{ "/a[!a-c]d", "/aed", true },
	{ "/a[!a-c]d", "/abd", false },
	{ "/a[^a-c]d", "/aed", true },
	{ "/a[!a]d", "/a/d", false },
	{ "/a[]]d", "/a]d", true },
	{ "/a[!]]d", "/a]d", false },
	{ "/a[a-]d", "/a-d", true },
	{ "/a[\\]]d", "/a]d", true },
	{ "/a[\xc3\xa4-\xc3\xbc]d",
	  "/a\xc3\xb6"
	  "d",
	  true },
	{ "/a[\xc3\xa4-\xc3\xbc]d", "/aod", false },
	{ "/a\\*b", "/a*b", true },
	{ "/a\\*b", "/axb", false },
	{ "/a\\\\b", "/a\\b", true },
	{ "/\xc3\xa4/*", "/\xc3\xa4/x", true },
	{ "/\xc3\xa4/*", "/\xc3\xb6/x", false },
	{ "*", "nginx", true },
	{ "**", "a/b", true },
	{ "php-fpm*", "php-fpm8.2", true },
	{ "ci-*", "ci-", true },
	{ "ci-*", "xci-1", false },
	{ "**/chef", "/usr/bin/chef", true },
	{ "**/chef", "chef", true },
};

static void patterns_match_what_the_manual_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(globs); i++) {
		if (glob_match(globs[i].pattern, globs[i].text) != globs[i].matches)
			fail_msg("%s %s %s", globs[i].pattern, globs[i].matches ? "does not match" : "matches",
				 globs[i].text);
	}
}

/* The manual again, as slow as it reads: each star tries every run. */
static bool slow_match(const char *start, const char *pattern, const char *text)
{
	bool deep = pattern[0] == '*' && pattern[1] == '*';

	if (!*pattern || (pattern != start && strcmp(pattern, "/**") == 0 && !*text))
		return !*text;
	if (*pattern != '*')
		return *text && (*pattern == *text || (*pattern == '?' && *text != '/')) &&
		       slow_match(start, pattern + 1, text + 1);
	if (deep && pattern[2] == '/' && (pattern == start || pattern[-1] == '/') &&
	    slow_match(start, pattern + 3, text))
		return true;
	for (;; text++) {
		if (slow_match(start, pattern + 1 + deep, text))
			return true;
		if (!*text || (!deep && *text == '/'))
			return false;
	}
}

/* xorshift64 (Marsaglia, 2003): the same numbers on every run. */
static uint64_t random_state = 88172645463325252ULL;

static void random_text(char *out, const char *letters, size_t most)
{
	size_t size, count = strlen(letters);

	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	size = random_state % (most + 1);
	for (size_t i = 0; i < size; i++)
		out[i] = letters[(random_state >> (5 * (i + 1))) % count];
	out[size] = '\0';
}

static void random_patterns_match_as_slowly_read(void **state)
{
	char pattern[12], text[12];
	unsigned matches = 0;

	(void)state;
	for (int i = 0; i < 400000; i++) {
		bool expected;

		random_text(pattern, "ab//**?", 9);
		random_text(text, "aab//", 9);
		if (strstr(pattern, "***"))
			continue;
		expected = slow_match(pattern, pattern, text);
		matches += expected;
		if (glob_match(pattern, text) != expected)
			fail_msg("%s %s %s", pattern, expected ? "does not match" : "matches", text);
	}
	assert_in_range(matches, 2000, 200000);
}

/* With backtracking this would take longer than there is time. */
static void no_pattern_is_slow(void **state)
{
	static char pattern[GLOB_MAX + 1], text[3 * GLOB_MAX + 1];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	for (size_t i = 0; i + 3 < sizeof(pattern); i++)
		pattern[i] = i % 3 < 2 ? '*' : 'a';
	pattern[strlen(pattern) - strlen(pattern) % 3] = '\0';
	assert_true(glob_match(pattern, text));
	pattern[strlen(pattern) - 1] = 'b';
	assert_false(glob_match(pattern, text));
}

/* Who can write there can make a directory as deep as they like. */
static void a_path_of_any_length_is_matched(void **state)
{
	static char text[100000] = "/srv/app/";
	static char pattern[GLOB_MAX + 2];

	(void)state;
	memset(text + 9, 'x', sizeof(text) - 10);
	assert_true(glob_match("/srv/app/**", text));
	assert_true(glob_match("/srv/**/x*", text));
	assert_false(glob_match("/srv/**/y*", text));
	memset(pattern, 'x', sizeof(pattern) - 1);
	assert_false(glob_match(pattern, text + 9));
}

static void a_pattern_reaches_below_a_directory(void **state)
{
	static const struct {
		const char *pattern, *directory;
		bool reaches;
	} rows[] = {
		{ "/srv/app/**", "", true },
		{ "/srv/app/**", "/srv", true },
		{ "/srv/app/**", "/srv/app", true },
		{ "/srv/app/**", "/srv/app/a/b", true },
		{ "/srv/app/**", "/srv/apple", false },
		{ "/etc/*.conf", "/etc", true },
		{ "/etc/*.conf", "/etc/ssl", false },
		{ "/etc/*/x", "/etc/ssl", true },
		{ "/etc/*/x", "/etc/ssl/x", false },
		{ "/etc/passwd", "/etc", true },
		{ "/etc/passwd", "/etc/passwd", false },
		{ "/srv/**/x", "/srv/a/b", true },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (glob_reaches(rows[i].pattern, rows[i].directory) != rows[i].reaches)
			fail_msg("%s below %s", rows[i].pattern, rows[i].directory);
	}
}

static void a_pattern_has_a_root(void **state)
{
	static const char *const rows[][2] = {
		{ "/srv/app/**", "/srv/app" },
		{ "/srv/app**", "/srv" },
		{ "/etc/*.conf", "/etc" },
		{ "/etc/passwd", "/etc" },
		{ "/passwd", "/" },
		{ "/**", "/" },
		{ "/*/x", "/" },
		{ "/", "/" },
		{ "/srv/a\\*b/c?", "/srv/a*b" },
		{ "/srv/[ab]/c", "/srv" },
		{ "/srv/app/x/**", "/srv/app/x" },
	};
	char root[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		glob_root(rows[i][0], root);
		assert_string_equal(root, rows[i][1]);
	}
}

static void a_wrong_pattern_is_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "", "is empty; say what it is to match" },
		{ "srv/app", "is not absolute; begin it with /" },
		{ "*", "is not absolute; begin it with /" },
		{ "/srv//app", "has // in it; write one /" },
		{ "/srv/./app", "has a segment . or .., which no path of a file has; write the path without it" },
		{ "/srv/app/..", "has a segment . or .., which no path of a file has; write the path without it" },
		{ "/srv/app/", "ends in /; leave that out, or append ** for all that is below" },
		{ "/", "ends in /; leave that out, or append ** for all that is below" },
		{ "/srv/***", "has three stars in a row; write * or **" },
		{ "/srv/a\\", "ends in a backslash; write \\\\ for the character" },
		{ "/srv/[ab", "has a [ without its ]; write \\[ for the character" },
		{ "/srv/[]", "has a [ without its ]; write \\[ for the character" },
		{ "/srv/[a-", "has a [ without its ]; write \\[ for the character" },
		{ "/srv/[a/b]", "has a / between [ and ], which can't match; write \\[ for the character" },
	};
	static char long_pattern[GLOB_MAX + 2];
	struct error error;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(glob_check(rows[i][0], &error), -EINVAL);
		assert_string_equal(error.text, rows[i][1]);
	}
	memset(long_pattern, 'x', sizeof(long_pattern) - 1);
	long_pattern[0] = '/';
	assert_int_equal(glob_check(long_pattern, &error), -EINVAL);
	assert_string_equal(error.text, "is longer than 4095 bytes; no path is");
	long_pattern[GLOB_MAX] = '\0';
	assert_int_equal(glob_check(long_pattern, NULL), 0);
	assert_int_equal(glob_check("/..a/.b/**/[a-z]\\*", NULL), 0);
	assert_int_equal(glob_check_name("a//b/", NULL), 0);
	assert_int_equal(glob_check_name("a\\", NULL), -EINVAL);
}

/* ---- text ---- */

/* From memory of exactly its size, without a NUL byte, so that ASan sees a read past the end. */
static int parse_exactly(const char *text, size_t size, struct policy **policy, struct error *error)
{
	char *copy = malloc(size + !size);
	int status;

	assert_non_null(copy);
	memcpy(copy, text, size); /* NOLINT(bugprone-not-null-terminated-result): that is what it is for */
	status = policy_parse("p.yml", copy, size, policy, error);
	free(copy);
	return status;
}

static struct policy *parse(const char *text)
{
	struct error error = { "" };
	struct policy *policy = NULL;

	if (parse_exactly(text, strlen(text), &policy, &error))
		fail_msg("%s", error.text);
	return policy;
}

static const char whole[] = "# what stands at /srv\n"
			    "policy: web\n"
			    "files:\n"
			    "  - path: /srv/app/**\n"
			    "    on: [write, create]\n"
			    "    except: { user: chef }\n"
			    "    severity: high\n"
			    "    sombrero: true\n"
			    "    diff: true\n"
			    "  - path: [ '/etc/*.conf', /etc/passwd ]\n"
			    "    except:\n"
			    "      - { user: [chef, puppet], program: /usr/bin/ruby3.1 }\n"
			    "      - { key: " KEY " }\n"
			    "      - { certificate: 'ci-*', service: deployd, job: [a, b], change: true }\n"
			    "      - { service: app, change: 'rel-*' }\n"
			    "  - { path: /usr/**, on: remove }\n"
			    "changes:\n"
			    "  - { unit: chef-client.service }\n"
			    "  - { session: { key: " KEY " } }\n"
			    "  - { session: { certificate: 'ci-*' } }\n"
			    "  - { session: { user: deploy } }\n"
			    "  - { run: 'ci-*' }\n";

static void assert_texts(const struct texts *texts, size_t count, const char *first)
{
	assert_int_equal(texts->count, count);
	if (count)
		assert_string_equal(texts->text[0], first);
}

static void a_file_rule_has_what_its_text_says(void **state)
{
	struct policy *policy = parse(whole);
	const struct file_rule *rule = &policy->files[0];

	(void)state;
	assert_string_equal(policy->name, "web");
	assert_int_equal(policy->file_count, 3);
	assert_texts(&rule->paths, 1, "/srv/app/**");
	assert_int_equal(rule->kinds, 1U << EVENT_WRITE | 1U << EVENT_CREATE);
	assert_int_equal(rule->exception_count, 1);
	assert_texts(&rule->exceptions[0].who[WHO_USER], 1, "chef");
	assert_texts(&rule->exceptions[0].who[WHO_PROGRAM], 0, NULL);
	assert_int_equal(rule->severity, SEVERITY_HIGH);
	assert_true(rule->sombrero && rule->diff);
	policy_free(policy);
}

static void exceptions_are_lists_of_lists(void **state)
{
	struct policy *policy = parse(whole);
	const struct file_rule *rule = &policy->files[1];

	(void)state;
	assert_texts(&rule->paths, 2, "/etc/*.conf");
	assert_int_equal(rule->kinds, EVENT_FILE_KINDS);
	assert_int_equal(rule->severity, SEVERITY_MEDIUM);
	assert_false(rule->sombrero || rule->diff);
	assert_int_equal(rule->exception_count, 4);
	assert_texts(&rule->exceptions[0].who[WHO_USER], 2, "chef");
	assert_texts(&rule->exceptions[0].who[WHO_PROGRAM], 1, "/usr/bin/ruby3.1");
	assert_texts(&rule->exceptions[1].who[WHO_KEY], 1, KEY);
	assert_texts(&rule->exceptions[2].who[WHO_CERTIFICATE], 1, "ci-*");
	assert_texts(&rule->exceptions[2].who[WHO_SERVICE], 1, "deployd");
	assert_texts(&rule->exceptions[2].who[WHO_JOB], 2, "a");
	assert_texts(&rule->exceptions[2].who[WHO_CHANGE], 1, "**");
	assert_texts(&rule->exceptions[3].who[WHO_CHANGE], 1, "rel-*");
	assert_int_equal(policy->files[2].kinds, 1U << EVENT_REMOVE);
	policy_free(policy);
}

static void changes_have_their_origins(void **state)
{
	static const struct {
		enum origin origin;
		const char *value;
	} expected[] = {
		{ ORIGIN_UNIT, "chef-client.service" },
		{ ORIGIN_KEY, KEY },
		{ ORIGIN_CERTIFICATE, "ci-*" },
		{ ORIGIN_USER, "deploy" },
		{ ORIGIN_RUN, "ci-*" },
	};
	struct policy *policy = parse(whole);

	(void)state;
	assert_int_equal(policy->change_count, LENGTH(expected));
	for (size_t i = 0; i < LENGTH(expected); i++) {
		assert_int_equal(policy->changes[i].origin, expected[i].origin);
		assert_string_equal(policy->changes[i].value, expected[i].value);
	}
	assert_true(policy_counts_run(policy, "ci-42"));
	assert_false(policy_counts_run(policy, "release-42"));
	policy_free(policy);
	policy = parse("policy: web");
	assert_true(policy_counts_run(policy, "release-42"));
	policy_free(policy);
}

static const struct {
	const char *text, *error;
} faults[] = {
	/* YAML */
	{ "policy: web\nfiles: [",
	  "p.yml:3:1: not valid YAML: while parsing a flow node, did not find expected node content; indent "
	  "with blanks, and put texts with special characters in quotes" },
	{ "policy: web\n\tfiles: 1\n",
	  "p.yml:2:1: not valid YAML: while scanning a plain scalar, found a tab character that violates indentation; "
	  "indent with blanks, and put texts with special characters in quotes" },
	{ "policy: %web\n", "p.yml:1:9: not valid YAML: while scanning for the next token, found character that cannot "
			    "start any token; indent with blanks, and put texts with special characters in quotes" },
	{ "policy: web\nfiles: 'a\n",
	  "p.yml:3:1: not valid YAML: while scanning a quoted scalar, found unexpected end of stream; "
	  "indent with blanks, and put texts with special characters in quotes" },
	{ "policy: w\xff"
	  "b\n",
	  "p.yml:1:10: not text: invalid leading UTF-8 octet; write it in UTF-8" },
	{ "policy: web\n# \x01\n", "p.yml:2:3: not text: control characters are not allowed; write it in UTF-8" },
	{ "policy: &x web\n",
	  "p.yml:1:9: anchors (&NAME) are not supported; leave it out, or put a text that begins with & "
	  "in quotes" },
	{ "policy: web\nfiles: &x []\n",
	  "p.yml:2:8: anchors (&NAME) are not supported; leave it out, or put a text that "
	  "begins with & in quotes" },
	{ "policy: *x\n", "p.yml:1:9: aliases (*NAME) are not supported; put a text that begins with * in quotes" },
	{ "policy: !!str web\n",
	  "p.yml:1:9: tags (!NAME) are not supported; leave it out, or put a text that begins with ! in quotes" },
	{ "policy: web\n<<: { a: b }\n", "p.yml:2:1: merge keys (<<) are not supported; write the values out" },
	{ "policy: web\nfiles: []\npolicy: db\n",
	  "p.yml:3:1: the key \"policy\" is there already, in line 1; leave one of them" },
	{ "policy: web\n---\npolicy: db\n",
	  "p.yml:2:1: a second document begins here; a policy is one: leave out the ---" },
	{ "[a]: b\n", "p.yml:1:1: a key is a list or mapping; write a word" },
	{ "? { a: b }\n: c\n", "p.yml:1:3: a key is a list or mapping; write a word" },
	{ "policy: \"w\\0b\"\n", "p.yml:1:9: a text has a NUL byte; leave it out" },
	{ "a: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]",
	  "p.yml:1:19: too many lists and mappings in each other; no policy needs so many" },

	/* keys */
	{ "", "p.yml:1:1: the policy lacks \"policy\"; add it, as in policy: web" },
	{ "files: [ { path: /x } ]\n", "p.yml:1:1: the policy lacks \"policy\"; add it, as in policy: web" },
	{ "- policy: web\n", "p.yml:1:1: the policy is a list; write a mapping, as in policy: web" },
	{ "web\n", "p.yml:1:1: the policy is a text; write a mapping, as in policy: web" },
	{ "policy: web\nfile: []\n", "p.yml:2:1: unknown key \"file\"; did you mean \"files\"?" },
	{ "policy: web\nPolicies: []\n",
	  "p.yml:2:1: unknown key \"Policies\"; write policy, files, changes, model or networks" },
	{ "policy: web\nrules: { mode: watch }\n",
	  "p.yml:2:1: \"rules\" is not supported yet by this version; leave it out" },
	{ "policy: web\ninclude: [base]\n",
	  "p.yml:2:1: \"include\" is not supported yet by this version; leave it out" },
	{ "policy: web\n\"\\x1b[1m\": 1\n",
	  "p.yml:2:1: unknown key \"\\x1b[1m\"; write policy, files, changes, model or networks" },

	/* the name */
	{ "policy: \n", "p.yml:1:8: \"policy\" is empty; write its name" },
	{ "policy: []\n", "p.yml:1:9: \"policy\" is a list; write its name" },
	{ "policy: a/b\n", "p.yml:1:9: the name \"a/b\" is not allowed; use letters, digits, '.', '_' and '-'" },
	{ "policy: ''\n", "p.yml:1:9: the name \"\" is not allowed; use letters, digits, '.', '_' and '-'" },
	{ "policy: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg\n",
	  "p.yml:1:9: the name is too long; use at most 64 characters" },

	/* files */
	{ "policy: web\nfiles:\n", "p.yml:2:7: \"files\" is empty; write a list" },
	{ "policy: web\nfiles: { path: /x }\n", "p.yml:2:8: \"files\" is a mapping; write a list" },
	{ "policy: web\nfiles: []\n", "p.yml:2:8: \"files\" is an empty list; fill it or leave it out" },
	{ "policy: web\nfiles: [ /srv ]\n",
	  "p.yml:2:10: a file rule is a text; write a mapping, as in { path: /srv/app/** }" },
	{ "policy: web\nfiles:\n  - on: write\n",
	  "p.yml:3:5: a file rule lacks \"path\"; add it, as in { path: /srv/app/** }" },
	{ "policy: web\nfiles:\n  - pth: /srv\n", "p.yml:3:5: unknown key \"pth\"; did you mean \"path\"?" },
	{ "policy: web\nfiles:\n  - path: /srv\n    owner: x\n",
	  "p.yml:4:5: unknown key \"owner\"; write path, on, except, severity, sombrero or diff" },
	{ "policy: web\nfiles:\n  - path: srv/**\n",
	  "p.yml:3:11: the pattern \"srv/**\" is not absolute; begin it with /" },
	{ "policy: web\nfiles:\n  - path: [ /a, /b/ ]\n",
	  "p.yml:3:17: the pattern \"/b/\" ends in /; leave that out, or append ** for all that is below" },
	{ "policy: web\nfiles:\n  - path: { a: b }\n",
	  "p.yml:3:11: \"path\" is a mapping; write a text or a list of texts, as in /srv/app/**" },
	{ "policy: web\nfiles:\n  - path: [ [ /a ] ]\n",
	  "p.yml:3:13: \"path\" is a list; write a text or a list of texts, as in /srv/app/**" },
	{ "policy: web\nfiles:\n  - path: []\n", "p.yml:3:11: \"path\" is an empty list; fill it or leave it out" },
	{ "policy: web\nfiles:\n  - path: /a\n    on: writes\n",
	  "p.yml:4:9: unknown kind of event \"writes\"; did you mean \"write\"?" },
	{ "policy: web\nfiles:\n  - path: /a\n    on: [ write, exec ]\n",
	  "p.yml:4:18: unknown kind of event \"exec\"; write create, write, rename, remove or attributes" },
	{ "policy: web\nfiles:\n  - path: /a\n    severity: hihg\n",
	  "p.yml:4:15: unknown severity \"hihg\"; did you mean \"high\"?" },
	{ "policy: web\nfiles:\n  - path: /a\n    severity: 3\n",
	  "p.yml:4:15: unknown severity \"3\"; write informational, low, medium, high or critical" },
	{ "policy: web\nfiles:\n  - path: /a\n    severity: [ high ]\n",
	  "p.yml:4:15: \"severity\" is a list; write informational, low, medium, high or critical" },
	{ "policy: web\nfiles:\n  - path: /a\n    sombrero: yes\n",
	  "p.yml:4:15: \"sombrero\" is neither true nor false; write one of them, without quotes" },
	{ "policy: web\nfiles:\n  - path: /a\n    diff: 'true'\n",
	  "p.yml:4:11: \"diff\" is neither true nor false; write one of them, without quotes" },

	/* except */
	{ "policy: web\nfiles:\n  - path: /a\n    except: chef\n",
	  "p.yml:4:13: an exception is a text; write a mapping, as in { user: chef }" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: {}\n",
	  "p.yml:4:13: \"except\" is an empty mapping, which excuses nobody; say whom" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { users: chef }\n",
	  "p.yml:4:15: unknown key \"users\"; did you mean \"user\"?" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { user: [] }\n",
	  "p.yml:4:21: \"user\" is an empty list; fill it or leave it out" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { user: ch* }\n",
	  "p.yml:4:21: \"user\": \"ch*\" is a pattern, but users are compared exactly; write each name out" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { user: '' }\n",
	  "p.yml:4:21: \"user\": \"\" is empty; write a name" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { key: SHA256:abc }\n",
	  "p.yml:4:20: \"key\": \"SHA256:abc\" is no fingerprint; write SHA256: and 43 characters, as ssh-keygen -l -f "
	  "FILE "
	  "prints them" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { program: [ /usr/bin/a, chef ] }\n",
	  "p.yml:4:38: \"program\": \"chef\" is no path of an executable; write the whole of it, or begin it with "
	  "**/" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { program: /usr//bin }\n",
	  "p.yml:4:24: \"program\": \"/usr//bin\" has // in it; write one /" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { service: 'a[' }\n",
	  "p.yml:4:24: \"service\": \"a[\" has a [ without its ]; write \\[ for the character" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { user: a, change: true }\n",
	  "p.yml:4:13: \"change\" counts together with service, job or program; a change itself is excused anyway" },
	{ "policy: web\nfiles:\n  - path: /a\n    except: { change: { id: x } }\n",
	  "p.yml:4:23: \"change\" is a mapping; write true, a text or a list of texts" },

	/* changes */
	{ "policy: web\nchanges: { unit: a.service }\n", "p.yml:2:10: \"changes\" is a mapping; write a list" },
	{ "policy: web\nchanges:\n  - unit: chef-client\n",
	  "p.yml:3:11: \"unit\": \"chef-client\" is no service unit; write its whole name, as in chef-client.service" },
	{ "policy: web\nchanges:\n  - unit: [ a.service ]\n", "p.yml:3:11: \"unit\" is a list; write a text" },
	{ "policy: web\nchanges:\n  - { unit: a.service, run: b }\n",
	  "p.yml:3:5: a change has more than one key; write one of unit, session or run, each as an item of its own" },
	{ "policy: web\nchanges:\n  - {}\n", "p.yml:3:5: a change has no key; write one of unit, session or run" },
	{ "policy: web\nchanges:\n  - session: {}\n",
	  "p.yml:3:14: a session has no key; write one of key, certificate or user" },
	{ "policy: web\nchanges:\n  - session: { user: a, key: " KEY " }\n",
	  "p.yml:3:14: a session has more than one key; write one of key, certificate or user, each as an item of its "
	  "own" },
	{ "policy: web\nchanges:\n  - session: chef\n",
	  "p.yml:3:14: a session is a text; write a mapping, as in { user: chef }" },
	{ "policy: web\nchanges:\n  - session: { user: 'c*' }\n",
	  "p.yml:3:22: \"user\": \"c*\" is a pattern, but users are compared exactly; write each name out" },
	{ "policy: web\nchanges:\n  - session: { unit: a }\n",
	  "p.yml:3:16: unknown key \"unit\"; write key, certificate or user" },
};

static void a_wrong_policy_is_refused_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(faults); i++) {
		struct policy *policy = NULL;
		struct error error = { "" };

		assert_int_equal(parse_exactly(faults[i].text, strlen(faults[i].text), &policy, &error), -EINVAL);
		assert_null(policy);
		assert_string_equal(error.text, faults[i].error);
	}
}

static void a_long_value_is_cut_in_an_error(void **state)
{
	struct buffer text = BUFFER_INIT(8192);
	struct policy *policy = NULL;
	struct error error;

	(void)state;
	buffer_text(&text, "policy: \"x");
	for (int i = 0; i < 1000; i++)
		buffer_text(&text, "\xc3\xa4");
	buffer_text(&text, "\"\n");
	assert_int_equal(parse_exactly(text.data, text.size, &policy, &error), -EINVAL);
	assert_non_null(strstr(error.text, "\xc3\xa4\xe2\x80\xa6\" is not allowed"));
	assert_in_range(strlen(error.text), 1, 200);
	buffer_free(&text);
}

static void what_is_too_much_is_refused(void **state)
{
	struct buffer text = BUFFER_INIT(2 * POLICY_TEXT_MAX);
	struct policy *policy = NULL;
	struct error error;

	(void)state;
	buffer_text(&text, "policy: web\nfiles:\n- path: [");
	for (int i = 0; i < 65540; i++)
		buffer_text(&text, "/a,");
	assert_int_equal(parse_exactly(text.data, text.size, &policy, &error), -EINVAL);
	assert_non_null(strstr(error.text, ": more than 65536 values; divide the policy"));
	buffer_clear(&text);
	for (int i = 0; i < 65; i++)
		buffer_printf(&text, "k%d: 1\n", i);
	assert_int_equal(parse_exactly(text.data, text.size, &policy, &error), -EINVAL);
	assert_string_equal(error.text, "p.yml:65:1: a mapping of more than 64 keys; no policy has one");
	buffer_clear(&text);
	while (text.size <= POLICY_TEXT_MAX)
		buffer_text(&text, "# a comment\n");
	assert_int_equal(parse_exactly(text.data, text.size, &policy, &error), -EINVAL);
	assert_string_equal(error.text, "p.yml:1:1: more than 1048576 bytes; divide the policy");
	assert_null(policy);
	buffer_free(&text);
}

static void a_policy_is_read_from_a_file(void **state)
{
	char path[] = "/tmp/sombrero-policy-XXXXXX", expected[128];
	struct policy *policy = NULL;
	struct error error;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, whole, sizeof(whole) - 1), sizeof(whole) - 1);
	assert_int_equal(policy_load(path, &policy, &error), 0);
	assert_int_equal(policy->file_count, 3);
	policy_free(policy);
	policy = NULL;
	assert_int_equal(write(fd, "x: y\n", 5), 5);
	assert_int_equal(policy_load(path, &policy, &error), -EINVAL);
	(void)snprintf(expected, sizeof(expected),
		       "%s:23:1: unknown key \"x\"; write policy, files, changes, model or networks", path);
	assert_string_equal(error.text, expected);
	assert_int_equal(ftruncate(fd, POLICY_TEXT_MAX + 1), 0);
	assert_int_equal(policy_load(path, &policy, &error), -EFBIG);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(policy_load(path, &policy, &error), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "%s: can't read the policy: No such file or directory", path);
	assert_string_equal(error.text, expected);
	assert_null(policy);
}

/* ---- from a command line ---- */

static void a_command_line_makes_a_rule(void **state)
{
	static const char *const except[] = { "user=chef", "program=/usr/bin/x", "job=a=*" };
	struct policy *policy = policy_new("command line");
	const struct file_rule *rule;
	struct error error;

	(void)state;
	assert_int_equal(policy_add_files(policy, "/srv/**", except, LENGTH(except), &error), 0);
	assert_int_equal(policy->file_count, 1);
	rule = &policy->files[0];
	assert_texts(&rule->paths, 1, "/srv/**");
	assert_int_equal(rule->kinds, EVENT_FILE_KINDS);
	assert_int_equal(rule->severity, SEVERITY_MEDIUM);
	assert_int_equal(rule->exception_count, 3);
	assert_texts(&rule->exceptions[0].who[WHO_USER], 1, "chef");
	assert_texts(&rule->exceptions[1].who[WHO_PROGRAM], 1, "/usr/bin/x");
	assert_texts(&rule->exceptions[2].who[WHO_JOB], 1, "a=*");
	policy_free(policy);
}

static void a_wrong_command_line_adds_nothing(void **state)
{
	static const char *const rows[][3] = {
		{ "srv", "user=a", "--files 'srv': the pattern is not absolute; begin it with /" },
		{ "/srv", "usr=a", "--except 'usr=a': unknown; did you mean user=…?" },
		{ "/srv", "usr", "--except 'usr': unknown; did you mean user=…?" },
		{ "/srv", "",
		  "--except '': unknown; write user, key, certificate, program, service or job, =, and who" },
		{ "/srv", "change", "--except 'change': a change is excused anyway; leave it out" },
		{ "/srv", "user", "--except 'user': says not who; write = and who it is after it" },
		{ "/srv", "user=", "--except 'user=': \"\" is empty; write a name" },
		{ "/srv", "key=x",
		  "--except 'key=x': \"x\" is no fingerprint; write SHA256: and 43 characters, as ssh-keygen -l -f "
		  "FILE prints them" },
	};
	struct policy *policy = policy_new("command line");
	struct error error;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *except[] = { "user=chef", rows[i][1] };

		assert_int_equal(policy_add_files(policy, rows[i][0], except, 2, &error), -EINVAL);
		assert_string_equal(error.text, rows[i][2]);
		assert_int_equal(policy->file_count, 0);
	}
	policy_free(policy);
}

/* ---- events ---- */

static struct event event_by(enum context_kind context, const char *name, const char *user)
{
	struct event event;

	event_init(&event, EVENT_WRITE);
	event.path = "/srv/app/a";
	event.context.kind = context;
	event.context.name = name;
	event.effective_user = user;
	event.program.exe = event.program.text = "/usr/bin/vi";
	return event;
}

/* In a session of `login_user`. */
static struct event event_of_person(const char *login_user, const char *person, const char *user)
{
	struct event event = event_by(CONTEXT_SESSION, login_user, user);

	event.login = "0123456789abcdef";
	event.login_user = login_user;
	event.person = person;
	if (!strncmp(person, "SHA256:", 7))
		event.key = person;
	else if (strcmp(person, login_user) != 0)
		event.certificate = person;
	return event;
}

static bool excuses(const char *except, const struct event *event)
{
	struct buffer text = BUFFER_INIT(4096);
	struct policy *policy;
	bool excused;

	buffer_printf(&text, "policy: web\nfiles: [ { path: /srv/**, except: %s } ]\n", except);
	policy = parse(buffer_string(&text));
	excused = file_rule_excuses(&policy->files[0], event);
	policy_free(policy);
	buffer_free(&text);
	return excused;
}

static void a_rule_applies_by_kind_and_path(void **state)
{
	struct policy *policy = parse("policy: web\nfiles: [ { path: [ /srv/**, /etc/x ], on: [ write, rename ] } ]\n");
	const struct file_rule *rule = &policy->files[0];
	struct event event = event_by(CONTEXT_UNKNOWN, "", "root");

	(void)state;
	assert_true(file_rule_applies(rule, &event));
	event.path = "/etc/x";
	assert_true(file_rule_applies(rule, &event));
	event.path = "/etc/y";
	assert_false(file_rule_applies(rule, &event));
	event.kind = EVENT_RENAME;
	event.path_before = "/srv/y";
	assert_true(file_rule_applies(rule, &event));
	event.kind = EVENT_CREATE;
	assert_false(file_rule_applies(rule, &event));
	event.kind = EVENT_EXEC;
	assert_false(file_rule_applies(rule, &event));
	policy_free(policy);
	policy = parse("policy: web\nfiles: [ { path: /** } ]\n");
	event = event_by(CONTEXT_UNKNOWN, "", "root");
	event.path = "";
	assert_false(file_rule_applies(&policy->files[0], &event));
	policy_free(policy);
}

static void a_user_is_the_person_who_logged_in(void **state)
{
	struct event service = event_by(CONTEXT_SERVICE, "app", "chef"), chef = event_of_person("chef", "chef", "root");
	struct event alice = event_of_person("alice", "alice", "chef");

	(void)state;
	assert_true(excuses("{ user: chef }", &service));
	assert_true(excuses("{ user: chef }", &chef));
	assert_false(excuses("{ user: chef }", &alice)); /* sudo -u chef */
	assert_true(excuses("{ user: [ chef, alice ] }", &alice));
	/* A job that the session left behind: cron acts as chef, but in alice's name. */
	alice.context.kind = CONTEXT_JOB;
	assert_false(excuses("{ user: chef }", &alice));
	/* Without an audit session the context says who. */
	chef.login_user = "";
	assert_true(excuses("{ user: chef }", &chef));
	chef.context.kind = CONTEXT_SERVICE;
	assert_false(excuses("{ user: chef }", &chef));
	service.effective_user = "";
	assert_false(excuses("{ user: chef }", &service));
}

static void a_key_and_a_certificate_are_the_persons(void **state)
{
	struct event key = event_of_person("root", KEY, "root"), certificate = event_of_person("root", "ci-42", "root");
	struct event nobody = event_by(CONTEXT_SERVICE, "app", "root"), account;

	(void)state;
	assert_true(excuses("{ key: " KEY " }", &key));
	assert_false(excuses("{ key: " KEY " }", &certificate));
	assert_true(excuses("{ certificate: 'ci-*' }", &certificate));
	assert_false(excuses("{ certificate: 'cd-*' }", &certificate));
	assert_false(excuses("{ certificate: '**' }", &key));
	assert_false(excuses("{ certificate: '**' }", &nobody));
	/* An account that is called like one, by password. */
	account = event_of_person("ci-42", "ci-42", "ci-42");
	assert_false(excuses("{ certificate: 'ci-*' }", &account));
}

static void a_program_has_to_be_all_it_may_have_been(void **state)
{
	struct event event = event_by(CONTEXT_SERVICE, "app", "root");

	(void)state;
	event.program.exe = "/usr/bin/my tool";
	event.program.text = "/usr/bin/my\\x20tool(#!/srv/x)";
	assert_true(excuses("{ program: /usr/bin/my tool }", &event));
	assert_true(excuses("{ program: '/usr/bin/my*(#!/srv/x)' }", &event));
	assert_false(excuses("{ program: /usr/bin/tool }", &event));
	event.flags = EVENT_FLAG_ACTOR_UNCERTAIN;
	assert_false(excuses("{ program: /usr/bin/my tool }", &event));
	assert_true(excuses("{ user: root }", &event));
	event.other_program = "/usr/bin/dash";
	assert_false(excuses("{ program: /usr/bin/my tool }", &event));
	assert_true(excuses("{ program: [ /usr/bin/my tool, /usr/bin/dash ] }", &event));
	event.other_program = "/usr/bin/my\\x20tool(-c)";
	assert_true(excuses("{ program: /usr/bin/my tool }", &event));
	event.flags = 0;
	event.other_program = "/usr/bin/dash";
	assert_false(excuses("{ program: /usr/bin/my tool }", &event));
}

static void a_context_is_of_its_kind(void **state)
{
	struct event service = event_by(CONTEXT_SERVICE, "php-fpm8.2", "root");
	struct event job = event_by(CONTEXT_JOB, "logrotate", "root"), boot = event_by(CONTEXT_BOOT, "", "root");

	(void)state;
	assert_true(excuses("{ service: 'php-fpm*' }", &service));
	assert_false(excuses("{ job: 'php-fpm*' }", &service));
	assert_true(excuses("{ job: logrotate }", &job));
	assert_false(excuses("{ service: '**', job: '**' }", &job));
	assert_false(excuses("[ { service: '**' }, { job: '**' } ]", &boot));
}

/* Whoever has a root of their own can call themselves chef there. */
static void names_of_a_container_count_for_its_own_files(void **state)
{
	static const char names[] = "[ { user: chef }, { program: /usr/bin/vi } ]";
	struct event event = event_by(CONTEXT_SERVICE, "web", "chef"), person = event_of_person("chef", KEY, "root");

	(void)state;
	event.context.container = "userns:4026532000";
	assert_false(excuses(names, &event));
	assert_true(excuses("{ service: web }", &event));
	event.context.container = "chroot";
	assert_false(excuses(names, &event));
	assert_true(excuses("{ service: web }", &event));
	event.context.container = "0123456789ab";
	assert_false(excuses(names, &event));
	assert_false(excuses("{ service: web }", &event));
	event.file_container = "0123456789ac";
	assert_false(excuses(names, &event));
	event.file_container = "0123456789ab";
	assert_true(excuses("{ user: chef }", &event));
	assert_true(excuses("{ program: /usr/bin/vi }", &event));
	assert_true(excuses("{ service: web }", &event));
	/* A login is at home, wherever its person goes. */
	person.context.container = "0123456789ab";
	assert_true(excuses("{ user: chef }", &person));
	assert_true(excuses("{ key: " KEY " }", &person));
	/* The host's own names count everywhere. */
	event.context.container = "";
	assert_true(excuses("{ user: chef }", &event));
}

static void a_change_is_excused(void **state)
{
	struct event change = event_by(CONTEXT_CHANGE, "42", "root"),
		     service = event_by(CONTEXT_SERVICE, "app", "root");

	(void)state;
	assert_true(excuses("{ user: nobody }", &change));
	service.change = "rel-42";
	assert_true(excuses("{ service: app, change: true }", &service));
	assert_true(excuses("{ service: app, change: [ 'ci-*', 'rel-*' ] }", &service));
	assert_false(excuses("{ service: app, change: 'ci-*' }", &service));
	/* In quotes it is an id. */
	assert_false(excuses("{ service: app, change: 'true' }", &service));
	/* A web shell in a service that a release has restarted. */
	assert_false(excuses("{ service: other, change: true }", &service));
	service.change = "";
	assert_false(excuses("{ service: app, change: true }", &service));
}

static void all_keys_of_an_exception_hold_and_any_exception_excuses(void **state)
{
	struct event event = event_by(CONTEXT_SERVICE, "app", "chef");

	(void)state;
	assert_true(excuses("{ user: chef, program: /usr/bin/vi }", &event));
	assert_false(excuses("{ user: chef, program: /usr/bin/ed }", &event));
	assert_false(excuses("{ user: alice, program: /usr/bin/vi }", &event));
	assert_true(excuses("[ { user: alice }, { program: /usr/bin/vi } ]", &event));
}

/* Nobody saw who did it, whatever the event's fields hold. */
static void what_was_found_is_nobodys(void **state)
{
	struct event event = event_of_person("chef", "ci-1", "chef"),
		     service = event_by(CONTEXT_SERVICE, "app", "chef");

	(void)state;
	event.flags = service.flags = EVENT_FLAG_FOUND;
	assert_false(excuses("[ { user: chef }, { certificate: '**' }, { program: '**' } ]", &event));
	event.person = event.key = KEY;
	assert_false(excuses("{ key: " KEY " }", &event));
	assert_false(excuses("[ { service: '**' }, { user: chef } ]", &service));
	service.context.kind = CONTEXT_JOB;
	assert_false(excuses("{ job: '**' }", &service));
	service.change = "42";
	assert_false(excuses("{ job: '**', change: '4*' }", &service));
}

static void words_have_their_numbers(void **state)
{
	(void)state;
	for (int i = 0; i < SEVERITY_COUNT; i++)
		assert_non_null(severity_name(i));
	for (int i = 0; i < WHO_COUNT; i++)
		assert_non_null(who_name(i));
	for (int i = 0; i < ORIGIN_COUNT; i++)
		assert_non_null(origin_name(i));
	assert_null(severity_name(SEVERITY_COUNT));
	assert_null(who_name(WHO_COUNT));
	assert_null(origin_name(ORIGIN_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_what_the_manual_says),
		cmocka_unit_test(random_patterns_match_as_slowly_read),
		cmocka_unit_test(no_pattern_is_slow),
		cmocka_unit_test(a_path_of_any_length_is_matched),
		cmocka_unit_test(a_pattern_reaches_below_a_directory),
		cmocka_unit_test(a_pattern_has_a_root),
		cmocka_unit_test(a_wrong_pattern_is_refused),
		cmocka_unit_test(a_file_rule_has_what_its_text_says),
		cmocka_unit_test(exceptions_are_lists_of_lists),
		cmocka_unit_test(changes_have_their_origins),
		cmocka_unit_test(a_wrong_policy_is_refused_with_its_place),
		cmocka_unit_test(a_long_value_is_cut_in_an_error),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(a_policy_is_read_from_a_file),
		cmocka_unit_test(a_command_line_makes_a_rule),
		cmocka_unit_test(a_wrong_command_line_adds_nothing),
		cmocka_unit_test(a_rule_applies_by_kind_and_path),
		cmocka_unit_test(a_user_is_the_person_who_logged_in),
		cmocka_unit_test(a_key_and_a_certificate_are_the_persons),
		cmocka_unit_test(a_program_has_to_be_all_it_may_have_been),
		cmocka_unit_test(a_context_is_of_its_kind),
		cmocka_unit_test(names_of_a_container_count_for_its_own_files),
		cmocka_unit_test(a_change_is_excused),
		cmocka_unit_test(all_keys_of_an_exception_hold_and_any_exception_excuses),
		cmocka_unit_test(what_was_found_is_nobodys),
		cmocka_unit_test(words_have_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
