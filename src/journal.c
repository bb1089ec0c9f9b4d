/*
 * journal.c: append-only files of checksummed records, readable after a crash at any instant.
 *
 * A file is the magic "vnjl" and a version, then records: length, CRC-32C of length and payload, payload; numbers are
 * 32 bits, little endian. A record that could not be written whole is cut off again, so that a full disk leaves a valid
 * journal that goes on when there is room. Readers get every record up to the first torn one; a damaged record whose
 * length still fits is reported and passed over. There is one writer per file, which holds a lock on it, and no fsync:
 * a journal survives the death of its process, not that of the machine. A later process may go on with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

enum { FILE_VERSION = 1, FILE_HEADER = 8, RECORD_HEADER = 8, RECORD_MAX = VN_LINK_MAX };

struct vn_journal {
  char *path;
  int fd;     /* of a writer; -1 */
  FILE *file; /* of a reader; NULL */
  off_t end;  /* offset behind the last whole record */
  double records;
  char *record; /* the reader's, of capacity bytes */
  size_t capacity;
  bool torn; /* writer: a part of a record lies behind end; reader: nothing readable follows */
};

static void put32(unsigned char *out, uint32_t n) {
  for (int i = 0; i < 4; i++) out[i] = (unsigned char)(n >> (8 * i));
}

