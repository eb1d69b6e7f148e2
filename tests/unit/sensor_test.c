/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a context is told by: cgroup paths, unit files, users. What makes and removes cgroups runs on the real cgroup2, in a
 * cgroup and mount namespace of its own whose tree is one test cgroup, so that it can touch nobody else's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "event/event.h"
#include "sensor/cgroup.h"
#include "sensor/unit.h"
#include "sensor/users.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- what the tests share ---- */

static char top[] = "/tmp/sensor-test-XXXXXX"; /* everything is below it */

static const char *below(const char *path)
{
	static char full[4][PATH_MAX];
	static unsigned turn;
	char *out = full[turn++ % LENGTH(full)];

	assert_in_range(snprintf(out, PATH_MAX, "%s%s", top, path), 1, PATH_MAX - 1);
	return out;
}

static void make_parents(const char *path)
{
	char parent[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		if (mkdir(parent, 0755) != 0)
			assert_int_equal(errno, EEXIST);
	}
}

/* `before`, then `size` bytes `filler`, then `after`. */
static void write_padded(const char *path, const char *before, char filler, size_t size, const char *after)
{
	FILE *file;

	make_parents(below(path));
	file = fopen(below(path), "we");
	assert_non_null(file);
	assert_true(fputs(before, file) >= 0);
	while (size--)
		assert_int_equal(fputc(filler, file), filler);
	assert_true(fputs(after, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
	write_padded(path, text, '\0', 0, "");
}

static void link_to(const char *path, const char *target)
{
	make_parents(below(path));
	assert_int_equal(symlink(target, below(path)), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)where;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void remove_files(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Each test that writes files starts with no files. */
static int empty_top(void **state)
{
	(void)state;
	remove_files(top);
	return mkdir(top, 0755);
}

/* ---- cgroup paths ---- */

#define ID  "3f2a9c1b77aa00112233445566778899aabbccddeeff00112233445566778899"
#define ID2 "ffffffffffff00112233445566778899aabbccddeeff00112233445566778899"
#define POD "kubepods-besteffort-pod0a1b2c3d_1111_2222_3333_444455556666.slice"

static const struct {
	const char *path, *unit, *container, *change;
	bool session;
} paths[] = {
	/* systemd */
	{ "/", "", "", "", false },
	{ "", "", "", "", false },
	{ "/init.scope", "init.scope", "", "", false },
	{ "/system.slice/nginx.service", "nginx.service", "", "", false },
	{ "/system.slice/nginx.service/workers", "nginx.service", "", "", false },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "", "", false },
	{ "/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service", "", "",
	  false },
	{ "/system.slice/a\\x2db.service", "a-b.service", "", "", false },
	{ "/system.slice/a\\x2fb\\x00\\x0a\\x5c\\x2.service", "a\\x2fb\\x00\\x0a\\x5c\\x2.service", "", "", false },
	{ "/system.slice/_cpu.load.service", "cpu.load.service", "", "", false },
	{ "/system.slice", "", "", "", false },
	{ "/system.slice/run-r4b1c.scope", "run-r4b1c.scope", "", "", false },
	/* sessions */
	{ "/user.slice/user-1000.slice/session-4.scope", "session-4.scope", "", "", true },
	{ "/user.slice/user-0.slice/session-c1.scope", "session-c1.scope", "", "", true },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service", "", "", true },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service", "user@1000.service", "", "",
	  true },
	{ "/fleet/web1/user.slice/user-0.slice/session-1.scope", "session-1.scope", "", "", true },
	{ "/user.slice/user-1000.slice/user-runtime-dir@1000.service", "user-runtime-dir@1000.service", "", "", false },
	{ "/system.slice/session-4.scope", "session-4.scope", "", "", false },
	{ "/system.slice/user@1000.service", "user@1000.service", "", "", false },
	{ "/user.slice/user-x.slice/session-4.scope", "session-4.scope", "", "", false },
	{ "/system.slice/evil.service/user.slice/user-0.slice/session-1.scope", "evil.service", "", "", false },
	{ "/system.slice/evil.service/chef-client.service", "evil.service", "", "", false },
	{ "/system.slice/evil.service/chef-client.service/nginx.service", "evil.service", "", "", false },
	{ "/system.slice/evil.service/chef-client.service/docker-" ID ".scope/nginx.service", "", "3f2a9c1b77aa", "",
	  false },
	/* containers */
	{ "/system.slice/docker-" ID ".scope", "", "3f2a9c1b77aa", "", false },
	{ "/docker/" ID, "", "3f2a9c1b77aa", "", false },
	{ "/ci/" ID "/inner", "", "3f2a9c1b77aa", "", false },
	{ "/system.slice/docker-" ID ".scope/init.scope", "init.scope", "3f2a9c1b77aa", "", false },
	{ "/system.slice/docker-" ID ".scope/system.slice/nginx.service", "nginx.service", "3f2a9c1b77aa", "", false },
	{ "/kubepods.slice/kubepods-besteffort.slice/" POD "/cri-containerd-" ID ".scope", "", "3f2a9c1b77aa", "",
	  false },
	{ "/kubepods.slice/kubepods-besteffort.slice/" POD "/crio-" ID ".scope", "", "3f2a9c1b77aa", "", false },
	{ "/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/" ID, "", "3f2a9c1b77aa", "", false },
	{ "/system.slice/containerd.service/" POD ":cri-containerd:" ID, "", "3f2a9c1b77aa", "", false },
	{ "/machine.slice/libpod-" ID ".scope/container", "", "3f2a9c1b77aa", "", false },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", "", "", false },
	{ "/system.slice/crio-conmon-" ID ".scope", "crio-conmon-" ID ".scope", "", "", false },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container", "", "3f2a9c1b77aa",
	  "", true },
	{ "/lxc.payload.web/system.slice/nginx.service", "nginx.service", "web", "", false },
	{ "/lxc.payload.web", "", "web", "", false },
	{ "/lxc.monitor.web", "", "", "", false },
	{ "/lxc/101/ns/system.slice/nginx.service", "nginx.service", "101", "", false },
	{ "/lxc/101/ns/user.slice/user-0.slice/session-9.scope", "session-9.scope", "101", "", true },
	{ "/lxc.payload/db/init.scope", "init.scope", "db", "", false },
	{ "/machine.slice/machine-web\\x2d1.scope", "", "web-1", "", false },
	{ "/machine.slice/machine-web.scope/payload/system.slice/ssh.service", "ssh.service", "web", "", false },
	{ "/machine.slice/machine-web.scope/supervisor", "machine-web.scope", "", "", false },
	{ "/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service", "ssh.service", "web", "",
	  false },
	{ "/machine.slice/systemd-nspawn@web.service/payload/init.scope", "init.scope", "web", "", false },
	{ "/machine.slice/systemd-nspawn@web.service/supervisor", "systemd-nspawn@web.service", "", "", false },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator", "machine-qemu-1-vm.scope", "", "", false },
	{ "/docker/" ID "/docker/" ID2, "", "3f2a9c1b77aa", "", false },
	{ "/lxc/101/ns/system.slice/docker-" ID ".scope", "", "101", "", false },
	{ "/docker/" ID "0", "", "", "", false },
	{ "/docker/3f2a9c1b77aa", "", "", "", false },
	{ "/system.slice/x" ID ".scope", "x" ID ".scope", "", "", false },
	{ "/system.slice/" ID "-1a2b.service", ID "-1a2b.service", "", "", false },
	/* changes */
	{ "/sombrero-change-42.scope", "sombrero-change-42.scope", "", "42", false },
	{ "/system.slice/sombrero-change-release\\x2d7.scope/x", "sombrero-change-release-7.scope", "", "release-7",
	  false },
	{ "/system.slice/sombrero-change-7.scope/system.slice/a.service", "sombrero-change-7.scope", "", "7", false },
	{ "/sombrero-change-.scope", "sombrero-change-.scope", "", "", false },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/sombrero-change-1.scope", "user@1000.service", "",
	  "", true },
	{ "/system.slice/docker-" ID ".scope/sombrero-change-1.scope", "sombrero-change-1.scope", "3f2a9c1b77aa", "",
	  false },
	/* what no kernel says */
	{ "//system.slice///nginx.service//", "nginx.service", "", "", false },
	{ "nginx.service", "nginx.service", "", "", false },
	{ "/.service/.scope", ".service", "", "", false },
	{ "/../..", "", "", "", false },
	{ "/lxc/", "", "", "", false },
	{ "/lxc.payload.", "", "", "", false },
	{ "/machine.slice/machine-.scope", "machine-.scope", "", "", false },
};

