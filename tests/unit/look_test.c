/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is, looked at without touching it; and what counts as the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sensor/look_priv.h"

/* Of "hello\n". */
#define HELLO "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
/* Of nothing. */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct world {
	char path[64];
	int directory;
	struct look *look;
	struct buffer text;
	unsigned breaths;
};

static void breathe(void *owner)
{
	((struct world *)owner)->breaths++;
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	(void)snprintf(world->path, sizeof(world->path), "/dev/shm/sombrero-look-XXXXXX");
	assert_non_null(mkdtemp(world->path));
	world->directory = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(world->directory >= 0);
	world->look = look_new(breathe, world);
	assert_non_null(world->look);
	world->text = BUFFER_INIT(BASELINE_TEXT_MAX + 1);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "file", "link", "pipe", "large" };
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(world->directory, names[i], 0);
	(void)unlinkat(world->directory, "sub", AT_REMOVEDIR);
	(void)close(world->directory);
	assert_int_equal(rmdir(world->path), 0);
	look_free(world->look);
	buffer_free(&world->text);
	free(world);
	return 0;
}

static int create(struct world *world, const char *name, const char *content, size_t size)
{
	int file = openat(world->directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(file >= 0);
	assert_int_equal(write(file, content, size), (ssize_t)size);
	return file;
}

static struct baseline_file look(struct world *world, const char *name, bool content)
{
	struct baseline_file file;

	buffer_clear(&world->text);
	assert_int_equal(look_at(world->look, world->directory, name, content, &world->text, &file), 0);
	return file;
}

static void assert_hash(const struct baseline_file *file, const char *expected)
{
	char hash[2 * BASELINE_SHA256_SIZE + 1];

	assert_true(file->has_sha256);
	for (size_t i = 0; i < BASELINE_SHA256_SIZE; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", file->sha256[i]);
	assert_string_equal(hash, expected);
}

static void a_regular_file_has_a_hash_and_its_text(void **state)
{
	struct world *world = *state;
	struct baseline_file file;
	struct stat status;

	(void)close(create(world, "file", "hello\n", 6));
	assert_int_equal(fchmodat(world->directory, "file", 04751, 0), 0);
	assert_int_equal(fstatat(world->directory, "file", &status, 0), 0);
	file = look(world, "file", true);
	assert_int_equal(file.type, FILE_REGULAR);
	assert_int_equal(file.mode, 04751);
	assert_int_equal(file.uid, getuid());
	assert_int_equal(file.gid, status.st_gid);
	assert_int_equal(file.size, 6);
	assert_int_equal(file.inode, status.st_ino);
	assert_int_equal(file.device, status.st_dev);
	assert_int_equal(file.ctime_ns,
			 (uint64_t)status.st_ctim.tv_sec * 1000000000 + (uint64_t)status.st_ctim.tv_nsec);
	assert_string_equal(file.target, "");
	assert_hash(&file, HELLO);
	assert_string_equal(buffer_string(&world->text), "hello\n");
	(void)close(create(world, "file", "", 0));
	file = look(world, "file", true);
	assert_hash(&file, NOTHING);
	assert_int_equal(world->text.size, 0);
}

static void without_content_nothing_is_read(void **state)
{
	struct world *world = *state;
	struct baseline_file file;

	(void)close(create(world, "file", "hello\n", 6));
	assert_int_equal(symlinkat("file", world->directory, "link"), 0);
	file = look(world, "file", false);
	assert_false(file.has_sha256);
	assert_int_equal(file.size, 6);
	assert_int_equal(world->text.size, 0);
	file = look(world, "link", false);
	assert_string_equal(file.target, "");
}

static void to_look_leaves_no_trace(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	struct world *world = *state;
	struct stat status;

	(void)close(create(world, "file", "hello\n", 6));
	assert_int_equal(utimensat(world->directory, "file", times, 0), 0);
	(void)look(world, "file", true);
	assert_int_equal(fstatat(world->directory, "file", &status, 0), 0);
	assert_int_equal(status.st_atim.tv_sec, 1000);
}

static void a_link_is_itself_and_not_what_it_points_to(void **state)
{
	struct world *world = *state;
	char target[PATH_MAX];
	struct baseline_file file;

	(void)close(create(world, "file", "hello\n", 6));
	assert_int_equal(symlinkat("file", world->directory, "link"), 0);
	file = look(world, "link", true);
	assert_int_equal(file.type, FILE_SYMLINK);
	assert_false(file.has_sha256);
	assert_string_equal(file.target, "file");
	assert_int_equal(world->text.size, 0);
	assert_int_equal(unlinkat(world->directory, "link", 0), 0);
	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	/* Filesystems take less than a page. */
	target[4000] = '\0';
	assert_int_equal(symlinkat(target, world->directory, "link"), 0);
	file = look(world, "link", true);
	assert_string_equal(file.target, target);
}

/* To open a pipe for reading would wait for a writer, and one who waits for a reader would be let go. */
static void a_pipe_is_not_opened(void **state)
{
	struct world *world = *state;
	struct baseline_file file;
	int status;
	pid_t writer;

	assert_int_equal(mkfifoat(world->directory, "pipe", 0600), 0);
	writer = fork();
	assert_true(writer >= 0);
	if (!writer)
		_exit(openat(world->directory, "pipe", O_WRONLY) >= 0);
	for (int i = 0; i < 100; i++) {
		file = look(world, "pipe", true);
		assert_int_equal(file.type, FILE_OTHER);
		assert_false(file.has_sha256);
	}
	assert_int_equal(waitpid(writer, &status, WNOHANG), 0);
	(void)kill(writer, SIGKILL);
	(void)waitpid(writer, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static void what_is_gone_is_gone(void **state)
{
	struct world *world = *state;
	struct baseline_file file;
	int place;

	assert_int_equal(look_at(world->look, world->directory, "none", true, NULL, &file), -ENOENT);
	place = create(world, "file", "x", 1);
	assert_int_equal(look_at(world->look, place, "below", true, NULL, &file), -ENOENT);
	(void)close(place);
	assert_int_equal(look_at(world->look, -1, "file", true, NULL, &file), -EBADF);
}

static void a_directory_has_no_size(void **state)
{
	struct world *world = *state;
	struct baseline_file file;

	assert_int_equal(mkdirat(world->directory, "sub", 0750), 0);
	file = look(world, "sub", true);
	assert_int_equal(file.type, FILE_DIRECTORY);
	assert_int_equal(file.size, 0);
	assert_int_equal(file.mode, 0750);
	assert_false(file.has_sha256);
}

/* Runs in a process that is nobody, who may not read. */
static int look_as_nobody(struct world *world)
{
	struct baseline_file file;

	if (setgid(65534) || setuid(65534))
		return 2;
	if (look_at(world->look, world->directory, "file", true, &world->text, &file))
		return 3;
	return file.has_sha256 || world->text.size || file.type != FILE_REGULAR || file.size != 6;
}

static void what_may_not_be_read_has_no_hash(void **state)
{
	struct world *world = *state;
	pid_t child;
	int status;

	if (geteuid())
		skip();
	(void)close(create(world, "file", "hello\n", 6));
	assert_int_equal(chmod(world->path, 0755), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(look_as_nobody(world));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_text_is_kept_up_to_its_limit(void **state)
{
	struct world *world = *state;
	char *content = malloc(BASELINE_TEXT_MAX + 1);
	struct baseline_file file;

	assert_non_null(content);
	memset(content, 'x', BASELINE_TEXT_MAX + 1);
	(void)close(create(world, "file", content, BASELINE_TEXT_MAX));
	file = look(world, "file", true);
	assert_true(file.has_sha256);
	assert_int_equal(world->text.size, BASELINE_TEXT_MAX);
	(void)close(create(world, "file", content, BASELINE_TEXT_MAX + 1));
	file = look(world, "file", true);
	assert_true(file.has_sha256);
	assert_int_equal(world->text.size, 0);
	free(content);
}

static void a_large_file_is_read_with_breaths_and_a_huge_one_not_at_all(void **state)
{
	struct world *world = *state;
	int file = create(world, "large", "", 0);
	struct baseline_file found;

	assert_int_equal(ftruncate(file, (off_t)32 << 20), 0);
	found = look(world, "large", true);
	assert_true(found.has_sha256);
	assert_true(world->breaths >= 4);
	world->breaths = 0;
	assert_int_equal(ftruncate(file, (off_t)LOOK_HASH_MAX + 1), 0);
	found = look(world, "large", true);
	assert_false(found.has_sha256);
	assert_int_equal(found.size, LOOK_HASH_MAX + 1);
	assert_int_equal(world->breaths, 0);
	(void)close(file);
}

/* Somebody writes while it is read. */
static void grow(void *owner)
{
	struct world *world = owner;
	int file = openat(world->directory, "large", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(file, "more", 4), 4);
	(void)close(file);
	world->breaths++;
}

static void what_is_written_while_it_is_read_shows_as_another_change(void **state)
{
	struct world *world = *state;
	struct look *look_and_write = look_new(grow, world);
	int file = create(world, "large", "", 0);
	struct baseline_file before, after;

	assert_non_null(look_and_write);
	assert_int_equal(ftruncate(file, (off_t)4 << 20), 0);
	(void)usleep(20000); /* the kernel stamps by ticks */
	assert_int_equal(look_at(look_and_write, world->directory, "large", true, NULL, &before), 0);
	assert_true(world->breaths >= 1);
	after = look(world, "large", false);
	assert_false(look_untouched(&before, &after));
	look_free(look_and_write);
	(void)close(file);
}

/* --- the same? ----------------------------------------------------------------------------------- */

static struct baseline_file regular(void)
{
	return (struct baseline_file) { .type = FILE_REGULAR,
					.has_sha256 = true,
					.mode = 0644,
					.uid = 1,
					.gid = 2,
					.device = 3,
					.inode = 4,
					.size = 5,
					.mtime_ns = 6,
					.ctime_ns = 7,
					.target = "" };
}

static void content_is_type_size_hash_and_target(void **state)
{
	struct baseline_file one = regular(), other = regular();

	(void)state;
	other.mode = other.uid = other.gid = 9;
	other.device = other.inode = other.mtime_ns = other.ctime_ns = 9;
	assert_true(look_same_content(&one, &other));
	other.sha256[31] = 1;
	assert_false(look_same_content(&one, &other));
	other = regular();
	other.size++;
	assert_false(look_same_content(&one, &other));
	other = regular();
	other.has_sha256 = false; /* it can't be read any more, or never could */
	assert_false(look_same_content(&one, &other));
	one.has_sha256 = false;
	assert_true(look_same_content(&one, &other));
	one.type = other.type = FILE_SYMLINK;
	one.target = "a";
	other.target = "b";
	assert_false(look_same_content(&one, &other));
	other.target = "a";
	assert_true(look_same_content(&one, &other));
	other.type = FILE_REGULAR;
	assert_false(look_same_content(&one, &other));
}

static void attributes_are_mode_owners_and_protection(void **state)
{
	struct baseline_file one = regular(), other = regular();

	(void)state;
	other.size = other.inode = other.mtime_ns = other.ctime_ns = 9;
	assert_true(look_same_attributes(&one, &other));
	other.mode = 04644;
	assert_false(look_same_attributes(&one, &other));
	other = regular();
	other.uid++;
	assert_false(look_same_attributes(&one, &other));
	other = regular();
	other.gid++;
	assert_false(look_same_attributes(&one, &other));
	other = regular();
	other.immutable = true;
	assert_false(look_same_attributes(&one, &other));
	other = regular();
	other.append_only = true;
	assert_false(look_same_attributes(&one, &other));
}

static void untouched_is_all_but_the_content_which_is_not_read(void **state)
{
	struct baseline_file one = regular(), other;

	(void)state;
	for (int what = 0; what < 8; what++) {
		other = regular();
		assert_true(look_untouched(&one, &other));
		if (what == 0)
			other.device++;
		else if (what == 1)
			other.inode++;
		else if (what == 2)
			other.ctime_ns++;
		else if (what == 3)
			other.mtime_ns++;
		else if (what == 4)
			other.size++;
		else if (what == 5)
			other.mode++;
		else if (what == 6)
			other.uid++;
		else
			other.type = FILE_OTHER;
		assert_false(look_untouched(&one, &other));
	}
	other = regular();
	other.has_sha256 = false;
	assert_true(look_untouched(&one, &other));
}

#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(a_regular_file_has_a_hash_and_its_text),
		ON_DISK(without_content_nothing_is_read),
		ON_DISK(to_look_leaves_no_trace),
		ON_DISK(a_link_is_itself_and_not_what_it_points_to),
		ON_DISK(a_pipe_is_not_opened),
		ON_DISK(what_is_gone_is_gone),
		ON_DISK(a_directory_has_no_size),
		ON_DISK(what_may_not_be_read_has_no_hash),
		ON_DISK(a_text_is_kept_up_to_its_limit),
		ON_DISK(a_large_file_is_read_with_breaths_and_a_huge_one_not_at_all),
		ON_DISK(what_is_written_while_it_is_read_shows_as_another_change),
		cmocka_unit_test(content_is_type_size_hash_and_target),
		cmocka_unit_test(attributes_are_mode_owners_and_protection),
		cmocka_unit_test(untouched_is_all_but_the_content_which_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
