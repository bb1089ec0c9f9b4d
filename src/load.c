/*
 * load.c: one load in one worker: the queue of permitted instants, run slots, transactions and what they measured.
 *
 * Model: the rate controller permits instants a little ahead (vn_load_permit); a runner takes the next due one
 * (vn_load_take), opens and closes transactions in it and releases it. Counters and histograms go to the live
 * interval. Slots and transactions are pooled; nothing is allocated after the pools have grown to the working set.
 *
 * A connector may keep a reference to a transaction for longer than that lasts, and mark it when the slot is another's.
 * So references have a serial. One for each transaction is an object each for Lua, which loads without marks should not
 * pay for: when the first SHARE_AFTER transactions are over and none was marked, all that a slot holds share one
 * reference. The first mark after all ends that; only this one can be late and still count, for whoever has the slot.
 * Memory of transactions is never unmapped, so that old references can be looked at.
 *
 * Lateness is what this process owes; time in which the in-flight limit held a due run back is not: the run's start is
 * moved back by it, so it shows as blocked. Response and service time are recorded of transactions that were ok:
 * a refused connection is fast, a timeout as slow as its setting, and both are counted by class instead.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "live.h"
#include "window.h"

enum {
  QUEUE = 4096,
  TX_MAX = 1 << 22,
  SHARE_AFTER = 16 /* transactions: fewer than LuaJIT needs to compile a loop, so that it compiles what stays */
};

typedef struct permit {
  double index, due_ns;
} permit;

typedef struct tx_pool {
  struct tx_pool *next; /* of those that no load has */
  char pad[56];
  vn_tx txs[TX_MAX];
} tx_pool;

_Static_assert(sizeof(vn_tx) == 64, "a transaction is a cache line");

static tx_pool *spare_pools;
static uint32_t serials; /* given to loads and transactions so far */

struct vn_load {
  vn_load_options o;
  const vn_loop_state *loop;
  vn_live *live;
  double start_ns, end_ns; /* absolute; end is infinite in rounds by number */
  permit *queue;
  uint32_t head, tail; /* free-running */
  vn_run *runs;
  tx_pool *pool;
  vn_tx *txs;           /* of the pool */
  size_t n_runs, n_txs; /* high-water marks */
  int32_t free_run, free_tx;
  double turn_ns;
  double limited_since, limited_until; /* absolute; the last stretch in which the limit held a due run back; 0 none */
  double taken_due_ns, spread_ns;      /* of the last run taken: due since start; absolute instant that it counts for */
  vn_stats stats;
  vn__window window;
  vn_trace_entry *trace; /* NULL: not wanted */
  size_t n_trace;        /* may be more than VN_TRACE_MAX, which are kept */
  uint32_t serial;       /* of references that transactions share; below those of its own */
  bool stopped, finished;
  bool marked, shares; /* a mark was made; references are shared */
};

static inline double later(double a_ns, double b_ns) { return a_ns > b_ns ? a_ns : b_ns; }

