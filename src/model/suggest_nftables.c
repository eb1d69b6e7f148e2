/* SPDX-License-Identifier: Apache-2.0 */
#include "model/suggest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/cover_priv.h"
#include "model/normalise.h"
#include "model/suggest_priv.h"
#include "model/text_priv.h"

enum part { PART_LOOPBACK, PART_INPUT, PART_OUTPUT, PART_UNREACHED, PART_REFUSED };

/* What becomes of a line. The texts are those of the line's object and its owner's, in the order of which rules are sorted. */
struct wish {
	enum part part;
	const struct behaviour *behaviour;
	const char *reason;             /* of what is refused */
	const char *user;               /* NULL: of anybody */
	unsigned protocol;              /* ANY_PROTOCOL: all */
	int port;                       /* ANY_PORT, or PORT_EPHEMERAL */
	char network[NETWORK_NAME_MAX]; /* "": from or to anywhere */
};

#define ANY_PROTOCOL   256U
#define ANY_PORT       (-1)
#define PORT_EPHEMERAL 65536

struct firewall {
	const struct suggest_firewall *options;
	struct wish *wishes;
	size_t count, capacity;
	const struct behaviour **owners; /* in canonical order */
	size_t owner_count, owner_capacity;
	bool ssh; /* it can be reached by somebody else than itself */
};

/* ---- from lines to wishes ---- */

static int add_wish(struct firewall *firewall, const struct wish *wish)
{
	if (firewall->count == firewall->capacity) {
		size_t capacity = firewall->capacity ? firewall->capacity * 2 : 64;
		struct wish *wishes = reallocarray(firewall->wishes, capacity, sizeof(*wishes));

		if (!wishes)
			return -ENOMEM;
		firewall->wishes = wishes;
		firewall->capacity = capacity;
	}
	firewall->wishes[firewall->count++] = *wish;
	return 0;
}

static int refuse(struct firewall *firewall, const struct wish *wish, const char *reason)
{
	struct wish refused = { .part = PART_REFUSED, .behaviour = wish->behaviour, .reason = reason };

	return add_wish(firewall, &refused);
}

static bool is_number(const char *word)
{
	return word[0] && strlen(word) <= 5 && strspn(word, "0123456789") == strlen(word);
}

static bool read_protocol(const char *word, unsigned *protocol)
{
	static const unsigned named[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP };

	*protocol = suggest_is_any(word) ? ANY_PROTOCOL : is_number(word) ? (unsigned)strtoul(word, NULL, 10) : 0;
	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(word, grammar_protocol_name(named[i])) == 0)
			*protocol = named[i];
	}
	return suggest_is_any(word) || *protocol || strcmp(word, "0") == 0;
}

static bool read_port(const char *word, int *port)
{
	*port = suggest_is_any(word)             ? ANY_PORT
		: strcmp(word, "ephemeral") == 0 ? PORT_EPHEMERAL
						 : (int)strtoul(word, NULL, 10);
	return *port == ANY_PORT || *port == PORT_EPHEMERAL || is_number(word);
}

static int found(void *owner, const struct network_range *range)
{
	(void)owner;
	(void)range;
	return 1;
}

static const char *network_fault(const struct firewall *firewall, const char *name)
{
	if (strchr(name, '*'))
		return "a part of a network's name";
	if (networks_each_range(firewall->options->networks, name, found, NULL))
		return NULL;
	return strcmp(name, "resolver") == 0 ? "no nameserver is known: --resolv-conf FILE of such a host"
					     : "that network is not known: --network NAME=ADDRESSES";
}

/* accept, connect, listen: protocol, port and network of the object. */
static int wish_for_net(struct firewall *firewall, struct wish *wish)
{
	struct suggest_object object = { 0 };
	const char *fault, *network;

	suggest_split(&object, wish->behaviour->object);
	network = object.word[2];
	if (suggest_is_any(wish->behaviour->object))
		object = (struct suggest_object) { .word = { "*", "*", network = "*" } };
	if (!read_protocol(object.word[0], &wish->protocol))
		return refuse(firewall, wish, "a part of a protocol's name");
	if (!read_port(object.word[1], &wish->port))
		return refuse(firewall, wish, "a part of a port's number");
	if (strcmp(network, "loopback") == 0 || (wish->part == PART_OUTPUT && strcmp(network, "any") == 0)) {
		wish->part = PART_LOOPBACK;
		return add_wish(firewall, wish);
	}
	if (wish->part == PART_UNREACHED)
		return add_wish(firewall, wish);
	if (!suggest_is_any(network)) {
		fault = network_fault(firewall, network);
		if (fault)
			return refuse(firewall, wish, fault);
		memccpy(wish->network, network, '\0', sizeof(wish->network) - 1);
	}
	firewall->ssh = firewall->ssh || (wish->part == PART_INPUT && (wish->port == 22 || wish->port == ANY_PORT));
	return add_wish(firewall, wish);
}

