/*
 * file.c: the few operations on files and folders that the runtime needs beyond Lua's io library.
 * Paths are relative to the working folder; whole files are written by rename, so that readers see the old or the new.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static int fail_errno(const char *path) { return vn__fail(vn__errno_code(errno), "%s: %s", path, strerror(errno)); }

static int copy_path(char *out, const char *path) {
  size_t len = strlen(path);
  if (!len || len >= PATH_MAX) return vn__fail(VN_EINVAL, "a path of %zu bytes", len);
  memcpy(out, path, len + 1);
  return (int)len;
}

static int make_folder(const char *path, int mode) {
  struct stat st;
  if (mkdir(path, (mode_t)mode) == 0) return 0;
  if (errno != EEXIST) return fail_errno(path);
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
  return vn__fail(VN_EEXIST, "%s: not a folder", path);
}

int vn_file_mkdir(const char *path, int mode) {
  char part[PATH_MAX] = "";
  int rc = copy_path(part, path);
  for (char *at = part + 1; rc >= 0 && *at; at++) {
    if (*at != '/') continue;
    *at = 0;
    rc = make_folder(part, 0777);
    *at = '/';
  }
  return rc < 0 ? rc : make_folder(part, mode);
}

int vn_file_kind(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0) return fail_errno(path);
  return S_ISREG(st.st_mode) ? 'f' : S_ISDIR(st.st_mode) ? 'd' : 'o';
}

/* Tries it, because permission bits do not know read-only and special file systems. */
static int try_create_beside(const char *folder) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/.vernier-%d", folder, (int)getpid()) >= PATH_MAX)
    return vn__fail(VN_EINVAL, "%s: the path is too long", folder);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return vn__fail(vn__errno_code(errno), "%s: cannot create a file: %s", folder, strerror(errno));
  close(fd);
  unlink(path);
  return 0;
}

static void cut_to_parent(char *path) {
  size_t len = strlen(path);
  while (len > 1 && path[len - 1] == '/') len--;
  while (len > 0 && path[len - 1] != '/') len--;
  while (len > 1 && path[len - 1] == '/') len--;
  if (!len) path[len++] = '.';
  path[len] = 0;
}

static int try_open(const char *path) {
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return fail_errno(path);
  close(fd);
  return 0;
}

int vn_file_writable(const char *path) {
  char folder[PATH_MAX] = "";
  int rc = copy_path(folder, path);
  if (rc < 0) return rc;
  if (folder[rc - 1] == '/') return vn__fail(VN_EINVAL, "%s: a folder, not a file", path);
  int kind = vn_file_kind(path);
  if (kind == 'd') return vn__fail(VN_EEXIST, "%s: is a folder", path);
  if (kind == 'o') return try_open(path);
  if (kind == 'f' && (rc = try_open(path)) < 0) return rc;
  do cut_to_parent(folder);
  while ((kind = vn_file_kind(folder)) == VN_ENOENT && strcmp(folder, ".") && strcmp(folder, "/"));
  if (kind < 0) return kind;
  if (kind != 'd') return vn__fail(VN_EEXIST, "%s: not a folder", folder);
  return try_create_beside(folder);
}

static int skip_dots(const struct dirent *entry) { return strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."); }

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

int vn_file_list(const char *path, char *out, size_t cap) {
  struct dirent **entries;
  int n = scandir(path, &entries, skip_dots, by_bytes);
  if (n < 0) return fail_errno(path);
  size_t used = 0;
  bool fits = true;
  for (int i = 0; i < n; i++) {
    size_t size = strlen(entries[i]->d_name) + 1;
    fits = fits && cap - used >= size;
    if (fits) {
      memcpy(out + used, entries[i]->d_name, size);
      used += size;
    }
    free(entries[i]);
  }
  free(entries);
  return fits ? (int)used : vn__fail(VN_ELIMIT, "%s: its names need over %zu bytes", path, cap);
}

int vn_file_remove(const char *path) { return remove(path) < 0 ? fail_errno(path) : 0; }

int vn_file_chdir(const char *path) { return chdir(path) < 0 ? fail_errno(path) : 0; }

int vn_file_realpath(const char *path, char *out, size_t cap) {
  char *real = realpath(path, NULL);
  if (!real) return fail_errno(path);
  size_t len = strlen(real);
  if (len < cap) memcpy(out, real, len + 1);
  free(real);
  return len < cap ? (int)len : vn__fail(VN_ELIMIT, "%s: its path needs %zu bytes", path, len + 1);
}

/* ---- fingerprints ---- */

static int digest_all(int fd, EVP_MD_CTX *context) {
  unsigned char chunk[65536];
  ssize_t n;
  while ((n = read(fd, chunk, sizeof chunk)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (!EVP_DigestUpdate(context, chunk, (size_t)n)) return ENOMEM;
  }
  return 0;
}

static void put_hex(char *out, const unsigned char *bytes, unsigned len) {
  for (unsigned i = 0; i < len; i++) snprintf(out + 2 * (size_t)i, 3, "%02x", bytes[i]);
}

int vn_file_sha256(const char *path, char *out, size_t cap) {
  enum { DIGEST = 32 };
  if (cap < 2 * DIGEST + 1) return vn__fail(VN_EINVAL, "%s: no room for its fingerprint", path);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail_errno(path);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool begun = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
  int errnum = begun ? digest_all(fd, context) : ENOMEM;
  if (!errnum && !EVP_DigestFinal_ex(context, digest, &len)) errnum = ENOMEM;
  EVP_MD_CTX_free(context);
  close(fd);
  errno = errnum;
  if (errnum) return fail_errno(path);
  put_hex(out, digest, len);
  return (int)(2 * len);
}

/* ---- writing a whole file ---- */

static int write_all(int fd, const char *data, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data += n;
    len -= (size_t)n;
  }
  return 0;
}

/* Pipes, terminals and devices cannot be replaced by a file. */
static int write_in_place(const char *path, const char *data, size_t len) {
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail_errno(path);
  int errnum = write_all(fd, data, len);
  close(fd);
  errno = errnum;
  return errnum ? fail_errno(path) : 0;
}

static int write_by_rename(const char *path, const char *data, size_t len, int mode) {
  char temporary[PATH_MAX];
  if (snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, (int)getpid()) >= PATH_MAX)
    return vn__fail(VN_EINVAL, "%s: the path is too long", path);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
  if (fd < 0) return fail_errno(path);
  int errnum = write_all(fd, data, len);
  if (close(fd) < 0 && !errnum) errnum = errno;
  if (!errnum && rename(temporary, path) < 0) errnum = errno;
  if (!errnum) return 0;
  unlink(temporary);
  errno = errnum;
  return fail_errno(path);
}

int vn_file_write(const char *path, const char *data, size_t len, int mode) {
  char real[PATH_MAX];
  int kind = vn_file_kind(path);
  if (kind == 'd') return vn__fail(VN_EEXIST, "%s: is a folder", path);
  if (kind == 'o') return write_in_place(path, data, len);
  if (kind == 'f')
    return vn_file_realpath(path, real, sizeof real) < 0 ? VN_EIO : write_by_rename(real, data, len, mode);
  return write_by_rename(path, data, len, mode);
}
