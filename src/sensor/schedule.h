/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host does at times, by its own files: systemd's timers and the crontabs. So a model can say what has not happened
 * yet. Read once, at the start.
 */
#ifndef SENSOR_SCHEDULE_H
#define SENSOR_SCHEDULE_H

#include <stdint.h>

/* More than so many are not told. */
#define SCHEDULE_MAX 512

/*
 * `unit` is the service of a timer, or "" for a crontab's entry. `job` is what its context will be called. `period` is about how
 * many seconds lie between two at most; 0 where that can't be told (at boot only, or if the host is so).
 */
typedef void (*schedule_told)(void *owner, const char *unit, const char *job, uint32_t period);

/*
 * Reads below `root` ("" for ours, "/proc/PID/root"), whose owner may be hostile. Of timers those that are wanted by a target;
 * /etc/crontab, /etc/cron.d, /etc/anacrontab and people's crontabs, with what run-parts would find. Where systemd does not run, or
 * cron is not there, its files say nothing. What can't be read or understood is not told.
 */
void schedule_read(const char *root, schedule_told tell, void *owner);

/* The crontabs alone, whether or not there is a cron that reads them. */
void schedule_crontabs(const char *root, schedule_told tell, void *owner);

/* Seconds between two of a systemd calendar expression ("Mon *-*-* 03:00", "weekly"), at most; 0 for what isn't one. */
uint32_t schedule_calendar(const char *text);

/* The same for a time span ("1d 12h", "90"). */
uint32_t schedule_span(const char *text);

/* The same for the first five words of a crontab's line, or "@daily"; *command is what follows them. 0: "@reboot", or none. */
uint32_t schedule_cron(const char *line, const char **command);

#endif
