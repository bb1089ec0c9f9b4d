/* yaml.c: the pull parser of configuration files: balanced nodes with places, or one failure with a place. */
#include "fuzz.h"
#include "vernier.h"

static const char *const seeds[] = {
    "test:\n  name: simple\n  workers: {number: 2}\n  rounds:\n    - label: open\n      txNumber: 100\n",
    "a: &x [1, 2.5, ~, yes, 0x10]\nb: *x\nc: {<<: {d: e}, f: 'it''s'}\n",
    "folded: >-\n  one\n  two\nliteral: |\n  three\n   four\n",
    "{\"a\": [true, false, null, \"\\u00e9\\n\"], \"b\": {}}",
    "--- !!str 12\n...\n---\n- !x y\n",
    "? complex\n: value\n# comment\n\"quoted\": \"a\\\n  b\"\t\n",
};

size_t fuzz_seed(int i, char *out, size_t cap) {
  if (i >= (int)(sizeof seeds / sizeof *seeds)) return 0;
  return fuzz_text(seeds[i], out, cap);
}

static void check_node(const vn_yaml_node *node) {
  FUZZ_CHECK(node->kind >= VN_YAML_SCALAR && node->kind <= VN_YAML_DOCUMENT);
  FUZZ_CHECK(node->line >= 1 && node->column >= 1);
  if (node->kind == VN_YAML_SCALAR) {
    FUZZ_CHECK(node->text && node->text[node->len] == '\0');
  } else if (node->kind == VN_YAML_ALIAS) {
    FUZZ_CHECK(node->text && node->text[0]);
  }
}

void fuzz_one(const char *data, size_t len) {
  vn_yaml *y = vn_yaml_open(data, len);
  if (!y) return;
  vn_yaml_node node = {0};
  int rc, depth = 0;
  while ((rc = vn_yaml_next(y, &node)) > 0) {
    check_node(&node);
    if (node.kind == VN_YAML_SEQUENCE || node.kind == VN_YAML_MAPPING) depth++;
    if (node.kind == VN_YAML_END) depth--;
    FUZZ_CHECK(depth >= 0 && depth <= VN_YAML_DEPTH_MAX);
  }
  if (rc == 0) FUZZ_CHECK(depth == 0);
  if (rc < 0) FUZZ_CHECK(vn_errmsg()[0]);
  vn_yaml_close(y);
}
