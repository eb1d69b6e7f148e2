/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two binary tries, one bit a level. An internet address leaves them after a few steps, which is the common case.
 */
#include "model/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"

/* Of two names for the same prefix, the one of higher rank holds. */
enum rank { RANK_NONE, RANK_RESOLVER, RANK_BUILTIN, RANK_USER };

struct node {
	uint32_t child[2]; /* 0: none, since no root is a child */
	const char *name;  /* borrowed from the built-in table or from `names` */
	enum rank rank;
};

enum { ROOT_4, ROOT_6, ROOT_COUNT };

struct name {
	struct name *next;
	char text[NETWORK_NAME_MAX];
};

/* Where the first byte of an IPv4 address leads. */
struct step {
	uint32_t node;    /* 0: nowhere */
	const char *name; /* of the longest prefix so far */
};

struct networks {
	struct step first[256];
	struct node *nodes;
	uint32_t count, capacity;
	struct name *names; /* owned: those of users */
};

struct prefix {
	bool six;
	uint8_t address[16];
	unsigned bits;
};

static const char resolver[] = "resolver", unknown[] = "unknown";

static const struct {
	const char *cidr, *name;
} builtins[] = {
	{ "0.0.0.0/0", "internet" },
	{ "0.0.0.0/32", "any" },
	{ "10.0.0.0/8", "private" },
	{ "100.64.0.0/10", "private" },
	{ "100.100.100.200/32", "metadata" }, /* Alibaba */
	{ "127.0.0.0/8", "loopback" },
	{ "168.63.129.16/32", "metadata" }, /* Azure's wire server */
	{ "169.254.0.0/16", "link-local" },
	{ "169.254.169.254/32", "metadata" },
	{ "169.254.170.2/32", "metadata" },  /* ECS: credentials of a task */
	{ "169.254.170.23/32", "metadata" }, /* EKS: credentials of a pod */
	{ "172.16.0.0/12", "private" },
	{ "192.168.0.0/16", "private" },
	{ "224.0.0.0/4", "multicast" },
	{ "255.255.255.255/32", "broadcast" },
	{ "::/0", "internet" },
	{ "::/128", "any" },
	{ "::1/128", "loopback" },
	{ "fc00::/7", "private" },
	{ "fd00:ec2::23/128", "metadata" }, /* EKS */
	{ "fd00:ec2::254/128", "metadata" },
	{ "fd20:ce::254/128", "metadata" }, /* Google */
	{ "fe80::/10", "link-local" },
	{ "ff00::/8", "multicast" },
};

/* ---- prefixes ---- */

static unsigned bit_of(const uint8_t *address, unsigned at)
{
	return address[at / 8] >> (7 - at % 8) & 1U;
}

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t lead[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, lead, sizeof(lead)) == 0;
}

/* "10.0.0.0/8", "fd00::1". NULL, or what is wrong with it. */
static const char *parse_address(const char *text, size_t size, struct prefix *out)
{
	char address[INET6_ADDRSTRLEN];

	if (size >= sizeof(address))
		return "that is no address";
	memcpy(address, text, size);
	address[size] = '\0';
	*out = (struct prefix) { .six = strchr(address, ':') != NULL };
	if (inet_pton(out->six ? AF_INET6 : AF_INET, address, out->address) != 1)
		return "that is no address";
	if (out->six && is_mapped(out->address))
		return "write an IPv4 address as such";
	out->bits = out->six ? 128 : 32;
	return NULL;
}

static const char *parse_bits(const char *text, struct prefix *out)
{
	unsigned bits = 0;

	if (!text[0] || strlen(text) > 3 || (text[0] == '0' && text[1]) || strspn(text, "0123456789") != strlen(text))
		return "the prefix length is no number";
	for (; *text; text++)
		bits = bits * 10 + (unsigned)(*text - '0');
	if (bits > out->bits)
		return out->six ? "the prefix length is above 128" : "the prefix length is above 32";
	for (unsigned i = bits; i < out->bits; i++) {
		if (bit_of(out->address, i))
			return "the address has bits beyond its prefix length";
	}
	out->bits = bits;
	return NULL;
}

