/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/schedule.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/read.h"
#include "event/program.h"
#include "sensor/rooted.h"
#include "sensor/unit.h"

#define FILE_MAX      (256 * 1024)
#define UNIT_NAME_MAX 256
#define FULL_PATH_MAX 1024
#define LISTED_MAX    1024
#define WORDS_MAX     16

#define MINUTE 60U
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)
#define MONTH  (31 * DAY)
#define YEAR   (366 * DAY)

struct reading {
	int root;
	const char *root_path;
	schedule_told tell;
	void *owner;
	unsigned told;
	uint32_t period; /* of the run-parts whose directory is being listed */
};

static void tell(struct reading *reading, const char *unit, const char *job, uint32_t period)
{
	if (!job[0] || strpbrk(job, "/\"'$`") || reading->told == SCHEDULE_MAX)
		return;
	reading->told++;
	reading->tell(reading->owner, unit, job, period);
}

static bool is_there(const struct reading *reading, const char *path)
{
	int file = rooted_open(reading->root, path, O_PATH);

	if (file >= 0)
		(void)close(file);
	return file >= 0;
}

/* ---- times ---- */

struct word_period {
	const char *word;
	uint32_t period;
};

static uint32_t look_up(const struct word_period *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(words[i].word, word) == 0)
			return words[i].period;
	}
	return 0;
}

static bool is_wild(const char *field)
{
	return field[0] == '*';
}

/* "0/15", "*" + "/2": the step, or 0. */
static uint32_t step_of(const char *field)
{
	const char *slash = strchr(field, '/');
	unsigned long step = slash ? strtoul(slash + 1, NULL, 10) : 0;

	return step <= 60 ? (uint32_t)step : 0;
}

/* How often a field's values come, `unit` seconds apart, within what is `whole` seconds long. */
static uint32_t field_period(const char *field, uint32_t unit, uint32_t whole)
{
	uint32_t step = step_of(field);

	if (step)
		return step * unit < whole ? step * unit : whole;
	return is_wild(field) ? unit : whole;
}

/* HOUR:MINUTE[:SECOND]: a change in what is longest tells. */
static uint32_t clock_period(const char *text)
{
	char hours[64], *minutes;

	(void)snprintf(hours, sizeof(hours), "%s", text);
	minutes = strchr(hours, ':');
	if (!minutes)
		return 0;
	*minutes++ = '\0';
	minutes[strcspn(minutes, ":")] = '\0';
	if (!is_wild(hours) && !step_of(hours))
		return DAY;
	if (step_of(hours))
		return field_period(hours, HOUR, DAY);
	return field_period(minutes, MINUTE, HOUR);
}

/* YEAR-MONTH-DAY or MONTH-DAY. */
static uint32_t date_period(const char *text)
{
	const char *day = strrchr(text, '-'), *month = day;

	if (!day)
		return 0;
	while (month > text && month[-1] != '-')
		month--;
	if (is_wild(day + 1))
		return DAY;
	return is_wild(month) ? MONTH : YEAR;
}

/* Mon, Mon..Fri, Mon,Thu: the longest time between two is a week for one day, and at most that for several. */
static bool is_weekday(const char *word)
{
	static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

	for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
		if (strncasecmp(word, days[i], 3) == 0)
			return true;
	}
	return false;
}

uint32_t schedule_calendar(const char *text)
{
	static const struct word_period words[] = {
		{ "minutely", MINUTE }, { "hourly", HOUR },   { "daily", DAY },
		{ "weekly", WEEK },     { "monthly", MONTH }, { "quarterly", 3 * MONTH },
		{ "yearly", YEAR },     { "annually", YEAR }, { "semiannually", 6 * MONTH },
	};
	char copy[256], *rest = NULL;
	uint32_t clock = 0, date = 0;
	bool weekdays = false;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		uint32_t period = look_up(words, sizeof(words) / sizeof(*words), word);

		if (period)
			return period;
		if (strchr(word, ':'))
			clock = clock_period(word);
		else if (is_weekday(word))
			weekdays = true;
		else if (strchr(word, '-'))
			date = date_period(word);
	}
	if (date > DAY)
		return date;
	if (weekdays)
		return WEEK;
	return clock ? clock : date;
}

