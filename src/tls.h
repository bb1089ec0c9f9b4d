/* tls.h: TLS as a function from bytes to bytes. */
#ifndef VN_TLS_H
#define VN_TLS_H

#include "internal.h"

typedef struct ssl_ctx_st vn__tls_context; /* certificates and policy, shared by many connections */
typedef struct vn__tls vn__tls;            /* one connection */

/* ca: PEM file, or NULL for the system's store. NULL on failure: VN_ETLS in vn_errmsg. */
vn__tls_context *vn__tls_client_context(const char *ca, bool verify);
vn__tls_context *vn__tls_server_context(const char *cert, const char *key);
void vn__tls_context_free(vn__tls_context *c);

/* host: the name or address that the peer's certificate must carry (client); NULL: server */
vn__tls *vn__tls_new(vn__tls_context *c, const char *host);
void vn__tls_free(vn__tls *t);

int vn__tls_feed(vn__tls *t, const char *data, size_t len);  /* ciphertext that arrived */
int vn__tls_handshake(vn__tls *t);                           /* 1 finished, 0 goes on, VN_ETLS */
int vn__tls_read(vn__tls *t, char *out, size_t cap);         /* plaintext bytes; 0 none now; VN_ECLOSED, VN_ETLS */
int vn__tls_write(vn__tls *t, const char *data, size_t len); /* plaintext to encrypt: 0 or VN_ETLS */
size_t vn__tls_output(vn__tls *t, char **data);              /* ciphertext to send; valid until the next call */
void vn__tls_output_clear(vn__tls *t);                       /* it has been sent */

#endif
