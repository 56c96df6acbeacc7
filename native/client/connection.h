// Connections to the daemon: where it is, and those that are kept for later calls.
#ifndef ENTROPYD_CONNECTION_H
#define ENTROPYD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct slot;

// A connection that one call uses.
struct connection {
  int fd;
  struct slot* slot;  // NULL: it cannot be kept
};

// Takes a connection that was kept, or opens one. Returns 0, or an error of connect(2) or
// entropyd.h.
int connection_take(struct connection* connection, int64_t deadline_ns);

// Opens one after a loss, and meanwhile waits for a daemon that restarts.
int connection_renew(struct connection* connection, int64_t deadline_ns);

// Ends a call's use of its connection: keeps it if it is in step, and there is room; or closes it.
void connection_release(struct connection* connection, bool in_step);

#endif
