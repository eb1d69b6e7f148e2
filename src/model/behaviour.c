/* SPDX-License-Identifier: Apache-2.0 */
#include "model/behaviour.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "model/grammar_priv.h"
#include "model/normalise.h"

static const char *const kind_names[BEHAVIOUR_KIND_COUNT] = {
	[BEHAVIOUR_ACCEPT] = "accept",       [BEHAVIOUR_CONNECT] = "connect", [BEHAVIOUR_EXEC] = "exec",
	[BEHAVIOUR_LISTEN] = "listen",       [BEHAVIOUR_OWNER] = "owner",     [BEHAVIOUR_RAW] = "raw",
	[BEHAVIOUR_PRIVILEGE] = "privilege", [BEHAVIOUR_WRITE] = "write",
};

const char *behaviour_kind_name(enum behaviour_kind kind)
{
	return (unsigned)kind < BEHAVIOUR_KIND_COUNT ? kind_names[kind] : NULL;
}

static int compare_numbers(unsigned one, unsigned other)
{
	return (one > other) - (one < other);
}

int behaviour_compare(const struct behaviour *one, const struct behaviour *other)
{
	int order = compare_numbers(one->context_kind, other->context_kind);

	if (!order)
		order = strcmp(one->context_name, other->context_name);
	if (!order)
		order = compare_numbers(one->in_container, other->in_container);
	if (!order)
		order = compare_numbers(one->kind, other->kind);
	if (!order)
		order = strcmp(one->program, other->program);
	return order ? order : strcmp(one->object, other->object);
}

/* ---- the context and the program ---- */

static bool is_modelled(enum context_kind kind)
{
	return kind == CONTEXT_BOOT || kind == CONTEXT_SERVICE || kind == CONTEXT_JOB;
}

bool behaviour_of_context(const struct context *context, char name[BEHAVIOUR_NAME_MAX], struct behaviour *out)
{
	if (!is_modelled(context->kind))
		return false;
	*out = (struct behaviour) {
		.context_kind = context->kind,
		.context_name = name,
		.in_container = context->container[0] != '\0',
	};
	name[0] = '\0';
	if (context->kind == CONTEXT_BOOT)
		return true;
	/* A name can be a script's (app.3f2a9c1b77aa01.js), so it is normalised like one. */
	normalise_path(context->name, name, BEHAVIOUR_NAME_MAX);
	if (!name[0])
		memcpy(name, "?", 2);
	return true;
}

/* As grammar_program_fault() wants it: bytes that don't fit are escaped, what is no class loses its parentheses. */
static void clean_program(const char *text, struct buffer *out)
{
	const char *open = strchr(text, '('), *end = text + strlen(text);
	bool has_class = open && strchr(text, ')') == end - 1 && !strchr(open + 1, '(');
	const char *also = has_class ? " *" : " *()";

	if (text[0] != '/' && text[0] != '?' && strncmp(text, "memfd:", 6) != 0)
		buffer_byte(out, '?');
	while (text < end) {
		size_t plain = strcspn(text, "\\"), escape;

		escape_append(out, text, plain, also);
		text += plain;
		escape = grammar_escape_size(text, (size_t)(end - text));
		if (escape)
			buffer_append(out, text, escape);
		else if (text < end)
			buffer_text(out, "\\\\");
		text += escape ? escape : text < end;
	}
}

/* Out of line, so that its large buffer is on the stack only when something has to be cleaned. */
__attribute__((noinline)) static void normalise_unclean(const char *text, char *out)
{
	char clean[BEHAVIOUR_PROGRAM_MAX];
	struct buffer buffer = grammar_fixed(clean, sizeof(clean));
	size_t at;

	clean_program(text, &buffer);
	normalise_program(clean, out, BEHAVIOUR_PROGRAM_MAX);
	/* A text of ours that was cut in the middle of its class. */
	if (grammar_program_fault(out, &at))
		memcpy(out, "?", 2);
}

