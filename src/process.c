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

enum { PIPES = 3 }; /* stdout and stderr when captured, the report: fds 1 to 3 of the child */

struct vn_process {
  uv_process_t uv;
  uv_pipe_t pipes[PIPES];
  double tag;
  int pid;
  int open; /* uv handles not yet closed */
  bool exited, forgotten;
  bool piped[PIPES];
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
  if (n < 0) uv_read_stop(stream);
  if (n == 0 || p->forgotten) return;
  vn_loop *l = (vn_loop *)stream->loop;
  size_t len = n < 0 ? 0 : (size_t)n;
  char *copy = vn__loop_scratch(l, len + 1);
  if (len) memcpy(copy, buf->base, len);
  vn_event *e = vn__loop_push(l, VN_EV_OUTPUT, p->tag);
  e->data = copy;
  e->len = (uint32_t)len;
  e->n = (int32_t)((uv_pipe_t *)stream - p->pipes) + 1;
}

static void add_pipe(vn_process *p, uv_stdio_container_t *stdio, vn_loop *l, int i) {
  uv_pipe_init(&l->uv, &p->pipes[i], 0);
  p->pipes[i].data = p;
  p->piped[i] = true;
  p->open++;
  *stdio =
      (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->pipes[i]};
}

/* files: what receives stdout and stderr; -1: none. */
static void set_stdio(vn_process *p, uv_stdio_container_t *stdio, const vn_process_options *o, vn_loop *l,
                      const int *files) {
  stdio[0].flags = UV_IGNORE;
  for (int i = 0; i < 2; i++) {
    if (files[i] < 0 && o->capture)
      add_pipe(p, &stdio[i + 1], l, i);
    else
      stdio[i + 1] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = files[i] >= 0 ? files[i] : i + 1};
  }
  if (o->report)
    add_pipe(p, &stdio[3], l, 2);
  else
    stdio[3] = (uv_stdio_container_t){.flags = o->link_fd >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = o->link_fd};
}

static int spawn(vn_process *p, vn_loop *l, const vn_process_options *o, const int *files) {
  char **args = split(o->args, o->args_len, 0), **env = merged_env(o->env, o->env_len);
  uv_stdio_container_t stdio[4];
  int rc = args && env ? 0 : UV_ENOMEM;
  if (!rc) {
    set_stdio(p, stdio, o, l, files);
    uv_process_options_t options = {.file = args[0],
                                    .args = args,
                                    .env = env,
                                    .cwd = o->cwd,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = o->report || o->link_fd >= 0 ? 4 : 3,
                                    .exit_cb = on_exit_cb};
    p->open++;
    rc = uv_spawn(&l->uv, &p->uv, &options);
  }
  if (rc) vn__fail(vn__errno_code(-rc), "cannot start %s: %s", args ? args[0] : "a process", uv_strerror(rc));
  free(args);
  free(env);
  return rc;
}

static void close_handles(vn_process *p) {
  uv_close((uv_handle_t *)&p->uv, on_handle_closed);
  for (int i = 0; i < PIPES; i++)
    if (p->piped[i]) uv_close((uv_handle_t *)&p->pipes[i], on_handle_closed);
}

/* -1 without a path, or after a failure, which *rc tells. */
static int open_output(int *rc, const char *path, bool truncate) {
  if (!path) return -1;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (truncate ? O_TRUNC : 0), 0600);
  if (fd < 0) *rc = vn__fail(vn__errno_code(errno), "%s: cannot create: %m", path);
  return fd;
}

static vn_process *start(vn_loop *l, double tag, const vn_process_options *o, const int *files) {
  vn_process *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->tag = tag;
  p->uv.data = p;
  int rc = spawn(p, l, o, files);
  vn__loop_ref(l, p->open);
  if (rc && p->open == 0) {
    free(p);
    return NULL;
  }
  if (rc) {
    close_handles(p);
    return NULL;
  }
  for (int i = 0; i < PIPES; i++)
    if (p->piped[i]) uv_read_start((uv_stream_t *)&p->pipes[i], on_alloc, on_output);
  p->pid = p->uv.pid;
  return p;
}

vn_process *vn_process_spawn(vn_loop *l, double tag, const vn_process_options *o) {
  int rc = 0, files[2];
  files[0] = open_output(&rc, o->output, o->truncate & VN_TRUNCATE_OUTPUT);
  int errors = rc ? -1 : open_output(&rc, o->errors, o->truncate & VN_TRUNCATE_ERRORS);
  files[1] = errors >= 0 ? errors : files[0];
  vn_process *p = rc ? NULL : start(l, tag, o, files);
  if (files[0] >= 0) close(files[0]);
  if (errors >= 0) close(errors);
  return p;
}

