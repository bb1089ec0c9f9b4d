/*
 * clock.c: nanoseconds since a base that all local processes of a run share, so that they fit a Lua number exactly.
 *
 * Time is CLOCK_MONOTONIC. Where the kernel makes it from the processor's time stamp counter, so do we between two
 * readings of the clock, which are at most SPAN_NS apart: 10 ns instead of 23. The rate is that of the last seconds, so
 * what slews the clock is followed; time never goes back: what a span was too fast is taken off the rate of the next.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include "internal.h"

enum { SPAN_NS = 1000 * 1000, RATE_NS = 1000 * 1000 * 1000, PAIR_NS = 250, TRIES = 4 };

typedef struct reading { /* of both at one instant */
  uint64_t ticks;
  int64_t ns;
} reading;

typedef struct clock_state { /* each thread has its own */
  reading from;              /* of this span */
  uint64_t span;             /* ticks that it lasts; 0: the clock is read */
  uint64_t rate;             /* ns per tick in this span, times 2^32 */
  reading early, late;       /* what the rate is measured from, and the next such: at most 2 RATE_NS apart */
} clock_state;

static int64_t base_ns; /* absolute CLOCK_MONOTONIC; below 0 where a clock goes on that is older than the machine's */
static bool counted;    /* from the counter */
static __thread clock_state state;

static int64_t read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the counter ---- */

#if defined(__x86_64__)
static inline uint64_t read_counter(void) { return __rdtsc(); }

static bool counter_is_invariant(void) {
  unsigned a, b, c, d;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);
}
#else
static inline uint64_t read_counter(void) { return 0; }

static bool counter_is_invariant(void) { return false; }
#endif

/* The kernel takes its clock from elsewhere when it has found the counters of the cores to differ. */
static bool kernel_trusts_counter(void) {
  char name[32] = "";
  FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
  if (!f) return false;
  if (!fgets(name, sizeof name, f)) name[0] = 0;
  fclose(f);
  return strcmp(name, "tsc\n") == 0 || strcmp(name, "kvm-clock\n") == 0;
}

__attribute__((constructor)) static void init_clock(void) {
  base_ns = read_clock(CLOCK_MONOTONIC);
  counted = counter_is_invariant() && kernel_trusts_counter();
}

const char *vn_clock_source(void) { return counted ? "tsc" : "clock_gettime"; }

/* Both at once: false when something came between the two each time. */
static bool read_both(reading *r) {
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < TRIES; i++) {
    uint64_t before = read_counter();
    int64_t ns = read_clock(CLOCK_MONOTONIC);
    uint64_t took = read_counter() - before;
    if (took >= best) continue;
    best = took;
    *r = (reading){before + took / 2, ns};
    if (state.rate && took * state.rate >> 32 <= PAIR_NS) return true;
  }
  return !state.rate;
}

static uint64_t rate_between(const reading *a, const reading *b) {
  return (uint64_t)(((unsigned __int128)(b->ns - a->ns) << 32) / (b->ticks - a->ticks));
}

/* The rate since a reading that is between one and two RATE_NS old, once there is one. */
static bool measure_rate(const reading *now) {
  if (!state.early.ticks || now->ticks <= state.early.ticks) state.early = state.late = *now;
  if (now->ns - state.late.ns >= RATE_NS) {
    state.early = state.late;
    state.late = *now;
  }
  if (now->ns - state.early.ns < SPAN_NS) return false;
  state.rate = rate_between(&state.early, now);
  return true;
}

/* The last instant that this span can have given. */
static int64_t latest_of_span(uint64_t ticks) {
  uint64_t used = ticks < state.span ? ticks : state.span;
  return state.from.ns + (int64_t)(used * state.rate >> 32);
}

/* A new span begins; the time of its beginning. */
static int64_t begin_span(void) {
  reading now;
  bool sound = read_both(&now);
  int64_t latest = latest_of_span(now.ticks - state.from.ticks);
  int64_t ahead = latest > now.ns ? latest - now.ns : 0;
  if (!sound) return now.ns + (ahead < SPAN_NS / 4 ? ahead : 0);
  state.span = 0;
  if (ahead >= SPAN_NS / 4 || !measure_rate(&now)) {
    state.from = now;
    return now.ns;
  }
  state.span = ((uint64_t)SPAN_NS << 32) / state.rate;
  state.rate -= ((uint64_t)ahead << 32) / state.span;
  state.from = (reading){now.ticks, now.ns + ahead};
  return state.from.ns;
}

static inline int64_t now_ns(void) {
  if (VN_UNLIKELY(!counted)) return read_clock(CLOCK_MONOTONIC);
  uint64_t ticks = read_counter() - state.from.ticks;
  if (VN_UNLIKELY(ticks >= state.span)) return begin_span();
  return state.from.ns + (int64_t)(ticks * state.rate >> 32);
}

/* ---- what others see ---- */

double vn_clock_now(void) { return (double)(now_ns() - base_ns); }

double vn_clock_wall_us(void) {
  int64_t us = read_clock(CLOCK_REALTIME) / 1000;
  return (double)us;
}

double vn_clock_cpu_ns(void) { return (double)read_clock(CLOCK_PROCESS_CPUTIME_ID); }

int vn_clock_set_base(const char *decimal) {
  char *end;
  errno = 0;
  long long value = strtoll(decimal, &end, 10);
  if (*end || end == decimal || errno == ERANGE)
    return vn__fail(VN_EINVAL, "clock base \"%s\" is not a decimal number", decimal);
  base_ns = value;
  return 0;
}

void vn_clock_set_now(double ns) { base_ns = now_ns() - (int64_t)ns; }

const char *vn_clock_base(void) {
  static char text[24];
  snprintf(text, sizeof text, "%" PRId64, base_ns);
  return text;
}

int64_t vn__clock_absolute(double ns) { return (int64_t)ns + base_ns; }
