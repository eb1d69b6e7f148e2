/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/unit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/read.h"
#include "event/program.h"
#include "sensor/rooted.h"

#define UNIT_FILE_MAX      (256 * 1024)
#define UNIT_NAME_MAX      256
#define UNIT_PATH_MAX      1024
#define DROP_INS_MAX       64
#define DROP_IN_LISTED_MAX 1024
#define COMMAND_MAX        (16 * 1024)

/* The first that has a file of a name wins. */
static const char *const unit_directories[] = {
	"/etc/systemd/system",    "/run/systemd/system",           "/run/systemd/transient",
	"/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
	"/lib/systemd/system",    "/run/systemd/generator.late",
};
#define DIRECTORY_COUNT (sizeof(unit_directories) / sizeof(*unit_directories))

/* Where systemd looks for a program that is named without a directory. */
static const char *const program_directories[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
};

struct unit {
	int root;
	const char *name;             /* "getty@tty1.service" */
	char template[UNIT_NAME_MAX]; /* "getty@.service"; "" for a unit without a template */
	bool oneshot, forking;
	bool transient; /* made by a program (systemd-run) to run something once */
	char *command;  /* the first ExecStart since the last empty one; owned */
	bool has_more;  /* … is not the only one */
};

/* The file `name` below the first directory that has one, into `text`; which that is, or -ENOENT when none has. */
static int read_first(int root, const char *name, struct buffer *text)
{
	char path[UNIT_PATH_MAX];

	for (size_t i = 0; i < DIRECTORY_COUNT; i++) {
		int file;
		int code;

		(void)snprintf(path, sizeof(path), "%s/%s", unit_directories[i], name);
		file = rooted_open_file(root, path, NULL);
		if (file == -ENOENT || file == -ENOTDIR)
			continue;
		if (file < 0)
			return file;
		code = read_whole(file, UNIT_FILE_MAX, text);
		(void)close(file);
		return code < 0 ? code : (int)i;
	}
	return -ENOENT;
}

int unit_text(int root, const char *unit, struct buffer *text)
{
	int code = strchr(unit, '/') || strlen(unit) >= UNIT_NAME_MAX ? -EINVAL : read_first(root, unit, text);

	return code < 0 ? code : 0;
}

/* The lines of a unit file. */

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\r';
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && is_blank(end[-1]))
		end--;
	*end = '\0';
	while (is_blank(*text))
		text++;
	return text;
}

static bool is_comment(const char *line)
{
	while (is_blank(*line))
		line++;
	return *line == '#' || *line == ';';
}

/* Blanks comments out of the middle of a continued line, where systemd skips them. Returns what follows. */
static char *blank_comments(char *line)
{
	while (is_comment(line)) {
		char *end = strchrnul(line, '\n');

		if (*end)
			end++;
		memset(line, ' ', (size_t)(end - line));
		line = end;
	}
	return line;
}

/* The next line, with those it continues on joined to it; NULL at the end. */
static char *next_line(char **cursor)
{
	char *line = *cursor;
	char *end = strchrnul(line, '\n');

	if (!*line)
		return NULL;
	while (!is_comment(line) && *end && end > line && end[-1] == '\\') {
		end[-1] = end[0] = ' ';
		end = strchrnul(blank_comments(end + 1), '\n');
	}
	*cursor = *end ? end + 1 : end;
	*end = '\0';
	return trim(line);
}

static int apply_setting(struct unit *unit, const char *key, const char *value)
{
	if (strcmp(key, "Type") == 0) {
		unit->oneshot = strcmp(value, "oneshot") == 0;
		unit->forking = strcmp(value, "forking") == 0;
	}
	if (strcmp(key, "ExecStart") != 0)
		return 0;
	if (!value[0]) {
		free(unit->command);
		unit->command = NULL;
		unit->has_more = false;
	} else if (!unit->command) {
		unit->command = strdup(value);
		return unit->command ? 0 : -ENOMEM;
	} else {
		unit->has_more = true;
	}
	return 0;
}

static int apply_file(struct unit *unit, char *text)
{
	bool in_service = false;
	char *line;
	int code = 0;

	while (!code && (line = next_line(&text))) {
		char *equals = strchr(line, '=');

		if (is_comment(line))
			continue;
		if (line[0] == '[') {
			in_service = strcmp(line, "[Service]") == 0;
		} else if (in_service && equals) {
			*equals = '\0';
			code = apply_setting(unit, trim(line), trim(equals + 1));
		}
	}
	return code;
}

/* Drop-ins: NAME.d/ *.conf in every unit directory, in the order of their names; of two with one name the first counts. */

