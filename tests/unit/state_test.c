/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the state, its baseline, its outbox: what is kept, and what a kill or a full or damaged disk does to it, and who may have it at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "state_world.h"

static void the_directory_is_made_for_its_owner_alone(void **unused)
{
	struct stat status;
	mode_t umask_before = umask(0077);

	(void)unused;
	(void)snprintf(place, sizeof(place), "%s/var/lib/sombrero", folder);
	state_close(open_state(STATE_WRITE));
	(void)umask(umask_before);
	assert_int_equal(stat(place, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	(void)snprintf(file, sizeof(file), "%s/var/lib", folder);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	(void)snprintf(file, sizeof(file), "%s/state.db", place);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_directory_that_others_can_write_to_is_refused(void **unused)
{
	(void)unused;
	assert_int_equal(mkdir(place, 0700), 0);
	assert_int_equal(chmod(place, 0770), 0);
	assert_refused(STATE_WRITE, -EPERM, "can be written by others");
	assert_int_equal(chmod(place, 0702), 0);
	assert_refused(STATE_WATCH, -EPERM, "chmod 700");
	assert_int_equal(chmod(place, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(place, 12345, -1), 0);
		assert_refused(STATE_READ, -EPERM, "can be written by others");
		assert_int_equal(chown(place, 0, -1), 0);
	}
	state_close(open_state(STATE_WRITE));
}

static void a_file_is_no_directory_for_it(void **unused)
{
	int fd = open(place, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)unused;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_refused(STATE_WRITE, -ENOTDIR, "no directory");
}

static void a_reader_says_that_there_is_no_state_yet(void **unused)
{
	(void)unused;
	assert_refused(STATE_READ, -ENOENT, "there is no state in");
	assert_int_equal(access(place, F_OK), -1);
	assert_int_equal(mkdir(place, 0700), 0);
	assert_refused(STATE_READ, -ENOENT, "there is no state yet");
}

static void an_empty_file_is_no_state_yet(void **unused)
{
	int fd;

	(void)unused;
	assert_int_equal(mkdir(place, 0700), 0);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_refused(STATE_READ, -ENOENT, "is empty");
	state_close(open_state(STATE_WRITE));
	state_close(open_state(STATE_READ));
}

static void a_second_watch_is_refused_and_names_the_first(void **unused)
{
	struct state *watch = open_state(STATE_WATCH);
	char pid[32];
	pid_t child;
	int status;

	(void)unused;
	(void)snprintf(pid, sizeof(pid), "process %d:", (int)getpid());
	assert_refused(STATE_WATCH, -EBUSY, pid);
	child = fork();
	if (!child) {
		struct error error = { "" };
		struct state *second = NULL;
		int code = state_open(place, STATE_WATCH, &second, &error);

		_exit(code == -EBUSY && strstr(error.text, pid) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* The others may come all the same. */
	state_close(open_state(STATE_WRITE));
	state_close(open_state(STATE_READ));
	assert_refused(STATE_WATCH, -EBUSY, pid);
	state_close(watch);
	state_close(open_state(STATE_WATCH));
}

static void the_lock_goes_with_a_killed_watch(void **unused)
{
	int ready[2], status;
	char byte;
	pid_t child;

	(void)unused;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		struct state *watch = open_state(STATE_WATCH);

		(void)watch;
		(void)!write(ready[1], "", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_refused(STATE_WATCH, -EBUSY, "is watched by another");
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	state_close(open_state(STATE_WATCH));
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void a_newer_state_is_refused_and_says_what_to_do(void **unused)
{
	(void)unused;
	state_close(open_state(STATE_WRITE));
	run_sql("PRAGMA user_version = 99");
	assert_refused(STATE_WRITE, -ENOTSUP, "newer sombrero");
	assert_refused(STATE_READ, -ENOTSUP, "move the file away");
}

static void another_programs_database_is_refused(void **unused)
{
	(void)unused;
	assert_int_equal(mkdir(place, 0700), 0);
	run_sql("CREATE TABLE theirs (a)");
	assert_refused(STATE_WRITE, -EBADMSG, "another program's file");
}

static void write_over(off_t at, size_t size)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	char *rubbish = malloc(size);

	assert_true(fd >= 0);
	assert_non_null(rubbish);
	memset(rubbish, 0x5a, size);
	assert_int_equal(pwrite(fd, rubbish, size, at), size);
	free(rubbish);
	(void)close(fd);
}

static void a_damaged_head_is_said(void **unused)
{
	(void)unused;
	state_close(open_state(STATE_WRITE));
	write_over(0, 100);
	assert_refused(STATE_WRITE, -EBADMSG, "it is damaged: move it away");
	assert_refused(STATE_READ, -EBADMSG, "it is damaged: move it away");
}

static int ignore_file(void *to, const char *path, const struct baseline_file *known)
{
	(void)path;
	(void)known;
	(*(unsigned *)to)++;
	return 0;
}

static void a_damaged_page_is_said_when_it_is_met(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline;
	unsigned count = 0;
	char path[64];
	int status;

	(void)unused;
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(path, sizeof(path), "/srv/app/file-%d", i);
		put_file(opened, path);
	}
	commit(opened);
	state_close(opened);
	write_over(24 * 4096, 200000);
	opened = open_state(STATE_READ);
	baseline = state_baseline(opened);
	status = baseline->walk(baseline->owner, "/", ignore_file, &count);
	assert_int_equal(status, -EBADMSG);
	assert_non_null(strstr(state_error(opened), "it is damaged: move it away"));
	state_close(opened);
}

static void facts_of_a_wrong_length_are_damage(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline;
	struct baseline_file known;

	(void)unused;
	state_close(opened);
	run_sql("INSERT INTO file VALUES (CAST('/a' AS BLOB), x'01'), (CAST('/b' AS BLOB), zeroblob(84)),"
		" (CAST('/d' AS BLOB), CAST(x'0300' || zeroblob(82) || x'6100' AS BLOB))");
	opened = open_state(STATE_READ);
	baseline = state_baseline(opened);
	assert_int_equal(baseline->find(baseline->owner, "/a", &known), -EBADMSG);
	assert_int_equal(baseline->find(baseline->owner, "/b", &known), -EBADMSG);
	assert_int_equal(baseline->find(baseline->owner, "/c", &known), 0);
	assert_int_equal(baseline->find(baseline->owner, "/d", &known), -EBADMSG);
	state_close(opened);
}

static void what_is_read_only_is_not_written(void **unused)
{
	struct state *opened;
	const struct baseline *baseline;
	struct baseline_file known = some_file();

	(void)unused;
	state_close(open_state(STATE_WRITE));
	opened = open_state(STATE_READ);
	baseline = state_baseline(opened);
	assert_int_equal(baseline->put(baseline->owner, "/a", &known), -EROFS);
	state_close(opened);
}

static void many_may_make_it_at_once(void **unused)
{
	pid_t children[8];
	int status;

	(void)unused;
	for (size_t i = 0; i < 8; i++) {
		children[i] = fork();
		if (!children[i]) {
			struct error error = { "" };
			struct state *opened = NULL;

			if (state_open(place, STATE_WRITE, &opened, &error)) {
				(void)fprintf(stderr, "%s\n", error.text);
				_exit(1);
			}
			state_close(opened);
			_exit(0);
		}
	}
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static void a_file_comes_back_as_it_was_put(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);
	struct baseline_file put = some_file(),
			     link = { .type = FILE_SYMLINK,
				      .immutable = true,
				      .mode = 0777,
				      .target = "../releases/4\x01\xff" },
			     got;

	(void)unused;
	put_file(opened, "/srv/\xff\n'%_\\");
	assert_int_equal(baseline->put(baseline->owner, "/srv/current", &link), 0);
	opened = reopen(opened, STATE_READ);
	baseline = state_baseline(opened);
	assert_int_equal(baseline->find(baseline->owner, "/srv/\xff\n'%_\\", &got), 1);
	assert_string_equal(got.target, "");
	assert_memory_equal(got.sha256, put.sha256, sizeof(put.sha256));
	assert_true(got.type == put.type && got.has_sha256 && got.append_only && !got.immutable &&
		    got.mode == put.mode && got.uid == put.uid && got.gid == put.gid && got.device == put.device &&
		    got.inode == put.inode && got.size == put.size && got.mtime_ns == put.mtime_ns &&
		    got.ctime_ns == put.ctime_ns);
	assert_int_equal(baseline->find(baseline->owner, "/srv/current", &got), 1);
	assert_string_equal(got.target, "../releases/4\x01\xff");
	assert_true(got.immutable && !got.append_only && !got.has_sha256);
	assert_int_equal(baseline->find(baseline->owner, "/srv/", &got), 0);
	assert_int_equal(baseline->find(baseline->owner, "/SRV/CURRENT", &got), 0);
	state_close(opened);
}

static void put_files(struct state *opened, const char *const *paths)
{
	for (; *paths; paths++)
		put_file(opened, *paths);
}

static void below_is_the_path_and_what_is_in_it_and_no_more(void **unused)
{
	static const char *const paths[] = { "/a/b",  "/a/b-c", "/a/b/z",  "/a/b/\x01", "/a/b/\xff",
					     "/a/b0", "/a/B/x", "/a/bc/x", "/",         NULL };
	struct state *opened = open_state(STATE_WRITE);

	(void)unused;
	put_files(opened, paths);
	assert_below(opened, "/a/b", "/a/b /a/b/\x01 /a/b/z /a/b/\xff ");
	assert_below(opened, "/a/b/z", "/a/b/z ");
	assert_below(opened, "/a/x", "");
	assert_below(opened, "/a/_", "");
	assert_below(opened, "/a/b%", "");
	assert_below(opened, "/", "/ /a/B/x /a/b /a/b-c /a/b/\x01 /a/b/z /a/b/\xff /a/b0 /a/bc/x ");
	state_close(opened);
}

static void a_visitor_ends_the_walk(void **unused)
{
	static const char *const paths[] = { "/a", "/a/b", "/a/c", NULL };
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);
	struct list list = { .stop_after = 2 };

	(void)unused;
	put_files(opened, paths);
	assert_int_equal(baseline->walk(baseline->owner, "/a", list_file, &list), 7);
	assert_string_equal(list.text, "/a /a/b ");
	list = (struct list) { .stop_after = 1 };
	assert_int_equal(baseline->walk(baseline->owner, "/a", list_file, &list), 7);
	assert_string_equal(list.text, "/a ");
	state_close(opened);
}

static void a_tree_is_forgotten_with_its_texts(void **unused)
{
	static const char *const paths[] = { "/a", "/a/b", "/a/c/d", "/a-b", "/ab", NULL };
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);
	const char *text;
	size_t size;

	(void)unused;
	put_files(opened, paths);
	assert_int_equal(baseline->put_text(baseline->owner, "/a/b", "x", 1), 0);
	assert_int_equal(baseline->put_text(baseline->owner, "/ab", "y", 1), 0);
	assert_int_equal(baseline->set_taken(baseline->owner, "/a"), 0);
	assert_int_equal(baseline->forget(baseline->owner, "/a"), 3);
	assert_int_equal(baseline->forget(baseline->owner, "/a"), 0);
	assert_below(opened, "/", "/a-b /ab ");
	assert_int_equal(baseline->find_text(baseline->owner, "/a/b", &text, &size), 0);
	assert_int_equal(baseline->find_text(baseline->owner, "/ab", &text, &size), 1);
	assert_int_equal(baseline->is_taken(baseline->owner, "/a"), 1);
	state_close(opened);
}

static void a_tree_is_renamed_over_another(void **unused)
{
	static const char *const paths[] = { "/a", "/a/b", "/a/c/d", "/ab", "/z", "/z/old", "/z-y", NULL };
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);
	const char *text;
	size_t size;

	(void)unused;
	put_files(opened, paths);
	assert_int_equal(baseline->put_text(baseline->owner, "/a/c/d", "x", 1), 0);
	assert_int_equal(baseline->put_text(baseline->owner, "/z/old", "y", 1), 0);
	assert_int_equal(baseline->rename(baseline->owner, "/a", "/z"), 3);
	assert_below(opened, "/", "/ab /z /z-y /z/b /z/c/d ");
	assert_int_equal(baseline->find_text(baseline->owner, "/z/c/d", &text, &size), 1);
	assert_int_equal(baseline->find_text(baseline->owner, "/z/old", &text, &size), 0);
	/* To a longer name, of the same beginning; and to itself. */
	assert_int_equal(baseline->rename(baseline->owner, "/z", "/z-\xffy"), 3);
	assert_below(opened, "/", "/ab /z-y /z-\xffy /z-\xffy/b /z-\xffy/c/d ");
	assert_int_equal(baseline->rename(baseline->owner, "/z-y", "/z-y"), 0);
	assert_below(opened, "/z-y", "/z-y ");
	assert_int_equal(baseline->rename(baseline->owner, "/nothing", "/ab"), 0);
	assert_below(opened, "/ab", "");
	state_close(opened);
}

static void a_tree_may_be_renamed_into_its_own_name_and_deeper(void **unused)
{
	static const char *const paths[] = { "/a", "/a/a", "/a/a/a", "/a/b", NULL };
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);

	(void)unused;
	put_files(opened, paths);
	assert_int_equal(baseline->rename(baseline->owner, "/a", "/a/a"), 2);
	assert_below(opened, "/", "/a/a /a/a/b ");
	state_close(opened);
}

static void texts_come_back_whole_and_are_bounded(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);
	char *large = calloc(1, BASELINE_TEXT_MAX + 1);
	const char *text;
	size_t size;

	(void)unused;
	assert_non_null(large);
	memset(large, 'x', BASELINE_TEXT_MAX + 1);
	large[5] = '\0';
	assert_int_equal(baseline->put_text(baseline->owner, "/a", large, BASELINE_TEXT_MAX), 0);
	assert_int_equal(baseline->put_text(baseline->owner, "/b", "", 0), 0);
	opened = reopen(opened, STATE_WRITE);
	baseline = state_baseline(opened);
	assert_int_equal(baseline->find_text(baseline->owner, "/a", &text, &size), 1);
	assert_int_equal(size, BASELINE_TEXT_MAX);
	assert_memory_equal(text, large, size);
	assert_int_equal(baseline->find_text(baseline->owner, "/b", &text, &size), 1);
	assert_int_equal(size, 0);
	assert_int_equal(baseline->put_text(baseline->owner, "/a", large, BASELINE_TEXT_MAX + 1), -E2BIG);
	state_close(opened);
	free(large);
}

