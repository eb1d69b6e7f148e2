/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes off what is incidental: pids, uuids, hashes, dates, temporary suffixes, release directories, ephemeral ports.
 * Deterministic and idempotent: normalising a normal form changes nothing. docs/reference/model.md has the rules.
 */
#ifndef MODEL_NORMALISE_H
#define MODEL_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A path (escaped text), wherever it is. `*` stands for one segment or a part of it; never for an extension, and never
 * for a package's version (python3.11, postgresql/15). `out` has room for `size` bytes; a result that doesn't fit is
 * cut at a segment and so ends in '/', which no executable's path does.
 */
void normalise_path(const char *path, char *out, size_t size);

/*
 * The same of a file that is written. Numbers go as well: of four digits or more, those that count rotations (log.2.gz), months
 * and directories by date. A version (1.2.3) and a library's number (.so.1) stay. What goes as well is the name of the host that it is on ("" where
 * that isn't known), or its first label, where that has four bytes or more and a digit or dash, so that it is no mere word.
 */
void normalise_file(const char *path, const char *host, char *out, size_t size);

/*
 * Program text (program.h): the paths in it normalised, the class kept. A path keeps every byte where a name is all
 * that tells one program from another: in a directory that anyone may write to (/tmp, /var/tmp, /dev/shm, /run/user),
 * where it has a segment that leads elsewhere (.. and the like), and where it is no path (memfd:NAME).
 */
void normalise_program(const char *text, char *out, size_t size);

/* "443", or "ephemeral" from 32768 on: the same on every host, whatever its ip_local_port_range. */
#define NORMALISE_EPHEMERAL 32768
void normalise_port(uint16_t port, char *out, size_t size);

#endif
