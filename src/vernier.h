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

enum { VN_ABI = 8 };

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
  X(DONE, 19, "finished")                      \
  X(BUSY, 20, "in use")

#define VN_ERROR_ENUM(name, number, text) VN_E##name = -number,
typedef enum vn_error { VN_OK = 0, VN_ERRORS(VN_ERROR_ENUM) } vn_error;

const char *vn_strerror(int error); /* the name's text, e.g. "timed out"; "unknown error" for other numbers */
const char *vn_errmsg(void);        /* detail of this thread's last failure; valid until its next failure */
int vn_abi(void);                   /* VN_ABI of the binary; checked at load */
const char *vn_version(void);

double vn_lua_bytes(void); /* what this process's Lua state holds */

/* ---- clock ---- */

double vn_clock_now(void);                  /* ns since the base, CLOCK_MONOTONIC */
const char *vn_clock_source(void);          /* what time is read from: "tsc" or "clock_gettime" */
double vn_clock_wall_us(void);              /* us since 1970 (exact until 2255) */
double vn_clock_cpu_ns(void);               /* CPU time of this process, user + system */
int vn_clock_set_base(const char *decimal); /* absolute CLOCK_MONOTONIC ns; all local processes of a run share it */
const char *vn_clock_base(void);            /* the base as decimal text; valid until the next call */
void vn_clock_set_now(double ns);           /* moves the base so that now is this: a clock goes on that has stopped */

/* ---- random numbers: xoshiro256**, keyed so that the same key gives the same stream ---- */

typedef struct vn_random {
  uint64_t s[4];
} vn_random;

void vn_random_seed(vn_random *r, double seed, double stream, double index); /* three integers below 2^53 */
double vn_random_next(vn_random *r);                                         /* uniform in [0, 1), 53 bits */
double vn_random_below(vn_random *r, double n);                              /* uniform integer in [0, n), unbiased */
double vn_random_exponential(vn_random *r, double mean);
double vn_random_normal(vn_random *r, double mean, double stddev);

/* ---- digests ---- */

enum { VN_KECCAK_BYTES = 32, VN_SHA256_BYTES = 32, VN_SHA512_BYTES = 64 };

void vn_keccak256(uint8_t *out, const uint8_t *data, size_t len);    /* as Ethereum has it: not SHA3-256 */
int vn_digest_sha256(uint8_t *out, const uint8_t *data, size_t len); /* VN_ENOMEM */
/* 64 bytes each; VN_EINVAL: too long, VN_ENOMEM */
int vn_digest_hmac_sha512(uint8_t *out, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len);
int vn_digest_pbkdf2_sha512(uint8_t *out, const uint8_t *password, size_t password_len, const uint8_t *salt,
                            size_t salt_len, int iterations);

/* ---- bytes as text ---- */

void vn_hex_encode(char *out, const uint8_t *data, size_t len); /* 2 len digits in lower case, no 0x, no NUL */
int vn_hex_decode(uint8_t *out, const char *text, size_t len);  /* len / 2 bytes; 0, or VN_ESYNTAX */
/* RFC 4648 with padding, in its one form. 4 bytes for each 3 begun; 3 at most for each 4. Bytes written, or VN_ESYNTAX.
 */
int vn_base64_encode(char *out, const uint8_t *data, size_t len);
int vn_base64_decode(uint8_t *out, const char *text, size_t len);

/* ---- word: an integer of up to 256 bits as 32 bytes, the greatest first, in two's complement ---- */

enum { VN_WORD_BYTES = 32, VN_WORD_TEXT_MAX = 80 };

/*
 * bits: 1 to 256, negative for a signed type. 0, or VN_ELIMIT: not in the range of the type; VN_ESYNTAX: not whole, not
 * decimal, 0x… or one of these with a minus; VN_EINVAL: a number of 2^53 or more, which may have been another integer.
 */
int vn_word_set_number(uint8_t *word, double value, int bits);
int vn_word_set_int(uint8_t *word, int64_t value, int bits);
int vn_word_set_uint(uint8_t *word, uint64_t value, int bits);
int vn_word_set_text(uint8_t *word, const char *text, size_t len, int bits);
double vn_word_get_number(const uint8_t *word, int bits); /* NaN: not in the range of the type, or 2^53 or more */
/* Decimal, at most VN_WORD_TEXT_MAX bytes without NUL; their number, or VN_ELIMIT: not in the range of the type. */
int vn_word_get_text(char *out, const uint8_t *word, int bits);
int vn_word_len(const uint8_t *word); /* bytes without the leading zeros: 0 to 32 */