static void a_cgroup_path_says_who_lives_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		struct cgroup_facts facts;

		memset(&facts, 0x5a, sizeof(facts));
		cgroup_parse(paths[i].path, &facts);
		if (strcmp(facts.unit, paths[i].unit) != 0 || strcmp(facts.container, paths[i].container) != 0 ||
		    strcmp(facts.change, paths[i].change) != 0 || facts.session != paths[i].session)
			fail_msg("%s: unit \"%s\" container \"%s\" change \"%s\" session %d", paths[i].path, facts.unit,
				 facts.container, facts.change, facts.session);
	}
}

static void a_container_below_a_unit_may_be_anyones(void **state)
{
	static const struct {
		const char *path;
		bool delegated;
	} cases[] = {
		{ "/system.slice/docker-" ID ".scope", false },
		{ "/docker/" ID "/docker/" ID2, false },
		{ "/lxc/101/ns/system.slice/a.service/docker-" ID ".scope", false },
		{ "/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service", false },
		{ "/system.slice/a.service/machine.slice/systemd-nspawn@web.service/payload", true },
		{ "/system.slice/a.service/docker-" ID ".scope", true },
		{ "/system.slice/a.service", false },
	};
	struct cgroup_facts facts;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		cgroup_parse(cases[i].path, &facts);
		if (facts.delegated != cases[i].delegated)
			fail_msg("%s: delegated %d", cases[i].path, facts.delegated);
	}
	/* nothing in it makes a session or is a unit */
	cgroup_parse("/system.slice/a.service/docker-" ID ".scope/user.slice/user-0.slice/session-1.scope", &facts);
	assert_false(facts.session);
	assert_string_equal(facts.unit, "");
}

static void a_name_longer_than_a_file_name_can_be_is_left_out(void **state)
{
	struct cgroup_facts facts;
	char path[1024];

	(void)state;
	memset(path, 'a', sizeof(path));
	(void)snprintf(path + 255 - 7, sizeof(path) - 248, ".service");
	cgroup_parse(path + 1, &facts);
	assert_int_equal(strlen(facts.unit), 255);
	cgroup_parse(path, &facts);
	assert_string_equal(facts.unit, "");
}

static void below_is_by_whole_names(void **state)
{
	(void)state;
	assert_true(cgroup_is_below("/a/b", "/a/b"));
	assert_true(cgroup_is_below("/a/b/c", "/a/b"));
	assert_true(cgroup_is_below("/a/b/c", "/a/b/"));
	assert_true(cgroup_is_below("/a", "/"));
	assert_true(cgroup_is_below("/", "/"));
	assert_true(cgroup_is_below("/a", ""));
	assert_false(cgroup_is_below("/a/bc", "/a/b"));
	assert_false(cgroup_is_below("/a", "/a/b"));
	assert_false(cgroup_is_below("", "/a"));
}

/* ---- the real cgroup2 ---- */

static struct {
	const char *why_not; /* NULL when the tests have a tree of their own */
	char made[PATH_MAX]; /* the cgroup that is its root, as the host sees it */
	char tree[PATH_MAX]; /* where it is mounted */
	int way_back;        /* cgroup.procs of where we came from */
	int old_cgroup, old_mount;
} live = { .why_not = "the tests of cgroups did not start", .way_back = -1 };

static bool write_file(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];
	int file;
	bool ok;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return false;
	file = open(path, O_WRONLY | O_CLOEXEC);
	ok = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
	if (file >= 0)
		(void)close(file);
	return ok;
}

/* Keeps the way back to the cgroup that this program was started in. */
static bool keep_way_back(const char *mount)
{
	char line[PATH_MAX], path[2 * PATH_MAX];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s%s/cgroup.procs", mount, line + 3) >= (int)sizeof(path))
			continue;
		live.way_back = open(path, O_WRONLY | O_CLOEXEC);
	}
	if (file)
		(void)fclose(file);
	live.old_cgroup = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
	live.old_mount = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return live.way_back >= 0 && live.old_cgroup >= 0 && live.old_mount >= 0;
}

