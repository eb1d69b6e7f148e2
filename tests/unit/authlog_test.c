/* SPDX-License-Identifier: Apache-2.0 */
/* What lines of authentication logs say of logins, and what nobody can make them say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sensor/authlog_source.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define KEY           "SHA256:0mdFC20LuUW25Yu1ZiLmjuFWA19vFEtWGkV1p3kOWEA"
#define OTHER_KEY     "SHA256:zzzzC20LuUW25Yu1ZiLmjuFWA19vFEtWGkV1p3kOWEA"

/* What is expected of a line; 0 and NULL: nothing of the kind. */
struct expected {
	const char *line;
	enum authlog_kind kind;
	const char *user, *address;
	uint16_t port;
	const char *method, *key, *certificate;
};

static const char *text(const char *maybe)
{
	return maybe ? maybe : "";
}

static void assert_address(const struct authlog_entry *entry, const char *expected)
{
	char name[INET6_ADDRSTRLEN] = "";

	if (entry->family)
		assert_non_null(inet_ntop(entry->family, entry->address, name, sizeof(name)));
	assert_string_equal(name, text(expected));
}

static void assert_entry(const struct authlog_entry *entry, const struct expected *expected)
{
	assert_int_equal(entry->kind, expected->kind);
	assert_string_equal(entry->user, text(expected->user));
	assert_address(entry, expected->address);
	assert_int_equal(entry->port, expected->port);
	assert_string_equal(entry->method, text(expected->method));
	assert_string_equal(entry->key, text(expected->key));
	assert_string_equal(entry->certificate, text(expected->certificate));
}

/* On the heap and not ended, so that a sanitizer sees what is read behind it. */
static char *copy_of(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, text, size); /* NOLINT(bugprone-not-null-terminated-result): that is what it is for */
	return copy;
}

static bool parse_message(const char *program, const char *message, struct authlog_entry *out)
{
	size_t size = strlen(message);
	char *copy = copy_of(message, size);
	bool found = authlog_parse_message(program, 1, copy, size, out);

	free(copy);
	return found;
}

static bool parse_line(const char *line, struct authlog_entry *out)
{
	size_t size = strlen(line);
	char *copy = copy_of(line, size);
	bool found = authlog_parse_line(copy, size, out);

	free(copy);
	return found;
}

static void assert_sshd_says(const struct expected *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct authlog_entry entry;

		if (!parse_message("sshd", expected[i].line, &entry))
			fail_msg("says nothing: %s", expected[i].line);
		assert_entry(&entry, &expected[i]);
		assert_string_equal(entry.service, "sshd");
	}
}

static void sshd_says_whom_it_let_in_and_by_what(void **state)
{
	static const struct expected lines[] = {
		{ "Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: ED25519 " KEY, AUTHLOG_ACCEPTED,
		  "alice", "192.0.2.7", 50022, "publickey", KEY, NULL },
		{ "Accepted publickey for deploy from 2001:db8::7 port 1 ssh2: ED25519-CERT " KEY
		  " ID ci deploy 42 (serial 0) CA ED25519 " OTHER_KEY,
		  AUTHLOG_ACCEPTED, "deploy", "2001:db8::7", 1, "publickey", KEY, "ci deploy 42" },
		{ "Accepted publickey for root from fe80::1%eth0 port 65535 ssh2: RSA " KEY, AUTHLOG_ACCEPTED, "root",
		  "fe80::1", 65535, "publickey", KEY, NULL },
		{ "Accepted password for bob from ::ffff:192.0.2.8 port 4 ssh2", AUTHLOG_ACCEPTED, "bob", "192.0.2.8",
		  4, "password", NULL, NULL },
		{ "Accepted keyboard-interactive/pam for bob from 192.0.2.8 port 4 ssh2", AUTHLOG_ACCEPTED, "bob",
		  "192.0.2.8", 4, "keyboard-interactive/pam", NULL, NULL },
		{ "Accepted hostbased for bob from 192.0.2.8 port 4 ssh2: RSA " KEY
		  ", client user \"x\", client host \"y\"",
		  AUTHLOG_ACCEPTED, "bob", "192.0.2.8", 4, "hostbased", KEY, NULL },
		{ "Accepted gssapi-with-mic for bob from 192.0.2.8 port 4 ssh2: bob@EXAMPLE.ORG", AUTHLOG_ACCEPTED,
		  "bob", "192.0.2.8", 4, "gssapi-with-mic", NULL, NULL },
		{ "Accepted publickey for bob from UNKNOWN port 65535 ssh2: RSA " KEY, AUTHLOG_ACCEPTED, "bob", NULL,
		  65535, "publickey", KEY, NULL },
	};

	(void)state;
	assert_sshd_says(lines, LENGTH(lines));
}

