/*
 * websocket_parser.c: the frames of RFC 6455, for a client: what a server sends is taken apart, what goes to it is
 * masked.
 *
 * Model: a pull parser over whatever bytes there are. Payload of messages is handed on in pieces where it lies, as much
 * as there is; control frames, which may stand between two fragments, are kept until they are whole. Nothing is
 * allocated. No extension is ever agreed on, so all reserved bits are errors.
 *
 * A message that will be over the limit fails when the head of the frame says so, before its payload is there.
 */
#include "websocket_parser.h"

#include <string.h>

enum { FINAL = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, CONTROL = 8, CONTINUATION = 0 };

void vn__frame_parser_init(vn__frame_parser *p, uint32_t max_message) {
  *p = (vn__frame_parser){.max_message = max_message};
}

static int fail(vn__frame_parser *p, int status, int code, const char *complaint) {
  p->close_code = (uint16_t)code;
  p->complaint = complaint;
  return status;
}

static int malformed(vn__frame_parser *p, const char *complaint) {
  return fail(p, VN_EPROTOCOL, VN__CLOSE_PROTOCOL, complaint);
}

/* Defined by RFC 6455, 7.4, and what was registered since, except those that never stand in a frame. */
bool vn__close_code_is_valid(int code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != VN__CLOSE_NO_CODE && code != VN__CLOSE_ABNORMAL) ||
         (code >= 3000 && code <= 4999);
}

/* ---- heads ---- */

/* How many bytes the head has, as far as its first two tell. */
static size_t head_size(const uint8_t *head) {
  int length = head[1] & 0x7f;
  return length < 126 ? 2 : length == 126 ? 4 : 10;
}

static int read_length(vn__frame_parser *p) {
  size_t size = head_size(p->head);
  p->remaining = 0;
  for (size_t i = 2; i < size; i++) p->remaining = p->remaining << 8 | p->head[i];
  if (size == 2) p->remaining = p->head[1] & 0x7f;
  bool longer = (size == 4 && p->remaining < 126) || (size == 10 && p->remaining <= UINT16_MAX);
  if (longer) return malformed(p, "a length in more bytes than it needs");
  return p->remaining >> 63 ? malformed(p, "a length of more than 63 bits") : 0;
}

static int check_control(vn__frame_parser *p) {
  if (p->opcode > VN__FRAME_PONG) return malformed(p, "a frame with a reserved opcode");
  if (!p->final) return malformed(p, "a control frame in fragments");
  if (p->remaining > VN__FRAME_CONTROL_MAX) return malformed(p, "a control frame of more than 125 bytes");
  p->control_len = 0;
  return 0;
}

static int check_data(vn__frame_parser *p) {
  if (p->opcode > VN__FRAME_BINARY) return malformed(p, "a frame with a reserved opcode");
  bool first = p->opcode != CONTINUATION;
  if (first && p->message) return malformed(p, "a new message inside a fragmented one");
  if (!first && !p->message) return malformed(p, "a continuation of no message");
  if (first) {
    p->message = p->opcode;
    p->length = 0;
    p->utf8 = (vn__utf8){0};
  }
  if (p->remaining > p->max_message - p->length)
    return fail(p, VN_ELIMIT, VN__CLOSE_TOO_BIG, "a message over the limit");
  p->length += p->remaining;
  return 0;
}

static int check_head(vn__frame_parser *p) {
  p->final = p->head[0] & FINAL;
  p->opcode = p->head[0] & OPCODE;
  if (p->head[0] & RESERVED) return malformed(p, "a frame with a reserved bit");
  if (p->head[1] & MASKED) return malformed(p, "a masked frame from a server");
  int rc = read_length(p);
  if (rc < 0) return rc;
  p->in_payload = true;
  return p->opcode >= CONTROL ? check_control(p) : check_data(p);
}

/* Takes bytes of the head; 1 when it is complete. */
static int read_head(vn__frame_parser *p, const char **data, size_t *len) {
  while (*len > 0) {
    p->head[p->head_len++] = (uint8_t) * *data;
    ++*data;
    --*len;
    if (p->head_len < 2 || p->head_len < head_size(p->head)) continue;
    p->head_len = 0;
    int rc = check_head(p);
    return rc < 0 ? rc : 1;
  }
  return 0;
}

