/* SPDX-License-Identifier: Apache-2.0 */
/* The process table: bounded, right about reused pids, and kind to the dead that somebody still needs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sensor/proc_priv.h"
#include "sensor/process_priv.h"

static struct image *new_image(const char *exe)
{
	const struct image_facts facts = { .exe = exe, .called = exe, .cwd = "/", .cgroup = "/", .argv = "" };
	struct image *image = image_new(&facts);

	assert_non_null(image);
	return image;
}

static struct process *add(struct process_table *table, uint32_t pid, uint64_t start, struct process *parent)
{
	struct process *process = process_add(table, pid, start, parent);

	assert_non_null(process);
	return process;
}

static void a_child_runs_what_its_parent_ran(void **state)
{
	struct process_table table;
	struct process *parent, *child;

	(void)state;
	process_table_init(&table);
	parent = add(&table, 1, 10, NULL);
	process_set_image(parent, new_image("/usr/bin/web"));
	child = add(&table, 2, 20, parent);
	assert_ptr_equal(child->image, parent->image);
	process_set_image(child, new_image("/usr/bin/id"));
	assert_string_equal(parent->image->program.exe, "/usr/bin/web");
	process_table_free(&table);
}

static void a_reused_pid_is_another_process(void **state)
{
	struct process_table table;
	struct process *second;

	(void)state;
	process_table_init(&table);
	(void)add(&table, 7, 10, NULL);
	second = add(&table, 7, 20, NULL);
	assert_null(process_find(&table, 7, 10));
	assert_ptr_equal(process_find(&table, 7, 20), second);
	assert_ptr_equal(process_find(&table, 7, 0), second);
	assert_int_equal(table.living, 1);
	process_table_free(&table);
}

static void a_start_known_to_the_tick_fits_what_lies_in_the_tick(void **state)
{
	struct process_table table;
	struct process *process;

	(void)state;
	process_table_init(&table);
	process = add(&table, 7, 1000, NULL);
	process->start_slack_ns = 9;
	assert_ptr_equal(process_find(&table, 7, 1000), process);
	assert_ptr_equal(process_find(&table, 7, 1009), process);
	assert_null(process_find(&table, 7, 1010));
	assert_null(process_find(&table, 7, 999));
	process_table_free(&table);
}

static void a_chain_of_the_living_is_walked_no_further_than_needed(void **state)
{
	struct process_table table;
	struct process *process = NULL;

	(void)state;
	process_table_init(&table);
	for (uint32_t pid = 1; pid <= PROCESS_TABLE_MAX; pid++)
		process = add(&table, pid, pid, process);
	assert_int_equal(table.living, PROCESS_TABLE_MAX);
	process_table_free(&table);
}

static void a_process_is_not_its_own_parent(void **state)
{
	struct process_table table;
	struct process *process;

	(void)state;
	process_table_init(&table);
	process = add(&table, 7, 10, NULL);
	process = add(&table, 7, 20, process);
	assert_null(process->parent);
	process_table_free(&table);
}

static void the_dead_explain_their_children(void **state)
{
	struct process_table table;
	struct process *parent, *child;

	(void)state;
	process_table_init(&table);
	parent = add(&table, 1, 1, NULL);
	process_set_image(parent, new_image("/usr/bin/launcher"));
	child = add(&table, 2, 2, parent);
	process_end(&table, parent);
	for (uint32_t pid = 10; pid < 10 + 4 * PROCESS_DEAD_MAX; pid++)
		process_end(&table, add(&table, pid, pid, NULL));
	assert_ptr_equal(child->parent, parent);
	assert_string_equal(child->parent->image->program.exe, "/usr/bin/launcher");
	process_table_free(&table);
}

static void the_dead_whom_nobody_needs_are_bounded(void **state)
{
	struct process_table table;

	(void)state;
	process_table_init(&table);
	for (uint32_t pid = 1; pid < 100000; pid++)
		process_end(&table, add(&table, pid, pid, NULL));
	assert_in_range(table.dead, 1, PROCESS_DEAD_MAX + 8);
	assert_int_equal(table.living, 0);
	assert_int_equal(table.refused, 0);
	process_table_free(&table);
}

/* Launchers whose pids were taken over, while the daemons that they started live on. */
static void displaced_parents_do_not_stall_the_cleaning(void **state)
{
	struct process_table table;

	(void)state;
	process_table_init(&table);
	for (uint32_t pid = 1; pid <= 32; pid++) {
		struct process *launcher = add(&table, pid, pid, NULL);

		(void)add(&table, 100000 + pid, pid, launcher);
		(void)add(&table, pid, 1000 + pid, NULL);
	}
	for (uint32_t pid = 1000; pid < 90000; pid++)
		process_end(&table, add(&table, pid, pid, NULL));
	assert_in_range(table.dead, 1, PROCESS_DEAD_MAX + 64);
	assert_int_equal(table.refused, 0);
	process_table_free(&table);
}

/* Adding retires the pid's last owner, which trims the dead, of whom the parent may be the oldest. */
static void a_dead_parent_outlives_the_adding_of_its_child(void **state)
{
	struct process_table table;
	struct process *parent, *child;

	(void)state;
	process_table_init(&table);
	(void)add(&table, 900000, 1, NULL);
	parent = add(&table, 1, 1, NULL);
	process_set_image(parent, new_image("/usr/bin/parent"));
	process_end(&table, parent);
	for (uint32_t pid = 10; table.dead <= PROCESS_DEAD_MAX - 1; pid++)
		process_end(&table, add(&table, pid, pid, NULL));
	child = add(&table, 900000, 2, parent);
	assert_string_equal(child->parent->image->program.exe, "/usr/bin/parent");
	process_table_free(&table);
}

