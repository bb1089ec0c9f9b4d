/*
 * random.c: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64 over (seed, stream, index), so that a
 * transaction's random numbers depend on its place in the plan and not on which worker executes it.
 */
#include <math.h>

#include "internal.h"

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static uint64_t splitmix(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint64_t next(vn_random *r) {
  uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

void vn_random_seed(vn_random *r, double seed, double stream, double index) {
  uint64_t state = (uint64_t)(int64_t)seed;
  state = splitmix(&state) ^ (uint64_t)(int64_t)stream;
  state = splitmix(&state) ^ (uint64_t)(int64_t)index;
  for (int i = 0; i < 4; i++) r->s[i] = splitmix(&state);
}

double vn_random_next(vn_random *r) { return (double)(next(r) >> 11) * 0x1p-53; }

double vn_random_below(vn_random *r, double n) {
  if (!(n >= 1)) return 0;
  uint64_t limit = (uint64_t)n, x = next(r);
  __uint128_t m = (__uint128_t)x * limit; /* Lemire's unbiased reduction */
  if ((uint64_t)m < limit) {
    uint64_t threshold = -limit % limit;
    while ((uint64_t)m < threshold) m = (__uint128_t)next(r) * limit;
  }
  return (double)(uint64_t)(m >> 64);
}

/* 1 - x is exact for an x of 53 bits, and log costs a third of log1p. */
double vn_random_exponential(vn_random *r, double mean) { return -mean * log(1 - vn_random_next(r)); }

double vn_random_normal(vn_random *r, double mean, double stddev) {
  double radius = sqrt(-2 * log1p(-vn_random_next(r))); /* Box and Muller, 1958; the second value is not kept */
  return mean + stddev * radius * cos(2 * M_PI * vn_random_next(r));
}
