/* SPDX-License-Identifier: Apache-2.0 */
/* The state on disk: what is kept, what is bounded, what a kill or a full or damaged disk does to it, and who may have it at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "event/ndjson.h"
#include "state/history.h"

#define SECOND 1000000000ULL
#define DAY    (86400 * SECOND)

/* When what happens in the tests begins: ten days ago, in whole seconds. */
static uint64_t t0;

/* A folder of its own for each test, which is gone afterwards. */

static char folder[64], place[96], file[128];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/sombrero-state-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(place, sizeof(place), "%s/state", folder);
	(void)snprintf(file, sizeof(file), "%s/state.db", place);
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct state *open_state(enum state_mode mode)
{
	struct error error = { "" };
	struct state *opened = NULL;

	if (state_open(place, mode, &opened, &error))
		fail_msg("%s", error.text);
	return opened;
}

static void assert_refused(enum state_mode mode, int status, const char *words)
{
	struct error error = { "" };
	struct state *opened = NULL;

	assert_int_equal(state_open(place, mode, &opened, &error), status);
	assert_null(opened);
	if (!strstr(error.text, words))
		fail_msg("%s: should say %s", error.text, words);
}

static void commit(struct state *opened)
{
	if (state_commit(opened))
		fail_msg("%s", state_error(opened));
}

static struct state *reopen(struct state *opened, enum state_mode mode)
{
	commit(opened);
	state_close(opened);
	return open_state(mode);
}

/* Opening */

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

