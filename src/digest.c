/*
 * digest.c: SHA-256, HMAC-SHA512 (RFC 2104) and PBKDF2-HMAC-SHA512 (RFC 8018) of OpenSSL, in one call each. Nothing of
 * OpenSSL is set up before the first. Keccak-256, which it does not have, is keccak.c.
 */
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "internal.h"

int vn_digest_sha256(uint8_t *out, const uint8_t *data, size_t len) {
  return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) ? 0 : vn__fail(VN_ENOMEM, "SHA-256 failed");
}

int vn_digest_hmac_sha512(uint8_t *out, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len) {
  if (key_len > INT_MAX) return vn__fail(VN_EINVAL, "an HMAC key has at most %d bytes", INT_MAX);
  return HMAC(EVP_sha512(), key, (int)key_len, data, len, out, NULL) ? 0 : vn__fail(VN_ENOMEM, "HMAC-SHA512 failed");
}

int vn_digest_pbkdf2_sha512(uint8_t *out, const uint8_t *password, size_t password_len, const uint8_t *salt,
                            size_t salt_len, int iterations) {
  if (password_len > INT_MAX || salt_len > INT_MAX || iterations < 1)
    return vn__fail(VN_EINVAL, "PBKDF2 takes texts of at most %d bytes and at least one iteration", INT_MAX);
  int ok = PKCS5_PBKDF2_HMAC((const char *)password, (int)password_len, salt, (int)salt_len, iterations, EVP_sha512(),
                             VN_SHA512_BYTES, out);
  return ok ? 0 : vn__fail(VN_ENOMEM, "PBKDF2-HMAC-SHA512 failed");
}