static void what_cannot_be_kept_fails_the_commit(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);
	struct baseline_file known = some_file();
	char *target = malloc(5001);

	(void)unused;
	assert_non_null(target);
	memset(target, 'x', 5000);
	target[5000] = '\0';
	put_file(opened, "/a");
	known.target = target;
	assert_int_equal(baseline->put(baseline->owner, "/b", &known), -ENAMETOOLONG);
	known.target = "";
	/* Whoever didn't look gets nothing half: not what was before, nor what comes after. */
	assert_int_equal(baseline->put(baseline->owner, "/c", &known), -ENAMETOOLONG);
	assert_int_equal(state_commit(opened), -ENAMETOOLONG);
	assert_below(opened, "/", "");
	put_file(opened, "/d");
	opened = reopen(opened, STATE_READ);
	assert_below(opened, "/", "/d ");
	state_close(opened);
	free(target);
}

static void a_tree_is_taken_once_for_good(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline = state_baseline(opened);

	(void)unused;
	assert_int_equal(baseline->is_taken(baseline->owner, "/srv"), 0);
	assert_int_equal(baseline->set_taken(baseline->owner, "/srv"), 0);
	assert_int_equal(baseline->set_taken(baseline->owner, "/srv"), 0);
	opened = reopen(opened, STATE_WRITE);
	baseline = state_baseline(opened);
	assert_int_equal(baseline->is_taken(baseline->owner, "/srv"), 1);
	assert_int_equal(baseline->is_taken(baseline->owner, "/srv/app"), 0);
	state_close(opened);
}