static void run_sql(const char *sql)
{
	sqlite3 *database = NULL;

	assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
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

static struct baseline_file some_file(void)
{
	struct baseline_file known = {
		.type = FILE_REGULAR,
		.append_only = true,
		.has_sha256 = true,
		.mode = 0644,
		.uid = 33,
		.gid = 0xfffffffe,
		.device = 0x800000001,
		.inode = UINT64_MAX,
		.size = 1ULL << 40,
		.mtime_ns = t0,
		.ctime_ns = t0 + 1,
		.target = "",
	};

	memset(known.sha256, 0xab, sizeof(known.sha256));
	return known;
}

static void put_file(struct state *opened, const char *path)
{
	const struct baseline *baseline = state_baseline(opened);
	struct baseline_file known = some_file();

	if (baseline->put(baseline->owner, path, &known))
		fail_msg("%s: %s", path, state_error(opened));
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

/* The baseline */

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

struct list {
	char text[4096];
	int stop_after;
};

static int list_file(void *to, const char *path, const struct baseline_file *known)
{
	struct list *list = to;

	(void)known;
	(void)snprintf(list->text + strlen(list->text), sizeof(list->text) - strlen(list->text), "%s ", path);
	return list->stop_after && !--list->stop_after ? 7 : 0;
}

static void assert_below(struct state *opened, const char *path, const char *expected)
{
	const struct baseline *baseline = state_baseline(opened);
	struct list list = { .text = "" };

	assert_int_equal(baseline->walk(baseline->owner, path, list_file, &list), 0);
	assert_string_equal(list.text, expected);
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

/* The outbox, and transactions */

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

static uint64_t add_line(struct state *opened, const char *line)
{
	uint64_t number = 0;

	assert_int_equal(state_outbox_add(opened, line, strlen(line), &number), 0);
	return number;
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

/* Events */

static struct event make_event(enum event_kind kind, uint64_t seconds, const char *login)
{
	struct event event;

	event_init(&event, kind);
	event.time_ns = t0 + seconds * SECOND;
	event.login = login;
	event.person = *login ? "SHA256:abc" : "";
	event.login_user = event.user = "alice";
	event.pid = 100;
	event.start_ns = 5;
	event.program = (struct program) { .exe = "/usr/bin/id", .called = "id", .script = "", .text = "/usr/bin/id" };
	return event;
}

static struct event make_login(uint64_t seconds, const char *login)
{
	struct event event = make_event(EVENT_LOGIN, seconds, login);

	event.login_service = "sshd";
	event.login_method = "publickey";
	event.key = "SHA256:abc";
	event.certificate = "alice@corp";
	event.family = AF_INET6;
	(void)inet_pton(AF_INET6, "2001:db8::1", event.remote_address);
	event.remote_port = 50022;
	event.tty = "pts/0";
	event.session_id = 7;
	return event;
}

static void record(struct state *opened, struct event event)
{
	if (state_record(opened, &event))
		fail_msg("%s", state_error(opened));
}

/* The last session or change that was visited, its strings copied. */
struct seen {
	struct state *opened;
	struct state_session session;
	struct state_change change;
	char id[64], person[64], address[64], key[64], tty[16], origin[16], order[512];
	unsigned count;
};

static int ignore_line(void *to, const char *line, size_t size, bool orphan)
{
	(void)to;
	(void)line;
	(void)size;
	(void)orphan;
	return 0;
}

/* Whoever visits a session may ask for its events meanwhile. */
static int see_session(void *to, const struct state_session *session)
{
	struct seen *seen = to;

	if (seen->opened)
		assert_int_equal(state_session_events(seen->opened, session->id, ignore_line, NULL), 0);

	seen->session = *session;
	seen->count++;
	(void)snprintf(seen->id, sizeof(seen->id), "%s", session->id);
	(void)snprintf(seen->person, sizeof(seen->person), "%s", session->person);
	(void)snprintf(seen->address, sizeof(seen->address), "%s", session->address);
	(void)snprintf(seen->key, sizeof(seen->key), "%s", session->key);
	(void)snprintf(seen->tty, sizeof(seen->tty), "%s", session->tty);
	(void)snprintf(seen->order + strlen(seen->order), sizeof(seen->order) - strlen(seen->order), "%s ",
		       session->id);
	return 0;
}

static struct seen find_session(struct state *opened, const char *id)
{
	struct seen seen = { .opened = opened };

	if (state_session_find(opened, id, see_session, &seen))
		fail_msg("%s", state_error(opened));
	return seen;
}

struct lines {
	unsigned count, orphans;
	size_t bytes;
	char last[8192];
};

static int see_line(void *to, const char *line, size_t size, bool orphan)
{
	struct lines *lines = to;

	lines->count++;
	lines->orphans += orphan;
	lines->bytes += size;
	(void)snprintf(lines->last, sizeof(lines->last), "%.*s", (int)size, line);
	return 0;
}

static void a_session_is_kept_from_login_to_logout(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event logout = make_event(EVENT_LOGOUT, 60, "00000000000000aa");
	struct lines lines = { 0 };
	struct seen seen;

	(void)unused;
	record(opened, make_login(0, "00000000000000aa"));
	record(opened, make_event(EVENT_EXEC, 1, "00000000000000aa"));
	seen = find_session(opened, "00000000000000aa");
	assert_int_equal(seen.session.end, STATE_OPEN);
	record(opened, make_event(EVENT_WRITE, 2, "00000000000000aa"));
	logout.processes = 12;
	logout.files = 3;
	record(opened, logout);
	opened = reopen(opened, STATE_READ);
	seen = find_session(opened, "00");
	assert_int_equal(seen.session.end, STATE_ENDED);
	assert_int_equal(seen.session.begin_ns, t0);
	assert_int_equal(seen.session.end_ns, t0 + 60 * SECOND);
	assert_int_equal(seen.session.processes, 12);
	assert_int_equal(seen.session.files, 3);
	assert_int_equal(seen.session.port, 50022);
	assert_int_equal(seen.session.audit_session, 7);
	assert_true(seen.session.seen_login);
	assert_string_equal(seen.person, "SHA256:abc");
	assert_string_equal(seen.address, "2001:db8::1");
	assert_string_equal(seen.key, "SHA256:abc");
	assert_string_equal(seen.tty, "pts/0");
	assert_int_equal(seen.session.tally.seen[EVENT_EXEC], 1);
	assert_int_equal(seen.session.tally.seen[EVENT_WRITE], 1);
	assert_int_equal(seen.session.tally.orphans, 0);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_int_equal(lines.count, 4);
	state_close(opened);
}

static void a_line_is_the_event_itself(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event event = make_event(EVENT_EXEC, 1, "00000000000000aa");
	struct buffer written = BUFFER_INIT(65536);
	struct lines lines = { 0 };

	(void)unused;
	event.argv = "id\0-u";
	event.argv_size = 6;
	event.argc = 2;
	record(opened, event);
	commit(opened);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	ndjson_write(&written, &event);
	assert_int_equal(lines.bytes, written.size - 1);
	assert_memory_equal(lines.last, written.data, written.size - 1);
	buffer_free(&written);
	state_close(opened);
}

static void a_session_whose_login_was_missed_is_kept_with_what_is_known(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event login = make_login(5, "bb00000000000000");
	struct seen seen;

	(void)unused;
	record(opened, make_event(EVENT_EXEC, 3, "bb00000000000000"));
	seen = find_session(opened, "bb");
	assert_false(seen.session.seen_login);
	assert_string_equal(seen.person, "SHA256:abc");
	assert_int_equal(seen.session.begin_ns, t0 + 3 * SECOND);
	/* A login is told once it is known who it was, which may be later; one that was found adds what it knows. */
	login.flags = EVENT_FLAG_EXISTING;
	record(opened, login);
	seen = find_session(opened, "bb");
	assert_false(seen.session.seen_login);
	assert_string_equal(seen.address, "2001:db8::1");
	login.flags = 0;
	record(opened, login);
	seen = find_session(opened, "bb");
	assert_true(seen.session.seen_login);
	assert_int_equal(seen.session.begin_ns, t0 + 3 * SECOND);
	state_close(opened);
}

static void what_outlives_its_session_is_marked(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event orphan = make_event(EVENT_EXEC, 2, "00000000000000aa");
	struct lines lines = { 0 };

	(void)unused;
	record(opened, make_login(0, "00000000000000aa"));
	orphan.flags = EVENT_FLAG_ORPHAN;
	record(opened, orphan);
	record(opened, make_event(EVENT_LOGOUT, 10, "00000000000000aa"));
	record(opened, make_event(EVENT_EXIT, 10, "00000000000000aa"));
	opened = reopen(opened, STATE_WATCH);
	record(opened, make_event(EVENT_WRITE, 11, "00000000000000aa"));
	commit(opened);
	assert_int_equal(find_session(opened, "00").session.tally.orphans, 2);
	assert_int_equal(find_session(opened, "00").session.end, STATE_ENDED);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_int_equal(lines.orphans, 2);
	state_close(opened);
}

static void beyond_the_bounds_events_are_counted(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const struct state_limits limits = { .record_lines = 10,
					     .record_bytes = 1 << 20,
					     .failed = 10,
					     .touched = 10,
					     .age_seconds = 1U << 31,
					     .size_bytes = 1 << 30 };
	struct lines lines = { 0 };
	struct seen seen;

	(void)unused;
	state_limit(opened, &limits);
	for (unsigned i = 0; i < 25; i++) {
		record(opened, make_event(i % 2 ? EVENT_WRITE : EVENT_EXEC, i, "00000000000000aa"));
		if (i == 12)
			opened = reopen(opened, STATE_WATCH), state_limit(opened, &limits);
	}
	commit(opened);
	seen = find_session(opened, "00");
	assert_int_equal(seen.session.tally.seen[EVENT_EXEC], 13);
	/* The last quarter is for what tells more. */
	assert_int_equal(seen.session.tally.dropped[EVENT_EXEC], 9);
	assert_int_equal(seen.session.tally.seen[EVENT_WRITE], 12);
	assert_int_equal(seen.session.tally.dropped[EVENT_WRITE], 6);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_int_equal(lines.count, 10);
	state_close(opened);
}

static void a_session_has_room_for_so_many_bytes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_limits limits = { .record_lines = 1000,
				       .record_bytes = 2000,
				       .failed = 10,
				       .touched = 10,
				       .age_seconds = 1U << 31,
				       .size_bytes = 1 << 30 };
	struct lines lines = { 0 };

	(void)unused;
	state_limit(opened, &limits);
	for (unsigned i = 0; i < 100; i++)
		record(opened, make_event(EVENT_EXEC, i, "00000000000000aa"));
	commit(opened);
	assert_int_equal(state_session_events(opened, "00000000000000aa", see_line, &lines), 0);
	assert_in_range(lines.bytes, 1000, 2000);
	assert_int_equal(find_session(opened, "00").session.tally.dropped[EVENT_EXEC], 100 - lines.count);
	state_close(opened);
}

static void what_belongs_to_nobody_leaves_no_trace(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_counts counts;

	(void)unused;
	record(opened, make_event(EVENT_EXEC, 1, ""));
	record(opened, make_event(EVENT_WRITE, 1, ""));
	commit(opened);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.sessions, 0);
	assert_int_equal(counts.changes, 0);
	state_close(opened);
}

static void an_id_is_found_by_its_beginning(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct seen seen = { 0 };

	(void)unused;
	record(opened, make_login(0, "aa00000000000001"));
	record(opened, make_login(1, "aa00000000000002"));
	record(opened, make_login(2, "ab00000000000003"));
	commit(opened);
	assert_string_equal(find_session(opened, "ab").id, "ab00000000000003");
	assert_string_equal(find_session(opened, "aa00000000000001").id, "aa00000000000001");
	assert_int_equal(state_session_find(opened, "aa", see_session, &seen), -ENOTUNIQ);
	assert_non_null(strstr(state_error(opened), "several sessions begin with aa"));
	assert_int_equal(state_session_find(opened, "a%", see_session, &seen), -ENOENT);
	assert_int_equal(state_session_find(opened, "", see_session, &seen), -ENOTUNIQ);
	state_close(opened);
}

static void sessions_are_listed_newest_first_and_filtered(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event bob = make_login(1, "b000000000000000");
	struct seen seen = { 0 };
	struct state_session_filter filter = { .open = true };

	(void)unused;
	bob.person = "bob@corp";
	bob.login_user = "root";
	bob.key = "SHA256:bob";
	bob.certificate = "bob@corp";
	record(opened, make_login(0, "a000000000000000"));
	record(opened, bob);
	record(opened, make_login(2, "c000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, 9, "c000000000000000"));
	commit(opened);
	assert_int_equal(state_sessions(opened, NULL, see_session, &seen), 0);
	assert_string_equal(seen.order, "c000000000000000 b000000000000000 a000000000000000 ");
	seen = (struct seen) { 0 };
	assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
	assert_string_equal(seen.order, "b000000000000000 a000000000000000 ");
	for (const char *const *who = (const char *const[]) { "bob@corp", "root", "SHA256:bob", NULL }; *who; who++) {
		filter = (struct state_session_filter) { .person = *who };
		seen = (struct seen) { 0 };
		assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
		assert_string_equal(seen.order, "b000000000000000 ");
	}
	filter = (struct state_session_filter) { .since_ns = t0 + 5 * SECOND };
	seen = (struct seen) { 0 };
	assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
	assert_string_equal(seen.order, "c000000000000000 ");
	state_close(opened);
}

static void a_session_that_the_watch_left_is_open_and_unwatched_until_it_is_seen_again(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct seen seen;

	(void)unused;
	record(opened, make_login(0, "a000000000000000"));
	record(opened, make_login(0, "b000000000000000"));
	opened = reopen(opened, STATE_READ);
	seen = find_session(opened, "a");
	assert_int_equal(seen.session.end, STATE_UNWATCHED);
	assert_in_range(seen.session.watched_ns, (uint64_t)time(NULL) * SECOND - 60 * SECOND,
			(uint64_t)time(NULL) * SECOND + SECOND);
	state_close(opened);
	/* The next watch has heard of one of them. */
	opened = open_state(STATE_WATCH);
	record(opened, make_event(EVENT_EXEC, 5, "a000000000000000"));
	commit(opened);
	assert_int_equal(find_session(opened, "a").session.end, STATE_OPEN);
	assert_int_equal(find_session(opened, "b").session.end, STATE_UNWATCHED);
	state_close(opened);
}

static void a_session_ends_with_its_boot(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct seen seen = { 0 };
	const struct state_session_filter filter = { .open = true };

	(void)unused;
	record(opened, make_login(0, "a000000000000000"));
	commit(opened);
	state_close(opened);
	run_sql("UPDATE session SET boot = 'of yesterday'");
	opened = open_state(STATE_WATCH);
	seen = find_session(opened, "a");
	assert_int_equal(seen.session.end, STATE_REBOOTED);
	assert_true(seen.session.watched_ns > t0);
	seen = (struct seen) { 0 };
	assert_int_equal(state_sessions(opened, &filter, see_session, &seen), 0);
	assert_int_equal(seen.count, 0);
	state_close(opened);
}

static struct event make_failed(uint64_t seconds, const char *user, uint64_t attempts)
{
	struct event event = make_event(EVENT_LOGIN_FAILED, seconds, "");

	event.login_user = user;
	event.login_service = "sshd";
	event.family = AF_INET;
	(void)inet_pton(AF_INET, "192.0.2.7", event.remote_address);
	event.attempts = attempts;
	return event;
}

struct failures {
	char text[1024];
	uint64_t attempts;
	unsigned count;
};

static int see_failed(void *to, const struct state_failed *failed)
{
	struct failures *failures = to;

	failures->count++;
	failures->attempts += failed->attempts;
	if (failures->count <= 8)
		(void)snprintf(failures->text + strlen(failures->text), 120, "%s@%s/%s:%llu:%llu-%llu ", failed->user,
			       failed->address, failed->service, (unsigned long long)failed->attempts,
			       (unsigned long long)((failed->first_ns - t0) / SECOND),
			       (unsigned long long)((failed->last_ns - t0) / SECOND));
	return 0;
}

static void failed_logins_are_counted_by_address_user_and_service(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct failures failures = { .text = "" };

	(void)unused;
	record(opened, make_failed(0, "root", 1));
	record(opened, make_failed(5, "root", 10));
	record(opened, make_failed(7, "x'; DROP", 0));
	record(opened, make_failed(6, "", 1)); /* `user` is alice there: who runs the service */
	opened = reopen(opened, STATE_WATCH);
	record(opened, make_failed(9, "root", 2));
	commit(opened);
	assert_int_equal(state_failed_logins(opened, 0, see_failed, &failures), 0);
	assert_string_equal(failures.text,
			    "root@192.0.2.7/sshd:13:0-9 x'; DROP@192.0.2.7/sshd:1:7-7 @192.0.2.7/sshd:1:6-6 ");
	failures = (struct failures) { .text = "" };
	assert_int_equal(state_failed_logins(opened, t0 + 8 * SECOND, see_failed, &failures), 0);
	assert_int_equal(failures.count, 1);
	state_close(opened);
}

static void of_failed_logins_the_oldest_goes_and_is_counted(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct failures failures = { .text = "" };
	struct state_counts counts;
	char user[32];

	(void)unused;
	for (unsigned i = 0; i < STATE_FAILED_MAX + 50; i++) {
		(void)snprintf(user, sizeof(user), "user-%u", i);
		record(opened, make_failed(i, user, 2));
	}
	commit(opened);
	assert_int_equal(state_failed_logins(opened, 0, see_failed, &failures), 0);
	assert_int_equal(failures.count, STATE_FAILED_MAX);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.failed_dropped, 100);
	assert_non_null(strstr(failures.text, "user-10049@"));
	failures = (struct failures) { .text = "" };
	assert_int_equal(state_failed_logins(opened, t0 + 49 * SECOND, see_failed, &failures), 0);
	assert_int_equal(failures.count, STATE_FAILED_MAX);
	state_close(opened);
}

/* Changes */

/* Whoever visits a change may ask for its events meanwhile. */
static int see_change(void *to, const struct state_change *change)
{
	struct seen *seen = to;

	if (seen->opened)
		assert_int_equal(state_change_events(seen->opened, change->id, change->run, ignore_line, NULL), 0);

	seen->change = *change;
	seen->count++;
	(void)snprintf(seen->id, sizeof(seen->id), "%s", change->id);
	(void)snprintf(seen->origin, sizeof(seen->origin), "%s", change->origin);
	(void)snprintf(seen->person, sizeof(seen->person), "%s", change->person);
	(void)snprintf(seen->order + strlen(seen->order), 64, "%s/%llu ", change->id, (unsigned long long)change->run);
	return 0;
}

static struct seen find_change(struct state *opened, const char *id, uint64_t run)
{
	struct seen seen = { .opened = opened };

	if (state_change_find(opened, id, run, see_change, &seen))
		fail_msg("%s", state_error(opened));
	return seen;
}

static struct event make_act(enum event_kind kind, uint64_t seconds, const char *change, uint32_t pid)
{
	struct event event = make_event(kind, seconds, "");

	event.context.kind = CONTEXT_CHANGE;
	event.context.name = change;
	event.change = change;
	event.pid = pid;
	event.start_ns = pid;
	return event;
}

static uint64_t begin_change(struct state *opened, const char *id)
{
	const struct state_change change = { .id = id,
					     .person = "SHA256:abc",
					     .user = "alice",
					     .reason = "release",
					     .command = "./deploy",
					     .login = "",
					     .pid = (uint32_t)getpid() };
	uint64_t run = 0;

	if (state_change_begin(opened, &change, &run))
		fail_msg("%s", state_error(opened));
	return run;
}

static uint64_t now_seconds(void)
{
	return (uint64_t)time(NULL) - t0 / SECOND;
}

static void a_declared_change_is_a_run_with_what_was_done_in_it(void **unused)
{
	struct state *watch = open_state(STATE_WATCH), *command = open_state(STATE_WRITE);
	uint64_t run = begin_change(command, "42");
	struct lines lines = { 0 };
	struct seen seen;

	(void)unused;
	assert_int_equal(run, 1);
	assert_int_equal(find_change(watch, "42", 0).change.end, STATE_OPEN);
	record(watch, make_act(EVENT_EXEC, now_seconds() + 2, "42", 10));
	record(watch, make_act(EVENT_WRITE, now_seconds() + 2, "42", 10));
	commit(watch);
	assert_int_equal(state_change_end(command, "42", run, 3), 0);
	record(watch, make_act(EVENT_EXIT, now_seconds() + 3, "42", 10));
	commit(watch);
	seen = find_change(watch, "42", 1);
	assert_int_equal(seen.change.end, STATE_ENDED);
	assert_int_equal(seen.change.exit_status, 3);
	assert_int_equal(seen.change.tally.seen[EVENT_WRITE], 1);
	assert_int_equal(seen.change.tally.seen[EVENT_EXIT], 1);
	assert_string_equal(seen.origin, "declared");
	assert_string_equal(seen.person, "SHA256:abc");
	assert_int_equal(state_change_events(watch, "42", 0, see_line, &lines), 0);
	assert_int_equal(lines.count, 3);
	state_close(command);
	state_close(watch);
}

static void the_same_id_may_run_again_and_each_run_keeps_its_own(void **unused)
{
	struct state *watch = open_state(STATE_WATCH), *command = open_state(STATE_WRITE);
	struct event late;

	(void)unused;
	assert_int_equal(begin_change(command, "42"), 1);
	record(watch, make_act(EVENT_WRITE, now_seconds() + 1, "42", 10));
	commit(watch);
	assert_int_equal(state_change_end(command, "42", 1, 0), 0);
	late = make_act(EVENT_WRITE, 0, "42", 10);
	late.time_ns = find_change(command, "42", 1).change.begin_ns + 1;
	(void)usleep(2000);
	assert_int_equal(begin_change(command, "42"), 2);
	record(watch, make_act(EVENT_WRITE, now_seconds() + 2, "42", 20));
	record(watch, late); /* written before the second began, settled after */
	record(watch, make_act(EVENT_WRITE, now_seconds() + 3, "42", 20));
	commit(watch);
	assert_int_equal(find_change(watch, "42", 1).change.tally.seen[EVENT_WRITE], 2);
	assert_int_equal(find_change(watch, "42", 2).change.tally.seen[EVENT_WRITE], 2);
	assert_int_equal(find_change(watch, "42", 1).change.exit_status, 0);
	assert_int_equal(find_change(watch, "42", 0).change.run, 2);
	assert_int_equal(find_change(watch, "42", 0).change.end, STATE_OPEN);
	state_close(command);
	state_close(watch);
}

static void a_declared_change_is_whose_session_it_is_done_in(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event event;

	(void)unused;
	(void)begin_change(opened, "42");
	event = make_act(EVENT_EXEC, now_seconds() + 1, "42", 10);
	event.login = "a000000000000000";
	event.person = "SHA256:of-alice";
	record(opened, event);
	event.login = "b000000000000000";
	event.person = "SHA256:of-bob";
	record(opened, event);
	commit(opened);
	assert_string_equal(find_change(opened, "42", 0).person, "SHA256:of-alice");
	state_close(opened);
}

static void a_change_is_its_sessions_persons_also_where_that_is_known_later(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event event;

	(void)unused;
	(void)begin_change(opened, "42");
	event = make_act(EVENT_EXEC, now_seconds() + 1, "42", 10);
	event.login = "a000000000000000";
	event.person = "alice";
	record(opened, event);
	commit(opened);
	assert_string_equal(find_change(opened, "42", 0).person, "alice");
	record(opened, make_login(now_seconds(), "a000000000000000"));
	commit(opened);
	assert_string_equal(find_change(opened, "42", 0).person, "SHA256:abc");
	state_close(opened);
}

static void a_declared_change_whose_command_was_killed_is_not_open(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	pid_t child = fork();
	int status;

	(void)unused;
	if (!child) {
		struct state *command = open_state(STATE_WRITE);

		(void)begin_change(command, "42");
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(find_change(opened, "42", 0).change.end, STATE_UNWATCHED);
	assert_int_equal(find_change(opened, "42", 0).change.exit_status, -1);
	state_close(opened);
	run_sql("UPDATE change SET boot = 'of yesterday'");
	opened = open_state(STATE_READ);
	assert_int_equal(find_change(opened, "42", 0).change.end, STATE_REBOOTED);
	state_close(opened);
}

static void a_units_run_lasts_as_long_as_its_processes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const char *unit = "apt-daily-upgrade.service";
	struct event fails;
	struct seen seen = { 0 };

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, unit, 10));
	record(opened, make_act(EVENT_EXEC, 1, unit, 11));
	record(opened, make_act(EVENT_EXIT, 2, unit, 11));
	commit(opened);
	state_close(open_state(STATE_WRITE)); /* somebody else looks in, and writes */
	assert_int_equal(find_change(opened, unit, 0).change.end, STATE_OPEN);
	fails = make_act(EVENT_EXIT, 3, unit, 10);
	fails.exit_code = 100;
	record(opened, fails);
	record(opened, make_act(EVENT_WRITE, 4, unit, 10)); /* settled late */
	record(opened, make_act(EVENT_EXEC, 4, unit, 12));  /* ExecStartPost= */
	record(opened, make_act(EVENT_EXIT, 5, unit, 12));
	commit(opened);
	seen = find_change(opened, unit, 0);
	assert_int_equal(seen.change.run, 1);
	assert_int_equal(seen.change.end, STATE_ENDED);
	assert_int_equal(seen.change.end_ns, t0 + 5 * SECOND);
	assert_int_equal(seen.change.exit_status, 100);
	assert_string_equal(seen.origin, "unit");
	/* The next day. */
	record(opened, make_act(EVENT_EXEC, 86400, unit, 20));
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(find_change(opened, unit, 0).change.run, 2);
	assert_int_equal(find_change(opened, unit, 0).change.end, STATE_UNWATCHED);
	/* A watch that comes to it finds it running; one that does not sees another begin. */
	record(opened, make_act(EVENT_EXEC, 2 * 86400, unit, 30));
	commit(opened);
	seen = (struct seen) { 0 };
	assert_int_equal(state_changes(opened, see_change, &seen), 0);
	assert_string_equal(seen.order,
			    "apt-daily-upgrade.service/3 apt-daily-upgrade.service/2 apt-daily-upgrade.service/1 ");
	assert_int_equal(find_change(opened, unit, 2).change.end, STATE_UNWATCHED);
	state_close(opened);
}

static void a_units_run_that_a_new_watch_finds_goes_on(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event existing = make_act(EVENT_EXEC, 50, "chef-client.service", 10);

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "chef-client.service", 10));
	opened = reopen(opened, STATE_WATCH);
	existing.flags = EVENT_FLAG_EXISTING;
	record(opened, existing);
	record(opened, make_act(EVENT_EXEC, 51, "chef-client.service", 11));
	commit(opened);
	assert_int_equal(find_change(opened, "chef-client.service", 0).change.run, 1);
	assert_int_equal(find_change(opened, "chef-client.service", 0).change.end, STATE_OPEN);
	state_close(opened);
}

