/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of watched files from before: an interface, so that the sensor can compare without knowing where the baseline is
 * kept (state/ keeps it). What is put stays put only once whoever owns the baseline commits it, together with the report.
 */
#ifndef EVENT_BASELINE_H
#define EVENT_BASELINE_H

#include "event/event.h"

#define BASELINE_SHA256_SIZE 32

struct baseline_file {
	enum file_type type;         /* never FILE_NONE */
	bool immutable, append_only; /* as chattr(1) sets them */
	bool has_sha256;             /* a regular file that could be read whole */
	uint32_t mode;               /* permission bits */
	uint32_t uid, gid;
	uint64_t device, inode;
	uint64_t size;               /* bytes */
	uint64_t mtime_ns, ctime_ns; /* since 1970 */
	uint8_t sha256[BASELINE_SHA256_SIZE];
	const char *target; /* of a symbolic link, else "" */
};

/* Called for each file, in the order of strcmp() over paths. Not 0 ends the walk and is returned. */
typedef int (*baseline_visitor)(void *to, const char *path, const struct baseline_file *file);

/*
 * Paths are absolute, as at home or in the container ("container:/path" is the owner's business, not ours), without a slash at the
 * end. "Below" PATH is PATH itself and all in it. Each returns 0 or a negative errno unless it says more.
 */
struct baseline {
	void *owner;
	/* 1 and *file, whose strings are good until the next call; 0: not known. */
	int (*find)(void *owner, const char *path, struct baseline_file *file);
	int (*put)(void *owner, const char *path, const struct baseline_file *file);
	/* Forgets all below; how many there were. */
	int (*forget)(void *owner, const char *path);
	/* All below `from` is below `to` from now on; how many there were. What was known below `to` is forgotten. */
	int (*rename)(void *owner, const char *from, const char *to);
	/* All below. The baseline must not be changed meanwhile. */
	int (*walk)(void *owner, const char *path, baseline_visitor visit, void *to);
	/* Was the tree taken whole before? A tree that was not is no news when it is first seen. */
	int (*is_taken)(void *owner, const char *path); /* 1, 0 */
	int (*set_taken)(void *owner, const char *path);
	/* The text of a file whose differences are wanted, at most BASELINE_TEXT_MAX bytes: 1 and *text (good until the next call), 0. */
	int (*find_text)(void *owner, const char *path, const char **text, size_t *size);
	int (*put_text)(void *owner, const char *path, const char *text, size_t size);
};

#define BASELINE_TEXT_MAX 65536

#endif