uint32_t schedule_span(const char *text)
{
	static const struct word_period units[] = {
		{ "", 1 },           { "s", 1 },        { "sec", 1 },         { "second", 1 },       { "seconds", 1 },
		{ "m", MINUTE },     { "min", MINUTE }, { "minute", MINUTE }, { "minutes", MINUTE }, { "h", HOUR },
		{ "hr", HOUR },      { "hour", HOUR },  { "hours", HOUR },    { "d", DAY },          { "day", DAY },
		{ "days", DAY },     { "w", WEEK },     { "week", WEEK },     { "weeks", WEEK },     { "month", MONTH },
		{ "months", MONTH }, { "y", YEAR },     { "year", YEAR },     { "years", YEAR },
	};
	uint64_t sum = 0;

	while (*text) {
		char unit[16] = "", *end;
		unsigned long number = strtoul(text, &end, 10);
		size_t letters;

		if (end == text)
			return 0;
		end += strspn(end, " \t");
		letters = strspn(end, "abcdefghijklmnopqrstuvwxyz");
		(void)snprintf(unit, sizeof(unit), "%.*s", (int)letters, end);
		sum += (uint64_t)(number < YEAR ? number : YEAR) * look_up(units, sizeof(units) / sizeof(*units), unit);
		text = end + letters;
		text += strspn(text, " \t");
	}
	return sum < 10ULL * YEAR ? (uint32_t)sum : 0;
}

/* ---- timers ---- */

struct timer {
	char service[UNIT_NAME_MAX];
	uint32_t period;
};

static void apply(struct timer *timer, const char *key, const char *value)
{
	uint32_t period = 0;

	if (strcmp(key, "Unit") == 0)
		(void)snprintf(timer->service, sizeof(timer->service), "%s", value);
	else if (strcmp(key, "OnCalendar") == 0)
		period = schedule_calendar(value);
	else if (strcmp(key, "OnUnitActiveSec") == 0 || strcmp(key, "OnUnitInactiveSec") == 0)
		period = schedule_span(value);
	/* Of several, the one that comes most often. */
	if (period && (!timer->period || period < timer->period))
		timer->period = period;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

static void read_timer(char *text, struct timer *timer)
{
	bool in_section = false;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *equals = strchr(line, '=');

		line = trim(line);
		if (line[0] == '[') {
			in_section = strcmp(line, "[Timer]") == 0;
		} else if (in_section && equals && line[0] != '#' && line[0] != ';') {
			*equals = '\0';
			apply(timer, trim(line), trim(equals + 1));
		}
	}
}

static void take_timer(struct reading *reading, const char *name)
{
	struct buffer text = BUFFER_INIT(FILE_MAX + 1);
	struct timer timer = { "", 0 };
	const char *dot = strrchr(name, '.');
	struct unit_facts facts;

	if (!dot || strcmp(dot, ".timer") != 0 || strlen(name) >= UNIT_NAME_MAX - 8)
		return;
	(void)snprintf(timer.service, sizeof(timer.service), "%.*s.service", (int)(dot - name), name);
	if (unit_text(reading->root, name, &text) == 0 && text.size) {
		read_timer(text.data, &timer);
		unit_read(reading->root_path, timer.service, &facts);
		dot = strrchr(timer.service, '.');
		if (facts.found && dot && !facts.main_program[0])
			(void)snprintf(facts.main_program, sizeof(facts.main_program), "%.*s",
				       (int)(dot - timer.service), timer.service);
		if (facts.found)
			tell(reading, timer.service, facts.main_program, timer.period);
	}
	buffer_free(&text);
}

/* Calls `take` for each name in the directory. */
static void each_name(struct reading *reading, const char *path,
		      void (*take)(struct reading *reading, const char *directory, const char *name))
{
	DIR *directory = rooted_open_directory(reading->root, path);
	struct dirent *entry;

	if (!directory)
		return;
	for (unsigned listed = 0; listed < LISTED_MAX && (entry = readdir(directory)); listed++) {
		if (entry->d_name[0] != '.')
			take(reading, path, entry->d_name);
	}
	(void)closedir(directory);
}

static void take_wanted(struct reading *reading, const char *directory, const char *name)
{
	(void)directory;
	take_timer(reading, name);
}