static void sshd_says_who_failed(void **state)
{
	static const struct expected lines[] = {
		{ "Failed password for alice from 192.0.2.7 port 5 ssh2", AUTHLOG_FAILED, "alice", "192.0.2.7", 5,
		  "password", NULL, NULL },
		{ "Failed password for invalid user oracle from 192.0.2.7 port 5 ssh2", AUTHLOG_FAILED, "oracle",
		  "192.0.2.7", 5, "password", NULL, NULL },
		{ "Failed password for invalid user  from 192.0.2.7 port 5 ssh2", AUTHLOG_FAILED, "", "192.0.2.7", 5,
		  "password", NULL, NULL },
		{ "Failed publickey for alice from 192.0.2.7 port 5 ssh2: RSA " KEY, AUTHLOG_PROBED, "alice",
		  "192.0.2.7", 5, "publickey", KEY, NULL },
		{ "Failed none for invalid user x from 192.0.2.7 port 5 ssh2", AUTHLOG_PROBED, "x", "192.0.2.7", 5,
		  "none", NULL, NULL },
		{ "Invalid user oracle from 192.0.2.7 port 5", AUTHLOG_PROBED, "oracle", "192.0.2.7", 5, NULL, NULL,
		  NULL },
		{ "Connection closed by authenticating user root 192.0.2.7 port 5 [preauth]", AUTHLOG_GAVE_UP, "root",
		  "192.0.2.7", 5, NULL, NULL, NULL },
		{ "Connection reset by invalid user a b 192.0.2.7 port 5 [preauth]", AUTHLOG_GAVE_UP, "a b",
		  "192.0.2.7", 5, NULL, NULL, NULL },
		{ "Disconnecting authenticating user root 192.0.2.7 port 5: Too many authentication failures [preauth]",
		  AUTHLOG_GAVE_UP, "root", "192.0.2.7", 5, NULL, NULL, NULL },
		{ "error: maximum authentication attempts exceeded for invalid user x from 192.0.2.7 port 5 ssh2 "
		  "[preauth]",
		  AUTHLOG_GAVE_UP, "x", "192.0.2.7", 5, NULL, NULL, NULL },
	};

	(void)state;
	assert_sshd_says(lines, LENGTH(lines));
}

/* 192.0.2.7 is true, 198.51.100.1 is what somebody wants us to believe. */
static void a_users_name_forges_no_address(void **state)
{
	static const struct expected lines[] = {
		{ "Failed password for invalid user x from 198.51.100.1 port 5 ssh2 from 192.0.2.7 port 22 ssh2",
		  AUTHLOG_FAILED, "x from 198.51.100.1 port 5 ssh2", "192.0.2.7", 22, "password", NULL, NULL },
		{ "Failed password for invalid user x from 198.51.100.1 port 5 ssh2: RSA " OTHER_KEY
		  " from 192.0.2.7 port 22 ssh2",
		  AUTHLOG_FAILED, "x from 198.51.100.1 port 5 ssh2: RSA " OTHER_KEY, "192.0.2.7", 22, "password", NULL,
		  NULL },
		{ "Failed publickey for invalid user x from 198.51.100.1 port 5 ssh2 from 192.0.2.7 port 22 ssh2: "
		  "RSA " KEY,
		  AUTHLOG_PROBED, "x from 198.51.100.1 port 5 ssh2", "192.0.2.7", 22, "publickey", KEY, NULL },
		{ "Invalid user x from 198.51.100.1 port 5 from 192.0.2.7 port 22", AUTHLOG_PROBED,
		  "x from 198.51.100.1 port 5", "192.0.2.7", 22, NULL, NULL, NULL },
		{ "Connection closed by invalid user x 198.51.100.1 port 5 [preauth] 192.0.2.7 port 22 [preauth]",
		  AUTHLOG_GAVE_UP, "x 198.51.100.1 port 5 [preauth]", "192.0.2.7", 22, NULL, NULL, NULL },
		{ "maximum authentication attempts exceeded for invalid user x from 198.51.100.1 port 5 ssh2 [preauth] "
		  "from "
		  "192.0.2.7 port 22 ssh2 [preauth]",
		  AUTHLOG_GAVE_UP, "x from 198.51.100.1 port 5 ssh2 [preauth]", "192.0.2.7", 22, NULL, NULL, NULL },
		/* whoever fails may choose the id of a certificate: then it can't be told */
		{ "Failed publickey for x from 192.0.2.7 port 22 ssh2: RSA-CERT " KEY
		  " ID y from 198.51.100.1 port 5 ssh2: RSA-CERT " KEY " ID z (serial 0) CA RSA " OTHER_KEY,
		  AUTHLOG_PROBED, "x", NULL, 0, "publickey", NULL, NULL },
		/* whoever is let in may have had that chosen, too: but their name is an account's */
		{ "Accepted publickey for x from 192.0.2.7 port 22 ssh2: RSA-CERT " KEY
		  " ID y from 198.51.100.1 port 5 ssh2: RSA " OTHER_KEY " (serial 1) (serial 0) CA RSA " OTHER_KEY,
		  AUTHLOG_ACCEPTED, "x", "192.0.2.7", 22, "publickey", KEY,
		  "y from 198.51.100.1 port 5 ssh2: RSA " OTHER_KEY " (serial 1)" },
	};

	(void)state;
	assert_sshd_says(lines, LENGTH(lines));
}

