/*
 * probe.c: whether somebody listens on a TCP port.
 *
 * Model: the name is resolved, its addresses are tried one after the other, a connection that is made is closed at once
 * without a byte. A probe frees itself: one event comes, at the latest when its time is over. What it does not do:
 * speak a protocol (see the HTTP client), look at ports without connecting.
 */
#include <stdlib.h>
#include <string.h>

#include "resolve.h"

typedef struct probe {
  uv_tcp_t tcp;
  uv_timer_t timer;
  uv_connect_t connect;
  vn__resolver resolver;
  double tag;
  uint32_t next; /* of the addresses */
  int refs;      /* handles and requests of libuv's that are open */
  int failure;   /* uv error of the last attempt */
  bool told;     /* the event is out: nothing new is begun */
  bool has_open; /* tcp */
} probe;

static void connect_next(probe *p);

static vn_loop *loop_of(probe *p) { return (vn_loop *)p->timer.loop; }

static void keep(probe *p) {
  p->refs++;
  vn__loop_ref(loop_of(p), 1);
}

static void release(probe *p) {
  vn__loop_ref(loop_of(p), -1);
  if (--p->refs == 0) free(p);
}

static void on_timer_closed(uv_handle_t *handle) { release(handle->data); }

static void on_tcp_closed(uv_handle_t *handle) {
  probe *p = handle->data;
  if (!p->told) connect_next(p);
  release(p);
}

static void close_tcp(probe *p) {
  if (p->has_open) uv_close((uv_handle_t *)&p->tcp, on_tcp_closed);
  p->has_open = false;
}

static void tell(probe *p, int status, const char *text) {
  if (p->told) return;
  p->told = true;
  vn_event *e = vn__loop_push(loop_of(p), VN_EV_CLOSED, p->tag);
  e->status = status;
  e->at_ns = vn_clock_now();
  e->data = text;
  e->len = (uint32_t)strlen(text);
  close_tcp(p);
  uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

static void on_timer(uv_timer_t *timer) { tell(timer->data, VN_ETIMEDOUT, vn_strerror(VN_ETIMEDOUT)); }

static void on_connect(uv_connect_t *connect, int status) {
  probe *p = connect->data;
  if (p->told) return;
  if (status == 0) {
    tell(p, 0, "");
    return;
  }
  p->failure = status;
  close_tcp(p);
}

static void connect_next(probe *p) {
  if (p->next == p->resolver.n) {
    tell(p, VN_ECONNECT, uv_strerror(p->failure));
    return;
  }
  const struct sockaddr *address = vn__resolver_address(&p->resolver, p->next++);
  uv_tcp_init(p->timer.loop, &p->tcp);
  p->tcp.data = p->connect.data = p;
  p->has_open = true;
  keep(p);
  int rc = uv_tcp_connect(&p->connect, &p->tcp, address, on_connect);
  if (rc == 0) return;
  p->failure = rc;
  close_tcp(p);
}

static void on_resolved(void *owner, int status) {
  probe *p = owner;
  if (status < 0)
    tell(p, status, p->resolver.why);
  else if (!p->told)
    connect_next(p);
  release(p);
}

int vn_probe_port(vn_loop *l, double tag, const char *host, int port, double timeout_ns) {
  probe *p = calloc(1, sizeof *p);
  if (!p) return vn__fail(VN_ENOMEM, "out of memory for a probe");
  p->tag = tag;
  p->resolver.loop = l;
  p->resolver.owner = p;
  p->resolver.done = on_resolved;
  uv_timer_init(&l->uv, &p->timer);
  p->timer.data = p;
  keep(p);
  uv_update_time(&l->uv);
  uv_timer_start(&p->timer, on_timer, (uint64_t)(timeout_ns / 1e6) + 1, 0);
  int rc = vn__resolve(&p->resolver, host, port);
  if (rc == 0) connect_next(p);
  if (rc == 1) keep(p);
  if (rc < 0) tell(p, rc, p->resolver.why);
  return 0;
}
