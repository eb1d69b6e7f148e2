/* SPDX-License-Identifier: Apache-2.0 */
/* What fanotify(7) tells of watched directories, with who it was: notices become touches. */
#include "sensor/files_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "sensor/rooted.h"

/* Batches taken in one go: a flood must not keep us from records and from the clock. */
#define BATCHES_AT_ONCE 64
/* Trees are looked through again this often: for what no notice tells (another mount, a hard link from outside). */
#define VERIFY_NS UINT64_C(600000000000)
/* … and more often where less is told. */
#define VERIFY_UPPER_NS UINT64_C(60000000000)

#define SWEEP_NS UINT64_C(1000000000)

uint64_t files_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void files_breathe(void *owner)
{
	struct files *files = owner;

	(void)kernel_consume(files->sensor->kernel, 0);
}

bool files_wants(const struct files *files, const char *path)
{
	const char *inside = place_inside(path);

	return inside[0] && files->watch->wants(files->watch->owner, inside);
}

bool files_wants_below(const struct files *files, const char *directory)
{
	const char *inside = place_inside(directory);

	return files->watch->wants_below(files->watch->owner, inside[0] ? inside : "/");
}

void files_forget_place(struct files *files)
{
	if (files->place >= 0)
		(void)close(files->place);
	free(files->place_path);
	files->place_path = NULL;
	files->place = -1;
}

int files_place(struct files *files, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/'), *inside;
	size_t size = slash ? (size_t)(slash - path) : 0;
	int root = place_root(files, path), place;

	*name = slash ? slash + 1 : path;
	if (files->place_path && strlen(files->place_path) == size && !memcmp(files->place_path, path, size))
		return files->place;
	files_forget_place(files);
	if (root < 0)
		return root;
	files->place_path = strndup(path, size);
	if (!files->place_path)
		return -ENOMEM;
	inside = place_inside(files->place_path);
	place = rooted_open(root, inside[0] ? inside : "/", O_PATH | O_DIRECTORY);
	if (place < 0) {
		files_forget_place(files);
		return place == -ENOTDIR ? -ENOENT : place;
	}
	files->place = place;
	return place;
}

/* --- who ----------------------------------------------------------------------------------------- */

/* fanotify counts as our own pid namespace does, records as the first one does. */
static struct process *find_process(const struct sensor *sensor, uint32_t pid)
{
	struct process *process;

	if (sensor->own_pid_namespace == PROC_FIRST_PID_NAMESPACE)
		return process_find(&sensor->table, pid, 0);
	for (process = sensor->table.youngest; process; process = process->older) {
		if (process->namespace_pid == pid && process->pid_namespace == sensor->own_pid_namespace)
			return process;
	}
	return NULL;
}

/* By its last exec. */
static bool became_other(const struct process *process)
{
	return process->credentials.euid != process->credentials_before.euid ||
	       strcmp(process->image->program.text, process->image_before->program.text) != 0;
}

/*
 * The notice has no time: it is from between the last time when there was none and now. What the process ran at either end
 * of that may have done it.
 */
static struct actor find_actor(struct files *files, int32_t pid)
{
	struct actor actor = { 0 };
	struct process *process = NULL;

	if (pid > 0)
		process = find_process(files->sensor, (uint32_t)pid);
	if (!process && pid > 0 && files->sensor->own_pid_namespace == PROC_FIRST_PID_NAMESPACE)
		process = actor_known(files->sensor, (uint32_t)pid, 0, EVENT_LINEAGE_MAX);
	if (!process)
		return actor;
	actor.process = process;
	actor.image = process->image;
	actor.exec_ns = process->exec_ns;
	actor.credentials = process->credentials;
	if (process->exec_ns > files->empty_ns && process->image_before && process->image && became_other(process)) {
		actor.other = process->image_before;
		actor.other_credentials = process->credentials_before;
	}
	return actor;
}

/* --- touches ------------------------------------------------------------------------------------- */

