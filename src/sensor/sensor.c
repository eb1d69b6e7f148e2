/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns records into events: keeps the process table, assigns contexts, names ids, counts what was lost. Knows
 * nothing of BPF (kernel.c) or of what events are used for.
 */
#include "sensor/sensor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "sensor/cgroup.h"
#include "sensor/context_priv.h"
#include "sensor/kernel_priv.h"
#include "sensor/proc_priv.h"
#include "sensor/process_priv.h"
#include "sensor/record_priv.h"
#include "sensor/users.h"

/* How long records may wait in the ring: short while there is much to do, longer when idle. */
#define WAIT_MIN_MS 2
#define WAIT_MAX_MS 20
/* Losses are read, and the clock is compared, this often; packet sockets are looked for less often. */
#define TICK_NS    UINT64_C(1000000000)
#define LOOK_TICKS 10
/* Raw sockets found by looking are remembered, so that each is told once. */
#define LOOKED_MAX 256

/* Losses in user space follow those of the kernel. */
enum {
	LOSS_RECURSION = SOMBRERO_LOSS_COUNT,
	LOSS_RECORD,  /* a record that is not as it should be */
	LOSS_UNKNOWN, /* an event whose process nobody could describe any more */
	LOSS_TABLE,   /* the process table had no room */
	LOSS_MEMORY,  /* out of memory */
	LOSS_COUNT,
};

static const char *const loss_names[LOSS_COUNT] = {
	[SOMBRERO_LOSS_RING_FULL] = "ring full",
	[SOMBRERO_LOSS_PROCESS_FULL] = "kernel process table full",
	[SOMBRERO_LOSS_STORAGE] = "no socket storage",
	[SOMBRERO_LOSS_SCRATCH] = "no scratch memory",
	[LOSS_RECURSION] = "program interrupted itself",
	[LOSS_RECORD] = "malformed record",
	[LOSS_UNKNOWN] = "process unknown",
	[LOSS_TABLE] = "process table full",
	[LOSS_MEMORY] = "out of memory",
};

