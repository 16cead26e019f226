/* figures.c: what is measured: how long messages took, and what the server and the generator itself use, as Linux tells
 * in /proc. Called by chatload.c. */
#define _GNU_SOURCE
#include "chatload.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FINE = 64 }; /* buckets of a doubling in the histogram: 1.6 % */
static uint64_t histogram[64 * FINE], counted;

void note_latency(uint64_t ns) {
  int power = ns < FINE ? 0 : 63 - __builtin_clzll(ns) - 5;
  histogram[power * FINE + (power ? (ns >> (power - 1)) - FINE : ns)]++;
  counted++;
}
double latency(double quantile) { /* µs */
  uint64_t wanted = counted * quantile, seen = 0;
  for (int i = 0; i < 64 * FINE; i++)
    if ((seen += histogram[i]) > wanted) {
      int power = i / FINE, rest = i % FINE;
      return (power ? (double)((uint64_t)(FINE + rest) << (power - 1)) : rest) / 1000;
    }
  return 0;
}
static void each_pid(void (*visit)(const char *pid, double *sum), double *sum) {
  char *list = strdup(options.pids), *save;
  for (char *pid = strtok_r(list, ",", &save); pid; pid = strtok_r(0, ",", &save)) visit(pid, sum);
  free(list);
}
static void add_cpu(const char *pid, double *sum) { /* of the live threads, in ns as the scheduler counts */
  char path[400];
  snprintf(path, sizeof path, "/proc/%.20s/task", pid);
  DIR *threads = opendir(path);
  for (struct dirent *entry; threads && (entry = readdir(threads));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%.20s/task/%s/schedstat", pid, entry->d_name);
    FILE *file = fopen(path, "r");
    unsigned long long ns;
    if (file && fscanf(file, "%llu", &ns) == 1) *sum += ns;
    if (file) fclose(file);
  }
  if (threads) closedir(threads);
}
static void add_memory(const char *pid, double *sum) { /* KiB */
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%.20s/status", pid);
  FILE *file = fopen(path, "r");
  if (!file) return;
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, "VmRSS:", 6)) *sum += atol(line + 6);
  fclose(file);
}
double server_cpu(void) {
  double sum = 0;
  each_pid(add_cpu, &sum);
  return sum;
}
double server_memory(void) {
  double sum = 0;
  each_pid(add_memory, &sum);
  return sum;
}
double machine_cpu(void) { /* ns, to a clock tick; of everything that runs here, with what a virtual machine does not get */
  unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
  FILE *file = fopen("/proc/stat", "r");
  if (!file) return 0;
  int count = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
                     &softirq, &steal);
  fclose(file);
  return count == 8 ? (double)(user + nice + system + irq + softirq + steal) / sysconf(_SC_CLK_TCK) * 1e9 : 0;
}
double own_cpu(void) { /* ns */
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}
