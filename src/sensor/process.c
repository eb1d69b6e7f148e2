/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/process_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "event/redact.h"

static bool same_pid(const void *entry, const void *key)
{
	return ((const struct process *)entry)->pid == *(const uint32_t *)key;
}

void process_table_init(struct process_table *table)
{
	*table = (struct process_table) { .by_pid = TABLE_INIT(same_pid) };
}

void image_release(struct image *image)
{
	if (image && !--image->references)
		free(image);
}

void context_release(struct context_node *node)
{
	if (!node || --node->references)
		return;
	login_release(node->begins);
	free(node);
}

static void list_remove(struct process_table *table, struct process *process)
{
	if (process->older)
		process->older->younger = process->younger;
	else
		table->oldest = process->younger;
	if (process->younger)
		process->younger->older = process->older;
	else
		table->youngest = process->older;
}

static void list_append(struct process_table *table, struct process *process)
{
	process->older = table->youngest;
	process->younger = NULL;
	if (table->youngest)
		table->youngest->younger = process;
	else
		table->oldest = process;
	table->youngest = process;
}

/* Drops a reference; the last frees it, and so on up the line of its parents. */
static void process_release(struct process_table *table, struct process *process)
{
	while (process && !--process->references) {
		struct process *parent = process->parent;

		list_remove(table, process);
		if (process->dead)
			table->dead--;
		else
			table->living--;
		image_release(process->image);
		image_release(process->image_before);
		context_release(process->context);
		login_release(process->login);
		free(process);
		process = parent;
	}
}

void process_hold(struct process *process)
{
	process->references++;
}

void process_drop(struct process_table *table, struct process *process)
{
	process_release(table, process);
}

/* Takes it out of the table by pid, so that only its children keep it. */
static void forget(struct process_table *table, struct process *process)
{
	if (!process->in_table)
		return;
	process->in_table = false;
	(void)table_remove(&table->by_pid, hash_u64(process->pid), &process->pid);
	process_release(table, process);
}

void process_table_free(struct process_table *table)
{
	struct process *process, *next;

	for (process = table->oldest; process; process = next) {
		next = process->younger;
		image_release(process->image);
		image_release(process->image_before);
		context_release(process->context);
		login_release(process->login);
		free(process);
	}
	table_free(&table->by_pid);
	process_table_init(table);
}

struct process *process_find(const struct process_table *table, uint32_t pid, uint64_t start_ns)
{
	struct process *process = table_find(&table->by_pid, hash_u64(pid), &pid);

	if (process && start_ns && start_ns - process->start_ns > process->start_slack_ns)
		return NULL;
	return process;
}

/* Lets the oldest of the dead go that only the table keeps. */
static void trim_dead(struct process_table *table)
{
	struct process *process = table->oldest, *next;

	/* Only a few steps each time: the list also holds the living and the needed. */
	for (unsigned steps = 0; process && steps < 8 && table->dead > PROCESS_DEAD_MAX; process = next, steps++) {
		next = process->younger;
		if (process->dead && process->in_table && process->references == 1) {
			forget(table, process);
			continue;
		}
		/* To the young end, so that the old end does not fill up with what must stay. */
		list_remove(table, process);
		list_append(table, process);
	}
}

/* A bounded walk: what lies behind was cut when the ancestor there was added, or is held by somebody who lives. */
static void cut_long_lineage(struct process_table *table, struct process *process)
{
	struct process *ancestor = process;

	for (unsigned depth = 1; ancestor && depth < PROCESS_LINEAGE_MAX; depth++)
		ancestor = ancestor->parent;
	if (!ancestor || !ancestor->parent || !ancestor->parent->dead)
		return;
	process_release(table, ancestor->parent);
	ancestor->parent = NULL;
}

static void inherit(struct process *process, struct process *parent)
{
	parent->references++;
	process->parent = parent;
	if (parent->image)
		parent->image->references++;
	process->image = parent->image;
	process_set_context(process, parent->context, false);
	process_set_login(process, parent->login, false);
	process->credentials = parent->credentials;
	process->user = parent->user;
	process->effective_user = parent->effective_user;
	process->group = parent->group;
	process->login_uid = parent->login_uid;
	process->session_id = parent->session_id;
	process->tty_major = parent->tty_major;
	process->tty_minor = parent->tty_minor;
	process->mount_namespace = parent->mount_namespace;
	process->pid_namespace = parent->pid_namespace;
	process->net_namespace = parent->net_namespace;
	process->user_namespace = parent->user_namespace;
	process->in_scope = parent->in_scope;
}

