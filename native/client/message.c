// Requests and answers of the socket protocol. An answer is read from the front, without recursion
// and without memory of its own: whatever a daemon sends, at most MAX_ANSWER_SIZE bytes of it are
// looked at.
#include "message.h"

#include <errno.h>
#include <string.h>

#include "entropyd.h"
#include "messagepack.h"

static unsigned char* put_name(unsigned char* at, const char* name) {
  const size_t size = strlen(name);
  *at++ = (unsigned char)(FIXSTR | size);
  for (size_t i = 0; i < size; i++) *at++ = (unsigned char)name[i];
  return at;
}

static unsigned char* put_uint_32(unsigned char* at, uint32_t value) {
  *at++ = UINT_32;
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = (unsigned char)(value >> shift);
  return at;
}

size_t write_request(const struct call* call, unsigned char request[static MAX_REQUEST_SIZE]) {
  unsigned char* at = request;
  *at++ = FIXARRAY | 4;
  *at++ = 0;
  at = put_uint_32(at, call->id);
  at = put_name(at, call->target != NULL ? "random" : "health");
  if (call->target == NULL) {
    *at++ = FIXARRAY;
  } else {
    *at++ = FIXARRAY | (call->resist ? 2 : 1);
    at = put_uint_32(at, (uint32_t)call->size);
    if (call->resist) {
      *at++ = FIXMAP | 1;
      at = put_name(at, "predictionResistance");
      *at++ = TRUE_VALUE;
    }
  }
  return (size_t)(at - request);
}

enum { MAX_WORD_SIZE = 32 };  // with the terminating NUL; longer than any code, key or state

// Reads a str that is one of a few words; one that is longer or has a NUL becomes another word.
static int take_word(struct reader* reader, char word[static MAX_WORD_SIZE]) {
  uint64_t size = 0;
  const int error = take_kind(reader, KIND_STR, &size);
  if (error != 0) return error;
  word[0] = '\0';  // no word of any list
  if (size >= MAX_WORD_SIZE) return take(reader, NULL, size);
  word[size] = '\0';
  const int cut = take(reader, (unsigned char*)word, size);
  if (cut == 0 && strlen(word) != size) word[0] = '\0';
  return cut;
}

struct word {
  const char* name;
  int value;
};

// The value of a word in a list that an entry without a name ends, whose value is for all others.
static int value_of(const struct word* list, const char* name) {
  while (list->name != NULL && strcmp(list->name, name) != 0) list++;
  return list->value;
}

// docs/protocol.md, "Errors".
static const struct word codes[] = {
    {"ERR_NOT_SEEDED", EAGAIN}, {"ERR_ENTROPY", EAGAIN}, {"ERR_BUSY", EBUSY},
    {"ERR_RATE", EBUSY},        {"ERR_HEALTH", EIO},     {"ERR_METHOD", EOPNOTSUPP},
    {"ERR_PARAMS", EOPNOTSUPP}, {NULL, EREMOTEIO},
};

static const struct word states[] = {
    {"operational", ENTROPYD_STATE_OPERATIONAL},
    {"degraded", ENTROPYD_STATE_DEGRADED},
    {"fallback", ENTROPYD_STATE_FALLBACK},
    {"seeding", ENTROPYD_STATE_SEEDING},
    {"error", ENTROPYD_STATE_ERROR},
    {NULL, ENTROPYD_STATE_UNKNOWN},
};

// Reads `[code, message]` behind the head of the array.
static int take_failure(struct reader* reader, uint64_t members, int* failure) {
  char code[MAX_WORD_SIZE];
  uint64_t size = 0;
  if (members != 2) return EPROTO;
  int error = take_word(reader, code);
  if (error == 0) error = take_kind(reader, KIND_STR, &size);
  if (error == 0) error = take(reader, NULL, size);
  *failure = value_of(codes, code);
  return error;
}

static int mix_random(struct reader* reader, struct call* call) {
  struct exchange* exchange = reader->exchange;
  uint64_t size = 0;
  int error = take_kind(reader, KIND_BIN, &size);
  if (error != 0) return error;
  if (size != call->size) return EPROTO;
  for (size_t done = 0; done < call->size;) {
    error = exchange_receive(exchange);
    if (error != 0) return error;
    const size_t there = exchange->end - exchange->at;
    const size_t left = call->size - done;
    const size_t part = left < there ? left : there;
    for (size_t i = 0; i < part; i++) call->target[done + i] ^= exchange->bytes[exchange->at + i];
    exchange->at += part;
    done += part;
  }
  return 0;
}

// Reads a text for people into `to`, as entropyd.h says of the reason.
static int take_text(struct reader* reader, char* to, size_t to_size) {
  uint64_t size = 0;
  int error = take_kind(reader, KIND_STR, &size);
  if (error != 0 || to == NULL) return error != 0 ? error : take(reader, NULL, size);
  const size_t kept = size < to_size ? (size_t)size : to_size - 1;
  error = take(reader, (unsigned char*)to, kept);
  if (error == 0) error = take(reader, NULL, size - kept);
  if (error != 0) return error;
  for (size_t i = 0; i < kept; i++)
    if (to[i] < ' ' || to[i] > '~') to[i] = '?';
  to[kept] = '\0';
  return 0;
}

static int take_health(struct reader* reader, struct call* call) {
  uint64_t members = 0;
  int error = take_kind(reader, KIND_MAP, &members);
  bool has_state = false;
  bool has_reason = false;
  for (; error == 0 && members > 0; members--) {
    char key[MAX_WORD_SIZE];
    error = take_word(reader, key);
    if (error != 0) return error;
    if (strcmp(key, "state") == 0 && !has_state) {
      char state[MAX_WORD_SIZE];
      error = take_word(reader, state);
      if (error == 0) call->state = value_of(states, state);
      has_state = true;
    } else if (strcmp(key, "reason") == 0 && !has_reason) {
      error = take_text(reader, call->reason, call->reason_size);
      has_reason = true;
    } else {
      error = skip_value(reader);
    }
  }
  if (error != 0) return error;
  return has_state && has_reason ? 0 : EPROTO;
}

int read_answer(struct exchange* exchange, struct call* call, bool* in_step) {
  struct reader reader = {exchange, MAX_ANSWER_SIZE};
  struct head failure;
  uint64_t members = 0;
  uint64_t type = 0;
  uint64_t id = 0;
  int refusal = 0;
  *in_step = false;
  // [1, id, nil, result], or [1, id, [code, message], nil]
  int error = take_kind(&reader, KIND_ARRAY, &members);
  if (error == 0 && members != 4) return EPROTO;
  if (error == 0) error = take_kind(&reader, KIND_UINT, &type);
  if (error == 0 && type != 1) return EPROTO;
  if (error == 0) error = take_kind(&reader, KIND_UINT, &id);
  if (error == 0 && id != call->id && id != 0) return EPROTO;
  if (error == 0) error = take_head(&reader, &failure);
  if (error != 0) return error;
  if (failure.kind == KIND_ARRAY) {
    error = take_failure(&reader, failure.count, &refusal);
    if (error == 0) error = take_kind(&reader, KIND_NIL, &members);
  } else if (failure.kind != KIND_NIL || id == 0) {
    return EPROTO;
  } else {
    error = call->target != NULL ? mix_random(&reader, call) : take_health(&reader, call);
  }
  if (error != 0) return error;
  // Nothing else was asked for.
  if (exchange->at != exchange->end) return EPROTO;
  *in_step = id == call->id;
  return refusal;
}
