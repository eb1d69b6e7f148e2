/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static const uint64_t *key(void)
{
	static uint64_t drawn[2];

	/* Without the random source a fixed key still hashes well; only an aimed collision gets easier. */
	if (!drawn[0] && getrandom(drawn, sizeof(drawn), GRND_NONBLOCK) != (ssize_t)sizeof(drawn))
		drawn[0] = 0x736f6d627265726fULL;
	drawn[0] |= 1;
	return drawn;
}

uint64_t hash_bytes(const void *bytes, size_t size)
{
	const uint64_t *k = key();
	uint64_t v[4] = { k[0] ^ 0x736f6d6570736575ULL, k[1] ^ 0x646f72616e646f6dULL, k[0] ^ 0x6c7967656e657261ULL,
			  k[1] ^ 0x7465646279746573ULL };
	const unsigned char *at = bytes;
	uint64_t last = (uint64_t)size << 56, word;

	for (; size >= 8; at += 8, size -= 8) {
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < size; i++)
		last |= (uint64_t)at[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_text(const char *text)
{
	return hash_bytes(text, strlen(text));
}

uint64_t hash_u64(uint64_t value)
{
	/* The finaliser of MurmurHash3 (Appleby, public domain). */
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdULL;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ULL;
	return value ^ value >> 33;
}

uint64_t hash_mix(uint64_t one, uint64_t other)
{
	return hash_u64(one ^ (other + 0x9e3779b97f4a7c15ULL + (one << 6) + (one >> 2)));
}
