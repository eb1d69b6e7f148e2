/* SPDX-License-Identifier: Apache-2.0 */
/* What a version of a model is called: by what it says, so that two who have the same name have the same model. */
#ifndef MODEL_VERSION_H
#define MODEL_VERSION_H

#include "model/model.h"

/* "sha256:", 64 hexadecimal digits, and the NUL byte; so many bytes of it are enough to be shown to people. */
#define MODEL_ID_SIZE  (7 + 64 + 1)
#define MODEL_ID_SHOWN (7 + 12)

/* The SHA-256 (FIPS 180-4) of the canonical text, which has no comments. 0 or -ENOMEM. */
int model_id(struct model *model, char out[MODEL_ID_SIZE]);

#endif
