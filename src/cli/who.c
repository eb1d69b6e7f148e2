/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/who.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search {
	uint32_t audit_session;
	struct who *who;
};

static void name_account(uid_t uid, char *out, size_t size)
{
	struct passwd account, *found = NULL;
	char text[4096];

	if (!getpwuid_r(uid, &account, text, sizeof(text), &found) && found)
		(void)snprintf(out, size, "%s", account.pw_name);
	else
		(void)snprintf(out, size, "uid:%u", uid);
}

/* An id of ours that the kernel's audit keeps; EVENT_NO_ID: none. */
static uint32_t read_id(const char *path)
{
	char text[32] = "";
	FILE *file = fopen(path, "re");
	uint32_t id = EVENT_NO_ID;

	if (file && fgets(text, sizeof(text), file))
		id = (uint32_t)strtoul(text, NULL, 10);
	if (file)
		(void)fclose(file);
	return id;
}

static int consider(void *to, const struct state_session *session)
{
	struct search *search = to;

	if (session->audit_session != search->audit_session || !*session->person)
		return 0;
	(void)snprintf(search->who->person, sizeof(search->who->person), "%s", session->person);
	(void)snprintf(search->who->login, sizeof(search->who->login), "%s", session->id);
	return 1;
}

void who_find(struct state *state, struct who *out)
{
	const struct state_session_filter filter = { .open = true };
	struct search search = { .audit_session = read_id("/proc/self/sessionid"), .who = out };
	uint32_t login = read_id("/proc/self/loginuid");
	const char *sudo = getenv("SUDO_USER");

	*out = (struct who) { .person = "" };
	name_account(geteuid(), out->user, sizeof(out->user));
	if (login != EVENT_NO_ID)
		name_account(login, out->person, sizeof(out->person));
	else if (sudo && *sudo)
		(void)snprintf(out->person, sizeof(out->person), "%s", sudo);
	else
		name_account(getuid(), out->person, sizeof(out->person));
	if (state && search.audit_session != EVENT_NO_ID)
		(void)state_sessions(state, &filter, consider, &search);
}
