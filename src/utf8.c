/*
 * utf8.c: a check of UTF-8 that remembers where in a character a piece has ended.
 *
 * Well-formed as RFC 3629, section 4 has it: no overlong forms, no surrogates, nothing above U+10FFFF. What is ASCII is
 * looked at eight bytes at a time.
 */
#include "utf8.h"

#include <string.h>

enum { LOW = 0x80, HIGH = 0xbf };

static size_t skip_ascii(const char *data, size_t len) {
  size_t i = 0;
  for (uint64_t word; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, data + i, sizeof word);
    if (word & UINT64_C(0x8080808080808080)) break;
  }
  while (i < len && (unsigned char)data[i] < 0x80) i++;
  return i;
}

static void expect(vn__utf8 *u, uint8_t missing, uint8_t low, uint8_t high) { *u = (vn__utf8){missing, low, high}; }

static bool lead(vn__utf8 *u, unsigned char c) {
  if (c < 0xc2 || c > 0xf4) return false;
  if (c < 0xe0)
    expect(u, 1, LOW, HIGH);
  else if (c < 0xf0)
    expect(u, 2, c == 0xe0 ? 0xa0 : LOW, c == 0xed ? 0x9f : HIGH);
  else
    expect(u, 3, c == 0xf0 ? 0x90 : LOW, c == 0xf4 ? 0x8f : HIGH);
  return true;
}

bool vn__utf8_feed(vn__utf8 *u, const char *data, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (!u->missing) {
      i += skip_ascii(data + i, len - i);
      if (i == len) return true;
    }
    unsigned char c = (unsigned char)data[i];
    if (!u->missing) {
      if (!lead(u, c)) return false;
    } else if (c < u->low || c > u->high) {
      return false;
    } else {
      expect(u, (uint8_t)(u->missing - 1), LOW, HIGH);
    }
  }
  return true;
}

bool vn__utf8_is_text(const char *data, size_t len) {
  vn__utf8 u = {0};
  return vn__utf8_feed(&u, data, len) && u.missing == 0;
}
