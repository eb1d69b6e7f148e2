/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whom the sensor is asked about: the whole host, or the subtrees of some cgroups. Cgroup hooks are attached to the scope
 * and need no question; the others ask here.
 */
#ifndef BPF_SCOPE_H
#define BPF_SCOPE_H

#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define SCOPE_MAX    64
#define CGROUP_STEPS 64

/* The cgroups whose subtrees are watched; unused when the whole host is. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, SCOPE_MAX);
	__uint(key_size, 4);
	__uint(value_size, 4);
} scope __weak SEC(".maps");

/* The same by their ids, for tasks other than the current one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SCOPE_MAX);
	__type(key, __u64);
	__type(value, __u8);
} scope_ids __weak SEC(".maps");

/* How many cgroups are in `scope`; 0: the whole host. Set before loading. */
const volatile __u32 scope_count __weak = 0;

static __always_inline bool in_scope(void)
{
	if (!scope_count)
		return true;
	for (__u32 i = 0; i < SCOPE_MAX && i < scope_count; i++) {
		if (bpf_current_task_under_cgroup(&scope, i) == 1)
			return true;
	}
	return false;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(struct kernfs_node, parent))
		return BPF_CORE_READ(node, parent);
	return BPF_CORE_READ((struct kernfs_node___new *)node, __parent);
}

struct scope_walk {
	struct kernfs_node *node;
	bool inside;
};

static long scope_step(__u32 index, struct scope_walk *walk)
{
	struct kernfs_node *node = walk->node;
	__u64 id = BPF_CORE_READ(node, id);

	if (bpf_map_lookup_elem(&scope_ids, &id)) {
		walk->inside = true;
		return 1;
	}
	walk->node = kernfs_parent(node);
	return !walk->node;
}

/* As in_scope(), for any task. It costs more, and is for what is rare. */
static __always_inline bool task_in_scope(const struct task_struct *task)
{
	struct scope_walk walk = { .node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn) };

	if (!scope_count)
		return true;
	bpf_loop(CGROUP_STEPS, scope_step, &walk, 0);
	return walk.inside;
}

#endif
