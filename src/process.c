/*
 * process.c: child processes on the loop, the supervisor that keeps commands from outliving the run, and facts about
 * the process itself.
 *
 * Children lead a session of their own, so a terminal's Ctrl-C reaches the manager alone. A supervised command runs
 * below a re-exec of this program that is a subreaper and dies with its parent: whatever the command started is still
 * its descendant and ends with it, unless the command ended by itself and left it behind on purpose.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

struct vn_process {
  uv_process_t uv;
  uv_pipe_t pipes[2]; /* stdout, stderr when captured */
  double tag;
  int pid;
  int open; /* uv handles not yet closed */
  bool exited, captured, forgotten;
  char buffer[65536];
};

/* ---- spawning ---- */

/* NUL-separated text as a NULL-terminated array that points into it. */
static char **split(const char *text, size_t len, size_t reserve) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) n += text[i] == '\0';
  char **list = calloc(n + reserve + 1, sizeof *list);
  if (!list) return NULL;
  const char *p = text;
  for (size_t i = 0; i < n; i++, p += strlen(p) + 1) list[i] = (char *)p;
  return list;
}

static bool same_name(const char *a, const char *b) {
  size_t n = strcspn(a, "=");
  return strncmp(a, b, n) == 0 && b[n] == '=';
}

static char **merged_env(const char *env, size_t len) {
  size_t n_old = 0;
  while (environ[n_old]) n_old++;
  char **list = split(env ? env : "", env ? len : 0, n_old);
  if (!list) return NULL;
  size_t n_new = 0;
  while (list[n_new]) n_new++;
  for (size_t i = 0, at = n_new; i < n_old; i++) {
    bool replaced = false;
    for (size_t j = 0; j < n_new && !replaced; j++) replaced = same_name(list[j], environ[i]);
    if (!replaced) list[at++] = environ[i];
  }
  return list;
}

static void on_handle_closed(uv_handle_t *handle) {
  vn_process *p = handle->data;
  vn__loop_ref((vn_loop *)handle->loop, -1);
  if (--p->open == 0) free(p);
}

static void on_exit_cb(uv_process_t *handle, int64_t status, int signum) {
  vn_process *p = handle->data;
  p->exited = true;
  if (p->forgotten) {
    uv_close((uv_handle_t *)handle, on_handle_closed);
    return;
  }
  vn_event *e = vn__loop_push((vn_loop *)handle->loop, VN_EV_EXIT, p->tag);
  e->n = (int32_t)status;
  e->status = signum;
  e->at_ns = vn_clock_now();
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  vn_process *p = handle->data;
  (void)suggested;
  *buf = uv_buf_init(p->buffer, sizeof p->buffer);
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  vn_process *p = stream->data;
  if (n < 0) {
    uv_read_stop(stream);
    return;
  }
  if (n == 0 || p->forgotten) return;
  vn_loop *l = (vn_loop *)stream->loop;
  char *copy = vn__loop_scratch(l, (size_t)n);
  memcpy(copy, buf->base, (size_t)n);
  vn_event *e = vn__loop_push(l, VN_EV_OUTPUT, p->tag);
  e->data = copy;
  e->len = (uint32_t)n;
  e->n = stream == (uv_stream_t *)&p->pipes[0] ? 1 : 2;
}

static void set_stdio(vn_process *p, uv_stdio_container_t *stdio, const vn_process_options *o, vn_loop *l, int file) {
  stdio[0].flags = UV_IGNORE;
  for (int i = 1; i <= 2; i++) {
    if (o->capture) {
      uv_pipe_init(&l->uv, &p->pipes[i - 1], 0);
      p->pipes[i - 1].data = p;
      stdio[i] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                        .data.stream = (uv_stream_t *)&p->pipes[i - 1]};
    } else {
      stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = file >= 0 ? file : i};
    }
  }
  stdio[3] = (uv_stdio_container_t){.flags = o->link_fd >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = o->link_fd};
}

static int spawn(vn_process *p, vn_loop *l, const vn_process_options *o, int file) {
  char **args = split(o->args, o->args_len, 0), **env = merged_env(o->env, o->env_len);
  uv_stdio_container_t stdio[4];
  int rc = args && env ? 0 : UV_ENOMEM;
  if (!rc) {
    set_stdio(p, stdio, o, l, file);
    uv_process_options_t options = {.file = args[0],
                                    .args = args,
                                    .env = env,
                                    .cwd = o->cwd,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = o->link_fd >= 0 ? 4 : 3,
                                    .exit_cb = on_exit_cb};
    rc = uv_spawn(&l->uv, &p->uv, &options);
  }
  if (rc) vn__fail(vn__errno_code(-rc), "cannot start %s: %s", args ? args[0] : "a process", uv_strerror(rc));
  free(args);
  free(env);
  return rc;
}

