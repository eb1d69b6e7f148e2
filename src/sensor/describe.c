/* SPDX-License-Identifier: Apache-2.0 */
/* Fills in events: all that an event says of its actor, and handing it on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sensor/sensor_priv.h"

static void name_ids(struct sensor *sensor, struct process *process)
{
	uint32_t mounts;
	char root[32];

	if (process->user)
		return;
	mounts = contexts_accounts(&sensor->contexts, process, root);
	process->user = users_name(sensor->users, mounts, root, process->credentials.uid);
	process->effective_user = users_name(sensor->users, mounts, root, process->credentials.euid);
	process->group = users_group(sensor->users, mounts, root, process->credentials.gid);
}

const char *sensor_tty(struct sensor *sensor, uint32_t major, uint32_t minor)
{
	char *out = sensor->tty;
	size_t size = sizeof(sensor->tty);

	out[0] = '\0';
	if (major == 4)
		(void)snprintf(out, size, minor < 64 ? "tty%" PRIu32 : "ttyS%" PRIu32, minor < 64 ? minor : minor - 64);
	else if (major >= 136 && major <= 143) /* Unix98 pseudo terminals */
		(void)snprintf(out, size, "pts/%" PRIu32, (major - 136) * 256 + minor);
	else if (major)
		(void)snprintf(out, size, "%" PRIu32 ":%" PRIu32, major, minor);
	return out;
}

static void fill_lineage(struct sensor *sensor, const struct process *process, struct event *event)
{
	struct process *ancestor = process->parent;

	for (; ancestor && event->lineage_count < EVENT_LINEAGE_MAX; ancestor = ancestor->parent) {
		struct event_ancestor *entry = &event->lineage[event->lineage_count++];

		name_ids(sensor, ancestor);
		entry->pid = ancestor->pid;
		entry->program = ancestor->image ? ancestor->image->program.text : "";
		entry->user = ancestor->user;
	}
}

void describe_image(const struct image *image, struct event *event)
{
	if (!image)
		return;
	event->program = image->program;
	event->argv = image->argv;
	event->argv_size = image->argv_size;
	event->argc = image->argc;
	event->cwd = image->cwd;
	event->cgroup = image->cgroup;
	/* What was odd about the start of the program belongs to its exec, what is odd about the file to all it does. */
	event->flags |=
		image->flags & (EVENT_FLAG_MEMFD | EVENT_FLAG_DELETED | EVENT_FLAG_PATH_OUTSIDE | EVENT_FLAG_CHROOT);
}

static void fill_context(const struct process *process, struct event *event)
{
	const struct context_node *node = process->context;

	if (!node)
		return;
	event->context = node->context;
	event->change = node->change;
	event->run = node->run;
	if (node->context.kind == CONTEXT_SESSION && !node->roots)
		event->flags |= EVENT_FLAG_ORPHAN;
}

static void fill_ids(const struct sombrero_credentials *credentials, struct event *event)
{
	event->uid = credentials->uid;
	event->euid = credentials->euid;
	event->gid = credentials->gid;
	event->egid = credentials->egid;
}

void describe_credentials(struct sensor *sensor, const struct process *process,
			  const struct sombrero_credentials *credentials, struct event *event)
{
	char root[32];
	uint32_t mounts = contexts_accounts(&sensor->contexts, process, root);

	fill_ids(credentials, event);
	event->user = users_name(sensor->users, mounts, root, credentials->uid);
	event->effective_user = users_name(sensor->users, mounts, root, credentials->euid);
	event->group = users_group(sensor->users, mounts, root, credentials->gid);
}

void sensor_describe(struct sensor *sensor, struct process *process, enum event_kind kind, uint64_t time_ns,
		     struct event *event)
{
	event_init(event, kind);
	event->time_ns = time_ns + sensor->clock_offset_ns;
	event->host = sensor->host;
	event->pid = process->pid;
	event->parent_pid = process->parent ? process->parent->pid : 0;
	event->namespace_pid = process->namespace_pid;
	event->start_ns = process->start_ns;
	fill_context(process, event);
	if (process->login) {
		event->login = process->login->id;
		event->person = login_person(process->login);
		event->key = process->login->key;
		event->certificate = process->login->certificate;
	}
	describe_image(process->image, event);
	fill_ids(&process->credentials, event);
	name_ids(sensor, process);
	event->user = process->user;
	event->effective_user = process->effective_user;
	event->group = process->group;
	event->login_uid = process->login_uid;
	if (process->login_uid != EVENT_NO_ID)
		event->login_user = contexts_login_user(&sensor->contexts, process->login_uid);
	event->session_id = process->session_id;
	event->tty = sensor_tty(sensor, process->tty_major, process->tty_minor);
	event->mount_namespace = process->mount_namespace;
	event->pid_namespace = process->pid_namespace;
	event->net_namespace = process->net_namespace;
	event->user_namespace = process->user_namespace;
	fill_lineage(sensor, process, event);
}

void sensor_emit(struct sensor *sensor, const struct process *process, const struct event *event)
{
	int status;

	if (sensor->sink_status || (process && !process->in_scope))
		return;
	sensor->events++;
	if (event_is_file(event))
		logins_count_file(&sensor->contexts.logins, event->login);
	status = sensor->sink(sensor->owner, event);
	if (status)
		sensor->sink_status = status;
}
