/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/authlog_source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sensor/rooted.h"

#define JOURNALCTL "/usr/bin/journalctl"
/* Who is logged in already was let in among the last of these. */
#define OLD_LINES "1000"
#define OLD_BYTES (256 * 1024)
/* An entry of the journal is some ten times its message, where that is no text. */
#define BUFFER_SIZE (64 * 1024)
/* A journalctl that ended, or a file that was rotated, is looked for so often. */
#define LOOK_SECONDS 1

struct authlog_source {
	char *name; /* owned; NULL: the journal */
	char root[64];
	int file;          /* the log, or what journalctl writes; -1 while there is none */
	pid_t journalctl;  /* 0: none */
	bool reads_old;    /* the journalctl ends by itself */
	uint64_t since_ns; /* of the journal: what came later is news */
	off_t old_end;     /* of a file: what lies before was there already */
	off_t offset;      /* of a file: of the first byte of the buffer */
	time_t looked;     /* CLOCK_MONOTONIC */
	uint64_t lost;
	size_t size;
	bool skips; /* a line was too long, and hasn't ended yet */
	char buffer[BUFFER_SIZE];
};

static time_t monotonic_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static uint64_t real_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- the journal ---- */

/* The child's: never returns. */
static void become_journalctl(const char **arguments, int output)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(nothing, STDERR_FILENO) >= 0)
		(void)execv(JOURNALCTL, (char *const *)(void *)arguments);
	_exit(127);
}

