/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/suggest.h"

#define TITLE "# sombrero model 1\n"

static struct model *parse(const char *text)
{
	struct error error = { "" };
	struct model *model = NULL;

	if (model_parse("m", text, strlen(text), &model, &error))
		fail_msg("%s", error.text);
	return model;
}

static struct networks *known_networks(void)
{
	struct networks *networks = networks_new();
	struct error error = { "" };

	assert_non_null(networks);
	assert_int_equal(networks_add(networks, "db", "10.1.0.0/24", &error), 0);
	assert_int_equal(networks_add(networks, "db", "fd00:1::/32", &error), 0);
	return networks;
}

/* ---- what a network's name stands for ---- */

struct found {
	const struct networks *networks;
	const char *name;
	struct buffer text;
	uint64_t addresses; /* of IPv4 */
};

static uint32_t number(const uint8_t address[16])
{
	return (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 | (uint32_t)address[2] << 8 | address[3];
}

static int see_range(void *owner, const struct network_range *range)
{
	struct found *seen = owner;
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];

	assert_string_equal(networks_name(seen->networks, range->family, range->first), seen->name);
	assert_string_equal(networks_name(seen->networks, range->family, range->last), seen->name);
	inet_ntop(range->family, range->first, first, sizeof(first));
	inet_ntop(range->family, range->last, last, sizeof(last));
	buffer_printf(&seen->text, "%s-%s ", first, last);
	if (range->family == AF_INET)
		seen->addresses += (uint64_t)number(range->last) - number(range->first) + 1;
	return 0;
}

static int see_prefix(void *owner, int family, const uint8_t address[16], unsigned bits)
{
	struct found *seen = owner;
	char text[INET6_ADDRSTRLEN];

	buffer_printf(&seen->text, "%s/%u ", inet_ntop(family, address, text, sizeof(text)), bits);
	return 0;
}

static void ranges_are_exactly_the_addresses_of_a_name(void **state)
{
	struct networks *networks = known_networks();
	struct found seen = { .networks = networks, .name = "private", .text = BUFFER_INIT(65536) };

	(void)state;
	assert_int_equal(networks_each_range(networks, "private", see_range, &seen), 0);
	assert_string_equal(
		buffer_string(&seen.text),
		"10.0.0.0-10.0.255.255 10.1.1.0-10.255.255.255 100.64.0.0-100.100.100.199 "
		"100.100.100.201-100.127.255.255 172.16.0.0-172.31.255.255 192.168.0.0-192.168.255.255 "
		"fc00::-fd00:0:ffff:ffff:ffff:ffff:ffff:ffff fd00:2::-fd00:ec2::22 fd00:ec2::24-fd00:ec2::253 "
		"fd00:ec2::255-fd20:ce::253 fd20:ce::255-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ");
	buffer_free(&seen.text);
	networks_free(networks);
}

static void every_address_is_in_the_ranges_of_one_name(void **state)
{
	static const char *const names[] = { "any",      "broadcast", "internet", "link-local", "loopback",
					     "metadata", "multicast", "private",  "db" };
	struct networks *networks = known_networks();
	uint64_t addresses = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct found seen = { .networks = networks, .name = names[i], .text = BUFFER_INIT(65536) };

		assert_int_equal(networks_each_range(networks, names[i], see_range, &seen), 0);
		assert_true(seen.text.size);
		addresses += seen.addresses;
		buffer_free(&seen.text);
	}
	assert_int_equal(addresses, UINT64_C(1) << 32);
	networks_free(networks);
}

static void prefixes_are_as_they_were_added(void **state)
{
	struct networks *networks = known_networks();
	struct found seen = { .networks = networks, .text = BUFFER_INIT(65536) };

	(void)state;
	assert_int_equal(networks_each_prefix(networks, "db", see_prefix, &seen), 0);
	assert_int_equal(networks_each_prefix(networks, "private", see_prefix, &seen), 0);
	assert_int_equal(networks_each_prefix(networks, "internet", see_prefix, &seen), 0);
	assert_int_equal(networks_each_prefix(networks, "nowhere", see_prefix, &seen), 0);
	assert_string_equal(buffer_string(&seen.text), "10.1.0.0/24 fd00:1::/32 10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 "
						       "192.168.0.0/16 fc00::/7 0.0.0.0/0 ::/0 ");
	buffer_free(&seen.text);
	networks_free(networks);
}

/* ---- nftables ---- */

