/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins: one for each session of a person, shared by all processes that descend from it, in whatever context they are. Knows
 * nothing of logs (authlog.h) or of events: who it was is told to it, and may be told late.
 */
#ifndef SENSOR_LOGIN_PRIV_H
#define SENSOR_LOGIN_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 16 hexadecimal digits. */
#define LOGIN_ID_SIZE 17
/* The processes that took a login: its sshd, and what that one descends from up to the one that waits for others. */
#define LOGIN_TAKERS_MAX 4

struct process;

struct login_process {
	uint32_t pid;
	uint64_t start_ns;
};

struct login {
	unsigned references; /* by processes, contexts, and the list of all */
	char id[LOGIN_ID_SIZE];
	char *key_of_session; /* owned: what tells it from others */
	/* Owned, never NULL. */
	char *user;         /* who logged in; in a container as which user */
	char *service;      /* "sshd", "login", "console", "container-exec" … */
	char *method;       /* "publickey" …; "" where nobody says */
	char *key;          /* "SHA256:…" */
	char *certificate;  /* its id */
	bool has_no_person; /* nobody can say who it is: what a container runtime sent in */
	uint8_t family;     /* of the remote address; 0 for none */
	uint16_t remote_port;
	uint8_t remote_address[16];
	uint32_t tty_major, tty_minor; /* the first terminal that it had */
	uint64_t begin_ns, end_ns;     /* CLOCK_BOOTTIME; end_ns is 0 while it has roots */
	struct login_process first;    /* whose acts its events are */
	struct process *held;          /* the same, kept until the end is told; NULL before and after */
	struct login_process taker[LOGIN_TAKERS_MAX];
	unsigned taker_count;
	uint64_t processes; /* how many there were */
	uint64_t files;     /* how many changes of watched files there were */
	unsigned roots; /* living processes that it began with: none left is its end, and makes orphans of the others */
	bool is_settled;  /* nothing more will be said of who it is */
	bool is_existing; /* it began before the sensor */
	bool had_roots;   /* not so of what was left behind before the sensor came */
	bool is_told, is_end_told;
	uint64_t named_ns;      /* when it was first said who it is; 0: not yet */
	uint64_t wait_until_ns; /* 0: nobody has waited for that yet */
};

struct logins {
	struct login **all; /* owned references */
	size_t count, capacity;
	char boot_id[40];
	uint64_t now_ns;  /* CLOCK_BOOTTIME of the record that is being handled; 0 where there is none */
	bool waits;       /* somebody will say more of an sshd's login: it is not settled at once */
	bool takers_seen; /* a program that takes logins is in the scope */
};

void logins_init(struct logins *logins);
void logins_free(struct logins *logins);

/*
 * The one login of that key (unique since boot: an audit session, a unit, a process) on the host whose pid namespace is `home`;
 * made when missing. A reference for the caller, or NULL when out of memory.
 */
struct login *logins_get(struct logins *logins, uint32_t home, const char *key, const char *user, const char *service);

/* It has changed a watched file. "" is nobody. */
void logins_count_file(struct logins *logins, const char *id);

/* Drops those that are over, told, and in nobody's hands. */
void logins_sweep(struct logins *logins);

/* A certificate's id, else a key's fingerprint, else who logged in; "" where nobody can say. Good while the login is. */
const char *login_person(const struct login *login);

/* One reference less; NULL is nothing. */
void login_release(struct login *login);

/* Whether all that can be known is known of who the process's person is; true for one without. */
bool login_is_settled(const struct process *process);

/* Sets a text of the login; what was there before stays when memory ran out. */
void login_set(char **text, const char *value);

#endif
