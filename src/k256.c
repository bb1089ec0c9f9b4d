/*
 * k256.c: keys and signatures on the curve secp256k1, by libsecp256k1: the nonce follows from key and message (RFC
 * 6979), s is in the lower half of the order. A signature is r, s and the parity of the point that it came from, so
 * that the public key can be recovered from it: 65 bytes, as Ethereum uses them.
 *
 * Nothing is allocated but the library's context, once, by the first call; it is blinded with random numbers then,
 * against observers of time and power. It lives as long as the process. Not for several threads.
 */
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>
#include <sys/random.h>

#include "internal.h"

enum { UNCOMPRESSED = 65, PARITY = 64 };

static secp256k1_context *context(void) {
  static secp256k1_context *made;
  if (made) return made;
  uint8_t seed[32];
  if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
    vn__fail(VN_EIO, "no random numbers of the system: %m");
    return NULL;
  }
  secp256k1_context *c = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  if (secp256k1_context_randomize(c, seed)) made = c;
  explicit_bzero(seed, sizeof seed);
  return made;
}

static void put_public(const secp256k1_context *c, uint8_t *out, const secp256k1_pubkey *point) {
  uint8_t bytes[UNCOMPRESSED];
  size_t len = sizeof bytes;
  secp256k1_ec_pubkey_serialize(c, bytes, &len, point, SECP256K1_EC_UNCOMPRESSED);
  memcpy(out, bytes + 1, VN_K256_PUBLIC_BYTES);
}

/* The public half of key->secret. */
static int complete(const secp256k1_context *c, vn_k256_key *key) {
  secp256k1_pubkey point;
  if (!secp256k1_ec_pubkey_create(c, &point, key->secret)) {
    vn_k256_wipe(key);
    return vn__fail(VN_EINVAL, "not a private key of secp256k1: zero, or not below the order of the curve");
  }
  put_public(c, key->public_key, &point);
  return 0;
}

int vn_k256_init(vn_k256_key *key, const uint8_t *secret) {
  const secp256k1_context *c = context();
  if (!c) return VN_EIO;
  memcpy(key->secret, secret, sizeof key->secret);
  return complete(c, key);
}

int vn_k256_add(vn_k256_key *key, const uint8_t *tweak) {
  const secp256k1_context *c = context();
  if (!c) return VN_EIO;
  if (secp256k1_ec_seckey_tweak_add(c, key->secret, tweak)) return complete(c, key);
  vn_k256_wipe(key);
  return vn__fail(VN_EINVAL, "the sum is not a private key of secp256k1");
}

void vn_k256_wipe(vn_k256_key *key) { explicit_bzero(key, sizeof *key); }

void vn_k256_compress(uint8_t *out, const uint8_t *public_key) {
  out[0] = 2 | (public_key[VN_K256_PUBLIC_BYTES - 1] & 1);
  memcpy(out + 1, public_key, VN_K256_PUBLIC_BYTES / 2);
}

int vn_k256_sign(const vn_k256_key *key, uint8_t *signature, const uint8_t *digest) {
  const secp256k1_context *c = context();
  if (!c) return VN_EIO;
  secp256k1_ecdsa_recoverable_signature made;
  int parity = 0;
  if (!secp256k1_ecdsa_sign_recoverable(c, &made, digest, key->secret, NULL, NULL))
    return vn__fail(VN_EINVAL, "signing with a key that was never set, or wiped");
  secp256k1_ecdsa_recoverable_signature_serialize_compact(c, signature, &parity, &made);
  /* 2 and 3 say that r is the point's x less the order: one in 2^127, and Ethereum cannot write it. */
  if (parity > 1) return vn__fail(VN_EINVAL, "this signature has no form in Ethereum");
  signature[PARITY] = (uint8_t)parity;
  return 0;
}

static bool is_low(const secp256k1_context *c, const uint8_t *signature) {
  secp256k1_ecdsa_signature plain;
  return secp256k1_ecdsa_signature_parse_compact(c, &plain, signature) &&
         !secp256k1_ecdsa_signature_normalize(c, NULL, &plain);
}

int vn_k256_recover(uint8_t *public_key, const uint8_t *signature, const uint8_t *digest) {
  const secp256k1_context *c = context();
  if (!c) return VN_EIO;
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey point;
  if (signature[PARITY] > 1 || !is_low(c, signature) ||
      !secp256k1_ecdsa_recoverable_signature_parse_compact(c, &parsed, signature, signature[PARITY]) ||
      !secp256k1_ecdsa_recover(c, &point, &parsed, digest))
    return vn__fail(VN_EINVAL,
                    "not a signature: r, s (in the lower half) or the parity is out of range, or no key made it");
  put_public(c, public_key, &point);
  return 0;
}
