// Answers to libentropyd: whole, in pieces of every size, cut at every byte, with every bit turned,
// and mutated at random; without a socket. fuzz_answers.c, which it is linked with, checks what
// holds for all of them. Longer than most files because of the table.
//   answers SEED MUTATIONS
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entropyd.h"
#include "fuzz_answers.h"
#include "message.h"

enum { MAX_SIZE = 512, RANDOM = 0x00, HEALTH = 0x80 };

struct answer {
  const char* bytes;
  size_t size;
  unsigned char method;
  int error;
  int state;
};

#define ANSWER(method, error, state, bytes) \
  { bytes, sizeof(bytes) - 1, method, error, state }
#define WITH_BYTES \
  "\xc4\x08"       \
  "\x01\x02\x03\x04\x05\x06\x07\x08"

static const struct answer answers[] = {
    // As the daemon sends them, and in other encodings of the same.
    ANSWER(RANDOM, 0, 0, "\x94\x01\xce\x00\x00\x00\x07\xc0" WITH_BYTES),
    ANSWER(RANDOM, 0, 0,
           "\xdc\x00\x04\xcc\x01\x07\xc0\xc5\x00\x08"
           "abcdefgh"),
    ANSWER(RANDOM, 0, 0,
           "\xdd\x00\x00\x00\x04\xd3\x00\x00\x00\x00\x00\x00\x00\x01\xcf\x00\x00\x00\x00\x00\x00"
           "\x00\x07\xc0\xc6\x00\x00\x00\x08"
           "abcdefgh"),
    // Not the answer to this call.
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\x08\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\x00\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x07\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\xd0\x87\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\xca\x40\xe0\x00\x00\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\xa1\x07\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x00\x07\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x02\x07\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x93\x01\x07\xc0"),
    ANSWER(RANDOM, EPROTO, 0, "\x95\x01\x07\xc0" WITH_BYTES "\xc0"),
    ANSWER(RANDOM, EPROTO, 0, "\x84\x01\x07\xc0" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\x07\xc2" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\x07\xc0\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\xc0\xc4\x07"
           "abcdefg"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\xc0\xc4\x09"
           "abcdefghi"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\xc0\xc6\xff\xff\xff\xff"
           "abcdefgh"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\xc0\xa8"
           "abcdefgh"),
    ANSWER(RANDOM, EPROTO, 0, "\x94\x01\x07\xc0\x98\x01\x02\x03\x04\x05\x06\x07\x08"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\xc0\xc7\x08\x01"
           "abcdefgh"),
    ANSWER(RANDOM, EPROTO, 0, "\xc1"),
    ANSWER(RANDOM, EPROTO, 0, "HTTP/1.1 400 Bad Request"),
    ANSWER(RANDOM, ECONNRESET, 0, ""),
    // Refusals.
    ANSWER(RANDOM, EAGAIN, 0,
           "\x94\x01\x07\x92\xae"
           "ERR_NOT_SEEDED"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EAGAIN, 0,
           "\x94\x01\x07\x92\xab"
           "ERR_ENTROPY"
           "\xa0\xc0"),
    ANSWER(RANDOM, EBUSY, 0,
           "\x94\x01\x00\x92\xd9\x08"
           "ERR_BUSY"
           "\xda\x00\x03"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EBUSY, 0,
           "\x94\x01\x07\x92\xa8"
           "ERR_RATE"
           "\xdb\x00\x00\x00\x03"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EIO, 0,
           "\x94\x01\x07\x92\xaa"
           "ERR_HEALTH"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EOPNOTSUPP, 0,
           "\x94\x01\x07\x92\xaa"
           "ERR_PARAMS"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(HEALTH, EOPNOTSUPP, 0,
           "\x94\x01\x07\x92\xaa"
           "ERR_METHOD"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EREMOTEIO, 0,
           "\x94\x01\x07\x92\xac"
           "ERR_INTERNAL"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EREMOTEIO, 0,
           "\x94\x01\x07\x92\xab"
           "ERR_HEALTH\0"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EREMOTEIO, 0,
           "\x94\x01\x07\x92\xd9\x29"
           "ERR_HEALTH_OF_SOMETHING_IN_A_LATER_DAEMON"
           "\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\x91\xaa"
           "ERR_HEALTH"
           "\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\x93\xaa"
           "ERR_HEALTH"
           "\xa3"
           "why"
           "\xc0\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\x92\x05\xa3"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\x92\xaa"
           "ERR_HEALTH"
           "\x05\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\x92\xaa"
           "ERR_HEALTH"
           "\xa3"
           "why" WITH_BYTES),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\x92\xaa"
           "ERR_HEALTH"
           "\xdb\xff\xff\xff\xff"
           "why"
           "\xc0"),
    ANSWER(RANDOM, EPROTO, 0,
           "\x94\x01\x07\xaa"
           "ERR_HEALTH"
           "\xc0"),
    // Health.
    ANSWER(HEALTH, 0, ENTROPYD_STATE_OPERATIONAL,
           "\x94\x01\x07\xc0\xde\x00\x02\xa5"
           "state"
           "\xab"
           "operational"
           "\xa6"
           "reason"
           "\xa0"),
    ANSWER(HEALTH, 0, ENTROPYD_STATE_DEGRADED,
           "\x94\x01\x07\xc0\x83\xa6"
           "reason"
           "\xb7"
           "serving; \x1b[31m\xc3\xa4 \x7f lost"
           "\xa5"
           "state"
           "\xa8"
           "degraded"
           "\xa7"
           "healthy"
           "\xc2"),
    ANSWER(HEALTH, 0, ENTROPYD_STATE_FALLBACK,
           "\x94\x01\x07\xc0\xdf\x00\x00\x00\x03\xa5"
           "state"
           "\xa8"
           "fallback"
           "\xa7"
           "sources"
           "\x91\x82\xa4"
           "name"
           "\xa1"
           "a"
           "\xa1"
           "b"
           "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa6"
           "reason"
           "\xa1"
           "r"),
    ANSWER(HEALTH, 0, ENTROPYD_STATE_SEEDING,
           "\x94\x01\x07\xc0\x83\xa1"
           "x"
           "\x95\xc0\xff\xd1\x80\x00\xc4\x01\x00\xc3\xa5"
           "state"
           "\xa7"
           "seeding"
           "\xa6"
           "reason"
           "\xa0"),
    ANSWER(HEALTH, 0, ENTROPYD_STATE_ERROR,
           "\x94\x01\x07\xc0\x82\xa5"
           "state"
           "\xa5"
           "error"
           "\xa6"
           "reason"
           "\xa0"),
    ANSWER(HEALTH, 0, ENTROPYD_STATE_UNKNOWN,
           "\x94\x01\x07\xc0\x82\xa5"
           "state"
           "\xa8"
           "sleeping"
           "\xa6"
           "reason"
           "\xa0"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\xa5"
           "state"
           "\xa5"
           "error"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\xa6"
           "reason"
           "\xa0"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x82\xa5"
           "state"
           "\x05\xa6"
           "reason"
           "\xa0"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x82\xa5"
           "state"
           "\xa5"
           "error"
           "\xa6"
           "reason"
           "\xc0"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\x05\xa5"
           "error"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\xa1"
           "x"
           "\xdd\xff\xff\xff\xff"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\xa1"
           "x"
           "\xdf\xff\xff\xff\xff"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\xa1"
           "x"
           "\xc6\xff\xff\xff\xff"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x81\xa1"
           "x"
           "\xd4\x01\x00"),
    ANSWER(HEALTH, ECONNRESET, 0, "\x94\x01\x07\xc0\xdf\xff\xff\xff\xff"),
    ANSWER(HEALTH, EPROTO, 0,
           "\x94\x01\x07\xc0\x92\xa5"
           "state"
           "\xa5"
           "error"),
    ANSWER(HEALTH, EPROTO, 0, "\x94\x01\x07\xc0" WITH_BYTES),
};

