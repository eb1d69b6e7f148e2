/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories that are watched, and what fanotify(7) tells of them. Inode marks: what lies outside of them pays nothing. A
 * notice names a directory by its file handle, which is looked up here, so nothing has to be opened by handle: that works on
 * overlays, too.
 */
#ifndef SENSOR_MARK_PRIV_H
#define SENSOR_MARK_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/table.h"

#define MARK_HANDLE_MAX 128
/* Each mark keeps an inode in the kernel's memory: more directories than these are not watched. */
#define MARKS_MAX 500000

struct directory {
	uint64_t filesystem;
	int handle_type;
	unsigned handle_size;
	uint8_t handle[MARK_HANDLE_MAX];
	bool by_upper; /* it is an overlay's, known by its upper layer's */
	bool in_tree;  /* else on the way to one: only what comes, goes or is renamed there counts */
	char *path;    /* owned; without a slash at the end, "/" is "" */
};

/* So many filesystems can be watched as wholes. */
#define MARK_WHOLE_MAX 16

struct marks {
	int fanotify;
	uint64_t whole[MARK_WHOLE_MAX]; /* filesystems whose directories need no mark of their own */
	unsigned whole_count;
	struct table by_handle, by_path; /* struct directory, owned */
	uint8_t *batch;                  /* owned: what was read */
	size_t batch_size, batch_at;
};

/* One thing that happened, or several of one process to one file: the kernel merges them. */
struct notice {
	uint64_t mask; /* FAN_… */
	int32_t pid;   /* in our pid namespace; 0 for a process outside of it */
	const struct directory *directory;
	const char *name;           /* "." for the directory itself */
	const struct directory *to; /* of FAN_RENAME, else NULL. One of the two is NULL where it is not watched */
	const char *to_name;
};

/* Errors: -EPERM, -ENOTSUP, -ENOMEM, with a text. */
int marks_open(struct marks *marks, struct error *error);
void marks_close(struct marks *marks);

/*
 * Watches the open directory, known as `path` from now on; one known as that before is another and is let go. 0, or a
 * negative errno: -ENOSPC where there are MARKS_MAX, -EOPNOTSUPP where the filesystem can't tell, -EEXIST where it is known at home already, or in another
 * container, and stays known as that.
 */
int marks_add(struct marks *marks, int fd, const char *path, bool in_tree);
/* Says of one that was added that its notices are those of an overlay's upper layer. */
void marks_set_upper(struct marks *marks, const char *path);

/*
 * From now on the whole filesystem of the open directory tells, so that nothing in a new directory can be missed before that
 * is watched. All of it pays for that: for a filesystem of which trees have most. -EOPNOTSUPP where it can't.
 */
int marks_add_filesystem(struct marks *marks, int fd);
/* Is the open directory the one that is known as `path`? */
bool marks_is(const struct marks *marks, int fd, const char *path);
const struct directory *marks_find(const struct marks *marks, const char *path);

/* Lets go of a directory that is gone: there is nothing below it. */
void marks_drop(struct marks *marks, const char *path);

/* Lets go of `path` and what is below it. */
void marks_remove(struct marks *marks, const char *path);
/* The same directories, under another name. */
void marks_rename(struct marks *marks, const char *from, const char *to);

/* Reads a batch of what there is. How many bytes, 0 for nothing, or a negative errno. */
int marks_read(struct marks *marks);
/* The next notice of the batch. False at its end. FAN_Q_OVERFLOW in the mask: some were lost, and there is nothing else in it. */
bool marks_next(struct marks *marks, struct notice *out);

#endif
