/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Where cgroup2 is mounted. */

struct mount_choice {
	int rank; /* the lower the better */
	char path[PATH_MAX];
};

#define RANK_NONE INT_MAX

static bool is_octal(char character)
{
	return character >= '0' && character <= '7';
}

/* mountinfo writes blanks, tabs, newlines and backslashes as a backslash and three octal digits. */
static void unescape_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* A mount that shows only a part of the tree is the last resort: paths below it are not paths in the tree. */
static int mount_rank(const char *root, const char *point)
{
	if (strcmp(root, "/") != 0)
		return 3;
	if (strcmp(point, "/sys/fs/cgroup") == 0)
		return 0;
	return strcmp(point, "/sys/fs/cgroup/unified") == 0 ? 1 : 2;
}

/* Is what one sees there cgroup2, or was something else mounted over it? */
static bool shows_cgroup2(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

/* A line of mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type, source, options. */
static void consider_mount(char *line, struct mount_choice *best)
{
	char *field[5] = { NULL };
	char *rest = line;
	char *type = strstr(line, " - ");
	int rank;

	if (!type || !starts_with(type, " - cgroup2 "))
		return;
	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++)
		field[i] = strsep(&rest, " ");
	if (!field[3] || !field[4])
		return;
	unescape_octal(field[4]);
	rank = mount_rank(field[3], field[4]);
	if (rank >= best->rank || strlen(field[4]) >= sizeof(best->path) || !shows_cgroup2(field[4]))
		return;
	best->rank = rank;
	memcpy(best->path, field[4], strlen(field[4]) + 1);
}

static int copy_path(const char *path, char *out, size_t size, struct error *error)
{
	size_t length = strlen(path);

	if (length >= size)
		return error_set(error, -ENAMETOOLONG, "the path of the cgroup is too long: %s", path);
	memcpy(out, path, length + 1);
	return 0;
}

int cgroup_mount_point(char *out, size_t size, struct error *error)
{
	struct mount_choice best = { .rank = RANK_NONE };
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t room = 0;
	char *line = NULL;

	if (!file)
		return error_set(error, -errno, "cannot read /proc/self/mountinfo: %s; is /proc mounted?",
				 strerror(errno));
	while (getline(&line, &room, file) >= 0)
		consider_mount(line, &best);
	free(line);
	(void)fclose(file);
	if (best.rank == RANK_NONE)
		return error_set(error, -ENOTSUP,
				 "no cgroup2 file system is mounted; mount it with: mkdir -p /sys/fs/cgroup/unified && "
				 "mount -t cgroup2 none /sys/fs/cgroup/unified");
	return copy_path(best.path, out, size, error);
}

/* Who made a cgroup of ours, and do they live? */

#define NAME_PREFIX "sombrero-"

/*
 * The maker's pid namespace and start time, kept as an extended attribute of its cgroup: the pid in the name means nothing
 * in another pid namespace, nor after it was given to another process.
 */
#define MARK_NAME "user.sombrero"

struct maker {
	uint64_t pid_namespace;
	uint64_t start; /* clock ticks since boot, as in /proc/PID/stat */
};

/* The pid in a name of ours, "sombrero-PID-PURPOSE", or -1 for any other name. */
static pid_t maker_pid(const char *name)
{
	const char *digits = name + strlen(NAME_PREFIX);
	char *end;
	long pid;

	if (!starts_with(name, NAME_PREFIX) || !isdigit((unsigned char)digits[0]))
		return -1;
	errno = 0;
	pid = strtol(digits, &end, 10);
	if (errno || pid <= 0 || pid > INT_MAX || end[0] != '-' || !end[1])
		return -1;
	return (pid_t)pid;
}

/* The fields of /proc/PID/stat that we want, by proc(5)'s numbers. */
enum { STAT_STATE = 3, STAT_THREADS = 20, STAT_START = 22, STAT_COUNT };

/* Cuts the text of /proc/PID/stat into its fields. Those before the state are not needed; the name may hold blanks and ")". */
static bool split_stat(char *text, const char *field[STAT_COUNT])
{
	char *rest = strrchr(text, ')');

	if (!rest || !rest[1])
		return false;
	rest += 2;
	for (size_t i = STAT_STATE; i < STAT_COUNT; i++) {
		field[i] = strsep(&rest, " ");
		if (!field[i])
			return false;
	}
	return true;
}