static unsigned faults;

static void fail(const struct answer* answer, const char* what, size_t at, int error) {
  printf("answer %zu: %s %zu: %s\n", (size_t)(answer - answers), what, at, strerrorname_np(error));
  faults++;
}

// An input of fuzz_answers.c.
static void feed(unsigned char choice, const void* bytes, size_t size) {
  unsigned char input[1 + MAX_SIZE];
  input[0] = choice;
  memcpy(input + 1, bytes, size);
  (void)LLVMFuzzerTestOneInput(input, 1 + size);
}

static void check(const struct answer* answer) {
  for (size_t piece = 1; piece <= answer->size + 1; piece++) {
    unsigned char target[8] = {0};
    char reason[64] = "";
    struct call call = {
        .id = 7, .size = sizeof target, .reason = reason, .reason_size = sizeof reason};
    bool in_step = false;
    if (answer->method == RANDOM) call.target = target;
    const int error = read_pieces(answer->bytes, answer->size, piece, &call, &in_step);
    if (error != answer->error) fail(answer, "in pieces of", piece, error);
    if (error == 0 && call.state != answer->state) fail(answer, "state", (size_t)call.state, error);
    if (answer->state == ENTROPYD_STATE_DEGRADED && strcmp(reason, "serving; ?[31m?? ? lost") != 0)
      fail(answer, reason, piece, error);
  }
  for (size_t cut = 0; cut < answer->size; cut++) {
    struct call call = {.id = 7, .size = 8};
    unsigned char target[8] = {0};
    bool in_step = false;
    if (answer->method == RANDOM) call.target = target;
    const int error = read_pieces(answer->bytes, cut, MAX_SIZE, &call, &in_step);
    if (error != ECONNRESET && error != answer->error) fail(answer, "cut at", cut, error);
    if (error == 0 || in_step) fail(answer, "taken although cut at", cut, error);
  }
  if (answer->error == 0) {
    struct call call = {.id = 7, .size = 8};
    unsigned char target[8] = {0};
    unsigned char more[MAX_SIZE];
    bool in_step = false;
    memcpy(more, answer->bytes, answer->size);
    more[answer->size] = 0;
    if (answer->method == RANDOM) call.target = target;
    const int error = read_pieces(more, answer->size + 1, MAX_SIZE, &call, &in_step);
    if (error != EPROTO || in_step) fail(answer, "with a byte behind", answer->size, error);
  }
}

