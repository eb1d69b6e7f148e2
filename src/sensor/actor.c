/* SPDX-License-Identifier: Apache-2.0 */
/* Who a record is about: the process table as records and /proc fill it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sensor/cgroup.h"
#include "sensor/proc_priv.h"
#include "sensor/sensor_priv.h"

/* Doubts are raised no more often than this. */
#define DOUBT_NS UINT64_C(1000000000)

static void set_ids(struct process *process, const struct sombrero_exec *record)
{
	process->credentials = record->credentials;
	process->user = process->effective_user = process->group = NULL;
	process->namespace_pid = record->namespace_pid;
	process->login_uid = record->login_uid;
	process->session_id = record->session_id;
	process->tty_major = record->tty_major;
	process->tty_minor = record->tty_minor;
	process->mount_namespace = record->mount_namespace;
	process->pid_namespace = record->pid_namespace;
	process->net_namespace = record->net_namespace;
	process->user_namespace = record->user_namespace;
}

void actor_become(struct sensor *sensor, struct process *process, const struct sombrero_exec *record,
		  const struct image_facts *facts)
{
	struct image *image = image_new(facts), *caller = process->image;
	struct origin origin = {
		.caller = caller,
		.session_id = process->parent ? process->session_id : record->session_id,
		.euid = caller ? process->credentials.euid : record->credentials.euid,
		.in_scope = process->in_scope,
		.adopted =
			record->header.type != SOMBRERO_EXEC && process->parent && process->parent->namespace_pid == 1,
	};

	if (!image) {
		sensor->losses[LOSS_MEMORY]++;
		return;
	}
	if (caller)
		caller->references++;
	set_ids(process, record);
	process->doubt = sensor->doubt;
	process_set_image(process, image);
	process->in_scope = record->header.flags & SOMBRERO_IN_SCOPE;
	if (process->in_scope || !process->context)
		contexts_assign(&sensor->contexts, process, &origin);
	image_release(caller);
}

uint32_t actor_number(const struct sensor *sensor, const struct sombrero_exec *task)
{
	return proc_number(sensor->contexts.proc_namespace, task->header.tgid, task->pid_namespace,
			   task->namespace_pid);
}

void actor_read_image(const struct sensor *sensor, const struct record *record, struct proc_facts *facts,
		      struct image_facts *image)
{
	const struct sombrero_exec *task = (const struct sombrero_exec *)record->header;

	record_image(record, image);
	proc_read_image(actor_number(sensor, task), image->exe, facts);
	image->called = facts->called;
	image->cwd = facts->cwd;
	image->argv = facts->argv;
	image->argv_size = facts->argv_size;
	image->argc = facts->argc;
	image->record_flags |= facts->flags;
}

struct process *actor_add(struct sensor *sensor, uint32_t pid, uint64_t start_ns, struct process *parent)
{
	struct process *process = process_add(&sensor->table, pid, start_ns, parent);

	if (process)
		process->doubt = parent ? parent->doubt : sensor->doubt;
	else
		sensor->losses[LOSS_TABLE]++;
	return process;
}

static struct image_facts proc_image(const struct proc_facts *facts)
{
	return (struct image_facts) {
		.exe = facts->exe,
		.called = facts->called,
		.cwd = facts->cwd,
		.cgroup = facts->cgroup,
		.argv = facts->argv,
		.argv_size = facts->argv_size,
		.argc = facts->argc,
		.record_flags = facts->flags,
	};
}

/* As /proc names cgroups, which need not be as the scope was named where there are namespaces of them. */
static bool has_cgroup(const struct sensor *sensor, const char *cgroup)
{
	for (size_t i = 0; i < sensor->scope_count; i++) {
		if (cgroup_is_below(cgroup, sensor->scope[i]))
			return true;
	}
	return !sensor->scope_count;
}

/* Asks /proc for a process that no record described. In a pid namespace of our own it can't say who has which pid. */
static struct process *from_proc(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth)
{
	uint32_t number = proc_number(sensor->contexts.proc_namespace, pid, 0, 0);
	struct proc_facts *facts = malloc(sizeof(*facts));
	struct process *process = NULL, *parent = NULL;

	if (facts && number && !proc_read(number, start_ns, facts)) {
		const struct image_facts image = proc_image(facts);

		if (facts->record.parent_tgid && depth)
			parent = actor_known(sensor, facts->record.parent_tgid, 0, depth - 1);
		process = actor_add(sensor, pid, facts->record.header.start_ns, parent);
		if (process) {
			if (has_cgroup(sensor, facts->cgroup))
				facts->record.header.flags |= SOMBRERO_IN_SCOPE;
			process->start_slack_ns = start_ns ? 0 : proc_start_slack_ns();
			actor_become(sensor, process, &facts->record, &image);
		}
	}
	free(facts);
	return process;
}

