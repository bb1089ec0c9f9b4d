/*
 * http.c: an HTTP/1.1 client of one server: name resolution, requests, the queue, deadlines. Its connections:
 * http_pool.c.
 *
 * Model: a request goes to the connection that became free last (its caches are warm), or waits in a queue. It ends in
 * one event; nothing is retried. One timer sweeps over all deadlines. Requests are built in place, in one shared buffer
 * or the queue entry's own: after warm-up nothing is allocated.
 *
 * Not here: redirects, cookies, proxies, pipelining, content codings.
 */
#include "http.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef vn__http_connection connection;
typedef vn__http_queued queued;

enum { SWEEP_MAX_MS = 50, DEFAULT_MAX_HEAD = 64 * 1024, DEFAULT_MAX_BODY = 64 * 1024 * 1024 };

/* ---- deadlines ---- */

static const char *timeout_text(vn_http *h, const char *what, double timeout_ns) {
  char text[VN__HTTP_DETAIL];
  snprintf(text, sizeof text, "%s: %s within %g s", h->name, what, timeout_ns / 1e9);
  return vn__http_keep_text(h, text);
}

static void sweep_connection(connection *c, double now) {
  vn_http *h = c->http;
  if (c->deadline_ns > now) return;
  if (c->state == VN__HTTP_ACTIVE) {
    vn__http_fail_active(c, VN_ETIMEDOUT,
                         timeout_text(h, c->in.len ? "no whole response" : "no response", c->timeout_ns));
  } else if (c->state == VN__HTTP_OPENING) {
    vn__http_close_connection(c);
    vn__http_fail_oldest(h, VN_ETIMEDOUT, timeout_text(h, "no connection", h->options.connect_timeout_ns));
  }
}

static void sweep_queue(vn_http *h, double now) {
  queued **link = &h->first, *last = NULL;
  while (*link) {
    queued *q = *link;
    if (q->deadline_ns > now) {
      last = q;
      link = &q->next;
      continue;
    }
    *link = q->next;
    h->n_queued--;
    vn__http_push_failure(h, q->tag, 0, VN_ETIMEDOUT, timeout_text(h, "no free connection", q->timeout_ns));
    vn__http_recycle(h, q);
  }
  h->last = last;
}

static void fail_resolution(vn_http *h, int status, const char *why);

static void on_sweep(uv_timer_t *timer) {
  vn_http *h = timer->data;
  double now = h->loop->looked_ns; /* what came while this process did something else is not late */
  if (h->resolver.running && !h->failure && h->resolve_deadline_ns <= now)
    fail_resolution(h, VN_ERESOLVE, "no answer in time");
  for (int i = 0; i < h->n_connections; i++) sweep_connection(h->connections[i], now);
  sweep_queue(h, now);
  vn__http_pump(h);
  if (h->n_active || h->n_opening || h->first || h->resolver.running) return;
  uv_timer_stop(&h->sweep);
  h->sweep_ms = 0;
}

/* Looks at the deadlines 20 times per timeout, every 1 to 50 ms. */
static void start_sweep(vn_http *h, double timeout_ns) {
  if (VN_LIKELY(h->sweep_ms && timeout_ns >= h->sweep_timeout_ns)) return;
  h->sweep_timeout_ns = timeout_ns;
  h->sweep_ms = (uint64_t)fmin(fmax(timeout_ns / 20e6, 1), SWEEP_MAX_MS);
  uv_timer_start(&h->sweep, on_sweep, h->sweep_ms, h->sweep_ms);
}

/* ---- resolution ---- */

static void push_resolved(vn_http *h, int status) {
  vn_event *e = vn__loop_push(h->loop, VN_EV_RESOLVED, h->tag);
  e->status = status;
  e->at_ns = vn_clock_now();
  e->data = h->detail;
  e->len = (uint32_t)strlen(h->detail);
}

static void fail_resolution(vn_http *h, int status, const char *why) {
  h->failure = status;
  snprintf(h->detail, sizeof h->detail, "%s: %s", h->options.host, why);
  push_resolved(h, status);
  while (h->first) vn__http_fail_oldest(h, status, h->detail);
}

static void on_resolved(void *owner, int status) {
  vn_http *h = owner;
  if (!h->closed && !h->failure) {
    if (status < 0) {
      fail_resolution(h, status, h->resolver.why);
    } else {
      push_resolved(h, 0);
      vn__http_pump(h);
    }
  }
  vn__http_release(h);
}

