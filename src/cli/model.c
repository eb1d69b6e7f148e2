/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
	&command_model_accept, &command_model_diff,    &command_model_export, &command_model_forbid,
	&command_model_import, &command_model_merge,   &command_model_revoke, &command_model_show,
	&command_model_stats,  &command_model_suggest, &command_model_test,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const char usage[] =
	"Usage: sombrero model COMMAND [OPTION…]\n"
	"\n"
	"Works on models as files: they can be read, compared, merged and decided on.\n"
	"\n"
	"  accept   note in a file of decisions that behaviours are normal\n"
	"  diff     say what one model allows and another doesn't, and what follows from it\n"
	"  export   print what is judged by: layers, mapping and decisions as one model\n"
	"  forbid   note in a file of decisions that behaviours are findings, whatever a model says\n"
	"  import   make a model of its JSON\n"
	"  merge    make one model of several\n"
	"  revoke   note in a file of decisions that earlier ones no longer hold\n"
	"  show     print models as one, in the form that sombrero writes\n"
	"  stats    say how sure a model is, and what it has not seen yet\n"
	"  suggest  print a firewall, or what confines a systemd unit, by a model\n"
	"  test     compare recorded events with models: what deviates, what was never used\n"
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

int model_decisions(const char *path, struct decisions *into)
{
	struct error error = { "" };
	struct decisions *decisions = NULL;
	int status = decisions_load(path, &decisions, &error);

	if (!status && decisions_merge(into, decisions) < 0)
		status = error_set(&error, -ENOMEM, "out of memory");
	decisions_free(decisions);
	if (status < 0)
		say("%s", error.text);
	return !status ? 0 : status == -ENOMEM ? EXIT_FAILED : EXIT_USAGE;
}

int model_network(const struct command *command, struct networks *networks, const char *argument)
{
	const char *equals = strchr(argument, '=');
	char name[NETWORK_NAME_MAX + 1];
	struct error error = { "" };

	if (!equals || equals == argument || (size_t)(equals - argument) >= sizeof(name))
		return usage_error(command, "--network wants NAME=ADDRESSES, not '%s'", argument);
	memcpy(name, argument, (size_t)(equals - argument));
	name[equals - argument] = '\0';
	if (networks_add(networks, name, equals + 1, &error) < 0)
		return usage_error(command, "%s", error.text);
	return 0;
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