static const char *enter_own_tree(void)
{
	char mount_point[PATH_MAX];

	if (geteuid() != 0)
		return "cgroups need root";
	if (cgroup_mount_point(mount_point, sizeof(mount_point), NULL))
		return "no cgroup2 is mounted";
	(void)snprintf(live.made, sizeof(live.made), "%.4000s/sensor-test-%d", mount_point, (int)getpid());
	(void)snprintf(live.tree, sizeof(live.tree), "%s-tree", top);
	if (!keep_way_back(mount_point) || mkdir(live.made, 0755) != 0)
		return "cgroup2 is not writable";
	if (mkdir(live.tree, 0755) != 0 || !write_file(live.made, "cgroup.procs", "0") ||
	    unshare(CLONE_NEWCGROUP | CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", live.tree, "cgroup2", 0, NULL) != 0)
		return "no cgroup namespace with a cgroup2 of its own can be made";
	return NULL;
}

static int start_live(void **state)
{
	(void)state;
	live.why_not = enter_own_tree();
	return 0;
}

static int end_live(void **state)
{
	(void)state;
	if (live.way_back >= 0) {
		(void)setns(live.old_cgroup, CLONE_NEWCGROUP);
		(void)setns(live.old_mount, CLONE_NEWNS);
		assert_int_equal(write(live.way_back, "0", 1), 1);
		(void)close(live.way_back);
		(void)close(live.old_cgroup);
		(void)close(live.old_mount);
	}
	(void)rmdir(live.made);
	(void)rmdir(live.tree);
	return 0;
}

static void need_live(void)
{
	if (live.why_not) {
		print_message("# skipped: %s\n", live.why_not);
		skip();
	}
}

/* A child that waits to be killed, in `directory` if not NULL. */
static pid_t start_sleeper(const char *directory)
{
	char text[16];
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		(void)alarm(60); /* should the test end before it */
		for (;;)
			(void)pause();
	}
	(void)snprintf(text, sizeof(text), "%d", (int)child);
	if (directory)
		assert_true(write_file(directory, "cgroup.procs", text));
	return child;
}

static void assert_was_killed(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void end_sleeper(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_was_killed(child);
}

static pid_t dead_pid(void)
{
	pid_t child = start_sleeper(NULL);

	end_sleeper(child);
	return child;
}

static const char *make_leftover(pid_t pid, const char *purpose)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.4000s/sombrero-%d-%s", live.tree, (int)pid, purpose);
	assert_int_equal(mkdir(path, 0755), 0);
	return path;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Has the leftovers swept, as every start of sombrero does. */
static void sweep_leftovers(void)
{
	char made[PATH_MAX];
	struct error error = { "" };

	if (cgroup_make("test", made, sizeof(made), &error))
		fail_msg("%s", error.text);
	assert_true(exists(made));
	cgroup_remove(made);
	assert_false(exists(made));
}

static void a_cgroup_is_made_at_the_top_and_removed_with_all_in_it(void **state)
{
	char made[PATH_MAX], expected[PATH_MAX], child[PATH_MAX], out[4] = "abc";
	struct error error = { "" };
	pid_t outer, inner;

	(void)state;
	need_live();
	assert_int_equal(cgroup_make("learn", made, sizeof(made), &error), 0);
	(void)snprintf(expected, sizeof(expected), "%.4000s/sombrero-%d-learn", live.tree, (int)getpid());
	assert_string_equal(made, expected);
	assert_int_equal(cgroup_make("learn", out, sizeof(out), &error), -ENAMETOOLONG);
	assert_string_equal(out, "abc");
	(void)snprintf(child, sizeof(child), "%.4000s/deep", made);
	assert_int_equal(mkdir(child, 0755), 0);
	outer = start_sleeper(made);
	inner = start_sleeper(child);
	cgroup_remove(made);
	assert_was_killed(outer);
	assert_was_killed(inner);
	assert_false(exists(made));
}

static void a_purpose_is_no_path(void **state)
{
	static const char *const bad[] = { "", "a/b", "..", "A", "a b" };
	struct error error = { "" };
	char made[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(cgroup_make(bad[i], made, sizeof(made), &error), -EINVAL);
}

static void what_a_dead_sombrero_left_is_swept_and_what_runs_in_it_killed(void **state)
{
	char leftover[PATH_MAX], child[PATH_MAX];
	pid_t sleeper;

	(void)state;
	need_live();
	(void)snprintf(leftover, sizeof(leftover), "%s", make_leftover(dead_pid(), "learn"));
	(void)snprintf(child, sizeof(child), "%.4000s/deep", leftover);
	assert_int_equal(mkdir(child, 0755), 0);
	sleeper = start_sleeper(child);
	sweep_leftovers();
	assert_was_killed(sleeper);
	assert_false(exists(leftover));
}

static void a_cgroup_of_a_live_sombrero_is_left_alone(void **state)
{
	pid_t maker;
	const char *path;

	(void)state;
	need_live();
	maker = start_sleeper(NULL);
	path = make_leftover(maker, "learn");
	sweep_leftovers();
	assert_true(exists(path));
	end_sleeper(maker);
	sweep_leftovers();
	assert_false(exists(path));
}

static void a_sombrero_that_nobody_waited_for_is_dead(void **state)
{
	siginfo_t information;
	const char *path;
	pid_t maker;

	(void)state;
	need_live();
	maker = start_sleeper(NULL);
	path = make_leftover(maker, "learn");
	assert_int_equal(kill(maker, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)maker, &information, WEXITED | WNOWAIT), 0);
	sweep_leftovers();
	assert_false(exists(path));
	assert_was_killed(maker);
}

static void a_pid_that_was_used_again_is_not_the_maker(void **state)
{
	struct stat status;
	char mark[64];
	const char *path;
	pid_t other;

	(void)state;
	need_live();
	other = start_sleeper(NULL);
	path = make_leftover(other, "learn");
	assert_int_equal(stat("/proc/self/ns/pid", &status), 0);
	(void)snprintf(mark, sizeof(mark), "%lu 1", (unsigned long)status.st_ino);
	assert_int_equal(setxattr(path, "user.sombrero", mark, strlen(mark), 0), 0);
	sweep_leftovers();
	assert_false(exists(path));
	end_sleeper(other);
}

static void a_cgroup_made_in_another_pid_namespace_is_left_alone(void **state)
{
	const char *path;

	(void)state;
	need_live();
	path = make_leftover(dead_pid(), "learn");
	assert_int_equal(setxattr(path, "user.sombrero", "1 1", 3, 0), 0);
	sweep_leftovers();
	assert_true(exists(path));
	assert_int_equal(rmdir(path), 0);
}

static void what_is_not_named_so_is_never_touched(void **state)
{
	static const char *const names[] = { "sombrero",     "sombrero-x",         "sombrero--1-a",
					     "sombrero-1",   "xsombrero-999999-a", "sombrero-99999999999999999999-a",
					     "sombrero-0-a", "sombrero-999999x-a" };
	char path[PATH_MAX];

	(void)state;
	need_live();
	for (size_t i = 0; i < LENGTH(names); i++) {
		(void)snprintf(path, sizeof(path), "%.4000s/%s", live.tree, names[i]);
		assert_int_equal(mkdir(path, 0755), 0);
		sweep_leftovers();
		cgroup_remove(path);
		assert_true(exists(path));
		assert_int_equal(rmdir(path), 0);
	}
}

static void a_sombrero_started_in_a_leftover_does_not_kill_itself(void **state)
{
	const char *path;

	(void)state;
	need_live();
	path = make_leftover(dead_pid(), "learn");
	assert_true(write_file(path, "cgroup.procs", "0"));
	sweep_leftovers();
	assert_true(exists(path));
	assert_true(write_file(live.tree, "cgroup.procs", "0"));
	sweep_leftovers();
	assert_false(exists(path));
}

/* In a child with a mount namespace of its own: 0 when `check` holds there. */
static void assert_in_mounts_without_cgroup2(bool (*check)(void))
{
	pid_t child = fork();
	char mounted[PATH_MAX];
	int status;

	assert_true(child >= 0);
	if (!child) {
		bool ok = unshare(CLONE_NEWNS) == 0;

		while (ok && !cgroup_mount_point(mounted, sizeof(mounted), NULL))
			ok = umount2(mounted, MNT_DETACH) == 0;
		_exit(ok && check() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool says_how_to_mount(void)
{
	struct error error = { "" };
	char out[4] = "abc";

	return cgroup_mount_point(out, sizeof(out), &error) == -ENOTSUP && strcmp(out, "abc") == 0 &&
	       strstr(error.text, "mount -t cgroup2 none /sys/fs/cgroup/unified") != NULL;
}

static bool finds_a_place_with_a_blank(void)
{
	const char *place = below("/with blank\\");
	char out[PATH_MAX];

	return mkdir(top, 0755) == 0 && mkdir(place, 0755) == 0 && mount("none", place, "cgroup2", 0, NULL) == 0 &&
	       cgroup_mount_point(out, sizeof(out), NULL) == 0 && strcmp(out, place) == 0;
}

/* A mount over it hides what mountinfo still lists. */
static bool prefers_the_usual_place_that_is_not_hidden(void)
{
	char out[PATH_MAX];

	if (mount("none", live.tree, "cgroup2", 0, NULL) != 0 ||
	    mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) != 0 ||
	    cgroup_mount_point(out, sizeof(out), NULL) != 0 || strcmp(out, "/sys/fs/cgroup") != 0 ||
	    mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) != 0 || mkdir("/sys/fs/cgroup/unified", 0755) != 0 ||
	    cgroup_mount_point(out, sizeof(out), NULL) != 0 || strcmp(out, live.tree) != 0)
		return false;
	return mount("none", "/sys/fs/cgroup/unified", "cgroup2", 0, NULL) == 0 &&
	       cgroup_mount_point(out, sizeof(out), NULL) == 0 && strcmp(out, "/sys/fs/cgroup/unified") == 0;
}

static void a_host_without_cgroup2_is_told_how_to_mount_it(void **state)
{
	(void)state;
	need_live();
	assert_in_mounts_without_cgroup2(says_how_to_mount);
}

static void cgroup2_is_found_wherever_it_is_mounted(void **state)
{
	(void)state;
	need_live();
	remove_files(top);
	assert_in_mounts_without_cgroup2(finds_a_place_with_a_blank);
}

static void cgroup2_is_preferred_where_one_can_see_it_and_expects_it(void **state)
{
	(void)state;
	need_live();
	assert_in_mounts_without_cgroup2(prefers_the_usual_place_that_is_not_hidden);
}

static void assert_expands(const char *pattern, const char *const *names, size_t count)
{
	struct error error = { "" };
	char expected[PATH_MAX];
	char **list = NULL;
	size_t found = 0;

	if (cgroup_expand(pattern, &list, &found, &error))
		fail_msg("%s", error.text);
	assert_int_equal(found, count);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(expected, sizeof(expected), "%.4000s%s", live.tree, names[i]);
		assert_string_equal(list[i], expected);
	}
	cgroup_free_list(list, found);
}

static void a_pattern_expands_to_the_cgroups_it_matches(void **state)
{
	static const char *const both[] = { "/app-1", "/app-2" };
	static const char *const escaped[] = { "/a\\x2db.scope" };
	static const char *const root[] = { "" };
	char absolute[PATH_MAX], path[PATH_MAX];

	(void)state;
	need_live();
	assert_int_equal(chdir(live.tree), 0);
	assert_int_equal(mkdir("app-1", 0755) | mkdir("app-2", 0755) | mkdir("a\\x2db.scope", 0755), 0);
	(void)snprintf(absolute, sizeof(absolute), "%.4000s/app-[12]", live.tree);
	assert_expands("app-*", both, 2);
	assert_expands("/app-*", both, 2);
	assert_expands(absolute, both, 2);
	assert_expands("/app-1", both, 1);
	assert_expands("a\\x2db.scope", escaped, 1);
	assert_expands("/", root, 1);
	(void)snprintf(path, sizeof(path), "%s", live.tree);
	assert_expands(path, root, 1);
	assert_int_equal(rmdir("app-1") | rmdir("app-2") | rmdir("a\\x2db.scope"), 0);
	assert_int_equal(chdir("/"), 0);
}

static void a_pattern_that_matches_nothing_is_an_error_that_names_it(void **state)
{
	static const char *const out_of_the_tree[] = { "", "..", "../..", "/a/../..", "a/.." };
	struct error error = { "" };
	char **list = NULL;
	size_t count = 7;

	(void)state;
	need_live();
	assert_int_equal(cgroup_expand("nothing-*", &list, &count, &error), -ENOENT);
	assert_non_null(strstr(error.text, "nothing-*"));
	assert_int_equal(cgroup_expand("cgroup.procs", &list, &count, &error), -ENOENT);
	for (size_t i = 0; i < LENGTH(out_of_the_tree); i++)
		assert_int_equal(cgroup_expand(out_of_the_tree[i], &list, &count, &error), -EINVAL);
	assert_null(list);
	assert_int_equal(count, 7);
}

/* ---- unit files ---- */

static void assert_unit(const char *name, bool found, bool job, const char *main_program)
{
	struct unit_facts facts;

	memset(&facts, 0x5a, sizeof(facts));
	unit_read(top, name, &facts);
	if (facts.found != found || facts.job != job || strcmp(facts.main_program, main_program) != 0)
		fail_msg("%s: found %d job %d main program \"%s\"", name, facts.found, facts.job, facts.main_program);
}

static const struct {
	const char *command, *main_program;
} commands[] = {
	{ "/usr/sbin/sshd -D $SSHD_OPTS", "sshd" },
	{ "-/sbin/agetty -o '-p -- \\\\u' --noclear - $TERM", "agetty" },
	{ "@/usr/bin/dbus-daemon @dbus-daemon --system", "dbus-daemon" },
	{ "+!-:/usr/bin/daemon", "daemon" },
	{ "\"/opt/with blank/server\" --x", "server" },
	{ "/opt/with\\x20blank/ser\\x76er", "server" },
	{ "/usr/bin/python3 /srv/app/app.py", "app.py" },
	{ "/usr/bin/python3 $OPTIONS /srv/app/app.py", "app.py" },
	{ "/usr/bin/python3 -u app.py", "app.py" },
	{ "/usr/bin/node server.js", "server.js" },
	{ "/usr/bin/perl -T /usr/sbin/postgrey --pidfile=/run/x", "postgrey" },
	{ "python3 /srv/app/app.py", "app.py" },
	{ "/srv/app/run.sh --port 80", "run.sh" },
	{ "run-from-path --port 80", "run-from-path" },
	{ "/usr/sbin/mysqld", "mysqld" },
	{ "/bin/sh -c 'exec /usr/bin/x'", "" },
	{ "/bin/bash -lc \"exec /usr/bin/x\"", "" },
	{ "/usr/bin/env python3 app.py", "" },
	{ "/usr/bin/nice -n 5 /usr/bin/x", "" },
	{ "/usr/bin/flock /run/lock /usr/bin/x", "" },
	{ "/usr/bin/first ; /usr/bin/second", "first" },
	{ "/opt/%p/bin/%p-%i", "unit-one" },
	{ "/opt/%N", "unit@one" },
	{ "/opt/%H", "" },
	{ "${PROGRAM}", "" },
	{ "/usr/bin/python3 ${APP}", "" },
	{ "/opt/", "" },
	{ "-", "" },
	{ "\"", "" },
	{ ";", "" },
	{ "%", "" },
	{ "\\", "" },
};

static void the_main_program_is_called_as_a_process_of_it_is(void **state)
{
	char text[512];

	(void)state;
	write_text("/srv/app/run.sh", "#!/bin/sh\nexec true\n");
	write_text("/usr/local/bin/run-from-path", "#! /usr/bin/perl\n");
	write_text("/usr/sbin/mariadbd", "\177ELF");
	link_to("/usr/sbin/mysqld", "mariadbd");
	for (size_t i = 0; i < LENGTH(commands); i++) {
		struct unit_facts facts;

		(void)snprintf(text, sizeof(text), "[Service]\nExecStart=%s\n", commands[i].command);
		write_text("/etc/systemd/system/unit@.service", text);
		unit_read(top, "unit@one.service", &facts);
		assert_true(facts.found);
		if (strcmp(facts.main_program, commands[i].main_program) != 0)
			fail_msg("%s: \"%s\"", commands[i].command, facts.main_program);
	}
}

static void a_script_that_only_starts_a_daemon_is_not_its_main_program(void **state)
{
	(void)state;
	write_text("/usr/sbin/apachectl", "#!/bin/sh\n");
	write_text("/usr/sbin/nginx", "\177ELF");
	write_text("/lib/systemd/system/apache2.service",
		   "[Service]\nType=forking\nExecStart=/usr/sbin/apachectl start\n");
	write_text("/lib/systemd/system/nginx.service", "[Service]\nType=forking\nExecStart=/usr/sbin/nginx -g x\n");
	assert_unit("apache2.service", true, false, "");
	assert_unit("nginx.service", true, false, "nginx");
}

static void the_syntax_is_systemds(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/a.service", "# [Service]\n"
						    "[Unit]\nExecStart=/wrong\nType=oneshot\n"
						    "; comment with a backslash \\\n"
						    "[Service]\n"
						    "  Type = simple \r\n"
						    "ExecStartPre=/wrong\n"
						    "NoEquals\n"
						    "ExecStart = \\\n"
						    "# in between\n"
						    "; and another\n"
						    "   /usr/bin/python3 \\\n"
						    "   /srv/right.py\n"
						    "ExecStart=/usr/bin/second\n"
						    "[Install]\nExecStart=\n");
	assert_unit("a.service", true, false, "right.py");
	write_text("/lib/systemd/system/b.service", "[Service]\nExecStart=/usr/bin/b \\");
	assert_unit("b.service", true, false, "b");
	write_text("/lib/systemd/system/c.service", "[Service]\nExecStart=/usr/bin/c\n# the end \\");
	assert_unit("c.service", true, false, "c");
	write_text("/lib/systemd/system/d.service", "[Service]\nExecStart=/usr/bin/d\nExecStart=");
	assert_unit("d.service", true, false, "");
	write_text("/lib/systemd/system/e.service", "\n");
	assert_unit("e.service", true, false, "");
}

static void the_administrators_file_comes_before_the_packages(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/packaged\n");
	assert_unit("a.service", true, false, "packaged");
	write_text("/usr/local/lib/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/local\n");
	assert_unit("a.service", true, false, "local");
	write_text("/run/systemd/transient/a.service", "[Service]\nExecStart=/usr/bin/transient\n");
	assert_unit("a.service", true, true, "transient"); /* systemd-run: a job */
	write_text("/run/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/runtime\n");
	assert_unit("a.service", true, false, "runtime");
	write_text("/etc/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/own\n");
	assert_unit("a.service", true, false, "own");
}

static void an_instance_has_its_template_unless_it_has_a_file(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/db@.service", "[Service]\nExecStart=/usr/bin/template\n");
	assert_unit("db@main.service", true, false, "template");
	assert_unit("db@.service", true, false, "template");
	assert_unit("db@a@b.service", true, false, "template");
	assert_unit("db.service", false, false, "");
	write_text("/lib/systemd/system/db@main.service", "[Service]\nExecStart=/usr/bin/instance\n");
	assert_unit("db@main.service", true, false, "instance");
	assert_unit("db@other.service", true, false, "template");
}

static void drop_ins_override_in_the_order_of_their_names(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/a@.service", "[Service]\nExecStart=/usr/bin/packaged\n");
	write_text("/etc/systemd/system/a@one.service.d/10-more.conf", "[Service]\nExecStart=/usr/bin/ignored\n");
	assert_unit("a@one.service", true, false, "packaged");
	write_text("/lib/systemd/system/a@.service.d/20-reset.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/two\n");
	assert_unit("a@one.service", true, false, "two");
	write_text("/run/systemd/system/a@.service.d/15-reset.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/one\n");
	assert_unit("a@one.service", true, false, "two");
	link_to("/etc/systemd/system/a@.service.d/20-reset.conf", "/dev/null");
	assert_unit("a@one.service", true, false, "one");
	write_text("/etc/systemd/system/a@one.service.d/90-type.conf", "[Service]\nType=oneshot\n");
	write_text("/etc/systemd/system/a@one.service.d/99-ignored.txt", "[Service]\nExecStart=\n");
	write_text("/etc/systemd/system/a@one.service.d/.hidden.conf", "[Service]\nExecStart=\n");
	assert_unit("a@one.service", true, true, "one");
	assert_unit("a@two.service", true, false, "one");
}

static void oneshot_or_a_timer_makes_a_job(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/a.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/a\n");
	write_text("/lib/systemd/system/b.service", "[Service]\nExecStart=/usr/bin/b\n");
	write_text("/lib/systemd/system/c@.service", "[Service]\nExecStart=/usr/bin/c\n");
	assert_unit("a.service", true, true, "a");
	assert_unit("b.service", true, false, "b");
	assert_unit("c@x.service", true, false, "c");
	write_text("/etc/systemd/system/b.timer", "[Timer]\nOnCalendar=daily\n");
	write_text("/etc/systemd/system/c@.timer", "[Timer]\nOnCalendar=daily\n");
	assert_unit("b.service", true, true, "b");
	assert_unit("c@x.service", true, true, "c");
}

static void a_job_of_several_commands_is_named_by_its_unit(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/a.service", "[Service]\nType=oneshot\nExecStart=+/usr/bin/install -d /x\n"
						    "ExecStart=/usr/bin/find /x\nExecStart=/usr/bin/main\n");
	assert_unit("a.service", true, true, "");
	write_text("/etc/systemd/system/a.service.d/one.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/one\n");
	assert_unit("a.service", true, true, "one");
}