static int resolve(vn_http *h) {
  const vn_http_options *o = &h->options;
  h->resolver.loop = h->loop;
  h->resolver.owner = h;
  h->resolver.done = on_resolved;
  int rc = o->path ? 0 : vn__resolve(&h->resolver, o->host, o->port);
  if (rc == 0) push_resolved(h, 0);
  if (rc < 0) return vn__fail(rc, "%s: %s", o->host, h->resolver.why);
  if (rc == 0) return 0;
  h->handles++;
  h->resolve_deadline_ns = vn_clock_now() + o->connect_timeout_ns;
  start_sweep(h, o->connect_timeout_ns);
  return 0;
}

/* ---- requests ---- */

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* No byte of eight is a blank, a control character or DEL: each that is below '!', or 0 without DEL's bits, borrows. */
static bool is_clean_word(uint64_t w) {
  uint64_t del = w ^ EACH_BYTE(127);
  return !((((w - EACH_BYTE('!')) & ~w) | ((del - EACH_BYTE(1)) & ~del)) & EACH_BYTE(0x80));
}

static bool is_clean(const char *s, size_t len) {
  size_t i = 0;
  for (uint64_t word; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, s + i, sizeof word);
    if (!is_clean_word(word)) return false;
  }
  for (; i < len; i++)
    if ((unsigned char)s[i] <= ' ' || s[i] == 127) return false;
  return len > 0;
}

static bool equals(const char *s, size_t len, const char *text) {
  return len == strlen(text) && memcmp(s, text, len) == 0;
}

static bool needs_length(const vn_http_request *r) {
  if (r->body) return true;
  return equals(r->method, r->method_len, "POST") || equals(r->method, r->method_len, "PUT") ||
         equals(r->method, r->method_len, "PATCH");
}

static int build(const vn_http *h, vn__buffer *b, const vn_http_request *r) {
  size_t body_len = r->body ? r->body_len : 0;
  int rc = vn__buffer_reserve(b, r->method_len + r->path_len + h->host_line_len + r->headers_len + body_len + 64);
  if (rc < 0) return rc;
  vn__buffer_put(b, r->method, r->method_len);
  vn__buffer_put(b, " ", 1);
  vn__buffer_put(b, r->path, r->path_len);
  vn__buffer_put(b, " HTTP/1.1\r\n", 11);
  if (!(r->flags & VN_HTTP_OWN_HOST)) vn__buffer_put(b, h->host_line, h->host_line_len);
  if (r->headers_len) vn__buffer_put(b, r->headers, r->headers_len);
  if (needs_length(r)) {
    vn__buffer_put(b, "Content-Length: ", 16);
    vn__buffer_put_number(b, body_len);
    vn__buffer_put(b, "\r\n", 2);
  }
  vn__buffer_put(b, "\r\n", 2);
  if (body_len) vn__buffer_put(b, r->body, body_len);
  return 0;
}

static int check_request(const vn_http_request *r) {
  if (!is_clean(r->method, r->method_len) || equals(r->method, r->method_len, "CONNECT"))
    return vn__fail(VN_EINVAL, "\"%.*s\" is not a method", (int)r->method_len, r->method);
  if (!is_clean(r->path, r->path_len)) return vn__fail(VN_EINVAL, "\"%.*s\" is not a path", (int)r->path_len, r->path);
  return 0;
}

static int enqueue(vn_http *h, const queued *values, const vn_http_request *r) {
  queued *q = h->spare;
  if (q)
    h->spare = q->next;
  else if (!(q = calloc(1, sizeof *q)))
    return vn__fail(VN_ENOMEM, "out of memory for a request");
  vn__buffer bytes = q->bytes;
  *q = *values;
  q->bytes = bytes;
  int rc = build(h, &q->bytes, r);
  if (rc < 0) {
    vn__http_recycle(h, q);
    return rc;
  }
  if (h->last)
    h->last->next = q;
  else
    h->first = q;
  h->last = q;
  h->n_queued++;
  return 0;
}

int vn_http_submit(vn_http *h, double tag, const vn_http_request *r) {
  int rc = check_request(r);
  if (rc < 0) return rc;
  if (h->failure) {
    vn__http_push_failure(h, tag, 0, h->failure, h->detail);
    return 0;
  }
  double timeout = r->timeout_ns > 0 ? r->timeout_ns : h->options.request_timeout_ns;
  queued q = {.tag = tag, .timeout_ns = timeout, .head_only = equals(r->method, r->method_len, "HEAD")};
  start_sweep(h, timeout > 0 && timeout < h->options.connect_timeout_ns ? timeout : h->options.connect_timeout_ns);
  if (h->n_idle == 0) {
    q.deadline_ns = timeout > 0 ? vn_clock_now() + timeout : INFINITY;
    rc = enqueue(h, &q, r);
    if (rc == 0) vn__http_pump(h);
    return rc;
  }
  h->out.len = 0;
  rc = build(h, &h->out, r);
  if (rc == 0) vn__http_send(h->idle[--h->n_idle], &q, &h->out);
  return rc;
}

