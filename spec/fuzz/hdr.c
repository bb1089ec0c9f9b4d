/*
 * hdr.c: histograms in HdrHistogram's form: refused, or sound and the same again after another trip. The first byte
 * says how the rest travels: 't' as the text itself, 'b' as the bytes of the text, 'z' as what the compressed form
 * holds: a mutation behind a checksum would never come through.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base64.h"
#include "fuzz.h"
#include "vernier.h"

enum { OUTER = 8 };

static size_t to_text(char *out, size_t cap, const unsigned char *bytes, size_t len) {
  vn_base64 w = {.out = out, .cap = cap};
  for (size_t i = 0; i < len; i++) vn__base64_put(&w, bytes[i]);
  vn__base64_end(&w);
  FUZZ_CHECK(!w.full);
  return w.len;
}

static size_t pack(unsigned char *out, size_t cap, const char *bytes, size_t len) {
  uLongf n = cap - OUTER;
  FUZZ_CHECK(compress(out + OUTER, &n, (const unsigned char *)bytes, len) == Z_OK);
  unsigned char head[OUTER] = {0x1c, 0x84, 0x93, 0x14, n >> 24 & 255, n >> 16 & 255, n >> 8 & 255, n & 255};
  memcpy(out, head, OUTER);
  return OUTER + n;
}

/* ---- seeds ---- */

static size_t encoded(int digits, int n, char *out, size_t cap) {
  vn_hist *h = vn_hist_new(digits);
  for (int k = 0; k < n; k++) vn_hist_record(h, 1.0 + (double)k * k * 997);
  int len = vn_hdr_encode(h, out, cap);
  vn_hist_free(h);
  return len > 0 ? (size_t)len : 0;
}

/* What the compressed text holds. */
static size_t unpacked(char *out, size_t cap, const char *text, size_t len) {
  unsigned char bytes[65536];
  size_t n = len <= sizeof bytes ? vn__base64_decode(bytes, text, len) : 0;
  uLongf got = cap;
  return n > OUTER && uncompress((unsigned char *)out, &got, bytes + OUTER, n - OUTER) == Z_OK ? got : 0;
}

size_t fuzz_seed(int i, char *out, size_t cap) {
  static const int counts[] = {0, 1, 2, 100, 1000};
  static const char modes[] = {'t', 'b', 'z'};
  enum { N = sizeof counts / sizeof *counts };
  if (i >= 3 * N) return 0;
  static char text[65536];
  size_t len = encoded(1 + i % 3, counts[i % N], text, sizeof text);
  out[0] = modes[i / N];
  if (out[0] != 't') return 1 + unpacked(out + 1, cap - 1, text, len);
  if (len >= cap) return 1;
  memcpy(out + 1, text, len);
  return 1 + len;
}

/* ---- one input ---- */

static void check_figures(const vn_hist *h) {
  FUZZ_CHECK(vn_hist_min(h) >= 0 && vn_hist_min(h) <= vn_hist_max(h) && vn_hist_max(h) <= 86400e9);
  FUZZ_CHECK(vn_hist_mean(h) >= vn_hist_min(h) && vn_hist_mean(h) <= vn_hist_max(h));
  FUZZ_CHECK(isfinite(vn_hist_stddev(h)) && vn_hist_stddev(h) >= 0);
  vn_hist_cell cell = {0};
  double n = 0;
  while (vn_hist_next(h, &cell)) n += cell.count;
  FUZZ_CHECK(fabs(n - vn_hist_count(h)) <= 1e-9 * n); /* counts above 2^53 are rounded one by one */
}

static void check_own_form(const vn_hist *h, int digits) {
  size_t cap = (size_t)vn_hist_encoded_max(h) + 1;
  char *text = malloc(cap);
  vn_hist *copy = vn_hist_new(digits);
  if (!text || !copy) exit(1);
  int len = vn_hist_encode(h, text, cap);
  FUZZ_CHECK(len > 0 && vn_hist_decode_add(copy, text, (size_t)len) == 0);
  FUZZ_CHECK(vn_hist_count(copy) == vn_hist_count(h) && vn_hist_max(copy) == vn_hist_max(h));
  vn_hist_free(copy);
  free(text);
}

static void check_same_again(const vn_hist *h) {
  size_t cap = (size_t)vn_hdr_encoded_max(h);
  char *text = malloc(cap);
  if (!text) exit(1);
  int len = vn_hdr_encode(h, text, cap), error = 1;
  FUZZ_CHECK(len > 0 && (size_t)len <= cap);
  FUZZ_CHECK(vn_hdr_encode(h, text, (size_t)len - 1) == VN_ELIMIT);
  vn_hist *copy = vn_hdr_decode(&error, text, (size_t)vn_hdr_encode(h, text, cap));
  FUZZ_CHECK(copy && error == 0);
  FUZZ_CHECK(vn_hist_count(copy) == vn_hist_count(h));
  FUZZ_CHECK(vn_hist_percentile(copy, 50) >= vn_hist_percentile(h, 50));
  vn_hist_free(copy);
  free(text);
}

static void try_text(const char *text, size_t len) {
  int error = 1;
  vn_hist *h = vn_hdr_decode(&error, text, len);
  FUZZ_CHECK(h ? error == 0 : error < 0 && *vn_errmsg());
  if (!h) return;
  check_figures(h);
  check_same_again(h);
  for (int digits = 1; digits <= 5; digits++) {
    vn_hist *other = vn_hist_new(digits);
    if (vn_hist_add(other, h) == 0) check_own_form(h, digits);
    vn_hist_free(other);
  }
  vn_hist_free(h);
}

void fuzz_one(const char *data, size_t len) {
  if (!len) return;
  if (data[0] == 't') {
    try_text(data + 1, len - 1);
    return;
  }
  size_t cap = compressBound(len) + OUTER;
  unsigned char *bytes = malloc(cap);
  char *text = malloc((cap + 2) / 3 * 4);
  if (!bytes || !text) exit(1);
  size_t n = len - 1;
  if (data[0] == 'z')
    n = pack(bytes, cap, data + 1, n);
  else
    memcpy(bytes, data + 1, n);
  try_text(text, to_text(text, (cap + 2) / 3 * 4, bytes, n));
  free(text);
  free(bytes);
}
