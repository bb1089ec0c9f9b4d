/*
 * http_parser.c: an incremental parser of HTTP/1.x requests and responses (RFC 9112), for client and server.
 *
 * Model: the caller keeps a message from its first byte in one buffer and feeds it whenever there is more. Every line
 * is looked at once, when it is complete; the body is not looked at. Chunked bodies are decoded in place, which keeps
 * the buffer at the size of what was decoded plus one partial line.
 *
 * Strict where leniency lets two readers disagree about where a message ends: folded header lines, conflicting lengths,
 * Content-Length beside Transfer-Encoding, codings other than chunked, NUL and bare CR are errors. A bare LF as the end
 * of a line is taken (RFC 9112, 2.2). Only what framing needs is interpreted; the header block is handed on as it is.
 */
#include "http_parser.h"

#include <string.h>
#include <strings.h>

enum { START, HEADER, BODY_LENGTH, BODY_CLOSE, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, DONE };
enum { MAX_BLANKS = 4, MAX_CHUNK_LINE = 4096 };

#define LINE_STATE(s) ((s) == START || (s) == HEADER || (s) == CHUNK_SIZE || (s) == CHUNK_END || (s) == TRAILER)

static const char *const methods[VN_METHODS] = {"?",      "GET",     "HEAD",    "POST",  "PUT",
                                                "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

/* token characters (RFC 9110, 5.6.2) */
static const bool token_chars[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

const char *vn_http_method_name(int method) { return method > 0 && method < VN_METHODS ? methods[method] : methods[0]; }

void vn__parser_init(vn__parser *p, bool request, uint32_t max_head, uint32_t max_body) {
  *p = (vn__parser){.request = request, .max_head = max_head, .max_body = max_body};
}

void vn__parser_reset(vn__parser *p) { vn__parser_init(p, p->request, p->max_head, p->max_body); }

bool vn__parser_in_body(const vn__parser *p) { return p->state > HEADER && p->state != DONE; }

size_t vn__parser_missing(const vn__parser *p, size_t len) {
  if (p->state != BODY_LENGTH) return 0;
  return p->body + p->remaining - len;
}

static int malformed(const char *what) { return vn__fail(VN_EPROTOCOL, "%s", what); }

/* ---- start lines ---- */

static int parse_version(vn__parser *p, const char *s, size_t len) {
  if (len != 8 || memcmp(s, "HTTP/1.", 7) != 0 || s[7] < '0' || s[7] > '9') return malformed("not HTTP/1.x");
  p->minor = (uint8_t)(s[7] - '0');
  p->keep_alive = p->minor > 0;
  return 0;
}

static int parse_status_line(vn__parser *p, const char *s, size_t len) {
  if (len < 12 || s[8] != ' ' || (len > 12 && s[12] != ' ')) return malformed("malformed status line");
  unsigned a = (unsigned)(s[9] - '0'), b = (unsigned)(s[10] - '0'), c = (unsigned)(s[11] - '0');
  if (a < 1 || a > 9 || b > 9 || c > 9) return malformed("malformed status code");
  p->status = (uint16_t)(a * 100 + b * 10 + c);
  return parse_version(p, s, 8);
}

static int find_method(const char *s, size_t len) {
  for (int i = 1; i < VN_METHODS; i++)
    if (strlen(methods[i]) == len && memcmp(methods[i], s, len) == 0) return i;
  return VN_METHOD_OTHER;
}

/* Keeps path and query; of the absolute form (RFC 9112, 3.2.2) the part after the authority. */
static int parse_target(vn__parser *p, const char *buf, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if ((unsigned char)buf[i] <= ' ' || buf[i] == 127) return malformed("malformed request target");
  if (to - from > 7 && strncasecmp(buf + from, "http://", 7) == 0) {
    const char *slash = memchr(buf + from + 7, '/', to - from - 7);
    from = slash ? (size_t)(slash - buf) : to;
  }
  if (from == to || (buf[from] != '/' && buf[from] != '*')) return malformed("malformed request target");
  p->path = from;
  p->path_len = to - from;
  return 0;
}

static int parse_request_line(vn__parser *p, const char *buf, size_t len) {
  const char *s = buf + p->line;
  const char *target = memchr(s, ' ', len);
  if (!target || target == s) return malformed("malformed request line");
  const char *version = memrchr(s, ' ', len);
  if (version == target) return malformed("malformed request line");
  for (const char *c = s; c < target; c++)
    if (!token_chars[(unsigned char)*c]) return malformed("malformed request method");
  p->method = (uint16_t)find_method(s, (size_t)(target - s));
  int rc = parse_target(p, buf, (size_t)(target + 1 - buf), (size_t)(version - buf));
  return rc ? rc : parse_version(p, version + 1, (size_t)(s + len - version - 1));
}

static int start_line(vn__parser *p, const char *buf, size_t len) {
  if (len == 0 && p->request && p->blanks++ < MAX_BLANKS) return 0;
  int rc = p->request ? parse_request_line(p, buf, len) : parse_status_line(p, buf + p->line, len);
  if (rc) return rc;
  p->state = HEADER;
  p->head = p->pos;
  return 0;
}

/* ---- header fields that framing needs ---- */

static int parse_length(vn__parser *p, const char *s, size_t len) {
  uint64_t n = 0;
  if (len == 0) return malformed("empty Content-Length");
  for (size_t i = 0; i < len; i++) {
    if (s[i] < '0' || s[i] > '9' || n > UINT64_MAX / 10 - 1) return malformed("malformed Content-Length");
    n = n * 10 + (uint64_t)(s[i] - '0');
  }
  if (p->has_length && n != p->remaining) return malformed("conflicting Content-Length");
  p->has_length = true;
  p->remaining = n;
  return 0;
}

static int parse_coding(vn__parser *p, const char *s, size_t len) {
  if (p->minor == 0) return malformed("Transfer-Encoding in HTTP/1.0");
  if (p->chunked || len != 7 || strncasecmp(s, "chunked", 7) != 0)
    return vn__fail(VN_EPROTOCOL, "unsupported Transfer-Encoding \"%.*s\"", (int)(len > 40 ? 40 : len), s);
  p->chunked = true;
  return 0;
}

static void parse_connection(vn__parser *p, const char *s, size_t len) {
  const char *end = s + len;
  while (s < end) {
    const char *comma = memchr(s, ',', (size_t)(end - s));
    const char *stop = comma ? comma : end;
    const char *last = stop;
    while (s < last && (*s == ' ' || *s == '\t')) s++;
    while (last > s && (last[-1] == ' ' || last[-1] == '\t')) last--;
    if (last - s == 5 && strncasecmp(s, "close", 5) == 0) p->keep_alive = false;
    if (last - s == 10 && strncasecmp(s, "keep-alive", 10) == 0 && p->minor == 0) p->keep_alive = true;
    s = stop + 1;
  }
}

static int parse_field(vn__parser *p, const char *name, size_t name_len, const char *value, size_t len) {
  switch (name_len) {
    case 4:
      if (strncasecmp(name, "host", 4) != 0) break;
      if (p->has_host && p->request) return malformed("two Host fields");
      p->has_host = true;
      break;
    case 6:
      if (strncasecmp(name, "expect", 6) == 0 && len == 12 && strncasecmp(value, "100-continue", 12) == 0)
        p->expects_continue = true;
      break;
    case 10:
      if (strncasecmp(name, "connection", 10) == 0) parse_connection(p, value, len);
      break;
    case 14:
      if (strncasecmp(name, "content-length", 14) == 0) return parse_length(p, value, len);
      break;
    case 17:
      if (strncasecmp(name, "transfer-encoding", 17) == 0) return parse_coding(p, value, len);
      break;
  }
  return 0;
}

/* One header or trailer line without its end; trailers are checked for form only. */
static int parse_header(vn__parser *p, const char *s, size_t len) {
  const char *end = s + len;
  const char *c = s;
  if (*s == ' ' || *s == '\t') return malformed("folded header line");
  while (c < end && token_chars[(unsigned char)*c]) c++;
  if (c == s || c == end || *c != ':') return malformed("malformed header line");
  size_t name_len = (size_t)(c - s);
  for (c++; c < end && (*c == ' ' || *c == '\t');) c++;
  while (end > c && (end[-1] == ' ' || end[-1] == '\t')) end--;
  size_t value_len = (size_t)(end - c);
  if (memchr(c, '\r', value_len) || memchr(c, 0, value_len)) return malformed("control character in header");
  return p->state == TRAILER ? 0 : parse_field(p, s, name_len, c, value_len);
}

/* ---- where the body ends ---- */

static int skip_interim(vn__parser *p) {
  if (p->status == 101) return malformed("unexpected 101 Switching Protocols");
  p->state = START;
  p->chunked = p->has_length = false;
  return 0;
}

static int check_head(const vn__parser *p) {
  if (p->chunked && p->has_length) return malformed("both Content-Length and Transfer-Encoding");
  if (p->request && p->minor > 0 && !p->has_host) return malformed("no Host field");
  if (p->has_length && p->remaining > p->max_body && !p->head_only)
    return vn__fail(VN_ELIMIT, "body of %llu bytes is over the limit of %u", (unsigned long long)p->remaining,
                    p->max_body);
  return 0;
}

static bool has_no_body(const vn__parser *p) {
  if (p->request) return !p->chunked && (!p->has_length || p->remaining == 0);
  return p->head_only || p->status < 200 || p->status == 204 || p->status == 304 ||
         (p->has_length && p->remaining == 0);
}

static int end_of_head(vn__parser *p) {
  p->head_len = p->line - p->head;
  p->body = p->pos;
  if (!p->request && p->status < 200 && !(p->upgrade && p->status == 101)) return skip_interim(p);
  int rc = check_head(p);
  if (rc) return rc;
  if (has_no_body(p)) {
    p->state = DONE;
  } else if (p->chunked) {
    p->state = CHUNK_SIZE;
  } else if (p->has_length) {
    p->state = BODY_LENGTH;
  } else {
    p->state = BODY_CLOSE;
    p->keep_alive = false;
  }
  return 0;
}

/* ---- chunks ---- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int chunk_size(vn__parser *p, const char *s, size_t len) {
  uint64_t n = 0;
  size_t i = 0;
  for (int digit; i < len && (digit = hex_digit(s[i])) >= 0; i++) {
    if (n >> 56) return malformed("chunk size too large");
    n = n * 16 + (unsigned)digit;
  }
  if (i == 0 || (i < len && s[i] != ';' && s[i] != ' ' && s[i] != '\t')) return malformed("malformed chunk size");
  if (n > p->max_body - p->body_len) return vn__fail(VN_ELIMIT, "body is over the limit of %u bytes", p->max_body);
  p->remaining = n;
  p->state = n ? CHUNK_DATA : TRAILER;
  return 0;
}

static void chunk_data(vn__parser *p, char *buf, size_t len) {
  size_t n = len - p->pos;
  if (n > p->remaining) n = (size_t)p->remaining;
  char *to = buf + p->body + p->body_len;
  if (to != buf + p->pos) memmove(to, buf + p->pos, n);
  p->body_len += n;
  p->pos += n;
  p->remaining -= n;
  if (p->remaining) return;
  p->state = CHUNK_END;
  p->line = p->pos;
}

/* Closes the gap that decoding has left, so that a stream of tiny chunks cannot make the buffer grow. */
static void close_gap(vn__parser *p, char *buf, size_t *len) {
  if (!p->chunked || p->state <= HEADER) return;
  size_t to = p->body + p->body_len;
  size_t from = LINE_STATE(p->state) ? p->line : p->pos;
  if (from == to) return;
  memmove(buf + to, buf + from, *len - from);
  size_t gap = from - to;
  *len -= gap;
  p->pos -= gap;
  p->line -= gap;
}

/* ---- the machine ---- */

static int one_line(vn__parser *p, const char *buf, size_t len) {
  const char *s = buf + p->line;
  switch (p->state) {
    case START:
      return start_line(p, buf, len);
    case HEADER:
      return len ? parse_header(p, s, len) : end_of_head(p);
    case CHUNK_SIZE:
      return chunk_size(p, s, len);
    case CHUNK_END:
      p->state = CHUNK_SIZE;
      return len ? malformed("chunk longer than its size") : 0;
    default: /* TRAILER */
      if (len) return parse_header(p, s, len);
      p->state = DONE;
      return 0;
  }
}

static int check_line_limit(const vn__parser *p, size_t to) {
  if (p->state == CHUNK_SIZE || p->state == CHUNK_END)
    return to - p->line > MAX_CHUNK_LINE ? malformed("chunk line too long") : 0;
  size_t n = p->counted + to - p->line;
  return n > p->max_head ? vn__fail(VN_ELIMIT, "head is over the limit of %u bytes", p->max_head) : 0;
}

static int feed_line(vn__parser *p, const char *buf, size_t len) {
  const char *newline = memchr(buf + p->pos, '\n', len - p->pos);
  size_t to = newline ? (size_t)(newline - buf) + 1 : len;
  int rc = check_line_limit(p, to);
  if (rc) return rc;
  p->pos = to;
  if (!newline) return VN__PARSER_MORE;
  if (p->state != CHUNK_SIZE && p->state != CHUNK_END) p->counted += to - p->line;
  size_t line_len = to - 1 - p->line;
  if (line_len && buf[p->line + line_len - 1] == '\r') line_len--;
  rc = one_line(p, buf, line_len);
  p->line = to;
  return rc;
}

static int feed_body(vn__parser *p, char *buf, size_t len) {
  if (p->state == CHUNK_DATA) {
    chunk_data(p, buf, len);
    return 0;
  }
  if (p->state == BODY_CLOSE) {
    p->pos = len;
    p->body_len = len - p->body;
    return p->body_len > p->max_body ? vn__fail(VN_ELIMIT, "body is over the limit of %u bytes", p->max_body) : 0;
  }
  if (len - p->body < p->remaining) {
    p->pos = len;
    return 0;
  }
  p->body_len = (size_t)p->remaining;
  p->pos = p->body + p->body_len;
  p->state = DONE;
  return 0;
}

int vn__parser_feed(vn__parser *p, char *buf, size_t *len) {
  while (p->state != DONE && p->pos < *len) {
    int rc = LINE_STATE(p->state) ? feed_line(p, buf, *len) : feed_body(p, buf, *len);
    if (rc < 0) return rc;
  }
  if (p->state == DONE) return VN__PARSER_DONE;
  close_gap(p, buf, len);
  return VN__PARSER_MORE;
}

int vn__parser_eof(vn__parser *p, size_t len) {
  if (p->state == BODY_CLOSE) {
    p->state = DONE;
    return VN__PARSER_DONE;
  }
  if (len == 0) return vn__fail(VN_ERESET, "connection closed before a response");
  if (!vn__parser_in_body(p)) return vn__fail(VN_ERESET, "connection closed inside the response head");
  if (p->state == BODY_LENGTH)
    return vn__fail(VN_ERESET, "connection closed after %zu of %llu body bytes", len - p->body,
                    (unsigned long long)p->remaining);
  return vn__fail(VN_ERESET, "connection closed inside a chunked body");
}
