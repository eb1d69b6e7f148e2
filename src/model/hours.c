/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hours.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOURS_A_DAY  24
#define DAYS_A_WEEK  7
#define HOURS_A_WEEK (DAYS_A_WEEK * HOURS_A_DAY)
/* The first of January 1970 was a Thursday. */
#define FIRST_WEEKDAY 3

void hours_free(struct hours *hours)
{
	free(hours->range);
	*hours = (struct hours) { 0 };
}

/* The first range that ends at `hour` or later. */
static size_t place(const struct hours *hours, uint32_t hour)
{
	size_t low = 0, high = hours->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (hours->range[middle].to < hour)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct hours *hours, size_t at, struct hour_range range)
{
	if (hours->count == hours->capacity) {
		size_t capacity = hours->capacity ? 2 * hours->capacity : 4;
		struct hour_range *grown = reallocarray(hours->range, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		hours->range = grown;
		hours->capacity = capacity;
	}
	memmove(hours->range + at + 1, hours->range + at, (hours->count - at) * sizeof(range));
	hours->range[at] = range;
	hours->count++;
	return 0;
}

int hours_add(struct hours *hours, uint32_t from, uint32_t to)
{
	/* Ranges that touch become one, so it begins an hour before. */
	size_t at = place(hours, from ? from - 1 : 0), end = at;

	while (end < hours->count && hours->range[end].from <= to + 1)
		end++;
	if (end == at)
		return insert(hours, at, (struct hour_range) { from, to });
	if (hours->range[at].from > from)
		hours->range[at].from = from;
	hours->range[at].to = hours->range[end - 1].to > to ? hours->range[end - 1].to : to;
	memmove(hours->range + at + 1, hours->range + end, (hours->count - end) * sizeof(*hours->range));
	hours->count -= end - at - 1;
	return 0;
}

int hours_merge(struct hours *into, const struct hours *from)
{
	int status = 0;

	for (size_t i = 0; i < from->count && !status; i++)
		status = hours_add(into, from->range[i].from, from->range[i].to);
	return status;
}

uint64_t hours_count(const struct hours *hours)
{
	uint64_t count = 0;

	for (size_t i = 0; i < hours->count; i++)
		count += hours->range[i].to - hours->range[i].from + 1U;
	return count;
}

bool hours_has(const struct hours *hours, uint32_t hour)
{
	size_t at = place(hours, hour);

	return at < hours->count && hours->range[at].from <= hour;
}

unsigned hours_weekdays(const struct hours *hours)
{
	bool there[HOURS_A_WEEK] = { false };
	unsigned days = 0;

	for (size_t i = 0; i < hours->count; i++) {
		for (uint32_t hour = hours->range[i].from, n = 0; hour <= hours->range[i].to && n < HOURS_A_WEEK;
		     hour++, n++)
			there[(hour + FIRST_WEEKDAY * HOURS_A_DAY) % HOURS_A_WEEK] = true;
	}
	for (unsigned day = 0; day < DAYS_A_WEEK; day++) {
		unsigned hour = 0;

		while (hour < HOURS_A_DAY && there[day * HOURS_A_DAY + hour])
			hour++;
		days |= hour == HOURS_A_DAY ? 1U << day : 0;
	}
	return days;
}

/* The first hour of the month after that of `hour`. */
static uint32_t next_month(uint32_t hour)
{
	time_t seconds = (time_t)hour * 3600;
	struct tm date;

	(void)gmtime_r(&seconds, &date);
	date = (struct tm) { .tm_year = date.tm_year, .tm_mon = date.tm_mon + 1, .tm_mday = 1 };
	return (uint32_t)(timegm(&date) / 3600);
}

unsigned hours_month_ends(const struct hours *hours)
{
	unsigned count = 0;

	for (size_t i = 0; i < hours->count; i++) {
		for (uint32_t first = next_month(hours->range[i].from); first <= hours->range[i].to;
		     first = next_month(first))
			count++;
	}
	return count;
}

int hours_days(const struct hours *hours, struct hours *days)
{
	int status = 0;

	for (size_t i = 0; i < hours->count && !status; i++)
		status = hours_add(days, hours->range[i].from / HOURS_A_DAY, hours->range[i].to / HOURS_A_DAY);
	return status;
}

void hours_print(const struct hours *hours, struct buffer *out)
{
	if (!hours->count)
		buffer_byte(out, '-');
	for (size_t i = 0; i < hours->count; i++) {
		const struct hour_range *range = &hours->range[i];

		buffer_printf(out, "%s%" PRIu32, i ? "," : "", range->from);
		if (range->to != range->from)
			buffer_printf(out, "-%" PRIu32, range->to);
	}
}

/* Digits without a leading zero; the number of them, or 0. */
static size_t read_number(const char *text, size_t size, uint32_t *out)
{
	size_t digits = 0;

	*out = 0;
	while (digits < size && text[digits] >= '0' && text[digits] <= '9' && *out <= HOURS_LATEST)
		*out = *out * 10 + (uint32_t)(text[digits++] - '0');
	return *out > HOURS_LATEST || (digits > 1 && text[0] == '0') ? 0 : digits;
}

static int parse_ranges(const char *text, size_t size, struct hours *out)
{
	for (size_t at = 0; at < size;) {
		struct hour_range range;
		size_t digits = read_number(text + at, size - at, &range.from);

		at += digits;
		range.to = range.from;
		if (digits && at < size && text[at] == '-') {
			digits = read_number(text + at + 1, size - at - 1, &range.to);
			at += 1 + digits;
			digits = range.to > range.from ? digits : 0;
		}
		if (!digits || (out->count && out->range[out->count - 1].to + 1 >= range.from))
			return -EINVAL;
		if (insert(out, out->count, range) < 0)
			return -ENOMEM;
		if (at < size && (text[at] != ',' || ++at == size))
			return -EINVAL;
	}
	return 0;
}

int hours_parse(const char *text, size_t size, struct hours *out)
{
	struct hours read = { 0 };
	int status = size == 1 && text[0] == '-' ? 0 : !size ? -EINVAL : parse_ranges(text, size, &read);

	if (status) {
		hours_free(&read);
		return status;
	}
	hours_free(out);
	*out = read;
	return 0;
}
