/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns records into events, and counts what was lost. Knows nothing of BPF (kernel.c) or of what events are used for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "sensor/cgroup.h"
#include "sensor/files_priv.h"
#include "sensor/schedule.h"
#include "sensor/sensor_priv.h"

/* How long records may wait in the ring: short while there is much to do, longer when idle. */
#define WAIT_MIN_MS 2
#define WAIT_MAX_MS 20
/* Losses are read, and the clock is compared, this often; packet sockets are looked for less often. */
#define TICK_NS    UINT64_C(1000000000)
#define LOOK_TICKS 10

static const char *const loss_names[LOSS_COUNT] = {
	[SOMBRERO_LOSS_RING_FULL] = "ring full",
	[SOMBRERO_LOSS_PROCESS_FULL] = "kernel process table full",
	[SOMBRERO_LOSS_STORAGE] = "no socket storage",
	[SOMBRERO_LOSS_SCRATCH] = "no scratch memory",
	[LOSS_RECURSION] = "program interrupted itself",
	[LOSS_RECORD] = "malformed record",
	[LOSS_UNKNOWN] = "process unknown",
	[LOSS_DOUBT] = "program unknown after a loss",
	[LOSS_TABLE] = "process table full",
	[LOSS_MEMORY] = "out of memory",
	[LOSS_LOG] = "authentication log",
	[LOSS_FILES] = "queue of file notices full",
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* --- services ------------------------------------------------------------------------------------ */

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
		sensor_describe(sensor, process, EVENT_CONTEXT, time_ns, &event);
		if (before)
			event.context_before = before->context;
		sensor_emit(sensor, process, &event);
	}
	context_release(before);
	context_release(node);
}

/* --- records ------------------------------------------------------------------------------------- */

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
	char root[32];
	bool known;

	if (!process)
		process = actor_add(sensor, exec->header.tgid, exec->header.start_ns,
				    actor_known(sensor, exec->parent_tgid, exec->parent_start_ns, EVENT_LINEAGE_MAX));
	if (!process)
		return;
	record_image(record, &facts);
	known = process->image;
	before = process->credentials;
	actor_become(sensor, process, exec, &facts);
	process->exec_ns = exec->header.time_ns;
	process->credentials_before = before;
	brought_note(&sensor->brought, process, contexts_home_root(&sensor->contexts, root), exec->header.time_ns);
	contexts_explain(&sensor->contexts, process, brought_by(&sensor->brought, process, exec->header.time_ns));
	if (sensor->files)
		places_note(sensor->files, process);
	process->in_scope = true;
	sensor_describe(sensor, process, EVENT_EXEC, exec->header.time_ns, &event);
	if (known)
		fill_rights_before(&before, &event);
	event.capabilities = exec->credentials.cap_effective;
	event.flags |= process->image ? process->image->flags : 0;
	sensor_emit(sensor, process, &event);
}

