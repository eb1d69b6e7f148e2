/* SPDX-License-Identifier: Apache-2.0 */
/* What events are as behaviours. */
#include <arpa/inet.h>
#include <stdio.h>

#include "model_text.h"

static struct event event_of(enum event_kind kind)
{
	struct event event;

	event_init(&event, kind);
	event.context.kind = CONTEXT_SERVICE;
	event.context.name = "nginx";
	event.program.exe = event.program.text = "/usr/sbin/nginx";
	event.uid = event.euid = event.gid = event.egid = 33;
	event.user = event.effective_user = event.group = "www-data";
	return event;
}

/* The behaviours as a model would print them: "exec /usr/sbin/nginx; owner /usr/sbin/nginx www-data;" */
static void assert_behaves(const struct event *event, const char *as)
{
	struct networks *networks = networks_new();
	struct behaviours *found = malloc(sizeof(*found));
	struct buffer text = BUFFER_INIT(100000);
	struct model *model = model_new();

	memset(found, 0x55, sizeof(*found));
	behaviours_of(event, networks, found);
	assert_in_range(found->count, 0, BEHAVIOURS_PER_EVENT);
	for (unsigned i = 0; i < found->count; i++) {
		const struct behaviour *item = &found->item[i];

		assert_int_equal(model_add(model, item, NULL), 1);
		buffer_printf(&text, "%s%s %s%s%s", i ? "; " : "", behaviour_kind_name(item->kind), item->program,
			      item->object[0] ? " " : "", item->object);
	}
	if (as)
		assert_string_equal(buffer_string(&text), as);
	buffer_free(&text);
	model_free(model);
	networks_free(networks);
	free(found);
}

static void an_exec_is_its_program_and_its_owner(void **state)
{
	struct event event = event_of(EVENT_EXEC);

	(void)state;
	assert_behaves(&event, "exec /usr/sbin/nginx; owner /usr/sbin/nginx www-data");
	event.flags = EVENT_FLAG_EXISTING;
	assert_behaves(&event, "exec /usr/sbin/nginx; owner /usr/sbin/nginx www-data");
	event.program.text = "/srv/releases/42/x";
	assert_behaves(&event, "exec /srv/releases/*/x; owner /srv/releases/*/x www-data");
	event.program.text = "/x";
	event.effective_user = "";
	assert_behaves(&event, "exec /x; owner /x uid:33");
	event.euid = EVENT_NO_ID;
	assert_behaves(&event, "exec /x; owner /x ?");
}

static void a_set_id_exec_says_what_it_gained(void **state)
{
	struct event event = event_of(EVENT_EXEC);

	(void)state;
	event.program.text = "/x";
	event.flags = EVENT_FLAG_SETID;
	assert_behaves(&event, "exec /x; owner /x www-data; privilege /x capabilities");
	event.egid = 42;
	assert_behaves(&event, "exec /x; owner /x www-data; privilege /x group");
	event.euid = 0;
	event.effective_user = "root";
	assert_behaves(&event, "exec /x; owner /x root; privilege /x root");
	event.uid = 0;
	assert_behaves(&event, "exec /x; owner /x root");
	event.flags = 0;
	event.uid = event.uid_before = event.euid_before = 33;
	assert_behaves(&event, "exec /x; owner /x root; privilege /x root");
}

static void a_change_of_ids_is_an_owner_and_a_gain_a_privilege(void **state)
{
	struct event event = event_of(EVENT_PRIVILEGE);

	(void)state;
	event.program.text = "/x";
	event.uid_before = event.euid_before = 0;
	assert_behaves(&event, "owner /x www-data");
	event.uid = event.euid = 0;
	event.effective_user = "root";
	assert_behaves(&event, "owner /x root");
	event.uid_before = 33;
	assert_behaves(&event, "owner /x root");
	event.euid_before = 33;
	assert_behaves(&event, "owner /x root; privilege /x root");
	event.uid = event.euid = 33;
	event.effective_user = "www-data";
	event.capabilities = 1 << 12;
	assert_behaves(&event, "owner /x www-data; privilege /x capabilities");
	event.capabilities_before = 1 << 3;
	assert_behaves(&event, "owner /x www-data; privilege /x capabilities");
	event.capabilities_before = 1 << 12 | 1 << 3;
	assert_behaves(&event, "owner /x www-data");
}

