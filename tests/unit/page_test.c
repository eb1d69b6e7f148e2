/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print of the state: pages, tables, JSON; and that nothing in it moves a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/page.h"
#include "event/ndjson.h"

/* What the command's main file has. */

void say(const char *format, ...)
{
	(void)format;
	fail_msg("nothing should be said");
}

int parse_duration(const char *text, long long *milliseconds)
{
	if (strcmp(text, "2h") != 0)
		return -1;
	*milliseconds = 7200000;
	return 0;
}

#define NOON (1700000000ULL * 1000000000U)

static struct event make(enum event_kind kind, uint64_t seconds, uint32_t pid, uint32_t parent, const char *program)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = NOON + seconds * 1000000000U;
	event.pid = pid;
	event.parent_pid = parent;
	event.user = event.effective_user = "alice";
	event.program = (struct program) { .exe = program, .called = program, .script = "", .text = program };
	return event;
}

static struct event with_arguments(struct event event, const char *argv, size_t size)
{
	event.argv = argv;
	event.argv_size = size;
	return event;
}

static void add(struct page *page, struct event event, bool orphan)
{
	struct buffer line = BUFFER_INIT(1 << 20);

	ndjson_write(&line, &event);
	assert_int_equal(page_line(page, line.data, line.size - 1, orphan), 0);
	buffer_free(&line);
}

static struct page begin(bool of_change)
{
	struct page page;

	assert_int_equal(page_begin(&page, of_change), 0);
	return page;
}

static void assert_page(struct page *page, const char *expected)
{
	struct buffer out = BUFFER_INIT(1 << 20);

	page_show(page, &out);
	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
	page_end(page);
}

static struct event make_file(enum event_kind kind, const char *path)
{
	struct event event = make(kind, 5, 11, 10, "/usr/bin/vi");

	event.path = path;
	if (kind != EVENT_REMOVE)
		event.file = (struct file_state) { .protection = "",
						   .type = FILE_REGULAR,
						   .size = 12,
						   .mode = 0640,
						   .owner = "alice",
						   .group = "app",
						   .sha256 = "bbbbbbbbbbbbbbbbbbbb",
						   .target = "" };
	if (kind != EVENT_CREATE)
		event.file_before = (struct file_state) { .protection = "",
							  .type = FILE_REGULAR,
							  .size = 3,
							  .mode = 0644,
							  .owner = "chef",
							  .group = "app",
							  .sha256 = "aaaaaaaaaaaaaaaaaaaa",
							  .target = "" };
	return event;
}

static void programs_stand_below_what_started_them(void **state)
{
	struct page page = begin(false);

	(void)state;
	add(&page, with_arguments(make(EVENT_EXEC, 0, 10, 1, "/usr/bin/bash"), "-bash", 6), false);
	add(&page, with_arguments(make(EVENT_EXEC, 1, 11, 10, "/usr/bin/sudo"), "sudo\0id", 8), false);
	add(&page, with_arguments(make(EVENT_EXEC, 2, 11, 10, "/usr/bin/id"), "id", 3), false);
	add(&page, with_arguments(make(EVENT_EXEC, 3, 12, 11, "/usr/bin/sh"), "sh\0-c\0\x1b[31m\nx", 13), false);
	add(&page, make(EVENT_EXEC, 4, 20, 2, "/usr/bin/nohup"), true);
	assert_page(&page, "\nprograms\n"
			   "  22:13:20  /usr/bin/bash as alice: -bash\n"
			   "  22:13:21    /usr/bin/sudo as alice: sudo id\n"
			   "  22:13:22    /usr/bin/id as alice: id\n"
			   "  22:13:23      /usr/bin/sh as alice: sh -c \\x1b[31m\\x0ax\n"
			   "  22:13:24  /usr/bin/nohup as alice; orphan\n");
}

static void a_long_command_line_is_cut(void **state)
{
	struct page page = begin(false);
	char argv[4001];
	struct buffer out = BUFFER_INIT(1 << 20);

	(void)state;
	memset(argv, 'x', 4000);
	argv[4000] = '\0';
	add(&page, with_arguments(make(EVENT_EXEC, 0, 10, 1, "/a"), argv, sizeof(argv)), false);
	page_show(&page, &out);
	assert_in_range(out.size, 300, 400);
	assert_non_null(strstr(buffer_string(&out), "x …\n"));
	buffer_free(&out);
	page_end(&page);
}

