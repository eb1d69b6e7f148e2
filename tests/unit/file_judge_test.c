/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of files against rules: what belongs together is one finding, with exact counts; and how findings read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/files.h"

#define SECOND UINT64_C(1000000000)
#define BEGIN  (UINT64_C(1700000000) * SECOND) /* 22:13:20 UTC */

static const char policy_text[] = "policy: web\n"
				  "files:\n"
				  "  - path: /srv/**\n"
				  "    severity: low\n"
				  "  - path: [ /srv/app/**, /opt/app/** ]\n"
				  "    severity: critical\n"
				  "    except: { user: chef, program: /usr/bin/ruby }\n"
				  "  - path: /srv/app/**\n"
				  "    severity: medium\n"
				  "    except: [ { user: alice }, { service: app, change: true } ]\n"
				  "  - path: /etc/passwd\n"
				  "    on: [write]\n";

/* One that was handed over, as far as it lasts longer than the call. */
struct told {
	enum severity severity;
	char pattern[64], path[128], directory[128];
	uint64_t count, kinds[EVENT_KIND_COUNT], first_ns, last_ns, number;
	bool closed, changed;
	uint64_t replaces[FILE_SINGLES];
	unsigned replaces_count;
};

#define TOLD_MAX 64

struct world {
	struct policy *policy;
	struct file_judge *judge;
	struct told told[TOLD_MAX];
	size_t count;
	uint64_t number;   /* given last */
	size_t fails_at;   /* the visitor fails there; 0: never */
	struct buffer out; /* the last, as written by `write` */
	void (*write)(struct buffer *out, const struct file_finding *finding);
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error error = { "" };

	assert_non_null(world);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	assert_int_equal(policy_parse("p.yml", policy_text, strlen(policy_text), &world->policy, &error), 0);
	world->judge = file_judge_new(world->policy);
	assert_non_null(world->judge);
	world->out = BUFFER_INIT(1 << 20);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	file_judge_free(world->judge);
	policy_free(world->policy);
	buffer_free(&world->out);
	free(world);
	return 0;
}

static struct event change(enum event_kind kind, const char *path)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = BEGIN;
	event.host = "web1";
	event.pid = 7;
	event.context = (struct context) { .kind = CONTEXT_SESSION, .name = "bob", .container = "" };
	event.program.exe = "/usr/bin/vim";
	event.program.text = "/usr/bin/vim";
	event.user = event.effective_user = "root";
	event.login_user = event.person = "bob";
	event.login = "0123456789abcdef";
	event.path = path;
	return event;
}

static const struct file_rule *judge(struct world *world, const struct event *event, uint64_t now_ms)
{
	const struct file_rule *rule = (const void *)world;

	assert_int_equal(file_judge_event(world->judge, event, now_ms, &rule), 0);
	assert_ptr_not_equal(rule, world);
	return rule;
}

static void judge_write(struct world *world, const char *path, uint64_t now_ms)
{
	const struct event event = change(EVENT_WRITE, path);

	assert_non_null(judge(world, &event, now_ms));
}

static int note(void *owner, const struct file_finding *finding)
{
	struct world *world = owner;
	struct told *told = &world->told[world->count];

	assert_true(world->count < TOLD_MAX);
	assert_ptr_equal(finding->policy, world->policy);
	if (world->fails_at && world->count + 1 == world->fails_at)
		return -EIO;
	world->count++;
	if (!*finding->number)
		*finding->number = ++world->number;
	*told = (struct told) {
		.severity = finding->rule->severity,
		.count = finding->count,
		.first_ns = finding->first_ns,
		.last_ns = finding->last_ns,
		.number = *finding->number,
		.closed = finding->closed,
		.changed = finding->changed,
		.replaces_count = finding->replaces_count,
	};
	(void)snprintf(told->pattern, sizeof(told->pattern), "%s", finding->pattern);
	(void)snprintf(told->path, sizeof(told->path), "%s", finding->event->path);
	(void)snprintf(told->directory, sizeof(told->directory), "%s", finding->directory);
	memcpy(told->kinds, finding->kinds, sizeof(told->kinds));
	assert_true(finding->replaces_count <= FILE_SINGLES);
	for (unsigned i = 0; i < finding->replaces_count; i++)
		told->replaces[i] = finding->replaces[i];
	buffer_clear(&world->out);
	if (world->write)
		world->write(&world->out, finding);
	assert_false(world->out.failed);
	return 0;
}

