/* connections.c: bytes between the load generator and a server: connecting, sending, receiving and cutting into frames,
 * all in one epoll loop. Knows no message; what a frame brings goes to on_message. Called by chatload.c. */
#define _GNU_SOURCE
#include "chatload.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
  CHUNK = 256 << 10, /* bytes read at once */
  INPUT = 1 << 20,   /* bytes a frame may have */
};

struct dialect *dialect;
int ready_count, dead_count, connecting_count;

static struct connection **dirty;
static int epoll, dirty_count;
static char *input;

void prepare_connections(int count) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  epoll = epoll_create1(0);
  dirty = calloc(count + 1, sizeof *dirty);
  input = malloc(INPUT + CHUNK);
}
uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * SECOND + t.tv_nsec;
}

/* ---- bytes out ---- */

void put(struct connection *c, const void *bytes, size_t length) {
  if (c->out_length + length > c->out_room) {
    c->out_room = (c->out_length + length) * 2 + 256;
    c->out = realloc(c->out, c->out_room);
  }
  memcpy(c->out + c->out_length, bytes, length);
  c->out_length += length;
  if (!c->dirty) {
    c->dirty = true;
    dirty[dirty_count++] = c;
  }
}
void put_text(struct connection *c, const char *text) { put(c, text, strlen(text)); }
void put_format(struct connection *c, const char *format, ...) {
  char text[2048];
  va_list list;
  va_start(list, format);
  put(c, text, vsnprintf(text, sizeof text, format, list));
  va_end(list);
}
static void watch(struct connection *c, int operation) {
  struct epoll_event event = {EPOLLIN | (c->want_write || c->connecting ? EPOLLOUT : 0), {.ptr = c}};
  epoll_ctl(epoll, operation, c->fd, &event);
}
static void lose(struct connection *c) {
  if (c->dead) return;
  c->dead = true;
  dead_count++;
  if (!c->ready) connecting_count--;
  close(c->fd);
}
static void flush(struct connection *c) {
  while (c->out_sent < c->out_length) {
    ssize_t k = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0 && errno != EAGAIN) return lose(c);
    if (k < 0) {
      if (!c->want_write) {
        c->want_write = true;
        watch(c, EPOLL_CTL_MOD);
      }
      return;
    }
    c->out_sent += k;
  }
  c->out_sent = c->out_length = 0;
  if (c->want_write) {
    c->want_write = false;
    watch(c, EPOLL_CTL_MOD);
  }
}
void flush_all(void) {
  for (int i = 0; i < dirty_count; i++) {
    struct connection *c = dirty[i];
    c->dirty = false;
    if (!c->dead && !c->connecting && !c->want_write) flush(c);
  }
  dirty_count = 0;
}
void become_ready(struct connection *c) {
  if (c->ready) return;
  c->ready = true;
  ready_count++;
  connecting_count--;
}

/* ---- bytes in ---- */

static void on_readable(struct connection *c) {
  if (c->rest_length) memcpy(input, c->rest, c->rest_length);
  ssize_t k = recv(c->fd, input + c->rest_length, CHUNK, 0);
  if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR)) return lose(c);
  if (k < 0) return;
  uint64_t at = now();
  char *p = input, *end = input + c->rest_length + k;
  while (p < end) {
    char *text = 0;
    size_t length = 0, used = dialect->parse(c, p, end - p, &text, &length);
    if (!used) break;
    if (text && c->last) on_message(c, text, length, at);
    p += used;
  }
  size_t rest = end - p;
  if (rest > INPUT - CHUNK) die("a frame of more than %d bytes", INPUT - CHUNK);
  if (rest > c->rest_room) c->rest = realloc(c->rest, c->rest_room = rest * 2 + 256);
  if (rest) memcpy(c->rest, p, rest);
  c->rest_length = rest;
}
void open_connection(struct connection *c) {
  int one = 1;
  struct linger linger = {1, 0};
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) die("socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger); /* leave with a reset, so no port waits */
  if (connect(c->fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS) die("connect: %s", strerror(errno));
  c->connecting = true;
  connecting_count++;
  watch(c, EPOLL_CTL_ADD);
}
void turn(int timeout) {
  struct epoll_event events[1024];
  int k = epoll_wait(epoll, events, 1024, timeout);
  for (int i = 0; i < k; i++) {
    struct connection *c = events[i].data.ptr;
    if (c->dead) continue;
    if (c->connecting) {
      int problem = 0;
      socklen_t length = sizeof problem;
      getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &length);
      if (problem) {
        fprintf(stderr, "connect: %s\n", strerror(problem));
        lose(c);
        continue;
      }
      c->connecting = false;
      watch(c, EPOLL_CTL_MOD);
      dialect->start(c);
      continue;
    }
    if (events[i].events & EPOLLOUT) flush(c);
    if (!c->dead && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
  }
  flush_all();
}
void run_until(uint64_t end) {
  for (uint64_t t; (t = now()) < end;) turn((end - t) / 1000000 > 50 ? 50 : (end - t) / 1000000 + 1);
}
