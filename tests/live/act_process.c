/* SPDX-License-Identifier: Apache-2.0 */
/* How programs start, what they become, and how they end. */
#include "act.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Waits for a child and ends as it did, as far as that can be. */
static int end_like(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int act_pause(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	pause_at("here", 0);
	return 0;
}

static int act_nothing(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	_exit(0);
}

static int act_exit(int argc, char **argv)
{
	(void)argc;
	pause_at("here", 0);
	_exit(atoi(argv[0]));
}

static int act_signal(int argc, char **argv)
{
	(void)argc;
	pause_at("here", 0);
	(void)signal(atoi(argv[0]), SIG_DFL);
	(void)raise(atoi(argv[0]));
	return 0;
}

static int act_exec(int argc, char **argv)
{
	(void)argc;
	pause_at("before", 0);
	(void)execv(argv[0], argv);
	pause_at("failed", 0);
	return 0;
}

static int act_fork(int argc, char **argv)
{
	pid_t child = (pid_t)must(fork(), "fork");

	(void)argc;
	(void)argv;
	if (child)
		return end_like(child);
	pause_at("child", 0);
	return 3;
}

/* A child whose parent has ended keeps its lineage. */
static int act_orphan(int argc, char **argv)
{
	int alive[2];
	char byte;

	(void)argc;
	(void)argv;
	must(pipe(alive), "pipe");
	if (!must(fork(), "fork")) {
		pid_t middle = getpid();

		if (must(fork(), "fork"))
			_exit(0);
		while (getppid() == middle)
			(void)usleep(1000);
		pause_at("orphan", middle);
		_exit(0);
	}
	must(wait(NULL), "wait");
	(void)close(alive[1]);
	/* The orphan holds the other end until it is done. */
	(void)!read(alive[0], &byte, 1);
	return 0;
}

static int act_vfork(int argc, char **argv)
{
	pid_t child;

	(void)argc;
	pause_at("before", 0);
	child = (pid_t)must(vfork(), "vfork");
	if (!child) {
		(void)execv(argv[0], argv);
		_exit(126);
	}
	return end_like(child);
}

static int open_file(const char *path, int flags)
{
	return (int)must(open(path, flags), path);
}

static int act_memfd(int argc, char **argv)
{
	int from = open_file(argv[1], O_RDONLY | O_CLOEXEC);
	int to = (int)must(memfd_create(argv[0], MFD_CLOEXEC), "memfd_create");
	struct stat status;

	(void)argc;
	must(fstat(from, &status), "fstat");
	must(sendfile(to, from, NULL, (size_t)status.st_size), "sendfile");
	(void)fexecve(to, argv + 2, environ);
	give_up("fexecve");
}

static int act_fexecve(int argc, char **argv)
{
	int fd = open_file(argv[0], O_RDONLY);

	(void)argc;
	(void)syscall(SYS_execveat, fd, "", argv + 1, environ, AT_EMPTY_PATH);
	give_up("execveat");
}

static int act_execveat(int argc, char **argv)
{
	int fd = open_file(argv[0], O_RDONLY | O_DIRECTORY);

	(void)argc;
	(void)syscall(SYS_execveat, fd, argv[1], argv + 2, environ, 0);
	give_up("execveat");
}

/* A file without a name from its birth. */
static int act_tmpfile(int argc, char **argv)
{
	int from = open_file(argv[1], O_RDONLY | O_CLOEXEC);
	int to = (int)must(open(argv[0], O_TMPFILE | O_RDWR | O_CLOEXEC, 0700), argv[0]), again;
	char path[64];
	struct stat status;

	(void)argc;
	must(fstat(from, &status), "fstat");
	must(sendfile(to, from, NULL, (size_t)status.st_size), "sendfile");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	again = open_file(path, O_RDONLY | O_CLOEXEC);
	(void)close(to);
	(void)fexecve(again, argv + 2, environ);
	give_up("fexecve");
}

static void *exec_in_thread(void *argument)
{
	char **argv = argument;

	(void)execv(argv[0], argv);
	give_up("execv");
}

static int act_thread_exec(int argc, char **argv)
{
	pthread_t thread;

	(void)argc;
	pause_at("before", 0);
	if (pthread_create(&thread, NULL, exec_in_thread, argv))
		give_up("pthread_create");
	(void)pthread_join(thread, NULL);
	return 0;
}

/* The process ends with its last thread, which need not be the first. */
static void *end_late(void *argument)
{
	(void)argument;
	pause_at("leaderless", 0);
	(void)syscall(SYS_exit, 9);
	return NULL;
}

static int act_thread_exit(int argc, char **argv)
{
	pthread_t thread;

	(void)argc;
	(void)argv;
	if (pthread_create(&thread, NULL, end_late, NULL))
		give_up("pthread_create");
	(void)syscall(SYS_exit, 7);
	return 0;
}

/* A child whose parent, as getppid() has it, is ours. */
static int act_clone_parent(int argc, char **argv)
{
	struct clone_args arguments = { .flags = CLONE_PARENT };
	long child = must(syscall(SYS_clone3, &arguments, sizeof(arguments)), "clone3");

	(void)argc;
	(void)argv;
	if (!child) {
		pause_at("child", getppid());
		_exit(0);
	}
	pause_at("creator", child);
	return 0;
}

/* A child in another cgroup from its first moment. */
static int act_clone_into(int argc, char **argv)
{
	struct clone_args arguments = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	long child;

	(void)argc;
	arguments.cgroup = (uint64_t)open_file(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	child = must(syscall(SYS_clone3, &arguments, sizeof(arguments)), "clone3");
	if (child)
		return end_like((pid_t)child);
	pause_at("child", 0);
	_exit(5);
}

/* A child in namespaces of its own that never calls execve(2). */
static int act_clone_namespaces(int argc, char **argv)
{
	struct clone_args arguments = { .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUSER,
					.exit_signal = SIGCHLD };
	long child = must(syscall(SYS_clone3, &arguments, sizeof(arguments)), "clone3");

	(void)argc;
	(void)argv;
	if (child)
		return end_like((pid_t)child);
	pause_at("child", 0);
	_exit(0);
}

/* A program under a pid of one's choice: the one of somebody who is gone, say. */
static int act_pid(int argc, char **argv)
{
	pid_t wanted = atoi(argv[0]);
	struct clone_args arguments = { .exit_signal = SIGCHLD,
					.set_tid = (uint64_t)(uintptr_t)&wanted,
					.set_tid_size = 1 };
	long child = must(syscall(SYS_clone3, &arguments, sizeof(arguments)), "clone3");

	(void)argc;
	if (child)
		return end_like((pid_t)child);
	(void)execv(argv[1], argv + 1);
	give_up("execv");
}

static void set_capabilities(uint64_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &header, data), "capget");
	data[0].effective = (uint32_t)effective;
	data[1].effective = (uint32_t)(effective >> 32);
	must(syscall(SYS_capset, &header, data), "capset");
}