/* A login is told when its audit session shows, which no exec need follow: sshd itself carries a person's tunnel. */
static void note_login(struct sensor *sensor, struct process *process, uint32_t login_uid, uint32_t session_id)
{
	const struct origin origin = {
		.caller = process->image,
		.session_id = process->session_id,
		.euid = process->credentials.euid,
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
	struct process *parent = actor_known(sensor, fork->parent_tgid, fork->parent_start_ns, EVENT_LINEAGE_MAX);
	struct process *child = process_find(&sensor->table, fork->header.tgid, fork->header.start_ns);

	if (parent)
		note_login(sensor, parent, fork->login_uid, fork->session_id);
	if (!child)
		child = actor_add(sensor, fork->header.tgid, fork->header.start_ns, parent);
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

	if (parent->references == 1) /* no children */
		return;
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
	struct login *login; /* all are kept, also when their last process goes */
	struct event event;

	if (!process)
		return;
	look_for_daemons(sensor, process, exit->header.time_ns);
	sensor_describe(sensor, process, EVENT_EXIT, exit->header.time_ns, &event);
	event.exit_code = exit->status >> 8 & 0xff;
	event.exit_signal = exit->status & 0x7f;
	sensor_emit(sensor, process, &event);
	usage_exit(sensor, process, exit->cpu_ns, exit->header.time_ns);
	login = process->login;
	process_end(&sensor->table, process);
	login_watch_exit(login, exit->header.time_ns);
}

static void on_credentials(struct sensor *sensor, const struct record *record)
{
	const struct sombrero_credentials_record *change = (const struct sombrero_credentials_record *)record->header;
	struct process *process = actor_find(sensor, record->header);
	struct event event;

	if (!process)
		return;
	process->credentials = change->now;
	process->user = process->effective_user = process->group = NULL;
	note_login(sensor, process, change->login_uid, change->session_id);
	sensor_describe(sensor, process, EVENT_PRIVILEGE, change->header.time_ns, &event);
	fill_rights_before(&change->before, &event);
	event.capabilities = change->now.cap_effective;
	sensor_emit(sensor, process, &event);
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
	if (!process->in_scope || actor_is_self(sensor, process))
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

	return init && init->namespace_pid == 1 && init->image == process->image && process->image &&
	       contexts_is_init(process->image) && process->context && process->context->context.kind == CONTEXT_BOOT;
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
	struct process *process = actor_find(sensor, record->header);
	struct event event;

	if (!process || !process->in_scope) /* an accept shows outside of the listener's cgroup */
		return;
	if (net->header.type == SOMBRERO_ACCEPT)
		login_watch_accept(sensor, process, net);
	if (net->header.type == SOMBRERO_LISTEN)
		promote_listener(sensor, process, net);
	if (!is_news(sensor, net, process))
		return;
	if (net->header.flags & SOMBRERO_NET_IN_NAME && is_activator(process))
		return;
	sensor_describe(sensor, process, net_kinds[net->header.type], net->header.time_ns, &event);
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
	sensor_emit(sensor, process, &event);
}

/* From here on it is the cgroup's: in scope or not. Its context stays what it was until it becomes another program. */
static void on_move(struct sensor *sensor, const struct record *record)
{
	const char *cgroup = record->string[SOMBRERO_STRING_CGROUP];
	struct process *process = actor_arrive(sensor, record);
	struct image *moved;

	if (!process)
		return;
	process->in_scope = record->header->flags & SOMBRERO_IN_SCOPE;
	if (!process->image || !strcmp(process->image->cgroup, cgroup))
		return;
	moved = image_moved(process->image, cgroup);
	if (moved)
		process_set_image(process, moved);
	else
		sensor->losses[LOSS_MEMORY]++;
}

static int take_record(void *owner, const void *data, size_t size)
{
	static void (*const handlers[SOMBRERO_TYPE_COUNT])(struct sensor * sensor, const struct record *record) = {
		[SOMBRERO_EXEC] = on_exec,        [SOMBRERO_FORK] = on_fork,
		[SOMBRERO_EXIT] = on_exit_record, [SOMBRERO_CREDENTIALS] = on_credentials,
		[SOMBRERO_CONNECT] = on_net,      [SOMBRERO_ACCEPT] = on_net,
		[SOMBRERO_LISTEN] = on_net,       [SOMBRERO_RAW] = on_net,
		[SOMBRERO_TASK] = snapshot_keep,  [SOMBRERO_MOVE] = on_move,
	};
	struct sensor *sensor = owner;
	struct record record;

	sensor->records++;
	if (record_check(data, size, &record) < 0) {
		sensor->losses[LOSS_RECORD]++;
	} else {
		actor_doubt(sensor, record.header->time_ns);
		sensor->contexts.logins.now_ns = sensor->starting ? 0 : record.header->time_ns;
		handlers[record.header->type](sensor, &record);
	}
	return 0;
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
		sensor_emit(sensor, NULL, &event);
	}
}

/* Records were lost: of beginnings, of what processes became, of ends. In a flood that may take a tenth of our time. */
static void settle_doubts(struct sensor *sensor, uint64_t now)
{
	sensor->settled_doubt = sensor->doubt;
	snapshot_again(sensor);
	actor_sweep(sensor, true);
	sensor->settle_ns = now + 10 * (clock_ns(CLOCK_BOOTTIME) - now);
}

