/*
 * loop.c: the one event loop of a process, entered from Lua through vn_poll.
 *
 * Model: whoever needs an answer passes a tag; the answer is an event record with that tag in state.events. A poll
 * first takes what the network has, then sleeps until the earlier of the caller's instant and the first timer, and
 * returns as soon as there is an event. Sleeping is a timerfd armed shortly before the instant and a spin over the
 * rest, because a wake-up costs 20-50 us on common machines (pacing: precise); without the spin (economical); or in
 * ticks of 1 ms (batched).
 *
 * Invariants: events and scratch memory stay as they are until the next vn_poll. A due instant delays the network by
 * no more than one pass of uv_run, and the network a due instant by no more than the events of one pass.
 */
#include "loop.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

typedef struct vn_timer {
  double at_ns, tag;
} vn_timer;

typedef struct vn_scratch { /* blocks are kept: the first is the newest and the largest */
  struct vn_scratch *next;
  size_t used, cap;
  char data[];
} vn_scratch;

typedef struct vn_signal {
  uv_signal_t uv;
  struct vn_signal *next;
  double tag;
} vn_signal;

enum { EVENTS_MIN = 256, SCRATCH_MIN = 64 * 1024 };
static const double SPIN_NS = 60e3;  /* covers the wake-up latency of the machines measured */
static const double TICK_NS = 1e6;   /* of batched pacing */
static const double STALL_NS = 10e6; /* a turn outside vn_poll that is worth reporting */

/* ---- events and scratch memory ---- */

vn_event *vn__loop_push(vn_loop *l, int kind, double tag) {
  if (l->n_events == l->cap_events) {
    uint32_t cap = l->cap_events ? l->cap_events * 2 : EVENTS_MIN;
    vn_event *events = realloc(l->state.events, cap * sizeof *events);
    if (!events) abort(); /* an event that cannot be delivered would leave its waiter hanging */
    l->state.events = events;
    l->cap_events = cap;
  }
  vn_event *e = &l->state.events[l->n_events++];
  memset(e, 0, sizeof *e);
  e->kind = kind;
  e->tag = tag;
  return e;
}

char *vn__loop_scratch(vn_loop *l, size_t len) {
  len = (len + 15) & ~(size_t)15;
  vn_scratch *s = l->scratch;
  if (!s || s->cap - s->used < len) {
    size_t cap = s ? s->cap * 2 : SCRATCH_MIN;
    while (cap < len) cap *= 2;
    s = malloc(sizeof *s + cap);
    if (!s) abort();
    *s = (vn_scratch){.next = l->scratch, .cap = cap};
    l->scratch = s;
  }
  char *p = s->data + s->used;
  s->used += len;
  return p;
}

static void reset_scratch(vn_loop *l) {
  vn_scratch *s = l->scratch;
  if (!s) return;
  while (s->next) {
    vn_scratch *older = s->next;
    s->next = older->next;
    free(older);
  }
  s->used = 0;
}

void vn__loop_ref(vn_loop *l, int n) { l->handles += n; }

int vn_loop_handles(vn_loop *l) { return l->handles; }

double vn__loop_turns(const vn_loop *l) { return (double)l->turns; }

/* ---- timers: a binary heap ---- */

static void swap_timers(vn_timer *a, vn_timer *b) {
  vn_timer t = *a;
  *a = *b;
  *b = t;
}

int vn_loop_timer(vn_loop *l, double tag, double at_ns) {
  if (l->n_timers == l->cap_timers) {
    uint32_t cap = l->cap_timers ? l->cap_timers * 2 : 64;
    vn_timer *timers = realloc(l->timers, cap * sizeof *timers);
    if (!timers) return vn__fail(VN_ENOMEM, "out of memory for %u timers", cap);
    l->timers = timers;
    l->cap_timers = cap;
  }
  uint32_t i = l->n_timers++;
  l->timers[i] = (vn_timer){at_ns, tag};
  while (i > 0 && l->timers[(i - 1) / 2].at_ns > l->timers[i].at_ns) {
    swap_timers(&l->timers[(i - 1) / 2], &l->timers[i]);
    i = (i - 1) / 2;
  }
  return 0;
}

static vn_timer pop_timer(vn_loop *l) {
  vn_timer top = l->timers[0];
  l->timers[0] = l->timers[--l->n_timers];
  for (uint32_t i = 0;;) {
    uint32_t least = i;
    for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < l->n_timers; child++)
      if (l->timers[child].at_ns < l->timers[least].at_ns) least = child;
    if (least == i) return top;
    swap_timers(&l->timers[i], &l->timers[least]);
    i = least;
  }
}

static void fire_timers(vn_loop *l, double now) {
  while (l->n_timers && l->timers[0].at_ns <= now) {
    vn_timer t = pop_timer(l);
    vn__loop_push(l, VN_EV_TIMER, t.tag)->at_ns = now;
  }
}

/* ---- waiting ---- */

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

