/* clock.c: nanoseconds since a base that all local processes of a run share, so that they fit a Lua number exactly. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

static int64_t base_ns; /* absolute CLOCK_MONOTONIC; 0 until it is first needed */

static int64_t read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((constructor)) static void init_base(void) { base_ns = read_clock(CLOCK_MONOTONIC); }

double vn_clock_now(void) { return (double)(read_clock(CLOCK_MONOTONIC) - base_ns); }

double vn_clock_wall_us(void) {
  int64_t us = read_clock(CLOCK_REALTIME) / 1000;
  return (double)us;
}

double vn_clock_cpu_ns(void) { return (double)read_clock(CLOCK_PROCESS_CPUTIME_ID); }

int vn_clock_set_base(const char *decimal) {
  char *end;
  long long value = strtoll(decimal, &end, 10);
  if (*end || end == decimal || value < 0)
    return vn__fail(VN_EINVAL, "clock base \"%s\" is not a decimal number", decimal);
  base_ns = value;
  return 0;
}

const char *vn_clock_base(void) {
  static char text[24];
  snprintf(text, sizeof text, "%" PRId64, base_ns);
  return text;
}

int64_t vn__clock_absolute(double ns) { return (int64_t)ns + base_ns; }
