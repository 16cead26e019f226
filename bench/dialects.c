/* dialects.c: the ways in which the load generator speaks to servers: lines by templates, NATS, Redis (published,
 * stored and published, as a stream), MQTT, WebSocket, socket.io. A dialect queues bytes and reads frames; it opens
 * nothing, measures nothing and keeps no state but its connection's. A new one is an entry in `dialects` and four
 * functions. */
#define _GNU_SOURCE
#include "chatload.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t line_length(const char *p, size_t length) {
  const char *end = memchr(p, '\n', length);
  return end ? (size_t)(end - p) + 1 : 0;
}
static void complain(const char *who, const char *p, size_t length) {
  fprintf(stderr, "%s: %.*s\n", who, (int)(length > 200 ? 200 : length), p);
}

/* ---- lines, by templates: %i client, %t to whom, %w its word, %b body; \n \r \s escapes ---- */

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

/* ---- Redis, RESP3, in which one connection may publish and subscribe ---- */

static void redis_start(struct connection *c) {
  put_text(c, "HELLO 3\r\n");
  if (!options.no_room) put_text(c, "SUBSCRIBE r0\r\n");
  put_format(c, "SUBSCRIBE u%d\r\nPING\r\n", c->index);
}
/* The size of one RESP value, 0 if it is not whole yet. */
static size_t resp_size(const char *p, size_t length) {
  size_t used = line_length(p, length);
  if (used == 0) return 0;
  long n = atol(p + 1);
  switch (p[0]) {
  case '$': return n < 0 ? used : used + n + 2 <= length ? used + n + 2 : 0;
  case '%': n *= 2; /* fall through */
  case '*':
  case '>':
  case '~':
    for (; n > 0; n--) {
      size_t part = resp_size(p + used, length - used);
      if (part == 0) return 0;
      used += part;
    }
    return used;
  default: return used;
  }
}
static size_t redis_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  static const char MESSAGE[] = ">3\r\n$7\r\nmessage\r\n";
  size_t used = resp_size(p, length);
  if (used == 0) return 0;
  if (used > sizeof MESSAGE && !memcmp(p, MESSAGE, sizeof MESSAGE - 1)) {
    char *channel = p + sizeof MESSAGE - 1;
    char *value = channel + resp_size(channel, p + used - channel);
    *size = strtoul(value + 1, 0, 10);
    *body = p + used - 2 - *size;
  } else if (!c->ready && used == 7 && !memcmp(p, "+PONG", 5)) become_ready(c);
  else if (p[0] == '-') complain("redis", p, used);
  return used;
}
static void redis_publish(struct connection *c, char kind, int to, const char *body, int size) {
  char channel[16];
  int k = sprintf(channel, "%c%d", kind, to);
  put_format(c, "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n", k, channel, size);
  put(c, body, size);
  put_text(c, "\r\n");
}
static void redis_say(struct connection *c, const char *body, int size) { redis_publish(c, 'r', 0, body, size); }
static void redis_tell(struct connection *c, int to, const char *body, int size) {
  redis_publish(c, 'u', to, body, size);
}

/* Stored, then published, in one write: with `appendfsync always` Redis syncs its file before it sends what the same
 * turn of its loop produced, pushes included, so nobody sees a message that is not on disk. Not in a MULTI: Redis 7.0
 * puts the sender's own push into the middle of the answer to EXEC. */
static void redis_add(struct connection *c, char kind, int to, const char *body, int size) {
  char stream[16];
  int k = sprintf(stream, "s%c%d", kind, to);
  put_format(c, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$1\r\nt\r\n$%d\r\n", k, stream, size);
  put(c, body, size);
  put_text(c, "\r\n");
}
static void redis_store(struct connection *c, char kind, int to, const char *body, int size) {
  redis_add(c, kind, to, body, size);
  redis_publish(c, kind, to, body, size);
}
static void redis_store_say(struct connection *c, const char *body, int size) { redis_store(c, 'r', 0, body, size); }
static void redis_store_tell(struct connection *c, int to, const char *body, int size) {
  redis_store(c, 'u', to, body, size);
}

/* ---- Redis as a stream: XADD through one connection, XREAD BLOCK on the other ---- */

static void stream_read(struct connection *c) {
  char name = options.no_room || !strcmp(options.mode, "pairs") ? 'u' : 'r';
  put_format(c, "XREAD BLOCK 0 STREAMS s%c%d %s\r\n", name, name == 'u' ? c->index : 0, c->cursor);
}
static void stream_start(struct connection *c) { put_text(c, "PING\r\n"); }
/* A reply is *1 *2 $stream *n, then n times *2 $id *2 $field $body. It is read one token at a time. */
static size_t stream_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  size_t used = line_length(p, length);
  if (used == 0) return 0;
  if (p[0] == '-') complain("redis", p, used);
  if (!c->ready) {
    strcpy(c->cursor, "$");
    become_ready(c);
    if (!c->is_writer) stream_read(c);
    return used;
  }
  if (c->is_writer) return resp_size(p, length);
  if (p[0] == '$') {
    size_t n = strtoul(p + 1, 0, 10);
    if (used + n + 2 > length) return 0;
    char *value = p + used;
    used += n + 2;
    if (c->token >= 4 && (c->token - 4) % 5 == 1) snprintf(c->cursor, sizeof c->cursor, "%.*s", (int)n, value);
    if (c->token >= 4 && (c->token - 4) % 5 == 4) {
      *body = value;
      *size = n;
    }
  } else if (c->token == 3) c->entries = atoi(p + 1);
  c->token++;
  if (c->token >= 4 && c->token == 4 + 5 * c->entries) {
    c->token = c->entries = 0;
    stream_read(c);
  }
  return used;
}
static void stream_say(struct connection *c, const char *body, int size) { redis_add(c, 'r', 0, body, size); }
static void stream_tell(struct connection *c, int to, const char *body, int size) { redis_add(c, 'u', to, body, size); }

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