static const char *parse_prefix(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	const char *fault = parse_address(text, slash ? (size_t)(slash - text) : strlen(text), out);

	return !fault && slash ? parse_bits(slash + 1, out) : fault;
}

/* ---- the tries ---- */

static int add_node(struct networks *networks, uint32_t *index)
{
	if (networks->count == networks->capacity) {
		uint32_t capacity = networks->capacity ? networks->capacity * 2 : 512;
		struct node *nodes =
			capacity > networks->capacity ? reallocarray(networks->nodes, capacity, sizeof(*nodes)) : NULL;

		if (!nodes)
			return -ENOMEM;
		networks->nodes = nodes;
		networks->capacity = capacity;
	}
	*index = networks->count++;
	networks->nodes[*index] = (struct node) { .rank = RANK_NONE };
	return 0;
}

/* The node of a prefix, made if it isn't there. */
static int reach(struct networks *networks, const struct prefix *prefix, uint32_t *index)
{
	uint32_t at = prefix->six ? ROOT_6 : ROOT_4;

	for (unsigned i = 0; i < prefix->bits; i++) {
		unsigned bit = bit_of(prefix->address, i);

		if (!networks->nodes[at].child[bit]) {
			uint32_t child;
			int status = add_node(networks, &child);

			if (status < 0)
				return status;
			networks->nodes[at].child[bit] = child;
		}
		at = networks->nodes[at].child[bit];
	}
	*index = at;
	return 0;
}

/* Most addresses are named by their first byte: the others go on from there. */
static void remember_first(struct networks *networks)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint32_t at = ROOT_4;
		struct step *step = &networks->first[byte];

		step->name = networks->nodes[at].name;
		for (int bit = 7; bit >= 0; bit--) {
			at = networks->nodes[at].child[byte >> bit & 1];
			if (!at)
				break;
			step->name = networks->nodes[at].name ? networks->nodes[at].name : step->name;
		}
		step->node = at;
	}
}

static int set_name(struct networks *networks, const struct prefix *prefix, const char *name, enum rank rank)
{
	uint32_t index;
	int status = reach(networks, prefix, &index);

	if (status < 0 || networks->nodes[index].rank > rank)
		return status;
	networks->nodes[index].name = name;
	networks->nodes[index].rank = rank;
	remember_first(networks);
	return 0;
}

/* The name of the longest prefix from `at` on, a node of the bits before `from`; `name` if there is none. */
static const char *walk(const struct networks *networks, uint32_t at, const uint8_t *address, unsigned from,
			unsigned to, const char *name)
{
	for (unsigned i = from; i < to; i++) {
		const struct node *node;

		at = networks->nodes[at].child[bit_of(address, i)];
		if (!at)
			break;
		node = &networks->nodes[at];
		name = node->name ? node->name : name;
	}
	return name;
}

static const char *name_of_4(const struct networks *networks, const uint8_t *address)
{
	const struct step *step = &networks->first[address[0]];

	return step->node ? walk(networks, step->node, address, 8, 32, step->name) : step->name;
}

const char *networks_name(const struct networks *networks, int family, const uint8_t address[16])
{
	if (family == AF_INET)
		return name_of_4(networks, address);
	if (family != AF_INET6)
		return unknown;
	if (is_mapped(address))
		return name_of_4(networks, address + 12);
	return walk(networks, ROOT_6, address, 0, 128, networks->nodes[ROOT_6].name);
}

/* ---- what a name stands for ---- */

/* The part around an address in which all have the same name: where a trie ends. */
struct region {
	const char *name;
	struct network_range range;
};

static void set_bits(uint8_t *address, unsigned from, unsigned bits)
{
	for (unsigned i = from; i < bits; i++)
		address[i / 8] |= (uint8_t)(1U << (7 - i % 8));
}

static bool is_first(const uint8_t *address, unsigned from, unsigned bits)
{
	for (unsigned i = from; i < bits; i++) {
		if (bit_of(address, i))
			return false;
	}
	return true;
}

