/* SPDX-License-Identifier: Apache-2.0 */
/* Findings and events in words. Everything that came from outside is escaped: it goes to terminals. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "event/ndjson.h"
#include "judge/explain_priv.h"
#include "judge/judge.h"

void explain_text(struct buffer *out, const char *text)
{
	escape_append(out, text, strlen(text), "");
}

void explain_time(struct buffer *out, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / UINT64_C(1000000000));
	struct tm parts;
	char text[32];

	if (!localtime_r(&seconds, &parts) || !strftime(text, sizeof(text), "%H:%M:%S", &parts))
		return;
	buffer_printf(out, "%s.%03" PRIu64, text, time_ns / 1000000 % 1000);
}

void explain_context(struct buffer *out, const struct context *context)
{
	buffer_text(out, context_kind_name(context->kind));
	if (context->name[0]) {
		buffer_byte(out, ' ');
		explain_text(out, context->name);
	}
	if (context->container[0]) {
		buffer_text(out, " in container ");
		explain_text(out, context->container);
	}
}

static void add_arguments(struct buffer *out, const struct event *event)
{
	size_t at = 0;

	while (at < event->argv_size) {
		size_t length = strnlen(event->argv + at, event->argv_size - at);
		bool quote = !length || memchr(event->argv + at, ' ', length);

		if (at)
			buffer_byte(out, ' ');
		if (quote)
			buffer_byte(out, '\'');
		escape_append(out, event->argv + at, length, quote ? "'" : "");
		if (quote)
			buffer_byte(out, '\'');
		at += length + 1;
	}
	if (event->flags & EVENT_FLAG_ARGV_TRUNCATED)
		buffer_printf(out, " … (%" PRIu32 " arguments)", event->argc);
}

void explain_address(struct buffer *out, int family, const uint8_t *address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(family, address, text, sizeof(text)))
		return;
	buffer_printf(out, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

static void add_change(struct buffer *out, const struct event *event)
{
	static const char *const words[EVENT_KIND_COUNT] = {
		[EVENT_CREATE] = " created ",
		[EVENT_WRITE] = " wrote ",
		[EVENT_RENAME] = " renamed ",
		[EVENT_REMOVE] = " removed ",
		[EVENT_ATTRIBUTES] = " changed the attributes of ",
	};

	buffer_text(out, words[event->kind]);
	if (event->kind == EVENT_RENAME) {
		explain_text(out, event->path_before);
		buffer_text(out, " to ");
	}
	explain_text(out, event->path);
}

/* What happened, as a clause without a subject: "started /usr/bin/id". Of a file it says its own name, not the model's. */
static void add_deed(struct buffer *out, const struct finding *finding)
{
	const struct behaviour *behaviour = finding->behaviour;
	static const char *const words[BEHAVIOUR_KIND_COUNT][2] = {
		[BEHAVIOUR_ACCEPT] = { "", " was reached: " },
		[BEHAVIOUR_CONNECT] = { "", " reached out: " },
		[BEHAVIOUR_EXEC] = { "started ", "" },
		[BEHAVIOUR_LISTEN] = { "", " listens: " },
		[BEHAVIOUR_OWNER] = { "", " runs as " },
		[BEHAVIOUR_PRIVILEGE] = { "", " gained the rights of " },
		[BEHAVIOUR_RAW] = { "", " opened a raw socket: " },
	};

	if (behaviour->kind == BEHAVIOUR_WRITE) {
		buffer_text(out, behaviour->program);
		add_change(out, finding->event);
		return;
	}
	buffer_text(out, words[behaviour->kind][0]);
	buffer_text(out, behaviour->program); /* escaped already */
	buffer_text(out, words[behaviour->kind][1]);
	buffer_text(out, behaviour->object);
}

void explain_label(struct buffer *out, const char *label)
{
	buffer_printf(out, "  %-8s  ", label);
}

void explain_actor(struct buffer *out, const struct event *event)
{
	explain_label(out, "process");
	buffer_printf(out, "%" PRIu32 " ", event->pid);
	buffer_text(out, event->program.text);
	buffer_text(out, " as ");
	explain_text(out, event->effective_user);
	if (event->login_user[0]) {
		buffer_text(out, ", login ");
		explain_text(out, event->login_user);
	}
	if (event->session_id != EVENT_NO_ID)
		buffer_printf(out, ", audit session %" PRIu32, event->session_id);
	if (event->tty[0]) {
		buffer_text(out, ", ");
		explain_text(out, event->tty);
	}
	buffer_byte(out, '\n');
	if (event->argv_size) {
		explain_label(out, "command");
		add_arguments(out, event);
		buffer_byte(out, '\n');
	}
}