static void a_service_that_a_change_started_is_told_with_its_start_only(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event service = make_act(EVENT_CONTEXT, 2, "42", 12);
	struct state_counts counts;

	(void)unused;
	service.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	service.context_before = (struct context) { .kind = CONTEXT_CHANGE, .name = "42", .container = "" };
	record(opened, service); /* of a change of which nothing is known: makes none */
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.changes, 0);
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXEC, 1, "42", 12));
	record(opened, service);
	record(opened, make_act(EVENT_EXIT, 3, "42", 10));
	service.kind = EVENT_LISTEN;
	record(opened, service);
	service.kind = EVENT_WRITE;
	record(opened, service);
	service.kind = EVENT_EXEC;
	service.time_ns += 3600 * SECOND;
	record(opened, service); /* a worker, long after */
	commit(opened);
	assert_int_equal(find_change(opened, "42", 0).change.run, 1);
	assert_int_equal(find_change(opened, "42", 0).change.end, STATE_ENDED);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_EXEC], 2);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_LISTEN], 1);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_CONTEXT], 1);
	assert_int_equal(find_change(opened, "42", 0).change.tally.seen[EVENT_WRITE], 0);
	state_close(opened);
}

/* Lines as they come, in order. */
struct told {
	char text[512];
	uint64_t count, more;
};

