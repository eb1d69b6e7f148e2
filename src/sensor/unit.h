/* SPDX-License-Identifier: Apache-2.0 */
/* What a systemd unit file says that contexts need: is it scheduled work, and what is its main program? */
#ifndef SENSOR_UNIT_H
#define SENSOR_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct unit_facts {
	bool found;
	bool job; /* Type=oneshot, or a timer of the same name starts it, or it is transient (systemd-run) */
	/*
	 * What program_name() says of a process of ExecStart: the base name of its program, after links, or of its script.
	 * "" where that is a wrapper (sh -c, env …), a script that only starts a daemon (Type=forking), one of several commands
	 * of a oneshot, or can't be told from the file.
	 */
	char main_program[256];
};

/*
 * Looks through the system's unit directories and drop-ins below `root` ("" for ours, "/proc/PID/root" for a process in
 * another mount namespace), whose owner may be hostile. `unit` is "nginx.service" or an instance "getty@tty1.service",
 * whose template is read where it has no file of its own. A unit that is masked or can't be read has found false. Reads a
 * few files: not for every exec, but once a unit.
 */
void unit_read(const char *root, const char *unit, struct unit_facts *out);

/* Appends the text of a unit's file below that directory (rooted_open_root), without drop-ins. 0 or a negative errno. */
int unit_text(int root, const char *unit, struct buffer *text);

/*
 * The unit whose other name (Alias=) this is: a link among the unit files that leads to a file of that name. false: it is
 * none. Links of links are followed.
 */
bool unit_alias(const char *root, const char *unit, char *out, size_t size);

#endif
