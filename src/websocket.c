/*
 * websocket.c: RFC 6455 as a channel's framing, the client's side: handshake, frames, pings, the closing handshake.
 *
 * Model: the answer to the handshake is collected and judged as a whole; a refusal is told with its status and the
 * start of its body. Then frames: pings are answered after the read that brought them, of several unanswered ones the
 * last (section 5.5.3), so that a peer that only pings cannot fill memory. A violation is answered by a close frame
 * with its code, and the owner told at once. After a close frame of either side's and its answer, the server closes
 * first (7.1.1).
 *
 * Not here: extensions (none is offered, one that is imposed is a violation), redirects, the server's side.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "base64.h"
#include "channel.h"

enum { KEY = 16, MAX_HEAD = 16 * 1024, MAX_BODY = 64 * 1024, BODY_SHOWN = 160, MASKS = 1024 };

/* ---- random numbers: masks and keys are to be unpredictable (10.3) ---- */

static int fill_random(void *out, size_t len) {
  for (size_t have = 0; have < len;) {
    ssize_t n = getrandom((char *)out + have, len - have, 0);
    if (n < 0) return vn__fail(VN_EIO, "no random numbers: %m");
    have += (size_t)n;
  }
  return 0;
}

/* One system call for many: a getrandom per message would cost more than the message. */
static int next_mask(uint32_t *mask) {
  static __thread uint32_t masks[MASKS];
  static __thread int left;
  int rc = left ? 0 : fill_random(masks, sizeof masks);
  if (rc < 0) return rc;
  if (!left) left = MASKS;
  *mask = masks[--left];
  return 0;
}

/* ---- frames that go out ---- */

static int put(vn_channel *c, int opcode, const char *payload, size_t len) {
  uint32_t mask;
  int rc = next_mask(&mask);
  if (rc == 0) rc = vn__buffer_reserve(&c->out, len + VN__FRAME_HEAD_MAX);
  if (rc == 0) c->out.len += vn__frame_write(c->out.data + c->out.len, opcode, mask, payload, len);
  return rc;
}

static int put_message(vn_channel *c, int kind, const char *data, size_t len) {
  if (kind == VN_TEXT && !vn__utf8_is_text(data, len)) return vn__fail(VN_EINVAL, "a text that is not UTF-8");
  return put(c, kind == VN_TEXT ? VN__FRAME_TEXT : VN__FRAME_BINARY, data, len);
}

static int put_close(vn_channel *c, int code, const char *reason, size_t len) {
  char payload[VN__FRAME_CONTROL_MAX] = {(char)(code >> 8), (char)code};
  if (code == VN__CLOSE_NO_CODE) return put(c, VN__FRAME_CLOSE, payload, 0);
  memcpy(payload + 2, reason, len);
  return put(c, VN__FRAME_CLOSE, payload, len + 2);
}

/* A control frame of our own accord: where it cannot be queued, the peer's deadlines and ours will tell. */
static void queue_control(vn_channel *c, int rc, size_t before) {
  if (rc == 0) vn__channel_queue(c, c->out.len - before, -1);
}

static void ping(vn_channel *c) {
  size_t before = c->out.len;
  queue_control(c, put(c, VN__FRAME_PING, "", 0), before);
}

static void answer_ping(vn_channel *c) {
  vn__websocket *w = &c->websocket;
  size_t before = c->out.len;
  if (!w->pong_due || c->state > VN__CHANNEL_CLOSING) return;
  w->pong_due = false;
  queue_control(c, put(c, VN__FRAME_PONG, w->pong, w->pong_len), before);
}

/* ---- frames that come in ---- */

/* The last thing that is sent; nothing is said where the peer was told already that we close. */
static void send_close(vn_channel *c, int code) {
  size_t before = c->out.len;
  if (c->state != VN__CHANNEL_CLOSING) queue_control(c, put_close(c, code, "", 0), before);
}

static void violated(vn_channel *c, int status) {
  int code = c->websocket.frames.close_code;
  snprintf(c->detail, sizeof c->detail, "%s: %s", c->name, c->websocket.frames.complaint);
  vn__channel_tell_closed(c, status, code, false);
  vn__channel_drop_queued(c);
  send_close(c, code);
  vn__channel_end(c);
}

