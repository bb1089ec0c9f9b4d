/* json_rpc.h: where JSON texts end in a stream; vn_rpc_next is in vernier.h. */
#ifndef VN_JSON_RPC_H
#define VN_JSON_RPC_H

#ifndef VN_CDEF /* a unit spec reads this file as a cdef */
#include "internal.h"
#endif

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

#endif
