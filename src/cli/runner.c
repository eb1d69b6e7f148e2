/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "sensor/cgroup.h"

/* Of a directory in the cgroup tree. */
#define SCOPE_PATH_MAX 8192

struct runner {
	pid_t pid;
	int status;
	bool ended;
};

static int write_text(const char *directory, const char *name, const char *text)
{
	char path[SCOPE_PATH_MAX];
	int fd, status = 0;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		status = -errno;
	if (fd >= 0)
		(void)close(fd);
	return status;
}

/* In the child: into the cgroup, then the command. Says what failed through `report` and ends. */
static _Noreturn void become_command(char **command, const char *directory, int report)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	int status;

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	(void)sigaction(SIGPIPE, &action, NULL);
	status = write_text(directory, "cgroup.procs", "0");
	if (!status) {
		(void)execvp(command[0], command);
		status = -errno;
	}
	(void)!write(report, &status, sizeof(status));
	_exit(127);
}

/* What the child says before its exec: an errno, or nothing when the pipe closes with it. */
static int read_report(int fd)
{
	int status = 0;
	ssize_t got;

	do
		got = read(fd, &status, sizeof(status));
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(status) ? status : 0;
}

int runner_start(char **command, const char *directory, struct runner **out, struct error *error)
{
	struct runner *runner = calloc(1, sizeof(*runner));
	int report[2], status;

	if (!runner || pipe2(report, O_CLOEXEC)) {
		free(runner);
		return error_set(error, -ENOMEM, "out of memory or files");
	}
	runner->pid = fork();
	if (!runner->pid)
		become_command(command, directory, report[1]);
	(void)close(report[1]);
	status = runner->pid < 0 ? -errno : read_report(report[0]);
	(void)close(report[0]);
	if (!status) {
		*out = runner;
		return 0;
	}
	runner_end(runner);
	return error_set(error, status, "can't run %s: %s", command[0], strerror(-status));
}

bool runner_ended(struct runner *runner)
{
	pid_t pid = runner->ended ? runner->pid : waitpid(runner->pid, &runner->status, WNOHANG);

	/* ECHILD: it ended, and somebody else was told how. */
	if (pid == runner->pid || (pid < 0 && errno == ECHILD))
		runner->ended = true;
	return runner->ended;
}

void runner_ask(struct runner *runner, int signal)
{
	if (!runner_ended(runner))
		(void)kill(runner->pid, signal);
}

int runner_end(struct runner *runner)
{
	int status;

	if (runner->pid > 0 && !runner_ended(runner)) {
		(void)kill(runner->pid, SIGKILL);
		while (waitpid(runner->pid, &runner->status, 0) < 0 && errno == EINTR)
			;
	}
	status = runner->status;
	free(runner);
	return status;
}

/* Our own cgroup's directory, beside `directory`'s mount point. */
static bool own_cgroup(const char *directory, char *out, size_t size)
{
	char line[4096];
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(out, size, "%.*s%s", (int)(strrchr(directory, '/') - directory), directory, line + 3);
		found = true;
	}
	if (file)
		(void)fclose(file);
	return found;
}

/* Moves each process of one cgroup to `own`; returns how many. */
static unsigned move_processes(const char *directory, const char *own)
{
	char path[SCOPE_PATH_MAX], line[64];
	unsigned moved = 0;
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", directory) >= (int)sizeof(path))
		return 0;
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		moved += !write_text(own, "cgroup.procs", line);
	if (file)
		(void)fclose(file);
	return moved;
}

/* The same for a cgroup and all below it. */
static unsigned move_tree(const char *directory, const char *own)
{
	char root[SCOPE_PATH_MAX], *const roots[] = { root, NULL };
	unsigned moved = 0;
	FTSENT *entry;
	FTS *tree;

	(void)snprintf(root, sizeof(root), "%s", directory);
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	while (tree && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_D)
			moved += move_processes(entry->fts_path, own);
	}
	if (tree)
		(void)fts_close(tree);
	return moved;
}

void runner_clean(const char *directory)
{
	char own[SCOPE_PATH_MAX];
	unsigned moved = 0, now = 1;

	/* Again until nothing is left: a process can fork while it is moved. */
	for (int round = 0; now && round < 16 && own_cgroup(directory, own, sizeof(own)); round++)
		moved += now = move_tree(directory, own);
	if (moved)
		say("%u processes of the command still run; they go on, unwatched", moved);
	cgroup_remove(directory);
}

