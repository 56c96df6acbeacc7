// A single-threaded epoll server on a Unix socket, the base of the C servers used for comparison.
#ifndef ENTROPYD_BENCH_SERVE_H_
#define ENTROPYD_BENCH_SERVE_H_
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { kReadSize = 65536, kEvents = 64, kBacklog = 1024 };

static void WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, data, size);
    if (count <= 0) return;
    data += count;
    size -= (size_t)count;
  }
}

// Passes each read to `answer`. Returns only if it cannot listen.
static int Serve(const char* path, void (*answer)(int fd, const char* data, size_t size)) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listener, kBacklog) != 0) {
    perror(path);
    return 1;
  }
  const int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  static char buffer[kReadSize];
  for (;;) {
    struct epoll_event events[kEvents];
    const int count = epoll_wait(poll, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept(listener, NULL, NULL);
        if (event.data.fd >= 0) epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      const ssize_t size = read(fd, buffer, sizeof buffer);
      if (size <= 0)
        close(fd);
      else
        answer(fd, buffer, (size_t)size);
    }
  }
}

#endif  // ENTROPYD_BENCH_SERVE_H_
