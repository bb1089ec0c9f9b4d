/* json.h: JSON texts that are walked, not decoded; vn_json_next is in vernier.h. */
#ifndef VN_JSON_H
#define VN_JSON_H

#include "internal.h"

typedef struct vn__json_scan { /* all zero in the beginning */
  uint32_t depth;              /* of brackets; 0: between two texts */
  bool in_string, escaped;
} vn__json_scan;

/*
 * Looks at the next bytes of an object or array; *len becomes how many of them belong to it. 1: it is whole; 0: it goes
 * on; VN_EPROTOCOL: no object or array begins here.
 */
int vn__json_scan_next(vn__json_scan *s, const char *data, size_t *len);

size_t vn__json_blanks(const char *data, size_t len); /* how many bytes of white space are in front */

/* VN_EPROTOCOL, with a message that shows the start of the text. */
int vn__json_fail(const char *why, const char *text, size_t len);

#endif
