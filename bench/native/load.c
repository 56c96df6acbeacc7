// Load generator for a Unix socket, independent of the protocol: each connection sends a batch of
// equal requests in one write, and the next batch when all responses, of a known size, are in.
//   load SOCKET REQUEST_HEX ANSWER_SIZE CONNECTIONS IN_FLIGHT MILLISECONDS
// Prints an empty line when every connection has had its first responses, waits for a line,
// measures, prints one JSON object, and waits for the end of its input: what it costs a server to
// accept and to close connections stays outside. Latencies are per batch, in nanoseconds.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { kReadSize = 1 << 20, kMaxSamples = 1 << 20, kEvents = 1024 };

struct Connection {
  int fd;
  size_t missing;  // bytes of the batch's answers
  uint64_t sent_at;
};

static uint64_t Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void Fail(const char* what) {
  perror(what);
  exit(1);
}

static int Connect(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0) Fail(path);
  return fd;
}

static int Compare(const void* a, const void* b) {
  const uint64_t x = *(const uint64_t*)a;
  const uint64_t y = *(const uint64_t*)b;
  return x < y ? -1 : x > y;
}

static void Send(struct Connection* c, const char* batch, size_t size, size_t answers) {
  c->missing = answers;
  if (write(c->fd, batch, size) != (ssize_t)size) Fail("write");
}

// Reads what is there; returns whether all of the batch's answers are in.
static int Receive(struct Connection* c, char* buffer) {
  const ssize_t size = read(c->fd, buffer, kReadSize);
  if (size <= 0 || (size_t)size > c->missing) Fail("answer of another size");
  c->missing -= (size_t)size;
  return c->missing == 0;
}

int main(int argc, char** argv) {
  if (argc != 7) return 64;
  const size_t request_size = strlen(argv[2]) / 2;
  const size_t answer_size = strtoul(argv[3], NULL, 10);
  const size_t connections = strtoul(argv[4], NULL, 10);
  const size_t in_flight = strtoul(argv[5], NULL, 10);
  const uint64_t duration = strtoul(argv[6], NULL, 10) * 1000000;

  const size_t batch_size = request_size * in_flight;
  char* batch = malloc(batch_size);
  for (size_t i = 0; i < batch_size; ++i) {
    unsigned byte = 0;
    sscanf(argv[2] + i % request_size * 2, "%2x", &byte);
    batch[i] = (char)byte;
  }
  char* buffer = malloc(kReadSize);
  uint64_t* samples = malloc(kMaxSamples * sizeof *samples);
  struct Connection* all = calloc(connections, sizeof *all);
  const size_t answers = answer_size * in_flight;
  const int poll = epoll_create1(0);
  for (size_t i = 0; i < connections; ++i) {
    all[i].fd = Connect(argv[1]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
    Send(&all[i], batch, batch_size, answers);
    while (!Receive(&all[i], buffer)) {
    }
  }
  puts("");
  fflush(stdout);
  if (getchar() == EOF) return 1;

  const uint64_t start = Now();
  uint64_t now = start;
  uint64_t batches = 0;
  for (size_t i = 0; i < connections; ++i) {
    all[i].sent_at = Now();
    Send(&all[i], batch, batch_size, answers);
  }
  for (size_t open = connections; open > 0;) {
    struct epoll_event events[kEvents];
    const int count = epoll_wait(poll, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      struct Connection* c = events[i].data.ptr;
      if (!Receive(c, buffer)) continue;
      now = Now();
      if (batches < kMaxSamples) samples[batches] = now - c->sent_at;
      ++batches;
      if (now - start >= duration) {
        --open;
        continue;
      }
      c->sent_at = now;
      Send(c, batch, batch_size, answers);
    }
  }
  const size_t taken = batches < kMaxSamples ? batches : kMaxSamples;
  qsort(samples, taken, sizeof *samples, Compare);
  printf("{\"requests\":%lu,\"ns\":%lu,\"p50\":%lu,\"p99\":%lu}\n", batches * in_flight,
         now - start, samples[taken / 2], samples[taken * 99 / 100]);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
