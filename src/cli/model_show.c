/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>

#include "cli/model.h"

static const char usage[] =
	"Usage: sombrero model show FILE…\n"
	"\n"
	"Prints the model, in the one form that sombrero writes: sorted, without comments. Of several it prints\n"
	"their union.\n"
	"\n"
	"Exit status: 0 printed, 1 failure, 2 usage or input.\n"
	"\n"
	"Example: sombrero model show web.model\n";

static int merge(struct model *into, const char *path)
{
	struct model *model;
	int status = model_argument(path, &model);

	if (status)
		return status;
	status = model_merge(into, model);
	model_free(model);
	if (status < 0)
		say("out of memory");
	return status < 0 ? EXIT_FAILED : 0;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);
	struct model *model;
	int status = 0;

	optind = 1;
	if (getopt_long(argc, argv, "+", options, NULL) != -1)
		return usage_error(&command_model_show, "it has no such option");
	if (optind == argc)
		return usage_error(&command_model_show, "say which model: FILE");
	model = model_new();
	for (int i = optind; model && !status && i < argc; i++)
		status = merge(model, argv[i]);
	if (!model || (!status && model_print(model, &out) < 0)) {
		say("out of memory");
		status = EXIT_FAILED;
	}
	if (!status)
		status = model_output(&out);
	buffer_free(&out);
	model_free(model);
	return status;
}

const struct command command_model_show = {
	.name = "model show",
	.summary = "print models as one, in the form that sombrero writes",
	.usage = usage,
	.run = run,
};
