/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A behaviour: an event with everything incidental taken off, in its context. The unit of a model.
 */
#ifndef MODEL_BEHAVIOUR_H
#define MODEL_BEHAVIOUR_H

#include "event/event.h"
#include "model/network.h"

enum behaviour_kind {
	BEHAVIOUR_ACCEPT,    /* tcp 443 internet: the local port, and where the peer is */
	BEHAVIOUR_CONNECT,   /* tcp 9000 loopback: the peer's port, and where it is */
	BEHAVIOUR_EXEC,      /* program only: it ran in this context */
	BEHAVIOUR_LISTEN,    /* tcp 443 any: by the class of the local address */
	BEHAVIOUR_OWNER,     /* a user that the program runs as */
	BEHAVIOUR_PRIVILEGE, /* what it gained without having it: a user, "capabilities", or "group" (set-gid) */
	BEHAVIOUR_RAW,       /* ipv4 icmp; ipv6 icmp; packet */
	BEHAVIOUR_WRITE,     /* a file that it changed in whatever way: its path */
	BEHAVIOUR_KIND_COUNT,
};

/* Room for each text, its NUL byte included. */
#define BEHAVIOUR_NAME_MAX    512
#define BEHAVIOUR_OBJECT_MAX  512
#define BEHAVIOUR_PROGRAM_MAX PROGRAM_TEXT_MAX

/*
 * The line of a context whose files were watched and who wrote none of them: write, any program, none. No event is that.
 */
#define BEHAVIOUR_ANY_PROGRAM   "**"
#define BEHAVIOUR_WRITE_NOTHING "none"

struct behaviour {
	enum context_kind context_kind;
	bool in_container;
	enum behaviour_kind kind;
	const char *context_name; /* any bytes; never empty but for boot, which has none; borrowed */
	const char *program;      /* normalised program text; "?" begins one whose executable is not known; borrowed */
	const char *object;       /* "" for exec; borrowed */
};

/* At most this many behaviours come from one event (an exec: exec, owner, privilege). */
#define BEHAVIOURS_PER_EVENT 3

/* Large, and not cleared: only `count` items and what they point to are written. */
struct behaviours {
	unsigned count;
	struct behaviour item[BEHAVIOURS_PER_EVENT];
	char program[BEHAVIOUR_PROGRAM_MAX];
	char object[BEHAVIOURS_PER_EVENT][BEHAVIOUR_OBJECT_MAX];
	char name[BEHAVIOUR_NAME_MAX];
};

/*
 * What `event` is as behaviours: none for exit, loss, context, usage, what was only found (EVENT_FLAG_FOUND: nobody saw who
 * did it), and for contexts that are never modelled (session, change, harness, unknown). A rename is two. Strings point into `out`. Whatever the event's strings hold, what comes out is good for
 * model_add(): text that is too long is cut, bytes that a model's text can't hold are escaped, and a `*` that a
 * program put into its name is escaped too, so that a learned name is never a pattern. Allocates nothing.
 */
void behaviours_of(const struct event *event, const struct networks *networks, struct behaviours *out);

/*
 * The context part of a behaviour: its kind, its name (in `name`, or "") and whether it is in a container; the rest of
 * `out` is cleared. False for a context that is never modelled. What behaviours_of() does for its events.
 */
bool behaviour_of_context(const struct context *context, char name[BEHAVIOUR_NAME_MAX], struct behaviour *out);

/* The port of a connect, accept or listen as its behaviour has it: one that is only chance is the ephemeral one. */
#define BEHAVIOUR_PORT_EPHEMERAL 65536U
uint32_t behaviour_port(const struct event *event);

/* Order of models: context kind, name, container, behaviour kind, program, object; bytewise. */
int behaviour_compare(const struct behaviour *one, const struct behaviour *other);

/* The word for a kind in a model's text; NULL for a number without one. */
const char *behaviour_kind_name(enum behaviour_kind kind);

#endif