int scope_add_directory(struct scope_list *scope, const char *directory, struct error *error)
{
	char **larger = realloc(scope->directory, (scope->count + 1) * sizeof(*larger));

	if (!larger)
		return error_set(error, -ENOMEM, "out of memory");
	scope->directory = larger;
	larger[scope->count] = strdup(directory);
	if (!larger[scope->count])
		return error_set(error, -ENOMEM, "out of memory");
	scope->count++;
	return 0;
}

int scope_add_cgroup(struct scope_list *scope, const char *pattern, struct error *error)
{
	char **list = NULL;
	size_t count = 0;
	int status = cgroup_expand(pattern, &list, &count, error);

	for (size_t i = 0; i < count && !status; i++)
		status = scope_add_directory(scope, list[i], error);
	cgroup_free_list(list, count);
	return status;
}

/* Tries `pattern` at the first few depths of the tree: units and containers lie at different ones. */
static int add_at_some_depth(struct scope_list *scope, const char *pattern)
{
	char deeper[1024];
	size_t before = scope->count;

	for (int depth = 0; depth < 7; depth++) {
		struct error ignored;

		(void)snprintf(deeper, sizeof(deeper), "%.*s%s", depth * 2, "*/*/*/*/*/*/*/", pattern);
		(void)scope_add_cgroup(scope, deeper, &ignored);
		if (scope->count > before)
			return 0;
	}
	return -ENOENT;
}

static bool is_plain_name(const char *name)
{
	return *name && strlen(name) < 256 && !strpbrk(name, "/*?[]\\");
}

int scope_add_unit(struct scope_list *scope, const char *unit, struct error *error)
{
	char pattern[300];

	(void)snprintf(pattern, sizeof(pattern), "%s%s", unit, strchr(unit, '.') ? "" : ".service");
	if (!is_plain_name(unit) || add_at_some_depth(scope, pattern))
		return error_set(error, -ENOENT, "no unit %s is running: there is no cgroup of that name", unit);
	return 0;
}

static int add_container_id(struct scope_list *scope, const char *id, struct error *error)
{
	/* docker and kubernetes by cgroupfs, then the runtimes under systemd, then machines and LXC. */
	static const char *const forms[][2] = { { "", "*" },
						{ "docker-", "*.scope" },
						{ "cri-containerd-", "*.scope" },
						{ "crio-", "*.scope" },
						{ "libpod-", "*.scope" },
						{ "machine-", ".scope" },
						{ "lxc.payload.", "" } };
	char pattern[512];

	for (size_t i = 0; is_plain_name(id) && i < sizeof(forms) / sizeof(forms[0]); i++) {
		(void)snprintf(pattern, sizeof(pattern), "%s%s%s", forms[i][0], id, forms[i][1]);
		if (!add_at_some_depth(scope, pattern))
			return 0;
	}
	return error_set(error, -ENOENT, "no container %s is running: there is no cgroup of that name", id);
}

/* Reads ids, a line each, from `docker ps` or `podman ps` filtered by a label. */
static int add_labelled(struct scope_list *scope, const char *runtime, const char *label, struct error *error)
{
	char filter[512], line[256];
	size_t before = scope->count;
	int output[2];
	FILE *lines;
	pid_t pid;

	(void)snprintf(filter, sizeof(filter), "label=%s", label);
	if (pipe2(output, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		(void)dup2(output[1], STDOUT_FILENO);
		(void)execlp(runtime, runtime, "ps", "--quiet", "--no-trunc", "--filter", filter, (char *)NULL);
		_exit(127);
	}
	(void)close(output[1]);
	lines = fdopen(output[0], "re");
	while (lines && fgets(line, sizeof(line), lines)) {
		line[strcspn(line, "\n")] = '\0';
		(void)add_container_id(scope, line, error);
	}
	if (lines)
		(void)fclose(lines);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return scope->count > before ? 0 : -ENOENT;
}

int scope_add_container(struct scope_list *scope, const char *name, struct error *error)
{
	if (!strchr(name, '='))
		return add_container_id(scope, name, error);
	if (!add_labelled(scope, "docker", name, error) || !add_labelled(scope, "podman", name, error))
		return 0;
	return error_set(error, -ENOENT, "neither docker nor podman knows a running container with the label %s", name);
}

void scope_free(struct scope_list *scope)
{
	for (size_t i = 0; i < scope->count; i++)
		free(scope->directory[i]);
	free(scope->directory);
	*scope = (struct scope_list) { 0 };
}
