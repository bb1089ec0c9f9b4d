/* channel.h: one connection that carries messages, as channel.c (the connection) and its framings see it. */
#ifndef VN_CHANNEL_H
#define VN_CHANNEL_H

#include "buffer.h"
#include "http_parser.h"
#include "json.h"
#include "resolve.h"
#include "stream.h"
#include "websocket_parser.h"

enum { VN__CHANNEL_DETAIL = 512, VN__CHANNEL_ACCEPT = 28, VN__CHANNEL_KEEP = 256 * 1024 };

typedef enum vn__channel_state {
  VN__CHANNEL_CONNECTING, /* the name, the stream, TLS */
  VN__CHANNEL_REOPENING,  /* the stream closes, the next address is tried */
  VN__CHANNEL_STARTING,   /* the framing's beginning */
  VN__CHANNEL_OPEN,
  VN__CHANNEL_CLOSING, /* our side is closed: messages may still come */
  VN__CHANNEL_ENDING,  /* the owner knows; the stream ends in order or by its deadline */
  VN__CHANNEL_ENDED    /* the stream is closed or closes */
} vn__channel_state;

typedef struct vn__framing { /* what is different about WebSocket and plain JSON; all are called from inside uv_run */
  void (*start)(vn_channel *c);                                          /* the stream is open */
  void (*data)(vn_channel *c, char *data, size_t len, double at_ns);     /* STARTING to CLOSING */
  void (*end)(vn_channel *c);                                            /* the peer has ended its side, unexpectedly */
  void (*timeout)(vn_channel *c);                                        /* STARTING has taken too long */
  void (*before_write)(vn_channel *c);                                   /* queued bytes go out now; may be NULL */
  int (*put)(vn_channel *c, int kind, const char *data, size_t len);     /* appends a message to c->out */
  int (*close)(vn_channel *c, int code, const char *reason, size_t len); /* appends what ends our side; may be NULL */
  void (*ping)(vn_channel *c);                                           /* appends a ping; may be NULL */
} vn__framing;

typedef struct vn__queued_frame {
  uint32_t len;
  int32_t slot; /* -1: no stamp is kept */
} vn__queued_frame;

typedef struct vn__websocket { /* state of websocket.c */
  vn__frame_parser frames;
  vn__parser head; /* of the server's answer to the handshake */
  char accept[VN__CHANNEL_ACCEPT];
  char pong[VN__FRAME_CONTROL_MAX]; /* the answer to the last ping that is not answered yet */
  size_t pong_len;
  bool pong_due;
} vn__websocket;

struct vn_channel {
  vn__stream stream; /* first: a stream's pointer is its channel's */
  vn_loop *loop;
  const vn__framing *framing;
  vn_channel_options options; /* its strings are owned */
  char *name;                 /* host:port or path, for messages */
  double tag;
  vn__tls_context *tls;
  vn__resolver resolver;
  uint32_t attempt; /* addresses tried */
  vn__channel_state state;
  bool streaming; /* the stream is not closed */
  bool told;      /* VN_EV_CLOSED is out */
  bool freed;     /* by the owner */
  bool paused;    /* reading is off */
  bool refused;   /* VN_EV_DRAINED is due */
  bool shut;      /* our side has been ended */
  int handles;    /* uv handles and requests that are not closed; 0: may be freed */

  vn__buffer out; /* framed, not yet given to the stream from out_from on */
  size_t out_from;
  vn__buffer frames; /* vn__queued_frame of each of these */
  size_t frames_from;
  size_t unwritten; /* bytes that the stream could not write at once */
  uv_prepare_t flusher;
  double *stamps; /* by slot */
  int n_stamps;

  vn__buffer in; /* a message, or an answer to the handshake, that did not come in one piece */
  uv_timer_t timer;
  double deadline_ns;          /* of opening, of closing */
  double heard_ns, message_ns; /* last byte, last message from the peer */
  double ping_ns;              /* the ping that waits for its answer was sent; 0: none */
  vn_channel_stats stats;
  char detail[VN__CHANNEL_DETAIL]; /* text of VN_EV_CLOSED */

  vn__websocket websocket;
  vn__json_scan scan;
};

extern const vn__framing vn__framing_websocket, vn__framing_json;

void vn__channel_start_timer(vn_channel *c); /* after a change of deadlines */
void vn__channel_opened(vn_channel *c, const char *head, size_t head_len, const char *protocol, size_t protocol_len);
void vn__channel_message(vn_channel *c, int kind, const char *data, size_t len, double at_ns);

/* Frames are appended to c->out by the framing, and then counted here. */
int vn__channel_queue(vn_channel *c, size_t len, int slot);
void vn__channel_flush(vn_channel *c);

/* Tells the owner why and how it ends; before it does, c->detail may have been filled. */
void vn__channel_tell_closed(vn_channel *c, int status, int code, bool by_peer);
void vn__channel_end(
    vn_channel *c); /* told: in order: what is queued, then our end, then the peer's, or the deadline */
void vn__channel_abort(vn_channel *c);       /* told: at once */
void vn__channel_drop_queued(vn_channel *c); /* what no byte of has been written; for an end by failure */
/* Fails a channel: tells "name: what" and aborts. */
void vn__channel_fail(vn_channel *c, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
