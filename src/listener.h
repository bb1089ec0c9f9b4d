/* listener.h: a TCP socket that connections come in on. */
#ifndef VN_LISTENER_H
#define VN_LISTENER_H

#include "loop.h"

typedef struct vn__listener { /* a member of its owner's struct; all zero, and fd -1, before */
  uv_poll_t uv;
  int fd;   /* -1: none */
  int port; /* as it was got, where 0 was asked for */
  vn_loop *loop;
  void *owner;
  void (*accepted)(void *owner, int fd); /* non-blocking; the owner's from then on */
  void (*closed)(void *owner);           /* the memory is free */
} vn__listener;

/*
 * host: an IPv4 or IPv6 address. The owner has set loop, owner, accepted and closed. 0; or a negative code, and there
 * is nothing to close.
 */
int vn__listener_open(vn__listener *l, const char *host, int port);

/* After a pause: who finds no file left for a connection accepts none until this is called. */
void vn__listener_resume(vn__listener *l);

/* closed follows, from inside uv_run. Nothing happens if it is not open. */
void vn__listener_close(vn__listener *l);

#endif
