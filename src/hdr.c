/*
 * hdr.c: histograms in the form in which HdrHistogram exchanges them (Gil Tene; AbstractHistogram.java, encoding V2).
 *
 * The form, numbers big-endian: cookie 0x1c849303 | 0x10, int32 bytes of the counts, int32 normalizing offset, int32
 * digits, int64 unit, int64 highest value, double ratio; then the counts from cell 0 on, each a zigzag number of at
 * most 9 bytes (7 bits each, the ninth 8): a count, or minus the length of a gap. Compressed: cookie 0x1c849304 | 0x10,
 * int32 bytes, a zlib stream of that form. With unit 1 the cells are those of histogram.c.
 *
 * Counts are written in natural order whatever the offset says, and implementations differ in how they write the ratio:
 * both are ignored. Inflated bytes are read through a small window, so a bomb costs neither memory nor more time than
 * there are cells.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base64.h"
#include "internal.h"

enum {
  COOKIE = 0x1c849303,
  COOKIE_COMPRESSED = 0x1c849304,
  COOKIE_WORD = 0x10, /* counts of variable length */
  HEADER_BYTES = 40,
  OUTER_BYTES = 8,
  NUMBER_BYTES = 9,
  WINDOW = 4096
};

/* ---- encoding ---- */

static unsigned char *put_big(unsigned char *at, uint64_t n, int bytes) {
  while (bytes-- > 0) *at++ = (unsigned char)(n >> 8 * bytes);
  return at;
}

static size_t put_number(unsigned char *at, uint64_t n) {
  size_t len = 0;
  while (n >= 128 && len < NUMBER_BYTES - 1) {
    at[len++] = (unsigned char)(n | 128);
    n >>= 7;
  }
  at[len++] = (unsigned char)n;
  return len;
}

/* Writes a count, 2n, or a gap, 2n - 1, and returns its bytes; at: NULL only counts them. */
static size_t put_count(unsigned char *at, uint64_t zigzag) {
  unsigned char scratch[NUMBER_BYTES];
  return put_number(at ? at : scratch, zigzag);
}

/* The counts of all cells up to that of max, from out on; their bytes. NULL: the bytes alone. */
static size_t put_counts(unsigned char *out, const vn_hist *h) {
  size_t len = 0;
  uint64_t gap = 0;
  if (!h->count) return 0;
  for (int i = 0, last = vn__hist_cell(h, h->max_ns); i <= last; i++) {
    if (!h->cells[i]) {
      gap++;
      continue;
    }
    /* One empty cell is a count of 0 and not a gap of 1, as the reference implementation writes it. */
    if (gap) len += put_count(out ? out + len : NULL, gap > 1 ? 2 * gap - 1 : 0);
    gap = 0;
    len += put_count(out ? out + len : NULL, 2 * h->cells[i]);
  }
  return len;
}

static void put_header(unsigned char *at, const vn_hist *h, size_t payload) {
  uint64_t ratio;
  memcpy(&ratio, &(double){1}, sizeof ratio);
  at = put_big(at, COOKIE | COOKIE_WORD, 4);
  at = put_big(at, payload, 4);
  at = put_big(at, 0, 4);
  at = put_big(at, (uint64_t)h->digits, 4);
  at = put_big(at, 1, 8);
  at = put_big(at, VN_HIST_TOP_NS, 8);
  put_big(at, ratio, 8);
}

static size_t text_bytes(size_t bytes) { return (OUTER_BYTES + bytes + 2) / 3 * 4; }

double vn_hdr_encoded_max(const vn_hist *h) {
  return (double)text_bytes(compressBound(HEADER_BYTES + put_counts(NULL, h)));
}

static int write_text(vn_base64 *w, const unsigned char *packed, size_t len) {
  unsigned char outer[OUTER_BYTES];
  put_big(put_big(outer, COOKIE_COMPRESSED | COOKIE_WORD, 4), len, 4);
  for (size_t i = 0; i < sizeof outer; i++) vn__base64_put(w, outer[i]);
  for (size_t i = 0; i < len; i++) vn__base64_put(w, packed[i]);
  vn__base64_end(w);
  return w->full ? vn__fail(VN_ELIMIT, "a histogram in HdrHistogram's form needs %zu bytes", text_bytes(len))
                 : (int)w->len;
}

int vn_hdr_encode(const vn_hist *h, char *out, size_t cap) {
  size_t payload = put_counts(NULL, h), plain = HEADER_BYTES + payload;
  uLongf packed = compressBound(plain);
  unsigned char *bytes = malloc(plain + packed);
  if (!bytes) return vn__fail(VN_ENOMEM, "no memory for a histogram of %zu bytes", plain + packed);
  put_header(bytes, h, payload);
  put_counts(bytes + HEADER_BYTES, h);
  int rc = compress(bytes + plain, &packed, bytes, plain);
  rc = rc == Z_OK ? write_text(&(vn_base64){.out = out, .cap = cap}, bytes + plain, packed)
                  : vn__fail(VN_ENOMEM, "a histogram cannot be compressed: %s", zError(rc));
  free(bytes);
  return rc;
}

/* ---- decoding: bytes, inflated where they are compressed ---- */

typedef struct source {
  const unsigned char *at, *end;
  z_stream z;
  bool compressed, ended, bad; /* ended: the zlib stream, with the right checksum */
  unsigned char window[WINDOW];
} source;

