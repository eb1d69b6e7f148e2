/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/read.h"
#include "cli/model.h"
#include "model/json.h"

static const char usage[] =
	"Usage: sombrero model import [-o OUT] FILE\n"
	"\n"
	"Makes a model of what `sombrero model export --format json` wrote, perhaps changed by a program since.\n"
	"\n"
	"  -o, --output FILE  where the model goes; an old file there is replaced only by a whole new one\n"
	"\n"
	"Exit status: 0 done, 1 failure, 2 usage or input.\n"
	"\n"
	"Example: sombrero model export web.model --format json | program | sombrero model import -o web.model -\n";

/* The most JSON that is read, in bytes. */
#define JSON_MAX (4U * MODEL_TEXT_MAX)

static int read_model(const char *path, struct model **out, struct error *error)
{
	struct buffer text = BUFFER_INIT(JSON_MAX + 1);
	bool is_input = strcmp(path, "-") == 0;
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int status = fd < 0 ? -errno : read_whole(fd, JSON_MAX, &text);

	if (fd >= 0 && !is_input)
		(void)close(fd);
	if (status < 0)
		(void)error_set(error, status, "%.400s: can't be read: %s", path, strerror(-status));
	else
		status = model_json_read(path, buffer_string(&text), text.size, out, error);
	buffer_free(&text);
	return status;
}

static int write_model(struct model *model, const char *output)
{
	struct buffer text = BUFFER_INIT(MODEL_TEXT_MAX);
	struct error error = { "" };

	if (!output) {
		(void)model_print(model, &text);
		return model_output(&text);
	}
	if (model_save(model, output, &error) == 0)
		return EXIT_CLEAN;
	say("%s", error.text);
	return EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' }, { 0 } };
	struct error error = { "" };
	struct model *model = NULL;
	const char *output = NULL;
	int option, status;

	optind = 1;
	while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (option != 'o')
			return usage_error(&command_model_import, "it has no such option");
		output = optarg;
	}
	if (optind + 1 != argc)
		return usage_error(&command_model_import, "say which file: FILE, or - for standard input");
	if (read_model(argv[optind], &model, &error) < 0) {
		say("%s", error.text);
		return EXIT_USAGE;
	}
	status = write_model(model, output);
	model_free(model);
	return status;
}

const struct command command_model_import = {
	.name = "model import",
	.summary = "make a model of its JSON",
	.usage = usage,
	.run = run,
};
