/* error.c: error names and the human detail of a thread's last failure. */
#include <errno.h>
#include <stdio.h>

#include "internal.h"

static __thread char detail[512];

const char *vn_strerror(int error) {
#define VN_ERROR_CASE(name, number, text) \
  case VN_E##name:                        \
    return text;
  switch (error) {
    case VN_OK:
      return "ok";
      VN_ERRORS(VN_ERROR_CASE)
  }
  return "unknown error";
}

const char *vn_errmsg(void) { return detail; }

int vn_abi(void) { return VN_ABI; }

const char *vn_version(void) { return VN_VERSION; }

int vn__fail(int error, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
  return error;
}

int vn__errno_code(int errnum) {
  switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return VN_ENOSPC;
    case ENOENT:
    case ENOTDIR:
      return VN_ENOENT;
    case EACCES:
    case EPERM:
    case EROFS:
      return VN_EACCES;
    case EEXIST:
      return VN_EEXIST;
    case ENOMEM:
      return VN_ENOMEM;
    case EAGAIN:
      return VN_EAGAIN;
    case ECONNRESET:
    case EPIPE:
      return VN_ERESET;
    case ETIMEDOUT:
      return VN_ETIMEDOUT;
    case EINVAL:
      return VN_EINVAL;
  }
  return VN_EIO;
}
