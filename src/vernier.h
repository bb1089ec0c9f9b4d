/*
 * vernier.h: the public surface of the core, and the only header that Lua sees.
 *
 * One file, two readers: the C compiler includes it, and the build runs `cc -E -P -DVN_CDEF` over it to make the
 * module `vernier.cdef`. So: opaque handles, tagged plain structs of fixed-width members, enums, integers, double,
 * `const char *` + `size_t`; no struct by value, bit-fields, varargs or function pointers.
 *
 * Times are double nanoseconds since the clock base (vn_clock_set_base), exact for 104 days; durations are double
 * nanoseconds. Functions return 0 or a count on success and a negative vn_error on failure; vn_errmsg() has the detail.
 * Argument order: handle, outputs, inputs. Who calls `new` or `open` calls `free` or `close`. C keeps no pointer into
 * Lua memory after a call returns. What an event points to is valid until the next vn_poll.
 */
#ifndef VERNIER_H
#define VERNIER_H

#ifndef VN_CDEF
#include <stddef.h>
#include <stdint.h>
#endif

enum { VN_ABI = 1 };

/* ---- errors ---- */

#define VN_ERRORS(X)                           \
  X(AGAIN, 1, "nothing yet, ask again")        \
  X(INVAL, 2, "invalid argument")              \
  X(NOMEM, 3, "out of memory")                 \
  X(IO, 4, "input/output error")               \
  X(NOSPC, 5, "no space left on device")       \
  X(CLOSED, 6, "closed")                       \
  X(TIMEDOUT, 7, "timed out")                  \
  X(RESOLVE, 8, "name not resolved")           \
  X(CONNECT, 9, "cannot connect")              \
  X(TLS, 10, "TLS failure")                    \
  X(RESET, 11, "connection closed by peer")    \
  X(PROTOCOL, 12, "protocol violated by peer") \
  X(LIMIT, 13, "limit reached")                \
  X(SYNTAX, 14, "syntax error")                \
  X(CORRUPT, 15, "corrupt data")               \
  X(ACCES, 16, "permission denied")            \
  X(NOENT, 17, "no such file or directory")    \
  X(EXIST, 18, "already exists")               \
  X(DONE, 19, "finished")

#define VN_ERROR_ENUM(name, number, text) VN_E##name = -number,
typedef enum vn_error { VN_OK = 0, VN_ERRORS(VN_ERROR_ENUM) } vn_error;

const char *vn_strerror(int error); /* the name's text, e.g. "timed out"; "unknown error" for other numbers */
const char *vn_errmsg(void);        /* detail of this thread's last failure; valid until its next failure */
int vn_abi(void);                   /* VN_ABI of the binary; checked at load */
const char *vn_version(void);

/* ---- clock ---- */

double vn_clock_now(void);                  /* ns since the base, CLOCK_MONOTONIC */
double vn_clock_wall_us(void);              /* us since 1970 (exact until 2255) */
double vn_clock_cpu_ns(void);               /* CPU time of this process, user + system */
int vn_clock_set_base(const char *decimal); /* absolute CLOCK_MONOTONIC ns; all local processes of a run share it */
const char *vn_clock_base(void);            /* the base as decimal text; valid until the next call */

/* ---- random numbers: xoshiro256**, keyed so that the same key gives the same stream ---- */

typedef struct vn_random {
  uint64_t s[4];
} vn_random;

void vn_random_seed(vn_random *r, double seed, double stream, double index); /* three integers below 2^53 */
double vn_random_next(vn_random *r);                                         /* uniform in [0, 1), 53 bits */
double vn_random_below(vn_random *r, double n);                              /* uniform integer in [0, n), unbiased */
double vn_random_exponential(vn_random *r, double mean);
double vn_random_normal(vn_random *r, double mean, double stddev);

/* ---- histogram: 1 ns to 24 h, 1-5 significant digits, merge by addition ---- */

enum { VN_HIST_MAGIC = 0x564e4831 };
typedef struct vn_hist vn_hist;
typedef struct vn_hist_cell {
  double from_ns, to_ns; /* [from, to) */
  double count;
  int32_t next; /* 0 before the first call */
  int32_t pad;
} vn_hist_cell;

