/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model_text.h"

/* ---- text ---- */

static const char canonical[] = "# sombrero model 1\n"
				"boot\n"
				"  listen   /sbin/dhclient  udp 68 any\n"
				"service nginx\n"
				"  accept   /usr/sbin/nginx  tcp 443 internet\n"
				"  connect  /usr/sbin/nginx  41 ephemeral db-1\n"
				"  exec     /usr/sbin/nginx\n"
				"  owner    /usr/sbin/nginx  www-data\n"
				"  privilege  /usr/sbin/nginx  root\n"
				"  raw      /usr/sbin/nginx  ipv4 icmp\n"
				"  raw      /usr/sbin/nginx  packet\n"
				"  write    /usr/sbin/nginx  /var/log/nginx/*.log\n"
				"service web in container\n"
				"  exec     /usr/bin/python3.11(/srv/app/app.py)\n"
				"job logrotate\n"
				"  exec     /usr/bin/gzip\n"
				"  write    **  none\n";

static void canonical_text_is_printed_as_it_was_read(void **state)
{
	struct model *model = parse(canonical);

	(void)state;
	assert_int_equal(model_size(model), 12);
	assert_prints(model, canonical);
	model_free(model);
}

static void blanks_order_comments_and_doubles_do_not_matter(void **state)
{
	struct model *model = parse("# sombrero model 1\n"
				    "# a comment\n"
				    "   # another\n"
				    "\n"
				    "job   logrotate  # the daily one\n"
				    " exec /usr/bin/gzip\n"
				    "  write   **   none\n"
				    "     exec      /usr/bin/gzip  # twice\n"
				    "service web   in   container\n"
				    "  exec /usr/bin/python3.11(/srv/app/app.py)\n"
				    "service nginx\n"
				    "  write /usr/sbin/nginx /var/log/nginx/*.log\n"
				    "  raw /usr/sbin/nginx packet\n"
				    "  raw /usr/sbin/nginx ipv4 icmp\n"
				    "  exec /usr/sbin/nginx\n"
				    "   \n"
				    "service empty\n"
				    "boot\n"
				    "  listen /sbin/dhclient   udp  68   any\n"
				    "service nginx\n"
				    "  privilege /usr/sbin/nginx root\n"
				    "  owner /usr/sbin/nginx www-data\n"
				    "  connect /usr/sbin/nginx 41 ephemeral db-1\n"
				    "  accept /usr/sbin/nginx tcp 443 internet");

	(void)state;
	assert_prints(model, canonical);
	model_free(model);
}

static void an_empty_model_is_its_title(void **state)
{
	struct model *model = parse("# sombrero model 1");

	(void)state;
	assert_int_equal(model_size(model), 0);
	assert_prints(model, "# sombrero model 1\n");
	model_free(model);
}

static void names_of_any_bytes_come_back(void **state)
{
	static const char *const names[] = {
		"a b", "#", "x in container", "new\nline", "\xff\xfe", "caf\xc3\xa9", "back\\slash",
		"(x)", "*", "\x1b[31m",       "?",         "\\x41",    "a  # b"
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		struct behaviour behaviour = behaviour_in(CONTEXT_SERVICE, names[i], BEHAVIOUR_EXEC, "/bin/x", "");
		struct model *model = model_new(), *again;
		struct buffer text;

		assert_int_equal(model_add(model, &behaviour, NULL), 1);
		text = print(model);
		again = parse(buffer_string(&text));
		assert_non_null(model_find(again, &behaviour));
		assert_same(model, again);
		buffer_free(&text);
		model_free(model);
		model_free(again);
	}
}

