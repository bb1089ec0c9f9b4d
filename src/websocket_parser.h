/* websocket_parser.h: the frames of RFC 6455 as a client reads and writes them. */
#ifndef VN_WEBSOCKET_PARSER_H
#define VN_WEBSOCKET_PARSER_H

#ifndef VN_CDEF /* a unit spec reads this file as a cdef */
#include "internal.h"
#include "utf8.h"
#endif

enum { VN__FRAME_MORE = 0, VN__FRAME_PIECE = 1, VN__FRAME_CONTROL = 2 };
enum { VN__FRAME_TEXT = 1, VN__FRAME_BINARY = 2, VN__FRAME_CLOSE = 8, VN__FRAME_PING = 9, VN__FRAME_PONG = 10 };
enum { VN__FRAME_HEAD_MAX = 14, VN__FRAME_CONTROL_MAX = 125 };
enum { VN__CLOSE_NORMAL = 1000, VN__CLOSE_PROTOCOL = 1002, VN__CLOSE_NO_CODE = 1005, VN__CLOSE_ABNORMAL = 1006 };
enum { VN__CLOSE_NO_TEXT = 1007, VN__CLOSE_TOO_BIG = 1009 };

typedef struct vn__frame_parser {
  uint32_t max_message; /* bytes that the fragments of a message may have together */

  uint8_t head[VN__FRAME_HEAD_MAX]; /* of the frame that comes */
  uint8_t head_len;
  uint8_t message;     /* VN__FRAME_TEXT or BINARY while a message is under way; 0: between two */
  bool in_payload;     /* its head is complete */
  bool final;          /* the frame is the last of its message */
  uint8_t opcode;      /* of the frame */
  uint64_t remaining;  /* payload bytes of the frame that are still to come */
  uint64_t length;     /* of the message so far, this frame included */
  vn__utf8 utf8;       /* of a text so far */
  uint8_t control_len; /* bytes of a control frame's payload so far */
  char control[VN__FRAME_CONTROL_MAX];

  /* what next has found */
  const char *data; /* a piece of a message's payload, in the caller's memory; of a control frame, all of it, in ours */
  size_t len;
  uint8_t kind;          /* VN__FRAME_… */
  bool last;             /* piece of the message */
  uint16_t close_code;   /* a close frame's code; after a failure: the code to close with */
  const char *complaint; /* after a failure: a constant */
} vn__frame_parser;

void vn__frame_parser_init(vn__frame_parser *p, uint32_t max_message);

/*
 * Takes from the front of *data, *len up to the end of the next piece or control frame: VN__FRAME_PIECE, _CONTROL; MORE
 * when all is taken; VN_EPROTOCOL or VN_ELIMIT, after which there is no next. Of a close frame, data is the reason.
 */
int vn__frame_parser_next(vn__frame_parser *p, const char **data, size_t *len);

bool vn__close_code_is_valid(int code); /* on the wire */

/*
 * Writes a whole, final, masked frame: len + VN__FRAME_HEAD_MAX bytes at most; how many. The mask is taken as it lies
 * in memory. out and payload do not overlap.
 */
size_t vn__frame_write(char *out, int opcode, uint32_t mask, const char *payload, size_t len);

#endif
