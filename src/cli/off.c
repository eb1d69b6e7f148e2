/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <string.h>

#include "cli/show.h"
#include "cli/who.h"

static const char usage[] =
	"Usage: sombrero off --reason TEXT [--state DIR]\n"
	"\n"
	"Takes the sombrero off by hand: what was changed by hand is right as it is, or of no account. Who did that,\n"
	"when and why is kept. A declared change that rewrites all that was touched takes it off by itself.\n"
	"\n"
	"      --reason TEXT  why; needed\n" SHOW_STATE_HELP "\n"
	"Exit status: 0 it is off, 1 failure, 2 usage.\n"
	"\n"
	"Example: sombrero off --reason 'hotfix of 4711, in release 43'\n";

enum { OPTION_REASON = 256, OPTION_STATE };

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\n")] == '\0';
}

static int take_off(struct state *state, const char *reason)
{
	struct who who;
	int status;

	who_find(state, &who);
	status = state_sombrero_off(state, reason, who.person);
	if (state_commit(state) || status < 0) {
		say("%s", state_error(state));
		return EXIT_FAILED;
	}
	tell(status ? "the sombrero is off" : "there is no sombrero to take off");
	return EXIT_CLEAN;
}

/* Where there is no state it is not made for this. */
static int open_and_take_off(const char *directory, const char *reason)
{
	struct error error = { "" };
	struct state *state;
	int status = show_open(directory, &state);

	if (status)
		return status;
	state_close(state);
	if (state_open(directory, STATE_WRITE, &state, &error)) {
		say("%s", error.text);
		return EXIT_FAILED;
	}
	status = take_off(state, reason);
	state_close(state);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { "reason", required_argument, NULL, OPTION_REASON },
						 { "state", required_argument, NULL, OPTION_STATE },
						 { 0 } };
	const char *directory = STATE_DIRECTORY, *reason = "";
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == OPTION_REASON)
			reason = optarg;
		else if (option == OPTION_STATE)
			directory = optarg;
		else
			return usage_error(&command_off, "that option is not known");
	}
	if (optind < argc)
		return usage_error(&command_off, "'%s' is not wanted here", argv[optind]);
	if (is_blank(reason))
		return usage_error(&command_off, "say why: --reason TEXT");
	return open_and_take_off(directory, reason);
}

const struct command command_off = {
	.name = "off",
	.summary = "take the sombrero off by hand, with a reason",
	.usage = usage,
	.run = run,
};