static int check_order(void *to, const char *path, const struct baseline_file *known)
{
	struct list *list = to;

	assert_true(strcmp(list->text, path) < 0);
	assert_int_equal(known->uid, 33);
	(void)snprintf(list->text, sizeof(list->text), "%s", path);
	list->stop_after++;
	return 0;
}

static void a_hundred_thousand_files_come_in_the_order_of_their_paths(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	const struct baseline *baseline;
	struct list list = { .text = "" };
	char path[96];
	int n = 100000;

	(void)unused;
	for (int i = 0; i < n; i++) {
		/* Not in their order. */
		(void)snprintf(path, sizeof(path), "/srv/app/releases/%d/node_modules/package-%d/file-%d.js", i % 3,
			       i * 7919 % 997, i);
		put_file(opened, path);
	}
	opened = reopen(opened, STATE_READ);
	baseline = state_baseline(opened);
	assert_int_equal(baseline->walk(baseline->owner, "/srv/app", check_order, &list), 0);
	assert_int_equal(list.stop_after, n);
	state_close(opened);
}

struct taken {
	uint64_t numbers[16];
	char lines[16][32];
	unsigned count;
	struct state *opened;
};

static int take_line(void *to, uint64_t number, const char *line, size_t size)
{
	struct taken *taken = to;

	assert_true(taken->count < 16);
	taken->numbers[taken->count] = number;
	(void)snprintf(taken->lines[taken->count++], 32, "%.*s", (int)size, line);
	return 0;
}

