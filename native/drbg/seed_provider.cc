// The provider's dispatch tables (provider-rand(7)). Without a derivation function OpenSSL asks for
// exactly seedlen bytes and no nonce.
#include "drbg/seed_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <limits>
#include <new>

namespace entropyd {
namespace {

constexpr char kProvider[] = "entropyd";
constexpr char kAlgorithm[] = "ENTROPYD-SEED";
constexpr char kProperties[] = "provider=entropyd";
constexpr char kSupplierParam[] = "supplier";

struct SeedContext {
  SeedSupplier* supplier = nullptr;
  int state = EVP_RAND_STATE_UNINITIALISED;
};

SeedContext& Context(void* context) { return *static_cast<SeedContext*>(context); }

void* NewContext(void*, void*, const OSSL_DISPATCH*) { return new (std::nothrow) SeedContext; }
void FreeContext(void* context) { delete static_cast<SeedContext*>(context); }

int Instantiate(void* context, unsigned, int, const unsigned char*, size_t, const OSSL_PARAM*) {
  Context(context).state = EVP_RAND_STATE_READY;
  return 1;
}

int Uninstantiate(void* context) {
  Context(context).state = EVP_RAND_STATE_UNINITIALISED;
  return 1;
}

// Seed material leaves only through GET_SEED.
int Generate(void*, unsigned char*, size_t, unsigned, int, const unsigned char*, size_t) {
  return 0;
}

size_t GetSeed(void* context, unsigned char** buffer, int, size_t min_size, size_t max_size, int,
               const unsigned char*, size_t) {
  SeedSupplier* supplier = Context(context).supplier;
  if (supplier == nullptr) return 0;
  const std::span<uint8_t> seed = supplier->SupplySeed();
  if (seed.size() != kSeedSize || seed.size() < min_size || seed.size() > max_size) {
    supplier->ClearSeed();
    return 0;
  }
  *buffer = seed.data();
  return seed.size();
}

void ClearSeed(void* context, unsigned char*, size_t) { Context(context).supplier->ClearSeed(); }

// One thread uses the generator, so OpenSSL's locks have nothing to guard.
int EnableLocking(void*) { return 1; }
int Lock(void*) { return 1; }
void Unlock(void*) {}

const OSSL_PARAM* GettableParams(void*, void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, nullptr),
                                       OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, nullptr),
                                       OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, nullptr),
                                       OSSL_PARAM_uint(OSSL_DRBG_PARAM_RESEED_COUNTER, nullptr),
                                       OSSL_PARAM_END};
  return kParams;
}

int GetParams(void* context, OSSL_PARAM params[]) {
  // Hot path: OpenSSL asks for this at every generate, so it comes first. It is constant, so that
  // the DRBG does not follow a reseed of its parent: the generator decides that. It is 0, the value
  // that the DRBG remembers before its first reseed.
  OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_DRBG_PARAM_RESEED_COUNTER);
  if (param != nullptr) return OSSL_PARAM_set_uint(param, 0);
  param = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
  if (param != nullptr && OSSL_PARAM_set_int(param, Context(context).state) == 0) return 0;
  param = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
  if (param != nullptr && OSSL_PARAM_set_uint(param, kStrength) == 0) return 0;
  param = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
  return param == nullptr ? 1 : OSSL_PARAM_set_size_t(param, std::numeric_limits<int>::max());
}

const OSSL_PARAM* SettableParams(void*, void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_octet_ptr(kSupplierParam, nullptr, 0),
                                       OSSL_PARAM_END};
  return kParams;
}

int SetParams(void* context, const OSSL_PARAM params[]) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, kSupplierParam);
  if (param == nullptr) return 1;
  const void* supplier = nullptr;
  size_t size = 0;
  if (OSSL_PARAM_get_octet_ptr(param, &supplier, &size) == 0) return 0;
  Context(context).supplier = static_cast<SeedSupplier*>(const_cast<void*>(supplier));
  return 1;
}

template <typename Function>
constexpr OSSL_DISPATCH Entry(int id, Function* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

const OSSL_DISPATCH kRandFunctions[] = {Entry(OSSL_FUNC_RAND_NEWCTX, NewContext),
                                        Entry(OSSL_FUNC_RAND_FREECTX, FreeContext),
                                        Entry(OSSL_FUNC_RAND_INSTANTIATE, Instantiate),
                                        Entry(OSSL_FUNC_RAND_UNINSTANTIATE, Uninstantiate),
                                        Entry(OSSL_FUNC_RAND_GENERATE, Generate),
                                        Entry(OSSL_FUNC_RAND_GET_SEED, GetSeed),
                                        Entry(OSSL_FUNC_RAND_CLEAR_SEED, ClearSeed),
                                        Entry(OSSL_FUNC_RAND_ENABLE_LOCKING, EnableLocking),
                                        Entry(OSSL_FUNC_RAND_LOCK, Lock),
                                        Entry(OSSL_FUNC_RAND_UNLOCK, Unlock),
                                        Entry(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, GettableParams),
                                        Entry(OSSL_FUNC_RAND_GET_CTX_PARAMS, GetParams),
                                        Entry(OSSL_FUNC_RAND_SETTABLE_CTX_PARAMS, SettableParams),
                                        Entry(OSSL_FUNC_RAND_SET_CTX_PARAMS, SetParams),
                                        {0, nullptr}};

const OSSL_ALGORITHM* Query(void*, int operation, int* no_cache) {
  static const OSSL_ALGORITHM kAlgorithms[] = {
      {kAlgorithm, kProperties, kRandFunctions, "entropyd's tested noise sources"},
      {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? kAlgorithms : nullptr;
}

int Init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
         void** context) {
  static const OSSL_DISPATCH kProviderFunctions[] = {
      Entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, Query), {0, nullptr}};
  *out = kProviderFunctions;
  *context = const_cast<OSSL_CORE_HANDLE*>(handle);
  return 1;
}

}  // namespace

OSSL_PROVIDER* LoadSeedProvider(OSSL_LIB_CTX* library) noexcept {
  if (OSSL_PROVIDER_add_builtin(library, kProvider, Init) == 0) return nullptr;
  return OSSL_PROVIDER_load(library, kProvider);
}

EVP_RAND_CTX* NewSeedSource(OSSL_LIB_CTX* library, SeedSupplier& supplier) noexcept {
  EVP_RAND* rand = EVP_RAND_fetch(library, kAlgorithm, kProperties);
  if (rand == nullptr) return nullptr;
  EVP_RAND_CTX* source = EVP_RAND_CTX_new(rand, nullptr);
  EVP_RAND_free(rand);
  if (source == nullptr) return nullptr;
  void* pointer = &supplier;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_ptr(kSupplierParam, &pointer, sizeof pointer),
      OSSL_PARAM_construct_end()};
  if (EVP_RAND_CTX_set_params(source, params) != 0 &&
      EVP_RAND_instantiate(source, kStrength, 0, nullptr, 0, nullptr) != 0)
    return source;
  EVP_RAND_CTX_free(source);
  return nullptr;
}

}  // namespace entropyd