struct drop_in {
	char file[UNIT_NAME_MAX];
	char path[UNIT_PATH_MAX];
};

struct drop_ins {
	struct drop_in *list; /* owned; DROP_INS_MAX of them */
	size_t count;
};

static int compare_drop_ins(const void *one, const void *other)
{
	return strcmp(((const struct drop_in *)one)->file, ((const struct drop_in *)other)->file);
}

static void add_drop_in(struct drop_ins *found, const char *directory, const char *file)
{
	const char *suffix = strrchr(file, '.');
	struct drop_in *drop_in = found->list + found->count;

	if (found->count == DROP_INS_MAX || file[0] == '.' || !suffix || strcmp(suffix, ".conf") != 0)
		return;
	for (size_t i = 0; i < found->count; i++)
		if (strcmp(found->list[i].file, file) == 0)
			return;
	if (snprintf(drop_in->file, sizeof(drop_in->file), "%s", file) >= (int)sizeof(drop_in->file) ||
	    snprintf(drop_in->path, sizeof(drop_in->path), "%s/%s", directory, file) >= (int)sizeof(drop_in->path))
		return;
	found->count++;
}

static void list_drop_ins(int root, const char *path, struct drop_ins *found)
{
	DIR *directory = rooted_open_directory(root, path);
	struct dirent *entry;

	if (!directory)
		return;
	for (unsigned listed = 0; listed < DROP_IN_LISTED_MAX && (entry = readdir(directory)); listed++)
		add_drop_in(found, path, entry->d_name);
	(void)closedir(directory);
}

static void list_drop_ins_of(int root, const char *name, struct drop_ins *found)
{
	char path[UNIT_PATH_MAX];

	for (size_t i = 0; i < DIRECTORY_COUNT; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.d", unit_directories[i], name);
		list_drop_ins(root, path, found);
	}
}

/* One that can't be read changes nothing: so does /dev/null, which masks another of its name. */
static int apply_drop_in(struct unit *unit, const char *path)
{
	struct buffer text = BUFFER_INIT(UNIT_FILE_MAX + 1);
	int file = rooted_open_file(unit->root, path, NULL);
	int code = 0;

	if (file < 0)
		return 0;
	if (!read_whole(file, UNIT_FILE_MAX, &text) && text.data)
		code = apply_file(unit, text.data);
	(void)close(file);
	buffer_free(&text);
	return code;
}

static int apply_drop_ins(struct unit *unit)
{
	struct drop_ins found = { .list = calloc(DROP_INS_MAX, sizeof(*found.list)) };
	int code = 0;

	if (!found.list)
		return -ENOMEM;
	list_drop_ins_of(unit->root, unit->name, &found);
	if (unit->template[0])
		list_drop_ins_of(unit->root, unit->template, &found);
	qsort(found.list, found.count, sizeof(*found.list), compare_drop_ins);
	for (size_t i = 0; !code && i < found.count; i++)
		code = apply_drop_in(unit, found.list[i].path);
	free(found.list);
	return code;
}

/* The words of a command. */

/* The number that two hexadecimal digits make, or -1. */
static int hex_value(const char *digits)
{
	char text[3] = "";

	if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
		return -1;
	memcpy(text, digits, 2);
	return (int)strtol(text, NULL, 16);
}

/* Appends what the escape at `text`, after its backslash, stands for; returns how many characters it takes. */
static size_t append_escape(struct buffer *word, const char *text)
{
	static const char from[] = "abfnrtvs", to[] = "\a\b\f\n\r\t\v ";
	const char *letter = *text ? strchr(from, *text) : NULL;
	int value = *text == 'x' ? hex_value(text + 1) : -1;

	if (value > 0) {
		buffer_byte(word, (char)value);
		return 3;
	}
	if (*text)
		buffer_byte(word, letter ? to[letter - from] : *text);
	return *text ? 1 : 0;
}

/* Appends what the specifier at `text`, after its percent sign, stands for. One that we don't know stays as it is. */
static void append_specifier(const struct unit *unit, struct buffer *word, char letter)
{
	const char *dot = strrchr(unit->name, '.');
	const char *at = unit->template[0] ? strchr(unit->name, '@') : NULL;

	if (letter == '%')
		buffer_byte(word, '%');
	else if (letter == 'n')
		buffer_text(word, unit->name);
	else if (letter == 'N')
		buffer_append(word, unit->name, (size_t)(dot - unit->name));
	else if (letter == 'p')
		buffer_append(word, unit->name, (size_t)((at ? at : dot) - unit->name));
	else if (letter == 'i' && at)
		buffer_append(word, at + 1, (size_t)(dot - at - 1));
	else
		buffer_printf(word, "%%%c", letter);
}