/* So many ancestors are shown; what lies beyond is the machine's own ancestry. The JSON has them all. */
#define LINEAGE_SHOWN 6

static bool same_ancestor(const struct event_ancestor *one, const struct event_ancestor *other)
{
	return !strcmp(one->program, other->program) && !strcmp(one->user, other->user);
}

static void add_ancestor(struct buffer *out, const struct event_ancestor *ancestor)
{
	buffer_text(out, ancestor->program[0] ? ancestor->program : "?");
	if (ancestor->user[0]) {
		buffer_text(out, " (");
		explain_text(out, ancestor->user);
		buffer_byte(out, ')');
	}
}

/* Eldest first; a program that forked itself stands once. */
void explain_lineage(struct buffer *out, const struct event *event)
{
	const struct event_ancestor *shown[LINEAGE_SHOWN];
	unsigned count = 0, at = 0;

	for (; at < event->lineage_count; at++) {
		if (count && same_ancestor(shown[count - 1], &event->lineage[at]))
			continue;
		if (count == LINEAGE_SHOWN)
			break;
		shown[count++] = &event->lineage[at];
	}
	if (!count)
		return;
	explain_label(out, "lineage");
	if (at < event->lineage_count)
		buffer_text(out, "… > ");
	while (count--) {
		add_ancestor(out, shown[count]);
		buffer_text(out, count ? " > " : "\n");
	}
}

/* By which a service was started, or what it runs was written. */
static void explain_change(struct buffer *out, const struct event *event)
{
	if (!event->change[0])
		return;
	explain_label(out, "change");
	explain_text(out, event->change);
	buffer_byte(out, '\n');
}

static void add_place(struct buffer *out, const struct event *event)
{
	explain_label(out, "where");
	explain_text(out, event->host);
	if (event->cwd[0]) {
		buffer_text(out, ", in ");
		explain_text(out, event->cwd);
	}
	if (event->cgroup[0]) {
		buffer_text(out, ", cgroup ");
		explain_text(out, event->cgroup);
	}
	buffer_byte(out, '\n');
	if (event->kind == EVENT_CONNECT || event->kind == EVENT_ACCEPT) {
		explain_label(out, "peer");
		explain_address(out, event->family, event->remote_address, event->remote_port);
		buffer_byte(out, '\n');
	}
}

/* What is odd, not what is only so. */
#define FLAGS_NOTED (~(EVENT_FLAG_EXISTING | EVENT_FLAG_BY_READER | EVENT_FLAG_PORT_ASKED))

void explain_flags(struct buffer *out, const struct event *event)
{
	bool first = true;

	for (unsigned bit = 0; bit < EVENT_FLAG_COUNT; bit++) {
		if (!(event->flags & FLAGS_NOTED & 1U << bit))
			continue;
		if (first)
			explain_label(out, "note");
		buffer_printf(out, "%s%s", first ? "" : ", ", event_flag_name(bit));
		first = false;
	}
	if (!first)
		buffer_byte(out, '\n');
}

void finding_context(struct buffer *out, const struct behaviour *behaviour)
{
	buffer_text(out, context_kind_name(behaviour->context_kind));
	if (behaviour->context_name[0]) {
		buffer_byte(out, ' ');
		escape_append(out, behaviour->context_name, strlen(behaviour->context_name), " #()");
	}
	if (behaviour->in_container)
		buffer_text(out, " in container");
}

void finding_line(struct buffer *out, const struct behaviour *behaviour)
{
	buffer_printf(out, "%s %s%s%s", behaviour_kind_name(behaviour->kind), behaviour->program,
		      behaviour->object[0] ? "  " : "", behaviour->object);
}

static void add_consequence(struct buffer *out, const struct finding *finding)
{
	explain_label(out, "means");
	explain_context(out, &finding->event->context);
	buffer_printf(out, " %s\n", finding->verdict.consequence);
}

static void add_lines(struct buffer *out, const struct finding *finding)
{
	for (unsigned i = 0; i < finding->count; i++) {
		buffer_text(out, finding->count > 1 ? "\n              " : "  ");
		finding_line(out, &finding->behaviour[i]);
	}
	buffer_byte(out, '\n');
}

