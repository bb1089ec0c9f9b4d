/*
 * word.c: integers of up to 256 bits as words: 32 bytes, the greatest first, negative ones in two's complement. From
 * and to numbers, 64-bit integers and text, never rounded: what does not fit is an error.
 *
 * A type is a number of bits, 1 to 256; negative for a signed one.
 */
#include <math.h>
#include <string.h>

#include "internal.h"

enum { LIMBS = 4, CHUNK_DIGITS = 19, EXACT_BITS = 53 }; /* 10^19 is the greatest power of ten below 2^64 */

#define EXACT 9007199254740992.0 /* 2^53: from there on a double may have been another integer */
#define CHUNK UINT64_C(10000000000000000000)

typedef struct wide { /* sign and magnitude */
  uint64_t limb[LIMBS];
  bool negative;
} wide;

/* ---- magnitudes ---- */

/* m * factor + add; false if that needs more than 256 bits. */
static bool multiply_add(wide *m, uint64_t factor, uint64_t add) {
  for (int i = 0; i < LIMBS; i++) {
    __uint128_t product = (__uint128_t)m->limb[i] * factor + add;
    m->limb[i] = (uint64_t)product;
    add = (uint64_t)(product >> 64);
  }
  return add == 0;
}

/* Divides by CHUNK; the remainder. */
static uint64_t divide(wide *m) {
  uint64_t rest = 0;
  for (int i = LIMBS - 1; i >= 0; i--) {
    __uint128_t part = (__uint128_t)rest << 64 | m->limb[i];
    m->limb[i] = (uint64_t)(part / CHUNK);
    rest = (uint64_t)(part % CHUNK);
  }
  return rest;
}

static bool is_zero(const wide *m) { return !(m->limb[0] | m->limb[1] | m->limb[2] | m->limb[3]); }

static int bit_length(const wide *m) {
  for (int i = LIMBS - 1; i >= 0; i--)
    if (m->limb[i]) return 64 * i + 64 - __builtin_clzll(m->limb[i]);
  return 0;
}

static bool is_power_of_two(const wide *m) {
  int ones = 0;
  for (int i = 0; i < LIMBS; i++) ones += __builtin_popcountll(m->limb[i]);
  return ones == 1;
}

static bool fits(const wide *m, int bits) {
  int len = bit_length(m);
  if (bits > 0) return len <= bits && (!m->negative || !len);
  return len < -bits || (len == -bits && m->negative && is_power_of_two(m));
}

/* ---- words ---- */

static void negate(uint8_t *word) {
  unsigned carry = 1;
  for (int i = VN_WORD_BYTES - 1; i >= 0; i--) {
    carry += (uint8_t)~word[i];
    word[i] = (uint8_t)carry;
    carry >>= 8;
  }
}

static int put(uint8_t *word, const wide *m, int bits) {
  if (!fits(m, bits)) return VN_ELIMIT;
  for (int i = 0; i < VN_WORD_BYTES; i++) {
    int shift = 8 * (VN_WORD_BYTES - 1 - i);
    word[i] = (uint8_t)(m->limb[shift / 64] >> shift % 64);
  }
  if (m->negative) negate(word);
  return 0;
}

/* False: the word is no value of this type. */
static bool get(wide *m, const uint8_t *word, int bits) {
  uint8_t magnitude[VN_WORD_BYTES];
  memset(m, 0, sizeof *m);
  memcpy(magnitude, word, sizeof magnitude);
  m->negative = bits < 0 && word[0] >> 7;
  if (m->negative) negate(magnitude);
  for (int i = 0; i < VN_WORD_BYTES; i++) {
    int shift = 8 * (VN_WORD_BYTES - 1 - i);
    m->limb[shift / 64] |= (uint64_t)magnitude[i] << shift % 64;
  }
  return fits(m, bits);
}

/* ---- from ---- */

int vn_word_set_number(uint8_t *word, double value, int bits) {
  if (!(fabs(value) < EXACT)) return isfinite(value) ? VN_EINVAL : VN_ESYNTAX;
  if (value != floor(value)) return VN_ESYNTAX;
  wide m = {.limb = {(uint64_t)fabs(value)}, .negative = value < 0};
  return put(word, &m, bits);
}

int vn_word_set_int(uint8_t *word, int64_t value, int bits) {
  wide m = {.limb = {value < 0 ? -(uint64_t)value : (uint64_t)value}, .negative = value < 0};
  return put(word, &m, bits);
}

int vn_word_set_uint(uint8_t *word, uint64_t value, int bits) {
  wide m = {.limb = {value}};
  return put(word, &m, bits);
}

/* The digits of a number in that base; VN_ESYNTAX, VN_ELIMIT. */
static int read_digits(wide *m, const char *text, size_t len, int base) {
  bool in_range = true;
  if (!len) return VN_ESYNTAX;
  for (size_t i = 0; i < len; i++) {
    int digit = vn__hex_digit(text[i]);
    if (digit < 0 || digit >= base) return VN_ESYNTAX;
    if (in_range) in_range = multiply_add(m, (uint64_t)base, (uint64_t)digit);
  }
  return in_range ? 0 : VN_ELIMIT;
}

int vn_word_set_text(uint8_t *word, const char *text, size_t len, int bits) {
  wide m = {.negative = len > 0 && text[0] == '-'};
  text += m.negative;
  len -= m.negative;
  bool hex = len > 2 && text[0] == '0' && (text[1] | 32) == 'x';
  int rc = read_digits(&m, hex ? text + 2 : text, hex ? len - 2 : len, hex ? 16 : 10);
  return rc ? rc : put(word, &m, bits);
}

/* ---- to ---- */

double vn_word_get_number(const uint8_t *word, int bits) {
  wide m;
  if (!get(&m, word, bits) || bit_length(&m) > EXACT_BITS) return NAN;
  return m.negative ? -(double)m.limb[0] : (double)m.limb[0];
}

static char *put_digits(char *end, uint64_t chunk, int digits) {
  for (; digits > 0 || chunk; digits--, chunk /= 10) *--end = (char)('0' + chunk % 10);
  return end;
}

int vn_word_get_text(char *out, const uint8_t *word, int bits) {
  wide m;
  if (!get(&m, word, bits)) return VN_ELIMIT;
  char digits[VN_WORD_TEXT_MAX], *end = digits + sizeof digits, *at = end;
  do {
    uint64_t chunk = divide(&m);
    at = put_digits(at, chunk, is_zero(&m) ? 1 : CHUNK_DIGITS);
  } while (!is_zero(&m));
  if (m.negative) *--at = '-';
  memcpy(out, at, (size_t)(end - at));
  return (int)(end - at);
}

int vn_word_len(const uint8_t *word) {
  int leading = 0;
  while (leading < VN_WORD_BYTES && !word[leading]) leading++;
  return VN_WORD_BYTES - leading;
}
