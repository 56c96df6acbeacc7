// RAND_bytes(3) of the RAND that OpenSSL's configuration names.
//   rand SIZE MILLISECONDS      prints calls per second
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kMaxSize = 1 << 20, kNsPerMs = 1000000 };

static int64_t Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * (int64_t)1000 * kNsPerMs + now.tv_nsec;
}

int main(int argc, char** argv) {
  static unsigned char out[kMaxSize];
  const int size = argc > 2 ? atoi(argv[1]) : 0;
  const int64_t limit = argc > 2 ? atoll(argv[2]) * kNsPerMs : 0;
  if (size < 1 || size > kMaxSize) return 64;
  if (RAND_bytes(out, size) != 1) return 1;
  const int64_t start = Now();
  int64_t passed = 0;
  int64_t calls = 0;
  for (; passed < limit; passed = Now() - start, calls++)
    if (RAND_bytes(out, size) != 1) return 1;
  printf("%f\n", (double)calls * 1e9 / (double)passed);
  return 0;
}
