/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command judges by: the models that a policy includes and those on the command line, as production is called by the
 * policy's mapping, with what was accepted and without what was forbidden.
 */
#ifndef CLI_LAYERS_H
#define CLI_LAYERS_H

#include "cli/source.h"
#include "model/decisions.h"
#include "model/statistics.h"
#include "model/version.h"
#include "policy/policy.h"

struct layers {
	const char *model[SOURCE_LIST_MAX], *decisions_path; /* of the command line */
	size_t model_count;

	const struct policy *policy;   /* borrowed; NULL: none */
	struct model *effective;       /* owned, as all below; NULL: no model was named */
	struct statistics *statistics; /* of what the models were learned from; NULL: no model was named */
	struct decisions *decisions;   /* NULL: none */
	char *name;                    /* of the model that a new line belongs into */
	char id[MODEL_ID_SIZE];
};

#define LAYERS_OPTIONS                                    \
	{ "model", required_argument, NULL, 'm' },        \
	{                                                 \
		"decisions", required_argument, NULL, 'd' \
	}

#define LAYERS_DECISIONS_HELP \
	"  -d, --decisions FILE what was accepted and forbidden (`sombrero model accept`, `forbid`)\n"

/* Takes -m and -d: true, with *status 0 or EXIT_USAGE. */
bool layers_option(struct layers *layers, const struct command *command, int option, const char *argument, int *status);

/* Loads the decisions, the policy's and those of the command line. 0, or an exit status after having said why. */
int layers_load_decisions(struct layers *layers, const struct policy *policy);

/* Loads all, and puts it together. 0, or an exit status after having said why. */
int layers_load(struct layers *layers, const struct policy *policy);

/* The built-in networks, the policy's, and this host's resolvers. NULL after having said why. */
struct networks *layers_networks(const struct policy *policy);

/* Is it forbidden, as it was seen or as it is called in production? */
bool layers_forbid(const struct layers *layers, const struct behaviour *behaviour);

void layers_free(struct layers *layers);

#endif
