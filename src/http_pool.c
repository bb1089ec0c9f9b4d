/*
 * http_pool.c: the HTTP client's connections: opening, sending, receiving, closing.
 *
 * Model: a connection that becomes free takes the oldest waiting request or goes on top of the idle stack. Every
 * waiting request may open one more connection up to the limit. An attempt to connect that fails, fails the oldest
 * waiting request: so a server that is gone answers every request exactly once. A connection whose two sides might
 * disagree about where a message ends (bytes nobody asked for, an answer before the whole request was written) is not
 * used again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "http.h"

typedef vn__http_connection connection;
typedef vn__http_queued queued;

/* ---- the end of requests ---- */

const char *vn__http_keep_text(vn_http *h, const char *text) {
  size_t len = strlen(text) + 1;
  return memcpy(vn__loop_scratch(h->loop, len), text, len);
}

void vn__http_push_failure(vn_http *h, double tag, double sent_ns, int status, const char *text) {
  vn_event *e = vn__loop_push(h->loop, VN_EV_RESPONSE, tag);
  e->status = status;
  e->at_ns = vn_clock_now();
  e->sent_ns = sent_ns;
  e->data = text;
  e->len = (uint32_t)strlen(text);
  h->errors++;
}

/* ---- answers whose head is that of an answer before ---- */

static int32_t new_head_id(void) {
  static int32_t last;
  if (++last <= 0) last = 1;
  return last;
}

/* A whole answer of a stated length, with a head that has been seen, is not parsed again. */
static bool is_known(const connection *c, const char *buf, size_t len) {
  const vn_http *h = c->http;
  size_t head = h->known_head.len;
  return h->known_id && len == h->known.pos && !c->parser.head_only && memcmp(buf, h->known_head.data, head) == 0;
}

/* The id of the answer's head in events; 0 where it is not worth remembering. */
static int32_t learn_head(vn_http *h, const vn__parser *p, const char *buf) {
  if (!p->has_length || p->chunked || p->head_only || p->body + p->body_len != p->pos) return 0;
  bool same = h->known_id && h->known_head.len == p->body && memcmp(buf, h->known_head.data, p->body) == 0;
  h->known = *p;
  if (same) return h->known_id;
  h->known_head.len = 0;
  h->known_id = vn__buffer_add(&h->known_head, buf, p->body) == 0 ? new_head_id() : 0;
  return h->known_id;
}

static void push_response(connection *c, const vn__parser *p, const char *buf, double at_ns, int32_t head_id) {
  vn_event *e = vn__loop_push(c->http->loop, VN_EV_RESPONSE, c->tag);
  char *copy = vn__loop_scratch(c->http->loop, p->head_len + p->body_len);
  memcpy(copy, buf + p->head, p->head_len);
  memcpy(copy + p->head_len, buf + p->body, p->body_len);
  e->n = p->status;
  e->at_ns = at_ns;
  e->sent_ns = c->sent_ns;
  e->head = copy;
  e->head_id = head_id;
  e->head_len = (uint32_t)p->head_len;
  e->data = copy + p->head_len;
  e->len = (uint32_t)p->body_len;
  c->http->responses++;
}

queued *vn__http_pop(vn_http *h) {
  queued *q = h->first;
  h->first = q->next;
  if (!h->first) h->last = NULL;
  h->n_queued--;
  return q;
}

void vn__http_recycle(vn_http *h, queued *q) {
  vn__buffer_trim(&q->bytes, VN__HTTP_KEEP);
  q->next = h->spare;
  h->spare = q;
}

void vn__http_fail_oldest(vn_http *h, int status, const char *text) {
  if (!h->first) return;
  queued *q = vn__http_pop(h);
  vn__http_push_failure(h, q->tag, 0, status, text);
  vn__http_recycle(h, q);
}

/* ---- closing ---- */

static void forget_idle(connection *c) {
  vn_http *h = c->http;
  int i = h->n_idle - 1;
  while (h->idle[i] != c) i--;
  memmove(&h->idle[i], &h->idle[i + 1], (size_t)(h->n_idle - 1 - i) * sizeof *h->idle);
  h->n_idle--;
}

static void leave_state(connection *c) {
  if (c->state == VN__HTTP_IDLE) forget_idle(c);
  if (c->state == VN__HTTP_ACTIVE) c->http->n_active--;
  if (c->state == VN__HTTP_OPENING || c->state == VN__HTTP_REOPENING) c->http->n_opening--;
}

