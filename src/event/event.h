/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event: one thing that happened, with its actor, as everything above the sensor sees it. The
 * sensor fills it from records and its process table; --replay fills it from NDJSON. An event borrows
 * its strings: they are good until the function it was handed to returns.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/program.h"

enum event_kind {
	EVENT_EXEC = 1,     /* the actor became another program */
	EVENT_EXIT,         /* the actor's last thread ended */
	EVENT_CONNECT,      /* it reached for an address */
	EVENT_ACCEPT,       /* something reached it */
	EVENT_LISTEN,       /* it waits to be reached */
	EVENT_PRIVILEGE,    /* its ids changed */
	EVENT_RAW,          /* it holds a raw or packet socket */
	EVENT_CONTEXT,      /* it was found to belong elsewhere: `context` is the new one, `context_before` the old */
	EVENT_CREATE,       /* a watched file came into being */
	EVENT_WRITE,        /* … has other content, by whatever way: written, truncated, replaced by a rename */
	EVENT_RENAME,       /* … has another name: `path`; it was `path_before` */
	EVENT_REMOVE,       /* … is gone */
	EVENT_ATTRIBUTES,   /* … has another mode, owner, extended attribute or time */
	EVENT_LOGIN,        /* a person's session began */
	EVENT_LOGOUT,       /* … ended: its last process is gone */
	EVENT_LOGIN_FAILED, /* somebody tried */
	EVENT_SCHEDULE, /* something is to come at times: a timer or a crontab's entry; `context` is what it will be */
	EVENT_LOSS,     /* something was missed: `loss_reason`, `loss_count` */
	EVENT_USAGE,    /* what a service or job used since the last such event of it */
	EVENT_KIND_COUNT,
};

enum context_kind {
	CONTEXT_UNKNOWN,
	CONTEXT_BOOT,    /* the init and what it did itself */
	CONTEXT_SERVICE, /* a daemon and all that it starts, named by its main program */
	CONTEXT_JOB,     /* scheduled work: cron, at, a timer; named by its main program */
	CONTEXT_SESSION, /* one login of a person */
	CONTEXT_CHANGE,  /* a declared or recognised release or configuration run */
	CONTEXT_HARNESS, /* `learn -- CMD`: what drives the tests; never learned, never judged */
	CONTEXT_KIND_COUNT,
};

struct context {
	enum context_kind kind;
	const char *name; /* "nginx", "logrotate", "alice"; "" for boot, unknown and harness */
	/* "" outside any; else its id (12 hexadecimal digits), pidns:NUMBER, or of a root of its own userns:NUMBER or chroot */
	const char *container;
};

/* What is odd about an event; names in event_flag_name(). */
#define EVENT_FLAG_MEMFD           (1U << 0)  /* the executable has no name in any directory */
#define EVENT_FLAG_DELETED         (1U << 1)  /* the executable's file is gone */
#define EVENT_FLAG_SETID           (1U << 2)  /* set-uid, set-gid or file capabilities took effect */
#define EVENT_FLAG_ARGV_TRUNCATED  (1U << 3)  /* argv is a prefix */
#define EVENT_FLAG_ARGV_UNREADABLE (1U << 4)  /* argv could not be read */
#define EVENT_FLAG_PATH_TRUNCATED  (1U << 5)  /* a path is not whole */
#define EVENT_FLAG_PATH_OUTSIDE    (1U << 6)  /* the executable lies outside the process's root */
#define EVENT_FLAG_EXISTING        (1U << 7)  /* it was so before the sensor started */
#define EVENT_FLAG_BY_READER       (1U << 8)  /* accept: by who read the connection, not by who listens */
#define EVENT_FLAG_REDACTED        (1U << 9)  /* argv had a secret, which is gone */
#define EVENT_FLAG_ORPHAN          (1U << 10) /* its session or parent ended before it */
#define EVENT_FLAG_PORT_ASKED      (1U << 11) /* listen, accept: the program asked for this local port */
#define EVENT_FLAG_CHROOT          (1U << 12) /* its root directory is not that of its mount namespace */
#define EVENT_FLAG_ACTOR_UNCERTAIN \
	(1U << 13)                  /* file: it may have been `other_program`, or somebody who had it open or mapped */
#define EVENT_FLAG_FOUND (1U << 14) /* file: found by comparing; nobody saw when it happened, or who did it */
#define EVENT_FLAG_COUNT 15

/* An id that nobody set, and a name for it, have these. */
#define EVENT_NO_ID UINT32_MAX

struct event_ancestor {
	uint32_t pid;
	const char *program; /* program text, see program.h */
	const char *user;
};

#define EVENT_LINEAGE_MAX 16

enum file_type {
	FILE_NONE, /* not there */
	FILE_REGULAR,
	FILE_DIRECTORY,
	FILE_SYMLINK,
	FILE_OTHER, /* device, socket, pipe */
	FILE_TYPE_COUNT,
};

#define EVENT_DIFF_MAX 4095

/* No size: the file is not there. */
#define EVENT_NO_SIZE UINT64_MAX

