/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/suggest_priv.h"
#include "model/text_priv.h"

/* A line's context and what it says, on one line. Both come out of text_print…(), and so are escaped. */
static void flatten(struct buffer *out, const struct behaviour *behaviour)
{
	struct buffer text = BUFFER_INIT(SIZE_MAX / 4);
	bool blank = false;

	text_print_context(&text, behaviour);
	for (size_t i = 0; i + 1 < text.size; i++)
		buffer_byte(out, text.data[i]);
	buffer_text(out, ": ");
	out->failed = out->failed || text.failed;
	buffer_clear(&text);
	text_print_behaviour(&text, behaviour);
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] != ' ' || !blank)
			buffer_byte(out, text.data[i]);
		blank = text.data[i] == ' ';
	}
	out->failed = out->failed || text.failed;
	buffer_free(&text);
}

void suggest_comment(struct buffer *out, const char *indent, const struct behaviour *behaviour)
{
	struct buffer line = BUFFER_INIT(SIZE_MAX / 4);
	size_t size;

	flatten(&line, behaviour);
	size = line.size;
	if (size > SUGGEST_COMMENT_MAX) {
		size = SUGGEST_COMMENT_MAX;
		while (size && ((unsigned char)line.data[size] & 0xc0) == 0x80) /* within a character of UTF-8 */
			size--;
	}
	buffer_text(out, indent);
	buffer_text(out, "# ");
	buffer_append(out, buffer_string(&line), size);
	if (size < line.size)
		buffer_text(out, "…");
	/* Nobody is to take it for a line that goes on. */
	else if (size && line.data[size - 1] == '\\')
		buffer_text(out, " .");
	buffer_byte(out, '\n');
	out->failed = out->failed || line.failed;
	buffer_free(&line);
}

void suggest_comments(struct buffer *out, const char *indent, const struct behaviour *const *behaviours, size_t count)
{
	for (size_t i = 0; i < count && i < SUGGEST_BEHAVIOURS_MAX; i++)
		suggest_comment(out, indent, behaviours[i]);
	if (count > SUGGEST_BEHAVIOURS_MAX)
		buffer_printf(out, "%s# and %zu more\n", indent, count - SUGGEST_BEHAVIOURS_MAX);
}

void suggest_split(struct suggest_object *out, const char *object)
{
	char *rest = out->text, *at;

	memccpy(out->text, object, '\0', sizeof(out->text));
	out->text[sizeof(out->text) - 1] = '\0';
	for (unsigned i = 0; i < 3; i++) {
		out->word[i] = rest ? rest : "";
		at = rest ? strchr(rest, ' ') : NULL;
		if (at)
			*at++ = '\0';
		rest = at;
	}
}

bool suggest_is_any(const char *word)
{
	return strcmp(word, "*") == 0 || strcmp(word, "**") == 0;
}
