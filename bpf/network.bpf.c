/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The network: who reaches out, who waits, who was reached. The programs on cgroup hooks only look: each returns 1 on
 * every path, since one 0 would deny the network to whoever it runs for.
 */
#include "sensor.h"

#define ALLOW 1

/*
 * Listeners whose connections are read by other processes than the one that listens (socket activation, a fork per
 * connection, workers): their accepts are reported when somebody reads or closes. By the listener's cookie. An entry
 * that was pushed out costs one accept reported twice, once for each process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} shared_listeners SEC(".maps");

static __always_inline struct sombrero_net *net_begin(__u16 type)
{
	struct sombrero_net *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	const struct task_struct *task;

	if (!record) {
		lose(SOMBRERO_LOSS_RING_FULL);
		return NULL;
	}
	__builtin_memset(record, 0, sizeof(*record));
	task = bpf_get_current_task_btf();
	header_fill(&record->header, type, sizeof(*record), task);
	record->net_namespace = task->nsproxy->net_ns->ns.inum;
	return record;
}

static __always_inline bool is_mapped(const __u32 address[4])
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

/* An IPv4 address in IPv6 clothes becomes IPv4: the peer is the same whichever socket was used. */
static __always_inline __u8 put_address(__u8 to[16], const __u32 from[4], __u8 family)
{
	__u32 *words = (__u32 *)to;

	if (family == AF_INET6 && !is_mapped(from)) {
		words[0] = from[0];
		words[1] = from[1];
		words[2] = from[2];
		words[3] = from[3];
		return AF_INET6;
	}
	words[0] = family == AF_INET ? from[0] : from[3];
	words[1] = words[2] = words[3] = 0;
	return AF_INET;
}

/* This side, which is nothing yet where a socket was not bound. */
static __always_inline void put_local(struct sombrero_net *record, struct bpf_sock *sk)
{
	__u32 local[4] = { 0 };

	if (!sk)
		return;
	record->local_port = sk->src_port;
	if (sk->family == AF_INET6) {
		local[0] = sk->src_ip6[0];
		local[1] = sk->src_ip6[1];
		local[2] = sk->src_ip6[2];
		local[3] = sk->src_ip6[3];
		/* An IPv6 socket that is bound to no address reaches IPv4 from no address. */
		if (record->family == AF_INET6 || is_mapped(local))
			put_address(record->local, local, AF_INET6);
	} else {
		local[0] = sk->src_ip4;
		put_address(record->local, local, AF_INET);
	}
}

static __always_inline bool is_datagram(__u32 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
}

/* Was this socket bound to a port that its program asked for? Then what it sends are answers. */
static __always_inline struct socket_state *asked_state(struct bpf_sock *sk)
{
	struct socket_state *state = sk ? bpf_sk_storage_get(&sockets, sk, NULL, 0) : NULL;

	return state && state->flags & SOCKET_ASKED ? state : NULL;
}

/* A datagram in or out, or a connect: by `type`, from the hook's own copy of the address. */
static __always_inline int report_address(struct bpf_sock_addr *ctx, __u16 type, __u8 family)
{
	__u32 remote[4] = { 0 };
	struct sombrero_net *record;

	if (family == AF_INET) {
		remote[0] = ctx->user_ip4;
	} else {
		remote[0] = ctx->user_ip6[0];
		remote[1] = ctx->user_ip6[1];
		remote[2] = ctx->user_ip6[2];
		remote[3] = ctx->user_ip6[3];
	}
	credentials_check(bpf_get_current_task_btf());
	record = net_begin(type);
	if (!record)
		return ALLOW;
	record->protocol = ctx->protocol;
	record->family = put_address(record->remote, remote, family);
	record->remote_port = bpf_ntohs(ctx->user_port);
	record->cookie = bpf_get_socket_cookie(ctx);
	put_local(record, ctx->sk);
	if (type == SOMBRERO_ACCEPT)
		record->header.flags = SOMBRERO_NET_ASKED;
	bpf_ringbuf_submit(record, wakeup());
	return ALLOW;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return report_address(ctx, SOMBRERO_CONNECT, AF_INET);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return report_address(ctx, SOMBRERO_CONNECT, AF_INET6);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return report_address(ctx, asked_state(ctx->sk) ? SOMBRERO_ACCEPT : SOMBRERO_CONNECT, AF_INET);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return report_address(ctx, asked_state(ctx->sk) ? SOMBRERO_ACCEPT : SOMBRERO_CONNECT, AF_INET6);
}

SEC("cgroup/recvmsg4")
int on_recvmsg4(struct bpf_sock_addr *ctx)
{
	return asked_state(ctx->sk) ? report_address(ctx, SOMBRERO_ACCEPT, AF_INET) : ALLOW;
}