void vn__http_close_connection(connection *c) {
  if (c->state == VN__HTTP_CLOSING || c->state == VN__HTTP_FREE) return;
  leave_state(c);
  c->state = VN__HTTP_CLOSING;
  c->http->n_open--;
  vn__stream_close(&c->stream, false);
}

/* ---- requests on connections ---- */

void vn__http_fail_active(connection *c, int status, const char *text) {
  vn_http *h = c->http;
  vn__http_push_failure(h, c->tag, c->sent_ns, status, text);
  vn__http_close_connection(c);
}

/* The last failure with the server's name, in memory that outlives the call: this may run between two polls. */
static const char *describe(vn_http *h) {
  snprintf(h->detail, sizeof h->detail, "%s: %s", h->name, vn_errmsg());
  return h->detail;
}

/* Writes the request; a failure is the request's. */
void vn__http_send(connection *c, const queued *q, const vn__buffer *bytes) {
  c->http->n_active++;
  c->state = VN__HTTP_ACTIVE;
  c->tag = q->tag;
  c->timeout_ns = q->timeout_ns;
  c->parser.head_only = q->head_only;
  int rc = vn__stream_write(&c->stream, bytes->data, bytes->len, &c->sent_ns);
  c->deadline_ns = q->deadline_ns > 0 ? q->deadline_ns : q->timeout_ns > 0 ? c->sent_ns + q->timeout_ns : INFINITY;
  if (VN_LIKELY(rc == 0)) return;
  vn__http_fail_active(c, rc, describe(c->http));
  vn__http_pump(c->http);
}

static void send_queued(connection *c) {
  vn_http *h = c->http;
  queued *q = vn__http_pop(h);
  vn__http_send(c, q, &q->bytes);
  vn__http_recycle(h, q);
}

static void set_free(connection *c) {
  vn_http *h = c->http;
  if (h->first) {
    send_queued(c);
  } else {
    c->state = VN__HTTP_IDLE;
    h->idle[h->n_idle++] = c;
  }
}

/* p: the connection's parser, or one that has seen the same answer before. */
static void finish_response(connection *c, const vn__parser *p, const char *buf, size_t len, double at_ns,
                            int32_t head_id) {
  push_response(c, p, buf, at_ns, head_id);
  bool reusable = p->keep_alive && p->pos == len && !vn__stream_is_pending(&c->stream);
  if (p == &c->parser) {
    vn__buffer_trim(&c->in, VN__HTTP_KEEP);
    vn__parser_reset(&c->parser);
  }
  if (!reusable) {
    vn__http_close_connection(c);
    vn__http_pump(c->http);
    return;
  }
  leave_state(c);
  set_free(c);
}

static void fail_and_pump(connection *c, int status) {
  vn__http_fail_active(c, status, vn__http_keep_text(c->http, describe(c->http)));
  vn__http_pump(c->http);
}

/* Keeps what has come of a response. */
static int keep_partial(connection *c, const char *buf, size_t len) {
  if (buf == c->in.data) {
    c->in.len = len;
    return 0;
  }
  int rc = vn__buffer_reserve(&c->in, len + vn__parser_missing(&c->parser, len));
  return rc ? rc : vn__buffer_add(&c->in, buf, len);
}

static void on_data(vn__stream *s, char *data, size_t len, double at_ns) {
  connection *c = (connection *)s;
  if (c->state != VN__HTTP_ACTIVE) { /* nobody asked: the two sides do not agree about where a message ends */
    vn__http_close_connection(c);
    return;
  }
  char *buf = data;
  if (VN_LIKELY(c->in.len == 0 && is_known(c, data, len))) {
    finish_response(c, &c->http->known, data, len, at_ns, c->http->known_id);
    return;
  }
  if (c->in.len) {
    if (vn__buffer_add(&c->in, data, len) < 0) {
      fail_and_pump(c, VN_ENOMEM);
      return;
    }
    buf = c->in.data;
    len = c->in.len;
  }
  int rc = vn__parser_feed(&c->parser, buf, &len);
  if (VN_LIKELY(rc == VN__PARSER_DONE)) {
    finish_response(c, &c->parser, buf, len, at_ns, learn_head(c->http, &c->parser, buf));
    return;
  }
  if (rc == VN__PARSER_MORE) rc = keep_partial(c, buf, len);
  if (rc < 0) fail_and_pump(c, rc);
}

