/* SPDX-License-Identifier: Apache-2.0 */
/* How a policy is put together; its text and a command line do so alike. */
#ifndef POLICY_POLICY_PRIV_H
#define POLICY_POLICY_PRIV_H

#include "policy/policy.h"

/* Adds a copy. 0 or -ENOMEM. */
int texts_add(struct texts *texts, const char *text);

/* An exception without anything, which the rule owns. NULL when out of memory. */
struct exception *file_rule_add_exception(struct file_rule *rule);

/* Frees what the rule owns. */
void file_rule_clear(struct file_rule *rule);

/* Moves the rule into the policy, also when it fails. 0 or -ENOMEM. */
int policy_add_rule(struct policy *policy, struct file_rule *rule);

/* 0 or -ENOMEM. */
int policy_add_origin(struct policy *policy, enum origin origin, const char *value);

/* 0 or -ENOMEM. */
int policy_add_layer(struct policy *policy, const char *name, size_t line, size_t column);
int policy_add_network(struct policy *policy, const char *name, const char *addresses);

/* Could the value ever hold? 0, or -EINVAL with what is wrong and what to do, to be put after the value. */
int who_check(enum who who, const char *value, struct error *error);
int origin_check(enum origin origin, const char *value, struct error *error);

/* Does it name who acts, so that belonging to a change may excuse them? */
bool exception_says_whose(const struct exception *exception);

#endif
