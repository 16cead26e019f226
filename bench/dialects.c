/* dialects.c: the ways in which the load generator speaks to servers; here lines by templates, NATS and MQTT. A dialect
 * queues bytes and reads frames; it opens nothing, measures nothing and keeps no state but its connection's. A new one
 * is four functions and an entry in `dialects`. */
#define _GNU_SOURCE
#include "chatload.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIRMED = 100 }; /* messages that are confirmed at once */

size_t line_length(const char *p, size_t length) {
  const char *end = memchr(p, '\n', length);
  return end ? (size_t)(end - p) + 1 : 0;
}
void complain(const char *who, const char *p, size_t length) {
  fprintf(stderr, "%s: %.*s\n", who, (int)(length > 200 ? 200 : length), p);
}

/* ---- lines, by templates: %i client, %t to whom, %w its word, %b body, %p its prefix, %n how many messages it has sent,
 * %s the place of the last message it has read; \n \r \s escapes ---- */

static void put_template(struct connection *c, const char *format, size_t length, int to, const char *body, int size) {
  char out[8192];
  size_t k = 0;
  for (size_t i = 0; i < length && k < sizeof out - MOST_BODY - 100; i++) {
    if (format[i] == '\\' && i + 1 < length) {
      char e = format[++i];
      out[k++] = e == 'n' ? '\n' : e == 'r' ? '\r' : e == 's' ? ' ' : e;
    } else if (format[i] == '%' && i + 1 < length) {
      switch (format[++i]) {
      case 'i': k += sprintf(out + k, "%d", c->index); break;
      case 'n': k += sprintf(out + k, "%u", c->sequence); break;
      case 'p': k += sprintf(out + k, "%s", c->prefix); break;
      case 's': k += sprintf(out + k, "%u", c->place); break;
      case 't': k += sprintf(out + k, "%d", to); break;
      case 'w': k += sprintf(out + k, "%.200s", c->index < options.word_count ? options.words[c->index] : ""); break;
      case 'b':
        memcpy(out + k, body, size);
        k += size;
        break;
      default: out[k++] = format[i];
      }
    } else out[k++] = format[i];
  }
  put(c, out, k);
}
/* Sends steps ("send=>what the answer contains") up to one that waits for an answer. */
static void line_start(struct connection *c) {
  while (c->step < options.step_count) {
    const char *step = options.steps[c->step], *answer = strstr(step, "=>");
    put_template(c, step, answer ? (size_t)(answer - step) : strlen(step), 0, "", 0);
    if (answer) return;
    c->step++;
  }
  become_ready(c);
}
/* Takes the place of a message from its frame, and confirms now and then what was read. */
static void note_place(struct connection *c, const char *p, size_t length) {
  static const char NAME[] = "\"seq\":";
  const char *found = memmem(p, length, NAME, sizeof NAME - 1);
  if (!found) return;
  c->place = strtoul(found + sizeof NAME - 1, 0, 10);
  if (options.seen_every > 0) {
    uint64_t at = now();
    if (at < c->confirmed_at + options.seen_every * SECOND) return;
    c->confirmed_at = at;
  } else if (c->place < c->confirmed + CONFIRMED) return;
  c->confirmed = c->place;
  put_template(c, options.seen, strlen(options.seen), 0, "", 0);
}
static size_t line_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  size_t used = line_length(p, length);
  if (used == 0) return 0;
  if (!c->ready) {
    if (c->step < options.step_count) {
      const char *answer = strstr(options.steps[c->step], "=>") + 2;
      if (memmem(p, used, answer, strlen(answer))) {
        c->step++;
        line_start(c);
      }
    }
  } else {
    char *mark = memchr(p, '^', used);
    if (mark) {
      *body = mark;
      *size = used - 1 - (mark - p);
      if (*options.seen) note_place(c, p, mark - p);
    }
  }
  return used;
}
static void line_say(struct connection *c, const char *body, int size) {
  put_template(c, options.room, strlen(options.room), 0, body, size);
}
static void line_tell(struct connection *c, int to, const char *body, int size) {
  put_template(c, options.direct, strlen(options.direct), to, body, size);
}

/* ---- NATS: https://docs.nats.io/reference/reference-protocols/nats-protocol ---- */

