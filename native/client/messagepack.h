// MessagePack of an untrusted peer, read from the front without recursion or memory of its own.
#ifndef ENTROPYD_MESSAGEPACK_H
#define ENTROPYD_MESSAGEPACK_H

#include <stddef.h>
#include <stdint.h>

#include "exchange.h"

// First bytes of MessagePack's types (its specification, "Formats").
enum {
  FIXMAP = 0x80,
  FIXARRAY = 0x90,
  FIXSTR = 0xa0,
  NIL = 0xc0,
  FALSE_VALUE = 0xc2,
  TRUE_VALUE = 0xc3,
  BIN_8 = 0xc4,
  BIN_32 = 0xc6,
  FLOAT_32 = 0xca,
  FLOAT_64 = 0xcb,
  UINT_8 = 0xcc,
  UINT_32 = 0xce,
  UINT_64 = 0xcf,
  INT_8 = 0xd0,
  INT_64 = 0xd3,
  STR_8 = 0xd9,
  STR_32 = 0xdb,
  ARRAY_16 = 0xdc,
  ARRAY_32 = 0xdd,
  MAP_16 = 0xde,
  MAP_32 = 0xdf,
  NEGATIVE_FIXINT = 0xe0,
};

enum kind { KIND_NIL, KIND_UINT, KIND_STR, KIND_BIN, KIND_ARRAY, KIND_MAP, KIND_OTHER };

// The head of a value. `count`: the value of an integer, the bytes of a str or bin, or the elements
// of an array or map. Any other value is read whole.
struct head {
  enum kind kind;
  uint64_t count;
};

// An answer that is being read.
struct reader {
  struct exchange* exchange;
  size_t left;  // bytes that it may still have, besides random bytes
};

// The functions return 0, EPROTO, or an error of exchange_receive.

// Takes the next `size` bytes; `to` is NULL if they are not wanted.
int take(struct reader* reader, unsigned char* to, uint64_t size);

// Takes the head of the next value.
int take_head(struct reader* reader, struct head* head);

// Takes a head of this kind; any other is EPROTO.
int take_kind(struct reader* reader, enum kind kind, uint64_t* count);

// Reads over a value, whatever is in it.
int skip_value(struct reader* reader);

#endif
