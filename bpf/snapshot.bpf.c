/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What was there before the sensor, written as the same records to whoever reads the iterators: processes, then the
 * sockets they hold, in every network namespace. Run after the hooks are attached, so that nothing falls between.
 */
#include "exec.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} task_scratch SEC(".maps");

/* Its first thread does, while that has memory: a process goes on when its first thread has ended. */
static __always_inline bool stands_for_process(const struct task_struct *task)
{
	if (task->tgid != task->pid)
		return task->mm && !task->group_leader->mm;
	return task->mm || task->flags & PF_KTHREAD;
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct exec_scratch *scratch;
	__u32 zero = 0, size;

	if (!task || !stands_for_process(task))
		return 0;
	scratch = bpf_map_lookup_elem(&task_scratch, &zero);
	if (!scratch)
		return 0;
	size = exec_task(scratch, SOMBRERO_TASK, task);
	if (size > sizeof(scratch->record) + EXEC_TAIL_MAX)
		return 0;
	if (size > sizeof(scratch->record) &&
	    scratch->record.header.flags & SOMBRERO_IN_SCOPE) /* no thread of the kernel's */
		bpf_map_update_elem(&processes, &scratch->record.header.tgid, &scratch->record.credentials,
				    BPF_NOEXIST);
	bpf_seq_write(ctx->meta->seq, scratch, size);
	return 0;
}

static __always_inline void fill_sock(struct sombrero_net *record, const struct sock *sk, __u16 family)
{
	if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&record->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
	} else if (family == AF_INET) {
		__be32 address = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);

		__builtin_memcpy(record->local, &address, sizeof(address));
	}
	record->family = family;
	record->protocol = BPF_CORE_READ(sk, sk_protocol);
	record->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	record->net_namespace = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* What a socket is to us: a record type, or 0. */
static __always_inline __u16 socket_type(const struct sock *sk, __u16 family, bool asked)
{
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol), type = BPF_CORE_READ(sk, sk_type);

	if (family == AF_PACKET)
		return SOMBRERO_RAW;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (is_raw(type, protocol))
		return SOMBRERO_RAW;
	if (protocol == IPPROTO_TCP && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return SOMBRERO_LISTEN;
	if (protocol == IPPROTO_UDP && asked)
		return SOMBRERO_LISTEN;
	return 0;
}

/*
 * So that what an old listener accepts from now on has a name, and what an old server sends is an answer. A service in
 * scope may have got its listener from an init outside of it.
 */
static __always_inline void adopt(struct sock *sk, const struct sombrero_net *record, const struct task_struct *task)
{
	bool inside = task_in_scope(task);
	struct socket_state *state;

	if (!inside && !is_init(task))
		return;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		lose(SOMBRERO_LOSS_STORAGE);
		return;
	}
	if (record->header.flags & SOMBRERO_NET_ASKED)
		state->flags |= SOCKET_ASKED;
	if (record->protocol != IPPROTO_TCP)
		return;
	/* Seen for the first time, or held by somebody in scope for the first time. */
	if (!(state->flags & SOCKET_LISTENER) || (inside && state->flags & SOCKET_OUTSIDE)) {
		state->listener_tgid = record->header.tgid;
		state->listener_start_ns = record->header.start_ns;
		state->listener_cookie = record->cookie;
		state->flags = (state->flags & SOCKET_ASKED) | SOCKET_LISTENER | (inside ? 0 : SOCKET_OUTSIDE);
	}
}

SEC("iter/task_file")
int each_file(struct bpf_iter__task_file *ctx)
{
	struct sombrero_net record = {};
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;
	__u16 family, type;
	bool asked;

	/* The iterator leaves out threads that share the files of their first; without that one each of them comes. */
	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	asked = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
	type = socket_type(sk, family, asked);
	if (!type)
		return 0;
	header_fill(&record.header, type, sizeof(record), task);
	record.header.flags = SOMBRERO_NET_BEFORE | (family == AF_PACKET ? SOMBRERO_NET_PACKET : 0) |
			      (asked ? SOMBRERO_NET_ASKED : 0);
	fill_sock(&record, sk, family);
	record.cookie = bpf_get_socket_cookie(sk);
	if (type == SOMBRERO_LISTEN)
		adopt(sk, &record, task);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
