/* SPDX-License-Identifier: Apache-2.0 */
/* Events made by hand, as few of their fields as a judge or a learner looks at. */
#ifndef UNIT_MADE_EVENT_H
#define UNIT_MADE_EVENT_H

#include "event/event.h"

/* Root becomes the program. The strings are borrowed. */
static inline struct event make_exec(uint32_t pid, enum context_kind kind, const char *name, const char *program)
{
	struct event event;

	event_init(&event, EVENT_EXEC);
	event.pid = pid;
	event.start_ns = pid * 1000;
	event.context = (struct context) { .kind = kind, .name = name, .container = "" };
	event.program = (struct program) { .exe = program, .called = program, .script = "", .text = program };
	event.uid = event.euid = 0;
	event.user = event.effective_user = "root";
	return event;
}

/* A process of the harness turns out to be a service. */
static inline struct event make_context(uint32_t pid, const char *name, const char *program)
{
	struct event event = make_exec(pid, CONTEXT_SERVICE, name, program);

	event.kind = EVENT_CONTEXT;
	event.context_before = (struct context) { .kind = CONTEXT_HARNESS, .name = "", .container = "" };
	return event;
}

#endif