/* The region that begins at `first`. */
static struct region region_at(const struct networks *networks, int family, const uint8_t first[16])
{
	const struct node *node = &networks->nodes[family == AF_INET6 ? ROOT_6 : ROOT_4];
	unsigned depth = 0, bits = family == AF_INET6 ? 128 : 32;
	struct region region = { .name = node->name, .range = { .family = family } };

	while (depth < bits && (node->child[0] || node->child[1])) {
		uint32_t child = node->child[bit_of(first, depth)];

		depth++;
		if (!child)
			break;
		node = &networks->nodes[child];
		region.name = node->name ? node->name : region.name;
	}
	memcpy(region.range.first, first, 16);
	memcpy(region.range.last, first, 16);
	set_bits(region.range.last, depth, bits);
	return region;
}

/* The next address; false after the last. */
static bool step(uint8_t address[16], int family)
{
	unsigned size = family == AF_INET6 ? 16 : 4;

	while (size && ++address[size - 1] == 0)
		size--;
	return size;
}

static int each_range(const struct networks *networks, int family, const char *name, network_range_visitor visit,
		      void *owner)
{
	uint8_t at[16] = { 0 };
	struct network_range open = { 0 };
	bool more = true, is_open = false;
	int status = 0;

	while (more && !status) {
		struct region region = region_at(networks, family, at);
		bool wanted = region.name && strcmp(region.name, name) == 0;

		if (wanted && !is_open)
			open = region.range;
		if (wanted)
			memcpy(open.last, region.range.last, 16);
		else if (is_open)
			status = visit(owner, &open);
		is_open = wanted;
		memcpy(at, region.range.last, 16);
		more = step(at, family);
	}
	return status || !is_open ? status : visit(owner, &open);
}

int networks_each_range(const struct networks *networks, const char *name, network_range_visitor visit, void *owner)
{
	int status = each_range(networks, AF_INET, name, visit, owner);

	return status ? status : each_range(networks, AF_INET6, name, visit, owner);
}

/* The prefixes of that name whose first address is `first`. */
static int prefixes_at(const struct networks *networks, int family, const uint8_t first[16], const char *name,
		       network_prefix_visitor visit, void *owner)
{
	const struct node *node = &networks->nodes[family == AF_INET6 ? ROOT_6 : ROOT_4];
	unsigned bits = family == AF_INET6 ? 128 : 32;
	int status = 0;

	for (unsigned depth = 0; !status; depth++) {
		uint32_t child;

		if (node->name && strcmp(node->name, name) == 0 && is_first(first, depth, bits))
			status = visit(owner, family, first, depth);
		child = depth < bits ? node->child[bit_of(first, depth)] : 0;
		if (!child)
			break;
		node = &networks->nodes[child];
	}
	return status;
}

int networks_each_prefix(const struct networks *networks, const char *name, network_prefix_visitor visit, void *owner)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int status = 0;

	for (unsigned i = 0; i < 2 && !status; i++) {
		uint8_t at[16] = { 0 };
		bool more = true;

		while (more && !status) {
			struct region region = region_at(networks, families[i], at);

			status = prefixes_at(networks, families[i], at, name, visit, owner);
			memcpy(at, region.range.last, 16);
			more = step(at, families[i]);
		}
	}
	return status;
}

/* ---- making them ---- */

static int add_builtins(struct networks *networks)
{
	struct prefix prefix;
	uint32_t index;
	int status = 0;

	for (unsigned i = 0; i < ROOT_COUNT && !status; i++)
		status = add_node(networks, &index);
	for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins) && !status; i++) {
		if (parse_prefix(builtins[i].cidr, &prefix))
			return -EINVAL;
		status = set_name(networks, &prefix, builtins[i].name, RANK_BUILTIN);
	}
	return status;
}

struct networks *networks_new(void)
{
	struct networks *networks = calloc(1, sizeof(*networks));

	if (networks && add_builtins(networks) < 0) {
		networks_free(networks);
		return NULL;
	}
	return networks;
}

