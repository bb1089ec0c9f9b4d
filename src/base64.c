/*
 * base64.c: bytes as text, for what travels inside JSON and in logs.
 */
#include "base64.h"

#include "internal.h"

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void vn__base64_group(vn_base64 *w, int bytes) {
  if (w->cap - w->len < 4) {
    w->full = true;
    return;
  }
  uint32_t bits = w->bits << (8 * (3 - bytes));
  char *at = w->out + w->len;
  at[0] = alphabet[bits >> 18 & 63];
  at[1] = alphabet[bits >> 12 & 63];
  at[2] = bytes > 1 ? alphabet[bits >> 6 & 63] : '=';
  at[3] = bytes > 2 ? alphabet[bits & 63] : '=';
  w->len += 4;
  w->bits = 0;
  w->pending = 0;
}

void vn__base64_end(vn_base64 *w) {
  if (w->pending) vn__base64_group(w, w->pending);
}

static int sextet(unsigned char c) {
  static const signed char values[128] = {
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63, 52, 53, 54, 55,
      56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
      13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32,
      33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
  };
  return c < 128 ? values[c] : -1;
}

static int decode_group(unsigned char *out, const unsigned char *in, int bytes) {
  int bits = 0;
  for (int i = 0; i < 4; i++) {
    int s = i > bytes ? 0 : sextet(in[i]);
    if (s < 0) return 0;
    bits = bits << 6 | s;
  }
  for (int i = 0; i < bytes; i++) out[i] = (unsigned char)(bits >> (16 - 8 * i));
  return bits & ((1 << 8 * (3 - bytes)) - 1) ? 0 : bytes;
}

size_t vn__base64_decode(unsigned char *out, const char *text, size_t len) {
  const unsigned char *in = (const unsigned char *)text;
  size_t n = 0;
  if (len % 4) return 0;
  for (size_t i = 0; i < len; i += 4) {
    int want = i + 4 < len || in[i + 3] != '=' ? 3 : in[i + 2] != '=' ? 2 : 1;
    int got = decode_group(out + n, in + i, want);
    if (!got) return 0;
    n += (size_t)got;
  }
  return n;
}

int vn_base64_encode(char *out, const uint8_t *data, size_t len) {
  vn_base64 w = {.out = out, .cap = SIZE_MAX};
  for (size_t i = 0; i < len; i++) vn__base64_put(&w, data[i]);
  vn__base64_end(&w);
  return (int)w.len;
}

int vn_base64_decode(uint8_t *out, const char *text, size_t len) {
  size_t n = vn__base64_decode(out, text, len);
  return n || !len ? (int)n : VN_ESYNTAX;
}
