/* utf8.h: whether bytes that come in pieces are well-formed UTF-8 (RFC 3629). */
#ifndef VN_UTF8_H
#define VN_UTF8_H

#ifndef VN_CDEF /* a unit spec reads this file as a cdef */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

typedef struct vn__utf8 { /* all zero: between two characters */
  uint8_t missing;        /* bytes of the character that has begun */
  uint8_t low, high;      /* bounds of the next of them */
} vn__utf8;

bool vn__utf8_feed(vn__utf8 *u, const char *data, size_t len); /* false: no well-formed text begins like this */
bool vn__utf8_is_text(const char *data, size_t len);           /* whole */

#endif