static void a_masked_unit_is_not_found(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/a\n");
	link_to("/etc/systemd/system/a.service", "/dev/null");
	write_text("/dev/null", "[Service]\nExecStart=/usr/bin/a\n"); /* a container's may be any file */
	assert_unit("a.service", true, false, "a");
	assert_int_equal(unlink(below("/dev/null")), 0);
	assert_int_equal(mknod(below("/dev/null"), S_IFIFO | 0666, 0), 0);
	assert_unit("a.service", false, false, "");
	write_text("/lib/systemd/system/b.service", "[Service]\nExecStart=/usr/bin/b\n");
	write_text("/etc/systemd/system/b.service", "");
	assert_unit("b.service", false, false, "");
}

static void an_alias_is_followed(void **state)
{
	(void)state;
	write_text("/lib/systemd/system/ssh.service", "[Service]\nExecStart=/usr/sbin/sshd\n");
	link_to("/etc/systemd/system/sshd.service", "/lib/systemd/system/ssh.service");
	link_to("/lib/systemd/system/openssh.service", "ssh.service");
	assert_unit("sshd.service", true, false, "sshd");
	assert_unit("openssh.service", true, false, "sshd");
}

static void no_link_leads_out_of_the_root(void **state)
{
	char up[] = "../../../../../../../../../../secret.service";
	char outside[PATH_MAX];
	FILE *file;

	(void)state;
	(void)snprintf(outside, sizeof(outside), "%s-secret.service", top);
	file = fopen(outside, "we");
	assert_non_null(file);
	assert_true(fputs("[Service]\nExecStart=/usr/bin/secret\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	link_to("/etc/systemd/system/a.service", outside);
	link_to("/etc/systemd/system/b.service", up);
	link_to("/etc/systemd/system/c.service", "/proc/self/root/etc/passwd");
	link_to("/usr/lib/systemd", "/lib/systemd");
	link_to("/run/systemd/system", "/..");
	assert_unit("a.service", false, false, "");
	assert_unit("b.service", false, false, "");
	assert_unit("c.service", false, false, "");
	write_text("/secret.service", "[Service]\nExecStart=/usr/bin/inside\n"); /* what ".." and "/" mean there */
	assert_unit("b.service", true, false, "inside");
	assert_int_equal(unlink(outside), 0);
}

static void what_is_no_regular_file_is_not_opened(void **state)
{
	(void)state;
	write_text("/etc/systemd/system/x", "");
	assert_int_equal(mkfifo(below("/etc/systemd/system/a.service"), 0666), 0); /* opening it would block */
	assert_int_equal(mkdir(below("/etc/systemd/system/b.service"), 0755), 0);
	link_to("/etc/systemd/system/c.service", "c.service");
	assert_unit("a.service", false, false, "");
	assert_unit("b.service", false, false, "");
	assert_unit("c.service", false, false, "");
	write_text("/etc/systemd/system/d.service", "[Service]\nExecStart=/usr/bin/d\n");
	assert_int_equal(mkdir(below("/etc/systemd/system/d.service.d"), 0755), 0);
	assert_int_equal(mkfifo(below("/etc/systemd/system/d.service.d/a.conf"), 0666), 0);
	assert_unit("d.service", true, false, "d");
}

static void a_file_that_is_too_large_is_not_read(void **state)
{
	static const char command[] = "[Service]\nExecStart=/usr/bin/a\n";

	(void)state;
	write_padded("/etc/systemd/system/a.service", command, '\n', 256 * 1024 - strlen(command), "");
	write_padded("/etc/systemd/system/b.service", command, '\n', 256 * 1024 - strlen(command), "\n");
	assert_unit("a.service", true, false, "a");
	assert_unit("b.service", false, false, "");
}

static void a_name_that_is_no_unit_name_is_not_looked_for(void **state)
{
	char longest[300];

	(void)state;
	write_text("/etc/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/a\n");
	write_text("/etc/systemd/.service", "[Service]\nExecStart=/usr/bin/a\n");
	assert_unit("", false, false, "");
	assert_unit("a", false, false, "");
	assert_unit("..", false, false, "");
	assert_unit("../system/a.service", false, false, "");
	assert_unit("/etc/systemd/system/a.service", false, false, "");
	assert_unit("@.service", false, false, "");
	assert_unit(".service", false, false, "");
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + sizeof(longest) - 9, ".service", 9);
	assert_unit(longest, false, false, "");
}

static void a_root_that_is_not_there_has_no_units(void **state)
{
	struct unit_facts facts;

	(void)state;
	unit_read("/nonexistent", "a.service", &facts);
	assert_false(facts.found);
}

/* ---- users ---- */

enum { HOST = 1, CONTAINER = 2 };

static struct users *new_users(void)
{
	struct users *users = users_new();

	assert_non_null(users);
	return users;
}

static void wait_for_another_look(void)
{
	(void)usleep(1100 * 1000);
}

static void ids_have_the_names_that_the_files_give_them(void **state)
{
	struct users *users = new_users();

	(void)state;
	write_text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
				  "second:x:1000:1000::/:/bin/sh\nlast:x:7:7");
	write_text("/etc/group", "root:x:0:\nwheel:x:10:alice,bob\n");
	assert_string_equal(users_name(users, CONTAINER, top, 0), "root");
	assert_string_equal(users_name(users, CONTAINER, top, 1000), "alice");
	assert_string_equal(users_name(users, CONTAINER, top, 7), "last");
	assert_string_equal(users_group(users, CONTAINER, top, 10), "wheel");
	assert_string_equal(users_name(users, CONTAINER, top, 10), "uid:10");
	assert_string_equal(users_group(users, CONTAINER, top, 1000), "gid:1000");
	assert_string_equal(users_name(users, CONTAINER, top, EVENT_NO_ID), "");
	assert_ptr_equal(users_name(users, CONTAINER, top, 1000), users_name(users, CONTAINER, top, 1000));
	users_free(users);
}