static void connections_name_the_network_and_the_telling_port(void **state)
{
	struct event event = event_of(EVENT_CONNECT);

	(void)state;
	event.program.text = "/x";
	event.family = AF_INET;
	event.protocol = IPPROTO_TCP;
	event.local_port = 443;
	event.remote_port = 51234;
	(void)inet_pton(AF_INET, "127.0.0.1", event.local_address);
	(void)inet_pton(AF_INET, "8.8.8.8", event.remote_address);
	assert_behaves(&event, "connect /x tcp ephemeral internet");
	event.kind = EVENT_ACCEPT;
	assert_behaves(&event, "accept /x tcp 443 internet");
	event.kind = EVENT_LISTEN;
	assert_behaves(&event, "listen /x tcp 443 loopback");
	event.local_port = 50051;
	assert_behaves(&event, "listen /x tcp ephemeral loopback");
	event.flags = EVENT_FLAG_PORT_ASKED;
	assert_behaves(&event, "listen /x tcp 50051 loopback");
	event.local_port = 443;
	memset(event.local_address, 0, sizeof(event.local_address));
	event.family = AF_INET6;
	event.protocol = IPPROTO_UDP;
	assert_behaves(&event, "listen /x udp 443 any");
	event.protocol = 47;
	assert_behaves(&event, "listen /x 47 443 any");
	event.family = AF_UNIX;
	assert_behaves(&event, "");
}

static void raw_sockets_say_what_they_carry(void **state)
{
	struct event event = event_of(EVENT_RAW);

	(void)state;
	event.program.text = "/x";
	event.family = AF_PACKET;
	assert_behaves(&event, "raw /x packet");
	event.family = AF_INET;
	event.protocol = IPPROTO_ICMP;
	assert_behaves(&event, "raw /x ipv4 icmp");
	event.protocol = IPPROTO_ICMPV6;
	assert_behaves(&event, "raw /x ipv4 58");
	event.family = AF_INET6;
	assert_behaves(&event, "raw /x ipv6 icmp");
	event.protocol = 255;
	assert_behaves(&event, "raw /x ipv6 255");
}

static void a_changed_file_is_its_path_by_whatever_way(void **state)
{
	static const enum event_kind kinds[] = { EVENT_CREATE, EVENT_WRITE, EVENT_REMOVE, EVENT_ATTRIBUTES };
	struct event event = event_of(EVENT_WRITE);

	(void)state;
	event.program.text = "/x";
	event.path = "/srv/data/a b#(1)";
	for (size_t i = 0; i < LENGTH(kinds); i++) {
		event.kind = kinds[i];
		assert_behaves(&event, "write /x /srv/data/a\\x20b#\\x281\\x29");
	}
	event.path = "/srv/\x2a*\n/\xff\\dump-20261124.sql";
	assert_behaves(&event, "write /x /srv/\\x2a\\x2a\\x0a/\\xff\\\\dump-*.sql");
	event.path = "/tmp/tmp.AbCdEf1234";
	assert_behaves(&event, "write /x /tmp/tmp.*");
	event.path = "";
	assert_behaves(&event, "");
	event.path = "relative";
	assert_behaves(&event, "");
}