static const struct {
	const char *text, *error;
} error_rows[] = {
	{ "", "m:1:1: found the end of the line, expected the first line to be '# sombrero model 1'" },
	{ "service x\n", "m:1:1: found 'service x', expected the first line to be '# sombrero model 1'" },
	{ "# sombrero model 2\n",
	  "m:1:18: found '# sombrero model 2', expected version 1: a newer sombrero can read it" },
	{ "# sombrero model 1\r\n", "m:1:19: the line ends in CR LF, expected LF: save the file with Unix line ends" },
	{ SERVICE "  exec /x\r\n", "m:3:10: the line ends in CR LF, expected LF: save the file with Unix line ends" },
	{ SERVICE "\texec /x\n", "m:3:1: found a tab, expected blanks" },
	{ SERVICE "  exec /x\x01\n",
	  "m:3:10: found the byte \\x01, expected UTF-8 without control characters: write it so" },
	{ SERVICE "  exec /\xff\n",
	  "m:3:9: found the byte \\xff, expected UTF-8 without control characters: write it so" },
	{ SERVICE "# \xc2\x9b\n",
	  "m:3:3: found the byte \\xc2, expected UTF-8 without control characters: write it so" },
	{ HEAD "<<<<<<< HEAD\n", "m:2:1: found a conflict that git left, expected it to be resolved" },
	{ HEAD "session alice\n",
	  "m:2:1: found 'session', expected service, job or boot, or blanks before a behaviour" },
	{ HEAD "exec /bin/x\n", "m:2:1: found 'exec', expected service, job or boot, or blanks before a behaviour" },
	{ HEAD "service\n", "m:2:8: found the end of the line, expected a name" },
	{ HEAD "service x on host\n", "m:2:11: found 'on', expected 'in container' or the end of the line" },
	{ HEAD "service x in\n", "m:2:13: found the end of the line, expected 'container'" },
	{ HEAD "service x in host\n", "m:2:14: found 'host', expected 'container'" },
	{ HEAD "service x in container y\n", "m:2:24: found 'y', expected the end of the line" },
	{ HEAD "boot strap\n", "m:2:6: found 'strap', expected 'in container' or the end of the line" },
	{ HEAD "service a\\q\n",
	  "m:2:10: found 'a\\q', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ HEAD "service a\\x41\n",
	  "m:2:10: found 'a\\x41', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ HEAD "service a***\\q\n",
	  "m:2:13: found 'a***\\q', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ HEAD "service a(b\n", "m:2:10: found 'a(b', expected \\x23 for '#', \\x28 for '(', \\x29 for ')'" },
	{ HEAD "  exec /x\n", "m:2:3: found a behaviour without a context, expected a line 'service NAME', "
			      "'job NAME' or 'boot' before it" },
	{ SERVICE "  execute /x\n",
	  "m:3:3: found 'execute', expected accept, connect, exec, listen, owner, privilege, raw or write" },
	{ SERVICE "  exec\n", "m:3:7: found the end of the line, expected a program" },
	{ SERVICE "  exec  # none\n", "m:3:7: found the end of the line, expected a program" },
	{ SERVICE "  exec x\n", "m:3:8: found 'x', expected a program: an absolute path, memfd:NAME or a pattern" },
	{ SERVICE "  exec /x y\n", "m:3:11: found 'y', expected the end of the line" },
	{ SERVICE "  exec /x # y\n", "m:3:11: found '#', expected two blanks before a comment, or \\x23 for '#'" },
	{ SERVICE "  exec /a\\x2\n",
	  "m:3:10: found '/a\\x2', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ SERVICE "  exec /a\\x2F\n",
	  "m:3:10: found '/a\\x2F', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ SERVICE "  exec /a\\x00\n",
	  "m:3:10: found '/a\\x00', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ SERVICE "  exec /a***\n", "m:3:10: found '/a***', expected * or **" },
	{ SERVICE "  exec /a(b\n", "m:3:12: found '/a(b', expected ')' to close '('" },
	{ SERVICE "  exec /a)\n", "m:3:10: found '/a)', expected '(' before ')'" },
	{ SERVICE "  exec /a(b)c\n", "m:3:13: found '/a(b)c', expected the end of the program after ')'" },
	{ SERVICE "  exec /a(b(c)\n", "m:3:12: found '/a(b(c)', expected \\x28 for a parenthesis in a path" },
	{ SERVICE "  accept /x\n", "m:3:12: found the end of the line, expected tcp, udp, sctp, dccp or a "
				   "protocol's number (0 to 255)" },
	{ SERVICE "  accept /x  TCP 443 any\n",
	  "m:3:14: found 'TCP', expected tcp, udp, sctp, dccp or a protocol's number (0 to 255)" },
	{ SERVICE "  accept /x  256 443 any\n",
	  "m:3:14: found '256', expected tcp, udp, sctp, dccp or a protocol's number (0 to 255)" },
	{ SERVICE "  accept /x  6 443 any\n",
	  "m:3:14: found '6', expected the protocol's name: tcp, udp, sctp or dccp" },
	{ SERVICE "  accept /x  tcp\n",
	  "m:3:17: found the end of the line, expected a port (0 to 65535) or 'ephemeral'" },
	{ SERVICE "  accept /x  tcp   http any\n",
	  "m:3:20: found 'http', expected a port (0 to 65535) or 'ephemeral'" },
	{ SERVICE "  accept /x  tcp 0443 any\n", "m:3:18: found '0443', expected a port (0 to 65535) or 'ephemeral'" },
	{ SERVICE "  accept /x  tcp 65536 any\n",
	  "m:3:18: found '65536', expected a port (0 to 65535) or 'ephemeral'" },
	{ SERVICE "  connect /x  tcp 50051 any\n",
	  "m:3:19: found '50051', expected 'ephemeral': remote ports from 32768 on are not told apart" },
	{ SERVICE "  accept /x  tcp 443  # any\n",
	  "m:3:21: found the end of the line, expected a network's name (letters, digits, '-' and '_')" },
	{ SERVICE "  accept /x  tcp 443 10.0.0.0/8\n",
	  "m:3:22: found '10.0.0.0/8', expected a network's name (letters, digits, '-' and '_')" },
	{ SERVICE "  accept /x  tcp 443 any  now\n", "m:3:27: found 'now', expected the end of the line" },
	{ SERVICE "  owner /x\n", "m:3:11: found the end of the line, expected a user's name" },
	{ SERVICE "  owner /x root daemon\n", "m:3:17: found 'daemon', expected the end of the line" },
	{ SERVICE "  owner /x a\\\n",
	  "m:3:13: found 'a\\', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
	{ SERVICE "  privilege /x\n",
	  "m:3:15: found the end of the line, expected a user's name, 'capabilities' or 'group'" },
	{ SERVICE "  raw /x tcp\n", "m:3:10: found 'tcp', expected ipv4, ipv6 or packet" },
	{ SERVICE "  raw /x ipv4\n",
	  "m:3:14: found the end of the line, expected icmp or a protocol's number (0 to 255)" },
	{ SERVICE "  raw /x ipv4 1\n", "m:3:15: found '1', expected 'icmp' for that number" },
	{ SERVICE "  raw /x ipv6 58\n", "m:3:15: found '58', expected 'icmp' for that number" },
	{ SERVICE "  raw /x packet 1\n", "m:3:17: found '1', expected the end of the line" },
	{ SERVICE "  raw /x packet *\n", "m:3:17: found '*', expected the end of the line" },
	{ SERVICE "  write /x\n", "m:3:11: found the end of the line, expected an absolute path or 'none'" },
	{ SERVICE "  write /x srv/x\n", "m:3:12: found 'srv/x', expected an absolute path or 'none'" },
	{ SERVICE "  write /x **\n", "m:3:12: found '**', expected an absolute path or 'none'" },
	{ SERVICE "  write /x /a /b\n", "m:3:15: found '/b', expected the end of the line" },
	{ SERVICE "  write /x /a***\n", "m:3:14: found '/a***', expected * or **" },
	{ SERVICE "  write /x /a(b\n", "m:3:14: found '/a(b', expected \\x28 for '(', \\x29 for ')'" },
	{ SERVICE "  write /x /a\\x2F\n",
	  "m:3:14: found '/a\\x2F', expected \\\\ or \\xHH (in lower case, and only for what needs it)" },
};

static void every_error_says_where_and_what_was_expected(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(error_rows); i++) {
		struct error error = { "" };
		struct model *model = NULL;

		assert_int_equal(parse_exactly(error_rows[i].text, &model, &error), -EINVAL);
		assert_string_equal(error.text, error_rows[i].error);
		assert_null(model);
	}
}

static void too_long_is_an_error_not_a_cut(void **state)
{
	static char text[BEHAVIOUR_PROGRAM_MAX + 200];
	struct error error = { "" };
	struct model *model = NULL;
	(void)state;
	(void)snprintf(text, sizeof(text), HEAD "service %0512d\n", 0);
	assert_int_equal(parse_exactly(text, &model, &error), -EINVAL);
	assert_non_null(strstr(error.text, "…', expected a name of at most 511 bytes"));
	(void)snprintf(text, sizeof(text), SERVICE "  owner /x %0512d\n", 0);
	assert_int_equal(parse_exactly(text, &model, &error), -EINVAL);
	assert_non_null(strstr(error.text, "expected an object of at most 511 bytes"));
	(void)snprintf(text, sizeof(text), SERVICE "  exec /%0*d\n", BEHAVIOUR_PROGRAM_MAX - 1, 0);
	assert_int_equal(parse_exactly(text, &model, &error), -EINVAL);
	assert_non_null(strstr(error.text, "expected a shorter program"));
	assert_null(model);
}

/* ---- sets ---- */

/* A behaviour that a small random model may have; strings live as long as the process. */
static struct behaviour random_behaviour(void)
{
	static const char *const names[] = { "nginx", "web", "a b", "\x01", "é" };
	static const char *const programs[] = { "/bin/a", "/bin/b(-c)", "/srv/*/x", "/srv/**", "?", "memfd:x\\x20y" };
	static const char *const net[] = { "tcp 443 internet", "udp ephemeral any", "47 0 x_y", "tcp * private" };
	static const char *const users[] = { "root", "www-data", "uid:7", "a\\x20b" };
	static const char *const paths[] = { "/var/log/*.log", "/srv/**", "/a#\\x20\\x28b", "none" };
	static const char *const raws[] = { "packet", "ipv4 icmp", "ipv6 255", "*" };
	struct behaviour behaviour = {
		.context_kind = CONTEXT_BOOT + pick(3),
		.in_container = pick(2),
		.kind = pick(BEHAVIOUR_KIND_COUNT),
		.program = programs[pick(LENGTH(programs))],
		.object = net[pick(LENGTH(net))],
	};

	behaviour.context_name = behaviour.context_kind == CONTEXT_BOOT ? "" : names[pick(LENGTH(names))];
	if (behaviour.kind == BEHAVIOUR_EXEC)
		behaviour.object = "";
	if (behaviour.kind == BEHAVIOUR_OWNER || behaviour.kind == BEHAVIOUR_PRIVILEGE)
		behaviour.object = users[pick(LENGTH(users))];
	if (behaviour.kind == BEHAVIOUR_RAW)
		behaviour.object = raws[pick(LENGTH(raws))];
	if (behaviour.kind == BEHAVIOUR_WRITE)
		behaviour.object = paths[pick(LENGTH(paths))];
	return behaviour;
}

static struct model *random_model(void)
{
	struct model *model = model_new();

	for (unsigned left = pick(60); left; left--) {
		struct behaviour behaviour = random_behaviour();

		assert_in_range(model_add(model, &behaviour, NULL), 0, 1);
	}
	return model;
}

static void what_is_printed_reads_back_as_the_same_model(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct model *model = random_model(), *again;
		struct buffer text = print(model);

		again = parse(buffer_string(&text));
		assert_int_equal(model_size(again), model_size(model));
		assert_same(again, model);
		buffer_free(&text);
		model_free(model);
		model_free(again);
	}
}

static void merging_is_commutative_associative_and_idempotent(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct model *a = random_model(), *b = random_model(), *c = random_model();
		struct model *ab = merged(a, b), *ba = merged(b, a), *bc = merged(b, c), *aa = merged(a, a);
		struct model *ab_c = merged(ab, c), *a_bc = merged(a, bc);
		struct model *all[] = { a, b, c, ab, ba, bc, aa, ab_c, a_bc };

		assert_same(ab, ba);
		assert_same(ab_c, a_bc);
		assert_same(aa, a);
		assert_int_equal(model_merge(ab, ab), 0);
		assert_same(ab, ba);
		for (size_t i = 0; i < LENGTH(all); i++)
			model_free(all[i]);
	}
}

static void an_entry_is_found_counted_and_never_moves(void **state)
{
	struct behaviour first = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_EXEC, "/bin/first", ""), other;
	struct model_entry *entry = NULL, *again = NULL;
	struct model *model = model_new();
	char program[32];

	(void)state;
	assert_false(model_has_context(model, &first));
	assert_int_equal(model_add(model, &first, &entry), 1);
	entry->count = 7;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(program, sizeof(program), "/bin/%d", i);
		other = behaviour_in(CONTEXT_SERVICE, "x", BEHAVIOUR_EXEC, program, "");
		assert_int_equal(model_add(model, &other, NULL), 1);
	}
	assert_int_equal(model_add(model, &first, &again), 0);
	assert_ptr_equal(again, entry);
	assert_ptr_equal(model_find(model, &first), entry);
	assert_ptr_equal(model_match(model, &first), entry);
	assert_int_equal(entry->count, 7);
	assert_true(model_has_context(model, &first));
	first.in_container = true;
	assert_false(model_has_context(model, &first));
	assert_null(model_match(model, &first));
	model_free(model);
}