static void closed_by_peer(vn_channel *c) {
  const vn__frame_parser *f = &c->websocket.frames;
  bool by_peer = c->state != VN__CHANNEL_CLOSING;
  snprintf(c->detail, sizeof c->detail, "%.*s", (int)f->len, f->data);
  vn__channel_tell_closed(c, 0, f->close_code, by_peer);
  if (by_peer) vn__channel_drop_queued(c);
  send_close(c, f->close_code);
  vn__channel_end(c);
}

static void take_control(vn_channel *c) {
  vn__websocket *w = &c->websocket;
  if (w->frames.kind == VN__FRAME_CLOSE) {
    closed_by_peer(c);
  } else if (w->frames.kind == VN__FRAME_PONG) {
    c->stats.pongs++;
  } else {
    memcpy(w->pong, w->frames.data, w->frames.len);
    w->pong_len = w->frames.len;
    w->pong_due = true;
  }
}

static int take_piece(vn_channel *c, double at_ns) {
  const vn__frame_parser *f = &c->websocket.frames;
  if (VN_LIKELY(f->last && c->in.len == 0)) {
    vn__channel_message(c, f->kind, f->data, f->len, at_ns);
    return 0;
  }
  int rc = vn__buffer_add(&c->in, f->data, f->len);
  if (rc < 0 || !f->last) return rc;
  vn__channel_message(c, f->kind, c->in.data, c->in.len, at_ns);
  vn__buffer_trim(&c->in, VN__CHANNEL_KEEP);
  return 0;
}

static void on_frames(vn_channel *c, const char *data, size_t len, double at_ns) {
  vn__websocket *w = &c->websocket;
  while (c->state < VN__CHANNEL_ENDING) {
    int rc = vn__frame_parser_next(&w->frames, &data, &len);
    if (rc == VN__FRAME_MORE) break;
    if (rc == VN__FRAME_CONTROL) {
      take_control(c);
    } else if (rc < 0) {
      violated(c, rc);
    } else if (take_piece(c, at_ns) < 0) {
      vn__channel_fail(c, VN_ENOMEM, "%s", vn_errmsg());
    }
  }
  if (w->pong_due) vn__channel_flush(c);
}

/* ---- the handshake ---- */

static int base64(char *out, size_t cap, const unsigned char *bytes, size_t len) {
  vn_base64 w = {.out = out, .cap = cap};
  for (size_t i = 0; i < len; i++) vn__base64_put(&w, bytes[i]);
  vn__base64_end(&w);
  return (int)w.len;
}

/* What proves that the server has understood: SHA-1 of the key and a constant (4.2.2). */
static int expect_accept(vn__websocket *w, const char *key) {
  char text[64];
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len;
  int n = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  if (!EVP_Digest(text, (size_t)n, digest, &len, EVP_sha1(), NULL)) return vn__fail(VN_ENOMEM, "no SHA-1");
  base64(w->accept, sizeof w->accept, digest, len);
  return 0;
}

static int put_line(vn__buffer *b, const char *before, const char *value, const char *after) {
  int rc = vn__buffer_add(b, before, strlen(before));
  if (rc == 0) rc = vn__buffer_add(b, value, strlen(value));
  return rc ? rc : vn__buffer_add(b, after, strlen(after));
}

