// The OpenSSL 3 provider: what its RAND and the rest of it share. Functions return 1, or 0 on
// failure, as OpenSSL's do.
#ifndef ENTROPYD_PROVIDER_H
#define ENTROPYD_PROVIDER_H

#include <openssl/core_dispatch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What libcrypto offers the provider.
struct provider {
  const OSSL_CORE_HANDLE* core;
  OSSL_FUNC_core_new_error_fn* new_error;
  OSSL_FUNC_core_set_error_debug_fn* set_error_debug;
  OSSL_FUNC_core_vset_error_fn* vset_error;
  OSSL_FUNC_CRYPTO_zalloc_fn* zalloc;
  OSSL_FUNC_CRYPTO_free_fn* free;
  OSSL_FUNC_CRYPTO_secure_malloc_fn* secure_malloc;
  OSSL_FUNC_CRYPTO_secure_clear_free_fn* secure_clear_free;
};

// Reasons in OpenSSL's error queue; 0 ends a table of them.
enum reason {
  REASON_FAILED = 1,
  REASON_NO_DAEMON,
  REASON_NOT_ALLOWED,
  REASON_NOT_SEEDED,
  REASON_BUSY,
  REASON_ERROR_STATE,
  REASON_TIMEOUT,
  REASON_NOT_INSTANTIATED,
  REASON_STRENGTH,
  REASON_SEED_LENGTH,
};

// Puts a reason into OpenSSL's error queue. Returns 0.
__attribute__((format(printf, 3, 4))) int provider_fail(const struct provider* provider,
                                                        enum reason reason, const char* format,
                                                        ...);

// Fills `out` with random bytes; wipes all of it on failure. `resist`: with prediction resistance.
int provider_draw(const struct provider* provider, unsigned char* out, size_t size, int resist);

// Draws a byte for nobody: that the daemon serves, or has reseeded, is what is wanted.
int provider_probe(const struct provider* provider, int resist);

// Whether a parameter has this key.
bool has_key(const OSSL_PARAM* parameter, const char* key);

// Sets an integer of 32 or 64 bits; fails if the parameter is another, or too small.
int set_integer(OSSL_PARAM* parameter, uint64_t value);

// The RAND that is named ENTROPYD.
extern const OSSL_DISPATCH rand_calls[];

#define CALL(number, function) \
  { number, (void (*)(void))(function) }

#endif
