/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/model.h"
#include "model/normalise.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- what the tests share ---- */

/* xorshift64 (Marsaglia, 2003): the same numbers on every run. */
static uint64_t random_state = 88172645463325252ULL;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 16) % below;
}

/* From memory of exactly its size, without a NUL byte, so that ASan sees a read past the end. */
static int parse_exactly(const char *text, struct model **model, struct error *error)
{
	size_t size = strlen(text);
	char *copy = malloc(size + !size);
	int status;

	assert_non_null(copy);
	memcpy(copy, text, size); /* NOLINT(bugprone-not-null-terminated-result): that is what it is for */
	status = model_parse("m", copy, size, model, error);
	free(copy);
	return status;
}

static struct model *parse(const char *text)
{
	struct error error = { "" };
	struct model *model = NULL;

	if (parse_exactly(text, &model, &error))
		fail_msg("%s", error.text);
	return model;
}

static struct buffer print(struct model *model)
{
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);

	assert_int_equal(model_print(model, &out), 0);
	return out;
}

static void assert_prints(struct model *model, const char *text)
{
	struct buffer out = print(model);

	assert_string_equal(buffer_string(&out), text);
	buffer_free(&out);
}

static void assert_same(struct model *one, struct model *other)
{
	struct buffer out = print(other);

	assert_prints(one, buffer_string(&out));
	buffer_free(&out);
}

static struct behaviour behaviour_in(enum context_kind kind, const char *name, enum behaviour_kind what,
				     const char *program, const char *object)
{
	return (struct behaviour) {
		.context_kind = kind, .context_name = name, .kind = what, .program = program, .object = object
	};
}

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

#define HEAD    "# sombrero model 1\n"
#define SERVICE HEAD "service x\n"

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

static struct model *merged(const struct model *one, const struct model *other)
{
	struct model *model = model_new();