static void merge(struct files *files, struct touch *touch, uint64_t mask, const struct actor *actor, uint64_t now)
{
	touch->mask |= mask;
	touch->last_ns = now;
	if (touch->weak && actor->process) {
		struct actor held = actor_hold(actor);

		actor_drop(&files->touches, &touch->actor);
		touch->actor = held;
		touch->weak = touch->found = false;
	} else if (!touch->actor.other && actor->image && touch->actor.image && actor->image != touch->actor.image) {
		/* It went on as another program. */
		touch->actor.other = touch->actor.image;
		touch->actor.other_credentials = touch->actor.credentials;
		touch->actor.image = actor->image;
		touch->actor.credentials = actor->credentials;
		touch->actor.image->references++;
		touch->actor.exec_ns = actor->exec_ns;
	}
}

/* Closing says only that whoever wrote, wrote through this: the last to close need not have. */
static bool only_closes(uint64_t mask)
{
	return !(mask & ~(uint64_t)(FAN_CLOSE_WRITE | FAN_ONDIR));
}

/* What the kernel merged has no order. */
static bool only_removes(uint64_t mask)
{
	return mask & FAN_DELETE && !(mask & (FAN_CREATE | FAN_MODIFY | FAN_RENAME));
}

/* Two did something to it: each is told of. Whoever made it anew found nothing there. */
static void settle_before(struct files *files, struct touch *touch, uint64_t mask)
{
	(void)settle_parent(files, touch->path);
	touch->left = mask & (FAN_DELETE | FAN_RENAME) && !(touch->mask & (FAN_DELETE | FAN_RENAME));
	if (touch->gone || (mask & FAN_CREATE && !(mask & FAN_DELETE)))
		settle_gone(files, touch);
	else
		settle_touch(files, touch);
}

struct touch *files_touch(struct files *files, const char *path, uint64_t mask, const struct actor *actor)
{
	struct touch *touch = touches_find(&files->touches, path);
	bool is_told = mask != 0, forced = false; /* else found by looking */
	struct actor held;
	uint64_t now = files_now();

	if (touch && (!is_told || touch->weak || touch->actor.process == actor->process || only_closes(mask))) {
		if (is_told && (touch->weak || touch->actor.process == actor->process))
			merge(files, touch, mask, actor, now);
		else if (is_told)
			touch->mask |= mask;
		if (!only_closes(mask) || !is_told)
			touch->gone = only_removes(mask);
		return touch;
	}
	if (touch) {
		settle_before(files, touch, mask);
		forced = true;
	}
	if (files->touches.by_path.count >= TOUCHES_MAX)
		settle_touch(files, files->touches.oldest);
	held = actor_hold(actor);
	touch = touches_add(&files->touches, path, &held, now);
	if (!touch) {
		files->sensor->losses[LOSS_MEMORY]++;
		return NULL;
	}
	touch->since_ns = files->empty_ns;
	touch->mask = mask;
	touch->weak = !is_told;
	touch->gone = only_removes(mask);
	touch->forced = forced;
	return touch;
}

/* --- notices ------------------------------------------------------------------------------------- */

#define HAPPENING_PATH_MAX (PLACE_ID_MAX + PATH_MAX + NAME_MAX + 2)

struct happening {
	uint64_t mask;
	struct actor actor;
	char path[HAPPENING_PATH_MAX], to[HAPPENING_PATH_MAX]; /* "" for what is not watched */
};

/* `path` is the tree's own, or on the way to it; "" is on no way. */
static bool is_on_way_to(const char *path, const char *top)
{
	return path[0] && path_is_below(top, path);
}

static int look_on_way(struct files *files, const char *top, void *to)
{
	(void)files;
	return is_on_way_to(to, top);
}

static void set_path(struct files *files, const struct directory *directory, const char *name, char *out)
{
	out[0] = '\0';
	if (!directory)
		return;
	if (!strcmp(name, "."))
		(void)snprintf(out, HAPPENING_PATH_MAX, "%s", directory->path);
	else
		(void)snprintf(out, HAPPENING_PATH_MAX, "%s/%s", directory->path, name);
	if (!directory->in_tree && !places_each_tree(files, look_on_way, out))
		out[0] = '\0';
}

/* What is on the way to this tree, or its top, has come, gone or been replaced: what is there now? */
static int look_again(struct files *files, const char *top, void *to)
{
	const struct happening *what = to;

	if (!is_on_way_to(what->path, top) && !is_on_way_to(what->to, top))
		return 0;
	files_forget_place(files);
	marks_remove(&files->marks, top);
	scan_again(files, top, &what->actor);
	return 0;
}

