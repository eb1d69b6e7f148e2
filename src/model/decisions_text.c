/* SPDX-License-Identifier: Apache-2.0 */
/* The text of decisions: a model's, with a verdict before each line and who, when and why behind it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/read.h"
#include "base/replace.h"
#include "model/decisions_priv.h"
#include "model/text_priv.h"

static const char title[] = "# sombrero decisions 1";

static const char *const kinds[DECISION_KIND_COUNT + 1] = {
	[DECISION_ACCEPT] = "accept",
	[DECISION_FORBID] = "forbid",
	[DECISION_REVOKE] = "revoke",
};

const char *decision_kind_name(enum decision_kind kind)
{
	return (unsigned)kind < DECISION_KIND_COUNT ? kinds[kind] : NULL;
}

/* ---- time ---- */

#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"
#define TIME_SIZE   (sizeof("2026-11-24T10:00:00Z") - 1)

void decision_time(int64_t time, char out[DECISION_TIME_MAX])
{
	time_t seconds = (time_t)time;
	struct tm parts;

	if (!gmtime_r(&seconds, &parts) || strftime(out, DECISION_TIME_MAX, TIME_FORMAT, &parts) != TIME_SIZE)
		out[0] = '\0';
}

/* -1 for what is no time, or not written as decision_time() does. */
static int64_t read_time(struct word word)
{
	char text[DECISION_TIME_MAX], again[DECISION_TIME_MAX];
	struct tm parts = { 0 };
	const char *end;
	int64_t time;

	if (word.size != TIME_SIZE)
		return -1;
	memcpy(text, word.text, TIME_SIZE);
	text[TIME_SIZE] = '\0';
	end = strptime(text, TIME_FORMAT, &parts);
	if (!end || *end)
		return -1;
	time = timegm(&parts);
	if (time < 0 || time > DECISION_TIME_LAST)
		return -1;
	decision_time(time, again);
	return strcmp(text, again) == 0 ? time : -1;
}

/* ---- what fits ---- */

static bool who_fits(const char *who)
{
	size_t size = strlen(who), at;

	return size && size < DECISION_WHO_MAX && !grammar_word_fault(who, size, &at);
}

static bool reason_fits(const char *reason)
{
	size_t size = strlen(reason), length;

	if (!size || size >= DECISION_REASON_MAX || reason[0] == ' ' || reason[size - 1] == ' ')
		return false;
	for (size_t at = 0; at < size; at += length) {
		length = grammar_character_size(reason + at, size - at);
		if (!length)
			return false;
	}
	return true;
}

bool decision_fits(const struct decision *decision)
{
	return decision_kind_name(decision->kind) && decision->time >= 0 && decision->time <= DECISION_TIME_LAST &&
	       who_fits(decision->who) && reason_fits(decision->reason) && grammar_behaviour_fits(&decision->behaviour);
}

int decision_compare(const struct decision *one, const struct decision *other)
{
	int order = behaviour_compare(&one->behaviour, &other->behaviour);

	if (!order)
		order = (one->time > other->time) - (one->time < other->time);
	if (!order)
		order = (one->kind > other->kind) - (one->kind < other->kind);
	if (!order)
		order = strcmp(one->who, other->who);
	return order ? order : strcmp(one->reason, other->reason);
}

/* ---- writing ---- */

struct printer {
	struct buffer *out;
	const struct behaviour *last; /* NULL before the first */
};

static int print_decision(void *owner, const struct decision *decision)
{
	struct printer *printer = owner;
	const struct behaviour *behaviour = &decision->behaviour;
	char time[DECISION_TIME_MAX];

	if (!printer->last || !text_same_context(printer->last, behaviour))
		text_print_context(printer->out, behaviour);
	printer->last = behaviour;
	buffer_printf(printer->out, "  %s  ", decision_kind_name(decision->kind));
	text_print_behaviour(printer->out, behaviour);
	decision_time(decision->time, time);
	buffer_printf(printer->out, "  # %s ", time);
	buffer_text(printer->out, decision->who);
	buffer_text(printer->out, ": ");
	buffer_text(printer->out, decision->reason);
	buffer_byte(printer->out, '\n');
	return printer->out->failed ? -ENOMEM : 0;
}

int decisions_print(struct decisions *decisions, struct buffer *out)
{
	struct printer printer = { .out = out };
	int status;

	buffer_text(out, title);
	buffer_byte(out, '\n');
	status = decisions_each(decisions, print_decision, &printer);
	return status < 0 ? status : out->failed ? -ENOMEM : 0;
}

