/* resolve.h: the addresses of a host name, without blocking the loop. */
#ifndef VN_RESOLVE_H
#define VN_RESOLVE_H

#include "loop.h"

enum { VN__ADDRESSES = 8 };

typedef struct vn__resolver { /* a member of its owner's struct; n is 0 before */
  uv_getaddrinfo_t uv;
  struct sockaddr_storage addresses[VN__ADDRESSES];
  uint32_t n;
  bool running;    /* done is still to come: the memory is in use until then */
  const char *why; /* of a failure: a constant */
  vn_loop *loop;
  void *owner;
  void (*done)(void *owner, int status); /* 0, or VN_ERESOLVE */
} vn__resolver;

/*
 * The owner has set loop, owner and done. 0: host is an address, and it is there now; 1: done follows, exactly once,
 * from inside uv_run, also after cancel; VN_ERESOLVE.
 */
int vn__resolve(vn__resolver *r, const char *host, int port);
void vn__resolve_cancel(vn__resolver *r);

static inline const struct sockaddr *vn__resolver_address(const vn__resolver *r, uint32_t i) {
  return (const struct sockaddr *)&r->addresses[i];
}

#endif
