/* live.c: the live file of a killed worker: refused, or everything it offers can be read and adds up to finite figures.
 */
#include "live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

/* The head and the first bytes of a segment are what decides; the rest of the file is histogram cells. */
enum { HEAD_KEPT = 24 + sizeof(vn_load_counters) + 2 * VN_NAME_MAX };

static size_t file_size;
static char whole[8 << 20], damaged[8 << 20];

static void make_file(void) {
  const char *path = fuzz_file("", 0);
  unlink(path);
  vn_live *v = vn__live_new(path, 3);
  if (!v) exit(1);
  vn__live_add_class(v, "timeout");
  for (int i = 0; i < 2; i++) {
    int op = vn__live_add_operation(v, i ? "query" : "open");
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

size_t fuzz_seed(int i, char *out, size_t cap) {
  if (i > 1) return 0;
  if (!file_size) make_file();
  size_t len = i ? 4096 : HEAD_KEPT;
  if (len > cap || len > file_size) len = cap;
  memcpy(out, whole, len);
  return len;
}

static void read_operation(vn_live *v, int op) {
  FUZZ_CHECK(memchr(vn_live_operation(v, op), 0, VN_NAME_MAX));
  FUZZ_CHECK(vn_live_operation_counters(v, op));
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
  if (len > file_size) len = file_size;
  memcpy(damaged, data, len);
  vn_live *v = vn_live_open(fuzz_file(damaged, file_size));
  memcpy(damaged, whole, len);
  return v;
}

void fuzz_one(const char *data, size_t len) {
  if (!file_size) make_file();
  vn_live *v = open_damaged(data, len);
  if (!v) return;
  FUZZ_CHECK(vn_live_operations(v) >= 0 && vn_live_operations(v) <= VN_OP_MAX);
  FUZZ_CHECK(vn_live_classes(v) >= 0 && vn_live_classes(v) <= VN_CLASS_MAX);
  FUZZ_CHECK(vn_live_counters(v));
  for (int i = 0; i < vn_live_classes(v); i++) FUZZ_CHECK(memchr(vn_live_class(v, i), 0, VN_NAME_MAX));
  for (int i = 0; i < vn_live_operations(v); i++) read_operation(v, i);
  vn_live_close(v);
}