static void a_chain_of_the_dead_is_cut_at_its_old_end(void **state)
{
	struct process_table table;
	struct process *process = NULL;
	unsigned depth = 0;

	(void)state;
	process_table_init(&table);
	for (uint32_t pid = 1; pid < 50000; pid++) {
		struct process *child = add(&table, pid, pid, process);

		if (process)
			process_end(&table, process);
		process = child;
	}
	for (const struct process *ancestor = process; ancestor; ancestor = ancestor->parent)
		depth++;
	assert_in_range(depth, 2, PROCESS_LINEAGE_MAX + 1);
	assert_in_range(table.dead, 1, 2 * PROCESS_DEAD_MAX);
	process_table_free(&table);
}

static void a_full_table_refuses_and_counts(void **state)
{
	struct process_table table;

	(void)state;
	process_table_init(&table);
	for (uint32_t pid = 1; pid <= PROCESS_TABLE_MAX; pid++)
		(void)add(&table, pid, pid, NULL);
	assert_null(process_add(&table, PROCESS_TABLE_MAX + 1, 1, NULL));
	assert_int_equal(table.refused, 1);
	process_end(&table, process_find(&table, 1, 0));
	process_table_free(&table);
}

static void a_context_knows_how_many_of_its_roots_live(void **state)
{
	const struct context context = { .kind = CONTEXT_SESSION, .name = "alice", .container = "" };
	struct context_node *node = context_new(&context, "", "audit:1", "");
	struct process_table table;
	struct process *root;

	(void)state;
	process_table_init(&table);
	root = add(&table, 1, 1, NULL);
	process_set_context(root, node, true);
	assert_int_equal(node->roots, 1);
	(void)add(&table, 2, 2, root);
	assert_int_equal(node->roots, 1);
	process_end(&table, root);
	assert_int_equal(node->roots, 0);
	process_table_free(&table);
	context_release(node);
}

static void a_context_counts_its_processes_as_they_come_and_go(void **state)
{
	const struct context service = { .kind = CONTEXT_SERVICE, .name = "web", .container = "" };
	const struct context job = { .kind = CONTEXT_JOB, .name = "report", .container = "" };
	struct context_node *web = context_new(&service, "", "", ""), *report = context_new(&job, "", "", "");
	struct process_table table;
	struct process *root, *child;

	(void)state;
	process_table_init(&table);
	root = add(&table, 1, 1, NULL);
	process_set_context(root, web, true);
	child = add(&table, 2, 2, root);
	process_end(&table, add(&table, 3, 3, root));
	assert_int_equal(web->usage.living, 2);
	assert_int_equal(web->usage.most, 3);
	assert_int_equal(web->usage.begun, 3);
	process_set_context(child, web, false); /* where it is already */
	assert_int_equal(web->usage.begun, 3);
	process_set_context(child, report, true);
	assert_int_equal(web->usage.living, 1);
	assert_int_equal(report->usage.living, 1);
	(void)add(&table, 2, 99, NULL); /* its pid is another's now: it has ended */
	assert_int_equal(report->usage.living, 0);
	process_table_free(&table);
	context_release(web);
	context_release(report);
}

static void cpu_time_is_that_of_the_process_that_was_asked_for(void **state)
{
	struct proc_facts *facts = malloc(sizeof(*facts));
	uint64_t cpu_ns = 0, more = 0;
	volatile unsigned spin = 0;

	(void)state;
	assert_non_null(facts);
	assert_int_equal(proc_read((uint32_t)getpid(), 0, facts), 0);
	assert_int_equal(proc_cpu((uint32_t)getpid(), facts->record.header.start_ns, &cpu_ns), 0);
	assert_int_equal(proc_cpu((uint32_t)getpid(), facts->record.header.start_ns + 1000000000, &more), -ESRCH);
	while (more <= cpu_ns) {
		for (int i = 0; i < 1000000; i++)
			spin++;
		assert_int_equal(proc_cpu((uint32_t)getpid(), facts->record.header.start_ns, &more), 0);
	}
	assert_in_range(more, cpu_ns + 1, (uint64_t)clock() * (1000000000 / CLOCKS_PER_SEC) + 20000000);
	free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_runs_what_its_parent_ran),
		cmocka_unit_test(a_reused_pid_is_another_process),
		cmocka_unit_test(a_start_known_to_the_tick_fits_what_lies_in_the_tick),
		cmocka_unit_test(a_chain_of_the_living_is_walked_no_further_than_needed),
		cmocka_unit_test(a_process_is_not_its_own_parent),
		cmocka_unit_test(the_dead_explain_their_children),
		cmocka_unit_test(the_dead_whom_nobody_needs_are_bounded),
		cmocka_unit_test(displaced_parents_do_not_stall_the_cleaning),
		cmocka_unit_test(a_dead_parent_outlives_the_adding_of_its_child),
		cmocka_unit_test(a_chain_of_the_dead_is_cut_at_its_old_end),
		cmocka_unit_test(a_full_table_refuses_and_counts),
		cmocka_unit_test(a_context_knows_how_many_of_its_roots_live),
		cmocka_unit_test(a_context_counts_its_processes_as_they_come_and_go),
		cmocka_unit_test(cpu_time_is_that_of_the_process_that_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
