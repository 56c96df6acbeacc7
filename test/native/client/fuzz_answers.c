// Answers of an untrusted daemon, under libFuzzer: fuzz.sh compiles it with message.c and
// messagepack.c. The first byte of an input chooses the call, and in which pieces the rest arrives;
// the rest is the answer.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entropyd.h"
#include "fuzz_answers.h"
#include "message.h"

enum { SIZE = 8, ID = 7, REASON_SIZE = 12, GUARD = 16 };
static const unsigned char untouched = 0xa5;

// Where the answer comes from: one at a time.
static struct {
  const unsigned char* next;
  size_t left, piece;
} source;

// In place of exchange.c: the answer in pieces, then the end of the connection.
int exchange_receive(struct exchange* exchange) {
  if (exchange->at < exchange->end) return 0;
  if (source.left == 0) return ECONNRESET;
  const size_t size = source.left < source.piece ? source.left : source.piece;
  memcpy(exchange->bytes, source.next, size);
  source.next += size;
  source.left -= size;
  exchange->at = 0;
  exchange->end = size;
  return 0;
}

int read_pieces(const void* bytes, size_t size, size_t piece, struct call* call, bool* in_step) {
  struct exchange exchange = {0};
  source.next = bytes;
  source.left = size;
  source.piece = piece;
  return read_answer(&exchange, call, in_step);
}

static void must(int holds, const char* what) {
  if (holds) return;
  (void)fprintf(stderr, "%s\n", what);
  abort();
}

static int is_documented(int error) {
  return error == 0 || error == EAGAIN || error == EBUSY || error == EIO || error == EOPNOTSUPP ||
         error == EREMOTEIO || error == EPROTO || error == ECONNRESET;
}

int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return -1;
  const int is_random = data[0] < 0x80;
  unsigned char target[GUARD + SIZE + GUARD];
  char reason[GUARD + REASON_SIZE + GUARD];
  struct exchange exchange = {0};
  struct call call = {.id = ID, .size = SIZE, .reason_size = REASON_SIZE};
  bool in_step = false;
  memset(target, untouched, sizeof target);
  memset(target + GUARD, 0, SIZE);
  memset(reason, untouched, sizeof reason);
  reason[GUARD] = '\0';
  if (is_random) call.target = target + GUARD;
  if (!is_random && data[0] % 2 == 0) call.reason = reason + GUARD;
  source.next = data + 1;
  source.left = size - 1;
  source.piece = 1 + data[0] % 0x20;

  const int error = read_answer(&exchange, &call, &in_step);
  must(is_documented(error), "an error that is not documented");
  for (size_t i = 0; i < GUARD; i++) {
    must(target[i] == untouched && target[GUARD + SIZE + i] == untouched, "target: overrun");
    must((unsigned char)reason[i] == untouched, "reason: underrun");
    must((unsigned char)reason[GUARD + REASON_SIZE + i] == untouched, "reason: overrun");
  }
  must(exchange.at <= exchange.end, "more was taken than there was");
  if (error == 0) must(in_step, "out of step after a success");
  if (error == EPROTO || error == ECONNRESET) must(!in_step, "in step after a broken answer");
  if (in_step) must(exchange.at == exchange.end, "in step before the end");
  if (error == 0 && is_random)
    must(memcmp(source.next - SIZE, call.target, SIZE) == 0, "not the bytes that were sent");
  if (error == 0 && !is_random) {
    must(call.state >= ENTROPYD_STATE_UNKNOWN && call.state <= ENTROPYD_STATE_ERROR, "the state");
    if (call.reason != NULL) {
      const size_t length = strnlen(call.reason, REASON_SIZE);
      must(length < REASON_SIZE, "reason: no end");
      for (size_t i = 0; i < length; i++)
        must(call.reason[i] >= ' ' && call.reason[i] <= '~', "reason: not printable");
    }
  }
  return 0;
}
