/* live.h: the live interval as load.c fills it. */
#ifndef VN_LIVE_H
#define VN_LIVE_H

#include "internal.h"

enum { VN_LIVE_MAGIC = 0x564e4c31, VN_LIVE_PATH_MAX = 4096, VN_LIVE_OP_MAX = VN_OP_MAX + VN_MARK_MAX };

typedef struct vn_live_op { /* one segment of the file: this head, then the histograms */
  vn_counters counters;
  char name[VN_NAME_MAX];
  int32_t mark_of; /* 0: an operation; n + 1: a mark of operation n, which has response and service times alone */
} vn_live_op;

typedef struct vn_live_head { /* the first segment of the file */
  uint32_t magic, digits;
  uint32_t n_ops, n_classes; /* marks are among the operations */
  uint32_t settled;          /* 1 while the interval, which is in the journal, is being cleared */
  uint32_t pad;
  vn_load_counters counters;
  char classes[VN_CLASS_MAX][VN_NAME_MAX];
} vn_live_head;

struct vn_live {
  vn_live_head *head;
  size_t hist_size, segment, head_size;
  int fd; /* -1: memory only */
  bool own;
  char path[VN_LIVE_PATH_MAX];
};

vn_live *vn__live_new(const char *path, int digits); /* path NULL: memory only */
void vn__live_free(vn_live *v);                      /* removes the file if this process made it */
int vn__live_add_operation(vn_live *v, const char *name);
int vn__live_add_mark(vn_live *v, int op, const char *name); /* its number, made if new */
int vn__live_add_class(vn_live *v, const char *name);
void vn__live_clear(vn_live *v);

static inline vn_live_op *vn__live_op(const vn_live *v, int op) {
  return (vn_live_op *)((char *)v->head + v->head_size + (size_t)op * v->segment);
}

static inline vn_hist *vn__live_hist_of(const vn_live *v, vn_live_op *op, int clock) {
  size_t at = (sizeof(vn_live_op) + 63) & ~(size_t)63;
  return (vn_hist *)((char *)op + at + (size_t)clock * v->hist_size);
}

static inline vn_hist *vn__live_hist(const vn_live *v, int op, int clock) {
  return vn__live_hist_of(v, vn__live_op(v, op), clock);
}

#endif