static void our_own_root_is_named_so(void **state)
{
	struct users *users = new_users();

	(void)state;
	assert_string_equal(users_name(users, HOST, "", 0), "root");
	assert_string_equal(users_group(users, HOST, "", 0), "root");
	users_free(users);
}

static void a_missing_file_leaves_the_numbers(void **state)
{
	struct users *users = new_users();

	(void)state;
	assert_string_equal(users_name(users, CONTAINER, top, 0), "uid:0");
	assert_string_equal(users_group(users, CONTAINER, top, 4294967294), "gid:4294967294");
	users_free(users);
}

static void a_process_that_is_gone_does_not_count_as_a_look(void **state)
{
	struct users *users = new_users();

	(void)state;
	write_text("/etc/passwd", "root:x:0:0:::\n");
	assert_string_equal(users_name(users, CONTAINER, "/nonexistent", 0), "uid:0");
	assert_string_equal(users_name(users, CONTAINER, top, 0), "root");
	users_free(users);
}

static void broken_lines_have_no_place(void **state)
{
	struct users *users = new_users();

	(void)state;
	write_text("/etc/passwd",
		   "\n:\n::\n:::\n:x:1:1\n+::::::\n+nis:x:2:2\n-x:x:2:2\nnoid:x\nbad:x:3x:3\nneg:x:-1:1\n"
		   "none:x::1\nover:x:4294967296:1\nno-id:x:4294967295:1\nhuge:x:99999999999999999999999:1\n"
		   "good:x:4:4\n");
	for (uint32_t id = 0; id < 4; id++)
		assert_true(strncmp(users_name(users, CONTAINER, top, id), "uid:", 4) == 0);
	assert_string_equal(users_name(users, CONTAINER, top, 4), "good");
	users_free(users);
}