/* A raw socket sends and gets packets of its protocol; of where to nothing is known. */
static int wish_for_raw(struct firewall *firewall, struct wish *wish)
{
	struct suggest_object object;
	int status;

	suggest_split(&object, wish->behaviour->object);
	if (strcmp(object.word[0], "packet") == 0)
		return refuse(firewall, wish, "packet sockets go past nftables");
	if (strchr(wish->behaviour->object, '*'))
		return refuse(firewall, wish, "a pattern of protocols");
	wish->port = ANY_PORT;
	if (strcmp(object.word[1], "icmp") == 0)
		wish->protocol = strcmp(object.word[0], "ipv6") == 0 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	else if (!read_protocol(object.word[1], &wish->protocol))
		return refuse(firewall, wish, "no protocol's number");
	if (wish->protocol == IPPROTO_RAW)
		return refuse(firewall, wish, "it sends packets of any protocol");
	wish->part = PART_OUTPUT;
	status = add_wish(firewall, wish);
	wish->part = PART_INPUT;
	return status ? status : add_wish(firewall, wish);
}

static int take(void *owner, struct model_entry *entry)
{
	struct firewall *firewall = owner;
	const struct behaviour *behaviour = &entry->behaviour;
	struct wish wish = { .behaviour = behaviour };
	bool is_raw = behaviour->kind == BEHAVIOUR_RAW;

	if (behaviour->kind == BEHAVIOUR_ACCEPT)
		wish.part = PART_INPUT;
	else if (behaviour->kind == BEHAVIOUR_CONNECT)
		wish.part = PART_OUTPUT;
	else if (behaviour->kind == BEHAVIOUR_LISTEN)
		wish.part = PART_UNREACHED;
	else if (!is_raw)
		return 0;
	if (behaviour->in_container && !firewall->options->containers)
		return refuse(firewall, &wish,
			      "in a container, whose network may be its own: --containers if it is the host's");
	return is_raw ? wish_for_raw(firewall, &wish) : wish_for_net(firewall, &wish);
}

/* ---- whose sockets ---- */

static int keep_owner(void *owner, struct model_entry *entry)
{
	struct firewall *firewall = owner;

	if (entry->behaviour.kind != BEHAVIOUR_OWNER)
		return 0;
	if (firewall->owner_count == firewall->owner_capacity) {
		size_t capacity = firewall->owner_capacity ? firewall->owner_capacity * 2 : 64;
		const struct behaviour **owners = reallocarray(firewall->owners, capacity, sizeof(*owners));

		if (!owners)
			return -ENOMEM;
		firewall->owners = owners;
		firewall->owner_capacity = capacity;
	}
	firewall->owners[firewall->owner_count++] = &entry->behaviour;
	return 0;
}

/* By context and program, without the object. */
static int compare_owner(const struct behaviour *one, const struct behaviour *other)
{
	struct behaviour left = *one, right = *other;

	left.object = right.object = "";
	left.kind = right.kind = BEHAVIOUR_OWNER;
	return behaviour_compare(&left, &right);
}

