/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/proc_priv.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(uint32_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Up to size - 1 bytes and a NUL; how many, 0 on any failure. */
static size_t read_file(uint32_t pid, const char *name, char *out, size_t size)
{
	int fd = open_file(pid, name);
	size_t filled = 0;
	ssize_t got = 1;

	while (fd >= 0 && filled < size - 1 && got > 0) {
		got = read(fd, out + filled, size - 1 - filled);
		if (got > 0)
			filled += (size_t)got;
	}
	if (fd >= 0)
		(void)close(fd);
	out[filled] = '\0';
	return filled;
}

static void read_link(uint32_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, name);
	length = readlink(path, out, size - 1);
	out[length < 0 ? 0 : length] = '\0';
}

/* Where the kernel put the path that execve(2) was called with, in the process's own memory. */
static uint64_t execfn_address(uint32_t pid)
{
	char bytes[1024];
	size_t size = read_file(pid, "auxv", bytes, sizeof(bytes));
	Elf64_auxv_t entry;

	for (size_t at = 0; at + sizeof(entry) <= size; at += sizeof(entry)) {
		memcpy(&entry, bytes + at, sizeof(entry));
		if (entry.a_type == AT_EXECFN)
			return entry.a_un.a_val;
	}
	return 0;
}

static void read_called(uint32_t pid, char *out, size_t size)
{
	uint64_t address = execfn_address(pid);
	int fd = address ? open_file(pid, "mem") : -1;
	ssize_t got = 0;

	if (fd >= 0) {
		got = pread(fd, out, size - 1, (off_t)address);
		/* The string may end closer to the top of the stack than `size`. */
		for (size_t less = size / 2; got < 0 && less; less /= 2)
			got = pread(fd, out, less, (off_t)address);
		(void)close(fd);
	}
	out[got > 0 ? got : 0] = '\0';
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A #! line puts the script's path, as called, among the first arguments of its interpreter. */
static bool is_shebang(const struct proc_facts *facts, const char *exe)
{
	const char *at = facts->argv, *end = facts->argv + facts->argv_size;

	if (!facts->called[0] || !strcmp(base_name(facts->called), base_name(exe)))
		return false;
	for (int i = 0; at < end && i < 3; i++, at += strlen(at) + 1) {
		if (i && !strcmp(at, facts->called))
			return true;
	}
	return false;
}

void proc_read_image(uint32_t pid, const char *exe, struct proc_facts *facts)
{
	facts->flags = 0;
	facts->argc = 0;
	facts->argv_size = read_file(pid, "cmdline", facts->argv, sizeof(facts->argv));
	if (facts->argv_size == sizeof(facts->argv) - 1)
		facts->flags |= SOMBRERO_ARGV_TRUNCATED;
	for (size_t i = 0; i < facts->argv_size; i++)
		facts->argc += !facts->argv[i];
	read_link(pid, "cwd", facts->cwd, sizeof(facts->cwd));
	read_called(pid, facts->called, sizeof(facts->called));
	if (is_shebang(facts, exe))
		facts->flags |= SOMBRERO_EXE_SHEBANG;
}

static uint32_t read_number(uint32_t pid, const char *name)
{
	char text[32];

	return read_file(pid, name, text, sizeof(text)) ? (uint32_t)strtoul(text, NULL, 10) : SOMBRERO_UNSET;
}

static uint32_t read_namespace(uint32_t pid, const char *name)
{
	struct stat status;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/ns/%s", pid, name);
	return stat(path, &status) ? 0 : (uint32_t)status.st_ino;
}

uint32_t proc_namespace(void)
{
	uint32_t of_first = read_namespace(1, "pid"), own;
	struct stat status;
	char self[16] = "", pid[16];

	if (of_first)
		return of_first;
	own = stat("/proc/self/ns/pid", &status) ? 0 : (uint32_t)status.st_ino;
	if (readlink("/proc/self", self, sizeof(self) - 1) < 0)
		return 0;
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	return !strcmp(self, pid) ? own : 0;
}

uint32_t proc_number(uint32_t shown, uint32_t tgid, uint32_t pid_namespace, uint32_t namespace_pid)
{
	if (shown == PROC_FIRST_PID_NAMESPACE)
		return tgid;
	return shown && pid_namespace == shown ? namespace_pid : 0;
}

static uint64_t tick_ns(void)
{
	return UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t proc_start_slack_ns(void)
{
	return tick_ns() - 1;
}

/* The fields of /proc/PID/stat behind the name, which may itself hold blanks and parentheses. */
static int read_stat(uint32_t pid, uint64_t start_ns, struct sombrero_exec *record)
{
	uint64_t start;
	char text[1024], *after;
	int tty;

	if (!read_file(pid, "stat", text, sizeof(text)) || !(after = strrchr(text, ')')))
		return -ESRCH;
	if (sscanf(after + 1,
		   " %*c %" SCNu32 " %*d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		   &record->parent_tgid, &tty, &start) != 3)
		return -ESRCH;
	if (start_ns && start_ns / tick_ns() != start)
		return -ESRCH;
	record->header.start_ns = start_ns ? start_ns : start * tick_ns();
	record->tty_major = (uint32_t)tty >> 8 & 0xfff;
	record->tty_minor = ((uint32_t)tty & 0xff) | ((uint32_t)tty >> 12 & 0xfff00);
	return 0;
}

bool proc_exists(uint32_t pid, uint64_t start_ns)
{
	struct sombrero_exec record;

	return pid && !read_stat(pid, start_ns, &record);
}

/* The fields of /proc/PID/stat that are wanted, counted from the one behind the name. */
enum { STAT_USER = 12, STAT_SYSTEM = 13, STAT_START = 20 };

int proc_cpu(uint32_t pid, uint64_t start_ns, uint64_t *out)
{
	uint64_t field[STAT_START + 1];
	char text[1024], *at;

	if (!read_file(pid, "stat", text, sizeof(text)) || !(at = strrchr(text, ')')) || !at[1] || !at[2] || !at[3])
		return -ESRCH;
	at += 3; /* past the state, a letter */
	for (int i = 2; i <= STAT_START; i++)
		field[i] = strtoull(at, &at, 10);
	if (start_ns / tick_ns() != field[STAT_START])
		return -ESRCH;
	*out = (field[STAT_USER] + field[STAT_SYSTEM]) * tick_ns();
	return 0;
}

static void read_status(uint32_t pid, struct sombrero_exec *record)
{
	struct sombrero_credentials *ids = &record->credentials;
	char text[4096];
	const char *at;

	(void)read_file(pid, "status", text, sizeof(text));
	at = strstr(text, "\nUid:");
	if (at)
		(void)sscanf(at, " Uid: %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &ids->uid, &ids->euid,
			     &ids->suid, &ids->fsuid);
	at = strstr(text, "\nGid:");
	if (at)
		(void)sscanf(at, " Gid: %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &ids->gid, &ids->egid,
			     &ids->sgid, &ids->fsgid);
	at = strstr(text, "\nNSpid:");
	if (at) {
		size_t length = strcspn(at + 1, "\n");

		while (length && at[length] != '\t' && at[length] != ' ')
			length--;
		record->namespace_pid = (uint32_t)strtoul(at + length, NULL, 10);
	}
	at = strstr(text, "\nCapEff:");
	if (at) {
		uint64_t capabilities = 0;

		(void)sscanf(at, " CapEff: %" SCNx64, &capabilities);
		ids->cap_effective = capabilities;
	}
}

static void read_cgroup(uint32_t pid, char *out, size_t size)
{
	char text[SOMBRERO_PATH_MAX * 2];
	const char *line = text;

	out[0] = '\0';
	(void)read_file(pid, "cgroup", text, sizeof(text));
	if (strncmp(line, "0::", 3) != 0)
		line = strstr(text, "\n0::");
	if (!line)
		return;
	line = strchr(line, '/');
	if (line)
		(void)snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* As the process's own root has it, like the paths in records. */
static void strip_root(uint32_t pid, char *path)
{
	char root[SOMBRERO_PATH_MAX];
	size_t size;

	read_link(pid, "root", root, sizeof(root));
	size = strlen(root);
	if (size > 1 && !strncmp(path, root, size) && path[size] == '/')
		memmove(path, path + size, strlen(path + size) + 1);
}

/* What readlink(2) says of a file that has no name any more, or never had one, is text behind it: that becomes a flag. */
static uint32_t read_exe(uint32_t pid, char exe[SOMBRERO_PATH_MAX])
{
	static const char gone[] = " (deleted)", memfd[] = "/memfd:";
	char path[64];
	struct stat status;
	bool is_gone;
	size_t size;

	read_link(pid, "exe", exe, SOMBRERO_PATH_MAX);
	strip_root(pid, exe);
	size = strlen(exe);
	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
	is_gone = size >= sizeof(gone) && !strcmp(exe + size - (sizeof(gone) - 1), gone) && !stat(path, &status) &&
		  !status.st_nlink;
	if (!is_gone)
		return 0;
	exe[size - (sizeof(gone) - 1)] = '\0';
	if (strncmp(exe, memfd, sizeof(memfd) - 1) != 0)
		return SOMBRERO_EXE_DELETED;
	memmove(exe, exe + 1, strlen(exe));
	return SOMBRERO_EXE_MEMFD;
}

int proc_read(uint32_t pid, uint64_t start_ns, struct proc_facts *facts)
{
	struct sombrero_exec *record = &facts->record;
	uint32_t exe_flags;
	int status;

	memset(record, 0, sizeof(*record));
	status = read_stat(pid, start_ns, record);
	if (status < 0)
		return status;
	record->header.tgid = record->namespace_pid = pid;
	read_status(pid, record);
	record->login_uid = read_number(pid, "loginuid");
	record->session_id = read_number(pid, "sessionid");
	record->mount_namespace = read_namespace(pid, "mnt");
	record->pid_namespace = read_namespace(pid, "pid");
	record->net_namespace = read_namespace(pid, "net");
	record->user_namespace = read_namespace(pid, "user");
	read_cgroup(pid, facts->cgroup, sizeof(facts->cgroup));
	exe_flags = read_exe(pid, facts->exe);
	proc_read_image(pid, facts->exe, facts);
	facts->flags |= exe_flags;
	return 0;
}
