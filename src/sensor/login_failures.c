/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "sensor/sensor_priv.h"

#define SECOND_NS UINT64_C(1000000000)
/* Those who are about to log in. sshd gives them two minutes. */
#define ATTEMPTS_MAX 512
#define ATTEMPT_NS   (150 * SECOND_NS)
/* Addresses and users for which failures are counted. */
#define FAILURES_MAX    512
#define FAILURE_TELL_NS SECOND_NS

/* What came of one process's attempts so far. */
struct attempt {
	uint64_t last_ns; /* 0: free */
	bool is_counted;
	struct authlog_entry entry; /* counts if nothing else does; `attempts` 0: there is none */
};

struct failure {
	uint64_t told_ns; /* 0: free */
	uint64_t untold;
	struct authlog_entry entry;
};

struct login_failures {
	struct attempt attempt[ATTEMPTS_MAX];
	struct failure failure[FAILURES_MAX];
};

static void tell_failure(struct sensor *sensor, struct failure *failure, uint64_t now)
{
	const struct authlog_entry *entry = &failure->entry;
	struct process *process = login_watch_find(sensor, entry->pid);
	struct event event;

	if (process) {
		sensor_describe(sensor, process, EVENT_LOGIN_FAILED, now, &event);
	} else {
		event_init(&event, EVENT_LOGIN_FAILED);
		event.time_ns = now + sensor->clock_offset_ns;
		event.host = sensor->host;
	}
	event.login_user = entry->user;
	if (!event.login[0]) /* su in a session is tried by whose it is */
		event.person = entry->user;
	event.login_service = entry->service;
	event.login_method = entry->method;
	event.key = entry->key;
	event.certificate = entry->certificate;
	event.family = entry->family;
	event.remote_port = entry->port;
	memcpy(event.remote_address, entry->address, sizeof(event.remote_address));
	if (entry->tty[0])
		event.tty = entry->tty;
	event.attempts = failure->untold;
	failure->untold = 0;
	failure->told_ns = now;
	sensor_emit(sensor, process, &event);
}

static bool is_same_failure(const struct authlog_entry *one, const struct authlog_entry *other)
{
	return one->family == other->family && !memcmp(one->address, other->address, sizeof(one->address)) &&
	       !strcmp(one->user, other->user) && !strcmp(one->service, other->service);
}

/* That of the entry; else a free one, or the one that was told of longest ago, of which all is said first. */
static struct failure *failure_of(struct login_failures *failures, struct sensor *sensor,
				  const struct authlog_entry *entry, uint64_t now)
{
	struct failure *oldest = &failures->failure[0];

	for (size_t i = 0; i < FAILURES_MAX; i++) {
		struct failure *failure = &failures->failure[i];

		if (failure->told_ns && is_same_failure(&failure->entry, entry))
			return failure;
		if (failure->told_ns < oldest->told_ns)
			oldest = failure;
	}
	if (oldest->untold)
		tell_failure(sensor, oldest, now);
	*oldest = (struct failure) { 0 };
	return oldest;
}

static void count_failure(struct login_failures *failures, struct sensor *sensor, const struct authlog_entry *entry)
{
	uint64_t now = login_watch_now(sensor);
	struct failure *failure = failure_of(failures, sensor, entry, now);

	failure->entry = *entry;
	failure->untold += entry->attempts;
	if (!failure->told_ns || now - failure->told_ns >= FAILURE_TELL_NS)
		tell_failure(sensor, failure, now);
}

static void tell_failures(struct login_failures *failures, struct sensor *sensor, uint64_t now, bool at_end)
{
	for (size_t i = 0; i < FAILURES_MAX; i++) {
		struct failure *failure = &failures->failure[i];

		if (failure->untold && (at_end || now - failure->told_ns >= FAILURE_TELL_NS))
			tell_failure(sensor, failure, now);
	}
}

static void end_attempt(struct login_failures *failures, struct sensor *sensor, struct attempt *attempt)
{
	if (!attempt->is_counted && attempt->entry.attempts)
		count_failure(failures, sensor, &attempt->entry);
	*attempt = (struct attempt) { 0 };
}

static struct attempt *attempt_of(struct login_failures *failures, struct sensor *sensor,
				  const struct authlog_entry *entry)
{
	struct attempt *oldest = &failures->attempt[0];

	for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
		struct attempt *attempt = &failures->attempt[i];

		if (attempt->last_ns && attempt->entry.pid == entry->pid &&
		    !strcmp(attempt->entry.service, entry->service) && attempt->entry.port == entry->port)
			return attempt;
		if (attempt->last_ns < oldest->last_ns)
			oldest = attempt;
	}
	end_attempt(failures, sensor, oldest);
	oldest->entry = *entry;
	oldest->entry.attempts = 0;
	return oldest;
}

/* Several lines tell of one attempt: no such user, then a wrong password, then the end. Each attempt counts once. */
void login_failures_take(struct login_failures *failures, struct sensor *sensor, const struct authlog_entry *entry)
{
	struct attempt *attempt = attempt_of(failures, sensor, entry);

	attempt->last_ns = login_watch_now(sensor);
	if (entry->kind == AUTHLOG_FAILED) {
		attempt->is_counted = true;
		count_failure(failures, sensor, entry);
	} else if (entry->kind == AUTHLOG_PROBED) {
		attempt->entry = *entry;
	} else if (!attempt->is_counted) {
		attempt->is_counted = true;
		count_failure(failures, sensor, attempt->entry.attempts ? &attempt->entry : entry);
	}
}

void login_failures_forget(struct login_failures *failures, struct sensor *sensor, const struct authlog_entry *entry)
{
	struct attempt *attempt = attempt_of(failures, sensor, entry);

	*attempt = (struct attempt) { 0 };
}

static void end_attempts(struct login_failures *failures, struct sensor *sensor, uint64_t now, bool at_end)
{
	for (size_t i = 0; i < ATTEMPTS_MAX; i++) {
		struct attempt *attempt = &failures->attempt[i];

		if (attempt->last_ns && (at_end || now - attempt->last_ns >= ATTEMPT_NS))
			end_attempt(failures, sensor, attempt);
	}
}

void login_failures_tell(struct login_failures *failures, struct sensor *sensor, uint64_t now, bool at_end)
{
	end_attempts(failures, sensor, now, at_end);
	tell_failures(failures, sensor, now, at_end);
}

struct login_failures *login_failures_new(void)
{
	return calloc(1, sizeof(struct login_failures));
}

void login_failures_free(struct login_failures *failures)
{
	free(failures);
}
