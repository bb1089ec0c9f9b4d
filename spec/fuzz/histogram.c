/* histogram.c: encoded histograms: refused and without effect, or added so that they encode to the same again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "vernier.h"

enum { DIGITS = 3 };

static size_t encoded(const vn_hist *h, char *out, size_t cap) {
  int n = vn_hist_encode(h, out, cap);
  FUZZ_CHECK(n > 0 || cap < vn_hist_encoded_max(h));
  return n > 0 ? (size_t)n : 0;
}

size_t fuzz_seed(int i, char *out, size_t cap) {
  static const int counts[] = {0, 1, 2, 100, 5000};
  if (i >= (int)(sizeof counts / sizeof *counts)) return 0;
  vn_hist *h = vn_hist_new(DIGITS);
  for (int k = 0; k < counts[i]; k++) vn_hist_record(h, 1.0 + (double)k * k * 997);
  size_t len = encoded(h, out, cap);
  vn_hist_free(h);
  return len;
}

static void check_same_again(const vn_hist *h) {
  size_t cap = (size_t)vn_hist_encoded_max(h) + 1;
  char *text = malloc(cap);
  vn_hist *copy = vn_hist_new(DIGITS);
  if (!text || !copy) exit(1);
  int len = vn_hist_encode(h, text, cap);
  FUZZ_CHECK(len > 0 && (size_t)len <= cap);
  FUZZ_CHECK(vn_hist_decode_add(copy, text, (size_t)len) == 0);
  FUZZ_CHECK(vn_hist_count(copy) == vn_hist_count(h));
  FUZZ_CHECK(vn_hist_min(copy) == vn_hist_min(h) && vn_hist_max(copy) == vn_hist_max(h));
  FUZZ_CHECK(vn_hist_percentile(copy, 99) == vn_hist_percentile(h, 99));
  vn_hist_free(copy);
  free(text);
}

static void check_figures(const vn_hist *h) {
  FUZZ_CHECK(vn_hist_count(h) >= 0);
  FUZZ_CHECK(isfinite(vn_hist_mean(h)) && isfinite(vn_hist_stddev(h)) && vn_hist_stddev(h) >= 0);
  FUZZ_CHECK(vn_hist_min(h) <= vn_hist_max(h));
  FUZZ_CHECK(vn_hist_percentile(h, 100) <= vn_hist_max(h));
}

void fuzz_one(const char *data, size_t len) {
  vn_hist *h = vn_hist_new(DIGITS);
  if (!h) exit(1);
  vn_hist_record(h, 12345);
  double before = vn_hist_count(h);
  int rc = vn_hist_decode_add(h, data, len);
  FUZZ_CHECK(rc <= 0);
  if (rc < 0) FUZZ_CHECK(vn_hist_count(h) == before && vn_hist_max(h) == 12345);
  check_figures(h);
  check_same_again(h);
  vn_hist_free(h);
}
