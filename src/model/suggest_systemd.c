/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "model/suggest.h"
#include "model/suggest_priv.h"

struct unit {
	const char *service;
	const struct networks *networks;
	const struct behaviour **lines, **some; /* those of the service, in canonical order; those of one directive */
	size_t count, capacity, some_count;
	struct buffer *out;
	struct buffer notes; /* what is left out, and why */

	bool is_root, is_other; /* it runs as root; as somebody else */
	bool gains;             /* privileges, by itself or by what it starts */
};

/* ---- the lines of the service ---- */

static int take(void *owner, struct model_entry *entry)
{
	const struct behaviour *behaviour = &entry->behaviour;
	struct unit *unit = owner;

	if (behaviour->context_kind != CONTEXT_SERVICE || strcmp(behaviour->context_name, unit->service) != 0)
		return 0;
	if (unit->count == unit->capacity) {
		size_t capacity = unit->capacity ? unit->capacity * 2 : 64;
		const struct behaviour **lines = reallocarray(unit->lines, capacity, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		unit->lines = lines;
		unit->capacity = capacity;
	}
	unit->lines[unit->count++] = behaviour;
	return 0;
}

typedef bool (*wanted)(const struct behaviour *behaviour);

/* Chooses the lines that the next directive stems from. How many they are. */
static size_t choose(struct unit *unit, wanted is_wanted)
{
	unit->some_count = 0;
	for (size_t i = 0; i < unit->count; i++) {
		if (is_wanted(unit->lines[i]))
			unit->some[unit->some_count++] = unit->lines[i];
	}
	return unit->some_count;
}

/* A directive with the lines that were chosen above it, or a reason where there are none. */
static void begin(struct unit *unit, const char *reason)
{
	buffer_byte(unit->out, '\n');
	if (reason)
		buffer_printf(unit->out, "# %s\n", reason);
	suggest_comments(unit->out, "", unit->some, unit->some_count);
}

static void because(struct unit *unit, const char *reason, const char *directives)
{
	buffer_printf(unit->out, "\n# %s\n%s\n", reason, directives);
}

static void leave_out(struct unit *unit, const char *directive, const char *reason)
{
	buffer_printf(&unit->notes, "#   %s: %s\n", directive, reason);
}

static bool is_owner(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_OWNER;
}

static bool is_privilege(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_PRIVILEGE;
}

static bool is_raw(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_RAW;
}

static bool is_listen(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_LISTEN;
}

/* With an address: raw sockets have none that a model knows. */
static bool is_net(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_ACCEPT || behaviour->kind == BEHAVIOUR_CONNECT || is_listen(behaviour);
}

static bool is_peer(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_ACCEPT || behaviour->kind == BEHAVIOUR_CONNECT;
}

static bool is_write(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_WRITE;
}

static bool is_exec(const struct behaviour *behaviour)
{
	return behaviour->kind == BEHAVIOUR_EXEC;
}

/* ---- who ---- */

static bool is_root(const char *user)
{
	return strcmp(user, "root") == 0 || strcmp(user, "uid:0") == 0;
}

/* A user as systemd takes one; NULL for what is none. */
static const char *user_of(const char *object)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_",
			  others[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	const char *number = strncmp(object, "uid:", 4) == 0 ? object + 4 : "";

	if (number[0] && strlen(number) <= 9 && strspn(number, "0123456789") == strlen(number))
		return number;
	if (!object[0] || !strchr(letters, object[0]) || strlen(object) > 31)
		return NULL;
	return strspn(object, others) == strlen(object) ? object : NULL;
}

static void suggest_user(struct unit *unit)
{
	const char *user;
	size_t count = choose(unit, is_owner);

	for (size_t i = 0; i < count; i++) {
		bool root = is_root(unit->some[i]->object);

		/* A pattern of users may be root, too. */
		unit->is_root = unit->is_root || root || strchr(unit->some[i]->object, '*');
		unit->is_other = unit->is_other || !root;
	}
	user = count ? user_of(unit->some[0]->object) : NULL;
	for (size_t i = 1; user && i < count; i++)
		user = strcmp(unit->some[i]->object, unit->some[0]->object) == 0 ? user : NULL;
	if (!count) {
		unit->is_root = unit->is_other = true; /* who knows */
		leave_out(unit, "User", "the model does not say whom it runs as");
	} else if (!user || unit->is_root || unit->gains) {
		leave_out(unit, "User", "it runs as root, as several users, or gains privileges");
	} else {
		begin(unit, NULL);
		buffer_printf(unit->out, "User=%s\n", user);
	}
}

static void suggest_new_privileges(struct unit *unit)
{
	unit->gains = choose(unit, is_privilege);
	if (!unit->gains) {
		because(unit, "It gained no privileges by what it started.", "NoNewPrivileges=yes");
		return;
	}
	begin(unit, "No NoNewPrivileges, since it gains privileges:");
}

/* ---- capabilities ---- */

/* Only a port below 1024 takes a capability. A star may stand for one. */
static bool is_low_listen(const struct behaviour *behaviour)
{
	struct suggest_object object;

	if (!is_listen(behaviour))
		return false;
	suggest_split(&object, behaviour->object);
	if (!object.word[1][0] || strchr(object.word[1], '*') || strchr(object.word[0], '*'))
		return true;
	return strcmp(object.word[1], "ephemeral") != 0 && strtoul(object.word[1], NULL, 10) < 1024;
}

static bool takes_capability(const struct behaviour *behaviour)
{
	return is_low_listen(behaviour) || is_raw(behaviour);
}

static void print_capabilities(struct unit *unit, const char *directive, bool low, bool raw)
{
	buffer_printf(unit->out, "%s=%s%s%s\n", directive, low ? "CAP_NET_BIND_SERVICE" : "", low && raw ? " " : "",
		      raw ? "CAP_NET_RAW" : "");
}

/* Of root's, the model knows only of those that have to do with the network and with users. */
static void suggest_root_capabilities(struct unit *unit, bool low, bool raw)
{
	begin(unit, "It runs as root, and a model does not see most of root's capabilities in use. These it had no "
		    "need of by the\n"
		    "# model (ports below 1024, raw sockets, other users), or are the kernel's own; what it does need, "
		    "take out:");
	buffer_text(unit->out,
		    "CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_MAC_ADMIN CAP_MAC_OVERRIDE");
	if (!low)
		buffer_text(unit->out, " CAP_NET_BIND_SERVICE");
	if (!raw)
		buffer_text(unit->out, " CAP_NET_RAW");
	if (!unit->is_other && !unit->gains)
		buffer_text(unit->out, " CAP_SETUID CAP_SETGID");
	buffer_byte(unit->out, '\n');
}

static void suggest_capabilities(struct unit *unit)
{
	bool low = choose(unit, is_low_listen), raw = choose(unit, is_raw);

	(void)choose(unit, takes_capability);
	if (unit->is_root) {
		suggest_root_capabilities(unit, low, raw);
		return;
	}
	if (unit->gains) {
		leave_out(unit, "CapabilityBoundingSet",
			  "it gains privileges, and the model does not say which capabilities");
		return;
	}
	if (low || raw) {
		begin(unit, NULL);
		print_capabilities(unit, "AmbientCapabilities", low, raw);
	} else {
		begin(unit, "It never runs as root, listens at no port below 1024 and has no raw socket.");
	}
	print_capabilities(unit, "CapabilityBoundingSet", low, raw);
}

/* ---- network ---- */

static bool takes_family(const struct behaviour *behaviour)
{
	return is_net(behaviour) || is_raw(behaviour);
}

static void suggest_families(struct unit *unit)
{
	bool packet = false, inet = choose(unit, is_net);
	size_t count = choose(unit, takes_family);

	for (size_t i = 0; i < count; i++) {
		const char *object = unit->some[i]->object;

		if (!is_raw(unit->some[i]))
			continue;
		packet = packet || strcmp(object, "packet") == 0 || object[0] == '*';
		inet = inet || strcmp(object, "packet") != 0;
	}
	begin(unit, count ? "Models don't tell IPv4 from IPv6; netlink is what looking up names takes."
			  : "It was seen with no address of the network; local sockets are always needed.");
	buffer_printf(unit->out, "RestrictAddressFamilies=AF_UNIX%s%s\n", inet ? " AF_INET AF_INET6 AF_NETLINK" : "",
		      packet ? " AF_PACKET" : "");
}

/* Of a port at several addresses one line is enough; false for what SocketBindAllow= can't say. */
static bool print_bind(struct buffer *out, const struct behaviour *behaviour)
{
	struct suggest_object object;
	char line[128];
	bool is_known;

	suggest_split(&object, behaviour->object);
	is_known = strcmp(object.word[0], "tcp") == 0 || strcmp(object.word[0], "udp") == 0;
	if (!is_known || !object.word[1][0] || strspn(object.word[1], "0123456789") != strlen(object.word[1]) ||
	    strcmp(object.word[1], "0") == 0)
		return false;
	(void)snprintf(line, sizeof(line), "SocketBindAllow=%s:%s\n", object.word[0], object.word[1]);
	if (!strstr(buffer_string(out), line))
		buffer_text(out, line);
	return true;
}

static void suggest_binds(struct unit *unit)
{
	size_t count = choose(unit, is_listen);
	struct buffer binds = BUFFER_INIT(MODEL_TEXT_MAX);
	bool sure = true;

	for (size_t i = 0; i < count && sure; i++)
		sure = print_bind(&binds, unit->some[i]);
	if (!sure) {
		leave_out(unit, "SocketBindDeny",
			  "it listens at ports of chance, of a pattern, or of another protocol than tcp and udp");
	} else {
		begin(unit, "Who binds an address before it connects (port 0) is refused too: then take this out. A "
			    "systemd without\n"
			    "# BPF_FRAMEWORK (`systemctl --version`), such as Debian 12's, takes no notice of it.");
		buffer_text(unit->out, buffer_string(&binds));
		buffer_text(unit->out, "SocketBindDeny=any\n");
	}
	unit->out->failed = unit->out->failed || binds.failed;
	buffer_free(&binds);
}

static int print_prefix(void *owner, int family, const uint8_t address[16], unsigned bits)
{
	struct buffer *out = owner;
	char text[INET6_ADDRSTRLEN];

	if (!out)
		return 1;
	if (inet_ntop(family, address, text, sizeof(text)))
		buffer_printf(out, "%s%s/%u", out->data[out->size - 1] == '=' ? "" : " ", text, bits);
	return 0;
}

/* The network of a peer; "any" is where a program reaches itself. */
static const char *network_of(const struct behaviour *behaviour, struct suggest_object *object)
{
	suggest_split(object, behaviour->object);
	if (suggest_is_any(behaviour->object))
		return "*";
	return behaviour->kind == BEHAVIOUR_CONNECT && strcmp(object->word[2], "any") == 0 ? "loopback"
											   : object->word[2];
}

static bool reaches(const struct unit *unit, const char *network)
{
	struct suggest_object object;

	for (size_t i = 0; i < unit->some_count; i++) {
		if (strcmp(network_of(unit->some[i], &object), network) == 0)
			return true;
	}
	return false;
}

/* Of what it reaches, what has no addresses here; NULL: all are known. */
static const char *unknown_network(const struct unit *unit)
{
	struct suggest_object object;

	for (size_t i = 0; i < unit->some_count; i++) {
		const char *network = network_of(unit->some[i], &object);

		if (suggest_is_any(network))
			return "it reaches, or is reached from, any network";
		if (strchr(network, '*'))
			return "a network is a pattern";
		if (!networks_each_prefix(unit->networks, network, print_prefix, NULL))
			return strcmp(network, "resolver") == 0
				       ? "no nameserver is known: --resolv-conf FILE of such a host"
				       : "a network has no addresses here: --network NAME=ADDRESSES";
	}
	return NULL;
}

static void print_allowed(struct unit *unit)
{
	struct suggest_object object;

	for (size_t i = 0; i < unit->some_count; i++) {
		const char *network = network_of(unit->some[i], &object);
		struct suggest_object before;
		bool is_first = true;

		for (size_t j = 0; j < i && is_first; j++)
			is_first = strcmp(network_of(unit->some[j], &before), network) != 0;
		if (!is_first || strcmp(network, "internet") == 0)
			continue;
		buffer_text(unit->out, "IPAddressAllow=");
		if (strcmp(network, "loopback") == 0)
			buffer_text(unit->out, "localhost");
		else
			(void)networks_each_prefix(unit->networks, network, print_prefix, unit->out);
		buffer_byte(unit->out, '\n');
	}
}

/* Where the internet is among what it reaches, only the networks that are not it can be denied. */
static void print_denied(struct unit *unit)
{
	static const char *const names[] = { "link-local", "loopback", "metadata", "private" };

	for (unsigned i = 0; i < 4; i++) {
		if (reaches(unit, names[i]))
			continue;
		buffer_text(unit->out, "IPAddressDeny=");
		(void)networks_each_prefix(unit->networks, names[i], print_prefix, unit->out);
		buffer_byte(unit->out, '\n');
	}
}

static void suggest_addresses(struct unit *unit)
{
	size_t count = choose(unit, is_peer), listens = choose(unit, is_listen);
	const char *fault;

	if (!count && listens) {
		leave_out(unit, "IPAddressDeny", "it listens, and nobody reached it: who may, the model does not say");
		return;
	}
	(void)choose(unit, is_peer);
	fault = unknown_network(unit);
	if (fault) {
		leave_out(unit, "IPAddressDeny", fault);
		return;
	}
	begin(unit, count ? "What is allowed holds over what is denied." : "It was seen with no peer.");
	print_allowed(unit);
	if (reaches(unit, "internet"))
		print_denied(unit);
	else
		buffer_text(unit->out, "IPAddressDeny=any\n");
}

/* ---- files ---- */

/* A path, decoded, as a word of a directive; false for one that has a star or another character that may mean something. */
static bool print_path(struct buffer *out, const char *path, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		bool is_plain = (path[i] >= 'a' && path[i] <= 'z') || (path[i] >= 'A' && path[i] <= 'Z') ||
				(path[i] >= '0' && path[i] <= '9') || strchr("/._+@,=-~", path[i]);

		if (!is_plain && path[i] != '%' && path[i] != ':')
			return false;
	}
	if (!size || path[0] != '/' || memchr(path, ':', size))
		return false;
	for (size_t i = 0; i < size; i++) {
		buffer_byte(out, path[i]);
		if (path[i] == '%')
			buffer_byte(out, '%');
	}
	return true;
}

