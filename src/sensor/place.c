/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the paths of watched files are looked up: at home, or in a container, whose paths begin with its id ("containers/3f2a9c1b77aa/srv/app").
 * A container's root is reached through one of its processes, and only for a moment: held open it would keep the engine from taking
 * the container away.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read.h"
#include "sensor/files_priv.h"
#include "sensor/rooted.h"

#define ALL "containers"

/* How much of the path says which container; 0 at home. */
static size_t id_size(const char *path)
{
	size_t all = strlen(ALL "/");

	return strncmp(path, ALL "/", all) != 0 ? 0 : all + strcspn(path + all, "/");
}

const char *place_inside(const char *path)
{
	return path + id_size(path);
}

const char *place_container(const char *path, char out[PLACE_ID_MAX])
{
	size_t size = id_size(path), all = size ? strlen(ALL "/") : 0;

	(void)snprintf(out, PLACE_ID_MAX, "%.*s", (int)(size - all), path + all);
	return out;
}

static struct place *find(const struct files *files, const char *path)
{
	size_t size = id_size(path);
	struct place *place = files->places;

	while (place && (strlen(place->id) != size || memcmp(place->id, path, size) != 0))
		place = place->next;
	return place;
}

static struct place *find_container(const struct files *files, const char *container)
{
	char path[PLACE_ID_MAX];

	(void)snprintf(path, sizeof(path), ALL "/%s", container);
	return find(files, path);
}

/* One of the container's processes that is still there. */
static struct process *living(const struct files *files, uint32_t mount_namespace)
{
	struct process *process = files->sensor->table.youngest;

	while (process && (process->dead || process->mount_namespace != mount_namespace))
		process = process->older;
	return process;
}

static int open_root(const struct files *files, const struct place *place)
{
	const struct process *process = living(files, place->mount_namespace);
	char root[32] = "";
	int directory = -1;

	if (process)
		(void)contexts_root(&files->sensor->contexts, process, root);
	if (root[0])
		directory = rooted_open_root(root);
	return directory < 0 ? -ESRCH : directory;
}

int place_root(struct files *files, const char *path)
{
	struct place *place;

	if (!id_size(path))
		return files->root;
	place = find(files, path);
	if (!place)
		return -ESRCH;
	if (place->root < 0)
		place->root = open_root(files, place);
	return place->root;
}

int place_mounts(const struct files *files, const char *path, struct buffer *out)
{
	const struct contexts *contexts = &files->sensor->contexts;
	const struct place *place = id_size(path) ? find(files, path) : NULL;
	const struct process *process = place ? living(files, place->mount_namespace) : NULL;
	uint32_t number = contexts->home.mount_namespace != contexts->mount_namespace ? contexts->home.number : 0;
	char name[64] = "/proc/self/mountinfo";
	int file, status;

	if (id_size(path) && !process)
		return -ENOENT;
	if (process)
		number = contexts_number(contexts, process);
	if (number)
		(void)snprintf(name, sizeof(name), "/proc/%u/mountinfo", number);
	file = open(name, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	status = read_whole(file, out->maximum - 1, out);
	(void)close(file);
	return status;
}

void places_let_go(struct files *files)
{
	for (struct place *place = files->places; place; place = place->next) {
		if (place->root >= 0)
			(void)close(place->root);
		place->root = -1;
	}
}

int places_each_tree(struct files *files, place_visitor visit, void *to)
{
	int status = 0;

	for (size_t i = 0; i < files->watch->root_count && !status; i++)
		status = visit(files, files->watch->roots[i], to);
	for (const struct place *place = files->places; place; place = place->next) {
		for (size_t i = 0; i < files->watch->root_count && !status; i++) {
			char top[PATH_MAX + PLACE_ID_MAX];

			(void)snprintf(top, sizeof(top), "%s%s", place->id, files->watch->roots[i]);
			status = visit(files, top, to);
		}
	}
	return status;
}

/* Not what only has another root or pid namespace: a container brings its own files. */
static bool has_own_files(const struct files *files, const struct process *process)
{
	const char *container = process->context ? process->context->context.container : "";

	return container[0] && strcmp(container, "chroot") != 0 && strlen(container) + strlen(ALL "/") < PLACE_ID_MAX &&
	       process->mount_namespace && process->mount_namespace != files->sensor->contexts.home.mount_namespace &&
	       process->mount_namespace != files->sensor->contexts.mount_namespace;
}

static struct place *add(struct files *files, const struct process *process)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	(void)snprintf(place->id, sizeof(place->id), ALL "/%s", process->context->context.container);
	place->mount_namespace = process->mount_namespace;
	place->root = -1;
	place->next = files->places;
	files->places = place;
	files->place_count++;
	return place;
}

