// The functions of libentropyd: arguments, requests, the second attempt, and what is left after a
// failure.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "connection.h"
#include "entropyd.h"
#include "message.h"

#define EXPORT __attribute__((visibility("default")))

// For each request. The daemon waits up to 4 s for noise.
static const int64_t request_ns = 5LL * NS_PER_SECOND;

static uint32_t next_id(void) {
  static atomic_uint last;
  uint32_t id = 0;
  while (id == 0) id = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
  return id;
}

// Bytes of this process's own, of which the kernel may return fewer than were asked for
// (getrandom(2)). It does not wait for the kernel's generator to be ready, which has no limit.
static int fill_own(unsigned char* target, size_t size) {
  while (size > 0) {
    const ssize_t got = getrandom(target, size, GRND_NONBLOCK);
    if (got < 0 && errno != EINTR) return errno;
    if (got < 0) continue;
    target += got;
    size -= (size_t)got;
  }
  return 0;
}

static int attempt(struct connection* connection, struct call* call, int64_t deadline_ns,
                   bool* has_begun) {
  unsigned char request[MAX_REQUEST_SIZE];
  struct exchange exchange;
  exchange.fd = connection->fd;
  exchange.deadline_ns = deadline_ns;
  exchange.has_begun = false;
  exchange.at = exchange.end = exchange.most = 0;
  bool in_step = false;
  int error = exchange_send(&exchange, request, write_request(call, request));
  // While the daemon is at work.
  if (error == 0 && call->target != NULL) error = fill_own(call->target, call->size);
  if (error == 0) error = read_answer(&exchange, call, &in_step);
  *has_begun = exchange.has_begun;
  exchange_wipe(&exchange);
  connection_release(connection, in_step);
  return error;
}

// Makes a call, a second time if its connection ends before the answer begins: all requests can be
// repeated.
static int make_call(struct call* call) {
  const int64_t deadline_ns = monotonic_ns() + request_ns;
  struct connection connection;
  bool has_begun = false;
  call->id = next_id();
  int error = connection_take(&connection, deadline_ns);
  if (error != 0) return error;
  error = attempt(&connection, call, deadline_ns, &has_begun);
  if (error != ECONNRESET || has_begun) return error;
  error = connection_renew(&connection, deadline_ns);
  return error != 0 ? error : attempt(&connection, call, deadline_ns, &has_begun);
}

// A thread that was canceled in the middle would leave its connection open and its buffer half
// filled.
static int without_cancellation(void) {
  int before = PTHREAD_CANCEL_ENABLE;
  (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  return before;
}

// Ends what without_cancellation began. Returns what the function of the library returns.
static int leave(int cancel_state, int errno_before, int error, int result) {
  (void)pthread_setcancelstate(cancel_state, &cancel_state);
  errno = error != 0 ? error : errno_before;
  return error != 0 ? -1 : result;
}

EXPORT int entropyd_get(void* buf, size_t len, unsigned flags) {
  const int before = errno;
  const bool resist = (flags & ENTROPYD_PREDICTION_RESISTANCE) != 0;
  const size_t most = resist ? RESISTANT_RANDOM_SIZE : MAX_RANDOM_SIZE;
  if (len > PTRDIFF_MAX || (buf == NULL && len > 0)) {
    errno = EINVAL;
    return -1;
  }
  const int cancel_state = without_cancellation();
  int error = (flags & ~ENTROPYD_PREDICTION_RESISTANCE) != 0 ? EINVAL : 0;
  for (size_t done = 0; error == 0 && done < len;) {
    const size_t size = len - done < most ? len - done : most;
    struct call call = {.target = (unsigned char*)buf + done, .size = size, .resist = resist};
    error = make_call(&call);
    done += size;
  }
  if (error != 0 && len > 0) explicit_bzero(buf, len);
  return leave(cancel_state, before, error, 0);
}

EXPORT int entropyd_health(char* reason, size_t size) {
  const int before = errno;
  if (reason != NULL && size == 0) {
    errno = EINVAL;
    return -1;
  }
  if (reason != NULL) reason[0] = '\0';
  struct call call = {.reason = reason, .reason_size = size};
  const int cancel_state = without_cancellation();
  const int error = make_call(&call);
  if (error != 0 && reason != NULL) reason[0] = '\0';
  return leave(cancel_state, before, error, call.state);
}
