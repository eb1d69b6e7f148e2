/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = { &command_model_show };

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const char usage[] = "Usage: sombrero model COMMAND [OPTION…]\n"
			    "\n"
			    "Works on models as files: they can be read, compared, merged and decided on.\n"
			    "\n"
			    "  show     print models as one, in the form that sombrero writes\n"
			    "\n"
			    "Exit status: 0 done, 1 failure, 2 usage or input; more in the help of each.\n"
			    "\n"
			    "Help on one of them: sombrero model COMMAND --help\n";

int model_argument(const char *path, struct model **out)
{
	struct error error = { "" };
	int status = model_load(path, out, &error);

	if (status < 0)
		say("%s", error.text);
	return status < 0 ? EXIT_USAGE : 0;
}

int model_output(struct buffer *out)
{
	int status = EXIT_CLEAN;

	if (out->failed) {
		say("the text is too long, or memory ran out");
		status = EXIT_FAILED;
	} else if (fwrite(out->data, 1, out->size, stdout) != out->size || fflush(stdout)) {
		say("standard output: %s", strerror(errno));
		status = EXIT_FAILED;
	}
	buffer_free(out);
	return status;
}

static int run(int argc, char **argv)
{
	if (argc < 2)
		return usage_error(&command_model, "say what to do");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const struct command *command = commands[i];

		if (strcmp(argv[1], strchr(command->name, ' ') + 1) == 0)
			return command_run(command, argc - 1, argv + 1);
	}
	return usage_error(&command_model, "there is no command '%s'", argv[1]);
}

const struct command command_model = {
	.name = "model",
	.summary = "show, compare, merge, test and decide on models",
	.usage = usage,
	.run = run,
};
