/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * The ABI between the programs in bpf/ and user space: what a record in the ring looks like, and the
 * reasons for which one can be missing. Nothing else belongs here. Every structure has fixed widths
 * and explicit padding; both sides check the sizes. Numbers are host order unless said otherwise.
 */
#ifndef SOMBRERO_EVENT_H
#define SOMBRERO_EVENT_H

#include <linux/types.h>

#define SOMBRERO_ABI 1

/* No login uid, no session: what the kernel stores for "never logged in". */
#define SOMBRERO_UNSET 0xffffffffU

enum sombrero_type {
	SOMBRERO_EXEC = 1,    /* struct sombrero_exec: a program was started */
	SOMBRERO_FORK,        /* struct sombrero_fork: header is the child's */
	SOMBRERO_EXIT,        /* struct sombrero_exit: the last thread ended */
	SOMBRERO_CREDENTIALS, /* struct sombrero_credentials_record: ids changed without an exec */
	SOMBRERO_CONNECT,     /* struct sombrero_net: connect(2), or the first step of a send to */
	SOMBRERO_ACCEPT,      /* struct sombrero_net: a connection or datagram came in */
	SOMBRERO_LISTEN,      /* struct sombrero_net: TCP LISTEN, or UDP bound to an asked port */
	SOMBRERO_RAW,         /* struct sombrero_net: a raw or packet socket exists */
	SOMBRERO_TASK,        /* struct sombrero_exec: a process that was there before the sensor */
	SOMBRERO_MOVE,        /* struct sombrero_exec, as of a task: a process went to another cgroup */
	SOMBRERO_TYPE_COUNT,
};

struct sombrero_header {
	__u16 abi;      /* SOMBRERO_ABI */
	__u16 type;     /* enum sombrero_type */
	__u32 length;   /* of the whole record, this header included */
	__u64 time_ns;  /* CLOCK_BOOTTIME */
	__u64 start_ns; /* when process tgid began, CLOCK_BOOTTIME: with tgid it names a process for good */
	__u32 tgid;     /* in the initial pid namespace */
	__u32 flags;    /* SOMBRERO_… below, by type */
};

/* exec and task */
#define SOMBRERO_EXE_MEMFD       0x0001U /* the executable has no name in any directory */
#define SOMBRERO_EXE_DELETED     0x0002U /* … or had one that is gone */
#define SOMBRERO_EXE_SHEBANG     0x0004U /* started through a #! line: `filename` is the script */
#define SOMBRERO_EXE_SETID       0x0008U /* set-uid, set-gid or file capabilities took effect */
#define SOMBRERO_ARGV_TRUNCATED  0x0010U /* argv holds a prefix; argc is the true count */
#define SOMBRERO_ARGV_UNREADABLE 0x0020U /* the page was not there; argv is empty */
#define SOMBRERO_PATH_TRUNCATED  0x0040U /* one of the paths lost its beginning or its end */
#define SOMBRERO_PATH_OUTSIDE    0x0080U /* the executable lies outside the process's root directory */
#define SOMBRERO_EXE_CHROOT      0x2000U /* the process's root directory is not that of its mount namespace */
#define SOMBRERO_IN_SCOPE        0x8000U /* task, move and exec: its cgroup is in the sensor's scope */
#define SOMBRERO_EXE_INHERITED   0x4000U /* task, move: it was forked and has not called execve(2) */
/* net */
#define SOMBRERO_NET_IN_NAME   0x0100U /* accept: tgid is the listener, which need not be who reads */
#define SOMBRERO_NET_BY_READER 0x0200U /* accept: tgid read from or closed a connection it inherited */
#define SOMBRERO_NET_BEFORE    0x0400U /* the socket was there before the sensor */
#define SOMBRERO_NET_PACKET    0x0800U /* raw: AF_PACKET, seen by looking, not by a hook */
#define SOMBRERO_NET_ASKED     0x1000U /* listen, accept: the program asked for this local port */

struct sombrero_credentials {
	__u32 uid, euid, suid, fsuid;
	__u32 gid, egid, sgid, fsgid;
	__u64 cap_effective;
};