/* Who, when and why: escaped, as decisions have it. */
static void add_decision(struct buffer *out, const struct decision *decision)
{
	char time[DECISION_TIME_MAX];

	decision_time(decision->time, time);
	explain_label(out, "why");
	buffer_printf(out, "forbidden at %s by ", time);
	buffer_text(out, decision->who);
	buffer_text(out, ": ");
	buffer_text(out, decision->reason);
	buffer_byte(out, '\n');
	explain_label(out, "normal?");
	buffer_text(out, "then accept it: the newest decision counts (sombrero model accept)\n");
}

static void add_remedy(struct buffer *out, const struct finding *finding, const char *model_name)
{
	static const char *const reasons[FINDING_KIND_COUNT] = {
		[FINDING_BEHAVIOUR] = "the model has no such line for this context\n",
		[FINDING_CONTEXT] = "the model does not know this context at all\n",
		[FINDING_BENEATH] = "the model does not know what it belongs to, told before\n",
		[FINDING_FLOOD] =
			"this program has done too many new things of that kind: from here on they are counted\n",
	};

	if (finding->kind == FINDING_FORBIDDEN) {
		add_decision(out, finding->decision);
		return;
	}
	explain_label(out, "why");
	buffer_text(out, reasons[finding->kind]);
	explain_label(out, "normal?");
	buffer_printf(out, "then add to %s, below `", model_name);
	finding_context(out, finding->behaviour);
	buffer_text(out, "`:");
	add_lines(out, finding);
}

void finding_explain(struct buffer *out, const struct finding *finding, const char *model_name)
{
	static const char *const titles[FINDING_KIND_COUNT] = {
		[FINDING_BEHAVIOUR] = "DEVIATION", [FINDING_CONTEXT] = "NEW CONTEXT", [FINDING_BENEATH] = "  beneath",
		[FINDING_FLOOD] = "FLOOD",         [FINDING_FORBIDDEN] = "FORBIDDEN",
	};
	const struct event *event = finding->event;

	explain_time(out, event->time_ns);
	buffer_printf(out, "  %s %s  ", titles[finding->kind], severity_name(finding->verdict.severity));
	explain_context(out, &event->context);
	buffer_text(out, ": ");
	add_deed(out, finding);
	buffer_byte(out, '\n');
	/* Beneath what a person looks at anyway a line is enough, unless it is worse than news of a new context mostly are. */
	if (finding->kind == FINDING_BENEATH && finding->verdict.severity < SEVERITY_HIGH)
		return;
	add_consequence(out, finding);
	explain_actor(out, event);
	if (event->other_program[0]) {
		explain_label(out, "or");
		buffer_text(out, event->other_program); /* escaped already */
		buffer_byte(out, '\n');
	}
	explain_lineage(out, event);
	explain_change(out, event);
	add_place(out, event);
	explain_flags(out, event);
	add_remedy(out, finding, model_name);
}

static void add_ids(struct buffer *out, const struct event *event)
{
	buffer_printf(out, "uid %" PRIu32 "/%" PRIu32 " -> %" PRIu32 "/%" PRIu32, event->uid_before, event->euid_before,
		      event->uid, event->euid);
	if (event->capabilities != event->capabilities_before)
		buffer_printf(out, ", capabilities %" PRIx64 " -> %" PRIx64, event->capabilities_before,
			      event->capabilities);
}

static void add_network(struct buffer *out, const struct event *event, const struct networks *networks)
{
	bool remote = event->kind == EVENT_CONNECT || event->kind == EVENT_ACCEPT;
	const uint8_t *address = remote ? event->remote_address : event->local_address;

	if (event->family != AF_INET && event->family != AF_INET6) {
		buffer_text(out, "packet");
		return;
	}
	if (event->protocol == IPPROTO_TCP || event->protocol == IPPROTO_UDP)
		buffer_text(out, event->protocol == IPPROTO_TCP ? "tcp " : "udp ");
	else
		buffer_printf(out, "protocol %u ", event->protocol);
	explain_address(out, event->family, address, remote ? event->remote_port : event->local_port);
	buffer_printf(out, " (%s)", networks_name(networks, event->family, address));
	if (event->kind == EVENT_ACCEPT)
		buffer_printf(out, " on port %u", event->local_port);
}

