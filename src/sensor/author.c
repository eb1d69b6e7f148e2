/* SPDX-License-Identifier: Apache-2.0 */
/* Which change a file is of, also where what somebody did to it was not told yet: it is told a moment later. */
#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "sensor/files_priv.h"
#include "sensor/rooted.h"

/* The change that the process is, or "": a service that a change started acts for itself. */
static const char *change_of(const struct process *process)
{
	const struct context_node *node = process->context;

	return node && node->context.kind == CONTEXT_CHANGE ? node->change : "";
}

/* Nothing was done to it since it was last told of. It may be in the middle of other work, so it opens nothing that others keep open. */
static bool is_as_told(const struct files *files, const char *path)
{
	const struct baseline *baseline = files->watch->baseline;
	int file = rooted_open(files->root, path, O_PATH);
	struct baseline_file known, now;
	bool same = file >= 0 && !look_at_state(file, "", &now) && baseline->find(baseline->owner, path, &known) == 1 &&
		    now.ctime_ns == known.ctime_ns;

	if (file >= 0)
		(void)close(file);
	return same;
}

const char *files_written_by(void *owner, const char *path)
{
	const struct files *files = owner;
	const struct touch *touch = touches_find(&files->touches, path);
	const char *change;

	if (touch && !touch->weak && touch->actor.process) {
		change = change_of(touch->actor.process);
		if (!change[0] || touch->mask & ~(uint64_t)(FAN_ATTRIB | FAN_ONDIR))
			return change;
	}
	change = files->watch->written_by(files->watch->owner, path);
	return change[0] && (touch || is_as_told(files, path)) ? change : "";
}
