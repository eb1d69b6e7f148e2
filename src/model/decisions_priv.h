/* SPDX-License-Identifier: Apache-2.0 */
/* What decisions and their text share. */
#ifndef MODEL_DECISIONS_PRIV_H
#define MODEL_DECISIONS_PRIV_H

#include "model/decisions.h"

/* Can the text say it, and be read back? */
bool decision_fits(const struct decision *decision);

/* Order of the text: behaviour, time, kind, who, reason. */
int decision_compare(const struct decision *one, const struct decision *other);

#endif
