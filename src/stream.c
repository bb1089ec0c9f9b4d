/*
 * stream.c: the one byte-stream layer under all protocols that carry load: TCP (no delay), unix sockets, TLS.
 *
 * Model: the owner embeds a vn__stream and gets four callbacks. Reads go through one buffer for all streams (it stays
 * in the cache, and idle connections cost no memory): what the owner wants to keep it copies. A read that did not fill
 * the buffer is the only one of its readiness; a write is tried at once and queued only for its rest. Those two are
 * what makes a request cost one read and one send.
 *
 * Invariants: no callback comes before connect or accept has returned, none but closed after vn__stream_close.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

enum { CLOSED, CONNECTING, HANDSHAKE, OPEN, HALF_OPEN, ENDED, CLOSING }; /* half open: only we may still write */
enum { READ_SIZE = 64 * 1024, PLAIN_SIZE = 32 * 1024 };

static __thread char read_buffer[READ_SIZE];
static __thread char plain_buffer[PLAIN_SIZE];

typedef struct write_request {
  uv_write_t uv;
  char data[];
} write_request;

static int write_failure(int rc) { return vn__fail(vn__errno_code(-rc), "write: %s", uv_strerror(rc)); }

static void end(vn__stream *s, int status) {
  bool opening = s->state == CONNECTING || s->state == HANDSHAKE;
  if (s->state >= HALF_OPEN) return;
  s->state = status == 0 ? HALF_OPEN : ENDED;
  vn__stream_set_reading(s, false);
  if (opening)
    s->on->open(s, status ? status : vn__fail(VN_ETLS, "connection closed during the TLS handshake"));
  else
    s->on->end(s, status);
}

/* ---- writing ---- */

static void on_write(uv_write_t *uv, int status) {
  vn__stream *s = uv->data;
  s->writes--;
  free(uv);
  if (status < 0 && status != UV_ECANCELED) end(s, write_failure(status));
}

static int queue_write(vn__stream *s, const char *data, size_t len) {
  write_request *w = malloc(sizeof *w + len);
  if (!w) return vn__fail(VN_ENOMEM, "out of memory for %zu bytes", len);
  memcpy(w->data, data, len);
  w->uv.data = s;
  uv_buf_t buf = uv_buf_init(w->data, (unsigned)len);
  int rc = uv_write(&w->uv, &s->uv.stream, &buf, 1, on_write);
  if (rc < 0) {
    free(w);
    return write_failure(rc);
  }
  s->writes++;
  return 0;
}

static int write_raw(vn__stream *s, const char *data, size_t len) {
  uv_buf_t buf = uv_buf_init((char *)data, (unsigned)len);
  int n = s->writes ? 0 : uv_try_write(&s->uv.stream, &buf, 1);
  if (VN_LIKELY(n == (int)len)) return 0;
  if (n == UV_EAGAIN) n = 0;
  if (n < 0) return write_failure(n);
  return queue_write(s, data + n, len - (size_t)n);
}

static int flush_tls(vn__stream *s) {
  char *data;
  size_t len = vn__tls_output(s->tls, &data);
  if (len == 0) return 0;
  int rc = write_raw(s, data, len);
  vn__tls_output_clear(s->tls);
  return rc;
}

int vn__stream_write(vn__stream *s, const char *data, size_t len, double *sent_ns) {
  if (s->state != OPEN && s->state != HALF_OPEN) return vn__fail(VN_ECLOSED, "the connection is closed");
  if (sent_ns) *sent_ns = vn_clock_now();
  if (!s->tls) return write_raw(s, data, len);
  int rc = vn__tls_write(s->tls, data, len);
  return rc ? rc : flush_tls(s);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle, (void)suggested;
  *buf = uv_buf_init(read_buffer, sizeof read_buffer);
}

static int step_handshake(vn__stream *s) {
  int rc = vn__tls_handshake(s->tls);
  int flushed = flush_tls(s); /* also after a failure: the alert tells the peer why */
  if (rc < 0) return rc;
  if (flushed < 0) return flushed;
  if (rc == 0) return 0;
  s->state = OPEN;
  s->on->open(s, 0);
  return 0;
}

static int read_plain(vn__stream *s, double at_ns) {
  while (s->state == OPEN) {
    int n = vn__tls_read(s->tls, plain_buffer, sizeof plain_buffer);
    if (n <= 0) return n;
    s->on->data(s, plain_buffer, (size_t)n, at_ns);
  }
  return 0;
}

