/*
 * channel.c: one connection that carries messages both ways: opening, the queue of what is to be written, deadlines,
 * events, the end. What its bytes mean is its framing's: websocket.c, ipc.c.
 *
 * Model: a message is framed into one buffer when it is sent, and the buffer goes to the stream before the next wait of
 * the loop, so that all messages of a turn share a system call. While the stream holds what the socket did not take,
 * the buffer waits; when it is full, the sender is told to wait, too. One timer is set for the nearest deadline; what
 * comes in only notes when it came, and the timer finds out. After warm-up nothing is allocated, except for what the
 * stream has to keep of a batch.
 *
 * Invariants: VN_EV_CLOSED comes exactly once, unless the owner frees the channel before, and nothing comes after it.
 * Not here: reconnecting, and several connections (vernier.json_rpc).
 */
#include "channel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64 * 1024, EARLY_FLUSH = 16 * 1024, STAMPS_MIN = 64 };
enum { DEFAULT_MAX_MESSAGE = 64 * 1024 * 1024, DEFAULT_MAX_QUEUED = 16 * 1024 * 1024 };

/* ---- the end ---- */

void vn__channel_tell_closed(vn_channel *c, int status, int code, bool by_peer) {
  if (c->told) return;
  c->told = true;
  vn_event *e = vn__loop_push(c->loop, VN_EV_CLOSED, c->tag);
  e->status = status;
  e->n = code;
  e->value = by_peer;
  e->at_ns = vn_clock_now();
  e->data = c->detail;
  e->len = (uint32_t)strlen(c->detail);
}

void vn__channel_abort(vn_channel *c) {
  if (c->state == VN__CHANNEL_ENDED) return;
  c->state = VN__CHANNEL_ENDED;
  vn__channel_drop_queued(c);
  vn__resolve_cancel(&c->resolver);
  uv_timer_stop(&c->timer);
  uv_prepare_stop(&c->flusher);
  if (c->streaming) vn__stream_close(&c->stream, false);
}

void vn__channel_fail(vn_channel *c, int status, const char *format, ...) {
  va_list args;
  int n = snprintf(c->detail, sizeof c->detail, "%s: ", c->name);
  if (n < 0 || (size_t)n >= sizeof c->detail) n = 0;
  va_start(args, format);
  vsnprintf(c->detail + n, sizeof c->detail - (size_t)n, format, args);
  va_end(args);
  vn__channel_tell_closed(c, status, VN__CLOSE_ABNORMAL, true);
  vn__channel_abort(c);
}

void vn__channel_end(vn_channel *c) {
  c->state = VN__CHANNEL_ENDING;
  c->deadline_ns = vn_clock_now() + c->options.close_timeout_ns;
  vn__stream_set_reading(&c->stream, true); /* to see the peer's end */
  vn__channel_start_timer(c);
  vn__channel_flush(c);
}

/* ---- deadlines ---- */

static double next_deadline(const vn_channel *c) {
  const vn_channel_options *o = &c->options;
  if (c->state != VN__CHANNEL_OPEN) return c->deadline_ns;
  double at = o->idle_timeout_ns > 0 ? c->message_ns + o->idle_timeout_ns : INFINITY;
  if (!c->framing->ping || !(o->ping_interval_ns > 0)) return at;
  return fmin(at, c->ping_ns > 0 ? c->ping_ns + o->ping_timeout_ns : c->heard_ns + o->ping_interval_ns);
}

/* seen: when the network was looked at: what came while this process did something else is not late. */
static void keep_alive(vn_channel *c, double seen) {
  const vn_channel_options *o = &c->options;
  if (c->paused) c->heard_ns = c->message_ns = vn_clock_now();
  if (c->paused) c->ping_ns = 0;
  if (o->idle_timeout_ns > 0 && seen >= c->message_ns + o->idle_timeout_ns) {
    vn__channel_fail(c, VN_ETIMEDOUT, "no message within %g s", o->idle_timeout_ns / 1e9);
  } else if (!c->framing->ping || !(o->ping_interval_ns > 0)) {
    return;
  } else if (c->ping_ns > 0 && seen >= c->ping_ns + o->ping_timeout_ns) {
    vn__channel_fail(c, VN_ETIMEDOUT, "no answer to a ping within %g s", o->ping_timeout_ns / 1e9);
  } else if (c->ping_ns == 0 && seen >= c->heard_ns + o->ping_interval_ns) {
    c->ping_ns = vn_clock_now();
    c->stats.pings++;
    c->framing->ping(c);
    vn__channel_flush(c);
  }
}