/* The directory that is there before the first star: what has to be writable for that file to be made or replaced. */
static size_t directory_size(const char *path)
{
	size_t size = strcspn(path, "*");

	while (size > 1 && path[size - 1] != '/')
		size--;
	return size > 1 ? size - 1 : size;
}

static bool is_beneath(const char *path, size_t size, const char *directory)
{
	size_t length = strlen(directory);

	return size >= length && strncmp(path, directory, length) == 0 && (size == length || path[length] == '/');
}

/* Stays writable whatever ProtectSystem says. */
static bool is_exempt(const char *path, size_t size)
{
	return is_beneath(path, size, "/dev") || is_beneath(path, size, "/proc") || is_beneath(path, size, "/sys");
}

static bool is_told_before(const struct unit *unit, size_t at, const char *path, size_t size)
{
	for (size_t i = 0; i < at; i++) {
		const char *other = unit->some[i]->object;

		if (directory_size(other) == size && strncmp(other, path, size) == 0)
			return true;
	}
	return false;
}

/* The directories that it writes in; false where one can't be said. */
static bool print_writable(struct unit *unit, struct buffer *out)
{
	for (size_t i = 0; i < unit->some_count; i++) {
		const char *path = unit->some[i]->object;
		size_t size = directory_size(path);

		if (path[0] != '/' || is_exempt(path, size)) {
			if (suggest_is_any(path))
				return false;
			continue;
		}
		if (size <= 1)
			return false;
		if (is_told_before(unit, i, path, size))
			continue;
		buffer_text(out, "ReadWritePaths=-");
		if (!print_path(out, path, size))
			return false;
		buffer_byte(out, '\n');
	}
	return true;
}

