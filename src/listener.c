/*
 * listener.c: a TCP socket that connections come in on.
 *
 * Model: all that wait are accepted when the loop says that there are some, up to ACCEPTS_MAX in a turn. Where no more
 * files can be opened they wait in the backlog until the owner resumes.
 */
#include "listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_MAX = 64 };

/* ---- accepting ---- */

static void on_connections(uv_poll_t *poll, int status, int events) {
  vn__listener *l = poll->data;
  (void)status, (void)events;
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      l->accepted(l->owner, fd);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      if (errno != EAGAIN) uv_poll_stop(poll);
      return;
    }
  }
}

void vn__listener_resume(vn__listener *l) {
  if (!uv_is_active((uv_handle_t *)&l->uv)) uv_poll_start(&l->uv, UV_READABLE, on_connections);
}

/* ---- opening ---- */

typedef union address { /* the port is at the same place in both */
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} address;

static int parse_address(const char *host, int port, address *out) {
  if (port < 0 || port > 65535) return vn__fail(VN_EINVAL, "port %d is not in 0-65535", port);
  if (uv_ip4_addr(host, port, &out->v4) == 0) return 0;
  if (uv_ip6_addr(host, port, &out->v6) == 0) return 0;
  return vn__fail(VN_EINVAL, "\"%s\" is not an address to listen on", host);
}

/* Bound and listening, with the address that it has got; or -1 and errno. */
static int open_socket(address *a) {
  int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  socklen_t len = a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(fd, &a->any, len) || listen(fd, BACKLOG) || getsockname(fd, &a->any, &len)) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

static int fail(const char *host, int port, int error) {
  return vn__fail(vn__errno_code(error), "cannot listen on %s:%d: %s", host, port, uv_strerror(-error));
}

int vn__listener_open(vn__listener *l, const char *host, int port) {
  address a = {0};
  int rc = parse_address(host, port, &a);
  if (rc < 0) return rc;
  l->fd = open_socket(&a);
  if (l->fd < 0) return fail(host, port, errno);
  rc = uv_poll_init(&l->loop->uv, &l->uv, l->fd);
  if (rc < 0) {
    close(l->fd);
    l->fd = -1;
    return fail(host, port, -rc);
  }
  l->port = ntohs(a.v4.sin_port);
  l->uv.data = l;
  vn__loop_ref(l->loop, 1);
  vn__listener_resume(l);
  return 0;
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle) {
  vn__listener *l = handle->data;
  vn__loop_ref(l->loop, -1);
  l->closed(l->owner);
}

void vn__listener_close(vn__listener *l) {
  if (l->fd < 0) return;
  uv_close((uv_handle_t *)&l->uv, on_closed);
  close(l->fd);
  l->fd = -1;
}
