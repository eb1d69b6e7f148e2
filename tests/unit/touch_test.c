/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to files and is not told yet: found by its path, renamed with its directory, and given back whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "sensor/touch_priv.h"

struct world {
	struct process_table processes;
	struct touches touches;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	process_table_init(&world->processes);
	touches_init(&world->touches, &world->processes);
	*state = world;
	return 0;
}

/* What is not given back is a leak, which the sanitizer tells of. */
static int tear_down(void **state)
{
	struct world *world = *state;

	touches_free(&world->touches);
	process_table_free(&world->processes);
	free(world);
	return 0;
}

static struct process *run(struct world *world, uint32_t pid, const char *exe)
{
	const struct image_facts facts = { .exe = exe, .called = exe, .cwd = "/", .cgroup = "/", .argv = "" };
	struct process *process = process_find(&world->processes, pid, 0);
	struct image *image = image_new(&facts);

	assert_non_null(image);
	if (!process)
		process = process_add(&world->processes, pid, pid, NULL);
	assert_non_null(process);
	process_set_image(process, image);
	return process;
}

static struct actor actor_of(struct process *process)
{
	return process ? (struct actor) { .process = process, .image = process->image, .other = process->image_before }
		       : (struct actor) { 0 };
}

static struct touch *add_by(struct world *world, const char *path, struct process *process)
{
	const struct actor actor = actor_of(process), held = actor_hold(&actor);
	struct touch *touch = touches_add(&world->touches, path, &held, 7);

	assert_non_null(touch);
	return touch;
}

static struct touch *add(struct world *world, const char *path)
{
	return add_by(world, path, NULL);
}

/* All paths in their order, each with what it was and is called, and each found by its own. */
static void assert_touches(const struct world *world, const char *expected)
{
	char text[1024] = "";
	const struct touch *before = NULL;
	size_t count = 0;

	for (struct touch *touch = world->touches.oldest; touch; touch = touch->younger) {
		size_t size = strlen(text);

		assert_ptr_equal(touches_find(&world->touches, touch->path), touch);
		assert_ptr_equal(touch->older, before);
		(void)snprintf(text + size, sizeof(text) - size, "%s%s%s%s%s%s", size ? " " : "", touch->path,
			       touch->from ? "<" : "", touch->from ? touch->from : "", touch->to ? ">" : "",
			       touch->to ? touch->to : "");
		before = touch;
		count++;
	}
	assert_ptr_equal(world->touches.youngest, before);
	assert_int_equal(world->touches.by_path.count, count);
	assert_string_equal(text, expected);
}

static void set_text(char **text, const char *to)
{
	free(*text);
	*text = strdup(to);
	assert_non_null(*text);
}

static void what_was_added_is_found_in_its_order(void **state)
{
	struct world *world = *state;
	struct touch *touch = add(world, "/b");

	assert_int_equal(touch->first_ns, 7);
	assert_int_equal(touch->last_ns, 7);
	(void)add(world, "/a");
	(void)add(world, "/c");
	assert_touches(world, "/b /a /c");
	assert_null(touches_find(&world->touches, "/"));
	assert_null(touches_find(&world->touches, "/bb"));
}

static void one_can_be_taken_out_wherever_it_stands(void **state)
{
	static const char *const rest[] = { "/b /c", "/a /c", "/a /b" };
	struct world *world = *state;

	for (int at = 0; at < 3; at++) {
		const char path[] = { '/', (char)('a' + at), '\0' };
		struct touch *touch;

		(void)add(world, "/a");
		(void)add(world, "/b");
		(void)add(world, "/c");
		touch = touches_find(&world->touches, path);
		touches_take(&world->touches, touch);
		assert_touches(world, rest[at]);
		assert_null(touch->older);
		assert_null(touch->younger);
		touch_free(&world->touches, touch);
		while (world->touches.oldest) {
			touch = world->touches.oldest;
			touches_take(&world->touches, touch);
			touch_free(&world->touches, touch);
		}
		assert_touches(world, "");
	}
}

static void a_rename_takes_along_what_is_below_and_nothing_else(void **state)
{
	struct world *world = *state;

	(void)add(world, "/x");
	(void)add(world, "/x/a");
	(void)add(world, "/xy");
	(void)add(world, "/x/b/c");
	(void)add(world, "/w/x");
	touches_rename(&world->touches, "/x", "/longer/name");
	assert_touches(world, "/longer/name /longer/name/a /xy /longer/name/b/c /w/x");
	touches_rename(&world->touches, "/longer/name", "/x");
	assert_touches(world, "/x /x/a /xy /x/b/c /w/x");
	touches_rename(&world->touches, "/none", "/x");
	assert_touches(world, "/x /x/a /xy /x/b/c /w/x");
}

