/*
 * server.c: an HTTP/1.1 server whose requests are events and whose answers come whenever Lua has them.
 *
 * Model: a connection reads one request, hands it out under a handle (generation * 2^20 + index) and looks at what
 * follows only after the reply; so pipelined requests are answered in order, and a client that pipelines without end
 * is held back by flow control. A reply is one write. A malformed request is answered here and ends its connection.
 *
 * Not here: routing, compression, files, trailers, upgrade.
 */
#include <stdlib.h>
#include <unistd.h>

#include "arrival_log.h"
#include "buffer.h"
#include "http_parser.h"
#include "listener.h"
#include "stream.h"

enum { FREE, OPENING, READING, REQUESTED, LINGERING, CLOSING };
enum { DEFAULT_MAX_CONNECTIONS = 10000, DEFAULT_MAX_HEAD = 16 * 1024, DEFAULT_MAX_BODY = 1024 * 1024 };
enum { KEEP_BUFFER = 64 * 1024, SWEEP_MS = 1000, HANDLE_SPAN = 1 << 20 };
static const double LINGER_NS = 2e9; /* how long a refused client may go on sending before it is cut off */

typedef struct connection {
  vn__stream stream;
  vn_server *server;
  struct connection *next; /* in the free list */
  struct connection *next_ready;
  vn__parser parser;
  vn__buffer in; /* an incomplete request, or what follows the one that is being answered */
  double generation;
  double linger_until_ns;
  uint32_t index;
  uint8_t state;
  bool ready, continued; /* in the ready list; "100 Continue" sent */
  bool keep_alive, head_only;
  bool old;  /* HTTP/1.0: keep-alive must be said */
  bool half; /* the client has ended its side */
} connection;

struct vn_server {
  vn_loop *loop;
  double tag;
  vn__listener listener;
  uv_timer_t sweep;
  uv_idle_t idle; /* runs while connections have more than one request in their buffers */
  vn__tls_context *tls;
  connection **connections; /* all ever made */
  connection *free, *ready;
  int n_connections, n_open, max_connections;
  uint32_t max_head, max_body;
  int handles;
  bool closed;
  vn__buffer out;
  vn__arrival_log log;
};

static const struct {
  int status;
  const char *text;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *reason_of(int status) {
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status) return reasons[i].text;
  return "Status";
}

/* ---- closing ---- */

static void release_handle(vn_server *s) {
  if (--s->handles > 0 || !s->closed) return;
  for (int i = 0; i < s->n_connections; i++) {
    vn__buffer_free(&s->connections[i]->in);
    free(s->connections[i]);
  }
  free(s->connections);
  vn__buffer_free(&s->out);
  if (s->tls) vn__tls_context_free(s->tls);
  free(s);
}

static void forget_ready(connection *c) {
  connection **link = &c->server->ready;
  while (*link && *link != c) link = &(*link)->next_ready;
  if (*link) *link = c->next_ready;
  c->ready = false;
}

static void close_connection(connection *c, bool reset) {
  if (c->state == FREE || c->state == CLOSING) return;
  if (c->ready) forget_ready(c);
  c->state = CLOSING;
  c->generation++;
  c->server->n_open--;
  vn__stream_close(&c->stream, reset);
}

/* Ends our side and discards what still comes, so that the client can read the answer before a reset destroys it. */
static void linger(connection *c) {
  if (c->half && !vn__stream_is_pending(&c->stream)) {
    close_connection(c, false);
    return;
  }
  c->state = LINGERING;
  c->in.len = 0;
  c->linger_until_ns = vn_clock_now() + LINGER_NS;
  vn__stream_set_reading(&c->stream, true);
  vn__stream_shutdown(&c->stream);
}

/* ---- responses ---- */

static bool may_have_body(const connection *c, int status) {
  return !c->head_only && status != 204 && status != 304 && status >= 200;
}

#define PUT(b, literal) vn__buffer_put(b, literal, sizeof literal - 1)