static void a_rename_is_both_of_its_paths(void **state)
{
	struct event event = event_of(EVENT_RENAME);

	(void)state;
	event.program.text = "/x";
	event.path = "/srv/new";
	event.path_before = "/srv/old";
	assert_behaves(&event, "write /x /srv/new; write /x /srv/old");
	event.path_before = "";
	assert_behaves(&event, "write /x /srv/new");
	event.path = "/srv/tmp.AbCdEf1234";
	event.path_before = "/srv/tmp.GhIjKl5678";
	assert_behaves(&event, "write /x /srv/tmp.*");
}

static void what_nobody_saw_done_is_nobodys_and_of_two_programs_the_events_own_counts(void **state)
{
	struct event event = event_of(EVENT_WRITE);

	(void)state;
	event.program.text = "/x";
	event.path = "/srv/a";
	event.flags = EVENT_FLAG_ACTOR_UNCERTAIN;
	event.other_program = "/y";
	assert_behaves(&event, "write /x /srv/a");
	event.flags = EVENT_FLAG_FOUND;
	assert_behaves(&event, "");
	event.flags = 0;
	event.context.kind = CONTEXT_SESSION;
	assert_behaves(&event, "");
}

static void a_path_that_is_too_long_is_cut_after_a_directory(void **state)
{
	static char path[5000], expected[BEHAVIOUR_OBJECT_MAX + 16];
	struct event event = event_of(EVENT_WRITE);

	(void)state;
	event.program.text = "/x";
	event.path = path;
	memset(path, 'a', sizeof(path) - 1);
	for (size_t i = 0; i < sizeof(path) - 1; i += 100)
		path[i] = '/';
	(void)snprintf(expected, sizeof(expected), "write /x %.501s", path);
	assert_behaves(&event, expected);
	memset(path, '\n', sizeof(path) - 1);
	path[0] = '/';
	assert_behaves(&event, "write /x /");
}

static void only_services_jobs_and_boot_are_modelled(void **state)
{
	struct event event = event_of(EVENT_EXEC);

	(void)state;
	for (unsigned kind = 0; kind < CONTEXT_KIND_COUNT; kind++) {
		bool modelled = kind == CONTEXT_BOOT || kind == CONTEXT_SERVICE || kind == CONTEXT_JOB;

		event.context.kind = kind;
		assert_behaves(&event, modelled ? "exec /usr/sbin/nginx; owner /usr/sbin/nginx www-data" : "");
	}
	event = event_of(EVENT_EXIT);
	assert_behaves(&event, "");
	event = event_of(EVENT_LOSS);
	assert_behaves(&event, "");
	event = event_of(EVENT_CONTEXT);
	assert_behaves(&event, "");
}

static void a_context_is_named_without_what_is_incidental(void **state)
{
	struct event event = event_of(EVENT_EXEC);
	struct networks *networks = networks_new();
	struct behaviours *found = malloc(sizeof(*found));

	(void)state;
	event.context.name = "app.3f2a9c1b77aa01.js";
	event.context.container = "0123456789ab";
	behaviours_of(&event, networks, found);
	assert_string_equal(found->item[0].context_name, "app.*.js");
	assert_true(found->item[0].in_container);
	event.context.name = "";
	event.context.container = "";
	behaviours_of(&event, networks, found);
	assert_string_equal(found->item[0].context_name, "?");
	assert_false(found->item[0].in_container);
	event.context.kind = CONTEXT_BOOT;
	event.context.name = "init";
	behaviours_of(&event, networks, found);
	assert_string_equal(found->item[0].context_name, "");
	networks_free(networks);
	free(found);
}

