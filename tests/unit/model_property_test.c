/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of any model, whatever was seen: tried with events of chance, the same on each run. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/learn.h"
#include "model/model.h"
#include "model/network.h"

#include "any_event.h"

#define TEXT_MAX   (64U * 1024 * 1024)
#define EVENTS     6000U
#define GROUPS_MAX 4U

/* An event and what its strings are. */
struct observation {
	struct event event;
	char path[128], path_before[128];
	unsigned group; /* the host */
};

static struct observation observations[EVENTS];
static struct networks *networks;

/* ---- observations of chance ---- */

static const struct context contexts[] = {
	{ CONTEXT_SERVICE, "nginx", "" },      { CONTEXT_SERVICE, "nginx", "0123456789ab" },
	{ CONTEXT_SERVICE, "postgres", "" },   { CONTEXT_JOB, "logrotate", "" },
	{ CONTEXT_JOB, "back up.*", "" },      { CONTEXT_BOOT, "", "" },
	{ CONTEXT_SESSION, "alice", "" },      { CONTEXT_CHANGE, "deploy", "" },
	{ CONTEXT_SERVICE, "idle\xff\n", "" },
};

static const char *const programs[] = {
	"/usr/sbin/nginx",
	"/usr/bin/python3.11(/srv/app/main.py)",
	"/usr/bin/dash(-c)",
	"/tmp/x\\x20y",
	"/srv/releases/42/bin/app",
	"?",
	"memfd:\\x2a",
	"/usr/bin/perl(#!/srv/a*b/c)",
	"",
	"/usr/bin/java(-m:a.b.Main",
	"/usr/bin/id",
};

static const char *const users[] = { "www-data", "root", "", "a b#*", "\x01" };

static const char *const extensions[] = { "", ".log", ".db", ".tmp", ".h*l", ".1" };

#define ONE_OF(list_) ((list_)[any_below(sizeof(list_) / sizeof((list_)[0]))])

/* In few directories many names, in others few; some of the names are incidental themselves. */
static void any_path(char *out, size_t size)
{
	static const char *const roots[] = { "/var/lib/app", "/srv", "/var/log", "/", "/tmp" };
	unsigned names = any_below(3) ? 20 : 400;

	switch (any_below(4)) {
	case 0:
		(void)snprintf(out, size, "%s/d%u/f%u%s", ONE_OF(roots), any_below(names), any_below(4),
			       ONE_OF(extensions));
		break;
	case 1:
		(void)snprintf(out, size, "%s/f%u%s", ONE_OF(roots), any_below(names), ONE_OF(extensions));
		break;
	case 2:
		(void)snprintf(out, size, "%s/e%u/d%u/f%u.x%u", ONE_OF(roots), any_below(3), any_below(names),
			       any_below(names), any_below(60));
		break;
	default:
		(void)snprintf(out, size, "%s/2026-11-%02u (%x)\n*/dump", ONE_OF(roots), 1 + any_below(28),
			       any_below(9));
	}
}

