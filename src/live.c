/*
 * live.c: the current interval's counters and histograms of a load, in a shared mapping of a file, so that a killed
 * process loses at most the record being written.
 *
 * The file is a head segment and one segment per operation, or mark of an operation, in the order in which they came.
 * A mark has room for all that an operation has, and leaves half of it empty: so all segments are alike. Space is
 * allocated before it is touched: a full disk is an error of adding an operation, never a SIGBUS in the middle of a
 * round. The mapping spans the largest possible file from the start, so addresses never change.
 */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t page_up(size_t n) { return (n + 4095) & ~(size_t)4095; }

static size_t span(const vn_live *v) { return v->head_size + VN_LIVE_OP_MAX * v->segment; }

static void set_sizes(vn_live *v, int digits) {
  v->hist_size = (vn__hist_size(digits) + 63) & ~(size_t)63;
  v->segment = page_up(((sizeof(vn_live_op) + 63) & ~(size_t)63) + VN_CLOCKS * v->hist_size);
  v->head_size = page_up(sizeof(vn_live_head));
}

static int reserve(vn_live *v, size_t size) {
  if (v->fd < 0) return 0;
  int rc = posix_fallocate(v->fd, 0, (off_t)size);
  return rc ? vn__fail(vn__errno_code(rc), "%s: cannot reserve %zu bytes: %s", v->path, size, strerror(rc)) : 0;
}

static int map(vn_live *v, int prot) {
  int flags = v->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED | MAP_NORESERVE;
  void *p = mmap(NULL, span(v), prot, flags, v->fd, 0);
  if (p == MAP_FAILED) return vn__fail(vn__errno_code(errno), "%s: cannot map: %m", v->path);
  v->head = p;
  return 0;
}

vn_live *vn__live_new(const char *path, int digits) {
  vn_live *v = calloc(1, sizeof *v);
  if (!v) return NULL;
  v->fd = -1;
  set_sizes(v, digits);
  if (path) {
    snprintf(v->path, sizeof v->path, "%s", path);
    v->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (v->fd < 0) {
      vn__fail(vn__errno_code(errno), "%s: cannot create: %m", path);
      free(v);
      return NULL;
    }
    v->own = true;
  }
  if (reserve(v, v->head_size) || map(v, PROT_READ | PROT_WRITE)) {
    vn__live_free(v);
    return NULL;
  }
  v->head->magic = VN_LIVE_MAGIC;
  v->head->digits = (uint32_t)digits;
  v->head->counters.seq = 1;
  v->head->counters.first_ns = -1;
  return v;
}

void vn__live_free(vn_live *v) {
  if (v->head) munmap(v->head, span(v));
  if (v->fd >= 0) close(v->fd);
  if (v->own) unlink(v->path);
  free(v);
}

static int find_segment(const vn_live *v, const char *name, int mark_of) {
  for (int i = 0; i < (int)v->head->n_ops; i++) {
    const vn_live_op *op = vn__live_op(v, i);
    if (op->mark_of == mark_of && strncmp(op->name, name, VN_NAME_MAX - 1) == 0) return i;
  }
  return -1;
}

static int count_segments(const vn_live *v, bool marks) {
  int n = 0;
  for (int i = 0; i < (int)v->head->n_ops; i++) n += (vn__live_op(v, i)->mark_of > 0) == marks;
  return n;
}

/* It counts only when it is whole: its process may be killed here. */
static int add_segment(vn_live *v, const char *name, int mark_of) {
  vn_live_head *h = v->head;
  int at = (int)h->n_ops;
  int rc = reserve(v, v->head_size + ((size_t)at + 1) * v->segment);
  if (rc) return rc;
  vn_live_op *op = vn__live_op(v, at);
  snprintf(op->name, sizeof op->name, "%s", name);
  op->mark_of = mark_of;
  for (int clock = 0; clock < VN_CLOCKS; clock++) vn__hist_init(vn__live_hist(v, at, clock), (int)h->digits);
  __atomic_store_n(&h->n_ops, (uint32_t)at + 1, __ATOMIC_RELEASE);
  return at;
}

int vn__live_add_operation(vn_live *v, const char *name) {
  int found = find_segment(v, name, 0);
  if (found >= 0) return found;
  if (count_segments(v, false) == VN_OP_MAX)
    return vn__fail(VN_ELIMIT, "more than %d operations, \"%s\" is one too many", VN_OP_MAX, name);
  return add_segment(v, name, 0);
}

