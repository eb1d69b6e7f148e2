/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the programs share: the maps, the scope, who the current process is, and how a record leaves.
 * Each subject has its own object; `bpftool gen object` links them, so maps are weak definitions.
 */
#ifndef BPF_SENSOR_H
#define BPF_SENSOR_H

#include "scope.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "sombrero/event.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
} ring __weak SEC(".maps");

/* What was last seen of a live process, by tgid: a change of ids without an exec shows as a difference. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sombrero_credentials);
} processes __weak SEC(".maps");

/* By enum sombrero_loss; only grows. Mapped, so that to look costs user space nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SOMBRERO_LOSS_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} losses __weak SEC(".maps");

#define SOCKET_LISTENER 0x1U  /* set on a listener, and so on what it accepts */
#define SOCKET_ASKED    0x2U  /* bound to a port that the program asked for */
#define SOCKET_REPORTED 0x4U  /* this connection's accept was reported */
#define SOCKET_READ     0x8U  /* somebody has read from this connection, or closed it */
#define SOCKET_TRYING   0x10U /* bind(2) asked for a port, and has not succeeded yet */
#define SOCKET_OUTSIDE  0x20U /* listener: held by an init outside the scope, which may hand it to a service inside */

struct socket_state {
	__u64 listener_start_ns;
	__u64 listener_cookie;
	__u32 listener_tgid;
	__u32 flags;
};

/* BPF_F_CLONE: a connection inherits what its listener had, which is how an accept knows its listener. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_state);
} sockets __weak SEC(".maps");

static __always_inline void lose(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Sees or makes packets that are no connection's: raw sockets, and those that ping without rights (ICMP datagrams). */
static __always_inline bool is_raw(__u32 type, __u32 protocol)
{
	return type == SOCK_RAW || type == SOCK_PACKET ||
	       (type == SOCK_DGRAM && (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6));
}

/*
 * A wake-up costs as much as forty records, so the consumer comes by itself on a timer and is called only when it
 * falls behind.
 */
static __always_inline __u64 wakeup(void)
{
	__u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	return waiting > 512 * 1024 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/*
 * `task` and `cred` here, and `sk` where a tracepoint hands it over, are pointers that the verifier knows the type of:
 * their fields are loaded directly, at a tenth of the price of a bpf_probe_read_kernel().
 */
static __always_inline void header_fill(struct sombrero_header *header, __u16 type, __u32 length,
					const struct task_struct *task)
{
	header->abi = SOMBRERO_ABI;
	header->type = type;
	header->length = length;
	header->time_ns = bpf_ktime_get_boot_ns();
	header->start_ns = task->group_leader->start_boottime;
	header->tgid = task->tgid;
	header->flags = 0;
}

/* The pid as the process sees it: the last of its numbers, one for each namespace it is nested in. */
static __always_inline __u32 namespace_pid(const struct task_struct *task, __u32 *namespace)
{
	/* By probe reads, since 6.1 lets nobody add to a pointer of known type what it can't tell. */
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *own =
		(void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);

	*namespace = BPF_CORE_READ(own, ns, ns.inum);
	return BPF_CORE_READ(own, nr);
}

/* The first process of a pid namespace, as it sees itself. */
static __always_inline bool is_init(const struct task_struct *task)
{
	__u32 namespace;

	return namespace_pid(task, &namespace) == 1;
}

/* For both records that have these fields. */
#define namespaces_read(record, task)                                                    \
	do {                                                                             \
		(record)->mount_namespace = task->nsproxy->mnt_ns->ns.inum;              \
		(record)->net_namespace = task->nsproxy->net_ns->ns.inum;                \
		(record)->user_namespace = task->cred->user_ns->ns.inum;                 \
		(record)->namespace_pid = namespace_pid(task, &(record)->pid_namespace); \
	} while (0)

/* In halves, since it is one number or two by kernel, and the verifier lets nobody read across the two. */
static __always_inline __u64 effective_capabilities(const struct cred *cred)
{
	const volatile __u32 *half = (const void *)&cred->cap_effective;

	return half[0] | (__u64)half[1] << 32;
}

static __always_inline void credentials_read(struct sombrero_credentials *out, const struct task_struct *task)
{
	const struct cred *cred = task->cred;

	out->uid = cred->uid.val;
	out->euid = cred->euid.val;
	out->suid = cred->suid.val;
	out->fsuid = cred->fsuid.val;
	out->gid = cred->gid.val;
	out->egid = cred->egid.val;
	out->sgid = cred->sgid.val;
	out->fsgid = cred->fsgid.val;
	out->cap_effective = effective_capabilities(cred);
}

static __always_inline bool credentials_equal(const struct sombrero_credentials *one,
					      const struct sombrero_credentials *other)
{
	return one->uid == other->uid && one->euid == other->euid && one->suid == other->suid &&
	       one->gid == other->gid && one->egid == other->egid && one->sgid == other->sgid &&
	       one->cap_effective == other->cap_effective;
}

static __always_inline void credentials_remember(__u32 tgid, const struct sombrero_credentials *now)
{
	if (bpf_map_update_elem(&processes, &tgid, now, BPF_ANY))
		lose(SOMBRERO_LOSS_PROCESS_FULL);
}

/* Reports that the current process's ids are not what they were when it last came by. */
static __always_inline void credentials_check(const struct task_struct *task)
{
	struct sombrero_credentials_record *record;
	struct sombrero_credentials now, *before;
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	before = bpf_map_lookup_elem(&processes, &tgid);
	if (!before)
		return;
	credentials_read(&now, task);
	if (credentials_equal(&now, before))
		return;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		lose(SOMBRERO_LOSS_RING_FULL);
		return;
	}
	header_fill(&record->header, SOMBRERO_CREDENTIALS, sizeof(*record), task);
	record->now = now;
	record->before = *before;
	record->login_uid = task->loginuid.val;
	record->session_id = task->sessionid;
	credentials_remember(tgid, &now);
	bpf_ringbuf_submit(record, wakeup());
}

#endif
