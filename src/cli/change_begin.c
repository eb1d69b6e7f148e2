/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a declared change: in a cgroup `sombrero-change-ID.scope` at the top of the tree, by which a sensor knows it and all that it starts.
 * What it leaves running stays there; a cgroup that is empty goes, at the end of the command or when the next one begins.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "cli/change_priv.h"
#include "cli/command.h"
#include "cli/who.h"
#include "event/redact.h"
#include "sensor/cgroup.h"

#define ID_MAX      64
#define NAME_PREFIX "sombrero-change-"
#define NAME_SUFFIX ".scope"
/* On cgroups that we made: others', of that name, are theirs to remove. */
#define MARK_NAME   "user.sombrero.change"
#define COMMAND_MAX 4096
/* A process that ended is in its cgroup for a moment yet. */
#define REMOVE_TRIES 50

/* Those that a person or a supervisor sends to what they think is the command. */
static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH };

struct run {
	const struct change_begin *change;
	char mount[PATH_MAX], cgroup[PATH_MAX + ID_MAX + 64];
	uint64_t number;
	pid_t pid;
	sigset_t before; /* the mask that we came with, and the command gets */
};

bool change_is_id(const char *id)
{
	size_t size = strlen(id);

	for (size_t i = 0; i < size; i++) {
		if (!isascii((unsigned char)id[i]) || (!isalnum((unsigned char)id[i]) && !strchr("._-", id[i])))
			return false;
	}
	return size > 0 && size <= ID_MAX;
}

/* The cgroup */

static int remove_empty(const char *directory, int tries)
{
	const struct timespec moment = { .tv_nsec = 2000000 };

	while (rmdir(directory) && errno == EBUSY && --tries > 0)
		(void)nanosleep(&moment, NULL);
	return access(directory, F_OK) ? 0 : -EBUSY;
}

/* Those of earlier changes in which nothing runs any more. */
static void sweep(const char *mount)
{
	DIR *folder = opendir(mount);
	struct dirent *entry;
	char path[PATH_MAX + NAME_MAX + 2], mark[2];

	while (folder && (entry = readdir(folder))) {
		if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", mount, entry->d_name);
		if (getxattr(path, MARK_NAME, mark, sizeof(mark)) == 1)
			(void)remove_empty(path, 1);
	}
	if (folder)
		(void)closedir(folder);
}

static int make_cgroup(struct run *run)
{
	(void)snprintf(run->cgroup, sizeof(run->cgroup), "%s/" NAME_PREFIX "%s" NAME_SUFFIX, run->mount,
		       run->change->id);
	if (mkdir(run->cgroup, 0755) == 0) {
		(void)setxattr(run->cgroup, MARK_NAME, "1", 1, 0);
		return 0;
	}
	if (errno == EEXIST) /* of an earlier run, or one that goes on */
		return 0;
	say("can't make the cgroup %s: %s", run->cgroup, strerror(errno));
	return -errno;
}

static bool is_populated(const char *directory)
{
	char path[PATH_MAX + ID_MAX + 128], line[64];
	bool populated = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/cgroup.events", directory);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		populated |= !strcmp(line, "populated 1\n");
	if (file)
		(void)fclose(file);
	return populated;
}

static void leave_cgroup(const struct run *run)
{
	if (remove_empty(run->cgroup, REMOVE_TRIES) && is_populated(run->cgroup))
		say("something that change %s started still runs, and stays in %s", run->change->id, run->cgroup);
}

/* The command line as one text, secrets taken out. */
static void describe(char **command, char out[COMMAND_MAX])
{
	size_t size = 0;

	for (; *command && size + strlen(*command) + 1 < COMMAND_MAX; command++) {
		memcpy(out + size, *command, strlen(*command) + 1);
		size += strlen(*command) + 1;
	}
	size = redact_argv(out, size, NULL);
	for (size_t i = 0; i + 1 < size; i++) {
		if (!out[i])
			out[i] = ' ';
	}
	out[size ? size - 1 : 0] = '\0';
}

/* The state */

static int open_state(const struct run *run, struct state **state)
{
	struct error error = { "" };
	int status = state_open(run->change->directory, STATE_WRITE, state, &error);

	if (status)
		say("%s", error.text);
	return status;
}

