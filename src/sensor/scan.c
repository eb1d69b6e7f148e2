/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks through the trees that are watched: marks their directories, takes the baseline, compares with it. Only what differs in its
 * metadata is read; the change time can't be set by whoever changes a file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/hash.h"
#include "sensor/files_priv.h"
#include "sensor/overlay_priv.h"
#include "sensor/rooted.h"

/* Between two breaths: about a millisecond of looking. */
#define BREATHE 256

/* What is known of a file, in two words: which, and how it was. A walk over the baseline makes them, and then is over. */
struct print {
	uint64_t path, state; /* path 0: no entry */
	bool seen;
};

struct prints {
	struct print *slot; /* owned */
	size_t count, capacity;
};

struct scan {
	struct files *files;
	const struct actor *actor; /* NULL: nobody knows */
	bool take;                 /* into the baseline, silently */
	bool new;                  /* nothing of it is known */
	struct prints prints;
	char **waiting; /* owned: directories still to be looked at */
	size_t waiting_count, waiting_capacity;
	unsigned looked;
	int status;
	char path[PLACE_ID_MAX + PATH_MAX + NAME_MAX + 2];
};

/* --- fingerprints -------------------------------------------------------------------------------- */

static uint64_t print_path(const char *path)
{
	uint64_t hash = hash_text(path);

	return hash ? hash : 1;
}

/* A directory's times change with what is in it. */
static uint64_t print_state(const struct baseline_file *file)
{
	bool is_directory = file->type == FILE_DIRECTORY;
	const uint64_t facts[] = {
		file->type,
		file->mode,
		file->immutable,
		file->append_only,
		file->uid,
		file->gid,
		file->device,
		file->inode,
		file->size,
		is_directory ? 0 : file->mtime_ns,
		is_directory ? 0 : file->ctime_ns,
	};

	return hash_bytes(facts, sizeof(facts));
}

static bool prints_grow(struct prints *prints)
{
	size_t capacity = prints->capacity ? prints->capacity * 2 : 1024;
	struct print *slot = calloc(capacity, sizeof(*slot));

	if (!slot)
		return false;
	for (size_t i = 0; i < prints->capacity; i++) {
		size_t at = prints->slot[i].path & (capacity - 1);

		while (prints->slot[i].path && slot[at].path)
			at = (at + 1) & (capacity - 1);
		if (prints->slot[i].path)
			slot[at] = prints->slot[i];
	}
	free(prints->slot);
	prints->slot = slot;
	prints->capacity = capacity;
	return true;
}

static struct print *prints_at(const struct prints *prints, uint64_t path)
{
	size_t at = path & (prints->capacity - 1);

	if (!prints->capacity)
		return NULL;
	while (prints->slot[at].path && prints->slot[at].path != path)
		at = (at + 1) & (prints->capacity - 1);
	return &prints->slot[at];
}

static int add_print(void *to, const char *path, const struct baseline_file *file)
{
	struct prints *prints = to;
	struct print *print;

	if (prints->count * 4 >= prints->capacity * 3 && !prints_grow(prints))
		return -ENOMEM;
	print = prints_at(prints, print_path(path));
	if (!print) /* not so after growing */
		return -ENOMEM;
	*print = (struct print) { .path = print_path(path), .state = print_state(file) };
	prints->count++;
	return 0;
}

/* --- one file ------------------------------------------------------------------------------------ */

static void touch(struct scan *scan, const char *path)
{
	const struct actor nobody = { 0 };
	struct touch *touch = files_touch(scan->files, path, 0, scan->actor ? scan->actor : &nobody);

	if (touch && touch->weak)
		touch->found = !scan->actor;
}