void places_note(struct files *files, struct process *process)
{
	if (!has_own_files(files, process) || find_container(files, process->context->context.container) ||
	    files->noted_count == PLACES_NOTED_MAX)
		return;
	process_hold(process);
	files->noted[files->noted_count++] = process;
}

static bool is_root_of_home(const struct files *files, int root)
{
	struct stat home, status;

	return !fstat(files->root, &home) && !fstat(root, &status) && home.st_dev == status.st_dev &&
	       home.st_ino == status.st_ino;
}

/* Whoever makes a container has a mount namespace first, and goes to its root later: until then there is nothing of its own. */
static bool has_own_root(const struct files *files, const struct process *process)
{
	char path[32] = "";
	bool has;
	int root;

	(void)contexts_root(&files->sensor->contexts, process, path);
	root = path[0] ? rooted_open_root(path) : -ENOENT;
	if (root < 0)
		return false;
	has = !is_root_of_home(files, root);
	(void)close(root);
	return has;
}

static void meet(struct files *files, const struct process *process)
{
	struct place *place;
	struct error error;

	if (!has_own_files(files, process) || find_container(files, process->context->context.container) ||
	    !has_own_root(files, process))
		return;
	if (files->place_count >= PLACES_MAX) {
		files->tally.unwatched++;
		return;
	}
	place = add(files, process);
	if (!place)
		return;
	for (size_t i = 0; i < files->watch->root_count; i++) {
		char top[PATH_MAX + PLACE_ID_MAX];

		(void)snprintf(top, sizeof(top), "%s%s", place->id, files->watch->roots[i]);
		(void)scan_start(files, top, &error); /* what can't be watched is counted */
	}
}

void places_meet(struct files *files)
{
	for (unsigned i = 0; i < files->noted_count; i++) {
		meet(files, files->noted[i]);
		process_drop(&files->sensor->table, files->noted[i]);
	}
	files->noted_count = 0;
}

static void leave(struct files *files, struct place *place)
{
	const struct baseline *baseline = files->watch->baseline;

	marks_remove(&files->marks, place->id);
	settle_below(files, place->id);
	(void)baseline->forget(baseline->owner, place->id);
	if (place->root >= 0)
		(void)close(place->root);
	free(place);
	files->place_count--;
}

/* Those of which something is known from before, and that are not there. */
struct strangers {
	const struct files *files;
	char id[PLACES_MAX][PLACE_ID_MAX];
	unsigned count;
};

static int note_stranger(void *to, const char *path, const struct baseline_file *file)
{
	struct strangers *strangers = to;
	char id[PLACE_ID_MAX];

	(void)file;
	(void)snprintf(id, sizeof(id), "%.*s", (int)id_size(path), path);
	if (!id[0] || find(strangers->files, path))
		return 0;
	for (unsigned i = 0; i < strangers->count; i++) {
		if (!strcmp(strangers->id[i], id))
			return 0;
	}
	(void)snprintf(strangers->id[strangers->count], PLACE_ID_MAX, "%s", id);
	return ++strangers->count == PLACES_MAX;
}

void places_forget_strangers(struct files *files)
{
	const struct baseline *baseline = files->watch->baseline;
	struct strangers *strangers = calloc(1, sizeof(*strangers));

	if (!strangers)
		return;
	strangers->files = files;
	(void)baseline->walk(baseline->owner, ALL, note_stranger, strangers);
	for (unsigned i = 0; i < strangers->count; i++)
		(void)baseline->forget(baseline->owner, strangers->id[i]);
	free(strangers);
}

void places_sweep(struct files *files)
{
	struct place **at = &files->places;

	while (*at) {
		struct place *place = *at;

		bool ended = !living(files, place->mount_namespace);

		if (!ended || !place->ended) {
			place->ended = ended;
			at = &place->next;
			continue;
		}
		*at = place->next;
		leave(files, place);
	}
}

void places_free(struct files *files)
{
	places_let_go(files);
	for (unsigned i = 0; i < files->noted_count; i++)
		process_drop(&files->sensor->table, files->noted[i]);
	while (files->places) {
		struct place *place = files->places;

		files->places = place->next;
		free(place);
	}
}