void vn_http_cancel_all(vn_http *h) {
  while (h->first) vn__http_recycle(h, vn__http_pop(h));
  for (int i = 0; i < h->n_connections; i++) vn__http_close_connection(h->connections[i]);
}

void vn_http_get_stats(const vn_http *h, vn_http_stats *out) {
  *out = (vn_http_stats){.connects = h->connects,
                         .responses = h->responses,
                         .errors = h->errors,
                         .open = h->n_open,
                         .idle = h->n_idle,
                         .active = h->n_active,
                         .queued = h->n_queued};
}

/* ---- life ---- */

static void free_queue(queued *q) {
  while (q) {
    queued *next = q->next;
    vn__buffer_free(&q->bytes);
    free(q);
    q = next;
  }
}

void vn__http_release(vn_http *h) {
  if (--h->handles > 0 || !h->closed) return;
  for (int i = 0; i < h->n_connections; i++) {
    vn__buffer_free(&h->connections[i]->in);
    free(h->connections[i]);
  }
  free_queue(h->first);
  free_queue(h->spare);
  vn__buffer_free(&h->out);
  vn__buffer_free(&h->known_head);
  if (h->tls) vn__tls_context_free(h->tls);
  free(h->connections);
  free(h->idle);
  free((char *)h->options.host);
  free((char *)h->options.path);
  free(h->name);
  free(h->host_line);
  free(h);
}

static char *copy_text(const char *text) { return text ? strdup(text) : NULL; }

static int set_options(vn_http *h, const vn_http_options *o) {
  bool standard = o->port == (o->tls ? 443 : 80);
  h->options = *o;
  h->options.host = copy_text(o->host);
  h->options.path = copy_text(o->path);
  if (!h->options.max_head) h->options.max_head = DEFAULT_MAX_HEAD;
  if (!h->options.max_body) h->options.max_body = DEFAULT_MAX_BODY;
  const char *host = o->host ? o->host : "localhost";
  const char *format = strchr(host, ':') ? "[%s]:%d" : "%s:%d";
  char name[300], line[400];
  snprintf(name, sizeof name, format, host, o->port);
  h->name = copy_text(o->path ? o->path : name);
  if (standard || o->path) *strrchr(name, ':') = 0;
  h->host_line_len = (size_t)snprintf(line, sizeof line, "Host: %s\r\n", o->header ? o->header : name);
  if (h->host_line_len >= sizeof line) return vn__fail(VN_EINVAL, "host name too long");
  h->host_line = copy_text(line);
  return h->name && h->host_line ? 0 : vn__fail(VN_ENOMEM, "out of memory");
}

static int check_options(const vn_http_options *o) {
  if (!o->host && !o->path) return vn__fail(VN_EINVAL, "neither host nor path given");
  if (o->host && strlen(o->host) > 255) return vn__fail(VN_EINVAL, "host name too long");
  if (!o->path && (o->port < 1 || o->port > 65535)) return vn__fail(VN_EINVAL, "port %d is not in 1-65535", o->port);
  if (o->tls && !o->host) return vn__fail(VN_EINVAL, "TLS needs a host name");
  if (o->connections < 1) return vn__fail(VN_EINVAL, "connections must be at least 1");
  if (!(o->connect_timeout_ns > 0)) return vn__fail(VN_EINVAL, "connect timeout must be positive");
  return 0;
}

static int start_tls(vn_http *h) {
  h->tls = vn__tls_client_context(h->options.ca, h->options.verify);
  vn__tls *trial = h->tls ? vn__tls_new(h->tls, h->options.host) : NULL;
  if (!trial) return VN_ETLS;
  vn__tls_free(trial);
  return 0;
}

static void on_sweep_closed(uv_handle_t *handle) {
  vn_http *h = handle->data;
  vn__loop_ref(h->loop, -1);
  vn__http_release(h);
}

vn_http *vn_http_new(vn_loop *l, double tag, const vn_http_options *o) {
  if (check_options(o) < 0) return NULL;
  vn_http *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  h->loop = l;
  h->tag = tag;
  uv_timer_init(&l->uv, &h->sweep);
  h->sweep.data = h;
  h->handles = 1;
  vn__loop_ref(l, 1);
  int rc = set_options(h, o);
  if (rc == 0 && o->tls) rc = start_tls(h);
  if (rc == 0) rc = resolve(h);
  if (rc == 0) return h;
  vn_http_free(h);
  return NULL;
}

void vn_http_free(vn_http *h) {
  if (!h || h->closed) return;
  h->closed = true;
  vn_http_cancel_all(h);
  vn__resolve_cancel(&h->resolver);
  uv_close((uv_handle_t *)&h->sweep, on_sweep_closed);
}