/* ---- payload ---- */

static int read_close(vn__frame_parser *p) {
  if (p->len == 0) {
    p->close_code = VN__CLOSE_NO_CODE;
    return VN__FRAME_CONTROL;
  }
  if (p->len == 1) return malformed(p, "a close frame of one byte");
  int code = (uint8_t)p->control[0] << 8 | (uint8_t)p->control[1];
  p->data += 2;
  p->len -= 2;
  if (!vn__close_code_is_valid(code)) return malformed(p, "a close frame with a code that is none");
  if (!vn__utf8_is_text(p->data, p->len))
    return fail(p, VN_EPROTOCOL, VN__CLOSE_NO_TEXT, "a close frame whose reason is not UTF-8");
  p->close_code = (uint16_t)code;
  return VN__FRAME_CONTROL;
}

static int read_control(vn__frame_parser *p, const char *data, size_t n) {
  memcpy(p->control + p->control_len, data, n);
  p->control_len = (uint8_t)(p->control_len + n);
  if (p->remaining) return VN__FRAME_MORE;
  p->in_payload = false;
  p->kind = p->opcode;
  p->data = p->control;
  p->len = p->control_len;
  return p->kind == VN__FRAME_CLOSE ? read_close(p) : VN__FRAME_CONTROL;
}

static int read_data(vn__frame_parser *p, const char *data, size_t n) {
  p->kind = p->message;
  p->data = data;
  p->len = n;
  p->in_payload = p->remaining > 0;
  p->last = p->final && !p->in_payload;
  if (p->kind == VN__FRAME_TEXT && (!vn__utf8_feed(&p->utf8, data, n) || (p->last && p->utf8.missing)))
    return fail(p, VN_EPROTOCOL, VN__CLOSE_NO_TEXT, "a text that is not UTF-8");
  if (p->last) p->message = 0;
  return VN__FRAME_PIECE;
}

static int read_payload(vn__frame_parser *p, const char **data, size_t *len) {
  const char *from = *data;
  size_t n = *len < p->remaining ? *len : (size_t)p->remaining;
  *data += n;
  *len -= n;
  p->remaining -= n;
  return p->opcode >= CONTROL ? read_control(p, from, n) : read_data(p, from, n);
}

int vn__frame_parser_next(vn__frame_parser *p, const char **data, size_t *len) {
  int rc = VN__FRAME_MORE;
  while (rc == VN__FRAME_MORE) {
    int complete = p->in_payload ? 1 : read_head(p, data, len);
    if (complete <= 0) return complete;
    if (*len == 0 && p->remaining) return VN__FRAME_MORE;
    rc = read_payload(p, data, len);
  }
  return rc;
}

/* ---- writing ---- */

/* The mask in the order of its bytes on the wire, twice, over eight bytes at a time. */
static void copy_masked(char *out, const char *in, size_t len, uint32_t mask) {
  uint64_t wide = (uint64_t)mask << 32 | mask, word;
  size_t i = 0;
  for (; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, in + i, sizeof word);
    word ^= wide;
    memcpy(out + i, &word, sizeof word);
  }
  char rest[sizeof word];
  memcpy(rest, &wide, sizeof rest);
  for (size_t k = 0; i < len; i++, k++) out[i] = (char)(in[i] ^ rest[k]);
}

static size_t write_length(char *out, size_t len) {
  if (len < 126) {
    out[0] = (char)(MASKED | len);
    return 1;
  }
  size_t n = len <= UINT16_MAX ? 2 : 8;
  out[0] = (char)(MASKED | (n == 2 ? 126 : 127));
  for (size_t i = 0; i < n; i++) out[1 + i] = (char)((uint64_t)len >> 8 * (n - 1 - i));
  return 1 + n;
}

size_t vn__frame_write(char *out, int opcode, uint32_t mask, const char *payload, size_t len) {
  size_t at = 1;
  out[0] = (char)(FINAL | opcode);
  at += write_length(out + at, len);
  memcpy(out + at, &mask, sizeof mask);
  at += sizeof mask;
  copy_masked(out + at, payload, len, mask);
  return at + len;
}
