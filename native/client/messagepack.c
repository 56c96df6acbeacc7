// MessagePack of an untrusted peer: the types that the daemon may send, in any encoding. Nothing is
// believed of a length but that it is not above what the answer may still have.
#include "messagepack.h"

#include <errno.h>
#include <string.h>

int take(struct reader* reader, unsigned char* to, uint64_t size) {
  struct exchange* exchange = reader->exchange;
  if (size > reader->left) return EPROTO;
  reader->left -= (size_t)size;
  while (size > 0) {
    const int error = exchange_receive(exchange);
    if (error != 0) return error;
    const size_t there = exchange->end - exchange->at;
    const size_t part = size < there ? (size_t)size : there;
    if (to != NULL) {
      memcpy(to, exchange->bytes + exchange->at, part);
      to += part;
    }
    exchange->at += part;
    size -= part;
  }
  return 0;
}

static int take_big_endian(struct reader* reader, size_t size, uint64_t* value) {
  unsigned char bytes[sizeof *value];
  const int error = take(reader, bytes, size);
  *value = 0;
  for (size_t i = 0; error == 0 && i < size; i++) *value = *value << 8 | bytes[i];
  return error;
}

// A head whose first byte holds the count.
static struct head short_head(unsigned char first) {
  if (first < FIXMAP) return (struct head){KIND_UINT, first};
  if (first < FIXARRAY) return (struct head){KIND_MAP, first - FIXMAP};
  if (first < FIXSTR) return (struct head){KIND_ARRAY, first - FIXARRAY};
  return (struct head){KIND_STR, first - FIXSTR};
}

int take_head(struct reader* reader, struct head* head) {
  unsigned char first = 0;
  const int error = take(reader, &first, 1);
  if (error != 0) return error;
  if (first < NIL) {
    *head = short_head(first);
    return 0;
  }
  *head = (struct head){KIND_OTHER, 0};
  if (first >= NEGATIVE_FIXINT || first == FALSE_VALUE || first == TRUE_VALUE) return 0;
  if (first == NIL) {
    head->kind = KIND_NIL;
    return 0;
  }
  uint64_t ignored = 0;
  if (first == FLOAT_32 || first == FLOAT_64)
    return take_big_endian(reader, first == FLOAT_32 ? 4 : 8, &ignored);
  if (first >= INT_8 && first <= INT_64) {
    const unsigned bits = 8U << (unsigned)(first - INT_8);
    const int cut = take_big_endian(reader, bits / 8, &head->count);
    const uint64_t sign = (uint64_t)1 << (bits - 1);
    if ((head->count & sign) == 0) head->kind = KIND_UINT;
    return cut;
  }
  size_t size = 0;
  if (first >= BIN_8 && first <= BIN_32) {
    head->kind = KIND_BIN;
    size = (size_t)1 << (first - BIN_8);
  } else if (first >= UINT_8 && first <= UINT_64) {
    head->kind = KIND_UINT;
    size = (size_t)1 << (first - UINT_8);
  } else if (first >= STR_8 && first <= STR_32) {
    head->kind = KIND_STR;
    size = (size_t)1 << (first - STR_8);
  } else if (first == ARRAY_16 || first == ARRAY_32) {
    head->kind = KIND_ARRAY;
    size = first == ARRAY_16 ? 2 : 4;
  } else if (first == MAP_16 || first == MAP_32) {
    head->kind = KIND_MAP;
    size = first == MAP_16 ? 2 : 4;
  } else {
    return EPROTO;  // extension types and 0xc1, which the daemon never sends
  }
  return take_big_endian(reader, size, &head->count);
}

int take_kind(struct reader* reader, enum kind kind, uint64_t* count) {
  struct head head;
  const int error = take_head(reader, &head);
  if (error != 0) return error;
  *count = head.count;
  return head.kind == kind ? 0 : EPROTO;
}

int skip_value(struct reader* reader) {
  for (uint64_t values = 1; values > 0; values--) {
    struct head head;
    int error = take_head(reader, &head);
    if (error == 0 && (head.kind == KIND_STR || head.kind == KIND_BIN))
      error = take(reader, NULL, head.count);
    if (error != 0) return error;
    if (head.kind == KIND_ARRAY) values += head.count;
    if (head.kind == KIND_MAP) values += 2 * head.count;
    // Each takes a byte at least; so the sum cannot overflow either.
    if (values - 1 > reader->left) return EPROTO;
  }
  return 0;
}
