/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/layers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

bool layers_option(struct layers *layers, const struct command *command, int option, const char *argument, int *status)
{
	*status = 0;
	if (option == 'd')
		layers->decisions_path = argument;
	else if (option == 'm' && layers->model_count == SOURCE_LIST_MAX)
		*status = usage_error(command, "an option can be repeated at most %d times", SOURCE_LIST_MAX);
	else if (option == 'm')
		layers->model[layers->model_count++] = argument;
	else
		return false;
	return true;
}

static int no_memory(void)
{
	say("out of memory");
	return EXIT_FAILED;
}

/* ---- decisions ---- */

static int load_decisions(struct layers *layers, const char *path)
{
	struct decisions *decisions;
	struct error error = { "" };
	int status = decisions_load(path, &decisions, &error);

	if (status < 0) {
		say("%s%s", error.text, status == -ENOENT ? "; `sombrero model accept` and `forbid` make one" : "");
		return EXIT_USAGE;
	}
	if (!layers->decisions) {
		layers->decisions = decisions;
		return 0;
	}
	status = decisions_merge(layers->decisions, decisions);
	decisions_free(decisions);
	return status < 0 ? no_memory() : 0;
}

int layers_load_decisions(struct layers *layers, const struct policy *policy)
{
	int status = 0;

	layers->policy = policy;
	if (policy && policy->decisions) {
		char *path = policy_file(policy, policy->decisions);

		status = path ? load_decisions(layers, path) : no_memory();
		free(path);
	}
	if (!status && layers->decisions_path)
		status = load_decisions(layers, layers->decisions_path);
	return status;
}

static int is_forbidden(void *owner, const struct behaviour *image)
{
	return decisions_forbid(owner, image);
}

bool layers_forbid(const struct layers *layers, const struct behaviour *behaviour)
{
	if (!layers->decisions)
		return false;
	if (decisions_forbid(layers->decisions, behaviour))
		return true;
	return layers->policy && layers->policy->mapping &&
	       mapping_each(layers->policy->mapping, behaviour, is_forbidden, layers->decisions) > 0;
}

/* ---- models ---- */

/*
 * What was learned elsewhere is called as here; what ships is called so already. How much of a thing was usual elsewhere says
 * nothing here.
 */
static int add_model(struct layers *layers, struct model *model, const struct statistics *statistics, bool learned)
{
	const struct mapping *mapping = layers->policy ? layers->policy->mapping : NULL;
	int status;

	if (learned && mapping)
		status = mapping_apply(mapping, model, layers->effective);
	else
		status = statistics_merge(layers->statistics, layers->effective, statistics, model);
	if (status == -E2BIG) {
		say("together the models' statistics are of too many hosts, contexts or runs");
		return EXIT_USAGE;
	}
	if (status == -EINVAL) {
		say("by the mapping a line of the model becomes longer than a line can be");
		return EXIT_USAGE;
	}
	return status < 0 ? no_memory() : 0;
}

static int load_model(struct layers *layers, const char *path, bool learned, struct error *error)
{
	struct statistics *statistics = NULL;
	struct model *model = NULL;
	int status = model_load(path, &model, error);

	if (!status)
		status = statistics_load(path, model, &statistics, NULL, error);
	status = status < 0 ? EXIT_USAGE : add_model(layers, model, statistics, learned);
	statistics_free(statistics);
	model_free(model);
	if (!status && (learned || !layers->name)) {
		free(layers->name);
		layers->name = strdup(path);
	}
	return status;
}

static const char *shipped_directory(void)
{
	const char *other = getenv("SOMBRERO_MODELS");

	return other ? other : MODELS_DIRECTORY;
}

/* Where the layer is: a path as it stands, a name beside the policy or where models ship. Owned. */
static char *find_layer(const struct policy *policy, const char *name, bool *ships)
{
	char *file, *path;

	*ships = false;
	if (strchr(name, '/'))
		return policy_file(policy, name);
	if (asprintf(&file, "%s.model", name) < 0)
		return NULL;
	path = policy_file(policy, file);
	if (path && access(path, F_OK) < 0) {
		*ships = true;
		free(path);
		path = asprintf(&path, "%s/%s", shipped_directory(), file) < 0 ? NULL : path;
	}
	free(file);
	return path;
}

static int load_layer(struct layers *layers, const struct policy_layer *layer)
{
	const char *policy = layers->policy->path ? layers->policy->path : "the policy";
	struct error error = { "" };
	bool ships;
	char *path = find_layer(layers->policy, layer->name, &ships);
	int status;

	if (!path)
		return no_memory();
	if (ships && access(path, F_OK) < 0) {
		say("%s:%zu:%zu: there is no layer \"%s\": neither %s.model beside the policy nor %s", policy,
		    layer->line, layer->column, layer->name, layer->name, path);
		status = EXIT_USAGE;
	} else {
		status = load_model(layers, path, !ships, &error);
		if (error.text[0])
			say("%s:%zu:%zu: %s", policy, layer->line, layer->column, error.text);
	}
	free(path);
	return status;
}

static int load_models(struct layers *layers)
{
	struct error error = { "" };
	int status = 0;

	for (size_t i = 0; layers->policy && i < layers->policy->layer_count && !status; i++)
		status = load_layer(layers, &layers->policy->layers[i]);
	for (size_t i = 0; i < layers->model_count && !status; i++)
		status = load_model(layers, layers->model[i], true, &error);
	if (error.text[0])
		say("%s", error.text);
	return status;
}

int layers_load(struct layers *layers, const struct policy *policy)
{
	int status = layers_load_decisions(layers, policy);

	if (status || (!layers->model_count && !(policy && policy->layer_count)))
		return status;
	layers->effective = model_new();
	layers->statistics = statistics_new();
	if (!layers->effective || !layers->statistics)
		return no_memory();
	model_limit(layers->effective, policy ? policy->limits : NULL);
	status = load_models(layers);
	if (status)
		return status;
	if (layers->decisions && decisions_apply(layers->decisions, layers->effective) < 0)
		return no_memory();
	return !layers->name || model_id(layers->effective, layers->id) < 0 ? no_memory() : 0;
}

/* ---- the rest ---- */

struct networks *layers_networks(const struct policy *policy)
{
	struct networks *networks = networks_new();
	struct error error = { "" };

	if (networks && policy && policy_name_networks(policy, networks, &error) < 0) {
		networks_free(networks);
		networks = NULL;
	}
	if (networks)
		networks_add_resolvers(networks, "/etc/resolv.conf");
	else
		say("%s", error.text[0] ? error.text : "out of memory");
	return networks;
}

void layers_free(struct layers *layers)
{
	model_free(layers->effective);
	statistics_free(layers->statistics);
	decisions_free(layers->decisions);
	free(layers->name);
}