/* The text from `from` on to its end or `to`. */
static char *part(const char *text, const char *from, const char *to)
{
	const char *start = strstr(text, from), *end;

	if (!start) {
		fail_msg("no '%s' in:\n%s", from, text);
		return NULL;
	}
	end = to ? strstr(start, to) : start + strlen(start);
	if (!end)
		fail_msg("no '%s' in:\n%s", to, start);
	return strndup(start, (size_t)(end - start));
}

static struct buffer firewall_of(const char *text, struct suggest_firewall firewall, size_t refused_expected)
{
	struct networks *networks = known_networks();
	struct model *model = parse(text);
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);
	size_t refused = 12345;

	firewall.networks = networks;
	assert_int_equal(suggest_nftables(model, &firewall, &out, &refused), 0);
	assert_int_equal(refused, refused_expected);
	model_free(model);
	networks_free(networks);
	return out;
}

static void assert_part(const struct buffer *out, const char *from, const char *to, const char *expected)
{
	char *text = part(buffer_string(out), from, to);

	assert_string_equal(text, expected);
	free(text);
}

static void a_rule_names_the_behaviours_it_stems_from(void **state)
{
	struct buffer out = firewall_of(TITLE "service nginx\n"
					      "  accept  /usr/sbin/nginx  tcp 443 db\n"
					      "  connect  /usr/sbin/nginx  tcp ephemeral db\n"
					      "  connect  /usr/sbin/nginx  tcp 9000 loopback\n"
					      "  listen  /usr/sbin/nginx  tcp 443 any\n"
					      "service other\n"
					      "  accept  /usr/bin/other  tcp 443 db\n"
					      "  connect  /usr/bin/other  udp 53 *\n"
					      "  listen  /usr/bin/other  tcp 8080 any\n",
					(struct suggest_firewall) { 0 }, 0);

	(void)state;
	assert_part(&out, "\tset ", "\tchain input",
		    "\tset net_db_4 {\n"
		    "\t\ttype ipv4_addr\n"
		    "\t\tflags interval\n"
		    "\t\telements = {\n"
		    "\t\t\t10.1.0.0-10.1.0.255\n"
		    "\t\t}\n"
		    "\t}\n"
		    "\n"
		    "\tset net_db_6 {\n"
		    "\t\ttype ipv6_addr\n"
		    "\t\tflags interval\n"
		    "\t\telements = {\n"
		    "\t\t\tfd00:1::-fd00:1:ffff:ffff:ffff:ffff:ffff:ffff\n"
		    "\t\t}\n"
		    "\t}\n"
		    "\n");
	assert_part(&out, "\t\t# service nginx: accept", "\t\t# the rest",
		    "\t\t# service nginx: accept /usr/sbin/nginx tcp 443 db\n"
		    "\t\t# service other: accept /usr/bin/other tcp 443 db\n"
		    "\t\tip saddr @net_db_4 tcp dport 443 accept\n"
		    "\t\tip6 saddr @net_db_6 tcp dport 443 accept\n"
		    "\n");
	assert_part(&out, "\t\t# service nginx: connect /usr/sbin/nginx tcp e",
		    "\t\t# the rest\n\t\tcounter drop\n\t}\n}",
		    "\t\t# service nginx: connect /usr/sbin/nginx tcp ephemeral db\n"
		    "\t\tip daddr @net_db_4 tcp dport 32768-65535 accept\n"
		    "\t\tip6 daddr @net_db_6 tcp dport 32768-65535 accept\n"
		    "\n"
		    "\t\t# service other: connect /usr/bin/other udp 53 *\n"
		    "\t\tudp dport 53 accept\n"
		    "\n");
	assert_part(&out, "\t\t# any host: what stays within it; ", "\n\n",
		    "\t\t# any host: what stays within it; by the model:\n"
		    "\t\t# service nginx: connect /usr/sbin/nginx tcp 9000 loopback\n"
		    "\t\tiif lo accept");
	assert_part(&out, "\n# Waits", NULL,
		    "\n# Waits to be reached and never was, so nothing is opened for it:\n"
		    "# service other: listen /usr/bin/other tcp 8080 any\n");
	buffer_free(&out);
}