static void what_was_not_taken_is_given_again_under_its_number(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	uint64_t first = add_line(opened, "one"), second = add_line(opened, "two"), third;
	struct taken taken = { 0 };

	(void)unused;
	assert_true(second > first);
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(state_outbox_remove(opened, first), 0);
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(state_outbox_each(opened, 0, take_line, &taken), 0);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.numbers[0], second);
	assert_string_equal(taken.lines[0], "two");
	/* A number is never given twice, though all are gone. */
	assert_int_equal(state_outbox_remove(opened, second), 0);
	opened = reopen(opened, STATE_WATCH);
	third = add_line(opened, "three");
	assert_true(third > second);
	state_close(opened);
}

static void one_may_be_taken_out_of_the_middle(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct taken taken = { 0 };
	uint64_t second;

	(void)unused;
	(void)add_line(opened, "one");
	second = add_line(opened, "two");
	(void)add_line(opened, "three");
	assert_int_equal(state_outbox_remove(opened, second), 0);
	assert_int_equal(state_outbox_remove(opened, second), 0);
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(state_outbox_each(opened, 0, take_line, &taken), 0);
	assert_int_equal(taken.count, 2);
	assert_string_equal(taken.lines[1], "three");
	state_close(opened);
}

static int take_and_finish(void *to, uint64_t number, const char *line, size_t size)
{
	struct taken *taken = to;

	(void)take_line(to, number, line, size);
	assert_int_equal(state_outbox_remove(taken->opened, number), 0);
	commit(taken->opened);
	if (taken->count == 2)
		(void)add_line(taken->opened, "late");
	return taken->count == 3 ? 5 : 0;
}

