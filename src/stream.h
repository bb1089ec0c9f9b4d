/* stream.h: one byte stream over TCP, a unix socket, or TLS on top of either. */
#ifndef VN_STREAM_H
#define VN_STREAM_H

#include "buffer.h"
#include "loop.h"
#include "tls.h"

typedef struct vn__stream vn__stream;

/*
 * What a stream tells its owner, from inside uv_run. After open with a failure, and after end, nothing more comes, and
 * the owner calls vn__stream_close (after an end of 0 it may write before). closed comes last; from then on the memory
 * may be reused.
 */
typedef struct vn__stream_events {
  void (*open)(vn__stream *s, int status); /* ready for data, or VN_ECONNECT, VN_ETLS, VN_ETIMEDOUT: see vn_errmsg */
  void (*data)(vn__stream *s, char *data, size_t len, double at_ns); /* writable memory, valid during the call */
  void (*end)(vn__stream *s, int status); /* 0: the peer ended its side; VN_ERESET, VN_ETLS, VN_EIO */
  void (*closed)(vn__stream *s);
  void (*written)(vn__stream *s); /* what had been queued has gone out; may be NULL */
} vn__stream_events;

struct vn__stream { /* a member of its owner's struct */
  union {
    uv_handle_t handle;
    uv_poll_t poll;
    uv_timer_t none; /* without a socket: for its close */
  } uv;
  const vn__stream_events *on;
  vn_loop *loop;
  vn__tls *tls;
  uint8_t state;
  bool reading, shut; /* shut: our side is to end when all is written */
  int fd, awaited;    /* what is polled for */
  vn__buffer out;     /* what the socket did not take, from out_from on */
  size_t out_from;
};

/*
 * tls: NULL for plain; owned by the stream from here on. A negative result means that close is due, as after a failed
 * open. An accepted plain stream is open at once, without the callback.
 */
int vn__stream_connect(vn__stream *s, vn_loop *l, const struct sockaddr *address, vn__tls *tls);
int vn__stream_connect_unix(vn__stream *s, vn_loop *l, const char *path, vn__tls *tls);
int vn__stream_accept(vn__stream *s, vn_loop *l, int fd, vn__tls *tls); /* fd: what accept4 has given, not blocking */

/* Writes at once what the socket takes and queues a copy of the rest. *sent_ns: just before the first byte. */
int vn__stream_write(vn__stream *s, const char *data, size_t len, double *sent_ns);
static inline bool vn__stream_is_pending(const vn__stream *s) {
  return s->out_from < s->out.len;
} /* something is queued */
void vn__stream_set_reading(vn__stream *s, bool on); /* off: the peer is held back by flow control */
void vn__stream_shutdown(vn__stream *s);             /* ends our side once everything is written */
void vn__stream_close(vn__stream *s, bool reset);    /* reset: TCP RST instead of FIN */

#endif