static uint32_t get32(const unsigned char *in) {
  return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

/* CRC-32C (Castagnoli), reflected, four bits at a time: journals see kilobytes a second. */
static uint32_t crc_add(uint32_t crc, const void *data, size_t len) {
  static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                     0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
  const unsigned char *in = data;
  for (size_t i = 0; i < len; i++) {
    crc ^= in[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return crc;
}

static uint32_t checksum(const unsigned char *length, const void *data, size_t len) {
  return ~crc_add(crc_add(~UINT32_C(0), length, 4), data, len);
}

static vn_journal *journal_new(const char *path) {
  vn_journal *j = calloc(1, sizeof *j);
  if (j) j->path = strdup(path);
  if (!j || !j->path) {
    free(j);
    vn__fail(VN_ENOMEM, "%s: out of memory", path);
    return NULL;
  }
  j->fd = -1;
  return j;
}

void vn_journal_close(vn_journal *j) {
  if (!j) return;
  if (j->fd >= 0) close(j->fd);
  if (j->file) fclose(j->file);
  free(j->record);
  free(j->path);
  free(j);
}

/* ---- writing ---- */

static int cut_torn(vn_journal *j) {
  if (!j->torn) return 0;
  if (ftruncate(j->fd, j->end) < 0)
    return vn__fail(vn__errno_code(errno), "%s: cannot cut off a torn record: %s", j->path, strerror(errno));
  j->torn = false;
  return 0;
}

/* One write is all there is as long as the disk has room; what follows a short one learns the reason. */
static int write_whole(vn_journal *j, struct iovec *parts, int n) {
  off_t at = j->end;
  while (n > 0) {
    ssize_t written = pwritev(j->fd, parts, n, at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written ? errno : ENOSPC;
    at += written;
    while (n > 0 && (size_t)written >= parts->iov_len) {
      written -= (ssize_t)parts->iov_len;
      parts++;
      n--;
    }
    if (n > 0) {
      parts->iov_base = (char *)parts->iov_base + written;
      parts->iov_len -= (size_t)written;
    }
  }
  j->end = at;
  return 0;
}

static int append_parts(vn_journal *j, struct iovec *parts, int n) {
  int rc = cut_torn(j);
  if (rc < 0) return rc;
  int errnum = write_whole(j, parts, n);
  if (!errnum) return 0;
  j->torn = true;
  cut_torn(j);
  return vn__fail(vn__errno_code(errnum), "%s: cannot append: %s", j->path, strerror(errnum));
}

static int append_header(vn_journal *j) {
  unsigned char header[FILE_HEADER] = "vnjl";
  put32(header + 4, FILE_VERSION);
  return append_parts(j, &(struct iovec){header, sizeof header}, 1);
}

vn_journal *vn_journal_create(const char *path) {
  vn_journal *j = journal_new(path);
  if (!j) return NULL;
  j->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (j->fd < 0) {
    vn__fail(vn__errno_code(errno), "%s: cannot create a journal: %s", path, strerror(errno));
    vn_journal_close(j);
    return NULL;
  }
  flock(j->fd, LOCK_EX | LOCK_NB); /* nobody else has it; where there are no locks, vn_journal_reopen says so */
  if (append_header(j) < 0) {
    vn_journal_close(j);
    unlink(path);
    return NULL;
  }
  return j;
}

int vn_journal_append(vn_journal *j, const char *data, size_t len) {
  if (j->fd < 0) return vn__fail(VN_EINVAL, "%s: the journal is open for reading", j->path);
  if (len > RECORD_MAX) return vn__fail(VN_ELIMIT, "%s: a record of %zu bytes is too long", j->path, len);
  unsigned char header[RECORD_HEADER];
  put32(header, (uint32_t)len);
  put32(header + 4, checksum(header, data, len));
  return append_parts(j, (struct iovec[]){{header, sizeof header}, {(void *)(uintptr_t)data, len}}, 2);
}

/* ---- reading ---- */

static bool is_journal(vn_journal *j) {
  unsigned char header[FILE_HEADER];
  size_t got = fread(header, 1, sizeof header, j->file);
  j->end = (off_t)got;
  if (memcmp(header, "vnjl", got < 4 ? got : 4)) {
    vn__fail(VN_ECORRUPT, "%s: not a journal", j->path);
    return false;
  }
  j->torn = got < sizeof header; /* killed while it was created */
  if (!j->torn && get32(header + 4) != FILE_VERSION) {
    vn__fail(VN_ECORRUPT, "%s: journal of version %u, this vernier reads version %d", j->path, get32(header + 4),
             FILE_VERSION);
    return false;
  }
  return true;
}

vn_journal *vn_journal_open(const char *path) {
  vn_journal *j = journal_new(path);
  if (!j) return NULL;
  j->file = fopen(path, "rbe");
  if (!j->file) vn__fail(vn__errno_code(errno), "%s: %s", path, strerror(errno));
  if (j->file && is_journal(j)) return j;
  vn_journal_close(j);
  return NULL;
}

static int end_torn(vn_journal *j, const char *what) {
  j->torn = true;
  return vn__fail(VN_ECORRUPT, "%s: record %.0f at byte %lld is torn: %s", j->path, j->records + 1, (long long)j->end,
                  what);
}

static int make_room(vn_journal *j, size_t len) {
  if (len <= j->capacity) return 0;
  char *record = realloc(j->record, len);
  if (!record) return vn__fail(VN_ENOMEM, "%s: no memory for a record of %zu bytes", j->path, len);
  j->record = record;
  j->capacity = len;
  return 0;
}

static bool holds(vn_journal *j, size_t len) {
  off_t size = lseek(fileno(j->file), 0, SEEK_END);
  off_t at = j->end + RECORD_HEADER;
  return size >= at && (size_t)(size - at) >= len && fseeko(j->file, at, SEEK_SET) == 0;
}

int vn_journal_next(vn_journal *j, const char **data, size_t *len) {
  if (!j->file) return vn__fail(VN_EINVAL, "%s: the journal is open for writing", j->path);
  if (j->torn) return j->end < FILE_HEADER && !j->records++ ? end_torn(j, "no file header") : 0;
  unsigned char header[RECORD_HEADER];
  size_t got = fread(header, 1, sizeof header, j->file);
  if (!got) return ferror(j->file) ? vn__fail(VN_EIO, "%s: cannot be read", j->path) : 0;
  if (got < sizeof header) return end_torn(j, "it ends in its header");
  size_t size = get32(header);
  if (size > RECORD_MAX) return end_torn(j, "its length is out of bounds");
  /* A damaged length must not make room for megabytes that are not there; records this long are rare. */
  if (size > j->capacity && size > 65536 && !holds(j, size)) return end_torn(j, "it is longer than the file");
  int rc = make_room(j, size);
  if (rc < 0) return rc;
  if (fread(j->record, 1, size, j->file) < size) return end_torn(j, "it is longer than the file");
  j->records++;
  j->end += RECORD_HEADER + (off_t)size;
  if (checksum(header, j->record, size) != get32(header + 4))
    return vn__fail(VN_ECORRUPT, "%s: record %.0f before byte %lld is damaged", j->path, j->records, (long long)j->end);
  *data = j->record;
  *len = size;
  return 1;
}

double vn_journal_get_offset(const vn_journal *j) { return (double)j->end; }

int vn_journal_set_offset(vn_journal *j, double offset) {
  if (!j->file) return vn__fail(VN_EINVAL, "%s: the journal is open for writing", j->path);
  if (!(offset >= FILE_HEADER && offset < 0x1p53))
    return vn__fail(VN_EINVAL, "%s: no record begins at byte %.0f", j->path, offset);
  if (fseeko(j->file, (off_t)offset, SEEK_SET)) return vn__fail(VN_EIO, "%s: %s", j->path, strerror(errno));
  j->end = (off_t)offset;
  j->torn = false;
  return 0;
}

/* ---- going on ---- */

static int take_lock(vn_journal *j) {
  j->fd = open(j->path, O_WRONLY | O_CLOEXEC);
  if (j->fd < 0) return vn__fail(vn__errno_code(errno), "%s: %s", j->path, strerror(errno));
  if (flock(j->fd, LOCK_EX | LOCK_NB) == 0) return 0;
  if (errno == EWOULDBLOCK) return vn__fail(VN_EBUSY, "%s: is being written by another process", j->path);
  return vn__fail(vn__errno_code(errno), "%s: cannot be locked: %s", j->path, strerror(errno));
}

/* From a reader before the first record to a writer behind the last one. */
static int become_writer(vn_journal *j) {
  const char *data;
  size_t len;
  int rc = take_lock(j);
  if (rc < 0) return rc;
  while ((rc = vn_journal_next(j, &data, &len)) != 0)
    if (rc < 0 && rc != VN_ECORRUPT) return rc;
  fclose(j->file);
  j->file = NULL;
  if (j->end >= FILE_HEADER) return cut_torn(j);
  j->end = 0;
  return append_header(j);
}

vn_journal *vn_journal_reopen(int *error, const char *path) {
  vn_journal *j = vn_journal_open(path);
  *error = j ? become_writer(j) : VN_ECORRUPT;
  if (*error >= 0) return j;
  vn_journal_close(j);
  return NULL;
}