static void the_outbox_may_be_worked_on_while_it_is_read(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct taken taken = { .opened = opened };

	(void)unused;
	(void)add_line(opened, "one");
	(void)add_line(opened, "two");
	commit(opened);
	assert_int_equal(state_outbox_each(opened, 0, take_and_finish, &taken), 5);
	assert_int_equal(taken.count, 3);
	assert_string_equal(taken.lines[2], "late");
	state_close(opened);
}

static void what_is_not_done_by_a_commit_is_not_done(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct taken taken = { 0 };
	uint64_t kept;

	(void)unused;
	kept = add_line(opened, "kept");
	commit(opened);
	assert_int_equal(state_outbox_remove(opened, kept), 0);
	(void)add_line(opened, "lost");
	put_file(opened, "/lost");
	state_close(opened);
	opened = open_state(STATE_READ);
	assert_int_equal(state_outbox_each(opened, 0, take_line, &taken), 0);
	assert_int_equal(taken.count, 1);
	assert_string_equal(taken.lines[0], "kept");
	assert_below(opened, "/", "");
	state_close(opened);
}

/* A child that is killed with -9 after it wrote, before or after its commit. */
static void write_and_be_killed(bool after_commit)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct state *opened = open_state(STATE_WATCH);

		(void)add_line(opened, "finding");
		put_file(opened, "/srv/app/x");
		if (after_commit)
			commit(opened);
		put_file(opened, "/srv/app/y");
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void kill_9_loses_a_report_with_its_baseline_or_neither(void **unused)
{
	struct state *opened;
	struct taken taken = { 0 };

	(void)unused;
	write_and_be_killed(false);
	opened = open_state(STATE_WATCH);
	assert_int_equal(state_outbox_each(opened, 0, take_line, &taken), 0);
	assert_int_equal(taken.count, 0);
	assert_below(opened, "/", "");
	state_close(opened);
	write_and_be_killed(true);
	opened = open_state(STATE_WATCH);
	assert_int_equal(state_outbox_each(opened, 0, take_line, &taken), 0);
	assert_int_equal(taken.count, 1);
	assert_below(opened, "/", "/srv/app/x ");
	state_close(opened);
}

