/* arrival_log.h: a file with a line per request: when it arrived, its method and its path. */
#ifndef VN_ARRIVAL_LOG_H
#define VN_ARRIVAL_LOG_H

#include "buffer.h"

typedef struct vn__arrival_log {
  int fd;      /* -1: not kept */
  int failure; /* the first error of a write; nothing is written after it */
  vn__buffer pending;
} vn__arrival_log;

int vn__arrival_log_open(vn__arrival_log *l, const char *path);
void vn__arrival_log_add(vn__arrival_log *l, double at_ns, const char *method, const char *path, size_t path_len);
int vn__arrival_log_flush(vn__arrival_log *l); /* 0, or the first failure */
void vn__arrival_log_close(vn__arrival_log *l);

#endif