/* The start time of a process that runs. -ESRCH for none and for a dead one that its parent has not waited for yet. */
static int process_start(pid_t pid, uint64_t *start)
{
	char path[64];
	char text[1024];
	const char *field[STAT_COUNT];
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -EIO;
	size = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	if (!split_stat(text, field))
		return -EIO;
	if (field[STAT_STATE][0] == 'Z' && strtoul(field[STAT_THREADS], NULL, 10) <= 1)
		return -ESRCH;
	*start = strtoull(field[STAT_START], NULL, 10);
	return 0;
}

static bool own_mark(struct maker *out)
{
	struct stat status;

	if (stat("/proc/self/ns/pid", &status) != 0 || process_start(getpid(), &out->start))
		return false;
	out->pid_namespace = status.st_ino;
	return true;
}

/* Best effort: without a mark, the pid and the directory's time decide. */
static void write_mark(const char *directory)
{
	struct maker mark = { 0 };
	char text[64];

	if (!own_mark(&mark))
		return;
	(void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, mark.pid_namespace, mark.start);
	(void)setxattr(directory, MARK_NAME, text, strlen(text), 0);
}

static bool read_mark(const char *directory, struct maker *out)
{
	char text[64];
	char *end;
	ssize_t size = getxattr(directory, MARK_NAME, text, sizeof(text) - 1);

	if (size <= 0)
		return false;
	text[size] = '\0';
	out->pid_namespace = strtoull(text, &end, 10);
	if (*end != ' ')
		return false;
	out->start = strtoull(end + 1, &end, 10);
	return !*end;
}

/* Did a process that started then exist when the directory was last changed? A second is for the clocks' differences. */
static bool started_before_change(uint64_t start, const char *directory)
{
	struct stat status;
	struct timespec now, up;
	time_t started;

	if (stat(directory, &status) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0 ||
	    clock_gettime(CLOCK_BOOTTIME, &up) != 0)
		return true;
	started = now.tv_sec - up.tv_sec + (time_t)(start / (uint64_t)sysconf(_SC_CLK_TCK));
	return started <= status.st_ctim.tv_sec + 1;
}

/* Whatever can't be told counts as alive: better a leftover than somebody's work. */
static bool maker_lives(pid_t pid, const char *directory)
{
	struct maker mark = { 0 }, own = { 0 };
	bool marked = read_mark(directory, &mark);
	uint64_t start = 0;
	int code;

	if (marked && (!own_mark(&own) || own.pid_namespace != mark.pid_namespace))
		return true;
	if (kill(pid, 0) != 0 && errno == ESRCH)
		return false;
	code = process_start(pid, &start);
	if (code)
		return code != -ESRCH;
	return marked ? start == mark.start : started_before_change(start, directory);
}

/* Cgroups of our own. */

/* Is this process in `directory` or below it? Then what runs in it must not be killed. */
static bool are_inside(const char *directory)
{
	char mount[PATH_MAX];
	char line[PATH_MAX + 8];
	bool inside = true; /* where it can't be told */
	FILE *file;

	if (cgroup_mount_point(mount, sizeof(mount), NULL) || !starts_with(directory, mount))
		return true;
	file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return true;
	while (fgets(line, sizeof(line), file)) {
		if (!starts_with(line, "0::"))
			continue;
		line[strcspn(line, "\n")] = '\0';
		inside = cgroup_is_below(line + strlen("0::"), directory + strlen(mount));
	}
	(void)fclose(file);
	return inside;
}

static int write_one(const char *directory, const char *name)
{
	char path[PATH_MAX];
	int code = 0;
	int file;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (write(file, "1", 1) != 1)
		code = -errno;
	(void)close(file);
	return code;
}

static int visit_to_kill(const char *path, const struct stat *status, int type, struct FTW *where)
{
	char name[PATH_MAX];
	char line[32];
	FILE *file;

	(void)status;
	(void)where;
	if (type != FTW_DP || snprintf(name, sizeof(name), "%s/cgroup.procs", path) >= (int)sizeof(name))
		return 0;
	file = fopen(name, "re");
	if (!file)
		return 0;
	/* 0 stands for a process of a pid namespace we can't see; to kill(2) it would be our own process group. */
	while (fgets(line, sizeof(line), file)) {
		long pid = strtol(line, NULL, 10);

		if (pid > 1 && pid != getpid())
			(void)kill((pid_t)pid, SIGKILL);
	}
	(void)fclose(file);
	return 0;
}

