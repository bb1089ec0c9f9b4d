/*
 * link.c: framed messages between manager and worker over a connected socket.
 *
 * A frame is [u32 length, little endian][u8 kind][payload]. Whole frames are queued under a lock and written as far
 * as the socket takes them, by the main thread and by the heartbeat thread alike: so heartbeats go on while Lua is
 * busy, and never fall into the middle of a message. The heartbeat carries the loop's turns: silence means dead or
 * stopped, an unmoving counter means a hook that does not return.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

enum { FRAME_HEAD = 5, FRAME_MESSAGE = 0, FRAME_HEARTBEAT = 1, READ_CHUNK = 65536, QUEUE_MAX = 2 * VN_LINK_MAX };

typedef struct buffer {
  char *data;
  size_t from, to, cap;
} buffer;

struct vn_link {
  uv_poll_t poll;
  vn_loop *loop;
  double tag;
  int fd;
  bool closed; /* CLOSED was delivered or close was called */
  buffer in;
  pthread_mutex_t lock; /* guards out, broken and quit */
  pthread_cond_t wake;
  buffer out;
  bool broken, quit, beating;
  double interval_ns;
  pthread_t thread;
};

/* ---- buffers ---- */

static bool make_room(buffer *b, size_t len) {
  if (b->from == b->to) b->from = b->to = 0;
  if (b->cap - b->to >= len) return true;
  if (b->from > 0) {
    memmove(b->data, b->data + b->from, b->to - b->from);
    b->to -= b->from;
    b->from = 0;
  }
  if (b->cap - b->to >= len) return true;
  size_t cap = b->cap ? b->cap : 4096;
  while (cap - b->to < len) cap *= 2;
  char *data = realloc(b->data, cap);
  if (!data) return false;
  b->data = data;
  b->cap = cap;
  return true;
}

static void append(buffer *b, const void *data, size_t len) {
  memcpy(b->data + b->to, data, len);
  b->to += len;
}

/* ---- writing (the caller holds the lock) ---- */

