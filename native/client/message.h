// Requests and answers of the socket protocol (docs/protocol.md), in MessagePack.
#ifndef ENTROPYD_MESSAGE_H
#define ENTROPYD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange.h"

enum {
  MAX_RANDOM_SIZE = 1024 * 1024,      // bytes of one `random`
  RESISTANT_RANDOM_SIZE = 64 * 1024,  // with one reseed before them
  MAX_REQUEST_SIZE = 64,
  // Bytes of an answer besides random bytes: a hundred times what `health` has on a host with many
  // devices.
  MAX_ANSWER_SIZE = 1024 * 1024,
};

// One call of the daemon: what is asked for, and where its answer goes.
struct call {
  uint32_t id;            // 1 or more: with 0 the daemon answers what was no request
  unsigned char* target;  // `random`: receives the bytes; NULL: `health`
  size_t size;            // `random`: 1 to MAX_RANDOM_SIZE
  bool resist;            // `random`: with prediction resistance
  int state;              // `health`: ENTROPYD_STATE_...
  char* reason;           // `health`: NULL, or receives the reason
  size_t reason_size;     // bytes, 1 or more
};

// Writes the request of a call; returns its size.
size_t write_request(const struct call* call, unsigned char request[static MAX_REQUEST_SIZE]);

// Reads the answer to a call: XORs the random bytes into its target, or sets state and reason.
// Returns 0, or an error of entropyd.h. The target may be partly mixed then.
// *in_step: the connection can take the next request.
int read_answer(struct exchange* exchange, struct call* call, bool* in_step);

#endif
