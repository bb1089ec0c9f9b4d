/*
 * load.c: one load in one worker: the queue of permitted instants, run slots, transactions and what they measured.
 *
 * Model: the rate controller permits instants a little ahead (vn_load_permit); a runner takes the next due one
 * (vn_load_take), opens and closes transactions in it and releases it. Counters and histograms go to the live
 * interval. Slots and transactions are pooled; nothing is allocated after the pools have grown to the working set.
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

enum { QUEUE = 4096, TX_MAX = 1 << 22 };

typedef struct permit {
  double index, due_ns;
} permit;

struct vn_load {
  vn_load_options o;
  const vn_loop_state *loop;
  vn_live *live;
  double start_ns, end_ns; /* absolute; end is infinite in rounds by number */
  permit *queue;
  uint32_t head, tail; /* free-running */
  vn_run *runs;
  vn_tx *txs;
  size_t n_runs, n_txs; /* high-water marks */
  int32_t free_run, free_tx;
  double turn_ns;
  double limited_since, limited_until; /* absolute; the last stretch in which the limit held a due run back; 0 none */
  vn_stats stats;
  bool stopped;
};

static void *reserve_array(size_t n, size_t size) {
  void *p = mmap(NULL, n * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static bool allocate(vn_load *d) {
  d->queue = malloc(QUEUE * sizeof *d->queue);
  d->runs = reserve_array((size_t)d->o.max_in_flight, sizeof *d->runs);
  d->txs = reserve_array(TX_MAX, sizeof *d->txs);
  d->live = vn__live_new(d->o.live_path, d->o.digits);
  return d->queue && d->runs && d->txs && d->live;
}

vn_load *vn_load_new(vn_loop *l, const vn_load_options *o) {
  if (!(o->max_in_flight >= 1) || o->digits < 1 || o->digits > 5) {
    vn__fail(VN_EINVAL, "a load needs max_in_flight of at least 1 and 1 to 5 digits");
    return NULL;
  }
  vn_load *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->o = *o;
  d->loop = vn_loop_get_state(l);
  d->free_run = d->free_tx = -1;
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
  if (d->txs) munmap(d->txs, TX_MAX * sizeof *d->txs);
  free(d->queue);
  free(d);
}

void vn_load_keep(vn_load *d) { d->live->own = false; }

void vn_load_start(vn_load *d, double start_ns) {
  d->start_ns = start_ns;
  d->end_ns = d->o.duration_ns > 0 ? start_ns + d->o.duration_ns : INFINITY;
}

/* ---- the queue of permitted instants ---- */

int vn_load_permit(vn_load *d, double index, double due_ns) {
  if (d->stopped || (d->o.duration_ns > 0 && due_ns >= d->o.duration_ns)) return VN_EDONE;
  if (d->o.number >= 0 && d->stats.permitted >= d->o.number) return VN_EDONE;
  if (d->tail - d->head == QUEUE) return VN_EAGAIN;
  d->queue[d->tail++ % QUEUE] = (permit){index, due_ns};
  d->stats.permitted++;
  return 0;
}

double vn_load_queued(const vn_load *d) { return d->tail - d->head; }

double vn_load_next_due(const vn_load *d) {
  if (d->head == d->tail || d->stats.in_flight >= d->o.max_in_flight) return INFINITY;
  return d->start_ns + d->queue[d->head % QUEUE].due_ns;
}

static void drop_next(vn_load *d) {
  double due = d->queue[d->head++ % QUEUE].due_ns;
  vn_load_counters *c = &d->live->head->counters;
  c->dropped++;
  d->stats.dropped++;
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
  if (d->o.trim_runs > 0) {
    double k = d->stats.runs;
    return k < d->o.trim_runs || (d->o.number >= 0 && k >= d->o.number - d->o.trim_runs);
  }
  return d->o.trim_ns > 0 && (due_ns < d->o.trim_ns || due_ns >= d->o.duration_ns - d->o.trim_ns);
}

/* The part of a due run's delay in which the in-flight limit held it back. */
static double limited_part(const vn_load *d, double intended_ns) {
  double from = fmax(intended_ns, d->limited_since);
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
  if (r->started_ns - intended > d->o.late_after_ns) {
    c->late++;
    d->stats.late++;
  }
  d->stats.runs++;
  d->stats.in_flight++;
  if (d->stats.in_flight >= d->o.max_in_flight && d->limited_since == 0) d->limited_since = now;
  return run;
}

void vn_load_turn(vn_load *d) { d->turn_ns = vn_clock_now(); }

int vn_load_take(vn_load *d) {
  if (d->stopped) return VN_EDONE;
  double now = vn_clock_now();
  if (now >= d->end_ns) {
    vn_load_stop(d);
    return VN_EDONE;
  }
  if (d->o.catch_up == VN_CATCH_UP_DROP) drop_due(d, now - d->o.late_after_ns);
  if (d->head == d->tail || d->start_ns + d->queue[d->head % QUEUE].due_ns > now) {
    d->limited_since = 0;
    return VN_EAGAIN;
  }
  if (d->stats.in_flight >= d->o.max_in_flight) {
    d->limited_until = now;
    return VN_ELIMIT;
  }
  if (now - fmax(d->loop->polled_ns, d->turn_ns) > d->o.budget_ns) return VN_EAGAIN; /* the network's turn */
  return start_run(d, d->queue[d->head++ % QUEUE], now);
}

vn_run *vn_load_run(vn_load *d, int run) { return &d->runs[run]; }

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
                       .run = run,
                       .op = op,
                       .first = first,
                       .trimmed = r->trimmed,
                       .next = -1};
  vn__live_op(d->live, op)->counters.submitted++;
  d->stats.submitted++;
  return tx;
}