static void set_program(const char *text, char *out)
{
	size_t at;

	if (strlen(text) < BEHAVIOUR_PROGRAM_MAX && !strchr(text, '*') && !grammar_program_fault(text, &at))
		normalise_program(text, out, BEHAVIOUR_PROGRAM_MAX);
	else
		normalise_unclean(text, out);
}

/* ---- objects ---- */

/* The next behaviour of the event, with an empty object to write to. */
static struct buffer add(struct behaviours *out, const struct behaviour *common, enum behaviour_kind kind)
{
	struct behaviour *item = &out->item[out->count];
	char *object = out->object[out->count++];

	*item = *common;
	item->kind = kind;
	item->object = object;
	return grammar_fixed(object, BEHAVIOUR_OBJECT_MAX);
}

static void append_number(struct buffer *out, unsigned number)
{
	char text[16];

	/* Protocol numbers are below the ephemeral ports, so this writes any of them. */
	normalise_port((uint16_t)number, text, sizeof(text));
	buffer_text(out, text);
}

static void append_user(struct buffer *out, const char *user, uint32_t id)
{
	escape_append(out, user, strlen(user), " #*");
	if (!out->size && id != EVENT_NO_ID && !user[0])
		buffer_printf(out, "uid:%u", id);
	if (!out->size) {
		out->failed = false;
		buffer_byte(out, '?');
	}
}

/* A local port that a program asked for is its own, however high; any other high one is chance. */
uint32_t behaviour_port(const struct event *event)
{
	bool connects = event->kind == EVENT_CONNECT;
	uint16_t port = connects ? event->remote_port : event->local_port;

	if (!connects && event->flags & EVENT_FLAG_PORT_ASKED)
		return port;
	return port < NORMALISE_EPHEMERAL ? port : BEHAVIOUR_PORT_EPHEMERAL;
}

static void append_port(struct buffer *out, const struct event *event)
{
	uint32_t port = behaviour_port(event);
	char text[16];

	if (port != BEHAVIOUR_PORT_EPHEMERAL) {
		buffer_printf(out, "%u", port);
		return;
	}
	normalise_port(NORMALISE_EPHEMERAL, text, sizeof(text));
	buffer_text(out, text);
}

static void append_net(struct buffer *out, const struct event *event, const char *network)
{
	const char *protocol = grammar_protocol_name(event->protocol);

	if (protocol)
		buffer_text(out, protocol);
	else
		append_number(out, event->protocol);
	buffer_byte(out, ' ');
	append_port(out, event);
	buffer_byte(out, ' ');
	buffer_text(out, network);
}

