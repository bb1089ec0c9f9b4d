/*
 * stream.c: the one byte-stream layer under all protocols that carry load: TCP (no delay), unix sockets, TLS.
 *
 * Model: the owner embeds a vn__stream and gets its callbacks. Reads go through one buffer for all streams (it stays
 * in the cache, and idle connections cost no memory): what the owner wants to keep it copies. A read that did not fill
 * the buffer is the only one of its readiness; a write is tried at once and queued only for its rest. Those two are
 * what makes a request cost one recv and one send: what the kernel does for read and write besides, because of files,
 * is a tenth of a small request. They are called by number, because the C library makes of its own two points at which
 * a thread may be cancelled, which none ever is.
 *
 * Invariants: no callback comes before connect or accept has returned, none but closed after vn__stream_close.
 */
#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLOSED, CONNECTING, HANDSHAKE, OPEN, HALF_OPEN, ENDED, CLOSING }; /* half open: only we may still write */
enum { READ_SIZE = 64 * 1024, PLAIN_SIZE = 32 * 1024, KEPT_SIZE = 64 * 1024, READS_MAX = 32 };

static __thread char read_buffer[READ_SIZE];
static __thread char plain_buffer[PLAIN_SIZE];

static int write_failure(int error) { return vn__fail(vn__errno_code(error), "write: %s", uv_strerror(-error)); }

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

/* ---- readiness ---- */

static void on_ready(uv_poll_t *poll, int status, int events);

/* Waits for what there is to wait for now. */
static void await(vn__stream *s) {
  int wanted = s->state == CONNECTING ? UV_WRITABLE
                                      : (s->reading ? UV_READABLE : 0) | (vn__stream_is_pending(s) ? UV_WRITABLE : 0);
  if (wanted == s->awaited) return;
  s->awaited = wanted;
  if (wanted)
    uv_poll_start(&s->uv.poll, wanted, on_ready);
  else
    uv_poll_stop(&s->uv.poll);
}

/* ---- writing ---- */

static void drop_written(vn__stream *s) {
  size_t rest = s->out.len - s->out_from;
  memmove(s->out.data, s->out.data + s->out_from, rest);
  s->out.len = rest;
  s->out_from = 0;
}

static int queue_write(vn__stream *s, const char *data, size_t len) {
  if (s->out_from > s->out.len / 2) drop_written(s);
  int rc = vn__buffer_add(&s->out, data, len);
  if (rc == 0) await(s);
  return rc;
}

/* Bytes that the socket has taken, or a negative code. */
static ssize_t try_send(vn__stream *s, const char *data, size_t len) {
  ssize_t n = syscall(SYS_sendto, s->fd, data, len, MSG_NOSIGNAL, NULL, 0);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EINTR ? 0 : write_failure(errno);
}

static int write_raw(vn__stream *s, const char *data, size_t len) {
  ssize_t n = vn__stream_is_pending(s) ? 0 : try_send(s, data, len);
  if (VN_LIKELY(n == (ssize_t)len)) return 0;
  return n < 0 ? (int)n : queue_write(s, data + n, len - (size_t)n);
}