static void suggest_files(struct unit *unit)
{
	struct buffer paths = BUFFER_INIT(MODEL_TEXT_MAX);

	if (!choose(unit, is_write)) {
		leave_out(unit, "ProtectSystem",
			  "no files were watched (learn with --files), so what it writes is not known");
	} else if (!print_writable(unit, &paths)) {
		leave_out(unit, "ProtectSystem",
			  "it writes in the root directory, anywhere, or where a path can't be written here");
	} else {
		begin(unit, "Only what was watched (--files) is known: a directory that wasn't, and is written, is "
			    "missing here.");
		buffer_text(unit->out, "ProtectSystem=strict\n");
		buffer_text(unit->out, buffer_string(&paths));
	}
	unit->out->failed = unit->out->failed || paths.failed;
	buffer_free(&paths);
}

static bool is_home(const char *path)
{
	size_t size = strlen(path);

	return is_beneath(path, size, "/home") || is_beneath(path, size, "/root") ||
	       is_beneath(path, size, "/run/user") || path[0] == '*';
}

static bool is_at_home(const struct behaviour *behaviour)
{
	const char *script = strchr(behaviour->program, '(');

	return is_home(behaviour->program) || (is_write(behaviour) && is_home(behaviour->object)) ||
	       (script && (is_home(script + 1) || (script[1] == '#' && script[2] == '!' && is_home(script + 3))));
}

