/* http_parser.h: HTTP/1.x messages in a buffer, as client and server see them. */
#ifndef VN_HTTP_PARSER_H
#define VN_HTTP_PARSER_H

#ifndef VN_CDEF /* the unit spec reads this file as a cdef */
#include "internal.h"
#endif

enum { VN__PARSER_MORE = 0, VN__PARSER_DONE = 1 };

/* All offsets count from the start of the message, which is the start of the buffer given to every feed. */
typedef struct vn__parser {
  uint32_t max_head; /* bytes of start line and header block (all interim responses and trailers included) */
  uint32_t max_body;
  bool request;   /* parses requests; otherwise responses */
  bool head_only; /* response to HEAD: has no body whatever its header says */
  bool upgrade;   /* response to a request to change the protocol: 101 is its end */

  bool keep_alive; /* after this message the connection may carry another one */
  bool chunked, has_length, has_host;
  bool expects_continue; /* request: the client waits for "100 Continue" before it sends the body */
  uint8_t state;
  uint8_t minor;         /* HTTP/1.minor */
  uint8_t blanks;        /* empty lines skipped before a request line */
  uint16_t status;       /* response */
  uint16_t method;       /* request: vn_http_method */
  size_t pos;            /* next byte to look at; after DONE: the length of the message */
  size_t line;           /* start of the current line */
  size_t counted;        /* bytes of earlier lines that count for max_head */
  size_t head, head_len; /* header block: whole lines with their ends, without the empty line */
  size_t path, path_len; /* request: path and query */
  size_t body, body_len; /* decoded in place */
  uint64_t remaining;    /* of the body or chunk */
} vn__parser;

void vn__parser_init(vn__parser *p, bool request, uint32_t max_head, uint32_t max_body);
void vn__parser_reset(vn__parser *p); /* for the next message; keeps role and limits */

/*
 * Looks at what is new in buf[0, *len). Decodes chunks in place, so bytes move and *len may become smaller.
 * Returns DONE, MORE, VN_EPROTOCOL (malformed), VN_ELIMIT (head or body too large); vn_errmsg() says what is wrong.
 */
int vn__parser_feed(vn__parser *p, char *buf, size_t *len);
int vn__parser_eof(vn__parser *p, size_t len); /* the peer has ended its stream: DONE, or VN_ERESET with the detail */
bool vn__parser_in_body(const vn__parser *p);
size_t vn__parser_missing(const vn__parser *p, size_t len); /* bytes of body known to come; 0 = unknown */

#endif