static void a_huge_line_hides_none_of_the_others(void **state)
{
	struct users *users = new_users();

	(void)state;
	write_padded("/etc/group", "one:x:1:", 'm', 40000, "\ntwo:x:2:\n");
	write_padded("/etc/passwd", "", 'n', 40000, ":x:1:\ntwo:x:2:\n");
	assert_string_equal(users_group(users, CONTAINER, top, 1), "one");
	assert_string_equal(users_group(users, CONTAINER, top, 2), "two");
	assert_string_equal(users_name(users, CONTAINER, top, 1), "uid:1");
	assert_string_equal(users_name(users, CONTAINER, top, 2), "two");
	users_free(users);
}

/* The limit cuts the second line so that its id would be another. */
static void of_a_huge_file_the_beginning_is_known(void **state)
{
	static const char first[] = "one:x:1:\n", cut[] = "cut:x:3";
	struct users *users = new_users();

	(void)state;
	write_padded("/etc/group", first, '\n', 64 * 1024 - strlen(first) - strlen(cut), "cut:x:34:\n");
	assert_string_equal(users_group(users, CONTAINER, top, 1), "one");
	assert_string_equal(users_group(users, CONTAINER, top, 3), "gid:3");
	users_free(users);
}

static void a_change_is_seen_and_old_names_stay(void **state)
{
	struct users *users = new_users();
	const char *before;

	(void)state;
	write_text("/etc/passwd", "alice:x:1000:1000:::\n");
	before = users_name(users, CONTAINER, top, 1000);
	assert_string_equal(before, "alice");
	write_text("/etc/passwd", "robert:x:1000:1000:::\n");
	assert_string_equal(users_name(users, CONTAINER, top, 1000), "alice"); /* looked at a moment ago */
	wait_for_another_look();
	assert_string_equal(users_name(users, CONTAINER, top, 1000), "robert");
	assert_string_equal(before, "alice");
	assert_int_equal(unlink(below("/etc/passwd")), 0);
	wait_for_another_look();
	assert_string_equal(users_name(users, CONTAINER, top, 1000), "uid:1000");
	users_free(users);
}

