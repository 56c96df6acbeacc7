// One exchange of bytes with the daemon, by poll(2): no call waits beyond the deadline.
#include "exchange.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

int64_t monotonic_ns(void) {
  struct timespec now;
  // Fails only for clocks that do not exist (clock_gettime(2)).
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

// Milliseconds up to a deadline, rounded up so that no wait ends before it; 0: it is over.
static int ms_until(int64_t deadline_ns) {
  const int64_t left = deadline_ns - monotonic_ns();
  if (left <= 0) return 0;
  const int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
  return ms < INT_MAX ? (int)ms : INT_MAX;
}

void pause_until(int64_t deadline_ns, int ms) {
  const int left = ms_until(deadline_ns);
  (void)poll(NULL, 0, ms < left ? ms : left);
}

// Waits for an event of poll(2), or for the end of the connection, which the next call then
// reports.
static int wait_for(const struct exchange* exchange, short events) {
  for (;;) {
    const int ms = ms_until(exchange->deadline_ns);
    if (ms == 0) return ETIMEDOUT;
    struct pollfd one = {.fd = exchange->fd, .events = events};
    const int ready = poll(&one, 1, ms);
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
  }
}

static bool must_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

int exchange_send(struct exchange* exchange, const unsigned char* request, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(exchange->fd, request, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      request += sent;
      size -= (size_t)sent;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return 0;
    } else if (must_wait(errno)) {
      const int error = wait_for(exchange, POLLOUT);
      if (error != 0) return error;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int exchange_receive(struct exchange* exchange) {
  while (exchange->at == exchange->end) {
    const int error = wait_for(exchange, POLLIN);
    if (error != 0) return error;
    const ssize_t size = recv(exchange->fd, exchange->bytes, READ_SIZE, MSG_DONTWAIT);
    if (size == 0) return ECONNRESET;
    if (size < 0 && !must_wait(errno) && errno != EINTR) return errno;
    if (size < 0) continue;
    exchange->has_begun = true;
    exchange->at = 0;
    exchange->end = (size_t)size;
    if (exchange->end > exchange->most) exchange->most = exchange->end;
  }
  return 0;
}

void exchange_wipe(struct exchange* exchange) {
  explicit_bzero(exchange->bytes, exchange->most);
  exchange->at = exchange->end = exchange->most = 0;
}