static void add_detail(struct buffer *out, const struct event *event, const struct networks *networks)
{
	switch (event->kind) {
	case EVENT_EXEC:
		add_arguments(out, event);
		break;
	case EVENT_EXIT:
		if (event->exit_signal)
			buffer_printf(out, "signal %" PRIu32, event->exit_signal);
		else
			buffer_printf(out, "code %" PRIu32, event->exit_code);
		break;
	case EVENT_PRIVILEGE:
		add_ids(out, event);
		break;
	case EVENT_CONTEXT:
		buffer_text(out, "was ");
		explain_context(out, &event->context_before);
		break;
	case EVENT_CONNECT:
	case EVENT_ACCEPT:
	case EVENT_LISTEN:
	case EVENT_RAW:
		add_network(out, event, networks);
		break;
	case EVENT_RENAME:
		explain_text(out, event->path_before);
		buffer_text(out, " -> ");
		explain_text(out, event->path);
		break;
	case EVENT_USAGE:
		buffer_printf(out,
			      "%" PRIu64 " processes (at most %" PRIu64 ", %" PRIu64 " begun), %" PRIu64 " ms of CPU",
			      event->processes, event->processes_most, event->processes_begun, event->cpu_ms);
		break;
	case EVENT_SCHEDULE:
		if (event->period)
			buffer_printf(out, "each %" PRIu64 " seconds", event->period);
		else
			buffer_text(out, "at its time");
		break;
	case EVENT_CREATE:
	case EVENT_WRITE:
	case EVENT_REMOVE:
	case EVENT_ATTRIBUTES:
		explain_text(out, event->path);
		break;
	default:
		break;
	}
}

void event_summarise(struct buffer *out, const struct event *event, const struct networks *networks)
{
	explain_time(out, event->time_ns);
	if (event->kind == EVENT_LOSS) {
		buffer_printf(out, "  LOST %" PRIu64 ": ", event->loss_count);
		explain_text(out, event->loss_reason);
		return;
	}
	buffer_printf(out, "  %-9s %-7" PRIu32 " ", event_kind_name(event->kind), event->pid);
	explain_context(out, &event->context);
	buffer_text(out, "  ");
	buffer_text(out, event->program.text[0] ? event->program.text : "?");
	buffer_text(out, "  ");
	add_detail(out, event, networks);
}

void explain_json_string(struct buffer *out, const char *text)
{
	buffer_byte(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_byte(out, '\\');
		buffer_byte(out, *text);
	}
	buffer_byte(out, '"');
}

/* The texts of a behaviour are escaped already, so JSON needs no more than its quotes. */
static void write_behaviour(struct buffer *out, const struct behaviour *behaviour)
{
	buffer_printf(out, "{\"kind\":\"%s\",\"program\":", behaviour_kind_name(behaviour->kind));
	explain_json_string(out, behaviour->program);
	buffer_text(out, ",\"object\":");
	explain_json_string(out, behaviour->object);
	buffer_byte(out, '}');
}

static void write_context(struct buffer *out, const struct behaviour *behaviour)
{
	struct buffer name = BUFFER_INIT(8192);

	escape_append(&name, behaviour->context_name, strlen(behaviour->context_name), "");
	buffer_printf(out, "{\"kind\":\"%s\",\"name\":", context_kind_name(behaviour->context_kind));
	explain_json_string(out, buffer_string(&name));
	buffer_printf(out, ",\"in_container\":%s}", behaviour->in_container ? "true" : "false");
	buffer_free(&name);
}

static void write_decision(struct buffer *out, const struct decision *decision)
{
	char time[DECISION_TIME_MAX];

	decision_time(decision->time, time);
	buffer_printf(out, "\"forbidden\":{\"time\":\"%s\",\"by\":", time);
	explain_json_string(out, decision->who);
	buffer_text(out, ",\"reason\":");
	explain_json_string(out, decision->reason);
	buffer_text(out, "},");
}

void finding_write(struct buffer *out, const struct finding *finding)
{
	buffer_printf(out, "{\"finding\":\"%s\",\"severity\":\"%s\",\"consequence\":\"%s\",\"context\":",
		      finding_kind_name(finding->kind), severity_name(finding->verdict.severity),
		      finding->verdict.consequence);
	write_context(out, finding->behaviour);
	buffer_text(out, ",\"behaviours\":[");
	for (unsigned i = 0; i < finding->count; i++) {
		buffer_text(out, i ? "," : "");
		write_behaviour(out, &finding->behaviour[i]);
	}
	buffer_text(out, "],");
	if (finding->decision)
		write_decision(out, finding->decision);
	buffer_text(out, "\"event\":");
	ndjson_write(out, finding->event);
	/* The event ended its line; the finding ends there too. */
	if (out->size && out->data[out->size - 1] == '\n')
		out->size--;
	buffer_text(out, "}\n");
}