static int build(vn__buffer *b, const connection *c, const vn_server_response *r, bool last) {
  const char *reason = reason_of(r->status);
  size_t body_len = r->body ? r->body_len : 0;
  int rc = vn__buffer_reserve(b, r->headers_len + body_len + 256);
  if (rc < 0) return rc;
  PUT(b, "HTTP/1.1 ");
  vn__buffer_put_number(b, (uint64_t)r->status);
  PUT(b, " ");
  vn__buffer_put(b, reason, strlen(reason));
  if (r->status != 204 && r->status != 304) {
    PUT(b, "\r\nContent-Length: ");
    vn__buffer_put_number(b, body_len);
  }
  if (last)
    PUT(b, "\r\nConnection: close");
  else if (c->old)
    PUT(b, "\r\nConnection: keep-alive");
  PUT(b, "\r\n");
  if (r->headers_len) vn__buffer_put(b, r->headers, r->headers_len);
  PUT(b, "\r\n");
  if (body_len && may_have_body(c, r->status)) vn__buffer_put(b, r->body, body_len);
  return 0;
}

static void expect_next(connection *c);

static int respond(connection *c, const vn_server_response *r) {
  vn_server *s = c->server;
  bool last = r->close || !c->keep_alive || (c->half && c->in.len == 0);
  s->out.len = 0;
  int rc = build(&s->out, c, r, last);
  if (rc == 0) rc = vn__stream_write(&c->stream, s->out.data, s->out.len, NULL);
  if (rc < 0)
    close_connection(c, false);
  else if (last)
    linger(c);
  else
    expect_next(c);
  return rc < 0 ? vn__fail(VN_ECLOSED, "the client has gone") : 0;
}

static void refuse(connection *c, int status) {
  char text[512];
  int n = snprintf(text, sizeof text, "%s\n", vn_errmsg());
  static const char headers[] = "Content-Type: text/plain\r\n";
  vn_server_response r = {.headers = headers, .headers_len = sizeof headers - 1, .status = status, .close = 1};
  r.body = text;
  r.body_len = n < (int)sizeof text ? (uint32_t)n : sizeof text - 1;
  c->state = REQUESTED;
  c->head_only = false;
  respond(c, &r);
}

/* ---- requests ---- */

static void push_request(connection *c, const char *buf, double at_ns) {
  vn_server *s = c->server;
  const vn__parser *p = &c->parser;
  char *copy = vn__loop_scratch(s->loop, p->path_len + p->body_len);
  memcpy(copy, buf + p->path, p->path_len);
  memcpy(copy + p->path_len, buf + p->body, p->body_len);
  vn__arrival_log_add(&s->log, at_ns, vn_http_method_name(p->method), copy, p->path_len);
  c->state = REQUESTED;
  c->generation++;
  c->keep_alive = p->keep_alive;
  c->head_only = p->method == VN_METHOD_HEAD;
  c->old = p->minor == 0;
  vn_event *e = vn__loop_push(s->loop, VN_EV_REQUEST, s->tag);
  e->at_ns = at_ns;
  e->value = c->generation * HANDLE_SPAN + c->index;
  e->n = p->method;
  e->head = copy;
  e->head_len = (uint32_t)p->path_len;
  e->data = copy + p->path_len;
  e->len = (uint32_t)p->body_len;
}

/* Keeps bytes that belong to this or the next request. */
static int keep(connection *c, const char *from, size_t len) {
  if (c->in.data && from >= c->in.data && from <= c->in.data + c->in.cap) {
    memmove(c->in.data, from, len);
    c->in.len = len;
    return 0;
  }
  c->in.len = 0;
  return len ? vn__buffer_add(&c->in, from, len) : 0;
}

static int send_continue(connection *c) {
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  c->continued = true;
  return vn__stream_write(&c->stream, text, sizeof text - 1, NULL);
}

static int keep_partial(connection *c, const char *buf, size_t len) {
  if (c->half) return VN_ERESET; /* the rest cannot come any more */
  int rc = keep(c, buf, len);
  bool asked = c->parser.expects_continue && vn__parser_in_body(&c->parser) && !c->continued;
  return rc == 0 && asked ? send_continue(c) : rc;
}

static int error_status(const connection *c, int rc) {
  if (rc != VN_ELIMIT) return 400;
  return c->parser.body ? 413 : 431;
}