static void suggest_home(struct unit *unit)
{
	if (choose(unit, is_at_home))
		leave_out(unit, "ProtectHome", "it runs or writes something below /home, /root or /run/user");
	else
		because(unit,
			"It runs and writes nothing below /home and /root. Whether it reads there, models don't tell: "
			"else say yes.",
			"ProtectHome=read-only");
}

/* ---- programs ---- */

/* The executable without what it interprets. */
static size_t executable_size(const char *program)
{
	return strcspn(program, "(");
}

/* Programs of the distribution, whose libraries are where they always are. */
static bool is_packaged(const char *program)
{
	static const char *const places[] = { "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec",
					      "/bin",     "/sbin",     "/lib" };

	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (is_beneath(program, executable_size(program), places[i]))
			return true;
	}
	return false;
}

static bool print_executable(struct buffer *out, const char *program)
{
	const char *script = strstr(program, "(#!");
	size_t size = executable_size(program);

	buffer_text(out, "ExecPaths=-");
	if (!print_path(out, program, size))
		return false;
	buffer_byte(out, '\n');
	/* The kernel opens the script itself. */
	if (!script)
		return true;
	buffer_text(out, "ExecPaths=-");
	if (!print_path(out, script + 3, strcspn(script + 3, ")")))
		return false;
	buffer_byte(out, '\n');
	return true;
}