static void a_rename_takes_along_where_files_came_from_and_went(void **state)
{
	struct world *world = *state;
	struct touch *here = add(world, "/x/new"), *there = add(world, "/y/new"), *old = add(world, "/x/old");

	set_text(&here->from, "/x/old");
	set_text(&old->to, "/x/new");
	set_text(&there->from, "/w/old");
	touches_rename(&world->touches, "/x", "/z");
	assert_touches(world, "/z/new</z/old /y/new</w/old /z/old>/z/new");
}

static void whoever_had_the_name_gives_way(void **state)
{
	struct world *world = *state;

	/* Before, right after, and last. */
	(void)add(world, "/to/a");
	add(world, "/from/a")->mask = 1;
	add(world, "/from/b")->mask = 1;
	(void)add(world, "/to/b");
	add(world, "/from/c")->mask = 1;
	(void)add(world, "/to/d");
	(void)add(world, "/to/c");
	touches_rename(&world->touches, "/from", "/to");
	assert_touches(world, "/to/a /to/b /to/c /to/d");
	for (const char *name = "abc"; *name; name++) {
		const char path[] = { '/', 't', 'o', '/', *name, '\0' };

		assert_int_equal(touches_find(&world->touches, path)->mask, 1);
	}
}

static void to_its_own_name_nothing_is_renamed(void **state)
{
	struct world *world = *state;

	(void)add(world, "/x");
	(void)add(world, "/x/a");
	touches_rename(&world->touches, "/x", "/x");
	assert_touches(world, "/x /x/a");
}

static void three_renames_let_two_directories_change_places(void **state)
{
	struct world *world = *state;

	add(world, "/a/x")->mask = 1;
	add(world, "/b/x")->mask = 2;
	add(world, "/a")->mask = 3;
	touches_rename(&world->touches, "/a", "///a");
	touches_rename(&world->touches, "/b", "/a");
	touches_rename(&world->touches, "///a", "/b");
	assert_touches(world, "/b/x /a/x /b");
	assert_int_equal(touches_find(&world->touches, "/b/x")->mask, 1);
	assert_int_equal(touches_find(&world->touches, "/a/x")->mask, 2);
}

/* An actor that is gone is there as long as something it did is untold. */
static void actors_are_held_until_the_last_touch_is_freed(void **state)
{
	struct world *world = *state;
	struct process *process;
	struct touch *touch;
	unsigned references;

	(void)run(world, 9, "/bin/sh");
	process = run(world, 9, "/bin/cat");
	references = process->references;
	touch = add_by(world, "/x/a", process);
	(void)add_by(world, "/x/b", process);
	assert_int_equal(process->references, references + 2);
	process_end(&world->processes, process);
	for (uint32_t pid = 100; pid < 100 + 2 * PROCESS_DEAD_MAX; pid++)
		process_end(&world->processes, run(world, pid, "/bin/true"));
	assert_string_equal(touch->actor.process->image->program.exe, "/bin/cat");
	assert_string_equal(touch->actor.other->program.exe, "/bin/sh");
	/* The one that gives way gives back what it held. */
	touches_rename(&world->touches, "/x/a", "/x/b");
	assert_touches(world, "/x/b");
	assert_string_equal(touches_find(&world->touches, "/x/b")->actor.image->program.exe, "/bin/cat");
}

static void dropping_an_actor_clears_it(void **state)
{
	struct world *world = *state;
	struct process *process = run(world, 9, "/bin/sh");
	struct actor actor = actor_of(process), held = actor_hold(&actor);
	unsigned references = process->references;

	actor_drop(&world->touches, &held);
	assert_int_equal(process->references, references - 1);
	assert_null(held.process);
	assert_null(held.image);
	actor_drop(&world->touches, &held); /* of nobody */
	assert_int_equal(process->references, references - 1);
}

static void what_is_below_a_path(void **state)
{
	(void)state;
	assert_true(path_is_below("/a", "/a"));
	assert_true(path_is_below("/a/b", "/a"));
	assert_true(path_is_below("/a", ""));
	assert_true(path_is_below("", ""));
	assert_false(path_is_below("/ab", "/a"));
	assert_false(path_is_below("/", "/a"));
	assert_false(path_is_below("", "/a"));
	/* A container's are not those at home. */
	assert_false(path_is_below("c0ffee/a", ""));
	assert_true(path_is_below("c0ffee/a", "c0ffee"));
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(what_was_added_is_found_in_its_order),
		IN_WORLD(one_can_be_taken_out_wherever_it_stands),
		IN_WORLD(a_rename_takes_along_what_is_below_and_nothing_else),
		IN_WORLD(a_rename_takes_along_where_files_came_from_and_went),
		IN_WORLD(whoever_had_the_name_gives_way),
		IN_WORLD(to_its_own_name_nothing_is_renamed),
		IN_WORLD(three_renames_let_two_directories_change_places),
		IN_WORLD(actors_are_held_until_the_last_touch_is_freed),
		IN_WORLD(dropping_an_actor_clears_it),
		cmocka_unit_test(what_is_below_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