static int see_news(void *to, const struct state_news *news)
{
	struct told *told = to;
	size_t used = strlen(told->text);

	if (!*news->line) {
		told->more = news->count;
		return 0;
	}
	(void)snprintf(told->text + used, sizeof(told->text) - used, "%s: %s; ", news->context, news->line);
	told->count++;
	return 0;
}

static struct told news_of(struct state *opened, const char *id, uint64_t run)
{
	struct told told = { 0 };

	assert_int_equal(state_change_news_each(opened, id, run, see_news, &told), 0);
	return told;
}

static struct event make_deviation(uint64_t seconds, const char *change)
{
	struct event event = make_event(EVENT_EXEC, seconds, "");

	event.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	event.change = change;
	return event;
}

static void news(struct state *opened, struct event event, const char *context, const char *line)
{
	assert_int_equal(state_change_news(opened, &event, context, line), 0);
}

static void what_a_model_did_not_know_of_a_changes_services_is_kept_once_with_its_run(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXIT, 1, "42", 10));
	news(opened, make_deviation(5, "42"), "service php", "exec /bin/sh");
	news(opened, make_deviation(2, "42"), "service nginx", "exec /usr/bin/id");
	news(opened, make_deviation(3, "42"), "service nginx", "connect /usr/bin/id  tcp internet:443");
	news(opened, make_deviation(9, "42"), "service nginx", "exec /usr/bin/id"); /* by the next watch, say */
	record(opened, make_act(EVENT_EXEC, 100, "42", 20));
	news(opened, make_deviation(101, "42"), "service nginx", "exec /usr/bin/id");
	commit(opened);
	assert_string_equal(news_of(opened, "42", 1).text,
			    "service nginx: exec /usr/bin/id; service nginx: connect "
			    "/usr/bin/id  tcp internet:443; service php: exec /bin/sh; ");
	assert_string_equal(news_of(opened, "42", 2).text, "service nginx: exec /usr/bin/id; ");
	assert_int_equal(news_of(opened, "42", 1).more, 0);
	state_close(opened);
}

