/* SPDX-License-Identifier: Apache-2.0 */
#include "event/field_priv.h"

#include "event/event.h"

#define ONLY(kind_) (1U << (kind_))
#define ALL         FIELD_ALL_KINDS
#define PEERS       (ONLY(EVENT_CONNECT) | ONLY(EVENT_ACCEPT))
#define SOCKETS     (PEERS | ONLY(EVENT_LISTEN) | ONLY(EVENT_RAW))
#define RIGHTS      (ONLY(EVENT_EXEC) | ONLY(EVENT_PRIVILEGE))

#define LOGINS   (ONLY(EVENT_LOGIN) | ONLY(EVENT_LOGOUT) | ONLY(EVENT_LOGIN_FAILED))
#define FAR_SIDE (PEERS | LOGINS)
#define FILES    EVENT_FILE_KINDS
#define RESULTS  (FILES & ~ONLY(EVENT_REMOVE))
#define BEFORES  (FILES & ~ONLY(EVENT_CREATE))

#define AT(member_) offsetof(struct event, member_)

const struct field field_table[] = {
	{ "time", FIELD_TIME, AT(time_ns), ALL, "when it happened" },
	{ "host", FIELD_BYTES, AT(host), ALL, "where" },
	{ "kind", FIELD_KIND, AT(kind), ALL, "what happened" },
	{ "flags", FIELD_FLAGS, AT(flags), ALL, "what is odd about it" },
	{ "context", FIELD_CONTEXT, AT(context), ALL, "what the process descends from" },
	{ "context_before", FIELD_CONTEXT, AT(context_before), ONLY(EVENT_CONTEXT),
	  "what it was taken to descend from until now" },
	{ "run", FIELD_NUMBER_64, AT(run), ALL,
	  "which run of a job or change: when its first process began, in nanoseconds since boot" },
	{ "pid", FIELD_NUMBER_32, AT(pid), ALL, "the process, as the sensor's pid namespace counts" },
	{ "parent_pid", FIELD_NUMBER_32, AT(parent_pid), ALL, "its parent" },
	{ "namespace_pid", FIELD_NUMBER_32, AT(namespace_pid), ALL, "the pid that the process itself sees" },
	{ "start", FIELD_NUMBER_64, AT(start_ns), ALL,
	  "when it began, in nanoseconds since boot; with `pid` it names the process for good" },
	{ "program", FIELD_TEXT, AT(program.text), ALL, "executable and script as models name them" },
	{ "exe", FIELD_BYTES, AT(program.exe), ALL, "the executable, resolved by the kernel" },
	{ "called", FIELD_BYTES, AT(program.called), ALL, "the path as the caller wrote it" },
	{ "script_kind", FIELD_SCRIPT_KIND, AT(program.script_kind), ALL, "how an interpreter got its script" },
	{ "script", FIELD_BYTES, AT(program.script), ALL, "the script, module, or program of a loader" },
	{ "argv", FIELD_ARGUMENTS, AT(argv), ALL,
	  "the arguments, secrets taken out; perhaps only the first ones (see `flags`)" },
	{ "argc", FIELD_NUMBER_32, AT(argc), ALL, "how many arguments there were" },
	{ "cwd", FIELD_BYTES, AT(cwd), ALL, "the working directory" },
	{ "uid", FIELD_ID, AT(uid), ALL, "real user id" },
	{ "euid", FIELD_ID, AT(euid), ALL, "effective user id" },
	{ "gid", FIELD_ID, AT(gid), ALL, "real group id" },
	{ "egid", FIELD_ID, AT(egid), ALL, "effective group id" },
	{ "user", FIELD_BYTES, AT(user), ALL, "the real user's name, or `uid:NUMBER`" },
	{ "effective_user", FIELD_BYTES, AT(effective_user), ALL, "the effective user's name" },
	{ "group", FIELD_BYTES, AT(group), ALL, "the real group's name" },
	{ "login_uid", FIELD_ID, AT(login_uid), ALL, "who logged in; it survives sudo and su, and cron sets it too" },
	{ "login_user", FIELD_BYTES, AT(login_user), ALL, "the name for it" },
	{ "session", FIELD_ID, AT(session_id), ALL, "the kernel's audit session" },
	{ "tty", FIELD_BYTES, AT(tty), ALL, "the controlling terminal, such as `pts/0`" },
	{ "login", FIELD_BYTES, AT(login), ALL, "the person's session that it descends from, whatever the context" },
	{ "person", FIELD_BYTES, AT(person), ALL,
	  "whose session: a certificate's id, else a key's fingerprint, else who logged in" },
	{ "change", FIELD_BYTES, AT(change), ALL, "the change that it belongs to, or that explains it" },
	{ "cgroup", FIELD_BYTES, AT(cgroup), ALL, "path in the cgroup2 tree" },
	{ "mount_namespace", FIELD_NUMBER_32, AT(mount_namespace), ALL,
	  "inode of the namespace, as are the next three" },
	{ "pid_namespace", FIELD_NUMBER_32, AT(pid_namespace), ALL, "" },
	{ "net_namespace", FIELD_NUMBER_32, AT(net_namespace), ALL, "" },
	{ "user_namespace", FIELD_NUMBER_32, AT(user_namespace), ALL, "" },
	{ "lineage", FIELD_LINEAGE, AT(lineage), ALL, "the ancestors, parent first" },
	{ "family", FIELD_FAMILY, AT(family), SOCKETS | LOGINS, "the kind of address" },
	{ "protocol", FIELD_PROTOCOL, AT(protocol), SOCKETS, "what is spoken" },
	{ "local_address", FIELD_ADDRESS, AT(local_address), SOCKETS, "this side" },
	{ "local_port", FIELD_NUMBER_16, AT(local_port), SOCKETS, "" },
	{ "remote_address", FIELD_ADDRESS, AT(remote_address), FAR_SIDE, "the other side" },
	{ "remote_port", FIELD_NUMBER_16, AT(remote_port), FAR_SIDE, "" },
	{ "uid_before", FIELD_ID, AT(uid_before), RIGHTS, "real user id before; `uid` is the one after" },
	{ "euid_before", FIELD_ID, AT(euid_before), RIGHTS, "effective user id before" },
	{ "gid_before", FIELD_ID, AT(gid_before), RIGHTS, "real group id before" },
	{ "egid_before", FIELD_ID, AT(egid_before), RIGHTS, "effective group id before" },
	{ "capabilities", FIELD_BITS_64, AT(capabilities), RIGHTS, "effective capabilities, bit 0 is `CAP_CHOWN`" },
	{ "capabilities_before", FIELD_BITS_64, AT(capabilities_before), RIGHTS, "those before" },
	{ "path", FIELD_BYTES, AT(path), FILES, "the file, as it is called at home or in its container" },
	{ "path_before", FIELD_BYTES, AT(path_before), ONLY(EVENT_RENAME), "what it was called" },
	{ "file_container", FIELD_BYTES, AT(file_container), FILES,
	  "the container whose file it is; nothing for the host's" },
	{ "file_type", FIELD_FILE_TYPE, AT(file.type), RESULTS, "what it is" },
	{ "size", FIELD_SIZE, AT(file.size), RESULTS, "in bytes" },
	{ "mode", FIELD_MODE, AT(file.mode), RESULTS, "permission bits, octal" },
	{ "owner", FIELD_BYTES, AT(file.owner), RESULTS, "whose it is; `user` is who acted" },
	{ "owner_group", FIELD_BYTES, AT(file.group), RESULTS, "its group" },
	{ "sha256", FIELD_BYTES, AT(file.sha256), RESULTS, "of a regular file's content" },
	{ "protection", FIELD_BYTES, AT(file.protection), RESULTS,
	  "`immutable`, `append only`, as `chattr` sets them" },
	{ "target", FIELD_BYTES, AT(file.target), RESULTS, "where a symbolic link leads" },
	{ "file_type_before", FIELD_FILE_TYPE, AT(file_before.type), BEFORES, "what it was" },
	{ "size_before", FIELD_SIZE, AT(file_before.size), BEFORES, "" },
	{ "mode_before", FIELD_MODE, AT(file_before.mode), BEFORES, "" },
	{ "owner_before", FIELD_BYTES, AT(file_before.owner), BEFORES, "" },
	{ "owner_group_before", FIELD_BYTES, AT(file_before.group), BEFORES, "" },
	{ "sha256_before", FIELD_BYTES, AT(file_before.sha256), BEFORES, "" },
	{ "protection_before", FIELD_BYTES, AT(file_before.protection), BEFORES, "" },
	{ "target_before", FIELD_BYTES, AT(file_before.target), BEFORES, "" },
	{ "entries", FIELD_NUMBER_64, AT(entries), ONLY(EVENT_RENAME) | ONLY(EVENT_REMOVE),
	  "how many files went with a directory" },
	{ "diff", FIELD_BYTES, AT(diff), ONLY(EVENT_WRITE) | ONLY(EVENT_CREATE),
	  "what changed in the text, secrets taken out; only where the policy asks for it" },
	{ "other_program", FIELD_TEXT, AT(other_program), FILES,
	  "who else it may have been: what the process ran just before or after" },
	{ "login_service", FIELD_BYTES, AT(login_service), LOGINS, "what took the login: `sshd`, `login` …" },
	{ "login_method", FIELD_BYTES, AT(login_method), LOGINS, "`publickey`, `password` …" },
	{ "key", FIELD_BYTES, AT(key), LOGINS | FILES, "the fingerprint of the key that was used" },
	{ "certificate", FIELD_BYTES, AT(certificate), LOGINS | FILES, "the id of the certificate that was used" },
	{ "processes", FIELD_NUMBER_64, AT(processes), ONLY(EVENT_LOGOUT) | ONLY(EVENT_USAGE),
	  "how many the session had, or the service or job has" },
	{ "files", FIELD_NUMBER_64, AT(files), ONLY(EVENT_LOGOUT), "how often it changed a watched file" },
	{ "attempts", FIELD_NUMBER_64, AT(attempts), ONLY(EVENT_LOGIN_FAILED),
	  "how many since the last such event of that user and address" },
	{ "exit_code", FIELD_COUNT_32, AT(exit_code), ONLY(EVENT_EXIT), "what it returned" },
	{ "exit_signal", FIELD_NUMBER_32, AT(exit_signal), ONLY(EVENT_EXIT), "the signal that ended it" },
	{ "processes_most", FIELD_NUMBER_64, AT(processes_most), ONLY(EVENT_USAGE),
	  "the most that there were at a time since the last such event" },
	{ "processes_begun", FIELD_NUMBER_64, AT(processes_begun), ONLY(EVENT_USAGE), "how many began since then" },
	{ "cpu_ms", FIELD_NUMBER_64, AT(cpu_ms), ONLY(EVENT_USAGE),
	  "CPU time since then in milliseconds, also of processes that have ended" },
	{ "period", FIELD_NUMBER_64, AT(period), ONLY(EVENT_SCHEDULE),
	  "about how many seconds lie between two at most; left out where that can't be told" },
	{ "loss_reason", FIELD_BYTES, AT(loss_reason), ONLY(EVENT_LOSS), "why something was missed" },
	{ "loss_count", FIELD_COUNT_64, AT(loss_count), ONLY(EVENT_LOSS), "how many more since the last such event" },
};

