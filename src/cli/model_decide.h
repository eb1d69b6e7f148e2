/* SPDX-License-Identifier: Apache-2.0 */
/* What `model accept`, `forbid` and `revoke` share: all but the word. */
#ifndef CLI_MODEL_DECIDE_H
#define CLI_MODEL_DECIDE_H

#include "cli/model.h"
#include "model/decisions.h"

#define DECIDE_SYNOPSIS(command)                                                                      \
	"Usage: sombrero model " command " -d FILE --reason TEXT [--by WHO] --context CONTEXT LINE\n" \
	"       sombrero model " command " -d FILE --reason TEXT [--by WHO] --finding FILE\n"

#define DECIDE_HELP                                                                                        \
	"  -d, --decisions FILE   the file of decisions; it is made where there is none\n"                 \
	"      --reason TEXT      why; needed\n"                                                           \
	"      --by WHO           whose decision it is (the person who logged in)\n"                       \
	"      --context CONTEXT  'service NAME', 'job NAME' or 'boot', each perhaps 'in container'\n"     \
	"      --finding FILE     findings as `watch --json` prints them (- is standard input); may be\n"  \
	"                         repeated\n"                                                              \
	"  LINE                   a behaviour as a model has it, in one word or several; stars as there\n" \
	"\n"                                                                                               \
	"Exit status: 0 it is in the file, 1 failure, 2 usage or input; nothing is half written.\n"

/* An exit status. */
int model_decide(const struct command *command, enum decision_kind kind, int argc, char **argv);

#endif
