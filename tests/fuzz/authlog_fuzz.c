/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an authentication log, as a file has them and as the journal's JSON: entries within their limits. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/authlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define ENDS(array) memchr(array, '\0', sizeof(array))

static void check_entry(const struct authlog_entry *entry)
{
	CHECK(entry->kind > AUTHLOG_NONE && entry->kind <= AUTHLOG_REFUSED);
	CHECK(entry->attempts);
	CHECK(!entry->family || entry->family == AF_INET || entry->family == AF_INET6);
	CHECK(ENDS(entry->service) && entry->service[0] && ENDS(entry->user) && ENDS(entry->method));
	CHECK(ENDS(entry->key) && ENDS(entry->certificate) && ENDS(entry->tty));
	CHECK(!entry->key[0] || !strncmp(entry->key, "SHA256:", 7));
}

static void check_message(const char *text, size_t size)
{
	static const char *const programs[] = { "sshd", "sshd-session", "login", "su", "sudo", "su(pam_unix)", "(" };
	struct authlog_entry entry;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (authlog_parse_message(programs[i], 1, text, size, &entry))
			check_entry(&entry);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct authlog_entry entry;
	uint64_t time_ns;
	char *text = malloc(size ? size : 1); /* not ended: a sanitizer sees what is read behind it */

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	if (authlog_parse_line(text, size, &entry))
		check_entry(&entry);
	if (authlog_parse_journal(text, size, &entry, &time_ns))
		check_entry(&entry);
	check_message(text, size);
	free(text);
	return 0;
}