/* chroot(2) to a directory with a passwd file must not rename the whole container. */
static void a_process_with_another_root_changes_no_names(void **state)
{
	struct users *users = new_users();

	(void)state;
	write_text("/etc/passwd", "alice:x:1000:1000:::\n");
	write_text("/tmp/fake/etc/passwd", "root:x:1000:1000:::\n");
	assert_string_equal(users_name(users, CONTAINER, top, 1000), "alice");
	wait_for_another_look();
	assert_string_equal(users_name(users, CONTAINER, below("/tmp/fake"), 1000), "alice");
	users_free(users);
}

static void a_namespace_number_used_again_has_the_new_ones_names(void **state)
{
	struct users *users = new_users();

	(void)state;
	write_text("/one/etc/passwd", "one:x:1000:1000:::\n");
	write_text("/two/etc/passwd", "two:x:1000:1000:::\n");
	assert_string_equal(users_name(users, CONTAINER, below("/one"), 1000), "one");
	assert_int_equal(rename(below("/one"), below("/gone")), 0);
	wait_for_another_look();
	assert_string_equal(users_name(users, CONTAINER, below("/two"), 1000), "two");
	users_free(users);
}

static void each_namespace_has_its_own_names_however_many_there_are(void **state)
{
	struct users *users = new_users();
	const char *first;

	(void)state;
	write_text("/one/etc/passwd", "one:x:1000:1000:::\n");
	write_text("/two/etc/passwd", "two:x:1000:1000:::\n");
	first = users_name(users, 0, below("/one"), 1000);
	for (uint32_t number = 1; number < 300; number++)
		assert_string_equal(users_name(users, number, below("/two"), 1000), "two");
	assert_string_equal(first, "one");
	assert_ptr_equal(users_name(users, 0, below("/one"), 1000), first);
	users_free(users);
}