/* ---- k256: keys and recoverable signatures on secp256k1 ---- */

enum { VN_K256_PUBLIC_BYTES = 64, VN_K256_COMPRESSED_BYTES = 33, VN_K256_SIGNATURE_BYTES = 65 };

typedef struct vn_k256_key { /* filled by init; wiped where it fails */
  uint8_t secret[32];
  uint8_t public_key[64]; /* x, y */
} vn_k256_key;

int vn_k256_init(vn_k256_key *key, const uint8_t *secret); /* 32 bytes; VN_EINVAL: no private key; VN_EIO */
int vn_k256_add(vn_k256_key *key, const uint8_t *tweak);   /* secret + tweak, modulo the order; as init */
void vn_k256_wipe(vn_k256_key *key);
void vn_k256_compress(uint8_t *out, const uint8_t *public_key); /* 33 bytes: 2 or 3 by y's parity, x */
/* signature: r, s and 0 or 1, the parity; digest: 32 bytes. s is in the lower half; the same for the same input. */
int vn_k256_sign(const vn_k256_key *key, uint8_t *signature, const uint8_t *digest);       /* VN_EINVAL, VN_EIO */
int vn_k256_recover(uint8_t *public_key, const uint8_t *signature, const uint8_t *digest); /* the same */

/* ---- address: of Ethereum, with the checksum of EIP-55 ---- */

enum { VN_ADDRESS_BYTES = 20, VN_ADDRESS_TEXT = 42 };

void vn_address_of(uint8_t *out, const uint8_t *public_key);
void vn_address_encode(char *out, const uint8_t *address); /* 42 characters, no NUL */
/* 0, or VN_ESYNTAX: not 0x and 40 digits; VN_ECORRUPT: capital and small letters that are not the checksum */
int vn_address_decode(uint8_t *out, const char *text, size_t len);

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

/* ---- hdr: the same as HdrHistogram exchanges it: its form V2, compressed, as base64 ---- */

/*
 * The cells travel, exact sums do not: of what is decoded, min and max are the ends of their cells, mean and deviation
 * come from the cells' middles. 0 ns is written as 1 ns; what is read above 24 h counts as 24 h.
 */
double vn_hdr_encoded_max(const vn_hist *h);                /* bytes that vn_hdr_encode needs at most */
int vn_hdr_encode(const vn_hist *h, char *out, size_t cap); /* base64 text; its length, VN_ELIMIT or VN_ENOMEM */
vn_hist *vn_hdr_decode(int *error, const char *text,
                       size_t len); /* V2, compressed or not, of any range and unit, with 1
to 5 digits, which are the new histogram's. NULL: VN_ECORRUPT, VN_EINVAL (digits), VN_ELIMIT (counts), VN_ENOMEM */

/* ---- event loop: one per process, entered through vn_poll ---- */

typedef struct vn_loop vn_loop;

typedef enum vn_event_kind {
  VN_EV_TIMER = 1,
  VN_EV_SIGNAL,    /* n = signal number */
  VN_EV_EXIT,      /* process: n = exit status, status = signal number or 0 */
  VN_EV_OUTPUT,    /* process: data, n = 1 stdout, 2 stderr or 3 report; no data: its end */
  VN_EV_MESSAGE,   /* link: data; channel: data, n = vn_channel_kind */
  VN_EV_HEARTBEAT, /* link: value = twice the peer's loop turns, odd while it waits */
  VN_EV_CLOSED,    /* link, probe or channel is gone; status says why */
  VN_EV_RESPONSE,  /* http client: status = 0 or vn_error; n = HTTP status; head, data = body; sent_ns, at_ns */
  VN_EV_RESOLVED,  /* http client: status */
  VN_EV_REQUEST,   /* http server: value = request handle; see vn_server */
  VN_EV_OPEN,      /* channel: head = header lines of the server's answer, data = the subprotocol that it chose */
  VN_EV_DRAINED    /* channel: there is room again after VN_EAGAIN */
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
  int32_t head_id; /* http client: equal ids, equal heads; 0: none */
} vn_event;

