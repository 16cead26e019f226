/* floor.c: what one process can do at the least cost: no accounts, no checks, nothing stored, no limits but one. What
 * one turn of its loop said in a room is built once and sent with one send() a member. Not a chat server. cc -O2 -o
 * floor floor.c && ./floor PORT Lines: "LOGIN name" -> "OK", "JOIN room" -> "OK", "MSG room text" to all in the room,
 * "DM name text" to one. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NAME = 32, MOST = 65536, CHUNK = 64 << 10, BACKLOG = 8 << 20 /* bytes that may wait for one reader */ };

struct buffer {
  char *bytes;
  size_t length, room;
};
struct client {
  int fd;
  bool want_write, dirty, dead;
  char name[NAME];
  struct room *room;
  struct buffer in, out;
  struct client *next; /* of the same hash */
};
struct room {
  char name[NAME];
  struct client *members[MOST];
  int count;
  bool dirty;
  struct buffer said; /* in this turn */
};

static struct client *clients[MOST], *dirty[MOST], *ended[MOST];
static struct room *rooms[MOST], *talking[MOST];
static int epoll, dirty_count, talking_count;

static unsigned hash(const char *p, int length) {
  unsigned h = 2166136261u;
  while (length--) h = (h ^ (unsigned char)*p++) * 16777619u;
  return h % MOST;
}
static void append(struct buffer *b, const char *p, size_t length) {
  if (b->length + length > b->room) b->bytes = realloc(b->bytes, b->room = (b->length + length) * 2);
  memcpy(b->bytes + b->length, p, length);
  b->length += length;
}
static void watch(struct client *c, bool want_write) {
  if (c->want_write == want_write) return;
  struct epoll_event event = {EPOLLIN | (want_write ? EPOLLOUT : 0), {.ptr = c}};
  c->want_write = want_write;
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}
static void keep(struct client *c, const char *p, size_t length) {
  if (c->out.length + length > BACKLOG) c->dead = true;
  else append(&c->out, p, length);
}
static void drain(struct client *c) {
  size_t done = 0;
  for (ssize_t k; done < c->out.length; done += k)
    if ((k = send(c->fd, c->out.bytes + done, c->out.length - done, MSG_NOSIGNAL)) <= 0) break;
  c->out.length -= done;
  memmove(c->out.bytes, c->out.bytes + done, c->out.length);
  watch(c, c->out.length > 0);
}
/* Sends at once what the socket takes and keeps the rest. */
static void deliver(struct client *c, const char *p, size_t length) {
  if (c->dead) return;
  ssize_t k = 0;
  if (c->out.length == 0) {
    k = send(c->fd, p, length, MSG_NOSIGNAL);
    if (k == (ssize_t)length) return;
    if (k < 0 && errno != EAGAIN) c->dead = true;
    if (k < 0) k = 0;
  }
  keep(c, p + k, length - k);
  watch(c, true);
}
/* Sends at the end of this turn. */
static void answer(struct client *c, const char *p, size_t length) {
  keep(c, p, length);
  if (c->dirty) return;
  c->dirty = true;
  dirty[dirty_count++] = c;
}
static struct room *room_of(const char *name, int length) {
  struct room **room = &rooms[hash(name, length)]; /* the few rooms of a measurement do not collide */
  if (!*room) *room = calloc(1, sizeof **room);
  memcpy((*room)->name, name, length);
  return *room;
}
static void say(struct client *c, const char *line, int length) {
  const char *text = memchr(line + 4, ' ', length - 4);
  struct room *room = c->room;
  if (!text || !room) return;
  append(&room->said, line, text + 1 - line);
  append(&room->said, c->name, strlen(c->name));
  append(&room->said, text, line + length - text);
  append(&room->said, "\n", 1);
  if (room->dirty) return;
  room->dirty = true;
  talking[talking_count++] = room;
}
static void tell(struct client *c, const char *line, int length) {
  const char *text = memchr(line + 3, ' ', length - 3);
  if (!text) return;
  int name = text - line - 3;
  for (struct client *to = clients[hash(line + 3, name)]; to; to = to->next)
    if (!strncmp(to->name, line + 3, name) && !to->name[name]) {
      char out[8192];
      int k = snprintf(out, sizeof out, "DM %s%.*s\n", c->name, (int)(line + length - text), text);
      answer(to, out, k);
      return;
    }
}
static void on_line(struct client *c, const char *line, int length) {
  if (length > 4 && !memcmp(line, "MSG ", 4)) say(c, line, length);
  else if (length > 3 && !memcmp(line, "DM ", 3)) tell(c, line, length);
  else if (length > 6 && length < NAME + 6 && !memcmp(line, "LOGIN ", 6)) {
    memcpy(c->name, line + 6, length - 6);
    struct client **place = &clients[hash(c->name, length - 6)];
    c->next = *place;
    *place = c;
    answer(c, "OK\n", 3);
  } else if (length > 5 && length < NAME + 5 && !memcmp(line, "JOIN ", 5)) {
    c->room = room_of(line + 5, length - 5);
    c->room->members[c->room->count++] = c;
    answer(c, "OK\n", 3);
  }
}
/* False when the client has gone. */
static bool on_readable(struct client *c) {
  char chunk[CHUNK];
  ssize_t k = recv(c->fd, chunk, sizeof chunk, 0);
  if (k < 0 && errno == EAGAIN) return true;
  if (k <= 0) return false;
  append(&c->in, chunk, k);
  char *p = c->in.bytes, *end = p + c->in.length;
  for (char *newline; (newline = memchr(p, '\n', end - p)); p = newline + 1) on_line(c, p, newline - p);
  c->in.length = end - p > CHUNK ? 0 : end - p;
  memmove(c->in.bytes, p, c->in.length);
  return true;
}
static void leave(struct client *c) {
  close(c->fd);
  struct room *room = c->room;
  for (int i = 0; room && i < room->count; i++)
    if (room->members[i] == c) room->members[i--] = room->members[--room->count];
  for (struct client **place = &clients[hash(c->name, strlen(c->name))]; *place; place = &(*place)->next)
    if (*place == c) {
      *place = c->next;
      break;
    }
  free(c->in.bytes);
  free(c->out.bytes);
  free(c);
}
static void accept_all(int listener) {
  int one = 1;
  for (int fd; (fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
    struct client *c = calloc(1, sizeof *c);
    struct epoll_event event = {EPOLLIN, {.ptr = c}};
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}
int main(int count, char **values) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(count > 1 ? atoi(values[1]) : 7000),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
  epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){EPOLLIN, {.ptr = 0}});
  for (;;) {
    struct epoll_event events[1024];
    int ended_count = 0;
    for (int i = 0, k = epoll_wait(epoll, events, 1024, -1); i < k; i++) {
      struct client *c = events[i].data.ptr;
      if (!c) {
        accept_all(listener);
        continue;
      }
      if (events[i].events & EPOLLOUT) drain(c);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !on_readable(c)) {
        c->dead = true;
        ended[ended_count++] = c;
      }
    }
    for (int i = 0; i < talking_count; i++) {
      struct room *room = talking[i];
      for (int j = 0; j < room->count; j++) deliver(room->members[j], room->said.bytes, room->said.length);
      room->said.length = 0;
      room->dirty = false;
    }
    for (int i = 0; i < dirty_count; i++) {
      dirty[i]->dirty = false;
      if (!dirty[i]->dead && !dirty[i]->want_write) drain(dirty[i]);
    }
    talking_count = dirty_count = 0;
    for (int i = 0; i < ended_count; i++) leave(ended[i]);
  }
}
