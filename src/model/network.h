/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an address is called in a model: a network's name instead of a number, so that two hosts, or two days,
 * say the same thing.
 */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include <stdint.h>

#include "base/error.h"

/* Named networks: the built-in ones and those a user names; owns its memory. */
struct networks;

/* The longest name of a network, its NUL byte included. */
#define NETWORK_NAME_MAX 64

/*
 * The built-in ones: any (0.0.0.0, ::), loopback, metadata (where clouds hand out credentials: 169.254.169.254,
 * fd00:ec2::254 and others), link-local, private (RFC 1918, RFC 6598, ULA), multicast, broadcast, and internet
 * for all else. NULL when out of memory.
 */
struct networks *networks_new(void);
void networks_free(struct networks *networks);

/*
 * Adds `cidr` (or a lone address) under `name`: letters, digits, '-', '_', not a built-in one. The longest prefix
 * wins, and a user's wins over a built-in one of the same length. -EINVAL with a text, -ENOMEM.
 */
int networks_add(struct networks *networks, const char *name, const char *cidr, struct error *error);

/*
 * Adds the nameservers of a resolv.conf as `resolver`, without failing: what can't be read isn't there. Loopback ones
 * too; but not over a user's network or `metadata`, which is the nameserver too in some clouds and matters more.
 */
void networks_add_resolvers(struct networks *networks, const char *path);

/*
 * The name for an address in network order; family AF_INET or AF_INET6 (an IPv4-mapped one is looked up as IPv4).
 * "unknown" for another family. Never NULL; borrowed until the next networks_add…().
 */
const char *networks_name(const struct networks *networks, int family, const uint8_t address[16]);

/* Addresses from `first` to `last`, both included, in network order; of AF_INET the first four bytes count. */
struct network_range {
	int family;
	uint8_t first[16], last[16];
};

typedef int (*network_range_visitor)(void *owner, const struct network_range *range);
typedef int (*network_prefix_visitor)(void *owner, int family, const uint8_t address[16], unsigned bits);

/*
 * All addresses that networks_name() calls `name`, and no others: disjoint ranges in rising order, IPv4 before IPv6. Stops when
 * `visit` returns non-zero, and returns that.
 */
int networks_each_range(const struct networks *networks, const char *name, network_range_visitor visit, void *owner);

/*
 * The prefixes of that name as they were added; some addresses within them may have another name (100.100.100.200, in
 * private's 100.64.0.0/10, is metadata).
 */
int networks_each_prefix(const struct networks *networks, const char *name, network_prefix_visitor visit, void *owner);

#endif