struct sensor {
	struct kernel *kernel;
	struct process_table table;
	struct contexts contexts;
	struct users *users;
	event_sink sink;
	void *owner;
	int sink_status; /* what the sink returned when it wanted no more */
	char host[256];
	char **scope; /* paths in the cgroup tree; none: the whole host */
	size_t scope_count;
	bool existing;
	bool starting; /* the state at start is being taken */
	int wait_ms;
	uint64_t clock_offset_ns; /* UTC - CLOCK_BOOTTIME */
	uint64_t next_tick_ns;
	unsigned ticks;
	uint64_t losses[LOSS_COUNT], losses_told[LOSS_COUNT];
	uint64_t looked[LOOKED_MAX];
	unsigned looked_count;
	uint64_t records, events;
	struct snapshot {
		struct sombrero_exec *record; /* owned; with its strings */
		bool placed;
	} * snapshot;
	size_t snapshot_count, snapshot_capacity;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* --- filling in an event ------------------------------------------------------------------------- */

static void name_ids(struct sensor *sensor, struct process *process)
{
	char root[32];

	if (process->user)
		return;
	(void)contexts_root(&sensor->contexts, process, root);
	process->user = users_name(sensor->users, process->mount_namespace, root, process->credentials.uid);
	process->effective_user = users_name(sensor->users, process->mount_namespace, root, process->credentials.euid);
	process->group = users_group(sensor->users, process->mount_namespace, root, process->credentials.gid);
}

static const char *tty_name(const struct process *process)
{
	static char name[32];
	uint32_t minor = process->tty_minor;

	switch (process->tty_major) {
	case 0:
		return "";
	case 4:
		(void)snprintf(name, sizeof(name), minor < 64 ? "tty%" PRIu32 : "ttyS%" PRIu32,
			       minor < 64 ? minor : minor - 64);
		return name;
	default:
		/* Unix98 pseudo terminals have the majors 136 to 143. */
		if (process->tty_major >= 136 && process->tty_major <= 143)
			(void)snprintf(name, sizeof(name), "pts/%" PRIu32, (process->tty_major - 136) * 256 + minor);
		else
			(void)snprintf(name, sizeof(name), "%" PRIu32 ":%" PRIu32, process->tty_major, minor);
		return name;
	}
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

static void fill_image(const struct image *image, struct event *event)
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
	event->flags |= image->flags & (EVENT_FLAG_MEMFD | EVENT_FLAG_DELETED | EVENT_FLAG_PATH_OUTSIDE);
}

static void fill_context(const struct process *process, struct event *event)
{
	const struct context_node *node = process->context;

	if (!node)
		return;
	event->context = node->context;
	if (node->context.kind == CONTEXT_SESSION && !node->roots)
		event->flags |= EVENT_FLAG_ORPHAN;
}

static void fill_event(struct sensor *sensor, struct process *process, enum event_kind kind, uint64_t time_ns,
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
	fill_image(process->image, event);
	name_ids(sensor, process);
	event->uid = process->credentials.uid;
	event->euid = process->credentials.euid;
	event->gid = process->credentials.gid;
	event->egid = process->credentials.egid;
	event->user = process->user;
	event->effective_user = process->effective_user;
	event->group = process->group;
	event->login_uid = process->login_uid;
	if (process->login_uid != EVENT_NO_ID)
		event->login_user = contexts_login_user(&sensor->contexts, process->login_uid);
	event->session_id = process->session_id;
	event->tty = tty_name(process);
	event->mount_namespace = process->mount_namespace;
	event->pid_namespace = process->pid_namespace;
	event->net_namespace = process->net_namespace;
	event->user_namespace = process->user_namespace;
	fill_lineage(sensor, process, event);
}

/* `process` is the actor, NULL for none. Hooks on tracepoints see the whole host: what is not of the scope stays here. */
static void emit(struct sensor *sensor, const struct process *process, const struct event *event)
{
	int status;

	if (sensor->sink_status || (process && !process->in_scope))
		return;
	sensor->events++;
	status = sensor->sink(sensor->owner, event);
	if (status)
		sensor->sink_status = status;
}

/* --- processes ----------------------------------------------------------------------------------- */

static bool path_in_scope(const struct sensor *sensor, const char *cgroup)
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

/* It became what `facts` say: gives it its image and its context. */
static void become(struct sensor *sensor, struct process *process, const struct sombrero_exec *record,
		   const struct image_facts *facts)
{
	struct image *image = image_new(facts), *caller = process->image;
	struct origin origin = {
		.caller = caller,
		.session_id = process->parent ? process->session_id : record->session_id,
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
	process->in_scope = path_in_scope(sensor, facts->cgroup);
	if (process->in_scope || !process->context)
		contexts_assign(&sensor->contexts, process, &origin);
	image_release(caller);
}

static struct process *add_process(struct sensor *sensor, uint32_t pid, uint64_t start_ns, struct process *parent)
{
	struct process *process = process_add(&sensor->table, pid, start_ns, parent);

	if (!process)
		sensor->losses[LOSS_TABLE]++;
	return process;
}

static struct process *known_process(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth);

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
			parent = known_process(sensor, facts->record.parent_tgid, 0, depth - 1);
		process = add_process(sensor, pid, facts->record.header.start_ns, parent);
		if (process)
			become(sensor, process, &facts->record, &image);
	}
	free(facts);
	return process;
}

static struct process *known_process(struct sensor *sensor, uint32_t pid, uint64_t start_ns, unsigned depth)
{
	struct process *process = process_find(&sensor->table, pid, start_ns);

	return process ? process : from_proc(sensor, pid, start_ns, depth);
}

/* Their hooks see the whole host. Of a scope's own processes the beginning was told, so a stranger is not of the scope. */
static bool may_be_from_outside(const struct sensor *sensor, const struct sombrero_header *header)
{
	return sensor->scope_count && (header->type == SOMBRERO_ACCEPT || header->type == SOMBRERO_CREDENTIALS);
}

/* Who a record is about, NULL for nobody of ours. One that nobody knows gets an entry without a program, and is counted. */
static struct process *actor(struct sensor *sensor, const struct sombrero_header *header)
{
	struct process *process = known_process(sensor, header->tgid, header->start_ns, EVENT_LINEAGE_MAX);

	if (process || may_be_from_outside(sensor, header))
		return process;
	sensor->losses[LOSS_UNKNOWN]++;
	process = add_process(sensor, header->tgid, header->start_ns, NULL);
	if (process)
		process->in_scope = true;
	return process;
}