static void *reserve_array(size_t n, size_t size) {
  void *p = mmap(NULL, n * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static tx_pool *take_pool(void) {
  tx_pool *pool = spare_pools;
  if (!pool) return reserve_array(1, sizeof *pool);
  spare_pools = pool->next;
  pool->next = NULL;
  return pool;
}

/* Its memory is given back and reads as zeros: transactions of no load. */
static void give_pool(tx_pool *pool) {
  madvise(pool, sizeof *pool, MADV_DONTNEED);
  pool->next = spare_pools;
  spare_pools = pool;
}

static bool allocate(vn_load *d) {
  d->queue = malloc(QUEUE * sizeof *d->queue);
  d->runs = reserve_array((size_t)d->o.max_in_flight, sizeof *d->runs);
  d->pool = take_pool();
  d->live = vn__live_new(d->o.live_path, d->o.digits);
  if (d->pool) d->txs = d->pool->txs;
  return d->queue && d->runs && d->pool && d->live;
}

vn_load *vn_load_new(vn_loop *l, const vn_load_options *o) {
  if (!(o->max_in_flight >= 1) || o->digits < 1 || o->digits > 5) {
    vn__fail(VN_EINVAL, "a load needs max_in_flight of at least 1 and 1 to 5 digits");
    return NULL;
  }
  vn_load *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->o = *o;
  if (d->o.feedback && d->o.catch_up == VN_CATCH_UP_SPREAD) d->o.catch_up = VN_CATCH_UP_ALL; /* no plan to return to */
  d->loop = vn_loop_get_state(l);
  d->free_run = d->free_tx = -1;
  d->serial = ++serials;
  if (!allocate(d)) {
    vn_load_free(d);
    return NULL;
  }
  d->o.live_path = NULL; /* Lua's memory */
  return d;
}

void vn_load_free(vn_load *d) {
  if (!d) return;
  if (d->live) vn__live_free(d->live);
  if (d->runs) munmap(d->runs, (size_t)d->o.max_in_flight * sizeof *d->runs);
  vn__window_free(&d->window);
  if (d->trace) munmap(d->trace, VN_TRACE_MAX * sizeof *d->trace);
  if (d->pool) give_pool(d->pool);
  free(d->queue);
  free(d);
}

void vn_load_keep(vn_load *d) { d->live->own = false; }

void vn_load_start(vn_load *d, double start_ns) {
  d->start_ns = start_ns;
  d->end_ns = d->o.duration_ns > 0 ? start_ns + d->o.duration_ns : INFINITY;
  d->spread_ns = -INFINITY;
}

/* ---- the queue of permitted instants ---- */

int vn_load_permit(vn_load *d, double index, double due_ns) {
  if (d->stopped || (d->o.duration_ns > 0 && due_ns >= d->o.duration_ns)) return VN_EDONE;
  if (d->o.number >= 0 && d->stats.permitted >= d->o.number) return VN_EDONE;
  if (d->tail - d->head == QUEUE) return VN_EAGAIN;
  uint32_t at = d->tail++;
  for (; at != d->head && d->queue[(at - 1) % QUEUE].due_ns > due_ns; at--)
    d->queue[at % QUEUE] = d->queue[(at - 1) % QUEUE];
  d->queue[at % QUEUE] = (permit){index, due_ns};
  d->stats.permitted++;
  return 0;
}

double vn_load_queued(const vn_load *d) { return d->tail - d->head; }

/*
 * The spread policy: the next run counts for half its planned gap after the one before it, which counts for no instant
 * that is more than late_after_ns ago. So a stall is made up for at twice the planned rate, within the time that it
 * took, and no window gets more runs than the plan has in twice that window and three times late_after_ns.
 */
static double spread_instant(const vn_load *d) {
  return d->spread_ns + (d->queue[d->head % QUEUE].due_ns - d->taken_due_ns) / 2;
}

/* Absolute ns from which the next run may start. One that would not be late has no need to wait. */
static double next_instant(const vn_load *d) {
  double due = d->start_ns + d->queue[d->head % QUEUE].due_ns;
  if (d->o.catch_up != VN_CATCH_UP_SPREAD) return due;
  double instant = spread_instant(d);
  return instant > due + d->o.late_after_ns ? instant : due;
}

double vn_load_next_due(const vn_load *d) {
  if (d->head == d->tail || d->stats.in_flight >= d->o.max_in_flight) return INFINITY;
  return next_instant(d);
}

static void drop_next(vn_load *d) {
  double due = d->queue[d->head++ % QUEUE].due_ns;
  vn_load_counters *c = &d->live->head->counters;
  c->dropped++;
  d->stats.dropped++;
  vn__window_add_dropped(&d->window, due);
  if (due > c->last_due_ns) c->last_due_ns = due;
}

static void drop_due(vn_load *d, double before_ns) {
  while (d->head != d->tail && d->start_ns + d->queue[d->head % QUEUE].due_ns < before_ns) drop_next(d);
}

void vn_load_stop(vn_load *d) {
  if (d->stopped) return;
  if (!d->o.feedback) drop_due(d, fmin(vn_clock_now(), d->end_ns));
  d->head = d->tail;
  d->stopped = true;
}

/* ---- run slots ---- */

static int allocate_run(vn_load *d) {
  int run = d->free_run;
  if (run < 0) return (int)d->n_runs++;
  d->free_run = d->runs[run].next;
  return run;
}

static bool trims(const vn_load *d, double due_ns) {
  if (due_ns < d->o.ramp_ns) return true;
  if (d->o.trim_runs > 0) {
    double k = d->stats.runs;
    return k < d->o.trim_runs || (d->o.number >= 0 && k >= d->o.number - d->o.trim_runs);
  }
  return d->o.trim_ns > 0 && (due_ns < d->o.trim_ns || due_ns >= d->o.duration_ns - d->o.trim_ns);
}

/* The part of a due run's delay in which the in-flight limit held it back. */
static double limited_part(const vn_load *d, double intended_ns) {
  double from = later(intended_ns, d->limited_since);
  return d->limited_until > from ? d->limited_until - from : 0;
}

static int start_run(vn_load *d, permit p, double now) {
  int run = allocate_run(d);
  vn_run *r = &d->runs[run];
  double intended = d->start_ns + p.due_ns;
  *r = (vn_run){.index = p.index, .intended_ns = intended, .next = -1};
  r->started_ns = d->limited_since > 0 ? now - limited_part(d, intended) : now;
  r->trimmed = trims(d, p.due_ns);
  vn_load_counters *c = &d->live->head->counters;
  c->runs++;
  if (p.due_ns > c->last_due_ns) c->last_due_ns = p.due_ns;
  bool late = r->started_ns - intended > d->o.late_after_ns;
  c->late += late;
  d->stats.late += late;
  d->stats.runs++;
  d->stats.in_flight++;
  bool limited = d->stats.in_flight >= d->o.max_in_flight;
  if (limited && d->limited_since == 0) d->limited_since = now;
  if (d->window.number) r->window = vn__window_add_run(&d->window, p.due_ns, r->started_ns - intended, late, limited);
  return run;
}

/* What was due before the end may be as late as runs may be elsewhere: the last ones are no earlier in their ticks. */
static bool is_over(const vn_load *d, double now) {
  return now >= d->end_ns && (d->o.feedback || d->head == d->tail || now >= d->end_ns + d->o.late_after_ns);
}

static permit take_next(vn_load *d, double now) {
  permit p = d->queue[d->head % QUEUE];
  if (d->o.catch_up == VN_CATCH_UP_SPREAD) {
    d->spread_ns = later(spread_instant(d), now - d->o.late_after_ns);
    d->taken_due_ns = p.due_ns;
  }
  d->head++;
  return p;
}

/* What holds a due run back that may not start yet: the limit, also where its queue is being spread. */
static void note_waiting(vn_load *d, double now) {
  bool due = d->head != d->tail && d->start_ns + d->queue[d->head % QUEUE].due_ns <= now;
  if (!due)
    d->limited_since = 0;
  else if (d->limited_since > 0)
    d->limited_until = now;
}

void vn_load_turn(vn_load *d) { d->turn_ns = vn_clock_now(); }

static double turn_begun(const vn_load *d) { return later(d->loop->polled_ns, d->turn_ns); }

/*
 * The way from the loop's wake-up to here takes a microsecond or two when the caches are cold. So the pacer is woken
 * ahead (lead_ns), and the rest is waited for where nothing but the start is left to do; only while the turn is young,
 * because the network waits meanwhile.
 */
static bool is_within_lead(const vn_load *d, double instant, double now) {
  double lead = d->loop->lead_ns;
  return instant - now <= lead && now - turn_begun(d) <= lead && d->stats.in_flight < d->o.max_in_flight;
}

int vn_load_take(vn_load *d) {
  if (d->stopped) return VN_EDONE;
  double now = vn_clock_now();
  if (is_over(d, now)) {
    vn_load_stop(d);
    return VN_EDONE;
  }
  if (d->o.catch_up == VN_CATCH_UP_DROP) drop_due(d, now - d->o.late_after_ns);
  double instant = d->head == d->tail ? INFINITY : next_instant(d);
  if (instant > now && !is_within_lead(d, instant, now)) {
    note_waiting(d, now);
    return VN_EAGAIN;
  }
  if (d->stats.in_flight >= d->o.max_in_flight) {
    d->limited_until = now;
    return VN_ELIMIT;
  }
  if (now - turn_begun(d) > d->o.budget_ns) return VN_EAGAIN; /* the network's turn */
  while (now < instant) now = vn_clock_now();
  return start_run(d, take_next(d, now), now);
}

vn_run *vn_load_runs(vn_load *d) { return d->runs; }

void vn_load_release(vn_load *d, int run) {
  vn_run *r = &d->runs[run];
  if (r->sends == 0) d->live->head->counters.empty++;
  if (d->limited_since > 0 && d->stats.in_flight >= d->o.max_in_flight) d->limited_until = vn_clock_now();
  d->stats.in_flight--;
  d->stats.runs_finished++;
  r->next = d->free_run;
  d->free_run = run;
}

/* ---- transactions ---- */

int vn_load_operation(vn_load *d, const char *name) { return vn__live_add_operation(d->live, name); }

int vn_load_class(vn_load *d, const char *name) { return vn__live_add_class(d->live, name); }

static int allocate_tx(vn_load *d) {
  int tx = d->free_tx;
  if (tx >= 0) {
    d->free_tx = d->txs[tx].next;
    return tx;
  }
  if (d->n_txs == TX_MAX) return vn__fail(VN_ELIMIT, "more than %d transactions in flight", TX_MAX);
  return (int)d->n_txs++;
}

int vn_tx_open(vn_load *d, int run, int op) {
  int tx = allocate_tx(d);
  if (tx < 0) return tx;
  vn_run *r = &d->runs[run];
  double now = vn_clock_now();
  bool first = r->sends++ == 0;
  d->txs[tx] = (vn_tx){.intended_ns = first ? r->intended_ns : now,
                       .started_ns = first ? r->started_ns : now,
                       .sent_ns = now,
                       .load = d,
                       .run = run,
                       .op = op,
                       .first = first,
                       .trimmed = r->trimmed,
                       .next = -1,
                       .window = r->window,
                       .serial = d->shares ? d->serial : ++serials};
  vn__live_op(d->live, op)->counters.submitted++;
  d->stats.submitted++;
  if (r->window) vn__window_add_tx(&d->window, r->window);
  return d->shares ? tx : tx | VN_TX_FRESH;
}

static vn_tx *slot_of(const vn_load *d, int tx) { return &d->txs[tx & ~VN_TX_FRESH]; }

void vn_load_tx(vn_load *d, vn_tx_ref *out, int tx) {
  out->tx = slot_of(d, tx);
  out->serial = out->tx->serial;
}

static void release_tx(vn_load *d, int tx) {
  vn_tx *t = &d->txs[tx];
  t->run = -1;
  t->next = d->free_tx;
  d->free_tx = tx;
}

/* A load of before had the same memory, and its serials are lower. */
static bool is_over_for(const vn_load *d, const vn_tx_ref *ref) {
  return !d || d->finished || (int32_t)(ref->serial - d->serial) < 0;
}

int vn_tx_mark(const vn_tx_ref *ref, const char *name, size_t len, double at_ns) {
  const vn_tx *t = ref->tx;
  vn_load *d = t->load;
  if (is_over_for(d, ref)) return 0;
  if (t->serial != ref->serial || t->run < 0) return vn__fail(VN_ECLOSED, "its transaction is over");
  if (len == 0 || len >= VN_NAME_MAX || strnlen(name, len) != len)
    return vn__fail(VN_EINVAL, "the name of a mark has 1 to %d bytes, none of them 0", VN_NAME_MAX - 1);
  if (!isfinite(at_ns)) return vn__fail(VN_EINVAL, "the instant of a mark is a finite number of nanoseconds");
  d->marked = true;
  d->shares = false;
  int mark = vn__live_add_mark(d->live, t->op, name);
  if (mark < 0 || t->trimmed) return mark < 0 ? mark : 0;
  vn__hist_record(vn__live_hist(d->live, mark, VN_RESPONSE), (int64_t)(at_ns - t->intended_ns));
  vn__hist_record(vn__live_hist(d->live, mark, VN_SERVICE), (int64_t)(at_ns - later(t->sent_ns, t->started_ns)));
  return 0;
}

static void record_times(const vn_load *d, vn_live_op *op, const vn_tx *t, double finished, bool ok) {
  const vn_live *v = d->live;
  double sent = later(t->sent_ns, t->started_ns);
  if (ok) {
    vn__hist_record(vn__live_hist_of(v, op, VN_RESPONSE), (int64_t)(finished - t->intended_ns));
    vn__hist_record(vn__live_hist_of(v, op, VN_SERVICE), (int64_t)(finished - sent));
  }
  if (t->first) vn__hist_record(vn__live_hist_of(v, op, VN_LATENESS), (int64_t)(t->started_ns - t->intended_ns));
  vn__hist_record(vn__live_hist_of(v, op, VN_BLOCKED), (int64_t)(sent - t->started_ns));
}

static void add_trace(vn_load *d, const vn_tx *t) {
  if (d->n_trace++ >= VN_TRACE_MAX) return;
  double sent = later(t->sent_ns, t->started_ns);
  d->trace[d->n_trace - 1] = (vn_trace_entry){t->intended_ns - d->start_ns, sent - d->start_ns};
}

static void record_window(vn_load *d, const vn_tx *t, double finished) {
  vn_load_counters *c = &d->live->head->counters;
  double first = t->intended_ns - d->start_ns, last = finished - d->start_ns;
  if (c->first_ns < 0 || first < c->first_ns) c->first_ns = first;
  if (last > c->last_finish_ns) c->last_finish_ns = last;
  if (last > c->to_ns) c->to_ns = last;
}

void vn_tx_close(vn_load *d, int tx, int class_number) {
  vn_tx *t = slot_of(d, tx);
  if (t->run < 0) return; /* closed already: it was unfinished when the round ended */
  bool ok = class_number < 0;
  double finished = t->finished_ns > 0 ? t->finished_ns : vn_clock_now();
  vn_live_op *op = vn__live_op(d->live, t->op);
  vn_counters *c = &op->counters;
  if (ok) {
    c->ok++;
    d->stats.ok++;
    d->stats.response_sum_ns += finished - t->intended_ns;
    d->stats.service_sum_ns += finished - t->sent_ns;
  } else {
    c->failed++;
    d->stats.failed++;
    if (class_number < VN_CLASS_MAX) c->classes[class_number]++;
  }
  d->stats.finished++;
  if (d->stats.finished == SHARE_AFTER && !d->marked) d->shares = true;
  d->stats.last_finish_ns = finished - d->start_ns;
  if (d->window.number)
    vn__window_close_tx(&d->window, t->window, finished - d->start_ns, finished - t->intended_ns, ok);
  if (d->trace && t->first) add_trace(d, t);
  if (t->trimmed) {
    c->trimmed++;
  } else {
    record_times(d, op, t, finished, ok);
    record_window(d, t, finished);
  }
  release_tx(d, tx & ~VN_TX_FRESH);
}

void vn_load_finish(vn_load *d) {
  vn_load_stop(d);
  d->finished = true;
  for (size_t i = 0; i < d->n_txs; i++) {
    if (d->txs[i].run < 0) continue;
    vn__live_op(d->live, d->txs[i].op)->counters.unfinished++;
    if (d->trace && d->txs[i].first) add_trace(d, &d->txs[i]);
    release_tx(d, (int)i);
  }
}

/* ---- what controllers look at, and intervals ---- */

int vn_load_watch(vn_load *d, double from_ns, double to_ns) {
  if (!(from_ns >= 0) || !(to_ns > from_ns))
    return vn__fail(VN_EINVAL, "a window needs a beginning, and an end behind it");
  return vn__window_open(&d->window, from_ns, to_ns);
}

const vn_window *vn_load_window(const vn_load *d) { return &d->window.w; }

int vn_load_trace(vn_load *d) {
  if (!d->trace) d->trace = reserve_array(VN_TRACE_MAX, sizeof *d->trace);
  return d->trace ? 0 : vn__fail(VN_ENOMEM, "no memory for the times of what is sent");
}

double vn_load_traced(const vn_load *d) { return d->n_trace > VN_TRACE_MAX ? VN_ELIMIT : (double)d->n_trace; }

const vn_trace_entry *vn_load_trace_entry(const vn_load *d, double i) { return &d->trace[(size_t)i]; }

vn_hist *vn_load_window_hist(const vn_load *d, int clock) { return vn__window_hist(&d->window, clock); }

const vn_stats *vn_load_stats(const vn_load *d) { return &d->stats; }

vn_live *vn_load_live(vn_load *d) {
  vn_load_counters *c = &d->live->head->counters;
  double now = vn_clock_now() - d->start_ns;
  if (now > c->to_ns) c->to_ns = now;
  return d->live;
}

void vn_load_next_interval(vn_load *d) { vn__live_clear(d->live); }