static void mark_dead(struct process_table *table, struct process *process)
{
	if (process->dead)
		return;
	process->dead = true;
	table->living--;
	table->dead++;
	if (process->context)
		process->context->usage.living--;
	if (process->is_context_root && process->context)
		process->context->roots--;
	if (process->is_login_root)
		process->login->roots--;
	/* The latest of the dead are kept: they stand at the young end. */
	list_remove(table, process);
	list_append(table, process);
}

/* Makes room for another process of that pid: this one's end was missed. */
static void retire(struct process_table *table, uint32_t pid)
{
	struct process *before = process_find(table, pid, 0);

	if (!before)
		return;
	mark_dead(table, before);
	forget(table, before);
}

static struct process *insert(struct process_table *table, uint32_t pid, uint64_t start_ns)
{
	struct process *process;

	if (table->by_pid.count >= PROCESS_TABLE_MAX) {
		table->refused++;
		return NULL;
	}
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->pid = process->namespace_pid = pid;
	process->start_ns = start_ns;
	process->references = 1;
	process->in_table = true;
	process->login_uid = process->session_id = EVENT_NO_ID;
	if (table_insert(&table->by_pid, hash_u64(pid), process) < 0) {
		free(process);
		return NULL;
	}
	list_append(table, process);
	table->living++;
	return process;
}

struct process *process_add(struct process_table *table, uint32_t pid, uint64_t start_ns, struct process *parent)
{
	struct process *process;

	if (parent && parent->pid == pid)
		parent = NULL; /* a pid that is its own parent: the record is wrong, not the world */
	if (parent)
		parent->references++; /* the dead that go meanwhile must not take it along */
	retire(table, pid);
	process = insert(table, pid, start_ns);
	if (process && parent) {
		inherit(process, parent);
		cut_long_lineage(table, process);
	}
	process_release(table, parent);
	return process;
}

void process_end(struct process_table *table, struct process *process)
{
	mark_dead(table, process);
	trim_dead(table);
}

void process_set_image(struct process *process, struct image *image)
{
	image_release(process->image_before);
	process->image_before = process->image;
	process->image = image;
}

static void count_context(struct context_node *before, struct context_node *context)
{
	if (before == context)
		return;
	if (before)
		before->usage.living--;
	if (!context)
		return;
	context->usage.begun++;
	context->usage.living++;
	if (context->usage.living > context->usage.most)
		context->usage.most = context->usage.living;
}

void process_set_context(struct process *process, struct context_node *context, bool is_root)
{
	if (!process->dead)
		count_context(process->context, context);
	if (context)
		context->references++;
	if (process->is_context_root && process->context && !process->dead)
		process->context->roots--;
	context_release(process->context);
	process->context = context;
	process->is_context_root = is_root && context;
	if (process->is_context_root && !process->dead)
		context->roots++;
}

void process_set_login(struct process *process, struct login *login, bool is_root)
{
	if (login) {
		login->references++;
		login->processes += login != process->login;
	}
	if (process->is_login_root && !process->dead)
		process->login->roots--;
	login_release(process->login);
	process->login = login;
	process->is_login_root = is_root && login;
	if (process->is_login_root && !process->dead)
		login->roots++;
	if (process->is_login_root)
		login->had_roots = true;
}

