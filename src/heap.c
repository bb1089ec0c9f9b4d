/*
 * heap.c: the memory of the Lua state.
 *
 * Lua tells the size of what it gives back, so a block needs no header: blocks of one size are cut from chunks and,
 * once given back, wait in a list of that size for the next one that asks. A transaction makes a handful of such blocks
 * and lets them go; this costs a few instructions each, where a general allocator looks at the neighbours, and 16 bytes
 * less for each of what stays. Large blocks are malloc's. Chunks are freed with the heap: what was once in use for
 * small blocks is never returned before. Under AddressSanitizer all is malloc's, so that it sees who writes beside a
 * block.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum {
  GRAIN = 16,
  LINE = 64, /* of the cache */
  SMALL_MAX = 1024,
  CHUNK = 64 * 1024,
#if defined(__SANITIZE_ADDRESS__)
  LARGE_FROM = 1
#else
  LARGE_FROM = SMALL_MAX + 1
#endif
};

typedef struct block {
  struct block *next;
} block;

struct vn__heap {
  block *free[SMALL_MAX / GRAIN + 1]; /* by size / GRAIN */
  block *chunks;                      /* their first bytes link them */
  char *next, *end;                   /* what of the newest chunk was never used */
};

vn__heap *vn__heap_new(void) { return calloc(1, sizeof(vn__heap)); }

void vn__heap_free(vn__heap *h) {
  while (h->chunks) {
    block *chunk = h->chunks;
    h->chunks = chunk->next;
    free(chunk);
  }
  free(h);
}

static inline size_t class_of(size_t size) { return (size + GRAIN - 1) / GRAIN; }

/* What is left of the chunk before is too small for a block of this size, and serves as one of a smaller. */
static void give_rest(vn__heap *h) {
  size_t class = (size_t)(h->end - h->next) / GRAIN;
  if (class == 0) return;
  block *b = (block *)h->next;
  b->next = h->free[class];
  h->free[class] = b;
}

static void *cut(vn__heap *h, size_t size) {
  if ((size_t)(h->end - h->next) < size) {
    char *chunk = malloc(CHUNK);
    if (!chunk) return NULL;
    give_rest(h);
    ((block *)chunk)->next = h->chunks;
    h->chunks = (block *)chunk;
    h->next = chunk + GRAIN;
    h->end = chunk + CHUNK;
  }
  void *p = h->next;
  h->next += size;
  return p;
}

static inline void *take(vn__heap *h, size_t size) {
  if (size >= LARGE_FROM) return malloc(size);
  size_t class = class_of(size);
  block *b = h->free[class];
  if (VN_UNLIKELY(!b)) return cut(h, class * GRAIN);
  /* The one after it has been free for long and is in no cache: it is fetched until it is asked for. */
  block *next = h->free[class] = b->next;
  if (next) {
    __builtin_prefetch(next, 1);
    __builtin_prefetch((char *)next + LINE, 1);
  }
  return b;
}

static inline void give(vn__heap *h, void *p, size_t size) {
  if (size >= LARGE_FROM) {
    free(p);
    return;
  }
  block *b = p;
  size_t class = class_of(size);
  b->next = h->free[class];
  h->free[class] = b;
}

static void *resize(vn__heap *h, void *p, size_t old, size_t size) {
  if (old >= LARGE_FROM && size >= LARGE_FROM) return realloc(p, size);
  if (old < LARGE_FROM && size < LARGE_FROM && class_of(old) == class_of(size)) return p;
  void *q = take(h, size);
  if (!q) return NULL;
  memcpy(q, p, old < size ? old : size);
  give(h, p, old);
  return q;
}

void *vn__heap_alloc(void *heap, void *p, size_t old, size_t size) {
  if (!p) return size > 0 ? take(heap, size) : NULL;
  if (size > 0) return resize(heap, p, old, size);
  give(heap, p, old);
  return NULL;
}