static void read_timers(struct reading *reading)
{
	static const char *const wants[] = {
		"/etc/systemd/system/timers.target.wants",
		"/run/systemd/generator/timers.target.wants",
		"/usr/lib/systemd/system/timers.target.wants",
		"/lib/systemd/system/timers.target.wants",
	};

	for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++)
		each_name(reading, wants[i], take_wanted);
}

/* ---- crontabs ---- */

static uint32_t fields_period(char field[5][64])
{
	if (!is_wild(field[4]))
		return WEEK;
	if (!is_wild(field[3]))
		return YEAR;
	if (!is_wild(field[2]))
		return MONTH;
	if (!is_wild(field[1]) && !step_of(field[1]))
		return DAY;
	if (step_of(field[1]))
		return field_period(field[1], HOUR, DAY);
	return field_period(field[0], MINUTE, HOUR);
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

uint32_t schedule_cron(const char *line, const char **command)
{
	static const struct word_period names[] = {
		{ "@hourly", HOUR },   { "@daily", DAY },   { "@midnight", DAY },  { "@weekly", WEEK },
		{ "@monthly", MONTH }, { "@yearly", YEAR }, { "@annually", YEAR },
	};
	char field[5][64];
	unsigned count = line[0] == '@' ? 1 : 5;

	for (unsigned i = 0; i < count; i++) {
		size_t size = strcspn(line, " \t");

		if (!size || size >= sizeof(field[i]) || (count == 5 && !strchr("*0123456789", line[0]) && i < 3)) {
			*command = "";
			return 0;
		}
		memcpy(field[i], line, size);
		field[i][size] = '\0';
		line = skip_blanks(line + size);
	}
	*command = line;
	return count == 1 ? look_up(names, sizeof(names) / sizeof(*names), field[0]) : fields_period(field);
}

/* ---- commands ---- */

struct command {
	char *word[WORDS_MAX];
	unsigned count;
};

/* What the shell does itself, and so is no program. */
static bool is_builtin(const char *word)
{
	static const char *const builtins[] = { "cd",   "exec", "export", "set",  "umask", ".",  "source", "ulimit",
						"{",    "(",    "then",   "true", ":",     "}",  ")",      "fi",
						"else", "elif", "do",     "done", "while", "for" };

	for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++) {
		if (strcmp(word, builtins[i]) == 0)
			return true;
	}
	return false;
}

static bool is_assignment(const char *word)
{
	size_t name = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	return name && word[name] == '=';
}

/* The length of a word; the `&` of `2>&1` is no separator. */
static size_t word_size(const char *text)
{
	size_t size = strcspn(text, " \t;|&");

	while (size && text[size] == '&' && text[size - 1] == '>')
		size += 1 + strcspn(text + size + 1, " \t;|&");
	return size;
}

/* Takes the words up to a separator of the shell off *text; what separates, or '\0' at the end. '2' stands for "&&", '1' for "||". */
static char next_command(char **text, struct command *out)
{
	char *at = *text;

	out->count = 0;
	for (;;) {
		size_t size;

		at += strspn(at, " \t");
		if (!*at || strchr(";|&", *at)) {
			char kind = *at;

			if (*at && at[1] == *at) {
				kind = *at == '&' ? '2' : '1';
				*at++ = '\0';
			}
			if (*at)
				*at++ = '\0';
			*text = at;
			return kind;
		}
		size = word_size(at);
		if (out->count < WORDS_MAX)
			out->word[out->count++] = at;
		at += size;
		if (*at == ' ' || *at == '\t')
			*at++ = '\0';
	}
}

/* `test -x PATH` and `[ -x PATH ]`: does it hold, for a file below the root? -1: can't be told. */
static int judge_test(const struct reading *reading, const struct command *command)
{
	bool brackets = command->count == 4 && strcmp(command->word[0], "[") == 0 && strcmp(command->word[3], "]") == 0;

	if (!brackets && (command->count != 3 || strcmp(command->word[0], "test") != 0))
		return -1;
	if (strlen(command->word[1]) != 2 || command->word[1][0] != '-' || !strchr("defrsx", command->word[1][1]))
		return -1;
	return is_there(reading, command->word[2]);
}