static uint32_t image_flags(uint32_t record_flags)
{
	static const struct {
		uint32_t record, event;
	} flags[] = {
		{ SOMBRERO_EXE_MEMFD, EVENT_FLAG_MEMFD },
		{ SOMBRERO_EXE_DELETED, EVENT_FLAG_DELETED },
		{ SOMBRERO_EXE_SETID, EVENT_FLAG_SETID },
		{ SOMBRERO_ARGV_TRUNCATED, EVENT_FLAG_ARGV_TRUNCATED },
		{ SOMBRERO_ARGV_UNREADABLE, EVENT_FLAG_ARGV_UNREADABLE },
		{ SOMBRERO_PATH_TRUNCATED, EVENT_FLAG_PATH_TRUNCATED },
		{ SOMBRERO_PATH_OUTSIDE, EVENT_FLAG_PATH_OUTSIDE },
		{ SOMBRERO_EXE_CHROOT, EVENT_FLAG_CHROOT },
	};
	uint32_t result = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (record_flags & flags[i].record)
			result |= flags[i].event;
	}
	return result;
}

/* Copies `size` bytes to *at and moves it on; returns where they are now. */
static const char *place(char **at, const char *bytes, size_t size)
{
	char *here = *at;

	memcpy(here, bytes, size);
	*at += size;
	return here;
}

static const char *place_text(char **at, const char *text)
{
	return place(at, text, strlen(text) + 1);
}

struct image *image_new(const struct image_facts *facts)
{
	/* Large, and used by one thread only. */
	static struct program_class class;
	const struct program_facts program = {
		.exe = facts->exe,
		.called = facts->called,
		.cwd = facts->cwd,
		.shebang = facts->record_flags & SOMBRERO_EXE_SHEBANG,
		.argv = facts->argv,
		.argv_size = facts->argv_size,
		.argv_truncated = facts->record_flags & SOMBRERO_ARGV_TRUNCATED,
	};
	struct image *image;
	bool redacted;
	char *at;

	program_classify(&program, &class);
	image = malloc(sizeof(*image) + strlen(facts->exe) + strlen(facts->called) + strlen(facts->cwd) +
		       strlen(facts->cgroup) + strlen(class.script) + strlen(class.text) + 6 + facts->argv_size + 1);
	if (!image)
		return NULL;
	at = (char *)(image + 1);
	image->references = 1;
	image->flags = image_flags(facts->record_flags);
	image->program.exe = place_text(&at, facts->exe);
	image->program.called = place_text(&at, facts->called);
	image->program.script_kind = class.kind;
	image->program.script = place_text(&at, class.script);
	image->program.text = place_text(&at, class.text);
	image->cwd = place_text(&at, facts->cwd);
	image->cgroup = place_text(&at, facts->cgroup);
	image->argc = facts->argc;
	image->argv = at;
	(void)place(&at, facts->argv, facts->argv_size);
	image->argv_size = redact_argv(at - facts->argv_size, facts->argv_size, &redacted);
	if (redacted)
		image->flags |= EVENT_FLAG_REDACTED;
	image->is_wrapper = program_is_wrapper(&image->program);
	return image;
}

struct image *image_moved(const struct image *image, const char *cgroup)
{
	const struct program *program = &image->program;
	struct image *moved =
		malloc(sizeof(*moved) + strlen(program->exe) + strlen(program->called) + strlen(program->script) +
		       strlen(program->text) + strlen(image->cwd) + strlen(cgroup) + 6 + image->argv_size);
	char *at;

	if (!moved)
		return NULL;
	at = (char *)(moved + 1);
	*moved = *image;
	moved->references = 1;
	moved->program.exe = place_text(&at, program->exe);
	moved->program.called = place_text(&at, program->called);
	moved->program.script = place_text(&at, program->script);
	moved->program.text = place_text(&at, program->text);
	moved->cwd = place_text(&at, image->cwd);
	moved->cgroup = place_text(&at, cgroup);
	moved->argv = place(&at, image->argv, image->argv_size);
	return moved;
}

struct context_node *context_new(const struct context *context, const char *unit, const char *login, const char *change)
{
	size_t size =
		strlen(context->name) + strlen(context->container) + strlen(unit) + strlen(login) + strlen(change) + 5;
	struct context_node *node = calloc(1, sizeof(*node) + size);
	char *at;

	if (!node)
		return NULL;
	at = (char *)(node + 1);
	node->references = 1;
	node->context.kind = context->kind;
	node->context.name = place_text(&at, context->name);
	node->context.container = place_text(&at, context->container);
	node->unit = place_text(&at, unit);
	node->login = place_text(&at, login);
	node->change = place_text(&at, change);
	return node;
}