/*
 * The strings follow the fixed part in the order of enum sombrero_string, each `size[i]` bytes long.
 * Paths end with a NUL byte that counts; argv is its arguments, each ended by a NUL byte (the last
 * one need not be where truncated). Bytes are as the kernel has them: any but NUL, not always UTF-8.
 */
enum sombrero_string {
	SOMBRERO_STRING_EXE,      /* resolved executable, from the process's root */
	SOMBRERO_STRING_FILENAME, /* path as called */
	SOMBRERO_STRING_CWD,
	SOMBRERO_STRING_CGROUP, /* from the root of the cgroup2 tree, e.g. /system.slice/ssh.service */
	SOMBRERO_STRING_ARGV,
	SOMBRERO_STRING_COUNT,
};

#define SOMBRERO_PATH_MAX 4096 /* of one path, NUL included */
#define SOMBRERO_ARGV_MAX 4096 /* of the recorded prefix of argv */

struct sombrero_exec {
	struct sombrero_header header;
	struct sombrero_credentials credentials;
	__u64 parent_start_ns;
	__u64 cgroup_id;
	__u64 inode;
	__u32 parent_tgid;
	__u32 namespace_pid;        /* the pid the process sees itself */
	__u32 login_uid;            /* or SOMBRERO_UNSET */
	__u32 session_id;           /* audit session, or SOMBRERO_UNSET */
	__u32 tty_major, tty_minor; /* 0, 0: none */
	__u32 mount_namespace, pid_namespace, net_namespace, user_namespace;
	__u32 device; /* of the executable, kernel encoding: major << 20 | minor */
	__u32 argc;
	__u16 size[SOMBRERO_STRING_COUNT];
	__u16 padding[3];
};

/* The parent is who called fork(2) or clone(2): with CLONE_PARENT that is not what getppid(2) says. */
struct sombrero_fork {
	struct sombrero_header header;
	__u64 parent_start_ns;
	__u32 parent_tgid;
	__u32 namespace_pid;
	__u32 mount_namespace, pid_namespace, net_namespace, user_namespace;
	__u32 login_uid, session_id; /* of both: who takes logins forks after it has set them */
};

struct sombrero_exit {
	struct sombrero_header header;
	__u32 status; /* as wait(2) gives it: low 7 bits the signal, bits 8 to 15 the code */
	__u32 padding;
	__u64 cpu_ns; /* CPU time of all its threads, as far as the scheduler has written it down: up to a tick may lack */
};

struct sombrero_credentials_record {
	struct sombrero_header header;
	struct sombrero_credentials now;
	struct sombrero_credentials before;
	__u32 login_uid, session_id; /* now */
};

struct sombrero_net {
	struct sombrero_header header;
	__u8 family;   /* AF_INET, AF_INET6 or AF_PACKET; an IPv4 address mapped into IPv6 is AF_INET */
	__u8 protocol; /* IPPROTO_… */
	__u16 local_port, remote_port;
	__u16 padding;
	__u8 local[16], remote[16]; /* network order; IPv4 in the first four bytes */
	__u64 cookie;               /* names the socket while the machine runs; 0 where unknown */
	__u32 net_namespace;        /* 0 where unknown */
	__u32 padding2;
};

/* Every reason for which a record can be missing inside the kernel; each is a counter that only grows. */
enum sombrero_loss {
	SOMBRERO_LOSS_RING_FULL,    /* the consumer was too slow */
	SOMBRERO_LOSS_PROCESS_FULL, /* the table of processes had no room: ids' changes are missed */
	SOMBRERO_LOSS_STORAGE,      /* no socket storage: an accept has no listener */
	SOMBRERO_LOSS_SCRATCH,      /* no scratch memory for an exec record */
	SOMBRERO_LOSS_COUNT,
};

_Static_assert(sizeof(struct sombrero_header) == 32, "ABI");
_Static_assert(sizeof(struct sombrero_credentials) == 40, "ABI");
_Static_assert(sizeof(struct sombrero_exec) == 160, "ABI");
_Static_assert(sizeof(struct sombrero_fork) == 72, "ABI");
_Static_assert(sizeof(struct sombrero_exit) == 48, "ABI");
_Static_assert(sizeof(struct sombrero_credentials_record) == 120, "ABI");
_Static_assert(sizeof(struct sombrero_net) == 88, "ABI");

#endif