static size_t visit(struct world *world, uint64_t now_ms, bool at_end)
{
	world->count = 0;
	assert_int_equal(file_judge_visit(world->judge, now_ms, at_end, note, world), 0);
	return world->count;
}

/* --- which rule ---------------------------------------------------------------------------------- */

static void of_several_rules_the_most_severe_counts(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_WRITE, "/srv/app/x");

	assert_int_equal(judge(world, &event, 0)->severity, SEVERITY_CRITICAL);
	event.path = "/srv/other";
	assert_int_equal(judge(world, &event, 0)->severity, SEVERITY_LOW);
	/* Whom the worst rule excuses, another need not. */
	event = change(EVENT_WRITE, "/srv/app/x");
	event.login_user = "chef";
	event.program.exe = "/usr/bin/ruby";
	assert_int_equal(judge(world, &event, 0)->severity, SEVERITY_MEDIUM);
	event.login_user = "alice";
	assert_int_equal(judge(world, &event, 0)->severity, SEVERITY_CRITICAL);
	event.path = "/home/x";
	assert_null(judge(world, &event, 0));
	assert_int_equal(visit(world, 0, true), 4);
	assert_string_equal(world->told[0].pattern, "/srv/app/**");
	assert_string_equal(world->told[1].pattern, "/srv/app/**");
	assert_string_equal(world->told[2].pattern, "/srv/**");
	assert_int_equal(world->told[3].severity, SEVERITY_MEDIUM);
}

static void other_events_and_kinds_are_none_of_its_business(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_CREATE, "/etc/passwd");

	assert_null(judge(world, &event, 0));
	event = change(EVENT_EXEC, "/etc/passwd");
	assert_null(judge(world, &event, 0));
	event = change(EVENT_LOGOUT, "/srv/app");
	assert_null(judge(world, &event, 0));
	assert_int_equal(visit(world, 0, true), 0);
}

static void a_name_that_was_left_counts_too(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_RENAME, "/tmp/x");

	event.path_before = "/opt/app/x";
	assert_int_equal(judge(world, &event, 0)->severity, SEVERITY_CRITICAL);
	assert_int_equal(visit(world, 0, true), 1);
	assert_string_equal(world->told[0].pattern, "/opt/app/**");
	assert_string_equal(world->told[0].path, "/tmp/x");
}

/* --- one by one, and many ------------------------------------------------------------------------ */

static void a_few_are_told_one_by_one_after_a_moment(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < FILE_SINGLES; i++) {
		const char path[] = { '/', 's', 'r', 'v', '/', (char)('a' + i), '\0' };

		judge_write(world, path, 1000 + (uint64_t)i);
	}
	assert_int_equal(visit(world, 1000 + FILE_MOMENT_MS - 1, false), FILE_SINGLES);
	for (size_t i = 0; i < FILE_SINGLES; i++) {
		assert_int_equal(world->told[i].count, 1);
		assert_int_equal(world->told[i].kinds[EVENT_WRITE], 1);
		assert_int_equal(world->told[i].path[5], 'a' + (int)i);
		assert_string_equal(world->told[i].directory, "");
		assert_true(world->told[i].changed);
		assert_false(world->told[i].closed);
		assert_int_equal(world->told[i].number, i + 1);
	}
	assert_int_equal(visit(world, 1000 + FILE_MOMENT_MS, false), FILE_SINGLES);
	for (size_t i = 0; i < FILE_SINGLES; i++) {
		assert_true(world->told[i].closed);
		assert_false(world->told[i].changed);
		assert_int_equal(world->told[i].number, i + 1);
	}
	assert_int_equal(visit(world, 1000 + FILE_MOMENT_MS, true), 0);
}

static void the_ninth_makes_them_one_with_exact_counts(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_REMOVE, "/srv/app/z");

	for (int i = 0; i < 3; i++)
		judge_write(world, "/srv/app/a", 1000);
	assert_int_equal(visit(world, 1000, false), 3);
	for (int i = 3; i < FILE_SINGLES; i++)
		judge_write(world, "/srv/app/b", 1000);
	event.time_ns = BEGIN + 2 * SECOND;
	(void)judge(world, &event, 1100);
	assert_int_equal(visit(world, 1100, false), 1);
	assert_int_equal(world->told[0].count, FILE_SINGLES + 1);
	assert_int_equal(world->told[0].kinds[EVENT_WRITE], FILE_SINGLES);
	assert_int_equal(world->told[0].kinds[EVENT_REMOVE], 1);
	assert_string_equal(world->told[0].path, "/srv/app/a");
	assert_string_equal(world->told[0].directory, "/srv/app");
	assert_int_equal(world->told[0].first_ns, BEGIN);
	assert_int_equal(world->told[0].last_ns, BEGIN + 2 * SECOND);
	assert_int_equal(world->told[0].number, 4);
	/* Those that had been handed over, and no others. */
	assert_int_equal(world->told[0].replaces_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(world->told[0].replaces[i], i + 1);
	assert_int_equal(visit(world, 1100, false), 1);
	assert_int_equal(world->told[0].replaces_count, 0);
	assert_false(world->told[0].changed);
	assert_int_equal(world->told[0].number, 4);
}

