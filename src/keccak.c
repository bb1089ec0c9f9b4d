/*
 * keccak.c: Keccak-256 as Ethereum has it: the submission of 2008 with padding 0x01, not FIPS 202's SHA3-256, which
 * pads with 0x06. "The Keccak reference", version 3.0 (Bertoni, Daemen, Peeters, Van Assche): keccak-f[1600], capacity
 * 512.
 *
 * The lanes are numbers, read and written byte by byte from the lowest, so that the machine's order does not matter.
 * The loops over lanes are unrolled by the compiler, which makes the offsets constants and keeps most lanes in
 * registers.
 */
#include <string.h>

#include "internal.h"

enum { LANES = 25, ROUNDS = 24, RATE = 136 };

static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001u, 0x0000000000008082u, 0x800000000000808au, 0x8000000080008000u, 0x000000000000808bu,
    0x0000000080000001u, 0x8000000080008081u, 0x8000000000008009u, 0x000000000000008au, 0x0000000000000088u,
    0x0000000080008009u, 0x000000008000000au, 0x000000008000808bu, 0x800000000000008bu, 0x8000000000008089u,
    0x8000000000008003u, 0x8000000000008002u, 0x8000000000000080u, 0x000000000000800au, 0x800000008000000au,
    0x8000000080008081u, 0x8000000000008080u, 0x0000000080000001u, 0x8000000080008008u,
};

/* Of lane x + 5y: by how much rho rotates it, and to which lane pi moves it. */
static const unsigned char rotations[LANES] = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                                               25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};
static const unsigned char moves[LANES] = {0,  10, 20, 5, 15, 16, 1,  11, 21, 6, 7,  17, 2,
                                           12, 22, 23, 8, 18, 3,  13, 14, 24, 9, 19, 4};

static inline uint64_t rotl(uint64_t x, unsigned k) { return (x << k) | (x >> ((64 - k) & 63)); }

static inline void theta(uint64_t *a) {
  uint64_t c[5], d;
#pragma GCC unroll 5
  for (int x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma GCC unroll 5
  for (int x = 0; x < 5; x++) {
    d = c[(x + 4) % 5] ^ rotl(c[(x + 1) % 5], 1);
#pragma GCC unroll 5
    for (int y = 0; y < LANES; y += 5) a[x + y] ^= d;
  }
}

static inline void rho_pi(uint64_t *b, const uint64_t *a) {
#pragma GCC unroll 25
  for (int i = 0; i < LANES; i++) b[moves[i]] = rotl(a[i], rotations[i]);
}

static inline void chi(uint64_t *a, const uint64_t *b) {
#pragma GCC unroll 25
  for (int i = 0; i < LANES; i++) a[i] = b[i] ^ (~b[i / 5 * 5 + (i + 1) % 5] & b[i / 5 * 5 + (i + 2) % 5]);
}

static void permute(uint64_t *state) {
  uint64_t a[LANES], b[LANES];
  memcpy(a, state, sizeof a);
  for (int round = 0; round < ROUNDS; round++) {
    theta(a);
    rho_pi(b, a);
    chi(a, b);
    a[0] ^= round_constants[round];
  }
  memcpy(state, a, sizeof a);
}

static inline uint64_t load(const uint8_t *at) {
  uint64_t lane = 0;
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) lane |= (uint64_t)at[i] << 8 * i;
  return lane;
}

static void absorb(uint64_t *state, const uint8_t *block) {
  for (int i = 0; i < RATE / 8; i++) state[i] ^= load(block + 8 * (ptrdiff_t)i);
  permute(state);
}

void vn_keccak256(uint8_t *out, const uint8_t *data, size_t len) {
  uint64_t state[LANES] = {0};
  uint8_t last[RATE] = {0};
  for (; len >= RATE; data += RATE, len -= RATE) absorb(state, data);
  if (len) memcpy(last, data, len);
  last[len] = 0x01;
  last[RATE - 1] |= 0x80;
  absorb(state, last);
  for (int i = 0; i < VN_KECCAK_BYTES; i++) out[i] = (uint8_t)(state[i / 8] >> 8 * (i % 8));
}
