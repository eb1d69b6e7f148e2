/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes for tables. hash_bytes() is SipHash-1-3 (Aumasson and Bernstein, 2012) under a key drawn once
 * per process, since the strings come from programs that may want our tables slow; hash_u64() is for
 * numbers that the kernel chose.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size);
uint64_t hash_text(const char *text);
uint64_t hash_u64(uint64_t value);
uint64_t hash_mix(uint64_t one, uint64_t other);

#endif
