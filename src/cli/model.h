/* SPDX-License-Identifier: Apache-2.0 */
/* The commands below `sombrero model`, one file each, and what they share. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "cli/command.h"
#include "model/decisions.h"
#include "model/model.h"
#include "model/network.h"

extern const struct command command_model_accept, command_model_forbid, command_model_revoke;
extern const struct command command_model_export, command_model_import, command_model_merge;
extern const struct command command_model_diff, command_model_show, command_model_stats, command_model_suggest,
	command_model_test;

/* Loads a model. 0, or an exit status after having said what is wrong. */
int model_argument(const char *path, struct model **out);

/* Adds a file of decisions. 0, or an exit status after having said what is wrong. */
int model_decisions(const char *path, struct decisions *into);

/* NAME=ADDRESSES, a network that a user names. 0, or EXIT_USAGE after having said what is wrong. */
int model_network(const struct command *command, struct networks *networks, const char *argument);

/* Prints to standard output, and frees the buffer. EXIT_CLEAN, or EXIT_FAILED after having said why. */
int model_output(struct buffer *out);

#endif
