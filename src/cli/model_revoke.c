/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_decide.h"

static const char usage[] = DECIDE_SYNOPSIS(
	"revoke") "\n"
		  "Takes back what was decided before about the lines that these cover: the model alone says again\n"
		  "whether they are normal. The old decisions stay in the file, as what was once so.\n"
		  "\n" DECIDE_HELP "\n"
		  "Example: sombrero model revoke -d web.decisions --reason 'gone' --context 'service nginx' exec "
		  "'/bin/sh(**)'\n";

static int run(int argc, char **argv)
{
	return model_decide(&command_model_revoke, DECISION_REVOKE, argc, argv);
}

const struct command command_model_revoke = {
	.name = "model revoke",
	.summary = "note in a file of decisions that earlier ones no longer hold",
	.usage = usage,
	.run = run,
};
