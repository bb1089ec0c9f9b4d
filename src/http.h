/* http.h: the HTTP client's parts as http.c (requests) and http_pool.c (connections) see them. */
#ifndef VN_HTTP_H
#define VN_HTTP_H

#include "buffer.h"
#include "http_parser.h"
#include "resolve.h"
#include "stream.h"

enum { VN__HTTP_FREE, VN__HTTP_OPENING, VN__HTTP_REOPENING, VN__HTTP_IDLE, VN__HTTP_ACTIVE, VN__HTTP_CLOSING };
enum { VN__HTTP_DETAIL = 512, VN__HTTP_KEEP = 256 * 1024 };

typedef struct vn__http_queued { /* a request that waits for a connection */
  struct vn__http_queued *next;
  double tag, timeout_ns; /* timeout: 0 = none */
  double deadline_ns;     /* 0: the timeout counts from sending */
  bool head_only;
  vn__buffer bytes;
} vn__http_queued;

typedef struct vn__http_connection {
  vn__stream stream;
  vn_http *http;
  struct vn__http_connection *next_free;
  double tag, sent_ns, timeout_ns; /* of the request */
  double deadline_ns;              /* of the request or of the opening */
  vn__parser parser;
  vn__buffer in; /* a response that did not come in one piece */
  int state;
  uint32_t attempt; /* addresses tried */
} vn__http_connection;

struct vn_http {
  vn_loop *loop;
  vn_http_options options; /* its strings are owned */
  char *name;              /* host:port or path, for messages */
  char *host_line;
  size_t host_line_len;
  vn__tls_context *tls;
  double tag; /* of VN_EV_RESOLVED */

  vn__resolver resolver;
  bool closed;
  double resolve_deadline_ns;
  int failure;                  /* of the resolution: every request gets it */
  char detail[VN__HTTP_DETAIL]; /* of the last failure that may have happened between two polls */
  uint32_t good;                /* the address that worked last */

  vn__http_connection **connections; /* all ever made */
  vn__http_connection **idle;        /* stack */
  vn__http_connection *free;
  int n_connections, n_idle, n_open, n_opening, n_active;
  vn__http_queued *first, *last, *spare;
  int n_queued;
  vn__buffer out;

  vn__buffer known_head; /* from status line to empty line: what a server says is mostly what it said before */
  vn__parser known;      /* as it was after that answer */
  int32_t known_id;      /* 0: none */

  uv_timer_t sweep;
  uint64_t sweep_ms;       /* 0: stopped */
  double sweep_timeout_ns; /* the timeout that it was set for */
  int handles;             /* uv handles and requests that are not closed; 0: may be freed */
  double connects, responses, errors;
};

/*
 * Texts of failures live until the next poll has been worked off: scratch memory inside uv_run, the client's own detail
 * otherwise.
 */
const char *vn__http_keep_text(vn_http *h, const char *text);
void vn__http_fail_oldest(vn_http *h, int status, const char *text);             /* of the waiting requests, if any */
void vn__http_fail_active(vn__http_connection *c, int status, const char *text); /* and closes the connection */
void vn__http_push_failure(vn_http *h, double tag, double sent_ns, int status, const char *text);
vn__http_queued *vn__http_pop(vn_http *h);
void vn__http_recycle(vn_http *h, vn__http_queued *q);
void vn__http_send(vn__http_connection *c, const vn__http_queued *q, const vn__buffer *bytes);
void vn__http_pump(vn_http *h); /* opens the connections that the waiting requests need */
void vn__http_close_connection(vn__http_connection *c);
void vn__http_release(vn_http *h); /* one handle less; frees a closed client with its last one */

#endif
