/* chatload.c: the load generator. One thread that plays many clients against one server on this machine (Linux, epoll),
 * checks that every message reached everybody once and in order, and prints one line of JSON. Called by run.ts.
 *   cc -O2 -o chatload chatload.c connections.c dialects.c redis.c websocket.c figures.c options.c
 *   ./chatload --dialect line --port 7000 --pid PID --clients 100 --senders 10
 * A body is ^SSSSQQQQQQQQTTTTTTTTTTTTTTTT^xxx: sender, its sequence number, time of sending (ns), then padding. With
 * --window W a sender has W messages under way, one being done when all have it; with --rate R messages leave at their
 * time whether or not the server keeps up, and the time in them is when they were due. What is sent in the first --warm
 * seconds is checked and not measured. */
#include "chatload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { CONNECTING = 64 }; /* connections being set up at once */

static struct connection *connections, **waiting; /* waiting: senders whose message is done */
static int total, opened, waiting_count;
static bool pairs;
static char body[MOST_BODY + 1];
static uint64_t sent, delivered, gaps, reordered, foreign, started, measured_from, signed_in;

/* ---- messages ---- */

static void put_hex(char *p, uint64_t value, int digits) {
  for (; digits--; value >>= 4) p[digits] = "0123456789abcdef"[value & 15];
}
static uint64_t get_hex(const char *p, int digits) {
  uint64_t value = 0;
  for (; digits--; p++) value = value << 4 | (*p <= '9' ? *p - '0' : *p - 'a' + 10);
  return value;
}
static void send_message(struct connection *c, uint64_t at) {
  put_hex(body + 1, c->index, 4);
  put_hex(body + 5, ++c->sequence, 8);
  put_hex(body + 13, at, 16);
  if (pairs) dialect->tell(c->writer, c->index ^ 1, body, options.size);
  else dialect->say(c->writer, body, options.size);
  sent++;
}
void on_message(struct connection *c, const char *text, size_t length, uint64_t at) {
  uint32_t sender = length < 30 || text[29] != '^' ? UINT32_MAX : get_hex(text + 1, 4);
  uint64_t sent_at = length < 30 ? 0 : get_hex(text + 13, 16);
  if (sent_at < started || (pairs && sender == (uint32_t)c->index)) return; /* of an earlier run; a receipt */
  if (sender >= (uint32_t)options.senders) {
    foreign++;
    return;
  }
  uint32_t sequence = get_hex(text + 5, 8);
  delivered++;
  if (measured_from && sent_at >= measured_from) note_latency(at > sent_at ? at - sent_at : 0);
  uint32_t *last = &c->last[pairs ? 0 : sender];
  if (sequence <= *last) reordered++;
  else {
    gaps += sequence - *last - 1;
    *last = sequence;
  }
  if (options.window) {
    struct connection *from = &connections[sender];
    uint32_t *count = &from->count[sequence % RING];
    if (++*count == from->expect) {
      *count = 0;
      from->outstanding--;
      waiting[waiting_count++] = from;
    }
  }
}

/* ---- a run ---- */