static void on_timer(uv_timer_t *timer) {
  vn_channel *c = timer->data;
  double seen = c->loop->looked_ns;
  if (c->state == VN__CHANNEL_OPEN)
    keep_alive(c, seen);
  else if (seen >= c->deadline_ns && c->state == VN__CHANNEL_STARTING)
    c->framing->timeout(c);
  else if (seen >= c->deadline_ns && c->state < VN__CHANNEL_STARTING)
    vn__channel_fail(c, VN_ETIMEDOUT, "no connection within %g s", c->options.connect_timeout_ns / 1e9);
  else if (seen >= c->deadline_ns && c->state == VN__CHANNEL_CLOSING)
    vn__channel_fail(c, VN_ETIMEDOUT, "not closed by the peer within %g s", c->options.close_timeout_ns / 1e9);
  else if (seen >= c->deadline_ns)
    vn__channel_abort(c);
  vn__channel_start_timer(c);
}

void vn__channel_start_timer(vn_channel *c) {
  double at = next_deadline(c);
  if (c->state == VN__CHANNEL_ENDED || isinf(at)) return;
  uv_update_time(&c->loop->uv);
  uv_timer_start(&c->timer, on_timer, (uint64_t)(fmax(at - vn_clock_now(), 0) / 1e6) + 1, 0);
}

/* ---- writing ---- */

static void on_turn(uv_prepare_t *flusher);

int vn__channel_queue(vn_channel *c, size_t len, int slot) {
  vn__queued_frame f = {(uint32_t)len, slot};
  int rc = vn__buffer_add(&c->frames, &f, sizeof f);
  if (rc < 0)
    c->out.len -= len;
  else if (!uv_is_active((uv_handle_t *)&c->flusher))
    uv_prepare_start(&c->flusher, on_turn);
  return rc;
}

static size_t queued(const vn_channel *c) { return c->out.len - c->out_from + c->unwritten; }

/* Whole frames, at most BATCH bytes unless one alone has more: the stamp of a frame is that of its batch. */
static size_t next_batch(const vn_channel *c, size_t *frames_to) {
  size_t n = 0, at = c->frames_from;
  for (; at < c->frames.len; at += sizeof(vn__queued_frame)) {
    const vn__queued_frame *f = (const vn__queued_frame *)(c->frames.data + at);
    if (n > 0 && n + f->len > BATCH) break;
    n += f->len;
  }
  *frames_to = at;
  return n;
}

static void stamp(vn_channel *c, size_t frames_to, double sent_ns) {
  for (; c->frames_from < frames_to; c->frames_from += sizeof(vn__queued_frame)) {
    const vn__queued_frame *f = (const vn__queued_frame *)(c->frames.data + c->frames_from);
    if (f->slot >= 0) c->stamps[f->slot] = sent_ns;
  }
}

static int write_batch(vn_channel *c) {
  size_t frames_to, n = next_batch(c, &frames_to);
  double sent_ns;
  int rc = vn__stream_write(&c->stream, c->out.data + c->out_from, n, &sent_ns);
  if (rc < 0) {
    vn__channel_fail(c, rc, "%s", vn_errmsg());
    return rc;
  }
  stamp(c, frames_to, sent_ns);
  c->out_from += n;
  c->unwritten = vn__stream_is_pending(&c->stream) ? n : 0;
  return 0;
}

void vn__channel_drop_queued(vn_channel *c) {
  vn__buffer_trim(&c->out, VN__CHANNEL_KEEP);
  vn__buffer_trim(&c->frames, VN__CHANNEL_KEEP);
  c->out_from = c->frames_from = 0;
}

static void tell_drained(vn_channel *c) {
  if (!c->refused || c->told || queued(c) > c->options.max_queued / 2) return;
  c->refused = false;
  vn__loop_push(c->loop, VN_EV_DRAINED, c->tag)->at_ns = vn_clock_now();
}

static bool is_to_be_shut(const vn_channel *c) {
  return !c->shut && (c->state == VN__CHANNEL_ENDING || (c->state == VN__CHANNEL_CLOSING && !c->framing->close));
}

void vn__channel_flush(vn_channel *c) {
  if (c->state < VN__CHANNEL_STARTING || c->state == VN__CHANNEL_ENDED || vn__stream_is_pending(&c->stream)) return;
  if (c->framing->before_write) c->framing->before_write(c);
  while (c->out_from < c->out.len && !vn__stream_is_pending(&c->stream))
    if (write_batch(c) < 0) return;
  if (c->out_from == c->out.len) {
    vn__channel_drop_queued(c);
    if (is_to_be_shut(c)) vn__stream_shutdown(&c->stream);
    c->shut = c->shut || is_to_be_shut(c);
  }
  tell_drained(c);
}