static void other_lines_say_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"Server listening on 0.0.0.0 port 22.",
		"Connection closed by 192.0.2.7 port 5",
		"Connection closed by 192.0.2.7 port 5 [preauth]",
		"Disconnected from user alice 192.0.2.7 port 5",
		"Received disconnect from 192.0.2.7 port 5:11: Failed password for root from 192.0.2.9 port 5 ssh2",
		"Accepted publickey for alice from 192.0.2.7 port 66000 ssh2: RSA " KEY,
		"Accepted publickey for alice from 192.0.2.7.1 port 6 ssh2: RSA " KEY,
		"Accepted publickey for alice from 192.0.2.7 port 6 ssh2x",
		"Accepted publickey for alice from 192.0.2.7 port",
		"Accepted publickey",
		"Partial publickey for alice from 192.0.2.7 port 6 ssh2: RSA " KEY,
		"Postponed publickey for alice from 192.0.2.7 port 6 ssh2 [preauth]",
		"pam_unix(sshd:session): session opened for user alice(uid=1001) by (uid=0)",
		"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  "
		"user=a",
		"message repeated 0 times: [ Failed password for alice from 192.0.2.7 port 5 ssh2]",
		"message repeated 3 times: [ Failed password for alice from 192.0.2.7 port 5 ssh2",
	};
	struct authlog_entry entry;

	(void)state;
	for (size_t i = 0; i < LENGTH(lines); i++) {
		if (parse_message("sshd", lines[i], &entry))
			fail_msg("says something: %s", lines[i]);
	}
	assert_false(parse_message("cron", "Accepted password for bob from 192.0.2.8 port 4 ssh2", &entry));
}

