/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy: the security posture of one group of like servers. So far: which files to watch, who may change them,
 * what a release looks like, and the model and its networks. docs/reference/policy.md is the manual of its text.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "event/event.h"
#include "event/severity.h"
#include "model/mapping.h"
#include "model/network.h"

/* The longest text of a policy, in bytes, and of its name. */
#define POLICY_TEXT_MAX (1024U * 1024)
#define POLICY_NAME_MAX 64

/* Texts of which any may hold. */
struct texts {
	char **text; /* owned, each too */
	size_t count;
};

/* By what an exception knows who may change a file. */
enum who {
	WHO_USER,        /* the person who logged in, else whom the process acts as; exact */
	WHO_KEY,         /* the fingerprint of the person's key; exact */
	WHO_CERTIFICATE, /* the id of the person's certificate; a pattern, as are those below */
	WHO_PROGRAM,     /* the executable's path, or the program text */
	WHO_SERVICE,     /* the context */
	WHO_JOB,
	WHO_CHANGE, /* the change's id */
	WHO_COUNT,
};

/* Holds if every one of these holds that has texts. */
struct exception {
	struct texts who[WHO_COUNT];
};

struct file_rule {
	struct texts paths;           /* patterns (glob.h) */
	unsigned kinds;               /* 1 << EVENT_…, of EVENT_FILE_KINDS */
	struct exception *exceptions; /* owned; any of them excuses */
	size_t exception_count;
	enum severity severity;
	bool sombrero; /* a change by hand makes the host wear one */
	bool diff;     /* show what changed in a text */
};

/* By what a change is recognised. */
enum origin {
	ORIGIN_UNIT,        /* the service unit it runs in; exact */
	ORIGIN_KEY,         /* the session of that key; exact */
	ORIGIN_CERTIFICATE, /* … of a certificate with such an id; a pattern */
	ORIGIN_USER,        /* … of that account; exact */
	ORIGIN_RUN,         /* declared under such an id; a pattern */
	ORIGIN_COUNT,
};

struct change_origin {
	enum origin origin;
	char *value; /* owned */
};

/* A model that is part of the policy's, and where the policy says so. */
struct policy_layer {
	char *name; /* owned: a path where it has a slash, else the name of a layer */
	size_t line, column;
};

struct policy_network {
	char *name, *addresses; /* owned; good for networks_add() */
};

struct policy {
	char *name; /* owned, as all below */
	char *path; /* the file that it was read from; NULL: none */
	struct file_rule *files;
	size_t file_count;
	struct change_origin *changes;
	size_t change_count;
	struct policy_layer *layers;
	size_t layer_count;
	char *decisions;            /* a path; NULL: none */
	struct mapping *mapping;    /* of models that are not of production; NULL: none */
	struct fold_limits *limits; /* NULL: none */
	struct policy_network *networks;
	size_t network_count;
};

/* An empty policy; `name` is copied. NULL when out of memory. */
struct policy *policy_new(const char *name);

/* NULL is fine. */
void policy_free(struct policy *policy);

/*
 * Reads a policy. All of it is right, or it is an error and *out stays as it was: -EINVAL with FILE:LINE:COLUMN, -ENOMEM,
 * or for policy_load() what the file's reading said. `name` is what errors call the text.
 */
int policy_parse(const char *name, const char *text, size_t size, struct policy **out, struct error *error);
int policy_load(const char *path, struct policy **out, struct error *error);

/*
 * Adds a rule from a command line: one pattern and its exceptions ("user=chef", "program=/usr/bin/x" …), of which
 * any excuses. 0, -ENOMEM, or -EINVAL and the policy stays as it was.
 */
int policy_add_files(struct policy *policy, const char *pattern, const char *const *exceptions, size_t count,
		     struct error *error);

/* Is the event of one of the rule's kinds, and about one of its paths? */
bool file_rule_applies(const struct file_rule *rule, const struct event *event);

/* May who did it do so? A change may, always: it is marked, not alerted on. */
bool file_rule_excuses(const struct file_rule *rule, const struct event *event);

/* Does a declared change's id count? With no `run` among the origins every one does. */
bool policy_counts_run(const struct policy *policy, const char *id);

/* Adds the policy's networks. 0, -ENOMEM, or -EINVAL with a text for one that another has named before. */
int policy_name_networks(const struct policy *policy, struct networks *networks, struct error *error);

/* A file that the policy names, from the policy's directory on if it is relative. Owned; NULL when out of memory. */
char *policy_file(const struct policy *policy, const char *path);

/* The words of the policy's text; NULL for a number without one. */
const char *who_name(enum who who);
const char *origin_name(enum origin origin);

#endif