static void what_a_text_cannot_say_is_not_added(void **state)
{
	static char name[BEHAVIOUR_NAME_MAX + 1];
	const struct behaviour wrong[] = {
		behaviour_in(CONTEXT_SESSION, "alice", BEHAVIOUR_EXEC, "/x", ""),
		behaviour_in(CONTEXT_SERVICE, "", BEHAVIOUR_EXEC, "/x", ""),
		behaviour_in(CONTEXT_SERVICE, name, BEHAVIOUR_EXEC, "/x", ""),
		behaviour_in(CONTEXT_BOOT, "x", BEHAVIOUR_EXEC, "/x", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_KIND_COUNT, "/x", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_EXEC, "", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_EXEC, "#x", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_EXEC, "/a b", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_EXEC, "/a\nb", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_EXEC, "/x", "y"),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_OWNER, "/x", "#y"),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_OWNER, "/x", ""),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_ACCEPT, "/x", "tcp  443 any"),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_ACCEPT, "/x", "tcp 443 any "),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_ACCEPT, "/x", " tcp 443 any"),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_WRITE, "/x", "/a b"),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_WRITE, "/x", "/a\nb"),
		behaviour_in(CONTEXT_JOB, "x", BEHAVIOUR_WRITE, "/x", "nothing"),
	};
	struct model *model = model_new();

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	for (size_t i = 0; i < LENGTH(wrong); i++)
		assert_int_equal(model_add(model, &wrong[i], NULL), -EINVAL);
	assert_int_equal(model_size(model), 0);
	model_free(model);
}

