/* SPDX-License-Identifier: Apache-2.0 */
/* Who a record is about: the process table as records and /proc fill it. */
#include <stdlib.h>
#include <string.h>

#include "sensor/cgroup.h"
#include "sensor/proc_priv.h"
#include "sensor/sensor_priv.h"

bool sensor_has(const struct sensor *sensor, const char *cgroup)
{
	for (size_t i = 0; i < sensor->scope_count; i++) {
		if (cgroup_is_below(cgroup, sensor->scope[i]))
			return true;
	}
	return !sensor->scope_count;
}

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
	process_set_image(process, image);
	process->in_scope = sensor_has(sensor, facts->cgroup);
	if (process->in_scope || !process->context)
		contexts_assign(&sensor->contexts, process, &origin);
	image_release(caller);
}

struct process *actor_add(struct sensor *sensor, uint32_t pid, uint64_t start_ns, struct process *parent)
{
	struct process *process = process_add(&sensor->table, pid, start_ns, parent);

	if (!process)
		sensor->losses[LOSS_TABLE]++;
	return process;
}

/* Asks /proc for a process that no record described. */
static struct process *from_proc(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth)
{
	struct proc_facts *facts = malloc(sizeof(*facts));
	struct process *process = NULL, *parent = NULL;

	if (!facts)
		return NULL;
	if (pid && !proc_read(pid, start_ns, facts)) {
		const struct image_facts image = {
			.exe = facts->exe,
			.called = facts->called,
			.cwd = facts->cwd,
			.cgroup = facts->cgroup,
			.argv = facts->argv,
			.argv_size = facts->argv_size,
			.argc = facts->argc,
			.record_flags = facts->flags,
		};

		if (facts->record.parent_tgid && depth)
			parent = actor_known(sensor, facts->record.parent_tgid, 0, depth - 1);
		process = actor_add(sensor, pid, facts->record.header.start_ns, parent);
		if (process)
			actor_become(sensor, process, &facts->record, &image);
	}
	free(facts);
	return process;
}

struct process *actor_known(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth)
{
	struct process *process = process_find(&sensor->table, pid, start_ns);

	return process ? process : from_proc(sensor, pid, start_ns, depth);
}

/* Their hooks see the whole host. Of a scope's own processes the beginning was told, so a stranger is not of the scope. */
static bool may_be_from_outside(const struct sensor *sensor, const struct sombrero_header *header)
{
	return sensor->scope_count && (header->type == SOMBRERO_ACCEPT || header->type == SOMBRERO_CREDENTIALS);
}

struct process *actor_find(struct sensor *sensor, const struct sombrero_header *header)
{
	struct process *process = actor_known(sensor, header->tgid, header->start_ns, EVENT_LINEAGE_MAX);

	if (process || may_be_from_outside(sensor, header))
		return process;
	sensor->losses[LOSS_UNKNOWN]++;
	process = actor_add(sensor, header->tgid, header->start_ns, NULL);
	if (process)
		process->in_scope = true;
	return process;
}
