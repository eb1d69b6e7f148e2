/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits, and who serves whoever comes. */
#include "act.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "act_network.h"

static int open_listener(const char *kind, const char *ip, const char *port)
{
	union address address = address_of(ip, port);
	int fd = open_socket(&address, kind), yes = 1;

	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "SO_REUSEADDR");
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), "SO_REUSEPORT");
	must(bind(fd, &address.any, address_size(&address)), "bind");
	if (strcmp(kind, "udp"))
		must(listen(fd, 16), "listen");
	return fd;
}

/* Takes one connection and says so; reads it unless told to be silent, then closes. */
static void serve_one(int listener, bool reads)
{
	int fd = (int)must(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept");
	char byte;

	if (reads)
		must(read(fd, &byte, 1), "read");
	else
		must(write(fd, "x", 1), "write");
	(void)close(fd);
}

/* serve tcp|mptcp ADDRESS PORT COUNT reads|writes */
static int act_serve(int argc, char **argv)
{
	int listener = open_listener(argv[0], argv[1], argv[2]);

	(void)argc;
	pause_at("listening", port_of(listener));
	for (int i = atoi(argv[3]); i; i--) {
		serve_one(listener, !strcmp(argv[4], "reads"));
		say_at("served", i);
	}
	return 0;
}

/* Listens, and leaves: to the test, which looks; to a connection, which is reset. */
static int act_listen(int argc, char **argv)
{
	int listener = open_listener(argv[0], argv[1], argv[2]);

	(void)argc;
	pause_at("listening", port_of(listener));
	(void)close(listener);
	return 0;
}

/* Workers that share their parent's listener; each serves one connection when it is its turn, by a byte on stdin. */
static int act_prefork(int argc, char **argv)
{
	int listener = open_listener("tcp", argv[0], argv[1]), workers = atoi(argv[2]);
	bool reads = !strcmp(argv[3], "reads");

	(void)argc;
	pause_at("listening", port_of(listener));
	for (int i = 0; i < workers; i++) {
		if (must(fork(), "fork"))
			continue;
		pause_at("worker", i);
		serve_one(listener, reads);
		say_at("served", i);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

/* A child for each connection. The parent closes its copy at once. */
static int act_fork_each(int argc, char **argv)
{
	int listener = open_listener("tcp", argv[0], argv[1]);

	(void)argc;
	pause_at("listening", port_of(listener));
	for (int i = atoi(argv[2]); i; i--) {
		int fd = (int)must(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept");
		char byte;

		if (!must(fork(), "fork")) {
			pause_at("child", 0);
			must(read(fd, &byte, 1), "read");
			_exit(0);
		}
		(void)close(fd);
		(void)wait(NULL);
	}
	return 0;
}

/* Socket activation: one program listens and hands its listener to another, as descriptor 3. */
static int act_activate(int argc, char **argv)
{
	int listener = open_listener("tcp", argv[0], argv[1]);
	pid_t child;
	int status;

	(void)argc;
	pause_at("listening", port_of(listener));
	child = (pid_t)must(fork(), "fork");
	if (!child) {
		must(dup2(listener, 3), "dup2");
		must(fcntl(3, F_SETFD, 0), "fcntl");
		(void)execv(argv[2], argv + 2);
		give_up("execv");
	}
	must(waitpid(child, &status, 0), "waitpid");
	return status ? 1 : 0;
}

static int act_serve_activated(int argc, char **argv)
{
	(void)argc;
	pause_at("activated", port_of(3));
	for (int i = atoi(argv[0]); i; i--)
		serve_one(3, !strcmp(argv[1], "reads"));
	return 0;
}

/* Binds to a port that is taken, and goes on as a client. */
static int act_failed_bind(int argc, char **argv)
{
	union address taken = address_of(argv[1], argv[2]), target = address_of(argv[1], argv[3]);
	int fd = open_socket(&taken, argv[0]);

	(void)argc;
	pause_at("before", 0);
	if (!bind(fd, &taken.any, address_size(&taken)))
		return 1;
	if (strcmp(argv[0], "udp"))
		must(listen(fd, 1), "listen");
	else
		must(sendto(fd, "x", 1, 0, &target.any, address_size(&target)), "sendto");
	return 0;
}

/* Answers datagrams: serve-udp ADDRESS PORT COUNT */
static int act_serve_udp(int argc, char **argv)
{
	int fd = open_listener("udp", argv[0], argv[1]);
	union address peer;
	char byte;

	(void)argc;
	pause_at("listening", port_of(fd));
	for (int i = atoi(argv[2]); i; i--) {
		socklen_t size = sizeof(peer);

		must(recvfrom(fd, &byte, 1, 0, &peer.any, &size), "recvfrom");
		must(sendto(fd, &byte, 1, 0, &peer.any, size), "sendto");
	}
	return 0;
}

/* A listener that becomes a client, and a client that becomes a listener: the same socket plays both. */
static int act_turn(int argc, char **argv)
{
	union address target = address_of(argv[0], argv[1]), none = { .any.sa_family = AF_UNSPEC };
	int listener = open_listener("tcp", argv[0], "0"), fd;
	char byte;

	(void)argc;
	pause_at("listening", port_of(listener));
	fd = (int)must(accept(listener, NULL, NULL), "accept");
	must(read(fd, &byte, 1), "read");
	/* The listener reaches out. */
	must(shutdown(listener, SHUT_RDWR), "shutdown");
	must(connect(listener, &target.any, address_size(&target)), "connect");
	(void)close(listener);
	/* What was accepted listens. */
	must(connect(fd, &none.any, sizeof(none.any)), "disconnect");
	must(listen(fd, 1), "listen");
	pause_at("turned", port_of(fd));
	serve_one(fd, true);
	return 0;
}

const struct act server_acts[] = {
	{ "serve", "tcp|mptcp ADDRESS PORT COUNT reads|writes", 5, act_serve },
	{ "listen", "tcp|mptcp|udp ADDRESS PORT", 3, act_listen },
	{ "prefork", "ADDRESS PORT WORKERS reads|writes", 4, act_prefork },
	{ "fork-each", "ADDRESS PORT COUNT", 3, act_fork_each },
	{ "activate", "ADDRESS PORT PROGRAM [ARGUMENT…]", 3, act_activate },
	{ "serve-activated", "COUNT reads|writes", 2, act_serve_activated },
	{ "failed-bind", "tcp|udp ADDRESS TAKEN-PORT PORT", 4, act_failed_bind },
	{ "serve-udp", "ADDRESS PORT COUNT", 3, act_serve_udp },
	{ "turn", "ADDRESS PORT", 2, act_turn },
	{ 0 },
};