static void what_no_change_brought_and_what_a_change_does_itself_is_no_news(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event nobodys = make_deviation(2, "");

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	news(opened, nobodys, "service nginx", "exec /usr/bin/id");
	news(opened, make_act(EVENT_EXEC, 2, "42", 10), "change 42", "exec /usr/bin/id");
	news(opened, make_deviation(2, "43"), "service nginx", "exec /usr/bin/id"); /* nothing is known of that */
	commit(opened);
	assert_int_equal(news_of(opened, "42", 1).count, 0);
	assert_int_equal(news_of(opened, "", 1).count, 0);
	assert_int_equal(news_of(opened, "43", 1).count, 0);
	state_close(opened);
}

static void news_are_bounded_and_the_rest_is_counted(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	char line[64];

	(void)unused;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	for (unsigned i = 0; i < STATE_NEWS_MAX + 7; i++) {
		(void)snprintf(line, sizeof(line), "exec /tmp/%u", i);
		news(opened, make_deviation(2, "42"), "service nginx", line);
	}
	news(opened, make_deviation(3, "42"), "service nginx", "exec /tmp/0");
	commit(opened);
	assert_int_equal(news_of(opened, "42", 1).count, STATE_NEWS_MAX);
	assert_int_equal(news_of(opened, "42", 1).more, 7);
	state_close(opened);
}

static void news_go_with_their_run(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	t0 -= 81 * DAY;
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXIT, 1, "42", 10));
	news(opened, make_deviation(2, "42"), "service nginx", "exec /usr/bin/id");
	t0 += 81 * DAY;
	commit(opened);
	assert_int_equal(news_of(opened, "42", 1).count, 1);
	state_close(opened);
	opened = open_state(STATE_WRITE);
	assert_int_equal(news_of(opened, "42", 1).count, 0);
	state_close(opened);
}

static void act_on(struct state *opened, enum event_kind kind, const char *change, enum context_kind context,
		   const char *from, const char *path)
{
	struct event event = make_act(kind, now_seconds(), change, 10);

	event.context.kind = context;
	event.path = path;
	event.path_before = from;
	event.file_container = "";
	record(opened, event);
}