static const char *exec_fault(struct unit *unit, struct buffer *paths)
{
	for (size_t i = 0; i < unit->some_count; i++) {
		const char *program = unit->some[i]->program;

		if (!is_packaged(program))
			return "it runs a program outside /usr, whose libraries and modules the model does not know";
		if (!print_executable(paths, program))
			return "a program's path is a pattern, or can't be written here";
	}
	return NULL;
}

static void suggest_exec(struct unit *unit)
{
	struct buffer paths = BUFFER_INIT(MODEL_TEXT_MAX);
	size_t count = choose(unit, is_exec);
	const char *fault = count ? exec_fault(unit, &paths) : "the model does not say what it runs";

	if (fault) {
		leave_out(unit, "NoExecPaths", fault);
	} else {
		begin(unit, "Libraries are mapped from /usr/lib. What the unit's own Exec… lines run has to be among "
			    "these, too.");
		buffer_text(unit->out, "NoExecPaths=/\nExecPaths=-/usr/lib -/usr/lib32 -/usr/lib64 -/usr/libx32\n");
		buffer_text(unit->out, buffer_string(&paths));
	}
	unit->out->failed = unit->out->failed || paths.failed;
	buffer_free(&paths);
}

/* Makes code as it runs: interpreters with a compiler of their own, and what uses one for queries or patterns. */
static bool may_compile(const struct behaviour *behaviour)
{
	static const char *const names[] = { "node",     "java", "php",   "python",  "pypy",     "ruby", "lua",
					     "dotnet",   "mono", "beam",  "erl",     "julia",    "dart", "deno",
					     "bun",      "qemu", "chrom", "firefox", "postgres", "perl", "mysqld",
					     "mariadbd", "R",    "wasm",  "haproxy", "suricata", "guile" };
	const char *program = behaviour->program, *name = program;
	size_t size = executable_size(program);

	if (!is_exec(behaviour))
		return false;
	for (size_t i = 0; i < size; i++)
		name = program[i] == '/' ? program + i + 1 : name;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	}
	return memchr(program, '*', size);
}