static void files_say_what_was_before_and_after(void **state)
{
	struct page page = begin(false);
	struct event moved = make_file(EVENT_RENAME, "/srv/b\x1b"), removed = make_file(EVENT_REMOVE, "/srv/d");

	(void)state;
	moved.file = moved.file_before;
	moved.path_before = "/srv/a";
	removed.file_before.type = FILE_DIRECTORY;
	removed.file_before.size = EVENT_NO_SIZE;
	removed.entries = 7;
	removed.flags = EVENT_FLAG_ACTOR_UNCERTAIN;
	removed.other_program = "/usr/bin/rm";
	add(&page, make_file(EVENT_WRITE, "/srv/a"), false);
	add(&page, make_file(EVENT_CREATE, "/srv/n"), false);
	add(&page, make_file(EVENT_ATTRIBUTES, "/srv/a"), true);
	add(&page, moved, false);
	add(&page, removed, false);
	assert_page(&page,
		    "\nfiles\n"
		    "  22:13:25  write       /srv/a  3 → 12 bytes, mode 0644 → 0640, owner chef → alice, sha256 "
		    "aaaaaaaaaaaa → "
		    "bbbbbbbbbbbb  by /usr/bin/vi\n"
		    "  22:13:25  create      /srv/n  12 bytes, mode 0640  by /usr/bin/vi\n"
		    "  22:13:25  attributes  /srv/a  12 bytes, mode 0644 → 0640, owner chef → alice, sha256 "
		    "aaaaaaaaaaaa → bbbbbbbbbbbb  "
		    "by /usr/bin/vi; orphan\n"
		    "  22:13:25  rename      /srv/a → /srv/b\\x1b  3 bytes  by /usr/bin/vi\n"
		    "  22:13:25  remove      /srv/d/, with 7 more  by /usr/bin/vi; uncertain, or by /usr/bin/rm\n");
}

static void rights_and_network_have_their_sections(void **state)
{
	struct page page = begin(false);
	struct event rights = make(EVENT_PRIVILEGE, 1, 10, 1, "/usr/bin/sudo"),
		     connect = make(EVENT_CONNECT, 2, 10, 1, "/usr/bin/curl");

	(void)state;
	rights.uid_before = rights.euid_before = 1000;
	rights.uid = rights.euid = 0;
	rights.effective_user = "root";
	rights.flags = EVENT_FLAG_SETID;
	connect.family = AF_INET6;
	connect.protocol = IPPROTO_TCP;
	connect.remote_port = 443;
	(void)inet_pton(AF_INET6, "2001:db8::7", connect.remote_address);
	add(&page, rights, false);
	add(&page, connect, false);
	assert_page(&page, "\nprivileges\n  22:13:21  /usr/bin/sudo: uid 1000/1000 → 0/0 (root), set-uid\n"
			   "\nnetwork\n  22:13:22  connect  tcp 2001:db8::7 443  by /usr/bin/curl\n");
}

static void fill_change(struct page *page)
{
	struct event listens = make(EVENT_LISTEN, 3, 30, 1, "/usr/sbin/nginx");

	listens.family = AF_INET;
	listens.protocol = IPPROTO_TCP;
	listens.local_port = 80;
	listens.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	add(page, make(EVENT_EXEC, 0, 10, 1, "/usr/bin/cp"), false);
	add(page, make(EVENT_EXEC, 1, 11, 1, "/usr/bin/cp"), false);
	add(page, with_arguments(make(EVENT_EXEC, 1, 12, 1, "/usr/bin/systemctl"), "systemctl\0restart\0nginx", 24),
	    false);
	add(page, with_arguments(make(EVENT_EXEC, 1, 13, 1, "/usr/bin/systemctl"), "systemctl\0status\0nginx", 23),
	    false);
	add(page, make_file(EVENT_WRITE, "/srv/z"), false);
	add(page, make_file(EVENT_WRITE, "/srv/a"), false);
	add(page, make_file(EVENT_WRITE, "/srv/a"), false);
	add(page, make_file(EVENT_CREATE, "/srv/a"), false);
	add(page, listens, false);
	listens.kind = EVENT_CONTEXT;
	add(page, listens, false);
}

static void a_change_is_told_by_what_and_how_often(void **state)
{
	struct page page = begin(true);

	(void)state;
	fill_change(&page);
	assert_page(&page, "\nfiles\n"
			   "  create      /srv/a\n"
			   "  write       /srv/a  (2 times)\n"
			   "  write       /srv/z\n"
			   "\nprograms\n"
			   "  /usr/bin/cp  (2 times)\n"
			   "  /usr/bin/systemctl  (2 times)\n"
			   "\nnew listeners\n"
			   "  tcp 0.0.0.0 80  /usr/sbin/nginx\n"
			   "\nservices started\n"
			   "  nginx\n"
			   "\nasked of services\n"
			   "  systemctl restart nginx\n"
			   "\nnetwork\n"
			   "  22:13:23  listen   tcp 0.0.0.0 80  by /usr/sbin/nginx\n");
}

static void the_same_as_json_can_be_read_and_has_the_events(void **state)
{
	struct page page = begin(true);
	struct buffer out = BUFFER_INIT(1 << 20);
	struct event evil = make_file(EVENT_WRITE, "/srv/\"\\\x1b\n\xff");
	json_t *json, *files;

	(void)state;
	fill_change(&page);
	add(&page, evil, false);
	buffer_byte(&out, '{');
	json_text(&out, "reason", "a \"b\" \\ \n");
	page_json(&page, &out);
	buffer_byte(&out, '}');
	json = json_loads(buffer_string(&out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	files = json_object_get(json, "changed_files");
	assert_int_equal(json_array_size(files), 4);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(files, 2), "count")), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(files, 1), "path")),
			    "/srv/\"\\\\\\x1b\\x0a\\xff");
	assert_string_equal(json_string_value(json_object_get(json, "reason")), "a \"b\" \\\\ \\x0a");
	assert_int_equal(json_array_size(json_object_get(json, "kept")), 11);
	assert_int_equal(json_array_size(json_object_get(json, "services_asked")), 1);
	json_decref(json);
	buffer_free(&out);
	page_end(&page);
}