static int start_journalctl(struct authlog_source *source, const char **arguments)
{
	int pipes[2];
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (!child)
		become_journalctl(arguments, pipes[1]);
	(void)close(pipes[1]);
	if (child < 0) {
		(void)close(pipes[0]);
		return -EAGAIN;
	}
	source->journalctl = child;
	source->file = pipes[0];
	return fcntl(pipes[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/*
 * At first who was let in already, then what comes, from a moment on: to follow from the last entries (-n) loses some that are
 * written while journalctl begins.
 */
static int read_journal(struct authlog_source *source, bool is_old)
{
	char root[80], since[48];
	const char *arguments[] = {
		JOURNALCTL,
		"-q",
		"-o",
		"json",
		"--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_PID,_UID,_COMM,_EXE",
		source->root[0] ? root : "--no-pager",
		is_old ? "-n" OLD_LINES : "-f",
		is_old ? "--grep=^Accepted " : since,
		is_old ? "--case-sensitive" : "--no-tail",
		"SYSLOG_FACILITY=4",
		"SYSLOG_FACILITY=10",
		"+",
		"_COMM=sshd",
		"_COMM=sshd-session",
		NULL,
	};

	(void)snprintf(root, sizeof(root), "--root=%s", source->root);
	(void)snprintf(since, sizeof(since), "--since=@%llu.%06llu",
		       (unsigned long long)(source->since_ns / UINT64_C(1000000000)),
		       (unsigned long long)(source->since_ns / 1000 % 1000000));
	source->reads_old = is_old;
	return start_journalctl(source, arguments);
}

static void stop_journalctl(struct authlog_source *source)
{
	if (!source->journalctl)
		return;
	(void)kill(source->journalctl, SIGKILL);
	while (waitpid(source->journalctl, NULL, 0) < 0 && errno == EINTR)
		;
	source->journalctl = 0;
}

/* ---- a file ---- */

static int open_log(struct authlog_source *source, struct stat *status)
{
	int root = rooted_open_root(source->root), file;

	if (root < 0)
		return root;
	file = rooted_open_file(root, source->name, status);
	(void)close(root);
	return file;
}

static int open_file(struct authlog_source *source)
{
	struct stat status;

	source->file = open_log(source, &status);
	if (source->file < 0)
		return source->file;
	source->old_end = status.st_size;
	source->offset = status.st_size > OLD_BYTES ? status.st_size - OLD_BYTES : 0;
	source->skips = source->offset > 0; /* from the middle of a line */
	return lseek(source->file, source->offset, SEEK_SET) < 0 ? -errno : 0;
}

static void begin_again(struct authlog_source *source)
{
	source->old_end = source->offset = 0;
	source->size = 0;
	source->skips = false;
}

/* The file was emptied, or another is in its place: that one is read from its beginning. */
static void look_for_rotation(struct authlog_source *source)
{
	struct stat ours, now;
	int file = open_log(source, &now);

	if (file < 0)
		return;
	if (fstat(source->file, &ours) < 0 || ours.st_ino != now.st_ino || ours.st_dev != now.st_dev) {
		(void)close(source->file);
		source->file = file;
		begin_again(source);
		return;
	}
	(void)close(file);
	if (now.st_size < source->offset && !lseek(source->file, 0, SEEK_SET))
		begin_again(source);
}

/* ---- both ---- */

static bool is_there(const char *root, const char *path)
{
	int directory = rooted_open_root(root), place = directory < 0 ? -1 : rooted_open(directory, path, O_PATH);

	if (directory >= 0)
		(void)close(directory);
	if (place >= 0)
		(void)close(place);
	return place >= 0;
}

/* NULL: nothing. */
static const char *choose(const char *root)
{
	static const char *const files[] = { "/var/log/auth.log", "/var/log/secure", "/var/log/messages" };

	if (is_there(root, "/run/systemd/journal/socket") && !access(JOURNALCTL, X_OK))
		return "journal";
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (is_there(root, files[i]))
			return files[i];
	}
	return NULL;
}

static int source_new(const char *name, const char *root, struct authlog_source **out)
{
	struct authlog_source *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	*out = source;
	source->file = -1;
	source->since_ns = real_ns();
	(void)snprintf(source->root, sizeof(source->root), "%s", root);
	if (!strcmp(name, "journal"))
		return read_journal(source, true);
	source->name = strdup(name);
	return source->name ? open_file(source) : -ENOMEM;
}

int authlog_source_open(const char *name, const char *root, struct authlog_source **out)
{
	struct authlog_source *source = NULL;
	int status;

	if (!name)
		name = choose(root);
	if (!name)
		return -ENOENT;
	status = source_new(name, root, &source);
	if (status < 0)
		authlog_source_close(source);
	else
		*out = source;
	return status;
}

static void take_line(struct authlog_source *source, const char *line, size_t size, authlog_visitor visit, void *owner)
{
	struct authlog_origin origin = { .is_trusted = !source->name };
	struct authlog_entry entry;
	bool found;

	if (source->name) {
		origin.is_old = source->offset + (line - source->buffer) < source->old_end;
		found = authlog_parse_line(line, size, &entry);
	} else {
		found = authlog_parse_journal(line, size, &entry, &origin.time_ns);
		origin.is_old = source->reads_old;
		if (!source->reads_old && origin.time_ns >= source->since_ns)
			source->since_ns = origin.time_ns + 1000;
	}
	if (found)
		visit(owner, &entry, &origin);
}

/* Whole lines out of the buffer. */
static void take_lines(struct authlog_source *source, authlog_visitor visit, void *owner)
{
	char *line = source->buffer, *end = source->buffer + source->size, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		if (!source->skips)
			take_line(source, line, (size_t)(newline - line), visit, owner);
		source->skips = false;
		line = newline + 1;
	}
	if (line == source->buffer && source->size == sizeof(source->buffer)) {
		source->lost += !source->skips;
		source->skips = true;
		line = end;
	}
	source->size = (size_t)(end - line);
	source->offset += line - source->buffer;
	memmove(source->buffer, line, source->size);
}

/* Where it ended: a file may have been rotated, a journalctl killed. */
static void look_again(struct authlog_source *source)
{
	time_t now = monotonic_seconds();

	if (!source->reads_old && now - source->looked < LOOK_SECONDS)
		return;
	source->looked = now;
	if (source->name) {
		look_for_rotation(source);
		return;
	}
	stop_journalctl(source);
	if (source->file >= 0)
		(void)close(source->file);
	source->file = -1;
	source->size = 0;
	(void)read_journal(source, false);
}

uint64_t authlog_source_read(struct authlog_source *source, authlog_visitor visit, void *owner)
{
	ssize_t size = source->file < 0 ? 0
					: read(source->file, source->buffer + source->size,
					       sizeof(source->buffer) - source->size);
	uint64_t lost;

	if (size > 0) {
		source->size += (size_t)size;
		take_lines(source, visit, owner);
	} else if (size == 0) {
		look_again(source);
	}
	lost = source->lost;
	source->lost = 0;
	return lost;
}

void authlog_source_close(struct authlog_source *source)
{
	if (!source)
		return;
	stop_journalctl(source);
	if (source->file >= 0)
		(void)close(source->file);
	free(source->name);
	free(source);
}