typedef struct vn_loop_state { /* read-only for Lua */
  vn_event *events;            /* filled by vn_poll */
  double polled_ns;            /* when the last poll returned */
  double turns;                /* polls so far */
  double stalls;               /* turns that took over 10 ms outside vn_poll */
  double longest_stall_ns;
  double outliers;   /* waits that the machine made longer: wake-ups over 200 us late, gaps in a spin … */
  double outlier_ns; /* … their sum */
  double longest_outlier_ns;
  double spun_ns;    /* CPU time spent on waiting: pacing precise */
  double lead_ns;    /* a load is woken so long before an instant, and waits itself: pacing precise, else 0 */
  double tags_stale; /* counted by the scheduler: events of a stale generation */
} vn_loop_state;

typedef enum vn_pacing { VN_PACING_PRECISE = 0, VN_PACING_ECONOMICAL, VN_PACING_BATCHED } vn_pacing;

vn_loop *vn_loop_new(void);
void vn_loop_free(vn_loop *l); /* every handle must be closed before; returns after the loop has closed clean */
vn_loop_state *vn_loop_get_state(vn_loop *l);
void vn_loop_reset_longest(vn_loop *l); /* stall and outlier: what follows is the longest since now */
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
  const char *output; /* file that receives stdout, and stderr without errors; NULL = see capture */
  const char *errors; /* file that receives stderr; NULL = as stdout */
  uint32_t args_len, env_len;
  int32_t link_fd;  /* becomes fd 3 of the child; -1 = none */
  int32_t capture;  /* 1: what has no file arrives as VN_EV_OUTPUT; 0: inherited */
  int32_t truncate; /* VN_TRUNCATE_…: these files are emptied; otherwise appended to */
  int32_t report;   /* 1: fd 3 of the child is a pipe, whose text arrives as VN_EV_OUTPUT with n = 3 */
} vn_process_options;

enum { VN_TRUNCATE_OUTPUT = 1, VN_TRUNCATE_ERRORS = 2 };
enum { VN_LIMIT_NOFILE = 0, VN_LIMIT_MEMORY, VN_LIMIT_CPU, VN_LIMIT_CORE, VN_LIMIT_PROCESSES, VN_LIMITS };

typedef struct vn_supervise_options {
  const char *args;         /* of the command, as above */
  double limits[VN_LIMITS]; /* bytes, seconds of CPU, counts; < 0: as inherited */
  uint32_t args_len;
  int32_t parent_pid; /* the command is not run when the parent is another process; 0: any */
  int32_t report;     /* 1: lines to fd 3: "started PID" or "failed WHY", then "exit STATUS" or "signal NUMBER" */
  int32_t leave;      /* 1: what the command leaves behind when it ends by itself goes on */
} vn_supervise_options;

vn_process *vn_process_spawn(vn_loop *l, double tag, const vn_process_options *o); /* NULL: see vn_errmsg */
int vn_process_pid(const vn_process *p);
int vn_process_signal(vn_process *p, int signum); /* to its process group */
int vn_process_stop(vn_process *p, int signum);   /* a supervisor sends it to its command and waits for all to end */
void vn_process_close(vn_process *p);             /* forgets it: does not end it */
void vn_process_adopt(void); /* from now on, descendants whose parent has died become children of this process */
int vn_process_die_with_parent(int parent_pid); /* PDEATHSIG = SIGKILL, then checks that the parent still lives */
/*
 * The supervisor's whole life: runs the command below itself and returns its exit status (128 + n after signal n) when
 * all that it started has ended. SIGTERM and the parent's death end everything, by SIGKILL what does not obey within
 * 2 s, or 0.5 s when the parent is dead: the run may be over then; SIGUSR2 at once.
 */
int vn_process_supervise(const vn_supervise_options *o);
void vn_process_exit(int status); /* at once: nothing is closed or freed */
int vn_process_self(void);        /* pid */
int vn_process_isatty(int fd);
int vn_process_columns(int fd);                          /* terminal width, or 0 */
int vn_process_cores(void);                              /* usable by this process */
int vn_process_raise_nofile(double *limit, double want); /* raises the soft limit up to the hard one */
double vn_process_rss_anon(void);                        /* bytes, from /proc/self/status */

/*
 * Whether somebody listens there: one VN_EV_CLOSED with status 0 (a connection was made, and closed again), or
 * VN_ECONNECT, VN_ERESOLVE, VN_ETIMEDOUT with the reason as text in data.
 */