	assert_int_equal(model_merge(model, one), 0);
	assert_int_equal(model_merge(model, other), 0);
	return model;
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

/* ---- patterns ---- */

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

static void random_text(char *out, unsigned size, const char *from)
{
	unsigned used = 1 + pick(size - 2);

	for (unsigned i = 0; i < used; i++)
		out[i] = from[pick((unsigned)strlen(from))];
	out[used] = '\0';
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

/* ---- folding ---- */

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

/* ---- normalising ---- */

static const struct {
	const char *path, *normal; /* NULL: stays */
} path_rows[] = {
	/* uuids */
	{ "/var/lib/x/3f2a9c1b-77aa-4e01-8899-aabbccddeeff", "/var/lib/x/*" },
	{ "/var/lib/x/3F2A9C1B-77AA-4E01-8899-AABBCCDDEEFF/run.sh", "/var/lib/x/*/run.sh" },
	{ "/x/docker-3f2a9c1b-77aa-4e01-8899-aabbccddeeff.scope", "/x/docker-*.scope" },
	{ "/x/3f2a9c1b-77aa-4e01-8899-aabbccddeef", NULL },
	/* hashes */
	{ "/srv/app/app.3f2a9c1b77aa01.js", "/srv/app/app.*.js" },
	{ "/srv/app/3f2a9c1b77aa", "/srv/app/*" },
	{ "/srv/app/3f2a9c1b77a", NULL },
	{ "/srv/app/cafebabecafe", NULL },
	{ "/x/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope", "/x/docker-*.scope" },
	{ "/x/sha256:0123456789abcdef0123456789abcdef", "/x/sha256:*" },
	{ "/x/app3f2a9c1b77aa01", NULL },
	{ "/x/123456789012", "/x/*" },
	/* pids */
	{ "/proc/1234/exe", "/proc/*/exe" },
	{ "/proc/1/task/22/comm", "/proc/*/task/*/comm" },
	{ "/proc/self/exe", NULL },
	{ "/proc/sys/net/ipv4/ip_forward", NULL },
	{ "/run/1234", NULL },
	{ "/srv/proc/1234", NULL },
	/* releases */
	{ "/srv/app/releases/42/bin/run", "/srv/app/releases/*/bin/run" },
	{ "/srv/app/releases/20261124113546/bin/run", "/srv/app/releases/*/bin/run" },
	{ "/srv/app/releases/20261124-113546-3f2a9c1/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/2026-11-24/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/3f2a9c1/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/abc4567/run", "/srv/app/releases/*/run" },
	{ "/srv/app/versions/7/run", "/srv/app/versions/*/run" },
	{ "/srv/app/deploys/1700000000/run", "/srv/app/deploys/*/run" },
	{ "/srv/app/releases/current/run", NULL },
	{ "/srv/app/releases/1.2.3/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/v42/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/v1.2.3-rc1/run", "/srv/app/releases/*/run" },
	{ "/srv/app/releases/1.2.3-beta.2/run", "/srv/app/releases/*/run" },
	{ "/srv/app/deploys/2.0-3f2a9c1/run", "/srv/app/deploys/*/run" },
	{ "/srv/app/releases/beta/run", NULL },
	{ "/srv/app/releases/v/run", NULL },
	{ "/srv/app/releases/1.2./run", NULL },
	{ "/srv/app/releases/.1/run", NULL },
	{ "/srv/app/releases/1.2.3-evil/run", NULL },
	{ "/srv/app/releases/.../run", NULL },
	{ "/srv/app/versions/1.2.3/run", NULL },
	{ "/srv/app/versions/v42/run", NULL },
	{ "/srv/app/releases/defaced/run", NULL },
	{ "/home/a/.pyenv/versions/3.11.4/bin/python", NULL },
	{ "/home/a/.nvm/versions/node/v18.19.0/bin/node", NULL },
	{ "/snap/amazon-ssm-agent/7628/amazon-ssm-agent", "/snap/amazon-ssm-agent/*/amazon-ssm-agent" },
	{ "/snap/amazon-ssm-agent/current/amazon-ssm-agent", NULL },
	/* dates */
	{ "/var/backups/db-2026-11-24.sql.gz", "/var/backups/db-*.sql.gz" },
	{ "/var/backups/db_2026_11_24.sql", "/var/backups/db_*.sql" },
	{ "/var/backups/db-20261124.sql", "/var/backups/db-*.sql" },
	{ "/var/backups/dump20261124.sql", "/var/backups/dump*.sql" },
	{ "/var/backups/db-20261124T113546Z.sql", "/var/backups/db-*.sql" },
	{ "/var/backups/db-2026-11-24T11:35:46.123+00:00.sql", "/var/backups/db-*.sql" },
	{ "/var/backups/db-2026-11-24_11-35-46.tar.gz", "/var/backups/db-*.tar.gz" },
	{ "/var/log/access.log-20261124.gz", "/var/log/access.log-*.gz" },
	{ "/var/log/access.log.20261124", "/var/log/access.log.*" },
	{ "/root/.ansible/tmp/ansible-tmp-1700000000.123-4567-890123456789/AnsiballZ_command.py",
	  "/root/.ansible/tmp/ansible-tmp-*/AnsiballZ_command.py" },
	{ "/x/db-20261324.sql", NULL },
	{ "/x/db-2026-11-32.sql", NULL },
	{ "/x/yt-dlp-2023.07.06", NULL },
	{ "/x/12345678", NULL },
	/* temporary names */
	{ "/x/tmp.AbCdEf1234", "/x/tmp.*" },
	{ "/x/tmp.Ab3Def.sh", "/x/tmp.*.sh" },
	{ "/x/tmp.ci", NULL },
	{ "/x/tmp.config", NULL },
	{ "/x/apt-dpkg-install-Ab12Cd", "/x/apt-dpkg-install-*" },
	{ "/x/apt-dpkg-install-Ab12Cd/00-x_1.2.3_amd64.deb", "/x/apt-dpkg-install-*/00-x_1.2.3_amd64.deb" },
	{ "/etc/sedAbC12d", "/etc/sed*" },
	{ "/x/tmpx8k2j_9q/setup.py", "/x/tmp*/setup.py" },
	{ "/x/tmpx8k2j_9q.csv.gz", "/x/tmp*.csv.gz" },
	{ "/x/tmpgltsfacf", NULL },
	{ "/x/tmpfiles.d", NULL },
	{ "/x/3f2a9c1b", NULL },
	{ "/x/.file.txt.aB3dE9", "/x/.file.txt.*" },
	{ "/x/file-XyZ123", "/x/file-*" },
	{ "/x/file.a1b2c3", "/x/file.*" },
	{ "/x/systemd-private-0123456789abcdef0123456789abcdef-nginx.service-aB3dE9",
	  "/x/systemd-private-*-nginx.service-*" },
	/* what stays */
	{ "/usr/bin/python3.11", NULL },
	{ "/usr/sbin/php8.2-fpm", NULL },
	{ "/usr/sbin/php-fpm8.2", NULL },
	{ "/usr/lib/postgresql/15/bin/postgres", NULL },
	{ "/usr/lib/jvm/java-17-openjdk-amd64/bin/java", NULL },
	{ "/opt/jdk-17.0.9+9/bin/java", NULL },
	{ "/usr/lib/x86_64-linux-gnu/libssl.so.1.1", NULL },
	{ "/usr/lib/modules/6.1.0-18-amd64/kernel/x.ko", NULL },
	{ "/usr/lib/gcc/x86_64-linux-gnu/12/cc1", NULL },
	{ "/usr/bin/ruby2.7", NULL },
	{ "/usr/bin/clang-14", NULL },
	{ "/usr/bin/e2fsck", NULL },
	{ "/usr/bin/sha256sum", NULL },
	{ "/usr/bin/base64", NULL },
	{ "/usr/bin/7z", NULL },
	{ "/x/sums.sha256", NULL },
	{ "/x/data.base64", NULL },
	{ "/x/pic.sqlite3", NULL },
	{ "/x/README", NULL },
	{ "/x/org.GitHub", NULL },
	{ "/x/lib-WebKit.so", NULL },
	{ "/x/NetworkManager", NULL },
	{ "/x/PackageKit-Daemon", NULL },
	{ "/opt/app-1.2.3/bin/run", NULL },
	{ "/etc/cron.daily/apt-compat", NULL },
	{ "/usr/lib/update-notifier/update-motd-updates-available", NULL },
	/* escapes and what is beyond ASCII are whole */
	{ "/x/a\\x203f2a9c1b77aa01", "/x/a\\x20*" },
	{ "/x/\\x2a\\\\x", NULL },
	{ "/x/caf\xc3\xa9", NULL },
	/* no path */
	{ "", NULL },
	{ "/", NULL },
	{ "//x//", NULL },
	{ "app.3f2a9c1b77aa01.js", "app.*.js" },
};

static void paths_lose_what_is_incidental_and_nothing_else(void **state)
{
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(path_rows); i++) {
		normalise_path(path_rows[i].path, out, sizeof(out));
		assert_string_equal(out, path_rows[i].normal ? path_rows[i].normal : path_rows[i].path);
	}
}

static void files_that_are_written_lose_their_numbers_too(void **state)
{
	static const struct {
		const char *path, *normal; /* NULL: stays */
	} rows[] = {
		/* what every path loses */
		{ "/var/backups/db-2026-11-24.sql.gz", "/var/backups/db-*.sql.gz" },
		{ "/srv/releases/42/x", "/srv/releases/*/x" },
		/* which rotation, which one of many */
		{ "/var/log/nginx/access.log.1", "/var/log/nginx/access.log.*" },
		{ "/var/log/nginx/access.log.10.gz", "/var/log/nginx/access.log.*.gz" },
		{ "/var/log/syslog.2", "/var/log/syslog.*" },
		{ "/var/lib/redis/appendonly.aof.39.base.rdb", "/var/lib/redis/appendonly.aof.*.base.rdb" },
		{ "/var/lib/redis/temp-rewriteaof-bg-441.aof", "/var/lib/redis/temp-rewriteaof-bg-*.aof" },
		{ "/srv/app/.config.tmp.77", "/srv/app/.config.tmp.*" },
		{ "/srv/app/template-2.html", NULL },
		{ "/var/lib/mysql/mysql-bin.000012", "/var/lib/mysql/mysql-bin.*" },
		{ "/x/temp-4711.rdb", "/x/temp-*.rdb" },
		{ "/x/1774567890123456789.204.eml", "/x/*.*.eml" },
		{ "/x/new/20270331.12.mail", "/x/new/*.mail" },
		{ "/x/part-00001.parquet", "/x/part-*.parquet" },
		{ "/x/invoice4711001.pdf", "/x/invoice*.pdf" },
		{ "/var/lib/postgresql/15/main/base/16384/2619_vm", "/var/lib/postgresql/15/main/base/*/*_vm" },
		/* months, weeks, dates with dots, directories by date */
		{ "/x/report-2027-03.csv", "/x/report-*.csv" },
		{ "/x/report-2027_03.csv.gz", "/x/report-*.csv.gz" },
		{ "/x/2027-W12.csv", "/x/*.csv" },
		{ "/x/week2027-w12.csv", "/x/week*.csv" },
		{ "/x/index-2027.03.31", "/x/index-*" },
		{ "/srv/uploads/2027/03/cat.jpg", "/srv/uploads/*/*/cat.jpg" },
		{ "/srv/in/2027/03/31/08/42/x", "/srv/in/*/*/*/*/42/x" },
		{ "/srv/42/03/x", NULL },
		/* random names, also those without a digit */
		{ "/x/tmpgltsfacf.csv.gz", "/x/tmp*.csv.gz" },
		{ "/x/tmpkrl5_cg2", "/x/tmp*" },
		{ "/x/tmpfiles.d", NULL },
		{ "/x/sess_4h2k9d8s7f6g5h4j3k2l1m0n9p", "/x/sess_*" },
		{ "/x/sess_fodhaffd6krlsahjveosllrfke", "/x/sess_*" },
		{ "/x/V1StGXR8Z5jdHi6B.bin", "/x/*.bin" },
		{ "/x/3f2a9c1b", "/x/*" },
		{ "/x/utf8mb4", NULL },
		{ "/x/GitHubDesktop.log", NULL },
		/* versions, libraries, few digits */
		{ "/usr/lib/libssl.so.3", NULL },
		{ "/usr/lib/libssl.so.1.1", NULL },
		{ "/x/app-1.2.3.tar.gz", NULL },
		{ "/x/python3.11", NULL },
		{ "/x/cert12.pem", NULL },
		{ "/x/worker-3.log", NULL },
		{ "/x/rfc2822.txt", NULL },
		{ "/x/report-2027-13.csv", "/x/report-*-13.csv" },
		{ "/x/.1", NULL },
		{ "/x/a.1.", NULL },
		{ "", NULL },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_file(rows[i].path, "", out, sizeof(out));
		assert_string_equal(out, rows[i].normal ? rows[i].normal : rows[i].path);
	}
	normalise_file("/x", "", out, 0);
}

static void files_that_are_written_lose_the_hosts_name(void **state)
{
	static const struct {
		const char *host, *path, *normal; /* NULL: stays */
	} rows[] = {
		{ "web-17", "/var/backups/web-17.tar.gz", "/var/backups/*.tar.gz" },
		{ "web-17", "/var/lib/mysql/web-17-bin.index", "/var/lib/mysql/*-bin.index" },
		{ "web-17", "/srv/rabbit@web-17/x", "/srv/rabbit@*/x" },
		{ "web-17.example.org", "/srv/web-17.example.org.pem", "/srv/*.pem" },
		{ "web-17.example.org", "/srv/backup-web-17.tar", "/srv/backup-*.tar" },
		{ "mail-prod", "/srv/mail-prod.log", "/srv/*.log" },
		{ "web-17", "/srv/web-171/x", NULL },
		{ "web-17", "/srv/aweb-17/x", NULL },
		/* a mere word, or too short to be told from one */
		{ "web", "/srv/web/x", NULL },
		{ "db1", "/srv/db1/x", NULL },
		{ "we/b-17", "/srv/we/b-17", NULL },
		{ "", "/srv/x", NULL },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_file(rows[i].path, rows[i].host, out, sizeof(out));
		assert_string_equal(out, rows[i].normal ? rows[i].normal : rows[i].path);
	}
}

static void programs_keep_their_class_and_exact_names_where_anyone_may_write(void **state)
{
	static const struct {
		const char *text, *normal; /* NULL: stays */
	} rows[] = {
		{ "/srv/app/releases/42/run", "/srv/app/releases/*/run" },
		{ "/usr/bin/python3.11(/srv/app/releases/42/app.py)",
		  "/usr/bin/python3.11(/srv/app/releases/*/app.py)" },
		{ "/bin/sh(#!/srv/releases/42/x)", "/bin/sh(#!/srv/releases/*/x)" },
		{ "/lib/ld.so(ld.so:/srv/releases/42/x)", "/lib/ld.so(ld.so:/srv/releases/*/x)" },
		{ "/bin/sh(-c)", NULL },
		{ "/usr/bin/python3(-m:http20261124)", NULL },
		{ "/bin/sh(stdin)", NULL },
		{ "/bin/sh(?)", NULL },
		{ "/tmp/3f2a9c1b77aa01", NULL },
		{ "/var/tmp/tmp.AbCdEf1234/x", NULL },
		{ "/dev/shm/3f2a9c1b77aa01", NULL },
		{ "/run/user/1000/3f2a9c1b77aa01", NULL },
		{ "/bin/sh(/tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(#!/tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(/srv/../tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(//tmp/tmp.AbCdEf1234)", NULL },
		{ "/bin/sh(/./tmp/tmp.AbCdEf1234)", NULL },
		{ "memfd:3f2a9c1b77aa01", NULL },
		{ "/tmpx/3f2a9c1b77aa01", "/tmpx/*" },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_program(rows[i].text, out, sizeof(out));
		assert_string_equal(out, rows[i].normal ? rows[i].normal : rows[i].text);
	}
}

static void what_does_not_fit_is_cut_where_no_program_ends(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *cut;
	} rows[] = {
		{ "/usr/bin/x", 11, "/usr/bin/x" },
		{ "/usr/bin/x", 10, "/usr/bin/" },
		{ "/usr/bin/x", 9, "/usr/" },
		{ "/usr/bin/x", 2, "/" },
		{ "/usr/bin/x", 1, "" },
		{ "/bin/sh(/srv/x)", 16, "/bin/sh(/srv/x)" },
		{ "/bin/sh(/srv/x)", 15, "/bin/sh(/srv/)" },
		{ "/bin/sh(/srv/x)", 14, "/bin/sh(/)" },
		{ "/bin/sh(/srv/x)", 11, "/bin/sh(/)" },
		{ "/bin/sh(/srv/x)", 10, "/bin/" },
		{ "/bin/sh(-c)", 12, "/bin/sh(-c)" },
		{ "/bin/sh(-c)", 11, "/bin/" },
		{ "/bin/sh(-c)", 9, "/bin/" },
		{ "/bin/sh(-c)", 8, "/bin/" },
		{ "memfd:x", 4, "" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		memset(out, '!', sizeof(out));
		normalise_program(rows[i].text, out, rows[i].size);
		assert_string_equal(out, rows[i].cut);
		assert_int_equal(out[rows[i].size], '!');
	}
	normalise_program("/x", out, 0);
	normalise_path("/x", out, 0);
	normalise_port(1, out, 0);
}

static void normalising_twice_changes_nothing(void **state)
{
	static const char *const pieces[] = { "20261124",   "2026-11-24", "T113546Z", "3f2a9c1b77aa01",
					      "tmp",        "sed",        "aB3dE9",   "/",
					      "/",          ".",          "-",        "_",
					      "*",          "\\x20",      "releases", "proc",
					      "1",          "42",         "abc",      ".js",
					      "(",          ")",          "#!",       ":",
					      "1700000000", "\xc3\xa9",   "Z",        "\\",
					      "x",          "A",          "9",        "f",
					      "1234567",    "/tmp/",      "..",       "2027",
					      "03",         "-W12",       ".log.1",   ".so",
					      "aB3dE9-1" };
	struct buffer built = BUFFER_INIT(1000);
	char once[256], twice[256];
	const char *text;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t size = round % 3 ? sizeof(once) : 1 + pick(60);

		buffer_clear(&built);
		for (unsigned left = 1 + pick(12); left; left--)
			buffer_text(&built, pieces[pick(LENGTH(pieces))]);
		text = buffer_string(&built);
		normalise_path(text, once, size);
		normalise_path(once, twice, size);
		assert_string_equal(once, twice);
		assert_true(strlen(once) <= strlen(text));
		normalise_file(text, "aB3dE9-1", once, size);
		normalise_file(once, "aB3dE9-1", twice, size);
		assert_string_equal(once, twice);
		assert_true(strlen(once) <= strlen(text));
		normalise_program(text, once, size);
		normalise_program(once, twice, size);
		assert_string_equal(once, twice);
		assert_true(strlen(once) <= strlen(text));
		if (!strstr(text, "**"))
			assert_null(strstr(once, "**"));
	}
	buffer_free(&built);
}