vn_hist *vn_hist_new(int digits);              /* NULL: digits not in 1-5, or no memory */
vn_hist *vn_hist_salvage(const vn_hist *dead); /* repaired copy of one whose process was killed; NULL: it is none */
void vn_hist_free(vn_hist *h);
void vn_hist_record(vn_hist *h, double ns); /* below 1 ns counts as 1 ns (0 stays 0 in min), above 24 h as 24 h */
int vn_hist_add(vn_hist *h, const vn_hist *other);
void vn_hist_reset(vn_hist *h);
double vn_hist_count(const vn_hist *h);
double vn_hist_min(const vn_hist *h);    /* exact; 0 when empty */
double vn_hist_max(const vn_hist *h);    /* exact */
double vn_hist_mean(const vn_hist *h);   /* exact sum / count */
double vn_hist_stddev(const vn_hist *h); /* of the population, from exact sums */
double vn_hist_percentile(const vn_hist *h,
                          double p); /* highest value equivalent to the p-th percentile, at most max */
int vn_hist_next(const vn_hist *h, vn_hist_cell *cell); /* pull iterator over non-empty cells; 1, or 0 at the end */
double vn_hist_encoded_max(const vn_hist *h);           /* bytes that vn_hist_encode needs at most */
int vn_hist_encode(const vn_hist *h, char *out, size_t cap);      /* base64 text; its length or VN_ELIMIT */
int vn_hist_decode_add(vn_hist *h, const char *text, size_t len); /* adds an encoded histogram of equal digits */

/* ---- event loop: one per process, entered through vn_poll ---- */

typedef struct vn_loop vn_loop;

typedef enum vn_event_kind {
  VN_EV_TIMER = 1,
  VN_EV_SIGNAL,    /* n = signal number */
  VN_EV_EXIT,      /* process: n = exit status, status = signal number or 0 */
  VN_EV_OUTPUT,    /* process: data, n = 1 stdout or 2 stderr */
  VN_EV_MESSAGE,   /* link: data */
  VN_EV_HEARTBEAT, /* link: value = twice the peer's loop turns, odd while it waits */
  VN_EV_CLOSED,    /* link or stream is gone; status says why */
  VN_EV_RESPONSE,  /* http client: status = 0 or vn_error; n = HTTP status; head, data = body; sent_ns, at_ns */
  VN_EV_RESOLVED,  /* http client: status */
  VN_EV_REQUEST    /* http server: value = request handle; see vn_server */
} vn_event_kind;

typedef struct vn_event {
  double tag;     /* who asked: generation * 2^20 + index, given by the scheduler */
  double at_ns;   /* arrival stamp */
  double sent_ns; /* first byte written; 0 = never */
  double value;
  const char *data;
  const char *head;
  uint32_t len;
  uint32_t head_len;
  int32_t kind;
  int32_t status;
  int32_t n;
  int32_t pad;
} vn_event;

typedef struct vn_loop_state { /* read-only for Lua */
  vn_event *events;            /* filled by vn_poll */
  double polled_ns;            /* when the last poll returned */
  double turns;                /* polls so far */
  double stalls;               /* turns that took over 10 ms outside vn_poll */
  double longest_stall_ns;
  double tags_stale; /* counted by the scheduler: events of a stale generation */
} vn_loop_state;

typedef enum vn_pacing { VN_PACING_PRECISE = 0, VN_PACING_ECONOMICAL, VN_PACING_BATCHED } vn_pacing;

vn_loop *vn_loop_new(void);
void vn_loop_free(vn_loop *l); /* every handle must be closed before; returns after the loop has closed clean */
vn_loop_state *vn_loop_get_state(vn_loop *l);
void vn_loop_set_pacing(vn_loop *l, int pacing);
int vn_poll(vn_loop *l, double until_ns); /* waits for events or the instant; number of events; until <= now: no wait */
int vn_loop_timer(vn_loop *l, double tag, double at_ns); /* one VN_EV_TIMER; cancelled by dropping the tag */
int vn_loop_signal(vn_loop *l, double tag, int signum);  /* persistent VN_EV_SIGNAL until the loop is freed */
int vn_loop_handles(vn_loop *l);                         /* open handles other than the loop's own; 0 = clean */

