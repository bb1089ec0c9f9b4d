/* window.c: counters and histograms of the runs that were due in one stretch of a load. */
#include "window.h"

enum { DIGITS = 3 };

int vn__window_open(vn__window *x, double from_ns, double to_ns) {
  for (int i = 0; i < 2; i++) {
    if (!x->hists[i]) x->hists[i] = vn_hist_new(DIGITS);
    if (!x->hists[i]) return VN_ENOMEM;
    vn_hist_reset(x->hists[i]);
  }
  x->w = (vn_window){.from_ns = from_ns, .to_ns = to_ns};
  x->number++;
  return 0;
}

void vn__window_free(vn__window *x) {
  for (int i = 0; i < 2; i++)
    if (x->hists[i]) vn_hist_free(x->hists[i]);
}

vn_hist *vn__window_hist(const vn__window *x, int clock) {
  return clock == VN_RESPONSE ? x->hists[0] : clock == VN_LATENESS ? x->hists[1] : NULL;
}

static bool holds(const vn__window *x, double ns) { return x->number && ns >= x->w.from_ns && ns < x->w.to_ns; }

int32_t vn__window_add_run(vn__window *x, double due_ns, double lateness_ns, bool late, bool limited) {
  if (!holds(x, due_ns)) return 0;
  x->w.runs++;
  x->w.late += late;
  x->w.limited += limited;
  vn_hist_record(x->hists[1], lateness_ns);
  return x->number;
}

void vn__window_add_dropped(vn__window *x, double due_ns) { x->w.dropped += holds(x, due_ns); }

void vn__window_add_tx(vn__window *x, int32_t number) {
  if (number && number == x->number) x->w.submitted++;
}

void vn__window_close_tx(vn__window *x, int32_t number, double finished_ns, double response_ns, bool ok) {
  x->w.finished += holds(x, finished_ns);
  if (!number || number != x->number) return;
  if (ok) {
    x->w.ok++;
    vn_hist_record(x->hists[0], response_ns);
  } else {
    x->w.failed++;
  }
}