/* ---- WebSocket text (a room and a name in the address; "@NAME text" is a direct message), and socket.io over it ----
 */

static void ws_send(struct connection *c, int opcode, const char *bytes, int n) {
  unsigned char head[8] = {0x80 | opcode};
  int k = 2;
  if (n < 126) head[1] = 0x80 | n;
  else {
    head[1] = 0x80 | 126;
    head[k++] = n >> 8;
    head[k++] = n;
  }
  put(c, head, k);
  put(c, "\0\0\0\0", 4); /* a mask of zeros: the payload travels as it is */
  put(c, bytes, n);
}
static void ws_open(struct connection *c, const char *path) {
  put_format(c,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
             path);
}
static void ws_start(struct connection *c) {
  char path[64];
  snprintf(path, sizeof path, "/?room=r0&user=u%d", c->index);
  ws_open(c, path);
}
static size_t ws_upgraded(struct connection *c, char *p, size_t length) {
  char *end = memmem(p, length, "\r\n\r\n", 4);
  if (!end) return 0;
  if (!memmem(p, end - p, " 101 ", 5)) complain("websocket", p, end - p);
  c->step = 1;
  return end + 4 - p;
}
static size_t ws_frame(struct connection *c, char *p, size_t length, char **payload, size_t *size) {
  if (length < 2) return 0;
  size_t n = p[1] & 127, k = 2;
  if (n == 126) {
    if (length < 4) return 0;
    n = (unsigned char)p[2] << 8 | (unsigned char)p[3];
    k = 4;
  } else if (n == 127) {
    if (length < 10) return 0;
    n = 0;
    for (int i = 2; i < 10; i++) n = n << 8 | (unsigned char)p[i];
    k = 10;
  }
  if (k + n > length) return 0;
  int opcode = p[0] & 15;
  if (opcode == 9) ws_send(c, 10, p + k, n);
  else if (opcode == 1 || opcode == 2) {
    *payload = p + k;
    *size = n;
  }
  return k + n;
}
static void ws_body(char *payload, size_t n, char **body, size_t *size) {
  char *mark = memchr(payload, '^', n);
  if (!mark) return;
  *body = mark;
  *size = n - (mark - payload);
}
static size_t ws_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  char *payload = 0;
  size_t n = 0;
  if (!c->step) {
    size_t used = ws_upgraded(c, p, length);
    if (used) become_ready(c);
    return used;
  }
  size_t used = ws_frame(c, p, length, &payload, &n);
  if (payload) ws_body(payload, n, body, size);
  return used;
}
static void ws_say(struct connection *c, const char *body, int size) { ws_send(c, 1, body, size); }
static void ws_tell(struct connection *c, int to, const char *body, int size) {
  char text[MOST_BODY + 64];
  int k = sprintf(text, "@u%d ", to);
  memcpy(text + k, body, size);
  ws_send(c, 1, text, k + size);
}

static void sio_start(struct connection *c) { ws_open(c, "/socket.io/?EIO=4&transport=websocket"); }
static size_t sio_parse(struct connection *c, char *p, size_t length, char **body, size_t *size) {
  if (!c->step) return ws_upgraded(c, p, length);
  char *payload = 0;
  size_t n = 0, used = ws_frame(c, p, length, &payload, &n);
  if (!payload || !n) return used;
  if (payload[0] == '0') ws_send(c, 1, "40", 2);
  else if (payload[0] == '2') ws_send(c, 1, "3", 1);
  else if (n > 1 && !memcmp(payload, "40", 2)) {
    char join[64];
    ws_send(c, 1, join, sprintf(join, "42[\"join\",\"r0\",\"u%d\"]", c->index));
  } else if (n > 1 && !memcmp(payload, "42", 2)) {
    if (c->ready) ws_body(payload, n, body, size);
    else if (memmem(payload, n, "joined", 6)) become_ready(c);
  }
  return used;
}
static void sio_say(struct connection *c, const char *body, int size) {
  char text[MOST_BODY + 64];
  ws_send(c, 1, text, sprintf(text, "42[\"msg\",\"%.*s\"]", size, body));
}
static void sio_tell(struct connection *c, int to, const char *body, int size) {
  char text[MOST_BODY + 64];
  ws_send(c, 1, text, sprintf(text, "42[\"dm\",\"u%d\",\"%.*s\"]", to, size, body));
}

struct dialect dialects[] = {
    {"line", true, false, line_start, line_parse, line_say, line_tell},
    {"nats", true, false, nats_start, nats_parse, nats_say, nats_tell},
    {"redis", true, false, redis_start, redis_parse, redis_say, redis_tell},
    {"redis-store", true, false, redis_start, redis_parse, redis_store_say, redis_store_tell},
    {"redis-stream", true, true, stream_start, stream_parse, stream_say, stream_tell},
    {"mqtt", true, false, mqtt_start, mqtt_parse, mqtt_say, mqtt_tell},
    {"ws", true, false, ws_start, ws_parse, ws_say, ws_tell},
    {"socket.io", true, false, sio_start, sio_parse, sio_say, sio_tell},
    {0},
};