/* ---- processes ---- */

typedef struct vn_process vn_process;
typedef struct vn_process_options {
  const char *args;   /* NUL-separated, args_len bytes; the first is the program */
  const char *env;    /* NUL-separated NAME=VALUE that replace or extend the environment; may be NULL */
  const char *cwd;    /* NULL = inherited */
  const char *output; /* file that receives stdout and stderr (appended); NULL = see capture */
  uint32_t args_len, env_len;
  int32_t link_fd; /* becomes fd 3 of the child; -1 = none */
  int32_t capture; /* 1: stdout and stderr arrive as VN_EV_OUTPUT; 0: inherited */
} vn_process_options;

vn_process *vn_process_spawn(vn_loop *l, double tag, const vn_process_options *o); /* NULL: see vn_errmsg */
int vn_process_pid(const vn_process *p);
int vn_process_signal(vn_process *p, int signum); /* to its process group */
void vn_process_close(vn_process *p);             /* forgets it: does not end it */
int vn_process_die_with_parent(int parent_pid);   /* PDEATHSIG = SIGKILL, then checks that the parent still lives */
int vn_process_supervise(const char *args,
                         size_t args_len); /* supervisor's main: runs a command, ends all it started */
void vn_process_exit(int status);          /* at once: nothing is closed or freed */
int vn_process_self(void);                 /* pid */
int vn_process_isatty(int fd);
int vn_process_columns(int fd);                          /* terminal width, or 0 */
int vn_process_cores(void);                              /* usable by this process */
int vn_process_raise_nofile(double *limit, double want); /* raises the soft limit up to the hard one */
double vn_process_rss_anon(void);                        /* bytes, from /proc/self/status */

/* ---- link: framed messages between manager and worker ---- */

enum { VN_LINK_MAX = 64 * 1024 * 1024 }; /* bytes a message may have */
typedef struct vn_link vn_link;

int vn_link_pair(int *fds);                                  /* a connected, close-on-exec socket pair */
vn_link *vn_link_open(vn_loop *l, double tag, int fd);       /* persistent tag: MESSAGE, HEARTBEAT, then one CLOSED */
int vn_link_send(vn_link *k, const char *data, size_t len);  /* queued whole; VN_ECLOSED, VN_ELIMIT */
int vn_link_start_heartbeat(vn_link *k, double interval_ns); /* a thread that sends the loop's turns */
double vn_link_pending(vn_link *k);                          /* bytes queued and not yet written */
int vn_link_flush(vn_link *k, double timeout_ns);            /* blocks until written; VN_ETIMEDOUT, VN_ECLOSED */
void vn_link_close(vn_link *k);

/* ---- files ---- */

int vn_file_mkdir(const char *path, int mode); /* with parents; an existing folder is fine */
int vn_file_kind(const char *path);            /* 'f' file, 'd' folder, 'o' other, or VN_ENOENT, VN_EACCES */
int vn_file_writable(const char *path);        /* 0 if a file can be created or written there; leaves no trace */
int vn_file_list(const char *path, char *out, size_t cap); /* NUL-separated names, sorted; bytes, or VN_ELIMIT */
int vn_file_remove(const char *path);
int vn_file_chdir(const char *path);
int vn_file_realpath(const char *path, char *out, size_t cap);
int vn_file_write(const char *path, const char *data, size_t len, int mode); /* whole, by rename; VN_ENOSPC … */

/* ---- journal: append-only, checksummed records ---- */

typedef struct vn_journal vn_journal;
vn_journal *vn_journal_create(const char *path);                    /* NULL: see vn_errmsg; fails if it exists */
vn_journal *vn_journal_open(const char *path);                      /* for reading */
int vn_journal_append(vn_journal *j, const char *data, size_t len); /* whole or not at all; VN_ENOSPC, VN_EIO */
/* 1; 0 at the end; VN_ECORRUPT for each damaged record, which is passed over (a torn one is the last). The data is
 * valid until the next call. */
int vn_journal_next(vn_journal *j, const char **data, size_t *len);
void vn_journal_close(vn_journal *j);

