/* SPDX-License-Identifier: Apache-2.0 */
/* What --until says is enough. */
#ifndef CLI_UNTIL_H
#define CLI_UNTIL_H

#include "cli/command.h"
#include "model/coverage.h"

#define UNTIL_HELP                                                                                       \
	"      --until WHAT    stop when enough was seen: 'enough', or what of it shall be otherwise:\n" \
	"                      coverage=0.999,news=0.05,hosts=3,occasions=2,without=boot+upgrade+schedule\n"

/* Reads WHAT; what it doesn't name is as in coverage_enough. 0, or EXIT_USAGE after having said why. */
int until_parse(const struct command *command, const char *text, struct coverage_wanted *out);

#endif