static void what_asks_pam_says_who_failed_and_where(void **state)
{
	static const struct {
		const char *program, *message, *service, *user, *address, *tty;
		enum authlog_kind kind;
		uint32_t attempts;
	} cases[] = {
		{ "su",
		  "pam_unix(su:auth): authentication failure; logname=alice uid=1000 euid=0 tty=/dev/pts/1 ruser=alice "
		  "rhost=  user=root",
		  "su", "root", "", "pts/1", AUTHLOG_FAILED, 1 },
		{ "su",
		  "pam_unix(su-l:auth): 2 more authentication failures; logname=alice uid=1000 euid=0 tty=pts/1 "
		  "ruser=alice rhost=  user=root",
		  "su-l", "root", "", "pts/1", AUTHLOG_FAILED, 2 },
		{ "sudo",
		  "pam_sss(sudo:auth): authentication failure; logname= uid=1000 euid=0 tty=/dev/pts/2 ruser=alice "
		  "rhost= user=alice",
		  "sudo", "alice", "", "pts/2", AUTHLOG_FAILED, 1 },
		{ "login",
		  "pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/tty1 ruser= "
		  "rhost=  user=bob",
		  "login", "bob", "", "tty1", AUTHLOG_FAILED, 1 },
		{ "login",
		  "pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/tty1 ruser= "
		  "rhost=",
		  "login", "", "", "tty1", AUTHLOG_FAILED, 1 },
		{ "vsftpd",
		  "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=bob "
		  "rhost=192.0.2.7  user=x rhost=198.51.100.1  user=y",
		  "vsftpd", "x rhost=198.51.100.1  user=y", "192.0.2.7", "ftp", AUTHLOG_FAILED, 1 },
		{ "su(pam_unix)", "authentication failure; logname= uid=1342 euid=0 tty= ruser=bob rhost=  user=alice",
		  "su", "alice", "", "", AUTHLOG_FAILED, 1 },
		{ "login", "FAILED LOGIN (1) on '/dev/tty1' FOR 'bob', Authentication failure", "login", "bob", "", "",
		  AUTHLOG_REFUSED, 1 },
		{ "login", "FAILED LOGIN 1 FROM tty1 FOR bob, x, Authentication failure", "login", "bob, x", "", "",
		  AUTHLOG_REFUSED, 1 },
		{ "su", "FAILED SU (to root) alice on pts/0", "su", "root", "", "", AUTHLOG_REFUSED, 1 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct authlog_entry entry;

		if (!parse_message(cases[i].program, cases[i].message, &entry))
			fail_msg("says nothing: %s", cases[i].message);
		assert_int_equal(entry.kind, cases[i].kind);
		assert_int_equal(entry.attempts, cases[i].attempts);
		assert_string_equal(entry.service, cases[i].service);
		assert_string_equal(entry.user, cases[i].user);
		assert_string_equal(entry.tty, cases[i].tty);
		assert_address(&entry, cases[i].address);
	}
}

static void lines_of_every_syslog_daemon_are_read(void **state)
{
#define SAYS "Accepted password for bob from 192.0.2.8 port 4 ssh2"
	static const struct {
		const char *line;
		uint32_t pid;
	} cases[] = {
		{ "Nov 24 14:45:43 web sshd[123]: " SAYS, 123 },
		{ "Nov  4 14:45:43 web sshd[123]: " SAYS, 123 },
		{ "Nov 24 14:45:43 web auth.info sshd[123]: " SAYS, 123 },
		{ "<38>Nov 24 14:45:43 web sshd[123]: " SAYS, 123 },
		{ "2026-11-24T14:45:43.123456+01:00 web sshd[123]: " SAYS, 123 },
		{ "2026-11-24T14:45:43Z web sshd-session[123]: " SAYS, 123 },
		{ "<38>1 2026-11-24T14:45:43.1Z web sshd 123 - - " SAYS, 123 },
		{ "1 2026-11-24T14:45:43.1Z web sshd 123 ID1 [meta x=\"1\"] " SAYS, 123 },
		{ "Nov 24 14:45:43 web sshd[123]: [ID 800047 auth.info] " SAYS, 123 },
		{ "Nov 24 14:45:43 web sshd: " SAYS, 0 },
	};
	static const char *const none[] = {
		"",
		"Nov 24",
		"Nov 24 14:45:43",
		"Nov 24 14:45:43 web",
		"Nov 24 14:45:43 web sshd[123] " SAYS,
		"Nov 24 14:45:43 web sshd[x]: " SAYS,
		"Nov 24 14:45:43 web sshd[99999999999]: " SAYS,
		"Nov 24 14:45:43 web mysshd[123]: " SAYS,
		"Nov 24 14:45:43 web evil sshd[123]: " SAYS,
		"<38>1 2026-11-24T14:45:43.1Z web sshd x - - " SAYS,
		SAYS,
	};
	struct authlog_entry entry;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		if (!parse_line(cases[i].line, &entry))
			fail_msg("says nothing: %s", cases[i].line);
		assert_int_equal(entry.pid, cases[i].pid);
		assert_string_equal(entry.user, "bob");
	}
	for (size_t i = 0; i < LENGTH(none); i++) {
		if (parse_line(none[i], &entry))
			fail_msg("says something: %s", none[i]);
	}
}