static void suggest_memory(struct unit *unit)
{
	if (!choose(unit, is_exec) || choose(unit, may_compile))
		leave_out(unit, "MemoryDenyWriteExecute",
			  "it runs what may compile code as it runs, or nobody knows what");
	else
		because(unit, "Nothing that it runs is known to compile code as it runs.",
			"MemoryDenyWriteExecute=yes");
}

/* ---- the rest ---- */

static void suggest_rest(struct unit *unit)
{
	because(unit, "Models don't tell of these; hardly any service needs them. Take out what yours does.",
		"PrivateDevices=yes\nProtectControlGroups=yes\nProtectKernelLogs=yes\nProtectKernelModules=yes\n"
		"RestrictSUIDSGID=yes\nLockPersonality=yes");
	because(unit, "Models don't see system calls; this is systemd's list of what services use.",
		"SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\nSystemCallArchitectures=native");
}

static void print_head(struct unit *unit)
{
	buffer_text(unit->out, "# What confines service ");
	escape_append(unit->out, unit->service, strlen(unit->service), "");
	buffer_text(unit->out, " to what its model knows. Look through it, put it into\n"
			       "# /etc/systemd/system/UNIT.service.d/sombrero.conf, see that `systemd-analyze verify "
			       "UNIT.service` is content, and restart.\n"
			       "# Learn the service's start, reload and stop too: they run within this.\n"
			       "[Service]\n");
}

static void print_notes(struct unit *unit)
{
	if (!unit->notes.size)
		return;
	buffer_text(unit->out, "\n# Left out:\n");
	buffer_text(unit->out, buffer_string(&unit->notes));
	unit->out->failed = unit->out->failed || unit->notes.failed;
}

static void print_all(struct unit *unit)
{
	print_head(unit);
	suggest_new_privileges(unit);
	suggest_user(unit);
	suggest_capabilities(unit);
	suggest_binds(unit);
	suggest_addresses(unit);
	suggest_files(unit);
	suggest_home(unit);
	suggest_exec(unit);
	if (unit->gains && !unit->is_root) {
		leave_out(unit, "the rest",
			  "it gains privileges without being root, and systemd takes that from whom it filters system "
			  "calls of");
	} else {
		suggest_families(unit);
		suggest_memory(unit);
		suggest_rest(unit);
	}
	print_notes(unit);
}

/* People's sessions and others' jobs descend from these, and would be confined with them. */
static bool is_for_others(const char *service)
{
	static const char *const names[] = { "sshd",
					     "dropbear",
					     "cron",
					     "crond",
					     "anacron",
					     "atd",
					     "login",
					     "getty",
					     "agetty",
					     "systemd-logind",
					     "dockerd",
					     "containerd",
					     "podman",
					     "kubelet",
					     "crio",
					     "amazon-ssm-agent",
					     "ssm-agent-worker",
					     "gdm3",
					     "sddm",
					     "lightdm",
					     "xrdp" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(service, names[i]) == 0)
			return true;
	}
	return false;
}

int suggest_systemd(struct model *model, const char *service, const struct networks *networks, struct buffer *out)
{
	struct unit unit = {
		.service = service,
		.networks = networks,
		.out = out,
		.notes = BUFFER_INIT(MODEL_TEXT_MAX),
	};
	int status = is_for_others(service) ? -EPERM : model_each(model, take, &unit);

	if (!status && !unit.count)
		status = -ENOENT;
	unit.some = status ? NULL : calloc(unit.count, sizeof(*unit.some));
	if (!status && !unit.some)
		status = -ENOMEM;
	if (!status) {
		print_all(&unit);
		status = out->failed ? -ENOMEM : 0;
	}
	buffer_free(&unit.notes);
	free(unit.lines);
	free(unit.some);
	return status;
}