static void a_hostile_program_is_neither_a_pattern_nor_a_broken_line(void **state)
{
	static const struct {
		const char *text, *as;
	} rows[] = {
		{ "/srv/**", "exec /srv/\\x2a\\x2a; owner /srv/\\x2a\\x2a www-data" },
		{ "/a b", "exec /a\\x20b; owner /a\\x20b www-data" },
		{ "/a\n  exec /b", "exec /a\\x0a\\x20\\x20exec\\x20/b; owner /a\\x0a\\x20\\x20exec\\x20/b www-data" },
		{ "/\xff", "exec /\\xff; owner /\\xff www-data" },
		{ "/a\\q", "exec /a\\\\q; owner /a\\\\q www-data" },
		{ "/a\\x41", "exec /a\\\\x41; owner /a\\\\x41 www-data" },
		{ "/a\\x20", "exec /a\\x20; owner /a\\x20 www-data" },
		{ "/a)(", "exec /a\\x29\\x28; owner /a\\x29\\x28 www-data" },
		{ "/a(b)(c)", "exec /a\\x28b\\x29\\x28c\\x29; owner /a\\x28b\\x29\\x28c\\x29 www-data" },
		{ "/a(/*)", "exec /a(/\\x2a); owner /a(/\\x2a) www-data" },
		{ "", "exec ?; owner ? www-data" },
		{ "(-c)", "exec ?(-c); owner ?(-c) www-data" },
		{ "#x", "exec ?#x; owner ?#x www-data" },
		{ "nginx", "exec ?nginx; owner ?nginx www-data" },
	};
	struct event event = event_of(EVENT_EXEC);

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		event.program.text = rows[i].text;
		assert_behaves(&event, rows[i].as);
	}
	event.program.text = "/x";
	event.effective_user = "# a*\n";
	assert_behaves(&event, "exec /x; owner /x \\x23\\x20a\\x2a\\x0a");
}

static void any_event_gives_behaviours_that_a_model_takes(void **state)
{
	static const char bytes[] = "//abc(#!)*\\x20 \n\t\x7f\xc3\xa9\xff?.:0123456789";
	static char program[2 * BEHAVIOUR_PROGRAM_MAX], user[1500], name[1500], path[6000] = "/", before[6000] = "/";

	(void)state;
	for (int round = 0; round < 3000; round++) {
		bool large = round % 50 == 0;
		struct event event = event_of(1 + pick(EVENT_KIND_COUNT - 1));

		random_text(program, large ? sizeof(program) : 20, bytes);
		random_text(user, large ? sizeof(user) : 12, bytes);
		random_text(name, large ? sizeof(name) : 12, bytes);
		random_text(path + 1, large ? sizeof(path) - 1 : 30, bytes);
		random_text(before + 1, large ? sizeof(before) - 1 : 30, bytes);
		event.path = path + pick(2);
		event.path_before = before + pick(2);
		event.program.text = program;
		event.effective_user = user;
		event.context.name = name;
		event.context.kind = CONTEXT_BOOT + pick(3);
		event.family = (uint8_t)pick(20);
		event.protocol = (uint8_t)pick(256);
		event.local_port = (uint16_t)pick(65536);
		event.flags = pick(1 << EVENT_FLAG_COUNT);
		event.euid = pick(3);
		assert_behaves(&event, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exec_is_its_program_and_its_owner),
		cmocka_unit_test(a_set_id_exec_says_what_it_gained),
		cmocka_unit_test(a_change_of_ids_is_an_owner_and_a_gain_a_privilege),
		cmocka_unit_test(connections_name_the_network_and_the_telling_port),
		cmocka_unit_test(raw_sockets_say_what_they_carry),
		cmocka_unit_test(a_changed_file_is_its_path_by_whatever_way),
		cmocka_unit_test(a_rename_is_both_of_its_paths),
		cmocka_unit_test(what_nobody_saw_done_is_nobodys_and_of_two_programs_the_events_own_counts),
		cmocka_unit_test(a_path_that_is_too_long_is_cut_after_a_directory),
		cmocka_unit_test(only_services_jobs_and_boot_are_modelled),
		cmocka_unit_test(a_context_is_named_without_what_is_incidental),
		cmocka_unit_test(a_hostile_program_is_neither_a_pattern_nor_a_broken_line),
		cmocka_unit_test(any_event_gives_behaviours_that_a_model_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
