/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watched files: files.c turns notices into touches, scan.c looks through trees, settle.c turns touches into events by
 * comparing with the baseline.
 */
#ifndef SENSOR_FILES_PRIV_H
#define SENSOR_FILES_PRIV_H

#include "sensor/look_priv.h"
#include "sensor/mark_priv.h"
#include "sensor/sensor_priv.h"
#include "sensor/touch_priv.h"

#define PLACE_ID_MAX 36
/* More containers than these at once are not watched. */
#define PLACES_MAX       256
#define PLACES_NOTED_MAX 64

/* A container whose files are watched. */
struct place {
	struct place *next;
	char id[PLACE_ID_MAX]; /* "containers/3f2a9c1b77aa": what its paths begin with */
	uint32_t mount_namespace;
	bool ended; /* as the last sweep saw it: its last notices may not have been read yet */
	int root;   /* open for a moment; -1 */
};

struct files {
	struct sensor *sensor;          /* borrowed */
	const struct file_watch *watch; /* borrowed */
	struct marks marks;
	struct touches touches;
	struct look *look;
	int root;             /* the root directory at home */
	struct place *places; /* owned */
	unsigned place_count;
	struct process *noted[PLACES_NOTED_MAX]; /* held */
	unsigned noted_count;
	uint64_t sweep_ns;  /* when it is looked whether containers are gone */
	uint64_t empty_ns;  /* there were no notices then, CLOCK_BOOTTIME: those to come are later */
	uint64_t verify_ns; /* when all is looked through again */
	uint64_t rest_ns;   /* until then no large file is read that can wait */
	char *place_path;   /* owned: the directory that was opened last, */
	int place;          /* and its descriptor, or -1 */
	struct buffer text; /* of a file whose differences are wanted */
	struct buffer diff;
	struct files_tally tally;
};

/* 0, or a negative errno with a text. Takes the baseline of trees that are seen for the first time. */
int files_open(struct sensor *sensor, const struct file_watch *watch, struct files **out, struct error *error);

/* CLOCK_BOOTTIME. */
uint64_t files_now(void);

/* Takes what there is, and tells what is settled: all of it, when `at_once`. 0 or a negative errno. */
int files_poll(struct files *files, bool at_once);
void files_close(struct files *files);

/* Notes a touch of `path` by `actor` (borrowed). */
struct touch *files_touch(struct files *files, const char *path, uint64_t mask, const struct actor *actor);

/* The directory that `path` lies in, open, and what it is called there. A descriptor that stays ours, or a negative errno. */
int files_place(struct files *files, const char *path, const char **name);
/* After a directory was renamed or replaced. */
void files_forget_place(struct files *files);

/* Touches below `path` are no longer to be told. */
void files_drop_below(struct files *files, const char *path);

/* The path as its container has it, and the container's id: "" at home. */
const char *place_inside(const char *path);
const char *place_container(const char *path, char out[PLACE_ID_MAX]);

/* The directory that the path is looked up in; stays ours. Or a negative errno: -ESRCH for a container that is gone. */
int place_root(struct files *files, const char *path);

/* Appends the mounts that are seen where the path is looked up, as text (proc(5), mountinfo). 0 or a negative errno. */
int place_mounts(const struct files *files, const char *path, struct buffer *out);

/* After work: holds no container's root any longer. */
void places_let_go(struct files *files);

/* Each tree that is watched, in each place. Not 0 ends it and is returned. */
typedef int (*place_visitor)(struct files *files, const char *top, void *to);
int places_each_tree(struct files *files, place_visitor visit, void *to);

/* The process may be of a container that was not met yet. It will be by places_meet(), not in the middle of other work. */
void places_note(struct files *files, struct process *process);

/* From now on the files of containers that were noted are watched, and known as they are. */
void places_meet(struct files *files);

/* At the start: what is known of containers that are no longer there is forgotten. */
void places_forget_strangers(struct files *files);

/* Containers without processes are gone, and so is what was known of their files. */
void places_sweep(struct files *files);
void places_free(struct files *files);

/* The id of the change that wrote the file of the host last, as far as notices have come; "" for none. `owner`: struct files. */
const char *files_written_by(void *owner, const char *path);

/* Lets the sensor take records, in the middle of long work. */
void files_breathe(void *owner);

/* Is it, or may something below it be, what a rule is about? */
bool files_wants(const struct files *files, const char *path);
bool files_wants_below(const struct files *files, const char *directory);

/* A tree that was never taken is put into the baseline as it is. One that was is compared; what differs is touched. */
int scan_start(struct files *files, const char *top, struct error *error);
/* Compares: what differs is touched by `actor`, or is found, where that is NULL. */
void scan_again(struct files *files, const char *top, const struct actor *actor);
/* A directory that is new: watches it, and touches, weakly, what is in it. */
void scan_new(struct files *files, const char *top, const struct actor *actor);

/* Tells what is settled by `now_ns`. */
void settle(struct files *files, uint64_t now_ns, bool at_once);
/* Tells of the directory that `path` lies in, and of those above it, where they are new and not told yet. True: of some. */
bool settle_parent(struct files *files, const char *path);
/* Tells of one touch, which is gone then. */
void settle_touch(struct files *files, struct touch *touch);
/* Tells of all at or below `path`. */
void settle_below(struct files *files, const char *path);
/* The same, where nothing has the name of `touch` any more but what came later. */
void settle_gone(struct files *files, struct touch *touch);
/* Another directory has this name now: what was done to the one before, and in it, is told at once. */
/* But not what `by` did, whose doing that is, too; NULL: all. */
void settle_replaced(struct files *files, const char *path, const struct process *by);
/* A directory's rename is told at once, since what is below it is called otherwise from then on. */
void settle_rename(struct files *files, const char *from, const char *to, const struct actor *actor);

#endif