/* Changes ids or rights without execve(2), then comes by one of the sensor's hooks: here, by making a child. */
static void come_by(void)
{
	pid_t child = (pid_t)must(fork(), "fork");

	if (!child)
		_exit(0);
	(void)end_like(child);
}

static int act_setuid(int argc, char **argv)
{
	(void)argc;
	pause_at("before", 0);
	must(setresgid(atoi(argv[1]), atoi(argv[1]), atoi(argv[1])), "setresgid");
	must(setresuid(atoi(argv[0]), atoi(argv[0]), atoi(argv[0])), "setresuid");
	come_by();
	pause_at("after", 0);
	return 0;
}

static int act_capset(int argc, char **argv)
{
	(void)argc;
	pause_at("before", 0);
	set_capabilities(strtoull(argv[0], NULL, 16));
	come_by();
	pause_at("after", 0);
	return 0;
}

/* setuid(2) and at once execve(2): the exec tells. */
static int act_setuid_exec(int argc, char **argv)
{
	(void)argc;
	pause_at("before", 0);
	must(setresgid(atoi(argv[1]), atoi(argv[1]), atoi(argv[1])), "setresgid");
	must(setresuid(atoi(argv[0]), atoi(argv[0]), atoi(argv[0])), "setresuid");
	(void)execv(argv[2], argv + 2);
	give_up("execv");
}

/* Many processes that live as short as can be. */
static int act_storm(int argc, char **argv)
{
	char name[] = "nothing", *const arguments[] = { argv[1], name, NULL };

	(void)argc;
	for (int i = atoi(argv[0]); i; i--) {
		pid_t child;

		if (posix_spawn(&child, argv[1], NULL, NULL, arguments, environ))
			return 1;
		if (end_like(child))
			return 1;
	}
	return 0;
}

const struct act process_acts[] = {
	{ "pause", "[ANYTHING…]", 0, act_pause },
	{ "nothing", "", 0, act_nothing },
	{ "exit", "CODE", 1, act_exit },
	{ "signal", "NUMBER", 1, act_signal },
	{ "exec", "PROGRAM [ARGUMENT…]", 1, act_exec },
	{ "fork", "", 0, act_fork },
	{ "orphan", "", 0, act_orphan },
	{ "vfork", "PROGRAM [ARGUMENT…]", 1, act_vfork },
	{ "memfd", "NAME PROGRAM ARGV0 [ARGUMENT…]", 3, act_memfd },
	{ "fexecve", "PROGRAM ARGV0 [ARGUMENT…]", 2, act_fexecve },
	{ "execveat", "DIRECTORY NAME ARGV0 [ARGUMENT…]", 3, act_execveat },
	{ "tmpfile", "DIRECTORY PROGRAM ARGV0 [ARGUMENT…]", 3, act_tmpfile },
	{ "thread-exec", "PROGRAM [ARGUMENT…]", 1, act_thread_exec },
	{ "thread-exit", "", 0, act_thread_exit },
	{ "clone-parent", "", 0, act_clone_parent },
	{ "clone-into", "CGROUP", 1, act_clone_into },
	{ "clone-namespaces", "", 0, act_clone_namespaces },
	{ "pid", "PID PROGRAM [ARGUMENT…]", 2, act_pid },
	{ "setuid", "UID GID", 2, act_setuid },
	{ "setuid-exec", "UID GID PROGRAM [ARGUMENT…]", 3, act_setuid_exec },
	{ "capset", "EFFECTIVE", 1, act_capset },
	{ "storm", "COUNT PROGRAM", 2, act_storm },
	{ 0 },
};
