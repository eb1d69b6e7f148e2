/* SPDX-License-Identifier: Apache-2.0 */
/* What the baseline keeps of a file, as a damaged disk may give it back: what is taken comes back the same after it was packed again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "state/facts_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char target[FACTS_TARGET_MAX + 1];
	uint8_t packed[FACTS_MAX];
	struct baseline_file file, again;
	size_t target_size, again_size;
	const uint8_t *at = facts_unpack(data, size, &file, &target_size);

	if (!at)
		return 0;
	if (target_size > FACTS_TARGET_MAX || at + target_size != data + size)
		abort();
	memcpy(target, at, target_size);
	target[target_size] = '\0';
	file.target = target;
	if (facts_pack(&file, packed) != size)
		abort();
	at = facts_unpack(packed, size, &again, &again_size);
	if (!at || again_size != target_size || memcmp(at, target, target_size) != 0)
		abort();
	if (again.type != file.type || again.mode != file.mode || again.inode != file.inode ||
	    again.ctime_ns != file.ctime_ns)
		abort();
	if (file.has_sha256 && memcmp(again.sha256, file.sha256, sizeof(file.sha256)) != 0)
		abort();
	return 0;
}
