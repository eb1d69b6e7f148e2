/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>

#include "cli/model.h"
#include "model/version.h"

static const char usage[] =
	"Usage: sombrero model show [--id] FILE…\n"
	"\n"
	"Prints the model, in the one form that sombrero writes: sorted, without comments. Of several it prints\n"
	"their union.\n"
	"\n"
	"      --id  print what the version is called instead: the SHA-256 of that form\n"
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

static int print(struct model *model, bool id_only)
{
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);
	char id[MODEL_ID_SIZE] = "";

	if (!id_only)
		out.failed = model_print(model, &out) < 0;
	else if (model_id(model, id) == 0)
		buffer_printf(&out, "%s\n", id);
	else
		out.failed = true;
	return model_output(&out);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { "id", no_argument, NULL, 'i' }, { 0 } };
	struct model *model;
	bool id_only = false;
	int option, status = 0;

	optind = 1;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option != 'i')
			return usage_error(&command_model_show, "it has no such option");
		id_only = true;
	}
	if (optind == argc)
		return usage_error(&command_model_show, "say which model: FILE");
	model = model_new();
	if (!model)
		return EXIT_FAILED;
	for (int i = optind; !status && i < argc; i++)
		status = merge(model, argv[i]);
	if (!status)
		status = print(model, id_only);
	model_free(model);
	return status;
}

const struct command command_model_show = {
	.name = "model show",
	.summary = "print models as one, in the form that sombrero writes",
	.usage = usage,
	.run = run,
};