static void take(struct scan *scan, int directory, const char *name)
{
	struct files *files = scan->files;
	bool wants_text = files->watch->wants_text(files->watch->owner, place_inside(scan->path));
	const struct baseline *baseline = files->watch->baseline;
	struct baseline_file file;

	buffer_clear(&files->text);
	if (look_at(files->look, directory, name, true, wants_text ? &files->text : NULL, &file) < 0)
		return;
	scan->status = baseline->put(baseline->owner, scan->path, &file);
	if (wants_text && file.has_sha256 && !scan->status)
		scan->status =
			baseline->put_text(baseline->owner, scan->path, buffer_string(&files->text), files->text.size);
	files->tally.files++;
}

static void compare(struct scan *scan, int directory, const char *name)
{
	struct print *print = prints_at(&scan->prints, print_path(scan->path));
	struct baseline_file file;

	if (look_at(scan->files->look, directory, name, false, NULL, &file) < 0)
		return;
	scan->files->tally.files++;
	if (print && print->path)
		print->seen = true;
	if (!print || !print->path || print->state != print_state(&file))
		touch(scan, scan->path);
}

static void on_file(struct scan *scan, int directory, const char *name)
{
	if (++scan->looked % BREATHE == 0)
		files_breathe(scan->files);
	if (!files_wants(scan->files, scan->path))
		return;
	if (scan->take)
		take(scan, directory, name);
	else if (scan->new)
		touch(scan, scan->path);
	else
		compare(scan, directory, name);
}

/* --- directories --------------------------------------------------------------------------------- */

static void wait_for(struct scan *scan, const char *path)
{
	char *copy = strdup(path);

	if (copy && scan->waiting_count == scan->waiting_capacity) {
		size_t capacity = scan->waiting_capacity ? scan->waiting_capacity * 2 : 64;
		char **waiting = realloc(scan->waiting, capacity * sizeof(*waiting));

		if (waiting) {
			scan->waiting = waiting;
			scan->waiting_capacity = capacity;
		}
	}
	if (!copy || scan->waiting_count == scan->waiting_capacity) {
		free(copy);
		scan->status = -ENOMEM;
		return;
	}
	scan->waiting[scan->waiting_count++] = copy;
}

/* What the kernel makes up is no tree of files. */
static bool is_made_up(int fd)
{
	static const long kinds[] = { PROC_SUPER_MAGIC,   SYSFS_MAGIC,
				      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
				      BPF_FS_MAGIC,       DEBUGFS_MAGIC,
				      TRACEFS_MAGIC,      DEVPTS_SUPER_MAGIC,
				      SECURITYFS_MAGIC,   0x65735543 /* FUSE's control */,
				      0x62656570 /* configfs */ };
	struct statfs filesystem;

	if (fstatfs(fd, &filesystem))
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (filesystem.f_type == kinds[i])
			return true;
	}
	return false;
}

/* By the nearest directory that the upper layer has: when this one comes, which is when something in it is changed, that tells. */
static int mark_upper(struct files *files, char *upper, const char *path, bool in_tree)
{
	char *known = strdup(path), *slash;
	int fd = known ? open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1, status = 0;

	while (known && fd < 0 && errno == ENOENT && place_inside(known)[0]) {
		in_tree = false;
		slash = strrchr(upper, '/');
		*(slash ? slash : upper) = '\0';
		slash = strrchr(known, '/');
		*(slash ? slash : known) = '\0';
		fd = open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0 || !known)
		status = known ? -EOPNOTSUPP : -ENOMEM;
	else if (in_tree || !marks_find(&files->marks, known))
		status = marks_add(&files->marks, fd, known, in_tree);
	if (!status)
		marks_set_upper(&files->marks, known);
	if (fd >= 0)
		(void)close(fd);
	free(known);
	return status;
}

static int watch_upper(struct files *files, int fd, const char *path, bool in_tree)
{
	struct buffer mounts = BUFFER_INIT(1 << 20);
	char upper[PATH_MAX];
	struct stat directory;
	int status = place_mounts(files, path, &mounts);

	if (!status && fstat(fd, &directory))
		status = -errno;
	if (!status)
		status = overlay_upper(buffer_string(&mounts), directory.st_dev,
				       place_inside(path)[0] ? place_inside(path) : "/", upper, sizeof(upper));
	if (!status)
		status = mark_upper(files, upper, path, in_tree);
	buffer_free(&mounts);
	if (status < 0)
		return status == -EEXIST ? status : -EOPNOTSUPP;
	files->tally.by_upper++;
	return 0;
}

