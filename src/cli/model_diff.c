/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_diff.h"

#include <getopt.h>
#include <string.h>

#include "cli/model.h"

static const char usage[] =
	"Usage: sombrero model diff [OPTION…] OLD NEW\n"
	"\n"
	"Says what the new model allows that the old one doesn't, and the other way round: the riskiest first, with\n"
	"what follows from it. What belongs together is one change.\n"
	"\n"
	"      --format FORMAT  text (the default), markdown, json, junit or sarif\n"
	"      --fail-on WHAT   exit with 3 where there is any change, or a risky one: of severity medium or worse\n"
	"\n"
	"Exit status: 0 compared, 3 there is what --fail-on names, 1 failure, 2 usage or input.\n"
	"\n"
	"Example: sombrero model diff --format markdown --fail-on risky main.model web.model\n";

static const struct diff_format *const formats[] = { &diff_as_text, &diff_as_markdown, &diff_as_json, &diff_as_junit,
						     &diff_as_sarif };

/* As large as the whole text of two models, and what stands around it. */
#define REPORT_MAX (1024U * 1024 * 1024)

struct arguments {
	const struct diff_format *format;
	enum diff_fail fail;
};

static int parse_format(const char *name, const struct diff_format **out)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i]->name, name) == 0) {
			*out = formats[i];
			return 0;
		}
	}
	return usage_error(&command_model_diff, "--format is text, markdown, json, junit or sarif, not '%s'", name);
}

static int parse_fail(const char *name, enum diff_fail *out)
{
	if (strcmp(name, "any") == 0)
		*out = DIFF_FAIL_ANY;
	else if (strcmp(name, "risky") == 0)
		*out = DIFF_FAIL_RISKY;
	else
		return usage_error(&command_model_diff, "--fail-on is any or risky, not '%s'", name);
	return 0;
}

static int parse(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = { { "format", required_argument, NULL, 'f' },
						 { "fail-on", required_argument, NULL, 'o' },
						 { 0 } };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'f')
			status = parse_format(optarg, &arguments->format);
		else if (option == 'o')
			status = parse_fail(optarg, &arguments->fail);
		else
			status = usage_error(&command_model_diff, "it has no such option");
	}
	if (!status && argc - optind != 2)
		status = usage_error(&command_model_diff, "say which models: OLD NEW");
	return status;
}

static int report(const struct arguments *arguments, struct diff_report *report)
{
	struct buffer out = BUFFER_INIT(REPORT_MAX);
	int status;

	report->fail = arguments->fail;
	if (arguments->format->print(&out, report) < 0) {
		buffer_free(&out);
		say("out of memory");
		return EXIT_FAILED;
	}
	status = model_output(&out);
	return status == EXIT_CLEAN && diff_fails(report) ? EXIT_DEVIATION : status;
}

static int compare(const struct arguments *arguments, char **names, struct model *old, struct model *new)
{
	struct model_diff *diff;
	struct diff_report whole = {
		.old_name = names[0], .new_name = names[1], .old_lines = model_size(old), .new_lines = model_size(new)
	};
	int status;

	if (model_diff(old, new, &diff) < 0) {
		say("out of memory");
		return EXIT_FAILED;
	}
	whole.diff = diff;
	status = report(arguments, &whole);
	model_diff_free(diff);
	return status;
}

static int run(int argc, char **argv)
{
	struct arguments arguments = { .format = &diff_as_text };
	struct model *old = NULL, *new = NULL;
	int status = parse(&arguments, argc, argv);

	if (!status)
		status = model_argument(argv[optind], &old);
	if (!status)
		status = model_argument(argv[optind + 1], &new);
	if (!status)
		status = compare(&arguments, argv + optind, old, new);
	model_free(old);
	model_free(new);
	return status;
}

const struct command command_model_diff = {
	.name = "model diff",
	.summary = "say what one model allows and another doesn't, and what follows from it",
	.usage = usage,
	.run = run,
};