static void what_cannot_be_expressed_is_listed_with_why(void **state)
{
	struct buffer out = firewall_of(TITLE "service a\n"
					      "  accept  /a  tcp 80* internet\n"
					      "  connect  /a  tcp 80 cache\n"
					      "  connect  /a  udp 53 resolver\n"
					      "  raw  /a  ipv4 255\n"
					      "  raw  /a  packet\n"
					      "service b in container\n"
					      "  accept  /b  tcp 80 private\n",
					(struct suggest_firewall) { 0 }, 6);

	(void)state;
	assert_part(&out, "\n# Could", NULL,
		    "\n# Could not be expressed, so nothing is opened for it:\n"
		    "# a part of a port's number:\n"
		    "# # service a: accept /a tcp 80* internet\n"
		    "# in a container, whose network may be its own: --containers if it is the host's:\n"
		    "# # service b in container: accept /b tcp 80 private\n"
		    "# it sends packets of any protocol:\n"
		    "# # service a: raw /a ipv4 255\n"
		    "# no nameserver is known: --resolv-conf FILE of such a host:\n"
		    "# # service a: connect /a udp 53 resolver\n"
		    "# packet sockets go past nftables:\n"
		    "# # service a: raw /a packet\n"
		    "# that network is not known: --network NAME=ADDRESSES:\n"
		    "# # service a: connect /a tcp 80 cache\n");
	assert_null(strstr(buffer_string(&out), "dport 80 "));
	buffer_free(&out);
}

static void a_user_is_asked_for_only_where_there_is_just_one(void **state)
{
	static const char text[] = TITLE "service a\n"
					 "  connect  /a  tcp 1 db\n"
					 "  connect  /b  tcp 2 db\n"
					 "  connect  /c  tcp 3 db\n"
					 "  connect  /d  tcp 4 db\n"
					 "  owner  /a  www-data\n"
					 "  owner  /b  www-data\n"
					 "  owner  /b  root\n"
					 "  owner  /c  uid:1234\n"
					 "service b\n"
					 "  owner  /d  root\n";
	struct buffer out = firewall_of(text, (struct suggest_firewall) { .by_user = true }, 0);

	(void)state;
	assert_non_null(strstr(buffer_string(&out), "tcp dport 1 meta skuid www-data accept\n"));
	assert_non_null(strstr(buffer_string(&out), "tcp dport 2 accept\n"));
	assert_non_null(strstr(buffer_string(&out), "tcp dport 3 meta skuid 1234 accept\n"));
	assert_non_null(strstr(buffer_string(&out), "tcp dport 4 accept\n"));
	buffer_free(&out);
	out = firewall_of(text, (struct suggest_firewall) { 0 }, 0);
	assert_null(strstr(buffer_string(&out), "skuid"));
	buffer_free(&out);
}

static void who_would_lock_themselves_out_is_told(void **state)
{
	struct buffer out =
		firewall_of(TITLE "service a\n  accept  /a  tcp 22 loopback\n", (struct suggest_firewall) { 0 }, 0);

	(void)state;
	assert_non_null(strstr(buffer_string(&out), "Beware"));
	buffer_free(&out);
	out = firewall_of(TITLE "service sshd\n  accept  /usr/sbin/sshd  tcp 22 private\n",
			  (struct suggest_firewall) { 0 }, 0);
	assert_null(strstr(buffer_string(&out), "Beware"));
	buffer_free(&out);
}

static void what_accepts_drops_nothing(void **state)
{
	struct buffer out = firewall_of(TITLE, (struct suggest_firewall) { .accepts = true }, 0);

	(void)state;
	assert_null(strstr(buffer_string(&out), "policy drop"));
	assert_null(strstr(buffer_string(&out), "counter drop"));
	assert_non_null(strstr(buffer_string(&out), "log prefix"));
	buffer_free(&out);
}

/* ---- systemd ---- */

static struct buffer unit_of(const char *text, const char *service)
{
	struct networks *networks = known_networks();
	struct model *model = parse(text);
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);

	assert_int_equal(suggest_systemd(model, service, networks, &out), 0);
	model_free(model);
	networks_free(networks);
	return out;
}

static void assert_has(const struct buffer *out, const char *text)
{
	if (!strstr(buffer_string(out), text))
		fail_msg("no '%s' in:\n%s", text, buffer_string(out));
}

static void assert_lacks(const struct buffer *out, const char *text)
{
	if (strstr(buffer_string(out), text))
		fail_msg("'%s' in:\n%s", text, buffer_string(out));
}