static bool descends_from(const struct process *process, const struct process *root)
{
	while (process && process != root)
		process = process->parent;
	return process;
}

/* All that belongs to `root` in its old context goes to `node`; each tells so. Takes the reference. */
static void move_service(struct sensor *sensor, struct process *root, struct context_node *node, uint64_t time_ns)
{
	struct context_node *before = root->context;

	if (before)
		before->references++;
	for (struct process *process = sensor->table.oldest; process; process = process->younger) {
		struct event event;

		if (process->context != before || !descends_from(process, root))
			continue;
		process_set_context(process, node, process == root);
		fill_event(sensor, process, EVENT_CONTEXT, time_ns, &event);
		if (before)
			event.context_before = before->context;
		emit(sensor, process, &event);
	}
	context_release(before);
	context_release(node);
}

/* --- records ------------------------------------------------------------------------------------- */

static void facts_from_record(const struct record *record, struct image_facts *facts)
{
	const struct sombrero_exec *exec = (const struct sombrero_exec *)record->header;

	*facts = (struct image_facts) {
		.exe = record->string[SOMBRERO_STRING_EXE],
		.called = record->string[SOMBRERO_STRING_FILENAME],
		.cwd = record->string[SOMBRERO_STRING_CWD],
		.cgroup = record->string[SOMBRERO_STRING_CGROUP],
		.argv = record->string[SOMBRERO_STRING_ARGV],
		.argv_size = record->argv_size,
		.argc = exec->argc,
		.record_flags = exec->header.flags,
	};
}

static void fill_rights_before(const struct sombrero_credentials *before, struct event *event)
{
	event->uid_before = before->uid;
	event->euid_before = before->euid;
	event->gid_before = before->gid;
	event->egid_before = before->egid;
	event->capabilities_before = before->cap_effective;
}

static void on_exec(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_exec *exec = (const struct sombrero_exec *)record->header;
	struct process *process = process_find(&sensor->table, exec->header.tgid, exec->header.start_ns);
	struct sombrero_credentials before;
	struct image_facts facts;
	struct event event;
	bool known;

	if (!process)
		process =
			add_process(sensor, exec->header.tgid, exec->header.start_ns,
				    known_process(sensor, exec->parent_tgid, exec->parent_start_ns, EVENT_LINEAGE_MAX));
	if (!process)
		return;
	facts_from_record(record, &facts);
	known = process->image;
	before = process->credentials;
	become(sensor, process, exec, &facts);
	process->in_scope = true;
	fill_event(sensor, process, EVENT_EXEC, exec->header.time_ns, &event);
	if (known)
		fill_rights_before(&before, &event);
	event.capabilities = exec->credentials.cap_effective;
	event.flags |= process->image ? process->image->flags : 0;
	emit(sensor, process, &event);
}

/* A login is told when its audit session shows, which no exec need follow: sshd itself carries a person's tunnel. */
static void note_login(struct sensor *sensor, struct process *process, uint32_t login_uid, uint32_t session_id)
{
	const struct origin origin = {
		.caller = process->image,
		.session_id = process->session_id,
		.in_scope = process->in_scope,
	};

	process->login_uid = login_uid;
	process->session_id = session_id;
	if (process->image && process->in_scope && session_id != origin.session_id)
		contexts_note_login(&sensor->contexts, process, &origin);
}

static void on_fork(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_fork *fork = (const struct sombrero_fork *)record->header;
	struct process *parent = known_process(sensor, fork->parent_tgid, fork->parent_start_ns, EVENT_LINEAGE_MAX);
	struct process *child = process_find(&sensor->table, fork->header.tgid, fork->header.start_ns);

	if (parent)
		note_login(sensor, parent, fork->login_uid, fork->session_id);
	if (!child)
		child = add_process(sensor, fork->header.tgid, fork->header.start_ns, parent);
	if (!child)
		return;
	child->in_scope = true;
	child->login_uid = fork->login_uid;
	child->session_id = fork->session_id;
	child->namespace_pid = fork->namespace_pid;
	child->mount_namespace = fork->mount_namespace;
	child->pid_namespace = fork->pid_namespace;
	child->net_namespace = fork->net_namespace;
	child->user_namespace = fork->user_namespace;
}