/* Takes the next word off `cursor`, unquoted; false at the end and at a lone ";", where the next command starts. */
static bool next_word(const struct unit *unit, const char **cursor, struct buffer *word)
{
	const char *text = *cursor;
	char quote = '\0';

	buffer_clear(word);
	while (is_blank(*text))
		text++;
	if (!*text || (*text == ';' && (is_blank(text[1]) || !text[1])))
		return false;
	for (; *text && (quote || !is_blank(*text)); text++) {
		if (*text == '\\') {
			text += append_escape(word, text + 1);
		} else if (quote ? *text == quote : *text == '"' || *text == '\'') {
			quote = quote ? '\0' : *text;
		} else if (*text == '%' && text[1]) {
			append_specifier(unit, word, *++text);
		} else {
			buffer_byte(word, *text);
		}
	}
	*cursor = text;
	return !word->failed;
}

/* A word that is only $NAME stands for any number of words, often none; we can't know. ${NAME} is always one. */
static bool is_optional(const char *word)
{
	return word[0] == '$' && word[1] != '{' && !strpbrk(word + 1, "$/.");
}

/*
 * The words as the program gets them, each ended by NUL. `path` gets the program; in front of it stand letters that say
 * how to start it, of which only "@" matters: the word after it is argv[0].
 */
static int split_command(const struct unit *unit, struct buffer *path, struct buffer *argv)
{
	struct buffer word = BUFFER_INIT(COMMAND_MAX);
	const char *cursor = unit->command;
	const char *start;
	bool own_name;
	size_t letters;

	if (!next_word(unit, &cursor, &word)) {
		buffer_free(&word);
		return -EINVAL;
	}
	start = buffer_string(&word);
	letters = strspn(start, "@-:+!|");
	own_name = memchr(start, '@', letters) != NULL;
	buffer_text(path, start + letters);
	if (!own_name)
		buffer_append(argv, buffer_string(path), path->size + 1);
	while (next_word(unit, &cursor, &word))
		if (!is_optional(buffer_string(&word)))
			buffer_append(argv, buffer_string(&word), word.size + 1);
	buffer_free(&word);
	return path->size && !path->failed ? 0 : -EINVAL;
}

/* The name of the main program. */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Opens the program that systemd would start. A file descriptor, or a negative errno. */
static int open_program(int root, const char *path)
{
	char full[UNIT_PATH_MAX];
	int file = -ENOENT;

	if (strchr(path, '/'))
		return rooted_open_file(root, path, NULL);
	for (size_t i = 0; file < 0 && i < sizeof(program_directories) / sizeof(*program_directories); i++)
		if (snprintf(full, sizeof(full), "%s/%s", program_directories[i], path) < (int)sizeof(full))
			file = rooted_open_file(root, full, NULL);
	return file;
}

/*
 * The path of the program after links, which is what a process of it shows (mysqld → mariadbd), into `out`; as it is
 * written where there is no such file. Returns whether it is a script with a #! line.
 */
static bool resolve_program(int root, const char *path, char *out, size_t size)
{
	int file = open_program(root, path);
	char start[2] = "";
	ssize_t length = -1;

	if (file >= 0) {
		char link[64];

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
		length = readlink(link, out, size - 1);
		(void)!pread(file, start, sizeof(start), 0);
		(void)close(file);
	}
	if (length >= 0)
		out[length] = '\0';
	else
		(void)snprintf(out, size, "%s", path);
	return start[0] == '#' && start[1] == '!';
}

/* "" when it is no file's name, too long, or holds a variable or specifier that we can't fill in. */
static void set_main_program(struct unit_facts *out, const char *name)
{
	size_t length = strlen(name);

	if (length < sizeof(out->main_program) && !strpbrk(name, "$%/"))
		memcpy(out->main_program, name, length + 1);
}

static void name_after_classification(const struct program_facts *facts, struct unit_facts *out)
{
	struct program_class *class = malloc(sizeof(*class)); /* too large for a stack */
	struct program program = { .exe = facts->exe, .called = facts->called };

	if (!class)
		return;
	program_classify(facts, class);
	program.script_kind = class->kind;
	program.script = class->script;
	program.text = class->text;
	if (!program_is_wrapper(&program))
		set_main_program(out, program_name(&program));
	free(class);
}

