/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "event/ndjson.h"

/* Of a command line, so much is shown. */
#define COMMAND_MAX 300
#define INDENT_MAX  12

struct page_process {
	uint32_t pid;
	unsigned depth;
};

int page_begin(struct page *page, bool of_change)
{
	const struct buffer empty = BUFFER_INIT(SHOW_MAX / 8);

	*page = (struct page) { .of_change = of_change,
				.programs = empty,
				.files = empty,
				.privileges = empty,
				.network = empty,
				.events = BUFFER_INIT(SHOW_MAX / 8) };
	page->reader = ndjson_reader_new();
	return page->reader ? 0 : -ENOMEM;
}

void page_end(struct page *page)
{
	ndjson_reader_free(page->reader);
	buffer_free(&page->programs);
	buffer_free(&page->files);
	buffer_free(&page->privileges);
	buffer_free(&page->network);
	buffer_free(&page->events);
	counted_free(&page->by_program);
	counted_free(&page->by_file);
	counted_free(&page->listeners);
	counted_free(&page->services);
	counted_free(&page->restarts);
	free(page->process);
}

/* Lines */

static void begin_line(struct buffer *out, const struct event *event)
{
	time_t seconds = (time_t)(event->time_ns / 1000000000U);
	struct tm local;
	char text[16] = "";

	if (localtime_r(&seconds, &local))
		(void)strftime(text, sizeof(text), "%H:%M:%S", &local);
	buffer_printf(out, "  %s  ", text);
}

static void end_line(struct buffer *out, const struct event *event, bool orphan)
{
	if (event->flags & EVENT_FLAG_ACTOR_UNCERTAIN) {
		buffer_text(out, "; uncertain, or by ");
		buffer_text(out, *event->other_program ? event->other_program : "whoever had it open");
	}
	if (event->flags & EVENT_FLAG_FOUND)
		buffer_text(out, "; found by comparing");
	buffer_text(out, orphan ? "; orphan\n" : "\n");
}

/* Programs are escaped already. */
static const char *program_of(const struct event *event)
{
	return *event->program.text ? event->program.text : "?";
}

static const char *user_of(const struct event *event)
{
	return *event->effective_user ? event->effective_user : event->user;
}

/* The process's place in the tree: below its parent where that is on the page. */
static unsigned depth_of(const struct page *page, uint32_t pid, bool *known)
{
	for (size_t i = page->process_count; i > 0; i--) {
		if (page->process[i - 1].pid == pid) {
			*known = true;
			return page->process[i - 1].depth;
		}
	}
	*known = false;
	return 0;
}

static void note_depth(struct page *page, uint32_t pid, unsigned depth)
{
	struct page_process *larger;

	if (page->process_count == page->process_capacity) {
		page->process_capacity = page->process_capacity ? 2 * page->process_capacity : 64;
		larger = realloc(page->process, page->process_capacity * sizeof(*larger));
		if (!larger) { /* the tree is flat then */
			page->process_capacity = page->process_count;
			return;
		}
		page->process = larger;
	}
	page->process[page->process_count++] = (struct page_process) { .pid = pid, .depth = depth };
}

static unsigned place(struct page *page, const struct event *event)
{
	bool known;
	unsigned depth = depth_of(page, event->pid, &known);

	if (known) /* one program after another */
		return depth;
	depth = depth_of(page, event->parent_pid, &known);
	depth += known;
	note_depth(page, event->pid, depth);
	return depth;
}

/* What was typed, as far as it goes. */
static void add_command(struct buffer *out, const struct event *event)
{
	size_t limit = out->size + COMMAND_MAX;

	for (size_t at = 0; at < event->argv_size && out->size < limit; at += strlen(event->argv + at) + 1) {
		buffer_text(out, at ? " " : ": ");
		escape_append(out, event->argv + at, strnlen(event->argv + at, COMMAND_MAX), "");
	}
	if (event->argv_size && out->size >= limit)
		buffer_text(out, " …");
}

static void add_program(struct page *page, const struct event *event, bool orphan)
{
	struct buffer *out = &page->programs;
	unsigned depth;

	counted_add(&page->by_program, program_of(event));
	if (page->of_change)
		return;
	depth = place(page, event);
	begin_line(out, event);
	buffer_printf(out, "%*s%s", (int)(2 * (depth < INDENT_MAX ? depth : INDENT_MAX)), "", program_of(event));
	buffer_text(out, " as ");
	show_text(out, user_of(event));
	add_command(out, event);
	end_line(out, event, orphan);
}

/* Files */

static void add_size(struct buffer *out, const char *between, uint64_t before, uint64_t after)
{
	if (before == EVENT_NO_SIZE && after == EVENT_NO_SIZE)
		return;
	buffer_text(out, between);
	if (before != EVENT_NO_SIZE && before != after)
		buffer_printf(out, "%" PRIu64 "%s", before, after != EVENT_NO_SIZE ? " → " : "");
	if (after != EVENT_NO_SIZE)
		buffer_printf(out, "%" PRIu64, after);
	buffer_text(out, " bytes");
}