/* A parent that ends while a child goes on with the same program has made a daemon. */
static void look_for_daemons(struct sensor *sensor, const struct process *parent, uint64_t time_ns)
{
	struct process *process = sensor->table.youngest;

	if (!sensor->contexts.harness || !parent->context || parent->context->context.kind != CONTEXT_HARNESS)
		return;
	for (; process; process = process->older) {
		struct context_node *node = NULL;
		struct process *root = NULL;

		if (process->parent == parent && !process->dead)
			root = contexts_found_daemon(&sensor->contexts, process, &node);
		if (root) {
			move_service(sensor, root, node, time_ns);
			return;
		}
	}
}

static void on_exit_record(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_exit *exit = (const struct sombrero_exit *)record->header;
	struct process *process = process_find(&sensor->table, exit->header.tgid, exit->header.start_ns);
	struct event event;

	if (!process)
		return;
	look_for_daemons(sensor, process, exit->header.time_ns);
	fill_event(sensor, process, EVENT_EXIT, exit->header.time_ns, &event);
	event.exit_code = exit->status >> 8 & 0xff;
	event.exit_signal = exit->status & 0x7f;
	emit(sensor, process, &event);
	process_end(&sensor->table, process);
}

static void on_credentials(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_credentials_record *change = (const struct sombrero_credentials_record *)record->header;
	struct process *process = actor(sensor, record->header);
	struct event event;

	if (!process)
		return;
	process->credentials = change->now;
	process->user = process->effective_user = process->group = NULL;
	note_login(sensor, process, change->login_uid, change->session_id);
	fill_event(sensor, process, EVENT_PRIVILEGE, change->header.time_ns, &event);
	fill_rights_before(&change->before, &event);
	event.capabilities = change->now.cap_effective;
	emit(sensor, process, &event);
}

static bool looked_before(struct sensor *sensor, uint64_t cookie)
{
	for (unsigned i = 0; i < sensor->looked_count && i < LOOKED_MAX; i++) {
		if (sensor->looked[i] == cookie)
			return true;
	}
	sensor->looked[sensor->looked_count++ % LOOKED_MAX] = cookie;
	return false;
}

/* Sockets that were there before, or were found by looking: which of them are news? */
static bool is_news(struct sensor *sensor, const struct sombrero_net *net, const struct process *process)
{
	if (!(net->header.flags & SOMBRERO_NET_BEFORE))
		return true;
	if (!process->in_scope || process->pid == (uint32_t)getpid())
		return false;
	if (net->header.type == SOMBRERO_RAW)
		return (sensor->starting ? sensor->existing : net->header.flags & SOMBRERO_NET_PACKET) &&
		       !looked_before(sensor, net->cookie);
	return sensor->starting && sensor->existing;
}

/*
 * What systemd accepts or hands on is not its own: the service reads it, and is told then. To listen it forks (for the
 * socket's cgroup), and the child is systemd too.
 */
static bool is_activator(const struct process *process)
{
	const struct process *init = process->namespace_pid == 1 ? process : process->parent;

	return init && init->namespace_pid == 1 && init->image == process->image && process->context &&
	       process->context->context.kind == CONTEXT_BOOT;
}

static const enum event_kind net_kinds[SOMBRERO_TYPE_COUNT] = {
	[SOMBRERO_CONNECT] = EVENT_CONNECT,
	[SOMBRERO_ACCEPT] = EVENT_ACCEPT,
	[SOMBRERO_LISTEN] = EVENT_LISTEN,
	[SOMBRERO_RAW] = EVENT_RAW,
};

static void promote_listener(struct sensor *sensor, struct process *process, const struct sombrero_net *net)
{
	struct context_node *node = NULL;
	struct process *root;

	if (is_activator(process))
		return;
	root = contexts_found_listener(&sensor->contexts, process, &node);
	if (root)
		move_service(sensor, root, node, net->header.time_ns);
}