int decisions_save(struct decisions *decisions, const char *path, struct error *error)
{
	struct buffer text = BUFFER_INIT(SIZE_MAX / 2);
	int status = decisions_print(decisions, &text);

	if (!status)
		status = replace_file(path, &text);
	if (status == -EINVAL)
		(void)error_set(error, status, "%.400s: can't save the decisions: not a regular file", path);
	else if (status)
		(void)error_set(error, status, "%.400s: can't save the decisions: %s", path, strerror(-status));
	buffer_free(&text);
	return status;
}

/* ---- reading ---- */

#define NOTE_EXPECTED "who, when and why, as in '  # 2026-11-24T10:00:00Z alice: new pool'"

/* The next word of what is left, which begins after it then. */
static struct word next_word(struct word *left)
{
	struct word word;

	while (left->size && *left->text == ' ')
		left->text++, left->size--;
	word = (struct word) { left->text, 0 };
	while (word.size < left->size && left->text[word.size] != ' ')
		word.size++;
	left->text += word.size;
	left->size -= word.size;
	return word;
}

static struct word without_blanks(struct word text)
{
	while (text.size && *text.text == ' ')
		text.text++, text.size--;
	while (text.size && text.text[text.size - 1] == ' ')
		text.size--;
	return text;
}

static void copy(struct word word, char *out)
{
	memcpy(out, word.text, word.size);
	out[word.size] = '\0';
}

static int read_who(const struct text_line *line, struct word word, char out[DECISION_WHO_MAX])
{
	const char *fault;
	size_t at;

	if (word.size < 2 || word.text[word.size - 1] != ':')
		return text_expected(line->reader, word, word.text, "who decided, and ':' after the name");
	if (word.size > DECISION_WHO_MAX)
		return text_expected(line->reader, word, word.text, "a name of at most 511 bytes");
	word.size--;
	fault = grammar_word_fault(word.text, word.size, &at);
	if (fault)
		return text_expected(line->reader, word, word.text + at, fault);
	copy(word, out);
	return 0;
}

static int read_reason(const struct text_line *line, struct word word, char out[DECISION_REASON_MAX])
{
	if (!word.size)
		return text_expected(line->reader, word, word.text, "the reason");
	if (word.size >= DECISION_REASON_MAX)
		return text_expected(line->reader, word, word.text, "a reason of at most 1023 bytes");
	copy(word, out);
	return 0;
}

static int take_line(void *owner, const struct text_line *line)
{
	struct decisions *decisions = owner;
	char who[DECISION_WHO_MAX], reason[DECISION_REASON_MAX];
	struct decision decision = { *line->behaviour, line->verb, 0, who, reason };
	struct word left = line->comment, word;
	int status;

	if (!left.text)
		return text_expected(line->reader, line->end, line->end.text, NOTE_EXPECTED);
	word = next_word(&left);
	decision.time = read_time(word);
	if (decision.time < 0)
		return text_expected(line->reader, word, word.text, "a time in UTC such as 2026-11-24T10:00:00Z");
	status = read_who(line, next_word(&left), who);
	if (!status)
		status = read_reason(line, without_blanks(left), reason);
	if (!status)
		status = decisions_add(decisions, &decision);
	if (status > 0 && decisions_size(decisions) > DECISIONS_MAX)
		return text_fault(line->reader, line->first.text,
				  "found more than %u decisions, expected fewer: leave out old ones", DECISIONS_MAX);
	if (status > 0 && decisions_of_line(decisions, line->behaviour) > DECISIONS_OF_LINE_MAX)
		return text_fault(line->reader, line->first.text,
				  "found more than %u decisions about this line, expected fewer: leave out old ones",
				  DECISIONS_OF_LINE_MAX);
	return status < 0 ? status : 0;
}

static const struct text_form form = {
	.title = title,
	.verbs = kinds,
	.verbs_in_words = "accept, forbid or revoke",
	.maximum = DECISIONS_TEXT_MAX,
	.take = take_line,
};

int decisions_parse(const char *name, const char *text, size_t size, struct decisions **out, struct error *error)
{
	struct decisions *decisions = decisions_new();
	int status;

	if (!decisions)
		return error_set(error, -ENOMEM, "%.400s: out of memory", name);
	status = text_read(&form, name, text, size, decisions, error);
	if (status) {
		decisions_free(decisions);
		return status;
	}
	*out = decisions;
	return 0;
}

int decisions_load(const char *path, struct decisions **out, struct error *error)
{
	struct buffer text = BUFFER_INIT(DECISIONS_TEXT_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int status = fd < 0 ? -errno : read_whole(fd, DECISIONS_TEXT_MAX, &text);

	if (fd >= 0)
		(void)close(fd);
	if (status < 0)
		(void)error_set(error, status, "%.400s: can't read the decisions: %s", path, strerror(-status));
	else
		status = decisions_parse(path, buffer_string(&text), text.size, out, error);
	buffer_free(&text);
	return status;
}