/* The socket takes more of what is queued. */
static void send_rest(vn__stream *s) {
  ssize_t n = try_send(s, s->out.data + s->out_from, s->out.len - s->out_from);
  if (n < 0) {
    s->out.len = s->out_from = 0;
    end(s, (int)n);
    return;
  }
  s->out_from += (size_t)n;
  if (vn__stream_is_pending(s)) return;
  s->out_from = 0;
  vn__buffer_trim(&s->out, KEPT_SIZE);
  if (s->shut) shutdown(s->fd, SHUT_WR);
  if (s->on->written && (s->state == OPEN || s->state == HALF_OPEN)) s->on->written(s);
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

/* Whether there may be more to read at once. */
static bool read_once(vn__stream *s) {
  ssize_t n = syscall(SYS_recvfrom, s->fd, read_buffer, sizeof read_buffer, 0, NULL, NULL);
  if (VN_LIKELY(n > 0)) {
    double at_ns = vn_clock_now();
    if (s->tls)
      on_cipher(s, read_buffer, (size_t)n, at_ns);
    else
      s->on->data(s, read_buffer, (size_t)n, at_ns);
    return n == (ssize_t)sizeof read_buffer;
  }
  if (n == 0)
    end(s, 0);
  else if (errno != EAGAIN && errno != EINTR)
    end(s, vn__fail(vn__errno_code(errno), "read: %s", uv_strerror(-errno)));
  return false;
}

/* failed: the socket has an error, which comes behind what can still be read. */
static void read_all(vn__stream *s, bool failed) {
  for (int i = 0; s->reading && (failed || i < READS_MAX); i++)
    if (!read_once(s) && !failed) break;
}

void vn__stream_set_reading(vn__stream *s, bool on) {
  s->reading = on;
  if (s->state != CLOSING && s->state != CLOSED) await(s);
}

/* ---- opening ---- */

static int connect_failure(int error) {
  return vn__fail(error == ETIMEDOUT ? VN_ETIMEDOUT : VN_ECONNECT, "%s", uv_strerror(-error));
}

static int start(vn__stream *s) {
  s->state = s->tls ? HANDSHAKE : OPEN;
  vn__stream_set_reading(s, true);
  return s->tls ? step_handshake(s) : 0;
}

static int socket_error(const vn__stream *s) {
  int error = 0;
  socklen_t len = sizeof error;
  return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

static void connected(vn__stream *s) {
  int error = socket_error(s);
  int rc = error ? connect_failure(error) : start(s);
  if (rc < 0)
    end(s, rc);
  else if (s->state == OPEN && !s->tls)
    s->on->open(s, 0);
}

/* After an error of the socket libuv polls no more; what has come before it can be read. */
static void on_ready(uv_poll_t *poll, int status, int events) {
  vn__stream *s = poll->data;
  if (status < 0) s->awaited = 0;
  if (s->state == CONNECTING) {
    connected(s);
    return;
  }
  if (vn__stream_is_pending(s) && (status < 0 || events & UV_WRITABLE)) send_rest(s);
  if (status < 0 || events & UV_READABLE) read_all(s, status < 0);
  if (s->state != CLOSING && s->state != CLOSED) await(s);
}

static void init(vn__stream *s, vn_loop *l, vn__tls *tls) {
  s->loop = l;
  s->tls = tls;
  s->state = CONNECTING;
  s->reading = s->shut = false;
  s->fd = -1;
  s->awaited = 0;
  s->out.len = s->out_from = 0;
  vn__loop_ref(l, 1);
}

/* The stream gets the socket, or -1: then it can only be closed. */
static int take_socket(vn__stream *s, int fd) {
  int rc = fd < 0 ? -errno : uv_poll_init(&s->loop->uv, &s->uv.poll, fd);
  if (rc == 0) {
    s->fd = fd;
  } else {
    uv_timer_init(&s->loop->uv, &s->uv.none);
    if (fd >= 0) close(fd);
  }
  s->uv.handle.data = s;
  return rc < 0 ? connect_failure(-rc) : 0;
}

static void set_no_delay(int fd) { setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); }

static int open_socket(vn__stream *s, const struct sockaddr *address, socklen_t len) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int rc = take_socket(s, fd);
  if (rc < 0) return rc;
  if (address->sa_family != AF_UNIX) set_no_delay(fd);
  while (connect(fd, address, len) && errno != EINPROGRESS)
    if (errno != EINTR) return connect_failure(errno);
  await(s);
  return 0;
}

int vn__stream_connect(vn__stream *s, vn_loop *l, const struct sockaddr *address, vn__tls *tls) {
  init(s, l, tls);
  bool v6 = address->sa_family == AF_INET6;
  return open_socket(s, address, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
}

int vn__stream_connect_unix(vn__stream *s, vn_loop *l, const char *path, vn__tls *tls) {
  init(s, l, tls);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  if (len >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return take_socket(s, -1);
  }
  memcpy(address.sun_path, path, len + 1);
  return open_socket(s, (const struct sockaddr *)&address, sizeof address);
}

int vn__stream_accept(vn__stream *s, vn_loop *l, int fd, vn__tls *tls) {
  init(s, l, tls);
  int rc = take_socket(s, fd);
  if (rc < 0) return rc;
  set_no_delay(fd);
  return start(s);
}

/* ---- closing ---- */

void vn__stream_shutdown(vn__stream *s) {
  s->shut = true;
  if (!vn__stream_is_pending(s)) shutdown(s->fd, SHUT_WR);
}

static void on_close(uv_handle_t *handle) {
  vn__stream *s = handle->data;
  s->state = CLOSED;
  vn__loop_ref(s->loop, -1);
  vn__tls_free(s->tls);
  s->tls = NULL;
  vn__buffer_free(&s->out);
  s->on->closed(s);
}

void vn__stream_close(vn__stream *s, bool reset) {
  if (s->state == CLOSING || s->state == CLOSED) return;
  s->state = CLOSING;
  s->reading = false;
  uv_close(&s->uv.handle, on_close);
  if (s->fd < 0) return;
  if (reset) setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
  close(s->fd);
  s->fd = -1;
}