static void on_end(vn__stream *s, int status) {
  connection *c = (connection *)s;
  if (c->state != VN__HTTP_ACTIVE) {
    vn__http_close_connection(c);
    return;
  }
  if (status == 0 && vn__parser_eof(&c->parser, c->in.len) == VN__PARSER_DONE) {
    finish_response(c, &c->parser, c->in.data, c->in.len, vn_clock_now(), 0);
    return;
  }
  fail_and_pump(c, status ? status : VN_ERESET);
}

/* ---- opening connections ---- */

/* Every failed attempt answers one waiting request: see the top. */
static void fail_opening(connection *c, int status) {
  vn_http *h = c->http;
  const char *text = vn__http_keep_text(h, describe(h));
  vn__http_close_connection(c);
  vn__http_fail_oldest(h, status, text);
}

static void on_open(vn__stream *s, int status) {
  connection *c = (connection *)s;
  vn_http *h = c->http;
  if (status == 0) {
    h->n_opening--;
    h->connects++;
    h->good = (h->good + c->attempt) % (h->resolver.n ? h->resolver.n : 1);
    set_free(c);
  } else if (status == VN_ECONNECT && c->attempt + 1 < h->resolver.n) {
    c->attempt++;
    c->state = VN__HTTP_REOPENING;
    vn__stream_close(s, false);
  } else {
    fail_opening(c, status);
    vn__http_pump(h);
  }
}

static int connect_stream(connection *c) {
  vn_http *h = c->http;
  vn__tls *tls = h->tls ? vn__tls_new(h->tls, h->options.host) : NULL; /* the name was tried by start_tls */
  c->state = VN__HTTP_OPENING;
  if (h->options.path) return vn__stream_connect_unix(&c->stream, h->loop, h->options.path, tls);
  uint32_t i = (h->good + c->attempt) % h->resolver.n;
  return vn__stream_connect(&c->stream, h->loop, vn__resolver_address(&h->resolver, i), tls);
}

static void on_closed(vn__stream *s) {
  connection *c = (connection *)s;
  vn_http *h = c->http;
  if (c->state == VN__HTTP_REOPENING) {
    int rc = connect_stream(c);
    if (rc < 0) fail_opening(c, rc);
    return;
  }
  c->state = VN__HTTP_FREE;
  vn__parser_reset(&c->parser);
  vn__buffer_trim(&c->in, VN__HTTP_KEEP);
  c->next_free = h->free;
  h->free = c;
  vn__http_release(h);
}

static const vn__stream_events stream_events = {on_open, on_data, on_end, on_closed, NULL};

static connection *new_connection(vn_http *h) {
  size_t n = (size_t)h->n_connections + 1;
  connection **all = realloc(h->connections, n * sizeof *all);
  if (all) h->connections = all;
  connection **idle = all ? realloc(h->idle, n * sizeof *idle) : NULL;
  if (idle) h->idle = idle;
  connection *c = idle ? calloc(1, sizeof *c) : NULL;
  if (!c) return NULL;
  vn__parser_init(&c->parser, false, h->options.max_head, h->options.max_body);
  c->http = h;
  c->stream.on = &stream_events;
  h->connections[h->n_connections++] = c;
  return c;
}

static int open_connection(vn_http *h) {
  connection *c = h->free;
  if (c)
    h->free = c->next_free;
  else
    c = new_connection(h);
  if (!c) {
    vn__fail(VN_ENOMEM, "out of memory for a connection");
    describe(h);
    return VN_ENOMEM;
  }
  c->attempt = 0;
  c->deadline_ns = vn_clock_now() + h->options.connect_timeout_ns;
  h->handles++;
  h->n_open++;
  h->n_opening++;
  int rc = connect_stream(c);
  if (rc < 0) {
    describe(h);
    vn__http_close_connection(c);
  }
  return rc;
}

void vn__http_pump(vn_http *h) {
  if (h->resolver.running || h->closed) return;
  while (h->n_opening < h->n_queued && h->n_open < h->options.connections) {
    int rc = open_connection(h);
    if (rc < 0) vn__http_fail_oldest(h, rc, h->detail);
  }
}