static void repeated_lines_count(void **state)
{
	struct authlog_entry entry;

	(void)state;
	assert_true(parse_message(
		"sshd", "message repeated 3 times: [ Failed password for alice from 192.0.2.7 port 5 ssh2]", &entry));
	assert_int_equal(entry.attempts, 3);
	assert_string_equal(entry.user, "alice");
}

static void long_names_are_cut(void **state)
{
	char line[AUTHLOG_LINE_MAX + 1];
	struct authlog_entry entry;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "Invalid user ", 13);
	memcpy(line + sizeof(line) - 1 - 22, " from 192.0.2.7 port 5", 22);
	assert_true(parse_message("sshd", line, &entry));
	assert_int_equal(strlen(entry.user), AUTHLOG_NAME_MAX - 1);
	assert_address(&entry, "192.0.2.7");
}

static bool parse_journal(const char *fields, struct authlog_entry *out, uint64_t *time_ns)
{
	char line[1024];
	int size = snprintf(line, sizeof(line), "{\"__REALTIME_TIMESTAMP\":\"1795532759845727\",\"_PID\":\"82\",%s}",
			    fields);

	return authlog_parse_journal(line, (size_t)size, out, time_ns);
}

static void of_the_journal_only_what_journald_knows_counts(void **state)
{
#define MESSAGE ",\"MESSAGE\":\"" SAYS "\""
	static const char *const true_ones[] = {
		"\"_UID\":\"0\",\"_COMM\":\"sshd\",\"_EXE\":\"/usr/sbin/sshd\"" MESSAGE,
		"\"_UID\":\"0\",\"_COMM\":\"sshd\"" MESSAGE,
		"\"_UID\":\"0\",\"_EXE\":\"/usr/lib/openssh/sshd-session\"" MESSAGE,
		"\"_UID\":\"0\",\"SYSLOG_IDENTIFIER\":\"sshd\"" MESSAGE, /* gone before journald looked */
	};
	static const char *const false_ones[] = {
		"\"_UID\":\"1000\",\"_COMM\":\"sshd\",\"_EXE\":\"/usr/sbin/sshd\"" MESSAGE,
		"\"_UID\":\"1000\",\"_COMM\":\"sshd\",\"SYSLOG_IDENTIFIER\":\"sshd\"" MESSAGE,
		"\"_UID\":\"0\",\"_COMM\":\"logger\",\"_EXE\":\"/usr/bin/"
		"logger\",\"SYSLOG_IDENTIFIER\":\"sshd\"" MESSAGE,
		"\"_UID\":\"0\",\"_COMM\":\"sshd\",\"_EXE\":\"/home/x/sshd\"" MESSAGE,
		"\"_UID\":\"1000\",\"SYSLOG_IDENTIFIER\":\"sshd\"" MESSAGE,
		"\"_UID\":\"0\",\"_COMM\":\"logger\",\"SYSLOG_IDENTIFIER\":\"sshd\"" MESSAGE,
		"\"_COMM\":\"sshd\",\"SYSLOG_PID\":\"82\"" MESSAGE,
		"\"_UID\":0,\"_COMM\":\"sshd\"" MESSAGE,
		"\"_UID\":\"0\",\"_COMM\":\"sshd\",\"MESSAGE\":null",
		"\"_UID\":\"0\",\"_COMM\":\"sshd\",\"MESSAGE\":[65,\"x\",300]",
		"\"_UID\":\"0\",\"_COMM\":\"sshd",
	};
	struct authlog_entry entry;
	uint64_t time_ns;

	(void)state;
	for (size_t i = 0; i < LENGTH(true_ones); i++) {
		assert_true(parse_journal(true_ones[i], &entry, &time_ns));
		assert_int_equal(entry.pid, 82);
		assert_int_equal(time_ns, UINT64_C(1795532759845727000));
	}
	for (size_t i = 0; i < LENGTH(false_ones); i++)
		assert_false(parse_journal(false_ones[i], &entry, &time_ns));
	/* su is run by whoever calls it; that it is the system's is what counts */
	assert_true(parse_journal("\"_UID\":\"1000\",\"_COMM\":\"su\",\"_EXE\":\"/usr/bin/su\","
				  "\"MESSAGE\":\"FAILED SU (to root) alice on pts/0\"",
				  &entry, &time_ns));
	assert_false(parse_journal("\"_UID\":\"1000\",\"_COMM\":\"su\",\"_EXE\":\"/tmp/su\","
				   "\"MESSAGE\":\"FAILED SU (to root) alice on pts/0\"",
				   &entry, &time_ns));
	/* what is no UTF-8 comes as numbers */
	assert_true(
		parse_journal("\"_UID\":\"0\",\"_COMM\":\"sshd\",\"MESSAGE\":[73,110,118,97,108,105,100,32,117,115,101,"
			      "114,32,255,32,102,114,111,109,32,58,58,49,32,112,111,114,116,32,53]",
			      &entry, &time_ns));
	assert_string_equal(entry.user, "\xff");
}

