/* live.c: the live file of a killed worker: refused, or everything it offers can be read and adds up to finite figures.
 */
#include "live.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

/*
 * The head, and of each segment what it is a mark of, are what decides; the rest of the file is histogram cells. An
 * input is the head and then, where it is longer than that, these numbers.
 */
enum { HEAD_KEPT = 24 + sizeof(vn_load_counters) + 2 * VN_NAME_MAX, HEAD_SIZE = 4096, SEGMENTS = 4 };

static size_t file_size, segment;
static char whole[8 << 20], damaged[8 << 20];

static void make_file(void) {
  const char *path = fuzz_file("", 0);
  unlink(path);
  vn_live *v = vn__live_new(path, 2);
  if (!v) exit(1);
  vn__live_add_class(v, "timeout");
  FUZZ_CHECK(v->head_size == HEAD_SIZE);
  segment = v->segment;
  for (int i = 0; i < SEGMENTS; i++) {
    int op = i % 2 ? vn__live_add_mark(v, i - 1, "accepted") : vn__live_add_operation(v, i ? "query" : "open");
    FUZZ_CHECK(op == i);
    for (int clock = 0; clock < VN_CLOCKS; clock++) vn_hist_record(vn_live_hist(v, op, clock), 1e6 + clock);
  }
  FILE *f = fopen(path, "rb");
  if (!f) exit(1);
  file_size = fread(whole, 1, sizeof whole, f);
  fclose(f);
  memcpy(damaged, whole, file_size);
  vn__live_free(v);
}

static char *mark_of(char *file, int i) {
  return file + HEAD_SIZE + (size_t)i * segment + offsetof(vn_live_op, mark_of);
}

size_t fuzz_seed(int i, char *out, size_t cap) {
  static const size_t lens[] = {HEAD_KEPT, HEAD_SIZE, HEAD_SIZE + SEGMENTS * sizeof(int32_t)};
  if (i > 2 || lens[i] > cap) return 0;
  if (!file_size) make_file();
  memcpy(out, whole, lens[i] < HEAD_SIZE ? lens[i] : HEAD_SIZE);
  for (int k = 0; i == 2 && k < SEGMENTS; k++) memcpy(out + HEAD_SIZE + 4 * k, mark_of(whole, k), 4);
  return lens[i];
}

static void read_operation(vn_live *v, int op) {
  FUZZ_CHECK(memchr(vn_live_operation(v, op), 0, VN_NAME_MAX));
  FUZZ_CHECK(vn_live_operation_counters(v, op));
  int of = vn_live_mark_of(v, op);
  FUZZ_CHECK(of == -1 || (of >= 0 && of < op && vn_live_mark_of(v, of) == -1));
  for (int clock = 0; clock < VN_CLOCKS; clock++) {
    vn_hist *copy = vn_hist_new((int)v->head->digits);
    if (!copy) exit(1);
    int rc = vn_hist_add(copy, vn_live_hist(v, op, clock));
    if (rc == 0) FUZZ_CHECK(vn_hist_count(copy) >= 0 && isfinite(vn_hist_mean(copy)));
    vn_hist_free(copy);
  }
}

/* A short input is a torn file; a longer one is the beginning of a whole file. */
static vn_live *open_damaged(const char *data, size_t len) {
  if (len < HEAD_KEPT) return vn_live_open(fuzz_file(data, len));
  size_t head = len < HEAD_SIZE ? len : HEAD_SIZE;
  memcpy(damaged, data, head);
  for (int i = 0; i < SEGMENTS; i++)
    if (len >= HEAD_SIZE + 4 * ((size_t)i + 1)) memcpy(mark_of(damaged, i), data + HEAD_SIZE + 4 * i, 4);
  vn_live *v = vn_live_open(fuzz_file(damaged, file_size));
  memcpy(damaged, whole, head);
  for (int i = 0; i < SEGMENTS; i++) memcpy(mark_of(damaged, i), mark_of(whole, i), 4);
  return v;
}

void fuzz_one(const char *data, size_t len) {
  if (!file_size) make_file();
  vn_live *v = open_damaged(data, len);
  if (!v) return;
  FUZZ_CHECK(vn_live_operations(v) >= 0 && vn_live_operations(v) <= VN_LIVE_OP_MAX);
  FUZZ_CHECK(vn_live_classes(v) >= 0 && vn_live_classes(v) <= VN_CLASS_MAX);
  FUZZ_CHECK(vn_live_counters(v));
  for (int i = 0; i < vn_live_classes(v); i++) FUZZ_CHECK(memchr(vn_live_class(v, i), 0, VN_NAME_MAX));
  for (int i = 0; i < vn_live_operations(v); i++) read_operation(v, i);
  vn_live_close(v);
}