static void tick(struct sensor *sensor)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME);

	if (now < sensor->next_tick_ns)
		return;
	sensor->next_tick_ns = now + TICK_NS;
	sensor->clock_offset_ns = clock_ns(CLOCK_REALTIME) - now;
	tell_losses(sensor);
	actor_doubt(sensor, now);
	if (sensor->doubt != sensor->settled_doubt && now >= sensor->settle_ns)
		settle_doubts(sensor, now);
	usage_tick(sensor, now);
	if (++sensor->ticks % LOOK_TICKS)
		return;
	(void)kernel_each_socket(sensor->kernel);
	if (sensor->scope_count)
		actor_sweep(sensor, false);
}

static void tell_scheduled(void *owner, const char *unit, const char *job, uint32_t period)
{
	struct sensor *sensor = owner;
	struct event event;

	if (contexts_changes(&sensor->contexts, unit))
		return;
	event_init(&event, EVENT_SCHEDULE);
	event.time_ns = clock_ns(CLOCK_REALTIME);
	event.host = sensor->host;
	event.context.kind = CONTEXT_JOB;
	event.context.name = job;
	event.period = period;
	sensor_emit(sensor, NULL, &event);
}

/* What is to come at times, on a host that is watched as a whole: ours, or one that is a scope of its own. */
static void tell_schedule(struct sensor *sensor)
{
	const struct contexts *contexts = &sensor->contexts;
	char root[32];

	if (contexts->harness || (sensor->scope_count && contexts->home.mount_namespace == contexts->mount_namespace))
		return;
	schedule_read(contexts_home_root(contexts, root), tell_scheduled, sensor);
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
	if (!status) {
		sensor->login_watch = login_watch_new(options, sensor);
		status = sensor->login_watch ? 0 : -ENOMEM;
	}
	if (status < 0)
		return error_set(error, status, "out of memory");
	(void)gethostname(sensor->host, sizeof(sensor->host) - 1);
	sensor->clock_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	sensor->existing = options->existing;
	sensor->own_pid_namespace = sensor->contexts.home.pid_namespace;
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
		status = snapshot_take(sensor, error);
	if (!status)
		usage_begin(sensor, clock_ns(CLOCK_BOOTTIME));
	if (!status)
		tell_schedule(sensor);
	if (!status && options->files)
		status = files_open(sensor, options->files, &sensor->files, error);
	if (!status && options->files && options->files->written_by) {
		sensor->brought.written_by = files_written_by;
		sensor->brought.owner = sensor->files;
	}
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
	login_watch_poll(sensor, false);
	if (sensor->files && !sensor->sink_status)
		taken = files_poll(sensor->files, false);
	return taken < 0 ? taken : sensor->sink_status;
}

int sensor_drain(struct sensor *sensor)
{
	int taken = KERNEL_RECORDS_AT_ONCE;

	/* As many rounds as it takes to empty a full ring of the smallest records; who floods it may be late. */
	for (int round = 0; round < 64 && taken == KERNEL_RECORDS_AT_ONCE; round++)
		taken = kernel_consume(sensor->kernel, 0);
	login_watch_settle(sensor);
	if (sensor->files && taken >= 0 && !sensor->sink_status)
		taken = files_poll(sensor->files, true);
	login_watch_poll(sensor, true); /* what sessions did to files is in their ends */
	tell_losses(sensor);
	return taken < 0 ? taken : sensor->sink_status;
}

void sensor_close(struct sensor *sensor)
{
	if (!sensor)
		return;
	files_close(sensor->files);
	kernel_close(sensor->kernel);
	snapshot_free(&sensor->snapshot);
	usage_free(sensor);
	process_table_free(&sensor->table);
	contexts_free(&sensor->contexts);
	users_free(sensor->users);
	login_watch_free(sensor->login_watch);
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
	if (sensor->files)
		out->files = sensor->files->tally;
	out->records = sensor->records;
	out->events = sensor->events;
	out->processes = sensor->table.living;
	out->processes_dead = sensor->table.dead;
}
