/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/replace.h"
#include "cli/layers.h"
#include "cli/model.h"
#include "model/json.h"

static const char usage[] =
	"Usage: sombrero model export [-p POLICY] [-d DECISIONS] [-o OUT] [--format text|json] [MODEL…]\n"
	"\n"
	"Prints what `sombrero watch` judges by with the same options: the models that the policy includes and those\n"
	"named here, as production is called by the policy's mapping, with what was accepted and without what was\n"
	"forbidden.\n"
	"\n"
	"  -p, --policy FILE    a policy: its layers, mapping and decisions\n" LAYERS_DECISIONS_HELP
	"  -o, --output FILE    where it goes; an old file there is replaced only by a whole new one\n"
	"      --format FORMAT  text, a model as sombrero writes it (default); json, for programs\n"
	"\n"
	"Exit status: 0 done, 1 failure, 2 usage or input.\n"
	"\n"
	"Example: sombrero model export -p web.yml -o effective.model\n";

enum { OPTION_FORMAT = 256 };

struct export
{
	struct layers layers;
	const char *policy_path, *output, *format;
	struct policy *policy;
};

static int parse(struct export *export, int argc, char **argv)
{
	static const struct option options[] = { LAYERS_OPTIONS,
						 { "policy", required_argument, NULL, 'p' },
						 { "output", required_argument, NULL, 'o' },
						 { "format", required_argument, NULL, OPTION_FORMAT },
						 { 0 } };
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "d:m:o:p:", options, NULL)) != -1) {
		if (option == 'p')
			export->policy_path = optarg;
		else if (option == 'o')
			export->output = optarg;
		else if (option == OPTION_FORMAT)
			export->format = optarg;
		else if (!layers_option(&export->layers, &command_model_export, option, optarg, &status))
			return usage_error(&command_model_export, "it has no such option");
	}
	for (; !status && optind < argc; optind++)
		(void)layers_option(&export->layers, &command_model_export, 'm', argv[optind], &status);
	if (!status && strcmp(export->format, "text") != 0 && strcmp(export->format, "json") != 0)
		return usage_error(&command_model_export, "--format is text or json, not '%s'", export->format);
	return status;
}

static int load(struct export *export)
{
	struct error error = { "" };
	int status;

	if (export->policy_path && policy_load(export->policy_path, &export->policy, &error) < 0) {
		say("%s", error.text);
		return EXIT_USAGE;
	}
	status = layers_load(&export->layers, export->policy);
	if (!status && !export->layers.effective)
		return usage_error(&command_model_export, "say which models: MODEL…, or a policy that includes some");
	return status;
}

struct parts {
	const struct layers *layers;
	size_t count;
};

/* Is it forbidden as a part of a line that stays? */
static int count_part(void *owner, const struct decision *decision)
{
	struct parts *parts = owner;

	parts->count += decision->kind == DECISION_FORBID &&
			decisions_about(parts->layers->decisions, &decision->behaviour) == decision &&
			model_match(parts->layers->effective, &decision->behaviour);
	return 0;
}

static void warn_of_parts(const struct layers *layers)
{
	struct parts parts = { layers, 0 };

	if (layers->decisions)
		(void)decisions_each(layers->decisions, count_part, &parts);
	if (parts.count)
		say("%zu decisions forbid a part of what a line with a star allows, which no model can say: judge by "
		    "the "
		    "decisions, too",
		    parts.count);
}

static int save(const struct export *export, struct buffer *text)
{
	int status = text->failed ? -ENOMEM : replace_file(export->output, text);

	buffer_free(text);
	if (!status)
		return EXIT_CLEAN;
	say("%s: can't save the model: %s", export->output,
	    status == -EINVAL ? "not a regular file" : strerror(-status));
	return EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	struct export export = { .format = "text" };
	struct buffer text = BUFFER_INIT(8U * MODEL_TEXT_MAX);
	int status = parse(&export, argc, argv);

	if (!status)
		status = load(&export);
	if (!status) {
		warn_of_parts(&export.layers);
		if (strcmp(export.format, "json") == 0)
			(void)model_json_write(export.layers.effective, &text);
		else
			(void)model_print(export.layers.effective, &text);
		status = export.output ? save(&export, &text) : model_output(&text);
	}
	buffer_free(&text);
	layers_free(&export.layers);
	policy_free(export.policy);
	return status;
}

const struct command command_model_export = {
	.name = "model export",
	.summary = "print what is judged by: layers, mapping and decisions as one model",
	.usage = usage,
	.run = run,
};