int vn__live_add_mark(vn_live *v, int op, const char *name) {
  int found = find_segment(v, name, op + 1);
  if (found >= 0) return found;
  if (count_segments(v, true) == VN_MARK_MAX)
    return vn__fail(VN_ELIMIT, "more than %d marks, \"%s\" of operation \"%s\" is one too many", VN_MARK_MAX, name,
                    vn__live_op(v, op)->name);
  return add_segment(v, name, op + 1);
}

int vn__live_add_class(vn_live *v, const char *name) {
  vn_live_head *h = v->head;
  for (uint32_t i = 0; i < h->n_classes; i++)
    if (strncmp(h->classes[i], name, VN_NAME_MAX - 1) == 0) return (int)i;
  if (h->n_classes == VN_CLASS_MAX)
    return vn__fail(VN_ELIMIT, "more than %d error classes, \"%s\" is one too many", VN_CLASS_MAX, name);
  snprintf(h->classes[h->n_classes], VN_NAME_MAX, "%s", name);
  return (int)h->n_classes++;
}

void vn__live_clear(vn_live *v) {
  vn_live_head *h = v->head;
  h->settled = 1;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  double seq = h->counters.seq, to = h->counters.to_ns;
  memset(&h->counters, 0, sizeof h->counters);
  for (int op = 0; op < (int)h->n_ops; op++) {
    memset(&vn__live_op(v, op)->counters, 0, sizeof(vn_counters));
    for (int clock = 0; clock < VN_CLOCKS; clock++) vn_hist_reset(vn__live_hist(v, op, clock));
  }
  h->counters.seq = seq + 1;
  h->counters.from_ns = to;
  h->counters.first_ns = -1;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  h->settled = 0;
}

/* ---- reading, also of a dead process's file ---- */

static int check_file(vn_live *v, const char *path) {
  vn_live_head head;
  struct stat st;
  if (fstat(v->fd, &st) || pread(v->fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
    return vn__fail(VN_ECORRUPT, "%s: too short for a live interval", path);
  if (head.magic != VN_LIVE_MAGIC || head.digits < 1 || head.digits > 5 || head.n_ops > VN_LIVE_OP_MAX ||
      head.n_classes > VN_CLASS_MAX)
    return vn__fail(VN_ECORRUPT, "%s: not a live interval", path);
  set_sizes(v, (int)head.digits);
  if ((size_t)st.st_size < v->head_size + head.n_ops * v->segment)
    return vn__fail(VN_ECORRUPT, "%s: shorter than its operations", path);
  return 0;
}

/* The marks of a file that is mapped belong to operations before them. */
static int check_marks(const vn_live *v) {
  for (int i = 0; i < (int)v->head->n_ops; i++) {
    int mark_of = vn__live_op(v, i)->mark_of;
    if (mark_of < 0 || mark_of > i || (mark_of > 0 && vn__live_op(v, mark_of - 1)->mark_of > 0))
      return vn__fail(VN_ECORRUPT, "%s: a mark of no operation", v->path);
  }
  return 0;
}

vn_live *vn_live_open(const char *path) {
  vn_live *v = calloc(1, sizeof *v);
  if (!v) return NULL;
  snprintf(v->path, sizeof v->path, "%s", path);
  v->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (v->fd < 0) {
    vn__fail(vn__errno_code(errno), "%s: cannot open: %m", path);
    free(v);
    return NULL;
  }
  if (check_file(v, path) || map(v, PROT_READ) || check_marks(v)) {
    vn__live_free(v);
    return NULL;
  }
  return v;
}

void vn_live_close(vn_live *v) {
  if (v) vn__live_free(v);
}

const vn_load_counters *vn_live_counters(vn_live *v) { return &v->head->counters; }

int vn_live_settled(const vn_live *v) { return (int)v->head->settled; }

int vn_live_operations(const vn_live *v) { return (int)v->head->n_ops; }

const char *vn_live_operation(const vn_live *v, int op) { return vn__live_op(v, op)->name; }

int vn_live_mark_of(const vn_live *v, int op) { return vn__live_op(v, op)->mark_of - 1; }

const vn_counters *vn_live_operation_counters(vn_live *v, int op) { return &vn__live_op(v, op)->counters; }

vn_hist *vn_live_hist(vn_live *v, int op, int clock) { return vn__live_hist(v, op, clock); }

int vn_live_classes(const vn_live *v) { return (int)v->head->n_classes; }

const char *vn_live_class(const vn_live *v, int class_number) { return v->head->classes[class_number]; }