static void a_local_service_of_one_user_gets_nothing_else(void **state)
{
	struct buffer out = unit_of(TITLE "service redis\n"
					  "  accept  /usr/bin/redis  tcp 6379 loopback\n"
					  "  exec  /usr/bin/redis\n"
					  "  listen  /usr/bin/redis  tcp 6379 loopback\n"
					  "  owner  /usr/bin/redis  redis\n"
					  "  write  /usr/bin/redis  /var/lib/redis/*.rdb\n"
					  "  write  /usr/bin/redis  /var/lib/redis/dump.aof\n"
					  "  write  /usr/bin/redis  /run/redis/*/**/x\n",
				    "redis");

	(void)state;
	assert_has(&out, "\n# service redis: owner /usr/bin/redis redis\nUser=redis\n");
	assert_has(&out, "\nNoNewPrivileges=yes\n");
	assert_has(&out, "\nCapabilityBoundingSet=\n");
	assert_has(&out, "\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n");
	assert_has(&out, "\n# service redis: listen /usr/bin/redis tcp 6379 "
			 "loopback\nSocketBindAllow=tcp:6379\nSocketBindDeny=any\n");
	assert_has(&out, "\nIPAddressAllow=localhost\nIPAddressDeny=any\n");
	assert_has(&out, "\nProtectSystem=strict\nReadWritePaths=-/run/redis\nReadWritePaths=-/var/lib/redis\n\n");
	assert_has(&out, "\nNoExecPaths=/\n");
	assert_has(&out, "\nExecPaths=-/usr/bin/redis\n");
	assert_has(&out, "\nMemoryDenyWriteExecute=yes\n");
	assert_lacks(&out, "AmbientCapabilities");
	assert_lacks(&out, "Left out");
	buffer_free(&out);
}

static void a_low_port_without_root_takes_a_capability(void **state)
{
	struct buffer out = unit_of(TITLE "service web\n"
					  "  accept  /opt/web/web  tcp 80 internet\n"
					  "  connect  /opt/web/web  tcp 5432 db\n"
					  "  exec  /opt/web/web\n"
					  "  listen  /opt/web/web  tcp 80 any\n"
					  "  owner  /opt/web/web  web\n",
				    "web");

	(void)state;
	assert_has(&out, "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n");
	/* The internet can't be denied; what lies beside it can. */
	assert_has(&out, "\nIPAddressAllow=10.1.0.0/24 fd00:1::/32\n");
	assert_has(&out, "\nIPAddressDeny=169.254.0.0/16 fe80::/10\n");
	assert_has(&out, "\nIPAddressDeny=10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16 fc00::/7\n");
	assert_lacks(&out, "IPAddressDeny=any");
	/* Its libraries are nobody knows where; what it writes was not watched. */
	assert_lacks(&out, "\nNoExecPaths=");
	assert_lacks(&out, "\nProtectSystem=");
	assert_has(&out, "\n#   NoExecPaths: ");
	assert_has(&out, "\n#   ProtectSystem: ");
	buffer_free(&out);
}

static void what_runs_as_root_keeps_what_a_model_does_not_see(void **state)
{
	struct buffer out = unit_of(TITLE "service nginx\n"
					  "  exec  /usr/sbin/nginx\n"
					  "  listen  /usr/sbin/nginx  tcp 80 any\n"
					  "  owner  /usr/sbin/nginx  root\n"
					  "  owner  /usr/sbin/nginx  www-data\n",
				    "nginx");

	(void)state;
	assert_lacks(&out, "\nUser=");
	assert_has(&out,
		   "\nCapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_MAC_ADMIN CAP_MAC_OVERRIDE "
		   "CAP_NET_RAW\n");
	buffer_free(&out);
	out = unit_of(TITLE "service a\n  owner  /usr/sbin/a  root\n", "a");
	assert_has(&out, " CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETUID CAP_SETGID\n");
	buffer_free(&out);
}

static void what_gains_privileges_keeps_the_way_to_them(void **state)
{
	struct buffer out = unit_of(TITLE "service a\n"
					  "  exec  /usr/bin/a\n"
					  "  exec  /usr/bin/sudo\n"
					  "  owner  /usr/bin/a  alice\n"
					  "  privilege  /usr/bin/sudo  root\n",
				    "a");

	(void)state;
	assert_lacks(&out, "\nNoNewPrivileges=");
	assert_lacks(&out, "\nUser=");
	assert_lacks(&out, "\nCapabilityBoundingSet=");
	/* systemd sets NoNewPrivileges with these. */
	assert_lacks(&out, "\nSystemCallFilter=");
	assert_lacks(&out, "\nRestrictAddressFamilies=");
	assert_lacks(&out, "\nMemoryDenyWriteExecute=");
	buffer_free(&out);
}

static void a_compiler_at_run_time_may_make_code(void **state)
{
	static const char *const programs[] = { "/usr/bin/node", "/usr/bin/python3.11(/srv/a.py)",
						"/usr/sbin/php-fpm8.2", "/usr/bin/*" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char text[256];
		struct buffer out;

		(void)snprintf(text, sizeof(text), TITLE "service a\n  exec  %s\n", programs[i]);
		out = unit_of(text, "a");
		assert_lacks(&out, "\nMemoryDenyWriteExecute=");
		buffer_free(&out);
	}
}

