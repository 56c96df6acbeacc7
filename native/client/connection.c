// Connections to the daemon. The table of those that are kept has no lock, so a child that was
// forked while another thread used it finds none held. fork(2) is met twice: a handler of
// pthread_atfork(3) closes the child's copies, and each entry has the process that opened it, for
// _Fork(3) and clone(2), which run no handler.
#include "connection.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "exchange.h"

// docs/protocol.md, "Transport".
static const char system_socket[] = "/run/entropyd/entropyd.sock";

enum {
  MAX_KEPT = 8,  // the daemon gives a user 1024
  // Pauses between attempts to connect after a loss, less up to half of them so that not all
  // clients of a daemon come back in the same moment: as in the client library for Node.js.
  FIRST_PAUSE_MS = 25,
  MAX_PAUSE_MS = 800,
};

enum { EMPTY, IN_USE, KEPT };

// A connection of this process. Whoever has set IN_USE owns the other members until it sets another
// state.
struct slot {
  atomic_int state;
  int fd;
  pid_t process;  // that opened it
  // What fd was when it was opened. A program that closes all descriptors, as daemons do at their
  // start, may have given the number to something else.
  dev_t device;
  ino_t inode;
};

static struct slot slots[MAX_KEPT];

static bool change(struct slot* slot, int from, int to) {
  return atomic_compare_exchange_strong_explicit(&slot->state, &from, to, memory_order_acquire,
                                                 memory_order_relaxed);
}

static void set(struct slot* slot, int state) {
  atomic_store_explicit(&slot->state, state, memory_order_release);
}

static bool is_still_ours(const struct slot* slot) {
  struct stat now;
  return fstat(slot->fd, &now) == 0 && now.st_dev == slot->device && now.st_ino == slot->inode;
}

// Shut down first, so that the daemon sees the end although a child of fork(2) has a copy.
static void end(int fd) {
  (void)shutdown(fd, SHUT_RDWR);
  (void)close(fd);
}

// Closes what a slot in use holds. A child's copy is only closed: the connection is the parent's.
static void empty(struct slot* slot) {
  if (is_still_ours(slot)) {
    if (slot->process == getpid())
      end(slot->fd);
    else
      (void)close(slot->fd);
  }
  slot->fd = -1;
  set(slot, EMPTY);
}

// In the child, whose only thread runs this: also what other threads of the parent were using.
static void forget_parent(void) {
  for (struct slot* slot = slots; slot < slots + MAX_KEPT; slot++) {
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) == EMPTY) continue;
    if (slot->fd >= 0 && is_still_ours(slot)) (void)close(slot->fd);
    slot->fd = -1;
    set(slot, EMPTY);
  }
}

// Without memory for it the entries' process is all there is, which is enough.
__attribute__((constructor)) static void prepare(void) {
  (void)pthread_atfork(NULL, NULL, forget_parent);
}

// When the library is unloaded, or the process ends.
__attribute__((destructor)) static void close_kept(void) {
  for (struct slot* slot = slots; slot < slots + MAX_KEPT; slot++)
    if (change(slot, KEPT, IN_USE)) empty(slot);
}

// Whether nothing can be read: neither an end, nor an answer that nobody waits for.
static bool is_silent(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

static bool take_kept(struct connection* connection) {
  for (struct slot* slot = slots; slot < slots + MAX_KEPT; slot++) {
    if (!change(slot, KEPT, IN_USE)) continue;
    if (slot->process == getpid() && is_still_ours(slot) && is_silent(slot->fd)) {
      *connection = (struct connection){slot->fd, slot};
      return true;
    }
    empty(slot);
  }
  return false;
}

static const char* variable(const char* name) {
  const char* value = secure_getenv(name);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

// Where a client looks for the daemon, in this order.
static int find_daemon(struct sockaddr_un* address) {
  const char* path = variable("ENTROPYD_SOCKET");
  const char* below = "";
  if (path == NULL && access(system_socket, F_OK) != 0) {
    path = variable("XDG_RUNTIME_DIR");
    if (path != NULL) below = "/entropyd/entropyd.sock";
  }
  address->sun_family = AF_UNIX;
  const int size = snprintf(address->sun_path, sizeof address->sun_path, "%s%s",
                            path != NULL ? path : system_socket, below);
  if (size < 0) return errno;
  return (size_t)size < sizeof address->sun_path ? 0 : ENAMETOOLONG;
}

// connect(2) waits while the daemon's backlog is full, at most as long as SO_SNDTIMEO says
// (unix(7)).
static int connect_within(int fd, const struct sockaddr_un* address, int64_t deadline_ns) {
  for (;;) {
    const int64_t left = (deadline_ns - monotonic_ns()) / 1000;
    // 0 would be without limit.
    if (left <= 0) return ETIMEDOUT;
    const struct timeval time = {.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) != 0) return errno;
    if (connect(fd, (const struct sockaddr*)address, sizeof *address) == 0) return 0;
    if (errno != EAGAIN && errno != EINTR) return errno;
  }
}

// Puts a new connection into an empty slot, if there is one.
static struct slot* claim_slot(int fd) {
  struct stat now;
  if (fstat(fd, &now) != 0) return NULL;
  for (struct slot* slot = slots; slot < slots + MAX_KEPT; slot++) {
    if (!change(slot, EMPTY, IN_USE)) continue;
    slot->process = getpid();
    slot->device = now.st_dev;
    slot->inode = now.st_ino;
    slot->fd = fd;
    return slot;
  }
  return NULL;
}

static int open_new(struct connection* connection, int64_t deadline_ns) {
  struct sockaddr_un address;
  int error = find_daemon(&address);
  if (error != 0) return error;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  error = connect_within(fd, &address, deadline_ns);
  if (error != 0) {
    (void)close(fd);
    return error;
  }
  *connection = (struct connection){fd, claim_slot(fd)};
  return 0;
}

int connection_take(struct connection* connection, int64_t deadline_ns) {
  return take_kept(connection) ? 0 : open_new(connection, deadline_ns);
}

int connection_renew(struct connection* connection, int64_t deadline_ns) {
  for (int pause_ms = FIRST_PAUSE_MS;; pause_ms *= 2) {
    const int error = open_new(connection, deadline_ns);
    if (error != ENOENT && error != ECONNREFUSED) return error;
    if (pause_ms > MAX_PAUSE_MS) pause_ms = MAX_PAUSE_MS;
    // The clock's last digits are as good as chance here.
    const int less_ms = (int)(monotonic_ns() / 1000 % (pause_ms / 2));
    pause_until(deadline_ns, pause_ms - less_ms);
    if (monotonic_ns() >= deadline_ns) return error;
  }
}

void connection_release(struct connection* connection, bool in_step) {
  struct slot* slot = connection->slot;
  if (slot == NULL)
    end(connection->fd);
  else if (in_step)
    set(slot, KEPT);
  else
    empty(slot);
  connection->fd = -1;
}