static void no_container_uses_up_the_names_that_the_host_needs(void **state)
{
	struct users *users = new_users();

	(void)state;
	for (uint32_t id = 0; id < 20000; id++)
		(void)users_name(users, CONTAINER, top, id);
	assert_string_equal(users_name(users, CONTAINER, top, 30000), "uid:?");
	assert_string_equal(users_group(users, CONTAINER, top, 30000), "gid:?");
	assert_string_equal(users_name(users, HOST, "", 0), "root");
	assert_string_equal(users_name(users, HOST, "", 3999999999), "uid:3999999999");
	users_free(users);
}

static void files_of_users_stay_in_their_root(void **state)
{
	struct users *users = new_users();

	(void)state;
	link_to("/etc/passwd", "/../../../../proc/self/root/etc/passwd");
	make_parents(below("/etc/x"));
	assert_int_equal(mkfifo(below("/etc/group"), 0666), 0);
	assert_string_equal(users_name(users, CONTAINER, top, 0), "uid:0");
	assert_string_equal(users_group(users, CONTAINER, top, 0), "gid:0");
	users_free(users);
}

#define files_test(function) cmocka_unit_test_setup(function, empty_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cgroup_path_says_who_lives_there),
		cmocka_unit_test(a_container_below_a_unit_may_be_anyones),
		cmocka_unit_test(a_name_longer_than_a_file_name_can_be_is_left_out),
		cmocka_unit_test(below_is_by_whole_names),
		cmocka_unit_test(a_purpose_is_no_path),
		files_test(the_main_program_is_called_as_a_process_of_it_is),
		files_test(a_script_that_only_starts_a_daemon_is_not_its_main_program),
		files_test(the_syntax_is_systemds),
		files_test(the_administrators_file_comes_before_the_packages),
		files_test(an_instance_has_its_template_unless_it_has_a_file),
		files_test(drop_ins_override_in_the_order_of_their_names),
		files_test(oneshot_or_a_timer_makes_a_job),
		files_test(a_job_of_several_commands_is_named_by_its_unit),
		files_test(a_masked_unit_is_not_found),
		files_test(an_alias_is_followed),
		files_test(no_link_leads_out_of_the_root),
		files_test(what_is_no_regular_file_is_not_opened),
		files_test(a_file_that_is_too_large_is_not_read),
		files_test(a_name_that_is_no_unit_name_is_not_looked_for),
		files_test(a_root_that_is_not_there_has_no_units),
		files_test(ids_have_the_names_that_the_files_give_them),
		files_test(our_own_root_is_named_so),
		files_test(a_missing_file_leaves_the_numbers),
		files_test(a_process_that_is_gone_does_not_count_as_a_look),
		files_test(broken_lines_have_no_place),
		files_test(a_huge_line_hides_none_of_the_others),
		files_test(of_a_huge_file_the_beginning_is_known),
		files_test(a_change_is_seen_and_old_names_stay),
		files_test(a_process_with_another_root_changes_no_names),
		files_test(a_namespace_number_used_again_has_the_new_ones_names),
		files_test(each_namespace_has_its_own_names_however_many_there_are),
		files_test(no_container_uses_up_the_names_that_the_host_needs),
		files_test(files_of_users_stay_in_their_root),
		cmocka_unit_test(a_cgroup_is_made_at_the_top_and_removed_with_all_in_it),
		cmocka_unit_test(what_a_dead_sombrero_left_is_swept_and_what_runs_in_it_killed),
		cmocka_unit_test(a_cgroup_of_a_live_sombrero_is_left_alone),
		cmocka_unit_test(a_sombrero_that_nobody_waited_for_is_dead),
		cmocka_unit_test(a_pid_that_was_used_again_is_not_the_maker),
		cmocka_unit_test(a_cgroup_made_in_another_pid_namespace_is_left_alone),
		cmocka_unit_test(what_is_not_named_so_is_never_touched),
		cmocka_unit_test(a_sombrero_started_in_a_leftover_does_not_kill_itself),
		cmocka_unit_test(a_host_without_cgroup2_is_told_how_to_mount_it),
		cmocka_unit_test(cgroup2_is_found_wherever_it_is_mounted),
		cmocka_unit_test(cgroup2_is_preferred_where_one_can_see_it_and_expects_it),
		cmocka_unit_test(a_pattern_expands_to_the_cgroups_it_matches),
		cmocka_unit_test(a_pattern_that_matches_nothing_is_an_error_that_names_it),
	};
	int failed;

	if (!mkdtemp(top))
		return 1;
	failed = cmocka_run_group_tests(tests, start_live, end_live);
	remove_files(top);
	return failed;
}