static void add_difference(struct buffer *out, const char *what, const char *before, const char *after)
{
	if (!strcmp(before, after))
		return;
	buffer_printf(out, ", %s ", what);
	show_text(out, *before ? before : "none");
	buffer_text(out, " → ");
	show_text(out, *after ? after : "none");
}

static void add_mode(struct buffer *out, const struct event *event)
{
	uint32_t before = event->file_before.mode, after = event->file.mode;

	if (before == EVENT_NO_ID && after != EVENT_NO_ID)
		buffer_printf(out, ", mode %04o", after);
	else if (before != after && after != EVENT_NO_ID)
		buffer_printf(out, ", mode %04o → %04o", before, after);
}

/* Before → after, of what differs. */
static void add_states(struct buffer *out, const struct event *event)
{
	const struct file_state *before = &event->file_before, *after = &event->file;

	add_size(out, "  ", event->kind == EVENT_ATTRIBUTES ? EVENT_NO_SIZE : before->size, after->size);
	if (event->kind == EVENT_REMOVE)
		return;
	add_mode(out, event);
	if (before->type == FILE_NONE)
		return;
	add_difference(out, "owner", before->owner, after->owner);
	add_difference(out, "group", before->group, after->group);
	add_difference(out, "target", before->target, after->target);
	if (*before->sha256 && *after->sha256 && strcmp(before->sha256, after->sha256) != 0)
		buffer_printf(out, ", sha256 %.12s → %.12s", before->sha256, after->sha256);
}

static void add_path(struct buffer *out, const struct event *event)
{
	if (event->kind == EVENT_RENAME && *event->path_before) {
		show_text(out, event->path_before);
		buffer_text(out, " → ");
	}
	show_text(out, event->path);
	if (event->file.type == FILE_DIRECTORY || event->file_before.type == FILE_DIRECTORY)
		buffer_byte(out, '/');
}

static void add_file(struct page *page, const struct event *event, bool orphan)
{
	struct buffer *out = &page->files, counted = BUFFER_INIT(65536);

	buffer_printf(&counted, "%-10s  ", event_kind_name(event->kind));
	add_path(&counted, event);
	counted_add(&page->by_file, buffer_string(&counted));
	page->by_kind[event->kind]++;
	if (!page->of_change) {
		begin_line(out, event);
		buffer_text(out, buffer_string(&counted));
		add_states(out, event);
		if (event->entries)
			buffer_printf(out, ", with %" PRIu64 " more", event->entries);
		buffer_printf(out, "  by %s", program_of(event));
		end_line(out, event, orphan);
	}
	buffer_free(&counted);
}

/* Rights and network */

static void add_privilege(struct page *page, const struct event *event, bool orphan)
{
	struct buffer *out = &page->privileges;

	if (event->euid_before == EVENT_NO_ID || event->euid == EVENT_NO_ID)
		return;
	if (event->euid_before == event->euid && event->uid_before == event->uid &&
	    event->capabilities == event->capabilities_before)
		return;
	begin_line(out, event);
	buffer_printf(out, "%s: uid %u/%u → %u/%u (", program_of(event), event->uid_before, event->euid_before,
		      event->uid, event->euid);
	show_text(out, user_of(event));
	buffer_byte(out, ')');
	if (event->flags & EVENT_FLAG_SETID)
		buffer_text(out, ", set-uid");
	end_line(out, event, orphan);
}

static void add_address(struct buffer *out, const struct event *event, const uint8_t *address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(event->family, address, text, sizeof(text));
	buffer_printf(out, "%s %s %u",
		      event->protocol == IPPROTO_UDP   ? "udp"
		      : event->protocol == IPPROTO_TCP ? "tcp"
						       : "ip",
		      text, port);
}

static void add_network(struct page *page, const struct event *event, bool orphan)
{
	struct buffer *out = &page->network;

	begin_line(out, event);
	buffer_printf(out, "%-7s  ", event_kind_name(event->kind));
	if (event->kind == EVENT_LISTEN)
		add_address(out, event, event->local_address, event->local_port);
	else if (event->kind != EVENT_RAW)
		add_address(out, event, event->remote_address, event->remote_port);
	buffer_printf(out, "  by %s", program_of(event));
	end_line(out, event, orphan);
}

static void add_listener(struct page *page, const struct event *event)
{
	struct buffer text = BUFFER_INIT(65536);

	add_address(&text, event, event->local_address, event->local_port);
	buffer_printf(&text, "  %s", program_of(event));
	counted_add(&page->listeners, buffer_string(&text));
	buffer_free(&text);
}