static void many_end_when_nothing_comes_for_a_while(void **state)
{
	struct world *world = *state;
	uint64_t now = 5000;

	for (int i = 0; i < 1000; i++, now += FILE_QUIET_MS / 100)
		judge_write(world, "/srv/x", now);
	now -= FILE_QUIET_MS / 100;
	assert_int_equal(visit(world, now + FILE_QUIET_MS - 1, false), 1);
	assert_false(world->told[0].closed);
	judge_write(world, "/srv/x", now + FILE_QUIET_MS - 1);
	assert_int_equal(visit(world, now + FILE_QUIET_MS, false), 1);
	assert_false(world->told[0].closed);
	assert_int_equal(visit(world, now + 2 * FILE_QUIET_MS, false), 1);
	assert_true(world->told[0].closed);
	assert_int_equal(world->told[0].count, 1001);
	assert_int_equal(visit(world, now + 2 * FILE_QUIET_MS, false), 0);
}

static void many_that_never_end_are_told_from_time_to_time(void **state)
{
	struct world *world = *state;
	uint64_t total = 0, closed = 0;

	for (uint64_t now = 0; now < UINT64_C(10) * FILE_LONGEST_MS; now += 100) {
		judge_write(world, "/srv/x", now);
		(void)visit(world, now, false);
		for (size_t i = 0; i < world->count; i++) {
			closed += world->told[i].closed;
			total += world->told[i].closed ? world->told[i].count : 0;
		}
	}
	(void)visit(world, 0, true);
	for (size_t i = 0; i < world->count; i++)
		total += world->told[i].count;
	assert_true(closed >= 9);
	assert_int_equal(total, 10 * FILE_LONGEST_MS / 100);
}

static void what_different_people_do_is_told_apart(void **state)
{
	struct world *world = *state;
	struct event event;

	for (int i = 0; i < 10; i++) {
		for (int who = 0; who < 6; who++) {
			event = change(EVENT_WRITE, "/srv/x");
			if (who == 1)
				event.login = "fedcba9876543210";
			else if (who == 2)
				event.program.text = "/usr/bin/sed";
			else if (who == 3)
				event.context.container = "c0ffeec0ffee";
			else if (who == 4)
				event.effective_user = "www-data";
			else if (who == 5)
				event.flags |= EVENT_FLAG_FOUND;
			(void)judge(world, &event, 0);
		}
	}
	event = change(EVENT_WRITE, "/srv/app/x");
	(void)judge(world, &event, 0);
	assert_int_equal(visit(world, 0, true), 7);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(world->told[i].count, 10);
		assert_true(world->told[i].closed);
	}
	assert_int_equal(world->told[6].count, 1);
	assert_int_equal(world->told[6].severity, SEVERITY_CRITICAL);
}

/* Texts of two fields that look alike when they are put together. */
static void names_that_imitate_each_other_are_told_apart(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_WRITE, "/srv/x");

	event.context.name = "a\nb";
	event.context.container = "c";
	(void)judge(world, &event, 0);
	event.context.name = "a";
	event.context.container = "b\nc";
	(void)judge(world, &event, 0);
	for (int i = 0; i < 8; i++)
		(void)judge(world, &event, 0);
	assert_int_equal(visit(world, 0, true), 2);
	assert_int_equal(world->told[0].count, 1);
	assert_int_equal(world->told[1].count, 9);
}

static void assert_directory(struct world *world, const char *const paths[], const char *expected)
{
	for (int i = 0; i < FILE_SINGLES; i++)
		judge_write(world, paths[0], 0);
	for (size_t i = 1; paths[i]; i++)
		judge_write(world, paths[i], 0);
	judge_write(world, paths[0], 0);
	assert_int_equal(visit(world, 0, true), 1);
	assert_string_equal(world->told[0].directory, expected);
}

