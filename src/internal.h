/* internal.h: what the files of the core share among themselves. Nothing here is seen by Lua. */
#ifndef VN_INTERNAL_H
#define VN_INTERNAL_H

#include <stdarg.h>
#include <stdbool.h>

#include "vernier.h"

#define VN_LIKELY(x) __builtin_expect(!!(x), 1)
#define VN_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef struct vn_embedded {
  const char *name;
  const unsigned char *data;
  size_t len;
} vn_embedded;
extern const vn_embedded vn__embedded[]; /* ends with a NULL name */

/* ---- errors ---- */

/* Records the detail and returns the code, so that a failure is one line: return vn__fail(VN_EIO, "%s: %m", path); */
int vn__fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vn__errno_code(int errnum); /* vn_error that stands for an errno */

/* ---- heap: the memory of the Lua state ---- */

typedef struct vn__heap vn__heap;
vn__heap *vn__heap_new(void);                                       /* NULL: no memory */
void vn__heap_free(vn__heap *h);                                    /* with all that was taken from it and is small */
void *vn__heap_alloc(void *heap, void *p, size_t old, size_t size); /* a lua_Alloc */

/* ---- hex ---- */

int vn__hex_digit(char c); /* its value, -1 for any other character */

/* ---- clock ---- */

int64_t vn__clock_absolute(double ns); /* CLOCK_MONOTONIC ns of a time since the base */

/* ---- histogram: its layout, so that recording is inline and a histogram can lie in mapped memory ---- */

#define VN_HIST_TOP_NS UINT64_C(86400000000000) /* 24 h */

struct vn_hist {
  uint32_t magic;
  int32_t digits;
  int32_t half_bits; /* each bucket adds 2^half_bits cells */
  int32_t ncells;
  uint64_t count;
  uint64_t min_ns, max_ns; /* exact; 24 h and 0 while empty */
  uint64_t reserved;
  unsigned __int128 sum, squares;
  uint64_t cells[];
};

size_t vn__hist_size(int digits);            /* bytes, a multiple of 64; 0: no such digits */
int vn__hist_init(vn_hist *mem, int digits); /* zeroed, 16-byte aligned memory of vn__hist_size(digits) bytes */
int vn__hist_repair(vn_hist *h);             /* after its process was killed; VN_ECORRUPT: not a histogram */

/*
 * Adds n values of which only the range [from, to] is known, no wider than a cell of so many digits: all at its middle,
 * as HdrHistogram does. VN_ELIMIT and unchanged: more than the sums can hold.
 */
int vn__hist_add_range(vn_hist *h, uint64_t from, uint64_t to, uint64_t n);

static inline int vn__hist_cell(const vn_hist *h, uint64_t ns) {
  uint64_t v = ns | (ns == 0);
  int bucket = 63 - __builtin_clzll(v | (((uint64_t)2 << h->half_bits) - 1)) - h->half_bits;
  return (bucket << h->half_bits) + (int)(v >> bucket);
}

/* Negative durations (a connector's stamp before ours) count as 0, those over 24 h as 24 h. */
static inline void vn__hist_record(vn_hist *h, int64_t ns) {
  uint64_t v = ns < 0 ? 0 : (uint64_t)ns;
  if (VN_UNLIKELY(v > VN_HIST_TOP_NS)) v = VN_HIST_TOP_NS;
  if (v < h->min_ns) h->min_ns = v;
  if (v > h->max_ns) h->max_ns = v;
  h->cells[vn__hist_cell(h, v)]++;
  h->count++;
  h->sum += v;
  h->squares += (unsigned __int128)v * v;
}

/* ---- loop (files that need more include loop.h) ---- */

vn_event *vn__loop_push(vn_loop *l, int kind, double tag); /* a zeroed event to fill; valid until the next push */
char *vn__loop_scratch(vn_loop *l, size_t len);            /* memory that lives until the next vn_poll */
void vn__loop_ref(vn_loop *l, int n);                      /* counts handles that are open: +1 opened, -1 closed */
double vn__loop_turns(const vn_loop *l);                   /* readable from any thread */

#endif
