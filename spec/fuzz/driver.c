/*
 * driver.c: mutates seeds and feeds them to a harness until the time is over. Works with any compiler's sanitizers.
 *
 * usage: HARNESS SECONDS LAST-INPUT [FILE…]: FILE instead of mutations repeats a finding. The input that is being tried
 * lies in LAST-INPUT, a shared mapping, so that it is there after any kind of death. FUZZ_SEED fixes the random
 * numbers.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 16, POOL_MAX = 256, HANG_SECONDS = 10, MUTATIONS_MAX = 6 };

typedef struct input {
  size_t len;
  char data[INPUT_MAX];
} input;

static uint64_t state;
static input pool[POOL_MAX];
static int n_pool;
static char file_path[64];

static uint64_t next_random(void) { /* splitmix64 */
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static size_t below(size_t n) { return n ? (size_t)(next_random() % n) : 0; }

void fuzz_fail(const char *condition, const char *file, int line) {
  fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition);
  abort();
}

size_t fuzz_text(const char *text, char *out, size_t cap) {
  size_t len = strlen(text);
  if (len > cap) len = cap;
  memcpy(out, text, len);
  return len;
}

const char *fuzz_file(const char *data, size_t len) {
  int fd = open(file_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, data, len) != (ssize_t)len) {
    perror(file_path);
    exit(1);
  }
  close(fd);
  return file_path;
}

static void remove_file(void) { unlink(file_path); }

/* ---- mutations: each changes the input in place ---- */

static void flip(input *in) { in->data[below(in->len)] ^= (char)(1u << below(8)); }

static void overwrite(input *in) {
  static const char interesting[] = {0,   1,    -1,  127, -128, '\r', '\n', ' ', ':',
                                     '"', '\'', '{', '}', '[',  '&',  '*',  '0'};
  in->data[below(in->len)] = below(2) ? interesting[below(sizeof interesting)] : (char)next_random();
}

static void cut(input *in) {
  size_t from = below(in->len), n = 1 + below(in->len - from);
  memmove(in->data + from, in->data + from + n, in->len - from - n);
  in->len -= n;
}

static void repeat(input *in) {
  size_t from = below(in->len), n = 1 + below(in->len - from);
  if (n > 256) n = 256;
  if (in->len + n > INPUT_MAX) return;
  memmove(in->data + from + n, in->data + from, in->len - from);
  in->len += n;
}

static void graft(input *in) {
  const input *other = &pool[below((size_t)n_pool)];
  size_t at = below(in->len), from = below(other->len), n = other->len - from;
  if (at + n > INPUT_MAX) n = INPUT_MAX - at;
  memcpy(in->data + at, other->data + from, n);
  if (at + n > in->len) in->len = at + n;
}

static void number(input *in) {
  static const uint32_t interesting[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff};
  if (in->len < 4) return;
  uint32_t value = interesting[below(sizeof interesting / sizeof *interesting)];
  memcpy(in->data + below(in->len - 3), &value, 4);
}

static void mutate(input *in) {
  static void (*const mutations[])(input *) = {flip, overwrite, cut, repeat, graft, number};
  for (size_t n = 1 + below(MUTATIONS_MAX); n > 0 && in->len > 0; n--)
    mutations[below(sizeof mutations / sizeof *mutations)](in);
}

/* ---- the run ---- */

static void load_seeds(void) {
  while (n_pool < POOL_MAX && (pool[n_pool].len = fuzz_seed(n_pool, pool[n_pool].data, INPUT_MAX)) > 0) n_pool++;
  if (n_pool == 0) {
    fputs("fuzz: the harness has no seed\n", stderr);
    exit(1);
  }
}

static input *map_last(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  void *p = fd < 0 || ftruncate(fd, sizeof(input))
                ? MAP_FAILED
                : mmap(NULL, sizeof(input), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) {
    perror(path);
    exit(1);
  }
  close(fd);
  return p;
}

/* The parsers get memory of the exact size, so that a sanitizer sees the first byte beyond it. */
static void try_one(const char *data, size_t len) {
  char *exact = malloc(len ? len : 1);
  if (!exact) exit(1);
  memcpy(exact, data, len);
  alarm(HANG_SECONDS);
  fuzz_one(exact, len);
  alarm(0);
  free(exact);
}

static int repeat_findings(char **paths, int n) {
  static input in;
  for (int i = 0; i < n; i++) {
    FILE *f = fopen(paths[i], "rb");
    if (!f || fread(&in, 1, sizeof in, f) < sizeof in.len || in.len > INPUT_MAX) {
      fprintf(stderr, "fuzz: cannot read %s\n", paths[i]);
      return 1;
    }
    fclose(f);
    try_one(in.data, in.len);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: HARNESS SECONDS LAST-INPUT [FILE…]\n", stderr);
    return 2;
  }
  snprintf(file_path, sizeof file_path, "/tmp/vernier-fuzz-%d", (int)getpid());
  atexit(remove_file);
  if (argc > 3) return repeat_findings(argv + 3, argc - 3);
  const char *seed = getenv("FUZZ_SEED");
  state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
  printf("FUZZ_SEED=%llu ", (unsigned long long)state);
  fflush(stdout);
  load_seeds();
  input *last = map_last(argv[2]);
  time_t end = time(NULL) + strtol(argv[1], NULL, 10);
  long tried = 0;
  for (int i = 0; i < n_pool; i++, tried++) {
    memcpy(last, &pool[i], sizeof *last);
    try_one(last->data, last->len);
  }
  while (time(NULL) < end) {
    const input *origin = &pool[below((size_t)n_pool)];
    last->len = origin->len;
    memcpy(last->data, origin->data, origin->len);
    mutate(last);
    try_one(last->data, last->len);
    tried++;
  }
  printf("%ld inputs, none broke a promise\n", tried);
  unlink(argv[2]);
  return 0;
}