static int note_context(void *owner, const struct behaviour *sample)
{
	struct buffer *out = owner;

	buffer_printf(out, "%s %s%s;", context_kind_name(sample->context_kind), sample->context_name,
		      sample->in_container ? " in" : "");
	return 0;
}

static int stop_at_second(void *owner, struct model_entry *entry)
{
	unsigned *count = owner;

	(void)entry;
	return ++*count == 2 ? -ECANCELED : 0;
}

static void walks_are_in_order_and_stop_when_told(void **state)
{
	struct model *model = parse(canonical);
	struct buffer out = BUFFER_INIT(1000);
	unsigned count = 0;

	(void)state;
	assert_int_equal(model_each_context(model, note_context, &out), 0);
	assert_string_equal(buffer_string(&out), "boot ;service nginx;service web in;job logrotate;");
	assert_int_equal(model_each(model, stop_at_second, &count), -ECANCELED);
	assert_int_equal(count, 2);
	buffer_free(&out);
	model_free(model);
}

static void printing_into_too_little_room_is_an_error(void **state)
{
	struct model *model = parse(canonical);
	struct buffer out = BUFFER_INIT(100);

	(void)state;
	assert_int_equal(model_print(model, &out), -ENOMEM);
	buffer_free(&out);
	model_free(model);
}