int vn_probe_port(vn_loop *l, double tag, const char *host, int port, double timeout_ns);

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
int vn_file_sha256(const char *path, char *out, size_t cap); /* 64 hexadecimal digits; cap at least 65 */
int vn_file_write(const char *path, const char *data, size_t len, int mode); /* whole, by rename; VN_ENOSPC … */

/* ---- journal: append-only, checksummed records ---- */

typedef struct vn_journal vn_journal;
vn_journal *vn_journal_create(const char *path); /* NULL: see vn_errmsg; fails if it exists */
vn_journal *vn_journal_open(const char *path);   /* for reading */
/* To append behind the last readable record: what is torn behind it goes. NULL, also as long as another process holds
 * the journal for writing: VN_EBUSY in *error. */
vn_journal *vn_journal_reopen(int *error, const char *path);
int vn_journal_append(vn_journal *j, const char *data, size_t len); /* whole or not at all; VN_ENOSPC, VN_EIO */
/* 1; 0 at the end; VN_ECORRUPT for each damaged record, which is passed over (a torn one is the last). The data is
 * valid until the next call. */
int vn_journal_next(vn_journal *j, const char **data, size_t *len);
double vn_journal_get_offset(const vn_journal *j); /* bytes before the record that comes next */
int vn_journal_set_offset(vn_journal *j,
                          double offset); /* goes on reading at one that get_offset gave; VN_EINVAL, VN_EIO */
void vn_journal_close(vn_journal *j);

/* ---- load: run slots, transactions, counters and histograms of one load in one worker ---- */

enum { VN_CLASS_MAX = 32, VN_OP_MAX = 64, VN_MARK_MAX = 64, VN_NAME_MAX = 64 }; /* marks of all operations together */

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
  int32_t next;   /* free list */
  int32_t window; /* number of the window that it was due in; 0: none */
} vn_run;

typedef struct vn_load vn_load;

typedef struct vn_tx {            /* in a slot that others have after it */
  double intended_ns, started_ns; /* absolute */
  double sent_ns;                 /* 0: the connector knows no moment of sending; started counts */
  double finished_ns;             /* 0: now, when it is closed */
  vn_load *load;                  /* NULL: of no load */
  int32_t run, next;
  int32_t window;  /* as of its run */
  uint32_t serial; /* tells apart those that the slot has held */
  int16_t op;
  int8_t first, trimmed; /* first send of its run */
  int32_t pad;
} vn_tx;

typedef struct vn_tx_ref { /* what a connector has of a transaction, and may keep: its memory stays readable */
  vn_tx *tx;
  uint32_t serial, pad;
} vn_tx_ref;

typedef struct vn_window { /* of a load in one worker: the runs that were due in [from, to), and their transactions */
  double from_ns, to_ns;   /* since round start */
  double runs, late, dropped;
  double limited; /* of the runs, those with which the in-flight limit was reached */
  double submitted, ok, failed;
  double finished; /* transactions of any run that ended in [from, to) */
} vn_window;

enum { VN_TRACE_MAX = 1 << 26 };

typedef struct vn_trace_entry { /* of a run's first transaction, since round start */
  double intended_ns, sent_ns;
} vn_trace_entry;

enum { VN_CATCH_UP_ALL = 0, VN_CATCH_UP_DROP, VN_CATCH_UP_SPREAD };

typedef struct vn_load_options {
  double number;      /* runs of this worker; < 0: no limit */
  double duration_ns; /* 0: no limit */
  double trim_runs;   /* first and last runs of this worker that are left out of the headline */
  double trim_ns;     /* the same in intended time, for rounds by duration */
  double ramp_ns;     /* what was due before is left out, too */
  double late_after_ns;
  double max_in_flight;  /* run slots; at least 1 */
  double budget_ns;      /* take() gives AGAIN when this long has passed since the last poll */
  const char *live_path; /* file of the live interval; NULL: memory only */
  int32_t catch_up;
  int32_t digits;   /* of the histograms */
  int32_t feedback; /* permits answer to what has finished: those left at the end were no promise and are not dropped */
  int32_t pad;
} vn_load_options;

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
vn_run *vn_load_runs(vn_load *d);          /* by slot; at its address while the load lives */
int vn_load_operation(vn_load *d,
                      const char *name);         /* number of the operation, made if new; ELIMIT: VN_OP_MAX reached */