int vn_process_pid(const vn_process *p) { return p->pid; }

int vn_process_signal(vn_process *p, int signum) {
  if (p->exited) return VN_EDONE;
  if (kill(-p->pid, signum)) return vn__fail(vn__errno_code(errno), "cannot signal process group %d: %m", p->pid);
  return 0;
}

int vn_process_stop(vn_process *p, int signum) {
  if (p->exited) return VN_EDONE;
  if (sigqueue(p->pid, SIGUSR1, (union sigval){.sival_int = signum}))
    return vn__fail(vn__errno_code(errno), "cannot ask process %d to stop: %m", p->pid);
  return 0;
}

void vn_process_close(vn_process *p) {
  p->forgotten = true;
  close_handles(p);
}

/* ---- facts about this process ---- */

void vn_process_adopt(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }

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

static const double GRACE_NS = 2e9, ORPHAN_GRACE_NS = 0.5e9; /* between SIGTERM and SIGKILL; when the parent died */
enum { REPORT_FD = 3, CANNOT_RUN = 127, STEP_NS = 50000000 };

typedef struct supervisor {
  const vn_supervise_options *options;
  sigset_t signals, unblocked;
  pid_t parent, command;
  int status;      /* of the command once it has ended, as a shell has it: 128 + n after signal n */
  int stop_signal; /* by which the command was asked to stop; 0: it was not */
  bool ended;
} supervisor;

static const struct {
  const char *name;
  int resource;
} LIMITS[VN_LIMITS] = {
    [VN_LIMIT_NOFILE] = {"nofile", RLIMIT_NOFILE},
    [VN_LIMIT_MEMORY] = {"memory", RLIMIT_AS},
    [VN_LIMIT_CPU] = {"cpu", RLIMIT_CPU},
    [VN_LIMIT_CORE] = {"core", RLIMIT_CORE},
    [VN_LIMIT_PROCESSES] = {"processes", RLIMIT_NPROC},
};

static void tell(const supervisor *s, const char *what, int n) {
  if (s->options->report) dprintf(REPORT_FD, "%s %d\n", what, n);
}

/* The first limit that cannot be set, or -1. At the soft limit of CPU time comes SIGXCPU, which says why it ended; at
 * the hard one SIGKILL. */
static int set_limits(const double *limits) {
  for (int i = 0; i < VN_LIMITS; i++) {
    if (limits[i] < 0) continue;
    rlim_t value = (rlim_t)limits[i];
    struct rlimit r = {.rlim_cur = value, .rlim_max = i == VN_LIMIT_CPU ? value + 1 : value};
    if (setrlimit(LIMITS[i].resource, &r)) return i;
  }
  return -1;
}

/* Becomes the command; what prevents that is written to fd. */
static void run_command(const supervisor *s, char **argv, pid_t parent, int fd) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(CANNOT_RUN);
  signal(SIGPIPE, SIG_DFL); /* ignored by vernier itself, and that would be inherited */
  signal(SIGXFSZ, SIG_DFL);
  sigprocmask(SIG_SETMASK, &s->unblocked, NULL);
  int limit = set_limits(s->options->limits);
  if (limit >= 0) {
    dprintf(fd, "cannot limit %s to %.0f: %m", LIMITS[limit].name, s->options->limits[limit]);
  } else {
    execvp(argv[0], argv);
    dprintf(fd, "cannot run %s: %m", argv[0]);
  }
  _exit(CANNOT_RUN);
}

static int refuse(const supervisor *s, const char *message) {
  if (s->options->report)
    dprintf(REPORT_FD, "failed %s\n", message);
  else
    fprintf(stderr, "vernier: %s\n", message);
  return VN_EINVAL;
}

/* Returns when the command is running. */
static int start_command(supervisor *s, char **argv) {
  int fds[2];
  char message[512];
  pid_t self = getpid();
  if (pipe2(fds, O_CLOEXEC)) return refuse(s, "cannot make a pipe");
  s->command = fork();
  if (s->command == 0) run_command(s, argv, self, fds[1]);
  close(fds[1]);
  ssize_t n = s->command < 0 ? 0 : read(fds[0], message, sizeof message - 1);
  close(fds[0]);
  if (s->command < 0) return refuse(s, "cannot make a process");
  if (n > 0) {
    message[n] = '\0';
    waitpid(s->command, NULL, 0);
    return refuse(s, message);
  }
  tell(s, "started", s->command);
  return 0;
}

