/*
 * histogram.c: how often each duration was seen, to a fixed relative precision, in constant memory.
 *
 * The layout of HdrHistogram (Gil Tene; unit 1 ns): buckets that double in width, each of 2^k equal sub-buckets, so
 * that two values in one cell differ by less than one part in 10^digits. Cells are 64-bit and follow the header in one
 * block, so a histogram may also lie in mapped memory and survive its process. Sums are 128-bit integers: mean and
 * deviation are exact over any number of values. The cells between those of min and max are the only ones ever
 * touched, which is what reset, add and encode walk.
 *
 * Encoded form, base64 of: version 1, digits, then as LEB128 numbers count, min, max, sum, sum of squares, then one
 * number per cell from that of min to that of max: 2 x count, or 2 x gap + 1 for a gap of empty cells.
 * It does not correct for coordinated omission: response times are measured from the intended start instead.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "internal.h"

enum { ENCODED_VERSION = 1, HEADER_BYTES_MAX = 2 + 3 * 10 + 2 * 19 };

typedef unsigned __int128 wide;

_Static_assert(sizeof(vn_hist) % 16 == 0, "cells follow the header aligned");

/* ---- layout ---- */

static int half_bits_of(int digits) {
  static const int bits[] = {0, 4, 7, 10, 14, 17}; /* 2^(bits + 1) >= 2 * 10^digits */
  return digits < 1 || digits > 5 ? -1 : bits[digits];
}

static int cells_of(int half_bits) {
  int buckets = 1;
  while (((uint64_t)2 << half_bits << (buckets - 1)) <= VN_HIST_TOP_NS) buckets++;
  return (buckets + 1) << half_bits;
}

static int bucket_of(const vn_hist *h, int cell) {
  int bucket = (cell >> h->half_bits) - 1;
  return bucket < 0 ? 0 : bucket;
}

static uint64_t lowest_in(const vn_hist *h, int cell) {
  int bucket = bucket_of(h, cell);
  return (uint64_t)(cell - (bucket << h->half_bits)) << bucket;
}

static uint64_t highest_in(const vn_hist *h, int cell) {
  return lowest_in(h, cell) + ((uint64_t)1 << bucket_of(h, cell)) - 1;
}

static int first_cell(const vn_hist *h) { return vn__hist_cell(h, h->min_ns); }
static int last_cell(const vn_hist *h) { return vn__hist_cell(h, h->max_ns); }

static void clear_sums(vn_hist *h) {
  h->count = 0;
  h->min_ns = VN_HIST_TOP_NS;
  h->max_ns = 0;
  h->sum = 0;
  h->squares = 0;
}

/* ---- life ---- */

size_t vn__hist_size(int digits) {
  int half_bits = half_bits_of(digits);
  if (half_bits < 0) return 0;
  return (sizeof(vn_hist) + (size_t)cells_of(half_bits) * sizeof(uint64_t) + 63) & ~(size_t)63;
}

int vn__hist_init(vn_hist *mem, int digits) {
  int half_bits = half_bits_of(digits);
  if (half_bits < 0) return vn__fail(VN_EINVAL, "a histogram has 1 to 5 significant digits, not %d", digits);
  if ((uintptr_t)mem % _Alignof(vn_hist)) return vn__fail(VN_EINVAL, "memory of a histogram is not aligned");
  mem->magic = VN_HIST_MAGIC;
  mem->digits = digits;
  mem->half_bits = half_bits;
  mem->ncells = cells_of(half_bits);
  clear_sums(mem);
  return 0;
}

vn_hist *vn_hist_new(int digits) {
  size_t size = vn__hist_size(digits);
  if (!size) {
    vn__fail(VN_EINVAL, "a histogram has 1 to 5 significant digits, not %d", digits);
    return NULL;
  }
  vn_hist *h = calloc(1, size);
  if (h)
    vn__hist_init(h, digits);
  else
    vn__fail(VN_ENOMEM, "no memory for a histogram of %zu bytes", size);
  return h;
}

void vn_hist_free(vn_hist *h) { free(h); }

void vn_hist_reset(vn_hist *h) {
  if (h->count) memset(&h->cells[first_cell(h)], 0, (size_t)(last_cell(h) - first_cell(h) + 1) * sizeof h->cells[0]);
  clear_sums(h);
}