static void the_directory_is_the_one_that_all_have_in_common(void **state)
{
	struct world *world = *state;

	assert_directory(world, (const char *const[]) { "/srv/web/x", NULL }, "/srv/web");
	assert_directory(world, (const char *const[]) { "/srv/web/x", "/srv/web/y/z", NULL }, "/srv/web");
	assert_directory(world, (const char *const[]) { "/srv/web/a/x", "/srv/web/b/x", NULL }, "/srv/web");
	assert_directory(world, (const char *const[]) { "/srv/web/x", "/srv/webdav/x", NULL }, "/srv");
	assert_directory(world, (const char *const[]) { "/srv/webdav/x", "/srv/web/x", NULL }, "/srv");
	assert_directory(world, (const char *const[]) { "/srv/web/a/x", "/srv/web/a", "/srv/web", NULL }, "/srv/web");
	assert_directory(world, (const char *const[]) { "/srv/x", "/srv", NULL }, "/srv");
}

/* Files are told in another order than they were changed, and clocks are set back. */
static void times_span_all_whatever_their_order(void **state)
{
	static const uint64_t times[] = { 5, 3, 9, 4 };
	struct world *world = *state;

	for (size_t i = 0; i < 12; i++) {
		struct event event = change(EVENT_WRITE, "/srv/x");

		event.time_ns = BEGIN + times[i % 4] * SECOND;
		(void)judge(world, &event, 0);
	}
	world->write = file_finding_write;
	assert_int_equal(visit(world, 0, true), 1);
	assert_int_equal(world->told[0].first_ns, BEGIN + 3 * SECOND);
	assert_int_equal(world->told[0].last_ns, BEGIN + 9 * SECOND);
	assert_non_null(strstr(buffer_string(&world->out), ",\"seconds\":6.000,"));
}

static void what_a_visitor_failed_on_is_handed_over_again_and_nothing_else(void **state)
{
	struct world *world = *state;

	judge_write(world, "/srv/a", 0);
	judge_write(world, "/srv/b", 0);
	judge_write(world, "/srv/c", 0);
	for (int i = 0; i < 9; i++)
		judge_write(world, "/srv/app/d", 0);
	world->fails_at = 2;
	assert_int_equal(file_judge_visit(world->judge, FILE_LONGEST_MS, false, note, world), -EIO);
	assert_int_equal(world->count, 1);
	assert_string_equal(world->told[0].path, "/srv/a");
	assert_true(world->told[0].closed);
	world->count = 0;
	world->fails_at = 3;
	assert_int_equal(file_judge_visit(world->judge, FILE_LONGEST_MS, false, note, world), -EIO);
	assert_int_equal(world->count, 2);
	assert_string_equal(world->told[0].path, "/srv/b");
	assert_true(world->told[0].changed);
	assert_string_equal(world->told[1].path, "/srv/c");
	world->fails_at = 0;
	assert_int_equal(visit(world, FILE_LONGEST_MS, false), 1);
	assert_int_equal(world->told[0].count, 9);
	assert_true(world->told[0].changed);
	assert_true(world->told[0].closed);
	assert_int_equal(visit(world, FILE_LONGEST_MS, true), 0);
}

static void what_one_replaces_is_not_lost_by_a_failure(void **state)
{
	struct world *world = *state;

	judge_write(world, "/srv/a", 0);
	assert_int_equal(visit(world, 0, false), 1);
	for (int i = 0; i < 8; i++)
		judge_write(world, "/srv/a", 0);
	world->count = 0;
	world->fails_at = 1;
	assert_int_equal(file_judge_visit(world->judge, 0, false, note, world), -EIO);
	world->fails_at = 0;
	assert_int_equal(visit(world, 0, false), 1);
	assert_int_equal(world->told[0].replaces_count, 1);
	assert_int_equal(world->told[0].replaces[0], 1);
	assert_true(world->told[0].changed);
}

static void what_was_not_handed_over_is_freed(void **state)
{
	struct world *world = *state;

	judge_write(world, "/srv/a", 0);
	for (int i = 0; i < 20; i++)
		judge_write(world, "/srv/app/a", 0);
}

/* --- how findings read --------------------------------------------------------------------------- */

/* Names that nobody should have: of terminals, of JSON, of no character set, of our own escapes. */
static const char hostile[] = "/srv/a\"b\\c\n\x1b[31m\x7f\xff\xc3\x28 {}',\t\\x41é";
static const char hostile_written[] = "/srv/a\"b\\\\c\\x0a\\x1b[31m\\x7f\\xff\\xc3( {}',\\x09\\\\x41é";

