/*
 * json_rpc.c: JSON-RPC 2.0 messages, as far as it takes to know whose they are: the members of an envelope, found
 * without building a tree. What they hold is decoded by who wants it, so the most frequent answer, a string, costs no
 * more than a copy. And where a text ends in a stream of such texts.
 *
 * Strict in the envelope; of what is skipped only brackets and strings are followed. Of a member that comes twice the
 * last counts.
 */
#include "json_rpc.h"

#include <string.h>

enum { SHOWN = 100, ID_DIGITS = 15 };

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

size_t vn__json_blanks(const char *data, size_t len) {
  size_t i = 0;
  while (i < len && is_blank(data[i])) i++;
  return i;
}

static int fail(const char *why, const char *text, size_t len) {
  return vn__fail(VN_EPROTOCOL, "not JSON-RPC (%s): %.*s%s", why, (int)(len > SHOWN ? SHOWN : len), text,
                  len > SHOWN ? "…" : "");
}

/* ---- the end of a text ---- */

static void step_string(vn__json_scan *s, char c) {
  if (s->escaped)
    s->escaped = false;
  else if (c == '\\')
    s->escaped = true;
  else if (c == '"')
    s->in_string = false;
}

int vn__json_scan_next(vn__json_scan *s, const char *data, size_t *len) {
  if (s->depth == 0 && *len > 0 && *data != '{' && *data != '[') return fail("no object", data, *len);
  for (size_t i = 0; i < *len; i++) {
    char c = data[i];
    if (s->in_string) {
      step_string(s, c);
    } else if (c == '"') {
      s->in_string = true;
    } else if (c == '{' || c == '[') {
      s->depth++;
    } else if ((c == '}' || c == ']') && --s->depth == 0) {
      *len = i + 1;
      return 1;
    }
  }
  return 0;
}

/* ---- members ---- */

typedef struct reader {
  const char *text;
  size_t at, len;
} reader;

typedef struct span {
  const char *data;
  size_t len;
  bool plain; /* a string without escapes */
} span;

static char peek(reader *r) {
  r->at += vn__json_blanks(r->text + r->at, r->len - r->at);
  return r->at < r->len ? r->text[r->at] : 0;
}

static bool take(reader *r, char c) {
  if (peek(r) != c) return false;
  r->at++;
  return true;
}

static bool read_string(reader *r, span *out) {
  *out = (span){.data = r->text + r->at, .plain = true};
  for (size_t i = r->at + 1; i < r->len; i++) {
    unsigned char c = (unsigned char)r->text[i];
    if (c < ' ') return false;
    if (c == '\\') {
      out->plain = false;
      i++;
    } else if (c == '"') {
      out->len = i + 1 - r->at;
      r->at = i + 1;
      return true;
    }
  }
  return false;
}

static bool read_nested(reader *r, span *out) {
  vn__json_scan scan = {0};
  size_t n = r->len - r->at;
  *out = (span){.data = r->text + r->at};
  if (vn__json_scan_next(&scan, out->data, &n) != 1) return false;
  out->len = n;
  r->at += n;
  return true;
}

/* A number, true, false or null: whether it is one is found out by who decodes it. */
static bool read_word(reader *r, span *out) {
  *out = (span){.data = r->text + r->at};
  while (r->at < r->len && !is_blank(r->text[r->at]) && !strchr(",]}", r->text[r->at])) r->at++, out->len++;
  return out->len > 0;
}

static bool read_value(reader *r, span *out) {
  char c = peek(r);
  if (c == '"') return read_string(r, out);
  return c == '{' || c == '[' ? read_nested(r, out) : read_word(r, out);
}

static double read_id(span s) {
  double id = 0;
  if (s.len == 0 || s.len > ID_DIGITS) return -1;
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] < '0' || s.data[i] > '9') return -1;
    id = id * 10 + (s.data[i] - '0');
  }
  return id;
}

typedef struct members {
  span id, result, error, method, params;
} members;

static bool is_name(span key, const char *name) {
  size_t len = strlen(name);
  return key.len == len + 2 && memcmp(key.data + 1, name, len) == 0;
}

static span *find_member(members *m, span key) {
  if (is_name(key, "id")) return &m->id;
  if (is_name(key, "result")) return &m->result;
  if (is_name(key, "error")) return &m->error;
  if (is_name(key, "method")) return &m->method;
  return is_name(key, "params") ? &m->params : NULL;
}

static bool read_member(reader *r, members *m) {
  span key, value;
  if (peek(r) != '"' || !read_string(r, &key) || !take(r, ':') || !read_value(r, &value)) return false;
  span *known = find_member(m, key);
  if (known) *known = value;
  return true;
}

static bool read_members(reader *r, members *m) {
  if (take(r, '}')) return true;
  do
    if (!read_member(r, m)) return false;
  while (take(r, ','));
  return take(r, '}');
}

/* ---- messages ---- */

static bool is_null(span s) { return s.len == 0 || (s.len == 4 && memcmp(s.data, "null", 4) == 0); }

static void set_value(vn_rpc_message *out, int kind, span value) {
  out->kind = kind;
  out->value = value.len ? value.data : NULL;
  out->value_len = (uint32_t)value.len;
  out->plain = value.plain;
}

static int judge(vn_rpc_message *out, const members *m, const char *text, size_t len) {
  *out = (vn_rpc_message){.id = read_id(m->id)};
  if (m->method.len) {
    if (*m->method.data != '"') return fail("the method is no string", text, len);
    set_value(out, VN_RPC_NOTIFICATION, m->params);
    out->method = m->method.data + 1;
    out->method_len = (uint32_t)m->method.len - 2;
  } else if (!is_null(m->error)) { /* some write an error of null beside a result */
    set_value(out, VN_RPC_ERROR, m->error);
  } else if (m->result.len) {
    set_value(out, VN_RPC_RESULT, m->result);
  } else {
    return fail("neither result nor error", text, len);
  }
  return 1;
}

/* Moves to the next message: 1; 0 at the end; negative. */
static int find_message(reader *r) {
  reader front = {r->text, 0, r->len};
  bool many = peek(&front) == '[', begun = r->at > 0;
  if (!begun && !many) return 1;
  if (many && take(r, begun ? ',' : '[') && (begun || peek(r) != ']')) return 1;
  if (many && !take(r, ']')) return fail("no end", r->text, r->len);
  peek(r);
  return r->at < r->len ? fail("text behind its end", r->text, r->len) : 0;
}

int vn_rpc_next(vn_rpc_message *out, uint32_t *at, const char *text, size_t len) {
  reader r = {text, *at, len};
  members m = {0};
  if (len > UINT32_MAX) return vn__fail(VN_EPROTOCOL, "not JSON-RPC (too long)");
  int rc = find_message(&r);
  if (rc == 1) {
    size_t from = r.at;
    if (!take(&r, '{') || !read_members(&r, &m)) rc = fail("malformed", text, len);
    if (rc == 1) rc = judge(out, &m, text + from, len - from);
  }
  *at = (uint32_t)r.at;
  return rc;
}