static void sleep_until(vn_loop *l, double wake_ns) {
  if (isinf(wake_ns)) {
    uv_run(&l->uv, UV_RUN_ONCE);
    return;
  }
  arm_wake(l, wake_ns);
  while (l->wake_armed && l->n_events == 0) uv_run(&l->uv, UV_RUN_ONCE);
}

static void spin_until(vn_loop *l, double wake_ns) {
  for (int i = 0; l->n_events == 0 && vn_clock_now() < wake_ns; i++)
    if (i % 64 == 0) uv_run(&l->uv, UV_RUN_NOWAIT);
}

/* Takes what the network has, waiting for it at most until the instant or the first timer. */
static void wait_until(vn_loop *l, double until_ns, double now) {
  double wake = l->n_timers ? fmin(until_ns, l->timers[0].at_ns) : until_ns;
  if (wake <= now || l->n_events) {
    uv_run(&l->uv, UV_RUN_NOWAIT);
    return;
  }
  if (l->pacing == VN_PACING_BATCHED && !isinf(wake)) wake = ceil(wake / TICK_NS) * TICK_NS;
  double spin = l->pacing == VN_PACING_PRECISE ? SPIN_NS : 0;
  if (wake - now > spin) sleep_until(l, wake - spin);
  if (spin > 0) spin_until(l, wake);
}

static void note_stall(vn_loop *l, double now) {
  double busy = now - l->state.polled_ns;
  if (l->state.turns == 0 || busy < STALL_NS) return;
  l->state.stalls++;
  if (busy > l->state.longest_stall_ns) l->state.longest_stall_ns = busy;
}

/* Keeps the events that a call between two polls has pushed (without scratch memory). */
static void drop_delivered(vn_loop *l) {
  uint32_t kept = l->n_events - l->delivered;
  if (kept) memmove(l->state.events, l->state.events + l->delivered, kept * sizeof *l->state.events);
  l->n_events = kept;
  l->delivered = 0;
}

int vn_poll(vn_loop *l, double until_ns) {
  double entered = vn_clock_now();
  note_stall(l, entered);
  l->turns++; /* odd: waiting, which is no hang however long it takes */
  drop_delivered(l);
  reset_scratch(l);
  wait_until(l, until_ns, entered);
  double now = vn_clock_now();
  fire_timers(l, now);
  l->state.polled_ns = now;
  l->state.turns++;
  l->turns++;
  l->delivered = l->n_events;
  return (int)l->n_events;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int signum) {
  vn_signal *s = handle->data;
  vn_event *e = vn__loop_push((vn_loop *)handle->loop, VN_EV_SIGNAL, s->tag);
  e->n = signum;
  e->at_ns = vn_clock_now();
}

int vn_loop_signal(vn_loop *l, double tag, int signum) {
  vn_signal *s = calloc(1, sizeof *s);
  if (!s) return vn__fail(VN_ENOMEM, "out of memory");
  s->tag = tag;
  s->uv.data = s;
  uv_signal_init(&l->uv, &s->uv);
  int rc = uv_signal_start(&s->uv, on_signal, signum);
  s->next = l->signals;
  l->signals = s;
  return rc ? vn__fail(VN_EINVAL, "signal %d: %s", signum, uv_strerror(rc)) : 0;
}

/* ---- life ---- */

vn_loop *vn_loop_new(void) {
  vn_loop *l = calloc(1, sizeof *l);
  if (!l) return NULL;
  prctl(PR_SET_TIMERSLACK, 1UL); /* the default of 50 us would be our lateness */
  l->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (l->wake_fd < 0 || uv_loop_init(&l->uv)) {
    vn__fail(VN_EIO, "cannot make an event loop: %m");
    if (l->wake_fd >= 0) close(l->wake_fd);
    free(l);
    return NULL;
  }
  uv_poll_init(&l->uv, &l->wake, l->wake_fd);
  l->wake.data = l;
  uv_poll_start(&l->wake, UV_READABLE, on_wake);
  return l;
}

void vn_loop_free(vn_loop *l) {
  if (!l) return;
  for (int i = 0; i < 2 && l->handles > 0; i++) uv_run(&l->uv, UV_RUN_NOWAIT); /* what was closed just now */
  if (l->handles > 0) return; /* the program ends by an error: there is nobody left to close what is open */
  uv_close((uv_handle_t *)&l->wake, NULL);
  for (vn_signal *s = l->signals; s; s = s->next) uv_close((uv_handle_t *)&s->uv, NULL);
  uv_run(&l->uv, UV_RUN_DEFAULT);
  if (uv_loop_close(&l->uv) == UV_EBUSY) abort(); /* a handle outlived its owner: a defect of this program */
  for (vn_signal *s = l->signals, *next; s; s = next) {
    next = s->next;
    free(s);
  }
  close(l->wake_fd);
  free(l->state.events);
  free(l->timers);
  reset_scratch(l);
  free(l->scratch);
  free(l);
}

vn_loop_state *vn_loop_get_state(vn_loop *l) { return &l->state; }

void vn_loop_set_pacing(vn_loop *l, int pacing) { l->pacing = pacing; }