const size_t field_count = sizeof(field_table) / sizeof(field_table[0]);

static const char *const type_names[FIELD_TYPE_COUNT] = {
	[FIELD_TIME] = "time",
	[FIELD_KIND] = "kind",
	[FIELD_FLAGS] = "flags",
	[FIELD_CONTEXT] = "context",
	[FIELD_BYTES] = "text",
	[FIELD_TEXT] = "program text",
	[FIELD_SCRIPT_KIND] = "script kind",
	[FIELD_ARGUMENTS] = "list of texts",
	[FIELD_ID] = "number",
	[FIELD_NUMBER_16] = "number",
	[FIELD_NUMBER_32] = "number",
	[FIELD_NUMBER_64] = "number",
	[FIELD_COUNT_32] = "number",
	[FIELD_COUNT_64] = "number",
	[FIELD_SIZE] = "number",
	[FIELD_MODE] = "octal",
	[FIELD_FILE_TYPE] = "file type",
	[FIELD_BITS_64] = "hexadecimal",
	[FIELD_LINEAGE] = "lineage",
	[FIELD_FAMILY] = "family",
	[FIELD_PROTOCOL] = "protocol",
	[FIELD_ADDRESS] = "address",
};

static void append_kinds(struct buffer *out, unsigned kinds)
{
	const char *between = "";

	if (kinds == ALL) {
		buffer_text(out, "all");
		return;
	}
	for (int kind = EVENT_EXEC; kind < EVENT_KIND_COUNT; kind++) {
		if (!(kinds & 1U << kind))
			continue;
		buffer_printf(out, "%s%s", between, event_kind_name((enum event_kind)kind));
		between = ", ";
	}
}

void field_reference(struct buffer *out)
{
	buffer_text(out, "| field | type | kinds | what it says |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < field_count; i++) {
		const struct field *field = &field_table[i];

		buffer_printf(out, "| `%s` | %s | ", field->name, type_names[field->type]);
		append_kinds(out, field->kinds);
		buffer_printf(out, " | %s |\n", field->about);
	}
}