/* ---- networks ---- */

static const char *name_of(const struct networks *networks, const char *text)
{
	uint8_t address[16] = { 0 };
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, address), 1);
	return networks_name(networks, family, address);
}

static void addresses_are_called_by_their_network(void **state)
{
	static const struct {
		const char *address, *name;
	} rows[] = {
		{ "0.0.0.0", "any" },
		{ "0.0.0.1", "internet" },
		{ "127.0.0.1", "loopback" },
		{ "127.255.255.255", "loopback" },
		{ "128.0.0.0", "internet" },
		{ "10.1.2.3", "private" },
		{ "11.0.0.0", "internet" },
		{ "172.15.255.255", "internet" },
		{ "172.16.0.0", "private" },
		{ "172.31.255.255", "private" },
		{ "172.32.0.0", "internet" },
		{ "192.168.255.1", "private" },
		{ "192.169.0.0", "internet" },
		{ "100.64.0.1", "private" },
		{ "100.128.0.0", "internet" },
		{ "169.254.1.1", "link-local" },
		{ "169.254.169.254", "metadata" },
		{ "169.254.170.2", "metadata" },
		{ "100.100.100.200", "metadata" },
		{ "168.63.129.16", "metadata" },
		{ "224.0.0.1", "multicast" },
		{ "239.255.255.255", "multicast" },
		{ "240.0.0.1", "internet" },
		{ "255.255.255.255", "broadcast" },
		{ "192.0.2.1", "internet" },
		{ "8.8.8.8", "internet" },
		{ "::", "any" },
		{ "::1", "loopback" },
		{ "::2", "internet" },
		{ "fe80::1", "link-local" },
		{ "fec0::1", "internet" },
		{ "fd12:3456::1", "private" },
		{ "fd00:ec2::254", "metadata" },
		{ "fd00:ec2::253", "private" },
		{ "ff02::1", "multicast" },
		{ "2001:db8::1", "internet" },
		{ "::ffff:127.0.0.1", "loopback" },
		{ "::ffff:8.8.8.8", "internet" },
		{ "::ffff:169.254.169.254", "metadata" },
	};
	struct networks *networks = networks_new();

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		assert_string_equal(name_of(networks, rows[i].address), rows[i].name);
	assert_string_equal(networks_name(networks, AF_UNIX, (const uint8_t[16]) { 0 }), "unknown");
	networks_free(networks);
	networks_free(NULL);
}

