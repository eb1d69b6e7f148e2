/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event.h"

static const char *const kind_names[EVENT_KIND_COUNT] = {
	[EVENT_EXEC] = "exec",
	[EVENT_EXIT] = "exit",
	[EVENT_CONNECT] = "connect",
	[EVENT_ACCEPT] = "accept",
	[EVENT_LISTEN] = "listen",
	[EVENT_PRIVILEGE] = "privilege",
	[EVENT_RAW] = "raw",
	[EVENT_CONTEXT] = "context",
	[EVENT_LOSS] = "loss",
	[EVENT_SCHEDULE] = "schedule",
	[EVENT_USAGE] = "usage",
	[EVENT_CREATE] = "create",
	[EVENT_WRITE] = "write",
	[EVENT_RENAME] = "rename",
	[EVENT_REMOVE] = "remove",
	[EVENT_ATTRIBUTES] = "attributes",
	[EVENT_LOGIN] = "login",
	[EVENT_LOGOUT] = "logout",
	[EVENT_LOGIN_FAILED] = "login_failed",
};

static const char *const context_names[CONTEXT_KIND_COUNT] = {
	[CONTEXT_UNKNOWN] = "unknown", [CONTEXT_BOOT] = "boot",       [CONTEXT_SERVICE] = "service",
	[CONTEXT_JOB] = "job",         [CONTEXT_SESSION] = "session", [CONTEXT_CHANGE] = "change",
	[CONTEXT_HARNESS] = "harness",
};

static const char *const flag_names[EVENT_FLAG_COUNT] = {
	"memfd",          "deleted",      "setid",    "argv_truncated",  "argv_unreadable",
	"path_truncated", "path_outside", "existing", "by_reader",       "redacted",
	"orphan",         "port_asked",   "chroot",   "actor_uncertain", "found",
};

static const char *const file_type_names[FILE_TYPE_COUNT] = {
	[FILE_NONE] = "none",       [FILE_REGULAR] = "file", [FILE_DIRECTORY] = "directory",
	[FILE_SYMLINK] = "symlink", [FILE_OTHER] = "other",
};

const char *file_type_name(enum file_type type)
{
	return (unsigned)type < FILE_TYPE_COUNT ? file_type_names[type] : NULL;
}

const char *event_kind_name(enum event_kind kind)
{
	return (unsigned)kind < EVENT_KIND_COUNT ? kind_names[kind] : NULL;
}

const char *context_kind_name(enum context_kind kind)
{
	return (unsigned)kind < CONTEXT_KIND_COUNT ? context_names[kind] : NULL;
}

const char *event_flag_name(unsigned bit)
{
	return bit < EVENT_FLAG_COUNT ? flag_names[bit] : NULL;
}

void event_init(struct event *event, enum event_kind kind)
{
	const struct file_state nothing = { .size = EVENT_NO_SIZE,
					    .mode = EVENT_NO_ID,
					    .owner = "",
					    .group = "",
					    .sha256 = "",
					    .protection = "",
					    .target = "" };
	const struct context nowhere = { .kind = CONTEXT_UNKNOWN, .name = "", .container = "" };

	*event = (struct event) {
		.kind = kind,
		.host = "",
		.context = nowhere,
		.context_before = nowhere,
		.program = { .exe = "", .called = "", .script = "", .text = "" },
		.argv = "",
		.cwd = "",
		.uid = EVENT_NO_ID,
		.euid = EVENT_NO_ID,
		.gid = EVENT_NO_ID,
		.egid = EVENT_NO_ID,
		.user = "",
		.effective_user = "",
		.group = "",
		.login_uid = EVENT_NO_ID,
		.login_user = "",
		.session_id = EVENT_NO_ID,
		.tty = "",
		.login = "",
		.person = "",
		.change = "",
		.path = "",
		.path_before = "",
		.file_container = "",
		.file = nothing,
		.file_before = nothing,
		.diff = "",
		.other_program = "",
		.login_service = "",
		.login_method = "",
		.key = "",
		.certificate = "",
		.cgroup = "",
		.uid_before = EVENT_NO_ID,
		.euid_before = EVENT_NO_ID,
		.gid_before = EVENT_NO_ID,
		.egid_before = EVENT_NO_ID,
		.loss_reason = "",
	};
	for (unsigned i = 0; i < EVENT_LINEAGE_MAX; i++)
		event->lineage[i] = (struct event_ancestor) { .program = "", .user = "" };
}