static void on_cipher(vn__stream *s, const char *data, size_t len, double at_ns) {
  int rc = vn__tls_feed(s->tls, data, len);
  if (rc == 0 && s->state == HANDSHAKE) rc = step_handshake(s);
  if (rc == 0 && s->state == OPEN) rc = read_plain(s, at_ns);
  if (s->state >= HALF_OPEN) return;
  if (rc < 0)
    end(s, rc == VN_ECLOSED ? 0 : rc);
  else if (flush_tls(s) < 0) /* key updates */
    end(s, VN_ERESET);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  vn__stream *s = stream->data;
  if (n == 0) return;
  if (n < 0) {
    end(s, n == UV_EOF ? 0 : vn__fail(vn__errno_code((int)-n), "read: %s", uv_strerror((int)n)));
    return;
  }
  double at_ns = vn_clock_now();
  if (s->tls)
    on_cipher(s, buf->base, (size_t)n, at_ns);
  else
    s->on->data(s, buf->base, (size_t)n, at_ns);
}

void vn__stream_set_reading(vn__stream *s, bool on) {
  if (on == s->reading) return;
  s->reading = on;
  if (on)
    uv_read_start(&s->uv.stream, on_alloc, on_read);
  else
    uv_read_stop(&s->uv.stream);
}

/* ---- opening ---- */

static int connect_failure(int rc) {
  return vn__fail(rc == UV_ETIMEDOUT ? VN_ETIMEDOUT : VN_ECONNECT, "%s", uv_strerror(rc));
}

static int start(vn__stream *s) {
  vn__stream_set_reading(s, true);
  if (!s->tls) {
    s->state = OPEN;
    return 0;
  }
  s->state = HANDSHAKE;
  return step_handshake(s);
}

static void on_connect(uv_connect_t *connect, int status) {
  vn__stream *s = connect->data;
  if (s->state != CONNECTING) return;
  if (status < 0) {
    end(s, connect_failure(status));
    return;
  }
  int rc = start(s);
  if (rc < 0)
    end(s, rc);
  else if (s->state == OPEN && !s->tls)
    s->on->open(s, 0);
}

static void init(vn__stream *s, vn_loop *l, vn__tls *tls) {
  s->loop = l;
  s->tls = tls;
  s->state = CONNECTING;
  s->reading = false;
  s->writes = 0;
  s->uv.handle.data = s;
  s->connect.data = s;
  vn__loop_ref(l, 1);
}

int vn__stream_connect(vn__stream *s, vn_loop *l, const struct sockaddr *address, vn__tls *tls) {
  uv_tcp_init(&l->uv, &s->uv.tcp);
  init(s, l, tls);
  uv_tcp_nodelay(&s->uv.tcp, 1);
  int rc = uv_tcp_connect(&s->connect, &s->uv.tcp, address, on_connect);
  return rc < 0 ? connect_failure(rc) : 0;
}

int vn__stream_connect_unix(vn__stream *s, vn_loop *l, const char *path, vn__tls *tls) {
  uv_pipe_init(&l->uv, &s->uv.pipe, 0);
  init(s, l, tls);
  uv_pipe_connect(&s->connect, &s->uv.pipe, path, on_connect);
  return 0;
}

int vn__stream_accept(vn__stream *s, vn_loop *l, uv_stream_t *listener, vn__tls *tls) {
  uv_tcp_init(&l->uv, &s->uv.tcp);
  init(s, l, tls);
  int rc = uv_accept(listener, &s->uv.stream);
  if (rc < 0) return connect_failure(rc);
  uv_tcp_nodelay(&s->uv.tcp, 1);
  return start(s);
}

/* ---- closing ---- */

static void on_shutdown(uv_shutdown_t *request, int status) {
  (void)status;
  free(request);
}

void vn__stream_shutdown(vn__stream *s) {
  uv_shutdown_t *request = malloc(sizeof *request);
  if (!request || uv_shutdown(request, &s->uv.stream, on_shutdown) < 0) free(request);
}

static void on_close(uv_handle_t *handle) {
  vn__stream *s = handle->data;
  s->state = CLOSED;
  vn__loop_ref(s->loop, -1);
  vn__tls_free(s->tls);
  s->tls = NULL;
  s->on->closed(s);
}

void vn__stream_close(vn__stream *s, bool reset) {
  if (s->state == CLOSING || s->state == CLOSED) return;
  s->state = CLOSING;
  if (reset && s->uv.handle.type == UV_TCP && uv_tcp_close_reset(&s->uv.tcp, on_close) == 0) return;
  uv_close(&s->uv.handle, on_close);
}