static void close_handles(vn_process *p) {
  uv_close((uv_handle_t *)&p->uv, on_handle_closed);
  for (int i = 0; p->captured && i < 2; i++) uv_close((uv_handle_t *)&p->pipes[i], on_handle_closed);
}

vn_process *vn_process_spawn(vn_loop *l, double tag, const vn_process_options *o) {
  int file = -1;
  if (o->output && (file = open(o->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) {
    vn__fail(vn__errno_code(errno), "%s: cannot create: %m", o->output);
    return NULL;
  }
  vn_process *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->tag = tag;
  p->captured = o->capture;
  p->uv.data = p;
  int rc = spawn(p, l, o, file);
  if (file >= 0) close(file);
  p->open = p->captured ? 3 : 1;
  vn__loop_ref(l, p->open);
  if (rc) {
    close_handles(p);
    return NULL;
  }
  for (int i = 0; p->captured && i < 2; i++) uv_read_start((uv_stream_t *)&p->pipes[i], on_alloc, on_output);
  p->pid = p->uv.pid;
  return p;
}

int vn_process_pid(const vn_process *p) { return p->pid; }

int vn_process_signal(vn_process *p, int signum) {
  if (p->exited) return VN_EDONE;
  if (kill(-p->pid, signum)) return vn__fail(vn__errno_code(errno), "cannot signal process group %d: %m", p->pid);
  return 0;
}

void vn_process_close(vn_process *p) {
  p->forgotten = true;
  close_handles(p);
}

/* ---- facts about this process ---- */

int vn_process_die_with_parent(int parent_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return getppid() == parent_pid ? 0 : vn__fail(VN_ECLOSED, "the manager is gone");
}

void vn_process_exit(int status) { _exit(status); }

int vn_process_self(void) { return getpid(); }

int vn_process_isatty(int fd) { return isatty(fd); }

int vn_process_columns(int fd) {
  struct winsize size;
  return ioctl(fd, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

int vn_process_cores(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int vn_process_raise_nofile(double *limit, double want) {
  struct rlimit r;
  if (getrlimit(RLIMIT_NOFILE, &r)) return vn__fail(vn__errno_code(errno), "cannot read the limit of open files: %m");
  if ((double)r.rlim_cur < want) {
    r.rlim_cur = (double)r.rlim_max < want ? r.rlim_max : (rlim_t)want;
    setrlimit(RLIMIT_NOFILE, &r);
  }
  *limit = (double)r.rlim_cur;
  return *limit < want ? VN_ELIMIT : 0;
}

double vn_process_rss_anon(void) {
  char line[256];
  double kib = 0;
  FILE *f = fopen("/proc/self/status", "re");
  if (!f) return 0;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "RssAnon: %lf", &kib) == 1) break;
  fclose(f);
  return kib * 1024;
}

/* ---- the supervisor ---- */

static const int GRACE_MS = 2000; /* between SIGTERM and SIGKILL */

static pid_t start_command(char **argv, const sigset_t *unblocked) {
  pid_t self = getpid(), pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != self) _exit(127);
  sigprocmask(SIG_SETMASK, unblocked, NULL);
  execvp(argv[0], argv);
  fprintf(stderr, "vernier: cannot run %s: %m\n", argv[0]);
  _exit(127);
}

/* Signals every direct child; descendants whose parent died have become direct children (subreaper). */
static void signal_children(int signum) {
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  FILE *f = fopen(path, "re");
  if (!f) return;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = '\0';
  for (char *p = text, *end; *p; p = end) {
    long pid = strtol(p, &end, 10);
    if (end == p) break;
    kill((pid_t)pid, signum);
  }
}

static void end_everything(pid_t command, const sigset_t *signals) {
  kill(-command, SIGTERM);
  signal_children(SIGTERM);
  for (int left = GRACE_MS; left > 0; left -= 50) {
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) return;
    sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = 50000000});
  }
  for (;;) {
    kill(-command, SIGKILL);
    signal_children(SIGKILL);
    if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD) return;
  }
}

/* Reaps; true when the command itself has ended. */
static bool command_ended(pid_t command, int *status) {
  int s;
  for (pid_t pid; (pid = waitpid(-1, &s, WNOHANG)) > 0;)
    if (pid == command) {
      *status = WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
      return true;
    }
  return false;
}

int vn_process_supervise(const char *args, size_t args_len) {
  sigset_t signals, unblocked;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, &unblocked);
  pid_t parent = getppid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (parent == 1 && getppid() == 1) return 127;
  char **argv = split(args, args_len, 0);
  pid_t command = argv && argv[0] ? start_command(argv, &unblocked) : -1;
  free(argv);
  if (command < 0) return 127;
  for (int status = 0;;) {
    int signum = sigwaitinfo(&signals, NULL);
    if (signum == SIGCHLD && command_ended(command, &status)) return status;
    if (signum == SIGTERM || signum == SIGINT) {
      end_everything(command, &signals);
      return 128 + signum;
    }
  }
}
