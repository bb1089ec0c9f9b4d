/*
 * resolve.c: the addresses of a host name, by libuv's threads; an address as a text is taken as it is.
 *
 * Model: one question per resolver, at most VN__ADDRESSES answers in the system's order. What it does not do: cache, or
 * give up by itself (deadlines are its owner's).
 */
#include "resolve.h"

#include <stdio.h>
#include <string.h>

static void keep(vn__resolver *r, const struct addrinfo *list) {
  for (const struct addrinfo *a = list; a && r->n < VN__ADDRESSES; a = a->ai_next)
    if (a->ai_addrlen <= sizeof r->addresses[0]) memcpy(&r->addresses[r->n++], a->ai_addr, a->ai_addrlen);
}

static void on_resolved(uv_getaddrinfo_t *uv, int status, struct addrinfo *list) {
  vn__resolver *r = uv->data;
  keep(r, list);
  uv_freeaddrinfo(list);
  r->running = false;
  vn__loop_ref(r->loop, -1);
  r->why = status ? uv_strerror(status) : "no address";
  r->done(r->owner, r->n ? 0 : VN_ERESOLVE);
}

int vn__resolve(vn__resolver *r, const char *host, int port) {
  if (uv_ip4_addr(host, port, (struct sockaddr_in *)r->addresses) == 0 ||
      uv_ip6_addr(host, port, (struct sockaddr_in6 *)r->addresses) == 0) {
    r->n = 1;
    return 0;
  }
  char service[16];
  snprintf(service, sizeof service, "%d", port);
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  r->uv.data = r;
  int rc = uv_getaddrinfo(&r->loop->uv, &r->uv, on_resolved, host, service, &hints);
  if (rc < 0) {
    r->why = uv_strerror(rc);
    return VN_ERESOLVE;
  }
  r->running = true;
  vn__loop_ref(r->loop, 1);
  return 1;
}

void vn__resolve_cancel(vn__resolver *r) {
  if (r->running) uv_cancel((uv_req_t *)&r->uv);
}
