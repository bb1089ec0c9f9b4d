/*
 * pacing.c: how the loop waits for an instant, and how late it then is.
 *
 * Model: a sleep on a timerfd, and from shortly before the instant on a spin, because a wake-up comes tens of
 * microseconds late on common machines (precise); the sleep alone (economical); or the sleep to the next whole
 * millisecond (batched). The spin is as long as this machine's wake-ups need it: it follows the 99.5th percentile of
 * how late they are, up to 200 us.
 *
 * What took the processor away while this process wanted nothing but to go on (the hypervisor, other processes) is
 * counted apart, as outliers: wake-ups later than any spin would cover, and gaps in the spin.
 */
#include <math.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop.h"

static const double SPIN_MIN_NS = 5e3, SPIN_MAX_NS = 200e3, SPIN_FIRST_NS = 60e3;
static const double LONGER_NS = 4e3, SHORTER_NS = 20; /* the steps that make it the 99.5th percentile */
static const double GAP_NS = 50e3;                    /* of a spin, whose turns take nanoseconds */
static const double LOOK_NS = 5e3;                    /* how often a spin looks at the network … */
static const double LAST_LOOK_NS = 2e3;               /* … and what is left for the instant to come alone */
static const double TICK_NS = 1e6;
static const double LEAD_NS = 5e3; /* what a load needs from a wake-up to a start; and a look at the network later */

static void note_outlier(vn_loop *l, double ns) {
  l->state.outliers++;
  l->state.outlier_ns += ns;
  if (ns > l->state.longest_outlier_ns) l->state.longest_outlier_ns = ns;
}

/* Timers of libuv run before it reads: those that end a silence compare it with the look before. */
static void look(vn_loop *l, uv_run_mode mode) {
  double from = vn_clock_now();
  uv_run(&l->uv, mode);
  l->looked_ns = from;
}

/* ---- the sleep ---- */

static void on_wake(uv_poll_t *handle, int status, int events) {
  vn_loop *l = handle->data;
  uint64_t expirations;
  (void)status, (void)events;
  if (read(l->wake_fd, &expirations, sizeof expirations) < 0) return; /* EAGAIN: re-armed meanwhile */
  l->wake_armed = false;
}

/* A system call only when the instant changes: in a closed loop it is the end of the round for a million polls. */
static void arm_wake(vn_loop *l, double at_ns) {
  if (l->wake_armed && l->wake_ns == at_ns) return;
  int64_t at = vn__clock_absolute(at_ns);
  if (at < 1) at = 1;
  struct itimerspec spec = {.it_value = {at / 1000000000, at % 1000000000}};
  timerfd_settime(l->wake_fd, TFD_TIMER_ABSTIME, &spec, NULL);
  l->wake_armed = true;
  l->wake_ns = at_ns;
}

static void learn(vn_loop *l, double late_ns) {
  if (late_ns > SPIN_MAX_NS) note_outlier(l, late_ns);
  l->spin_ns += late_ns > l->spin_ns ? LONGER_NS : -SHORTER_NS;
  l->spin_ns = fmin(fmax(l->spin_ns, SPIN_MIN_NS), SPIN_MAX_NS);
}

static void sleep_until(vn_loop *l, double wake_ns) {
  if (isinf(wake_ns)) {
    look(l, UV_RUN_ONCE);
    return;
  }
  arm_wake(l, wake_ns);
  while (l->wake_armed && l->n_events == 0) look(l, UV_RUN_ONCE);
  if (l->n_events == 0) learn(l, vn_clock_now() - wake_ns);
}

/* ---- the spin ---- */

static void spin_until(vn_loop *l, double wake_ns) {
  double last = vn_clock_now(), begun = last, looked = last;
  while (l->n_events == 0 && last < wake_ns) {
    double now = vn_clock_now();
    if (VN_UNLIKELY(now - last > GAP_NS)) note_outlier(l, now - last);
    last = now;
    if (now - looked < LOOK_NS || wake_ns - now < LAST_LOOK_NS) continue;
    look(l, UV_RUN_NOWAIT);
    last = looked = vn_clock_now();
  }
  l->state.spun_ns += last - begun;
}

/* ---- both ---- */

void vn__loop_wait(vn_loop *l, double wake_ns, double now) {
  if (wake_ns <= now || l->n_events) {
    look(l, UV_RUN_NOWAIT);
    return;
  }
  if (l->pacing == VN_PACING_BATCHED && !isinf(wake_ns)) wake_ns = ceil(wake_ns / TICK_NS) * TICK_NS;
  double spin = l->pacing == VN_PACING_PRECISE ? l->spin_ns : 0;
  if (wake_ns - now > spin) sleep_until(l, wake_ns - spin);
  if (spin > 0) spin_until(l, wake_ns);
}

void vn_loop_set_pacing(vn_loop *l, int pacing) {
  l->pacing = pacing;
  l->state.lead_ns = pacing == VN_PACING_PRECISE ? LEAD_NS : 0;
}

int vn__loop_open_wake(vn_loop *l) {
  prctl(PR_SET_TIMERSLACK, 1UL); /* the default of 50 us would be our lateness */
  vn_loop_set_pacing(l, VN_PACING_PRECISE);
  l->spin_ns = SPIN_FIRST_NS;
  l->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (l->wake_fd < 0) return vn__fail(VN_EIO, "cannot make a timer: %m");
  uv_poll_init(&l->uv, &l->wake, l->wake_fd);
  l->wake.data = l;
  uv_poll_start(&l->wake, UV_READABLE, on_wake);
  return 0;
}

static void on_wake_closed(uv_handle_t *handle) {
  vn_loop *l = handle->data;
  close(l->wake_fd);
}

void vn__loop_close_wake(vn_loop *l) { uv_close((uv_handle_t *)&l->wake, on_wake_closed); }
