/*
 * How late a process with nothing else to do is for the instants of a fixed rate: what the machine allows at best.
 * usage: waiting spin|sleep RATE SECONDS   spin: reads the clock all the time; sleep: clock_nanosleep until each
 * instant Prints the median and the 99th percentile in us.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t wait_until(int64_t due_ns, int sleeps) {
  struct timespec t = {due_ns / 1000000000, due_ns % 1000000000};
  if (sleeps) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
  int64_t now = now_ns();
  while (now < due_ns) now = now_ns();
  return now;
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  double rate = atof(argv[2]);
  size_t n = (size_t)(rate * atof(argv[3]));
  if (n == 0) return 2;
  int64_t *late = calloc(n, sizeof *late), from = now_ns() + 1000000;
  if (!late) return 1;
  for (size_t i = 0; i < n; i++) {
    int64_t due = from + (int64_t)((double)i * 1e9 / rate);
    late[i] = wait_until(due, strcmp(argv[1], "sleep") == 0) - due;
  }
  qsort(late, n, sizeof *late, by_value);
  int64_t median = late[n / 2], high = late[n * 99 / 100];
  printf("%.3f %.3f\n", (double)median / 1e3, (double)high / 1e3);
  free(late);
  return 0;
}
