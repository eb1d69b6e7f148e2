/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cli/model.h"
#include "model/suggest.h"

static const char usage[] =
	"Usage: sombrero model suggest nftables [OPTION…] FILE…\n"
	"       sombrero model suggest systemd --service NAME [OPTION…] FILE…\n"
	"\n"
	"Prints least privilege by what the model's services and jobs were seen to need, a comment a line that\n"
	"says by which behaviour: a firewall for `nft -f`, or a drop-in that confines a service's unit. Nothing\n"
	"is changed. Of several models their union counts. Read it before you use it.\n"
	"\n"
	"  -d, --decisions FILE          what was accepted and forbidden counts, too; may be repeated\n"
	"      --network NAME=ADDRESSES  what a network of the model is: db=10.1.0.0/24; may be repeated\n"
	"      --resolv-conf FILE        whose nameservers `resolver` is (default: /etc/resolv.conf)\n"
	"\n"
	"nftables:\n"
	"      --default drop|accept     what becomes of the rest (default: drop); accept logs what would be dropped\n"
	"      --by-user                 only the user that a program runs as may connect; users must exist there\n"
	"      --containers              containers use the host's network, or it is for theirs\n"
	"\n"
	"systemd:\n"
	"      --service NAME            the service as the model calls it: nginx\n"
	"\n"
	"Exit status: 0 printed (what could not be expressed is in its comments), 1 failure, 2 usage or input.\n"
	"\n"
	"Examples: sombrero model suggest nftables web.model > sombrero.nft && nft -c -f sombrero.nft\n"
	"          sombrero model suggest systemd --service nginx web.model >\n"
	"            /etc/systemd/system/nginx.service.d/sombrero.conf\n";

enum { OPTION_NETWORK = 256, OPTION_RESOLV_CONF, OPTION_DEFAULT, OPTION_BY_USER, OPTION_CONTAINERS, OPTION_SERVICE };

struct suggestion {
	struct networks *networks;
	struct suggest_firewall firewall;
	const char *resolv_conf, *service;
	bool for_firewall; /* an option of the firewall's was given */
	struct model *model;
	struct decisions *decisions;
};

static int take_option(struct suggestion *suggestion, int option, const char *argument)
{
	if (option == 'd')
		return model_decisions(argument, suggestion->decisions);
	if (option == OPTION_NETWORK)
		return model_network(&command_model_suggest, suggestion->networks, argument);
	if (option == OPTION_RESOLV_CONF) {
		suggestion->resolv_conf = argument;
		return 0;
	}
	if (option == OPTION_SERVICE) {
		suggestion->service = argument;
		return 0;
	}
	suggestion->for_firewall = true;
	if (option == OPTION_BY_USER)
		suggestion->firewall.by_user = true;
	else if (option == OPTION_CONTAINERS)
		suggestion->firewall.containers = true;
	else if (option != OPTION_DEFAULT)
		return usage_error(&command_model_suggest, "it has no such option");
	else if (strcmp(argument, "accept") == 0)
		suggestion->firewall.accepts = true;
	else if (strcmp(argument, "drop") != 0)
		return usage_error(&command_model_suggest, "--default is drop or accept, not '%s'", argument);
	return 0;
}

static int parse(struct suggestion *suggestion, int argc, char **argv)
{
	static const struct option options[] = {
		{ "decisions", required_argument, NULL, 'd' },
		{ "network", required_argument, NULL, OPTION_NETWORK },
		{ "resolv-conf", required_argument, NULL, OPTION_RESOLV_CONF },
		{ "default", required_argument, NULL, OPTION_DEFAULT },
		{ "by-user", no_argument, NULL, OPTION_BY_USER },
		{ "containers", no_argument, NULL, OPTION_CONTAINERS },
		{ "service", required_argument, NULL, OPTION_SERVICE },
		{ 0 },
	};
	int option, status = 0;

	optind = 1;
	while (!status && (option = getopt_long(argc, argv, "d:", options, NULL)) != -1)
		status = take_option(suggestion, option, optarg);
	return status;
}

static int load(struct suggestion *suggestion, int argc, char **argv)
{
	int status = 0;

	if (optind == argc)
		return usage_error(&command_model_suggest, "say by which model: FILE");
	for (int i = optind; i < argc && !status; i++) {
		struct model *model = NULL;

		status = model_argument(argv[i], &model);
		if (!status && model_merge(suggestion->model, model) < 0) {
			say("out of memory");
			status = EXIT_FAILED;
		}
		model_free(model);
	}
	if (!status && decisions_apply(suggestion->decisions, suggestion->model) < 0) {
		say("out of memory");
		status = EXIT_FAILED;
	}
	return status;
}

static int suggest_firewall(struct suggestion *suggestion, struct buffer *out)
{
	size_t refused;

	if (suggestion->service)
		return usage_error(&command_model_suggest, "--service is for systemd");
	suggestion->firewall.networks = suggestion->networks;
	if (suggest_nftables(suggestion->model, &suggestion->firewall, out, &refused) < 0) {
		say("out of memory");
		return EXIT_FAILED;
	}
	if (refused)
		say("%zu of the model's lines could not be expressed: what and why stands at the end", refused);
	return 0;
}

static int suggest_unit(struct suggestion *suggestion, struct buffer *out)
{
	int status;

	if (suggestion->for_firewall)
		return usage_error(&command_model_suggest, "--default, --by-user and --containers are for nftables");
	if (!suggestion->service)
		return usage_error(&command_model_suggest, "say which service: --service NAME");
	status = suggest_systemd(suggestion->model, suggestion->service, suggestion->networks, out);
	if (status == -ENOENT)
		say("the model has no service %s", suggestion->service);
	else if (status == -EPERM)
		say("service %s: people's sessions or others' jobs descend from it, and what confines it would confine "
		    "them",
		    suggestion->service);
	else if (status < 0)
		say("out of memory");
	return status == -ENOENT || status == -EPERM ? EXIT_USAGE : status < 0 ? EXIT_FAILED : 0;
}

static int suggest(struct suggestion *suggestion, int argc, char **argv)
{
	struct buffer out = BUFFER_INIT(MODEL_TEXT_MAX);
	const char *what = argc > 1 ? argv[1] : "";
	bool firewall = strcmp(what, "nftables") == 0;
	int status;

	if (!firewall && strcmp(what, "systemd") != 0)
		return usage_error(&command_model_suggest, "say what for: nftables or systemd");
	status = parse(suggestion, argc - 1, argv + 1);
	if (!status)
		status = load(suggestion, argc - 1, argv + 1);
	if (!status) {
		networks_add_resolvers(suggestion->networks, suggestion->resolv_conf);
		status = firewall ? suggest_firewall(suggestion, &out) : suggest_unit(suggestion, &out);
	}
	if (!status)
		return model_output(&out);
	buffer_free(&out);
	return status;
}

static int run(int argc, char **argv)
{
	struct suggestion suggestion = {
		.networks = networks_new(),
		.model = model_new(),
		.decisions = decisions_new(),
		.resolv_conf = "/etc/resolv.conf",
	};
	int status = EXIT_FAILED;

	if (suggestion.networks && suggestion.model && suggestion.decisions)
		status = suggest(&suggestion, argc, argv);
	else
		say("out of memory");
	networks_free(suggestion.networks);
	model_free(suggestion.model);
	decisions_free(suggestion.decisions);
	return status;
}

const struct command command_model_suggest = {
	.name = "model suggest",
	.summary = "print a firewall, or what confines a systemd unit, by a model",
	.usage = usage,
	.run = run,
};
