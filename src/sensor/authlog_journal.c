/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the journal: JSON of journalctl, of which only those fields count that journald itself fills in. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/authlog.h"

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where only root puts programs. */
static bool is_systems(const char *exe)
{
	return !strncmp(exe, "/usr/", strlen("/usr/")) || !strncmp(exe, "/bin/", strlen("/bin/")) ||
	       !strncmp(exe, "/sbin/", strlen("/sbin/"));
}

/*
 * Anyone may send what they like, under any name; the ids and the executable are the kernel's. su and sudo are run by whoever calls
 * them. A sender who was gone before journald looked has no executable, and perhaps no name: then what root's process called
 * itself counts.
 */
static const char *trusted_program(const json_t *object)
{
	const char *exe = field(object, "_EXE"), *name = base(exe);
	bool is_roots = !strcmp(field(object, "_UID"), "0");

	if (is_roots && !exe[0])
		return field(object, json_object_get(object, "_COMM") ? "_COMM" : "SYSLOG_IDENTIFIER");
	if (is_systems(exe) && (is_roots || !strcmp(name, "su") || !strcmp(name, "sudo")))
		return name;
	return "";
}

/* A message that is no UTF-8 is a list of numbers. */
static size_t read_message(const json_t *value, char *out)
{
	size_t size = json_is_string(value) ? json_string_length(value) : json_array_size(value);

	if (size > AUTHLOG_LINE_MAX)
		return 0;
	if (json_is_string(value)) {
		memcpy(out, json_string_value(value), size);
		return size;
	}
	for (size_t i = 0; i < size; i++)
		out[i] = (char)json_integer_value(json_array_get(value, i));
	return size;
}

bool authlog_parse_journal(const char *line, size_t size, struct authlog_entry *out, uint64_t *time_ns)
{
	json_t *object = json_loadb(line, size, JSON_ALLOW_NUL, NULL);
	char message[AUTHLOG_LINE_MAX];
	const char *program = trusted_program(object);
	size_t message_size = read_message(json_object_get(object, "MESSAGE"), message);
	bool found = false;

	if (program[0] && message_size)
		found = authlog_parse_message(program, (uint32_t)strtoul(field(object, "_PID"), NULL, 10), message,
					      message_size, out);
	*time_ns = strtoull(field(object, "__REALTIME_TIMESTAMP"), NULL, 10) * 1000;
	json_decref(object);
	return found;
}