static void ports_from_32768_on_are_ephemeral(void **state)
{
	static const struct {
		uint16_t port;
		const char *text;
	} rows[] = { { 0, "0" },
		     { 7, "7" },
		     { 443, "443" },
		     { 32767, "32767" },
		     { 32768, "ephemeral" },
		     { 65535, "ephemeral" } };
	char out[16];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		normalise_port(rows[i].port, out, sizeof(out));
		assert_string_equal(out, rows[i].text);
	}
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

/* ---- behaviours of events ---- */

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
		cmocka_unit_test(patterns_cover_what_the_manual_says),
		cmocka_unit_test(object_patterns_stay_within_their_word),
		cmocka_unit_test(the_exact_line_wins_over_a_pattern_and_the_first_over_a_later),
		cmocka_unit_test(matching_agrees_with_trying_everything),
		cmocka_unit_test(patterns_of_paths_cover_what_was_written),
		cmocka_unit_test(writes_are_judged_where_the_model_says_what_is_written),
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
		cmocka_unit_test(a_hostile_text_cannot_make_matching_slow),
		cmocka_unit_test(paths_lose_what_is_incidental_and_nothing_else),
		cmocka_unit_test(programs_keep_their_class_and_exact_names_where_anyone_may_write),
		cmocka_unit_test(what_does_not_fit_is_cut_where_no_program_ends),
		cmocka_unit_test(files_that_are_written_lose_their_numbers_too),
		cmocka_unit_test(files_that_are_written_lose_the_hosts_name),
		cmocka_unit_test(normalising_twice_changes_nothing),
		cmocka_unit_test(ports_from_32768_on_are_ephemeral),
		cmocka_unit_test(addresses_are_called_by_their_network),
		cmocka_unit_test(the_longest_prefix_wins_and_a_users_over_a_builtin),
		cmocka_unit_test(a_wrong_network_is_refused_with_a_reason),
		FILE_TEST(the_nameservers_of_a_resolv_conf_are_resolvers),
		FILE_TEST(a_saved_model_loads_as_it_was),
		FILE_TEST(saving_follows_a_symbolic_link),
		FILE_TEST(a_save_that_fails_leaves_the_old_file_and_nothing_else),
		FILE_TEST(saving_where_it_cannot_be_is_an_error),
		FILE_TEST(loading_says_which_file_and_where),
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