/* ---- a file that grows ---- */

struct seen {
	char users[256]; /* each with a blank; in capitals those of old lines */
};

static void see(void *owner, const struct authlog_entry *entry, const struct authlog_origin *origin)
{
	struct seen *seen = owner;
	size_t size = strlen(seen->users);

	assert_false(origin->is_trusted);
	(void)snprintf(seen->users + size, sizeof(seen->users) - size, "%s%s ", origin->is_old ? "old:" : "",
		       entry->user);
}

static void append(const char *path, const char *content)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#define LINE(user) "Nov 24 14:45:43 web sshd[1]: Invalid user " user " from 192.0.2.7 port 5\n"

static void assert_read(struct authlog_source *source, const char *users, uint64_t lost)
{
	struct seen seen = { "" };
	uint64_t count = 0;

	/* What was rotated is looked for once a second. */
	for (int tries = 0; tries < 300 && strcmp(seen.users, users) != 0; tries++) {
		count += authlog_source_read(source, see, &seen);
		(void)usleep(10000);
	}
	assert_string_equal(seen.users, users);
	assert_int_equal(count, lost);
}

static void a_file_is_read_as_it_grows_and_over_its_rotation(void **state)
{
	char folder[] = "/tmp/sombrero-authlog-XXXXXX", path[64], rotated[64];
	struct authlog_source *source;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/auth.log", folder);
	(void)snprintf(rotated, sizeof(rotated), "%s/auth.log.1", folder);
	assert_int_equal(authlog_source_open(path, "", &source), -2 /* ENOENT */);
	append(path, LINE("before"));
	assert_int_equal(authlog_source_open(path, "", &source), 0);
	append(path, LINE("one") "Nov 24 14:45:43 web sshd[1]: Invalid us");
	assert_read(source, "old:before one ", 0);
	append(path, "er two from 192.0.2.7 port 5\n");
	assert_read(source, "two ", 0);
	assert_int_equal(rename(path, rotated), 0);
	append(rotated, LINE("last"));
	append(path, LINE("first"));
	assert_read(source, "last first ", 0);
	assert_int_equal(truncate(path, 0), 0);
	append(path, LINE("new"));
	assert_read(source, "new ", 0);
	authlog_source_close(source);
	(void)unlink(path);
	(void)unlink(rotated);
	(void)rmdir(folder);
}

static void a_line_that_is_too_long_is_counted_and_left_out(void **state)
{
	char path[] = "/tmp/sombrero-authlog-XXXXXX";
	int file = mkstemp(path);
	struct authlog_source *source;
	char *line = malloc(200001);

	(void)state;
	assert_true(file >= 0);
	assert_non_null(line);
	memset(line, 'x', 200000);
	line[200000] = '\0';
	assert_int_equal(authlog_source_open(path, "", &source), 0);
	append(path, LINE("one"));
	append(path, line);
	append(path, "\n" LINE("two"));
	assert_read(source, "one two ", 1);
	authlog_source_close(source);
	free(line);
	(void)close(file);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sshd_says_whom_it_let_in_and_by_what),
		cmocka_unit_test(sshd_says_who_failed),
		cmocka_unit_test(a_users_name_forges_no_address),
		cmocka_unit_test(other_lines_say_nothing),
		cmocka_unit_test(what_asks_pam_says_who_failed_and_where),
		cmocka_unit_test(lines_of_every_syslog_daemon_are_read),
		cmocka_unit_test(repeated_lines_count),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(of_the_journal_only_what_journald_knows_counts),
		cmocka_unit_test(a_file_is_read_as_it_grows_and_over_its_rotation),
		cmocka_unit_test(a_line_that_is_too_long_is_counted_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
