/* websocket.c: how the load generator speaks over WebSockets: plain text, with a room and a name in the address and
 * "@NAME text" for a direct message, and socket.io's packets. See dialects.c. */
#define _GNU_SOURCE
#include "chatload.h"
#include <stdio.h>
#include <string.h>

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

struct dialect ws_dialect = {"ws", true, false, ws_start, ws_parse, ws_say, ws_tell};
struct dialect sio_dialect = {"socket.io", true, false, sio_start, sio_parse, sio_say, sio_tell};
