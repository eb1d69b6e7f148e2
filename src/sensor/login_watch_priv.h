/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persons: ties what the authentication log says to the logins that the kernel saw, and tells of logins, of their ends, and of
 * those that failed. A line counts for an sshd that is root's, that had not let anybody in before, and whose connection is the
 * one that the kernel saw arrive.
 */
#ifndef SENSOR_LOGIN_WATCH_PRIV_H
#define SENSOR_LOGIN_WATCH_PRIV_H

#include "sensor/authlog.h"
#include "sensor/process_priv.h"
#include "sensor/sensor.h"
#include "sombrero/event.h"

struct login_watch;
struct sensor;

/* NULL when out of memory. Sets whether the sensor's logins wait for a log. */
struct login_watch *login_watch_new(const struct sensor_options *options, struct sensor *sensor);
void login_watch_free(struct login_watch *watch);

/* What has come in since, and whose time has come. `at_end`: nothing more will come, so nothing is waited for. */
void login_watch_poll(struct sensor *sensor, bool at_end);

/* At the end: half a second is waited for what the log says of logins that have just begun, and no longer. */
void login_watch_settle(struct sensor *sensor);

/* Somebody has connected to `process`. */
void login_watch_accept(struct sensor *sensor, const struct process *process, const struct sombrero_net *net);

/* A process of that login, which may be NULL, has ended at `time_ns`. */
void login_watch_exit(struct login *login, uint64_t time_ns);

/* CLOCK_BOOTTIME, when the log was last read. */
uint64_t login_watch_now(const struct sensor *sensor);

/* Whose pid a log says it is: a log's pids are home's. Of several that had it the youngest; NULL where unknown. */
struct process *login_watch_find(const struct sensor *sensor, uint32_t pid);

/* Failed logins, counted by address, user and service (login_failures.c). NULL when out of memory. */
struct login_failures;
struct login_failures *login_failures_new(void);
void login_failures_free(struct login_failures *failures);

/* A line about an attempt. */
void login_failures_take(struct login_failures *failures, struct sensor *sensor, const struct authlog_entry *entry);

/* Who was let in at last had not failed when asked for keys. */
void login_failures_forget(struct login_failures *failures, struct sensor *sensor, const struct authlog_entry *entry);

/* Each second: what is to be told by now, or at the end all. */
void login_failures_tell(struct login_failures *failures, struct sensor *sensor, uint64_t now, bool at_end);

#endif