void networks_free(struct networks *networks)
{
	if (!networks)
		return;
	while (networks->names) {
		struct name *next = networks->names->next;

		free(networks->names);
		networks->names = next;
	}
	free(networks->nodes);
	free(networks);
}

/* ---- users' ---- */

/* NULL, or what is wrong with it. */
static const char *name_fault(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (!name[0] || strspn(name, allowed) != strlen(name))
		return "a network's name is made of letters, digits, '-' and '_'";
	if (strlen(name) >= NETWORK_NAME_MAX)
		return "a network's name has at most 63 characters";
	if (strcmp(name, resolver) == 0 || strcmp(name, unknown) == 0)
		return "that name is built in: choose another";
	for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++) {
		if (strcmp(name, builtins[i].name) == 0)
			return "that name is built in: choose another";
	}
	return NULL;
}

static const char *keep_name(struct networks *networks, const char *name)
{
	struct name *kept = networks->names;

	while (kept && strcmp(kept->text, name) != 0)
		kept = kept->next;
	if (kept)
		return kept->text;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	memcpy(kept->text, name, strlen(name));
	kept->next = networks->names;
	networks->names = kept;
	return kept->text;
}

#define SHOWN_MAX 256

/* A text from outside as errors show it: escaped, and cut where it is long. */
static const char *show(const char *text, char out[SHOWN_MAX])
{
	struct buffer buffer = { .data = out, .capacity = SHOWN_MAX, .maximum = SHOWN_MAX };

	out[0] = '\0';
	escape_append(&buffer, text, strnlen(text, SHOWN_MAX / 4 - 1), "");
	return out;
}

int networks_add(struct networks *networks, const char *name, const char *cidr, struct error *error)
{
	char shown[SHOWN_MAX];
	struct prefix prefix;
	const char *fault = name_fault(name), *kept;
	uint32_t index;

	if (fault)
		return error_set(error, -EINVAL, "network '%s': %s", show(name, shown), fault);
	fault = parse_prefix(cidr, &prefix);
	if (fault)
		return error_set(error, -EINVAL, "network %s: '%s': %s; expected 10.0.0.0/8, fd00::/8 or an address",
				 name, show(cidr, shown), fault);
	kept = keep_name(networks, name);
	if (!kept || reach(networks, &prefix, &index) < 0)
		return error_set(error, -ENOMEM, "network %s: out of memory", name);
	if (networks->nodes[index].rank == RANK_USER && networks->nodes[index].name != kept)
		return error_set(error, -EINVAL, "network %s: %s is already called %s", name, cidr,
				 networks->nodes[index].name);
	return set_name(networks, &prefix, kept, RANK_USER);
}

/* ---- resolvers ---- */

#define RESOLV_CONF_MAX 65536
#define RESOLVERS_MAX   16

static size_t read_start(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return 0;
	while (used < size && (got = read(fd, out + used, size - used)) > 0)
		used += (size_t)got;
	(void)close(fd);
	return used;
}

/* One line of a resolv.conf, with room for a NUL byte at `end`. True if it names a server. */
static bool add_resolver(struct networks *networks, char *line, char *end)
{
	static const char keyword[] = "nameserver";
	struct prefix prefix;
	size_t size;

	*end = '\0';
	if (strncmp(line, keyword, sizeof(keyword) - 1) != 0)
		return false;
	line += sizeof(keyword) - 1;
	size = strspn(line, " \t");
	if (!size)
		return false;
	line += size;
	/* fe80::1%eth0: the interface is not part of what we match. */
	if (parse_address(line, strcspn(line, " \t\r%#;"), &prefix))
		return false;
	return set_name(networks, &prefix, resolver, RANK_RESOLVER) == 0;
}

void networks_add_resolvers(struct networks *networks, const char *path)
{
	char text[RESOLV_CONF_MAX + 1];
	char *line = text, *end = text + read_start(path, text, RESOLV_CONF_MAX);
	unsigned count = 0;

	while (line < end && count < RESOLVERS_MAX) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *stop = newline ? newline : end;

		count += add_resolver(networks, line, stop);
		line = stop + 1;
	}
}
