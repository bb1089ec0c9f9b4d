/*
 * ipc.c: JSON texts one after the other as a channel's framing, as Ethereum nodes speak it on their unix socket (geth's
 * IPC): nothing stands between two texts, or white space. A text ends where its brackets do.
 *
 * The texts are objects or arrays: a number would have no end. Both sides close by ending their stream.
 */
#include "channel.h"

static void start(vn_channel *c) {
  c->scan = (vn__json_scan){0};
  vn__channel_opened(c, NULL, 0, NULL, 0);
}

static void fail(vn_channel *c, int status, const char *what) { vn__channel_fail(c, status, "%s", what); }

static void take(vn_channel *c, const char *data, size_t len, bool whole, double at_ns) {
  if (c->in.len + len > c->options.max_message) {
    fail(c, VN_ELIMIT, "a message over the limit");
  } else if (whole && c->in.len == 0) {
    vn__channel_message(c, VN_TEXT, data, len, at_ns);
  } else if (vn__buffer_add(&c->in, data, len) < 0) {
    fail(c, VN_ENOMEM, vn_errmsg());
  } else if (whole) {
    vn__channel_message(c, VN_TEXT, c->in.data, c->in.len, at_ns);
    vn__buffer_trim(&c->in, VN__CHANNEL_KEEP);
  }
}

static void on_data(vn_channel *c, char *data, size_t len, double at_ns) {
  while (len > 0 && c->state < VN__CHANNEL_ENDING) {
    if (c->scan.depth == 0) {
      size_t blanks = vn__json_blanks(data, len);
      data += blanks;
      len -= blanks;
      if (len == 0) return;
    }
    size_t n = len;
    int rc = vn__json_scan_next(&c->scan, data, &n);
    if (rc < 0) {
      fail(c, rc, vn_errmsg());
      return;
    }
    take(c, data, n, rc == 1, at_ns);
    data += n;
    len -= n;
  }
}

static void on_end(vn_channel *c) {
  bool inside = c->scan.depth > 0;
  if (inside || c->state != VN__CHANNEL_CLOSING) {
    fail(c, VN_ERESET, inside ? "closed by the peer inside a message" : "closed by the peer");
    return;
  }
  c->detail[0] = 0;
  vn__channel_tell_closed(c, 0, 0, false);
  vn__channel_abort(c);
}

static void on_timeout(vn_channel *c) { fail(c, VN_ETIMEDOUT, "not opened in time"); }

static int put(vn_channel *c, int kind, const char *data, size_t len) {
  (void)kind;
  return vn__buffer_add(&c->out, data, len);
}

const vn__framing vn__framing_json = {start, on_data, on_end, on_timeout, NULL, put, NULL, NULL};
