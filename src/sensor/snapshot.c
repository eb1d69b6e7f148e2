/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state at start: what is there already, taken after the hooks are attached. All processes are read before the
 * first is placed, since a parent can come after its child.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/proc_priv.h"
#include "sensor/sensor_priv.h"

void snapshot_keep(struct sensor *sensor, const struct record *record)
{
	struct snapshot *snapshot = &sensor->snapshot;
	struct sombrero_exec *copy = malloc(record->header->length);

	if (snapshot->count == snapshot->capacity) {
		size_t capacity = snapshot->capacity ? snapshot->capacity * 2 : 256;
		struct sombrero_exec **task = realloc(snapshot->task, capacity * sizeof(struct sombrero_exec *));

		if (task) {
			snapshot->task = task;
			snapshot->capacity = capacity;
		}
	}
	if (!copy || snapshot->count == snapshot->capacity) {
		sensor->losses[LOSS_MEMORY]++;
		free(copy);
		return;
	}
	memcpy(copy, record->header, record->header->length);
	snapshot->task[snapshot->count++] = copy;
}

static void emit_existing(struct sensor *sensor, struct process *process)
{
	struct event event;

	if (!sensor->existing || !process->in_scope || !process->image || actor_is_self(sensor, process))
		return;
	sensor_describe(sensor, process, EVENT_EXEC, process->start_ns, &event);
	event.flags |= EVENT_FLAG_EXISTING | (process->image->flags & ~(uint32_t)EVENT_FLAG_SETID);
	sensor_emit(sensor, process, &event);
}

static int read_image(const struct sensor *sensor, const struct sombrero_exec *task, struct proc_facts *facts,
		      struct image_facts *image)
{
	struct record record;
	int status = record_check(task, task->header.length, &record);

	if (!status)
		actor_read_image(sensor, &record, facts, image);
	return status;
}

static void place_task(struct sensor *sensor, const struct sombrero_exec *task, struct proc_facts *facts)
{
	struct process *process = process_find(&sensor->table, task->header.tgid, task->header.start_ns), *parent;
	struct image_facts image;

	if (process) {
		/* A record was faster, and knows better, unless others were lost. */
		if (process->doubt == sensor->doubt || process->dead)
			return;
		if (process->in_scope && !read_image(sensor, task, facts, &image) && image.exe[0])
			actor_check(sensor, process, task, &image);
		process->doubt = sensor->doubt;
		return;
	}
	/* The iterator need not have shown it: some kernels of virtual machines hide their init from BPF. */
	parent = actor_known(sensor, task->parent_tgid, task->parent_start_ns, EVENT_LINEAGE_MAX);
	process = actor_add(sensor, task->header.tgid, task->header.start_ns, parent);
	if (!process || read_image(sensor, task, facts, &image) < 0)
		return;
	actor_become(sensor, process, task, &image);
	if (sensor->starting)
		emit_existing(sensor, process);
}

static int by_start(const void *one, const void *other)
{
	const struct sombrero_header *a = &(*(struct sombrero_exec *const *)one)->header;
	const struct sombrero_header *b = &(*(struct sombrero_exec *const *)other)->header;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->tgid < b->tgid ? -1 : a->tgid > b->tgid;
}

/* By age: whoever is a process's parent, by birth or by adoption, is older. */
static int place_all(struct sensor *sensor)
{
	struct snapshot *snapshot = &sensor->snapshot;
	struct proc_facts *facts = malloc(sizeof(*facts));

	if (!facts)
		return -ENOMEM;
	if (snapshot->count)
		qsort(snapshot->task, snapshot->count, sizeof(*snapshot->task), by_start);
	for (size_t i = 0; i < snapshot->count; i++)
		place_task(sensor, snapshot->task[i], facts);
	free(facts);
	return 0;
}

/* A scope that is a container or a fake host: its own pid namespace is home there. */
static void find_home_namespace(struct sensor *sensor)
{
	const struct snapshot *snapshot = &sensor->snapshot;
	const struct sombrero_exec *first = NULL;

	if (!sensor->scope_count)
		return;
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct sombrero_exec *task = snapshot->task[i];

		if (!(task->header.flags & SOMBRERO_IN_SCOPE))
			continue;
		if (!first || task->header.start_ns < first->header.start_ns)
			first = task;
	}
	if (first)
		contexts_set_home(&sensor->contexts, &(struct home) { actor_number(sensor, first), first->pid_namespace,
								      first->mount_namespace, first->user_namespace });
}

void snapshot_free(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		free(snapshot->task[i]);
	free(snapshot->task);
	*snapshot = (struct snapshot) { 0 };
}

void snapshot_again(struct sensor *sensor)
{
	int status = kernel_each_task(sensor->kernel);

	if (!status)
		status = place_all(sensor);
	if (status == -ENOMEM)
		sensor->losses[LOSS_MEMORY]++;
	snapshot_free(&sensor->snapshot);
}

int snapshot_take(struct sensor *sensor, struct error *error)
{
	int status;

	sensor->starting = true;
	status = kernel_each_task(sensor->kernel);
	if (!status) {
		find_home_namespace(sensor);
		status = place_all(sensor);
	}
	snapshot_free(&sensor->snapshot);
	if (!status)
		status = kernel_each_socket(sensor->kernel);
	sensor->starting = false;
	if (status < 0)
		return error_set(error, status, "can't read the state at start: %s", strerror(-status));
	return sensor->sink_status;
}