static void on_net(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_net *net = (const struct sombrero_net *)record->header;
	struct process *process = actor(sensor, record->header);
	struct event event;

	if (!process || !process->in_scope) /* an accept shows outside of the listener's cgroup */
		return;
	if (net->header.type == SOMBRERO_LISTEN)
		promote_listener(sensor, process, net);
	if (!is_news(sensor, net, process))
		return;
	if (net->header.flags & SOMBRERO_NET_IN_NAME && is_activator(process))
		return;
	fill_event(sensor, process, net_kinds[net->header.type], net->header.time_ns, &event);
	if (net->header.flags & SOMBRERO_NET_BY_READER)
		event.flags |= EVENT_FLAG_BY_READER;
	if (net->header.flags & SOMBRERO_NET_ASKED)
		event.flags |= EVENT_FLAG_PORT_ASKED;
	if (net->header.flags & SOMBRERO_NET_BEFORE && sensor->starting)
		event.flags |= EVENT_FLAG_EXISTING;
	event.family = net->family;
	event.protocol = net->protocol;
	event.local_port = net->local_port;
	event.remote_port = net->remote_port;
	memcpy(event.local_address, net->local, sizeof(net->local));
	memcpy(event.remote_address, net->remote, sizeof(net->remote));
	if (net->net_namespace)
		event.net_namespace = net->net_namespace;
	emit(sensor, process, &event);
}

/* Kept until all are there, since a parent can have a higher pid than its child. */
static void on_task(struct sensor *sensor, const struct record *record)
{
	struct sombrero_exec *copy = malloc(record->header->length);

	if (sensor->snapshot_count == sensor->snapshot_capacity) {
		size_t capacity = sensor->snapshot_capacity ? sensor->snapshot_capacity * 2 : 256;
		struct snapshot *snapshot = realloc(sensor->snapshot, capacity * sizeof(*snapshot));

		if (snapshot) {
			sensor->snapshot = snapshot;
			sensor->snapshot_capacity = capacity;
		}
	}
	if (!copy || sensor->snapshot_count == sensor->snapshot_capacity) {
		sensor->losses[LOSS_MEMORY]++;
		free(copy);
		return;
	}
	memcpy(copy, record->header, record->header->length);
	sensor->snapshot[sensor->snapshot_count++] = (struct snapshot) { .record = copy };
}

static int take_record(void *owner, const void *data, size_t size)
{
	static void (*const handlers[SOMBRERO_TYPE_COUNT])(struct sensor * sensor, const struct record *record) = {
		[SOMBRERO_EXEC] = on_exec,        [SOMBRERO_FORK] = on_fork,
		[SOMBRERO_EXIT] = on_exit_record, [SOMBRERO_CREDENTIALS] = on_credentials,
		[SOMBRERO_CONNECT] = on_net,      [SOMBRERO_ACCEPT] = on_net,
		[SOMBRERO_LISTEN] = on_net,       [SOMBRERO_RAW] = on_net,
		[SOMBRERO_TASK] = on_task,
	};
	struct sensor *sensor = owner;
	struct record record;

	sensor->records++;
	if (record_check(data, size, &record) < 0)
		sensor->losses[LOSS_RECORD]++;
	else
		handlers[record.header->type](sensor, &record);
	return 0;
}

/* --- the state at start -------------------------------------------------------------------------- */

static bool is_in_snapshot(const struct sensor *sensor, uint32_t pid, uint64_t start_ns)
{
	for (size_t i = 0; i < sensor->snapshot_count; i++) {
		const struct sombrero_header *header = &sensor->snapshot[i].record->header;

		if (!sensor->snapshot[i].placed && header->tgid == pid && header->start_ns == start_ns)
			return true;
	}
	return false;
}

static void emit_existing(struct sensor *sensor, struct process *process)
{
	struct event event;

	if (!sensor->existing || !process->in_scope || !process->image || process->pid == (uint32_t)getpid())
		return;
	fill_event(sensor, process, EVENT_EXEC, process->start_ns, &event);
	event.flags |= EVENT_FLAG_EXISTING | (process->image->flags & ~(uint32_t)EVENT_FLAG_SETID);
	emit(sensor, process, &event);
}

