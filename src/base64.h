/* base64.h: bytes as text (RFC 4648, with padding), written byte by byte into memory of a fixed size. */
#ifndef VN_BASE64_H
#define VN_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vn_base64 { /* zeroed but for out and cap */
  char *out;
  size_t cap, len;
  uint32_t bits; /* of the bytes that do not fill a group of three yet */
  int pending;   /* how many those are */
  bool full;     /* something did not fit */
} vn_base64;

void vn__base64_group(vn_base64 *w, int bytes);

static inline void vn__base64_put(vn_base64 *w, unsigned byte) {
  w->bits = w->bits << 8 | byte;
  if (++w->pending == 3) vn__base64_group(w, 3);
}

void vn__base64_end(vn_base64 *w); /* writes what is pending */

/* The canonical form only: groups of four, padding at the end, no stray bits under it. out: len / 4 * 3 bytes. Bytes,
 * or 0 if it is not. */
size_t vn__base64_decode(unsigned char *out, const char *text, size_t len);

#endif