static void append_raw(struct buffer *out, const struct event *event)
{
	bool six = event->family == AF_INET6;

	if (event->family == AF_PACKET) {
		buffer_text(out, "packet");
		return;
	}
	buffer_text(out, six ? "ipv6 " : "ipv4 ");
	if (event->protocol == (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		buffer_text(out, "icmp");
	else
		append_number(out, event->protocol);
}

/* ---- privilege ---- */

enum gain { GAIN_NOTHING, GAIN_USER, GAIN_GROUP, GAIN_CAPABILITIES };

/* What a set-uid, set-gid or capable file gave. Root had it all before. */
static enum gain gain_of_file(const struct event *event)
{
	if (event->uid == 0)
		return GAIN_NOTHING;
	if (event->euid != event->uid)
		return GAIN_USER;
	return event->egid != event->gid ? GAIN_GROUP : GAIN_CAPABILITIES;
}

static bool before_known(const struct event *event)
{
	return event->uid_before != EVENT_NO_ID && event->euid_before != EVENT_NO_ID;
}

static enum gain gain_of(const struct event *event)
{
	if (event->kind == EVENT_EXEC && event->flags & EVENT_FLAG_SETID)
		return gain_of_file(event);
	/* An exec need not say what was before; then it only carries on what it was given. */
	if (event->kind == EVENT_EXEC && !before_known(event))
		return GAIN_NOTHING;
	if (event->euid == 0)
		return before_known(event) && event->uid_before != 0 && event->euid_before != 0 ? GAIN_USER
												: GAIN_NOTHING;
	/* What an exec makes of inherited capabilities is no gain, as long as there were some. */
	if (event->kind == EVENT_EXEC && event->capabilities_before)
		return GAIN_NOTHING;
	return event->capabilities & ~event->capabilities_before ? GAIN_CAPABILITIES : GAIN_NOTHING;
}

static void add_owner(struct behaviours *out, const struct behaviour *common, const struct event *event)
{
	enum gain gain = gain_of(event);
	struct buffer object = add(out, common, BEHAVIOUR_OWNER);

	append_user(&object, event->effective_user, event->euid);
	if (gain == GAIN_NOTHING)
		return;
	object = add(out, common, BEHAVIOUR_PRIVILEGE);
	if (gain == GAIN_USER)
		append_user(&object, event->effective_user, event->euid);
	else
		buffer_text(&object, gain == GAIN_GROUP ? "group" : "capabilities");
}

/* ---- files ---- */

/* As long as the longest path, with each byte escaped. */
#define ESCAPED_PATH_MAX (4 * 4095 + 1)

/* Out of line for the same reason. Parentheses are escaped as in programs, since no star goes past one. */
__attribute__((noinline)) static void write_path(const char *path, const char *host, char *out)
{
	char escaped[ESCAPED_PATH_MAX];
	struct buffer buffer = grammar_fixed(escaped, sizeof(escaped));

	escape_append(&buffer, path, strnlen(path, ESCAPED_PATH_MAX / 4), " ()*");
	normalise_file(escaped, host, out, BEHAVIOUR_OBJECT_MAX);
}

static void add_write(struct behaviours *out, const struct behaviour *common, const char *path, const char *host)
{
	unsigned count = out->count;

	if (path[0] != '/')
		return;
	(void)add(out, common, BEHAVIOUR_WRITE);
	write_path(path, host, out->object[count]);
	/* Renamed from one temporary name to another: both are the same line. */
	if (count && strcmp(out->object[count - 1], out->object[count]) == 0)
		out->count = count;
}

/* ---- by kind of event ---- */

static bool has_behaviour(const struct event *event)
{
	switch (event->kind) {
	case EVENT_EXEC:
	case EVENT_PRIVILEGE:
		return true;
	case EVENT_CONNECT:
	case EVENT_ACCEPT:
	case EVENT_LISTEN:
		return event->family == AF_INET || event->family == AF_INET6;
	case EVENT_RAW:
		return event->family == AF_INET || event->family == AF_INET6 || event->family == AF_PACKET;
	default:
		return event_is_file(event) && !(event->flags & EVENT_FLAG_FOUND);
	}
}

static void add_net(struct behaviours *out, const struct behaviour *common, const struct event *event,
		    const struct networks *networks)
{
	bool listens = event->kind == EVENT_LISTEN, connects = event->kind == EVENT_CONNECT;
	const uint8_t *address = listens ? event->local_address : event->remote_address;
	struct buffer object = add(out, common,
				   listens    ? BEHAVIOUR_LISTEN
				   : connects ? BEHAVIOUR_CONNECT
					      : BEHAVIOUR_ACCEPT);

	append_net(&object, event, networks_name(networks, event->family, address));
}

void behaviours_of(const struct event *event, const struct networks *networks, struct behaviours *out)
{
	struct behaviour common;
	struct buffer object;

	out->count = 0;
	if (!has_behaviour(event) || !behaviour_of_context(&event->context, out->name, &common))
		return;
	set_program(event->program.text, out->program);
	common.program = out->program;
	if (event->kind == EVENT_EXEC)
		(void)add(out, &common, BEHAVIOUR_EXEC);
	if (event->kind == EVENT_EXEC || event->kind == EVENT_PRIVILEGE) {
		add_owner(out, &common, event);
	} else if (event->kind == EVENT_RAW) {
		object = add(out, &common, BEHAVIOUR_RAW);
		append_raw(&object, event);
	} else if (event_is_file(event)) {
		add_write(out, &common, event->path, event->host);
		if (event->kind == EVENT_RENAME)
			add_write(out, &common, event->path_before, event->host);
	} else {
		add_net(out, &common, event, networks);
	}
}