int vn_load_class(vn_load *d, const char *name); /* number of the error class, made if new; ELIMIT */
/*
 * A transaction starts; its number. One of VN_TX_FRESH and above is for this transaction alone and needs a reference of
 * its own, made by vn_load_tx; the reference to another number may be kept for all that have that number.
 */
enum { VN_TX_FRESH = 1 << 30 };
int vn_tx_open(vn_load *d, int run, int op);
void vn_load_tx(vn_load *d, vn_tx_ref *out, int tx);
/*
 * It has come to a point of its way at that instant (absolute; times before it was sent count as 0). 0, also where its
 * load is over and nothing is counted any more; VN_ECLOSED: it is closed, VN_EINVAL: name or instant, VN_ELIMIT:
 * VN_MARK_MAX reached, VN_ENOSPC …
 */
int vn_tx_mark(const vn_tx_ref *ref, const char *name, size_t len, double at_ns);
void vn_tx_close(vn_load *d, int tx, int class_number); /* ok: -1 */
double vn_load_next_due(const vn_load *d); /* absolute ns of the next due run that may start, or infinity */
double vn_load_queued(const vn_load *d);   /* permitted and not yet taken */
void vn_load_stop(vn_load *d);             /* sending stops; what is overdue is dropped, the rest was never permitted */
void vn_load_finish(vn_load *d);           /* open transactions become unfinished */
const vn_stats *vn_load_stats(const vn_load *d);
/* Opens a window in the place of the one before. VN_EINVAL, VN_ENOMEM. What is due before must not have been asked for.
 */
int vn_load_watch(vn_load *d, double from_ns, double to_ns);
const vn_window *vn_load_window(const vn_load *d);         /* stays at its address while the load lives */
vn_hist *vn_load_window_hist(const vn_load *d, int clock); /* VN_RESPONSE or VN_LATENESS, of ok ones; NULL before */
/* From now on the times of each run's first transaction are kept, 16 bytes each, until the load is freed. VN_ENOMEM. */
int vn_load_trace(vn_load *d);
/* How many there are, in the order in which they ended; VN_ELIMIT: more than VN_TRACE_MAX, of which only those are
 * kept. */
double vn_load_traced(const vn_load *d);
const vn_trace_entry *vn_load_trace_entry(const vn_load *d, double i);
vn_live *vn_load_live(vn_load *d);
void vn_load_next_interval(vn_load *d); /* the closed interval has been written: clear and go on with seq + 1 */

vn_live *vn_live_open(const char *path); /* of a process that may be dead; NULL: see vn_errmsg */
void vn_live_close(vn_live *v);
const vn_load_counters *vn_live_counters(vn_live *v);
int vn_live_settled(const vn_live *v);                   /* 1: being cleared, its interval is in the journal already */
int vn_live_operations(const vn_live *v);                /* how many, marks of operations included */
const char *vn_live_operation(const vn_live *v, int op); /* its name */
int vn_live_mark_of(const vn_live *v, int op);           /* number of the operation that it is a mark of; -1: of none */
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

/* ---- channel: messages both ways over one connection: WebSocket (RFC 6455), or JSON texts on a unix socket ---- */

/*
 * The tag gets one VN_EV_OPEN, then a VN_EV_MESSAGE for each message, at last one VN_EV_CLOSED; where it could not be
 * opened, that one alone. Of VN_EV_CLOSED, data is a text and n the close code:
 *   status 0             closed in order: n and data are the peer's code (1005: none) and reason, value is 1 if the
 * peer began it; n is 0 where there are no codes VN_EPROTOCOL, ELIMIT the peer has violated the protocol or a limit: n
 * is the code that was sent to it VN_EPROTOCOL         the server has refused the handshake: n is the HTTP status
 * (below 1000) another vn_error     n is 1006
 */
enum { VN_CHANNEL_WEBSOCKET = 0, VN_CHANNEL_JSON };                          /* framing */
typedef enum vn_channel_kind { VN_TEXT = 1, VN_BINARY = 2 } vn_channel_kind; /* of a message */
enum { VN_CHANNEL_SLOTS = 1 << 20 };