/* The port is left out where it is the scheme's. */
static int put_host(vn_channel *c) {
  const vn_channel_options *o = &c->options;
  const char *host = o->host ? o->host : "localhost";
  bool v6 = strchr(host, ':'), with_port = !o->path && o->port != (o->tls ? 443 : 80);
  char name[300], port[16] = "";
  if (with_port) snprintf(port, sizeof port, ":%d", o->port);
  snprintf(name, sizeof name, "%s%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
  return put_line(&c->out, "Host: ", o->header ? o->header : name, "\r\n");
}

static int put_handshake(vn_channel *c) {
  const vn_channel_options *o = &c->options;
  unsigned char bytes[KEY];
  char key[32] = "";
  int rc = fill_random(bytes, sizeof bytes);
  if (rc < 0) return rc;
  base64(key, sizeof key, bytes, sizeof bytes);
  rc = expect_accept(&c->websocket, key);
  if (rc == 0) rc = put_line(&c->out, "GET ", o->target ? o->target : "/", " HTTP/1.1\r\n");
  if (rc == 0) rc = put_host(c);
  if (rc == 0) rc = put_line(&c->out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ", key, "\r\n");
  if (rc == 0 && o->protocols) rc = put_line(&c->out, "Sec-WebSocket-Protocol: ", o->protocols, "\r\n");
  if (rc == 0 && o->headers) rc = put_line(&c->out, "", o->headers, "");
  return rc ? rc : put_line(&c->out, "Sec-WebSocket-Version: 13", "", "\r\n\r\n");
}

static void start(vn_channel *c) {
  vn__websocket *w = &c->websocket;
  vn__parser_init(&w->head, false, MAX_HEAD, MAX_BODY);
  w->head.upgrade = true;
  vn__frame_parser_init(&w->frames, c->options.max_message);
  int rc = put_handshake(c);
  if (rc == 0) rc = vn__channel_queue(c, c->out.len, -1);
  if (rc < 0)
    vn__channel_fail(c, rc, "%s", vn_errmsg());
  else
    vn__channel_flush(c);
}

/* ---- the server's answer ---- */

typedef struct text {
  const char *data;
  size_t len;
} text;

/* The value of the n-th field of that name, or NULL. */
static text find_field(const vn_channel *c, const char *name, int n) {
  const vn__parser *p = &c->websocket.head;
  const char *line = c->in.data + p->head, *end = line + p->head_len;
  size_t name_len = strlen(name);
  for (const char *next; line < end; line = next) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    next = newline ? newline + 1 : end;
    if ((size_t)(next - line) <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':') continue;
    if (n-- > 0) continue;
    const char *from = line + name_len + 1, *to = next;
    while (from < to && (*from == ' ' || *from == '\t')) from++;
    while (to > from && strchr(" \t\r\n", to[-1])) to--;
    return (text){from, (size_t)(to - from)};
  }
  return (text){NULL, 0};
}

static bool is_word(text t, const char *word, size_t len, bool exact) {
  return t.len == len && (exact ? memcmp(t.data, word, len) : strncasecmp(t.data, word, len)) == 0;
}

/* Whether the list "a, b" has the word. */
static bool has_word(text list, const char *word, size_t len, bool exact) {
  const char *at = list.data, *end = list.data + list.len;
  while (at && at <= end) {
    const char *comma = memchr(at, ',', (size_t)(end - at)), *to = comma ? comma : end;
    text one = {at, (size_t)(to - at)};
    while (one.len && (*one.data == ' ' || *one.data == '\t')) one.data++, one.len--;
    while (one.len && (one.data[one.len - 1] == ' ' || one.data[one.len - 1] == '\t')) one.len--;
    if (is_word(one, word, len, exact)) return true;
    at = to + 1;
  }
  return false;
}

static bool any_has_word(const vn_channel *c, const char *name, const char *word) {
  for (int i = 0;; i++) {
    text field = find_field(c, name, i);
    if (!field.data) return false;
    if (has_word(field, word, strlen(word), false)) return true;
  }
}

/* What is wrong with a 101, or NULL (4.1). */
static const char *find_fault(const vn_channel *c) {
  const vn__websocket *w = &c->websocket;
  text accept = find_field(c, "Sec-WebSocket-Accept", 0), protocol = find_field(c, "Sec-WebSocket-Protocol", 0);
  const char *offered = c->options.protocols ? c->options.protocols : "";
  if (!any_has_word(c, "Upgrade", "websocket")) return "no \"Upgrade: websocket\" in the server's answer";
  if (!any_has_word(c, "Connection", "upgrade")) return "no \"Connection: Upgrade\" in the server's answer";
  if (!accept.data) return "no Sec-WebSocket-Accept in the server's answer";
  if (!is_word(accept, w->accept, sizeof w->accept, true)) return "a wrong Sec-WebSocket-Accept in the server's answer";
  if (find_field(c, "Sec-WebSocket-Extensions", 0).len) return "the server wants an extension that was not offered";
  if (protocol.data && !has_word((text){offered, strlen(offered)}, protocol.data, protocol.len, true))
    return "the server wants a subprotocol that was not offered";
  return NULL;
}

static void accepted(vn_channel *c, double at_ns) {
  const vn__parser *p = &c->websocket.head;
  const char *fault = find_fault(c);
  text protocol = find_field(c, "Sec-WebSocket-Protocol", 0);
  if (fault) {
    vn__channel_fail(c, VN_EPROTOCOL, "%s", fault);
    return;
  }
  vn__channel_opened(c, c->in.data + p->head, p->head_len, protocol.data, protocol.len);
  vn__buffer rest = c->in; /* frames may have come with the answer: they are not to lie where messages are assembled */
  c->in = (vn__buffer){0};
  on_frames(c, rest.data + p->pos, rest.len - p->pos, at_ns);
  vn__buffer_free(&rest);
}

/* The start of a body on one line. */
static void show_body(const vn_channel *c, char *out, size_t cap) {
  const vn__parser *p = &c->websocket.head;
  size_t have = p->chunked || p->body_len ? p->body_len : c->in.len - p->body, n = 0;
  for (size_t i = 0; i < have && n + 1 < cap; i++) {
    unsigned char byte = (unsigned char)c->in.data[p->body + i];
    if (byte > ' ' || (n > 0 && out[n - 1] != ' ')) out[n++] = byte > ' ' ? (char)byte : ' ';
  }
  out[n] = 0;
}

/* Any answer but 101: told as what it is, however much of its body has come. */
static void refused(vn_channel *c) {
  char body[BODY_SHOWN + 1];
  int status = c->websocket.head.status;
  text location = find_field(c, "Location", 0);
  show_body(c, body, sizeof body);
  snprintf(c->detail, sizeof c->detail, "%s: the server answered with status %d instead of 101%s%.*s%s%s%s", c->name,
           status, location.data ? ", Location: " : "", (int)(location.len > 100 ? 100 : location.len),
           location.data ? location.data : "", *body ? ": \"" : "", body, *body ? "\"" : "");
  vn__channel_tell_closed(c, VN_EPROTOCOL, status, false);
  vn__channel_abort(c);
}

/* Whether the head of an answer that is final and no 101 has been read; a body that is before its head is an interim
 * answer's. */
static bool is_refusal(const vn_channel *c) {
  const vn__parser *p = &c->websocket.head;
  return p->status >= 200 && p->body > p->head;
}

static void on_answer(vn_channel *c, const char *data, size_t len, double at_ns) {
  vn__parser *p = &c->websocket.head;
  int rc = vn__buffer_add(&c->in, data, len);
  if (rc == 0) rc = vn__parser_feed(p, c->in.data, &c->in.len);
  if (rc == VN__PARSER_DONE && p->status == 101)
    accepted(c, at_ns);
  else if (is_refusal(c) && (rc != VN__PARSER_MORE || c->in.len - p->body >= BODY_SHOWN))
    refused(c);
  else if (rc < 0)
    vn__channel_fail(c, rc, "no WebSocket handshake: %s", vn_errmsg());
}

/* ---- what the channel calls ---- */

static void on_data(vn_channel *c, char *data, size_t len, double at_ns) {
  if (c->state == VN__CHANNEL_STARTING)
    on_answer(c, data, len, at_ns);
  else
    on_frames(c, data, len, at_ns);
}

static void on_end(vn_channel *c) {
  if (c->state != VN__CHANNEL_STARTING)
    vn__channel_fail(c, VN_ERESET, "closed by the peer without a close frame");
  else if (is_refusal(c))
    refused(c);
  else
    vn__channel_fail(c, VN_ERESET, "closed by the peer during the handshake");
}

static void on_timeout(vn_channel *c) {
  if (is_refusal(c))
    refused(c);
  else
    vn__channel_fail(c, VN_ETIMEDOUT, "no answer to the handshake within %g s", c->options.connect_timeout_ns / 1e9);
}

const vn__framing vn__framing_websocket = {start,       on_data,     on_end,    on_timeout,
                                           answer_ping, put_message, put_close, ping};
