/* SPDX-License-Identifier: Apache-2.0 */
/* Runs CMD in a cgroup, and finds the cgroups that a person names by unit or container. */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct runner;

/* Starts `command` in the cgroup `directory`. -ENOENT and others with a text when it can't be executed. */
int runner_start(char **command, const char *directory, struct runner **out, struct error *error);

/* Has it ended? Doesn't wait. */
bool runner_ended(struct runner *runner);

/* Asks it to end, by a signal. */
void runner_ask(struct runner *runner, int signal);

/* Kills it unless it has ended. Frees the runner. Returns the status as wait(2) gives it. */
int runner_end(struct runner *runner);

/* What still runs in the cgroup goes on outside it, and is told; the cgroup is removed. */
void runner_clean(const char *directory);

/* Directories in the cgroup tree; owned. */
struct scope_list {
	char **directory;
	size_t count;
};

/* Each adds what it finds; -ENOENT with a text where there is nothing, -E2BIG where it's too much. */
int scope_add_directory(struct scope_list *scope, const char *directory, struct error *error);
int scope_add_cgroup(struct scope_list *scope, const char *pattern, struct error *error);
int scope_add_unit(struct scope_list *scope, const char *unit, struct error *error);
int scope_add_container(struct scope_list *scope, const char *name, struct error *error);
void scope_free(struct scope_list *scope);

#endif