static size_t first_owner(const struct firewall *firewall, const struct behaviour *behaviour)
{
	size_t low = 0, high = firewall->owner_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_owner(firewall->owners[middle], behaviour) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_user(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_",
			  others[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";

	return name[0] && strchr(letters, name[0]) && strlen(name) <= 32 && strspn(name, others) == strlen(name);
}

/* The one user that the program runs as, in words of nft; NULL where there are several, or who knows. */
static const char *user_of(const struct firewall *firewall, const struct behaviour *behaviour)
{
	size_t at = first_owner(firewall, behaviour);
	const char *user;

	if (behaviour_is_pattern(behaviour) || at == firewall->owner_count ||
	    compare_owner(firewall->owners[at], behaviour) != 0)
		return NULL;
	if (at + 1 < firewall->owner_count && compare_owner(firewall->owners[at + 1], behaviour) == 0)
		return NULL;
	user = firewall->owners[at]->object;
	if (strncmp(user, "uid:", 4) == 0 && user[4] && strspn(user + 4, "0123456789") == strlen(user + 4))
		return strlen(user + 4) <= 10 ? user + 4 : NULL;
	return is_user(user) ? user : NULL;
}

/* Also a line with a star may say whom a program runs as: then nothing is sure in its context. */
static bool has_owner_patterns(const struct firewall *firewall)
{
	for (size_t i = 0; i < firewall->owner_count; i++) {
		if (behaviour_is_pattern(firewall->owners[i]))
			return true;
	}
	return false;
}

static int add_users(struct firewall *firewall, struct model *model)
{
	int status = model_each(model, keep_owner, firewall);

	if (status || has_owner_patterns(firewall))
		return status;
	for (size_t i = 0; i < firewall->count; i++) {
		struct wish *wish = &firewall->wishes[i];

		if (wish->part == PART_OUTPUT && wish->behaviour->kind == BEHAVIOUR_CONNECT)
			wish->user = user_of(firewall, wish->behaviour);
	}
	return 0;
}

/* ---- one rule from many wishes ---- */

static int compare_numbers(long one, long other)
{
	return (one > other) - (one < other);
}

static int compare_rule(const struct wish *one, const struct wish *other)
{
	int order = compare_numbers(one->part, other->part);

	if (!order && one->part == PART_REFUSED)
		return strcmp(one->reason, other->reason);
	if (!order && one->part == PART_LOOPBACK)
		return 0;
	if (!order)
		order = compare_numbers(one->protocol, other->protocol);
	if (!order)
		order = compare_numbers(one->port, other->port);
	if (!order)
		order = strcmp(one->network, other->network);
	return order ? order : strcmp(one->user ? one->user : "", other->user ? other->user : "");
}

static int compare_wish(const void *one, const void *other)
{
	const struct wish *left = one, *right = other;
	int order = compare_rule(left, right);

	return order ? order : behaviour_compare(left->behaviour, right->behaviour);
}

/* From the first wish of a rule to behind its last. */
static size_t rule_end(const struct firewall *firewall, size_t at)
{
	size_t end = at + 1;

	while (end < firewall->count && compare_rule(&firewall->wishes[at], &firewall->wishes[end]) == 0)
		end++;
	return end;
}

static void comment_rule(struct buffer *out, const struct firewall *firewall, size_t at, size_t end)
{
	const struct behaviour *behaviours[SUGGEST_BEHAVIOURS_MAX];
	size_t count = end - at;

	for (size_t i = 0; i < count && i < SUGGEST_BEHAVIOURS_MAX; i++)
		behaviours[i] = firewall->wishes[at + i].behaviour;
	suggest_comments(out, "\t\t", behaviours, count);
}

/* "tcp dport 443 ": what the packet is; with a blank behind it unless there is nothing to say. */
static void print_packet(struct buffer *out, const struct wish *wish)
{
	const char *name = wish->protocol == IPPROTO_UDPLITE ? "udplite" : grammar_protocol_name(wish->protocol);
	bool any = wish->protocol == ANY_PROTOCOL, has_port = wish->port != ANY_PORT && (any || name);

	if (any && has_port)
		buffer_text(out, "meta l4proto { tcp, udp, sctp, dccp } ");
	else if (!any && !has_port)
		buffer_printf(out, "meta l4proto %u ", wish->protocol);
	if (!has_port)
		return;
	buffer_printf(out, "%s dport ", any ? "th" : name);
	if (wish->port == PORT_EPHEMERAL)
		buffer_printf(out, "%d-65535 ", NORMALISE_EPHEMERAL);
	else
		buffer_printf(out, "%d ", wish->port);
}

static bool has_family(const struct firewall *firewall, const char *network, bool six);

static void print_rule(struct buffer *out, const struct firewall *firewall, const struct wish *wish)
{
	const char *direction = wish->part == PART_INPUT ? "saddr" : "daddr";

	for (unsigned six = 0; six < 2; six++) {
		if (wish->network[0] ? !has_family(firewall, wish->network, six) : six)
			continue;
		buffer_text(out, "\t\t");
		if (wish->network[0])
			buffer_printf(out, "%s %s @net_%s_%u ", six ? "ip6" : "ip", direction, wish->network,
				      six ? 6 : 4);
		print_packet(out, wish);
		if (wish->user)
			buffer_printf(out, "meta skuid %s ", wish->user);
		buffer_text(out, "accept\n");
	}
}

static void print_rules(struct buffer *out, const struct firewall *firewall, enum part part)
{
	for (size_t at = 0, end; at < firewall->count; at = end) {
		end = rule_end(firewall, at);
		if (firewall->wishes[at].part != part)
			continue;
		comment_rule(out, firewall, at, end);
		print_rule(out, firewall, &firewall->wishes[at]);
		buffer_byte(out, '\n');
	}
}

/* ---- sets of addresses ---- */

struct family {
	int family;
	struct buffer *out; /* NULL: only looked for */
	unsigned count;
};

static int print_range(void *owner, const struct network_range *range)
{
	struct family *family = owner;
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];

	if (range->family != family->family)
		return 0;
	if (family->out && inet_ntop(range->family, range->first, first, sizeof(first)) &&
	    inet_ntop(range->family, range->last, last, sizeof(last))) {
		buffer_printf(family->out, "%s\n\t\t\t%s", family->count ? "," : "", first);
		if (strcmp(first, last) != 0)
			buffer_printf(family->out, "-%s", last);
	}
	family->count++;
	return 0;
}

static bool has_family(const struct firewall *firewall, const char *network, bool six)
{
	struct family family = { .family = six ? AF_INET6 : AF_INET };

	(void)networks_each_range(firewall->options->networks, network, print_range, &family);
	return family.count;
}

static void print_set(struct buffer *out, const struct firewall *firewall, const char *network, bool six)
{
	struct family family = { .family = six ? AF_INET6 : AF_INET, .out = out };

	if (!has_family(firewall, network, six))
		return;
	buffer_printf(out, "\tset net_%s_%u {\n\t\ttype %s\n\t\tflags interval\n\t\telements = {", network, six ? 6 : 4,
		      six ? "ipv6_addr" : "ipv4_addr");
	(void)networks_each_range(firewall->options->networks, network, print_range, &family);
	buffer_text(out, "\n\t\t}\n\t}\n\n");
}

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static int print_sets(struct buffer *out, const struct firewall *firewall)
{
	const char **names = calloc(firewall->count + 1, sizeof(*names));
	size_t count = 0;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < firewall->count; i++) {
		if (firewall->wishes[i].network[0])
			names[count++] = firewall->wishes[i].network;
	}
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (i && strcmp(names[i], names[i - 1]) == 0)
			continue;
		print_set(out, firewall, names[i], false);
		print_set(out, firewall, names[i], true);
	}
	free(names);
	return 0;
}