typedef struct vn_channel_options {
  const char *host;          /* name or address: resolved, connected to, verified by TLS; NULL with path */
  const char *path;          /* of a unix socket; NULL: TCP */
  const char *ca;            /* TLS: PEM file of trusted certificates; NULL: the system's store */
  const char *target;        /* WebSocket: path and query; NULL: "/" */
  const char *header;        /* WebSocket: value of the Host field; NULL: host and port */
  const char *headers;       /* WebSocket: further lines "Name: value\r\n"; may be NULL */
  const char *protocols;     /* WebSocket: subprotocols that are offered, "a, b"; NULL: none */
  double connect_timeout_ns; /* until it is open: name resolution, TCP, TLS, the server's answer */
  double ping_interval_ns;   /* WebSocket: silence of the peer after which a ping is sent; 0: none is */
  double ping_timeout_ns;    /* … and how long its answer may take */
  double idle_timeout_ns;    /* without a message from the peer; 0: none */
  double close_timeout_ns;   /* from our close to the peer's */
  int32_t framing;
  int32_t port;
  int32_t tls;
  int32_t verify;       /* TLS: 0 takes any certificate */
  uint32_t max_message; /* bytes of a message from the peer; 0: 64 MiB */
  uint32_t max_queued;  /* bytes that wait to be written; 0: 16 MiB; one message alone may have more */
} vn_channel_options;

typedef struct vn_channel_stats {
  double sent, received; /* messages */
  double pings, pongs;   /* pings sent, pongs received */
  double queued;         /* bytes that wait to be written, now */
} vn_channel_stats;

typedef struct vn_channel vn_channel;

vn_channel *vn_channel_open(vn_loop *l, double tag, const vn_channel_options *o); /* NULL: see vn_errmsg */
/*
 * Copies the message; what one turn of the program sends goes out together before the next vn_poll waits. slot: where
 * the instant of its writing is kept, below VN_CHANNEL_SLOTS; -1: nowhere. VN_EAGAIN: too much is waiting,
 * VN_EV_DRAINED follows; VN_ECLOSED: not open; VN_EINVAL: a text that is not UTF-8; VN_ELIMIT: over 2 GiB; VN_ENOMEM.
 */
int vn_channel_send(vn_channel *c, int kind, int slot, const char *data, size_t len);
double vn_channel_sent_ns(const vn_channel *c, int slot); /* of the slot's last message; 0: not written yet */
/* Ends it in order, behind what is queued. code: 1000-1014 or 3000-4999; reason: at most 123 bytes; VN_EINVAL */
int vn_channel_close(vn_channel *c, int code, const char *reason, size_t len);
void vn_channel_set_reading(vn_channel *c, int on); /* 0: the peer is held back by flow control; deadlines wait, too */
void vn_channel_get_stats(const vn_channel *c, vn_channel_stats *out);
void vn_channel_free(vn_channel *c); /* at once; no event follows. Before vn_loop_free */

/* ---- JSON-RPC 2.0: what a text holds, without a tree of it ---- */

typedef struct vn_json_value { /* lies in the text that is read; only its extent is checked */
  const char *data;            /* NULL: there is none */
  uint32_t len;
  int32_t plain; /* it is a string without escapes: its content is data + 1, len - 2 */
} vn_json_value;

/*
 * Reads the item at *at and moves *at behind it: a text is one item or an array of them; *at is 0 before the first.
 * names: n members of objects, whose values come out in that order; n = 0: out is one item as it is, whatever it is. 1;
 * 0 at the end; VN_EPROTOCOL: not JSON, or no object where names are given, see vn_errmsg.
 */
int vn_json_next(vn_json_value *out, uint32_t *at, const char *const *names, int n, const char *text, size_t len);

enum { VN_RPC_RESULT = 1, VN_RPC_ERROR, VN_RPC_NOTIFICATION };

typedef struct vn_rpc_message { /* texts lie in the text that is read; only their extent is checked */
  const char *value;            /* the result, the error, or the params (NULL: none) */
  const char *method;           /* of a notification: without its quotes, escapes as they are */
  double id;                    /* -1: null, or none, or not a whole number below 2^53 */
  uint32_t value_len, method_len;
  int32_t kind;
  int32_t plain; /* the value is a string without escapes: its content is value + 1, value_len - 2 */
} vn_rpc_message;

/*
 * Reads the message at *at and moves *at behind it: a text is one message or an array of them. *at is 0 before the
 * first. 1; 0 at the end; VN_EPROTOCOL: not JSON-RPC, see vn_errmsg.
 */
int vn_rpc_next(vn_rpc_message *m, uint32_t *at, const char *text, size_t len);

#endif