static struct event hostile_event(void)
{
	struct event event = change(EVENT_WRITE, hostile);

	event.context.name = event.context.container = event.cwd = event.person = event.login_user = hostile;
	event.effective_user = event.user = event.group = hostile;
	event.argv = hostile;
	event.argv_size = sizeof(hostile);
	event.argc = 1;
	event.program.exe = hostile;
	event.file = (struct file_state) { .protection = "",
					   .type = FILE_SYMLINK,
					   .size = EVENT_NO_SIZE,
					   .mode = EVENT_NO_ID,
					   .owner = hostile,
					   .group = hostile,
					   .sha256 = "",
					   .target = hostile };
	event.diff = "@@ -1 +1 @@\n-\"\x1b\\\n+\xff{\n";
	return event;
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void a_finding_is_valid_json_whatever_the_names(void **state)
{
	struct world *world = *state;
	const struct event event = hostile_event();
	json_error_t error;
	json_t *finding;

	world->write = file_finding_write;
	(void)judge(world, &event, 0);
	assert_int_equal(visit(world, 0, true), 1);
	assert_string_equal(world->told[0].path, hostile);
	assert_ptr_equal(strchr(buffer_string(&world->out), '\n'), world->out.data + world->out.size - 1);
	finding = json_loadb(world->out.data, world->out.size, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(finding);
	assert_text(finding, "finding", "file change");
	assert_text(finding, "policy", "web");
	assert_text(finding, "rule", "/srv/**");
	assert_text(finding, "severity", "low");
	assert_int_equal(json_integer_value(json_object_get(finding, "count")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "kinds"), "write")), 1);
	assert_null(json_object_get(finding, "directory"));
	assert_text(json_object_get(finding, "event"), "path", hostile_written);
	assert_text(json_object_get(finding, "event"), "target", hostile_written);
	json_decref(finding);
}

static void many_changes_are_valid_json_too(void **state)
{
	struct world *world = *state;
	struct event event = hostile_event();
	char path[128], directory[128];
	json_t *finding;

	world->write = file_finding_write;
	(void)snprintf(path, sizeof(path), "%s/x", hostile);
	(void)snprintf(directory, sizeof(directory), "%s", hostile_written);
	event.path = path;
	for (int i = 0; i < 9; i++)
		(void)judge(world, &event, 0);
	event = change(EVENT_REMOVE, path);
	assert_int_equal(visit(world, 0, true), 1);
	finding = json_loadb(world->out.data, world->out.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(finding);
	assert_text(finding, "directory", directory);
	assert_int_equal(json_integer_value(json_object_get(finding, "count")), 9);
	assert_true(json_is_real(json_object_get(finding, "seconds")));
	json_decref(finding);
}

static void no_name_moves_a_terminal(void **state)
{
	struct world *world = *state;
	struct event event = hostile_event();

	world->write = file_finding_explain;
	for (int i = 0; i < 2; i++) {
		(void)judge(world, &event, 0);
		event.kind = EVENT_RENAME;
		event.path_before = hostile;
		event.flags |= EVENT_FLAG_FOUND;
		assert_int_equal(visit(world, 0, true), 1);
		for (size_t at = 0; at < world->out.size; at++)
			assert_true((unsigned char)world->out.data[at] >= 0x20 || world->out.data[at] == '\n');
		assert_null(memchr(world->out.data, 0x7f, world->out.size));
		assert_null(memchr(world->out.data, 0xff, world->out.size));
	}
}

static void assert_explained(struct world *world, const char *expected)
{
	world->write = file_finding_explain;
	assert_int_equal(visit(world, 0, true), 1);
	assert_string_equal(buffer_string(&world->out), expected);
}

static void a_change_reads_as_what_by_whom_and_how(void **state)
{
	static const char hash[] = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
	struct world *world = *state;
	struct event event = change(EVENT_WRITE, "/srv/app/x");

	event.person = "bob@example.org";
	event.file_before = (struct file_state) { .protection = "",
						  .type = FILE_REGULAR,
						  .size = 6,
						  .mode = 0644,
						  .owner = "root",
						  .group = "root",
						  .sha256 = hash,
						  .target = "" };
	event.file = event.file_before;
	event.file.mode = 04755;
	event.file.sha256 = "";
	event.diff = "@@ -1 +1 @@\n-a\n+b\n";
	(void)judge(world, &event, 0);
	assert_explained(world,
			 "22:13:20.000  FILE critical  /srv/app/x was written by bob@example.org (login bob)\n"
			 "  before    file, 6 bytes, 0644 root:root, sha256 5891b5b522d5…\n"
			 "  after     file, 6 bytes, 4755 root:root\n"
			 "  changes   \n"
			 "            @@ -1 +1 @@\n"
			 "            -a\n"
			 "            +b\n"
			 "  process   7 /usr/bin/vim as root, login bob\n"
			 "  rule      /srv/app/** of policy web, except for user chef with program /usr/bin/ruby\n");
}

static void a_rename_reads_with_the_name_before(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_RENAME, "/srv/app/new");

	event.person = event.login_user = event.login = "";
	event.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "c0ffeec0ffee" };
	event.path_before = "/srv/app/old";
	event.other_program = "/usr/bin/sh";
	event.flags = EVENT_FLAG_ACTOR_UNCERTAIN;
	event.file = (struct file_state) { .protection = "",
					   .type = FILE_SYMLINK,
					   .size = EVENT_NO_SIZE,
					   .mode = EVENT_NO_ID,
					   .owner = "root",
					   .group = "www",
					   .sha256 = "",
					   .target = "/x" };
	(void)judge(world, &event, 0);
	assert_explained(world,
			 "22:13:20.000  FILE critical  /srv/app/new was renamed by root in service nginx in container "
			 "c0ffeec0ffee\n"
			 "  it was    /srv/app/old\n"
			 "  after     symlink root:www, to /x\n"
			 "  process   7 /usr/bin/vim as root\n"
			 "  or        /usr/bin/sh\n"
			 "  rule      /srv/app/** of policy web, except for user chef with program /usr/bin/ruby\n");
}