static void write_out(vn_link *k) {
  while (k->out.from < k->out.to && !k->broken) {
    ssize_t n = send(k->fd, k->out.data + k->out.from, k->out.to - k->out.from, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
      k->out.from += (size_t)n;
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
      return;
    else if (errno != EINTR)
      k->broken = true; /* the reader sees the end of the stream and reports it */
  }
}

static int queue_frame(vn_link *k, int kind, const char *data, size_t len) {
  if (k->broken) return vn__fail(VN_ECLOSED, "the link is closed");
  if (len > VN_LINK_MAX) return vn__fail(VN_ELIMIT, "a message of %zu bytes is over the limit of %d", len, VN_LINK_MAX);
  if (k->out.to - k->out.from + len > QUEUE_MAX) return vn__fail(VN_ELIMIT, "the peer does not read its messages");
  if (!make_room(&k->out, FRAME_HEAD + len))
    return vn__fail(VN_ENOMEM, "out of memory for a message of %zu bytes", len);
  unsigned char head[FRAME_HEAD] = {len & 255, len >> 8 & 255, len >> 16 & 255, len >> 24 & 255, (unsigned char)kind};
  append(&k->out, head, sizeof head);
  append(&k->out, data, len);
  write_out(k);
  return 0;
}

/* ---- reading ---- */

static void report_closed(vn_link *k, int status, const char *why) {
  if (k->closed) return;
  k->closed = true;
  uv_poll_stop(&k->poll);
  vn_event *e = vn__loop_push(k->loop, VN_EV_CLOSED, k->tag);
  e->status = status;
  e->data = why;
  e->len = (uint32_t)strlen(why);
  e->at_ns = vn_clock_now();
}

static void deliver(vn_link *k, int kind, const char *data, size_t len, double now) {
  vn_event *e;
  if (kind == FRAME_HEARTBEAT && len == sizeof(double)) {
    e = vn__loop_push(k->loop, VN_EV_HEARTBEAT, k->tag);
    memcpy(&e->value, data, len);
  } else {
    char *copy = vn__loop_scratch(k->loop, len);
    memcpy(copy, data, len);
    e = vn__loop_push(k->loop, VN_EV_MESSAGE, k->tag);
    e->data = copy;
    e->len = (uint32_t)len;
  }
  e->at_ns = now;
}

static void parse_frames(vn_link *k) {
  buffer *b = &k->in;
  double now = vn_clock_now();
  while (b->to - b->from >= FRAME_HEAD) {
    const unsigned char *p = (unsigned char *)b->data + b->from;
    size_t len = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (len > VN_LINK_MAX || p[4] > FRAME_HEARTBEAT) {
      report_closed(k, VN_EPROTOCOL, "a frame that is no message");
      return;
    }
    if (b->to - b->from < FRAME_HEAD + len) return;
    deliver(k, p[4], (const char *)p + FRAME_HEAD, len, now);
    b->from += FRAME_HEAD + len;
  }
}

static void read_in(vn_link *k) {
  for (;;) {
    if (!make_room(&k->in, READ_CHUNK)) {
      report_closed(k, VN_ENOMEM, "out of memory");
      return;
    }
    ssize_t n = recv(k->fd, k->in.data + k->in.to, READ_CHUNK, MSG_DONTWAIT);
    if (n > 0) {
      k->in.to += (size_t)n;
      if (n == READ_CHUNK) continue;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      parse_frames(k);
      report_closed(k, n == 0 ? VN_ECLOSED : VN_ERESET, n == 0 ? "closed by the peer" : "connection reset");
      return;
    }
    parse_frames(k);
    return;
  }
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(vn_link *k) {
  pthread_mutex_lock(&k->lock);
  bool pending = k->out.from < k->out.to && !k->broken;
  pthread_mutex_unlock(&k->lock);
  uv_poll_start(&k->poll, pending ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_poll);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  vn_link *k = handle->data;
  if (events & UV_WRITABLE) {
    pthread_mutex_lock(&k->lock);
    write_out(k);
    pthread_mutex_unlock(&k->lock);
    watch(k);
  }
  if (status || (events & UV_READABLE)) read_in(k);
}

/* ---- the surface ---- */

int vn_link_pair(int *fds) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
    return vn__fail(vn__errno_code(errno), "cannot make a socket pair: %m");
  return 0;
}

vn_link *vn_link_open(vn_loop *l, double tag, int fd) {
  vn_link *k = calloc(1, sizeof *k);
  if (!k) return NULL;
  int rc = uv_poll_init(&l->uv, &k->poll, fd);
  if (rc) {
    vn__fail(VN_EIO, "cannot watch the link: %s", uv_strerror(rc));
    free(k);
    return NULL;
  }
  vn__loop_ref(l, 1);
  k->loop = l;
  k->tag = tag;
  k->fd = fd;
  k->poll.data = k;
  pthread_mutex_init(&k->lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&k->wake, &attr);
  pthread_condattr_destroy(&attr);
  watch(k);
  return k;
}

int vn_link_send(vn_link *k, const char *data, size_t len) {
  if (k->closed) return vn__fail(VN_ECLOSED, "the link is closed");
  pthread_mutex_lock(&k->lock);
  int rc = queue_frame(k, FRAME_MESSAGE, data, len);
  pthread_mutex_unlock(&k->lock);
  watch(k);
  return rc;
}

double vn_link_pending(vn_link *k) {
  pthread_mutex_lock(&k->lock);
  double n = (double)(k->out.to - k->out.from);
  pthread_mutex_unlock(&k->lock);
  return n;
}

int vn_link_flush(vn_link *k, double timeout_ns) {
  double deadline = vn_clock_now() + timeout_ns;
  while (vn_link_pending(k) > 0) {
    if (k->broken) return vn__fail(VN_ECLOSED, "the link is closed");
    if (vn_clock_now() > deadline) return vn__fail(VN_ETIMEDOUT, "the peer does not read its messages");
    usleep(1000);
    pthread_mutex_lock(&k->lock);
    write_out(k);
    pthread_mutex_unlock(&k->lock);
  }
  return 0;
}

/* ---- heartbeat ---- */

static struct timespec after(double ns) {
  int64_t at = vn__clock_absolute(vn_clock_now() + ns);
  return (struct timespec){at / 1000000000, at % 1000000000};
}

static void *beat(void *argument) {
  vn_link *k = argument;
  pthread_mutex_lock(&k->lock);
  while (!k->quit) {
    double turns = vn__loop_turns(k->loop);
    if (k->out.to - k->out.from < READ_CHUNK) queue_frame(k, FRAME_HEARTBEAT, (const char *)&turns, sizeof turns);
    struct timespec until = after(k->interval_ns);
    pthread_cond_timedwait(&k->wake, &k->lock, &until);
  }
  pthread_mutex_unlock(&k->lock);
  return NULL;
}

int vn_link_start_heartbeat(vn_link *k, double interval_ns) {
  k->interval_ns = interval_ns;
  int rc = pthread_create(&k->thread, NULL, beat, k);
  if (rc) return vn__fail(vn__errno_code(rc), "cannot start the heartbeat: %s", strerror(rc));
  k->beating = true;
  return 0;
}

static void on_closed(uv_handle_t *handle) {
  vn_link *k = handle->data;
  vn__loop_ref(k->loop, -1);
  close(k->fd);
  pthread_mutex_destroy(&k->lock);
  pthread_cond_destroy(&k->wake);
  free(k->in.data);
  free(k->out.data);
  free(k);
}

void vn_link_close(vn_link *k) {
  k->closed = true;
  if (k->beating) {
    pthread_mutex_lock(&k->lock);
    k->quit = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
  }
  uv_close((uv_handle_t *)&k->poll, on_closed);
}