static void a_file_is_of_the_change_that_wrote_it_last_itself(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "");
	act_on(opened, EVENT_CREATE, "42", CONTEXT_CHANGE, "", "/srv/app/daemon");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "42");
	act_on(opened, EVENT_WRITE, "43", CONTEXT_CHANGE, "", "/srv/app/daemon");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "43");
	act_on(opened, EVENT_ATTRIBUTES, "44", CONTEXT_CHANGE, "", "/srv/app/daemon");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "43");
	act_on(opened, EVENT_RENAME, "43", CONTEXT_CHANGE, "/srv/app/daemon", "/srv/app/daemon.new");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon"), "");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon.new"), "43");
	commit(opened);
	state_close(opened);
	opened = open_state(STATE_WATCH);
	assert_string_equal(state_written_by(opened, "/srv/app/daemon.new"), "43");
	/* A service that the change brought writes for itself. */
	act_on(opened, EVENT_WRITE, "43", CONTEXT_SERVICE, "", "/srv/app/daemon.new");
	assert_string_equal(state_written_by(opened, "/srv/app/daemon.new"), "");
	act_on(opened, EVENT_CREATE, "43", CONTEXT_SERVICE, "", "/srv/app/shell");
	assert_string_equal(state_written_by(opened, "/srv/app/shell"), "");
	act_on(opened, EVENT_WRITE, "43", CONTEXT_CHANGE, "", "/srv/app/shell");
	act_on(opened, EVENT_WRITE, "", CONTEXT_SESSION, "", "/srv/app/shell");
	assert_string_equal(state_written_by(opened, "/srv/app/shell"), "");
	state_close(opened);
}

static void a_session_that_is_a_change_is_a_run_each(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event one = make_act(EVENT_EXEC, 0, "session:chef", 10),
		     other = make_act(EVENT_EXEC, 1, "session:chef", 20);
	struct seen seen;

	(void)unused;
	one.login = "a000000000000000";
	other.login = "b000000000000000";
	one.person = other.person = "SHA256:ci";
	record(opened, one);
	record(opened, other);
	record(opened, one);
	one.kind = EVENT_LOGOUT;
	one.time_ns += 9 * SECOND;
	record(opened, one);
	commit(opened);
	seen = find_change(opened, "session:chef", 1);
	assert_int_equal(seen.change.end, STATE_ENDED);
	assert_int_equal(seen.change.end_ns, t0 + 9 * SECOND);
	assert_int_equal(seen.change.tally.seen[EVENT_EXEC], 2);
	assert_string_equal(seen.origin, "session");
	assert_string_equal(seen.person, "SHA256:ci");
	assert_int_equal(find_change(opened, "session:chef", 2).change.end, STATE_OPEN);
	assert_int_equal(find_session(opened, "a").session.tally.seen[EVENT_EXEC], 2);
	state_close(opened);
}

static void a_change_that_is_not_there_is_said(void **unused)
{
	struct state *opened = open_state(STATE_WRITE);
	struct seen seen = { 0 };
	struct lines lines = { 0 };

	(void)unused;
	assert_int_equal(state_change_find(opened, "43", 0, see_change, &seen), -ENOENT);
	assert_non_null(strstr(state_error(opened), "no change 43"));
	assert_int_equal(state_change_events(opened, "43", 7, see_line, &lines), -ENOENT);
	assert_non_null(strstr(state_error(opened), "run 7"));
	state_close(opened);
}

/* Retention */

static void what_is_old_goes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event today = make_login(now_seconds() - 3600, "b000000000000000");
	struct state_counts counts;
	struct seen seen = { 0 };

	(void)unused;
	record(opened, today);
	record(opened, make_failed(now_seconds() - 10, "bob", 1));
	t0 -= 81 * DAY;
	record(opened, make_login(0, "a000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, 5, "a000000000000000"));
	record(opened, make_act(EVENT_EXEC, 0, "42", 10));
	record(opened, make_act(EVENT_EXIT, 1, "42", 10));
	record(opened, make_failed(0, "root", 1));
	t0 += 81 * DAY;
	commit(opened);
	state_close(opened);
	opened = open_state(STATE_WRITE);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.sessions, 1);
	assert_int_equal(counts.changes, 0);
	assert_int_equal(counts.failed_24h, 1);
	assert_int_equal(state_session_find(opened, "a", see_session, &seen), -ENOENT);
	assert_int_equal(find_session(opened, "b").session.tally.seen[EVENT_LOGIN], 1);
	state_close(opened);
}