/* Kernels before 5.14 lack cgroup.kill; freezing keeps what is there from forking away from us. */
static void kill_all(const char *directory)
{
	if (write_one(directory, "cgroup.kill") != -ENOENT)
		return;
	(void)write_one(directory, "cgroup.freeze");
	(void)nftw(directory, visit_to_kill, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int visit_to_remove(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)where;
	if (type == FTW_DP && rmdir(path) != 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Ends what runs in a cgroup of ours and removes it with its children: for half a second, since the killed need a moment. */
static int remove_tree(const char *directory)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	int code = nftw(directory, visit_to_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

	if (!code || are_inside(directory))
		return code;
	for (int tries = 0; code && tries < 50; tries++) {
		kill_all(directory);
		if (tries)
			(void)nanosleep(&moment, NULL);
		code = nftw(directory, visit_to_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	}
	return code;
}

static void sweep(const char *mount)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *directory = opendir(mount);

	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		pid_t pid = maker_pid(entry->d_name);

		if (pid < 0 || snprintf(path, sizeof(path), "%s/%s", mount, entry->d_name) >= (int)sizeof(path))
			continue;
		if (!maker_lives(pid, path))
			(void)remove_tree(path);
	}
	(void)closedir(directory);
}

static bool purpose_is_valid(const char *purpose)
{
	return purpose[0] && strlen(purpose) <= 64 &&
	       strspn(purpose, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(purpose);
}

int cgroup_make(const char *purpose, char *out, size_t size, struct error *error)
{
	char mount[PATH_MAX];
	char path[PATH_MAX];
	int code;

	if (!purpose_is_valid(purpose))
		return error_set(error, -EINVAL, "\"%s\" can't be in a cgroup's name; use a-z, 0-9 and -", purpose);
	code = cgroup_mount_point(mount, sizeof(mount), error);
	if (code)
		return code;
	if (snprintf(path, sizeof(path), "%s/" NAME_PREFIX "%d-%s", mount, (int)getpid(), purpose) >=
		    (int)sizeof(path) ||
	    strlen(path) >= size)
		return error_set(error, -ENAMETOOLONG, "the path of a cgroup below %s is too long", mount);
	sweep(mount);
	if (mkdir(path, 0755) != 0)
		return error_set(error, -errno, "cannot make the cgroup %s: %s; run as root, where cgroup2 is writable",
				 path, strerror(errno));
	write_mark(path);
	return copy_path(path, out, size, error);
}

void cgroup_remove(const char *directory)
{
	const char *slash = strrchr(directory, '/');

	if (slash && maker_pid(slash + 1) >= 0 && shows_cgroup2(directory))
		(void)remove_tree(directory);
}

/* Patterns of cgroups. */

/* ".." would lead out of the tree. */
static bool goes_up(const char *pattern)
{
	size_t size;

	for (; *pattern; pattern += size) {
		pattern += strspn(pattern, "/");
		size = strcspn(pattern, "/");
		if (size == 2 && starts_with(pattern, ".."))
			return true;
	}
	return false;
}

/* The pattern from the mount point on, without a slash before it. */
static const char *pattern_in_tree(const char *pattern, const char *mount)
{
	if (cgroup_is_below(pattern, mount))
		pattern += strlen(mount);
	return pattern + strspn(pattern, "/");
}

static bool is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int copy_directories(const glob_t *found, char ***list, size_t *count)
{
	char **paths = calloc(found->gl_pathc + 1, sizeof(*paths));
	size_t number = 0;

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < found->gl_pathc; i++) {
		if (!is_directory(found->gl_pathv[i]))
			continue;
		paths[number] = strdup(found->gl_pathv[i]);
		if (!paths[number]) {
			cgroup_free_list(paths, number);
			return -ENOMEM;
		}
		number++;
	}
	if (!number) {
		cgroup_free_list(paths, number);
		return -ENOENT;
	}
	*list = paths;
	*count = number;
	return 0;
}

/* GLOB_NOESCAPE: systemd's names hold backslashes (machine-a\x2db.scope), and people paste them. */
static int expand(const char *full, char ***list, size_t *count)
{
	glob_t found = { 0 };
	int code = glob(full, GLOB_NOESCAPE | GLOB_ONLYDIR, NULL, &found);

	if (code == 0)
		code = copy_directories(&found, list, count);
	else
		code = code == GLOB_NOSPACE ? -ENOMEM : -ENOENT;
	globfree(&found);
	return code;
}

int cgroup_expand(const char *pattern, char ***list, size_t *count, struct error *error)
{
	char mount[PATH_MAX];
	char full[PATH_MAX];
	const char *in_tree;
	int code = cgroup_mount_point(mount, sizeof(mount), error);

	if (code)
		return code;
	if (!pattern[0] || goes_up(pattern))
		return error_set(error, -EINVAL, "\"%s\" names no cgroup; give a path or pattern in the tree at %s",
				 pattern, mount);
	in_tree = pattern_in_tree(pattern, mount);
	if (snprintf(full, sizeof(full), "%s%s%s", mount, in_tree[0] ? "/" : "", in_tree) >= (int)sizeof(full))
		return error_set(error, -ENAMETOOLONG, "the pattern of cgroups is too long: %.200s…", pattern);
	code = expand(full, list, count);
	if (code == -ENOENT)
		return error_set(error, code, "no cgroup matches %s (looked for %s)", pattern, full);
	return code ? error_set(error, code, "cannot look for the cgroup %s: %s", pattern, strerror(-code)) : 0;
}

void cgroup_free_list(char **list, size_t count)
{
	if (!list)
		return;
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

/* What a path says. */

#define CONTAINER_ID_LENGTH 64 /* hexadecimal digits that every OCI runtime uses */
#define CONTAINER_ID_SHOWN  12

/* A part of a path, between slashes; not ended by NUL. */
struct part {
	const char *text;
	size_t size;
};

/* Where the walk down a path is. */
struct walk {
	struct cgroup_facts *facts;
	struct part parent, grandparent;
	/* Below a service or scope the tree may be delegated, so whoever lives there chooses the names. */
	struct part unit; /* which that is; empty: none */
	bool closed;      /* below a container that was made in such a place: names say nothing any more */
};

static bool next_part(const char **cursor, struct part *out)
{
	const char *text = *cursor + strspn(*cursor, "/");

	if (!*text)
		return false;
	out->text = text;
	out->size = strcspn(text, "/");
	*cursor = text + out->size;
	return true;
}

static bool part_starts(struct part part, const char *prefix)
{
	size_t length = strlen(prefix);

	return part.size >= length && memcmp(part.text, prefix, length) == 0;
}

static bool part_ends(struct part part, const char *suffix)
{
	size_t length = strlen(suffix);

	return part.size >= length && memcmp(part.text + part.size - length, suffix, length) == 0;
}

static bool part_is(struct part part, const char *text)
{
	return part.size == strlen(text) && part_starts(part, text);
}

/* What stands between `prefix` and `suffix`; an empty part when it is not so. */
static struct part part_between(struct part part, const char *prefix, const char *suffix)
{
	size_t around = strlen(prefix) + strlen(suffix);

	if (part.size <= around || !part_starts(part, prefix) || !part_ends(part, suffix))
		return (struct part) { .text = "" };
	return (struct part) { .text = part.text + strlen(prefix), .size = part.size - around };
}

static bool part_is_number(struct part part)
{
	for (size_t i = 0; i < part.size; i++)
		if (!isdigit((unsigned char)part.text[i]))
			return false;
	return part.size > 0;
}

static int hex_digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	return -1;
}

/* The character that \xHH stands for, or -1; never one that would make another path or a control character of a name. */
static int escaped_character(const char *text, size_t size)
{
	int high, low, character;

	if (size < 4 || text[0] != '\\' || text[1] != 'x')
		return -1;
	high = hex_digit(text[2]);
	low = hex_digit(text[3]);
	character = high * 16 + low;
	if (high < 0 || low < 0 || character <= ' ' || character >= 0x7f || character == '/' || character == '\\')
		return -1;
	return character;
}

/* Unescapes as systemd does. Nothing is copied of a part that is longer than a file's name can be. */
static void part_copy(struct part part, char out[CGROUP_NAME_MAX])
{
	size_t size = 0;

	if (part.size >= CGROUP_NAME_MAX)
		return;
	for (size_t i = 0; i < part.size; size++) {
		int character = escaped_character(part.text + i, part.size - i);

		out[size] = character < 0 ? part.text[i] : (char)character;
		i += character < 0 ? 1 : 4;
	}
	out[size] = '\0';
}

/*
 * The id in a runtime's cgroup: docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope,
 * kubepods-….slice:cri-containerd:ID, or only ID. A conmon watches over a container and is not in it.
 */
static struct part runtime_container(struct part part)
{
	const struct part none = { .text = "" };
	struct part id;

	if (part_ends(part, ".scope"))
		part.size -= strlen(".scope");
	if (part.size < CONTAINER_ID_LENGTH)
		return none;
	id.size = CONTAINER_ID_LENGTH;
	id.text = part.text + part.size - id.size;
	for (size_t i = 0; i < id.size; i++)
		if (hex_digit(id.text[i]) < 0)
			return none;
	part.size -= id.size;
	if (part.size && !part_ends(part, "-") && !part_ends(part, ":"))
		return none;
	if (part_ends(part, "conmon-"))
		return none;
	id.size = CONTAINER_ID_SHOWN;
	return id;
}

static struct part lxc_container(const struct walk *walk, struct part part)
{
	if (part_is(walk->parent, "lxc") || part_is(walk->parent, "lxc.payload"))
		return part;
	return part_between(part, "lxc.payload.", "");
}

/*
 * systemd-nspawn: machine.slice/machine-NAME.scope or machine.slice/systemd-nspawn@NAME.service, in newer versions with
 * the container in "payload" and nspawn itself in "supervisor" below it. Virtual machines have such scopes too: what is
 * in theirs runs on this host.
 */
static struct part nspawn_container(const struct walk *walk, struct part part, const char *rest)
{
	struct part below = { .text = "" };

	if (part_is(walk->grandparent, "machine.slice") && part_is(part, "payload"))
		return part_between(walk->parent, "systemd-nspawn@", ".service");
	(void)next_part(&rest, &below);
	if (!part_is(walk->parent, "machine.slice") || part_is(below, "supervisor") ||
	    part_starts(part, "machine-qemu\\x2d"))
		return (struct part) { .text = "" };
	return part_between(part, "machine-", ".scope");
}

/* nspawn's unit is the container's own. */
static bool is_payload_of_nspawn(const struct walk *walk, struct part part)
{
	return part_is(part, "payload") && part_is(walk->grandparent, "machine.slice") &&
	       walk->unit.text == walk->parent.text;
}

/* A container's cgroup: what is below it is the container's own part. Of nested ones the outermost gives the name. */
static bool enter_container(struct walk *walk, struct part part, const char *rest)
{
	struct part id = runtime_container(part);

	if (walk->closed)
		return false;
	if (!id.size)
		id = lxc_container(walk, part);
	if (!id.size)
		id = nspawn_container(walk, part, rest);
	if (!id.size)
		return false;
	walk->closed = walk->unit.size && !is_payload_of_nspawn(walk, part);
	if (!walk->facts->container[0]) {
		part_copy(id, walk->facts->container);
		walk->facts->delegated = walk->closed;
	}
	walk->facts->unit[0] = '\0';
	walk->unit.size = 0;
	return true;
}

/* As logind makes them: user.slice/user-UID.slice/session-ID.scope, and …/user@UID.service for a user's own manager. */
static bool is_session(const struct walk *walk, struct part part)
{
	return part_is(walk->grandparent, "user.slice") &&
	       part_is_number(part_between(walk->parent, "user-", ".slice")) &&
	       (part_between(part, "session-", ".scope").size ||
		part_is_number(part_between(part, "user@", ".service")));
}

static void enter_unit(struct walk *walk, struct part part)
{
	struct part change = part_between(part, "sombrero-change-", ".scope");

	if (walk->unit.size || walk->closed)
		return;
	walk->unit = part;
	if (is_session(walk, part))
		walk->facts->session = true;
	if (!walk->facts->container[0])
		part_copy(change, walk->facts->change);
	if (part_starts(part, "_")) /* systemd puts it before a name that the kernel might use */
		part = part_between(part, "_", "");
	part_copy(part, walk->facts->unit);
}

void cgroup_parse(const char *path, struct cgroup_facts *out)
{
	struct walk walk = { .facts = out, .parent.text = "", .grandparent.text = "", .unit.text = "" };
	struct part part;

	memset(out, 0, sizeof(*out));
	while (next_part(&path, &part)) {
		if (!enter_container(&walk, part, path) && (part_ends(part, ".service") || part_ends(part, ".scope")))
			enter_unit(&walk, part);
		walk.grandparent = walk.parent;
		walk.parent = part;
	}
}

bool cgroup_is_below(const char *path, const char *root)
{
	size_t length = strlen(root);

	while (length && root[length - 1] == '/')
		length--;
	return strncmp(path, root, length) == 0 && (!length || path[length] == '/' || !path[length]);
}
