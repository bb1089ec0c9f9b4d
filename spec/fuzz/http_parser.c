/* http_parser.c: HTTP messages, whole and in pieces: the cuts must not change what is understood. */
#include "http_parser.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { HEAD_MAX = 4096, BODY_MAX = 16384 };

static const char *const seeds[] = {
    "\x01HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ("\x03HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX: "
     "y\r\n\r\n"),
    "\x05HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "\x07HTTP/1.0 200 OK\r\nServer: x\r\n\r\nuntil the end",
    "\x09HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
    "\x02GET /path?a=b HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "\x04POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n{\"a\": true}",
    "\x06POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "\x08\r\nHEAD / HTTP/1.0\r\nA: b\r\n c\r\n\r\n",
};

size_t fuzz_seed(int i, char *out, size_t cap) {
  if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
  return fuzz_text(seeds[i], out, cap);
}

static void check_bounds(const vn__parser *p, size_t len) {
  FUZZ_CHECK(p->pos <= len);
  FUZZ_CHECK(p->head <= len && p->head_len <= len - p->head);
  FUZZ_CHECK(p->body <= len && p->body_len <= len - p->body);
  FUZZ_CHECK(p->body_len <= BODY_MAX);
  if (p->request) FUZZ_CHECK(p->path <= len && p->path_len <= len - p->path);
}

/* Feeds the data in steps of so many bytes; 0: all at once. Returns the last verdict. */
static int feed(vn__parser *p, char *buf, const char *data, size_t len, size_t step) {
  size_t have = 0, taken = 0;
  int rc = VN__PARSER_MORE;
  while (rc == VN__PARSER_MORE && taken < len) {
    size_t n = step && step < len - taken ? step : len - taken;
    memcpy(buf + have, data + taken, n);
    taken += n;
    size_t grown = have + n;
    have = grown;
    rc = vn__parser_feed(p, buf, &have);
    FUZZ_CHECK(have <= grown);
    FUZZ_CHECK(rc <= VN__PARSER_DONE);
    if (rc == VN__PARSER_DONE) check_bounds(p, have);
    if (rc == VN__PARSER_MORE) FUZZ_CHECK(p->pos <= have);
  }
  if (rc == VN__PARSER_MORE) {
    rc = vn__parser_eof(p, have);
    FUZZ_CHECK(rc == VN__PARSER_DONE || rc < 0);
    if (rc == VN__PARSER_DONE) check_bounds(p, have);
  }
  return rc;
}

void fuzz_one(const char *data, size_t len) {
  if (len < 2) return;
  bool request = data[0] % 2 == 0;
  size_t step = 1 + (unsigned char)data[0] % 7;
  data++, len--;
  vn__parser whole, pieces;
  vn__parser_init(&whole, request, HEAD_MAX, BODY_MAX);
  vn__parser_init(&pieces, request, HEAD_MAX, BODY_MAX);
  char *a = malloc(len), *b = malloc(len);
  if (!a || !b) exit(1);
  int rc_whole = feed(&whole, a, data, len, 0), rc_pieces = feed(&pieces, b, data, len, step);
  FUZZ_CHECK(rc_whole == rc_pieces);
  if (rc_whole == VN__PARSER_DONE) {
    FUZZ_CHECK(whole.status == pieces.status && whole.method == pieces.method);
    FUZZ_CHECK(whole.keep_alive == pieces.keep_alive);
    FUZZ_CHECK(whole.head_len == pieces.head_len && whole.body_len == pieces.body_len);
    FUZZ_CHECK(memcmp(a + whole.body, b + pieces.body, whole.body_len) == 0);
  }
  free(a);
  free(b);
}