static bool way_changed(struct files *files, struct happening *what)
{
	bool changes = what->mask & (FAN_CREATE | FAN_DELETE | FAN_RENAME);

	if (!changes ||
	    (!places_each_tree(files, look_on_way, what->path) && !places_each_tree(files, look_on_way, what->to)))
		return false;
	(void)places_each_tree(files, look_again, what);
	return true;
}

static void touch_wanted(struct files *files, const char *path, const struct happening *what)
{
	if (files_wants(files, path))
		(void)files_touch(files, path, what->mask, &what->actor);
}

void files_drop_below(struct files *files, const char *path)
{
	struct touch *next;

	for (struct touch *touch = files->touches.oldest; touch; touch = next) {
		next = touch->younger;
		if (!path_is_below(touch->path, path) || !strcmp(touch->path, path))
			continue;
		touches_take(&files->touches, touch);
		touch_free(&files->touches, touch);
		files->tally.transient++;
	}
}

static void on_directory(struct files *files, const struct happening *what)
{
	files_forget_place(files);
	if (what->mask & FAN_RENAME && what->path[0] && what->to[0]) {
		settle_rename(files, what->path, what->to, &what->actor);
		return;
	}
	if (what->mask & FAN_RENAME && what->path[0]) { /* out of what is watched */
		marks_remove(&files->marks, what->path);
		files_drop_below(files, what->path);
	}
	if (what->mask & FAN_DELETE)
		marks_drop(&files->marks, what->path);
	if (what->mask & FAN_CREATE && !(what->mask & FAN_DELETE))
		settle_replaced(files, what->path, what->actor.process);
	if (what->mask & FAN_CREATE && files_wants_below(files, what->path))
		scan_new(files, what->path, &what->actor);
	if (what->mask & FAN_RENAME && what->to[0]) { /* from outside */
		settle_replaced(files, what->to, NULL);
		touch_wanted(files, what->to, what);
		if (files_wants_below(files, what->to))
			scan_new(files, what->to, &what->actor);
	}
	touch_wanted(files, what->path, what);
}

static void replace_text(char **text, const char *by)
{
	char *copy = strdup(by);

	if (!copy)
		return;
	free(*text);
	*text = copy;
}

/* A name that was only passed on the way is not what it was called. */
static void on_rename(struct files *files, const struct happening *what)
{
	char *origin = NULL;
	struct touch *old, *new;

	old = files_touch(files, what->path, what->mask, &what->actor);
	if (old && old->from && !old->weak) {
		origin = old->from;
		old->from = NULL;
	}
	new = files_touch(files, what->to, what->mask, &what->actor);
	if (new &&strcmp(origin ? origin : what->path, what->to) != 0)
		replace_text(&new->from, origin ? origin : what->path);
	old = touches_find(&files->touches, what->path);
	if (old)
		old->gone = true;
	old = touches_find(&files->touches, origin ? origin : what->path);
	if (old && new)
		replace_text(&old->to, what->to);
	free(origin);
}

static void on_file(struct files *files, const struct happening *what)
{
	bool from = what->path[0] && files_wants(files, what->path), to = what->to[0] && files_wants(files, what->to);

	if (from && to) {
		on_rename(files, what);
		return;
	}
	if (from) {
		struct touch *touch = files_touch(files, what->path, what->mask, &what->actor);

		if (touch && what->mask & FAN_RENAME)
			touch->gone = true;
	}
	if (to)
		(void)files_touch(files, what->to, what->mask, &what->actor);
}

static int verify(struct files *files, const char *top, void *to)
{
	(void)to;
	scan_again(files, top, NULL);
	return 0;
}

static void on_overflow(struct files *files)
{
	files->sensor->losses[LOSS_FILES]++;
	(void)places_each_tree(files, verify, NULL);
}

