/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text of contexts with lines below them, one behaviour each: a model's, or that of decisions about behaviours. Both have
 * the same words, escapes, comments and errors; they differ in their first line, and in what a line has besides.
 */
#ifndef MODEL_TEXT_PRIV_H
#define MODEL_TEXT_PRIV_H

#include "base/error.h"
#include "model/grammar_priv.h"

struct text_reader;

/* A line that was read. Everything is borrowed until take() returns. */
struct text_line {
	const struct text_reader *reader;
	const struct behaviour *behaviour;
	struct word first;   /* the whole line begins here */
	unsigned verb;       /* of form->verbs */
	struct word comment; /* after its '#'; text NULL where there is none */
	struct word end;     /* where the line's words end; of size 0 */
};

/* A line of another sort, in words. Borrowed, too. */
struct text_other {
	const struct text_reader *reader;
	const struct behaviour *context; /* that it stands below; NULL before the first */
	bool indented;
	const struct word *word;
	unsigned count; /* of the words, at least 1 and at most TEXT_WORDS_MAX; more are not shown */
};

#define TEXT_WORDS_MAX 9

/* What such a text is like. */
struct text_form {
	const char *title; /* its first line; the version's number ends it */
	const char *const
		*verbs; /* the words of which one stands before each behaviour, ended by NULL; NULL: none does */
	const char *verbs_in_words;
	size_t maximum; /* of the text, in bytes */
	/* 0, -ENOMEM, or what text_fault() returned. */
	int (*take)(void *owner, const struct text_line *line);
	/* Asked about each line first: 1 took it, 0 it is a context or a behaviour, or as above. NULL: there are no others. */
	int (*other)(void *owner, const struct text_other *line);
};

/* Strict: -EINVAL with NAME:LINE:COLUMN and what was expected; -ENOMEM. What was taken before stays with the owner. */
int text_read(const struct text_form *form, const char *name, const char *text, size_t size, void *owner,
	      struct error *error);

/* One line as on a command line, its context and its behaviour apart; errors call them so. */
int text_read_line(const struct text_form *form, const char *context, const char *line, void *owner,
		   struct error *error);

/* An error at a place in the line that is being read; returns -EINVAL. */
int text_fault(const struct text_reader *reader, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The number of the line that is being read, from 1. */
size_t text_number(const struct text_reader *reader);

/* "found 'x', expected y": `at` is in `word`, or anywhere if that has the size 0. */
int text_expected(const struct text_reader *reader, struct word word, const char *at, const char *what);

/* Writing: a context's line; a behaviour's kind, program and object, without what stands around them. */
void text_print_context(struct buffer *out, const struct behaviour *behaviour);
void text_print_behaviour(struct buffer *out, const struct behaviour *behaviour);

bool text_same_context(const struct behaviour *one, const struct behaviour *other);

#endif
