/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Processes: how they begin, what they become, how they end, and whose they are. */
#include "exec.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} exec_scratch SEC(".maps");

static __always_inline __u32 add_filename(struct exec_scratch *scratch, __u32 offset, const struct linux_binprm *bprm)
{
	char *to = exec_tail(scratch, offset);
	long size;

	if (!to)
		return 0;
	size = bpf_probe_read_kernel_str(to, SOMBRERO_PATH_MAX, bprm->filename);
	return size < 0 ? 0 : size;
}

/* The new program's arguments lie in its own memory, where the kernel has just put them. */
static __always_inline __u32 add_argv(struct exec_scratch *scratch, __u32 offset, const struct task_struct *task)
{
	unsigned long start = task->mm->arg_start, end = task->mm->arg_end;
	char *to = exec_tail(scratch, offset);
	__u64 size = end - start;

	if (!to || end <= start)
		return 0;
	if (size > SOMBRERO_ARGV_MAX) {
		size = SOMBRERO_ARGV_MAX;
		scratch->record.header.flags |= SOMBRERO_ARGV_TRUNCATED;
	}
	if (bpf_probe_read_user(to, size, (const void *)start)) {
		scratch->record.header.flags |= SOMBRERO_ARGV_UNREADABLE;
		return 0;
	}
	return size;
}

static __always_inline void exec_flags(struct sombrero_exec *record, const struct linux_binprm *bprm)
{
	if (bprm->filename != bprm->interp)
		record->header.flags |= SOMBRERO_EXE_SHEBANG;
	if (BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		record->header.flags |= SOMBRERO_EXE_SETID;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct exec_scratch *scratch;
	struct sombrero_exec *record;
	struct path_walk walk;
	__u32 zero = 0, offset = 0;

	if (!in_scope())
		return 0;
	scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	if (!scratch) {
		lose(SOMBRERO_LOSS_SCRATCH);
		return 0;
	}
	record = &scratch->record;
	exec_fixed(record, SOMBRERO_EXEC, task);
	record->argc = bprm->argc;
	record->header.flags |= SOMBRERO_IN_SCOPE;
	exec_flags(record, bprm);

	exec_file(record, &walk, &scratch->path, bprm->file, task);
	offset += record->size[SOMBRERO_STRING_EXE] = exec_add_path(scratch, offset, &walk);
	offset += record->size[SOMBRERO_STRING_FILENAME] = add_filename(scratch, offset, bprm);
	path_resolve(&walk, &scratch->path, &task->fs->pwd, task);
	offset += record->size[SOMBRERO_STRING_CWD] = exec_add_path(scratch, offset, &walk);
	cgroup_resolve(&walk, &scratch->path, task);
	offset += record->size[SOMBRERO_STRING_CGROUP] = exec_add_path(scratch, offset, &walk);
	offset += record->size[SOMBRERO_STRING_ARGV] = add_argv(scratch, offset, task);

	if (offset > EXEC_TAIL_MAX)
		return 0;
	record->header.length = sizeof(*record) + offset;
	credentials_remember(record->header.tgid, &record->credentials);
	if (bpf_ringbuf_output(&ring, scratch, sizeof(*record) + offset, wakeup()))
		lose(SOMBRERO_LOSS_RING_FULL);
	return 0;
}

struct move_scratch {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
};
struct move_scratch move_scratch SEC(".maps"), fork_scratch SEC(".maps");

/* `task` is in the cgroup where it is now, and was not before. */
static __always_inline void report_move(void *scratches, const struct task_struct *task)
{
	struct exec_scratch *scratch;
	__u32 zero = 0, size;

	scratch = bpf_map_lookup_elem(scratches, &zero);
	if (!scratch) {
		lose(SOMBRERO_LOSS_SCRATCH);
		return;
	}
	size = exec_task(scratch, SOMBRERO_MOVE, task);
	if (size <= sizeof(scratch->record) + EXEC_TAIL_MAX && bpf_ringbuf_output(&ring, scratch, size, wakeup()))
		lose(SOMBRERO_LOSS_RING_FULL);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct sombrero_credentials credentials;
	struct sombrero_fork *record;
	__u32 tgid = child->tgid;

	if (tgid != (__u32)child->pid || child->flags & PF_KTHREAD)
		return 0;
	/* A child can begin in another cgroup than its parent's: CLONE_INTO_CGROUP. */
	if (child->cgroups == parent->cgroups ? !in_scope() : !task_in_scope(child))
		return 0;
	credentials_check(parent);
	credentials_read(&credentials, child);
	credentials_remember(tgid, &credentials);
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		lose(SOMBRERO_LOSS_RING_FULL);
		return 0;
	}
	header_fill(&record->header, SOMBRERO_FORK, sizeof(*record), child);
	record->parent_tgid = parent->tgid;
	record->parent_start_ns = parent->group_leader->start_boottime;
	namespaces_read(record, child);
	record->login_uid = child->loginuid.val;
	record->session_id = child->sessionid;
	bpf_ringbuf_submit(record, wakeup());
	if (child->cgroups != parent->cgroups)
		report_move(&fork_scratch, child);
	return 0;
}

/* Of the threads that are gone, of the last one, and of the first one, which stays to the end. */
static __always_inline __u64 cpu_time(const struct task_struct *task)
{
	const struct task_struct *leader = task->group_leader;
	__u64 sum = task->signal->sum_sched_runtime + task->se.sum_exec_runtime;

	return task->pid == task->tgid ? sum : sum + leader->se.sum_exec_runtime;
}

/* Fires for each thread; the process ends with the last. Two that end at once both see it: the map decides. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct sombrero_exit *record;
	struct signal_struct *signal = task->signal;

	if (signal->live.counter)
		return 0;
	credentials_check(task);
	if (bpf_map_delete_elem(&processes, &tgid))
		return 0;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		lose(SOMBRERO_LOSS_RING_FULL);
		return 0;
	}
	header_fill(&record->header, SOMBRERO_EXIT, sizeof(*record), task);
	record->status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->exit_code;
	record->padding = 0;
	record->cpu_ns = cpu_time(task);
	bpf_ringbuf_submit(record, wakeup());
	return 0;
}

/*
 * A process is moved to another cgroup, perhaps into the scope or out of it. Told by the mover, whose scope doesn't
 * matter; `to` may belong to a hierarchy of version 1, which is none of ours.
 */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_move, struct cgroup *to, const char *path, struct task_struct *task, bool whole_process)
{
	struct sombrero_credentials credentials;
	__u32 tgid = task->tgid;

	if (task->cgroups->dfl_cgrp != to || task->pid != task->tgid || task->flags & PF_KTHREAD)
		return 0;
	if (task_in_scope(task)) {
		credentials_read(&credentials, task);
		bpf_map_update_elem(&processes, &tgid, &credentials, BPF_NOEXIST);
	} else if (bpf_map_delete_elem(&processes, &tgid)) {
		return 0;
	}
	report_move(&move_scratch, task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
