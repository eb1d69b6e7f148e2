/* SPDX-License-Identifier: Apache-2.0 */
/* Who reaches out, by every way there is. */
#include "act.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "act_network.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

union address address_of(const char *text, const char *port)
{
	union address address = { 0 };

	if (inet_pton(AF_INET6, text, &address.six.sin6_addr) == 1) {
		address.six.sin6_family = AF_INET6;
		address.six.sin6_port = htons((uint16_t)atoi(port));
	} else if (inet_pton(AF_INET, text, &address.four.sin_addr) == 1) {
		address.four.sin_family = AF_INET;
		address.four.sin_port = htons((uint16_t)atoi(port));
	} else {
		give_up(text);
	}
	return address;
}

socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->six) : sizeof(address->four);
}

int open_socket(const union address *address, const char *kind)
{
	int type = strncmp(kind, "udp", 3) ? SOCK_STREAM : SOCK_DGRAM;
	int protocol = strcmp(kind, "mptcp") ? 0 : IPPROTO_MPTCP;

	return (int)must(socket(address->any.sa_family, type | SOCK_CLOEXEC, protocol), "socket");
}

unsigned port_of(int fd)
{
	union address address = { 0 };
	socklen_t size = sizeof(address);

	must(getsockname(fd, &address.any, &size), "getsockname");
	return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}

/* connect tcp|mptcp|udp ADDRESS PORT [LOCAL-ADDRESS LOCAL-PORT] */
static int act_connect(int argc, char **argv)
{
	union address address = address_of(argv[1], argv[2]);
	int fd;

	pause_at("before", 0);
	fd = open_socket(&address, argv[0]);
	if (argc > 4) {
		union address local = address_of(argv[3], argv[4]);

		must(bind(fd, &local.any, address_size(&local)), "bind");
	}
	/* Whether it is answered is not what this is about. */
	if (connect(fd, &address.any, address_size(&address)) && errno != ECONNREFUSED)
		give_up("connect");
	say_at("after", 0);
	return 0;
}

/* Connects as often as it is let go on: connect-each tcp|udp ADDRESS PORT COUNT */
static int act_connect_each(int argc, char **argv)
{
	union address address = address_of(argv[1], argv[2]);

	(void)argc;
	for (int i = 0; i < atoi(argv[3]); i++) {
		int fd;

		pause_at("before", i);
		fd = open_socket(&address, argv[0]);
		if (connect(fd, &address.any, address_size(&address)) && errno != ECONNREFUSED)
			give_up("connect");
		(void)close(fd);
	}
	pause_at("after", 0);
	return 0;
}

/* One datagram from a socket that is not connected. */
static int act_send(int argc, char **argv)
{
	union address address = address_of(argv[0], argv[1]);
	int fd;

	(void)argc;
	pause_at("before", 0);
	fd = open_socket(&address, "udp");
	must(sendto(fd, "x", 1, 0, &address.any, address_size(&address)), "sendto");
	say_at("after", port_of(fd));
	return 0;
}

/* The child of a program connects, without becoming another. */
static int act_fork_connect(int argc, char **argv)
{
	pid_t child = (pid_t)must(fork(), "fork");
	int status;

	if (!child)
		_exit(act_connect(argc, argv));
	must(waitpid(child, &status, 0), "waitpid");
	return status ? 1 : 0;
}

/* In a network of its own since after its exec. */
static int act_unshare_connect(int argc, char **argv)
{
	must(unshare(CLONE_NEWNET), "unshare");
	return act_connect(argc, argv);
}

/* io_uring: one submission, by hand, so that no library is needed. With `async`, a worker of the kernel's does it. */
struct uring {
	int fd;
	char *rings;
	struct io_uring_sqe *entries;
	struct io_uring_params parameters;
};

static void *map_ring(const struct uring *uring, size_t size, off_t offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring->fd, offset);

	if (at == MAP_FAILED)
		give_up("mmap");
	return at;
}

static void uring_open(struct uring *uring)
{
	memset(uring, 0, sizeof(*uring));
	uring->fd = (int)must(syscall(SYS_io_uring_setup, 4, &uring->parameters), "io_uring_setup");
	uring->rings = map_ring(uring, 16384, IORING_OFF_SQ_RING);
	uring->entries = map_ring(uring, 4 * sizeof(*uring->entries), IORING_OFF_SQES);
}

