/*
 * How long each core takes for a sum that keeps all its multipliers busy, in ns per step, core by core.
 *
 * A virtual core often is one of two threads of a physical one. While the other one works for somebody else, the units
 * are shared: code with much to do at once takes up to 2.5 times as long. Steal and waiting times do not show it. The
 * least of several short sums leaves out what only interrupts.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { SUMS = 5, STEPS = 3000000 };

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t sum(void) {
  uint64_t a = 3, b = 5, c = 7, d = 9;
  for (uint64_t i = 0; i < STEPS; i++) {
    a *= 3;
    b += a ^ i;
    c *= 5;
    d += c ^ i;
    a ^= d;
  }
  return a + b + c + d;
}

static double step_ns(void) {
  volatile uint64_t result;
  double least = 1e18;
  for (int i = 0; i < SUMS; i++) {
    double from = now_ns();
    result = sum();
    double took = (now_ns() - from) / STEPS;
    if (took < least) least = took;
  }
  (void)result;
  return least;
}

int main(void) {
  cpu_set_t all, one;
  if (sched_getaffinity(0, sizeof all, &all) != 0) return 1;
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) return 1;
    printf("%.4f\n", step_ns());
  }
  return 0;
}
