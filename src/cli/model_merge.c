/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cli/model.h"
#include "model/statistics.h"
#include "model/version.h"
#include "policy/policy.h"

static const char usage[] =
	"Usage: sombrero model merge -o OUT [-p POLICY] FILE…\n"
	"\n"
	"Makes one model of several: what any of them knows, with what is then too much in one directory as `*`. The\n"
	"statistics beside them come together beside OUT.\n"
	"\n"
	"  -o, --output FILE  where the model goes; an old file there is replaced only by a whole new one\n"
	"  -p, --policy FILE  a policy, of which the fold limits are used\n"
	"\n"
	"Exit status: 0 done, 1 failure, 2 usage or input.\n"
	"\n"
	"Example: sombrero model merge -o web.model web.model ci/web.model\n";

struct merge {
	const char *output, *policy_path;
	struct policy *policy;
	struct model *model;
	struct statistics *statistics;
	struct error error;
};

static int parse(struct merge *merge, int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { "policy", required_argument, NULL, 'p' },
						 { 0 } };
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "o:p:", options, NULL)) != -1) {
		if (option == 'o')
			merge->output = optarg;
		else if (option == 'p')
			merge->policy_path = optarg;
		else
			return usage_error(&command_model_merge, "it has no such option");
	}
	if (!merge->output)
		return usage_error(&command_model_merge, "say where the model goes: -o FILE");
	if (optind == argc)
		return usage_error(&command_model_merge, "say which models: FILE…");
	return 0;
}

static int add(struct merge *merge, const char *path)
{
	struct statistics *statistics = NULL;
	struct model *model = NULL;
	int status = model_load(path, &model, &merge->error);

	if (!status)
		status = statistics_load(path, model, &statistics, NULL, &merge->error);
	if (!status && statistics_merge(merge->statistics, merge->model, statistics, model) < 0)
		status = error_set(&merge->error, -ENOMEM, "%.400s: can't be merged: too much, or out of memory", path);
	statistics_free(statistics);
	model_free(model);
	return status;
}

static int merge_all(struct merge *merge, char **paths)
{
	int status = model_check_output(merge->output, &merge->error);

	if (!status && merge->policy_path)
		status = policy_load(merge->policy_path, &merge->policy, &merge->error);
	if (status)
		return status;
	merge->model = model_new();
	merge->statistics = statistics_new();
	if (!merge->model || !merge->statistics)
		return error_set(&merge->error, -ENOMEM, "out of memory");
	model_limit(merge->model, merge->policy ? merge->policy->limits : NULL);
	for (; *paths && !status; paths++)
		status = add(merge, *paths);
	if (!status && model_fold(merge->model) < 0)
		status = error_set(&merge->error, -ENOMEM, "out of memory");
	return status;
}

static int save(struct merge *merge)
{
	char id[MODEL_ID_SIZE] = "";
	int status = model_save(merge->model, merge->output, &merge->error);

	if (!status)
		status = statistics_save(merge->statistics, merge->model, merge->output, &merge->error);
	if (status)
		return status;
	(void)model_id(merge->model, id);
	say("%s: %zu lines; %.*s", merge->output, model_size(merge->model), MODEL_ID_SHOWN, id);
	return 0;
}

static int run(int argc, char **argv)
{
	struct merge merge = { 0 };
	int status = parse(&merge, argc, argv);

	if (!status && merge_all(&merge, argv + optind) < 0)
		status = EXIT_USAGE;
	if (!status && save(&merge) < 0)
		status = EXIT_FAILED;
	if (merge.error.text[0])
		say("%s", merge.error.text);
	policy_free(merge.policy);
	model_free(merge.model);
	statistics_free(merge.statistics);
	return status;
}

const struct command command_model_merge = {
	.name = "model merge",
	.summary = "make one model of several",
	.usage = usage,
	.run = run,
};