static void the_longest_prefix_wins_and_a_users_over_a_builtin(void **state)
{
	struct networks *networks = networks_new();
	struct error error = { "" };

	(void)state;
	assert_int_equal(networks_add(networks, "office", "10.0.0.0/8", &error), 0);
	assert_int_equal(networks_add(networks, "db", "10.1.0.0/24", &error), 0);
	assert_int_equal(networks_add(networks, "db", "10.2.0.7", &error), 0);
	assert_int_equal(networks_add(networks, "db", "fd00:1::/32", &error), 0);
	assert_int_equal(networks_add(networks, "db", "10.1.0.0/24", &error), 0);
	assert_string_equal(name_of(networks, "10.9.9.9"), "office");
	assert_string_equal(name_of(networks, "10.1.0.255"), "db");
	assert_string_equal(name_of(networks, "10.1.1.0"), "office");
	assert_string_equal(name_of(networks, "10.2.0.7"), "db");
	assert_string_equal(name_of(networks, "10.2.0.8"), "office");
	assert_string_equal(name_of(networks, "fd00:1::9"), "db");
	assert_string_equal(name_of(networks, "fd00:2::9"), "private");
	assert_int_equal(networks_add(networks, "world", "0.0.0.0/0", &error), 0);
	assert_string_equal(name_of(networks, "8.8.8.8"), "world");
	networks_free(networks);
}

