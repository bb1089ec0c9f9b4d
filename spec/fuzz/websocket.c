/* websocket.c: a server's frames, whole and in pieces: the cuts must not change what is understood. And frames of ours,
 * taken apart by the same parser once the mask is off. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "websocket_parser.h"

enum { MESSAGE_MAX = 20000, EVENTS_MAX = 4096 };

/* The first byte is the width of the pieces. */
static const struct {
  const char *data;
  size_t len;
} seeds[] = {
#define SEED(text) \
  { text, sizeof text - 1 }
    SEED("\x01\x81\x05hello\x82\x03\x01\x02\x03"),
    SEED("\x02\x01\x01\xc3\x89\x01x\x80\x01\xa4\x8a\x00"),
    SEED("\x03\x88\x0c\x03\xe8going away"),
    SEED("\x01\x82\x7e\x00\x80________________________________________________________________________________________"
         "________________________________________"),
    SEED("\x05\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00zzzz"),
    SEED("\x04\x01\x03\xe2\x82\xac\x00\x00\x80\x04\xf0\x9f\x98\x80\x88\x00"),
};

size_t fuzz_seed(int i, char *out, size_t cap) {
  if (i >= (int)(sizeof seeds / sizeof *seeds) || seeds[i].len > cap) return 0;
  memcpy(out, seeds[i].data, seeds[i].len);
  return seeds[i].len;
}

typedef struct record {
  char text[1 << 17];
  size_t len;
} record;

typedef struct outcome { /* all that was understood, as bytes; control frames apart, as they may stand between pieces */
  record messages, controls;
  size_t message; /* bytes of the message so far */
  int rc, close_code;
} outcome;

static void add(record *o, const char *data, size_t len) {
  FUZZ_CHECK(o->len + len <= sizeof o->text);
  if (len) memcpy(o->text + o->len, data, len);
  o->len += len;
}

static void add_mark(record *o, int kind, int code) {
  char mark[] = {'|', (char)kind, (char)code, (char)(code >> 8)};
  add(o, mark, sizeof mark);
}

static void take(outcome *o, const vn__frame_parser *p, int rc, const char *from, const char *to) {
  if (rc == VN__FRAME_CONTROL) {
    FUZZ_CHECK(p->len <= VN__FRAME_CONTROL_MAX);
    FUZZ_CHECK(p->data >= p->control && p->data + p->len <= p->control + VN__FRAME_CONTROL_MAX);
    if (p->kind == VN__FRAME_CLOSE)
      FUZZ_CHECK(p->close_code == VN__CLOSE_NO_CODE || vn__close_code_is_valid(p->close_code));
    add(&o->controls, p->data, p->len);
    add_mark(&o->controls, p->kind, p->close_code);
    return;
  }
  FUZZ_CHECK(p->len == 0 || (p->data >= from && p->data + p->len <= to));
  o->message += p->len;
  FUZZ_CHECK(o->message <= MESSAGE_MAX);
  add(&o->messages, p->data, p->len);
  if (!p->last) return;
  add_mark(&o->messages, p->kind, 0);
  o->message = 0;
}

/* Feeds the data in pieces of so many bytes, each in memory of its own; 0: all at once. */
static void feed(outcome *o, const char *data, size_t len, size_t step) {
  vn__frame_parser p;
  vn__frame_parser_init(&p, MESSAGE_MAX);
  *o = (outcome){.rc = VN__FRAME_MORE};
  for (size_t at = 0; at < len && o->rc >= 0;) {
    size_t n = step && step < len - at ? step : len - at, left = n;
    char *piece = malloc(n);
    if (!piece) exit(1);
    memcpy(piece, data + at, n);
    at += n;
    const char *next = piece;
    while ((o->rc = vn__frame_parser_next(&p, &next, &left)) > 0) take(o, &p, o->rc, piece, piece + n);
    FUZZ_CHECK(o->rc < 0 || left == 0);
    FUZZ_CHECK(next + left == piece + n);
    free(piece);
  }
  if (o->rc < 0) {
    o->close_code = p.close_code;
    FUZZ_CHECK(o->rc == VN_EPROTOCOL || o->rc == VN_ELIMIT);
    FUZZ_CHECK(p.complaint && (p.close_code == 1002 || p.close_code == 1007 || p.close_code == 1009));
  }
}

/* The payload comes back from a frame of ours without its mask. */
static void write_and_read(const char *data, size_t len) {
  uint32_t mask = 0xa5c3f00d;
  char *out = malloc(len + VN__FRAME_HEAD_MAX);
  if (!out) exit(1);
  size_t size = vn__frame_write(out, VN__FRAME_BINARY, mask, data, len), head = size - len;
  FUZZ_CHECK(size <= len + VN__FRAME_HEAD_MAX);
  for (size_t i = 0; i < len; i++) FUZZ_CHECK((char)(out[head + i] ^ ((char *)&mask)[i % 4]) == data[i]);
  free(out);
}

/* A failure may come before or after the pieces of the same bytes: then they are the same as far as both go. */
static void check_same(const record *a, const record *b, bool may_be_shorter) {
  size_t common = a->len < b->len ? a->len : b->len;
  FUZZ_CHECK(memcmp(a->text, b->text, common) == 0);
  FUZZ_CHECK(may_be_shorter || a->len == b->len);
}

void fuzz_one(const char *data, size_t len) {
  static outcome whole, pieces;
  if (len < 2) return;
  feed(&whole, data + 1, len - 1, 0);
  feed(&pieces, data + 1, len - 1, 1 + (unsigned char)data[0] % 9);
  FUZZ_CHECK(whole.rc == pieces.rc && whole.close_code == pieces.close_code);
  check_same(&whole.messages, &pieces.messages, whole.rc < 0);
  check_same(&whole.controls, &pieces.controls, false);
  write_and_read(data, len);
}
