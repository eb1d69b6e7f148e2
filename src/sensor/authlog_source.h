/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a host's authentication log comes from: its journal, by a journalctl of our own, or a file that a syslog daemon writes. It
 * is read as it grows; nothing here waits.
 */
#ifndef SENSOR_AUTHLOG_SOURCE_H
#define SENSOR_AUTHLOG_SOURCE_H

#include "sensor/authlog.h"

struct authlog_source;

/* What was there before the source was opened is no news. */
struct authlog_origin {
	bool is_old;
	bool is_trusted;  /* nobody but the program itself can have said so */
	uint64_t time_ns; /* since 1970; 0: not known */
};

typedef void (*authlog_visitor)(void *owner, const struct authlog_entry *entry, const struct authlog_origin *origin);

/*
 * `name`: "journal", the path of a file, or NULL for what there is: the journal where journald runs, else auth.log, secure or
 * messages in /var/log. `root`: below which the host's files lie, "" for ours. -ENOENT: nothing is there, yet.
 */
int authlog_source_open(const char *name, const char *root, struct authlog_source **out);

/* Hands over what there is, at most some tens of kilobytes. Returns how many lines were too long to be read, or lost. */
uint64_t authlog_source_read(struct authlog_source *source, authlog_visitor visit, void *owner);

/* Ends the journalctl. NULL is nothing. */
void authlog_source_close(struct authlog_source *source);

#endif