static void on_notice(struct files *files, const struct notice *notice)
{
	static struct happening what; /* large, and used by one thread only */

	if (notice->mask & FAN_Q_OVERFLOW) {
		on_overflow(files);
		return;
	}
	if (notice->pid == getpid())
		return;
	files->tally.notices++;
	what.mask = notice->mask;
	/* An overlay keeps its own notes there as extended attributes; what else there is to see is looked at. */
	if (notice->directory && notice->directory->by_upper && notice->mask & FAN_ONDIR)
		what.mask &= ~(uint64_t)FAN_ATTRIB;
	if (what.mask == FAN_ONDIR)
		what.mask = 0;
	set_path(files, notice->directory, notice->name, what.path);
	set_path(files, notice->to, notice->to_name, what.to);
	if (!what.path[0] && !what.to[0])
		return;
	what.actor = find_actor(files, notice->pid);
	if (way_changed(files, &what))
		return;
	if (notice->mask & FAN_ONDIR)
		on_directory(files, &what);
	else
		on_file(files, &what);
}

/* The ring is drained after the notices were read, so that the table knows all who can have been meant. */
static void drain_ring(struct files *files)
{
	for (int round = 0; round < 64; round++) {
		if (kernel_consume(files->sensor->kernel, 0) < KERNEL_RECORDS_AT_ONCE)
			return;
	}
}

int files_poll(struct files *files, bool at_once)
{
	uint64_t now = 0;
	int size = 0;

	files_forget_place(files);
	places_meet(files);
	for (int batch = 0; batch < BATCHES_AT_ONCE; batch++) {
		struct notice notice;

		now = files_now();
		size = marks_read(&files->marks);
		if (size <= 0)
			break;
		drain_ring(files);
		while (marks_next(&files->marks, &notice))
			on_notice(files, &notice);
	}
	if (size < 0)
		return size;
	if (!size)
		files->empty_ns = now;
	if (now >= files->verify_ns && !at_once) {
		(void)places_each_tree(files, verify, NULL);
		files->verify_ns = now + (files->tally.by_upper ? VERIFY_UPPER_NS : VERIFY_NS);
	}
	settle(files, files_now(), at_once);
	if (now >= files->sweep_ns) {
		places_sweep(files);
		files->sweep_ns = now + SWEEP_NS;
	}
	places_let_go(files);
	return 0;
}

/* --- life ---------------------------------------------------------------------------------------- */

static int open_home(const struct contexts *contexts)
{
	char root[32] = "";

	if (contexts->home.mount_namespace != contexts->mount_namespace)
		(void)snprintf(root, sizeof(root), "/proc/%u/root", contexts->home.number);
	return rooted_open_root(root);
}

int files_open(struct sensor *sensor, const struct file_watch *watch, struct files **out, struct error *error)
{
	struct files *files = calloc(1, sizeof(*files));
	int status = 0;

	if (!files)
		return error_set(error, -ENOMEM, "out of memory");
	files->sensor = sensor;
	files->watch = watch;
	files->place = files->marks.fanotify = -1;
	files->text = BUFFER_INIT(BASELINE_TEXT_MAX + 1);
	files->diff = BUFFER_INIT(EVENT_DIFF_MAX + 1);
	touches_init(&files->touches, &sensor->table);
	files->root = open_home(&sensor->contexts);
	if (files->root < 0)
		status = error_set(error, files->root, "can't open the root directory of what is watched: %s",
				   strerror(-files->root));
	files->look = look_new(files_breathe, files);
	if (!status && !files->look)
		status = error_set(error, -ENOMEM, "can't hash files: no memory, or no SHA-256 in OpenSSL");
	if (!status)
		status = marks_open(&files->marks, error);
	files->empty_ns = files_now();
	files->verify_ns = files->empty_ns + VERIFY_UPPER_NS;
	for (size_t i = 0; i < watch->root_count && !status; i++)
		status = scan_start(files, watch->roots[i], error);
	for (struct process *process = sensor->table.oldest; process && !status; process = process->younger) {
		if (!process->dead && process->in_scope)
			places_note(files, process);
	}
	places_meet(files);
	places_forget_strangers(files);
	files_forget_place(files);
	places_let_go(files);
	if (status < 0) {
		files_close(files);
		return status;
	}
	*out = files;
	return 0;
}

void files_close(struct files *files)
{
	if (!files)
		return;
	files_forget_place(files);
	touches_free(&files->touches);
	places_free(files);
	marks_close(&files->marks);
	look_free(files->look);
	if (files->root >= 0)
		(void)close(files->root);
	buffer_free(&files->text);
	buffer_free(&files->diff);
	free(files);
}