static void any_observation(struct observation *out)
{
	static const enum event_kind kinds[] = {
		EVENT_EXEC,      EVENT_CONNECT, EVENT_CONNECT, EVENT_ACCEPT,     EVENT_LISTEN,
		EVENT_PRIVILEGE, EVENT_RAW,     EVENT_WRITE,   EVENT_WRITE,      EVENT_WRITE,
		EVENT_CREATE,    EVENT_RENAME,  EVENT_REMOVE,  EVENT_ATTRIBUTES,
	};
	static const uint8_t firsts[] = { 10, 127, 192, 8, 0, 224, 255 };
	struct event *event = &out->event;

	event_init(event, ONE_OF(kinds));
	out->group = any_below(GROUPS_MAX);
	event->time_ns = 1764000000000000000ULL + any_number() % 1000000000000ULL;
	event->host = "host";
	event->context = ONE_OF(contexts);
	event->program.text = ONE_OF(programs);
	event->pid = 1 + any_below(50);
	event->uid = any_below(3) ? 33 : EVENT_NO_ID;
	event->euid = any_below(3) ? 0 : 33;
	event->uid_before = any_below(3) ? 33 : EVENT_NO_ID;
	event->euid_before = any_below(3) ? 33 : EVENT_NO_ID;
	event->capabilities = any_below(2);
	event->flags = any_below(4) ? 0 : (uint32_t)any_number() & ~EVENT_FLAG_FOUND;
	event->effective_user = ONE_OF(users);
	event->family = (uint8_t)(any_below(5) ? AF_INET : AF_INET6);
	event->protocol = (uint8_t)(any_below(4) ? IPPROTO_TCP : any_below(256));
	event->local_port = (uint16_t)(any_below(3) ? 80 + any_below(9) : any_number());
	event->remote_port = (uint16_t)(any_below(3) ? 80 + any_below(9) : any_number());
	event->local_address[0] = ONE_OF(firsts);
	event->remote_address[0] = ONE_OF(firsts);
	any_path(out->path, sizeof(out->path));
	any_path(out->path_before, sizeof(out->path_before));
	event->path = out->path;
	event->path_before = out->path_before;
}

static void draw(void)
{
	for (unsigned i = 0; i < EVENTS; i++) {
		any_observation(&observations[i]);
		observations[i].event.path = observations[i].path;
		observations[i].event.path_before = observations[i].path_before;
	}
}

/* Fisher and Yates. */
static void shuffle(unsigned order[EVENTS])
{
	for (unsigned i = 0; i < EVENTS; i++) {
		unsigned other = any_below(i + 1);

		if (other != i)
			order[i] = order[other];
		order[other] = i;
	}
}

/* ---- models ---- */

#define ALL_GROUPS ((1U << GROUPS_MAX) - 1)

/* Learns what the hosts in `groups` (bits) did, in that order, into `model`. */
static void learn_into(struct model *model, const unsigned order[EVENTS], unsigned groups)
{
	struct learner *learner = learner_new(model, networks);

	assert_non_null(learner);
	learner_watches_files(learner);
	for (unsigned i = 0; i < EVENTS; i++) {
		struct observation *observation = &observations[order[i]];

		if (groups & 1U << observation->group)
			assert_int_equal(learner_event(learner, &observation->event), 0);
	}
	assert_int_equal(learner_finish(learner), 0);
	learner_free(learner);
}

static struct model *learn(const unsigned order[EVENTS], unsigned groups)
{
	struct model *model = model_new();

	assert_non_null(model);
	learn_into(model, order, groups);
	return model;
}

static struct model *merged(const struct model *one, const struct model *other)
{
	struct model *both = model_new();

	assert_non_null(both);
	assert_int_equal(model_merge(both, one), 0);
	assert_int_equal(model_merge(both, other), 0);
	assert_int_equal(model_fold(both), 0);
	return both;
}

static void check_same(struct model *one, struct model *other)
{
	struct buffer text = BUFFER_INIT(TEXT_MAX), second = BUFFER_INIT(TEXT_MAX);

	assert_int_equal(model_print(one, &text), 0);
	assert_int_equal(model_print(other, &second), 0);
	assert_string_equal(buffer_string(&text), buffer_string(&second));
	buffer_free(&text);
	buffer_free(&second);
}

static int begin(void **state)
{
	(void)state;
	networks = networks_new();
	return networks ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	networks_free(networks);
	return 0;
}

/* ---- what holds ---- */

static void the_order_of_observations_does_not_matter(void **state)
{
	unsigned order[EVENTS];

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		struct model *first, *second;

		draw();
		shuffle(order);
		first = learn(order, ALL_GROUPS);
		shuffle(order);
		second = learn(order, ALL_GROUPS);
		assert_true(model_size(first) > 200);
		check_same(first, second);
		model_free(first);
		model_free(second);
	}
}