static void on_turn(uv_prepare_t *flusher) {
  uv_prepare_stop(flusher);
  vn__channel_flush(flusher->data);
}

static void on_written(vn__stream *s) {
  vn_channel *c = (vn_channel *)s;
  c->unwritten = 0;
  vn__channel_flush(c);
}

static int keep_stamps(vn_channel *c, int slot) {
  if (slot < c->n_stamps) return 0;
  int n = c->n_stamps ? c->n_stamps : STAMPS_MIN;
  while (n <= slot) n *= 2;
  double *stamps = realloc(c->stamps, (size_t)n * sizeof *stamps);
  if (!stamps) return vn__fail(VN_ENOMEM, "out of memory for %d stamps", n);
  memset(stamps + c->n_stamps, 0, (size_t)(n - c->n_stamps) * sizeof *stamps);
  c->stamps = stamps;
  c->n_stamps = n;
  return 0;
}

int vn_channel_send(vn_channel *c, int kind, int slot, const char *data, size_t len) {
  if (c->state != VN__CHANNEL_OPEN) return vn__fail(VN_ECLOSED, "%s: not open", c->name);
  if (slot < -1 || slot >= VN_CHANNEL_SLOTS) return vn__fail(VN_EINVAL, "no slot %d", slot);
  if (kind != VN_TEXT && kind != VN_BINARY) return vn__fail(VN_EINVAL, "%d is no kind of message", kind);
  if (len > INT32_MAX) return vn__fail(VN_ELIMIT, "a message of %zu bytes is too long to be sent", len);
  if (queued(c) > 0 && queued(c) + len > c->options.max_queued) {
    c->refused = true;
    return vn__fail(VN_EAGAIN, "%s: %zu bytes wait to be sent", c->name, queued(c));
  }
  int rc = slot < 0 ? 0 : keep_stamps(c, slot);
  size_t before = c->out.len;
  if (rc == 0) rc = c->framing->put(c, kind, data, len);
  if (rc == 0) rc = vn__channel_queue(c, c->out.len - before, slot);
  if (rc < 0) return rc;
  if (slot >= 0) c->stamps[slot] = 0;
  c->stats.sent++;
  if (c->out.len - c->out_from >= EARLY_FLUSH) vn__channel_flush(c);
  return 0;
}

double vn_channel_sent_ns(const vn_channel *c, int slot) {
  return slot >= 0 && slot < c->n_stamps ? c->stamps[slot] : 0;
}

/* ---- reading ---- */

static char *copy_out(vn_channel *c, const char *data, size_t len) {
  return len ? memcpy(vn__loop_scratch(c->loop, len), data, len) : vn__loop_scratch(c->loop, 1);
}

void vn__channel_message(vn_channel *c, int kind, const char *data, size_t len, double at_ns) {
  vn_event *e = vn__loop_push(c->loop, VN_EV_MESSAGE, c->tag);
  e->n = kind;
  e->at_ns = at_ns;
  e->data = copy_out(c, data, len);
  e->len = (uint32_t)len;
  c->message_ns = at_ns;
  c->stats.received++;
}

void vn__channel_opened(vn_channel *c, const char *head, size_t head_len, const char *protocol, size_t protocol_len) {
  double now = vn_clock_now();
  vn_event *e = vn__loop_push(c->loop, VN_EV_OPEN, c->tag);
  e->at_ns = now;
  e->head = copy_out(c, head, head_len);
  e->head_len = (uint32_t)head_len;
  e->data = copy_out(c, protocol, protocol_len);
  e->len = (uint32_t)protocol_len;
  c->state = VN__CHANNEL_OPEN;
  c->heard_ns = c->message_ns = now;
  uv_timer_stop(&c->timer);
  vn__channel_start_timer(c);
  if (c->paused) vn__stream_set_reading(&c->stream, false);
}

static void on_data(vn__stream *s, char *data, size_t len, double at_ns) {
  vn_channel *c = (vn_channel *)s;
  c->heard_ns = at_ns;
  if (c->ping_ns > 0) { /* the one case in which what comes in brings the next deadline nearer */
    c->ping_ns = 0;
    vn__channel_start_timer(c);
  }
  if (c->state < VN__CHANNEL_ENDING) c->framing->data(c, data, len, at_ns);
}