static bool has_layout(const vn_hist *h) {
  return h->magic == VN_HIST_MAGIC && half_bits_of(h->digits) >= 0 && h->half_bits == half_bits_of(h->digits) &&
         h->ncells == cells_of(h->half_bits);
}

/* A process killed inside vn__hist_record leaves the cells and the sums one value apart: the cells count. */
int vn__hist_repair(vn_hist *h) {
  if (!has_layout(h)) return vn__fail(VN_ECORRUPT, "no histogram, or of another version");
  uint64_t count = 0;
  int first = -1, last = -1;
  for (int i = 0; i < h->ncells; i++) {
    if (!h->cells[i]) continue;
    count += h->cells[i];
    last = i;
    if (first < 0) first = i;
  }
  if (!count) {
    clear_sums(h);
    return 0;
  }
  if (h->min_ns > VN_HIST_TOP_NS || first_cell(h) != first) h->min_ns = lowest_in(h, first);
  if (h->max_ns > VN_HIST_TOP_NS || last_cell(h) != last || h->max_ns < h->min_ns) h->max_ns = highest_in(h, last);
  if (h->max_ns > VN_HIST_TOP_NS) h->max_ns = VN_HIST_TOP_NS;
  h->count = count;
  wide low = (wide)count * h->min_ns, high = (wide)count * h->max_ns;
  h->sum = h->sum < low ? low : h->sum > high ? high : h->sum;
  if (h->squares / count < (wide)h->min_ns * h->min_ns) h->squares = low * h->min_ns;
  if (h->squares / count > (wide)h->max_ns * h->max_ns) h->squares = high * h->max_ns;
  return 0;
}

vn_hist *vn_hist_salvage(const vn_hist *dead) {
  if (!has_layout(dead)) {
    vn__fail(VN_ECORRUPT, "no histogram, or of another version");
    return NULL;
  }
  vn_hist *h = vn_hist_new(dead->digits);
  if (!h) return NULL;
  memcpy(h, dead, vn__hist_size(dead->digits));
  vn__hist_repair(h);
  return h;
}

/* ---- recording ---- */

void vn_hist_record(vn_hist *h, double ns) {
  vn__hist_record(h, !(ns > 0) ? 0 : ns >= (double)VN_HIST_TOP_NS ? (int64_t)VN_HIST_TOP_NS : (int64_t)ns);
}

static void add_sums(vn_hist *h, const vn_hist *o) {
  h->count += o->count;
  h->sum += o->sum;
  h->squares += o->squares;
  if (o->min_ns < h->min_ns) h->min_ns = o->min_ns;
  if (o->max_ns > h->max_ns) h->max_ns = o->max_ns;
}

int vn_hist_add(vn_hist *h, const vn_hist *other) {
  if (h->digits != other->digits)
    return vn__fail(VN_EINVAL, "histograms of %d and %d digits cannot be added", h->digits, other->digits);
  if (!other->count) return 0;
  for (int i = first_cell(other), last = last_cell(other); i <= last; i++) h->cells[i] += other->cells[i];
  add_sums(h, other);
  return 0;
}

/* Nothing of the sums has changed when this fails: the cell has not been counted either. */
int vn__hist_add_range(vn_hist *h, uint64_t from, uint64_t to, uint64_t n) {
  if (to > VN_HIST_TOP_NS) to = VN_HIST_TOP_NS;
  if (from > to) from = to;
  uint64_t middle = from + (to - from + 1) / 2, count;
  wide sum, squares;
  if (__builtin_add_overflow(h->count, n, &count) || count >> 63 ||
      __builtin_add_overflow(h->sum, (wide)n * middle, &sum) ||
      __builtin_mul_overflow((wide)middle * middle, (wide)n, &squares) ||
      __builtin_add_overflow(h->squares, squares, &squares))
    return vn__fail(VN_ELIMIT, "the counts of a histogram are too large to be added");
  int cell = vn__hist_cell(h, middle);
  uint64_t lowest = middle ? lowest_in(h, cell) : 0, highest = highest_in(h, cell);
  if (from < lowest) from = lowest;
  if (to > highest) to = highest;
  h->cells[cell] += n;
  h->count = count;
  h->sum = sum;
  h->squares = squares;
  if (from < h->min_ns) h->min_ns = from;
  if (to > h->max_ns) h->max_ns = to;
  return 0;
}