static void how_hosts_are_grouped_does_not_matter(void **state)
{
	unsigned order[EVENTS];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		struct model *all;

		draw();
		shuffle(order);
		all = learn(order, ALL_GROUPS);
		for (unsigned groups = 1; groups < ALL_GROUPS; groups++) {
			struct model *some = learn(order, groups), *others = learn(order, ALL_GROUPS & ~groups);
			struct model *both = merged(some, others);

			check_same(both, all);
			/* One after the other into the same model, too. */
			learn_into(some, order, ALL_GROUPS & ~groups);
			check_same(some, all);
			model_free(some);
			model_free(others);
			model_free(both);
		}
		model_free(all);
	}
}

static void merging_is_commutative_associative_and_idempotent(void **state)
{
	unsigned order[EVENTS];

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		struct model *one, *two, *three, *left, *right, *inner;

		draw();
		shuffle(order);
		one = learn(order, 1);
		two = learn(order, 2);
		three = learn(order, 12);

		left = merged(one, two);
		right = merged(two, one);
		check_same(left, right);
		model_free(right);

		inner = left;
		left = merged(inner, three);
		model_free(inner);
		inner = merged(two, three);
		right = merged(one, inner);
		check_same(left, right);
		model_free(inner);
		model_free(right);

		right = merged(left, left);
		check_same(left, right);
		model_free(right);
		right = merged(left, one);
		check_same(left, right);
		model_free(right);
		model_free(left);
		model_free(one);
		model_free(two);
		model_free(three);
	}
}

static void a_model_printed_and_read_is_the_same(void **state)
{
	unsigned order[EVENTS];

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		struct buffer text = BUFFER_INIT(TEXT_MAX);
		struct model *model, *read = NULL;
		struct error error = { "" };

		draw();
		shuffle(order);
		model = learn(order, ALL_GROUPS);
		assert_int_equal(model_print(model, &text), 0);
		assert_int_equal(model_parse("model", text.data, text.size, &read, &error), 0);
		check_same(model, read);
		/* What it was learned from teaches it nothing more. */
		learn_into(read, order, ALL_GROUPS);
		check_same(model, read);
		model_free(model);
		model_free(read);
		buffer_free(&text);
	}
}

static int check_count(void *other, struct model_entry *entry)
{
	const struct model_entry *same = model_find(other, &entry->behaviour);

	assert_non_null(same);
	assert_int_equal(same->count, entry->count);
	return 0;
}

/* A number of context and program. */
static uint64_t program_of(const struct event *event)
{
	uint64_t number = 1;

	for (unsigned i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
		number += contexts[i].kind == event->context.kind && contexts[i].name == event->context.name &&
					  contexts[i].container == event->context.container
				  ? 100 * (i + 1)
				  : 0;
	for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		number += programs[i] == event->program.text ? 10000 * (i + 1) : 0;
	return number;
}

static void a_source_that_knows_its_programs_teaches_the_same(void **state)
{
	unsigned order[EVENTS];

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		struct model *plain, *known;

		draw();
		shuffle(order);
		plain = learn(order, ALL_GROUPS);
		for (unsigned i = 0; i < EVENTS; i++)
			observations[i].event.same_program = program_of(&observations[i].event);
		known = learn(order, ALL_GROUPS);
		check_same(plain, known);
		(void)model_each(plain, check_count, known);
		model_free(plain);
		model_free(known);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_observations_does_not_matter),
		cmocka_unit_test(how_hosts_are_grouped_does_not_matter),
		cmocka_unit_test(merging_is_commutative_associative_and_idempotent),
		cmocka_unit_test(a_model_printed_and_read_is_the_same),
		cmocka_unit_test(a_source_that_knows_its_programs_teaches_the_same),
	};

	return cmocka_run_group_tests_name("model_property", tests, begin, end);
}
