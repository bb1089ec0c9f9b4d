/*
 * loop.c: the one event loop of a process, entered from Lua through vn_poll.
 *
 * Model: whoever needs an answer passes a tag; the answer is an event record with that tag in state.events. A poll
 * waits for the network, but not beyond the earlier of the caller's instant and the first timer, and returns as soon as
 * there is an event. How it waits: pacing.c.
 *
 * Invariants: events and scratch memory stay as they are until the next vn_poll. Every poll looks at the network once,
 * also when the instant has passed, and at no more than what one epoll_wait gives (1,024 descriptors): that is what a
 * due instant waits for the network at most. The network waits for what is due at most as long as the caller lets
 * vn_poll wait: a load executes due runs for 200 us (vernier.load) and then polls.
 */
#include "loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
  *e = (vn_event){.kind = kind, .tag = tag};
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

/* ---- polling ---- */

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
  double wake_ns = l->n_timers ? fmin(until_ns, l->timers[0].at_ns) : until_ns;
  vn__loop_wait(l, wake_ns, entered);
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
  if (uv_loop_init(&l->uv)) {
    vn__fail(VN_EIO, "cannot make an event loop: %m");
    free(l);
    return NULL;
  }
  if (vn__loop_open_wake(l) < 0) {
    uv_loop_close(&l->uv);
    free(l);
    return NULL;
  }
  return l;
}

void vn_loop_free(vn_loop *l) {
  if (!l) return;
  for (int i = 0; i < 2 && l->handles > 0; i++) uv_run(&l->uv, UV_RUN_NOWAIT); /* what was closed just now */
  if (l->handles > 0) return; /* the program ends by an error: there is nobody left to close what is open */
  vn__loop_close_wake(l);
  for (vn_signal *s = l->signals; s; s = s->next) uv_close((uv_handle_t *)&s->uv, NULL);
  uv_run(&l->uv, UV_RUN_DEFAULT);
  if (uv_loop_close(&l->uv) == UV_EBUSY) abort(); /* a handle outlived its owner: a defect of this program */
  for (vn_signal *s = l->signals, *next; s; s = next) {
    next = s->next;
    free(s);
  }
  free(l->state.events);
  free(l->timers);
  reset_scratch(l);
  free(l->scratch);
  free(l);
}

vn_loop_state *vn_loop_get_state(vn_loop *l) { return &l->state; }

void vn_loop_reset_longest(vn_loop *l) { l->state.longest_stall_ns = l->state.longest_outlier_ns = 0; }