static bool is_test(const struct command *command)
{
	return command->count && (strcmp(command->word[0], "test") == 0 || command->word[0][0] == '[' ||
				  strcmp(command->word[0], "command") == 0 || strcmp(command->word[0], "if") == 0 ||
				  strcmp(command->word[0], "which") == 0);
}

/* What a wrapper passes on to: after its options and numbers (nice -n 5, timeout 10m), and of flock the lock's file. */
static unsigned after_wrapper(const struct command *command, unsigned at)
{
	const char *slash = strrchr(command->word[at], '/');
	bool takes_file = strcmp(slash ? slash + 1 : command->word[at], "flock") == 0;

	for (at++; at < command->count; at++) {
		const char *word = command->word[at];

		/* Code for a shell: what runs in it is not looked for. */
		if (strcmp(word, "-c") == 0)
			return command->count;
		if (word[0] == '-' || strchr("0123456789", word[0]) || is_assignment(word))
			continue;
		if (!takes_file)
			break;
		takes_file = false;
	}
	return at;
}

static void tell_program(struct reading *reading, const struct command *command, unsigned first, uint32_t period)
{
	struct program_class *class = malloc(sizeof(*class)); /* too large for a stack */
	struct buffer argv = BUFFER_INIT(16 * 1024);
	struct program_facts facts = { .called = command->word[first], .cwd = "/" };
	struct program program = { .called = command->word[first] };
	char exe[FULL_PATH_MAX];

	if (!class)
		return;
	/* In which directory doesn't matter, as long as it isn't one where anybody may put a file. */
	(void)snprintf(exe, sizeof(exe), "%s%s", command->word[first][0] == '/' ? "" : "/usr/bin/",
		       command->word[first]);
	facts.exe = program.exe = exe;
	for (unsigned i = first; i < command->count; i++)
		buffer_append(&argv, command->word[i], strlen(command->word[i]) + 1);
	facts.argv = buffer_string(&argv);
	facts.argv_size = argv.size;
	program_classify(&facts, class);
	program.script_kind = class->kind;
	program.script = class->script;
	program.text = class->text;
	if (!program_is_wrapper(&program))
		tell(reading, "", program_name(&program), period);
	else if (after_wrapper(command, first) < command->count)
		tell_program(reading, command, after_wrapper(command, first), period);
	buffer_free(&argv);
	free(class);
}

static void take_part(struct reading *reading, const char *directory, const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	char path[FULL_PATH_MAX];
	struct stat status;
	int file;

	if (name[strspn(name, letters)] || snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return;
	file = rooted_open_file(reading->root, path, &status);
	if (file < 0)
		return;
	(void)close(file);
	if (status.st_mode & 0111)
		tell(reading, "", name, reading->period);
}

static void take_command(struct reading *reading, const struct command *command, uint32_t period)
{
	unsigned first = 0;
	const char *slash;

	while (first < command->count && (is_builtin(command->word[first]) || is_assignment(command->word[first])))
		first += strcmp(command->word[first], "cd") == 0 ? 2 : 1;
	if (first >= command->count)
		return;
	slash = strrchr(command->word[first], '/');
	if (strcmp(slash ? slash + 1 : command->word[first], "run-parts") == 0) {
		reading->period = period;
		each_name(reading, command->word[command->count - 1], take_part);
		return;
	}
	tell_program(reading, command, first, period);
}

/* Each program of a shell's line is a job of its own. What is done only if the host is so is left out if it isn't. */
static void take_line(struct reading *reading, char *text, uint32_t period)
{
	bool skips = false;

	for (char kind = ';'; kind;) {
		struct command command;
		char before = kind;
		int holds = -1;

		kind = next_command(&text, &command);
		if (before == ';' || before == '&')
			skips = false;
		if (!skips && is_test(&command)) {
			holds = judge_test(reading, &command);
			skips = (kind == '2' && !holds) || (kind == '1' && holds == 1);
			if (holds < 0)
				period = 0;
		} else if (!skips && command.count) {
			take_command(reading, &command, period);
		}
	}
}

enum crontab_form {
	CRONTAB_SYSTEM, /* a user's name stands before the command */
	CRONTAB_USER,
	CRONTAB_ANACRON, /* days, minutes, a name */
};

static uint32_t anacron_period(const char *line, const char **command)
{
	char *end;
	unsigned long days = strtoul(line, &end, 10);
	uint32_t period = days && days < 400 ? (uint32_t)days * DAY : 0;

	*command = "";
	if (line[0] == '@')
		period = strncmp(line, "@monthly", 8) == 0 ? MONTH : strncmp(line, "@weekly", 7) == 0 ? WEEK : DAY;
	else if (end == line)
		return 0;
	for (unsigned i = 0; i < 3; i++)
		line = skip_blanks(line + strcspn(line, " \t"));
	*command = line;
	return period;
}

static void take_crontab_line(struct reading *reading, char *line, enum crontab_form form)
{
	const char *command;
	uint32_t period;

	line = trim(line);
	if (!line[0] || line[0] == '#' || is_assignment(line))
		return;
	period = form == CRONTAB_ANACRON ? anacron_period(line, &command) : schedule_cron(line, &command);
	if (form == CRONTAB_SYSTEM)
		command = skip_blanks(command + strcspn(command, " \t"));
	take_line(reading, line + (command - line), period);
}

static void read_crontab(struct reading *reading, const char *path, enum crontab_form form)
{
	struct buffer text = BUFFER_INIT(FILE_MAX + 1);
	int file = rooted_open_file(reading->root, path, NULL);
	char *rest = NULL;

	if (file < 0)
		return;
	if (read_whole(file, FILE_MAX, &text) == 0 && text.data && strlen(text.data) == text.size) {
		for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			take_crontab_line(reading, line, form);
	}
	(void)close(file);
	buffer_free(&text);
}

static void take_system(struct reading *reading, const char *directory, const char *name)
{
	char path[FULL_PATH_MAX];

	/* As cron does: what a package manager left behind (.dpkg-old) is none. */
	if (!strchr(name, '.') && snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path))
		read_crontab(reading, path, CRONTAB_SYSTEM);
}

