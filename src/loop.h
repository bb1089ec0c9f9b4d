/* loop.h: the loop as the files on it see it. */
#ifndef VN_LOOP_H
#define VN_LOOP_H

#include <uv.h>

#include "internal.h"

struct vn_loop {
  uv_loop_t uv;
  vn_loop_state state;
  uint32_t n_events, delivered, cap_events;
  struct vn_timer *timers; /* binary heap by at_ns */
  uint32_t n_timers, cap_timers;
  uv_poll_t wake; /* on wake_fd: a timerfd, for waits finer than libuv's millisecond */
  int wake_fd;
  int pacing;
  bool wake_armed;
  double wake_ns;   /* what wake_fd is armed for */
  double spin_ns;   /* before an instant; learnt */
  double looked_ns; /* what came before it was taken; a silence that ends later may be our own */
  int handles;      /* open handles of others */
  struct vn_scratch *scratch;
  struct vn_signal *signals;
  _Atomic uint64_t turns; /* twice the polls, odd inside one; read by the heartbeat thread */
};

int vn__loop_open_wake(vn_loop *l);
void vn__loop_close_wake(vn_loop *l);
/* Takes what the network has; without events waits for some, at most until the instant. */
void vn__loop_wait(vn_loop *l, double wake_ns, double now);

#endif