static void what_was_found_was_done_by_nobody_known(void **state)
{
	struct world *world = *state;
	struct event event;

	event_init(&event, EVENT_REMOVE);
	event.time_ns = BEGIN;
	event.path = "/srv/app/x";
	event.flags = EVENT_FLAG_FOUND;
	(void)judge(world, &event, 0);
	world->write = file_finding_explain;
	assert_int_equal(visit(world, 0, true), 1);
	assert_non_null(strstr(buffer_string(&world->out), "/srv/app/x was removed while nobody watched\n"));
	assert_null(strstr(buffer_string(&world->out), "process"));
}

static void many_changes_read_as_one(void **state)
{
	struct world *world = *state;
	struct event event = change(EVENT_CREATE, "/srv/x/first");

	for (int i = 0; i < 12; i++) {
		(void)judge(world, &event, 0);
		event = change(i < 5 ? EVENT_REMOVE : EVENT_ATTRIBUTES, "/srv/x/next");
		event.time_ns = BEGIN + (uint64_t)i * SECOND / 10;
	}
	assert_explained(world, "22:13:20.000  FILE low  12 changes in /srv/x by bob\n"
				"  what      create 1, remove 5, attributes 6, within 1.0 s\n"
				"  first     /srv/x/first\n"
				"  process   7 /usr/bin/vim as root, login bob\n"
				"  rule      /srv/** of policy web\n");
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(of_several_rules_the_most_severe_counts),
		IN_WORLD(other_events_and_kinds_are_none_of_its_business),
		IN_WORLD(a_name_that_was_left_counts_too),
		IN_WORLD(a_few_are_told_one_by_one_after_a_moment),
		IN_WORLD(the_ninth_makes_them_one_with_exact_counts),
		IN_WORLD(many_end_when_nothing_comes_for_a_while),
		IN_WORLD(many_that_never_end_are_told_from_time_to_time),
		IN_WORLD(what_different_people_do_is_told_apart),
		IN_WORLD(names_that_imitate_each_other_are_told_apart),
		IN_WORLD(the_directory_is_the_one_that_all_have_in_common),
		IN_WORLD(times_span_all_whatever_their_order),
		IN_WORLD(what_a_visitor_failed_on_is_handed_over_again_and_nothing_else),
		IN_WORLD(what_one_replaces_is_not_lost_by_a_failure),
		IN_WORLD(what_was_not_handed_over_is_freed),
		IN_WORLD(a_finding_is_valid_json_whatever_the_names),
		IN_WORLD(many_changes_are_valid_json_too),
		IN_WORLD(no_name_moves_a_terminal),
		IN_WORLD(a_change_reads_as_what_by_whom_and_how),
		IN_WORLD(a_rename_reads_with_the_name_before),
		IN_WORLD(what_was_found_was_done_by_nobody_known),
		IN_WORLD(many_changes_read_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