static int record_begin(struct run *run)
{
	char command[COMMAND_MAX];
	struct state *state;
	struct who who;
	int status = open_state(run, &state);

	if (status)
		return status;
	who_find(state, &who);
	describe(run->change->command, command);
	status = state_change_begin(state,
				    &(struct state_change) { .id = run->change->id,
							     .reason = run->change->reason,
							     .person = who.person,
							     .user = who.user,
							     .login = who.login,
							     .command = command,
							     .pid = (uint32_t)getpid() },
				    &run->number);
	if (status)
		say("%s", state_error(state));
	state_close(state);
	return status;
}

static void record_end(struct run *run, int exit_status)
{
	struct state *state;

	if (open_state(run, &state))
		return;
	if (state_change_end(state, run->change->id, run->number, exit_status))
		say("%s", state_error(state));
	state_close(state);
}

/* The command */

static void block_signals(struct run *run)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		(void)sigaddset(&set, passed_on[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &run->before);
}

/* In the child: into the cgroup, then the command. */
static _Noreturn void become_command(const struct run *run, int report)
{
	char path[PATH_MAX + ID_MAX + 128];
	int status = 0, fd;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", run->cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		status = -errno;
	(void)signal(SIGPIPE, SIG_DFL); /* main() ignores it */
	(void)sigprocmask(SIG_SETMASK, &run->before, NULL);
	if (!status) {
		(void)execvp(run->change->command[0], run->change->command);
		status = errno;
	}
	(void)!write(report, &status, sizeof(status));
	_exit(status == ENOENT ? 127 : 126);
}

/* A positive number: the command's fault; a negative one: ours. */
static int start(struct run *run)
{
	int report[2], status = 0;
	ssize_t got;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	run->pid = fork();
	if (!run->pid)
		become_command(run, report[1]);
	(void)close(report[1]);
	do
		got = run->pid < 0 ? 0 : read(report[0], &status, sizeof(status));
	while (got < 0 && errno == EINTR);
	(void)close(report[0]);
	if (run->pid < 0)
		return -EAGAIN;
	return got == (ssize_t)sizeof(status) ? status : 0;
}

/* What a terminal sends goes to the command by itself: it is in the same foreground group. */
static bool is_terminals(const siginfo_t *info)
{
	return info->si_code == SI_KERNEL;
}

/* Until the command has ended. Its status, as wait(2) gives it. */
static int wait_for_command(const struct run *run)
{
	sigset_t set;
	siginfo_t info;
	int status = 0;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		(void)sigaddset(&set, passed_on[i]);
	while (waitpid(run->pid, &status, WNOHANG) != run->pid) {
		int signal = sigwaitinfo(&set, &info);

		if (signal > 0 && signal != SIGCHLD && !is_terminals(&info))
			(void)kill(run->pid, signal);
	}
	return status;
}

static int exit_status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* While one makes its cgroup and goes into it, no other may sweep. */
static int start_in_cgroup(struct run *run)
{
	int lock = open(run->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;

	if (lock >= 0)
		(void)flock(lock, LOCK_EX);
	sweep(run->mount);
	status = make_cgroup(run);
	if (!status) {
		block_signals(run);
		status = start(run);
	}
	if (lock >= 0)
		(void)close(lock);
	return status;
}

static int run_command(struct run *run)
{
	int status = start_in_cgroup(run);

	if (status < 0) {
		say("can't run %s in the change's cgroup: %s", run->change->command[0], strerror(-status));
		return EXIT_FAILED;
	}
	if (status > 0)
		say("can't run %s: %s", run->change->command[0], strerror(status));
	return exit_status_of(wait_for_command(run));
}

int change_begin(const struct change_begin *change)
{
	struct run run = { .change = change };
	struct error error = { "" };
	int exit_status;

	if (geteuid() != 0) {
		say("a change needs root, to make its cgroup and to record it: run it with sudo");
		return EXIT_FAILED;
	}
	if (cgroup_mount_point(run.mount, sizeof(run.mount), &error)) {
		say("%s", error.text);
		return EXIT_FAILED;
	}
	if (record_begin(&run))
		return EXIT_FAILED;
	exit_status = run_command(&run);
	record_end(&run, exit_status);
	leave_cgroup(&run);
	return exit_status;
}
