/* SPDX-License-Identifier: Apache-2.0 */
/* What suggestions of both kinds are made of. */
#ifndef MODEL_SUGGEST_PRIV_H
#define MODEL_SUGGEST_PRIV_H

#include "base/buffer.h"
#include "model/behaviour.h"

/* So much of a behaviour is shown in a comment, in bytes; and so many behaviours that one line stems from. */
#define SUGGEST_COMMENT_MAX    240
#define SUGGEST_BEHAVIOURS_MAX 12

/* `indent`, "# ", and the behaviour as "service nginx: accept /usr/sbin/nginx tcp 443 internet", as one line. */
void suggest_comment(struct buffer *out, const char *indent, const struct behaviour *behaviour);

/* The same of many: the first ones, and how many there are besides. */
void suggest_comments(struct buffer *out, const char *indent, const struct behaviour *const *behaviours, size_t count);

/* The words of an object; those that are missing are "". */
struct suggest_object {
	char text[BEHAVIOUR_OBJECT_MAX];
	const char *word[3];
};

void suggest_split(struct suggest_object *out, const char *object);

/* Is the word nothing but a star, which stands for any? */
bool suggest_is_any(const char *word);

#endif