/* ---- load: run slots, transactions, counters and histograms of one load in one worker ---- */

enum { VN_CLASS_MAX = 32, VN_OP_MAX = 64, VN_NAME_MAX = 64 };

typedef enum vn_clock_kind { VN_RESPONSE = 0, VN_SERVICE, VN_LATENESS, VN_BLOCKED, VN_CLOCKS } vn_clock_kind;

typedef struct vn_counters { /* of one operation in one interval, or sums of such */
  double submitted, ok, failed, unfinished;
  double trimmed;               /* transactions left out of histograms and rates */
  double classes[VN_CLASS_MAX]; /* failed, by class number */
} vn_counters;

typedef struct vn_load_counters { /* of a load in one interval */
  double runs, empty, dropped, late;
  double last_due_ns;              /* highest intended time of a run, since round start */
  double first_ns, last_finish_ns; /* of the untrimmed transactions, since round start; first is -1 when none */
  double seq;                      /* number of this interval, from 1 */
  double from_ns, to_ns;           /* since round start; to is 0 while the interval is open */
} vn_load_counters;

typedef struct vn_stats { /* of a load in one worker since the round's start; what feedback controllers read */
  double runs, runs_finished, in_flight;  /* run slots */
  double submitted, finished, ok, failed; /* transactions */
  double response_sum_ns, service_sum_ns; /* over finished */
  double dropped, late, permitted;
  double last_finish_ns; /* since round start */
} vn_stats;

typedef struct vn_run {
  double index;       /* in the plan, 0-based, unique over all workers */
  double intended_ns; /* absolute */
  double started_ns;
  int32_t sends, trimmed;
  int32_t next, pad; /* free list */
} vn_run;

typedef struct vn_tx {
  double intended_ns, started_ns; /* absolute */
  double sent_ns;                 /* 0: the connector knows no moment of sending; started counts */
  double finished_ns;             /* 0: now, when it is closed */
  int32_t run, op;
  int32_t first, trimmed; /* first send of its run */
  int32_t next, pad;
} vn_tx;

enum { VN_CATCH_UP_ALL = 0, VN_CATCH_UP_DROP };

typedef struct vn_load_options {
  double number;      /* runs of this worker; < 0: no limit */
  double duration_ns; /* 0: no limit */
  double trim_runs;   /* first and last runs of this worker that are left out of the headline */
  double trim_ns;     /* the same in intended time, for rounds by duration */
  double late_after_ns;
  double max_in_flight;  /* run slots; at least 1 */
  double budget_ns;      /* take() gives AGAIN when this long has passed since the last poll */
  const char *live_path; /* file of the live interval; NULL: memory only */
  int32_t catch_up;
  int32_t digits;   /* of the histograms */
  int32_t feedback; /* permits answer to what has finished: those left at the end were no promise and are not dropped */
  int32_t pad;
} vn_load_options;

typedef struct vn_load vn_load;
typedef struct vn_live vn_live; /* the current interval: counters and histograms, in a shared mapping of a file */

vn_load *vn_load_new(vn_loop *l, const vn_load_options *o);
void vn_load_free(vn_load *d); /* removes the live file: what it held is in the journal */
void vn_load_keep(vn_load *d); /* … unless it is not: the file stays */
void vn_load_start(vn_load *d, double start_ns);
int vn_load_permit(vn_load *d, double index,
                   double due_ns); /* due since round start. 0; EAGAIN queue full; EDONE over */
void vn_load_turn(vn_load *d);     /* the pacer's turn begins: the budget counts from here */
int vn_load_take(vn_load *d); /* a run slot that is due, or EAGAIN (none due, or budget), ELIMIT in flight, EDONE */
void vn_load_release(vn_load *d, int run); /* the run is over */
vn_run *vn_load_run(vn_load *d, int run);  /* stays at its address while the load lives */
int vn_load_operation(vn_load *d,
                      const char *name);         /* number of the operation, made if new; ELIMIT: VN_OP_MAX reached */
