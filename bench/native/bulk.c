// Baseline for large responses: CTR_DRBG AES-256 with derivation function, as in the daemon, from
// the machine's libcrypto. A request is a 4-byte big-endian size; the response is that many random
// bytes.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

#include "serve.h"

// Bytes per generate (SP 800-90A 10.2.1, table 3) and per write.
enum { kStrength = 256, kMaxGenerate = 65536, kWriteSize = 131072 };

static EVP_RAND_CTX* drbg;

static EVP_RAND_CTX* NewDrbg(void) {
  EVP_RAND_CTX* rand = EVP_RAND_CTX_new(EVP_RAND_fetch(NULL, "CTR-DRBG", NULL), NULL);
  char cipher[] = "AES-256-CTR";
  int derivation_function = 1;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_int(OSSL_DRBG_PARAM_USE_DF, &derivation_function),
      OSSL_PARAM_construct_end()};
  if (EVP_RAND_instantiate(rand, kStrength, 0, NULL, 0, params) == 0) abort();
  return rand;
}

static void AnswerOne(int fd, size_t size) {
  static unsigned char out[kWriteSize];
  while (size > 0) {
    const size_t chunk = size < kWriteSize ? size : kWriteSize;
    for (size_t at = 0; at < chunk; at += kMaxGenerate) {
      const size_t part = chunk - at < kMaxGenerate ? chunk - at : kMaxGenerate;
      if (EVP_RAND_generate(drbg, out + at, part, kStrength, 0, NULL, 0) == 0) abort();
    }
    WriteAll(fd, (const char*)out, chunk);
    size -= chunk;
  }
}

// Requests arrive whole: the load writes a batch at once, and a read takes a multiple of 4 bytes.
static void Answer(int fd, const char* data, size_t size) {
  const uint8_t* bytes = (const uint8_t*)data;
  for (size_t at = 0; at + 4 <= size; at += 4)
    AnswerOne(fd, (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                      (size_t)bytes[at + 2] << 8 | bytes[at + 3]);
}

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  drbg = NewDrbg();
  return Serve(argv[1], Answer);
}
