/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIVE_ACT_NETWORK_H
#define TESTS_LIVE_ACT_NETWORK_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* Gives up where `text` is no address. */
union address address_of(const char *text, const char *port);
socklen_t address_size(const union address *address);

/* The port that a socket is bound to. */
unsigned port_of(int fd);

/* A socket of the address's family; `kind` is tcp, mptcp or udp. */
int open_socket(const union address *address, const char *kind);

#endif