/* A watched file as it was or is. */
struct file_state {
	enum file_type type;
	uint64_t size;             /* bytes */
	uint32_t mode;             /* permission bits, 07777; EVENT_NO_ID where unknown */
	const char *owner, *group; /* names, or "uid:1234" and "gid:1234" */
	const char *sha256;        /* 64 hexadecimal digits; "" for what is no regular file, or could not be read */
	const char *protection;    /* "immutable", "append only", or both with a comma between; "" for none */
	const char *target;        /* of a symbolic link */
};

struct event {
	enum event_kind kind;
	uint32_t flags;   /* EVENT_FLAG_… */
	uint64_t time_ns; /* UTC, since 1970 */
	/*
	 * By these, what was made of an actor can be kept. 0, or a number of its source, which uses none again for another: events
	 * with the same number are the same in all fields that every kind has (from `host` to the lineage); in context and program.
	 * Who changes such a field in a copy makes these 0.
	 */
	uint64_t same_actor, same_program;
	const char *host;

	/* the actor; strings are "" where unknown, never NULL */
	uint32_t pid; /* as the sensor's pid namespace counts */
	uint32_t parent_pid;
	uint32_t namespace_pid; /* as the process itself counts */
	uint64_t start_ns;      /* CLOCK_BOOTTIME; with pid it names the process */
	struct context context;
	struct context context_before; /* only for EVENT_CONTEXT */
	uint64_t run;                  /* of a job or a change: when its first process began, as start_ns; 0: none */
	struct program program;
	const char *argv; /* arguments, each ended by a NUL byte; redacted */
	size_t argv_size;
	uint32_t argc; /* how many there were, which can be more than argv holds */
	const char *cwd;
	uint32_t uid, euid, gid, egid;
	const char *user, *effective_user, *group; /* "uid:1234" where there is no name */
	uint32_t login_uid;                        /* EVENT_NO_ID: none */
	const char *login_user;
	uint32_t session_id; /* audit session; EVENT_NO_ID: none */
	const char *tty;     /* "pts/0", "tty1"; "" for none */
	const char *login;  /* the id of the person's session that it descends from, in whatever context; "" for none */
	const char *person; /* whose session: a certificate's id, "SHA256:…" of a key, or the name who logged in */
	const char *change; /* the id of the change that it belongs to or that explains it; "" for none */
	const char *cgroup; /* path in the cgroup2 tree */
	uint32_t mount_namespace, pid_namespace, net_namespace, user_namespace;
	struct event_ancestor lineage[EVENT_LINEAGE_MAX]; /* parent first */
	unsigned lineage_count;

	/* connect, accept, listen, raw */
	uint8_t family;   /* AF_INET, AF_INET6, AF_PACKET */
	uint8_t protocol; /* IPPROTO_… */
	uint16_t local_port, remote_port;
	uint8_t local_address[16], remote_address[16]; /* network order; IPv4 in the first four bytes */

	/* privilege: the ids before; `uid` … are those after */
	uint32_t uid_before, euid_before, gid_before, egid_before;
	uint64_t capabilities, capabilities_before; /* effective */

	/* create, write, rename, remove, attributes */
	const char *path;           /* as at home, or as in its container */
	const char *file_container; /* the container whose file it is; "" at home */
	const char *path_before;    /* rename */
	struct file_state file, file_before;
	uint64_t entries; /* how many files went with a directory that was renamed or removed */
	const char *diff; /* unified, redacted, at most EVENT_DIFF_MAX bytes; "" unless the policy asks for it */
	const char *other_program; /* program text of who else it may have been */

	/* login, logout, login_failed; the address is `remote_address`, "" family where there is none */
	const char *login_service; /* "sshd", "login", "su" … */
	const char *login_method;  /* "publickey", "password" … */
	const char *key;           /* "SHA256:…"; of the person's login also for files, as is the next */
	const char *certificate;   /* its id */
	uint64_t processes, files; /* logout: how many there were, and how many changes of watched files */
	uint64_t attempts;         /* login_failed: since the last such event of that user and address */

	/* exit */
	uint32_t exit_code, exit_signal;

	/* usage, of all processes of the context; the actor is the one that used most CPU. `processes` is how many there are */
	uint64_t processes_most;  /* at a time */
	uint64_t processes_begun; /* how many began */
	uint64_t cpu_ms;          /* CPU time, that of processes which have ended included */

	/* schedule */
	uint64_t period; /* about how many seconds lie between two at most; 0: it can't be told */

	/* loss */
	const char *loss_reason;
	uint64_t loss_count; /* how many more since the last such event */
};

/* 1 << EVENT_…, for the kinds that are about files. */
#define EVENT_FILE_KINDS \
	(1U << EVENT_CREATE | 1U << EVENT_WRITE | 1U << EVENT_RENAME | 1U << EVENT_REMOVE | 1U << EVENT_ATTRIBUTES)

static inline bool event_is_file(const struct event *event)
{
	return EVENT_FILE_KINDS & 1U << event->kind;
}

/* Where events go. Returns 0 or a negative errno, which ends the source. */
typedef int (*event_sink)(void *owner, const struct event *event);

/* An event with every string "" and every id EVENT_NO_ID. */
void event_init(struct event *event, enum event_kind kind);

/* The names used in NDJSON, models and text; NULL for a number without one. */
const char *event_kind_name(enum event_kind kind);
const char *context_kind_name(enum context_kind kind);
const char *event_flag_name(unsigned bit);
const char *file_type_name(enum file_type type);

#endif
