/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of a made-up host from a seed, as a recording, and what a model of them has to say: the other half of
 * ./dev bench model, which builds it. Or runs a command and says what it used.
 *
 *   connections make SEED EVENTS BEHAVIOURS RECORDING TRUTH
 *   connections run COMMAND…
 *
 * Twenty services use 321 programs, each a part of them; four processes of each program in a service; 50,000 addresses. A
 * behaviour is one program of one service that connects or accepts at one port, from or to one network. Few of
 * them do most: the one at u³ of all is taken for a random u. Each comes at least once if there are events enough.
 *
 * TRUTH: a line a behaviour that came: how often, service, kind, program, object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "event/recording.h"

#define SERVICES     20U
#define PROGRAMS     321U
#define PROCESSES    4U
#define DESTINATIONS 50000U

/* On average one connection each 3 ms: 28 million are a day. */
#define STEP_NS 6000000U

extern char **environ;

enum network { INTERNET, PRIVATE, LOOPBACK, NETWORKS };

static const char *const network_names[NETWORKS] = { "internet", "private", "loopback" };

struct kind_of_connection {
	uint64_t count;
	unsigned service, program;
	uint16_t port;
	uint8_t accepts, network;
};

static uint64_t seed;

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t chance(void)
{
	uint64_t value = seed += 0x9e3779b97f4a7c15ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static uint64_t below(uint64_t limit)
{
	return (uint64_t)(((unsigned __int128)chance() * limit) >> 64);
}

static void die(const char *what)
{
	(void)fprintf(stderr, "connections: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* All differ: which program, in which of its services, is the rest of a division; what is left is kind, network and port. */
static struct kind_of_connection *make_kinds(uint64_t count)
{
	struct kind_of_connection *kinds = calloc(count, sizeof(*kinds));

	if (!kinds)
		die("memory");
	for (uint64_t i = 0; i < count; i++) {
		uint64_t rest = i / PROGRAMS, uses;

		kinds[i].program = (unsigned)(i % PROGRAMS);
		uses = 1 + kinds[i].program % 6; /* so many services have it */
		kinds[i].service = (unsigned)((kinds[i].program * 7 + rest % uses * 3) % SERVICES);
		rest /= uses;
		kinds[i].accepts = rest % 2;
		kinds[i].network = (uint8_t)(rest / 2 % NETWORKS);
		kinds[i].port = (uint16_t)(1 + (kinds[i].program * 41 + rest / (2 * NETWORKS) * 7) % 32000);
	}
	return kinds;
}

/* ---- actors ---- */

static void name_program(char *out, size_t size, unsigned program)
{
	(void)snprintf(out, size, "/usr/lib/app-%u/bin/tool%u", program % 9, program);
}

static const char *copy(const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		die("memory");
	return copied;
}

static struct event *make_actors(void)
{
	struct event *actors = calloc((size_t)SERVICES * PROGRAMS * PROCESSES, sizeof(*actors));
	char text[64];

	if (!actors)
		die("memory");
	for (unsigned i = 0; i < SERVICES * PROGRAMS * PROCESSES; i++) {
		struct event *actor = &actors[i];
		unsigned service = i / PROCESSES / PROGRAMS;

		event_init(actor, EVENT_CONNECT);
		actor->same_actor = i + 1;
		actor->host = "web-1";
		actor->pid = 1000 + i;
		actor->parent_pid = 900 + service;
		actor->start_ns = 1000000000ULL * (i + 1);
		(void)snprintf(text, sizeof(text), "service%02u", service);
		actor->context = (struct context) { CONTEXT_SERVICE, copy(text), "" };
		name_program(text, sizeof(text), i / PROCESSES % PROGRAMS);
		actor->program.exe = actor->program.called = actor->program.text = copy(text);
		actor->argv = actor->program.exe;
		actor->argv_size = strlen(actor->argv) + 1;
		actor->argc = 1;
		actor->cwd = "/";
		actor->uid = actor->euid = actor->gid = actor->egid = 33;
		actor->user = actor->effective_user = actor->group = "www-data";
		actor->cgroup = copy(actor->context.name);
		actor->lineage_count = 1;
		actor->lineage[0] = (struct event_ancestor) { 1, "/usr/lib/systemd/systemd", "root" };
		actor->family = AF_INET;
		actor->protocol = IPPROTO_TCP;
	}
	return actors;
}

/* ---- events ---- */

/* 45,000 addresses of the internet, 5,000 private ones, and loopback. */
static uint32_t any_address(enum network network)
{
	if (network == LOOPBACK)
		return INADDR_LOOPBACK;
	if (network == PRIVATE)
		return 0x0a010000U + (uint32_t)below(DESTINATIONS / 10);
	/* Spread over 20.0.0.0 to 63.255.255.255, which are nobody's special ones. */
	return 0x14000000U + (uint32_t)((below(DESTINATIONS / 10 * 9) * 16381) % 0x2c000000U);
}

static void set(struct event *event, const struct kind_of_connection *kind, uint64_t time_ns)
{
	uint32_t address = htonl(any_address((enum network)kind->network));
	uint16_t chosen = (uint16_t)(32768 + below(28000));

	event->kind = kind->accepts ? EVENT_ACCEPT : EVENT_CONNECT;
	event->time_ns = time_ns;
	event->local_port = kind->accepts ? kind->port : chosen;
	event->remote_port = kind->accepts ? chosen : kind->port;
	memcpy(event->remote_address, &address, sizeof(address));
}

static uint64_t pick(uint64_t round, uint64_t count)
{
	double u;

	if (round < count)
		return round;
	u = (double)(chance() >> 11) / 0x1p53;
	return (uint64_t)(u * u * u * (double)count);
}

static void write_recording(uint64_t events, uint64_t count, struct kind_of_connection *kinds, const char *path)
{
	struct recording_writer *writer = recording_writer_new();
	struct buffer bytes = BUFFER_INIT(16U << 20);
	struct event *actors = make_actors();
	uint64_t time_ns = 1793491200000000000ULL; /* 2026-11-01 */
	FILE *file = fopen(path, "we");
	int status = 0;

	if (!writer || !file)
		die(path);
	for (uint64_t i = 0; i < events && !status; i++) {
		struct kind_of_connection *kind = &kinds[pick(i, count)];
		struct event *actor =
			&actors[(kind->service * PROGRAMS + kind->program) * PROCESSES + below(PROCESSES)];

		kind->count++;
		time_ns += below(STEP_NS);
		set(actor, kind, time_ns);
		status = recording_write(writer, actor, &bytes);
		if (bytes.size > 1 << 20) {
			status = status || fwrite(bytes.data, 1, bytes.size, file) != bytes.size;
			buffer_clear(&bytes);
		}
	}
	if (status || recording_end(writer, &bytes) || fwrite(bytes.data, 1, bytes.size, file) != bytes.size ||
	    fclose(file))
		die(path);
	recording_writer_free(writer);
	buffer_free(&bytes);
}

static void write_truth(uint64_t count, const struct kind_of_connection *kinds, const char *path)
{
	FILE *file = fopen(path, "we");
	char program[64];

	if (!file)
		die(path);
	for (uint64_t i = 0; i < count; i++) {
		if (!kinds[i].count)
			continue;
		name_program(program, sizeof(program), kinds[i].program);
		(void)fprintf(file, "%llu\tservice%02u\t%s\t%s\ttcp %u %s\n", (unsigned long long)kinds[i].count,
			      kinds[i].service, kinds[i].accepts ? "accept" : "connect", program, kinds[i].port,
			      network_names[kinds[i].network]);
	}
	if (fclose(file))
		die(path);
}

static int make(char **argv)
{
	uint64_t events = strtoull(argv[1], NULL, 10), count = strtoull(argv[2], NULL, 10);
	struct kind_of_connection *kinds;

	seed = strtoull(argv[0], NULL, 10);
	kinds = make_kinds(count);
	write_recording(events, count, kinds, argv[3]);
	write_truth(count, kinds, argv[4]);
	free(kinds);
	return 0;
}

/* ---- running ---- */

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A process's peak is not less than that of who started it: so this one, which is small, does. */
static int run(char **command)
{
	double begun = now();
	struct rusage used;
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, command[0], NULL, NULL, command, environ);
	if (errno || wait4(pid, &status, 0, &used) != pid)
		die(command[0]);
	(void)printf("%f %f %f %ld\n", now() - begun, seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "make"))
		return make(argv + 2);
	if (argc > 2 && !strcmp(argv[1], "run"))
		return run(argv + 2);
	(void)fprintf(stderr, "usage: connections make SEED EVENTS BEHAVIOURS RECORDING TRUTH | run COMMAND…\n");
	return 2;
}
