/*
 * window.h: what a rate controller looks at: the runs that were due in a stretch of its load, and what became of them.
 *
 * Runs and transactions carry the number of the window that they were due in (0: none), so those of an earlier window
 * that end late are not taken for this one's. Where no window is open, it costs a load one comparison per call.
 */
#ifndef VN_WINDOW_H
#define VN_WINDOW_H

#include "internal.h"

typedef struct vn__window {
  vn_window w;
  int32_t number;    /* of the open one, from 1; 0 none */
  vn_hist *hists[2]; /* response, lateness */
} vn__window;

int vn__window_open(vn__window *x, double from_ns, double to_ns); /* VN_ENOMEM */
void vn__window_free(vn__window *x);
vn_hist *vn__window_hist(const vn__window *x, int clock); /* NULL: never opened, or no clock that it has */

/* due since round start; the number for the run. limited: with it, the in-flight limit was reached */
int32_t vn__window_add_run(vn__window *x, double due_ns, double lateness_ns, bool late, bool limited);
void vn__window_add_dropped(vn__window *x, double due_ns);
void vn__window_add_tx(vn__window *x, int32_t number);
void vn__window_close_tx(vn__window *x, int32_t number, double finished_ns, double response_ns, bool ok);

#endif