static void on_end(vn__stream *s, int status) {
  vn_channel *c = (vn_channel *)s;
  if (c->state >= VN__CHANNEL_ENDING)
    vn__channel_abort(c);
  else if (status < 0)
    vn__channel_fail(c, status, "%s", vn_errmsg());
  else
    c->framing->end(c);
}

void vn_channel_set_reading(vn_channel *c, int on) {
  c->paused = !on;
  if (c->state != VN__CHANNEL_OPEN && c->state != VN__CHANNEL_CLOSING) return;
  c->heard_ns = c->message_ns = vn_clock_now();
  c->ping_ns = 0;
  vn__channel_start_timer(c);
  vn__stream_set_reading(&c->stream, on);
}

/* ---- closing ---- */

int vn_channel_close(vn_channel *c, int code, const char *reason, size_t len) {
  if (!vn__close_code_is_valid(code)) return vn__fail(VN_EINVAL, "%d is no close code", code);
  if (len > VN__FRAME_CONTROL_MAX - 2 || !vn__utf8_is_text(reason, len))
    return vn__fail(VN_EINVAL, "a reason is UTF-8 of at most %d bytes", VN__FRAME_CONTROL_MAX - 2);
  if (c->state < VN__CHANNEL_OPEN) vn__channel_fail(c, VN_ECLOSED, "closed before it was open");
  if (c->state != VN__CHANNEL_OPEN) return 0;
  size_t before = c->out.len;
  int rc = c->framing->close ? c->framing->close(c, code, reason, len) : 0;
  if (rc == 0 && c->framing->close) rc = vn__channel_queue(c, c->out.len - before, -1);
  if (rc < 0) return rc;
  c->state = VN__CHANNEL_CLOSING;
  c->deadline_ns = vn_clock_now() + c->options.close_timeout_ns;
  vn__stream_set_reading(&c->stream, true);
  vn__channel_start_timer(c);
  vn__channel_flush(c);
  return 0;
}

static void free_memory(vn_channel *c) {
  const char *const owned[] = {
      c->options.host,      c->options.path, c->options.target, c->options.header, c->options.headers,
      c->options.protocols, c->name};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free((char *)owned[i]);
  vn__buffer_free(&c->out);
  vn__buffer_free(&c->frames);
  vn__buffer_free(&c->in);
  if (c->tls) vn__tls_context_free(c->tls);
  free(c->stamps);
  free(c);
}

static void release(vn_channel *c) {
  if (--c->handles == 0 && c->freed) free_memory(c);
}

static void on_handle_closed(uv_handle_t *handle) {
  vn_channel *c = handle->data;
  vn__loop_ref(c->loop, -1);
  release(c);
}

void vn_channel_free(vn_channel *c) {
  if (!c || c->freed) return;
  c->freed = c->told = true;
  vn__channel_abort(c);
  uv_close((uv_handle_t *)&c->timer, on_handle_closed);
  uv_close((uv_handle_t *)&c->flusher, on_handle_closed);
}

/* ---- opening ---- */

static void connect_next(vn_channel *c) {
  vn__tls *tls = c->tls ? vn__tls_new(c->tls, c->options.host) : NULL; /* the name was tried by start_tls */
  c->state = VN__CHANNEL_CONNECTING;
  c->streaming = true;
  c->handles++;
  int rc;
  if (c->options.path)
    rc = vn__stream_connect_unix(&c->stream, c->loop, c->options.path, tls);
  else
    rc = vn__stream_connect(&c->stream, c->loop, vn__resolver_address(&c->resolver, c->attempt), tls);
  if (rc < 0) vn__channel_fail(c, rc, "%s", vn_errmsg());
}

static void on_open(vn__stream *s, int status) {
  vn_channel *c = (vn_channel *)s;
  if (status == 0) {
    c->state = VN__CHANNEL_STARTING;
    c->framing->start(c);
  } else if (status == VN_ECONNECT && c->attempt + 1 < c->resolver.n) {
    c->attempt++;
    c->state = VN__CHANNEL_REOPENING;
    vn__stream_close(s, false);
  } else {
    vn__channel_fail(c, status, "%s", vn_errmsg());
  }
}

static void on_resolved(void *owner, int status) {
  vn_channel *c = owner;
  if (c->state == VN__CHANNEL_CONNECTING) {
    if (status < 0)
      vn__channel_fail(c, status, "%s", c->resolver.why);
    else
      connect_next(c);
  }
  release(c);
}