static void what_goes_on_stays_though_it_is_old(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const struct state_limits soon = {
		.record_lines = 10, .record_bytes = 65536, .failed = 10, .touched = 10, .size_bytes = 1 << 30
	};

	(void)unused;
	record(opened, make_login(0, "a000000000000000"));
	record(opened, make_login(0, "b000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, 1, "b000000000000000"));
	commit(opened);
	state_limit(opened, &soon);
	commit(opened);
	record(opened, make_event(EVENT_EXEC, 2, "a000000000000000"));
	commit(opened);
	assert_int_equal(find_session(opened, "a").session.tally.seen[EVENT_EXEC], 1);
	assert_int_equal(find_session(opened, "").session.begin_ns, t0);
	state_close(opened);
}

static void the_oldest_goes_for_room(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_limits limits = { .record_lines = 100000,
				       .record_bytes = 10 << 20,
				       .failed = 10,
				       .touched = 10,
				       .age_seconds = 1U << 31,
				       .size_bytes = 1 << 20 };
	struct seen seen = { 0 };
	char id[32];

	(void)unused;
	put_file(opened, "/stays");
	for (unsigned s = 0; s < 8; s++) {
		(void)snprintf(id, sizeof(id), "%u000000000000000", s);
		for (unsigned i = 0; i < 1000; i++)
			record(opened, make_event(EVENT_EXEC, s * 10000 + i, id));
		if (s != 1)
			record(opened, make_event(EVENT_LOGOUT, s * 10000 + 5000, id));
	}
	commit(opened);
	state_limit(opened, &limits);
	commit(opened);
	assert_int_equal(state_sessions(opened, NULL, see_session, &seen), 0);
	/* The newest, and the one that goes on. */
	assert_in_range(seen.count, 2, 6);
	assert_non_null(strstr(seen.order, "7000000000000000"));
	assert_non_null(strstr(seen.order, "1000000000000000"));
	assert_null(strstr(seen.order, "0000000000000000 2"));
	assert_below(opened, "/", "/stays ");
	/* Though the file does not shrink, its room is used again. */
	state_close(opened);
}

/* The sombrero */

static struct event make_touch(enum event_kind kind, uint64_t seconds, const char *path)
{
	struct event event = make_event(kind, seconds, "a000000000000000");

	event.context.kind = CONTEXT_SESSION;
	event.context.name = "alice";
	event.path = path;
	return event;
}

static struct event make_release(enum event_kind kind, uint64_t seconds, const char *path)
{
	struct event event = make_act(kind, seconds, "42", 10);

	event.path = path;
	return event;
}

static int touch(struct state *opened, struct event event)
{
	int status = state_sombrero_put(opened, &event, "/srv/app/**");

	if (status < 0)
		fail_msg("%s", state_error(opened));
	return status;
}

static int release(struct state *opened, struct event event)
{
	int status = state_sombrero_rewritten(opened, &event);

	if (status < 0)
		fail_msg("%s", state_error(opened));
	return status;
}

struct worn {
	struct state_sombrero sombrero;
	char how[32], reason[64], person[32], first[64], last[64], by[64], touches[1024], context[32];
	unsigned count;
};

static int see_sombrero(void *to, const struct state_sombrero *sombrero)
{
	struct worn *worn = to;

	if (worn->count++)
		return 0;
	worn->sombrero = *sombrero;
	(void)snprintf(worn->how, sizeof(worn->how), "%s", sombrero->off_how);
	(void)snprintf(worn->reason, sizeof(worn->reason), "%s", sombrero->off_reason);
	(void)snprintf(worn->person, sizeof(worn->person), "%s", sombrero->off_person);
	(void)snprintf(worn->first, sizeof(worn->first), "%s", sombrero->first.path);
	(void)snprintf(worn->last, sizeof(worn->last), "%s", sombrero->last.path);
	(void)snprintf(worn->by, sizeof(worn->by), "%s", sombrero->last.person);
	(void)snprintf(worn->context, sizeof(worn->context), "%s", sombrero->last.context);
	return 0;
}

static int see_touch(void *to, const struct state_touch *touched)
{
	struct worn *worn = to;

	(void)snprintf(worn->touches + strlen(worn->touches), 128, "%s%s ", touched->path,
		       touched->rewritten_ns ? "+" : "");
	return 0;
}

static struct worn look(struct state *opened)
{
	struct worn worn = { .count = 0 };

	assert_int_equal(state_sombreros(opened, see_sombrero, &worn), 0);
	if (worn.count)
		assert_int_equal(state_sombrero_touches(opened, worn.sombrero.number, see_touch, &worn), 0);
	return worn;
}

static void a_touch_puts_it_on_and_says_by_whom(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct worn worn;

	(void)unused;
	assert_int_equal(look(opened).count, 0);
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/b")), 1);
	assert_int_equal(touch(opened, make_touch(EVENT_CREATE, 2, "/srv/app/a")), 0);
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 3, "/srv/app/b")), 0);
	opened = reopen(opened, STATE_READ); /* a reboot leaves the disk as it is */
	worn = look(opened);
	assert_int_equal(worn.count, 1);
	assert_int_equal(worn.sombrero.off_ns, 0);
	assert_int_equal(worn.sombrero.on_ns, t0 + SECOND);
	assert_int_equal(worn.sombrero.touched, 2);
	assert_int_equal(worn.sombrero.waiting, 2);
	assert_string_equal(worn.first, "/srv/app/b");
	assert_string_equal(worn.last, "/srv/app/b");
	assert_int_equal(worn.sombrero.last.count, 2);
	assert_string_equal(worn.by, "SHA256:abc");
	assert_string_equal(worn.context, "session alice");
	assert_string_equal(worn.touches, "/srv/app/a /srv/app/b ");
	state_close(opened);
}

static int see_who_was_first(void *to, const struct state_sombrero *sombrero)
{
	(void)snprintf(to, 256, "%s %s %s %s", sombrero->first.person, event_kind_name(sombrero->first.kind),
		       sombrero->last.person, event_kind_name(sombrero->last.kind));
	return 1;
}

static void who_was_first_is_known_though_others_touch_the_same(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event bob = make_touch(EVENT_ATTRIBUTES, 5, "/srv/app/a");
	char who[256];

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	bob.person = "SHA256:of-bob";
	(void)touch(opened, bob);
	assert_int_equal(state_sombreros(opened, see_who_was_first, who), 1);
	assert_string_equal(who, "SHA256:abc write SHA256:of-bob attributes");
	state_close(opened);
}

static void it_comes_off_when_a_change_rewrote_every_touched_path(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct worn worn;

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/b"));
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/a")), 0);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/a")), 0);
	assert_int_equal(release(opened, make_release(EVENT_CREATE, 2, "/srv/app/c")), 0);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/b/c")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	assert_int_equal(look(opened).sombrero.off_ns, 0);
	opened = reopen(opened, STATE_WATCH);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 3, "/srv/app/b")), 1);
	opened = reopen(opened, STATE_WATCH);
	worn = look(opened);
	assert_true(worn.sombrero.off_ns != 0);
	assert_string_equal(worn.how, "rewritten");
	assert_string_equal(worn.reason, "42");
	/* The next touch is another one; the old stays as history. */
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 9, "/srv/app/a")), 1);
	worn = look(opened);
	assert_int_equal(worn.count, 2);
	assert_int_equal(worn.sombrero.off_ns, 0);
	assert_int_equal(worn.sombrero.touched, 1);
	state_close(opened);
}

static void what_is_no_change_rewrites_nothing(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event service = make_release(EVENT_WRITE, 2, "/srv/app/a");

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	assert_int_equal(release(opened, make_touch(EVENT_WRITE, 2, "/srv/app/a")), 0);
	service.context = (struct context) { .kind = CONTEXT_SERVICE, .name = "nginx", .container = "" };
	assert_int_equal(release(opened, service), 0); /* a daemon that the change started */
	service = make_release(EVENT_WRITE, 2, "/srv/app/a");
	service.file_container = "3f2a9c1b77aa"; /* another file of that name */
	assert_int_equal(release(opened, service), 0);
	service = make_release(EVENT_EXEC, 2, "/srv/app/a");
	assert_int_equal(release(opened, service), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	state_close(opened);
}

static void attributes_undo_only_attributes(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	(void)touch(opened, make_touch(EVENT_ATTRIBUTES, 1, "/srv/app/a"));
	assert_int_equal(release(opened, make_release(EVENT_ATTRIBUTES, 2, "/srv/app/a")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 3, "/srv/app/a")), 1);
	assert_int_equal(touch(opened, make_touch(EVENT_ATTRIBUTES, 4, "/srv/app/a")), 1);
	assert_int_equal(release(opened, make_release(EVENT_ATTRIBUTES, 5, "/srv/app/a")), 1);
	state_close(opened);
}

static void a_path_touched_again_waits_again(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/b"));
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 2, "/srv/app/a")), 0);
	assert_int_equal(touch(opened, make_touch(EVENT_ATTRIBUTES, 3, "/srv/app/a")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 2);
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 4, "/srv/app/b")), 0);
	/* Its first touch was undone: what is left is the mode. */
	assert_int_equal(release(opened, make_release(EVENT_ATTRIBUTES, 5, "/srv/app/a")), 1);
	state_close(opened);
}

static void a_rename_touches_and_rewrites_both_paths(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event moved = make_touch(EVENT_RENAME, 1, "/srv/app/new");

	(void)unused;
	moved.path_before = "/srv/app/old";
	assert_int_equal(touch(opened, moved), 1);
	assert_string_equal(look(opened).touches, "/srv/app/new /srv/app/old ");
	moved = make_release(EVENT_RENAME, 2, "/srv/app/old");
	moved.path_before = "/srv/app/new";
	assert_int_equal(release(opened, moved), 1);
	state_close(opened);
}