static void take_request(connection *c, char *buf, size_t len, double at_ns) {
  int rc = vn__parser_feed(&c->parser, buf, &len);
  if (rc == VN__PARSER_DONE) {
    push_request(c, buf, at_ns);
    rc = keep(c, buf + c->parser.pos, len - c->parser.pos);
  } else if (rc == VN__PARSER_MORE) {
    rc = keep_partial(c, buf, len);
  }
  if (rc == VN_EPROTOCOL || rc == VN_ELIMIT)
    refuse(c, error_status(c, rc));
  else if (rc < 0)
    close_connection(c, false);
}

static void on_idle(uv_idle_t *idle) {
  vn_server *s = idle->data;
  connection *c;
  uv_idle_stop(idle);
  while ((c = s->ready)) {
    s->ready = c->next_ready;
    c->ready = false;
    take_request(c, c->in.data, c->in.len, vn_clock_now());
  }
}

/* After a reply. What is in the buffer already is looked at by the next poll, because events need its memory. */
static void expect_next(connection *c) {
  vn_server *s = c->server;
  c->state = READING;
  c->continued = false;
  vn__parser_reset(&c->parser);
  vn__stream_set_reading(&c->stream, true);
  if (c->in.len == 0) {
    vn__buffer_trim(&c->in, KEEP_BUFFER);
  } else if (!c->ready) {
    c->ready = true;
    c->next_ready = s->ready;
    s->ready = c;
    uv_idle_start(&s->idle, on_idle);
  }
}

/* ---- connections ---- */

static void on_open(vn__stream *stream, int status) {
  connection *c = (connection *)stream;
  if (status < 0)
    close_connection(c, false);
  else
    c->state = READING;
}

/* While a request is answered, a bounded rest of the read is kept and the client is held back. */
static int hold_back(connection *c, const char *data, size_t len) {
  vn__stream_set_reading(&c->stream, false);
  return vn__buffer_add(&c->in, data, len);
}

static void on_data(vn__stream *stream, char *data, size_t len, double at_ns) {
  connection *c = (connection *)stream;
  if (c->state == LINGERING) return;
  if (c->state == REQUESTED || c->ready) {
    if (hold_back(c, data, len) < 0) close_connection(c, false);
    return;
  }
  if (VN_LIKELY(c->in.len == 0)) {
    take_request(c, data, len, at_ns);
    return;
  }
  if (vn__buffer_add(&c->in, data, len) < 0)
    close_connection(c, false);
  else
    take_request(c, c->in.data, c->in.len, at_ns);
}

/* A client that has ended its side while it waits still gets its answer. */
static void on_end(vn__stream *stream, int status) {
  connection *c = (connection *)stream;
  c->half = true;
  if (status < 0 || (c->state != REQUESTED && !c->ready)) close_connection(c, false);
}

static void on_closed(vn__stream *stream) {
  connection *c = (connection *)stream;
  vn_server *s = c->server;
  c->state = FREE;
  vn__buffer_trim(&c->in, KEEP_BUFFER);
  c->next = s->free;
  s->free = c;
  release_handle(s);
}

static const vn__stream_events stream_events = {on_open, on_data, on_end, on_closed, NULL};

static connection *new_connection(vn_server *s) {
  connection **all = realloc(s->connections, ((size_t)s->n_connections + 1) * sizeof *all);
  if (all) s->connections = all;
  connection *c = all ? calloc(1, sizeof *c) : NULL;
  if (!c) return NULL;
  c->server = s;
  c->index = (uint32_t)s->n_connections;
  c->stream.on = &stream_events;
  vn__parser_init(&c->parser, true, s->max_head, s->max_body);
  s->connections[s->n_connections++] = c;
  return c;
}

static connection *take_connection(vn_server *s) {
  connection *c = s->free;
  if (!c) return new_connection(s);
  s->free = c->next;
  vn__parser_reset(&c->parser);
  return c;
}

