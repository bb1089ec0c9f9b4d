/* hex.c: bytes as pairs of hexadecimal digits, without 0x. Written in lower case, read in both. */
#include "internal.h"

void vn_hex_encode(char *out, const uint8_t *data, size_t len) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    out[2 * i] = digits[data[i] >> 4];
    out[2 * i + 1] = digits[data[i] & 15];
  }
}

int vn__hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int vn_hex_decode(uint8_t *out, const char *text, size_t len) {
  if (len % 2) return VN_ESYNTAX;
  for (size_t i = 0; i < len; i += 2) {
    int high = vn__hex_digit(text[i]), low = vn__hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return VN_ESYNTAX;
    out[i / 2] = (uint8_t)(high << 4 | low);
  }
  return 0;
}