/* False: there is no more, or it is damaged. */
static bool refill(source *s) {
  if (!s->compressed || s->ended) return false;
  s->z.next_out = s->window;
  s->z.avail_out = WINDOW;
  int rc = inflate(&s->z, Z_NO_FLUSH);
  s->ended = rc == Z_STREAM_END;
  s->bad = s->bad || (rc != Z_OK && rc != Z_STREAM_END);
  s->at = s->window;
  s->end = s->window + (WINDOW - s->z.avail_out);
  return !s->bad && s->at < s->end;
}

static unsigned get_byte(source *s) {
  if (s->at < s->end || refill(s)) return *s->at++;
  s->bad = true;
  return 0;
}

static uint64_t get_big(source *s, int bytes) {
  uint64_t n = 0;
  while (bytes-- > 0) n = n << 8 | get_byte(s);
  return n;
}

/* Takes the bytes of the number off *left. */
static uint64_t get_number(source *s, uint64_t *left) {
  uint64_t n = 0;
  for (int i = 0; i < NUMBER_BYTES; i++) {
    if (!*left) break;
    --*left;
    uint64_t byte = get_byte(s);
    if (i == NUMBER_BYTES - 1) return n | byte << 56;
    n |= (byte & 127) << 7 * i;
    if (byte < 128) return n;
  }
  s->bad = true;
  return 0;
}

/* Whether nothing follows; of a compressed source also that its checksum is right. */
static bool at_end(source *s) {
  if (s->bad || s->at < s->end) return false;
  return s->compressed ? !refill(s) && s->ended : true;
}

/* ---- decoding: header and counts ---- */

typedef struct layout {
  uint64_t payload; /* bytes */
  int digits, unit_bits;
} layout;

static int get_layout(source *s, layout *l) {
  l->payload = get_big(s, 4);
  get_big(s, 4);
  uint64_t digits = get_big(s, 4), unit = get_big(s, 8), highest = get_big(s, 8);
  get_big(s, 8);
  if (s->bad) return vn__fail(VN_ECORRUPT, "the header of an HdrHistogram is damaged");
  if (digits < 1 || digits > 5)
    return vn__fail(VN_EINVAL, "a histogram has 1 to 5 significant digits, not %.0f", (double)digits);
  if (!unit || unit > VN_HIST_TOP_NS || highest >> 63 || highest / 2 < unit)
    return vn__fail(VN_ECORRUPT, "the range of an HdrHistogram is out of bounds");
  l->digits = (int)digits;
  l->unit_bits = 63 - __builtin_clzll(unit);
  return 0;
}

/* Adds n values of the source's cell i, of units of 2^unit_bits. */
static int add_cell(vn_hist *h, int unit_bits, uint64_t i, uint64_t n) {
  uint64_t bucket = i >> h->half_bits;
  bucket -= bucket > 0;
  uint64_t sub = i - (bucket << h->half_bits), shift = bucket + (uint64_t)unit_bits;
  if (shift > 46 || sub >> (47 - shift)) /* 2^47 ns are over 24 h */
    return vn__hist_add_range(h, VN_HIST_TOP_NS, VN_HIST_TOP_NS, n);
  return vn__hist_add_range(h, sub << shift, ((sub + 1) << shift) - 1, n);
}

static int get_counts(source *s, vn_hist *h, const layout *l) {
  uint64_t i = 0, end = UINT64_C(64) << h->half_bits, left = l->payload;
  while (left) {
    uint64_t number = get_number(s, &left), n = number >> 1;
    uint64_t cells = number & 1 ? n + 1 : 1;
    if (s->bad || cells > end - i) return vn__fail(VN_ECORRUPT, "the counts of an HdrHistogram are damaged");
    int rc = n && !(number & 1) ? add_cell(h, l->unit_bits, i, n) : 0;
    if (rc) return rc;
    i += cells;
  }
  return at_end(s) ? 0 : vn__fail(VN_ECORRUPT, "an HdrHistogram does not end where it should");
}

/* Begins to inflate when the bytes are compressed. */
static int open_source(source *s) {
  uint64_t cookie = get_big(s, 4);
  if (!s->bad && cookie == (COOKIE_COMPRESSED | COOKIE_WORD)) {
    uint64_t len = get_big(s, 4);
    if (s->bad || len > (size_t)(s->end - s->at))
      return vn__fail(VN_ECORRUPT, "a compressed HdrHistogram is shorter than it says");
    s->z.next_in = (unsigned char *)s->at;
    s->z.avail_in = (uInt)len;
    s->at = s->end = NULL;
    if (inflateInit(&s->z) != Z_OK) return vn__fail(VN_ENOMEM, "no memory to inflate a histogram");
    s->compressed = true;
    cookie = get_big(s, 4);
  }
  if (s->bad || cookie != (COOKIE | COOKIE_WORD)) return vn__fail(VN_ECORRUPT, "no HdrHistogram in form V2");
  return 0;
}

static vn_hist *decode(int *error, source *s) {
  layout l = {0};
  *error = open_source(s);
  if (!*error) *error = get_layout(s, &l);
  if (*error) return NULL;
  vn_hist *h = vn_hist_new(l.digits);
  *error = h ? get_counts(s, h, &l) : VN_ENOMEM;
  if (!*error) return h;
  vn_hist_free(h);
  return NULL;
}

vn_hist *vn_hdr_decode(int *error, const char *text, size_t len) {
  unsigned char *bytes = malloc(len / 4 * 3 + 3);
  if (!bytes) {
    *error = vn__fail(VN_ENOMEM, "no memory for an HdrHistogram of %zu bytes", len);
    return NULL;
  }
  source s = {.at = bytes};
  s.end = bytes + vn__base64_decode(bytes, text, len);
  vn_hist *h = decode(error, &s);
  if (s.compressed) inflateEnd(&s.z);
  free(bytes);
  return h;
}
