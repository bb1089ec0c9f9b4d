/* buffer.h: bytes that grow; the memory is kept for the next use. */
#ifndef VN_BUFFER_H
#define VN_BUFFER_H

#include <string.h>

#include "internal.h"

typedef struct vn__buffer { /* all zero: empty */
  char *data;
  size_t len, cap;
} vn__buffer;

int vn__buffer_reserve(vn__buffer *b, size_t more); /* room for so many bytes after len; VN_ENOMEM */
int vn__buffer_add(vn__buffer *b, const void *data, size_t len);
void vn__buffer_trim(vn__buffer *b, size_t keep); /* empties it; gives memory back if it holds more than keep */
void vn__buffer_free(vn__buffer *b);

/* Without a check: after vn__buffer_reserve. A number needs 20 bytes at most. */
void vn__buffer_put_number(vn__buffer *b, uint64_t n);
static inline void vn__buffer_put(vn__buffer *b, const char *data, size_t len) {
  memcpy(b->data + b->len, data, len);
  b->len += len;
}

#endif