int vn_load_class(vn_load *d, const char *name); /* number of the error class, made if new; ELIMIT */
int vn_tx_open(vn_load *d, int run, int op);     /* a transaction starts */
vn_tx *vn_load_tx(vn_load *d, int tx);
void vn_tx_close(vn_load *d, int tx, int class_number); /* ok: -1 */
double vn_load_next_due(const vn_load *d); /* absolute ns of the next due run that may start, or infinity */
double vn_load_queued(const vn_load *d);   /* permitted and not yet taken */
void vn_load_stop(vn_load *d);             /* sending stops; what is overdue is dropped, the rest was never permitted */
void vn_load_finish(vn_load *d);           /* open transactions become unfinished */
const vn_stats *vn_load_stats(const vn_load *d);
vn_live *vn_load_live(vn_load *d);
void vn_load_next_interval(vn_load *d); /* the closed interval has been written: clear and go on with seq + 1 */

vn_live *vn_live_open(const char *path); /* of a process that may be dead; NULL: see vn_errmsg */
void vn_live_close(vn_live *v);
const vn_load_counters *vn_live_counters(vn_live *v);
int vn_live_settled(const vn_live *v);                   /* 1: being cleared, its interval is in the journal already */
int vn_live_operations(const vn_live *v);                /* how many */
const char *vn_live_operation(const vn_live *v, int op); /* its name */
const vn_counters *vn_live_operation_counters(vn_live *v, int op);
vn_hist *vn_live_hist(vn_live *v, int op, int clock);
int vn_live_classes(const vn_live *v);
const char *vn_live_class(const vn_live *v, int class_number);

/* ---- YAML and JSON as node trees with positions ---- */

/*
 * A pull parser: the document's nodes in file order, each with its place. Aliases, merge keys and types are the
 * reader's business (vernier.core.yaml). JSON is read the same way, being almost a subset.
 */
enum { VN_YAML_BYTES_MAX = 16 * 1024 * 1024, VN_YAML_DEPTH_MAX = 100 };

typedef enum vn_yaml_kind {
  VN_YAML_SCALAR = 1,
  VN_YAML_SEQUENCE, /* its entries follow, then VN_YAML_END */
  VN_YAML_MAPPING,  /* keys and values follow in turn, then VN_YAML_END */
  VN_YAML_END,
  VN_YAML_ALIAS,
  VN_YAML_DOCUMENT /* a document begins */
} vn_yaml_kind;

typedef struct vn_yaml vn_yaml;
typedef struct vn_yaml_node { /* texts are NUL-terminated and valid until the next call */
  const char *text;           /* scalar: its value; alias: the anchor's name; NULL otherwise */
  const char *anchor;         /* NULL = none */
  const char *tag;            /* resolved, e.g. "tag:yaml.org,2002:str"; NULL = none */
  uint32_t len;               /* bytes of text */
  int32_t kind;
  int32_t plain;        /* scalar without quotes and not a block: its type follows from its text */
  int32_t line, column; /* from 1, in characters; after a failure the place of the problem */
  int32_t pad;
} vn_yaml_node;

vn_yaml *vn_yaml_open(const char *text, size_t len); /* copies the text; NULL: too long or no memory, see vn_errmsg */
int vn_yaml_next(vn_yaml *y, vn_yaml_node *node);    /* 1; 0 at the end; VN_ESYNTAX, VN_ELIMIT, VN_ENOMEM */
void vn_yaml_close(vn_yaml *y);

/* ---- HTTP/1.1 client and server ---- */

typedef enum vn_http_method {
  VN_METHOD_OTHER = 0,
  VN_METHOD_GET,
  VN_METHOD_HEAD,
  VN_METHOD_POST,
  VN_METHOD_PUT,
  VN_METHOD_DELETE,
  VN_METHOD_CONNECT,
  VN_METHOD_OPTIONS,
  VN_METHOD_TRACE,
  VN_METHOD_PATCH,
  VN_METHODS
} vn_http_method;

const char *vn_http_method_name(int method); /* "?" for VN_METHOD_OTHER */

