/* SPDX-License-Identifier: Apache-2.0 */
/* What changes ask the init for, and which services begin by that, or by a program that a change wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sensor/brought_priv.h"

#define SECOND UINT64_C(1000000000)
#define NOW    (1000 * SECOND)

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

struct world {
	struct process_table table;
	struct brought brought;
	uint32_t pids;
	char root[64]; /* where unit files lie */
	unsigned lookups;
};

static int begin(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	process_table_init(&world->table);
	(void)snprintf(world->root, sizeof(world->root), "/tmp/brought-test-XXXXXX");
	assert_non_null(mkdtemp(world->root));
	*state = world;
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status;
	(void)kind;
	(void)at;
	return remove(path);
}

static int end(void **state)
{
	struct world *world = *state;

	assert_int_equal(nftw(world->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	process_table_free(&world->table);
	free(world);
	return 0;
}

/* Words that a space parts are its arguments. */
static struct process *make(struct world *world, const char *exe, const char *words, const struct context *context,
			    const char *unit, const char *change)
{
	char argv[512];
	size_t size = strlen(words) + 1;
	uint32_t pid = ++world->pids;
	struct process *process = process_add(&world->table, pid, pid, NULL);
	struct context_node *node = context_new(context, unit, "", change);

	assert_non_null(process);
	assert_non_null(node);
	assert_true(size <= sizeof(argv));
	for (size_t i = 0; i < size; i++)
		argv[i] = words[i] == ' ' ? '\0' : words[i];
	process_set_image(
		process,
		image_new(&(struct image_facts) {
			.exe = exe, .called = exe, .cwd = "/", .cgroup = "/", .argv = argv, .argv_size = size }));
	assert_non_null(process->image);
	process_set_context(process, node, true);
	context_release(node);
	return process;
}

static const struct context of_change = { .kind = CONTEXT_CHANGE, .name = "rel-1", .container = "" };
static const struct context of_alice = { .kind = CONTEXT_SESSION, .name = "alice", .container = "" };

static void asks(struct world *world, const char *change, const char *words, uint64_t now)
{
	struct context context = of_change;

	context.name = change;
	brought_note(&world->brought, make(world, "/usr/bin/systemctl", words, &context, "", change), world->root, now);
}

/* A service begins in a unit. */
static struct process *service(struct world *world, const char *unit, const char *container)
{
	const struct context context = { .kind = CONTEXT_SERVICE, .name = "app", .container = container };

	return make(world, "/srv/app/daemon", "/srv/app/daemon", &context, unit, "");
}

#define assert_change(world, unit, now, change) \
	assert_string_equal(brought_by(&(world)->brought, service(world, unit, ""), now), change)

static void what_a_change_asks_for_is_its_own_for_a_while(void **state)
{
	struct world *world = *state;

	assert_change(world, "app.service", NOW, "");
	asks(world, "rel-1", "systemctl restart app other.service", NOW);
	assert_change(world, "app.service", NOW, "rel-1");
	assert_change(world, "other.service", NOW + 119 * SECOND, "rel-1");
	assert_change(world, "other.service", NOW + 120 * SECOND, "");
	assert_change(world, "app.socket", NOW, "");
	assert_change(world, "apps.service", NOW, "");
	assert_change(world, "", NOW, "");
}

static void only_what_starts_units_of_the_host_asks(void **state)
{
	static const struct {
		const char *words;
		bool asks;
	} given[] = {
		{ "systemctl start app", true },
		{ "systemctl --no-block -q restart app.service", true },
		{ "systemctl reload-or-restart app --quiet", true },
		{ "systemctl restart other app", true },
		{ "systemctl restart a*", true },
		{ "systemctl enable --now app", true },
		{ "systemctl --now enable app", true },
		{ "systemctl enable app", false },
		{ "systemctl stop app", false },
		{ "systemctl status restart app", false },
		{ "systemctl kill app", false },
		{ "systemctl restart", false },
		{ "systemctl", false },
		{ "systemctl daemon-reload", false },
		{ "systemctl restart b*", false },
		{ "systemctl --user restart app", false },
		{ "systemctl restart app -M box", false },
		{ "systemctl -H elsewhere restart app", false },
		{ "systemctl --machine=box restart app", false },
		{ "systemctl --host=elsewhere restart app", false },
	};

	for (size_t i = 0; i < LENGTH(given); i++) {
		struct world *world = *state;

		memset(&world->brought, 0, sizeof(world->brought));
		asks(world, "rel-1", given[i].words, NOW);
		if (strcmp(brought_by(&world->brought, service(world, "app.service", ""), NOW),
			   given[i].asks ? "rel-1" : "") != 0)
			fail_msg("%s", given[i].words);
	}
}

static void only_root_at_home_with_systemctl_asks(void **state)
{
	struct world *world = *state;
	struct context inside = of_change;
	struct process *process = make(world, "/usr/bin/systemctl", "systemctl restart app", &of_change, "", "rel-1");

	process->credentials.euid = 1000;
	brought_note(&world->brought, process, world->root, NOW);
	inside.container = "3f2a9c1b77aa";
	brought_note(&world->brought, make(world, "/usr/bin/systemctl", "systemctl restart app", &inside, "", "rel-1"),
		     world->root, NOW);
	brought_note(&world->brought, make(world, "/usr/bin/echo", "systemctl restart app", &of_change, "", "rel-1"),
		     world->root, NOW);
	assert_change(world, "app.service", NOW, "");
}

static void a_unit_is_asked_for_by_its_other_names(void **state)
{
	static const char *const folders[] = { "/etc", "/etc/systemd", "/etc/systemd/system",
					       "/lib", "/lib/systemd", "/lib/systemd/system" };
	struct world *world = *state;
	char path[256];

	for (size_t i = 0; i < LENGTH(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", world->root, folders[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/etc/systemd/system/redis.service", world->root);
	assert_int_equal(symlink("/lib/systemd/system/redis-server.service", path), 0);
	(void)snprintf(path, sizeof(path), "%s/lib/systemd/system/cache.service", world->root);
	assert_int_equal(symlink("redis.service", path), 0);
	(void)snprintf(path, sizeof(path), "%s/lib/systemd/system/round.service", world->root);
	assert_int_equal(symlink("around.service", path), 0);
	(void)snprintf(path, sizeof(path), "%s/lib/systemd/system/around.service", world->root);
	assert_int_equal(symlink("round.service", path), 0);
	(void)snprintf(path, sizeof(path), "%s/lib/systemd/system/masked.service", world->root);
	assert_int_equal(symlink("/dev/null", path), 0);
	asks(world, "rel-1", "systemctl restart redis", NOW);
	assert_change(world, "redis-server.service", NOW, "rel-1");
	assert_change(world, "redis.service", NOW, "rel-1");
	asks(world, "rel-2", "systemctl restart cache round masked ../../etc/passwd", NOW);
	assert_change(world, "redis-server.service", NOW, "rel-2");
	assert_change(world, "null", NOW, "");
}

static void who_asked_last_has_it_started(void **state)
{
	struct world *world = *state;

	asks(world, "rel-1", "systemctl restart app", NOW);
	asks(world, "rel-2", "systemctl restart app", NOW + SECOND);
	assert_change(world, "app.service", NOW + 2 * SECOND, "rel-2");
	brought_note(&world->brought, make(world, "/usr/bin/systemctl", "systemctl stop app", &of_alice, "", ""),
		     world->root, NOW + 2 * SECOND);
	assert_change(world, "app.service", NOW + 2 * SECOND, "rel-2");
	brought_note(&world->brought, make(world, "/usr/bin/systemctl", "systemctl restart app", &of_alice, "", ""),
		     world->root, NOW + 3 * SECOND);
	assert_change(world, "app.service", NOW + 4 * SECOND, "");
}

static void of_very_many_the_latest_are_remembered(void **state)
{
	struct world *world = *state;
	char words[64];

	for (unsigned i = 0; i < BROUGHT_UNITS + 10; i++) {
		(void)snprintf(words, sizeof(words), "systemctl restart app-%u", i);
		asks(world, "rel-1", words, NOW);
	}
	assert_change(world, "app-9.service", NOW, "");
	assert_change(world, "app-10.service", NOW, "rel-1");
	assert_change(world, "app-265.service", NOW, "rel-1");
	memset(words, 'a', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	asks(world, "rel-1", words, NOW);
}

static void a_service_with_a_root_of_its_own_is_the_inits_and_one_in_a_container_is_not(void **state)
{
	struct world *world = *state;

	asks(world, "rel-1", "systemctl restart app", NOW);
	assert_string_equal(brought_by(&world->brought, service(world, "app.service", "userns:4026532300"), NOW),
			    "rel-1");
	assert_string_equal(brought_by(&world->brought, service(world, "app.service", "chroot"), NOW), "rel-1");
	assert_string_equal(brought_by(&world->brought, service(world, "app.service", "3f2a9c1b77aa"), NOW), "");
	assert_string_equal(brought_by(&world->brought, service(world, "app.service", "pidns:4026532300"), NOW), "");
}

static void only_what_begins_a_service_or_a_job_is_brought(void **state)
{
	struct world *world = *state;
	const struct context boot = { .kind = CONTEXT_BOOT, .name = "", .container = "" };
	const struct context job = { .kind = CONTEXT_JOB, .name = "app", .container = "" };
	const struct context app = { .kind = CONTEXT_SERVICE, .name = "app", .container = "" };
	struct process *process = service(world, "app.service", "");

	asks(world, "rel-1", "systemctl restart app", NOW);
	assert_string_equal(brought_by(&world->brought, make(world, "/bin/a", "a", &boot, "app.service", ""), NOW), "");
	assert_string_equal(brought_by(&world->brought, make(world, "/bin/a", "a", &of_alice, "app.service", ""), NOW),
			    "");
	assert_string_equal(brought_by(&world->brought, make(world, "/bin/a", "a", &job, "app.service", ""), NOW),
			    "rel-1");
	assert_string_equal(brought_by(&world->brought, make(world, "/bin/a", "a", &app, "app.service", "rel-0"), NOW),
			    ""); /* it says so already */
	process_set_context(process, process->context, false);
	assert_string_equal(brought_by(&world->brought, process, NOW), "");
}

static const char *written_by(void *owner, const char *path)
{
	struct world *world = owner;

	world->lookups++;
	return !strcmp(path, "/srv/app/daemon") ? "rel-1" : !strcmp(path, "/srv/app/script") ? "rel-2" : "";
}

static void a_service_is_of_the_change_that_wrote_its_program_or_script(void **state)
{
	struct world *world = *state;
	const struct context app = { .kind = CONTEXT_SERVICE, .name = "app", .container = "" };

	assert_change(world, "app.service", NOW, ""); /* nobody knows */
	world->brought.written_by = written_by;
	world->brought.owner = world;
	assert_change(world, "app.service", NOW, "rel-1");
	assert_change(world, "", NOW, "rel-1"); /* without systemd */
	assert_string_equal(
		brought_by(&world->brought,
			   make(world, "/usr/bin/python3", "python3 /srv/app/script", &app, "app.service", ""), NOW),
		"rel-2");
	assert_string_equal(brought_by(&world->brought,
				       make(world, "/usr/bin/python3", "python3 other", &app, "app.service", ""), NOW),
			    "");
	asks(world, "rel-3", "systemctl restart app", NOW);
	assert_change(world, "app.service", NOW, "rel-3");
}

static void in_another_root_the_path_is_of_another_file(void **state)
{
	struct world *world = *state;
	struct process *process = service(world, "app.service", "");

	world->brought.written_by = written_by;
	world->brought.owner = world;
	assert_string_equal(brought_by(&world->brought, service(world, "app.service", "chroot"), NOW), "");
	assert_string_equal(brought_by(&world->brought, service(world, "app.service", "3f2a9c1b77aa"), NOW), "");
	process->image->flags |= EVENT_FLAG_PATH_OUTSIDE;
	assert_string_equal(brought_by(&world->brought, process, NOW), "");
	assert_int_equal(world->lookups, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_change_asks_for_is_its_own_for_a_while),
		TEST(only_what_starts_units_of_the_host_asks),
		TEST(only_root_at_home_with_systemctl_asks),
		TEST(a_unit_is_asked_for_by_its_other_names),
		TEST(who_asked_last_has_it_started),
		TEST(of_very_many_the_latest_are_remembered),
		TEST(a_service_with_a_root_of_its_own_is_the_inits_and_one_in_a_container_is_not),
		TEST(only_what_begins_a_service_or_a_job_is_brought),
		TEST(a_service_is_of_the_change_that_wrote_its_program_or_script),
		TEST(in_another_root_the_path_is_of_another_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
