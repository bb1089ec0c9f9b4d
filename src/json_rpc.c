/*
 * json_rpc.c: JSON-RPC 2.0 messages, as far as it takes to know whose they are: the members of an envelope.
 */
#include <string.h>

#include "json.h"

enum { ID_DIGITS = 15 };
enum { ID, RESULT, ERROR, METHOD, PARAMS, MEMBERS };

static const char *const NAMES[] = {"id", "result", "error", "method", "params"};

static double read_id(vn_json_value s) {
  double id = 0;
  if (s.len == 0 || s.len > ID_DIGITS) return -1;
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] < '0' || s.data[i] > '9') return -1;
    id = id * 10 + (s.data[i] - '0');
  }
  return id;
}

static bool is_null(vn_json_value s) { return s.len == 0 || (s.len == 4 && memcmp(s.data, "null", 4) == 0); }

static void set_value(vn_rpc_message *out, int kind, vn_json_value value) {
  out->kind = kind;
  out->value = value.data;
  out->value_len = value.len;
  out->plain = value.plain;
}

static int judge(vn_rpc_message *out, const vn_json_value *m, const char *text, size_t len) {
  *out = (vn_rpc_message){.id = read_id(m[ID])};
  if (m[METHOD].len) {
    if (*m[METHOD].data != '"') return vn__json_fail("the method is no string", text, len);
    set_value(out, VN_RPC_NOTIFICATION, m[PARAMS]);
    out->method = m[METHOD].data + 1;
    out->method_len = m[METHOD].len - 2;
  } else if (!is_null(m[ERROR])) { /* some write an error of null beside a result */
    set_value(out, VN_RPC_ERROR, m[ERROR]);
  } else if (m[RESULT].len) {
    set_value(out, VN_RPC_RESULT, m[RESULT]);
  } else {
    return vn__json_fail("neither result nor error", text, len);
  }
  return 1;
}

int vn_rpc_next(vn_rpc_message *out, uint32_t *at, const char *text, size_t len) {
  vn_json_value m[MEMBERS];
  uint32_t from = *at;
  int rc = vn_json_next(m, at, NAMES, MEMBERS, text, len);
  return rc == 1 ? judge(out, m, text + from, len - from) : rc;
}
