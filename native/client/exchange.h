// One exchange of bytes with the daemon within a deadline. Functions return 0 or an error of
// errno(3).
#ifndef ENTROPYD_EXCHANGE_H
#define ENTROPYD_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  // Bytes of one read: on the stack of a thread that may have as little as 16 KiB.
  READ_SIZE = 4096,
  NS_PER_MS = 1000 * 1000,
  NS_PER_SECOND = 1000 * NS_PER_MS,
};

// The bytes of one answer, as they arrive.
struct exchange {
  int fd;
  int64_t deadline_ns;  // CLOCK_MONOTONIC
  bool has_begun;       // some byte of the answer has arrived
  size_t at, end;       // bytes[at, end) are still to be taken
  size_t most;          // bytes[most, READ_SIZE) were never written
  unsigned char bytes[READ_SIZE];
};

// Nanoseconds of CLOCK_MONOTONIC.
int64_t monotonic_ns(void);

// Waits as long as `ms`, or up to the deadline, or up to a signal.
void pause_until(int64_t deadline_ns, int ms);

// Sends a request. A lost connection is no error here: an answer may have come before the loss.
int exchange_send(struct exchange* exchange, const unsigned char* request, size_t size);

// Waits until at least one byte is there to be taken. ECONNRESET: the connection has ended.
int exchange_receive(struct exchange* exchange);

// Wipes all that was received.
void exchange_wipe(struct exchange* exchange);

#endif
