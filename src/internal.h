/* internal.h: what the files of the core share among themselves. Nothing here is seen by Lua. */
#ifndef VN_INTERNAL_H
#define VN_INTERNAL_H

#include <stdarg.h>
#include <stdbool.h>

#include "vernier.h"

#define VN_LIKELY(x) __builtin_expect(!!(x), 1)
#define VN_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef struct vn_embedded {
  const char *name;
  const unsigned char *data;
  size_t len;
} vn_embedded;
extern const vn_embedded vn__embedded[]; /* ends with a NULL name */

/* Records the detail and returns the code, so that a failure is one line: return vn__fail(VN_EIO, "%s: %m", path); */
int vn__fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vn__errno_code(int errnum); /* vn_error that stands for an errno */
int64_t vn__clock_absolute(double ns); /* CLOCK_MONOTONIC ns of a time since the base */

#endif
