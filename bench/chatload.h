/* chatload.h: what the parts of the load generator share: its traffic (chatload.c), its connections (connections.c),
 * its figures (figures.c), its command line (options.c) and the ways to speak to a server (dialects.c, redis.c,
 * websocket.c). */
#ifndef CHATLOAD_H
#define CHATLOAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND 1000000000ull /* ns */

enum {
  MOST_STEPS = 8,
  MOST_BODY = 4000, /* bytes */
  RING = 4096,      /* messages of a sender that may be under way */
};

struct options {
  const char *dialect, *mode;                     /* mode: room, pairs or silent */
  const char *pids;                               /* the server's processes, whose CPU and memory are read */
  const char *steps[MOST_STEPS], *room, *direct;  /* templates of the line dialect */
  const char *seen;                               /* another: what confirms the messages that were read */
  char **words;                                   /* %w: a line of --words for each client */
  int port, clients, senders, size, window, echo; /* echo: does a sender get its own message? -1: as the dialect says */
  int step_count, word_count;
  bool no_room; /* sign in only */
  double rate;  /* messages a second in all; 0: as fast as the window allows */
  double seconds, warm, drain;
  double seen_every; /* seconds at least between two confirmations of a client; 0: each hundred messages */
};
extern struct options options;

struct connection {
  int fd, index, step;
  bool ready, dead, dirty, want_write, connecting;
  char *out, *rest; /* bytes to send; input without an end yet */
  size_t out_length, out_sent, out_room, rest_length, rest_room;
  uint32_t sequence, outstanding, expect, place, confirmed;
  uint64_t confirmed_at;
  uint32_t *last;            /* by sender: the last sequence number seen */
  uint32_t *count;           /* by message under way: who has it */
  struct connection *writer; /* what this client sends through, where its own connection only listens */
  bool is_writer;
  char prefix[14]; /* of the ids of its messages; no other run has the same */
  int entries, token; /* redis-stream: what is left of the reply that is being read */
  char cursor[32];
};

struct dialect {
  const char *name;
  bool echo;                          /* the sender gets its own message */
  bool writers;                       /* senders have a second connection */
  void (*start)(struct connection *); /* connected: queue the first bytes */
  /* Reads one frame: the bytes used, 0 if more are needed. A chat message sets body. Before the client is signed in and
   * in its room this calls become_ready when it is. */
  size_t (*parse)(struct connection *, char *bytes, size_t length, char **body, size_t *body_length);
  void (*say)(struct connection *, const char *body, int length);
  void (*tell)(struct connection *, int to, const char *body, int length);
};
extern struct dialect redis_dialect, redis_store_dialect, redis_stream_dialect, ws_dialect, sio_dialect;
struct dialect *find_dialect(const char *name);
size_t line_length(const char *bytes, size_t length); /* with its newline; 0 if there is none yet */
void complain(const char *who, const char *bytes, size_t length);

void read_options(int count, char **values);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void note_latency(uint64_t ns);
double latency(double quantile); /* µs */
double server_cpu(void);         /* ns */
double server_memory(void);      /* KiB */
double own_cpu(void);            /* ns */
double machine_cpu(void);        /* ns */

/* Of connections.c. */
extern struct dialect *dialect;
extern int ready_count, dead_count, connecting_count;
uint64_t now(void); /* ns */
void prepare_connections(int count);
void open_connection(struct connection *);
void turn(int timeout); /* ms: waits so long at most, reads what has come and sends what is queued */
void run_until(uint64_t end);
void flush_all(void);
void become_ready(struct connection *);
void put(struct connection *, const void *bytes, size_t length);
void put_text(struct connection *, const char *text);
void put_format(struct connection *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of chatload.c: a chat message that was read at a time. */
void on_message(struct connection *, const char *text, size_t length, uint64_t at);
#endif
