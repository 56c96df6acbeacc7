// The RAND of the OpenSSL 3 provider (provider-rand(7)), whose every byte is libentropyd's. It
// keeps no seed, no bytes and no lock, so neither threads nor fork(2) can share any; and it never
// asks its parent, so that no failure ends at another source.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <string.h>

#include "provider.h"

enum {
  STRENGTH_BITS = 256,  // of the daemon's CTR_DRBG with AES-256
  BITS_PER_BYTE = 8,
};

struct context {
  const struct provider* provider;
  atomic_int state;  // EVP_RAND_STATE_...
};

static void* rand_new(void* provider_context, void* parent, const OSSL_DISPATCH* parent_calls) {
  const struct provider* provider = provider_context;
  (void)parent;
  (void)parent_calls;
  struct context* context = provider->zalloc(sizeof *context, __FILE__, __LINE__);
  if (context == NULL) return NULL;
  context->provider = provider;
  atomic_init(&context->state, EVP_RAND_STATE_UNINITIALISED);
  return context;
}

static void rand_free(void* rand) {
  struct context* context = rand;
  if (context != NULL) context->provider->free(context, __FILE__, __LINE__);
}

static int is_strong_enough(const struct context* context, unsigned strength) {
  if (strength <= STRENGTH_BITS) return 1;
  return provider_fail(context->provider, REASON_STRENGTH, "%u", strength);
}

// Asks the daemon, so that RAND_status(3) is 1 only if it has served. What fails here is made again
// with the next call of RAND_bytes(3).
static int rand_instantiate(void* rand, unsigned strength, int resist,
                            const unsigned char* personalization, size_t personalization_size,
                            const OSSL_PARAM parameters[]) {
  struct context* context = rand;
  (void)personalization;
  (void)personalization_size;
  (void)parameters;
  if (!is_strong_enough(context, strength) || !provider_probe(context->provider, resist)) return 0;
  atomic_store(&context->state, EVP_RAND_STATE_READY);
  return 1;
}

static int rand_uninstantiate(void* rand) {
  struct context* context = rand;
  atomic_store(&context->state, EVP_RAND_STATE_UNINITIALISED);
  return 1;
}

static int is_ready(struct context* context) {
  if (atomic_load(&context->state) == EVP_RAND_STATE_READY) return 1;
  return provider_fail(context->provider, REASON_NOT_INSTANTIATED, "%s", "");
}

// A failure changes no state: with the daemon back, the next call succeeds.
static int rand_generate(void* rand, unsigned char* out, size_t size, unsigned strength, int resist,
                         const unsigned char* additional, size_t additional_size) {
  struct context* context = rand;
  // Nothing here could take it in: XORed as it is, a secret would be told to whoever knows the
  // rest.
  (void)additional;
  (void)additional_size;
  if (is_ready(context) && is_strong_enough(context, strength))
    return provider_draw(context->provider, out, size, resist);
  if (size > 0) explicit_bzero(out, size);
  return 0;
}

// The daemon reseeds by its own rules; with prediction resistance it does so now. RAND_add(3) comes
// here, and its bytes end here.
static int rand_reseed(void* rand, int resist, const unsigned char* entropy, size_t entropy_size,
                       const unsigned char* additional, size_t additional_size) {
  struct context* context = rand;
  (void)entropy;
  (void)entropy_size;
  (void)additional;
  (void)additional_size;
  if (!is_ready(context)) return 0;
  return resist != 0 ? provider_probe(context->provider, resist) : 1;
}

// A seed for a DRBG of OpenSSL whose parent this is.
static size_t rand_get_seed(void* rand, unsigned char** out, int entropy_bits, size_t min_size,
                            size_t max_size, int resist, const unsigned char* additional,
                            size_t additional_size) {
  struct context* context = rand;
  const struct provider* provider = context->provider;
  (void)additional;
  (void)additional_size;
  size_t size = entropy_bits > 0 ? ((size_t)entropy_bits + BITS_PER_BYTE - 1) / BITS_PER_BYTE : 0;
  if (size < min_size) size = min_size;
  if (!is_ready(context)) return 0;
  if (size == 0 || size > max_size)
    return (size_t)provider_fail(provider, REASON_SEED_LENGTH, "%zu of %zu bytes", size, max_size);
  unsigned char* seed = provider->secure_malloc(size, __FILE__, __LINE__);
  if (seed == NULL) return 0;
  if (provider_draw(provider, seed, size, resist)) {
    *out = seed;
    return size;
  }
  provider->secure_clear_free(seed, size, __FILE__, __LINE__);
  return 0;
}

static void rand_clear_seed(void* rand, unsigned char* seed, size_t size) {
  const struct context* context = rand;
  context->provider->secure_clear_free(seed, size, __FILE__, __LINE__);
}

// OpenSSL shares its primary RAND only if it can be locked. libentropyd has no state to protect,
// and a lock could be held at fork(2).
static int rand_enable_locking(void* rand) {
  (void)rand;
  return 1;
}

static int rand_lock(void* rand) {
  (void)rand;
  return 1;
}

static void rand_unlock(void* rand) { (void)rand; }

// A context has no secret at any time.
static int rand_verify_zeroization(void* rand) {
  (void)rand;
  return 1;
}

static const OSSL_PARAM* gettable_rand(void* rand, void* provider) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
      OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
      OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
      OSSL_PARAM_END,
  };
  (void)rand;
  (void)provider;
  return list;
}

static int get_rand(void* rand, OSSL_PARAM parameters[]) {
  struct context* context = rand;
  int done = 1;
  for (OSSL_PARAM* one = parameters; one != NULL && one->key != NULL && done; one++) {
    if (has_key(one, OSSL_RAND_PARAM_STATE))
      done = set_integer(one, (uint64_t)atomic_load(&context->state));
    else if (has_key(one, OSSL_RAND_PARAM_STRENGTH))
      done = set_integer(one, STRENGTH_BITS);
    else if (has_key(one, OSSL_RAND_PARAM_MAX_REQUEST))
      // libentropyd makes several requests of a large one, and wipes all of them if one fails.
      done = set_integer(one, PTRDIFF_MAX);
  }
  return done;
}

const OSSL_DISPATCH rand_calls[] = {
    CALL(OSSL_FUNC_RAND_NEWCTX, rand_new),
    CALL(OSSL_FUNC_RAND_FREECTX, rand_free),
    CALL(OSSL_FUNC_RAND_INSTANTIATE, rand_instantiate),
    CALL(OSSL_FUNC_RAND_UNINSTANTIATE, rand_uninstantiate),
    CALL(OSSL_FUNC_RAND_GENERATE, rand_generate),
    CALL(OSSL_FUNC_RAND_RESEED, rand_reseed),
    CALL(OSSL_FUNC_RAND_GET_SEED, rand_get_seed),
    CALL(OSSL_FUNC_RAND_CLEAR_SEED, rand_clear_seed),
    CALL(OSSL_FUNC_RAND_ENABLE_LOCKING, rand_enable_locking),
    CALL(OSSL_FUNC_RAND_LOCK, rand_lock),
    CALL(OSSL_FUNC_RAND_UNLOCK, rand_unlock),
    CALL(OSSL_FUNC_RAND_VERIFY_ZEROIZATION, rand_verify_zeroization),
    CALL(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, gettable_rand),
    CALL(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_rand),
    {0, NULL},
};
