/* redis.c: how the load generator speaks to Redis: published, stored and then published, and as a stream. Redis's
 * protocol in its third version, in which one connection may publish and subscribe. See dialects.c. */
#define _GNU_SOURCE
#include "chatload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct dialect redis_dialect = {"redis", true, false, redis_start, redis_parse, redis_say, redis_tell};
struct dialect redis_store_dialect = {"redis-store",   true, false, redis_start, redis_parse, redis_store_say,
                                      redis_store_tell};
struct dialect redis_stream_dialect = {"redis-stream", true, true, stream_start, stream_parse, stream_say, stream_tell};
