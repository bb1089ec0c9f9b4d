/*
 * ethereum.c: integers, hexadecimal text, base64, addresses and signatures: refused, or in the one value that gives the
 * same text again.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "vernier.h"

static const char *const seeds[] = {
    "0",
    "-1",
    "115792089237316195423570985008687907853269984665640564039457584007913129639935",
    "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
    "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "DyAOiF/ynpc+JXa2YAGB0bCitSlOMNm+ShmB/7M6C4w=",
    "Zg==",
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
};

size_t fuzz_seed(int i, char *out, size_t cap) {
  if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
  return fuzz_text(seeds[i], out, cap);
}

static void check_word(const char *data, size_t len, int bits) {
  uint8_t word[VN_WORD_BYTES] = {0}, again[VN_WORD_BYTES] = {0};
  char text[VN_WORD_TEXT_MAX];
  int rc = vn_word_set_text(word, data, len, bits);
  FUZZ_CHECK(rc == 0 || rc == VN_ESYNTAX || rc == VN_ELIMIT);
  if (rc) return;
  int n = vn_word_get_text(text, word, bits);
  FUZZ_CHECK(n > 0 && n <= VN_WORD_TEXT_MAX);
  FUZZ_CHECK(vn_word_set_text(again, text, (size_t)n, bits) == 0 && !memcmp(word, again, sizeof word));
  double number = vn_word_get_number(word, bits);
  if (number != number) return; /* not a number: too great for one */
  FUZZ_CHECK(vn_word_set_number(again, number, bits) == 0 && !memcmp(word, again, sizeof word));
}

static void check_hex(const char *data, size_t len) {
  uint8_t *bytes = malloc(len / 2 + 1);
  char *text = malloc(len + 1);
  if (!bytes || !text) exit(1);
  if (vn_hex_decode(bytes, data, len) == 0) {
    vn_hex_encode(text, bytes, len / 2);
    FUZZ_CHECK(!strncasecmp(text, data, len));
  }
  free(text);
  free(bytes);
}

static void check_base64(const char *data, size_t len) {
  uint8_t *bytes = malloc(len / 4 * 3 + 1);
  char *text = malloc(len + 4);
  if (!bytes || !text) exit(1);
  int n = vn_base64_decode(bytes, data, len);
  if (n >= 0) {
    FUZZ_CHECK((size_t)n <= len / 4 * 3);
    FUZZ_CHECK(vn_base64_encode(text, bytes, (size_t)n) == (int)len && !memcmp(text, data, len));
  }
  free(text);
  free(bytes);
}

static void check_address(const char *data, size_t len) {
  uint8_t address[VN_ADDRESS_BYTES], again[VN_ADDRESS_BYTES];
  char text[VN_ADDRESS_TEXT];
  if (vn_address_decode(address, data, len)) return;
  vn_address_encode(text, address);
  FUZZ_CHECK(len == VN_ADDRESS_TEXT && !strncasecmp(text, data, len));
  FUZZ_CHECK(vn_address_decode(again, text, sizeof text) == 0 && !memcmp(address, again, sizeof address));
}

static void check_signature(const char *data, size_t len) {
  uint8_t bytes[VN_K256_SIGNATURE_BYTES + VN_KECCAK_BYTES] = {0}, key[VN_K256_PUBLIC_BYTES];
  memcpy(bytes, data, len < sizeof bytes ? len : sizeof bytes);
  bytes[VN_K256_SIGNATURE_BYTES - 1] &= 1;
  int rc = vn_k256_recover(key, bytes, bytes + VN_K256_SIGNATURE_BYTES);
  FUZZ_CHECK(rc == 0 || rc == VN_EINVAL);
}

void fuzz_one(const char *data, size_t len) {
  static const int types[] = {8, -8, 40, 64, -64, 256, -256};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) check_word(data, len, types[i]);
  check_hex(data, len);
  check_base64(data, len);
  check_address(data, len);
  check_signature(data, len);
}