static void nats_start(struct connection *c) {
  put_text(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":true}\r\n");
  if (!options.no_room) put_text(c, "SUB r0 1\r\n");
  put_format(c, "SUB u%d 2\r\nPING\r\n", c->index);
}
static size_t nats_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  size_t used = line_length(p, length);
  if (used == 0) return 0;
  if (p[0] == 'M') {
    char *digit = p + used - 3;
    while (isdigit((unsigned char)digit[-1])) digit--;
    size_t n = strtoul(digit, 0, 10);
    if (used + n + 2 > length) return 0;
    *body = p + used;
    *size = n;
    return used + n + 2;
  }
  if (!memcmp(p, "PING", 4)) put_text(c, "PONG\r\n");
  else if (!memcmp(p, "PONG", 4)) become_ready(c);
  else if (p[0] == '-') complain("nats", p, used);
  return used;
}
static void nats_send(struct connection *c, char kind, int to, const char *body, int size) {
  put_format(c, "PUB %c%d %d\r\n", kind, to, size);
  put(c, body, size);
  put_text(c, "\r\n");
}
static void nats_say(struct connection *c, const char *body, int size) { nats_send(c, 'r', 0, body, size); }
static void nats_tell(struct connection *c, int to, const char *body, int size) { nats_send(c, 'u', to, body, size); }

/* ---- MQTT 3.1.1, QoS 0 ---- */

static void mqtt_text(struct connection *c, const char *text) {
  int k = strlen(text);
  char head[2] = {k >> 8, k};
  put(c, head, 2);
  put(c, text, k);
}
static void mqtt_head(struct connection *c, int type, unsigned n) {
  unsigned char head[5];
  int k = 0;
  head[k++] = type;
  do {
    head[k] = n & 127;
    n >>= 7;
    if (n) head[k] |= 128;
    k++;
  } while (n);
  put(c, head, k);
}
static void mqtt_subscribe(struct connection *c, char kind, int to, char packet) {
  char topic[16], id[2] = {0, packet};
  int k = sprintf(topic, "%c%d", kind, to);
  mqtt_head(c, 0x82, 2 + 2 + k + 1);
  put(c, id, 2);
  mqtt_text(c, topic);
  put(c, "\0", 1);
}
static void mqtt_start(struct connection *c) {
  char id[16];
  int k = sprintf(id, "c%d", c->index);
  mqtt_head(c, 0x10, 10 + 2 + k);
  mqtt_text(c, "MQTT");
  put(c, "\x04\x02\x00\x00", 4);
  mqtt_text(c, id);
  if (!options.no_room) mqtt_subscribe(c, 'r', 0, 1);
  mqtt_subscribe(c, 'u', c->index, 2);
}
static size_t mqtt_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  size_t n = 0, k = 1;
  for (int shift = 0;; shift += 7) {
    if (k >= length) return 0;
    unsigned char b = p[k++];
    n |= (size_t)(b & 127) << shift;
    if (!(b & 128)) break;
  }
  if (k + n > length) return 0;
  int type = (unsigned char)p[0] >> 4;
  if (type == 3) {
    size_t topic = (unsigned char)p[k] << 8 | (unsigned char)p[k + 1];
    *body = p + k + 2 + topic;
    *size = n - 2 - topic;
  } else if (type == 9 && p[k + 1] == 2) become_ready(c);
  else if (type == 2 && p[k + 1]) fprintf(stderr, "mqtt: refused with %d\n", p[k + 1]);
  return k + n;
}
static void mqtt_send(struct connection *c, char kind, int to, const char *body, int size) {
  char topic[16];
  int k = sprintf(topic, "%c%d", kind, to);
  mqtt_head(c, 0x30, 2 + k + size);
  mqtt_text(c, topic);
  put(c, body, size);
}
static void mqtt_say(struct connection *c, const char *body, int size) { mqtt_send(c, 'r', 0, body, size); }
static void mqtt_tell(struct connection *c, int to, const char *body, int size) { mqtt_send(c, 'u', to, body, size); }

static struct dialect line_dialect = {"line", true, false, line_start, line_parse, line_say, line_tell};
static struct dialect nats_dialect = {"nats", true, false, nats_start, nats_parse, nats_say, nats_tell};
static struct dialect mqtt_dialect = {"mqtt", true, false, mqtt_start, mqtt_parse, mqtt_say, mqtt_tell};

static struct dialect *const dialects[] = {&line_dialect,        &nats_dialect,         &mqtt_dialect, &redis_dialect,
                                           &redis_store_dialect, &redis_stream_dialect, &ws_dialect,   &sio_dialect};

struct dialect *find_dialect(const char *name) {
  for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
    if (!strcmp(dialects[i]->name, name)) return dialects[i];
  die("There is no dialect called %s.", name);
}
