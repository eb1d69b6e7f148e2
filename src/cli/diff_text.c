/* SPDX-License-Identifier: Apache-2.0 */
/* A difference for a terminal. */
#include <errno.h>

#include "cli/model_diff.h"

/* So many lines of a change are shown; JSON has all. */
#define LINES_SHOWN 10

static void add_change(struct buffer *out, const struct change *change)
{
	buffer_printf(out, "%-13s  ", severity_name(change->verdict.severity));
	change_title(out, change, change_name_plain);
	buffer_byte(out, '\n');
	if (diff_has_more(change))
		diff_lines(out, change, "                 ", LINES_SHOWN);
}

static int print(struct buffer *out, const struct diff_report *report)
{
	const struct model_diff *diff = report->diff;

	diff_name(out, report->old_name);
	buffer_text(out, diff->count ? " -> " : " and ");
	diff_name(out, report->new_name);
	if (!diff->count) {
		buffer_printf(out, " allow the same: %zu lines\n", report->new_lines);
		return out->failed ? -ENOMEM : 0;
	}
	buffer_printf(out, ": %zu change%s, %zu of risk; %zu lines came, %zu went\n\n", diff->count,
		      diff->count == 1 ? "" : "s", diff->risky, diff->added, diff->removed);
	for (size_t i = 0; i < diff->count; i++)
		add_change(out, diff->change[i]);
	return out->failed ? -ENOMEM : 0;
}

const struct diff_format diff_as_text = { "text", print };
