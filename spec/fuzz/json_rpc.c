/* json.c and json_rpc.c: JSON-RPC texts, members of what they hold, and where texts end in a stream: in pieces as in
 * the whole. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json.h"

static const char *const seeds[] = {
    "{\"jsonrpc\":\"2.0\",\"id\":12,\"result\":\"0xabc\"}",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"no \\\"nonce\\\"\",\"data\":[1,{}]}}",
    "[{\"id\":1,\"result\":null}, {\"id\":2,\"result\":{\"a\":[\"]}\"]}}]",
    "{\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"0x1\",\"result\":{}}}",
    "[{\"a\":\"0x0123456789abcdef0123456789abcdef\",\"result\":[1,\"]\"]},{\"id\":\"\\\\\",\"a\":null}]",
    " {\"id\":null,\"error\":{}}\n{\"id\":9007199254740993,\"result\":true}",
};

size_t fuzz_seed(int i, char *out, size_t cap) {
  if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
  return fuzz_text(seeds[i], out, cap);
}

static void check_inside(const char *at, size_t n, const char *text, size_t len) {
  FUZZ_CHECK(at >= text && n <= len && at + n <= text + len);
}

static void read_all(const char *text, size_t len) {
  vn_rpc_message m;
  uint32_t at = 0;
  int rc;
  for (uint32_t before = 0; (rc = vn_rpc_next(&m, &at, text, len)) == 1; before = at) {
    FUZZ_CHECK(at > before && at <= len);
    FUZZ_CHECK(m.kind >= VN_RPC_RESULT && m.kind <= VN_RPC_NOTIFICATION);
    FUZZ_CHECK(m.id >= -1 && m.id < 1e15);
    if (m.value) check_inside(m.value, m.value_len, text, len);
    if (m.plain) FUZZ_CHECK(m.value && m.value_len >= 2 && m.value[0] == '"' && m.value[m.value_len - 1] == '"');
    if (m.kind == VN_RPC_NOTIFICATION) check_inside(m.method, m.method_len, text, len);
  }
  FUZZ_CHECK(rc == 0 || rc == VN_EPROTOCOL);
}

/* Items by n names; and what they hold, as texts of their own. */
static void walk(const char *text, size_t len, int n, int depth) {
  static const char *const names[] = {"id", "result", "a"};
  vn_json_value values[3];
  uint32_t at = 0;
  int rc;
  for (uint32_t before = 0; (rc = vn_json_next(values, &at, names, n, text, len)) == 1; before = at) {
    FUZZ_CHECK(at > before && at <= len);
    for (int i = 0; i < (n ? n : 1); i++) {
      vn_json_value v = values[i];
      FUZZ_CHECK(n == 0 ? v.data != NULL : !v.data == !v.len);
      if (v.data) check_inside(v.data, v.len, text, len);
      if (v.plain) FUZZ_CHECK(v.len >= 2 && v.data[0] == '"' && v.data[v.len - 1] == '"');
      if (v.plain) FUZZ_CHECK(!memchr(v.data + 1, '"', v.len - 2) && !memchr(v.data, '\\', v.len));
      if (v.data && v.len < len && depth > 0) walk(v.data, v.len, 3 - n, depth - 1);
    }
  }
  FUZZ_CHECK(rc == 0 || rc == VN_EPROTOCOL);
}

/* Where the first text ends, in pieces of so many bytes; 0: it does not; -1: it is none. */
static long find_end(const char *text, size_t len, size_t step) {
  vn__json_scan scan = {0};
  for (size_t at = 0; at < len;) {
    size_t n = step < len - at ? step : len - at;
    int rc = vn__json_scan_next(&scan, text + at, &n);
    FUZZ_CHECK(n <= len - at);
    if (rc < 0) return -1;
    at += n;
    if (rc == 1) return (long)at;
  }
  return 0;
}

void fuzz_one(const char *data, size_t len) {
  read_all(data, len);
  walk(data, len, 0, 2);
  walk(data, len, 3, 2);
  size_t blanks = vn__json_blanks(data, len);
  FUZZ_CHECK(blanks <= len);
  long whole = find_end(data + blanks, len - blanks, len);
  for (size_t step = 1; step <= 7; step += 3) FUZZ_CHECK(find_end(data + blanks, len - blanks, step) == whole);
}
