/*
 * journal.c: files that a crash or a disk has damaged: every record that comes out is one that went in, and what is
 * appended by a later process comes out behind all of them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "vernier.h"

static const char *const records[] = {"{\"type\":\"begin\"}", "", "{\"type\":\"interval\",\"seq\":1}", "x"};

static size_t read_file(const char *path, char *out, size_t cap) {
  FILE *f = fopen(path, "rb");
  if (!f) exit(1);
  size_t len = fread(out, 1, cap, f);
  fclose(f);
  return len;
}

size_t fuzz_seed(int i, char *out, size_t cap) {
  int n = (int)(sizeof records / sizeof *records);
  if (i > n) return 0;
  const char *path = fuzz_file("", 0);
  unlink(path);
  vn_journal *j = vn_journal_create(path);
  if (!j) exit(1);
  for (int k = 0; k < i; k++) FUZZ_CHECK(vn_journal_append(j, records[k], strlen(records[k])) == 0);
  vn_journal_close(j);
  return read_file(path, out, cap);
}

/* A damaged record passes with a probability of 2^-32 only: what comes out is checked against what went in. */
static bool known(const char *data, size_t len) {
  for (size_t k = 0; k < sizeof records / sizeof *records; k++)
    if (len == strlen(records[k]) && (len == 0 || memcmp(data, records[k], len) == 0)) return true;
  return false;
}

/* The whole records of a file, and the last one's bytes in *last. */
static size_t read_all(const char *path, size_t limit, char *last, size_t cap) {
  vn_journal *j = vn_journal_open(path);
  if (!j) return 0;
  const char *record;
  size_t n, seen = 0, whole = 0;
  int rc;
  while ((rc = vn_journal_next(j, &record, &n)) != 0 && seen++ <= limit) {
    FUZZ_CHECK(rc > 0 || rc == VN_ECORRUPT);
    if (rc < 0) continue;
    FUZZ_CHECK(known(record, n));
    FUZZ_CHECK(n < cap);
    if (n) memcpy(last, record, n);
    last[n] = 0;
    whole++;
  }
  FUZZ_CHECK(rc == 0);
  vn_journal_close(j);
  return whole;
}

void fuzz_one(const char *data, size_t len) {
  const char *path = fuzz_file(data, len);
  char last[64] = "";
  size_t before = read_all(path, len, last, sizeof last);
  int error;
  vn_journal *j = vn_journal_reopen(&error, path);
  if (!j) return;
  FUZZ_CHECK(vn_journal_append(j, "x", 1) == 0);
  vn_journal_close(j);
  FUZZ_CHECK(read_all(path, len + 64, last, sizeof last) == before + 1);
  FUZZ_CHECK(!strcmp(last, "x"));
}