struct process *actor_known(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth)
{
	struct process *process = process_find(&sensor->table, pid, start_ns);

	if (!process)
		return from_proc(sensor, pid, start_ns, depth);
	if (start_ns) {
		process->start_ns = start_ns;
		process->start_slack_ns = 0;
	}
	return process;
}

struct process *actor_arrive(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_exec *task = (const struct sombrero_exec *)record->header;
	struct process *process = process_find(&sensor->table, task->header.tgid, task->header.start_ns), *parent;
	struct proc_facts *facts;
	struct image_facts image;

	if (process)
		return process;
	parent = actor_known(sensor, task->parent_tgid, task->parent_start_ns, EVENT_LINEAGE_MAX);
	process = actor_add(sensor, task->header.tgid, task->header.start_ns, parent);
	if (!process)
		return NULL;
	if (process->image && task->header.flags & SOMBRERO_EXE_INHERITED) {
		set_ids(process, task);
		return process;
	}
	facts = malloc(sizeof(*facts));
	if (facts) {
		actor_read_image(sensor, record, facts, &image);
		actor_become(sensor, process, task, &image);
	} else {
		sensor->losses[LOSS_MEMORY]++;
	}
	free(facts);
	return process;
}

/* As far as can be told: a process may have written another title over its arguments, or gone to another directory. */
static bool runs(const struct image *image, const struct image_facts *facts)
{
	struct image_facts as_started = *facts;
	struct image *now;
	bool same;

	same = image && !strcmp(image->program.exe, facts->exe) && !strcmp(image->program.called, facts->called);
	if (!same)
		return false;
	as_started.cwd = image->cwd;
	now = image_new(&as_started);
	same = !now || now->program.script_kind == SCRIPT_NONE || now->program.script_kind == SCRIPT_UNKNOWN ||
	       !strcmp(image->program.text, now->program.text);
	image_release(now);
	return same;
}

void actor_check(struct sensor *sensor, struct process *process, const struct sombrero_exec *record,
		 const struct image_facts *facts)
{
	process->doubt = sensor->doubt;
	if (!runs(process->image, facts))
		actor_become(sensor, process, record, facts);
}

/* The process acts before it was looked at again with all the others. */
static void look_again(struct sensor *sensor, struct process *process)
{
	uint32_t number = contexts_number(&sensor->contexts, process);
	struct proc_facts *facts = malloc(sizeof(*facts));
	uint64_t start_ns = process->start_slack_ns ? 0 : process->start_ns;

	process->doubt = sensor->doubt;
	if (facts && number && !proc_read(number, start_ns, facts) && facts->exe[0]) {
		const struct image_facts image = proc_image(facts);

		facts->record.header.flags |= SOMBRERO_IN_SCOPE;
		actor_check(sensor, process, &facts->record, &image);
	} else {
		sensor->losses[LOSS_DOUBT]++;
	}
	free(facts);
}

struct process *actor_find(struct sensor *sensor, const struct sombrero_header *header)
{
	struct process *process = actor_known(sensor, header->tgid, header->start_ns, EVENT_LINEAGE_MAX);

	if (process) {
		if (process->doubt != sensor->doubt && !process->dead && process->in_scope)
			look_again(sensor, process);
		return process;
	}
	sensor->losses[LOSS_UNKNOWN]++;
	process = actor_add(sensor, header->tgid, header->start_ns, NULL);
	if (process) {
		process->in_scope = true;
		/* It is gone, or nobody can see it: its end may never be told. */
		process_end(&sensor->table, process);
	}
	return process;
}

void actor_doubt(struct sensor *sensor, uint64_t time_ns)
{
	uint64_t lost = kernel_lost(sensor->kernel, SOMBRERO_LOSS_RING_FULL);

	/* In a flood every record would raise a doubt, and to settle each would make the flood worse. */
	if (lost == sensor->doubted_losses || time_ns - sensor->doubted_ns < DOUBT_NS)
		return;
	sensor->doubted_losses = lost;
	sensor->doubted_ns = time_ns;
	sensor->doubt++;
}

void actor_sweep(struct sensor *sensor, bool after_loss)
{
	struct process *process = sensor->table.oldest, *next;

	for (; process; process = next) {
		bool is_asked_for = after_loss ? process->doubt != sensor->doubt : !process->in_scope;
		uint32_t number = contexts_number(&sensor->contexts, process);

		/* To end one may free any of the dead. */
		for (next = process->younger; next && next->dead;)
			next = next->younger;
		if (is_asked_for && !process->dead && number && !proc_exists(number, process->start_ns))
			process_end(&sensor->table, process);
	}
}

bool actor_is_self(const struct sensor *sensor, const struct process *process)
{
	return process->namespace_pid == (uint32_t)getpid() && process->pid_namespace == sensor->own_pid_namespace;
}
