/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/authlog.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* A part of a line. */
struct text {
	const char *at;
	size_t size;
};

static bool starts(struct text text, const char *with)
{
	size_t size = strlen(with);

	return text.size >= size && !memcmp(text.at, with, size);
}

static bool is(struct text text, const char *what)
{
	return text.size == strlen(what) && starts(text, what);
}

/* Takes it off the beginning. */
static bool take(struct text *text, const char *what)
{
	size_t size = strlen(what);

	if (!starts(*text, what))
		return false;
	text->at += size;
	text->size -= size;
	return true;
}

static struct text from(struct text text, size_t offset)
{
	return (struct text) { text.at + offset, text.size - offset };
}

/* Where `what` is, from `offset` on; text.size where it isn't. */
static size_t find(struct text text, size_t offset, const char *what)
{
	const char *found;

	if (offset > text.size)
		return text.size;
	found = memmem(text.at + offset, text.size - offset, what, strlen(what));
	return found ? (size_t)(found - text.at) : text.size;
}

/* Takes all up to `what`, and that too; false, and nothing taken, where there is no such thing. */
static bool take_until(struct text *text, const char *what, struct text *out)
{
	size_t end = find(*text, 0, what);

	if (end == text->size)
		return false;
	*out = (struct text) { text->at, end };
	*text = from(*text, end + strlen(what));
	return true;
}

static struct text take_word(struct text *text)
{
	struct text word = { text->at, find(*text, 0, " ") };

	*text = from(*text, word.size);
	while (take(text, " "))
		;
	return word;
}

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* What it begins with. */
static struct text digits_of(struct text text)
{
	struct text digits = { text.at, 0 };

	while (digits.size < text.size && is_digit(text.at[digits.size]))
		digits.size++;
	return digits;
}