static void on_stream_closed(vn__stream *s) {
  vn_channel *c = (vn_channel *)s;
  c->streaming = false;
  if (c->state == VN__CHANNEL_REOPENING) connect_next(c);
  release(c);
}

static const vn__stream_events stream_events = {on_open, on_data, on_end, on_stream_closed, on_written};

static int check_options(const vn_channel_options *o) {
  if (!o->host && !o->path) return vn__fail(VN_EINVAL, "neither host nor path given");
  if (o->host && strlen(o->host) > 255) return vn__fail(VN_EINVAL, "host name too long");
  if (!o->path && (o->port < 1 || o->port > 65535)) return vn__fail(VN_EINVAL, "port %d is not in 1-65535", o->port);
  if (o->tls && !o->host) return vn__fail(VN_EINVAL, "TLS needs a host name");
  if (!(o->connect_timeout_ns > 0)) return vn__fail(VN_EINVAL, "connect timeout must be positive");
  if (!(o->close_timeout_ns > 0)) return vn__fail(VN_EINVAL, "close timeout must be positive");
  if (o->ping_interval_ns > 0 && !(o->ping_timeout_ns > 0)) return vn__fail(VN_EINVAL, "ping timeout must be positive");
  for (const char *t = o->target; t && *t; t++)
    if ((unsigned char)*t <= ' ' || *t == 127) return vn__fail(VN_EINVAL, "\"%s\" is not a path", o->target);
  for (const char *t = o->protocols; t && *t; t++)
    if ((unsigned char)*t < ' ') return vn__fail(VN_EINVAL, "\"%s\" are not subprotocols", o->protocols);
  return 0;
}

static int copy_text(const char **text) {
  if (!*text) return 0;
  *text = strdup(*text);
  return *text ? 0 : VN_ENOMEM;
}

static int set_options(vn_channel *c, const vn_channel_options *o) {
  vn_channel_options *own = &c->options;
  const char **const texts[] = {&own->host, &own->path, &own->target, &own->header, &own->headers, &own->protocols};
  char name[300];
  int rc = 0;
  *own = *o;
  if (!own->max_message) own->max_message = DEFAULT_MAX_MESSAGE;
  if (!own->max_queued) own->max_queued = DEFAULT_MAX_QUEUED;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) rc |= copy_text(texts[i]);
  if (!o->path) snprintf(name, sizeof name, strchr(o->host, ':') ? "[%s]:%d" : "%s:%d", o->host, o->port);
  c->name = strdup(o->path ? o->path : name);
  return rc < 0 || !c->name ? vn__fail(VN_ENOMEM, "out of memory") : 0;
}

static int start_tls(vn_channel *c) {
  c->tls = vn__tls_client_context(c->options.ca, c->options.verify);
  vn__tls *trial = c->tls ? vn__tls_new(c->tls, c->options.host) : NULL;
  if (!trial) return VN_ETLS;
  vn__tls_free(trial);
  return 0;
}

static void init(vn_channel *c, vn_loop *l, double tag, const vn_channel_options *o) {
  c->loop = l;
  c->tag = tag;
  c->framing = o->framing == VN_CHANNEL_JSON ? &vn__framing_json : &vn__framing_websocket;
  c->stream.on = &stream_events;
  c->resolver.loop = l;
  c->resolver.owner = c;
  c->resolver.done = on_resolved;
  uv_timer_init(&l->uv, &c->timer);
  uv_prepare_init(&l->uv, &c->flusher);
  c->timer.data = c->flusher.data = c;
  c->handles = 2;
  vn__loop_ref(l, 2);
}

static void begin(vn_channel *c) {
  c->deadline_ns = vn_clock_now() + c->options.connect_timeout_ns;
  vn__channel_start_timer(c);
  int rc = c->options.path ? 0 : vn__resolve(&c->resolver, c->options.host, c->options.port);
  if (rc == 1) c->handles++;
  if (rc == 0) connect_next(c);
  if (rc < 0) vn__channel_fail(c, rc, "%s", c->resolver.why);
}

vn_channel *vn_channel_open(vn_loop *l, double tag, const vn_channel_options *o) {
  if (check_options(o) < 0) return NULL;
  vn_channel *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  init(c, l, tag, o);
  int rc = set_options(c, o);
  if (rc == 0 && o->tls) rc = start_tls(c);
  if (rc < 0) {
    vn_channel_free(c);
    return NULL;
  }
  begin(c);
  return c;
}

void vn_channel_get_stats(const vn_channel *c, vn_channel_stats *out) {
  *out = c->stats;
  out->queued = (double)queued(c);
}
