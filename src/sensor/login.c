/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/login_priv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "sensor/process_priv.h"

void login_release(struct login *login)
{
	if (!login || --login->references)
		return;
	free(login->key_of_session);
	free(login->user);
	free(login->service);
	free(login->method);
	free(login->key);
	free(login->certificate);
	free(login);
}

void login_set(char **text, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return;
	free(*text);
	*text = copy;
}

/* So that a login has another id after the next boot. */
static void read_boot_id(char out[40])
{
	int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? 0 : read(file, out, 39);

	out[size > 0 ? size : 0] = '\0';
	if (file >= 0)
		(void)close(file);
}

void logins_init(struct logins *logins)
{
	*logins = (struct logins) { 0 };
	read_boot_id(logins->boot_id);
}

void logins_free(struct logins *logins)
{
	for (size_t i = 0; i < logins->count; i++)
		login_release(logins->all[i]);
	free(logins->all);
	*logins = (struct logins) { 0 };
}

/* FNV-1a: the same in each process, unlike hash_bytes(). */
static uint64_t add_to_id(uint64_t id, const char *text)
{
	for (; *text; text++)
		id = (id ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return id;
}

/* `again`: so many of that key have ended. */
static void set_id(const struct logins *logins, struct login *login, uint32_t home, unsigned again)
{
	char name[32];
	uint64_t id = UINT64_C(0xcbf29ce484222325);

	(void)snprintf(name, sizeof(name), " %" PRIu32 " %u ", home, again);
	id = add_to_id(add_to_id(add_to_id(id, logins->boot_id), name), login->key_of_session);
	(void)snprintf(login->id, sizeof(login->id), "%016" PRIx64, hash_u64(id));
}

static bool is_complete(const struct login *login)
{
	return login->key_of_session && login->user && login->service && login->method && login->key &&
	       login->certificate;
}

static struct login *login_new(const char *key, const char *user, const char *service)
{
	struct login *login = calloc(1, sizeof(*login));

	if (!login)
		return NULL;
	login->references = 1;
	login->key_of_session = strdup(key);
	login->user = strdup(user);
	login->service = strdup(service);
	login->method = strdup("");
	login->key = strdup("");
	login->certificate = strdup("");
	if (!is_complete(login)) {
		login_release(login);
		return NULL;
	}
	return login;
}

/* Takes another reference. */
static bool keep(struct logins *logins, struct login *login)
{
	if (logins->count == logins->capacity) {
		size_t capacity = logins->capacity ? logins->capacity * 2 : 16;
		struct login **all = realloc(logins->all, capacity * sizeof(struct login *));

		if (!all)
			return false;
		logins->all = all;
		logins->capacity = capacity;
	}
	logins->all[logins->count++] = login;
	login->references++;
	return true;
}

struct login *logins_get(struct logins *logins, uint32_t home, const char *key, const char *user, const char *service)
{
	struct login *login;
	unsigned again = 0;

	for (size_t i = 0; i < logins->count; i++) {
		login = logins->all[i];
		if (strcmp(login->key_of_session, key) != 0)
			continue;
		if (!login->is_end_told) {
			login->references++;
			return login;
		}
		again++;
	}
	login = login_new(key, user, service);
	if (login)
		set_id(logins, login, home, again);
	if (login && !keep(logins, login)) {
		login_release(login);
		login = NULL;
	}
	return login;
}

void logins_count_file(struct logins *logins, const char *id)
{
	for (size_t i = 0; id[0] && i < logins->count; i++) {
		if (!strcmp(logins->all[i]->id, id))
			logins->all[i]->files++;
	}
}

/* Nobody will ever ask for it again, and what is to be said of it was said. */
static bool is_over(const struct login *login)
{
	return login->references == 1 && login->is_end_told;
}

void logins_sweep(struct logins *logins)
{
	size_t kept = 0;

	for (size_t i = 0; i < logins->count; i++) {
		if (is_over(logins->all[i]))
			login_release(logins->all[i]);
		else
			logins->all[kept++] = logins->all[i];
	}
	logins->count = kept;
}

const char *login_person(const struct login *login)
{
	if (login->certificate[0])
		return login->certificate;
	if (login->key[0])
		return login->key;
	return login->has_no_person ? "" : login->user;
}

bool login_is_settled(const struct process *process)
{
	return !process->login || process->login->is_settled;
}
