/* options.c: the load generator's command line. Called by chatload.c. */
#define _GNU_SOURCE
#include "chatload.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {.dialect = "line",
                          .mode = "room",
                          .pids = "",
                          .room = "",
                          .direct = "",
                          .seen = "",
                          .clients = 10,
                          .senders = 1,
                          .size = 64,
                          .window = 1,
                          .echo = -1,
                          .seconds = 1.5,
                          .warm = 0.3,
                          .drain = 3};
void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
  exit(1);
}
static void read_words(const char *path) {
  FILE *file = fopen(path, "r");
  char line[256];
  if (!file) die("%s: %s", path, strerror(errno));
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    options.words = realloc(options.words, (options.word_count + 1) * sizeof *options.words);
    options.words[options.word_count++] = strdup(line);
  }
  fclose(file);
}
void read_options(int count, char **values) {
  static const struct option known[] = {
      {"dialect", 1, 0, 'd'},
      {"mode", 1, 0, 'm'},
      {"port", 1, 0, 'p'},
      {"pid", 1, 0, 'P'},
      {"clients", 1, 0, 'n'},
      {"senders", 1, 0, 's'},
      {"size", 1, 0, 'b'},
      {"window", 1, 0, 'w'},
      {"rate", 1, 0, 'r'},
      {"seconds", 1, 0, 't'},
      {"warm", 1, 0, 'W'},
      {"drain", 1, 0, 'D'},
      {"no-room", 0, 0, 'J'},
      {"step", 1, 0, 'x'},
      {"room", 1, 0, 'u'},
      {"direct", 1, 0, 'M'},
      {"seen", 1, 0, 'S'},
      {"seen-every", 1, 0, 'E'},
      {"words", 1, 0, 'o'},
      {"echo", 1, 0, 'e'},
      {0},
  };
  for (int option; (option = getopt_long(count, values, "", known, 0)) != -1;) switch (option) {
    case 'd': options.dialect = optarg; break;
    case 'm': options.mode = optarg; break;
    case 'p': options.port = atoi(optarg); break;
    case 'P': options.pids = optarg; break;
    case 'n': options.clients = atoi(optarg); break;
    case 's': options.senders = atoi(optarg); break;
    case 'b': options.size = atoi(optarg); break;
    case 'w': options.window = atoi(optarg); break;
    case 'r':
      options.rate = atof(optarg);
      options.window = 0;
      break;
    case 't': options.seconds = atof(optarg); break;
    case 'W': options.warm = atof(optarg); break;
    case 'D': options.drain = atof(optarg); break;
    case 'J': options.no_room = true; break;
    case 'x':
      if (options.step_count == MOST_STEPS) die("at most %d steps", MOST_STEPS);
      options.steps[options.step_count++] = optarg;
      break;
    case 'u': options.room = optarg; break;
    case 'M': options.direct = optarg; break;
    case 'S': options.seen = optarg; break;
    case 'E': options.seen_every = atof(optarg); break;
    case 'o': read_words(optarg); break;
    case 'e': options.echo = atoi(optarg); break;
    default: exit(2);
    }
  if (options.size < 30 || options.size > MOST_BODY) die("--size is 30 to %d", MOST_BODY);
  if (options.clients < 1 || options.clients > 65535) die("--clients is 1 to 65535");
  if (options.window > RING / 2) die("--window is at most %d", RING / 2);
}