vn_tx *vn_load_tx(vn_load *d, int tx) { return &d->txs[tx]; }

static void release_tx(vn_load *d, int tx) {
  vn_tx *t = &d->txs[tx];
  t->run = -1;
  t->next = d->free_tx;
  d->free_tx = tx;
}

static void record_times(vn_load *d, const vn_tx *t, double finished, bool ok) {
  vn_live *v = d->live;
  double sent = fmax(t->sent_ns, t->started_ns);
  if (ok) {
    vn__hist_record(vn__live_hist(v, t->op, VN_RESPONSE), (int64_t)(finished - t->intended_ns));
    vn__hist_record(vn__live_hist(v, t->op, VN_SERVICE), (int64_t)(finished - sent));
  }
  if (t->first) vn__hist_record(vn__live_hist(v, t->op, VN_LATENESS), (int64_t)(t->started_ns - t->intended_ns));
  vn__hist_record(vn__live_hist(v, t->op, VN_BLOCKED), (int64_t)(sent - t->started_ns));
}

static void record_window(vn_load *d, const vn_tx *t, double finished) {
  vn_load_counters *c = &d->live->head->counters;
  double first = t->intended_ns - d->start_ns, last = finished - d->start_ns;
  if (c->first_ns < 0 || first < c->first_ns) c->first_ns = first;
  if (last > c->last_finish_ns) c->last_finish_ns = last;
  if (last > c->to_ns) c->to_ns = last;
}

void vn_tx_close(vn_load *d, int tx, int class_number) {
  vn_tx *t = &d->txs[tx];
  if (t->run < 0) return; /* closed already: it was unfinished when the round ended */
  bool ok = class_number < 0;
  double finished = t->finished_ns > 0 ? t->finished_ns : vn_clock_now();
  vn_counters *c = &vn__live_op(d->live, t->op)->counters;
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
  d->stats.last_finish_ns = finished - d->start_ns;
  if (t->trimmed) {
    c->trimmed++;
  } else {
    record_times(d, t, finished, ok);
    record_window(d, t, finished);
  }
  release_tx(d, tx);
}

void vn_load_finish(vn_load *d) {
  vn_load_stop(d);
  for (size_t i = 0; i < d->n_txs; i++) {
    if (d->txs[i].run < 0) continue;
    vn__live_op(d->live, d->txs[i].op)->counters.unfinished++;
    release_tx(d, (int)i);
  }
}

/* ---- intervals ---- */

const vn_stats *vn_load_stats(const vn_load *d) { return &d->stats; }

vn_live *vn_load_live(vn_load *d) {
  vn_load_counters *c = &d->live->head->counters;
  double now = vn_clock_now() - d->start_ns;
  if (now > c->to_ns) c->to_ns = now;
  return d->live;
}

void vn_load_next_interval(vn_load *d) { vn__live_clear(d->live); }