static void add_connection(void *server, int fd) {
  vn_server *s = server;
  connection *c = take_connection(s);
  if (!c) {
    close(fd);
    return;
  }
  s->handles++;
  s->n_open++;
  c->ready = c->continued = c->half = false;
  c->state = s->tls ? OPENING : READING;
  int rc = vn__stream_accept(&c->stream, s->loop, fd, s->tls ? vn__tls_new(s->tls, NULL) : NULL);
  if (rc < 0 || s->n_open > s->max_connections) close_connection(c, true);
}

/* ---- what Lua calls ---- */

static connection *find(vn_server *s, double handle) {
  double generation = (double)(int64_t)(handle / HANDLE_SPAN);
  int index = (int)(handle - generation * HANDLE_SPAN);
  if (index < 0 || index >= s->n_connections) return NULL;
  connection *c = s->connections[index];
  return c->generation == generation && c->state == REQUESTED ? c : NULL;
}

int vn_server_reply(vn_server *s, double handle, const vn_server_response *r) {
  connection *c = find(s, handle);
  if (!c) return vn__fail(VN_ECLOSED, "the client has gone");
  if (r->status < 200 || r->status > 999) return vn__fail(VN_EINVAL, "%d is not a final HTTP status", r->status);
  return respond(c, r);
}

int vn_server_close_connection(vn_server *s, double handle, int reset) {
  connection *c = find(s, handle);
  if (!c) return vn__fail(VN_ECLOSED, "the client has gone");
  close_connection(c, reset);
  return 0;
}

int vn_server_flush_log(vn_server *s) { return vn__arrival_log_flush(&s->log); }

int vn_server_port(const vn_server *s) { return s->listener.port; }

double vn_server_connections(const vn_server *s) { return s->n_open; }

/* ---- life ---- */

static void on_sweep(uv_timer_t *timer) {
  vn_server *s = timer->data;
  double now = vn_clock_now();
  for (int i = 0; i < s->n_connections; i++) {
    connection *c = s->connections[i];
    if (c->state == LINGERING && c->linger_until_ns <= now) close_connection(c, true);
  }
  vn__arrival_log_flush(&s->log);
  vn__listener_resume(&s->listener);
}

static void on_handle_closed(uv_handle_t *handle) {
  vn_server *s = handle->data;
  vn__loop_ref(s->loop, -1);
  release_handle(s);
}

static void on_listener_closed(void *server) { release_handle(server); }

static void open_handles(vn_server *s) {
  uv_timer_init(&s->loop->uv, &s->sweep);
  uv_idle_init(&s->loop->uv, &s->idle);
  s->sweep.data = s->idle.data = s;
  s->handles = 2;
  vn__loop_ref(s->loop, 2);
}

static int start(vn_server *s, const vn_server_options *o) {
  if (o->cert && !(s->tls = vn__tls_server_context(o->cert, o->key ? o->key : o->cert))) return VN_ETLS;
  if (o->arrival_log && vn__arrival_log_open(&s->log, o->arrival_log) < 0) return VN_EIO;
  uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
  int rc = vn__listener_open(&s->listener, o->host ? o->host : "127.0.0.1", o->port);
  if (rc == 0) s->handles++;
  return rc;
}

vn_server *vn_server_new(vn_loop *l, double tag, const vn_server_options *o) {
  vn_server *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->loop = l;
  s->tag = tag;
  s->log.fd = -1;
  s->listener =
      (vn__listener){.fd = -1, .loop = l, .owner = s, .accepted = add_connection, .closed = on_listener_closed};
  s->max_connections = o->max_connections ? o->max_connections : DEFAULT_MAX_CONNECTIONS;
  s->max_head = o->max_head ? o->max_head : DEFAULT_MAX_HEAD;
  s->max_body = o->max_body ? o->max_body : DEFAULT_MAX_BODY;
  open_handles(s);
  if (start(s, o) == 0) return s;
  vn_server_free(s);
  return NULL;
}

void vn_server_free(vn_server *s) {
  if (!s || s->closed) return;
  s->closed = true;
  vn__arrival_log_close(&s->log);
  for (int i = 0; i < s->n_connections; i++) close_connection(s->connections[i], false);
  vn__listener_close(&s->listener);
  uv_close((uv_handle_t *)&s->sweep, on_handle_closed);
  uv_close((uv_handle_t *)&s->idle, on_handle_closed);
}
