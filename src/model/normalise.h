/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes off what is incidental: pids, uuids, hashes, dates, temporary suffixes, release directories, ephemeral ports.
 * Deterministic and idempotent: normalising a normal form changes nothing.
 */
#ifndef MODEL_NORMALISE_H
#define MODEL_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A path (escaped text). `*` stands for one segment or a part of it; never for an extension. Executables in a
 * directory that anyone may write to (/tmp, /var/tmp, /dev/shm, /run/user) keep their exact path. `out` has
 * room for `size` bytes; a result that doesn't fit is cut at a segment.
 */
void normalise_path(const char *path, char *out, size_t size);

/* Program text (program.h): the paths in it normalised, the class kept. */
void normalise_program(const char *text, char *out, size_t size);

/* "443", or "ephemeral" from 32768 on: the same on every host, whatever its ip_local_port_range. */
void normalise_port(uint16_t port, char *out, size_t size);

#endif