static void what_is_no_event_is_counted(void **state)
{
	struct page page = begin(false);

	(void)state;
	assert_int_equal(page_line(&page, "{}", 2, false), 0);
	assert_int_equal(page_line(&page, "", 0, false), 0);
	assert_page(&page, "\n2 events could not be read\n");
}

static void columns_are_as_wide_as_they_need(void **state)
{
	struct columns columns = COLUMNS_INIT(3);
	struct buffer out = BUFFER_INIT(4096);

	(void)state;
	columns_text(&columns, "A");
	columns_text(&columns, "B");
	columns_text(&columns, "C");
	columns_text(&columns, "ähnlich");
	columns_text(&columns, "");
	columns_text(&columns, "last one");
	columns_text(&columns, "\x1b[0m");
	columns_number(&columns, 4711);
	columns_text(&columns, "x");
	columns_end(&columns, &out);
	assert_string_equal(buffer_string(&out), "A        B     C\n"
						 "ähnlich  -     last one\n"
						 "\\x1b[0m  4711  x\n");
	buffer_free(&out);
}

static void texts_are_counted_and_bounded(void **state)
{
	struct counted counted = { 0 };
	char text[16];

	(void)state;
	for (int i = 0; i < COUNTED_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		counted_add(&counted, text);
	}
	counted_add(&counted, "7");
	assert_int_equal(counted.count, COUNTED_MAX);
	assert_int_equal(counted.left_out, 5);
	assert_int_equal(counted.texts[7]->count, 2);
	counted_sort(&counted);
	assert_string_equal(counted.texts[2]->text, "10");
	counted_free(&counted);
}

static void times_are_read_as_people_write_them(void **state)
{
	uint64_t time_ns = 0, day = 1700006400ULL * 1000000000U; /* 2023-11-15 00:00 */

	(void)state;
	assert_int_equal(show_parse_time("2023-11-15", &time_ns), 0);
	assert_int_equal(time_ns, day);
	assert_int_equal(show_parse_time("2023-11-15 01:00", &time_ns), 0);
	assert_int_equal(time_ns, day + 3600ULL * 1000000000U);
	assert_int_equal(show_parse_time("2023-11-15T00:00:05", &time_ns), 0);
	assert_int_equal(time_ns, day + 5ULL * 1000000000U);
	assert_int_equal(show_parse_time("2h", &time_ns), 0);
	assert_in_range(time_ns / 1000000000U, (uint64_t)time(NULL) - 7205, (uint64_t)time(NULL) - 7195);
	assert_true(show_parse_time("2023-11-15 junk", &time_ns) < 0);
	assert_true(show_parse_time("", &time_ns) < 0);
}

static void a_tally_says_what_was_only_counted(void **state)
{
	struct state_tally tally = { .seen = { [EVENT_EXEC] = 5, [EVENT_WRITE] = 20 },
				     .dropped = { [EVENT_WRITE] = 12 } };
	struct buffer out = BUFFER_INIT(4096);

	(void)state;
	show_tally(&out, &tally);
	assert_string_equal(buffer_string(&out),
			    "exec 5, write 20; 12 of these were only counted: there was no room to keep them");
	buffer_clear(&out);
	tally = (struct state_tally) { .orphans = 0 };
	show_tally(&out, &tally);
	assert_string_equal(buffer_string(&out), "none");
	buffer_free(&out);
}

static void durations_are_short(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} table[] = { { 0, "0 s" }, { 119, "119 s" }, { 120, "2 min" }, { 7200, "2 h" }, { 172800, "2 days" } };
	struct buffer out = BUFFER_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		show_duration(&out, table[i].seconds * 1000000000U);
		assert_string_equal(buffer_string(&out), table[i].text);
		buffer_clear(&out);
	}
	show_time(&out, 0);
	assert_string_equal(buffer_string(&out), "-");
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_stand_below_what_started_them),
		cmocka_unit_test(a_long_command_line_is_cut),
		cmocka_unit_test(files_say_what_was_before_and_after),
		cmocka_unit_test(rights_and_network_have_their_sections),
		cmocka_unit_test(a_change_is_told_by_what_and_how_often),
		cmocka_unit_test(the_same_as_json_can_be_read_and_has_the_events),
		cmocka_unit_test(what_is_no_event_is_counted),
		cmocka_unit_test(columns_are_as_wide_as_they_need),
		cmocka_unit_test(texts_are_counted_and_bounded),
		cmocka_unit_test(times_are_read_as_people_write_them),
		cmocka_unit_test(a_tally_says_what_was_only_counted),
		cmocka_unit_test(durations_are_short),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
