/* SPDX-License-Identifier: Apache-2.0 */
/* What a behaviour is, as the rows of the severity table ask for it. */
#ifndef MODEL_TRAIT_PRIV_H
#define MODEL_TRAIT_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/* Bits. Each has a word in trait_name(), by which docs/reference/severity.md calls it. */
enum trait {
	/* the context */
	TRAIT_SERVICE,
	TRAIT_JOB,
	TRAIT_NEW_CONTEXT, /* the model doesn't know it */

	/* the program: its names are in trait.c */
	TRAIT_SHELL,
	TRAIT_INTERPRETER,
	TRAIT_CODE,      /* code among the arguments (-c) or on standard input */
	TRAIT_TYPED,     /* code on standard input */
	TRAIT_LOADER,    /* run through the dynamic loader */
	TRAIT_MEMFD,     /* in no file */
	TRAIT_ANYONES,   /* it or its script lies where anyone may write */
	TRAIT_HIDDEN,    /* its own or its script's name begins with a dot */
	TRAIT_ELSEWHERE, /* it or its script lies where no package of the system's puts any */
	TRAIT_OFFENSIVE,
	TRAIT_RELAY,
	TRAIT_DOWNLOADER,
	TRAIT_RECON,
	TRAIT_LOOK,
	TRAIT_STORE,  /* it gets at a database by hand */
	TRAIT_MASTER, /* it starts, stops and ends others */
	TRAIT_ALTER,  /* it changes what files are: rights, times, encryption */
	TRAIT_ADMIN,
	TRAIT_RIGHTS,
	TRAIT_BUILD,
	TRAIT_SETUID_HELPER,

	/* owner, privilege */
	TRAIT_ROOT,
	TRAIT_CAPABILITIES,
	TRAIT_GROUP,

	/* accept, connect, listen: network */
	TRAIT_LOOPBACK,
	TRAIT_METADATA,
	TRAIT_RESOLVER,
	TRAIT_INTERNET,
	TRAIT_INSIDE,     /* private, link-local, and networks that have a name of the user's */
	TRAIT_EVERYWHERE, /* any */
	/* … port */
	TRAIT_WEB_PORT,
	TRAIT_NAME_PORT,
	TRAIT_TIME_PORT,
	TRAIT_LOGIN_PORT,
	TRAIT_USUAL_PORT, /* of a database, queue, mail server …; those before it, too, but for logins */
	TRAIT_EPHEMERAL,
	TRAIT_UDP,

	/* raw */
	TRAIT_PACKET,
	TRAIT_PING,

	/* write */
	TRAIT_NOTHING, /* the line that says so */
	TRAIT_ACCOUNTS,
	TRAIT_PERSISTENCE,
	TRAIT_LOGIN_RECORDS,
	TRAIT_PROGRAM_FILE,
	TRAIT_SETTINGS,
	TRAIT_CERTIFICATES,
	TRAIT_WEB_ROOT,
	TRAIT_RUNNABLE, /* its extension is a script's or a library's */
	TRAIT_STEERING, /* it tells a web server or an application what to do: .htaccess, .env … */
	TRAIT_CACHE,
	TRAIT_TEMPORARY,
	TRAIT_LOG,

	/* what the model knows of the context already */
	TRAIT_ALREADY_SHELL,     /* it starts shells */
	TRAIT_ALREADY_BESIDE,    /* exec: a program of the same directory, or the same one otherwise */
	TRAIT_ALREADY_OUT,       /* connect: this program to this network; or another one to this network and port */
	TRAIT_ALREADY_REACHED,   /* accept: it is reached from that network */
	TRAIT_ALREADY_PORT,      /* accept: this program at this port, from elsewhere */
	TRAIT_ALREADY_LISTENS,   /* listen: on another port, outside loopback, by this program */
	TRAIT_ALREADY_ROOT,      /* owner: it runs something as root */
	TRAIT_ALREADY_GAINS,     /* privilege: the same by another program */
	TRAIT_ALREADY_DIRECTORY, /* write: scripts or libraries by this program, in this directory */
	TRAIT_COUNT,
};

_Static_assert(TRAIT_COUNT <= 64, "traits are the bits of one number");

#define TRAIT_BIT(trait) (UINT64_C(1) << (trait))
#define TRAIT(name)      TRAIT_BIT(TRAIT_##name)

/* All traits of a behaviour. `known` may be NULL. Of what is known, only the groups in `already` are looked for. */
uint64_t traits_of(const struct behaviour *behaviour, struct model *known);

/*
 * What else behaviours have that the line's stars cover, of the traits that make it worse. A star that was put for what
 * was seen (a number, a date) is a permission as well.
 */
uint64_t traits_covered(const struct behaviour *line);

/* The word for it. */
const char *trait_name(enum trait trait);

/* The names that give a program the trait, separated by blanks; NULL where none do. */
const char *trait_programs(enum trait trait);

#endif