/* ---- reading ---- */

double vn_hist_count(const vn_hist *h) { return (double)h->count; }
double vn_hist_min(const vn_hist *h) { return h->count ? (double)h->min_ns : 0; }
double vn_hist_max(const vn_hist *h) { return (double)h->max_ns; }
double vn_hist_mean(const vn_hist *h) { return h->count ? (double)h->sum / (double)h->count : 0; }

/* Sum of (v - m)^2 around the whole-number mean m is exact modulo 2^128; the fraction of the mean is taken off last. */
double vn_hist_stddev(const vn_hist *h) {
  if (h->count < 2) return 0;
  wide m = h->sum / h->count;
  double fraction = (double)(uint64_t)(h->sum % h->count) / (double)h->count;
  wide around = h->squares - 2 * m * h->sum + (wide)h->count * m * m;
  if (around >> 127) return 0; /* sums one value apart: see vn__hist_repair */
  double variance = (double)around / (double)h->count - fraction * fraction;
  return variance > 0 ? sqrt(variance) : 0;
}

/* The next smaller p, lest 99.9 % of 1000 become rank 1000 by rounding. */
static uint64_t rank_of(const vn_hist *h, double p) {
  double rank = ceil(nextafter(p, 0) * (double)h->count / 100);
  return rank < 1 ? 1 : rank >= (double)h->count ? h->count : (uint64_t)rank;
}

double vn_hist_percentile(const vn_hist *h, double p) {
  if (!h->count || !(p > 0)) return vn_hist_min(h);
  if (p >= 100) return vn_hist_max(h);
  uint64_t rank = rank_of(h, p), seen = 0;
  for (int i = first_cell(h), last = last_cell(h); i <= last; i++) {
    seen += h->cells[i];
    if (seen < rank) continue;
    uint64_t highest = highest_in(h, i);
    return (double)(highest < h->max_ns ? highest : h->max_ns);
  }
  return vn_hist_max(h);
}

int vn_hist_next(const vn_hist *h, vn_hist_cell *cell) {
  if (!h->count || cell->next < 0) return 0;
  int i = cell->next > first_cell(h) ? cell->next : first_cell(h);
  int last = last_cell(h);
  while (i <= last && !h->cells[i]) i++;
  if (i > last) return 0;
  cell->from_ns = (double)lowest_in(h, i);
  cell->to_ns = (double)(highest_in(h, i) + 1);
  cell->count = (double)h->cells[i];
  cell->next = i + 1;
  return 1;
}

/* ---- encoding ---- */

static void put_number(vn_base64 *w, wide n) {
  for (; n >= 128; n >>= 7) vn__base64_put(w, (unsigned)(n & 127) | 128);
  vn__base64_put(w, (unsigned)n);
}

static int number_bytes(wide n) {
  int bytes = 1;
  while (n >>= 7) bytes++;
  return bytes;
}

double vn_hist_encoded_max(const vn_hist *h) {
  int cells = h->count ? last_cell(h) - first_cell(h) + 1 : 0;
  double bytes = HEADER_BYTES_MAX + (double)cells * number_bytes((wide)2 * h->count);
  return 4 * ceil(bytes / 3);
}

static void put_cells(vn_base64 *w, const vn_hist *h) {
  uint64_t gap = 0;
  for (int i = first_cell(h), last = last_cell(h); i <= last && !w->full; i++) {
    if (!h->cells[i]) {
      gap++;
      continue;
    }
    if (gap) put_number(w, 2 * gap + 1);
    gap = 0;
    put_number(w, (wide)2 * h->cells[i]);
  }
}

int vn_hist_encode(const vn_hist *h, char *out, size_t cap) {
  vn_base64 w = {.out = out, .cap = cap};
  vn__base64_put(&w, ENCODED_VERSION);
  vn__base64_put(&w, (unsigned)h->digits);
  put_number(&w, h->count);
  if (h->count) {
    put_number(&w, h->min_ns);
    put_number(&w, h->max_ns);
    put_number(&w, h->sum);
    put_number(&w, h->squares);
    put_cells(&w, h);
  }
  vn__base64_end(&w);
  if (w.full) return vn__fail(VN_ELIMIT, "an encoded histogram needs up to %.0f bytes", vn_hist_encoded_max(h));
  return (int)w.len;
}