static void turn_bits(const struct answer* answer) {
  unsigned char bytes[MAX_SIZE];
  for (size_t bit = 0; bit < 8 * answer->size; bit++) {
    memcpy(bytes, answer->bytes, answer->size);
    bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
    feed(answer->method | (bit % 32), bytes, answer->size);
  }
}

// SplitMix64 (Steele, Lea and Flood 2014).
static uint64_t state;
static size_t below(size_t limit) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (size_t)((z ^ z >> 31) % limit);
}

static void mutate(void) {
  const struct answer* answer = &answers[below(sizeof answers / sizeof *answers)];
  unsigned char bytes[MAX_SIZE];
  size_t size = answer->size;
  memcpy(bytes, answer->bytes, size);
  for (size_t changes = 1 + below(4); changes > 0 && size > 0; changes--) {
    const size_t at = below(size);
    switch (below(4)) {
      case 0:
        bytes[at] = (unsigned char)below(256);
        break;
      case 1:
        bytes[at] = (unsigned char)(0xc0 + below(32));
        break;
      case 2:  // without a byte
        memmove(bytes + at, bytes + at + 1, --size - at);
        break;
      default:  // with one more
        if (size == MAX_SIZE) break;
        memmove(bytes + at + 1, bytes + at, size++ - at);
    }
  }
  feed((unsigned char)below(256), bytes, size);
}

int main(int count, char** arguments) {
  if (count != 3) return 64;
  state = strtoull(arguments[1], NULL, 10);
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    check(&answers[i]);
    turn_bits(&answers[i]);
  }
  for (unsigned long left = strtoul(arguments[2], NULL, 10); left > 0; left--) mutate();
  printf("%zu answers, %u faults\n", sizeof answers / sizeof *answers, faults);
  return faults == 0 ? 0 : 1;
}