/* A number, and nothing else; false where it is none, or too large. */
static bool number(struct text text, uint32_t maximum, uint32_t *out)
{
	uint64_t value = 0;

	if (!text.size || text.size > 10)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (!is_digit(text.at[i]))
			return false;
		value = value * 10 + (uint64_t)(text.at[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= maximum;
}

static void copy(struct text text, char *out, size_t size)
{
	size_t length = text.size < size ? text.size : size - 1;

	memcpy(out, text.at, length);
	out[length] = '\0';
}

#define COPY(text, array) copy(text, array, sizeof(array))

/* "192.0.2.1", "2001:db8::1", "fe80::1%eth0"; an IPv4 address in an IPv6 one is that. */
static bool set_address(struct text text, struct authlog_entry *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char name[INET6_ADDRSTRLEN];
	uint8_t address[16] = { 0 };
	size_t size = find(text, 0, "%");

	if (!size || size >= sizeof(name))
		return false;
	copy((struct text) { text.at, size }, name, sizeof(name));
	if (inet_pton(AF_INET, name, address) == 1)
		out->family = AF_INET;
	else if (inet_pton(AF_INET6, name, address) == 1)
		out->family = AF_INET6;
	else
		return false;
	if (out->family == AF_INET6 && !memcmp(address, mapped, sizeof(mapped))) {
		out->family = AF_INET;
		memcpy(address, address + 12, 4);
		memset(address + 4, 0, 12);
	}
	memcpy(out->address, address, sizeof(address));
	return true;
}

/* ---- sshd ---- */

/* "ADDRESS port NUMBER", and where it ends. sshd writes UNKNOWN for what is no connection. */
static bool match_peer(struct text text, struct authlog_entry *out, size_t *size)
{
	struct text rest = text, address, port;
	struct authlog_entry peer = { 0 };
	uint32_t value;

	address = take_word(&rest);
	if (!take(&rest, "port "))
		return false;
	port = digits_of(rest);
	if (!number(port, UINT16_MAX, &value))
		return false;
	if (!set_address(address, &peer) && !is(address, "UNKNOWN"))
		return false;
	out->family = peer.family;
	memcpy(out->address, peer.address, sizeof(peer.address));
	out->port = (uint16_t)value;
	*size = (size_t)(port.at + port.size - text.at);
	return true;
}

/* "ED25519 SHA256:…", and nothing more. */
static bool is_plain_key(struct text text)
{
	(void)take_word(&text);
	return starts(text, "SHA256:") && find(text, 0, " ") == text.size;
}

/* "ED25519 SHA256:…", "ED25519-CERT SHA256:… ID alice@example (serial 0) CA ED25519 SHA256:…" */
static void read_key(struct text text, struct authlog_entry *out)
{
	struct text type = take_word(&text), key = take_word(&text);

	if (!starts(key, "SHA256:"))
		return;
	if (key.at[key.size - 1] == ',')
		key.size--; /* hostbased goes on with the client's user */
	COPY(key, out->key);
	if (type.size < 5 || memcmp(type.at + type.size - 5, "-CERT", 5) != 0 || !take(&text, "ID "))
		return;
	/* The id may have anything in it; what comes after it has not. */
	for (size_t end = text.size; end; end--) {
		if (starts(from(text, end - 1), " (serial ")) {
			COPY(((struct text) { text.at, end - 1 }), out->certificate);
			return;
		}
	}
}

/* A place in a line where sshd may have written who it talks to. */
struct peer {
	struct text user, after;
	struct authlog_entry entry;
};

/* The next " from ADDRESS port NUMBER ssh2", at the end or before ": ", from *offset on. */
static bool next_peer(struct text text, size_t *offset, struct peer *out)
{
	for (size_t at = find(text, *offset, " from "); at < text.size; at = find(text, at + 1, " from ")) {
		struct text rest = from(text, at + strlen(" from "));
		size_t size;

		if (!match_peer(rest, &out->entry, &size))
			continue;
		rest = from(rest, size);
		if (!take(&rest, " ssh2") || (rest.size && !starts(rest, ": ") && !starts(rest, " [preauth]")))
			continue;
		(void)take(&rest, ": ");
		out->user = (struct text) { text.at, at };
		out->after = rest;
		*offset = at + 1;
		return true;
	}
	return false;
}

/*
 * A user's name can look like the rest of the line, and so can the id of a certificate, which somebody who fails to log in chooses
 * too. What ends the line, or has only a key behind it, is sshd's own. Otherwise nobody can tell.
 */
static bool find_peer(struct text text, bool is_accepted, struct peer *out)
{
	size_t offset = 0;
	struct peer next;

	if (!next_peer(text, &offset, out))
		return false;
	if (is_accepted) /* by a name that is an account's */
		return true;
	while (next_peer(text, &offset, &next)) {
		struct text user = out->user;

		*out = next;
		if (!next.after.size || is_plain_key(next.after))
			continue;
		out->entry.family = 0;
		out->entry.port = 0;
		out->user = user;
	}
	return true;
}

static void set_peer(const struct peer *peer, struct authlog_entry *out)
{
	struct text user = peer->user;

	out->family = peer->entry.family;
	out->port = peer->entry.port;
	memcpy(out->address, peer->entry.address, sizeof(out->address));
	if (!take(&user, "invalid user "))
		(void)take(&user, "illegal user ");
	COPY(user, out->user);
}

/* "METHOD for USER from ADDRESS port NUMBER ssh2: KEY" */
static bool parse_attempt(struct text text, enum authlog_kind kind, struct authlog_entry *out)
{
	struct text method;
	struct peer peer;

	if (!take_until(&text, " for ", &method) || !find_peer(text, kind == AUTHLOG_ACCEPTED, &peer))
		return false;
	out->kind = kind;
	if (kind == AUTHLOG_FAILED && (is(method, "none") || is(method, "publickey")))
		out->kind = AUTHLOG_PROBED; /* clients offer all their keys, and ask first what may be offered */
	COPY(method, out->method);
	set_peer(&peer, out);
	if (peer.entry.family || kind == AUTHLOG_ACCEPTED)
		read_key(peer.after, out);
	return true;
}

/* "maximum authentication attempts exceeded for USER from ADDRESS port NUMBER ssh2 [preauth]" */
static bool parse_exceeded(struct text text, struct authlog_entry *out)
{
	struct peer peer;
	size_t offset = 0;
	bool found = false;

	while (next_peer(text, &offset, &peer)) {
		set_peer(&peer, out);
		found = true;
	}
	out->kind = AUTHLOG_GAVE_UP;
	return found;
}

/* The last "BEFORE ADDRESS port NUMBER" of a line. */
static bool parse_last_peer(struct text text, const char *before, enum authlog_kind kind, struct authlog_entry *out)
{
	bool found = false;

	for (size_t at = find(text, 0, before); at < text.size; at = find(text, at + 1, before)) {
		size_t size;

		if (!match_peer(from(text, at + strlen(before)), out, &size))
			continue;
		COPY(((struct text) { text.at, at }), out->user);
		found = true;
	}
	out->kind = kind;
	return found;
}

/* "Connection closed by authenticating user USER ADDRESS port NUMBER [preauth]" and its like. */
static bool parse_end(struct text text, struct authlog_entry *out)
{
	static const char *const beginnings[] = { "Connection closed by ", "Connection reset by ", "Disconnected from ",
						  "Disconnecting " };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		struct text rest = text;

		if (take(&rest, beginnings[i]))
			return (take(&rest, "authenticating user ") || take(&rest, "invalid user ")) &&
			       parse_last_peer(rest, " ", AUTHLOG_GAVE_UP, out);
	}
	return false;
}

static bool parse_sshd(struct text text, struct authlog_entry *out)
{
	copy((struct text) { "sshd", 4 }, out->service, sizeof(out->service));
	(void)take(&text, "error: ");
	if (take(&text, "Accepted "))
		return parse_attempt(text, AUTHLOG_ACCEPTED, out);
	if (take(&text, "Failed "))
		return parse_attempt(text, AUTHLOG_FAILED, out);
	if (take(&text, "Invalid user ") || take(&text, "Illegal user "))
		return parse_last_peer(text, " from ", AUTHLOG_PROBED, out);
	if (take(&text, "maximum authentication attempts exceeded for "))
		return parse_exceeded(text, out);
	return parse_end(text, out);
}

/* ---- PAM, login, su ---- */

/* "logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=192.0.2.1  user=bob": the name is last, and may look like the rest. */
static bool parse_pam_fields(struct text text, struct authlog_entry *out)
{
	struct text before, tty, host;

	if (!take_until(&text, " tty=", &before) || !take_until(&text, " ruser=", &tty) ||
	    !take_until(&text, " rhost=", &before))
		return false;
	(void)take(&tty, "/dev/");
	COPY(tty, out->tty);
	host = take_word(&text);
	(void)set_address(host, out);
	if (take(&text, "user="))
		COPY(text, out->user);
	return true;
}

/* "authentication failure; logname=…" or "2 more authentication failures; logname=…" */
static bool parse_pam(struct text text, struct authlog_entry *out)
{
	struct text rest = text, count = take_word(&rest);

	copy((struct text) { "password", 8 }, out->method, sizeof(out->method));
	out->kind = AUTHLOG_FAILED;
	if (take(&text, "authentication failure; logname="))
		return parse_pam_fields(text, out);
	if (!number(count, 1000, &out->attempts) || !out->attempts)
		return false;
	return (take(&rest, "more authentication failures; logname=") ||
		take(&rest, "more authentication failure; logname=")) &&
	       parse_pam_fields(rest, out);
}

/* "pam_unix(su:auth): MESSAGE": the service is the one that PAM was asked for. sshd says itself what fails. */
static bool parse_pam_module(struct text text, struct authlog_entry *out)
{
	struct text module, service, rest;

	if (!take_until(&text, "(", &module) || !take_until(&text, ")", &service) || !take(&text, ": "))
		return false;
	if (!take_until(&service, ":", &rest) || !is(service, "auth") || is(rest, "sshd"))
		return false;
	COPY(rest, out->service);
	return parse_pam(text, out);
}

/* "FAILED LOGIN (1) on '/dev/tty1' FOR 'bob', Authentication failure"; util-linux: "FAILED LOGIN 1 FROM tty1 FOR bob, …" */
static bool parse_failed_login(struct text text, struct authlog_entry *out)
{
	struct text before, user;
	size_t end;

	if (!take_until(&text, " FOR ", &before))
		return false;
	for (end = text.size; end && !starts(from(text, end - 1), ", "); end--)
		;
	user = (struct text) { text.at, end ? end - 1 : text.size };
	if (user.size > 1 && user.at[0] == '\'' && user.at[user.size - 1] == '\'')
		user = (struct text) { user.at + 1, user.size - 2 };
	COPY(user, out->user);
	out->kind = AUTHLOG_REFUSED;
	return true;
}

/* "FAILED SU (to root) alice on pts/0" */
static bool parse_failed_su(struct text text, struct authlog_entry *out)
{
	struct text user;

	if (!take_until(&text, ") ", &user))
		return false;
	COPY(user, out->user);
	out->kind = AUTHLOG_REFUSED;
	return true;
}

static bool parse_other(const char *program, struct text text, struct authlog_entry *out)
{
	size_t length = strcspn(program, "(");

	COPY(((struct text) { program, length }), out->service);
	if (!strcmp(program + length, "(pam_unix)")) /* as PAM wrote it before 2004 */
		return !is((struct text) { program, length }, "sshd") && parse_pam(text, out);
	if (starts(text, "pam_"))
		return parse_pam_module(text, out);
	if (!strcmp(program, "login") && take(&text, "FAILED LOGIN "))
		return parse_failed_login(text, out);
	return !strcmp(program, "su") && take(&text, "FAILED SU (to ") && parse_failed_su(text, out);
}

bool authlog_parse_message(const char *program, uint32_t pid, const char *message, size_t size,
			   struct authlog_entry *out)
{
	struct text text = { message, size }, count;
	uint32_t repeated = 1;
	bool is_sshd = !strcmp(program, "sshd") || !strcmp(program, "sshd-session") || !strcmp(program, "sshd-auth");

	*out = (struct authlog_entry) { .pid = pid, .attempts = 1 };
	if (size > AUTHLOG_LINE_MAX || memchr(message, '\0', size))
		return false;
	/* rsyslog's way to say less: "message repeated 3 times: [ Failed …]" */
	if (take(&text, "message repeated ") && take_until(&text, " times: [ ", &count) && text.size) {
		if (!number(count, 100000, &repeated) || !repeated || text.at[text.size - 1] != ']')
			return false;
		text.size--;
	}
	if (!(is_sshd && !starts(text, "pam_") ? parse_sshd(text, out) : parse_other(program, text, out)))
		return false;
	out->attempts *= repeated;
	return out->kind != AUTHLOG_NONE;
}

/* ---- lines ---- */

/* "Nov 24 14:45:43 " or "2026-11-24T14:45:43.123456+00:00 " */
static bool take_time(struct text *text)
{
	if (text->size > 16 && is_digit(text->at[0]))
		return take_word(text).size >= strlen("2026-11-24T14:45:43");
	if (text->size < 16 || text->at[3] != ' ' || text->at[6] != ' ' || text->at[9] != ':' || text->at[15] != ' ')
		return false;
	*text = from(*text, 16);
	return true;
}

/* busybox says so: "auth.info" */
static void skip_priority(struct text *text)
{
	struct text rest = *text, word = take_word(&rest);

	if (word.size && find(word, 0, ".") < word.size && find(word, 0, ":") == word.size &&
	    find(word, 0, "[") == word.size)
		*text = rest;
}

/* "sshd[123]: ", "su: ", "sshd(pam_unix)[123]: " */
static bool take_tag(struct text *text, char *program, size_t size, uint32_t *pid)
{
	struct text tag, name, number_text;

	if (!take_until(text, ":", &tag) || find(tag, 0, " ") < tag.size)
		return false;
	while (take(text, " "))
		;
	*pid = 0;
	name = tag;
	if (take_until(&tag, "[", &name) && take_until(&tag, "]", &number_text) && !number(number_text, INT32_MAX, pid))
		return false;
	copy(name, program, size);
	return name.size > 0;
}

/* "<86>1 2026-11-24T14:45:43Z web sshd 123 - - Accepted …" */
static bool take_header_5424(struct text *text, char *program, size_t size, uint32_t *pid)
{
	struct text word;

	if (!take(text, "1 ") || !take_time(text))
		return false;
	(void)take_word(text); /* the host */
	copy(take_word(text), program, size);
	word = take_word(text);
	*pid = 0;
	if (!is(word, "-") && !number(word, INT32_MAX, pid))
		return false;
	(void)take_word(text); /* the message's id */
	if (starts(*text, "["))
		return take_until(text, "] ", &word);
	return take(text, "- ");
}

static bool take_header(struct text *text, char *program, size_t size, uint32_t *pid)
{
	struct text ignored;

	if (starts(*text, "<") && !take_until(text, ">", &ignored))
		return false;
	if (starts(*text, "1 "))
		return take_header_5424(text, program, size, pid);
	if (!take_time(text))
		return false;
	(void)take_word(text); /* the host */
	skip_priority(text);
	if (!take_tag(text, program, size, pid))
		return false;
	return !starts(*text, "[ID ") || take_until(text, "] ", &ignored); /* Solaris */
}

bool authlog_parse_line(const char *line, size_t size, struct authlog_entry *out)
{
	struct text text = { line, size };
	char program[64];
	uint32_t pid;

	if (size > AUTHLOG_LINE_MAX || !take_header(&text, program, sizeof(program), &pid))
		return false;
	return authlog_parse_message(program, pid, text.at, text.size, out);
}
