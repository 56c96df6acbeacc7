// What fuzz_answers.c has for answers.c.
#ifndef ENTROPYD_FUZZ_ANSWERS_H
#define ENTROPYD_FUZZ_ANSWERS_H

#include "message.h"

// Reads an answer that arrives in pieces of one size, after which the connection ends.
int read_pieces(const void* bytes, size_t size, size_t piece, struct call* call, bool* in_step);

// libFuzzer's entry; aborts if something does not hold.
int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size);

#endif