static void a_reader_sees_the_last_commit_while_a_watch_writes(void **unused)
{
	struct state *watch = open_state(STATE_WATCH), *reader;

	(void)unused;
	put_file(watch, "/a");
	commit(watch);
	put_file(watch, "/b");
	reader = open_state(STATE_READ);
	assert_below(reader, "/", "/a ");
	commit(watch);
	assert_below(reader, "/", "/a /b ");
	state_close(reader);
	state_close(watch);
}

static void two_processes_write_in_turn(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	struct state_counts counts;
	pid_t children[2];
	int status;

	(void)unused;
	for (int n = 0; n < 2; n++) {
		children[n] = fork();
		if (!children[n]) {
			struct state *writer = open_state(n ? STATE_WRITE : STATE_WATCH);
			char path[64];

			for (int i = 0; i < 200; i++) {
				(void)snprintf(path, sizeof(path), "/%d/%d", n, i);
				put_file(writer, path);
				commit(writer);
			}
			state_close(writer);
			_exit(0);
		}
	}
	for (int n = 0; n < 2; n++) {
		assert_int_equal(waitpid(children[n], &status, 0), children[n]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.files, 400);
	state_close(opened);
}

static void a_full_disk_keeps_what_was_committed(void **unused)
{
	struct state *opened;
	const struct baseline *baseline;
	struct baseline_file known = some_file();
	char path[64];
	int status = 0;

	(void)unused;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(place, 0700), 0);
	/* In a mount namespace of our own, so that it goes with us however this ends. */
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", place, "tmpfs", 0, "size=1m,mode=0700"), 0);
	opened = open_state(STATE_WATCH);
	baseline = state_baseline(opened);
	put_file(opened, "/first");
	commit(opened);
	for (int i = 0; i < 100000 && !status; i++) {
		(void)snprintf(path, sizeof(path), "/fills/the/disk/%d", i);
		status = baseline->put(baseline->owner, path, &known);
	}
	if (!status)
		status = state_commit(opened);
	else
		assert_int_equal(state_commit(opened), status);
	assert_int_equal(status, -ENOSPC);
	assert_non_null(strstr(state_error(opened), "make room on that disk"));
	assert_below(opened, "/", "/first ");
	put_file(opened, "/second"); /* it goes on where there is room again */
	opened = reopen(opened, STATE_READ);
	assert_below(opened, "/", "/first /second ");
	state_close(opened);
	assert_int_equal(umount(place), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_directory_is_made_for_its_owner_alone),
		TEST(a_directory_that_others_can_write_to_is_refused),
		TEST(a_file_is_no_directory_for_it),
		TEST(a_reader_says_that_there_is_no_state_yet),
		TEST(an_empty_file_is_no_state_yet),
		TEST(a_second_watch_is_refused_and_names_the_first),
		TEST(the_lock_goes_with_a_killed_watch),
		TEST(a_newer_state_is_refused_and_says_what_to_do),
		TEST(another_programs_database_is_refused),
		TEST(a_damaged_head_is_said),
		TEST(a_damaged_page_is_said_when_it_is_met),
		TEST(facts_of_a_wrong_length_are_damage),
		TEST(what_is_read_only_is_not_written),
		TEST(many_may_make_it_at_once),
		TEST(a_file_comes_back_as_it_was_put),
		TEST(below_is_the_path_and_what_is_in_it_and_no_more),
		TEST(a_visitor_ends_the_walk),
		TEST(a_tree_is_forgotten_with_its_texts),
		TEST(a_tree_is_renamed_over_another),
		TEST(a_tree_may_be_renamed_into_its_own_name_and_deeper),
		TEST(texts_come_back_whole_and_are_bounded),
		TEST(what_cannot_be_kept_fails_the_commit),
		TEST(a_tree_is_taken_once_for_good),
		TEST(a_hundred_thousand_files_come_in_the_order_of_their_paths),
		TEST(what_was_not_taken_is_given_again_under_its_number),
		TEST(one_may_be_taken_out_of_the_middle),
		TEST(the_outbox_may_be_worked_on_while_it_is_read),
		TEST(what_is_not_done_by_a_commit_is_not_done),
		TEST(kill_9_loses_a_report_with_its_baseline_or_neither),
		TEST(a_reader_sees_the_last_commit_while_a_watch_writes),
		TEST(two_processes_write_in_turn),
		TEST(a_full_disk_keeps_what_was_committed),
	};

	t0 = ((uint64_t)time(NULL) - 10 * 86400) * SECOND;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