static void nothing_is_suggested_for_what_others_descend_from(void **state)
{
	struct model *model = parse(TITLE "service sshd\n  exec  /usr/sbin/sshd\n");
	struct networks *networks = networks_new();
	struct buffer out = BUFFER_INIT(65536);

	(void)state;
	assert_int_equal(suggest_systemd(model, "sshd", networks, &out), -EPERM);
	assert_int_equal(suggest_systemd(model, "nginx", networks, &out), -ENOENT);
	assert_int_equal(out.size, 0);
	model_free(model);
	networks_free(networks);
	buffer_free(&out);
}

/* ---- hostile names ---- */

/* Whatever stands outside a comment is made of harmless characters, and comments are bounded. */
static void assert_harmless(const char *text)
{
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		size_t indent = strspn(line, "\t");

		if (line[indent] == '#') {
			assert_true(end - line < 400);
			assert_true(end[-1] != '\\');
			continue;
		}
		for (const char *at = line; at < end; at++)
			assert_non_null(strchr(
				"\tabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;/_-@={}[]~%\"+",
				*at));
		assert_null(memmem(line, (size_t)(end - line), "flush", 5));
		assert_null(memmem(line, (size_t)(end - line), "ExecStart", 9));
	}
}

static void names_cannot_leave_their_comment(void **state)
{
	static const char text[] = TITLE "service x\\x0aflush\\x20ruleset\\x0a\n"
					 "  accept  /x\\x0aflush\\x20ruleset\\\\  tcp 80 private\n"
					 "  exec  /usr/bin/x\\x0aExecStart=/evil\\\\\n"
					 "  exec  /usr/bin/$(evil)\n"
					 "  listen  /x\\x0aflush\\\\  tcp 80 any\n"
					 "  owner  /x  a\\x0aflush\\\\\n"
					 "  write  /x  /a\\x0aExecStart=/evil/b\n"
					 "  write  /x  /%%n;'\"`/b\n";
	static const char name[] = "x\nflush ruleset\n";
	struct buffer out = firewall_of(text, (struct suggest_firewall) { .by_user = true }, 0);

	(void)state;
	assert_harmless(buffer_string(&out));
	buffer_free(&out);
	out = unit_of(text, name);
	assert_harmless(buffer_string(&out));
	assert_lacks(&out, "\nUser=");
	assert_lacks(&out, "\nReadWritePaths=");
	assert_lacks(&out, "\nNoExecPaths=");
	buffer_free(&out);
}

static void long_names_are_cut_and_many_are_counted(void **state)
{
	struct buffer text = BUFFER_INIT(1U << 20), out;

	(void)state;
	buffer_text(&text, TITLE "service a\n");
	for (unsigned i = 0; i < 20; i++) {
		buffer_printf(&text, "  accept  /%u", i);
		for (unsigned j = 0; j < 400; j++)
			buffer_text(&text, "ä");
		buffer_text(&text, "  tcp 80 db\n");
	}
	out = firewall_of(buffer_string(&text), (struct suggest_firewall) { 0 }, 0);
	assert_has(&out, "# and 8 more\n\t\tip saddr @net_db_4 tcp dport 80 accept\n");
	assert_has(&out, "ä…\n");
	assert_harmless(buffer_string(&out));
	buffer_free(&out);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_exactly_the_addresses_of_a_name),
		cmocka_unit_test(every_address_is_in_the_ranges_of_one_name),
		cmocka_unit_test(prefixes_are_as_they_were_added),
		cmocka_unit_test(a_rule_names_the_behaviours_it_stems_from),
		cmocka_unit_test(what_cannot_be_expressed_is_listed_with_why),
		cmocka_unit_test(a_user_is_asked_for_only_where_there_is_just_one),
		cmocka_unit_test(who_would_lock_themselves_out_is_told),
		cmocka_unit_test(what_accepts_drops_nothing),
		cmocka_unit_test(a_local_service_of_one_user_gets_nothing_else),
		cmocka_unit_test(a_low_port_without_root_takes_a_capability),
		cmocka_unit_test(what_runs_as_root_keeps_what_a_model_does_not_see),
		cmocka_unit_test(what_gains_privileges_keeps_the_way_to_them),
		cmocka_unit_test(a_compiler_at_run_time_may_make_code),
		cmocka_unit_test(nothing_is_suggested_for_what_others_descend_from),
		cmocka_unit_test(names_cannot_leave_their_comment),
		cmocka_unit_test(long_names_are_cut_and_many_are_counted),
	};

	return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