/* Clients up to this many connect, sign in and enter the room; the server's memory afterwards. */
static double set_up(int count) {
  uint64_t progress = now();
  for (int seen = 0; ready_count + dead_count < count;) {
    while (opened < count && connecting_count < CONNECTING) open_connection(&connections[opened++]);
    turn(100);
    if (ready_count + dead_count != seen) {
      seen = ready_count + dead_count;
      progress = now();
    } else if (now() - progress > 15 * SECOND) break;
  }
  signed_in = now();
  run_until(signed_in + (count > 500 ? SECOND : SECOND / 4)); /* what others are told of those who came */
  return server_memory();
}
static void everybody_in(void) {
  /* A session takes what nine tenths of them add to the first tenth: a server that has just started is no measure. */
  int first = options.no_room ? total / 10 : 0;
  double memory = first ? set_up(first) : 0;
  uint64_t start = now();
  double after = set_up(total);
  printf("{\"ready\":%d,\"wanted\":%d,\"signins_per_s\":%.0f,\"memory_kb\":%.0f", ready_count, total,
         (ready_count - first) / ((signed_in - start) / 1e9), after);
  if (first) printf(",\"session_kb\":%.2f", (after - memory) / (total - first));
  if (ready_count < total) {
    printf(",\"error\":\"only %d of %d could sign in\"}\n", ready_count, total);
    exit(0);
  }
}
/* One turn of the traffic at time `at`; `due` is when the next message is to leave, if there is a rate. */
static void talk(uint64_t at, double *due) {
  static int next;
  if (options.rate > 0) {
    for (; *due <= at; *due += SECOND / options.rate) {
      struct connection *c = &connections[next++ % options.senders];
      if (!c->dead) send_message(c, *due);
    }
    flush_all();
    turn(0);
    return;
  }
  turn(20);
  for (int i = 0; i < waiting_count; i++)
    if (!waiting[i]->dead) {
      waiting[i]->outstanding++;
      send_message(waiting[i], now());
    }
  waiting_count = 0;
  flush_all();
}
static void traffic(void) {
  uint64_t expected = 0, start = started = now(), from = start + options.warm * SECOND;
  uint64_t to = from + options.seconds * SECOND;
  uint64_t delivered_before = 0, sent_before = 0, began = 0, seen = 0, last_progress = start;
  double cpu = 0, own = 0, machine = 0, due = start;
  bool stalled = false;
  for (int i = 0; i < options.clients; i++) {
    struct connection *c = &connections[i];
    c->last = calloc(pairs ? 1 : options.senders, sizeof *c->last);
    c->count = i < options.senders ? calloc(RING, sizeof *c->count) : 0;
    c->expect = pairs ? 1 : options.clients - !dialect->echo;
    for (int k = 0; options.rate == 0 && i < options.senders && k < options.window; k++) waiting[waiting_count++] = c;
  }
  for (uint64_t at; (at = now()) < to;) {
    if (!began && at >= from) {
      began = measured_from = at;
      delivered_before = delivered;
      sent_before = sent;
      cpu = server_cpu();
      own = own_cpu();
      machine = machine_cpu();
    }
    talk(at, &due);
    if (delivered != seen) {
      seen = delivered;
      last_progress = at;
    } else if (at - last_progress > 3 * SECOND) {
      stalled = true;
      break;
    }
  }
  double wall = now() - (began ? began : start), copies = delivered - delivered_before;
  cpu = server_cpu() - cpu;
  own = own_cpu() - own;
  machine = machine_cpu() - machine;
  for (int i = 0; i < options.senders; i++) expected += (uint64_t)connections[i].sequence * connections[i].expect;
  for (uint64_t deadline = now() + options.drain * SECOND; delivered < expected && now() < deadline;) {
    turn(20);
    waiting_count = 0;
  }
  printf(
      ",\"messages_per_s\":%.0f,\"deliveries_per_s\":%.0f,\"cpu_ns\":%.0f,\"server_load\":%.2f,\"generator_load\":%.2f,"
      "\"others_load\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"lost\":%ld,\"gaps\":%lu,\"reordered\":%lu,"
      "\"foreign\":%lu,\"dead\":%d,\"stalled\":%s}\n",
      (sent - sent_before) / wall * 1e9, copies / wall * 1e9, copies ? cpu / copies : 0, cpu / wall, own / wall,
      (machine - cpu - own) / wall, latency(.5), latency(.99), (long)(expected - delivered), gaps, reordered, foreign,
      dead_count, stalled ? "true" : "false");
}
/* As clients make them: 64 random bits in base 36. */
static void make_prefix(char *prefix) {
  uint64_t bits;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits) die("getrandom failed");
  for (; bits; bits /= 36) *prefix++ = "0123456789abcdefghijklmnopqrstuvwxyz"[bits % 36];
}

int main(int count, char **values) {
  read_options(count, values);
  dialect = find_dialect(options.dialect);
  if (options.echo >= 0) dialect->echo = options.echo;
  pairs = !strcmp(options.mode, "pairs");
  bool quiet = !strcmp(options.mode, "silent");
  if (pairs) options.senders = options.clients &= ~1;
  if (options.senders > options.clients) options.senders = options.clients;

  total = options.clients + (dialect->writers && !quiet ? options.senders : 0);
  prepare_connections(total);
  connections = calloc(total, sizeof *connections);
  waiting = calloc((size_t)options.senders * (options.window + 1), sizeof *waiting);
  memset(body, 'x', MOST_BODY);
  body[0] = body[29] = '^';
  for (int i = 0; i < total; i++) {
    struct connection *c = &connections[i];
    c->index = i;
    make_prefix(c->prefix);
    c->is_writer = i >= options.clients;
    c->writer = i + options.clients < total ? c + options.clients : c;
  }
  everybody_in();
  if (quiet) printf(",\"dead\":%d}\n", dead_count);
  else traffic();
  return 0;
}
