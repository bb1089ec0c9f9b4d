/*
 * histogram.c: ns per record of a histogram, in C alone. usage: histogram inline|call DIGITS
 * inline is what a load does at the end of a transaction, call what Lua calls. Values are exponential around 2 ms, or
 * all in one cell after the third word "constant".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

enum { VALUES = 1 << 16, ROUNDS = 1000 };

static int64_t values[VALUES];

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(bool constant) {
  uint64_t x = 88172645463325252;
  for (int i = 0; i < VALUES; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    values[i] = constant ? 2000000 : 1 - (int64_t)(2e6 * log1p(-(double)(x >> 11) * 0x1p-53));
  }
}

static void record_inline(vn_hist *h) {
  for (int i = 0; i < VALUES; i++) vn__hist_record(h, values[i]);
}

static void record_call(vn_hist *h) {
  for (int i = 0; i < VALUES; i++) vn_hist_record(h, (double)values[i]);
}

int main(int argc, char **argv) {
  vn_hist *h = argc > 2 ? vn_hist_new((int)strtol(argv[2], NULL, 10)) : NULL;
  if (!h) return 2;
  fill(argc > 3);
  void (*record)(vn_hist *) = strcmp(argv[1], "inline") == 0 ? record_inline : record_call;
  record(h);
  double from = seconds();
  for (int i = 0; i < ROUNDS; i++) record(h);
  printf("%.3f\n", (seconds() - from) * 1e9 / ROUNDS / VALUES);
  vn_hist_free(h);
  return 0;
}
