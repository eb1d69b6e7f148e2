/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_decide.h"

static const char usage[] = DECIDE_SYNOPSIS(
	"accept") "\n"
		  "Notes that behaviours are normal: whoever judges by the decisions takes them as if the model had\n"
		  "them, and so does every later version of the model. With --finding each behaviour in the findings "
		  "is\n"
		  "accepted, but for those that somebody has forbidden: name such by a line.\n"
		  "\n" DECIDE_HELP "\n"
		  "Example: sombrero model accept -d web.decisions --reason 'new pool' --finding found.ndjson\n";

static int run(int argc, char **argv)
{
	return model_decide(&command_model_accept, DECISION_ACCEPT, argc, argv);
}

const struct command command_model_accept = {
	.name = "model accept",
	.summary = "note in a file of decisions that behaviours are normal",
	.usage = usage,
	.run = run,
};
