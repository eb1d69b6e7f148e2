/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watched files for a command: the policy, the state, and findings that are printed exactly as often as they are true. What is
 * told and what is known from then on are committed together, and only then printed; what was not printed before an end
 * is printed at the next start under the same number.
 */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <getopt.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "cli/source.h"
#include "judge/files.h"
#include "judge/judge.h"
#include "state/state.h"

struct files_watch {
	const char *policy_path, *state_directory, *auth_log;
	const char *pattern[SOURCE_LIST_MAX], *except[SOURCE_LIST_MAX];
	size_t pattern_count, except_count;
	bool json;
	bool may_replay;     /* the policy says more than what files are watched, so it makes sense for a recording */
	enum severity least; /* findings below it are not told */

	struct policy *policy; /* owned, as all below; NULL where there is none */
	struct state *state;
	struct file_judge *judge;
	struct file_watch watch;
	char **root;
	struct buffer line, ready; /* what is printed after the commit */
	uint64_t *printed;         /* numbers to be given back with the next commit */
	size_t printed_count, printed_capacity;
	uint64_t settled_ms;
	uint64_t findings;
};

enum { FILES_OPTION_FILES = SOURCE_OPTION_END + 64, FILES_OPTION_EXCEPT, FILES_OPTION_STATE, FILES_OPTION_AUTH_LOG };

#define FILES_OPTIONS                                                                                         \
	{ "policy", required_argument, NULL, 'p' }, { "files", required_argument, NULL, FILES_OPTION_FILES }, \
		{ "except", required_argument, NULL, FILES_OPTION_EXCEPT },                                   \
		{ "auth-log", required_argument, NULL, FILES_OPTION_AUTH_LOG },                               \
	{                                                                                                     \
		"state", required_argument, NULL, FILES_OPTION_STATE                                          \
	}

#define FILES_HELP                                                                                \
	"Files:\n"                                                                                \
	"  -p, --policy FILE   a policy: its file rules, and what counts as a change\n"           \
	"      --files GLOB    tell of changes of these files ('/srv/app/**'); may be repeated\n" \
	"      --except WHO    but not by user=NAME, program=PATH, service=NAME, job=NAME,\n"     \
	"                      key=SHA256:…, certificate=ID; any of several; a change may\n"    \
	"      --state DIR     where what is known is kept (/var/lib/sombrero)\n"                 \
	"      --auth-log FILE where logins are logged: a file, 'journal' or 'none' (what there is)\n"

/* Takes one of the options above: true, with *status 0 or EXIT_USAGE. */
bool files_option(struct files_watch *files, const struct command *command, int option, const char *argument,
		  int *status);

/* Loads the policy if there is one and it isn't loaded. 0 or an exit status after having said why. */
int files_load_policy(struct files_watch *files);

/* Loads the policy, opens the state, prints what was not printed before. 0 or an exit status after having said why. */
int files_prepare(struct files_watch *files, const struct command *command, struct source *source);

/* An event, of whatever kind: what must be kept of it is. 0 or a negative errno. */
int files_event(struct files_watch *files, const struct event *event);

/* A deviation from the model: what a service did that a change brought is kept with the change. 0 or a negative errno. */
int files_news(struct files_watch *files, const struct finding *finding);

/* From time to time commits, and prints what is ready; at the end all. 0 or a negative errno; -EPIPE: nobody reads any more. */
int files_settle(struct files_watch *files, bool at_end);

/* Everything is attached and the baseline is taken: from here on changes are told. */
void files_ready(struct files_watch *files);

/* Are there rules to judge changes by? */
bool files_are_judged(const struct files_watch *files);

/* What a negative errno of the two above was about; "" where the state has nothing to say. */
const char *files_error(const struct files_watch *files);

void files_free(struct files_watch *files);

#endif