typedef struct vn_http_options {
  const char *host;          /* name or address: resolved, connected to, verified by TLS; NULL with path */
  const char *path;          /* of a unix socket; NULL: TCP */
  const char *header;        /* value of the Host field; NULL: host and port */
  const char *ca;            /* TLS: PEM file of trusted certificates; NULL: the system's store */
  double connect_timeout_ns; /* TCP and TLS handshake; also name resolution */
  double request_timeout_ns; /* from submit to the whole response; 0: none */
  int32_t port;
  int32_t tls;         /* 1: HTTPS */
  int32_t verify;      /* TLS: 0 takes any certificate */
  int32_t connections; /* opened when needed, at most this many */
  uint32_t max_head;   /* bytes of a response's head; 0: 64 KiB */
  uint32_t max_body;   /* bytes of a response's body; 0: 64 MiB */
} vn_http_options;

enum { VN_HTTP_OWN_HOST = 1 }; /* flag: the request's headers hold a Host field */

typedef struct vn_http_request { /* copied by submit */
  const char *method;
  const char *path;    /* path and query */
  const char *headers; /* lines "Name: value\r\n" without Host and Content-Length; may be NULL */
  const char *body;    /* NULL: none */
  uint32_t method_len, path_len, headers_len, body_len;
  double timeout_ns; /* 0: the client's */
  int32_t flags;
  int32_t pad;
} vn_http_request;

typedef struct vn_http_stats {
  double connects;                    /* connections established so far */
  double responses, errors;           /* events so far */
  int32_t open, idle, active, queued; /* connections open and of these idle; requests sent, requests waiting */
} vn_http_stats;

typedef struct vn_http vn_http;

/*
 * A client of one server with a pool of keep-alive connections. The name is resolved at once: one VN_EV_RESOLVED with
 * this tag. Requests that find no free connection wait in order. No retries, no redirects.
 */
vn_http *vn_http_new(vn_loop *l, double tag, const vn_http_options *o); /* NULL: see vn_errmsg */
/*
 * Exactly one VN_EV_RESPONSE with the tag follows, from a later vn_poll: status 0, n, head (header lines), data (body);
 * or a negative vn_error with the reason as text in data. sent_ns = just before the first byte was written, 0 = never.
 */
int vn_http_submit(vn_http *h, double tag, const vn_http_request *r); /* VN_EINVAL, VN_ENOMEM */
void vn_http_cancel_all(vn_http *h); /* drops all requests and connections; no event follows for any of them */
void vn_http_get_stats(const vn_http *h, vn_http_stats *out);
void vn_http_free(vn_http *h); /* as cancel_all; before vn_loop_free */

typedef struct vn_server_options {
  const char *host;        /* numeric address; NULL: 127.0.0.1 */
  const char *cert, *key;  /* PEM files: serves HTTPS; NULL: plain */
  const char *arrival_log; /* file: a line "<absolute CLOCK_MONOTONIC ns> <method> <path>" per request; NULL: none */
  int32_t port;            /* 0: any free port */
  int32_t max_connections; /* more are closed at once; 0: 10,000 */
  uint32_t max_head;       /* bytes of a request's head; 0: 16 KiB */
  uint32_t max_body;       /* bytes of a request's body; 0: 1 MiB */
} vn_server_options;

typedef struct vn_server_response { /* copied by reply */
  const char *headers;              /* lines "Name: value\r\n" without Content-Length; may be NULL */
  const char *body;
  uint32_t headers_len, body_len;
  int32_t status;
  int32_t close; /* 1: the connection ends after this response */
} vn_server_response;

typedef struct vn_server vn_server;

/*
 * Every request is a VN_EV_REQUEST with the tag: value = its handle, n = vn_http_method, head = path and query,
 * data = body. Requests of one connection come one after the other, each after the reply to the one before.
 */
vn_server *vn_server_new(vn_loop *l, double tag, const vn_server_options *o); /* NULL: see vn_errmsg */
int vn_server_port(const vn_server *s);
int vn_server_reply(vn_server *s, double handle, const vn_server_response *r); /* VN_ECLOSED: the client has gone */
int vn_server_close_connection(vn_server *s, double handle, int reset); /* instead of a reply; reset: with a TCP RST */
double vn_server_connections(const vn_server *s);
int vn_server_flush_log(vn_server *s); /* writes what the arrival log has buffered; VN_EIO, VN_ENOSPC */
void vn_server_free(vn_server *s);     /* closes everything, completes the log */

#endif