/* ---- the table ---- */

static const char head[] =
	"#!/usr/sbin/nft -f\n"
	"# A firewall by what the model's services and jobs were seen to need. Look through it before it is loaded; "
	"it\n"
	"# replaces the table that an earlier one made, and touches no other. `nft delete table inet sombrero` undoes "
	"it.\n"
	"# No rule is about what is forwarded, so not about containers with a network of their own.\n"
	"# What people do in sessions and what changes bring is no part of a model: nothing is opened for it.\n";

static const char no_ssh[] =
	"#\n# Beware: the model has nobody reach port 22 from elsewhere. Where you work through ssh, add it first:\n"
	"#   tcp dport 22 accept\n";

static const char input_always[] =
	"\t\t# any host: answers to what it asked, and errors about them\n"
	"\t\tct state established,related accept\n"
	"\n"
	"\t\t# any host: it is told what is wrong with its packets, and can be looked for\n"
	"\t\ticmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request } accept\n"
	"\t\ticmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request } "
	"accept\n"
	"\n"
	"\t\t# any host: IPv6 finds neighbours and routers by it\n"
	"\t\ticmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, "
	"mld-listener-query } "
	"accept\n"
	"\n"
	"\t\t# any host: DHCP answers\n"
	"\t\tmeta nfproto ipv4 udp sport 67 udp dport 68 accept\n"
	"\t\tip6 saddr fe80::/10 udp sport 547 udp dport 546 accept\n"
	"\n";

static const char output_always[] =
	"\t\t# any host: answers to what it was asked\n"
	"\t\tct state established,related accept\n"
	"\n"
	"\t\t# any host: it tells others what is wrong with theirs\n"
	"\t\ticmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"
	"\t\ticmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept\n"
	"\n"
	"\t\t# any host: IPv6 finds neighbours and routers by it\n"
	"\t\ticmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, "
	"mld2-listener-report } accept\n"
	"\n"
	"\t\t# any host: DHCP requests\n"
	"\t\tmeta nfproto ipv4 udp sport 68 udp dport 67 accept\n"
	"\t\tip6 daddr ff02::1:2 udp sport 546 udp dport 547 accept\n"
	"\n";