/* ---- decoding ---- */

typedef struct byte_reader {
  const unsigned char *at, *end;
  bool bad;
} byte_reader;

static unsigned get_byte(byte_reader *r) {
  if (r->at < r->end) return *r->at++;
  r->bad = true;
  return 0;
}

static wide get_long_number(byte_reader *r, int bits, wide n) {
  for (int shift = 7; shift < bits; shift += 7) {
    unsigned byte = get_byte(r), low = byte & 127;
    if (bits - shift < 7 && low >> (bits - shift)) break;
    n |= (wide)low << shift;
    if (byte < 128) return n;
  }
  r->bad = true;
  return 0;
}

/* Most numbers are counts of one byte. */
static inline wide get_number(byte_reader *r, int bits) {
  unsigned byte = get_byte(r);
  return VN_LIKELY(byte < 128) ? byte : get_long_number(r, bits, byte & 127);
}

static bool at_end(const byte_reader *r) { return !r->bad && r->at == r->end; }

static bool sums_agree(const vn_hist *s) {
  return s->count >> 63 == 0 && s->min_ns <= s->max_ns && s->max_ns <= VN_HIST_TOP_NS &&
         s->sum >= (wide)s->count * s->min_ns && s->sum <= (wide)s->count * s->max_ns &&
         s->squares / s->count >= (wide)s->min_ns * s->min_ns && s->squares / s->count <= (wide)s->max_ns * s->max_ns;
}

static bool get_sums(byte_reader *r, vn_hist *s) {
  s->count = (uint64_t)get_number(r, 64);
  if (r->bad || !s->count) return !r->bad;
  s->min_ns = (uint64_t)get_number(r, 64);
  s->max_ns = (uint64_t)get_number(r, 64);
  s->sum = get_number(r, 128);
  s->squares = get_number(r, 128);
  return !r->bad && sums_agree(s);
}

/* Walks the cells that belong to the sums; adds them to h unless it is NULL. False: they contradict the sums. */
static bool get_cells(byte_reader *r, const vn_hist *s, vn_hist *h) {
  int cell = first_cell(s), last = last_cell(s);
  uint64_t left = s->count;
  bool after_gap = true; /* the cell of min is never empty */
  while (cell <= last) {
    uint64_t token = (uint64_t)get_number(r, 64), n = token >> 1;
    if (r->bad || !n || (token & 1 ? after_gap || n > (uint64_t)(last - cell) : n > left)) return false;
    after_gap = token & 1;
    if (after_gap) {
      cell += (int)n;
      continue;
    }
    if (h) h->cells[cell] += n;
    left -= n;
    cell++;
  }
  return !left && at_end(r);
}

/* Nothing is added before everything has been checked. */
static int add_bytes(vn_hist *h, byte_reader r) {
  vn_hist sums = {.half_bits = h->half_bits};
  unsigned version = get_byte(&r), digits = get_byte(&r);
  if (r.bad || version != ENCODED_VERSION || half_bits_of((int)digits) < 0)
    return vn__fail(VN_ECORRUPT, "no encoded histogram");
  if ((int)digits != h->digits)
    return vn__fail(VN_EINVAL, "histograms of %d and %u digits cannot be added", h->digits, digits);
  if (!get_sums(&r, &sums)) return vn__fail(VN_ECORRUPT, "sums of an encoded histogram are damaged");
  if (!sums.count) return at_end(&r) ? 0 : vn__fail(VN_ECORRUPT, "an empty encoded histogram has a tail");
  byte_reader cells = r;
  if (!get_cells(&r, &sums, NULL)) return vn__fail(VN_ECORRUPT, "cells of an encoded histogram are damaged");
  get_cells(&cells, &sums, h);
  add_sums(h, &sums);
  return 0;
}

int vn_hist_decode_add(vn_hist *h, const char *text, size_t len) {
  unsigned char *bytes = malloc(len / 4 * 3 + 3);
  if (!bytes) return vn__fail(VN_ENOMEM, "no memory for an encoded histogram of %zu bytes", len);
  size_t n = vn__base64_decode(bytes, text, len);
  int rc = add_bytes(h, (byte_reader){.at = bytes, .end = bytes + n});
  free(bytes);
  return rc;
}