static int mark_directory(struct files *files, int fd, const char *path, bool in_tree)
{
	int status = marks_add(&files->marks, fd, path, in_tree);

	return status == -EOPNOTSUPP ? watch_upper(files, fd, path, in_tree) : status;
}

static int watch_directory(struct files *files, int fd, const char *path)
{
	int status = mark_directory(files, fd, path, true);

	if (status == -EOPNOTSUPP || status == -ENOSPC)
		files->tally.unwatched++;
	return status;
}

static void on_entry(struct scan *scan, int fd, const char *directory, const struct dirent *entry)
{
	struct stat status;
	bool is_directory = entry->d_type == DT_DIR;

	if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return;
	if (entry->d_type == DT_UNKNOWN && !fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
		is_directory = S_ISDIR(status.st_mode);
	if (snprintf(scan->path, sizeof(scan->path), "%s/%s", directory, entry->d_name) >= PATH_MAX)
		return; /* nobody can name it either */
	on_file(scan, fd, entry->d_name);
	if (is_directory && files_wants_below(scan->files, scan->path))
		wait_for(scan, scan->path);
}

/* Marked first, then listed: what comes in between is told twice, and counts once. */
static int look_through(struct scan *scan, const char *directory)
{
	const char *inside = place_inside(directory);
	int fd = place_root(scan->files, directory), status;
	const struct dirent *entry;
	DIR *listing;

	if (fd >= 0)
		fd = rooted_open(fd, inside[0] ? inside : "/", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	if (is_made_up(fd)) {
		(void)close(fd);
		return 0;
	}
	status = watch_directory(scan->files, fd, directory);
	if (status == -EEXIST) { /* what is in it is told of where it is known */
		(void)close(fd);
		return 0;
	}
	listing = fdopendir(fd);
	if (!listing) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (!scan->status && (entry = readdir(listing)))
		on_entry(scan, fd, directory, entry);
	(void)closedir(listing);
	return status;
}

static int run(struct scan *scan, const char *top)
{
	int status = look_through(scan, top);

	while (scan->waiting_count && !scan->status) {
		char *directory = scan->waiting[--scan->waiting_count];

		(void)look_through(scan, directory);
		free(directory);
	}
	while (scan->waiting_count)
		free(scan->waiting[--scan->waiting_count]);
	free(scan->waiting);
	return scan->status ? scan->status : status;
}

/* --- trees --------------------------------------------------------------------------------------- */

/* The directories on the way to a tree: one of them can be renamed, or made only later. */
static void watch_way(struct files *files, const char *top)
{
	char path[PATH_MAX + PLACE_ID_MAX];
	const char *slash = place_inside(top);
	int root = place_root(files, top);

	while (slash && slash[0] && root >= 0) {
		size_t size = (size_t)(slash - top);
		int fd;

		memcpy(path, top, size);
		path[size] = '\0';
		fd = rooted_open(root, place_inside(path)[0] ? place_inside(path) : "/", O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return;
		if (!marks_find(&files->marks, path))
			(void)mark_directory(files, fd, path, false);
		(void)close(fd);
		slash = strchr(slash + 1, '/');
	}
}

static void look_at_top(struct scan *scan, const char *top)
{
	const char *name;
	int place = files_place(scan->files, top, &name);

	(void)snprintf(scan->path, sizeof(scan->path), "%s", top);
	if (place >= 0 && place_inside(top)[0])
		on_file(scan, place, name);
}

/* The baseline calls the root directory by its name. */
static const char *name_of(const char *top)
{
	return top[0] ? top : "/";
}

static int touch_unseen(void *to, const char *path, const struct baseline_file *file)
{
	struct scan *scan = to;
	const struct print *print = prints_at(&scan->prints, print_path(path));

	(void)file;
	if (print && print->path && !print->seen && files_wants(scan->files, path))
		wait_for(scan, path);
	return 0;
}

/* What is in the baseline and was not met. The baseline must not be changed while it is walked. */
static void find_gone(struct scan *scan, const char *top)
{
	const struct baseline *baseline = scan->files->watch->baseline;

	scan->waiting = NULL;
	scan->waiting_count = scan->waiting_capacity = 0;
	(void)baseline->walk(baseline->owner, name_of(top), touch_unseen, scan);
	for (size_t i = 0; i < scan->waiting_count; i++) {
		touch(scan, scan->waiting[i]);
		free(scan->waiting[i]);
	}
	free(scan->waiting);
}

static int scan_tree(struct scan *scan, const char *top)
{
	const struct baseline *baseline = scan->files->watch->baseline;
	int status = 0;

	watch_way(scan->files, top);
	if (!scan->take)
		status = baseline->walk(baseline->owner, name_of(top), add_print, &scan->prints);
	if (status < 0) {
		free(scan->prints.slot);
		return status;
	}
	look_at_top(scan, top);
	status = run(scan, top);
	if (status == -ENOENT || status == -ENOTDIR)
		status = 0; /* not there yet; the way to it is watched */
	if (!scan->take)
		find_gone(scan, top);
	free(scan->prints.slot);
	return status;
}

/* A filesystem that is mostly this tree is watched as a whole; one of a few files never is worth it. */
#define WHOLE_MINIMUM 1000

static void watch_whole(struct files *files, const char *top, uint64_t entries)
{
	const char *inside = place_inside(top);
	int fd = place_root(files, top);
	struct statfs filesystem;

	if (entries < WHOLE_MINIMUM || fd < 0)
		return;
	fd = rooted_open(fd, inside[0] ? inside : "/", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return;
	/* Some filesystems don't count their files, and say 0. */
	if (!fstatfs(fd, &filesystem) && filesystem.f_files > filesystem.f_ffree &&
	    entries * 2 > filesystem.f_files - filesystem.f_ffree && !marks_add_filesystem(&files->marks, fd))
		files->tally.whole++;
	(void)close(fd);
}

static int is_known(void *to, const char *path, const struct baseline_file *file)
{
	(void)to;
	(void)path;
	(void)file;
	return 1;
}

/* A container's id may come again, for another one: there it counts whether anything is known. */
static bool was_taken(const struct files *files, const char *top)
{
	const struct baseline *baseline = files->watch->baseline;

	if (place_inside(top) == top)
		return baseline->is_taken(baseline->owner, name_of(top)) == 1;
	return baseline->walk(baseline->owner, top, is_known, NULL) == 1;
}

int scan_start(struct files *files, const char *top, struct error *error)
{
	const struct baseline *baseline = files->watch->baseline;
	struct scan scan = { .files = files, .take = !was_taken(files, top) };
	int status = scan_tree(&scan, top);

	if (status == -EOPNOTSUPP)
		return error_set(error, -ENOTSUP, "can't watch %s: its filesystem does not tell of changes",
				 name_of(top));
	if (!status)
		watch_whole(files, top, scan.looked);
	if (!status && scan.take && place_inside(top) == top)
		status = baseline->set_taken(baseline->owner, name_of(top));
	return status < 0 ? error_set(error, status, "can't look through %s: %s", name_of(top), strerror(-status)) : 0;
}

void scan_again(struct files *files, const char *top, const struct actor *actor)
{
	struct scan scan = { .files = files, .actor = actor };
	int status = scan_tree(&scan, top);

	if (status == -ENOMEM)
		files->sensor->losses[LOSS_MEMORY]++;
}

void scan_new(struct files *files, const char *top, const struct actor *actor)
{
	struct scan scan = { .files = files, .actor = actor, .new = true };

	if (run(&scan, top) == -ENOMEM)
		files->sensor->losses[LOSS_MEMORY]++;
}
