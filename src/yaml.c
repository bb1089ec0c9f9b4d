/*
 * yaml.c: YAML and JSON text as a stream of nodes with positions, on libyaml's event parser.
 *
 * An event stays alive until the next call, so that its texts can be read without a copy. After a failure every
 * further call fails the same way. Nothing is interpreted here: no types, no aliases, no merge keys. One liberty: tabs
 * of a line that has nothing else become spaces, also in a literal text.
 */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "internal.h"

struct vn_yaml {
  yaml_parser_t parser;
  yaml_event_t event; /* valid while has_event */
  unsigned char *text;
  size_t len;
  bool has_event, ended;
  int depth;
  int failure; /* VN_OK, or what the last call returned */
};

/* Other readers take a line of tabs for an empty one, libyaml does not. */
static void blank_tabs(unsigned char *text, size_t len) {
  size_t start = 0;
  for (size_t i = 0; i <= len; i++) {
    if (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r')) continue;
    if (i == len || text[i] == '\n')
      for (size_t j = start; j < i; j++)
        if (text[j] == '\t') text[j] = ' ';
    while (i < len && text[i] != '\n') i++;
    start = i + 1;
  }
}

vn_yaml *vn_yaml_open(const char *text, size_t len) {
  if (len > VN_YAML_BYTES_MAX) {
    vn__fail(VN_ELIMIT, "%zu bytes are more than the %d that a configuration file may have", len, VN_YAML_BYTES_MAX);
    return NULL;
  }
  vn_yaml *y = calloc(1, sizeof *y);
  if (!y || !(y->text = malloc(len + 1)) || !yaml_parser_initialize(&y->parser)) {
    if (y) free(y->text);
    free(y);
    vn__fail(VN_ENOMEM, "out of memory");
    return NULL;
  }
  memcpy(y->text, text, len);
  y->len = len;
  blank_tabs(y->text, len);
  yaml_parser_set_input_string(&y->parser, y->text, len);
  return y;
}

void vn_yaml_close(vn_yaml *y) {
  if (!y) return;
  if (y->has_event) yaml_event_delete(&y->event);
  yaml_parser_delete(&y->parser);
  free(y->text);
  free(y);
}

static void set_place(vn_yaml_node *node, const yaml_mark_t *mark) {
  node->line = (int32_t)mark->line + 1;
  node->column = (int32_t)mark->column + 1;
}

/* The reader knows the offset of a bad byte only, and libyaml reads ahead: its mark lies before it. */
static void set_place_of_offset(vn_yaml_node *node, const vn_yaml *y) {
  size_t end = y->parser.problem_offset < y->len ? y->parser.problem_offset : y->len;
  node->line = node->column = 1;
  for (size_t i = 0; i < end; i++) {
    if (y->text[i] == '\n') {
      node->line++;
      node->column = 1;
    } else if ((y->text[i] & 0xc0) != 0x80) {
      node->column++;
    }
  }
}

/* A quote or bracket that is never closed is noticed at the end of the file, but the mistake is where it opens. */
static bool is_unclosed(const yaml_parser_t *p) {
  return p->context && (strstr(p->problem, "end of stream") || strstr(p->context, "flow"));
}

static int syntax_error(vn_yaml *y, vn_yaml_node *node) {
  const yaml_parser_t *p = &y->parser;
  if (p->error == YAML_MEMORY_ERROR) return vn__fail(VN_ENOMEM, "out of memory");
  if (p->error == YAML_READER_ERROR) {
    set_place_of_offset(node, y);
    return vn__fail(VN_ESYNTAX, "%s", p->problem);
  }
  bool unclosed = is_unclosed(p);
  const yaml_mark_t *place = unclosed ? &p->context_mark : &p->problem_mark;
  const yaml_mark_t *other = unclosed ? &p->problem_mark : &p->context_mark;
  set_place(node, place);
  if (!p->context || other->index == place->index) return vn__fail(VN_ESYNTAX, "%s", p->problem);
  return vn__fail(VN_ESYNTAX, "%s %s (%s at %zu:%zu)", p->problem, p->context, unclosed ? "noticed" : "begun",
                  other->line + 1, other->column + 1);
}

static int pull(vn_yaml *y, vn_yaml_node *node) {
  if (y->has_event) yaml_event_delete(&y->event);
  y->has_event = false;
  if (!yaml_parser_parse(&y->parser, &y->event)) return syntax_error(y, node);
  y->has_event = true;
  set_place(node, &y->event.start_mark);
  return 0;
}

static int enter(vn_yaml *y, vn_yaml_node *node, int kind, yaml_char_t *anchor, yaml_char_t *tag) {
  node->kind = kind;
  node->anchor = (const char *)anchor;
  node->tag = (const char *)tag;
  if (++y->depth > VN_YAML_DEPTH_MAX) return vn__fail(VN_ELIMIT, "nested deeper than %d levels", VN_YAML_DEPTH_MAX);
  return 1;
}

static int scalar(vn_yaml_node *node, const yaml_event_t *e) {
  node->kind = VN_YAML_SCALAR;
  node->text = (const char *)e->data.scalar.value;
  node->len = (uint32_t)e->data.scalar.length;
  node->anchor = (const char *)e->data.scalar.anchor;
  node->tag = (const char *)e->data.scalar.tag;
  node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  return 1;
}

static int alias(vn_yaml_node *node, const yaml_event_t *e) {
  node->kind = VN_YAML_ALIAS;
  node->text = (const char *)e->data.alias.anchor;
  node->len = (uint32_t)strlen(node->text);
  return 1;
}

/* 1: the event is a node; 0: nothing for the reader; VN_EDONE: the end; or a failure. */
static int convert(vn_yaml *y, vn_yaml_node *node) {
  yaml_event_t *e = &y->event;
  switch (e->type) {
    case YAML_SCALAR_EVENT:
      return scalar(node, e);
    case YAML_ALIAS_EVENT:
      return alias(node, e);
    case YAML_SEQUENCE_START_EVENT:
      return enter(y, node, VN_YAML_SEQUENCE, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
      return enter(y, node, VN_YAML_MAPPING, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      y->depth--;
      node->kind = VN_YAML_END;
      return 1;
    case YAML_DOCUMENT_START_EVENT:
      node->kind = VN_YAML_DOCUMENT;
      return 1;
    case YAML_STREAM_END_EVENT:
    case YAML_NO_EVENT:
      return VN_EDONE;
    default:
      return 0;
  }
}

int vn_yaml_next(vn_yaml *y, vn_yaml_node *node) {
  int rc = y->failure;
  memset(node, 0, sizeof *node);
  if (y->ended) return 0;
  while (rc == 0)
    if ((rc = pull(y, node)) == 0) rc = convert(y, node);
  y->ended = rc == VN_EDONE;
  if (rc < 0 && !y->ended) y->failure = rc;
  return y->ended ? 0 : rc;
}
