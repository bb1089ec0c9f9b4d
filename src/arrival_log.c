/* arrival_log.c: the server's witness of what was sent when: absolute CLOCK_MONOTONIC ns, method, path; buffered. */
#include "arrival_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "internal.h"

enum { FLUSH_SIZE = 256 * 1024, STAMP_SIZE = 64 };

int vn__arrival_log_open(vn__arrival_log *l, const char *path) {
  l->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  return l->fd < 0 ? vn__fail(vn__errno_code(errno), "%s: %m", path) : 0;
}

int vn__arrival_log_flush(vn__arrival_log *l) {
  size_t done = 0;
  while (l->fd >= 0 && l->failure == 0 && done < l->pending.len) {
    ssize_t n = write(l->fd, l->pending.data + done, l->pending.len - done);
    if (n >= 0)
      done += (size_t)n;
    else if (errno != EINTR)
      l->failure = vn__errno_code(errno);
  }
  l->pending.len = 0;
  return l->failure ? vn__fail(l->failure, "arrival log: %s", vn_strerror(l->failure)) : 0;
}

void vn__arrival_log_add(vn__arrival_log *l, double at_ns, const char *method, const char *path, size_t path_len) {
  if (l->fd < 0 || vn__buffer_reserve(&l->pending, path_len + STAMP_SIZE) < 0) return;
  char *end = l->pending.data + l->pending.len;
  l->pending.len += (size_t)sprintf(end, "%" PRId64 " %s ", vn__clock_absolute(at_ns), method);
  vn__buffer_put(&l->pending, path, path_len);
  vn__buffer_put(&l->pending, "\n", 1);
  if (l->pending.len > FLUSH_SIZE) vn__arrival_log_flush(l);
}

void vn__arrival_log_close(vn__arrival_log *l) {
  vn__arrival_log_flush(l);
  if (l->fd >= 0) close(l->fd);
  l->fd = -1;
  vn__buffer_free(&l->pending);
}