SEC("cgroup/recvmsg6")
int on_recvmsg6(struct bpf_sock_addr *ctx)
{
	return asked_state(ctx->sk) ? report_address(ctx, SOMBRERO_ACCEPT, AF_INET6) : ALLOW;
}

/* bind(2) says which port was asked for; afterwards only the assigned one is known. It counts once it has succeeded. */
static __always_inline int note_bind(struct bpf_sock_addr *ctx)
{
	__u64 create = ctx->user_port ? BPF_SK_STORAGE_GET_F_CREATE : 0;
	struct socket_state *state;

	if (!ctx->sk)
		return ALLOW;
	state = bpf_sk_storage_get(&sockets, ctx->sk, NULL, create);
	if (!state && create)
		lose(SOMBRERO_LOSS_STORAGE);
	else if (state && create)
		state->flags |= SOCKET_TRYING;
	else if (state)
		state->flags &= ~SOCKET_TRYING;
	return ALLOW;
}

SEC("cgroup/bind4")
int on_bind4(struct bpf_sock_addr *ctx)
{
	return note_bind(ctx);
}

SEC("cgroup/bind6")
int on_bind6(struct bpf_sock_addr *ctx)
{
	return note_bind(ctx);
}

/* The bind has succeeded. A datagram socket listens from here on. */
static __always_inline int report_bound(struct bpf_sock *ctx, __u8 family)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx, NULL, 0);
	__u32 local[4] = { 0 };
	struct sombrero_net *record;

	if (!state || !(state->flags & SOCKET_TRYING))
		return ALLOW;
	state->flags = (state->flags & ~SOCKET_TRYING) | SOCKET_ASKED;
	if (!is_datagram(ctx->protocol))
		return ALLOW;
	if (family == AF_INET) {
		local[0] = ctx->src_ip4;
	} else {
		local[0] = ctx->src_ip6[0];
		local[1] = ctx->src_ip6[1];
		local[2] = ctx->src_ip6[2];
		local[3] = ctx->src_ip6[3];
	}
	credentials_check(bpf_get_current_task_btf());
	record = net_begin(SOMBRERO_LISTEN);
	if (!record)
		return ALLOW;
	record->protocol = ctx->protocol;
	record->family = put_address(record->local, local, family);
	record->header.flags = SOMBRERO_NET_ASKED;
	record->local_port = ctx->src_port;
	record->cookie = bpf_get_socket_cookie(ctx);
	bpf_ringbuf_submit(record, wakeup());
	return ALLOW;
}

SEC("cgroup/post_bind4")
int on_post_bind4(struct bpf_sock *ctx)
{
	return report_bound(ctx, AF_INET);
}

SEC("cgroup/post_bind6")
int on_post_bind6(struct bpf_sock *ctx)
{
	return report_bound(ctx, AF_INET6);
}

SEC("cgroup/sock_create")
int on_sock_create(struct bpf_sock *ctx)
{
	struct sombrero_net *record;

	if (!is_raw(ctx->type, ctx->protocol))
		return ALLOW;
	credentials_check(bpf_get_current_task_btf());
	record = net_begin(SOMBRERO_RAW);
	if (!record)
		return ALLOW;
	record->family = ctx->family;
	record->protocol = ctx->protocol;
	record->cookie = bpf_get_socket_cookie(ctx);
	bpf_ringbuf_submit(record, wakeup());
	return ALLOW;
}

/* From here on TCP, where the kernel's own sock is at hand. */

/* Directly where the verifier knows what `sk` is, else as kernel memory, which costs ten times as much. */
#define SOCK_FIELD(sk, typed, field) ((typed) ? (sk)->field : BPF_CORE_READ(sk, field))

static __always_inline void put_sock(struct sombrero_net *record, const struct sock *sk, bool typed)
{
	__u8 family = SOCK_FIELD(sk, typed, __sk_common.skc_family);
	__u32 local[4] = { 0 }, remote[4] = { 0 };

	if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else {
		local[0] = SOCK_FIELD(sk, typed, __sk_common.skc_rcv_saddr);
		remote[0] = SOCK_FIELD(sk, typed, __sk_common.skc_daddr);
	}
	put_address(record->remote, remote, family);
	record->family = put_address(record->local, local, family);
	record->protocol = IPPROTO_TCP;
	record->local_port = SOCK_FIELD(sk, typed, __sk_common.skc_num);
	/* A connection that was reset has given that back (inet_put_port), but not what it sent from. */
	if (!record->local_port)
		record->local_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	record->remote_port = bpf_ntohs(SOCK_FIELD(sk, typed, __sk_common.skc_dport));
	record->net_namespace =
		typed ? sk->__sk_common.skc_net.net->ns.inum : BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline void report_listen(struct sock *sk)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	struct socket_state *state;
	struct sombrero_net *record;
	bool inside = in_scope();

	if (!inside && !is_init(task))
		return;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state) {
		/* Whatever else this socket has been: one that was accepted can listen, too. */
		state->flags = (state->flags & SOCKET_ASKED) | SOCKET_LISTENER | (inside ? 0 : SOCKET_OUTSIDE);
		state->listener_tgid = task->tgid;
		state->listener_start_ns = task->group_leader->start_boottime;
		state->listener_cookie = bpf_get_socket_cookie(sk);
	} else {
		lose(SOMBRERO_LOSS_STORAGE);
	}
	if (!inside)
		return;
	credentials_check(task);
	record = net_begin(SOMBRERO_LISTEN);
	if (!record)
		return;
	put_sock(record, sk, true);
	record->cookie = state ? state->listener_cookie : 0;
	record->header.flags = state && state->flags & SOCKET_ASKED ? SOMBRERO_NET_ASKED : 0;
	bpf_ringbuf_submit(record, wakeup());
}