static void place_task(struct sensor *sensor, const struct sombrero_exec *task, struct proc_facts *facts)
{
	struct process *parent, *process;
	struct record record;
	struct image_facts image;

	if (process_find(&sensor->table, task->header.tgid, task->header.start_ns))
		return; /* a record was faster, and knows better */
	/* The iterator need not have shown it: some kernels of virtual machines hide their init from BPF. */
	parent = known_process(sensor, task->parent_tgid, task->parent_start_ns, EVENT_LINEAGE_MAX);
	process = add_process(sensor, task->header.tgid, task->header.start_ns, parent);
	if (!process || record_check(task, task->header.length, &record) < 0)
		return;
	facts_from_record(&record, &image);
	proc_read_image(task->header.tgid, facts);
	image.called = facts->called;
	image.cwd = facts->cwd;
	image.argv = facts->argv;
	image.argv_size = facts->argv_size;
	image.argc = facts->argc;
	image.record_flags |= facts->flags;
	become(sensor, process, task, &image);
	emit_existing(sensor, process);
}

/* Parents before their children; each round places at least one generation. */
static int place_snapshot(struct sensor *sensor)
{
	struct proc_facts *facts = malloc(sizeof(*facts));
	bool progress = true;

	while (facts && progress) {
		progress = false;
		for (size_t i = 0; i < sensor->snapshot_count; i++) {
			struct snapshot *entry = &sensor->snapshot[i];

			if (entry->placed ||
			    is_in_snapshot(sensor, entry->record->parent_tgid, entry->record->parent_start_ns))
				continue;
			place_task(sensor, entry->record, facts);
			entry->placed = progress = true;
		}
	}
	for (size_t i = 0; i < sensor->snapshot_count; i++)
		free(sensor->snapshot[i].record);
	free(sensor->snapshot);
	sensor->snapshot = NULL;
	sensor->snapshot_count = sensor->snapshot_capacity = 0;
	free(facts);
	return facts ? 0 : -ENOMEM;
}

/* A scope that is a container or a fake host: its own pid namespace is home there. */
static void find_home_namespace(struct sensor *sensor)
{
	const struct sombrero_exec *first = NULL;

	if (!sensor->scope_count)
		return;
	for (size_t i = 0; i < sensor->snapshot_count; i++) {
		const struct sombrero_exec *task = sensor->snapshot[i].record;
		struct record record;

		if (record_check(task, task->header.length, &record) < 0 ||
		    !path_in_scope(sensor, record.string[SOMBRERO_STRING_CGROUP]))
			continue;
		if (!first || task->header.start_ns < first->header.start_ns)
			first = task;
	}
	if (first)
		contexts_set_home(&sensor->contexts,
				  &(struct home) { first->header.tgid, first->pid_namespace, first->mount_namespace });
}

static int take_state(struct sensor *sensor, struct error *error)
{
	int status;

	sensor->starting = true;
	status = kernel_each_task(sensor->kernel);
	if (!status) {
		find_home_namespace(sensor);
		status = place_snapshot(sensor);
	}
	if (!status)
		status = kernel_each_socket(sensor->kernel);
	sensor->starting = false;
	if (status < 0)
		return error_set(error, status, "can't read the state at start: %s", strerror(-status));
	return sensor->sink_status;
}

/* --- life ---------------------------------------------------------------------------------------- */

static void tell_losses(struct sensor *sensor)
{
	uint64_t kernel[KERNEL_LOSS_COUNT];

	kernel_losses(sensor->kernel, kernel);
	for (int i = 0; i < LOSS_COUNT; i++) {
		struct event event;

		if (i <= LOSS_RECURSION)
			sensor->losses[i] = kernel[i];
		if (sensor->losses[i] <= sensor->losses_told[i])
			continue;
		event_init(&event, EVENT_LOSS);
		event.time_ns = clock_ns(CLOCK_REALTIME);
		event.host = sensor->host;
		event.loss_reason = loss_names[i];
		event.loss_count = sensor->losses[i] - sensor->losses_told[i];
		sensor->losses_told[i] = sensor->losses[i];
		emit(sensor, NULL, &event);
	}
}

static void tick(struct sensor *sensor)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME);

	if (now < sensor->next_tick_ns)
		return;
	sensor->next_tick_ns = now + TICK_NS;
	sensor->clock_offset_ns = clock_ns(CLOCK_REALTIME) - now;
	tell_losses(sensor);
	if (!(++sensor->ticks % LOOK_TICKS))
		(void)kernel_each_socket(sensor->kernel);
}

