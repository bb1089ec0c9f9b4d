/*
 * json.c: JSON texts as far as somebody wants to know them: the members of an object that are named, found without
 * building a tree, and where a text ends in a stream of such texts. What the values hold is decoded by who wants it, so
 * a string costs no more than a copy, and what is not named costs less.
 *
 * Strict in the objects that are read; of what is skipped only brackets and strings are followed. Of a member that
 * comes twice the last counts; a name that is written with escapes is none of those that are looked for.
 */
#include "json.h"

#include <string.h>

enum { SHOWN = 100 };

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

size_t vn__json_blanks(const char *data, size_t len) {
  size_t i = 0;
  while (i < len && is_blank(data[i])) i++;
  return i;
}

int vn__json_fail(const char *why, const char *text, size_t len) {
  return vn__fail(VN_EPROTOCOL, "not JSON-RPC (%s): %.*s%s", why, (int)(len > SHOWN ? SHOWN : len), text,
                  len > SHOWN ? "…" : "");
}

/* ---- the end of a text ---- */

/*
 * How many bytes in front are neither a quote, nor a backslash, nor a control character, as far as words of eight show
 * it: most of what comes is long strings of digits.
 */
static size_t ordinary(const char *data, size_t len) {
  const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
  size_t i = 0;
  for (uint64_t v; i + sizeof v <= len; i += sizeof v) {
    memcpy(&v, data + i, sizeof v);
    uint64_t quote = v ^ (ones * '"'), backslash = v ^ (ones * '\\');
    uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((v - ones * ' ') & ~v);
    if (found & high) break;
  }
  return i;
}

static void step_string(vn__json_scan *s, char c) {
  if (s->escaped)
    s->escaped = false;
  else if (c == '\\')
    s->escaped = true;
  else if (c == '"')
    s->in_string = false;
}

int vn__json_scan_next(vn__json_scan *s, const char *data, size_t *len) {
  if (s->depth == 0 && *len > 0 && *data != '{' && *data != '[') return vn__json_fail("no object", data, *len);
  for (size_t i = 0; i < *len; i++) {
    if (s->in_string && !s->escaped) i += ordinary(data + i, *len - i);
    if (i == *len) break;
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

typedef struct reader { /* of a text below 2^32 bytes */
  const char *text;
  size_t at, len;
} reader;

static char peek(reader *r) {
  r->at += vn__json_blanks(r->text + r->at, r->len - r->at);
  return r->at < r->len ? r->text[r->at] : 0;
}

static bool take(reader *r, char c) {
  if (peek(r) != c) return false;
  r->at++;
  return true;
}

static bool read_string(reader *r, vn_json_value *out) {
  *out = (vn_json_value){.data = r->text + r->at, .plain = 1};
  for (size_t i = r->at + 1; i < r->len; i++) {
    i += ordinary(r->text + i, r->len - i);
    unsigned char c = i < r->len ? (unsigned char)r->text[i] : 0;
    if (c < ' ') return false;
    if (c == '\\') {
      out->plain = 0;
      i++;
    } else if (c == '"') {
      out->len = (uint32_t)(i + 1 - r->at);
      r->at = i + 1;
      return true;
    }
  }
  return false;
}

static bool read_nested(reader *r, vn_json_value *out) {
  vn__json_scan scan = {0};
  size_t n = r->len - r->at;
  *out = (vn_json_value){.data = r->text + r->at};
  if (vn__json_scan_next(&scan, out->data, &n) != 1) return false;
  out->len = (uint32_t)n;
  r->at += n;
  return true;
}

/* A number, true, false or null: whether it is one is found out by who decodes it. */
static bool read_word(reader *r, vn_json_value *out) {
  *out = (vn_json_value){.data = r->text + r->at};
  while (r->at < r->len && !is_blank(r->text[r->at]) && !strchr(",]}", r->text[r->at])) r->at++, out->len++;
  return out->len > 0;
}

static bool read_value(reader *r, vn_json_value *out) {
  char c = peek(r);
  if (c == '"') return read_string(r, out);
  return c == '{' || c == '[' ? read_nested(r, out) : read_word(r, out);
}

typedef struct members {
  vn_json_value *values;
  const char *const *names;
  int n;
} members;

static bool is_name(vn_json_value key, const char *name) {
  size_t len = key.len - 2;
  return strncmp(name, key.data + 1, len) == 0 && !name[len];
}

static bool read_member(reader *r, const members *m) {
  vn_json_value key, value;
  if (peek(r) != '"' || !read_string(r, &key) || !take(r, ':') || !read_value(r, &value)) return false;
  int i = 0;
  while (i < m->n && !is_name(key, m->names[i])) i++;
  if (i < m->n) m->values[i] = value;
  return true;
}

static bool read_members(reader *r, const members *m) {
  if (!take(r, '{')) return false;
  if (take(r, '}')) return true;
  do
    if (!read_member(r, m)) return false;
  while (take(r, ','));
  return take(r, '}');
}

/* ---- a text ---- */

/* Moves to the next item: 1; 0 at the end; negative. */
static int find_item(reader *r) {
  reader front = {r->text, 0, r->len};
  bool many = peek(&front) == '[', begun = r->at > 0;
  if (!begun && !many) return 1;
  if (many && take(r, begun ? ',' : '[') && (begun || peek(r) != ']')) return 1;
  if (many && !take(r, ']')) return vn__json_fail("no end", r->text, r->len);
  peek(r);
  return r->at < r->len ? vn__json_fail("text behind its end", r->text, r->len) : 0;
}

int vn_json_next(vn_json_value *out, uint32_t *at, const char *const *names, int n, const char *text, size_t len) {
  reader r = {text, *at, len};
  members m = {out, names, n};
  if (len > UINT32_MAX) return vn__json_fail("too long", text, len);
  memset(out, 0, (size_t)(n ? n : 1) * sizeof *out);
  int rc = find_item(&r);
  if (rc == 1 && !(n ? read_members(&r, &m) : read_value(&r, out))) rc = vn__json_fail("malformed", text, len);
  *at = (uint32_t)r.at;
  return rc;
}
