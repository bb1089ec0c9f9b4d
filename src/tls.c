/*
 * tls.c: TLS by OpenSSL over memory BIOs: ciphertext in, plaintext out, and the reverse. Knows no sockets.
 * OpenSSL and the CA store are loaded by the first context. TLS 1.2 at least.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct vn__tls {
  SSL *ssl;
  BIO *in, *out; /* owned by ssl */
};

static const char *last_reason(void) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  ERR_clear_error();
  return reason ? reason : "unknown reason";
}

/* ---- contexts ---- */

static SSL_CTX *new_context(const SSL_METHOD *method) {
  SSL_CTX *c = SSL_CTX_new(method);
  if (!c) {
    vn__fail(VN_ETLS, "cannot start TLS: %s", last_reason());
    return NULL;
  }
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  return c;
}

static int load_trust(SSL_CTX *c, const char *ca) {
  if (!ca) return SSL_CTX_set_default_verify_paths(c) == 1 ? 0 : vn__fail(VN_ETLS, "no system CA store");
  if (SSL_CTX_load_verify_locations(c, ca, NULL) == 1) return 0;
  return vn__fail(VN_ETLS, "cannot read CA file %s: %s", ca, last_reason());
}

vn__tls_context *vn__tls_client_context(const char *ca, bool verify) {
  SSL_CTX *c = new_context(TLS_client_method());
  if (!c) return NULL;
  SSL_CTX_set_verify(c, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  if (verify && load_trust(c, ca)) {
    SSL_CTX_free(c);
    return NULL;
  }
  return c;
}

vn__tls_context *vn__tls_server_context(const char *cert, const char *key) {
  SSL_CTX *c = new_context(TLS_server_method());
  if (!c) return NULL;
  if (SSL_CTX_use_certificate_chain_file(c, cert) == 1 && SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) == 1)
    return c;
  vn__fail(VN_ETLS, "cannot use certificate %s with key %s: %s", cert, key, last_reason());
  SSL_CTX_free(c);
  return NULL;
}

void vn__tls_context_free(vn__tls_context *c) { SSL_CTX_free(c); }

/* ---- connections ---- */

/* The name goes into SNI and is compared with the certificate; an address is compared only (RFC 6066, 3). */
static int set_peer(SSL *ssl, const char *host) {
  struct in6_addr address;
  if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

vn__tls *vn__tls_new(vn__tls_context *c, const char *host) {
  vn__tls *t = calloc(1, sizeof *t);
  if (!t) abort(); /* as OpenSSL's own structures below: out of memory here leaves no state to return to */
  t->ssl = SSL_new(c);
  t->in = BIO_new(BIO_s_mem());
  t->out = BIO_new(BIO_s_mem());
  if (!t->ssl || !t->in || !t->out) abort();
  SSL_set_bio(t->ssl, t->in, t->out);
  if (!host) {
    SSL_set_accept_state(t->ssl);
    return t;
  }
  SSL_set_connect_state(t->ssl);
  if (set_peer(t->ssl, host)) return t;
  vn__fail(VN_ETLS, "\"%s\" is not a host name for TLS", host);
  vn__tls_free(t);
  return NULL;
}

void vn__tls_free(vn__tls *t) {
  if (!t) return;
  SSL_free(t->ssl);
  free(t);
}

static int fail(vn__tls *t) {
  long verify = SSL_get_verify_result(t->ssl);
  if (verify == X509_V_OK || SSL_get_verify_mode(t->ssl) == SSL_VERIFY_NONE)
    return vn__fail(VN_ETLS, "TLS: %s", last_reason());
  ERR_clear_error();
  return vn__fail(VN_ETLS, "certificate not accepted: %s", X509_verify_cert_error_string(verify));
}

int vn__tls_feed(vn__tls *t, const char *data, size_t len) {
  if (len > INT_MAX || BIO_write(t->in, data, (int)len) != (int)len)
    return vn__fail(VN_ENOMEM, "out of memory for %zu bytes of TLS", len);
  return 0;
}

int vn__tls_handshake(vn__tls *t) {
  int rc = SSL_do_handshake(t->ssl);
  if (rc == 1) return 1;
  return SSL_get_error(t->ssl, rc) == SSL_ERROR_WANT_READ ? 0 : fail(t);
}

/* A read that finds nothing makes a buffer for it all the same, and gives it back. */
static bool has_input(const vn__tls *t) { return BIO_pending(t->in) > 0 || SSL_has_pending(t->ssl); }

int vn__tls_read(vn__tls *t, char *out, size_t cap) {
  if (!has_input(t)) return 0;
  int rc = SSL_read(t->ssl, out, cap > INT_MAX ? INT_MAX : (int)cap);
  if (rc > 0) return rc;
  switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
      return 0;
    case SSL_ERROR_ZERO_RETURN:
      return VN_ECLOSED;
  }
  return fail(t);
}

int vn__tls_write(vn__tls *t, const char *data, size_t len) {
  while (len > 0) {
    int rc = SSL_write(t->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
    if (rc <= 0) return fail(t);
    data += rc;
    len -= (size_t)rc;
  }
  return 0;
}

size_t vn__tls_output(vn__tls *t, char **data) {
  long n = BIO_get_mem_data(t->out, data);
  return n > 0 ? (size_t)n : 0;
}

void vn__tls_output_clear(vn__tls *t) { (void)BIO_reset(t->out); }
