/* fuzz.h: what a harness defines and what driver.c gives it. One harness per parser, one program each. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>

/* Feeds one input to the parser; aborts if what comes out breaks a promise of its header. */
void fuzz_one(const char *data, size_t len);

/* Writes the i-th seed to out and returns its length; 0: there is no such seed. */
size_t fuzz_seed(int i, char *out, size_t cap);

/* A seed that is a text. */
size_t fuzz_text(const char *text, char *out, size_t cap);

/* Aborts with the condition's text. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
void fuzz_fail(const char *condition, const char *file, int line) __attribute__((noreturn));

/* A file of the harness's own with this content; the path is valid until the next call. */
const char *fuzz_file(const char *data, size_t len);

#endif