/* "systemctl restart nginx", "service nginx reload": asked for, and done by somebody else. */
static void add_restart(struct page *page, const struct event *event)
{
	static const char *const words[] = { "restart", "reload", "start", "stop", "try-restart", "reload-or-restart" };
	const char *name = program_name(&event->program);
	struct buffer text = BUFFER_INIT(COMMAND_MAX + 1024);
	bool asks = false;

	if (strcmp(name, "systemctl") != 0 && strcmp(name, "service") != 0 && strcmp(name, "invoke-rc.d") != 0)
		return;
	for (size_t at = 0; at < event->argv_size; at += strlen(event->argv + at) + 1) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			asks |= !strcmp(event->argv + at, words[i]);
	}
	add_command(&text, event);
	if (asks)
		counted_add(&page->restarts, buffer_string(&text) + strlen(": "));
	buffer_free(&text);
}

static void add_service(struct page *page, const struct event *event)
{
	struct buffer text = BUFFER_INIT(65536);

	show_text(&text, event->context.name);
	counted_add(&page->services, buffer_string(&text));
	buffer_free(&text);
}

static void add_event(struct page *page, const struct event *event, bool orphan)
{
	if (event->context.kind == CONTEXT_SERVICE && (event->kind == EVENT_EXEC || event->kind == EVENT_CONTEXT))
		add_service(page, event);
	if (event->kind == EVENT_EXEC) {
		add_program(page, event, orphan);
		add_restart(page, event);
	}
	if (event->kind == EVENT_EXEC || event->kind == EVENT_PRIVILEGE)
		add_privilege(page, event, orphan);
	if (event_is_file(event))
		add_file(page, event, orphan);
	if (event->kind == EVENT_LISTEN)
		add_listener(page, event);
	if (event->kind == EVENT_CONNECT || event->kind == EVENT_ACCEPT || event->kind == EVENT_LISTEN ||
	    event->kind == EVENT_RAW)
		add_network(page, event, orphan);
}

int page_line(void *to, const char *line, size_t size, bool orphan)
{
	struct page *page = to;
	struct error error = { "" };
	struct event event;

	if (ndjson_read(page->reader, line, size, &event, &error)) {
		page->unread++;
		return 0;
	}
	add_event(page, &event, orphan);
	buffer_text(&page->events, page->events.size ? "," : "");
	buffer_append(&page->events, line, size);
	return 0;
}

/* The whole page */

static void show_section(struct buffer *out, const char *title, const struct buffer *lines)
{
	if (!lines->size && !lines->failed)
		return;
	buffer_printf(out, "\n%s\n%s", title, buffer_string(lines));
	if (lines->failed)
		buffer_text(out, "  … (there is more than fits here)\n");
}

static void show_counted(struct buffer *out, const char *title, struct counted *counted)
{
	if (!counted->count)
		return;
	buffer_printf(out, "\n%s\n", title);
	for (size_t i = 0; i < counted->count; i++) {
		buffer_printf(out, "  %s", counted->texts[i]->text);
		if (counted->texts[i]->count > 1)
			buffer_printf(out, "  (%" PRIu64 " times)", counted->texts[i]->count);
		buffer_byte(out, '\n');
	}
	if (counted->left_out)
		buffer_printf(out, "  … and %" PRIu64 " more\n", counted->left_out);
}

void page_show(struct page *page, struct buffer *out)
{
	if (page->of_change) {
		counted_sort(&page->by_file);
		show_counted(out, "files", &page->by_file);
		show_counted(out, "programs", &page->by_program);
		show_counted(out, "new listeners", &page->listeners);
		show_counted(out, "services started", &page->services);
		show_counted(out, "asked of services", &page->restarts);
	} else {
		show_section(out, "programs", &page->programs);
		show_section(out, "files", &page->files);
	}
	show_section(out, "privileges", &page->privileges);
	show_section(out, "network", &page->network);
	if (page->unread)
		buffer_printf(out, "\n%" PRIu64 " events could not be read\n", page->unread);
}

/* The texts are "KIND  PATH", kinds padded. */
static void json_files(struct buffer *out, const struct counted *files)
{
	json_key(out, "changed_files");
	buffer_byte(out, '[');
	for (size_t i = 0; i < files->count; i++) {
		const char *text = files->texts[i]->text;
		size_t kind = strcspn(text, " ");

		buffer_printf(out, "%s{\"kind\":\"%.*s\"", i ? "," : "", (int)kind, text);
		json_escaped(out, "path", text + kind + strspn(text + kind, " "));
		json_number(out, "count", files->texts[i]->count);
		buffer_byte(out, '}');
	}
	buffer_byte(out, ']');
}

void page_json(struct page *page, struct buffer *out)
{
	counted_sort(&page->by_file);
	json_files(out, &page->by_file);
	json_counted(out, "programs", "program", &page->by_program);
	json_counted(out, "listeners", "listener", &page->listeners);
	json_counted(out, "services_started", "service", &page->services);
	json_counted(out, "services_asked", "command", &page->restarts);
	json_key(out, "kept");
	buffer_printf(out, "[");
	buffer_append(out, buffer_string(&page->events), page->events.size);
	buffer_byte(out, ']');
	if (page->unread)
		json_number(out, "unread", page->unread);
}