static int uring_do(struct uring *uring, const struct io_uring_sqe *entry)
{
	const struct io_sqring_offsets *sq = &uring->parameters.sq_off;
	const struct io_cqring_offsets *cq = &uring->parameters.cq_off;
	unsigned *tail = (void *)(uring->rings + sq->tail), *array = (void *)(uring->rings + sq->array);
	unsigned *done = (void *)(uring->rings + cq->head);
	const struct io_uring_cqe *results = (void *)(uring->rings + cq->cqes);
	unsigned at = *tail & *(unsigned *)(void *)(uring->rings + sq->ring_mask), head = *done;

	uring->entries[at] = *entry;
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	must(syscall(SYS_io_uring_enter, uring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter");
	__atomic_store_n(done, head + 1, __ATOMIC_RELEASE);
	return results[head & *(unsigned *)(void *)(uring->rings + cq->ring_mask)].res;
}

static int act_uring_connect(int argc, char **argv)
{
	union address address = address_of(argv[0], argv[1]);
	struct io_uring_sqe entry = { .opcode = IORING_OP_CONNECT };
	struct uring uring;

	pause_at("before", 0);
	uring_open(&uring);
	entry.fd = open_socket(&address, "tcp");
	entry.addr = (uint64_t)(uintptr_t)&address;
	entry.off = address_size(&address);
	entry.flags = argc > 2 && !strcmp(argv[2], "async") ? IOSQE_ASYNC : 0;
	if (uring_do(&uring, &entry))
		return 1;
	say_at("after", 0);
	return 0;
}

/* A system call by the gate of 32-bit programs. All pointers must lie below 4 GB. */
static long call_32(long number, uint64_t first, uint64_t second, uint64_t third)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static int act_int80_connect(int argc, char **argv)
{
	enum { SOCKET_32 = 359, CONNECT_32 = 362 };
	union address *address =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long fd;

	(void)argc;
	if (address == MAP_FAILED)
		give_up("mmap");
	*address = address_of(argv[0], argv[1]);
	pause_at("before", 0);
	fd = call_32(SOCKET_32, AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return 77; /* a kernel without the gate */
	if (call_32(CONNECT_32, (uint64_t)fd, (uint64_t)(uintptr_t)address, sizeof(address->four)))
		return 1;
	say_at("after", 0);
	return 0;
}

/* TCP Fast Open: a connection by sendto(2), without connect(2). */
static int act_fastopen(int argc, char **argv)
{
	union address address = address_of(argv[0], argv[1]);
	int fd;

	(void)argc;
	pause_at("before", 0);
	fd = open_socket(&address, "tcp");
	must(sendto(fd, "x", 1, MSG_FASTOPEN, &address.any, address_size(&address)), "sendto");
	say_at("after", 0);
	return 0;
}

static int act_raw(int argc, char **argv)
{
	int family = strcmp(argv[0], "ipv6") ? AF_INET : AF_INET6;

	(void)argc;
	pause_at("before", 0);
	must(socket(family, SOCK_RAW, atoi(argv[1])), "socket");
	say_at("after", 0);
	return 0;
}

static int act_packet(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	must(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), "socket");
	pause_at("open", 0);
	return 0;
}

/* The socket of a ping(8) without rights: datagrams that are ICMP. */
static int act_ping_socket(int argc, char **argv)
{
	bool six = !strcmp(argv[0], "ipv6");

	(void)argc;
	pause_at("before", 0);
	must(socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, six ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP), "socket");
	return 0;
}

static void *hold_packet_socket(void *argument)
{
	(void)argument;
	must(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), "socket");
	pause_at("open", 0);
	_exit(0);
}

/* Its first thread has ended, and another listens to the wire. */
static int act_packet_thread(int argc, char **argv)
{
	pthread_t thread;

	(void)argc;
	(void)argv;
	if (pthread_create(&thread, NULL, hold_packet_socket, NULL))
		give_up("pthread_create");
	(void)syscall(SYS_exit, 0);
	return 0;
}

/* AF_UNIX: not seen before kernel 6.7 gave it a hook, and not yet since. */
static int act_connect_unix(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	(void)argc;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[0]);
	pause_at("before", 0);
	fd = (int)must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
	must(connect(fd, (const struct sockaddr *)&address, sizeof(address)), "connect");
	say_at("after", 0);
	return 0;
}

/* So many connects that nobody keeps up. */
static int act_connect_storm(int argc, char **argv)
{
	union address address = address_of(argv[0], argv[1]);
	int fd = open_socket(&address, "udp");

	(void)argc;
	pause_at("before", 0);
	for (int i = atoi(argv[2]); i; i--)
		must(connect(fd, &address.any, address_size(&address)), "connect");
	return 0;
}

const struct act network_acts[] = {
	{ "connect", "tcp|mptcp|udp ADDRESS PORT [LOCAL-ADDRESS LOCAL-PORT]", 3, act_connect },
	{ "connect-each", "tcp|udp ADDRESS PORT COUNT", 4, act_connect_each },
	{ "send", "ADDRESS PORT", 2, act_send },
	{ "fork-connect", "tcp|mptcp|udp ADDRESS PORT", 3, act_fork_connect },
	{ "unshare-connect", "tcp|mptcp|udp ADDRESS PORT", 3, act_unshare_connect },
	{ "uring-connect", "ADDRESS PORT [async]", 2, act_uring_connect },
	{ "int80-connect", "IPV4-ADDRESS PORT", 2, act_int80_connect },
	{ "fastopen", "ADDRESS PORT", 2, act_fastopen },
	{ "raw", "ipv4|ipv6 PROTOCOL", 2, act_raw },
	{ "packet", "", 0, act_packet },
	{ "ping-socket", "ipv4|ipv6", 1, act_ping_socket },
	{ "packet-thread", "", 0, act_packet_thread },
	{ "connect-unix", "PATH", 1, act_connect_unix },
	{ "connect-storm", "ADDRESS PORT COUNT", 3, act_connect_storm },
	{ 0 },
};