/* In the listener's name: who runs here is whoever the packet interrupted. */
static __always_inline void report_arrival(struct sock *sk, struct socket_state *state)
{
	struct sombrero_net *record = net_begin(SOMBRERO_ACCEPT);

	state->flags |= SOCKET_REPORTED;
	if (!record)
		return;
	record->header.tgid = state->listener_tgid;
	record->header.start_ns = state->listener_start_ns;
	record->header.flags = SOMBRERO_NET_IN_NAME | (state->flags & SOCKET_ASKED ? SOMBRERO_NET_ASKED : 0);
	put_sock(record, sk, true);
	record->cookie = state->listener_cookie;
	bpf_ringbuf_submit(record, wakeup());
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int before, int now)
{
	struct socket_state *state;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (now == TCP_LISTEN) {
		report_listen(sk);
		return 0;
	}
	if (now != TCP_CLOSE && !(before == TCP_SYN_RECV && now == TCP_ESTABLISHED))
		return 0;
	/* What ends before it is established was never accepted: a handshake given up, or its copy on another CPU. */
	if (now == TCP_CLOSE && before == TCP_SYN_RECV)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || !(state->flags & SOCKET_LISTENER))
		return 0;
	/* One that is closed without having been read or accepted was reported by nobody yet. */
	if (before != TCP_LISTEN && !(state->flags & (SOCKET_REPORTED | SOCKET_OUTSIDE)) &&
	    (now == TCP_CLOSE || !bpf_map_lookup_elem(&shared_listeners, &state->listener_cookie)))
		report_arrival(sk, state);
	/* The same socket can begin again, as a client. */
	if (now == TCP_CLOSE)
		state->flags &= ~SOCKET_LISTENER;
	return 0;
}

/* In the name of the current process, which took the connection. */
static __always_inline void report_taken(const struct sock *sk, bool typed, struct socket_state *state)
{
	struct sombrero_net *record;

	state->flags |= SOCKET_REPORTED;
	credentials_check(bpf_get_current_task_btf());
	record = net_begin(SOMBRERO_ACCEPT);
	if (!record)
		return;
	record->header.flags = SOMBRERO_NET_BY_READER | (state->flags & SOCKET_ASKED ? SOMBRERO_NET_ASKED : 0);
	put_sock(record, sk, typed);
	record->cookie = state->listener_cookie;
	bpf_ringbuf_submit(record, wakeup());
}

/* The current process has this connection in its hands: who that is shows who really serves it. */
static __always_inline void note_taken(const struct sock *sk, bool typed, struct socket_state *state, bool inside)
{
	bool other = state->listener_tgid != (__u32)(bpf_get_current_pid_tgid() >> 32);
	__u8 yes = 1;

	state->flags |= SOCKET_READ;
	if (!inside)
		return;
	if (other)
		bpf_map_update_elem(&shared_listeners, &state->listener_cookie, &yes, BPF_ANY);
	if (other || !(state->flags & (SOCKET_REPORTED | SOCKET_OUTSIDE)))
		report_taken(sk, typed, state);
}

static __always_inline bool is_untaken(const struct socket_state *state)
{
	return state && state->flags & SOCKET_LISTENER && !(state->flags & SOCKET_READ);
}

/* The first data that is read from a connection. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);

	if (is_untaken(state))
		note_taken(sk, true, state, in_scope());
	return 0;
}

/*
 * Closed by who accepted it, unread. What this hook calls its context is the sock itself, of which the verifier opens
 * only a few fields; the rest is read as kernel memory.
 */
SEC("cgroup/sock_release")
int on_release(struct bpf_sock *ctx)
{
	const struct sock *sk = (const void *)ctx;
	struct socket_state *state;

	if (ctx->protocol != IPPROTO_TCP)
		return ALLOW;
	state = bpf_sk_storage_get(&sockets, ctx, NULL, 0);
	/* Before 6.2 no cgroup program may ask in_scope(). */
	if (is_untaken(state) && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		note_taken(sk, false, state, task_in_scope(bpf_get_current_task_btf()));
	return ALLOW;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
