/* SPDX-License-Identifier: Apache-2.0 */
#include "model/version.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/evp.h>

int model_id(struct model *model, char out[MODEL_ID_SIZE])
{
	struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
	unsigned char digest[EVP_MAX_MD_SIZE];
	int status = model_print(model, &text);
	unsigned size = 0;

	if (!status && EVP_Digest(text.data, text.size, digest, &size, EVP_sha256(), NULL) != 1)
		status = -ENOMEM;
	buffer_free(&text);
	if (status)
		return status;
	out += snprintf(out, MODEL_ID_SIZE, "sha256:");
	for (unsigned i = 0; i < size; i++)
		out += snprintf(out, 3, "%02x", digest[i]);
	return 0;
}