/* Within itself a host may do anything; the behaviours that need it are named once, in the first chain. */
static void print_chain(struct buffer *out, const struct firewall *firewall, enum part part)
{
	bool input = part == PART_INPUT, named = input && firewall->count && firewall->wishes[0].part == PART_LOOPBACK;
	bool accepts = firewall->options->accepts;

	buffer_printf(out, "\tchain %s {\n\t\ttype filter hook %s priority filter; policy %s;\n\n",
		      input ? "input" : "output", input ? "input" : "output", accepts ? "accept" : "drop");
	buffer_printf(out, "\t\t# any host: what stays within it%s\n", named ? "; by the model:" : "");
	if (named)
		comment_rule(out, firewall, 0, rule_end(firewall, 0));
	buffer_printf(out, "\t\t%s lo accept\n\n", input ? "iif" : "oif");
	buffer_text(out, input ? input_always : output_always);
	print_rules(out, firewall, part);
	buffer_printf(out, "\t\t# the rest\n\t\tcounter%s\n\t}\n",
		      accepts ? "\n\t\tlimit rate 10/minute log prefix \"sombrero would drop: \"" : " drop");
}

/* Lines that made no rule, each with why. */
static void print_left_out(struct buffer *out, const struct firewall *firewall, enum part part, const char *title)
{
	const char *reason = NULL;
	bool titled = false;

	for (size_t i = 0; i < firewall->count; i++) {
		const struct wish *wish = &firewall->wishes[i];

		if (wish->part != part)
			continue;
		if (!titled)
			buffer_printf(out, "\n# %s\n", title);
		titled = true;
		if (wish->reason && (!reason || strcmp(wish->reason, reason) != 0))
			buffer_printf(out, "# %s:\n", wish->reason);
		reason = wish->reason;
		suggest_comment(out, wish->reason ? "# " : "", wish->behaviour);
	}
}

static int print_table(struct buffer *out, const struct firewall *firewall)
{
	int status;

	buffer_text(out, head);
	if (!firewall->ssh && !firewall->options->accepts)
		buffer_text(out, no_ssh);
	buffer_text(out, "\ntable inet sombrero\ndelete table inet sombrero\n\ntable inet sombrero {\n");
	status = print_sets(out, firewall);
	print_chain(out, firewall, PART_INPUT);
	buffer_byte(out, '\n');
	print_chain(out, firewall, PART_OUTPUT);
	buffer_text(out, "}\n");
	print_left_out(out, firewall, PART_UNREACHED,
		       "Waits to be reached and never was, so nothing is opened for it:");
	print_left_out(out, firewall, PART_REFUSED, "Could not be expressed, so nothing is opened for it:");
	return status || !out->failed ? status : -ENOMEM;
}

/* What waits at a port at which it was reached, or by itself only, is no news. */
static bool is_reached(const struct firewall *firewall, const struct wish *listener)
{
	for (size_t i = 0; i < firewall->count; i++) {
		const struct wish *wish = &firewall->wishes[i];

		if ((wish->part == PART_INPUT || wish->part == PART_LOOPBACK) && wish->protocol == listener->protocol &&
		    wish->port == listener->port && wish->behaviour->kind == BEHAVIOUR_ACCEPT)
			return true;
	}
	return false;
}

static void forget_reached(struct firewall *firewall)
{
	size_t kept = 0;

	for (size_t i = 0; i < firewall->count; i++) {
		struct wish wish = firewall->wishes[i];

		if (wish.part != PART_UNREACHED || !is_reached(firewall, &wish))
			firewall->wishes[kept++] = wish;
	}
	firewall->count = kept;
}

int suggest_nftables(struct model *model, const struct suggest_firewall *options, struct buffer *out, size_t *refused)
{
	struct firewall firewall = { .options = options };
	int status = model_each(model, take, &firewall);

	if (!status && options->by_user)
		status = add_users(&firewall, model);
	if (!status) {
		forget_reached(&firewall);
		if (firewall.count)
			qsort(firewall.wishes, firewall.count, sizeof(*firewall.wishes), compare_wish);
		status = print_table(out, &firewall);
	}
	*refused = 0;
	for (size_t i = 0; !status && i < firewall.count; i++)
		*refused += firewall.wishes[i].part == PART_REFUSED;
	free(firewall.wishes);
	free(firewall.owners);
	return status;
}