static void take_user(struct reading *reading, const char *directory, const char *name)
{
	char path[FULL_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path))
		read_crontab(reading, path, CRONTAB_USER);
}

static void read_crontabs(struct reading *reading)
{
	read_crontab(reading, "/etc/crontab", CRONTAB_SYSTEM);
	each_name(reading, "/etc/cron.d", take_system);
	each_name(reading, "/var/spool/cron/crontabs", take_user);
	each_name(reading, "/var/spool/cron", take_user);
}

void schedule_crontabs(const char *root, schedule_told tell_owner, void *owner)
{
	struct reading reading = { rooted_open_root(root), root, tell_owner, owner, 0, 0 };

	if (reading.root < 0)
		return;
	read_crontabs(&reading);
	(void)close(reading.root);
}

/* Is there one, and is it started? One that is installed and switched off runs nothing. */
static bool has_cron(const struct reading *reading, bool has_systemd)
{
	static const char *const programs[] = { "/usr/sbin/cron", "/usr/sbin/crond" };
	static const char *const wants[] = {
		"/etc/systemd/system/multi-user.target.wants/cron.service",
		"/etc/systemd/system/multi-user.target.wants/crond.service",
		"/etc/systemd/system/multi-user.target.wants/cronie.service",
		"/usr/lib/systemd/system/multi-user.target.wants/cron.service",
		"/usr/lib/systemd/system/multi-user.target.wants/crond.service",
	};
	bool found = false;

	for (size_t i = 0; !found && i < sizeof(programs) / sizeof(*programs); i++)
		found = is_there(reading, programs[i]);
	if (!found || !has_systemd)
		return found;
	found = false;
	for (size_t i = 0; !found && i < sizeof(wants) / sizeof(*wants); i++)
		found = is_there(reading, wants[i]);
	return found;
}

void schedule_read(const char *root, schedule_told tell_owner, void *owner)
{
	struct reading reading = { rooted_open_root(root), root, tell_owner, owner, 0, 0 };
	bool has_systemd;

	if (reading.root < 0)
		return;
	/* As sd_booted(3) tells it. */
	has_systemd = is_there(&reading, "/run/systemd/system");
	if (has_systemd)
		read_timers(&reading);
	if (has_cron(&reading, has_systemd))
		read_crontabs(&reading);
	if (is_there(&reading, "/usr/sbin/anacron"))
		read_crontab(&reading, "/etc/anacrontab", CRONTAB_ANACRON);
	(void)close(reading.root);
}