static void a_wrong_network_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *name, *cidr, *reason;
	} rows[] = {
		{ "", "10.0.0.0/8", "made of letters" },
		{ "a b", "10.0.0.0/8", "made of letters" },
		{ "a/b", "10.0.0.0/8", "made of letters" },
		{ "internet", "10.0.0.0/8", "built in" },
		{ "resolver", "10.0.0.0/8", "built in" },
		{ "unknown", "10.0.0.0/8", "built in" },
		{ "x", "", "no address" },
		{ "x", "10.0.0/8", "no address" },
		{ "x", "10.0.0.256", "no address" },
		{ "x", "example.org", "no address" },
		{ "x", "10.0.0.0/", "no number" },
		{ "x", "10.0.0.0/x", "no number" },
		{ "x", "10.0.0.0/-1", "no number" },
		{ "x", "10.0.0.0/08", "no number" },
		{ "x", "10.0.0.0/33", "above 32" },
		{ "x", "fd00::/129", "above 128" },
		{ "x", "10.0.0.1/8", "beyond its prefix" },
		{ "x", "::ffff:10.0.0.0/104", "write an IPv4 address" },
		{ "x", "192.0.2.0/24", "already called taken" },
	};
	struct networks *networks = networks_new();
	struct error error = { "" };

	(void)state;
	assert_int_equal(networks_add(networks, "taken", "192.0.2.0/24", NULL), 0);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_int_equal(networks_add(networks, rows[i].name, rows[i].cidr, &error), -EINVAL);
		if (!strstr(error.text, rows[i].reason))
			fail_msg("%s", error.text);
	}
	networks_free(networks);
}

/* ---- files ---- */

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/model_test.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

/* The files in the folder; removes them if told so. */
static unsigned files_in_folder(bool removes)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count++;
		if (removes)
			assert_int_equal(unlinkat(dirfd(directory), entry->d_name, 0), 0);
	}
	(void)closedir(directory);
	return count;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)files_in_folder(true);
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static void the_nameservers_of_a_resolv_conf_are_resolvers(void **state)
{
	struct networks *networks = networks_new();
	const char *path = in_folder("resolv.conf");

	(void)state;
	write_file(path, "# nameserver 9.9.9.9\n"
			 "search example.org\n"
			 "nameserver 127.0.0.53\n"
			 "nameserver\t10.0.0.2 # ours\n"
			 "nameserver fe80::1%eth0\r\n"
			 "nameserver 169.254.169.254\n"
			 "nameserver 10.5.0.1\n"
			 "nameserver not.an.address\n"
			 "nameserver\n"
			 "nameserver2 1.1.1.1\n"
			 "nameserver 2001:db8::53");
	assert_int_equal(networks_add(networks, "mine", "10.5.0.1", NULL), 0);
	networks_add_resolvers(networks, path);
	assert_string_equal(name_of(networks, "127.0.0.53"), "resolver");
	assert_string_equal(name_of(networks, "127.0.0.1"), "loopback");
	assert_string_equal(name_of(networks, "10.0.0.2"), "resolver");
	assert_string_equal(name_of(networks, "fe80::1"), "resolver");
	assert_string_equal(name_of(networks, "2001:db8::53"), "resolver");
	assert_string_equal(name_of(networks, "169.254.169.254"), "metadata");
	assert_string_equal(name_of(networks, "10.5.0.1"), "mine");
	assert_string_equal(name_of(networks, "9.9.9.9"), "internet");
	assert_string_equal(name_of(networks, "1.1.1.1"), "internet");
	networks_add_resolvers(networks, in_folder("missing"));
	networks_free(networks);
}

static void a_saved_model_loads_as_it_was(void **state)
{
	struct model *model = parse(canonical), *again = NULL;
	const char *path = in_folder("model");
	struct error error = { "" };
	struct stat status;

	(void)state;
	write_file(path, "old");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(model_save(model, path, &error), 0);
	assert_int_equal(model_load(path, &again, &error), 0);
	assert_same(model, again);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	assert_int_equal(files_in_folder(false), 1);
	model_free(model);
	model_free(again);
}

