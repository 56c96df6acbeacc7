// The yardstick: a single-threaded epoll server on a Unix socket that writes back what it read.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { kBufferSize = 65536, kEvents = 64, kBacklog = 1024 };

static void WriteAll(int fd, const char* data, ssize_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, data, (size_t)size);
    if (count <= 0) return;
    data += count;
    size -= count;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(listener, kBacklog) != 0) {
    perror(argv[1]);
    return 1;
  }
  const int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  static char buffer[kBufferSize];
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
        WriteAll(fd, buffer, size);
    }
  }
}
