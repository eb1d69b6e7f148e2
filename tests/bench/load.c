/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loads that the benchmark measures. Called as
 *   load [--cgroup DIRECTORY] [--network FILE] [--auid NUMBER] NAME SECONDS [ARGUMENT]
 *   load [--cgroup DIRECTORY] [--network FILE] [--auid NUMBER] run PROGRAM [ARGUMENT…]
 * it moves into that cgroup, network namespace and login, and begins anew there, in a process that was born with all
 * of it. Prints what a load did and what it cost as one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
/* The first of it isn't measured: memory is still being touched for the first time. */
#define WARM_UP_NS (SECOND_NS / 20)

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		die("clock_gettime");
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* CPU time of this process and of the children it has waited for. */
static int64_t cpu_ns(void)
{
	struct rusage children;

	(void)getrusage(RUSAGE_CHILDREN, &children);
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) + (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * SECOND_NS +
	       (children.ru_utime.tv_usec + children.ru_stime.tv_usec) * INT64_C(1000);
}

/* ---- the loads: each does one operation ---- */

static void one_getppid(const char *argument)
{
	(void)argument;
	(void)syscall(SYS_getppid);
}

static void one_open(const char *file)
{
	int fd = open(file, O_RDONLY);

	if (fd < 0)
		die(file);
	(void)close(fd);
}

static int new_listener(const char *port, struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	*address = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)address, sizeof(*address)) || listen(fd, 64))
		die("can't listen");
	return fd;
}

/* Both ends of one connection. It is reset at the end, since a closed one would keep its port for a minute. */
static void one_pair(const char *port)
{
	static const struct linger reset = { .l_onoff = 1 };
	static struct sockaddr_in address;
	static int listener = -1;
	int client, server;

	if (listener < 0)
		listener = new_listener(port, &address);
	client = socket(AF_INET, SOCK_STREAM, 0);
	if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof(address)))
		die("can't connect");
	server = accept(listener, NULL, NULL);
	if (server < 0 || setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		die("can't accept");
	(void)close(client);
	(void)close(server);
}

static void one_spawn(const char *program)
{
	char *const arguments[] = { (char *)(uintptr_t)program, NULL }, *const environment[] = { NULL };
	pid_t pid;
	int status;

	errno = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
	if (errno || waitpid(pid, &status, 0) != pid || status)
		die(program);
}

static const struct load {
	const char *name;
	void (*once)(const char *argument);
	int batch; /* so many between two looks at the clock */
} loads[] = {
	{ "getppid", one_getppid, 1000 },
	{ "open", one_open, 100 },
	{ "pair", one_pair, 20 },
	{ "spawn", one_spawn, 5 },
};

static uint64_t run_until(const struct load *load, const char *argument, int64_t end)
{
	uint64_t count = 0;

	while (clock_ns(CLOCK_MONOTONIC) < end) {
		for (int i = 0; i < load->batch; i++)
			load->once(argument);
		count += (uint64_t)load->batch;
	}
	return count;
}

static void measure(const struct load *load, const char *seconds, const char *argument)
{
	int64_t duration = (int64_t)(strtod(seconds, NULL) * (double)SECOND_NS);
	uint64_t before, count;
	int64_t start, cpu;

	before = run_until(load, argument, clock_ns(CLOCK_MONOTONIC) + WARM_UP_NS);
	start = clock_ns(CLOCK_MONOTONIC);
	cpu = cpu_ns();
	count = run_until(load, argument, start + duration);
	cpu = cpu_ns() - cpu;
	(void)printf("{\"operations\": %" PRIu64 ", \"warm_up\": %" PRIu64 ", \"cpu_ns\": %" PRId64
		     ", \"wall_ns\": %" PRId64 "}\n",
		     count, before, cpu, clock_ns(CLOCK_MONOTONIC) - start);
}

/* ---- where it runs ---- */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	(void)close(fd);
}

static void enter_network(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(file);
	(void)close(fd);
}

/* The kernel decides at fork which system calls of a process it audits, so the login must be there before. */
static int fork_and_wait(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		return 0;
	}
	while (waitpid(pid, &status, 0) != pid)
		;
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Leaves argv at the first word that isn't an option. Did it go anywhere? */
static bool enter(char ***argv)
{
	const char *cgroup = NULL;
	char procs[4096];
	bool moved = false;

	for (; (*argv)[0] && (*argv)[1] && !strncmp((*argv)[0], "--", 2); *argv += 2, moved = true) {
		const char *option = (*argv)[0], *value = (*argv)[1];

		if (!strcmp(option, "--cgroup"))
			cgroup = value;
		else if (!strcmp(option, "--network"))
			enter_network(value);
		else if (!strcmp(option, "--auid"))
			write_text("/proc/self/loginuid", value);
		else
			errno = EINVAL, die(option);
	}
	if (!moved)
		return false;
	fork_and_wait();
	if (cgroup) {
		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
		write_text(procs, "0");
	}
	return true;
}

int main(int argc, char **argv)
{
	const char *self = argv[0];

	argv++;
	if (argc > 1 && enter(&argv) && argv[0] && strcmp(argv[0], "run") != 0) {
		argv[-1] = (char *)(uintptr_t)self;
		(void)execv("/proc/self/exe", argv - 1);
		die("/proc/self/exe");
	}
	if (argv[0] && !strcmp(argv[0], "run") && argv[1]) {
		(void)execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	for (size_t i = 0; argv[0] && argv[1] && i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (!strcmp(argv[0], loads[i].name)) {
			measure(&loads[i], argv[1], argv[2]);
			return 0;
		}
	}
	(void)fprintf(stderr, "load: which load, and for how many seconds?\n");
	return 2;
}