/* Paths in the tree from directories below its mount point. */
static int set_scope(struct sensor *sensor, const struct sensor_options *options, const char *root)
{
	size_t root_size = strlen(root);

	sensor->scope = calloc(options->cgroup_count + 1, sizeof(*sensor->scope));
	if (!sensor->scope)
		return -ENOMEM;
	for (size_t i = 0; i < options->cgroup_count; i++) {
		const char *path = options->cgroups[i];

		path = strncmp(path, root, root_size) ? path : path + root_size;
		sensor->scope[i] = strdup(path[0] ? path : "/");
		if (!sensor->scope[i])
			return -ENOMEM;
		sensor->scope_count++;
	}
	return 0;
}

static int prepare(struct sensor *sensor, const struct sensor_options *options, char *root, size_t root_size,
		   struct error *error)
{
	int status = cgroup_mount_point(root, root_size, error);

	if (status < 0)
		return status;
	process_table_init(&sensor->table);
	sensor->users = users_new();
	status = sensor->users ? contexts_init(&sensor->contexts, options, sensor->users) : -ENOMEM;
	if (!status)
		status = set_scope(sensor, options, root);
	if (status < 0)
		return error_set(error, status, "out of memory");
	(void)gethostname(sensor->host, sizeof(sensor->host) - 1);
	sensor->clock_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	sensor->existing = options->existing;
	sensor->wait_ms = WAIT_MIN_MS;
	return 0;
}

int sensor_open(const struct sensor_options *options, event_sink sink, void *owner, struct sensor **out,
		struct error *error)
{
	struct sensor *sensor = calloc(1, sizeof(*sensor));
	char root[4096];
	int status;

	if (!sensor)
		return error_set(error, -ENOMEM, "out of memory");
	sensor->sink = sink;
	sensor->owner = owner;
	status = prepare(sensor, options, root, sizeof(root), error);
	if (!status)
		status = kernel_open(root, options->cgroups, options->cgroup_count, take_record, sensor,
				     &sensor->kernel, error);
	if (!status)
		status = take_state(sensor, error);
	if (status < 0) {
		sensor_close(sensor);
		return status;
	}
	*out = sensor;
	return 0;
}

int sensor_poll(struct sensor *sensor, int timeout_ms)
{
	int wait = timeout_ms < sensor->wait_ms ? timeout_ms : sensor->wait_ms;
	int taken = kernel_consume(sensor->kernel, wait);

	if (taken < 0)
		return taken;
	if (taken)
		sensor->wait_ms = WAIT_MIN_MS;
	else if (sensor->wait_ms < WAIT_MAX_MS)
		sensor->wait_ms++;
	tick(sensor);
	return sensor->sink_status;
}

int sensor_drain(struct sensor *sensor)
{
	int taken = KERNEL_RECORDS_AT_ONCE;

	/* As many rounds as it takes to empty a full ring of the smallest records; who floods it may be late. */
	for (int round = 0; round < 64 && taken == KERNEL_RECORDS_AT_ONCE; round++)
		taken = kernel_consume(sensor->kernel, 0);
	tell_losses(sensor);
	return taken < 0 ? taken : sensor->sink_status;
}

void sensor_close(struct sensor *sensor)
{
	if (!sensor)
		return;
	kernel_close(sensor->kernel);
	process_table_free(&sensor->table);
	contexts_free(&sensor->contexts);
	users_free(sensor->users);
	for (size_t i = 0; i < sensor->scope_count; i++)
		free(sensor->scope[i]);
	free(sensor->scope);
	free(sensor);
}

void sensor_status(struct sensor *sensor, struct sensor_status *out)
{
	uint64_t kernel[KERNEL_LOSS_COUNT];

	memset(out, 0, sizeof(*out));
	kernel_losses(sensor->kernel, kernel);
	kernel_status(sensor->kernel, out);
	for (int i = 0; i < LOSS_COUNT; i++)
		out->loss[out->loss_count++] = (struct sensor_loss) {
			.reason = loss_names[i],
			.count = i <= LOSS_RECURSION ? kernel[i] : sensor->losses[i],
		};
	out->records = sensor->records;
	out->events = sensor->events;
	out->processes = sensor->table.living;
	out->processes_dead = sensor->table.dead;
}