/* Signals the direct children outside the group; a descendant whose parent died has become a direct child. */
static void signal_children(pid_t group, int signum) {
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  FILE *f = fopen(path, "re");
  if (!f) return;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  while (n > 0 && text[n - 1] != ' ') n--; /* half a number is another process */
  text[n] = '\0';
  for (char *p = text, *end; *p; p = end) {
    long pid = strtol(p, &end, 10);
    if (end == p) break;
    if (group == 0 || getpgid((pid_t)pid) != group) kill((pid_t)pid, signum);
  }
}

static void signal_everything(const supervisor *s, int signum) {
  if (!s->ended) kill(-s->command, signum);
  signal_children(s->ended ? 0 : s->command, signum);
}

/* Reaps one child: its pid; 0: none has ended (with WNOHANG); -1: there is none. */
static pid_t reap_one(supervisor *s, int flags) {
  int status;
  pid_t pid = waitpid(-1, &status, flags);
  if (pid > 0 && pid == s->command && !s->ended) {
    s->ended = true;
    s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (WIFEXITED(status))
      tell(s, "exit", WEXITSTATUS(status));
    else
      tell(s, "signal", WTERMSIG(status));
  }
  return pid;
}

/* Reaps what has ended; false when no child is left. */
static bool reap(supervisor *s) {
  pid_t pid;
  while ((pid = reap_one(s, WNOHANG)) > 0) continue;
  return pid == 0;
}

/* A stopped process and one that ignores SIGTERM do not escape SIGKILL, nor does what they start meanwhile: whoever is
 * left when its parent has died is a child of ours before that death can be seen. */
static void kill_everything(supervisor *s) {
  do signal_everything(s, SIGKILL);
  while (reap_one(s, 0) > 0);
}

static void end_everything(supervisor *s) {
  double from_ns = vn_clock_now(), grace_ns;
  signal_everything(s, SIGTERM);
  do {
    if (!reap(s)) return;
    if (sigtimedwait(&s->signals, NULL, &(struct timespec){.tv_nsec = STEP_NS}) == SIGUSR2) break;
    grace_ns = getppid() == s->parent ? GRACE_NS : ORPHAN_GRACE_NS;
  } while (vn_clock_now() - from_ns < grace_ns);
  kill_everything(s);
}

/* To the command's group, as a terminal's Ctrl-C; to others when the command has ended. */
static void ask_to_stop(supervisor *s, int signum) {
  s->stop_signal = signum;
  if (s->ended)
    signal_children(0, signum);
  else
    kill(-s->command, signum);
}

/* Whether all is over after a signal that the supervisor itself got. */
static bool handle(supervisor *s, int signum, const siginfo_t *info) {
  bool ended_before = s->ended, left = reap(s);
  if (signum == SIGTERM || signum == SIGINT) {
    end_everything(s);
    if (!ended_before) s->status = 128 + signum;
    return true;
  }
  if (signum == SIGUSR2) {
    kill_everything(s);
    return true;
  }
  if (!left || (s->ended && s->options->leave)) return true;
  if (signum == SIGUSR1 && info->si_code == SI_QUEUE) ask_to_stop(s, info->si_value.sival_int);
  if (s->ended && !s->stop_signal) {
    end_everything(s);
    return true;
  }
  if (s->ended && !ended_before && signum == SIGCHLD) signal_children(s->command, s->stop_signal);
  return false;
}

int vn_process_supervise(const vn_supervise_options *o) {
  static const int SIGNALS[] = {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
  supervisor s = {.options = o, .parent = getppid()};
  if (o->report) fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
  sigemptyset(&s.signals);
  for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) sigaddset(&s.signals, SIGNALS[i]);
  sigprocmask(SIG_BLOCK, &s.signals, &s.unblocked);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != (o->parent_pid ? o->parent_pid : s.parent)) return CANNOT_RUN;
  char **argv = split(o->args, o->args_len, 0);
  int rc = argv && argv[0] ? start_command(&s, argv) : VN_EINVAL;
  free(argv);
  if (rc < 0) return CANNOT_RUN;
  for (;;) {
    siginfo_t info;
    int signum = sigwaitinfo(&s.signals, &info);
    if (signum > 0 && handle(&s, signum, &info)) return s.status;
  }
}
