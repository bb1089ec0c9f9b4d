/* buffer.c: bytes that grow by doubling. */
#include "buffer.h"

#include <stdlib.h>

enum { BUFFER_MIN = 1024 };

int vn__buffer_reserve(vn__buffer *b, size_t more) {
  if (b->cap - b->len >= more) return 0;
  size_t cap = b->cap ? b->cap * 2 : BUFFER_MIN;
  if (cap - b->len < more) cap = b->len + more;
  char *data = realloc(b->data, cap);
  if (!data) return vn__fail(VN_ENOMEM, "out of memory for %zu bytes", cap);
  b->data = data;
  b->cap = cap;
  return 0;
}

int vn__buffer_add(vn__buffer *b, const void *data, size_t len) {
  int rc = vn__buffer_reserve(b, len);
  if (rc) return rc;
  if (len) vn__buffer_put(b, data, len);
  return 0;
}

void vn__buffer_put_number(vn__buffer *b, uint64_t n) {
  char digits[20];
  size_t i = sizeof digits;
  do digits[--i] = (char)('0' + n % 10);
  while (n /= 10);
  vn__buffer_put(b, digits + i, sizeof digits - i);
}

void vn__buffer_trim(vn__buffer *b, size_t keep) {
  b->len = 0;
  if (b->cap > keep) vn__buffer_free(b);
}

void vn__buffer_free(vn__buffer *b) {
  free(b->data);
  *b = (vn__buffer){0};
}
