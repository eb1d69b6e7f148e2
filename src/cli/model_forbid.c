/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_decide.h"

static const char usage[] = DECIDE_SYNOPSIS(
	"forbid") "\n"
		  "Notes that behaviours are forbidden: each is a finding, whatever the model says, and never "
		  "learned.\n"
		  "\n" DECIDE_HELP "\n"
		  "Example: sombrero model forbid -d FILE --reason 'no shells' --context boot exec '/bin/sh(**)'\n";

static int run(int argc, char **argv)
{
	return model_decide(&command_model_forbid, DECISION_FORBID, argc, argv);
}

const struct command command_model_forbid = {
	.name = "model forbid",
	.summary = "note in a file of decisions that behaviours are findings, whatever a model says",
	.usage = usage,
	.run = run,
};
