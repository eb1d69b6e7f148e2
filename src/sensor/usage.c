/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What services and jobs use: processes and CPU time, told once a minute, and of a job when its last process ends. The
 * process table counts processes as they come and go (process.c); CPU time comes with the ends of processes, and from /proc
 * for those that live.
 */
#include <stdlib.h>
#include <string.h>

#include "sensor/sensor_priv.h"

#define USAGE_NS UINT64_C(60000000000)

static bool is_told(const struct context_node *node)
{
	return node && (node->context.kind == CONTEXT_SERVICE || node->context.kind == CONTEXT_JOB);
}

/* What it has used beyond what was counted. Of one that is older than the period and was never looked at, nobody knows when. */
static uint64_t more_cpu(const struct sensor *sensor, struct process *process, uint64_t cpu_ns)
{
	bool is_old = !process->cpu_known && process->start_ns < sensor->usage.since_ns;
	uint64_t more = is_old || cpu_ns < process->cpu_ns ? 0 : cpu_ns - process->cpu_ns;

	process->cpu_known = true;
	/* /proc counts in ticks, and so may be behind what it said before was told by an end. */
	if (cpu_ns > process->cpu_ns)
		process->cpu_ns = cpu_ns;
	return more;
}

/* Adds what another node of the same context used. */
static void add(struct usage *sum, const struct usage *usage)
{
	sum->living += usage->living;
	sum->most += usage->most;
	sum->begun += usage->begun;
	sum->cpu_ns += usage->cpu_ns;
	sum->seen += usage->seen;
	if (!sum->actor || (usage->actor && usage->actor_ns > sum->actor_ns)) {
		sum->actor = usage->actor;
		sum->actor_ns = usage->actor_ns;
	}
}

static void tell(struct sensor *sensor, const struct context_node *node, const struct usage *usage, uint64_t now_ns)
{
	unsigned strangers = usage->living > usage->seen ? usage->living - usage->seen : 0;
	struct event event;

	if (usage->actor) {
		sensor_describe(sensor, usage->actor, EVENT_USAGE, now_ns, &event);
	} else {
		event_init(&event, EVENT_USAGE);
		event.time_ns = now_ns + sensor->clock_offset_ns;
		event.host = sensor->host;
		event.context = node->context;
	}
	event.processes = usage->seen;
	event.processes_most = usage->most - strangers;
	event.processes_begun = usage->begun;
	event.cpu_ms = usage->cpu_ns / 1000000;
	sensor_emit(sensor, usage->actor, &event);
}

static void begin_again(struct usage *usage)
{
	*usage = (struct usage) { .living = usage->living, .most = usage->living };
}

void usage_exit(struct sensor *sensor, struct process *process, uint64_t cpu_ns, uint64_t time_ns)
{
	struct context_node *node = process->context;

	if (!is_told(node) || process->dead)
		return;
	node->usage.cpu_ns += more_cpu(sensor, process, cpu_ns);
	if (node->context.kind != CONTEXT_JOB || node->usage.living > 1 || !process->in_scope)
		return;
	node->usage.living = 0; /* what is told is how it is now */
	node->usage.actor = process;
	tell(sensor, node, &node->usage, time_ns);
	node->usage.living = 1;
	begin_again(&node->usage);
}

/* Keeps a node that was used, once. */
static bool keep(struct usage_look *look, struct context_node *node)
{
	size_t capacity = look->capacity ? look->capacity * 2 : 64;
	struct context_node **nodes;

	if (look->count == look->capacity) {
		nodes = reallocarray(look->node, capacity, sizeof(struct context_node *));
		if (!nodes)
			return false;
		look->node = nodes;
		look->capacity = capacity;
	}
	look->node[look->count++] = node;
	return true;
}

static void look_at(struct sensor *sensor, struct process *process)
{
	uint32_t number = contexts_number(&sensor->contexts, process);
	struct usage *usage = &process->context->usage;
	uint64_t cpu_ns, more = 0;

	if (number && !proc_cpu(number, process->start_ns, &cpu_ns))
		more = more_cpu(sensor, process, cpu_ns);
	if (!usage->seen && !keep(&sensor->usage, process->context)) {
		sensor->losses[LOSS_MEMORY]++;
		return;
	}
	usage->seen++;
	usage->cpu_ns += more;
	if (!usage->actor || more > usage->actor_ns) {
		usage->actor = process;
		usage->actor_ns = more;
	}
}

static int by_context(const void *one, const void *other)
{
	const struct context *left = &(*(struct context_node *const *)one)->context;
	const struct context *right = &(*(struct context_node *const *)other)->context;
	int order = (int)left->kind - (int)right->kind;

	if (!order)
		order = strcmp(left->name, right->name);
	return order ? order : strcmp(left->container, right->container);
}

/* A context can have several nodes: a unit for each, several runs of a job at once. */
static void tell_all(struct sensor *sensor, uint64_t now_ns)
{
	struct usage_look *look = &sensor->usage;

	if (look->count)
		qsort(look->node, look->count, sizeof(struct context_node *), by_context);
	for (size_t from = 0, to; from < look->count; from = to) {
		struct usage sum = { 0 };

		for (to = from; to < look->count && !by_context(&look->node[from], &look->node[to]); to++)
			add(&sum, &look->node[to]->usage);
		tell(sensor, look->node[from], &sum, now_ns);
	}
}

/* Looks at all that live. What a service used that has no process now (it crashes again and again) counts too. */
static void look(struct sensor *sensor)
{
	sensor->usage.count = 0;
	for (struct process *process = sensor->table.oldest; process; process = process->younger) {
		if (!process->dead && process->in_scope && is_told(process->context))
			look_at(sensor, process);
	}
	for (size_t i = 0; i < sensor->contexts.shared_count; i++) {
		struct context_node *node = sensor->contexts.shared[i];

		if (is_told(node) && !node->usage.seen && node->usage.cpu_ns && !keep(&sensor->usage, node))
			sensor->losses[LOSS_MEMORY]++;
	}
}

static void look_again_later(struct sensor *sensor, uint64_t now_ns)
{
	for (size_t i = 0; i < sensor->usage.count; i++)
		begin_again(&sensor->usage.node[i]->usage);
	sensor->usage.since_ns = now_ns;
	sensor->usage.next_ns = now_ns + USAGE_NS;
}

void usage_begin(struct sensor *sensor, uint64_t now_ns)
{
	look(sensor);
	look_again_later(sensor, now_ns);
}

void usage_tick(struct sensor *sensor, uint64_t now_ns)
{
	if (now_ns < sensor->usage.next_ns)
		return;
	look(sensor);
	tell_all(sensor, now_ns);
	look_again_later(sensor, now_ns);
}

void usage_free(struct sensor *sensor)
{
	free(sensor->usage.node);
}