static void saving_follows_a_symbolic_link(void **state)
{
	struct model *model = parse(canonical), *again = NULL;
	struct stat status;
	char link[128];

	(void)state;
	(void)snprintf(link, sizeof(link), "%s", in_folder("link"));
	write_file(in_folder("target"), "old");
	assert_int_equal(symlink("target", link), 0);
	assert_int_equal(model_save(model, link, NULL), 0);
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(model_load(in_folder("target"), &again, NULL), 0);
	model_free(model);
	model_free(again);
}

static void a_save_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	struct rlimit before, small = { 64, 64 };
	struct model *model = parse(canonical), *old = NULL;
	const char *path = in_folder("model");
	struct error error = { "" };

	(void)state;
	write_file(path, "# sombrero model 1\njob old\n  exec     /old\n");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(model_save(model, path, &error), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(error.text, "/model: can't save the model: File too large"));
	assert_int_equal(files_in_folder(false), 1);
	assert_int_equal(model_load(path, &old, &error), 0);
	assert_prints(old, "# sombrero model 1\njob old\n  exec     /old\n");
	model_free(model);
	model_free(old);
}

static void saving_where_it_cannot_be_is_an_error(void **state)
{
	struct model *model = parse(canonical);
	struct error error = { "" };

	(void)state;
	assert_int_equal(model_save(model, in_folder("missing/model"), &error), -ENOENT);
	assert_non_null(strstr(error.text, "No such file or directory"));
	assert_int_equal(model_save(model, folder, &error), -EINVAL);
	assert_non_null(strstr(error.text, "not a regular file"));
	assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
	assert_int_equal(model_save(model, in_folder("pipe"), &error), -EINVAL);
	assert_int_equal(files_in_folder(false), 1);
	model_free(model);
}

static void loading_says_which_file_and_where(void **state)
{
	struct error error = { "" };
	struct model *model = NULL;

	(void)state;
	assert_int_equal(model_load(in_folder("missing"), &model, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/missing: can't read the model: No such file or directory"));
	assert_int_equal(model_load(folder, &model, &error), -EISDIR);
	write_file(in_folder("wrong"), "# sombrero model 1\nboat\n");
	assert_int_equal(model_load(in_folder("wrong"), &model, &error), -EINVAL);
	assert_non_null(strstr(error.text, "/wrong:2:1: found 'boat'"));
	assert_null(model);
}

#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text_is_printed_as_it_was_read),
		cmocka_unit_test(blanks_order_comments_and_doubles_do_not_matter),
		cmocka_unit_test(an_empty_model_is_its_title),
		cmocka_unit_test(names_of_any_bytes_come_back),
		cmocka_unit_test(every_error_says_where_and_what_was_expected),
		cmocka_unit_test(too_long_is_an_error_not_a_cut),
		cmocka_unit_test(what_is_printed_reads_back_as_the_same_model),
		cmocka_unit_test(merging_is_commutative_associative_and_idempotent),
		cmocka_unit_test(an_entry_is_found_counted_and_never_moves),
		cmocka_unit_test(what_a_text_cannot_say_is_not_added),
		cmocka_unit_test(walks_are_in_order_and_stop_when_told),
		cmocka_unit_test(printing_into_too_little_room_is_an_error),
		cmocka_unit_test(addresses_are_called_by_their_network),
		cmocka_unit_test(the_longest_prefix_wins_and_a_users_over_a_builtin),
		cmocka_unit_test(a_wrong_network_is_refused_with_a_reason),
		FILE_TEST(the_nameservers_of_a_resolv_conf_are_resolvers),
		FILE_TEST(a_saved_model_loads_as_it_was),
		FILE_TEST(saving_follows_a_symbolic_link),
		FILE_TEST(a_save_that_fails_leaves_the_old_file_and_nothing_else),
		FILE_TEST(saving_where_it_cannot_be_is_an_error),
		FILE_TEST(loading_says_which_file_and_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
