/*
 * address.c: addresses of Ethereum: the last 20 bytes of the Keccak-256 of a public key. As text, capitals are a
 * checksum: a letter is one where the same digit of the Keccak-256 of the lower-case text is 8 or more (EIP-55).
 */
#include <string.h>

#include "internal.h"

enum { TEXT = 2 * VN_ADDRESS_BYTES };

void vn_address_of(uint8_t *out, const uint8_t *public_key) {
  uint8_t digest[VN_KECCAK_BYTES];
  vn_keccak256(digest, public_key, VN_K256_PUBLIC_BYTES);
  memcpy(out, digest + VN_KECCAK_BYTES - VN_ADDRESS_BYTES, VN_ADDRESS_BYTES);
}

void vn_address_encode(char *out, const uint8_t *address) {
  uint8_t digest[VN_KECCAK_BYTES];
  memcpy(out, "0x", 2);
  vn_hex_encode(out + 2, address, VN_ADDRESS_BYTES);
  vn_keccak256(digest, (const uint8_t *)out + 2, TEXT);
  for (int i = 0; i < TEXT; i++) {
    bool capital = digest[i / 2] >> (i % 2 ? 0 : 4) & 8;
    if (capital && out[2 + i] >= 'a') out[2 + i] = (char)(out[2 + i] - 'a' + 'A');
  }
}

/* Letters of one kind only say that there is no checksum. */
static bool has_checksum(const char *digits) {
  bool small = false, capital = false;
  for (int i = 0; i < TEXT; i++) {
    small = small || digits[i] >= 'a';
    capital = capital || (digits[i] >= 'A' && digits[i] <= 'F');
  }
  return small && capital;
}

int vn_address_decode(uint8_t *out, const char *text, size_t len) {
  if (len != 2 + TEXT || text[0] != '0' || text[1] != 'x' || vn_hex_decode(out, text + 2, TEXT)) return VN_ESYNTAX;
  if (!has_checksum(text + 2)) return 0;
  char right[VN_ADDRESS_TEXT];
  vn_address_encode(right, out);
  return memcmp(right, text, sizeof right) ? VN_ECORRUPT : 0;
}