static void a_directory_takes_what_is_below_with_it(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct event moved = make_release(EVENT_RENAME, 2, "/srv/app/lib.old");

	(void)unused;
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/lib/x/y"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/lib/z"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/lib-other"));
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/public/a"));
	moved.path_before = "/srv/app/lib";
	assert_int_equal(release(opened, moved), 0);
	assert_string_equal(look(opened).touches,
			    "/srv/app/lib-other /srv/app/lib/x/y+ /srv/app/lib/z+ /srv/app/public/a ");
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 3, "/srv/app/public")), 0);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 3, "/srv/app/public")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 1);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 4, "/srv/app")), 1);
	state_close(opened);
}

static void by_hand_it_needs_a_reason_and_says_who(void **unused)
{
	struct state *opened = open_state(STATE_WATCH), *command = open_state(STATE_WRITE);
	struct worn worn;

	(void)unused;
	assert_int_equal(state_sombrero_off(command, "nothing to take off", "bob"), 0);
	commit(command);
	(void)touch(opened, make_touch(EVENT_WRITE, 1, "/srv/app/a"));
	commit(opened);
	assert_int_equal(state_sombrero_off(command, "checked by hand", "bob"), 1);
	commit(command);
	worn = look(opened);
	assert_string_equal(worn.how, "by hand");
	assert_string_equal(worn.reason, "checked by hand");
	assert_string_equal(worn.person, "bob");
	/* The watch knows at once. */
	assert_int_equal(release(opened, make_release(EVENT_WRITE, 3, "/srv/app/a")), 0);
	assert_int_equal(touch(opened, make_touch(EVENT_WRITE, 4, "/srv/app/a")), 1);
	state_close(command);
	state_close(opened);
}

static void with_more_paths_than_there_is_room_for_only_a_hand_takes_it_off(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	const struct state_limits limits = { .record_lines = 10,
					     .record_bytes = 65536,
					     .failed = 10,
					     .touched = 3,
					     .age_seconds = 1U << 31,
					     .size_bytes = 1 << 30 };
	char path[64];

	(void)unused;
	state_limit(opened, &limits);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "/srv/app/%d", i);
		(void)touch(opened, make_touch(EVENT_WRITE, 1, path));
	}
	assert_int_equal(look(opened).sombrero.touched, 3);
	assert_int_equal(look(opened).sombrero.untold, 2);
	assert_int_equal(release(opened, make_release(EVENT_REMOVE, 2, "/srv/app")), 0);
	assert_int_equal(look(opened).sombrero.waiting, 0);
	assert_int_equal(look(opened).sombrero.off_ns, 0);
	assert_int_equal(state_sombrero_off(opened, "a new machine", "bob"), 1);
	state_close(opened);
}

static void counts_say_what_there_is(void **unused)
{
	struct state *opened = open_state(STATE_WATCH);
	struct state_counts counts;

	(void)unused;
	put_file(opened, "/a");
	(void)add_line(opened, "finding");
	record(opened, make_login(now_seconds(), "a000000000000000"));
	record(opened, make_login(now_seconds(), "b000000000000000"));
	record(opened, make_event(EVENT_LOGOUT, now_seconds(), "b000000000000000"));
	record(opened, make_failed(now_seconds(), "root", 4));
	(void)begin_change(opened, "42");
	assert_int_equal(state_count(opened, &counts), 0);
	assert_int_equal(counts.files, 1);
	assert_int_equal(counts.waiting, 1);
	assert_int_equal(counts.sessions, 2);
	assert_int_equal(counts.sessions_open, 1);
	assert_int_equal(counts.changes_open, 1);
	assert_int_equal(counts.failed_24h, 4);
	assert_true(counts.watched);
	opened = reopen(opened, STATE_READ);
	assert_int_equal(state_count(opened, &counts), 0);
	assert_false(counts.watched);
	assert_true(counts.watched_ns != 0);
	state_close(opened);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

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
		TEST(a_session_is_kept_from_login_to_logout),
		TEST(a_line_is_the_event_itself),
		TEST(a_session_whose_login_was_missed_is_kept_with_what_is_known),
		TEST(what_outlives_its_session_is_marked),
		TEST(beyond_the_bounds_events_are_counted),
		TEST(a_session_has_room_for_so_many_bytes),
		TEST(what_belongs_to_nobody_leaves_no_trace),
		TEST(an_id_is_found_by_its_beginning),
		TEST(sessions_are_listed_newest_first_and_filtered),
		TEST(a_session_that_the_watch_left_is_open_and_unwatched_until_it_is_seen_again),
		TEST(a_session_ends_with_its_boot),
		TEST(failed_logins_are_counted_by_address_user_and_service),
		TEST(of_failed_logins_the_oldest_goes_and_is_counted),
		TEST(a_declared_change_is_a_run_with_what_was_done_in_it),
		TEST(the_same_id_may_run_again_and_each_run_keeps_its_own),
		TEST(a_declared_change_is_whose_session_it_is_done_in),
		TEST(a_change_is_its_sessions_persons_also_where_that_is_known_later),
		TEST(a_declared_change_whose_command_was_killed_is_not_open),
		TEST(a_units_run_lasts_as_long_as_its_processes),
		TEST(a_units_run_that_a_new_watch_finds_goes_on),
		TEST(a_service_that_a_change_started_is_told_with_its_start_only),
		TEST(what_a_model_did_not_know_of_a_changes_services_is_kept_once_with_its_run),
		TEST(what_no_change_brought_and_what_a_change_does_itself_is_no_news),
		TEST(news_are_bounded_and_the_rest_is_counted),
		TEST(news_go_with_their_run),
		TEST(a_file_is_of_the_change_that_wrote_it_last_itself),
		TEST(a_session_that_is_a_change_is_a_run_each),
		TEST(a_change_that_is_not_there_is_said),
		TEST(what_is_old_goes),
		TEST(what_goes_on_stays_though_it_is_old),
		TEST(the_oldest_goes_for_room),
		TEST(a_touch_puts_it_on_and_says_by_whom),
		TEST(who_was_first_is_known_though_others_touch_the_same),
		TEST(it_comes_off_when_a_change_rewrote_every_touched_path),
		TEST(what_is_no_change_rewrites_nothing),
		TEST(attributes_undo_only_attributes),
		TEST(a_path_touched_again_waits_again),
		TEST(a_rename_touches_and_rewrites_both_paths),
		TEST(a_directory_takes_what_is_below_with_it),
		TEST(by_hand_it_needs_a_reason_and_says_who),
		TEST(with_more_paths_than_there_is_room_for_only_a_hand_takes_it_off),
		TEST(counts_say_what_there_is),
	};

	t0 = ((uint64_t)time(NULL) - 10 * 86400) * SECOND;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