static void name_main_program(const struct unit *unit, struct unit_facts *out)
{
	struct buffer path = BUFFER_INIT(UNIT_PATH_MAX), argv = BUFFER_INIT(COMMAND_MAX);
	char exe[UNIT_PATH_MAX];

	if (unit->oneshot && unit->has_more) {
		/* The first of several is mostly what prepares (mkdir, install): the unit's name says more. */
	} else if (!unit->command || split_command(unit, &path, &argv)) {
		/* a socket's or a target's unit, or one made by hand: nothing to name */
	} else if (resolve_program(unit->root, buffer_string(&path), exe, sizeof(exe))) {
		/* A script that has a daemon forked (apachectl, /etc/init.d/…) ends; what it started is the main program. */
		if (!unit->forking)
			set_main_program(out, base_name(buffer_string(&path)));
	} else {
		name_after_classification(&(struct program_facts) { .exe = exe,
								    .called = buffer_string(&path),
								    .cwd = "/",
								    .argv = buffer_string(&argv),
								    .argv_size = argv.size },
					  out);
	}
	buffer_free(&path);
	buffer_free(&argv);
}

/* Which files there are. */

/* "" for a unit that is no instance. The name is a hostile process's, if it could choose its cgroup. */
static bool read_name(struct unit *unit, const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *at = strchr(name, '@');

	if (strlen(name) > UNIT_NAME_MAX - 8 || name[0] == '.' || strchr(name, '/') || !dot)
		return false;
	unit->name = name;
	if (at && at < dot && at + 1 != dot)
		(void)snprintf(unit->template, sizeof(unit->template), "%.*s@%s", (int)(at - name), name, dot);
	return true;
}

static bool has_timer_of(int root, const char *name)
{
	struct buffer text = BUFFER_INIT(UNIT_FILE_MAX + 1);
	char timer[UNIT_NAME_MAX];
	const char *dot = strrchr(name, '.');
	bool found;

	(void)snprintf(timer, sizeof(timer), "%.*s.timer", (int)(dot - name), name);
	found = read_first(root, timer, &text) >= 0 && text.size;
	buffer_free(&text);
	return found;
}

static bool has_timer(const struct unit *unit)
{
	return has_timer_of(unit->root, unit->name) || (unit->template[0] && has_timer_of(unit->root, unit->template));
}

/* 0, or a negative errno: -ENOENT also for a unit that is masked, by /dev/null or an empty file. */
static int read_unit(struct unit *unit)
{
	struct buffer text = BUFFER_INIT(UNIT_FILE_MAX + 1);
	int code = read_first(unit->root, unit->name, &text);

	if (code == -ENOENT && unit->template[0])
		code = read_first(unit->root, unit->template, &text);
	unit->transient = code >= 0 && !strcmp(unit_directories[code], "/run/systemd/transient");
	if (code >= 0)
		code = text.size ? apply_file(unit, text.data) : -ENOENT;
	buffer_free(&text);
	return code ? code : apply_drop_ins(unit);
}

void unit_read(const char *root, const char *unit, struct unit_facts *out)
{
	struct unit read = { .root = -1 };

	memset(out, 0, sizeof(*out));
	if (!read_name(&read, unit))
		return;
	read.root = rooted_open_root(root);
	if (read.root < 0)
		return;
	if (read_unit(&read) == 0) {
		out->found = true;
		out->job = read.oneshot || has_timer(&read) || read.transient;
		name_main_program(&read, out);
	}
	free(read.command);
	(void)close(read.root);
}

/* The name of the file that DIRECTORY/UNIT is a link to. */
static bool read_link(int root, const char *unit, char *out, size_t size)
{
	char target[UNIT_PATH_MAX];
	const char *name;
	ssize_t length = -1;
	bool missing;
	int directory;

	for (size_t i = 0; i < DIRECTORY_COUNT; i++) {
		directory = rooted_open(root, unit_directories[i], O_PATH | O_DIRECTORY);
		if (directory < 0)
			continue;
		length = readlinkat(directory, unit, target, sizeof(target) - 1);
		missing = length < 0 && errno == ENOENT;
		(void)close(directory);
		if (!missing)
			break;
	}
	if (length < 0)
		return false;
	target[length] = '\0';
	name = base_name(target);
	return strcmp(name, unit) != 0 && strchr(name, '.') && snprintf(out, size, "%s", name) < (int)size;
}

bool unit_alias(const char *root, const char *unit, char *out, size_t size)
{
	char name[UNIT_NAME_MAX];
	int directory;
	bool found = false;

	if (snprintf(name, sizeof(name), "%s", unit) >= (int)sizeof(name) || strchr(unit, '/') || unit[0] == '.')
		return false;
	directory = rooted_open_root(root);
	if (directory < 0)
		return false;
	for (unsigned depth = 0; depth < 4 && read_link(directory, name, out, size); depth++) {
		found = true;
		(void)snprintf(name, sizeof(name), "%s", out);
	}
	(void)close(directory);
	return found;
}
